//! Text with what does not matter made equal: case, numbers, punctuation, white space, accents.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// What is made equal, in this order: `lowercase`, `numbers`, `weekdays`, `months`, `punctuation`, `white_space`,
/// `diacritics`. At last white space is taken from both ends, whatever is switched on.
///
/// datatrove's `TextNormConfig` and `simplify_text`, its defaults included. Two Unicode versions meet here: characters
/// younger than the peer's tables may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simplify {
    /// Lower case, by the full rules (a final sigma is one).
    pub lowercase: bool,
    /// A number, of digits of any script and with a decimal part, is `0`.
    pub numbers: bool,
    /// An English day of the week is `WEEKDAY`.
    pub weekdays: bool,
    /// An English month is `MONTH`.
    pub months: bool,
    /// Punctuation (of a fixed list) and control characters are spaces.
    pub punctuation: bool,
    /// A run of white space is one space; none at the ends.
    pub white_space: bool,
    /// Canonical decomposition, without the marks that take no space of their own.
    pub diacritics: bool,
}

impl Default for Simplify {
    fn default() -> Self {
        Simplify {
            lowercase: true,
            numbers: true,
            weekdays: false,
            months: false,
            punctuation: true,
            white_space: true,
            diacritics: true,
        }
    }
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Simplify {
    /// The simplified text.
    pub fn apply(&self, text: &str) -> String {
        // Plain ASCII is lowered on the way through `squeeze`, unless names must be found first.
        let names = self.weekdays || self.months;
        let mut text = match self.lowercase && (names || !text.is_ascii()) {
            true => Cow::Owned(text.to_lowercase()),
            false => Cow::Borrowed(text),
        };
        // Names are letters and numbers are not, so it does not matter that numbers come later; and no name overlaps
        // another, so it does not matter in which order they are replaced.
        for (on, names, by) in [(self.weekdays, &WEEKDAYS[..], "WEEKDAY"), (self.months, &MONTHS[..], "MONTH")] {
            for name in names.iter().filter(|_| on) {
                text = Cow::Owned(text.replace(name, by));
            }
        }
        let squeezed = self.squeeze(&text);
        let plain = match self.diacritics && !squeezed.is_ascii() {
            true => without_marks(&squeezed),
            false => squeezed,
        };
        match plain.trim_matches(is_space) {
            trimmed if trimmed.len() == plain.len() => plain,
            trimmed => trimmed.to_owned(),
        }
    }

    /// Numbers, punctuation and white space in one pass.
    fn squeeze(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        // With names replaced, capitals are no longer to be lowered.
        let lower = self.lowercase && !self.weekdays && !self.months;
        let kinds: [Kind; 128] = std::array::from_fn(|b| self.kind(char::from(b as u8)));
        let mut out = Vec::with_capacity(bytes.len());
        let (mut at, mut gap) = (0, false);
        while at < bytes.len() {
            let byte = bytes[at];
            let (kind, width) = match byte < 128 {
                true => (kinds[usize::from(byte)], 1),
                false => {
                    let c = text[at..].chars().next().expect("inside the text, on a boundary");
                    (self.kind(c), c.len_utf8())
                }
            };
            let end = at + width;
            match kind {
                Kind::Blank if self.white_space => gap = true,
                Kind::Blank if self.punctuation && is_punctuation_at(text, at) => out.push(b' '),
                _ => {
                    if gap {
                        if !out.is_empty() {
                            out.push(b' ');
                        }
                        gap = false;
                    }
                    match kind {
                        Kind::Digit => {
                            out.push(b'0');
                            at = number_end(text, end);
                            continue;
                        }
                        _ if width == 1 => out.push(if lower { byte.to_ascii_lowercase() } else { byte }),
                        _ => out.extend_from_slice(&bytes[at..end]),
                    }
                }
            }
            at = end;
        }
        String::from_utf8(out).expect("whole characters of a text, and ASCII")
    }

    fn kind(&self, c: char) -> Kind {
        match c {
            // Most of a Chinese text, and none of them special.
            '\u{4E00}'..='\u{9FFF}' => Kind::Keep,
            _ if self.numbers && is_digit(c) => Kind::Digit,
            _ if self.punctuation && is_punctuation(c) => Kind::Blank,
            _ if is_space(c) => Kind::Blank,
            _ => Kind::Keep,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Keep,
    Digit,
    /// White space, or punctuation that becomes a space.
    Blank,
}

fn is_punctuation_at(text: &str, at: usize) -> bool {
    text[at..].chars().next().is_some_and(is_punctuation)
}

/// The end of the number whose first digit ends at `at`: more digits, and then perhaps a separator with digits after it.
fn number_end(text: &str, at: usize) -> usize {
    let digits = |at: usize| {
        let rest = &text[at..];
        at + rest.find(|c| !is_digit(c)).unwrap_or(rest.len())
    };
    let end = digits(at);
    match text[end..].chars().next() {
        Some(c @ ('.' | ',' | '،' | '٫' | '⎖' | '⎗' | '⎘')) => {
            let after = end + c.len_utf8();
            match digits(after) {
                no_digit if no_digit == after => end,
                last => last,
            }
        }
        _ => end,
    }
}

fn is_digit(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_digit(),
        false => c.is_numeric() && c.general_category() == GeneralCategory::DecimalNumber,
    }
}

/// White space as Python has it: Unicode's, and the four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&c)
}

/// The list of datatrove's `PUNCTUATION`: that of ASCII, some of Latin-1, general and Chinese punctuation, a few full-width
/// forms (among them, whatever the reason, the digit one), and control characters but tab and line feed.
fn is_punctuation(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' => true,
        _ if c.is_ascii() => c.is_ascii_punctuation(),
        '«' | '´' | '»' | '–' | '—' | '’' | '“' | '”' | '„' | '…' | '∶' | '━' | '►' => true,
        '、' | '。' | '〈' | '〉' | '《' | '》' | '「' | '」' | '【' | '】' => true,
        '！' | '％' | '（' | '）' | '，' | '．' | '１' | '：' | '；' | '？' | '～' => true,
        _ => false,
    }
}

/// Decomposed canonically, without nonspacing marks.
fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        // Such characters neither decompose nor let marks move past them, so the text may be cut here.
        let inert = |c: char| c.is_ascii() || ('\u{4E00}'..='\u{9FFF}').contains(&c);
        let plain = rest.find(|c| !inert(c)).unwrap_or(rest.len());
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let marked = rest.find(inert).unwrap_or(rest.len());
        let decomposed = rest[..marked].nfd();
        out.extend(decomposed.filter(|c| {
            !(unicode_normalization::char::is_combining_mark(*c)
                && c.general_category() == GeneralCategory::NonspacingMark)
        }));
        rest = &rest[marked..];
    }
    out
}
