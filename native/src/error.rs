//! What can go wrong in a command, and its exit code.

use std::io;
use std::path::PathBuf;

use delicate::kernels::device::DeviceError;
use delicate::records::{RecordsError, RowError};
use delicate::scoring::Stop;
use delicate::storing::StoringError;
use delicate::training::TrainingError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{}: {source}", path.display())]
    Input { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Records { path: PathBuf, source: RecordsError },
    #[error("writing {name}: {source}")]
    Output { name: String, source: io::Error },
    #[error("{} is both input and output: choose another -o", .0.display())]
    SameFile(PathBuf),
    #[error("line {line}{id}: {}", error.message)]
    Row {
        line: u64,
        id: String,
        error: RowError,
    },
    #[error("model {name}: {source}")]
    Model { name: String, source: StoringError },
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("interrupted: the rows written so far are complete")]
    Interrupted,
    #[error("interrupted: no model was written")]
    TrainingInterrupted,
    #[error(transparent)]
    Stopped(Stop),
    #[error("{}: {source}", path.display())]
    Toml {
        path: PathBuf,
        source: toml::de::Error,
    },
    #[error("{}: no column `{wanted}`; it has: {}", path.display(), columns.join(", "))]
    NoColumn {
        path: PathBuf,
        wanted: String,
        columns: Vec<String>,
    },
    #[error(transparent)]
    Training(TrainingError),
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Row { .. } => 3,
            Self::Interrupted | Self::TrainingInterrupted => 130,
            Self::SameFile(_) => 2,
            _ => 1,
        }
    }
}

impl CommandError {
    /// A failure to write to stdout.
    pub(crate) fn stdout(source: io::Error) -> Self {
        Self::Output {
            name: "stdout".to_owned(),
            source,
        }
    }
}

impl From<Stop> for CommandError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Cancelled => Self::Interrupted,
            other => Self::Stopped(other),
        }
    }
}

impl From<TrainingError> for CommandError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Stop(Stop::Cancelled) => Self::TrainingInterrupted,
            TrainingError::Stop(stop) => stop.into(),
            other => Self::Training(other),
        }
    }
}
