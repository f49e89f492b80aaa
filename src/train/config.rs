//! What decides a run: the configuration files of `pretrain`, `distill` and
//! `finetune`, which [`RunConfig`] reads.
//!
//! Every field has a default that the documentation of the field states, and
//! no field is read from anywhere else: a run directory's `config.toml`
//! repeats the run.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::labels::Refusal;
use super::start::BUILT_IN;
use crate::device::{Device, DeviceError};
use crate::model::{
    EncoderConfig, Endpoint, EndpointTask, Model, Pooling, Preset, RANGE, REQUIREMENT, Requirement,
    Scaling, Threshold, Transform, ValueRange, words_fault,
};
use crate::predict::{StandardForm, TREATMENT};
use crate::records::ReadOptions;

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
    pub(crate) fn compute_model(&self, model: Model) -> Model {
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

/// What is run: `kind = "pretrain"` or `kind = "finetune"` at the top of a
/// configuration. With a teacher, in `[distillation]`, either is a distillation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum RunConfig {
    /// On a corpus of SMILES.
    Pretrain(PretrainConfig),
    /// On tables of labels.
    Finetune(FinetuneConfig),
}

/// The values of `kind`.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Pretrain,
    Finetune,
}

impl<'de> Deserialize<'de> for RunConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Table::deserialize(deserializer)?;
        let kind = match table.remove("kind") {
            Some(kind) => kind.try_into().map_err(said)?,
            // Written before there was a kind: labels are for fine-tuning alone.
            None if table.contains_key("endpoints") => Kind::Finetune,
            None => Kind::Pretrain,
        };
        match kind {
            Kind::Pretrain => table.try_into().map(Self::Pretrain),
            Kind::Finetune => table.try_into().map(Self::Finetune),
        }
        .map_err(said)
    }
}

/// An error in TOML as one of another format.
fn said<E: serde::de::Error>(error: toml::de::Error) -> E {
    E::custom(error.message())
}

impl From<PretrainConfig> for RunConfig {
    fn from(config: PretrainConfig) -> Self {
        Self::Pretrain(config)
    }
}

impl From<FinetuneConfig> for RunConfig {
    fn from(config: FinetuneConfig) -> Self {
        Self::Finetune(config)
    }
}

impl RunConfig {
    /// Reads a configuration file. One without a `kind` is fine-tuning where it
    /// has endpoints, and pre-training otherwise.
    ///
    /// # Errors
    ///
    /// Where it is no TOML, lacks a field, or has one that is unknown.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        text.parse::<Table>()?.try_into()
    }

    /// The configuration as a file.
    ///
    /// # Errors
    ///
    /// Where TOML has no form for a number of it.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// The form in which the run reads molecules.
    pub fn standard_form(&self) -> StandardForm {
        match self {
            Self::Pretrain(_) => TREATMENT.form,
            Self::Finetune(config) => config.standard_form,
        }
    }

    /// What every kind of run is told.
    pub fn common(&self) -> &RunSettings {
        match self {
            Self::Pretrain(config) => &config.common,
            Self::Finetune(config) => &config.common,
        }
    }

    /// The command that begins such a run: `pretrain`, `distill` or `finetune`.
    pub fn command(&self) -> &'static str {
        match self {
            _ if self.common().distillation.is_some() => "distill",
            Self::Pretrain(_) => "pretrain",
            Self::Finetune(_) => "finetune",
        }
    }

    /// Checks every number, so that a run does not fail after hours.
    ///
    /// # Errors
    ///
    /// At the first field out of bounds, naming it and what it may be.
    pub fn check(&self) -> Result<(), TrainingConfigError> {
        match self {
            Self::Pretrain(config) => config.check(),
            Self::Finetune(config) => config.check(),
        }
    }
}

/// Reads a configuration by `read` and refuses keys at its top that it does not
/// know, which serde cannot do where fields are flattened.
fn strict<'de, D: Deserializer<'de>, T: Serialize>(
    deserializer: D,
    read: impl FnOnce(Table) -> Result<T, toml::de::Error>,
) -> Result<T, D::Error> {
    let table = Table::deserialize(deserializer)?;
    let config = read(table.clone()).map_err(said)?;
    // A key that is known is written again, even where its field is optional.
    let known = Table::try_from(&config).map_err(D::Error::custom)?;
    let Some(unknown) = table.keys().find(|key| !known.contains_key(*key)) else {
        return Ok(config);
    };
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    Err(D::Error::custom(format!(
        "unknown field `{unknown}`, expected one of {}",
        names.join(", ")
    )))
}

/// What every kind of run is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Name of the model.
    pub name: String,
    /// SPDX expression of the licence of the weights.
    pub license: String,
    /// Shape of the encoder; in fine-tuning that of `start`, if it is given.
    pub preset: Preset,
    /// What the pooler reads: the `cls` token, or the `mean` of all. Without
    /// it the first; in fine-tuning as in `start`, if that is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Model directory to start from, instead of random weights; in pre-training
    /// its heads are kept where they fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<PathBuf>,
    /// Times that every molecule is seen; in pre-training a fraction of 1 is a
    /// part of the corpus, in fine-tuning the number is whole.
    pub epochs: f64,
    /// Seed of weights, order, random SMILES, masks and dropout.
    #[serde(default)]
    pub seed: u64,
    /// Steps between two checkpoints.
    #[serde(default = "checkpoint_every")]
    pub checkpoint_every: usize,
    /// Longest sequence, `[CLS]` and `[SEP]` included; the preset's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
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
    /// The teacher, in distillation; on tables a model with the same endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<DistillationConfig>,
}

/// Makes a relative path begin where this process works, for one that resumes the
/// run may work elsewhere.
fn make_absolute(path: &mut PathBuf) -> io::Result<()> {
    if !path.as_os_str().is_empty() {
        *path = std::path::absolute(&*path)?;
    }
    Ok(())
}

impl RunSettings {
    fn make_paths_absolute(&mut self) -> io::Result<()> {
        if let Some(start) = &mut self.start
            && start != Path::new(BUILT_IN)
        {
            make_absolute(start)?;
        }
        let teacher = self.distillation.as_mut().map(|d| &mut d.teacher);
        teacher.map_or(Ok(()), make_absolute)
    }

    /// The settings of a model that is trained from random weights, by the
    /// defaults of all fields.
    pub fn new(name: &str, license: &str, preset: Preset, epochs: f64) -> Self {
        Self {
            name: name.to_owned(),
            license: license.to_owned(),
            preset,
            pooling: None,
            start: None,
            epochs,
            seed: 0,
            checkpoint_every: checkpoint_every(),
            max_length: None,
            hidden_dropout: None,
            attention_dropout: None,
            initial: InitialConfig::default(),
            optimizer: OptimizerConfig::default(),
            batch: BatchConfig::default(),
            distillation: None,
        }
    }

    /// The encoder to train: the preset's, with the pooling and the rates of
    /// dropout that are set here.
    pub fn encoder(&self) -> EncoderConfig {
        let config = self.preset.config();
        EncoderConfig {
            pooling: self.pooling.unwrap_or_default(),
            max_length: self.max_length.unwrap_or(config.max_length),
            hidden_dropout_prob: self.hidden_dropout.unwrap_or(config.hidden_dropout_prob),
            attention_probs_dropout_prob: self
                .attention_dropout
                .unwrap_or(config.attention_probs_dropout_prob),
            ..config
        }
    }

    fn check(&self) -> Checked {
        let usable = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(usable) {
            let name = format!("`{}`", self.name);
            return refuse("name", name, "letters, digits, - _ and .");
        }
        if !(1..=100_000_000).contains(&self.checkpoint_every) {
            let every = self.checkpoint_every;
            return refuse("checkpoint_every", every, "1 to 100000000");
        }
        if !(8..=4096).contains(&self.encoder().max_length) {
            let length = self.encoder().max_length;
            return refuse("max_length", length, "8 to 4096");
        }
        for (field, rate) in [
            ("hidden_dropout", self.hidden_dropout),
            ("attention_dropout", self.attention_dropout),
        ] {
            within(field, rate.unwrap_or(0.0), 0.0, 0.99, "0 to 0.99")?;
        }
        self.initial.check()?;
        self.optimizer.check()?;
        self.batch.check()?;
        self.distillation
            .as_ref()
            .map_or(Ok(()), DistillationConfig::check)
    }
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

/// Pre-training on a corpus of SMILES, and distillation on one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PretrainConfig {
    /// What every kind of run is told.
    #[serde(flatten)]
    pub common: RunSettings,
    /// Files of molecules, in any format that is read.
    #[serde(default)]
    pub train: Vec<PathBuf>,
    /// A file of molecules to validate on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<PathBuf>,
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
}

impl Serialize for PretrainConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What is derived, which `remote` makes a function of the type itself.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for PretrainConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        strict(deserializer, Self::deserialize)
    }
}

impl PretrainConfig {
    /// The same, whatever directory it is read in.
    pub(super) fn with_absolute_paths(&self) -> io::Result<Self> {
        let mut config = self.clone();
        config.common.make_paths_absolute()?;
        let files = config.train.iter_mut().chain(&mut config.valid);
        files.into_iter().try_for_each(make_absolute)?;
        Ok(config)
    }

    /// Checks every number, so that a run does not fail after hours.
    ///
    /// # Errors
    ///
    /// At the first field out of bounds, naming it and what it may be.
    pub fn check(&self) -> Result<(), TrainingConfigError> {
        let common = &self.common;
        common.check()?;
        if self.train.is_empty() {
            return refuse("train", "empty", "at least one file");
        }
        within("epochs", common.epochs, 1e-6, 1e6, "a number above 0")?;
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
        let distilled = common
            .distillation
            .as_ref()
            .map_or(0.0, |d| d.soft + d.hidden + d.similarity + d.pooled);
        if self.masked_lm + self.physchem + self.structure + distilled == 0.0 {
            return refuse("masked_lm", 0, "a weight above 0 for some loss");
        }
        for (field, value) in [
            ("fit_molecules", self.fit_molecules),
            ("validation_molecules", self.validation_molecules),
        ] {
            if !(1..=100_000_000).contains(&value) {
                return refuse(field, value, "1 to 100000000");
            }
        }
        Ok(())
    }
}

/// An endpoint and where its labels are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// The endpoints that it is shown among, such as `absorption`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// How values in [`unit`](Self::unit) become what is learnt.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transform: Transform,
    /// Between what its values can lie, in [`unit`](Self::unit): predictions end there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ValueRange>,
    /// What a molecule must have for the endpoint to be defined for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<Requirement>,
    /// What it is to have a high value, as a comparative: `more soluble`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub higher: String,
    /// What it is to have a low value: `less soluble`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lower: String,
    /// Where the field divides values, if it agrees on that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// Learnt beside the others, which profit, and not predicted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub auxiliary: bool,
    /// The table, relative to the data directory; empty where there are `sources`.
    #[serde(default, skip_serializing_if = "is_empty")]
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
    /// Several tables, where one is not enough: a molecule's label is that of the
    /// first that has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<LabelSource>,
}

/// A column of labels, and how its cells become values in an endpoint's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSource {
    /// The table, relative to the data directory.
    pub file: PathBuf,
    /// Its column of labels.
    #[serde(default = "label")]
    pub label_column: String,
    /// Its column of SMILES; found by name or content where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smiles_column: Option<String>,
    /// Whether cells hold decimal logarithms of the values.
    #[serde(default, skip_serializing_if = "is_false")]
    pub log10: bool,
    /// What the values are multiplied by to be in the endpoint's unit.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub factor: f64,
    /// Values above it are none, in the unit of the cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f32>,
    /// Whether rows of salts and mixtures are left out, whose value is not that of
    /// the parent compound.
    #[serde(default, skip_serializing_if = "is_false")]
    pub parents_only: bool,
}

impl LabelSource {
    /// The number to learn for a cell's.
    ///
    /// # Errors
    ///
    /// Where the value is beyond what can be one, or has no logarithm.
    pub(super) fn learnt(&self, cell: f32, transform: Transform) -> Result<f32, Refusal> {
        if self.at_most.is_some_and(|most| cell > most) {
            return Err(Refusal::Implausible);
        }
        let factor = self.factor;
        let number = f64::from(cell);
        let learnt = match (self.log10, transform) {
            (false, Transform::Identity) if factor == 1.0 => return Ok(cell),
            (false, Transform::Identity) => number * factor,
            (false, Transform::Log10) if cell <= 0.0 => return Err(Refusal::NotPositive),
            (false, Transform::Log10) => (number * factor).log10(),
            (true, Transform::Log10) => number + factor.log10(),
            (true, Transform::Identity) => 10f64.powf(number) * factor,
        } as f32;
        if learnt.is_finite() {
            Ok(learnt)
        } else {
            Err(Refusal::Infinite)
        }
    }
}

fn parent() -> StandardForm {
    StandardForm::Parent
}

fn is_parent(form: &StandardForm) -> bool {
    *form == StandardForm::Parent
}

fn label() -> String {
    "label".to_owned()
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl EndpointConfig {
    /// Where its labels are, the first before the others.
    pub fn sources(&self) -> Vec<LabelSource> {
        if !self.sources.is_empty() {
            return self.sources.clone();
        }
        vec![LabelSource {
            file: self.file.clone(),
            label_column: self.label_column.clone(),
            smiles_column: self.smiles_column.clone(),
            log10: false,
            factor: 1.0,
            at_most: None,
            parents_only: false,
        }]
    }

    /// The endpoint of a model whose labels are scaled by `scaling`.
    pub(super) fn endpoint(&self, scaling: Scaling) -> Endpoint {
        Endpoint {
            name: self.name.clone(),
            title: self.title.clone(),
            unit: self.unit.clone(),
            description: self.description.clone(),
            task: self.task,
            group: self.group.clone(),
            transform: self.transform,
            range: self.range,
            requires: self.requires.clone(),
            scaling,
            higher: self.higher.clone(),
            lower: self.lower.clone(),
            threshold: self.threshold.clone(),
            quantiles: Vec::new(),
        }
    }

    fn check(&self) -> Checked {
        let name = &self.name;
        if is_empty(&self.file) == self.sources.is_empty() {
            let field = format!("endpoints.{name}.file");
            return refuse(&field, self.file.display(), "a table, or `sources`");
        }
        for source in &self.sources {
            let field = format!("endpoints.{name}.sources.factor");
            within(&field, source.factor, 1e-30, 1e30, "a number above 0")?;
        }
        if self.transform != Transform::Identity && self.task != EndpointTask::Regression {
            let field = format!("endpoints.{name}.transform");
            return refuse(&field, "log10", "none for a class");
        }
        if self.range.is_some_and(|range| !range.is_usable()) {
            return refuse(&format!("endpoints.{name}.range"), "none", RANGE);
        }
        if let Some(requires) = self.requires.as_ref().filter(|one| !one.is_usable()) {
            let field = format!("endpoints.{name}.requires");
            return refuse(&field, &requires.smarts, REQUIREMENT);
        }
        if let Some(expected) = words_fault(&self.higher, &self.lower, self.threshold.as_ref()) {
            return refuse(&format!("endpoints.{name}"), "incomplete", expected);
        }
        Ok(())
    }
}

/// What becomes of a molecule that has several labels for one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DuplicatesConfig {
    /// Largest difference of two labels of a molecule, in units of the labels'
    /// standard deviation: where it is larger, the molecule has no label for
    /// the endpoint. Below it the label is their mean. For classes any
    /// disagreement is too large. By default infinite: labels are averaged however
    /// far apart they are, and it is said how many lie further apart than one
    /// standard deviation.
    pub bound: f64,
}

impl Default for DuplicatesConfig {
    fn default() -> Self {
        Self {
            bound: f64::INFINITY,
        }
    }
}

/// The wide inputs of the endpoint head: see [`WideInputs`](crate::model::WideInputs).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WideConfig {
    /// Numbers that counts of environments are folded into.
    pub buckets: usize,
    /// Widths of the two layers before the outputs.
    pub widths: [usize; 2],
}

impl Default for WideConfig {
    /// 2,048 numbers, as in a folded ECFP4, and layers of 512 and 256.
    fn default() -> Self {
        Self {
            buckets: 2048,
            widths: [512, 256],
        }
    }
}

/// Predictions of another model that teach this one beside the measured labels, also
/// of molecules that have none (pseudo-labels; Lee 2013; distillation by a teacher's
/// outputs, Hinton et al. 2015, arXiv 1503.02531).
///
/// A molecule that only they name is trained on where the split gives it to
/// training, and is no part of an evaluation or of the applicability domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudoLabels {
    /// The table, relative to the directory of the data: a column of SMILES, and one of
    /// predictions for every endpoint, with its name. Quantities are in the endpoint's
    /// unit, classes probabilities of the class 1; an empty cell says nothing.
    pub file: PathBuf,
    /// The column of SMILES, where it is not found by its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smiles_column: Option<String>,
    /// How much a prediction counts where nothing was measured, beside a measured
    /// label.
    #[serde(default = "pseudo_weight")]
    pub weight: f64,
    /// How many labels of an endpoint a prediction is worth: where something was
    /// measured, the target is the mean of the prediction, counted so often, and of the
    /// label, counted as often as the endpoint has labels to train on. Few and noisy
    /// labels lean on the teacher, many stand alone.
    #[serde(default = "pseudo_worth")]
    pub worth: f64,
}

fn pseudo_weight() -> f64 {
    0.05
}

fn pseudo_worth() -> f64 {
    500.0
}

impl PseudoLabels {
    /// How the table is read.
    pub(super) fn options(&self) -> ReadOptions {
        ReadOptions {
            smiles_column: self.smiles_column.clone().map(Into::into),
            ..ReadOptions::default()
        }
    }

    fn check(&self) -> Checked {
        if self.file.as_os_str().is_empty() {
            return refuse("pseudo_labels.file", "empty", "a table");
        }
        within("pseudo_labels.weight", self.weight, 0.0, 1e3, "0 to 1000")?;
        within("pseudo_labels.worth", self.worth, 0.0, 1e9, "0 or more")
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
    /// By a hash of the Bemis–Murcko scaffold, with one fold: a scaffold is in the
    /// same part whatever else the tables hold, so that several trainings can hold
    /// out the same molecules.
    #[serde(rename = "scaffold-hash")]
    ScaffoldHash,
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
#[serde(remote = "Self")]
pub struct FinetuneConfig {
    /// What every kind of run is told.
    #[serde(flatten)]
    pub common: RunSettings,
    /// Epochs without a better validation loss after which training ends; 0:
    /// never.
    #[serde(default)]
    pub patience: usize,
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
    /// The form in which molecules are read, in training and ever after.
    #[serde(default = "parent", skip_serializing_if = "is_parent")]
    pub standard_form: StandardForm,
    /// What the endpoint head reads beside the encoder's output, and its inner
    /// layers. Their dropout is `hidden_dropout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wide: Option<WideConfig>,
    /// Trains the head alone: the encoder stays that of `start`, and what it says of
    /// each molecule is computed once.
    #[serde(default, skip_serializing_if = "is_false")]
    pub freeze_encoder: bool,
    /// How much endpoints with few labels count: a label weighs the number of labels
    /// of its endpoint to the power of minus this. At 0 all labels are alike, at 1 all
    /// endpoints.
    #[serde(default, skip_serializing_if = "is_default")]
    pub balance: f64,
    /// How many training molecules of each endpoint the model keeps, to tell how like
    /// them a molecule is; all of them where it is absent. It makes models of many
    /// molecules smaller, and has none of a Gaussian process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_molecules: Option<NonZeroUsize>,
    /// What another model predicts of molecules with and without labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudo_labels: Option<PseudoLabels>,
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
}

impl Serialize for FinetuneConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What is derived, which `remote` makes a function of the type itself.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for FinetuneConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        strict(deserializer, Self::deserialize)
    }
}

impl FinetuneConfig {
    /// The same, whatever directory it is read in. Its tables are not read again.
    pub(super) fn with_absolute_paths(&self) -> io::Result<Self> {
        let mut config = self.clone();
        config.common.make_paths_absolute()?;
        config.split.file.as_mut().map_or(Ok(()), make_absolute)?;
        Ok(config)
    }

    /// Times that every molecule is seen.
    pub fn epochs(&self) -> usize {
        self.common.epochs as usize
    }

    /// Checks every number, so that a run does not fail after hours.
    ///
    /// # Errors
    ///
    /// At the first field out of bounds, naming it and what it may be.
    pub fn check(&self) -> Result<(), TrainingConfigError> {
        let common = &self.common;
        common.check()?;
        if self.endpoints.is_empty() {
            return refuse("endpoints", "empty", "at least one");
        }
        let mut names = BTreeSet::new();
        for endpoint in &self.endpoints {
            endpoint.check()?;
            if endpoint.name.is_empty() || !names.insert(&endpoint.name) {
                let name = format!("`{}`", endpoint.name);
                return refuse("endpoints", name, "a name of its own each");
            }
        }
        if self.endpoints.iter().all(|endpoint| endpoint.auxiliary) {
            return refuse("endpoints", "auxiliary", "at least one that is predicted");
        }
        let epochs = common.epochs;
        within("epochs", epochs, 1.0, 1e5, "a whole number, 1 to 100000")?;
        if epochs.fract() != 0.0 {
            return refuse("epochs", epochs, "a whole number, 1 to 100000");
        }
        within("labels", self.labels, 0.0, 1e6, "0 or more")?;
        if self.labels == 0.0 && common.distillation.is_none() {
            return refuse("labels", 0, "a weight above 0 without a teacher");
        }
        if let Some(wide) = &self.wide {
            for (field, width) in [
                ("wide.buckets", wide.buckets),
                ("wide.widths", wide.widths[0]),
                ("wide.widths", wide.widths[1]),
            ] {
                if !(1..=65_536).contains(&width) {
                    return refuse(field, width, "1 to 65536");
                }
            }
        }
        within("balance", self.balance, 0.0, 1.0, "0 to 1")?;
        if self.freeze_encoder {
            if common.start.is_none() {
                return refuse("freeze_encoder", "true", "false without a `start`");
            }
            if self.augment {
                return refuse("augment", "true", "false with `freeze_encoder`");
            }
            if common.distillation.is_some() {
                return refuse("freeze_encoder", "true", "false with a teacher");
            }
        }
        if self.kept_molecules.is_some() && self.gaussian_process {
            return refuse("gaussian_process", "true", "false with `kept_molecules`");
        }
        if let Some(pseudo_labels) = &self.pseudo_labels {
            pseudo_labels.check()?;
            // A molecule has its place whatever tables there are.
            if self.split.kind != SplitKind::ScaffoldHash {
                return refuse(
                    "split.kind",
                    "another",
                    "scaffold-hash with `pseudo_labels`",
                );
            }
        }
        let split = &self.split;
        if !(1..=100).contains(&split.folds) {
            return refuse("split.folds", split.folds, "1 to 100");
        }
        within("split.valid", split.valid, 0.0, 0.8, "0 to 0.8")?;
        within("split.test", split.test, 0.0, 0.8, "0 to 0.8")?;
        let held_out = split.valid + split.test;
        within("split.valid + split.test", held_out, 0.0, 0.9, "0 to 0.9")?;
        if split.kind == SplitKind::ScaffoldHash && split.folds != 1 {
            return refuse("split.folds", split.folds, "1 with the kind scaffold-hash");
        }
        if split.kind == SplitKind::Indices && split.file.is_none() {
            return refuse("split.file", "absent", "a file of indices");
        }
        if self.duplicates.bound.is_nan() || self.duplicates.bound < 0.0 {
            return refuse("duplicates.bound", self.duplicates.bound, "0 or more");
        }
        Ok(())
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

    const PRETRAIN: &str = r#"
        name = "x"
        license = "MIT"
        preset = "delicate-small"
        train = ["a.smi"]
        epochs = 1
    "#;

    const FINETUNE: &str = r#"
        name = "x"
        license = "MIT"
        preset = "delicate-small"
        epochs = 2
        endpoints = [{ name = "y", title = "Y", file = "a.csv" }]
    "#;

    fn read(text: &str) -> RunConfig {
        RunConfig::from_toml(text).expect(text)
    }

    fn refused(text: &str) -> String {
        RunConfig::from_toml(text).expect_err(text).to_string()
    }

    #[test]
    fn a_configuration_says_what_it_is_and_is_read_as_it_is_written() {
        for (kind, text) in [("pretrain", PRETRAIN), ("finetune", FINETUNE)] {
            let tagged = format!("kind = \"{kind}\"\n{text}");
            let config = read(&tagged);
            assert_eq!(config.command(), kind);
            assert_eq!(config.check(), Ok(()));
            let written = config.to_toml().expect("written");
            assert!(
                written.starts_with(&format!("kind = \"{kind}\"\n")),
                "{written}"
            );
            assert_eq!(read(&written), config);
            let taught = format!("{tagged}\n[distillation]\nteacher = \"t\"\n");
            assert_eq!(read(&taught).command(), "distill");
        }
        let error = refused(&format!("kind = \"embed\"\n{PRETRAIN}"));
        assert!(
            error.contains("`embed`") && error.contains("`finetune`"),
            "{error}"
        );
    }

    #[test]
    fn a_configuration_of_an_earlier_version_is_recognised() {
        for (kind, text) in [("pretrain", PRETRAIN), ("finetune", FINETUNE)] {
            assert_eq!(read(text), read(&format!("kind = \"{kind}\"\n{text}")));
        }
        // As it wrote a run's.
        let old = FINETUNE.replace("epochs = 2", "epochs = 20\npatience = 6\nseed = 3");
        let RunConfig::Finetune(config) = read(&old) else {
            panic!("it has endpoints");
        };
        assert_eq!((config.epochs(), config.common.seed), (20, 3));
    }

    #[test]
    fn a_field_that_is_unknown_is_refused_by_name_wherever_it_is() {
        for (text, unknown) in [
            (PRETRAIN, "learning_rate = 1.0"),
            (PRETRAIN, "patience = 3"),
            (FINETUNE, "train = [\"a.smi\"]"),
            (FINETUNE, "[optimizer]\nlearning_rat = 1.0"),
            (PRETRAIN, "[batch]\nmolecule = 1"),
            (PRETRAIN, "[distillation]\nteachers = \"a\""),
        ] {
            let name = unknown
                .lines()
                .last()
                .and_then(|line| line.split(' ').next());
            let name = format!("unknown field `{}`", name.expect("a name"));
            for kind in ["", "kind = \"pretrain\"\n"] {
                if text == FINETUNE && !kind.is_empty() {
                    continue;
                }
                let error = refused(&format!("{kind}{text}\n{unknown}\n"));
                assert!(error.contains(&name), "{error}");
            }
        }
        let error = refused(&PRETRAIN.replace("license", "licence"));
        assert!(error.contains("missing field `license`"), "{error}");
    }

    #[test]
    fn numbers_out_of_bounds_are_named() {
        let (RunConfig::Pretrain(pretrain), RunConfig::Finetune(finetune)) =
            (read(PRETRAIN), read(FINETUNE))
        else {
            panic!("one of each kind");
        };
        let refused = |change: &dyn Fn(&mut PretrainConfig)| {
            let mut config = pretrain.clone();
            change(&mut config);
            config.check().err().map(|error| error.field)
        };
        let named = |field: &str| Some(field.to_owned());
        assert_eq!(refused(&|_| ()), None);
        assert_eq!(refused(&|c| c.common.epochs = f64::NAN), named("epochs"));
        assert_eq!(refused(&|c| c.train.clear()), named("train"));
        assert_eq!(refused(&|c| c.common.name = "../x".into()), named("name"));
        assert_eq!(
            refused(&|c| c.common.batch.molecules = 0),
            named("batch.molecules")
        );
        assert_eq!(
            refused(&|c| c.common.optimizer.accumulation = 0),
            named("optimizer.accumulation")
        );
        assert_eq!(
            refused(&|c| (c.masked_lm, c.physchem) = (0.0, 0.0)),
            named("masked_lm")
        );
        assert_eq!(
            refused(&|c| c.common.distillation = Some(DistillationConfig::default())),
            named("distillation.teacher")
        );
        for epochs in [0.0, 1.5, f64::NAN, 1e6] {
            let mut config = finetune.clone();
            config.common.epochs = epochs;
            let field = config.check().err().map(|error| error.field);
            assert_eq!(field, named("epochs"), "{epochs}");
        }
    }
}
