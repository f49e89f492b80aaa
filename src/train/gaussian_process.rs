//! The Gaussian processes beside the networks of a run.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::finetune::Trainer;
use crate::chemistry::EnvironmentCounts;
use crate::model::EndpointTask;
use crate::model_dir::{self, ModelFiles, StoringError};
use crate::parallel;
use crate::predict::applicability::{Applicability, TrainingMolecule};
use crate::predict::gaussian_process::{self, Process, Validation};
use crate::predict::{PredictOptions, Scorer};
use crate::train::config::EndpointConfig;
use crate::train::dataset::Example;
use crate::train::evaluation;
use crate::train::progress::Event;
use crate::train::{TrainingError, run_dir};

/// A process, and the coefficients of the examples that it is of.
type Fitted = (Process, HashMap<usize, f32>);

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
        let (all, most) = (self.labels.len(), gaussian_process::MOST);
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

impl Trainer<'_> {
    /// Fits the Gaussian processes of every fold beside its network and stores
    /// them with the molecules that they are of.
    pub(super) async fn fit_processes(
        &self,
        on_event: &mut impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), TrainingError> {
        let environments = parallel::map(self.examples, |example| {
            gaussian_process::environments(&example.molecule).ok()
        });
        let mut of_folds = Vec::new();
        for fold in 0..self.folds.len() + usize::from(self.config.refit) {
            let fitted = if !self.config.gaussian_process {
                Vec::new()
            } else if fold < self.folds.len() {
                self.fit_fold(fold, &environments).await?
            } else {
                self.fit_all(&environments, &of_folds)
            };
            let processes: Vec<Option<Process>> = fitted
                .iter()
                .map(|fit| fit.as_ref().map(|(process, _)| *process))
                .collect();
            let known = self.known(fold, &fitted, processes.clone());
            let bytes = known.to_bytes().map_err(StoringError::from)?;
            run_dir::write_whole(&self.fold_model(fold).join(model_dir::DOMAIN), &bytes)?;
            if !processes.is_empty() {
                let endpoints = self.config.endpoints.iter().zip(&processes);
                let weight = |process: &Option<Process>| process.map_or(0.0, |p| p.weight);
                let weights: Vec<String> = endpoints
                    .map(|(endpoint, process)| format!("{} {:.2}", endpoint.name, weight(process)))
                    .collect();
                let note = format!(
                    "weight of the Gaussian process beside the network: {}",
                    weights.join(", ")
                );
                // Nothing is lost by going on.
                let _ = on_event(Event::Note(note));
            }
            of_folds.push(processes);
        }
        Ok(())
    }

    /// What the model of a fold knows of the molecules that it was trained on.
    fn known(
        &self,
        fold: usize,
        fitted: &[Option<Fitted>],
        processes: Vec<Option<Process>>,
    ) -> Applicability {
        let molecules = self.split(fold).train.into_iter().map(|index| {
            let example = &self.examples[index];
            let labels = example.labels.iter().enumerate();
            let labelled = labels.filter(|(_, label)| label.is_some());
            // The file has a byte for it; further endpoints have none.
            let endpoints: Vec<u8> = labelled
                .filter_map(|(endpoint, _)| u8::try_from(endpoint).ok())
                .collect();
            let coefficient = |endpoint: &u8| {
                let fit = fitted.get(usize::from(*endpoint))?.as_ref();
                fit.and_then(|(_, coefficients)| coefficients.get(&index).copied())
            };
            let coefficients: Vec<Option<f32>> = endpoints.iter().map(coefficient).collect();
            let none = coefficients.iter().all(Option::is_none);
            let written = coefficients.into_iter().filter(|_| !none);
            TrainingMolecule {
                smiles: example.smiles.clone(),
                coefficients: written.map(Option::unwrap_or_default).collect(),
                endpoints,
            }
        });
        let molecules = molecules.collect();
        let unknown = vec![None; self.config.endpoints.len()];
        Applicability::new(unknown, processes, molecules)
    }

    /// The process of every endpoint, of the molecules that `fold` trains on and
    /// chosen by those that it validates on.
    async fn fit_fold(
        &self,
        fold: usize,
        environments: &[Option<EnvironmentCounts>],
    ) -> Result<Vec<Option<Fitted>>, TrainingError> {
        let split = self.split(fold);
        let files = ModelFiles {
            // That of a run which was stopped here.
            domain: None,
            ..ModelFiles::read(&self.fold_model(fold))?
        };
        let network = Scorer::load(&files, self.device.clone())?;
        let smiles = |&index: &usize| self.examples[index].smiles.as_str();
        let valid = split.valid.iter().map(smiles);
        let predicted = evaluation::scores(&network, valid, PredictOptions::default()).await?;
        let of_endpoint = |(endpoint, config): (usize, &EndpointConfig)| {
            let train =
                Labelled::new(self.examples, &split.train, endpoint, environments).thinned();
            let rows = split.valid.iter().zip(&predicted);
            let (scored, values): (Vec<usize>, Vec<f32>) = rows
                .filter(|(index, _)| environments[**index].is_some())
                .filter(|(index, _)| self.examples[**index].labels[endpoint].is_some())
                .filter_map(|(index, row)| Some((*index, row.as_ref()?[endpoint])))
                .unzip();
            let valid = Labelled::new(self.examples, &scored, endpoint, environments);
            let validation = Validation {
                molecules: &valid.environments,
                labels: &valid.labels,
                network: &values,
            };
            let is_probability = config.task == EndpointTask::Classification;
            let fit = gaussian_process::fit(
                &train.environments,
                &train.labels,
                validation,
                is_probability,
            )?;
            Some((fit.process, train.named(fit.coefficients)))
        };
        Ok(self
            .config
            .endpoints
            .iter()
            .enumerate()
            .map(of_endpoint)
            .collect())
    }

    /// The process of every endpoint, of all molecules, as those of the folds are
    /// on average.
    fn fit_all(
        &self,
        environments: &[Option<EnvironmentCounts>],
        of_folds: &[Vec<Option<Process>>],
    ) -> Vec<Option<Fitted>> {
        let all: Vec<usize> = (0..self.examples.len()).collect();
        let of_endpoint = |endpoint: usize| {
            let train = Labelled::new(self.examples, &all, endpoint, environments).thinned();
            let of_folds: Vec<Option<Process>> = of_folds
                .iter()
                .map(|processes| processes[endpoint])
                .collect();
            let fit = gaussian_process::refit(&train.environments, &train.labels, &of_folds)?;
            Some((fit.process, train.named(fit.coefficients)))
        };
        (0..self.config.endpoints.len()).map(of_endpoint).collect()
    }
}
