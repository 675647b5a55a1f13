//! Borrowed, strided windows: what operators take.

use crate::shape::MAX_RANK;
use crate::{Bf16, DType, Element, Shape};
use std::marker::PhantomData;

/// A strided window for reading.
#[derive(Clone, Copy)]
pub struct View<'a> {
    ptr: *const u8,
    dtype: DType,
    shape: Shape,
    strides: [usize; MAX_RANK],
    life: PhantomData<&'a [u8]>,
}

/// A strided window for writing; no two live ones overlap.
pub struct ViewMut<'a> {
    ptr: *mut u8,
    dtype: DType,
    shape: Shape,
    strides: [usize; MAX_RANK],
    life: PhantomData<&'a mut [u8]>,
}

// SAFETY: a view is a shared borrow of plain data.
unsafe impl Send for View<'_> {}
// SAFETY: as above.
unsafe impl Sync for View<'_> {}
// SAFETY: a mutable view is an exclusive borrow of plain data.
unsafe impl Send for ViewMut<'_> {}

impl<'a> View<'a> {
    pub(crate) fn contiguous(ptr: *const u8, dtype: DType, shape: Shape) -> Self {
        View { ptr, dtype, shape, strides: shape.strides(), life: PhantomData }
    }

    /// A window on a slice.
    ///
    /// # Panics
    /// If the slice does not have exactly the shape's number of elements.
    pub fn of<T: Element>(data: &'a [T], shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert_eq!(data.len(), shape.numel(), "{} elements cannot be seen as {shape:?}", data.len());
        View::contiguous(data.as_ptr().cast(), T::DTYPE, shape)
    }

    /// The same window with two axes exchanged.
    pub fn transpose(mut self, a: usize, b: usize) -> Self {
        let mut dims: Vec<usize> = self.shape.to_vec();
        dims.swap(a, b);
        self.strides.swap(a, b);
        self.shape = Shape::new(&dims);
        self
    }

    /// The same window with axis `i` where axis `axes[i]` was.
    ///
    /// # Panics
    /// Unless `axes` holds every axis once.
    pub fn permute(mut self, axes: &[usize]) -> Self {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..self.shape.rank()), "{axes:?} does not name every axis of {:?}", self.shape);
        let (dims, strides) = (self.shape, self.strides);
        for (to, &from) in axes.iter().enumerate() {
            self.strides[to] = strides[from];
        }
        self.shape = Shape::new(&axes.iter().map(|&axis| dims[axis]).collect::<Vec<_>>());
        self
    }

    /// The window repeated to `shape` without a copy: axes are matched from the last, and an axis of 1, or one
    /// that is absent, has stride 0. `None` where another extent differs.
    pub fn expand(mut self, shape: impl Into<Shape>) -> Option<Self> {
        let shape = shape.into();
        let lead = shape.rank().checked_sub(self.shape.rank())?;
        let mut strides = [0; MAX_RANK];
        for axis in lead..shape.rank() {
            let extent = self.shape[axis - lead];
            if extent == shape[axis] {
                strides[axis] = self.strides[axis - lead];
            } else if extent != 1 {
                return None;
            }
        }
        (self.shape, self.strides) = (shape, strides);
        Some(self)
    }

    /// The same elements under another shape, if they lie in row-major order without gaps.
    ///
    /// # Panics
    /// If the number of elements differs.
    pub fn reshape(self, shape: impl Into<Shape>) -> Option<Self> {
        let shape = shape.into();
        assert_eq!(shape.numel(), self.numel(), "{:?} cannot be seen as {shape:?}", self.shape);
        self.is_contiguous().then(|| View::contiguous(self.ptr, self.dtype, shape))
    }

    /// The part of `axis` from `start`, `len` long.
    ///
    /// # Panics
    /// If it reaches beyond the axis.
    pub fn narrow(mut self, axis: usize, start: usize, len: usize) -> Self {
        let extent = self.shape[axis];
        assert!(start + len <= extent, "{start}..{} reaches beyond axis {axis} of {:?}", start + len, self.shape);
        let mut dims: Vec<usize> = self.shape.to_vec();
        dims[axis] = len;
        // SAFETY: the first element of a part that lies inside the window lies inside the buffer
        // (or one past it, for an empty part, and is then never read).
        self.ptr = unsafe { self.ptr.add(start * self.strides[axis] * self.dtype.size()) };
        self.shape = Shape::new(&dims);
        self
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        self.shape.dims()
    }

    /// Strides in elements.
    pub fn strides(&self) -> &[usize] {
        &self.strides[..self.shape.rank()]
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.numel()
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        contiguous(&self.shape, &self.strides)
    }

    /// Address of the first element, for kernels that walk strides themselves.
    pub fn ptr<T: Element>(&self) -> *const T {
        assert_eq!(self.dtype, T::DTYPE, "this view is of {}, not {}", self.dtype, T::DTYPE);
        self.ptr.cast()
    }

    /// The elements, if they are of this type and contiguous.
    pub fn as_slice<T: Element>(&self) -> Option<&'a [T]> {
        (self.dtype == T::DTYPE && self.is_contiguous())
            // SAFETY: contiguous, of the right type, aligned by construction, borrowed for 'a.
            .then(|| unsafe { std::slice::from_raw_parts(self.ptr.cast(), self.numel()) })
    }

    /// A row-major copy widened to `f32`.
    ///
    /// # Panics
    /// For integer views.
    pub fn to_f32_vec(&self) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.numel());
        for_each_offset(&self.shape, &self.strides, |at| {
            out.push(match self.dtype {
                // SAFETY: every offset of a view's own shape and strides lies in its buffer.
                DType::F32 => unsafe { *self.ptr.cast::<f32>().add(at) },
                // SAFETY: as above.
                DType::Bf16 => unsafe { (*self.ptr.cast::<Bf16>().add(at)).to_f32() },
                other => panic!("a view of {other} has no f32 form"),
            });
        });
        out
    }
}

impl<'a> ViewMut<'a> {
    pub(crate) fn contiguous(ptr: *mut u8, dtype: DType, shape: Shape) -> Self {
        ViewMut { ptr, dtype, shape, strides: shape.strides(), life: PhantomData }
    }

    /// A window on a slice.
    ///
    /// # Panics
    /// If the slice does not have exactly the shape's number of elements.
    pub fn of<T: Element>(data: &'a mut [T], shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert_eq!(data.len(), shape.numel(), "{} elements cannot be seen as {shape:?}", data.len());
        ViewMut::contiguous(data.as_mut_ptr().cast(), T::DTYPE, shape)
    }

    /// The part of `axis` from `start`, `len` long.
    ///
    /// # Panics
    /// If it reaches beyond the axis.
    pub fn narrow(self, axis: usize, start: usize, len: usize) -> Self {
        let part = self.as_view().narrow(axis, start, len);
        ViewMut {
            ptr: part.ptr.cast_mut(),
            dtype: part.dtype,
            shape: part.shape,
            strides: part.strides,
            life: PhantomData,
        }
    }

    /// A shorter-lived window on the same elements.
    pub fn reborrow(&mut self) -> ViewMut<'_> {
        ViewMut { ptr: self.ptr, dtype: self.dtype, shape: self.shape, strides: self.strides, life: PhantomData }
    }

    /// The same window for reading.
    pub fn as_view(&self) -> View<'_> {
        View { ptr: self.ptr, dtype: self.dtype, shape: self.shape, strides: self.strides, life: PhantomData }
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        self.shape.dims()
    }

    /// Strides in elements.
    pub fn strides(&self) -> &[usize] {
        &self.strides[..self.shape.rank()]
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.numel()
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        contiguous(&self.shape, &self.strides)
    }

    /// Address of the first element, for kernels that walk strides themselves.
    pub fn ptr<T: Element>(&mut self) -> *mut T {
        assert_eq!(self.dtype, T::DTYPE, "this view is of {}, not {}", self.dtype, T::DTYPE);
        self.ptr.cast()
    }

    /// The elements, if they are of this type and contiguous.
    pub fn as_mut_slice<T: Element>(&mut self) -> Option<&mut [T]> {
        (self.dtype == T::DTYPE && self.is_contiguous())
            // SAFETY: contiguous, of the right type, aligned by construction, borrowed exclusively.
            .then(|| unsafe { std::slice::from_raw_parts_mut(self.ptr.cast(), self.numel()) })
    }
}

fn contiguous(shape: &Shape, strides: &[usize]) -> bool {
    let dense = shape.strides();
    (0..shape.rank()).all(|axis| shape[axis] <= 1 || strides[axis] == dense[axis]) || shape.numel() == 0
}

fn for_each_offset(shape: &Shape, strides: &[usize], mut visit: impl FnMut(usize)) {
    let mut index = [0; MAX_RANK];
    for _ in 0..shape.numel() {
        visit((0..shape.rank()).map(|axis| index[axis] * strides[axis]).sum());
        for axis in (0..shape.rank()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}
