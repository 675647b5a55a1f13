//! The index over many runs: SQLite, rebuilt from the folders whenever it is absent or behind them.

use crate::manifest::Manifest;
use crate::run::{self, RunError};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Why the index cannot be used. The folders it was made from are untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite's own word.
    #[error("the index at `{}` cannot be used: {source}; delete the file and it is rebuilt from the folders", path.display())]
    Sqlite {
        /// The index file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// PostgreSQL's own word.
    #[cfg(feature = "postgres")]
    #[error("the database cannot be used: {why}")]
    Postgres {
        /// What it said.
        why: String,
    },
    /// A folder could not be listed.
    #[error(transparent)]
    File(#[from] crate::files::FileError),
    /// A run folder could not be read.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// One row of the index.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The run's folder name.
    pub name: String,
    /// Its manifest as last read.
    pub manifest: Manifest,
}

/// The index of the runs under one folder, in `root/.index.sqlite`.
pub struct Store {
    connection: Connection,
    root: PathBuf,
    path: PathBuf,
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS runs (
        name TEXT PRIMARY KEY, modified INTEGER NOT NULL, created TEXT NOT NULL, status TEXT NOT NULL, manifest TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS results (
        run TEXT NOT NULL REFERENCES runs(name) ON DELETE CASCADE, metric TEXT NOT NULL, value REAL NOT NULL,
        PRIMARY KEY (run, metric)
    );";

/// Opens an index or begins it. It is only an index: a damaged one is made anew.
pub(crate) fn connect(path: &Path, schema: &str) -> Result<Connection, StoreError> {
    let connect = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.execute_batch(schema)?;
        Ok(connection)
    };
    let connection = connect().or_else(|_| {
        let _ = std::fs::remove_file(path);
        connect()
    });
    connection.map_err(|source| StoreError::Sqlite { path: path.to_path_buf(), source })
}

impl Store {
    /// Opens the index of `root` and brings it up to date with the folders.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(".index.sqlite");
        let connection = connect(&path, SCHEMA)?;
        let mut store = Store { connection, root: root.to_path_buf(), path };
        store.refresh()?;
        Ok(store)
    }

    /// Every run, oldest first.
    pub fn rows(&self) -> Result<Vec<Row>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut query = self.connection.prepare("SELECT name, manifest FROM runs ORDER BY created, name")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let rows = read().map_err(|source| self.error(source))?;
        let parse = |(name, json): (String, String)| Some(Row { name, manifest: serde_json::from_str(&json).ok()? });
        Ok(rows.into_iter().filter_map(parse).collect())
    }

    /// Reads the folders whose manifest changed since the index saw it, and forgets those that are gone.
    fn refresh(&mut self) -> Result<(), StoreError> {
        let runs = run::list(&self.root);
        let update = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            let names: Vec<String> = runs.iter().map(|run| run.name()).collect();
            let known: Vec<(String, i64)> = {
                let mut query = transaction.prepare("SELECT name, modified FROM runs")?;
                let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect::<rusqlite::Result<_>>()?
            };
            for (name, _) in known.iter().filter(|(name, _)| !names.contains(name)) {
                transaction.execute("DELETE FROM results WHERE run = ?1", [name])?;
                transaction.execute("DELETE FROM runs WHERE name = ?1", [name])?;
            }
            for run in &runs {
                let modified = modified_ns(&run.join("manifest.json"));
                if known.iter().any(|(name, seen)| *name == run.name() && *seen == modified) {
                    continue;
                }
                // A damaged manifest keeps its run out of the list; `runs show` says what is wrong with it.
                let Ok(manifest) = run.manifest() else { continue };
                let json = serde_json::to_string(&manifest).expect("a manifest is plain data");
                let status = serde_json::to_string(&manifest.status).expect("a status is a word");
                transaction.execute("DELETE FROM results WHERE run = ?1", [run.name()])?;
                transaction.execute(
                    "INSERT OR REPLACE INTO runs VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![run.name(), modified, manifest.created, status.trim_matches('"'), json],
                )?;
                for (metric, value) in &manifest.results {
                    transaction
                        .execute("INSERT INTO results VALUES (?1, ?2, ?3)", params![run.name(), metric, value])?;
                }
            }
            transaction.commit()
        };
        update(&mut self.connection).map_err(|source| self.error(source))
    }

    fn error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: self.path.clone(), source }
    }
}

fn modified_ns(path: &Path) -> i64 {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    modified.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunFolder;

    fn names(root: &Path) -> Vec<String> {
        Store::open(root).unwrap().rows().unwrap().into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn the_index_follows_the_folders_and_survives_its_own_loss() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            let run = RunFolder::create(root.path(), name).unwrap();
            let results = [("loss".to_owned(), 1.5)].into();
            run.write(
                "manifest.json",
                &Manifest { name: name.into(), created: name.into(), results, ..Default::default() },
            )
            .unwrap();
        }
        assert_eq!(names(root.path()), ["a", "b"]);
        std::fs::remove_dir_all(root.path().join("a")).unwrap();
        assert_eq!(names(root.path()), ["b"]);
        std::fs::write(root.path().join(".index.sqlite"), b"this is no database at all, and long enough to notice")
            .unwrap();
        assert_eq!(names(root.path()), ["b"]);
    }
}
