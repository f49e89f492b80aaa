//! Backward passes of the blocks of a layer, for training.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};
use burn::tensor::Slice;

use super::extension::{
    AttentionParameters, BlockGradients, BlockOutput, BlockSettings, Blocks, FeedForwardParameters,
};

/// Backward of [`Blocks::attention_block`]; parents are the input and the parameters in
/// their order, without panels.
#[derive(Debug)]
struct AttentionBlock;

impl<B: Blocks> Backward<B, 11> for AttentionBlock {
    type State = (
        FloatTensor<B>,
        AttentionParameters<B>,
        BlockOutput<B>,
        BlockSettings,
    );

    fn backward(
        self,
        ops: Ops<Self::State, 11>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        let (x, parameters, output, settings) = ops.state;
        let width = parameters.gamma.shape().num_elements();
        let found = B::attention_block_backward(x, parameters, output, upstream, settings);
        let part = |of: &FloatTensor<B>, part: usize| {
            let rows = Slice::from(part * width..(part + 1) * width);
            B::float_slice(of.clone(), &[rows])
        };
        let vector = |place: usize| part(&found.vectors, place);
        let gradients = [
            found.input.clone(),
            part(&found.inner, 0),
            vector(3),
            part(&found.inner, 1),
            vector(4),
            part(&found.inner, 2),
            vector(5),
            found.output.clone(),
            vector(2),
            vector(0),
            vector(1),
        ];
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

/// Backward of [`Blocks::feed_forward_block`]; parents as those of [`AttentionBlock`].
#[derive(Debug)]
struct FeedForwardBlock;

impl<B: Blocks> Backward<B, 7> for FeedForwardBlock {
    type State = (
        FloatTensor<B>,
        FeedForwardParameters<B>,
        BlockOutput<B>,
        BlockSettings,
    );

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        let (x, parameters, output, settings) = ops.state;
        let width = parameters.gamma.shape().num_elements();
        let found = B::feed_forward_block_backward(x, parameters, output, upstream, settings);
        let all = found.vectors.shape().num_elements();
        let vector = |from: usize, to: usize| {
            B::float_slice(found.vectors.clone(), &[Slice::from(from..to)])
        };
        let gradients = [
            found.input.clone(),
            found.inner.clone(),
            vector(3 * width, all),
            found.output.clone(),
            vector(2 * width, 3 * width),
            vector(0, width),
            vector(width, 2 * width),
        ];
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

/// Backward of [`Blocks::padded`].
#[derive(Debug)]
struct Padded;

impl<B: Blocks> Backward<B, 1> for Padded {
    type State = Arc<[usize]>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let upstream = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::unpadded(upstream, ops.state));
        }
    }
}

/// What a block yields as constants.
fn constants<B: Blocks, C: CheckpointStrategy>(
    output: FloatTensor<Autodiff<B, C>>,
    of: BlockOutput<B>,
) -> BlockOutput<Autodiff<B, C>> {
    BlockOutput {
        output,
        sums: Autodiff::<B, C>::from_inner(of.sums),
        inner: Autodiff::<B, C>::from_inner(of.inner),
        attended: Autodiff::<B, C>::from_inner(of.attended),
    }
}

/// Gradients as constants.
fn constant_gradients<B: Blocks, C: CheckpointStrategy>(
    of: BlockGradients<B>,
) -> BlockGradients<Autodiff<B, C>> {
    BlockGradients {
        input: Autodiff::<B, C>::from_inner(of.input),
        inner: Autodiff::<B, C>::from_inner(of.inner),
        output: Autodiff::<B, C>::from_inner(of.output),
        vectors: Autodiff::<B, C>::from_inner(of.vectors),
    }
}

fn output_of<B: Blocks, C: CheckpointStrategy>(of: BlockOutput<Autodiff<B, C>>) -> BlockOutput<B> {
    BlockOutput {
        output: of.output.into_primitive(),
        sums: of.sums.into_primitive(),
        inner: of.inner.into_primitive(),
        attended: of.attended.into_primitive(),
    }
}

fn attention_parameters<B: Blocks, C: CheckpointStrategy>(
    of: AttentionParameters<Autodiff<B, C>>,
) -> AttentionParameters<B> {
    AttentionParameters {
        query: of.query.into_primitive(),
        query_bias: of.query_bias.into_primitive(),
        key: of.key.into_primitive(),
        key_bias: of.key_bias.into_primitive(),
        value: of.value.into_primitive(),
        value_bias: of.value_bias.into_primitive(),
        output: of.output.into_primitive(),
        output_bias: of.output_bias.into_primitive(),
        gamma: of.gamma.into_primitive(),
        beta: of.beta.into_primitive(),
        inner_panels: of.inner_panels.into_primitive(),
        panels: of.panels.into_primitive(),
        inner_back: of.inner_back.into_primitive(),
        back: of.back.into_primitive(),
    }
}

fn feed_forward_parameters<B: Blocks, C: CheckpointStrategy>(
    of: FeedForwardParameters<Autodiff<B, C>>,
) -> FeedForwardParameters<B> {
    FeedForwardParameters {
        inner: of.inner.into_primitive(),
        inner_bias: of.inner_bias.into_primitive(),
        output: of.output.into_primitive(),
        output_bias: of.output_bias.into_primitive(),
        gamma: of.gamma.into_primitive(),
        beta: of.beta.into_primitive(),
        inner_panels: of.inner_panels.into_primitive(),
        panels: of.panels.into_primitive(),
        inner_back: of.inner_back.into_primitive(),
        back: of.back.into_primitive(),
    }
}

impl<B: Blocks, C: CheckpointStrategy> Blocks for Autodiff<B, C> {
    fn panels(matrix: FloatTensor<Self>, transposed: bool) -> FloatTensor<Self> {
        Self::from_inner(B::panels(matrix.into_primitive(), transposed))
    }

    fn attention_block(
        x: FloatTensor<Self>,
        parameters: AttentionParameters<Self>,
        settings: BlockSettings,
    ) -> BlockOutput<Self> {
        let guards = [
            x.node(),
            parameters.query.node(),
            parameters.query_bias.node(),
            parameters.key.node(),
            parameters.key_bias.node(),
            parameters.value.node(),
            parameters.value_bias.node(),
            parameters.output.node(),
            parameters.output_bias.node(),
            parameters.gamma.node(),
            parameters.beta.node(),
        ];
        let (x, parameters) = (x.into_primitive(), attention_parameters(parameters));
        let prepared = AttentionBlock
            .prepare::<C>(guards)
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prepared) => {
                let found = B::attention_block(x.clone(), parameters.clone(), settings.clone());
                let y = found.output.clone();
                let state = (x, parameters, found.clone(), settings);
                constants(prepared.finish(state, y), found)
            }
            OpsKind::UnTracked(prepared) => {
                let found = B::attention_block(x, parameters, settings);
                constants(prepared.finish(found.output.clone()), found)
            }
        }
    }

    fn attention_block_backward(
        x: FloatTensor<Self>,
        parameters: AttentionParameters<Self>,
        output: BlockOutput<Self>,
        gradient: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> BlockGradients<Self> {
        // Only first derivatives exist, so nothing is recorded here.
        constant_gradients(B::attention_block_backward(
            x.into_primitive(),
            attention_parameters(parameters),
            output_of(output),
            gradient.into_primitive(),
            settings,
        ))
    }

    fn feed_forward_block(
        x: FloatTensor<Self>,
        parameters: FeedForwardParameters<Self>,
        settings: BlockSettings,
    ) -> BlockOutput<Self> {
        let guards = [
            x.node(),
            parameters.inner.node(),
            parameters.inner_bias.node(),
            parameters.output.node(),
            parameters.output_bias.node(),
            parameters.gamma.node(),
            parameters.beta.node(),
        ];
        let (x, parameters) = (x.into_primitive(), feed_forward_parameters(parameters));
        let prepared = FeedForwardBlock
            .prepare::<C>(guards)
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prepared) => {
                let found = B::feed_forward_block(x.clone(), parameters.clone(), settings.clone());
                let y = found.output.clone();
                let state = (x, parameters, found.clone(), settings);
                constants(prepared.finish(state, y), found)
            }
            OpsKind::UnTracked(prepared) => {
                let found = B::feed_forward_block(x, parameters, settings);
                constants(prepared.finish(found.output.clone()), found)
            }
        }
    }

    fn feed_forward_block_backward(
        x: FloatTensor<Self>,
        parameters: FeedForwardParameters<Self>,
        output: BlockOutput<Self>,
        gradient: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> BlockGradients<Self> {
        constant_gradients(B::feed_forward_block_backward(
            x.into_primitive(),
            feed_forward_parameters(parameters),
            output_of(output),
            gradient.into_primitive(),
            settings,
        ))
    }

    fn padded(x: FloatTensor<Self>, lengths: Arc<[usize]>, length: usize) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match Padded.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let y = B::padded(x, lengths.clone(), length);
                prepared.finish(lengths, y)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::padded(x, lengths, length)),
        }
    }

    fn unpadded(x: FloatTensor<Self>, lengths: Arc<[usize]>) -> FloatTensor<Self> {
        Self::from_inner(B::unpadded(x.into_primitive(), lengths))
    }
}
