//! Exact GELU on slices: the twin of `shaders/gelu.wgsl` and its backward.
//!
//! ```text
//! y = x Φ(x),   dy/dx = Φ(x) + x φ(x)
//! ```
//!
//! Φ, the normal distribution, comes from the rational approximation 7.1.26 of
//! Abramowitz & Stegun (1964), whose error is below 1.5e-7 and which takes one
//! exponential that φ, the density, needs as well.

use super::vector::exp;

/// `(Φ(x), exp(-x²/2))`.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let size = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let mut p = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = p * t + coefficient;
    }
    let bell = exp(-size * size);
    let tail = 0.5 * p * t * bell;
    (if x < 0.0 { tail } else { 1.0 - tail }, bell)
}

/// Writes `x Φ(x)` to `y`.
#[inline(always)]
pub(crate) fn gelu(x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = x * normal(x).0;
    }
}

// 1 / sqrt(2 π)
const DENSITY: f32 = 0.398_942_3;

/// Writes the gradient of `x`, given `g`, that of `y`, to `dx`.
#[inline(always)]
pub(crate) fn gelu_backward(x: &[f32], g: &[f32], dx: &mut [f32]) {
    for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(g) {
        let (phi, bell) = normal(x);
        *dx = g * (phi + x * bell * DENSITY);
    }
}

/// Writes `y` again, and the gradient of `x`: what both need is computed once.
#[inline(always)]
pub(super) fn gelu_again(x: &[f32], g: &[f32], y: &mut [f32], dx: &mut [f32]) {
    for (((y, dx), &x), &g) in y.iter_mut().zip(dx).zip(x).zip(g) {
        let (phi, bell) = normal(x);
        *y = x * phi;
        *dx = g * (phi + x * bell * DENSITY);
    }
}
