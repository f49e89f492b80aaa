//! `y = x W + b` on slices, with the bias in the same pass, and its gradients. Twin
//! of `shaders/linear.wgsl`.

use super::matrix::{Matrix, Threads, multiply};
use super::sum_of_rows::sum_of_rows;
use super::vector::{TASK, for_each_chunk};

/// Writes `x W + b` to `y`.
///
/// Shapes: `x` `[rows, inputs]`, `weight` `[inputs, outputs]`, `bias`
/// `[outputs]`, `y` `[rows, outputs]`.
pub(crate) fn linear(x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let outputs = bias.len();
    let (Some(inputs), Some(rows)) = (
        weight.len().checked_div(outputs),
        y.len().checked_div(outputs),
    ) else {
        return;
    };
    for_each_chunk(y, task_of_rows(outputs), |_, rows| {
        for row in rows.chunks_exact_mut(outputs) {
            row.copy_from_slice(bias);
        }
    });
    multiply(
        Matrix::new(x, rows, inputs, inputs),
        Matrix::new(weight, inputs, outputs, outputs),
        y,
        outputs,
        true,
        Threads::All,
    );
}

/// Writes the gradient of `x`, given `g`, that of `y`: `g Wᵀ`.
pub(crate) fn linear_x_backward(g: &[f32], weight: &[f32], outputs: usize, dx: &mut [f32]) {
    let (Some(inputs), Some(rows)) = (
        weight.len().checked_div(outputs),
        g.len().checked_div(outputs),
    ) else {
        return;
    };
    multiply(
        Matrix::new(g, rows, outputs, outputs),
        Matrix::new(weight, inputs, outputs, outputs).transposed(),
        dx,
        inputs,
        false,
        Threads::All,
    );
}

/// Writes the gradients of the weight, `xᵀ g`, and of the bias, the sum of the
/// rows of `g`.
pub(crate) fn linear_parameters_backward(
    x: &[f32],
    g: &[f32],
    dweight: &mut [f32],
    dbias: &mut [f32],
) {
    let outputs = dbias.len();
    let (Some(inputs), Some(rows)) = (
        dweight.len().checked_div(outputs),
        g.len().checked_div(outputs),
    ) else {
        return;
    };
    multiply(
        Matrix::new(x, rows, inputs, inputs).transposed(),
        Matrix::new(g, rows, outputs, outputs),
        dweight,
        outputs,
        false,
        Threads::All,
    );
    sum_of_rows(g, dbias);
}

/// Elements of the rows that a thread takes at a time.
pub(super) fn task_of_rows(width: usize) -> usize {
    (TASK / width.max(1)).max(1) * width.max(1)
}
