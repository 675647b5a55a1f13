//! Attention under the names and layouts of other libraries.
//!
//! | there | here |
//! |---|---|
//! | PyTorch `scaled_dot_product_attention` | [`scaled_dot_product_attention`]: `[b, h, t, d]`, one segment a batch item |
//! | FlagAttention `flash_attention`, FlashAttention's `varlen` functions | [`flash_attention`]: packed rows, optional log-normaliser and column sums |
//! | FlagAttention `piecewise_attention` | [`super::piecewise_attention`] |
//! | vLLM, FlagAttention `paged_attention`, `split_kv` | [`paged_attention`]: a pool of pages and a table a sequence |
//! | vLLM `reshape_and_cache` | [`reshape_and_cache`]: rows into the slots of that pool |
//!
//! Their options are fields of [`AttentionSpec`]: `is_causal`, `window_size`, `softcap`, `alibi_slopes`, `dropout_p`,
//! `sm_scale`, and the numbers of heads for `enable_gqa`.

use super::backward;
use super::check::Op;
use super::forward::{self, Sequence, Source};
use super::rows::Rows;
use super::{AttentionSpec, CHUNK, CachedQueries, KvChunk, attention, attention_cached, attention_column_sums};
use crate::OpError;
use aquifer_tensor::{Tensor, View, ViewMut};
use std::ops::Range;
use std::slice;

/// [`attention`] of a batch in PyTorch's layout: `q`, `out` `[b, h, t, d]`, `k`, `v` `[b, hk, t, d]`, `lse` `[b, h, t]`,
/// all contiguous f32. For random words the head of item i counts as `i · h + head`.
///
/// # Errors
/// As [`attention`].
pub fn scaled_dot_product_attention(
    q: &View,
    k: &View,
    v: &View,
    spec: &AttentionSpec,
    out: &mut ViewMut,
    lse: &mut ViewMut,
) -> Result<(), OpError> {
    let batch = Batch::new(Op("scaled_dot_product_attention"), q, spec)?;
    let [q, k] = [batch.queries("q", q)?, batch.keys("k", k)?];
    let (v, reach) = (batch.keys("v", v)?, spec.reach());
    let out = batch.queries("out", &out.as_view())?.to_write(out);
    let lse = Some(batch.sums("lse", &lse.as_view())?.to_write(lse));
    let sequences = &[Sequence { rows: 0..batch.t, first_position: 0, kv: Source::Rows { v, first: 0 } }];
    let pieces = &[forward::Piece { q, k, reach }];
    forward::run(&forward::Job { spec: &batch.spec, reach, pieces, sequences, out, lse }, batch.t);
    Ok(())
}

/// [`super::attention_backward`] in the layout of [`scaled_dot_product_attention`].
///
/// # Errors
/// As [`attention`].
pub fn scaled_dot_product_attention_backward(
    q: &View,
    k: &View,
    v: &View,
    out: &View,
    lse: &View,
    dout: &View,
    spec: &AttentionSpec,
    dq: &mut ViewMut,
    dk: &mut ViewMut,
    dv: &mut ViewMut,
) -> Result<(), OpError> {
    let batch = Batch::new(Op("scaled_dot_product_attention_backward"), q, spec)?;
    let piece = backward::Piece {
        q: batch.queries("q", q)?,
        k: batch.keys("k", k)?,
        dq: batch.queries("dq", &dq.as_view())?.to_write(dq),
        dk: batch.keys("dk", &dk.as_view())?.to_write(dk),
        reach: spec.reach(),
    };
    let job = backward::Job {
        spec: &batch.spec,
        reach: piece.reach,
        pieces: &[piece],
        v: batch.keys("v", v)?,
        out: batch.queries("out", out)?,
        lse: batch.sums("lse", lse)?,
        dout: batch.queries("dout", dout)?,
        dv: batch.keys("dv", &dv.as_view())?.to_write(dv),
    };
    backward::run(&job, slice::from_ref(&(0..batch.t)), batch.t);
    Ok(())
}

/// A batch in PyTorch's layout, read as one layer with the heads of all items.
struct Batch {
    op: Op,
    items: usize,
    t: usize,
    heads: usize,
    kv_heads: usize,
    /// Of the layer with all heads.
    spec: AttentionSpec,
}

impl Batch {
    fn new(op: Op, q: &View, spec: &AttentionSpec) -> Result<Self, OpError> {
        op.spec(spec)?;
        let &[items, heads, t, _] = q.shape() else {
            let got = q.shape().to_vec();
            return Err(OpError::Shape { op: op.0, arg: "q", want: "[b, h, t, d]".into(), got });
        };
        let all = AttentionSpec {
            heads: items * heads,
            kv_heads: items * spec.kv_heads,
            alibi: spec.alibi.as_ref().map(|slopes| slopes.repeat(items).into()),
            ..spec.clone()
        };
        if let Some(dropout) = &all.dropout {
            op.dropout(dropout, t, all.heads)?;
        }
        Ok(Batch { op, items, t, heads: spec.heads, kv_heads: spec.kv_heads, spec: all })
    }

    fn queries(&self, arg: &'static str, x: &View) -> Result<Rows<*const f32>, OpError> {
        self.rows(arg, x, self.heads, self.spec.head_dim)
    }

    fn keys(&self, arg: &'static str, x: &View) -> Result<Rows<*const f32>, OpError> {
        self.rows(arg, x, self.kv_heads, self.spec.head_dim)
    }

    fn sums(&self, arg: &'static str, x: &View) -> Result<Rows<*const f32>, OpError> {
        self.op.like(arg, x, &[self.items, self.heads, self.t])?;
        Ok(Rows { ptr: x.ptr(), row: 1, head: self.t })
    }

    fn rows(&self, arg: &'static str, x: &View, heads: usize, d: usize) -> Result<Rows<*const f32>, OpError> {
        self.op.like(arg, x, &[self.items, heads, self.t, d])?;
        if !x.is_contiguous() {
            return Err(OpError::Layout { op: self.op.0, arg, want: "contiguous", got: x.strides().to_vec() });
        }
        Ok(Rows { ptr: x.ptr(), row: d, head: self.t * d })
    }
}

/// [`attention`] of packed rows; gives the log-normaliser, and the column sums if `total_attention` asks for them,
/// both `[t, h]`.
///
/// # Errors
/// As [`attention`].
pub fn flash_attention(
    q: &View,
    k: &View,
    v: &View,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    total_attention: bool,
    out: &mut ViewMut,
) -> Result<(Tensor, Option<Tensor>), OpError> {
    let shape = [q.shape().first().copied().unwrap_or(0), spec.heads];
    let mut lse = Tensor::recycled::<f32>(shape);
    attention(q, k, v, segments, spec, out, &mut lse.view_mut())?;
    let mut sums = total_attention.then(|| Tensor::recycled::<f32>(shape));
    if let Some(sums) = &mut sums {
        attention_column_sums(q, k, &lse.view(), segments, spec, &mut sums.view_mut())?;
    }
    Ok((lse, sums))
}

/// [`attention_cached`] of one query a sequence, whose pages lie anywhere in a pool: `tables[s]` lists the pages of
/// sequence s in order, `lengths[s]` counts its positions, the query's own included.
///
/// # Shapes
/// `q`, `out`: `[sequences, h, d]`.
///
/// # Errors
/// As [`attention_cached`]; [`OpError::Value`] if a table names a page that is not there.
pub fn paged_attention(
    q: &View,
    pool: &[KvChunk],
    tables: &[Vec<usize>],
    lengths: &[usize],
    spec: &AttentionSpec,
    out: &mut ViewMut,
) -> Result<(), OpError> {
    let op = Op("paged_attention");
    if tables.len() != lengths.len() || lengths.contains(&0) {
        let want = format!("{} positive lengths, one a table", tables.len());
        return Err(op.value("lengths", want, format!("{lengths:?}")));
    }
    // Pages are shared, not copied.
    let pages = |table: &Vec<usize>| -> Result<Vec<KvChunk>, OpError> {
        let page = |&page: &usize| pool.get(page).cloned();
        let missing = || op.value("tables", format!("pages below {}", pool.len()), format!("{table:?}"));
        table.iter().map(page).collect::<Option<_>>().ok_or_else(missing)
    };
    let pages: Vec<Vec<KvChunk>> = tables.iter().map(pages).collect::<Result<_, _>>()?;
    let queries = pages.iter().zip(lengths).enumerate();
    let queries: Vec<CachedQueries> =
        queries.map(|(s, (chunks, len))| CachedQueries { rows: s..s + 1, first_position: len - 1, chunks }).collect();
    attention_cached(q, &queries, spec, out)
}

/// Writes row i of `k` and `v` `[t, hk, d]` into slot `slots[i]` of a pool of pages, where slot s is position
/// `s % 256` of page `s / 256`; rows without a slot (padding) are skipped.
///
/// # Errors
/// [`OpError`] naming the argument that does not fit.
pub fn reshape_and_cache(
    k: &View,
    v: &View,
    slots: &[Option<usize>],
    spec: &AttentionSpec,
    pool: &mut [KvChunk],
) -> Result<(), OpError> {
    let op = Op("reshape_and_cache");
    let shape = [slots.len(), spec.kv_heads, spec.head_dim];
    op.like("k", k, &shape)?;
    op.like("v", v, &shape)?;
    if !pool.iter().all(|page| page.fits(spec)) {
        let want = format!("pages of {} heads of width {}", spec.kv_heads, spec.head_dim);
        return Err(op.value("pool", want, "one of another shape".into()));
    }
    if let Some(slot) = slots.iter().flatten().find(|&&slot| slot / CHUNK >= pool.len()) {
        return Err(op.value("slots", format!("below {}", pool.len() * CHUNK), slot.to_string()));
    }
    for (row, slot) in slots.iter().enumerate().filter_map(|(row, slot)| Some((row, (*slot)?))) {
        let [k, v] = [k, v].map(|x| x.narrow(0, row, 1).to_f32_vec());
        pool[slot / CHUNK].write(slot % CHUNK, &k, &v);
    }
    Ok(())
}
