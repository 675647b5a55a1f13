//! Questions about single characters, answered as Python and spaCy answer them.

use super::classes::{ALPHA, ICON, LOWER, RUNS, UPPER};
use unicode_properties::{GeneralCategoryGroup as Group, UnicodeGeneralCategory};

/// White space by Python's `str.isspace`: as Rust's, and four control characters more.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// A letter by Python's `str.isalpha`: one of Unicode's letter categories.
pub fn is_letter(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphabetic(),
        // The commonest blocks, without a search.
        'À'..='ɏ' => c != '×' && c != '÷',
        'Ѐ'..='ҁ' | '一'..='\u{9fff}' => true,
        _ => c.general_category_group() == Group::Letter,
    }
}

/// A decimal digit of any script: `\d` of Python's patterns.
pub fn is_digit(c: char) -> bool {
    use unicode_properties::GeneralCategory::DecimalNumber;
    if c.is_ascii() { c.is_ascii_digit() } else { c.general_category() == DecimalNumber }
}

/// A character of a word: `\w` of Python's patterns.
pub fn is_word(c: char) -> bool {
    c == '_' || is_letter(c) || c.general_category_group() == Group::Number
}

/// Punctuation by category.
pub fn is_punctuation(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~'),
        _ => !c.is_alphanumeric() && c.general_category_group() == Group::Punctuation,
    }
}

/// spaCy's classes of a character.
fn class(c: char) -> u32 {
    match c {
        'a'..='z' => ALPHA | LOWER,
        'A'..='Z' => ALPHA | UPPER,
        '\0'..='\x7f' => 0,
        _ => {
            let at = RUNS.partition_point(|run| run >> 4 <= c as u32);
            RUNS[at - 1] & 15
        }
    }
}

pub(super) fn is_alpha(c: char) -> bool {
    class(c) & ALPHA != 0
}

pub(super) fn is_lower(c: char) -> bool {
    class(c) & LOWER != 0
}

pub(super) fn is_upper(c: char) -> bool {
    class(c) & UPPER != 0
}

pub(super) fn is_icon(c: char) -> bool {
    class(c) & ICON != 0
}
