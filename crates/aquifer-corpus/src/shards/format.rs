//! The layouts of token shards that are read and written, told by what lies there.

use super::{ShardError, ShardMeta, ShardWriter, datatrove, megatron};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A layout of token shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardFormat {
    /// Ours: hashed parts and a `shards.json`.
    #[default]
    Aquifer,
    /// datatrove's `.ds` files.
    Datatrove,
    /// Megatron's `.bin` and `.idx`.
    Megatron,
}

/// Takes tokenised documents, one after another, and leaves token shards.
pub trait TokenSink {
    /// Appends a document: its id, the UTF-8 bytes of its text, its tokens, and which of them the loss counts
    /// (`None`: all).
    ///
    /// # Errors
    /// [`ShardError::Vocabulary`] for a token outside the vocabulary, [`ShardError::Mask`] for a mask of another
    /// length or one that the layout cannot keep, [`ShardError::File`] when a file cannot be written.
    fn push(&mut self, id: &str, text_bytes: u64, tokens: &[u32], mask: Option<&[bool]>) -> Result<(), ShardError>;

    /// Writes what is left; only now are there shards to be read.
    ///
    /// # Errors
    /// [`ShardError::File`] when a file cannot be written.
    fn finish(self: Box<Self>) -> Result<(), ShardError>;
}

impl ShardFormat {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            ShardFormat::Aquifer => "token shards",
            ShardFormat::Datatrove => "datatrove's tokens",
            ShardFormat::Megatron => "Megatron's indexed tokens",
        }
    }

    /// The layout of what lies at `path`: a folder, or a file of one of the foreign layouts (Megatron's also by its
    /// name without `.bin` or `.idx`). `None` where there are no token shards.
    pub fn at(path: &Path) -> Option<ShardFormat> {
        if path.join(super::INDEX_FILE).exists() {
            return Some(ShardFormat::Aquifer);
        }
        let holds = |format: ShardFormat| !format.files(path).is_empty();
        [ShardFormat::Datatrove, ShardFormat::Megatron].into_iter().find(|format| holds(*format))
    }

    /// The files of a foreign layout at `path`, sorted by name: Megatron's without their extension.
    pub(super) fn files(self, path: &Path) -> Vec<PathBuf> {
        let (extension, bare) = match self {
            ShardFormat::Aquifer => return Vec::new(),
            ShardFormat::Datatrove => ("ds", false),
            ShardFormat::Megatron => ("idx", true),
        };
        let is = |path: &Path, extension: &str| path.extension().is_some_and(|found| found == extension);
        let mut found: Vec<PathBuf> = match std::fs::read_dir(path) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).filter(|path| is(path, extension)).collect(),
            Err(_) if bare => {
                let stem =
                    if is(path, "idx") || is(path, "bin") { path.with_extension("") } else { path.to_path_buf() };
                let index = super::foreign::beside(&stem, ".idx");
                index.is_file().then_some(index).into_iter().collect()
            }
            Err(_) => (is(path, extension) && path.is_file()).then(|| path.to_path_buf()).into_iter().collect(),
        };
        found.sort();
        if bare {
            // Other programs have files of that name too, but not both.
            let stems = found.into_iter().map(|path| path.with_extension(""));
            found = stems.filter(|stem| super::foreign::beside(stem, ".bin").is_file()).collect();
        }
        found
    }

    /// Starts a set of shards of this layout in `dir`, which is made if need be; shards of this layout that are there
    /// are gone from this moment. `tokenizer` is what datatrove's own tools are told to load.
    ///
    /// # Errors
    /// [`ShardError::File`].
    pub fn writer(self, dir: &Path, meta: ShardMeta, tokenizer: &str) -> Result<Box<dyn TokenSink>, ShardError> {
        Ok(match self {
            ShardFormat::Aquifer => Box::new(ShardWriter::create(dir, meta)?),
            ShardFormat::Datatrove => Box::new(datatrove::Writer::create(dir, meta.vocab_size, tokenizer)?),
            ShardFormat::Megatron => Box::new(megatron::Writer::create(dir, meta.vocab_size)?),
        })
    }
}
