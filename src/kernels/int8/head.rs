//! The endpoint head with wide inputs, in single precision, behind the encoder in 8-bit
//! integers: most of the wide input is 0, and what is 0 is not multiplied.

use super::super::gelu::gelu;
use super::super::vector::vectorised;
use super::compact::Compact;
use super::rows::{Norm, layer_norm};
use crate::parallel;

/// The head's layers: linear, LayerNorm, GELU, linear, GELU, linear.
#[derive(Clone, Debug)]
pub(crate) struct WideHead {
    /// Of the pooled output and the wide input, one behind the other.
    pub(crate) input: Compact,
    /// The norm after it.
    pub(crate) norm: Norm,
    /// The second layer.
    pub(crate) inner: Compact,
    /// The outputs.
    pub(crate) output: Compact,
}

/// The wide input of a row, as far as it is not 0: places and values.
pub(crate) type Sparse = Vec<(u32, f32)>;

/// Rows that each weight is loaded for.
const ROWS: usize = 8;

impl WideHead {
    /// Outputs `[rows, endpoints]` of pooled outputs `[rows, hidden]` and as many wide
    /// inputs. A row without one, or with a place beyond it, is NaN throughout. A row
    /// gives the same bits whatever the others are.
    pub(crate) fn outputs(&self, pooled: &[f32], wide: &[Option<Sparse>]) -> Vec<f32> {
        if wide.is_empty() {
            return Vec::new();
        }
        let hidden = pooled.len() / wide.len();
        let width = self.output.bias().len();
        let mut y = vec![0.0; wide.len() * width];
        let parts = (pooled.chunks(ROWS * hidden))
            .zip(wide.chunks(ROWS))
            .zip(y.chunks_mut(ROWS * width))
            .collect();
        let own = || [const { Vec::new() }; 2];
        parallel::for_each_with(parts, own, |[first, second], ((pooled, wide), y)| {
            self.first(pooled, hidden, wide, first);
            multiply(&self.inner, self.inner.inputs(), first, second);
            activate(second, first);
            multiply(&self.output, self.output.inputs(), first, second);
            y.copy_from_slice(second);
        });
        y
    }

    /// What enters the second layer, into `y`.
    fn first(&self, pooled: &[f32], hidden: usize, wide: &[Option<Sparse>], y: &mut Vec<f32>) {
        let layer = &self.input;
        let width = layer.bias().len();
        let mut sums = Vec::new();
        multiply(layer, hidden, pooled, &mut sums);
        let mut memory = vec![0.0; width];
        vectorised(
            #[inline(always)]
            || {
                for (sums, wide) in sums.chunks_exact_mut(width).zip(wide) {
                    let Some(wide) = wide else {
                        sums.fill(f32::NAN);
                        continue;
                    };
                    for &(place, x) in wide {
                        let input = hidden + place as usize;
                        match input < layer.inputs() {
                            true => add(sums, x, layer.row(input, &mut memory)),
                            false => sums.fill(f32::NAN),
                        }
                    }
                }
            },
        );
        let zero = vec![0.0; width];
        vectorised(
            #[inline(always)]
            || {
                for sums in sums.chunks_exact_mut(width) {
                    layer_norm(sums, &zero, &self.norm);
                }
            },
        );
        activate(&sums, y);
    }
}

#[inline(always)]
fn add(sums: &mut [f32], x: f32, weights: &[f32]) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum += x * weight;
    }
}

/// Writes GELU of `x` to `y`.
fn activate(x: &[f32], y: &mut Vec<f32>) {
    y.resize(x.len(), 0.0);
    vectorised(
        #[inline(always)]
        || gelu(x, y),
    );
}

/// Writes to `y` what the first `inputs` of a layer's inputs give, of the rows `x` that
/// have as many.
fn multiply(layer: &Compact, inputs: usize, x: &[f32], y: &mut Vec<f32>) {
    let outputs = layer.bias().len();
    y.clear();
    for _ in 0..x.len() / inputs.max(1) {
        y.extend_from_slice(layer.bias());
    }
    let mut memory = vec![0.0; outputs];
    vectorised(
        #[inline(always)]
        || {
            for i in 0..inputs {
                let weights = layer.row(i, &mut memory);
                for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)) {
                    add(y, x[i], weights);
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    /// Numbers between -1 and 1 in no order.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        let number = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0;
        (0..count).map(number).collect()
    }

    fn layer(inputs: usize, outputs: usize, seed: usize) -> Compact {
        let weights = numbers(inputs * outputs, seed);
        let rows =
            |range: Range<usize>| weights[range.start * outputs..range.end * outputs].to_vec();
        Compact::new(inputs, numbers(outputs, seed + 1), rows)
    }

    fn head() -> WideHead {
        WideHead {
            input: layer(5 + 40, 24, 1),
            norm: Norm {
                gamma: numbers(24, 3),
                beta: numbers(24, 4),
                epsilon: 1e-12,
            },
            inner: layer(24, 17, 5),
            output: layer(17, 3, 7),
        }
    }

    fn inputs(rows: usize) -> (Vec<f32>, Vec<Option<Sparse>>) {
        let wide = |row: usize| -> Sparse {
            let places = (0..40).filter(|place| (place * 7 + row).is_multiple_of(5));
            places
                .map(|place| (place as u32, 0.1 * (place + row) as f32))
                .collect()
        };
        (
            numbers(rows * 5, 9),
            (0..rows).map(|row| Some(wide(row))).collect(),
        )
    }

    /// The same in double precision, from the definition.
    fn reference(head: &WideHead, pooled: &[f32], wide: &Sparse) -> Vec<f64> {
        let mut x: Vec<f64> = pooled.iter().map(|&x| f64::from(x)).collect();
        x.resize(5 + 40, 0.0);
        for &(place, value) in wide {
            x[5 + place as usize] = f64::from(value);
        }
        let dense = |layer: &Compact, x: &[f64]| -> Vec<f64> {
            let mut memory = vec![0.0; layer.bias().len()];
            let mut y: Vec<f64> = layer.bias().iter().map(|&y| f64::from(y)).collect();
            for (i, x) in x.iter().enumerate() {
                for (y, &weight) in y.iter_mut().zip(layer.row(i, &mut memory)) {
                    *y += x * f64::from(weight);
                }
            }
            y
        };
        // Φ by the series of the error function.
        let gelu = |x: f64| {
            let z = x / std::f64::consts::SQRT_2;
            let (mut term, mut sum) = (z, z);
            for n in 1..200 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            x * (0.5 + sum / std::f64::consts::PI.sqrt())
        };
        let first = dense(&head.input, &x);
        let mean = first.iter().sum::<f64>() / first.len() as f64;
        let variance = first.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / first.len() as f64;
        let normed = first.iter().enumerate().map(|(i, x)| {
            let scaled = (x - mean) / variance.sqrt() * f64::from(head.norm.gamma[i]);
            gelu(scaled + f64::from(head.norm.beta[i]))
        });
        let second = dense(&head.inner, &normed.collect::<Vec<f64>>());
        let second: Vec<f64> = second.into_iter().map(gelu).collect();
        dense(&head.output, &second)
    }

    #[test]
    fn outputs_are_those_of_the_definition_and_blind_to_neighbours() {
        let head = head();
        let (pooled, wide) = inputs(19);
        let together = head.outputs(&pooled, &wide);
        for (row, wide) in wide.iter().enumerate() {
            let pooled = &pooled[row * 5..(row + 1) * 5];
            let own = &together[row * 3..(row + 1) * 3];
            assert_eq!(head.outputs(pooled, std::slice::from_ref(wide)), own);
            let exact = reference(&head, pooled, wide.as_ref().expect("given"));
            for (found, exact) in own.iter().zip(exact) {
                assert!((f64::from(*found) - exact).abs() < 2e-5, "{found} {exact}");
            }
        }
    }

    #[test]
    fn a_row_that_lacks_its_input_or_is_not_finite_has_no_numbers() {
        let head = head();
        let (pooled, wide) = inputs(4);
        let rows = |pooled: &[f32], wide: &[Option<Sparse>]| -> Vec<bool> {
            let y = head.outputs(pooled, wide);
            y.chunks(3)
                .map(|row| row.iter().all(|y| y.is_nan()))
                .collect()
        };
        assert_eq!(rows(&pooled, &wide), [false; 4]);
        for bad in [None, Some(vec![(40, 1.0)]), Some(vec![(3, f32::NAN)])] {
            let mut wide = wide.clone();
            wide[2] = bad;
            assert_eq!(rows(&pooled, &wide), [false, false, true, false]);
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut pooled = pooled.clone();
            pooled[7] = bad;
            assert_eq!(rows(&pooled, &wide), [false, true, false, false]);
        }
        assert!(head.outputs(&[], &[]).is_empty());
    }
}
