//! Decoding ids as they arrive, without ever showing half a character.

use crate::{TextError, Tokenizer};

/// Turns ids into text piece by piece; the pieces joined, with [`StreamDecoder::finish`], are what
/// [`Tokenizer::decode`] says of all the ids at once.
pub struct StreamDecoder<'a> {
    tokenizer: &'a Tokenizer,
    /// Bytes that may be the beginning of a character: at most three.
    pending: Vec<u8>,
    /// For vocabularies that decode only as a whole: all ids so far and the bytes already shown.
    ids: Vec<u32>,
    shown: usize,
}

impl<'a> StreamDecoder<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer) -> Self {
        StreamDecoder { tokenizer, pending: Vec::new(), ids: Vec::new(), shown: 0 }
    }

    /// What the next id adds; empty while a character is unfinished or for a special token.
    ///
    /// # Errors
    /// [`TextError::Decode`] for an id beyond the vocabulary.
    pub fn push(&mut self, id: u32) -> Result<String, TextError> {
        if id as usize >= self.tokenizer.vocab_size() {
            return self.tokenizer.decode(&[id]);
        }
        if self.tokenizer.is_special(id) {
            return Ok(String::new());
        }
        match self.tokenizer.bytes_of(id) {
            Some(bytes) => {
                self.pending.extend_from_slice(bytes);
                Ok(self.take_complete())
            }
            None => {
                self.ids.push(id);
                let text = self.tokenizer.decode(&self.ids)?;
                // U+FFFD at the end may be the beginning of a character whose other bytes are still to come.
                Ok(self.show(text.trim_end_matches('\u{FFFD}')))
            }
        }
    }

    /// What is left at the end: an unfinished character becomes U+FFFD.
    ///
    /// # Errors
    /// As [`StreamDecoder::push`].
    pub fn finish(&mut self) -> Result<String, TextError> {
        let mut rest = String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned();
        if !self.ids.is_empty() {
            let text = self.tokenizer.decode(&self.ids)?;
            rest.push_str(&self.show(&text));
            self.ids.clear();
            self.shown = 0;
        }
        Ok(rest)
    }

    fn show(&mut self, text: &str) -> String {
        // A decoder may change its mind about what it said (a space joined to a mark); what is shown stays shown.
        match text.get(self.shown..) {
            Some(new) => {
                self.shown = text.len();
                new.to_string()
            }
            None => String::new(),
        }
    }

    /// Takes everything but an unfinished character off `pending`; broken bytes become U+FFFD, as many as
    /// [`String::from_utf8_lossy`] writes.
    fn take_complete(&mut self) -> String {
        let mut text = String::new();
        let mut bytes = self.pending.as_slice();
        loop {
            match std::str::from_utf8(bytes) {
                Ok(valid) => {
                    text.push_str(valid);
                    bytes = &[];
                    break;
                }
                Err(error) => {
                    let (valid, rest) = bytes.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    bytes = rest;
                    let Some(broken) = error.error_len() else { break };
                    text.push('\u{FFFD}');
                    bytes = &bytes[broken..];
                }
            }
        }
        self.pending = bytes.to_vec();
        text
    }
}
