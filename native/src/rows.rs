//! What commands share that write a row for each row of a file: the loop over its
//! chunks, progress, interruption, what is left of an output that is not whole, and
//! the last words.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use delicate::chemistry::Keep;
use delicate::predict::{Outcomes, Standardization, Stop};
use delicate::records::{Columns, Header, Output, OutputFormat, Row, RowError, Writer};
use serde_json::Value;

use crate::changes::Changes;
use crate::cli::{InputArguments, MoleculeArguments, OutputArguments};
use crate::error::CommandError;
use crate::failures::Failures;
use crate::files::{RowFile, Sink, is_packed, refuse_same_file, regular_target};
use crate::interrupt::Interrupt;
use crate::messages::say;
use crate::partial::{PartialFile, Settings, partial_name};
use crate::progress;

/// What to do with a row that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Write the error and continue
    Skip,
    /// Stop with exit code 3
    Fail,
}

/// What a chunk of rows came to.
pub(crate) struct Computed<T> {
    /// One entry a row, `None` where the run ended before it.
    pub(crate) rows: Vec<Option<Result<T, RowError>>>,
    /// One entry a row: what was done to its molecule.
    pub(crate) standardizations: Vec<Option<Standardization>>,
    /// Why the run ended early, if it did.
    pub(crate) stop: Option<Stop>,
}

impl<T> From<Outcomes<T>> for Computed<T> {
    fn from(outcomes: Outcomes<T>) -> Self {
        Self {
            rows: outcomes.rows,
            standardizations: outcomes.standardizations,
            stop: outcomes.stop,
        }
    }
}

/// What a command on the molecules of a file is told that needs no model.
#[derive(Debug, Args)]
pub(crate) struct MoleculeRowsArguments {
    /// Molecules: .smi, .csv, .tsv, .sdf or .xlsx, optionally .gz, .zst or .zip; `-` for stdin
    file: PathBuf,
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    molecule: MoleculeArguments,
    /// Go on with the output file of the same command that was killed or interrupted (not for a
    /// JSON array or .gz)
    #[arg(long)]
    resume: bool,
    /// Print no progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

impl MoleculeRowsArguments {
    /// Runs the command `name`, which writes `columns` of what `compute` makes of the
    /// rows.
    pub(crate) fn run<T>(
        &self,
        name: &str,
        columns: Columns,
        compute: impl Fn(&[Row], Keep) -> Computed<T>,
    ) -> Result<(), CommandError>
    where
        for<'r> &'r T: Into<Output<'r>>,
    {
        let (file, output) = (&self.file, &self.output);
        let command = RowCommand::begin(file, output, self.resume, OnError::Skip, self.quiet)?;
        let input = RowFile::open(file, &self.input.options())?;
        let settings = settings(name, output, input.header(), &self.input, self.molecule)?;
        let keep = self.molecule.options().keep;
        let compute = |rows: &[Row], _: &dyn Fn(usize) -> _| compute(rows, keep);
        command.run(input, settings, columns, compute, String::new)
    }
}

/// A command on the rows of a file.
pub(crate) struct RowCommand<'a> {
    file: &'a Path,
    output: &'a OutputArguments,
    /// Whether it goes on with what an earlier process left.
    resumes: bool,
    on_error: OnError,
    quiet: bool,
    interrupt: Interrupt,
}

impl<'a> RowCommand<'a> {
    /// Begins a command that reads `file`, before anything that takes time.
    ///
    /// # Errors
    ///
    /// Where the output cannot be written to, or not be gone on with.
    pub(crate) fn begin(
        file: &'a Path,
        output: &'a OutputArguments,
        resumes: bool,
        on_error: OnError,
        quiet: bool,
    ) -> Result<Self, CommandError> {
        let interrupt = Interrupt::listen();
        if resumes {
            check_resume(output)?;
        }
        output.check_folder()?;
        refuse_same_file(file, output.file())?;
        Ok(Self {
            file,
            output,
            resumes,
            on_error,
            quiet,
            interrupt,
        })
    }

    /// Computes the rows of `input`, a chunk at a time, and writes each with what it
    /// came to. `compute` tells how many rows of its chunk are done, and stops where
    /// it is told to; `place` is where it was computed, for the last words.
    ///
    /// # Errors
    ///
    /// Where the input or the output fails, the computation or the user ends it, a row
    /// fails and none may, or all rows fail for one reason.
    pub(crate) fn run<T>(
        &self,
        mut input: RowFile,
        settings: Settings,
        columns: Columns,
        mut compute: impl FnMut(&[Row], &dyn Fn(usize) -> ControlFlow<()>) -> Computed<T>,
        place: impl Fn() -> String,
    ) -> Result<(), CommandError>
    where
        for<'r> &'r T: Into<Output<'r>>,
    {
        let header = input.header().clone();
        let Some(mut output) = RowOutput::open(self, settings, &header, &columns)? else {
            return Ok(());
        };
        output.pass_over(&mut input)?;
        let started = Instant::now();
        let before_all = output.rows;
        let bar = progress::rows(self.quiet);
        let mut failures = Failures::default();
        let mut changes = Changes::default();
        let mut fault = None;
        let mut ended = false;
        while !ended {
            let chunk = input.chunk();
            ended = chunk.is_last;
            fault = chunk.fault;
            let before = output.rows;
            self.interrupt.busy(true);
            let on_progress = |done: usize| {
                bar.set_position(before + done as u64);
                if self.interrupt.is_raised() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let computed = compute(&chunk.rows, &on_progress);
            for ((row, result), standardization) in chunk
                .rows
                .iter()
                .zip(&computed.rows)
                .zip(&computed.standardizations)
            {
                // Rows stay in order, so the first that is missing ends the output.
                let Some(result) = result else { break };
                let result = result.as_ref();
                failures.add(row, &result);
                if let (Err(error), OnError::Fail) = (&result, self.on_error) {
                    bar.finish_and_clear();
                    let error = row_error(row, header.id, error);
                    return Err(output.end_early(error));
                }
                if let Some(standardization) = standardization {
                    changes.count(standardization);
                }
                output.write(row, standardization.as_ref(), result.map(Into::into))?;
            }
            if let Some(stop) = computed.stop {
                bar.finish_and_clear();
                return Err(output.end_early(stop.into()));
            }
            // The last one may be cut short by a fault, and is no chunk of a run without
            // it.
            output.flush(!ended)?;
            self.interrupt.busy(false);
            if self.interrupt.is_raised() && !ended {
                bar.finish_and_clear();
                return Err(output.end_early(Stop::Cancelled.into()));
            }
        }
        bar.finish_and_clear();
        if let Some(fault) = fault {
            return Err(output.end_early(fault));
        }
        let (rows, failed) = (output.rows, output.failed);
        output.complete()?;
        if !self.quiet {
            let seconds = started.elapsed().as_secs_f64();
            say!(
                "{rows} rows, {failed} with errors, {seconds:.1} s ({:.0} rows/s){}",
                (rows - before_all) as f64 / seconds.max(1e-9),
                place(),
            );
            if let Some(summary) = changes.summary() {
                say!("{summary}");
            }
        }
        match before_all {
            0 => failures.verdict(self.file, &header),
            // Of the rows before, nothing is known.
            _ => Ok(()),
        }
    }
}

/// Refuses `--resume` where there can be nothing to resume.
fn check_resume(output: &OutputArguments) -> Result<(), CommandError> {
    let refuse = |message: &str| Err(CommandError::Usage(message.to_owned()));
    if output.file().and_then(regular_target).is_none() {
        return refuse("--resume goes on with a file: name it with -o");
    }
    if output.file().is_some_and(is_packed) {
        return refuse("--resume: a compressed file cannot be gone on with; leave out the .gz");
    }
    if !resumes(output.format()) {
        return refuse("--resume: a JSON array cannot be gone on with; use --format jsonl or csv");
    }
    Ok(())
}

/// Whether a file that holds the first rows in this format can be gone on with: each
/// row must stand alone.
fn resumes(format: OutputFormat) -> bool {
    format != OutputFormat::Json
}

/// What the output of `command` depends on beside the rows of its input.
///
/// # Errors
///
/// Where an argument cannot be written down.
pub(crate) fn settings(
    command: &str,
    output: &OutputArguments,
    header: &Header,
    input: &InputArguments,
    molecule: MoleculeArguments,
) -> Result<Settings, CommandError> {
    let mut settings = Settings::new();
    add_setting(&mut settings, "command", Ok(command.into()))?;
    add_setting(
        &mut settings,
        "version",
        Ok(env!("CARGO_PKG_VERSION").into()),
    )?;
    add_setting(
        &mut settings,
        "format",
        serde_json::to_value(output.format()),
    )?;
    add_setting(&mut settings, "header", serde_json::to_value(header))?;
    add_setting(&mut settings, "input", serde_json::to_value(input))?;
    add_setting(&mut settings, "molecule", serde_json::to_value(molecule))?;
    Ok(settings)
}

/// Adds a setting; of several in one, each by its own name.
///
/// # Errors
///
/// Where it cannot be written down.
pub(crate) fn add_setting(
    settings: &mut Settings,
    name: &str,
    value: Result<Value, serde_json::Error>,
) -> Result<(), CommandError> {
    let value = value.map_err(|error| CommandError::Usage(error.to_string()))?;
    match value {
        Value::Object(fields) => settings.extend(fields),
        value => {
            settings.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// Where the rows go: stdout, a pipe, or a file that appears once it is whole.
struct RowOutput<'a> {
    arguments: &'a OutputArguments,
    writer: Writer<Sink>,
    partial: Option<PartialFile>,
    rows: u64,
    failed: u64,
}

impl<'a> RowOutput<'a> {
    /// Begins the output or goes on with it; `None` where it is there already.
    fn open(
        command: &RowCommand<'a>,
        settings: Settings,
        header: &Header,
        columns: &Columns,
    ) -> Result<Option<Self>, CommandError> {
        let arguments = command.output;
        let file = arguments.file();
        let partial = match file.and_then(regular_target) {
            None => None,
            Some(target) if command.resumes => match PartialFile::resume(&target, &settings)? {
                None if target.exists() => {
                    say_complete(&target, arguments.format(), header, columns)?;
                    return Ok(None);
                }
                None => Some(PartialFile::create(&target, settings)?),
                some => some,
            },
            Some(target) => Some(PartialFile::create(&target, settings)?),
        };
        let sink = match &partial {
            Some(partial) => {
                let sink = Sink::Partial(BufWriter::new(partial.sink()));
                match file {
                    Some(file) => sink.packed(file),
                    None => sink,
                }
            }
            None => Sink::open(file)?,
        };
        let failed = |source| arguments.failed(source);
        // The header of a file that is gone on with is there already.
        let discard = |discards| {
            if let Some(partial) = &partial {
                partial.discard(discards && partial.written().rows > 0);
            }
        };
        discard(true);
        let writer = Writer::new(sink, arguments.format(), header, columns.clone());
        let mut writer = writer.map_err(failed)?;
        if partial.is_some() {
            writer.flush().map_err(failed)?;
        }
        discard(false);
        Ok(Some(Self {
            arguments,
            writer,
            partial,
            rows: 0,
            failed: 0,
        }))
    }

    /// Passes over the rows of the input that are done, which must be the same.
    fn pass_over(&mut self, input: &mut RowFile) -> Result<(), CommandError> {
        let Some(partial) = &mut self.partial else {
            return Ok(());
        };
        while self.rows < partial.written().rows {
            let Some(row) = input.next() else { break };
            partial.read(&row?);
            self.rows += 1;
        }
        partial.check_input(self.rows)?;
        self.failed = partial.written().failed;
        Ok(())
    }

    fn write(
        &mut self,
        row: &Row,
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) -> Result<(), CommandError> {
        self.failed += u64::from(result.is_err());
        self.rows += 1;
        if let Some(partial) = &mut self.partial {
            partial.read(row);
        }
        let written = self.writer.write(row, standardization, result);
        written.map_err(|source| self.arguments.failed(source))
    }

    /// Hands on the rows so far; where they are a whole number of chunks, records it.
    fn flush(&mut self, are_whole: bool) -> Result<(), CommandError> {
        let flushed = self.writer.flush();
        flushed.map_err(|source| self.arguments.failed(source))?;
        match &mut self.partial {
            Some(partial) if are_whole => Ok(partial.chunk_done(self.rows, self.failed)?),
            _ => Ok(()),
        }
    }

    /// Ends the output, whole.
    fn complete(self) -> Result<(), CommandError> {
        let finished = self.writer.finish().and_then(Sink::complete);
        finished.map_err(|source| self.arguments.failed(source))?;
        match self.partial {
            Some(partial) => Ok(partial.complete()?),
            None => Ok(()),
        }
    }

    /// Ends the output where it is, for `error`: what there is becomes valid, and a
    /// file does not get its name.
    fn end_early(self, error: CommandError) -> CommandError {
        let finished = self.writer.finish().and_then(Sink::complete);
        if let Err(source) = finished {
            return self.arguments.failed(source);
        }
        let Some(file) = self.partial else {
            return error;
        };
        let partial = file.path().to_owned();
        match file.leave() {
            Err(error) => error.into(),
            Ok(()) => CommandError::Unfinished {
                source: Box::new(error),
                partial,
                rows: self.rows,
                resumes: resumes(self.arguments.format())
                    && !self.arguments.file().is_some_and(is_packed),
            },
        }
    }
}

/// Says of a whole output that there is nothing to resume.
///
/// # Errors
///
/// Where its columns show that it was made with other options, or it cannot be read.
fn say_complete(
    target: &Path,
    format: OutputFormat,
    header: &Header,
    columns: &Columns,
) -> Result<(), CommandError> {
    let named = matches!(format, OutputFormat::Csv | OutputFormat::Tsv);
    if named {
        let output = |source| CommandError::Output {
            name: target.display().to_string(),
            source,
        };
        let writer = Writer::new(Vec::new(), format, header, columns.clone());
        let expected = writer.and_then(Writer::finish).map_err(output)?;
        let mut found = vec![0; expected.len()];
        let file = File::open(target).map_err(output)?;
        let is_same = match io::Read::read_exact(&mut BufReader::new(file), &mut found) {
            Ok(()) => found == expected,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(output(error)),
        };
        if !is_same {
            return Err(CommandError::Usage(format!(
                "{} is there, with other columns than this command writes: it was made with other \
                 options, of another input or by another model; leave --resume out to make it anew",
                target.display()
            )));
        }
    }
    let columns = if named {
        "its columns are those of this command; "
    } else {
        ""
    };
    say!(
        "{} is there, and no {} beside it: nothing to resume ({columns}model, input and other \
         options are not recorded in it: leave --resume out to make it anew)",
        target.display(),
        partial_name(target).display()
    );
    Ok(())
}

fn row_error(row: &Row, id: Option<usize>, error: &RowError) -> CommandError {
    let id = id
        .and_then(|column| row.fields.get(column))
        .map(|id| format!(" ({id})"))
        .unwrap_or_default();
    CommandError::Row {
        line: row.line,
        id,
        error: error.clone(),
    }
}
