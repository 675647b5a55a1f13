#![cfg_attr(test, allow(clippy::unwrap_used))]
//! Plots and pages, drawn from records; writes the one file it is asked for.
//!
//! ```no_run
//! # fn main() -> Result<(), aquifer_record::RunError> {
//! let run = aquifer_record::RunFolder::open("runs".as_ref(), "quickstart")?;
//! aquifer_report::write_run_report(&run)?; // runs/quickstart/report.html
//! # Ok(()) }
//! ```

mod compare;
mod data;
mod html;
mod perf;
mod plot;
mod run;
mod sections;

pub use compare::compare_report;
pub use data::data_report;
pub use perf::{PerfSet, perf_report};
pub use plot::{Curve, line_chart};
pub use run::{run_report, write_run_report};
