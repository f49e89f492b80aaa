//! What a fold is trained for: the labels of its molecules, and a teacher.

use burn::module::Module;

use super::TrainingError;
use super::batches::bucketed;
use super::config::{BatchConfig, FinetuneConfig};
use super::corpus::permuted;
use super::dataset::Example;
use super::objectives::{Inputs, Loss, Targets, Teacher, WeightedLabel, finetuning_losses, total};
use super::seeds::{SeedStream, derive_seed, generator};
use super::trainer::{Objective, read_losses};
use crate::device::{Device, read_back};
use crate::kernels::single;
use crate::model::{Batch, EndpointTask, Model, Scaling, WideFeatures, WideInputs};
use crate::predict::Stop;

/// A batch: the sequences and the examples that they are of.
pub(super) struct LabelledBatch {
    sequences: Vec<Vec<u32>>,
    examples: Vec<usize>,
}

/// A sequence and the example that it is of.
type Drawn = (Vec<u32>, usize);

/// The labels of one fold, and a teacher.
pub(super) struct FoldObjective<'a> {
    pub(super) config: &'a FinetuneConfig,
    pub(super) examples: &'a [Example],
    pub(super) endpoints: &'a [(EndpointTask, Scaling)],
    pub(super) valid: &'a [usize],
    pub(super) teacher: Option<Teacher<'a>>,
    /// How much a label of each endpoint counts.
    pub(super) weights: Vec<f32>,
    /// How many labels of each endpoint are trained on.
    pub(super) counts: Vec<f64>,
    /// What the head reads of each example beside the tokens, if anything.
    pub(super) wide: Option<(&'a WideInputs, &'a [WideFeatures])>,
    /// The pooled output of an encoder that is not trained, a row an example.
    pub(super) pooled: Option<Pooled>,
    pub(super) device: &'a Device,
}

/// What a frozen encoder says of every example.
pub(super) struct Pooled {
    hidden: usize,
    values: Vec<f32>,
}

impl Pooled {
    /// Asks the encoder of `model`.
    pub(super) async fn new(
        model: &Model,
        examples: &[Example],
        hidden: usize,
        config: &FinetuneConfig,
        device: &Device,
    ) -> Result<Self, TrainingError> {
        let model = model.valid();
        let items: Vec<Drawn> = examples
            .iter()
            .enumerate()
            .map(|(index, example)| (example.tokens.clone(), index))
            .collect();
        let rng = generator(config.common.seed, SeedStream::Validation, &[]);
        let bounds = BatchConfig {
            molecules: 128,
            tokens: 4096.max(config.common.encoder().max_length),
        };
        let mut values = vec![0.0; examples.len() * hidden];
        for batch in bucketed(items, |(ids, _)| ids.len(), &bounds, &mut { rng }) {
            let (sequences, indices): (Vec<Vec<u32>>, Vec<usize>) = batch.into_iter().unzip();
            let input = Batch::new(&sequences, device.tensors());
            let pooled = read_back(single(model.encoder().pool(&input)))
                .await
                .map_err(Stop::Device)?;
            for (row, index) in pooled.chunks_exact(hidden).zip(indices) {
                values[index * hidden..][..hidden].copy_from_slice(row);
            }
        }
        Ok(Self { hidden, values })
    }

    fn row(&self, example: usize) -> &[f32] {
        &self.values[example * self.hidden..][..self.hidden]
    }
}

/// How many labels each endpoint has in `train`.
pub(super) fn counted(examples: &[Example], train: &[usize]) -> Vec<f64> {
    let endpoints = examples.first().map_or(0, |example| example.labels.len());
    let mut counts = vec![0.0f64; endpoints];
    for &index in train {
        for (count, label) in counts.iter_mut().zip(&examples[index].labels) {
            *count += f64::from(u8::from(label.is_some()));
        }
    }
    counts
}

/// How much a label of each endpoint counts where they have `counts` of them: the count
/// to the power of minus `balance`, in the mean over all labels 1.
pub(super) fn balanced(counts: &[f64], balance: f64) -> Vec<f32> {
    let weights: Vec<f64> = counts.iter().map(|n| n.max(1.0).powf(-balance)).collect();
    let all: f64 = counts.iter().sum();
    let weighted: f64 = counts.iter().zip(&weights).map(|(n, w)| n * w).sum();
    let scale = if weighted > 0.0 { all / weighted } else { 1.0 };
    weights
        .iter()
        .map(|weight| (weight * scale) as f32)
        .collect()
}

impl FoldObjective<'_> {
    fn targets(&self, examples: &[usize], device: &burn::tensor::Device) -> Targets {
        let labels: Vec<Vec<WeightedLabel>> =
            (examples.iter().map(|&index| self.labels(index))).collect();
        Targets::weighted(&labels, self.endpoints, device)
    }

    /// The labels of an example, and those that another model predicts.
    fn labels(&self, example: usize) -> Vec<WeightedLabel> {
        let Example {
            labels,
            pseudo_labels,
            ..
        } = &self.examples[example];
        let weighted = labels.iter().zip(&self.weights).enumerate();
        let weighted = weighted.map(|(endpoint, (label, &weight))| {
            let predicted = pseudo_labels.get(endpoint).copied().flatten();
            let Some((predicted, config)) = predicted.zip(self.config.pseudo_labels.as_ref())
            else {
                return label.map(|label| (label, weight));
            };
            match *label {
                // Errors and cross-entropies of both are, but for a constant, those of
                // the mean.
                Some(label) => {
                    let share = config.worth / (config.worth + self.counts[endpoint]).max(1.0);
                    Some((label + (predicted - label) * share as f32, weight))
                }
                None => Some((predicted, config.weight as f32)),
            }
        });
        weighted.collect()
    }

    fn inputs<'b>(&self, batch: &'b LabelledBatch) -> Inputs<'b> {
        let mut inputs = Inputs::from(&batch.sequences);
        for &example in &batch.examples {
            if let Some((wide, features)) = &self.wide {
                wide.append(&features[example], &mut inputs.wide);
            }
            if let Some(pooled) = &self.pooled {
                inputs.pooled.extend_from_slice(pooled.row(example));
            }
        }
        inputs
    }

    /// Items within the bounds of a batch.
    fn batches(&self, items: Vec<Drawn>, mut rng: impl rand::Rng) -> Vec<LabelledBatch> {
        let bounds = &self.config.common.batch;
        let batches = bucketed(items, |(ids, _)| ids.len(), bounds, &mut rng).into_iter();
        batches
            .map(|batch| {
                let (sequences, examples) = batch.into_iter().unzip();
                LabelledBatch {
                    sequences,
                    examples,
                }
            })
            .collect()
    }

    /// The batches of an epoch of training on `train`.
    pub(super) fn epoch(&self, train: &[usize], fold: usize, epoch: usize) -> Vec<LabelledBatch> {
        use rayon::prelude::*;
        let common = &self.config.common;
        let limit = common.encoder().max_length;
        let place = [fold as u64, epoch as u64];
        let drawn: Vec<Drawn> = train
            .par_iter()
            .map(|&index| {
                let example = &self.examples[index];
                let at = [place[0], place[1], index as u64];
                let draw = derive_seed(common.seed, SeedStream::Order, &at);
                let tokens = Some(draw)
                    .filter(|_| self.config.augment)
                    .and_then(|draw| permuted(&example.molecule, draw, limit));
                (tokens.unwrap_or_else(|| example.tokens.clone()), index)
            })
            .collect();
        self.batches(drawn, generator(common.seed, SeedStream::Order, &place))
    }
}

impl Objective for FoldObjective<'_> {
    type Batch = LabelledBatch;

    fn sequences<'b>(&self, batch: &'b LabelledBatch) -> &'b [Vec<u32>] {
        &batch.sequences
    }

    fn losses(
        &self,
        model: &Model,
        batch: &LabelledBatch,
        device: &burn::tensor::Device,
    ) -> Vec<Loss> {
        let targets = self.targets(&batch.examples, device);
        let labels = self.config.labels;
        finetuning_losses(
            model,
            self.inputs(batch),
            &targets,
            labels,
            self.teacher,
            device,
        )
    }

    /// Mean loss of the labels of the molecules for validation.
    async fn validate(&self, model: &Model) -> Result<Vec<(String, f64)>, TrainingError> {
        let model = model.valid();
        let device = self.device.tensors();
        let items: Vec<Drawn> = self
            .valid
            .iter()
            .map(|&index| (self.examples[index].tokens.clone(), index))
            .collect();
        let rng = generator(self.config.common.seed, SeedStream::Validation, &[]);
        let (mut sum, mut count) = (0.0, 0.0);
        for batch in self.batches(items, rng) {
            let measured = |&index: &usize| -> Vec<WeightedLabel> {
                let labels = self.examples[index].labels.iter().zip(&self.weights);
                labels
                    .map(|(label, &weight)| label.map(|label| (label, weight)))
                    .collect()
            };
            let labels: Vec<Vec<WeightedLabel>> = batch.examples.iter().map(measured).collect();
            let weights = labels.iter().flatten().flatten();
            let present: f64 = weights.map(|&(_, weight)| f64::from(weight)).sum();
            // Nothing that was predicted takes part in a choice between epochs.
            let targets = Targets::weighted(&labels, self.endpoints, device);
            let losses =
                finetuning_losses(&model, self.inputs(&batch), &targets, 1.0, None, device);
            let Some(loss) = total(&losses) else { continue };
            let values = read_losses(&[], loss, None).await?;
            sum += values
                .first()
                .map_or(f64::NAN, |(_, value)| f64::from(*value))
                * present;
            count += present;
        }
        let loss = (count > 0.0).then(|| ("loss".to_owned(), sum / count));
        Ok(loss.into_iter().collect())
    }
}
