//! FlagPerf's tables, row by row as JSON lines: `{"file", "area", "section", "row"}`, where `file` is the README of one
//! case on one chip and `row` the columns of one line of a table in it, under their Chinese names.

use super::{ImportError, Imported, PerfRecord, number_and_unit};
use crate::perf::State;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Row {
    file: String,
    area: String,
    section: String,
    row: BTreeMap<String, String>,
}

pub(super) fn read(text: &str) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Row = serde_json::from_str(line).map_err(|e| ImportError::Line { line: i + 1, why: e.to_string() })?;
        let records = match (row.area.as_str(), row.section.as_str()) {
            ("base", "核心评测结果") => row.base(),
            ("operation", "核心评测结果" | "其他评测结果") => row.operation(),
            ("training", "性能指标") => row.model(&TRAINING),
            ("inference", "指标值") => row.model(&INFERENCE),
            (area, section) => {
                imported.skip(format!("{area}, “{section}”: no speed"));
                continue;
            }
        };
        if records.is_empty() {
            imported.skip(format!("{}, “{}”: left empty by its author", row.area, row.section));
        }
        imported.records.extend(records);
    }
    Ok(imported)
}

/// Columns of speeds with the unit of each and what it counts.
type Speeds = [(&'static str, &'static str, &'static str)];

const TRAINING: [(&str, &str, &str); 5] = [
    ("token/p/s", "tokens/s", "tokens a chip"),
    ("throughput", "tokens/s", "throughput"),
    ("p_core", "items/s", "without reading data"),
    ("p_train", "items/s", "with reading data"),
    ("p_whole", "items/s", "end to end"),
];

const INFERENCE: [(&str, &str, &str); 4] = [
    ("*p_infer_core", "items/s", "inference, without reading data"),
    ("p_infer_whole", "items/s", "inference, end to end"),
    ("*p_val_core", "items/s", "validation, without reading data"),
    ("p_val_whole", "items/s", "validation, end to end"),
];

impl Row {
    /// Measured over rated, or only their ratio.
    fn base(&self) -> Vec<PerfRecord> {
        let column =
            |word: &str| self.row.iter().find(|(name, _)| name.contains(word)).map(|(_, value)| value.as_str());
        let share = column("比例").and_then(number_and_unit).map(|(percent, _)| percent / 100.0);
        let measured = column("测试值").and_then(number_and_unit).map(|(value, unit)| match unit {
            "TFLOPS" => (value * 1e12, "FLOP/s"),
            "TOPS" => (value * 1e12, "op/s"),
            "GB/s" => (value * 1e9, "B/s"),
            "TB/s" => (value * 1e12, "B/s"),
            "GiB" | "GiB(GB)" => (value * 1_073_741_824.0, "B"),
            // Where the unit was left out, arithmetic is in TFLOPS and all else in GB/s.
            _ if self.part(2).starts_with("computation") => (value * 1e12, "FLOP/s"),
            _ => (value * 1e9, "B/s"),
        });
        let (median, unit) = match (measured, share) {
            (Some(measured), _) => measured,
            (None, Some(share)) => (share, "of the rated peak"),
            (None, None) => return Vec::new(),
        };
        let base = self.record("base", self.part(2));
        vec![PerfRecord { dtype: dtype(self.part(2)), share_of_peak: share, median, unit: unit.into(), ..base }]
    }

    /// Speeds and times of one operator in one implementation.
    fn operation(&self) -> Vec<PerfRecord> {
        let by = self.row.get("评测项").cloned().unwrap_or_default();
        let cell = |name: &str| self.row.get(name).map(String::as_str).and_then(number_and_unit);
        let error = cell("平均相对误差(with FP64-CPU)").map(|(error, _)| error);
        let record = |clock: &str, median: f64, unit: &str| {
            let mut record = self.record("operator", self.part(2));
            record.facts.insert("implementation".into(), by.clone());
            record.facts.insert("clock".into(), clock.into());
            PerfRecord { median, unit: unit.into(), error, ..record }
        };
        let mut records = Vec::new();
        for (speed, share, clock) in [
            ("TFLOPS(cpu wall clock)", "FU(FLOPS Utilization)-cputime", "wall"),
            ("TFLOPS(kernel clock)", "FU-kerneltime", "kernel"),
        ] {
            let share = cell(share).map(|(percent, _)| percent / 100.0);
            let found = match (cell(speed), share) {
                (Some((value, _)), _) => Some((value * 1e12, "FLOP/s")),
                (None, Some(share)) => Some((share, "of the rated peak")),
                (None, None) => None,
            };
            records
                .extend(found.map(|(median, unit)| PerfRecord { share_of_peak: share, ..record(clock, median, unit) }));
        }
        for (column, clock, state) in [
            ("cputime", "wall", None),
            ("kerneltime", "kernel", None),
            ("无预热时延", "wall, first call", Some(State::Cold)),
            ("预热后时延", "wall, later call", Some(State::Warm)),
        ] {
            // All of FlagPerf's times are in microseconds, whether it says so or not.
            records.extend(cell(column).map(|(us, _)| PerfRecord { state, ..record(clock, us * 1e-6, "s") }));
        }
        records
    }

    /// Speeds of training or inference.
    fn model(&self, speeds: &Speeds) -> Vec<PerfRecord> {
        // Some tables escape the star before a name.
        let cell = |name: &str| self.row.iter().find(|(key, _)| key.trim_start_matches('\\') == name).map(|(_, v)| v);
        let share = ["MFU", "*MFU"].into_iter().find_map(cell).and_then(|v| number_and_unit(v)).map(|(p, _)| p / 100.0);
        let record = |counts: &str, median: f64, unit: &str| {
            let mut record = self.record(&self.area, self.part(2));
            let speed = |name: &str| speeds.iter().any(|(column, ..)| name.trim_start_matches('\\') == *column);
            let said = self.row.iter().filter(|(name, value)| !speed(name) && !matches!(value.trim(), "" | "/"));
            record.facts.extend(said.map(|(name, value)| (name.clone(), value.clone())));
            record.facts.insert("counts".into(), counts.into());
            let precision = cell("precision").filter(|p| !p.is_empty()).cloned();
            PerfRecord { median, unit: unit.into(), precision, share_of_peak: share, ..record }
        };
        let found = speeds.iter().filter_map(|(column, unit, counts)| {
            let cell = cell(column)?;
            // `4712.1 * 8 / 8 = 4712.1 tokens/s`: the result is what counts.
            let (value, said) = number_and_unit(cell.rsplit('=').next().unwrap_or(cell))?;
            Some(record(counts, value, if said.ends_with("/s") { said } else { unit }))
        });
        let all: Vec<PerfRecord> = found.collect();
        match (all.is_empty(), share) {
            (true, Some(share)) => vec![record("share of peak", share, "of the rated peak")],
            _ => all,
        }
    }

    /// A record of this file's chip.
    fn record(&self, kind: &str, name: &str) -> PerfRecord {
        let maker =
            ["nvidia", "metax", "kunlunxin", "iluvatar", "mthreads", "ascend", "cambricon", "dcu", "tsingmicro"];
        let maker = self.file.split('/').find(|part| maker.contains(part));
        let model = self.file.split('/').nth(4).filter(|part| !part.ends_with(".md"));
        let chip = [maker, model].into_iter().flatten().collect::<Vec<_>>().join(" ");
        PerfRecord {
            suite: format!("flagperf {kind}"),
            name: name.to_owned(),
            chip: if chip.is_empty() { "not named".into() } else { chip },
            facts: BTreeMap::from([("file".to_owned(), self.file.clone())]),
            ..PerfRecord::default()
        }
    }

    fn part(&self, i: usize) -> &str {
        self.file.split('/').nth(i).unwrap_or("")
    }
}

/// `f16` of `computation-FP16`.
fn dtype(case: &str) -> Option<String> {
    let kind = case.strip_prefix("computation-")?.to_ascii_lowercase();
    Some(kind.replace("fp", "f"))
}

#[cfg(test)]
mod tests {
    use super::super::import;
    use crate::perf::State;

    /// Rows of our own making in the form of the published ones.
    const EXCERPT: &str = include_str!("flagperf_excerpt.jsonl");

    #[test]
    fn every_kind_of_row_is_read() {
        let imported = import(EXCERPT, "tables.jsonl").unwrap();
        let of = |suite: &str| imported.records.iter().filter(|r| r.suite == suite).collect::<Vec<_>>();
        let base = of("flagperf base");
        assert_eq!((base[0].median, base[0].unit.as_str(), base[0].dtype.as_deref()), (2.5e14, "FLOP/s", Some("bf16")));
        assert_eq!((base[0].chip.as_str(), base[0].share_of_peak), ("nvidia Z900", Some(0.8)));
        assert_eq!((base[1].median, base[1].unit.as_str()), (0.75, "of the rated peak"));
        let operators = of("flagperf operator");
        let told: Vec<_> = operators.iter().map(|r| (r.facts["clock"].as_str(), r.unit.as_str(), r.median)).collect();
        assert_eq!(told[..2], [("wall", "FLOP/s", 1.5e12), ("kernel", "FLOP/s", 1.6e12)]);
        assert!(told[2..].iter().all(|(_, unit, seconds)| *unit == "s" && *seconds < 1.0), "{told:?}");
        assert_eq!(operators[0].error, Some(1.5e-6));
        assert!(operators.iter().any(|r| r.state == Some(State::Cold)));
        let training = of("flagperf training");
        assert_eq!((training[0].median, training[0].unit.as_str()), (4000.5, "tokens/s"));
        assert_eq!((training[0].name.as_str(), training[0].share_of_peak), ("big_model-torch", Some(0.5)));
        assert_eq!(training[0].facts["parallel"], "TP1PP1DP8");
        assert_eq!(training[1].median, 512.0, "the result of a sum that was written out");
        let inference = of("flagperf inference");
        assert_eq!((inference[0].median, inference[0].precision.as_deref()), (720.5, Some("fp16")));
        assert_eq!(imported.skipped.len(), 2, "{:?}", imported.skipped);
    }
}
