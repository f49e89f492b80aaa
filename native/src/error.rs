//! What can go wrong in a command, and its exit code.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use delicate::convert::export::ExportError;
use delicate::convert::import::ImportError;
use delicate::device::DeviceError;
use delicate::model_dir::ModelDirError;
use delicate::predict::Stop;
use delicate::records::{RecordsError, RowError};
use delicate::screening::ScreeningError;
use delicate::screening::index::IndexError;
use delicate::text::one_line;
use delicate::train::TrainingError;

use crate::partial::PartialError;
use crate::places::WrongPlace;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{}: {source}", path.display())]
    Input { path: PathBuf, source: io::Error },
    #[error(
        "writing {}: there is no folder {}: make it, or choose another -o",
        path.display(), folder.display()
    )]
    NoFolder { path: PathBuf, folder: PathBuf },
    #[error("{}: {source}", path.display())]
    Records { path: PathBuf, source: RecordsError },
    #[error("writing {name}: {source}")]
    Output { name: String, source: io::Error },
    /// Nothing can be written where an output grows until it is whole.
    #[error("writing {}: {}", path.display(), not_begun(at, source))]
    NotBegun {
        path: PathBuf,
        /// What could not be written or read.
        at: PathBuf,
        source: io::Error,
    },
    #[error("{} is both input and output: choose a different -o", .0.display())]
    SameFile(PathBuf),
    #[error(transparent)]
    WrongPlace(#[from] WrongPlace),
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// A command that ended before its output was whole.
    #[error("{source}; {}", so_far(partial, *rows, *resumes))]
    Unfinished {
        source: Box<CommandError>,
        partial: PathBuf,
        rows: u64,
        /// Whether `--resume` goes on with it.
        resumes: bool,
    },
    #[error("line {line}{id}: {}", error.message)]
    Row {
        line: u64,
        id: String,
        error: RowError,
    },
    #[error("{}: {what}", path.display())]
    NoRow { path: PathBuf, what: String },
    #[error("model {name}: {source}")]
    Model { name: String, source: ModelDirError },
    #[error("this model has no applicability domain; `delicate finetune` creates one")]
    NoDomain,
    #[error("{}", .0.message)]
    Molecule(RowError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("interrupted: all rows written so far are complete")]
    Interrupted,
    #[error("interrupted: the run is saved; resume it with `delicate resume {}`", .0.display())]
    RunInterrupted(PathBuf),
    #[error("interrupted: {0}")]
    ScreenInterrupted(String),
    #[error("{}: no usable query: none could be read and compared", .0.display())]
    NoQueries(PathBuf),
    #[error(transparent)]
    Screening(#[from] ScreeningError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Stopped(Stop),
    #[error("{}: {what}", path.display())]
    Configuration { path: PathBuf, what: String },
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Training(TrainingError),
    #[error("{}", named_once(path, &source.to_string()))]
    Import { path: PathBuf, source: ImportError },
    #[error("{}: {source}", path.display())]
    Export { path: PathBuf, source: ExportError },
    /// An error of one command alone.
    #[error("{source}")]
    Other {
        source: Box<dyn Error + Send + Sync>,
        exit_code: u8,
    },
}

/// Why an output cannot be begun, and what to do.
fn not_begun(at: &Path, source: &io::Error) -> String {
    use io::ErrorKind::{InvalidFilename, PermissionDenied, ReadOnlyFilesystem};
    let is_forbidden = matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem);
    if source.kind() == InvalidFilename {
        return format!("until it is whole its name is longer ({source}): choose a shorter -o");
    }
    match at.parent() {
        Some(folder) if is_forbidden && !at.exists() => {
            let folder = match folder == Path::new("") {
                true => Path::new("."),
                false => folder,
            };
            let folder = folder.display();
            format!("nothing can be written to the folder {folder} ({source}): choose another -o")
        }
        _ => format!("{}: {source}", at.display()),
    }
}

/// A message of the file `path`, which may name it already.
fn named_once(path: &Path, message: &str) -> String {
    let name = path.display().to_string();
    match message.starts_with(&name) {
        true => message.to_owned(),
        false => format!("{name}: {message}"),
    }
}

/// Where the rows are that are done, and what to do with them.
fn so_far(partial: &Path, rows: u64, resumes: bool) -> String {
    let resume = match resumes {
        true => "; the same command with --resume goes on from there",
        false => "",
    };
    format!(
        "the {rows} rows so far are in {}{resume}",
        partial.display()
    )
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Row { .. } => 3,
            Self::Interrupted | Self::RunInterrupted(_) | Self::ScreenInterrupted(_) => {
                crate::interrupt::exit_code()
            }
            Self::SameFile(_) | Self::Usage(_) => 2,
            Self::Other { exit_code, .. } => *exit_code,
            Self::Unfinished { source, .. } => source.exit_code(),
            _ => 1,
        }
    }
}

impl CommandError {
    /// The message: one line, whatever names it has in it, but where a configuration or
    /// what it tried is shown.
    pub(crate) fn shown(&self) -> String {
        let message = self.to_string();
        match self {
            Self::Configuration { .. } | Self::Training(_) | Self::Other { .. } => message,
            _ => one_line(&message).into_owned(),
        }
    }

    /// An error of one command alone, with its exit code.
    pub(crate) fn other(error: impl Error + Send + Sync + 'static, exit_code: u8) -> Self {
        Self::Other {
            source: Box::new(error),
            exit_code,
        }
    }

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

impl CommandError {
    /// Why the run in `directory` ended.
    pub(crate) fn from_run(error: TrainingError, directory: &Path) -> Self {
        match error {
            TrainingError::Stop(Stop::Cancelled) => Self::RunInterrupted(directory.to_owned()),
            TrainingError::Stop(stop) => stop.into(),
            other => Self::Training(other),
        }
    }
}
