//! From text to a recipe, with errors that name the line, the key and what was probably meant.

use super::Recipe;
use super::keys::{TABLES, keys};
use aquifer_ops::Precision;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Why a recipe is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] aquifer_record::FileError),
    /// It is no TOML, or a value is of the wrong kind.
    #[error("{}: {message}", at(origin, *line))]
    Toml {
        /// The file.
        origin: PathBuf,
        /// The line, where known.
        line: Option<usize>,
        /// What the parser says.
        message: String,
    },
    /// A key that does not exist.
    #[error("{}: there is no key `{key}` in a recipe{}", at(origin, *line), meant(suggestion))]
    UnknownKey {
        /// The file, or the flag.
        origin: PathBuf,
        /// The line, where known.
        line: Option<usize>,
        /// The key.
        key: String,
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// A value outside what makes sense.
    #[error("`{key}` should be {want}, but is {got}")]
    Value {
        /// The key.
        key: &'static str,
        /// What would do.
        want: String,
        /// What came.
        got: String,
    },
    /// `--set` without `=`.
    #[error("`--set {0}` should be `--set KEY=VALUE`, such as `--set schedule.steps=200`")]
    Set(String),
}

fn at(origin: &Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}:{line}", origin.display()),
        None => origin.display().to_string(),
    }
}

fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

impl Recipe {
    /// Reads and checks a recipe, after replacing the keys of `sets` (`schedule.steps=200`, …).
    ///
    /// # Errors
    /// [`RecipeError`], naming the file, the line and the key.
    pub fn load(path: &Path, sets: &[String]) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(aquifer_record::FileError::at("read the recipe", path))?;
        let recipe = Recipe::parse(&text, path, sets)?;
        recipe.check_data()?;
        Ok(recipe)
    }

    /// Whether the recipe names its data.
    ///
    /// # Errors
    /// [`RecipeError::Value`] if it does not.
    pub fn check_data(&self) -> Result<(), RecipeError> {
        let (named, mixed) = (!self.data.is_empty(), !self.mixture.sources().is_empty());
        check(!(named && mixed), "data", "left out where `mixture.sources` are read instead", &self.data)?;
        let want = "a file, a folder or the name of a data set (or `mixture.sources` given)";
        check(named || mixed, "data", want, "empty")
    }

    /// [`Recipe::load`] of text at hand; `origin` is what errors call it. Here `data` may still be open.
    ///
    /// # Errors
    /// As [`Recipe::load`].
    pub fn parse(text: &str, origin: &Path, sets: &[String]) -> Result<Self, RecipeError> {
        let broken = |error: toml::de::Error| RecipeError::Toml {
            origin: origin.to_path_buf(),
            line: error.span().map(|span| line_of(text, span.start)),
            message: error.message().trim().to_owned(),
        };
        check_keys(text, origin, DeTable::parse(text).map_err(broken)?.get_ref())?;
        let mut recipe: Recipe = toml::from_str(text).map_err(broken)?;
        if !sets.is_empty() {
            let mut table: toml::Table = toml::from_str(text).map_err(broken)?;
            for set in sets {
                replace(&mut table, set)?;
            }
            recipe = Recipe::deserialize(toml::Value::Table(table)).map_err(|error| RecipeError::Toml {
                origin: PathBuf::from("--set"),
                line: None,
                message: error.message().trim().to_owned(),
            })?;
        }
        recipe.check()?;
        Ok(recipe)
    }

    /// Whether every value makes sense by itself and with the others.
    ///
    /// # Errors
    /// [`RecipeError::Value`] for the first that does not.
    pub fn check(&self) -> Result<(), RecipeError> {
        let (m, b, s, o) = (&self.model, &self.batch, &self.schedule, &self.optimizer);
        let fine_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let named = !self.name.is_empty() && !self.name.starts_with('.') && self.name.chars().all(fine_name);
        check(named, "name", "letters, digits, `-`, `_` and `.`", &self.name)?;
        check((0.0..0.9).contains(&self.val_fraction), "val_fraction", "from 0 to below 0.9", self.val_fraction)?;
        // Of any other vocabulary this only says how large it is.
        let fits = self.tokenizer != "bpe" || (258..=1 << 20).contains(&self.vocab_size);
        check(fits, "vocab_size", "from 258 to 1,048,576", self.vocab_size)?;
        check(Precision::from_name(&self.precision).is_some(), "precision", Precision::CHOICES, &self.precision)?;
        self.check_mixture()?;
        check((1..=1024).contains(&m.layers), "model.layers", "from 1 to 1,024", m.layers)?;
        check((8..=65_536).contains(&m.width), "model.width", "from 8 to 65,536", m.width)?;
        check((1..=1024).contains(&m.heads), "model.heads", "from 1 to 1,024", m.heads)?;
        if let Some(kv) = m.kv_heads {
            check(kv > 0 && m.heads.is_multiple_of(kv), "model.kv_heads", "a divisor of `model.heads`", kv)?;
        }
        let head = m.head_dim.unwrap_or(m.width / m.heads);
        if m.head_dim.is_none() {
            check(m.width.is_multiple_of(m.heads), "model.width", "a multiple of `model.heads`", m.width)?;
        }
        check((2..=512).contains(&head) && head % 2 == 0, "model.head_dim", "even, from 2 to 512", head)?;
        if let Some(wide) = m.feed_forward {
            check((1..=1 << 20).contains(&wide), "model.feed_forward", "from 1 to 1,048,576", wide)?;
        }
        check(m.rope_theta.is_finite() && m.rope_theta > 1.0, "model.rope_theta", "above 1", m.rope_theta)?;
        check(m.norm_eps > 0.0 && m.norm_eps < 1.0, "model.norm_eps", "between 0 and 1", m.norm_eps)?;
        check(m.init_std > 0.0 && m.init_std < 10.0, "model.init_std", "between 0 and 10", m.init_std)?;
        if let Some(p) = m.dropout {
            check((0.0..=0.95).contains(&p), "model.dropout", "from 0 to 0.95", p)?;
        }
        if let Some(least) = m.min_shard {
            check(least >= 32 && least % 32 == 0, "model.min_shard", "a multiple of 32", least)?;
        }
        check((2..=1 << 20).contains(&b.sequence), "batch.sequence", "from 2 to 1,048,576", b.sequence)?;
        check((1..=1 << 20).contains(&b.grains), "batch.grains", "from 1 to 1,048,576", b.grains)?;
        if let Some(micro) = b.micro {
            check(micro > 0, "batch.micro", "at least 1", micro)?;
        }
        if let Some(lanes) = b.lanes {
            let fits = lanes.is_power_of_two() && lanes <= b.grains;
            check(fits, "batch.lanes", "a power of two, at most `batch.grains`", lanes)?;
        }
        check((1..=1 << 40).contains(&s.steps), "schedule.steps", "at least 1", s.steps)?;
        check(s.peak_lr.is_finite() && s.peak_lr > 0.0, "schedule.peak_lr", "above 0", s.peak_lr)?;
        check((0.0..=1.0).contains(&s.floor), "schedule.floor", "from 0 to 1", s.floor)?;
        check((0.0..1.0).contains(&o.beta1), "optimizer.beta1", "from 0 to below 1", o.beta1)?;
        check((0.0..1.0).contains(&o.beta2), "optimizer.beta2", "from 0 to below 1", o.beta2)?;
        check((0.0..1.0).contains(&o.momentum), "optimizer.momentum", "from 0 to below 1", o.momentum)?;
        check(o.eps > 0.0 && o.eps < 1.0, "optimizer.eps", "between 0 and 1", o.eps)?;
        check((0.0..=10.0).contains(&o.weight_decay), "optimizer.weight_decay", "from 0 to 10", o.weight_decay)?;
        check(o.clip.is_finite() && o.clip >= 0.0, "optimizer.clip", "at least 0", o.clip)?;
        check(self.run.keep > 0, "run.keep", "at least 1", self.run.keep)?;
        check(self.run.eval_grains > 0, "run.eval_grains", "at least 1", self.run.eval_grains)
    }

    fn check_mixture(&self) -> Result<(), RecipeError> {
        let mixture = &self.mixture;
        let n = mixture.sources().len();
        check(n <= 1000, "mixture.sources", "at most 1,000", n)?;
        if let Some(weights) = &mixture.weights {
            check(weights.len() == n, "mixture.weights", "one for each of `mixture.sources`", weights.len())?;
            let fine = weights.iter().all(|weight| weight.is_finite() && *weight > 0.0);
            check(
                fine,
                "mixture.weights",
                "above 0 (leave a source out to read nothing of it)",
                format!("{weights:?}"),
            )?;
        }
        if let Some(temperature) = mixture.temperature {
            check(mixture.weights.is_none(), "mixture.temperature", "left out where there are weights", temperature)?;
            let fine = (0.1..=1000.0).contains(&temperature);
            check(fine, "mixture.temperature", "from 0.1 to 1,000", temperature)?;
        }
        Ok(())
    }
}

fn check(fine: bool, key: &'static str, want: &str, got: impl std::fmt::Display) -> Result<(), RecipeError> {
    if fine { Ok(()) } else { Err(RecipeError::Value { key, want: want.to_owned(), got: got.to_string() }) }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn check_keys(text: &str, origin: &Path, table: &DeTable<'_>) -> Result<(), RecipeError> {
    let unknown = |key: String, at: usize| RecipeError::UnknownKey {
        origin: origin.to_path_buf(),
        line: Some(line_of(text, at)),
        suggestion: closest(&key),
        key,
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if !known("", name) {
            return Err(unknown(name.to_owned(), key.span().start));
        }
        if let (DeValue::Table(inner), true) = (value.get_ref(), known_table(name)) {
            for inner_key in inner.keys() {
                if !known(name, inner_key.get_ref()) {
                    return Err(unknown(format!("{name}.{}", inner_key.get_ref()), inner_key.span().start));
                }
            }
        }
    }
    Ok(())
}

fn known_table(name: &str) -> bool {
    !name.is_empty() && TABLES.iter().any(|(table, _)| *table == name)
}

fn known(table: &str, key: &str) -> bool {
    TABLES.iter().any(|(name, keys)| *name == table && keys.iter().any(|(known, _)| *known == key))
}

/// The key most like this one: the whole path counts, and so does its last word alone, since a key in the wrong
/// table is the commonest slip.
fn closest(key: &str) -> Option<String> {
    let leaf = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let likeness = |candidate: &str| {
        let whole = strsim::normalized_damerau_levenshtein(key, candidate);
        whole.max(strsim::normalized_damerau_levenshtein(&leaf(key), &leaf(candidate)) - 0.01)
    };
    let scored = keys().map(|(candidate, _)| (likeness(&candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.5).then_some(best.1)
}

/// Puts `path=value` into the table; a value that is no TOML is a string.
fn replace(table: &mut toml::Table, set: &str) -> Result<(), RecipeError> {
    let (path, value) = set.split_once('=').ok_or_else(|| RecipeError::Set(set.to_owned()))?;
    let (path, value) = (path.trim(), value.trim());
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    if !known(section, key) || (section.is_empty() && known_table(key)) {
        let origin = PathBuf::from("--set");
        return Err(RecipeError::UnknownKey { origin, line: None, key: path.to_owned(), suggestion: closest(path) });
    }
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}")).ok().and_then(|mut t| t.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let home = if section.is_empty() {
        Some(table)
    } else {
        let entry = table.entry(section.to_owned()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        entry.as_table_mut()
    };
    home.ok_or_else(|| RecipeError::Set(set.to_owned()))?.insert(key.to_owned(), value);
    Ok(())
}
