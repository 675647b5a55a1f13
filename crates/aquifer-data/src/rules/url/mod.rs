//! The rule on addresses that FineWeb begins with, as datatrove decides it: block lists of domains and whole addresses, and words in
//! the address.
//!
//! Lists are files, or folders in the layout of the University of Toulouse (UT1): a folder a category, with `domains` and `urls` in
//! it. A document without an address has no values.

mod host;

use super::{Asked, Bound, Column, Page, Rule, RuleError, lists, options};
use crate::dedup::url::{address, normalised};
use aho_corasick::AhoCorasick;
use rustc_hash::FxHashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// Where categories lie.
    folder: PathBuf,
    /// Folders in which files `domains` and `urls` may lie, by name or path: `adult`.
    categories: Vec<PathBuf>,
    /// Lists of domains and hosts.
    domains: Vec<PathBuf>,
    /// Lists of whole addresses.
    urls: Vec<PathBuf>,
    /// Lists of words that no address may have.
    banned_words: Vec<PathBuf>,
    /// Lists of words of which an address may have one.
    soft_banned_words: Vec<PathBuf>,
    /// Lists of words that may not occur even inside others.
    banned_subwords: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            folder: PathBuf::new(),
            categories: Vec::new(),
            domains: Vec::new(),
            urls: Vec::new(),
            banned_words: vec!["own-address-words".into()],
            soft_banned_words: Vec::new(),
            banned_subwords: Vec::new(),
        }
    }
}

struct Url {
    domains: FxHashSet<String>,
    /// As they were written.
    urls: FxHashSet<String>,
    /// Of categories, which write them without a scheme.
    normalised: FxHashSet<String>,
    banned_words: FxHashSet<String>,
    soft_banned_words: FxHashSet<String>,
    banned_subwords: AhoCorasick,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let mut given: Options = options(table)?;
    let mut urls_of_categories = Vec::new();
    for category in &given.categories {
        let folder = given.folder.join(category);
        let [domains, urls] = ["domains", "urls"].map(|name| folder.join(name));
        if !domains.exists() && !urls.exists() {
            let cause = "there is neither `domains` nor `urls` in it".to_owned();
            return Err(RuleError::File { path: folder, cause });
        }
        given.domains.extend(Some(domains).filter(|path| path.exists()));
        urls_of_categories.extend(Some(urls).filter(|path| path.exists()));
    }
    let subwords = lists::read(&given.banned_subwords, letters)?;
    Ok(Box::new(Url {
        domains: lists::read(&given.domains, str::to_owned)?,
        urls: lists::read(&given.urls, str::to_owned)?,
        normalised: lists::read(&urls_of_categories, normalised)?,
        banned_words: lists::read(&given.banned_words, letters)?,
        soft_banned_words: lists::read(&given.soft_banned_words, letters)?,
        banned_subwords: AhoCorasick::new(&subwords).map_err(|e| RuleError::Options(e.to_string()))?,
    }))
}

/// ASCII letters and digits only, small.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

impl Rule for Url {
    fn columns(&self) -> Vec<Column> {
        let none = |name, about, peer| Column::new(name, about, Bound::at_most(0.0)).peer("", peer);
        vec![
            none("domain", "1 if its registered domain is listed", "domain"),
            none("host", "1 if its host is listed", "subdomain"),
            none("address", "1 if the whole address is listed", "url"),
            none("words", "different banned words in it", "hard_blacklisted"),
            Column::new("soft_words", "different softly banned words in it", Bound::at_most(1.0))
                .peer("", "soft_blacklisted"),
            none("subwords", "1 if a banned part of a word is in it", "blacklisted_subword"),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let Some(url) = address(page.document()) else { return ControlFlow::Continue(()) };
        let host = host::host(url);
        let domain = host::registered(&host);
        let listed = |name: &str| f64::from(self.domains.contains(name));
        ask.number(0, domain.map_or(0.0, listed))?;
        // datatrove knows no host without a registered domain.
        ask.number(1, domain.map_or(0.0, |domain| listed(host::name(&host, domain))))?;
        ask.number(2, f64::from(self.urls.contains(url) || self.normalised.contains(&normalised(url))))?;
        let words: FxHashSet<&str> = url.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let listed = |list: &FxHashSet<String>| words.iter().filter(|word| list.contains(**word)).count() as f64;
        ask.number(3, listed(&self.banned_words))?;
        ask.number(4, listed(&self.soft_banned_words))?;
        ask.number(5, f64::from(self.banned_subwords.is_match(&letters(url))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Stage;
    use aquifer_corpus::Document;

    #[test]
    fn lists_of_categories_and_words_are_met() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("gambling");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("domains"), "bet.com\nshop.host.co.uk\n").unwrap();
        std::fs::write(folder.join("urls"), "news.org/games/poker\n").unwrap();
        let root = dir.path();
        let stage = |categories: &str| {
            let table = format!("rule = \"url\"\nfolder = {root:?}\ncategories = [{categories:?}]");
            Stage::build(toml::from_str(&table).unwrap())
        };
        let gambling = stage("gambling").unwrap();
        let verdict = |url: Option<&str>| {
            let mut document = Document::new("d", "text");
            if let Some(url) = url {
                document.metadata.insert("WARC-Target-URI".to_owned(), url.into());
            }
            gambling.ask(&Page::new(&document), false).verdict.map_or_else(String::new, |broken| broken.column)
        };
        assert_eq!(verdict(Some("http://www.bet.com/x")), "url.domain");
        assert_eq!(verdict(Some("http://shop.host.co.uk/")), "url.host");
        assert_eq!(verdict(Some("https://www.news.org/games/poker/")), "url.address");
        assert_eq!(verdict(Some("https://news.org/xxx/")), "url.words");
        assert_eq!(verdict(Some("https://news.org/")), "");
        assert_eq!(verdict(None), "");
        assert!(stage("adult").err().unwrap().to_string().contains("neither `domains` nor `urls`"));
    }
}
