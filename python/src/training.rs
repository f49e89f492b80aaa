//! Training on a table of labels: the library's own, as `delicate finetune` runs it.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use delicate::device::Device;
use delicate::predict::Stop;
use delicate::train::own_table::{Inspected, LabelColumn, OwnTable};
use delicate::train::run_dir::{self, RunInfo};
use delicate::train::{self, Event, RunConfig};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;

use crate::engine::{device_error, own_threads, run_telling};
use crate::{DeviceError, TrainingError};

/// What is asked for, as Python puts it down.
#[derive(Deserialize)]
struct Asked {
    table: PathBuf,
    /// The SHA-256 of the table's bytes, in hexadecimal.
    digest: String,
    labels: Vec<Label>,
    smiles_column: Option<String>,
    start: Option<PathBuf>,
    /// What the model is called; without it, as the table.
    name: Option<String>,
    /// Keys of a configuration, whose parts are parted by dots, and their values.
    settings: serde_json::Map<String, serde_json::Value>,
    run: PathBuf,
    device: String,
    threads: Option<usize>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
    task: Option<delicate::model::EndpointTask>,
    #[serde(default)]
    unit: String,
}

/// Why there is no model.
enum Failure {
    Device(delicate::device::DeviceError),
    Training(train::TrainingError),
    /// Anything else, in words.
    Other(String),
}

impl From<train::TrainingError> for Failure {
    fn from(error: train::TrainingError) -> Self {
        Self::Training(error)
    }
}

impl From<run_dir::RunError> for Failure {
    fn from(error: run_dir::RunError) -> Self {
        Self::Training(error.into())
    }
}

impl Failure {
    fn other(error: impl ToString) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Device(error) => device_error(error),
            Failure::Training(train::TrainingError::Stop(Stop::Cancelled)) => {
                PyKeyboardInterrupt::new_err("training was stopped")
            }
            Failure::Training(train::TrainingError::Stop(stop @ Stop::Device(_))) => {
                DeviceError::new_err(stop.to_string())
            }
            Failure::Training(error) => TrainingError::new_err(error.to_string()),
            Failure::Other(message) => TrainingError::new_err(message),
        }
    }
}

/// Fine-tunes on a table, or goes on with the run that was begun on the same one.
/// `on_event` is called with a dictionary for each thing that the run tells.
#[pyfunction]
pub(crate) fn finetune(py: Python<'_>, asked: &str, on_event: Py<PyAny>) -> PyResult<()> {
    let asked: Asked = serde_json::from_str(asked)
        .map_err(|error| PyValueError::new_err(format!("finetune: {error}")))?;
    let choice = asked.device.parse().map_err(device_error)?;
    let pool = own_threads(asked.threads)?;
    let hear = |event: &Event| {
        Python::attach(|py| match as_dictionary(py, event)? {
            Some(told) => on_event.call1(py, (told,)).map(|_| ()),
            None => Ok(()),
        })
    };
    let done = run_telling(py, pool.as_ref(), hear, |stop, tell| {
        train(&asked, stop, tell, || Device::open_blocking(choice))
    })?;
    done.map_err(PyErr::from)
}

fn train(
    asked: &Asked,
    stop: &AtomicBool,
    tell: &SyncSender<Event>,
    open: impl FnOnce() -> Result<Device, delicate::device::DeviceError>,
) -> Result<(), Failure> {
    let on_event = |event| {
        // Whoever hears it waits for the end.
        let _ = tell.send(event);
        match stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let label = |label: &Label| LabelColumn {
        name: label.name.clone(),
        task: label.task,
        unit: label.unit.clone(),
    };
    let table = OwnTable {
        path: asked.table.clone(),
        labels: asked.labels.iter().map(label).collect(),
        smiles_column: asked.smiles_column.clone(),
        start: asked.start.clone(),
    };
    let found = table.inspect().map_err(Failure::other)?;
    let config = configured(asked, &found)?;
    let columns = asked.labels.iter().zip(&found.labels).zip(&found.missing);
    for ((label, decision), missing) in columns {
        let none = match missing {
            0 => String::new(),
            missing => format!("; {missing} without a label"),
        };
        let note = format!("{}: {}{none}", label.name, decision.summary);
        let _ = tell.send(Event::Note(note));
    }
    let is_begun = asked.run.join(run_dir::CONFIG).is_file();
    if is_begun {
        check_same(asked, &config)?;
    }
    let device = open().map_err(Failure::Device)?;
    let (run, data) = (&asked.run, &found.data);
    let trained = match is_begun {
        true => pollster::block_on(train::resume(run, &device, on_event)),
        false => pollster::block_on(train::run(&config, data, run, &device, on_event)),
    };
    trained.map(|_| ()).map_err(Failure::from)
}

/// The run that suits the table, with what was asked for on top.
fn configured(asked: &Asked, found: &Inspected) -> Result<RunConfig, Failure> {
    let config = RunConfig::from(found.config.clone());
    let text = config.to_toml().map_err(Failure::other)?;
    let mut whole: toml::Table = text.parse().map_err(Failure::other)?;
    if let Some(name) = &asked.name {
        whole.insert("name".to_owned(), name.as_str().into());
    }
    for (key, value) in &asked.settings {
        let value = toml::Value::try_from(value);
        let value = value.map_err(|error| Failure::Other(format!("{key}: {error}")))?;
        set(&mut whole, key, value)?;
    }
    RunConfig::from_toml(&whole.to_string())
        .map_err(|error| Failure::Other(format!("settings: {}", error.to_string().trim_end())))
}

/// Sets the value at `key`.
fn set(whole: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), Failure> {
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut table = whole;
    for part in parts {
        let entry = table
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        table = entry.as_table_mut().ok_or_else(|| {
            Failure::Other(format!("settings: `{part}` of `{key}` is not a table"))
        })?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

/// Refuses to go on with a run that was begun on another table or with other settings.
fn check_same(asked: &Asked, config: &RunConfig) -> Result<(), Failure> {
    let run = &asked.run;
    let other = |what: &str| {
        let run = run.display();
        Failure::Other(format!(
            "the run in {run} was begun {what}: pass what it was begun with to go on with it, or \
             name another folder"
        ))
    };
    let begun = RunConfig::from_toml(&run_dir::read_config(run)?);
    // One number is written and read like the other.
    let text = config.to_toml().map_err(Failure::other)?;
    let config = RunConfig::from_toml(&text).map_err(Failure::other)?;
    if begun.map_err(Failure::other)? != config {
        return Err(other("with other labels or settings"));
    }
    let info: RunInfo = run_dir::read_json(&run.join(run_dir::RUN))?;
    if info.data.iter().any(|file| file.sha256 != asked.digest) {
        return Err(other("on another table"));
    }
    Ok(())
}

/// An event, for Python.
fn as_dictionary<'py>(py: Python<'py>, event: &Event) -> PyResult<Option<Bound<'py, PyDict>>> {
    let told = PyDict::new(py);
    match event {
        Event::Step(step) => {
            told.set_item("kind", "step")?;
            told.set_item("step", step.step)?;
            told.set_item("epoch", step.epoch)?;
            told.set_item("fold", step.fold)?;
            told.set_item("progress", step.progress)?;
            told.set_item("loss", step.loss)?;
            told.set_item("molecules_per_second", step.molecules_per_second)?;
            told.set_item("seconds", step.seconds)?;
        }
        Event::Validation { step, fold, loss } => {
            told.set_item("kind", "validation")?;
            told.set_item("step", step)?;
            told.set_item("fold", fold)?;
            told.set_item("loss", loss)?;
        }
        Event::Note(note) => {
            told.set_item("kind", "note")?;
            told.set_item("text", note)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(told))
}
