//! What attention asks of its arguments before any kernel sees them.

use super::{AttentionDropout, AttentionSpec, CHUNK, CachedQueries};
use crate::OpError;
use aquifer_tensor::{DType, View};
use std::ops::Range;

/// The operator on whose behalf a complaint is made.
#[derive(Clone, Copy)]
pub(super) struct Op(pub &'static str);

impl Op {
    /// The rows of `view`, which must be `[rows, heads, head_dim]`; also checks `spec` itself.
    pub(super) fn rows(self, arg: &'static str, view: &View, spec: &AttentionSpec) -> Result<usize, OpError> {
        self.spec(spec)?;
        let rows = view.shape().first().copied().unwrap_or(0);
        self.like(arg, view, &[rows, spec.heads, spec.head_dim])?;
        if let Some(dropout) = &spec.dropout {
            self.dropout(dropout, rows, spec.heads)?;
        }
        Ok(rows)
    }

    /// What a layer must be.
    pub(super) fn spec(self, spec: &AttentionSpec) -> Result<(), OpError> {
        if spec.kv_heads == 0 || spec.heads == 0 || !spec.heads.is_multiple_of(spec.kv_heads) {
            let want = "positive numbers of heads, the key/value heads dividing the query heads".into();
            return Err(self.value("spec", want, format!("{} heads on {}", spec.heads, spec.kv_heads)));
        }
        if spec.head_dim == 0 {
            return Err(self.value("spec", "of a positive head_dim".into(), "0".into()));
        }
        if let Some(cap) = spec.soft_cap.filter(|cap| !(*cap > 0.0 && cap.is_finite())) {
            return Err(self.value("spec", "a positive, finite soft_cap".into(), cap.to_string()));
        }
        if let Some(slopes) = spec.alibi.as_ref().filter(|slopes| slopes.len() != spec.heads) {
            return Err(self.value("spec", format!("{} slopes, one a head", spec.heads), slopes.len().to_string()));
        }
        Ok(())
    }

    /// Every pair must have a random word of its own.
    pub(super) fn dropout(self, dropout: &AttentionDropout, rows: usize, heads: usize) -> Result<(), OpError> {
        if !(0.0..1.0).contains(&dropout.p) {
            return Err(self.value("spec.dropout.p", "in 0..1".into(), dropout.p.to_string()));
        }
        let (last_row, last_head) = (dropout.first_row + rows as u64, dropout.first_head + heads as u64);
        if last_row > AttentionDropout::ROWS || last_head > AttentionDropout::HEADS {
            let want = format!("at most {} rows of {} heads", AttentionDropout::ROWS, AttentionDropout::HEADS);
            return Err(self.value("spec.dropout", want, format!("{last_row} rows of {last_head} heads")));
        }
        Ok(())
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

    pub(super) fn segments(self, segments: &[Range<usize>], rows: usize, spec: &AttentionSpec) -> Result<(), OpError> {
        self.ascending("segments", segments.iter(), rows)?;
        let longest = segments.iter().map(|s| s.len()).max().unwrap_or(0);
        if spec.dropout.is_some() && longest as u64 > AttentionDropout::POSITIONS {
            let want = format!("at most {} rows each under dropout", AttentionDropout::POSITIONS);
            return Err(self.value("segments", want, longest.to_string()));
        }
        Ok(())
    }

    pub(super) fn sequences(
        self,
        sequences: &[CachedQueries],
        rows: usize,
        spec: &AttentionSpec,
    ) -> Result<(), OpError> {
        if spec.after != Some(0) || spec.dropout.is_some() {
            let want = "causal and without dropout: a cache holds the past, and nobody trains on it";
            return Err(self.value("spec", want.into(), format!("{spec:?}")));
        }
        self.ascending("sequences", sequences.iter().map(|s| &s.rows), rows)?;
        for sequence in sequences {
            let end = sequence.first_position + sequence.rows.len();
            if sequence.chunks.len() * CHUNK < end {
                let want = format!("chunks up to position {end} ({} of {CHUNK})", end.div_ceil(CHUNK));
                return Err(self.value("sequences", want, format!("{} chunks", sequence.chunks.len())));
            }
            if !sequence.chunks.iter().all(|chunk| chunk.fits(spec)) {
                let want = format!("chunks of {} heads of width {}", spec.kv_heads, spec.head_dim);
                return Err(self.value("sequences", want, "one of another shape".into()));
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

    pub(super) fn value(self, arg: &'static str, want: String, got: String) -> OpError {
        OpError::Value { op: self.0, arg, want, got }
    }
}
