//! Writing shards part by part; memory is bounded by one part.

use super::{ALIGN, HEADER, INDEX_FILE, Index, Layout, MAGIC, Part, ShardError, TokenSink, VERSION};
use aquifer_record::{FileError, files};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where a part's header says whether it has a mask.
const MASK_FLAG: usize = 40;

/// What the tokens mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardMeta {
    /// Entries in the vocabulary; up to 65,536 are stored as u16, more as u32.
    pub vocab_size: usize,
    /// Of the `tokenizer.json` that made the tokens.
    pub tokenizer_sha256: String,
}

/// Writes documents as token shards.
pub struct ShardWriter {
    dir: PathBuf,
    meta: ShardMeta,
    part_tokens: usize,
    parts: Vec<Part>,
    text_bytes: u64,
    masked: bool,
    pending: Pending,
}

/// Documents that wait for their part to be full.
#[derive(Default)]
struct Pending {
    /// As they will be stored.
    tokens: Vec<u8>,
    token_ends: Vec<u64>,
    text_bytes: Vec<u64>,
    id_ends: Vec<u64>,
    ids: Vec<u8>,
    mask: Vec<bool>,
}

impl ShardWriter {
    /// Starts a set of shards in `dir`, which is made if need be; shards already there are gone from this moment.
    pub fn create(dir: &Path, meta: ShardMeta) -> Result<Self, ShardError> {
        std::fs::create_dir_all(dir).map_err(FileError::at("create the folder", dir))?;
        let index = dir.join(INDEX_FILE);
        if index.exists() {
            std::fs::remove_file(&index).map_err(FileError::at("remove", &index))?;
        }
        let pending = Pending::default();
        let (part_tokens, dir) = (1 << 26, dir.to_path_buf());
        Ok(ShardWriter { dir, meta, part_tokens, parts: Vec::new(), text_bytes: 0, masked: false, pending })
    }

    /// Ends a part after the document that brings it to this many tokens (default 2²⁶).
    pub fn part_tokens(mut self, tokens: usize) -> Self {
        self.part_tokens = tokens.max(1);
        self
    }

    /// Appends a document: its id, the UTF-8 bytes of its text, its tokens, and which of them the loss counts
    /// (`None`: all). The shards have a mask once one document has.
    ///
    /// # Errors
    /// [`ShardError::Vocabulary`] for a token outside the vocabulary, [`ShardError::Mask`] for a mask of another
    /// length, [`ShardError::File`] when a full part cannot be written.
    pub fn push(&mut self, id: &str, text_bytes: u64, tokens: &[u32], mask: Option<&[bool]>) -> Result<(), ShardError> {
        check_document(id, tokens, mask, self.meta.vocab_size)?;
        if mask.is_some() && !self.masked {
            self.begin_masks()?;
        }
        let pending = &mut self.pending;
        let end = pending.token_ends.last().copied().unwrap_or(0) + tokens.len() as u64;
        if self.masked {
            match mask {
                Some(mask) => pending.mask.extend_from_slice(mask),
                None => pending.mask.resize(pending.mask.len() + tokens.len(), true),
            }
        }
        pending.tokens.extend(token_bytes(tokens, width_of(self.meta.vocab_size)));
        pending.token_ends.push(end);
        pending.text_bytes.push(text_bytes);
        pending.ids.extend_from_slice(id.as_bytes());
        pending.id_ends.push(pending.ids.len() as u64);
        self.text_bytes += text_bytes;
        if end >= self.part_tokens as u64 { self.end_part() } else { Ok(()) }
    }

    /// From here on there is a mask, and everything before is learned.
    fn begin_masks(&mut self) -> Result<(), ShardError> {
        self.masked = true;
        self.pending.mask = vec![true; self.pending.token_ends.last().copied().unwrap_or(0) as usize];
        for part in &mut self.parts {
            let path = self.dir.join(&part.file);
            let file = std::fs::File::open(&path).map_err(FileError::at("read", &path))?;
            // SAFETY: this writer has just written the file and replaces it by renaming, never in place.
            let bytes = unsafe { Mmap::map(&file) }.map_err(FileError::at("map", &path))?;
            let mut digest = Sha256::new();
            files::write_atomic(&path, |out| {
                let mut out = Sections { out, digest: &mut digest, at: 0 };
                // A mask is the last section, so that only the flag in the header changes before it.
                out.write(&bytes[..MASK_FLAG])?;
                out.write(&1_u64.to_le_bytes())?;
                out.write(&bytes[MASK_FLAG + 8..])?;
                let (whole, rest) = (part.tokens as usize / 8, part.tokens % 8);
                let end = (out.at + part.tokens.div_ceil(8) as usize).next_multiple_of(ALIGN);
                let last = (rest > 0).then(|| [(1_u8 << rest) - 1]);
                out.section(end, std::iter::repeat_n([u8::MAX], whole).chain(last))?;
                part.bytes = end as u64;
                Ok(())
            })?;
            part.sha256 = hex(digest);
        }
        Ok(())
    }

    /// Writes what is left and the index that makes the shards whole. Returns the SHA-256 that names them.
    pub fn finish(mut self) -> Result<String, ShardError> {
        if !self.pending.token_ends.is_empty() {
            self.end_part()?;
        }
        let mut index = Index {
            format: "aquifer token shards".to_owned(),
            version: VERSION,
            meta: self.meta,
            documents: self.parts.iter().map(|part| part.documents).sum(),
            tokens: self.parts.iter().map(|part| part.tokens).sum(),
            text_bytes: self.text_bytes,
            loss_mask: self.masked,
            parts: self.parts,
            sha256: String::new(),
        };
        index.sha256 = index.digest();
        let mut json = serde_json::to_vec_pretty(&index).expect("a struct of strings and numbers serialises");
        json.push(b'\n');
        files::write_atomic_bytes(&self.dir.join(INDEX_FILE), &json)?;
        Ok(index.sha256)
    }

    fn end_part(&mut self) -> Result<(), ShardError> {
        let part = std::mem::take(&mut self.pending);
        let (width, masked) = (width_of(self.meta.vocab_size), self.masked);
        let (documents, tokens) = (part.token_ends.len() as u64, part.token_ends.last().copied().unwrap_or(0));
        let layout = Layout::new(width, documents, tokens, part.ids.len() as u64, masked)
            .expect("what is in memory has addresses");
        let file = format!("part-{:05}.tokens", self.parts.len());
        let mut digest = Sha256::new();
        files::write_atomic(&self.dir.join(&file), |out| {
            let mut out = Sections { out, digest: &mut digest, at: 0 };
            out.header(width, documents, tokens, part.ids.len() as u64, masked)?;
            out.section(layout.token_ends, [part.tokens.as_slice()])?;
            out.section(layout.text_bytes, part.token_ends.iter().map(|n| n.to_le_bytes()))?;
            out.section(layout.id_ends, part.text_bytes.iter().map(|n| n.to_le_bytes()))?;
            out.section(layout.ids, part.id_ends.iter().map(|n| n.to_le_bytes()))?;
            out.section(layout.mask, [part.ids.as_slice()])?;
            let bits = part.mask.chunks(8).map(|c| [c.iter().rev().fold(0_u8, |byte, &bit| byte << 1 | u8::from(bit))]);
            out.section(layout.total, bits)
        })?;
        self.parts.push(Part { file, documents, tokens, bytes: layout.total as u64, sha256: hex(digest) });
        Ok(())
    }
}

impl TokenSink for ShardWriter {
    fn push(&mut self, id: &str, text_bytes: u64, tokens: &[u32], mask: Option<&[bool]>) -> Result<(), ShardError> {
        ShardWriter::push(self, id, text_bytes, tokens, mask)
    }

    fn finish(self: Box<Self>) -> Result<(), ShardError> {
        ShardWriter::finish(*self).map(drop)
    }
}

/// Bytes a token of such a vocabulary is stored in.
pub(super) fn width_of(vocab_size: usize) -> usize {
    if vocab_size <= 1 << 16 { 2 } else { 4 }
}

/// Tokens as they are stored.
pub(super) fn token_bytes(tokens: &[u32], width: usize) -> Vec<u8> {
    match width {
        2 => tokens.iter().flat_map(|token| (*token as u16).to_le_bytes()).collect(),
        _ => tokens.iter().flat_map(|token| token.to_le_bytes()).collect(),
    }
}

/// Whether the tokens are in the vocabulary and the mask is as long as they are.
pub(super) fn check_document(
    id: &str,
    tokens: &[u32],
    mask: Option<&[bool]>,
    vocab_size: usize,
) -> Result<(), ShardError> {
    if let Some(position) = tokens.iter().position(|&token| token as usize >= vocab_size) {
        let token = tokens[position];
        return Err(ShardError::Vocabulary { id: id.to_owned(), token, position, vocab_size });
    }
    match mask {
        Some(mask) if mask.len() != tokens.len() => {
            let what = format!("{} tokens, but a loss mask of {}", tokens.len(), mask.len());
            Err(ShardError::Mask { id: id.to_owned(), what })
        }
        _ => Ok(()),
    }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes sections, padded, and hashes what passes.
struct Sections<'a> {
    out: &'a mut dyn Write,
    digest: &'a mut Sha256,
    at: usize,
}

impl Sections<'_> {
    fn header(&mut self, width: usize, documents: u64, tokens: u64, id_bytes: u64, mask: bool) -> io::Result<()> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&(width as u32).to_le_bytes());
        for number in [documents, tokens, id_bytes, u64::from(mask), 0, 0] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        self.write(&header)
    }

    /// Writes `items` and zeros up to `end`, where the next section starts.
    fn section<B: AsRef<[u8]>>(&mut self, end: usize, items: impl IntoIterator<Item = B>) -> io::Result<()> {
        let mut block = Vec::with_capacity(1 << 16);
        for item in items {
            block.extend_from_slice(item.as_ref());
            if block.len() >= 1 << 16 {
                self.write(&block)?;
                block.clear();
            }
        }
        self.write(&block)?;
        debug_assert!(end >= self.at && end - self.at < ALIGN);
        self.write(&[0; ALIGN][..end - self.at])
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.at += bytes.len();
        self.out.write_all(bytes)
    }
}
