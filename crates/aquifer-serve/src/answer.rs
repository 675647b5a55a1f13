//! One answer on its way out: tokens in, text and scores out, with stop strings and whole characters respected.

use aquifer_infer::{Finish, Scored};
use aquifer_text::{StopFilter, StreamDecoder, Tokenizer};
use std::collections::VecDeque;

/// A token that is part of the answer's text.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    /// The token.
    pub(crate) token: u32,
    /// Character of the answer's text at which it begins; one that begins inside a character has that one's place.
    pub(crate) start: usize,
    pub(crate) scored: Option<Scored>,
}

/// What became known by one token or by the end.
#[derive(Debug, Default, Clone)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// Tokens whose text is out now.
    pub(crate) tokens: Vec<Spoken>,
}

/// Builds one answer.
pub(crate) struct AnswerText<'a> {
    decoder: StreamDecoder<'a>,
    filter: StopFilter,
    /// Characters decoded, and of these shown.
    decoded: usize,
    shown: usize,
    waiting: VecDeque<Spoken>,
    /// Tokens received, those of a stop string included.
    pub(crate) tokens: usize,
    /// `stop` or `length`, once it has ended.
    pub(crate) finish: Option<&'static str>,
}

impl<'a> AnswerText<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer, stops: &[String]) -> Self {
        AnswerText {
            decoder: tokenizer.stream(),
            filter: StopFilter::new(stops),
            decoded: 0,
            shown: 0,
            waiting: VecDeque::new(),
            tokens: 0,
            finish: None,
        }
    }

    /// The next token. [`AnswerText::finish`] is set when it completed a stop string.
    pub(crate) fn push(&mut self, token: u32, scored: Option<Scored>) -> Piece {
        self.tokens += 1;
        self.waiting.push_back(Spoken { token, start: self.decoded, scored });
        // An id beyond the tokenizer's vocabulary (the model may have padding rows) has no text.
        let text = self.decoder.push(token).unwrap_or_default();
        self.decoded += text.chars().count();
        let shown = self.filter.push(&text);
        if self.filter.hit() {
            self.finish = Some("stop");
        }
        self.release(shown)
    }

    /// The engine has ended this answer.
    pub(crate) fn end(&mut self, reason: Finish) -> Piece {
        let rest = self.decoder.finish().unwrap_or_default();
        self.decoded += rest.chars().count();
        let mut shown = self.filter.push(&rest);
        shown += &self.filter.finish();
        let length = matches!(reason, Finish::Length) && !self.filter.hit();
        self.finish = Some(if length { "length" } else { "stop" });
        let mut piece = self.release(shown);
        if !self.filter.hit() {
            piece.tokens.extend(self.waiting.drain(..));
        }
        piece
    }

    fn release(&mut self, text: String) -> Piece {
        self.shown += text.chars().count();
        let out = self.waiting.iter().take_while(|token| token.start < self.shown).count();
        Piece { text, tokens: self.waiting.drain(..out).collect() }
    }
}

/// A token as text for a person and, when it is no whole text, as OpenAI writes bytes.
pub(crate) fn token_text(tokenizer: &Tokenizer, token: u32) -> String {
    match token_bytes(tokenizer, token) {
        Some(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let hex: String = error.as_bytes().iter().map(|b| format!("\\x{b:02x}")).collect();
                format!("bytes:{hex}")
            }
        },
        None => tokenizer.decode_with_special(&[token]).unwrap_or_default(),
    }
}

/// The bytes of a token, where the vocabulary knows them.
pub(crate) fn token_bytes(tokenizer: &Tokenizer, token: u32) -> Option<Vec<u8>> {
    tokenizer.bytes_of(token).map(<[u8]>::to_vec)
}
