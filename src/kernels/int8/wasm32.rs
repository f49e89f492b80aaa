//! Tiles by the vector instructions of WebAssembly; only their loads and stores are
//! unsafe.
//!
//! Products of 16 bits, of which two neighbours are added: exact, as everywhere. What
//! relaxed SIMD does with 8 bits is in `relaxed`.

use std::arch::wasm32::*;
use std::mem::MaybeUninit;

use super::packed::COLUMNS;
use super::tile::{ROWS, Sums};

/// A tile; see [`Level::tile`](super::tile::Level::tile).
pub(super) fn simd128(
    rows: &[u8],
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

/// Words of rows that are widened at a time.
const DEPTH: usize = 64;

fn tile<const N: usize>(
    rows: &[u8],
    apart: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    if words.is_empty() {
        sums[..N].fill(*start);
    }
    let mut wide = [[MaybeUninit::<u16>::uninit(); 4 * DEPTH]; N];
    for (part, words) in words.chunks(DEPTH).enumerate() {
        // Once for all columns.
        for (row, wide) in wide.iter_mut().enumerate() {
            let bytes = &rows[row * apart + 4 * DEPTH * part..][..4 * words.len()];
            for (wide, &byte) in wide.iter_mut().zip(bytes) {
                wide.write(u16::from(byte));
            }
        }
        for at in (0..COLUMNS).step_by(4) {
            // Two sums for each column: the odd ones of its words and the even ones. With
            // four rows, these leave registers for what is multiplied.
            let mut totals = [[i32x4_splat(0); 2]; N];
            for (depth, words) in words.iter().enumerate() {
                let weights: [v128; 2] = std::array::from_fn(|i| {
                    // SAFETY: two words from `at + 2 i` lie within `COLUMNS`.
                    unsafe { i16x8_load_extend_i8x8(words.as_ptr().add(at + 2 * i).cast()) }
                });
                for (totals, wide) in totals.iter_mut().zip(&wide) {
                    // SAFETY: four elements were written for each of `words`.
                    let four = unsafe { v128_load64_splat(wide.as_ptr().add(4 * depth).cast()) };
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = i32x4_add(*total, i32x4_dot_i16x8(four, weights));
                    }
                }
            }
            for (sums, [low, high]) in sums.iter_mut().zip(totals) {
                // To copy all of them first would be a call for each row.
                let before = if part == 0 { start } else { &*sums };
                let before = before.as_ptr().wrapping_add(at).cast::<v128>();
                let even = i32x4_shuffle::<0, 2, 4, 6>(low, high);
                let odd = i32x4_shuffle::<1, 3, 5, 7>(low, high);
                // SAFETY: 4 numbers from `at` lie within `COLUMNS`.
                unsafe {
                    let sum = i32x4_add(v128_load(before), i32x4_add(even, odd));
                    v128_store(sums.as_mut_ptr().add(at).cast(), sum);
                }
            }
        }
    }
}
