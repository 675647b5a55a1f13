//! Reading a JSON object key by key, so that whatever is left over can be refused.

use crate::ModelError;
use serde_json::{Map, Value, json};

/// Far above any model, far below an overflow.
const MAX_SIZE: u64 = 1 << 32;

pub(super) fn fault(key: &str, want: &str, got: &Value) -> ModelError {
    let mut got = got.to_string();
    if let Some((end, _)) = got.char_indices().nth(120) {
        got.truncate(end);
        got.push('…');
    }
    ModelError::Config { key: key.to_owned(), want: want.to_owned(), got }
}

/// The keys of one object that have not been read yet.
pub(super) struct Keys {
    pub(super) map: Map<String, Value>,
    pub(super) prefix: &'static str,
}

impl Keys {
    /// A `null` is the same as nothing.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key).filter(|v| !v.is_null())
    }

    fn fault(&self, key: &str, want: &str, got: &Value) -> ModelError {
        fault(&format!("{}{key}", self.prefix), want, got)
    }

    pub(super) fn size(&mut self, key: &str) -> Result<usize, ModelError> {
        let value = self.take(key).unwrap_or(Value::Null);
        match value.as_u64().filter(|n| (1..=MAX_SIZE).contains(n)) {
            Some(n) => Ok(n as usize),
            None => Err(self.fault(key, "a whole number from 1 up to 2³²", &value)),
        }
    }

    pub(super) fn size_or(&mut self, key: &str, default: usize) -> Result<usize, ModelError> {
        if self.map.get(key).is_some_and(|v| !v.is_null()) { self.size(key) } else { Ok(default) }
    }

    pub(super) fn number_or(&mut self, key: &str, default: f64) -> Result<f64, ModelError> {
        match self.take(key) {
            None => Ok(default),
            Some(v) => v.as_f64().ok_or_else(|| self.fault(key, "a number", &v)),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<bool, ModelError> {
        match self.take(key) {
            None => Ok(false),
            Some(v) => v.as_bool().ok_or_else(|| self.fault(key, "true or false", &v)),
        }
    }

    /// One token id, or a list of them.
    pub(super) fn tokens(&mut self, key: &str) -> Result<Vec<u32>, ModelError> {
        let value = self.take(key).unwrap_or(json!([]));
        let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let id = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let ids: Option<Vec<u32>> = items.iter().map(id).collect();
        ids.ok_or_else(|| self.fault(key, "a token id or a list of them", &value))
    }

    pub(super) fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, ModelError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(self.fault(key, "an object", &other)),
        }
    }

    pub(super) fn expect(&mut self, key: &str, allowed: &[Value]) -> Result<(), ModelError> {
        let value = self.take(key).unwrap_or(Value::Null);
        if allowed.contains(&value) {
            return Ok(());
        }
        let want = allowed.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
        Err(self.fault(key, &format!("{want} (nothing else is supported)"), &value))
    }

    pub(super) fn optional(&mut self, key: &str, allowed: &[Value]) -> Result<(), ModelError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => self.expect(key, allowed),
        }
    }

    pub(super) fn ignore(&mut self, keys: &[&str]) {
        self.map.retain(|key, _| !keys.contains(&key.as_str()));
    }

    pub(super) fn refuse_rest(&self) -> Result<(), ModelError> {
        let quiet = |v: &Value| v.is_null() || *v == json!(false);
        match self.map.iter().find(|(_, v)| !quiet(v)) {
            Some((key, value)) => Err(self.fault(key, "absent: this key is not supported", value)),
            None => Ok(()),
        }
    }
}
