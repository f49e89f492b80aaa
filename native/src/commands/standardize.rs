//! `delicate standardize`.

use std::path::PathBuf;

use clap::Args;
use delicate::predict::standardize_all;
use delicate::records::{Columns, Row};

use crate::cli::{InputArguments, MoleculeArguments, OutputArguments};
use crate::error::CommandError;
use crate::files::RowFile;
use crate::rows::{self, Computed, OnError, RowCommand};

#[derive(Debug, Args)]
pub(crate) struct StandardizeArguments {
    /// Molecules: .smi, .csv, .tsv, .sdf or .xlsx, optionally .gz, .zst or .zip; `-` for stdin
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) molecule: MoleculeArguments,
    /// Go on with the output file of the same command that was killed or interrupted (not for a
    /// JSON array or .gz)
    #[arg(long)]
    pub(crate) resume: bool,
    /// Print no progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

pub(crate) fn run(arguments: &StandardizeArguments) -> Result<(), CommandError> {
    let command = RowCommand::begin(
        &arguments.file,
        &arguments.output,
        arguments.resume,
        OnError::Skip,
        arguments.quiet,
    )?;
    let input = RowFile::open(&arguments.file, &arguments.input.options())?;
    let settings = rows::settings(
        "standardize",
        &arguments.output,
        input.header(),
        &arguments.input,
        arguments.molecule,
    )?;
    let keep = arguments.molecule.options().keep;
    let compute = |rows: &[Row], _: &dyn Fn(usize) -> _| {
        let done = standardize_all(rows, keep);
        Computed {
            standardizations: done.iter().map(|one| one.as_ref().ok().cloned()).collect(),
            rows: done.into_iter().map(|one| Some(one.map(|_| ()))).collect(),
            stop: None,
        }
    };
    command.run(input, settings, Columns::Standardized, compute, String::new)
}
