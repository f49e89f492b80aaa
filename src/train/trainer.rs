//! The one loop of training, whatever the objective: rate, losses, step,
//! metrics, checkpoints, validation.

use std::ops::ControlFlow;

use burn::tensor::{Device as Tensors, Tensor};
use serde::Serialize;

use super::TrainingError;
use super::config::RunSettings;
use super::objectives::{Loss, shape_of, total};
use super::optimizer::Optimizer;
use super::progress::{Event, Step, ThroughputMeter, json_number, metrics_line};
use super::run_dir::{Checkpoint, Run};
use crate::device::{Device, read_back, with_seed};
use crate::model::Model;
use crate::predict::Stop;

/// What is trained for: how a batch becomes losses, and how good a model is.
pub(super) trait Objective {
    /// What one step is computed from.
    type Batch;

    /// The sequences of a batch, one a molecule.
    fn sequences<'b>(&self, batch: &'b Self::Batch) -> &'b [Vec<u32>];

    /// The losses of a batch, on the device of `model`.
    fn losses(&self, model: &Model, batch: &Self::Batch, device: &Tensors) -> Vec<Loss>;

    /// Mean losses of `model` on molecules that are not trained on, by name; the
    /// first is the one to minimise. None without such molecules.
    async fn validate(&self, model: &Model) -> Result<Vec<(String, f64)>, TrainingError>;
}

/// Where in a run something is, as its metrics say it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The fold, in fine-tuning.
    pub(super) fold: Option<usize>,
    /// Epoch, from 1.
    pub(super) epoch: u64,
}

/// A batch and its place in the run.
pub(super) struct Placed<B, P> {
    pub(super) batch: B,
    pub(super) place: Place,
    /// The batch in words.
    pub(super) name: String,
    /// Fraction of the learning rate's schedule that is done before it.
    pub(super) schedule: f64,
    /// Fraction of the run that is done after it.
    pub(super) done: f64,
    /// Seed of its dropout.
    pub(super) dropout: u64,
    /// Where the run stands after it.
    pub(super) position: P,
}

/// A run while it is trained.
pub(super) struct Trainer<'a, F> {
    settings: &'a RunSettings,
    /// Steps between two validations; 0 for none but those that are asked for.
    validate_every: u64,
    autodiff: Tensors,
    run: Run,
    meter: ThroughputMeter,
    /// Of the last batch.
    place: Place,
    /// Of the last batch.
    rate: f64,
    on_event: F,
}

impl<'a, F: FnMut(Event) -> ControlFlow<()>> Trainer<'a, F> {
    /// Goes on with `run` from `state`, at whose step `validations` were made before
    /// it was saved: what its metrics hold beyond that is dropped, for it is done
    /// again.
    pub(super) fn new<P>(
        settings: &'a RunSettings,
        validate_every: usize,
        device: &Device,
        mut run: Run,
        (state, place, validations): (&Checkpoint<P>, Place, usize),
        on_event: F,
    ) -> Result<Self, TrainingError> {
        let begun = state.progress.step;
        let mut left = validations;
        run.rewind(begun, |line| {
            let step = line.get("step").and_then(|step| step.as_u64());
            let valid = line.get("split").is_some_and(|split| split == "valid");
            if step == Some(begun) && valid {
                let keep = left > 0;
                left = left.saturating_sub(1);
                return keep;
            }
            step <= Some(begun)
        })?;
        Ok(Self {
            settings,
            validate_every: validate_every as u64,
            autodiff: device.tensors().clone().autodiff(),
            run,
            meter: ThroughputMeter::new(state.progress.seconds),
            place,
            rate: 0.0,
            on_event,
        })
    }

    /// Trains on `batches` from `state` on; the state after them.
    pub(super) async fn run<P: Serialize, O: Objective>(
        &mut self,
        mut state: Checkpoint<P>,
        objective: &O,
        batches: impl Iterator<Item = Placed<O::Batch, P>>,
    ) -> Result<Checkpoint<P>, TrainingError> {
        for placed in batches {
            let batch = &placed.batch;
            self.place = placed.place;
            self.rate = self.settings.optimizer.rate(placed.schedule);
            let losses = |model: &Model| {
                with_seed(&self.autodiff, placed.dropout, || {
                    objective.losses(model, batch, &self.autodiff)
                })
            };
            let values;
            (state.model, values) =
                step(state.model, &mut state.optimizer, self.rate, losses).await?;
            let loss = values.first().map_or(f32::NAN, |(_, value)| *value);
            if !loss.is_finite() {
                return Err(TrainingError::Diverged {
                    step: state.progress.step + 1,
                    batch: format!(
                        "{}, {:?} molecules by tokens",
                        placed.name,
                        shape_of(objective.sequences(batch))
                    ),
                    loss,
                });
            }
            state.progress.position = placed.position;
            self.meter.add(objective.sequences(batch).len(), &values);
            // A step is complete when the optimizer made one.
            if values.iter().all(|(name, _)| *name != "gradient_norm") {
                continue;
            }
            state.progress.step += 1;
            state.progress.seconds = self.meter.seconds();
            let number = state.progress.step;
            let stop = (self.on_event)(Event::Step(Step {
                step: number,
                epoch: placed.place.epoch,
                fold: placed.place.fold,
                progress: placed.done,
                loss,
                molecules_per_second: self.meter.molecules_per_second(),
                seconds: state.progress.seconds,
            }))
            .is_break();
            let every = self.settings.checkpoint_every as u64;
            let save = stop || number.is_multiple_of(every);
            if self.meter.is_due() || save {
                self.record_losses(number)?;
            }
            if self.validate_every > 0 && number.is_multiple_of(self.validate_every) {
                self.validate(&state, objective).await?;
            }
            if save {
                self.save(&state).await?;
                if stop {
                    return Err(Stop::Cancelled.into());
                }
            }
        }
        Ok(state)
    }

    /// Records the losses since this was done last, if there are any.
    pub(super) fn record_losses(&mut self, step: u64) -> Result<(), TrainingError> {
        let Place { fold, epoch } = self.place;
        if let Some(line) = self.meter.line(step, epoch, fold, self.rate) {
            self.run.record(&line)?;
        }
        Ok(())
    }

    /// Validates the model and records how good it is.
    pub(super) async fn validate<P>(
        &mut self,
        state: &Checkpoint<P>,
        objective: &impl Objective,
    ) -> Result<Vec<(String, f64)>, TrainingError> {
        let losses = objective.validate(&state.model).await?;
        if let Some(&(_, loss)) = losses.first() {
            let Place { fold, epoch } = self.place;
            let step = state.progress.step;
            let mut line = metrics_line(step, epoch, fold, "valid");
            for (name, value) in &losses {
                line.insert(name.clone(), json_number(*value));
            }
            self.run.record(&line)?;
            // The next step asks again, so a wish to stop is not lost.
            let _ = (self.on_event)(Event::Validation { step, fold, loss });
        }
        Ok(losses)
    }

    /// Saves a checkpoint.
    ///
    /// # Errors
    ///
    /// Where it cannot be written, or the caller stops the run.
    pub(super) async fn save<P: Serialize>(
        &mut self,
        state: &Checkpoint<P>,
    ) -> Result<(), TrainingError> {
        let path = self.run.save(state).await?;
        match (self.on_event)(Event::Checkpoint(path)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Cancelled.into()),
        }
    }

    /// Tells something that is no error.
    pub(super) fn note(&mut self, text: String) {
        // The next step asks again, so a wish to stop is not lost.
        let _ = (self.on_event)(Event::Note(text));
    }

    /// Seconds of training so far, over all sessions.
    pub(super) fn seconds(&self) -> f64 {
        self.meter.seconds()
    }

    /// The directory that is trained in, when training is over.
    pub(super) fn into_run(self) -> Run {
        self.run
    }
}

/// One batch forth and back: its losses on the model that computes, their
/// gradients, the optimizer's step, and the readback of everything that
/// [`read_losses`] names.
pub(super) async fn step(
    model: Model,
    optimizer: &mut Optimizer,
    rate: f64,
    losses: impl FnOnce(&Model) -> Vec<Loss>,
) -> Result<(Model, Vec<(&'static str, f32)>), TrainingError> {
    let losses = losses(&optimizer.compute_model(&model));
    let Some(loss) = total(&losses) else {
        return Err(TrainingError::NothingToLearn);
    };
    let (model, norm) = optimizer.step(model, &loss, rate);
    let values = read_losses(&losses, loss, norm).await?;
    Ok((model, values))
}

/// Reads all losses of a step in one go: the weighted sum as `loss`, then each
/// by its name, then the norm of the gradients.
pub(super) async fn read_losses(
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
    let values = read_back(Tensor::cat(tensors, 0))
        .await
        .map_err(Stop::Device)?;
    Ok(names.into_iter().zip(values).collect())
}
