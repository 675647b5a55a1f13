//! The proof that the held-out questions are fair, against the very documents that are trained on.

use super::{Question, World, arithmetic};
use aquifer_corpus::Document;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The three proofs, with what they counted and, where one fails, the first pieces of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldCheck {
    /// Held-out questions looked at.
    pub questions: usize,
    /// Question sentences found in the training documents.
    pub trained_questions: usize,
    /// Of these, how many ask a held-out question in any wording. Must be 0.
    pub leaked_questions: usize,
    /// Question sentences about somebody in a wording that is not in the list, so that nothing can be said. Must be 0.
    pub unknown_wordings: usize,
    /// Held-out operand pairs that occur together in either order and any language. Must be 0.
    pub leaked_pairs: usize,
    /// Kinds of question that are held out, and of these how many are also trained on about other entities.
    pub kinds: usize,
    /// See `kinds`; must be equal.
    pub kinds_trained: usize,
    /// How often the fact behind a question is stated in prose: the smallest number. Must be at least 5.
    pub fewest_mentions: usize,
    /// The same, on average.
    pub mean_mentions: f64,
    /// The largest of (most frequent option) / (least frequent option) over all questions.
    pub worst_option_ratio: f64,
    /// Accuracy of a guesser that takes the option most frequent in training, ties shared.
    pub unigram_accuracy: f64,
    /// One over the number of options.
    pub chance: f64,
    /// Whether everything above is as it must be.
    pub passed: bool,
    /// What is not, in words; the first ten.
    pub evidence: Vec<String>,
}

/// Checks `world`'s questions against `training`, the documents as they go into training (after cleaning).
pub fn check(world: &World, training: &[Document]) -> WorldCheck {
    let mut evidence = Vec::new();
    let leaks = leaks(world, training, &mut evidence);
    let (fewest_mentions, mean_mentions) = mentions(&world.questions, training, &mut evidence);
    let (worst_option_ratio, unigram_accuracy) = guess_by_frequency(&world.questions, training);
    let n = world.questions.len();
    let chance = 0.25;
    // Four standard errors of a guesser at chance.
    let tolerance = 4.0 * (chance * (1.0 - chance) / n.max(1) as f64).sqrt();
    let fair = (unigram_accuracy - chance).abs() <= tolerance;
    if !fair {
        evidence.push(format!("guessing the most frequent option scores {unigram_accuracy:.3}, chance is {chance}"));
    }
    let passed = evidence.is_empty() && n > 0;
    evidence.truncate(10);
    WorldCheck {
        questions: n,
        fewest_mentions,
        mean_mentions,
        worst_option_ratio,
        unigram_accuracy,
        chance,
        passed,
        evidence,
        ..leaks
    }
}

/// Every question sentence of the training documents is looked up among all wordings of all questions that could be
/// asked about the world; one about a held-out fact is a leak, one that mentions somebody but is not in the list is
/// counted too, because it might be.
fn leaks(world: &World, training: &[Document], evidence: &mut Vec<String>) -> WorldCheck {
    let held_out: BTreeSet<&str> = world.questions.iter().flat_map(|q| q.wordings.iter().map(String::as_str)).collect();
    let pairs: BTreeSet<(u32, u32)> =
        world.questions.iter().filter_map(|q| q.operands).flat_map(|(a, b)| [(a, b), (b, a)]).collect();
    let kinds: BTreeSet<&str> = world.questions.iter().map(|q| q.kind.as_str()).collect();
    let mut kinds_trained = BTreeSet::new();
    let (mut trained, mut leaked, mut unknown, mut leaked_pairs) = (0, 0, 0, 0);
    for document in training {
        for pair in arithmetic::pairs_in(&document.text).into_iter().filter(|pair| pairs.contains(pair)) {
            leaked_pairs += 1;
            evidence.push(format!("`{}` tells the held-out sum of {} and {}", document.id, pair.0, pair.1));
        }
        for sentence in document.text.split_inclusive(['?', '？', '.', '。', '!', '！', '\n', '”']) {
            if !sentence.ends_with(['?', '？']) {
                continue;
            }
            let asked = sentence.trim().trim_start_matches("Question: ").trim_start_matches("问：");
            trained += 1;
            if held_out.contains(asked) {
                leaked += 1;
                evidence.push(format!("`{}` asks the held-out question: {asked}", document.id));
            } else if let Some(kind) = world.wordings.get(asked) {
                kinds_trained.insert(kind.as_str());
            } else if !arithmetic::pairs_in(asked).is_empty() {
                kinds_trained.insert("arithmetic");
            } else if world.names.iter().any(|name| asked.contains(name.as_str())) {
                unknown += 1;
                evidence.push(format!("`{}` asks in a wording that is not listed: {asked}", document.id));
            }
        }
    }
    let both = kinds.iter().filter(|kind| kinds_trained.contains(*kind)).count();
    if both < kinds.len() {
        let missing: Vec<_> = kinds.iter().filter(|kind| !kinds_trained.contains(*kind)).collect();
        evidence.push(format!("no question of these kinds is trained on: {missing:?}"));
    }
    WorldCheck {
        questions: 0,
        trained_questions: trained,
        leaked_questions: leaked,
        unknown_wordings: unknown,
        leaked_pairs,
        kinds: kinds.len(),
        kinds_trained: both,
        fewest_mentions: 0,
        mean_mentions: 0.0,
        worst_option_ratio: 0.0,
        unigram_accuracy: 0.0,
        chance: 0.0,
        passed: false,
        evidence: Vec::new(),
    }
}

/// How often each held-out fact is stated, word for word in one of its statements, outside dialogues.
fn mentions(questions: &[Question], training: &[Document], evidence: &mut Vec<String>) -> (usize, f64) {
    let mut count: BTreeMap<&str, usize> =
        questions.iter().flat_map(|q| q.statements.iter().map(|s| (s.as_str(), 0))).collect();
    for document in training.iter().filter(|document| !document.metadata.contains_key("messages")) {
        for sentence in document.text.split_inclusive(['.', '。', '\n']) {
            if let Some(count) = count.get_mut(sentence.trim_start_matches('”').trim()) {
                *count += 1;
            }
        }
    }
    let (mut fewest, mut sum, mut n) = (usize::MAX, 0, 0);
    for question in questions.iter().filter(|q| !q.statements.is_empty()) {
        let told: usize = question.statements.iter().map(|s| count[s.as_str()]).sum();
        if told < 5 {
            evidence.push(format!("the fact behind `{}` is told only {told} times", question.id));
        }
        (fewest, sum, n) = (fewest.min(told), sum + told, n + 1);
    }
    (if n == 0 { 0 } else { fewest }, sum as f64 / f64::from(n.max(1)))
}

/// Counts every option in all training text; returns the worst ratio within a question and the guesser's accuracy.
fn guess_by_frequency(questions: &[Question], training: &[Document]) -> (f64, f64) {
    let options: BTreeSet<&str> = questions.iter().flat_map(|q| q.options.iter().map(String::as_str)).collect();
    let (chinese, english): (Vec<&str>, Vec<&str>) = options.into_iter().partition(|o| !o.is_ascii());
    let mut count: BTreeMap<&str, usize> = chinese.iter().chain(&english).map(|&o| (o, 0)).collect();
    for document in training {
        for word in document.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
            if let Some(count) = count.get_mut(word) {
                *count += 1;
            }
        }
        if !document.text.is_ascii() {
            for &option in &chinese {
                *count.get_mut(option).expect("all options are in it") += document.text.matches(option).count();
            }
        }
    }
    let (mut worst, mut score) = (1.0_f64, 0.0);
    for question in questions {
        let counts: Vec<usize> = question.options.iter().map(|o| count[o.as_str()]).collect();
        let (most, least) = (counts.iter().max().copied().unwrap_or(0), counts.iter().min().copied().unwrap_or(0));
        worst = worst.max(most as f64 / least.max(1) as f64);
        if counts[question.answer] == most {
            score += 1.0 / counts.iter().filter(|&&c| c == most).count() as f64;
        }
    }
    (worst, score / questions.len().max(1) as f64)
}
