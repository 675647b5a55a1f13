//! Owned tensors: one contiguous, aligned, recycled buffer each, shared until somebody writes.

use crate::memory::Buffer;
use crate::{Bf16, DType, Element, Shape, View, ViewMut};
use std::fmt;
use std::sync::Arc;

/// A contiguous row-major array. Cloning shares the buffer; writing to a shared one copies it first.
#[derive(Clone)]
pub struct Tensor {
    buffer: Arc<Buffer>,
    dtype: DType,
    shape: Shape,
}

impl Tensor {
    /// A tensor whose every element is [`Element::POISON`], so that a kernel that skips one is found out.
    pub fn poisoned<T: Element>(shape: impl Into<Shape>) -> Self {
        Tensor::filled(shape, T::POISON)
    }

    /// A tensor of zeros.
    pub fn zeros<T: Element>(shape: impl Into<Shape>) -> Self {
        Tensor::filled(shape, T::ZERO)
    }

    /// A tensor whose every element is `value`.
    pub fn filled<T: Element>(shape: impl Into<Shape>, value: T) -> Self {
        let mut tensor = Tensor::recycled::<T>(shape);
        if !tensor.buffer.is_planned() {
            tensor.as_mut_slice::<T>().fill(value);
        }
        tensor
    }

    /// A tensor holding whatever its buffer held before (NaN in debug builds): for outputs that the next
    /// operator overwrites whole.
    pub fn recycled<T: Element>(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        let buffer = Arc::new(Buffer::new(shape.numel() * size_of::<T>()));
        Tensor { buffer, dtype: T::DTYPE, shape }
    }

    /// A copy of `data` in this shape.
    ///
    /// # Panics
    /// If their numbers of elements differ.
    pub fn from_slice<T: Element>(data: &[T], shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert_eq!(data.len(), shape.numel(), "{} elements cannot fill a tensor of shape {shape:?}", data.len());
        let mut tensor = Tensor::recycled::<T>(shape);
        if !tensor.buffer.is_planned() {
            tensor.as_mut_slice::<T>().copy_from_slice(data);
        }
        tensor
    }

    /// [`Tensor::from_slice`] of `f32`.
    pub fn from_f32(data: &[f32], shape: impl Into<Shape>) -> Self {
        Tensor::from_slice(data, shape)
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        self.shape.dims()
    }

    /// The extents as a value.
    pub fn shape_of(&self) -> Shape {
        self.shape
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.numel()
    }

    /// The same elements under another shape.
    ///
    /// # Panics
    /// If the number of elements differs.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        assert_eq!(shape.numel(), self.numel(), "{:?} cannot be seen as {shape:?}", self.shape);
        Tensor { shape, ..self.clone() }
    }

    /// The elements.
    ///
    /// # Panics
    /// If the tensor holds another type.
    pub fn as_slice<T: Element>(&self) -> &[T] {
        assert_eq!(self.dtype, T::DTYPE, "this tensor holds {}, not {}", self.dtype, T::DTYPE);
        // SAFETY: the buffer is aligned to 64, holds `numel` elements, and every bit pattern is a valid `T`.
        unsafe { std::slice::from_raw_parts(self.buffer.ptr().cast(), self.numel()) }
    }

    /// The elements, for writing; copies them first if the buffer is shared.
    ///
    /// # Panics
    /// If the tensor holds another type.
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        assert_eq!(self.dtype, T::DTYPE, "this tensor holds {}, not {}", self.dtype, T::DTYPE);
        self.make_unique();
        // SAFETY: as in `as_slice`, and `make_unique` left us the only owner.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.ptr().cast(), self.numel()) }
    }

    /// The elements as `f32`; see [`Tensor::as_slice`].
    pub fn as_f32(&self) -> &[f32] {
        self.as_slice()
    }

    /// The elements as `f32`, for writing; see [`Tensor::as_mut_slice`].
    pub fn as_f32_mut(&mut self) -> &mut [f32] {
        self.as_mut_slice()
    }

    /// The elements as raw bytes, in memory order.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: as in `as_slice`; bytes have no alignment and no invalid patterns.
        unsafe { std::slice::from_raw_parts(self.buffer.ptr(), self.numel() * self.dtype.size()) }
    }

    /// A copy in `f32`, rounding nothing: bf16 widens exactly.
    ///
    /// # Panics
    /// For integer tensors.
    pub fn to_f32(&self) -> Tensor {
        match self.dtype {
            DType::F32 => self.clone(),
            DType::Bf16 => {
                let wide: Vec<f32> = self.as_slice::<Bf16>().iter().map(|x| x.to_f32()).collect();
                Tensor::from_f32(&wide, self.shape)
            }
            other => panic!("a tensor of {other} has no f32 form"),
        }
    }

    /// A strided window on the whole tensor.
    pub fn view(&self) -> View<'_> {
        View::contiguous(self.buffer.ptr(), self.dtype, self.shape)
    }

    /// A window for writing; copies first if the buffer is shared.
    pub fn view_mut(&mut self) -> ViewMut<'_> {
        self.make_unique();
        ViewMut::contiguous(self.buffer.ptr(), self.dtype, self.shape)
    }

    fn make_unique(&mut self) {
        if Arc::get_mut(&mut self.buffer).is_none() {
            let bytes = self.numel() * self.dtype.size();
            let fresh = Buffer::new(bytes);
            if !fresh.is_planned() {
                // SAFETY: both buffers hold at least `bytes` bytes and do not overlap.
                unsafe { std::ptr::copy_nonoverlapping(self.buffer.ptr(), fresh.ptr(), bytes) };
            }
            self.buffer = Arc::new(fresh);
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}{:?})", self.dtype, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_to_a_clone_leaves_the_first_alone() {
        let a = Tensor::from_f32(&[1.0, 2.0], [2]);
        let mut b = a.clone();
        b.as_f32_mut()[0] = 9.0;
        assert_eq!((a.as_f32(), b.as_f32()), (&[1.0, 2.0][..], &[9.0, 2.0][..]));
    }

    #[test]
    fn poison_is_nan_and_views_follow_strides() {
        assert!(Tensor::poisoned::<f32>([3]).as_f32().iter().all(|x| x.is_nan()));
        let x = Tensor::from_f32(&(0..24).map(|i| i as f32).collect::<Vec<_>>(), [2, 3, 4]);
        let v = x.view().transpose(0, 2).narrow(0, 1, 2);
        assert_eq!(v.shape(), &[2, 3, 2]);
        assert_eq!(v.to_f32_vec(), [1., 13., 5., 17., 9., 21., 2., 14., 6., 18., 10., 22.]);
        assert!(!v.is_contiguous());
        assert_eq!(x.view().permute(&[2, 0, 1]).to_f32_vec()[..6], [0., 4., 8., 12., 16., 20.]);
        assert!(v.reshape([12]).is_none() && x.view().reshape([4, 6]).is_some());
    }

    #[test]
    fn expanding_repeats_axes_of_one() {
        let x = Tensor::from_f32(&[1.0, 2.0], [2, 1]);
        let wide = x.view().expand([2, 2, 3]).map(|view| view.to_f32_vec());
        assert_eq!(wide, Some(vec![1., 1., 1., 2., 2., 2., 1., 1., 1., 2., 2., 2.]));
        assert!(x.view().expand([3, 1]).is_none() && x.view().expand([2]).is_none());
        assert_eq!(x.view().expand([2, 0]).map(|view| view.numel()), Some(0));
    }
}
