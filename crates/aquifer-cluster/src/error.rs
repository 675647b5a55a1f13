//! What ends a submission.

use aquifer_record::FileError;

/// Why work could not be submitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A file that cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program of the scheduler that cannot be started.
    #[error("cannot start `{program}`: {cause} (is this a machine that jobs are submitted from?)")]
    Absent {
        /// `sbatch`, `scontrol`, `squeue`.
        program: &'static str,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A program of the scheduler that refused.
    #[error("`{command}` failed: {said}")]
    Refused {
        /// The command, as one would type it.
        command: String,
        /// What it said.
        said: String,
    },
    /// An answer of the scheduler that is not as it should be.
    #[error("`{command}` should have said {want}, it said `{said}`")]
    Answer {
        /// The command.
        command: String,
        /// What was looked for.
        want: &'static str,
        /// What came.
        said: String,
    },
    /// Jobs of an earlier submission are still there.
    #[error(
        "jobs of an earlier submission are still in the queue: wait for them, or remove them first:\n  scancel {}",
        .0.join(" ")
    )]
    StillThere(Vec<String>),
    /// A time limit that is none.
    #[error(
        "`{0}` is no time limit: it should be minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS, as Slurm has them"
    )]
    Time(String),
    /// A volume that is none.
    #[error("`{0}` is no volume: it should be CLAIM:/PATH, a PersistentVolumeClaim and where pods see it")]
    Volume(String),
    /// A recipe that is too long to be carried in a manifest.
    #[error("the recipe has {0} bytes, and a ConfigMap holds 1,048,576: put it on a volume, and give its path there")]
    LongRecipe(usize),
}
