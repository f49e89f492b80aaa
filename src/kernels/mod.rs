//! Operations with a WGSL kernel of our own, and the devices they run on.
//!
//! This is the only module that knows burn's backends and WGSL. Each kernel is
//! one file of `shaders/` with a Rust twin of the same name here: the twin says
//! what the kernel computes, tests it, and is what runs on a CPU. All else in
//! the library speaks [`Tensor`].

use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Tensor};

#[cfg(feature = "train")]
mod autodiff;
pub mod device;
mod extension;
mod flex;
mod residual_layer_norm;
#[cfg(feature = "gpu")]
mod wgsl;

use extension::Kernels;

/// `LayerNorm(x + residual)` over the last axis, differentiable in all four
/// tensors.
///
/// Shapes: `x`, `residual` and the result `[…, width]`; `gamma`, `beta`
/// `[width]`. `epsilon` is added to the variance. Tensors that are not `f32`
/// go through burn's own LayerNorm.
pub fn residual_layer_norm<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
) -> Tensor<D> {
    if x.dtype() != DType::F32 {
        return burn::tensor::module::layer_norm(
            x + residual,
            gamma,
            Some(beta),
            f64::from(epsilon),
        );
    }
    Tensor::from_dispatch(Dispatch::residual_layer_norm(
        x.into_dispatch(),
        residual.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
    ))
}

/// Exact GELU, `x * Φ(x)`, with its exact derivative on every device.
///
/// burn's own backward pass on wgpu differentiates the tanh approximation
/// instead, and is off by up to 1e-3 of the gradient; there the error function
/// is differentiated.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    if device.is_autodiff() && device.inner() != Device::flex() {
        let phi = (x.clone().mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
        return x * phi;
    }
    burn::tensor::activation::gelu(x)
}
