//! How the grains of a micro-batch fall into the lanes of a step.

use crate::GradError;
use aquifer_ops::order::lane_grains;
use aquifer_ops::{Begin, TokenChains};
use std::ops::Range;

/// One optimiser step: `grains` packed sequences of `grain_len` tokens, summed in `lanes` chains that meet in a
/// tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepLanes {
    /// Packed sequences in the whole step, over all micro-batches and ranks.
    pub grains: usize,
    /// Tokens in each.
    pub grain_len: usize,
    /// A power of two, at most `grains`.
    pub lanes: usize,
}

/// The part of a step that is at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MicroBatch {
    /// The first of its grains, counted from the start of the step.
    pub first_grain: usize,
    /// How many there are.
    pub grains: usize,
}

/// Rows of a micro-batch that one call of an operator sums.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The rows, counted from the start of the micro-batch.
    pub rows: Range<usize>,
    /// The chains inside them, counted from the start of `rows`.
    pub chains: TokenChains,
    /// Whether the chain goes on from an earlier micro-batch.
    pub begin: Begin,
    /// Lanes that end with this run; zero when the lane goes on in a later micro-batch.
    pub(crate) closes: usize,
}

impl StepLanes {
    /// Checks that the lanes are a power of two, none of them empty.
    pub(crate) fn check(self) -> Result<Self, GradError> {
        let StepLanes { grains, grain_len, lanes } = self;
        if lanes.is_power_of_two() && lanes <= grains && grain_len > 0 {
            Ok(self)
        } else {
            Err(GradError::Lanes { grains, grain_len, lanes })
        }
    }

    /// Cuts a micro-batch into the fewest runs that the order of summation allows: a piece of a lane is a run
    /// of its own; whole lanes that form a subtree of the step's tree are one run, joined inside the operator.
    pub(crate) fn runs(self, batch: MicroBatch) -> Vec<Run> {
        let (mut grain, end) = (batch.first_grain, batch.first_grain + batch.grains);
        let rows = |grains: Range<usize>, from: usize| {
            (grains.start - from) * self.grain_len..(grains.end - from) * self.grain_len
        };
        let lane = |i| lane_grains(self.grains, self.lanes, i);
        let mut runs = Vec::new();
        while grain < end {
            let at = (0..self.lanes).find(|&i| lane(i).contains(&grain)).expect("every grain lies in a lane");
            let whole = |n: usize| at + n <= self.lanes && lane(at + n - 1).end <= end;
            let (lanes, closes) = if lane(at).start == grain && whole(1) {
                // The largest aligned power of two of lanes that are wholly here.
                let mut n = 1;
                while at.is_multiple_of(2 * n) && whole(2 * n) {
                    n *= 2;
                }
                ((at..at + n).map(lane).collect(), n)
            } else {
                let stop = lane(at).end.min(end);
                (vec![grain..stop], usize::from(stop == lane(at).end))
            };
            let begin = if lane(at).start == grain { Begin::Fresh } else { Begin::Continue };
            let stop = lanes.last().map_or(grain, |l: &Range<usize>| l.end);
            runs.push(Run {
                rows: rows(grain..stop, batch.first_grain),
                chains: TokenChains {
                    grain: self.grain_len,
                    lanes: lanes.into_iter().map(|l| rows(l, grain)).collect(),
                },
                begin,
                closes,
            });
            grain = stop;
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(step: StepLanes, first_grain: usize, grains: usize) -> Vec<(Range<usize>, usize, Begin, usize)> {
        let runs = step.runs(MicroBatch { first_grain, grains });
        runs.into_iter().map(|r| (r.rows, r.chains.lanes.len(), r.begin, r.closes)).collect()
    }

    #[test]
    fn a_whole_step_is_one_run() {
        let step = StepLanes { grains: 8, grain_len: 3, lanes: 4 };
        assert_eq!(shown(step, 0, 8), [(0..24, 4, Begin::Fresh, 4)]);
    }

    #[test]
    fn pieces_of_lanes_go_on_and_whole_lanes_join_as_the_tree_does() {
        let step = StepLanes { grains: 8, grain_len: 1, lanes: 4 };
        // Lanes 01 23 45 67: the second half of lane 0, lane 1 alone (its sibling came before), lanes 2 and 3.
        let want = [(0..1, 1, Begin::Continue, 1), (1..3, 1, Begin::Fresh, 1), (3..7, 2, Begin::Fresh, 2)];
        assert_eq!(shown(step, 1, 7), want);
        assert_eq!(shown(step, 0, 1), [(0..1, 1, Begin::Fresh, 0)]);
    }
}
