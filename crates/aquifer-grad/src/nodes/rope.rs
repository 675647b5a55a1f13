//! Rotary positions.

use crate::profile::{Pass, span};
use crate::{GradError, Tape, Var};
use aquifer_ops::{RopeTable, rope, rope_backward};
use aquifer_tensor::Tensor;
use std::sync::Arc;

impl<'p> Tape<'p> {
    /// Turns the heads of `x [t, h, d]` by their tokens' positions.
    ///
    /// # Errors
    /// If a position lies beyond the table or the shapes do not fit.
    pub fn rope(&mut self, x: &Var, positions: &Arc<[u32]>, table: &'p RopeTable) -> Result<Var, GradError> {
        let _span = span("rope", Pass::Forward);
        let mut y_thd = Tensor::recycled::<f32>(x.value().shape_of());
        rope(&x.value().view(), positions, table, &mut y_thd.view_mut())?;
        let (input, positions) = (x.id, positions.clone());
        Ok(self.push("rope", y_thd, move |dy_thd, back| {
            let mut dx_thd = Tensor::recycled::<f32>(dy_thd.shape_of());
            rope_backward(&dy_thd.view(), &positions, table, &mut dx_thd.view_mut())?;
            Ok(back.give(input, dx_thd)?)
        }))
    }
}
