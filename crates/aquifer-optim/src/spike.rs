//! Notices a loss that jumps out of its recent course.

use std::collections::VecDeque;

/// Losses remembered.
const WINDOW: usize = 50;
/// Losses needed before anything is called a spike.
const ENOUGH: usize = 20;
/// How many typical deviations above the median a spike is, and the least it must be in nats: the noise of
/// batches stays below both in runs that go well.
const DEVIATIONS: f64 = 8.0;
const LEAST_NATS: f64 = 0.25;

/// The recent losses of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spikes {
    recent: VecDeque<f64>,
}

impl Spikes {
    pub(crate) fn from_recent(recent: impl IntoIterator<Item = f64>) -> Self {
        Spikes { recent: recent.into_iter().collect() }
    }

    pub(crate) fn recent(&self) -> Vec<f64> {
        self.recent.iter().copied().collect()
    }

    /// Takes in the next loss; the running median if this one is a spike above it.
    pub(crate) fn watch(&mut self, loss: f64) -> Option<f64> {
        let spike = (self.recent.len() >= ENOUGH)
            .then(|| {
                let middle = median(self.recent.iter().copied());
                let deviation = median(self.recent.iter().map(|x| (x - middle).abs()));
                (loss > middle + (DEVIATIONS * deviation).max(LEAST_NATS)).then_some(middle)
            })
            .flatten();
        self.recent.push_back(loss);
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
        spike
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_a_spike_and_a_falling_noisy_curve_has_none() {
        let mut spikes = Spikes::default();
        let curve = (0..200).map(|i| 2.0 + 4.0 / (1.0 + i as f64 / 10.0) + 0.1 * f64::from(i % 7));
        assert!(curve.clone().all(|loss| spikes.watch(loss).is_none()));
        assert!(spikes.watch(5.0).is_some_and(|median| (2.0..3.2).contains(&median)));
        assert_eq!(Spikes::from_recent(spikes.recent()).watch(2.2), None);
    }
}
