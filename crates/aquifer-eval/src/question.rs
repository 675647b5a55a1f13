//! Questions with options, one JSON object a line.
//!
//! ```json
//! {"id": "q1", "question": "Where was Ada Birch born?", "options": ["Lund", "Oslo", "Bonn", "Brno"], "answer": 2, "kind": "born"}
//! ```
//! `answer` is the option's number, from 0, or its text. `id` and `kind` may be missing; other fields are left alone.

use crate::EvalError;
use aquifer_record::FileError;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// A question whose answer is one of its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name in reports.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// At least two, all different.
    pub options: Vec<String>,
    /// The right option's number.
    pub answer: usize,
    /// What sort of question it is, for the breakdown.
    pub kind: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Option<Value>,
    question: String,
    options: Vec<String>,
    answer: Value,
    #[serde(default)]
    kind: Option<String>,
}

/// Reads a task file. A line that is not a question is an error: scores over some of the questions mislead.
///
/// # Errors
/// [`EvalError::File`], [`EvalError::Question`] with the line and what is wrong, [`EvalError::Empty`].
pub fn read_questions(path: &Path) -> Result<Vec<Question>, EvalError> {
    let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
    let mut questions = Vec::new();
    for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let question = parse_question(text, line + 1);
        questions.push(question.map_err(|reason| EvalError::Question { path: path.into(), line: line + 1, reason })?);
    }
    if questions.is_empty() {
        return Err(EvalError::Empty(format!("`{}`", path.display())));
    }
    Ok(questions)
}

/// Reads one line; the error says what is wrong with it.
pub(crate) fn parse_question(text: &str, number: usize) -> Result<Question, String> {
    let line: Line = serde_json::from_str(text).map_err(|e| {
        format!(
            "{e}; a question is {{\"question\": \"…\", \"options\": [\"…\", \"…\"], \"answer\": 0, \"kind\": \"…\"}}"
        )
    })?;
    if line.options.len() < 2 {
        return Err(format!("a question needs two options or more, this has {}", line.options.len()));
    }
    if let Some(empty) = line.options.iter().position(String::is_empty) {
        return Err(format!("option {empty} is empty, so there is nothing to score"));
    }
    let twice = (1..line.options.len()).find(|&i| line.options[..i].contains(&line.options[i]));
    if let Some(i) = twice {
        return Err(format!("option {:?} is there twice", line.options[i]));
    }
    let answer = match &line.answer {
        Value::Number(n) => n.as_u64().map(|n| n as usize).filter(|&n| n < line.options.len()),
        Value::String(text) => line.options.iter().position(|option| option == text),
        _ => None,
    };
    let answer = answer.ok_or_else(|| {
        format!(
            "`answer` should be an option's number below {} or its text, but it is {}",
            line.options.len(),
            line.answer
        )
    })?;
    let id = match line.id {
        Some(Value::String(id)) => id,
        Some(other) if !other.is_null() => other.to_string(),
        _ => number.to_string(),
    };
    Ok(Question { id, question: line.question, options: line.options, answer, kind: line.kind.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_by_number_and_by_text() {
        let by_number = parse_question(r#"{"question":"1+1=","options":["2","3"],"answer":1}"#, 7).unwrap();
        assert_eq!((by_number.answer, by_number.id.as_str()), (1, "7"));
        let by_text =
            parse_question(r#"{"id":"x","question":"1+1=","options":["2","3"],"answer":"2","kind":"sum"}"#, 1).unwrap();
        assert_eq!((by_text.answer, by_text.kind.as_str()), (0, "sum"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("{", "EOF"),
            (r#"{"question":"q","options":["a","b"]}"#, "answer"),
            (r#"{"question":"q","options":["a"],"answer":0}"#, "two options"),
            (r#"{"question":"q","options":["a","a"],"answer":0}"#, "twice"),
            (r#"{"question":"q","options":["a",""],"answer":0}"#, "empty"),
            (r#"{"question":"q","options":["a","b"],"answer":2}"#, "below 2"),
            (r#"{"question":"q","options":["a","b"],"answer":"c"}"#, "\"c\""),
        ] {
            let reason = parse_question(line, 1).unwrap_err();
            assert!(reason.contains(said), "{line}: {reason}");
        }
    }
}
