//! A scratch folder and the binary run inside it.
#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A recipe that is done in a blink.
pub(crate) const TINY: &str = r#"
name = "tiny"
data = "text.txt"
tokenizer = "char"
val_fraction = 0.1
precision = "f32"
[model]
layers = 1
width = 32
heads = 2
min_shard = 32
[batch]
sequence = 32
grains = 4
[schedule]
steps = 3
"#;

/// What a command said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {}", self.out))
    }
}

/// A folder that is gone after the test, with commands run inside it.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Scratch(tempfile::tempdir().unwrap())
    }

    /// With `text.txt` and `tiny.toml` in it.
    pub(crate) fn with_recipe() -> Self {
        let scratch = Scratch::new();
        let text: String = (0..300).map(|i| format!("{i} bottles and {} more make a song.\n\n", i * 7 % 31)).collect();
        scratch.write("text.txt", text);
        scratch.write("tiny.toml", TINY);
        scratch
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub(crate) fn copy_folder(&self, from: &str, to: &str) {
        for entry in std::fs::read_dir(self.path(from)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            self.write(&format!("{to}/{name}"), self.read(&format!("{from}/{name}")));
        }
    }

    /// Runs the binary to its end, whatever that is.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Said {
        let mut command = binary(self.0.path());
        let mut child = command.args(arguments).spawn().unwrap();
        // A command that fails early closes its input; that is its right.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let output = child.wait_with_output().unwrap();
        let said = Said {
            success: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(output.status.code().is_some(), "{arguments:?} ended by a signal: {}", said.err);
        assert!(!said.err.contains("panicked"), "{arguments:?} panicked: {}", said.err);
        said
    }

    /// Runs the binary, which should succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let said = self.run_with(arguments, b"");
        assert!(said.success, "{arguments:?}: {}", said.err);
        said
    }

    /// Runs the binary, which should fail with a message that holds all of `parts`.
    pub(crate) fn refused(&self, arguments: &[&str], parts: &[&str]) {
        let said = self.run_with(arguments, b"");
        assert!(!said.success, "{arguments:?} should fail, but said: {}{}", said.out, said.err);
        assert!(said.err.contains("error: "), "{arguments:?}: {}", said.err);
        for part in parts {
            assert!(said.err.contains(part), "{arguments:?} should name `{part}`: {}", said.err);
        }
    }
}

/// The binary with nothing of the surroundings that could change what it says.
pub(crate) fn binary(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    command.current_dir(folder).env_remove("AQUIFER_DATA").env("COLUMNS", "100").env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true => found.extend(files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes))),
            false => drop(found.insert(name, std::fs::read(&path).unwrap())),
        }
    }
    found
}
