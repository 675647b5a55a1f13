//! Text as CCNet's n-gram models were trained on it: in lower case, without accents, digits made equal, the punctuation of
//! other scripts as ASCII has it.
//!
//! Wenzek et al., "CCNet", 2020, <https://arxiv.org/abs/1911.00359>, section 3.4, and its published `text_normalizer`.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Punctuation, and what stands for it. (The source lists `１` as a quotation mark too, which never comes into effect:
/// digits are zeros before.)
const PUNCTUATION: &[(&str, &str)] = &[
    ("，、", ","),
    ("。", "."),
    ("„”“«»」「《》", "\""),
    ("´’", "'"),
    ("∶：", ":"),
    ("？", "?"),
    ("！", "!"),
    ("（", "("),
    ("）", ")"),
    ("；", ";"),
    ("–━►", "-"),
    ("—", " - "),
    ("．", ". "),
    ("～", "~"),
    ("…", "..."),
    ("〈", "<"),
    ("〉", ">"),
    ("【", "["),
    ("】", "]"),
    ("％", "%"),
];

/// A line as these models know it.
pub fn normalise_line(line: &str) -> String {
    let lower = line.trim().to_lowercase();
    let mut out = String::with_capacity(lower.len());
    // What has no accents is left taken apart too, as the source leaves it (Korean syllables as letters).
    for c in lower.nfd().filter(|c| c.general_category() != GeneralCategory::NonspacingMark) {
        match c {
            _ if c.is_ascii_alphanumeric() => out.push(if c.is_ascii_digit() { '0' } else { c }),
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' => {}
            _ if c.general_category() == GeneralCategory::DecimalNumber => out.push('0'),
            _ => match PUNCTUATION.iter().find(|(marks, _)| marks.contains(c)) {
                Some((_, ascii)) => out += ascii,
                None => out.push(c),
            },
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_what_the_models_never_saw() {
        assert_eq!(normalise_line("  Crème Brûlée: 12 € — 3,50!\u{7} "), "creme brulee: 00 €  -  0,00!");
        assert_eq!(normalise_line("他说：“下雨了。”（２０２６年）"), "他说:\"下雨了.\"(0000年)");
        assert_eq!(normalise_line("ABC"), "abc");
        assert_eq!(normalise_line("한국"), "한국".nfd().collect::<String>());
        assert_eq!(normalise_line("\t"), "");
    }
}
