//! Answers as they come, one a line, in a file that only grows.

use crate::answer::Reply;
use crate::error::ClientError;
use aquifer_record::FileError;
use aquifer_record::files::Appender;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// Replies by the hash of their question. The file is JSON lines, `{"request":HASH,"said":{…}}`; it is held in memory
/// whole.
#[derive(Default)]
pub struct Journal {
    replies: FxHashMap<String, Reply>,
    file: Option<(Appender, File)>,
    path: std::path::PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    request: String,
    #[serde(flatten)]
    reply: Reply,
}

impl Journal {
    /// A journal in memory only.
    pub fn new() -> Self {
        Journal::default()
    }

    /// Opens the file, or begins it, and keeps other processes out until dropped. A last line that was cut off when its
    /// writer was killed is removed.
    ///
    /// # Errors
    /// If it cannot be read or written, is in use, or is no journal.
    pub fn open(path: &Path) -> Result<Self, ClientError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(FileError::at("create the folder", folder))?;
        }
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let lock = lock.map_err(FileError::at("open", path))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(ClientError::Held(path.to_path_buf()));
        }
        let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
        let (replies, whole) =
            read(&bytes).map_err(|(line, why)| ClientError::NoJournal { path: path.to_path_buf(), line, why })?;
        if whole < bytes.len() {
            lock.set_len(whole as u64).map_err(FileError::at("write", path))?;
        }
        Ok(Journal { replies, file: Some((Appender::open(path)?, lock)), path: path.to_path_buf() })
    }

    /// The reply to a question of this hash.
    pub fn get(&self, hash: &str) -> Option<&Reply> {
        self.replies.get(hash)
    }

    /// How many questions were answered.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// Keeps a reply: on the disk first. A failure is not kept.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&mut self, hash: &str, reply: &Reply) -> Result<(), ClientError> {
        if let Reply::Failed(_) = reply {
            return Ok(());
        }
        if let Some((appender, _)) = &mut self.file {
            let entry = Entry { request: hash.to_owned(), reply: reply.clone() };
            let mut line = serde_json::to_vec(&entry).expect("strings and numbers are JSON");
            line.push(b'\n');
            appender.append(&line).map_err(FileError::at("write", &self.path))?;
        }
        self.replies.insert(hash.to_owned(), reply.clone());
        Ok(())
    }

    /// Reads the bytes of a journal, for the fuzzer.
    #[doc(hidden)]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (replies, _) = read(bytes).ok()?;
        Some(Journal { replies, ..Journal::default() })
    }
}

/// The entries, and how many bytes of whole lines there are; or the line (from 1) that is none, and why.
fn read(bytes: &[u8]) -> Result<(FxHashMap<String, Reply>, usize), (usize, String)> {
    // Writing a line is one call, so only the last can be cut off.
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let mut replies = FxHashMap::default();
    for (at, line) in bytes[..whole].split(|&byte| byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let entry: Entry = serde_json::from_slice(line).map_err(|error| (at + 1, error.to_string()))?;
        replies.insert(entry.request, entry.reply);
    }
    // A file of one line without an end is no journal that was cut off, unless it begins like one.
    if whole == 0 && !bytes.is_empty() && !b"{\"request\":\"".starts_with(&bytes[..bytes.len().min(12)]) {
        return Err((1, "it does not begin with {\"request\":".to_owned()));
    }
    Ok((replies, whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Answer;

    #[test]
    fn what_was_kept_is_there_again_and_a_torn_line_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/journal.jsonl");
        let said = Reply::Said(Answer::new("yes\nno"));
        let mut journal = Journal::open(&path).unwrap();
        journal.keep("h1", &said).unwrap();
        journal.keep("h2", &Reply::Refused("too long".into())).unwrap();
        journal.keep("h3", &Reply::Failed("time".into())).unwrap();
        assert!(matches!(Journal::open(&path), Err(ClientError::Held(_))));
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..40 {
            std::fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            assert_eq!((journal.len(), journal.get("h1")), (2, Some(&said)));
            journal.keep("h4", &said).unwrap();
            drop(journal);
            assert_eq!(Journal::open(&path).unwrap().len(), 3);
        }
    }

    #[test]
    fn a_file_that_is_no_journal_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        for text in ["my notes", "my notes\n", "{\"request\":\"h\"}\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Journal::open(&path), Err(ClientError::NoJournal { line: 1, .. })), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
