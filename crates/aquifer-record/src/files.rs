//! The one seam through which results reach the disk: a file appears whole, under its final name, or not at all.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A file that could not be read or written, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {cause}{}", path.display(), hint(cause))]
pub struct FileError {
    /// What was tried: `write`, `read`, `create the folder`, ….
    pub action: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said. (Part of the message, hence no `source`, which would say it twice.)
    pub cause: io::Error,
}

impl FileError {
    /// For `map_err`: attaches the action and the path.
    pub fn at(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> FileError {
        let path = path.as_ref().to_path_buf();
        move |cause| FileError { action, path, cause }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            " (the disk is full: free some space or choose another folder; nothing there was changed)"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => " (a part of this path is a file, not a folder)",
        io::ErrorKind::PermissionDenied => " (this user may not write there)",
        _ => "",
    }
}

/// What the names of half-written files begin with.
pub const HALF_WRITTEN: &str = ".writing-";

/// Removes what killed processes left half-written in a folder, if it is there. Nobody may be writing to it.
///
/// # Errors
/// Whatever the system says, with the path.
pub fn sweep(folder: &Path) -> Result<(), FileError> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(FileError::at("read", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(FileError::at("read", folder))?.path();
        let half = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(HALF_WRITTEN));
        if half && path.is_file() {
            match std::fs::remove_file(&path) {
                // Another process sweeps too.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(FileError::at("remove", &path))?,
            }
        }
    }
    Ok(())
}

/// A file being written: whole under its name once [`finish`](Writing::finish)ed, and not there at all before.
pub struct Writing {
    path: PathBuf,
    folder: PathBuf,
    out: BufWriter<Metered<tempfile::NamedTempFile>>,
}

impl Writing {
    /// Begins in a temporary neighbour of `path`. Parent folders are made.
    pub fn begin(path: &Path) -> Result<Self, FileError> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(FileError::at("create the folder", folder))?;
        let temporary = tempfile::Builder::new().prefix(HALF_WRITTEN).tempfile_in(folder);
        let temporary = temporary.map_err(FileError::at("write", path))?;
        let out = BufWriter::with_capacity(1 << 18, Metered(temporary));
        Ok(Writing { path: path.to_path_buf(), folder: folder.to_path_buf(), out })
    }

    /// Puts it under its name, synced; an earlier file of that name is replaced.
    pub fn finish(self) -> Result<(), FileError> {
        let Writing { path, folder, out } = self;
        let persist = || {
            let Metered(temporary) = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            set_default_mode(temporary.as_file())?;
            temporary.as_file().sync_all()?;
            temporary.persist(&path).map_err(|e| e.error)?;
            sync_folder(&folder)
        };
        persist().map_err(FileError::at("write", &path))
    }

    /// The name it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Attaches this file's path to an error of writing to it.
    pub fn failed(&self, cause: io::Error) -> FileError {
        FileError { action: "write", path: self.path.clone(), cause }
    }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a file whole or not at all: into a temporary neighbour, synced, then renamed over `path`. Parent
/// folders are made.
///
/// # Errors
/// Whatever the system says, with the path; an earlier file of that name is then untouched.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), FileError> {
    let mut file = Writing::begin(path)?;
    write(&mut file).map_err(|cause| file.failed(cause))?;
    file.finish()
}

/// [`write_atomic`] of bytes at hand.
pub fn write_atomic_bytes(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_atomic(path, |out| out.write_all(bytes))
}

/// A file that grows by whole appends (`metrics.jsonl`); passes through the same seam as atomic ones.
pub struct Appender(Metered<File>);

impl Appender {
    /// Opens or makes the file.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        Ok(Appender(Metered(file.map_err(FileError::at("open", path))?)))
    }

    /// Writes the bytes with one call.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

/// Bytes that may still be written before the seam reports a full disk; [`u64::MAX`] means no limit.
static BUDGET: AtomicU64 = AtomicU64::new(u64::MAX);

/// Makes every later write through this module fail with "disk full" once `bytes` have been written; `None`
/// lifts the limit. For tests of what happens then.
#[doc(hidden)]
pub fn fill_disk_after(bytes: Option<u64>) {
    BUDGET.store(bytes.unwrap_or(u64::MAX), Relaxed);
}

struct Metered<W>(W);

impl<W: Write> Write for Metered<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = BUDGET.load(Relaxed);
        if left != u64::MAX {
            if (bytes.len() as u64) > left {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            BUDGET.store(left - bytes.len() as u64, Relaxed);
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Temporary files are private; a finished one should be as readable as any file its user makes.
#[cfg(unix)]
fn set_default_mode(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_default_mode(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The SHA-256 of some bytes, in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

/// The SHA-256 of a file, in lower-case hex.
pub fn sha256_file(path: &Path) -> Result<String, FileError> {
    let mut file = File::open(path).map_err(FileError::at("read", path))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        let n = file.read(&mut buffer).map_err(FileError::at("read", path))?;
        if n == 0 {
            return Ok(hex(digest.finalize().as_slice()));
        }
        digest.update(&buffer[..n]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file.txt");
        write_atomic_bytes(&path, b"first").unwrap();
        let failed = write_atomic(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        let message = failed.unwrap_err().to_string();
        assert!(message.contains("file.txt") && message.contains("disk is full"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_below_a_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("plain"), b"x").unwrap();
        let message = write_atomic_bytes(&dir.path().join("plain/below.txt"), b"y").unwrap_err().to_string();
        assert!(message.contains("plain"), "{message}");
    }

    #[test]
    fn hashes_agree_with_the_standard() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), abc);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), b"abc").unwrap();
        assert_eq!(sha256_file(&dir.path().join("f")).unwrap(), abc);
    }
}
