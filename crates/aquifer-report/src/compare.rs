//! The page that puts several runs beside each other.

use crate::html::{escape, page, section, table};
use crate::plot::{Curve, line_chart};
use aquifer_record::figures::count;
use aquifer_record::{Manifest, RunError, RunFolder, measure};

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
    let mut head = vec![""];
    let run_names: Vec<String> = runs.iter().map(RunFolder::name).collect();
    head.extend(run_names.iter().map(String::as_str));
    let numeric: Vec<usize> = (1..head.len()).collect();
    let row = |label: &str, cell: &dyn Fn(&Manifest) -> Option<String>| {
        let cells = manifests.iter().map(|manifest| cell(manifest).map_or("–".to_owned(), |text| escape(&text)));
        std::iter::once(escape(label)).chain(cells).collect::<Vec<String>>()
    };
    let results: Vec<Vec<String>> = measure::ordered(manifests.iter().flat_map(|m| m.results.keys()))
        .into_iter()
        .map(|name| row(&measure::label(name), &|m| m.results.get(name).map(|value| measure::value(name, *value))))
        .collect();
    let facts = [
        row("arithmetic", &|m| Some(m.precision.clone())),
        row("processor", &|m| Some(m.cpu.clone())),
        row("parameters", &|m| Some(count(m.parameters))),
        row("weights (sha256)", &|m| m.hashes.get("weights").map(|hash| hash.chars().take(12).collect())),
    ];
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
