//! Calibration by held-out molecules: intervals that hold the measured value nine
//! times in ten, and how far a prediction must be supported to be within the
//! applicability domain.
//!
//! A prediction is supported as far as the molecule is similar to training molecules and
//! what was measured for those is what is predicted for it, which matters as much: see
//! [`Calibration::support`]. What support is worth is learnt from molecules
//! that were held out from training: where their least supported tenth begins, a
//! molecule is outside the domain; and the intervals are quantiles of their errors
//! within each band of the domain (split conformal prediction: Vovk, Gammerman &
//! Shafer 2005; by bands, "Mondrian").

use serde::{Deserialize, Serialize};

use super::prediction::Domain;
use crate::model_dir::at_most;

/// Fraction of the measured values that an interval is to hold.
pub const LEVEL: f64 = 0.9;

/// Fraction of the held-out molecules below whose support a molecule is outside, and
/// below whose support it is at the border.
const OUTSIDE: f64 = 0.1;
const AT_THE_BORDER: f64 = 0.3;

/// Fraction of the held-out molecules below whose similarity nothing is supported:
/// neighbours that are unlike a molecule say nothing of it, whether they agree or not.
const UNLIKE: f64 = 0.01;

/// Bands of a domain.
const BANDS: usize = Domain::ALL.len();

/// What held-out molecules say about one band of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Which.
    pub domain: Domain,
    /// Held-out molecules in it.
    pub molecules: usize,
    /// Root of their mean squared error, in the endpoint's unit; of
    /// probabilities for a class.
    pub rmse: f64,
    /// Half the width of the interval, in the endpoint's unit; `None` for a
    /// class, whose prediction is a probability already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<f32>,
}

/// The calibration of one endpoint: where its domain ends, and how wide its
/// intervals are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The endpoint.
    pub endpoint: String,
    /// How far the predictions of held-out molecules lie from what was measured for
    /// their neighbours, in the mean:
    /// [`Nearest::disagreement`](super::neighbours::Nearest::disagreement). `None` where
    /// that is not known, and similarity alone is the support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<f64>,
    /// Similarity below which a molecule is unlike all that is known, and its support 0;
    /// `None` where similarity alone is the support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_similarity: Option<f64>,
    /// Support from which a molecule is at the border and no longer out.
    pub borderline: f64,
    /// Support from which a molecule is in.
    pub within: f64,
    /// The three bands, from out to in.
    #[serde(rename = "parts", deserialize_with = "at_most::<BANDS, _, _>")]
    pub bands: Vec<Band>,
    /// Fraction of held-out values that intervals held which were made without
    /// them; `None` for a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
}

/// A held-out molecule: what was predicted, and how near it was to the training
/// molecules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOut {
    /// Similarity to the nearest molecules that were trained on:
    /// [`Nearest::similarity`](super::neighbours::Nearest::similarity).
    pub similarity: f64,
    /// How far the prediction is from what was measured for those:
    /// [`Nearest::disagreement`](super::neighbours::Nearest::disagreement).
    pub disagreement: Option<f64>,
    /// The measured value.
    pub label: f32,
    /// The prediction.
    pub prediction: f32,
}

impl Calibration {
    /// Held-out molecules that it takes at least.
    pub const FEWEST: usize = 20;

    /// Learns the domain of `endpoint` from held-out molecules; `None` where
    /// there are fewer than [`Self::FEWEST`]. `is_quantity` says whether intervals mean
    /// something.
    pub fn fit(endpoint: &str, held_out: &[HeldOut], is_quantity: bool) -> Option<Self> {
        if held_out.len() < Self::FEWEST {
            return None;
        }
        let mut domain = Self {
            endpoint: endpoint.to_owned(),
            disagreement: mean_disagreement(held_out),
            least_similarity: None,
            borderline: 0.0,
            within: 0.0,
            bands: Vec::new(),
            coverage: None,
        };
        if domain.disagreement.is_some() {
            let similarities = held_out.iter().map(|one| one.similarity);
            domain.least_similarity = Some(quantile(similarities, UNLIKE));
        }
        let supports: Vec<f64> = (held_out.iter())
            .map(|one| domain.support(one.similarity, one.disagreement))
            .collect();
        domain.borderline = quantile(supports.iter().copied(), OUTSIDE);
        domain.within = quantile(supports.into_iter(), AT_THE_BORDER);
        let all: Vec<&HeldOut> = held_out.iter().collect();
        domain.bands = domain.bands_of(&all, is_quantity);
        domain.coverage = is_quantity.then(|| domain.cross_coverage(&all));
        Some(domain)
    }

    /// How far a prediction is supported by training molecules, from 0 to 1: their
    /// similarity, halved where they disagree with it as those of held-out molecules do
    /// in the mean, and so on: `similarity / (1 + disagreement / mean)`. A prediction
    /// that its neighbours contradict errs more than one that has none near, for classes
    /// above all; their similarity alone does not tell (similarity, accuracy and
    /// concordance make up the applicability domain index of VEGA, Benfenati et al. 2013).
    /// 0 where they are [unlike it](Self::least_similarity).
    pub fn support(&self, similarity: f64, disagreement: Option<f64>) -> f64 {
        if self
            .least_similarity
            .is_some_and(|least| similarity < least)
        {
            return 0.0;
        }
        match (self.disagreement, disagreement) {
            (Some(mean), Some(own)) => similarity / (1.0 + own / mean),
            _ => similarity,
        }
    }

    /// The band that a [`support`](Self::support) falls in.
    pub fn domain(&self, support: f64) -> Domain {
        if support >= self.within {
            Domain::In
        } else if support >= self.borderline {
            Domain::Borderline
        } else {
            Domain::Out
        }
    }

    /// Half the width of the interval of a molecule in `domain`.
    pub fn half_width(&self, domain: Domain) -> Option<f32> {
        let part = self.bands.iter().find(|part| part.domain == domain)?;
        part.half_width
    }

    fn domain_of(&self, one: &HeldOut) -> Domain {
        self.domain(self.support(one.similarity, one.disagreement))
    }

    fn bands_of(&self, held_out: &[&HeldOut], is_quantity: bool) -> Vec<Band> {
        let errors = |domain: Option<Domain>| -> Vec<f64> {
            held_out
                .iter()
                .filter(|one| domain.is_none_or(|domain| self.domain_of(one) == domain))
                .map(|one| f64::from((one.prediction - one.label).abs()))
                .collect()
        };
        let rmse = |errors: &[f64]| {
            let squares: f64 = errors.iter().map(|error| error * error).sum();
            (squares / errors.len().max(1) as f64).sqrt()
        };
        let whole = interval(errors(None)).unwrap_or(f64::INFINITY);
        let mut bands: Vec<Band> = Domain::ALL
            .into_iter()
            .map(|domain| {
                let errors = errors(Some(domain));
                Band {
                    domain,
                    molecules: errors.len(),
                    rmse: rmse(&errors),
                    // Too few of its own: the quantile over all.
                    half_width: is_quantity.then(|| interval(errors).unwrap_or(whole) as f32),
                }
            })
            .collect();
        // Farther out nothing is known better.
        for i in (0..bands.len().saturating_sub(1)).rev() {
            bands[i].half_width = bands[i]
                .half_width
                .zip(bands[i + 1].half_width)
                .map(|(own, inner)| own.max(inner));
        }
        bands
    }

    /// The coverage of intervals made from four fifths for the other fifth.
    fn cross_coverage(&self, held_out: &[&HeldOut]) -> f64 {
        const FOLDS: usize = 5;
        let mut held = 0;
        for fold in 0..FOLDS {
            let part = |own: bool| -> Vec<&HeldOut> {
                let all = held_out.iter().enumerate();
                all.filter(|(i, _)| (i % FOLDS == fold) == own)
                    .map(|(_, one)| *one)
                    .collect()
            };
            let made = Self {
                bands: self.bands_of(&part(false), true),
                ..self.clone()
            };
            held += part(true)
                .iter()
                .filter(|one| {
                    let width = made.half_width(made.domain_of(one));
                    width.is_some_and(|width| (one.prediction - one.label).abs() <= width)
                })
                .count();
        }
        held as f64 / held_out.len().max(1) as f64
    }

    pub(crate) fn is_sound(&self) -> bool {
        let finite = self.bands.iter().all(|part| {
            part.half_width
                .is_none_or(|width| width >= 0.0 && !width.is_nan())
        });
        let least = (self.least_similarity).is_none_or(|least| (0.0..=1.0).contains(&least));
        let told = least && (self.disagreement).is_none_or(|mean| mean > 0.0 && mean.is_finite());
        let ordered = 0.0 <= self.borderline && self.borderline <= self.within;
        finite && told && ordered && self.within <= 1.0
    }
}

/// The value below which this fraction of `values` lies, which are some.
fn quantile(values: impl Iterator<Item = f64>, fraction: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * fraction) as usize;
    values[place.min(values.len() - 1)]
}

/// Of those that have one, as all have with a neighbour that is similar at all; `None`
/// where the measured values are not known, or all agree to the last digit.
fn mean_disagreement(held_out: &[HeldOut]) -> Option<f64> {
    let known: Vec<f64> = held_out.iter().filter_map(|one| one.disagreement).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    (mean > 0.0 && mean.is_finite()).then_some(mean)
}

/// The smallest bound that holds [`LEVEL`] of the values that may come, given
/// `errors` that came; `None` where they are too few to say.
fn interval(mut errors: Vec<f64>) -> Option<f64> {
    errors.sort_by(f64::total_cmp);
    let place = ((errors.len() + 1) as f64 * LEVEL).ceil() as usize;
    errors.get(place.checked_sub(1)?).copied()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Errors that grow as the similarity falls.
    pub(crate) fn held_out(n: usize) -> Vec<HeldOut> {
        (0..n)
            .map(|i| {
                let similarity = (i % 100) as f64 / 100.0;
                // From -1 to 1, in no step with the similarity.
                let noise = ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * 2.0;
                HeldOut {
                    similarity,
                    disagreement: None,
                    label: 1.0,
                    prediction: 1.0 + noise * (1.5 - similarity as f32),
                }
            })
            .collect()
    }

    #[test]
    fn intervals_hold_nine_in_ten_and_widen_outwards() {
        let domain = Calibration::fit("x", &held_out(2000), true).expect("enough");
        assert_eq!((domain.borderline, domain.within), (0.1, 0.3));
        let widths: Vec<f32> = domain.bands.iter().filter_map(|p| p.half_width).collect();
        assert!(widths[0] > widths[1] && widths[1] > widths[2], "{widths:?}");
        let coverage = domain.coverage.expect("a quantity");
        assert!((coverage - LEVEL).abs() < 0.03, "{coverage}");
        assert!(domain.bands[0].rmse > domain.bands[2].rmse);
        assert_eq!(domain.domain(0.05), Domain::Out);
        assert_eq!(domain.domain(0.1), Domain::Borderline);
        assert_eq!(domain.domain(0.9), Domain::In);
    }

    #[test]
    fn what_neighbours_contradict_is_farther_out() {
        // Errors that grow with the disagreement, and not as the similarity falls.
        let contradicted: Vec<HeldOut> = (held_out(2000).into_iter().enumerate())
            .map(|(i, one)| {
                let disagreement = (i % 7) as f64 / 3.0;
                let noise = ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * 2.0;
                HeldOut {
                    disagreement: Some(disagreement),
                    prediction: 1.0 + noise * disagreement as f32,
                    ..one
                }
            })
            .collect();
        let domain = Calibration::fit("x", &contradicted, true).expect("enough");
        let mean = domain.disagreement.expect("all have one");
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert!((domain.support(0.8, Some(mean)) - 0.4).abs() < 1e-12);
        assert_eq!(domain.support(0.8, Some(0.0)), 0.8);
        assert_eq!(domain.support(0.8, None), 0.8);
        // Unlike all of them, and none disagrees.
        assert_eq!(domain.least_similarity, Some(0.01));
        assert_eq!(domain.support(0.005, Some(0.0)), 0.0);
        assert_eq!(domain.domain(domain.support(0.005, Some(0.0))), Domain::Out);
        let [out, _, within] = &domain.bands[..] else {
            panic!("three bands");
        };
        assert!(out.rmse > 1.1 * within.rmse, "{:?}", domain.bands);
        // Without measured values similarity alone decides.
        let domain = Calibration::fit("x", &held_out(2000), true).expect("enough");
        assert_eq!((domain.disagreement, domain.borderline), (None, 0.1));
    }

    #[test]
    fn too_few_molecules_make_no_domain_and_classes_no_interval() {
        assert_eq!(Calibration::fit("x", &held_out(19), true), None);
        let class = Calibration::fit("x", &held_out(100), false).expect("enough");
        assert!(class.bands.iter().all(|part| part.half_width.is_none()));
        assert_eq!(class.coverage, None);
    }

    #[test]
    fn a_quantile_of_too_few_errors_is_none() {
        assert_eq!(interval(vec![1.0; 8]), None);
        assert_eq!(interval((1..=9).map(f64::from).collect()), Some(9.0));
        assert_eq!(interval((1..=19).map(f64::from).collect()), Some(18.0));
    }
}
