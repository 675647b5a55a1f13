//! Long documents cut at paragraphs, so that a novel can be shuffled, deduplicated and held out in parts.

use crate::Document;

/// Cuts `document` into pieces of at most about `max_bytes`, at the best boundary near the end of each: an
/// empty line, else a line, else a sentence, else a space, else any character. A document that fits comes
/// back as it is; the pieces of one that does not are numbered from 1: `id#1`, `id#2`, …. Joined again, the
/// pieces are the text, byte for byte. Dialogues are never cut.
pub fn cut_document(document: Document, max_bytes: usize) -> Vec<Document> {
    if document.text.len() <= max_bytes || document.metadata.contains_key("messages") {
        return vec![document];
    }
    let mut pieces = Vec::new();
    let mut rest = document.text.as_str();
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(boundary(rest, max_bytes));
        let id = format!("{}#{}", document.id, pieces.len() + 1);
        pieces.push(Document { id, text: piece.to_owned(), metadata: document.metadata.clone() });
        rest = left;
    }
    pieces
}

/// [`cut_document`] over many.
pub fn cut_documents(documents: impl IntoIterator<Item = Document>, max_bytes: usize) -> Vec<Document> {
    documents.into_iter().flat_map(|document| cut_document(document, max_bytes)).collect()
}

/// Where to end the first piece of `text`: at most `max_bytes` (but at least one character), a character boundary.
///
/// A break counts only in the last three quarters of the piece, so that pieces do not come out tiny.
pub(crate) fn boundary(text: &str, max_bytes: usize) -> usize {
    if text.len() <= max_bytes {
        return text.len();
    }
    let end = floor_char(text, max_bytes);
    if end == 0 {
        return text.chars().next().map_or(0, char::len_utf8);
    }
    let (window, start) = (&text[..end], end / 4);
    let after = |found: Option<usize>, width: usize| found.map(|at| at + width).filter(|&at| at > start);
    let sentence = || {
        let stops = window.char_indices().rev().take_while(|(at, _)| *at >= start);
        stops
            .into_iter()
            .find(|(_, c)| matches!(c, '。' | '！' | '？' | '!' | '?' | '.'))
            .map(|(at, c)| at + c.len_utf8())
    };
    after(window.rfind("\n\n"), 2)
        .or_else(|| after(window.rfind("\r\n\r\n"), 4))
        .or_else(|| after(window.rfind('\n'), 1))
        .or_else(sentence)
        .or_else(|| after(window.rfind(' '), 1))
        .unwrap_or(end)
}

fn floor_char(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_prefer_paragraphs_then_lines_then_sentences() {
        let ends = |text: &str, max| cut_document(Document::new("f", text), max)[0].text.clone();
        assert_eq!(ends("one two\nthree\n\nfour five six", 18), "one two\nthree\n\n");
        assert_eq!(ends("one two\nthree four", 10), "one two\n");
        assert_eq!(ends("一句话。另一句话，很长很长", 24), "一句话。");
        assert_eq!(ends("aaaaaaaaaaaa", 5), "aaaaa");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "(?s).{0,200}", max in 1_usize..60) {
            let pieces = cut_document(Document::new("f", text.clone()), max);
            let joined: String = pieces.iter().map(|p| p.text.as_str()).collect();
            prop_assert_eq!(joined, text);
            prop_assert!(pieces.iter().all(|p| p.text.len() <= max.max(4)));
        }
    }
}
