//! Texts as vectors of their words, each word weighed by how rare it is among the texts: near texts share rare words.

use crate::parallel;
use aquifer_metrics::numbers::ln;
use rustc_hash::{FxHashMap, FxHashSet};
use twox_hash::XxHash64;

/// Numbers in a vector. Words share them by hash; with signs, so that what falls together by chance adds nothing on average
/// (Weinberger et al., "Feature hashing for large scale multitask learning", 2009).
const WIDTH: usize = 256;

/// One vector of length 1 for each text; of length 0 for a text without words.
pub struct Vectors(Vec<[f32; WIDTH]>);

impl Vectors {
    /// Of these texts: (1 + ln count) · ln(1 + texts / texts with the word), the same whatever the threads.
    pub fn of(texts: &[String]) -> Self {
        let words: Vec<Vec<u64>> = parallel::map(texts.len(), |i| words(&texts[i]));
        let mut texts_with: FxHashMap<u64, u32> = FxHashMap::default();
        for list in &words {
            for word in list.iter().collect::<FxHashSet<_>>() {
                *texts_with.entry(*word).or_default() += 1;
            }
        }
        let n = texts.len() as f64;
        Vectors(parallel::map(texts.len(), |i| {
            let mut list = words[i].clone();
            list.sort_unstable();
            let mut vector = [0.0_f32; WIDTH];
            for run in list.chunk_by(|a, b| a == b) {
                let weight = (1.0 + ln(run.len() as f64)) * ln(1.0 + n / f64::from(texts_with[&run[0]]));
                let sign = if run[0] >> 63 == 0 { 1.0 } else { -1.0 };
                vector[run[0] as usize % WIDTH] += sign * weight as f32;
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            if length > 0.0 {
                vector.iter_mut().for_each(|x| *x /= length);
            }
            vector
        }))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How near two are: 1 for the same words, about 0 for none in common.
    pub fn nearness(&self, a: usize, b: usize) -> f32 {
        self.0[a].iter().zip(&self.0[b]).map(|(x, y)| x * y).sum()
    }
}

/// Hashes of the words of a text: runs of letters and digits in lower case, in scripts without spaces each character and each
/// pair.
fn words(text: &str) -> Vec<u64> {
    let mut out = Vec::new();
    let hash = |word: &str| XxHash64::oneshot(0, word.as_bytes());
    for run in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        if run.chars().all(|c| c < '\u{2E80}') {
            out.push(hash(run));
            continue;
        }
        let ends: Vec<usize> = run.char_indices().map(|(at, _)| at).chain([run.len()]).collect();
        out.extend(ends.windows(2).map(|w| hash(&run[w[0]..w[1]])));
        out.extend(ends.windows(3).map(|w| hash(&run[w[0]..w[2]])));
    }
    out
}
