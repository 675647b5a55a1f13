//! What attention asks of its arguments before any kernel sees them.

use super::{AttentionSpec, CHUNK, CachedQueries};
use crate::OpError;
use aquifer_tensor::{DType, View};
use std::ops::Range;

/// The operator on whose behalf a complaint is made.
#[derive(Clone, Copy)]
pub(super) struct Op(pub &'static str);

impl Op {
    /// The rows of `view`, which must be `[rows, heads, head_dim]`; also checks `spec` itself.
    pub(super) fn rows(
        self,
        arg: &'static str,
        view: &View,
        heads: usize,
        spec: &AttentionSpec,
    ) -> Result<usize, OpError> {
        if spec.kv_heads == 0 || spec.heads == 0 || !spec.heads.is_multiple_of(spec.kv_heads) {
            let want = "positive numbers of heads, the key/value heads dividing the query heads".into();
            return Err(self.value("spec", want, format!("{} heads on {}", spec.heads, spec.kv_heads)));
        }
        if spec.head_dim == 0 {
            return Err(self.value("spec", "of a positive head_dim".into(), "0".into()));
        }
        let rows = view.shape().first().copied().unwrap_or(0);
        self.like(arg, view, &[rows, heads, spec.head_dim])?;
        Ok(rows)
    }

    /// f32 of exactly this shape with a contiguous last axis.
    pub(super) fn like(self, arg: &'static str, view: &View, want: &[usize]) -> Result<(), OpError> {
        if view.shape() != want {
            return Err(OpError::Shape { op: self.0, arg, want: format!("{want:?}"), got: view.shape().to_vec() });
        }
        if view.dtype() != DType::F32 {
            return Err(OpError::DType { op: self.0, arg, want: "f32", got: view.dtype() });
        }
        let dense = want.last().is_none_or(|&last| last <= 1) || view.strides().last() == Some(&1);
        if !dense {
            let want = "contiguous along its last axis";
            return Err(OpError::Layout { op: self.0, arg, want, got: view.strides().to_vec() });
        }
        Ok(())
    }

    pub(super) fn segments(self, segments: &[Range<usize>], rows: usize) -> Result<(), OpError> {
        self.ascending("segments", segments.iter(), rows)
    }

    pub(super) fn sequences(
        self,
        sequences: &[CachedQueries],
        rows: usize,
        spec: &AttentionSpec,
    ) -> Result<(), OpError> {
        self.ascending("sequences", sequences.iter().map(|s| &s.rows), rows)?;
        for sequence in sequences {
            let end = sequence.first_position + sequence.rows.len();
            if sequence.chunks.len() * CHUNK < end {
                let want = format!("chunks up to position {end} ({} of {CHUNK})", end.div_ceil(CHUNK));
                return Err(self.value("sequences", want, format!("{} chunks", sequence.chunks.len())));
            }
            for chunk in sequence.chunks {
                self.like("chunks.keys", &chunk.keys.view(), &[CHUNK, spec.kv_heads, spec.head_dim])?;
                self.like("chunks.values", &chunk.values.view(), &[CHUNK, spec.kv_heads, spec.head_dim])?;
            }
        }
        Ok(())
    }

    fn ascending<'a>(
        self,
        arg: &'static str,
        ranges: impl Iterator<Item = &'a Range<usize>>,
        rows: usize,
    ) -> Result<(), OpError> {
        let mut past = 0;
        for range in ranges {
            if range.start < past || range.end < range.start || range.end > rows {
                let want = format!("disjoint ascending ranges within {rows} rows");
                return Err(self.value(arg, want, format!("{range:?} after one that ends at {past}")));
            }
            past = range.end;
        }
        Ok(())
    }

    fn value(self, arg: &'static str, want: String, got: String) -> OpError {
        OpError::Value { op: self.0, arg, want, got }
    }
}
