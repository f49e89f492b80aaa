//! What commands share that write a row for each row of a file: the loop over its
//! chunks, progress, interruption, what is left of an output that is not whole, and
//! the last words.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use delicate::chemistry::Keep;
use delicate::predict::{Outcomes, Standardization, Stop};
use delicate::records::parquet::ParquetLayout;
use delicate::records::{
    Columns, Header, Output, OutputFormat, ReadOptions, Row, RowError, Writer, differing_columns,
};
use serde_json::Value;

use crate::changes::Tally;
use crate::cli::{InputArguments, MoleculeArguments, OutputArguments, RowFormat, ShardArguments};
use crate::error::CommandError;
use crate::failures::Failures;
use crate::files::{
    Chunk, RowFile, Shard, Sink, is_packed, refuse_same_file, regular_target, say_written,
};
use crate::interrupt::Interrupt;
use crate::messages::say;
use crate::partial::{COLUMNS, PartialError, PartialFile, Settings, partial_name};
use crate::parts::{Found, PartFile};
use crate::progress;

/// Bytes of a table within which its header is looked for.
const HEADER_BYTES: u64 = 64 << 20;

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
    /// Molecules: .smi, .csv, .tsv, .sdf or .xlsx, optionally .gz, .zst or .zip, or .parquet; `-`
    /// for stdin
    file: PathBuf,
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    shard: ShardArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    molecule: MoleculeArguments,
    /// Go on with the output file of the same command that was killed or interrupted (not for a
    /// JSON array or .gz)
    #[arg(long)]
    resume: bool,
    /// Print no progress and no summary; what was guessed, left out or went wrong is still said
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
        let input = command.input(&self.input.options(), self.shard)?;
        let settings = settings(name, output, &input, &self.input, self.shard, self.molecule)?;
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
    /// What a file of columns says of itself beside its settings, under a name.
    says: Option<(&'static str, String)>,
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
        output.check_file()?;
        if resumes {
            check_resume(output)?;
        }
        match output.format() {
            RowFormat::Text(_) => {
                output.text_format()?;
            }
            RowFormat::Parquet if output.file().and_then(regular_target).is_none() => {
                let message = "Parquet is written to a file alone: name it with -o";
                return Err(CommandError::Usage(message.to_owned()));
            }
            RowFormat::Parquet => {}
        }
        refuse_same_file(file, output.file())?;
        Ok(Self {
            file,
            output,
            resumes,
            on_error,
            quiet,
            says: None,
            interrupt,
        })
    }

    /// Lets a file of columns say `text` of itself under `name`.
    pub(crate) fn says(&mut self, name: &'static str, text: String) {
        self.says = Some((name, text));
    }

    /// Opens the file, or the part of it that is to be read.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or has no such parts.
    pub(crate) fn input(
        &self,
        options: &ReadOptions,
        shard: ShardArguments,
    ) -> Result<RowFile, CommandError> {
        let mut input = RowFile::open(self.file, options)?;
        if let Some(shard) = shard.shard {
            input.take_shard(shard)?;
        }
        if self.output.format() == RowFormat::Parquet {
            input.without_texts();
            if let Some(rows) = self.output.row_group() {
                input.in_chunks_of(rows);
            }
        }
        Ok(input)
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
        let Some(mut output) = RowOutput::open(self, settings, &input, &columns)? else {
            return Ok(());
        };
        output.pass_over(&mut input)?;
        let started = Instant::now();
        let (before_all, _) = output.rows();
        let bar = progress::rows(self.quiet);
        let mut failures = Failures::default();
        let mut fault = None;
        let mut ended = false;
        while !ended {
            let mut chunk = input.chunk();
            ended = chunk.is_last;
            let (before, _) = output.rows();
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
                output.write(row, standardization.as_ref(), result.map(Into::into))?;
            }
            if let Some(stop) = computed.stop {
                bar.finish_and_clear();
                return Err(output.end_early(stop.into()));
            }
            output.flush(&chunk)?;
            fault = chunk.fault.take();
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
        let (rows, failed) = output.rows();
        let summary = output.tally().summary();
        output.complete()?;
        if !self.quiet {
            let seconds = started.elapsed().as_secs_f64();
            say!(
                "{rows} {}, {failed} with {}, {seconds:.1} s ({:.0} rows/s){}",
                if rows == 1 { "row" } else { "rows" },
                if failed == 1 { "an error" } else { "errors" },
                (rows - before_all) as f64 / seconds.max(1e-9),
                place(),
            );
            for line in summary {
                say!("{line}");
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
fn resumes(format: RowFormat) -> bool {
    format != RowFormat::Text(OutputFormat::Json)
}

/// What the output of `command` depends on beside the rows of its input.
///
/// # Errors
///
/// Where an argument cannot be written down.
pub(crate) fn settings(
    command: &str,
    output: &OutputArguments,
    input: &RowFile,
    reading: &InputArguments,
    shard: ShardArguments,
    molecule: MoleculeArguments,
) -> Result<Settings, CommandError> {
    let mut settings = Settings::new();
    add_setting(&mut settings, "command", Ok(command.into()))?;
    add_setting(
        &mut settings,
        "version",
        Ok(env!("CARGO_PKG_VERSION").into()),
    )?;
    add_setting(&mut settings, "format", Ok(output.format_name().into()))?;
    add_setting(
        &mut settings,
        "header",
        serde_json::to_value(input.header()),
    )?;
    add_setting(&mut settings, "input", serde_json::to_value(reading))?;
    add_setting(&mut settings, "molecule", serde_json::to_value(molecule))?;
    if let Some(rows) = output.row_group() {
        add_setting(&mut settings, "row_group", Ok(rows.into()))?;
    }
    if let Some(Shard { part, parts }) = shard.shard {
        add_setting(&mut settings, "shard", Ok(format!("{part}/{parts}").into()))?;
    }
    if let Some(file) = input.parquet() {
        let source = file.fingerprint().map_err(|source| CommandError::Input {
            path: input.path().to_owned(),
            source,
        })?;
        add_setting(&mut settings, "source", Ok(source.into()))?;
    }
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

/// Where the rows go.
enum RowOutput<'a> {
    Text(Box<TextOutput<'a>>),
    Parquet(&'a OutputArguments, Box<PartFile>),
}

impl<'a> RowOutput<'a> {
    /// Begins the output or goes on with it; `None` where it is there already.
    fn open(
        command: &RowCommand<'a>,
        settings: Settings,
        input: &RowFile,
        columns: &Columns,
    ) -> Result<Option<Self>, CommandError> {
        let arguments = command.output;
        let target = arguments.file().and_then(regular_target);
        let (RowFormat::Parquet, Some(target)) = (arguments.format(), target) else {
            let format = arguments.text_format()?;
            let opened = TextOutput::open(command, format, settings, input.header(), columns)?;
            return Ok(opened.map(|output| Self::Text(Box::new(output))));
        };
        let mut layout = parquet_layout(input, columns.clone());
        if let Some(rows) = arguments.row_group() {
            layout = layout.in_groups_of(rows);
        }
        if let Some((name, text)) = &command.says {
            layout = layout.saying(name, text.clone());
        }
        let opened = PartFile::open(&target, &settings, layout, input, command.resumes);
        let opened = opened.map_err(|error| match error {
            CommandError::Partial(error) => not_begun(error, arguments.file()),
            other => other,
        });
        match opened? {
            Found::Unfinished(parts) => Ok(Some(Self::Parquet(arguments, parts))),
            Found::Whole => {
                say!(
                    "{} is there, whole and made by the same settings: nothing to resume",
                    target.display()
                );
                Ok(None)
            }
        }
    }

    /// Passes over what is done of the input, which must be the same.
    fn pass_over(&mut self, input: &mut RowFile) -> Result<(), CommandError> {
        match self {
            Self::Text(output) => output.pass_over(input),
            Self::Parquet(_, parts) => parts.pass_over(input),
        }
    }

    /// Rows so far, and those with an error.
    fn rows(&self) -> (u64, u64) {
        match self {
            Self::Text(output) => (output.rows, output.failed),
            Self::Parquet(_, parts) => parts.rows(),
        }
    }

    /// What was counted of all rows that are done.
    fn tally(&self) -> &Tally {
        match self {
            Self::Text(output) => &output.tally,
            Self::Parquet(_, parts) => parts.tally(),
        }
    }

    fn write(
        &mut self,
        row: &Row,
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) -> Result<(), CommandError> {
        match self {
            Self::Text(output) => output.write(row, standardization, result),
            Self::Parquet(_, parts) => {
                parts.push(standardization, result);
                Ok(())
            }
        }
    }

    /// Hands on the rows of a chunk.
    fn flush(&mut self, chunk: &Chunk) -> Result<(), CommandError> {
        match self {
            // The last one may be cut short by a fault, and is no chunk of a run without
            // it.
            Self::Text(output) => output.flush(!chunk.is_last),
            Self::Parquet(arguments, parts) => parts
                .write(chunk)
                .map_err(|source| arguments.failed(source)),
        }
    }

    /// Ends the output, whole.
    fn complete(self) -> Result<(), CommandError> {
        match self {
            Self::Text(output) => output.complete(),
            Self::Parquet(_, parts) => parts.complete(),
        }
    }

    /// Ends the output where it is, for `error`: what there is becomes valid, and a
    /// file does not get its name.
    fn end_early(self, error: CommandError) -> CommandError {
        match self {
            Self::Text(output) => output.end_early(error),
            Self::Parquet(_, parts) => {
                let (partial, rows) = parts.leave();
                CommandError::Unfinished {
                    source: Box::new(error),
                    partial,
                    rows,
                    resumes: true,
                }
            }
        }
    }
}

/// The columns of a Parquet file that is written of the rows of `input`.
pub(crate) fn parquet_layout(input: &RowFile, columns: Columns) -> ParquetLayout {
    match input.parquet() {
        Some(file) => ParquetLayout::of_parquet(file, columns),
        None => ParquetLayout::of_text(input.header(), columns),
    }
}

/// Rows one by one: to stdout, a pipe, or a file that appears once it is whole.
struct TextOutput<'a> {
    arguments: &'a OutputArguments,
    format: OutputFormat,
    writer: Writer<Sink>,
    partial: Option<PartialFile>,
    rows: u64,
    failed: u64,
    tally: Tally,
}

impl<'a> TextOutput<'a> {
    /// Begins the output or goes on with it; `None` where it is there already.
    fn open(
        command: &RowCommand<'a>,
        format: OutputFormat,
        settings: Settings,
        header: &Header,
        columns: &Columns,
    ) -> Result<Option<Self>, CommandError> {
        let arguments = command.output;
        let file = arguments.file();
        let mut settings = settings;
        settings.insert(COLUMNS.to_owned(), columns.names(header).into());
        let begun = |error| not_begun(error, file);
        let partial = match file.and_then(regular_target) {
            None => None,
            Some(target) if command.resumes => {
                match PartialFile::resume(&target, &settings).map_err(begun)? {
                    None if target.exists() => {
                        say_complete(&target, format, header, columns)?;
                        return Ok(None);
                    }
                    None => Some(PartialFile::create(&target, settings).map_err(begun)?),
                    some => some,
                }
            }
            Some(target) => Some(PartialFile::create(&target, settings).map_err(begun)?),
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
        let writer = Writer::new(sink, format, header, columns.clone());
        let mut writer = writer.map_err(failed)?;
        if partial.is_some() {
            writer.flush().map_err(failed)?;
        }
        discard(false);
        Ok(Some(Self {
            arguments,
            format,
            writer,
            partial,
            rows: 0,
            failed: 0,
            tally: Tally::default(),
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
        self.tally.clone_from(&partial.written().tally);
        Ok(())
    }

    fn write(
        &mut self,
        row: &Row,
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) -> Result<(), CommandError> {
        self.failed += u64::from(result.is_err());
        self.tally.count(standardization, &result);
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
            Some(partial) if are_whole => {
                Ok(partial.chunk_done(self.rows, self.failed, &self.tally)?)
            }
            _ => Ok(()),
        }
    }

    /// Ends the output, whole.
    fn complete(self) -> Result<(), CommandError> {
        say_written(&self.writer, self.arguments.file());
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
        say_written(&self.writer, self.arguments.file());
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
                resumes: resumes(RowFormat::Text(self.format))
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
        let file = File::open(target).map_err(output)?;
        let found = first_record(file, format).map_err(output)?;
        if let Some(why) = differing_columns(&found, &columns.names(header)) {
            return Err(CommandError::Usage(format!(
                "{} is there, with other columns than this command writes: {why}. It was made with \
                 other options, of another input, by another model or by another build; leave \
                 --resume out to make it anew",
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

/// The first record of a table, which has its names.
fn first_record(file: File, format: OutputFormat) -> io::Result<Vec<String>> {
    let tabs = format == OutputFormat::Tsv;
    let mut table = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(if tabs { b'\t' } else { b',' })
        .from_reader(BufReader::new(file.take(HEADER_BYTES)));
    let mut record = csv::ByteRecord::new();
    table.read_byte_record(&mut record)?;
    let names = record.iter().map(String::from_utf8_lossy);
    Ok(names.map(Cow::into_owned).collect())
}

/// The error of an output that grows beside `file`, which is what the user knows it by.
fn not_begun(error: PartialError, file: Option<&Path>) -> CommandError {
    match (error, file) {
        (PartialError::Io { path, source }, Some(file)) => CommandError::NotBegun {
            path: file.to_owned(),
            at: path,
            source,
        },
        (error, _) => error.into(),
    }
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
