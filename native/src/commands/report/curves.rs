//! What the figures draw, from the numbers of a run: curves and bins. The
//! metrics themselves are the library's and come from `evaluation.json`.

/// Points of a long curve, reduced to at most `most`, in a form that hides
/// nothing: the mean of each stretch of points, and its range.
#[derive(Debug, Default)]
pub(super) struct Reduced {
    /// NaN where a stretch has no finite value.
    pub(super) mean: Vec<(f64, f64)>,
    /// `(x, low, high)`; empty where nothing was reduced.
    pub(super) range: Vec<(f64, f64, f64)>,
    /// How many points make one; 1 where nothing was reduced.
    pub(super) stretch: usize,
}

pub(super) fn reduce(series: &[(f64, f64)], most: usize) -> Reduced {
    let stretch = series.len().div_ceil(most.max(1)).max(1);
    if stretch == 1 {
        return Reduced {
            mean: series.to_vec(),
            range: Vec::new(),
            stretch,
        };
    }
    let mut reduced = Reduced {
        stretch,
        ..Reduced::default()
    };
    for points in series.chunks(stretch) {
        let x = points.iter().map(|(x, _)| x).sum::<f64>() / points.len() as f64;
        let finite = || points.iter().map(|(_, y)| *y).filter(|y| y.is_finite());
        let count = finite().count();
        if count == 0 {
            reduced.mean.push((x, f64::NAN));
            continue;
        }
        reduced.mean.push((x, finite().sum::<f64>() / count as f64));
        reduced.range.push((
            x,
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        ));
    }
    reduced
}

/// At most `most` of `items`, evenly spaced, the last among them.
pub(super) fn thin<T: Copy>(items: &[T], most: usize) -> Vec<T> {
    if items.len() <= most || most < 2 {
        return items.to_vec();
    }
    let last = items.len() - 1;
    (0..most).map(|i| items[i * last / (most - 1)]).collect()
}

/// `points` of a curve in the unit square without those that are within
/// `tolerance` of the one before; the last is kept.
pub(super) fn simplify(points: &[(f64, f64)], tolerance: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (at, point) in points.iter().enumerate() {
        let near = kept
            .last()
            .is_some_and(|last| (last.0 - point.0).abs() + (last.1 - point.1).abs() < tolerance);
        if !near || at + 1 == points.len() {
            kept.push(*point);
        }
    }
    kept
}

/// ROC and precision–recall curves.
#[derive(Debug)]
pub(super) struct Thresholds {
    /// False-positive rate, true-positive rate; from (0, 0) to (1, 1).
    pub(super) roc: Vec<(f64, f64)>,
    /// Recall, precision, by falling threshold; each precision holds from the
    /// recall before it to its own.
    pub(super) pr: Vec<(f64, f64)>,
    /// The share of positives: the precision of guessing.
    pub(super) prevalence: f64,
}

/// Curves over all thresholds of the scores `(score, is positive)`; equal
/// scores are one threshold. `None` unless both classes occur.
pub(super) fn thresholds(scores: &[(f64, bool)]) -> Option<Thresholds> {
    let positives = scores.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scores.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut roc, mut pr) = (vec![(0.0, 0.0)], Vec::new());
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
        pr.push((hits / positives, hits / (hits + false_hits)));
    }
    Some(Thresholds {
        roc,
        pr,
        prevalence: positives / scores.len() as f64,
    })
}

/// Molecules whose predicted probability is alike.
#[derive(Debug, PartialEq)]
pub(super) struct Reliability {
    /// Mean predicted probability.
    pub(super) predicted: f64,
    /// Share of positives.
    pub(super) observed: f64,
    /// Wilson's 95 % interval of that share.
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The reliability diagram of `scores`: ten bins of equal width, empty ones
/// left out.
pub(super) fn reliability(scores: &[(f64, bool)]) -> Vec<Reliability> {
    const BINS: usize = 10;
    const Z: f64 = 1.959_963_985;
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (score, positive) in scores {
        let at = (score.clamp(0.0, 1.0) * BINS as f64) as usize;
        let (count, sum, hits) = &mut bins[at.min(BINS - 1)];
        *count += 1.0;
        *sum += score;
        *hits += f64::from(u8::from(*positive));
    }
    bins.iter()
        .filter(|(count, _, _)| *count > 0.0)
        .map(|(n, sum, hits)| {
            let share = hits / n;
            let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
            let half =
                Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
            Reliability {
                predicted: sum / n,
                observed: share,
                low: (centre - half).max(0.0),
                high: (centre + half).min(1.0),
            }
        })
        .collect()
}

/// Molecules whose predicted value is alike.
#[derive(Debug, PartialEq)]
pub(super) struct Decile {
    /// The lowest and highest predicted value.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Root of the mean squared error.
    pub(super) rmse: f64,
    /// Mean of predicted minus measured.
    pub(super) bias: f64,
}

/// Errors by tenths of the predicted values of `pairs` `(label, predicted)`;
/// fewer parts where there are fewer than 50 pairs.
pub(super) fn deciles(pairs: &[(f64, f64)]) -> Vec<Decile> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let parts = (sorted.len() / 5).clamp(1, 10);
    (0..parts)
        .map(|part| &sorted[part * sorted.len() / parts..(part + 1) * sorted.len() / parts])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let n = part.len() as f64;
            let errors = || part.iter().map(|(label, predicted)| predicted - label);
            Decile {
                low: part[0].1,
                high: part[part.len() - 1].1,
                rmse: (errors().map(|error| error * error).sum::<f64>() / n).sqrt(),
                bias: errors().sum::<f64>() / n,
            }
        })
        .collect()
}

/// Shares of `values` in `bins` bins of equal width over `-bound..bound`; what
/// is beyond counts into the outer bins.
pub(super) fn histogram(values: &[f64], bound: f64, bins: usize) -> Vec<(f64, f64)> {
    let width = 2.0 * bound / bins as f64;
    let mut counts = vec![0_u64; bins];
    for value in values {
        let at = ((value + bound) / width).floor().max(0.0) as usize;
        counts[at.min(bins - 1)] += 1;
    }
    counts
        .iter()
        .enumerate()
        .map(|(at, count)| {
            (
                -bound + at as f64 * width,
                *count as f64 / values.len().max(1) as f64,
            )
        })
        .collect()
}

/// The value that a share of `values` does not exceed.
pub(super) fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(values[(last as f64 * share).round() as usize])
}
