//! YAML of JSON values, in the block style that `kubectl` prints.

use serde_json::Value;
use std::fmt::Write;

/// A document. Strings keep JSON's quotes, which are YAML's too, so that `no`, `1.10` and `~` stay strings; text of several
/// lines stands as a block.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::from("---\n");
    put(value, 0, &mut out);
    out
}

/// Writes a value whose lines begin `depth` steps from the left; what fits behind a key or a dash stands there.
fn put(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (i, (key, value)) in map.iter().enumerate() {
                if i > 0 || !out.ends_with("- ") {
                    indent(depth, out);
                }
                write!(out, "{}:", name(key)).expect("strings take everything");
                behind(value, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, out);
                out.push('-');
                behind(item, depth, out);
            }
        }
        scalar => {
            indent(depth, out);
            writeln!(out, "{scalar}").expect("strings take everything");
        }
    }
}

/// Writes what stands behind a key or a dash.
fn behind(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => match out.ends_with('-') {
            true => {
                out.push(' ');
                put(value, depth + 1, out);
            }
            false => {
                out.push('\n');
                put(value, depth + 1, out);
            }
        },
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            // A list in a list is further in; under a key it may begin where the key does.
            put(value, depth, out);
        }
        Value::String(text) if is_block(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in text.trim_end_matches('\n').split('\n') {
                if !line.is_empty() {
                    indent(depth + 1, out);
                }
                out.push_str(line);
                out.push('\n');
            }
        }
        scalar => writeln!(out, " {scalar}").expect("strings take everything"),
    }
}

/// Whether a text comes back whole from a block: several lines, no line of which says how far in it is, and no characters
/// that YAML would have escaped.
fn is_block(text: &str) -> bool {
    let odd = |c: char| (c.is_control() && c != '\n') || "\u{85}\u{2028}\u{2029}\u{feff}".contains(c);
    let ends = text.len() - text.trim_end_matches('\n').len();
    text.contains('\n') && ends < 2 && !text.starts_with([' ', '\n']) && !text.contains(odd)
}

/// A key: plain where nobody could take it for something else.
fn name(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let word = key.starts_with(|c: char| c.is_ascii_alphabetic());
    let taken = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&key.to_lowercase().as_str());
    match word && !taken && key.chars().all(plain) {
        true => key.to_owned(),
        false => Value::from(key).to_string(),
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::document;
    use serde_json::json;

    #[test]
    fn values_are_written_as_kubectl_does() {
        let value = json!({
            "kind": "Job",
            "count": 3,
            "n": 4,
            "empty": {},
            "none": [],
            "args": ["--task", "$(JOB_COMPLETION_INDEX)/3", "no"],
            "list": [{"name": "a", "more": {"x": 1}}, {"name": "b", "of": [1, 2]}],
            "a b": "1.10",
            "text": "[[stage]]\nrule = \"noise\"\n\n  deeper\n",
            "odd": "a\tb\nc",
        });
        let expected = r#"---
kind: "Job"
count: 3
"n": 4
empty: {}
none: []
args:
- "--task"
- "$(JOB_COMPLETION_INDEX)/3"
- "no"
list:
- name: "a"
  more:
    x: 1
- name: "b"
  of:
  - 1
  - 2
"a b": "1.10"
text: |
  [[stage]]
  rule = "noise"

    deeper
odd: "a\tb\nc"
"#;
        assert_eq!(document(&value), expected);
    }
}
