//! Reading a `config.json` key by key, so that whatever is left over can be refused.

use crate::ModelError;
use aquifer_ops::order::MIN_SHARD;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Far above any model, far below an overflow.
const MAX_SIZE: u64 = 1 << 32;

pub(crate) fn fault(key: &str, want: &str, got: &Value) -> ModelError {
    let mut got = got.to_string();
    if let Some((end, _)) = got.char_indices().nth(120) {
        got.truncate(end);
        got.push('…');
    }
    ModelError::Config { key: key.to_owned(), want: want.to_owned(), got }
}

/// Reads the file and makes a configuration of what it holds; errors name the file.
pub(crate) fn read<C>(path: &Path, from_json: impl Fn(&Value) -> Result<C, ModelError>) -> Result<C, ModelError> {
    let text = std::fs::read_to_string(path).map_err(aquifer_record::FileError::at("read", path))?;
    let not_a_config = |why: String| ModelError::NotAConfig { path: path.to_path_buf(), why };
    let value: Value = serde_json::from_str(&text).map_err(|e| not_a_config(e.to_string()))?;
    from_json(&value).map_err(|error| match error {
        ModelError::Config { key, want, got } => not_a_config(format!("`{key}` should be {want}, but is {got}")),
        other => other,
    })
}

/// A `f32` by its shortest decimal form: 1e-5, not 9.999999747378752e-6.
pub(crate) fn short(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// Shards are whole blocks of 32.
pub(crate) fn check_min_shard(min_shard: usize) -> Result<(), ModelError> {
    match min_shard > 0 && min_shard.is_multiple_of(32) {
        true => Ok(()),
        false => Err(fault("aquifer.min_shard", "a multiple of 32", &json!(min_shard))),
    }
}

/// What a root or a logarithm is taken of.
pub(crate) fn check_positive(key: &str, x: f64) -> Result<(), ModelError> {
    match x > 0.0 && x.is_finite() {
        true => Ok(()),
        false => Err(fault(key, "a positive number", &json!(x))),
    }
}

/// The keys of one object that have not been read yet.
pub(crate) struct Keys {
    pub(crate) map: Map<String, Value>,
    pub(crate) prefix: &'static str,
}

impl Keys {
    /// All keys of a file.
    pub(crate) fn of(value: &Value) -> Result<Self, ModelError> {
        match value {
            Value::Object(map) => Ok(Keys { map: map.clone(), prefix: "" }),
            _ => Err(fault("config.json", "a JSON object", value)),
        }
    }

    /// What we write beside the keys that others know: the least length of a shard.
    pub(crate) fn min_shard(&mut self) -> Result<usize, ModelError> {
        let Some(map) = self.object("aquifer")? else { return Ok(MIN_SHARD) };
        let mut own = Keys { map, prefix: "aquifer." };
        let min_shard = own.size_or("min_shard", MIN_SHARD)?;
        own.refuse_rest()?;
        Ok(min_shard)
    }

    /// A `null` is the same as nothing.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key).filter(|v| !v.is_null())
    }

    fn fault(&self, key: &str, want: &str, got: &Value) -> ModelError {
        fault(&format!("{}{key}", self.prefix), want, got)
    }

    pub(crate) fn size(&mut self, key: &str) -> Result<usize, ModelError> {
        let value = self.take(key).unwrap_or(Value::Null);
        match value.as_u64().filter(|n| (1..=MAX_SIZE).contains(n)) {
            Some(n) => Ok(n as usize),
            None => Err(self.fault(key, "a whole number from 1 up to 2³²", &value)),
        }
    }

    pub(crate) fn size_or(&mut self, key: &str, default: usize) -> Result<usize, ModelError> {
        if self.map.get(key).is_some_and(|v| !v.is_null()) { self.size(key) } else { Ok(default) }
    }

    pub(crate) fn number_or(&mut self, key: &str, default: f64) -> Result<f64, ModelError> {
        match self.take(key) {
            None => Ok(default),
            Some(v) => v.as_f64().ok_or_else(|| self.fault(key, "a number", &v)),
        }
    }

    pub(crate) fn flag(&mut self, key: &str) -> Result<bool, ModelError> {
        match self.take(key) {
            None => Ok(false),
            Some(v) => v.as_bool().ok_or_else(|| self.fault(key, "true or false", &v)),
        }
    }

    /// One token id, or a list of them.
    pub(crate) fn tokens(&mut self, key: &str) -> Result<Vec<u32>, ModelError> {
        let value = self.take(key).unwrap_or(json!([]));
        let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let id = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let ids: Option<Vec<u32>> = items.iter().map(id).collect();
        ids.ok_or_else(|| self.fault(key, "a token id or a list of them", &value))
    }

    pub(crate) fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, ModelError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(self.fault(key, "an object", &other)),
        }
    }

    /// One of the values that are allowed.
    pub(crate) fn expect(&mut self, key: &str, allowed: &[Value]) -> Result<Value, ModelError> {
        let value = self.take(key).unwrap_or(Value::Null);
        if allowed.contains(&value) {
            return Ok(value);
        }
        let want = allowed.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
        Err(self.fault(key, &format!("{want} (nothing else is supported)"), &value))
    }

    pub(crate) fn optional(&mut self, key: &str, allowed: &[Value]) -> Result<(), ModelError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => self.expect(key, allowed).map(|_| ()),
        }
    }

    /// Forgets keys that say nothing about the mathematics of one forward pass: those that every architecture has,
    /// and `more`.
    pub(crate) fn ignore_harmless(&mut self, more: &[&str]) {
        self.map.retain(|key, _| !HARMLESS.contains(&key.as_str()) && !more.contains(&key.as_str()));
    }

    pub(crate) fn refuse_rest(&self) -> Result<(), ModelError> {
        let quiet = |v: &Value| v.is_null() || *v == json!(false);
        match self.map.iter().find(|(_, v)| !quiet(v)) {
            Some((key, value)) => Err(self.fault(key, "absent: this key is not supported", value)),
            None => Ok(()),
        }
    }
}

const HARMLESS: &[&str] = &[
    "architectures",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "use_cache",
    "_name_or_path",
    "name_or_path",
    "_attn_implementation_autoset",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "return_dict",
    "id2label",
    "label2id",
    "problem_type",
    "chunk_size_feed_forward",
    "is_encoder_decoder",
    "task_specific_params",
    "tokenizer_class",
    "unsloth_version",
    "auto_map",
];
