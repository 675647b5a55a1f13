//! Elements of any view, a stretch at a time: what lets one loop over slices serve every dtype, every stride and
//! every broadcast. Floats are worked on as `f32` (bf16 widens exactly and is rounded once on the way out),
//! integers as `i64`, which holds any sum or product of two of them.

use crate::OpError;
use aquifer_tensor::shape::MAX_RANK;
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{Bf16, DType, Element, Shape, Tensor, View};
use std::ops::Range;

/// Elements of one task, and of one stretch inside it where operands must be widened first.
const TASK: usize = 16_384;
const STRETCH: usize = 2048;

/// The axes of a view, merged where memory allows.
#[derive(Clone, Copy)]
pub(crate) struct Walk {
    dims: [usize; MAX_RANK],
    strides: [usize; MAX_RANK],
    rank: usize,
}

impl Walk {
    pub(crate) fn new(dims: &[usize], strides: &[usize]) -> Self {
        let mut walk = Walk { dims: [1; MAX_RANK], strides: [1; MAX_RANK], rank: 0 };
        for (&dim, &stride) in dims.iter().zip(strides).filter(|(dim, _)| **dim != 1) {
            if walk.rank > 0 && walk.strides[walk.rank - 1] == dim * stride {
                walk.dims[walk.rank - 1] *= dim;
                walk.strides[walk.rank - 1] = stride;
            } else {
                walk.dims[walk.rank] = dim;
                walk.strides[walk.rank] = stride;
                walk.rank += 1;
            }
        }
        walk.rank = walk.rank.max(1);
        walk
    }

    pub(crate) fn of(view: &View) -> Self {
        Walk::new(view.shape(), view.strides())
    }

    /// Copies all elements in row-major order from `from` to `to`, reading tiles of the axis that is dense in memory;
    /// `false`, with nothing done, where that is the last axis or none.
    ///
    /// # Safety
    /// `from` is where the walk begins, and `to` has room for all.
    pub(crate) unsafe fn copy_turned<T: Element>(&self, from: SendPtr<T>, to: SendPtr<T>) -> bool {
        const TILE: usize = 32;
        let last = self.rank - 1;
        let Some(fast) = (0..last).find(|&axis| self.strides[axis] == 1).filter(|_| self.strides[last] != 1) else {
            return false;
        };
        let dense = Shape::new(&self.dims[..self.rank]).strides();
        let others = |of: &[usize]| (0..last).filter(|axis| *axis != fast).map(|axis| of[axis]).collect::<Vec<_>>();
        let (dims, steps, places) = (others(&self.dims), others(&self.strides), others(&dense));
        let tiles = self.dims[fast].div_ceil(TILE);
        parallel_for(dims.iter().product::<usize>() * tiles, |task| {
            let (mut rest, mut read, mut written) = (task / tiles, 0, 0);
            for axis in (0..dims.len()).rev() {
                let at = rest % dims[axis];
                rest /= dims[axis];
                read += at * steps[axis];
                written += at * places[axis];
            }
            let rows = task % tiles * TILE..(task % tiles * TILE + TILE).min(self.dims[fast]);
            for first in (0..self.dims[last]).step_by(TILE) {
                let cols = first..(first + TILE).min(self.dims[last]);
                for row in rows.clone() {
                    for col in cols.clone() {
                        // SAFETY: indices inside the walk's own axes; every element of the output is one task's.
                        unsafe {
                            *to.get().add(written + row * dense[fast] + col) =
                                *from.get().add(read + row + col * self.strides[last]);
                        }
                    }
                }
            }
        });
        true
    }

    /// Calls `run(offset, stride, len)` for stretches that together are elements `range` in row-major order.
    pub(crate) fn runs(&self, range: Range<usize>, mut run: impl FnMut(usize, usize, usize)) {
        if range.is_empty() {
            return;
        }
        let last = self.rank - 1;
        let (inner, step) = (self.dims[last], self.strides[last]);
        let (mut at, mut column) = (range.start, range.start % inner);
        let (mut index, mut rest, mut base) = ([0; MAX_RANK], at / inner, 0);
        for axis in (0..last).rev() {
            index[axis] = rest % self.dims[axis];
            rest /= self.dims[axis];
            base += index[axis] * self.strides[axis];
        }
        loop {
            let len = (inner - column).min(range.end - at);
            run(base + column * step, step, len);
            at += len;
            if at == range.end {
                return;
            }
            column = 0;
            for axis in (0..last).rev() {
                index[axis] += 1;
                base += self.strides[axis];
                if index[axis] < self.dims[axis] {
                    break;
                }
                base -= index[axis] * self.strides[axis];
                index[axis] = 0;
            }
        }
    }
}

/// Runs `$body` with `$t` standing for the element type of `$dtype`.
macro_rules! with_element {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            aquifer_tensor::DType::F32 => {
                type $t = f32;
                $body
            }
            aquifer_tensor::DType::Bf16 => {
                type $t = aquifer_tensor::Bf16;
                $body
            }
            aquifer_tensor::DType::U32 => {
                type $t = u32;
                $body
            }
            aquifer_tensor::DType::I32 => {
                type $t = i32;
                $body
            }
            aquifer_tensor::DType::U8 => {
                type $t = u8;
                $body
            }
        }
    };
}
pub(crate) use with_element;

/// A fresh output of this type; poisoned in debug builds.
pub(crate) fn recycled(dtype: DType, shape: impl Into<Shape>) -> Tensor {
    with_element!(dtype, T => Tensor::recycled::<T>(shape))
}

/// What kernels compute in.
pub(crate) trait Lane: Copy + Default + Send + Sync + 'static {
    /// The element type that needs no conversion, if any.
    const PLAIN: Option<DType>;

    /// Elements `range` of a view in row-major order.
    fn load(view: &View, walk: &Walk, range: Range<usize>, out: &mut [Self]);

    /// Writes `xs` from element `start` of a contiguous output on.
    ///
    /// # Safety
    /// The output has `dtype` and these elements, and nobody else touches them.
    unsafe fn store(out: SendPtr<u8>, dtype: DType, start: usize, xs: &[Self]);
}

impl Lane for f32 {
    const PLAIN: Option<DType> = Some(DType::F32);

    fn load(view: &View, walk: &Walk, range: Range<usize>, out: &mut [f32]) {
        match view.dtype() {
            DType::F32 => read(view, walk, range, out, |x: f32| x),
            DType::Bf16 => read(view, walk, range, out, widen),
            DType::U8 => read(view, walk, range, out, |x: u8| f32::from(x)),
            DType::U32 => read(view, walk, range, out, |x: u32| x as f32),
            DType::I32 => read(view, walk, range, out, |x: i32| x as f32),
        }
    }

    unsafe fn store(out: SendPtr<u8>, dtype: DType, start: usize, xs: &[f32]) {
        // SAFETY: passed on to the caller.
        unsafe {
            match dtype {
                DType::F32 => write(out, start, xs, |x| x),
                DType::Bf16 => write(out, start, xs, narrow),
                DType::U8 => write(out, start, xs, |x| x as u8),
                DType::U32 => write(out, start, xs, |x| x as u32),
                DType::I32 => write(out, start, xs, |x| x as i32),
            }
        }
    }
}

impl Lane for i64 {
    const PLAIN: Option<DType> = None;

    fn load(view: &View, walk: &Walk, range: Range<usize>, out: &mut [i64]) {
        match view.dtype() {
            DType::F32 => read(view, walk, range, out, |x: f32| x as i64),
            DType::Bf16 => read(view, walk, range, out, |x: Bf16| x.to_f32() as i64),
            DType::U8 => read(view, walk, range, out, |x: u8| i64::from(x)),
            DType::U32 => read(view, walk, range, out, |x: u32| i64::from(x)),
            DType::I32 => read(view, walk, range, out, |x: i32| i64::from(x)),
        }
    }

    unsafe fn store(out: SendPtr<u8>, dtype: DType, start: usize, xs: &[i64]) {
        // SAFETY: passed on to the caller.
        unsafe {
            match dtype {
                DType::F32 => write(out, start, xs, |x| x as f32),
                DType::Bf16 => write(out, start, xs, |x| Bf16::from_f32(x as f32)),
                DType::U8 => write(out, start, xs, |x| x as u8),
                DType::U32 => write(out, start, xs, |x| x as u32),
                DType::I32 => write(out, start, xs, |x| x as i32),
            }
        }
    }
}

/// `Bf16::to_f32` without its branch, so that loops vectorise.
#[inline(always)]
pub(crate) fn widen(x: Bf16) -> f32 {
    f32::from_bits(u32::from(x.to_bits()) << 16)
}

/// `Bf16::from_f32` without its branch.
#[inline(always)]
fn narrow(x: f32) -> Bf16 {
    Bf16::from_bits(crate::matmul::exact::narrow(x))
}

fn read<T: Element, W: Copy>(view: &View, walk: &Walk, range: Range<usize>, out: &mut [W], widen: impl Fn(T) -> W) {
    let (ptr, mut filled) = (view.ptr::<T>(), 0);
    walk.runs(range, |offset, stride, len| {
        let out = &mut out[filled..filled + len];
        filled += len;
        // SAFETY: the runs of a view's own walk lie inside its buffer.
        unsafe {
            let ptr = ptr.add(offset);
            match stride {
                0 => out.fill(widen(*ptr)),
                1 => out.iter_mut().zip(std::slice::from_raw_parts(ptr, len)).for_each(|(out, x)| *out = widen(*x)),
                _ => (0..len).for_each(|i| out[i] = widen(*ptr.add(i * stride))),
            }
        }
    });
}

/// # Safety
/// As [`Lane::store`].
unsafe fn write<T: Element, W: Copy>(out: SendPtr<u8>, start: usize, xs: &[W], narrow: impl Fn(W) -> T) {
    // SAFETY: the caller's word.
    let out = unsafe { std::slice::from_raw_parts_mut(out.get().cast::<T>().add(start), xs.len()) };
    out.iter_mut().zip(xs).for_each(|(out, x)| *out = narrow(*x));
}

/// One pass over `inputs`, each already expanded to `shape`: `kernel` gets equal stretches of all of them and
/// fills as long a stretch of every output, whose types are `out`.
pub(crate) fn map<W: Lane, const N: usize, const K: usize>(
    inputs: [&View; N],
    out: [DType; K],
    shape: &[usize],
    kernel: impl Fn([&[W]; N], [&mut [W]; K]) + Sync,
) -> [Tensor; K] {
    let mut tensors = out.map(|dtype| recycled(dtype, shape));
    let bases = tensors.each_mut().map(raw);
    let walks = inputs.map(Walk::of);
    let plain_in = inputs.map(|view| (W::PLAIN == Some(view.dtype()) && view.is_contiguous()).then(|| base(view)));
    let plain_out = out.iter().all(|dtype| W::PLAIN == Some(*dtype));
    let total: usize = shape.iter().product();
    parallel_for(total.div_ceil(TASK), |i| {
        let task = i * TASK..((i + 1) * TASK).min(total);
        if plain_out && plain_in.iter().all(Option::is_some) {
            // SAFETY: contiguous views of `W` itself with `total` elements each; tasks are disjoint.
            return unsafe {
                let inputs = plain_in.map(|base| part(base.map(SendPtr::get), &task));
                kernel(inputs, bases.map(|base| part_mut(base.get().cast(), &task)))
            };
        }
        let (mut loaded, mut results) = ([[W::default(); STRETCH]; N], [[W::default(); STRETCH]; K]);
        for start in task.clone().step_by(STRETCH) {
            let stretch = start..(start + STRETCH).min(task.end);
            let len = stretch.len();
            for (n, loaded) in loaded.iter_mut().enumerate().filter(|(n, _)| plain_in[*n].is_none()) {
                W::load(inputs[n], &walks[n], stretch.clone(), &mut loaded[..len]);
            }
            let inputs = std::array::from_fn(|n| match plain_in[n] {
                // SAFETY: as above.
                Some(base) => unsafe { part(Some(base.get()), &stretch) },
                None => &loaded[n][..len],
            });
            if plain_out {
                // SAFETY: as above.
                kernel(inputs, bases.map(|base| unsafe { part_mut(base.get().cast(), &stretch) }));
                continue;
            }
            kernel(inputs, results.each_mut().map(|x| &mut x[..len]));
            for ((base, dtype), result) in bases.iter().zip(out).zip(&results) {
                // SAFETY: every output has `total` elements of its type; tasks are disjoint.
                unsafe { W::store(*base, dtype, start, &result[..len]) };
            }
        }
    });
    tensors
}

/// A contiguous copy of this element type: floats are rounded once, fractions are cut off on the way to an integer.
pub(crate) fn convert(x: &View, dtype: DType) -> Tensor {
    let [y] = if is_float(x.dtype()) || is_float(dtype) {
        map([x], [dtype], x.shape(), |[x]: [&[f32]; 1], [y]| y.copy_from_slice(x))
    } else {
        map([x], [dtype], x.shape(), |[x]: [&[i64]; 1], [y]| y.copy_from_slice(x))
    };
    y
}

/// Where a tensor's elements begin, for tasks that write disjoint parts.
pub(crate) fn raw(tensor: &mut Tensor) -> SendPtr<u8> {
    let dtype = tensor.dtype();
    with_element!(dtype, T => SendPtr(tensor.as_mut_slice::<T>().as_mut_ptr().cast()))
}

fn base<W>(view: &View) -> SendPtr<W> {
    with_element!(view.dtype(), T => SendPtr(view.ptr::<T>().cast_mut().cast()))
}

/// # Safety
/// `base` is there and has elements `range`, which stay alive and unwritten.
unsafe fn part<'a, W>(base: Option<*mut W>, range: &Range<usize>) -> &'a [W] {
    let base = base.expect("the caller looked");
    // SAFETY: the caller's word.
    unsafe { std::slice::from_raw_parts(base.add(range.start), range.len()) }
}

/// # Safety
/// `base` has elements `range`, which nobody else touches.
unsafe fn part_mut<'a, W>(base: *mut W, range: &Range<usize>) -> &'a mut [W] {
    // SAFETY: the caller's word.
    unsafe { std::slice::from_raw_parts_mut(base.add(range.start), range.len()) }
}

/// Whether elements are `f32` or `bf16`.
pub(crate) fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::Bf16)
}

/// The element type of a result: that of the operands, or `f32` where both kinds of float meet.
pub(crate) fn promoted(op: &'static str, arg: &'static str, a: DType, b: DType) -> Result<DType, OpError> {
    match (a, b) {
        _ if a == b => Ok(a),
        _ if is_float(a) && is_float(b) => Ok(DType::F32),
        _ => Err(OpError::DType { op, arg, want: "of the other operand's element type (floats may mix)", got: b }),
    }
}

/// Refuses all but floats.
pub(crate) fn expect_float(op: &'static str, arg: &'static str, got: DType) -> Result<(), OpError> {
    if is_float(got) { Ok(()) } else { Err(OpError::DType { op, arg, want: "f32 or bf16", got }) }
}

/// The shape that both expand to: axes are matched from the last, and an extent of 1 follows the other.
pub(crate) fn broadcast(op: &'static str, arg: &'static str, a: &[usize], b: &[usize]) -> Result<Vec<usize>, OpError> {
    let rank = a.len().max(b.len());
    let extent = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |at| dims[at]);
    let one = |axis| match (extent(a, axis), extent(b, axis)) {
        (x, 1) => Some(x),
        (1, y) => Some(y),
        (x, y) => (x == y).then_some(x),
    };
    let shape: Option<Vec<usize>> = (0..rank).map(one).collect();
    shape.ok_or_else(|| OpError::Shape { op, arg, want: format!("one that broadcasts with {a:?}"), got: b.to_vec() })
}

/// [`View::expand`], whose refusal names the argument.
pub(crate) fn expanded<'a>(
    op: &'static str,
    arg: &'static str,
    view: &View<'a>,
    shape: &[usize],
) -> Result<View<'a>, OpError> {
    let refused =
        || OpError::Shape { op, arg, want: format!("one that expands to {shape:?}"), got: view.shape().to_vec() };
    view.expand(shape).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{everywhere, tensor};

    #[test]
    fn runs_visit_every_element_in_row_major_order() {
        let x = Tensor::from_f32(&(0..360).map(|i| i as f32).collect::<Vec<_>>(), [3, 4, 5, 6]);
        let views = [
            x.view(),
            x.view().transpose(0, 2),
            x.view().permute(&[3, 1, 0, 2]).narrow(1, 1, 2),
            x.view().narrow(2, 2, 1).expand([3, 4, 7, 6]).unwrap(),
            x.view().narrow(0, 1, 0),
        ];
        for view in views {
            let (want, total) = (view.to_f32_vec(), view.numel());
            for (from, to) in [(0, total), (total / 3, total), (total / 2, total / 2), (0, total / 5)] {
                let mut got = vec![f32::NAN; to - from];
                f32::load(&view, &Walk::of(&view), from..to, &mut got);
                assert_eq!(got, want[from..to], "{:?} {:?}", view.shape(), view.strides());
            }
        }
    }

    #[test]
    fn strided_broadcast_and_plain_operands_are_mapped_alike() {
        for bits in (0..=u32::MAX).step_by(9973) {
            let x = f32::from_bits(bits);
            assert_eq!(narrow(x).to_bits(), Bf16::from_f32(x).to_bits());
            assert_eq!(widen(narrow(x)).to_bits(), Bf16::from_f32(x).to_f32().to_bits());
        }
        let (a, b) = (tensor("a", [17, 301], 1.0), tensor("b", [301, 17], 1.0));
        let add = |inputs: [&[f32]; 2], [out]: [&mut [f32]; 1]| {
            (0..out.len()).for_each(|i| out[i] = inputs[0][i] + inputs[1][i]);
        };
        let sum = everywhere(|| {
            let [y] = map([&a.view(), &b.view().transpose(0, 1)], [DType::F32], &[17, 301], add);
            y.as_f32().to_vec()
        });
        let want: Vec<f32> = (0..17 * 301).map(|i| a.as_f32()[i] + b.as_f32()[i % 301 * 17 + i / 301]).collect();
        assert_eq!(sum, want);
    }

    #[test]
    fn shapes_broadcast_from_the_last_axis() {
        assert_eq!(broadcast("op", "b", &[2, 1, 4], &[3, 1]).unwrap(), [2, 3, 4]);
        assert_eq!(broadcast("op", "b", &[], &[0, 1]).unwrap(), [0, 1]);
        let refused = broadcast("op", "b", &[2, 3], &[2]).unwrap_err().to_string();
        assert_eq!(refused, "op: `b` should be one that broadcasts with [2, 3], but its shape is [2]");
    }
}
