//! The output layer: from a text's vector to probabilities.

use super::args::Loss;
use super::best::Best;
use super::matrix::{Matrix, dot};
use aquifer_ops::math;

/// A label and how probable it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction<'m> {
    /// Without its prefix.
    pub label: &'m str,
    /// Between 0 and 1, but for fastText's 1e-5 (see [`FastText::predict`](super::FastText::predict)).
    pub probability: f32,
}

/// The weights of the labels, or of the inner nodes of their tree.
pub(super) struct Output {
    pub(super) matrix: Matrix,
    pub(super) loss: Loss,
    /// Of the hierarchical softmax; else empty.
    pub(super) tree: Vec<Node>,
    n_labels: usize,
}

/// An inner node of the tree of labels: its children, leaves first by number.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) left: u32,
    pub(super) right: u32,
}

impl Output {
    pub(super) fn new(loss: Loss, matrix: Matrix, label_counts: &[i64]) -> Result<Self, String> {
        let n_labels = label_counts.len();
        if matrix.rows() < n_labels {
            return Err(format!("its output matrix has {} rows for {n_labels} labels", matrix.rows()));
        }
        let tree = if loss == Loss::HierarchicalSoftmax { huffman(label_counts) } else { Vec::new() };
        Ok(Output { matrix, loss, tree, n_labels })
    }

    /// The best `k` labels at `threshold` or above with their probabilities, best first.
    pub(super) fn predict(&self, hidden: &[f32], k: usize, threshold: f32) -> Vec<(usize, f32)> {
        let mut best = Best::new(k);
        match self.loss {
            Loss::HierarchicalSoftmax => self.descend(hidden, threshold, &mut best),
            _ => {
                for (label, p) in self.probabilities(hidden).into_iter().enumerate() {
                    // NaN, of damaged weights, is not at or above anything. A logarithm is costly, so what is clearly
                    // below the worst of the best has none taken.
                    if p >= threshold && !best.worst().is_some_and(|(_, worst)| (p + 1e-5) < (worst + 1e-5) * 0.9999) {
                        best.offer((label, p), std_log(p));
                    }
                }
            }
        }
        best.sorted().into_iter().map(|((label, _), log)| (label, math::exp(log))).collect()
    }

    /// Of every label, for all losses but the hierarchical one.
    pub(super) fn probabilities(&self, hidden: &[f32]) -> Vec<f32> {
        let mut scores: Vec<f32> = (0..self.n_labels).map(|label| dot(self.matrix.row(label), hidden)).collect();
        match self.loss {
            Loss::Softmax => softmax(&mut scores),
            _ => scores.iter_mut().for_each(|x| *x = table_sigmoid(*x)),
        }
        scores
    }

    /// Depth first, left before right, leaving out what can no longer be among the best.
    fn descend(&self, hidden: &[f32], threshold: f32, best: &mut Best<(usize, f32)>) {
        let n_leaves = self.n_labels;
        let floor = std_log(threshold);
        let mut open = vec![(n_leaves + self.tree.len() - 1, 0f32)];
        while let Some((node, score)) = open.pop() {
            if score.is_nan() || score < floor || best.is_below(score) {
                continue;
            }
            if node < n_leaves {
                best.offer((node, score), score);
                continue;
            }
            let inner = node - n_leaves;
            let f = math::sigmoid(dot(self.matrix.row(inner), hidden));
            let Node { left, right } = self.tree[inner];
            open.push((right as usize, score + std_log(f)));
            open.push((left as usize, score + std_log(1.0 - f)));
        }
    }
}

/// fastText's logarithm of a probability.
fn std_log(p: f32) -> f32 {
    math::f64::ln(f64::from(p) + 1e-5) as f32
}

pub(super) fn softmax(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|x| *x -= max);
    math::exp_slice(scores);
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|x| *x /= sum);
}

/// fastText looks the logistic function up in a table of 512 steps over ±8; so do its probabilities.
pub(super) fn table_sigmoid(x: f32) -> f32 {
    if x < -8.0 {
        0.0
    } else if x > 8.0 {
        1.0
    } else {
        let step = ((x + 8.0) * 512.0 / 8.0 / 2.0) as i32;
        math::sigmoid((step * 16) as f32 / 512.0 - 8.0)
    }
}

/// Joins the two rarest nodes again and again; labels come most frequent first. The order of ties is fastText's.
fn huffman(label_counts: &[i64]) -> Vec<Node> {
    let n = label_counts.len();
    let mut counts = label_counts.to_vec();
    let mut tree = Vec::with_capacity(n.saturating_sub(1));
    let (mut leaves_left, mut inner) = (n, n);
    for _ in 1..n {
        let mut rarest = || {
            // An inner node that is not made yet is more frequent than any leaf.
            let inner_count = counts.get(inner).copied().unwrap_or(i64::MAX);
            if leaves_left > 0 && counts[leaves_left - 1] < inner_count {
                leaves_left -= 1;
                leaves_left as u32
            } else {
                inner += 1;
                inner as u32 - 1
            }
        };
        let node = Node { left: rarest(), right: rarest() };
        counts.push(counts[node.left as usize].saturating_add(counts[node.right as usize]));
        tree.push(node);
    }
    tree
}
