//! The folder of one run: where its files are, and how a new one gets a name nobody has.

use crate::files::{FileError, write_atomic};
use crate::{DataReport, EvalReport, Forecast, Manifest, MetricLine, Samples, metrics};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file in it could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file in it is not what it should be.
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No such run.
    #[error("there is no run at `{}` (it would hold a manifest.json){}", path.display(), near.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Missing {
        /// What was asked for.
        path: PathBuf,
        /// A run whose name is close.
        near: Option<String>,
    },
    /// Another process works on it.
    #[error("another process{} is at work on the run in `{}`; one at a time", process.map(|n| format!(" ({n})")).unwrap_or_default(), path.display())]
    Held {
        /// The run.
        path: PathBuf,
        /// The process, if it left its number.
        process: Option<u32>,
    },
    /// A name that is no folder name.
    #[error("`{0}` cannot name a run: use letters, digits, `-`, `_` and `.`")]
    Name(String),
}

/// The folder `runs/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `root/name`, or `root/name-2`, `-3`, … if that is taken: nothing is ever overwritten.
    pub fn create(root: &Path, name: &str) -> Result<Self, RunError> {
        let fine = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(fine) {
            return Err(RunError::Name(name.to_owned()));
        }
        std::fs::create_dir_all(root).map_err(FileError::at("create the folder", root))?;
        for attempt in 1_u32.. {
            let path = root.join(if attempt == 1 { name.to_owned() } else { format!("{name}-{attempt}") });
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(RunFolder { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FileError::at("create the folder", &path)(error).into()),
            }
        }
        unreachable!("some number is free")
    }

    /// Opens an existing run by its path, or by its name under `root`.
    pub fn open(root: &Path, name_or_path: &str) -> Result<Self, RunError> {
        let tried = [PathBuf::from(name_or_path), root.join(name_or_path)];
        if let Some(path) = tried.into_iter().find(|path| path.join("manifest.json").is_file()) {
            return Ok(RunFolder { path });
        }
        let near = list(root).into_iter().map(|run| run.name()).find(|name| {
            name.starts_with(name_or_path) || (!name.is_empty() && name_or_path.starts_with(name.as_str()))
        });
        Err(RunError::Missing { path: root.join(name_or_path), near })
    }

    /// The run in this folder, whatever is there.
    pub fn at(path: PathBuf) -> Self {
        RunFolder { path }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's own name.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// A file or folder inside.
    pub fn join(&self, inside: &str) -> PathBuf {
        self.path.join(inside)
    }

    /// The model in the Hugging Face layout.
    pub fn model(&self) -> PathBuf {
        self.join("model")
    }

    /// Reads `manifest.json`.
    pub fn manifest(&self) -> Result<Manifest, RunError> {
        self.read("manifest.json")
    }

    /// Reads `forecast.json`.
    pub fn forecast(&self) -> Result<Forecast, RunError> {
        self.read("forecast.json")
    }

    /// Reads `data.json`.
    pub fn data(&self) -> Result<DataReport, RunError> {
        self.read("data.json")
    }

    /// Reads `eval.json`.
    pub fn eval(&self) -> Result<EvalReport, RunError> {
        self.read("eval.json")
    }

    /// Reads `samples.json`.
    pub fn samples(&self) -> Result<Samples, RunError> {
        self.read("samples.json")
    }

    /// Reads the complete lines of `metrics.jsonl`.
    pub fn metrics(&self) -> Result<Vec<MetricLine>, RunError> {
        Ok(metrics::read(&self.join("metrics.jsonl"))?)
    }

    /// Reads a JSON file of the run.
    pub fn read<T: DeserializeOwned>(&self, file: &str) -> Result<T, RunError> {
        let path = self.join(file);
        let text = std::fs::read_to_string(&path).map_err(FileError::at("read", &path))?;
        serde_json::from_str(&text).map_err(|error| RunError::Damaged { path, why: error.to_string() })
    }

    /// Writes a JSON file of the run, whole or not at all.
    pub fn write(&self, file: &str, value: &impl Serialize) -> Result<(), RunError> {
        let json = serde_json::to_vec_pretty(value).expect("records are plain data");
        Ok(write_atomic(&self.join(file), |out| out.write_all(&json))?)
    }
}

/// The runs under a folder, by name.
pub fn list(root: &Path) -> Vec<RunFolder> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut runs: Vec<RunFolder> =
        entries.map(|e| RunFolder { path: e.path() }).filter(|run| run.join("manifest.json").is_file()).collect();
    runs.sort_by_key(RunFolder::name);
    runs
}

/// The current time as RFC 3339 in UTC.
pub fn now() -> String {
    let format = time::format_description::well_known::Rfc3339;
    let now = time::OffsetDateTime::now_utc().replace_nanosecond(0).expect("zero is a nanosecond");
    now.format(&format).expect("UTC has an RFC 3339 form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_takes_a_new_name() {
        let root = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..3).map(|_| RunFolder::create(root.path(), "quickstart").unwrap().name()).collect();
        assert_eq!(names, ["quickstart", "quickstart-2", "quickstart-3"]);
        assert!(matches!(RunFolder::create(root.path(), "../up"), Err(RunError::Name(_))));
    }

    #[test]
    fn damage_is_named() {
        let root = tempfile::tempdir().unwrap();
        let run = RunFolder::create(root.path(), "r").unwrap();
        std::fs::write(run.join("manifest.json"), "{\"name\":").unwrap();
        let message = run.manifest().unwrap_err().to_string();
        assert!(message.contains("manifest.json") && message.contains("damaged"), "{message}");
        run.write("manifest.json", &Manifest { name: "r".into(), ..Default::default() }).unwrap();
        assert_eq!(RunFolder::open(root.path(), "r").unwrap().manifest().unwrap().name, "r");
        assert!(RunFolder::open(root.path(), "rr").unwrap_err().to_string().contains("did you mean `r`"));
    }
}
