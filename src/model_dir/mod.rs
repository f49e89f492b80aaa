//! The model directory, in the shape Hugging Face uses: `config.json`,
//! `model.safetensors` (fp32, fp16 or int8), `vocab.txt`, `README.md` (the card).
//!
//! Nothing in such a directory is trusted. Sizes are bounded before anything
//! is allocated, every tensor must be there in its shape and none may be left
//! over, and whatever is wrong is a [`StoringError`] that names it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::model::{
    ConfigError, Encoder, EncoderConfig, Endpoint, Heads, Model, Parameters, Physchem, Source,
    SourceError, Stored, StoredValues, StructureTargets,
};
use crate::predict::applicability::{Applicability, ApplicabilityError};
use crate::tokenizer::{self, VocabularyError};

/// Name of the configuration in a model directory.
pub const CONFIG: &str = "config.json";
/// Name of the weights in a model directory.
pub const WEIGHTS: &str = "model.safetensors";
/// Name of the vocabulary in a model directory.
pub const VOCABULARY: &str = "vocab.txt";
/// Name of the model card in a model directory.
pub const CARD: &str = "README.md";
/// What the model knows of its domain.
pub const DOMAIN: &str = "domain.json.gz";

/// Largest `config.json`, `vocab.txt` or card that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Most bytes of the file of domains.
const MAX_DOMAIN_BYTES: u64 = 1 << 26;
/// Largest `model.safetensors` that is read, in bytes.
const MAX_WEIGHT_BYTES: u64 = 6 << 30;
/// Most endpoints of one model.
const MAX_ENDPOINTS: usize = 4096;

/// What the names of the endpoint head's parameters begin with.
#[cfg(feature = "train")]
const ENDPOINTS_HEAD: &str = "head.";

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
    /// The outputs of the endpoint head, in order; none in a model that was
    /// pre-trained and not yet fine-tuned.
    pub endpoints: Vec<Endpoint>,
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
    /// `domain.json.gz` is damaged or of another model.
    #[error(transparent)]
    Domain(#[from] ApplicabilityError),
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
    /// `domain.json.gz`, if there is one: see [`Applicability`].
    pub domain: Option<Cow<'a, [u8]>>,
}

#[cfg(feature = "embedded")]
impl ModelFiles<'static> {
    /// The default model, built into the library: `models/delicate-small`.
    pub fn embedded() -> Self {
        Self {
            config: include_bytes!("../../models/delicate-small/config.json").into(),
            weights: include_bytes!("../../models/delicate-small/model.safetensors").into(),
            vocabulary: include_bytes!("../../models/delicate-small/vocab.txt").into(),
            domain: Some(include_bytes!("../../models/delicate-small/domain.json.gz").into()),
        }
    }

    /// The default model for comparing molecules, built into the library:
    /// `models/delicate-small-embedding`. It predicts no endpoint.
    pub fn embedded_for_similarity() -> Self {
        Self {
            config: include_bytes!("../../models/delicate-small-embedding/config.json").into(),
            weights: include_bytes!("../../models/delicate-small-embedding/model.safetensors")
                .into(),
            vocabulary: include_bytes!("../../models/delicate-small-embedding/vocab.txt").into(),
            domain: None,
        }
    }

    /// The pre-trained encoder that fine-tuning starts from, built into the
    /// library: `models/delicate-small-pretrained`. It predicts no endpoint.
    #[cfg(feature = "train")]
    pub fn embedded_pretrained() -> Self {
        Self {
            config: include_bytes!("../../models/delicate-small-pretrained/config.json").into(),
            weights: include_bytes!("../../models/delicate-small-pretrained/model.safetensors")
                .into(),
            vocabulary: include_bytes!("../../models/delicate-small-pretrained/vocab.txt").into(),
            domain: None,
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
            domain: match directory.join(DOMAIN).exists() {
                true => Some(read(DOMAIN, MAX_DOMAIN_BYTES)?),
                false => None,
            },
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
        tokenizer::check_vocabulary(&String::from_utf8_lossy(&self.vocabulary))?;
        let mut source = File {
            tensors: SafeTensors::deserialize(&self.weights)?,
            prefix: "",
            taken: BTreeSet::new(),
            device,
        };
        let model = Model::new(&mut source, &config.encoder, config.heads())?;
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

impl ModelFiles<'_> {
    /// What the model of `config` knows of its domain, if it does.
    ///
    /// # Errors
    ///
    /// Where the file is damaged or of another model.
    pub fn applicability(
        &self,
        config: &ModelConfig,
    ) -> Result<Option<Applicability>, ApplicabilityError> {
        let names: Vec<&str> = config.endpoints.iter().map(|e| e.name.as_str()).collect();
        let bytes = self.domain.as_ref();
        bytes
            .map(|bytes| Applicability::read(bytes, &names))
            .transpose()
    }
}

#[cfg(feature = "train")]
impl ModelFiles<'_> {
    /// The configuration alone, checked.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn config(&self) -> Result<ModelConfig, StoringError> {
        let config: ModelConfig = serde_json::from_slice(&self.config)?;
        config.check()?;
        Ok(config)
    }

    /// The encoder of this model with `heads` on it: those heads that it has
    /// in the same shape are kept, the others drawn from `initial`; the head of
    /// endpoints only where they are `endpoints` by name. `config` may differ
    /// from the model's own in dropout alone.
    ///
    /// # Errors
    ///
    /// Where the files are no valid model, or its encoder has another shape.
    pub(crate) fn start(
        &self,
        config: &EncoderConfig,
        heads: Heads,
        endpoints: &[Endpoint],
        initial: &mut crate::model::Initial<'_>,
    ) -> Result<Model, StoringError> {
        let stored = self.config()?;
        let names = |endpoints: &[Endpoint]| -> Vec<String> {
            endpoints
                .iter()
                .map(|endpoint| endpoint.name.clone())
                .collect()
        };
        let same_endpoints = names(&stored.endpoints) == names(endpoints);
        let own = stored.encoder;
        let same = EncoderConfig {
            hidden_dropout_prob: own.hidden_dropout_prob,
            attention_probs_dropout_prob: own.attention_probs_dropout_prob,
            initializer_range: own.initializer_range,
            ..config.clone()
        };
        if own != same {
            return Err(ConfigError {
                field: "hidden_size, num_hidden_layers, parameter_sharing",
                value: format!(
                    "{}, {}, {:?}",
                    own.hidden_size, own.num_hidden_layers, own.parameter_sharing
                ),
                expected: format!(
                    "the shape of the preset: {}, {}, {:?}",
                    config.hidden_size, config.num_hidden_layers, config.parameter_sharing
                ),
            }
            .into());
        }
        let mut source = File {
            tensors: SafeTensors::deserialize(&self.weights)?,
            prefix: "",
            taken: BTreeSet::new(),
            device: initial.device,
        };
        let encoder = Encoder::new(&mut source, config)?;
        let mut either = FileOrInitial {
            file: source,
            initial,
            fresh: (!same_endpoints).then_some(ENDPOINTS_HEAD),
        };
        Ok(Model::with_encoder(encoder, &mut either, config, heads)?)
    }
}

/// Parameters from a file where it has them in their shape, or else fresh.
#[cfg(feature = "train")]
struct FileOrInitial<'a, 'b> {
    file: File<'a>,
    initial: &'a mut crate::model::Initial<'b>,
    /// What the names of those begin with that are fresh in any case.
    fresh: Option<&'static str>,
}

#[cfg(feature = "train")]
impl FileOrInitial<'_, '_> {
    fn either<T>(
        &mut self,
        name: &str,
        stored: impl FnOnce(&mut dyn Source) -> Result<T, SourceError>,
        fresh: impl FnOnce(&mut dyn Source) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        if self.fresh.is_some_and(|start| name.starts_with(start)) {
            return fresh(self.initial);
        }
        match stored(&mut self.file) {
            Err(SourceError::Missing(_) | SourceError::Shape { .. }) => fresh(self.initial),
            other => other,
        }
    }
}

#[cfg(feature = "train")]
impl Source for FileOrInitial<'_, '_> {
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, SourceError> {
        self.either(name, |s| s.matrix(name, shape), |s| s.matrix(name, shape))
    }

    fn zeros(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        self.either(name, |s| s.zeros(name, length), |s| s.zeros(name, length))
    }

    fn ones(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        self.either(name, |s| s.ones(name, length), |s| s.ones(name, length))
    }

    fn linear_weight(
        &mut self,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError> {
        self.either(
            name,
            |s| s.linear_weight(name, from, to),
            |s| s.linear_weight(name, from, to),
        )
    }

    fn silent_weight(
        &mut self,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError> {
        self.either(
            name,
            |s| s.silent_weight(name, from, to),
            |s| s.silent_weight(name, from, to),
        )
    }
}

impl ModelConfig {
    /// The heads that stand on the encoder.
    pub fn heads(&self) -> Heads {
        Heads {
            endpoints: self.endpoints.len(),
            masked_lm: self.masked_lm,
            physchem: self.physchem.as_ref().map_or(0, |p| p.descriptors.len()),
            structure: self.structure.as_ref().map_or(0, StructureTargets::len),
            embedding: self.embedding,
        }
    }

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
        if let Some(expected) = self.physchem.as_ref().and_then(Physchem::fault) {
            return refuse("physchem", "another table".to_owned(), expected);
        }
        if let Some(expected) = self.structure.as_ref().and_then(StructureTargets::fault) {
            return refuse("structure", "another table".to_owned(), expected);
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

impl StoredValues for File<'_> {
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
            // One scale a row; a scale has none of its own.
            Dtype::I8 if expected.len() == 2 => {
                let own = name.strip_prefix(self.prefix).unwrap_or(name);
                let scales = self.values(&format!("{own}{SCALE}"), &expected[..1])?;
                view.data()
                    .chunks_exact(expected[1].max(1))
                    .zip(scales)
                    .flat_map(|(row, scale)| {
                        row.iter().map(move |&b| f32::from(b.cast_signed()) * scale)
                    })
                    .collect()
            }
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

    fn device(&self) -> &Device {
        self.device
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
    /// 8-bit integers for matrices, a quarter of the size: row `r` (an output
    /// channel, or the embedding of a token) is stored as `round(w / s)` in
    /// -127 to 127, with its own scale `s = max |w| / 127` in `NAME.scale`
    /// (fp32). Vectors stay in fp32. Computed with as fp32 once read.
    Int8,
}

impl Precision {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
}

/// What ends the name of the scales of an int8 matrix.
const SCALE: &str = ".scale";

/// The rows of a matrix in int8, and their scales; see [`Precision::Int8`].
fn quantise(values: &[f32], columns: usize) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len() / columns.max(1));
    for row in values.chunks_exact(columns.max(1)) {
        let largest = row.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        let scale = largest / 127.0;
        scales.push(scale);
        bytes.extend(row.iter().map(|value| {
            // A row of zeros, or one too small for a scale of its own.
            let step = if scale > 0.0 { value / scale } else { 0.0 };
            // Casting saturates, and rounding leaves -127 to 127.
            (step.round() as i8).cast_unsigned()
        }));
    }
    (bytes, scales)
}

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
) -> Result<Vec<Weight>, StoringError> {
    let mut stored = Stored::default();
    model.store(config, &mut stored);
    let mut weights = Vec::with_capacity(stored.0.len());
    for parameter in &stored.0 {
        let values: Vec<f32> = parameter
            .tensor()
            .into_data_async()
            .await
            .map_err(|error| StoringError::Device(format!("{error:?}")))?
            .iter()
            .collect();
        weights.push((parameter.name.clone(), parameter.shape.clone(), values));
    }
    Ok(weights)
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
    let fp32 = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, shape, values) in weights(&config.encoder, model).await? {
        match (precision, shape.as_slice()) {
            (Precision::Int8, &[rows, columns]) => {
                let (bytes, scales) = quantise(&values, columns);
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
                tensors.push((name, Dtype::F32, shape, fp32(&values)));
            }
        }
    }
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
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
        (VOCABULARY, tokenizer::vocabulary().as_bytes()),
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
