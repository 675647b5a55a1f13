//! The index on a server, for a team: PostgreSQL.

use super::index::{Database, KNOWN, Statement, TABLES};
use crate::store::StoreError;
use postgres::{Client, GenericClient, NoTls, types::ToSql};
use std::sync::Mutex;

pub(super) struct Postgres {
    client: Mutex<Client>,
}

/// Of the lock that a catalogue's updates take in turn: "aquifer" in ASCII.
const LOCK: i64 = 0x61_7175_6966_6572;

impl Postgres {
    pub(super) fn connect(address: &str) -> Result<Self, StoreError> {
        let client = Client::connect(address, NoTls).map_err(failed)?;
        Ok(Postgres { client: Mutex::new(client) })
    }
}

/// The server's own words; the address stays out of them, for it may hold a password.
fn failed(error: postgres::Error) -> StoreError {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    StoreError::Postgres { why }
}

/// Its texts have no NUL.
fn texts(values: &[String]) -> Vec<String> {
    values.iter().map(|value| value.replace('\0', "\u{FFFD}")).collect()
}

fn values(texts: &[String]) -> Vec<&(dyn ToSql + Sync)> {
    texts.iter().map(|text| text as &(dyn ToSql + Sync)).collect()
}

fn pairs(
    client: &mut impl GenericClient,
    question: &str,
    given: &[String],
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = client.query(question, &values(&texts(given))).map_err(failed)?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>().map_err(failed)
}

impl Database for Postgres {
    fn place(&self) -> &'static str {
        "strpos"
    }

    fn ask(&self, question: &str, values: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        let mut client = self.client.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        pairs(&mut *client, question, values)
    }

    fn update(&mut self, change: &dyn Fn(Vec<(String, String)>) -> Vec<Statement>) -> Result<(), StoreError> {
        let client = self.client.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut transaction = client.transaction().map_err(failed)?;
        // Held until the transaction ends: also making tables is done by one at a time.
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).map_err(failed)?;
        transaction.batch_execute(TABLES).map_err(failed)?;
        for (statement, given) in change(pairs(&mut transaction, KNOWN, &[])?) {
            transaction.execute(statement, &values(&texts(&given))).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }
}
