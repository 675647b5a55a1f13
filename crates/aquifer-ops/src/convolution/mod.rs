//! Convolutions of one to three axes, and what stands beside them in a vision model: pooling, nearest upsampling,
//! group and batch normalisation.
//!
//! A convolution is a product of patches: for a tile of output positions, every patch is laid out as a row
//! (`im2col`), and rows meet the packed weight in [`crate::linear()`]. The tile never shows in a result.

mod geometry;
mod norm;
mod pool;

#[cfg(test)]
mod tests;

pub use geometry::ConvSpec;
pub use norm::{batch_norm, batch_norm_backward, batch_norm_inference, group_norm, group_norm_backward};
pub use pool::{
    PoolSpec, avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward, upsample_nearest2d,
    upsample_nearest2d_backward,
};

use crate::movement::contiguous;
use crate::order::{Begin, MIN_SHARD, TokenChains};
use crate::strided::expect_float;
use crate::{OpError, PackedWeight, Precision, reduce};
use aquifer_tensor::threads::{SendPtr, parallel_chunks, parallel_for};
use aquifer_tensor::{DType, Tensor, View, ViewMut};
use geometry::Geometry;

/// Output positions whose patches are held at once; a multiple of 32, so that sums over positions are cut nowhere.
const TILE: usize = 512;

/// Channels that are turned together.
const LINE: usize = 16;

/// `out[b, o, p] = bias[o] + Σ x[b, c, p·stride + q·dilation − padding] · w[o, c, q]`, over the channels `c` of `o`'s
/// group and the taps `q` of the kernel, for one to three spatial axes.
///
/// # Shapes
/// `x: [b, channels, axes…]`, `w: [out channels, channels / groups, taps…]`, f32 or bf16; `bias: [out channels]` f32; the
/// result `[b, out channels, axes…]` in f32, each axis `(n + 2·padding − dilation·(taps − 1) − 1) / stride + 1`.
///
/// # Numerics
/// That of [`crate::linear()`] over `k` = channels of a group × taps, in the order of the weight; padding takes part
/// as zeros.
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn conv(x: &View, w: &View, bias: Option<&View>, spec: &ConvSpec, precision: Precision) -> Result<Tensor, OpError> {
    let op = "conv";
    let g = Geometry::new(op, x, w, spec)?;
    let bias = bias.map(|bias| g.bias(op, bias)).transpose()?;
    let (x, w) = (plain(op, x)?, plain(op, w)?);
    let mut out = Tensor::recycled::<f32>(&g.out_shape()[..]);
    let positions = g.positions();
    let mut cols = vec![0.0; TILE.min(positions) * g.patch()];
    let mut rows = vec![0.0; TILE.min(positions) * g.group_out];
    for group in 0..g.groups {
        let packed = PackedWeight::new(&g.group_weight(&w, group), MIN_SHARD, precision)?;
        let bias = bias.as_ref().map(|bias| &bias.as_f32()[group * g.group_out..(group + 1) * g.group_out]);
        for image in 0..g.batch {
            for start in (0..positions).step_by(TILE) {
                let n = TILE.min(positions - start);
                g.patches(x.as_f32(), image, group, start, &mut cols[..n * g.patch()]);
                let patches = View::of(&cols[..n * g.patch()], [n, g.patch()]);
                let result = &mut rows[..n * g.group_out];
                crate::linear(&patches, &packed, bias, &mut ViewMut::of(result, [n, g.group_out]))?;
                let first = (image * g.groups + group) * g.group_out * positions + start;
                let base = SendPtr(out.as_f32_mut()[first..].as_mut_ptr());
                let result = &rows[..n * g.group_out];
                // A cache line of each position at a time.
                parallel_for(g.group_out.div_ceil(LINE), |line| {
                    let channels = line * LINE..((line + 1) * LINE).min(g.group_out);
                    for (i, row) in result.chunks_exact(g.group_out).enumerate() {
                        for o in channels.clone() {
                            // SAFETY: a channel's positions are one task's, inside the image's part of the output.
                            unsafe { *base.get().add(o * positions + i) = row[o] };
                        }
                    }
                });
            }
        }
    }
    Ok(out)
}

/// The derivatives of [`conv`] with respect to `x`, `w` and `bias`, in f32.
///
/// # Numerics
/// `dw` is a sum over output positions as [`crate::linear_weight_grad`] takes it, each image a grain and all of them one
/// chain; `dx` adds, position after position, rows of `dy · W`; `dbias` is summed in the order of a row.
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn conv_backward(
    x: &View,
    w: &View,
    dy: &View,
    spec: &ConvSpec,
    precision: Precision,
) -> Result<(Tensor, Tensor, Tensor), OpError> {
    let op = "conv_backward";
    let g = Geometry::new(op, x, w, spec)?;
    crate::rows::expect_shape(op, "dy", dy.shape(), "as the result", &g.out_shape())?;
    let (x, w, dy) = (plain(op, x)?, plain(op, w)?, plain(op, dy)?);
    let (mut dx, mut dw) = (Tensor::zeros::<f32>(x.shape_of()), Tensor::zeros::<f32>(w.shape_of()));
    let (positions, patch) = (g.positions(), g.patch());
    let (mut cols, mut dcols) = (vec![0.0; TILE.min(positions) * patch], vec![0.0; TILE.min(positions) * patch]);
    let mut rows = vec![0.0; TILE.min(positions) * g.group_out];
    for group in 0..g.groups {
        let turned = PackedWeight::new(&g.group_weight(&w, group).transpose(0, 1), MIN_SHARD, precision)?;
        let part = group * g.group_out * patch..(group + 1) * g.group_out * patch;
        for image in 0..g.batch {
            let dy = &dy.as_f32()[(image * g.groups + group) * g.group_out * positions..][..g.group_out * positions];
            for start in (0..positions).step_by(TILE) {
                let n = TILE.min(positions - start);
                let (cols, rows) = (&mut cols[..n * patch], &mut rows[..n * g.group_out]);
                parallel_chunks(rows, g.group_out.max(1), |i, row| {
                    row.iter_mut().enumerate().for_each(|(o, y)| *y = dy[o * positions + start + i]);
                });
                let dy = View::of(&*rows, [n, g.group_out]);
                crate::linear(&dy, &turned, None, &mut ViewMut::of(&mut dcols[..n * patch], [n, patch]))?;
                g.add_patches(&dcols[..n * patch], image, group, start, dx.as_f32_mut());
                g.patches(x.as_f32(), image, group, start, cols);
                let dw = &mut dw.as_f32_mut()[part.clone()];
                crate::linear_weight_grad(
                    &dy,
                    &View::of(&*cols, [n, patch]),
                    &TokenChains::single(n, n),
                    Begin::Continue,
                    precision,
                    &mut ViewMut::of(dw, [g.group_out, patch]),
                )?;
            }
        }
    }
    let others: Vec<usize> = (0..dy.shape().len()).filter(|axis| *axis != 1).collect();
    Ok((dx, dw, reduce::sum(&dy.view(), &others, false)?))
}

macro_rules! conv_of {
    ($($name:ident $back:ident $axes:literal;)*) => {$(
        #[doc = concat!("[`conv`] of ", stringify!($axes), " spatial axes.\n\n# Errors\nAs [`conv`].")]
        pub fn $name(x: &View, w: &View, bias: Option<&View>, spec: &ConvSpec, precision: Precision) -> Result<Tensor, OpError> {
            geometry::expect_axes(stringify!($name), x, $axes)?;
            conv(x, w, bias, spec, precision)
        }

        #[doc = concat!("[`conv_backward`] of ", stringify!($axes), " spatial axes.\n\n# Errors\nAs [`conv_backward`].")]
        pub fn $back(x: &View, w: &View, dy: &View, spec: &ConvSpec, precision: Precision) -> Result<(Tensor, Tensor, Tensor), OpError> {
            geometry::expect_axes(stringify!($back), x, $axes)?;
            conv_backward(x, w, dy, spec, precision)
        }
    )*};
}
conv_of! {
    conv1d conv1d_backward 1;
    conv2d conv2d_backward 2;
    conv3d conv3d_backward 3;
}

/// A contiguous copy in f32.
fn plain(op: &'static str, x: &View) -> Result<Tensor, OpError> {
    expect_float(op, "x", x.dtype())?;
    Ok(if x.dtype() == DType::F32 { contiguous(x) } else { crate::strided::convert(x, DType::F32) })
}
