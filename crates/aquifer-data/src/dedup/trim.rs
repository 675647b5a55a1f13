//! Methods that cut out what stands elsewhere already, or let a document go without telling of which it is a copy.

use super::bloom::Bloom;
use super::sentence::{Fate, SentenceDedup};
use super::spill::Spill;
use super::substring::{self, Occurrences};
use aquifer_corpus::Document;
use aquifer_record::FileError;
use std::ops::Range;

/// Such a method.
pub enum Trim {
    /// Spans of sentences, lines or paragraphs.
    Spans(SentenceDedup),
    /// Stretches of at least so many bytes.
    Substrings(usize, Occurrences),
    /// Documents most of whose shingles were met before.
    Bloom(Bloom),
}

/// What became of documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trimmed {
    /// Those that stay, in order, perhaps with less text.
    pub kept: Vec<Document>,
    /// Those that went, in order, as they were.
    pub removed: Vec<Document>,
    /// How many of those that stay have less text.
    pub cut: usize,
}

/// Applies the method. Dialogues count, but nothing is cut out of them: their turns would say something else than their text.
///
/// # Errors
/// If sorting cannot write or read.
pub fn trim(documents: Vec<Document>, method: &mut Trim, spill: &Spill) -> Result<Trimmed, FileError> {
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    let fates: Vec<Fate> = match method {
        Trim::Spans(spans) => {
            let repeated = spans.repeated(texts.iter().copied(), &[], spill)?;
            crate::parallel::map(texts.len(), |i| spans.cut(texts[i], &repeated.starts[i]))
        }
        Trim::Substrings(length, which) => {
            let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            let found = substring::repeated(&bytes, *length, *which, spill.clone())?;
            let fate = |(text, ranges): (&&str, &Vec<Range<usize>>)| match substring::without(text, ranges) {
                kept if kept == **text => Fate::Stays,
                kept if kept.trim().is_empty() => Fate::Goes,
                kept => Fate::Cut(kept),
            };
            texts.iter().zip(&found).map(fate).collect()
        }
        Trim::Bloom(bloom) => {
            bloom.filter(&texts).into_iter().map(|stays| if stays { Fate::Stays } else { Fate::Goes }).collect()
        }
    };
    let mut trimmed = Trimmed::default();
    for (mut document, fate) in documents.into_iter().zip(fates) {
        match fate {
            Fate::Goes => trimmed.removed.push(document),
            Fate::Cut(text) if !document.metadata.contains_key("messages") => {
                document.text = text;
                trimmed.cut += 1;
                trimmed.kept.push(document);
            }
            Fate::Cut(_) | Fate::Stays => trimmed.kept.push(document),
        }
    }
    Ok(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::bloom::BloomOptions;
    use crate::dedup::sentence::SentenceOptions;
    use aquifer_corpus::Message;
    use aquifer_text::shingles::{sentences, white_space_words};
    use aquifer_text::words::Language;

    #[test]
    fn what_is_cut_and_what_goes() {
        let line = "This line stands in all of the documents there are here, word for word.\n";
        let said = [Message::new("user", line), Message::new("assistant", "Yes.")];
        let documents = [
            Document::new("a", format!("{line}First.")),
            Document::new("b", format!("Second.\n{line}")),
            Document::new("c", line),
            Document::dialogue("d", &said),
        ];
        let ids = |documents: &[Document]| documents.iter().map(|d| d.id.clone()).collect::<Vec<_>>().concat();
        let run = |mut method: Trim| trim(documents.to_vec(), &mut method, &Spill::to_temporary(0)).unwrap();
        let lines = SentenceDedup {
            options: SentenceOptions::lines(),
            sentences: sentences(Language::English),
            words: white_space_words(),
        };
        for method in [Trim::Spans(lines), Trim::Substrings(50, Occurrences::Later)] {
            let trimmed = run(method);
            assert_eq!((ids(&trimmed.kept), ids(&trimmed.removed), trimmed.cut), ("abd".into(), "c".into(), 1));
            assert_eq!(trimmed.kept[1].text.trim_end(), "Second.");
            assert_eq!(trimmed.kept[2], documents[3]);
        }
        let bloom = Bloom::new(&BloomOptions { bytes: 1 << 12, ..Default::default() }, white_space_words());
        let trimmed = run(Trim::Bloom(bloom));
        // Of three runs of 13 words `b` and `d` share two, `c` both of its own.
        assert_eq!((ids(&trimmed.kept), ids(&trimmed.removed), trimmed.cut), ("abd".into(), "c".into(), 0));
    }
}
