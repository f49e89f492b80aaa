//! What figures about predictions show: curves over all thresholds, reliability,
//! errors by predicted value, histograms.

use std::ops::Range;

/// ROC and precision–recall curves of a classification over all thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdCurves {
    /// False-positive rate and true-positive rate, from (0, 0) to (1, 1); as
    /// scikit-learn's `roc_curve` with all thresholds.
    pub roc: Vec<(f64, f64)>,
    /// Recall and precision by falling threshold, as scikit-learn's
    /// `precision_recall_curve`; each precision holds from the recall before it
    /// to its own.
    pub precision_recall: Vec<(f64, f64)>,
    /// The fraction of positives: the precision of guessing.
    pub prevalence: f64,
}

impl ThresholdCurves {
    /// The curves of `scores`, higher for the positive class; equal scores are
    /// one threshold. `None` unless both classes occur, and where a score is no
    /// number.
    pub fn new(labels: &[bool], scores: &[f64]) -> Option<Self> {
        let mut sorted: Vec<(f64, bool)> = pairs(scores, labels).collect();
        let positives = sorted.iter().filter(|(_, positive)| *positive).count() as f64;
        let negatives = sorted.len() as f64 - positives;
        let undefined = sorted.iter().any(|(score, _)| score.is_nan());
        if positives == 0.0 || negatives == 0.0 || undefined {
            return None;
        }
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut roc, mut precision_recall) = (vec![(0.0, 0.0)], Vec::new());
        let (mut hits, mut false_hits) = (0.0, 0.0);
        for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
            for (_, positive) in tied {
                if *positive {
                    hits += 1.0;
                } else {
                    false_hits += 1.0;
                }
            }
            roc.push((false_hits / negatives, hits / positives));
            precision_recall.push((hits / positives, hits / (hits + false_hits)));
        }
        Some(Self {
            roc,
            precision_recall,
            prevalence: positives / sorted.len() as f64,
        })
    }
}

/// Wilson's 95 % score interval of a fraction, `hits` of `trials` (Wilson 1927,
/// J. Am. Stat. Assoc. 22, 209), within 0 to 1; all of it without trials.
pub fn wilson_interval(hits: f64, trials: f64) -> Range<f64> {
    /// The 97.5th percentile of the standard normal distribution.
    const Z: f64 = 1.959_963_985;
    if trials <= 0.0 {
        return 0.0..1.0;
    }
    let fraction = hits / trials;
    let scale = 1.0 + Z * Z / trials;
    let centre = (fraction + Z * Z / (2.0 * trials)) / scale;
    let variance = fraction * (1.0 - fraction) / trials + Z * Z / (4.0 * trials * trials);
    let half = Z / scale * variance.sqrt();
    (centre - half).max(0.0)..(centre + half).min(1.0)
}

/// Molecules of similar predicted probability.
#[derive(Clone, Debug, PartialEq)]
pub struct ReliabilityBin {
    /// Mean predicted probability.
    pub predicted: f64,
    /// Fraction of positives.
    pub observed: f64,
    /// The [`wilson_interval`] of that fraction.
    pub interval: Range<f64>,
}

/// The reliability diagram of predicted `probabilities`: ten bins of equal
/// width, empty ones left out.
pub fn reliability(labels: &[bool], probabilities: &[f64]) -> Vec<ReliabilityBin> {
    const BINS: usize = 10;
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (probability, positive) in pairs(probabilities, labels) {
        let bin = (probability.clamp(0.0, 1.0) * BINS as f64) as usize;
        let (count, sum, hits) = &mut bins[bin.min(BINS - 1)];
        *count += 1.0;
        *sum += probability;
        *hits += f64::from(u8::from(positive));
    }
    bins.into_iter()
        .filter(|(count, _, _)| *count > 0.0)
        .map(|(count, sum, hits)| ReliabilityBin {
            predicted: sum / count,
            observed: hits / count,
            interval: wilson_interval(hits, count),
        })
        .collect()
}

/// Molecules of similar predicted value.
#[derive(Clone, Debug, PartialEq)]
pub struct Decile {
    /// The lowest predicted value.
    pub low: f64,
    /// The highest predicted value.
    pub high: f64,
    /// Root mean squared error.
    pub rmse: f64,
    /// Mean of predicted minus measured.
    pub bias: f64,
}

/// Errors by tenths of the predicted values; fewer parts where there are fewer
/// than 50 predictions.
pub fn deciles(labels: &[f64], predictions: &[f64]) -> Vec<Decile> {
    let mut sorted: Vec<(f64, f64)> = pairs(predictions, labels).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let parts = (sorted.len() / 5).clamp(1, 10);
    let bound = |part: usize| part * sorted.len() / parts;
    (0..parts)
        .map(|part| &sorted[bound(part)..bound(part + 1)])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let count = part.len() as f64;
            let errors = || part.iter().map(|(predicted, label)| predicted - label);
            Decile {
                low: part[0].0,
                high: part[part.len() - 1].0,
                rmse: (errors().map(|error| error * error).sum::<f64>() / count).sqrt(),
                bias: errors().sum::<f64>() / count,
            }
        })
        .collect()
}

/// A histogram over `-bound..bound` in `bins` bins of equal width: the lower
/// edge of each bin and the fraction of `values` in it. Values beyond the bound
/// count into the outermost bins.
pub fn histogram(values: &[f64], bound: f64, bins: usize) -> Vec<(f64, f64)> {
    let width = 2.0 * bound / bins as f64;
    let mut counts = vec![0_u64; bins];
    for value in values {
        let bin = ((value + bound) / width).floor().max(0.0) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    let total = values.len().max(1) as f64;
    let bins = counts.iter().enumerate();
    bins.map(|(bin, count)| (-bound + bin as f64 * width, *count as f64 / total))
        .collect()
}

/// Both of each molecule, as far as there are both.
fn pairs<T: Copy>(values: &[f64], labels: &[T]) -> impl Iterator<Item = (f64, T)> {
    values.iter().copied().zip(labels.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are scikit-learn 1.9.1's, of `roc_curve` (all thresholds)
    /// and `precision_recall_curve` on the same scores.
    #[test]
    fn curves_equal_those_of_scikit_learn() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.8, 0.35, 0.9, 0.05];
        let labels = [false, false, true, true, false, false, true, true];
        let curves = ThresholdCurves::new(&labels, &scores).expect("both classes");
        let roc = [
            (0.0, 0.0),
            (0.0, 0.25),
            (0.25, 0.5),
            (0.5, 0.5),
            (0.75, 0.75),
            (1.0, 0.75),
            (1.0, 1.0),
        ];
        assert_eq!(curves.roc, roc);
        let precision_recall = [
            (0.25, 1.0),
            (0.5, 2.0 / 3.0),
            (0.5, 0.5),
            (0.75, 0.5),
            (0.75, 3.0 / 7.0),
            (1.0, 0.5),
        ];
        assert_eq!(curves.precision_recall, precision_recall);
        assert_eq!(curves.prevalence, 0.5);
    }

    #[test]
    fn curves_need_both_classes_and_numbers() {
        assert_eq!(ThresholdCurves::new(&[true, true], &[0.1, 0.2]), None);
        assert_eq!(ThresholdCurves::new(&[true, false], &[f64::NAN, 0.2]), None);
        assert_eq!(ThresholdCurves::new(&[], &[]), None);
    }

    /// The interval is statsmodels' `proportion_confint(3, 10, method="wilson")`.
    #[test]
    fn a_reliability_bin_has_its_mean_its_fraction_and_wilsons_interval() {
        let labels: Vec<bool> = (0..10).map(|molecule| molecule < 3).collect();
        let bins = reliability(&labels, &[0.25; 10]);
        assert_eq!(bins.len(), 1);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(close(bins[0].predicted, 0.25) && close(bins[0].observed, 0.3));
        let interval = &bins[0].interval;
        assert!(
            close(interval.start, 0.107_791) && close(interval.end, 0.603_222),
            "{bins:?}"
        );
        assert_eq!(wilson_interval(0.0, 0.0), 0.0..1.0);
    }

    #[test]
    fn deciles_part_by_predicted_value_and_a_histogram_keeps_what_is_beyond() {
        let predictions: Vec<f64> = (0..100).map(f64::from).collect();
        let labels: Vec<f64> = predictions.iter().map(|value| value - 2.0).collect();
        let parts = deciles(&labels, &predictions);
        assert_eq!(parts.len(), 10);
        let expected = Decile {
            low: 10.0,
            high: 19.0,
            rmse: 2.0,
            bias: 2.0,
        };
        assert_eq!(parts[1], expected);
        assert_eq!(deciles(&[], &[]), []);
        let bins = histogram(&[-9.0, -0.5, 0.5, 0.6], 1.0, 2);
        assert_eq!(bins, [(-1.0, 0.5), (0.0, 0.5)]);
    }
}
