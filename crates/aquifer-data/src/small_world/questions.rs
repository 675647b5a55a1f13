//! The held-out questions.

use super::WorldOptions;
use super::arithmetic::{self, Arithmetic};
use super::facts::{CHINESE, Facts};
use super::lexicon::ATTRIBUTES;
use aquifer_tensor::random::{Sequence, Stream};
use serde::{Deserialize, Serialize};

/// A question with four options, never asked in training in any wording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// `home-en-17`.
    pub id: String,
    /// `en` or `zh`.
    pub language: String,
    /// What it asks about: `home`, `trade`, …, or `arithmetic`.
    pub kind: String,
    /// The question, as a user would say it.
    pub question: String,
    /// The bare values, all of one kind.
    pub options: Vec<String>,
    /// Each option as a whole answer; only the value differs. Score these as the assistant's turn.
    pub completions: Vec<String>,
    /// Which one is right.
    pub answer: usize,
    /// Every statement of the fact that a training document may hold; none for arithmetic.
    pub statements: Vec<String>,
    /// Every wording of the question, in every language.
    pub wordings: Vec<String>,
    /// The operands, for arithmetic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operands: Option<(u32, u32)>,
}

const OPTIONS: usize = 4;

pub(super) fn ask(facts: &Facts, sums: &Arithmetic, options: &WorldOptions) -> Vec<Question> {
    let mut questions = Vec::new();
    for language in 0..2 {
        let code = ["en", "zh"][language];
        let mut draw = Stream::new(options.seed, "small world questions", code).sequence(0);
        for (i, fact) in facts.facts.iter().enumerate().filter(|(_, f)| f.held_out && facts.told_in(f, language)) {
            let attribute = &ATTRIBUTES[fact.attribute];
            let (values, answer) = options_of(fact.value, attribute.values.len(), &mut draw);
            let values: Vec<&str> = values.into_iter().map(|v| attribute.values[v][language]).collect();
            let languages = if facts.told_in(fact, CHINESE) { 0..2 } else { 0..1 };
            let wordings = languages.flat_map(|language| (0..4).map(move |w| facts.question(fact, language, w)));
            questions.push(Question {
                id: format!("{}-{code}-{i}", attribute.name),
                language: code.to_owned(),
                kind: attribute.name.to_owned(),
                question: facts.question(fact, language, i),
                completions: values.iter().map(|value| facts.state(fact, language, 0, value)).collect(),
                options: values.into_iter().map(str::to_owned).collect(),
                answer,
                statements: (0..8).map(|wording| facts.statement(fact, language, wording)).collect(),
                wordings: wordings.collect(),
                operands: None,
            });
        }
        for (i, &(a, b)) in sums.held_out.iter().enumerate() {
            let right =
                sums.trained.iter().position(|(sum, _)| *sum == a + b).expect("every held-out sum is also told");
            let (values, answer) = options_of(right, sums.trained.len(), &mut draw);
            let values: Vec<u32> = values.into_iter().map(|v| sums.trained[v].0).collect();
            questions.push(Question {
                id: format!("arithmetic-{code}-{i}"),
                language: code.to_owned(),
                kind: "arithmetic".to_owned(),
                question: arithmetic::ask(a, b, language, i),
                options: values.iter().map(|&sum| arithmetic::in_words(sum, language)).collect(),
                completions: values.iter().map(|&sum| arithmetic::state(a, b, sum, language)).collect(),
                answer,
                statements: Vec::new(),
                wordings: (0..4).map(|w| arithmetic::ask(a, b, w / 2, w)).collect(),
                operands: Some((a, b)),
            });
        }
    }
    questions
}

/// The right value and three others of the set, in any order, with the place of the right one.
fn options_of(right: usize, n: usize, draw: &mut Sequence) -> (Vec<usize>, usize) {
    let mut others: Vec<usize> = (0..n).filter(|&value| value != right).collect();
    draw.shuffle(&mut others);
    others.truncate(OPTIONS - 1);
    let answer = draw.below(OPTIONS as u64) as usize;
    others.insert(answer, right);
    (others, answer)
}
