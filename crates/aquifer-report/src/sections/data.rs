//! The data sections: the funnel, and what is known to be true about the documents.

use crate::html::{bar, bytes, count, escape, seconds, section, table};
use aquifer_record::DataReport;
use aquifer_record::data::Stage;
use std::fmt::Write;

/// Documents and bytes stage by stage, with reasons and examples.
pub(crate) fn funnel(data: &DataReport) -> String {
    let widest = data.stages.iter().map(|s| s.input.bytes.max(s.output.bytes)).max().unwrap_or(1).max(1) as f64;
    let row = |stage: &Stage| {
        let reasons: Vec<String> =
            stage.reasons.iter().map(|(why, n)| format!("{} {}", count(*n), escape(why))).collect();
        vec![
            escape(&stage.name),
            bar(stage.output.bytes as f64 / widest, bytes(stage.output.bytes)),
            count(stage.output.documents),
            count(stage.input.documents.saturating_sub(stage.output.documents)),
            reasons.join("<br>"),
            seconds(stage.seconds),
        ]
    };
    let rows: Vec<Vec<String>> = data.stages.iter().map(row).collect();
    let mut content = table(&["stage", "text that goes on", "documents", "removed", "why", "time"], &[2, 3, 5], &rows);
    let splits: Vec<Vec<String>> = data
        .splits
        .iter()
        .map(|(name, size)| vec![escape(name), count(size.documents), bytes(size.bytes), count(size.tokens)])
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
            "<details open><summary>{} inputs could not be read</summary>{}</details>",
            count(data.skipped_total),
            table(&["where", "why"], &[], &rows)
        );
    }
    section("Data", &format!("From {}.", data.source), &content)
}

/// Planted defects against what was caught, and the claims that were checked.
pub(crate) fn truth(data: &DataReport) -> String {
    let share = |caught: u64, planted: u64| if planted == 0 { 1.0 } else { caught as f64 / planted as f64 };
    let rows: Vec<Vec<String>> = data
        .planted
        .iter()
        .map(|p| {
            let found = share(p.caught, p.planted);
            vec![escape(&p.kind), count(p.planted), count(p.caught), bar(found, format!("{:.1} %", found * 100.0))]
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
