//! C4's rule on obscene words (Raffel et al., 2020, <https://arxiv.org/abs/1910.10683>, section 2.2), as datatrove decides it, with
//! lists given by path: such as LDNOOBW's, a word or phrase a line.

use super::{Asked, Bound, Column, Page, Rule, RuleError, lists, options};
use aho_corasick::AhoCorasick;
use aquifer_text::words::characters::is_word;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// Lists of words in small letters.
    words: Vec<PathBuf>,
    /// Only where no letter or digit stands beside them; `false` for languages without spaces, as datatrove has it for
    /// Japanese, Thai and Chinese.
    whole_words: bool,
    /// Words of the lists that may stand: too common as parts of others, as in datatrove.
    allow: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let allow = ["sm", "グロ", "女の子", "性"].map(str::to_owned).to_vec();
        Options { words: vec!["own-flagged-en".into()], whole_words: true, allow }
    }
}

struct C4Badwords {
    words: AhoCorasick,
    whole_words: bool,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let Options { words, whole_words, allow } = options(table)?;
    let mut list = lists::read(&words, str::to_owned)?;
    list.retain(|word| !allow.contains(word));
    let words = AhoCorasick::new(&list).map_err(|e| RuleError::Options(e.to_string()))?;
    Ok(Box::new(C4Badwords { words, whole_words }))
}

impl C4Badwords {
    /// Where words of the lists stand in a text of small letters.
    fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let stands_alone = move |place: &Range<usize>| {
            let touched = |c: Option<char>| c.is_some_and(is_word);
            !touched(text[..place.start].chars().next_back()) && !touched(text[place.end..].chars().next())
        };
        let places = self.words.find_overlapping_iter(text).map(|hit| hit.range());
        places.filter(move |place| !self.whole_words || stands_alone(place))
    }
}

impl Rule for C4Badwords {
    fn columns(&self) -> Vec<Column> {
        let about = "occurrences of words of the lists";
        vec![Column::new("bad_words", about, Bound::at_most(0.0)).peer("", "document_removed_with_badwords")]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        ask.number(0, self.find(&page.text().to_lowercase()).count() as f64)
    }

    fn spans(&self, page: &Page, _: usize) -> Vec<Range<usize>> {
        let small = page.text().to_lowercase();
        // Small letters may take other bytes than the text's own; then no place can be named.
        let mut places: Vec<_> =
            if small.len() == page.text().len() { self.find(&small).collect() } else { Vec::new() };
        places.sort_by_key(|place| place.start);
        places
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{Page, Stage};
    use aquifer_corpus::Document;

    #[test]
    fn words_count_where_they_stand_alone_or_anywhere_if_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("en");
        std::fs::write(&path, "bad\nvery bad\nsm\n坏\n").unwrap();
        let ask = |whole: bool, text: &str| {
            let table = format!("rule = \"c4_badwords\"\nwords = [{path:?}]\nwhole_words = {whole}");
            let stage = Stage::build(toml::from_str(&table).unwrap()).unwrap();
            let document = Document::new("d", text);
            let page = Page::new(&document);
            let places: Vec<String> = stage.spans(&page, 0).into_iter().map(|place| text[place].to_owned()).collect();
            (stage.ask(&page, true).verdict.is_some(), places)
        };
        assert_eq!(ask(true, "a Very BAD, sm"), (true, vec!["Very BAD".to_owned(), "BAD".to_owned()]));
        assert_eq!(ask(true, "badly, too_bad, 很坏的"), (false, vec![]));
        assert_eq!(ask(false, "很坏的badly").1, ["坏", "bad"]);
    }
}
