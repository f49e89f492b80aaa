//! An encoder with a head for several endpoints at once.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::config::EncoderConfig;
use super::encoder::{Batch, Encoder};
use super::parameters::{Parameters, Source, SourceError, Stored};

/// One predicted property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name in files and columns, such as `esol`.
    pub name: String,
    /// Its name for people, such as `Aqueous solubility`.
    pub title: String,
    /// The unit of its values, such as `log mol/L`; empty for a pure number.
    pub unit: String,
    /// What it is and where its data come from, in a sentence.
    pub description: String,
    /// How the head's output becomes a value.
    pub scaling: Scaling,
}

/// `value = output * deviation + mean`: labels were standardised in training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Mean of the training labels, in the endpoint's unit.
    pub mean: f32,
    /// Standard deviation of the training labels, in the endpoint's unit.
    pub deviation: f32,
}

impl Scaling {
    /// The value of a head's output.
    pub fn value(self, output: f32) -> f32 {
        output * self.deviation + self.mean
    }

    /// The head's output that stands for a value.
    pub fn output(self, value: f32) -> f32 {
        (value - self.mean) / self.deviation
    }
}

const HEAD: &str = "head.finetune_net.0";

/// An [`Encoder`] and a linear head on its pooled output, one output an
/// endpoint.
#[derive(Module, Debug)]
pub struct Model {
    encoder: Encoder,
    dropout: Dropout,
    head: Linear,
}

impl Model {
    /// Builds the model of `config` with `endpoints` outputs.
    ///
    /// # Errors
    ///
    /// Where `source` lacks a parameter or holds it in another shape.
    pub(crate) fn new(
        source: &mut impl Source,
        config: &EncoderConfig,
        endpoints: usize,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            encoder: Encoder::new(source, config)?,
            dropout: DropoutConfig::new(config.hidden_dropout_prob).init(),
            head: source.linear(HEAD, config.hidden_size, endpoints)?,
        })
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Encodes a batch and applies the head: outputs `[batch, endpoints]`, not
    /// yet scaled back.
    pub fn forward(&self, batch: &Batch) -> Tensor<2> {
        let (_, pooled) = self.encoder.encode(batch);
        self.head.forward(self.dropout.forward(pooled))
    }
}

impl Parameters for Model {
    type Config = EncoderConfig;

    fn store<'a>(&'a self, config: &EncoderConfig, into: &mut Stored<'a>) {
        self.encoder.store(config, into);
        into.linear(HEAD, &self.head);
    }
}
