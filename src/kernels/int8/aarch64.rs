//! Tiles by the vector instructions of 64-bit ARM; only their loads and stores are
//! unsafe, and calls of functions for processors that have the instructions.

use std::arch::aarch64::*;
use std::arch::asm;

use super::packed::COLUMNS;
use super::tile::{ROWS, Sums, by_count};

/// A tile by products of 8 bits; see [`Level::tile`](super::tile::Level::tile).
pub(super) fn dot_product(
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    by_count!(count, tile_dot(rows, apart, words, start, sums));
}

/// A tile by products of 16 bits.
pub(super) fn neon(
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    by_count!(count, tile_neon(rows, apart, words, start, sums));
}

/// Four bytes of a row as one number.
///
/// # Safety
///
/// They must lie within `rows`.
#[inline(always)]
unsafe fn four(rows: &[u8], at: usize) -> u32 {
    debug_assert!(at + 4 <= rows.len());
    // SAFETY: by the caller; no alignment is asked for.
    unsafe { rows.as_ptr().add(at).cast::<u32>().read_unaligned() }
}

/// To each number of `total` four products of signed bytes. (Rust's own function for it,
/// `vdotq_s32`, is not stable in 1.95.)
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot(mut total: int32x4_t, bytes: int8x16_t, weights: int8x16_t) -> int32x4_t {
    // SAFETY: it reads and writes these registers alone.
    unsafe {
        asm!(
            "sdot {total:v}.4s, {bytes:v}.16b, {weights:v}.16b",
            total = inout(vreg) total,
            bytes = in(vreg) bytes,
            weights = in(vreg) weights,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    total
}

/// Vectors of columns that are summed together: with [`ROWS`] rows they take 24 of the 32
/// registers.
const VECTORS: usize = 4;

/// What is taken from each byte of a row, to make a signed number of it.
const MIDDLE: u32 = 0x8080_8080;

/// The bytes of rows are unsigned and these instructions want both factors signed:
/// `sum of x w = sum of (x - 128) w + 128 (sum of w)`.
///
/// # Safety
///
/// The processor must have the instructions, and `N` rows of as many words as there are
/// in `words` must lie within `rows`.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile_dot<const N: usize>(
    rows: &[u8],
    apart: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    // SAFETY: `at` and 4 numbers for each vector from there lie within every array of
    // `COLUMNS`; `four` by the caller.
    unsafe {
        for at in (0..COLUMNS).step_by(4 * VECTORS) {
            let load = |words: &[u32; COLUMNS]| -> [int8x16_t; VECTORS] {
                std::array::from_fn(|i| vld1q_s8(words.as_ptr().add(at + 4 * i).cast()))
            };
            let mut weights_alone = [vdupq_n_s32(0); VECTORS];
            let ones = vdupq_n_s8(1);
            for words in words {
                for (total, weights) in weights_alone.iter_mut().zip(load(words)) {
                    *total = dot(*total, ones, weights);
                }
            }
            let first: [int32x4_t; VECTORS] = std::array::from_fn(|i| {
                let start = vld1q_s32(start.as_ptr().add(at + 4 * i));
                vaddq_s32(start, vshlq_n_s32::<7>(weights_alone[i]))
            });
            let mut totals = [first; N];
            for (depth, words) in words.iter().enumerate() {
                let weights = load(words);
                for (row, totals) in totals.iter_mut().enumerate() {
                    let bytes = four(rows, row * apart + 4 * depth) ^ MIDDLE;
                    let bytes = vreinterpretq_s8_u32(vdupq_n_u32(bytes));
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = dot(*total, bytes, weights);
                    }
                }
            }
            for (sums, totals) in sums.iter_mut().zip(totals) {
                for (i, total) in totals.into_iter().enumerate() {
                    vst1q_s32(sums.as_mut_ptr().add(at + 4 * i), total);
                }
            }
        }
    }
}

/// Products of 16 bits, which 255 times -128 does not leave, and sums of 32 bits of two
/// neighbours each.
///
/// # Safety
///
/// As [`tile_dot`].
#[target_feature(enable = "neon")]
unsafe fn tile_neon<const N: usize>(
    rows: &[u8],
    apart: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    // SAFETY: `at` and 4 numbers from there lie within every array of `COLUMNS`; `four`
    // by the caller.
    unsafe {
        for at in (0..COLUMNS).step_by(4) {
            // Two sums for each column, of its first pair of bytes and of its second.
            let mut totals = [[vdupq_n_s32(0); 2]; N];
            for (depth, words) in words.iter().enumerate() {
                let weights = vld1q_s8(words.as_ptr().add(at).cast());
                let weights = [vmovl_s8(vget_low_s8(weights)), vmovl_high_s8(weights)];
                for (row, totals) in totals.iter_mut().enumerate() {
                    let bytes = vdup_n_u32(four(rows, row * apart + 4 * depth));
                    let bytes = vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(bytes)));
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = vpadalq_s16(*total, vmulq_s16(bytes, weights));
                    }
                }
            }
            let start = vld1q_s32(start.as_ptr().add(at));
            for (sums, [low, high]) in sums.iter_mut().zip(totals) {
                let total = vaddq_s32(start, vpaddq_s32(low, high));
                vst1q_s32(sums.as_mut_ptr().add(at), total);
            }
        }
    }
}
