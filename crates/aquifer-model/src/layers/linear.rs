//! A product with a weight, and perhaps a bias.

use crate::ModelError;
use crate::build::{Builder, Init};
use aquifer_grad::{Kind, ParamId, Tape, Var};

/// `y = x·Wᵀ + b` with `NAME.weight [n, k]` and perhaps `NAME.bias [n]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    weight: ParamId,
    bias: Option<ParamId>,
}

impl Linear {
    pub(crate) fn new(
        b: &mut Builder,
        name: &str,
        [n, k]: [usize; 2],
        bias: bool,
        std: f32,
    ) -> Result<Self, ModelError> {
        let weight = b.add(&format!("{name}.weight"), &[n, k], Kind::Matrix, Init::Normal(std))?;
        let bias = match bias {
            true => Some(b.add(&format!("{name}.bias"), &[n], Kind::Vector, Init::Constant(0.0))?),
            false => None,
        };
        Ok(Linear { weight, bias })
    }

    pub(crate) fn forward(&self, tape: &mut Tape, x: &Var) -> Result<Var, ModelError> {
        Ok(tape.linear(x, self.weight, self.bias)?)
    }
}
