//! Reading shards: every part is mapped, checked once against its hash, and handed out document by document.

use super::foreign::{Foreign, unreadable};
use super::write::width_of;
use super::{HEADER, INDEX_FILE, Index, Layout, MAGIC, ShardError, ShardFormat, ShardMeta, VERSION};
use super::{datatrove, megatron};
use aquifer_record::{FileError, sha256_hex};
use memmap2::Mmap;
use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

/// An open set of token shards, ours or another program's.
pub struct TokenShards {
    format: ShardFormat,
    meta: ShardMeta,
    tokens: u64,
    text_bytes: u64,
    loss_mask: bool,
    sha256: String,
    parts: Vec<Opened>,
    /// Documents in the parts before each, and in all of them at the end.
    starts: Vec<u64>,
}

/// A file of tokens.
enum Opened {
    Own(Mapped),
    Foreign(Foreign),
}

/// The tokens of one document, as wide as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocTokens<'a> {
    /// Of a vocabulary of up to 65,536 entries.
    U16(&'a [u16]),
    /// Of a larger one.
    U32(&'a [u32]),
}

impl<'a> DocTokens<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            DocTokens::U16(tokens) => tokens.len(),
            DocTokens::U32(tokens) => tokens.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The token at `idx`.
    ///
    /// # Panics
    /// If there is none.
    pub fn get(&self, idx: usize) -> u32 {
        match self {
            DocTokens::U16(tokens) => u32::from(tokens[idx]),
            DocTokens::U32(tokens) => tokens[idx],
        }
    }

    /// One after another.
    pub fn iter(self) -> impl Iterator<Item = u32> + 'a {
        (0..self.len()).map(move |idx| self.get(idx))
    }

    /// All of them.
    pub fn to_vec(self) -> Vec<u32> {
        match self {
            DocTokens::U16(tokens) => tokens.iter().map(|&token| u32::from(token)).collect(),
            DocTokens::U32(tokens) => tokens.to_vec(),
        }
    }
}

impl TokenShards {
    /// Opens the shards at `path`, of whichever [layout](ShardFormat), and checks every byte of them.
    ///
    /// # Errors
    /// [`ShardError::Unfinished`] where there are none; [`ShardError::Damaged`] or, of foreign ones,
    /// [`ShardError::Unreadable`], naming the file, where anything is not as it was written.
    pub fn open(path: &Path) -> Result<Self, ShardError> {
        Self::open_as(path, true)
    }

    /// [`TokenShards::open`] without reading every token: sizes and structure are checked, hashes are not. Foreign shards,
    /// which do not say, then have no [`sha256`](Self::sha256), and as vocabulary all that their tokens could name.
    pub fn open_unhashed(path: &Path) -> Result<Self, ShardError> {
        Self::open_as(path, false)
    }

    fn open_as(path: &Path, hash: bool) -> Result<Self, ShardError> {
        match ShardFormat::at(path) {
            Some(ShardFormat::Aquifer) => Self::open_own(path, hash),
            Some(format) => Self::open_foreign(path, format, hash),
            None => Err(ShardError::Unfinished(path.to_path_buf())),
        }
    }

    fn open_foreign(path: &Path, format: ShardFormat, hash: bool) -> Result<Self, ShardError> {
        if cfg!(target_endian = "big") {
            return Err(unreadable(path, format, "it is little-endian and this machine is not"));
        }
        let (mut parts, mut starts, mut hashes) = (Vec::new(), vec![0], Vec::new());
        let (mut tokens, mut vocab_size, mut loss_mask) = (0, 0, false);
        for file in format.files(path) {
            let part = match format {
                ShardFormat::Megatron => megatron::open(&file)?,
                _ => datatrove::open(&file)?,
            };
            let mut possible = if part.width == 2 { 1 << 16 } else { 1 << 31 };
            if hash {
                let (largest, sha256) = part.read_through();
                if largest as usize >= possible {
                    return Err(unreadable(
                        &file,
                        format,
                        format!("it holds the token {largest}, beyond any vocabulary"),
                    ));
                }
                possible = largest as usize + 1;
                hashes.push(sha256);
            }
            tokens += part.total();
            vocab_size = possible.max(vocab_size);
            loss_mask |= part.loss.is_some();
            starts.push(starts[starts.len() - 1] + part.documents.len() as u64);
            parts.push(Opened::Foreign(part));
        }
        let sha256 = if hash { sha256_hex(hashes.join(" ").as_bytes()) } else { String::new() };
        let meta = ShardMeta { vocab_size, tokenizer_sha256: String::new() };
        Ok(TokenShards { format, meta, tokens, text_bytes: 0, loss_mask, sha256, parts, starts })
    }

    fn open_own(dir: &Path, hash: bool) -> Result<Self, ShardError> {
        let path = dir.join(INDEX_FILE);
        let damaged = |what: String| ShardError::Damaged { path: path.clone(), what };
        let json = std::fs::read(&path).map_err(FileError::at("read", &path))?;
        let index: Index = serde_json::from_slice(&json).map_err(|e| damaged(e.to_string()))?;
        if index.version != VERSION {
            let (now, then) = (VERSION, index.version);
            return Err(damaged(format!("it says format version {then}, this program reads version {now}")));
        }
        if index.digest() != index.sha256 {
            return Err(damaged("its own SHA-256 does not match its content".to_owned()));
        }
        let mut starts = vec![0];
        let mut parts = Vec::new();
        for part in &index.parts {
            let path = dir.join(&part.file);
            let mapped = Mapped::open(&path, &index.meta, index.loss_mask, hash.then_some(part.sha256.as_str()))?;
            if mapped.documents as u64 != part.documents {
                let what = format!("shards.json lists {} documents, it holds {}", part.documents, mapped.documents);
                return Err(ShardError::Damaged { path, what });
            }
            starts.push(starts.last().copied().unwrap_or(0) + part.documents);
            parts.push(Opened::Own(mapped));
        }
        let (listed, held) = (index.documents, starts.last().copied().unwrap_or(0));
        if listed != held {
            return Err(damaged(format!("it lists {listed} documents, its parts hold {held}")));
        }
        let Index { meta, tokens, text_bytes, loss_mask, sha256, .. } = index;
        Ok(TokenShards { format: ShardFormat::Aquifer, meta, tokens, text_bytes, loss_mask, sha256, parts, starts })
    }

    /// The layout they are in.
    pub fn format(&self) -> ShardFormat {
        self.format
    }

    /// Documents.
    pub fn len(&self) -> usize {
        self.starts[self.starts.len() - 1] as usize
    }

    /// Whether there are no documents.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens of all documents.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// UTF-8 bytes of all documents' texts; 0 where the layout does not say.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// What the tokens mean.
    pub fn meta(&self) -> &ShardMeta {
        &self.meta
    }

    /// The SHA-256 that names this set: equal sets have equal ones.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The tokens of document `i`.
    ///
    /// # Panics
    /// If there is none; so do the other methods that take a document.
    pub fn doc(&self, i: usize) -> DocTokens<'_> {
        match self.find(i) {
            (Opened::Own(part), i) => part.tokens(i),
            (Opened::Foreign(part), i) => part.tokens(i),
        }
    }

    /// The id of document `i`; where the layout has none, its file and its place in it.
    pub fn doc_id(&self, i: usize) -> Cow<'_, str> {
        match self.find(i) {
            (Opened::Own(part), i) => part.id(i).into(),
            (Opened::Foreign(part), i) => part.id(i).into(),
        }
    }

    /// The UTF-8 bytes of document `i`'s text, for bits per byte; 0 where the layout does not say.
    pub fn doc_bytes(&self, i: usize) -> u64 {
        match self.find(i) {
            (Opened::Own(part), i) => part.column(part.layout.text_bytes)[i],
            (Opened::Foreign(_), _) => 0,
        }
    }

    /// Which tokens of document `i` the loss counts; `None` when these shards have no mask, so all of them.
    pub fn doc_mask(&self, i: usize) -> Option<Vec<bool>> {
        let (part, i) = self.find(i);
        self.loss_mask.then(|| match part {
            Opened::Own(part) => part.mask(i),
            Opened::Foreign(part) => part.mask(i),
        })
    }

    fn find(&self, i: usize) -> (&Opened, usize) {
        assert!(i < self.len(), "document {i} of {}", self.len());
        let part = self.starts.partition_point(|&start| start <= i as u64) - 1;
        (&self.parts[part], i - self.starts[part] as usize)
    }
}

/// One part in the address space, its structure checked.
struct Mapped {
    bytes: Mmap,
    layout: Layout,
    width: usize,
    documents: usize,
}

impl Mapped {
    fn open(path: &Path, meta: &ShardMeta, masked: bool, sha256: Option<&str>) -> Result<Self, ShardError> {
        let damaged = |what: String| ShardError::Damaged { path: path.to_path_buf(), what };
        let file = File::open(path).map_err(FileError::at("read", path))?;
        // SAFETY: parts are written whole and renamed into place, never changed in place by this program; as with
        // every mapped file, another program truncating it meanwhile would end this one.
        let bytes = unsafe { Mmap::map(&file) }.map_err(FileError::at("map", path))?;
        if bytes.len() < HEADER || &bytes[..8] != MAGIC {
            return Err(damaged(format!("its {} bytes do not start with a shard header", bytes.len())));
        }
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let (width, documents, tokens, id_bytes) = (word(12) as usize, long(16), long(24), long(32));
        if word(8) != VERSION || width != width_of(meta.vocab_size) || long(40) != u64::from(masked) {
            return Err(damaged("its header disagrees with shards.json".to_owned()));
        }
        let layout = Layout::new(width, documents, tokens, id_bytes, masked);
        let layout = layout.filter(|l| l.total == bytes.len()).ok_or_else(|| {
            damaged(format!("its header asks for another size than its {} bytes (cut short?)", bytes.len()))
        })?;
        if let Some(expected) = sha256 {
            let found = sha256_hex(&bytes);
            if found != expected {
                return Err(damaged(format!("its SHA-256 is {found}, shards.json says {expected}")));
            }
        }
        let part = Mapped { width, documents: documents as usize, layout, bytes };
        part.check(tokens, id_bytes).map_err(damaged)?;
        Ok(part)
    }

    /// Boundaries ascend and end where the header says, so that no later slice can be out of range.
    fn check(&self, tokens: u64, id_bytes: u64) -> Result<(), String> {
        if cfg!(target_endian = "big") {
            return Err("token shards are little-endian and this machine is not".to_owned());
        }
        for (name, ends, total) in [
            ("token ends", self.column(self.layout.token_ends), tokens),
            ("id ends", self.column(self.layout.id_ends), id_bytes),
        ] {
            if !ends.is_sorted() || ends.last().copied().unwrap_or(0) != total {
                return Err(format!("its {name} do not ascend to {total}"));
            }
        }
        let ids = &self.bytes[self.layout.ids..self.layout.ids + id_bytes as usize];
        let ids = std::str::from_utf8(ids).map_err(|e| format!("its ids are not UTF-8: {e}"))?;
        if !self.column(self.layout.id_ends).iter().all(|&end| ids.is_char_boundary(end as usize)) {
            return Err("an id ends inside a character".to_owned());
        }
        Ok(())
    }

    fn column(&self, at: usize) -> &[u64] {
        cast(&self.bytes[at..at + self.documents * 8])
    }

    fn range(ends: &[u64], i: usize) -> std::ops::Range<usize> {
        (if i == 0 { 0 } else { ends[i - 1] as usize })..ends[i] as usize
    }

    fn tokens(&self, i: usize) -> DocTokens<'_> {
        let range = Self::range(self.column(self.layout.token_ends), i);
        let start = self.layout.tokens;
        let bytes = &self.bytes[start + range.start * self.width..start + range.end * self.width];
        if self.width == 2 { DocTokens::U16(cast(bytes)) } else { DocTokens::U32(cast(bytes)) }
    }

    fn id(&self, i: usize) -> &str {
        let range = Self::range(self.column(self.layout.id_ends), i);
        let bytes = &self.bytes[self.layout.ids + range.start..self.layout.ids + range.end];
        std::str::from_utf8(bytes).expect("checked when opened")
    }

    fn mask(&self, i: usize) -> Vec<bool> {
        let bits = &self.bytes[self.layout.mask..];
        Self::range(self.column(self.layout.token_ends), i).map(|at| bits[at / 8] >> (at % 8) & 1 == 1).collect()
    }
}

/// Little-endian integers where they lie: sections start at multiples of their width of a page-aligned map.
pub(super) fn cast<T: Copy>(bytes: &[u8]) -> &[T] {
    // SAFETY: T is u16, u32 or u64 here, for which every bit pattern is a value; `align_to` keeps alignment.
    let (before, middle, after) = unsafe { bytes.align_to::<T>() };
    assert!(before.is_empty() && after.is_empty(), "sections are aligned");
    middle
}
