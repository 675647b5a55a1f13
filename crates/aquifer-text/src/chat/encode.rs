//! A conversation as ids, and which of them the assistant said.

use super::Message;
use super::provenance::{Author, stretches};
use crate::{TextError, Tokenizer};
use std::ops::Range;

/// The ids of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatIds {
    /// The ids.
    pub ids: Vec<u32>,
    /// For each id, whether the assistant said it: its content and the token that ends its turn. These are the
    /// targets of training on dialogues.
    pub assistant: Vec<bool>,
}

impl Tokenizer {
    /// Renders a conversation by the chat template and encodes it.
    ///
    /// Special tokens are those the template wrote; what looks like one inside a message stays text. An assistant's
    /// content is encoded apart from the template's text around it, so the ids of a prompt are the beginning of the
    /// ids of the prompt with its answer. Otherwise the ids are those of `apply_chat_template` in `transformers`.
    ///
    /// # Errors
    /// [`TextError::Template`] if there is no template, it refuses the messages, or it rewrites contents in which
    /// special tokens occur, so that one cannot be told from the other.
    pub fn encode_chat(&self, messages: &[Message], add_generation_prompt: bool) -> Result<ChatIds, TextError> {
        let template = self.chat_template().ok_or_else(|| {
            TextError::Template("this tokenizer has none; add `chat_template` to its tokenizer_config.json".into())
        })?;
        let rendered = template.render(messages, add_generation_prompt)?;
        let special: Vec<(u32, &str)> = self.special_tokens();
        let parts = match stretches(template, messages, add_generation_prompt, &rendered) {
            Some(parts) => parts,
            None => search(messages, &rendered, &special)?,
        };
        let mut out = Builder { tokenizer: self, run: String::new(), done: ChatIds::default() };
        let mut turn_is_open = false;
        for (author, range) in parts {
            let text = &rendered[range];
            match author {
                Author::Message(i) if messages[i].is_assistant() => {
                    out.flush(false)?;
                    out.run.push_str(text);
                    out.flush(true)?;
                    turn_is_open = true;
                }
                Author::Message(_) => {
                    out.run.push_str(text);
                    turn_is_open = false;
                }
                Author::Template => {
                    let mut rest = text;
                    while let Some((at, id, len)) = first_special(rest, &special) {
                        out.run.push_str(&rest[..at]);
                        out.flush(turn_is_open)?;
                        out.done.ids.push(id);
                        out.done.assistant.push(turn_is_open);
                        turn_is_open = false;
                        rest = &rest[at + len..];
                    }
                    out.run.push_str(rest);
                }
            }
        }
        out.flush(false)?;
        Ok(out.done)
    }
}

struct Builder<'a> {
    tokenizer: &'a Tokenizer,
    /// Text gathered but not yet encoded.
    run: String,
    done: ChatIds,
}

impl Builder<'_> {
    fn flush(&mut self, assistant: bool) -> Result<(), TextError> {
        if !self.run.is_empty() {
            let ids = self.tokenizer.encode(&self.run)?;
            self.done.assistant.extend(ids.iter().map(|_| assistant));
            self.done.ids.extend(ids);
            self.run.clear();
        }
        Ok(())
    }
}

/// Place, id and length of the leftmost special token, the longest of those that begin there.
fn first_special(text: &str, special: &[(u32, &str)]) -> Option<(usize, u32, usize)> {
    let found = special.iter().filter_map(|&(id, token)| Some((text.find(token)?, id, token.len())));
    found.min_by_key(|&(at, _, len)| (at, std::cmp::Reverse(len)))
}

/// Without known authors, assistants' contents are looked for in order; safe only when no content holds a special token.
fn search(
    messages: &[Message],
    rendered: &str,
    special: &[(u32, &str)],
) -> Result<Vec<(Author, Range<usize>)>, TextError> {
    for (i, message) in messages.iter().enumerate() {
        if let Some((at, _, len)) = first_special(&message.content, special) {
            let token = &message.content[at..at + len];
            let why = format!(
                "it rewrites contents, and message {i} contains {token:?}, which could not be told from a real one"
            );
            return Err(TextError::Template(why));
        }
    }
    let (mut parts, mut at) = (Vec::new(), 0);
    for (i, message) in messages.iter().enumerate().filter(|(_, m)| m.is_assistant()) {
        let content = message.content.trim();
        let Some(found) = rendered[at..].find(content) else {
            let why = format!("it does not show the content of message {i}, so what the assistant said is not known");
            return Err(TextError::Template(why));
        };
        parts.push((Author::Template, at..at + found));
        parts.push((Author::Message(i), at + found..at + found + content.len()));
        at += found + content.len();
    }
    parts.push((Author::Template, at..rendered.len()));
    Ok(parts)
}
