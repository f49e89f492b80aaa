//! The plots of `docs/results.md`, from the results alone.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use serde_json::Value;

use super::results::{Results, list};
use super::tables::{test, title};

/// Colours that the colour-blind tell apart (after Okabe and Ito).
const OURS: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const NETWORK: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
const PROCESS: RGBColor = RGBColor(0x00, 0x9E, 0x73);
const THEIRS: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const GUIDE: RGBColor = RGBColor(0x9A, 0xA1, 0xAA);
const GRID: RGBColor = RGBColor(0xE4, 0xE7, 0xEB);

/// Name and SVG of every plot that there are results for.
pub(super) fn all(results: &Results) -> Result<Vec<(&'static str, String)>> {
    let mut plots = Vec::new();
    if let Some(result) = results.get("endpoints") {
        plots.push(("endpoints", endpoints(result)?));
    }
    if let Some(result) = results.get("screening") {
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
fn endpoints(result: &Value) -> Result<String> {
    let all = list(&result["endpoints"])?;
    let titles: Vec<&str> = all.iter().map(title).collect();
    let mut series: Vec<(&str, RGBColor, Vec<Value>)> = Vec::new();
    for (name, colour, key) in [
        ("DeLiCaTe-small", OURS, "model"),
        ("its network alone", NETWORK, "network"),
        ("its Gaussian process alone", PROCESS, "process"),
        ("ECFP4 forest", THEIRS, "baseline"),
    ] {
        let metrics = all.iter().map(|e| Ok(test(e)?[key]["r2"].clone()));
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
                    let number = |key: &str| metric[key].as_f64();
                    let x = place as f64 + shift;
                    Some((x, number("low")?, number("value")?, number("high")?))
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
fn screening(result: &Value) -> Result<String> {
    let targets = |key: &str| -> Result<Vec<(String, f64)>> {
        let mut all: Vec<(String, f64)> = list(&result[key])?
            .iter()
            .filter_map(|t| Some((t["target"].as_str()?.to_owned(), t["auroc"].as_f64()?)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    };
    let ours = targets("embedding-mean")?;
    let theirs = targets("ecfp-max")?;
    let points: Vec<(f64, f64)> = theirs
        .iter()
        .zip(&ours)
        .filter(|((a, _), (b, _))| a == b)
        .map(|((_, x), (_, y))| (*x, *y))
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
