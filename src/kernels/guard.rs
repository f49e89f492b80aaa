//! Rows that a value which is not finite makes NaN throughout: the twin of
//! `shaders/guard.wgsl`.
//!
//! On a CPU arithmetic keeps a NaN, but `tanh` turns an infinity into 1.

/// The bits of the exponent, all of them set in an infinity and in a NaN.
pub(super) const EXPONENT: u32 = 0x7f80_0000;

/// Whether a value is not finite, by its bits.
#[inline(always)]
pub(super) fn flawed(x: &[f32]) -> bool {
    // The largest of all, without a branch, so that it vectorises.
    let magnitude = |x: &f32| x.to_bits() & 0x7fff_ffff;
    x.iter().map(magnitude).fold(0, u32::max) >= EXPONENT
}

/// Makes a row `y` NaN throughout where the row `x` holds a value that is not
/// finite.
#[inline(always)]
pub(crate) fn guard(x: &[f32], y: &mut [f32]) {
    if flawed(x) {
        y.fill(f32::NAN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_value_that_is_not_finite_spoils_its_row() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 17, 99] {
                let mut x = [1.0; 100];
                x[place] = bad;
                let mut y = [2.0; 7];
                guard(&x, &mut y);
                assert!(y.iter().all(|y| y.is_nan()), "{bad} at {place}");
            }
        }
    }

    #[test]
    fn finite_rows_stay_as_they_are() {
        let mut y = [2.0; 7];
        guard(&[f32::MAX, f32::MIN, 0.0, -0.0, 1e-45], &mut y);
        guard(&[], &mut y);
        assert_eq!(y, [2.0; 7]);
    }
}
