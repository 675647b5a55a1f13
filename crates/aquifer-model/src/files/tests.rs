//! Damaged, hostile and half-fitting files: each is refused with its name and what is wrong, and none panics.

use super::{INDEX, SINGLE, WeightFiles};
use crate::{Decoder, DecoderConfig, ModelError};
use aquifer_ops::Precision;
use proptest::prelude::*;
use std::path::Path;

fn small() -> Decoder {
    let config = DecoderConfig { tie_word_embeddings: false, ..DecoderConfig::small(32, 2, 2, 1, 40) };
    Decoder::init(DecoderConfig { intermediate_size: 32, min_shard: 32, ..config }, 1, Precision::F32).unwrap()
}

fn load(folder: &Path) -> Result<Decoder, ModelError> {
    Decoder::load(folder, Precision::F32)
}

/// The message with which a changed folder is refused.
fn refusal(change: impl FnOnce(&Path)) -> String {
    let dir = tempfile::tempdir().unwrap();
    small().save(dir.path()).unwrap();
    change(dir.path());
    load(dir.path()).map(|_| ()).unwrap_err().to_string()
}

/// Writes a safetensors file with this header and this many bytes of data.
fn write_raw(path: &Path, header: &str, data: usize) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; data]);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn shards_read_as_the_whole_and_layouts_replace_each_other() {
    let (model, dir) = (small(), tempfile::tempdir().unwrap());
    for shard_bytes in [usize::MAX, 9_000, 1, usize::MAX] {
        model.save_sharded(dir.path(), shard_bytes).unwrap();
        assert_eq!(dir.path().join(INDEX).exists(), shard_bytes != usize::MAX);
        assert_eq!(dir.path().join(SINGLE).exists(), shard_bytes == usize::MAX);
        assert_eq!(load(dir.path()).unwrap().weights_sha256(), model.weights_sha256());
    }
}

#[test]
fn truncated_files_are_named() {
    for keep in [0, 3, 8, 100, 5_000] {
        let message = refusal(|dir| {
            let bytes = std::fs::read(dir.join(SINGLE)).unwrap();
            std::fs::write(dir.join(SINGLE), &bytes[..keep]).unwrap();
        });
        assert!(message.contains(SINGLE) && message.contains("damaged"), "{keep}: {message}");
    }
    let message = refusal(|dir| std::fs::remove_file(dir.join(SINGLE)).unwrap());
    assert!(message.contains(SINGLE), "{message}");
    let message = refusal(|dir| std::fs::write(dir.join("config.json"), "{\"model_type\":").unwrap());
    assert!(message.contains("config.json"), "{message}");
}

#[test]
fn one_flipped_bit_of_a_tensor_is_noticed() {
    for (file, shard_bytes) in [(SINGLE, usize::MAX), ("model-00001-of-00002.safetensors", 40_000)] {
        let dir = tempfile::tempdir().unwrap();
        small().save_sharded(dir.path(), shard_bytes).unwrap();
        let path = dir.path().join(file);
        let sound = std::fs::read(&path).unwrap();
        for back in [1, 77, 3_000] {
            let mut bytes = sound.clone();
            let at = bytes.len() - back;
            bytes[at] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            let message = load(dir.path()).map(|_| ()).unwrap_err().to_string();
            assert!(message.contains(file) && message.matches("sha256").count() >= 2, "{message}");
            assert!(message.contains("copy it again"), "{message}");
        }
        // Files from elsewhere carry no hash, or one of a kind unknown here; they are read as they are.
        let header = |from: &str, to: &str| {
            let at = 8 + str::from_utf8(&sound[8..200]).unwrap().find(from).unwrap();
            let mut bytes = sound.clone();
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        };
        for (from, to) in [("aquifer.data", "another.data"), ("sha256-of", "blake9-of")] {
            std::fs::write(&path, header(from, to)).unwrap();
            load(dir.path()).unwrap();
        }
    }
}

#[test]
fn hostile_headers_are_refused() {
    let huge = u64::MAX;
    for header in [
        String::new(),
        "[]".to_owned(),
        "{\"a\":1}".to_owned(),
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,99999]}}".to_owned(),
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}".to_owned(),
        "{\"a\":{\"dtype\":\"F99\",\"shape\":[4],\"data_offsets\":[0,16]}}".to_owned(),
        format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":[{huge},{huge}],\"data_offsets\":[0,16]}}}}"),
        format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[{huge},{huge}]}}}}"),
    ] {
        let message = refusal(|dir| write_raw(&dir.join(SINGLE), &header, 16));
        assert!(message.contains(SINGLE), "{header}: {message}");
    }
    // A header said to be longer than any memory.
    let message = refusal(|dir| std::fs::write(dir.join(SINGLE), [0xFF; 64]).unwrap());
    assert!(message.contains(SINGLE), "{message}");
}

#[test]
fn a_shape_says_what_was_expected_and_what_came() {
    let message = refusal(|dir| {
        let text = std::fs::read_to_string(dir.join("config.json")).unwrap();
        std::fs::write(dir.join("config.json"), text.replace("\"intermediate_size\": 32", "\"intermediate_size\": 64"))
            .unwrap();
    });
    for part in ["model.layers.0.mlp.gate_proj.weight", "[64, 32]", "[32, 32]", SINGLE] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn missing_extra_and_mistyped_tensors_are_named() {
    let edit = |from: &'static str, to: &'static str| {
        refusal(move |dir| {
            let bytes = std::fs::read(dir.join(SINGLE)).unwrap();
            let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let header = String::from_utf8(bytes[8..8 + n].to_vec()).unwrap();
            assert!(header.contains(from));
            let header = header.replace(from, to);
            let mut changed = (header.len() as u64).to_le_bytes().to_vec();
            changed.extend(header.as_bytes());
            changed.extend(&bytes[8 + n..]);
            std::fs::write(dir.join(SINGLE), changed).unwrap();
        })
    };
    let message = edit("model.norm.weight", "model.norm.other");
    assert!(message.contains("no tensor `model.norm.weight`") && message.contains("[32]"), "{message}");
    let message = edit("\"model.norm.weight\":{\"dtype\":\"F32\"", "\"model.norm.weight\":{\"dtype\":\"I32\"");
    assert!(message.contains("model.norm.weight") && message.contains("I32"), "{message}");
    let message = refusal(|dir| {
        let path = dir.join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
        std::fs::write(path, text).unwrap();
    });
    assert!(message.contains("model.layers.1."), "{message}");
}

#[test]
fn an_index_may_not_lead_out_of_the_folder_or_lie() {
    for (file, part) in [("../up.safetensors", "no plain file name"), ("/etc/passwd", "no plain file name")] {
        let index = format!("{{\"weight_map\":{{\"a\":\"{file}\"}}}}");
        let message = refusal(|dir| std::fs::write(dir.join(INDEX), &index).unwrap());
        assert!(message.contains(part) && message.contains(INDEX), "{message}");
    }
    let message = refusal(|dir| {
        std::fs::write(dir.join(INDEX), format!("{{\"weight_map\":{{\"nowhere\":\"{SINGLE}\"}}}}")).unwrap();
    });
    assert!(message.contains("nowhere"), "{message}");
    for text in ["", "[]", "{\"weight_map\":3}", "{\"weight_map\":{\"a\":3}}"] {
        let message = refusal(|dir| std::fs::write(dir.join(INDEX), text).unwrap());
        assert!(message.contains(INDEX), "{text}: {message}");
    }
}

#[test]
fn halves_widen_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let header = r#"{"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"h":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([0x80, 0x3F, 0x20, 0xC1, 0x00, 0x3C, 0x00, 0xC9]);
    std::fs::write(dir.path().join(SINGLE), bytes).unwrap();
    let mut files = WeightFiles::open(dir.path()).unwrap();
    assert_eq!(files.names().collect::<Vec<_>>(), ["b", "h"]);
    let mut out = [0.0; 2];
    for name in ["b", "h"] {
        assert!(files.contains(name));
        files.read_into(name, &[2], &mut out).unwrap();
        assert_eq!(out, [1.0, -10.0]);
    }
    files.refuse_unread(&[]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_panic(header in any::<Vec<u8>>(), flip in any::<(usize, u8)>(), own in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = if own {
            small().save(dir.path()).unwrap();
            std::fs::read(dir.path().join(SINGLE)).unwrap()
        } else {
            [&(header.len() as u64).to_le_bytes()[..], &header].concat()
        };
        let at = flip.0 % bytes.len().min(2_000);
        bytes[at] ^= flip.1;
        std::fs::write(dir.path().join(SINGLE), bytes).unwrap();
        let _ = WeightFiles::open(dir.path());
        let _ = load(dir.path());
    }
}
