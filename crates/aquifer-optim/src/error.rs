//! Why training stops before its end.

use crate::Damage;
use aquifer_grad::GradError;
use aquifer_model::ModelError;
use aquifer_ops::OpError;
use aquifer_record::FileError;
use std::path::PathBuf;

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A loss or a gradient became infinite or NaN. The weights are those before the step.
    #[error(
        "step {step}: the {what} is {value}, which is no finite number, so the run stops with the weights of step {} \
         unchanged. Documents in this batch: {}. Look at them, lower the learning rate (`schedule.peak_lr`) or clip \
         harder (`optimizer.clip`)", step - 1, listed(documents)
    )]
    NonFinite {
        /// The step, counted from 1.
        step: u64,
        /// `loss` or `gradient norm`.
        what: &'static str,
        /// Its value.
        value: f64,
        /// Ids of the documents in the batch.
        documents: Vec<String>,
    },
    /// The run's values do not fit together.
    #[error("{0}")]
    Config(String),
    /// The optimiser's file is not this model's.
    #[error("`{}` is not this run's optimiser state: {what}", path.display())]
    Optimizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A checkpoint of another run.
    #[error("checkpoint `{}` belongs to another run: {what}", folder.display())]
    Foreign {
        /// The checkpoint.
        folder: PathBuf,
        /// What differs.
        what: String,
    },
    /// There are checkpoints, and none is whole.
    #[error("no checkpoint can be used: {}", .0.iter().map(Damage::to_string).collect::<Vec<_>>().join("; "))]
    AllDamaged(Vec<Damage>),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tape refused.
    #[error(transparent)]
    Grad(#[from] GradError),
    /// An operator refused.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// The first few names and how many more there are.
pub(crate) fn listed(documents: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = documents.iter().take(SHOWN).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    match documents.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
