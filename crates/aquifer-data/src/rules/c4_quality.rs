//! The line and page rules of C4 (Raffel et al., 2020, <https://arxiv.org/abs/1910.10683>, section 2.2), as datatrove decides them.
//! It edits: what goes on is the lines that stay, without their citation marks.

use super::characters::{length, place, strip};
use super::page::with_splitter;
use super::{Asked, Bound, Column, Page, Rule, RuleError, options, share};
use aho_corasick::AhoCorasick;
use aquifer_text::words::characters::{is_digit, is_space};
use aquifer_text::words::{Language, Token, sentences};
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// Which lines go; names and defaults are datatrove's. A number of −1 asks nothing.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    language: Language,
    /// By lines; otherwise by sentences.
    split_paragraph: bool,
    /// Take `[12]`, `[edit]` and `[citation needed]` out of lines.
    remove_citations: bool,
    /// Lines should end in a full stop, question or exclamation mark or a straight quote, and not in three stops.
    filter_no_terminal_punct: bool,
    min_words_per_line: i64,
    /// In characters.
    max_word_length: i64,
    filter_lorem_ipsum: bool,
    filter_javascript: bool,
    filter_curly_bracket: bool,
    /// Lines should not speak of cookies, privacy policies or terms of use.
    filter_policy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            language: Language::default(),
            split_paragraph: true,
            remove_citations: true,
            filter_no_terminal_punct: true,
            min_words_per_line: 3,
            max_word_length: 1000,
            filter_lorem_ipsum: true,
            filter_javascript: true,
            filter_curly_bracket: true,
            filter_policy: true,
        }
    }
}

struct C4Quality {
    options: Options,
    phrases: AhoCorasick,
}

/// In small letters: dummy text, code, then policies.
const PHRASES: [&str; 8] = [
    "lorem ipsum",
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
];

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let phrases = AhoCorasick::builder().ascii_case_insensitive(true).build(PHRASES);
    let phrases = phrases.map_err(|e| RuleError::Options(e.to_string()))?;
    Ok(Box::new(C4Quality { options: options(table)?, phrases }))
}

const LOREM_IPSUM: usize = 0;
const CURLY_BRACKETS: usize = 1;
const SENTENCES: usize = 2;
const KEPT_LINES: usize = 3;

impl Rule for C4Quality {
    fn columns(&self) -> Vec<Column> {
        let none = |name, about, peer| Column::new(name, about, Bound::at_most(0.0)).peer("", peer);
        vec![
            none("lorem_ipsum", "lines with dummy text", "lorem_ipsum"),
            none("curly_brackets", "lines with an opening curly bracket", "curly_bracket"),
            Column::new("sentences", "sentences in the lines that stay", Bound::at_least(5.0))
                .peer("too_few_sentences", ""),
            Column::new("kept_lines", "share of the lines that stay", Bound::anything()),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let (text, options) = (page.text(), &self.options);
        let by_sentence;
        let lines: &[&str] = if options.split_paragraph {
            page.lines()
        } else {
            by_sentence = sentence_parts(text, options.language);
            &by_sentence
        };
        let speaks = self.phrases_in(text) != Found::default();
        let mut kept: Vec<Cow<str>> = Vec::new();
        let mut tokens = Vec::new();
        let (mut lorem_ipsum, mut curly_brackets, mut n_sentences) = (0, 0, 0);
        for line in lines {
            let Some(line) = self.shaped(strip(line)) else { continue };
            let edited = matches!(line, Cow::Owned(_));
            let found = if speaks || edited { self.phrases_in(&line) } else { Found::default() };
            if options.filter_lorem_ipsum && found.lorem_ipsum {
                lorem_ipsum += 1;
                ask.number(LOREM_IPSUM, f64::from(lorem_ipsum))?;
            }
            if options.filter_javascript && found.javascript {
                continue;
            }
            if options.filter_curly_bracket && line.contains('{') {
                curly_brackets += 1;
                ask.number(CURLY_BRACKETS, f64::from(curly_brackets))?;
            }
            if options.filter_policy && found.policy {
                continue;
            }
            n_sentences += if options.split_paragraph { count(&line, options.language, &mut tokens) } else { 1 };
            kept.push(line);
        }
        ask.number(LOREM_IPSUM, f64::from(lorem_ipsum))?;
        ask.number(CURLY_BRACKETS, f64::from(curly_brackets))?;
        ask.number(SENTENCES, n_sentences as f64)?;
        ask.number(KEPT_LINES, share(kept.len(), lines.len()))?;
        let joined = kept.join(if options.split_paragraph { "\n" } else { " " });
        let now = strip(&joined);
        if now != text {
            ask.text(now.to_owned());
            ask.edited("lines and citations taken out");
        }
        ControlFlow::Continue(())
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        let offends = |line: &str| match column {
            LOREM_IPSUM => self.phrases_in(line).lorem_ipsum,
            CURLY_BRACKETS => line.contains('{'),
            _ => false,
        };
        page.lines().iter().filter(|line| offends(line)).map(|line| place(page.text(), line)).collect()
    }
}

/// Which kinds of phrases a text has.
#[derive(Clone, Copy, Default, PartialEq)]
struct Found {
    lorem_ipsum: bool,
    javascript: bool,
    policy: bool,
}

impl C4Quality {
    /// The line without its citations, unless it goes for its shape.
    fn shaped<'a>(&self, line: &'a str) -> Option<Cow<'a, str>> {
        let options = &self.options;
        let words = || line.split(is_space).filter(|word| !word.is_empty());
        if let Ok(most) = usize::try_from(options.max_word_length)
            && line.len() > most
            && words().any(|word| word.len() > most && length(word) > most)
        {
            return None;
        }
        let least = usize::try_from(options.min_words_per_line).unwrap_or(0);
        let few = words().take(least).count() < least;
        let line = if options.remove_citations { without_citations(line) } else { line.into() };
        let ends = line.ends_with(['.', '?', '!', '"', '\'']) && !line.ends_with("...");
        if options.filter_no_terminal_punct && !ends || few { None } else { Some(line) }
    }

    fn phrases_in(&self, text: &str) -> Found {
        // The only letter beyond ASCII whose small form is a letter of these phrases is the Kelvin sign.
        let text = if text.contains('\u{212a}') { Cow::from(text.replace('\u{212a}', "k")) } else { text.into() };
        let mut found = Found::default();
        for hit in self.phrases.find_overlapping_iter(text.as_ref()) {
            match hit.pattern().as_usize() {
                0 => found.lorem_ipsum = true,
                1 => found.javascript = true,
                _ => found.policy = true,
            }
        }
        found
    }
}

/// The text without `[12]`, `[]`, `[edit]` and `[citation needed]`.
fn without_citations(line: &str) -> Cow<'_, str> {
    let (mut out, mut done) = (String::new(), 0);
    for at in memchr::memchr_iter(b'[', line.as_bytes()) {
        let inside = &line[at + 1..];
        let number = inside.trim_start_matches(is_digit);
        let mut behind =
            [number, inside.strip_prefix("edit").unwrap_or(""), inside.strip_prefix("citation needed").unwrap_or("")];
        if let Some(rest) = behind.iter_mut().find_map(|rest| rest.strip_prefix(']')) {
            out.push_str(&line[done..at]);
            done = line.len() - rest.len();
        }
    }
    if done == 0 {
        return line.into();
    }
    out.push_str(&line[done..]);
    out.into()
}

/// Sentences in a line, one at least.
fn count(line: &str, language: Language, tokens: &mut Vec<Token>) -> usize {
    with_splitter(language, |splitter| splitter.split_into(line, tokens));
    sentences(tokens).len().max(1)
}

/// The text in pieces that end where sentences do.
fn sentence_parts(text: &str, language: Language) -> Vec<&str> {
    let tokens = with_splitter(language, |splitter| splitter.split(text));
    let mut ends: Vec<usize> = sentences(&tokens).iter().map(|end| tokens[end - 1].end as usize).collect();
    // What follows the last sentence belongs to it.
    ends.pop();
    ends.push(text.len());
    let starts: Vec<usize> = std::iter::once(0).chain(ends.iter().copied()).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &text[start..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_go_and_other_brackets_stay() {
        let line = "A[1] b[] c[edit] d[citation needed] e[x] f[[2]] g[٣] h[1 i";
        assert_eq!(without_citations(line), "A b c d e[x] f[] g h[1 i");
        assert!(matches!(without_citations("a[b]"), Cow::Borrowed("a[b]")));
    }

    #[test]
    fn pieces_end_where_sentences_do() {
        let text = " One. Two!  Three. ";
        assert_eq!(sentence_parts(text, Language::English), [" One.", " Two!", "  Three. "]);
        assert_eq!(sentence_parts("", Language::English), [""]);
    }
}
