//! From samples to records.

use crate::commands::doctor::cpu_name;
use crate::context::Context;
use anyhow::Context as _;
use aquifer_metrics::bootstrap;
use aquifer_ops::bench::timing::Plan;
use aquifer_record::PerfRecord;
use aquifer_record::perf;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How long to measure, and where the records go
#[derive(clap::Args, Clone)]
pub(super) struct Measuring {
    /// Measure each thing for at least so many seconds
    #[arg(long, default_value_t = 0.2, value_name = "T")]
    pub(super) seconds: f64,
    /// Take at least so many samples of each thing
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(super) samples: usize,
    /// Also write the records to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

impl Measuring {
    /// The timer's plan, checked.
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let sound = self.seconds.is_finite() && (0.0..=3600.0).contains(&self.seconds);
        anyhow::ensure!(sound, "--seconds takes a number from 0 to 3600, got {}", self.seconds);
        anyhow::ensure!((1..=100_000).contains(&self.samples), "--samples takes a number from 1 to 100000");
        Ok(Plan { samples: self.samples, seconds: self.seconds })
    }
}

/// What all records of one command have in common.
pub(super) struct Stamp(PerfRecord);

impl Stamp {
    /// Looks at the machine and the clock.
    pub(super) fn new(suite: &str, ctx: &Context) -> Self {
        Stamp(PerfRecord {
            suite: suite.to_owned(),
            chip: cpu_name(),
            isa: Some(aquifer_tensor::isa::active().name().to_owned()),
            threads: Some(ctx.threads as u64),
            versions: BTreeMap::from([("aquifer".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            created: Some(aquifer_record::run::now()),
            ..PerfRecord::default()
        })
    }

    /// A record of `samples` in `unit`. The best is the least of a time, the most of a rate.
    pub(super) fn measured(&self, name: &str, unit: &str, samples: &[f64]) -> PerfRecord {
        let (median, low, high) = median_with_interval(samples);
        let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = samples.iter().copied().fold(0.0, f64::max);
        let record = PerfRecord {
            name: name.to_owned(),
            unit: unit.to_owned(),
            median,
            low: Some(low),
            high: Some(high),
            samples: Some(samples.len() as u64),
            ..self.0.clone()
        };
        PerfRecord { best: Some(if record.more_is_better() { most } else { least }), ..record }
    }
}

/// Takes records as they come: to stdout as JSON lines with `--json`, and in the end to `--out`.
pub(super) struct Records<'a> {
    ctx: &'a Context,
    out: Option<PathBuf>,
    kept: Vec<PerfRecord>,
}

impl<'a> Records<'a> {
    /// None yet.
    pub(super) fn new(measuring: &Measuring, ctx: &'a Context) -> Self {
        Records { ctx, out: measuring.out.clone(), kept: Vec::new() }
    }

    /// Keeps a record.
    pub(super) fn push(&mut self, record: PerfRecord) {
        if self.ctx.json {
            println!("{}", perf::line(&record));
        }
        self.kept.push(record);
    }

    /// Writes `--out`, if that was asked for.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        // Split rungs may exceed the peak of the f32 they stand in for.
        let split = |record: &PerfRecord| record.precision.as_deref().is_some_and(|name| name.starts_with("bf16x"));
        let beyond = |record: &&PerfRecord| record.share_of_peak.is_some_and(|share| share > 1.15) && !split(record);
        match self.kept.iter().filter(beyond).count() {
            0 => (),
            n => self.ctx.say(format!(
                "{n} shares lie well above 100 %: something disturbed the peaks. Measure them by `aquifer bench device \
                 --out FILE` while nothing else runs, and give them by `--device FILE`"
            )),
        }
        if let Some(path) = &self.out {
            perf::write(path, &self.kept).context("writing the records")?;
            self.ctx.say(format!("{} records: {}", self.kept.len(), path.display()));
        }
        Ok(())
    }
}

/// Names the nearest of those there are.
pub(super) fn unknown<'a>(asked: &str, names: impl Iterator<Item = &'a str>) -> anyhow::Error {
    let alike = |name: &str| strsim::normalized_damerau_levenshtein(asked, name);
    let mut nearest: Vec<&str> = names.collect();
    nearest.sort_by(|a, b| alike(b).total_cmp(&alike(a)));
    let shown: Vec<String> = nearest.iter().take(3).map(|name| format!("`{name}`")).collect();
    anyhow::anyhow!("nothing here is called `{asked}`; the nearest are {}; `--list` shows all", shown.join(", "))
}

/// The median and the ends of its 95 % interval by the percentile bootstrap.
fn median_with_interval(samples: &[f64]) -> (f64, f64, f64) {
    let score =
        bootstrap(samples.len(), 400, 0, |draw| median(&mut draw.iter().map(|&i| samples[i]).collect::<Vec<_>>()));
    (score.value, score.interval.low, score.interval.high)
}

/// The middle one, or the mean of the two in the middle; NaN without any.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => values[n / 2],
        _ => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_have_intervals_that_hold_them() {
        assert_eq!(median_with_interval(&[2.0]), (2.0, 2.0, 2.0));
        let samples: Vec<f64> = (0..101).map(|i| f64::from(i * 37 % 101)).collect();
        let (middle, low, high) = median_with_interval(&samples);
        // Of 101 numbers in a row, order statistics 40 and 60 hold the median in 95 of 100 draws.
        assert_eq!(middle, 50.0);
        assert!((35.0..45.0).contains(&low) && (55.0..65.0).contains(&high), "{low} {high}");
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
