//! MLPerf's results as tables: one row a run in training, one a system, model and scenario in inference.

use super::{ImportError, Imported, PerfRecord};
use std::collections::BTreeMap;

/// Training: minutes to the target quality. The runs of one system and benchmark become one record.
pub(super) fn training(text: &str) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut groups: BTreeMap<[String; 6], Vec<f64>> = BTreeMap::new();
    for row in rows(text)? {
        let of = |name: &str| row.get(name).copied().unwrap_or("").to_owned();
        match (of("status").as_str(), of("minutes").parse::<f64>()) {
            ("success", Ok(minutes)) => {
                let names =
                    ["benchmark", "accelerator", "submitter", "system", "accelerators_per_node", "nodes"].map(of);
                groups.entry(names).or_default().push(minutes);
            }
            ("success", Err(_)) => imported.skip("no time"),
            _ => imported.skip("the run did not succeed"),
        }
    }
    for ([name, chip, submitter, system, per_node, nodes], mut minutes) in groups {
        minutes.sort_by(f64::total_cmp);
        let (n, middle) = (minutes.len(), minutes.len() / 2);
        let median = if n % 2 == 1 { minutes[middle] } else { (minutes[middle - 1] + minutes[middle]) / 2.0 };
        imported.records.push(PerfRecord {
            suite: "mlperf training 4.0".into(),
            name,
            chip,
            chips: chips(&per_node, &nodes),
            unit: "min".into(),
            median,
            best: Some(minutes[0]),
            samples: Some(n as u64),
            facts: facts([("submitter", &submitter), ("system", &system)]),
            ..PerfRecord::default()
        });
    }
    Ok(imported)
}

/// Inference: tokens a second where the table has them, else samples a second.
pub(super) fn inference(text: &str) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    for row in rows(text)? {
        let of = |name: &str| row.get(name).copied().unwrap_or("");
        let rate = |name: &str| of(name).parse::<f64>().ok().filter(|rate| *rate > 0.0);
        let speeds = [("tokens/s", rate("tokens_per_s")), ("samples/s", rate("samples_per_s"))];
        if of("valid") != "VALID" {
            imported.skip("the result is not valid");
        } else if let Some((unit, Some(median))) = speeds.into_iter().find(|(_, rate)| rate.is_some()) {
            let said =
                ["division", "submitter", "system", "scenario", "p90_ns", "p99_ns", "mean_ns", "accelerator_memory"];
            imported.records.push(PerfRecord {
                suite: "mlperf inference 4.1".into(),
                name: format!("{} {}", of("model"), of("scenario")),
                chip: of("accelerator").into(),
                chips: chips(of("accelerators_per_node"), of("nodes")),
                unit: unit.into(),
                median,
                facts: facts(said.map(|name| (name, of(name)))),
                ..PerfRecord::default()
            });
        } else {
            imported.skip("no throughput");
        }
    }
    Ok(imported)
}

fn chips(per_node: &str, nodes: &str) -> Option<u64> {
    per_node.parse::<u64>().ok()?.checked_mul(nodes.parse().ok()?)
}

fn facts<'a>(all: impl IntoIterator<Item = (&'a str, impl AsRef<str>)>) -> BTreeMap<String, String> {
    let said = all.into_iter().filter(|(_, value)| !value.as_ref().is_empty());
    said.map(|(name, value)| (name.to_owned(), value.as_ref().to_owned())).collect()
}

/// Each row by the names in the head. The published tables quote nothing, and a quote would move every column after it.
fn rows(text: &str) -> Result<Vec<BTreeMap<&str, &str>>, ImportError> {
    let mut lines = text.lines().enumerate();
    let head: Vec<&str> = lines.next().map_or("", |(_, head)| head).split(',').map(str::trim).collect();
    let mut rows = Vec::new();
    for (i, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.len() != head.len() || line.contains('"') {
            let why = format!("{} columns, where the head has {}", cells.len(), head.len());
            return Err(ImportError::Line { line: i + 1, why });
        }
        rows.push(head.iter().copied().zip(cells).collect());
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::import;

    #[test]
    fn runs_of_one_system_become_one_record() {
        let text = "submitter,system,accelerator,accelerators_per_node,nodes,benchmark,run,minutes,status\n\
                    Someone,box,Chip-1,8,2,bert,0,5.5,success\n\
                    Someone,box,Chip-1,8,2,bert,1,4.5,success\n\
                    Someone,box,Chip-1,8,2,bert,2,,aborted\n\
                    Other,box,Chip-2,4,1,bert,0,9,success\n";
        let imported = import(text, "training.csv").unwrap();
        assert_eq!(imported.skipped.values().sum::<usize>(), 1);
        let first = &imported.records[0];
        assert_eq!((first.name.as_str(), first.chip.as_str(), first.unit.as_str()), ("bert", "Chip-1", "min"));
        assert_eq!((first.chips, first.median, first.best, first.samples), (Some(16), 5.0, Some(4.5), Some(2)));
        assert_eq!(first.facts["submitter"], "Someone");
        assert_eq!(first.source.as_deref(), Some("training.csv"));
        assert!(!first.more_is_better());
        assert_eq!(imported.records.len(), 2);
    }

    #[test]
    fn tokens_are_preferred_to_samples_and_invalid_results_left_out() {
        let text = "division,submitter,system,accelerator,accelerators_per_node,nodes,model,scenario,valid,samples_per_s,tokens_per_s\n\
                    closed,Someone,box,Chip-1,1,1,llama,Offline,VALID,10,3000\n\
                    closed,Someone,box,Chip-1,1,1,resnet,Offline,VALID,500,\n\
                    closed,Someone,box,Chip-1,1,1,resnet,Server,INVALID,500,\n\
                    closed,Someone,box,Chip-1,1,1,resnet,SingleStream,VALID,,\n";
        let imported = import(text, "x").unwrap();
        let found: Vec<_> = imported.records.iter().map(|r| (r.name.as_str(), r.median, r.unit.as_str())).collect();
        assert_eq!(found, [("llama Offline", 3000.0, "tokens/s"), ("resnet Offline", 500.0, "samples/s")]);
        assert_eq!(imported.skipped.len(), 2);
        let broken = import(&text.replace(",3000", ",3,000"), "x").unwrap_err().to_string();
        assert!(broken.contains("line 2") && broken.contains("12 columns"), "{broken}");
    }
}
