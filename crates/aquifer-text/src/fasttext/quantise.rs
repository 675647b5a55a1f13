//! Making models small: fewer rows, then a byte for a few numbers.
//!
//! Joulin, Grave, Bojanowski, Douze, Jégou & Mikolov, "FastText.zip: Compressing text classification models", 2016,
//! <https://arxiv.org/abs/1612.03651>.

use super::FastText;
use super::dictionary::{END, Entry};
use super::hash::hash;
use super::matrix::{CENTROIDS, Matrix, dot};
use crate::TextError;
use aquifer_tensor::random::Stream;
use aquifer_tensor::threads;

/// How to quantise.
#[derive(Clone, Debug)]
pub struct QuantiseOptions {
    /// Numbers that share a byte.
    pub piece: usize,
    /// Whether a row's norm has a byte of its own, which keeps more of it.
    pub norms: bool,
    /// Whether the output is quantised too; it then needs 256 labels or more.
    pub output: bool,
}

impl Default for QuantiseOptions {
    fn default() -> Self {
        QuantiseOptions { piece: 2, norms: true, output: false }
    }
}

/// Most rows that centroids are learnt from, and how often they are moved.
const MAX_POINTS: usize = 256 * CENTROIDS;
const ROUNDS: usize = 25;

impl FastText {
    /// Leaves the `keep` rows with the largest norms (and the end of a line), in words and n-grams alike. [`FastText::fit`]
    /// afterwards regains most of what is lost. A model that is pruned already, or has no more rows, stays as it is.
    pub fn prune(&mut self, keep: usize) {
        if self.dictionary.is_pruned() || keep >= self.input.rows() {
            return;
        }
        let norms: Vec<f32> = (0..self.input.rows()).map(|i| dot(self.input.row(i), self.input.row(i))).collect();
        let end = match self.dictionary.find(END, hash(END)) {
            Some(Entry::Word(row)) => row as usize,
            _ => usize::MAX,
        };
        let mut rows: Vec<usize> = (0..norms.len()).collect();
        rows.sort_by(|&a, &b| (b == end).cmp(&(a == end)).then(norms[b].total_cmp(&norms[a])).then(a.cmp(&b)));
        rows.truncate(keep);
        rows.sort_unstable();
        let n_words = rows.partition_point(|&row| row < self.dictionary.n_words);
        let kept = rows[n_words..].iter().map(|&row| (row - self.dictionary.n_words) as u32);
        let kept = kept.enumerate().map(|(row, bucket)| (bucket, row as u32)).collect();
        let data = rows.iter().flat_map(|&row| self.input.row(row)).copied().collect();
        let mut input = Matrix { data, dim: self.args.dim };
        let mut dictionary = self.dictionary.with_words(&rows[..n_words], self.args.bucket);
        dictionary.claim_rows(&mut input, Some(kept)).expect("every kept row was copied");
        self.dictionary = dictionary;
        self.input = input;
    }

    /// The model as fastText's `.ftz`. Reading it back gives the model that was meant: quantised rows are other rows.
    ///
    /// # Errors
    /// If there are fewer than 256 rows to learn centroids from.
    pub fn quantise(&self, options: &QuantiseOptions) -> Result<Vec<u8>, TextError> {
        let labels = self.output.matrix.rows();
        for (name, rows) in [("input", self.input.rows()), ("output", labels)] {
            if rows < CENTROIDS && (name == "input" || options.output) {
                let why = format!("quantising the {name} takes {CENTROIDS} rows or more; it has {rows}");
                return Err(TextError::Learning(why));
            }
        }
        let mut out = Vec::new();
        self.args.write(&mut out);
        self.dictionary.write(&mut out);
        out.push(1);
        write(&self.input, options.piece.max(1), options.norms, &mut out);
        out.push(u8::from(options.output));
        match options.output {
            true => write(&self.output.matrix, 2, options.norms, &mut out),
            false => self.output.matrix.write_dense(&mut out),
        }
        Ok(out)
    }
}

fn write(matrix: &Matrix, piece: usize, with_norms: bool, out: &mut Vec<u8>) {
    let (rows, dim) = (matrix.rows(), matrix.dim);
    let mut data = matrix.data.clone();
    let mut norms = Vec::new();
    if with_norms {
        norms = data.chunks_exact(dim).map(|row| dot(row, row).sqrt()).collect();
        for (row, &norm) in data.chunks_exact_mut(dim).zip(&norms) {
            // A row of zeros stays one.
            row.iter_mut().for_each(|x| *x /= if norm == 0.0 { 1.0 } else { norm });
        }
    }
    let pieces: Vec<Piece> =
        (0..dim).step_by(piece).map(|at| Piece::learn(&data, dim, at, piece.min(dim - at))).collect();
    out.push(u8::from(with_norms));
    out.extend([rows as u64, dim as u64].iter().flat_map(|n| n.to_le_bytes()));
    out.extend(((rows * pieces.len()) as i32).to_le_bytes());
    out.extend((0..rows).flat_map(|row| pieces.iter().map(move |piece| piece.codes[row])));
    write_centroids(&pieces, dim, piece, out);
    if with_norms {
        let norms = [Piece::learn(&norms, 1, 0, 1)];
        out.extend_from_slice(&norms[0].codes);
        write_centroids(&norms, 1, 1, out);
    }
}

fn write_centroids(pieces: &[Piece], dim: usize, piece: usize, out: &mut Vec<u8>) {
    let last = pieces.last().map_or(0, |last| last.width);
    out.extend([dim, pieces.len(), piece, last].iter().flat_map(|&n| (n as i32).to_le_bytes()));
    out.extend(pieces.iter().flat_map(|piece| &piece.centroids).flat_map(|x| x.to_le_bytes()));
}

/// The centroids of a few columns, and the nearest for each row.
struct Piece {
    width: usize,
    centroids: Vec<f32>,
    codes: Vec<u8>,
}

impl Piece {
    /// Lloyd's algorithm from rows drawn at random; an empty cluster takes half of the largest.
    fn learn(data: &[f32], dim: usize, at: usize, width: usize) -> Piece {
        let column = |row: usize| &data[row * dim + at..][..width];
        let mut drawn: Vec<usize> = (0..data.len() / dim).collect();
        let n_rows = drawn.len();
        Stream::new(0, "quantise", "rows").sequence(at as u64).shuffle(&mut drawn);
        drawn.truncate(MAX_POINTS);
        let points: Vec<f32> = drawn.iter().flat_map(|&row| column(row)).copied().collect();
        let mut centroids = points[..CENTROIDS * width].to_vec();
        for _ in 0..ROUNDS {
            let codes = nearest(&points, &centroids, width);
            move_centroids(&points, &codes, &mut centroids, width);
        }
        let all: Vec<f32> = (0..n_rows).flat_map(column).copied().collect();
        let codes = nearest(&all, &centroids, width);
        Piece { width, centroids, codes }
    }
}

/// The nearest centroid of each point, the first of equals.
fn nearest(points: &[f32], centroids: &[f32], width: usize) -> Vec<u8> {
    let mut codes = vec![0; points.len() / width];
    let share = 1024;
    threads::parallel_chunks(&mut codes, share, |i, codes| {
        for (code, point) in codes.iter_mut().zip(points[i * share * width..].chunks_exact(width)) {
            let mut best = f32::INFINITY;
            for (k, centroid) in centroids.chunks_exact(width).enumerate() {
                let distance = point.iter().zip(centroid).fold(0.0, |sum, (x, c)| sum + (x - c) * (x - c));
                if distance < best {
                    (best, *code) = (distance, k as u8);
                }
            }
        }
    });
    codes
}

fn move_centroids(points: &[f32], codes: &[u8], centroids: &mut [f32], width: usize) {
    let mut counts = [0usize; CENTROIDS];
    centroids.fill(0.0);
    for (&code, point) in codes.iter().zip(points.chunks_exact(width)) {
        let k = usize::from(code);
        counts[k] += 1;
        centroids[k * width..][..width].iter_mut().zip(point).for_each(|(c, x)| *c += x);
    }
    for (centroid, &count) in centroids.chunks_exact_mut(width).zip(&counts) {
        centroid.iter_mut().for_each(|c| *c /= count.max(1) as f32);
    }
    for empty in 0..CENTROIDS {
        if counts[empty] > 0 {
            continue;
        }
        let largest = (0..CENTROIDS).max_by_key(|&k| (counts[k], CENTROIDS - k)).expect("there are centroids");
        for j in 0..width {
            let nudge = if j % 2 == 0 { -1e-7 } else { 1e-7 };
            centroids[empty * width + j] = centroids[largest * width + j] + nudge;
            centroids[largest * width + j] -= nudge;
        }
        counts[empty] = counts[largest] / 2;
        counts[largest] -= counts[empty];
    }
}
