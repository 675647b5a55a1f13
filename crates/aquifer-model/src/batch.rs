//! Packed token sequences: what a model reads.

use crate::ModelError;
use aquifer_ops::cross_entropy::IGNORE;
use std::ops::Range;

/// Some grains (packed sequences of equal length), flattened: row `g · grain_len + i` is token `i` of grain `g`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenBatch {
    /// Number of packed sequences.
    pub grains: usize,
    /// Tokens in each.
    pub grain_len: usize,
    /// The token read at each row.
    pub inputs: Vec<u32>,
    /// The token that should follow; `IGNORE` where nothing is learnt.
    pub targets: Vec<u32>,
    /// Rows of each document, ascending and disjoint, none across two grains. Attention stays inside them.
    pub segments: Vec<Range<usize>>,
    /// Each row's place in its document.
    pub positions: Vec<u32>,
    /// The first grain's number in the optimiser step.
    pub first_grain: usize,
}

impl TokenBatch {
    /// One document as one grain: every token but the last is read, every token but the first is a target.
    pub fn sequence(tokens: &[u32]) -> Self {
        let n = tokens.len().saturating_sub(1);
        TokenBatch {
            grains: 1,
            grain_len: n,
            inputs: tokens[..n].to_vec(),
            targets: tokens[tokens.len() - n..].to_vec(),
            segments: vec![0..n],
            positions: (0..n as u32).collect(),
            first_grain: 0,
        }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.inputs.len()
    }

    /// Rows whose target counts.
    pub fn target_count(&self) -> usize {
        self.targets.iter().filter(|&&t| t != IGNORE).count()
    }

    /// A part of the batch: grains `grains` of it.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn part(&self, grains: Range<usize>) -> TokenBatch {
        let rows = grains.start * self.grain_len..grains.end * self.grain_len;
        let inside = |s: &&Range<usize>| rows.contains(&s.start);
        TokenBatch {
            grains: grains.len(),
            grain_len: self.grain_len,
            inputs: self.inputs[rows.clone()].to_vec(),
            targets: self.targets[rows.clone()].to_vec(),
            segments: self.segments.iter().filter(inside).map(|s| s.start - rows.start..s.end - rows.start).collect(),
            positions: self.positions[rows.clone()].to_vec(),
            first_grain: self.first_grain + grains.start,
        }
    }

    /// Checks that the fields agree with each other and with a model's vocabulary and context.
    pub(crate) fn check(&self, vocab: usize, max_positions: usize) -> Result<(), ModelError> {
        let fault = |field, want: String, got: String| Err(ModelError::Batch { field, want, got });
        let rows = self.grains * self.grain_len;
        let lengths =
            [("inputs", self.inputs.len()), ("targets", self.targets.len()), ("positions", self.positions.len())];
        for (field, len) in lengths {
            if len != rows {
                return fault(
                    field,
                    format!("{} grains × {} tokens long", self.grains, self.grain_len),
                    format!("{len}"),
                );
            }
        }
        if let Some(id) = self.inputs.iter().find(|&&id| id as usize >= vocab) {
            return fault("inputs", format!("below the vocabulary's {vocab}"), format!("{id}"));
        }
        if let Some(id) = self.targets.iter().find(|&&id| id as usize >= vocab && id != IGNORE) {
            return fault("targets", format!("below the vocabulary's {vocab}"), format!("{id}"));
        }
        if let Some(p) = self.positions.iter().find(|&&p| p as usize >= max_positions) {
            return fault("positions", format!("below the context of {max_positions}"), format!("{p}"));
        }
        let mut end = 0;
        for s in &self.segments {
            let one_grain = s.is_empty() || s.start / self.grain_len == (s.end - 1) / self.grain_len;
            if s.start < end || s.end < s.start || s.end > rows || !one_grain {
                let want = format!("ascending, disjoint, inside one grain and below {rows} rows");
                return fault("segments", want, format!("{s:?} after row {end}"));
            }
            end = s.end;
        }
        Ok(())
    }
}
