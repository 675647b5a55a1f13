//! What training holds in memory, told before it starts.

use crate::DecoderConfig;
use aquifer_grad::StepLanes;
use aquifer_ops::Precision;
use aquifer_tensor::memory::held_bytes;
use aquifer_tensor::threads;

/// Bytes that tensors hold at the peak of a training step, by purpose. Tokens, documents and the program itself
/// are not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemoryEstimate {
    /// Weights, `f32`.
    pub params: usize,
    /// The optimiser's moments, `f32`.
    pub optimiser: usize,
    /// Copies of the matrices that products read, one for each direction.
    pub packed: usize,
    /// Gradients alive at the peak.
    pub gradients: usize,
    /// What the backward pass needs of the forward pass, and its own values, at the peak.
    pub activations: usize,
    /// A chunk of logits and the head's gradient under way, if the peak is there.
    pub head: usize,
}

impl MemoryEstimate {
    /// All of it.
    pub fn total(&self) -> usize {
        self.params + self.optimiser + self.packed + self.gradients + self.activations + self.head
    }
}

/// The most rows, and bytes, of logits that the fused head holds at once, as `aquifer_ops::linear_cross_entropy`
/// has it.
const HEAD_ROWS: usize = 512;
const HEAD_BYTES: usize = 64 << 20;

/// Rows of a left operand that each thread packs at once, as `aquifer_ops::matmul` has it.
const LEFT_ROWS: usize = 128;

impl DecoderConfig {
    /// Numbers in all weights; a tied head counts once.
    pub fn param_count(&self) -> usize {
        let (d, wide) = (self.hidden_size, self.intermediate_size);
        let (q, kv) = self.widths();
        let attention = 2 * d * q + 2 * d * kv + if self.attention_bias { q + 2 * kv + d } else { 0 };
        let mlp = 3 * d * wide + if self.mlp_bias { 2 * wide + d } else { 0 };
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        self.num_hidden_layers * (attention + mlp + 2 * d) + d + tables * self.vocab_size * d
    }

    /// The peak of a training step cut into micro-batches of `micro_grains` grains, with an optimiser that keeps
    /// `moments` numbers a weight (two for AdamW).
    pub fn memory(&self, precision: Precision, step: StepLanes, micro_grains: usize, moments: usize) -> MemoryEstimate {
        let sizes = Sizes::new(self, precision, micro_grains.min(step.grains) * step.grain_len);
        let (between, while_adding) = step.gradient_copies(micro_grains);
        // The head's gradient has partial sums of its own where several lanes are at hand at once.
        let lanes_at_hand = (micro_grains * step.lanes / step.grains.max(1)).clamp(1, step.lanes);
        let head_partials = lanes_at_hand.ilog2() as usize * sizes.table;
        let layers = self.num_hidden_layers;
        let uses = if self.tie_word_embeddings { 2 } else { 1 };
        let tables = 2 * sizes.table; // One sum for each use, tied or not.
        let all = layers * sizes.block_weights + tables + sizes.vectors_d;
        // Held from earlier micro-batches at every moment of this one.
        let earlier = between * all;
        let moment = |gradients, activations, head| (gradients, activations, head);
        let saved = |blocks: usize| blocks * sizes.saved + sizes.stream;
        let at_head = moment(
            earlier + while_adding.saturating_sub(between) * sizes.table,
            saved(layers) + 2 * sizes.stream,
            sizes.head_chunk + head_partials,
        );
        // The way back through the feed-forward of block `i` (counted from the output), the widest moment of a block.
        let fresh = usize::from(between == 0);
        let in_block = |i: usize| {
            let passed = sizes.table + i * sizes.block_weights + sizes.down;
            moment(earlier + fresh * passed, saved(layers - i) + sizes.way_back, 0)
        };
        let first = if layers > 0 { in_block(0) } else { at_head };
        let last = if layers > 0 { in_block(layers - 1) } else { at_head };
        let at_end = moment(all.max(earlier), if between == 0 { 0 } else { sizes.stream }, 0);
        let at_update = moment(all - (uses - 1) * sizes.table, 0, 0);
        let peak = [at_head, first, last, at_end, at_update].into_iter().max_by_key(|(g, a, h)| g + a + h);
        let (gradients, activations, head) = peak.unwrap_or_default();
        let params = layers * sizes.block_weights + (3 - uses) * sizes.table + sizes.vectors_d;
        MemoryEstimate {
            params,
            optimiser: moments * params,
            packed: layers * sizes.block_packed + 2 * sizes.table_packed,
            gradients,
            activations,
            head,
        }
    }

    fn widths(&self) -> (usize, usize) {
        (self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim)
    }
}

/// Bytes of the pieces.
struct Sizes {
    /// One `[t, d]` value.
    stream: usize,
    /// What one block keeps for the way back.
    saved: usize,
    /// What the way back through the feed-forward holds beyond that.
    way_back: usize,
    table: usize,
    table_packed: usize,
    head_chunk: usize,
    block_weights: usize,
    block_packed: usize,
    down: usize,
    vectors_d: usize,
}

impl Sizes {
    fn new(config: &DecoderConfig, precision: Precision, t: usize) -> Self {
        let (d, wide, vocab) = (config.hidden_size, config.intermediate_size, config.padded_vocab());
        let (q, kv) = config.widths();
        let f32s = |n: usize| held_bytes(4 * n);
        // The right side of a product: panels of 32, k in whole blocks of 32.
        let operand = precision.packed_bytes();
        let packed = |n: usize, k: usize| held_bytes(operand * n.next_multiple_of(32) * k.next_multiple_of(32));
        let both = |n: usize, k: usize| packed(n, k) + packed(k, n);
        let biases = |on: bool, widths: &[usize]| if on { widths.iter().map(|&n| f32s(n)).sum() } else { 0 };
        let stream = f32s(t * d);
        // The stream before each norm, both norms, queries and output, keys and values, gate, up and their product.
        let saved =
            4 * stream + 2 * f32s(t * q) + 2 * f32s(t * kv) + f32s(t * config.num_attention_heads) + 3 * f32s(t * wide);
        // Either the product's gradient beside a packed operand, or it beside those of gate and up, the product freed.
        let way_back = stream + f32s(t * wide) + packed(wide, t).max(f32s(t * wide));
        let rows = t.min((HEAD_BYTES / (4 * vocab) / 32 * 32).clamp(32, HEAD_ROWS));
        // Going back through the head, each thread packs rows of the logits' gradient.
        let left = threads::count() * held_bytes(operand * LEFT_ROWS.min(rows) * vocab);
        Sizes {
            stream,
            saved,
            way_back,
            table: f32s(vocab * d),
            table_packed: both(vocab, d) / 2,
            head_chunk: f32s(rows * vocab) + left,
            block_weights: 2 * f32s(d * q)
                + 2 * f32s(d * kv)
                + 3 * f32s(d * wide)
                + 2 * f32s(d)
                + biases(config.attention_bias, &[q, kv, kv, d])
                + biases(config.mlp_bias, &[wide, wide, d]),
            block_packed: both(q, d) + 2 * both(kv, d) + both(d, q) + 2 * both(wide, d) + both(d, wide),
            down: f32s(d * wide),
            vectors_d: f32s(d),
        }
    }
}
