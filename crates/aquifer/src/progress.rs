//! Progress for people: bars on a terminal, plain lines elsewhere.

use aquifer_record::Progress;
use aquifer_record::figures::{bytes, count, seconds, short};
use aquifer_record::progress::{Bar, Unit};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
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
        let side = Arc::new(Side::default());
        let bar = self.bars.add(ProgressBar::new(total.unwrap_or(0)));
        bar.set_style(style(total.is_some(), unit, &side));
        bar.set_prefix(label.to_owned());
        if self.draws {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Box::new(Drawn { bar, side })
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

/// What a line needs to know beside the bar's own state.
#[derive(Default)]
struct Side {
    /// Units of earlier sittings, which say nothing about this one's rate.
    begun_at: AtomicU64,
    /// Whether whoever works says things of their own, rates among them.
    speaks: AtomicBool,
}

/// `training ━━━╸   123/400 steps, 12.3 s left  loss 3.456 · 12.3k tokens/s`: within 80 columns; what does not fit
/// is cut off the message.
fn style(total: bool, unit: Unit, side: &Arc<Side>) -> ProgressStyle {
    let template = match total {
        true => "  {prefix} {bar:6} {done}{left} {wide_msg}",
        false => "  {prefix} {spinner} {done} {wide_msg}",
    };
    let style = ProgressStyle::with_template(template).expect("the template is one of ours");
    let side = side.clone();
    let left = move |state: &ProgressState, out: &mut dyn Write| {
        let (here, total) = (state.pos(), state.len().unwrap_or(0));
        let now = here.saturating_sub(side.begun_at.load(Relaxed));
        let rate = now as f64 / state.elapsed().as_secs_f64().max(1e-9);
        if now > 0 && here < total {
            if !side.speaks.load(Relaxed) {
                _ = write!(out, ", {}/s", amount(rate as u64, unit));
            }
            _ = write!(out, ", {} left", seconds((total - here) as f64 / rate));
        }
    };
    let done = move |state: &ProgressState, out: &mut dyn Write| _ = out.write_str(&done(state, unit));
    style.with_key("done", done).with_key("left", left).progress_chars("━╸ ")
}

fn amount(n: u64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => bytes(n),
        Unit::Count(_) if n < 100_000 => count(n),
        Unit::Count(_) => short(n),
    }
}

/// `1.2 MiB/3.4 MiB`, `123/400 steps`.
fn done(state: &ProgressState, unit: Unit) -> String {
    let here = amount(state.pos(), unit);
    let done = match state.len() {
        Some(total) if total > 0 => format!("{here}/{}", amount(total, unit)),
        _ => here,
    };
    match unit {
        Unit::Bytes => done,
        Unit::Count(name) => format!("{done} {name}"),
    }
}

struct Drawn {
    bar: ProgressBar,
    side: Arc<Side>,
}

impl Bar for Drawn {
    fn advance(&self, units: u64) {
        self.bar.inc(units);
    }
    fn begin_at(&self, units: u64) {
        self.side.begun_at.store(units, Relaxed);
        self.bar.set_position(units);
    }
    fn message(&self, text: &str) {
        self.side.speaks.store(true, Relaxed);
        self.bar.set_message(text.to_owned());
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `--quiet`.
pub(crate) use aquifer_record::Silent as Silenced;
