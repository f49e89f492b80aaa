//! The model directory, in the shape Hugging Face uses: `config.json`,
//! `model.safetensors` (fp32 or fp16), `vocab.txt`, `README.md` (the card).
//!
//! Nothing in such a directory is trusted. Sizes are bounded before anything
//! is allocated, every tensor must be there in its shape and none may be left
//! over, and whatever is wrong is a [`StoringError`] that names it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::model::{
    ConfigError, Encoder, EncoderConfig, Endpoint, Model, Parameters, Source, SourceError, Stored,
    parameter,
};
use crate::tokens::{self, VocabularyError};

/// Name of the configuration in a model directory.
pub const CONFIG: &str = "config.json";
/// Name of the weights in a model directory.
pub const WEIGHTS: &str = "model.safetensors";
/// Name of the vocabulary in a model directory.
pub const VOCABULARY: &str = "vocab.txt";
/// Name of the model card in a model directory.
pub const CARD: &str = "README.md";

/// Largest `config.json`, `vocab.txt` or card that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Largest `model.safetensors` that is read, in bytes.
const MAX_WEIGHT_BYTES: u64 = 6 << 30;
/// Most endpoints of one model.
const MAX_ENDPOINTS: usize = 4096;

/// `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Always `delicate`.
    pub model_type: String,
    /// The model's name, such as `delicate-small`.
    pub name: String,
    /// The preset its shape comes from, or `custom`.
    pub preset: String,
    /// SPDX expression of the weights' licence.
    pub license: String,
    /// The encoder's shape.
    #[serde(flatten)]
    pub encoder: EncoderConfig,
    /// The outputs of the head, in order.
    pub endpoints: Vec<Endpoint>,
}

/// What `model_type` says.
pub const MODEL_TYPE: &str = "delicate";

/// Why a model directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoringError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any model of ours.
    #[error("{file} is larger than {limit} bytes, the most that are read")]
    TooLarge {
        /// The file's name.
        file: &'static str,
        /// The limit.
        limit: u64,
    },
    /// `config.json` is not the JSON we expect.
    #[error("config.json: {0}")]
    Json(#[from] serde_json::Error),
    /// A field of `config.json` is out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `vocab.txt` is not the vocabulary of the tokenizer.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// `model.safetensors` is truncated or malformed.
    #[error("model.safetensors is not a valid safetensors file ({0}): download or copy it again")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// A tensor is missing or has another shape or type.
    #[error("model.safetensors: {0}")]
    Tensor(#[from] SourceError),
    /// The file holds tensors that the configuration has no place for.
    #[error("model.safetensors holds tensors that config.json has no place for: {}", .0.join(", "))]
    Surplus(Vec<String>),
    /// The values could not be read back from the device.
    #[error("the weights could not be read back from the device: {0}")]
    Device(String),
}

/// The contents of a model directory, not yet looked into.
#[derive(Clone, Debug)]
pub struct ModelFiles<'a> {
    /// `config.json`.
    pub config: Cow<'a, [u8]>,
    /// `model.safetensors`.
    pub weights: Cow<'a, [u8]>,
    /// `vocab.txt`.
    pub vocabulary: Cow<'a, [u8]>,
}

#[cfg(feature = "embedded")]
impl ModelFiles<'static> {
    /// The default model, built into the library: `models/delicate-small`.
    pub fn embedded() -> Self {
        Self {
            config: include_bytes!("../models/delicate-small/config.json").into(),
            weights: include_bytes!("../models/delicate-small/model.safetensors").into(),
            vocabulary: include_bytes!("../models/delicate-small/vocab.txt").into(),
        }
    }
}

impl ModelFiles<'static> {
    /// Reads the files of a model directory.
    ///
    /// # Errors
    ///
    /// Where a file is absent, unreadable or too large.
    pub fn read(directory: &Path) -> Result<Self, StoringError> {
        let read = |file: &'static str, limit: u64| {
            let path = directory.join(file);
            let io = |source| StoringError::Io {
                path: path.clone(),
                source,
            };
            // A pipe or a device could go on for ever.
            if !std::fs::metadata(&path).map_err(io)?.is_file() {
                return Err(io(io::Error::other("not a regular file")));
            }
            let mut bytes = Vec::new();
            std::fs::File::open(&path)
                .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
                .map_err(io)?;
            if bytes.len() as u64 > limit {
                return Err(StoringError::TooLarge { file, limit });
            }
            Ok(Cow::Owned(bytes))
        };
        Ok(Self {
            config: read(CONFIG, MAX_TEXT_BYTES)?,
            weights: read(WEIGHTS, MAX_WEIGHT_BYTES)?,
            vocabulary: read(VOCABULARY, MAX_TEXT_BYTES)?,
        })
    }
}

impl ModelFiles<'_> {
    /// Checks the files and builds the model on `device`.
    ///
    /// # Errors
    ///
    /// A [`StoringError`] that names what is wrong, and where.
    ///
    /// # Panics
    ///
    /// Never, whatever the bytes.
    pub fn load(&self, device: &Device) -> Result<(ModelConfig, Model), StoringError> {
        let config: ModelConfig = serde_json::from_slice(&self.config)?;
        config.check()?;
        tokens::check_vocabulary(&String::from_utf8_lossy(&self.vocabulary))?;
        let mut source = File {
            tensors: SafeTensors::deserialize(&self.weights)?,
            prefix: "",
            taken: BTreeSet::new(),
            device,
        };
        let model = Model::new(&mut source, &config.encoder, config.endpoints.len())?;
        let surplus: Vec<String> = source
            .tensors
            .names()
            .into_iter()
            .filter(|name| !source.taken.contains(*name))
            .map(str::to_owned)
            .collect();
        if surplus.is_empty() {
            Ok((config, model))
        } else {
            Err(StoringError::Surplus(surplus))
        }
    }
}

impl ModelConfig {
    fn check(&self) -> Result<(), ConfigError> {
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
        if !(1..=MAX_ENDPOINTS).contains(&self.endpoints.len()) {
            return refuse(
                "endpoints",
                self.endpoints.len().to_string(),
                "1 to 4096 endpoints",
            );
        }
        let mut names = BTreeSet::new();
        for endpoint in &self.endpoints {
            let scaling = endpoint.scaling;
            if endpoint.name.is_empty() || !names.insert(&endpoint.name) {
                return refuse("endpoints", endpoint.name.clone(), "a name of its own each");
            }
            let usable =
                scaling.mean.is_finite() && scaling.deviation > 0.0 && scaling.deviation < 1e30;
            if !usable {
                return refuse(
                    "endpoints.scaling",
                    format!("{scaling:?} of {}", endpoint.name),
                    "a finite mean and a positive deviation",
                );
            }
        }
        self.encoder.check()
    }
}

/// Parameters from a safetensors file.
struct File<'a> {
    tensors: SafeTensors<'a>,
    /// What stands before every name in the file.
    prefix: &'a str,
    taken: BTreeSet<String>,
    device: &'a Device,
}

impl File<'_> {
    /// The values of tensor `name`, whose shape must be `expected`.
    fn values(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, SourceError> {
        let name = &format!("{}{name}", self.prefix);
        let view = self
            .tensors
            .tensor(name)
            .map_err(|_| SourceError::Missing(name.to_owned()))?;
        if view.shape() != expected {
            return Err(SourceError::Shape {
                name: name.to_owned(),
                found: view.shape().to_vec(),
                expected: expected.to_vec(),
            });
        }
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Dtype::F16 => view
                .data()
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            other => {
                return Err(SourceError::Type {
                    name: name.to_owned(),
                    found: format!("{other:?}"),
                });
            }
        };
        if !values.iter().all(|value| value.is_finite()) {
            return Err(SourceError::NotFinite(name.to_owned()));
        }
        self.taken.insert(name.to_owned());
        Ok(values)
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        Ok(parameter(
            self.values(name, &[length])?,
            [length],
            self.device,
        ))
    }
}

impl Source for File<'_> {
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, SourceError> {
        Ok(parameter(self.values(name, &shape)?, shape, self.device))
    }

    fn zeros(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        self.vector(name, length)
    }

    fn ones(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        self.vector(name, length)
    }

    fn linear(&mut self, name: &str, from: usize, to: usize) -> Result<Linear, SourceError> {
        let stored = self.values(&format!("{name}.weight"), &[to, from])?;
        // Transposed here and not on the device, which would keep the strides
        // of the file and multiply from a transposed view ever after.
        let mut weight = Vec::with_capacity(stored.len());
        for column in 0..from {
            weight.extend(stored.iter().skip(column).step_by(from));
        }
        Ok(Linear {
            weight: parameter(weight, [from, to], self.device),
            bias: Some(self.vector(&format!("{name}.bias"), to)?),
        })
    }
}

/// Builds the encoder of `config` from the tensors of a safetensors file whose
/// names begin with `prefix`; other tensors are left alone.
///
/// # Errors
///
/// Where the file is malformed or lacks a parameter of the encoder.
pub fn encoder_from_safetensors(
    bytes: &[u8],
    prefix: &str,
    config: &EncoderConfig,
    device: &Device,
) -> Result<Encoder, StoringError> {
    config.check()?;
    let mut source = File {
        tensors: SafeTensors::deserialize(bytes)?,
        prefix,
        taken: BTreeSet::new(),
        device,
    };
    Ok(Encoder::new(&mut source, config)?)
}

/// The type in which weights are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    Fp32,
    /// 16-bit floats: half the size; values round to 11 significant bits.
    Fp16,
}

/// Writes a model directory. Each file appears whole or not at all.
///
/// # Errors
///
/// Where the device or the file system fails.
pub async fn write(
    directory: &Path,
    config: &ModelConfig,
    model: &Model,
    precision: Precision,
    card: &str,
) -> Result<(), StoringError> {
    config.check()?;
    let mut stored = Stored::default();
    model.store(&config.encoder, &mut stored);
    let mut tensors = Vec::with_capacity(stored.0.len());
    for parameter in &stored.0 {
        let values: Vec<f32> = parameter
            .tensor()
            .into_data_async()
            .await
            .map_err(|error| StoringError::Device(format!("{error:?}")))?
            .iter()
            .collect();
        let bytes: Vec<u8> = match precision {
            Precision::Fp32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Precision::Fp16 => values
                .iter()
                .flat_map(|&v| f16::from_f32(v).to_le_bytes())
                .collect(),
        };
        tensors.push((parameter.name.as_str(), parameter.shape.clone(), bytes));
    }
    let dtype = match precision {
        Precision::Fp32 => Dtype::F32,
        Precision::Fp16 => Dtype::F16,
    };
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(dtype, shape.clone(), bytes).map(|view| (*name, view))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let weights = safetensors::serialize(views, None)?;

    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoringError::Io { path, source }
    };
    std::fs::create_dir_all(directory).map_err(io(directory))?;
    let mut json = serde_json::to_vec_pretty(config)?;
    json.push(b'\n');
    for (file, bytes) in [
        (WEIGHTS, weights.as_slice()),
        (VOCABULARY, tokens::vocabulary().as_bytes()),
        (CARD, card.as_bytes()),
        // Last: a directory with a config is complete.
        (CONFIG, json.as_slice()),
    ] {
        let path = directory.join(file);
        let partial = directory.join(format!("{file}.partial"));
        std::fs::write(&partial, bytes).map_err(io(&partial))?;
        std::fs::rename(&partial, &path).map_err(io(&path))?;
    }
    Ok(())
}
