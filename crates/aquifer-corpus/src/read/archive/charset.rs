//! Which encoding a page is in, and the page in UTF-8.
//!
//! After the WHATWG's encoding sniffing, <https://html.spec.whatwg.org/#determining-the-character-encoding>, with one
//! deviation: bytes that are valid UTF-8 are UTF-8, whatever the server or the page says. A wrong claim is common, text
//! in another encoding that happens to be valid UTF-8 is not.

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8};
use memchr::memchr;

/// How many bytes are searched for a declaration; the standard says 1024, and pages put scripts before it.
const SEARCHED: usize = 4096;

const ESCAPE: u8 = 0x1B;

/// The page in UTF-8, bytes without a meaning replaced, and the encoding it was in. `declared` is the server's word.
pub(in crate::read) fn decode(bytes: &[u8], declared: Option<&str>) -> (String, &'static str) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return (encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned(), encoding.name());
    }
    let claims = [declared.map(str::to_owned), declared_inside(bytes)];
    let mut claimed = claims.into_iter().flatten().filter_map(|label| Encoding::for_label(label.as_bytes()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        // It is written in ASCII, with escapes.
        return match memchr(ESCAPE, bytes).and_then(|_| claimed.find(|&encoding| encoding == ISO_2022_JP)) {
            Some(encoding) => (encoding.decode_without_bom_handling(bytes).0.into_owned(), encoding.name()),
            None => (text.to_owned(), UTF_8.name()),
        };
    }
    // A claim stands if nearly all bytes have a meaning under it; a few that have none are common in any encoding.
    for encoding in claimed {
        let (text, _) = encoding.decode_without_bom_handling(bytes);
        let lost = text.chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count();
        if lost * 200 <= bytes.iter().filter(|byte| !byte.is_ascii()).count() {
            return (text.into_owned(), encoding.name());
        }
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, chardetng::Utf8Detection::Allow);
    (encoding.decode_without_bom_handling(bytes).0.into_owned(), encoding.name())
}

/// The charset of a `Content-Type`.
pub(super) fn of_content_type(value: &str) -> Option<&str> {
    let at = value.to_ascii_lowercase().find("charset")?;
    let value = value[at + "charset".len()..].trim_start().strip_prefix('=')?;
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| c == ';' || c == '"' || c == '\'' || c == '/' || c == '>' || c.is_whitespace());
    Some(&value[..end.unwrap_or(value.len())]).filter(|label| !label.is_empty())
}

/// What a `<meta>` or an XML declaration says.
fn declared_inside(bytes: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(SEARCHED)]).to_ascii_lowercase();
    if start.starts_with("<?xml") {
        let declaration = &start[..start.find("?>")?];
        if let Some(at) = declaration.find("encoding") {
            return of_content_type(&declaration[at..].replacen("encoding", "charset", 1)).map(str::to_owned);
        }
    }
    let label = start.match_indices("<meta").find_map(|(at, _)| {
        let tag = &start[at..];
        of_content_type(&tag[..tag.find('>').unwrap_or(tag.len())])
    })?;
    // A page in UTF-16 could not have been read so far.
    Some(if label.starts_with("utf-16") { "utf-8".to_owned() } else { label.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHINESE: &str = "渡船九点离开了小岛，船上没有人见过灯塔的看守人，因为每天夜里灯都亮着，风浪再大也没有熄过。";
    const JAPANESE: &str = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。";

    #[test]
    fn the_encoding_is_what_the_bytes_say_then_what_was_declared_then_a_guess() {
        let gbk = encoding_rs::GB18030.encode(CHINESE).0;
        let japanese = encoding_rs::SHIFT_JIS.encode(JAPANESE).0;
        let big5 = encoding_rs::BIG5.encode("漢字與繁體中文的網頁內容，這是一個測試。").0;
        assert_eq!(decode(&gbk, Some("gb2312")), (CHINESE.to_owned(), "GBK"));
        assert_eq!(decode(&gbk, Some("utf-8")).0, CHINESE, "a wrong claim");
        assert_eq!(decode(&gbk, None).0, CHINESE, "no claim");
        assert_eq!(decode(&japanese, None), (JAPANESE.to_owned(), "Shift_JIS"));
        assert_eq!(decode(&big5, Some("big5")).1, "Big5");
        assert_eq!(decode("déjà".as_bytes(), Some("iso-8859-1")), ("déjà".to_owned(), "UTF-8"), "valid UTF-8 wins");
        assert_eq!(decode(b"d\xE9j\xE0 vu", Some("iso-8859-1")), ("déjà vu".to_owned(), "windows-1252"));
        assert_eq!(decode(b"\xFF\xFEh\0i\0", None), ("hi".to_owned(), "UTF-16LE"));
        let page = [b"<html><meta http-equiv=content-type content='text/html; charset=gbk'>".as_slice(), &gbk].concat();
        assert!(decode(&page, None).0.ends_with(CHINESE));
        let page = [b"<?xml version='1.0' encoding='shift_jis'?>".as_slice(), &japanese].concat();
        assert!(decode(&page, None).0.ends_with(JAPANESE));
    }

    #[test]
    fn labels_are_found_in_any_dress() {
        for value in
            ["text/html; charset=UTF-8", "text/html;charset=\"UTF-8\"", "Charset = 'UTF-8';x", "charset=UTF-8/>"]
        {
            assert_eq!(of_content_type(value), Some("UTF-8"), "{value}");
        }
        assert_eq!([of_content_type("text/html"), of_content_type("charset="), of_content_type("charset")], [None; 3]);
    }
}
