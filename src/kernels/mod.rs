//! Operations with a WGSL kernel of our own, and the devices they run on.
//!
//! This is the only module that knows burn's backends and WGSL. Each kernel is
//! one file of `shaders/` with a Rust twin of the same name here: the twin says
//! what the kernel computes, tests it, and is what runs on a CPU. Attention has a
//! kernel of ours on a CPU alone. All else in the library speaks [`Tensor`].

use burn::backend::Dispatch;
use burn::nn::{Dropout, Embedding, Linear};
use burn::tensor::activation::softmax;
use burn::tensor::{DType, Device, Distribution, Int, Tensor};

mod adamw;
mod attention;
#[cfg(feature = "train")]
mod autodiff;
mod dropout;
mod extension;
mod flex;
mod gelu;
mod guard;
pub(crate) mod int8;
mod linear;
mod matrix;
#[cfg(all(test, feature = "train"))]
mod reference_tests;
mod residual_layer_norm;
mod sum_of_rows;
mod vector;
#[cfg(feature = "gpu")]
mod wgsl;

pub(crate) use adamw::AdamwRates;
use extension::{CpuKernels, Guards, Kernels};
pub(crate) use vector::vectorised;

/// Whether the kernels for a CPU alone compute on `tensor`.
fn on_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
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
    let range = Distribution::Uniform(0.0, f64::from(i32::MAX));
    let draws = Tensor::<1, Int>::random([2], range, &device.inner()).into_data();
    let seed = draws
        .iter::<i64>()
        .fold(0, |seed: u64, draw| (seed << 32) ^ draw as u64);
    Tensor::from_dispatch(Dispatch::seeded_dropout(
        x.into_dispatch(),
        layer.prob as f32,
        seed,
    ))
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
