//! What ends a run of a pipeline.

use crate::rules::RuleError;
use aquifer_corpus::ReadError;
use aquifer_record::FileError;
use aquifer_record::run::RunError;
use std::path::PathBuf;

/// Why a pipeline could not be built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A recipe that is no recipe.
    #[error("{origin}: {why}")]
    Recipe {
        /// The file.
        origin: String,
        /// What is wrong with it, and where.
        why: String,
    },
    /// A stage that cannot be built.
    #[error("{origin}: stage {number}: {cause}")]
    Stage {
        /// The recipe's file.
        origin: String,
        /// Which stage, from 1.
        number: usize,
        /// What is wrong with it.
        cause: RuleError,
    },
    /// An input that cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A vocabulary that cannot be learnt or used, or a text it cannot write.
    #[error(transparent)]
    Text(#[from] aquifer_text::TextError),
    /// Token shards that cannot be written or read.
    #[error(transparent)]
    Shards(#[from] aquifer_corpus::ShardError),
    /// The folder is in use, or no folder for this.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The folder holds the work of another recipe or another input.
    #[error("`{}` holds a run of {what}: choose another folder for this one, or remove that", path.display())]
    Another {
        /// The folder.
        path: PathBuf,
        /// What differs: `another recipe`, `other input files`.
        what: String,
    },
    /// A file of the run is not what was written there.
    #[error("`{}` is damaged ({why}): remove it, and its part is done again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A stage that takes more memory than there is.
    #[error(
        "stage `{stage}` holds {needed} bytes of memory and may take {allowed}: name fewer `bytes` in its stage, or allow more with \
         `--memory`"
    )]
    Memory {
        /// Its name.
        stage: String,
        /// Bytes it holds, whatever the documents.
        needed: u64,
        /// Bytes that are allowed.
        allowed: u64,
    },
    /// A condition that is none.
    #[error(transparent)]
    Condition(#[from] super::ConditionError),
    /// A score to choose by that no document has.
    #[error("no document has a number in `{0}` of its metadata: name another field as `score`")]
    NoScore(String),
    /// More documents than one barrier can compare.
    #[error("more than 4,294,967,295 documents met a barrier: run the dumps one by one")]
    TooMany,
    /// A step that builds on one that is not through.
    #[error("step {step} builds on step {}, which is not through: run that first, or this again later", step - 1)]
    NotYet {
        /// Counted from 1.
        step: usize,
    },
    /// A step there is not.
    #[error("there is no step {step}: this recipe has the steps 1 to {steps}")]
    Step {
        /// What was asked for.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// A share that is none.
    #[error("`{0}` is no share of the work: it should be I/N with I from 0 to N - 1, such as 0/8")]
    Share(String),
}
