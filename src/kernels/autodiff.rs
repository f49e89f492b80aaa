//! Backward passes of the kernels, for training.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};
use burn::tensor::{Shape, Slice};

use super::adamw::AdamwRates;
use super::extension::{
    AdamwStep, AttentionGradients, CpuKernels, Kernels, LayerNormGradients, LinearGradients,
};

/// Backward of [`Kernels::residual_layer_norm`]; parents are
/// `x, residual, gamma, beta`.
#[derive(Debug)]
struct ResidualLayerNorm;

/// What the backward pass needs: `x`, `residual`, `gamma` and epsilon. The
/// statistics are computed again, which is cheaper than storing them.
type State<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, f32);

impl<B: Kernels> Backward<B, 4> for ResidualLayerNorm {
    type State = State<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x, residual, gamma, beta] = ops.parents;
        let upstream = grads.consume::<B>(&ops.node);
        let (x_value, residual_value, gamma_value, epsilon) = ops.state;
        let width = gamma_value.shape().num_elements();
        let gradients = B::residual_layer_norm_backward(
            x_value,
            residual_value,
            gamma_value,
            upstream,
            epsilon,
        );
        for node in [x, residual].into_iter().flatten() {
            grads.register::<B>(node.id, gradients.input.clone());
        }
        for (row, node) in [gamma, beta].into_iter().enumerate() {
            if let Some(node) = node {
                let slices = [Slice::from(row..row + 1), Slice::from(0..width)];
                let gradient = B::float_slice(gradients.parameters.clone(), &slices);
                grads.register::<B>(node.id, B::float_reshape(gradient, Shape::new([width])));
            }
        }
    }
}

impl<B: Kernels, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn residual_layer_norm(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (residual, residual_node) = residual.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let (beta, beta_node) = beta.into_parts();
        let prepared = ResidualLayerNorm
            .prepare::<C>([x_node, residual_node, gamma_node, beta_node])
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prepared) => {
                let y = B::residual_layer_norm(
                    x.clone(),
                    residual.clone(),
                    gamma.clone(),
                    beta,
                    epsilon,
                );
                prepared.finish((x, residual, gamma, epsilon), y)
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(B::residual_layer_norm(x, residual, gamma, beta, epsilon))
            }
        }
    }

    fn residual_layer_norm_backward(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        epsilon: f32,
    ) -> LayerNormGradients<Self> {
        // Only first derivatives exist, so nothing is recorded here.
        let gradients = B::residual_layer_norm_backward(
            x.into_primitive(),
            residual.into_primitive(),
            gamma.into_primitive(),
            gradient.into_primitive(),
            epsilon,
        );
        LayerNormGradients {
            input: Self::from_inner(gradients.input),
            parameters: Self::from_inner(gradients.parameters),
        }
    }

    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match Gelu.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(x.clone(), B::exact_gelu(x)),
            OpsKind::UnTracked(prepared) => prepared.finish(B::exact_gelu(x)),
        }
    }

    fn exact_gelu_backward(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(B::exact_gelu_backward(
            x.into_primitive(),
            gradient.into_primitive(),
        ))
    }

    fn linear_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let prepared = Linear
            .prepare::<C>([x_node, weight_node, bias_node])
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prepared) => {
                let y = B::linear_with_bias(x.clone(), weight.clone(), bias);
                prepared.finish((x, weight), y)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::linear_with_bias(x, weight, bias)),
        }
    }

    fn linear_with_bias_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> LinearGradients<Self> {
        let gradients = B::linear_with_bias_backward(
            x.into_primitive(),
            weight.into_primitive(),
            gradient.into_primitive(),
        );
        LinearGradients {
            input: Self::from_inner(gradients.input),
            weight: Self::from_inner(gradients.weight),
            bias: Self::from_inner(gradients.bias),
        }
    }

    fn add_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let prepared = AddBias
            .prepare::<C>([x_node, bias_node])
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((), B::add_bias(x, bias)),
            OpsKind::UnTracked(prepared) => prepared.finish(B::add_bias(x, bias)),
        }
    }

    fn sum_of_rows(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(B::sum_of_rows(x.into_primitive()))
    }

    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        rates: AdamwRates,
    ) -> AdamwStep<Self> {
        let step = B::adamw(
            parameter.into_primitive(),
            gradient.into_primitive(),
            moments.into_primitive(),
            factor.into_primitive(),
            rates,
        );
        AdamwStep {
            parameter: Self::from_inner(step.parameter),
            moments: Self::from_inner(step.moments),
        }
    }
}

/// Backward of [`Kernels::add_bias`]; parents are `x, bias`.
#[derive(Debug)]
struct AddBias;

impl<B: Kernels> Backward<B, 2> for AddBias {
    type State = ();

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        let [x, bias] = ops.parents;
        if let Some(node) = bias {
            grads.register::<B>(node.id, B::sum_of_rows(upstream.clone()));
        }
        if let Some(node) = x {
            grads.register::<B>(node.id, upstream);
        }
    }
}

/// Backward of [`Kernels::exact_gelu`].
#[derive(Debug)]
struct Gelu;

impl<B: Kernels> Backward<B, 1> for Gelu {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::exact_gelu_backward(ops.state, upstream));
        }
    }
}

/// Backward of [`Kernels::linear_with_bias`]; parents are
/// `x, weight, bias`.
#[derive(Debug)]
struct Linear;

impl<B: Kernels> Backward<B, 3> for Linear {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        let (x, weight) = ops.state;
        let gradients = B::linear_with_bias_backward(x, weight, upstream);
        let all = [gradients.input, gradients.weight, gradients.bias];
        for (node, gradient) in ops.parents.into_iter().zip(all) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

/// Backward of [`CpuKernels::seeded_dropout`]: the same elements of the
/// gradient are dropped.
#[derive(Debug)]
struct Dropout;

impl<B: CpuKernels> Backward<B, 1> for Dropout {
    type State = (f32, u64);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        let (rate, seed) = ops.state;
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::seeded_dropout(upstream, rate, seed));
        }
    }
}

/// Backward of [`CpuKernels::attention_of_heads`]; parents are
/// `query, key, value`.
#[derive(Debug)]
struct Attention;

impl<B: CpuKernels> Backward<B, 3> for Attention {
    type State = ([FloatTensor<B>; 4], usize);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        let ([query, key, value, bias], heads) = ops.state;
        let gradients = B::attention_of_heads_backward(query, key, value, bias, upstream, heads);
        let all = [gradients.query, gradients.key, gradients.value];
        for (node, gradient) in ops.parents.into_iter().zip(all) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: CpuKernels, C: CheckpointStrategy> CpuKernels for Autodiff<B, C> {
    fn seeded_dropout(x: FloatTensor<Self>, rate: f32, seed: u64) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match Dropout.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                prepared.finish((rate, seed), B::seeded_dropout(x, rate, seed))
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::seeded_dropout(x, rate, seed)),
        }
    }

    fn attention_of_heads(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self> {
        let (query, query_node) = query.into_parts();
        let (key, key_node) = key.into_parts();
        let (value, value_node) = value.into_parts();
        let bias = bias.into_primitive();
        let prepared = Attention
            .prepare::<C>([query_node, key_node, value_node])
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prepared) => {
                let all = [query, key, value, bias];
                let [query, key, value, bias] = all.clone();
                let y = B::attention_of_heads(query, key, value, bias, heads);
                prepared.finish((all, heads), y)
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(B::attention_of_heads(query, key, value, bias, heads))
            }
        }
    }

    fn attention_of_heads_backward(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        heads: usize,
    ) -> AttentionGradients<Self> {
        let gradients = B::attention_of_heads_backward(
            query.into_primitive(),
            key.into_primitive(),
            value.into_primitive(),
            bias.into_primitive(),
            gradient.into_primitive(),
            heads,
        );
        AttentionGradients {
            query: Self::from_inner(gradients.query),
            key: Self::from_inner(gradients.key),
            value: Self::from_inner(gradients.value),
        }
    }
}
