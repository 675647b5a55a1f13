//! Where a generated row comes from, kept in its field `lineage`.

use super::example::Example;
use super::task::Task;
use aquifer_client::Question;
use serde_json::{Value, json};

/// Adds one step to an example's lineage: from which row, by what, of which model, asked how.
pub(super) fn step(example: &mut Example, parent: &str, task: &Task, question: &Question) {
    let step = json!({
        "parent": parent,
        "operation": task.name,
        "model": question.model,
        "prompt": task.hash(),
        "request": question.hash(),
    });
    let steps = example.extra.entry("lineage").or_insert_with(|| json!([]));
    match steps {
        Value::Array(steps) => steps.push(step),
        other => *other = json!([step]),
    }
}
