//! The figures of a report: which numbers go into which chart.

use std::collections::BTreeMap;

use delicate::metrics::curves::ThresholdCurves;
use delicate::metrics::{self, PredictionSource};
use plotters::style::RGBColor;

use super::chart::{Axis, Chart, ChartError, Figure, GUIDE, INK, Mark, SERIES};
use super::reading::{Owner, Prediction, Series};
use super::thinning;

/// Most points of a curve over steps.
const CURVE_POINTS: usize = 200;
/// How near to each other, in the unit square, points of a ROC or
/// precision–recall curve are drawn as one.
const TOLERANCE: f64 = 0.003;
/// Most points of such a curve.
const THRESHOLD_POINTS: usize = 2000;
/// Most dots of a parity plot.
const PARITY_POINTS: usize = 1500;
/// Most series that are told apart in one chart.
const MAX_SERIES: usize = 40;

/// One quantity over the steps of training; on a logarithmic scale where that
/// is wanted and the values span enough.
pub(super) fn over_steps(
    title: String,
    owners: &BTreeMap<Owner, Series>,
    logarithmic: bool,
) -> Result<Figure, ChartError> {
    let mut splits: Vec<&str> = owners.keys().map(|owner| owner.split.as_str()).collect();
    // Training has the first colour and validation the second, whatever their names' order.
    splits.sort_by_key(|split| match *split {
        "train" => (0, ""),
        "valid" => (1, ""),
        other => (2, other),
    });
    splits.dedup();
    let colour_of = |split: &str| {
        let at = match split {
            "train" => 0,
            "valid" => 1,
            other => splits.iter().position(|s| *s == other).unwrap_or(2).max(2),
        };
        at % SERIES.len()
    };
    let reduced: Vec<_> = owners
        .iter()
        .take(MAX_SERIES)
        .map(|(owner, series)| (owner, thinning::reduce(series, CURVE_POINTS)))
        .collect();
    let many = reduced.len() > 4;
    let values = reduced.iter().flat_map(|(_, reduced)| {
        let mean = reduced.mean.iter().map(|(_, y)| *y);
        let range = reduced
            .range
            .iter()
            .flat_map(|(_, low, high)| [*low, *high]);
        mean.chain(range)
    });
    let y = if logarithmic {
        Axis::suited(values)
    } else {
        Axis::over(values)
    };
    let x = Axis::over(owners.values().flatten().map(|(x, _)| *x));
    let mut caption = Vec::new();
    if y.is_logarithmic() {
        caption.push("Logarithmic scale.".to_owned());
    }
    let stretch = reduced.iter().map(|(_, reduced)| reduced.stretch).max();
    if let Some(stretch) = stretch.filter(|stretch| *stretch > 1) {
        caption.push(format!(
            "Smoothed: each point is the mean of up to {stretch} records; the band is their range."
        ));
    }
    if reduced.iter().any(|(owner, _)| owner.fold.is_some()) && reduced.len() > splits.len() {
        caption.push("One line for each fold.".to_owned());
    }
    if owners.len() > MAX_SERIES {
        caption.push(format!(
            "Only the first {MAX_SERIES} of {} series.",
            owners.len()
        ));
    }
    let mut marks = Vec::new();
    for (owner, reduced) in &reduced {
        marks.push(Mark::Band {
            range: reduced.range.clone(),
            colour: SERIES[colour_of(&owner.split)],
        });
    }
    for (owner, reduced) in reduced {
        let colour = SERIES[colour_of(&owner.split)];
        // A few points are seen as such.
        if reduced.mean.len() <= 30 && !many {
            marks.push(Mark::Dots {
                points: finite(&reduced.mean),
                colour,
                radius: 2.6,
                opacity: 1.0,
            });
        }
        marks.push(Mark::Line {
            points: reduced.mean,
            colour,
            width: if many { 1.2 } else { 2.0 },
            opacity: if many { 0.75 } else { 1.0 },
        });
    }
    let legend = splits
        .iter()
        .map(|split| (colour_of(split), split_title(split)))
        .collect();
    Ok(Figure {
        svg: Chart {
            label: format!("{title} over the steps of training"),
            x,
            y,
            x_title: "step".to_owned(),
            y_title: String::new(),
            marks,
            square: false,
        }
        .svg()?,
        title,
        legend,
        caption: caption.join(" "),
    })
}

fn finite(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = points.to_vec();
    points.retain(|(x, y)| x.is_finite() && y.is_finite());
    points
}

pub(super) fn split_title(split: &str) -> String {
    match split {
        "train" => "Training",
        "valid" => "Validation",
        "test" => "Test",
        other => other,
    }
    .to_owned()
}

pub(super) fn source_title(source: PredictionSource) -> &'static str {
    match source {
        PredictionSource::Model => "Model",
        PredictionSource::Network => "Network",
        PredictionSource::GaussianProcess => "Gaussian process",
        PredictionSource::Baseline => "ECFP4 forest",
    }
}

/// The labels of the molecules that a source predicts, and its predictions.
struct Side {
    source: PredictionSource,
    labels: Vec<f64>,
    values: Vec<f64>,
}

impl Side {
    /// Which of the series' colours it has.
    fn class(&self) -> usize {
        match self.source {
            PredictionSource::Model => 0,
            PredictionSource::Baseline => 1,
            PredictionSource::GaussianProcess => 2,
            PredictionSource::Network => 3,
        }
    }

    fn colour(&self) -> RGBColor {
        SERIES[self.class()]
    }

    fn pairs(&self) -> Vec<(f64, f64)> {
        let pairs = self.labels.iter().zip(&self.values);
        pairs.map(|(label, value)| (*label, *value)).collect()
    }
}

/// The sources that predict any of the molecules.
fn sides(predictions: &[Prediction]) -> Vec<Side> {
    let sides = PredictionSource::ALL.into_iter().map(|source| {
        let pairs = predictions.iter().map(|p| (p.label, p.value(source)));
        let (labels, values) = pairs.filter(|(_, value)| value.is_finite()).unzip();
        Side {
            source,
            labels,
            values,
        }
    });
    sides.filter(|side| !side.values.is_empty()).collect()
}

fn legend(sides: &[Side]) -> Vec<(usize, String)> {
    let entry = |side: &Side| (side.class(), source_title(side.source).to_owned());
    sides.iter().map(entry).collect()
}

fn with_unit(what: &str, unit: &str) -> String {
    if unit.is_empty() {
        what.to_owned()
    } else {
        format!("{what} ({unit})")
    }
}

/// Parity plots, errors by predicted value, residuals. `score` says how good a
/// source is, for the captions.
pub(super) fn regression(
    predictions: &[Prediction],
    unit: &str,
    score: &dyn Fn(PredictionSource) -> String,
) -> Result<Vec<Figure>, ChartError> {
    let sides = sides(predictions);
    let everything = sides
        .iter()
        .flat_map(|side| side.labels.iter().chain(&side.values).copied());
    let both = Axis::over(everything);
    let (low, high) = both.ends();
    let mut figures = Vec::new();
    for side in &sides {
        let name = source_title(side.source);
        let score = score(side.source);
        let shown = thinning::thin(&side.pairs(), PARITY_POINTS);
        let mut caption = score.clone();
        if shown.len() < side.values.len() {
            caption = format!(
                "{caption} {} of {} molecules are drawn.",
                shown.len(),
                side.values.len()
            );
        }
        figures.push(Figure {
            title: format!("{name}: predicted against measured"),
            svg: Chart {
                label: format!("Parity plot, {name}: predicted against measured values. {score}"),
                x: both.clone(),
                y: both.clone(),
                x_title: with_unit("measured", unit),
                y_title: with_unit("predicted", unit),
                marks: vec![
                    guide(vec![(low, low), (high, high)]),
                    Mark::Dots {
                        opacity: if shown.len() > 400 { 0.35 } else { 0.55 },
                        points: shown,
                        colour: side.colour(),
                        radius: 2.6,
                    },
                ],
                square: true,
            }
            .svg()?,
            legend: vec![(side.class(), name.to_owned())],
            caption,
        });
    }
    figures.push(deciles(&sides, unit)?);
    figures.push(residuals(&sides, unit)?);
    Ok(figures)
}

fn guide(points: Vec<(f64, f64)>) -> Mark {
    Mark::Line {
        points,
        colour: GUIDE,
        width: 1.2,
        opacity: 1.0,
    }
}

fn deciles(sides: &[Side], unit: &str) -> Result<Figure, ChartError> {
    let parts: Vec<_> = sides
        .iter()
        .map(|side| {
            (
                side.colour(),
                metrics::curves::deciles(&side.labels, &side.values),
            )
        })
        .collect();
    let count = parts.iter().map(|(_, parts)| parts.len()).max();
    let count = count.unwrap_or(0);
    let values = parts
        .iter()
        .flat_map(|(_, parts)| parts.iter().flat_map(|part| [part.rmse, part.bias]));
    let width = 0.8 / parts.len() as f64;
    let mut marks = Vec::new();
    for (side, (colour, parts)) in parts.iter().enumerate() {
        let left = |at: usize| at as f64 + 0.6 + side as f64 * width;
        marks.push(Mark::Bars {
            bars: parts
                .iter()
                .enumerate()
                .map(|(at, part)| (left(at), left(at) + width * 0.92, part.rmse))
                .collect(),
            colour: *colour,
            opacity: 0.55,
        });
        marks.push(Mark::Dots {
            points: parts
                .iter()
                .enumerate()
                .map(|(at, part)| (left(at) + width * 0.46, part.bias))
                .collect(),
            colour: INK,
            radius: 2.6,
            opacity: 1.0,
        });
    }
    marks.push(guide(vec![(0.5, 0.0), (count as f64 + 0.5, 0.0)]));
    let (part, nth) = if count == 10 {
        ("decile", "tenth")
    } else {
        ("part", "part of equal size")
    };
    Ok(Figure {
        title: "Error by predicted value".to_owned(),
        svg: Chart {
            label: format!("RMSE and mean error by {part} of the predicted values"),
            x: Axis::counting(count),
            y: Axis::over(values.chain([0.0])),
            x_title: format!("{part} of the predicted values"),
            y_title: with_unit("error", unit),
            marks,
            square: false,
        }
        .svg()?,
        legend: legend(sides),
        caption: format!(
            "Bars: RMSE in each {nth} of the molecules, by predicted value; dots: mean of \
             predicted minus measured, 0 where calibrated."
        ),
    })
}

fn residuals(sides: &[Side], unit: &str) -> Result<Figure, ChartError> {
    const BINS: usize = 31;
    let errors: Vec<(RGBColor, Vec<f64>)> = sides
        .iter()
        .map(|side| {
            let pairs = side.labels.iter().zip(&side.values);
            (side.colour(), pairs.map(|(x, y)| y - x).collect())
        })
        .collect();
    let errors_of_all = errors.iter().flat_map(|(_, errors)| errors);
    let mut sizes: Vec<f64> = errors_of_all.map(|error| error.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let bound = metrics::quantile(&sizes, 0.99).unwrap_or(1.0) * 1.1;
    let bound = if bound > 0.0 { bound } else { 1.0 };
    let width = 2.0 * bound / BINS as f64;
    let mut highest: f64 = 0.0;
    let mut marks = Vec::new();
    for (side, (colour, errors)) in errors.iter().enumerate() {
        let bins = metrics::curves::histogram(errors, bound, BINS);
        highest = bins.iter().fold(highest, |most, bin| most.max(bin.1));
        if side == 0 {
            marks.push(Mark::Bars {
                bars: bins.iter().map(|(x, y)| (*x, x + width, *y)).collect(),
                colour: *colour,
                opacity: 0.5,
            });
        } else {
            marks.push(Mark::Line {
                points: bins
                    .iter()
                    .flat_map(|(x, y)| [(*x, *y), (x + width, *y)])
                    .collect(),
                colour: *colour,
                width: 1.8,
                opacity: 1.0,
            });
        }
    }
    marks.push(guide(vec![(0.0, 0.0), (0.0, highest)]));
    Ok(Figure {
        title: "Residuals".to_owned(),
        svg: Chart {
            label: "Histogram of predicted minus measured values".to_owned(),
            x: Axis::linear(-bound, bound),
            y: Axis::linear(0.0, highest.max(1e-9) * 1.08),
            x_title: with_unit("predicted − measured", unit),
            y_title: "fraction of molecules".to_owned(),
            marks,
            square: false,
        }
        .svg()?,
        legend: legend(sides),
        caption: "The outermost bins hold all larger errors.".to_owned(),
    })
}

/// ROC and precision–recall curves and the reliability diagram, `caption`
/// saying how good the sources are; none where only one class occurs.
pub(super) fn classification(
    predictions: &[Prediction],
    caption: &str,
) -> Result<Vec<Figure>, ChartError> {
    let mut sides = sides(predictions);
    let classes = |side: &Side| -> Vec<bool> {
        let labels = side.labels.iter();
        labels.map(|label| *label > 0.5).collect()
    };
    let curves = |side: &Side| ThresholdCurves::new(&classes(side), &side.values);
    sides.retain(|side| curves(side).is_some());
    let legend = legend(&sides);
    let mut roc = vec![guide(vec![(0.0, 0.0), (1.0, 1.0)])];
    let mut precision_recall = Vec::new();
    let mut reliability = vec![guide(vec![(0.0, 0.0), (1.0, 1.0)])];
    let mut positives = 0;
    for (index, side) in sides.iter().enumerate() {
        let classes = classes(side);
        let Some(curve) = curves(side) else {
            continue;
        };
        let line = |points: &[(f64, f64)]| Mark::Line {
            points: thinning::thin(points, THRESHOLD_POINTS),
            colour: side.colour(),
            width: 1.8,
            opacity: 1.0,
        };
        if index == 0 {
            positives = classes.iter().filter(|positive| **positive).count();
            precision_recall.push(guide(vec![
                (0.0, curve.prevalence),
                (1.0, curve.prevalence),
            ]));
        }
        roc.push(line(&thinning::simplify(&curve.roc, TOLERANCE)));
        let mut recall = 0.0;
        let mut steps = Vec::new();
        for (next, precision) in thinning::simplify(&curve.precision_recall, TOLERANCE) {
            steps.extend([(recall, precision), (next, precision)]);
            recall = next;
        }
        precision_recall.push(line(&steps));
        let bins = metrics::curves::reliability(&classes, &side.values);
        reliability.push(Mark::Intervals {
            intervals: bins
                .iter()
                .map(|bin| (bin.predicted, bin.interval.start, bin.interval.end))
                .collect(),
            colour: side.colour(),
        });
        let points: Vec<_> = bins.iter().map(|b| (b.predicted, b.observed)).collect();
        reliability.push(Mark::Dots {
            points: points.clone(),
            colour: side.colour(),
            radius: 4.0,
            opacity: 1.0,
        });
        reliability.push(line(&points));
    }
    if sides.is_empty() {
        return Ok(Vec::new());
    }
    let unit = || Axis::linear(0.0, 1.0);
    let square = |title: &str, x: &str, y: &str, marks, caption: String| {
        let chart = Chart {
            label: format!("{title}. {caption}"),
            x: unit(),
            y: unit(),
            x_title: x.to_owned(),
            y_title: y.to_owned(),
            marks,
            square: true,
        };
        Ok(Figure {
            title: title.to_owned(),
            svg: chart.svg()?,
            legend: legend.clone(),
            caption,
        })
    };
    let count = predictions.len();
    Ok(vec![
        square(
            "ROC curve",
            "false-positive rate",
            "true-positive rate",
            roc,
            format!("{caption} Grey: chance.").trim_start().to_owned(),
        )?,
        square(
            "Precision–recall curve",
            "recall",
            "precision",
            precision_recall,
            format!(
                "{positives} of {count} molecules are positive; grey: the precision of guessing."
            ),
        )?,
        square(
            "Reliability",
            "predicted probability",
            "fraction of positives",
            reliability,
            "Ten bins of predicted probability with 95 % intervals (Wilson); on the grey line \
             where calibrated."
                .to_owned(),
        )?,
    ])
}
