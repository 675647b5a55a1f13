//! Whether a chunk is a web or mail address, which stays whole.
//!
//! spaCy's pattern (`URL_MATCH` in `lang/tokenizer_exceptions.py`, after Diego Perini's, MIT) needs look-ahead only to tell apart
//! addresses of four numbers, so it is read here from left to right instead.

use super::characters::{is_digit, is_lower, is_word};

/// Whether the whole chunk is an address: `scheme://user@host:port/path`, all but the host optional.
pub(super) fn is_address(chunk: &str) -> bool {
    if !chunk.contains('.') {
        return false;
    }
    let after_scheme = chunk.find("://").filter(|&at| {
        let scheme = &chunk[..at];
        scheme.chars().nth(1).is_some() && scheme.chars().all(|c| is_word(c) || "+-.".contains(c))
    });
    let after_user = chunk.match_indices('@').filter(|(at, _)| *at > 0).map(|(at, _)| at + 1);
    let mut hosts = [0].into_iter().chain(after_scheme.map(|at| at + 3)).chain(after_user);
    hosts.any(|at| numbers(&chunk[at..]).is_some_and(ends) || names(&chunk[at..]).is_some_and(ends))
}

/// What follows four numbers with stops between them, if they are no private address.
fn numbers(text: &str) -> Option<&str> {
    let mut octets = [""; 4];
    let mut rest = text;
    for (i, octet) in octets.iter_mut().enumerate() {
        if i > 0 {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        (*octet, rest) = rest.split_at(end);
    }
    let private = matches!(octets[..2], ["10" | "127", _] | ["169", "254"] | ["192", "168"])
        || octets[0] == "172" && fits(octets[1], &["1[6-9]", "2d", "3[0-1]"]);
    let first = fits(octets[0], &["[1-9]", "[1-9]d", "1dd", "2[0-1]d", "22[0-3]"]);
    let middle = |octet| fits(octet, &["d", "dd", "1d", "1dd", "2[0-4]d", "25[0-5]"]);
    let last = fits(octets[3], &["[1-9]", "[1-9]d", "1dd", "2[0-4]d", "25[0-4]"]);
    (!private && first && middle(octets[1]) && middle(octets[2]) && last).then_some(rest)
}

/// Whether the digits fit one of the patterns: `d` is any digit, `[a-b]` and a digit stand for ASCII digits.
fn fits(digits: &str, patterns: &[&str]) -> bool {
    let fit = |pattern: &&str| {
        let (mut digits, mut pattern) = (digits.chars(), pattern.chars());
        while let Some(p) = pattern.next() {
            let Some(digit) = digits.next() else { return false };
            let fits = match p {
                'd' => true,
                '[' => {
                    let mut range = || (pattern.next(), pattern.next()).0;
                    let (least, most) = (range(), range());
                    least <= Some(digit) && Some(digit) <= most
                }
                p => p == digit,
            };
            if !fits {
                return false;
            }
        }
        digits.next().is_none()
    };
    patterns.iter().any(fit)
}

/// What follows a host name: labels of up to 64 characters, then two to 63 letters.
fn names(text: &str) -> Option<&str> {
    let letter = |c: char| c.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&c);
    let (mut rest, mut labels) = (text, 0);
    loop {
        let end = rest.find(|c| !letter(c) && c != '_' && c != '-').unwrap_or(rest.len());
        let label = &rest[..end];
        if rest[end..].starts_with('.') {
            let whole = label.starts_with(letter) && label.ends_with(letter) && label.chars().nth(64).is_none();
            if !whole {
                return None;
            }
            (rest, labels) = (&rest[end + 1..], labels + 1);
            continue;
        }
        let end = rest.find(|c| !is_lower(c)).unwrap_or(rest.len());
        let letters = rest[..end].chars().count();
        return (labels > 0 && (2..=63).contains(&letters)).then_some(&rest[end..]);
    }
}

/// Whether nothing is left but a port and a path.
fn ends(rest: &str) -> bool {
    let port = rest.strip_prefix(':').map(|rest| {
        let end = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        (rest[..end].chars().count(), &rest[end..])
    });
    let rest = match port {
        Some((2..=5, rest)) => rest,
        Some(_) => return false,
        None => rest,
    };
    rest.is_empty() || rest.starts_with(['/', '?', '#'])
}
