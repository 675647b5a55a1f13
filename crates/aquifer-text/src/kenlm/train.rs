//! Learning n-gram models of words: interpolated modified Kneser–Ney, as KenLM's `lmplz` does.
//!
//! Heafield, Pouzyrevsky, Clark & Koehn, "Scalable modified Kneser-Ney language model estimation", ACL 2013; Chen &
//! Goodman, TR-10-98, 1998, equation 26. All counts are in memory: some 60 bytes for every different n-gram.

use super::MAX_ORDER;
use super::counts::{BEGIN, Counts, END, UNKNOWN};
use crate::TextError;
use aquifer_metrics::numbers::ln;
use aquifer_record::{FileError, Stop, files};
use std::io::{self, Write};
use std::path::Path;

/// How to learn.
#[derive(Clone, Debug)]
pub struct NgramOptions {
    /// Words in the longest n-grams, from 2 to 10.
    pub order: usize,
    /// N-grams seen so often or less are left out: one number for each length from 1 on, the last for all longer ones.
    /// The numbers never fall. None is no pruning.
    pub prune: Vec<u64>,
    /// Discounts of counts 1, 2 and 3 or more, where a small or odd text allows no estimate; without them that is an
    /// error. `lmplz --discount_fallback` takes ½, 1 and 1½.
    pub discount_fallback: Option<[f32; 3]>,
}

impl NgramOptions {
    /// Nothing pruned, no fallback.
    pub fn new(order: usize) -> Self {
        NgramOptions { order, prune: Vec::new(), discount_fallback: None }
    }

    fn threshold(&self, length: usize) -> u64 {
        self.prune.get(length - 1).or(self.prune.last()).copied().unwrap_or(0)
    }

    fn check(&self) -> Result<(), TextError> {
        if !(2..=MAX_ORDER).contains(&self.order) {
            let order = self.order;
            return Err(TextError::Learning(format!("n-grams of {order} words; from 2 to {MAX_ORDER} can be learnt")));
        }
        if !self.prune.is_sorted() || self.prune.len() > self.order {
            return Err(TextError::Learning(format!("pruning at {:?}: one number a length, none falling", self.prune)));
        }
        Ok(())
    }
}

/// A model that was learnt, to be written as an ARPA file.
pub struct NgramTrained {
    words: Vec<String>,
    levels: Vec<Estimates>,
}

/// N-grams of one length, `length` words each.
struct Estimates {
    words: Vec<u32>,
    prob: Vec<f32>,
    /// log₁₀; empty for the longest.
    backoff: Vec<f32>,
}

/// Learns from sentences: words are what white space separates. `<s>`, `</s>` and `<unk>` in them count as white space.
///
/// # Numerics
/// log₁₀ probabilities within 1e-5 of `lmplz`'s, whose single precision is followed.
///
/// # Errors
/// If the options cannot be, there is nothing to learn from, or no discounts can be estimated and none are given;
/// [`TextError::Stopped`] when asked to stop.
pub fn train_ngrams<'a>(
    sentences: impl IntoIterator<Item = &'a str>,
    options: &NgramOptions,
    stop: &Stop,
) -> Result<NgramTrained, TextError> {
    options.check()?;
    let mut counts = Counts::new(options.order);
    for (i, sentence) in sentences.into_iter().enumerate() {
        counts.add(sentence);
        if i % 4096 == 0 && stop.requested() {
            return Err(TextError::Stopped);
        }
    }
    if counts.words.len() <= END as usize + 1 {
        return Err(TextError::Learning("there is no word to learn from".into()));
    }
    estimate(counts, options)
}

fn estimate(counts: Counts, options: &NgramOptions) -> Result<NgramTrained, TextError> {
    let order = options.order;
    let mut levels: Vec<Estimates> = Vec::with_capacity(order);
    let keeps = |length: usize, i: usize| {
        let special = length == 1 && i <= END as usize;
        special || counts.levels[length - 1].count[i] > options.threshold(length)
    };
    // Interpolated probabilities of the level below, by node; below the first the uniform one over all words but `<s>`.
    let uniform = 1.0 / ((0..counts.words.len()).filter(|&i| keeps(1, i)).count() - 1) as f32;
    let mut below: Vec<f32> = Vec::new();
    let mut kept_below: Vec<bool> = Vec::new();
    for length in 1..=order {
        let level = &counts.levels[length - 1];
        let adjusted = counts.adjusted(length);
        let kept: Vec<bool> = (0..adjusted.len()).map(|i| keeps(length, i)).collect();
        let discounts = discounts(&adjusted, length, options.discount_fallback)?;
        let n_contexts = if length == 1 { 1 } else { counts.levels[length - 2].count.len() };
        let context = |i: usize| if length == 1 { 0 } else { level.context[i] as usize };
        let (denominators, gammas) = masses(&adjusted, &kept, n_contexts, &discounts, context);
        let mut probs = vec![0f32; adjusted.len()];
        for i in 0..adjusted.len() {
            let n = adjusted[i];
            let discounted = n as f32 - discounts[n.min(3) as usize];
            let lower = if length == 1 { uniform } else { below[level.parent[i] as usize] };
            let at = context(i);
            probs[i] = match (length, i as u32) {
                // So that `<s>` may be scored at no cost.
                (1, BEGIN) => 1.0,
                (1, UNKNOWN) => gammas[0] * lower,
                _ => discounted / denominators[at] + gammas[at] * lower,
            };
        }
        if length > 1 {
            // What a context leaves to shorter ones is its backoff.
            let lower = levels.last_mut().expect("the shorter n-grams were estimated");
            let contexts = kept_below.iter().enumerate().filter(|&(_, &kept)| kept);
            lower.backoff =
                contexts.map(|(i, _)| if denominators[i] == 0.0 { 0.0 } else { log10(gammas[i]) }).collect();
        }
        let mut words = Vec::new();
        (0..kept.len()).filter(|&i| kept[i]).for_each(|i| counts.spell(length, i, &mut words));
        let prob = probs.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(&p, _)| log10(p).min(0.0)).collect();
        levels.push(Estimates { words, prob, backoff: Vec::new() });
        (below, kept_below) = (probs, kept);
    }
    Ok(NgramTrained { words: counts.words, levels })
}

/// For each context the sum of its counts, and what discounting and pruning take from them, as a part of the sum.
fn masses(
    adjusted: &[u64],
    kept: &[bool],
    n_contexts: usize,
    discounts: &[f32; 4],
    context: impl Fn(usize) -> usize,
) -> (Vec<f32>, Vec<f32>) {
    let mut sums = vec![0u64; n_contexts];
    let mut pruned = vec![0u64; n_contexts];
    let mut seen = vec![[0u32; 3]; n_contexts];
    for (i, &n) in adjusted.iter().enumerate() {
        let at = context(i);
        sums[at] += n;
        match (kept[i], n) {
            (false, n) => pruned[at] += n,
            (true, 0) => {}
            (true, n) => seen[at][n.min(3) as usize - 1] += 1,
        }
    }
    let gamma = |at: usize| {
        let taken = (0..3).fold(0.0, |sum, j| sum + discounts[j + 1] * seen[at][j] as f32);
        (taken + pruned[at] as f32) / sums[at] as f32
    };
    let gammas = (0..n_contexts).map(gamma).collect();
    (sums.iter().map(|&n| n as f32).collect(), gammas)
}

/// Of counts 0 (none), 1, 2 and 3 or more.
fn discounts(adjusted: &[u64], length: usize, fallback: Option<[f32; 3]>) -> Result<[f32; 4], TextError> {
    let mut n = [0u64; 5];
    adjusted.iter().filter(|&&count| count < 5).for_each(|&count| n[count as usize] += 1);
    let y = n[1] as f32 / (n[1] as f64 + 2.0 * n[2] as f64) as f32;
    let mut out = [0.0; 4];
    for j in 1..4 {
        out[j] = j as f32 - (j + 1) as f32 * y * n[j + 1] as f32 / n[j] as f32;
        // NaN, of no such counts, is out of range too.
        if !(0.0..=j as f32).contains(&out[j]) || n[j] == 0 {
            let [one, two, three] = fallback.ok_or_else(|| {
                let why = format!(
                    "{length}-grams seen once, twice, three and four times are {:?}, which gives no discounts: the text is too small \
                     or says the same again and again; give fallback discounts (0.5, 1, 1.5) or take repeated lines out",
                    &n[1..]
                );
                TextError::Learning(why)
            })?;
            return Ok([0.0, one, two, three]);
        }
    }
    Ok(out)
}

fn log10(x: f32) -> f32 {
    (ln(f64::from(x)) * std::f64::consts::LOG10_E) as f32
}

impl NgramTrained {
    /// How many n-grams of each length, from one word on.
    pub fn counts(&self) -> Vec<usize> {
        self.levels.iter().map(|level| level.prob.len()).collect()
    }

    /// Writes the model as an ARPA file, which [`KenLm`](super::KenLm) and KenLM's own programs read.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        files::write_atomic(path, |out| self.write(out))
    }

    /// The same to any writer.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\\data\\")?;
        for (i, n) in self.counts().into_iter().enumerate() {
            writeln!(out, "ngram {}={n}", i + 1)?;
        }
        for (i, level) in self.levels.iter().enumerate() {
            write!(out, "\n\\{}-grams:\n", i + 1)?;
            for (at, words) in level.words.chunks_exact(i + 1).enumerate() {
                write!(out, "{}", level.prob[at])?;
                for (j, &word) in words.iter().enumerate() {
                    write!(out, "{}{}", if j == 0 { '\t' } else { ' ' }, self.words[word as usize])?;
                }
                match level.backoff.get(at) {
                    Some(backoff) => writeln!(out, "\t{backoff}")?,
                    None => writeln!(out)?,
                }
            }
        }
        write!(out, "\n\\end\\\n")
    }
}
