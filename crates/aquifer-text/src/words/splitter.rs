//! From a text to its tokens.

use super::cache::{Cache, LONGEST, Piece};
use super::characters::{is_punctuation, is_space};
use super::merge::merge;
use super::rules::Rules;
use super::sentences::is_mark;
use super::{Token, Traits, chinese};
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// Whose rules to cut by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// spaCy's `en`.
    #[serde(alias = "en", alias = "eng_Latn")]
    #[default]
    English,
    /// spaCy's `xx`: the rules common to languages with spaces between words.
    #[serde(alias = "xx")]
    Multi,
    /// spaCy's `zh` with jieba, as datatrove sets it up.
    #[serde(alias = "zh", alias = "cmn_Hani")]
    Chinese,
}

/// Cuts texts into tokens. It remembers what it has cut, so one is kept for many texts.
pub struct Splitter {
    language: Language,
    rules: Rules,
    cache: Cache,
}

/// Lends this thread's splitter for a language.
pub fn with_splitter<R>(language: Language, f: impl FnOnce(&mut Splitter) -> R) -> R {
    thread_local! {
        static SPLITTERS: RefCell<FxHashMap<Language, Splitter>> = RefCell::default();
    }
    SPLITTERS.with_borrow_mut(|all| f(all.entry(language).or_insert_with(|| Splitter::new(language))))
}

impl Splitter {
    /// A splitter that has seen nothing yet.
    pub fn new(language: Language) -> Self {
        Splitter { language, rules: Rules::new(language), cache: Cache::new() }
    }

    /// The tokens of a text, in order; of a text beyond 4 GiB, those of its beginning.
    pub fn split(&mut self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(text.len() / 5);
        self.split_into(text, &mut tokens);
        tokens
    }

    /// The same into a list that is emptied first.
    pub fn split_into(&mut self, text: &str, tokens: &mut Vec<Token>) {
        tokens.clear();
        let text = &text[..text.floor_char_boundary(u32::MAX as usize)];
        let mut may_merge = false;
        let mut at = 0;
        while at < text.len() {
            let (space, end) = run(text, at);
            if !space {
                may_merge |= self.chunk(text, at, end, tokens);
            } else {
                // One space between words belongs to neither.
                let from = if at > 0 && text.as_bytes()[at] == b' ' { at + 1 } else { at };
                if from < end {
                    let chars = text[from..end].chars().count() as u32;
                    tokens.push(Token { start: from as u32, end: end as u32, chars, traits: Traits(Traits::SPACE) });
                }
            }
            at = end;
        }
        if may_merge {
            let rules = &self.rules;
            merge(text, tokens, rules, |from, to| token(from, describe(&text[from..to], rules)));
        }
    }

    /// Adds the tokens of one chunk; true if one of them might begin a phrase.
    fn chunk(&mut self, text: &str, from: usize, to: usize, tokens: &mut Vec<Token>) -> bool {
        let (chunk, rules, language) = (&text[from..to], &self.rules, self.language);
        let make = |pieces: &mut Vec<Piece>| {
            let mut ends = Vec::new();
            match language {
                Language::Chinese => chinese::split(chunk, &mut ends),
                _ => rules.split(chunk, &mut ends),
            }
            let starts = std::iter::once(0).chain(ends.iter().copied());
            pieces.extend(starts.zip(&ends).map(|(start, &end)| describe(&chunk[start..end], rules)));
        };
        let mut long = Vec::new();
        let pieces = if chunk.len() <= LONGEST {
            self.cache.get(chunk, make)
        } else {
            make(&mut long);
            &long
        };
        let (mut at, mut begins) = (from, false);
        for piece in pieces {
            tokens.push(token(at, *piece));
            at += piece.len as usize;
            begins |= piece.traits.has(Traits::BEGINS_PHRASE);
        }
        begins
    }
}

fn token(start: usize, piece: Piece) -> Token {
    Token { start: start as u32, end: start as u32 + piece.len, chars: piece.chars, traits: piece.traits }
}

fn describe(text: &str, rules: &Rules) -> Piece {
    let mut traits = 0;
    for (is, bit) in [
        (text.chars().all(is_punctuation), Traits::PUNCTUATION),
        (is_mark(text), Traits::ENDS_SENTENCE),
        (rules.phrases(text).is_some(), Traits::BEGINS_PHRASE),
    ] {
        traits |= if is { bit } else { 0 };
    }
    Piece { len: text.len() as u32, chars: text.chars().count() as u32, traits: Traits(traits) }
}

/// Whether white space begins at `at`, and where the run of it, or of anything else, ends.
fn run(text: &str, at: usize) -> (bool, usize) {
    let bytes = text.as_bytes();
    let is_space_at = |at: usize| match bytes[at] {
        b if b < 0x80 => (matches!(b, b' ' | 9..=13 | 28..=31), 1),
        // No white space begins with another byte than these.
        0xc2 | 0xe1..=0xe3 => {
            let c = text[at..].chars().next().expect("`at` is inside the text");
            (is_space(c), c.len_utf8())
        }
        0xc0..0xe0 => (false, 2),
        0xe0..0xf0 => (false, 3),
        _ => (false, 4),
    };
    let (space, mut end) = (is_space_at(at).0, at);
    while end < bytes.len() {
        let (now, width) = is_space_at(end);
        if now != space {
            break;
        }
        end += width;
    }
    (space, end)
}
