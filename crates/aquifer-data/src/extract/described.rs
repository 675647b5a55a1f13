//! What a page says about itself to search engines: JSON-LD (<https://www.w3.org/TR/json-ld11/>) by <https://schema.org/articleBody>.

use super::parse::{Attribute, Page};
use super::render::unescaped;
use super::tags::Tag;
use serde_json::Value;

/// Shorter ones are summaries.
const SHORTEST: usize = 100;

/// The longest text that a page gives as the body of an article.
pub(super) fn article_body(page: &Page) -> Option<String> {
    let is_described = |&i: &usize| {
        page.nodes[i].tag == Tag::Script
            && page
                .attribute(i, Attribute::Type)
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/ld+json"))
    };
    let mut longest = String::new();
    for script in (0..page.nodes.len()).filter(is_described) {
        let Some(text) = page.children(script).next().map(|text| page.nodes[text].text) else { continue };
        if text.contains("articleBody")
            && let Ok(value) = serde_json::from_str(text)
        {
            find(&value, &mut longest);
        }
    }
    (longest.len() >= SHORTEST).then(|| unescaped(&longest).into_owned())
}

fn find(value: &Value, longest: &mut String) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(body) if key == "articleBody" && body.len() > longest.len() => {
                        longest.clone_from(body)
                    }
                    _ => find(value, longest),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| find(value, longest)),
        _ => {}
    }
}
