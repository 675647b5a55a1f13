//! Matrices of a model: dense, or product-quantised and spelled out when read.
//!
//! Product quantisation: Jégou, Douze & Schmid, 2011. A row is cut into pieces of `dsub` numbers, each replaced by the
//! nearest of 256 centroids of its place; with `qnorm` the row's norm is quantised apart.

use super::bytes::Bytes;

/// Rows of `dim` numbers.
pub(super) struct Matrix {
    pub(super) data: Vec<f32>,
    pub(super) dim: usize,
}

/// Centroids of a piece.
pub(super) const CENTROIDS: usize = 256;
/// How many times its file a quantised matrix may grow. Real ones stay below 16.
const MAX_GROWTH: usize = 64;

impl Matrix {
    pub(super) fn rows(&self) -> usize {
        self.data.len() / self.dim
    }

    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.dim..][..self.dim]
    }

    pub(super) fn read(bytes: &mut Bytes, quantised: bool, name: &str) -> Result<Self, String> {
        let matrix = if quantised { Matrix::read_quantised(bytes, name) } else { Matrix::read_dense(bytes) };
        matrix.map_err(|reason| format!("{name} matrix: {reason}"))
    }

    fn read_dense(bytes: &mut Bytes) -> Result<Self, String> {
        let (rows, dim) = (bytes.size("the number of rows")?, bytes.size("the width")?);
        let n = rows.checked_mul(dim).ok_or_else(|| format!("{rows} rows of {dim} are more than any file holds"))?;
        Matrix::new(bytes.f32s(n, "the weights")?, dim)
    }

    fn read_quantised(bytes: &mut Bytes, name: &str) -> Result<Self, String> {
        let with_norms = bytes.flag("whether norms are quantised")?;
        let (rows, dim) = (bytes.size("the number of rows")?, bytes.size("the width")?);
        let n_codes = bytes.small_size("the number of codes")?;
        let codes = bytes.take(n_codes, "the codes")?;
        let quantiser = Quantiser::read(bytes)?;
        if quantiser.dim != dim || quantiser.pieces.checked_mul(rows) != Some(n_codes) {
            let Quantiser { dim: its, pieces, .. } = quantiser;
            return Err(format!("{rows} rows of {dim} do not fit {n_codes} codes of {pieces} pieces over {its}"));
        }
        let norms = match with_norms {
            true => {
                let codes = bytes.take(rows, "the codes of the norms")?;
                let norms = Quantiser::read(bytes)?;
                if norms.dim != 1 {
                    return Err(format!("norms of {} numbers", norms.dim));
                }
                Some((codes, norms))
            }
            false => None,
        };
        let grown = rows.saturating_mul(dim).saturating_mul(4);
        if grown > bytes.length().saturating_mul(MAX_GROWTH) {
            let length = bytes.length();
            return Err(format!(
                "spelled out, the {name} would be {grown} bytes out of a file of {length}; not believed"
            ));
        }
        let mut data = Vec::with_capacity(rows * dim);
        for (i, row_codes) in codes.chunks_exact(quantiser.pieces).enumerate() {
            let norm = norms.as_ref().map_or(1.0, |(codes, norms)| norms.centroid(0, codes[i])[0]);
            for (piece, &code) in row_codes.iter().enumerate() {
                data.extend(quantiser.centroid(piece, code).iter().map(|x| norm * x));
            }
        }
        Matrix::new(data, dim)
    }

    pub(super) fn write_dense(&self, out: &mut Vec<u8>) {
        out.extend([self.rows() as u64, self.dim as u64].iter().flat_map(|n| n.to_le_bytes()));
        out.extend(self.data.iter().flat_map(|x| x.to_le_bytes()));
    }

    fn new(data: Vec<f32>, dim: usize) -> Result<Self, String> {
        if dim == 0 {
            return Err("its rows are empty".into());
        }
        Ok(Matrix { data, dim })
    }
}

/// The centroids of every piece of a row.
struct Quantiser {
    dim: usize,
    pieces: usize,
    /// Numbers in a piece, and in the last one.
    width: usize,
    last_width: usize,
    /// 256 × `width` a piece, one piece after the other.
    centroids: Vec<f32>,
}

impl Quantiser {
    fn read(bytes: &mut Bytes) -> Result<Self, String> {
        let mut next = |what| bytes.small_size(what);
        let (dim, pieces) = (next("a quantiser's width")?, next("the pieces of a row")?);
        let (width, last_width) = (next("the width of a piece")?, next("the width of the last piece")?);
        let sound = dim > 0 && width > 0 && pieces == dim.div_ceil(width) && last_width == dim - (pieces - 1) * width;
        if !sound {
            return Err(format!("{dim} numbers cannot be {pieces} pieces of {width}, the last of {last_width}"));
        }
        let centroids = bytes.f32s(dim.saturating_mul(CENTROIDS), "the centroids")?;
        Ok(Quantiser { dim, pieces, width, last_width, centroids })
    }

    fn centroid(&self, piece: usize, code: u8) -> &[f32] {
        let width = if piece + 1 == self.pieces { self.last_width } else { self.width };
        &self.centroids[piece * CENTROIDS * self.width + usize::from(code) * width..][..width]
    }
}

/// Sums the rows into `out`, one after the other from zero, every column by itself.
pub(super) fn sum_rows(matrix: &Matrix, rows: &[u32], out: &mut [f32]) {
    const BLOCK: usize = 16;
    // A block of columns stays in registers over all rows.
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let n_blocks = blocks.len();
    for (b, block) in blocks.iter_mut().enumerate() {
        let mut sum = [0.0; BLOCK];
        for &row in rows {
            let row: &[f32; BLOCK] = matrix.row(row as usize)[b * BLOCK..][..BLOCK].try_into().expect("a whole block");
            for (sum, x) in sum.iter_mut().zip(row) {
                *sum += x;
            }
        }
        *block = sum;
    }
    rest.fill(0.0);
    for &row in rows {
        for (sum, x) in rest.iter_mut().zip(&matrix.row(row as usize)[n_blocks * BLOCK..]) {
            *sum += x;
        }
    }
}

/// Σ a·b: eight interleaved chains, then a tree; the rest of fewer than eight as one more chain.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).fold(0.0, |sum, (a, b)| sum + a * b);
    let pairs = [0, 2, 4, 6].map(|i| lanes[i] + lanes[i + 1]);
    ((pairs[0] + pairs[1]) + (pairs[2] + pairs[3])) + rest
}
