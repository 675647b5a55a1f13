//! Reading a request's JSON: a wrong type or range is a 400 that names the field; fields nobody knows are ignored,
//! as OpenAI's own server does.

use crate::error::ApiError;
use serde_json::{Map, Value};

/// A JSON object being read.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Parses a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Fields(map)),
            Ok(other) => {
                Err(ApiError::invalid(None, format!("the body should be a JSON object, but is {}", kind(&other))))
            }
            Err(error) => Err(ApiError::invalid(None, format!("the body is not valid JSON: {error}"))),
        }
    }

    /// The value, unless absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<&str>, ApiError> {
        self.read(name, "a string", Value::as_str)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.read(name, "true or false", Value::as_bool)
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Fields>, ApiError> {
        self.read(name, "an object", |value| value.as_object().cloned().map(Fields))
    }

    /// A whole number within bounds, both included.
    pub(crate) fn count(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, ApiError> {
        let in_range = |value: &Value| value.as_u64().filter(|n| (least..=most).contains(n));
        self.read(name, &format!("a whole number from {least} to {most}"), in_range)
    }

    /// A number within bounds, both included.
    pub(crate) fn number(&self, name: &str, least: f64, most: f64) -> Result<Option<f32>, ApiError> {
        let in_range = |value: &Value| value.as_f64().filter(|x| (least..=most).contains(x)).map(|x| x as f32);
        self.read(name, &format!("a number from {least} to {most}"), in_range)
    }

    /// Any whole number, negative ones too.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.read(name, "a whole number", |v| v.as_u64().or_else(|| v.as_i64().map(|n| n as u64)))
    }

    /// A value the caller reads; `None` from it is a wrong type or range.
    pub(crate) fn read<'a, T>(
        &'a self,
        name: &str,
        want: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => {
                Err(ApiError::invalid(name.to_owned(), format!("`{name}` should be {want}, but is {}", shown(value))))
            }
        }
    }

    /// Refuses fields that would change the meaning of the answer and are not supported.
    pub(crate) fn refuse(&self, fields: &[(&str, &str)]) -> Result<(), ApiError> {
        for (name, why) in fields {
            let asks = self.get(name).is_some_and(|value| match value {
                Value::Array(items) => !items.is_empty(),
                Value::Object(items) => !items.is_empty(),
                Value::String(text) => !text.is_empty() && text != "none" && text != "auto",
                Value::Bool(on) => *on,
                _ => true,
            });
            if asks {
                return Err(ApiError::unsupported(name, format!("`{name}` is not supported: {why}")));
            }
        }
        Ok(())
    }
}

/// The kind of a value, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value as it came, cut short.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
