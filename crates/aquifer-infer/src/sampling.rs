//! From logits to a token: penalties, temperature, the filters, one draw.
//!
//! The order is that of Hugging Face `transformers`: bias and penalties on the logits, then temperature,
//! top-k, top-p (Holtzman et al., 2020, <https://arxiv.org/abs/1904.09751>) and min-p (Nguyen et al., 2024,
//! <https://arxiv.org/abs/2407.01082>) on what is left. The draw walks the survivors in ascending token id, so
//! it depends on which tokens survive and how likely they are, never on how they were sorted.

use aquifer_ops::math;
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Below this a temperature is greedy: dividing by it would overflow and the answer would be the same.
const COLDEST: f32 = 1e-5;

/// How the next token is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 always takes the likeliest token.
    pub temperature: f32,
    /// Keeps the so many likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps the fewest likeliest tokens whose probabilities reach this sum; 1 keeps all.
    pub top_p: f32,
    /// Keeps tokens at least this share as likely as the likeliest; 0 keeps all.
    pub min_p: f32,
    /// Divides the positive and multiplies the negative logits of every token of the prompt and the answer so
    /// far (Keskar et al., 2019, <https://arxiv.org/abs/1909.05858>, section 4.1); 1 changes nothing.
    pub repetition_penalty: f32,
    /// Taken off the logit of every token the answer already holds.
    pub presence_penalty: f32,
    /// Taken off the logit once for each time the answer already holds the token.
    pub frequency_penalty: f32,
    /// Added to single logits, whatever else is set.
    pub bias: Vec<(u32, f32)>,
}

impl Default for Sampling {
    /// The model's own distribution.
    fn default() -> Self {
        Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            bias: Vec::new(),
        }
    }
}

/// A setting outside what sampling is defined for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{name}` should be {want}, but is {got}")]
pub struct SamplingError {
    /// The setting.
    pub name: &'static str,
    /// Its domain.
    pub want: &'static str,
    /// What came.
    pub got: f32,
}

impl Sampling {
    /// Always the likeliest token.
    pub fn greedy() -> Self {
        Sampling { temperature: 0.0, ..Sampling::default() }
    }

    /// Says which setting is out of range, if one is.
    pub fn check(&self) -> Result<(), SamplingError> {
        let refuse = |name, want, got: f32, ok: bool| if ok { Ok(()) } else { Err(SamplingError { name, want, got }) };
        let (t, p, m, r) = (self.temperature, self.top_p, self.min_p, self.repetition_penalty);
        refuse("temperature", "a number from 0 up", t, t.is_finite() && t >= 0.0)?;
        refuse("top_p", "above 0 and at most 1", p, p > 0.0 && p <= 1.0)?;
        refuse("min_p", "from 0 to 1", m, (0.0..=1.0).contains(&m))?;
        refuse("repetition_penalty", "a number above 0", r, r.is_finite() && r > 0.0)?;
        refuse("presence_penalty", "a finite number", self.presence_penalty, self.presence_penalty.is_finite())?;
        refuse("frequency_penalty", "a finite number", self.frequency_penalty, self.frequency_penalty.is_finite())?;
        let odd = self.bias.iter().find(|(_, b)| b.is_nan());
        odd.map_or(Ok(()), |(_, b)| refuse("logit_bias", "numbers", *b, false))
    }

    /// Whether [`Seen`] matters to these settings.
    pub fn looks_back(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0
    }

    fn adjusts(&self) -> bool {
        self.looks_back() || !self.bias.is_empty()
    }
}

/// Which tokens a sequence already holds, and how often its answer does.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<u32, u32>);

impl Seen {
    /// A prompt, before its answer.
    pub fn prompt(tokens: &[u32]) -> Self {
        Seen(tokens.iter().map(|&t| (t, 0)).collect())
    }

    /// One more token of the answer.
    pub fn answer(&mut self, token: u32) {
        *self.0.entry(token).or_insert(0) += 1;
    }
}

/// The random number in `[0, 1)` that decides the token at `position` of a sequence, counted from its first
/// prompt token: a continued sequence draws what the longer one would have drawn.
pub fn uniform(seed: u64, choice: u32, position: u64) -> f64 {
    let words = Stream::new(seed, "sample", "").block(position, u64::from(choice));
    let bits = (u64::from(words[0]) << 32 | u64::from(words[1])) >> 11;
    bits as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// The token that `uniform` in `[0, 1)` picks from one row of logits. Ties go to the lowest id; NaN is never
/// picked. `None` where no logit is above minus infinity.
pub fn choose(logits: &[f32], sampling: &Sampling, seen: &Seen, uniform: f64) -> Option<u32> {
    let adjusted;
    let logits = if sampling.adjusts() {
        adjusted = adjust(logits, sampling, seen);
        adjusted.as_f32()
    } else {
        logits
    };
    let best = argmax(logits)?;
    let max = logits[best as usize];
    if sampling.temperature < COLDEST || max == f32::INFINITY {
        return Some(best);
    }
    let weights = weights(logits, max, sampling.temperature);
    let (weights, mut tokens) = (weights.as_f32(), Tensor::recycled::<u32>([logits.len()]));
    let kept = survivors(logits, weights, sampling, tokens.as_mut_slice());
    let total = mass(weights, kept);
    let target = uniform * total;
    let mut sum = 0.0;
    let picked = kept.iter().find(|&&token| {
        sum += f64::from(weights[token as usize]);
        sum > target
    });
    // Rounding may leave the last sum a hair below the target.
    Some(*picked.or(kept.last()).unwrap_or(&best))
}

/// The likeliest token; the lowest id of several. NaN and minus infinity are passed over.
pub fn argmax(logits: &[f32]) -> Option<u32> {
    let mut best = None;
    let mut max = f32::NEG_INFINITY;
    for (token, &x) in logits.iter().enumerate() {
        if x > max {
            (best, max) = (Some(token as u32), x);
        }
    }
    best
}

fn adjust(logits: &[f32], sampling: &Sampling, seen: &Seen) -> Tensor {
    let mut all = Tensor::from_f32(logits, [logits.len()]);
    let adjusted = all.as_f32_mut();
    for (&token, &times) in &seen.0 {
        let Some(x) = adjusted.get_mut(token as usize) else { continue };
        *x = if *x > 0.0 { *x / sampling.repetition_penalty } else { *x * sampling.repetition_penalty };
        if times > 0 {
            *x -= sampling.presence_penalty + times as f32 * sampling.frequency_penalty;
        }
    }
    for &(token, bias) in &sampling.bias {
        if let Some(x) = adjusted.get_mut(token as usize) {
            *x += bias;
        }
    }
    all
}

/// Probabilities relative to the likeliest token, which gets 1.
fn weights(logits: &[f32], max: f32, temperature: f32) -> Tensor {
    let scale = 1.0 / temperature;
    let mut weights = Tensor::recycled::<f32>([logits.len()]);
    for (weight, &x) in weights.as_f32_mut().iter_mut().zip(logits) {
        *weight = if x.is_nan() { f32::NEG_INFINITY } else { (x - max) * scale };
    }
    math::exp_slice(weights.as_f32_mut());
    weights
}

/// The tokens the filters leave, in ascending id; `room` has a place for each there is.
fn survivors<'a>(logits: &[f32], weights: &[f32], sampling: &Sampling, room: &'a mut [u32]) -> &'a [u32] {
    room.iter_mut().zip(0..).for_each(|(token, id)| *token = id);
    let mut kept = retained(room, |t| weights[t as usize] > 0.0);
    // Likelier first, and the lower id of two alike: a total order, so every selection below has one answer.
    let order = |a: &u32, b: &u32| -> Ordering { logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b)) };
    if (1..kept.len()).contains(&sampling.top_k) {
        kept.select_nth_unstable_by(sampling.top_k - 1, order);
        kept = &mut kept[..sampling.top_k];
        kept.sort_unstable();
    }
    if sampling.top_p < 1.0 {
        let enough = mass(weights, kept) * f64::from(sampling.top_p);
        let size = nucleus(kept, weights, enough, order);
        kept = &mut kept[..size];
        kept.sort_unstable();
    }
    if sampling.min_p > 0.0 {
        kept = retained(kept, |t| weights[t as usize] >= sampling.min_p);
    }
    kept
}

/// Moves the tokens that pass to the front, in their order.
fn retained(tokens: &mut [u32], pass: impl Fn(u32) -> bool) -> &mut [u32] {
    let mut kept = 0;
    for i in 0..tokens.len() {
        tokens[kept] = tokens[i];
        kept += usize::from(pass(tokens[i]));
    }
    &mut tokens[..kept]
}

/// Brings the fewest leading tokens of `order` whose weights reach `enough` to the front; their number. Only as long a
/// head as needed is sorted: most of a vocabulary is tail.
fn nucleus(kept: &mut [u32], weights: &[f32], enough: f64, order: impl Fn(&u32, &u32) -> Ordering) -> usize {
    let mut head = 64;
    loop {
        let whole = head >= kept.len();
        if !whole {
            kept.select_nth_unstable_by(head, &order);
        }
        let sorted = head.min(kept.len());
        kept[..sorted].sort_unstable_by(&order);
        let mut sum = 0.0;
        let reached = kept[..sorted].iter().position(|&t| {
            sum += f64::from(weights[t as usize]);
            sum >= enough
        });
        if let Some(last) = reached {
            return last + 1;
        }
        if whole {
            return kept.len();
        }
        head *= 8;
    }
}

fn mass(weights: &[f32], tokens: &[u32]) -> f64 {
    tokens.iter().map(|&t| f64::from(weights[t as usize])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const ROW: [f32; 6] = [0.5, 2.0, -1.0, 2.0, 1.9, f32::NAN];

    fn pick(sampling: &Sampling, u: f64) -> u32 {
        choose(&ROW, sampling, &Seen::default(), u).unwrap()
    }

    /// Every token that some draw picks.
    fn reachable(sampling: &Sampling) -> Vec<u32> {
        let mut all: Vec<u32> = (0..2000).map(|i| pick(sampling, (i as f64 + 0.5) / 2000.0)).collect();
        all.dedup();
        all
    }

    #[test]
    fn greedy_takes_the_lowest_of_equals_and_never_nan() {
        assert_eq!(pick(&Sampling::greedy(), 0.99), 1);
        assert_eq!(choose(&[f32::NAN, f32::NEG_INFINITY], &Sampling::greedy(), &Seen::default(), 0.5), None);
        assert_eq!(choose(&[1.0, f32::INFINITY], &Sampling::default(), &Seen::default(), 0.1), Some(1));
    }

    #[test]
    fn filters_keep_what_they_say() {
        let base = Sampling::default();
        assert_eq!(reachable(&base), [0, 1, 2, 3, 4]);
        assert_eq!(reachable(&Sampling { top_k: 1, ..base.clone() }), [1]);
        assert_eq!(reachable(&Sampling { top_k: 2, ..base.clone() }), [1, 3]);
        assert_eq!(reachable(&Sampling { top_k: 100, ..base.clone() }), [0, 1, 2, 3, 4]);
        assert_eq!(reachable(&Sampling { top_p: 0.4, ..base.clone() }), [1, 3]);
        assert_eq!(reachable(&Sampling { top_p: 1e-6, ..base.clone() }), [1]);
        assert_eq!(reachable(&Sampling { min_p: 0.5, ..base.clone() }), [1, 3, 4]);
        assert_eq!(reachable(&Sampling { min_p: 1.0, ..base.clone() }), [1, 3]);
        assert_eq!(reachable(&Sampling { temperature: 1e-3, ..base.clone() }), [1, 3]);
        assert_eq!(reachable(&Sampling { bias: vec![(2, 100.0)], ..base }), [2]);
    }

    #[test]
    fn penalties_look_back() {
        let mut seen = Seen::prompt(&[1, 2]);
        let repeat = Sampling { repetition_penalty: 1.5, ..Sampling::greedy() };
        assert_eq!(choose(&ROW, &repeat, &seen, 0.0), Some(3), "the prompt counts for repetition");
        let presence = Sampling { presence_penalty: 1.0, ..Sampling::greedy() };
        assert_eq!(choose(&ROW, &presence, &seen, 0.0), Some(1), "the prompt does not count for presence");
        seen.answer(1);
        seen.answer(3);
        seen.answer(3);
        assert_eq!(choose(&ROW, &presence, &seen, 0.0), Some(4));
        let frequency = Sampling { frequency_penalty: 0.09, ..Sampling::greedy() };
        assert_eq!(choose(&ROW, &frequency, &seen, 0.0), Some(1), "once costs 0.09, twice 0.18");
    }

    #[test]
    fn draws_are_named_by_seed_choice_and_position() {
        assert_eq!(uniform(1, 2, 3), uniform(1, 2, 3));
        let all = [uniform(1, 2, 3), uniform(2, 2, 3), uniform(1, 3, 3), uniform(1, 2, 4)];
        assert!(all.iter().all(|u| (0.0..1.0).contains(u)));
        assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])));
        let mean = (0..10_000).map(|i| uniform(7, 0, i)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        assert!(Sampling::default().check().is_ok());
        let wrong = Sampling { top_p: 0.0, ..Sampling::default() };
        assert_eq!(wrong.check().unwrap_err().to_string(), "`top_p` should be above 0 and at most 1, but is 0");
        assert!(Sampling { temperature: f32::NAN, ..Sampling::default() }.check().is_err());
    }

    proptest! {
        /// Drawn frequencies follow the softmax: the cumulative sum at the pick brackets the uniform.
        #[test]
        fn the_draw_inverts_the_distribution(row in vec(-4f32..4.0, 1..200), u in 0f64..1.0) {
            let token = choose(&row, &Sampling::default(), &Seen::default(), u).unwrap() as usize;
            let wide: Vec<f64> = row.iter().map(|&x| f64::from(x).exp()).collect();
            let total: f64 = wide.iter().sum();
            let below = wide[..token].iter().sum::<f64>() / total;
            let above = wide[..=token].iter().sum::<f64>() / total;
            prop_assert!(below - 1e-5 <= u && u <= above + 1e-5, "{below} {u} {above}");
        }

        /// The nucleus found through a partial sort is the one a full sort finds.
        #[test]
        fn the_nucleus_is_the_smallest(row in vec(-4f32..4.0, 1..700), top_p in 0.01f32..0.999) {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let w = weights(&row, max, 1.0);
            let w = w.as_f32();
            let mut room = vec![u32::MAX; row.len()];
            let kept = survivors(&row, w, &Sampling { top_p, ..Sampling::default() }, &mut room);
            let mut all: Vec<u32> = (0..row.len() as u32).collect();
            let enough = mass(w, &all) * f64::from(top_p);
            all.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b)));
            let mut sum = 0.0;
            let n = all.iter().position(|&t| { sum += f64::from(w[t as usize]); sum >= enough }).unwrap() + 1;
            all.truncate(n);
            all.sort_unstable();
            prop_assert_eq!(kept, all);
        }
    }
}
