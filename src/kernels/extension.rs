//! The kernels as one backend extension: burn routes each call to the wgpu,
//! CPU or autodiff implementation by the device of its tensors.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// What LayerNorm's backward pass yields.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct LayerNormGradients<B: Backend> {
    /// Gradient of `x` and of `residual` alike, in their shape.
    pub input: FloatTensor<B>,
    /// Gradients of `gamma` (row 0) and `beta` (row 1), `[2, width]`.
    pub parameters: FloatTensor<B>,
}

/// Operations with a WGSL kernel of our own. Tensors are `f32`.
#[backend_extension(
    Cube: cfg(feature = "gpu"),
    Flex,
    Autodiff: cfg(feature = "train")
)]
#[allow(
    unreachable_pub,
    reason = "the macro implements it for burn's public dispatch type"
)]
pub trait Kernels: Backend {
    /// `LayerNorm(x + residual)` over the last axis.
    fn residual_layer_norm(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// Gradients of [`residual_layer_norm`](Kernels::residual_layer_norm).
    fn residual_layer_norm_backward(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        epsilon: f32,
    ) -> LayerNormGradients<Self>;
}
