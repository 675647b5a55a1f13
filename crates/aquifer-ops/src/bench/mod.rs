//! What each operator's `bench.rs` lists: cases with a shape, the bytes and operations they need, and a closure.
//! One list and one timer serve `aquifer bench ops` and the examples.

pub mod beyond_cache;
pub mod flagperf;
mod tables;
pub mod timing;

use crate::Precision;
use aquifer_tensor::{Shape, Tensor};

/// One thing to time. Nothing is made until [`Case::prepare`], so that a list of cases costs nothing.
pub struct Case {
    /// The operator, and what of it.
    pub name: &'static str,
    /// The extents that matter.
    pub shape: Vec<usize>,
    /// How products inside are rounded, where there are any.
    pub precision: Option<Precision>,
    /// Whose arithmetic peak is the limit: `f32`, `bf16`, `int8`.
    pub arithmetic: &'static str,
    /// Bytes that must be read at least.
    pub read: usize,
    /// Bytes that must be written at least.
    pub written: usize,
    /// Whether what is written was read before: then it takes no room of its own.
    pub in_place: bool,
    /// Multiplications and additions; 0 where memory is what counts.
    pub flops: usize,
    make: Box<dyn FnOnce() -> Call>,
    error: Option<(f64, Box<dyn Fn() -> f64>)>,
}

/// A call with everything it needs at hand.
pub type Call = Box<dyn FnMut()>;

/// How far a kernel is from its `f64` reference.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Error {
    /// The largest difference, over the root mean square of what the reference gives.
    pub worst: f64,
    /// What it may be at most.
    pub budget: f64,
}

impl Case {
    /// A case that does nothing yet.
    pub fn new(name: &'static str) -> Self {
        Case {
            name,
            shape: Vec::new(),
            precision: None,
            arithmetic: "f32",
            read: 0,
            written: 0,
            in_place: false,
            flops: 0,
            make: Box::new(|| Box::new(|| ())),
            error: None,
        }
    }

    /// Sets [`Case::shape`].
    pub fn shape(self, shape: impl Into<Vec<usize>>) -> Self {
        Case { shape: shape.into(), ..self }
    }

    /// Sets [`Case::precision`], and the arithmetic that goes with it: split rungs stand in for f32, and are compared
    /// with its peak.
    pub fn precision(self, precision: Precision) -> Self {
        let arithmetic = if matches!(precision, Precision::Bf16(_)) { "bf16" } else { "f32" };
        Case { precision: Some(precision), arithmetic, ..self }
    }

    /// Sets [`Case::arithmetic`].
    pub fn arithmetic(self, arithmetic: &'static str) -> Self {
        Case { arithmetic, ..self }
    }

    /// Sets [`Case::read`] and [`Case::written`].
    pub fn traffic(self, read: usize, written: usize) -> Self {
        Case { read, written, ..self }
    }

    /// Sets [`Case::read`], for operators that write next to nothing.
    pub fn bytes(self, bytes: usize) -> Self {
        self.traffic(bytes, 0)
    }

    /// Sets [`Case::in_place`].
    pub fn in_place(self) -> Self {
        Case { in_place: true, ..self }
    }

    /// Bytes of everything the call touches.
    pub fn held(&self) -> usize {
        if self.in_place { self.read.max(self.written) } else { self.read + self.written }
    }

    /// Sets [`Case::flops`].
    pub fn flops(self, flops: usize) -> Self {
        Case { flops, ..self }
    }

    /// Sets what makes the tensors and gives the call that is timed.
    pub fn with<F: FnMut() + 'static>(self, make: impl FnOnce() -> F + 'static) -> Self {
        Case { make: Box::new(|| Box::new(make())), ..self }
    }

    /// Sets what is timed, where everything is at hand already.
    pub fn run(self, run: impl FnMut() + 'static) -> Self {
        self.with(|| run)
    }

    /// Sets how far from the reference the kernel is (see [`deviation`]), and how far it may be.
    pub fn error(self, budget: f64, worst: impl Fn() -> f64 + 'static) -> Self {
        Case { error: Some((budget, Box::new(worst))), ..self }
    }

    /// Makes the tensors.
    pub fn prepare(self) -> Call {
        (self.make)()
    }

    /// Runs kernel and reference on a small input; nothing where no reference was given.
    pub fn measure_error(&self) -> Option<Error> {
        self.error.as_ref().map(|(budget, worst)| Error { worst: worst(), budget: *budget })
    }

    /// [`Error::budget`], without running anything.
    pub fn error_budget(&self) -> Option<f64> {
        self.error.as_ref().map(|(budget, _)| *budget)
    }
}

/// The cases of every operator, products first.
pub fn cases() -> impl Iterator<Item = Case> {
    let norms = crate::rms_norm::bench::cases().chain(crate::layer_norm::bench::cases());
    let gates = crate::swiglu::bench::cases().chain(crate::gelu::bench::cases()).chain(crate::softmax::bench::cases());
    let rows =
        crate::embedding::bench::cases().chain(crate::rope::bench::cases()).chain(crate::dropout::bench::cases());
    let losses = crate::cross_entropy::bench::cases().chain(crate::linear_cross_entropy::bench::cases());
    let sums = crate::column_sums::cases().chain(crate::square_sum::cases()).chain(crate::elementwise::cases());
    crate::matmul::bench::cases()
        .chain(crate::quantized::bench::cases())
        .chain(crate::attention::bench::cases())
        .chain(norms)
        .chain(gates)
        .chain(rows)
        .chain(losses)
        .chain(sums)
        .chain(crate::adamw::bench::cases())
        .chain(crate::lion::bench::cases())
        .chain(tables::cases())
}

/// Numbers in ±1 without a pattern that a processor could learn.
pub(crate) fn input(shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0;
    Tensor::from_f32(&(0..shape.numel()).map(number).collect::<Vec<_>>(), shape)
}

/// The same numbers in `f64`.
pub(crate) fn wide(x: &Tensor) -> Vec<f64> {
    x.as_f32().iter().copied().map(f64::from).collect()
}

/// The largest difference between a kernel's numbers and the reference's, over the root mean square of the
/// latter; infinite where a kernel gives what is no number.
pub fn deviation(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len(), "kernel and reference give equally many numbers");
    let rms = (want.iter().map(|x| x * x).sum::<f64>() / want.len().max(1) as f64).sqrt();
    let apart = |(&got, &want): (&f32, &f64)| match (f64::from(got) - want).abs() {
        apart if apart.is_nan() => f64::INFINITY,
        apart => apart,
    };
    let worst = got.iter().zip(want).map(apart).fold(0.0, f64::max);
    if worst == 0.0 { 0.0 } else { worst / rms }
}

/// The token axis and widths of a small model's training step.
pub(crate) const SHAPES: [[usize; 2]; 2] = [[2048, 384], [2048, 1536]];

/// Rows enough to meet every path of a kernel, few enough for a reference in `f64`.
pub(crate) const CHECKED_ROWS: usize = 37;

/// And of rows no longer than this.
pub(crate) const CHECKED_WIDTH: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_within_its_budget_and_says_what_it_moves() {
        let mut checked = std::collections::BTreeSet::new();
        for case in cases() {
            let name = format!("{} {:?} {:?}", case.name, case.precision, case.shape);
            assert!(case.read + case.written + case.flops > 0 && !case.shape.is_empty(), "{name}");
            let Some(error) = case.error_budget() else { panic!("{name} has no reference") };
            // Shapes differ in what is timed; what is checked is the same.
            if checked.insert((case.name, case.precision.map(Precision::name))) {
                let found = case.measure_error().expect("a budget comes with a reference");
                assert!(found.worst <= error, "{name}: {} of {error}", found.worst);
            }
        }
    }

    #[test]
    fn deviations_are_relative_and_never_hide_a_nan() {
        assert_eq!(deviation(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert_eq!(deviation(&[3.0, 4.5], &[3.0, 4.0]), 0.5 / 12.5_f64.sqrt());
        assert_eq!(deviation(&[f32::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(deviation(&[], &[]), 0.0);
    }
}
