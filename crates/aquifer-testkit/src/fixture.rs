//! Numbers other programs computed, and data too large for the repository.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// A JSON file of named arrays: `{"name": {"shape": [2, 3], "data": [...]}, "other": 1.5, ...}`.
#[derive(Clone, Debug)]
pub struct Fixture {
    path: PathBuf,
    root: Value,
}

impl Fixture {
    /// Reads `tests/golden/<name>` of the crate whose `CARGO_MANIFEST_DIR` is `manifest_dir`.
    ///
    /// # Panics
    /// If the file is absent or is not JSON.
    #[track_caller]
    pub fn golden(manifest_dir: &str, name: &str) -> Self {
        Fixture::open(&Path::new(manifest_dir).join("tests/golden").join(name))
    }

    /// Reads this file.
    ///
    /// # Panics
    /// If it is absent or is not JSON.
    #[track_caller]
    pub fn open(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("fixture `{}`: {e}", path.display()));
        let root = serde_json::from_str(&text).unwrap_or_else(|e| panic!("fixture `{}`: {e}", path.display()));
        Fixture { path: path.to_owned(), root }
    }

    /// Any value in the file.
    ///
    /// # Panics
    /// If there is none of this name.
    #[track_caller]
    pub fn value(&self, name: &str) -> &Value {
        self.root.get(name).unwrap_or_else(|| panic!("fixture `{}` has no `{name}`", self.path.display()))
    }

    /// The elements of an array, which may be nested or be an object's `data`.
    ///
    /// # Panics
    /// If there is none of this name, or it holds something else than numbers.
    #[track_caller]
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let value = self.value(name);
        let mut out = Vec::new();
        let flat = flatten(value.get("data").unwrap_or(value), &mut out);
        assert!(flat, "fixture `{}`: `{name}` holds something else than numbers", self.path.display());
        out
    }

    /// [`Fixture::numbers`] rounded to `f32`.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn f32s(&self, name: &str) -> Vec<f32> {
        self.numbers(name).into_iter().map(|x| x as f32).collect()
    }

    /// An object's `shape`.
    ///
    /// # Panics
    /// If there is none of this name, or it has no shape.
    #[track_caller]
    pub fn shape(&self, name: &str) -> Vec<usize> {
        let shape = self.value(name).get("shape").and_then(Value::as_array);
        let shape = shape.unwrap_or_else(|| panic!("fixture `{}`: `{name}` has no shape", self.path.display()));
        shape.iter().filter_map(Value::as_u64).map(|n| n as usize).collect()
    }
}

fn flatten(value: &Value, out: &mut Vec<f64>) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| flatten(item, out)),
        other => other.as_f64().map(|x| out.push(x)).is_some(),
    }
}

/// Where the real data lies that some tests read: the folder named by `AQUIFER_DATA`, else `../shared/data` beside
/// the workspace. `None`, with a line saying so, where there is none; such a test then passes without
/// having looked.
pub fn data_dir() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("AQUIFER_DATA").map_or(beside, PathBuf::from);
    let found = dir.is_dir().then_some(dir);
    if found.is_none() {
        eprintln!("skipped: no data folder (set AQUIFER_DATA to have this test read it)");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_flat_with_their_shape() {
        let root = serde_json::json!({"w": {"shape": [2, 2], "data": [[1, 2], [3, 4.5]]}, "loss": [0.5]});
        let fixture = Fixture { path: "inline".into(), root };
        assert_eq!((fixture.numbers("w"), fixture.shape("w")), (vec![1.0, 2.0, 3.0, 4.5], vec![2, 2]));
        assert_eq!(fixture.f32s("loss"), [0.5]);
    }
}
