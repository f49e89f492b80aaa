//! The Gaussian processes beside the networks of a run.

use std::collections::HashMap;
use std::path::PathBuf;

use super::TrainingError;
use super::dataset::{Dataset, Example};
use super::gaussian_process_fit::{self, Validation};
use super::predicted::predict_values;
use crate::chemistry::{ECFP4, EnvironmentCounts};
use crate::device::Device;
use crate::model::{Endpoint, EndpointTask};
use crate::model_dir::{self, ModelFiles};
use crate::parallel;
use crate::predict::applicability::{ApplicabilityDomain, TrainingMolecule};
use crate::predict::gaussian_process::{self, GaussianProcess};
use crate::predict::{PredictOptions, Scorer};
use crate::records::Structure;

/// A process, and the coefficients of the examples that it is of.
type Fitted = (GaussianProcess, HashMap<usize, f32>);

/// The examples with a label for an endpoint.
struct Labelled<'a> {
    examples: Vec<usize>,
    environments: Vec<&'a EnvironmentCounts>,
    labels: Vec<f32>,
}

impl<'a> Labelled<'a> {
    fn new(
        examples: &[Example],
        part: &[usize],
        endpoint: usize,
        environments: &'a [Option<EnvironmentCounts>],
    ) -> Self {
        let mut labelled = Self {
            examples: Vec::new(),
            environments: Vec::new(),
            labels: Vec::new(),
        };
        for &index in part {
            if let (Some(label), Some(own)) =
                (examples[index].labels[endpoint], &environments[index])
            {
                labelled.examples.push(index);
                labelled.environments.push(own);
                labelled.labels.push(label);
            }
        }
        labelled
    }

    /// As many as a process can be of, evenly spaced: like the whole, be it in
    /// random order, sorted by scaffold or as in its table.
    fn thinned(self) -> Self {
        let (all, most) = (self.labels.len(), gaussian_process_fit::MAX_POINTS);
        if all <= most {
            return self;
        }
        let kept = || (0..most).map(|i| i * all / most);
        Self {
            examples: kept().map(|i| self.examples[i]).collect(),
            environments: kept().map(|i| self.environments[i]).collect(),
            labels: kept().map(|i| self.labels[i]).collect(),
        }
    }

    fn named(&self, coefficients: Vec<f32>) -> HashMap<usize, f32> {
        self.examples.iter().copied().zip(coefficients).collect()
    }
}

/// Stores with the network of every fold of `data`, and with that of all
/// molecules where there is a further one in `models`, the molecules that it was
/// trained on and, if these are `wanted`, Gaussian processes over them.
pub(super) async fn store_with_networks(
    data: &Dataset,
    models: &[PathBuf],
    wanted: bool,
    device: &Device,
    mut on_note: impl FnMut(String),
) -> Result<(), TrainingError> {
    let fits = Fits {
        data,
        environments: parallel::map(&data.examples, |example| {
            gaussian_process::environments(&example.molecule).ok()
        }),
        device,
    };
    let mut of_folds = Vec::new();
    for (fold, model) in models.iter().enumerate() {
        let fitted = if !wanted {
            Vec::new()
        } else if fold < data.folds.len() {
            fits.fit_fold(fold, &ModelFiles::read(model)?).await?
        } else {
            fits.fit_all(&of_folds)
        };
        let processes: Vec<Option<GaussianProcess>> = fitted
            .iter()
            .map(|fit| fit.as_ref().map(|(process, _)| *process))
            .collect();
        let known = fits.known(fold, &fitted, processes.clone());
        model_dir::set_applicability(model, &known)?;
        if !processes.is_empty() {
            let endpoints = data.endpoints.iter().zip(&processes);
            let weight = |process: &Option<GaussianProcess>| process.map_or(0.0, |p| p.weight);
            let weights: Vec<String> = endpoints
                .map(|(endpoint, process)| format!("{} {:.2}", endpoint.name, weight(process)))
                .collect();
            on_note(format!(
                "mixing weight of the Gaussian process: {}",
                weights.join(", ")
            ));
        }
        of_folds.push(processes);
    }
    Ok(())
}

/// A measured value as it is shown: four digits are more than any is known to.
fn significant(value: f32) -> f32 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// What all fits are of.
struct Fits<'a> {
    data: &'a Dataset,
    /// Of every example.
    environments: Vec<Option<EnvironmentCounts>>,
    device: &'a Device,
}

impl Fits<'_> {
    /// What the model of a fold knows of the molecules that it was trained on.
    fn known(
        &self,
        fold: usize,
        fitted: &[Option<Fitted>],
        processes: Vec<Option<GaussianProcess>>,
    ) -> ApplicabilityDomain {
        let molecules = self.data.known(fold).into_iter().map(|index| {
            let example = &self.data.examples[index];
            let labels = example.labels.iter().enumerate();
            let labelled = labels.filter(|(_, label)| label.is_some());
            let endpoints: Vec<u32> = labelled.map(|(endpoint, _)| endpoint as u32).collect();
            let coefficient = |endpoint: &u32| {
                let fit = fitted.get(*endpoint as usize)?.as_ref();
                fit.and_then(|(_, coefficients)| coefficients.get(&index).copied())
            };
            let coefficients: Vec<Option<f32>> = endpoints.iter().map(coefficient).collect();
            let none = coefficients.iter().all(Option::is_none);
            let written = coefficients.into_iter().filter(|_| !none);
            let measured = endpoints.iter().map(|&endpoint| {
                let transform = self.data.endpoints[endpoint as usize].transform;
                let label = example.labels[endpoint as usize].unwrap_or_default();
                significant(transform.inverse(label))
            });
            TrainingMolecule {
                smiles: example.smiles.clone(),
                measured: measured.collect(),
                ecfp4: (self.environments[index].as_ref()).map(|own| own.fold(ECFP4.bits).into()),
                dual_coefficients: written.map(Option::unwrap_or_default).collect(),
                endpoints,
            }
        });
        let molecules = molecules.collect();
        let unknown = vec![None; self.data.endpoints.len()];
        ApplicabilityDomain::new(unknown, processes, molecules)
    }

    /// The process of every endpoint, of the molecules that `fold` trains on and
    /// chosen by those that it validates on.
    async fn fit_fold(
        &self,
        fold: usize,
        files: &ModelFiles<'_>,
    ) -> Result<Vec<Option<Fitted>>, TrainingError> {
        let (examples, environments) = (&self.data.examples, &self.environments);
        let split = self.data.split(fold);
        // A run that was stopped here may have some already.
        let network = Scorer::load(files, self.device.clone())?.without_gaussian_processes();
        let structure = |&index: &usize| Structure::from(examples[index].smiles.as_str());
        let valid: Vec<Structure> = split.valid.iter().map(structure).collect();
        let predicted = predict_values(&network, &valid, PredictOptions::default()).await?;
        let of_endpoint = |(endpoint, of_model): (usize, &Endpoint)| {
            let train = Labelled::new(examples, &split.train, endpoint, environments).thinned();
            let rows = split.valid.iter().zip(&predicted);
            let (scored, values): (Vec<usize>, Vec<f32>) = rows
                .filter(|(index, _)| environments[**index].is_some())
                .filter(|(index, _)| examples[**index].labels[endpoint].is_some())
                .filter_map(|(index, row)| Some((*index, row.as_ref()?[endpoint])))
                .unzip();
            let valid = Labelled::new(examples, &scored, endpoint, environments);
            let validation = Validation {
                molecules: &valid.environments,
                labels: &valid.labels,
                network: &values,
            };
            let is_probability = of_model.task == EndpointTask::Classification;
            let fit = gaussian_process_fit::fit(
                &train.environments,
                &train.labels,
                validation,
                is_probability,
            )?;
            Some((fit.process, train.named(fit.coefficients)))
        };
        let endpoints = self.data.endpoints.iter();
        Ok(endpoints.enumerate().map(of_endpoint).collect())
    }

    /// The process of every endpoint, of all molecules, as those of the folds are
    /// on average.
    fn fit_all(&self, of_folds: &[Vec<Option<GaussianProcess>>]) -> Vec<Option<Fitted>> {
        let (examples, environments) = (&self.data.examples, &self.environments);
        let all: Vec<usize> = (0..examples.len()).collect();
        let of_endpoint = |endpoint: usize| {
            let train = Labelled::new(examples, &all, endpoint, environments).thinned();
            let of_folds: Vec<Option<GaussianProcess>> = of_folds
                .iter()
                .map(|processes| processes[endpoint])
                .collect();
            let fit = gaussian_process_fit::refit(&train.environments, &train.labels, &of_folds)?;
            Some((fit.process, train.named(fit.coefficients)))
        };
        (0..self.data.endpoints.len()).map(of_endpoint).collect()
    }
}
