//! How large a model of some shape is.

use crate::DecoderConfig;

impl DecoderConfig {
    /// Numbers in all weights; a tied head counts once.
    pub fn param_count(&self) -> usize {
        let (d, wide) = (self.hidden_size, self.intermediate_size);
        let (q, kv) = (self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim);
        let attention = 2 * d * q + 2 * d * kv + if self.attention_bias { q + 2 * kv + d } else { 0 };
        let mlp = 3 * d * wide + if self.mlp_bias { 2 * wide + d } else { 0 };
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        self.num_hidden_layers * (attention + mlp + 2 * d) + d + tables * self.vocab_size * d
    }
}
