//! `y = x·Wᵀ + b`.

use crate::profile::{Pass, span};
use crate::{GradError, ParamId, Tape, Var};
use aquifer_ops::{column_sums, linear, linear_weight_grad};
use aquifer_tensor::Tensor;

impl<'p> Tape<'p> {
    /// `x [t, k]` through a weight `[n, k]` and an optional bias `[n]`: `[t, n]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or the tape records and the weight is quantised.
    pub fn linear(&mut self, x: &Var, weight: ParamId, bias: Option<ParamId>) -> Result<Var, GradError> {
        let _span = span("linear", Pass::Forward);
        let params = self.params;
        self.refuse_quantized(weight)?;
        let shape = params.get(weight).shape();
        let [n, k] = [shape.first(), shape.last()].map(|extent| extent.copied().unwrap_or(1));
        let t = x.rows();
        let x_tk = x.value().reshape([t, x.value().numel() / t.max(1)]);
        let mut y_tn = Tensor::recycled::<f32>([t, n]);
        params.product(&x_tk.view(), weight, bias, &mut y_tn.view_mut())?;
        let (weight_use, bias_use, input) = (self.use_of(weight), bias.map(|b| self.use_of(b)), x.id);
        Ok(self.push("linear", y_tn, move |dy_tn, back| {
            if let Some(bias_use) = bias_use {
                back.grads.accumulate([bias_use], t, |run, [db]| {
                    let dy = dy_tn.view().narrow(0, run.rows.start, run.rows.len());
                    Ok(column_sums(&dy, &run.chains, run.begin, db.as_f32_mut())?)
                })?;
            }
            back.grads.accumulate([weight_use], t, |run, [dw]| {
                let (dy, x) = [&dy_tn, &x_tk].map(|v| v.view().narrow(0, run.rows.start, run.rows.len())).into();
                let precision = params.precision();
                Ok(linear_weight_grad(&dy, &x, &run.chains, run.begin, precision, &mut dw.view_mut())?)
            })?;
            let mut dx_tk = Tensor::recycled::<f32>([t, k]);
            linear(&dy_tn.view(), &*params.packed_transposed(weight)?, None, &mut dx_tk.view_mut())?;
            Ok(back.give(input, dx_tk)?)
        }))
    }
}
