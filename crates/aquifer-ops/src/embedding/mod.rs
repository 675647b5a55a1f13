//! Embedding: rows of a table, looked up by id.

pub(crate) mod bench;
mod cpu;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, RowsMut, expect_chains, expect_shape};
use aquifer_tensor::{View, ViewMut};

const OP: &str = "embedding";
const BACKWARD: &str = "embedding_grad";

/// `out[t] = table[ids[t]]`.
///
/// # Shapes
/// `ids: [t]`; `table: [v, d]`, `out: [t, d]`, f32, rows contiguous.
///
/// # Errors
/// [`OpError::Value`] for an id beyond the table, [`OpError::Shape`] where shapes do not fit.
pub fn embedding(ids: &[u32], table: &View, out: &mut ViewMut) -> Result<(), OpError> {
    let table = Rows::new(OP, "table", table)?;
    expect_ids(OP, ids, table.rows)?;
    let out = RowsMut::like(OP, "out", out, "a row for every id", &[ids.len(), table.cols])?;
    cpu::forward(ids, &table, &out);
    Ok(())
}

/// The derivative of [`embedding`] with respect to the table: `dtable[v] = Σ dy[t]` over the rows with `ids[t]` = v.
///
/// # Shapes
/// `ids: [t]`; `dy: [t, d]`, `dtable: [v, d]`, f32, rows contiguous.
///
/// # Numerics
/// A sum over tokens ([`crate::order`]): one chain of f32 additions a lane and row, lanes in the tree.
/// [`Begin::Continue`] touches only the rows that occur.
///
/// # Errors
/// [`OpError`] for an id beyond the table, where shapes do not fit, or where `chains` does not cover the rows.
pub fn embedding_grad(
    ids: &[u32],
    dy: &View,
    chains: &TokenChains,
    begin: Begin,
    dtable: &mut ViewMut,
) -> Result<(), OpError> {
    let dy_shape = dy.shape();
    let dy = Rows::new(BACKWARD, "dy", dy)?;
    expect_shape(BACKWARD, "dy", dy_shape, "a row for every id", &[ids.len(), dy.cols])?;
    let rows = dtable.shape().first().copied().unwrap_or(0);
    expect_ids(BACKWARD, ids, rows)?;
    let dtable = RowsMut::like(BACKWARD, "dtable", dtable, "rows as wide as `dy`", &[rows, dy.cols])?;
    expect_chains(BACKWARD, chains, begin, dy.rows)?;
    cpu::backward(ids, &dy, chains, begin, &dtable, rows);
    Ok(())
}

fn expect_ids(op: &'static str, ids: &[u32], rows: usize) -> Result<(), OpError> {
    match ids.iter().position(|&id| id as usize >= rows) {
        None => Ok(()),
        Some(at) => {
            let want = format!("below the table's {rows} rows");
            Err(OpError::Value { op, arg: "ids", want, got: format!("{} at index {at}", ids[at]) })
        }
    }
}

/// The definition, in `f64`.
pub fn reference(ids: &[u32], table: &[f64], d: usize) -> Vec<f64> {
    ids.iter().flat_map(|&id| &table[id as usize * d..(id as usize + 1) * d]).copied().collect()
}

/// Its derivative by hand, for a table of `rows` rows.
pub fn reference_backward(ids: &[u32], dy: &[f64], d: usize, rows: usize) -> Vec<f64> {
    let mut dtable = vec![0.0; rows * d];
    for (id, dy) in ids.iter().zip(dy.chunks(d)) {
        dtable[*id as usize * d..][..d].iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
    }
    dtable
}
