//! Who works on a run: one process at a time, known by a lock that the system gives back when the process ends,
//! however it ends. Nothing is inferred from process numbers, which are used again.

use crate::Manifest;
use crate::files::FileError;
use crate::manifest::Status;
use crate::run::{RunError, RunFolder};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::time::Duration;

const LOCK: &str = ".lock";

/// Tries and pause between them: [`RunFolder::status`] holds the lock for an instant to look.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The right to work on a run; it ends when dropped, or with the process.
#[derive(Debug)]
pub struct Hold {
    _lock: Option<File>,
}

impl RunFolder {
    /// Takes the run for this process. Where the file system knows no locks nobody is kept out.
    ///
    /// # Errors
    /// [`RunError::Held`] if another process works on it.
    pub fn hold(&self) -> Result<Hold, RunError> {
        let path = self.join(LOCK);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(FileError::at("open", &path))?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let mut process = String::new();
                    let _ = file.read_to_string(&mut process);
                    let process = process.trim().parse().ok();
                    return Err(RunError::Held { path: self.path().to_path_buf(), process });
                }
                Err(TryLockError::Error(_)) => return Ok(Hold { _lock: None }),
            }
        }
        // Only for the words of the error above.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Hold { _lock: Some(file) })
    }

    /// Where the run stands now: what its manifest says, save that a run which is `running` while nobody holds it was
    /// [interrupted](Status::Interrupted).
    pub fn status(&self, manifest: &Manifest) -> Status {
        match manifest.status {
            Status::Running if !self.is_held() => Status::Interrupted,
            other => other,
        }
    }

    fn is_held(&self) -> bool {
        // Without a lock file no process of this version has begun; an older one left none.
        let Ok(file) = File::open(self.join(LOCK)) else { return false };
        // A file system that cannot tell leaves the manifest's word.
        file.try_lock_shared().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_held_by_one_and_given_back() {
        let root = tempfile::tempdir().unwrap();
        let run = RunFolder::create(root.path(), "r").unwrap();
        let manifest = Manifest::default();
        assert_eq!(run.status(&manifest), Status::Interrupted);
        let hold = run.hold().unwrap();
        assert_eq!(run.status(&manifest), Status::Running);
        let message = run.hold().unwrap_err().to_string();
        assert!(message.contains(&std::process::id().to_string()), "{message}");
        drop(hold);
        assert_eq!(run.status(&manifest), Status::Interrupted);
        assert_eq!(run.status(&Manifest { status: Status::Stopped, ..manifest }), Status::Stopped);
        run.hold().unwrap();
    }
}
