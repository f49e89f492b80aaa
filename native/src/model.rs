//! The model that a command works with.

use std::path::Path;

use delicate::device::Device;
use delicate::model_dir::{ModelConfig, ModelDirError, ModelFiles};
use delicate::predict::Scorer;
use delicate::train::run_dir;
use sha2::{Digest, Sha256};

use crate::cli::ModelArguments;
use crate::error::CommandError;
use crate::memory::GivenBack;
use crate::places::{self, Place};

/// What a command computes with the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A prediction for every endpoint.
    Score,
    /// The embedding that similarity is taken of.
    Embed,
}

impl Task {
    /// The command that has it.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Embed => "embed",
        }
    }
}

/// The model of `--model`, or the one built in for `task`, on a device whose numbers
/// are those of the CPU.
pub(crate) fn load(
    arguments: &ModelArguments,
    task: Task,
    device: Device,
) -> Result<Scorer, CommandError> {
    load_with_digest(arguments, task, device, Asked::All).map(|(scorer, _)| scorer)
}

/// What a model is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whatever it can say.
    All,
    /// Values without intervals, domains and nearest molecules.
    Values,
}

/// The same, with what tells it from every other: the SHA-256 of its configuration,
/// which names all other files with theirs.
pub(crate) fn load_with_digest(
    arguments: &ModelArguments,
    task: Task,
    device: Device,
    asked: Asked,
) -> Result<(Scorer, String), CommandError> {
    let _weights = GivenBack::begin();
    let (name, files) = files(arguments, task)?;
    let loaded = files
        .and_then(|files| {
            let digest = format!("{:x}", Sha256::digest(&files.config));
            let scorer = match asked {
                Asked::All => Scorer::load(&files, device)?,
                Asked::Values => Scorer::load_for_values(&files, device)?,
            };
            Ok((scorer, digest))
        })
        .map_err(|source| CommandError::Model { name, source })?;
    pollster::block_on(loaded.0.check_device())?;
    Ok(loaded)
}

/// Where and in what molecules are computed, for the last words of a command.
pub(crate) fn place(scorer: &Scorer) -> String {
    let (device, precision) = (scorer.device().name(), scorer.precision().name());
    format!(" on {device} in {precision}")
}

/// The configuration of the model that scores.
pub(crate) fn config(arguments: &ModelArguments) -> Result<ModelConfig, CommandError> {
    let (name, files) = files(arguments, Task::Score)?;
    files
        .and_then(|files| files.config())
        .map_err(|source| CommandError::Model { name, source })
}

/// The model's name and its files.
fn files(
    arguments: &ModelArguments,
    task: Task,
) -> Result<(String, Result<ModelFiles<'static>, ModelDirError>), CommandError> {
    let directory = arguments.model.as_deref();
    let name = directory.map_or("(built in)".to_owned(), |path| path.display().to_string());
    let files = match directory {
        // As after `delicate finetune -o run`.
        Some(run) if has_model(run) => {
            let (run, model) = (run.display(), run.join(run_dir::MODEL));
            return Err(CommandError::Usage(format!(
                "{run} is a run directory: name its model, {}",
                model.display()
            )));
        }
        Some(run) if places::is_run(run) => {
            let run = run.display();
            return Err(CommandError::Usage(format!(
                "{run} is a run that is not finished, and has no model yet: resume it with \
                 `delicate resume {run}`"
            )));
        }
        Some(path) => {
            Place::Model.check(path)?;
            ModelFiles::read(path)
        }
        None => built_in(task),
    };
    Ok((name, files))
}

/// Whether a folder is a run directory with a model.
fn has_model(path: &Path) -> bool {
    places::is_run(path) && path.join(run_dir::MODEL).is_dir()
}

#[cfg(feature = "embedded")]
fn built_in(task: Task) -> Result<ModelFiles<'static>, ModelDirError> {
    Ok(match task {
        Task::Score => ModelFiles::embedded(),
        Task::Embed => ModelFiles::embedded_for_similarity(),
    })
}

#[cfg(not(feature = "embedded"))]
fn built_in(_task: Task) -> Result<ModelFiles<'static>, ModelDirError> {
    Err(ModelDirError::Io {
        path: "--model DIR".into(),
        source: std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "this build of the command has no built-in model",
        ),
    })
}
