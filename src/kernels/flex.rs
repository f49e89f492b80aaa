//! The kernels on burn's CPU backend: each runs its Rust twin.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{Shape, TensorData};

use super::adamw::{self, AdamwRates};
use super::attention::{self, Sizes};
use super::dropout::Drops;
use super::extension::{
    AdamwStep, AttentionGradients, CpuKernels, Guards, Kernels, LayerNormGradients, LinearGradients,
};
use super::vector::{TASK, chunk, for_each_chunk, for_each_chunks, vectorised};
use super::{dropout, gelu, guard, linear, residual_layer_norm, sum_of_rows};

/// The CPU backend's own tensor type.
pub(super) type FlexTensor = FloatTensor<Flex>;

/// Rows whose parameter gradients are added up together, whatever the number
/// of threads, so that a run repeats to the bit.
const ROWS_A_SHARE: usize = 128;

/// The elements of `tensor`, in row-major order.
pub(super) fn elements(tensor: &FlexTensor) -> std::borrow::Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(elements) => elements.into(),
        None => tensor.to_contiguous().storage::<f32>().to_vec().into(),
    }
}

pub(super) fn tensor(elements: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(elements, shape))
}

impl Kernels for Flex {
    fn residual_layer_norm(
        x: FlexTensor,
        residual: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f32,
    ) -> FlexTensor {
        let shape = x.shape();
        let mut y = vec![0.0; shape.num_elements()];
        let (x, residual) = (elements(&x), elements(&residual));
        let (gamma, beta) = (elements(&gamma), elements(&beta));
        let size = linear::task_of_rows(gamma.len());
        for_each_chunk(&mut y, size, |task, y| {
            let (x, residual) = (chunk(&x, size, task), chunk(&residual, size, task));
            vectorised(
                #[inline(always)]
                || {
                    residual_layer_norm::residual_layer_norm(
                        x, residual, &gamma, &beta, epsilon, y,
                    );
                },
            );
        });
        tensor(y, shape)
    }

    fn residual_layer_norm_backward(
        x: FlexTensor,
        residual: FlexTensor,
        gamma: FlexTensor,
        gradient: FlexTensor,
        epsilon: f32,
    ) -> LayerNormGradients<Self> {
        let shape = x.shape();
        let mut input = vec![0.0; shape.num_elements()];
        let (x, residual) = (elements(&x), elements(&residual));
        let (gamma, gradient) = (elements(&gamma), elements(&gradient));
        let width = gamma.len();
        let size = ROWS_A_SHARE * width;
        let mut shares = vec![0.0; input.len().div_ceil(size.max(1)) * 2 * width];
        for_each_chunks(
            [&mut input, &mut shares],
            [size, 2 * width],
            |task, [input, share]| {
                let (dgamma, dbeta) = share.split_at_mut(width);
                let (x, residual) = (chunk(&x, size, task), chunk(&residual, size, task));
                let gradient = chunk(&gradient, size, task);
                vectorised(
                    #[inline(always)]
                    || {
                        residual_layer_norm::residual_layer_norm_backward(
                            x, residual, &gamma, gradient, epsilon, input, dgamma, dbeta,
                        );
                    },
                );
            },
        );
        let mut parameters = vec![0.0; 2 * width];
        sum_of_rows::add_rows(&shares, &mut parameters);
        LayerNormGradients {
            input: tensor(input, shape),
            parameters: tensor(parameters, Shape::new([2, width])),
        }
    }

    fn exact_gelu(x: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        let mut y = vec![0.0; shape.num_elements()];
        let x = elements(&x);
        for_each_chunk(&mut y, TASK, |task, y| {
            let x = chunk(&x, TASK, task);
            vectorised(
                #[inline(always)]
                || gelu::gelu(x, y),
            );
        });
        tensor(y, shape)
    }

    fn exact_gelu_backward(x: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        let mut input = vec![0.0; shape.num_elements()];
        let (x, gradient) = (elements(&x), elements(&gradient));
        for_each_chunk(&mut input, TASK, |task, input| {
            let (x, gradient) = (chunk(&x, TASK, task), chunk(&gradient, TASK, task));
            vectorised(
                #[inline(always)]
                || gelu::gelu_backward(x, gradient, input),
            );
        });
        tensor(input, shape)
    }

    fn linear_with_bias(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let mut shape = x.shape();
        let last = shape.num_dims() - 1;
        let (x, weight, bias) = (elements(&x), elements(&weight), elements(&bias));
        shape[last] = bias.len();
        let mut y = vec![0.0; shape.num_elements()];
        linear::linear(&x, &weight, &bias, &mut y);
        tensor(y, shape)
    }

    fn linear_with_bias_backward(
        x: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
    ) -> LinearGradients<Self> {
        let (shape, weight_shape) = (x.shape(), weight.shape());
        let outputs = weight_shape[1];
        let (x, weight, gradient) = (elements(&x), elements(&weight), elements(&gradient));
        let mut input = vec![0.0; x.len()];
        let mut dweight = vec![0.0; weight.len()];
        let mut dbias = vec![0.0; outputs];
        linear::linear_x_backward(&gradient, &weight, outputs, &mut input);
        linear::linear_parameters_backward(&x, &gradient, &mut dweight, &mut dbias);
        LinearGradients {
            input: tensor(input, shape),
            weight: tensor(dweight, weight_shape),
            bias: tensor(dbias, Shape::new([outputs])),
        }
    }

    fn add_bias(x: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        let mut y = elements(&x).into_owned();
        let bias = elements(&bias);
        for_each_chunk(&mut y, linear::task_of_rows(bias.len()), |_, rows| {
            for row in rows.chunks_exact_mut(bias.len()) {
                for (y, bias) in row.iter_mut().zip(bias.iter()) {
                    *y += bias;
                }
            }
        });
        tensor(y, shape)
    }

    fn sum_of_rows(x: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        let width = shape.iter().next_back().copied().unwrap_or(1);
        let mut sums = vec![0.0; width];
        sum_of_rows::sum_of_rows(&elements(&x), &mut sums);
        tensor(sums, Shape::new([width]))
    }

    fn adamw(
        parameter: FlexTensor,
        gradient: FlexTensor,
        moments: FlexTensor,
        factor: FlexTensor,
        rates: AdamwRates,
    ) -> AdamwStep<Self> {
        let shape = parameter.shape();
        let n = shape.num_elements();
        let (p, g, all) = (
            elements(&parameter),
            elements(&gradient),
            elements(&moments),
        );
        let (m, v) = all.split_at(n);
        let factor = elements(&factor).first().copied().unwrap_or(1.0);
        let mut p_after = vec![0.0; n];
        let mut moments_after = vec![0.0; 2 * n];
        let (m_after, v_after) = moments_after.split_at_mut(n);
        for_each_chunks(
            [&mut p_after, m_after, v_after],
            [TASK; 3],
            |task, after| {
                let before = [&p[..], &g[..], m, v].map(|values| chunk(values, TASK, task));
                vectorised(
                    #[inline(always)]
                    || adamw::adamw(before, factor, rates, after),
                );
            },
        );
        AdamwStep {
            parameter: tensor(p_after, shape),
            moments: tensor(moments_after, Shape::new([2 * n])),
        }
    }
}

impl Guards for Flex {
    fn guarded(y: FlexTensor, x: FlexTensor) -> FlexTensor {
        let shape = y.shape();
        let rows = x.shape()[0].max(1);
        let x = elements(&x);
        let mut y = elements(&y).into_owned();
        let (own, width) = (x.len() / rows, y.len() / rows);
        for_each_chunk(&mut y, width, |row, y| guard::guard(chunk(&x, own, row), y));
        tensor(y, shape)
    }
}

/// The sizes of the attention of tensors `[batch, places, hidden]` and
/// `[batch, length, hidden]`.
fn sizes(query: &FlexTensor, key: &FlexTensor, heads: usize) -> Sizes {
    let (query, key) = (query.shape(), key.shape());
    Sizes {
        heads,
        hidden: query[2],
        apart: query[2],
        places: query[1],
        length: key[1],
    }
}

impl CpuKernels for Flex {
    fn seeded_dropout(x: FlexTensor, rate: f32, seed: u64) -> FlexTensor {
        let shape = x.shape();
        let mut y = vec![0.0; shape.num_elements()];
        let x = elements(&x);
        for_each_chunk(&mut y, TASK, |task, y| {
            let x = chunk(&x, TASK, task);
            vectorised(
                #[inline(always)]
                || dropout::dropout(x, rate, seed, task * TASK, y),
            );
        });
        tensor(y, shape)
    }

    fn attention_of_heads(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        bias: FlexTensor,
        heads: usize,
    ) -> FlexTensor {
        let shape = query.shape();
        let sizes = sizes(&query, &key, heads);
        let mut y = vec![0.0; shape.num_elements()];
        let (query, bias) = (elements(&query), elements(&bias));
        let (key, value) = (elements(&key), elements(&value));
        let (own, all) = (sizes.places * sizes.hidden, sizes.length * sizes.hidden);
        for_each_chunk(&mut y, own, |row, y| {
            attention::attention(
                [
                    chunk(&query, own, row),
                    chunk(&key, all, row),
                    chunk(&value, all, row),
                ],
                chunk(&bias, sizes.length, row),
                sizes,
                (Drops::NONE, 0),
                y,
            );
        });
        tensor(y, shape)
    }

    fn attention_of_heads_backward(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        bias: FlexTensor,
        gradient: FlexTensor,
        heads: usize,
    ) -> AttentionGradients<Self> {
        let (own_shape, all_shape) = (query.shape(), key.shape());
        let sizes = sizes(&query, &key, heads);
        let (query, bias) = (elements(&query), elements(&bias));
        let (key, value) = (elements(&key), elements(&value));
        let gradient = elements(&gradient);
        let mut dquery = vec![0.0; query.len()];
        let mut dkey = vec![0.0; key.len()];
        let mut dvalue = vec![0.0; value.len()];
        let (own, all) = (sizes.places * sizes.hidden, sizes.length * sizes.hidden);
        for_each_chunks(
            [&mut dquery, &mut dkey, &mut dvalue],
            [own, all, all],
            |row, [dquery, dkey, dvalue]| {
                attention::attention_backward(
                    [
                        chunk(&query, own, row),
                        chunk(&key, all, row),
                        chunk(&value, all, row),
                    ],
                    chunk(&bias, sizes.length, row),
                    chunk(&gradient, own, row),
                    sizes,
                    (Drops::NONE, 0),
                    [dquery, dkey, dvalue],
                );
            },
        );
        AttentionGradients {
            query: tensor(dquery, own_shape),
            key: tensor(dkey, all_shape.clone()),
            value: tensor(dvalue, all_shape),
        }
    }
}
