//! The product one number at a time: what every kernel must equal, bit for bit.

use super::format::{QuantBits, QuantFormat};
use super::rule;
use crate::order::{K_BLOCK, tree};
use crate::shard_count;

/// A row cut into shards and groups, each group padded to whole blocks and quantised by `one`.
fn groups<S>(
    row: &[f32],
    min_shard: usize,
    format: QuantFormat,
    one: impl Fn(&[f32], &mut [i8]) -> S,
) -> Vec<Vec<(Vec<i8>, S)>> {
    let shards = shard_count(row.len(), min_shard);
    let mut padded = row.to_vec();
    padded.resize(row.len().next_multiple_of(K_BLOCK), 0.0);
    let quantised = |group: &[f32]| {
        let mut q = vec![0; group.len()];
        let scale = one(group, &mut q);
        (q, scale)
    };
    let shard = |shard: usize| {
        let each = padded.len() / shards;
        padded[shard * each..(shard + 1) * each].chunks(format.group()).map(quantised).collect()
    };
    (0..shards).map(shard).collect()
}

pub(super) fn linear(
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    [m, n, k]: [usize; 3],
    min_shard: usize,
    format: QuantFormat,
) -> Vec<f32> {
    let bits: QuantBits = format.bits();
    let row = |all: &[f32], i: usize| all[i * k..(i + 1) * k].to_vec();
    let left: Vec<_> =
        (0..m).map(|i| groups(&row(x, i), min_shard, format, |g, q| rule::activations(g, q).0)).collect();
    let right: Vec<_> =
        (0..n).map(|j| groups(&row(w, j), min_shard, format, |g, q| rule::weights(g, bits, q).to_f32())).collect();
    let mut out = Vec::with_capacity(m * n);
    for left in &left {
        for (j, right) in right.iter().enumerate() {
            let chains = left.iter().zip(right).map(|(left, right)| {
                left.iter().zip(right).fold(0.0_f32, |sum, ((qx, sx), (qw, sw))| {
                    let dot: i32 = qx.iter().zip(qw).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum();
                    sum + dot as f32 * sx * sw
                })
            });
            out.push(tree(chains, |a, b| a + b).unwrap_or(0.0) + bias.map_or(0.0, |bias| bias[j]));
        }
    }
    out
}
