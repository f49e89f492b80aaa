//! What decides a run: the configuration files of `pretrain`, `distill` and
//! `finetune`.
//!
//! Every field has a default that the documentation of the field states, and
//! no field is read from anywhere else: a run directory's `config.toml`
//! repeats the run.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::device::{Device, DeviceError};
use crate::model::{EncoderConfig, EndpointTask, Model, Pooling, Preset};

/// A number of a configuration is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("configuration: `{field}` is {value}, expected {expected}")]
pub struct TrainingConfigError {
    /// The field.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What it may be.
    pub expected: &'static str,
}

type Checked = Result<(), TrainingConfigError>;

fn refuse(field: &str, value: impl ToString, expected: &'static str) -> Checked {
    Err(TrainingConfigError {
        field: field.to_owned(),
        value: value.to_string(),
        expected,
    })
}

/// Refuses a number outside `low..=high`; NaN is outside of all.
fn within(field: &str, value: f64, low: f64, high: f64, expected: &'static str) -> Checked {
    if value >= low && value <= high {
        Ok(())
    } else {
        refuse(field, value, expected)
    }
}

/// AdamW and its schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Fraction of the run over which the rate rises from 0, linearly; from
    /// there it falls to 0, linearly.
    pub warmup: f64,
    /// Decoupled weight decay of matrices; biases and LayerNorms have none.
    pub weight_decay: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Largest norm of all gradients together; 0 for no bound.
    pub clip_norm: f64,
    /// Batches whose gradients are averaged into one step.
    pub accumulation: usize,
    /// Whether losses and gradients are computed in half precision, on a GPU
    /// with `shader-f16`; parameters and moments stay in single precision
    /// (Micikevicius et al. 2018, arXiv 1710.03740).
    #[serde(skip_serializing_if = "is_false")]
    pub half: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Default for OptimizerConfig {
    /// The paper's pre-training, with its distillation's clipping.
    fn default() -> Self {
        Self {
            learning_rate: 3e-5,
            warmup: 0.1,
            weight_decay: 0.01,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            clip_norm: 1.0,
            accumulation: 1,
            half: false,
        }
    }
}

impl OptimizerConfig {
    fn check(&self) -> Checked {
        let rate = self.learning_rate;
        within("optimizer.learning_rate", rate, 1e-12, 1.0, "1e-12 to 1")?;
        within("optimizer.warmup", self.warmup, 0.0, 1.0, "0 to 1")?;
        let decay = f64::from(self.weight_decay);
        within("optimizer.weight_decay", decay, 0.0, 1.0, "0 to 1")?;
        for (field, beta) in [
            ("optimizer.beta_1", self.beta_1),
            ("optimizer.beta_2", self.beta_2),
        ] {
            within(field, beta.into(), 0.0, 0.999_999, "0 to less than 1")?;
        }
        let epsilon = f64::from(self.epsilon);
        within("optimizer.epsilon", epsilon, 1e-20, 0.1, "1e-20 to 0.1")?;
        within("optimizer.clip_norm", self.clip_norm, 0.0, 1e9, "0 or more")?;
        if !(1..=65_536).contains(&self.accumulation) {
            return refuse("optimizer.accumulation", self.accumulation, "1 to 65536");
        }
        Ok(())
    }

    /// Checks that `device` computes as asked.
    ///
    /// # Errors
    ///
    /// Where half precision is asked for and the device lacks it.
    pub(crate) fn check_device(&self, device: &Device) -> Result<(), DeviceError> {
        if self.half {
            device.require_half_precision()?;
        }
        Ok(())
    }

    /// The model that computes: `model`, or one in half precision made of its
    /// parameters, through which gradients reach them.
    pub(crate) fn computing(&self, model: Model) -> Model {
        if self.half {
            model.in_half_precision()
        } else {
            model
        }
    }

    /// Learning rate where a fraction `progress` of the run is done.
    pub fn rate(&self, progress: f64) -> f64 {
        let rise = if self.warmup > 0.0 {
            progress / self.warmup
        } else {
            1.0
        };
        let fall = (1.0 - progress) / (1.0 - self.warmup).max(1e-9);
        self.learning_rate * rise.min(fall).clamp(0.0, 1.0)
    }
}

/// What one batch holds at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchConfig {
    /// Molecules.
    pub molecules: usize,
    /// Tokens, padding included.
    pub tokens: usize,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            molecules: 64,
            tokens: 4096,
        }
    }
}

impl BatchConfig {
    fn check(&self) -> Checked {
        if !(1..=65_536).contains(&self.molecules) {
            return refuse("batch.molecules", self.molecules, "1 to 65536");
        }
        if !(128..=1 << 22).contains(&self.tokens) {
            return refuse("batch.tokens", self.tokens, "128 to 4194304");
        }
        Ok(())
    }
}

/// How fresh parameters are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InitialConfig {
    /// Standard deviation of the weights of linear layers.
    pub initializer_range: f64,
    /// Standard deviation of the embeddings. Positions are sines of amplitude
    /// 1: embeddings much smaller than that are not seen at first.
    pub embedding_range: f64,
}

impl Default for InitialConfig {
    /// BERT's and the paper's 0.02.
    fn default() -> Self {
        Self {
            initializer_range: 0.02,
            embedding_range: 0.02,
        }
    }
}

impl InitialConfig {
    fn check(&self) -> Checked {
        for (field, value) in [
            ("initial.initializer_range", self.initializer_range),
            ("initial.embedding_range", self.embedding_range),
        ] {
            within(field, value, 1e-6, 10.0, "1e-6 to 10")?;
        }
        Ok(())
    }
}

/// Which descriptors pre-training predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DescriptorSet {
    /// Every descriptor that the chemistry computes.
    #[default]
    All,
    /// The surface descriptors of the paper's shared models, as far as they
    /// are computed as RDKit does.
    Surface,
}

/// How a teacher's knowledge is passed on. Losses are averages over tokens;
/// padding counts nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DistillationConfig {
    /// Model directory of the teacher.
    pub teacher: PathBuf,
    /// Temperature T of the soft labels.
    pub temperature: f64,
    /// Whether the soft loss of distributions is multiplied by T² (Hinton et al.
    /// 2015), which the paper's code does not do. Quantities have no
    /// distribution.
    pub temperature_squared: bool,
    /// Weight of the soft labels: cross-entropy of the student's token
    /// distribution against the teacher's; for endpoints, the squared error
    /// (or cross-entropy) against the teacher's predictions.
    pub soft: f64,
    /// Weight of the squared error of hidden states.
    pub hidden: f64,
    /// Weight of the squared error of similarities of hidden states, H Hᵀ /
    /// width (the reference code's "mmd").
    pub similarity: f64,
    /// Weight of the squared error of the pooled output.
    pub pooled: f64,
    /// Which hidden state of the teacher teaches which of the student, as
    /// pairs; 0 is what enters the first layer. Empty: evenly spread.
    pub layer_map: Vec<[usize; 2]>,
}

impl Default for DistillationConfig {
    /// The paper's.
    fn default() -> Self {
        Self {
            teacher: PathBuf::new(),
            temperature: 8.0,
            temperature_squared: false,
            soft: 1.0,
            hidden: 1.0,
            similarity: 1.0,
            pooled: 0.0,
            layer_map: Vec::new(),
        }
    }
}

impl DistillationConfig {
    fn check(&self) -> Checked {
        if self.teacher.as_os_str().is_empty() {
            return refuse("distillation.teacher", "empty", "a model directory");
        }
        let temperature = self.temperature;
        within(
            "distillation.temperature",
            temperature,
            0.1,
            1000.0,
            "0.1 to 1000",
        )?;
        for (field, weight) in [
            ("distillation.soft", self.soft),
            ("distillation.hidden", self.hidden),
            ("distillation.similarity", self.similarity),
            ("distillation.pooled", self.pooled),
        ] {
            within(field, weight, 0.0, 1e6, "0 or more")?;
        }
        Ok(())
    }
}

/// Pre-training on a corpus of SMILES, and distillation on one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// Name of the model.
    pub name: String,
    /// SPDX expression of the licence of the weights.
    pub license: String,
    /// Shape of the encoder.
    pub preset: Preset,
    /// What the pooler reads: the `first` token, or the `mean` of all.
    #[serde(default)]
    pub pooling: Pooling,
    /// Model directory to start from, instead of random weights; its heads
    /// are kept where they fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<PathBuf>,
    /// Files of molecules, in any format that is read.
    #[serde(default)]
    pub train: Vec<PathBuf>,
    /// A file of molecules to validate on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<PathBuf>,
    /// Times that the corpus is read; a fraction of 1 is a part of it.
    pub epochs: f64,
    /// Seed of weights, order, random SMILES, masks and dropout.
    #[serde(default)]
    pub seed: u64,
    /// A random SMILES of every molecule in every epoch; otherwise the
    /// canonical one.
    #[serde(default = "yes")]
    pub permute: bool,
    /// Fraction of the tokens to be predicted in masked language modelling.
    #[serde(default = "mask_fraction")]
    pub mask_fraction: f64,
    /// Weight of masked language modelling; 0 for none.
    #[serde(default = "one")]
    pub masked_lm: f64,
    /// Weight of the regression of descriptors; 0 for none.
    #[serde(default = "one")]
    pub physchem: f64,
    /// Which descriptors.
    #[serde(default)]
    pub descriptors: DescriptorSet,
    /// Weight of the prediction of structure vectors, from which the embedding
    /// for similarity comes; 0 for none. The loss is 1.56 where nothing is
    /// predicted.
    #[serde(default)]
    pub structure: f64,
    /// Molecules to whose descriptors the normalisation is fitted.
    #[serde(default = "fit_molecules")]
    pub fit_molecules: usize,
    /// Steps between two validations; 0: at the end of every epoch alone.
    #[serde(default)]
    pub validate_every: usize,
    /// Molecules of one validation at most.
    #[serde(default = "validation_molecules")]
    pub validation_molecules: usize,
    /// Steps between two checkpoints.
    #[serde(default = "checkpoint_every")]
    pub checkpoint_every: usize,
    /// Dropout of embeddings and of each block's output; the preset's where
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_dropout: Option<f64>,
    /// Dropout of attention probabilities; the preset's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_dropout: Option<f64>,
    /// Fresh parameters.
    #[serde(default)]
    pub initial: InitialConfig,
    /// AdamW.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Batches.
    #[serde(default)]
    pub batch: BatchConfig,
    /// The teacher, in distillation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<DistillationConfig>,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn mask_fraction() -> f64 {
    0.15
}

fn fit_molecules() -> usize {
    20_000
}

fn validation_molecules() -> usize {
    2_000
}

fn checkpoint_every() -> usize {
    1_000
}

/// The encoder of a preset with other rates of dropout.
fn encoder(
    preset: Preset,
    pooling: Pooling,
    hidden: Option<f64>,
    attention: Option<f64>,
) -> EncoderConfig {
    let config = preset.config();
    EncoderConfig {
        pooling,
        hidden_dropout_prob: hidden.unwrap_or(config.hidden_dropout_prob),
        attention_probs_dropout_prob: attention.unwrap_or(config.attention_probs_dropout_prob),
        ..config
    }
}

fn check_dropout(hidden: Option<f64>, attention: Option<f64>) -> Checked {
    for (field, rate) in [("hidden_dropout", hidden), ("attention_dropout", attention)] {
        within(field, rate.unwrap_or(0.0), 0.0, 0.99, "0 to 0.99")?;
    }
    Ok(())
}

impl PretrainConfig {
    /// The encoder to train.
    pub fn encoder(&self) -> EncoderConfig {
        encoder(
            self.preset,
            self.pooling,
            self.hidden_dropout,
            self.attention_dropout,
        )
    }

    /// Checks every number, so that a run does not fail after hours.
    ///
    /// # Errors
    ///
    /// At the first field out of bounds, naming it and what it may be.
    pub fn check(&self) -> Result<(), TrainingConfigError> {
        check_name(&self.name)?;
        if self.train.is_empty() {
            return refuse("train", "empty", "at least one file");
        }
        within("epochs", self.epochs, 1e-6, 1e6, "a number above 0")?;
        within(
            "mask_fraction",
            self.mask_fraction,
            0.01,
            0.9,
            "0.01 to 0.9",
        )?;
        within("masked_lm", self.masked_lm, 0.0, 1e6, "0 or more")?;
        within("physchem", self.physchem, 0.0, 1e6, "0 or more")?;
        within("structure", self.structure, 0.0, 1e6, "0 or more")?;
        let distilled = self
            .distillation
            .as_ref()
            .map_or(0.0, |d| d.soft + d.hidden + d.similarity + d.pooled);
        if self.masked_lm + self.physchem + self.structure + distilled == 0.0 {
            return refuse("masked_lm", 0, "a weight above 0 for some loss");
        }
        for (field, value) in [
            ("fit_molecules", self.fit_molecules),
            ("validation_molecules", self.validation_molecules),
            ("checkpoint_every", self.checkpoint_every),
        ] {
            if !(1..=100_000_000).contains(&value) {
                return refuse(field, value, "1 to 100000000");
            }
        }
        check_dropout(self.hidden_dropout, self.attention_dropout)?;
        self.initial.check()?;
        self.optimizer.check()?;
        self.batch.check()?;
        self.distillation
            .as_ref()
            .map_or(Ok(()), DistillationConfig::check)
    }
}

fn check_name(name: &str) -> Checked {
    let usable = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(usable) {
        return refuse("name", format!("`{name}`"), "letters, digits, - _ and .");
    }
    Ok(())
}

/// A table of labels for one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Name of the endpoint in results.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Unit of its values; empty for a class.
    #[serde(default)]
    pub unit: String,
    /// What it is and where the data come from.
    #[serde(default)]
    pub description: String,
    /// The table, relative to the data directory.
    pub file: PathBuf,
    /// Its column of labels.
    #[serde(default = "label")]
    pub label_column: String,
    /// Its column of SMILES; found by name or content where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smiles_column: Option<String>,
    /// Whether the labels are a quantity or a class (0 and 1).
    #[serde(default)]
    pub task: EndpointTask,
}

fn label() -> String {
    "label".to_owned()
}

/// What becomes of a molecule that has several labels for one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DuplicatesConfig {
    /// Largest difference of two labels of a molecule, in units of the labels'
    /// standard deviation: where it is larger, the molecule has no label for
    /// the endpoint. Below it the label is their mean. For classes any
    /// disagreement is too large.
    pub bound: f64,
}

impl Default for DuplicatesConfig {
    fn default() -> Self {
        Self { bound: f64::MAX }
    }
}

/// How molecules are parted into training, validation and test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitKind {
    /// At random.
    #[default]
    Random,
    /// By Bemis–Murcko scaffold: no scaffold is in two parts.
    Scaffold,
    /// As a file says.
    Indices,
}

/// The split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// How.
    pub kind: SplitKind,
    /// Folds. 1: a single split by the fractions below. More: each part is
    /// held out in turn and halved into validation and test (the paper's
    /// protocol with 5).
    pub folds: usize,
    /// Fraction for validation, with one fold.
    pub valid: f64,
    /// Fraction for the test, with one fold.
    pub test: f64,
    /// Seed of the split.
    pub seed: u64,
    /// The file of indices (`splits.json`), for the kind `indices`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            kind: SplitKind::Random,
            folds: 5,
            valid: 0.1,
            test: 0.1,
            seed: 0,
            file: None,
        }
    }
}

/// Fine-tuning on tables of labels, and distillation on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinetuneConfig {
    /// Name of the model.
    pub name: String,
    /// SPDX expression of the licence of the weights.
    pub license: String,
    /// Shape of the encoder; it must be that of `start`, if that is given.
    pub preset: Preset,
    /// What the pooler reads: the `first` token, or the `mean` of all. Without
    /// it, as in `start`, or else the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Model directory whose encoder is fine-tuned; without it training
    /// starts from random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<PathBuf>,
    /// Times that every molecule is seen.
    pub epochs: usize,
    /// Epochs without a better validation loss after which training ends; 0:
    /// never.
    #[serde(default)]
    pub patience: usize,
    /// Seed of weights, order, random SMILES and dropout.
    #[serde(default)]
    pub seed: u64,
    /// A random SMILES of every molecule in every epoch; otherwise the
    /// canonical one.
    #[serde(default = "yes")]
    pub augment: bool,
    /// Train once more on all molecules, for as many epochs as were best in
    /// the folds; that is the run's model. Otherwise it is the first fold's.
    #[serde(default)]
    pub refit: bool,
    /// A [Gaussian process](crate::predict::gaussian_process) beside the network, where it
    /// makes predictions of validation molecules better.
    #[serde(default = "yes")]
    pub gaussian_process: bool,
    /// A random forest on ECFP4 beside the model in its evaluation, fitted to the
    /// same molecules; it takes longer than a small model.
    #[serde(default = "yes")]
    pub baseline: bool,
    /// Steps between two checkpoints.
    #[serde(default = "checkpoint_every")]
    pub checkpoint_every: usize,
    /// Dropout of embeddings and of each block's output; the preset's where
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_dropout: Option<f64>,
    /// Dropout of attention probabilities; the preset's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_dropout: Option<f64>,
    /// Fresh parameters.
    #[serde(default)]
    pub initial: InitialConfig,
    /// AdamW.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Batches.
    #[serde(default)]
    pub batch: BatchConfig,
    /// The split.
    #[serde(default)]
    pub split: SplitConfig,
    /// Molecules that occur several times.
    #[serde(default)]
    pub duplicates: DuplicatesConfig,
    /// The endpoints and their tables.
    pub endpoints: Vec<EndpointConfig>,
    /// Weight of the labels beside a teacher.
    #[serde(default = "one")]
    pub labels: f64,
    /// The teacher, in distillation: a model with the same endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<DistillationConfig>,
}

impl FinetuneConfig {
    /// The encoder to train.
    pub fn encoder(&self) -> EncoderConfig {
        encoder(
            self.preset,
            self.pooling.unwrap_or_default(),
            self.hidden_dropout,
            self.attention_dropout,
        )
    }

    /// Checks every number, so that a run does not fail after hours.
    ///
    /// # Errors
    ///
    /// At the first field out of bounds, naming it and what it may be.
    pub fn check(&self) -> Result<(), TrainingConfigError> {
        check_name(&self.name)?;
        if self.endpoints.is_empty() {
            return refuse("endpoints", "empty", "at least one");
        }
        let mut names = BTreeSet::new();
        for endpoint in &self.endpoints {
            if endpoint.name.is_empty() || !names.insert(&endpoint.name) {
                let name = format!("`{}`", endpoint.name);
                return refuse("endpoints", name, "a name of its own each");
            }
        }
        if !(1..=100_000).contains(&self.epochs) {
            return refuse("epochs", self.epochs, "1 to 100000");
        }
        if self.checkpoint_every == 0 {
            return refuse("checkpoint_every", 0, "at least 1");
        }
        within("labels", self.labels, 0.0, 1e6, "0 or more")?;
        if self.labels == 0.0 && self.distillation.is_none() {
            return refuse("labels", 0, "a weight above 0 without a teacher");
        }
        let split = &self.split;
        if !(1..=100).contains(&split.folds) {
            return refuse("split.folds", split.folds, "1 to 100");
        }
        within("split.valid", split.valid, 0.0, 0.8, "0 to 0.8")?;
        within("split.test", split.test, 0.0, 0.8, "0 to 0.8")?;
        let held_out = split.valid + split.test;
        within("split.valid + split.test", held_out, 0.0, 0.9, "0 to 0.9")?;
        if split.kind == SplitKind::Indices && split.file.is_none() {
            return refuse("split.file", "absent", "a file of indices");
        }
        if self.duplicates.bound.is_nan() || self.duplicates.bound < 0.0 {
            return refuse("duplicates.bound", self.duplicates.bound, "0 or more");
        }
        check_dropout(self.hidden_dropout, self.attention_dropout)?;
        self.initial.check()?;
        self.optimizer.check()?;
        self.batch.check()?;
        self.distillation
            .as_ref()
            .map_or(Ok(()), DistillationConfig::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_falls_and_ends_at_zero() {
        let optimizer = OptimizerConfig {
            learning_rate: 2.0,
            warmup: 0.1,
            ..OptimizerConfig::default()
        };
        let close = |progress: f64, rate: f64| (optimizer.rate(progress) - rate).abs() < 1e-12;
        assert!(close(0.0, 0.0) && close(0.05, 1.0) && close(0.1, 2.0));
        assert!(close(0.55, 1.0) && close(1.0, 0.0) && close(1.5, 0.0));
        let flat_start = OptimizerConfig {
            warmup: 0.0,
            ..optimizer.clone()
        };
        assert_eq!(flat_start.rate(0.0), 2.0);
    }

    #[test]
    fn numbers_out_of_bounds_are_named() {
        let config: PretrainConfig = serde_json::from_value(serde_json::json!({
            "name": "x", "license": "MIT", "preset": "delicate-small",
            "train": ["a.smi"], "epochs": 1.0
        }))
        .expect("the rest has defaults");
        assert_eq!(config.check(), Ok(()));
        let refused = |change: &dyn Fn(&mut PretrainConfig)| {
            let mut config = config.clone();
            change(&mut config);
            config.check().err().map(|error| error.field)
        };
        let named = |field: &str| Some(field.to_owned());
        assert_eq!(refused(&|c| c.epochs = f64::NAN), named("epochs"));
        assert_eq!(refused(&|c| c.train.clear()), named("train"));
        assert_eq!(refused(&|c| c.name = "../x".into()), named("name"));
        assert_eq!(
            refused(&|c| c.batch.molecules = 0),
            named("batch.molecules")
        );
        assert_eq!(
            refused(&|c| c.optimizer.accumulation = 0),
            named("optimizer.accumulation")
        );
        assert_eq!(
            refused(&|c| (c.masked_lm, c.physchem) = (0.0, 0.0)),
            named("masked_lm")
        );
        assert_eq!(
            refused(&|c| c.distillation = Some(DistillationConfig::default())),
            named("distillation.teacher")
        );
    }
}
