//! The page that puts several runs beside each other.

use crate::html::{escape, page, section, table};
use crate::plot::{Curve, line_chart};
use aquifer_record::{RunError, RunFolder};
use std::collections::BTreeSet;

/// Loss curves in one chart, headline results and differing settings in one table.
///
/// # Errors
/// If a manifest is missing or damaged.
pub fn compare_report(runs: &[RunFolder]) -> Result<String, RunError> {
    let manifests = runs.iter().map(RunFolder::manifest).collect::<Result<Vec<_>, _>>()?;
    let curves: Vec<Curve> = runs
        .iter()
        .map(|run| {
            let lines = run.metrics().unwrap_or_default();
            let points = lines.iter().filter_map(|line| Some((line.tokens as f64, line.loss?))).collect();
            Curve { label: run.name(), points, dots: false }
        })
        .collect();
    let chart = line_chart("tokens", "training loss, nats a token", &curves);
    let names: BTreeSet<&String> = manifests.iter().flat_map(|m| m.results.keys()).collect();
    let mut head = vec![""];
    let run_names: Vec<String> = runs.iter().map(RunFolder::name).collect();
    head.extend(run_names.iter().map(String::as_str));
    let numeric: Vec<usize> = (1..head.len()).collect();
    let cell = |value: Option<&f64>| value.map_or("–".to_owned(), |v| format!("{v:.4}"));
    let results: Vec<Vec<String>> = names
        .into_iter()
        .map(|name| std::iter::once(escape(name)).chain(manifests.iter().map(|m| cell(m.results.get(name)))).collect())
        .collect();
    let facts: Vec<Vec<String>> = [("precision", 0), ("processor", 1), ("parameters", 2), ("weights", 3)]
        .into_iter()
        .map(|(label, which)| {
            let value = |m: &aquifer_record::Manifest| match which {
                0 => escape(&m.precision),
                1 => escape(&m.cpu),
                2 => crate::html::count(m.parameters),
                _ => escape(&m.hashes.get("weights").map_or("–".into(), |h| h.chars().take(12).collect::<String>())),
            };
            std::iter::once(label.to_owned()).chain(manifests.iter().map(value)).collect()
        })
        .collect();
    let body = format!("<h1>{}</h1>\n", escape(&run_names.join(" · ")))
        + &section(
            "Loss",
            "Against tokens, so that runs with other batch sizes compare.",
            &format!("<div class=\"plot\">{chart}</div>\n"),
        )
        + &section("Results", "", &table(&head, &numeric, &results))
        + &section("Made of", "Equal weights hashes are equal bits.", &table(&head, &numeric, &facts));
    Ok(page("Runs compared · Aquifer", &body))
}
