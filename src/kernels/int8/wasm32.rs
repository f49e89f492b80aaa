//! Tiles by the vector instructions of WebAssembly; only their loads and stores are
//! unsafe.
//!
//! Products of 16 bits, of which two neighbours are added: exact, as everywhere. The
//! products of 8 bits of relaxed SIMD allow one factor 7 bits and would have to be
//! taken twice, the second time for the eighth bit; where the processor lacks AVX-VNNI
//! a browser makes six instructions of what are four here.

use std::arch::wasm32::*;

use super::packed::{Byte, COLUMNS};
use super::tile::{ROWS, Sums};

/// A tile; see [`Level::tile`](super::tile::Level::tile).
pub(super) fn simd128(
    rows: &[Byte],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    match count {
        1 => tile::<1>(rows, apart, words, start, sums),
        2 => tile::<2>(rows, apart, words, start, sums),
        3 => tile::<3>(rows, apart, words, start, sums),
        _ => tile::<ROWS>(rows, apart, words, start, sums),
    }
}

/// Vectors of columns that are summed together: with [`ROWS`] rows, two leave registers
/// for what is multiplied.
const VECTORS: usize = 2;

fn tile<const N: usize>(
    rows: &[Byte],
    apart: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    // Elements of a column and of a row come in pairs.
    let pairs = 2 * words.len();
    let rows: [&[Byte]; N] = std::array::from_fn(|row| &rows[row * apart..][..2 * pairs]);
    for at in (0..COLUMNS).step_by(4 * VECTORS) {
        let first: [v128; VECTORS] = std::array::from_fn(|i| {
            // SAFETY: 4 numbers from `at + 4 i` lie within `COLUMNS`.
            unsafe { v128_load(start.as_ptr().add(at + 4 * i).cast()) }
        });
        let mut totals = [first; N];
        // One pair a turn: of two, the compiler keeps more than there are registers.
        for pair in 0..pairs {
            let weights: [v128; VECTORS] = std::array::from_fn(|i| {
                let place = 2 * (pair * COLUMNS + at + 4 * i);
                // SAFETY: pairs of 4 columns from there lie within those of `words`.
                unsafe { i16x8_load_extend_i8x8(words.as_ptr().cast::<i8>().add(place)) }
            });
            for (totals, row) in totals.iter_mut().zip(rows) {
                // SAFETY: the row has as many pairs.
                let two = unsafe { v128_load32_splat(row.as_ptr().add(2 * pair).cast()) };
                for (total, weights) in totals.iter_mut().zip(weights) {
                    *total = i32x4_add(*total, i32x4_dot_i16x8(two, weights));
                }
            }
        }
        for (sums, totals) in sums.iter_mut().zip(totals) {
            for (i, total) in totals.into_iter().enumerate() {
                // SAFETY: as for `first`.
                unsafe { v128_store(sums.as_mut_ptr().add(at + 4 * i).cast(), total) };
            }
        }
    }
}
