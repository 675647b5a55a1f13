//! Which parts of a rendered conversation the template wrote, and which the people in it.
//!
//! The template is rendered a second time with a mark of private-use characters in place of every content. Where both
//! renderings agree with the marks put back, each byte has a known author, and a `<|im_end|>` somebody typed is text.

use super::{ChatTemplate, Message};
use std::ops::Range;

/// A stretch of the rendered text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// Written by the template.
    Template,
    /// The content of this message.
    Message(usize),
}

const OPEN: char = '\u{F5A3A}';
const CLOSE: char = '\u{F5A3B}';

/// The stretches of `rendered` in order, or `None` if the template does more to contents than trim them.
pub(super) fn stretches(
    template: &ChatTemplate,
    messages: &[Message],
    add_generation_prompt: bool,
    rendered: &str,
) -> Option<Vec<(Author, Range<usize>)>> {
    let marked: Vec<Message> =
        messages.iter().enumerate().map(|(i, m)| Message::new(&m.role, format!("{OPEN}{i}{CLOSE}"))).collect();
    let skeleton = template.render(&marked, add_generation_prompt).ok()?;
    let parts = parts(&skeleton, messages.len())?;
    fit(&parts, messages, rendered, |content| content).or_else(|| fit(&parts, messages, rendered, str::trim))
}

enum Part<'a> {
    Text(&'a str),
    Content(usize),
}

fn parts(skeleton: &str, n_messages: usize) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = skeleton;
    while let Some(at) = rest.find(OPEN) {
        let (text, marked) = rest.split_at(at);
        let (number, after) = marked[OPEN.len_utf8()..].split_once(CLOSE)?;
        let message: usize = number.parse().ok().filter(|&i| i < n_messages)?;
        parts.extend([Part::Text(text), Part::Content(message)]);
        rest = after;
    }
    parts.push(Part::Text(rest));
    Some(parts)
}

fn fit(
    parts: &[Part],
    messages: &[Message],
    rendered: &str,
    shown: impl Fn(&str) -> &str,
) -> Option<Vec<(Author, Range<usize>)>> {
    let mut stretches = Vec::new();
    let mut at = 0;
    for part in parts {
        let (author, text) = match part {
            Part::Text(text) => (Author::Template, *text),
            Part::Content(i) => (Author::Message(*i), shown(&messages[*i].content)),
        };
        if !rendered.get(at..)?.starts_with(text) {
            return None;
        }
        stretches.push((author, at..at + text.len()));
        at += text.len();
    }
    (at == rendered.len()).then_some(stretches)
}
