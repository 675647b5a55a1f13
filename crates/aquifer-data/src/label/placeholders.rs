//! Prompts with gaps: `{text}` in them is filled, once and never in what was filled in.

/// Replaces every `{name}` by what `value` gives for it; other braces, such as those of JSON, stay.
pub fn fill<'a>(prompt: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(prompt.len());
    let mut rest = prompt;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match gap(rest).and_then(|name| Some((name, value(name)?))) {
            Some((name, text)) => {
                out.push_str(text);
                rest = &rest[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// The names of all gaps, in order.
pub(crate) fn gaps(prompt: &str) -> impl Iterator<Item = &str> {
    prompt.match_indices('{').filter_map(|(at, _)| gap(&prompt[at..]))
}

/// Checks a prompt for gaps that nothing fills, and for those that must be there.
pub(crate) fn check(prompt: &str, known: &[&str], needed: &[&str]) -> Result<(), String> {
    if let Some(odd) = gaps(prompt).find(|name| !known.contains(name)) {
        let names: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
        return Err(format!("nothing fills {{{odd}}} in its prompt; there are {}", names.join(", ")));
    }
    match needed.iter().find(|&&name| !gaps(prompt).any(|gap| gap == name)) {
        Some(absent) => Err(format!("its prompt should hold {{{absent}}}")),
        None => Ok(()),
    }
}

/// The name in a gap at the beginning of `text`: lower-case letters and underscores.
fn gap(text: &str) -> Option<&str> {
    let name = &text[1..text.find('}')?];
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_once_and_json_stays() {
        let value = |name: &str| match name {
            "text" => Some("{text} {classes}"),
            _ => None,
        };
        let prompt = "a {text} b {\"score\": 3} {} {other} {";
        assert_eq!(fill(prompt, value), "a {text} {classes} b {\"score\": 3} {} {other} {");
        assert_eq!(gaps(prompt).collect::<Vec<_>>(), ["text", "other"]);
        assert!(check(prompt, &["text"], &[]).unwrap_err().contains("{other}"));
        assert!(check("x", &["text"], &["text"]).unwrap_err().contains("should hold {text}"));
    }
}
