//! What a model costs: parameters, layers, molecules a second in training and
//! in inference, memory; of one model, or of a student beside its teacher.
//!
//! The protocol is [`PROTOCOL`]. Figures compare with each other within one
//! run; between machines and runs they do not.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::Device as Tensors;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::chemistry::DESCRIPTORS;
use crate::device::{Backend, Device, read_back, with_seed};
use crate::metrics;
use crate::model::{Batch, EncoderConfig, Endpoint, Initial, Model, Physchem, Preset, Sharing};
use crate::model_dir::{MODEL_TYPE, ModelConfig, ModelDirError, ModelFiles};
use crate::predict::{
    PredictOptions, Scorer, StandardForm, Standardized, Stop, TREATMENT, without_interruption,
};
use crate::records::{MoleculeSource, Structure};
use crate::train::batches::{PretrainingBatch, mask};
use crate::train::objectives::Pretraining;
use crate::train::optimizer::{Optimizer, assign_param_ids};
use crate::train::trainer::step;
use crate::train::{OptimizerConfig, TrainingError, run_dir};

/// How the figures come about.
pub const PROTOCOL: &str = "Real molecules. Every round passes all of them once through each \
piece, and the pieces of teacher and student alternate: training of the one, training of the \
other, inference of the one, inference of the other. Rounds of warm-up come first and are not \
counted. A piece ends when its last result has been read back from the device. Training: masked \
language modelling (15 %) and descriptors, dropout as the model's configuration says, gradients, \
clipping, AdamW; batches of like length, the same for both, made and masked beforehand. \
Inference: structures in, the value of one endpoint out as in scoring, with parsing, standardising and tokenising, in the \
batches that scoring makes. Forward: the encoder alone on the batches of training, without \
dropout. Molecules a second are medians over the rounds; a speed-up is the ratio of the medians, \
and its range that of the ratios of the rounds. Peak memory is that of a process with one model \
alone, loading included; a GPU's own memory is not in it. Weights of presets are random.";

/// Fraction of the tokens that are masked.
const MASK_FRACTION: f64 = 0.15;

/// Most molecules that are measured.
pub const MAX_MOLECULES: usize = 10_000;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchmarkError {
    /// A name is neither that of a preset nor that of a directory.
    #[error(
        "`{name}` is neither a model directory nor a preset: {}",
        Preset::ALL.map(|(_, name)| name).join(", ")
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// A model directory cannot be used.
    #[error("model {}: {source}", path.display())]
    Model {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        source: ModelDirError,
    },
    /// No molecule can be used.
    #[error("none of {rows} molecules can be read by the models: {example}")]
    NoMolecules {
        /// How many there were.
        rows: usize,
        /// What was wrong with one of them.
        example: String,
    },
    /// A number is out of bounds.
    #[error("{field} is {value}, expected {expected}")]
    OutOfBounds {
        /// What it counts.
        field: &'static str,
        /// Its value.
        value: usize,
        /// What it may be.
        expected: &'static str,
    },
    /// The loss is no longer a number.
    #[error("the loss of {name} is {loss}: its weights are not fit to be trained on")]
    NotFinite {
        /// The model.
        name: String,
        /// The loss.
        loss: f32,
    },
    /// A molecule got no value.
    #[error("{name} scores only {done} of {molecules} molecules")]
    NotScored {
        /// The model.
        name: String,
        /// Values that it gave.
        done: usize,
        /// Molecules that it was given.
        molecules: usize,
    },
    /// A step of training failed.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The device failed.
    #[error(transparent)]
    Stop(#[from] Stop),
}

/// A model to be measured: a preset with random weights, or a directory.
#[derive(Clone, Debug)]
pub struct Subject {
    name: String,
    encoder: EncoderConfig,
    /// Where the weights come from; random where nowhere.
    directory: Option<PathBuf>,
}

impl Subject {
    /// The preset of that name, or else the model or run directory there.
    ///
    /// # Errors
    ///
    /// Where `name` is neither.
    pub fn find(name: &str) -> Result<Self, BenchmarkError> {
        if let Some(preset) = Preset::from_name(name) {
            return Ok(Self {
                name: name.to_owned(),
                encoder: preset.config(),
                directory: None,
            });
        }
        let mut path = PathBuf::from(name);
        if !path.is_dir() {
            return Err(BenchmarkError::Unknown {
                name: name.to_owned(),
            });
        }
        if path.join(run_dir::MODEL).is_dir() {
            path.push(run_dir::MODEL);
        }
        let config = read(&path)?.config().map_err(at(&path))?;
        Ok(Self {
            name: name.to_owned(),
            encoder: config.encoder,
            directory: Some(path),
        })
    }

    /// The shape of its encoder.
    pub fn encoder(&self) -> &EncoderConfig {
        &self.encoder
    }

    /// Its encoder with the heads of pre-training, on `autodiff`.
    fn model(&self, config: &ModelConfig, autodiff: &Tensors) -> Result<Model, BenchmarkError> {
        let mut initial = Initial {
            deviation: self.encoder.initializer_range,
            table_deviation: self.encoder.initializer_range,
            device: autodiff,
        };
        let heads = config.heads();
        with_seed(autodiff, 0, || {
            Ok(assign_param_ids(match &self.directory {
                None => {
                    Model::new(&mut initial, &self.encoder, heads).map_err(TrainingError::Model)?
                }
                Some(path) => read(path)?
                    .start(&self.encoder, heads, &[], &mut initial)
                    .map_err(at(path))?,
            }))
        })
    }
}

fn at(path: &Path) -> impl FnOnce(ModelDirError) -> BenchmarkError {
    let path = path.to_owned();
    move |source| BenchmarkError::Model { path, source }
}

fn read(path: &Path) -> Result<ModelFiles<'static>, BenchmarkError> {
    ModelFiles::read(path).map_err(at(path))
}

/// A masked batch and its targets, as [`Workload`] writes it for others.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingBatch {
    /// Token ids with some masked, a sequence a molecule, without padding.
    pub sequences: Vec<Vec<u32>>,
    /// Places of the tokens to be predicted, in the padded batch taken as one
    /// sequence: row times the longest length, plus column.
    pub places: Vec<usize>,
    /// Those tokens.
    pub labels: Vec<u32>,
    /// Normalised descriptors, a row a molecule.
    pub descriptors: Vec<Vec<f32>>,
}

/// The molecules that are measured on, and the batches of training made of
/// them. Serialised, it says all that another program needs to take the same
/// step on the same padded batches.
#[derive(Clone, Debug, Serialize)]
pub struct Workload {
    /// The batches, in ascending length.
    pub batches: Vec<TrainingBatch>,
    /// Molecules of one batch at most.
    pub batch_molecules: usize,
    /// Rows that a model cannot read.
    pub left_out: usize,
    /// Tokens of the shortest, the median and the longest molecule.
    pub tokens: [usize; 3],
    /// The optimizer's settings; the rate is constant.
    pub optimizer: OptimizerConfig,
    #[serde(skip)]
    structures: Vec<Structure>,
    #[serde(skip)]
    masked: Vec<PretrainingBatch>,
    #[serde(skip)]
    physchem: Physchem,
}

/// 64 drugs, small to large, as SMILES and names.
const MOLECULES: &str = include_str!("../../benches/molecules.smi");

/// The molecules that are built in.
pub fn built_in_molecules() -> Vec<Structure> {
    MOLECULES
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|smiles| Structure::Smiles(smiles.to_owned()))
        .collect()
}

impl Workload {
    /// Prepares `structures` for all of `subjects`: molecules that one of them
    /// cannot read are left out.
    ///
    /// # Errors
    ///
    /// Where none is left, or a number is out of bounds.
    pub fn new(
        molecules: &[impl MoleculeSource],
        subjects: &[&Subject],
        batch_molecules: usize,
    ) -> Result<Self, BenchmarkError> {
        bounds(
            "molecules of a batch",
            batch_molecules,
            1,
            4096,
            "1 to 4096",
        )?;
        let limit = subjects
            .iter()
            .map(|subject| subject.encoder.max_length)
            .min()
            .unwrap_or(usize::MAX);
        let mut usable: Vec<(Structure, Vec<u32>, Vec<f32>)> = Vec::new();
        let mut example = "there are none".to_owned();
        for molecule in molecules {
            match (molecule.structure(), prepare(molecule, limit)) {
                (Ok(structure), Ok((tokens, values))) => {
                    usable.push((structure.clone(), tokens, values));
                }
                (_, Err(what)) => example = what,
                (Err(error), _) => example = error.message.clone(),
            }
        }
        let rows: Vec<Vec<f32>> = usable.iter().map(|(_, _, values)| values.clone()).collect();
        let Some(physchem) = Physchem::fit(&DESCRIPTORS, &rows) else {
            return Err(BenchmarkError::NoMolecules {
                rows: molecules.len(),
                example,
            });
        };
        let structures_used = usable.iter().map(|(one, _, _)| one.clone()).collect();
        usable.sort_by_key(|(_, tokens, _)| tokens.len());
        let length = |place: usize| usable.get(place).map_or(0, |(_, tokens, _)| tokens.len());
        let tokens = [
            length(0),
            length(usable.len() / 2),
            length(usable.len() - 1),
        ];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut batches = Vec::new();
        let mut masked = Vec::new();
        for chunk in usable.chunks(batch_molecules) {
            let sequences: Vec<Vec<u32>> = chunk.iter().map(|(_, ids, _)| ids.clone()).collect();
            let hidden = mask(&sequences, MASK_FRACTION, &mut rng);
            let descriptors: Vec<Vec<f32>> = chunk
                .iter()
                .map(|(_, _, values)| physchem.normalise(values))
                .collect();
            let flat = descriptors.concat();
            batches.push(TrainingBatch {
                sequences: hidden.sequences.clone(),
                places: hidden.places.clone(),
                labels: hidden.labels.clone(),
                descriptors,
            });
            masked.push(PretrainingBatch {
                masked: hidden,
                descriptors: flat,
                structures: Vec::new(),
            });
        }
        Ok(Self {
            batches,
            batch_molecules,
            left_out: molecules.len() - rows.len(),
            tokens,
            optimizer: OptimizerConfig::default(),
            structures: structures_used,
            masked,
            physchem,
        })
    }

    /// How many molecules there are.
    pub fn molecules(&self) -> usize {
        self.structures.len()
    }

    /// Rows and padded length of every batch of training.
    pub fn shapes(&self) -> Vec<[usize; 2]> {
        self.batches
            .iter()
            .map(|batch| {
                let lengths = batch.sequences.iter().map(Vec::len);
                [batch.sequences.len(), lengths.max().unwrap_or(0)]
            })
            .collect()
    }
}

fn bounds(
    field: &'static str,
    value: usize,
    low: usize,
    high: usize,
    expected: &'static str,
) -> Result<(), BenchmarkError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(BenchmarkError::OutOfBounds {
        field,
        value,
        expected,
    })
}

/// Tokens and descriptors of a molecule, or why there are none.
fn prepare(molecule: &impl MoleculeSource, limit: usize) -> Result<(Vec<u32>, Vec<f32>), String> {
    let ready = Standardized::new(molecule, TREATMENT, limit).map_err(|error| error.message)?;
    let values: Vec<f32> = ready
        .molecule()
        .descriptors()
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|value| value as f32)
        .collect();
    if values.iter().all(|value| value.is_finite()) {
        Ok((ready.tokens, values))
    } else {
        Err("a descriptor is not a number".to_owned())
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds {
    /// Rounds that count.
    pub timed: usize,
    /// Rounds before them that do not.
    pub warm_up: usize,
}

impl Rounds {
    fn check(self) -> Result<(), BenchmarkError> {
        bounds("rounds", self.timed, 1, 10_000, "1 to 10000")?;
        bounds("rounds of warm-up", self.warm_up, 0, 100, "0 to 100")
    }
}

/// Smallest, middle and largest of several figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of `values`, of which there is at least one.
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |fraction| metrics::quantile(&values, fraction).unwrap_or(f64::NAN);
        Self {
            median: at(0.5),
            min: at(0.0),
            max: at(1.0),
        }
    }

    fn rates(molecules: usize, times: &[Duration]) -> Self {
        let rate = |time: &Duration| molecules as f64 / time.as_secs_f64().max(1e-9);
        Self::of(times.iter().map(rate))
    }
}

/// Peaks of a process that holds one model alone, loading included, in bytes.
/// A GPU's own memory is not in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeakMemory {
    /// Until the end of the first inference, before any training.
    pub inference: u64,
    /// With training.
    pub training: u64,
}

/// What a model is and how fast.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// The preset or the directory.
    pub name: String,
    /// Width of its hidden states.
    pub hidden_size: usize,
    /// Whether its layers share their parameters.
    pub parameter_sharing: Sharing,
    /// Parameters of encoder and pooler, without heads.
    pub parameters: usize,
    /// Layers that a molecule passes, shared or not.
    pub layers: usize,
    /// Dropout of embeddings and blocks, and that of attention, in training.
    pub dropout: [f64; 2],
    /// Molecules a second in training.
    pub training: Spread,
    /// Molecules a second in inference, from structures to values.
    pub inference: Spread,
    /// Peak memory of a process with this model alone, where it was measured.
    pub peak_memory_bytes: Option<PeakMemory>,
}

impl Side {
    fn new(subject: &Subject, training: Spread, inference: Spread) -> Self {
        let encoder = &subject.encoder;
        Self {
            name: subject.name.clone(),
            hidden_size: encoder.hidden_size,
            parameter_sharing: encoder.parameter_sharing,
            parameters: encoder.parameters(),
            layers: encoder.num_hidden_layers,
            dropout: [
                encoder.hidden_dropout_prob,
                encoder.attention_probs_dropout_prob,
            ],
            training,
            inference,
            peak_memory_bytes: None,
        }
    }
}

/// Where and how was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Version of this library.
    pub version: &'static str,
    /// Version of burn, where known.
    pub burn: Option<String>,
    /// What computes.
    pub backend: Backend,
    /// The device's name.
    pub device: String,
    /// The processor, where the system tells.
    pub processor: Option<String>,
    /// Operating system and architecture.
    pub system: String,
    /// Threads of the CPU that are used (`RAYON_NUM_THREADS` sets them).
    pub threads: usize,
    /// Molecules of a round.
    pub molecules: usize,
    /// Rows that could not be used.
    pub left_out: usize,
    /// Tokens of the shortest, the median and the longest molecule.
    pub tokens: [usize; 3],
    /// Rows and padded length of every batch of training.
    pub training_batches: Vec<[usize; 2]>,
    /// Rounds that count.
    pub rounds: usize,
    /// Rounds of warm-up.
    pub warm_up_rounds: usize,
    /// How the figures come about.
    pub protocol: &'static str,
}

impl Setting {
    fn new(workload: &Workload, rounds: Rounds, device: &Device) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            burn: burn_version(),
            backend: device.backend,
            device: device.name().to_owned(),
            processor: processor(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            threads: rayon::current_num_threads(),
            molecules: workload.molecules(),
            left_out: workload.left_out,
            tokens: workload.tokens,
            training_batches: workload.shapes(),
            rounds: rounds.timed,
            warm_up_rounds: rounds.warm_up,
            protocol: PROTOCOL,
        }
    }
}

/// The version that the manifest pins.
fn burn_version() -> Option<String> {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).ok()?;
    let burn = manifest
        .get("workspace")?
        .get("dependencies")?
        .get("burn")?;
    let version = burn.get("version")?.as_str()?;
    Some(version.trim_start_matches('=').to_owned())
}

/// Linux tells it; other systems do not without their own interfaces.
fn processor() -> Option<String> {
    line_of("/proc/cpuinfo", "model name")
}

/// Peak of this process's memory so far, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let line = line_of("/proc/self/status", "VmHWM")?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Processor time of all threads of this process so far, where the system tells.
fn processor_time() -> Option<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let path = thread.ok()?.path().join("schedstat");
        let line = std::fs::read_to_string(path).ok()?;
        nanoseconds += line.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// The time from the one to the other, where both are known.
fn between(begun: Option<Duration>, ended: Option<Duration>) -> Option<Duration> {
    Some(ended?.saturating_sub(begun?))
}

/// What stands behind `name:` in a file of the system.
fn line_of(file: &str, name: &str) -> Option<String> {
    std::fs::read_to_string(file)
        .ok()?
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// Two models in one interleaved run.
#[derive(Clone, Debug, Serialize)]
pub struct Compression {
    /// Parameters of the teacher over those of the student.
    pub parameters_ratio: f64,
    /// Layers of the teacher over those of the student.
    pub layers_ratio: f64,
    /// How many times as fast the student trains.
    pub training_speedup: f64,
    /// How many times as fast the student scores.
    pub inference_speedup: f64,
    /// The training speed-up round by round.
    pub training_speedup_of_rounds: Spread,
    /// The inference speed-up round by round.
    pub inference_speedup_of_rounds: Spread,
    /// The teacher.
    pub teacher: Side,
    /// The student.
    pub student: Side,
    /// Where and how was measured.
    pub setting: Setting,
}

/// Molecules for each second of processor time, that of all threads together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ByProcessorTime {
    /// In training.
    pub training: Spread,
    /// Through the encoder.
    pub forward: Spread,
}

/// One model alone.
#[derive(Clone, Debug, Serialize)]
pub struct Alone {
    /// The model.
    #[serde(flatten)]
    pub side: Side,
    /// Molecules a second through the encoder on the batches of training,
    /// without dropout or gradients.
    pub forward: Spread,
    /// The same by processor time, where the system tells it: what other work on the
    /// machine hardly changes.
    pub by_processor_time: Option<ByProcessorTime>,
    /// The shape of its encoder.
    pub encoder: EncoderConfig,
    /// Where and how was measured.
    pub setting: Setting,
}

/// A subject, loaded.
struct Runner<'a> {
    subject: &'a Subject,
    workload: &'a Workload,
    device: &'a Device,
    autodiff: Tensors,
    /// In training; taken for a step and put back.
    model: Model,
    optimizer: Optimizer,
    /// The weights of the beginning.
    plain: Model,
    scorer: Scorer,
}

impl<'a> Runner<'a> {
    fn new(
        subject: &'a Subject,
        workload: &'a Workload,
        device: &'a Device,
    ) -> Result<Self, BenchmarkError> {
        let config = ModelConfig {
            model_type: MODEL_TYPE.to_owned(),
            name: subject.name.clone(),
            preset: "custom".to_owned(),
            standard_form: StandardForm::Parent,
            license: String::new(),
            encoder: subject.encoder.clone(),
            endpoints: vec![Endpoint {
                name: "value".to_owned(),
                title: "Value".to_owned(),
                ..Endpoint::default()
            }],
            reference: None,
            masked_lm: true,
            wide: None,
            physchem: Some(workload.physchem.clone()),
            structure: None,
            embedding: false,
        };
        let autodiff = device.tensors().clone().autodiff();
        let model = subject.model(&config, &autodiff)?;
        let plain = model.valid();
        Ok(Self {
            subject,
            workload,
            device,
            autodiff,
            model,
            optimizer: Optimizer::new(&workload.optimizer),
            scorer: Scorer::new(config, plain.clone(), device.clone()),
            plain,
        })
    }

    /// Trains on every batch once.
    async fn train(self) -> Result<(Self, Duration), BenchmarkError> {
        let Self {
            mut model,
            mut optimizer,
            ..
        } = self;
        let objective = Pretraining {
            masked_lm: 1.0,
            physchem: 1.0,
            structure: 0.0,
            teacher: None,
        };
        let rate = self.workload.optimizer.learning_rate;
        let started = Instant::now();
        for batch in &self.workload.masked {
            let values;
            (model, values) = step(model, &mut optimizer, rate, |model| {
                objective.losses(model, batch, &self.autodiff)
            })
            .await?;
            if let Some(&(_, loss)) = values.first()
                && !loss.is_finite()
            {
                return Err(BenchmarkError::NotFinite {
                    name: self.subject.name.clone(),
                    loss,
                });
            }
        }
        // Losses are read before the last weights need be there.
        self.device
            .tensors()
            .sync()
            .map_err(|error| Stop::Device(error.to_string()))?;
        let time = started.elapsed();
        Ok((
            Self {
                model,
                optimizer,
                ..self
            },
            time,
        ))
    }

    /// Scores every molecule once, from its structure on.
    async fn infer(&self) -> Result<Duration, BenchmarkError> {
        let structures = &self.workload.structures;
        let started = Instant::now();
        let results = self
            .scorer
            .predict(structures, PredictOptions::default(), without_interruption)
            .await;
        let time = started.elapsed();
        if let Some(stop) = results.stop {
            return Err(stop.into());
        }
        let done = results
            .rows
            .iter()
            .filter(|row| matches!(row, Some(Ok(_))))
            .count();
        if done < structures.len() {
            return Err(BenchmarkError::NotScored {
                name: self.subject.name.clone(),
                done,
                molecules: structures.len(),
            });
        }
        Ok(time)
    }

    /// Encodes every batch of training once.
    async fn forward(&self) -> Result<Duration, BenchmarkError> {
        let started = Instant::now();
        for PretrainingBatch { masked, .. } in &self.workload.masked {
            let batch = Batch::new(&masked.sequences, self.device.tensors());
            let (_, pooled) = self.plain.encoder().encode(&batch);
            read_back(pooled).await.map_err(Stop::Device)?;
        }
        Ok(started.elapsed())
    }
}

/// Measures `student` beside `teacher`. `on_round` hears of every round before
/// it begins: its number from 1, and how many there are, warm-up included.
///
/// Memory is left out: it is a process's, and this one holds both models.
/// [`alone`] in a process of its own measures it.
///
/// # Errors
///
/// See [`BenchmarkError`].
pub async fn compression(
    teacher: &Subject,
    student: &Subject,
    workload: &Workload,
    rounds: Rounds,
    device: &Device,
    mut on_round: impl FnMut(usize, usize),
) -> Result<Compression, BenchmarkError> {
    rounds.check()?;
    let mut first = Runner::new(teacher, workload, device)?;
    let mut second = Runner::new(student, workload, device)?;
    let mut training: [Vec<Duration>; 2] = Default::default();
    let mut inference: [Vec<Duration>; 2] = Default::default();
    let all = rounds.warm_up + rounds.timed;
    for round in 0..all {
        on_round(round + 1, all);
        let trained;
        (first, trained) = first.train().await?;
        let taught;
        (second, taught) = second.train().await?;
        let (slow, fast) = (first.infer().await?, second.infer().await?);
        if round >= rounds.warm_up {
            training[0].push(trained);
            training[1].push(taught);
            inference[0].push(slow);
            inference[1].push(fast);
        }
    }
    let molecules = workload.molecules();
    let side = |subject, index: usize| {
        Side::new(
            subject,
            Spread::rates(molecules, &training[index]),
            Spread::rates(molecules, &inference[index]),
        )
    };
    let (teacher, student) = (side(teacher, 0), side(student, 1));
    Ok(Compression {
        parameters_ratio: teacher.parameters as f64 / student.parameters as f64,
        layers_ratio: teacher.layers as f64 / student.layers as f64,
        training_speedup: student.training.median / teacher.training.median,
        inference_speedup: student.inference.median / teacher.inference.median,
        training_speedup_of_rounds: paired(&training),
        inference_speedup_of_rounds: paired(&inference),
        teacher,
        student,
        setting: Setting::new(workload, rounds, device),
    })
}

/// The teacher's times over the student's, round by round.
fn paired([teacher, student]: &[Vec<Duration>; 2]) -> Spread {
    let ratio =
        |(slow, fast): (&Duration, &Duration)| slow.as_secs_f64() / fast.as_secs_f64().max(1e-9);
    Spread::of(teacher.iter().zip(student).map(ratio))
}

/// Measures one model alone, memory included where the system tells: the peak
/// of this process, which should have held nothing large before.
///
/// # Errors
///
/// See [`BenchmarkError`].
pub async fn alone(
    subject: &Subject,
    workload: &Workload,
    rounds: Rounds,
    device: &Device,
    mut on_round: impl FnMut(usize, usize),
) -> Result<Alone, BenchmarkError> {
    rounds.check()?;
    let mut runner = Runner::new(subject, workload, device)?;
    let (mut training, mut inference, mut forward) = (Vec::new(), Vec::new(), Vec::new());
    // Of training and forward passes.
    let mut spent: [Vec<Duration>; 2] = Default::default();
    let mut peak = None;
    let all = rounds.warm_up + rounds.timed;
    for round in 0..all {
        on_round(round + 1, all);
        // Inference first: its peak is known before training raises it.
        let scored = runner.infer().await?;
        let begun = processor_time();
        let encoded = runner.forward().await?;
        let after_forward = processor_time();
        if round == 0 {
            peak = peak_memory();
        }
        let before_training = processor_time();
        let trained;
        (runner, trained) = runner.train().await?;
        let ended = processor_time();
        if round >= rounds.warm_up {
            let [of_training, of_forward] = &mut spent;
            of_training.extend(between(before_training, ended));
            of_forward.extend(between(begun, after_forward));
            training.push(trained);
            inference.push(scored);
            forward.push(encoded);
        }
    }
    let molecules = workload.molecules();
    let mut side = Side::new(
        subject,
        Spread::rates(molecules, &training),
        Spread::rates(molecules, &inference),
    );
    side.peak_memory_bytes = peak
        .zip(peak_memory())
        .map(|(inference, training)| PeakMemory {
            inference,
            training,
        });
    Ok(Alone {
        side,
        forward: Spread::rates(molecules, &forward),
        by_processor_time: spent
            .iter()
            .all(|times| times.len() == rounds.timed)
            .then(|| ByProcessorTime {
                training: Spread::rates(molecules, &spent[0]),
                forward: Spread::rates(molecules, &spent[1]),
            }),
        encoder: subject.encoder.clone(),
        setting: Setting::new(workload, rounds, device),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(batch_molecules: usize) -> Workload {
        let subject = Subject::find("delicate-small").expect("a preset");
        Workload::new(&built_in_molecules(), &[&subject], batch_molecules).expect("usable")
    }

    #[test]
    fn every_built_in_molecule_is_read_and_lengths_vary() {
        let workload = workload(16);
        assert_eq!((workload.molecules(), workload.left_out), (64, 0));
        let [shortest, median, longest] = workload.tokens;
        assert!(shortest < 25 && longest > 70, "{shortest}, {longest}");
        assert!((30..70).contains(&median), "{median}");
        let shapes = workload.shapes();
        assert_eq!(shapes.len(), 4);
        assert!(shapes.iter().all(|shape| shape[0] == 16));
        assert_eq!(shapes[3][1], longest);
    }

    #[test]
    fn a_row_that_no_model_reads_is_left_out_and_none_is_an_error() {
        let subject = Subject::find("delicate-small").expect("a preset");
        let row = |smiles: &str| Structure::Smiles(smiles.to_owned());
        let some = [row("CCO"), row("[Na]"), row("C1CC")];
        let workload = Workload::new(&some, &[&subject], 4).expect("one is usable");
        assert_eq!((workload.molecules(), workload.left_out), (1, 2));
        let error = Workload::new(&some[1..], &[&subject], 4).expect_err("nothing");
        assert!(error.to_string().contains("none of 2"), "{error}");
    }

    #[test]
    fn a_name_that_is_nothing_names_the_presets() {
        let error = Subject::find("delicat").expect_err("no such thing");
        assert!(error.to_string().contains("delicate-small"), "{error}");
    }

    #[test]
    fn spreads_and_ratios_are_of_the_rounds() {
        let seconds = |all: [f64; 3]| all.map(Duration::from_secs_f64).to_vec();
        let times = [seconds([8.0, 4.0, 9.0]), seconds([2.0, 2.0, 1.0])];
        let spread = paired(&times);
        assert_eq!((spread.median, spread.min, spread.max), (4.0, 2.0, 9.0));
        let rates = Spread::rates(16, &times[0]);
        assert_eq!((rates.median, rates.max), (2.0, 4.0));
        assert_eq!(Spread::of([1.0, 4.0]).median, 2.5);
        assert!(burn_version().is_some_and(|version| version.starts_with("0.")));
    }
}
