//! Corrections line by line, after RefinedWeb (Penedo et al., 2023, <https://arxiv.org/abs/2306.01116>, appendix G.2): edits.
//!
//! Lines mostly in capitals, of digits, of one word or that count something (`3 likes`) go; short ones lose what invites to sign in,
//! to read on or to buy. Where that is more than a twentieth of the words, the document goes. The paper gives examples of the phrases
//! only; the list is ours. Lines of scripts without spaces are not asked for their words.

use super::characters::spaceless;
use super::{Asked, Bound, Column, Page, Rule, RuleError, options, share};
use regex::Regex;
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LineCorrections {}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<LineCorrections>(table)?))
}

/// Longer lines are sentences.
const SHORT: usize = 10;

static COUNTER: LazyLock<Regex> = LazyLock::new(|| {
    let things = "likes?|shares?|comments?|views?|followers?|retweets?|replies|reply|posts?|votes?|points?|reviews?|ratings?|downloads?";
    compiled(&format!(r"^[\d.,]+\s*[km+]?\s*(?:{things})$"))
});

static PHRASES: LazyLock<Regex> = LazyLock::new(|| {
    let begin =
        "sign[ -]?in|sign[ -]?up|log[ -]?in|skip to (?:main )?content|share (?:this|on)|click here to|follow us on";
    let end = r"(?:read|see|view|show|learn|load) (?:more|all)|continue reading|read the full (?:story|article)";
    let anywhere =
        r"\d* ?items? in (?:your )?(?:cart|basket|bag)|add to (?:cart|basket|bag|wish ?list)|your cart is empty";
    compiled(&format!(r"^(?:{begin})\b[ :|,-]*|[ (\[]*\b(?:{end})[\s.…»›>)\]]*$|\b(?:{anywhere})\b"))
});

fn compiled(pattern: &str) -> Regex {
    Regex::new(&format!("(?i){pattern}")).expect("the pattern is sound")
}

/// What becomes of a line.
fn corrected(line: &str) -> Cow<'_, str> {
    let trimmed = line.trim();
    let words = trimmed.split_whitespace().count();
    let letters = trimmed.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = trimmed.chars().filter(|c| c.is_uppercase()).count();
    let only_digits = letters == 0 && trimmed.chars().any(char::is_numeric);
    let one_word = words == 1 && !spaceless(trimmed);
    if words > 0 && (capitals * 2 > letters || only_digits || one_word || COUNTER.is_match(trimmed)) {
        return "".into();
    }
    if words > SHORT { line.into() } else { PHRASES.replace_all(line, "") }
}

const CORRECTED_WORDS: usize = 0;
const LINES: usize = 1;

impl Rule for LineCorrections {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("corrected_words", "share of the words in lines that go or are cut", Bound::at_most(0.05)),
            Column::new("lines", "such lines", Bound::anything()),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let (mut kept, mut lines, mut in_them, mut all) = (Vec::new(), 0, 0, 0);
        for line in page.text().lines() {
            let words = line.split_whitespace().count();
            let now = corrected(line);
            all += words;
            let changed = now != line;
            lines += usize::from(changed);
            in_them += if changed { words } else { 0 };
            if !changed || !now.trim().is_empty() {
                kept.push(now);
            }
        }
        ask.number(CORRECTED_WORDS, share(in_them, all))?;
        if lines > 0 {
            ask.text(kept.join("\n"));
            ask.edited("lines corrected");
        }
        ask.number(LINES, lines as f64)
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        let text = page.text();
        let changed = text.lines().filter(|line| column == CORRECTED_WORDS && corrected(line) != **line);
        changed.map(|line| super::characters::place(text, line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Stage;
    use aquifer_corpus::Document;

    #[test]
    fn lines_go_or_lose_their_invitations() {
        for (line, want) in [
            ("A sentence stays as it is.", "A sentence stays as it is."),
            ("SIGN UP FOR OUR letter", ""),
            ("12,345", ""),
            ("3 likes", ""),
            ("1.2K followers", ""),
            ("Home", ""),
            ("", ""),
            ("小世界", "小世界"),
            ("The river rose again... Read more", "The river rose again..."),
            ("Log in: Weather for today", "Weather for today"),
            ("Blue kettle Add to cart 3 litres", "Blue kettle  3 litres"),
            (
                "He asked her to read more than one book a month, and so she did.",
                "He asked her to read more than one book a month, and so she did.",
            ),
        ] {
            assert_eq!(corrected(line), want, "{line}");
        }
    }

    #[test]
    fn too_much_corrected_drops_the_document() {
        let stage = Stage::build(toml::toml! { rule = "line_corrections" }).unwrap();
        let ask = |text: &str| {
            let document = Document::new("d", text);
            let answer = stage.ask(&Page::new(&document), false);
            (answer.verdict.is_some(), answer.text)
        };
        let prose = "One sentence of ten words, all of them quite plain.\n".repeat(5);
        assert_eq!(ask(&format!("{prose}Home\n3 likes\nThe end is near.")), (true, None));
        assert_eq!(ask(&format!("{prose}Home")), (false, Some(prose.trim_end().to_owned())));
        assert_eq!(ask(prose.trim_end()), (false, None));
    }
}
