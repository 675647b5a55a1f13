//! What tells who somebody is, replaced: e-mail and IP addresses exactly as datatrove's `PIIFormatter` finds them, and what Chinese
//! pages give away beside them: identity cards, telephone numbers, WeChat and QQ accounts.

mod chinese;
mod email;
mod ip;

use super::{Asked, Bound, Column, Page, Rule, RuleError, options, turns};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

/// One thing to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Email,
    Ip,
    IdCard,
    Mobile,
    Landline,
    Wechat,
    Qq,
}

struct Entry {
    kind: Kind,
    column: &'static str,
    about: &'static str,
    /// What stands in its place, in turns.
    replacements: &'static [&'static str],
    find: fn(&str) -> Vec<Range<usize>>,
}

/// In the order of looking, which is that of columns too: what is replaced is not looked at again.
const KINDS: [Entry; 7] = [
    Entry {
        kind: Kind::Email,
        column: "emails",
        about: "e-mail addresses",
        // datatrove's: two that are kept as examples.
        replacements: &["email@example.com", "firstname.lastname@example.org"],
        find: email::find,
    },
    Entry {
        kind: Kind::Ip,
        column: "ips",
        about: "IP addresses (version 4)",
        // datatrove's: drawn by lot, and nobody answered there.
        replacements: &[
            "22.214.171.124",
            "126.96.36.199",
            "188.8.131.52",
            "184.108.40.206",
            "220.127.116.11",
            "18.104.22.168",
        ],
        find: ip::find_public,
    },
    Entry {
        kind: Kind::IdCard,
        column: "id_cards",
        about: "numbers of Chinese identity cards",
        replacements: &["[ID]"],
        find: chinese::id_cards,
    },
    Entry {
        kind: Kind::Mobile,
        column: "mobiles",
        about: "Chinese mobile numbers",
        replacements: &["[PHONE]"],
        find: chinese::mobiles,
    },
    Entry {
        kind: Kind::Landline,
        column: "landlines",
        about: "Chinese landline numbers with their area code",
        replacements: &["[PHONE]"],
        find: chinese::landlines,
    },
    Entry {
        kind: Kind::Wechat,
        column: "wechat",
        about: "WeChat accounts",
        replacements: &["[WECHAT]"],
        find: chinese::wechat,
    },
    Entry { kind: Kind::Qq, column: "qq", about: "QQ accounts", replacements: &["[QQ]"], find: chinese::qq },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Privacy {
    /// What to look for; everything, unless some are named.
    kinds: Vec<Kind>,
    /// Leave addresses of private networks as they are.
    public_ips_only: bool,
    /// Other replacements, by kind; taken in turns, from the first in each text.
    replacements: BTreeMap<Kind, Vec<String>>,
}

impl Default for Privacy {
    fn default() -> Self {
        let kinds = KINDS.iter().map(|entry| entry.kind).collect();
        Privacy { kinds, public_ips_only: true, replacements: BTreeMap::new() }
    }
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<Privacy>(table)?))
}

impl Privacy {
    fn find(&self, entry: &Entry, text: &str) -> Vec<Range<usize>> {
        match entry.kind {
            kind if !self.kinds.contains(&kind) => Vec::new(),
            Kind::Ip if !self.public_ips_only => ip::find(text),
            _ => (entry.find)(text),
        }
    }

    fn replace(&self, entry: &Entry, text: &str, found: &[Range<usize>]) -> String {
        let own = self.replacements.get(&entry.kind).filter(|own| !own.is_empty());
        let replacements =
            own.map_or_else(|| entry.replacements.to_vec(), |own| own.iter().map(String::as_str).collect());
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for (range, replacement) in found.iter().zip(replacements.iter().cycle()) {
            out.push_str(&text[at..range.start]);
            out.push_str(replacement);
            at = range.end;
        }
        out.push_str(&text[at..]);
        out
    }
}

impl Rule for Privacy {
    fn columns(&self) -> Vec<Column> {
        KINDS.iter().map(|entry| Column::new(entry.column, entry.about, Bound::anything())).collect()
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let mut counts = [0; KINDS.len()];
        let now = turns::edit(page.document(), ask, |text| {
            let mut now = Cow::Borrowed(text);
            for (entry, count) in KINDS.iter().zip(&mut counts) {
                let found = self.find(entry, &now);
                *count += found.len();
                if !found.is_empty() {
                    now = self.replace(entry, &now, &found).into();
                }
            }
            now
        });
        if let Cow::Owned(now) = now {
            ask.text(now);
            ask.edited("private data");
        }
        counts.into_iter().enumerate().try_for_each(|(at, count)| ask.number(at, count as f64))
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        self.find(&KINDS[column], page.text())
    }
}

#[cfg(test)]
mod tests;
