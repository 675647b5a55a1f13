//! Dialogues to learn answers from: whether the turns follow each other, every question has an answer, and no answer is empty,
//! given before, or an excuse. A document that is no dialogue has no values.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options};
use aquifer_corpus::Message;
use std::collections::HashSet;
use std::ops::{ControlFlow, Range};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Dialogue {
    /// How answers begin that are excuses, in small letters.
    excuses: Vec<String>,
}

impl Default for Dialogue {
    fn default() -> Self {
        let excuses = [
            "as an ai",
            "as a language model",
            "as a large language model",
            "i am an ai",
            "i'm an ai",
            "i'm sorry, but",
            "i am sorry, but",
            "i cannot assist",
            "i can't assist",
            "抱歉，我",
            "对不起，我",
            "很抱歉，我",
            "作为一个ai",
            "作为一个人工智能",
            "作为人工智能",
            "作为一个语言模型",
            "我是一个ai",
            "我是一个人工智能",
        ];
        Dialogue { excuses: excuses.map(str::to_owned).to_vec() }
    }
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<Dialogue>(table)?))
}

const TURNS: usize = 0;
const OUT_OF_TURN: usize = 1;
const UNANSWERED: usize = 2;
const EMPTY: usize = 3;
const REPEATED_ANSWERS: usize = 4;
const EXCUSES: usize = 5;
const LONGEST_TURN: usize = 6;

impl Rule for Dialogue {
    fn columns(&self) -> Vec<Column> {
        let none = |name, about| Column::new(name, about, Bound::at_most(0.0));
        vec![
            Column::new("turns", "turns beside the system's", Bound::between(2.0, 200.0)),
            none("out_of_turn", "turns of the wrong side: two questions in a row, or a system's behind the first"),
            none("unanswered", "1 if it does not end in an answer"),
            none("empty", "turns in which nothing is said"),
            none("repeated_answers", "answers that were given before"),
            none("excuses", "answers that begin like a model's excuse"),
            Column::new("longest_turn", "characters of the longest turn", Bound::at_most(50_000.0)),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let Some(turns) = page.document().messages() else { return ControlFlow::Continue(()) };
        let answers = || turns.iter().filter(|turn| turn.role == "assistant").map(|turn| turn.content.trim());
        ask.number(TURNS, turns.iter().filter(|turn| turn.role != "system").count() as f64)?;
        ask.number(OUT_OF_TURN, out_of_turn(&turns) as f64)?;
        ask.number(UNANSWERED, f64::from(turns.last().is_none_or(|turn| turn.role != "assistant")))?;
        ask.number(EMPTY, turns.iter().filter(|turn| turn.content.trim().is_empty()).count() as f64)?;
        let mut given = HashSet::new();
        ask.number(REPEATED_ANSWERS, answers().filter(|answer| !given.insert(*answer)).count() as f64)?;
        ask.number(EXCUSES, answers().filter(|answer| self.is_excuse(answer)).count() as f64)?;
        let longest = turns.iter().map(|turn| turn.content.chars().count()).max().unwrap_or(0);
        ask.number(LONGEST_TURN, longest as f64)
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        if column != EXCUSES {
            return Vec::new();
        }
        let (text, mut at, mut found) = (page.text(), 0, Vec::new());
        for turn in page.document().messages().unwrap_or_default() {
            let answer = turn.content.trim();
            // Turns stand in the text one behind the other.
            let Some(start) = text[at..].find(answer).map(|start| at + start) else { continue };
            at = start + answer.len();
            if turn.role == "assistant" && self.is_excuse(answer) {
                found.push(start..at);
            }
        }
        found
    }
}

impl Dialogue {
    fn is_excuse(&self, answer: &str) -> bool {
        let beginning: String = answer.chars().take(40).flat_map(char::to_lowercase).collect();
        self.excuses.iter().any(|excuse| beginning.replace('’', "'").starts_with(excuse.as_str()))
    }
}

/// Turns that do not follow the one before: a question opens, an answer follows a question or what a tool returned, and a tool
/// returns something to an answer.
fn out_of_turn(turns: &[Message]) -> usize {
    let mut before = "";
    let mut out = 0;
    for (at, turn) in turns.iter().enumerate() {
        let fits = match turn.role.as_str() {
            "system" => at == 0,
            "user" => matches!(before, "" | "system" | "assistant"),
            "assistant" => matches!(before, "user" | "tool"),
            "tool" => matches!(before, "assistant" | "tool"),
            _ => false,
        };
        out += usize::from(!fits);
        before = turn.role.as_str();
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::rules::{Page, Stage};
    use aquifer_corpus::{Document, Message};

    #[test]
    fn each_kind_of_bad_dialogue_names_its_column() {
        let stage = Stage::build(toml::toml! { rule = "dialogue" }).unwrap();
        let verdict = |turns: &[(&str, &str)]| {
            let turns: Vec<Message> = turns.iter().map(|(role, said)| Message::new(*role, *said)).collect();
            let document = Document::dialogue("d", &turns);
            let page = Page::new(&document);
            let shown: Vec<String> =
                stage.spans(&page, super::EXCUSES).into_iter().map(|s| document.text[s].to_owned()).collect();
            (stage.ask(&page, false).verdict.map_or_else(String::new, |b| b.column.replace("dialogue.", "")), shown)
        };
        let column = |turns: &[(&str, &str)]| verdict(turns).0;
        assert_eq!(column(&[("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")]), "");
        assert_eq!(column(&[("user", "1+1"), ("assistant", "add"), ("tool", "2"), ("assistant", "2")]), "");
        assert_eq!(column(&[("user", "Hi")]), "turns");
        assert_eq!(column(&[("user", "Hi"), ("user", "Hi?"), ("assistant", "Hello.")]), "out_of_turn");
        assert_eq!(column(&[("user", "Hi"), ("assistant", "Hello."), ("user", "And?")]), "unanswered");
        assert_eq!(column(&[("user", "Hi"), ("assistant", " \n")]), "empty");
        let twice = [("user", "a"), ("assistant", "Yes."), ("user", "b"), ("assistant", "Yes. ")];
        assert_eq!(column(&twice), "repeated_answers");
        let (name, shown) = verdict(&[("user", "As an AI?"), ("assistant", "As an AI language model, no.")]);
        assert_eq!((name.as_str(), shown), ("excuses", vec!["As an AI language model, no.".to_owned()]));
        assert_eq!(column(&[("user", "你好"), ("assistant", "作为一个AI语言模型，我……")]), "excuses");
        let document = Document::new("d", "no dialogue");
        assert!(stage.ask(&Page::new(&document), true).values.iter().all(Option::is_none));
    }
}
