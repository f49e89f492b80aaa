//! Matrices of 8-bit integers in the order in which a tile reads them.

use super::super::vector::vectorised;

/// Columns of a panel, and of a tile: four vectors of 16 sums.
pub(super) const COLUMNS: usize = 64;

/// The columns of a matrix in panels of [`COLUMNS`], filled up with zeros. A word holds
/// four elements of a column, one below the other, the first in the lowest byte; a
/// panel is `depth` times [`COLUMNS`] words.
#[derive(Clone, Debug, Default)]
pub(super) struct Panels {
    /// The words, panel after panel.
    pub(super) words: Vec<u32>,
    /// Words of a column: a quarter of the rows, rounded up.
    pub(super) depth: usize,
}

impl Panels {
    /// Zeros, of `rows` rows and `columns` columns.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        let mut panels = Self::default();
        panels.clear(rows, columns);
        panels
    }

    /// Makes it zeros of another shape, in the same memory where that suffices.
    pub(super) fn clear(&mut self, rows: usize, columns: usize) {
        self.depth = rows.div_ceil(4);
        self.words.clear();
        let words = columns.div_ceil(COLUMNS) * COLUMNS * self.depth;
        self.words.resize(words, 0);
    }

    /// Panel `index`.
    pub(super) fn panel(&self, index: usize) -> &[u32] {
        let size = self.depth * COLUMNS;
        &self.words[index * size..(index + 1) * size]
    }

    /// Writes a column, from the top.
    #[inline(never)]
    pub(super) fn set_column(&mut self, column: usize, values: &[i8]) {
        let first = column / COLUMNS * self.depth * COLUMNS;
        let pieces = self.words[first..].chunks_exact_mut(COLUMNS);
        for (piece, values) in pieces.zip(values.chunks(4)) {
            let mut four = [0; 4];
            for (to, &from) in four.iter_mut().zip(values) {
                *to = from as u8;
            }
            piece[column % COLUMNS] = u32::from_le_bytes(four);
        }
    }

    /// Writes the columns of `panel` in `row`, which are zeros, from the left.
    #[inline(always)]
    pub(super) fn set_in_row(
        &mut self,
        panel: usize,
        row: usize,
        values: impl Iterator<Item = i8>,
    ) {
        let first = (panel * self.depth + row / 4) * COLUMNS;
        let piece = &mut self.words[first..first + COLUMNS];
        for (word, value) in piece.iter_mut().zip(values) {
            *word |= u32::from(value as u8) << (8 * (row % 4));
        }
    }
}

/// What [`Dense`] multiplies and adds: a linear layer in single precision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DenseParts {
    /// `[inputs, outputs]`.
    pub(crate) weight: Vec<f32>,
    /// `[outputs]`.
    pub(crate) bias: Vec<f32>,
}

impl DenseParts {
    /// Layers of the same inputs side by side.
    pub(super) fn beside<const N: usize>(parts: [&Self; N]) -> Self {
        let bias: Vec<f32> = parts.iter().flat_map(|part| part.bias.clone()).collect();
        let mut weight = Vec::new();
        let widths = parts.map(|part| part.bias.len());
        let mut rows = parts.map(|part| part.weight.as_slice());
        while rows.iter().all(|rest| !rest.is_empty()) {
            for (rest, &width) in rows.iter_mut().zip(&widths) {
                let (row, more) = rest.split_at(width);
                weight.extend_from_slice(row);
                *rest = more;
            }
        }
        Self { weight, bias }
    }

    /// Writes the weights of an output to `weights` and, rounded, to `column`; gives back
    /// the largest, and the scale. A function of its own, because a browser compiles better what is
    /// called again and again.
    #[inline(never)]
    fn round(&self, output: usize, weights: &mut Vec<f32>, column: &mut Vec<i8>) -> (f32, f32) {
        weights.clear();
        weights.extend(self.weight[output..].iter().step_by(self.bias.len()));
        // `f32::max` is a call in WebAssembly.
        let mut most = 0.0f32;
        for weight in &*weights {
            if weight.abs() > most {
                most = weight.abs();
            }
        }
        let scale = most / 127.0;
        column.clear();
        column.resize(weights.len(), 0);
        if scale > 0.0 {
            vectorised(
                #[inline(always)]
                || {
                    for (byte, weight) in column.iter_mut().zip(&*weights) {
                        *byte = rounded(*weight, scale);
                    }
                },
            );
        }
        (most, scale)
    }
}

/// How many times `scale`, the 127th part of the largest weight, a weight is; 0 where all
/// weights are.
#[inline(always)]
pub(super) fn rounded(weight: f32, scale: f32) -> i8 {
    // The division may round up; of zeros it is not a number, and 0 as an integer.
    (weight / scale).round_ties_even().clamp(-127.0, 127.0) as i8
}

/// A linear layer in 8-bit integers: `y = scale_of_row (x_q - zero) W_q scale + bias`,
/// a scale for every output, `zero` that of the inputs.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    pub(super) panels: Panels,
    /// What the sums of a row of inputs start at: it takes their zero away.
    /// `[panels, COLUMNS]`, as are the others.
    pub(super) start: Vec<i32>,
    pub(super) scale: Vec<f32>,
    pub(super) bias: Vec<f32>,
    /// Inputs.
    pub(super) inputs: usize,
    /// Outputs.
    pub(super) outputs: usize,
    /// The largest scale of a row with which no output can be infinite.
    pub(super) most: f32,
}

/// What the bytes of a row stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Zero {
    /// Numbers of either sign: `scale * (byte - 128)`.
    Middle,
    /// Numbers from `-least` up: `scale * byte - least`.
    Least(f32),
}

impl Dense {
    /// Rounds a layer; the largest weight of an output becomes 127 or -127.
    pub(super) fn new(parts: &DenseParts, zero: Zero) -> Self {
        let outputs = parts.bias.len();
        let inputs = parts.weight.len() / outputs.max(1);
        let width = outputs.div_ceil(COLUMNS) * COLUMNS;
        let mut dense = Self {
            panels: Panels::zeros(inputs, outputs),
            start: vec![0; width],
            scale: vec![0.0; width],
            bias: vec![0.0; width],
            inputs,
            outputs,
            most: 0.0,
        };
        let mut weights: Vec<f32> = Vec::with_capacity(inputs);
        let mut column = Vec::with_capacity(inputs);
        let mut largest = 0.0f32;
        for output in 0..outputs {
            let (most, scale) = parts.round(output, &mut weights, &mut column);
            dense.panels.set_column(output, &column);
            let sum: i32 = column.iter().map(|&weight| i32::from(weight)).sum();
            dense.scale[output] = scale;
            dense.bias[output] = parts.bias[output];
            match zero {
                Zero::Middle => dense.start[output] = -128 * sum,
                Zero::Least(least) => dense.bias[output] -= least * scale * sum as f32,
            }
            largest = largest.max(most);
        }
        // A sum is at most 255 times 127 times the inputs; half is left for the bias.
        let sum = largest.max(f32::MIN_POSITIVE) * 255.0 * inputs as f32;
        dense.most = (f32::MAX / 2.0) / sum.max(1.0);
        dense
    }
}
