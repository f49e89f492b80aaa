//! The results of a run: for each endpoint its metrics and figures, of the model,
//! its network, its Gaussian process and the baseline beside each other.

use delicate::metrics::{EndpointEvaluation, Interval, PredictionSource, SplitEvaluation};
use delicate::model::EndpointTask;
use maud::{Markup, html};

use super::chart::ChartError;
use super::figures::{self, source_title, split_title};
use super::format::{count, metric, metric_title};
use super::html::{self, Cell, Kind};
use super::reading::{Prediction, Run};

/// Most endpoints with figures; the tables have all.
const MAX_ENDPOINTS: usize = 30;

/// An endpoint of the evaluation, or one that only the predictions name.
struct Endpoint<'a> {
    name: &'a str,
    title: &'a str,
    unit: &'a str,
    task: Option<EndpointTask>,
    splits: &'a [SplitEvaluation],
}

impl<'a> Endpoint<'a> {
    fn evaluated(endpoint: &'a EndpointEvaluation) -> Self {
        let title = Some(endpoint.title.as_str()).filter(|title| !title.is_empty());
        Self {
            name: &endpoint.name,
            title: title.unwrap_or(&endpoint.name),
            unit: &endpoint.unit,
            task: Some(endpoint.task),
            splits: &endpoint.splits,
        }
    }

    fn named(name: &'a str) -> Self {
        Self {
            name,
            title: name,
            unit: "",
            task: None,
            splits: &[],
        }
    }

    /// What stands behind its title.
    fn note(&self) -> String {
        let name = Some(self.name).filter(|name| *name != self.title);
        let task = self.task.map(|task| match task {
            EndpointTask::Regression => "regression",
            EndpointTask::Classification => "classification",
        });
        let unit = Some(self.unit).filter(|unit| !unit.is_empty());
        let parts: Vec<&str> = [name, task, unit].into_iter().flatten().collect();
        parts.join(" · ")
    }
}

/// The section; nothing where the run has neither evaluation nor predictions.
pub(super) fn section(run: &Run) -> Result<Markup, ChartError> {
    let known = |name: &str| run.evaluated.iter().any(|e| e.name == name);
    let others = run.predictions.endpoints.iter().map(|(name, _)| name);
    let others = others.filter(|name| !known(name));
    let endpoints: Vec<Endpoint<'_>> = run
        .evaluated
        .iter()
        .map(Endpoint::evaluated)
        .chain(others.map(|name| Endpoint::named(name)))
        .collect();
    if endpoints.is_empty() {
        return Ok(html! {});
    }
    let mut diagnostics = Vec::new();
    for endpoint in endpoints.iter().take(MAX_ENDPOINTS) {
        diagnostics.push(self::diagnostics(run, endpoint)?);
    }
    let shown = diagnostics
        .iter()
        .map(Some)
        .chain(std::iter::repeat_with(|| None));
    Ok(html! {
        h2 { "Results" }
        p { (introduction(&run.evaluated)) }
        @if run.evaluated.len() > 1 { (overview(&endpoints)) }
        @for (endpoint, figures) in endpoints.iter().zip(shown) {
            (html::heading(endpoint.title, &endpoint.note()))
            (metrics(endpoint))
            @if let Some(figures) = figures { (figures) }
        }
        @if endpoints.len() > MAX_ENDPOINTS {
            p {
                "Figures are shown for the first " (MAX_ENDPOINTS) " of "
                (endpoints.len()) " endpoints."
            }
        }
    })
}

/// What the columns of the tables are.
fn introduction(evaluated: &[EndpointEvaluation]) -> String {
    if evaluated.is_empty() {
        return "The run has no evaluation.json, so there are no metrics: delicate evaluate \
                writes it."
            .to_owned();
    }
    let splits: Vec<&SplitEvaluation> = evaluated.iter().flat_map(|e| &e.splits).collect();
    let sources = sources(&splits);
    let mut text = "Metrics on held-out molecules, with 95 % bootstrap intervals. ".to_owned();
    if sources.contains(&PredictionSource::GaussianProcess) {
        text += "The model's prediction is a weighted mean of its network's and of a Gaussian \
                 process's over the training molecules; both are also evaluated separately. ";
    }
    if sources.contains(&PredictionSource::Baseline) {
        text += "The baseline is a random forest on ECFP4 fingerprints, fitted to the same \
                 training molecules. ";
    }
    text + "Bold: the best value of a row; where intervals overlap, the difference may be chance."
}

/// The sources that were evaluated on any of `splits`.
fn sources(splits: &[&SplitEvaluation]) -> Vec<PredictionSource> {
    let evaluated = |source: &PredictionSource| {
        let mut metrics = splits.iter().filter_map(|split| split.metrics(*source));
        metrics.next().is_some()
    };
    PredictionSource::ALL
        .into_iter()
        .filter(evaluated)
        .collect()
}

/// The split that says most about an endpoint, all folds together where there
/// is such an entry.
fn leading(splits: &[SplitEvaluation]) -> Option<&SplitEvaluation> {
    let rank = |scores: &&SplitEvaluation| {
        let split = ["test", "valid", "train"]
            .iter()
            .position(|name| *name == scores.split);
        (split.unwrap_or(3), scores.fold.map_or(0, |fold| fold + 1))
    };
    splits.iter().min_by_key(rank)
}

/// All endpoints in one table.
fn overview(endpoints: &[Endpoint<'_>]) -> Markup {
    let leading: Vec<(&Endpoint<'_>, &SplitEvaluation)> = endpoints
        .iter()
        .filter_map(|endpoint| Some((endpoint, leading(endpoint.splits)?)))
        .collect();
    let splits: Vec<&SplitEvaluation> = leading.iter().map(|(_, split)| *split).collect();
    let sources = sources(&splits);
    let mut rows = Vec::new();
    for (endpoint, split) in leading {
        let main = |name: &&String| ["rmse", "roc_auc"].contains(&name.as_str());
        let mut names = split.model.keys();
        let first = names.clone().next();
        if let Some(name) = names.find(main).or(first) {
            let mut row = vec![
                Cell::plain(endpoint.title),
                Cell::plain(split_name(split)),
                Cell::plain(metric_title(name)),
            ];
            row.extend(compared(name, split, &sources));
            rows.push(row);
        }
    }
    let mut columns = vec!["Endpoint", "Split", "Metric"];
    columns.extend(sources.iter().map(|source| source_title(*source)));
    html::table(&columns, 3, &rows)
}

fn split_name(split: &SplitEvaluation) -> String {
    let name = split_title(&split.split);
    match split.fold {
        Some(fold) => format!("{name}, fold {fold}"),
        None => name,
    }
}

/// The metrics of an endpoint, those of each fold on demand.
fn metrics(endpoint: &Endpoint<'_>) -> Markup {
    let (folds, pooled): (Vec<_>, Vec<_>) = endpoint
        .splits
        .iter()
        .partition(|split| split.fold.is_some());
    html! {
        @if !pooled.is_empty() { (metrics_table(&pooled)) }
        @if !folds.is_empty() { (html::details("Each fold", &metrics_table(&folds))) }
    }
}

fn metrics_table(splits: &[&SplitEvaluation]) -> Markup {
    let sources = sources(splits);
    let mut rows = Vec::new();
    for split in splits {
        for (index, name) in split.model.keys().enumerate() {
            let first = |text: String| Cell::plain(if index == 0 { text } else { String::new() });
            let mut row = vec![first(split_name(split)), Cell::plain(metric_title(name))];
            row.extend(compared(name, split, &sources));
            row.push(first(count(split.molecules as f64)));
            rows.push(row);
        }
    }
    let mut columns = vec!["Split", "Metric"];
    columns.extend(sources.iter().map(|source| source_title(*source)));
    columns.push("Molecules");
    html::table(&columns, 2, &rows)
}

/// A metric of each of `sources`, the best of them bold.
fn compared(name: &str, split: &SplitEvaluation, sources: &[PredictionSource]) -> Vec<Cell> {
    let sources = sources.iter();
    let values: Vec<Option<Interval>> = sources.map(|of| split.metric(*of, name)).collect();
    let best = best(name, &values);
    let cell = |(index, value): (usize, &Option<Interval>)| {
        let kind = if best == Some(index) {
            Kind::Strong
        } else {
            Kind::Plain
        };
        value.map_or_else(
            || Cell::plain("–"),
            |interval| Cell {
                text: metric(interval.value),
                interval: format!("{} to {}", metric(interval.low), metric(interval.high)),
                kind,
            },
        )
    };
    values.iter().enumerate().map(cell).collect()
}

/// Which of at least two values is the best; none where another reads the same,
/// or which way is better is not known.
fn best(name: &str, values: &[Option<Interval>]) -> Option<usize> {
    let sign = match name {
        "rmse" | "mae" => 1.0,
        "r2" | "roc_auc" | "pr_auc" => -1.0,
        _ => return None,
    };
    let values = values.iter().enumerate();
    let mut known: Vec<(usize, f64)> = values
        .filter_map(|(index, value)| Some((index, sign * (*value)?.value)))
        .collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    match known[..] {
        [(index, first), (_, second), ..] if metric(first) != metric(second) => Some(index),
        _ => None,
    }
}

/// The figures of an endpoint.
fn diagnostics(run: &Run, endpoint: &Endpoint<'_>) -> Result<Markup, ChartError> {
    let mut known = run.predictions.endpoints.iter();
    let Some((_, by_split)) = known.find(|(name, _)| name == endpoint.name) else {
        return Ok(html! {});
    };
    let wanted = ["test", "valid", "train"];
    let found = wanted
        .iter()
        .find_map(|split| by_split.get_key_value(*split));
    let Some((split, predictions)) = found.or_else(|| by_split.iter().next()) else {
        return Ok(html! {});
    };
    let splits = endpoint.splits.iter().filter(|of| of.split == *split);
    let scores = splits.min_by_key(|of| of.fold.map_or(0, |fold| fold + 1));
    let task = endpoint.task.unwrap_or_else(|| likely_task(predictions));
    let figures = match task {
        EndpointTask::Classification => {
            let scores = PredictionSource::ALL.map(|source| {
                let score = score(scores, source, &["roc_auc"]);
                (!score.is_empty()).then(|| format!("{}: {score}", source_title(source)))
            });
            let caption: Vec<String> = scores.into_iter().flatten().collect();
            figures::classification(predictions, &caption.join(" "))?
        }
        EndpointTask::Regression => {
            let score = |source| score(scores, source, &["r2", "rmse"]);
            figures::regression(predictions, endpoint.unit, &score)?
        }
    };
    let folds = if run.predictions.folds > 1 {
        ", all folds together"
    } else {
        ""
    };
    Ok(html! {
        p {
            "Figures: " (count(predictions.len() as f64)) " molecules of the "
            (split_title(split).to_lowercase()) " split" (folds) "."
        }
        @if figures.is_empty() {
            p { "No curves: all of these molecules are of one class." }
        }
        (html::figures(&figures))
    })
}

fn likely_task(predictions: &[Prediction]) -> EndpointTask {
    let probable = |p: &Prediction| {
        let predicted = p.value(PredictionSource::Model);
        (p.label == 0.0 || p.label == 1.0) && (0.0..=1.0).contains(&predicted)
    };
    if predictions.iter().all(probable) {
        EndpointTask::Classification
    } else {
        EndpointTask::Regression
    }
}

/// Such as `R² 0.81, RMSE 0.62.`; empty where it is not known.
fn score(split: Option<&SplitEvaluation>, source: PredictionSource, names: &[&str]) -> String {
    let known: Vec<String> = names
        .iter()
        .filter_map(|name| {
            let interval = split?.metric(source, name)?;
            Some(format!("{} {}", metric_title(name), metric(interval.value)))
        })
        .collect();
    if known.is_empty() {
        return String::new();
    }
    format!("{}.", known.join(", "))
}
