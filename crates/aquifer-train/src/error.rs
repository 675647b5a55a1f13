//! Why a recipe cannot be carried out.

use crate::data::DataMissing;
use crate::recipe::RecipeError;
use std::path::PathBuf;

/// Why a recipe cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The recipe itself.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Its data is not there.
    #[error(transparent)]
    Data(#[from] DataMissing),
    /// Its data cannot be read.
    #[error(transparent)]
    Read(#[from] aquifer_corpus::ReadError),
    /// Token shards cannot be written or read.
    #[error(transparent)]
    Shards(#[from] aquifer_corpus::ShardError),
    /// The tokenizer.
    #[error(transparent)]
    Text(#[from] aquifer_text::TextError),
    /// Token shards without the tokenizer they were made with.
    #[error(
        "the token shards in `{}` come without a tokenizer: put it into a folder `tokenizer` beside them, or name it \
         with `tokenizer = \"FOLDER\"`", .0.display()
    )]
    NoTokenizer(PathBuf),
    /// Token shards made with another tokenizer.
    #[error(
        "the token shards in `{}` were made with the tokenizer {made_by}, but this one is {got}: name the right one \
         with `tokenizer = \"FOLDER\"`, or make the shards again", data.display()
    )]
    OtherTokenizer {
        /// The shards.
        data: PathBuf,
        /// SHA-256 of the tokenizer they say they were made with.
        made_by: String,
        /// SHA-256 of the one at hand.
        got: String,
    },
    /// Token shards with tokens that the tokenizer has not.
    #[error(
        "the token shards in `{}` need a vocabulary of at least {least} entries, but this tokenizer has {has}: name the \
         right one with `tokenizer = \"FOLDER\"`", data.display()
    )]
    SmallTokenizer {
        /// The shards.
        data: PathBuf,
        /// Entries their tokens need.
        least: usize,
        /// Entries of the tokenizer.
        has: usize,
    },
    /// A source of a mixture that is no token shards.
    #[error(
        "`{}` holds no token shards, and a mixture is made of those: make shards of it first (`aquifer data shard`), with \
         one tokenizer for all sources", .0.display()
    )]
    MixtureText(PathBuf),
    /// Sources that cannot be mixed as the recipe asks.
    #[error(transparent)]
    Mixture(#[from] aquifer_optim::MixtureError),
    /// A model to go on from whose vocabulary is not the data's.
    #[error("the model in `{}` knows {model} tokens, but the tokenizer has {tokenizer}", folder.display())]
    Vocabulary {
        /// The model.
        folder: PathBuf,
        /// Entries the model knows.
        model: usize,
        /// Entries of the tokenizer.
        tokenizer: usize,
    },
    /// Held-out text beside training shards.
    #[error(
        "`{}` holds no token shards, but `data` (`{}`) does: make shards of it with the same tokenizer (`aquifer data \
         shard`), or leave `heldout` out to hold out a part of `data`", heldout.display(), data.display()
    )]
    HeldoutText {
        /// What `heldout` names.
        heldout: PathBuf,
        /// The training shards.
        data: PathBuf,
    },
    /// The documents themselves would need more memory than the run may use.
    #[error(
        "the text of `{}` needs about {} while it is made into tokens, but may use {}: make shards of parts of it with \
         `aquifer data shard` and train on those, or raise `--memory`", data.display(), mib(*needed), mib(*limit)
    )]
    DocumentMemory {
        /// The data.
        data: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The run would need more memory than it may use.
    #[error(
        "this run needs about {}, but may use {}: {advice}. (`--memory` raises the limit.)", mib(*needed), mib(*limit)
    )]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
        /// What would help most.
        advice: String,
    },
    /// Training.
    #[error(transparent)]
    Train(#[from] aquifer_optim::TrainError),
    /// The model.
    #[error(transparent)]
    Model(#[from] aquifer_model::ModelError),
    /// A file of the run.
    #[error(transparent)]
    Record(#[from] aquifer_record::RunError),
    /// A file.
    #[error(transparent)]
    File(#[from] aquifer_record::FileError),
    /// Asked to stop before there was anything to save.
    #[error("stopped before training began; nothing is lost, the same command starts again")]
    Stopped,
}

impl From<aquifer_text::TokeniseError> for RunError {
    fn from(error: aquifer_text::TokeniseError) -> Self {
        match error {
            aquifer_text::TokeniseError::Text(error) => error.into(),
            aquifer_text::TokeniseError::Shards(error) => error.into(),
            _ => RunError::Stopped,
        }
    }
}

fn mib(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    match mib {
        gib if gib >= 1024.0 => format!("{:.1} GiB", gib / 1024.0),
        small if small < 10.0 => format!("{small:.1} MiB"),
        _ => format!("{mib:.0} MiB"),
    }
}
