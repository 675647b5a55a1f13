//! What `/metrics` tells: counts, lengths and times, in the Prometheus text format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Upper ends of the latency buckets, in seconds.
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Everything the server counts.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By endpoint and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    pub(crate) prompt_tokens: AtomicU64,
    pub(crate) completion_tokens: AtomicU64,
    pub(crate) steps: AtomicU64,
    pub(crate) abandoned: AtomicU64,
    pub(crate) waiting: AtomicUsize,
    pub(crate) running: AtomicUsize,
    pub(crate) first_token: Histogram,
    pub(crate) whole: Histogram,
}

/// A cumulative histogram of durations.
#[derive(Default)]
pub(crate) struct Histogram {
    /// One a bucket and one for what is longer than all.
    counts: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BUCKETS.iter().position(|&end| seconds <= end).unwrap_or(BUCKETS.len());
        self.counts[bucket].fetch_add(1, Relaxed);
        self.micros.fetch_add(time.as_micros() as u64, Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        let mut total = 0;
        let mut lines = format!("# HELP {name} {help}\n# TYPE {name} histogram\n");
        for (count, end) in self.counts.iter().zip(BUCKETS.iter().map(f64::to_string).chain(["+Inf".into()])) {
            total += count.load(Relaxed);
            lines += &format!("{name}_bucket{{le=\"{end}\"}} {total}\n");
        }
        let sum = self.micros.load(Relaxed) as f64 / 1e6;
        lines += &format!("{name}_sum {sum}\n{name}_count {total}\n");
        out.push_str(&lines);
    }
}

impl Metrics {
    /// Counts one answered request.
    pub(crate) fn answered(&self, endpoint: &'static str, status: u16) {
        let mut requests = self.requests.lock().expect("no code panics while it holds the counts");
        *requests.entry((endpoint, status)).or_insert(0) += 1;
    }

    /// The whole page.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        let name = "aquifer_requests_total";
        out += &format!("# HELP {name} Requests answered, by endpoint and status.\n# TYPE {name} counter\n");
        for ((endpoint, status), count) in
            self.requests.lock().expect("no code panics while it holds the counts").iter()
        {
            let _ = writeln!(out, "{name}{{endpoint=\"{endpoint}\",status=\"{status}\"}} {count}");
        }
        let mut plain = |name: &str, kind: &str, help: &str, value: u64| {
            let _ = writeln!(out, "# HELP aquifer_{name} {help}\n# TYPE aquifer_{name} {kind}\naquifer_{name} {value}");
        };
        let at = |counter: &AtomicU64| counter.load(Relaxed);
        plain("prompt_tokens_total", "counter", "Tokens of prompts read.", at(&self.prompt_tokens));
        plain("completion_tokens_total", "counter", "Tokens made.", at(&self.completion_tokens));
        plain("steps_total", "counter", "Batches run through the network.", at(&self.steps));
        plain("requests_abandoned_total", "counter", "Requests whose client went away first.", at(&self.abandoned));
        plain("queue_length", "gauge", "Requests waiting for a place.", self.waiting.load(Relaxed) as u64);
        plain("running_sequences", "gauge", "Sequences in the batch.", self.running.load(Relaxed) as u64);
        self.first_token.write(&mut out, "aquifer_first_token_seconds", "From arrival to the first token.");
        self.whole.write(&mut out, "aquifer_request_seconds", "From arrival to the last token.");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_prometheus_text() {
        let metrics = Metrics::default();
        metrics.answered("chat", 200);
        metrics.answered("chat", 200);
        metrics.whole.record(Duration::from_millis(30));
        metrics.whole.record(Duration::from_secs(1000));
        let page = metrics.render();
        for line in [
            "aquifer_requests_total{endpoint=\"chat\",status=\"200\"} 2",
            "aquifer_request_seconds_bucket{le=\"0.025\"} 0",
            "aquifer_request_seconds_bucket{le=\"0.05\"} 1",
            "aquifer_request_seconds_bucket{le=\"+Inf\"} 2",
            "aquifer_request_seconds_count 2",
            "aquifer_queue_length 0",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        }
        let named = page
            .lines()
            .all(|l| l.starts_with("# HELP aquifer_") || l.starts_with("# TYPE aquifer_") || l.starts_with("aquifer_"));
        assert!(named && page.ends_with('\n'));
    }
}
