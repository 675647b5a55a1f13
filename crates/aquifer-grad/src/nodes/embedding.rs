//! Rows of a table: token embeddings and learned positions.

use crate::profile::{Pass, span};
use crate::{GradError, ParamId, Tape, Var};
use aquifer_ops::{embedding, embedding_grad};
use aquifer_tensor::Tensor;
use std::sync::Arc;

impl<'p> Tape<'p> {
    /// Rows `ids` of a table `[v, d]`: `[t, d]`.
    ///
    /// # Errors
    /// If an id lies beyond the table.
    pub fn embedding(&mut self, ids: &Arc<[u32]>, table: ParamId) -> Result<Var, GradError> {
        let _span = span("embedding", Pass::Forward);
        let values = self.params.get(table);
        let mut y_td = Tensor::recycled::<f32>([ids.len(), values.shape()[1]]);
        embedding(ids, &values.view(), &mut y_td.view_mut())?;
        let (table_use, ids) = (self.use_of(table), ids.clone());
        Ok(self.push("embedding", y_td, move |dy_td, back| {
            back.grads.accumulate([table_use], ids.len(), |run, [dtable]| {
                let dy = dy_td.view().narrow(0, run.rows.start, run.rows.len());
                let ids = &ids[run.rows.clone()];
                Ok(embedding_grad(ids, &dy, &run.chains, run.begin, &mut dtable.view_mut())?)
            })
        }))
    }
}
