//! What a machine allows at most, from the records of `aquifer bench device`.
//!
//! Williams, Waterman & Patterson, "Roofline", 2009, <https://doi.org/10.1145/1498765.1498785>.

use super::PerfRecord;
use std::collections::BTreeMap;

/// Peaks of one machine: the best samples, with whatever number of threads they were taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roof {
    /// Operations a second by the type of the operands, the fastest instructions of each.
    pub arithmetic: BTreeMap<String, f64>,
    /// Bytes a second by level and traffic: `("L2", "read")`.
    pub bandwidth: BTreeMap<(String, String), f64>,
}

/// What must be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work<'a> {
    /// Operations, and the type of their operands.
    pub flops: f64,
    /// `f32`, `bf16`, `int8`.
    pub dtype: &'a str,
    /// Bytes to read.
    pub read: f64,
    /// Bytes to write.
    pub written: f64,
    /// Where the data lies.
    pub level: &'a str,
}

/// The least time some work can take.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Seconds.
    pub seconds: f64,
    /// What takes them: a kind of arithmetic or a level of memory.
    pub limit: String,
}

impl Roof {
    /// The roof among these records: those of suite `device`.
    pub fn of(records: &[PerfRecord]) -> Self {
        let mut roof = Roof::default();
        // Of all numbers of threads: where something else was running, one thread may have reached more than all did.
        for record in records.iter().filter(|r| r.suite == "device") {
            let best = record.best.unwrap_or(record.median);
            let keep = |peak: &mut f64| *peak = peak.max(best);
            match (record.unit.as_str(), &record.dtype, &record.level) {
                ("FLOP/s", Some(dtype), _) => keep(roof.arithmetic.entry(dtype.clone()).or_default()),
                ("B/s", _, Some(level)) => {
                    keep(roof.bandwidth.entry((level.clone(), record.name.clone())).or_default());
                }
                _ => {}
            }
        }
        roof
    }

    /// Operations a second with operands of `dtype`; those of f32 where the machine has no instructions of its own.
    pub fn flops(&self, dtype: &str) -> Option<f64> {
        self.arithmetic.get(dtype).or_else(|| self.arithmetic.get("f32")).copied()
    }

    /// Seconds to move these bytes: as many as there are of both at the speed of a copy, the rest at that of reading or
    /// of writing.
    pub fn moving(&self, level: &str, read: f64, written: f64) -> Option<f64> {
        let speed = |traffic: &str| self.bandwidth.get(&(level.to_owned(), traffic.to_owned())).copied();
        let both = read.min(written);
        Some(2.0 * both / speed("copy")? + (read - both) / speed("read")? + (written - both) / speed("write")?)
    }

    /// The least time of `work`, and what takes it; nothing without the peaks it needs.
    pub fn bound(&self, work: &Work) -> Option<Bound> {
        let moving = self.moving(work.level, work.read, work.written)?;
        let counting = work.flops / self.flops(work.dtype)?;
        Some(match counting > moving {
            true => Bound { seconds: counting, limit: work.dtype.to_owned() },
            false => Bound { seconds: moving, limit: work.level.to_owned() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, unit: &str, dtype: Option<&str>, level: Option<&str>, threads: u64, best: f64) -> PerfRecord {
        PerfRecord {
            suite: "device".into(),
            name: name.into(),
            unit: unit.into(),
            dtype: dtype.map(Into::into),
            level: level.map(Into::into),
            threads: Some(threads),
            best: Some(best),
            ..PerfRecord::default()
        }
    }

    #[test]
    fn the_slower_of_arithmetic_and_memory_bounds() {
        let bandwidth = |name, speed| record(name, "B/s", None, Some("L2"), 2, speed);
        let roof = Roof::of(&[
            record("arithmetic", "FLOP/s", Some("f32"), None, 1, 1.5e9),
            record("arithmetic", "FLOP/s", Some("f32"), None, 2, 1e9),
            record("arithmetic", "FLOP/s", Some("f32"), None, 2, 2e9),
            bandwidth("read", 4e9),
            bandwidth("write", 2e9),
            bandwidth("copy", 3e9),
        ]);
        let work = Work { flops: 2e9, dtype: "bf16", read: 3e9, written: 1e9, level: "L2" };
        // Two thirds of a second for a copy of 10⁹ bytes, half a second for the 2·10⁹ that are only read.
        let moving = roof.bound(&work).unwrap();
        assert!((moving.seconds - (2.0 / 3.0 + 0.5)).abs() < 1e-12 && moving.limit == "L2", "{moving:?}");
        let counting = roof.bound(&Work { flops: 4e9, ..work }).unwrap();
        assert_eq!(counting, Bound { seconds: 2.0, limit: "bf16".into() });
        assert_eq!(roof.bound(&Work { level: "DRAM", ..work }), None);
        assert_eq!(Roof::of(&[]).bound(&work), None);
    }
}
