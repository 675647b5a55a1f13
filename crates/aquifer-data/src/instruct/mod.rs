//! Instruction data: read in the layouts people publish it in, checked, converted, selected from and made more of.
//!
//! Whatever the layout ([`Format`]), a row becomes [`Example`]s: turns of a conversation, tools that may be called, and what
//! ends it (an answer, a pair of a preferred and a rejected one, a verdict). [`check`](check::check) names what is wrong with
//! which field of which row; [`convert`](convert::convert) writes another layout and says what that one cannot hold;
//! [`select`] chooses a part; [`evolve`], [`tag`] and [`verify`] ask a model for new rows, tags, and verdicts on answers.
//!
//! ```
//! use aquifer_data::instruct::{Format, convert::to_row, read_text};
//! let set = read_text(br#"[{"instruction": "Add.", "input": "2 + 3", "output": "5"}]"#, "sums.json", None).unwrap();
//! let (row, lost) = to_row(&set.examples[0], Format::Messages).unwrap();
//! assert_eq!(row["messages"][0]["content"], "Add.\n\n2 + 3");
//! assert!(lost.is_empty());
//! ```

pub mod check;
pub mod convert;
pub mod evolve;
mod example;
mod finding;
mod format;
mod lineage;
mod rows;
pub mod select;
pub mod tag;
mod task;
mod vectors;
pub mod verify;

pub use example::{Call, Ending, Example, Role, Turn};
pub use finding::{Finding, Kind};
pub use format::Format;
pub use rows::{InstructError, Set, read, read_text};
pub use vectors::Vectors;

#[cfg(test)]
mod tests;
