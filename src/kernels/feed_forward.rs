//! The feed-forward block of a layer on slices, a few rows at a time, so that what
//! lies between its products stays in a core's cache. On a CPU alone: a GPU takes one
//! kernel after the other.
//!
//! ```text
//! h = x W₁ + b₁,   s = x + dropout(gelu(h) W₂ + b₂),   y = LayerNorm(s)
//! ```

use super::dropout::Drops;
use super::gelu::{gelu, gelu_again};
use super::panels::{COLUMNS, multiply};
use super::residual_layer_norm::{layer_norm, layer_norm_backward};
use super::sum_of_rows::add_rows;
use super::vector::vectorised;

/// What a layer does behind a product: bias, dropout, residual and LayerNorm.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    /// Of the product, `[hidden]`.
    pub(super) bias: &'a [f32],
    pub(super) gamma: &'a [f32],
    pub(super) beta: &'a [f32],
    /// Added to the variance.
    pub(super) epsilon: f32,
    pub(super) drops: Drops,
}

impl End<'_> {
    /// Writes `s` and `y` of rows, the first of them `first` of all, that are
    /// `rows panels`; `x` is what is added to them.
    pub(super) fn forward(
        self,
        [rows, panels, x]: [&[f32]; 3],
        first: usize,
        [s, y]: [&mut [f32]; 2],
    ) {
        let hidden = self.bias.len();
        let depth = rows.len() / (x.len() / hidden).max(1);
        multiply(
            rows,
            depth,
            panels,
            [depth, hidden],
            #[inline(always)]
            |row, column, products| {
                let place = row * hidden + column;
                let n = products.len();
                let s = &mut s[place..][..n];
                for ((s, product), bias) in s.iter_mut().zip(products).zip(&self.bias[column..]) {
                    *s = product + bias;
                }
                self.drops.apply(s, first * hidden + place);
                for (s, x) in s.iter_mut().zip(&x[place..][..n]) {
                    *s += x;
                }
            },
        );
        vectorised(
            #[inline(always)]
            || layer_norm(s, self.gamma, self.beta, self.epsilon, y),
        );
    }

    /// Given `g`, the gradient of `y`: writes `ds`, and the gradient of the product with
    /// its bias to `dproduct`; adds to the gradients of gamma, beta and the bias, one
    /// behind the other in `share`.
    pub(super) fn backward(
        self,
        [s, g]: [&[f32]; 2],
        first: usize,
        [ds, dproduct, share]: [&mut [f32]; 3],
    ) {
        let hidden = self.bias.len();
        let (dgamma, rest) = share.split_at_mut(hidden);
        let (dbeta, dbias) = rest.split_at_mut(hidden);
        vectorised(
            #[inline(always)]
            || {
                layer_norm_backward(s, self.gamma, g, self.epsilon, ds, [dgamma, dbeta]);
                dproduct.copy_from_slice(ds);
                self.drops.apply(dproduct, first * hidden);
                add_rows(dproduct, dbias);
            },
        );
    }
}

/// The feed-forward block of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedForward<'a> {
    /// Panels of the first matrix, `[hidden, inner]`.
    pub(super) inner_panels: &'a [f32],
    /// `[inner]`.
    pub(super) inner_bias: &'a [f32],
    /// Panels of the second matrix, `[inner, hidden]`.
    pub(super) panels: &'a [f32],
    pub(super) end: End<'a>,
}

impl FeedForward<'_> {
    /// Numbers of parameters' gradients that [`Self::backward`] adds to: of gamma, beta,
    /// bias and the bias of the first product.
    pub(super) fn share(hidden: usize, inner: usize) -> usize {
        3 * hidden + inner
    }

    /// Writes `y` and `s` of the rows `x`, the first of them `first` of all, and `h` where
    /// there is room for it.
    pub(super) fn forward(self, x: &[f32], first: usize, [y, s, h]: [&mut [f32]; 3]) {
        let (hidden, inner) = (self.end.bias.len(), self.inner_bias.len());
        let mut active = vec![0.0; x.len() / hidden * inner];
        multiply(
            x,
            hidden,
            self.inner_panels,
            [hidden, inner],
            #[inline(always)]
            |row, column, products| {
                let place = row * inner + column;
                let n = products.len();
                let mut sums = [0.0; COLUMNS];
                let sums = &mut sums[..n];
                let bias = &self.inner_bias[column..];
                for ((sum, product), bias) in sums.iter_mut().zip(products).zip(bias) {
                    *sum = product + bias;
                }
                if let Some(h) = h.get_mut(place..place + n) {
                    h.copy_from_slice(sums);
                }
                gelu(sums, &mut active[place..][..n]);
            },
        );
        self.end.forward([&active, self.panels, x], first, [s, y]);
    }

    /// Given `g`, the gradient of `y`: writes those of `x`, `h` and the second product,
    /// and `gelu(h)`; adds to `share` (see [`Self::share`]). `back` are the panels of the
    /// transposes of both matrices, the second's first.
    pub(super) fn backward(
        self,
        [h, s, g]: [&[f32]; 3],
        back: [&[f32]; 2],
        first: usize,
        [dx, dh, active, dproduct, share]: [&mut [f32]; 5],
    ) {
        let (hidden, inner) = (self.end.bias.len(), self.inner_bias.len());
        let (of_end, dbias) = share.split_at_mut(3 * hidden);
        self.end
            .backward([s, g], first, [&mut *dx, &mut *dproduct, of_end]);
        multiply(
            dproduct,
            hidden,
            back[0],
            [hidden, inner],
            #[inline(always)]
            |row, column, products| {
                let place = row * inner + column;
                let n = products.len();
                let dh = &mut dh[place..][..n];
                gelu_again(&h[place..][..n], products, &mut active[place..][..n], dh);
                for (dbias, dh) in dbias[column..].iter_mut().zip(dh) {
                    *dbias += *dh;
                }
            },
        );
        multiply(
            dh,
            inner,
            back[1],
            [inner, hidden],
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
