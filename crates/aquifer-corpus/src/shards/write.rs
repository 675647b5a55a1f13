//! Writing shards part by part; memory is bounded by one part.

use super::{ALIGN, HEADER, INDEX_FILE, Index, Layout, MAGIC, Part, ShardError, VERSION};
use aquifer_record::{FileError, files};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
    masked: Option<bool>,
    pending: Pending,
}

#[derive(Default)]
struct Pending {
    tokens: Vec<u32>,
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
        Ok(ShardWriter { dir, meta, part_tokens, parts: Vec::new(), text_bytes: 0, masked: None, pending })
    }

    /// Ends a part after the document that brings it to this many tokens (default 2²⁶).
    pub fn part_tokens(mut self, tokens: usize) -> Self {
        self.part_tokens = tokens.max(1);
        self
    }

    /// Appends a document: its id, the UTF-8 bytes of its text, its tokens, and which of them the loss counts
    /// (`None`: all). Either every document brings a mask or none does.
    ///
    /// # Errors
    /// [`ShardError::Vocabulary`] for a token outside the vocabulary, [`ShardError::Mask`] for a mask of another
    /// length or one given for some documents only, [`ShardError::File`] when a full part cannot be written.
    pub fn push(&mut self, id: &str, text_bytes: u64, tokens: &[u32], mask: Option<&[bool]>) -> Result<(), ShardError> {
        let vocab_size = self.meta.vocab_size;
        if let Some(position) = tokens.iter().position(|&token| token as usize >= vocab_size) {
            let token = tokens[position];
            return Err(ShardError::Vocabulary { id: id.to_owned(), token, position, vocab_size });
        }
        if *self.masked.get_or_insert(mask.is_some()) != mask.is_some() {
            let what = "a loss mask must be given for every document or for none".to_owned();
            return Err(ShardError::Mask { id: id.to_owned(), what });
        }
        if let Some(mask) = mask {
            if mask.len() != tokens.len() {
                let what = format!("{} tokens, but a loss mask of {}", tokens.len(), mask.len());
                return Err(ShardError::Mask { id: id.to_owned(), what });
            }
            self.pending.mask.extend_from_slice(mask);
        }
        let pending = &mut self.pending;
        pending.tokens.extend_from_slice(tokens);
        pending.token_ends.push(pending.tokens.len() as u64);
        pending.text_bytes.push(text_bytes);
        pending.ids.extend_from_slice(id.as_bytes());
        pending.id_ends.push(pending.ids.len() as u64);
        self.text_bytes += text_bytes;
        if self.pending.tokens.len() >= self.part_tokens { self.end_part() } else { Ok(()) }
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
            loss_mask: self.masked == Some(true),
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
        let width = if self.meta.vocab_size <= 1 << 16 { 2 } else { 4 };
        let (documents, tokens) = (part.token_ends.len() as u64, part.tokens.len() as u64);
        let masked = self.masked == Some(true);
        let layout = Layout::new(width, documents, tokens, part.ids.len() as u64, masked)
            .expect("what is in memory has addresses");
        let file = format!("part-{:05}.tokens", self.parts.len());
        let mut digest = Sha256::new();
        files::write_atomic(&self.dir.join(&file), |out| {
            let mut out = Sections { out, digest: &mut digest, at: 0 };
            out.header(width, documents, tokens, part.ids.len() as u64, masked)?;
            match width {
                2 => out.section(layout.token_ends, part.tokens.iter().map(|&t| (t as u16).to_le_bytes()))?,
                _ => out.section(layout.token_ends, part.tokens.iter().map(|&t| t.to_le_bytes()))?,
            }
            out.section(layout.text_bytes, part.token_ends.iter().map(|n| n.to_le_bytes()))?;
            out.section(layout.id_ends, part.text_bytes.iter().map(|n| n.to_le_bytes()))?;
            out.section(layout.ids, part.id_ends.iter().map(|n| n.to_le_bytes()))?;
            out.section(layout.mask, [part.ids.as_slice()])?;
            let bits = part.mask.chunks(8).map(|c| [c.iter().rev().fold(0_u8, |byte, &bit| byte << 1 | u8::from(bit))]);
            out.section(layout.total, bits)
        })?;
        let sha256 = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
        self.parts.push(Part { file, documents, tokens, bytes: layout.total as u64, sha256 });
        Ok(())
    }
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
