//! Which files an input path means, in an order that does not depend on the file system.

use super::ReadError;
use super::format::{ENDINGS, Kind, NameError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file of an input, readable or to be listed as skipped.
#[derive(Clone, Debug)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the input, with `/` between parts; documents without an id are named after it.
    pub name: String,
    /// Its size on the disk; 0 if it cannot be read.
    pub bytes: u64,
    pub(super) kind: Result<Kind, String>,
}

impl InputFile {
    /// The file at `path`, under a name of its own; what cannot be read is found out, and said, when it is.
    pub fn at(path: PathBuf, name: String) -> Self {
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(e) => return InputFile { path, name, bytes: 0, kind: Err(format!("it cannot be read: {e}")) },
        };
        let kind = match Kind::of_name(&name) {
            _ if !metadata.is_file() => Err("it is not a regular file".to_owned()),
            Ok(kind) => Ok(kind),
            Err(NameError::Unknown) => Err(format!("its extension is not {ENDINGS}")),
            #[cfg(not(all(feature = "parquet", feature = "pdf")))]
            Err(NameError::Needs(feature)) => {
                Err(format!("it needs the feature `{feature}`: build with `cargo build --release --features full`"))
            }
        };
        let bytes = if kind.is_ok() { metadata.len() } else { 0 };
        InputFile { path, name, bytes, kind }
    }
}

/// The files an input means, in the order in which they are read.
///
/// # Errors
/// As [`read_documents`](super::read_documents).
pub fn input_files(path: &Path) -> Result<Vec<InputFile>, ReadError> {
    let unreadable = |cause| ReadError::Unreadable { path: path.to_path_buf(), cause };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_dir() {
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
        let kind = match Kind::of_name(&name) {
            Ok(kind) => Ok(kind),
            Err(NameError::Unknown) => return Err(ReadError::UnknownExtension(path.to_path_buf())),
            #[cfg(not(all(feature = "parquet", feature = "pdf")))]
            Err(NameError::Needs(feature)) => {
                return Err(ReadError::NeedsFeature { path: path.to_path_buf(), feature });
            }
        };
        return Ok(vec![InputFile { path: path.to_path_buf(), name, bytes: metadata.len(), kind }]);
    }
    let (mut found, mut visited) = (Vec::new(), BTreeSet::new());
    walk(path, "", &mut visited, &mut found).map_err(unreadable)?;
    if !found.iter().any(|file| file.kind.is_ok()) {
        return Err(ReadError::EmptyFolder { path: path.to_path_buf(), others: found.len() });
    }
    Ok(found)
}

/// `visited` holds the real paths of the folders above, so a link that leads back up ends there.
fn walk(
    folder: &Path,
    below: &str,
    visited: &mut BTreeSet<PathBuf>,
    found: &mut Vec<InputFile>,
) -> std::io::Result<()> {
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
        if std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            if let Err(e) = walk(&path, &name, visited, found) {
                found.push(InputFile { path, name, bytes: 0, kind: Err(format!("the folder cannot be listed: {e}")) });
            }
            continue;
        }
        found.push(InputFile::at(path, name));
    }
    Ok(())
}
