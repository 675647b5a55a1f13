//! Two sets of records, measurement by measurement.

use super::PerfSet;
use super::tables::{named, shape, value};
use crate::html::{bar, escape, section, table};
use aquifer_record::PerfRecord;
use aquifer_record::perf::Key;
use std::collections::BTreeMap;

/// How much faster `main` is, over everything both sets measured; and what only one of them did.
pub(super) fn sections(main: PerfSet, other: PerfSet) -> String {
    let theirs: BTreeMap<Key, &PerfRecord> = other.records.iter().map(|r| (key(r), r)).collect();
    let mut pairs: Vec<(&PerfRecord, &PerfRecord, [f64; 3])> = main
        .records
        .iter()
        .filter_map(|ours| {
            let theirs = *theirs.get(&key(ours))?;
            Some((ours, theirs, ratio(ours, theirs)?))
        })
        .collect();
    pairs.sort_by(|a, b| b.2[0].total_cmp(&a.2[0]));
    let mean = |suite: &str| {
        let logs: Vec<f64> = pairs.iter().filter(|p| p.0.suite == suite).map(|p| p.2[0].ln()).collect();
        (logs.len(), (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp())
    };
    let mut suites: Vec<&str> = pairs.iter().map(|p| p.0.suite.as_str()).collect();
    suites.sort_unstable();
    suites.dedup();
    let summary: Vec<Vec<String>> = suites
        .into_iter()
        .map(|suite| {
            let (n, mean) = mean(suite);
            vec![escape(suite), n.to_string(), format!("{mean:.2} ×")]
        })
        .collect();
    let row = |(ours, theirs, [middle, low, high]): &(&PerfRecord, &PerfRecord, [f64; 3])| {
        let class = match (*low > 1.0, *high < 1.0) {
            (true, _) => "good",
            (_, true) => "bad",
            _ => "soft",
        };
        // The middle of the track is equal speed, its ends are half and twice.
        let share = 0.5 + 0.5 * middle.log2().clamp(-1.0, 1.0);
        let state = ours.state.map_or("", |state| state.name());
        vec![
            format!("{} <span class=\"soft\">{state}</span>", named(ours)),
            ours.level.clone().filter(|_| ours.suite == "device").unwrap_or_else(|| shape(ours)),
            value(ours, ours.median),
            value(theirs, theirs.median),
            format!("<span class=\"n {class}\">{}</span>", bar(share, format!("{middle:.2} ×"))),
            format!("{low:.2} to {high:.2}"),
        ]
    };
    let rows: Vec<Vec<String>> = pairs.iter().map(row).collect();
    let head = ["", "", main.name, other.name, "faster", "95 %"];
    let only = |set: PerfSet, rest: PerfSet| {
        let known: Vec<Key> = rest.records.iter().map(key).collect();
        let alone: Vec<String> =
            set.records.iter().filter(|r| !known.contains(&key(r))).map(|r| escape(&r.name)).collect();
        let mut names = alone;
        names.sort();
        names.dedup();
        let left = names.len().saturating_sub(40);
        names.truncate(40);
        let more = if left > 0 { format!(" and {left} more") } else { String::new() };
        (!names.is_empty()).then(|| vec![escape(set.name), names.join(", ") + &more])
    };
    let alone: Vec<Vec<String>> = [only(main, other), only(other, main)].into_iter().flatten().collect();
    section(
        "Comparison",
        &format!(
            "How many times faster {} is than {}: geometric means. A ratio is coloured where its 95 % interval leaves \
             out 1; the bar's middle is equal speed, its ends half and twice.",
            main.name, other.name
        ),
        &(table(&["suite", "measurements", "faster"], &[1, 2], &summary) + &table(&head, &[1, 2, 3, 5], &rows)),
    ) + &section("Measured in one only", "These names are not in both sets.", &table(&["", "names"], &[], &alone))
}

/// What makes two records the same measurement; threads too, where the machine itself is measured.
fn key(record: &PerfRecord) -> Key {
    let threads = record.threads.filter(|_| record.suite == "device");
    let mut key = record.key();
    key.shape.extend(threads);
    if record.suite == "device" {
        key.name += record.isa.as_deref().filter(|_| record.dtype.is_some()).unwrap_or("");
    }
    key
}

/// Their time over ours, with an interval: the two records are independent, so the squares of their relative widths
/// add up. Nothing where either is zero.
fn ratio(ours: &PerfRecord, theirs: &PerfRecord) -> Option<[f64; 3]> {
    let speed = if ours.more_is_better() { ours.median / theirs.median } else { theirs.median / ours.median };
    let width = |r: &PerfRecord| match (r.low, r.high) {
        (Some(low), Some(high)) if low > 0.0 => 0.5 * (high / low).ln(),
        _ => 0.0,
    };
    let half = width(ours).hypot(width(theirs));
    (speed.is_finite() && speed > 0.0).then(|| [speed, speed * (-half).exp(), speed * half.exp()])
}
