//! How good a model is: its predictions of held-out molecules beside those of
//! a baseline that was fitted to the same training molecules.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::chemistry::Fingerprint;
use crate::device::Device;
use crate::metrics::{
    Bootstrap, EndpointEvaluation, Evaluation, Metrics, PredictionRow, SplitEvaluation,
};
use crate::model::EndpointTask;
use crate::model_dir::ModelFiles;
use crate::parallel;
use crate::predict::applicability::{HeldOut, Nearest};
use crate::predict::gaussian_process;
use crate::predict::{PredictOptions, Scorer, without_interruption};
use crate::records::{MoleculeSource, Structure};
use crate::train::baseline::{self, Baseline};
use crate::train::run_dir::{self, RunError};
use crate::train::splits::Fold;
use crate::train::{Example, FinetuneConfig, Stored, TrainingError, stored};

/// Seed of the baseline's forest.
const BASELINE_SEED: u64 = 0;

/// One prediction of a held-out molecule.
#[derive(Clone, Debug, PartialEq)]
struct Prediction {
    fold: usize,
    split: &'static str,
    endpoint: usize,
    example: usize,
    label: f32,
    prediction: f32,
    /// The network's, where that is not the prediction.
    network: Option<f32>,
    /// What the endpoint's Gaussian process expects, where it has one.
    process: Option<f32>,
    baseline: Option<f32>,
}

/// Evaluates the fold models of a fine-tuning run on their held-out molecules,
/// from the run directory alone, with a forest on ECFP4 beside them where the run
/// has a baseline and `baseline` asks for it. Where it does and each is read as one
/// SMILES, as in the model's card, writes `predictions.csv` and `evaluation.json`
/// there.
///
/// # Errors
///
/// Where the directory holds no finished run, or the device fails.
pub async fn evaluate_run(
    directory: &Path,
    device: &Device,
    options: PredictOptions,
    baseline: bool,
) -> Result<Evaluation, TrainingError> {
    let evaluated = evaluate_folds(directory, device, options, baseline).await?;
    Ok(evaluated.evaluation)
}

/// An evaluation, and what it is of.
pub(crate) struct Evaluated {
    pub(crate) evaluation: Evaluation,
    /// For each endpoint the molecules that folds held out.
    pub(crate) held_out: Vec<Vec<HeldOut>>,
}

/// As [`evaluate_run`].
pub(crate) async fn evaluate_folds(
    directory: &Path,
    device: &Device,
    options: PredictOptions,
    baseline: bool,
) -> Result<Evaluated, TrainingError> {
    let path = directory.join(run_dir::CONFIG);
    let text = std::fs::read_to_string(&path).map_err(|source| RunError::Io { path, source })?;
    let config: FinetuneConfig = toml::from_str(&text)?;
    config.check()?;
    let data = stored(directory, &config)?;
    let fingerprints = parallel::map(&data.examples, |example| {
        baseline::fingerprint(&example.molecule).ok()
    });
    let mut predictions = Vec::new();
    for (index, fold) in data.folds.iter().enumerate() {
        let model = directory
            .join(run_dir::FOLDS)
            .join(index.to_string())
            .join(run_dir::MODEL);
        let scorer = Scorer::load(&ModelFiles::read(&model)?, device.clone())?;
        predictions.extend(fold_predictions(&scorer, index, fold, &data.examples, options).await?);
        if baseline && config.baseline {
            baselines(
                &config,
                index,
                fold,
                &data.examples,
                &fingerprints,
                &mut predictions,
            )?;
        }
    }
    let evaluation = Evaluation {
        readings: options.augmentations,
        endpoints: endpoints(&config, data.folds.len(), &predictions),
    };
    // The run's own files are those of its model's card.
    if options.augmentations == NonZeroUsize::MIN && baseline {
        let csv =
            to_csv(&config, &data.examples, &predictions).map_err(|error| RunError::Damaged {
                path: directory.join(run_dir::PREDICTIONS),
                what: error.to_string(),
            })?;
        run_dir::write_whole(&directory.join(run_dir::PREDICTIONS), &csv)?;
        run_dir::write_json(&directory.join(run_dir::EVALUATION), &evaluation)?;
    }
    let held_out = similarities(&config, &data, &fingerprints, &predictions);
    Ok(Evaluated {
        evaluation,
        held_out,
    })
}

/// How near the held-out molecules of each endpoint are to the molecules with a
/// label for it that their fold was trained on.
fn similarities(
    config: &FinetuneConfig,
    data: &Stored,
    fingerprints: &[Option<Fingerprint>],
    predictions: &[Prediction],
) -> Vec<Vec<HeldOut>> {
    use rayon::prelude::*;
    let endpoints = (0..config.endpoints.len()).map(|endpoint| {
        let labelled: Vec<Vec<&Fingerprint>> = data
            .folds
            .iter()
            .map(|fold| {
                let train = fold.split.train.iter();
                train
                    .filter(|&&example| data.examples[example].labels[endpoint].is_some())
                    .filter_map(|&example| fingerprints[example].as_ref())
                    .collect()
            })
            .collect();
        predictions
            .par_iter()
            .filter(|p| p.endpoint == endpoint)
            .filter_map(|p| {
                let own = fingerprints[p.example].as_ref()?;
                let others = labelled[p.fold].iter().enumerate();
                let nearest: Nearest = others.map(|(i, other)| (i, own.tanimoto(other))).collect();
                Some(HeldOut {
                    similarity: nearest.similarity(),
                    label: p.label,
                    prediction: p.prediction,
                })
            })
            .collect()
    });
    endpoints.collect()
}

/// The parts of a fold that it was not trained on.
fn held_out(fold: &Fold) -> [(&'static str, &[usize]); 2] {
    [("valid", &fold.split.valid), ("test", &fold.split.test)]
}

/// Scores molecules through the path that users score by; `None` for one that
/// has no score.
pub(crate) async fn scores(
    scorer: &Scorer,
    smiles: impl Iterator<Item = &str>,
    options: PredictOptions,
) -> Result<Vec<Option<Vec<f32>>>, TrainingError> {
    let molecules: Vec<Structure> = smiles.map(Structure::from).collect();
    values(scorer, &molecules, options).await
}

/// The predicted values of `molecules`; `None` for one that has no score.
async fn values(
    scorer: &Scorer,
    molecules: &[impl MoleculeSource],
    options: PredictOptions,
) -> Result<Vec<Option<Vec<f32>>>, TrainingError> {
    let outcomes = scorer
        .predict(molecules, options, without_interruption)
        .await;
    if let Some(stop) = outcomes.stop {
        return Err(stop.into());
    }
    let rows = outcomes.rows.into_iter().map(|row| {
        let predictions = row?.ok()?;
        Some(predictions.iter().map(|p| p.value).collect())
    });
    Ok(rows.collect())
}

async fn fold_predictions(
    scorer: &Scorer,
    index: usize,
    fold: &Fold,
    examples: &[Example],
    options: PredictOptions,
) -> Result<Vec<Prediction>, TrainingError> {
    let mut predictions = Vec::new();
    let network = scorer.clone().without_gaussian_processes();
    for (split, molecules) in held_out(fold) {
        let smiles = || {
            let all = molecules.iter();
            all.map(|&example| examples[example].smiles.as_str())
        };
        let rows = scores(scorer, smiles(), options).await?;
        let of_network = match scorer.processes() {
            Some(_) => scores(&network, smiles(), options).await?,
            None => vec![None; rows.len()],
        };
        for ((&example, row), of_network) in molecules.iter().zip(rows).zip(of_network) {
            let Some(values) = row else { continue };
            let expected = match scorer.processes() {
                Some(processes) => gaussian_process::environments(&examples[example].molecule)
                    .map(|own| processes.expectations(&own))
                    .unwrap_or_default(),
                None => Vec::new(),
            };
            for (endpoint, (label, prediction)) in
                examples[example].labels.iter().zip(values).enumerate()
            {
                if let &Some(label) = label {
                    predictions.push(Prediction {
                        fold: index,
                        split,
                        endpoint,
                        example,
                        label,
                        prediction,
                        network: of_network.as_ref().map(|values| values[endpoint]),
                        process: expected.get(endpoint).copied().flatten(),
                        baseline: None,
                    });
                }
            }
        }
    }
    Ok(predictions)
}

/// Fits the baseline to the training molecules of a fold, an endpoint at a
/// time, and adds its predictions of the same held-out molecules.
fn baselines(
    config: &FinetuneConfig,
    index: usize,
    fold: &Fold,
    examples: &[Example],
    fingerprints: &[Option<Fingerprint>],
    predictions: &mut [Prediction],
) -> Result<(), TrainingError> {
    for (endpoint, of_config) in config.endpoints.iter().enumerate() {
        let (bits, labels): (Vec<Fingerprint>, Vec<f32>) = fold
            .split
            .train
            .iter()
            .filter_map(|&example| {
                let label = examples[example].labels[endpoint]?;
                Some((fingerprints[example].clone()?, label))
            })
            .unzip();
        // One class, or one value, is nothing to learn from.
        if labels.iter().all(|label| Some(label) == labels.first()) {
            continue;
        }
        let baseline = Baseline::fit(&bits, &labels, of_config.task, BASELINE_SEED)?;
        let wanted: Vec<&mut Prediction> = predictions
            .iter_mut()
            .filter(|p| p.fold == index && p.endpoint == endpoint)
            .filter(|p| fingerprints[p.example].is_some())
            .collect();
        let bits: Vec<Fingerprint> = wanted
            .iter()
            .filter_map(|p| fingerprints[p.example].clone())
            .collect();
        for (prediction, value) in wanted.into_iter().zip(baseline.predict(&bits)?) {
            prediction.baseline = Some(value);
        }
    }
    Ok(())
}

fn endpoints(
    config: &FinetuneConfig,
    folds: usize,
    predictions: &[Prediction],
) -> Vec<EndpointEvaluation> {
    config
        .endpoints
        .iter()
        .enumerate()
        .map(|(endpoint, of_config)| {
            let of = |split: &str, fold: Option<usize>| -> Vec<&Prediction> {
                predictions
                    .iter()
                    .filter(|p| p.endpoint == endpoint && p.split == split)
                    .filter(|p| fold.is_none_or(|fold| p.fold == fold))
                    .collect()
            };
            let each = (0..folds).filter(|_| folds > 1).map(Some);
            let splits = std::iter::once(None).chain(each).flat_map(|fold| {
                ["valid", "test"].into_iter().filter_map(move |split| {
                    let all = of(split, fold);
                    let metrics = |of| metrics(of_config.task, &all, of);
                    Some(SplitEvaluation {
                        split: split.to_owned(),
                        fold,
                        molecules: all.len(),
                        model: metrics(&|p| Some(p.prediction))?,
                        network: metrics(&|p| p.network),
                        process: metrics(&|p| p.process),
                        baseline: metrics(&|p| p.baseline),
                    })
                })
            });
            EndpointEvaluation {
                name: of_config.name.clone(),
                title: of_config.title.clone(),
                unit: of_config.unit.clone(),
                task: of_config.task,
                splits: splits.collect(),
            }
        })
        .collect()
}

/// Metrics of the values `of` predictions, where all have one; `None` of no
/// molecules.
fn metrics(
    task: EndpointTask,
    predictions: &[&Prediction],
    of: &dyn Fn(&Prediction) -> Option<f32>,
) -> Option<Metrics> {
    if predictions.is_empty() {
        return None;
    }
    let labels: Vec<f32> = predictions.iter().map(|p| p.label).collect();
    let values: Vec<f32> = predictions.iter().map(|p| of(p)).collect::<Option<_>>()?;
    Some(Bootstrap::default().endpoint(task, &labels, &values))
}

fn to_csv(
    config: &FinetuneConfig,
    examples: &[Example],
    predictions: &[Prediction],
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(PredictionRow::COLUMNS)?;
    let text = |value: Option<f32>| value.map_or_else(String::new, |value| value.to_string());
    for p in predictions {
        writer.write_record([
            &p.fold.to_string(),
            p.split,
            &config.endpoints[p.endpoint].name,
            &examples[p.example].smiles,
            &p.label.to_string(),
            &p.prediction.to_string(),
            &text(p.network),
            &text(p.process),
            &text(p.baseline),
        ])?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// Evaluates a model on a table of labels that it has not seen: `pairs` of
/// SMILES and label for the endpoint `name`.
///
/// Molecules that have no score are left out; the number of those that have
/// one is in the result. `None` where the model lacks the endpoint.
///
/// # Errors
///
/// Where the device fails.
pub async fn evaluate_table(
    scorer: &Scorer,
    name: &str,
    molecules: &[impl MoleculeSource],
    labels: &[f32],
    options: PredictOptions,
) -> Result<Option<EndpointEvaluation>, TrainingError> {
    let endpoints = &scorer.config().endpoints;
    let Some((index, endpoint)) = endpoints.iter().enumerate().find(|(_, e)| e.name == name) else {
        return Ok(None);
    };
    let rows = values(scorer, molecules, options).await?;
    let (labels, predictions): (Vec<f32>, Vec<f32>) = labels
        .iter()
        .zip(rows)
        .filter_map(|(label, row)| Some((*label, row?[index])))
        .unzip();
    Ok(Some(EndpointEvaluation {
        name: endpoint.name.clone(),
        title: endpoint.title.clone(),
        unit: endpoint.unit.clone(),
        task: endpoint.task,
        splits: vec![SplitEvaluation {
            split: "test".to_owned(),
            fold: None,
            molecules: labels.len(),
            model: Bootstrap::default().endpoint(endpoint.task, &labels, &predictions),
            network: None,
            process: None,
            baseline: None,
        }],
    }))
}
