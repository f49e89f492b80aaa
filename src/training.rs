//! Supervised training from scratch: one encoder, a head for several
//! endpoints, missing labels masked.
//!
//! Each epoch sees every molecule once, as another random SMILES. Molecules
//! that occur in several tables, or several times in one, are merged first, so
//! that none is on both sides of the split.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use burn::module::Module;
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Tensor, TensorData};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::chemistry::{AtomOrder, Molecule};
use crate::kernels::device::Device;
use crate::model::{Batch, Endpoint, Initial, Model, Preset, Scaling, SourceError};
use crate::records::{RowError, Structure};
use crate::scoring::{self, Scorer, Stop, Task};
use crate::storing::{MODEL_TYPE, ModelConfig};
use crate::tokens;

/// A table of labels for one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Name of the endpoint in results.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Unit of its values.
    pub unit: String,
    /// What it is and where the data come from.
    pub description: String,
    /// The table, relative to the data directory.
    pub file: String,
    /// Its column of labels.
    #[serde(default = "label")]
    pub label_column: String,
}

fn label() -> String {
    "label".to_owned()
}

fn initializer_range() -> f64 {
    0.02
}

/// Everything that decides a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Name of the model.
    pub name: String,
    /// SPDX expression of the licence of the weights.
    pub license: String,
    /// Shape of the encoder.
    pub preset: Preset,
    /// Times that every molecule is seen.
    pub epochs: usize,
    /// Molecules of one optimisation step.
    pub batch_size: usize,
    /// Highest learning rate of AdamW.
    pub learning_rate: f64,
    /// Fraction of the steps over which the learning rate rises from 0; from
    /// there it falls to 0, linearly.
    pub warmup: f64,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Largest norm of the gradient of one tensor.
    pub clip_norm: f32,
    /// Standard deviation of the initial weights of linear layers. The paper's
    /// 0.02 wants far more data than a few thousand molecules.
    #[serde(default = "initializer_range")]
    pub initializer_range: f64,
    /// Standard deviation of the initial embeddings. Positions are sines of
    /// amplitude 1: embeddings much smaller than that are not seen at first.
    #[serde(default = "initializer_range")]
    pub embedding_range: f64,
    /// Fraction of the molecules that is held out and never trained on.
    pub test_fraction: f64,
    /// Seed of the split, the weights, the order and the random SMILES.
    pub seed: u64,
    /// The endpoints and their tables.
    pub endpoints: Vec<EndpointConfig>,
}

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A number of the configuration is out of bounds.
    #[error("{field} is {value}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// An endpoint has too few molecules to be split.
    #[error("endpoint `{endpoint}` has {molecules} molecules to train on, at least 10 are needed")]
    TooFew {
        /// The endpoint.
        endpoint: String,
        /// Its molecules with a label.
        molecules: usize,
    },
    /// The loss is no longer a number.
    #[error("the loss is {loss} at step {step} (epoch {epoch}): lower the learning rate")]
    Diverged {
        /// The step, from 1.
        step: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f32,
    },
    /// The model could not be built.
    #[error(transparent)]
    Model(#[from] SourceError),
    /// The device failed or the caller stopped the run.
    #[error(transparent)]
    Stop(#[from] Stop),
}

/// A molecule with its labels, one place an endpoint.
#[derive(Clone, Debug)]
pub struct Example {
    /// The molecule, without salts.
    pub molecule: Molecule,
    /// Canonical SMILES.
    pub smiles: String,
    /// Labels; `None` where the endpoint has none for it.
    pub labels: Vec<Option<f32>>,
}

/// Sum and number of a molecule's labels, one pair an endpoint.
type Sums = Vec<(f64, u32)>;

/// Collects molecules and labels, merging those that are the same molecule.
#[derive(Debug)]
pub struct Examples {
    endpoints: usize,
    limit: usize,
    index: HashMap<String, usize>,
    /// Each molecule with its canonical SMILES and, for each endpoint, the sum
    /// and the number of its labels.
    examples: Vec<(Molecule, String, Sums)>,
}

impl Examples {
    /// An empty collection for `endpoints` endpoints and sequences of at most
    /// `limit` tokens.
    pub fn new(endpoints: usize, limit: usize) -> Self {
        Self {
            endpoints,
            limit,
            index: HashMap::new(),
            examples: Vec::new(),
        }
    }

    /// Adds the label of one row.
    ///
    /// # Errors
    ///
    /// Where the row's molecule cannot be scored, and so not be trained on.
    pub fn add(
        &mut self,
        structure: &Structure,
        endpoint: usize,
        label: f32,
    ) -> Result<(), RowError> {
        let ready = scoring::standardise(structure, scoring::Options::default(), self.limit)?;
        let canonical = ready
            .molecule
            .canonical_smiles()
            .map_err(scoring::chemistry_error)?;
        let place = *self.index.entry(canonical.clone()).or_insert_with(|| {
            self.examples
                .push((ready.molecule, canonical, vec![(0.0, 0); self.endpoints]));
            self.examples.len() - 1
        });
        let (sum, count) = &mut self.examples[place].2[endpoint];
        *sum += f64::from(label);
        *count += 1;
        Ok(())
    }

    /// The molecules, in the order in which each was first added; labels of
    /// one molecule and endpoint become their mean.
    pub fn finish(self) -> Vec<Example> {
        self.examples
            .into_iter()
            .map(|(molecule, smiles, labels)| Example {
                molecule,
                smiles,
                labels: labels
                    .into_iter()
                    .map(|(sum, count)| (count > 0).then(|| (sum / f64::from(count)) as f32))
                    .collect(),
            })
            .collect()
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Steps done.
    pub step: usize,
    /// All steps.
    pub steps: usize,
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean squared error of the standardised labels of the batch.
    pub loss: f32,
}

/// Accuracy on the held-out molecules of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// The endpoint.
    pub name: String,
    /// Molecules trained on.
    pub train: usize,
    /// Held-out molecules.
    pub test: usize,
    /// Root mean squared error, in the endpoint's unit; like all that follow,
    /// `None` where nothing is held out.
    pub rmse: Option<f64>,
    /// Mean absolute error, in the endpoint's unit.
    pub mae: Option<f64>,
    /// Coefficient of determination; `None` where the held-out labels are all
    /// alike, too.
    pub r2: Option<f64>,
    /// RMSE of predicting the mean of the training labels.
    pub rmse_of_mean: Option<f64>,
}

/// A trained model with its accuracy.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model, for scoring.
    pub model: Model,
    /// Its configuration.
    pub config: ModelConfig,
    /// One report an endpoint.
    pub reports: Vec<EndpointReport>,
}

/// Largest number of batches that are sorted by length together: enough to
/// spare most padding, few enough to keep the order random.
const POOL: usize = 32;

/// Trains a model on `examples`.
///
/// `on_step` sees every step and may end the run with [`ControlFlow::Break`].
///
/// # Errors
///
/// See [`TrainingError`].
pub async fn train(
    config: &TrainingConfig,
    examples: &[Example],
    device: &Device,
    mut on_step: impl FnMut(Step) -> ControlFlow<()>,
) -> Result<Trained, TrainingError> {
    config.check()?;
    let encoder = config.preset.config();
    let (train, test) = split(config, examples);
    let scalings = (0..config.endpoints.len())
        .map(|endpoint| scaling(config, &train, endpoint))
        .collect::<Result<Vec<_>, _>>()?;

    let autodiff = device.tensors().clone().autodiff();
    autodiff.seed(config.seed);
    let mut model = Model::new(
        &mut Initial {
            deviation: config.initializer_range,
            table_deviation: config.embedding_range,
            device: &autodiff,
        },
        &encoder,
        config.endpoints.len(),
    )?;
    let mut optimizer = AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(config.weight_decay)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(config.clip_norm)))
        .init();

    let mut rng = SmallRng::seed_from_u64(config.seed);
    let steps = train.len().div_ceil(config.batch_size) * config.epochs;
    let mut step = 0;
    for epoch in 1..=config.epochs {
        for batch in epoch_batches(config, &train, encoder.max_length, &mut rng) {
            step += 1;
            let outputs = {
                let sequences: Vec<&[u32]> = batch.iter().map(|(ids, _)| ids.as_slice()).collect();
                model.forward(&Batch::new(&sequences, &autodiff))
            };
            let labels: Vec<&Example> = batch.iter().map(|(_, example)| *example).collect();
            let loss = masked_loss(outputs, &labels, &scalings, &autodiff);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(config.rate(step, steps), model, gradients);
            let value: f32 = loss
                .into_data_async()
                .await
                .map_err(|error| Stop::Device(error.to_string()))?
                .iter()
                .next()
                .unwrap_or(f32::NAN);
            if !value.is_finite() {
                return Err(TrainingError::Diverged {
                    step,
                    epoch,
                    loss: value,
                });
            }
            let progress = Step {
                step,
                steps,
                epoch,
                loss: value,
            };
            if on_step(progress).is_break() {
                return Err(Stop::Cancelled.into());
            }
        }
    }

    let config = ModelConfig {
        model_type: MODEL_TYPE.to_owned(),
        name: config.name.clone(),
        preset: config.preset.name().to_owned(),
        license: config.license.clone(),
        encoder,
        endpoints: config
            .endpoints
            .iter()
            .zip(scalings)
            .map(|(endpoint, scaling)| Endpoint {
                name: endpoint.name.clone(),
                title: endpoint.title.clone(),
                unit: endpoint.unit.clone(),
                description: endpoint.description.clone(),
                scaling,
            })
            .collect(),
    };
    let scorer = Scorer::new(config.clone(), model.valid(), device.clone());
    let reports = evaluate(&scorer, &train, &test).await?;
    Ok(Trained {
        model: model.valid(),
        config,
        reports,
    })
}

impl TrainingConfig {
    /// Checks every number, so that a run does not fail after hours.
    ///
    /// # Errors
    ///
    /// At the first field out of bounds, naming it and what it may be.
    pub fn check(&self) -> Result<(), TrainingError> {
        let refuse = |field, value: String, expected| {
            Err(TrainingError::Config {
                field,
                value,
                expected,
            })
        };
        if self.endpoints.is_empty() {
            return refuse("endpoints", "empty".to_owned(), "at least one");
        }
        if self.epochs == 0 {
            return refuse("epochs", "0".to_owned(), "at least 1");
        }
        if !(1..=65_536).contains(&self.batch_size) {
            return refuse("batch_size", self.batch_size.to_string(), "1 to 65536");
        }
        let mut names = BTreeSet::new();
        for endpoint in &self.endpoints {
            if endpoint.name.is_empty() || !names.insert(&endpoint.name) {
                let name = format!("`{}`", endpoint.name);
                return refuse("endpoints", name, "a name of its own each");
            }
        }
        for (field, value, high) in [
            ("clip_norm", self.clip_norm.into(), 1e6),
            ("initializer_range", self.initializer_range, 10.0),
            ("embedding_range", self.embedding_range, 10.0),
        ] {
            if !(value > 0.0 && value <= high) {
                return refuse(
                    field,
                    value.to_string(),
                    "a number above 0, and no huge one",
                );
            }
        }
        if !(0.0..1.0).contains(&self.weight_decay) {
            let value = self.weight_decay.to_string();
            return refuse("weight_decay", value, "0 to 1");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate < 1.0) {
            return refuse(
                "learning_rate",
                self.learning_rate.to_string(),
                "a number between 0 and 1",
            );
        }
        if !(0.0..=0.5).contains(&self.test_fraction) {
            return refuse("test_fraction", self.test_fraction.to_string(), "0 to 0.5");
        }
        if !(0.0..=1.0).contains(&self.warmup) {
            return refuse("warmup", self.warmup.to_string(), "0 to 1");
        }
        Ok(())
    }

    /// Learning rate of `step`, counted from 1.
    fn rate(&self, step: usize, steps: usize) -> f64 {
        let done = step as f64 / steps as f64;
        let rise = if self.warmup > 0.0 {
            (done / self.warmup).min(1.0)
        } else {
            1.0
        };
        let fall = ((1.0 - done) / (1.0 - self.warmup).max(1e-9)).min(1.0);
        self.learning_rate * rise.min(fall).max(0.0)
    }
}

/// Training and held-out molecules.
fn split<'a>(
    config: &TrainingConfig,
    examples: &'a [Example],
) -> (Vec<&'a Example>, Vec<&'a Example>) {
    let mut order: Vec<&Example> = examples.iter().collect();
    // By SMILES first, so that the split does not depend on the tables' order.
    order.sort_by(|a, b| a.smiles.cmp(&b.smiles));
    order.shuffle(&mut SmallRng::seed_from_u64(config.seed));
    let held_out = (order.len() as f64 * config.test_fraction).round() as usize;
    let train = order.split_off(held_out);
    (train, order)
}

/// Mean and deviation of the training labels of one endpoint.
fn scaling(
    config: &TrainingConfig,
    train: &[&Example],
    endpoint: usize,
) -> Result<Scaling, TrainingError> {
    let labels: Vec<f64> = train
        .iter()
        .filter_map(|example| example.labels[endpoint].map(f64::from))
        .collect();
    if labels.len() < 10 {
        return Err(TrainingError::TooFew {
            endpoint: config.endpoints[endpoint].name.clone(),
            molecules: labels.len(),
        });
    }
    let n = labels.len() as f64;
    let mean = labels.iter().sum::<f64>() / n;
    let variance = labels.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n;
    Ok(Scaling {
        mean: mean as f32,
        // Labels that are all alike would be divided by 0.
        deviation: variance.sqrt().max(1e-6) as f32,
    })
}

/// The batches of one epoch: random SMILES, like lengths together.
fn epoch_batches<'a>(
    config: &TrainingConfig,
    train: &[&'a Example],
    limit: usize,
    rng: &mut SmallRng,
) -> Vec<Vec<(Vec<u32>, &'a Example)>> {
    let mut drawn: Vec<(u64, &Example)> = train
        .iter()
        .map(|example| (rng.random(), *example))
        .collect();
    drawn.shuffle(rng);
    let mut sequences: Vec<(Vec<u32>, &Example)> = {
        use rayon::prelude::*;
        drawn
            .into_par_iter()
            .map(|(seed, example)| (augmented(example, seed, limit), example))
            .collect()
    };
    let mut batches: Vec<Vec<_>> = sequences
        .chunks_mut(config.batch_size * POOL)
        .flat_map(|pool| {
            pool.sort_by_key(|(ids, _)| ids.len());
            pool.chunks(config.batch_size)
                .map(<[_]>::to_vec)
                .collect::<Vec<_>>()
        })
        .collect();
    batches.shuffle(rng);
    batches
}

/// A random SMILES of the molecule as tokens; the canonical one where the
/// random one is too long, which it was checked not to be.
fn augmented(example: &Example, seed: u64, limit: usize) -> Vec<u32> {
    [AtomOrder::Random(seed), AtomOrder::Canonical]
        .into_iter()
        .filter_map(|order| example.molecule.kekule_string(order).ok())
        .find_map(|written| tokens::tokenize(&written, limit).ok())
        .unwrap_or_default()
}

/// Mean squared error over the labels that are there.
fn masked_loss(
    outputs: Tensor<2>,
    examples: &[&Example],
    scalings: &[Scaling],
    device: &burn::tensor::Device,
) -> Tensor<1> {
    let shape = [examples.len(), scalings.len()];
    let mut targets = Vec::with_capacity(shape[0] * shape[1]);
    let mut mask = Vec::with_capacity(targets.capacity());
    for example in examples {
        for (label, scaling) in example.labels.iter().zip(scalings) {
            targets.push(label.map_or(0.0, |label| scaling.output(label)));
            mask.push(if label.is_some() { 1.0f32 } else { 0.0 });
        }
    }
    let count = mask.iter().sum::<f32>().max(1.0);
    let targets = Tensor::<2>::from_data(TensorData::new(targets, shape), device);
    let mask = Tensor::<2>::from_data(TensorData::new(mask, shape), device);
    let error = (outputs - targets) * mask;
    (error.clone() * error).sum() / count
}

/// Scores the held-out molecules through the path that users score by.
async fn evaluate(
    scorer: &Scorer,
    train: &[&Example],
    test: &[&Example],
) -> Result<Vec<EndpointReport>, TrainingError> {
    let structures: Vec<Structure> = test
        .iter()
        .map(|example| Structure::Smiles(example.smiles.clone()))
        .collect();
    let results = scorer
        .run(
            &structures,
            Task::Score,
            scoring::Options::default(),
            async |_| ControlFlow::Continue(()),
        )
        .await;
    if let Some(stop) = results.stop {
        return Err(stop.into());
    }
    let reports = scorer
        .config()
        .endpoints
        .iter()
        .enumerate()
        .map(|(i, endpoint)| {
            let pairs: Vec<(f64, f64)> = test
                .iter()
                .zip(&results.rows)
                .filter_map(|(example, row)| match row {
                    Some(Ok(values)) => {
                        example.labels[i].map(|label| (f64::from(label), f64::from(values[i])))
                    }
                    _ => None,
                })
                .collect();
            report(
                &endpoint.name,
                train
                    .iter()
                    .filter(|example| example.labels[i].is_some())
                    .count(),
                f64::from(endpoint.scaling.mean),
                &pairs,
            )
        });
    Ok(reports.collect())
}

/// Accuracy of pairs of (label, prediction).
fn report(name: &str, train: usize, train_mean: f64, pairs: &[(f64, f64)]) -> EndpointReport {
    let n = pairs.len().max(1) as f64;
    let mean = pairs.iter().map(|(label, _)| label).sum::<f64>() / n;
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|&(l, p)| f(l, p)).sum::<f64>();
    let squares = sum(&|label, prediction| (label - prediction).powi(2));
    let known = |value: f64| (!pairs.is_empty() && value.is_finite()).then_some(value);
    EndpointReport {
        name: name.to_owned(),
        train,
        test: pairs.len(),
        rmse: known((squares / n).sqrt()),
        mae: known(sum(&|label, prediction| (label - prediction).abs()) / n),
        r2: known(1.0 - squares / sum(&|label, _| (label - mean).powi(2))),
        rmse_of_mean: known((sum(&|label, _| (label - train_mean).powi(2)) / n).sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_of_known_pairs() {
        let report = report("x", 3, 1.0, &[(1.0, 2.0), (3.0, 3.0), (5.0, 3.0)]);
        let close = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-12);
        assert!(close(report.rmse, (5.0f64 / 3.0).sqrt()));
        assert!(close(report.mae, 1.0));
        assert!(close(report.r2, 1.0 - 5.0 / 8.0));
        assert!(close(report.rmse_of_mean, (20.0f64 / 3.0).sqrt()));
    }

    #[test]
    fn nothing_held_out_is_no_accuracy() {
        let nothing = report("x", 3, 1.0, &[]);
        assert_eq!((nothing.rmse, nothing.mae, nothing.r2), (None, None, None));
        let one = report("x", 3, 1.0, &[(1.0, 2.0)]);
        assert_eq!((one.rmse, one.r2), (Some(1.0), None));
    }
}
