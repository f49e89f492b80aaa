//! Dropout on slices without a generator's state: what is dropped is a function
//! of a seed and of the place. On a CPU alone: a GPU draws by burn's kernels.

/// Writes to `y` the elements of `x`, 0 with a probability of `rate` and
/// multiplied by `1 / (1 - rate)` otherwise. `first` is the place of `x[0]` in
/// the whole tensor.
#[inline(always)]
pub(crate) fn dropout(x: &[f32], rate: f32, seed: u64, first: usize, y: &mut [f32]) {
    let bound = bound(rate);
    let scale = 1.0 / (1.0 - rate);
    for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
        let kept = draw(first, i, seed) >= bound;
        *y = if kept { x * scale } else { 0.0 };
    }
}

/// What is dropped of a tensor: a function of a seed and of the place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drops {
    /// The probability with which an element is dropped.
    pub(crate) rate: f32,
    /// The seed.
    pub(crate) seed: u64,
}

impl Drops {
    /// Nothing is dropped.
    pub(crate) const NONE: Self = Self { rate: 0.0, seed: 0 };

    /// The same as [`dropout`] where `values` lie; `first` is the place of the first of
    /// them.
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32], first: usize) {
        if self.rate > 0.0 {
            let (bound, scale, seed) = (bound(self.rate), 1.0 / (1.0 - self.rate), self.seed);
            for (i, value) in values.iter_mut().enumerate() {
                let kept = draw(first, i, seed) >= bound;
                *value = if kept { *value * scale } else { 0.0 };
            }
        }
    }
}

/// The number below which a draw drops.
#[inline(always)]
fn bound(rate: f32) -> u32 {
    (f64::from(rate) * 4_294_967_296.0) as u32
}

/// The draw of the place `i` behind `first`.
#[inline(always)]
fn draw(first: usize, i: usize, seed: u64) -> u32 {
    let place = (first as u32).wrapping_add(i as u32);
    mixed(mixed(place.wrapping_mul(0x9e37_79b1) ^ seed as u32) ^ (seed >> 32) as u32)
}

/// A bijection of 32 bits after which every bit depends on all (MurmurHash3's
/// finalizer).
#[inline(always)]
fn mixed(mut bits: u32) -> u32 {
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x85eb_ca6b);
    bits ^= bits >> 13;
    bits = bits.wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rate: f32, seed: u64, first: usize, n: usize) -> Vec<bool> {
        let mut y = vec![f32::NAN; n];
        dropout(&vec![1.0; n], rate, seed, first, &mut y);
        let scale = 1.0 / (1.0 - rate);
        assert!(y.iter().all(|&y| y == 0.0 || y == scale));
        y.iter().map(|&y| y > 0.0).collect()
    }

    #[test]
    fn the_rate_is_kept_and_neighbours_are_independent() {
        let n = 200_000;
        for (rate, seed) in [(0.1, 1), (0.5, 2), (0.1, u64::MAX)] {
            let kept = kept(rate, seed, 0, n);
            let share = |count: usize| count as f64 / n as f64;
            let one = share(kept.iter().filter(|&&kept| kept).count());
            let expected = 1.0 - f64::from(rate);
            assert!((one - expected).abs() < 0.005, "{rate}: {one}");
            for apart in [1, 16, 256] {
                let both = (apart..n).filter(|&i| kept[i] && kept[i - apart]).count();
                let off = (share(both) - expected * expected).abs();
                assert!(off < 0.006, "{rate}, {apart} apart: off by {off}");
            }
        }
    }

    #[test]
    fn draws_depend_on_seed_and_place_alone() {
        let whole = kept(0.3, 7, 0, 1000);
        assert_eq!(whole[400..], kept(0.3, 7, 400, 600));
        assert_ne!(whole, kept(0.3, 8, 0, 1000));
        assert_ne!(whole, kept(0.3, 7 << 32, 0, 1000));
    }
}
