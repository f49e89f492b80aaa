//! The kernels on burn's CPU backend: each runs its Rust twin.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{Shape, TensorData};

use super::extension::{Kernels, LayerNormGradients};
use super::residual_layer_norm as twin;

/// The CPU backend's own tensor type.
type FlexTensor = FloatTensor<Flex>;

/// Rows a thread takes at a time: small tasks cost more than they gain.
#[cfg(not(target_family = "wasm"))]
const ROWS_A_TASK: usize = 256;

/// Calls `f` with the elements of `tensor`, in row-major order.
fn elements(tensor: &FlexTensor) -> std::borrow::Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(elements) => elements.into(),
        None => tensor.to_contiguous().storage::<f32>().to_vec().into(),
    }
}

fn tensor(elements: Vec<f32>, shape: Shape) -> FlexTensor {
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

        #[cfg(not(target_family = "wasm"))]
        {
            use rayon::prelude::*;
            let task = ROWS_A_TASK * gamma.len().max(1);
            y.par_chunks_mut(task)
                .zip(x.par_chunks(task))
                .zip(residual.par_chunks(task))
                .for_each(|((y, x), residual)| {
                    twin::residual_layer_norm(x, residual, &gamma, &beta, epsilon, y);
                });
        }
        #[cfg(target_family = "wasm")]
        twin::residual_layer_norm(&x, &residual, &gamma, &beta, epsilon, &mut y);

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
        let mut parameters = vec![0.0; 2 * width];
        // On one thread, so that the sums over rows keep their order and a run
        // repeats to the bit whatever the number of cores.
        let (dgamma, dbeta) = parameters.split_at_mut(width);
        twin::residual_layer_norm_backward(
            &x, &residual, &gamma, &gradient, epsilon, &mut input, dgamma, dbeta,
        );
        LayerNormGradients {
            input: tensor(input, shape),
            parameters: tensor(parameters, Shape::new([2, width])),
        }
    }
}
