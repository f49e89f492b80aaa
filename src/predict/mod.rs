//! The one scoring path: structures in, numbers out, for the command, the page
//! and the tests alike.
//!
//! Each row is standardised, tokenised and put into a batch with rows of like
//! length; each batch costs one forward pass and one readback; where the model
//! has [Gaussian processes](crate::predict::gaussian_process), their part is added; results
//! come back in the order of the rows. A row that cannot be scored carries its error
//! and the others go on.

pub mod applicability;
pub mod attribution;
pub mod gaussian_process;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::chemistry::{AtomOrder, ChemistryError, EnvironmentCounts, Molecule};
use crate::device::{Device, DeviceError};
use crate::model::{Batch, Model};
use crate::model_dir::{ModelConfig, ModelFiles, StoringError};
use crate::parallel;
use crate::predict::applicability::{Applicability, Assessment};
use crate::records::{Outputs, RowError, ScoreColumn, Structure};
use crate::tokenizer::{self, TokenError};

/// Tokens of one batch, padding included. Large enough to keep the cores or a
/// GPU busy, small enough that a cancel is felt at once.
const BATCH_TOKENS: usize = 4096;
/// Attention scores of one batch: half of the 128 MiB that WebGPU promises for
/// one buffer.
const BATCH_SCORES: usize = 1 << 24;
/// Rows of one batch at most.
const BATCH_ROWS: usize = 128;

/// How rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Score the largest fragment alone, leaving out salts and solvents.
    pub largest_fragment: bool,
    /// SMILES that each molecule is read as: its canonical one, then random
    /// ones, the same however the molecule was written. The mean over all is
    /// the result (test-time augmentation): a model that was trained on random
    /// SMILES predicts better so, and takes as many times longer.
    pub readings: NonZeroUsize,
    /// Say of each score how far it can be trusted, where the model knows.
    pub assess: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            largest_fragment: true,
            readings: NonZeroUsize::MIN,
            assess: false,
        }
    }
}

/// What to compute of each molecule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A value for every endpoint, in its unit.
    Score,
    /// The embedding that similarity is taken of: see [`Model::embed`].
    Embed,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows that have a result or an error.
    pub done: usize,
    /// All rows of the call.
    pub total: usize,
}

/// Why a run ended before its last row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// The caller asked for it.
    #[error("cancelled")]
    Cancelled,
    /// The model predicts no endpoint.
    #[error("the model has no endpoints: fine-tune it first, or ask for embeddings")]
    NoEndpoints,
    /// The device failed; its memory, and with it the model, may be gone.
    #[error("the device failed: {0}; open it again, or use the device `cpu`")]
    Device(String),
}

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Results {
    /// One entry a row, in order: its numbers (one an endpoint, or the
    /// embedding), its error, or `None` where the run ended before it.
    pub rows: Vec<Option<Result<Vec<f32>, RowError>>>,
    /// One entry a row where [`Options::assess`] asked for them and the model knows
    /// its domain, none otherwise: an assessment an endpoint, or `None` for a row
    /// without scores.
    pub assessments: Vec<Option<Vec<Assessment>>>,
    /// Why the run ended early, if it did.
    pub stop: Option<Stop>,
}

/// A model on a device, ready to score.
#[derive(Clone, Debug)]
pub struct Scorer {
    model: Model,
    config: ModelConfig,
    device: Device,
    applicability: Option<Arc<Applicability>>,
}

impl Scorer {
    /// Loads a model onto `device`.
    ///
    /// # Errors
    ///
    /// Where the files are no valid model.
    pub fn load(files: &ModelFiles<'_>, device: Device) -> Result<Self, StoringError> {
        let (config, model) = files.load(device.tensors())?;
        let applicability = files.applicability(&config)?.map(Arc::new);
        Ok(Self {
            applicability,
            ..Self::new(config, model, device)
        })
    }

    /// A scorer for a model that is on `device` already.
    pub fn new(config: ModelConfig, model: Model, device: Device) -> Self {
        Self {
            model,
            config,
            device,
            applicability: None,
        }
    }

    /// The same scorer, computing in half precision: half the memory, and on many
    /// GPUs twice the speed, at about three correct digits.
    ///
    /// # Errors
    ///
    /// On a device without it.
    pub fn in_half_precision(self) -> Result<Self, DeviceError> {
        self.device.require_half_precision()?;
        Ok(Self {
            model: self.model.in_half_precision(),
            ..self
        })
    }

    /// The same scorer with the predictions of the network alone.
    pub fn network_alone(self) -> Self {
        let applicability = self.applicability.map(Arc::unwrap_or_clone);
        Self {
            applicability: applicability.map(|a| Arc::new(a.without_processes())),
            ..self
        }
    }

    /// What the model knows of its domain; `None` for one that does not.
    pub fn applicability(&self) -> Option<&Applicability> {
        self.applicability.as_deref()
    }

    /// The model's configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What a row gets under `task`, for a [`Writer`](crate::records::Writer).
    pub fn outputs(&self, task: Task) -> Outputs {
        match task {
            Task::Score => Outputs::Scores(
                self.config
                    .endpoints
                    .iter()
                    .map(|endpoint| ScoreColumn {
                        name: endpoint.name.clone(),
                        unit: endpoint.unit.clone(),
                    })
                    .collect(),
            ),
            Task::Embed => Outputs::Embedding(self.config.encoder.hidden_size),
        }
    }

    /// Scores or embeds `structures`.
    ///
    /// `on_batch` is awaited after every batch with the progress so far; it may
    /// yield to an event loop, and ends the run with [`ControlFlow::Break`].
    pub async fn run<S, F>(
        &self,
        structures: &[S],
        task: Task,
        options: Options,
        mut on_batch: F,
    ) -> Results
    where
        S: std::borrow::Borrow<Structure> + Sync,
        F: AsyncFnMut(Progress) -> ControlFlow<()>,
    {
        let total = structures.len();
        let mut rows: Vec<Option<Scored>> = vec![None; total];
        let mut assessments = Vec::new();
        let mut readings: Vec<Readings> = vec![Readings::default(); total];
        let mut sequences = Vec::with_capacity(total);
        let mut progress = Progress { done: 0, total };
        let prepared = self.prepare(structures, task, options);
        for (row, prepared) in prepared.into_iter().enumerate() {
            match prepared {
                Ok(Prepared {
                    readings: read,
                    environments,
                    assessment,
                }) => {
                    readings[row].wanted = read.len();
                    readings[row].environments = environments;
                    if let Some(assessment) = assessment {
                        assessments.resize(total, None);
                        assessments[row] = Some(assessment);
                    }
                    sequences.extend(read.into_iter().map(|sequence| (row, sequence)));
                }
                Err(error) => {
                    rows[row] = Some(Err(error));
                    progress.done += 1;
                }
            }
        }
        sequences.sort_by_key(|(_, sequence)| sequence.len());

        let mut batches = self.batches(&sequences).peekable();
        while let Some(batch) = batches.next() {
            match self.forward(batch, task).await {
                Ok(values) => {
                    let mut read = Vec::with_capacity(batch.len());
                    for (&(row, _), values) in batch.iter().zip(values) {
                        if let Some(result) = readings[row].add(values) {
                            read.push((row, result));
                        }
                    }
                    progress.done += read.len();
                    for (row, result) in self.blended(read, &readings) {
                        rows[row] = Some(result);
                    }
                }
                Err(stop) => {
                    return Results {
                        rows,
                        assessments,
                        stop: Some(stop),
                    };
                }
            }
            if on_batch(progress).await.is_break() && batches.peek().is_some() {
                return Results {
                    rows,
                    assessments,
                    stop: Some(Stop::Cancelled),
                };
            }
        }
        Results {
            rows,
            assessments,
            stop: None,
        }
    }

    /// What `structures` are computed from, on all cores where there are several.
    fn prepare<S>(
        &self,
        structures: &[S],
        task: Task,
        options: Options,
    ) -> Vec<Result<Prepared, RowError>>
    where
        S: std::borrow::Borrow<Structure> + Sync,
    {
        let limit = self.config.encoder.max_length;
        let blends = task == Task::Score && self.processes().is_some();
        let known = self
            .applicability()
            .filter(|_| options.assess && task == Task::Score);
        let prepare = |structure: &S| {
            let ready = standardise(structure.borrow(), options, limit)?;
            let wanted = blends || known.is_some();
            let environments = wanted.then(|| gaussian_process::environments(&ready.molecule));
            let environments = environments.transpose().map_err(chemistry_error)?;
            Ok(Prepared {
                assessment: known
                    .zip(environments.as_ref())
                    .map(|(k, own)| k.assess(own)),
                environments,
                readings: ready.readings(options.readings, limit)?,
            })
        };
        parallel::map(structures, prepare)
    }

    /// The Gaussian processes, where there are any.
    pub(crate) fn processes(&self) -> Option<&Applicability> {
        self.applicability().filter(|known| known.has_processes())
    }

    /// Predictions from the network's values of the rows that they are of.
    fn blended(&self, read: Vec<(usize, Scored)>, readings: &[Readings]) -> Vec<(usize, Scored)> {
        let Some(processes) = self.processes() else {
            return read;
        };
        let blend = |(row, result): &(usize, Scored)| {
            let mut result = result.clone();
            if let (Ok(values), Some(own)) = (&mut result, &readings[*row].environments) {
                processes.blend(own, values);
            }
            (*row, result)
        };
        parallel::map(&read, blend)
    }

    /// Cuts sequences, in ascending length, into batches.
    pub(crate) fn batches<'a>(
        &'a self,
        sequences: &'a [(usize, Vec<u32>)],
    ) -> impl Iterator<Item = &'a [(usize, Vec<u32>)]> {
        let mut rest = sequences;
        std::iter::from_fn(move || {
            let (batch, later) = rest.split_at_checked(self.batch_rows(rest).max(1))?;
            rest = later;
            Some(batch)
        })
    }

    /// Rows of the next batch, given sequences in ascending length.
    fn batch_rows(&self, sequences: &[(usize, Vec<u32>)]) -> usize {
        let heads = self.config.encoder.num_attention_heads;
        let fits = |rows: usize, length: usize| {
            rows * length <= BATCH_TOKENS && rows * heads * length * length <= BATCH_SCORES
        };
        sequences
            .iter()
            .take(BATCH_ROWS)
            .enumerate()
            .take_while(|(index, (_, ids))| *index == 0 || fits(index + 1, ids.len()))
            .count()
    }

    /// One forward pass and one readback.
    pub(crate) async fn forward(
        &self,
        batch: &[(usize, Vec<u32>)],
        task: Task,
    ) -> Result<Vec<Result<Vec<f32>, RowError>>, Stop> {
        let sequences: Vec<&[u32]> = batch.iter().map(|(_, ids)| ids.as_slice()).collect();
        let input = Batch::new(&sequences, self.device.tensors());
        let output = match task {
            Task::Score => self.model.forward(&input).ok_or(Stop::NoEndpoints)?,
            Task::Embed => self.model.embed(&input),
        };
        let data = output
            .into_data_async()
            .await
            .map_err(|error| Stop::Device(error.to_string()))?;
        let values: Vec<f32> = data.iter().collect();
        let width = values.len() / batch.len();
        let rows = values.chunks_exact(width).map(|row| {
            let values: Vec<f32> = match task {
                Task::Embed => row.to_vec(),
                Task::Score => row
                    .iter()
                    .zip(&self.config.endpoints)
                    .map(|(&output, endpoint)| endpoint.value(output))
                    .collect(),
            };
            if values.iter().all(|value| value.is_finite()) {
                Ok(values)
            } else {
                Err(RowError::new(
                    "not_finite",
                    "the model's output is not a finite number",
                ))
            }
        });
        Ok(rows.collect())
    }
}

/// The numbers of a row, or why there are none.
type Scored = Result<Vec<f32>, RowError>;

/// What a row is computed from.
struct Prepared {
    /// Token sequences, one a reading.
    readings: Vec<Vec<u32>>,
    /// Where the model compares them with those of its training molecules.
    environments: Option<EnvironmentCounts>,
    /// Where it was asked for.
    assessment: Option<Vec<Assessment>>,
}

/// What the readings of one row have come to.
#[derive(Clone, Debug, Default)]
struct Readings {
    /// Of the row's molecule, where the model has Gaussian processes.
    environments: Option<EnvironmentCounts>,
    /// How many there are to be.
    wanted: usize,
    /// How many there were.
    done: usize,
    sums: Vec<f32>,
    error: Option<RowError>,
}

impl Readings {
    /// Adds one reading's values; the mean once the last is in.
    fn add(&mut self, values: Scored) -> Option<Scored> {
        match values {
            Ok(values) if self.sums.is_empty() => self.sums = values,
            Ok(values) => {
                for (sum, value) in self.sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            Err(error) => self.error = Some(error),
        }
        self.done += 1;
        if self.done < self.wanted {
            return None;
        }
        let count = self.done as f32;
        Some(match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self.sums.drain(..).map(|sum| sum / count).collect()),
        })
    }
}

/// A structure made ready for the model.
#[derive(Clone, Debug)]
pub(crate) struct Standardised {
    /// The molecule, reduced to its largest fragment if that was asked for.
    pub(crate) molecule: Molecule,
    /// Its tokens, in canonical order.
    pub(crate) tokens: Vec<u32>,
}

impl Standardised {
    /// The tokens of `count` SMILES of the molecule: the canonical one, and
    /// random ones that fit into `limit` tokens.
    fn readings(self, count: NonZeroUsize, limit: usize) -> Result<Vec<Vec<u32>>, RowError> {
        let mut readings = vec![self.tokens];
        if count.get() > 1 {
            // Random orders are those of the molecule's atoms: read it again
            // from its canonical SMILES, so that they do not depend on how it
            // was written.
            let canonical = self
                .molecule
                .canonical_smiles()
                .and_then(|smiles| Molecule::parse(&smiles))
                .map_err(chemistry_error)?;
            readings.extend((1..count.get() as u64).filter_map(|draw| {
                let written = canonical.kekule_string(AtomOrder::Random(draw)).ok()?;
                tokenizer::tokenize(&written, limit).ok()
            }));
        }
        Ok(readings)
    }
}

/// Parses, standardises and tokenises one structure.
pub(crate) fn standardise(
    structure: &Structure,
    options: Options,
    limit: usize,
) -> Result<Standardised, RowError> {
    let molecule = match structure {
        Structure::Smiles(smiles) => Molecule::parse(smiles),
        Structure::MolBlock(block) => Molecule::from_mol_block(block),
        Structure::Missing => {
            return Err(RowError::new(
                "missing_structure",
                "the row has no structure",
            ));
        }
    }
    .map_err(chemistry_error)?;
    let molecule = if options.largest_fragment {
        molecule.largest_fragment()
    } else {
        molecule
    };
    // In canonical order, so that a molecule scores the same however it is
    // written.
    let written = molecule
        .kekule_string(AtomOrder::Canonical)
        .map_err(chemistry_error)?;
    let tokens = tokenizer::tokenize(&written, limit).map_err(|error| {
        let position = match (&error, structure) {
            (TokenError::OutOfVocabulary { position, .. }, Structure::Smiles(input)) => {
                position_in(input, &molecule, *position)
            }
            _ => None,
        };
        RowError {
            position,
            ..RowError::new(error.code(), error.to_string())
        }
    })?;
    Ok(Standardised { molecule, tokens })
}

/// The character of the user's SMILES that became the character at `position`
/// of the standardised one.
fn position_in(input: &str, molecule: &Molecule, position: usize) -> Option<usize> {
    let written = molecule.kekule_smiles(AtomOrder::Canonical).ok()?;
    let atom = written
        .atoms
        .iter()
        .position(|range| range.contains(&position))?;
    let start = molecule.input_range(atom)?.start;
    Some(input.get(..start)?.chars().count())
}

pub(crate) fn chemistry_error(error: ChemistryError) -> RowError {
    RowError {
        position: error.position,
        ..RowError::new(error.reason.code(), error.to_string())
    }
}
