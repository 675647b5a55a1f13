//! Vectors of words, learnt from the words around them, and of texts as averages of these.
//!
//! Skip-gram with negative sampling: Mikolov et al., "Distributed representations of words and phrases and their
//! compositionality", 2013, <https://arxiv.org/abs/1310.4546>; negatives are drawn by the root of a count, as in fastText, once
//! for all pairs of a word. An average weighs a word of probability p by a / (a + p): Arora, Liang & Ma, "A simple but
//! tough-to-beat baseline for sentence embeddings", 2017; the vectors are whitened first, in the place of the one component
//! that paper takes off.
//!
//! One chain of steps: the same texts and options give the same bits, whatever the number of threads.

use crate::fasttext::dot;
use aquifer_ops::math;
use aquifer_tensor::isa::{self, Isa};
use aquifer_tensor::random::Stream;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// How to learn. A word is a number of the caller's choosing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VectorOptions {
    /// Numbers in a vector.
    pub width: usize,
    /// Words on either side that a word is to tell, at the most; how many is drawn for each.
    pub window: usize,
    /// Strangers drawn for all of these together.
    pub negatives: usize,
    /// How often the texts are read.
    pub epochs: usize,
    /// At the beginning; it falls to zero in a line.
    pub learning_rate: f32,
    /// Words seen less often have no vector.
    pub min_count: u32,
    /// Most words that have one: the most frequent.
    pub max_words: usize,
    /// Of the first weights, and of all that is drawn.
    pub seed: u64,
}

impl Default for VectorOptions {
    fn default() -> Self {
        VectorOptions {
            width: 100,
            window: 5,
            negatives: 5,
            epochs: 5,
            learning_rate: 0.05,
            min_count: 3,
            max_words: 100_000,
            seed: 0,
        }
    }
}

/// A word of frequency f is read with probability √(t/f) + t/f: those that stand everywhere say little.
const READ: f32 = 1e-3;
/// The weight of a word in an average is a / (a + p).
const A: f64 = 1e-3;
/// What is added to the spread in every direction, as a share of its mean.
const SHRINK: f64 = 0.01;
/// Places from which strangers are drawn.
const DRAWN_FROM: usize = 1 << 20;

/// Vectors of words.
#[derive(Clone, Debug, PartialEq)]
pub struct WordVectors {
    width: usize,
    rows: FxHashMap<u32, u32>,
    /// What each weighs in an average.
    weights: Vec<f32>,
    data: Vec<f32>,
}

impl WordVectors {
    /// Learns vectors from texts, each a list of words in their order.
    ///
    /// ```
    /// use aquifer_text::word_vectors::{VectorOptions, WordVectors};
    /// let texts = vec![vec![1, 2, 3, 4]; 50];
    /// let vectors = WordVectors::train(&texts, &VectorOptions { width: 8, ..Default::default() });
    /// let mut average = [0.0; 8];
    /// assert_eq!(vectors.average(&[1, 2, 99], &mut average), 2);
    /// ```
    pub fn train(texts: &[Vec<u32>], options: &VectorOptions) -> Self {
        let width = options.width.max(1);
        let (words, total) = vocabulary(texts, options);
        let rows: FxHashMap<u32, u32> = words.iter().zip(0..).map(|(&(word, _), row)| (word, row)).collect();
        let read: Vec<Vec<u32>> =
            texts.iter().map(|text| text.iter().filter_map(|word| rows.get(word).copied()).collect()).collect();
        let counts: Vec<u32> = words.iter().map(|&(_, count)| count).collect();
        let mut data = match counts.is_empty() {
            true => Vec::new(),
            false => Net::new(&counts, total, width, options).learn(&read, options),
        };
        whiten(&mut data, width);
        let share = |count: u32| f64::from(count) / total as f64;
        let weights = counts.iter().map(|&count| (A / (A + share(count))) as f32).collect();
        WordVectors { width, rows, weights, data }
    }

    /// Numbers in a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many words have one.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether no word has one.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// The vector of a word, if it has one.
    pub fn of(&self, word: u32) -> Option<&[f32]> {
        self.rows.get(&word).map(|&row| &self.data[row as usize * self.width..][..self.width])
    }

    /// Writes the weighed average of a text's words, brought to length 1, and returns how many of them have a vector. Zeros
    /// where none has.
    ///
    /// # Panics
    /// If `out` is not as long as a vector.
    pub fn average(&self, text: &[u32], out: &mut [f32]) -> usize {
        assert_eq!(out.len(), self.width, "room for one vector");
        out.fill(0.0);
        let mut known = 0;
        for &row in text.iter().filter_map(|word| self.rows.get(word)) {
            let weight = self.weights[row as usize];
            let vector = &self.data[row as usize * self.width..][..self.width];
            out.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
            known += 1;
        }
        let length = dot(out, out).sqrt();
        if length > 0.0 {
            out.iter_mut().for_each(|x| *x /= length);
        }
        known
    }
}

/// The words that get a vector, the most frequent first, of equals the lower number; and how many words there are in all.
fn vocabulary(texts: &[Vec<u32>], options: &VectorOptions) -> (Vec<(u32, u32)>, u64) {
    let mut seen: FxHashMap<u32, u32> = FxHashMap::default();
    texts.iter().flatten().for_each(|word| *seen.entry(*word).or_default() += 1);
    let total = texts.iter().map(|text| text.len() as u64).sum();
    let mut words: Vec<(u32, u32)> = seen.into_iter().filter(|&(_, count)| count >= options.min_count).collect();
    words.sort_unstable_by_key(|&(word, count)| (std::cmp::Reverse(count), word));
    words.truncate(options.max_words);
    (words, total)
}

/// Takes the mean of all rows off each, and what they spread by: seen from there, every direction counts as much as another,
/// for otherwise a few in which all words of a subject agree would drown the rest. (Su et al., "Whitening sentence
/// representations for better semantics and faster retrieval", 2021; by Cholesky's factor, which gives the same cosines as
/// any other root.) Directions in which nothing differs are kept small.
fn whiten(data: &mut [f32], width: usize) {
    let n = (data.len() / width).max(1) as f64;
    let mut mean = vec![0.0_f64; width];
    for row in data.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    mean.iter_mut().for_each(|sum| *sum /= n);
    let mut spread = vec![0.0_f64; width * width];
    for row in data.chunks_exact(width) {
        for i in 0..width {
            let x = f64::from(row[i]) - mean[i];
            for j in 0..=i {
                spread[i * width + j] += x * (f64::from(row[j]) - mean[j]) / n;
            }
        }
    }
    let all: f64 = (0..width).map(|i| spread[i * width + i]).sum();
    (0..width).for_each(|i| spread[i * width + i] += SHRINK * all / width as f64 + f64::MIN_POSITIVE);
    // The lower factor takes the place of what it is the factor of.
    for i in 0..width {
        for j in 0..=i {
            let before: f64 = (0..j).map(|k| spread[i * width + k] * spread[j * width + k]).sum();
            let left = spread[i * width + j] - before;
            spread[i * width + j] =
                if i == j { left.max(f64::MIN_POSITIVE).sqrt() } else { left / spread[j * width + j] };
        }
    }
    let mut turned = vec![0.0_f64; width];
    for row in data.chunks_exact_mut(width) {
        for i in 0..width {
            let before: f64 = (0..i).map(|k| spread[i * width + k] * turned[k]).sum();
            turned[i] = (f64::from(row[i]) - mean[i] - before) / spread[i * width + i];
        }
        row.iter_mut().zip(&turned).for_each(|(x, y)| *x = *y as f32);
    }
}

/// What is learnt: for each word a vector, and a second by which it is told from strangers.
struct Net {
    width: usize,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Probability that a word is read.
    read: Vec<f32>,
    strangers: Vec<u32>,
    gradient: Vec<f32>,
}

impl Net {
    fn new(counts: &[u32], total: u64, width: usize, options: &VectorOptions) -> Self {
        let first = Stream::new(options.seed, "word vectors", "input");
        let range = 1.0 / width as f32;
        let input = (0..counts.len() * width).map(|i| (2.0 * first.uniform(0, i as u64) - 1.0) * range).collect();
        let read = counts.iter().map(|&count| {
            let ratio = READ / (f64::from(count) / total as f64) as f32;
            ratio.sqrt() + ratio
        });
        // Each word has as many places as the root of its count is of all roots.
        let roots: f64 = counts.iter().map(|&count| f64::from(count).sqrt()).sum();
        let (mut strangers, mut before) = (Vec::with_capacity(DRAWN_FROM), 0.0);
        for (row, &count) in counts.iter().enumerate() {
            before += f64::from(count).sqrt();
            strangers.resize((before / roots * DRAWN_FROM as f64) as usize, row as u32);
        }
        strangers.resize(DRAWN_FROM, counts.len() as u32 - 1);
        let (read, output, gradient) = (read.collect(), vec![0.0; counts.len() * width], vec![0.0; width]);
        Net { width, input, output, read, strangers, gradient }
    }

    fn learn(self, texts: &[Vec<u32>], options: &VectorOptions) -> Vec<f32> {
        match isa::active() {
            // SAFETY: the instruction set is there.
            #[cfg(target_arch = "x86_64")]
            isa if isa >= Isa::Avx512 => unsafe { learn_avx512(self, texts, options) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { learn_avx2(self, texts, options) },
            _ => self.learn_with(texts, options),
        }
    }

    #[inline(always)]
    fn learn_with(mut self, texts: &[Vec<u32>], options: &VectorOptions) -> Vec<f32> {
        let draws = Stream::new(options.seed, "word vectors", "draws");
        let steps = (options.epochs as u64 * texts.iter().map(|text| text.len() as u64).sum::<u64>()).max(1);
        let (mut done, mut kept, mut drawn) = (0, Vec::new(), Vec::new());
        for epoch in 0..options.epochs as u64 {
            let mut draw = draws.sequence(epoch);
            for text in texts {
                let rate = options.learning_rate * (1.0 - done as f32 / steps as f32);
                done += text.len() as u64;
                kept.clear();
                kept.extend(text.iter().filter(|&&row| {
                    let read = self.read[row as usize];
                    read >= 1.0 || draw.uniform() < read
                }));
                for at in 0..kept.len() {
                    let reach = 1 + draw.below(options.window.max(1) as u64) as usize;
                    let around = at.saturating_sub(reach)..(at + reach + 1).min(kept.len());
                    drawn.clear();
                    drawn
                        .extend((0..options.negatives).map(|_| self.strangers[draw.below(DRAWN_FROM as u64) as usize]));
                    for other in around.filter(|&other| other != at) {
                        self.step(kept[at], kept[other], &drawn, rate);
                    }
                }
            }
        }
        self.input
    }

    /// One word is to tell another from strangers.
    #[inline(always)]
    fn step(&mut self, word: u32, other: u32, strangers: &[u32], rate: f32) {
        let width = self.width;
        self.gradient.fill(0.0);
        let vector = &mut self.input[word as usize * width..][..width];
        let strangers = strangers.iter().filter(|&&stranger| stranger != other).map(|&stranger| (stranger, 0.0));
        for (target, wanted) in [(other, 1.0)].into_iter().chain(strangers) {
            let row = &mut self.output[target as usize * width..][..width];
            let by = rate * (wanted - math::sigmoid(dot(vector, row)));
            for ((w, g), x) in row.iter_mut().zip(&mut self.gradient).zip(vector.iter()) {
                *g += by * *w;
                *w += by * x;
            }
        }
        vector.iter_mut().zip(&self.gradient).for_each(|(x, g)| *x += g);
    }
}

/// The same steps in wider registers; no product is joined with a sum, so they give the same bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn learn_avx512(net: Net, texts: &[Vec<u32>], options: &VectorOptions) -> Vec<f32> {
    net.learn_with(texts, options)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn learn_avx2(net: Net, texts: &[Vec<u32>], options: &VectorOptions) -> Vec<f32> {
    net.learn_with(texts, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sentences of subjects: words 10·s + k belong to subject s, and 1000 stands everywhere.
    fn sentences() -> Vec<Vec<u32>> {
        let choose = Stream::new(3, "test", "sentences");
        let sentence = |i: u64| {
            let subject = (i % 5) as u32;
            let word = |k: u64| 10 * subject + choose.below(i, k, 10) as u32;
            (0..20).map(|k| if k % 4 == 3 { 1000 } else { word(k) }).collect()
        };
        (0..600).map(sentence).collect()
    }

    #[test]
    fn words_of_one_subject_are_near_and_an_average_is_of_it() {
        let texts = sentences();
        let options = VectorOptions { width: 4, ..VectorOptions::default() };
        let vectors = WordVectors::train(&texts, &options);
        assert_eq!((vectors.len(), vectors.width()), (51, 4));
        let near = |a: u32, b: u32| {
            let (a, b) = (vectors.of(a).unwrap(), vectors.of(b).unwrap());
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let mean = |words: std::ops::Range<u32>| words.clone().map(|k| near(0, k)).sum::<f32>() / words.len() as f32;
        assert!(mean(1..10) > 0.7 && mean(10..50) < 0.2, "{} {}", mean(1..10), mean(10..50));
        let average = |text: &[u32]| {
            let mut out = [0.0; 4];
            (vectors.average(text, &mut out), out)
        };
        let ((3, a), (3, b), (2, c)) = (average(&[1, 2, 1000]), average(&[3, 4, 1000]), average(&[31, 7777, 32]))
        else {
            panic!("the words that were seen have vectors");
        };
        assert!(dot(&a, &b) > 0.8 && dot(&a, &c) < 0.3 && (dot(&a, &a) - 1.0).abs() < 1e-5);
        assert_eq!(average(&[7777]), (0, [0.0; 4]));
        for &isa in isa::available() {
            assert_eq!(isa::with(isa, || WordVectors::train(&texts, &options)), vectors);
        }
    }

    #[test]
    fn nothing_to_learn_from_is_no_word() {
        for texts in [vec![], vec![vec![]], vec![vec![1, 2]]] {
            let vectors = WordVectors::train(&texts, &VectorOptions::default());
            assert!(vectors.is_empty());
            assert_eq!(vectors.average(&[1], &mut [0.0; 100]), 0);
        }
    }
}
