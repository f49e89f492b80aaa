//! The blocks of a layer on burn's CPU backend.

use std::borrow::Cow;
use std::sync::Arc;

use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Shape;

use super::extension::{
    AttentionParameters, BlockGradients, BlockOutput, BlockSettings, Blocks, FeedForwardParameters,
};
use super::feed_forward::{End, FeedForward};
use super::flex::{FlexTensor, elements, tensor};
use super::matrix::{Matrix, Threads, multiply};
use super::panels::{self, ROWS};
use super::self_attention::{Place, SelfAttention};
use super::sum_of_rows::add_rows;
use super::vector::{chunk, for_each_chunks, for_each_part};

/// Rows of a feed-forward block that one thread takes at a time, of `rows` in all: their
/// inner states fit in a core's cache, and the tasks are a multiple of 4, so that few
/// threads end together. How many threads there are does not enter, so that a run
/// repeats to the bit.
fn rows_a_task(rows: usize) -> usize {
    const MOST: usize = 96;
    let tasks = match rows.div_ceil(MOST) {
        1 => 1,
        several => several.next_multiple_of(4),
    };
    rows.div_ceil(tasks.max(1)).next_multiple_of(ROWS)
}

/// Where each molecule lies.
fn places(lengths: &[usize], heads: usize) -> Vec<Place> {
    let mut place = Place {
        row: 0,
        probability: 0,
    };
    let next = |&length: &usize| {
        let own = place;
        place.row += length;
        place.probability = place.probability.wrapping_add(heads * length * length);
        own
    };
    lengths.iter().map(next).collect()
}

/// The rows of `x` of a molecule.
fn rows_of(x: &[f32], place: Place, length: usize, width: usize) -> &[f32] {
    let start = (place.row * width).min(x.len());
    &x[start..(start + length * width).min(x.len())]
}

/// `xᵀ g` for the rows of `x` `[rows, width]` and of `g`, `columns` of `apart` from
/// `first` on, written to `y`.
fn weight_gradient(
    [x, g]: [&[f32]; 2],
    width: usize,
    [first, columns, apart]: [usize; 3],
    y: &mut [f32],
) {
    let rows = x.len() / width.max(1);
    multiply(
        Matrix::new(x, rows, width, width).transposed(),
        Matrix::new(&g[first.min(g.len())..], rows, columns, apart),
        y,
        columns,
        false,
        Threads::All,
    );
}

/// Adds up what the tasks added to.
fn added_up(shares: &[f32], share: usize) -> FlexTensor {
    let mut sums = vec![0.0; share];
    add_rows(shares, &mut sums);
    tensor(sums, Shape::new([share]))
}

impl Blocks for Flex {
    fn panels(matrix: FlexTensor, transposed: bool) -> FlexTensor {
        let [rows, columns] = [matrix.shape()[0], matrix.shape()[1]];
        let matrix = elements(&matrix);
        let panels = if transposed {
            let mut panels = vec![0.0; panels::length(columns, rows)];
            panels::pack_transposed(&matrix, columns, rows, &mut panels);
            panels
        } else {
            let mut panels = vec![0.0; panels::length(rows, columns)];
            panels::pack(&matrix, rows, columns, &mut panels);
            panels
        };
        let shape = Shape::new([panels.len()]);
        tensor(panels, shape)
    }

    fn attention_block(
        x: FlexTensor,
        parameters: AttentionParameters<Self>,
        settings: BlockSettings,
    ) -> BlockOutput<Self> {
        let shape = x.shape();
        let x = elements(&x);
        let n = x.len();
        let (mut y, mut s, mut a) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let mut inner = vec![0.0; 3 * n];
        let of = AttentionSlices::new(&parameters);
        let block = of.block(&settings);
        let hidden = of.bias.len();
        let (lengths, places) = (&settings.lengths, places(&settings.lengths, settings.heads));
        for_each_part(
            [&mut y, &mut s, &mut inner, &mut a],
            |task| {
                let n = lengths[task] * hidden;
                [n, n, 3 * n, n]
            },
            |task, outputs| {
                let x = rows_of(&x, places[task], lengths[task], hidden);
                block.forward(x, places[task], outputs);
            },
        );
        BlockOutput {
            output: tensor(y, shape.clone()),
            sums: tensor(s, shape.clone()),
            inner: tensor(inner, Shape::new([n / hidden, 3 * hidden])),
            attended: tensor(a, shape),
        }
    }

    fn attention_block_backward(
        x: FlexTensor,
        parameters: AttentionParameters<Self>,
        output: BlockOutput<Self>,
        gradient: FlexTensor,
        settings: BlockSettings,
    ) -> BlockGradients<Self> {
        let shape = x.shape();
        let (x, g) = (elements(&x), elements(&gradient));
        let (s, inner) = (elements(&output.sums), elements(&output.inner));
        let a = elements(&output.attended);
        let of = AttentionSlices::new(&parameters);
        let block = of.block(&settings);
        let (back, inner_back) = (elements(&parameters.back), elements(&parameters.inner_back));
        let (n, hidden) = (x.len(), of.bias.len());
        let share = SelfAttention::share(hidden);
        let (lengths, places) = (&settings.lengths, places(&settings.lengths, settings.heads));
        let (mut dx, mut dproduct) = (vec![0.0; n], vec![0.0; n]);
        let mut dinner = vec![0.0; 3 * n];
        let mut shares = vec![0.0; lengths.len() * share];
        for_each_part(
            [&mut dx, &mut dinner, &mut dproduct, &mut shares],
            |task| {
                let n = lengths[task] * hidden;
                [n, 3 * n, n, share]
            },
            |task, outputs| {
                let (place, length) = (places[task], lengths[task]);
                let rows = |x, width| rows_of(x, place, length, width);
                block.backward(
                    [rows(&inner, 3 * hidden), rows(&s, hidden), rows(&g, hidden)],
                    [&back, &inner_back],
                    place,
                    outputs,
                );
            },
        );
        let mut weights = vec![0.0; 3 * hidden * hidden];
        for (part, weights) in weights.chunks_exact_mut(hidden * hidden).enumerate() {
            let columns = [part * hidden, hidden, 3 * hidden];
            weight_gradient([&x, &dinner], hidden, columns, weights);
        }
        let mut weight = vec![0.0; hidden * hidden];
        weight_gradient([&a, &dproduct], hidden, [0, hidden, hidden], &mut weight);
        BlockGradients {
            input: tensor(dx, shape),
            inner: tensor(weights, Shape::new([3 * hidden, hidden])),
            output: tensor(weight, Shape::new([hidden, hidden])),
            vectors: added_up(&shares, share),
        }
    }

    fn feed_forward_block(
        x: FlexTensor,
        parameters: FeedForwardParameters<Self>,
        settings: BlockSettings,
    ) -> BlockOutput<Self> {
        let shape = x.shape();
        let x = elements(&x);
        let of = FeedForwardSlices::new(&parameters);
        let block = of.block(&settings);
        let (n, hidden, inner) = (x.len(), of.bias.len(), of.inner_bias.len());
        let rows = n / hidden;
        let (mut y, mut s) = (vec![0.0; n], vec![0.0; n]);
        let mut h = vec![0.0; rows * inner];
        let task_rows = rows_a_task(rows);
        let size = task_rows * hidden;
        for_each_chunks(
            [&mut y, &mut s, &mut h],
            [size, size, task_rows * inner],
            |task, outputs| block.forward(chunk(&x, size, task), task * task_rows, outputs),
        );
        BlockOutput {
            output: tensor(y, shape.clone()),
            sums: tensor(s, shape),
            inner: tensor(h, Shape::new([rows, inner])),
            attended: tensor(Vec::new(), Shape::new([0])),
        }
    }

    fn feed_forward_block_backward(
        x: FlexTensor,
        parameters: FeedForwardParameters<Self>,
        output: BlockOutput<Self>,
        gradient: FlexTensor,
        settings: BlockSettings,
    ) -> BlockGradients<Self> {
        let shape = x.shape();
        let (x, g) = (elements(&x), elements(&gradient));
        let (s, h) = (elements(&output.sums), elements(&output.inner));
        let of = FeedForwardSlices::new(&parameters);
        let block = of.block(&settings);
        let (back, inner_back) = (elements(&parameters.back), elements(&parameters.inner_back));
        let (n, hidden, inner) = (x.len(), of.bias.len(), of.inner_bias.len());
        let rows = n / hidden;
        let share = FeedForward::share(hidden, inner);
        let task_rows = rows_a_task(rows);
        let (size, inner_size) = (task_rows * hidden, task_rows * inner);
        let (mut dx, mut dproduct) = (vec![0.0; n], vec![0.0; n]);
        let (mut dh, mut active) = (vec![0.0; h.len()], vec![0.0; h.len()]);
        let mut shares = vec![0.0; rows.div_ceil(task_rows.max(1)) * share];
        for_each_chunks(
            [&mut dx, &mut dh, &mut active, &mut dproduct, &mut shares],
            [size, inner_size, inner_size, size, share],
            |task, outputs| {
                let of_task = [
                    chunk(&h, inner_size, task),
                    chunk(&s, size, task),
                    chunk(&g, size, task),
                ];
                block.backward(of_task, [&back, &inner_back], task * task_rows, outputs);
            },
        );
        let mut inner_weight = vec![0.0; hidden * inner];
        weight_gradient([&x, &dh], hidden, [0, inner, inner], &mut inner_weight);
        let mut weight = vec![0.0; hidden * inner];
        weight_gradient(
            [&active, &dproduct],
            inner,
            [0, hidden, hidden],
            &mut weight,
        );
        BlockGradients {
            input: tensor(dx, shape),
            inner: tensor(inner_weight, Shape::new([hidden, inner])),
            output: tensor(weight, Shape::new([inner, hidden])),
            vectors: added_up(&shares, share),
        }
    }

    fn padded(x: FlexTensor, lengths: Arc<[usize]>, length: usize) -> FlexTensor {
        let width = x.shape()[2];
        let x = elements(&x);
        let mut rest = &x[..];
        let mut y = vec![0.0; lengths.len() * length * width];
        for (own, y) in lengths
            .iter()
            .zip(y.chunks_exact_mut((length * width).max(1)))
        {
            let (rows, others) = rest.split_at(own * width);
            y[..rows.len()].copy_from_slice(rows);
            rest = others;
        }
        tensor(y, Shape::new([lengths.len(), length, width]))
    }

    fn unpadded(x: FlexTensor, lengths: Arc<[usize]>) -> FlexTensor {
        let [_, length, width] = [x.shape()[0], x.shape()[1], x.shape()[2]];
        let x = elements(&x);
        let mut y = Vec::with_capacity(lengths.iter().sum::<usize>() * width);
        for (own, x) in lengths.iter().zip(x.chunks_exact((length * width).max(1))) {
            y.extend_from_slice(&x[..own * width]);
        }
        let rows = y.len() / width.max(1);
        tensor(y, Shape::new([1, rows, width]))
    }
}

/// The parameters of an attention block as slices.
struct AttentionSlices<'a> {
    inner_panels: Cow<'a, [f32]>,
    inner_bias: Vec<f32>,
    panels: Cow<'a, [f32]>,
    bias: Cow<'a, [f32]>,
    gamma: Cow<'a, [f32]>,
    beta: Cow<'a, [f32]>,
}

impl<'a> AttentionSlices<'a> {
    fn new(parameters: &'a AttentionParameters<Flex>) -> Self {
        let biases = [
            &parameters.query_bias,
            &parameters.key_bias,
            &parameters.value_bias,
        ];
        Self {
            inner_panels: elements(&parameters.inner_panels),
            inner_bias: biases.map(elements).concat(),
            panels: elements(&parameters.panels),
            bias: elements(&parameters.output_bias),
            gamma: elements(&parameters.gamma),
            beta: elements(&parameters.beta),
        }
    }

    fn block(&self, settings: &BlockSettings) -> SelfAttention<'_> {
        SelfAttention {
            heads: settings.heads,
            inner_panels: &self.inner_panels,
            inner_bias: &self.inner_bias,
            panels: &self.panels,
            end: End {
                bias: &self.bias,
                gamma: &self.gamma,
                beta: &self.beta,
                epsilon: settings.epsilon,
                drops: settings.drops,
            },
            drops: settings.probability_drops,
        }
    }
}

/// The parameters of a feed-forward block as slices.
struct FeedForwardSlices<'a> {
    inner_panels: Cow<'a, [f32]>,
    inner_bias: Cow<'a, [f32]>,
    panels: Cow<'a, [f32]>,
    bias: Cow<'a, [f32]>,
    gamma: Cow<'a, [f32]>,
    beta: Cow<'a, [f32]>,
}

impl<'a> FeedForwardSlices<'a> {
    fn new(parameters: &'a FeedForwardParameters<Flex>) -> Self {
        Self {
            inner_panels: elements(&parameters.inner_panels),
            inner_bias: elements(&parameters.inner_bias),
            panels: elements(&parameters.panels),
            bias: elements(&parameters.output_bias),
            gamma: elements(&parameters.gamma),
            beta: elements(&parameters.beta),
        }
    }

    fn block(&self, settings: &BlockSettings) -> FeedForward<'_> {
        FeedForward {
            inner_panels: &self.inner_panels,
            inner_bias: &self.inner_bias,
            panels: &self.panels,
            end: End {
                bias: &self.bias,
                gamma: &self.gamma,
                beta: &self.beta,
                epsilon: settings.epsilon,
                drops: settings.drops,
            },
        }
    }
}
