//! Writing a model directory.

use std::path::Path;

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::quantize::{Precision, SCALE, quantize};
use super::{CARD, CONFIG, DOMAIN, ModelConfig, ModelDirError, ModelFiles, VOCABULARY, WEIGHTS};
use crate::atomic;
use crate::device::read_back;
use crate::model::{EncoderConfig, Model, Parameters, Stored};
#[cfg(feature = "train")]
use crate::predict::applicability::ApplicabilityDomain;
use crate::tokenizer;

/// A parameter read back from its device: name, shape as stored, values.
pub(crate) type Weight = (String, Vec<usize>, Vec<f32>);

/// All parameters of a model, as they are stored.
///
/// # Errors
///
/// Where the device fails.
pub(crate) async fn weights(
    config: &EncoderConfig,
    model: &Model,
) -> Result<Vec<Weight>, ModelDirError> {
    let mut stored = Stored::default();
    model.store(config, &mut stored);
    let mut weights = Vec::with_capacity(stored.0.len());
    for parameter in &stored.0 {
        let values = read_back(parameter.tensor())
            .await
            .map_err(ModelDirError::Device)?;
        weights.push((parameter.name.clone(), parameter.shape.clone(), values));
    }
    Ok(weights)
}

/// Writes a model directory, which appears whole or not at all: the weights in
/// `precision`, the `card` and, for a model that has one, the bytes of its
/// [applicability domain](crate::predict::applicability::ApplicabilityDomain::to_bytes).
/// A model that was there is replaced.
///
/// # Errors
///
/// Where the device or the file system fails, or the directory holds something
/// that is no part of a model.
pub async fn write(
    directory: &Path,
    config: &ModelConfig,
    model: &Model,
    precision: Precision,
    card: &str,
    domain: Option<&[u8]>,
) -> Result<(), ModelDirError> {
    config.check()?;
    let weights = serialize(&weights(&config.encoder, model).await?, precision)?;
    let mut files = ModelFiles {
        config: serde_json::to_vec(config)?.into(),
        weights: weights.into(),
        vocabulary: tokenizer::vocabulary().into_bytes().into(),
        domain: domain.map(Into::into),
    };
    files.seal()?;
    write_files(directory, &files, card.as_bytes())
}

/// Gives the model of `directory` another applicability domain; all else stays.
///
/// # Errors
///
/// Where the directory holds no whole model, or the file system fails.
#[cfg(feature = "train")]
pub(crate) fn set_applicability(
    directory: &Path,
    applicability: &ApplicabilityDomain,
) -> Result<(), ModelDirError> {
    change(directory, |files, config| {
        files.domain = Some(applicability.to_bytes()?.into());
        // They are of predictions that this changes.
        config.clear_reference();
        Ok(())
    })
}

/// Changes what `config.json` of the model in `directory` says; all else stays. For what
/// no weight depends on: names, words, [reference
/// molecules](ModelConfig::set_reference).
///
/// # Errors
///
/// Where the directory holds no whole model, the changed configuration is none, or the
/// file system fails.
pub fn change_config(
    directory: &Path,
    change_it: impl FnOnce(&mut ModelConfig),
) -> Result<(), ModelDirError> {
    change(directory, |_, config| {
        change_it(config);
        Ok(())
    })
}

fn change(
    directory: &Path,
    change_it: impl FnOnce(&mut ModelFiles<'_>, &mut ModelConfig) -> Result<(), ModelDirError>,
) -> Result<(), ModelDirError> {
    let mut files = ModelFiles::read(directory)?;
    let mut config = files.config()?;
    let card = atomic::whole(directory).join(CARD);
    let card = std::fs::read(&card).map_err(io_error(&card))?;
    change_it(&mut files, &mut config)?;
    config.check()?;
    files.config = serde_json::to_vec(&config)?.into();
    files.seal()?;
    write_files(directory, &files, &card)
}

fn write_files(directory: &Path, files: &ModelFiles<'_>, card: &[u8]) -> Result<(), ModelDirError> {
    refuse_foreign_files(directory)?;
    let mut all: Vec<(&str, &[u8])> = vec![
        (WEIGHTS, &files.weights),
        (VOCABULARY, &files.vocabulary),
        (CARD, card),
        (CONFIG, &files.config),
    ];
    all.extend(files.domain.as_deref().map(|domain| (DOMAIN, domain)));
    atomic::write_directory(directory, &all).map_err(io_error(directory))
}

/// What is not ours would be lost with the directory that is replaced: only a
/// model, or an empty directory, is.
fn refuse_foreign_files(directory: &Path) -> Result<(), ModelDirError> {
    if !directory.exists() {
        return Ok(());
    }
    let config = std::fs::read(directory.join(CONFIG)).unwrap_or_default();
    let is_model = serde_json::from_slice::<Kind>(&config)
        .is_ok_and(|config| config.model_type == super::MODEL_TYPE);
    for entry in std::fs::read_dir(directory).map_err(io_error(directory))? {
        let entry = entry.map_err(io_error(directory))?;
        let name = entry.file_name();
        let ours = [WEIGHTS, VOCABULARY, CARD, CONFIG, DOMAIN];
        let is_ours = ours.iter().any(|known| name == *known) && entry.path().is_file();
        if !(is_model && is_ours) {
            return Err(ModelDirError::Occupied {
                directory: directory.to_owned(),
                entry: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

/// What tells a `config.json` of ours from those of others.
#[derive(serde::Deserialize)]
struct Kind {
    model_type: String,
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> ModelDirError + use<> {
    let path = path.to_owned();
    move |source| ModelDirError::Io { path, source }
}

/// The bytes of `model.safetensors`.
fn serialize(weights: &[Weight], precision: Precision) -> Result<Vec<u8>, ModelDirError> {
    let fp32 = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, shape, values) in weights {
        let (name, shape) = (name.clone(), shape.clone());
        match (precision, shape.as_slice()) {
            (Precision::Int8, &[rows, columns]) => {
                let (bytes, scales) = quantize(values, columns);
                let scale_name = format!("{name}{SCALE}");
                tensors.push((scale_name, Dtype::F32, vec![rows], fp32(&scales)));
                tensors.push((name, Dtype::I8, shape, bytes));
            }
            (Precision::Fp16, _) => {
                let bytes = values
                    .iter()
                    .flat_map(|&v| f16::from_f32(v).to_le_bytes())
                    .collect();
                tensors.push((name, Dtype::F16, shape, bytes));
            }
            (Precision::Fp32 | Precision::Int8, _) => {
                tensors.push((name, Dtype::F32, shape, fp32(values)));
            }
        }
    }
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(safetensors::serialize(views, None)?)
}
