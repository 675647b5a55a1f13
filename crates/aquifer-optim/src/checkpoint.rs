//! Checkpoints that can be trusted: written whole or not at all, every file hashed, damage found and named.
//!
//! ```text
//! checkpoints/step-000123/   manifest.json   what the other files should be
//!                            …               whatever the caller wrote
//! ```
//!
//! A checkpoint is made in a hidden neighbour folder, synced, and renamed; so a run killed at any instant leaves
//! either all of it or none under its final name.

use aquifer_record::files::{self, FileError, HALF_WRITTEN};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";
const HALF_DELETED: &str = ".deleting-";

/// The checkpoints of one run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    dir: PathBuf,
}

/// One file of a checkpoint, as it was when it was written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    bytes: u64,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    step: u64,
    files: Vec<Entry>,
    /// Of `step` and `files`, so that damage to this file is told from damage to the others.
    sha256: String,
}

impl Manifest {
    fn sealed(step: u64, files: Vec<Entry>) -> Self {
        let sha256 = Manifest::seal(step, &files);
        Manifest { step, files, sha256 }
    }

    fn seal(step: u64, files: &[Entry]) -> String {
        let lines: Vec<String> = files.iter().map(|f| format!("{} {} {}\n", f.name, f.bytes, f.sha256)).collect();
        files::sha256_hex(format!("{step}\n{}", lines.concat()).as_bytes())
    }
}

/// A checkpoint that must not be used, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("checkpoint `{}` is damaged: `{file}` {what}", folder.display())]
pub struct Damage {
    /// The checkpoint.
    pub folder: PathBuf,
    /// The file in it.
    pub file: String,
    /// What is wrong with the file.
    pub what: String,
}

/// What a search for a checkpoint found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The newest checkpoint that is whole: its step and folder.
    pub good: Option<(u64, PathBuf)>,
    /// Newer ones that are not.
    pub damaged: Vec<Damage>,
}

impl Checkpoints {
    /// The checkpoints below `dir`; the folder need not exist yet.
    pub fn in_folder(dir: impl Into<PathBuf>) -> Self {
        Checkpoints { dir: dir.into() }
    }

    /// Where they are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of step `step`, whether or not it exists.
    pub fn folder(&self, step: u64) -> PathBuf {
        self.dir.join(format!("step-{step:06}"))
    }

    /// Makes the checkpoint of `step` from the files that `write` puts into the folder it is given. An earlier
    /// checkpoint of the same step is replaced.
    ///
    /// # Errors
    /// Whatever `write` returns or the system says; nothing then appears under the final name.
    pub fn save<E: From<FileError>>(
        &self,
        step: u64,
        write: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        std::fs::create_dir_all(&self.dir).map_err(FileError::at("create the folder", &self.dir))?;
        let temporary = tempfile::Builder::new().prefix(HALF_WRITTEN).tempdir_in(&self.dir);
        let temporary = temporary.map_err(FileError::at("create a folder in", &self.dir))?;
        write(temporary.path())?;
        let manifest = Manifest::sealed(step, entries(temporary.path())?);
        let json = serde_json::to_vec_pretty(&manifest).expect("strings and numbers always serialise");
        files::write_atomic_bytes(&temporary.path().join(MANIFEST), &json)?;
        let folder = self.folder(step);
        let renamed = (|| {
            make_readable(temporary.path())?;
            if folder.exists() {
                self.remove(&folder)?;
            }
            std::fs::rename(temporary.path(), &folder)?;
            sync_folder(&self.dir)
        })();
        renamed.map_err(FileError::at("put in place the checkpoint", &folder))?;
        // The folder has moved: there is nothing left to clean up under the temporary name.
        let _ = temporary.keep();
        Ok(folder)
    }

    /// The checkpoints that exist, newest first, unverified.
    pub fn list(&self) -> Vec<(u64, PathBuf)> {
        let Ok(folder) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let mut found: Vec<(u64, PathBuf)> = folder
            .flatten()
            .filter_map(|entry| {
                let step = entry.file_name().to_str()?.strip_prefix("step-")?.parse().ok()?;
                entry.path().is_dir().then(|| (step, entry.path()))
            })
            .collect();
        found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
        found
    }

    /// The newest checkpoint that is whole, and every newer one that is not.
    pub fn newest_good(&self) -> Found {
        let mut found = Found::default();
        for (step, folder) in self.list() {
            match verify(&folder) {
                Ok(()) => {
                    found.good = Some((step, folder));
                    break;
                }
                Err(damage) => found.damaged.push(damage),
            }
        }
        found
    }

    /// Removes all but the newest `keep` checkpoints and those of `also`, and what a killed run left half done.
    ///
    /// # Errors
    /// If a folder cannot be removed.
    pub fn prune(&self, keep: usize, also: &[u64]) -> Result<(), FileError> {
        for (step, folder) in self.list().into_iter().skip(keep.max(1)) {
            if !also.contains(&step) {
                self.remove(&folder).map_err(FileError::at("remove", &folder))?;
            }
        }
        self.sweep()
    }

    /// Removes every checkpoint later than `step`: a run that goes on from there writes its own.
    ///
    /// # Errors
    /// If a folder cannot be removed.
    pub fn forget_after(&self, step: u64) -> Result<(), FileError> {
        for (_, folder) in self.list().into_iter().filter(|(at, _)| *at > step) {
            self.remove(&folder).map_err(FileError::at("remove", &folder))?;
        }
        Ok(())
    }

    /// Removes what a killed run left half written or half deleted.
    ///
    /// # Errors
    /// If a folder cannot be removed.
    pub fn sweep(&self) -> Result<(), FileError> {
        let Ok(folder) = std::fs::read_dir(&self.dir) else { return Ok(()) };
        for entry in folder.flatten() {
            let name = entry.file_name();
            let litter = name.to_str().is_some_and(|n| n.starts_with(HALF_WRITTEN) || n.starts_with(HALF_DELETED));
            if litter && entry.path().is_dir() {
                std::fs::remove_dir_all(entry.path()).map_err(FileError::at("remove", entry.path()))?;
            }
        }
        Ok(())
    }

    /// Renamed first, so that no reader ever sees a checkpoint with some of its files gone.
    fn remove(&self, folder: &Path) -> std::io::Result<()> {
        let hidden = tempfile::Builder::new().prefix(HALF_DELETED).tempdir_in(&self.dir)?;
        std::fs::rename(folder, hidden.path().join("checkpoint"))?;
        hidden.close()
    }
}

/// Whether every file of the checkpoint is there, as long as it was and with the hash it had.
///
/// # Errors
/// [`Damage`] naming the first file that is not.
pub fn verify(folder: &Path) -> Result<(), Damage> {
    let damage = |file: &str, what: String| Damage { folder: folder.to_path_buf(), file: file.to_owned(), what };
    let bytes = std::fs::read(folder.join(MANIFEST)).map_err(|e| damage(MANIFEST, format!("cannot be read ({e})")))?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|e| damage(MANIFEST, format!("is not what was written ({e})")))?;
    if manifest.sha256 != Manifest::seal(manifest.step, &manifest.files) {
        return Err(damage(MANIFEST, "does not agree with its own hash".to_owned()));
    }
    for Entry { name, bytes, sha256 } in &manifest.files {
        let path = folder.join(name);
        let found = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(damage(name, "is missing".to_owned()));
            }
            Err(e) => return Err(damage(name, format!("cannot be read ({e})"))),
        };
        if found != *bytes {
            return Err(damage(name, format!("has {found} bytes, but {bytes} were written")));
        }
        let hash = files::sha256_file(&path).map_err(|e| damage(name, format!("cannot be read ({})", e.cause)))?;
        if hash != *sha256 {
            return Err(damage(name, format!("has changed: its SHA-256 was {sha256} and is {hash}")));
        }
    }
    Ok(())
}

/// Every file below `folder`, by name, with its length and hash.
fn entries(folder: &Path) -> Result<Vec<Entry>, FileError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(FileError::at("read the folder", folder))? {
        let entry = entry.map_err(FileError::at("read the folder", folder))?;
        let path = entry.path();
        let bytes = entry.metadata().map_err(FileError::at("read", &path))?.len();
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push(Entry { name, bytes, sha256: files::sha256_file(&path)? });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(unix)]
fn make_readable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(all: &Checkpoints, step: u64) -> PathBuf {
        all.save(step, |folder| {
            files::write_atomic_bytes(&folder.join("weights"), &[step as u8; 1000])?;
            files::write_atomic_bytes(&folder.join("state.json"), b"{}")
        })
        .unwrap()
    }

    #[test]
    fn the_newest_good_one_is_found_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let all = Checkpoints::in_folder(dir.path().join("checkpoints"));
        assert!(all.newest_good().good.is_none());
        for step in [5, 10, 15, 20, 25] {
            save(&all, step);
        }
        assert_eq!(all.newest_good().good.unwrap().0, 25);

        std::fs::write(all.folder(25).join("weights"), [25; 999]).unwrap();
        let mut flipped = vec![20; 1000];
        flipped[500] ^= 1;
        std::fs::write(all.folder(20).join("weights"), flipped).unwrap();
        std::fs::remove_file(all.folder(15).join("state.json")).unwrap();
        let manifest = std::fs::read_to_string(all.folder(10).join(MANIFEST)).unwrap();
        std::fs::write(all.folder(10).join(MANIFEST), manifest.replace("1000", "1001")).unwrap();

        let found = all.newest_good();
        assert_eq!(found.good.unwrap().0, 5);
        let told: Vec<String> = found.damaged.iter().map(Damage::to_string).collect();
        for (line, parts) in told.iter().zip([
            ["step-000025", "`weights`", "999 bytes, but 1000"],
            ["step-000020", "`weights`", "has changed"],
            ["step-000015", "`state.json`", "is missing"],
            ["step-000010", "`manifest.json`", "its own hash"],
        ]) {
            assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        }
    }

    #[test]
    fn pruning_keeps_the_last_and_the_named() {
        let dir = tempfile::tempdir().unwrap();
        let all = Checkpoints::in_folder(dir.path());
        for step in 1..=6 {
            save(&all, step);
        }
        std::fs::create_dir(dir.path().join(".writing-left-by-a-kill")).unwrap();
        all.prune(2, &[3]).unwrap();
        assert_eq!(all.list().iter().map(|(step, _)| *step).collect::<Vec<_>>(), [6, 5, 3]);
        all.forget_after(4).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_save_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let all = Checkpoints::in_folder(dir.path());
        let full = || FileError::at("write", "x")(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert!(all.save(7, |_| Err::<(), _>(full())).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        save(&all, 7);
        save(&all, 7);
        assert_eq!(all.newest_good().good.unwrap().0, 7);
    }
}
