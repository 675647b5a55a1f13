//! Dropout by counter-based random numbers.

use crate::profile::{Pass, span};
use crate::{GradError, Tape, Var};
use aquifer_ops::dropout;
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;

impl<'p> Tape<'p> {
    /// Zeroes each element with probability `p` and scales the rest by `1/(1 − p)`. The mask belongs to
    /// (`stream`, `step`, index in the unsplit tensor); `first_element` is that index of the first element here.
    ///
    /// # Errors
    /// If `p` is not in `[0, 1)`.
    pub fn dropout(
        &mut self,
        x: &Var,
        p: f32,
        stream: Stream,
        step: u64,
        first_element: u64,
    ) -> Result<Var, GradError> {
        let _span = span("dropout", Pass::Forward);
        if p == 0.0 {
            return Ok(x.clone());
        }
        let mut y = Tensor::recycled::<f32>(x.value().shape_of());
        dropout(&x.value().view(), p, &stream, step, first_element, &mut y.view_mut())?;
        let input = x.id;
        Ok(self.push("dropout", y, move |dy, back| {
            let mut dx = Tensor::recycled::<f32>(dy.shape_of());
            dropout(&dy.view(), p, &stream, step, first_element, &mut dx.view_mut())?;
            Ok(back.give(input, dx)?)
        }))
    }
}
