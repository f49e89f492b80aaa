//! Training: masked language modelling and descriptors on a corpus, labels on
//! tables, and a teacher's knowledge on either.
//!
//! A [`RunConfig`] decides a run. [`pretrain`] and [`finetune`] read its data and
//! train by one loop (`trainer`); the model is stored in the run directory, and
//! fine-tuning evaluates it first. The run survives being killed: [`resume`]
//! continues where it stopped. On a CPU the result is the same to the bit, because
//! every random draw is a function of the seed and of the place in the run.

pub mod baseline;
mod batches;
pub mod benchmark;
mod config;
mod configurations;
mod corpus;
mod dataset;
mod describe;
pub mod evaluation;
mod finetune;
mod fold_objective;
mod gaussian_process;
mod gaussian_process_fit;
#[cfg(test)]
mod kill_tests;
pub mod labels;
mod learnable;
mod left_out;
mod model_card;
mod objectives;
mod optimizer;
pub mod own_table;
mod predicted;
mod pretrain;
mod progress;
#[cfg(test)]
mod reference_tests;
mod relations;
mod run;
pub mod run_dir;
#[cfg(test)]
mod run_tests;
mod seeds;
pub mod splits;
mod start;
mod tensorboard;
mod trainer;

use std::path::PathBuf;

use crate::device::DeviceError;
use crate::model::SourceError;
use crate::model_dir::ModelDirError;
use crate::predict::Stop;
use crate::train::splits::SplitError;

pub use config::{
    BatchConfig, DescriptorSet, DistillationConfig, DuplicatesConfig, EndpointConfig,
    FinetuneConfig, InitialConfig, OptimizerConfig, PretrainConfig, RunConfig, RunSettings,
    SplitConfig, SplitKind, TrainingConfigError,
};
pub use configurations::CONFIGURATIONS;
pub use corpus::{Corpus, CorpusError, DataFile, Position as CorpusPosition};
pub use dataset::{Example, Examples, ExamplesError, Merged, TableRead};
pub use describe::{DescribeError, describe};
pub use finetune::{Finetuned, Position as FoldPosition, calibrate_run, evaluate_run, finetune};
pub use learnable::LearnableError;
pub use left_out::{Fault, LeftOut, summary as left_out_summary};
pub use model_card::evaluation_table;
pub use objectives::DistillationError;
pub use optimizer::OptimizerError;
pub use pretrain::{Pretrained, pretrain};
pub use progress::{Event, Step};
pub use run::{Trained, resume, run};
pub use run_dir::RunError;
pub use start::{BUILT_IN, UsedModel, start_files};
pub use tensorboard::EventFile;

/// Why a run could not begin, continue or be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A number of the configuration is out of bounds.
    #[error(transparent)]
    Config(#[from] TrainingConfigError),
    /// The device cannot compute as asked.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A configuration is not the TOML we expect.
    #[error("configuration: {}", .0.to_string().trim_end())]
    Toml(#[from] toml::de::Error),
    /// A configuration cannot be written as TOML.
    #[error("configuration: {0}")]
    TomlOut(#[from] toml::ser::Error),
    /// The directory that relative paths begin in is not known.
    #[error("the working directory: {0}")]
    WorkingDirectory(#[source] std::io::Error),
    /// The corpus cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A table of labels cannot be used.
    #[error(transparent)]
    Examples(#[from] ExamplesError),
    /// A molecule has no environments or descriptors.
    #[error(transparent)]
    Chemistry(#[from] crate::chemistry::ChemistryError),
    /// The molecules cannot be split as asked.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The baseline could not be fitted.
    #[error(transparent)]
    Baseline(#[from] crate::train::baseline::BaselineError),
    /// An endpoint has too few labels to be trained on.
    #[error(
        "endpoint `{endpoint}` has {molecules} labels to train on, at least {needed} are needed"
    )]
    TooFew {
        /// The endpoint.
        endpoint: String,
        /// Its labels.
        molecules: usize,
        /// How many there should be.
        needed: usize,
    },
    /// There is nothing to learn from the labels.
    #[error(transparent)]
    Learnable(#[from] LearnableError),
    /// Teacher and student would not hold out the same molecules.
    #[error(
        "{} was trained on other folds: its held-out molecules would be taught; split with its \
         splits.json (split.kind = \"indices\")", .0.display()
    )]
    OtherFolds(PathBuf),
    /// A model is not the one that the run began with.
    #[error(
        "the model {} has changed since the run began (SHA-256 of its config.json {found}, then \
         {expected}): put the old model back, or begin another run", path.display()
    )]
    ModelChanged {
        /// Its directory.
        path: PathBuf,
        /// The digest at the beginning.
        expected: String,
        /// The digest now.
        found: String,
    },
    /// The teacher cannot teach this student.
    #[error(transparent)]
    Distillation(#[from] DistillationError),
    /// The whole corpus was read without a molecule that the model can read.
    #[error("none of {rows} rows holds a molecule that the model can read")]
    NothingUsable {
        /// Rows that were read.
        rows: u64,
    },
    /// A run that has no endpoints cannot be evaluated on labels.
    #[error("{} is a pre-training run: it has no endpoints to evaluate", .0.display())]
    NoEndpoints(PathBuf),
    /// A run that is not finished has no model to evaluate.
    #[error(
        "the run in {directory} is not finished: resume it with `delicate resume {directory}`",
        directory = .0.display()
    )]
    Unfinished(PathBuf),
    /// No loss applies: the weights are 0 or the heads are missing.
    #[error("no active training objective: all loss weights are 0, or the model lacks the heads")]
    NothingToLearn,
    /// The loss is no longer a number.
    #[error(
        "the loss is {loss} at step {step} ({batch}): lower optimizer.learning_rate, or resume \
         from the last checkpoint with `delicate resume RUN`"
    )]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// The batch.
        batch: String,
        /// The loss.
        loss: f32,
    },
    /// The run directory cannot be written or resumed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A model directory cannot be read or written.
    #[error(transparent)]
    Storing(#[from] ModelDirError),
    /// The model could not be built.
    #[error(transparent)]
    Model(#[from] SourceError),
    /// The device failed or the caller stopped the run.
    #[error(transparent)]
    Stop(#[from] Stop),
}
