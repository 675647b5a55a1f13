//! `mixture.json` in a folder of several sets of token shards: which of them are read in turn, and in which parts.

use super::ShardError;
use aquifer_record::{FileError, write_atomic_bytes};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Sets of token shards that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureFile {
    /// The folders of the sets, beside the file.
    pub sources: Vec<String>,
    /// The part of each in the tokens that are read, in any unit; by size, if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
}

impl MixtureFile {
    /// Its name.
    pub const NAME: &str = "mixture.json";

    /// The mixture in a folder; `None` where there is none.
    ///
    /// # Errors
    /// [`ShardError::File`] or [`ShardError::Damaged`].
    pub fn read(folder: &Path) -> Result<Option<Self>, ShardError> {
        let path = folder.join(Self::NAME);
        let text = match std::fs::read(&path) {
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            text => text.map_err(FileError::at("read", &path))?,
        };
        let damaged = |what: String| ShardError::Damaged { path: path.clone(), what };
        let found: MixtureFile = serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        match &found.weights {
            Some(weights) if weights.len() != found.sources.len() => {
                Err(damaged(format!("{} sources, but {} weights", found.sources.len(), weights.len())))
            }
            _ => Ok(Some(found)),
        }
    }

    /// Writes it into a folder.
    ///
    /// # Errors
    /// [`ShardError::File`].
    pub fn write(&self, folder: &Path) -> Result<(), ShardError> {
        let mut text = serde_json::to_vec_pretty(self).expect("names and numbers");
        text.push(b'\n');
        Ok(write_atomic_bytes(&folder.join(Self::NAME), &text)?)
    }
}
