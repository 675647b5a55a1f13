//! Writing weights: `f32`, little-endian, each file whole or not at all.

use super::seal::{self, Sealing};
use super::{INDEX, SINGLE};
use crate::ModelError;
use aquifer_grad::{ParamId, Params};
use aquifer_record::FileError;
use aquifer_record::files::{write_atomic, write_atomic_bytes};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::Path;

/// Files grow no larger than this before another is begun (5 GB, as the hub has it).
pub const SHARD_BYTES: usize = 5_000_000_000;

/// Writes all weights into `folder`: one file, or several and an index where they exceed `shard_bytes`.
///
/// The index is written last, and files of an earlier layout are removed after it, so that a reader at any
/// instant finds the old weights or the new.
///
/// # Errors
/// Whatever the system says; files are written through the atomic seam.
pub fn write_weights(params: &Params, folder: &Path, shard_bytes: usize) -> Result<(), ModelError> {
    let shards = shards(params, shard_bytes);
    if let [only] = &shards[..] {
        write_file(params, only, &folder.join(SINGLE))?;
        return remove(&folder.join(INDEX));
    }
    let mut weight_map = Map::new();
    for (i, ids) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", i + 1, shards.len());
        write_file(params, ids, &folder.join(&name))?;
        weight_map.extend(ids.iter().map(|&id| (params.name(id).to_owned(), json!(name))));
    }
    let index = json!({ "metadata": { "total_size": 4 * params.numel() }, "weight_map": weight_map });
    let text = format!("{index:#}\n");
    write_atomic_bytes(&folder.join(INDEX), text.as_bytes())?;
    remove(&folder.join(SINGLE))
}

/// The SHA-256 of all weights: for each in order its name, shape and little-endian `f32` values. It does not
/// depend on how they are cut into files.
pub fn weights_sha256(params: &Params) -> String {
    let mut digest = Sha256::new();
    for id in params.ids() {
        let shape = params.true_shape(id);
        digest.update(format!("{}{shape:?}", params.name(id)));
        for piece in params.true_values(id).chunks(1 << 16) {
            digest.update(little_endian(piece));
        }
    }
    digest.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

fn shards(params: &Params, limit: usize) -> Vec<Vec<ParamId>> {
    let (mut shards, mut bytes) = (vec![Vec::new()], 0);
    for id in params.ids() {
        let size = 4 * params.true_values(id).len();
        if bytes + size > limit && bytes > 0 {
            shards.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        shards.last_mut().expect("there is always one").push(id);
    }
    shards
}

fn write_file(params: &Params, ids: &[ParamId], path: &Path) -> Result<(), ModelError> {
    let body = |out: &mut dyn Write| ids.iter().try_for_each(|&id| write_values(params.true_values(id), out));
    let mut sealing = Sealing::default();
    body(&mut sealing).expect("hashing takes every byte");
    let mut header = Map::new();
    // Readers of the hub ask for the format before they open the rest.
    header.insert("__metadata__".to_owned(), json!({ "format": "pt", seal::KEY: sealing.finish() }));
    let mut offset = 0;
    for &id in ids {
        let end = offset + 4 * params.true_values(id).len();
        let entry = json!({ "dtype": "F32", "shape": params.true_shape(id), "data_offsets": [offset, end] });
        header.insert(params.name(id).to_owned(), entry);
        offset = end;
    }
    let mut header = Value::Object(header).to_string();
    // Spaces to a multiple of eight, so that the data behind is aligned.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    write_atomic(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        body(out)
    })?;
    Ok(())
}

fn write_values(values: &[f32], out: &mut dyn Write) -> io::Result<()> {
    values.chunks(1 << 16).try_for_each(|piece| out.write_all(&little_endian(piece)))
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn remove(path: &Path) -> Result<(), ModelError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", path)(e).into()),
        _ => Ok(()),
    }
}
