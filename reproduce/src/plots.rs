//! The plots of `docs/results.md`, from the results alone.

use anyhow::{Result, anyhow};
use delicate::metrics::{Interval, PredictionSource};
use delicate::screening::TargetResult;
use plotters::prelude::*;

use crate::protocol::Screen;
use crate::results::{Measured, Results, Screening};
use crate::tables::test;

/// Colours that the colour-blind tell apart (after Okabe and Ito).
const OURS: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const NETWORK: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
const PROCESS: RGBColor = RGBColor(0x00, 0x9E, 0x73);
const THEIRS: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const GUIDE: RGBColor = RGBColor(0x9A, 0xA1, 0xAA);
const GRID: RGBColor = RGBColor(0xE4, 0xE7, 0xEB);

/// Name and SVG of every plot that there are results for.
pub(crate) fn all(results: &Results) -> Result<Vec<(&'static str, String)>> {
    let mut plots = Vec::new();
    if let Some(result) = results.measured("endpoints") {
        plots.push(("endpoints", endpoints(result)?));
    }
    if let Some(result) = results.screening() {
        plots.push(("screening", screening(result)?));
    }
    Ok(plots)
}

/// Draws on white, so that it is read on a dark page as well.
fn drawn(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<()>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        draw(&root)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

fn failed<E: std::fmt::Display>(error: E) -> anyhow::Error {
    anyhow!("a plot could not be drawn: {error}")
}

/// R² of each endpoint, with its interval: the model, its parts, and the baseline.
fn endpoints(result: &Measured) -> Result<String> {
    let titles: Vec<&str> = result.endpoints.iter().map(|e| e.title.as_str()).collect();
    let mut series: Vec<(&str, RGBColor, Vec<Option<Interval>>)> = Vec::new();
    for (name, colour, source) in [
        ("DeLiCaTe-small", OURS, PredictionSource::Model),
        ("its network alone", NETWORK, PredictionSource::Network),
        (
            "its Gaussian process alone",
            PROCESS,
            PredictionSource::GaussianProcess,
        ),
        ("ECFP4 forest", THEIRS, PredictionSource::Baseline),
    ] {
        let endpoints = result.endpoints.iter();
        let metrics = endpoints.map(|e| Ok(test(e)?.metric(source, "r2")));
        series.push((name, colour, metrics.collect::<Result<_>>()?));
    }
    drawn((760, 400), |root| {
        let mut chart = ChartBuilder::on(root)
            .margin(12)
            .x_label_area_size(34)
            .y_label_area_size(52)
            .build_cartesian_2d(-0.5..titles.len() as f64 - 0.5, 0.0..1.0)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GUIDE)
            .x_labels(titles.len())
            .x_label_formatter(&|place| {
                let whole = (place - place.round()).abs() < 1e-6 && *place >= 0.0;
                let title = titles.get(place.round() as usize).filter(|_| whole);
                title.map_or_else(String::new, |title| (*title).to_owned())
            })
            .y_desc("R² on the test, with its 95 % interval")
            .label_style(("sans-serif", 14))
            .draw()
            .map_err(failed)?;
        for (index, (name, colour, metrics)) in series.iter().enumerate() {
            let shift = (index as f64 - (series.len() - 1) as f64 / 2.0) * 0.17;
            let points: Vec<(f64, f64, f64, f64)> = metrics
                .iter()
                .enumerate()
                .filter_map(|(place, metric)| {
                    let Interval { value, low, high } = (*metric)?;
                    Some((place as f64 + shift, low, value, high))
                })
                .collect();
            let bars = points.iter().map(|&(x, low, _, high)| {
                PathElement::new(vec![(x, low.max(0.0)), (x, high)], colour.stroke_width(2))
            });
            chart.draw_series(bars).map_err(failed)?;
            let dots = points
                .iter()
                .map(|&(x, _, value, _)| Circle::new((x, value), 5, colour.filled()));
            chart
                .draw_series(dots)
                .map_err(failed)?
                .label(*name)
                .legend(|(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE)
            .border_style(GRID)
            .label_font(("sans-serif", 14))
            .draw()
            .map_err(failed)
    })
}

/// AUROC of each target: by the embedding against by ECFP4.
fn screening(result: &Screening) -> Result<String> {
    let targets = |screen| {
        let mut all: Vec<&TargetResult> = result.targets(screen).iter().collect();
        all.sort_by(|a, b| a.target.cmp(&b.target));
        all
    };
    let ours = targets(Screen::EmbeddingMean);
    let theirs = targets(Screen::EcfpMax);
    let points: Vec<(f64, f64)> = theirs
        .iter()
        .zip(&ours)
        .filter(|(theirs, ours)| theirs.target == ours.target)
        .map(|(theirs, ours)| (theirs.auroc, ours.auroc))
        .collect();
    drawn((480, 460), |root| {
        let mut chart = ChartBuilder::on(root)
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(52)
            .build_cartesian_2d(0.4..1.0, 0.4..1.0)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GUIDE)
            .x_labels(6)
            .y_labels(6)
            .x_desc("AUROC by ECFP4, nearest query")
            .y_desc("AUROC by embedding, mean over queries")
            .label_style(("sans-serif", 14))
            .draw()
            .map_err(failed)?;
        let equal = PathElement::new(vec![(0.4, 0.4), (1.0, 1.0)], GUIDE.stroke_width(1));
        chart.draw_series([equal]).map_err(failed)?;
        let dots = points
            .iter()
            .map(|&point| Circle::new(point, 4, OURS.mix(0.8).filled()));
        chart.draw_series(dots).map_err(failed)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_plots_are_those_of_the_results() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let results = Results::read(docs.join("results")).expect("readable results");
        for (name, plot) in all(&results).expect("plots") {
            let drawn = std::fs::read_to_string(docs.join(name).with_extension("svg"));
            assert!(drawn.expect("a plot") == plot, "{name}.svg is another");
        }
    }
}
