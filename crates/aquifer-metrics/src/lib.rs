//! Scores and their intervals.
//!
//! Every score says how sure it is: proportions carry Wilson's interval, means Student's, anything else a bootstrap;
//! two systems on the same items are compared item by item. Nothing here calls the platform's mathematics library, so
//! a score has the same bits everywhere.
//!
//! ```
//! use aquifer_metrics::{accuracy, mcnemar_exact};
//!
//! let score = accuracy(&[true, true, false, true]);
//! assert_eq!(score.value, 0.75);
//! assert!(score.interval.low > 0.30 && score.interval.high < 0.96);
//! // One system was right alone on 1 item, the other on 9.
//! assert!(mcnemar_exact(1, 9) < 0.05);
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agreement;
mod bootstrap;
mod interval;
mod likelihood;
mod mean;
pub mod numbers;
mod paired;
mod proportion;

pub use agreement::{kappa, kappa_on_a_scale, rank_correlation};
pub use bootstrap::bootstrap;
pub use interval::{Interval, Score};
pub use likelihood::{bits_per_byte, perplexity};
pub use mean::mean;
pub use paired::{Comparison, mcnemar_exact, paired_bootstrap};
pub use proportion::{accuracy, wilson};
