//! Text whose encoding went wrong, put right: UTF-8 once read as Latin-1, Windows-1252 or a few other code pages (also twice over),
//! byte-order marks and control characters left inside, and combining characters not composed (NFC).
//!
//! A line is decoded again only if every run of high characters in it turns out to be valid UTF-8: in honest text some
//! accented letter always stands alone, which is not. One short run whose tail is a quotation mark or dash (`Ä“` is the
//! UTF-8 of `ē` misread, but also how a German quotation ends) is left as it is.

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1250, WINDOWS_1251};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::LazyLock;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// What [`repair`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Lines that were UTF-8 misread as another encoding.
    pub misread_lines: usize,
    /// Byte-order marks taken out.
    pub marks: usize,
    /// Control characters taken out (and Windows line ends made plain).
    pub controls: usize,
    /// Whether characters were composed.
    pub composed: bool,
}

/// The repaired text, and what was wrong with it.
pub fn repair(text: &str) -> (Cow<'_, str>, Repairs) {
    let mut repairs = Repairs::default();
    let mut text = Cow::Borrowed(text);
    if !text.is_ascii() {
        // Twice misread is common, thrice is not; a fourth round could only do harm.
        for _ in 0..3 {
            let (decoded, lines) = decode_lines(&text);
            let Some(decoded) = decoded else { break };
            repairs.misread_lines = repairs.misread_lines.max(lines);
            text = Cow::Owned(decoded);
        }
    }
    if text.chars().any(|c| is_unwanted(c) || c == '\r') {
        text = Cow::Owned(without_controls(&text, &mut repairs));
    }
    if !text.is_ascii() && is_nfc_quick(text.chars()) != IsNormalized::Yes {
        let composed = composed(&text);
        if composed != text {
            repairs.composed = true;
            text = Cow::Owned(composed);
        }
    }
    (text, repairs)
}

/// Letters joined with the marks that follow them. Characters that stand alone are left as they are although NFC would
/// replace some (the Kelvin sign, compatibility ideographs): in source code and in tables they are meant.
fn composed(text: &str) -> String {
    let is_mark = |c: char| {
        !c.is_ascii()
            && (canonical_combining_class(c) != 0 || matches!(c, '\u{1161}'..='\u{1175}' | '\u{11A8}'..='\u{11C2}'))
    };
    let mut out = String::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        while let Some(&(at, mark)) = chars.peek().filter(|(_, next)| is_mark(*next)) {
            end = at + mark.len_utf8();
            chars.next();
        }
        if end > start + c.len_utf8() { out.extend(text[start..end].nfc()) } else { out.push(c) }
    }
    out
}

fn is_unwanted(c: char) -> bool {
    c == '\u{FEFF}' || (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
}

fn without_controls(text: &str, repairs: &mut Repairs) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                repairs.controls += 1;
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\u{FEFF}' => repairs.marks += 1,
            c if is_unwanted(c) => repairs.controls += 1,
            c => out.push(c),
        }
    }
    out
}

/// The text with its misread lines decoded, and how many those are; `None` if there are none.
fn decode_lines(text: &str) -> (Option<String>, usize) {
    let (mut out, mut lines) = (None::<String>, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let decoded = if line.is_ascii() { None } else { decode_line(line) };
        match (&mut out, decoded) {
            (Some(out), Some(line)) => (out.push_str(&line), lines += 1).1,
            (Some(out), None) => out.push_str(line),
            (None, Some(line)) => (out, lines) = (Some(format!("{}{line}", &text[..at])), 1),
            (None, None) => {}
        }
        at += line.len();
    }
    (out, lines)
}

fn decode_line(line: &str) -> Option<String> {
    // Two characters, the second a dash or quotation mark, could be honest; anything else could not.
    let strong = |run: &str| run.chars().nth(2).is_some() || run.chars().next_back() <= Some('\u{ff}');
    decode_line_as(line, as_byte, strong).or_else(|| {
        let other = |bytes: &FxHashMap<char, u8>| decode_line_as(line, |c| bytes.get(&c).copied(), has_symbol);
        OTHERS.iter().find_map(other)
    })
}

/// The line decoded from the bytes that its characters were misread from, if all of its runs are UTF-8 then and one of them is
/// `strong`: nothing that honest text has.
fn decode_line_as(line: &str, byte: impl Fn(char) -> Option<u8>, strong: impl Fn(&str) -> bool) -> Option<String> {
    let (mut out, mut sure) = (Vec::with_capacity(line.len()), false);
    let mut rest = line;
    while !rest.is_empty() {
        let (plain, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii()).unwrap_or(rest.len()));
        let (run, behind) = behind.split_at(behind.find(|c: char| c.is_ascii()).unwrap_or(behind.len()));
        rest = behind;
        out.extend_from_slice(plain.as_bytes());
        let start = out.len();
        for c in run.chars() {
            out.push(byte(c)?);
        }
        std::str::from_utf8(&out[start..]).ok()?;
        sure |= !run.is_empty() && strong(run);
    }
    if sure { String::from_utf8(out).ok() } else { None }
}

/// Whether there is a character that is no part of words or sentences. Letters alone could be honest: in Mac Roman `’É` is UTF-8.
fn has_symbol(run: &str) -> bool {
    let is_common = |c: char| c.is_alphanumeric() || "‘’‚“”„‹›«»–—…·•´¿¡".contains(c);
    // How dashes and quotation marks begin in the Cyrillic code page, and no Cyrillic word does.
    run.contains("вЂ") || run.chars().any(|c| !is_common(c))
}

/// Bytes by the characters they are misread as in Central Europe's and the Cyrillic code page of Windows, on old Macs and in DOS.
static OTHERS: LazyLock<[FxHashMap<char, u8>; 4]> = LazyLock::new(|| {
    let high: Vec<u8> = (0x80..=0xFF).collect();
    let decoded = |encoding: &'static Encoding| encoding.decode_without_bom_handling(&high).0.into_owned();
    let pages = [decoded(WINDOWS_1250), decoded(WINDOWS_1251), decoded(MACINTOSH), CODE_PAGE_437.to_owned()];
    pages.map(|page| page.chars().zip(high.iter().copied()).collect())
});

const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The byte that Windows-1252 (or, where it has none, Latin-1) reads as `c`.
fn as_byte(c: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    match u32::from(c) {
        code @ 0x80..=0xFF => Some(code as u8),
        _ => HIGH.iter().position(|&high| high == c).map(|at| 0x80 + at as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latin_1(text: &str) -> String {
        text.bytes().map(char::from).collect()
    }

    fn windows(text: &str) -> String {
        encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned()
    }

    const HONEST: &[&str] = &[
        "plain",
        "naïve café, déjà vu — “quoted” … 50 €",
        "Er sagte: „Größe Ä“ und ging.",
        "Größe Ä“",
        "ÀÉÎÕÜ",
        "«PIÙ»",
        "© 2019 ÉLAN®",
        "小世界，你好。",
        "мир и война",
        "שלום",
        "ภาษาไทย",
        "한국어",
        "¿Qué? ¡Sí!",
        "Ångström ÷ 2 × 3",
        "“”‘’",
        "½ ¼ °C µm",
        "Ã",
        "É…",
        "👩‍🚀 ok",
        "\u{212A} and \u{F900}",
        "L’École et l’État",
        "KNÍŽKA",
        "├── src\n│   └── lib.rs\n╔═══╗ ░▒▓ █",
        "√2 ≈ 1,41 ± 0,01 °C",
        "Мне © 2019, № 5 — «да»",
    ];

    #[test]
    fn honest_text_is_left_alone() {
        for text in HONEST {
            assert_eq!(repair(text), (Cow::Borrowed(*text), Repairs::default()), "{text}");
        }
    }

    #[test]
    fn misread_text_comes_back_once_and_twice() {
        for text in [
            "naïve café",
            "“Sit down,” she said — 50 €",
            "小世界，你好。",
            "мир и война",
            "El niño\nplain\nGröße",
            "👩‍🚀",
        ] {
            for broken in [latin_1(text), windows(text), latin_1(&latin_1(text)), windows(&windows(text))] {
                let (repaired, found) = repair(&broken);
                assert_eq!(repaired, text, "from {broken}");
                assert!(found.misread_lines > 0);
            }
        }
    }

    #[test]
    fn what_ftfy_repairs_is_repaired() {
        let cases: Vec<[String; 2]> =
            serde_json::from_str(include_str!("../tests/golden/encoding/cases.json")).unwrap();
        let apart: Vec<_> = cases.iter().filter(|[broken, whole]| repair(broken).0 != *whole).collect();
        assert!(cases.len() > 150 && apart.is_empty(), "{} of {}: {apart:?}", apart.len(), cases.len());
    }

    #[test]
    fn marks_controls_and_line_ends_go_and_characters_are_composed() {
        let (text, found) = repair("\u{FEFF}a\0b\r\nc\u{7}\u{FEFF}e\u{301}");
        assert_eq!(text, "ab\ncé");
        assert_eq!(found, Repairs { misread_lines: 0, marks: 2, controls: 3, composed: true });
    }

    #[test]
    fn no_language_of_the_declaration_is_damaged() {
        let path = crate::test_data("lm_text/udhr_languages.jsonl.zst");
        let Some(documents) = path.map(|path| aquifer_corpus::read_documents(&path, &Default::default()).unwrap())
        else {
            return;
        };
        let mut languages = 0;
        for document in documents.flatten() {
            let (repaired, found) = repair(&document.text);
            assert_eq!(found.misread_lines, 0, "{:?}: {}", document.metadata["lang"], &repaired[..200]);
            languages += 1;
        }
        assert!(languages > 300, "{languages}");
    }

    proptest! {
        #[test]
        fn repair_is_settled_after_one_pass(text in "(?s)[a-zÀ-ÿ“”–…小ж\u{80}-\u{9F}\r\n\u{FEFF}]{0,40}") {
            let once = repair(&text).0.into_owned();
            let (twice, found) = repair(&once);
            prop_assert!(found.controls == 0 && found.marks == 0);
            prop_assert_eq!(repair(&twice).0.into_owned().is_empty(), once.is_empty());
        }
    }
}
