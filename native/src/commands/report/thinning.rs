//! Fewer points for the same picture, so that a report stays small.

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
