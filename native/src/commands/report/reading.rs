//! A run directory, as far as a report needs it.
//!
//! Nothing in it is trusted to be whole: a run may have been killed in the
//! middle of a line, or its files edited. What cannot be read is left out and
//! counted, or noted, and the rest is reported.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use delicate::metrics::{EndpointEvaluation, Evaluation, PredictionRow, PredictionSource};
use delicate::train::run_dir::{self, RunInfo};
use delicate::train::splits::Fold;
use serde_json::{Map, Value};

/// Longest line of `metrics.jsonl`, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 16;
/// Largest `run.json`, `config.toml` or `evaluation.json`, in bytes.
const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Largest `splits.json`, in bytes.
const MAX_SPLITS_BYTES: u64 = 1 << 30;
/// Most predictions that are kept.
const MAX_PREDICTIONS: u64 = 5_000_000;

/// Columns of `predictions.csv` without which there is nothing to show.
const REQUIRED: [&str; 4] = ["split", "endpoint", "label", "prediction"];
/// Keys of a line of metrics that say where it stands and are not plotted.
const POSITION: [&str; 5] = ["step", "epoch", "split", "fold", "seconds"];

/// Values of one quantity by step, rising; NaN where the value was not finite.
pub(super) type Series = Vec<(f64, f64)>;

/// Whose values a series holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub(super) split: String,
    pub(super) fold: Option<u64>,
}

/// What `metrics.jsonl` holds.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// By quantity in the order in which they first occur, then by owner.
    pub(super) series: Vec<(String, BTreeMap<Owner, Series>)>,
    /// Lines that were read.
    pub(super) lines: u64,
    /// Lines that are damaged and were left out.
    pub(super) damaged: u64,
    /// Values that are not finite.
    pub(super) not_finite: u64,
    pub(super) last_epoch: Option<f64>,
    pub(super) last_step: Option<f64>,
    /// Longest time since the start of the run.
    pub(super) seconds: Option<f64>,
}

impl Metrics {
    pub(super) fn of(&self, quantity: &str) -> Option<&BTreeMap<Owner, Series>> {
        self.series
            .iter()
            .find(|(name, _)| name == quantity)
            .map(|(_, series)| series)
    }
}

/// What is measured and predicted of a molecule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction {
    pub(super) label: f64,
    /// By source, in the order of [`PredictionSource::ALL`]; NaN where it
    /// predicts nothing.
    values: [f64; PredictionSource::ALL.len()],
}

impl Prediction {
    /// The prediction of a row; `None` where its label or the model's value is
    /// not finite.
    fn of(row: &PredictionRow) -> Option<Self> {
        let value = |source| row.value(source).map_or(f64::NAN, f64::from);
        let usable = row.label.is_finite() && row.prediction.is_finite();
        usable.then(|| Self {
            label: f64::from(row.label),
            values: PredictionSource::ALL.map(value),
        })
    }

    /// What `source` predicts; NaN where it does not.
    pub(super) fn value(&self, source: PredictionSource) -> f64 {
        self.values[source as usize]
    }
}

/// `predictions.csv`: by endpoint in the order in which they first occur, then
/// by split, folds pooled.
#[derive(Debug, Default)]
pub(super) struct Predictions {
    pub(super) endpoints: Vec<(String, BTreeMap<String, Vec<Prediction>>)>,
    /// Rows that are damaged, or whose label or prediction is not finite.
    pub(super) left_out: u64,
    /// Whether there were more than are kept.
    pub(super) cut: bool,
    pub(super) folds: usize,
}

/// What a run directory holds.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) metrics: Metrics,
    pub(super) config: Option<String>,
    pub(super) info: Option<RunInfo>,
    pub(super) folds: Vec<Fold>,
    /// What `evaluation.json` says of each endpoint.
    pub(super) evaluated: Vec<EndpointEvaluation>,
    pub(super) predictions: Predictions,
    /// What the reader should know about the files.
    pub(super) notes: Vec<String>,
}

/// Reads the run directory `dir`. Only `metrics.jsonl` must be there.
pub(super) fn read(dir: &Path) -> io::Result<Run> {
    let mut run = Run {
        metrics: metrics(BufReader::new(File::open(dir.join(run_dir::METRICS))?))?,
        ..Run::default()
    };
    let notes = &mut run.notes;
    run.config = optional(notes, dir, run_dir::CONFIG, |path| {
        text(path, MAX_TEXT_BYTES)
    });
    run.info = optional(notes, dir, run_dir::RUN, |path| json(path, MAX_TEXT_BYTES));
    run.folds = optional(notes, dir, run_dir::SPLITS, |path| {
        json(path, MAX_SPLITS_BYTES)
    })
    .unwrap_or_default();
    let evaluation = optional(notes, dir, run_dir::EVALUATION, |path| {
        json::<Evaluation>(path, MAX_TEXT_BYTES)
    });
    run.evaluated = evaluation.map_or_else(Vec::new, |evaluation| evaluation.endpoints);
    run.predictions = optional(notes, dir, run_dir::PREDICTIONS, predictions).unwrap_or_default();
    let count = |count: u64, what: &str, file: &str, why: &str| {
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{file}: {count} {what}{plural} left out: {why}."))
    };
    notes.extend(count(
        run.metrics.damaged,
        "damaged line",
        run_dir::METRICS,
        "not a JSON object with a step",
    ));
    notes.extend(count(
        run.metrics.not_finite,
        "value",
        run_dir::METRICS,
        "NaN or infinite; curves have a gap there",
    ));
    notes.extend(count(
        run.predictions.left_out,
        "row",
        run_dir::PREDICTIONS,
        "no finite label and prediction",
    ));
    if run.predictions.cut {
        notes.push(format!(
            "{}: only the first {MAX_PREDICTIONS} rows are shown.",
            run_dir::PREDICTIONS
        ));
    }
    Ok(run)
}

/// An optional file: `None` where there is none; a note where it is unreadable.
fn optional<T>(
    notes: &mut Vec<String>,
    dir: &Path,
    name: &str,
    read: impl Fn(&Path) -> Result<T, String>,
) -> Option<T> {
    let path = dir.join(name);
    // Only a file that is surely not there is no news.
    if matches!(path.try_exists(), Ok(false)) {
        return None;
    }
    match read(&path) {
        Ok(content) => Some(content),
        Err(why) => {
            notes.push(format!("{name} was left out: {why}."));
            None
        }
    }
}

fn text(path: &Path, most: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut content)
        .map_err(|error| error.to_string())?;
    if content.len() as u64 > most {
        return Err(format!("it is larger than {most} bytes"));
    }
    Ok(String::from_utf8_lossy(&content).into_owned())
}

fn json<T: serde::de::DeserializeOwned>(path: &Path, most: u64) -> Result<T, String> {
    serde_json::from_str(&text(path, most)?).map_err(|error| error.to_string())
}

fn metrics(mut reader: impl BufRead) -> io::Result<Metrics> {
    let mut metrics = Metrics::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            metrics.damaged += 1;
            reader.skip_until(b'\n')?;
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Map<String, Value>>(&line) {
            Ok(values) if values.get("step").is_some_and(Value::is_number) => {
                metrics.add(&values);
            }
            _ => metrics.damaged += 1,
        }
    }
    for (_, owners) in &mut metrics.series {
        for series in owners.values_mut() {
            // A resumed run may have done some steps twice: the last one counts.
            series.reverse();
            series.sort_by(|a, b| a.0.total_cmp(&b.0));
            series.dedup_by_key(|(step, _)| *step);
        }
    }
    Ok(metrics)
}

impl Metrics {
    fn add(&mut self, values: &Map<String, Value>) {
        self.lines += 1;
        let number = |name: &str| values.get(name).and_then(Value::as_f64);
        let step = number("step").unwrap_or_default();
        let later = |old: Option<f64>, new: Option<f64>| match (old, new) {
            (Some(old), Some(new)) => Some(old.max(new)),
            (old, new) => old.or(new),
        };
        self.last_step = later(self.last_step, Some(step));
        self.last_epoch = later(self.last_epoch, number("epoch"));
        self.seconds = later(self.seconds, number("seconds"));
        let owner = Owner {
            split: values
                .get("split")
                .and_then(Value::as_str)
                .unwrap_or("train")
                .to_owned(),
            fold: values.get("fold").and_then(Value::as_u64),
        };
        for (name, value) in values {
            if POSITION.contains(&name.as_str()) {
                continue;
            }
            let value = match value {
                Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
                // How JSON writers put NaN and infinities.
                Value::Null => f64::NAN,
                _ => continue,
            };
            if !value.is_finite() {
                self.not_finite += 1;
            }
            let at = self.series.iter().position(|(known, _)| known == name);
            let at = at.unwrap_or_else(|| {
                self.series.push((name.clone(), BTreeMap::new()));
                self.series.len() - 1
            });
            self.series[at]
                .1
                .entry(owner.clone())
                .or_default()
                .push((step, value));
        }
    }
}

fn predictions(path: &Path) -> Result<Predictions, String> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .map_err(|error| error.to_string())?;
    let headers = reader.headers().map_err(|error| error.to_string())?;
    for wanted in REQUIRED {
        if !headers.iter().any(|name| name == wanted) {
            return Err(format!("it has no column `{wanted}`"));
        }
    }
    let mut all = Predictions::default();
    let mut folds = BTreeSet::new();
    let mut rows = 0;
    for row in reader.deserialize::<PredictionRow>() {
        let row = match row {
            Ok(row) => row,
            Err(error) if error.is_io_error() => return Err(error.to_string()),
            Err(_) => {
                all.left_out += 1;
                continue;
            }
        };
        rows += 1;
        if rows > MAX_PREDICTIONS {
            all.cut = true;
            break;
        }
        let Some(prediction) = Prediction::of(&row) else {
            all.left_out += 1;
            continue;
        };
        folds.insert(row.fold);
        let index = all
            .endpoints
            .iter()
            .position(|(name, _)| *name == row.endpoint);
        let index = index.unwrap_or_else(|| {
            all.endpoints.push((row.endpoint, BTreeMap::new()));
            all.endpoints.len() - 1
        });
        let by_split = &mut all.endpoints[index].1;
        by_split.entry(row.split).or_default().push(prediction);
    }
    all.folds = folds.len();
    Ok(all)
}
