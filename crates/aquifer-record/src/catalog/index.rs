//! The index over cards, in a database that is brought up to date with the cards whenever it is opened.

use super::card::{CARD, Card, CardError, walk};
#[cfg(feature = "postgres")]
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use crate::store::StoreError;
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
    database: Box<dyn Database>,
    /// Cards that are none, and why: they are left out.
    pub broken: Vec<CardError>,
}

/// The tables, in words that SQLite and PostgreSQL share; so are all questions below.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS cards (
        folder TEXT PRIMARY KEY, text TEXT NOT NULL, name TEXT NOT NULL, licence TEXT NOT NULL, words TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS languages (folder TEXT NOT NULL, language TEXT NOT NULL, PRIMARY KEY (folder, language));
    CREATE TABLE IF NOT EXISTS sources (folder TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (folder, source));";

/// What every card says: its folder and its text.
pub(super) const KNOWN: &str = "SELECT folder, text FROM cards";

/// A statement and its values.
pub(super) type Statement = (&'static str, Vec<String>);

/// Where the tables are.
pub(super) trait Database {
    /// The function for the place of a text in another, 0 where it is not there.
    fn place(&self) -> &'static str;

    /// The answer to a question for two columns.
    fn ask(&self, question: &str, values: &[String]) -> Result<Vec<(String, String)>, StoreError>;

    /// Makes the tables where there are none, and does what `change` says of the [`KNOWN`] cards: all or nothing, and one
    /// after another where several do it.
    fn update(&mut self, change: &dyn Fn(Vec<(String, String)>) -> Vec<Statement>) -> Result<(), StoreError>;
}

impl Catalog {
    /// Opens the index of the cards below `root`, in `root/.catalog.sqlite`.
    ///
    /// # Errors
    /// When the folder cannot be read or the index cannot be written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let found = cards(root)?;
        let database = Sqlite::open(&root.join(".catalog.sqlite"))?;
        Catalog::over(root, Box::new(database), &found)
    }

    /// Opens the index of the cards below `root` in a PostgreSQL database that is this catalogue's own
    /// (`postgres://user:password@host/database`). It may be shared by all who see the same cards.
    ///
    /// # Errors
    /// When the folder cannot be read, or the database does not answer as it should.
    #[cfg(feature = "postgres")]
    pub fn open_in(root: &Path, address: &str) -> Result<Self, StoreError> {
        let found = cards(root)?;
        Catalog::over(root, Box::new(Postgres::connect(address)?), &found)
    }

    /// Takes in what the cards say now; a card that did not change costs a comparison.
    fn over(root: &Path, mut database: Box<dyn Database>, cards: &[PathBuf]) -> Result<Self, StoreError> {
        let (mut read, mut broken) = (Vec::new(), Vec::new());
        for path in cards {
            let folder = path.parent().unwrap_or(path);
            let name = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).unwrap_or_default();
            match Card::parse(&text, path) {
                Ok(card) => read.push((name, text, card)),
                Err(error) => broken.push(error),
            }
        }
        database.update(&|known| changes(&known, &read))?;
        Ok(Catalog { database, broken })
    }

    /// Every data set, by name.
    ///
    /// # Errors
    /// The database's own.
    pub fn all(&self) -> Result<Vec<Entry>, StoreError> {
        self.search("", None, None)
    }

    /// Data sets whose name, description or licence holds every word of `words`, in a language, under a licence.
    ///
    /// # Errors
    /// The database's own.
    pub fn search(&self, words: &str, language: Option<&str>, licence: Option<&str>) -> Result<Vec<Entry>, StoreError> {
        let mut question = format!("{KNOWN} WHERE TRUE");
        let mut values: Vec<String> = Vec::new();
        for word in words.to_lowercase().split_whitespace() {
            values.push(word.to_owned());
            question += &format!(" AND {}(words, ${}) > 0", self.database.place(), values.len());
        }
        if let Some(language) = language {
            // `zh` finds `zh-Hant`, too.
            values.push(language.to_owned());
            let n = values.len();
            question += &format!(
                " AND folder IN (SELECT folder FROM languages WHERE language = ${n} \
                 OR substr(language, 1, length(${n}) + 1) = ${n} || '-')"
            );
        }
        if let Some(licence) = licence {
            values.push(licence.to_lowercase());
            question += &format!(" AND lower(licence) = ${}", values.len());
        }
        self.ask(&question, &values)
    }

    /// The data sets of this name: one, unless two cards claim it.
    ///
    /// # Errors
    /// The database's own.
    pub fn named(&self, name: &str) -> Result<Vec<Entry>, StoreError> {
        self.ask(&format!("{KNOWN} WHERE name = $1"), &[name.to_owned()])
    }

    /// The data sets that were made from the one of this name.
    ///
    /// # Errors
    /// The database's own.
    pub fn made_from(&self, name: &str) -> Result<Vec<Entry>, StoreError> {
        let question = format!("{KNOWN} WHERE folder IN (SELECT folder FROM sources WHERE source = $1)");
        self.ask(&question, &[name.to_owned()])
    }

    /// Sorted here, by name and folder: databases sort by the rules of their own place.
    fn ask(&self, question: &str, values: &[String]) -> Result<Vec<Entry>, StoreError> {
        let entry = |(folder, text): (String, String)| {
            let folder = PathBuf::from(folder);
            Some(Entry { card: Card::parse(&text, &folder).ok()?, folder })
        };
        let mut entries: Vec<Entry> = self.database.ask(question, values)?.into_iter().filter_map(entry).collect();
        entries.sort_by(|a, b| (&a.card.name, &a.folder).cmp(&(&b.card.name, &b.folder)));
        Ok(entries)
    }
}

fn cards(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    walk(root, &mut |path| found.extend(path.ends_with(CARD).then(|| path.to_path_buf())), &|_| true)?;
    Ok(found)
}

/// What brings the tables from the known cards to those that were read: folder, text and content of each.
fn changes(known: &[(String, String)], read: &[(String, String, Card)]) -> Vec<Statement> {
    let mut out: Vec<Statement> = Vec::new();
    for (folder, _) in known.iter().filter(|(f, t)| !read.iter().any(|(folder, text, _)| folder == f && text == t)) {
        for statement in [
            "DELETE FROM cards WHERE folder = $1",
            "DELETE FROM languages WHERE folder = $1",
            "DELETE FROM sources WHERE folder = $1",
        ] {
            out.push((statement, vec![folder.clone()]));
        }
    }
    for (folder, text, card) in read {
        if known.iter().any(|(f, t)| f == folder && t == text) {
            continue;
        }
        let words = format!("{} {} {}", card.name, card.about, card.licence).to_lowercase();
        let row = [folder, text, &card.name, &card.licence.to_lowercase(), &words].map(String::clone).to_vec();
        out.push(("INSERT INTO cards VALUES ($1, $2, $3, $4, $5)", row));
        let languages = card
            .languages
            .iter()
            .map(|language| ("INSERT INTO languages VALUES ($1, $2) ON CONFLICT DO NOTHING", language));
        let sources = card
            .sources
            .iter()
            .map(|source| ("INSERT INTO sources VALUES ($1, $2) ON CONFLICT DO NOTHING", &source.name));
        out.extend(languages.chain(sources).map(|(statement, value)| (statement, vec![folder.clone(), value.clone()])));
    }
    out
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
