//! The data sections: the funnel, and what is known to be true about the documents.

use crate::html::{bar, escape, section, table};
use aquifer_record::DataReport;
use aquifer_record::data::{Size, Stage};
use aquifer_record::figures::{bytes, count, percent};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Documents and bytes stage by stage, with reasons and examples.
pub(crate) fn funnel(data: &DataReport) -> String {
    let widest = data.stages.iter().map(|s| s.input.bytes.max(s.output.bytes)).max().unwrap_or(1).max(1) as f64;
    let text = |size: Size| bar(size.bytes as f64 / widest, bytes(size.bytes));
    let row = |stage: &Stage| {
        let removed = stage.input.documents.saturating_sub(stage.output.documents);
        vec![
            escape(&stage.name),
            text(stage.output),
            count(stage.output.documents),
            with_reasons(&stage.name, removed, &stage.reasons),
            with_reasons(&stage.name, stage.repaired, &stage.repairs),
        ]
    };
    let begun = data.stages.first().map(|stage| {
        let size = stage.input;
        vec!["as it came".to_owned(), text(size), count(size.documents), String::new(), String::new()]
    });
    let rows: Vec<Vec<String>> = begun.into_iter().chain(data.stages.iter().map(row)).collect();
    let head = ["stage", "text that goes on", "documents", "removed", "repaired"];
    let mut content = table(&head, &[2], &rows);
    let splits: Vec<Vec<String>> = data
        .splits
        .iter()
        .map(|(name, size)| {
            vec![
                escape(if name == "heldout" { "held out" } else { name }),
                count(size.documents),
                bytes(size.bytes),
                some(size.tokens > 0, count(size.tokens)),
            ]
        })
        .collect();
    content += &table(&["split", "documents", "text", "tokens"], &[1, 2, 3], &splits);
    for stage in data.stages.iter().filter(|stage| !stage.examples.is_empty()) {
        let rows: Vec<Vec<String>> = stage
            .examples
            .iter()
            .map(|e| vec![format!("<code>{}</code>", escape(&e.id)), escape(&e.why), escape(&e.text)])
            .collect();
        let _ = writeln!(
            content,
            "<details><summary>Examples: {}</summary>{}</details>",
            escape(&stage.name),
            table(&["document", "why", "text"], &[], &rows)
        );
    }
    if data.skipped_total > 0 {
        let rows: Vec<Vec<String>> = data.skipped.iter().map(|s| vec![escape(&s.at), escape(&s.why)]).collect();
        let _ = writeln!(
            content,
            "<details{}><summary>{} inputs could not be read</summary>{}</details>",
            if rows.len() <= 8 { " open" } else { "" },
            count(data.skipped_total),
            table(&["where", "why"], &[], &rows)
        );
    }
    section("Data", &format!("From {}.", data.source), &content)
}

/// A figure, where there is one.
fn some(known: bool, figure: String) -> String {
    if known { figure } else { String::new() }
}

/// How many, and how many for which reason, where a reason says more than the name of the stage.
fn with_reasons(stage: &str, n: u64, reasons: &BTreeMap<String, u64>) -> String {
    if n == 0 {
        return String::new();
    }
    let telling = reasons.iter().filter(|(why, _)| *why != stage);
    let each: Vec<String> = telling.map(|(why, n)| format!("{} {}", count(*n), escape(why))).collect();
    match each.is_empty() {
        true => count(n),
        false => format!("{}<br><span class=\"why\">{}</span>", count(n), each.join("<br>")),
    }
}

/// Planted defects against what was caught, and the claims that were checked.
pub(crate) fn truth(data: &DataReport) -> String {
    let share = |caught: u64, planted: u64| if planted == 0 { 1.0 } else { caught as f64 / planted as f64 };
    let rows: Vec<Vec<String>> = data
        .planted
        .iter()
        .map(|p| {
            let found = share(p.caught, p.planted);
            vec![escape(&p.kind), count(p.planted), count(p.caught), bar(found, percent(found))]
        })
        .collect();
    let mut content = table(&["planted", "how many", "caught", ""], &[1, 2], &rows);
    let checks: Vec<Vec<String>> = data
        .checks
        .iter()
        .map(|check| {
            let verdict =
                if check.holds { "<span class=\"good\">holds</span>" } else { "<span class=\"bad\">fails</span>" };
            vec![verdict.into(), escape(&check.claim), escape(&check.evidence)]
        })
        .collect();
    content += &table(&["", "claim", "evidence"], &[], &checks);
    section(
        "Checked against the truth",
        "The built-in data knows what is wrong with it, so cleaning and evaluation can be scored.",
        &content,
    )
}
