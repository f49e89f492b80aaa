//! How good predictions and rankings are.
//!
//! - Regression: RMSE, MAE, R², as scikit-learn defines them.
//! - Classification: ROC-AUC with ties by midranks, and PR-AUC as average
//!   precision, as scikit-learn's `average_precision_score`.
//! - Rankings: AUROC, BEDROC (Truchon & Bayly 2007, J. Chem. Inf. Model. 47,
//!   488) and the enrichment factor, as RDKit's `ML.Scoring`.
//!
//! A metric that is not defined for the data (one class only, labels all
//! alike, nothing at all) is `None` and never a number that looks like one.
//! Intervals are percentile bootstraps over molecules.
//!
//! What a figure about predictions shows is in [`curves`]; what a run's
//! `evaluation.json` holds, in [`Evaluation`].

pub mod curves;
mod evaluation;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::model::EndpointTask;

pub use evaluation::{
    EndpointEvaluation, Evaluation, PredictionRow, PredictionSource, SplitEvaluation,
};

/// Root mean squared error, in the unit of the labels; `None` without pairs.
pub fn rmse(labels: &[f32], predictions: &[f32]) -> Option<f64> {
    Regression::new(labels, predictions).rmse(&One)
}

/// Mean absolute error, in the unit of the labels; `None` without pairs.
pub fn mae(labels: &[f32], predictions: &[f32]) -> Option<f64> {
    Regression::new(labels, predictions).mae(&One)
}

/// Coefficient of determination, at most 1; `None` where the labels are all
/// alike.
pub fn r2(labels: &[f32], predictions: &[f32]) -> Option<f64> {
    Regression::new(labels, predictions).r2(&One)
}

/// Area under the ROC curve: the probability that a positive scores above a
/// negative, ties counting half; `None` unless both classes occur.
pub fn roc_auc(labels: &[bool], scores: &[f32]) -> Option<f64> {
    Classification::new(labels, scores).roc_auc(&One)
}

/// Area under the precision-recall curve as average precision: the sum of
/// precision times the rise in recall over the distinct scores, without
/// interpolation; `None` unless both classes occur.
pub fn average_precision(labels: &[bool], scores: &[f32]) -> Option<f64> {
    Classification::new(labels, scores).average_precision(&One)
}

/// Area under the ROC curve of a ranking, best first, `true` for an active.
/// The order alone counts: there are no ties. `None` unless both occur.
pub fn ranking_auroc(ranking: &[bool]) -> Option<f64> {
    let (mut actives, mut above) = (0u64, 0u64);
    for &active in ranking {
        if active {
            actives += 1;
        } else {
            above += actives;
        }
    }
    let decoys = ranking.len() as u64 - actives;
    (actives > 0 && decoys > 0).then(|| above as f64 / actives as f64 / decoys as f64)
}

/// Boltzmann-enhanced discrimination of the ROC curve of a ranking, best first,
/// `true` for an active; 0 to 1. `alpha` says how much the top counts: at 20,
/// the top 8 % make 80 % of it. `None` without actives, where all are, and for
/// an `alpha` that is not above 0.
///
/// Truchon & Bayly 2007, equation 36, by way of RIE and its bounds, which is
/// how RDKit computes it.
pub fn bedroc(ranking: &[bool], alpha: f64) -> Option<f64> {
    let n = ranking.len() as f64;
    let actives = ranking.iter().filter(|&&active| active).count() as f64;
    if actives == 0.0 || actives == n || !(alpha > 0.0 && alpha.is_finite()) {
        return None;
    }
    let sum: f64 = (1..)
        .zip(ranking)
        .filter(|&(_, &active)| active)
        .map(|(rank, _)| (-alpha * f64::from(rank) / n).exp())
        .sum();
    // exp_m1 keeps the digits that 1 - exp(-alpha) loses for a small alpha.
    let rie = sum / actives * n * (alpha / n).exp_m1() / -(-alpha).exp_m1();
    let ratio = actives / n;
    let bound = |sign: f64| (sign * alpha * ratio).exp_m1() / (ratio * (sign * alpha).exp_m1());
    let (highest, lowest) = (bound(-1.0), bound(1.0));
    let value = (rie - lowest) / (highest - lowest);
    value.is_finite().then_some(value)
}

/// How many times more actives the first `fraction` of a ranking holds than a
/// random choice of as many would. `None` without actives and for a fraction
/// that is not within 0 to 1.
pub fn enrichment_factor(ranking: &[bool], fraction: f64) -> Option<f64> {
    let actives = ranking.iter().filter(|&&active| active).count();
    if actives == 0 || !(fraction > 0.0 && fraction <= 1.0) {
        return None;
    }
    let taken = (ranking.len() as f64 * fraction).ceil() as usize;
    let found = ranking.iter().take(taken).filter(|&&active| active).count();
    Some(found as f64 * ranking.len() as f64 / taken as f64 / actives as f64)
}

/// A value with the bounds within which it lies at the level of confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The metric on the data.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Metrics by name (`rmse`, `mae`, `r2`, or `roc_auc`, `pr_auc`); `None`
/// (`null`) where one is not defined.
pub type Metrics = BTreeMap<String, Option<Interval>>;

/// How intervals are found: molecules are drawn with replacement, as many as
/// there are, and the metric is taken anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// How often.
    pub resamples: usize,
    /// Fraction of the resamples within the bounds.
    pub confidence: f64,
    /// Seed. The same seed draws the same molecules, so that two models'
    /// intervals on the same molecules are of the same resamples.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

impl Bootstrap {
    /// `rmse`, `mae` and `r2` of `predictions`, each molecule a pair.
    pub fn regression(&self, labels: &[f32], predictions: &[f32]) -> Metrics {
        let data = Regression::new(labels, predictions);
        let statistics: [(_, Statistic<'_>); 3] = [
            ("rmse", &|weights| data.rmse(weights)),
            ("mae", &|weights| data.mae(weights)),
            ("r2", &|weights| data.r2(weights)),
        ];
        self.intervals(data.labels.len(), &statistics)
    }

    /// `roc_auc` and `pr_auc` of `scores`, which may be probabilities or
    /// anything else that is higher for the positive class.
    pub fn classification(&self, labels: &[bool], scores: &[f32]) -> Metrics {
        let data = Classification::new(labels, scores);
        let statistics: [(_, Statistic<'_>); 2] = [
            ("roc_auc", &|weights| data.roc_auc(weights)),
            ("pr_auc", &|weights| data.average_precision(weights)),
        ];
        self.intervals(data.order.len(), &statistics)
    }

    /// The metrics of an endpoint; for a classification the labels above 0.5
    /// are the positive class.
    pub fn endpoint(&self, task: EndpointTask, labels: &[f32], predictions: &[f32]) -> Metrics {
        match task {
            EndpointTask::Regression => self.regression(labels, predictions),
            EndpointTask::Classification => {
                let labels: Vec<bool> = labels.iter().map(|&label| label > 0.5).collect();
                self.classification(&labels, predictions)
            }
        }
    }

    fn intervals(&self, molecules: usize, statistics: &[(&str, Statistic<'_>)]) -> Metrics {
        let mut drawn: Vec<Vec<f64>> = vec![Vec::with_capacity(self.resamples); statistics.len()];
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut counts = vec![0u32; molecules];
        for _ in 0..self.resamples {
            if molecules == 0 {
                break;
            }
            counts.fill(0);
            for _ in 0..molecules {
                counts[rng.random_range(0..molecules)] += 1;
            }
            for ((_, statistic), drawn) in statistics.iter().zip(&mut drawn) {
                // A resample of one class, or of one value, says nothing.
                drawn.extend(statistic(&counts.as_slice()));
            }
        }
        let tail = (1.0 - self.confidence) / 2.0;
        statistics
            .iter()
            .zip(&mut drawn)
            .map(|((name, statistic), drawn)| {
                drawn.sort_by(f64::total_cmp);
                let interval = statistic(&One).and_then(|value| {
                    Some(Interval {
                        value,
                        low: quantile(drawn, tail)?,
                        high: quantile(drawn, 1.0 - tail)?,
                    })
                });
                ((*name).to_owned(), interval)
            })
            .collect()
    }
}

/// A metric of the data in which each molecule occurs as often as it weighs.
type Statistic<'a> = &'a dyn Fn(&dyn Weights) -> Option<f64>;

/// How often each molecule occurs.
trait Weights {
    fn of(&self, molecule: usize) -> f64;
}

/// Every molecule once.
struct One;

impl Weights for One {
    fn of(&self, _: usize) -> f64 {
        1.0
    }
}

impl Weights for &[u32] {
    fn of(&self, molecule: usize) -> f64 {
        f64::from(self[molecule])
    }
}

/// The value below which `fraction` (0 to 1) of `sorted` lies, linear between
/// neighbours: definition 7 of Hyndman & Fan 1996 (Am. Stat. 50, 361), which
/// NumPy's `quantile` defaults to. A fraction of 0.5 is the median. `None` of no
/// values; they must rise and be finite.
pub fn quantile(sorted: &[f64], fraction: f64) -> Option<f64> {
    let place = fraction.clamp(0.0, 1.0) * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    Some(sorted[below] + (sorted[above] - sorted[below]) * place.fract())
}

/// Pairs of a label and a prediction.
struct Regression {
    labels: Vec<f64>,
    errors: Vec<f64>,
}

impl Regression {
    fn new(labels: &[f32], predictions: &[f32]) -> Self {
        let labels: Vec<f64> = labels.iter().copied().map(f64::from).collect();
        let errors = labels.iter().zip(predictions);
        let errors: Vec<f64> = errors.map(|(l, &p)| f64::from(p) - l).collect();
        Self {
            labels: labels[..errors.len()].to_vec(),
            errors,
        }
    }

    /// The weighted mean of `value` over the pairs.
    fn mean(&self, weights: &dyn Weights, value: impl Fn(usize) -> f64) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for molecule in 0..self.errors.len() {
            let weight = weights.of(molecule);
            sum += weight * value(molecule);
            total += weight;
        }
        let mean = sum / total;
        mean.is_finite().then_some(mean)
    }

    fn rmse(&self, weights: &dyn Weights) -> Option<f64> {
        let squared = self.mean(weights, |molecule| self.errors[molecule].powi(2));
        squared.map(f64::sqrt)
    }

    fn mae(&self, weights: &dyn Weights) -> Option<f64> {
        self.mean(weights, |molecule| self.errors[molecule].abs())
    }

    fn r2(&self, weights: &dyn Weights) -> Option<f64> {
        let mut occurring = (0..self.labels.len()).filter(|&m| weights.of(m) > 0.0);
        let first = self.labels[occurring.next()?];
        // Not by a variance of 0: rounding of the mean leaves a little.
        occurring.find(|&molecule| self.labels[molecule] != first)?;
        let mean = self.mean(weights, |molecule| self.labels[molecule])?;
        let variance = self.mean(weights, |molecule| (self.labels[molecule] - mean).powi(2))?;
        let squared = self.mean(weights, |molecule| self.errors[molecule].powi(2))?;
        let value = 1.0 - squared / variance;
        value.is_finite().then_some(value)
    }
}

/// Labels in descending order of their scores.
struct Classification {
    /// The molecules, best first.
    order: Vec<usize>,
    /// Whether the molecule at each place is of the positive class.
    positive: Vec<bool>,
    /// Whether the next place has another score.
    ends: Vec<bool>,
    /// A score is no number: nothing can be ranked.
    undefined: bool,
}

impl Classification {
    fn new(labels: &[bool], scores: &[f32]) -> Self {
        let pairs = labels.len().min(scores.len());
        let mut order: Vec<usize> = (0..pairs).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let score = |place: usize| order.get(place).map(|&molecule| scores[molecule]);
        Self {
            positive: order.iter().map(|&molecule| labels[molecule]).collect(),
            ends: (0..pairs).map(|p| score(p) != score(p + 1)).collect(),
            undefined: scores.iter().any(|score| score.is_nan()),
            order,
        }
    }

    /// Calls `group` with the weight of positives and of negatives at each
    /// distinct score, best first; the totals come back if both are there.
    fn groups(&self, weights: &dyn Weights, mut group: impl FnMut(f64, f64)) -> Option<(f64, f64)> {
        if self.undefined {
            return None;
        }
        let (mut positives, mut negatives) = (0.0, 0.0);
        let (mut in_group, mut against) = (0.0, 0.0);
        for ((&molecule, &positive), &end) in self.order.iter().zip(&self.positive).zip(&self.ends)
        {
            let weight = weights.of(molecule);
            if positive {
                in_group += weight;
            } else {
                against += weight;
            }
            if end {
                group(in_group, against);
                positives += in_group;
                negatives += against;
                (in_group, against) = (0.0, 0.0);
            }
        }
        (positives > 0.0 && negatives > 0.0).then_some((positives, negatives))
    }

    fn roc_auc(&self, weights: &dyn Weights) -> Option<f64> {
        let (mut above, mut seen) = (0.0, 0.0);
        let (positives, negatives) = self.groups(weights, |positive, negative| {
            above += negative * (seen + positive / 2.0);
            seen += positive;
        })?;
        Some(above / positives / negatives)
    }

    fn average_precision(&self, weights: &dyn Weights) -> Option<f64> {
        let (mut sum, mut found, mut taken) = (0.0, 0.0, 0.0);
        let (positives, _) = self.groups(weights, |positive, negative| {
            found += positive;
            taken += positive + negative;
            if positive > 0.0 {
                sum += positive * found / taken;
            }
        })?;
        Some(sum / positives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!(rmse(&[], &[]), None);
        assert_eq!(r2(&[1.0, 1.0], &[0.0, 1.0]), None);
        assert_eq!(r2(&[0.1; 3], &[0.1; 3]), None);
        assert_eq!(rmse(&[1.0], &[f32::NAN]), None);
        assert_eq!(roc_auc(&[true, true], &[0.1, 0.2]), None);
        assert_eq!(roc_auc(&[true, false], &[f32::NAN, 0.2]), None);
        assert_eq!(average_precision(&[false], &[0.1]), None);
        assert_eq!(ranking_auroc(&[]), None);
        assert_eq!(bedroc(&[false, false], 20.0), None);
        assert_eq!(bedroc(&[true, false], 0.0), None);
        assert_eq!(enrichment_factor(&[true, false], 0.0), None);
        let metrics = Bootstrap::default().classification(&[true; 4], &[0.5; 4]);
        assert_eq!(metrics["roc_auc"], None);
        let nothing = Bootstrap::default().regression(&[], &[]);
        assert_eq!(nothing["rmse"], None);
    }

    /// The expected values are NumPy's.
    #[test]
    fn quantiles_are_linear_between_neighbours() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        let values = [1.0, 2.0, 4.0, 8.0];
        for (fraction, expected) in [(0.0, 1.0), (0.5, 3.0), (0.75, 5.0), (1.0, 8.0)] {
            assert_eq!(quantile(&values, fraction), Some(expected));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_seed_another() {
        let labels: Vec<f32> = (0..50).map(|i| (i * 7 % 13) as f32).collect();
        let predictions: Vec<f32> = (0..50).map(|i| (i * 5 % 11) as f32).collect();
        let with_seed = |seed| {
            let bootstrap = Bootstrap {
                seed,
                ..Bootstrap::default()
            };
            bootstrap.regression(&labels, &predictions)
        };
        assert_eq!(with_seed(1), with_seed(1));
        assert_ne!(with_seed(1), with_seed(2));
        for interval in with_seed(1).values() {
            let interval = interval.expect("defined");
            assert!(interval.low < interval.value && interval.value < interval.high);
        }
    }

    #[test]
    fn a_resample_weighs_molecules_as_repeating_them_does() {
        let labels = [true, false, true, false, false, true];
        let scores = [0.9, 0.9, 0.4, 0.3, 0.4, 0.1];
        let counts = [2u32, 1, 0, 3, 1, 1];
        let (mut repeated_labels, mut repeated_scores) = (Vec::new(), Vec::new());
        for (molecule, &count) in counts.iter().enumerate() {
            for _ in 0..count {
                repeated_labels.push(labels[molecule]);
                repeated_scores.push(scores[molecule]);
            }
        }
        let data = Classification::new(&labels, &scores);
        let weights = counts.as_slice();
        assert_eq!(
            data.roc_auc(&weights),
            roc_auc(&repeated_labels, &repeated_scores)
        );
        assert_eq!(
            data.average_precision(&weights),
            average_precision(&repeated_labels, &repeated_scores)
        );
    }
}
