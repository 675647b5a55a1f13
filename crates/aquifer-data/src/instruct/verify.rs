//! Draft, check, correct: answers examined by a model, and written anew where a fault was found.

use super::example::{Example, Turn};
use super::lineage::step;
use super::task::Task;
use crate::label::last_object;
use aquifer_client::{Ask, ClientError, Question};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What became of the answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// For each example whether its answer, as it now is, was found correct; nothing where no verdict could be had.
    pub correct: Vec<Option<bool>>,
    /// How many answers were written anew.
    pub rewritten: usize,
    /// Why there is no verdict, and how often.
    pub failures: BTreeMap<String, usize>,
}

/// The questions of the first round, for an estimate.
pub fn questions(examples: &[Example], model: &str) -> Vec<Question> {
    let [verify, _] = tasks();
    examples.iter().filter_map(|example| ask(example, &verify, model, "")).collect()
}

/// Examines every answer; one with a fault is written anew, and examined again, up to `corrections` times. Writes `verified`
/// and, for an answer that was changed, the steps of its lineage into the example.
///
/// # Errors
/// Where no more questions can be asked.
pub fn verify(
    examples: &mut [Example],
    model: &str,
    corrections: usize,
    whom: &dyn Ask,
) -> Result<Verified, ClientError> {
    let [verify, correct] = tasks();
    let mut verified = Verified { correct: vec![None; examples.len()], ..Verified::default() };
    let mut open: Vec<usize> = (0..examples.len()).filter(|&at| examples[at].answer().is_some()).collect();
    for round in 0..=corrections {
        let asked: Vec<Question> = open.iter().filter_map(|&at| ask(&examples[at], &verify, model, "")).collect();
        let mut faults = Vec::new();
        for (&at, reply) in open.iter().zip(whom.ask("examining", &asked)?) {
            match reply.complete().and_then(read) {
                Ok((true, _)) => verified.correct[at] = Some(true),
                Ok((false, fault)) => {
                    verified.correct[at] = Some(false);
                    faults.push((at, fault));
                }
                Err(why) => {
                    verified.correct[at] = None;
                    *verified.failures.entry(why).or_default() += 1;
                }
            }
        }
        if round == corrections || faults.is_empty() {
            break;
        }
        let asked: Vec<Question> =
            faults.iter().filter_map(|(at, fault)| ask(&examples[*at], &correct, model, fault)).collect();
        open.clear();
        for (((at, _), question), reply) in faults.iter().zip(&asked).zip(whom.ask("correcting", &asked)?) {
            match reply.complete().map(str::trim) {
                Ok(said) if !said.is_empty() => {
                    let parent = examples[*at].id.clone();
                    if let Some(answer) = examples[*at].answer_mut() {
                        *answer = Turn::new(answer.role, said);
                    }
                    step(&mut examples[*at], &parent, &correct, question);
                    verified.rewritten += 1;
                    open.push(*at);
                }
                Ok(_) => *verified.failures.entry("the corrected answer is empty".to_owned()).or_default() += 1,
                Err(why) => *verified.failures.entry(why).or_default() += 1,
            }
        }
    }
    for (example, correct) in examples.iter_mut().zip(&verified.correct) {
        if let Some(correct) = correct {
            example.extra.insert("verified".to_owned(), json!(correct));
        }
    }
    Ok(verified)
}

fn tasks() -> [Task; 2] {
    let tasks: [Task; 2] = Task::all(include_str!("tasks/verify.toml")).try_into().expect("our file has two tasks");
    tasks
}

fn ask(example: &Example, task: &Task, model: &str, fault: &str) -> Option<Question> {
    let (prompt, answer) = (example.prompt(), example.answer()?);
    Some(task.question(model, &[("instruction", &prompt), ("answer", &answer.content), ("fault", fault)]))
}

fn read(said: &str) -> Result<(bool, String), String> {
    let object = last_object(said, "correct").ok_or("no JSON object with `correct` in the answer")?;
    let correct = object["correct"].as_bool().ok_or("`correct` is neither true nor false")?;
    let fault = object.get("fault").and_then(Value::as_str).unwrap_or("it is not correct").to_owned();
    Ok((correct, fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruct::read_text;
    use aquifer_client::{Answer, Reply};

    #[test]
    fn faults_are_corrected_and_examined_again() {
        let [verify_task, correct_task] = tasks();
        verify_task.check(&["instruction", "answer"], &["instruction", "answer"]).unwrap();
        correct_task.check(&["instruction", "answer", "fault"], &["instruction", "answer", "fault"]).unwrap();
        let rows: String = ["4", "5", "6", "none"]
            .map(|said| format!("{{\"id\": \"{said}\", \"instruction\": \"2 + 2?\", \"output\": \"{said}\"}}\n"))
            .concat();
        let mut examples = read_text(rows.as_bytes(), "t", None).unwrap().examples;
        let model = |question: &Question| {
            let examines = question.prompt.contains("was answered");
            let said = question.prompt.split("~~~~").nth(if examines { 3 } else { 1 }).unwrap_or_default().trim();
            Reply::Said(Answer::new(match (examines, said) {
                (true, "4") => r#"{"fault": "", "correct": true}"#,
                (true, "none") => "I do not know.",
                (true, _) => r#"{"fault": "wrong sum", "correct": false}"#,
                (false, "5") => "4",
                (false, _) => "7",
            }))
        };
        assert_eq!(questions(&examples, "m").len(), 4);
        let verified = verify(&mut examples, "m", 2, &model).unwrap();
        assert_eq!(verified.correct, [Some(true), Some(true), Some(false), None]);
        assert_eq!((verified.rewritten, verified.failures.len()), (3, 1));
        assert_eq!((examples[1].turns[1].content.as_str(), &examples[1].extra["verified"]), ("4", &json!(true)));
        assert_eq!(examples[2].extra["lineage"].as_array().map(Vec::len), Some(2));
        assert!(!examples[0].extra.contains_key("lineage"));
    }
}
