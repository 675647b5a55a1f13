//! What is cut off the ends of a chunk and out of its middle.
//!
//! spaCy 3.8's patterns for prefixes, suffixes and infixes (`lang/punctuation.py`, `lang/en/punctuation.py`, MIT), as matchers over
//! characters: they look at most two characters behind and one ahead, so no pattern engine is needed.

use super::characters::{is_alpha, is_icon, is_lower, is_upper};

/// Characters cut off both ends, beyond ASCII.
const EITHER: &str = "¡«´·»¿،؛؟٪۔।–—‘’‚“”„…〈〉⟦⟧、。〈〉《》「」『』【】〔〕！（），：；？～";
/// Characters cut off the front only, beyond ASCII.
const FRONT: &str = "£¥§฿₠₡₢₣₤₥₦₧₨₩₪₫€₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿﷼";
/// Cut off behind a digit.
const CURRENCIES: &str = "$ £ € ¥ ฿ US$ C$ A$ ₽ ﷼ ₴ ₠ ₡ ₢ ₣ ₤ ₥ ₦ ₧ ₨ ₩ ₪ ₫ ₭ ₮ ₯ ₰ ₱ ₲ ₳ ₵ ₶ ₷ ₸ ₹ ₺ ₻ ₼ ₾ ₿";
/// Cut off behind a digit. (`тбكم` is what spaCy's list holds, for want of a space.)
const UNITS: &str = "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa \
    mbar mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па мбар \
    Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ тбكم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ كم غرام جرام جم كغ ملغ كوب اكواب";
/// A full stop behind one of these is cut off, as behind a digit, a small letter or two capitals.
const BEFORE_STOP: &str = "!\"#%&'()*+,-:;<>?[]_`{|}¡«²´·»¿،؛؟٪‘’‚“”„…〈〉⟦⟧！（），：；？～";
/// spaCy's quotation marks, which stand for letters beside a full stop.
const QUOTES: &str = "\"',`«´»‘’‚“”„〈〉⟦⟧〈〉《》「」『』【】〔〕（）";

/// Bytes of the prefix, 0 where there is none.
pub(super) fn prefix(text: &str) -> usize {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return 0 };
    match first {
        '.' => dots(text.bytes()),
        '+' => usize::from(!chars.next().is_some_and(|c| c.is_ascii_digit())),
        'U' | 'C' | 'A' => ["US$", "C$", "A$"].iter().find(|p| text.starts_with(**p)).map_or(0, |p| p.len()),
        '$' | '%' | '=' => 1,
        _ if is_cut_off(first) || !first.is_ascii() && FRONT.contains(first) => first.len_utf8(),
        _ => 0,
    }
}

/// Bytes of the suffix, 0 where there is none: the longest, where several patterns fit.
pub(super) fn suffix(text: &str) -> usize {
    let mut back = text.chars().rev();
    let Some(last) = back.next() else { return 0 };
    let before = back.next();
    if last == '.' {
        let run = dots(text.bytes().rev());
        let cut = match (back.next(), before) {
            (_, Some(c)) if c.is_ascii_digit() || is_lower(c) || BEFORE_STOP.contains(c) => true,
            (Some('°'), Some('F' | 'f' | 'C' | 'c' | 'K' | 'k')) => true,
            (Some(two), Some(c)) => is_upper(two) && is_upper(c),
            _ => false,
        };
        return run.max(usize::from(cut));
    }
    let one = match (last, before) {
        ('s' | 'S', Some(quote @ ('\'' | '’'))) => 1 + quote.len_utf8(),
        ('…', Some('…')) => 2 * last.len_utf8(),
        _ if is_cut_off(last) => last.len_utf8(),
        _ => 0,
    };
    one.max(after_digit(text))
}

/// Whether the character is cut off both ends.
fn is_cut_off(c: char) -> bool {
    match c {
        '!' | '"' | '#' | '&' | '\'' | '(' | ')' | '*' | ',' | ':' | ';' | '<' | '>' | '?' => true,
        '[' | ']' | '_' | '`' | '{' | '}' => true,
        '\0'..='\x7f' => false,
        _ => is_icon(c) || EITHER.contains(c),
    }
}

/// Bytes of a unit, currency or plus sign that ends the text and stands behind a digit.
fn after_digit(text: &str) -> usize {
    // None is longer than twelve bytes, and none has a digit in it.
    let Some(at) = text.bytes().rev().take(13).position(|b| b.is_ascii_digit()) else { return 0 };
    let tail = &text[text.len() - at..];
    let listed = |list: &str| list.split_ascii_whitespace().any(|unit| unit == tail);
    if tail == "+" || listed(UNITS) || listed(CURRENCIES) { tail.len() } else { 0 }
}

/// How many full stops begin the bytes, if more than one.
fn dots(bytes: impl Iterator<Item = u8>) -> usize {
    let run = bytes.take_while(|b| *b == b'.').count();
    if run > 1 { run } else { 0 }
}

/// Bytes of the infix at `at`, 0 where there is none. `number_hyphen`: a hyphen may follow a digit too, as in English.
pub(super) fn infix(text: &str, at: usize, number_hyphen: bool) -> usize {
    let mut rest = text[at..].chars();
    let Some(c) = rest.next() else { return 0 };
    let digit = |c: &char| c.is_ascii_digit();
    let before = text[..at].chars().next_back();
    let next = rest.next();
    let between_letters =
        |or_digit: bool| before.is_some_and(|c| is_alpha(c) || or_digit && digit(&c)) && next.is_some_and(is_alpha);
    match c {
        '.' => {
            let run = dots(text[at..].bytes());
            let stop = run == 0
                && before.is_some_and(|c| is_lower(c) || QUOTES.contains(c))
                && next.is_some_and(|c| is_upper(c) || QUOTES.contains(c));
            run.max(usize::from(stop))
        }
        '…' => c.len_utf8(),
        '+' | '-' | '*' | '^' if before.is_some_and(|c| digit(&c)) && next.is_some_and(|c| digit(&c) || c == '-') => 1,
        ',' => usize::from(between_letters(false)),
        ':' | '<' | '>' | '=' | '/' => usize::from(between_letters(true)),
        '-' | '–' | '—' | '~' if before.is_some_and(|c| is_alpha(c) || number_hyphen && digit(&c)) => {
            let fits = |hyphen: &&&str| text[at..].strip_prefix(**hyphen).is_some_and(|t| t.starts_with(is_alpha));
            ["-", "–", "—", "--", "---", "——", "~"].iter().find(fits).map_or(0, |hyphen| hyphen.len())
        }
        _ if is_icon(c) => c.len_utf8(),
        _ => 0,
    }
}
