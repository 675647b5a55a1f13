//! Tags of what is asked: intentions, fields, conditions.
//!
//! Lu et al., "#InsTag: Instruction tagging for analyzing supervised fine-tuning of large language models", 2023. The prompt
//! is ours.

use super::example::Example;
use super::task::Task;
use crate::label::last_object;
use aquifer_client::{Ask, ClientError, Question};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How often tags that cannot be read are asked for.
const TRIES: u64 = 3;

/// The questions, for an estimate.
pub fn questions(examples: &[Example], model: &str) -> Vec<Question> {
    let task = task();
    examples.iter().map(|example| task.question(model, &[("instruction", &example.prompt())])).collect()
}

/// Writes `tags` into every example; those that fewer than `least` examples have are left out. Gives why examples have none,
/// and how many for each reason.
///
/// # Errors
/// Where no more questions can be asked.
pub fn tag(
    examples: &mut [Example],
    model: &str,
    least: usize,
    whom: &dyn Ask,
) -> Result<BTreeMap<String, usize>, ClientError> {
    let first = questions(examples, model);
    let mut found: Vec<Result<Vec<String>, String>> = vec![Err(String::new()); examples.len()];
    for attempt in 0..TRIES {
        let open: Vec<usize> = (0..found.len()).filter(|&at| found[at].is_err()).collect();
        if open.is_empty() {
            break;
        }
        let asked: Vec<Question> = open.iter().map(|&at| first[at].again(attempt)).collect();
        for (at, reply) in open.into_iter().zip(whom.ask("tagging", &asked)?) {
            found[at] = reply.complete().and_then(read);
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tag in found.iter().flatten().flatten() {
        *counts.entry(tag).or_default() += 1;
    }
    let mut failures = BTreeMap::new();
    for (example, tags) in examples.iter_mut().zip(&found) {
        match tags {
            Ok(tags) => {
                let kept: Vec<&String> = tags.iter().filter(|tag| counts[tag.as_str()] >= least).collect();
                example.extra.insert("tags".to_owned(), json!(kept));
            }
            Err(why) => *failures.entry(why.clone()).or_default() += 1,
        }
    }
    Ok(failures)
}

fn task() -> Task {
    Task::all(include_str!("tasks/tag.toml")).remove(0)
}

/// Tags in one spelling, each once, in their order.
fn read(said: &str) -> Result<Vec<String>, String> {
    let object = last_object(said, "tags").ok_or("no JSON object with `tags` in the answer")?;
    let list = object["tags"].as_array().ok_or("`tags` is no list")?;
    let mut tags = Vec::new();
    for tag in list.iter().filter_map(Value::as_str).map(plain) {
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// Lower case, single spaces, no punctuation.
fn plain(tag: &str) -> String {
    let plain: String =
        tag.to_lowercase().chars().map(|c| if c.is_alphanumeric() || c == '+' || c == '#' { c } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruct::read_text;
    use aquifer_client::{Answer, Reply};

    #[test]
    fn tags_are_read_in_one_spelling_and_rare_ones_go() {
        task().check(&["instruction"], &["instruction"]).unwrap();
        let rows: String = (0..6).map(|i| format!("{{\"instruction\": \"Ask {i}\", \"output\": \"x\"}}\n")).collect();
        let mut examples = read_text(rows.as_bytes(), "t", None).unwrap().examples;
        let model = |question: &Question| {
            Reply::Said(Answer::new(match question.prompt.contains("Ask 2") {
                true if question.seed < 2 => "Hm.".to_owned(),
                true => r#"{"tags": ["C++", "word-limit"]}"#.to_owned(),
                false if question.prompt.contains("Ask 4") => "Never.".to_owned(),
                false => r#"{"tags": ["Word limit", "word  limit", "Cooking."]}"#.to_owned(),
            }))
        };
        let failures = tag(&mut examples, "m", 2, &model).unwrap();
        assert_eq!(failures.into_values().collect::<Vec<_>>(), [1]);
        assert_eq!(examples[0].extra["tags"], json!(["word limit", "cooking"]));
        assert_eq!(examples[2].extra["tags"], json!(["word limit"]));
        assert!(!examples[4].extra.contains_key("tags"));
    }
}
