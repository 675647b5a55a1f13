//! LZ4 frames, one after another, as one stream.

use lz4_flex::frame::FrameDecoder;
use std::io::{self, BufRead, Read};

pub(super) struct Frames<R: BufRead>(FrameDecoder<R>);

impl<R: BufRead> Frames<R> {
    pub(super) fn new(raw: R) -> Self {
        Frames(FrameDecoder::new(raw))
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Nothing means the end of a frame, and of the stream only if no other begins behind it.
            let read = self.0.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.0.get_mut().fill_buf()?.is_empty() {
                return Ok(read);
            }
        }
    }
}
