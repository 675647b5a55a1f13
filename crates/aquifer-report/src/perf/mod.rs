//! The page of perf records: the roofline, what was measured under it, and two sets of records side by side.

mod compare;
mod roofline;
mod tables;

use crate::html::{escape, page, section};
use aquifer_record::PerfRecord;
use aquifer_record::perf::Roof;

/// Records and what to call them.
#[derive(Clone, Copy, Debug)]
pub struct PerfSet<'a> {
    /// The name shown: usually the file's.
    pub name: &'a str,
    /// The records.
    pub records: &'a [PerfRecord],
}

/// A page about `main`, compared with `other` where that is given.
pub fn perf_report(main: PerfSet, other: Option<PerfSet>) -> String {
    let roof = Roof::of(main.records);
    let of = |suites: &[&str]| -> Vec<&PerfRecord> {
        main.records.iter().filter(|r| suites.contains(&r.suite.as_str())).collect()
    };
    let ours = ["device", "ops", "flagperf", "model"];
    let elsewhere: Vec<&PerfRecord> = main.records.iter().filter(|r| !ours.contains(&r.suite.as_str())).collect();
    let title = other.map_or_else(|| main.name.to_owned(), |other| format!("{} · {}", main.name, other.name));
    let body = format!("<h1>{}</h1>\n{}", escape(&title), tables::measured_on(main.records))
        + &tables::tiles(&roof, main.records)
        + &other.map_or_else(String::new, |other| compare::sections(main, other))
        + &section(
            "Roofline",
            "Across: operations for each byte that must be moved. Up: operations a second. The lines are what this \
             machine allows; a dot below the nearest line has that much to gain. Operators that only move memory are \
             in the tables.",
            &roofline::chart(&roof, &of(&["ops", "flagperf"])),
        )
        + &section(
            "Peaks of the machine",
            "The best samples: what the machine does when nobody disturbs it. Medians with 95 % intervals beside them.",
            &tables::device(&of(&["device"])),
        )
        + &section(
            "Operators",
            "Warm is call after call on the same data, cold with all caches flushed in between. The bar is the share of \
             what bounds the operator, and its name; the error is the largest difference from the f64 reference over \
             the root mean square of what the reference gives.",
            &tables::operators(&of(&["ops", "flagperf"])),
        )
        + &section(
            "Models",
            "Random weights in the shapes of real models. The bar is the share of what bounds the job.",
            &tables::models(&of(&["model"])),
        )
        + &section("Published elsewhere", "As their authors give them.", &tables::published(&elsewhere));
    page(&title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_record::perf::State;

    fn record(suite: &str, name: &str, unit: &str, median: f64) -> PerfRecord {
        PerfRecord {
            suite: suite.into(),
            name: name.into(),
            unit: unit.into(),
            median,
            low: Some(0.9 * median),
            high: Some(1.1 * median),
            best: Some(median),
            chip: "a <chip>".into(),
            threads: Some(2),
            ..PerfRecord::default()
        }
    }

    /// A machine of 100 GFLOP/s and 10 GB/s that runs one product and one copy.
    fn set(speed: f64) -> Vec<PerfRecord> {
        let bandwidth = |name| PerfRecord { level: Some("DRAM".into()), ..record("device", name, "B/s", 1e10) };
        let product = PerfRecord {
            flops: Some(1e9),
            read_bytes: Some(1_000_000),
            written_bytes: Some(1_000_000),
            state: Some(State::Warm),
            share_of_peak: Some(0.5),
            limit: Some("f32".into()),
            ..record("ops", "linear", "s", 0.02 / speed)
        };
        vec![
            PerfRecord { dtype: Some("f32".into()), ..record("device", "arithmetic", "FLOP/s", 1e11) },
            bandwidth("read"),
            bandwidth("write"),
            bandwidth("copy"),
            PerfRecord { state: Some(State::Cold), ..product.clone() },
            product,
            record("model", "gpt-17m train", "tokens/s", 2000.0 * speed),
            record("mlperf training 4.0", "bert", "min", 5.0),
        ]
    }

    #[test]
    fn a_page_shows_every_record_and_no_markup_from_outside() {
        let records = set(1.0);
        let page = perf_report(PerfSet { name: "today", records: &records }, None);
        for shown in ["<svg", "linear", "50.0 GFLOP/s", "gpt-17m train", "bert", "a &lt;chip&gt;", "10.0 GB/s"] {
            assert!(page.contains(shown), "{shown} is missing");
        }
        assert!(!page.contains("a <chip>"));
    }

    #[test]
    fn two_sets_are_compared_by_what_they_share() {
        let (mut now, before) = (set(1.5), set(1.0));
        now.push(record("model", "only here", "tokens/s", 1.0));
        let other = PerfSet { name: "before", records: &before };
        let page = perf_report(PerfSet { name: "now", records: &now }, Some(other));
        // Half as fast again, by time and by rate.
        assert!(page.matches("1.50 ×").count() >= 2, "{page}");
        assert!(page.contains("only here") && page.contains("not in both"));
    }

    #[test]
    fn no_records_make_a_page_that_says_so() {
        assert!(perf_report(PerfSet { name: "none", records: &[] }, None).contains("no records"));
    }
}
