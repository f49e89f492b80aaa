//! Models for elsewhere: what a smaller precision costs, and ONNX.

mod molecules;
mod onnx;

use crate::model::Model;
use crate::model_dir::{self, ModelConfig, ModelDirError};
use crate::predict::{Outcomes, PredictOptions, Prediction, Scorer, Stop, without_interruption};
use crate::records::MoleculeSource;

pub use molecules::MOLECULES;
pub use onnx::OnnxError;

/// Why a model could not be exported to ONNX.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The weights could not be read back.
    #[error(transparent)]
    Storing(#[from] ModelDirError),
    /// The model has no ONNX file.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}

/// The bytes of an ONNX file of the model: inputs `input_ids` and
/// `attention_mask`, `[batch, length]` int64, of at most `max_length` tokens;
/// outputs `last_hidden_state`, `pooled` and, where there are endpoints,
/// `values` in their units. The vocabulary and the endpoints are in the
/// metadata. Operator set 17, fp32.
///
/// # Errors
///
/// Where the device fails, or the weights exceed 2 GiB.
pub async fn onnx(config: &ModelConfig, model: &Model) -> Result<Vec<u8>, ExportError> {
    let weights = model_dir::weights(&config.encoder, model).await?;
    Ok(onnx::encode(config, weights)?)
}

/// What one output lost.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizationError {
    /// The endpoint's name, or `embedding`.
    pub name: String,
    /// The endpoint's unit; empty for a pure number.
    pub unit: String,
    /// Largest absolute difference, in the unit.
    pub largest: f64,
    /// Mean absolute difference, in the unit.
    pub mean: f64,
    /// Molecules that both models scored.
    pub molecules: usize,
}

/// A model without what serves training alone, and its configuration: the heads
/// for tokens, descriptors and structure vectors, and the embedding of a model
/// with endpoints, from which fine-tuning has moved the encoder away.
pub fn inference_only(config: ModelConfig, model: Model) -> (ModelConfig, Model) {
    let config = ModelConfig {
        masked_lm: false,
        physchem: None,
        structure: None,
        embedding: config.embedding && config.endpoints.is_empty(),
        ..config
    };
    (config, model.inference_only())
}

/// Compares `other` with `reference` on `structures`: every endpoint, or where
/// there is none the components of the embedding. Molecules that cannot be
/// scored are left out.
///
/// # Errors
///
/// Where a device fails.
pub async fn quantization_errors(
    reference: &Scorer,
    other: &Scorer,
    molecules: &[impl MoleculeSource],
) -> Result<Vec<QuantizationError>, Stop> {
    let endpoints = &reference.config().endpoints;
    let mut quantization_errors: Vec<QuantizationError> = endpoints
        .iter()
        .map(|endpoint| none_yet(&endpoint.name, &endpoint.unit))
        .collect();
    let embeds = quantization_errors.is_empty();
    if embeds {
        quantization_errors.push(none_yet("embedding", ""));
    }
    let mut sides = Vec::with_capacity(2);
    for scorer in [reference, other] {
        sides.push(outputs(scorer, molecules, embeds).await?);
    }
    let mut components = 0;
    for pair in sides[0].iter().zip(&sides[1]) {
        let (Some(a), Some(b)) = pair else {
            continue;
        };
        components += a.len();
        let outputs = quantization_errors.len();
        for loss in &mut quantization_errors {
            loss.molecules += 1;
        }
        for (index, (a, b)) in a.iter().zip(b).enumerate() {
            let off = f64::from((a - b).abs());
            // One entry an endpoint, or one for all components.
            if let Some(loss) = quantization_errors.get_mut(index % outputs) {
                loss.largest = loss.largest.max(off);
                loss.mean += off;
            }
        }
    }
    let each = (components / quantization_errors.len().max(1)).max(1) as f64;
    for loss in &mut quantization_errors {
        loss.mean /= each;
    }
    Ok(quantization_errors)
}

/// The values of each molecule, or its embedding; `None` for one that has none.
async fn outputs(
    scorer: &Scorer,
    molecules: &[impl MoleculeSource],
    embeds: bool,
) -> Result<Vec<Option<Vec<f32>>>, Stop> {
    let options = PredictOptions::default();
    if embeds {
        let Outcomes { rows, stop, .. } =
            scorer.embed(molecules, options, without_interruption).await;
        let rows = rows.into_iter().map(|row| row?.ok()).collect();
        return stop.map_or(Ok(rows), Err);
    }
    let Outcomes { rows, stop, .. } = scorer
        .predict(molecules, options, without_interruption)
        .await;
    let values = |row: Vec<Prediction>| row.iter().map(|p| p.value).collect();
    let rows = rows
        .into_iter()
        .map(|row| Some(values(row?.ok()?)))
        .collect();
    stop.map_or(Ok(rows), Err)
}

fn none_yet(name: &str, unit: &str) -> QuantizationError {
    QuantizationError {
        name: name.to_owned(),
        unit: unit.to_owned(),
        largest: 0.0,
        mean: 0.0,
        molecules: 0,
    }
}
