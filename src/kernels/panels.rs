//! Products of rows with a matrix that was put in order before, for kernels that
//! go on with a product while it is in the processor's cache.
//!
//! A matrix `[depth, columns]` lies in panels of [`COLUMNS`] columns, and each of
//! them row after row, so that a product reads it from one end to the other.
//! [`multiply`] hands out every row of every panel's product as it is done.

use pulp::{Simd, WithSimd};

use super::vector::for_each_chunk;

/// Columns of a panel.
pub(super) const COLUMNS: usize = 64;

/// Rows of a product that are computed together.
pub(super) const ROWS: usize = 6;

/// Elements of the panels of a matrix `[depth, columns]`.
pub(super) fn length(depth: usize, columns: usize) -> usize {
    columns.div_ceil(COLUMNS) * COLUMNS * depth
}

/// Writes the panels of `matrix` `[depth, columns]` to `panels`, which holds zeros.
pub(super) fn pack(matrix: &[f32], depth: usize, columns: usize, panels: &mut [f32]) {
    for_each_chunk(panels, depth * COLUMNS, |task, panel| {
        let first = task * COLUMNS;
        let width = COLUMNS.min(columns - first);
        for (row, panel) in panel.chunks_exact_mut(COLUMNS).enumerate() {
            panel[..width].copy_from_slice(&matrix[row * columns + first..][..width]);
        }
    });
}

/// Writes the panels of the transpose `[depth, columns]` of `matrix`
/// `[columns, depth]` to `panels`, which holds zeros.
pub(super) fn pack_transposed(matrix: &[f32], depth: usize, columns: usize, panels: &mut [f32]) {
    /// Rows of a panel that are written together: one line of the cache of what is
    /// read.
    const DEPTH: usize = 16;
    for_each_chunk(panels, depth * COLUMNS, |task, panel| {
        let first = task * COLUMNS;
        let width = COLUMNS.min(columns - first);
        for (part, panel) in panel.chunks_mut(DEPTH * COLUMNS).enumerate() {
            let rows = panel.len() / COLUMNS;
            for column in 0..width {
                let values = &matrix[(first + column) * depth + part * DEPTH..][..rows];
                for (panel, &value) in panel.chunks_exact_mut(COLUMNS).zip(values) {
                    panel[column] = value;
                }
            }
        }
    });
}

/// Calls `finish(row, column, sums)` for every row of the product of `rows`
/// `[count, depth]`, `apart` elements from one to the next, with the matrix in
/// `panels`, and every panel: `sums` are the row's columns from `column` on.
///
/// One thread computes it. Every sum is added up in the order of `depth`, whatever
/// rows are computed beside it.
pub(super) fn multiply<F: FnMut(usize, usize, &[f32])>(
    rows: &[f32],
    apart: usize,
    panels: &[f32],
    [depth, columns]: [usize; 2],
    finish: F,
) {
    if rows.is_empty() || columns == 0 {
        return;
    }
    pulp::Arch::new().dispatch(Product {
        rows,
        apart,
        panels,
        depth,
        columns,
        finish,
    });
}

/// What [`multiply`] computes.
struct Product<'a, F> {
    rows: &'a [f32],
    apart: usize,
    panels: &'a [f32],
    depth: usize,
    columns: usize,
    finish: F,
}

/// Sums of a few rows and of one panel.
type Sums = [[f32; COLUMNS]; ROWS];

impl<F: FnMut(usize, usize, &[f32])> WithSimd for Product<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let count = self.rows.len().div_ceil(self.apart);
        let mut sums = [[0.0; COLUMNS]; ROWS];
        for (index, panel) in self.panels.chunks_exact(self.depth * COLUMNS).enumerate() {
            let column = index * COLUMNS;
            let width = COLUMNS.min(self.columns - column);
            let mut row = 0;
            while row < count {
                let several = ROWS.min(count - row);
                match several {
                    1 => self.tile::<S, 1>(simd, row, panel, &mut sums),
                    2 => self.tile::<S, 2>(simd, row, panel, &mut sums),
                    3 => self.tile::<S, 3>(simd, row, panel, &mut sums),
                    4 => self.tile::<S, 4>(simd, row, panel, &mut sums),
                    5 => self.tile::<S, 5>(simd, row, panel, &mut sums),
                    _ => self.tile::<S, ROWS>(simd, row, panel, &mut sums),
                }
                for (i, sums) in sums.iter().take(several).enumerate() {
                    (self.finish)(row + i, column, &sums[..width]);
                }
                row += several;
            }
        }
    }
}

impl<F> Product<'_, F> {
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(&self, simd: S, row: usize, panel: &[f32], sums: &mut Sums) {
        let rows: [&[f32]; N] =
            std::array::from_fn(|i| &self.rows[(row + i) * self.apart..][..self.depth]);
        // As many sums as there are registers for.
        if S::REGISTER_COUNT >= 32 {
            tile::<S, N, 4>(simd, rows, panel, sums);
        } else {
            tile::<S, N, 2>(simd, rows, panel, sums);
        }
    }
}

/// The sums of `N` rows, `V` vectors of columns at a time.
#[inline(always)]
fn tile<S: Simd, const N: usize, const V: usize>(
    simd: S,
    rows: [&[f32]; N],
    panel: &[f32],
    sums: &mut Sums,
) {
    let vectors = COLUMNS / S::F32_LANES;
    for at in (0..vectors).step_by(V) {
        let mut totals = [[simd.splat_f32s(0.0); V]; N];
        for (k, columns) in panel.as_chunks::<COLUMNS>().0.iter().enumerate() {
            let columns = S::as_simd_f32s(columns).0;
            let columns: [S::f32s; V] = std::array::from_fn(|v| columns[at + v]);
            for (row, totals) in rows.iter().zip(&mut totals) {
                let value = simd.splat_f32s(row[k]);
                for (total, column) in totals.iter_mut().zip(columns) {
                    *total = simd.mul_add_e_f32s(value, column, *total);
                }
            }
        }
        for (sums, totals) in sums.iter_mut().zip(totals) {
            let sums = S::as_mut_simd_f32s(sums).0;
            sums[at..][..V].copy_from_slice(&totals);
        }
    }
}
