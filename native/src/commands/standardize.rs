//! `delicate standardize`.

use std::path::PathBuf;

use clap::Args;
use delicate::predict::standardize_all;
use delicate::records::{Columns, Writer};

use crate::changes::Changes;
use crate::cli::{InputArguments, MoleculeArguments, OutputArguments};
use crate::error::CommandError;
use crate::files::{RowFile, Sink, refuse_same_file};
use crate::interrupt::Interrupt;
use crate::messages::say;
use crate::progress;

#[derive(Debug, Args)]
pub(crate) struct StandardizeArguments {
    /// Molecules: .smi, .csv, .tsv or .sdf, optionally .gz; `-` for stdin
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) molecule: MoleculeArguments,
    /// Print no progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

pub(crate) fn run(arguments: &StandardizeArguments) -> Result<(), CommandError> {
    let interrupt = Interrupt::listen();
    refuse_same_file(&arguments.file, arguments.output.file())?;
    let mut input = RowFile::open(&arguments.file, &arguments.input.options())?;
    let header = input.header().clone();
    let sink = Sink::open(arguments.output.file())?;
    let output = |source| arguments.output.failed(source);
    let format = arguments.output.format();
    let mut writer = Writer::new(sink, format, &header, Columns::Standardized).map_err(output)?;
    let bar = progress::rows(arguments.quiet);
    let keep = arguments.molecule.options().keep;
    let mut changes = Changes::default();
    let (mut rows, mut failed) = (0usize, 0usize);
    let mut fault = None;
    let mut ended = false;
    while !ended && !interrupt.is_raised() {
        let chunk = input.chunk();
        ended = chunk.is_last;
        fault = chunk.fault;
        interrupt.busy(true);
        for (row, result) in chunk.rows.iter().zip(standardize_all(&chunk.rows, keep)) {
            if let Ok(standardization) = &result {
                changes.count(standardization);
            }
            failed += usize::from(result.is_err());
            let error = result.as_ref().map(|_| ());
            writer
                .write(&row.fields, result.as_ref().ok(), error)
                .map_err(output)?;
        }
        rows += chunk.rows.len();
        bar.set_position(rows as u64);
        writer.flush().map_err(output)?;
        interrupt.busy(false);
    }
    bar.finish_and_clear();
    let sink = writer.finish().map_err(output)?;
    let stopped = !ended;
    if stopped || fault.is_some() {
        if let Some(aside) = sink.set_aside().map_err(output)? {
            say!("the output so far is in {}", aside.display());
        }
    } else {
        sink.complete().map_err(output)?;
    }
    if stopped {
        return Err(delicate::predict::Stop::Cancelled.into());
    }
    if !arguments.quiet {
        say!("{rows} rows, {failed} with errors");
        if let Some(summary) = changes.summary() {
            say!("{summary}");
        }
    }
    fault.map_or(Ok(()), Err)
}
