//! What each operator's `bench.rs` lists: cases with a shape, the bytes and operations they need, and a closure.
//! One list and one timer serve `aquifer bench ops` and the examples.

use aquifer_tensor::{Shape, Tensor};
use std::time::Instant;

/// One thing to time.
pub struct Case {
    /// The operator, and what of it.
    pub name: &'static str,
    /// The extents that matter.
    pub shape: Vec<usize>,
    /// Bytes that must be read and written at least.
    pub bytes: usize,
    /// Multiplications and additions; 0 where memory is what counts.
    pub flops: usize,
    run: Box<dyn FnMut()>,
}

impl Case {
    /// A case that does nothing yet.
    pub fn new(name: &'static str) -> Self {
        Case { name, shape: Vec::new(), bytes: 0, flops: 0, run: Box::new(|| ()) }
    }

    /// Sets [`Case::shape`].
    pub fn shape(self, shape: impl Into<Vec<usize>>) -> Self {
        Case { shape: shape.into(), ..self }
    }

    /// Sets [`Case::bytes`].
    pub fn bytes(self, bytes: usize) -> Self {
        Case { bytes, ..self }
    }

    /// Sets [`Case::flops`].
    pub fn flops(self, flops: usize) -> Self {
        Case { flops, ..self }
    }

    /// Sets what is timed.
    pub fn run(self, run: impl FnMut() + 'static) -> Self {
        Case { run: Box::new(run), ..self }
    }

    /// Seconds of each of `samples` calls, fastest first, after one that is not counted.
    pub fn seconds(&mut self, samples: usize) -> Vec<f64> {
        (self.run)();
        let mut seconds: Vec<f64> = (0..samples).map(|_| self.once()).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    fn once(&mut self) -> f64 {
        let start = Instant::now();
        (self.run)();
        start.elapsed().as_secs_f64()
    }
}

/// The cases of every operator but products, which have an example of their own. Each is built when the iterator
/// reaches it.
pub fn cases() -> impl Iterator<Item = Case> {
    let norms = crate::rms_norm::bench::cases().chain(crate::layer_norm::bench::cases());
    let gates = crate::swiglu::bench::cases().chain(crate::gelu::bench::cases()).chain(crate::softmax::bench::cases());
    let rows =
        crate::embedding::bench::cases().chain(crate::rope::bench::cases()).chain(crate::dropout::bench::cases());
    let losses = crate::cross_entropy::bench::cases().chain(crate::linear_cross_entropy::bench::cases());
    let sums = crate::column_sums::cases().chain(crate::square_sum::cases()).chain(crate::elementwise::cases());
    norms
        .chain(gates)
        .chain(rows)
        .chain(losses)
        .chain(sums)
        .chain(crate::adamw::bench::cases())
        .chain(crate::lion::bench::cases())
        .chain(crate::attention::bench::cases())
        .chain(crate::quantized::bench::cases())
}

/// Numbers in ±1 without a pattern that a processor could learn.
pub(crate) fn input(shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0;
    Tensor::from_f32(&(0..shape.numel()).map(number).collect::<Vec<_>>(), shape)
}

/// The token axis and widths of a small model's training step.
pub(crate) const SHAPES: [[usize; 2]; 2] = [[2048, 384], [2048, 1536]];
