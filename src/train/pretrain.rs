//! Pre-training on a corpus, and general distillation.

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Tensor;

use super::TrainingError;
use super::batches::{PretrainingBatch, mask};
use super::config::PretrainConfig;
use super::corpus::{
    Chunk, Corpus, Position, Preparation, Sample, chunks, fit_physchem, fit_structure,
    fixed_batches,
};
use super::model_card;
use super::objectives::{
    DistillationError, Loss, Pretraining, Teacher, layer_map, shape_of, total,
};
use super::optimizer::{Optimizer, numbered};
use super::progress::{Event, Meter, Step, head, number};
use super::run_dir::{self, Progress, Restored, Run, RunInfo};
use super::seeds::{Purpose, generator, mixed};
use crate::device::Device;
use crate::model::{Initial, Model, Physchem, StructureTargets};
use crate::model_dir::{self, MODEL_TYPE, ModelConfig, ModelFiles, Precision};
use crate::predict::Stop;

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// Configuration of the model, which lies in the run directory.
    pub config: ModelConfig,
    /// Losses on the validation molecules at the end, by name; empty without
    /// such molecules.
    pub validation: Vec<(String, f64)>,
}

/// Begins a run in `directory`: pre-training, or distillation where
/// `config.distillation` names a teacher.
///
/// `on_event` sees everything that the run has to tell and ends it with
/// [`ControlFlow::Break`]; the run saves a checkpoint then, and [`resume`]
/// goes on from there. Paths of the configuration are taken as they are.
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
    config.optimizer.check_device(device)?;
    let corpus = Corpus::open(&config.train)?;
    let valid = config.valid.iter().cloned().collect::<Vec<_>>();
    let valid = Corpus::open(&valid)?;
    let mut data = corpus.files.clone();
    data.extend(valid.files.iter().cloned());
    let command = match config.distillation {
        Some(_) => "distill",
        None => "pretrain",
    };
    // Before the directory is made: what is wrong with a teacher or a start
    // is known now.
    let teacher = load_teacher(config, device)?;
    let start = start(config, &corpus, teacher.as_ref(), device)?;
    let run = Run::create(
        directory,
        &toml::to_string_pretty(config)?,
        &RunInfo::new(command, device, data),
    )?;
    let structure = start.config.structure.clone();
    Trainer::new(config, corpus, valid, teacher, structure, device)?
        .train(run, start, on_event)
        .await
}

/// Goes on with the run in `directory` where it stopped, however it did.
///
/// On a CPU the result is that of a run that was never stopped, to the bit.
///
/// # Errors
///
/// See [`TrainingError`].
pub async fn resume(
    directory: &Path,
    device: &Device,
    mut on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Pretrained, TrainingError> {
    let (run, text, info) = Run::resume(directory)?;
    let config: PretrainConfig = toml::from_str(&text)?;
    config.check()?;
    config.optimizer.check_device(device)?;
    if let Some(config) = run.finished()? {
        let note = "the run is finished: there is nothing to go on with".to_owned();
        // Nothing comes after it that could be stopped.
        let _ = on_event(Event::Note(note));
        return Ok(Pretrained {
            config,
            validation: Vec::new(),
        });
    }
    let corpus = Corpus::open(&config.train)?;
    let valid = config.valid.iter().cloned().collect::<Vec<_>>();
    let valid = Corpus::open(&valid)?;
    let (of_train, of_valid) = info.data.split_at(corpus.files.len().min(info.data.len()));
    corpus.check(of_train)?;
    valid.check(of_valid)?;
    let teacher = load_teacher(&config, device)?;
    let autodiff = device.tensors().clone().autodiff();
    let state = match run.restore(&config.optimizer, &autodiff)? {
        Some(restored) => restored,
        None => start(&config, &corpus, teacher.as_ref(), device)?,
    };
    run.goes_on(device)?;
    let structure = state.config.structure.clone();
    Trainer::new(&config, corpus, valid, teacher, structure, device)?
        .train(run, state, on_event)
        .await
}

/// A teacher on its device.
struct LoadedTeacher {
    config: ModelConfig,
    model: Model,
    layer_map: Vec<[usize; 2]>,
}

fn load_teacher(
    config: &PretrainConfig,
    device: &Device,
) -> Result<Option<LoadedTeacher>, TrainingError> {
    let Some(distillation) = &config.distillation else {
        return Ok(None);
    };
    let (teacher, model) = ModelFiles::read(&distillation.teacher)?.load(device.tensors())?;
    if distillation.soft > 0.0 && !teacher.masked_lm {
        return Err(DistillationError::NoHead {
            head: "masked language modelling",
            remedy: "set distillation.soft to 0, or pre-train the teacher with it",
        }
        .into());
    }
    let layer_map = layer_map(distillation, &teacher.encoder, &config.encoder())?;
    Ok(Some(LoadedTeacher {
        config: teacher,
        model: config.optimizer.computing(model),
        layer_map,
    }))
}

/// The state of a run before its first step.
fn start(
    config: &PretrainConfig,
    corpus: &Corpus,
    teacher: Option<&LoadedTeacher>,
    device: &Device,
) -> Result<Restored<Position>, TrainingError> {
    let encoder = config.encoder();
    let files = config
        .start
        .as_ref()
        .map(|directory| ModelFiles::read(directory))
        .transpose()?;
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
    let soft = config.distillation.as_ref().map_or(0.0, |d| d.soft);
    let model_config = ModelConfig {
        model_type: MODEL_TYPE.to_owned(),
        name: config.name.clone(),
        preset: config.preset.name().to_owned(),
        license: config.license.clone(),
        encoder,
        endpoints: Vec::new(),
        masked_lm: config.masked_lm > 0.0 || soft > 0.0,
        physchem,
        embedding: false,
        structure,
    };
    let autodiff = device.tensors().clone().autodiff();
    autodiff.seed(mixed(config.seed, Purpose::Weights, &[]));
    let mut initial = Initial {
        deviation: config.initial.initializer_range,
        table_deviation: config.initial.embedding_range,
        device: &autodiff,
    };
    let (encoder, heads) = (&model_config.encoder, model_config.heads());
    let model = match &files {
        Some(files) => files.start(encoder, heads, &[], &mut initial)?,
        None => Model::new(&mut initial, encoder, heads)?,
    };
    Ok(Restored {
        progress: Progress {
            step: 0,
            seconds: 0.0,
            position: Position::default(),
        },
        config: model_config,
        model: numbered(model),
        optimizer: Optimizer::new(&config.optimizer),
    })
}

struct Trainer<'a> {
    config: &'a PretrainConfig,
    corpus: Corpus,
    valid: Corpus,
    teacher: Option<LoadedTeacher>,
    structure: Option<StructureTargets>,
    device: &'a Device,
    autodiff: burn::tensor::Device,
}

impl<'a> Trainer<'a> {
    fn new(
        config: &'a PretrainConfig,
        corpus: Corpus,
        valid: Corpus,
        teacher: Option<LoadedTeacher>,
        structure: Option<StructureTargets>,
        device: &'a Device,
    ) -> Result<Self, TrainingError> {
        Ok(Self {
            config,
            corpus,
            valid,
            teacher,
            structure,
            device,
            autodiff: device.tensors().clone().autodiff(),
        })
    }

    fn objective(&self) -> Pretraining<'_> {
        Pretraining {
            masked_lm: self.config.masked_lm,
            physchem: self.config.physchem,
            structure: self.config.structure,
            teacher: self
                .teacher
                .as_ref()
                .zip(self.config.distillation.as_ref())
                .map(|(teacher, config)| Teacher {
                    model: &teacher.model,
                    config,
                    layer_map: &teacher.layer_map,
                }),
        }
    }

    async fn train(
        &self,
        mut run: Run,
        state: Restored<Position>,
        mut on_event: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Pretrained, TrainingError> {
        let Restored {
            mut progress,
            config: mut model_config,
            mut model,
            mut optimizer,
        } = state;
        let begun = progress.step;
        // A validation at the end of an epoch comes after the checkpoint, one
        // at a step before it.
        let kept = self.config.validate_every > 0;
        run.rewind(begun, |line| {
            let step = line.get("step").and_then(|step| step.as_u64());
            let valid = line.get("split").is_some_and(|split| split == "valid");
            step < Some(begun) || (step == Some(begun) && (kept || !valid))
        })?;
        let preparation = Preparation {
            limit: model_config.encoder.max_length,
            permute: self.config.permute,
            physchem: model_config.physchem.clone(),
            environments: model_config.structure.is_some(),
            seed: self.config.seed,
        };
        let held_out = fixed_batches(
            &self.valid,
            &preparation,
            &self.config.batch,
            self.config.validation_molecules,
        )?;
        let objective = self.objective();
        let mut meter = Meter::new(progress.seconds);
        let mut left_out_reported = false;
        let wanted = self.config.epochs * self.corpus.rows().max(1) as f64;
        let receiver = chunks(
            &self.corpus,
            &preparation,
            &self.config.batch,
            progress.position,
        );
        let (mut rate, mut epoch) = (0.0, 1);
        let mut unusable = 0;

        'run: for chunk in receiver {
            let chunk: Chunk = chunk?;
            if chunk.left_out > 0 && !left_out_reported {
                left_out_reported = true;
                let note = format!(
                    "{} of the first {} rows are left out: they are broken, too long or hold \
                     elements outside the vocabulary",
                    chunk.left_out, chunk.rows
                );
                if on_event(Event::Note(note)).is_break() {
                    break 'run;
                }
            }
            // Without a batch in a whole epoch the run would never end.
            unusable = if chunk.batches.is_empty() {
                unusable + chunk.rows
            } else {
                0
            };
            if unusable >= self.corpus.rows() {
                return Err(TrainingError::NothingUsable { rows: unusable });
            }
            let at = |batch: usize| {
                let part = batch as f64 / chunk.batches.len() as f64;
                let rows = self.corpus.rows() * chunk.epoch + chunk.rows_before;
                (rows as f64 + chunk.rows as f64 * part) / wanted
            };
            let first = progress.position.batch as usize;
            for (index, samples) in chunk.batches.iter().enumerate().skip(first) {
                let done = at(index);
                if done >= 1.0 {
                    break 'run;
                }
                rate = self.config.optimizer.rate(done);
                let place = [chunk.epoch, chunk.index, index as u64];
                let batch =
                    self.batch(samples, generator(self.config.seed, Purpose::Masks, &place));
                let dropout = mixed(self.config.seed, Purpose::Dropout, &place);
                self.autodiff.seed(dropout);
                let values;
                (model, values) = step(
                    &objective,
                    model,
                    &mut optimizer,
                    &batch,
                    rate,
                    &self.autodiff,
                )
                .await?;
                let total = values.first().map_or(f32::NAN, |(_, value)| *value);
                progress.position = Position {
                    epoch: chunk.epoch,
                    chunk: chunk.index,
                    batch: index as u64 + 1,
                };
                if !total.is_finite() {
                    return Err(TrainingError::Diverged {
                        step: progress.step + 1,
                        batch: format!(
                            "epoch {}, chunk {}, batch {index}, {:?} molecules by tokens",
                            chunk.epoch + 1,
                            chunk.index,
                            shape_of(&batch.masked.sequences)
                        ),
                        loss: total,
                    });
                }
                meter.add(samples.len(), &values);
                // A step is complete when the optimizer made one.
                if values.iter().all(|(name, _)| *name != "gradient_norm") {
                    continue;
                }
                progress.step += 1;
                progress.seconds = meter.seconds();
                epoch = chunk.epoch + 1;
                let step = Step {
                    step: progress.step,
                    epoch,
                    fold: None,
                    progress: at(index + 1).min(1.0),
                    loss: total,
                    molecules_per_second: meter.molecules_per_second(),
                    seconds: progress.seconds,
                };
                let stop = on_event(Event::Step(step)).is_break();
                let save = stop
                    || progress
                        .step
                        .is_multiple_of(self.config.checkpoint_every as u64);
                if (meter.is_due() || save)
                    && let Some(line) = meter.line(progress.step, epoch, None, rate)
                {
                    run.record(&line)?;
                }
                let every = self.config.validate_every as u64;
                if every > 0 && progress.step.is_multiple_of(every) {
                    let losses = self.validate(&model, &held_out).await?;
                    record_validation(&mut run, progress.step, epoch, &losses, &mut on_event)?;
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
            progress.position = Position {
                epoch: chunk.epoch,
                chunk: chunk.index + 1,
                batch: 0,
            };
            if chunk.rows_before + chunk.rows >= self.corpus.rows() {
                progress.position = Position {
                    epoch: chunk.epoch + 1,
                    chunk: 0,
                    batch: 0,
                };
                if self.config.validate_every == 0 && at(chunk.batches.len()) < 1.0 {
                    let losses = self.validate(&model, &held_out).await?;
                    let epoch = chunk.epoch + 1;
                    record_validation(&mut run, progress.step, epoch, &losses, &mut on_event)?;
                }
            }
        }

        if let Some(line) = meter.line(progress.step, epoch, None, rate) {
            run.record(&line)?;
        }
        let validation = self.validate(&model, &held_out).await?;
        record_validation(&mut run, progress.step, epoch, &validation, &mut on_event)?;
        let card = model_card::pretrained(
            self.config,
            &model_config,
            &self.corpus,
            &progress,
            &validation,
        );
        let model = model.valid().with_embedding().await.map_err(Stop::Device)?;
        model_config.embedding = model_config.structure.is_some();
        model_dir::write(
            &run.directory().join(run_dir::MODEL),
            &model_config,
            &model,
            Precision::Fp32,
            &card,
            None,
        )
        .await?;
        run.clear_checkpoints()?;
        Ok(Pretrained {
            config: model_config,
            validation,
        })
    }

    /// A batch of `samples`, masked.
    fn batch(&self, samples: &[Sample], mut masks: impl rand::Rng) -> PretrainingBatch {
        let sequences: Vec<Vec<u32>> = samples.iter().map(|s| s.tokens.clone()).collect();
        let descriptors = samples.iter().flat_map(|s| s.descriptors.iter().copied());
        let mut structures = Vec::new();
        if let Some(targets) = &self.structure {
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

    /// Mean losses on the validation molecules, by name; the first is the
    /// weighted sum. Nothing without such molecules.
    async fn validate(
        &self,
        model: &Model,
        batches: &[Vec<Sample>],
    ) -> Result<Vec<(String, f64)>, TrainingError> {
        let model = model.valid();
        let objective = self.objective();
        let mut sums: Vec<(String, f64)> = Vec::new();
        let mut molecules = 0;
        for (index, samples) in batches.iter().enumerate() {
            let rng = generator(self.config.seed, Purpose::Validation, &[index as u64]);
            let batch = self.batch(samples, rng);
            let losses = objective.losses(&model, &batch, self.device.tensors());
            let Some(loss) = total(&losses) else { continue };
            let values = read(&losses, loss, None).await?;
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

fn record_validation(
    run: &mut Run,
    step: u64,
    epoch: u64,
    losses: &[(String, f64)],
    on_event: &mut impl FnMut(Event) -> ControlFlow<()>,
) -> Result<(), TrainingError> {
    let Some((_, loss)) = losses.first() else {
        return Ok(());
    };
    let mut line = head(step, epoch, None, "valid");
    for (name, value) in losses {
        line.insert(name.clone(), number(*value));
    }
    run.record(&line)?;
    // The next step asks again, so a wish to stop is not lost.
    let _ = on_event(Event::Validation {
        step,
        fold: None,
        loss: *loss,
    });
    Ok(())
}

/// One batch forth and back: its losses, their gradients, the optimizer's step,
/// and the readback of everything that [`read`] names.
pub(crate) async fn step(
    objective: &Pretraining<'_>,
    model: Model,
    optimizer: &mut Optimizer,
    batch: &PretrainingBatch,
    rate: f64,
    autodiff: &burn::tensor::Device,
) -> Result<(Model, Vec<(&'static str, f32)>), TrainingError> {
    let losses = objective.losses(&optimizer.computing(&model), batch, autodiff);
    let Some(loss) = total(&losses) else {
        return Err(TrainingError::NothingToLearn);
    };
    let (model, norm) = optimizer.step(model, &loss, rate);
    let values = read(&losses, loss, norm).await?;
    Ok((model, values))
}

/// Reads all losses of a step in one go: the weighted sum as `loss`, then each
/// by its name, then the norm of the gradients.
pub(super) async fn read(
    losses: &[Loss],
    sum: Tensor<1>,
    norm: Option<Tensor<1>>,
) -> Result<Vec<(&'static str, f32)>, TrainingError> {
    let mut names = vec!["loss"];
    let mut tensors = vec![sum.inner()];
    for loss in losses {
        names.push(loss.name);
        tensors.push(loss.value.clone().inner());
    }
    if let Some(norm) = norm {
        names.push("gradient_norm");
        tensors.push(norm.inner());
    }
    let data = Tensor::cat(tensors, 0)
        .into_data_async()
        .await
        .map_err(|error| Stop::Device(error.to_string()))?;
    Ok(names.into_iter().zip(data.iter::<f32>()).collect())
}
