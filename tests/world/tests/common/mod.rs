//! `aquifer serve` with a tiny random model, as a process of its own.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod browser;
pub mod runs;

use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::Precision;
use aquifer_record::{Silent, Stop};
use aquifer_text::{BpeOptions, train_bpe};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server; ends when dropped.
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Serves a tiny model named `tiny` with these further flags.
    pub fn start(flags: &[&str]) -> Self {
        Server::reading(512, flags)
    }

    /// As [`Server::start`], with a model that reads this many tokens.
    pub fn reading(positions: usize, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("tiny");
        write_tiny_model(&model, positions);
        let mut process = Command::new(binary())
            .args(["--json", "--quiet", "serve"])
            .arg(&model)
            .args(["--port", "0"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            said.push_str(&line.unwrap());
            if said.ends_with('}') {
                break;
            }
        }
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        Server { url: said["address"].as_str().unwrap().into(), process, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A model of random weights that chats: it says nonsense, always the same for a seed.
pub fn write_tiny_model(folder: &Path, positions: usize) {
    let texts = ["the river flows to the sea, the sea to the sky; the rain comes back", "河流入海,雨又回来。"];
    let tokenizer = train_bpe(texts, &BpeOptions::new(340), &Silent, &Stop::new()).unwrap();
    let shape = DecoderConfig::small(64, 2, 4, 2, tokenizer.vocab_size());
    let config = DecoderConfig { min_shard: 64, initializer_range: 0.15, max_position_embeddings: positions, ..shape };
    Decoder::init(config, 3, Precision::F32).unwrap().save(folder).unwrap();
    tokenizer.save(folder).unwrap();
}

/// The program under test.
pub fn binary() -> PathBuf {
    std::env::var_os("AQUIFER_BINARY").expect("AQUIFER_BINARY names the binary: cargo xtask world").into()
}
