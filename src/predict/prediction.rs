//! What the model says of one molecule at one endpoint, and what a run gives.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::standardize::Standardization;
use crate::model::{Endpoint, EndpointTask, ReferenceMolecules};
use crate::records::RowError;

/// The prediction of one endpoint for one molecule.
///
/// Made by the scorer and handed on as it is: to the writers, to the page, to
/// every binding. In JSON, and so in JavaScript:
///
/// ```text
/// {"endpoint": "esol", "unit": "log mol/L", "task": "regression", "value": -2.1,
///  "interval": {"low": -3.0, "high": -1.2}, "domain": "in", "domain_reason": null,
///  "nearest": {"smiles": "CCO", "similarity": 0.62}, "percentile": 61.5}
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    endpoint: Arc<Endpoint>,
    /// A quantity in [`Self::unit`]; for a class, the probability of belonging to
    /// it, 0 to 1. Always finite, and within the endpoint's
    /// [range](Endpoint::range).
    pub value: f32,
    /// Holds the measured value nine times in ten. `None` for a class, whose value
    /// is a probability already, for a model that is not calibrated, and where
    /// uncertainty was not asked for.
    pub interval: Option<Interval>,
    /// How the molecule stands to those that the model was trained on. `None` for a
    /// model that is not calibrated, and where uncertainty was not asked for.
    pub domain: Option<Domain>,
    /// Whether the molecule lacks what the endpoint [requires](Endpoint::requires): the value
    /// means nothing. Where `domain` is known it is outside, and [`Self::domain_reason`] says
    /// so.
    pub is_undefined: bool,
    /// The nearest molecule with a label for the endpoint; `None` as above.
    pub nearest: Option<Arc<Neighbour>>,
}

/// The bounds of a 90 % prediction interval, in the endpoint's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
pub struct Interval {
    /// Lower bound.
    pub low: f32,
    /// Upper bound.
    pub high: f32,
}

/// How far a prediction is supported by the molecules that a model was trained on: by how
/// similar they are, and how near to it lies what was measured for them. See
/// [`Calibration::support`](super::applicability::Calibration::support).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Less support than nine in ten held-out molecules have, or an endpoint that is [not
    /// defined](Prediction::is_undefined) for the molecule: a guess.
    Out,
    /// Less support than seven in ten held-out molecules have.
    Borderline,
    /// As much support as seven in ten held-out molecules have, or more.
    In,
}

impl Domain {
    /// All bands, from out to in.
    pub const ALL: [Self; 3] = [Self::Out, Self::Borderline, Self::In];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Borderline => "borderline",
            Self::In => "in",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The nearest molecule that was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Neighbour {
    /// Its canonical SMILES.
    pub smiles: String,
    /// Tanimoto similarity of its ECFP4 fingerprint, 0 to 1.
    pub similarity: f64,
    /// What was measured for it, in the endpoint's unit, or its class; `None` where the
    /// model does not hold it.
    pub measured: Option<f32>,
}

/// How far a value can be trusted, before it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Uncertainty {
    pub(crate) domain: Option<Domain>,
    /// Half the width of the interval, in the endpoint's unit.
    pub(crate) half_width: Option<f32>,
    pub(crate) nearest: Option<Arc<Neighbour>>,
}

impl Prediction {
    /// A value, and no word of how far it can be trusted.
    pub fn new(endpoint: Arc<Endpoint>, value: f32) -> Self {
        Self {
            endpoint,
            value,
            interval: None,
            domain: None,
            is_undefined: false,
            nearest: None,
        }
    }

    /// From what a head says, in the numbers that are learnt.
    fn with(
        endpoint: &Arc<Endpoint>,
        number: f32,
        is_undefined: bool,
        uncertainty: Uncertainty,
    ) -> Self {
        let value = |number| endpoint.within_range(endpoint.transform.inverse(number));
        Self {
            endpoint: Arc::clone(endpoint),
            value: value(number),
            interval: uncertainty.half_width.map(|width| Interval {
                low: value(number - width),
                high: value(number + width),
            }),
            domain: uncertainty.domain,
            is_undefined,
            nearest: uncertainty.nearest,
        }
    }

    /// One prediction an endpoint, to which the others are parallel; `uncertainties` may be
    /// none.
    pub(crate) fn all(
        endpoints: &[Arc<Endpoint>],
        values: &[f32],
        undefined: &[bool],
        uncertainties: Option<Vec<Uncertainty>>,
    ) -> Vec<Self> {
        let mut uncertainties = uncertainties.into_iter().flatten();
        let all = endpoints.iter().zip(values).zip(undefined);
        all.map(|((endpoint, &value), &is_undefined)| {
            let uncertainty = uncertainties.next().unwrap_or_default();
            Self::with(endpoint, value, is_undefined, uncertainty)
        })
        .collect()
    }

    /// The endpoint's name, such as `esol`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint.name
    }

    /// The endpoint's name for people, such as `Aqueous solubility`.
    pub fn title(&self) -> &str {
        &self.endpoint.title
    }

    /// The unit of the value, such as `log mol/L`; empty for a pure number and for
    /// a probability.
    pub fn unit(&self) -> &str {
        &self.endpoint.unit
    }

    /// The endpoint: what it is, what its values mean, and where their data come from.
    pub fn definition(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where the value stands among the model's reference molecules, from 0 to 100: see
    /// [`Endpoint::percentile`]. `None` for a model that has none, and where the endpoint is
    /// not defined for the molecule.
    pub fn percentile(&self) -> Option<f32> {
        let percentile = self.endpoint.percentile(self.value);
        percentile.filter(|_| !self.is_undefined)
    }

    /// Where the value stands, in words: see [`Endpoint::standing`]. `None` where
    /// [`Self::percentile`] is.
    pub fn standing(&self, reference: &ReferenceMolecules) -> Option<String> {
        let standing = self.endpoint.standing(self.value, reference);
        standing.filter(|_| !self.is_undefined)
    }

    /// Why the molecule is outside the domain, where that is not for want of support: it lacks
    /// what the endpoint requires. `None` where `domain` is.
    pub fn domain_reason(&self) -> Option<&str> {
        let requires = self.endpoint.requires.as_ref();
        requires
            .filter(|_| self.is_undefined && self.domain.is_some())
            .map(|requires| requires.reason.as_str())
    }

    /// Whether value and interval are finite.
    pub(crate) fn is_finite(&self) -> bool {
        let bounds = self.interval.map_or([0.0; 2], |i| [i.low, i.high]);
        bounds.iter().chain([&self.value]).all(|v| v.is_finite())
    }

    /// The value in the numbers that are learnt: its logarithm where the endpoint's
    /// [`Transform`](crate::model::Transform) says so.
    pub(crate) fn learnt(&self) -> f32 {
        self.endpoint.transform.forward(self.value)
    }

    /// Whether the value is a probability.
    pub fn is_probability(&self) -> bool {
        self.endpoint.task == EndpointTask::Classification
    }
}

impl fmt::Display for Prediction {
    /// `esol: -0.53 log mol/L`, or with an interval `esol: -0.53 log mol/L [-1.20, 0.14]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.2}", self.endpoint(), self.value)?;
        if !self.unit().is_empty() {
            write!(f, " {}", self.unit())?;
        }
        if let Some(Interval { low, high }) = self.interval {
            write!(f, " [{low:.2}, {high:.2}]")?;
        }
        Ok(())
    }
}

/// The prediction of one endpoint for one molecule, as it is serialised.
#[derive(Serialize)]
#[cfg_attr(
    feature = "typescript",
    derive(tsify::Tsify),
    tsify(missing_as_null, rename = "Prediction")
)]
#[serde(rename = "Prediction")]
struct PredictionFields<'a> {
    endpoint: &'a str,
    unit: &'a str,
    task: EndpointTask,
    value: f32,
    interval: Option<Interval>,
    domain: Option<Domain>,
    domain_reason: Option<&'a str>,
    nearest: Option<&'a Neighbour>,
    percentile: Option<f32>,
}

impl Serialize for Prediction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PredictionFields {
            endpoint: self.endpoint(),
            unit: self.unit(),
            task: self.endpoint.task,
            value: self.value,
            interval: self.interval,
            domain: self.domain,
            domain_reason: self.domain_reason(),
            nearest: self.nearest.as_deref(),
            percentile: self.percentile(),
        }
        .serialize(serializer)
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows that have a result or an error.
    pub done: usize,
    /// All rows of the call.
    pub total: usize,
}

/// For a run that nobody watches: goes on to its last row.
pub async fn without_interruption(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Why a run ended before its last row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// The caller asked for it.
    #[error("cancelled")]
    Cancelled,
    /// The model predicts no endpoint.
    #[error("the model has no endpoints: fine-tune it first, or ask for embeddings")]
    NoEndpoints,
    /// The device failed; its memory, and with it the model, may be gone.
    #[error("the device failed: {0}; open it again, or use the device `cpu`")]
    Device(String),
}

/// What a run gave, row by row: predictions, or an embedding.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcomes<T> {
    /// One entry a row, in order: its result, its error, or `None` where the run
    /// ended before it.
    pub rows: Vec<Option<Result<T, RowError>>>,
    /// One entry a row: what was done to its molecule, or `None` where it has no
    /// standard form.
    pub standardizations: Vec<Option<Standardization>>,
    /// Why the run ended early, if it did.
    pub stop: Option<Stop>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Transform, ValueRange};

    #[test]
    fn values_and_intervals_end_at_the_range_of_the_endpoint() {
        let percent = Arc::new(Endpoint {
            name: "human_fup".to_owned(),
            unit: "%".to_owned(),
            transform: Transform::Log10,
            range: Some(ValueRange {
                low: 0.0,
                high: 100.0,
            }),
            ..Endpoint::default()
        });
        let predicted = |number, half_width| {
            let uncertainty = Uncertainty {
                half_width: Some(half_width),
                ..Uncertainty::default()
            };
            Prediction::with(&percent, number, false, uncertainty)
        };
        let high = predicted(1.5, 1.0);
        assert_eq!(high.value, Transform::Log10.inverse(1.5));
        let interval = high.interval.expect("a width was given");
        assert_eq!(interval.low, Transform::Log10.inverse(0.5));
        assert_eq!(interval.high, 100.0);
        assert_eq!(predicted(2.5, 1.0).value, 100.0);
        // A broken number is not made a plausible one.
        for broken in [f32::NAN, f32::INFINITY, 1e30] {
            assert!(!predicted(broken, 1.0).is_finite(), "{broken}");
            assert!(!predicted(1.0, broken).is_finite(), "{broken}");
        }
    }
}
