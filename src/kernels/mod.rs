//! Operations with a WGSL kernel of our own, and the devices they run on.
//!
//! This is the only module that knows burn's backends and WGSL. Each kernel is
//! one file of `shaders/` with a Rust twin of the same name here: the twin says
//! what the kernel computes, tests it, and is what runs on a CPU. Attention and
//! the blocks of a layer are kernels of ours on a CPU alone. All else in the library
//! speaks [`Tensor`].

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::nn::{Dropout, Embedding, Linear};
use burn::tensor::activation::softmax;
use burn::tensor::{DType, Device, Distribution, Int, Tensor};

mod adamw;
mod attention;
#[cfg(feature = "train")]
mod autodiff;
#[cfg(feature = "train")]
mod autodiff_blocks;
mod blocks;
mod dropout;
mod extension;
mod feed_forward;
mod flex;
mod gelu;
mod guard;
pub(crate) mod int8;
mod linear;
mod matrix;
mod panels;
#[cfg(all(test, feature = "train"))]
mod reference_tests;
mod residual_layer_norm;
mod self_attention;
mod sum_of_rows;
mod vector;
#[cfg(feature = "gpu")]
mod wgsl;

pub(crate) use adamw::AdamwRates;
use dropout::Drops;
use extension::{
    AttentionParameters, BlockSettings, Blocks, CpuKernels, FeedForwardParameters, Guards, Kernels,
};
pub(crate) use vector::vectorised;

/// Whether the kernels for a CPU alone compute on `tensor`.
pub(crate) fn on_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && tensor.device().inner() == Device::flex()
}

/// `tensor` in single precision, whatever it was in.
pub(crate) fn single<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if tensor.dtype() == DType::F32 {
        tensor
    } else {
        tensor.cast(DType::F32)
    }
}

/// `LayerNorm(x + residual)` over the last axis, differentiable in all four
/// tensors.
///
/// Shapes: `x`, `residual` and the result `[…, width]`; `gamma`, `beta`
/// `[width]`. `epsilon` is added to the variance. Tensors in half precision are
/// summed in single precision, in which small variances exist.
pub fn residual_layer_norm<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
) -> Tensor<D> {
    let dtype = x.dtype();
    if dtype != DType::F32 {
        return residual_layer_norm(
            x.cast(DType::F32),
            residual.cast(DType::F32),
            gamma.cast(DType::F32),
            beta.cast(DType::F32),
            epsilon,
        )
        .cast(dtype);
    }
    Tensor::from_dispatch(Dispatch::residual_layer_norm(
        x.into_dispatch(),
        residual.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
    ))
}

/// Exact GELU, `x Φ(x)`, with its exact derivative on every device.
///
/// Half precision is computed in single.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let dtype = x.dtype();
    if dtype != DType::F32 {
        return gelu(x.cast(DType::F32)).cast(dtype);
    }
    Tensor::from_dispatch(Dispatch::exact_gelu(x.into_dispatch()))
}

/// A linear layer, `x W + b` over the last axis.
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    match &layer.bias {
        Some(bias) if x.dtype() == DType::F32 => Tensor::from_dispatch(Dispatch::linear_with_bias(
            x.into_dispatch(),
            layer.weight.val().into_dispatch(),
            bias.val().into_dispatch(),
        )),
        // Half precision: burn's product, but burn sums the gradient of the bias in
        // one workgroup, row after row.
        Some(bias) if x.device().is_autodiff() => {
            let y = burn::tensor::module::linear(x, layer.weight.val(), None);
            let dtype = y.dtype();
            let sum = single(y).into_dispatch();
            let sum = Dispatch::add_bias(sum, single(bias.val()).into_dispatch());
            Tensor::<D>::from_dispatch(sum).cast(dtype)
        }
        _ => layer.forward(x),
    }
}

/// A step of AdamW: the parameter and the moments of its gradient after it.
///
/// Shapes: `parameter`, `gradient` `[n]`; `moments` `[2 n]`, the first ones, then
/// the second ones; `factor` `[1]`, what the gradient is multiplied by. All in
/// single precision, on a device that records no gradients.
#[cfg(feature = "train")]
pub(crate) fn adamw(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    moments: Tensor<1>,
    factor: Tensor<1>,
    rates: AdamwRates,
) -> (Tensor<1>, Tensor<1>) {
    let step = Dispatch::adamw(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        moments.into_dispatch(),
        factor.into_dispatch(),
        rates,
    );
    (
        Tensor::from_dispatch(step.parameter),
        Tensor::from_dispatch(step.moments),
    )
}

/// Rows `ids` of the table of `layer`, `[batch, length, width]`.
pub fn embedding(layer: &Embedding, ids: Tensor<2, Int>) -> Tensor<3> {
    let table = layer.weight.val();
    if on_cpu(&table) || !table.device().is_autodiff() {
        return layer.forward(ids);
    }
    // burn sums the gradient of the table in one workgroup, token after token;
    // with vectors of a single 1 it is a product.
    let [rows, width] = table.dims();
    let [batch, length] = ids.dims();
    let ids = ids.reshape([batch * length]);
    let chosen: Tensor<2> = ids.one_hot::<2>(rows).float().cast(table.dtype());
    chosen.matmul(table).reshape([batch, length, width])
}

/// Sequences are padded to multiples of this: on a GPU kernels are compiled for
/// kinds of lengths, and multiples of 16 are one.
pub(crate) fn padding(device: &Device) -> usize {
    if device.clone().inner() == Device::flex() {
        1
    } else {
        16
    }
}

/// Dropout in training, nothing elsewhere. Its draws follow the device's seed.
pub fn dropout<const D: usize>(layer: &Dropout, x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    if layer.prob == 0.0 || !device.is_autodiff() {
        return x;
    }
    if !on_cpu(&x) {
        return layer.forward(x);
    }
    let Drops { rate, seed } = drops(layer, &device);
    Tensor::from_dispatch(Dispatch::seeded_dropout(x.into_dispatch(), rate, seed))
}

/// What `layer` drops on a CPU, by a draw that follows the seed of `device`.
fn drops(layer: &Dropout, device: &Device) -> Drops {
    if layer.prob == 0.0 || !device.is_autodiff() {
        return Drops::NONE;
    }
    let range = Distribution::Uniform(0.0, f64::from(i32::MAX));
    let draws = Tensor::<1, Int>::random([2], range, &device.clone().inner()).into_data();
    Drops {
        rate: layer.prob as f32,
        seed: draws
            .iter::<i64>()
            .fold(0, |seed: u64, draw| (seed << 32) ^ draw as u64),
    }
}

/// `y`, with NaN throughout the rows in which `x`, what it was computed from, is
/// not finite: an infinity or a NaN must not come out of a bounded function as
/// a plausible number. Inference alone; where gradients are recorded, `y`.
///
/// Shapes: `y` and the result `[rows, width]`, `x` `[rows, own width]`.
pub(crate) fn guarded(y: Tensor<2>, x: Tensor<2>) -> Tensor<2> {
    let (dtype, ([_, width], [_, own])) = (y.dtype(), (y.dims(), x.dims()));
    if y.device().is_autodiff() || y.dims().contains(&0) || own == 0 {
        return y;
    }
    let whole_words = match dtype {
        DType::F32 => true,
        // A CPU's kernels are for single precision alone.
        DType::F16 if y.device().inner() == Device::flex() => false,
        DType::F16 => width.is_multiple_of(2) && own.is_multiple_of(2),
        _ => false,
    };
    if !whole_words || x.dtype() != dtype {
        return guarded(single(y), single(x)).cast(dtype);
    }
    Tensor::from_dispatch(Dispatch::guarded(y.into_dispatch(), x.into_dispatch()))
}

/// Attention of `heads` heads, side by side in the last axis:
/// `softmax(Q Kᵀ / sqrt(size) + bias) V` for each.
///
/// Shapes: `query` and the result `[batch, places, hidden]`, `key` and `value`
/// `[batch, length, hidden]`, `bias` of the scores `[batch, length]`, the same
/// for every query, without a gradient. `dropped` drops attention
/// probabilities in training.
pub fn attention(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    bias: Tensor<2>,
    heads: usize,
    dropped: &Dropout,
) -> Tensor<3> {
    let training = query.device().is_autodiff();
    let drops = dropped.prob > 0.0 && training;
    if on_cpu(&query) && !drops {
        return Tensor::from_dispatch(Dispatch::attention_of_heads(
            query.into_dispatch(),
            key.into_dispatch(),
            value.into_dispatch(),
            bias.into_dispatch(),
            heads,
        ));
    }
    let [batch, places, hidden] = query.dims();
    let size = hidden / heads;
    let split = |tensor: Tensor<3>| {
        let [_, length, _] = tensor.dims();
        tensor.reshape([batch, length, heads, size]).swap_dims(1, 2)
    };
    let (query, key, value) = (split(query), split(key), split(value));
    let scores = query
        .matmul(key.swap_dims(2, 3))
        .div_scalar((size as f64).sqrt())
        + bias.unsqueeze_dims::<4>(&[1, 1]);
    let attended = if training {
        dropout(dropped, softmax(scores, 3)).matmul(value)
    } else {
        let length = scores.dims()[3];
        let attended = softmax(scores.clone(), 3).matmul(value);
        guarded(
            attended.reshape([batch * heads, places * size]),
            scores.reshape([batch * heads, places * length]),
        )
        .reshape([batch, heads, places, size])
    };
    attended.swap_dims(1, 2).reshape([batch, places, hidden])
}

/// The parts of a layer, as [`LayerBlocks`] take them.
pub(crate) struct LayerParts<'a> {
    pub(crate) query: &'a Linear,
    pub(crate) key: &'a Linear,
    pub(crate) value: &'a Linear,
    pub(crate) attended: &'a Linear,
    /// Gamma and beta.
    pub(crate) attended_norm: [Tensor<1>; 2],
    pub(crate) inner: &'a Linear,
    pub(crate) output: &'a Linear,
    /// Gamma and beta.
    pub(crate) output_norm: [Tensor<1>; 2],
    pub(crate) heads: usize,
    pub(crate) epsilon: f32,
    pub(crate) attention_dropout: &'a Dropout,
    pub(crate) attended_dropout: &'a Dropout,
    pub(crate) output_dropout: &'a Dropout,
}

/// A layer on a CPU, for sequences that lie one behind the other without padding: its
/// matrices in the order in which they are read, for as many passes as are made.
pub(crate) struct LayerBlocks<'a> {
    parts: LayerParts<'a>,
    attention: AttentionParameters<Dispatch>,
    feed_forward: FeedForwardParameters<Dispatch>,
    lengths: Arc<[usize]>,
    device: Device,
}

impl<'a> LayerBlocks<'a> {
    /// Of a layer on a CPU, for sequences of these `lengths`; `None` where a linear layer
    /// has no bias.
    pub(crate) fn new(parts: LayerParts<'a>, lengths: &Arc<[usize]>) -> Option<Self> {
        let device = parts.query.weight.val().device();
        let training = device.is_autodiff();
        let matrix = |layer: &Linear| {
            let weight = layer.weight.val();
            if training { weight.inner() } else { weight }
        };
        let panels = |matrix: &Tensor<2>| Dispatch::panels(matrix.clone().into_dispatch(), false);
        let back = |matrix: &Tensor<2>| {
            // Without training they are not looked at.
            match training {
                true => Dispatch::panels(matrix.clone().into_dispatch(), true),
                false => Tensor::<1>::zeros([1], &matrix.device()).into_dispatch(),
            }
        };
        let weight = |layer: &Linear| layer.weight.val().into_dispatch();
        let bias = |layer: &Linear| Some(layer.bias.as_ref()?.val().into_dispatch());
        let entering = [parts.query, parts.key, parts.value].map(matrix);
        let entering = Tensor::cat(entering.to_vec(), 1);
        let (attended, inner) = (matrix(parts.attended), matrix(parts.inner));
        let output = matrix(parts.output);
        let [gamma, beta] = parts.attended_norm.clone().map(Tensor::into_dispatch);
        let attention = AttentionParameters {
            query: weight(parts.query),
            query_bias: bias(parts.query)?,
            key: weight(parts.key),
            key_bias: bias(parts.key)?,
            value: weight(parts.value),
            value_bias: bias(parts.value)?,
            output: weight(parts.attended),
            output_bias: bias(parts.attended)?,
            gamma,
            beta,
            inner_panels: panels(&entering),
            panels: panels(&attended),
            inner_back: back(&entering),
            back: back(&attended),
        };
        let [gamma, beta] = parts.output_norm.clone().map(Tensor::into_dispatch);
        let feed_forward = FeedForwardParameters {
            inner: weight(parts.inner),
            inner_bias: bias(parts.inner)?,
            output: weight(parts.output),
            output_bias: bias(parts.output)?,
            gamma,
            beta,
            inner_panels: panels(&inner),
            panels: panels(&output),
            inner_back: back(&inner),
            back: back(&output),
        };
        Some(Self {
            parts,
            attention,
            feed_forward,
            lengths: lengths.clone(),
            device,
        })
    }

    /// The layer's output of `x` `[1, rows, hidden]`.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let settings = |dropout: &Dropout, of_probabilities: Drops| BlockSettings {
            lengths: self.lengths.clone(),
            heads: self.parts.heads,
            epsilon: self.parts.epsilon,
            drops: drops(dropout, &self.device),
            probability_drops: of_probabilities,
        };
        let of_probabilities = drops(self.parts.attention_dropout, &self.device);
        let attended = Dispatch::attention_block(
            x.into_dispatch(),
            self.attention.clone(),
            settings(self.parts.attended_dropout, of_probabilities),
        );
        let fed = Dispatch::feed_forward_block(
            attended.output,
            self.feed_forward.clone(),
            settings(self.parts.output_dropout, Drops::NONE),
        );
        Tensor::from_dispatch(fed.output)
    }
}

/// `x` `[1, rows, width]`, sequences of `lengths` one behind the other, with zeros
/// behind each: `[sequences, length, width]`. On a CPU alone.
pub(crate) fn padded(x: Tensor<3>, lengths: &Arc<[usize]>, length: usize) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::padded(x.into_dispatch(), lengths.clone(), length))
}
