//! Counting: a trie read left to right, one hash table a level. Nodes are numbered in order of appearance, and nothing
//! is read in a hash table's order, so equal texts give equal models.

use rustc_hash::FxHashMap;

/// A node of its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node(u32);

impl Node {
    /// The empty n-gram.
    pub(super) const ROOT: Node = Node(0);

    fn at(self) -> usize {
        self.0 as usize
    }
}

pub(super) struct Trie {
    /// `levels[k]` holds the n-grams of k + 1 tokens.
    pub(super) levels: Vec<Level>,
    /// `sums[k]`: of the n-grams of k tokens as contexts.
    sums: Vec<Vec<Sums>>,
    /// Stands before every sequence; no text contains it.
    pub(super) start: u32,
}

#[derive(Default)]
pub(super) struct Level {
    /// (node of the first k tokens, last token) → node.
    children: FxHashMap<u64, u32>,
    /// Occurrences.
    pub(super) count: Vec<u32>,
    /// Different tokens seen before it; equal to `count` on the longest level and at the start of sequences.
    before: Vec<u32>,
    /// Whether it begins with the start mark.
    starts: Vec<bool>,
}

/// What was seen after a context.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    /// Σ of adjusted counts.
    pub(super) total: u64,
    /// Continuations with adjusted count 1, 2, and 3 or more.
    pub(super) seen: [u32; 3],
}

fn key(parent: Node, token: u32) -> u64 {
    u64::from(parent.0) << 32 | u64::from(token)
}

impl Level {
    /// The node for (`parent`, `token`), and whether it is new.
    fn enter(&mut self, parent: Node, token: u32, starts: bool) -> (Node, bool) {
        let next = self.count.len() as u32;
        let node = *self.children.entry(key(parent, token)).or_insert(next);
        if node == next {
            self.count.push(0);
            self.before.push(0);
            self.starts.push(starts);
        }
        self.count[node as usize] += 1;
        (Node(node), node == next)
    }

    pub(super) fn adjusted(&self, node: Node) -> u64 {
        u64::from(self.before[node.at()])
    }

    /// D₁, D₂ and D₃₊ (equation 26). Texts too small for them to be sensible get ½, 1 and 1½.
    pub(super) fn discounts(&self) -> [f64; 3] {
        let mut n = [0_u64; 5];
        for &count in &self.before {
            n[(count as usize).min(4)] += u64::from(count <= 4);
        }
        let [_, n1, n2, n3, n4] = n.map(|n| n as f64);
        let y = n1 / (n1 + 2.0 * n2);
        let found = [1.0 - 2.0 * y * n2 / n1, 2.0 - 3.0 * y * n3 / n2, 3.0 - 4.0 * y * n4 / n3];
        let sensible = found.iter().zip(1..).all(|(&d, k)| d > 0.0 && d < f64::from(k));
        if sensible { found } else { [0.5, 1.0, 1.5] }
    }
}

impl Trie {
    pub(super) fn count<'a>(sequences: impl IntoIterator<Item = &'a [u32]>, start: u32, order: usize) -> Self {
        let mut levels: Vec<Level> = (0..order).map(|_| Level::default()).collect();
        // `ending[k]` is the n-gram of k tokens that ends at the current token.
        let mut ending: Vec<Node> = Vec::with_capacity(order + 1);
        let mut grown: Vec<Node> = Vec::with_capacity(order + 1);
        for sequence in sequences {
            ending.clear();
            ending.push(Node::ROOT);
            if order > 1 {
                ending.push(levels[0].enter(Node::ROOT, start, true).0);
            }
            for &token in sequence {
                assert!(token < start, "token id {token} is not in a vocabulary of {start}");
                grown.clear();
                grown.push(Node::ROOT);
                for (k, &context) in ending.iter().enumerate().take(order) {
                    let starts = k > 0 && levels[k - 1].starts[context.at()];
                    let (node, new) = levels[k].enter(context, token, starts);
                    // A new longer n-gram is a new token before its tail.
                    if new && k > 0 {
                        levels[k - 1].before[grown[k].at()] += 1;
                    }
                    grown.push(node);
                }
                std::mem::swap(&mut ending, &mut grown);
            }
        }
        let longest = order - 1;
        for (k, level) in levels.iter_mut().enumerate() {
            for node in 0..level.count.len() {
                if k == longest || level.starts[node] {
                    level.before[node] = level.count[node];
                }
            }
        }
        // The start mark itself is never predicted.
        if let Some(&node) = levels[0].children.get(&key(Node::ROOT, start)) {
            levels[0].before[node as usize] = 0;
        }
        let sums = Self::sum(&levels);
        Trie { levels, sums, start }
    }

    fn sum(levels: &[Level]) -> Vec<Vec<Sums>> {
        let contexts = std::iter::once(1).chain(levels.iter().map(|level| level.count.len()));
        let mut sums: Vec<Vec<Sums>> = contexts.take(levels.len()).map(|n| vec![Sums::default(); n]).collect();
        for (level, sums) in levels.iter().zip(&mut sums) {
            // Whole-number sums: the order in which the table is read does not show.
            for (&key, &node) in &level.children {
                let n = level.before[node as usize];
                if n > 0 {
                    let parent = &mut sums[(key >> 32) as usize];
                    parent.total += u64::from(n);
                    parent.seen[n.min(3) as usize - 1] += 1;
                }
            }
        }
        sums
    }

    /// The n-gram of k + 1 tokens that extends `context`, of k tokens, by `token`.
    pub(super) fn child(&self, k: usize, context: Node, token: u32) -> Option<Node> {
        self.levels[k].children.get(&key(context, token)).copied().map(Node)
    }

    pub(super) fn sums(&self, k: usize, context: Node) -> Sums {
        self.sums[k][context.at()]
    }
}
