//! What earlier runs met, and what later ones are to know: `index` and `save_index` of a stage.

use super::super::layout;
use crate::dedup::index::{IndexReader, Seen};
use crate::rules::RuleError;
use aquifer_record::FileError;
use std::path::{Path, PathBuf};

/// What a recipe says about other runs.
pub(super) struct Earlier {
    paths: Vec<PathBuf>,
    save: bool,
    /// What keys are made by, in a line, and how long they are.
    about: String,
    width: usize,
}

impl Earlier {
    /// Takes `index` (files, or folders of runs that had a stage of this name) and `save_index` out of a stage's table.
    pub(super) fn take(table: &mut toml::Table, name: &str) -> Result<Self, RuleError> {
        let wrong = |what: &str| RuleError::Options(what.to_owned());
        let named = match table.remove("index") {
            None => Vec::new(),
            Some(toml::Value::Array(paths)) => paths,
            Some(one) => vec![one],
        };
        let path = |value: &toml::Value| {
            let path = PathBuf::from(value.as_str()?);
            Some(if path.is_dir() { layout::index(&path, name) } else { path })
        };
        let paths = named.iter().map(path).collect::<Option<Vec<_>>>();
        let paths =
            paths.ok_or_else(|| wrong("`index` should be a path or a list of paths: of indexes, or of runs"))?;
        let save = match table.remove("save_index") {
            None => false,
            Some(save) => save.as_bool().ok_or_else(|| wrong("`save_index` should be true or false"))?,
        };
        // It becomes the name of a file.
        if save && !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            return Err(wrong("a stage with `save_index` should have a `name` of letters, digits, - and _ only"));
        }
        Ok(Earlier { paths, save, about: String::new(), width: 1 })
    }

    /// What the keys are made by: an index of other ones is refused.
    pub(super) fn set_about(&mut self, about: &serde_json::Value, width: usize) {
        (self.about, self.width) = (about.to_string(), width);
    }

    pub(super) fn is_asked_for(&self) -> bool {
        self.save || self.is_compared()
    }

    /// Whether there are earlier runs.
    pub(super) fn is_compared(&self) -> bool {
        !self.paths.is_empty()
    }

    /// The file for later runs, where one is asked for.
    pub(super) fn saved<'a>(&self, index: &'a Path) -> Option<&'a Path> {
        self.save.then_some(index)
    }

    pub(super) fn about(&self) -> &str {
        &self.about
    }

    /// The indexes of earlier runs.
    pub(super) fn readers(&self) -> impl Iterator<Item = Result<IndexReader, FileError>> {
        self.paths.iter().map(|path| IndexReader::open(path, &self.about, self.width))
    }

    /// Whether all of them can be used.
    pub(super) fn check(&self) -> Result<(), FileError> {
        self.readers().try_for_each(|reader| reader.map(drop))
    }

    /// All of them side by side, and the file for later runs.
    pub(super) fn open(&self, index: &Path) -> Result<Option<Seen>, FileError> {
        let open = || Seen::open(&self.paths, self.saved(index), &self.about, self.width);
        self.is_asked_for().then(open).transpose()
    }
}
