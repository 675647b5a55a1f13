//! The index in a file: SQLite.

use super::index::{Database, KNOWN, Statement, TABLES};
use crate::store::{StoreError, connect};
use rusqlite::{Connection, params_from_iter};
use std::path::{Path, PathBuf};

pub(super) struct Sqlite {
    path: PathBuf,
    connection: Connection,
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let schema = format!("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; {TABLES}");
        Ok(Sqlite { path: path.to_path_buf(), connection: connect(path, &schema)? })
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: self.path.clone(), source }
    }
}

fn pairs(connection: &Connection, question: &str, values: &[String]) -> rusqlite::Result<Vec<(String, String)>> {
    let mut query = connection.prepare(question)?;
    query.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

impl Database for Sqlite {
    fn place(&self) -> &'static str {
        "instr"
    }

    fn ask(&self, question: &str, values: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        pairs(&self.connection, question, values).map_err(|source| self.failed(source))
    }

    fn update(&mut self, change: &dyn Fn(Vec<(String, String)>) -> Vec<Statement>) -> Result<(), StoreError> {
        let update = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            for (statement, values) in change(pairs(&transaction, KNOWN, &[])?) {
                transaction.execute(statement, params_from_iter(values))?;
            }
            transaction.commit()
        };
        update(&mut self.connection).map_err(|source| self.failed(source))
    }
}
