//! Where tokens come from: documents by index, whatever holds them.

use aquifer_corpus::{DocTokens, TokenShards};
use std::ops::Range;
use std::sync::Arc;

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

    /// Tokens of all documents.
    fn tokens(&self) -> u64 {
        (0..self.documents()).map(|doc| self.tokens_in(doc) as u64).sum()
    }

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

/// Token shards, or some of their documents.
pub struct ShardPart {
    shards: Arc<TokenShards>,
    /// The documents that belong, ascending; `None` for all.
    documents: Option<Vec<usize>>,
}

impl ShardPart {
    /// The whole of it.
    pub fn all(shards: TokenShards) -> Self {
        ShardPart { shards: Arc::new(shards), documents: None }
    }

    /// Those documents of `shards` that are held out, and the others.
    ///
    /// # Panics
    /// If `held_out` has not one entry a document.
    pub fn split(shards: TokenShards, held_out: &[bool]) -> [ShardPart; 2] {
        assert_eq!(held_out.len(), shards.len(), "one entry for every document");
        let shards = Arc::new(shards);
        [true, false].map(|wanted| {
            let documents = (0..held_out.len()).filter(|&doc| held_out[doc] == wanted).collect();
            ShardPart { shards: shards.clone(), documents: Some(documents) }
        })
    }

    /// The shards it is a part of.
    pub fn shards(&self) -> &TokenShards {
        &self.shards
    }

    /// The SHA-256 that names these documents: of all of them that of the shards.
    pub fn sha256(&self) -> String {
        match &self.documents {
            None => self.shards.sha256().to_owned(),
            Some(documents) => {
                let list: Vec<String> = documents.iter().map(usize::to_string).collect();
                aquifer_record::sha256_hex(format!("{}: {}", self.shards.sha256(), list.join(" ")).as_bytes())
            }
        }
    }

    fn at(&self, doc: usize) -> usize {
        self.documents.as_ref().map_or(doc, |documents| documents[doc])
    }
}

impl TokenSource for ShardPart {
    fn documents(&self) -> usize {
        self.documents.as_ref().map_or(self.shards.len(), Vec::len)
    }

    fn tokens_in(&self, doc: usize) -> usize {
        self.shards.doc(self.at(doc)).len()
    }

    fn id(&self, doc: usize) -> String {
        self.shards.doc_id(self.at(doc)).into_owned()
    }

    fn read(&self, doc: usize, range: Range<usize>, out: &mut Vec<u32>) {
        match self.shards.doc(self.at(doc)) {
            DocTokens::U16(tokens) => out.extend(tokens[range].iter().map(|&token| u32::from(token))),
            DocTokens::U32(tokens) => out.extend_from_slice(&tokens[range]),
        }
    }

    fn text_bytes(&self) -> Option<u64> {
        let known = (0..self.documents()).map(|doc| self.shards.doc_bytes(self.at(doc)));
        Some(known.sum()).filter(|bytes| *bytes > 0)
    }

    fn read_mask(&self, doc: usize, range: Range<usize>, out: &mut Vec<bool>) -> bool {
        let Some(mask) = self.shards.doc_mask(self.at(doc)) else { return false };
        out.extend_from_slice(&mask[range]);
        true
    }
}

/// Several sources as one: their documents one after another.
pub struct Joined {
    sources: Vec<Arc<dyn TokenSource>>,
    /// Documents of the sources before each, and of all of them at the end.
    starts: Vec<usize>,
}

impl Joined {
    /// The documents of `sources`, in their order.
    pub fn new(sources: Vec<Arc<dyn TokenSource>>) -> Self {
        let mut starts = vec![0];
        starts.extend(sources.iter().scan(0, |before, source| {
            *before += source.documents();
            Some(*before)
        }));
        Joined { sources, starts }
    }

    fn find(&self, doc: usize) -> (&dyn TokenSource, usize) {
        let at = self.starts.partition_point(|start| *start <= doc) - 1;
        (&*self.sources[at], doc - self.starts[at])
    }
}

impl TokenSource for Joined {
    fn documents(&self) -> usize {
        self.starts[self.sources.len()]
    }

    fn tokens_in(&self, doc: usize) -> usize {
        let (source, doc) = self.find(doc);
        source.tokens_in(doc)
    }

    fn id(&self, doc: usize) -> String {
        let (source, doc) = self.find(doc);
        source.id(doc)
    }

    fn read(&self, doc: usize, range: Range<usize>, out: &mut Vec<u32>) {
        let (source, doc) = self.find(doc);
        source.read(doc, range, out);
    }

    fn text_bytes(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.text_bytes()).sum()
    }

    fn read_mask(&self, doc: usize, range: Range<usize>, out: &mut Vec<bool>) -> bool {
        let (source, doc) = self.find(doc);
        source.read_mask(doc, range, out)
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
