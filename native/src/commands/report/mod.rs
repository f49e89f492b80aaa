//! `delicate report`: one HTML page about a run, self-contained, from the
//! files of its directory alone. It computes nothing: metrics with their
//! intervals come from `evaluation.json`, curves and bins from the library.

mod chart;
mod figures;
mod format;
mod html;
mod page;
mod reading;
mod results;
#[cfg(test)]
mod tests;
mod thinning;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use delicate::atomic;
use delicate::train::run_dir;

use crate::error::CommandError;
use crate::places::Place;

/// Name of the report in a run directory.
const REPORT: &str = "report.html";

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
        path.join(run_dir::METRICS).display()
    )]
    Read { path: PathBuf, source: io::Error },
    /// A figure cannot be drawn.
    #[error(transparent)]
    Chart(#[from] chart::ChartError),
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
    Place::Run.check(&arguments.run)?;
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
    let html = page::page(&content, &name(run))?;
    let path = run.join(REPORT);
    atomic::write_file(&path, html.as_bytes()).map_err(|source| ReportError::Write { path, source })
}

/// The directory's own name, also for `.`.
fn name(run: &Path) -> String {
    let full = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    full.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
