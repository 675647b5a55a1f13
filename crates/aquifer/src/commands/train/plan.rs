//! What `aquifer train --dry-run` prints: the whole plan, to be read before anything is spent.

use crate::table::{facts, table};
use aquifer_record::Forecast;
use aquifer_record::figures::{bytes, count, seconds};
use aquifer_train::Told;

/// The plan as a table, and below it what the memory is for.
pub(super) fn in_words(told: &Told) -> String {
    let Told { recipe, model, forecast, .. } = told;
    let Forecast { seconds: time, memory_limit_bytes, .. } = forecast;
    let (batch, schedule) = (&recipe.batch, &recipe.schedule);
    let begun =
        recipe.init_from.as_ref().map_or_else(String::new, |from| format!(", going on from {}", from.display()));
    let shape = format!("{:?}", schedule.shape).to_lowercase();
    let passes = forecast.tokens as f64 / told.train_tokens.max(1) as f64;
    let rows = [
        ("run", recipe.name.clone()),
        (
            "model",
            format!(
                "{} layers, width {}, {} heads, feed-forward {}{begun}",
                model.num_hidden_layers, model.hidden_size, model.num_attention_heads, model.intermediate_size
            ),
        ),
        ("parameters", count(told.parameters)),
        ("vocabulary", format!("{} entries ({})", count(model.vocab_size as u64), recipe.tokenizer)),
        (
            "data",
            format!(
                "{}: {} tokens to train on, {} held out",
                if recipe.data.is_empty() { recipe.mixture.sources().join(", ") } else { recipe.data.clone() },
                count(told.train_tokens),
                count(told.heldout_tokens)
            ),
        ),
        ("a step", format!("{} sequences of {} tokens", count(batch.grains as u64), count(batch.sequence as u64))),
        ("steps", format!("{}, {shape}, learning rate up to {}", count(forecast.steps), schedule.peak_lr)),
        ("tokens", format!("{} (about {passes:.1} times through the data)", count(forecast.tokens))),
        ("arithmetic", format!("{}, seed {}", recipe.precision, recipe.seed)),
        ("memory", format!("{} of {} allowed", bytes(forecast.memory_bytes), bytes(*memory_limit_bytes))),
        ("time", format!("{} ({} to {})", seconds(time.expected), seconds(time.low), seconds(time.high))),
        ("", forecast.method.clone()),
    ];
    let parts: Vec<Vec<String>> =
        forecast.memory_parts.iter().map(|(what, n)| vec![format!("  {what}"), bytes(*n)]).collect();
    format!("{}memory for\n{}", facts(rows), table(None, &[1], &parts))
}
