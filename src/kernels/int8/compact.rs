//! A linear layer in single precision whose weights take no more memory than their file.

use std::ops::Range;

use super::super::vector::vectorised;
use super::packed::rounded;

/// A linear layer. Its weights are bytes and a scale for every output where they are the
/// products of such to the bit, as those of a model stored in 8-bit integers are.
#[derive(Clone, Debug)]
pub(crate) struct Compact {
    weights: Weights,
    /// `[outputs]`.
    bias: Vec<f32>,
    inputs: usize,
}

#[derive(Clone, Debug)]
enum Weights {
    /// `[inputs, outputs]`.
    Single(Vec<f32>),
    /// `[inputs, outputs]` and `[outputs]`.
    Bytes { bytes: Vec<i8>, scales: Vec<f32> },
}

/// Inputs whose weights are asked for together, and so are held twice.
const PIECE: usize = 64;

impl Compact {
    /// The layer with the weights `[range of inputs, outputs]` that `rows` gives, and as
    /// many outputs as there are biases.
    pub(crate) fn new(
        inputs: usize,
        bias: Vec<f32>,
        rows: impl Fn(Range<usize>) -> Vec<f32>,
    ) -> Self {
        let outputs = bias.len();
        let weights = match Self::bytes(inputs, outputs, &rows) {
            Some(bytes) => bytes,
            None => Weights::Single(rows(0..inputs)),
        };
        Self {
            weights,
            bias,
            inputs,
        }
    }

    fn bytes(
        inputs: usize,
        outputs: usize,
        rows: &impl Fn(Range<usize>) -> Vec<f32>,
    ) -> Option<Weights> {
        let pieces = || {
            let starts = (0..inputs).step_by(PIECE);
            starts.map(|start| rows(start..inputs.min(start + PIECE)))
        };
        let mut most = vec![0.0; outputs];
        for piece in pieces() {
            for row in piece.chunks_exact(outputs.max(1)) {
                raise(&mut most, row);
            }
        }
        let mut scales = Scales::of(&most);
        let mut bytes = Vec::with_capacity(inputs * outputs);
        for piece in pieces() {
            for row in piece.chunks_exact(outputs.max(1)) {
                scales.append(row, &mut bytes);
            }
            if !scales.are_there() {
                return None;
            }
        }
        let scales = scales.exact()?;
        Some(Weights::Bytes { bytes, scales })
    }

    /// Inputs of the layer.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Biases, one for every output.
    pub(super) fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// The weights of one input `[outputs]`, written to `memory` where they are bytes.
    #[inline(always)]
    pub(super) fn row<'a>(&'a self, input: usize, memory: &'a mut [f32]) -> &'a [f32] {
        let outputs = self.bias.len();
        let range = input * outputs..(input + 1) * outputs;
        match &self.weights {
            Weights::Single(weights) => &weights[range],
            Weights::Bytes { bytes, scales } => {
                let bytes = bytes[range].iter().zip(scales);
                for (weight, (&byte, scale)) in memory.iter_mut().zip(bytes) {
                    *weight = f32::from(byte) * scale;
                }
                memory
            }
        }
    }
}

/// Raises each of `most` to the magnitude of its weight.
#[inline(never)]
fn raise(most: &mut [f32], weights: &[f32]) {
    for (most, weight) in most.iter_mut().zip(weights) {
        // `f32::max` is a call in WebAssembly.
        if weight.abs() > *most {
            *most = weight.abs();
        }
    }
}

/// For every output the scales that its weights may have been stored with: the largest
/// weight is 127 times that scale, but rounded, so that a 127th of it may be the number
/// before or behind.
struct Scales {
    scales: [Vec<f32>; 3],
    /// Whether all weights so far are a whole number of times that scale.
    exact: [Vec<bool>; 3],
}

impl Scales {
    fn of(most: &[f32]) -> Self {
        let scale = |next: fn(f32) -> f32| most.iter().map(|most| next(most / 127.0)).collect();
        Self {
            scales: [
                scale(|scale| scale),
                scale(f32::next_up),
                scale(f32::next_down),
            ],
            exact: [(); 3].map(|()| vec![true; most.len()]),
        }
    }

    /// Appends the weights of an input, divided by their scales and rounded. A function
    /// of its own, because a browser compiles better what is called again and again.
    #[inline(never)]
    fn append(&mut self, weights: &[f32], bytes: &mut Vec<i8>) {
        let start = bytes.len();
        bytes.resize(start + weights.len(), 0);
        let bytes = &mut bytes[start..];
        vectorised(
            #[inline(always)]
            || {
                let [nearest, ..] = &self.scales;
                for ((byte, weight), scale) in bytes.iter_mut().zip(weights).zip(nearest) {
                    *byte = rounded(*weight, *scale);
                }
                for (scales, exact) in self.scales.iter().zip(&mut self.exact) {
                    let of_outputs = bytes.iter().zip(weights).zip(scales).zip(exact);
                    for (((&byte, weight), scale), exact) in of_outputs {
                        let product = f32::from(byte) * scale;
                        *exact &= product.to_bits() == weight.to_bits();
                    }
                }
            },
        );
    }

    /// Whether every output has a scale left.
    fn are_there(&self) -> bool {
        let [a, b, c] = &self.exact;
        a.iter().zip(b).zip(c).all(|((&a, &b), &c)| a | b | c)
    }

    /// The scale of every output, if it has one.
    fn exact(self) -> Option<Vec<f32>> {
        let of_output = |output: usize| {
            let mut both = self.scales.iter().zip(&self.exact);
            both.find_map(|(scales, exact)| exact[output].then(|| scales[output]))
        };
        (0..self.scales[0].len()).map(of_output).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(weights: &[f32], outputs: usize) -> Compact {
        let rows =
            |range: Range<usize>| weights[range.start * outputs..range.end * outputs].to_vec();
        Compact::new(weights.len() / outputs, vec![0.0; outputs], rows)
    }

    fn rows(layer: &Compact) -> Vec<u32> {
        let mut memory = vec![0.0; layer.bias.len()];
        let mut all = Vec::new();
        for input in 0..layer.inputs() {
            all.extend(layer.row(input, &mut memory).iter().map(|w| w.to_bits()));
        }
        all
    }

    fn bits(weights: &[f32]) -> Vec<u32> {
        weights.iter().map(|w| w.to_bits()).collect()
    }

    /// A weight of 8 bits, at least one of an output the largest there is.
    fn byte(input: usize, output: usize) -> i8 {
        match (input + output).is_multiple_of(50) {
            true if output.is_multiple_of(2) => 127,
            true => -127,
            false => (((input * 7919 + output * 104_729) % 255) as i16 - 127) as i8,
        }
    }

    #[test]
    fn weights_that_were_bytes_are_bytes_again_whatever_the_scale() {
        let (inputs, outputs) = (PIECE * 2 + 7, 300);
        // Scales of every rounding, the smallest without the full precision.
        let scale = |output: usize| match output {
            0 => 0.0,
            1 => f32::MIN_POSITIVE / 64.0,
            _ => (1.0 + output as f32 * 0.001_37) * 1e-3,
        };
        let weight = |at: usize| f32::from(byte(at / outputs, at % outputs)) * scale(at % outputs);
        let mut weights: Vec<f32> = (0..inputs * outputs).map(weight).collect();
        // -127 times 0 would be stored as -0.
        weights
            .iter_mut()
            .step_by(outputs)
            .for_each(|weight| *weight = 0.0);
        let layer = compact(&weights, outputs);
        assert!(matches!(layer.weights, Weights::Bytes { .. }));
        assert_eq!(rows(&layer), bits(&weights));
    }

    #[test]
    fn weights_that_are_no_bytes_stay_as_they_are() {
        let (inputs, outputs) = (PIECE + 3, 5);
        let weight = |at: usize| f32::from(byte(at / outputs, at % outputs)) * 0.01;
        let weights: Vec<f32> = (0..inputs * outputs).map(weight).collect();
        let last = weights.len() - 1;
        for other in [weights[last].next_up(), -0.0, f32::NAN, f32::INFINITY] {
            let mut weights = weights.clone();
            weights[last] = other;
            let layer = compact(&weights, outputs);
            assert!(matches!(layer.weights, Weights::Single(_)), "{other}");
            assert_eq!(rows(&layer), bits(&weights));
        }
    }

    #[test]
    fn a_layer_without_outputs_has_rows_without_weights() {
        let layer = Compact::new(3, Vec::new(), |_| Vec::new());
        assert!(layer.row(2, &mut []).is_empty());
    }
}
