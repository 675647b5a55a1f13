//! Draws by weight.

use crate::OpError;
use crate::strided::{convert, expect_float};
use aquifer_tensor::random::Stream;
use aquifer_tensor::{DType, Tensor, View};

/// `n` indices from every row of `weights`, each as likely as its weight; without `replacement` no index twice.
///
/// # Shapes
/// `weights: [.., classes]`, finite and not negative; the result `[.., n]`.
///
/// # Numerics
/// With replacement, draw `i` of row `r` takes the first index at which the running sum of weights (in `f64`) exceeds
/// `u · total`, `u` the number `r·n + i` of `stream` at `step`. Without, indices are the `n` largest of `u^(1/w)`, one
/// `u` for each class (Efraimidis and Spirakis, 2006), largest first.
///
/// # Errors
/// [`OpError`] for integers, for a weight that is negative or not finite, and for a row with too few positive weights.
pub fn multinomial(weights: &View, n: usize, replacement: bool, stream: &Stream, step: u64) -> Result<Tensor, OpError> {
    let op = "multinomial";
    expect_float(op, "weights", weights.dtype())?;
    let Some((&classes, lead)) = weights.shape().split_last() else {
        let want = "of at least one axis".to_string();
        return Err(OpError::Shape { op, arg: "weights", want, got: weights.shape().to_vec() });
    };
    let wide = convert(weights, DType::F32);
    let mut drawn = Vec::with_capacity(lead.iter().product::<usize>() * n);
    for (r, row) in wide.as_f32().chunks(classes.max(1)).enumerate() {
        let refused = |want: &str, got: String| OpError::Value { op, arg: "weights", want: want.into(), got };
        if let Some(bad) = row.iter().find(|w| !w.is_finite() || **w < 0.0) {
            return Err(refused("finite and not negative", format!("{bad} in row {r}")));
        }
        let positive = row.iter().filter(|w| **w > 0.0).count();
        let wanted = if replacement { n.min(1) } else { n };
        if positive < wanted {
            return Err(refused(&format!("positive at least {wanted} times a row"), format!("{positive} in row {r}")));
        }
        if replacement {
            drawn.extend((0..n).map(|i| one(row, f64::from(stream.uniform(step, (r * n + i) as u64)))));
        } else {
            let key = |(class, w): (usize, &f32)| {
                // log u / w has the order of u^(1/w); u is moved off zero by half a step.
                let u = f64::from(stream.uniform(step, (r * classes + class) as u64)) + 0.5 / 16_777_216.0;
                (class as u32, if *w > 0.0 { crate::math::f64::ln(u) / f64::from(*w) } else { f64::NEG_INFINITY })
            };
            let mut keys: Vec<(u32, f64)> = row.iter().enumerate().map(key).collect();
            keys.sort_by(|a, b| b.1.total_cmp(&a.1));
            drawn.extend(keys[..n].iter().map(|(class, _)| class));
        }
    }
    Ok(Tensor::from_slice(&drawn, &[lead, &[n]].concat()[..]))
}

fn one(row: &[f32], u: f64) -> u32 {
    let target = u * row.iter().map(|w| f64::from(*w)).sum::<f64>();
    let (mut sum, mut last) = (0.0, 0);
    for (class, w) in row.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        (sum, last) = (sum + f64::from(*w), class as u32);
        if sum > target {
            break;
        }
    }
    last
}
