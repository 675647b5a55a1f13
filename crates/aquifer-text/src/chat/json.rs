//! `tojson` as Python's `json.dumps(value, ensure_ascii=False, indent=…)` writes it: a space after `:` and `,`.

use minijinja::value::{Kwargs, Value as Jinja};
use minijinja::{Error, ErrorKind};
use serde_json::Value;

pub(super) fn tojson(value: Jinja, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    for ignored in ["ensure_ascii", "separators", "sort_keys"] {
        let _: Option<Jinja> = options.get(ignored)?;
    }
    let value = serde_json::to_value(&value).map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
    let mut out = String::new();
    write(&value, indent, 0, &mut out);
    Ok(out)
}

fn write(value: &Value, indent: Option<usize>, depth: usize, out: &mut String) {
    let items: Vec<(Option<&str>, &Value)> = match value {
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        Value::Object(items) => items.iter().map(|(key, item)| (Some(key.as_str()), item)).collect(),
        scalar => return out.push_str(&scalar.to_string()),
    };
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    let line = |depth: usize, out: &mut String| {
        if let Some(width) = indent {
            out.push('\n');
            out.push_str(&" ".repeat(width * depth));
        }
    };
    out.push(open);
    for (at, (key, item)) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(if indent.is_some() { "," } else { ", " });
        }
        line(depth + 1, out);
        if let Some(key) = key {
            out.push_str(&Value::from(*key).to_string());
            out.push_str(": ");
        }
        write(item, indent, depth + 1, out);
    }
    if !items.is_empty() {
        line(depth, out);
    }
    out.push(close);
}
