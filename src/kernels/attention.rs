//! Attention of one molecule on slices, all heads, without ever keeping the
//! attention probabilities. On a CPU alone: on a GPU burn's kernels do it.
//!
//! ```text
//! P = softmax(Q Kᵀ / sqrt(size) + bias),   y = P V      for every head
//! ```
//!
//! The backward pass computes P again, which is cheaper than keeping it.

use super::dropout::Drops;
use super::guard::flawed;
use super::matrix::{Matrix, Threads, multiply};
use super::vector::{exp, largest, sum, vectorised};

/// Sizes of the attention of one molecule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Heads, side by side in each row.
    pub(crate) heads: usize,
    /// Width of a row, a multiple of `heads`.
    pub(crate) hidden: usize,
    /// Elements from a row of queries, keys or values to the next.
    pub(crate) apart: usize,
    /// Rows of the queries.
    pub(crate) places: usize,
    /// Rows of keys and values.
    pub(crate) length: usize,
}

impl Sizes {
    /// Width of a head.
    fn size(self) -> usize {
        self.hidden / self.heads.max(1)
    }

    /// Keys up to the last with a bias that leaves it any probability: beyond
    /// e^-100 a probability is 0 in single precision.
    fn keys(self, bias: &[f32]) -> usize {
        let largest = largest(bias);
        let seen = bias.iter().rposition(|&bias| bias > largest - 5_000.0);
        seen.map_or(self.length, |last| last + 1)
    }

    /// A head of `count` rows, `apart` from one to the next.
    fn head(self, rows: &[f32], head: usize, count: usize, apart: usize) -> Matrix<'_> {
        let start = (head * self.size()).min(rows.len());
        Matrix::new(&rows[start..], count, self.size(), apart)
    }

    /// Writes P `[places, keys]` of a head.
    fn probabilities(self, query: Matrix, key: Matrix, bias: &[f32], p: &mut [f32]) {
        let keys = bias.len();
        multiply(query, key.transposed(), p, keys, false, Threads::One);
        let scale = 1.0 / (self.size() as f32).sqrt();
        vectorised(
            #[inline(always)]
            || softmax_of_rows(p, bias, scale),
        );
    }
}

/// `softmax(scale p + bias)` of every row; NaN where a score is not finite, minus
/// infinity too, which would pass for a key that is not looked at.
#[inline(always)]
fn softmax_of_rows(p: &mut [f32], bias: &[f32], scale: f32) {
    let keys = bias.len();
    for row in p.chunks_exact_mut(keys.max(1)) {
        for (p, &bias) in row.iter_mut().zip(bias) {
            *p = *p * scale + bias;
        }
        if flawed(row) {
            row.fill(f32::NAN);
            continue;
        }
        let most = largest(row);
        for p in row.iter_mut() {
            *p = exp(*p - most);
        }
        let total = 1.0 / sum(keys, |i| row[i]);
        for p in row.iter_mut() {
            *p *= total;
        }
    }
}

/// The gradient of the scores before scaling, from that of the probabilities
/// `p`, both in `ds`.
#[inline(always)]
fn softmax_of_rows_backward(p: &[f32], keys: usize, scale: f32, ds: &mut [f32]) {
    for (ds, p) in ds
        .chunks_exact_mut(keys.max(1))
        .zip(p.chunks_exact(keys.max(1)))
    {
        let along = sum(keys, |i| ds[i] * p[i]);
        for (ds, &p) in ds.iter_mut().zip(p) {
            *ds = (*ds - along) * p * scale;
        }
    }
}

/// Writes the attention to `y`.
///
/// Shapes: `query` and `y` `[places, hidden]`, `key` and `value`
/// `[length, hidden]`, `bias` `[length]`; the first three with rows `apart`. `drops`
/// drops probabilities, the first of which is `first` of all.
pub(crate) fn attention(
    [query, key, value]: [&[f32]; 3],
    bias: &[f32],
    sizes: Sizes,
    (drops, first): (Drops, usize),
    y: &mut [f32],
) {
    let keys = sizes.keys(bias);
    let mut p = vec![0.0; sizes.places * keys];
    for head in 0..sizes.heads {
        let start = head * sizes.size();
        sizes.probabilities(
            sizes.head(query, head, sizes.places, sizes.apart),
            sizes.head(key, head, keys, sizes.apart),
            &bias[..keys],
            &mut p,
        );
        let first = first + head * p.len();
        vectorised(
            #[inline(always)]
            || drops.apply(&mut p, first),
        );
        multiply(
            Matrix::new(&p, sizes.places, keys, keys),
            sizes.head(value, head, keys, sizes.apart),
            &mut y[start..],
            sizes.hidden,
            false,
            Threads::One,
        );
    }
}

/// Writes the gradients of `query`, `key` and `value`, given `g`, that of `y`, all of
/// them with rows of `hidden`. Those of `key` and `value` must hold zeros.
pub(crate) fn attention_backward(
    [query, key, value]: [&[f32]; 3],
    bias: &[f32],
    g: &[f32],
    sizes: Sizes,
    (drops, first): (Drops, usize),
    [dquery, dkey, dvalue]: [&mut [f32]; 3],
) {
    let keys = sizes.keys(bias);
    let (places, apart) = (sizes.places, sizes.apart);
    let scale = 1.0 / (sizes.size() as f32).sqrt();
    let mut p = vec![0.0; places * keys];
    let mut dropped = vec![0.0; if drops.rate > 0.0 { p.len() } else { 0 }];
    let mut ds = vec![0.0; p.len()];
    for head in 0..sizes.heads {
        let start = head * sizes.size();
        let gradient = sizes.head(g, head, places, sizes.hidden);
        let query = sizes.head(query, head, places, apart);
        let key = sizes.head(key, head, keys, apart);
        let value = sizes.head(value, head, keys, apart);
        sizes.probabilities(query, key, &bias[..keys], &mut p);
        let first = first + head * p.len();
        if drops.rate > 0.0 {
            dropped.copy_from_slice(&p);
            vectorised(
                #[inline(always)]
                || drops.apply(&mut dropped, first),
            );
        }
        let used = if drops.rate > 0.0 { &dropped } else { &p };
        let used = Matrix::new(used, places, keys, keys).transposed();
        let dvalue = &mut dvalue[start..];
        multiply(used, gradient, dvalue, sizes.hidden, false, Threads::One);
        let values = value.transposed();
        multiply(gradient, values, &mut ds, keys, false, Threads::One);
        vectorised(
            #[inline(always)]
            || {
                drops.apply(&mut ds, first);
                softmax_of_rows_backward(&p, keys, scale, &mut ds);
            },
        );
        let matrix = Matrix::new(&ds, places, keys, keys);
        let dquery = &mut dquery[start..];
        multiply(matrix, key, dquery, sizes.hidden, false, Threads::One);
        let (matrix, dkey) = (matrix.transposed(), &mut dkey[start..]);
        multiply(matrix, query, dkey, sizes.hidden, false, Threads::One);
    }
}
