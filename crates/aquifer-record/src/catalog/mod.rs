//! The catalogue of data sets: what there is, under which licence, in which languages, and what each was made from.
//!
//! A data set's [`Card`] is a TOML file beside its shards, and the truth; a [`Catalog`] is an index over the cards below a
//! folder, rebuilt from them whenever it is absent or behind: a file of SQLite's beside them, or, with the feature `postgres`,
//! a database of a team's server.
//!
//! ```
//! use aquifer_record::catalog::{Card, Catalog};
//! let root = tempfile::tempdir().unwrap();
//! std::fs::write(root.path().join("rain.jsonl"), "{\"text\": \"It rained.\"}\n").unwrap();
//! let card = Card { name: "rain".into(), licence: "CC0-1.0".into(), languages: vec!["en".into()], ..Card::default() };
//! card.with_files(root.path()).unwrap().save(root.path()).unwrap();
//! let catalog = Catalog::open(root.path()).unwrap();
//! assert_eq!(catalog.search("rain", Some("en"), None).unwrap()[0].card.files[0].bytes, 23);
//! ```

mod card;
mod index;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

pub use card::{CARD, Card, CardError, File, Source};
pub use index::{Catalog, Entry};
