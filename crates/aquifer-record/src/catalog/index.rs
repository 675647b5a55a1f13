//! The index over cards: SQLite, brought up to date with the cards whenever it is opened.

use super::card::{CARD, Card, CardError, walk};
use crate::store::{StoreError, connect};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

/// A data set and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its folder, below the catalogue's.
    pub folder: PathBuf,
    /// Its card.
    pub card: Card,
}

/// The cards below a folder.
pub struct Catalog {
    root: PathBuf,
    path: PathBuf,
    connection: Connection,
    /// Cards that are none, and why: they are left out.
    pub broken: Vec<CardError>,
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS cards (
        folder TEXT PRIMARY KEY, text TEXT NOT NULL, name TEXT NOT NULL, licence TEXT NOT NULL, words TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS languages (folder TEXT NOT NULL, language TEXT NOT NULL, PRIMARY KEY (folder, language));
    CREATE TABLE IF NOT EXISTS sources (folder TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (folder, source));";

impl Catalog {
    /// Opens the index of the cards below `root`, in `root/.catalog.sqlite`.
    ///
    /// # Errors
    /// When the folder cannot be read or the index cannot be written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(".catalog.sqlite");
        let mut found = Vec::new();
        walk(root, &mut |path| found.extend(path.ends_with(CARD).then(|| path.to_path_buf())), &|_| true)?;
        let connection = connect(&path, SCHEMA)?;
        let mut catalog = Catalog { root: root.to_path_buf(), path, connection, broken: Vec::new() };
        catalog.refresh(&found)?;
        Ok(catalog)
    }

    /// Takes in what the cards say now; a card that did not change costs a comparison.
    fn refresh(&mut self, cards: &[PathBuf]) -> Result<(), StoreError> {
        let mut read = Vec::new();
        for path in cards {
            let folder = path.parent().unwrap_or(path);
            let text = std::fs::read_to_string(path).unwrap_or_default();
            match Card::parse(&text, path) {
                Ok(card) => read.push((self.name_of(folder), text, card)),
                Err(error) => self.broken.push(error),
            }
        }
        let update = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            let known: Vec<(String, String)> = {
                let mut query = transaction.prepare("SELECT folder, text FROM cards")?;
                query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?
            };
            let same = |(folder, text): &&(String, String)| read.iter().any(|(f, t, _)| f == folder && t == text);
            for (folder, _) in known.iter().filter(|row| !same(row)) {
                for table in ["cards", "languages", "sources"] {
                    transaction.execute(&format!("DELETE FROM {table} WHERE folder = ?1"), [folder])?;
                }
            }
            for (folder, text, card) in &read {
                if known.iter().any(|(f, t)| f == folder && t == text) {
                    continue;
                }
                let words = format!("{} {} {}", card.name, card.about, card.licence).to_lowercase();
                let row = params![folder, text, card.name, card.licence, words];
                transaction.execute("INSERT INTO cards VALUES (?1, ?2, ?3, ?4, ?5)", row)?;
                for language in &card.languages {
                    transaction
                        .execute("INSERT OR IGNORE INTO languages VALUES (?1, ?2)", params![folder, language])?;
                }
                for source in &card.sources {
                    transaction
                        .execute("INSERT OR IGNORE INTO sources VALUES (?1, ?2)", params![folder, source.name])?;
                }
            }
            transaction.commit()
        };
        update(&mut self.connection).map_err(|source| self.failed(source))
    }

    fn name_of(&self, folder: &Path) -> String {
        folder.strip_prefix(&self.root).unwrap_or(folder).to_string_lossy().into_owned()
    }

    /// Every data set, by name.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn all(&self) -> Result<Vec<Entry>, StoreError> {
        self.search("", None, None)
    }

    /// Data sets whose name, description or licence holds every word of `words`, in a language, under a licence.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn search(&self, words: &str, language: Option<&str>, licence: Option<&str>) -> Result<Vec<Entry>, StoreError> {
        let mut sql = "SELECT folder, text FROM cards WHERE 1".to_owned();
        let mut values: Vec<String> = Vec::new();
        for word in words.to_lowercase().split_whitespace() {
            values.push(word.to_owned());
            sql += &format!(" AND instr(words, ?{}) > 0", values.len());
        }
        if let Some(language) = language {
            // `zh` finds `zh-Hant`, too.
            values.push(language.to_owned());
            let n = values.len();
            sql += &format!(
                " AND folder IN (SELECT folder FROM languages WHERE language = ?{n} OR language LIKE ?{n} || '-%')"
            );
        }
        if let Some(licence) = licence {
            values.push(licence.to_owned());
            sql += &format!(" AND licence = ?{} COLLATE NOCASE", values.len());
        }
        self.query(&(sql + " ORDER BY name, folder"), &values)
    }

    /// The data sets of this name: one, unless two cards claim it.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn named(&self, name: &str) -> Result<Vec<Entry>, StoreError> {
        self.query("SELECT folder, text FROM cards WHERE name = ?1 ORDER BY folder", &[name.to_owned()])
    }

    /// The data sets that were made from the one of this name.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn made_from(&self, name: &str) -> Result<Vec<Entry>, StoreError> {
        let sql = "SELECT folder, text FROM cards WHERE folder IN (SELECT folder FROM sources WHERE source = ?1) ORDER BY name";
        self.query(sql, &[name.to_owned()])
    }

    fn query(&self, sql: &str, values: &[String]) -> Result<Vec<Entry>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut query = self.connection.prepare(sql)?;
            let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?));
            query.query_map(rusqlite::params_from_iter(values), row)?.collect()
        };
        let rows = read().map_err(|source| self.failed(source))?;
        let entry = |(folder, text): (String, String)| {
            let folder = PathBuf::from(folder);
            Some(Entry { card: Card::parse(&text, &folder).ok()?, folder })
        };
        Ok(rows.into_iter().filter_map(entry).collect())
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Source;

    fn add(root: &Path, name: &str, licence: &str, language: &str, from: &[&str]) {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("part.jsonl"), name).unwrap();
        let sources = from.iter().map(|name| Source { name: (*name).to_owned(), ..Source::default() }).collect();
        let card = Card {
            name: name.into(),
            licence: licence.into(),
            languages: vec![language.into()],
            sources,
            ..Card::default()
        };
        card.with_files(&folder).unwrap().save(&folder).unwrap();
    }

    fn names(entries: Vec<Entry>) -> Vec<String> {
        entries.into_iter().map(|entry| entry.card.name).collect()
    }

    #[test]
    fn the_index_follows_the_cards() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        add(root, "crawl", "CC-BY-4.0", "zh-Hant", &["https://example.org"]);
        add(root, "deep/clean", "CC-BY-4.0", "zh", &["crawl"]);
        add(root, "books", "public domain", "en", &[]);
        let catalog = Catalog::open(root).unwrap();
        assert_eq!(names(catalog.all().unwrap()), ["books", "crawl", "deep/clean"]);
        assert_eq!(names(catalog.search("", Some("zh"), None).unwrap()), ["crawl", "deep/clean"]);
        assert_eq!(names(catalog.search("CLEAN", None, Some("cc-by-4.0")).unwrap()), ["deep/clean"]);
        assert_eq!(names(catalog.search("o'; DROP", None, None).unwrap()), Vec::<String>::new());
        assert_eq!(names(catalog.made_from("crawl").unwrap()), ["deep/clean"]);
        drop(catalog);
        std::fs::remove_dir_all(root.join("crawl")).unwrap();
        add(root, "books", "CC0-1.0", "en", &[]);
        std::fs::create_dir(root.join("odd")).unwrap();
        std::fs::write(root.join("odd/card.toml"), "name = 3").unwrap();
        let catalog = Catalog::open(root).unwrap();
        assert_eq!(names(catalog.all().unwrap()), ["books", "deep/clean"]);
        assert_eq!((catalog.named("books").unwrap()[0].card.licence.as_str(), catalog.broken.len()), ("CC0-1.0", 1));
        drop(catalog);
        std::fs::write(root.join(".catalog.sqlite"), "damaged").unwrap();
        assert_eq!(names(Catalog::open(root).unwrap().all().unwrap()), ["books", "deep/clean"]);
    }

    #[test]
    fn a_card_tells_when_its_files_changed() {
        let dir = tempfile::tempdir().unwrap();
        add(dir.path(), "a", "MIT", "en", &[]);
        let folder = dir.path().join("a");
        let card = Card::load(&folder).unwrap();
        assert_eq!(card.differences(&folder).unwrap(), Vec::<String>::new());
        std::fs::write(folder.join("part.jsonl"), "b").unwrap();
        assert_eq!(card.differences(&folder).unwrap(), ["part.jsonl has another content"]);
        assert_ne!(card.fingerprint(), card.clone().with_files(&folder).unwrap().fingerprint());
        std::fs::remove_file(folder.join("part.jsonl")).unwrap();
        assert_eq!(card.differences(&folder).unwrap(), ["part.jsonl is not there"]);
    }

    #[test]
    fn a_card_that_is_none_says_why() {
        let refused = |text: &str| Card::parse(text, Path::new("x/card.toml")).unwrap_err().to_string();
        let whole = "name = 'a'\nlicence = 'MIT'\n";
        assert!(refused("name = 'a'").contains("licence"));
        assert!(refused(&format!("{whole}licnce = 'x'")).contains("licnce"));
        assert!(refused("name = ''\nlicence = 'MIT'").contains("one line"));
        for path in ["../up", "/etc/passwd", "", "."] {
            let text = format!("{whole}[[file]]\npath = '{path}'\nbytes = 1\nsha256 = ''");
            assert!(refused(&text).contains("does not lie below"), "{path}");
        }
    }
}
