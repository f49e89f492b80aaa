//! A model to start training from: a stored encoder, and heads that are stored or
//! fresh.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TrainingError;
use super::corpus::hexadecimal;
use crate::model::{
    ConfigError, Encoder, EncoderConfig, Endpoint, Heads, Initial, Model, Source, SourceError,
};
use crate::model_dir::{ModelDirError, ModelFiles, TensorFile};
use crate::train::run_dir;

/// What the names of the parameters begin with that are of one endpoint each.
const ENDPOINT_OUTPUTS: [&str; 2] = ["head.", "wide_head.output."];

/// What a configuration names as `start` for the pre-trained encoder that is
/// built in. A directory of this name is meant by `./built-in`.
pub const BUILT_IN: &str = "built-in";

/// The files of the model that a run starts from: the one built in, that of a
/// model directory, or the model of a run directory.
///
/// # Errors
///
/// Where there is no such model.
pub fn start_files(start: &Path) -> Result<ModelFiles<'static>, ModelDirError> {
    if start == Path::new(BUILT_IN) {
        return built_in();
    }
    ModelFiles::read(&run_dir::model_of(start))
}

#[cfg(feature = "embedded")]
#[allow(
    clippy::unnecessary_wraps,
    reason = "without the feature there is no model"
)]
fn built_in() -> Result<ModelFiles<'static>, ModelDirError> {
    Ok(ModelFiles::embedded_pretrained())
}

#[cfg(not(feature = "embedded"))]
fn built_in() -> Result<ModelFiles<'static>, ModelDirError> {
    Err(ModelDirError::Io {
        path: BUILT_IN.into(),
        source: std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "no pre-trained encoder was built in: name a model directory to start from, or none",
        ),
    })
}

/// A model that a run starts from or is taught by, as its run directory records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedModel {
    /// Its directory, or [`BUILT_IN`].
    pub path: PathBuf,
    /// SHA-256 of its `config.json`, which names its other files with theirs; in
    /// hexadecimal.
    pub sha256: String,
}

/// The models of a run: each stays the one that it was when the run first read it.
#[derive(Debug, Default)]
pub(super) struct UsedModels(RefCell<Vec<UsedModel>>);

impl UsedModels {
    /// Those that a run directory records.
    pub(super) fn recorded(models: &[UsedModel]) -> Self {
        Self(RefCell::new(models.to_vec()))
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<UsedModel> {
        self.0.borrow().clone()
    }

    /// Takes the model in `path` into account, as it was just read.
    ///
    /// # Errors
    ///
    /// Where another one was read from there before.
    pub(super) fn read(&self, path: &Path, files: &ModelFiles<'_>) -> Result<(), TrainingError> {
        let found = hexadecimal(&Sha256::digest(&files.config));
        let mut known = self.0.borrow_mut();
        match known.iter().find(|model| model.path == path) {
            None => known.push(UsedModel {
                path: path.to_owned(),
                sha256: found,
            }),
            Some(model) if model.sha256 == found => {}
            Some(model) => {
                return Err(TrainingError::ModelChanged {
                    path: path.to_owned(),
                    expected: model.sha256.clone(),
                    found,
                });
            }
        }
        Ok(())
    }
}

impl ModelFiles<'_> {
    /// The encoder of this model with `heads` on it: those heads that it has
    /// in the same shape are kept, the others drawn from `initial`; the head of
    /// endpoints only where they are `endpoints` by name. `config` may differ
    /// from the model's own in dropout alone.
    ///
    /// # Errors
    ///
    /// Where the files are no valid model, or its encoder has another shape.
    pub(super) fn start(
        &self,
        config: &EncoderConfig,
        heads: Heads,
        endpoints: &[Endpoint],
        initial: &mut Initial<'_>,
    ) -> Result<Model, ModelDirError> {
        let stored = self.config()?;
        let names = |endpoints: &[Endpoint]| -> Vec<String> {
            endpoints
                .iter()
                .map(|endpoint| endpoint.name.clone())
                .collect()
        };
        let same_endpoints = names(&stored.endpoints) == names(endpoints);
        let own = stored.encoder;
        // Positions are computed, so that longer sequences need no parameters.
        let same = EncoderConfig {
            max_length: own.max_length,
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
        let mut source = TensorFile::open(&self.weights, initial.device)?;
        let encoder = Encoder::new(&mut source, config)?;
        let mut either = FileOrInitial {
            file: source,
            initial,
            other_endpoints: !same_endpoints,
        };
        Ok(Model::with_encoder(encoder, &mut either, config, heads)?)
    }
}

/// Parameters from a file where it has them in their shape, or else fresh.
struct FileOrInitial<'a, 'b> {
    file: TensorFile<'a>,
    initial: &'a mut Initial<'b>,
    /// Whether the outputs are of other endpoints than the file's, and so fresh in any
    /// case.
    other_endpoints: bool,
}

impl FileOrInitial<'_, '_> {
    fn either<T>(
        &mut self,
        name: &str,
        stored: impl FnOnce(&mut dyn Source) -> Result<T, SourceError>,
        fresh: impl FnOnce(&mut dyn Source) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        if self.other_endpoints && ENDPOINT_OUTPUTS.iter().any(|start| name.starts_with(start)) {
            return fresh(self.initial);
        }
        match stored(&mut self.file) {
            Err(SourceError::Missing(_) | SourceError::Shape { .. }) => fresh(self.initial),
            other => other,
        }
    }
}

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

    fn zero_init_weight(
        &mut self,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError> {
        self.either(
            name,
            |s| s.zero_init_weight(name, from, to),
            |s| s.zero_init_weight(name, from, to),
        )
    }
}
