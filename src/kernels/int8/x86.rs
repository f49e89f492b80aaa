//! Tiles by the vector instructions of x86-64: with `matrix.rs` the only unsafe code of
//! the library, and nothing but loads and stores of vectors and calls of functions for
//! processors that have the instructions.

use std::arch::x86_64::*;

use super::packed::COLUMNS;
use super::tile::{ROWS, Sums, by_count};

/// A tile by AVX-512 with VNNI; see [`Level::tile`](super::tile::Level::tile).
pub(super) fn avx512_vnni(
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    by_count!(count, tile_512(rows, apart, words, start, sums));
}

/// A tile by AVX-VNNI.
pub(super) fn avx_vnni(
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    by_count!(count, tile_256(rows, apart, words, start, sums));
}

/// A tile by AVX2.
pub(super) fn avx2(
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    // Sums of more rows take turns in the registers, at four fifths of the speed.
    let (first, others) = sums.split_at_mut(TOGETHER);
    by_count!(
        count.min(TOGETHER),
        tile_avx2(rows, apart, words, start, first)
    );
    if let Some(rest) = count.checked_sub(TOGETHER).filter(|&rest| rest > 0) {
        let rows = &rows[TOGETHER * apart..];
        by_count!(rest, tile_avx2(rows, apart, words, start, others));
    }
}

/// Four bytes of a row as one number.
///
/// # Safety
///
/// They must lie within `rows`.
#[inline(always)]
unsafe fn four(rows: &[u8], at: usize) -> i32 {
    debug_assert!(at + 4 <= rows.len());
    // SAFETY: by the caller; no alignment is asked for.
    unsafe { rows.as_ptr().add(at).cast::<i32>().read_unaligned() }
}

/// # Safety
///
/// The processor must have the instructions, and `N` rows of as many words as there are
/// in `words` must lie within `rows`.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn tile_512<const N: usize>(
    rows: &[u8],
    apart: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    // SAFETY: a chunk of 16 numbers is the 64 bytes that are loaded or stored, without
    // alignment; `four` by the caller.
    unsafe {
        let load = |chunk: &[i32; 16]| _mm512_loadu_si512(chunk.as_ptr().cast());
        let starts = start.as_chunks::<16>().0;
        let first: [__m512i; 4] = std::array::from_fn(|i| load(&starts[i]));
        let mut totals = [first; N];
        for (depth, words) in words.iter().enumerate() {
            let words = words.as_chunks::<16>().0;
            let weights: [__m512i; 4] =
                std::array::from_fn(|i| _mm512_loadu_si512(words[i].as_ptr().cast()));
            for (row, totals) in totals.iter_mut().enumerate() {
                let bytes = _mm512_set1_epi32(four(rows, row * apart + 4 * depth));
                for (total, weights) in totals.iter_mut().zip(weights) {
                    *total = _mm512_dpbusd_epi32(*total, bytes, weights);
                }
            }
        }
        for (sums, totals) in sums.iter_mut().zip(totals) {
            for (sums, total) in sums.as_chunks_mut::<16>().0.iter_mut().zip(totals) {
                _mm512_storeu_si512(sums.as_mut_ptr().cast(), total);
            }
        }
    }
}

/// Columns that the 16 registers of 256 bits hold sums for.
const NARROW: usize = 16;

/// # Safety
///
/// As [`tile_512`].
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile_256<const N: usize>(
    rows: &[u8],
    apart: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    // SAFETY: `at` and 16 numbers from there lie within every array of `COLUMNS`;
    // `four` by the caller.
    unsafe {
        for at in (0..COLUMNS).step_by(NARROW) {
            let load = |from: *const i32| -> [__m256i; 2] {
                std::array::from_fn(|i| _mm256_loadu_si256(from.add(at + 8 * i).cast()))
            };
            let mut totals = [load(start.as_ptr()); N];
            for (depth, words) in words.iter().enumerate() {
                let weights = load(words.as_ptr().cast());
                for (row, totals) in totals.iter_mut().enumerate() {
                    let bytes = _mm256_set1_epi32(four(rows, row * apart + 4 * depth));
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = _mm256_dpbusd_avx_epi32(*total, bytes, weights);
                    }
                }
            }
            for (sums, totals) in sums.iter_mut().zip(totals) {
                for (i, total) in totals.into_iter().enumerate() {
                    _mm256_storeu_si256(sums.as_mut_ptr().add(at + 8 * i).cast(), total);
                }
            }
        }
    }
}

/// Rows that are summed together.
const TOGETHER: usize = 4;
/// Words of rows that are widened at a time.
const DEPTH: usize = 64;

/// Products of 16 bits, which do not saturate: those of 8 bits (`maddubs`) would, two of
/// 255 times 127 together.
///
/// # Safety
///
/// As [`tile_512`].
#[target_feature(enable = "avx2")]
unsafe fn tile_avx2<const N: usize>(
    rows: &[u8],
    apart: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut [[i32; COLUMNS]],
) {
    for (sums, _) in sums.iter_mut().zip(0..N) {
        *sums = *start;
    }
    let mut wide = [[0u16; 4 * DEPTH]; N];
    for (part, words) in words.chunks(DEPTH).enumerate() {
        // Once for all columns.
        for (row, wide) in wide.iter_mut().enumerate() {
            let bytes = &rows[row * apart + 4 * DEPTH * part..][..4 * words.len()];
            for (wide, &byte) in wide.iter_mut().zip(bytes) {
                *wide = u16::from(byte);
            }
        }
        let wide = wide.each_ref().map(|row| row.as_chunks::<4>().0);
        // SAFETY: `at` and 8 numbers from there lie within every array of `COLUMNS`.
        unsafe {
            for at in (0..COLUMNS).step_by(8) {
                // Two sums for each column: the odd ones of its words and the even ones.
                let mut totals = [[_mm256_setzero_si256(); 2]; N];
                for (depth, words) in words.iter().enumerate() {
                    let from = words.as_ptr().add(at).cast::<__m128i>();
                    let weights: [__m256i; 2] =
                        std::array::from_fn(|i| _mm256_cvtepi8_epi16(_mm_loadu_si128(from.add(i))));
                    for (totals, row) in totals.iter_mut().zip(wide) {
                        let four = row.as_ptr().add(depth).cast::<i64>().read_unaligned();
                        let bytes = _mm256_set1_epi64x(four);
                        for (total, weights) in totals.iter_mut().zip(weights) {
                            let products = _mm256_madd_epi16(bytes, weights);
                            *total = _mm256_add_epi32(*total, products);
                        }
                    }
                }
                for (sums, [low, high]) in sums.iter_mut().zip(totals) {
                    // Columns 0, 1, 4, 5, 2, 3, 6, 7.
                    let both = _mm256_hadd_epi32(low, high);
                    let both = _mm256_permute4x64_epi64::<0b11_01_10_00>(both);
                    let sums = sums.as_mut_ptr().add(at).cast::<__m256i>();
                    _mm256_storeu_si256(
                        sums,
                        _mm256_add_epi32(_mm256_loadu_si256(sums.cast_const()), both),
                    );
                }
            }
        }
    }
}
