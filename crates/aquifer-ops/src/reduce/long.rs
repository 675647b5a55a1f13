//! Sums and maps of one row, which every thread shares where the row is long.

use crate::order::ROW_BLOCK;
use crate::rows::{TreeSum, row_sum};
use crate::simd::simd;
use aquifer_tensor::Isa;
use aquifer_tensor::threads::{SendPtr, parallel_chunks, parallel_for};
use std::ops::Add;

/// Elements of a task: a whole branch of the tree of a row, so that joining tasks in their order is the tree's own.
const PART: usize = ROW_BLOCK << 7;

/// Σ `term(x)` in the order of a row.
pub(super) fn sum_on<T: Copy + Default + Send + Add<Output = T>>(
    isa: Isa,
    x: &[f32],
    term: impl Fn(f32) -> T + Copy + Sync,
) -> T {
    if x.len() <= PART {
        return part_sum_on(isa, x, term);
    }
    let mut parts = vec![T::default(); x.len().div_ceil(PART)];
    parallel_chunks(&mut parts, 1, |i, part| {
        part[0] = part_sum_on(isa, &x[i * PART..((i + 1) * PART).min(x.len())], term);
    });
    let mut tree = TreeSum::new();
    parts.into_iter().for_each(|part| tree.push(part));
    tree.finish()
}

/// Writes `value(x)` for every element.
pub(super) fn map_on(isa: Isa, x: &[f32], out: &mut [f32], value: impl Fn(f32) -> f32 + Copy + Sync) {
    let (len, out) = (x.len().min(out.len()), SendPtr(out.as_mut_ptr()));
    parallel_for(len.div_ceil(PART), |i| {
        let part = i * PART..((i + 1) * PART).min(len);
        // SAFETY: parts are disjoint, and inside both slices.
        let out = unsafe { std::slice::from_raw_parts_mut(out.get().add(part.start), part.len()) };
        part_map_on(isa, &x[part], out, value);
    });
}

simd! {
    fn part_sum_on[T: Copy + Default + Add<Output = T>, F: Fn(f32) -> T](isa: Isa, x: &[f32], term: F) -> T {
        row_sum(x, term)
    }

    fn part_map_on[F: Fn(f32) -> f32](isa: Isa, x: &[f32], out: &mut [f32], value: F) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = value(*x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::everywhere;
    use aquifer_testkit::{assert_same_bits, noise};

    /// Whichever threads share a row: part boundaries, a lone block after one, one element more.
    #[test]
    fn a_long_row_has_the_bits_of_one_thread() {
        for n in [PART, PART + 1, 2 * PART - 255, 3 * PART + 256, 5 * PART + 777] {
            let x = noise("long row", n);
            let sums = everywhere(|| {
                let isa = aquifer_tensor::isa::active();
                let mut halves = vec![f32::NAN; n];
                map_on(isa, &x, &mut halves, |x| x / 3.0);
                assert_same_bits(&halves, &x.iter().map(|x| x / 3.0).collect::<Vec<_>>());
                vec![sum_on(isa, &x, |x| x), sum_on(isa, &x, |x| f64::from(x) * f64::from(x)) as f32]
            });
            let want = [row_sum(&x, |x| x), row_sum(&x, |x| f64::from(x) * f64::from(x)) as f32];
            assert_same_bits(&sums, &want);
        }
    }
}
