//! New instructions out of old ones: deeper, or beside them, each answered; what did not come out well is dropped.
//!
//! Xu et al., "WizardLM: Empowering large language models to follow complex instructions", 2023, section 3. The prompts and
//! the rules of elimination are ours.

use super::example::{Example, Role, Turn};
use super::lineage::step;
use super::task::Task;
use super::vectors::Vectors;
use aquifer_client::{Ask, ClientError, Question};
use aquifer_tensor::random::Stream;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How to evolve.
#[derive(Clone, Debug)]
pub struct EvolveOptions {
    /// The model's name.
    pub model: String,
    /// How often what came out is evolved further.
    pub rounds: usize,
    /// Chooses what is done to each.
    pub seed: u64,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Evolved {
    /// New examples, each with its lineage: round after round, in the order of their parents.
    pub examples: Vec<Example>,
    /// Why others were dropped, and how many for each reason.
    pub dropped: BTreeMap<String, usize>,
}

/// A question to evolve.
struct Parent {
    id: String,
    text: String,
    /// The fields that its children inherit: its lineage.
    extra: Map<String, Value>,
}

/// The questions of the first round, for an estimate: as many answers are asked for again, and all of it once a round.
pub fn questions(examples: &[Example], options: &EvolveOptions) -> Vec<Question> {
    let tasks = tasks();
    parents(examples).iter().map(|parent| ask(parent, &tasks, 0, options).1).collect()
}

/// Evolves single questions; conversations of several turns and questions with tools are passed over.
///
/// # Errors
/// Where no more questions can be asked.
pub fn evolve(examples: &[Example], options: &EvolveOptions, whom: &dyn Ask) -> Result<Evolved, ClientError> {
    let tasks = tasks();
    let answer = tasks.last().expect("the last task answers");
    let mut evolved = Evolved::default();
    let mut parents = parents(examples);
    for round in 0..options.rounds {
        let (chosen, asked): (Vec<usize>, Vec<Question>) =
            parents.iter().map(|parent| ask(parent, &tasks, round, options)).unzip();
        let mut new = Vec::new();
        for (at, reply) in whom.ask("evolving", &asked)?.iter().enumerate() {
            let said = reply.complete().map(|text| text.trim().trim_matches('~').trim());
            let parent = &parents[at];
            match said.and_then(|text| why_not(&parent.text, text).map_or(Ok(text), |why| Err(why.to_owned()))) {
                Ok(text) => {
                    let task = &tasks[chosen[at]];
                    let mut example = Example {
                        id: format!("{}+{}", parent.id, task.name),
                        turns: vec![Turn::new(Role::User, text)],
                        extra: parent.extra.clone(),
                        ..Example::default()
                    };
                    step(&mut example, &parent.id, task, &asked[at]);
                    new.push(example);
                }
                Err(why) => *evolved.dropped.entry(why).or_default() += 1,
            }
        }
        let to_answer =
            |example: &Example| answer.question(&options.model, &[("instruction", &example.turns[0].content)]);
        let asked: Vec<Question> = new.iter().map(to_answer).collect();
        parents.clear();
        for ((mut example, question), reply) in new.into_iter().zip(&asked).zip(whom.ask("answering", &asked)?) {
            let said = reply.complete().map(str::trim);
            match said.and_then(|said| declines(said).map_or(Ok(said), |why| Err(why.to_owned()))) {
                Ok(said) => {
                    let (id, text) = (example.id.clone(), example.turns[0].content.clone());
                    parents.push(Parent { id: id.clone(), text, extra: example.extra.clone() });
                    example.turns.push(Turn::new(Role::Assistant, said));
                    step(&mut example, &id, answer, question);
                    evolved.examples.push(example);
                }
                Err(why) => *evolved.dropped.entry(why).or_default() += 1,
            }
        }
    }
    Ok(evolved)
}

fn tasks() -> Vec<Task> {
    Task::all(include_str!("tasks/evolve.toml"))
}

/// Single questions.
fn parents(examples: &[Example]) -> Vec<Parent> {
    let single = |example: &&Example| match example.turns.as_slice() {
        [asked, ..] if example.turns.len() <= 2 => asked.role == Role::User && example.tools.is_empty(),
        _ => false,
    };
    let lineage = |example: &Example| example.extra.get("lineage").map(|steps| ("lineage".to_owned(), steps.clone()));
    let parent = |example: &Example| Parent {
        id: example.id.clone(),
        text: example.turns[0].content.clone(),
        extra: lineage(example).into_iter().collect(),
    };
    examples.iter().filter(single).map(parent).collect()
}

/// Which task a parent gets in a round, and its question: a function of seed, id and round alone.
fn ask(parent: &Parent, tasks: &[Task], round: usize, options: &EvolveOptions) -> (usize, Question) {
    let draw = Stream::new(options.seed, "evolve", &parent.id);
    let task = draw.below(round as u64, 0, tasks.len() as u64 - 1) as usize;
    (task, tasks[task].question(&options.model, &[("instruction", &parent.text)]))
}

/// Words that speak of the exercise as such: the model told about its work instead of doing it.
const TALK: [&str; 6] = [
    "new exercise",
    "rewritten exercise",
    "given exercise",
    "harder version",
    "the exercise above",
    "here is the exercise",
];

/// Why an evolved instruction is dropped.
fn why_not(parent: &str, text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let same = Vectors::of(&[parent.to_owned(), text.to_owned()]).nearness(0, 1) > 0.98;
    match () {
        () if text.chars().filter(|c| c.is_alphanumeric()).count() < 4 => Some("the new instruction says nothing"),
        () if same => Some("the new instruction is the old one"),
        () if text.chars().count() > 4 * parent.chars().count() + 1200 => Some("the new instruction is far too long"),
        () if TALK.iter().any(|words| lower.contains(words)) => Some("the new instruction speaks of itself"),
        () => declines(text),
    }
}

/// Beginnings of an answer that declines.
const DECLINES: [&str; 9] =
    ["i'm sorry", "i am sorry", "sorry,", "i cannot", "i can't", "as an ai", "i'm unable", "抱歉", "对不起"];

/// Why an answer is dropped.
fn declines(text: &str) -> Option<&'static str> {
    let start = text.to_lowercase();
    match () {
        () if text.is_empty() => Some("the answer is empty"),
        () if DECLINES.iter().any(|words| start.starts_with(words)) => Some("the model declined"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruct::read_text;
    use aquifer_client::{Answer, Reply};

    #[test]
    fn the_tasks_are_sound() {
        let tasks = tasks();
        assert_eq!((tasks.len(), tasks[5].name.as_str()), (6, "answer"));
        tasks.iter().for_each(|task| task.check(&["instruction"], &["instruction"]).unwrap());
    }

    #[test]
    fn two_rounds_leave_rows_with_their_whole_lineage() {
        let rows: String = (0..12)
            .map(|i| format!("{{\"id\": \"r{i}\", \"instruction\": \"Name number {i}.\", \"output\": \"x\"}}\n"))
            .collect();
        let set = read_text(rows.as_bytes(), "t", None).unwrap();
        let model = |question: &Question| {
            let evolves = question.system.as_deref().unwrap_or_default().contains("exercises");
            Reply::Said(Answer::new(match () {
                () if !evolves && question.prompt.contains("number 3") => "I'm sorry, no.".to_owned(),
                () if !evolves => format!("Answer to: {}", question.prompt),
                () if question.prompt.contains("number 5") => "Name number 5.".to_owned(),
                () if question.prompt.contains("number 7") => "Here is the new exercise: count.".to_owned(),
                () => {
                    let old = question.prompt.split("~~~~").nth(1).unwrap_or_default().trim();
                    format!("~~~~\n{old} Then explain carefully why.\n~~~~")
                }
            }))
        };
        let options = EvolveOptions { model: "m".into(), rounds: 2, seed: 1 };
        assert_eq!(questions(&set.examples, &options).len(), 12);
        let evolved = evolve(&set.examples, &options, &model).unwrap();
        assert_eq!(evolved.examples.len(), 18);
        let reasons: Vec<&str> = evolved.dropped.keys().map(String::as_str).collect();
        assert_eq!(
            reasons,
            ["the model declined", "the new instruction is the old one", "the new instruction speaks of itself"]
        );
        let last = evolved.examples.last().unwrap();
        let steps = last.extra["lineage"].as_array().unwrap();
        assert_eq!(steps.len(), 3);
        assert_eq!((&steps[0]["parent"], &steps[2]["operation"]), (&"r11".into(), &"answer".into()));
        assert!(last.turns[0].content.ends_with("why. Then explain carefully why."), "{last:?}");
        assert_eq!(evolve(&set.examples, &options, &model).unwrap().examples, evolved.examples);
    }
}
