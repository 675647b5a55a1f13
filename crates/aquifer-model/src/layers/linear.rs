//! A product with a weight, and perhaps a bias.

use crate::ModelError;
use crate::build::{Builder, Init};
use crate::layers::Residual;
use aquifer_grad::{Affine, Kind, Tape, Var};

/// `y = x·Wᵀ + b` with `NAME.weight [n, k]` and perhaps `NAME.bias [n]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear(pub(crate) Affine);

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
        Ok(Linear(Affine { weight, bias }))
    }

    /// The product added to the stream.
    pub(crate) fn onto(&self, tape: &mut Tape, x: &Var, residual: &Residual) -> Result<Var, ModelError> {
        match residual.whole() {
            Some(stream) => Ok(tape.linear_onto(x, self.0, stream)?),
            None => {
                let y = tape.linear(x, self.0.weight, self.0.bias)?;
                residual.join(tape, y)
            }
        }
    }
}
