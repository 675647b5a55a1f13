//! What a `tokenizer.json` from outside must fulfil before the reader behind it sees it. That reader trusts its
//! input: it indexes by what it finds and allocates what it is told.

use serde_json::Value;
use std::collections::HashSet;

/// Largest file read; the biggest published vocabularies are near 40 MB.
pub(crate) const MAX_BYTES: u64 = 256 << 20;
/// Ids lie below this, so that tables by id stay small.
pub(crate) const MAX_IDS: u64 = 1 << 22;

/// Removes what would alter texts silently and refuses what cannot work; the reason is for a person.
pub(crate) fn clean(json: &mut Value) -> Result<(), String> {
    let Some(object) = json.as_object_mut() else {
        return Err("it is not a JSON object; a tokenizer.json starts with `{`".into());
    };
    // Truncation and padding are the caller's business: text must not get lost here.
    object.insert("truncation".into(), Value::Null);
    object.insert("padding".into(), Value::Null);
    let model = json.get("model").and_then(Value::as_object).ok_or("it has no `model` object")?;
    if model.get("dropout").and_then(Value::as_f64).is_some_and(|p| p != 0.0) {
        return Err("its model has `dropout`, which would encode one text in several ways; set it to null".into());
    }
    match model.get("vocab") {
        Some(Value::Object(vocab)) => {
            if let Some((token, id)) = vocab.iter().find(|(_, id)| id.as_u64().is_none_or(|id| id >= MAX_IDS)) {
                return Err(format!("token {token:?} has id {id}; ids are whole numbers below {MAX_IDS}"));
            }
            check_merges(model, vocab)?;
        }
        Some(Value::Array(vocab)) if (vocab.len() as u64) < MAX_IDS => {}
        _ => return Err("its model has no `vocab` of a sensible size".into()),
    }
    let added = json.get("added_tokens").and_then(Value::as_array);
    if let Some(token) = added.into_iter().flatten().find(|t| t["id"].as_u64().is_none_or(|id| id >= MAX_IDS)) {
        return Err(format!("added token {token} has no id below {MAX_IDS}"));
    }
    if let Some(token) = added.into_iter().flatten().find(|t| t["content"].as_str().is_none_or(str::is_empty)) {
        return Err(format!("added token {token} has no content"));
    }
    Ok(())
}

fn check_merges(model: &serde_json::Map<String, Value>, vocab: &serde_json::Map<String, Value>) -> Result<(), String> {
    let Some(merges) = model.get("merges").and_then(Value::as_array) else { return Ok(()) };
    let prefix = model.get("continuing_subword_prefix").and_then(Value::as_str).unwrap_or_default();
    let mut joined = String::new();
    let mut seen = HashSet::new();
    for (rank, merge) in merges.iter().enumerate() {
        let halves = match merge {
            Value::String(line) if line.starts_with("#version") => continue,
            Value::String(line) => line.split_once(' '),
            Value::Array(pair) if pair.len() == 2 => pair[0].as_str().zip(pair[1].as_str()),
            _ => None,
        };
        let (a, b) = halves.ok_or_else(|| format!("merge {rank} is {merge}, not two tokens"))?;
        let rest =
            b.strip_prefix(prefix).ok_or_else(|| format!("merge {rank}: {b:?} does not start with {prefix:?}"))?;
        joined.clear();
        joined.push_str(a);
        joined.push_str(rest);
        if let Some(missing) = [a, b, &joined].into_iter().find(|t| !vocab.contains_key(*t)) {
            return Err(format!("merge {rank} joins {a:?} and {b:?}, but {missing:?} is not in the vocabulary"));
        }
        if !seen.insert((a, b)) {
            return Err(format!("merge {rank} joins {a:?} and {b:?}, which an earlier merge did"));
        }
    }
    Ok(())
}
