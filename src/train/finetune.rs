//! Fine-tuning on tables of labels, fold by fold, and task-specific
//! distillation.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::TrainingError;
use super::config::{FinetuneConfig, LabelSource, RunConfig, SplitKind};
use super::corpus::{CorpusError, DataFile, inspect};
use super::dataset::{self, Dataset, Example, Examples, LabelTable};
use super::evaluation::{self, Evaluated};
use super::fold_objective::{FoldObjective, Pooled, balanced, counted};
use super::gaussian_process;
use super::learnable::{self, FEWEST_LABELS, LearnableError};
use super::left_out::{self, LeftOut};
use super::model_card;
use super::objectives::{DistillationError, Teacher, layer_map};
use super::optimizer::{Optimizer, assign_param_ids};
use super::progress::Event;
use super::run_dir::{self, Checkpoint, Progress, Run, RunError, RunInfo, RunLock};
use super::seeds::{SeedStream, derive_seed};
use super::splits::{self, Fold, Split, SplitFractions};
use super::start::{UsedModels, start_files};
use super::trainer::{Place, Placed, Trainer};
use crate::device::{Device, with_seed};
use crate::metrics::Evaluation;
use crate::model::{Endpoint, EndpointTask, Initial, Model, Scaling, WideInputs};
use crate::model_dir::{self, MODEL_TYPE, ModelConfig, ModelDirError, ModelFiles, Precision};
use crate::predict::PredictOptions;
use crate::predict::applicability::{ApplicabilityDomain, Calibration, HeldOut};

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

/// Begins a run in `directory`: fine-tuning, or distillation where the
/// configuration has a teacher. Tables lie in `data`.
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
    config.common.optimizer.check_device(device)?;
    let absolute = config.with_absolute_paths();
    let config = &absolute.map_err(TrainingError::WorkingDirectory)?;
    let limit = config.common.encoder().max_length;
    let mut collected = Examples::new(config.endpoints.len(), config.standard_form, limit);
    let mut left_out = Vec::new();
    let mut files: Vec<DataFile> = Vec::new();
    let sources: Vec<Vec<LabelSource>> = config.endpoints.iter().map(|e| e.sources()).collect();
    for table in LabelTable::all(&config.endpoints, &sources) {
        let read = collected.add_table(data, &table)?;
        left_out.extend(read.left_out);
        for note in read.notes {
            // The first step asks again, so a wish to stop is not lost.
            let _ = on_event(Event::Note(note));
        }
        let path = data.join(table.file());
        if files.iter().all(|file| file.path != path) {
            files.push(inspect(&path, &table.options())?);
        }
    }
    if let Some(pseudo_labels) = &config.pseudo_labels {
        let read = collected.add_pseudo_labels(data, pseudo_labels, &config.endpoints)?;
        left_out.extend(read.left_out);
        for note in read.notes {
            let _ = on_event(Event::Note(note));
        }
        let path = data.join(&pseudo_labels.file);
        files.push(inspect(&path, &pseudo_labels.options())?);
    }
    let kinds: Vec<EndpointTask> = config.endpoints.iter().map(|e| e.task).collect();
    let left_out = left_out::once(left_out);
    for note in left_out::summary(&left_out) {
        let _ = on_event(Event::Note(note));
    }
    let (examples, merged) = collected.finish(&kinds, &config.duplicates);
    if merged.repeated > 0 {
        let note = format!(
            "merged {} duplicate labels; dropped conflicting labels of {} molecules",
            merged.repeated, merged.conflicting
        );
        let _ = on_event(Event::Note(note));
    }
    if merged.far_apart > 0 {
        let note = format!(
            "{} of the merged labels are means of values that lie further apart than one standard \
             deviation: --set duplicates.bound=1 leaves these molecules out",
            merged.far_apart
        );
        let _ = on_event(Event::Note(note));
    }
    // A teacher's predictions differ where labels do not.
    let from_labels = config.common.distillation.is_none();
    if from_labels {
        learnable::check_examples(&config.endpoints, &examples)?;
    }
    let folds = folds(config, &examples)?;
    let wide = dataset::wide_features(&examples, config.wide.as_ref())?;
    let table_run = TableRun {
        config,
        directory,
        data: Dataset {
            endpoints: unscaled(config),
            examples,
            folds,
            wide,
            kept: config.kept_molecules,
        },
        device,
        models: UsedModels::default(),
    };
    // What is wrong with a fold, a teacher or a start is known before the
    // directory is made.
    for (index, fold) in table_run.data.folds.iter().enumerate() {
        table_run.scalings(&fold.split.train)?;
        if from_labels {
            learnable::check_fold(&config.endpoints, &table_run.data.examples, fold)?;
        }
        table_run.teacher(index)?;
    }
    let first = table_run.start(Position::default(), 0, 0.0)?;
    let resolved = RunConfig::from(config.clone());
    let Dataset {
        endpoints,
        examples,
        folds,
        ..
    } = &table_run.data;
    let names: Vec<String> = endpoints.iter().map(|e| e.name.clone()).collect();
    let csv = |name: &str, table: Result<Vec<u8>, csv::Error>| {
        table.map_err(|error| run_dir::damaged(&directory.join(name), error))
    };
    let mut stored = vec![
        (
            run_dir::EXAMPLES,
            csv(run_dir::EXAMPLES, dataset::to_csv(examples, &names))?,
        ),
        (run_dir::SPLITS, run_dir::to_json(run_dir::SPLITS, folds)?),
    ];
    if config.pseudo_labels.is_some() {
        let table = dataset::pseudo_labels_to_csv(examples, &names);
        stored.push((run_dir::PSEUDO_LABELS, csv(run_dir::PSEUDO_LABELS, table)?));
    }
    if !left_out.is_empty() {
        let table = left_out::to_csv(&left_out);
        stored.push((run_dir::LEFT_OUT, csv(run_dir::LEFT_OUT, table)?));
    }
    let run = Run::create(
        directory,
        &resolved.to_toml()?,
        &RunInfo::new(resolved.command(), device, files)
            .with_models(table_run.models.list())
            .in_form(config.standard_form),
        &stored,
    )?;
    let mut finetuned = table_run.train(run, first, on_event).await?;
    finetuned.left_out = left_out;
    Ok(finetuned)
}

/// Goes on with a run that is not finished. The tables are no longer needed: the
/// run directory holds the examples.
pub(super) async fn resume(
    config: &FinetuneConfig,
    run: Run,
    info: &RunInfo,
    device: &Device,
    mut on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Finetuned, TrainingError> {
    let directory = run.directory().to_owned();
    let table_run = TableRun {
        config,
        directory: &directory,
        data: stored(&directory, config, info)?,
        device,
        models: UsedModels::recorded(&info.models),
    };
    let autodiff = device.tensors().clone().autodiff();
    // The first step asks again, so a wish to stop is not lost.
    let on_note = |note| {
        let _ = on_event(Event::Note(note));
    };
    let state = match run.restore(&config.common.optimizer, &autodiff, on_note)? {
        Some(checkpoint) => checkpoint,
        None => table_run.start(Position::default(), 0, 0.0)?,
    };
    run.record_resume(device)?;
    table_run.train(run, state, on_event).await
}

/// Evaluates the models of a fine-tuning run on the molecules that its folds held
/// out, from the run directory alone, with a forest on ECFP4 beside them where the
/// run has a baseline and `baseline` asks for it. Where it does and each molecule
/// is read as one SMILES, as in the model's card, writes `predictions.csv` and
/// `evaluation.json` there.
///
/// # Errors
///
/// Where the directory holds no fine-tuning run with models, its examples or splits are
/// not those that the run began with, or the device fails.
pub async fn evaluate_run(
    directory: &Path,
    device: &Device,
    options: PredictOptions,
    baseline: bool,
) -> Result<Evaluation, TrainingError> {
    let (config, info) = read_finished(directory)?;
    // The run's own files are those of its model's card.
    let stores = options.augmentations == NonZeroUsize::MIN && baseline;
    let _lock = stores.then(|| RunLock::take(directory)).transpose()?;
    let data = stored(directory, &config, &info)?;
    let models = models(directory, data.folds.len());
    let with_baseline = baseline && config.baseline;
    let evaluated = evaluation::evaluate(&data, &models, device, options, with_baseline).await?;
    if stores {
        store_evaluation(directory, &data, &evaluated)?;
    }
    Ok(evaluated.evaluation)
}

fn store_evaluation(
    directory: &Path,
    data: &Dataset,
    evaluated: &Evaluated,
) -> Result<(), RunError> {
    let table = evaluation::to_csv(data, evaluated);
    run_dir::write_csv(&directory.join(run_dir::PREDICTIONS), table)?;
    run_dir::write_json(&directory.join(run_dir::EVALUATION), &evaluated.evaluation)
}

/// The model directories of the first `count` trainings of a run.
fn models(directory: &Path, count: usize) -> Vec<PathBuf> {
    let fold = |fold| run_dir::fold_model(directory, fold);
    (0..count).map(fold).collect()
}

/// The endpoints of a configuration, before their labels are known.
fn unscaled(config: &FinetuneConfig) -> Vec<Endpoint> {
    let endpoints = config.endpoints.iter();
    endpoints.map(|e| e.endpoint(Scaling::IDENTITY)).collect()
}

/// The data that a run directory holds, which must be what the run began with.
fn stored(
    directory: &Path,
    config: &FinetuneConfig,
    info: &RunInfo,
) -> Result<Dataset, TrainingError> {
    let pseudo_labels = config.pseudo_labels.as_ref();
    let names = [run_dir::EXAMPLES, run_dir::SPLITS].into_iter();
    for name in names.chain(pseudo_labels.map(|_| run_dir::PSEUDO_LABELS)) {
        info.check_stored(directory, name)?;
    }
    let mut examples = dataset::from_csv(
        &directory.join(run_dir::EXAMPLES),
        config.endpoints.len(),
        info.standard_form,
        config.common.encoder().max_length,
    )?;
    if pseudo_labels.is_some() {
        let path = directory.join(run_dir::PSEUDO_LABELS);
        dataset::read_pseudo_labels(&path, config.endpoints.len(), &mut examples)?;
    }
    let folds = given(&directory.join(run_dir::SPLITS), examples.len())?;
    let wide = dataset::wide_features(&examples, config.wide.as_ref())?;
    Ok(Dataset {
        endpoints: unscaled(config),
        examples,
        folds,
        wide,
        kept: config.kept_molecules,
    })
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
    let fractions = SplitFractions {
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
        (SplitKind::ScaffoldHash, _) => {
            // What has no ring is a group of its own: such molecules share nothing.
            let alone = |example: &Example| example.smiles.clone();
            let groups: Vec<String> = (examples.iter().zip(scaffolds()))
                .map(|(example, scaffold)| scaffold.unwrap_or_else(|| alone(example)))
                .collect();
            let mut split = splits::by_hash(&groups, fractions, split.seed)?;
            // What was not measured is only there to learn from.
            let measured = |index: &usize| examples[*index].is_measured();
            split.valid.retain(measured);
            split.test.retain(measured);
            vec![split]
        }
        (SplitKind::Indices, _) => {
            let file = split.file.clone().unwrap_or_default();
            return given(&file, examples.len());
        }
    };
    let splits = splits.into_iter().enumerate();
    Ok(splits.map(|(fold, split)| Fold { fold, split }).collect())
}

/// Mean and deviation of labels.
fn scaling(labels: &[f64]) -> Scaling {
    let n = labels.len().max(1) as f64;
    let mean = labels.iter().sum::<f64>() / n;
    let variance = labels.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n;
    // Labels that are all alike would be divided by 0; those that differ may be as
    // small as concentrations in mol/L are.
    let deviation = match variance.sqrt() {
        0.0 => 1e-6,
        deviation => deviation,
    };
    Scaling {
        mean: mean as f32,
        deviation: deviation as f32,
    }
}

/// What a run is trained with.
struct TableRun<'a> {
    config: &'a FinetuneConfig,
    directory: &'a Path,
    data: Dataset,
    device: &'a Device,
    models: UsedModels,
}

impl TableRun<'_> {
    /// How labels are scaled, from those that are trained on.
    fn scalings(&self, train: &[usize]) -> Result<Vec<Scaling>, TrainingError> {
        let scalings = self
            .data
            .endpoints
            .iter()
            .enumerate()
            .map(|(index, endpoint)| {
                let labels: Vec<f64> = train
                    .iter()
                    .filter_map(|&i| self.data.examples[i].labels[index].map(f64::from))
                    .collect();
                if labels.len() < FEWEST_LABELS {
                    return Err(TrainingError::TooFew {
                        endpoint: endpoint.name.clone(),
                        molecules: labels.len(),
                        needed: FEWEST_LABELS,
                    });
                }
                let scaling = match endpoint.task {
                    EndpointTask::Regression => scaling(&labels),
                    EndpointTask::Classification => Scaling::IDENTITY,
                };
                // What the model directory would refuse after hours of training.
                if !scaling.is_usable() {
                    let endpoint = endpoint.name.clone();
                    return Err(LearnableError::OutOfRange { endpoint }.into());
                }
                Ok(scaling)
            });
        scalings.collect()
    }

    /// The teacher of a fold. A teacher that is a run of the same folds
    /// teaches each with the model that has not seen its held-out molecules.
    fn teacher(&self, fold: usize) -> Result<Option<(ModelConfig, Model)>, TrainingError> {
        let Some(distillation) = &self.config.common.distillation else {
            return Ok(None);
        };
        let directory = &distillation.teacher;
        let of_fold = run_dir::fold_model(directory, fold);
        let directory = if of_fold.is_dir() {
            let theirs = given(&directory.join(run_dir::SPLITS), self.data.examples.len())?;
            if theirs != self.data.folds {
                return Err(TrainingError::OtherFolds(directory.clone()));
            }
            of_fold
        } else {
            run_dir::model_of(directory)
        };
        let files = ModelFiles::read(&directory)?;
        self.models.read(&directory, &files)?;
        let (config, model) = files.load(self.device.tensors())?;
        if config.wide.is_some() {
            return Err(DistillationError::WideTeacher.into());
        }
        let names = |endpoints: &mut dyn Iterator<Item = &String>| {
            endpoints.cloned().collect::<Vec<_>>().join(", ")
        };
        let theirs = names(&mut config.endpoints.iter().map(|e| &e.name));
        let ours = names(&mut self.data.endpoints.iter().map(|e| &e.name));
        if theirs != ours {
            return Err(DistillationError::Endpoints {
                teacher: theirs,
                student: ours,
            }
            .into());
        }
        Ok(Some((
            config,
            self.config.common.optimizer.compute_model(model),
        )))
    }

    /// The state before the first step of a fold.
    fn start(
        &self,
        position: Position,
        step: u64,
        seconds: f64,
    ) -> Result<Checkpoint<Position>, TrainingError> {
        let common = &self.config.common;
        let fold = position.fold;
        let teacher = self.teacher(fold)?;
        // A student takes its teacher's scale, so that outputs compare.
        let scalings = match &teacher {
            Some((config, _)) => config.endpoints.iter().map(|e| e.scaling).collect(),
            None => self.scalings(&self.data.split(fold).train)?,
        };
        let start = common.start.as_deref();
        let started = start.map(start_files).transpose()?;
        if let Some((path, files)) = start.zip(started.as_ref()) {
            self.models.read(path, files)?;
        }
        let stored = started.as_ref().map(ModelFiles::config).transpose()?;
        let mut encoder = common.encoder();
        if let (None, Some(stored)) = (common.pooling, &stored) {
            encoder.pooling = stored.encoder.pooling;
        }
        let config = ModelConfig {
            model_type: MODEL_TYPE.to_owned(),
            name: common.name.clone(),
            preset: common.preset.name().to_owned(),
            standard_form: self.config.standard_form,
            license: common.license.clone(),
            encoder,
            endpoints: self
                .config
                .endpoints
                .iter()
                .zip(scalings)
                .map(|(endpoint, scaling)| endpoint.endpoint(scaling))
                .collect(),
            reference: None,
            wide: self.config.wide.as_ref().and_then(|wide| {
                let train = self.data.split(fold).train;
                let of = train.iter().map(|&index| &self.data.wide[index]);
                WideInputs::fit(wide.buckets, wide.widths, of)
            }),
            masked_lm: false,
            physchem: None,
            structure: None,
            // Fine-tuning moves the encoder: its embedding would no longer compare
            // structures.
            embedding: false,
        };
        let autodiff = self.device.tensors().clone().autodiff();
        let seed = derive_seed(common.seed, SeedStream::Weights, &[fold as u64]);
        let mut initial = Initial {
            deviation: common.initial.initializer_range,
            table_deviation: common.initial.embedding_range,
            device: &autodiff,
        };
        let (encoder, heads) = (&config.encoder, config.heads());
        let draw = || -> Result<Model, TrainingError> {
            Ok(assign_param_ids(match &started {
                Some(files) => files.start(encoder, heads, &config.endpoints, &mut initial)?,
                None => Model::new(&mut initial, encoder, heads)?,
            }))
        };
        let model = with_seed(&autodiff, seed, draw)?;
        Ok(Checkpoint {
            progress: Progress {
                step,
                seconds,
                position,
            },
            config,
            model,
            optimizer: Optimizer::new(&common.optimizer),
        })
    }

    /// How often a model is trained: once a fold, and on all molecules where that
    /// is asked for.
    fn trainings(&self) -> usize {
        self.data.folds.len() + usize::from(self.config.refit)
    }

    async fn train(
        &self,
        run: Run,
        mut state: Checkpoint<Position>,
        on_event: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Finetuned, TrainingError> {
        let common = &self.config.common;
        let place = Place {
            fold: Some(state.progress.position.fold),
            epoch: state.progress.position.epoch as u64 + 1,
        };
        // Within an epoch none was made yet at the step; between two, that at the end of
        // the one before.
        let validations = usize::from(state.progress.position.batch == 0);
        let start = (&state, place, validations);
        let mut trainer = Trainer::new(common, 0, self.device, run, start, on_event)?;
        while state.progress.position.fold < self.trainings() {
            state = self.train_fold(&mut trainer, state).await?;
        }
        let models = models(self.directory, self.trainings());
        let processes = self.config.gaussian_process;
        gaussian_process::store_with_networks(
            &self.data,
            &models,
            processes,
            self.device,
            |note| trainer.note(note),
        )
        .await?;
        let evaluated = evaluation::evaluate(
            &self.data,
            &models,
            self.device,
            PredictOptions::default(),
            self.config.baseline,
        )
        .await?;
        store_evaluation(self.directory, &self.data, &evaluated)?;
        for note in few_held_out(&self.data.endpoints, &evaluated.held_out) {
            trainer.note(note);
        }
        self.finish(&trainer.into_run(), evaluated).await
    }

    /// Trains one fold from `state` on and stores its best model; the state before
    /// the next fold.
    async fn train_fold(
        &self,
        trainer: &mut Trainer<'_, impl FnMut(Event) -> ControlFlow<()>>,
        mut state: Checkpoint<Position>,
    ) -> Result<Checkpoint<Position>, TrainingError> {
        let common = &self.config.common;
        let fold = state.progress.position.fold;
        let split = self.data.split(fold);
        let teacher = self.teacher(fold)?;
        let distillation = common.distillation.as_ref();
        let map = match (distillation, &teacher) {
            (Some(distillation), Some((config, _))) => {
                layer_map(distillation, &config.encoder, &state.config.encoder)?
            }
            _ => Vec::new(),
        };
        let endpoints: Vec<(EndpointTask, Scaling)> = state
            .config
            .endpoints
            .iter()
            .map(|e| (e.task, e.scaling))
            .collect();
        let hidden = state.config.encoder.hidden_size;
        let wide_inputs = state.config.wide.clone();
        let examples = &self.data.examples;
        let pooled = match self.config.freeze_encoder {
            true => {
                trainer.note("computing what the encoder says of each molecule".to_owned());
                let model = &state.model;
                Some(Pooled::new(model, examples, hidden, self.config, self.device).await?)
            }
            false => None,
        };
        let counts = counted(examples, &split.train);
        let objective = FoldObjective {
            weights: balanced(&counts, self.config.balance),
            counts,
            wide: wide_inputs
                .as_ref()
                .map(|wide| (wide, self.data.wide.as_slice())),
            pooled,
            config: self.config,
            examples: &self.data.examples,
            endpoints: &endpoints,
            valid: &split.valid,
            teacher: teacher
                .as_ref()
                .zip(distillation)
                .map(|((_, model), config)| Teacher {
                    model,
                    config,
                    layer_map: &map,
                }),
            device: self.device,
        };
        let epochs = if fold < self.data.folds.len() {
            self.config.epochs()
        } else {
            refit_epochs(&state.progress.position.done, self.config.epochs())
        };
        while state.progress.position.epoch < epochs {
            let position = state.progress.position.clone();
            let epoch = position.epoch;
            let place = Place {
                fold: Some(fold),
                epoch: epoch as u64 + 1,
            };
            let batches = objective.epoch(&split.train, fold, epoch);
            let all = batches.len() as f64;
            // The fraction of the fold that is done before a batch.
            let before = |batch: usize| (epoch as f64 + batch as f64 / all) / epochs as f64;
            let placed =
                batches
                    .into_iter()
                    .enumerate()
                    .skip(position.batch)
                    .map(|(index, batch)| Placed {
                        batch,
                        place,
                        name: format!("fold {fold}, epoch {}, batch {index}", place.epoch),
                        schedule: before(index),
                        done: (fold as f64 + before(index + 1)) / self.trainings() as f64,
                        dropout: derive_seed(
                            common.seed,
                            SeedStream::Dropout,
                            &[fold as u64, epoch as u64, index as u64],
                        ),
                        position: Position {
                            batch: index + 1,
                            ..position.clone()
                        },
                    });
            state = trainer.run(state, &objective, placed).await?;
            trainer.record_losses(state.progress.step)?;
            let losses = trainer.validate(&state, &objective).await?;
            let loss = losses.first().map(|(_, loss)| *loss);
            // Without validation the last epoch is the one that counts.
            let best = position.best;
            let better = loss.is_none_or(|loss| best.is_none_or(|(_, best)| loss < best));
            let next = &mut state.progress.position;
            (next.epoch, next.batch) = (epoch + 1, 0);
            if better {
                next.best = Some((epoch, loss.unwrap_or(f64::MAX)));
                model_dir::write(
                    &run_dir::fold_model(self.directory, fold),
                    &state.config,
                    &state.model.valid(),
                    Precision::Fp32,
                    "",
                    None,
                )
                .await?;
            }
            let best = state.progress.position.best;
            let best = best.map_or(epoch, |(epoch, _)| epoch);
            if self.config.patience > 0 && epoch - best >= self.config.patience {
                break;
            }
        }
        let Progress { step, position, .. } = &state.progress;
        let mut done = position.done.clone();
        done.push(position.best.map_or(0, |(epoch, _)| epoch));
        let next = Position {
            fold: fold + 1,
            done,
            ..Position::default()
        };
        let state = if next.fold < self.trainings() {
            self.start(next, *step, trainer.seconds())?
        } else {
            // What is left to do is no training.
            state.progress.position = next;
            state
        };
        // So that a run that is stopped here does not train the fold again.
        trainer.save(&state).await?;
        Ok(state)
    }

    /// Stores the model of all molecules, or else of the first fold, as what the
    /// run led to.
    async fn finish(&self, run: &Run, evaluated: Evaluated) -> Result<Finetuned, TrainingError> {
        let found = outcome(
            self.directory,
            self.config,
            &self.data,
            &evaluated,
            self.device,
        )?;
        let (config, model) = (found.config, &found.model);
        run.finish(&config, model, &found.card, Some(&found.domain))
            .await?;
        Ok(Finetuned {
            config,
            evaluation: evaluated.evaluation,
            left_out: Vec::new(),
        })
    }
}

/// What a run led to.
struct Outcome {
    config: ModelConfig,
    model: Model,
    card: String,
    domain: Vec<u8>,
}

/// The model of all molecules, or else of the first fold, with the endpoints that it is
/// to predict, its card, and domains and intervals after the held-out molecules.
fn outcome(
    directory: &Path,
    config: &FinetuneConfig,
    data: &Dataset,
    evaluated: &Evaluated,
    device: &Device,
) -> Result<Outcome, TrainingError> {
    let source = if config.refit { data.folds.len() } else { 0 };
    let files = ModelFiles::read(&run_dir::fold_model(directory, source))?;
    let (mut model_config, model) = files.load(device.tensors())?;
    let known = files
        .applicability(&model_config)
        .map_err(ModelDirError::from)?;
    let auxiliary = |place: &usize| config.endpoints[*place].auxiliary;
    let predicted: Vec<usize> = (0..model_config.endpoints.len())
        .filter(|place| !auxiliary(place))
        .collect();
    let applicability = known
        .unwrap_or_else(|| ApplicabilityDomain::new(Vec::new(), Vec::new(), Vec::new()))
        .with_endpoints(domains(&data.endpoints, &evaluated.held_out))
        .with_endpoints_of(&predicted);
    let model = model.with_endpoints(&predicted);
    model_config.endpoints = predicted
        .iter()
        .map(|&place| model_config.endpoints[place].clone())
        .collect();
    let card = model_card::finetuned(
        config,
        &model_config,
        (data.examples.iter())
            .filter(|example| example.is_measured())
            .count(),
        &data.folds,
        &evaluated.evaluation,
        &applicability,
    );
    let domain = applicability.to_bytes().map_err(ModelDirError::from)?;
    Ok(Outcome {
        config: model_config,
        model,
        card,
        domain,
    })
}

/// Makes the domains and intervals of a finished fine-tuning run anew, as this version
/// makes them, from the predictions of the molecules that its folds held out: the run's
/// model is written with them. Its weights, and so its predictions, stay.
///
/// # Errors
///
/// Where the directory holds no finished fine-tuning run, its examples or splits are not
/// those that the run began with, the device fails, or the model cannot be written.
pub async fn calibrate_run(directory: &Path, device: &Device) -> Result<(), TrainingError> {
    let (config, info) = read_finished(directory)?;
    let _lock = RunLock::take(directory)?;
    let data = stored(directory, &config, &info)?;
    let models = models(directory, data.folds.len());
    let options = PredictOptions::default();
    let baseline = config.baseline;
    let evaluated = evaluation::evaluate(&data, &models, device, options, baseline).await?;
    let found = outcome(directory, &config, &data, &evaluated, device)?;
    let (config, model) = (&found.config, &found.model);
    let place = directory.join(run_dir::MODEL);
    let domain = Some(&found.domain[..]);
    model_dir::write(&place, config, model, Precision::Fp32, &found.card, domain)
        .await
        .map_err(TrainingError::from)
}

/// The configuration of a finished fine-tuning run, and what it says of itself.
fn read_finished(directory: &Path) -> Result<(FinetuneConfig, RunInfo), TrainingError> {
    let config = match RunConfig::from_toml(&run_dir::read_config(directory)?)? {
        RunConfig::Finetune(config) => config,
        RunConfig::Pretrain(_) => return Err(TrainingError::NoEndpoints(directory.to_owned())),
    };
    config.check()?;
    if !directory.join(run_dir::MODEL).is_dir() {
        return Err(TrainingError::Unfinished(directory.to_owned()));
    }
    let info = run_dir::read_json(&directory.join(run_dir::RUN))?;
    Ok((config, info))
}

/// A sentence for each endpoint of which too few molecules were held out for a domain
/// and intervals.
fn few_held_out(endpoints: &[Endpoint], held_out: &[Vec<HeldOut>]) -> Vec<String> {
    let few = endpoints.iter().zip(held_out);
    let few = few.filter(|(_, held_out)| held_out.len() < Calibration::FEWEST);
    few.map(|(endpoint, held_out)| {
        format!(
            "{}: {} molecules with a label were held out, and {} are needed for prediction \
             intervals and the applicability domain: the model will have none for it (more \
             molecules or more --folds hold out more)",
            endpoint.name,
            held_out.len(),
            Calibration::FEWEST
        )
    })
    .collect()
}

/// The domain of every endpoint, from the molecules that the folds held out.
fn domains(endpoints: &[Endpoint], held_out: &[Vec<HeldOut>]) -> Vec<Option<Calibration>> {
    let fit = |(endpoint, held_out): (&Endpoint, &Vec<HeldOut>)| {
        let is_quantity = endpoint.task == EndpointTask::Regression;
        Calibration::fit(&endpoint.name, held_out, is_quantity)
    };
    endpoints.iter().zip(held_out).map(fit).collect()
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
