//! The shape of an encoder, as Hugging Face's `config.json` says it.

use crate::ModelError;
use crate::config_keys::{self, Keys, check_min_shard, check_positive, fault, short};
use aquifer_ops::order::MIN_SHARD;
use serde_json::{Value, json};
use std::path::Path;

/// Which of BERT's kin it is: they differ in where positions begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncoderFamily {
    /// Positions from zero; segments of two types.
    Bert,
    /// RoBERTa's rule: positions from `pad_token_id + 1`, and every padding token stands at `pad_token_id`.
    XlmRoberta,
}

impl EncoderFamily {
    const ALL: [EncoderFamily; 2] = [EncoderFamily::Bert, EncoderFamily::XlmRoberta];

    fn model_type(self) -> &'static str {
        match self {
            EncoderFamily::Bert => "bert",
            EncoderFamily::XlmRoberta => "xlm-roberta",
        }
    }

    fn architecture(self) -> &'static str {
        match self {
            EncoderFamily::Bert => "BertModel",
            EncoderFamily::XlmRoberta => "XLMRobertaModel",
        }
    }

    /// What stands before every name in files of a model with a head.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            EncoderFamily::Bert => "bert.",
            EncoderFamily::XlmRoberta => "roberta.",
        }
    }
}

/// What a `config.json` of `model_type` `bert` or `xlm-roberta` says. Field names are its keys.
///
/// Reading is as strict as a decoder's: what would change the hidden states in a way that is not carried out here
/// is refused by name. Dropout is not: nothing is dropped when a finished model reads.
#[derive(Clone, PartialEq, Debug)]
pub struct EncoderConfig {
    /// Its `model_type`.
    pub family: EncoderFamily,
    /// Tokens a model knows.
    pub vocab_size: usize,
    /// Types of segments.
    pub type_vocab_size: usize,
    /// Rows of the table of positions.
    pub max_position_embeddings: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Heads; a divisor of the width.
    pub num_attention_heads: usize,
    /// Added to the variance before its root.
    pub layer_norm_eps: f32,
    /// Standard deviation of new weights.
    pub initializer_range: f32,
    /// The token that fills.
    pub pad_token_id: u32,
    /// The least length of a product's shard: below 256 only in tiny test models. Written under `aquifer`.
    pub min_shard: usize,
}

impl EncoderConfig {
    /// A new BERT: width, layers, heads and vocabulary; the feed-forward is four times as wide.
    pub fn small(hidden: usize, layers: usize, heads: usize, vocab: usize) -> Self {
        EncoderConfig {
            family: EncoderFamily::Bert,
            vocab_size: vocab,
            type_vocab_size: 2,
            max_position_embeddings: 512,
            hidden_size: hidden,
            intermediate_size: 4 * hidden,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            layer_norm_eps: 1e-12,
            initializer_range: 0.02,
            pad_token_id: 0,
            min_shard: MIN_SHARD,
        }
    }

    /// Reads a `config.json`.
    ///
    /// # Errors
    /// If it cannot be read, is no JSON object, or says something unsupported.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        config_keys::read(path, EncoderConfig::from_json)
    }

    /// Reads the contents of a `config.json`.
    ///
    /// # Errors
    /// If they say something unsupported, impossible or unknown; the error names the key.
    pub fn from_json(value: &Value) -> Result<Self, ModelError> {
        let mut keys = Keys::of(value)?;
        let kinds = EncoderFamily::ALL.map(|family| json!(family.model_type()));
        let kind = keys.expect("model_type", &kinds)?;
        let family = EncoderFamily::ALL.into_iter().find(|family| kind == family.model_type());
        let family = family.expect("it is one of the kinds");
        let hidden_size = keys.size("hidden_size")?;
        let pad = if family == EncoderFamily::Bert { 0 } else { 1 };
        let config = EncoderConfig {
            family,
            vocab_size: keys.size("vocab_size")?,
            type_vocab_size: keys.size_or("type_vocab_size", 2)?,
            max_position_embeddings: keys.size_or("max_position_embeddings", 512)?,
            hidden_size,
            intermediate_size: keys.size("intermediate_size")?,
            num_hidden_layers: keys.size("num_hidden_layers")?,
            num_attention_heads: keys.size("num_attention_heads")?,
            layer_norm_eps: keys.number_or("layer_norm_eps", 1e-12)? as f32,
            initializer_range: keys.number_or("initializer_range", 0.02)? as f32,
            pad_token_id: keys.tokens("pad_token_id")?.first().copied().unwrap_or(pad),
            min_shard: keys.min_shard()?,
        };
        keys.optional("hidden_act", &[json!("gelu")])?;
        keys.optional("position_embedding_type", &[json!("absolute")])?;
        keys.ignore_harmless(&[
            "attention_probs_dropout_prob",
            "hidden_dropout_prob",
            "classifier_dropout",
            "gradient_checkpointing",
            "tie_word_embeddings",
            "bos_token_id",
            "eos_token_id",
        ]);
        keys.refuse_rest()?;
        config.check()
    }

    /// Checks what the architecture needs of the numbers.
    ///
    /// # Errors
    /// Naming the key that does not fit.
    pub fn check(self) -> Result<Self, ModelError> {
        if self.num_attention_heads == 0 || !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let want = format!("a divisor of hidden_size ({})", self.hidden_size);
            return Err(fault("num_attention_heads", &want, &json!(self.num_attention_heads)));
        }
        if self.first_position() >= self.max_position_embeddings {
            let want = format!("above the first position, {}", self.first_position());
            return Err(fault("max_position_embeddings", &want, &json!(self.max_position_embeddings)));
        }
        check_positive("layer_norm_eps", self.layer_norm_eps.into())?;
        check_min_shard(self.min_shard)?;
        Ok(self)
    }

    /// What `config.json` holds.
    pub fn to_json(&self) -> Value {
        let mut map = json!({
            "architectures": [self.family.architecture()],
            "model_type": self.family.model_type(),
            "vocab_size": self.vocab_size,
            "type_vocab_size": self.type_vocab_size,
            "max_position_embeddings": self.max_position_embeddings,
            "position_embedding_type": "absolute",
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "hidden_act": "gelu",
            "layer_norm_eps": short(self.layer_norm_eps),
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "initializer_range": short(self.initializer_range),
            "pad_token_id": self.pad_token_id,
            "torch_dtype": "float32",
        });
        if self.min_shard != MIN_SHARD {
            map["aquifer"] = json!({ "min_shard": self.min_shard });
        }
        map
    }

    /// The longest text it reads, in tokens.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings - self.first_position()
    }

    /// The row of the table of positions that a text's first token takes.
    pub(super) fn first_position(&self) -> usize {
        match self.family {
            EncoderFamily::Bert => 0,
            EncoderFamily::XlmRoberta => self.pad_token_id as usize + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let bert = EncoderConfig { min_shard: 64, ..EncoderConfig::small(96, 3, 6, 1000) };
        let family = EncoderFamily::XlmRoberta;
        let roberta = EncoderConfig { family, pad_token_id: 1, layer_norm_eps: 1e-5, ..bert.clone() };
        for config in [bert, roberta] {
            assert_eq!(EncoderConfig::from_json(&config.to_json()).unwrap(), config);
        }
    }

    #[test]
    fn what_would_change_the_model_is_refused_by_name() {
        for (key, value) in [
            ("model_type", json!("llama")),
            ("hidden_act", json!("gelu_new")),
            ("position_embedding_type", json!("relative_key")),
            ("is_decoder", json!(true)),
            ("add_cross_attention", json!(true)),
            ("quantization_config", json!({"bits": 4})),
            ("num_attention_heads", json!(5)),
            ("max_position_embeddings", json!(0)),
            ("layer_norm_eps", json!(0.0)),
            ("hidden_size", json!("wide")),
            ("pad_token_id", json!("none")),
            ("something_new", json!(1)),
        ] {
            let mut map = EncoderConfig::small(64, 2, 4, 100).to_json();
            map[key] = value;
            let message = EncoderConfig::from_json(&map).unwrap_err().to_string();
            assert!(message.contains(key), "{key}: {message}");
        }
    }
}
