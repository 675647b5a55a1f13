//! AdamW's moments for every parameter, and how they go to a file and back.
//!
//! Kingma & Ba, 2015, <https://arxiv.org/abs/1412.6980>; decoupled decay of Loshchilov & Hutter, 2019,
//! <https://arxiv.org/abs/1711.05101>. Matrices and embeddings decay; biases and norms' scales do not.

use crate::TrainError;
use aquifer_grad::{Gradients, Kind, Params};
use aquifer_ops::{AdamW, adamw};
use aquifer_record::FileError;
use aquifer_tensor::Tensor;
use std::path::Path;

/// What stays the same over a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdamWSettings {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Fraction of a decaying weight that is taken off per unit of learning rate.
    pub weight_decay: f32,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        AdamWSettings { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1 }
    }
}

/// First and second moments, in `f32`, in the order of the parameters.
pub struct AdamWState {
    moments: Vec<[Tensor; 2]>,
}

impl AdamWState {
    /// Moments of zero.
    pub fn new(params: &Params) -> Self {
        let zeros = |value: &Tensor| Tensor::zeros::<f32>(value.shape_of());
        AdamWState { moments: params.iter().map(|(_, _, value)| [zeros(value), zeros(value)]).collect() }
    }

    /// One update of every parameter. `step` counts from 1; gradients are multiplied by `grad_scale` first.
    pub fn update(
        &mut self,
        settings: &AdamWSettings,
        lr: f64,
        grad_scale: f64,
        step: u64,
        grads: &Gradients,
        params: &mut Params,
    ) -> Result<(), TrainError> {
        let decays: Vec<bool> = params.ids().map(|id| params.kind(id) != Kind::Vector).collect();
        let mut failed = None;
        params.update_with(|id, value| {
            let [m, v] = &mut self.moments[id.index()];
            let weight_decay = if decays[id.index()] { settings.weight_decay } else { 0.0 };
            let AdamWSettings { beta1, beta2, eps, .. } = *settings;
            let rule = AdamW { lr: lr as f32, beta1, beta2, eps, weight_decay, step, grad_scale: grad_scale as f32 };
            let grad = grads.get(id).as_f32();
            if let Err(error) = adamw(&rule, value.as_f32_mut(), grad, m.as_f32_mut(), v.as_f32_mut()) {
                failed.get_or_insert(error);
            }
        });
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.moments.iter().flatten().map(|t| t.numel() * size_of::<f32>()).sum()
    }

    /// Writes the moments as safetensors, `m.NAME` and `v.NAME`, padded rows included.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path, params: &Params) -> Result<(), FileError> {
        let mut header = serde_json::Map::new();
        let mut at = 0;
        for (which, letter) in ["m", "v"].into_iter().enumerate() {
            for (id, name, _) in params.iter() {
                let moment = &self.moments[id.index()][which];
                let end = at + moment.numel() * size_of::<f32>();
                let entry = serde_json::json!({"dtype": "F32", "shape": moment.shape(), "data_offsets": [at, end]});
                header.insert(format!("{letter}.{name}"), entry);
                at = end;
            }
        }
        let mut header = serde_json::Value::Object(header).to_string();
        // The format asks for data that starts at a multiple of eight.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        aquifer_record::write_atomic(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(header.as_bytes())?;
            for which in [0, 1] {
                for moments in &self.moments {
                    write_f32(out, moments[which].as_f32())?;
                }
            }
            Ok(())
        })
    }

    /// Reads what [`AdamWState::save`] wrote for the same parameters.
    ///
    /// # Errors
    /// If the file cannot be read or belongs to other parameters.
    pub fn load(path: &Path, params: &Params) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
        let damaged = |what: String| TrainError::Optimizer { path: path.to_path_buf(), what };
        let file = safetensors::SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
        let mut state = AdamWState::new(params);
        for (id, name, value) in params.iter() {
            for (moment, letter) in state.moments[id.index()].iter_mut().zip(["m", "v"]) {
                let key = format!("{letter}.{name}");
                let found = file.tensor(&key).map_err(|_| damaged(format!("`{key}` is missing")))?;
                if found.dtype() != safetensors::Dtype::F32 || found.shape() != value.shape() {
                    let (want, got) = (value.shape(), found.shape());
                    return Err(damaged(format!("`{key}` should be f32 {want:?}, but is {:?} {got:?}", found.dtype())));
                }
                for (to, from) in moment.as_f32_mut().iter_mut().zip(found.data().as_chunks::<4>().0) {
                    *to = f32::from_le_bytes(*from);
                }
            }
        }
        Ok(state)
    }
}

/// Little-endian, in blocks: neither a call a number nor a copy of the tensor.
fn write_f32(out: &mut dyn std::io::Write, values: &[f32]) -> std::io::Result<()> {
    let mut block = Vec::with_capacity(1 << 16);
    for part in values.chunks(1 << 14) {
        block.clear();
        block.extend(part.iter().flat_map(|x| x.to_le_bytes()));
        out.write_all(&block)?;
    }
    Ok(())
}
