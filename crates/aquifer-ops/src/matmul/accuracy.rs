//! How far each rung is from f64, beside what its documentation says: `cargo test accuracy -- --nocapture` prints
//! the table of [`linear`]'s Numerics.

use super::*;
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;

/// Operands that are easy or hard to multiply.
#[derive(Clone, Copy, Debug)]
enum Operands {
    /// All but normally distributed.
    Normal,
    /// Uniform in 0..1: sums grow with k and nothing cancels.
    Positive,
    /// The second half of every sum undoes the first up to 2⁻¹².
    Cancelling,
    /// Sizes from 2⁻³⁰ to 2³⁰.
    Wide,
}

impl Operands {
    fn fill(self, site: &str, [rows, k]: [usize; 2]) -> Tensor {
        let stream = Stream::new(9, "accuracy", site);
        // A sum of four uniform numbers is normal enough.
        let normal =
            |i: u64| stream.block(0, i).iter().map(|&word| (word >> 8) as f32 / 16_777_216.0 - 0.5).sum::<f32>();
        let element = |i: u64| {
            let (row, p) = (i / k as u64, i % k as u64);
            let half = k as u64 / 2;
            match self {
                Operands::Normal => normal(i),
                Operands::Positive => stream.uniform(0, i),
                Operands::Cancelling if p >= half && site == "w" => {
                    -normal(row * k as u64 + p - half) * (1.0 + stream.uniform(1, i) / 4096.0)
                }
                Operands::Cancelling => normal(row * k as u64 + p % half),
                Operands::Wide => (stream.uniform(0, i) - 0.5) * f32::from_bits((97 + stream.word(1, i) % 61) << 23),
            }
        };
        Tensor::from_f32(&(0..(rows * k) as u64).map(element).collect::<Vec<_>>(), [rows, k])
    }
}

/// Mean and largest error over outputs, each divided by the sum of the sizes of its products, in units of 2⁻²⁴.
fn errors(operands: Operands, [m, n, k]: [usize; 3], precision: Precision) -> (f64, f64) {
    let (x, w) = (operands.fill("x", [m, k]), operands.fill("w", [n, k]));
    let packed = PackedWeight::new(&w.view(), crate::order::MIN_SHARD, precision).unwrap();
    let mut out = Tensor::poisoned::<f32>([m, n]);
    linear(&x.view(), &packed, None, &mut out.view_mut()).unwrap();
    let wide = |t: &Tensor| t.as_f32().iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let sizes = |t: &Tensor| t.as_f32().iter().map(|&x| f64::from(x.abs())).collect::<Vec<_>>();
    let want = reference(&wide(&x), &wide(&w), None, [m, n, k]);
    let scale = reference(&sizes(&x), &sizes(&w), None, [m, n, k]);
    let error = |i: usize| (f64::from(out.as_f32()[i]) - want[i]).abs() / scale[i] * (1 << 24) as f64;
    let errors: Vec<f64> = (0..m * n).map(error).collect();
    (errors.iter().sum::<f64>() / errors.len() as f64, errors.iter().copied().fold(0.0, f64::max))
}

#[test]
fn every_rung_keeps_its_error_budget() {
    for operands in [Operands::Normal, Operands::Positive, Operands::Cancelling, Operands::Wide] {
        for shape @ [_, _, k] in [[32, 64, 384], [32, 64, 2048], [2, 32, 65_536]] {
            let (_, f32_worst) = errors(operands, shape, Precision::F32);
            for precision in Precision::ALL {
                let (mean, worst) = errors(operands, shape, precision);
                println!("{operands:?}, k = {k}, {precision}: mean {mean:.3}, worst {worst:.2}");
                let budget = match precision {
                    Precision::F32 => 32.0,
                    Precision::Bf16(_) => 131_072.0,
                    Precision::Bf16x3(_) => 512.0,
                    Precision::Bf16x6(_) => 2.0 * f32_worst,
                };
                assert!(worst <= budget, "{operands:?}, k = {k}, {precision}: {worst} is above {budget}");
            }
        }
    }
}
