//! Products with more to do: an [`Epilogue`], several weights over the same rows, and gated units.

use super::blocks::{Output, Part, Product};
use super::pack::{PackedWeight, Source, whole_blocks};
use super::{Epilogue, check_float, check_matrix};
use crate::OpError;
use aquifer_tensor::{DType, View, ViewMut, isa};

/// [`linear`](super::linear()) and what follows it, in one pass: see [`Epilogue`].
///
/// # Shapes
/// As [`linear`](super::linear()).
///
/// # Numerics
/// Those of [`linear`](super::linear()), then of each step by itself.
///
/// # Errors
/// [`OpError`] if a shape, an element type or a layout is not as above.
pub fn linear_with(x: &View, w: &PackedWeight, epilogue: Epilogue, out: &mut ViewMut) -> Result<(), OpError> {
    run("linear", x, &mut [Projection { w, epilogue, out: out.reborrow() }], false)
}

/// One of the products of [`linear_many`].
pub struct Projection<'a> {
    /// `[n, k]`.
    pub w: &'a PackedWeight,
    /// What is done to its sums.
    pub epilogue: Epilogue<'a>,
    /// `[m, n]`, f32 or bf16.
    pub out: ViewMut<'a>,
}

/// [`linear_with`] of the same rows and several weights (queries, keys and values, say): rows are packed once, and
/// threads start once.
///
/// # Shapes
/// As [`linear_with`]; each weight has an `n` of its own. Weights agree in k, shards and precision.
///
/// # Numerics
/// Those of as many calls of [`linear_with`].
///
/// # Errors
/// [`OpError`] if a shape, an element type or a layout is not as above.
pub fn linear_many(x: &View, projections: &mut [Projection]) -> Result<(), OpError> {
    run("linear_many", x, projections, false)
}

/// A gated unit's two products in one call: `up` as in [`linear_many`], then `gate`, whose epilogue has `up.out` in the
/// place of [`Epilogue::times`]. With an activation of `Silu` that is [`crate::swiglu()`] after two products.
///
/// # Shapes
/// As [`linear_many`]; both weights have the same `n`, and `up.out` is f32.
///
/// # Numerics
/// As [`linear_many`].
///
/// # Errors
/// As [`linear_many`], and [`OpError::Value`] if `gate` has something else to be multiplied by.
pub fn linear_gated(x: &View, up: Projection, gate: Projection) -> Result<(), OpError> {
    const OP: &str = "linear_gated";
    if gate.epilogue.times.is_some() {
        let (want, got) = ("none: the gate is multiplied by `up`".to_owned(), "some".to_owned());
        return Err(OpError::Value { op: OP, arg: "times", want, got });
    }
    if up.w.n() != gate.w.n() {
        let want = format!("[{}, {}], as `gate`", gate.w.n(), gate.w.k());
        return Err(OpError::Shape { op: OP, arg: "up", want, got: vec![up.w.n(), up.w.k()] });
    }
    if up.out.dtype() != DType::F32 {
        return Err(OpError::DType { op: OP, arg: "up.out", want: "f32", got: up.out.dtype() });
    }
    run(OP, x, &mut [up, gate], true)
}

/// The products of `x` and every weight; where `gated`, the second is multiplied by the first.
fn run(op: &'static str, x: &View, projections: &mut [Projection], gated: bool) -> Result<(), OpError> {
    let Some(first) = projections.first().map(|projection| projection.w) else { return Ok(()) };
    check_matrix(op, "x", x.shape(), x.strides(), None, Some(first.k()))?;
    check_float(op, "x", x.dtype())?;
    let mut parts: Vec<Part> = Vec::with_capacity(projections.len());
    for Projection { w, epilogue, out } in projections {
        let alike = |w: &PackedWeight| (w.k(), w.shards(), w.precision());
        if alike(w) != alike(first) {
            let say = |w: &PackedWeight| format!("k {}, {} shards, {}", w.k(), w.shards(), w.precision());
            return Err(OpError::Value { op, arg: "w", want: say(first), got: say(w) });
        }
        let shape = [x.shape()[0], w.n()];
        check_matrix(op, "out", out.shape(), out.strides(), Some(shape[0]), Some(shape[1]))?;
        check_float(op, "out", out.dtype())?;
        let out = Output::new(out);
        let mut ending = epilogue.ending(op, shape, out)?;
        if gated {
            ending.times = parts.first().map(|up| up.out);
        }
        parts.push(Part { right: w.panels(), columns: w.n(), ending, out });
    }
    Product {
        left: &Source::new(x, 1, whole_blocks(first.k())),
        parts: &parts,
        chains: &first.chains(),
        precision: first.precision(),
        isa: isa::active(),
        go_on: false,
    }
    .run();
    Ok(())
}
