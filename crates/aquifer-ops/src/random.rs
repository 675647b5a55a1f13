//! Random tensors: every element is a function of its stream, the step and its index ([`aquifer_tensor::random`]).

use crate::OpError;
use crate::math::f64::{cos, ln, sin};
use crate::movement::contiguous;
use crate::strided::{convert, expect_float};
use aquifer_tensor::random::Stream;
use aquifer_tensor::threads::parallel_chunks;
use aquifer_tensor::{DType, Shape, Tensor, View};

/// Elements one task fills; a multiple of the four words of a random block.
const TASK: usize = 4096;

/// Uniform in `[0, 1)`, multiples of 2⁻²⁴.
pub fn rand(shape: impl Into<Shape>, stream: &Stream, step: u64) -> Tensor {
    filled(shape, |at| stream.uniform(step, at as u64))
}

/// Uniform in `[low, high)`; rounding may reach `high`.
pub fn uniform(shape: impl Into<Shape>, low: f32, high: f32, stream: &Stream, step: u64) -> Tensor {
    filled(shape, |at| low + (high - low) * stream.uniform(step, at as u64))
}

/// Standard normal, by Box and Muller's transform (1958) in `f64`, rounded once: elements 2i and 2i+1 come from block i
/// of the stream, as those of a new model's weights do.
pub fn randn(shape: impl Into<Shape>, stream: &Stream, step: u64) -> Tensor {
    normal(shape, 0.0, 1.0, stream, step)
}

/// Normal with this mean and standard deviation; as [`randn`].
pub fn normal(shape: impl Into<Shape>, mean: f32, std: f32, stream: &Stream, step: u64) -> Tensor {
    filled(shape, |at| {
        let words = stream.block(step, at as u64 / 2);
        // Half a step off zero, so that the logarithm is finite.
        let unit = |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0;
        let radius = (-2.0 * ln(unit(words[0]))).sqrt();
        let angle = std::f64::consts::TAU * unit(words[1]);
        let unit = radius * if at.is_multiple_of(2) { cos(angle) } else { sin(angle) };
        (f64::from(mean) + f64::from(std) * unit) as f32
    })
}

/// 1 with the probability that each element of `p` gives, else 0; of `p`'s shape and element type.
///
/// # Errors
/// [`OpError`] for integers, and unless every probability lies in 0..=1.
pub fn bernoulli(p: &View, stream: &Stream, step: u64) -> Result<Tensor, OpError> {
    expect_float("bernoulli", "p", p.dtype())?;
    let wide = convert(&contiguous(p).view(), DType::F32);
    let p32 = wide.as_f32();
    if let Some(bad) = p32.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(OpError::Value { op: "bernoulli", arg: "p", want: "in 0..=1".into(), got: bad.to_string() });
    }
    let drawn = filled(p.shape(), |at| if stream.uniform(step, at as u64) < p32[at] { 1.0 } else { 0.0 });
    Ok(convert(&drawn.view(), p.dtype()))
}

/// The numbers below `n` in an order that every other is as likely as (Fisher and Yates).
pub fn randperm(n: usize, stream: &Stream, step: u64) -> Tensor {
    let mut order: Vec<u32> = (0..n as u32).collect();
    stream.sequence(step).shuffle(&mut order);
    Tensor::from_slice(&order, [n])
}

fn filled(shape: impl Into<Shape>, number: impl Fn(usize) -> f32 + Sync) -> Tensor {
    let mut out = Tensor::recycled::<f32>(shape);
    parallel_chunks(out.as_f32_mut(), TASK, |i, part| {
        part.iter_mut().enumerate().for_each(|(at, x)| *x = number(i * TASK + at));
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::everywhere;

    #[test]
    fn numbers_have_their_moments_and_ignore_threads() {
        let stream = Stream::new(3, "random", "test");
        let n = 100_003;
        let all = everywhere(|| {
            let p = Tensor::filled([n], 0.3_f32);
            let parts = [
                rand([n], &stream, 1),
                randn([n], &stream, 2),
                uniform([n], -2.0, 6.0, &stream, 3),
                normal([n], 5.0, 0.5, &stream, 4),
                bernoulli(&p.view(), &stream, 5).unwrap(),
            ];
            parts.iter().flat_map(|x| x.as_f32().to_vec()).collect()
        });
        let wants = [(0.5, 1.0 / 12.0), (0.0, 1.0), (2.0, 64.0 / 12.0), (5.0, 0.25), (0.3, 0.21)];
        for (part, (mean, variance)) in all.chunks(n).zip(wants) {
            let got = part.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
            let spread = part.iter().map(|x| (f64::from(*x) - got).powi(2)).sum::<f64>() / n as f64;
            assert!((got - mean).abs() < 0.02 && (spread / variance - 1.0).abs() < 0.02, "{got} {spread}");
        }
        let tail = all[n..2 * n].iter().filter(|x| x.abs() > 3.0).count() as f64 / n as f64;
        assert!((tail - 0.0027).abs() < 0.001, "{tail}");
        // An element is a function of its index: a longer tensor begins with the shorter one.
        assert_eq!(randn([7], &stream, 2).as_f32(), &all[n..n + 7]);
    }

    #[test]
    fn permutations_hold_every_number_and_wrong_probabilities_are_refused() {
        let stream = Stream::new(3, "random", "test");
        let mut order = randperm(1000, &stream, 0).as_slice::<u32>().to_vec();
        assert_ne!(order, (0..1000).collect::<Vec<u32>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<u32>>());
        assert!(bernoulli(&View::of(&[1.5_f32], [1]), &stream, 0).is_err());
        assert_eq!(randperm(0, &stream, 0).numel() + rand([0], &stream, 0).numel(), 0);
    }
}
