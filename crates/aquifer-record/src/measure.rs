//! The headline results of a run: what each is called and how its value is written, wherever it is shown.
//!
//! Training leaves the results of `TABLE`; an evaluation leaves one named `task, metric` for each of its scores.

use crate::eval::TaskScore;
use crate::figures;

/// How a value is written.
enum Form {
    Count,
    Time,
    Number,
}

/// The results that training leaves, in the order they are shown.
const TABLE: &[(&str, &str, Form)] = &[
    ("tokens", "tokens trained on", Form::Count),
    ("train_seconds", "time of training", Form::Time),
    ("whole_seconds", "time in all", Form::Time),
    ("train_loss", "training loss, nats a token", Form::Number),
    ("heldout_loss", "held-out loss, nats a token", Form::Number),
    ("heldout_bits_per_byte", "held-out bits per byte", Form::Number),
];

/// The words for a result.
pub fn label(name: &str) -> String {
    match (TABLE.iter().find(|row| row.0 == name), name.contains(", ")) {
        (Some((_, label, _)), _) => (*label).to_owned(),
        (None, true) => format!("evaluation: {name}"),
        (None, false) => name.replace('_', " "),
    }
}

/// The value of a result, with its unit where [`label`] does not name it.
pub fn value(name: &str, value: f64) -> String {
    match TABLE.iter().find(|row| row.0 == name).map(|row| &row.2) {
        Some(Form::Count) => figures::count(value.round() as u64),
        Some(Form::Time) => figures::seconds(value),
        Some(Form::Number) => format!("{value:.3}"),
        None => name.rsplit_once(", ").map_or_else(|| figures::number(value), |(_, metric)| score(metric, value)),
    }
}

/// Names of results in the order they are shown: what training left, then evaluations, then the rest.
pub fn ordered<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    let place = |name: &str| TABLE.iter().position(|row| row.0 == name).unwrap_or(TABLE.len());
    names.sort_by_key(|name| (place(name), !name.contains(", "), *name));
    names.dedup();
    names
}

/// The result that an evaluation's score becomes.
pub fn of_task(task: &TaskScore) -> String {
    format!("{}, {}", task.task, task.metric)
}

/// A score of `metric`: accuracies in per cent, the rest as a number.
pub fn score(metric: &str, value: f64) -> String {
    if is_share(metric) { figures::percent(value) } else { format!("{value:.3}") }
}

/// Accuracies of every kind are shares of the whole.
pub fn is_share(metric: &str) -> bool {
    metric.starts_with("accuracy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_has_one_name_and_one_form() {
        let shown = |name: &str, number: f64| format!("{}: {}", label(name), value(name, number));
        assert_eq!(shown("tokens", 558_728.0), "tokens trained on: 558,728");
        assert_eq!(shown("train_seconds", 200.2), "time of training: 3 min 20 s");
        assert_eq!(shown("heldout_bits_per_byte", 1.23456), "held-out bits per byte: 1.235");
        assert_eq!(shown("questions, accuracy", 0.845), "evaluation: questions, accuracy: 84.5 %");
        assert_eq!(shown("its_own", 12.0), "its own: 12");
    }

    #[test]
    fn results_stand_in_one_order() {
        let names = ["a_b", "heldout_loss", "x, accuracy", "tokens", "tokens"].map(str::to_owned);
        assert_eq!(ordered(&names), ["tokens", "heldout_loss", "x, accuracy", "a_b"]);
    }
}
