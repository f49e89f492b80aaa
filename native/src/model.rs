//! The model that a command works with.

use delicate::device::Device;
use delicate::model_dir::{ModelFiles, StoringError};
use delicate::predict::Scorer;

use crate::cli::ModelArguments;
use crate::error::CommandError;

/// What a command computes with the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A prediction for every endpoint.
    Score,
    /// The embedding that similarity is taken of.
    Embed,
}

/// The model of `--model`, or the one built in for `task`.
pub(crate) fn load(
    arguments: &ModelArguments,
    task: Task,
    device: Device,
) -> Result<Scorer, CommandError> {
    let directory = arguments.model.as_deref();
    let name = directory.map_or("(built in)".to_owned(), |path| path.display().to_string());
    let files = match directory {
        Some(path) => ModelFiles::read(path),
        None => built_in(task),
    };
    files
        .and_then(|files| Scorer::load(&files, device))
        .map_err(|source| CommandError::Model { name, source })
}

#[cfg(feature = "embedded")]
fn built_in(task: Task) -> Result<ModelFiles<'static>, StoringError> {
    Ok(match task {
        Task::Score => ModelFiles::embedded(),
        Task::Embed => ModelFiles::embedded_for_similarity(),
    })
}

#[cfg(not(feature = "embedded"))]
fn built_in(_task: Task) -> Result<ModelFiles<'static>, StoringError> {
    Err(StoringError::Io {
        path: "--model DIR".into(),
        source: std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "this build of the command has no built-in model",
        ),
    })
}
