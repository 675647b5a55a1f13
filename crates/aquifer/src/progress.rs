//! Progress for people: bars on a terminal, plain lines elsewhere.

use aquifer_record::Progress;
use aquifer_record::progress::{Bar, Unit};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Draws on stderr: bars only where it is a terminal, notes everywhere.
pub(crate) struct Terminal {
    bars: MultiProgress,
    draws: bool,
}

impl Terminal {
    /// Looks at stderr once.
    pub(crate) fn new() -> Self {
        let draws = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let target = if draws { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        Terminal { bars: MultiProgress::with_draw_target(target), draws }
    }
}

impl Progress for Terminal {
    fn bar(&self, label: &str, total: Option<u64>, unit: Unit) -> Box<dyn Bar> {
        let (count, rate) = match unit {
            Unit::Bytes => ("{bytes}/{total_bytes}".to_owned(), "{binary_bytes_per_sec}".to_owned()),
            Unit::Count(name) => (format!("{{human_pos}}/{{human_len}} {name}"), "{per_sec:0}".to_owned()),
        };
        let template = match total {
            Some(_) => format!("  {{prefix:22}} {{bar:24}} {count} {rate}, {{eta}} left {{wide_msg}}"),
            None => "  {prefix:22} {spinner} {human_pos} {wide_msg}".to_owned(),
        };
        let style = ProgressStyle::with_template(&template).expect("the template is one of ours");
        let bar = self.bars.add(ProgressBar::new(total.unwrap_or(0)));
        bar.set_style(style.progress_chars("━╸ "));
        bar.set_prefix(label.to_owned());
        if self.draws {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Box::new(Drawn(bar))
    }

    fn note(&self, line: &str) {
        if self.draws {
            // Through the bars, so that a line never lands in the middle of one.
            let _ = self.bars.println(line);
        } else {
            eprintln!("{line}");
        }
    }
}

struct Drawn(ProgressBar);

impl Bar for Drawn {
    fn advance(&self, units: u64) {
        self.0.inc(units);
    }
    fn message(&self, text: &str) {
        self.0.set_message(text.to_owned());
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// `--quiet`.
pub(crate) use aquifer_record::Silent as Silenced;
