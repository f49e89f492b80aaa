//! `delicate properties`.

use std::path::PathBuf;

use clap::Args;
use delicate::predict::{StandardForm, properties_all};
use delicate::records::{Columns, Row};

use crate::cli::{InputArguments, MoleculeArguments, OutputArguments};
use crate::error::CommandError;
use crate::files::RowFile;
use crate::rows::{self, Computed, OnError, RowCommand};

#[derive(Debug, Args)]
pub(crate) struct PropertiesArguments {
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

pub(crate) fn run(arguments: &PropertiesArguments) -> Result<(), CommandError> {
    let command = RowCommand::begin(
        &arguments.file,
        &arguments.output,
        arguments.resume,
        OnError::Skip,
        arguments.quiet,
    )?;
    let input = RowFile::open(&arguments.file, &arguments.input.options())?;
    let settings = rows::settings(
        "properties",
        &arguments.output,
        input.header(),
        &arguments.input,
        arguments.molecule,
    )?;
    let keep = arguments.molecule.options().keep;
    let compute = |rows: &[Row], _: &dyn Fn(usize) -> _| {
        let mut computed = Computed {
            rows: Vec::with_capacity(rows.len()),
            standardizations: Vec::with_capacity(rows.len()),
            stop: None,
        };
        for one in properties_all(rows, StandardForm::Parent, keep) {
            let (row, standardization) = match one {
                Ok((properties, standardization)) => (Ok(properties), Some(standardization)),
                Err(error) => (Err(error), None),
            };
            computed.rows.push(Some(row));
            computed.standardizations.push(standardization);
        }
        computed
    };
    command.run(input, settings, Columns::Properties, compute, String::new)
}
