//! The networks that are measured: shapes of real models.

use aquifer_grad::{Kind, Params};
use aquifer_model::{DecoderConfig, EncoderConfig, TokenBatch};
use aquifer_tensor::random::Stream;

/// A network and the batch it is trained with, or reads.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) small: bool,
    pub(super) family: Family,
    pub(super) layers: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) vocab: usize,
    pub(super) sequence: usize,
    pub(super) batch: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Gpt,
    Llama,
    Bert,
}

pub(super) const SHAPES: [Shape; 5] = [
    Shape {
        name: "gpt-17m",
        about: "GPT-2 type, 6 layers of 384, batches of 8 × 256",
        small: true,
        family: Family::Gpt,
        layers: 6,
        width: 384,
        heads: 6,
        kv_heads: 6,
        vocab: 8192,
        sequence: 256,
        batch: 8,
    },
    Shape {
        name: "llama-13m",
        about: "Llama type, 6 layers of 384, batches of 8 × 256",
        small: true,
        family: Family::Llama,
        layers: 6,
        width: 384,
        heads: 6,
        kv_heads: 2,
        vocab: 8192,
        sequence: 256,
        batch: 8,
    },
    Shape {
        name: "gpt-136m",
        about: "GPT-2 type, 12 layers of 768, batches of 4 × 512",
        small: false,
        family: Family::Gpt,
        layers: 12,
        width: 768,
        heads: 12,
        kv_heads: 12,
        vocab: 32768,
        sequence: 512,
        batch: 4,
    },
    Shape {
        name: "llama-101m",
        about: "Llama type, 12 layers of 768, batches of 4 × 512",
        small: false,
        family: Family::Llama,
        layers: 12,
        width: 768,
        heads: 12,
        kv_heads: 4,
        vocab: 32768,
        sequence: 512,
        batch: 4,
    },
    Shape {
        name: "bert-109m",
        about: "BERT type, 12 layers of 768, 8 texts",
        small: true,
        family: Family::Bert,
        layers: 12,
        width: 768,
        heads: 12,
        kv_heads: 12,
        vocab: 30522,
        sequence: 512,
        batch: 8,
    },
];

impl Shape {
    pub(super) fn encoder(&self) -> EncoderConfig {
        EncoderConfig::small(self.width, self.layers, self.heads, self.vocab)
    }

    pub(super) fn decoder(&self) -> DecoderConfig {
        DecoderConfig::small(self.width, self.layers, self.heads, self.kv_heads, self.vocab)
    }

    /// Made-up tokens.
    pub(super) fn tokens(&self, n: usize, salt: u64) -> Vec<u32> {
        let stream = Stream::new(1, "bench.tokens", "");
        (0..n as u64).map(|i| stream.below(salt, i, self.vocab as u64) as u32).collect()
    }

    pub(super) fn batch(&self) -> TokenBatch {
        let (grains, len) = (self.batch, self.sequence);
        let all: Vec<Vec<u32>> = (0..grains as u64).map(|g| self.tokens(len + 1, g)).collect();
        TokenBatch {
            grains,
            grain_len: len,
            inputs: all.iter().flat_map(|t| t[..len].to_vec()).collect(),
            targets: all.iter().flat_map(|t| t[1..].to_vec()).collect(),
            segments: (0..grains).map(|g| g * len..(g + 1) * len).collect(),
            positions: (0..grains * len).map(|row| (row % len) as u32).collect(),
            first_grain: 0,
        }
    }

    /// Numbers in the weights that take part in products, the head among them.
    pub(super) fn product_weights(&self, params: &Params) -> f64 {
        let matrices = params.iter().filter(|(id, ..)| params.kind(*id) == Kind::Matrix);
        let tied = if self.family == Family::Llama { self.vocab * self.width } else { 0 };
        matrices.map(|(.., value)| value.numel()).sum::<usize>() as f64 + tied as f64
    }

    /// Operations of a forward pass over `sequences` of `len` tokens: the weights, and attention's visible pairs.
    pub(super) fn forward_flops(&self, params: &Params, sequences: usize, len: usize) -> f64 {
        let visible = if self.family == Family::Bert { len * len } else { len * (len + 1) / 2 };
        let pairs = (sequences * self.layers * visible * self.width) as f64;
        2.0 * self.product_weights(params) * (sequences * len) as f64 + 2.0 * 2.0 * pairs
    }
}
