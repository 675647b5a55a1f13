//! Ways to tell copies, from their options in a recipe.

use super::{take_language, take_text};
use crate::dedup::Method;
use crate::dedup::minhash::{MinHash, MinHashOptions, TokenOptions};
use crate::dedup::near::Near;
use crate::dedup::semantic::{DEFAULT_THRESHOLD, Semantic, WordAverages};
use crate::rules::{RuleError, options};
use aquifer_text::Tokenizer;
use aquifer_text::shingles::words;
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// The method of this name, and what its keys are made by.
pub(super) fn build(name: &str, mut table: toml::Table) -> Result<(Method, serde_json::Value), RuleError> {
    let about = json!({ "method": name });
    Ok(match name {
        "exact" => (options::<NoOptions>(table).map(|_| Method::Exact)?, about),
        "url" => (options::<NoOptions>(table).map(|_| Method::Url)?, about),
        "near" => {
            let near: Near = options(table)?;
            check_threshold(near.threshold)?;
            (Method::Near(near), about)
        }
        "minhash" if table.contains_key("tokenizer") => tokenised(table)?,
        "minhash" => {
            let language = take_language(&mut table)?;
            let shape: MinHashOptions = options(table)?;
            if shape.buckets == 0 || shape.hashes_per_bucket == 0 || shape.n_grams == 0 {
                let why = "`buckets`, `hashes_per_bucket` and `n_grams` should be at least 1";
                return Err(RuleError::Options(why.to_owned()));
            }
            let about = json!({ "method": name, "language": language, "options": shape });
            (Method::MinHash(MinHash::of_words(&shape, words(language))), about)
        }
        "semantic" => {
            let mut take = |key: &str| table.remove(key);
            let (threshold, clusters) = (take("threshold"), take("clusters"));
            let wrong = |e: toml::de::Error| RuleError::Options(e.message().to_owned());
            let threshold = threshold.map_or(Ok(DEFAULT_THRESHOLD), |value| value.try_into().map_err(wrong))?;
            let clusters = clusters.map_or(Ok(0), |value| value.try_into().map_err(wrong))?;
            let semantic = Semantic::of_words(options::<WordAverages>(table)?);
            let threshold = check_threshold(threshold)?;
            (Method::Semantic(Semantic { threshold, clusters, ..semantic }), about)
        }
        _ => (options(table).map(Method::SimHash)?, about),
    })
}

/// FlagData's scheme, over the tokens of a tokenizer.
fn tokenised(mut table: toml::Table) -> Result<(Method, serde_json::Value), RuleError> {
    let path = PathBuf::from(take_text(&mut table, "tokenizer")?.unwrap_or_default());
    let shape: TokenOptions = options(table)?;
    check_threshold(shape.threshold)?;
    if shape.n_grams == 0 || shape.permutations == 0 {
        return Err(RuleError::Options("`n_grams` and `permutations` should be at least 1".to_owned()));
    }
    let path = if path.is_dir() { path.join("tokenizer.json") } else { path };
    let unusable = |cause: String| RuleError::File { path: path.clone(), cause };
    let json = std::fs::read(&path).map_err(|e| unusable(e.to_string()))?;
    let json = serde_json::from_slice(&json).map_err(|e| unusable(e.to_string()))?;
    let tokenizer = Tokenizer::from_json(json, serde_json::Map::new()).map_err(|e| unusable(e.to_string()))?;
    let about = json!({ "method": "minhash", "tokenizer": tokenizer.sha256(), "options": shape });
    // A text that a tokenizer refuses has no tokens, hence no signature: it stays.
    let tokens = move |text: &str| tokenizer.encode(text).unwrap_or_default();
    Ok((Method::MinHash(MinHash::of_tokens(&shape, Arc::new(tokens))), about))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// A share above 0 and up to 1.
fn check_threshold(threshold: f64) -> Result<f64, RuleError> {
    if threshold > 0.0 && threshold <= 1.0 {
        return Ok(threshold);
    }
    let why = format!("`threshold` should be a share above 0 and up to 1, it is {threshold}");
    Err(RuleError::Options(why))
}
