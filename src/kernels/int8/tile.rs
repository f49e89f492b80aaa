//! The product at the bottom: a few rows of bytes and a panel of 8-bit integers.

#[cfg(target_arch = "aarch64")]
use super::aarch64;
use super::packed::COLUMNS;
#[cfg(target_arch = "x86_64")]
use super::x86;
#[cfg(target_arch = "wasm32")]
use super::{relaxed, wasm32};

/// Rows of a tile: with four vectors of columns as many as the registers hold sums for.
#[cfg(not(target_arch = "wasm32"))]
pub(super) const ROWS: usize = 6;
/// Those of WebAssembly are narrow, and 16 are all that a processor is sure to have.
#[cfg(target_arch = "wasm32")]
pub(super) const ROWS: usize = 4;

/// The sums of a tile.
pub(super) type Sums = [[i32; COLUMNS]; ROWS];

/// A tile by a function for each number of rows, so that the sums stay in registers.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
macro_rules! by_count {
    ($count:expr, $tile:ident($($argument:expr),*)) => {
        // SAFETY: `Level` names these instructions only where they were detected, and
        // has checked that the rows lie within their slice.
        unsafe {
            match $count {
                1 => $tile::<1>($($argument),*),
                2 => $tile::<2>($($argument),*),
                3 => $tile::<3>($($argument),*),
                4 => $tile::<4>($($argument),*),
                5 => $tile::<5>($($argument),*),
                _ => $tile::<ROWS>($($argument),*),
            }
        }
    };
}
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
pub(super) use by_count;

/// The instructions that a tile is computed with. The sums are those of the scalar
/// ones, bit for bit: they are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// AVX-512 with VNNI: 64 products an instruction.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// AVX-VNNI: 32 products an instruction.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX2: 16 products of 16 bits an instruction.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// NEON with dot products: 16 products an instruction.
    #[cfg(target_arch = "aarch64")]
    NeonDotProduct,
    /// NEON: 8 products of 16 bits an instruction.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// Relaxed SIMD of WebAssembly: 16 products an instruction.
    #[cfg(target_arch = "wasm32")]
    Relaxed,
    /// The vectors of WebAssembly: 8 products of 16 bits an instruction.
    #[cfg(target_arch = "wasm32")]
    Simd128,
    /// Whatever the compiler makes of it.
    Scalar,
}

impl Level {
    /// Every one that this processor has, the best first.
    pub(super) fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512vnni") {
                levels.push(Self::Avx512Vnni);
            }
            if has!("avxvnni") && has!("avx2") {
                levels.push(Self::AvxVnni);
            }
            if has!("avx2") {
                levels.push(Self::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::is_aarch64_feature_detected as has;
            if has!("dotprod") {
                levels.push(Self::NeonDotProduct);
            }
            if has!("neon") {
                levels.push(Self::Neon);
            }
        }
        #[cfg(target_arch = "wasm32")]
        {
            if relaxed::is_exact() {
                levels.push(Self::Relaxed);
            }
            levels.push(Self::Simd128);
        }
        levels.push(Self::Scalar);
        levels
    }

    /// The best that this processor has.
    pub(super) fn best() -> Self {
        Self::available()[0]
    }

    /// Sums of a tile: for each row of `rows` and each column of `panel`, `start` of the
    /// column and the products of bytes and 8-bit integers.
    ///
    /// Row `i` of `rows` begins at `i * apart` and is `panel.len() / COLUMNS` words of
    /// four bytes long; there are [`ROWS`] at most, and the sums of no other are touched.
    ///
    /// # Panics
    ///
    /// Where the rows are too many or do not lie within `rows`.
    #[inline]
    pub(super) fn tile(
        self,
        rows: &[u8],
        apart: usize,
        count: usize,
        panel: &[u32],
        start: &[i32; COLUMNS],
        sums: &mut Sums,
    ) {
        let (words, rest) = panel.as_chunks::<COLUMNS>();
        assert!(rest.is_empty(), "a panel of whole words");
        let extent = count.saturating_sub(1) * apart + 4 * words.len();
        assert!(
            (1..=ROWS).contains(&count) && extent <= rows.len(),
            "rows of a tile outside their slice"
        );
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => x86::avx512_vnni(rows, apart, count, words, start, sums),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => x86::avx_vnni(rows, apart, count, words, start, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::avx2(rows, apart, count, words, start, sums),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotProduct => aarch64::dot_product(rows, apart, count, words, start, sums),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => aarch64::neon(rows, apart, count, words, start, sums),
            #[cfg(target_arch = "wasm32")]
            Self::Relaxed => relaxed::tile(rows, apart, count, words, start, sums),
            #[cfg(target_arch = "wasm32")]
            Self::Simd128 => wasm32::simd128(rows, apart, count, words, start, sums),
            Self::Scalar => scalar(rows, apart, count, words, start, sums),
        }
    }
}

/// Whether this processor has instructions for it.
pub(crate) fn is_fast() -> bool {
    Level::best() != Level::Scalar
}

/// What a tile is, one product after the other.
pub(super) fn scalar(
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    for (row, sums) in sums.iter_mut().enumerate().take(count) {
        *sums = *start;
        let bytes = rows[row * apart..].chunks_exact(4);
        for (bytes, words) in bytes.zip(words) {
            for (sum, word) in sums.iter_mut().zip(words) {
                for (&byte, weight) in bytes.iter().zip(word.to_le_bytes()) {
                    let product = i32::from(byte) * i32::from(weight as i8);
                    *sum = sum.wrapping_add(product);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// Every level against the definition, on these bytes and weights.
    fn compare(mut byte: impl FnMut() -> u8, mut weight: impl FnMut() -> u8) {
        for (count, depth) in [(1, 1), (2, 3), (3, 64), (4, 16), (5, 7), (6, 64), (6, 256)] {
            let apart = 4 * depth + 3;
            let rows: Vec<u8> = (0..count * apart).map(|_| byte()).collect();
            let mut word = || u32::from_le_bytes(std::array::from_fn(|_| weight()));
            let panel: Vec<u32> = (0..depth * COLUMNS).map(|_| word()).collect();
            let start: [i32; COLUMNS] = std::array::from_fn(|i| i as i32 * 1000 - 30_000);
            for level in Level::available() {
                let mut sums = [[-1; COLUMNS]; ROWS];
                level.tile(&rows, apart, count, &panel, &start, &mut sums);
                for (row, sums) in sums.iter().enumerate() {
                    for (column, &sum) in sums.iter().enumerate() {
                        let product = |k: usize| {
                            let word = panel[k / 4 * COLUMNS + column].to_le_bytes();
                            i32::from(rows[row * apart + k]) * i32::from(word[k % 4] as i8)
                        };
                        let expected = match row < count {
                            true => start[column] + (0..4 * depth).map(product).sum::<i32>(),
                            false => -1,
                        };
                        assert_eq!(sum, expected, "{level:?}: {count} {depth} {row} {column}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_gives_the_sums_of_the_definition() {
        let mut random = SmallRng::seed_from_u64(5);
        let mut other = SmallRng::seed_from_u64(6);
        compare(|| random.random(), || other.random());
    }

    #[test]
    fn no_sum_saturates() {
        compare(|| 255, || 127);
        compare(|| 255, || -128i8 as u8);
    }

    #[test]
    #[should_panic(expected = "outside their slice")]
    fn rows_outside_their_slice_are_refused() {
        let (panel, mut sums) = ([0; 2 * COLUMNS], [[0; COLUMNS]; ROWS]);
        Level::best().tile(&[0; 15], 8, 2, &panel, &[0; COLUMNS], &mut sums);
    }
}
