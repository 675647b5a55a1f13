//! Clusters of vectors: spherical k-means over a part of them, then the nearest centre of every one.
//!
//! Dhillon and Modha, "Concept decompositions for large sparse text data using clustering", 2001. Sums run in the order of the
//! documents, so threads change nothing.

use super::vectors::{Vectors, floats};
use super::{BLOCK, products};
use aquifer_record::FileError;
use aquifer_tensor::random::Stream;

/// Vectors a centre is learnt from, at the most; more hardly move it.
const OF_EACH: usize = 64;
const ROUNDS: usize = 8;

/// Hands every document of `with` to `each`, in order, with the number of its cluster (below `k`) and its vector.
pub(super) fn assign(
    vectors: &Vectors,
    with: &[u32],
    k: usize,
    mut each: impl FnMut(u32, &[u8], u32) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let centres = if k > 1 { centres(vectors, with, k)? } else { Vec::new() };
    nearest(vectors, with, &centres, |document, vector, cluster| each(cluster, vector, document))
}

fn centres(vectors: &Vectors, with: &[u32], k: usize) -> Result<Vec<f32>, FileError> {
    let width = vectors.width();
    let step = with.len().div_ceil(k * OF_EACH).max(1);
    let part: Vec<u32> = with.iter().step_by(step).copied().collect();
    let mut order: Vec<u32> = part.clone();
    Stream::new(0, "semantic", "first centres").sequence(0).shuffle(&mut order);
    let mut centres = Vec::with_capacity(k * width);
    for &document in order.iter().take(k) {
        centres.extend(vectors.read(document as usize..document as usize + 1)?);
    }
    for _ in 0..ROUNDS {
        let mut sums = vec![0.0_f32; centres.len()];
        nearest(vectors, &part, &centres, |_, vector, cluster| {
            let sum = &mut sums[cluster as usize * width..][..width];
            sum.iter_mut().zip(floats(vector)).for_each(|(sum, x)| *sum += x);
            Ok(())
        })?;
        for (centre, sum) in centres.chunks_exact_mut(width).zip(sums.chunks_exact(width)) {
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            // A centre that nothing is nearest to stays where it is.
            if length > 0.0 {
                centre.iter_mut().zip(sum).for_each(|(x, sum)| *x = sum / length);
            }
        }
    }
    Ok(centres)
}

/// The nearest centre of each of these documents, in order, the first of equally near ones; 0 where there is none.
fn nearest(
    vectors: &Vectors,
    documents: &[u32],
    centres: &[f32],
    mut each: impl FnMut(u32, &[u8], u32) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let width = vectors.width();
    let k = centres.len() / width;
    // As many at a time as make a block of products.
    let batch = (BLOCK * BLOCK / k.max(1)).clamp(1, BLOCK);
    for documents in documents.chunks(batch) {
        let mut bytes = Vec::with_capacity(documents.len() * vectors.bytes());
        for run in documents.chunk_by(|a, b| a + 1 == *b) {
            bytes.extend(vectors.read_bytes(run[0] as usize..run[0] as usize + run.len())?);
        }
        let near = if k > 0 { products(&floats(&bytes), centres, width) } else { Vec::new() };
        for (i, (&document, vector)) in documents.iter().zip(bytes.chunks_exact(vectors.bytes())).enumerate() {
            let near = &near[i * k..][..k];
            let best = (1..k).fold(0, |best, c| if near[c] > near[best] { c } else { best });
            each(document, vector, best as u32)?;
        }
    }
    Ok(())
}
