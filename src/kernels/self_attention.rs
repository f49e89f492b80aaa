//! The attention block of a layer on slices, one molecule at a time, so that what lies
//! between its products stays in a core's cache. On a CPU alone: a GPU takes one kernel
//! after the other.
//!
//! ```text
//! q, k, v = x W + b,   a = attention(q, k, v),
//! s = x + dropout(a Wₒ + bₒ),   y = LayerNorm(s)
//! ```

use super::attention::{Sizes, attention, attention_backward};
use super::dropout::Drops;
use super::feed_forward::End;
use super::panels::multiply;
use super::sum_of_rows::add_rows;
use super::vector::vectorised;

/// The attention block of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct SelfAttention<'a> {
    pub(super) heads: usize,
    /// Panels of the matrices of queries, keys and values side by side,
    /// `[hidden, 3 hidden]`.
    pub(super) inner_panels: &'a [f32],
    /// Their biases, `[3 hidden]`.
    pub(super) inner_bias: &'a [f32],
    /// Panels of the matrix behind attention, `[hidden, hidden]`.
    pub(super) panels: &'a [f32],
    pub(super) end: End<'a>,
    /// Drops probabilities.
    pub(super) drops: Drops,
}

/// Which molecule of a batch it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its first row of all.
    pub(super) row: usize,
    /// The first of its probabilities of all.
    pub(super) probability: usize,
}

impl SelfAttention<'_> {
    /// Numbers of parameters' gradients that [`Self::backward`] adds to: of gamma, beta,
    /// bias and the biases of queries, keys and values.
    pub(super) fn share(hidden: usize) -> usize {
        6 * hidden
    }

    fn sizes(self, length: usize) -> Sizes {
        let hidden = self.end.bias.len();
        Sizes {
            heads: self.heads,
            hidden,
            apart: 3 * hidden,
            places: length,
            length,
        }
    }

    /// Writes `y`, `s`, `q` beside `k` beside `v`, and `a` of a molecule's rows `x`.
    pub(super) fn forward(self, x: &[f32], place: Place, [y, s, inner, a]: [&mut [f32]; 4]) {
        let hidden = self.end.bias.len();
        let length = x.len() / hidden;
        multiply(
            x,
            hidden,
            self.inner_panels,
            [hidden, 3 * hidden],
            #[inline(always)]
            |row, column, products| {
                let inner = &mut inner[row * 3 * hidden + column..][..products.len()];
                let bias = &self.inner_bias[column..];
                for ((inner, product), bias) in inner.iter_mut().zip(products).zip(bias) {
                    *inner = product + bias;
                }
            },
        );
        attention(
            [&*inner, &inner[hidden..], &inner[2 * hidden..]],
            &vec![0.0; length],
            self.sizes(length),
            (self.drops, place.probability),
            a,
        );
        self.end.forward([a, self.panels, x], place.row, [s, y]);
    }

    /// Given `g`, the gradient of `y`: writes those of `x`, of `q` beside `k` beside `v`
    /// and of the product behind attention; adds to `share` (see
    /// [`Self::share`]). `back` are the panels of the transposes of both matrices, the
    /// second's first.
    pub(super) fn backward(
        self,
        [inner, s, g]: [&[f32]; 3],
        back: [&[f32]; 2],
        place: Place,
        [dx, dinner, dproduct, share]: [&mut [f32]; 4],
    ) {
        let hidden = self.end.bias.len();
        let length = g.len() / hidden;
        let (of_end, dbias) = share.split_at_mut(3 * hidden);
        self.end
            .backward([s, g], place.row, [&mut *dx, &mut *dproduct, of_end]);
        let mut da = vec![0.0; g.len()];
        multiply(
            dproduct,
            hidden,
            back[0],
            [hidden, hidden],
            #[inline(always)]
            |row, column, products| {
                da[row * hidden + column..][..products.len()].copy_from_slice(products);
            },
        );
        let mut apart = vec![0.0; 3 * g.len()];
        let (dquery, rest) = apart.split_at_mut(g.len());
        let (dkey, dvalue) = rest.split_at_mut(g.len());
        attention_backward(
            [inner, &inner[hidden..], &inner[2 * hidden..]],
            &vec![0.0; length],
            &da,
            self.sizes(length),
            (self.drops, place.probability),
            [&mut *dquery, &mut *dkey, &mut *dvalue],
        );
        let parts = [dquery, dkey, dvalue].map(|part| &*part);
        for (row, dinner) in dinner.chunks_exact_mut(3 * hidden).enumerate() {
            for (part, dinner) in parts.iter().zip(dinner.chunks_exact_mut(hidden)) {
                dinner.copy_from_slice(&part[row * hidden..][..hidden]);
            }
        }
        vectorised(
            #[inline(always)]
            || add_rows(dinner, dbias),
        );
        multiply(
            dinner,
            3 * hidden,
            back[1],
            [3 * hidden, hidden],
            #[inline(always)]
            |row, column, products| {
                let dx = &mut dx[row * hidden + column..][..products.len()];
                for (dx, product) in dx.iter_mut().zip(products) {
                    *dx += product;
                }
            },
        );
    }
}
