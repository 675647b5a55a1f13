//! The index on disk, as datatrove keeps it: a file of hashes for each set.

use super::Contamination;
use aquifer_record::files::FileError;
use std::io;
use std::path::Path;

const ENDING: &str = ".index.hashes";

impl Contamination {
    /// Writes `SET.index.hashes` for every set: its hashes of 8 bytes (4 of 32-bit ones), least significant first, in
    /// ascending order. A run that several sets hold is only in the last one's. Spaces in names become `_`.
    ///
    /// # Errors
    /// If a file cannot be written, or a name cannot be a file's.
    pub fn save(&self, folder: &Path) -> Result<(), FileError> {
        let width = self.options.hash.bytes();
        for (id, set) in self.sets.iter().enumerate() {
            let path = folder.join(format!("{}{ENDING}", set.replace(' ', "_")));
            if set.contains(['/', '\\', '\0']) {
                let why = "the name of an evaluation set cannot hold a slash";
                return Err(FileError::at("write", path)(io::Error::new(io::ErrorKind::InvalidInput, why)));
            }
            let mut hashes: Vec<u64> =
                self.hashes.iter().filter(|(_, of)| **of as usize == id).map(|(hash, _)| *hash).collect();
            hashes.sort_unstable();
            aquifer_record::write_atomic(&path, |out| {
                hashes.iter().try_for_each(|hash| out.write_all(&hash.to_le_bytes()[..width]))
            })?;
        }
        Ok(())
    }

    /// Adds every set of a folder, in the order of their names. They must have been written with the same options.
    ///
    /// # Errors
    /// If the folder or a file cannot be read, or a file is cut short.
    pub fn load(&mut self, folder: &Path) -> Result<(), FileError> {
        let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let mut paths: Vec<_> =
            entries.map_err(FileError::at("list", folder))?.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        let width = self.options.hash.bytes();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(set) = name.strip_suffix(ENDING) else { continue };
            let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
            if bytes.len() % width != 0 {
                let why = format!(
                    "has {} bytes, which is no multiple of {width}: it was cut short, or holds other hashes",
                    bytes.len()
                );
                return Err(FileError::at("use", &path)(io::Error::new(io::ErrorKind::InvalidData, why)));
            }
            let id = self.set_id(set);
            self.hashes.extend(bytes.chunks_exact(width).map(|hash| {
                let mut whole = [0; 8];
                whole[..width].copy_from_slice(hash);
                (u64::from_le_bytes(whole), id)
            }));
        }
        Ok(())
    }
}
