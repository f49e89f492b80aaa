//! Pre-training on a corpus, and general distillation.

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::Module;

use super::TrainingError;
use super::batches::{PretrainingBatch, mask};
use super::config::{PretrainConfig, RunConfig};
use super::corpus::{
    Chunk, Corpus, Position, Preparation, Sample, chunks, fit_physchem, fit_structure,
    fixed_batches,
};
use super::model_card;
use super::objectives::{DistillationError, Loss, Pretraining, Teacher, layer_map, total};
use super::optimizer::{Optimizer, assign_param_ids};
use super::progress::Event;
use super::run_dir::{Checkpoint, Progress, Run, RunInfo};
use super::seeds::{SeedStream, derive_seed, generator};
use super::start::UsedModels;
use super::trainer::{Objective, Place, Placed, Trainer, read_losses};
use crate::device::{Device, with_seed};
use crate::model::{Initial, Model, Physchem};
use crate::model_dir::{MODEL_TYPE, ModelConfig, ModelFiles};
use crate::predict::{StandardForm, Stop};

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// Configuration of the model, which lies in the run directory.
    pub config: ModelConfig,
    /// Losses on the validation molecules at the end, by name; empty without
    /// such molecules, and of a run that was finished already.
    pub validation: Vec<(String, f64)>,
}

/// Begins a run in `directory`: pre-training, or distillation where the
/// configuration has a teacher.
///
/// `on_event` sees everything that the run has to tell and ends it with
/// [`ControlFlow::Break`]; the run saves a checkpoint then, and
/// [`resume`](super::resume) continues from there. Relative paths of the
/// configuration begin in the working directory; the run records them absolute.
///
/// # Errors
///
/// See [`TrainingError`].
pub async fn pretrain(
    config: &PretrainConfig,
    directory: &Path,
    device: &Device,
    on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Pretrained, TrainingError> {
    config.check()?;
    config.common.optimizer.check_device(device)?;
    let absolute = config.with_absolute_paths();
    let config = &absolute.map_err(TrainingError::WorkingDirectory)?;
    let [corpus, valid] = corpora(config)?;
    let mut data = corpus.files.clone();
    data.extend(valid.files.iter().cloned());
    // Before the directory is made: what is wrong with a teacher or a start
    // is known now.
    let models = UsedModels::default();
    let teacher = load_teacher(config, &models, device)?;
    let first = start(config, &corpus, teacher.as_ref(), &models, device)?;
    let resolved = RunConfig::from(config.clone());
    let run = Run::create(
        directory,
        &resolved.to_toml()?,
        &RunInfo::new(resolved.command(), device, data).with_models(models.list()),
        &[],
    )?;
    let corpus_run = CorpusRun {
        config,
        corpus,
        valid,
        teacher,
        device,
    };
    corpus_run.train(run, first, on_event).await
}

/// Goes on with a run that is not finished.
pub(super) async fn resume(
    config: &PretrainConfig,
    run: Run,
    info: &RunInfo,
    device: &Device,
    mut on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Pretrained, TrainingError> {
    let [corpus, valid] = corpora(config)?;
    let (of_train, of_valid) = info.data.split_at(corpus.files.len().min(info.data.len()));
    corpus.check(of_train)?;
    valid.check(of_valid)?;
    let models = UsedModels::recorded(&info.models);
    let teacher = load_teacher(config, &models, device)?;
    let autodiff = device.tensors().clone().autodiff();
    // The first step asks again, so a wish to stop is not lost.
    let on_note = |note| {
        let _ = on_event(Event::Note(note));
    };
    let state = match run.restore(&config.common.optimizer, &autodiff, on_note)? {
        Some(checkpoint) => checkpoint,
        None => start(config, &corpus, teacher.as_ref(), &models, device)?,
    };
    run.record_resume(device)?;
    let corpus_run = CorpusRun {
        config,
        corpus,
        valid,
        teacher,
        device,
    };
    corpus_run.train(run, state, on_event).await
}

/// The molecules to train on, and those to validate on.
fn corpora(config: &PretrainConfig) -> Result<[Corpus; 2], TrainingError> {
    Ok([
        Corpus::open(&config.train)?,
        Corpus::open(config.valid.as_slice())?,
    ])
}

/// A teacher on its device.
struct LoadedTeacher {
    config: ModelConfig,
    model: Model,
    layer_map: Vec<[usize; 2]>,
}

fn load_teacher(
    config: &PretrainConfig,
    models: &UsedModels,
    device: &Device,
) -> Result<Option<LoadedTeacher>, TrainingError> {
    let Some(distillation) = &config.common.distillation else {
        return Ok(None);
    };
    let files = ModelFiles::read(&distillation.teacher)?;
    models.read(&distillation.teacher, &files)?;
    let (teacher, model) = files.load(device.tensors())?;
    if distillation.soft > 0.0 && !teacher.masked_lm {
        return Err(DistillationError::NoHead {
            head: "masked language modelling",
            remedy: "set distillation.soft to 0, or pre-train the teacher with it",
        }
        .into());
    }
    let layer_map = layer_map(distillation, &teacher.encoder, &config.common.encoder())?;
    Ok(Some(LoadedTeacher {
        config: teacher,
        model: config.common.optimizer.compute_model(model),
        layer_map,
    }))
}

/// The state of a run before its first step.
fn start(
    config: &PretrainConfig,
    corpus: &Corpus,
    teacher: Option<&LoadedTeacher>,
    models: &UsedModels,
    device: &Device,
) -> Result<Checkpoint<Position>, TrainingError> {
    let common = &config.common;
    let encoder = common.encoder();
    let files = common
        .start
        .as_ref()
        .map(|directory| ModelFiles::read(directory))
        .transpose()?;
    if let Some((path, files)) = common.start.as_deref().zip(files.as_ref()) {
        models.read(path, files)?;
    }
    let started = files.as_ref().map(ModelFiles::config).transpose()?;
    // A teacher's or an earlier model's normalisation, so that its head keeps
    // its meaning.
    let inherited = [started.as_ref(), teacher.map(|teacher| &teacher.config)]
        .into_iter()
        .flatten()
        .find_map(|config| config.physchem.clone());
    let wanted = config.physchem + config.structure > 0.0;
    let physchem: Option<Physchem> = match (wanted, inherited) {
        (false, _) => None,
        (true, Some(physchem)) => Some(physchem),
        (true, None) => Some(fit_physchem(
            corpus,
            config.descriptors,
            config.fit_molecules,
            encoder.max_length,
        )?),
    };
    let inherited = [started.as_ref(), teacher.map(|teacher| &teacher.config)]
        .into_iter()
        .flatten()
        .find_map(|config| config.structure.clone());
    let structure = match (&physchem, inherited) {
        _ if config.structure == 0.0 => None,
        (_, Some(structure)) => Some(structure),
        (physchem, None) => Some(fit_structure(
            corpus,
            physchem.as_ref(),
            config.fit_molecules,
            encoder.max_length,
        )?),
    };
    let soft = common.distillation.as_ref().map_or(0.0, |d| d.soft);
    let model_config = ModelConfig {
        model_type: MODEL_TYPE.to_owned(),
        name: common.name.clone(),
        preset: common.preset.name().to_owned(),
        standard_form: StandardForm::Parent,
        license: common.license.clone(),
        encoder,
        endpoints: Vec::new(),
        reference: None,
        masked_lm: config.masked_lm > 0.0 || soft > 0.0,
        wide: None,
        physchem,
        embedding: false,
        structure,
    };
    let autodiff = device.tensors().clone().autodiff();
    let seed = derive_seed(common.seed, SeedStream::Weights, &[]);
    let mut initial = Initial {
        deviation: common.initial.initializer_range,
        table_deviation: common.initial.embedding_range,
        device: &autodiff,
    };
    let (encoder, heads) = (&model_config.encoder, model_config.heads());
    let draw = || -> Result<Model, TrainingError> {
        Ok(assign_param_ids(match &files {
            Some(files) => files.start(encoder, heads, &[], &mut initial)?,
            None => Model::new(&mut initial, encoder, heads)?,
        }))
    };
    let model = with_seed(&autodiff, seed, draw)?;
    Ok(Checkpoint {
        progress: Progress {
            step: 0,
            seconds: 0.0,
            position: Position::default(),
        },
        config: model_config,
        model,
        optimizer: Optimizer::new(&common.optimizer),
    })
}

/// What a run is trained with.
struct CorpusRun<'a> {
    config: &'a PretrainConfig,
    corpus: Corpus,
    valid: Corpus,
    teacher: Option<LoadedTeacher>,
    device: &'a Device,
}

/// Masked tokens, descriptors, structure vectors and a teacher.
struct CorpusObjective<'a> {
    config: &'a PretrainConfig,
    losses: Pretraining<'a>,
    model: &'a ModelConfig,
    held_out: &'a [Vec<Sample>],
    device: &'a Device,
}

impl CorpusObjective<'_> {
    /// A batch of `samples`, masked.
    fn batch(&self, samples: &[Sample], mut masks: impl rand::Rng) -> PretrainingBatch {
        let sequences: Vec<Vec<u32>> = samples.iter().map(|s| s.tokens.clone()).collect();
        let descriptors = samples.iter().flat_map(|s| s.descriptors.iter().copied());
        let mut structures = Vec::new();
        if let Some(targets) = &self.model.structure {
            for sample in samples {
                targets.append(&sample.environments, &sample.descriptors, &mut structures);
            }
        }
        PretrainingBatch {
            masked: mask(&sequences, self.config.mask_fraction, &mut masks),
            descriptors: descriptors.collect(),
            structures,
        }
    }
}

impl Objective for CorpusObjective<'_> {
    type Batch = PretrainingBatch;

    fn sequences<'b>(&self, batch: &'b PretrainingBatch) -> &'b [Vec<u32>] {
        &batch.masked.sequences
    }

    fn losses(
        &self,
        model: &Model,
        batch: &PretrainingBatch,
        device: &burn::tensor::Device,
    ) -> Vec<Loss> {
        self.losses.losses(model, batch, device)
    }

    async fn validate(&self, model: &Model) -> Result<Vec<(String, f64)>, TrainingError> {
        let model = model.valid();
        let mut sums: Vec<(String, f64)> = Vec::new();
        let mut molecules = 0;
        for (index, samples) in self.held_out.iter().enumerate() {
            let place = [index as u64];
            let rng = generator(self.config.common.seed, SeedStream::Validation, &place);
            let batch = self.batch(samples, rng);
            let losses = self.losses(&model, &batch, self.device.tensors());
            let Some(loss) = total(&losses) else { continue };
            let values = read_losses(&losses, loss, None).await?;
            for (name, value) in values {
                let value = f64::from(value) * samples.len() as f64;
                match sums.iter_mut().find(|(known, _)| known == name) {
                    Some((_, sum)) => *sum += value,
                    None => sums.push((name.to_owned(), value)),
                }
            }
            molecules += samples.len();
        }
        for (_, sum) in &mut sums {
            *sum /= molecules.max(1) as f64;
        }
        Ok(sums)
    }
}

impl CorpusRun<'_> {
    fn losses(&self) -> Pretraining<'_> {
        let distillation = self.config.common.distillation.as_ref();
        Pretraining {
            masked_lm: self.config.masked_lm,
            physchem: self.config.physchem,
            structure: self.config.structure,
            teacher: self
                .teacher
                .as_ref()
                .zip(distillation)
                .map(|(teacher, config)| Teacher {
                    model: &teacher.model,
                    config,
                    layer_map: &teacher.layer_map,
                }),
        }
    }

    async fn train(
        &self,
        run: Run,
        mut state: Checkpoint<Position>,
        on_event: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Pretrained, TrainingError> {
        let (config, common) = (self.config, &self.config.common);
        let model_config = state.config.clone();
        let preparation = Preparation {
            limit: model_config.encoder.max_length,
            permute: config.permute,
            physchem: model_config.physchem.clone(),
            environments: model_config.structure.is_some(),
            seed: common.seed,
        };
        let held_out = fixed_batches(
            &self.valid,
            &preparation,
            &common.batch,
            config.validation_molecules,
        )?;
        let objective = CorpusObjective {
            config,
            losses: self.losses(),
            model: &model_config,
            held_out: &held_out,
            device: self.device,
        };
        let begun = state.progress.position;
        let place = Place {
            fold: None,
            epoch: begun.epoch + 1,
        };
        // A validation every so many steps comes before the checkpoint of its step,
        // one at the end of an epoch or of the run after it.
        let every = config.validate_every as u64;
        let validations = usize::from(every > 0 && state.progress.step.is_multiple_of(every));
        let mut trainer = Trainer::new(
            common,
            config.validate_every,
            self.device,
            run,
            (&state, place, validations),
            on_event,
        )?;
        let all = self.corpus.rows();
        let wanted = common.epochs * all.max(1) as f64;
        let mut left_out_reported = false;
        let mut unusable = 0;
        for chunk in chunks(&self.corpus, &preparation, &common.batch, begun) {
            let chunk: Chunk = chunk?;
            if chunk.left_out > 0 && !left_out_reported {
                left_out_reported = true;
                trainer.note(format!(
                    "{} of the first {} rows are left out: they are broken, too long or hold \
                     elements outside the vocabulary",
                    chunk.left_out, chunk.rows
                ));
            }
            // Without a batch in a whole epoch the run would never end.
            unusable = if chunk.batches.is_empty() {
                unusable + chunk.rows
            } else {
                0
            };
            if unusable >= all {
                return Err(TrainingError::NothingUsable { rows: unusable });
            }
            // The fraction of the run that is done where this part of the chunk is.
            let done = |part: f64| {
                let rows = all * chunk.epoch + chunk.rows_before;
                (rows as f64 + chunk.rows as f64 * part) / wanted
            };
            let before = |batch: usize| done(batch as f64 / chunk.batches.len() as f64);
            let place = Place {
                fold: None,
                epoch: chunk.epoch + 1,
            };
            let first = match (begun.epoch, begun.chunk) == (chunk.epoch, chunk.index) {
                true => begun.batch as usize,
                false => 0,
            };
            let batches = chunk
                .batches
                .iter()
                .enumerate()
                .skip(first)
                .take_while(|(index, _)| before(*index) < 1.0)
                .map(|(index, samples)| {
                    let at = [chunk.epoch, chunk.index, index as u64];
                    let masks = generator(common.seed, SeedStream::Masks, &at);
                    Placed {
                        batch: objective.batch(samples, masks),
                        place,
                        name: format!(
                            "epoch {}, chunk {}, batch {index}",
                            place.epoch, chunk.index
                        ),
                        schedule: before(index),
                        done: before(index + 1).min(1.0),
                        dropout: derive_seed(common.seed, SeedStream::Dropout, &at),
                        position: Position {
                            epoch: chunk.epoch,
                            chunk: chunk.index,
                            batch: index as u64 + 1,
                        },
                    }
                });
            state = trainer.run(state, &objective, batches).await?;
            if done(1.0) >= 1.0 {
                break;
            }
            let ends_epoch = chunk.rows_before + chunk.rows >= all;
            if ends_epoch && config.validate_every == 0 {
                trainer.validate(&state, &objective).await?;
            }
        }
        trainer.record_losses(state.progress.step)?;
        let validation = trainer.validate(&state, &objective).await?;
        let run = trainer.into_run();
        self.finish(&run, state, validation).await
    }

    /// Stores what a trained run led to.
    async fn finish(
        &self,
        run: &Run,
        state: Checkpoint<Position>,
        validation: Vec<(String, f64)>,
    ) -> Result<Pretrained, TrainingError> {
        let Checkpoint {
            progress,
            mut config,
            model,
            ..
        } = state;
        let card =
            model_card::pretrained(self.config, &config, &self.corpus, &progress, &validation);
        let model = model.valid().with_embedding().await.map_err(Stop::Device)?;
        config.embedding = config.structure.is_some();
        run.finish(&config, &model, &card, None).await?;
        Ok(Pretrained { config, validation })
    }
}
