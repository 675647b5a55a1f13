//! FlagData's own filters (v3.0.0, `flagdata/data_operator/samplefilter`), with its bounds: shares of letters, symbols, stop words and
//! flagged words, lengths of lines, number of words, repeated runs of words.
//!
//! Two things are otherwise. FlagData cuts words with models of spaCy and counts white space among them; here words are those of the
//! other rules. Its list of symbols is empty unless one is given, so that its filter drops nothing; here symbols are Unicode's
//! punctuation, symbols and digits. Its bound on letters and digits counts Chinese characters among the letters, and so drops Chinese
//! prose: give another one with Chinese text, as the preset does.

use super::characters::length;
use super::ngrams::Ngrams;
use super::{Asked, Bound, Column, Page, Rule, RuleError, lists, options, share};
use aquifer_text::words::{Language, Token};
use rustc_hash::FxHashSet;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use unicode_properties::{GeneralCategoryGroup as Group, UnicodeGeneralCategory};

#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Options {
    language: Language,
    /// Lists of stop words in small letters; a short one of our own, unless some are named.
    stop_lists: Option<Vec<PathBuf>>,
    /// The same of flagged words.
    flagged_lists: Option<Vec<PathBuf>>,
}

struct Flagdata {
    language: Language,
    stop_words: FxHashSet<String>,
    flagged_words: FxHashSet<String>,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let Options { language, stop_lists, flagged_lists } = options(table)?;
    let code = if language == Language::Chinese { "zh" } else { "en" };
    let list = |named: Option<Vec<PathBuf>>, own: &str| {
        lists::read(&named.unwrap_or_else(|| vec![format!("own-{own}-{code}").into()]), str::to_lowercase)
    };
    let (stop_words, flagged_words) = (list(stop_lists, "stop")?, list(flagged_lists, "flagged")?);
    Ok(Box::new(Flagdata { language, stop_words, flagged_words }))
}

const ALPHANUMERIC: usize = 0;
const SYMBOLS: usize = 1;
const MEAN_LINE: usize = 2;
const LONGEST_LINE: usize = 3;
const WORDS: usize = 4;
const STOP_WORDS: usize = 5;
const FLAGGED_WORDS: usize = 6;
const REPEATED_10_GRAMS: usize = 7;

impl Rule for Flagdata {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("alphanumeric", "share of letters and digits, of all scripts", Bound::at_most(0.8)),
            Column::new("symbols", "share of punctuation, symbols and digits", Bound::at_most(0.25)),
            Column::new("mean_line", "mean characters of a line", Bound::between(10.0, 10_000.0)),
            Column::new("longest_line", "characters of the longest line", Bound::between(10.0, 10_000.0)),
            Column::new("words", "words and punctuation marks", Bound::between(10.0, 1e8)),
            Column::new("stop_words", "share of stop words among the words", Bound::at_least(0.3)),
            Column::new("flagged_words", "share of flagged words among the words", Bound::at_most(0.045)),
            Column::new(
                "repeated_10_grams",
                "different runs of ten words that occur again, of all runs",
                Bound::at_most(0.5),
            ),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let (text, all) = (page.text(), page.length());
        ask.number(ALPHANUMERIC, share(text.chars().filter(|c| is_alphanumeric(*c)).count(), all))?;
        ask.number(SYMBOLS, share(text.chars().filter(|c| is_symbol(*c)).count(), all))?;
        let (mut characters, mut longest) = (0, 0);
        for line in page.lines().iter().map(|line| length(line)) {
            (characters, longest) = (characters + line, longest.max(line));
        }
        ask.number(MEAN_LINE, share(characters, page.lines().len()))?;
        ask.number(LONGEST_LINE, longest as f64)?;
        let words = page.words(self.language);
        ask.number(WORDS, words.len() as f64)?;
        let listed = |list| share(words.iter().filter(|word| is_listed(list, word, text)).count(), words.len());
        ask.number(STOP_WORDS, listed(&self.stop_words))?;
        ask.number(FLAGGED_WORDS, listed(&self.flagged_words))?;
        let runs = (words.len() + 1).saturating_sub(10);
        ask.number(REPEATED_10_GRAMS, share(Ngrams::new(text, &words).different_repeated(10), runs))
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        match column {
            FLAGGED_WORDS => {
                let words = page.words(self.language);
                let flagged = words.iter().filter(|word| is_listed(&self.flagged_words, word, page.text()));
                flagged.map(|word| word.start as usize..word.end as usize).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn is_listed(list: &FxHashSet<String>, word: &Token, text: &str) -> bool {
    let word = word.of(text);
    list.contains(word) || word.chars().any(char::is_uppercase) && list.contains(&word.to_lowercase())
}

/// Python's `str.isalnum` of one character.
fn is_alphanumeric(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric(),
        '一'..='\u{9fff}' => true,
        _ => matches!(c.general_category_group(), Group::Letter | Group::Number),
    }
}

fn is_symbol(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_punctuation() || c.is_ascii_digit(),
        '一'..='\u{9fff}' => false,
        _ => matches!(c.general_category_group(), Group::Punctuation | Group::Symbol | Group::Number),
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{Page, Stage, Value};
    use aquifer_corpus::Document;

    fn values(table: toml::Table, text: &str) -> (Vec<f64>, Vec<String>) {
        let stage = Stage::build(table).unwrap();
        let document = Document::new("d", text);
        let page = Page::new(&document);
        let number = |value: Option<Value>| match value {
            Some(Value::Number(number)) => number,
            other => panic!("{other:?} is no number"),
        };
        let flagged = stage.spans(&page, super::FLAGGED_WORDS);
        let flagged = flagged.into_iter().map(|span| text[span].to_owned()).collect();
        (stage.ask(&page, true).values.into_iter().map(number).collect(), flagged)
    }

    #[test]
    fn values_are_those_counted_by_hand() {
        let (found, flagged) = values(toml::toml! { rule = "flagdata" }, "The cat, 12 XXX\nand a dog.");
        assert_eq!(found[..2], [18.0 / 26.0, 4.0 / 26.0]);
        // The words are: The cat , 12 XXX and a dog .
        assert_eq!(found[2..], [12.5, 15.0, 9.0, 3.0 / 9.0, 1.0 / 9.0, 0.0]);
        assert_eq!(flagged, ["XXX"]);
        let (found, flagged) = values(toml::toml! { rule = "flagdata" language = "zh" }, "他们在赌场。他们在赌场。");
        assert_eq!((found[4], found[5], found[6]), (8.0, 4.0 / 8.0, 2.0 / 8.0));
        assert_eq!(flagged, ["赌场", "赌场"]);
        let (again, _) = values(toml::toml! { rule = "flagdata" }, &"a b c d e f g h i j ".repeat(2));
        assert_eq!(again[7], 1.0 / 11.0);
    }
}
