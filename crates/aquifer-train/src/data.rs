//! Where a recipe's data is, and what to do when it is not there.

use std::path::{Path, PathBuf};

/// A data set that recipes name and that is too large, or not ours, to ship.
struct Known {
    names: &'static [&'static str],
    what: &'static str,
    how: &'static str,
}

const KNOWN: &[Known] = &[Known {
    names: &["shakespeare.txt", "tinyshakespeare.txt"],
    what: "Tiny Shakespeare, 1,115,394 bytes, \
           SHA-256 86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    how: "curl -Lo shakespeare.txt https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
}];

/// Data that a recipe names and nobody finds.
#[derive(Debug, thiserror::Error)]
#[error("there is no `{name}` {}{}", looked(tried), help(name))]
pub struct DataMissing {
    /// What the recipe says.
    pub name: String,
    /// Where it was looked for.
    pub tried: Vec<PathBuf>,
}

fn looked(tried: &[PathBuf]) -> String {
    let places: Vec<String> = tried.iter().map(|path| format!("\n  {}", path.display())).collect();
    format!("at any of these places:{}", places.concat())
}

fn help(name: &str) -> String {
    match known(name) {
        Some(Known { what, how, .. }) => {
            format!("\nIt is {what}. Fetch it with\n  {how}\nand put it beside the recipe.")
        }
        None => "\nGive `data` the path of a file or folder: `--set data=PATH`.".to_owned(),
    }
}

fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.names.contains(&name))
}

/// Finds `name`: as a path of its own or from the recipe's folder, then in each of `folders` and in its `lm_text`.
///
/// # Errors
/// [`DataMissing`] lists where it looked and, for data sets we know, says how to get them.
pub fn find_data(name: &str, recipe_folder: &Path, folders: &[PathBuf]) -> Result<PathBuf, DataMissing> {
    let names: &[&str] = known(name).map_or(&[], |known| known.names);
    let names: Vec<&str> = std::iter::once(name).chain(names.iter().copied().filter(|other| *other != name)).collect();
    let mut tried: Vec<PathBuf> = Vec::new();
    for name in names {
        tried.extend([recipe_folder.join(name), PathBuf::from(name)]);
        tried.extend(folders.iter().flat_map(|folder| [folder.join(name), folder.join("lm_text").join(name)]));
    }
    let mut seen = std::collections::BTreeSet::new();
    tried.retain(|path| seen.insert(path.clone()));
    match tried.iter().find(|path| path.exists()) {
        Some(path) => Ok(path.clone()),
        None => Err(DataMissing { name: name.to_owned(), tried }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_found_beside_the_recipe_or_in_the_folders_given() {
        let (beside, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = [shared.path().to_path_buf()];
        let told = find_data("shakespeare.txt", beside.path(), &folders).unwrap_err().to_string();
        assert!(told.contains("curl") && told.contains("1,115,394") && told.contains("lm_text"), "{told}");
        std::fs::create_dir(shared.path().join("lm_text")).unwrap();
        let stored = shared.path().join("lm_text/tinyshakespeare.txt");
        std::fs::write(&stored, "x").unwrap();
        assert_eq!(find_data("shakespeare.txt", beside.path(), &folders).unwrap(), stored);
        std::fs::write(beside.path().join("shakespeare.txt"), "x").unwrap();
        let found = find_data("shakespeare.txt", beside.path(), &folders).unwrap();
        assert_eq!(found, beside.path().join("shakespeare.txt"));
        let told = find_data("mine.txt", beside.path(), &[]).unwrap_err().to_string();
        assert!(told.contains("--set data=PATH"), "{told}");
    }
}
