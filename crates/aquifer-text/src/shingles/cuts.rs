//! Ways to cut a text into words or sentences.

use crate::words::{self, Language, with_splitter};
use std::ops::Range;
use std::sync::Arc;

/// Cuts a text: byte ranges in order, none of them empty, appended to the list.
pub type Cuts = Arc<dyn Fn(&str, &mut Vec<Range<usize>>) + Send + Sync>;

/// Words as runs of anything but white space.
pub fn white_space_words() -> Cuts {
    Arc::new(|text, cuts| {
        let base = text.as_ptr() as usize;
        cuts.extend(text.split_whitespace().map(|word| {
            let start = word.as_ptr() as usize - base;
            start..start + word.len()
        }));
    })
}

/// Words and punctuation marks as spaCy cuts them, without white space: datatrove's `word_tokenize`.
pub fn words(language: Language) -> Cuts {
    Arc::new(move |text, cuts| {
        let tokens = with_splitter(language, |splitter| splitter.split(text));
        let words = tokens.iter().filter(|token| !token.is_space());
        cuts.extend(words.map(|token| token.start as usize..token.end as usize));
    })
}

/// Sentences as spaCy's sentencizer ends them, from their first token to their last: datatrove's `span_tokenize`.
pub fn sentences(language: Language) -> Cuts {
    Arc::new(move |text, cuts| {
        let tokens = with_splitter(language, |splitter| splitter.split(text));
        let mut from = 0;
        for to in words::sentences(&tokens) {
            cuts.push(tokens[from].start as usize..tokens[to - 1].end as usize);
            from = to;
        }
    })
}
