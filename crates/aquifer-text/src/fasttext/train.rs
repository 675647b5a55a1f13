//! Training: stochastic gradient descent over the examples, one after the other.
//!
//! fastText lets threads overwrite each other; here there is one chain of steps, so the same examples, options and
//! seed give the same bits, whatever the number of threads.

use super::args::{Args, Loss};
use super::dictionary::{Dictionary, Entry};
use super::features::{text_rows, words};
use super::hash::hash;
use super::matrix::{Matrix, dot, sum_rows};
use super::output::{Output, softmax};
use super::{FastText, LABEL_PREFIX};
use crate::TextError;
use aquifer_ops::math;
use aquifer_record::{Bar, Stop};
use aquifer_tensor::random::Stream;
use rustc_hash::FxHashMap;

/// A text and what it is.
#[derive(Clone, Debug)]
pub struct Example<'a> {
    /// Without a prefix and without white space. Only [`Loss::OneVsAll`] learns several of them at once; otherwise one
    /// is drawn in every epoch.
    pub labels: Vec<&'a str>,
    /// Taken as one line.
    pub text: &'a str,
}

/// How to train; defaults are fastText's.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Numbers in a text's vector.
    pub dim: usize,
    /// How often each example is seen.
    pub epochs: usize,
    /// At the beginning; it falls to zero in a line.
    pub learning_rate: f32,
    /// Longest n-grams of words; 1 is words alone.
    pub word_ngrams: usize,
    /// Shortest and longest n-grams of characters; (0, 0) is none.
    pub char_ngrams: (usize, usize),
    /// Rows that all n-grams share.
    pub buckets: u32,
    /// Words seen less often are left out; their n-grams are not.
    pub min_count: i64,
    /// What the output layer learns.
    pub loss: Loss,
    /// Of the first weights, and of the order of the examples.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            dim: 100,
            epochs: 5,
            learning_rate: 0.1,
            word_ngrams: 1,
            char_ngrams: (0, 0),
            buckets: 2_000_000,
            min_count: 1,
            loss: Loss::Softmax,
            seed: 0,
        }
    }
}

impl FastText {
    /// Learns a classifier. `bar` advances by examples, once in every epoch.
    ///
    /// # Errors
    /// If there is no label or no word to learn, or the options cannot be; [`TextError::Stopped`] when asked to stop.
    pub fn train(examples: &[Example], options: &TrainOptions, bar: &dyn Bar, stop: &Stop) -> Result<Self, TextError> {
        let args = arguments(options)?;
        let dictionary = vocabulary(examples, options, args.bucket)?;
        let rows = dictionary.n_words + args.bucket as usize;
        let weights = Stream::new(options.seed, "fasttext", "input");
        let range = 1.0 / args.dim as f32;
        let data = (0..rows * args.dim).map(|i| (2.0 * weights.uniform(0, i as u64) - 1.0) * range).collect();
        let input = Matrix { data, dim: args.dim };
        let output = Matrix { data: vec![0.0; dictionary.labels.len() * args.dim], dim: args.dim };
        let output = Output::new(args.loss, output, &dictionary.label_counts).map_err(TextError::Learning)?;
        let mut model = FastText { args, dictionary, input, output };
        model.fit(examples, options.epochs, options.learning_rate, options.seed, bar, stop)?;
        Ok(model)
    }

    /// Goes on training: a pruned model recovers most of what it lost. Labels and words stay what they are.
    ///
    /// # Errors
    /// [`TextError::Stopped`] when asked to stop, which leaves the model between two examples.
    pub fn fit(
        &mut self,
        examples: &[Example],
        epochs: usize,
        learning_rate: f32,
        seed: u64,
        bar: &dyn Bar,
        stop: &Stop,
    ) -> Result<(), TextError> {
        let labels: Vec<Vec<u32>> = examples.iter().map(|example| self.label_ids(&example.labels)).collect();
        let order = Stream::new(seed, "fasttext", "order");
        let choice = Stream::new(seed, "fasttext", "label");
        let steps = (epochs * examples.len()) as f32;
        let mut step = Step::new(self);
        let mut done = 0;
        for epoch in 0..epochs {
            let mut shuffled: Vec<usize> = (0..examples.len()).collect();
            order.sequence(epoch as u64).shuffle(&mut shuffled);
            for &i in &shuffled {
                let rate = learning_rate * (1.0 - done as f32 / steps);
                done += 1;
                let drawn;
                let targets = match labels[i].len() {
                    0 => continue,
                    n if n > 1 && self.args.loss != Loss::OneVsAll => {
                        drawn = [labels[i][choice.below(epoch as u64, i as u64, n as u64) as usize]];
                        &drawn[..]
                    }
                    _ => &labels[i],
                };
                step.take(self, examples[i].text, targets, rate);
                if done % 256 == 0 {
                    bar.advance(256);
                    if stop.requested() {
                        return Err(TextError::Stopped);
                    }
                }
            }
        }
        bar.advance(done % 256);
        Ok(())
    }

    fn label_ids(&self, labels: &[&str]) -> Vec<u32> {
        let find = |label: &&str| {
            let name = format!("{LABEL_PREFIX}{label}");
            match self.dictionary.find(name.as_bytes(), hash(name.as_bytes())) {
                Some(Entry::Label(id)) => Some(id),
                _ => None,
            }
        };
        labels.iter().filter_map(find).collect()
    }
}

fn arguments(options: &TrainOptions) -> Result<Args, TextError> {
    let (minn, maxn) = options.char_ngrams;
    let sound = options.dim > 0 && options.word_ngrams <= 64 && maxn <= 64 && minn <= maxn;
    let ngrams = maxn > 0 || options.word_ngrams > 1;
    if !sound || (ngrams && options.buckets == 0) || options.loss == Loss::NegativeSampling {
        return Err(TextError::Learning(format!("these options cannot be: {options:?}")));
    }
    Ok(Args {
        dim: options.dim,
        word_ngrams: options.word_ngrams.max(1),
        loss: options.loss,
        bucket: if ngrams { options.buckets } else { 0 },
        minn,
        maxn,
        rest: [5, options.epochs as i32, options.min_count as i32, 5, 100],
        sampling: 1e-4,
    })
}

/// Words and labels, the most frequent first, of equals the lower bytes.
fn vocabulary(examples: &[Example], options: &TrainOptions, bucket: u32) -> Result<Dictionary, TextError> {
    let (mut seen_words, mut seen_labels) = (FxHashMap::<&[u8], i64>::default(), FxHashMap::<&str, i64>::default());
    let mut n_tokens = 0;
    for example in examples {
        for &label in &example.labels {
            if label.is_empty() || label.contains(|c: char| c.is_whitespace() || c == '\0') {
                return Err(TextError::Learning(format!("the label `{label}` has white space in it, or is empty")));
            }
            *seen_labels.entry(label).or_default() += 1;
        }
        n_tokens += example.labels.len() as i64;
        for (word, _) in words(example.text.as_bytes()) {
            n_tokens += 1;
            if !word.starts_with(LABEL_PREFIX.as_bytes()) {
                *seen_words.entry(word).or_default() += 1;
            }
        }
    }
    let words = seen_words.into_iter().filter(|&(_, count)| count >= options.min_count);
    let words = sorted(words.map(|(word, count)| (word.to_vec(), count)));
    let labels = sorted(seen_labels.into_iter().map(|(label, n)| (format!("{LABEL_PREFIX}{label}").into_bytes(), n)));
    if labels.is_empty() {
        return Err(TextError::Learning("no example has a label".into()));
    }
    Ok(Dictionary::new(&words, &labels, n_tokens, bucket))
}

fn sorted(entries: impl Iterator<Item = (Vec<u8>, i64)>) -> Vec<(Vec<u8>, i64)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    entries
}

/// One step of descent, with the memory it needs.
struct Step {
    rows: Vec<u32>,
    hidden: Vec<f32>,
    gradient: Vec<f32>,
    /// For each label the nodes from its parent to the root, and whether it lies to the right there.
    paths: Vec<Vec<(u32, bool)>>,
}

impl Step {
    fn new(model: &FastText) -> Self {
        let (dim, n_labels) = (model.args.dim, model.dictionary.labels.len());
        let mut parents = vec![None; n_labels + model.output.tree.len()];
        for (i, node) in model.output.tree.iter().enumerate() {
            parents[node.left as usize] = Some((i as u32, false));
            parents[node.right as usize] = Some((i as u32, true));
        }
        let up = |&(node, _): &(u32, bool)| parents[n_labels + node as usize];
        let path = |label: usize| std::iter::successors(parents[label], up).collect();
        let paths = if model.output.tree.is_empty() { Vec::new() } else { (0..n_labels).map(path).collect() };
        Step { rows: Vec::new(), hidden: vec![0.0; dim], gradient: vec![0.0; dim], paths }
    }

    fn take(&mut self, model: &mut FastText, text: &str, targets: &[u32], rate: f32) {
        text_rows(&model.args, &model.dictionary, text.as_bytes(), &mut self.rows);
        if self.rows.is_empty() {
            return;
        }
        let share = 1.0 / self.rows.len() as f32;
        sum_rows(&model.input, &self.rows, &mut self.hidden);
        self.hidden.iter_mut().for_each(|x| *x *= share);
        self.gradient.fill(0.0);
        let Output { matrix, loss, .. } = &mut model.output;
        let n_labels = model.dictionary.labels.len();
        match loss {
            Loss::Softmax => {
                let mut scores: Vec<f32> = (0..n_labels).map(|i| dot(matrix.row(i), &self.hidden)).collect();
                softmax(&mut scores);
                for (i, p) in scores.into_iter().enumerate() {
                    let wanted = if targets.contains(&(i as u32)) { 1.0 } else { 0.0 };
                    self.descend(matrix, i, rate * (wanted - p));
                }
            }
            Loss::HierarchicalSoftmax => {
                let path = std::mem::take(&mut self.paths[targets[0] as usize]);
                for &(node, right) in &path {
                    self.decide(matrix, node as usize, right, rate);
                }
                self.paths[targets[0] as usize] = path;
            }
            _ => (0..n_labels).for_each(|i| self.decide(matrix, i, targets.contains(&(i as u32)), rate)),
        }
        for &row in &self.rows {
            let start = row as usize * model.args.dim;
            for (x, g) in model.input.data[start..][..model.args.dim].iter_mut().zip(&self.gradient) {
                *x += g * share;
            }
        }
    }

    /// One logistic decision.
    fn decide(&mut self, matrix: &mut Matrix, row: usize, wanted: bool, rate: f32) {
        let p = math::sigmoid(dot(matrix.row(row), &self.hidden));
        self.descend(matrix, row, rate * (f32::from(u8::from(wanted)) - p));
    }

    fn descend(&mut self, matrix: &mut Matrix, row: usize, by: f32) {
        let row = &mut matrix.data[row * self.hidden.len()..][..self.hidden.len()];
        for ((w, g), h) in row.iter_mut().zip(&mut self.gradient).zip(&self.hidden) {
            *g += by * *w;
            *w += by * h;
        }
    }
}
