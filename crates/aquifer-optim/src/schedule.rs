//! How the learning rate moves: warm-up, then cosine, warm-up–stable–decay, or constant.

use aquifer_ops::math;
use serde::{Deserialize, Serialize};

/// The shape of a learning-rate schedule after its warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Half a cosine from the peak to the floor (Loshchilov & Hutter, 2017, <https://arxiv.org/abs/1608.03983>).
    #[default]
    Cosine,
    /// Stays at the peak, then falls linearly over the last `decay_steps` (Hu et al., MiniCPM, 2024,
    /// <https://arxiv.org/abs/2404.06395>, with a linear decay in place of an exponential one).
    Wsd,
    /// Stays at the peak.
    Constant,
}

/// A learning rate for every step of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Schedule {
    /// What follows the warm-up.
    pub shape: Shape,
    /// Steps of the whole run.
    pub steps: u64,
    /// Steps over which the rate rises linearly to its peak.
    pub warmup_steps: u64,
    /// Steps of the final descent; [`Shape::Wsd`] only.
    pub decay_steps: u64,
    /// The highest rate.
    pub peak_lr: f64,
    /// The last rate, as a fraction of the peak.
    pub floor: f64,
}

impl Schedule {
    /// The rate of step `step`, counted from 0. Steps beyond the end keep the last rate.
    ///
    /// # Numerics
    /// In `f64` with our own cosine, so that every machine walks the same path.
    pub fn lr(&self, step: u64) -> f64 {
        let step = step.min(self.steps.saturating_sub(1));
        if step < self.warmup_steps {
            return self.peak_lr * (step + 1) as f64 / self.warmup_steps as f64;
        }
        // `fall` goes from 0 at the peak to 1 at the last step.
        let fall = |first: u64| {
            let span = self.steps.saturating_sub(first).saturating_sub(1).max(1);
            (step.saturating_sub(first)) as f64 / span as f64
        };
        let height = match self.shape {
            Shape::Constant => 1.0,
            Shape::Cosine => 0.5 + 0.5 * math::f64::cos(std::f64::consts::PI * fall(self.warmup_steps)),
            Shape::Wsd => 1.0 - fall(self.steps.saturating_sub(self.decay_steps).max(self.warmup_steps)),
        };
        self.peak_lr * (self.floor + (1.0 - self.floor) * height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(shape: Shape) -> Schedule {
        Schedule { shape, steps: 101, warmup_steps: 10, decay_steps: 20, peak_lr: 1e-2, floor: 0.1 }
    }

    #[test]
    fn each_rises_to_its_peak_and_ends_at_its_floor() {
        for shape in [Shape::Cosine, Shape::Wsd, Shape::Constant] {
            let s = schedule(shape);
            assert!((s.lr(0) - 1e-3).abs() < 1e-12 && (s.lr(9) - 1e-2).abs() < 1e-12, "{shape:?}");
            let last = if shape == Shape::Constant { 1e-2 } else { 1e-3 };
            assert!((s.lr(100) - last).abs() < 1e-12, "{shape:?} ends at {}", s.lr(100));
            assert_eq!(s.lr(1000), s.lr(100));
            assert!((10..100).all(|i| s.lr(i + 1) <= s.lr(i)), "{shape:?} falls");
        }
        assert_eq!(schedule(Shape::Wsd).lr(80), 1e-2);
        assert!((schedule(Shape::Cosine).lr(55) - 5.5e-3).abs() < 1e-12);
    }

    #[test]
    fn degenerate_runs_have_finite_rates() {
        for shape in [Shape::Cosine, Shape::Wsd, Shape::Constant] {
            for (steps, warmup_steps, decay_steps) in [(0, 0, 0), (1, 0, 0), (1, 1, 1), (3, 5, 9), (2, 0, 2)] {
                let s = Schedule { shape, steps, warmup_steps, decay_steps, peak_lr: 1.0, floor: 0.0 };
                assert!((0..5).all(|i| s.lr(i).is_finite() && s.lr(i) >= 0.0), "{s:?}");
            }
        }
    }
}
