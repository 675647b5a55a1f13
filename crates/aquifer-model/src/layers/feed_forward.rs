//! What follows attention in a block: each token by itself, through a wider layer and back.

use super::{Linear, Residual};
use crate::ModelError;
use crate::build::Builder;
use aquifer_grad::{Tape, Var};
use aquifer_ops::Gelu;

/// `down(silu(gate(x)) · up(x))`, as Llama has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SwigluMlp {
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl SwigluMlp {
    pub(crate) fn new(
        b: &mut Builder,
        name: &str,
        [d, wide]: [usize; 2],
        bias: bool,
        [std, residual_std]: [f32; 2],
    ) -> Result<Self, ModelError> {
        Ok(SwigluMlp {
            gate: Linear::new(b, &format!("{name}.gate_proj"), [wide, d], bias, std)?,
            up: Linear::new(b, &format!("{name}.up_proj"), [wide, d], bias, std)?,
            down: Linear::new(b, &format!("{name}.down_proj"), [d, wide], bias, residual_std)?,
        })
    }

    /// The stream with the feed-forward of `x` added.
    pub(crate) fn onto(&self, tape: &mut Tape, x: &Var, residual: &Residual) -> Result<Var, ModelError> {
        let inner = tape.linear_swiglu(x, self.gate.0, self.up.0, self.down.0.weight)?;
        self.down.onto(tape, &inner, residual)
    }
}

/// `down(gelu(up(x)))`, as GPT-2 and BERT have it, with the exact error function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GeluMlp {
    up: Linear,
    down: Linear,
}

impl GeluMlp {
    /// `up` and `down` are the names of its projections.
    pub(crate) fn new(
        b: &mut Builder,
        [up, down]: [&str; 2],
        [d, wide]: [usize; 2],
        [std, residual_std]: [f32; 2],
    ) -> Result<Self, ModelError> {
        Ok(GeluMlp {
            up: Linear::new(b, up, [wide, d], true, std)?,
            down: Linear::new(b, down, [d, wide], true, residual_std)?,
        })
    }

    /// The stream with the feed-forward of `x` added.
    pub(crate) fn onto(&self, tape: &mut Tape, x: &Var, residual: &Residual) -> Result<Var, ModelError> {
        let inner = tape.linear_gelu(x, self.up.0, Gelu::Erf, self.down.0.weight)?;
        self.down.onto(tape, &inner, residual)
    }
}
