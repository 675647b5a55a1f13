//! Where tokens come from: documents by index, whatever holds them.

use aquifer_corpus::DocTokens;
use std::ops::Range;

/// Tokenised documents, addressed by number. The order is fixed; shuffling is the packer's.
pub trait TokenSource: Send + Sync {
    /// How many documents there are.
    fn documents(&self) -> usize;

    /// Tokens of document `doc`.
    fn tokens_in(&self, doc: usize) -> usize;

    /// The id that document `doc` came with.
    fn id(&self, doc: usize) -> String;

    /// Appends the tokens of `range` to `out`.
    fn read(&self, doc: usize, range: Range<usize>, out: &mut Vec<u32>);

    /// UTF-8 bytes of all the texts, where known.
    fn text_bytes(&self) -> Option<u64> {
        None
    }

    /// Appends, for each token of `range`, whether it is to be learned; `false` if every one is, and then
    /// nothing is appended.
    fn read_mask(&self, _doc: usize, _range: Range<usize>, _out: &mut Vec<bool>) -> bool {
        false
    }
}

impl TokenSource for aquifer_corpus::TokenShards {
    fn documents(&self) -> usize {
        self.len()
    }

    fn tokens_in(&self, doc: usize) -> usize {
        self.doc(doc).len()
    }

    fn id(&self, doc: usize) -> String {
        self.doc_id(doc).to_owned()
    }

    fn read(&self, doc: usize, range: Range<usize>, out: &mut Vec<u32>) {
        match self.doc(doc) {
            DocTokens::U16(tokens) => out.extend(tokens[range].iter().map(|&token| u32::from(token))),
            DocTokens::U32(tokens) => out.extend_from_slice(&tokens[range]),
        }
    }

    fn text_bytes(&self) -> Option<u64> {
        Some(self.text_bytes())
    }

    fn read_mask(&self, doc: usize, range: Range<usize>, out: &mut Vec<bool>) -> bool {
        let Some(mask) = self.doc_mask(doc) else { return false };
        out.extend_from_slice(&mask[range]);
        true
    }
}

/// Documents held in memory: small texts and tests.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    documents: Vec<(String, Vec<u32>, Option<Vec<bool>>)>,
}

impl InMemory {
    /// No documents yet.
    pub fn new() -> Self {
        InMemory::default()
    }

    /// Adds a document; `mask`, where given, is as long as `tokens` and says which to learn.
    ///
    /// # Panics
    /// If the two lengths differ.
    pub fn push(&mut self, id: impl Into<String>, tokens: Vec<u32>, mask: Option<Vec<bool>>) {
        let masked = mask.as_ref().map_or(tokens.len(), Vec::len);
        assert_eq!(masked, tokens.len(), "a mask has one entry a token");
        self.documents.push((id.into(), tokens, mask));
    }
}

impl TokenSource for InMemory {
    fn documents(&self) -> usize {
        self.documents.len()
    }

    fn tokens_in(&self, doc: usize) -> usize {
        self.documents[doc].1.len()
    }

    fn id(&self, doc: usize) -> String {
        self.documents[doc].0.clone()
    }

    fn read(&self, doc: usize, range: Range<usize>, out: &mut Vec<u32>) {
        out.extend_from_slice(&self.documents[doc].1[range]);
    }

    fn read_mask(&self, doc: usize, range: Range<usize>, out: &mut Vec<bool>) -> bool {
        let Some(mask) = &self.documents[doc].2 else { return false };
        out.extend_from_slice(&mask[range]);
        true
    }
}
