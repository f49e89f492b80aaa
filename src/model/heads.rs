//! An encoder with the heads that stand on it: endpoints, masked language
//! modelling and physico-chemical descriptors.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::config::EncoderConfig;
use super::context::{Requirement, Threshold};
use super::encoder::{Batch, Encoder, LayerNorm, compact, mean_of_tokens};
use super::parameters::{Parameters, Source, SourceError, Stored};
#[cfg(feature = "train")]
use crate::device::read_back;
use crate::kernels::{dropout, gelu, int8, linear, single};

/// What kind of number an endpoint is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum EndpointTask {
    /// A measured quantity; trained by squared error.
    #[default]
    Regression,
    /// The probability of the class labelled 1; trained by cross-entropy.
    Classification,
}

/// How the values of an endpoint become the numbers that are learnt, whose errors
/// are alike at every size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// As they are.
    #[default]
    Identity,
    /// Their decimal logarithm: for what is above 0 and spreads over orders of
    /// magnitude, such as clearances. Errors and intervals are factors.
    Log10,
}

impl Transform {
    /// The number to learn for a value; not finite where the value has none.
    pub fn forward(self, value: f32) -> f32 {
        match self {
            Self::Identity => value,
            Self::Log10 => value.log10(),
        }
    }

    /// The value that a number stands for.
    pub fn inverse(self, number: f32) -> f32 {
        match self {
            Self::Identity => number,
            // In double precision, so that 3 is 1,000.
            Self::Log10 => 10f64.powf(f64::from(number)) as f32,
        }
    }

    fn is_identity(&self) -> bool {
        *self == Self::Identity
    }
}

/// One predicted property.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
pub struct Endpoint {
    /// Its name in files and columns, such as `esol`.
    pub name: String,
    /// Its name for people, such as `Aqueous solubility`.
    pub title: String,
    /// The unit of its values, such as `log mol/L`; empty for a pure number.
    pub unit: String,
    /// What it is and where its data come from, in a sentence.
    pub description: String,
    /// Whether it is a quantity or a class.
    #[serde(default)]
    pub task: EndpointTask,
    /// The endpoints that it is shown among, such as `absorption`; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// How values in [`unit`](Self::unit) become what is learnt.
    #[serde(default, skip_serializing_if = "Transform::is_identity")]
    pub transform: Transform,
    /// Between what its values can lie, in [`unit`](Self::unit): 0 and 100 for a fraction in
    /// percent. Values and intervals end there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ValueRange>,
    /// What a molecule must have for it to be defined; one without it is outside the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<Requirement>,
    /// How the head's output becomes a value; for a class `mean` 0 and
    /// `deviation` 1.
    pub scaling: Scaling,
    /// What it is to have a high value, as a comparative: `more soluble`; empty where
    /// it is not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub higher: String,
    /// What it is to have a low value: `less soluble`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lower: String,
    /// Where the field divides values, if it agrees on that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// The 0th to the 100th percentile of the predictions for the model's
    /// [reference molecules](super::ReferenceMolecules); empty where there are none. See
    /// [`Self::percentile`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f32>,
}

impl Endpoint {
    /// Whether its values can have intervals: that of a class is a probability, and has
    /// none.
    pub fn has_intervals(&self) -> bool {
        self.task == EndpointTask::Regression
    }

    /// The unit of its values in words: `probability` for a class, empty for a pure number.
    pub fn value_unit(&self) -> &str {
        match self.task {
            EndpointTask::Classification => "probability",
            EndpointTask::Regression => &self.unit,
        }
    }

    /// The unit of what is learnt, such as `log10 h`; empty for a pure number.
    pub fn learnt_unit(&self) -> String {
        match self.transform {
            Transform::Identity => self.unit.clone(),
            Transform::Log10 => format!("log10 {}", self.unit).trim_end().to_owned(),
        }
    }

    /// A value in the endpoint's unit, or the end of its [`range`](Self::range) that it is
    /// beyond. What is no finite number stays, so that it is found.
    pub fn within_range(&self, value: f32) -> f32 {
        match self.range {
            Some(range) if value.is_finite() => value.clamp(range.low, range.high),
            _ => value,
        }
    }

    /// What a head's output says, in the numbers that are learnt: the value in the
    /// endpoint's unit, or its [`Transform`], or a probability.
    pub fn value(&self, output: f32) -> f32 {
        let scaled = self.scaling.value(output);
        match self.task {
            EndpointTask::Regression => scaled,
            EndpointTask::Classification => 1.0 / (1.0 + (-scaled).exp()),
        }
    }
}

/// Between what the values of an endpoint can lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
pub struct ValueRange {
    /// The least value, in the endpoint's unit.
    pub low: f32,
    /// The greatest value, in the endpoint's unit.
    pub high: f32,
}

impl ValueRange {
    /// Whether it has two finite ends, the lower first.
    pub(crate) fn is_usable(self) -> bool {
        self.low.is_finite() && self.high.is_finite() && self.low < self.high
    }
}

/// `value = output * deviation + mean`: labels were standardised in training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
pub struct Scaling {
    /// Mean of the training labels, in the endpoint's unit.
    pub mean: f32,
    /// Standard deviation of the training labels, in the endpoint's unit.
    pub deviation: f32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Scaling {
    /// Whether values can be computed with it: a finite mean and a positive deviation,
    /// neither near the ends of single precision.
    pub(crate) fn is_usable(self) -> bool {
        self.mean.abs() < 1e30 && self.deviation >= f32::MIN_POSITIVE && self.deviation < 1e30
    }

    /// Leaves outputs as they are.
    pub const IDENTITY: Self = Self {
        mean: 0.0,
        deviation: 1.0,
    };

    /// The value of a head's output.
    pub fn value(self, output: f32) -> f32 {
        output * self.deviation + self.mean
    }

    /// The head's output that stands for a value.
    pub fn output(self, value: f32) -> f32 {
        (value - self.mean) / self.deviation
    }
}

/// Which heads stand on an encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// Outputs of the endpoint head; 0 for none.
    pub endpoints: usize,
    /// What the endpoint head reads beside the encoder's output; `None` for nothing.
    pub wide: Option<WideShape>,
    /// Whether tokens are predicted.
    pub masked_lm: bool,
    /// Outputs of the descriptor head; 0 for none.
    pub physchem: usize,
    /// Outputs of the structure head; 0 for none.
    pub structure: usize,
    /// Whether there is an embedding of its own for similarity.
    pub embedding: bool,
}

/// The shape of an endpoint head with wide inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideShape {
    /// Numbers of the wide input.
    pub inputs: usize,
    /// Widths of the two layers before the outputs.
    pub widths: [usize; 2],
}

const HEAD: &str = "head.finetune_net.0";
const MASKED_LM: &str = "masked_lm_head";
const PHYSCHEM: &str = "physchem_head.physchem_clf";
const STRUCTURE: &str = "structure_head.weight";
/// What the structure head's outputs are multiplied by.
const STRUCTURE_SCALE: f64 = 0.25;
const EMBEDDING: &str = "embedding_head.weight";

/// Predicts the token of a hidden state, as BERT does; the decoder is not
/// tied to the embeddings.
#[derive(Module, Debug)]
struct MaskedLmHead {
    transform: Linear,
    norm: LayerNorm,
    decoder: Linear,
}

impl MaskedLmHead {
    fn new(source: &mut impl Source, config: &EncoderConfig) -> Result<Self, SourceError> {
        let hidden = config.hidden_size;
        Ok(Self {
            transform: source.linear(&format!("{MASKED_LM}.transform.dense"), hidden, hidden)?,
            norm: LayerNorm::new(source, &format!("{MASKED_LM}.transform.LayerNorm"), config)?,
            decoder: Linear {
                weight: source.linear_weight(
                    &format!("{MASKED_LM}.decoder.weight"),
                    hidden,
                    config.vocab_size,
                )?,
                bias: Some(source.zeros(&format!("{MASKED_LM}.bias"), config.vocab_size)?),
            },
        })
    }

    fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        let transformed = gelu(linear(&self.transform, states));
        let zero = transformed.zeros_like();
        linear(&self.decoder, self.norm.forward(transformed, zero))
    }

    fn store<'a>(&'a self, into: &mut Stored<'a>) {
        into.linear(&format!("{MASKED_LM}.transform.dense"), &self.transform);
        self.norm
            .store(&format!("{MASKED_LM}.transform.LayerNorm"), into);
        into.linear_weight(format!("{MASKED_LM}.decoder.weight"), &self.decoder);
        if let Some(bias) = &self.decoder.bias {
            into.vector(format!("{MASKED_LM}.bias"), bias);
        }
    }
}

const WIDE: &str = "wide_head";

/// Predicts endpoints from the pooled output and the wide input beside each other:
/// linear, LayerNorm, GELU, dropout, linear, GELU, dropout, linear.
#[derive(Module, Debug)]
struct WideHead {
    input: Linear,
    norm: LayerNorm,
    inner: Linear,
    output: Linear,
    dropout: Dropout,
}

impl WideHead {
    fn new(
        source: &mut impl Source,
        config: &EncoderConfig,
        shape: WideShape,
        endpoints: usize,
    ) -> Result<Self, SourceError> {
        let [first, second] = shape.widths;
        let inputs = config.hidden_size + shape.inputs;
        let norm = format!("{WIDE}.norm");
        Ok(Self {
            input: source.linear(&format!("{WIDE}.input"), inputs, first)?,
            norm: LayerNorm::of_width(source, &norm, first, config.layer_norm_eps)?,
            inner: source.linear(&format!("{WIDE}.inner"), first, second)?,
            output: source.linear(&format!("{WIDE}.output"), second, endpoints)?,
            dropout: DropoutConfig::new(config.hidden_dropout_prob).init(),
        })
    }

    fn forward(&self, pooled: Tensor<2>, wide: Tensor<2>) -> Tensor<2> {
        let wide = wide.cast(pooled.dtype());
        let inputs = linear(&self.input, Tensor::cat(vec![pooled, wide], 1));
        let zero = inputs.zeros_like();
        let first = dropout(&self.dropout, gelu(self.norm.forward(inputs, zero)));
        let second = dropout(&self.dropout, gelu(linear(&self.inner, first)));
        linear(&self.output, second)
    }

    fn store<'a>(&'a self, into: &mut Stored<'a>) {
        into.linear(&format!("{WIDE}.input"), &self.input);
        self.norm.store(&format!("{WIDE}.norm"), into);
        into.linear(&format!("{WIDE}.inner"), &self.inner);
        into.linear(&format!("{WIDE}.output"), &self.output);
    }
}

/// Predicts normalised descriptors from the pooled output: dropout, linear,
/// ReLU, linear.
#[derive(Module, Debug)]
struct PhyschemHead {
    dropout: Dropout,
    inner: Linear,
    output: Linear,
}

impl PhyschemHead {
    fn new(
        source: &mut impl Source,
        config: &EncoderConfig,
        descriptors: usize,
    ) -> Result<Self, SourceError> {
        let hidden = config.hidden_size;
        Ok(Self {
            dropout: DropoutConfig::new(config.hidden_dropout_prob).init(),
            inner: source.linear(&format!("{PHYSCHEM}.1"), hidden, hidden)?,
            output: source.linear(&format!("{PHYSCHEM}.3"), hidden, descriptors)?,
        })
    }

    fn forward(&self, pooled: Tensor<2>) -> Tensor<2> {
        let inner = relu(linear(&self.inner, dropout(&self.dropout, pooled)));
        linear(&self.output, inner)
    }

    fn store<'a>(&'a self, into: &mut Stored<'a>) {
        into.linear(&format!("{PHYSCHEM}.1"), &self.inner);
        into.linear(&format!("{PHYSCHEM}.3"), &self.output);
    }
}

/// `W Wᵀ` of a matrix `[n, width]`, row-major.
#[cfg(feature = "train")]
fn gram(matrix: &[f64], n: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = matrix.chunks_exact(matrix.len() / n).collect();
    let product = |(i, j): (usize, usize)| rows[i].iter().zip(rows[j]).map(|(a, b)| a * b).sum();
    (0..n * n).map(|at| product((at / n, at % n))).collect()
}

/// The lower triangular L with L Lᵀ = `a`, row-major `[n, n]`; `a` is symmetric
/// and positive semidefinite. A direction that is rounding alone, as most are
/// where a head has hardly been trained, is left out.
#[cfg(feature = "train")]
fn cholesky(mut a: Vec<f64>, n: usize) -> Vec<f32> {
    let least = (0..n).map(|i| a[i * n + i]).fold(0.0, f64::max) * 1e-9;
    for column in 0..n {
        for row in column..n {
            let known: f64 = (0..column)
                .map(|k| a[row * n + k] * a[column * n + k])
                .sum();
            let rest = a[row * n + column] - known;
            a[row * n + column] = if row == column {
                if rest > least { rest.sqrt() } else { 0.0 }
            } else if a[column * n + column] > 0.0 {
                rest / a[column * n + column]
            } else {
                0.0
            };
        }
    }
    let entry = |i: usize| if i % n <= i / n { a[i] as f32 } else { 0.0 };
    (0..n * n).map(entry).collect()
}

/// An [`Encoder`] and its heads.
#[derive(Module, Debug)]
pub struct Model {
    encoder: Encoder,
    dropout: Dropout,
    head: Option<Linear>,
    wide: Option<WideHead>,
    masked_lm: Option<MaskedLmHead>,
    physchem: Option<PhyschemHead>,
    structure: Option<Linear>,
    embedding: Option<Linear>,
}

impl Model {
    /// Builds the model of `config` with `heads`.
    ///
    /// # Errors
    ///
    /// Where `source` lacks a parameter or holds it in another shape.
    pub(crate) fn new(
        source: &mut impl Source,
        config: &EncoderConfig,
        heads: Heads,
    ) -> Result<Self, SourceError> {
        let encoder = Encoder::new(source, config)?;
        Self::with_encoder(encoder, source, config, heads)
    }

    /// Builds `heads` from `source` on an encoder that is there already.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub(crate) fn with_encoder(
        encoder: Encoder,
        source: &mut impl Source,
        config: &EncoderConfig,
        heads: Heads,
    ) -> Result<Self, SourceError> {
        let (head, wide) = match (heads.endpoints, heads.wide) {
            (0, _) => (None, None),
            (endpoints, None) => {
                let head = source.linear(HEAD, config.hidden_size, endpoints)?;
                (Some(head), None)
            }
            (endpoints, Some(shape)) => {
                (None, Some(WideHead::new(source, config, shape, endpoints)?))
            }
        };
        let masked_lm = if heads.masked_lm {
            Some(MaskedLmHead::new(source, config)?)
        } else {
            None
        };
        let physchem = match heads.physchem {
            0 => None,
            descriptors => Some(PhyschemHead::new(source, config, descriptors)?),
        };
        let hidden = config.hidden_size;
        let mut without_bias = |name, outputs| {
            let weight = source.zero_init_weight(name, hidden, outputs)?;
            Ok::<_, SourceError>(Linear { weight, bias: None })
        };
        let structure = match heads.structure {
            0 => None,
            outputs => Some(without_bias(STRUCTURE, outputs)?),
        };
        let embedding = match heads.embedding {
            false => None,
            true => Some(without_bias(EMBEDDING, hidden)?),
        };
        Ok(Self {
            encoder,
            dropout: DropoutConfig::new(config.hidden_dropout_prob).init(),
            head,
            wide,
            masked_lm,
            physchem,
            structure,
            embedding,
        })
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The encoder without its heads.
    pub fn into_encoder(self) -> Encoder {
        self.encoder
    }

    /// The model without the heads that serve pre-training alone: tokens,
    /// descriptors and structure; and without an embedding where there are
    /// endpoints, since fine-tuning has moved the encoder away from it.
    #[cfg(feature = "train")]
    pub(crate) fn inference_only(self) -> Self {
        Self {
            masked_lm: None,
            physchem: None,
            structure: None,
            embedding: self
                .embedding
                .filter(|_| self.head.is_none() && self.wide.is_none()),
            ..self
        }
    }

    /// The model with its parameters in half precision, in which it computes
    /// from then on, the norms and what the heads give out excepted.
    pub fn in_half_precision(self) -> Self {
        struct Half;
        impl ModuleMapper for Half {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let (id, tensor, mapper) = param.consume();
                Param::from_mapped_value(id, tensor.cast(DType::F16), mapper)
            }
        }
        self.map(&mut Half)
    }

    /// The model with the outputs of `endpoints` alone, in that order.
    #[cfg(feature = "train")]
    pub(crate) fn with_endpoints(mut self, endpoints: &[usize]) -> Self {
        let select = |linear: Linear| {
            let device = linear.weight.val().device();
            let places: Vec<i32> = endpoints.iter().map(|&place| place as i32).collect();
            let shape = [places.len()];
            let places = Tensor::<1, Int>::from_data(TensorData::new(places, shape), &device);
            Linear {
                weight: linear.weight.map(|weight| weight.select(1, places.clone())),
                bias: linear
                    .bias
                    .map(|bias| bias.map(|bias| bias.select(0, places.clone()))),
            }
        };
        self.head = self.head.map(select);
        self.wide = self.wide.map(|wide| WideHead {
            output: select(wide.output),
            ..wide
        });
        self
    }

    /// Encodes a batch and predicts the endpoints: outputs
    /// `[batch, endpoints]`, not yet scaled back. `None` without that head.
    pub fn forward(&self, batch: &Batch) -> Option<Tensor<2>> {
        if self.head.is_none() && self.wide.is_none() {
            return None;
        }
        self.endpoints(self.encoder.pool(batch), batch.wide.clone())
    }

    /// Endpoint outputs `[batch, endpoints]` of a pooled output `[batch, hidden]`
    /// and, where the head reads it, the wide input `[batch, inputs]`. `None` without
    /// that head, or without its input.
    pub fn endpoints(&self, pooled: Tensor<2>, wide: Option<Tensor<2>>) -> Option<Tensor<2>> {
        if let Some(head) = &self.wide {
            return Some(single(head.forward(pooled, wide?)));
        }
        let head = self.head.as_ref()?;
        Some(single(linear(head, dropout(&self.dropout, pooled))))
    }

    /// The endpoint head as it stands behind an encoder in 8-bit integers; `None` where
    /// it has no wide inputs.
    pub(crate) fn wide_head(&self) -> Option<int8::WideHead> {
        let head = self.wide.as_ref()?;
        Some(int8::WideHead {
            input: compact(&head.input),
            norm: head.norm.parts(),
            inner: compact(&head.inner),
            output: compact(&head.output),
        })
    }

    /// Token logits `[n, vocabulary]` at the places `positions` `[n]` of
    /// hidden states `[batch, length, hidden]` taken as one sequence of
    /// `batch * length`. `None` without that head.
    pub fn token_logits(&self, states: Tensor<3>, positions: Tensor<1, Int>) -> Option<Tensor<2>> {
        let head = self.masked_lm.as_ref()?;
        let states = states.flatten::<2>(0, 1).select(0, positions);
        Some(single(head.forward(states)))
    }

    /// Normalised descriptors `[batch, descriptors]` of a pooled output
    /// `[batch, hidden]`. `None` without that head.
    pub fn descriptors(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        Some(single(self.physchem.as_ref()?.forward(pooled)))
    }

    /// The structure vector `[batch, outputs]` (see
    /// [`StructureTargets`](super::StructureTargets)) of a pooled output
    /// `[batch, hidden]`. `None` without that head.
    pub fn structure(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        // Its numbers are small: a vector of thousands has a length of about 1.
        // Steps of the size that suits other weights would be too large.
        let outputs = linear(self.structure.as_ref()?, pooled);
        Some(single(outputs).mul_scalar(STRUCTURE_SCALE))
    }

    /// The embedding of a batch, `[batch, hidden]`, for comparing molecules by
    /// its cosine: that of the embedding head or, without one, the mean of the
    /// last hidden states over the tokens.
    pub fn embed(&self, batch: &Batch) -> Tensor<2> {
        single(match &self.embedding {
            Some(head) => linear(head, self.encoder.pool(batch)),
            None => mean_of_tokens(self.encoder.encode(batch).0, batch),
        })
    }

    /// Whether embeddings have a head of their own.
    pub(crate) fn has_embedding(&self) -> bool {
        self.embedding.is_some()
    }

    /// The embedding `[batch, hidden]` of a pooled output `[batch, hidden]`. `None`
    /// without that head: it is the mean of the hidden states then.
    pub(crate) fn embedding(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        Some(single(linear(self.embedding.as_ref()?, pooled)))
    }

    /// The model with an embedding head in which scalar products are those of
    /// its structure vectors; unchanged without a structure head.
    ///
    /// The structure vector of a pooled output p is p W but for a factor; (p W)·(q W) =
    /// p (W Wᵀ) qᵀ = (p L)·(q L) with the Cholesky factor L of W Wᵀ, so p L has
    /// the same geometry in `hidden` numbers.
    ///
    /// # Errors
    ///
    /// Where the device cannot be read.
    #[cfg(feature = "train")]
    pub(crate) async fn with_embedding(mut self) -> Result<Self, String> {
        let Some(head) = &self.structure else {
            return Ok(self);
        };
        let weight = head.weight.val();
        let [hidden, _] = weight.dims();
        let device = weight.device();
        let values = read_back(weight).await?;
        // In double precision: what is left of a direction is a difference of
        // large numbers.
        let matrix: Vec<f64> = values.into_iter().map(f64::from).collect();
        let factor = cholesky(gram(&matrix, hidden), hidden);
        let factor = TensorData::new(factor, [hidden, hidden]);
        self.embedding = Some(Linear {
            weight: Param::from_tensor(Tensor::from_data(factor, &device)),
            bias: None,
        });
        Ok(self)
    }
}

impl Parameters for Model {
    type Config = EncoderConfig;

    fn store<'a>(&'a self, config: &EncoderConfig, into: &mut Stored<'a>) {
        self.encoder.store(config, into);
        if let Some(head) = &self.head {
            into.linear(HEAD, head);
        }
        if let Some(head) = &self.wide {
            head.store(into);
        }
        if let Some(head) = &self.masked_lm {
            head.store(into);
        }
        if let Some(head) = &self.physchem {
            head.store(into);
        }
        if let Some(head) = &self.structure {
            into.linear_weight(STRUCTURE.to_owned(), head);
        }
        if let Some(head) = &self.embedding {
            into.linear_weight(EMBEDDING.to_owned(), head);
        }
    }
}

#[cfg(all(test, feature = "train"))]
mod tests {
    use super::{cholesky, gram};

    #[test]
    fn a_head_that_is_hardly_trained_has_a_finite_factor() {
        // Three directions among 64, and some of their sums tiny.
        let (n, width) = (64, 200);
        let wave = |k: usize, i: usize| ((k * 7919 + i * 104_729) as f64 * 0.61).sin();
        let matrix: Vec<f64> = (0..n * width)
            .map(|at| {
                let (row, column) = (at / width, at % width);
                let sum: f64 = (0..3).map(|k| wave(k, row) * wave(k + 3, column)).sum();
                // As a device stores it.
                f64::from((sum * 1e-3) as f32)
            })
            .collect();
        let whole = gram(&matrix, n);
        let largest = whole.iter().copied().fold(0.0, f64::max);
        let factor = cholesky(whole.clone(), n);
        assert!(factor.iter().all(|value| value.is_finite()));
        for (at, expected) in whole.iter().enumerate() {
            let rows = [at / n, at % n].map(|row| &factor[row * n..(row + 1) * n]);
            let product: f64 = rows[0]
                .iter()
                .zip(rows[1])
                .map(|(a, b)| f64::from(a * b))
                .sum();
            assert!(
                (product - expected).abs() < 1e-4 * largest,
                "{product} {expected}"
            );
        }
        assert!(cholesky(vec![0.0; 4], 2).iter().all(|&value| value == 0.0));
    }

    #[test]
    fn the_cholesky_factor_gives_back_the_matrix() {
        // W Wᵀ of a 3 x 4 matrix, and of one without full rank.
        let w = [
            [1.0, 2.0, 0.5, -1.0],
            [0.0, 3.0, -2.0, 1.0],
            [4.0, 0.0, 1.0, 1.0],
        ];
        for w in [w, [w[0], w[1], w[0]]] {
            let dot = |i: usize, j: usize| w[i].iter().zip(w[j]).map(|(a, b)| a * b).sum::<f64>();
            let gram = (0..9).map(|i| dot(i / 3, i % 3)).collect();
            let l = cholesky(gram, 3);
            for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
                let product: f32 = (0..3).map(|k| l[i * 3 + k] * l[j * 3 + k]).sum();
                assert!((f64::from(product) - dot(i, j)).abs() < 1e-4, "{i}, {j}");
                assert!(j <= i || l[i * 3 + j] == 0.0);
            }
        }
    }
}
