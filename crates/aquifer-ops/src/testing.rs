//! What the tests of operators share: inputs, the same call under every instruction set and number of threads,
//! and the laws of sums over tokens.

use crate::order::{Begin, TokenChains, lane_grains, tree};
use aquifer_tensor::{Shape, Tensor, isa, threads};
use aquifer_testkit::{assert_same_bits, noise};
use std::ops::Range;

/// Numbers in ±`size` that depend on `site` alone.
pub(crate) fn tensor(site: &str, shape: impl Into<Shape>, size: f32) -> Tensor {
    let shape = shape.into();
    let data: Vec<f32> = noise(site, shape.numel()).iter().map(|x| x * size).collect();
    Tensor::from_f32(&data, shape)
}

/// Runs `f` on every instruction set this machine has and on one, two and three threads; all must give the
/// same bits, which are returned.
#[track_caller]
pub(crate) fn everywhere(f: impl Fn() -> Vec<f32>) -> Vec<f32> {
    let first = isa::with(isa::Isa::Portable, || threads::with(1, &f));
    for &isa in isa::available() {
        for count in [1, 2, 3] {
            assert_same_bits(&isa::with(isa, || threads::with(count, &f)), &first);
        }
    }
    first
}

/// `lanes` lanes of grains of `grain` rows.
pub(crate) fn chains(rows: usize, grain: usize, lanes: usize) -> TokenChains {
    let grains = rows.div_ceil(grain);
    let cut = |lane: Range<usize>| lane.start * grain..(lane.end * grain).min(rows);
    TokenChains { grain, lanes: (0..lanes).map(|lane| cut(lane_grains(grains, lanes, lane))).collect() }
}

/// The laws of a sum over tokens, to the bit: micro-batches change nothing, and lanes meet in the tree.
///
/// `run(rows, chains, begin, out)` sums the part `rows` of the tokens; `chains` counts from the part's start.
#[track_caller]
pub(crate) fn token_sum_laws(
    rows: usize,
    grain: usize,
    len: usize,
    run: impl Fn(Range<usize>, &TokenChains, Begin, &mut [f32]),
) {
    let poison = || vec![f32::NAN; len];
    let single = |part: Range<usize>, begin: Begin, out: &mut [f32]| {
        run(part.clone(), &TokenChains::single(part.len(), grain), begin, out);
    };
    let mut whole = poison();
    single(0..rows, Begin::Fresh, &mut whole);
    for cut in (grain..rows).step_by(grain) {
        let mut parts = poison();
        single(0..cut, Begin::Fresh, &mut parts);
        single(cut..rows, Begin::Continue, &mut parts);
        assert_same_bits(&parts, &whole);
    }
    for lanes in [1, 2, 3, 4, 8] {
        let cut = chains(rows, grain, lanes);
        let mut together = poison();
        run(0..rows, &cut, Begin::Fresh, &mut together);
        let alone = cut.lanes.iter().map(|lane| {
            let mut out = poison();
            single(lane.clone(), Begin::Fresh, &mut out);
            out
        });
        let joined = tree(alone, |a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect()).unwrap();
        assert_same_bits(&together, &joined);
    }
}
