//! Fine-tuning on tables of labels, fold by fold, and task-specific
//! distillation.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::TrainingError;
use super::batches::bucketed;
use super::config::{EndpointConfig, FinetuneConfig, SplitKind};
use super::corpus::{CorpusError, DataFile, inspect, permuted};
use super::dataset::{self, Example, Examples};
use super::learnable::{self, FEWEST_LABELS};
use super::left_out::{self, LeftOut};
use super::model_card;
use super::objectives::{
    DistillationError, Targets, Teacher, finetuning_losses, layer_map, shape_of, total,
};
use super::optimizer::{Optimizer, numbered};
use super::pretrain::read;
use super::progress::{Event, Meter, Step, head, number};
use super::run_dir::{self, Progress, Restored, Run, RunInfo};
use super::seeds::{Purpose, generator, mixed};
use super::start::start_files;
use crate::device::Device;
use crate::metrics::Evaluation;
use crate::model::{Endpoint, EndpointTask, Initial, Model, Scaling};
use crate::model_dir::{self, MODEL_TYPE, ModelConfig, ModelFiles, Precision, StoringError};
use crate::predict::applicability::{Applicability, EndpointDomain, HeldOut};
use crate::predict::{PredictOptions, Stop};
use crate::train::evaluation;
use crate::train::splits::{self, Fold, Fractions, Split};

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Finetuned {
    /// Configuration of the model, which lies in the run directory.
    pub config: ModelConfig,
    /// How good it is, beside the baseline.
    pub evaluation: Evaluation,
    /// Rows that could not be used; nothing on a resumed run.
    pub left_out: Vec<LeftOut>,
}

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Index of the fold, in the order of `splits.json`; one more than there
    /// are for the training on all molecules.
    pub fold: usize,
    /// Epoch of the fold, from 0.
    pub epoch: usize,
    /// Batch of the epoch, from 0.
    pub batch: usize,
    /// The best validation loss of the fold, and the epoch that it is of.
    pub best: Option<(usize, f64)>,
    /// The best epoch, from 0, of every fold that is done.
    pub done: Vec<usize>,
}

/// Begins a run in `directory`: fine-tuning, or distillation where
/// `config.distillation` names a teacher. Tables lie in `data`.
///
/// See [`pretrain`](super::pretrain) for `on_event` and for resuming.
///
/// # Errors
///
/// See [`TrainingError`].
pub async fn finetune(
    config: &FinetuneConfig,
    data: &Path,
    directory: &Path,
    device: &Device,
    mut on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Finetuned, TrainingError> {
    config.check()?;
    config.optimizer.check_device(device)?;
    let limit = config.encoder().max_length;
    let mut collected = Examples::new(config.endpoints.len(), limit);
    let mut left_out = Vec::new();
    let mut files: Vec<DataFile> = Vec::new();
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        left_out.extend(collected.add_table(data, index, endpoint)?);
        let path = data.join(&endpoint.file);
        if files.iter().all(|file| file.path != path) {
            files.push(inspect(&path)?);
        }
    }
    let kinds: Vec<EndpointTask> = config.endpoints.iter().map(|e| e.task).collect();
    let left_out = left_out::once(left_out);
    for note in left_out::summary(&left_out) {
        // The first step asks again, so a wish to stop is not lost.
        let _ = on_event(Event::Note(note));
    }
    let (examples, merged) = collected.finish(&kinds, &config.duplicates);
    if merged.repeated > 0 {
        let note = format!(
            "{} labels belong to a molecule with several: they are merged, {} molecules lost a \
             label that they disagreed on",
            merged.repeated, merged.disagreeing
        );
        let _ = on_event(Event::Note(note));
    }
    // A teacher's predictions differ where labels do not.
    let from_labels = config.distillation.is_none();
    if from_labels {
        learnable::check_examples(&config.endpoints, &examples)?;
    }
    let folds = folds(config, &examples)?;
    let names: Vec<String> = config.endpoints.iter().map(|e| e.name.clone()).collect();
    let trainer = Trainer {
        config,
        directory,
        examples: &examples,
        folds: &folds,
        device,
    };
    // What is wrong with a fold, a teacher or a start is known before the
    // directory is made.
    for (index, fold) in folds.iter().enumerate() {
        trainer.scalings(&fold.split.train)?;
        if from_labels {
            learnable::check_fold(&config.endpoints, &examples, fold)?;
        }
        trainer.teacher(index)?;
    }
    let first = trainer.start(Position::default(), 0, 0.0)?;
    let command = match config.distillation {
        Some(_) => "distill",
        None => "finetune",
    };
    let run = Run::create(
        directory,
        &toml::to_string_pretty(config)?,
        &RunInfo::new(command, device, files),
    )?;
    let store = |name: &str, table: Result<Vec<u8>, csv::Error>| {
        let path = directory.join(name);
        let table = table.map_err(|error| run_dir::RunError::Damaged {
            path: path.clone(),
            what: error.to_string(),
        })?;
        run_dir::write_whole(&path, &table)
    };
    store(run_dir::EXAMPLES, dataset::to_csv(&examples, &names))?;
    if !left_out.is_empty() {
        store(run_dir::LEFT_OUT, left_out::to_csv(&left_out))?;
    }
    run_dir::write_json(&directory.join(run_dir::SPLITS), &folds)?;
    let mut finetuned = trainer.train(run, first, &mut on_event).await?;
    finetuned.left_out = left_out;
    Ok(finetuned)
}

/// Goes on with the run in `directory` where it stopped, however it did. The
/// tables are no longer needed: the run directory holds the examples.
///
/// # Errors
///
/// See [`TrainingError`].
pub async fn resume(
    directory: &Path,
    device: &Device,
    mut on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Finetuned, TrainingError> {
    let (run, text, _) = Run::resume(directory)?;
    let config: FinetuneConfig = toml::from_str(&text)?;
    config.check()?;
    config.optimizer.check_device(device)?;
    if let Some(config) = run.finished()? {
        let note = "the run is finished: there is nothing to go on with".to_owned();
        // Nothing comes after it that could be stopped.
        let _ = on_event(Event::Note(note));
        return Ok(Finetuned {
            config,
            evaluation: run_dir::read_json(&directory.join(run_dir::EVALUATION))?,
            left_out: Vec::new(),
        });
    }
    let Stored { examples, folds } = stored(directory, &config)?;
    let trainer = Trainer {
        config: &config,
        directory,
        examples: &examples,
        folds: &folds,
        device,
    };
    let autodiff = device.tensors().clone().autodiff();
    let state = match run.restore(&config.optimizer, &autodiff)? {
        Some(restored) => restored,
        None => trainer.start(Position::default(), 0, 0.0)?,
    };
    run.goes_on(device)?;
    trainer.train(run, state, &mut on_event).await
}

/// What a run directory holds of its data.
pub(crate) struct Stored {
    pub(crate) examples: Vec<Example>,
    pub(crate) folds: Vec<Fold>,
}

/// Examples and folds of a run directory.
pub(crate) fn stored(directory: &Path, config: &FinetuneConfig) -> Result<Stored, TrainingError> {
    let examples = dataset::from_csv(
        &directory.join(run_dir::EXAMPLES),
        config.endpoints.len(),
        config.encoder().max_length,
    )?;
    let folds = given(&directory.join(run_dir::SPLITS), examples.len())?;
    Ok(Stored { examples, folds })
}

/// The folds of a file.
fn given(path: &Path, molecules: usize) -> Result<Vec<Fold>, TrainingError> {
    let text = std::fs::read_to_string(path).map_err(|source| CorpusError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(splits::given(&text, molecules)?)
}

/// The folds that `config` asks for.
fn folds(config: &FinetuneConfig, examples: &[Example]) -> Result<Vec<Fold>, TrainingError> {
    let split = &config.split;
    let fractions = Fractions {
        train: 1.0 - split.valid - split.test,
        valid: split.valid,
        test: split.test,
    };
    let scaffolds = || -> Vec<Option<String>> {
        // What has no scaffold is alone with those that have none.
        let scaffold = |example: &Example| example.molecule.scaffold().ok().flatten();
        examples.iter().map(scaffold).collect()
    };
    let splits: Vec<Split> = match (split.kind, split.folds) {
        (SplitKind::Random, 1) => vec![splits::random(examples.len(), fractions, split.seed)?],
        (SplitKind::Random, folds) => splits::k_fold(examples.len(), folds, split.seed)?,
        (SplitKind::Scaffold, 1) => vec![splits::scaffold(&scaffolds(), fractions)?],
        (SplitKind::Scaffold, folds) => splits::scaffold_k_fold(&scaffolds(), folds)?,
        (SplitKind::Indices, _) => {
            let file = split.file.clone().unwrap_or_default();
            return given(&file, examples.len());
        }
    };
    let numbered = splits.into_iter().enumerate();
    Ok(numbered.map(|(fold, split)| Fold { fold, split }).collect())
}

/// Mean and deviation of labels.
fn scaling(labels: &[f64]) -> Scaling {
    let n = labels.len().max(1) as f64;
    let mean = labels.iter().sum::<f64>() / n;
    let variance = labels.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n;
    Scaling {
        mean: mean as f32,
        // Labels that are all alike would be divided by 0.
        deviation: variance.sqrt().max(1e-6) as f32,
    }
}

pub(super) struct Trainer<'a> {
    pub(super) config: &'a FinetuneConfig,
    pub(super) directory: &'a Path,
    pub(super) examples: &'a [Example],
    pub(super) folds: &'a [Fold],
    pub(super) device: &'a Device,
}

/// A batch: the sequences and the examples that they are of.
type Drawn = Vec<(Vec<u32>, usize)>;

impl Trainer<'_> {
    /// How labels are scaled, from those that are trained on.
    fn scalings(&self, train: &[usize]) -> Result<Vec<Scaling>, TrainingError> {
        let scalings = self
            .config
            .endpoints
            .iter()
            .enumerate()
            .map(|(index, endpoint)| {
                let labels: Vec<f64> = train
                    .iter()
                    .filter_map(|&i| self.examples[i].labels[index].map(f64::from))
                    .collect();
                if labels.len() < FEWEST_LABELS {
                    return Err(TrainingError::TooFew {
                        endpoint: endpoint.name.clone(),
                        molecules: labels.len(),
                        needed: FEWEST_LABELS,
                    });
                }
                Ok(match endpoint.task {
                    EndpointTask::Regression => scaling(&labels),
                    EndpointTask::Classification => Scaling::IDENTITY,
                })
            });
        scalings.collect()
    }

    /// The molecules of a fold; all of them where `fold` is behind the last.
    pub(super) fn split(&self, fold: usize) -> Split {
        self.folds.get(fold).map_or_else(
            || Split {
                train: (0..self.examples.len()).collect(),
                ..Split::default()
            },
            |fold| fold.split.clone(),
        )
    }

    /// The teacher of a fold. A teacher that is a run of the same folds
    /// teaches each with the model that has not seen its held-out molecules.
    fn teacher(&self, fold: usize) -> Result<Option<(ModelConfig, Model)>, TrainingError> {
        let Some(distillation) = &self.config.distillation else {
            return Ok(None);
        };
        let directory = &distillation.teacher;
        let of_run = directory
            .join(run_dir::FOLDS)
            .join(fold.to_string())
            .join(run_dir::MODEL);
        let directory: PathBuf = if of_run.is_dir() {
            let theirs = given(&directory.join(run_dir::SPLITS), self.examples.len())?;
            if theirs != self.folds {
                return Err(TrainingError::OtherFolds(directory.clone()));
            }
            of_run
        } else if directory.join(run_dir::MODEL).is_dir() {
            directory.join(run_dir::MODEL)
        } else {
            directory.clone()
        };
        let (config, model) = ModelFiles::read(&directory)?.load(self.device.tensors())?;
        let names = |endpoints: &mut dyn Iterator<Item = &String>| {
            endpoints.cloned().collect::<Vec<_>>().join(", ")
        };
        let theirs = names(&mut config.endpoints.iter().map(|e| &e.name));
        let ours = names(&mut self.config.endpoints.iter().map(|e| &e.name));
        if theirs != ours {
            return Err(DistillationError::Endpoints {
                teacher: theirs,
                student: ours,
            }
            .into());
        }
        Ok(Some((config, self.config.optimizer.computing(model))))
    }

    /// The state before the first step of a fold.
    fn start(
        &self,
        position: Position,
        step: u64,
        seconds: f64,
    ) -> Result<Restored<Position>, TrainingError> {
        let fold = position.fold;
        let teacher = self.teacher(fold)?;
        // A student takes its teacher's scale, so that outputs compare.
        let scalings = match &teacher {
            Some((config, _)) => config.endpoints.iter().map(|e| e.scaling).collect(),
            None => self.scalings(&self.split(fold).train)?,
        };
        let start = self.config.start.as_deref();
        let started = start.map(start_files).transpose()?;
        let stored = started.as_ref().map(ModelFiles::config).transpose()?;
        let mut encoder = self.config.encoder();
        if let (None, Some(stored)) = (self.config.pooling, &stored) {
            encoder.pooling = stored.encoder.pooling;
        }
        let config = ModelConfig {
            model_type: MODEL_TYPE.to_owned(),
            name: self.config.name.clone(),
            preset: self.config.preset.name().to_owned(),
            license: self.config.license.clone(),
            encoder,
            endpoints: self
                .config
                .endpoints
                .iter()
                .zip(scalings)
                .map(|(endpoint, scaling)| Endpoint {
                    name: endpoint.name.clone(),
                    title: endpoint.title.clone(),
                    unit: endpoint.unit.clone(),
                    description: endpoint.description.clone(),
                    task: endpoint.task,
                    scaling,
                })
                .collect(),
            masked_lm: false,
            physchem: None,
            structure: None,
            // Fine-tuning moves the encoder: its embedding would no longer compare
            // structures.
            embedding: false,
        };
        let autodiff = self.device.tensors().clone().autodiff();
        autodiff.seed(mixed(self.config.seed, Purpose::Weights, &[fold as u64]));
        let mut initial = Initial {
            deviation: self.config.initial.initializer_range,
            table_deviation: self.config.initial.embedding_range,
            device: &autodiff,
        };
        let model = match &started {
            Some(files) => files.start(
                &config.encoder,
                config.heads(),
                &config.endpoints,
                &mut initial,
            )?,
            None => Model::new(&mut initial, &config.encoder, config.heads())?,
        };
        Ok(Restored {
            progress: Progress {
                step,
                seconds,
                position,
            },
            config,
            model: numbered(model),
            optimizer: Optimizer::new(&self.config.optimizer),
        })
    }

    /// The batches of an epoch.
    fn batches(&self, train: &[usize], fold: usize, epoch: usize) -> Vec<Drawn> {
        use rayon::prelude::*;
        let (seed, limit) = (self.config.seed, self.config.encoder().max_length);
        let place = [fold as u64, epoch as u64];
        let drawn: Drawn = train
            .par_iter()
            .map(|&index| {
                let example = &self.examples[index];
                let draw = mixed(seed, Purpose::Order, &[place[0], place[1], index as u64]);
                let tokens = Some(draw)
                    .filter(|_| self.config.augment)
                    .and_then(|draw| permuted(&example.molecule, draw, limit));
                (tokens.unwrap_or_else(|| example.tokens.clone()), index)
            })
            .collect();
        let mut rng = generator(seed, Purpose::Order, &place);
        bucketed(drawn, |(ids, _)| ids.len(), &self.config.batch, &mut rng)
    }

    fn targets(
        &self,
        examples: impl Iterator<Item = usize>,
        endpoints: &[(EndpointTask, Scaling)],
        device: &burn::tensor::Device,
    ) -> Targets {
        let labels: Vec<&[Option<f32>]> = examples
            .map(|index| self.examples[index].labels.as_slice())
            .collect();
        Targets::new(&labels, endpoints, device)
    }

    /// Mean loss of the labels of `valid`; `None` of none.
    async fn validate(
        &self,
        model: &Model,
        valid: &[usize],
        endpoints: &[(EndpointTask, Scaling)],
    ) -> Result<Option<f64>, TrainingError> {
        let model = model.valid();
        let device = self.device.tensors();
        let items: Drawn = valid
            .iter()
            .map(|&index| (self.examples[index].tokens.clone(), index))
            .collect();
        let mut rng = generator(self.config.seed, Purpose::Validation, &[]);
        let (mut sum, mut count) = (0.0, 0.0);
        for batch in bucketed(items, |(ids, _)| ids.len(), &self.config.batch, &mut rng) {
            let present = batch
                .iter()
                .flat_map(|(_, index)| &self.examples[*index].labels)
                .filter(|label| label.is_some())
                .count() as f64;
            let targets = self.targets(batch.iter().map(|(_, i)| *i), endpoints, device);
            let sequences: Vec<Vec<u32>> = batch.into_iter().map(|(ids, _)| ids).collect();
            let losses = finetuning_losses(&model, &sequences, &targets, 1.0, None, device);
            let Some(loss) = total(&losses) else { continue };
            let values = read(&[], loss, None).await?;
            sum += values
                .first()
                .map_or(f64::NAN, |(_, value)| f64::from(*value))
                * present;
            count += present;
        }
        Ok((count > 0.0).then(|| sum / count))
    }

    /// The domain of every endpoint, from the molecules that the folds held out.
    fn domains(&self, held_out: &[Vec<HeldOut>]) -> Vec<Option<EndpointDomain>> {
        let endpoints = self.config.endpoints.iter().zip(held_out);
        let fit = |(endpoint, held_out): (&EndpointConfig, &Vec<HeldOut>)| {
            let is_quantity = endpoint.task == EndpointTask::Regression;
            EndpointDomain::fit(&endpoint.name, held_out, is_quantity)
        };
        endpoints.map(fit).collect()
    }

    pub(super) fn fold_model(&self, fold: usize) -> PathBuf {
        let folder = self.directory.join(run_dir::FOLDS).join(fold.to_string());
        folder.join(run_dir::MODEL)
    }

    async fn train(
        &self,
        mut run: Run,
        state: Restored<Position>,
        on_event: &mut impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Finetuned, TrainingError> {
        let begun = state.progress.step;
        // A validation at the end of an epoch comes after the checkpoint.
        run.rewind(begun, |line| {
            let step = line.get("step").and_then(|step| step.as_u64());
            let valid = line.get("split").is_some_and(|split| split == "valid");
            step < Some(begun) || (step == Some(begun) && !valid)
        })?;
        let mut meter = Meter::new(state.progress.seconds);
        let all = self.folds.len() + usize::from(self.config.refit);
        let mut state = Some(state);
        let mut done = Vec::new();
        let (mut step, mut first) = (0, 0);
        if let Some(Restored { progress, .. }) = &state {
            done.clone_from(&progress.position.done);
            (step, first) = (progress.step, progress.position.fold);
        }
        for fold in first..all {
            let state = match state.take() {
                Some(state) => state,
                None => self.start(
                    Position {
                        fold,
                        done: done.clone(),
                        ..Position::default()
                    },
                    step,
                    meter.seconds(),
                )?,
            };
            let ended = self
                .train_fold(&mut run, state, &mut meter, on_event)
                .await?;
            step = ended.step;
            done = ended.position.done;
        }
        self.fit_processes(on_event).await?;
        let evaluated = evaluation::evaluate_folds(
            self.directory,
            self.device,
            PredictOptions::default(),
            true,
        )
        .await?;
        let evaluation = evaluated.evaluation;
        // The model of all molecules, or else of the first fold.
        let source = self.fold_model(if self.config.refit {
            self.folds.len()
        } else {
            0
        });
        let files = ModelFiles::read(&source)?;
        let (own, model) = files.load(self.device.tensors())?;
        let known = files.applicability(&own).map_err(StoringError::from)?;
        let applicability = known
            .unwrap_or_else(|| Applicability::new(Vec::new(), Vec::new(), Vec::new()))
            .with_endpoints(self.domains(&evaluated.held_out));
        let card = model_card::finetuned(
            self.config,
            &own,
            self.examples.len(),
            self.folds,
            &evaluation,
            &applicability,
        );
        let directory = self.directory.join(run_dir::MODEL);
        let domain = applicability.to_bytes().map_err(StoringError::from)?;
        // The whole directory at once: a run with one is finished.
        model_dir::write(
            &directory,
            &own,
            &model,
            Precision::Fp32,
            &card,
            Some(&domain),
        )
        .await?;
        run.clear_checkpoints()?;
        Ok(Finetuned {
            config: own,
            evaluation,
            left_out: Vec::new(),
        })
    }

    /// Trains one fold from `state` on and stores its best model.
    async fn train_fold(
        &self,
        run: &mut Run,
        state: Restored<Position>,
        meter: &mut Meter,
        on_event: &mut impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Progress<Position>, TrainingError> {
        let Restored {
            mut progress,
            config: model_config,
            mut model,
            mut optimizer,
        } = state;
        let fold = progress.position.fold;
        let split = self.split(fold);
        let teacher = self.teacher(fold)?;
        let map = match (&self.config.distillation, &teacher) {
            (Some(distillation), Some((config, _))) => {
                layer_map(distillation, &config.encoder, &model_config.encoder)?
            }
            _ => Vec::new(),
        };
        let teacher =
            teacher
                .as_ref()
                .zip(self.config.distillation.as_ref())
                .map(|((_, model), config)| Teacher {
                    model,
                    config,
                    layer_map: &map,
                });
        let endpoints: Vec<(EndpointTask, Scaling)> = model_config
            .endpoints
            .iter()
            .map(|e| (e.task, e.scaling))
            .collect();
        let autodiff = self.device.tensors().clone().autodiff();
        let epochs = if fold < self.folds.len() {
            self.config.epochs
        } else {
            refit_epochs(&progress.position.done, self.config.epochs)
        };
        let runs = self.folds.len() + usize::from(self.config.refit);

        while progress.position.epoch < epochs {
            let epoch = progress.position.epoch;
            let batches = self.batches(&split.train, fold, epoch);
            let first = progress.position.batch;
            let mut rate = 0.0;
            for (index, batch) in batches.iter().enumerate().skip(first) {
                let part = |index: usize| {
                    (epoch as f64 + index as f64 / batches.len() as f64) / epochs as f64
                };
                rate = self.config.optimizer.rate(part(index));
                let place = [fold as u64, epoch as u64, index as u64];
                autodiff.seed(mixed(self.config.seed, Purpose::Dropout, &place));
                let sequences: Vec<Vec<u32>> = batch.iter().map(|(ids, _)| ids.clone()).collect();
                let targets = self.targets(batch.iter().map(|(_, i)| *i), &endpoints, &autodiff);
                let losses = finetuning_losses(
                    &optimizer.computing(&model),
                    &sequences,
                    &targets,
                    self.config.labels,
                    teacher,
                    &autodiff,
                );
                let Some(loss) = total(&losses) else {
                    return Err(TrainingError::NothingToLearn);
                };
                let (updated, norm) = optimizer.step(model, &loss, rate);
                model = updated;
                let values = read(&losses, loss, norm).await?;
                let loss = values.first().map_or(f32::NAN, |(_, value)| *value);
                if !loss.is_finite() {
                    return Err(TrainingError::Diverged {
                        step: progress.step + 1,
                        batch: format!(
                            "fold {fold}, epoch {}, batch {index}, {:?} molecules by tokens",
                            epoch + 1,
                            shape_of(&sequences)
                        ),
                        loss,
                    });
                }
                progress.position.batch = index + 1;
                meter.add(batch.len(), &values);
                if values.iter().all(|(name, _)| *name != "gradient_norm") {
                    continue;
                }
                progress.step += 1;
                progress.seconds = meter.seconds();
                let event = Step {
                    step: progress.step,
                    epoch: epoch as u64 + 1,
                    fold: Some(fold),
                    progress: (fold as f64 + part(index + 1)) / runs as f64,
                    loss,
                    molecules_per_second: meter.molecules_per_second(),
                    seconds: progress.seconds,
                };
                let stop = on_event(Event::Step(event)).is_break();
                let every = self.config.checkpoint_every as u64;
                let save = stop || progress.step.is_multiple_of(every);
                if (meter.is_due() || save)
                    && let Some(line) =
                        meter.line(progress.step, epoch as u64 + 1, Some(fold), rate)
                {
                    run.record(&line)?;
                }
                if save {
                    let path = run
                        .save(&progress, &model_config, &model, &optimizer)
                        .await?;
                    let stop = on_event(Event::Checkpoint(path)).is_break() || stop;
                    if stop {
                        return Err(Stop::Cancelled.into());
                    }
                }
            }
            if let Some(line) = meter.line(progress.step, epoch as u64 + 1, Some(fold), rate) {
                run.record(&line)?;
            }
            let loss = self.validate(&model, &split.valid, &endpoints).await?;
            if let Some(loss) = loss {
                let mut line = head(progress.step, epoch as u64 + 1, Some(fold), "valid");
                line.insert("loss".to_owned(), number(loss));
                run.record(&line)?;
                // The next step asks again.
                let _ = on_event(Event::Validation {
                    step: progress.step,
                    fold: Some(fold),
                    loss,
                });
            }
            // Without validation the last epoch is the one that counts.
            let better =
                loss.is_none_or(|loss| progress.position.best.is_none_or(|(_, best)| loss < best));
            progress.position.epoch += 1;
            progress.position.batch = 0;
            if better {
                progress.position.best = Some((epoch, loss.unwrap_or(f64::MAX)));
                model_dir::write(
                    &self.fold_model(fold),
                    &model_config,
                    &model.valid(),
                    Precision::Fp32,
                    "",
                    None,
                )
                .await?;
            }
            let best = progress.position.best.map_or(epoch, |(epoch, _)| epoch);
            if self.config.patience > 0 && epoch - best >= self.config.patience {
                break;
            }
        }
        let best = progress.position.best.map_or(0, |(epoch, _)| epoch);
        progress.position.done.push(best);
        // So that a run that is stopped here does not train the fold again.
        let next = Progress {
            position: Position {
                fold: fold + 1,
                done: progress.position.done.clone(),
                ..Position::default()
            },
            ..progress
        };
        let fresh = match fold + 1 < runs {
            true => Some(self.start(next.position.clone(), next.step, next.seconds)?),
            false => None,
        };
        let path = match &fresh {
            Some(fresh) => {
                run.save(&next, &fresh.config, &fresh.model, &fresh.optimizer)
                    .await?
            }
            // What is left to do is no training.
            None => run.save(&next, &model_config, &model, &optimizer).await?,
        };
        if on_event(Event::Checkpoint(path)).is_break() {
            return Err(Stop::Cancelled.into());
        }
        Ok(next)
    }
}

/// Epochs of the training on all molecules: the median of the best of the
/// folds.
fn refit_epochs(best: &[usize], epochs: usize) -> usize {
    let mut best: Vec<usize> = best.to_vec();
    best.sort_unstable();
    best.get(best.len() / 2).map_or(epochs, |epoch| epoch + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refit_lasts_for_the_median_of_the_best_epochs() {
        assert_eq!(refit_epochs(&[4, 9, 2], 20), 5);
        assert_eq!(refit_epochs(&[], 20), 20);
    }

    #[test]
    fn labels_that_are_all_alike_have_a_scale() {
        let scaling = scaling(&[2.0; 12]);
        assert_eq!(scaling.mean, 2.0);
        assert!(scaling.output(2.0) == 0.0 && scaling.deviation > 0.0);
    }
}
