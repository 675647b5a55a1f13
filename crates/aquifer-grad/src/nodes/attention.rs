//! Attention inside the segments of packed sequences.

use crate::profile::{Pass, span};
use crate::{GradError, Tape, Var};
use aquifer_ops::{AttentionSpec, attention, attention_backward};
use aquifer_tensor::Tensor;
use std::ops::Range;
use std::sync::Arc;

impl<'p> Tape<'p> {
    /// `q [t, h, d]` over `k`, `v` `[t, hk, d]`, each row seeing what `spec` shows it of its own segment: `[t, h, d]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn attention(
        &mut self,
        q: &Var,
        k: &Var,
        v: &Var,
        segments: &Arc<[Range<usize>]>,
        spec: AttentionSpec,
    ) -> Result<Var, GradError> {
        let _span = span("attention", Pass::Forward);
        let (q_thd, k_tkd, v_tkd) = (q.value().clone(), k.value().clone(), v.value().clone());
        let mut out_thd = Tensor::recycled::<f32>(q_thd.shape_of());
        let mut lse_th = Tensor::recycled::<f32>([q.rows(), spec.heads]);
        let (q_view, k_view, v_view) = (q_thd.view(), k_tkd.view(), v_tkd.view());
        attention(&q_view, &k_view, &v_view, segments, &spec, &mut out_thd.view_mut(), &mut lse_th.view_mut())?;
        let (inputs, segments, saved_out) = ([q.id, k.id, v.id], segments.clone(), out_thd.clone());
        Ok(self.push("attention", out_thd, move |dout_thd, back| {
            let mut dq_thd = Tensor::recycled::<f32>(q_thd.shape_of());
            let mut dk_tkd = Tensor::recycled::<f32>(k_tkd.shape_of());
            let mut dv_tkd = Tensor::recycled::<f32>(v_tkd.shape_of());
            attention_backward(
                &q_thd.view(),
                &k_tkd.view(),
                &v_tkd.view(),
                &saved_out.view(),
                &lse_th.view(),
                &dout_thd.view(),
                &segments,
                &spec,
                &mut dq_thd.view_mut(),
                &mut dk_tkd.view_mut(),
                &mut dv_tkd.view_mut(),
            )?;
            for (id, grad) in inputs.into_iter().zip([dq_thd, dk_tkd, dv_tkd]) {
                back.give(id, grad)?;
            }
            Ok(())
        }))
    }
}
