//! Products of matrices that lie in slices, by the crate that burn's CPU
//! backend uses too.

/// A matrix in a slice: element `(i, j)` lies at `i * rows_apart + j * columns_apart`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    elements: &'a [f32],
    rows: usize,
    columns: usize,
    rows_apart: usize,
    columns_apart: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` elements, `rows_apart` from one to the next.
    pub(super) fn new(elements: &'a [f32], rows: usize, columns: usize, rows_apart: usize) -> Self {
        Self {
            elements,
            rows,
            columns,
            rows_apart,
            columns_apart: 1,
        }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            rows_apart: self.columns_apart,
            columns_apart: self.rows_apart,
            ..self
        }
    }
}

/// Elements up to and with the last of a matrix.
fn extent(rows: usize, columns: usize, rows_apart: usize, columns_apart: usize) -> usize {
    match (rows.checked_sub(1), columns.checked_sub(1)) {
        (Some(row), Some(column)) => row * rows_apart + column * columns_apart + 1,
        _ => 0,
    }
}

/// Whether a product is spread over threads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// It is part of what is spread already.
    One,
    /// Where it is large enough.
    All,
}

/// Multiplications from which a product is worth more than one thread.
#[cfg(not(target_family = "wasm"))]
const PARALLEL: usize = 1 << 22;

/// `y = a b`, or `y += a b` where `add` says so. Rows of `y` are `rows_apart`
/// from one to the next.
///
/// # Panics
///
/// Where a matrix does not lie within its slice, or the shapes do not match.
pub(super) fn multiply(
    a: Matrix,
    b: Matrix,
    y: &mut [f32],
    rows_apart: usize,
    add: bool,
    threads: Threads,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "the inner dimensions of a product");
    for matrix in [a, b] {
        let Matrix {
            rows,
            columns,
            rows_apart,
            columns_apart,
            ..
        } = matrix;
        let extent = extent(rows, columns, rows_apart, columns_apart);
        assert!(
            extent <= matrix.elements.len(),
            "a factor outside its slice"
        );
    }
    assert!(
        extent(m, n, rows_apart, 1) <= y.len(),
        "a product outside its slice"
    );
    assert!(m <= 1 || n <= rows_apart, "rows of a product that overlap");
    #[cfg(not(target_family = "wasm"))]
    let parallelism = match threads {
        Threads::All if m * n * k >= PARALLEL => gemm::Parallelism::Rayon(0),
        _ => gemm::Parallelism::None,
    };
    #[cfg(target_family = "wasm")]
    let parallelism = {
        let _ = threads;
        gemm::Parallelism::None
    };
    // SAFETY: both factors and the product lie within their slices, as checked
    // above, no two elements of the product are one, and `y` is borrowed
    // mutably, so it shares no memory with the factors.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            y.as_mut_ptr(),
            1,
            rows_apart as isize,
            add,
            a.elements.as_ptr(),
            a.columns_apart as isize,
            a.rows_apart as isize,
            b.elements.as_ptr(),
            b.columns_apart as isize,
            b.rows_apart as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_definition() {
        let a: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..20).map(|i| 1.0 - i as f32).collect();
        // The first 3 columns of a 3 x 4 and of a 4 x 5 matrix.
        let left = Matrix::new(&a, 3, 3, 4);
        let right = Matrix::new(&b, 4, 3, 5).transposed();
        let mut y = vec![100.0; 3 * 6];
        multiply(left, right, &mut y, 6, true, Threads::One);
        for i in 0..3 {
            for j in 0..6 {
                let product: f32 = match j {
                    0..4 => (0..3).map(|k| a[i * 4 + k] * b[j * 5 + k]).sum(),
                    _ => 0.0,
                };
                assert_eq!(y[i * 6 + j], 100.0 + product, "{i}, {j}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "outside its slice")]
    fn a_factor_outside_its_slice_is_refused() {
        let a = [0.0; 5];
        let matrix = Matrix::new(&a, 2, 3, 3);
        multiply(
            matrix,
            matrix.transposed(),
            &mut [0.0; 4],
            2,
            false,
            Threads::One,
        );
    }
}
