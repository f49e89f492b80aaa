//! The model directory, in the shape Hugging Face uses: `config.json`,
//! `model.safetensors` (fp32, fp16 or int8), `vocab.txt`, `README.md` (the card)
//! and, for a model with Gaussian processes or an applicability domain,
//! `domain.json.gz`.
//!
//! A directory is whole or refused: `config.json` names every file that a
//! prediction depends on with its SHA-256, and itself (`digest`: [`with_digest`]); one
//! that is missing, foreign or altered is a [`ModelDirError`] that names it.
//! Directories are written aside, synced and renamed, so that they appear whole.
//!
//! Nothing in such a directory is trusted. Sizes are bounded before anything
//! is allocated, every tensor must be there in its shape and none may be left
//! over.

mod applicability;
mod config;
mod header;
mod quantize;
mod read;
#[cfg(not(target_family = "wasm"))]
mod write;

use std::io;
use std::path::PathBuf;

use crate::model::{ConfigError, SourceError};
use crate::tokenizer::VocabularyError;

pub use applicability::ApplicabilityError;
pub(crate) use applicability::{MAX_MOLECULES, at_most};
pub(crate) use config::MAX_ENDPOINTS;
pub use config::{MODEL_TYPE, ModelConfig};
#[cfg(all(feature = "train", not(target_family = "wasm")))]
pub(crate) use header::TensorHeader;
pub use quantize::Precision;
#[cfg(feature = "train")]
pub(crate) use read::TensorFile;
#[cfg(test)]
pub(crate) use read::encoder_from_safetensors;
pub use read::{ModelFiles, with_digest};
#[cfg(all(feature = "train", not(target_family = "wasm")))]
pub(crate) use write::{Weight, set_applicability, weights};
#[cfg(not(target_family = "wasm"))]
pub use write::{change_config, write};

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

/// Why a model directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelDirError {
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
    /// The weights are more than the model of `config.json` has.
    #[error(
        "model.safetensors holds {found} bytes of values, and the model of config.json has at \
         most {most}: it belongs to another model"
    )]
    TooManyWeights {
        /// Bytes of values that its header announces.
        found: u64,
        /// The most that there could be.
        most: u64,
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
    /// A file that `config.json` names is not there.
    #[error("{file} is missing, and config.json names it: copy the model directory again, whole")]
    Missing {
        /// The file's name.
        file: String,
    },
    /// A file is not the one that `config.json` names.
    #[error(
        "{file} is not the file that config.json names (SHA-256 {found}, expected {expected}): it \
         was altered, cut short or belongs to another model; copy the model directory again, whole"
    )]
    Altered {
        /// The file's name.
        file: String,
        /// SHA-256 of what is there, in hexadecimal.
        found: String,
        /// SHA-256 in `config.json`.
        expected: String,
    },
    /// `config.json` is not as it was written.
    #[error(
        "config.json has changed since it was written (SHA-256 {found}, its `digest` is \
         {expected}): copy the model directory again, whole; where the change is meant, remove \
         its `digest`"
    )]
    ConfigAltered {
        /// SHA-256 of what it says without its digest, in hexadecimal.
        found: String,
        /// Its digest.
        expected: String,
    },
    /// A file lies in the directory that `config.json` does not name.
    #[error(
        "{file} is present, and config.json does not name it: it belongs to another model, or the \
         directory was not written by this version; copy the model directory again, whole"
    )]
    Unlisted {
        /// The file's name.
        file: String,
    },
    /// `config.json` names a file that this version does not know.
    #[error("config.json names {file}, which this version cannot read: use a newer one")]
    Unknown {
        /// The file's name.
        file: String,
    },
    /// The directory to write to holds what is no part of a model.
    #[error(
        "{}: it holds {entry}, which is no part of a model and would be lost: choose another \
         directory", directory.display()
    )]
    Occupied {
        /// The directory.
        directory: PathBuf,
        /// The first such entry.
        entry: String,
    },
    /// `domain.json.gz` is damaged or of another model.
    #[error(transparent)]
    Domain(#[from] ApplicabilityError),
    /// The values could not be read back from the device.
    #[error("the weights could not be read back from the device: {0}")]
    Device(String),
}
