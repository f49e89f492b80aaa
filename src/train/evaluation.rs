//! How good a model is: its predictions of held-out molecules beside those of
//! a baseline that was fitted to the same training molecules.

use std::collections::HashSet;
use std::path::PathBuf;

use super::TrainingError;
use super::baseline::{self, Baseline};
use super::dataset::{Dataset, Example};
use super::predicted::predict_values;
use super::splits::Fold;
use crate::chemistry::Fingerprint;
use crate::device::Device;
use crate::metrics::{
    Bootstrap, EndpointEvaluation, Evaluation, Metrics, PredictionRow, SplitEvaluation,
};
use crate::model::{Endpoint, EndpointTask};
use crate::model_dir::ModelFiles;
use crate::parallel;
use crate::predict::applicability::{HeldOut, Nearest};
use crate::predict::gaussian_process;
use crate::predict::{Form, PredictOptions, Scorer};
use crate::records::{MoleculeSource, Structure};

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

/// An evaluation, and what it is of.
pub(super) struct Evaluated {
    pub(super) evaluation: Evaluation,
    /// For each endpoint the molecules that folds held out.
    pub(super) held_out: Vec<Vec<HeldOut>>,
    predictions: Vec<Prediction>,
}

/// Evaluates the model of every fold of `data` on the molecules that it held
/// out, and, where `baseline` asks for it, a forest on ECFP4 that is fitted to the
/// same training molecules.
pub(super) async fn evaluate(
    data: &Dataset,
    models: &[PathBuf],
    device: &Device,
    options: PredictOptions,
    baseline: bool,
) -> Result<Evaluated, TrainingError> {
    let fingerprints = parallel::map(&data.examples, |example| {
        baseline::fingerprint(&example.molecule).ok()
    });
    let mut predictions = Vec::new();
    for (index, (fold, model)) in data.folds.iter().zip(models).enumerate() {
        let scorer = Scorer::load(&ModelFiles::read(model)?, device.clone())?;
        predictions.extend(fold_predictions(&scorer, index, fold, &data.examples, options).await?);
        if baseline {
            baselines(data, index, fold, &fingerprints, &mut predictions)?;
        }
    }
    Ok(Evaluated {
        evaluation: Evaluation {
            readings: options.augmentations,
            endpoints: endpoints(data, &predictions),
        },
        held_out: similarities(data, &fingerprints, &predictions),
        predictions,
    })
}

/// How near the held-out molecules of each endpoint are to the molecules with a
/// label for it that their fold was trained on, and how far the predictions are from
/// those labels.
fn similarities(
    data: &Dataset,
    fingerprints: &[Option<Fingerprint>],
    predictions: &[Prediction],
) -> Vec<Vec<HeldOut>> {
    use rayon::prelude::*;
    let known: Vec<Vec<usize>> = (0..data.folds.len()).map(|fold| data.known(fold)).collect();
    let endpoints = (0..data.endpoints.len()).map(|endpoint| {
        let labelled: Vec<Vec<(&Fingerprint, f32)>> = known
            .iter()
            .map(|known| {
                known
                    .iter()
                    .filter_map(|&example| {
                        let label = data.examples[example].labels[endpoint]?;
                        Some((fingerprints[example].as_ref()?, label))
                    })
                    .collect()
            })
            .collect();
        predictions
            .par_iter()
            .filter(|p| p.endpoint == endpoint)
            .filter_map(|p| {
                let own = fingerprints[p.example].as_ref()?;
                let others = labelled[p.fold].iter().enumerate();
                let nearest: Nearest = others
                    .map(|(i, (other, _))| (i, own.tanimoto(other)))
                    .collect();
                let measured = |index: usize| labelled[p.fold].get(index).map(|(_, label)| *label);
                Some(HeldOut {
                    similarity: nearest.similarity(),
                    disagreement: nearest.disagreement(p.prediction, measured),
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
        let structures: Vec<Structure> = molecules
            .iter()
            .map(|&example| Structure::from(examples[example].smiles.as_str()))
            .collect();
        let rows = predict_values(scorer, &structures, options).await?;
        let of_network = match scorer.processes() {
            Some(_) => predict_values(&network, &structures, options).await?,
            None => vec![None; rows.len()],
        };
        for ((&example, row), of_network) in molecules.iter().zip(rows).zip(of_network) {
            let Some(values) = row else { continue };
            let expected = match scorer.processes() {
                Some(processes) => gaussian_process::environments(&examples[example].molecule)
                    .map(|own| processes.posterior_means(&own))
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
    data: &Dataset,
    index: usize,
    fold: &Fold,
    fingerprints: &[Option<Fingerprint>],
    predictions: &mut [Prediction],
) -> Result<(), TrainingError> {
    for (endpoint, Endpoint { task, .. }) in data.endpoints.iter().enumerate() {
        let (bits, labels): (Vec<Fingerprint>, Vec<f32>) = fold
            .split
            .train
            .iter()
            .filter_map(|&example| {
                let label = data.examples[example].labels[endpoint]?;
                Some((fingerprints[example].clone()?, label))
            })
            .unzip();
        // One class, or one value, is nothing to learn from.
        if labels.iter().all(|label| Some(label) == labels.first()) {
            continue;
        }
        let baseline = Baseline::fit(&bits, &labels, *task, BASELINE_SEED)?;
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

fn endpoints(data: &Dataset, predictions: &[Prediction]) -> Vec<EndpointEvaluation> {
    let folds = data.folds.len();
    data.endpoints
        .iter()
        .enumerate()
        .map(|(endpoint, of_model)| {
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
                    let metrics = |of| metrics(of_model.task, &all, of);
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
                name: of_model.name.clone(),
                title: of_model.title.clone(),
                unit: of_model.learnt_unit(),
                task: of_model.task,
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

/// The predictions as a table, in the order in which they were made.
pub(super) fn to_csv(data: &Dataset, evaluated: &Evaluated) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(PredictionRow::COLUMNS)?;
    let text = |value: Option<f32>| value.map_or_else(String::new, |value| value.to_string());
    for p in &evaluated.predictions {
        writer.write_record([
            &p.fold.to_string(),
            p.split,
            &data.endpoints[p.endpoint].name,
            &data.examples[p.example].smiles,
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

/// How many of `molecules` the model was trained on for the endpoint `name`, as far as
/// it knows its training molecules: on them it errs less than on others.
pub fn trained_on(
    scorer: &Scorer,
    name: &str,
    molecules: &[impl MoleculeSource],
    options: PredictOptions,
) -> usize {
    let endpoints = &mut scorer.config().endpoints.iter();
    let (Some(index), Some(domain)) = (
        endpoints.position(|endpoint| endpoint.name == name),
        scorer.applicability(),
    ) else {
        return 0;
    };
    let known = domain.molecules.iter();
    let known: HashSet<&str> = known
        .filter(|molecule| molecule.endpoints.contains(&(index as u32)))
        .map(|molecule| molecule.smiles.as_str())
        .collect();
    let treatment = scorer.treatment(options);
    let is_known = parallel::map(molecules, |molecule| {
        let form = Form::new(molecule, treatment).ok();
        let smiles = form.and_then(|form| form.molecule.canonical_smiles().ok());
        smiles.is_some_and(|smiles| known.contains(smiles.as_str()))
    });
    is_known.into_iter().filter(|&is_known| is_known).count()
}

/// Evaluates a model on a table of labels that it has not seen: molecules, each with
/// its label for the endpoint `name` in the endpoint's unit. Metrics are of the numbers
/// that are learnt, as in training: logarithms where the endpoint's
/// [`Transform`](crate::model::Transform) says so.
///
/// Molecules that have no score, or whose label has no such number, are left out; how
/// many are left is in the result. `None` where the model lacks the endpoint.
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
    let rows = predict_values(scorer, molecules, options).await?;
    let (labels, predictions): (Vec<f32>, Vec<f32>) = labels
        .iter()
        .zip(rows)
        .filter_map(|(label, row)| {
            let label = endpoint.transform.forward(*label);
            label.is_finite().then_some((label, row?[index]))
        })
        .unzip();
    Ok(Some(EndpointEvaluation {
        name: endpoint.name.clone(),
        title: endpoint.title.clone(),
        unit: endpoint.learnt_unit(),
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
