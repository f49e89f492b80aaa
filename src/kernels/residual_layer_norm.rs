//! Residual + LayerNorm on slices: the twin of `shaders/residual_layer_norm.wgsl`
//! and its backward, at once their specification and the CPU implementation.
//!
//! ```text
//! y = (s - mean(s)) / sqrt(var(s) + epsilon) * gamma + beta,   s = x + residual
//! ```

use super::vector::sum;

/// Mean and reciprocal standard deviation of `x + residual`.
///
/// The variance is taken about the mean, in a second pass.
#[inline(always)]
fn moments(x: &[f32], residual: &[f32], epsilon: f32) -> (f32, f32) {
    let n = x.len();
    let residual = &residual[..n];
    let mean = sum(n, |i| x[i] + residual[i]) / n as f32;
    let variance = sum(n, |i| {
        let centred = x[i] + residual[i] - mean;
        centred * centred
    }) / n as f32;
    (mean, 1.0 / (variance + epsilon).sqrt())
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
    let beta = &beta[..width];
    for ((x, residual), y) in x
        .chunks_exact(width)
        .zip(residual.chunks_exact(width))
        .zip(y.chunks_exact_mut(width))
    {
        let (mean, inverse_deviation) = moments(x, residual, epsilon);
        for i in 0..width {
            y[i] = (x[i] + residual[i] - mean) * inverse_deviation * gamma[i] + beta[i];
        }
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
    let (dgamma, dbeta) = (&mut dgamma[..width], &mut dbeta[..width]);
    for (((x, residual), g), ds) in x
        .chunks_exact(width)
        .zip(residual.chunks_exact(width))
        .zip(g.chunks_exact(width))
        .zip(ds.chunks_exact_mut(width))
    {
        let (mean, inverse_deviation) = moments(x, residual, epsilon);
        let h = |i: usize| (x[i] + residual[i] - mean) * inverse_deviation;
        let mean_g = sum(width, |i| g[i] * gamma[i]) / width as f32;
        let mean_gh = sum(width, |i| g[i] * gamma[i] * h(i)) / width as f32;
        for i in 0..width {
            let h = h(i);
            ds[i] = (g[i] * gamma[i] - mean_g - h * mean_gh) * inverse_deviation;
            dgamma[i] += g[i] * h;
            dbeta[i] += g[i];
        }
    }
}
