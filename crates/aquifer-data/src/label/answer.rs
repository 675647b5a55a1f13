//! JSON in what a model said, among whatever else it said.

use serde_json::{Map, Value};

/// Braces at which an object is looked for, from the end of the answer.
const TRIES: usize = 64;

/// The last JSON object in `text` that holds `field`: a model that thinks aloud may draft it before.
pub(crate) fn last_object(text: &str, field: &str) -> Option<Map<String, Value>> {
    for (at, _) in text.rmatch_indices('{').take(TRIES) {
        let mut found = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        if let Some(Ok(Value::Object(object))) = found.next()
            && object.contains_key(field)
        {
            return Some(object);
        }
    }
    None
}
