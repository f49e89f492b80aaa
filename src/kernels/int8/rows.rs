//! What happens to rows between the products, in single precision: functions for the
//! inside of [`vectorised`](super::super::vector::vectorised).
//!
//! Every operation is rounded for itself and sums are taken in fixed lanes, so that the
//! results are the same with whatever instructions.

use super::super::vector::{largest, sum};

/// Adding 1.5 · 2^23 rounds a small number to the nearest whole one, which then stands
/// in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// The largest magnitude of `x`; infinite or NaN where an element is: as an integer, the
/// bits of a NaN are more than those of any number.
#[inline(always)]
pub(super) fn magnitude(x: &[f32]) -> f32 {
    let bits = x.iter().map(|x| x.to_bits() & 0x7fff_ffff);
    f32::from_bits(bits.fold(0, |most, bits| if bits > most { bits } else { most }))
}

/// The scale of a row whose largest magnitude is `most`, and its reciprocal; NaN where
/// the scale is not below `limit`.
#[inline(always)]
pub(super) fn scale(most: f32, steps: f32, limit: f32) -> (f32, f32) {
    let scale = most / steps;
    if scale < limit {
        // A row of zeros, or of numbers too small to divide by, is one of zeros.
        let reciprocal = if most > 1e-30 { steps / most } else { 0.0 };
        (scale, reciprocal)
    } else {
        (f32::NAN, 0.0)
    }
}

/// Rounds `x`, times `reciprocal`, to bytes around `zero`.
#[inline(always)]
pub(super) fn to_bytes(x: &[f32], reciprocal: f32, zero: f32, bytes: &mut [u8]) {
    for (byte, &x) in bytes.iter_mut().zip(x) {
        *byte = (x * reciprocal + (ROUND + zero)).to_bits() as u8;
    }
}

/// The nearest whole number, of a small one.
#[inline(always)]
pub(super) fn whole(x: f32) -> i32 {
    (x + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32
}

/// Rounds a row of numbers of either sign to bytes around 128; gives its scale.
#[inline(always)]
pub(super) fn quantize(x: &[f32], limit: f32, bytes: &mut [u8]) -> f32 {
    let (scale, reciprocal) = scale(magnitude(x), 127.0, limit);
    to_bytes(x, reciprocal, 128.0, bytes);
    scale
}

/// Normalises `x + residual` into `x`; see
/// [`residual_layer_norm`](super::super::residual_layer_norm).
#[inline(always)]
pub(super) fn layer_norm(x: &mut [f32], residual: &[f32], norm: &Norm) {
    let n = x.len();
    let (residual, gamma, beta) = (&residual[..n], &norm.gamma[..n], &norm.beta[..n]);
    for (x, residual) in x.iter_mut().zip(residual) {
        *x += residual;
    }
    let mean = sum(n, |i| x[i]) / n as f32;
    let variance = sum(n, |i| (x[i] - mean) * (x[i] - mean)) / n as f32;
    let inverse = if variance < f32::INFINITY {
        1.0 / (variance + norm.epsilon).sqrt()
    } else {
        f32::NAN
    };
    for ((x, gamma), beta) in x.iter_mut().zip(gamma).zip(beta) {
        *x = (*x - mean) * inverse * gamma + beta;
    }
}

/// The parameters of a LayerNorm.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Norm {
    /// `[hidden]`.
    pub(crate) gamma: Vec<f32>,
    /// `[hidden]`.
    pub(crate) beta: Vec<f32>,
    /// Added to the variance.
    pub(crate) epsilon: f32,
}

/// What [`raised_gelu`] adds to GELU: its least value is -0.16997, and the polynomial
/// adds its error.
pub(super) const RAISE: f32 = 0.1703;

/// `gelu(x) + RAISE`, never below 0, within 0.00015.
///
/// `gelu(x) = max(x, 0) - t Φ(-t)` with `t = |x|`; the second term is a polynomial
/// of least largest error up to 4, where it has come to 0.0001. What becomes of it has
/// steps of a hundred times that error.
#[inline(always)]
pub(super) fn raised_gelu(x: f32) -> f32 {
    let size = x.abs();
    let t = if size < 4.0 { size } else { 4.0 };
    let mut p = 4.869_160_6e-5;
    for coefficient in [
        -1.439_529_8e-3,
        1.523_966e-2,
        -7.615_119e-2,
        0.176_185_6,
        -8.138_795e-2,
        -0.370_626_13,
        0.496_678_45,
    ] {
        p = p * t + coefficient;
    }
    let positive = if x > 0.0 { x } else { 0.0 };
    (positive + RAISE) - p * t
}

/// `e^x` for `x` from minus infinity to 0 within 3e-6 of itself; below -86 about 1e-38.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = if x > -86.0 { x } else { -86.0 };
    let scaled = x * std::f32::consts::LOG2_E;
    let rounded = scaled + ROUND;
    let r = scaled - (rounded - ROUND);
    let mut p = 9.570_09e-3;
    for coefficient in [5.591_789e-2, 0.240_247_46, 0.693_121_8, 0.999_999_3] {
        p = p * r + coefficient;
    }
    // The whole number stands in the lowest bits: shifted, it is an exponent.
    f32::from_bits(p.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// Rounds the probabilities of `scores`, over the largest of them, to bytes: 255 is as
/// probable as the most probable. Gives the reciprocal of the sum of the bytes.
#[inline(always)]
pub(super) fn softmax(scores: &mut [f32], bytes: &mut [u8]) -> f32 {
    let most = largest(scores);
    for (byte, score) in bytes.iter_mut().zip(scores) {
        *byte = (exp(*score - most) * 255.0 + ROUND).to_bits() as u8;
    }
    let total: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    1.0 / total as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_is_that_of_its_definition_but_for_less_than_a_step() {
        // Φ by the series of the error function, in double precision.
        let phi = |x: f64| {
            let z = x / std::f64::consts::SQRT_2;
            let (mut term, mut sum) = (z, z);
            for n in 1..200 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            0.5 + sum / std::f64::consts::PI.sqrt()
        };
        for i in -5000..=5000 {
            let x = i as f32 / 1000.0;
            let found = raised_gelu(x);
            let exact = f64::from(x) * phi(f64::from(x));
            let off = (f64::from(found - RAISE) - exact).abs();
            assert!(off < 1.5e-4, "gelu({x}) is off by {off}");
            assert!(found >= 0.0, "{x}: {found}");
        }
        assert_eq!(raised_gelu(1e30), 1e30);
    }

    #[test]
    fn probabilities_are_bytes_over_the_largest() {
        let scores = [0.5, -0.5, 0.5, -3.0, -200.0, -1e30];
        let mut bytes = [7; 6];
        let factor = softmax(&mut scores.clone(), &mut bytes);
        assert_eq!(bytes, [255, 94, 255, 8, 0, 0]);
        assert_eq!(factor, 1.0 / 612.0);
    }

    #[test]
    fn a_row_is_rounded_to_the_nearest_bytes() {
        let x = [1.27, -1.27, 0.0, 0.014, -0.016, 0.5];
        let mut bytes = [0; 6];
        let scale = quantize(&x, f32::MAX, &mut bytes);
        assert!((scale - 0.01).abs() < 1e-8);
        assert_eq!(bytes, [255, 1, 128, 129, 126, 178]);
        assert_eq!(quantize(&[0.0, -0.0], f32::MAX, &mut bytes[..2]), 0.0);
        assert_eq!(bytes[..2], [128, 128]);
    }

    #[test]
    fn what_is_not_finite_has_no_scale() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut bytes = [0; 3];
            assert!(quantize(&[1.0, bad, 2.0], f32::MAX, &mut bytes).is_nan());
        }
        assert!(quantize(&[1e10], 1e6, &mut [0]).is_nan());
    }
}
