//! The figures of a report: which numbers go into which chart.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use super::ReportError;
use super::chart::{Axis, BASELINE, Chart, GUIDE, INK, MODEL, Mark, SERIES};
use super::curves;
use super::reading::{Owner, Prediction, Series};

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

/// A chart with its words.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) svg: String,
    /// `(class of the colour, name)`.
    pub(super) legend: Vec<(usize, String)>,
    pub(super) caption: String,
}

/// One quantity over the steps of training; on a logarithmic scale where that
/// is wanted and the values span enough.
pub(super) fn over_steps(
    title: String,
    owners: &BTreeMap<Owner, Series>,
    logarithmic: bool,
) -> Result<Figure, ReportError> {
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
        .map(|(owner, series)| (owner, curves::reduce(series, CURVE_POINTS)))
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

/// The model's and, where there is one, the baseline's pairs of label and
/// prediction.
type Sides = Vec<(&'static str, RGBColor, usize, Vec<(f64, f64)>)>;

fn sides(predictions: &[Prediction]) -> Sides {
    let model = predictions.iter().map(|p| (p.label, p.predicted));
    let baseline = predictions.iter().map(|p| (p.label, p.baseline));
    let baseline: Vec<_> = baseline.filter(|(_, y)| y.is_finite()).collect();
    let mut sides = vec![("Model", MODEL, 0, model.collect())];
    if !baseline.is_empty() {
        sides.push(("ECFP baseline", BASELINE, 1, baseline));
    }
    sides
}

fn legend(sides: &Sides) -> Vec<(usize, String)> {
    let entry =
        |(name, _, class, _): &(&str, RGBColor, usize, Vec<_>)| (*class, (*name).to_owned());
    sides.iter().map(entry).collect()
}

fn with_unit(what: &str, unit: &str) -> String {
    if unit.is_empty() {
        what.to_owned()
    } else {
        format!("{what} ({unit})")
    }
}

/// Parity plots, errors by predicted value, residuals. `scores` says how good
/// the model (0) and the baseline (1) are, for the captions.
pub(super) fn regression(
    predictions: &[Prediction],
    unit: &str,
    scores: &[String; 2],
) -> Result<Vec<Figure>, ReportError> {
    let sides = sides(predictions);
    let everything = sides
        .iter()
        .flat_map(|(_, _, _, pairs)| pairs.iter().flat_map(|(label, y)| [*label, *y]));
    let both = Axis::over(everything);
    let (low, high) = {
        use plotters::coord::ranged1d::Ranged;
        (both.range().start, both.range().end)
    };
    let mut figures = Vec::new();
    for ((name, colour, class, pairs), score) in sides.iter().zip(scores) {
        let shown = curves::thin(pairs, PARITY_POINTS);
        let mut caption = score.clone();
        if shown.len() < pairs.len() {
            caption = format!(
                "{caption} {} of {} molecules are drawn.",
                shown.len(),
                pairs.len()
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
                        colour: *colour,
                        radius: 2.6,
                    },
                ],
                square: true,
            }
            .svg()?,
            legend: vec![(*class, (*name).to_owned())],
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

fn deciles(sides: &Sides, unit: &str) -> Result<Figure, ReportError> {
    let parts: Vec<_> = sides
        .iter()
        .map(|(_, colour, _, pairs)| (*colour, curves::deciles(pairs)))
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

fn residuals(sides: &Sides, unit: &str) -> Result<Figure, ReportError> {
    const BINS: usize = 31;
    let errors: Vec<(RGBColor, Vec<f64>)> = sides
        .iter()
        .map(|(_, colour, _, pairs)| (*colour, pairs.iter().map(|(x, y)| y - x).collect()))
        .collect();
    let sizes = errors
        .iter()
        .flat_map(|(_, errors)| errors.iter().map(|e| e.abs()));
    let bound = curves::quantile(sizes.collect(), 0.99).unwrap_or(1.0) * 1.1;
    let bound = if bound > 0.0 { bound } else { 1.0 };
    let width = 2.0 * bound / BINS as f64;
    let mut highest: f64 = 0.0;
    let mut marks = Vec::new();
    for (side, (colour, errors)) in errors.iter().enumerate() {
        let bins = curves::histogram(errors, bound, BINS);
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
            y_title: "share of molecules".to_owned(),
            marks,
            square: false,
        }
        .svg()?,
        legend: legend(sides),
        caption: "The outermost bins hold all larger errors.".to_owned(),
    })
}

/// ROC and precision–recall curves and the reliability diagram; none where
/// only one class occurs.
pub(super) fn classification(
    predictions: &[Prediction],
    scores: &[String; 2],
) -> Result<Vec<Figure>, ReportError> {
    let sides: Vec<_> = sides(predictions)
        .into_iter()
        .map(|(name, colour, class, pairs)| {
            let scores = pairs.iter().map(|(label, score)| (*score, *label > 0.5));
            (name, colour, class, scores.collect::<Vec<_>>())
        })
        .collect();
    let legend: Vec<_> = sides
        .iter()
        .map(|(name, _, class, _)| (*class, (*name).to_owned()))
        .collect();
    let mut roc = vec![guide(vec![(0.0, 0.0), (1.0, 1.0)])];
    let mut pr = Vec::new();
    let mut reliability = vec![guide(vec![(0.0, 0.0), (1.0, 1.0)])];
    let mut positives = 0;
    for (at, (_, colour, _, pairs)) in sides.iter().enumerate() {
        let Some(curve) = curves::thresholds(pairs) else {
            return Ok(Vec::new());
        };
        let line = |points: &[(f64, f64)]| Mark::Line {
            points: curves::thin(points, THRESHOLD_POINTS),
            colour: *colour,
            width: 1.8,
            opacity: 1.0,
        };
        if at == 0 {
            positives = pairs.iter().filter(|(_, positive)| *positive).count();
            pr.push(guide(vec![
                (0.0, curve.prevalence),
                (1.0, curve.prevalence),
            ]));
        }
        roc.push(line(&curves::simplify(&curve.roc, TOLERANCE)));
        let mut recall = 0.0;
        let mut steps = Vec::new();
        for (next, precision) in curves::simplify(&curve.pr, TOLERANCE) {
            steps.extend([(recall, precision), (next, precision)]);
            recall = next;
        }
        pr.push(line(&steps));
        let bins = curves::reliability(pairs);
        reliability.push(Mark::Intervals {
            intervals: bins.iter().map(|b| (b.predicted, b.low, b.high)).collect(),
            colour: *colour,
        });
        let points: Vec<_> = bins.iter().map(|b| (b.predicted, b.observed)).collect();
        reliability.push(Mark::Dots {
            points: points.clone(),
            colour: *colour,
            radius: 4.0,
            opacity: 1.0,
        });
        reliability.push(line(&points));
    }
    let caption = scores.join(" ");
    let caption = caption.trim();
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
    let count = sides[0].3.len();
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
            pr,
            format!(
                "{positives} of {count} molecules are positive; grey: the precision of guessing."
            ),
        )?,
        square(
            "Reliability",
            "predicted probability",
            "share of positives",
            reliability,
            "Ten bins of predicted probability with 95 % intervals (Wilson); on the grey line \
             where calibrated."
                .to_owned(),
        )?,
    ])
}
