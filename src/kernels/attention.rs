//! Attention of one molecule on slices, all heads, without ever keeping the
//! attention probabilities. On a CPU alone: on a GPU burn's kernels do it.
//!
//! ```text
//! P = softmax(Q Kᵀ / sqrt(size) + bias),   y = P V      for every head
//! ```
//!
//! The backward pass computes P again, which is cheaper than keeping it.

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

    fn query(self, query: &[f32], head: usize) -> Matrix<'_> {
        let start = (head * self.size()).min(query.len());
        Matrix::new(&query[start..], self.places, self.size(), self.hidden)
    }

    /// A head of keys or values, its first `keys` rows.
    fn key(self, key: &[f32], head: usize, keys: usize) -> Matrix<'_> {
        let start = (head * self.size()).min(key.len());
        Matrix::new(&key[start..], keys, self.size(), self.hidden)
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
/// `[length, hidden]`, `bias` `[length]`.
pub(crate) fn attention(
    query: &[f32],
    key: &[f32],
    value: &[f32],
    bias: &[f32],
    sizes: Sizes,
    y: &mut [f32],
) {
    let keys = sizes.keys(bias);
    let mut p = vec![0.0; sizes.places * keys];
    for head in 0..sizes.heads {
        let start = head * sizes.size();
        sizes.probabilities(
            sizes.query(query, head),
            sizes.key(key, head, keys),
            &bias[..keys],
            &mut p,
        );
        multiply(
            Matrix::new(&p, sizes.places, keys, keys),
            sizes.key(value, head, keys),
            &mut y[start..],
            sizes.hidden,
            false,
            Threads::One,
        );
    }
}

/// Writes the gradients of `query`, `key` and `value`, given `g`, that of `y`.
/// `dkey` and `dvalue` must hold zeros.
#[allow(
    clippy::too_many_arguments,
    reason = "what goes in and what comes out, each by its name"
)]
pub(crate) fn attention_backward(
    query: &[f32],
    key: &[f32],
    value: &[f32],
    bias: &[f32],
    g: &[f32],
    sizes: Sizes,
    dquery: &mut [f32],
    dkey: &mut [f32],
    dvalue: &mut [f32],
) {
    let keys = sizes.keys(bias);
    let hidden = sizes.hidden;
    let scale = 1.0 / (sizes.size() as f32).sqrt();
    let mut p = vec![0.0; sizes.places * keys];
    let mut ds = vec![0.0; sizes.places * keys];
    for head in 0..sizes.heads {
        let start = head * sizes.size();
        let (query, gradient) = (sizes.query(query, head), sizes.query(g, head));
        let (key, value) = (sizes.key(key, head, keys), sizes.key(value, head, keys));
        sizes.probabilities(query, key, &bias[..keys], &mut p);
        let matrix = Matrix::new(&p, sizes.places, keys, keys);
        let dvalue = &mut dvalue[start..];
        multiply(
            matrix.transposed(),
            gradient,
            dvalue,
            hidden,
            false,
            Threads::One,
        );
        multiply(
            gradient,
            value.transposed(),
            &mut ds,
            keys,
            false,
            Threads::One,
        );
        vectorised(
            #[inline(always)]
            || softmax_of_rows_backward(&p, keys, scale, &mut ds),
        );
        let matrix = Matrix::new(&ds, sizes.places, keys, keys);
        multiply(
            matrix,
            key,
            &mut dquery[start..],
            hidden,
            false,
            Threads::One,
        );
        let dkey = &mut dkey[start..];
        multiply(
            matrix.transposed(),
            query,
            dkey,
            hidden,
            false,
            Threads::One,
        );
    }
}
