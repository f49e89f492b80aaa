//! Sums of rows on slices: the twin of `shaders/sum_of_rows.wgsl`, which is the
//! gradient of everything that is added to each row.

use super::vector::{chunk, for_each_chunk, vectorised};

/// Adds the rows of `x` `[rows, width]` to `sums` `[width]`.
///
/// Rows are added up in shares of one size, whatever the number of threads, so
/// that a run repeats to the bit.
pub(super) fn sum_of_rows(x: &[f32], sums: &mut [f32]) {
    const SHARE: usize = 128;
    let width = sums.len();
    let rows = x.len().checked_div(width).unwrap_or(0);
    let mut shares = vec![0.0; rows.div_ceil(SHARE) * width];
    for_each_chunk(&mut shares, width, |share, total| {
        let rows = share * SHARE..((share + 1) * SHARE).min(rows);
        vectorised(
            #[inline(always)]
            || {
                for row in rows {
                    for (total, &x) in total.iter_mut().zip(chunk(x, width, row)) {
                        *total += x;
                    }
                }
            },
        );
    });
    add_rows(&shares, sums);
}

/// Adds the rows of `shares` to `sums`, in their order.
#[inline(always)]
pub(super) fn add_rows(shares: &[f32], sums: &mut [f32]) {
    for share in shares.chunks_exact(sums.len().max(1)) {
        for (sum, &share) in sums.iter_mut().zip(share) {
            *sum += share;
        }
    }
}
