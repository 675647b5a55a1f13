//! The page about a run of a data pipeline.

use crate::html::{bar, escape, page, section, table};
use crate::plot::histogram;
use crate::sections;
use aquifer_record::DataReport;
use aquifer_record::data::{ColumnReport, Example};
use aquifer_record::figures::{bytes, count, percent};
use std::fmt::Write;

/// Draws the page: the funnel, every value with its bounds, and documents that stayed beside documents that went.
pub fn data_report(name: &str, data: &DataReport, recipe: &str) -> String {
    let mut body = header(name, data);
    body += &sections::data::funnel(data);
    body += &columns(&data.columns);
    body += &labels(&data.columns);
    body += &side_by_side(data);
    let recipe = format!("<pre><code>{}</code></pre>", escape(recipe));
    body += &section("Recipe", "As it was run, all that was left out written down.", &recipe);
    body += &format!("<footer>Drawn by Aquifer {}.</footer>\n", env!("CARGO_PKG_VERSION"));
    page(&format!("{name} · Aquifer data"), &body)
}

fn header(name: &str, data: &DataReport) -> String {
    let came = data.stages.first().map(|stage| stage.input).unwrap_or_default();
    let stays = data.splits.get("documents").copied().unwrap_or_default();
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let tiles = [
        (count(came.documents), "documents came"),
        (count(stays.documents), "stay"),
        (percent(share(stays.documents, came.documents)), "of the documents"),
        (bytes(stays.bytes), "of text stay"),
        (percent(share(stays.bytes, came.bytes)), "of the text as it came"),
    ];
    let tiles: String = tiles
        .iter()
        .map(|(value, what)| format!("<div class=\"tile\"><b>{value}</b><span>{what}</span></div>"))
        .collect();
    format!(
        "<h1>{}</h1>\n<p class=\"sub\">{}</p>\n<div class=\"tiles\" style=\"--per-row:5\">{tiles}</div>\n",
        escape(name),
        escape(&data.source)
    )
}

/// A histogram for every column of numbers.
fn columns(columns: &[ColumnReport]) -> String {
    let mut content = String::new();
    for column in columns {
        let Some(bars) = &column.histogram else { continue };
        let _ = writeln!(
            content,
            "<figure><div class=\"plot\">{}</div><figcaption>{}; {}</figcaption></figure>",
            histogram(&column.name, bars, [column.at_least, column.at_most]),
            escape(&column.about),
            escape(&column.bound)
        );
    }
    let content = if content.is_empty() { content } else { format!("<div class=\"figures\">{content}</div>\n") };
    let how = "Documents by value: blue stayed in this step, orange went, for this value or another. Black lines are bounds. \
               A document that was dropped has no values behind that point, unless the recipe measures all.";
    section("What was measured", how, &content)
}

fn labels(columns: &[ColumnReport]) -> String {
    let mut content = String::new();
    for column in columns.iter().filter(|column| !column.labels.is_empty()) {
        let mut names: Vec<(&String, [u64; 2])> = column.labels.iter().map(|(name, counts)| (name, *counts)).collect();
        names.sort_by_key(|(_, [stayed, went])| std::cmp::Reverse(stayed + went));
        let most = names.first().map_or(1, |(_, [stayed, went])| stayed + went) as f64;
        let rows: Vec<Vec<String>> = names
            .iter()
            .take(40)
            .map(|(name, [stayed, went])| {
                vec![
                    escape(name),
                    bar((stayed + went) as f64 / most, count(stayed + went)),
                    count(*stayed),
                    count(*went),
                ]
            })
            .collect();
        let _ = write!(
            content,
            "<h3>{}</h3><p class=\"soft\">{}</p>{}",
            escape(&column.name),
            escape(&column.about),
            table(&["", "documents", "stayed", "went"], &[2, 3], &rows)
        );
    }
    section("Names", "", &content)
}

/// Documents that stayed beside documents that went.
fn side_by_side(data: &DataReport) -> String {
    let shown = |example: &Example| {
        let why = if example.why.is_empty() { String::new() } else { format!(" · {}", escape(&example.why)) };
        format!(
            "<p class=\"soft\"><code>{}</code>{why}</p><div class=\"said\">{}</div>",
            escape(&example.id),
            escape(&example.text)
        )
    };
    let stay: String = data.kept.iter().map(shown).collect();
    // One for each reason first, so that the column tells of all of them.
    let went = data.stages.iter().flat_map(|stage| {
        let mut told: Vec<&str> = Vec::new();
        stage.examples.iter().filter(move |example| {
            let reason = example.why.split(' ').next().unwrap_or_default();
            let new = !told.contains(&reason) && !stage.repairs.contains_key(&example.why);
            told.push(reason);
            new
        })
    });
    let went: String = went.take(12).map(shown).collect();
    if stay.is_empty() && went.is_empty() {
        return String::new();
    }
    let content =
        format!("<div class=\"beside\"><div><h3>Stayed</h3>{stay}</div><div><h3>Went</h3>{went}</div></div>\n");
    section("Stayed and went", "The beginnings of a few documents, chosen by a hash of their ids.", &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_record::data::{Histogram, Size, Stage};

    #[test]
    fn the_page_shows_bounds_and_reasons_and_hostile_text_stays_text() {
        let example = |why: &str| Example { id: "<i>".into(), why: why.into(), text: "<script>".into() };
        let stage = Stage {
            name: "noise".into(),
            input: Size { documents: 3, bytes: 30, tokens: 0 },
            examples: vec![example("noise.letters is 0.1"), example("noise.letters is 0.2")],
            ..Stage::default()
        };
        let bars = Histogram { logarithmic: true, edges: vec![1.0, 10.0, 100.0], stayed: vec![1, 0], went: vec![1, 1] };
        let column = ColumnReport {
            name: "noise.letters".into(),
            at_least: Some(5.0),
            histogram: Some(bars),
            labels: [("en".to_owned(), [2, 1])].into(),
            ..ColumnReport::default()
        };
        let data =
            DataReport { stages: vec![stage], columns: vec![column], kept: vec![example("")], ..DataReport::default() };
        let page = data_report("<b>", &data, "[[stage]]");
        assert!(page.contains("<svg") && page.contains("letters is 0.1") && page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script>") && !page.contains("<h1><b>"));
        assert!(data_report("empty", &DataReport::default(), "").contains("<h1>empty"));
    }
}
