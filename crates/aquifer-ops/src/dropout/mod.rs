//! Dropout: elements are zeroed with probability p and the others scaled by 1/(1 − p).
//! Srivastava et al., 2014, JMLR 15, section 4, in the inverted form.

pub(crate) mod bench;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::rows::{Rows, RowsMut};
use crate::simd::simd;
use aquifer_tensor::random::Stream;
use aquifer_tensor::threads::parallel_for;
use aquifer_tensor::{View, ViewMut, isa};

/// Elements a task takes; a multiple of the four words of a random block.
const TASK: usize = 8192;

/// `out = x · mask / (1 − p)`; the mask is decided by `stream`, `step` and each element's index alone, so the
/// same call on `dy` is the derivative.
///
/// # Shapes
/// `x` and `out` alike, f32, contiguous. `first_element` is the index of `x`'s first element in the
/// unsplit tensor of the whole step.
///
/// # Numerics
/// An element is dropped when its 24-bit uniform number is below `p`; the others are multiplied once. `p` = 0
/// copies.
///
/// # Errors
/// [`OpError::Value`] unless 0 ≤ p < 1; [`OpError::Layout`] for strided views.
pub fn dropout(
    x: &View,
    p: f32,
    stream: &Stream,
    step: u64,
    first_element: u64,
    out: &mut ViewMut,
) -> Result<(), OpError> {
    const OP: &str = "dropout";
    if !(0.0..1.0).contains(&p) {
        return Err(OpError::Value { op: OP, arg: "p", want: "in 0..1".into(), got: p.to_string() });
    }
    let (shape, strides) = (x.shape(), x.strides().to_vec());
    let x = Rows::new(OP, "x", x)?;
    let out_strides = out.strides().to_vec();
    let out = RowsMut::like(OP, "out", out, "as `x`", shape)?;
    for (arg, dense, got) in [("x", x.dense(), strides), ("out", out.dense(), out_strides)] {
        if !dense {
            return Err(OpError::Layout { op: OP, arg, want: "contiguous", got });
        }
    }
    let total = x.rows * x.cols;
    let (scale, isa) = (1.0 / (1.0 - p), isa::active());
    let threshold = threshold(p);
    parallel_for(total.div_ceil(TASK), |i| {
        let cols = i * TASK..((i + 1) * TASK).min(total);
        // SAFETY: spans are disjoint.
        let (x, out) = (x.span(0, cols.clone()), unsafe { out.span(0, cols.clone()) });
        mask_on(isa, x, threshold, scale, stream, step, first_element + cols.start as u64, out);
    });
    Ok(())
}

/// A word is dropped when its upper 24 bits are below this: exact, since p · 2²⁴ of an f32 below one loses no bit
/// that matters to the comparison.
#[inline(always)]
pub(crate) fn threshold(p: f32) -> u32 {
    (f64::from(p) * 16_777_216.0).ceil() as u32
}

/// Random blocks computed side by side, four elements each.
const BLOCKS: usize = 16;

simd! {
    fn mask_on(isa: Isa, x: &[f32], threshold: u32, scale: f32, stream: &Stream, step: u64, first: u64, out: &mut [f32]) {
        let keep = |x: f32, word: u32| if word >> 8 >= threshold { x * scale } else { 0.0 };
        let lead = ((4 - first % 4) % 4).min(x.len() as u64) as usize;
        let ((x_lead, x), (out_lead, out)) = (x.split_at(lead), out.split_at_mut(lead));
        for (i, (out, x)) in out_lead.iter_mut().zip(x_lead).enumerate() {
            *out = keep(*x, stream.word(step, first + i as u64));
        }
        let mut block = (first + lead as u64) / 4;
        for (out, x) in out.chunks_mut(4 * BLOCKS).zip(x.chunks(4 * BLOCKS)) {
            let mut words = [0; 4 * BLOCKS];
            for b in 0..BLOCKS {
                let four = stream.block(step, block + b as u64);
                for k in 0..4 {
                    words[4 * b + k] = four[k];
                }
            }
            for ((out, x), word) in out.iter_mut().zip(x).zip(words) {
                *out = keep(*x, word);
            }
            block += BLOCKS as u64;
        }
    }
}

/// The definition, element by element; its derivative is itself, on `dy`.
pub fn reference(x: &[f32], p: f32, stream: &Stream, step: u64, first_element: u64) -> Vec<f32> {
    let kept = |i: usize| f64::from(stream.uniform(step, first_element + i as u64)) >= f64::from(p);
    x.iter().enumerate().map(|(i, x)| if kept(i) { x * (1.0 / (1.0 - p)) } else { 0.0 }).collect()
}
