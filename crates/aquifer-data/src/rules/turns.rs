//! Editing a document's text where it may be a dialogue, whose turns have to be edited with it.

use super::Asked;
use aquifer_corpus::{Document, Message};
use std::borrow::Cow;

/// The text as `edit` leaves it. The turns of a dialogue are edited one by one, handed to `ask`, and make its text.
pub(super) fn edit<'a>(
    document: &'a Document,
    ask: &mut Asked,
    mut edit: impl FnMut(&str) -> Cow<'_, str>,
) -> Cow<'a, str> {
    let Some(turns) = document.messages() else {
        // The closure's lifetimes say that what it borrows it borrows of its argument, so it is the text itself.
        return match edit(&document.text) {
            Cow::Borrowed(now) if now.len() == document.text.len() => Cow::Borrowed(&document.text),
            now => Cow::Owned(now.into_owned()),
        };
    };
    let mut changed = false;
    let now: Vec<Message> = turns
        .into_iter()
        .map(|turn| {
            let content = edit(&turn.content).into_owned();
            changed |= content != turn.content;
            Message { content, ..turn }
        })
        .collect();
    if !changed {
        return Cow::Borrowed(&document.text);
    }
    let mut dialogue = Document::dialogue("", &now);
    ask.metadata("messages", dialogue.metadata.remove("messages"));
    Cow::Owned(dialogue.text)
}
