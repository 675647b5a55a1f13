//! Counting n-grams of words: a tree that is walked from the last word backwards.

use rustc_hash::FxHashMap;

/// The words every model has, by their numbers.
pub(super) const UNKNOWN: u32 = 0;
pub(super) const BEGIN: u32 = 1;
pub(super) const END: u32 = 2;

/// All n-grams of a text up to some length.
pub(super) struct Counts {
    pub(super) words: Vec<String>,
    numbers: FxHashMap<String, u32>,
    /// N-grams of one word first; there a node is the number of its word.
    pub(super) levels: Vec<Level>,
    /// The numbers of the sentence at hand.
    sentence: Vec<u32>,
}

/// N-grams of one length.
#[derive(Default)]
pub(super) struct Level {
    /// The n-gram without its first word.
    pub(super) parent: Vec<u32>,
    /// Its first word.
    first: Vec<u32>,
    /// The n-gram without its last word.
    pub(super) context: Vec<u32>,
    pub(super) count: Vec<u64>,
    /// By parent and first word.
    nodes: FxHashMap<(u32, u32), u32>,
}

impl Counts {
    pub(super) fn new(order: usize) -> Self {
        let mut counts = Counts {
            words: Vec::new(),
            numbers: FxHashMap::default(),
            levels: (0..order).map(|_| Level::default()).collect(),
            sentence: Vec::new(),
        };
        for special in ["<unk>", "<s>", "</s>"] {
            counts.number(special);
        }
        counts
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let number = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), number);
        self.levels[0].count.push(0);
        number
    }

    /// Counts a sentence from `<s>` to `</s>`.
    pub(super) fn add(&mut self, sentence: &str) {
        let mut numbers = std::mem::take(&mut self.sentence);
        numbers.clear();
        numbers.push(BEGIN);
        for word in sentence.split(['\0', '\t', '\n', '\r', ' ']).filter(|word| !word.is_empty()) {
            let number = self.number(word);
            if number > END {
                numbers.push(number);
            }
        }
        numbers.push(END);
        for last in 1..numbers.len() {
            let mut node = numbers[last];
            self.levels[0].count[node as usize] += 1;
            for (length, &first) in (2..=self.levels.len()).zip(numbers[..last].iter().rev()) {
                node = self.step(length, node, first);
                self.levels[length - 1].count[node as usize] += 1;
            }
        }
        self.sentence = numbers;
    }

    /// The n-gram of `length` words that is `first` before `parent`.
    fn step(&mut self, length: usize, parent: u32, first: u32) -> u32 {
        if let Some(&node) = self.levels[length - 1].nodes.get(&(parent, first)) {
            return node;
        }
        // Without its last word it was counted when that word was not read yet.
        let context = match length {
            2 => first,
            _ => {
                let before = &self.levels[length - 2];
                before.nodes[&(before.context[parent as usize], first)]
            }
        };
        let level = &mut self.levels[length - 1];
        let node = level.count.len() as u32;
        level.parent.push(parent);
        level.first.push(first);
        level.context.push(context);
        level.count.push(0);
        level.nodes.insert((parent, first), node);
        node
    }

    /// How many different words stand before each n-gram; for the longest, and those that begin a sentence, how often
    /// they were seen.
    pub(super) fn adjusted(&self, length: usize) -> Vec<u64> {
        let level = &self.levels[length - 1];
        let Some(longer) = self.levels.get(length) else { return level.count.clone() };
        let mut adjusted = vec![0; level.count.len()];
        longer.parent.iter().for_each(|&parent| adjusted[parent as usize] += 1);
        for (i, &first) in level.first.iter().enumerate() {
            if first == BEGIN {
                adjusted[i] = level.count[i];
            }
        }
        adjusted
    }

    /// Appends the words of an n-gram.
    pub(super) fn spell(&self, length: usize, node: usize, out: &mut Vec<u32>) {
        let mut node = node as u32;
        for level in self.levels[1..length].iter().rev() {
            out.push(level.first[node as usize]);
            node = level.parent[node as usize];
        }
        out.push(node);
    }
}
