//! Which files an input path means, in an order that does not depend on the file system.

use super::ReadError;
use super::format::{Kind, NameError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file to read, or to list as skipped.
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Its path below the input, with `/` between parts.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) kind: Result<Kind, String>,
}

pub(super) fn find(path: &Path) -> Result<Vec<Found>, ReadError> {
    let unreadable = |cause| ReadError::Unreadable { path: path.to_path_buf(), cause };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_dir() {
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
        let kind = match Kind::of_name(&name) {
            Ok(kind) => Ok(kind),
            Err(NameError::Unknown) => return Err(ReadError::UnknownExtension(path.to_path_buf())),
            #[cfg(not(feature = "parquet"))]
            Err(NameError::Needs(feature)) => {
                return Err(ReadError::NeedsFeature { path: path.to_path_buf(), feature });
            }
        };
        return Ok(vec![Found { path: path.to_path_buf(), name, bytes: metadata.len(), kind }]);
    }
    let (mut found, mut visited) = (Vec::new(), BTreeSet::new());
    walk(path, "", &mut visited, &mut found).map_err(unreadable)?;
    if !found.iter().any(|file| file.kind.is_ok()) {
        return Err(ReadError::EmptyFolder { path: path.to_path_buf(), others: found.len() });
    }
    Ok(found)
}

/// `visited` holds the real paths of the folders above, so a link that leads back up ends there.
fn walk(folder: &Path, below: &str, visited: &mut BTreeSet<PathBuf>, found: &mut Vec<Found>) -> std::io::Result<()> {
    if !visited.insert(folder.canonicalize()?) {
        return Ok(());
    }
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder)?.collect();
    let mut entries = entries?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, base) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if base.starts_with('.') {
            continue;
        }
        let name = if below.is_empty() { base.clone() } else { format!("{below}/{base}") };
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(e) => {
                found.push(Found { path, name, bytes: 0, kind: Err(format!("it cannot be read: {e}")) });
                continue;
            }
        };
        if metadata.is_dir() {
            if let Err(e) = walk(&path, &name, visited, found) {
                found.push(Found { path, name, bytes: 0, kind: Err(format!("the folder cannot be listed: {e}")) });
            }
            continue;
        }
        let kind = match Kind::of_name(&base) {
            _ if !metadata.is_file() => Err("it is not a regular file".to_owned()),
            Ok(kind) => Ok(kind),
            Err(NameError::Unknown) => {
                Err("its extension is not .txt, .jsonl, .html, .warc, .wet, .arc or .parquet (also .gz, .zst)"
                    .to_owned())
            }
            #[cfg(not(feature = "parquet"))]
            Err(NameError::Needs(feature)) => {
                Err(format!("it needs the feature `{feature}`: build with `cargo build --release --features full`"))
            }
        };
        let bytes = if kind.is_ok() { metadata.len() } else { 0 };
        found.push(Found { path, name, bytes, kind });
    }
    Ok(())
}
