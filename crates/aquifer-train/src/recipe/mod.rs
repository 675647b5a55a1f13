//! The recipe: one reviewed TOML file that is the whole of a training job.
//!
//! Every key has a default save `data`; a key that does not exist is refused with its line and the key that was
//! probably meant. Flags only override.

mod keys;
mod parse;
mod render;
#[cfg(test)]
mod tests;

pub use keys::{Batch, Export, LossOn, MixtureKeys, ModelShape, Optimizer, Recipe, Run, ScheduleKeys, keys};
pub use parse::RecipeError;
