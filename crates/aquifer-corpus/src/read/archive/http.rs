//! The answer of a web server, as a crawler wrote it down: status, headers, and the body with its transfer undone.

use std::io::{self, Read};

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The value of `Content-Type`.
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Takes an answer apart; the error says what cannot be undone. `max_bytes` bounds what the body may unpack to.
///
/// A body whose headers claim chunks or a compression that it does not have is taken as it is: crawlers undo transfers
/// and leave the headers.
pub(super) fn parse(bytes: Vec<u8>, max_bytes: usize) -> Result<Answer, String> {
    let Some((head, at)) = head(&bytes) else {
        return Err("an answer of a web server was expected, here is something else".to_owned());
    };
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let status = status.split_ascii_whitespace().nth(1).and_then(|status| status.parse().ok());
    let mut answer = Answer { status: status.ok_or("its status line has no number")?, ..Answer::default() };
    let (mut chunked, mut coding) = (false, String::new());
    for line in lines {
        let line = String::from_utf8_lossy(line);
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => answer.content_type = Some(value.trim().to_owned()),
            "transfer-encoding" => chunked |= value.to_ascii_lowercase().contains("chunked"),
            "content-encoding" => coding = value.trim().to_ascii_lowercase(),
            _ => {}
        }
    }
    let body = bytes[at..].to_vec();
    let body = if chunked { unchunked(&body).unwrap_or(body) } else { body };
    answer.body = match coding.as_str() {
        "gzip" | "x-gzip" if body.starts_with(&[0x1F, 0x8B]) => {
            unpacked(flate2::read::MultiGzDecoder::new(&body[..]), max_bytes)?
        }
        "deflate" => match unpacked(flate2::read::ZlibDecoder::new(&body[..]), max_bytes) {
            Ok(body) => body,
            // Some servers leave out zlib's header, others lie.
            Err(_) => unpacked(flate2::read::DeflateDecoder::new(&body[..]), max_bytes).unwrap_or(body),
        },
        "br" if std::str::from_utf8(&body).is_err() => {
            unpacked(brotli_decompressor::Decompressor::new(&body[..], 1 << 14), max_bytes)?
        }
        _ => body,
    };
    Ok(answer)
}

/// The head of an answer and where its body begins.
fn head(bytes: &[u8]) -> Option<(&[u8], usize)> {
    if !bytes.starts_with(b"HTTP/") {
        return None;
    }
    let mut line = 0;
    while let Some(end) = bytes[line..].iter().position(|&byte| byte == b'\n').map(|n| line + n) {
        if matches!(&bytes[line..end], b"" | b"\r") {
            return Some((&bytes[..line], end + 1));
        }
        line = end + 1;
    }
    Some((bytes, bytes.len()))
}

/// The chunks joined; `None` if the first is not one. Where a later one is broken, what came before it is the body.
fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(bytes.len());
    let mut first = true;
    loop {
        let size = bytes.iter().position(|&byte| byte == b'\n').and_then(|end| {
            let line = std::str::from_utf8(&bytes[..end]).ok()?.split(';').next()?.trim();
            Some((usize::from_str_radix(line, 16).ok()?, end + 1))
        });
        match size {
            None => return (!first).then_some(body),
            Some((0, _)) => return Some(body),
            Some((size, at)) => {
                let chunk = &bytes[at..(at.saturating_add(size)).min(bytes.len())];
                body.extend_from_slice(chunk);
                bytes = &bytes[at + chunk.len()..];
                bytes = bytes.strip_prefix(b"\r\n").or_else(|| bytes.strip_prefix(b"\n")).unwrap_or(bytes);
                first = false;
            }
        }
    }
}

fn unpacked(from: impl Read, max_bytes: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    match from.take(max_bytes as u64 + 1).read_to_end(&mut body) {
        Ok(_) if body.len() > max_bytes => Err(format!("its body unpacks to more than the {max_bytes} bytes allowed")),
        Ok(_) => Ok(body),
        // Cut short: the beginning is there.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof && !body.is_empty() => Ok(body),
        Err(e) => Err(format!("its body cannot be unpacked: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn body(head: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        let bytes = [format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body].concat();
        parse(bytes, 1000).map(|answer| answer.body)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn transfers_are_undone_where_they_were_done() {
        let chunks = b"4\r\nWiki\r\n5;x=1\r\npedia\r\n0\r\n\r\n";
        assert_eq!(body("Transfer-Encoding: chunked", chunks).unwrap(), b"Wikipedia");
        assert_eq!(body("Transfer-Encoding: chunked", b"<p>not in chunks").unwrap(), b"<p>not in chunks");
        assert_eq!(body("Transfer-Encoding: chunked", b"4\r\nWiki\r\nzz\r\n").unwrap(), b"Wiki");
        assert_eq!(body("Content-Encoding: gzip", &gzip(b"packed")).unwrap(), b"packed");
        assert_eq!(body("Content-Encoding: gzip", b"<p>not packed").unwrap(), b"<p>not packed");
        assert_eq!(body("Content-Encoding: br", b"<p>not packed").unwrap(), b"<p>not packed");
        assert_eq!(body("Content-Encoding: deflate", b"<p>not packed").unwrap(), b"<p>not packed");
        assert!(body("Content-Encoding: gzip", &gzip(&[b'a'; 5000])).unwrap_err().contains("1000 bytes allowed"));
        assert!(parse(b"<html>".to_vec(), 9).is_err() && parse(b"HTTP/1.1\r\n\r\n".to_vec(), 9).is_err());
    }
}
