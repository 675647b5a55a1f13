//! Where a run keeps what: names of files, and nothing else.

use super::home::{Elsewhere, Home};
use super::shards::Split;
use aquifer_record::storage::is_address;
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Clone)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    /// How many segments there are; the documents that leave the last are the outcome.
    segments: usize,
    /// What addresses mean.
    pub(super) elsewhere: Option<Elsewhere>,
    /// Where the run lies, if not in the folder.
    pub(super) home: Option<Home>,
}

impl Layout {
    pub(super) fn new(root: &Path, segments: usize) -> Self {
        Layout { root: root.to_path_buf(), segments, elsewhere: None, home: None }
    }

    /// For a run in the folder `root`, or at this address.
    pub(super) fn anywhere(root: &Path, segments: usize, elsewhere: Elsewhere) -> Self {
        let home = is_address(root).then(|| Home::at(root));
        let root = if home.is_some() { elsewhere.scratch.join("run") } else { root.to_path_buf() };
        Layout { root, segments, elsewhere: Some(elsewhere), home }
    }

    pub(super) fn recipe(&self) -> PathBuf {
        self.root.join("recipe.toml")
    }

    /// The input's files, with their sizes.
    pub(super) fn parts(&self) -> PathBuf {
        self.root.join("parts.json")
    }

    /// Documents that stay after a segment.
    pub(super) fn kept(&self, segment: usize, part: usize) -> PathBuf {
        match segment + 1 == self.segments {
            true => self.root.join(format!("documents/{part:05}.jsonl.zst")),
            false => self.work().join(format!("{}/{part:05}.jsonl.zst", segment + 1)),
        }
    }

    /// Documents that a segment drops.
    pub(super) fn dropped(&self, segment: usize, part: usize) -> PathBuf {
        self.root.join(format!("dropped/{part:05}-{}.jsonl.zst", segment + 1))
    }

    /// The values that a segment measured.
    pub(super) fn columns(&self, segment: usize, part: usize) -> PathBuf {
        self.root.join(format!("columns/{part:05}-{}.arrow", segment + 1))
    }

    /// What a segment's documents leave for the barrier behind it.
    pub(super) fn marks(&self, segment: usize, part: usize) -> PathBuf {
        self.work().join(format!("{}/{part:05}.marks", segment + 1))
    }

    /// What the barrier before a segment decided about the documents of a part.
    pub(super) fn decisions(&self, segment: usize, part: usize) -> PathBuf {
        self.work().join(format!("{}/{part:05}.decisions", segment + 1))
    }

    /// What later runs are to know of the documents that met the stage of this name.
    pub(super) fn index(&self, stage: &str) -> PathBuf {
        index(&self.root, stage)
    }

    /// Written last: this part is through this segment.
    pub(super) fn done(&self, segment: usize, part: usize) -> PathBuf {
        self.root.join(format!("done/{}-{part:05}.json", segment + 1))
    }

    /// Written last: the barrier before this segment has decided.
    pub(super) fn decided(&self, segment: usize) -> PathBuf {
        self.root.join(format!("done/{}-decided.json", segment + 1))
    }

    /// What the parts come to; written last of all.
    pub(super) fn funnel(&self) -> PathBuf {
        self.root.join("data.json")
    }

    /// Token shards, and their tokenizer.
    pub(super) fn shards(&self) -> PathBuf {
        self.root.join("shards")
    }

    /// The tokenizer of the shards.
    pub(super) fn tokenizer(&self) -> PathBuf {
        self.shards().join("tokenizer")
    }

    /// Tokens of a part, until the shards are put together.
    pub(super) fn tokens(&self, part: usize, split: Split) -> PathBuf {
        self.work().join(format!("tokens/{part:05}-{}", split.name()))
    }

    /// Written last: this part is made into tokens.
    pub(super) fn tokenised(&self, part: usize) -> PathBuf {
        self.root.join(format!("done/tokens-{part:05}.json"))
    }

    /// Written last: the shards are put together.
    pub(super) fn sharded(&self) -> PathBuf {
        self.root.join("done/shards.json")
    }

    /// The folders that outlive the run.
    pub(super) fn folders(&self) -> [PathBuf; 6] {
        ["", "documents", "dropped", "columns", "done", "index"].map(|name| self.root.join(name))
    }

    /// What is of no use once the run is through.
    pub(super) fn work(&self) -> PathBuf {
        self.root.join("work")
    }
}

/// Where the run in `root` keeps what later runs are to know of the documents that met a stage.
pub(super) fn index(root: &Path, stage: &str) -> PathBuf {
    root.join(format!("index/{stage}.index"))
}
