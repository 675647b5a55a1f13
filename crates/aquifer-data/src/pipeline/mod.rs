//! From raw files to clean documents by a recipe: read, measured, edited and cut rule by rule, with a reason for every
//! document that goes, and with every value written down.
//!
//! The input's files are the *parts*. Rules see one document at a time; stages that compare documents with each other are
//! *barriers*, and cut the recipe into *segments*. A segment turns a part into four files (documents that stay, documents
//! that go, a table of values, marks for the barrier behind it) and a marker that it is done. All of these are functions
//! of the part and the recipe alone: a killed run goes on where it was, any number of processes may share the parts, and
//! the outcome is the same to the byte.
//!
//! ```
//! use aquifer_data::pipeline::{Pipeline, Recipe, RunOptions};
//! # let dir = tempfile::tempdir().unwrap();
//! # std::fs::write(dir.path().join("in.jsonl"), "{\"text\":\"It rained.\"}\n{\"text\":\"%%% &&&\"}\n").unwrap();
//! let recipe = Recipe::parse("[[stage]]\nrule = \"noise\"\n", "here").unwrap();
//! let pipeline = Pipeline::open(recipe, &[dir.path().join("in.jsonl")], &dir.path().join("out")).unwrap();
//! let outcome = pipeline.run(&RunOptions::default(), &aquifer_record::Silent, &Default::default()).unwrap().unwrap();
//! assert_eq!(outcome.report.stages.last().unwrap().output.documents, 1);
//! assert_eq!(outcome.report.stages[0].reasons["noise.letters"], 1);
//! ```

mod barrier;
mod columns;
mod cut;
mod duplicates;
mod error;
mod explain;
mod flow;
mod home;
mod layout;
mod part;
mod presets;
mod recipe;
mod run;
mod segment;
mod shards;
mod splits;
mod spread;
mod steps;
mod tail;
mod tally;

pub use cut::{Condition, ConditionError, Cut, CutOutcome, CutTo};
pub use duplicates::Duplicate;
pub use error::PipelineError;
pub use explain::{Explained, Measured, Step};
pub use home::Elsewhere;
pub use presets::{ENDING, PRESETS, Preset};
pub use recipe::{Input, Recipe, Source};
pub use run::{Outcome, Pipeline, RunOptions, Share};
pub use shards::Shards;
pub use steps::RunStep;

#[cfg(test)]
mod tests;
