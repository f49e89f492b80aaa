//! The one scoring path: structures in, numbers out, for the command, the page
//! and the tests alike.
//!
//! Each row is standardised, tokenised and put into a batch with rows of similar
//! length; each batch costs one forward pass and one readback; where the model
//! has [Gaussian processes](super::gaussian_process), their part is added; results
//! come back in the order of the rows. A row that cannot be scored carries its error
//! and the others go on.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::applicability::ApplicabilityDomain;
use super::batching::{Augmented, Input, batches};
use super::eight_bits::EightBits;
use super::fallback::Spare;
use super::gaussian_process;
use super::neighbours::Standing;
use super::prediction::{Outcomes, Prediction, Progress, Stop};
use super::requirements::Requirements;
use super::standardize::{Standardization, Standardized, Treatment};
use crate::chemistry::{EnvironmentCounts, Keep, Molecule};
use crate::device::{Device, DeviceError, Fault, OnDeviceLost, read_back};
use crate::model::{Batch, Endpoint, Model, WideFeatures, matrix};
use crate::model_dir::{ModelConfig, ModelDirError, ModelFiles, Precision};
use crate::panics;
use crate::parallel;
use crate::records::{Columns, MoleculeSource, RowError};

/// How rows are read and what is computed of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PredictOptions {
    /// What stays as it was drawn: by default salts and solvents are left out and
    /// charges removed, see [`Molecule::parent`](crate::chemistry::Molecule::parent).
    pub keep: Keep,
    /// SMILES to average each result over (test-time augmentation): the canonical
    /// one, then random ones, the same however the molecule was written. A model
    /// that was trained on random SMILES predicts better so, and takes as many
    /// times longer.
    pub augmentations: NonZeroUsize,
    /// Add interval, domain and nearest training molecule to each prediction,
    /// where the model is calibrated.
    pub uncertainty: bool,
    /// Write where each value stands among the model's reference molecules: see
    /// [`Endpoint::percentile`].
    pub percentiles: bool,
}

impl Default for PredictOptions {
    /// The standard form, one SMILES, values alone.
    fn default() -> Self {
        Self {
            keep: Keep::default(),
            augmentations: NonZeroUsize::MIN,
            uncertainty: false,
            percentiles: false,
        }
    }
}

impl PredictOptions {
    /// The same, with or without salts and solvents.
    #[must_use]
    pub fn keep_salts(self, keep: bool) -> Self {
        Self {
            keep: Keep {
                salts: keep,
                ..self.keep
            },
            ..self
        }
    }

    /// The same, with or without the charges that moving protons could remove.
    #[must_use]
    pub fn keep_charges(self, keep: bool) -> Self {
        Self {
            keep: Keep {
                charges: keep,
                ..self.keep
            },
            ..self
        }
    }

    /// The same, averaged over `count` SMILES a molecule.
    #[must_use]
    pub fn augmentations(self, count: NonZeroUsize) -> Self {
        Self {
            augmentations: count,
            ..self
        }
    }

    /// The same, with or without intervals, domains and neighbours.
    #[must_use]
    pub fn uncertainty(self, add: bool) -> Self {
        Self {
            uncertainty: add,
            ..self
        }
    }

    /// The same, with or without percentiles.
    #[must_use]
    pub fn percentiles(self, add: bool) -> Self {
        Self {
            percentiles: add,
            ..self
        }
    }
}

/// A name that none of a model's endpoints has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model has no endpoint `{name}`; it has: {}", known.join(", "))]
pub struct UnknownEndpoint {
    /// The name.
    pub name: String,
    /// Those that it has.
    pub known: Vec<String>,
}

/// What a forward pass is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A value for every endpoint, in its unit.
    Score,
    /// The embedding that similarity is taken of: see [`Model::embed`].
    Embed,
}

/// A model on a device, ready to score: the asynchronous interface beneath
/// [`Predictor`](crate::Predictor), which yields to an event loop after each batch.
#[derive(Clone, Debug)]
pub struct Scorer {
    pub(super) model: Model,
    config: ModelConfig,
    /// All that the model has, in the order of its outputs.
    heads: Vec<Arc<Endpoint>>,
    /// Those that are predicted, and their places among all.
    endpoints: Vec<Arc<Endpoint>>,
    places: Vec<usize>,
    pub(super) device: Device,
    /// What all endpoints require of molecules.
    requirements: Arc<Requirements>,
    applicability: Option<Arc<ApplicabilityDomain>>,
    /// SHA-256 of the domain that is still to come.
    awaited: Option<String>,
    /// The model on the CPU, where `device` is a GPU.
    pub(super) spare: Option<Arc<Spare>>,
    pub(super) on_device_lost: OnDeviceLost,
    /// Whether `model` is in half precision.
    pub(super) half: bool,
    /// The encoder in 8-bit integers, where it is to compute.
    pub(super) eight_bits: Option<Arc<EightBits>>,
}

impl Scorer {
    /// Loads a model onto `device`.
    ///
    /// # Errors
    ///
    /// Where the files are no valid model.
    pub fn load(files: &ModelFiles<'_>, device: Device) -> Result<Self, ModelDirError> {
        let scorer = Self::of_network(files, device)?;
        let applicability = files.applicability(&scorer.config)?.map(Arc::new);
        Ok(Self {
            applicability,
            awaited: files.digest_of_domain()?,
            ..scorer
        })
    }

    /// The same for predictions alone, as soon as can be and in less memory: with
    /// [`uncertainty`](PredictOptions::uncertainty) it adds nothing. Where predictions
    /// depend on the training molecules, it is [`Self::load`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_for_values(files: &ModelFiles<'_>, device: Device) -> Result<Self, ModelDirError> {
        let domain = files.domain.as_deref();
        if domain
            .map(ApplicabilityDomain::blends)
            .transpose()?
            .unwrap_or(false)
        {
            return Self::load(files, device);
        }
        Self::of_network(files, device)
    }

    /// The same of files whose `domain.json.gz` has not come yet: what
    /// [`Self::load_for_values`] does, until [`Self::with_domain`] adds what is missing.
    /// Where it has come, it is [`Self::load`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`], but that the domain may be absent.
    pub fn load_before_domain(
        files: &ModelFiles<'_>,
        device: Device,
    ) -> Result<Self, ModelDirError> {
        if files.domain.is_some() {
            return Self::load(files, device);
        }
        let (config, model) = files.load_before_domain(device.tensors())?;
        Ok(Self {
            awaited: files.digest_of_domain()?,
            ..Self::new(config, model, device)
        })
    }

    /// Adds the `domain.json.gz` of a model that was [loaded before
    /// it](Self::load_before_domain).
    ///
    /// # Errors
    ///
    /// Where it is not the one that the model's `config.json` names, or holds Gaussian
    /// processes: predictions without them would be others.
    pub fn with_domain(mut self, domain: &[u8]) -> Result<Self, ModelDirError> {
        let awaited = self.awaited.as_deref();
        let applicability = ApplicabilityDomain::late(domain, awaited, &self.config)?;
        self.applicability = Some(Arc::new(applicability));
        Ok(self)
    }

    fn of_network(files: &ModelFiles<'_>, device: Device) -> Result<Self, ModelDirError> {
        let (config, model) = files.load(device.tensors())?;
        Ok(Self {
            spare: Spare::of(files, &device)?.map(Arc::new),
            ..Self::new(config, model, device)
        })
    }

    /// A scorer for a model that is on `device` already; its predictions are the
    /// network's alone.
    pub fn new(config: ModelConfig, model: Model, device: Device) -> Self {
        let heads: Vec<Arc<Endpoint>> = config.endpoints.iter().cloned().map(Arc::new).collect();
        Self {
            model,
            endpoints: heads.clone(),
            places: (0..heads.len()).collect(),
            requirements: Arc::new(Requirements::new(&heads)),
            heads,
            config,
            device,
            applicability: None,
            awaited: None,
            spare: None,
            on_device_lost: OnDeviceLost::default(),
            half: false,
            eight_bits: None,
        }
    }

    /// The same scorer, computing in half precision: half the memory, and on many
    /// GPUs twice the speed, at about three correct digits.
    ///
    /// # Errors
    ///
    /// On a device without it; natively, on one that computes wrongly in it: see
    /// [`Self::check_device`].
    pub fn in_half_precision(self) -> Result<Self, DeviceError> {
        self.device.require_half_precision()?;
        let scorer = Self {
            model: self.model.in_half_precision(),
            half: true,
            ..self
        };
        #[cfg(not(target_family = "wasm"))]
        pollster::block_on(scorer.check_device())?;
        Ok(scorer)
    }

    /// What the encoder computes in.
    pub fn precision(&self) -> Precision {
        if self.eight_bits.is_some() {
            return Precision::Int8;
        }
        match self.half {
            true => Precision::Fp16,
            false => Precision::Fp32,
        }
    }

    /// The same scorer with the endpoints of these names alone, in their order.
    ///
    /// # Errors
    ///
    /// For a name that the model does not have.
    pub fn only<S: AsRef<str>>(mut self, names: &[S]) -> Result<Self, UnknownEndpoint> {
        let place = |name: &S| {
            let found = self.heads.iter().position(|e| e.name == name.as_ref());
            found.ok_or_else(|| UnknownEndpoint {
                name: name.as_ref().to_owned(),
                known: self.heads.iter().map(|e| e.name.clone()).collect(),
            })
        };
        let mut places = Vec::with_capacity(names.len());
        for name in names {
            let place = place(name)?;
            if !places.contains(&place) {
                places.push(place);
            }
        }
        self.endpoints = places
            .iter()
            .map(|&place| Arc::clone(&self.heads[place]))
            .collect();
        self.places = places;
        Ok(self)
    }

    /// Those of `all` endpoints that are asked for.
    pub(super) fn asked<T: Clone>(&self, all: &[T]) -> Vec<T> {
        self.places
            .iter()
            .filter_map(|&place| all.get(place).cloned())
            .collect()
    }

    /// For each endpoint whether it is not defined for a molecule.
    pub(super) fn undefined(&self, molecule: &Molecule) -> Vec<bool> {
        self.requirements.lacking(molecule)
    }

    /// How a molecule of these environments, for which endpoints are [`Self::undefined`] or
    /// not, stands to what each was learnt from.
    pub(super) fn standings(
        &self,
        applicability: &ApplicabilityDomain,
        undefined: &[bool],
        environments: &EnvironmentCounts,
    ) -> Vec<Standing> {
        let nearest = applicability.nearest(environments).into_iter();
        let all = nearest.zip(undefined);
        all.map(|(nearest, &is_undefined)| Standing {
            nearest,
            is_undefined,
        })
        .collect()
    }

    /// The predictions that are asked for, of the values of all endpoints, whether each is
    /// [`Self::undefined`] and, for how far they can be trusted, how the molecule stands to
    /// what each was learnt from.
    pub(super) fn predictions(
        &self,
        values: &[f32],
        undefined: &[bool],
        standings: Option<&[Standing]>,
    ) -> Vec<Prediction> {
        let uncertainties = standings
            .zip(self.applicability())
            .map(|(standings, domain)| {
                self.asked(&domain.uncertainty(standings, values, &self.heads))
            });
        let (values, undefined) = (self.asked(values), self.asked(undefined));
        Prediction::all(&self.endpoints, &values, &undefined, uncertainties)
    }

    /// The same scorer with the predictions of the network alone.
    #[must_use]
    pub fn without_gaussian_processes(self) -> Self {
        let applicability = self.applicability.map(Arc::unwrap_or_clone);
        Self {
            applicability: applicability.map(|a| Arc::new(a.without_gaussian_processes())),
            ..self
        }
    }

    /// The applicability domain and the Gaussian processes; `None` for a model
    /// that has none.
    pub fn applicability(&self) -> Option<&ApplicabilityDomain> {
        self.applicability.as_deref()
    }

    /// The model's configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The endpoints, in the order of their predictions.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn treatment(&self, options: PredictOptions) -> Treatment {
        Treatment {
            form: self.config.standard_form,
            keep: options.keep,
        }
    }

    /// The columns of predictions, for a [`Writer`](crate::records::Writer).
    pub fn columns(&self, options: PredictOptions) -> Columns {
        Columns::Predictions {
            endpoints: self.endpoints.clone(),
            uncertainty: options.uncertainty,
            nearest: options.uncertainty,
            percentiles: options.percentiles,
            properties: false,
        }
    }

    /// The columns of embeddings, for a [`Writer`](crate::records::Writer).
    pub fn embedding_columns(&self) -> Columns {
        Columns::Embedding(self.config.encoder.hidden_size)
    }

    /// Predicts every endpoint for each of `molecules`.
    ///
    /// `on_batch` is awaited after every batch with the progress so far; it may
    /// yield to an event loop, and ends the run with [`ControlFlow::Break`].
    pub async fn predict<M, F>(
        &self,
        molecules: &[M],
        options: PredictOptions,
        on_batch: F,
    ) -> Outcomes<Vec<Prediction>>
    where
        M: MoleculeSource,
        F: AsyncFnMut(Progress) -> ControlFlow<()>,
    {
        let mut values = self.run(molecules, Task::Score, options, on_batch).await;
        let mut standings = std::mem::take(&mut values.standings).into_iter();
        let undefined = std::mem::take(&mut values.undefined);
        let rows = values
            .rows
            .into_iter()
            .zip(undefined)
            .map(|(row, undefined)| {
                let standings = standings.next().flatten();
                Some(row?.and_then(|values| {
                    let predictions = self.predictions(&values, &undefined, standings.as_deref());
                    // What is learnt may be finite where the value it stands for is not.
                    match predictions.iter().all(Prediction::is_finite) {
                        true => Ok(predictions),
                        false => Err(not_finite()),
                    }
                }))
            });
        Outcomes {
            rows: rows.collect(),
            standardizations: values.standardizations,
            stop: values.stop,
        }
    }

    /// The embedding of each of `molecules`, of [`Self::embedding_columns`]'
    /// length; `on_batch` as in [`Self::predict`].
    pub async fn embed<M, F>(
        &self,
        molecules: &[M],
        options: PredictOptions,
        on_batch: F,
    ) -> Outcomes<Vec<f32>>
    where
        M: MoleculeSource,
        F: AsyncFnMut(Progress) -> ControlFlow<()>,
    {
        let values = self.run(molecules, Task::Embed, options, on_batch).await;
        Outcomes {
            rows: values.rows,
            standardizations: values.standardizations,
            stop: values.stop,
        }
    }

    async fn run<M, F>(
        &self,
        molecules: &[M],
        task: Task,
        options: PredictOptions,
        mut on_batch: F,
    ) -> Values
    where
        M: MoleculeSource,
        F: AsyncFnMut(Progress) -> ControlFlow<()>,
    {
        let total = molecules.len();
        let mut values = Values {
            rows: vec![None; total],
            standings: Vec::new(),
            undefined: vec![Vec::new(); total],
            standardizations: vec![None; total],
            stop: None,
        };
        let mut augmented: Vec<Augmented> = vec![Augmented::default(); total];
        let mut environments: Vec<Option<EnvironmentCounts>> = vec![None; total];
        let mut sequences = Vec::with_capacity(total);
        let mut progress = Progress { done: 0, total };
        let prepared = self.prepare(molecules, task, options);
        for (row, prepared) in prepared.into_iter().enumerate() {
            match prepared {
                Ok(prepared) => {
                    augmented[row] = Augmented::of(prepared.sequences.len());
                    environments[row] = prepared.environments;
                    values.standardizations[row] = Some(prepared.standardization);
                    values.undefined[row] = prepared.undefined;
                    if let Some(standings) = prepared.standings {
                        values.standings.resize(total, None);
                        values.standings[row] = Some(standings);
                    }
                    let wide = prepared.wide.map(Arc::new);
                    sequences.extend(prepared.sequences.into_iter().map(|ids| {
                        let wide = wide.clone();
                        (row, Input { ids, wide })
                    }));
                }
                Err(error) => {
                    values.rows[row] = Some(Err(error));
                    progress.done += 1;
                }
            }
        }
        sequences.sort_by_key(|(_, input)| input.ids.len());

        let heads = self.config.encoder.num_attention_heads;
        let mut all = batches(&sequences, heads).peekable();
        while let Some(batch) = all.next() {
            match self.score(batch, task).await {
                Ok(outputs) => {
                    let mut complete = Vec::with_capacity(batch.len());
                    for (&(row, _), output) in batch.iter().zip(outputs) {
                        if let Some(result) = augmented[row].add(output) {
                            complete.push((row, result));
                        }
                    }
                    progress.done += complete.len();
                    for (row, result) in self.blended(complete, &environments) {
                        values.rows[row] = Some(result);
                    }
                }
                Err(stop) => {
                    values.stop = Some(stop);
                    return values;
                }
            }
            if on_batch(progress).await.is_break() && all.peek().is_some() {
                values.stop = Some(Stop::Cancelled);
                return values;
            }
        }
        values
    }

    /// What `molecules` are computed from, on all cores where there are several.
    fn prepare<M: MoleculeSource>(
        &self,
        molecules: &[M],
        task: Task,
        options: PredictOptions,
    ) -> Vec<Result<Prepared, RowError>> {
        let limit = self.config.encoder.max_length;
        let scored = |applicability: &&ApplicabilityDomain| {
            task == Task::Score && (options.uncertainty || applicability.has_gaussian_processes())
        };
        let applicability = self.applicability().filter(scored);
        let prepare = |molecule: &M| {
            let ready = Standardized::new(molecule, self.treatment(options), limit)?;
            let environments = applicability
                .map(|_| gaussian_process::environments(ready.molecule()))
                .transpose()?;
            let undefined = match task {
                Task::Score => self.undefined(ready.molecule()),
                Task::Embed => Vec::new(),
            };
            Ok(Prepared {
                wide: self.wide_features(ready.molecule(), task)?,
                standings: applicability
                    .filter(|_| options.uncertainty)
                    .zip(environments.as_ref())
                    .map(|(known, counts)| self.standings(known, &undefined, counts)),
                undefined,
                environments,
                sequences: ready.augmented(options.augmentations, limit)?,
                standardization: ready.form.record()?,
            })
        };
        parallel::map(molecules, prepare)
    }

    /// What the head reads of a molecule beside its tokens, where it does.
    pub(super) fn wide_features(
        &self,
        molecule: &Molecule,
        task: Task,
    ) -> Result<Option<WideFeatures>, RowError> {
        let wide = self.config.wide.as_ref().filter(|_| task == Task::Score);
        Ok(wide.map(|wide| wide.read(molecule)).transpose()?)
    }

    /// The Gaussian processes, where there are any.
    pub(crate) fn processes(&self) -> Option<&ApplicabilityDomain> {
        self.applicability().filter(|a| a.has_gaussian_processes())
    }

    /// Predictions from the network's values of the rows that they are of.
    fn blended(
        &self,
        rows: Vec<(usize, Scored)>,
        environments: &[Option<EnvironmentCounts>],
    ) -> Vec<(usize, Scored)> {
        let Some(processes) = self.processes() else {
            // A mean of finite values may still overflow.
            let checked = |(row, result): (usize, Scored)| (row, result.and_then(finite));
            return rows.into_iter().map(checked).collect();
        };
        let blend = |(row, result): &(usize, Scored)| {
            let result = match (result.clone(), &environments[*row]) {
                (Ok(mut values), Some(counts)) => {
                    processes.blend(counts, &mut values);
                    finite(values)
                }
                (result, _) => result,
            };
            (*row, result)
        };
        parallel::map(&rows, blend)
    }

    /// A result a row, in the precision that was chosen.
    async fn score(&self, batch: &[(usize, Input)], task: Task) -> Result<Vec<Scored>, Stop> {
        if let Some(encoder) = &self.eight_bits {
            let inputs: Vec<&Input> = batch.iter().map(|(_, input)| input).collect();
            let values = self.outputs_in_eight_bits(encoder, &inputs, task).await?;
            return Ok(self.results(&values, batch.len(), task));
        }
        self.forward(batch, task).await
    }

    /// One forward pass and one readback of `model` on `device`: a result a row.
    pub(super) async fn rows(
        &self,
        model: &Model,
        device: &Device,
        batch: &[(usize, Input)],
        task: Task,
    ) -> Result<Vec<Scored>, Failure> {
        let inputs: Vec<&Input> = batch.iter().map(|(_, input)| input).collect();
        let values = self.outputs(model, device, &inputs, task).await?;
        Ok(self.results(&values, batch.len(), task))
    }

    /// The results of `count` rows of what came out of the model.
    fn results(&self, values: &[f32], count: usize, task: Task) -> Vec<Scored> {
        let width = values.len() / count.max(1);
        let rows = values.chunks_exact(width.max(1)).map(|row| {
            finite(match task {
                Task::Embed => row.to_vec(),
                Task::Score => row
                    .iter()
                    .zip(&self.heads)
                    .map(|(&output, endpoint)| endpoint.value(output))
                    .collect(),
            })
        });
        rows.collect()
    }

    /// What the head reads beside the tokens, a row for each of `inputs`; `None` where
    /// it reads nothing.
    pub(super) fn wide(&self, inputs: &[&Input], task: Task) -> Option<Vec<f32>> {
        let wide = self.config.wide.as_ref().filter(|_| task == Task::Score)?;
        let mut rows = Vec::with_capacity(inputs.len() * wide.len());
        for one in inputs {
            match &one.wide {
                Some(features) => wide.append(features, &mut rows),
                None => rows.resize(rows.len() + wide.len(), f32::NAN),
            }
        }
        Some(rows)
    }

    /// What comes out of `model` on `device`, row after row.
    pub(super) async fn outputs(
        &self,
        model: &Model,
        device: &Device,
        inputs: &[&Input],
        task: Task,
    ) -> Result<Vec<f32>, Failure> {
        let computed = panics::guarded_async(async {
            let watch = device.watch();
            let mut input = Batch::new(inputs, device.tensors());
            if let Some(rows) = self.wide(inputs, task) {
                input.wide = matrix(rows, inputs.len(), device.tensors());
            }
            let output = match task {
                Task::Score => model.forward(&input).ok_or(Stop::NoEndpoints)?,
                Task::Embed => model.embed(&input),
            };
            let values = read_back(output).await;
            // A device that has reported a fault may still hand out numbers.
            match (watch.fault(), values) {
                (Some(Fault::OutOfMemory(reason)), _) => Err(Failure::OutOfMemory(reason)),
                (Some(Fault::Failed(reason)), _) => Err(Failure::Lost(reason)),
                (None, Err(error)) => Err(Failure::of_readback(&error)),
                (None, Ok(values)) => Ok(values),
            }
        });
        // A backend may end in a panic where it cannot compute.
        computed
            .await
            .unwrap_or_else(|panic| Err(Failure::of_readback(&panic)))
    }
}

/// Why a batch has no results.
#[derive(Debug)]
pub(super) enum Failure {
    /// The model has none to give.
    Stop(Stop),
    /// The device's memory does not suffice.
    OutOfMemory(String),
    /// The device failed otherwise.
    Lost(String),
}

impl Failure {
    /// What a readback or a panic ended with: a cause to a line, then a backtrace.
    pub(super) fn of_readback(error: &str) -> Self {
        let causes = error.split("\nBacktrace").next().unwrap_or(error);
        let reason = causes.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let memory = ["out of device memory", "out-of-memory", "can't allocate"];
        if memory.iter().any(|text| reason.contains(text)) {
            Self::OutOfMemory(reason)
        } else {
            Self::Lost(reason)
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Stop(stop) => stop,
            Failure::OutOfMemory(reason) | Failure::Lost(reason) => Self::Device(reason),
        }
    }
}

/// The numbers of a row, or why there are none.
pub(super) type Scored = Result<Vec<f32>, RowError>;

/// A broken weight or an overflow must not pass for a prediction. On the host and
/// by the bits: see `shaders/guard.wgsl` for what a device makes of a NaN.
pub(super) fn finite(values: Vec<f32>) -> Scored {
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        Err(not_finite())
    }
}

fn not_finite() -> RowError {
    RowError::new("not_finite", "the model's output is not a finite number")
}

/// The outcome of a run, in numbers.
struct Values {
    rows: Vec<Option<Scored>>,
    /// How molecules stand to what every endpoint was learnt from: one entry a row where
    /// uncertainty was asked for, otherwise none.
    standings: Vec<Option<Vec<Standing>>>,
    /// One entry a row, of all endpoints; empty for one that has no predictions.
    undefined: Vec<Vec<bool>>,
    /// One entry a row; `None` for one that cannot be read.
    standardizations: Vec<Option<Standardization>>,
    stop: Option<Stop>,
}

/// What a row is computed from.
struct Prepared {
    /// Token sequences, one a SMILES.
    sequences: Vec<Vec<u32>>,
    /// What the head reads beside them, where it does.
    wide: Option<WideFeatures>,
    /// Where the model compares them with those of its training molecules.
    environments: Option<EnvironmentCounts>,
    /// How it stands to what every endpoint was learnt from, where uncertainty was asked for.
    standings: Option<Vec<Standing>>,
    /// For every endpoint whether it is not defined for it.
    undefined: Vec<bool>,
    standardization: Standardization,
}

#[cfg(test)]
mod tests;
