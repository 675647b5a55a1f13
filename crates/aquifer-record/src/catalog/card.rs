//! `card.toml`, beside the files it speaks of.

use crate::files::{FileError, sha256_file, write_atomic_bytes};
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// What a card's file is called.
pub const CARD: &str = "card.toml";

/// What is known of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its name, of its own in a catalogue.
    pub name: String,
    /// What it is, in a sentence or two.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// SPDX, such as `CC-BY-4.0`, or whatever its makers say.
    pub licence: String,
    /// As BCP 47 has them, such as `en` and `zh-Hant`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Documents, where somebody counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<u64>,
    /// Tokens, where somebody counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What it was made from, in order.
    #[serde(default, rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Its files, in the order of their paths.
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
}

/// What a data set was made from, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Another data set of the catalogue by its name, or an address.
    pub name: String,
    /// What was done to it: a command, a recipe.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The SHA-256 of its list of files then ([`Card::fingerprint`]), so that a later change shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// One file of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Below the card's folder, with `/` between the parts.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

/// A card that is none, or does not tell the truth.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It cannot be read or written, nor can a file it names.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no card.
    #[error("`{}`: {why}", path.display())]
    Invalid {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Card {
    /// Reads a card; `path` names it in errors.
    ///
    /// # Errors
    /// For TOML that is none, unknown keys, a card without name or licence, paths that leave its folder.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CardError> {
        let refused = |why: String| CardError::Invalid { path: path.to_path_buf(), why };
        let card: Card = toml::from_str(text).map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
        card.check().map_err(refused)?;
        Ok(card)
    }

    fn check(&self) -> Result<(), String> {
        let plain = |text: &str| !text.trim().is_empty() && !text.contains(['\n', '\r']);
        if !plain(&self.name) || !plain(&self.licence) {
            return Err("it needs a `name` and a `licence` of one line each".to_owned());
        }
        let inside = |path: &str| {
            let mut parts = Path::new(path).components().peekable();
            parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
        };
        match self.files.iter().find(|file| !inside(&file.path)) {
            Some(file) => Err(format!("`{}` does not lie below it", file.path)),
            None => Ok(()),
        }
    }

    /// Reads the card of a folder.
    ///
    /// # Errors
    /// As [`Card::parse`], or when there is none.
    pub fn load(folder: &Path) -> Result<Self, CardError> {
        let path = folder.join(CARD);
        let text = std::fs::read_to_string(&path).map_err(FileError::at("read", &path))?;
        Card::parse(&text, &path)
    }

    /// Writes it into its folder, whole or not at all.
    ///
    /// # Errors
    /// As [`Card::parse`] would, or whatever the system says.
    pub fn save(&self, folder: &Path) -> Result<(), CardError> {
        let path = folder.join(CARD);
        self.check().map_err(|why| CardError::Invalid { path: path.clone(), why })?;
        let text = toml::to_string_pretty(self).expect("strings and numbers are TOML");
        Ok(write_atomic_bytes(&path, text.as_bytes())?)
    }

    /// With all files below `folder` measured and hashed: all but hidden ones, the card, and folders that have a card of
    /// their own.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn with_files(mut self, folder: &Path) -> Result<Self, CardError> {
        let mut paths = Vec::new();
        walk(folder, &mut |path| paths.push(path.to_path_buf()), &|inner| !inner.join(CARD).exists())?;
        self.files = Vec::with_capacity(paths.len());
        for path in paths.iter().filter(|path| **path != folder.join(CARD)) {
            let below = path.strip_prefix(folder).unwrap_or(path);
            let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            let bytes = std::fs::metadata(path).map_err(FileError::at("read", path))?.len();
            self.files.push(File { path: parts.join("/"), bytes, sha256: sha256_file(path)? });
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    /// The SHA-256 of the list of its files: equal for equal content.
    pub fn fingerprint(&self) -> String {
        let lines: String = self.files.iter().map(|file| format!("{}  {}\n", file.sha256, file.path)).collect();
        crate::sha256_hex(lines.as_bytes())
    }

    /// What the files say now, against the card: one line for each that is absent or another.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn differences(&self, folder: &Path) -> Result<Vec<String>, CardError> {
        let mut out = Vec::new();
        for file in &self.files {
            let path = folder.join(&file.path);
            match std::fs::metadata(&path) {
                Err(_) => out.push(format!("{} is not there", file.path)),
                Ok(found) if found.len() != file.bytes => {
                    out.push(format!("{} has {} bytes, not {}", file.path, found.len(), file.bytes));
                }
                Ok(_) if sha256_file(&path)? != file.sha256 => out.push(format!("{} has another content", file.path)),
                Ok(_) => {}
            }
        }
        Ok(out)
    }
}

/// Every file below a folder that is not hidden, in the order of names; links are not followed.
pub(super) fn walk(
    folder: &Path,
    found: &mut dyn FnMut(&Path),
    enter: &dyn Fn(&Path) -> bool,
) -> Result<(), FileError> {
    let entries = std::fs::read_dir(folder).map_err(FileError::at("list", folder))?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(FileError::at("list", folder))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(FileError::at("read", entry.path()))?);
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() && enter(&path) {
            walk(&path, found, enter)?;
        } else if kind.is_file() {
            found(&path);
        }
    }
    Ok(())
}
