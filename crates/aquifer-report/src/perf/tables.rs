//! Tables of records, one kind each.

use crate::html::{bar, escape, table};
use aquifer_record::PerfRecord;
use aquifer_record::figures::{count, duration, extents, rate};
use aquifer_record::perf::{Roof, State};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Chips, versions and dates in one line.
pub(super) fn measured_on(records: &[PerfRecord]) -> String {
    if records.is_empty() {
        return "<p class=\"sub\">There are no records here.</p>\n".into();
    }
    let all = |of: &dyn Fn(&PerfRecord) -> Option<String>| -> Vec<String> {
        let found: BTreeSet<String> = records.iter().filter_map(of).collect();
        found.into_iter().collect()
    };
    let mut chips = all(&|r| Some(r.chip.clone()));
    let more = chips.len().saturating_sub(3);
    chips.truncate(3);
    let mut said = chips.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
    for version in all(&|r| r.versions.get("aquifer").map(|v| format!("aquifer {v}"))) {
        let _ = write!(said, " · {version}");
    }
    let dates = all(&|r| r.created.as_ref().map(|at| at.chars().take(10).collect()));
    if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
        let _ = write!(said, " · {first}{}", if first == last { String::new() } else { format!(" to {last}") });
    }
    format!("<p class=\"sub\">{} · {} records</p>\n", escape(&said), count(records.len() as u64))
}

/// The peaks in large print.
pub(super) fn tiles(roof: &Roof, records: &[PerfRecord]) -> String {
    let mut tiles = String::new();
    let mut tile = |value: String, label: &str| {
        let _ = writeln!(tiles, "<div class=\"tile\"><b>{value}</b><span>{}</span></div>", escape(label));
    };
    for (dtype, flops) in &roof.arithmetic {
        tile(rate(*flops, "FLOP/s"), &format!("{dtype} arithmetic"));
    }
    for level in ["L1", "L2", "L3", "DRAM"] {
        if let Some(speed) = roof.bandwidth.get(&(level.to_owned(), "read".to_owned())) {
            tile(rate(*speed, "B/s"), &format!("read from {level}"));
        }
    }
    let waking = records.iter().rfind(|r| r.suite == "device" && r.unit == "s");
    if let Some(record) = waking {
        tile(duration(record.median), &record.name);
    }
    if tiles.is_empty() { tiles } else { format!("<div class=\"tiles\">\n{tiles}</div>\n") }
}

pub(super) fn device(records: &[&PerfRecord]) -> String {
    let row = |r: &&PerfRecord| {
        let what = match (&r.dtype, &r.level) {
            (Some(dtype), _) => format!("{dtype} by {}", r.isa.as_deref().unwrap_or("–")),
            (_, Some(level)) => format!("{} {level}", r.name),
            _ => r.name.clone(),
        };
        let threads = r.threads.map_or("–".to_owned(), |n| n.to_string());
        vec![escape(&what), threads, value(r, r.best.unwrap_or(r.median)), value(r, r.median), interval(r)]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    table(&["", "threads", "best", "median", "95 %"], &[1, 2, 3, 4], &rows)
}

pub(super) fn operators(records: &[&PerfRecord]) -> String {
    let cold: BTreeMap<_, _> =
        records.iter().filter(|r| r.state == Some(State::Cold)).map(|r| (place(r), r.median)).collect();
    let row = |r: &&PerfRecord| {
        let bytes = r.read_bytes.unwrap_or(0) + r.written_bytes.unwrap_or(0);
        let speed = match r.flops.filter(|_| r.limit != r.level) {
            Some(flops) => rate(flops / r.median, "FLOP/s"),
            None => rate(bytes as f64 / r.median, "B/s"),
        };
        let error = match (r.error, r.error_budget) {
            (Some(error), Some(budget)) if error > budget => format!("<span class=\"bad\">{error:.0e}</span>"),
            (Some(0.0), _) => "0".into(),
            (Some(error), _) => format!("{error:.0e}"),
            _ => "–".into(),
        };
        vec![
            named(r),
            shape(r),
            format!("{} <span class=\"soft\">{}</span>", duration(r.median), spread(r)),
            cold.get(&place(r)).map_or("–".into(), |s| duration(*s)),
            speed,
            share(r),
            error,
        ]
    };
    let rows: Vec<_> = records.iter().filter(|r| r.state != Some(State::Cold)).map(row).collect();
    table(&["operator", "shape", "warm", "cold", "speed", "of peak", "error"], &[1, 2, 3, 4, 6], &rows)
}

pub(super) fn models(records: &[&PerfRecord]) -> String {
    let row = |r: &&PerfRecord| {
        let mut parts: Vec<(f64, &str)> = r
            .facts
            .iter()
            .filter_map(|(name, share)| Some((share.parse().ok()?, name.strip_prefix("share of ")?)))
            .collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let parts: Vec<String> = parts.iter().map(|(part, name)| format!("{name} {:.0} %", part * 100.0)).collect();
        let speed = format!("{} <span class=\"soft\">{}</span>", value(r, r.median), spread(r));
        vec![named(r), speed, share(r), escape(&parts.join(", "))]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    table(&["job", "speed", "of peak", "where the time goes"], &[1], &rows)
}

/// The first of many; all of them are in the file.
pub(super) fn published(records: &[&PerfRecord]) -> String {
    const SHOWN: usize = 400;
    let row = |r: &&PerfRecord| {
        let chips = r.chips.map_or_else(String::new, |n| format!(" × {n}"));
        let share = r.share_of_peak.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0));
        vec![escape(&r.suite), escape(&r.name), escape(&format!("{}{chips}", r.chip)), value(r, r.median), share]
    };
    let rows: Vec<_> = records.iter().take(SHOWN).map(row).collect();
    let left = records.len().saturating_sub(SHOWN);
    let rest = if left > 0 {
        format!("<p class=\"sub\">{} more records are in the file.</p>\n", count(left as u64))
    } else {
        String::new()
    };
    table(&["suite", "what", "chip", "value", "of peak"], &[3, 4], &rows) + &rest
}

/// The operator and its precision.
pub(super) fn named(r: &PerfRecord) -> String {
    let kind = r.precision.as_ref().map_or_else(String::new, |p| format!(" <span class=\"soft\">{}</span>", escape(p)));
    escape(&r.name) + &kind
}

/// `2048×384`.
pub(super) fn shape(r: &PerfRecord) -> String {
    extents(&r.shape)
}

/// A record's own quantity.
pub(super) fn value(r: &PerfRecord, value: f64) -> String {
    match r.unit.as_str() {
        "s" => duration(value),
        "of the rated peak" => format!("{:.1} % of the rated peak", 100.0 * value),
        unit => escape(&rate(value, unit)),
    }
}

fn place(r: &PerfRecord) -> (&str, &str, &[u64], Option<&String>) {
    (&r.suite, &r.name, &r.shape, r.precision.as_ref())
}

fn share(r: &PerfRecord) -> String {
    let text = |share: f64| format!("{:.0} % {}", share * 100.0, escape(r.limit.as_deref().unwrap_or("")));
    r.share_of_peak.map_or("–".to_owned(), |share| format!("<span class=\"n\">{}</span>", bar(share, text(share))))
}

fn interval(r: &PerfRecord) -> String {
    r.low.zip(r.high).map_or("–".to_owned(), |(low, high)| format!("{} to {}", value(r, low), value(r, high)))
}

/// `±3 %`: half the interval.
fn spread(r: &PerfRecord) -> String {
    r.low.zip(r.high).map_or(String::new(), |(low, high)| format!("±{:.0} %", 50.0 * (high - low) / r.median))
}
