//! Reading weights. Nothing in a file is trusted: every length and offset is checked before it is used.

use super::{INDEX, SINGLE, seal};
use crate::ModelError;
use aquifer_record::FileError;
use aquifer_tensor::Bf16;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The weight files of a model folder, mapped; each tensor is read once.
pub struct WeightFiles {
    folder: PathBuf,
    files: Vec<(PathBuf, Option<Mmap>)>,
    /// Tensor name to file.
    place: BTreeMap<String, usize>,
    unread: BTreeSet<String>,
}

impl WeightFiles {
    /// Opens `model.safetensors`, or the files its index names. Files that carry a hash of their tensors, as ours do,
    /// are checked against it.
    ///
    /// # Errors
    /// If there is neither, or a file is damaged; the message names the file and what is wrong with it.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let mut files = WeightFiles {
            folder: folder.to_path_buf(),
            files: Vec::new(),
            place: BTreeMap::new(),
            unread: BTreeSet::new(),
        };
        match folder.join(INDEX) {
            index if index.exists() => {
                for (name, expected) in read_index(&index)? {
                    files.add(&folder.join(name), Some(&expected))?;
                }
            }
            _ => files.add(&folder.join(SINGLE), None)?,
        }
        Ok(files)
    }

    fn add(&mut self, path: &Path, expected: Option<&[String]>) -> Result<(), ModelError> {
        let file = File::open(path).map_err(FileError::at("read", path))?;
        let length = file.metadata().map_err(FileError::at("read", path))?.len();
        let map = match length {
            0 => None,
            // SAFETY: the map is read-only. Somebody who cuts the file short while it is read can stop this process
            // (SIGBUS) but not corrupt it; files of ours are replaced whole, never cut.
            _ => Some(unsafe { Mmap::map(&file) }.map_err(FileError::at("read", path))?),
        };
        let names: Vec<String> = {
            let bytes = map.as_deref().unwrap_or_default();
            let tensors = parse(path, bytes)?;
            check_seal(path, bytes)?;
            tensors.names().into_iter().map(str::to_owned).collect()
        };
        for tensor in expected.unwrap_or_default() {
            if !names.contains(tensor) {
                let (path, want) = (path.to_path_buf(), Vec::new());
                return Err(ModelError::MissingTensor { path, tensor: tensor.clone(), want });
            }
        }
        let file_idx = self.files.len();
        for name in names {
            self.unread.insert(name.clone());
            self.place.insert(name, file_idx);
        }
        self.files.push((path.to_path_buf(), map));
        Ok(())
    }

    /// Whether a tensor of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.place.contains_key(name)
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.place.keys().map(String::as_str)
    }

    /// Reads a tensor of this shape, widening to `f32`.
    ///
    /// # Errors
    /// If it is absent, of another shape, or of a kind of number that is not read.
    ///
    /// # Panics
    /// If `out` has not the shape's number of elements.
    pub fn read_into(&mut self, name: &str, shape: &[usize], out: &mut [f32]) -> Result<(), ModelError> {
        assert_eq!(out.len(), shape.iter().product::<usize>(), "the output fits the shape");
        let Some(&file_idx) = self.place.get(name) else {
            let path = match &self.files[..] {
                [(only, _)] => only.clone(),
                _ => self.folder.clone(),
            };
            return Err(ModelError::MissingTensor { path, tensor: name.to_owned(), want: shape.to_vec() });
        };
        let (path, map) = &self.files[file_idx];
        let tensors = parse(path, map.as_deref().unwrap_or_default())?;
        let damaged = |why: String| ModelError::Damaged { path: path.clone(), why };
        let tensor = tensors.tensor(name).map_err(|e| damaged(e.to_string()))?;
        if tensor.shape() != shape {
            let (tensor, want, got) = (name.to_owned(), shape.to_vec(), tensor.shape().to_vec());
            return Err(ModelError::WrongShape { path: path.clone(), tensor, want, got });
        }
        widen(tensor.dtype(), tensor.data(), out).map_err(|got| ModelError::WrongType {
            path: path.clone(),
            tensor: name.to_owned(),
            got,
        })?;
        self.unread.remove(name);
        Ok(())
    }

    /// Checks that every tensor was read, save those that say nothing new: rotary tables of old files, and a
    /// tied head.
    ///
    /// # Errors
    /// Naming the first tensor nobody asked for.
    pub fn refuse_unread(&self, harmless: &[&str]) -> Result<(), ModelError> {
        let extra = |name: &&String| !name.ends_with(".rotary_emb.inv_freq") && !harmless.contains(&name.as_str());
        match self.unread.iter().find(extra) {
            None => Ok(()),
            Some(name) => {
                let path = self.files[self.place[name]].0.clone();
                Err(ModelError::ExtraTensor { path, tensor: name.clone() })
            }
        }
    }
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>, ModelError> {
    SafeTensors::deserialize(bytes)
        .map_err(|e| ModelError::Damaged { path: path.to_path_buf(), why: format!("{e} ({} bytes)", bytes.len()) })
}

/// Whether the tensors are those that were written, where the file says which.
fn check_seal(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let damaged = |why: String| ModelError::Damaged { path: path.to_path_buf(), why };
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
    let said = metadata.metadata().as_ref().and_then(|said| said.get(seal::KEY));
    let Some(expected) = said.filter(|said| seal::known(said)) else { return Ok(()) };
    // Behind eight bytes of length and the header.
    let found = seal::seal(&bytes[8 + header..]);
    if *expected == found {
        return Ok(());
    }
    Err(ModelError::Changed { path: path.to_path_buf(), expected: expected.clone(), found })
}

fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f32]) -> Result<(), String> {
    match dtype {
        Dtype::F32 => {
            for (x, b) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                *x = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            }
        }
        Dtype::BF16 => {
            for (x, b) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                *x = Bf16::from_le_bytes([b[0], b[1]]).to_f32();
            }
        }
        Dtype::F16 => {
            for (x, b) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                *x = half::f16::from_le_bytes([b[0], b[1]]).to_f32();
            }
        }
        other => return Err(format!("{other:?}")),
    }
    Ok(())
}

/// File names with the tensors each should hold, in the order of names.
fn read_index(path: &Path) -> Result<BTreeMap<String, Vec<String>>, ModelError> {
    let damaged = |why: &str| ModelError::Damaged { path: path.to_path_buf(), why: why.to_owned() };
    let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
    let index: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| damaged(&e.to_string()))?;
    let map = index.get("weight_map").and_then(|m| m.as_object());
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tensor, file) in map.ok_or_else(|| damaged("it has no `weight_map` object"))? {
        let file = file.as_str().ok_or_else(|| damaged("a file name in `weight_map` is no string"))?;
        // A name from outside must not lead out of the folder.
        if Path::new(file).components().count() != 1 || file.contains(['/', '\\']) || file == ".." || file == "." {
            return Err(damaged(&format!("`{file}` is no plain file name")));
        }
        files.entry(file.to_owned()).or_default().push(tensor.clone());
    }
    Ok(files)
}
