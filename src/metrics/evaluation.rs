//! What a run writes about its held-out molecules: `evaluation.json` and
//! `predictions.csv`. Whoever shows or compares them reads these types.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::{Interval, Metrics};
use crate::model::EndpointTask;

/// `evaluation.json`: how good a model is, endpoint by endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// SMILES that each molecule was read as: 1 is the canonical one alone.
    #[serde(default = "one_reading")]
    pub readings: NonZeroUsize,
    /// One entry an endpoint.
    pub endpoints: Vec<EndpointEvaluation>,
}

fn one_reading() -> NonZeroUsize {
    NonZeroUsize::MIN
}

/// How good a model is at one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointEvaluation {
    /// Name of the endpoint.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Unit of its values.
    pub unit: String,
    /// What it asks for.
    pub task: EndpointTask,
    /// One entry for each part of the data with all folds together, then one
    /// for each part of each fold where there are several.
    pub splits: Vec<SplitEvaluation>,
}

/// How good a model is at one endpoint on one part of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitEvaluation {
    /// `train`, `valid` or `test`.
    pub split: String,
    /// The fold, from 0; absent where all folds are taken together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Molecules with a label.
    pub molecules: usize,
    /// The model's metrics.
    pub model: Metrics,
    /// Those of its network alone, where it has Gaussian processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Metrics>,
    /// Those of the endpoint's Gaussian process alone, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Metrics>,
    /// The baseline's on the same molecules, where there is one.
    pub baseline: Option<Metrics>,
}

/// Whose predictions of the same molecules are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PredictionSource {
    /// The model as it is used: its network, or the weighted mean of network and
    /// Gaussian process where it has one.
    Model,
    /// Its network alone.
    Network,
    /// Its Gaussian process alone.
    GaussianProcess,
    /// The random forest on ECFP4 fingerprints that was fitted to the same
    /// molecules.
    Baseline,
}

impl PredictionSource {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [
        Self::Model,
        Self::Network,
        Self::GaussianProcess,
        Self::Baseline,
    ];
}

impl EndpointEvaluation {
    /// A part of the data (`valid`, `test`), all folds together.
    pub fn pooled(&self, split: &str) -> Option<&SplitEvaluation> {
        let mut splits = self.splits.iter();
        splits.find(|of| of.split == split && of.fold.is_none())
    }

    /// A part of the data in each fold; none where there is one fold.
    pub fn folds(&self, split: &str) -> impl Iterator<Item = &SplitEvaluation> {
        let splits = self.splits.iter();
        splits.filter(move |of| of.split == split && of.fold.is_some())
    }
}

impl SplitEvaluation {
    /// The metrics of `source`, where it was there to be evaluated.
    pub fn metrics(&self, source: PredictionSource) -> Option<&Metrics> {
        match source {
            PredictionSource::Model => Some(&self.model),
            PredictionSource::Network => self.network.as_ref(),
            PredictionSource::GaussianProcess => self.process.as_ref(),
            PredictionSource::Baseline => self.baseline.as_ref(),
        }
    }

    /// The metric `name` of `source`, where it is defined.
    pub fn metric(&self, source: PredictionSource, name: &str) -> Option<Interval> {
        *self.metrics(source)?.get(name)?
    }
}

/// A row of `predictions.csv`: the label of a held-out molecule, and what each
/// source predicts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PredictionRow {
    /// The fold, from 0.
    #[serde(default)]
    pub fold: usize,
    /// `valid` or `test`.
    pub split: String,
    /// Name of the endpoint.
    pub endpoint: String,
    /// The molecule.
    #[serde(default)]
    pub smiles: String,
    /// What was measured.
    pub label: f32,
    /// The model's prediction.
    pub prediction: f32,
    /// Its network's, where that is not the prediction.
    #[serde(default)]
    pub network: Option<f32>,
    /// Its Gaussian process's, where it has one.
    #[serde(default)]
    pub process: Option<f32>,
    /// The baseline's, where there is one.
    #[serde(default)]
    pub baseline: Option<f32>,
}

impl PredictionRow {
    /// The columns of the file, in their order.
    pub const COLUMNS: [&str; 9] = [
        "fold",
        "split",
        "endpoint",
        "smiles",
        "label",
        "prediction",
        "network",
        "process",
        "baseline",
    ];

    /// What `source` predicts, where it does.
    pub fn value(&self, source: PredictionSource) -> Option<f32> {
        match source {
            PredictionSource::Model => Some(self.prediction),
            PredictionSource::Network => self.network,
            PredictionSource::GaussianProcess => self.process,
            PredictionSource::Baseline => self.baseline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evaluation_is_written_as_documented() {
        let interval = Some(Interval {
            value: 0.5,
            low: 0.25,
            high: 1.0,
        });
        let evaluation = Evaluation {
            readings: NonZeroUsize::MIN,
            endpoints: vec![EndpointEvaluation {
                name: "esol".to_owned(),
                title: "Solubility".to_owned(),
                unit: "log mol/L".to_owned(),
                task: EndpointTask::Regression,
                splits: vec![SplitEvaluation {
                    split: "test".to_owned(),
                    fold: None,
                    molecules: 3,
                    model: [("r2".to_owned(), None), ("rmse".to_owned(), interval)].into(),
                    network: None,
                    process: None,
                    baseline: None,
                }],
            }],
        };
        let text = serde_json::to_string(&evaluation).expect("JSON");
        assert_eq!(
            text,
            "{\"readings\":1,\"endpoints\":[{\"name\":\"esol\",\"title\":\"Solubility\",\"unit\":\"log mol/L\",\
             \"task\":\"regression\",\"splits\":[{\"split\":\"test\",\"molecules\":3,\
             \"model\":{\"r2\":null,\"rmse\":{\"value\":0.5,\"low\":0.25,\"high\":1.0}},\
             \"baseline\":null}]}]}"
        );
        let again: Evaluation = serde_json::from_str(&text).expect("JSON");
        assert_eq!(again, evaluation);
    }

    #[test]
    fn a_row_of_predictions_is_read_by_its_columns_and_those_of_older_runs_may_lack() {
        let read = |text: &str| -> PredictionRow {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let row = reader.deserialize().next().expect("a row");
            row.expect("as documented")
        };
        let head = PredictionRow::COLUMNS.join(",");
        let row = read(&format!("{head}\n1,test,esol,C,0.5,0.25,0.75,,1e-5\n"));
        let values = PredictionSource::ALL.map(|source| row.value(source));
        assert_eq!(values, [Some(0.25), Some(0.75), None, Some(1e-5)]);
        let old = read("split,endpoint,label,prediction\ntest,esol,0.5,0.25\n");
        let expected = PredictionRow {
            fold: 0,
            smiles: String::new(),
            network: None,
            baseline: None,
            ..row
        };
        assert_eq!(old, expected);
    }
}
