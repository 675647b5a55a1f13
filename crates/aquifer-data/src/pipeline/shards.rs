//! The end of a recipe: which of the documents that stay become tokens, by which vocabulary, in which layout.

use super::PipelineError;
use aquifer_corpus::ShardFormat;
use aquifer_tensor::random::Stream;
use aquifer_text::{LossOn, ShardOptions, Tokenizer};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The table `[shards]` of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shards {
    /// `bpe` or `char`, learnt from the documents to train on; or a folder with a tokenizer.json.
    pub tokenizer: String,
    /// Entries of a `bpe` vocabulary that is learnt here.
    pub vocab_size: usize,
    /// Bytes of text a vocabulary is learnt from: about so many, of documents drawn by lot.
    pub learn_from: u64,
    /// Part of the documents that is held out.
    pub held_out: f64,
    /// What of a dialogue is learnt: `all` of it, or what the `assistant` says.
    pub loss_on: LossOn,
    /// Layout of the shards: `aquifer`, `datatrove` or `megatron`.
    pub layout: ShardFormat,
    /// Seeds what is sampled and what is held out.
    pub seed: u64,
}

impl Default for Shards {
    fn default() -> Self {
        Shards {
            tokenizer: "bpe".to_owned(),
            vocab_size: 32_768,
            learn_from: 128 << 20,
            held_out: 0.01,
            loss_on: LossOn::Assistant,
            layout: ShardFormat::Aquifer,
            seed: 0,
        }
    }
}

/// To train on, or held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    Train,
    HeldOut,
}

impl Split {
    pub(super) const BOTH: [Split; 2] = [Split::Train, Split::HeldOut];

    /// Of its folder.
    pub(super) fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::HeldOut => "heldout",
        }
    }
}

impl Shards {
    /// Why this cannot be, if it cannot.
    pub(super) fn fault(&self) -> Option<String> {
        if !(0.0..1.0).contains(&self.held_out) {
            return Some(format!("`held_out` should be from 0 to below 1, it is {}", self.held_out));
        }
        let named = self.folder().filter(|folder| tokenizer_at(folder).is_none());
        named.map(|folder| format!("there is no tokenizer.json at `{}` (`tokenizer`)", folder.display()))
    }

    /// Where a vocabulary lies that is not learnt here.
    fn folder(&self) -> Option<PathBuf> {
        (!["bpe", "char"].contains(&self.tokenizer.as_str())).then(|| PathBuf::from(&self.tokenizer))
    }

    /// The tokenizer, unless it is learnt here.
    pub(super) fn named_tokenizer(&self) -> Result<Option<Tokenizer>, PipelineError> {
        let found = self.folder().and_then(|folder| tokenizer_at(&folder));
        Ok(found.map(|folder| Tokenizer::load(&folder)).transpose()?)
    }

    /// How documents become tokens, with the tokenizer in this folder.
    pub(super) fn options(&self, tokenizer: &Path) -> ShardOptions {
        ShardOptions::of_format(self.layout, self.loss_on, &tokenizer.join("tokenizer.json"))
    }

    /// Where the document of this id goes: `None` if a sample of this part of all leaves it out. It depends on seed and id
    /// alone, so that a document which is held out is so in every dump it comes in.
    pub(super) fn split_of(&self, id: &str, sample: f64) -> Option<Split> {
        if self.lot("sample", id) >= sample {
            return None;
        }
        Some(if self.lot("hold out", id) < self.held_out { Split::HeldOut } else { Split::Train })
    }

    /// A number from 0 to below 1.
    pub(super) fn lot(&self, site: &str, id: &str) -> f64 {
        f64::from(Stream::new(self.seed, site, id).uniform(0, 0))
    }
}

/// The folder itself, or what a run or a model calls it there.
fn tokenizer_at(folder: &Path) -> Option<PathBuf> {
    let places = [folder.to_path_buf(), folder.join("tokenizer"), folder.join("model")];
    places.into_iter().find(|folder| folder.join("tokenizer.json").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_depend_on_seed_and_id_alone() {
        let shards = Shards { held_out: 0.1, ..Shards::default() };
        let ids: Vec<String> = (0..20_000).map(|i| format!("file#{i}")).collect();
        let split = |shards: &Shards, sample| ids.iter().map(|id| shards.split_of(id, sample)).collect::<Vec<_>>();
        let (all, some) = (split(&shards, 1.0), split(&shards, 0.25));
        let count = |of: &[Option<Split>], wanted| of.iter().filter(|split| **split == wanted).count() as f64;
        assert!((count(&all, Some(Split::HeldOut)) - 2000.0).abs() < 150.0 && count(&all, None) == 0.0);
        assert!((count(&some, None) - 15_000.0).abs() < 250.0);
        assert!(all.iter().zip(&some).all(|(all, some)| some.is_none() || all == some));
        assert_ne!(all, split(&Shards { seed: 1, ..shards }, 1.0));
        assert!(Shards { held_out: 1.0, ..Shards::default() }.fault().unwrap().contains("held_out"));
        assert!(Shards { tokenizer: "nowhere".to_owned(), ..Shards::default() }.fault().unwrap().contains("nowhere"));
    }
}
