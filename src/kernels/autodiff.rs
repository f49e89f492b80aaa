//! Backward passes of the kernels, for training.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};
use burn::tensor::{Shape, Slice};

use super::extension::{Kernels, LayerNormGradients};

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
}
