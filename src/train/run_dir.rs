//! A run directory: what was run, how it went, and where it can be resumed.
//!
//! ```text
//! config.toml     the resolved configuration
//! run.json        command, version, device, digests of the data
//! metrics.jsonl   one object a line: losses, rate, throughput
//! events.out.*    the same for TensorBoard
//! checkpoints/    the newest states, each complete
//! model/          the resulting model directory
//! lock            held by the process that trains in it
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::config::OptimizerConfig;
use super::corpus::{DataFile, hexadecimal};
use super::optimizer::{Optimizer, OptimizerError};
use super::start::UsedModel;
use super::tensorboard::EventFile;
use crate::atomic;
use crate::device::Device;
use crate::model::Model;
use crate::model_dir::{self, ModelConfig, ModelDirError, ModelFiles, Precision};
use crate::predict::{StandardForm, TREATMENT};

/// The resolved configuration.
pub const CONFIG: &str = "config.toml";
/// What was run, on what and with what data.
pub const RUN: &str = "run.json";
/// Losses and metrics, one object a line.
pub const METRICS: &str = "metrics.jsonl";
/// Indices of the examples of every part of every fold.
pub const SPLITS: &str = "splits.json";
/// The merged examples, in the order that indices count.
pub const EXAMPLES: &str = "examples.csv";
/// What another model predicts of the examples, where the configuration has such
/// pseudo-labels, in the numbers that are learnt.
pub const PSEUDO_LABELS: &str = "pseudo_labels.csv";
/// Rows and labels that could not be used, where there are any.
pub const LEFT_OUT: &str = "left_out.csv";
/// Predictions of the held-out examples.
pub const PREDICTIONS: &str = "predictions.csv";
/// Metrics of the predictions.
pub const EVALUATION: &str = "evaluation.json";
/// The resulting model directory.
pub const MODEL: &str = "model";
/// One directory a fold, each with its model.
pub const FOLDS: &str = "folds";
/// What the process that trains in a directory has locked.
const LOCK: &str = "lock";
/// Has the number of the process that holds the lock. Windows lets nobody else read
/// what is locked.
const HOLDER: &str = if cfg!(windows) { "lock.process" } else { LOCK };
const CHECKPOINTS: &str = "checkpoints";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";

/// Checkpoints that are kept.
const KEPT: usize = 2;

/// Why a run directory cannot be written or resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory holds something already.
    #[error(
        "{path} is not empty: choose another directory, or resume the run in it with \
         `delicate resume {path}`", path = .0.display()
    )]
    NotEmpty(PathBuf),
    /// Another process trains or evaluates there.
    #[error(
        "{} is in use by another process{by}: wait until it has ended, or end it",
        directory.display()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// Its number, in brackets, where it is known.
        by: String,
    },
    /// There is nothing to resume.
    #[error("{} is not a run directory: {CONFIG} not found", .0.display())]
    NoRun(PathBuf),
    /// A file of the run is not the one that was stored when it began.
    #[error(
        "{} has changed since the run began (SHA-256 {found}, then {expected}): \
         put the old file back, or begin another run", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its digest at the beginning.
        expected: String,
        /// Its digest now.
        found: String,
    },
    /// A file of the run is not what it should be.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The run was begun on molecules in another standard form than today's.
    #[error(
        "the run in {} was begun by version {version} on molecules in the standard form `{begun}`, \
         and this version trains on those in the form `{now}`: finish it with the version that \
         began it, or begin another run in another directory", directory.display()
    )]
    OtherForm {
        /// The directory.
        directory: PathBuf,
        /// Of the command that began it.
        version: String,
        /// The form that its molecules are in.
        begun: StandardForm,
        /// The form of this version.
        now: StandardForm,
    },
    /// A checkpoint cannot be read, nor any before it.
    #[error("the checkpoint {} is damaged: {source}", path.display())]
    Checkpoint {
        /// Its directory.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<RunError>,
    },
    /// The model of a checkpoint cannot be read or written.
    #[error(transparent)]
    Storing(#[from] ModelDirError),
    /// The optimizer's history cannot be read or written.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
}

/// What `run.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// `pretrain`, `distill` or `finetune`.
    pub command: String,
    /// Version of this library.
    pub version: String,
    /// Name of the device.
    pub device: String,
    /// The form in which the run reads molecules. Versions before it was recorded read
    /// them in the default one.
    #[serde(default, skip_serializing_if = "StandardForm::is_default")]
    pub standard_form: StandardForm,
    /// `flex` or `wgpu`.
    pub backend: String,
    /// Threads of the CPU.
    pub threads: usize,
    /// When the run began (RFC 3339, UTC).
    pub started: String,
    /// The files that were read.
    pub data: Vec<DataFile>,
    /// The models that were read: those to start from, and teachers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<UsedModel>,
    /// The files of data that the run directory itself holds, by name, each with its
    /// SHA-256 in hexadecimal. Earlier versions recorded none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stored: BTreeMap<String, String>,
    /// Where and when the run was resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Session>,
}

/// A session of a run that was resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Name of the device.
    pub device: String,
    /// Threads of the CPU.
    pub threads: usize,
    /// When (RFC 3339, UTC).
    pub started: String,
}

impl RunInfo {
    /// The facts of a run that begins now.
    pub fn new(command: &str, device: &Device, data: Vec<DataFile>) -> Self {
        Self {
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            standard_form: TREATMENT.form,
            device: device.name().to_owned(),
            backend: format!("{:?}", device.backend).to_lowercase(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            data,
            models: Vec::new(),
            stored: BTreeMap::new(),
            resumed: Vec::new(),
        }
    }

    /// The same with the models that the run reads.
    pub(super) fn with_models(self, models: Vec<UsedModel>) -> Self {
        Self { models, ..self }
    }

    /// The same of a run that reads molecules in `standard_form`.
    pub(super) fn in_form(self, standard_form: StandardForm) -> Self {
        Self {
            standard_form,
            ..self
        }
    }

    /// Checks that the run in `directory` was begun in the standard form that it would
    /// go on with `now`: with another one it would go on with other molecules.
    ///
    /// # Errors
    ///
    /// Where it was begun in another form.
    pub(super) fn check_form(&self, directory: &Path, now: StandardForm) -> Result<(), RunError> {
        if self.standard_form == now {
            return Ok(());
        }
        Err(RunError::OtherForm {
            directory: directory.to_owned(),
            version: self.version.clone(),
            begun: self.standard_form,
            now,
        })
    }

    /// Checks that the file `name` of the run `directory` is the one that was stored
    /// there when the run began.
    ///
    /// # Errors
    ///
    /// Where it is another one, or cannot be read.
    pub(super) fn check_stored(&self, directory: &Path, name: &str) -> Result<(), RunError> {
        let Some(expected) = self.stored.get(name) else {
            return Ok(());
        };
        let path = directory.join(name);
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        let found = hexadecimal(&Sha256::digest(&bytes));
        if found == *expected {
            return Ok(());
        }
        Err(RunError::Changed {
            path,
            expected: expected.clone(),
            found,
        })
    }
}

/// What a checkpoint holds beside model and optimizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress<P> {
    /// Steps done.
    pub step: u64,
    /// Seconds of training so far, over all sessions.
    pub seconds: f64,
    /// Where in its data the run stands.
    pub position: P,
}

/// The state of a run: what a checkpoint holds.
pub(crate) struct Checkpoint<P> {
    pub(crate) progress: Progress<P>,
    pub(crate) config: ModelConfig,
    pub(crate) model: Model,
    pub(crate) optimizer: Optimizer,
}

/// An open run directory.
pub struct Run {
    directory: PathBuf,
    metrics: File,
    /// Held as long as the run is open.
    _lock: RunLock,
    /// Made at the first step of a session, when it is known which it is.
    events: Option<EventFile>,
}

/// A run directory that this process alone may write to, until it is dropped or the
/// process ends, however it does.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Locks `directory`.
    ///
    /// # Errors
    ///
    /// Where another process has, or the directory cannot be written to.
    pub(super) fn take(directory: &Path) -> Result<Self, RunError> {
        let path = directory.join(LOCK);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let file = options.open(&path).map_err(io_error(&path))?;
        let holder = directory.join(HOLDER);
        match file.try_lock() {
            Ok(()) => {
                // For the message of whoever comes second: no harm if it is lost.
                let _ = fs::write(&holder, format!("{}\n", std::process::id()));
            }
            Err(TryLockError::WouldBlock) => {
                let text = fs::read_to_string(&holder).unwrap_or_default();
                let by = match text.trim() {
                    "" => String::new(),
                    number => format!(" ({number})"),
                };
                let directory = directory.to_owned();
                return Err(RunError::InUse { directory, by });
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        Ok(Self { _file: file })
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    let path = path.to_owned();
    move |source| RunError::Io { path, source }
}

pub(super) fn damaged(path: &Path, what: impl ToString) -> RunError {
    RunError::Damaged {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

/// Writes a file so that it appears whole or not at all, on the disk.
///
/// # Errors
///
/// Where the disk does not take it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    atomic::write_file(path, bytes).map_err(io_error(path))
}

/// Reads a JSON file of a run directory.
///
/// # Errors
///
/// Where it is absent or not the JSON expected.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let text = fs::read_to_string(path).map_err(io_error(path))?;
    serde_json::from_str(&text).map_err(|error| damaged(path, error))
}

/// Writes a JSON file of a run directory, whole or not at all.
///
/// # Errors
///
/// Where the disk does not take it.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    write_whole(path, &to_json(path, value)?)
}

/// The contents of a JSON file of a run directory.
pub(super) fn to_json(path: impl AsRef<Path>, value: &impl Serialize) -> Result<Vec<u8>, RunError> {
    let json = serde_json::to_vec_pretty(value);
    let mut bytes = json.map_err(|error| damaged(path.as_ref(), error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The text of a run's configuration.
///
/// # Errors
///
/// Where `directory` is no run directory.
pub fn read_config(directory: &Path) -> Result<String, RunError> {
    let path = directory.join(CONFIG);
    if !path.is_file() {
        return Err(RunError::NoRun(directory.to_owned()));
    }
    fs::read_to_string(&path).map_err(io_error(&path))
}

/// Writes a table of a run directory, whole or not at all.
pub(super) fn write_csv(path: &Path, table: Result<Vec<u8>, csv::Error>) -> Result<(), RunError> {
    write_whole(path, &table.map_err(|error| damaged(path, error))?)
}

/// The model directory of a fold, or of the training on all molecules, whose
/// number is that behind the last fold.
pub(super) fn fold_model(directory: &Path, fold: usize) -> PathBuf {
    directory.join(FOLDS).join(fold.to_string()).join(MODEL)
}

/// The model directory that `path` means: that of a run, or the path itself.
pub(super) fn model_of(path: &Path) -> PathBuf {
    match path.join(MODEL) {
        model if model.is_dir() => model,
        _ => path.to_owned(),
    }
}

/// Refuses a directory that holds something, other than what a process left that was
/// killed before it had begun a run there.
fn check_empty(directory: &Path) -> Result<(), RunError> {
    let begun = [LOCK, HOLDER, RUN, EXAMPLES, LEFT_OUT, SPLITS];
    for entry in fs::read_dir(directory).map_err(io_error(directory))? {
        let name = entry.map_err(io_error(directory))?.file_name();
        let name = name.to_string_lossy();
        // Without a configuration it is no run yet.
        if !begun.contains(&&*name) && !name.starts_with(atomic::PARTIAL) {
            return Err(RunError::NotEmpty(directory.to_owned()));
        }
    }
    Ok(())
}

impl Run {
    /// Begins a run in `directory`, which must be empty or absent, or hold what a
    /// process left that was killed while it did this. `files` are the run's data, by
    /// name; `run.json` has their digests.
    ///
    /// # Errors
    ///
    /// Where the directory holds something or cannot be written to.
    pub fn create(
        directory: &Path,
        config: &str,
        info: &RunInfo,
        files: &[(&str, Vec<u8>)],
    ) -> Result<Self, RunError> {
        fs::create_dir_all(directory).map_err(io_error(directory))?;
        // Before anything is put there, the lock included, and again when nobody else
        // can put anything there.
        check_empty(directory)?;
        let lock = RunLock::take(directory)?;
        check_empty(directory)?;
        atomic::sweep(directory).map_err(io_error(directory))?;
        let digest = |(name, bytes): &(&str, Vec<u8>)| {
            ((*name).to_owned(), hexadecimal(&Sha256::digest(bytes)))
        };
        let info = RunInfo {
            stored: files.iter().map(digest).collect(),
            ..info.clone()
        };
        write_json(&directory.join(RUN), &info)?;
        for (name, bytes) in files {
            write_whole(&directory.join(name), bytes)?;
        }
        // Last: a directory with a configuration is a run.
        write_whole(&directory.join(CONFIG), config.as_bytes())?;
        Self::open(directory, lock)
    }

    /// Opens the run in `directory` to resume it; with it the text of its
    /// configuration, and its facts.
    ///
    /// # Errors
    ///
    /// Where there is no run, or a file of it is damaged.
    pub fn resume(directory: &Path) -> Result<(Self, String, RunInfo), RunError> {
        let config = read_config(directory)?;
        let lock = RunLock::take(directory)?;
        let info = read_json(&directory.join(RUN))?;
        // What a process that was killed here left unfinished.
        let mut folders = vec![directory.to_owned(), directory.join(CHECKPOINTS)];
        let folds = directory.join(FOLDS);
        if folds.is_dir() {
            for fold in fs::read_dir(&folds).map_err(io_error(&folds))? {
                folders.push(fold.map_err(io_error(&folds))?.path());
            }
        }
        for folder in folders {
            if folder.is_dir() {
                atomic::sweep(&folder).map_err(io_error(&folder))?;
            }
        }
        Ok((Self::open(directory, lock)?, config, info))
    }

    /// Notes in `run.json` that the run is resumed on `device`.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or written.
    pub fn record_resume(&self, device: &Device) -> Result<(), RunError> {
        let path = self.directory.join(RUN);
        let mut info: RunInfo = read_json(&path)?;
        let now = RunInfo::new(&info.command, device, Vec::new());
        info.resumed.push(Session {
            device: now.device,
            threads: now.threads,
            started: now.started,
        });
        write_json(&path, &info)
    }

    fn open(directory: &Path, lock: RunLock) -> Result<Self, RunError> {
        let path = directory.join(METRICS);
        let metrics = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(io_error(&path))?;
        Ok(Self {
            directory: directory.to_owned(),
            metrics,
            _lock: lock,
            events: None,
        })
    }

    /// The configuration of the resulting model, where the run is finished.
    ///
    /// # Errors
    ///
    /// Where the model is there and damaged.
    pub fn finished(&self) -> Result<Option<ModelConfig>, RunError> {
        let directory = self.directory.join(MODEL);
        // It appears whole, and last of all.
        if !directory.exists() {
            return Ok(None);
        }
        Ok(Some(ModelFiles::read(&directory)?.config()?))
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a line of metrics, and its numbers for TensorBoard.
    ///
    /// # Errors
    ///
    /// Where the disk does not take it.
    pub fn record(&mut self, line: &Map<String, Value>) -> Result<(), RunError> {
        let path = self.directory.join(METRICS);
        let mut text = Value::Object(line.clone()).to_string();
        text.push('\n');
        self.metrics
            .write_all(text.as_bytes())
            .map_err(io_error(&path))?;
        let step = line.get("step").and_then(Value::as_i64).unwrap_or(0);
        let split = line.get("split").and_then(Value::as_str).unwrap_or("run");
        let fold = line.get("fold").and_then(Value::as_u64);
        let prefix = fold.map_or_else(|| split.to_owned(), |fold| format!("fold{fold}/{split}"));
        for (name, value) in line {
            if ["step", "split", "fold", "seconds"].contains(&name.as_str()) {
                continue;
            }
            if let (Some(value), Some(events)) = (value.as_f64(), &mut self.events) {
                events
                    .scalar(step, &format!("{prefix}/{name}"), value as f32)
                    .map_err(io_error(&self.directory))?;
            }
        }
        Ok(())
    }

    /// Goes back to `step`: drops the lines of metrics that `keep` refuses, which
    /// are of steps that are done again, and a line that was cut off.
    pub(crate) fn rewind(
        &mut self,
        step: u64,
        mut keep: impl FnMut(&Map<String, Value>) -> bool,
    ) -> Result<(), RunError> {
        let events = match step {
            0 => EventFile::create(&self.directory),
            step => EventFile::resume(&self.directory, step as i64),
        };
        self.events = Some(events.map_err(io_error(&self.directory))?);
        let path = self.directory.join(METRICS);
        let file = File::open(&path).map_err(io_error(&path))?;
        let mut kept = String::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(io_error(&path))?;
            if let Ok(Value::Object(fields)) = serde_json::from_str(&line)
                && keep(&fields)
            {
                kept.push_str(&line);
                kept.push('\n');
            }
        }
        write_whole(&path, kept.as_bytes())?;
        self.metrics = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(io_error(&path))?;
        Ok(())
    }

    /// Saves a checkpoint: it appears complete or not at all, and older ones
    /// go only after it is on the disk.
    pub(crate) async fn save<P: Serialize>(
        &mut self,
        checkpoint: &Checkpoint<P>,
    ) -> Result<PathBuf, RunError> {
        let Checkpoint {
            progress,
            config,
            model,
            optimizer,
        } = checkpoint;
        if let Some(events) = &mut self.events {
            events.flush().map_err(io_error(&self.directory))?;
        }
        let folder = self.directory.join(CHECKPOINTS);
        let partial = folder.join("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(io_error(&partial))?;
        }
        model_dir::write(&partial, config, model, Precision::Fp32, "", None).await?;
        let optimizer = optimizer.save().await?;
        write_whole(&partial.join(OPTIMIZER), &optimizer)?;
        let state = State {
            progress,
            optimizer: hexadecimal(&Sha256::digest(&optimizer)),
        };
        write_json(&partial.join(STATE), &state)?;
        let path = folder.join(format!("step-{:09}", progress.step));
        atomic::rename_directory(&partial, &path).map_err(io_error(&path))?;
        let mut all = self.checkpoints()?;
        all.truncate(all.len().saturating_sub(KEPT));
        for old in all {
            fs::remove_dir_all(&old).map_err(io_error(&old))?;
        }
        Ok(path)
    }

    /// The checkpoints, oldest first.
    fn checkpoints(&self) -> Result<Vec<PathBuf>, RunError> {
        let folder = self.directory.join(CHECKPOINTS);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&folder).map_err(io_error(&folder))?;
        let mut all: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
            .map(|entry| entry.path())
            .collect();
        all.sort();
        Ok(all)
    }

    /// Stores the model that the run led to, with its card and applicability
    /// domain, as a whole. With that the run is finished: its checkpoints go.
    pub(crate) async fn finish(
        &self,
        config: &ModelConfig,
        model: &Model,
        card: &str,
        domain: Option<&[u8]>,
    ) -> Result<(), RunError> {
        let directory = self.directory.join(MODEL);
        model_dir::write(&directory, config, model, Precision::Fp32, card, domain).await?;
        self.clear_checkpoints()
    }

    /// Removes all checkpoints: what they led to is stored.
    pub(crate) fn clear_checkpoints(&self) -> Result<(), RunError> {
        let folder = self.directory.join(CHECKPOINTS);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(io_error(&folder))?;
        }
        Ok(())
    }

    /// The newest checkpoint that is whole, with its model on `device`; `None` before
    /// the first. One that is damaged is passed over for the one before it, and said
    /// to `on_note`.
    pub(crate) fn restore<P: DeserializeOwned>(
        &self,
        optimizer: &OptimizerConfig,
        device: &burn::tensor::Device,
        mut on_note: impl FnMut(String),
    ) -> Result<Option<Checkpoint<P>>, RunError> {
        let mut newest_fault = None;
        for path in self.checkpoints()?.into_iter().rev() {
            match checkpoint(&path, optimizer, device) {
                Ok(checkpoint) => {
                    if let Some(fault) = newest_fault {
                        on_note(format!(
                            "{fault}; the run goes on from the checkpoint before it, {}",
                            path.display()
                        ));
                    }
                    return Ok(Some(checkpoint));
                }
                Err(fault) => {
                    newest_fault.get_or_insert(RunError::Checkpoint {
                        path,
                        source: Box::new(fault),
                    });
                }
            }
        }
        newest_fault.map_or(Ok(None), Err)
    }
}

/// `state.json` of a checkpoint.
#[derive(Serialize, Deserialize)]
struct State<P> {
    #[serde(flatten)]
    progress: P,
    /// SHA-256 of the optimizer's file; the model names its own. Earlier versions
    /// wrote none.
    #[serde(default)]
    optimizer: String,
}

/// Reads the checkpoint in `path`.
fn checkpoint<P: DeserializeOwned>(
    path: &Path,
    optimizer: &OptimizerConfig,
    device: &burn::tensor::Device,
) -> Result<Checkpoint<P>, RunError> {
    let state: State<Progress<P>> = read_json(&path.join(STATE))?;
    let (config, model) = ModelFiles::read(path)?.load(device)?;
    let file = path.join(OPTIMIZER);
    let bytes = fs::read(&file).map_err(io_error(&file))?;
    let found = hexadecimal(&Sha256::digest(&bytes));
    if !state.optimizer.is_empty() && state.optimizer != found {
        let expected = state.optimizer;
        return Err(damaged(
            &file,
            format!("its SHA-256 is {found}, and {expected} was written"),
        ));
    }
    let model = super::optimizer::assign_param_ids(model);
    let optimizer = Optimizer::restore(optimizer, &bytes, &model, device)
        .map_err(|error| damaged(&file, error))?;
    Ok(Checkpoint {
        progress: state.progress,
        config,
        optimizer,
        model,
    })
}
