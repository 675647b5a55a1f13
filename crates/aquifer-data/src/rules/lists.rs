//! Lists of words, domains and addresses: files of the user's, an entry a line, `#` before remarks; or one of a few short lists of our
//! own, by name. Ours are examples to begin with: good enough to see a rule work, far too short for a crawl.

use super::RuleError;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Our own, by name.
const OWN: [(&str, &str); 5] = [
    ("own-flagged-en", include_str!("lists/flagged-en.txt")),
    ("own-flagged-zh", include_str!("lists/flagged-zh.txt")),
    ("own-stop-en", include_str!("lists/stop-en.txt")),
    ("own-stop-zh", include_str!("lists/stop-zh.txt")),
    ("own-address-words", include_str!("lists/address-words.txt")),
];

/// The entries of all lists, each without white space around it and as `entry` makes it; empty ones are left out.
pub(super) fn read(lists: &[PathBuf], entry: impl Fn(&str) -> String) -> Result<FxHashSet<String>, RuleError> {
    let mut entries = FxHashSet::default();
    for list in lists {
        let text = text(list)?;
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(|line| entry(line.trim()));
        entries.extend(lines.filter(|line| !line.is_empty()));
    }
    Ok(entries)
}

fn text(list: &Path) -> Result<Cow<'static, str>, RuleError> {
    if let Some((_, text)) = OWN.iter().find(|(name, _)| Path::new(name) == list) {
        return Ok((*text).into());
    }
    let unusable = |cause: String| RuleError::File { path: list.to_owned(), cause };
    let bytes = std::fs::read(list).map_err(|e| {
        let own = OWN.map(|(name, _)| name).join(", ");
        unusable(format!("{e}; it should be a file or one of our own short lists: {own}"))
    })?;
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8; save it as UTF-8".to_owned()))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_files_or_our_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        std::fs::write(&path, "# a remark\n One \n\ntwo#\n").unwrap();
        let mut words: Vec<String> = read(&[path], str::to_lowercase).unwrap().into_iter().collect();
        words.sort();
        assert_eq!(words, ["one", "two#"]);
        let missing = read(&["nowhere".into()], str::to_owned).unwrap_err().to_string();
        assert!(missing.contains("nowhere") && missing.contains("own-flagged-zh"), "{missing}");
        for (name, _) in OWN {
            assert!(read(&[name.into()], str::to_owned).unwrap().len() > 20, "{name}");
        }
        std::fs::write(dir.path().join("latin"), b"caf\xe9").unwrap();
        let refused = read(&[dir.path().join("latin")], str::to_owned).unwrap_err().to_string();
        assert!(refused.contains("UTF-8"), "{refused}");
    }
}
