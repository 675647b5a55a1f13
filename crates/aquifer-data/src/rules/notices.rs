//! Lines that belong to a site and not to its text: cookie notices, navigation, sharing buttons, copyright.
//!
//! In the manner of C4's line rules (Raffel et al., "Exploring the Limits of Transfer Learning", 2020, section 2.2), with a
//! list of our own in English and Chinese.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options, turns};
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// Takes such lines out.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Notices {}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<Notices>(table)?))
}

impl Rule for Notices {
    fn columns(&self) -> Vec<Column> {
        vec![Column::new("lines", "lines of notices and navigation", Bound::anything())]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let mut count = 0;
        let now = turns::edit(page.document(), ask, |text| match without_notices(text) {
            Some((without, lines)) => {
                count += lines;
                Cow::Owned(without)
            }
            None => Cow::Borrowed(text),
        });
        if let Cow::Owned(now) = now {
            ask.text(now);
            ask.edited("notices");
        }
        ask.number(0, count as f64)
    }

    fn spans(&self, page: &Page, _column: usize) -> Vec<Range<usize>> {
        let text = page.text();
        let place = |line: &str| {
            let start = line.as_ptr() as usize - text.as_ptr() as usize;
            start..start + line.len()
        };
        text.lines().filter(|line| is_notice(line)).map(place).collect()
    }
}

/// The text without such lines, and how many there were; `None` if none.
fn without_notices(text: &str) -> Option<(String, usize)> {
    let count = text.lines().filter(|line| is_notice(line)).count();
    (count > 0).then(|| {
        let kept: Vec<&str> = text.lines().filter(|line| !is_notice(line)).collect();
        (kept.join("\n"), count)
    })
}

/// A longer line is a paragraph that may well talk about cookies.
const LONGEST: usize = 160;

const PHRASES: &[&str] = &[
    "uses cookies",
    "use cookies",
    "use of cookies",
    "accept all cookies",
    "cookie policy",
    "cookie settings",
    "privacy policy",
    "terms of use",
    "terms of service",
    "all rights reserved",
    "subscribe to our newsletter",
    "enable javascript",
    "javascript is disabled",
    "click here to",
    "share on facebook",
    "share this page",
    "page views:",
    "使用 cookie",
    "使用cookie",
    "版权所有",
    "保留一切权利",
    "禁止转载",
    "登录后发表评论",
    "返回顶部",
    "网站地图",
];

/// Whether the line holds one of the phrases, or is a row of short links between bars or arrows.
fn is_notice(line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() || line.chars().count() > LONGEST {
        return false;
    }
    let lower = line.to_lowercase();
    PHRASES.iter().any(|phrase| lower.contains(phrase)) || is_link_row(line)
}

fn is_link_row(line: &str) -> bool {
    [" | ", " » ", " › "].iter().any(|bar| {
        let links: Vec<&str> = line.split(bar).map(str::trim).collect();
        // Tables have numbers and code has operators; links are a few words.
        let link = |text: &&str| {
            text.chars().count() <= 25 && text.split(' ').count() <= 4 && text.chars().any(char::is_alphabetic)
        };
        let plain = |text: &&str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '&' | '-' | '\''));
        links.len() >= 3 && links.iter().all(|l| link(l) && plain(l))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_go_and_prose_and_code_stay() {
        let page = "Home | About us | Contact\nShe read the letter twice.\nThis website uses cookies.\n版权所有 © 2019";
        assert_eq!(without_notices(page), Some(("She read the letter twice.".to_owned(), 3)));
        let code =
            "let x = a | b | c;\nmatch k { 'a' | 'b' | 'c' => 1 }\n| 1 | 2 | 3 |\nThe cookies were warm.\nx: Int | Str";
        assert_eq!(without_notices(code), None);
    }
}
