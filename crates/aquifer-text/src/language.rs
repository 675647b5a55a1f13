//! Which language a text is in, by a small model of our own.
//!
//! The model is a quantised fastText classifier over character n-grams, trained by `examples/language.rs` from the
//! Universal Declaration of Human Rights and a few novels, all of them in the public domain; see `models/README.md` for
//! how well it does. Models of others, such as lid.176, are read by [`FastText`] as they are.

use crate::fasttext::{FastText, Scratch};
use std::sync::OnceLock;

/// A language and how probable it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Language {
    /// ISO 639-1 where it has a code of two letters, else ISO 639-3.
    pub code: &'static str,
    /// Between 0 and 1.
    pub probability: f32,
}

/// The `k` most probable languages of a text, best first; none for a text without letters.
///
/// ```
/// use aquifer_text::language::languages;
/// let mut scratch = Default::default();
/// assert_eq!(languages("Alle Menschen sind frei und gleich an Würde geboren.", 1, &mut scratch)[0].code, "de");
/// assert!(languages("123 …", 1, &mut scratch).is_empty());
/// ```
pub fn languages(text: &str, k: usize, scratch: &mut Scratch) -> Vec<Language> {
    let letters = letters(text);
    if letters.is_empty() {
        return Vec::new();
    }
    let predictions = model().predict_with(&letters, k, 0.0, scratch);
    let language =
        |p: crate::fasttext::Prediction<'static>| Language { code: p.label, probability: p.probability.min(1.0) };
    predictions.into_iter().map(language).collect()
}

/// The codes of all languages that are known.
pub fn codes() -> &'static [String] {
    model().labels()
}

fn model() -> &'static FastText {
    static MODEL: OnceLock<FastText> = OnceLock::new();
    MODEL.get_or_init(|| {
        let bytes = include_bytes!("../models/language.ftz");
        FastText::from_bytes(bytes, "language.ftz").expect("the model that is built in is sound")
    })
}

/// What the model is shown, in training and after: words of letters in lower case, one space between them. Case,
/// digits and punctuation say little of the language and much of the page.
pub fn letters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut between = false;
    for c in text.chars() {
        // Marks of Indic and other scripts are no letters to Unicode, but spell words; they lie beyond Latin.
        let spells = c.is_alphabetic() || matches!(c, '\'' | '’' | 'ʼ') || (c > '\u{2FF}' && !is_punctuation(c));
        if !spells {
            between = true;
            continue;
        }
        if std::mem::take(&mut between) && !out.is_empty() {
            out.push(' ');
        }
        match c {
            '’' | 'ʼ' => out.push('\''),
            c => out.extend(c.to_lowercase()),
        }
    }
    if out.bytes().all(|byte| matches!(byte, b'\'' | b' ')) {
        out.clear();
    }
    out
}

fn is_punctuation(c: char) -> bool {
    c.is_whitespace()
        || c.is_numeric()
        || matches!(c, '\u{2000}'..='\u{2BFF}' | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{303F}' | '\u{FF00}'..='\u{FF20}' | '\u{FF3B}'..='\u{FF40}' | '\u{FF5B}'..='\u{FF65}')
        || matches!(c, '।' | '॥' | '،' | '؛' | '؟' | '۔' | '·' | '・' | '։' | '׃' | '\u{FEFF}' | '\u{E000}'..='\u{F8FF}' | '\u{1F000}'..='\u{1FAFF}')
}
