//! Residual + LayerNorm on slices: the twin of `shaders/residual_layer_norm.wgsl`
//! and its backward, at once their specification and the CPU implementation.
//!
//! ```text
//! y = (s - mean(s)) / sqrt(var(s) + epsilon) * gamma + beta,   s = x + residual
//! ```

use super::vector::sum;

/// Mean and reciprocal standard deviation of `s(0..n)`.
///
/// The variance is taken about the mean, in a second pass.
#[inline(always)]
fn moments(n: usize, s: impl Fn(usize) -> f32, epsilon: f32) -> (f32, f32) {
    let mean = sum(n, &s) / n as f32;
    let variance = sum(n, |i| {
        let centred = s(i) - mean;
        centred * centred
    }) / n as f32;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// Writes the normalised row `s` to `y`.
#[inline(always)]
fn row(s: impl Fn(usize) -> f32, gamma: &[f32], beta: &[f32], epsilon: f32, y: &mut [f32]) {
    let width = y.len();
    let (gamma, beta) = (&gamma[..width], &beta[..width]);
    let (mean, inverse_deviation) = moments(width, &s, epsilon);
    for i in 0..width {
        y[i] = (s(i) - mean) * inverse_deviation * gamma[i] + beta[i];
    }
}

/// Writes the gradient of the row `s` to `ds` and adds to `dgamma` and `dbeta`,
/// given `g`, the gradient of the normalised row.
#[inline(always)]
fn row_backward(
    s: impl Fn(usize) -> f32,
    gamma: &[f32],
    g: &[f32],
    epsilon: f32,
    ds: &mut [f32],
    [dgamma, dbeta]: [&mut [f32]; 2],
) {
    let width = ds.len();
    let (gamma, g) = (&gamma[..width], &g[..width]);
    let (dgamma, dbeta) = (&mut dgamma[..width], &mut dbeta[..width]);
    let (mean, inverse_deviation) = moments(width, &s, epsilon);
    let h = |i: usize| (s(i) - mean) * inverse_deviation;
    let mean_g = sum(width, |i| g[i] * gamma[i]) / width as f32;
    let mean_gh = sum(width, |i| g[i] * gamma[i] * h(i)) / width as f32;
    for i in 0..width {
        let h = h(i);
        ds[i] = (g[i] * gamma[i] - mean_g - h * mean_gh) * inverse_deviation;
        dgamma[i] += g[i] * h;
        dbeta[i] += g[i];
    }
}

/// Writes the normalised rows to `y`.
///
/// Shapes: `x`, `residual`, `y` are `[rows, width]`; `gamma`, `beta` `[width]`.
#[inline(always)]
pub(crate) fn residual_layer_norm(
    x: &[f32],
    residual: &[f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    y: &mut [f32],
) {
    let width = gamma.len();
    for ((x, residual), y) in x
        .chunks_exact(width)
        .zip(residual.chunks_exact(width))
        .zip(y.chunks_exact_mut(width))
    {
        row(|i| x[i] + residual[i], gamma, beta, epsilon, y);
    }
}

/// Gradients given `g`, the gradient of `y`: writes `ds`, the gradient of `x`
/// and of `residual` alike, and adds to `dgamma` and `dbeta`.
///
/// Shapes: `x`, `residual`, `g`, `ds` are `[rows, width]`; the others `[width]`.
#[allow(
    clippy::too_many_arguments,
    reason = "the same arguments as the shader's bindings"
)]
#[inline(always)]
pub(crate) fn residual_layer_norm_backward(
    x: &[f32],
    residual: &[f32],
    gamma: &[f32],
    g: &[f32],
    epsilon: f32,
    ds: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) {
    let width = gamma.len();
    for (((x, residual), g), ds) in x
        .chunks_exact(width)
        .zip(residual.chunks_exact(width))
        .zip(g.chunks_exact(width))
        .zip(ds.chunks_exact_mut(width))
    {
        let parameters = [&mut *dgamma, &mut *dbeta];
        row_backward(|i| x[i] + residual[i], gamma, g, epsilon, ds, parameters);
    }
}

/// Writes the normalised rows of `s` to `y`, both `[rows, width]`: the same where the
/// sums are there already.
#[inline(always)]
pub(super) fn layer_norm(s: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, y: &mut [f32]) {
    let width = gamma.len();
    for (s, y) in s.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        row(|i| s[i], gamma, beta, epsilon, y);
    }
}

/// Gradients of [`layer_norm`], as [`residual_layer_norm_backward`] has them.
#[inline(always)]
pub(super) fn layer_norm_backward(
    s: &[f32],
    gamma: &[f32],
    g: &[f32],
    epsilon: f32,
    ds: &mut [f32],
    [dgamma, dbeta]: [&mut [f32]; 2],
) {
    let width = gamma.len();
    for ((s, g), ds) in s
        .chunks_exact(width)
        .zip(g.chunks_exact(width))
        .zip(ds.chunks_exact_mut(width))
    {
        let s = &s[..width];
        row_backward(|i| s[i], gamma, g, epsilon, ds, [&mut *dgamma, &mut *dbeta]);
    }
}
