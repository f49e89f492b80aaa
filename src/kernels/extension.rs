//! The kernels as backend extensions: burn routes each call to the wgpu,
//! CPU or autodiff implementation by the device of its tensors.

use super::adamw::AdamwRates;
use super::dropout::Drops;
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

/// What the backward pass of a linear layer yields.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct LinearGradients<B: Backend> {
    /// Gradient of the input, in its shape.
    pub input: FloatTensor<B>,
    /// Gradient of the weight, `[inputs, outputs]`.
    pub weight: FloatTensor<B>,
    /// Gradient of the bias, `[outputs]`.
    pub bias: FloatTensor<B>,
}

/// What the backward pass of attention yields.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct AttentionGradients<B: Backend> {
    /// Gradient of the queries, in their shape.
    pub query: FloatTensor<B>,
    /// Gradient of the keys, in their shape.
    pub key: FloatTensor<B>,
    /// Gradient of the values, in their shape.
    pub value: FloatTensor<B>,
}

/// What a step of AdamW yields.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct AdamwStep<B: Backend> {
    /// The parameter, `[n]`.
    pub parameter: FloatTensor<B>,
    /// First moments of its gradient, then second ones, `[2 n]`.
    pub moments: FloatTensor<B>,
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

    /// Exact GELU.
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of [`exact_gelu`](Kernels::exact_gelu).
    fn exact_gelu_backward(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x weight + bias` over the last axis.
    fn linear_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradients of [`linear_with_bias`](Kernels::linear_with_bias).
    fn linear_with_bias_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> LinearGradients<Self>;

    /// `x + bias` over the last axis. Shapes: `x` `[…, width]`, `bias` `[width]`.
    fn add_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The sum over all axes but the last, `[width]`: the gradient of the bias
    /// of [`add_bias`](Kernels::add_bias).
    fn sum_of_rows(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// A step of AdamW without a gradient of its own. Shapes: `parameter`,
    /// `gradient` `[n]`; `moments` `[2 n]`, first and second ones; `factor` `[1]`,
    /// of the gradient.
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        rates: AdamwRates,
    ) -> AdamwStep<Self>;
}

/// Operations of inference alone, with a WGSL kernel of our own.
#[backend_extension(Cube: cfg(feature = "gpu"), Flex)]
#[allow(
    unreachable_pub,
    reason = "the macro implements it for burn's public dispatch type"
)]
pub trait Guards: Backend {
    /// The rows of `y`, with NaN throughout where the same row of `x` holds a value
    /// that is not finite. Shapes: `y` and the result `[rows, width]`, `x`
    /// `[rows, own width]`; both in single or both in half precision, the latter of
    /// even widths.
    fn guarded(y: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Operations that burn computes well on a GPU, with kernels of our own on a
/// CPU. Tensors are `f32`.
#[backend_extension(Flex, Autodiff: cfg(feature = "train"))]
#[allow(
    unreachable_pub,
    reason = "the macro implements it for burn's public dispatch type"
)]
pub trait CpuKernels: Backend {
    /// Sets elements to 0 with a probability of `rate` and multiplies the others
    /// by `1 / (1 - rate)`; which ones is a function of `seed` and place.
    fn seeded_dropout(x: FloatTensor<Self>, rate: f32, seed: u64) -> FloatTensor<Self>;

    /// Attention of `heads` heads side by side in the last axis. Shapes:
    /// `query` and the result `[batch, places, hidden]`, `key` and `value`
    /// `[batch, length, hidden]`, `bias` of the scores `[batch, length]`.
    fn attention_of_heads(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// Gradients of [`attention_of_heads`](CpuKernels::attention_of_heads);
    /// the bias has none.
    fn attention_of_heads_backward(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        heads: usize,
    ) -> AttentionGradients<Self>;
}

/// Parameters of a layer's attention block, and the panels of its matrices: those of
/// queries, keys and values side by side, of the matrix behind attention, and, where
/// there is training, of the transposes of both.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct AttentionParameters<B: Backend> {
    /// `[hidden, hidden]`, as the next three matrices.
    pub query: FloatTensor<B>,
    /// `[hidden]`, as all other biases.
    pub query_bias: FloatTensor<B>,
    /// Of the keys.
    pub key: FloatTensor<B>,
    /// Of the keys.
    pub key_bias: FloatTensor<B>,
    /// Of the values.
    pub value: FloatTensor<B>,
    /// Of the values.
    pub value_bias: FloatTensor<B>,
    /// Behind attention.
    pub output: FloatTensor<B>,
    /// Behind attention.
    pub output_bias: FloatTensor<B>,
    /// Of LayerNorm.
    pub gamma: FloatTensor<B>,
    /// Of LayerNorm.
    pub beta: FloatTensor<B>,
    /// Of queries, keys and values.
    pub inner_panels: FloatTensor<B>,
    /// Of the matrix behind attention.
    pub panels: FloatTensor<B>,
    /// Of the transpose of what `inner_panels` are of.
    pub inner_back: FloatTensor<B>,
    /// Of the transpose of what `panels` are of.
    pub back: FloatTensor<B>,
}

/// Parameters of a layer's feed-forward block, and the panels of its matrices and, where
/// there is training, of their transposes.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct FeedForwardParameters<B: Backend> {
    /// `[hidden, inner]`.
    pub inner: FloatTensor<B>,
    /// `[inner]`.
    pub inner_bias: FloatTensor<B>,
    /// `[inner, hidden]`.
    pub output: FloatTensor<B>,
    /// `[hidden]`.
    pub output_bias: FloatTensor<B>,
    /// Of LayerNorm.
    pub gamma: FloatTensor<B>,
    /// Of LayerNorm.
    pub beta: FloatTensor<B>,
    /// Of `inner`.
    pub inner_panels: FloatTensor<B>,
    /// Of `output`.
    pub panels: FloatTensor<B>,
    /// Of the transpose of `inner`.
    pub inner_back: FloatTensor<B>,
    /// Of the transpose of `output`.
    pub back: FloatTensor<B>,
}

/// What a block of a layer yields, and what its backward pass needs.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct BlockOutput<B: Backend> {
    /// In the shape of the input.
    pub output: FloatTensor<B>,
    /// The input of LayerNorm, in the shape of the input.
    pub sums: FloatTensor<B>,
    /// Queries, keys and values side by side, or what enters GELU; `[rows, width]`.
    pub inner: FloatTensor<B>,
    /// What attention yields, in the shape of the input; empty of a feed-forward block.
    pub attended: FloatTensor<B>,
}

/// Gradients of a block of a layer.
#[derive(ExtensionType, Debug, Clone)]
#[allow(unreachable_pub, reason = "the macro implements public traits with it")]
pub struct BlockGradients<B: Backend> {
    /// Of the input, in its shape.
    pub input: FloatTensor<B>,
    /// Of the matrices before attention or GELU, one behind the other.
    pub inner: FloatTensor<B>,
    /// Of the matrix behind it.
    pub output: FloatTensor<B>,
    /// Of gamma, beta, the bias behind and the biases before, one behind the other.
    pub vectors: FloatTensor<B>,
}

/// What a block of a layer computes with, beside its parameters.
#[derive(Debug, Clone)]
#[allow(
    unreachable_pub,
    reason = "the extension trait is public for the macro"
)]
pub struct BlockSettings {
    /// Rows of each molecule, one behind the other.
    pub(super) lengths: std::sync::Arc<[usize]>,
    /// Heads of attention.
    pub(super) heads: usize,
    /// Added to LayerNorm's variance.
    pub(super) epsilon: f32,
    /// What is dropped of the block's product.
    pub(super) drops: Drops,
    /// What is dropped of the probabilities of attention.
    pub(super) probability_drops: Drops,
}

/// The blocks of a layer on a CPU, each in one go. Rows of several molecules lie one behind
/// the other without padding. Tensors are `f32`.
#[backend_extension(Flex, Autodiff: cfg(feature = "train"))]
#[allow(
    unreachable_pub,
    reason = "the macro implements it for burn's public dispatch type"
)]
pub trait Blocks: Backend {
    /// The panels of a matrix `[depth, columns]`, or of the transpose of one
    /// `[columns, depth]`, one behind the other; without a gradient.
    fn panels(matrix: FloatTensor<Self>, transposed: bool) -> FloatTensor<Self>;

    /// The attention block of a layer. Shapes: `x` `[…, hidden]`, as many rows as there
    /// are in all of the settings' `lengths`.
    fn attention_block(
        x: FloatTensor<Self>,
        #[extension_type] parameters: AttentionParameters<Self>,
        settings: BlockSettings,
    ) -> BlockOutput<Self>;

    /// Gradients of [`attention_block`](Blocks::attention_block).
    fn attention_block_backward(
        x: FloatTensor<Self>,
        #[extension_type] parameters: AttentionParameters<Self>,
        #[extension_type] output: BlockOutput<Self>,
        gradient: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> BlockGradients<Self>;

    /// The feed-forward block of a layer. Shapes: `x` `[…, hidden]`.
    fn feed_forward_block(
        x: FloatTensor<Self>,
        #[extension_type] parameters: FeedForwardParameters<Self>,
        settings: BlockSettings,
    ) -> BlockOutput<Self>;

    /// Gradients of [`feed_forward_block`](Blocks::feed_forward_block).
    fn feed_forward_block_backward(
        x: FloatTensor<Self>,
        #[extension_type] parameters: FeedForwardParameters<Self>,
        #[extension_type] output: BlockOutput<Self>,
        gradient: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> BlockGradients<Self>;

    /// The rows of `x` `[1, rows, width]`, molecules of `lengths` one behind the other,
    /// with zeros behind each: `[molecules, length, width]`.
    fn padded(
        x: FloatTensor<Self>,
        lengths: std::sync::Arc<[usize]>,
        length: usize,
    ) -> FloatTensor<Self>;

    /// The rows of `x` `[molecules, length, width]` without what is behind each molecule:
    /// `[1, rows, width]`.
    fn unpadded(x: FloatTensor<Self>, lengths: std::sync::Arc<[usize]>) -> FloatTensor<Self>;
}
