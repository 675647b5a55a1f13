//! Recipes for pre-training, and forecasts of their memory, time and loss.
//!
//! [`Recipe`] is the reviewed file, [`run_recipe`] carries it out in a run folder: tokenizer and shards, a
//! forecast before the first step, training with checkpoints, the model in the Hugging Face layout, the score of
//! the forecast. [`plan_quickstart`] writes a recipe for a given time and amount of text, with its reasons.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod data;
pub mod recipe;

mod error;
mod forecast;
mod plan;
mod prepare;
mod ready;
mod resolve;
mod run;

pub use data::find_data;
pub use error::RunError;
pub use forecast::{Calibration, check_memory, flops_per_token, forecast, memory_parts, score_forecast};
pub use plan::{Budget, Plan, Speed, Text, plan_continuation, plan_quickstart, vocabulary_for};
pub use prepare::{Places, Prepared, held_bytes, prepare};
pub use recipe::{Export, LossOn, Recipe, RecipeError};
pub use resolve::{decoder_config, resolve, train_config};
pub use run::{Around, Job, RECIPE_FILE, Told, Trained, forecast_recipe, recipe_of, run_recipe};
