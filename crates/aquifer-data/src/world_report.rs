//! The small world's truth, told in the words of the data report.

use crate::small_world::{Planted, PlantedScore, WorldCheck};
use aquifer_record::data::{self, Check};

/// Planted defects against what was caught; the last line counts clean documents that were lost.
pub fn planted(scores: &[PlantedScore]) -> Vec<data::Planted> {
    let name = |planted| match planted {
        Planted::Clean => "clean documents lost",
        Planted::ExactDuplicate => "exact duplicates",
        Planted::NearDuplicate => "near duplicates",
        Planted::Junk => "junk",
        Planted::Boilerplate => "boilerplate pages",
        Planted::BoilerplateLines => "boilerplate lines taken out",
        Planted::BrokenEncoding => "broken encodings repaired",
    };
    let mut scores: Vec<&PlantedScore> = scores.iter().collect();
    scores.sort_by_key(|score| score.planted == Planted::Clean);
    let row = |s: &&PlantedScore| data::Planted {
        kind: name(s.planted).to_owned(),
        planted: s.count as u64,
        caught: s.caught as u64,
    };
    scores.iter().map(row).collect()
}

/// The proofs about the held-out questions, as claims with their evidence.
pub fn checks(check: &WorldCheck) -> Vec<Check> {
    let clean = check.leaked_questions + check.unknown_wordings + check.leaked_pairs == 0;
    let claim = |claim: &str, holds: bool, evidence: String| Check { claim: claim.to_owned(), holds, evidence };
    vec![
        claim(
            "No held-out question occurs in the training text, in any wording or language; sums use pairs of numbers never seen together.",
            clean,
            format!(
                "{} held-out questions against {} question sentences: {} leaks, {} in an unlisted wording, {} leaked pairs",
                check.questions,
                check.trained_questions,
                check.leaked_questions,
                check.unknown_wordings,
                check.leaked_pairs
            ),
        ),
        claim(
            "The fact behind every question is told in prose at least five times, and questions of its form are trained on.",
            check.fewest_mentions >= 5 && check.kinds == check.kinds_trained,
            format!(
                "told {} times at least, {:.1} on average; {} of {} forms trained on",
                check.fewest_mentions, check.mean_mentions, check.kinds_trained, check.kinds
            ),
        ),
        claim(
            "The four options are of one kind and equally frequent: a guesser by frequency scores chance.",
            (check.unigram_accuracy - check.chance).abs() <= 4.0 * (0.1875 / check.questions.max(1) as f64).sqrt(),
            format!(
                "it scores {:.1} %, chance is {:.1} %; the most uneven four differ by a factor of {:.3}",
                100.0 * check.unigram_accuracy,
                100.0 * check.chance,
                check.worst_option_ratio
            ),
        ),
    ]
}
