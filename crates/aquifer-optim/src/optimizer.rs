//! The optimisers a run may take, what each remembers of every parameter, and how that goes to a file and back.
//!
//! AdamW: Kingma & Ba, 2015, <https://arxiv.org/abs/1412.6980>; decoupled decay of Loshchilov & Hutter, 2019,
//! <https://arxiv.org/abs/1711.05101>. Lion and Muon: see `aquifer_ops`. In all of them matrices and embeddings decay;
//! biases and norms' scales do not.

use crate::TrainError;
use aquifer_grad::{Gradients, Kind, ParamId, Params};
use aquifer_ops::{AdamW, Lion, Muon, OpError, adamw, lion, muon};
use aquifer_record::FileError;
use aquifer_tensor::{Tensor, memory};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which rule updates the weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Two moments a weight.
    #[default]
    AdamW,
    /// One momentum a weight; steps of one length, so learning rates are three to ten times smaller than AdamW's.
    Lion,
    /// One momentum a weight for the hidden matrices, whose steps are made orthogonal; AdamW for embeddings, the head
    /// and vectors, with the same learning rate.
    Muon,
}

impl Method {
    /// The name written in recipes.
    pub const fn name(self) -> &'static str {
        match self {
            Method::AdamW => "adamw",
            Method::Lion => "lion",
            Method::Muon => "muon",
        }
    }
}

/// What stays the same over a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OptimizerSettings {
    /// The rule.
    pub method: Method,
    /// Decay of the first moment; for Lion, the momentum's part in a step.
    pub beta1: f32,
    /// Decay of the second moment; for Lion, of the momentum.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Fraction of a decaying weight that is taken off per unit of learning rate.
    pub weight_decay: f32,
    /// Decay of Muon's momentum.
    pub momentum: f32,
}

impl Default for OptimizerSettings {
    fn default() -> Self {
        let method = Method::default();
        OptimizerSettings { method, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, momentum: 0.95 }
    }
}

/// What moments, and what an update works with, are called in a plan of memory.
const OPTIMISER: &str = "optimiser";

/// The rule of one parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    AdamW,
    Lion,
    Muon,
}

impl Rule {
    fn of(method: Method, params: &Params, id: ParamId) -> Self {
        match method {
            Method::AdamW => Rule::AdamW,
            Method::Lion => Rule::Lion,
            // A head is a matrix whose rows are tokens.
            Method::Muon if params.kind(id) == Kind::Matrix && !params.name(id).starts_with("lm_head.") => Rule::Muon,
            Method::Muon => Rule::AdamW,
        }
    }

    /// What it remembers, as files name it.
    fn moments(self) -> &'static [&'static str] {
        match self {
            Rule::AdamW => &["m", "v"],
            Rule::Lion | Rule::Muon => &["m"],
        }
    }
}

/// What the rules remember: moments in `f32`, in the order of the parameters.
pub struct OptimizerState {
    method: Method,
    moments: Vec<Vec<Tensor>>,
}

impl OptimizerState {
    /// Moments of zero.
    pub fn new(method: Method, params: &Params) -> Self {
        let zeros = |id| {
            let moments = Rule::of(method, params, id).moments();
            moments.iter().map(|_| Tensor::zeros::<f32>(params.get(id).shape_of())).collect()
        };
        let moments = memory::count_as(OPTIMISER, || params.ids().map(zeros).collect());
        OptimizerState { method, moments }
    }

    /// No moments: what is there while others are read.
    pub(crate) fn none(method: Method) -> Self {
        OptimizerState { method, moments: Vec::new() }
    }

    /// One update of every parameter. `step` counts from 1; gradients are multiplied by `grad_scale` first.
    ///
    /// # Errors
    /// Those of the operators.
    pub fn update(
        &mut self,
        settings: &OptimizerSettings,
        lr: f64,
        grad_scale: f64,
        step: u64,
        grads: &Gradients,
        params: &mut Params,
    ) -> Result<(), TrainError> {
        let OptimizerSettings { beta1, beta2, eps, momentum, .. } = *settings;
        let (lr, grad_scale, precision) = (lr as f32, grad_scale as f32, params.precision());
        let rules: Vec<(Rule, bool)> =
            params.ids().map(|id| (Rule::of(self.method, params, id), params.kind(id) != Kind::Vector)).collect();
        let mut outcome: Result<(), OpError> = Ok(());
        params.update_with(|id, value| {
            let (rule, decays) = rules[id.index()];
            let weight_decay = if decays { settings.weight_decay } else { 0.0 };
            let (grad, moments) = (grads.get(id), &mut self.moments[id.index()][..]);
            let done = memory::count_as(OPTIMISER, || match (rule, moments) {
                (Rule::AdamW, [m, v]) => {
                    let rule = AdamW { lr, beta1, beta2, eps, weight_decay, step, grad_scale };
                    adamw(&rule, value.as_f32_mut(), grad.as_f32(), m.as_f32_mut(), v.as_f32_mut())
                }
                (Rule::Lion, [m]) => {
                    let rule = Lion { lr, beta1, beta2, weight_decay, grad_scale };
                    lion(&rule, value.as_f32_mut(), grad.as_f32(), m.as_f32_mut())
                }
                (Rule::Muon, [m]) => {
                    let rule = Muon { lr, momentum, weight_decay, grad_scale, precision };
                    muon(&rule, &mut value.view_mut(), &grad.view(), &mut m.view_mut())
                }
                _ => unreachable!("`new` makes as many moments as the rule has"),
            });
            if outcome.is_ok() {
                outcome = done;
            }
        });
        Ok(outcome?)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.moments.iter().flatten().map(|t| t.numel() * size_of::<f32>()).sum()
    }

    /// Every moment with its name in files, all `m.NAME` before all `v.NAME`.
    fn named<'a>(&'a self, params: &'a Params) -> impl Iterator<Item = (String, &'a Tensor)> {
        (0..2).flat_map(move |which| {
            params.iter().filter_map(move |(id, name, _)| {
                let letter = Rule::of(self.method, params, id).moments().get(which)?;
                Some((format!("{letter}.{name}"), &self.moments[id.index()][which]))
            })
        })
    }

    /// Writes the moments as safetensors, `m.NAME` and `v.NAME`, padded rows included.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path, params: &Params) -> Result<(), FileError> {
        let mut header = serde_json::Map::new();
        let mut at = 0;
        for (key, moment) in self.named(params) {
            let end = at + moment.numel() * size_of::<f32>();
            let entry = serde_json::json!({"dtype": "F32", "shape": moment.shape(), "data_offsets": [at, end]});
            header.insert(key, entry);
            at = end;
        }
        let mut header = serde_json::Value::Object(header).to_string();
        // The format asks for data that starts at a multiple of eight.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        aquifer_record::write_atomic(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(header.as_bytes())?;
            self.named(params).try_for_each(|(_, moment)| write_f32(out, moment.as_f32()))
        })
    }

    /// Reads what [`OptimizerState::save`] wrote for the same parameters.
    ///
    /// # Errors
    /// If the file cannot be read or belongs to other parameters or another method.
    pub fn load(path: &Path, method: Method, params: &Params) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
        let damaged = |what: String| TrainError::Optimizer { path: path.to_path_buf(), what };
        let file = safetensors::SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
        let mut state = OptimizerState::new(method, params);
        for (id, name, value) in params.iter() {
            let letters = Rule::of(method, params, id).moments();
            for (moment, letter) in state.moments[id.index()].iter_mut().zip(letters) {
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
