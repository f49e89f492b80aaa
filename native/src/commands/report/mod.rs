//! `delicate report`: one HTML page about a run, self-contained, from the
//! files of its directory alone. It shows numbers and computes none but bins
//! and curves: metrics with their intervals come from `evaluation.json`.

mod chart;
mod curves;
mod figures;
mod page;
mod reading;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use crate::error::CommandError;
use figures::{Figure, split_title};
use page::{Cell, Kind, Page};
use reading::{Estimate, Evaluated, Prediction, Run, Scores};

/// Name of the report in a run directory.
const REPORT: &str = "report.html";
/// Most endpoints with figures; the tables have all.
const MAX_ENDPOINTS: usize = 30;
/// Most quantities with a curve.
const MAX_CURVES: usize = 60;
/// Most bytes of the configuration that are shown.
const MAX_CONFIG: usize = 64 << 10;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Run directory: the -o of pretrain, distill or finetune
    pub(crate) run: PathBuf,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The one file that a report needs cannot be read.
    #[error(
        "{}: {source}: not a run directory? It is the -o of pretrain, distill or finetune",
        path.join("metrics.jsonl").display()
    )]
    Read { path: PathBuf, source: io::Error },
    /// A figure cannot be drawn.
    #[error("figure \"{figure}\": {why}")]
    Figure { figure: String, why: String },
    /// The report cannot be written.
    #[error("writing {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl From<ReportError> for CommandError {
    fn from(error: ReportError) -> Self {
        Self::other(error, 1)
    }
}

pub(crate) fn run(arguments: &ReportArguments) -> Result<(), CommandError> {
    write(&arguments.run)?;
    writeln!(io::stdout(), "{}", arguments.run.join(REPORT).display()).map_err(CommandError::stdout)
}

/// Writes `report.html` into the run directory `run`, at once or not at all.
///
/// # Errors
/// `metrics.jsonl` cannot be read, or the report cannot be written. Other
/// files may be missing or damaged; the report then says so.
pub(crate) fn write(run: &Path) -> Result<(), ReportError> {
    let content = reading::read(run).map_err(|source| ReportError::Read {
        path: run.to_owned(),
        source,
    })?;
    let html = html(&content, &name(run))?;
    let path = run.join(REPORT);
    let partial = run.join(format!("{REPORT}.partial"));
    std::fs::write(&partial, html)
        .and_then(|()| std::fs::rename(&partial, &path))
        .map_err(|source| ReportError::Write { path, source })
}

/// The directory's own name, also for `.`.
fn name(run: &Path) -> String {
    let full = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    full.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn html(run: &Run, name: &str) -> Result<String, ReportError> {
    let about = run.run.clone().unwrap_or_default();
    let said = |key: &str| about.get(key).map(plain).filter(|text| !text.is_empty());
    let subtitle: Vec<String> = [
        said("command").map(|command| {
            if command.starts_with("delicate") {
                command
            } else {
                format!("delicate {command}")
            }
        }),
        said("version").map(|version| format!("version {version}")),
        said("device").map(|device| format!("on {device}")),
        said("started").map(|started| format!("started {started}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut page = Page::new(&format!("Run {name}"), &subtitle.join(" · "));
    page.tiles(&tiles(run));
    page.notes(&run.notes);
    results(&mut page, run)?;
    training(&mut page, run)?;
    what_was_run(&mut page, run, &about);
    Ok(page.finish(
        "Made by delicate report from the files of the run directory. Self-contained: it loads \
         nothing and runs no script.",
    ))
}

fn tiles(run: &Run) -> Vec<(String, String)> {
    let metrics = &run.metrics;
    let mut tiles = Vec::new();
    let mut tile = |name: &str, value: Option<String>| {
        tiles.extend(value.map(|value| (name.to_owned(), value)));
    };
    tile("Steps", metrics.last_step.map(count));
    tile("Epochs", metrics.last_epoch.map(count));
    tile("Time", metrics.seconds.map(duration));
    let rates = metrics.of("molecules_per_second").into_iter().flatten();
    let rates = rates.flat_map(|(_, series)| series.iter().map(|(_, rate)| *rate));
    tile(
        "Molecules per second, median",
        curves::quantile(rates.collect(), 0.5).map(figure),
    );
    let losses = metrics.of("loss").into_iter().flatten();
    let lowest = losses
        .filter(|(owner, _)| owner.split == "valid")
        .flat_map(|(_, series)| series)
        .filter(|(_, loss)| loss.is_finite())
        .min_by(|a, b| a.1.total_cmp(&b.1));
    tile(
        "Lowest validation loss",
        lowest.map(|(step, loss)| format!("{} at step {}", figure(*loss), count(*step))),
    );
    tiles
}

/// Endpoints of the evaluation and of the predictions, in that order.
fn endpoints(run: &Run) -> Vec<Evaluated> {
    let known = |name: &str| run.evaluation.endpoints.iter().any(|e| e.name == name);
    let evaluated = run.evaluation.endpoints.iter().map(|endpoint| Evaluated {
        name: endpoint.name.clone(),
        title: endpoint.title.clone(),
        unit: endpoint.unit.clone(),
        task: endpoint.task.clone(),
        splits: Vec::new(),
    });
    let others = run.predictions.endpoints.iter();
    let others = others
        .filter(|(name, _)| !known(name))
        .map(|(name, _)| Evaluated {
            name: name.clone(),
            ..Evaluated::default()
        });
    evaluated.chain(others).collect()
}

fn results(page: &mut Page, run: &Run) -> Result<(), ReportError> {
    let endpoints = endpoints(run);
    if endpoints.is_empty() {
        return Ok(());
    }
    page.section("Results");
    if run.evaluation.endpoints.is_empty() {
        page.paragraph(
            "The run has no evaluation.json, so there are no metrics: delicate evaluate writes it.",
        );
    } else {
        page.paragraph(
            "Metrics with 95 % bootstrap intervals, beside a baseline on ECFP fingerprints that \
             was trained on the same molecules. Bold: the better value; where the intervals \
             overlap, the difference may be chance.",
        );
    }
    if run.evaluation.endpoints.len() > 1 {
        overview(page, &run.evaluation.endpoints);
    }
    for (at, endpoint) in endpoints.iter().enumerate() {
        let evaluated = run.evaluation.endpoints.iter();
        let splits: &[Scores] = evaluated
            .clone()
            .find(|known| known.name == endpoint.name)
            .map_or(&[], |known| &known.splits);
        let title = if endpoint.title.is_empty() {
            &endpoint.name
        } else {
            &endpoint.title
        };
        let note: Vec<&str> = [
            (title != &endpoint.name).then_some(endpoint.name.as_str()),
            endpoint.task.as_deref(),
            Some(endpoint.unit.as_str()).filter(|unit| !unit.is_empty()),
        ]
        .into_iter()
        .flatten()
        .collect();
        page.heading(title, &note.join(" · "));
        let (folds, pooled): (Vec<&Scores>, Vec<&Scores>) =
            splits.iter().partition(|scores| scores.fold.is_some());
        if !pooled.is_empty() {
            scores(page, &pooled);
        }
        if !folds.is_empty() {
            page.open_details("Each fold");
            scores(page, &folds);
            page.close_details();
        }
        if at < MAX_ENDPOINTS {
            diagnostics(page, run, endpoint, splits)?;
        }
    }
    if endpoints.len() > MAX_ENDPOINTS {
        page.paragraph(&format!(
            "Figures are shown for the first {MAX_ENDPOINTS} of {} endpoints.",
            endpoints.len()
        ));
    }
    Ok(())
}

/// The split that says most about an endpoint, folds pooled where there are
/// such scores.
fn leading(splits: &[Scores]) -> Option<&Scores> {
    let rank = |scores: &&Scores| {
        let split = ["test", "valid", "train"]
            .iter()
            .position(|name| *name == scores.split);
        (split.unwrap_or(3), scores.fold.map_or(0, |fold| fold + 1))
    };
    splits.iter().min_by_key(rank)
}

/// All endpoints in one table.
fn overview(page: &mut Page, endpoints: &[Evaluated]) {
    let mut rows = Vec::new();
    for endpoint in endpoints {
        let Some(scores) = leading(&endpoint.splits) else {
            continue;
        };
        let main = |name: &str| ["rmse", "roc_auc"].contains(&name);
        let mut metrics = scores.model.iter();
        let first = metrics.clone().next();
        if let Some((name, value)) = metrics.find(|(name, _)| main(name)).or(first) {
            let (model, baseline) = compared(name, value, scores);
            rows.push(vec![
                Cell::plain(if endpoint.title.is_empty() {
                    &endpoint.name
                } else {
                    &endpoint.title
                }),
                Cell::plain(where_from(scores)),
                Cell::plain(metric_title(name)),
                model,
                baseline,
            ]);
        }
    }
    page.table(
        &["Endpoint", "Split", "Metric", "Model", "ECFP baseline"],
        3,
        &rows,
    );
}

fn where_from(scores: &Scores) -> String {
    let split = split_title(&scores.split);
    match scores.fold {
        Some(fold) => format!("{split}, fold {fold}"),
        None => split,
    }
}

/// The metrics of an endpoint.
fn scores(page: &mut Page, splits: &[&Scores]) {
    let mut rows = Vec::new();
    for scores in splits {
        for (at, (name, value)) in scores.model.iter().enumerate() {
            let (model, baseline) = compared(name, value, scores);
            let first = |text: String| Cell::plain(if at == 0 { text } else { String::new() });
            rows.push(vec![
                first(where_from(scores)),
                Cell::plain(metric_title(name)),
                model,
                baseline,
                first(scores.molecules.map_or(String::new(), |n| count(n as f64))),
            ]);
        }
    }
    page.table(
        &["Split", "Metric", "Model", "ECFP baseline", "Molecules"],
        2,
        &rows,
    );
}

fn compared(name: &str, value: &Value, scores: &Scores) -> (Cell, Cell) {
    let model = Estimate::of(value);
    let baseline = scores.baseline.as_ref();
    let baseline = baseline
        .and_then(|all| all.get(name))
        .and_then(Estimate::of);
    let better = |a: Option<Estimate>, b: Option<Estimate>| match (a, b, name) {
        (Some(a), Some(b), "rmse" | "mae") => a.value < b.value,
        (Some(a), Some(b), "r2" | "roc_auc" | "pr_auc") => a.value > b.value,
        _ => false,
    };
    (
        estimate(model, better(model, baseline)),
        estimate(baseline, better(baseline, model)),
    )
}

fn estimate(estimate: Option<Estimate>, strong: bool) -> Cell {
    let Some(estimate) = estimate else {
        return Cell::plain("–");
    };
    Cell {
        text: metric(estimate.value),
        interval: match (estimate.low, estimate.high) {
            (Some(low), Some(high)) => format!("{} to {}", metric(low), metric(high)),
            _ => String::new(),
        },
        kind: if strong { Kind::Strong } else { Kind::Plain },
    }
}

fn metric_title(name: &str) -> &str {
    match name {
        "rmse" => "RMSE",
        "mae" => "MAE",
        "r2" => "R²",
        "roc_auc" => "ROC-AUC",
        "pr_auc" => "PR-AUC",
        other => other,
    }
}

/// The figures of an endpoint.
fn diagnostics(
    page: &mut Page,
    run: &Run,
    endpoint: &Evaluated,
    splits: &[Scores],
) -> Result<(), ReportError> {
    let mut known = run.predictions.endpoints.iter();
    let Some((_, by_split)) = known.find(|(name, _)| *name == endpoint.name) else {
        return Ok(());
    };
    let wanted = ["test", "valid", "train"];
    let found = wanted
        .iter()
        .find_map(|split| by_split.get_key_value(*split));
    let Some((split, predictions)) = found.or_else(|| by_split.iter().next()) else {
        return Ok(());
    };
    let scores = splits
        .iter()
        .filter(|scores| scores.split == *split)
        .min_by_key(|scores| scores.fold.map_or(0, |fold| fold + 1));
    let classification = match endpoint.task.as_deref() {
        Some(task) => task == "classification",
        None => looks_like_classes(predictions),
    };
    let said: [String; 2] = if classification {
        [
            quality("Model", scores.map(|s| &s.model), &["roc_auc"]),
            quality(
                "Baseline",
                scores.and_then(|s| s.baseline.as_ref()),
                &["roc_auc"],
            ),
        ]
    } else {
        [
            quality("", scores.map(|s| &s.model), &["r2", "rmse"]),
            quality(
                "",
                scores.and_then(|s| s.baseline.as_ref()),
                &["r2", "rmse"],
            ),
        ]
    };
    page.paragraph(&format!(
        "Figures: {} molecules of the {} split{}.",
        count(predictions.len() as f64),
        split_title(split).to_lowercase(),
        if run.predictions.folds > 1 {
            ", all folds together"
        } else {
            ""
        }
    ));
    if classification {
        let figures = figures::classification(predictions, &said)?;
        if figures.is_empty() {
            page.paragraph("No curves: all of these molecules are of one class.");
        }
        page.figures(&figures);
    } else {
        page.figures(&figures::regression(predictions, &endpoint.unit, &said)?);
    }
    Ok(())
}

fn looks_like_classes(predictions: &[Prediction]) -> bool {
    predictions
        .iter()
        .all(|p| (p.label == 0.0 || p.label == 1.0) && (0.0..=1.0).contains(&p.predicted))
}

/// Such as `R² 0.81, RMSE 0.62.`; empty where it is not known.
fn quality(who: &str, metrics: Option<&Map<String, Value>>, names: &[&str]) -> String {
    let known: Vec<String> = names
        .iter()
        .filter_map(|name| {
            let value = Estimate::of(metrics?.get(*name)?)?;
            Some(format!("{} {}", metric_title(name), metric(value.value)))
        })
        .collect();
    if known.is_empty() {
        return String::new();
    }
    format!("{who} {}.", known.join(", "))
        .trim_start()
        .to_owned()
}

fn training(page: &mut Page, run: &Run) -> Result<(), ReportError> {
    page.section("Training");
    let series = &run.metrics.series;
    if series.is_empty() {
        page.paragraph("No metrics were recorded.");
        return Ok(());
    }
    let mut drawn: Vec<Figure> = Vec::new();
    // The sum first, then its parts as they come, then how fast it went.
    let place = |name: &str| match name {
        "loss" => 0,
        "learning_rate" => 2,
        "molecules_per_second" => 3,
        _ => 1,
    };
    let mut order: Vec<_> = series.iter().collect();
    order.sort_by_key(|(name, _)| place(name));
    for (name, owners) in order.into_iter().take(MAX_CURVES) {
        let title = match name.as_str() {
            "loss" => "Loss".to_owned(),
            "mlm" => "Loss of masked language modelling (mlm)".to_owned(),
            "physchem" => "Loss of physico-chemical regression (physchem)".to_owned(),
            "learning_rate" => "Learning rate".to_owned(),
            "molecules_per_second" => "Throughput, molecules per second".to_owned(),
            other => capital(metric_title(other)),
        };
        let any = owners
            .values()
            .flatten()
            .any(|(_, value)| value.is_finite());
        if any {
            // Rates are read by their differences, losses by their ratios.
            let logarithmic = place(name) < 2;
            drawn.push(figures::over_steps(title, owners, logarithmic)?);
        }
    }
    page.figures(&drawn);
    if series.len() > MAX_CURVES {
        page.paragraph(&format!(
            "Curves are shown for {MAX_CURVES} of {} quantities.",
            series.len()
        ));
    }
    Ok(())
}

fn what_was_run(page: &mut Page, run: &Run, about: &Map<String, Value>) {
    page.section("What was run");
    let entries: Vec<(String, String)> = about
        .iter()
        .filter(|(key, _)| *key != "data")
        .map(|(key, value)| (capital(key), plain(value)))
        .collect();
    if entries.is_empty() {
        page.paragraph("The run has no run.json.");
    }
    page.list(&entries);
    if let Some(Value::Array(data)) = about.get("data") {
        let cell = |entry: &Value, key: &str| entry.get(key).map(plain).unwrap_or_default();
        let rows: Vec<Vec<Cell>> = data
            .iter()
            .map(|entry| {
                let rows = entry.get("rows").and_then(Value::as_f64);
                vec![
                    Cell::plain(cell(entry, "path")),
                    Cell::code(cell(entry, "sha256")),
                    Cell::plain(rows.map_or_else(|| cell(entry, "rows"), count)),
                ]
            })
            .collect();
        page.table(&["Data", "SHA-256", "Rows"], 2, &rows);
    }
    if !run.splits.is_empty() {
        let size = |indices: &[_]| Cell::plain(count(indices.len() as f64));
        let rows: Vec<Vec<Cell>> = run
            .splits
            .iter()
            .enumerate()
            .map(|(at, fold)| {
                vec![
                    Cell::plain(fold.fold.unwrap_or(at as u64).to_string()),
                    size(&fold.train),
                    size(&fold.valid),
                    size(&fold.test),
                ]
            })
            .collect();
        page.table(
            &["Fold", "Training molecules", "Validation", "Test"],
            1,
            &rows,
        );
    }
    if let Some(config) = &run.config {
        let mut end = config.len().min(MAX_CONFIG);
        while !config.is_char_boundary(end) {
            end -= 1;
        }
        let mut shown = config[..end].to_owned();
        if end < config.len() {
            shown.push_str("\n… (cut)");
        }
        page.details("Resolved configuration (config.toml)", &shown);
    }
}

/// A JSON value as plain text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn capital(key: &str) -> String {
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// A whole number with separated thousands.
fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("−{text}")
    } else {
        text
    }
}

/// A metric's value, with three decimals.
fn metric(value: f64) -> String {
    if value.abs() >= 1e6 {
        return format!("{value:.2e}");
    }
    format!("{value:.3}").replace('-', "−")
}

/// A number with about four digits.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => count(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}
