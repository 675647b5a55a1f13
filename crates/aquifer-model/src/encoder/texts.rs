//! What an encoder reads: texts of any lengths, one behind the other, nothing between them.

use super::EncoderConfig;
use crate::ModelError;
use std::ops::Range;
use std::sync::Arc;

/// Some texts, packed: no row is padding.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Texts {
    tokens: Vec<u32>,
    types: Vec<u32>,
    rows: Vec<Range<usize>>,
}

impl Texts {
    /// Texts of one segment each.
    pub fn new<T: AsRef<[u32]>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut all = Texts::default();
        for text in texts {
            let tokens = text.as_ref();
            all.push(tokens, &vec![0; tokens.len()]);
        }
        all
    }

    /// Adds a text with the type of each token's segment.
    ///
    /// # Panics
    /// If there are not as many types as tokens.
    pub fn push(&mut self, tokens: &[u32], types: &[u32]) {
        assert_eq!(tokens.len(), types.len(), "every token has a type");
        let start = self.tokens.len();
        self.tokens.extend(tokens);
        self.types.extend(types);
        self.rows.push(start..self.tokens.len());
    }

    /// Tokens of all texts together.
    pub fn token_count(&self) -> usize {
        self.tokens.len()
    }

    /// The rows of the hidden states that belong to each text.
    pub fn rows(&self) -> &[Range<usize>] {
        &self.rows
    }

    /// Tokens, types and positions, as an embedding reads them.
    pub(super) fn ids(&self, config: &EncoderConfig) -> Result<[Arc<[u32]>; 3], ModelError> {
        let fault = |field, want: String, got: String| ModelError::Batch { field, want, got };
        if let Some(id) = self.tokens.iter().find(|&&id| id as usize >= config.vocab_size) {
            let want = format!("below the vocabulary's {}", config.vocab_size);
            return Err(fault("tokens", want, id.to_string()));
        }
        if let Some(kind) = self.types.iter().find(|&&kind| kind as usize >= config.type_vocab_size) {
            let want = format!("below the model's {} types", config.type_vocab_size);
            return Err(fault("types", want, kind.to_string()));
        }
        if let Some(text) = self.rows.iter().find(|text| text.len() > config.max_tokens()) {
            let want = format!("texts of at most {} tokens", config.max_tokens());
            return Err(fault("tokens", want, format!("one of {}", text.len())));
        }
        let positions = self.rows.iter().flat_map(|text| positions(&self.tokens[text.clone()], config)).collect();
        Ok([self.tokens[..].into(), self.types[..].into(), positions])
    }
}

/// Where the tokens of one text stand in the table. RoBERTa does not count padding tokens, wherever they come.
fn positions(text: &[u32], config: &EncoderConfig) -> Vec<u32> {
    let (pad, first) = (config.pad_token_id, config.first_position() as u32);
    let mut next = first;
    let mut place = |&token: &u32| match first > 0 && token == pad {
        true => pad,
        false => {
            next += 1;
            next - 1
        }
    };
    text.iter().map(&mut place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::EncoderFamily;
    use super::*;

    #[test]
    fn positions_begin_where_the_family_begins() {
        let bert = EncoderConfig { max_position_embeddings: 6, ..EncoderConfig::small(64, 1, 4, 10) };
        let roberta = EncoderConfig { family: EncoderFamily::XlmRoberta, pad_token_id: 1, ..bert.clone() };
        let texts = Texts::new([vec![5, 1, 6], vec![], vec![7]]);
        assert_eq!(*texts.ids(&bert).unwrap()[2], [0, 1, 2, 0]);
        assert_eq!(*texts.ids(&roberta).unwrap()[2], [2, 1, 3, 2]);
        assert_eq!(texts.rows(), [0..3, 3..3, 3..4]);
    }

    #[test]
    fn what_lies_beyond_the_model_is_refused() {
        let config = EncoderConfig { max_position_embeddings: 3, ..EncoderConfig::small(64, 1, 4, 10) };
        let mut types = Texts::default();
        types.push(&[1], &[2]);
        for (texts, said) in [
            (Texts::new([[10]]), "below the vocabulary's 10"),
            (types, "below the model's 2 types"),
            (Texts::new([[1, 2, 3, 4]]), "at most 3 tokens"),
        ] {
            let message = texts.ids(&config).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }
}
