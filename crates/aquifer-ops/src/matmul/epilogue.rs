//! What a product does to its finished sums while they lie in the first-level cache, where an operator of its own
//! would read and write all of them again.

use super::blocks::Output;
use super::kernel::MAX_ROWS;
use super::pack::PANEL;
use super::store::{Region, expect_read, expect_write};
use super::{check_f32, check_matrix};
use crate::gelu::{self, Gelu};
use crate::simd::simd;
use crate::swiglu::silu;
use crate::{OpError, pointwise};
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{DType, Isa, View, ViewMut, isa};

/// A function of one element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// As [`crate::gelu()`].
    Gelu(Gelu),
    /// x · sigmoid(x), as in [`crate::swiglu()`].
    Silu,
    /// max(x, 0), as [`crate::pointwise::relu`].
    Relu,
}

/// The steps between a product's finished sums and its output, in the order of the fields. Each is rounded to f32 as
/// the operator of its own would be, and one that is absent does nothing; so a fused product has the bits of the
/// operators it stands for. The conversion to the output's type comes after all of them.
///
/// ```
/// use aquifer_ops::{Activation, Epilogue, PackedWeight, Precision, linear_with};
/// use aquifer_tensor::Tensor;
///
/// let x = Tensor::from_f32(&[1.0, 2.0], [1, 2]);
/// let w = Tensor::from_f32(&[1.0, 1.0, -1.0, -1.0], [2, 2]);
/// let stream = Tensor::from_f32(&[10.0, 20.0], [1, 2]);
/// let mut out = Tensor::poisoned::<f32>([1, 2]);
/// let epilogue = Epilogue { activation: Some(Activation::Relu), plus: Some(stream.view()), ..Epilogue::default() };
/// let packed = PackedWeight::new(&w.view(), 256, Precision::F32)?;
/// linear_with(&x.view(), &packed, epilogue, &mut out.view_mut())?;
/// assert_eq!(out.as_f32(), [13.0, 20.0]);
/// # Ok::<(), aquifer_ops::OpError>(())
/// ```
#[derive(Default)]
pub struct Epilogue<'a> {
    /// `y += bias`, `[n]`.
    pub bias: Option<&'a [f32]>,
    /// Receives `y` as it is here, `[m, n]` f32: what the derivative of the activation asks for.
    pub keep: Option<ViewMut<'a>>,
    /// `y = f(y)`.
    pub activation: Option<Activation>,
    /// `y = y · f'(at)`, `at: [m, n]` f32: the way back through the activation of `at`.
    pub slope: Option<(Activation, View<'a>)>,
    /// `y *= times`, `[m, n]` f32: the other half of a gated unit.
    pub times: Option<View<'a>>,
    /// `y += plus`, `[m, n]` f32: the residual stream.
    pub plus: Option<View<'a>>,
    /// `y += out`, what the output (of f32) held before.
    pub onto: bool,
    /// Rounds an output of bf16 as a product of bf16 rounds its operands, a subnormal `y` to a zero of its sign: a product
    /// that reads it has the bits it would have from an output of f32.
    pub operand: bool,
}

impl Epilogue<'_> {
    /// The same steps on sums finished elsewhere, in place.
    ///
    /// # Shapes
    /// `sums: [m, n]`, f32, last axis contiguous.
    ///
    /// # Errors
    /// [`OpError`] if a shape, an element type or a layout is not as above, or with [`Epilogue::onto`], which would
    /// have nothing to add to.
    pub fn apply(mut self, sums: &mut ViewMut) -> Result<(), OpError> {
        const OP: &str = "Epilogue::apply";
        let [rows, columns] = matrix(OP, sums)?;
        if self.onto {
            let (want, got) = ("false, because the sums are in the output".to_owned(), "true".to_owned());
            return Err(OpError::Value { op: OP, arg: "onto", want, got });
        }
        let out = Output::new(sums);
        let ending = self.ending(OP, [rows, columns], out)?;
        if ending.is_nothing() {
            return Ok(());
        }
        const ROWS: usize = 16;
        let isa = isa::active();
        parallel_for(rows.div_ceil(ROWS), |block| {
            let mut tile = [0.0; ROWS * PANEL];
            for column in (0..columns).step_by(PANEL) {
                let extent = [ROWS.min(rows - block * ROWS), PANEL.min(columns - column)];
                let region = Region::new(&out, [block * ROWS, column], extent);
                // SAFETY: the region is this task's own, and the tile has its rows.
                unsafe {
                    region.load(tile.as_mut_ptr());
                    super::store::finish(tile.as_mut_ptr(), &[], &ending, &region, isa);
                }
            }
        });
        Ok(())
    }

    /// Checked against the shape of the output and ready to be shared by tasks; it must not outlive `self`.
    pub(super) fn ending(&mut self, op: &'static str, shape: [usize; 2], out: Output) -> Result<Ending<'_>, OpError> {
        if let Some(bias) = self.bias.filter(|bias| bias.len() != shape[1]) {
            return Err(OpError::Shape { op, arg: "bias", want: format!("[{}]", shape[1]), got: vec![bias.len()] });
        }
        let read = |arg, view: &View| {
            check_matrix(op, arg, view.shape(), view.strides(), Some(shape[0]), Some(shape[1]))?;
            check_f32(op, arg, view.dtype())?;
            let ptr = SendPtr(view.ptr::<f32>().cast_mut().cast());
            Ok::<_, OpError>(Output { ptr, dtype: DType::F32, stride: view.strides()[0] })
        };
        if self.onto {
            check_f32(op, "out", out.dtype)?;
        }
        let keep = match &mut self.keep {
            Some(keep) => {
                read("keep", &keep.as_view())?;
                Some(Output::new(keep))
            }
            None => None,
        };
        Ok(Ending {
            bias: self.bias,
            keep,
            activation: self.activation,
            slope: self.slope.as_ref().map(|(f, at)| Ok::<_, OpError>((*f, read("slope", at)?))).transpose()?,
            times: self.times.as_ref().map(|times| read("times", times)).transpose()?,
            plus: self.plus.as_ref().map(|plus| read("plus", plus)).transpose()?,
            onto: self.onto.then_some(out),
            operand: self.operand,
        })
    }
}

/// The extents of a matrix of f32.
fn matrix(op: &'static str, sums: &ViewMut) -> Result<[usize; 2], OpError> {
    check_matrix(op, "sums", sums.shape(), sums.strides(), None, None)?;
    check_f32(op, "sums", sums.dtype())?;
    Ok([sums.shape()[0], sums.shape()[1]])
}

/// An [`Epilogue`] as the tasks of a product see it. Its matrices are of f32.
#[derive(Clone, Copy, Default)]
pub(super) struct Ending<'a> {
    pub(super) bias: Option<&'a [f32]>,
    pub(super) keep: Option<Output>,
    activation: Option<Activation>,
    slope: Option<(Activation, Output)>,
    pub(super) times: Option<Output>,
    plus: Option<Output>,
    onto: Option<Output>,
    /// How an output of bf16 is rounded.
    pub(super) operand: bool,
}

impl Ending<'_> {
    /// Whether sums leave as they are.
    pub(super) fn is_nothing(&self) -> bool {
        self.bias.is_none() && self.is_plain()
    }

    /// Whether there is a bias at most.
    pub(super) fn is_plain(&self) -> bool {
        self.keep.is_none() && self.activation.is_none() && self.operands().iter().all(Option::is_none)
    }

    /// What is left to do when all steps are done.
    pub(super) fn rounding(&self) -> Self {
        Ending { operand: self.operand, ..Ending::default() }
    }

    /// What is read beside the sums.
    fn operands(&self) -> [Option<Output>; 4] {
        [self.slope.map(|(_, at)| at), self.times, self.plus, self.onto]
    }

    /// Asks for the cache lines that [`Ending::apply`] will want for `region`.
    pub(super) fn expect(&self, region: &Region) {
        for matrix in self.operands().into_iter().flatten() {
            (0..region.rows).for_each(|row| expect_read(matrix.at(region, row).cast(), 4 * region.columns));
        }
        if let Some(keep) = self.keep {
            (0..region.rows).for_each(|row| expect_write(keep.at(region, row).cast(), 4 * region.columns));
        }
    }

    /// The steps after keeping, on a tile of sums that have their bias.
    ///
    /// # Safety
    /// The tile holds the region's rows; the region lies inside the output, and this task alone writes it.
    pub(super) unsafe fn apply(&self, tile: &mut [f32], region: &Region, isa: Isa) {
        match self.activation {
            None => {}
            Some(Activation::Gelu(Gelu::Erf)) => gelu_on(isa, tile),
            Some(Activation::Gelu(Gelu::Tanh)) => gelu_tanh_on(isa, tile),
            Some(Activation::Silu) => silu_on(isa, tile),
            Some(Activation::Relu) => relu_on(isa, tile),
        }
        let mut others = [0.0; MAX_ROWS * PANEL];
        if let Some((activation, at)) = self.slope {
            gather_on(isa, at, region, &mut others);
            match activation {
                Activation::Gelu(Gelu::Erf) => gelu_slope_on(isa, tile, &others),
                Activation::Gelu(Gelu::Tanh) => gelu_tanh_slope_on(isa, tile, &others),
                Activation::Silu => silu_slope_on(isa, tile, &others),
                Activation::Relu => relu_slope_on(isa, tile, &others),
            }
        }
        if let Some(times) = self.times {
            gather_on(isa, times, region, &mut others);
            times_on(isa, tile, &others);
        }
        for plus in [self.plus, self.onto].into_iter().flatten() {
            gather_on(isa, plus, region, &mut others);
            plus_on(isa, tile, &others);
        }
    }
}

impl Output {
    /// Where the first element of row `row` of `region` lies in this matrix of f32, which has the output's shape.
    #[inline(always)]
    fn at(&self, region: &Region, row: usize) -> *mut f32 {
        self.ptr.get().cast::<f32>().wrapping_add((region.row + row) * self.stride + region.column)
    }
}

/// Functions of every element `y` of a tile, and of `y` and the same element `x` of another.
macro_rules! on_tiles {
    ($($one:ident($y:ident): $f:expr;)* $(; $two:ident($dy:ident, $x:ident): $g:expr;)*) => {
        simd! {
            $(fn $one(isa: Isa, tile: &mut [f32]) {
                for at in tile {
                    let $y = *at;
                    *at = $f;
                }
            })*
            $(fn $two(isa: Isa, tile: &mut [f32], others: &[f32]) {
                for (at, &$x) in tile.iter_mut().zip(others) {
                    let $dy = *at;
                    *at = $g;
                }
            })*
        }
    };
}

on_tiles! {
    gelu_on(y): gelu::by_erf(y);
    gelu_tanh_on(y): gelu::by_tanh(y);
    silu_on(y): silu(y);
    relu_on(y): pointwise::relu_of(y);
    ; gelu_slope_on(dy, x): gelu::by_erf_backward(x, dy);
    ; gelu_tanh_slope_on(dy, x): gelu::by_tanh_backward(x, dy);
    ; silu_slope_on(dy, x): pointwise::silu_backward_of(x, dy);
    ; relu_slope_on(dy, x): pointwise::relu_backward_of(x, dy);
    ; times_on(y, times): y * times;
    ; plus_on(y, plus): y + plus;
}

simd! {
    /// A region of a matrix as a tile: loops over whole tiles keep their constants in registers.
    fn gather_on(isa: Isa, matrix: Output, region: &Region, tile: &mut [f32]) {
        for (i, to) in tile.as_chunks_mut::<PANEL>().0.iter_mut().take(region.rows).enumerate() {
            // SAFETY: the region lies inside the matrix, and nobody else writes it.
            let from = unsafe { std::slice::from_raw_parts(matrix.at(region, i), region.columns) };
            match from.first_chunk::<PANEL>() {
                Some(whole) => *to = *whole,
                None => to[..from.len()].copy_from_slice(from),
            }
        }
    }
}
