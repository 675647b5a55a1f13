//! Pooling over windows of the last two axes, and nearest upsampling.

use super::plain;
use crate::OpError;
use crate::strided::convert;
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{Tensor, View};
use std::ops::Range;

/// A window over height and width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolSpec {
    /// Its extents.
    pub window: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// Elements before and after the input, at most half a window: zeros that an average counts, never a maximum.
    pub padding: [usize; 2],
}

impl PoolSpec {
    /// Windows side by side, without padding.
    pub fn new(window: [usize; 2]) -> Self {
        PoolSpec { window, stride: window, padding: [0, 0] }
    }
}

/// The planes of `[.., h, w]` and their windows.
struct Planes {
    planes: usize,
    input: [usize; 2],
    output: [usize; 2],
    spec: PoolSpec,
}

impl Planes {
    fn new(op: &'static str, shape: &[usize], spec: &PoolSpec) -> Result<Self, OpError> {
        let &[ref lead @ .., height, width] = shape else {
            return Err(OpError::Shape { op, arg: "x", want: "of at least two axes".into(), got: shape.to_vec() });
        };
        let mut output = [0; 2];
        for (axis, extent) in [height, width].into_iter().enumerate() {
            let (window, padding, stride) = (spec.window[axis], spec.padding[axis], spec.stride[axis]);
            let room = (extent + 2 * padding).checked_sub(window).filter(|_| stride > 0 && window > 0);
            let (Some(room), true) = (room, 2 * padding <= window) else {
                let want = format!("as large as a window, with this {spec:?}");
                return Err(OpError::Shape { op, arg: "x", want, got: shape.to_vec() });
            };
            output[axis] = room / stride + 1;
        }
        Ok(Planes { planes: lead.iter().product(), input: [height, width], output, spec: *spec })
    }

    fn shape(&self, like: &[usize]) -> Vec<usize> {
        [&like[..like.len() - 2], &self.output].concat()
    }

    /// The input rows and columns that output `at` sees.
    fn window(&self, at: usize) -> [Range<usize>; 2] {
        let place = [at / self.output[1], at % self.output[1]];
        std::array::from_fn(|axis| {
            let start = place[axis] * self.spec.stride[axis];
            let end = (start + self.spec.window[axis]).saturating_sub(self.spec.padding[axis]);
            start.saturating_sub(self.spec.padding[axis])..end.min(self.input[axis])
        })
    }

    /// Calls `task(plane, elements, outputs)` with each plane's index and the ranges of its elements and outputs.
    fn each(&self, task: impl Fn(Range<usize>, Range<usize>) + Sync) {
        let (input, output): (usize, usize) = (self.input.iter().product(), self.output.iter().product());
        parallel_for(self.planes, |plane| {
            task(plane * input..(plane + 1) * input, plane * output..(plane + 1) * output)
        });
    }
}

/// # Safety
/// The elements exist and no other task touches them.
unsafe fn part<'a, T>(base: SendPtr<T>, range: &Range<usize>) -> &'a mut [T] {
    // SAFETY: the caller's word.
    unsafe { std::slice::from_raw_parts_mut(base.get().add(range.start), range.len()) }
}

/// The mean of every window, padding counted as zeros: one ascending chain in f32, divided by the window's size.
///
/// # Shapes
/// `x: [.., h, w]`, f32 or bf16; each axis of the result `(n + 2·padding − window) / stride + 1`.
///
/// # Errors
/// [`OpError`] where the window does not fit, and for integers.
pub fn avg_pool2d(x: &View, spec: &PoolSpec) -> Result<Tensor, OpError> {
    let planes = Planes::new("avg_pool2d", x.shape(), spec)?;
    let held = plain("avg_pool2d", x)?;
    let mut out = Tensor::recycled::<f32>(&planes.shape(x.shape())[..]);
    let (base, size) = (SendPtr(out.as_f32_mut().as_mut_ptr()), spec.window.iter().product::<usize>() as f32);
    planes.each(|elements, outputs| {
        // SAFETY: a plane's outputs are one task's.
        let (x, out) = (&held.as_f32()[elements], unsafe { part(base, &outputs) });
        for (at, out) in out.iter_mut().enumerate() {
            let [rows, cols] = planes.window(at);
            let sum = rows.flat_map(|row| &x[row * planes.input[1]..][cols.clone()]).fold(0.0, |sum, x| sum + x);
            *out = sum / size;
        }
    });
    Ok(convert(&out.view(), x.dtype()))
}

/// The derivative of [`avg_pool2d`]: `dy` over the window's size, added window after window. `shape` is that of `x`.
///
/// # Errors
/// As [`avg_pool2d`], and where `dy` is not as it gives.
pub fn avg_pool2d_backward(shape: &[usize], spec: &PoolSpec, dy: &View) -> Result<Tensor, OpError> {
    let op = "avg_pool2d_backward";
    let planes = Planes::new(op, shape, spec)?;
    crate::rows::expect_shape(op, "dy", dy.shape(), "as the result", &planes.shape(shape))?;
    let (held, mut dx) = (plain(op, dy)?, Tensor::zeros::<f32>(shape));
    let (base, size) = (SendPtr(dx.as_f32_mut().as_mut_ptr()), spec.window.iter().product::<usize>() as f32);
    planes.each(|elements, outputs| {
        // SAFETY: a plane's elements are one task's.
        let (dy, dx) = (&held.as_f32()[outputs], unsafe { part(base, &elements) });
        for (at, dy) in dy.iter().enumerate() {
            let [rows, cols] = planes.window(at);
            rows.for_each(|row| dx[row * planes.input[1]..][cols.clone()].iter_mut().for_each(|dx| *dx += dy / size));
        }
    });
    Ok(convert(&dx.view(), dy.dtype()))
}

/// The largest element of every window (NaN above all, the first of equal ones) and its index in the plane.
///
/// # Shapes
/// As [`avg_pool2d`].
///
/// # Errors
/// As [`avg_pool2d`].
pub fn max_pool2d(x: &View, spec: &PoolSpec) -> Result<(Tensor, Tensor), OpError> {
    let planes = Planes::new("max_pool2d", x.shape(), spec)?;
    let (held, shape) = (plain("max_pool2d", x)?, planes.shape(x.shape()));
    let (mut out, mut indices) = (Tensor::recycled::<f32>(&shape[..]), Tensor::recycled::<u32>(&shape[..]));
    let base = SendPtr(out.as_f32_mut().as_mut_ptr());
    let slots = SendPtr(indices.as_mut_slice::<u32>().as_mut_ptr());
    planes.each(|elements, outputs| {
        // SAFETY: a plane's outputs are one task's.
        let (x, out, indices) =
            (&held.as_f32()[elements], unsafe { part(base, &outputs) }, unsafe { part(slots, &outputs) });
        for (at, (out, index)) in out.iter_mut().zip(indices).enumerate() {
            let [rows, cols] = planes.window(at);
            let mut places = rows.flat_map(|row| cols.clone().map(move |col| row * planes.input[1] + col));
            let first = places.next().unwrap_or(0);
            let best =
                places.fold(
                    first,
                    |best, at| if x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan()) { at } else { best },
                );
            (*out, *index) = (x[best], best as u32);
        }
    });
    Ok((convert(&out.view(), x.dtype()), indices))
}

/// The derivative of [`max_pool2d`] from its indices: `dy` where each maximum was, added window after window.
///
/// # Errors
/// As [`max_pool2d`], and where `dy` or `indices` are not as it gives.
pub fn max_pool2d_backward(shape: &[usize], spec: &PoolSpec, indices: &View, dy: &View) -> Result<Tensor, OpError> {
    let op = "max_pool2d_backward";
    let planes = Planes::new(op, shape, spec)?;
    crate::rows::expect_shape(op, "dy", dy.shape(), "as the result", &planes.shape(shape))?;
    crate::rows::expect_shape(op, "indices", indices.shape(), "as `dy`", dy.shape())?;
    let flat = [planes.planes, planes.input.iter().product()];
    let rows = [planes.planes, planes.output.iter().product()];
    let [indices, held] = [crate::movement::contiguous(indices), plain(op, dy)?].map(|x| x.reshape(rows));
    let dx = crate::movement::gather_backward(&flat, 1, &indices.view(), &held.view())?;
    Ok(convert(&dx.reshape(shape).view(), dy.dtype()))
}

/// Every output takes input `⌊i · n_in / n_out⌋` of each of the last two axes, computed exactly.
///
/// # Errors
/// [`OpError`] for fewer than two axes, or an empty plane.
pub fn upsample_nearest2d(x: &View, size: [usize; 2]) -> Result<Tensor, OpError> {
    let [rows, cols] = sources("upsample_nearest2d", x.shape(), size)?;
    let axis = x.shape().len() - 2;
    let tall = crate::movement::index_select(x, axis, &View::of(&rows, [rows.len()]))?;
    crate::movement::index_select(&tall.view(), axis + 1, &View::of(&cols, [cols.len()]))
}

/// The derivative of [`upsample_nearest2d`]: `dy` added where each was taken from. `shape` is that of `x`.
///
/// # Errors
/// As [`upsample_nearest2d`].
pub fn upsample_nearest2d_backward(shape: &[usize], dy: &View) -> Result<Tensor, OpError> {
    let op = "upsample_nearest2d_backward";
    let &[.., height, width] = dy.shape() else {
        return Err(OpError::Shape { op, arg: "dy", want: "of at least two axes".into(), got: dy.shape().to_vec() });
    };
    let [rows, cols] = sources(op, shape, [height, width])?;
    let axis = shape.len() - 2;
    let tall = [&shape[..axis], &[height, shape[axis + 1]]].concat();
    let tall = crate::movement::index_select_backward(&tall, axis + 1, &View::of(&cols, [cols.len()]), dy)?;
    crate::movement::index_select_backward(shape, axis, &View::of(&rows, [rows.len()]), &tall.view())
}

fn sources(op: &'static str, shape: &[usize], size: [usize; 2]) -> Result<[Vec<u32>; 2], OpError> {
    match *shape {
        [.., height, width] if height > 0 && width > 0 => {
            let of = |n_in: usize, n_out: usize| (0..n_out).map(|i| (i * n_in / n_out) as u32).collect();
            Ok([of(height, size[0]), of(width, size[1])])
        }
        _ => Err(OpError::Shape { op, arg: "x", want: "of two axes that are not empty".into(), got: shape.to_vec() }),
    }
}
