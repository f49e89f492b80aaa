//! The Gaussian processes beside the networks of a run.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::finetune::Trainer;
use super::gaussian_process_fit::{self, Validation};
use crate::chemistry::EnvironmentCounts;
use crate::model::EndpointTask;
use crate::model_dir::{self, ModelFiles};
use crate::parallel;
use crate::predict::applicability::{Applicability, TrainingMolecule};
use crate::predict::gaussian_process::{self, Process};
use crate::predict::{PredictOptions, Scorer};
use crate::train::TrainingError;
use crate::train::config::EndpointConfig;
use crate::train::dataset::Example;
use crate::train::evaluation;
use crate::train::progress::Event;

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
        let (all, most) = (self.labels.len(), gaussian_process_fit::MOST);
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
            model_dir::set_applicability(&self.fold_model(fold), &known)?;
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
            let endpoints: Vec<u32> = labelled.map(|(endpoint, _)| endpoint as u32).collect();
            let coefficient = |endpoint: &u32| {
                let fit = fitted.get(*endpoint as usize)?.as_ref();
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
        let files = ModelFiles::read(&self.fold_model(fold))?;
        // A run that was stopped here may have some already.
        let network = Scorer::load(&files, self.device.clone())?.without_gaussian_processes();
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
            let fit = gaussian_process_fit::fit(
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
            let fit = gaussian_process_fit::refit(&train.environments, &train.labels, &of_folds)?;
            Some((fit.process, train.named(fit.coefficients)))
        };
        (0..self.config.endpoints.len()).map(of_endpoint).collect()
    }
}
