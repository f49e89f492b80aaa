//! What a fold is trained for: the labels of its molecules, and a teacher.

use burn::module::Module;

use super::TrainingError;
use super::batches::bucketed;
use super::config::FinetuneConfig;
use super::corpus::permuted;
use super::dataset::Example;
use super::objectives::{Loss, Targets, Teacher, finetuning_losses, total};
use super::seeds::{SeedStream, derive_seed, generator};
use super::trainer::{Objective, read_losses};
use crate::device::Device;
use crate::model::{EndpointTask, Model, Scaling};

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
    pub(super) device: &'a Device,
}

impl FoldObjective<'_> {
    fn targets(&self, examples: &[usize], device: &burn::tensor::Device) -> Targets {
        let labels: Vec<&[Option<f32>]> = examples
            .iter()
            .map(|&index| self.examples[index].labels.as_slice())
            .collect();
        Targets::new(&labels, self.endpoints, device)
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
            &batch.sequences,
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
            let present = batch
                .examples
                .iter()
                .flat_map(|&index| &self.examples[index].labels)
                .filter(|label| label.is_some())
                .count() as f64;
            let targets = self.targets(&batch.examples, device);
            let losses = finetuning_losses(&model, &batch.sequences, &targets, 1.0, None, device);
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
