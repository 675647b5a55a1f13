//! The shape of a Llama-type decoder, as Hugging Face's `config.json` says it.

use crate::ModelError;
use crate::config_keys::{self, Keys, check_min_shard, check_positive, fault, short};
use aquifer_ops::order::MIN_SHARD;
use serde_json::{Value, json};
use std::path::Path;

/// What a `config.json` of `model_type` `llama` says. Field names are its keys.
///
/// Reading is strict: a key that changes the mathematics in a way this crate does not carry out is refused by
/// name, and so is a key nobody here has heard of.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(into = "Value", try_from = "Value")]
pub struct DecoderConfig {
    /// Tokens a model knows.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; a divisor of the query heads.
    pub num_key_value_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Positions the rotary table holds.
    pub max_position_embeddings: usize,
    /// Added to the mean square before its root.
    pub rms_norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Whether the head is the embedding.
    pub tie_word_embeddings: bool,
    /// Whether attention's projections have biases.
    pub attention_bias: bool,
    /// Whether the feed-forward's projections have biases.
    pub mlp_bias: bool,
    /// Standard deviation of new weights.
    pub initializer_range: f32,
    /// The token that begins a document.
    pub bos_token_id: Option<u32>,
    /// Tokens that end one.
    pub eos_token_ids: Vec<u32>,
    /// The token that fills.
    pub pad_token_id: Option<u32>,
    /// The least length of a product's shard: below 256 only in tiny test models. Written under `aquifer`.
    pub min_shard: usize,
}

impl DecoderConfig {
    /// A new model: `hidden_size`, layers, query heads, key/value heads and vocabulary; the feed-forward is
    /// 8/3 of the width, rounded up to 64; the head is tied.
    pub fn small(hidden: usize, layers: usize, heads: usize, kv_heads: usize, vocab: usize) -> Self {
        DecoderConfig {
            vocab_size: vocab,
            hidden_size: hidden,
            intermediate_size: (hidden * 8 / 3).next_multiple_of(64),
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
            head_dim: hidden / heads.max(1),
            max_position_embeddings: 2048,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            tie_word_embeddings: true,
            attention_bias: false,
            mlp_bias: false,
            initializer_range: 0.02,
            bos_token_id: None,
            eos_token_ids: Vec::new(),
            pad_token_id: None,
            min_shard: MIN_SHARD,
        }
    }

    /// Reads a `config.json`.
    ///
    /// # Errors
    /// If it cannot be read, is no JSON object, or says something unsupported.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        config_keys::read(path, DecoderConfig::from_json)
    }

    /// Reads the contents of a `config.json`.
    ///
    /// # Errors
    /// If they say something unsupported, impossible or unknown; the error names the key.
    pub fn from_json(value: &Value) -> Result<Self, ModelError> {
        let mut keys = Keys::of(value)?;
        keys.expect("model_type", &[json!("llama")])?;
        let hidden_size = keys.size("hidden_size")?;
        let num_attention_heads = keys.size("num_attention_heads")?;
        let mut config = DecoderConfig {
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            intermediate_size: keys.size("intermediate_size")?,
            num_hidden_layers: keys.size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: keys.size_or("num_key_value_heads", num_attention_heads)?,
            head_dim: keys.size_or("head_dim", hidden_size / num_attention_heads)?,
            max_position_embeddings: keys.size_or("max_position_embeddings", 2048)?,
            rms_norm_eps: keys.number_or("rms_norm_eps", 1e-6)? as f32,
            rope_theta: 10_000.0,
            tie_word_embeddings: keys.flag("tie_word_embeddings")?,
            attention_bias: keys.flag("attention_bias")?,
            mlp_bias: keys.flag("mlp_bias")?,
            initializer_range: keys.number_or("initializer_range", 0.02)? as f32,
            bos_token_id: keys.tokens("bos_token_id")?.first().copied(),
            eos_token_ids: keys.tokens("eos_token_id")?,
            pad_token_id: keys.tokens("pad_token_id")?.first().copied(),
            min_shard: keys.min_shard()?,
        };
        config.read_rope(&mut keys)?;
        keys.optional("hidden_act", &[json!("silu"), json!("swish")])?;
        keys.optional("attention_dropout", &[json!(0), json!(0.0)])?;
        keys.ignore_harmless(&["pretraining_tp", "is_decoder"]);
        keys.refuse_rest()?;
        config.check()
    }

    /// The base of the rotary frequencies stands at the top in older files and under `rope_parameters` in newer
    /// ones; `rope_scaling` is its older neighbour.
    fn read_rope(&mut self, keys: &mut Keys) -> Result<(), ModelError> {
        self.rope_theta = keys.number_or("rope_theta", self.rope_theta)?;
        for (name, prefix) in [("rope_parameters", "rope_parameters."), ("rope_scaling", "rope_scaling.")] {
            if let Some(map) = keys.object(name)? {
                let mut rope = Keys { map, prefix };
                self.rope_theta = rope.number_or("rope_theta", self.rope_theta)?;
                rope.optional("rope_type", &[json!("default")])?;
                rope.optional("type", &[json!("default")])?;
                rope.optional("partial_rotary_factor", &[json!(1), json!(1.0)])?;
                rope.refuse_rest()?;
            }
        }
        Ok(())
    }

    /// Checks what the architecture needs of the numbers.
    ///
    /// # Errors
    /// Naming the key that does not fit.
    pub fn check(self) -> Result<Self, ModelError> {
        let kv = self.num_key_value_heads;
        if kv == 0 || !self.num_attention_heads.is_multiple_of(kv) {
            let want = format!("a divisor of num_attention_heads ({})", self.num_attention_heads);
            return Err(fault("num_key_value_heads", &want, &json!(kv)));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return Err(fault("head_dim", "even: rotary positions turn pairs", &json!(self.head_dim)));
        }
        check_positive("rms_norm_eps", self.rms_norm_eps.into())?;
        check_positive("rope_theta", self.rope_theta)?;
        check_min_shard(self.min_shard)?;
        Ok(self)
    }

    /// What `config.json` holds. Both places of the rotary base are written, for readers of either age.
    pub fn to_json(&self) -> Value {
        let mut map = json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "max_position_embeddings": self.max_position_embeddings,
            "rms_norm_eps": short(self.rms_norm_eps),
            "rope_theta": self.rope_theta,
            "rope_parameters": { "rope_type": "default", "rope_theta": self.rope_theta },
            "tie_word_embeddings": self.tie_word_embeddings,
            "attention_bias": self.attention_bias,
            "mlp_bias": self.mlp_bias,
            "attention_dropout": 0.0,
            "initializer_range": short(self.initializer_range),
            "bos_token_id": self.bos_token_id,
            "eos_token_id": match &self.eos_token_ids[..] {
                [] => Value::Null,
                [one] => json!(one),
                many => json!(many),
            },
            "pad_token_id": self.pad_token_id,
            "torch_dtype": "float32",
            "use_cache": true,
        });
        if self.min_shard != MIN_SHARD {
            map["aquifer"] = json!({ "min_shard": self.min_shard });
        }
        map
    }

    /// Rows of the embedding and the head in memory: the vocabulary, padded to a multiple of 256.
    pub fn padded_vocab(&self) -> usize {
        self.vocab_size.next_multiple_of(256)
    }
}

impl From<DecoderConfig> for Value {
    fn from(config: DecoderConfig) -> Value {
        config.to_json()
    }
}

impl TryFrom<Value> for DecoderConfig {
    type Error = ModelError;
    fn try_from(value: Value) -> Result<Self, ModelError> {
        DecoderConfig::from_json(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Value {
        DecoderConfig { eos_token_ids: vec![2, 7], ..DecoderConfig::small(64, 2, 4, 2, 100) }.to_json()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let config = DecoderConfig { min_shard: 64, rms_norm_eps: 3e-6, ..DecoderConfig::small(96, 3, 6, 2, 1000) };
        assert_eq!(DecoderConfig::from_json(&config.to_json()).unwrap(), config);
        assert_eq!(DecoderConfig::from_json(&base()).unwrap().eos_token_ids, [2, 7]);
    }

    #[test]
    fn the_rotary_base_is_found_in_both_places() {
        for (key, value) in [("rope_theta", json!(5e5)), ("rope_parameters", json!({"rope_theta": 5e5}))] {
            let mut map = base();
            map["rope_theta"] = Value::Null;
            map["rope_parameters"] = Value::Null;
            map[key] = value;
            assert_eq!(DecoderConfig::from_json(&map).unwrap().rope_theta, 5e5);
        }
    }

    #[test]
    fn what_would_change_the_model_is_refused_by_name() {
        for (key, value) in [
            ("model_type", json!("qwen2")),
            ("hidden_act", json!("gelu")),
            ("sliding_window", json!(4096)),
            ("rope_scaling", json!({"rope_type": "llama3", "factor": 8.0})),
            ("rope_parameters", json!({"rope_type": "yarn"})),
            ("rope_parameters", json!({"rope_type": "default", "partial_rotary_factor": 0.5})),
            ("quantization_config", json!({"bits": 4})),
            ("attention_dropout", json!(0.1)),
            ("num_key_value_heads", json!(3)),
            ("head_dim", json!(15)),
            ("hidden_size", json!(-1)),
            ("hidden_size", json!(1e30)),
            ("vocab_size", json!("many")),
            ("tie_word_embeddings", json!("yes")),
            ("eos_token_id", json!([1, "x"])),
            ("something_new", json!(1)),
        ] {
            let mut map = base();
            map[key] = value;
            let message = DecoderConfig::from_json(&map).unwrap_err().to_string();
            assert!(message.contains(key), "{key}: {message}");
        }
        assert!(DecoderConfig::from_json(&json!([1])).is_err());
    }
}
