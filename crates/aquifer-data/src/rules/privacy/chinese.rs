//! What Chinese pages give away. Each kind asks for more than its digits, so that order numbers, dates and prices stay: an identity
//! card for a province, a date and, where it has one, its check digit; a telephone number for the ranges in use; an account for the
//! word that introduces it.

use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Numbers of identity cards, of 18 digits (the last may be `X`) or, from before 1999, of 15 (GB 11643-1999).
pub(super) fn id_cards(text: &str) -> Vec<Range<usize>> {
    static CARD: LazyLock<Regex> = LazyLock::new(|| compiled("[1-9][0-9]{16}[0-9Xx]|[1-9][0-9]{14}"));
    find(&CARD, text, |card| {
        let number = |at: usize, len: usize| card[at..at + len].bytes().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        let long = card.len() == 18;
        let (year, month) = if long { (number(6, 4), 10) } else { (1900 + number(6, 2), 8) };
        let born = (1900..2100).contains(&year) && is_day(year, number(month, 2), number(month + 2, 2));
        is_province(number(0, 2)) && born && (!long || checks(card))
    })
}

/// The first two digits of a place of registration (GB/T 2260).
fn is_province(code: u32) -> bool {
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81 | 82)
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// The check digit of ISO 7064, MOD 11-2: weights are powers of two, and `X` stands for ten.
fn checks(card: &str) -> bool {
    let value = |b: u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { 10 };
    card.bytes().fold(0, |sum, b| (sum * 2 + value(b)) % 11) == 1
}

/// Mobile numbers, with or without the country's code, in one piece or as 3-4-4.
pub(super) fn mobiles(text: &str) -> Vec<Range<usize>> {
    static MOBILE: LazyLock<Regex> = LazyLock::new(|| {
        compiled(r"(?:(?:\+|00)?86[- ]?)?1[3-9][0-9](?:[0-9]{8}|-[0-9]{4}-[0-9]{4}| [0-9]{4} [0-9]{4})")
    });
    find(&MOBILE, text, |_| true)
}

/// Landline numbers with an area code, in brackets or with a hyphen behind it, and with an extension if there is one. Numbers of
/// companies (400, 800) are left.
pub(super) fn landlines(text: &str) -> Vec<Range<usize>> {
    static LANDLINE: LazyLock<Regex> = LazyLock::new(|| {
        // Area codes of two digits behind the 0 go with eight more, those of three with seven or eight.
        let number = [("10|2[0-9]", "3"), ("[3-9][0-9]{2}", "2,3")].map(|(area, more)| {
            let area = format!(r"(?:[(（]0(?:{area})[)）][- ]?|0(?:{area})-|(?:\+|00)86[- ](?:{area})[- ])");
            format!("{area}[2-9][0-9]{{{more}}}[- ]?[0-9]{{4}}")
        });
        compiled(&format!("(?:{})(?:(?:-|转)[0-9]{{1,5}})?", number.join("|")))
    });
    find(&LANDLINE, text, |_| true)
}

/// WeChat accounts: a name of 6 to 20 characters behind words that introduce one.
pub(super) fn wechat(text: &str) -> Vec<Range<usize>> {
    static ACCOUNT: LazyLock<Regex> = LazyLock::new(|| {
        let names = "微信|薇信|威信|v信|vxin|vx|wx|wechat|weixin|wei xin";
        let word =
            format!("(?:{names}) ?(?:号码|号|账号|帐号|id)? ?(?:是|为|[:：])|(?:微信|薇信|v信)(?:号码|号)|加我?[微薇]");
        compiled(&format!("(?i)(?:{word}) ?([a-z][-_a-z0-9]{{5,19}})"))
    });
    find_named(&ACCOUNT, text)
}

/// QQ accounts and groups: 5 to 11 digits behind words that introduce them.
pub(super) fn qq(text: &str) -> Vec<Range<usize>> {
    static ACCOUNT: LazyLock<Regex> = LazyLock::new(|| {
        let word = "(?:qq|扣扣|企鹅) ?(?:群号|群|号码|号)? ?(?:是|为|[:：])|(?:qq|扣扣)(?:群号|群|号码|号)";
        compiled(&format!("(?i)(?:{word}) ?([1-9][0-9]{{4,10}})"))
    });
    find_named(&ACCOUNT, text)
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is sound")
}

/// Matches that stand alone and are accepted.
fn find(pattern: &Regex, text: &str, accept: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(one) = pattern.find_at(text, at) {
        at = if stands_alone(text, one.range()) && accept(one.as_str()) {
            found.push(one.range());
            one.end()
        } else {
            // Another may begin inside it.
            one.start() + text[one.start()..].chars().next().map_or(1, char::len_utf8)
        };
    }
    found
}

/// What the pattern's group finds, where all of the match stands alone.
fn find_named(pattern: &Regex, text: &str) -> Vec<Range<usize>> {
    let whole_and_name =
        pattern.captures_iter(text).filter_map(|found| Some((found.get(0)?.range(), found.get(1)?.range())));
    whole_and_name.filter(|(whole, _)| stands_alone(text, whole.clone())).map(|(_, name)| name).collect()
}

/// Whether no letter, digit or low line of ASCII touches the piece, nor a stop, hyphen or `@` that joins it to one.
fn stands_alone(text: &str, piece: Range<usize>) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let links = |c: char| matches!(c, '.' | '-' | '@');
    let alone = |inside: Option<char>, mut beside: [Option<char>; 2]| {
        if !inside.is_some_and(joins) {
            return true;
        }
        if beside[0].is_some_and(links) {
            beside.swap(0, 1);
        }
        !beside[0].is_some_and(joins)
    };
    let (mut before, mut behind) = (text[..piece.start].chars().rev(), text[piece.end..].chars());
    let inside = &text[piece];
    alone(inside.chars().next(), [before.next(), before.next()])
        && alone(inside.chars().next_back(), [behind.next(), behind.next()])
}
