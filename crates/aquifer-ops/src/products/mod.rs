//! Products of tensors by their usual names: all of them [`crate::linear()`] and [`crate::linear_weight_grad()`], whose
//! numerics they have. The contracted axis is cut into shards as a weight's is ([`crate::shard_count`]).

#[cfg(test)]
mod tests;

use crate::movement::contiguous;
use crate::order::{Begin, MIN_SHARD, TokenChains};
use crate::reduce::sum_to;
use crate::strided::{broadcast, expanded};
use crate::{OpError, PackedWeight, Precision, pointwise};
use aquifer_tensor::{Tensor, View, isa, threads};

/// `a · b`.
///
/// # Shapes
/// `a: [m, k]`, `b: [k, n]`, f32 or bf16; the result `[m, n]` in f32.
///
/// # Errors
/// [`OpError`] where that does not hold.
pub fn mm(a: &View, b: &View, precision: Precision) -> Result<Tensor, OpError> {
    let [(m, k), (rows, n)] = [matrix("mm", "a", a)?, matrix("mm", "b", b)?];
    if rows != k {
        return Err(OpError::Shape { op: "mm", arg: "b", want: format!("[{k}, n]"), got: b.shape().to_vec() });
    }
    let mut out = Tensor::recycled::<f32>([m, n]);
    // `linear` wants rows whose elements follow each other.
    let rows = if a.strides()[1] == 1 { None } else { Some(contiguous(a)) };
    let a = rows.as_ref().map_or(*a, Tensor::view);
    let packed = PackedWeight::new(&b.transpose(0, 1), MIN_SHARD, precision)?;
    crate::linear(&a, &packed, None, &mut out.view_mut())?;
    Ok(out)
}

/// The derivatives of [`mm`]: `dy · bᵀ`, and `aᵀ · dy`, which is a sum over rows in one chain.
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn mm_backward(a: &View, b: &View, dy: &View, precision: Precision) -> Result<(Tensor, Tensor), OpError> {
    let [(m, k), (_, n)] = [matrix("mm_backward", "a", a)?, matrix("mm_backward", "b", b)?];
    crate::rows::expect_shape("mm_backward", "dy", dy.shape(), "as the product", &[m, n])?;
    let da = mm(dy, &b.transpose(0, 1), precision)?;
    let mut db = Tensor::recycled::<f32>([k, n]);
    let (a, dy) = (contiguous(a), contiguous(dy));
    let chains = TokenChains::single(m, m.max(1));
    crate::linear_weight_grad(&a.view(), &dy.view(), &chains, Begin::Fresh, precision, &mut db.view_mut())?;
    Ok((da, db))
}

/// [`mm`] of every pair of matrices: one after the other by all threads, or many at once, each by one.
///
/// # Shapes
/// `a: [b, m, k]`, `b: [b, k, n]`; the result `[b, m, n]`.
///
/// # Errors
/// [`OpError`] where that does not hold.
pub fn bmm(a: &View, b: &View, precision: Precision) -> Result<Tensor, OpError> {
    let pairs = pairs("bmm", a, b)?;
    let parts = each(&pairs, |_, (a, b)| mm(&a.view(), &b.view(), precision))?;
    stacked(&parts, [a.shape()[0], a.shape()[1], b.shape()[2]])
}

/// The derivatives of [`bmm`].
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn bmm_backward(a: &View, b: &View, dy: &View, precision: Precision) -> Result<(Tensor, Tensor), OpError> {
    let pairs = pairs("bmm_backward", a, b)?;
    let want = [a.shape()[0], a.shape()[1], b.shape()[2]];
    crate::rows::expect_shape("bmm_backward", "dy", dy.shape(), "as the product", &want)?;
    let parts = each(&pairs, |i, (a, b)| mm_backward(&a.view(), &b.view(), &page(dy, i).view(), precision))?;
    let (da, db): (Vec<Tensor>, Vec<Tensor>) = parts.into_iter().unzip();
    let sizes = |view: &View| [view.shape()[0], view.shape()[1], view.shape()[2]];
    Ok((stacked(&da, sizes(a))?, stacked(&db, sizes(b))?))
}

/// The product of NumPy's `matmul`: a vector counts as a row on the left and as a column on the right, leading axes
/// are batches and broadcast. [`mm`], [`bmm`], [`mv`] and [`dot`] are its cases.
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn matmul(a: &View, b: &View, precision: Precision) -> Result<Tensor, OpError> {
    let plan = Plan::new("matmul", a, b)?;
    let (a, b) = plan.operands(a, b)?;
    Ok(bmm(&a.view(), &b.view(), precision)?.reshape(&plan.result[..]))
}

/// The derivatives of [`matmul`]; a repeated batch is summed in the order of a row.
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn matmul_backward(a: &View, b: &View, dy: &View, precision: Precision) -> Result<(Tensor, Tensor), OpError> {
    let plan = Plan::new("matmul_backward", a, b)?;
    crate::rows::expect_shape("matmul_backward", "dy", dy.shape(), "as the product", &plan.result)?;
    let (wide_a, wide_b) = plan.operands(a, b)?;
    let dy = contiguous(dy).reshape([wide_a.shape()[0], plan.a[plan.a.len() - 2], plan.b[plan.b.len() - 1]]);
    let (da, db) = bmm_backward(&wide_a.view(), &wide_b.view(), &dy.view(), precision)?;
    let summed = |wide: Tensor, matrix: &[usize], like: &View| {
        let batched = [&plan.batch, &matrix[matrix.len() - 2..]].concat();
        // A column for a vector is one axis more than the vector has.
        let shaped = contiguous(like).reshape(matrix);
        Ok::<_, OpError>(sum_to(wide.reshape(&batched[..]), &shaped.view())?.reshape(like.shape()))
    };
    Ok((summed(da, &plan.a, a)?, summed(db, &plan.b, b)?))
}

/// How [`matmul`] sees its operands.
struct Plan {
    /// `a` as `[.., m, k]`.
    a: Vec<usize>,
    /// `b` as `[.., k, n]`.
    b: Vec<usize>,
    batch: Vec<usize>,
    result: Vec<usize>,
}

impl Plan {
    fn new(op: &'static str, a: &View, b: &View) -> Result<Self, OpError> {
        let (mut wide_a, mut wide_b) = (a.shape().to_vec(), b.shape().to_vec());
        for (arg, shape) in [("a", &wide_a), ("b", &wide_b)] {
            if shape.is_empty() {
                return Err(OpError::Shape { op, arg, want: "of at least one axis".into(), got: shape.clone() });
            }
        }
        if wide_a.len() == 1 {
            wide_a.insert(0, 1);
        }
        if wide_b.len() == 1 {
            wide_b.push(1);
        }
        let (lead_a, lead_b) = (&wide_a[..wide_a.len() - 2], &wide_b[..wide_b.len() - 2]);
        let batch = broadcast(op, "b", lead_a, lead_b)?;
        let (m, k) = (wide_a[wide_a.len() - 2], wide_a[wide_a.len() - 1]);
        if wide_b[wide_b.len() - 2] != k {
            return Err(OpError::Shape { op, arg: "b", want: format!("[.., {k}, n]"), got: b.shape().to_vec() });
        }
        let mut result = batch.clone();
        result.extend((a.shape().len() > 1).then_some(m));
        result.extend((b.shape().len() > 1).then_some(wide_b[wide_b.len() - 1]));
        Ok(Plan { a: wide_a, b: wide_b, batch, result })
    }

    /// Both operands with one batch axis.
    fn operands(&self, a: &View, b: &View) -> Result<(Tensor, Tensor), OpError> {
        let one = |arg, view: &View, shape: &[usize]| {
            let matrix = &shape[shape.len() - 2..];
            let held = contiguous(view).reshape(shape);
            let wide = expanded("matmul", arg, &held.view(), &[&self.batch, matrix].concat())?;
            Ok::<_, OpError>(contiguous(&wide).reshape([self.batch.iter().product(), matrix[0], matrix[1]]))
        };
        Ok((one("a", a, &self.a)?, one("b", b, &self.b)?))
    }
}

/// A matrix times a vector: `a: [m, k]`, `x: [k]`. Its derivative is that of [`matmul`].
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn mv(a: &View, x: &View, precision: Precision) -> Result<Tensor, OpError> {
    matrix("mv", "a", a)?;
    crate::rows::expect_shape("mv", "x", x.shape(), "one for every column of `a`", &a.shape()[1..])?;
    matmul(a, x, precision)
}

/// Σ a·b of two vectors. Its derivative is that of [`matmul`].
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn dot(a: &View, b: &View, precision: Precision) -> Result<Tensor, OpError> {
    crate::rows::expect_shape("dot", "a", a.shape(), "a vector", &[a.numel()])?;
    crate::rows::expect_shape("dot", "b", b.shape(), "as `a`", a.shape())?;
    matmul(a, b, precision)
}

/// `out[i, j] = a[i] · b[j]`, rounded once.
///
/// # Errors
/// [`OpError`] unless both are vectors of floats.
pub fn outer(a: &View, b: &View) -> Result<Tensor, OpError> {
    let (a, b) = (column(a)?, contiguous(b));
    pointwise::mul(&a.view(), &b.view())
}

/// The derivatives of [`outer`].
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn outer_backward(a: &View, b: &View, dy: &View) -> Result<(Tensor, Tensor), OpError> {
    let (da, db) = pointwise::mul_backward(&column(a)?.view(), b, dy)?;
    Ok((da.reshape(a.shape()), db))
}

fn column(a: &View) -> Result<Tensor, OpError> {
    crate::rows::expect_shape("outer", "a", a.shape(), "a vector", &[a.numel()])?;
    Ok(contiguous(a).reshape([a.numel(), 1]))
}

/// `beta · c + alpha · (a · b)`, `c` broadcast; each product and the sum are rounded.
///
/// # Errors
/// As [`mm`], and where `c` does not expand to the product.
pub fn addmm(c: &View, a: &View, b: &View, beta: f32, alpha: f32, precision: Precision) -> Result<Tensor, OpError> {
    joined("addmm", c, mm(a, b, precision)?, beta, alpha)
}

/// [`addmm`] of batches, as [`bmm`].
///
/// # Errors
/// As [`bmm`], and where `c` does not expand to the product.
pub fn baddbmm(c: &View, a: &View, b: &View, beta: f32, alpha: f32, precision: Precision) -> Result<Tensor, OpError> {
    joined("baddbmm", c, bmm(a, b, precision)?, beta, alpha)
}

fn joined(op: &'static str, c: &View, product: Tensor, beta: f32, alpha: f32) -> Result<Tensor, OpError> {
    expanded(op, "c", c, product.shape())?;
    let [alpha, beta] = [alpha, beta].map(|factor| Tensor::filled([], factor));
    let scaled = pointwise::mul(&product.view(), &alpha.view())?;
    if beta.as_f32()[0] == 0.0 {
        return Ok(scaled); // As BLAS has it: a NaN in `c` is not looked at.
    }
    pointwise::add(&pointwise::mul(c, &beta.view())?.view(), &scaled.view())
}

/// The derivatives of [`addmm`] and of [`baddbmm`] with respect to `c`, `a` and `b`.
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn addmm_backward(
    c: &View,
    a: &View,
    b: &View,
    beta: f32,
    alpha: f32,
    dy: &View,
    precision: Precision,
) -> Result<(Tensor, Tensor, Tensor), OpError> {
    let scaled = |factor: f32| pointwise::mul(dy, &Tensor::filled([], factor).view());
    let (da, db) = matmul_backward(a, b, &scaled(alpha)?.view(), precision)?;
    Ok((sum_to(scaled(beta)?, c)?, da, db))
}

fn matrix(op: &'static str, arg: &'static str, view: &View) -> Result<(usize, usize), OpError> {
    match *view.shape() {
        [rows, cols] => Ok((rows, cols)),
        _ => Err(OpError::Shape { op, arg, want: "a matrix".into(), got: view.shape().to_vec() }),
    }
}

/// Matrix `i` of a batch, copied.
fn page(view: &View, i: usize) -> Tensor {
    contiguous(&view.narrow(0, i, 1)).reshape(&view.shape()[1..])
}

fn pairs(op: &'static str, a: &View, b: &View) -> Result<Vec<(Tensor, Tensor)>, OpError> {
    for (arg, view) in [("a", a), ("b", b)] {
        if view.shape().len() != 3 || view.shape()[0] != a.shape()[0] {
            let want = "a batch of matrices, as many as the other".to_string();
            return Err(OpError::Shape { op, arg, want, got: view.shape().to_vec() });
        }
    }
    Ok((0..a.shape()[0]).map(|i| (page(a, i), page(b, i))).collect())
}

/// `f` of every item, in order. With several items for every thread each is one task, so that small products do not
/// start and end all threads one by one; with fewer, threads share each of them.
pub(crate) fn each<T: Sync, R: Send>(
    items: &[T],
    f: impl Fn(usize, &T) -> Result<R, OpError> + Sync,
) -> Result<Vec<R>, OpError> {
    if items.len() < 4 * threads::count() {
        return items.iter().enumerate().map(|(i, item)| f(i, item)).collect();
    }
    let isa = isa::active();
    let mut results: Vec<Option<Result<R, OpError>>> = items.iter().map(|_| None).collect();
    threads::parallel_chunks(&mut results, 1, |i, result| result[0] = Some(isa::with(isa, || f(i, &items[i]))));
    results.into_iter().map(|result| result.expect("a task for each")).collect()
}

fn stacked(parts: &[Tensor], shape: [usize; 3]) -> Result<Tensor, OpError> {
    if parts.is_empty() {
        return Ok(Tensor::zeros::<f32>(shape));
    }
    crate::movement::stack(&parts.iter().map(Tensor::view).collect::<Vec<_>>(), 0)
}
