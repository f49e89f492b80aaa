//! `config.json` of a model directory.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{
    ConfigError, EncoderConfig, Endpoint, Heads, Physchem, ReferenceMolecules, StructureTargets,
    WideInputs, WideShape, quantiles,
};
use crate::predict::StandardForm;

/// Most endpoints of one model.
pub(crate) const MAX_ENDPOINTS: usize = 4096;

/// `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Always `delicate`.
    pub model_type: String,
    /// The model's name, such as `delicate-small`.
    pub name: String,
    /// The preset its shape comes from, or `custom`.
    pub preset: String,
    /// The form in which the model reads molecules. Absent from the files of older
    /// models.
    #[serde(default, skip_serializing_if = "StandardForm::is_default")]
    pub standard_form: StandardForm,
    /// SPDX expression of the weights' licence.
    pub license: String,
    /// The encoder's shape.
    #[serde(flatten)]
    pub encoder: EncoderConfig,
    /// The outputs of the endpoint head, in order; none in a model that was
    /// pre-trained and not yet fine-tuned.
    pub endpoints: Vec<Endpoint>,
    /// The molecules that percentiles are among, if there are any; the endpoints have
    /// the quantiles of the predictions for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceMolecules>,
    /// What the endpoint head reads beside the encoder's output, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wide: Option<WideInputs>,
    /// Whether the model predicts masked tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked_lm: bool,
    /// The descriptors that the model predicts, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physchem: Option<Physchem>,
    /// The structure vector that the model predicts, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<StructureTargets>,
    /// Whether the model has an embedding of its own for similarity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub embedding: bool,
}

/// What `model_type` says.
pub const MODEL_TYPE: &str = "delicate";

impl ModelConfig {
    /// The heads that stand on the encoder.
    pub fn heads(&self) -> Heads {
        Heads {
            endpoints: self.endpoints.len(),
            wide: self.wide.as_ref().map(|wide| WideShape {
                inputs: wide.len(),
                widths: wide.widths,
            }),
            masked_lm: self.masked_lm,
            physchem: self.physchem.as_ref().map_or(0, |p| p.descriptors.len()),
            structure: self.structure.as_ref().map_or(0, StructureTargets::len),
            embedding: self.embedding,
        }
    }

    /// Makes `reference` the molecules that percentiles are among. `predictions` are
    /// those for them, one list an endpoint.
    ///
    /// # Errors
    ///
    /// Where the lists are not one an endpoint, or one of them is empty.
    pub fn set_reference(
        &mut self,
        reference: ReferenceMolecules,
        predictions: Vec<Vec<f32>>,
    ) -> Result<(), ConfigError> {
        let full = predictions.iter().all(|values| !values.is_empty());
        if predictions.len() != self.endpoints.len() || !full || predictions.is_empty() {
            return Err(ConfigError {
                field: "reference",
                value: format!("predictions of {} endpoints", predictions.len()),
                expected: "predictions of every endpoint of the model".to_owned(),
            });
        }
        for (endpoint, values) in self.endpoints.iter_mut().zip(predictions) {
            endpoint.quantiles = quantiles(values);
        }
        self.reference = Some(reference);
        Ok(())
    }

    /// Takes away the molecules that percentiles are among: what was predicted for them
    /// is so no longer.
    #[cfg(all(feature = "train", not(target_family = "wasm")))]
    pub(super) fn clear_reference(&mut self) {
        self.reference = None;
        for endpoint in &mut self.endpoints {
            endpoint.quantiles.clear();
        }
    }

    /// Bytes that the values of this model take at most, in whatever precision.
    pub(super) fn most_bytes(&self) -> u64 {
        let (heads, encoder) = (self.heads(), &self.encoder);
        let hidden = encoder.hidden_size as u64;
        let outputs = heads.endpoints + heads.physchem + heads.structure + encoder.vocab_size;
        // Each head is a row an output and a few square matrices before it.
        let head = (outputs as u64 + 8 * hidden + 64).saturating_mul(hidden + 1);
        let wide = heads.wide.map_or(0, |wide| {
            let [first, second] = wide.widths.map(|width| width as u64);
            let inputs = wide.inputs as u64 + hidden + 8;
            let outputs = heads.endpoints as u64 + 8;
            inputs.saturating_mul(first) + (first + outputs).saturating_mul(second + 1)
        });
        let values = (encoder.parameters() as u64).saturating_add(head);
        let values = values.saturating_add(wide);
        values.saturating_mul(size_of::<f32>() as u64)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |field, value: String, expected: &str| {
            Err(ConfigError {
                field,
                value,
                expected: expected.to_owned(),
            })
        };
        if self.model_type != MODEL_TYPE {
            return refuse("model_type", self.model_type.clone(), "`delicate`");
        }
        if self.endpoints.len() > MAX_ENDPOINTS {
            return refuse(
                "endpoints",
                self.endpoints.len().to_string(),
                "at most 4096 endpoints",
            );
        }
        let mut names = BTreeSet::new();
        for endpoint in &self.endpoints {
            let scaling = endpoint.scaling;
            if endpoint.name.is_empty() || !names.insert(&endpoint.name) {
                return refuse("endpoints", endpoint.name.clone(), "a name of its own each");
            }
            if !scaling.is_usable() {
                return refuse(
                    "endpoints.scaling",
                    format!("{scaling:?} of {}", endpoint.name),
                    "a finite mean and a positive deviation",
                );
            }
            if let Some(expected) = endpoint.context_fault() {
                return refuse("endpoints", endpoint.name.clone(), expected);
            }
            if endpoint.quantiles.is_empty() != self.reference.is_none() {
                return refuse(
                    "endpoints.quantiles",
                    format!("there or not for {}", endpoint.name),
                    "there for every endpoint where there is `reference`, and else for none",
                );
            }
        }
        if let Some(expected) = self.physchem.as_ref().and_then(Physchem::fault) {
            return refuse("physchem", "another table".to_owned(), expected);
        }
        if let Some(expected) = self.wide.as_ref().and_then(WideInputs::fault) {
            return refuse("wide", "another table".to_owned(), expected);
        }
        if let Some(expected) = self.structure.as_ref().and_then(StructureTargets::fault) {
            return refuse("structure", "another table".to_owned(), expected);
        }
        self.encoder.check()
    }
}
