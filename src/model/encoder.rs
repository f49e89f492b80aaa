//! The encoder: BERT over SMILES, with its depth stacked or shared.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::config::{EncoderConfig, Pooling, Sharing};
use super::parameters::{Parameters, Source, SourceError, Stored};
use crate::kernels::int8;
use crate::kernels::{
    LayerBlocks, LayerParts, attention, dropout, embedding, gelu, guarded, linear, on_cpu, padded,
    padding, residual_layer_norm,
};

/// Added to the attention score of padding; the value of the reference.
const MASKED: f32 = -10_000.0;

/// Token sequences of one length, padded at the end.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Token ids, `[batch, length]`.
    pub ids: Tensor<2, Int>,
    /// 1 for a token, 0 for padding, `[batch, length]`.
    pub mask: Tensor<2>,
    /// Token types, `[batch, length]`; all 0 where absent.
    pub token_types: Option<Tensor<2, Int>>,
    /// What a head reads beside the tokens, `[batch, inputs]`: see
    /// [`WideInputs`](super::WideInputs).
    pub wide: Option<Tensor<2>>,
}

impl Batch {
    /// Pads `sequences` to the longest, on a GPU to a multiple of 16 tokens, and
    /// moves them to `device`.
    pub fn new<S: AsRef<[u32]>>(sequences: &[S], device: &Device) -> Self {
        let length = sequences
            .iter()
            .map(|sequence| sequence.as_ref().len())
            .max()
            .unwrap_or(0)
            .max(1)
            .next_multiple_of(padding(device));
        let mut ids = vec![crate::tokenizer::PAD as i32; sequences.len() * length];
        let mut mask = vec![0.0f32; ids.len()];
        for (row, sequence) in sequences.iter().enumerate() {
            for (column, &id) in sequence.as_ref().iter().enumerate() {
                ids[row * length + column] = id as i32;
                mask[row * length + column] = 1.0;
            }
        }
        let shape = [sequences.len(), length];
        Self {
            ids: Tensor::from_data(TensorData::new(ids, shape), device),
            mask: Tensor::from_data(TensorData::new(mask, shape), device),
            token_types: None,
            wide: None,
        }
    }
}

/// The sequences of a batch one behind the other, without padding.
struct Packed {
    /// `[1, rows]`.
    ids: Tensor<2, Int>,
    /// `[1, rows]`; all 0 where absent.
    token_types: Option<Tensor<2, Int>>,
    /// The place of each token in its sequence.
    places: Vec<usize>,
    lengths: Arc<[usize]>,
    /// Tokens that the sequences were padded to.
    length: usize,
}

impl Packed {
    /// The batch without padding; `None` where padding is not at the ends alone.
    fn new(batch: &Batch) -> Option<Self> {
        let [_, length] = batch.mask.dims();
        let mask: Vec<f32> = batch.mask.clone().into_data().iter().collect();
        let own = |mask: &[f32]| {
            let own = mask.iter().position(|&one| one != 1.0);
            let own = own.unwrap_or(length);
            (own > 0 && mask[own..].iter().all(|&zero| zero == 0.0)).then_some(own)
        };
        let lengths = mask.chunks(length.max(1)).map(own);
        let lengths: Arc<[usize]> = lengths.collect::<Option<_>>()?;
        let kept = |ids: &Tensor<2, Int>| {
            let all: Vec<i32> = ids.clone().into_data().iter().collect();
            let rows = all.chunks(length.max(1)).zip(lengths.iter());
            let ids: Vec<i32> = rows.flat_map(|(row, &own)| &row[..own]).copied().collect();
            let shape = [1, ids.len()];
            Tensor::from_data(TensorData::new(ids, shape), &batch.mask.device())
        };
        Some(Self {
            ids: kept(&batch.ids),
            token_types: batch.token_types.as_ref().map(kept),
            places: lengths.iter().flat_map(|&own| 0..own).collect(),
            length,
            lengths,
        })
    }
}

/// `values` as so many rows on `device`; `None` where there are none.
pub(crate) fn matrix(values: Vec<f32>, rows: usize, device: &Device) -> Option<Tensor<2>> {
    let shape = [rows, values.len() / rows.max(1)];
    (!values.is_empty()).then(|| Tensor::from_data(TensorData::new(values, shape), device))
}

/// What the encoder makes of a batch.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Every hidden state, `[batch, length, hidden]`: first what enters the
    /// first layer, then the output of each layer or pass.
    pub hidden_states: Vec<Tensor<3>>,
    /// `tanh` of the pooler on what stands for the molecule (see
    /// [`Pooling`]), `[batch, hidden]`.
    pub pooled: Tensor<2>,
}

/// LayerNorm, always of a sum: `LayerNorm(x + residual)`.
#[derive(Module, Debug)]
pub(super) struct LayerNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    pub(super) fn new(
        source: &mut impl Source,
        name: &str,
        config: &EncoderConfig,
    ) -> Result<Self, SourceError> {
        Self::of_width(source, name, config.hidden_size, config.layer_norm_eps)
    }

    pub(super) fn of_width(
        source: &mut impl Source,
        name: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            gamma: source.ones(&format!("{name}.weight"), width)?,
            beta: source.zeros(&format!("{name}.bias"), width)?,
            epsilon,
        })
    }

    pub(super) fn forward<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        residual_layer_norm(
            x,
            residual,
            self.gamma.val(),
            self.beta.val(),
            self.epsilon as f32,
        )
    }

    /// As the kernels in 8-bit integers take it.
    pub(super) fn parts(&self) -> int8::Norm {
        int8::Norm {
            gamma: values(self.gamma.val()),
            beta: values(self.beta.val()),
            epsilon: self.epsilon as f32,
        }
    }

    pub(super) fn store<'a>(&'a self, name: &str, into: &mut Stored<'a>) {
        into.vector(format!("{name}.weight"), &self.gamma);
        into.vector(format!("{name}.bias"), &self.beta);
    }
}

/// Word + position + type embeddings, normalised.
#[derive(Module, Debug)]
struct Embeddings {
    word: Embedding,
    token_type: Embedding,
    norm: LayerNorm,
    dropout: Dropout,
}

impl Embeddings {
    fn new(source: &mut impl Source, config: &EncoderConfig) -> Result<Self, SourceError> {
        Ok(Self {
            word: Embedding {
                weight: source.matrix(
                    "embeddings.word_embeddings.weight",
                    [config.vocab_size, config.hidden_size],
                )?,
            },
            token_type: Embedding {
                weight: source.matrix(
                    "embeddings.token_type_embeddings.weight",
                    [config.type_vocab_size, config.hidden_size],
                )?,
            },
            norm: LayerNorm::new(source, "embeddings.LayerNorm", config)?,
            dropout: DropoutConfig::new(config.hidden_dropout_prob).init(),
        })
    }

    fn forward(&self, batch: &Batch) -> Tensor<3> {
        let [_, length] = batch.ids.dims();
        let positions = sinusoidal_positions(length, self.hidden());
        self.embed(batch.ids.clone(), batch.token_types.clone(), positions)
    }

    /// The same of sequences without padding, `[1, rows, hidden]`.
    fn forward_packed(&self, packed: &Packed) -> Tensor<3> {
        let hidden = self.hidden();
        let table = sinusoidal_positions(packed.length, hidden);
        let places = packed.places.iter();
        let positions = places.flat_map(|place| &table[place * hidden..][..hidden]);
        self.embed(
            packed.ids.clone(),
            packed.token_types.clone(),
            positions.copied().collect(),
        )
    }

    fn hidden(&self) -> usize {
        self.word.weight.val().dims()[1]
    }

    /// Shapes: `ids`, `types` and the result's first two `[rows, length]`; `positions`
    /// `[length, hidden]`, the same for all rows.
    fn embed(
        &self,
        ids: Tensor<2, Int>,
        types: Option<Tensor<2, Int>>,
        positions: Vec<f32>,
    ) -> Tensor<3> {
        let device = ids.device();
        let word = embedding(&self.word, ids);
        let [rows, length, hidden] = word.dims();
        let positions =
            Tensor::<2>::from_data(TensorData::new(positions, [length, hidden]), &device)
                .cast(word.dtype())
                .unsqueeze::<3>();
        let context = match types {
            Some(types) => self.token_type.forward(types) + positions,
            None => {
                let first = self.token_type.weight.val().slice([0..1, 0..hidden]);
                (positions + first.unsqueeze::<3>()).expand([rows, length, hidden])
            }
        };
        dropout(&self.dropout, self.norm.forward(word, context))
    }

    fn store<'a>(&'a self, into: &mut Stored<'a>) {
        into.matrix(
            "embeddings.word_embeddings.weight".to_owned(),
            &self.word.weight,
        );
        into.matrix(
            "embeddings.token_type_embeddings.weight".to_owned(),
            &self.token_type.weight,
        );
        self.norm.store("embeddings.LayerNorm", into);
    }
}

/// Fixed positions in Transformer-XL's form, `[length, hidden]` in row-major
/// order: all sines, then all cosines, of `p / 10000^(2i / hidden)`.
pub fn sinusoidal_positions(length: usize, hidden: usize) -> Vec<f32> {
    let half = hidden / 2;
    let of = |i: usize| 10_000f64.powf((2 * i) as f64 / hidden as f64);
    let wavelengths: Vec<f64> = (0..half).map(of).collect();
    let mut table = vec![0.0; length * hidden];
    for (position, row) in table.chunks_exact_mut(hidden).enumerate() {
        for (i, wavelength) in wavelengths.iter().enumerate() {
            let angle = position as f64 / wavelength;
            row[i] = angle.sin() as f32;
            row[half + i] = angle.cos() as f32;
        }
    }
    table
}

/// The names of a layer's parts in a checkpoint.
struct LayerNames {
    query: &'static str,
    key: &'static str,
    value: &'static str,
    attention_output: &'static str,
    attention_norm: &'static str,
    intermediate: &'static str,
    output: &'static str,
    output_norm: &'static str,
}

const BERT: LayerNames = LayerNames {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

const ALBERT: LayerNames = LayerNames {
    query: "attention.query",
    key: "attention.key",
    value: "attention.value",
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    intermediate: "ffn",
    output: "ffn_output",
    output_norm: "full_layer_layer_norm",
};

const ALBERT_MAPPING: &str = "encoder.embedding_hidden_mapping_in";

/// Prefix and names of layer `index`.
fn layer_names(sharing: Sharing, index: usize) -> (String, &'static LayerNames) {
    match sharing {
        Sharing::None => (format!("encoder.layer.{index}."), &BERT),
        Sharing::All => (
            "encoder.albert_layer_groups.0.albert_layers.0.".to_owned(),
            &ALBERT,
        ),
    }
}

fn pooler_name(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::None => "pooler.dense",
        Sharing::All => "pooler",
    }
}

/// One transformer layer, LayerNorm after each block (post-LN).
#[derive(Module, Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
    attention_dropout: Dropout,
    hidden_dropout: Dropout,
    output_dropout: Dropout,
    heads: usize,
}

impl Layer {
    fn new(
        source: &mut impl Source,
        config: &EncoderConfig,
        index: usize,
    ) -> Result<Self, SourceError> {
        let (prefix, names) = layer_names(config.parameter_sharing, index);
        let name = |part: &str| format!("{prefix}{part}");
        let hidden = config.hidden_size;
        let inner = config.intermediate_size;
        Ok(Self {
            query: source.linear(&name(names.query), hidden, hidden)?,
            key: source.linear(&name(names.key), hidden, hidden)?,
            value: source.linear(&name(names.value), hidden, hidden)?,
            attention_output: source.linear(&name(names.attention_output), hidden, hidden)?,
            attention_norm: LayerNorm::new(source, &name(names.attention_norm), config)?,
            intermediate: source.linear(&name(names.intermediate), hidden, inner)?,
            output: source.linear(&name(names.output), inner, hidden)?,
            output_norm: LayerNorm::new(source, &name(names.output_norm), config)?,
            attention_dropout: DropoutConfig::new(config.attention_probs_dropout_prob).init(),
            hidden_dropout: DropoutConfig::new(config.hidden_dropout_prob).init(),
            // ALBERT has no dropout behind its feed-forward block.
            output_dropout: DropoutConfig::new(match config.parameter_sharing {
                Sharing::None => config.hidden_dropout_prob,
                Sharing::All => 0.0,
            })
            .init(),
            heads: config.num_attention_heads,
        })
    }

    /// The layer on a CPU for sequences without padding.
    fn blocks(&self, lengths: &Arc<[usize]>) -> Option<LayerBlocks<'_>> {
        let norm = |norm: &LayerNorm| [norm.gamma.val(), norm.beta.val()];
        let parts = LayerParts {
            query: &self.query,
            key: &self.key,
            value: &self.value,
            attended: &self.attention_output,
            attended_norm: norm(&self.attention_norm),
            inner: &self.intermediate,
            output: &self.output,
            output_norm: norm(&self.output_norm),
            heads: self.heads,
            epsilon: self.attention_norm.epsilon as f32,
            attention_dropout: &self.attention_dropout,
            attended_dropout: &self.hidden_dropout,
            output_dropout: &self.output_dropout,
        };
        LayerBlocks::new(parts, lengths)
    }

    /// Shapes: `x` `[batch, length, hidden]`, `bias` `[batch, length]`.
    fn forward(&self, x: Tensor<3>, bias: Tensor<2>) -> Tensor<3> {
        self.forward_at(x.clone(), x, bias)
    }

    /// The output at `x` `[batch, places, hidden]`, some of the places of
    /// `all` `[batch, length, hidden]`.
    fn forward_at(&self, x: Tensor<3>, all: Tensor<3>, bias: Tensor<2>) -> Tensor<3> {
        let attended = linear(&self.attention_output, self.attend(x.clone(), all, bias));
        let x = self
            .attention_norm
            .forward(dropout(&self.hidden_dropout, attended), x);
        let inner = gelu(linear(&self.intermediate, x.clone()));
        let output = dropout(&self.output_dropout, linear(&self.output, inner));
        self.output_norm.forward(output, x)
    }

    fn attend(&self, x: Tensor<3>, all: Tensor<3>, bias: Tensor<2>) -> Tensor<3> {
        attention(
            linear(&self.query, x),
            linear(&self.key, all.clone()),
            linear(&self.value, all),
            bias,
            self.heads,
            &self.attention_dropout,
        )
    }

    fn store<'a>(&'a self, config: &EncoderConfig, index: usize, into: &mut Stored<'a>) {
        let (prefix, names) = layer_names(config.parameter_sharing, index);
        for (name, linear) in [
            (names.query, &self.query),
            (names.key, &self.key),
            (names.value, &self.value),
            (names.attention_output, &self.attention_output),
            (names.intermediate, &self.intermediate),
            (names.output, &self.output),
        ] {
            into.linear(&format!("{prefix}{name}"), linear);
        }
        for (name, norm) in [
            (names.attention_norm, &self.attention_norm),
            (names.output_norm, &self.output_norm),
        ] {
            norm.store(&format!("{prefix}{name}"), into);
        }
    }
}

/// The encoder of the paper: embeddings, layers or passes, pooler.
#[derive(Module, Debug)]
pub struct Encoder {
    embeddings: Embeddings,
    mapping_in: Option<Linear>,
    layers: Vec<Layer>,
    pooler: Linear,
    /// Whether the mean over tokens is pooled and not the first one.
    pools_mean: bool,
    passes: usize,
}

impl Encoder {
    /// Builds the encoder of `config` with the parameters of `source`.
    ///
    /// # Errors
    ///
    /// Where `source` lacks a parameter or holds it in another shape.
    pub(crate) fn new(
        source: &mut impl Source,
        config: &EncoderConfig,
    ) -> Result<Self, SourceError> {
        let hidden = config.hidden_size;
        let sharing = config.parameter_sharing;
        let (own_layers, passes) = match sharing {
            Sharing::None => (config.num_hidden_layers, 1),
            Sharing::All => (1, config.num_hidden_layers),
        };
        Ok(Self {
            embeddings: Embeddings::new(source, config)?,
            mapping_in: match sharing {
                Sharing::None => None,
                Sharing::All => Some(source.linear(ALBERT_MAPPING, hidden, hidden)?),
            },
            layers: (0..own_layers)
                .map(|index| Layer::new(source, config, index))
                .collect::<Result<_, _>>()?,
            pooler: source.linear(pooler_name(sharing), hidden, hidden)?,
            pools_mean: config.pooling == Pooling::Mean,
            passes,
        })
    }

    /// Encodes a batch and keeps every hidden state; see [`Encoded`].
    pub fn forward(&self, batch: &Batch) -> Encoded {
        let mut hidden_states = Vec::new();
        let (last, pooled) = self.pass(batch, Some(&mut hidden_states));
        hidden_states.push(last);
        Encoded {
            hidden_states,
            pooled,
        }
    }

    /// Encodes a batch: the last hidden state, `[batch, length, hidden]`, and
    /// the pooled output, `[batch, hidden]`. On a CPU the states of padding are 0.
    pub fn encode(&self, batch: &Batch) -> (Tensor<3>, Tensor<2>) {
        self.pass(batch, None)
    }

    /// The pooled output alone, `[batch, hidden]`: that of [`Self::encode`],
    /// where the first token is pooled without computing what the others
    /// become in the last layer.
    pub fn pool(&self, batch: &Batch) -> Tensor<2> {
        if self.pools_mean {
            return self.encode(batch).1;
        }
        let (mut x, bias) = self.enter(batch);
        let depth = self.depth();
        for layer in self.passes().take(depth - 1) {
            x = layer.forward(x, bias.clone());
        }
        for layer in self.passes().skip(depth - 1) {
            x = layer.forward_at(first_token(x.clone()), x, bias.clone());
        }
        self.pooler(first_token(x).squeeze_dim(1))
    }

    /// The forward pass; `kept` gets every hidden state but the last.
    fn pass(&self, batch: &Batch, mut kept: Option<&mut Vec<Tensor<3>>>) -> (Tensor<3>, Tensor<2>) {
        // Of padding, hidden states that are asked for without training are those of the
        // reference.
        let training = self.pooler.weight.val().device().is_autodiff();
        let packed = (training || kept.is_none()).then(|| self.pass_packed(batch, &mut kept));
        let x = match packed.flatten() {
            Some(x) => x,
            None => {
                let (mut x, bias) = self.enter(batch);
                for layer in self.passes() {
                    if let Some(kept) = &mut kept {
                        kept.push(x.clone());
                    }
                    x = layer.forward(x, bias.clone());
                }
                x
            }
        };
        let pooled = if self.pools_mean {
            mean_of_tokens(x.clone(), batch)
        } else {
            first_token(x.clone()).squeeze_dim(1)
        };
        (x, self.pooler(pooled))
    }

    /// The last hidden state, by way of sequences without padding, whose states are 0;
    /// `None` where that is not possible.
    fn pass_packed(
        &self,
        batch: &Batch,
        kept: &mut Option<&mut Vec<Tensor<3>>>,
    ) -> Option<Tensor<3>> {
        if !on_cpu(&self.embeddings.word.weight.val()) {
            return None;
        }
        let packed = Packed::new(batch)?;
        let lengths = &packed.lengths;
        let layers: Vec<LayerBlocks<'_>> = self
            .layers
            .iter()
            .map(|layer| layer.blocks(lengths))
            .collect::<Option<_>>()?;
        let mut x = self.map_in(self.embeddings.forward_packed(&packed));
        for layer in layers.iter() {
            for _ in 0..self.passes {
                if let Some(kept) = kept {
                    kept.push(padded(x.clone(), lengths, packed.length));
                }
                x = layer.forward(x);
            }
        }
        Some(padded(x, lengths, packed.length))
    }

    fn map_in(&self, x: Tensor<3>) -> Tensor<3> {
        match &self.mapping_in {
            Some(mapping) => linear(mapping, x),
            None => x,
        }
    }

    /// What enters the first layer, `[batch, length, hidden]`, and what hides
    /// padding from attention, `[batch, length]`.
    fn enter(&self, batch: &Batch) -> (Tensor<3>, Tensor<2>) {
        let bias = (batch.mask.clone().neg() + 1.0).mul_scalar(MASKED);
        let x = self.map_in(self.embeddings.forward(batch));
        let bias = bias.cast(x.dtype());
        (x, bias)
    }

    /// The layers in the order in which they are passed, a shared one again
    /// and again.
    fn passes(&self) -> impl Iterator<Item = &Layer> {
        let again = self.passes;
        self.layers
            .iter()
            .flat_map(move |layer| std::iter::repeat_n(layer, again))
    }

    fn depth(&self) -> usize {
        self.layers.len() * self.passes
    }

    /// The same encoder in 8-bit integers, of sequences of at most `length` tokens.
    pub(crate) fn in_eight_bits(&self, length: usize) -> int8::Encoder {
        let Embeddings {
            word, token_type, ..
        } = &self.embeddings;
        let [_, hidden] = word.weight.val().dims();
        let first = values(token_type.weight.val());
        let mut positions = sinusoidal_positions(length, hidden);
        for position in positions.chunks_exact_mut(hidden) {
            for (position, first) in position.iter_mut().zip(&first) {
                *position += first;
            }
        }
        let layer = |layer: &Layer| int8::LayerParts {
            query: dense(&layer.query),
            key: dense(&layer.key),
            value: dense(&layer.value),
            attended: dense(&layer.attention_output),
            attended_norm: layer.attention_norm.parts(),
            inner: dense(&layer.intermediate),
            output: dense(&layer.output),
            output_norm: layer.output_norm.parts(),
        };
        int8::Encoder::new(int8::Parts {
            hidden,
            heads: self.layers.first().map_or(1, |layer| layer.heads),
            words: values(word.weight.val()),
            positions,
            norm: self.embeddings.norm.parts(),
            mapping: self.mapping_in.as_ref().map(dense),
            layers: self.layers.iter().map(layer).collect(),
            passes: self.passes,
            pooler: dense(&self.pooler),
        })
    }

    /// Whether the mean over tokens is pooled and not the first one.
    pub(crate) fn pools_mean(&self) -> bool {
        self.pools_mean
    }

    fn pooler(&self, pooled: Tensor<2>) -> Tensor<2> {
        let pooled = linear(&self.pooler, pooled);
        guarded(pooled.clone().tanh(), pooled)
    }
}

/// The values of a tensor on the CPU.
fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data();
    match data.as_slice::<f32>() {
        Ok(values) => values.to_vec(),
        Err(_) => data.iter().collect(),
    }
}

/// A linear layer as the kernels in 8-bit integers take it.
fn dense(linear: &Linear) -> int8::DenseParts {
    int8::DenseParts {
        weight: values(linear.weight.val()),
        bias: biases(linear),
    }
}

/// A linear layer in as little memory as its file takes.
pub(super) fn compact(linear: &Linear) -> int8::Compact {
    let weight = linear.weight.val();
    let [inputs, outputs] = weight.dims();
    int8::Compact::new(inputs, biases(linear), |rows| {
        values(weight.clone().slice([rows, 0..outputs]))
    })
}

fn biases(linear: &Linear) -> Vec<f32> {
    match &linear.bias {
        Some(bias) => values(bias.val()),
        None => vec![0.0; linear.weight.val().dims()[1]],
    }
}

/// The mean of hidden states `[batch, length, hidden]` over all but padding,
/// `[batch, hidden]`.
pub(crate) fn mean_of_tokens(states: Tensor<3>, batch: &Batch) -> Tensor<2> {
    let mask = batch
        .mask
        .clone()
        .cast(states.dtype())
        .unsqueeze_dim::<3>(2);
    let counts = mask.clone().sum_dim(1);
    ((states * mask).sum_dim(1) / counts).squeeze_dim(1)
}

/// The state of the first token, `[batch, 1, hidden]`.
fn first_token(x: Tensor<3>) -> Tensor<3> {
    let [rows, _, hidden] = x.dims();
    x.slice([0..rows, 0..1, 0..hidden])
}

impl Parameters for Encoder {
    type Config = EncoderConfig;

    fn store<'a>(&'a self, config: &EncoderConfig, into: &mut Stored<'a>) {
        self.embeddings.store(into);
        if let Some(mapping) = &self.mapping_in {
            into.linear(ALBERT_MAPPING, mapping);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            layer.store(config, index, into);
        }
        into.linear(pooler_name(config.parameter_sharing), &self.pooler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::with_seed;

    #[test]
    fn positions_are_sines_then_cosines() {
        let table = sinusoidal_positions(3, 4);
        assert_eq!(&table[..4], [0.0, 0.0, 1.0, 1.0]);
        let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-7;
        assert!(close(table[8], 2f64.sin()));
        assert!(close(table[9], 0.02f64.sin()));
        assert!(close(table[10], 2f64.cos()));
        assert!(close(table[11], 0.02f64.cos()));
    }

    #[test]
    fn every_preset_has_the_parameters_that_its_configuration_counts() {
        use crate::model::{Initial, Preset};

        let device = Device::flex();
        for (preset, name) in Preset::ALL {
            let config = preset.config();
            let mut source = Initial {
                deviation: 0.02,
                table_deviation: 0.02,
                device: &device,
            };
            let found = with_seed(&device, 0, || {
                let encoder = Encoder::new(&mut source, &config).expect("fresh parameters");
                encoder.num_params()
            });
            assert_eq!(found, config.parameters(), "{name}");
        }
    }

    #[test]
    fn eight_bits_lose_little() {
        use crate::kernels::int8::Pooled;
        use crate::model::{Initial, Preset};

        let device = Device::flex();
        let molecules = [
            "CC(=O)OC1=CC=CC=C1C(=O)O",
            "C",
            "C[N+](C)(C)C[C@@H](O)CC(=O)[O-]",
            "CC(C)CC1=CC=C([C@H](C)C(=O)OC2=CC=CC=C2C(=O)NC2=CC=C(S(N)(=O)=O)C=C2)C=C1",
        ];
        let sequences = molecules.map(|smiles| crate::tokenizer::tokenize(smiles, 128));
        let sequences = sequences.map(|tokens| tokens.expect("in the vocabulary"));
        for (preset, name) in Preset::ALL {
            let mut config = preset.config();
            // The widest ones take minutes of fp32.
            if config.hidden_size > 256 {
                continue;
            }
            for pooling in [Pooling::Mean, Pooling::Cls] {
                config.pooling = pooling;
                let mut source = Initial {
                    deviation: 0.05,
                    table_deviation: 0.5,
                    device: &device,
                };
                let (encoder, exact) = with_seed(&device, 0, || {
                    let encoder = Encoder::new(&mut source, &config).expect("fresh parameters");
                    // burn draws a parameter where it is first used.
                    let exact = values(encoder.pool(&Batch::new(&sequences, &device)));
                    (encoder, exact)
                });
                let rounded = encoder.in_eight_bits(config.max_length);
                let mut found = rounded.pool(
                    &sequences,
                    match encoder.pools_mean() {
                        true => Pooled::Mean,
                        false => Pooled::First,
                    },
                );
                rounded.pooler(&mut found);
                let squares = |values: &mut dyn Iterator<Item = f32>| -> f32 {
                    values.map(|value| value * value).sum()
                };
                let off = squares(&mut found.iter().zip(&exact).map(|(a, b)| a - b));
                let all = squares(&mut exact.iter().copied());
                // Random weights add up more than trained ones, 12 layers more than 3.
                let off = (off / all).sqrt();
                assert!(off < 0.1, "{name}, {pooling:?}: off by {off}");
            }
        }
    }

    #[test]
    fn a_batch_is_padded_at_the_end_and_masked_there() {
        let batch = Batch::new(&[vec![1, 8, 2], vec![1, 2]], &Device::flex());
        assert_eq!(batch.ids.dims(), [2, 3]);
        let mask: Vec<f32> = batch.mask.into_data().iter().collect();
        assert_eq!(mask, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
    }
}
