//! Extents of a tensor, without a heap allocation.

use std::fmt;

/// The largest number of axes a tensor may have.
pub const MAX_RANK: usize = 6;

/// Up to [`MAX_RANK`] extents, outermost first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// A shape of these extents.
    ///
    /// # Panics
    /// With more than [`MAX_RANK`] of them.
    pub fn new(extents: &[usize]) -> Self {
        assert!(extents.len() <= MAX_RANK, "a tensor has at most {MAX_RANK} axes, got {extents:?}");
        let mut dims = [1; MAX_RANK];
        dims[..extents.len()].copy_from_slice(extents);
        Shape { dims, rank: extents.len() as u8 }
    }

    /// The extents.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank as usize]
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Number of elements; one for a shape without axes.
    pub fn numel(&self) -> usize {
        self.dims().iter().product()
    }

    /// Strides, in elements, of a contiguous row-major tensor of this shape.
    pub fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [1; MAX_RANK];
        let mut step = 1;
        for axis in (0..self.rank()).rev() {
            strides[axis] = step;
            step *= self.dims[axis];
        }
        strides
    }
}

impl std::ops::Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        self.dims()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dims().fmt(f)
    }
}

impl From<&[usize]> for Shape {
    fn from(extents: &[usize]) -> Self {
        Shape::new(extents)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(extents: [usize; N]) -> Self {
        Shape::new(&extents)
    }
}
