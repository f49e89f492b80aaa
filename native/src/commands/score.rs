//! `delicate score` and `delicate embed`.

use std::io::{self, BufWriter};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use delicate::predict::{Outcomes, Prediction, Progress, Scorer, Standardization, Stop};
use delicate::records::{Header, Output, OutputFormat, ReadOptions, Row, RowError, Writer};
use serde_json::Value;

use crate::changes::Changes;
use crate::cli::{
    AugmentationArguments, ComputeArguments, DeviceArguments, DeviceLossArguments,
    DeviceLossNotice, InputArguments, ModelArguments, MoleculeArguments, OutputArguments,
};
use crate::error::CommandError;
use crate::failures::Failures;
use crate::files::{RowFile, Sink, is_packed, refuse_model_file, refuse_same_file, regular_target};
use crate::interrupt::Interrupt;
use crate::messages::say;
use crate::model::{self, Task};
use crate::partial::{PartialFile, Settings, partial_name};
use crate::progress;

/// What to do with a row that cannot be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Write the error and continue
    Skip,
    /// Stop with exit code 3
    Fail,
}

#[derive(Debug, Args)]
pub(crate) struct RowArguments {
    /// Molecules: .smi, .csv, .tsv, .sdf or .xlsx, optionally .gz, .zst or .zip; `-` for stdin
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) device_loss: DeviceLossArguments,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Column that identifies a molecule in messages
    #[arg(long, value_name = "NAME")]
    pub(crate) id_column: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// What to do with a row that cannot be scored
    #[arg(long, value_enum, default_value = "skip")]
    pub(crate) on_error: OnError,
    #[command(flatten)]
    pub(crate) molecule: MoleculeArguments,
    #[command(flatten)]
    pub(crate) augmentation: AugmentationArguments,
    #[command(flatten)]
    pub(crate) compute: ComputeArguments,
    /// Go on with the output file of the same command that was killed or interrupted; the result
    /// is bit-identical (not for a JSON array or .gz)
    #[arg(long)]
    pub(crate) resume: bool,
    /// Print no progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    #[command(flatten)]
    pub(crate) rows: RowArguments,
    /// Add prediction intervals (90 %), applicability domain and nearest neighbour
    #[arg(long, alias = "assess")]
    pub(crate) uncertainty: bool,
}

/// `delicate score`.
pub(crate) fn score(arguments: &ScoreArguments) -> Result<(), CommandError> {
    run(&arguments.rows, Task::Score, arguments.uncertainty)
}

/// `delicate embed`.
pub(crate) fn embed(arguments: &RowArguments) -> Result<(), CommandError> {
    run(arguments, Task::Embed, false)
}

/// `uncertainty` adds to each score its interval, domain and nearest neighbour.
fn run(arguments: &RowArguments, task: Task, uncertainty: bool) -> Result<(), CommandError> {
    let interrupt = Interrupt::listen();
    let file = arguments.output.file();
    let format = arguments.output.format();
    check_resume(arguments, format)?;
    refuse_same_file(&arguments.file, file)?;
    if let Some(model) = &arguments.model.model {
        refuse_model_file(model, file)?;
    }
    let reading = ReadOptions {
        id_column: arguments.id_column.clone(),
        ..arguments.input.options()
    };
    let mut input = RowFile::open(&arguments.file, &reading)?;

    let device = arguments.device.open()?;
    let (mut scorer, model) = model::load_with_digest(&arguments.model, task, device)?;
    scorer = scorer.on_device_lost(arguments.device_loss.on_device_lost);
    if arguments.compute.is_half() {
        scorer = scorer.in_half_precision()?;
    }
    let options = arguments
        .molecule
        .options()
        .augmentations(arguments.augmentation.augmentations)
        .uncertainty(uncertainty);
    if uncertainty && scorer.applicability().is_none() {
        return Err(CommandError::NoDomain);
    }
    let columns = match task {
        Task::Score => scorer.columns(options),
        Task::Embed => scorer.embedding_columns(),
    };
    let header = input.header().clone();
    let settings = settings(arguments, task, uncertainty, &scorer, &model, &header)?;
    let Some(mut output) = RowOutput::open(arguments, settings, |sink| {
        Writer::new(sink, format, &header, columns)
    })?
    else {
        return Ok(());
    };
    output.pass_over(&mut input)?;
    let started = Instant::now();
    let before_all = output.rows;
    let bar = progress::rows(arguments.quiet);
    let mut failures = Failures::default();
    let mut changes = Changes::default();
    let mut fault = None;
    let mut ended = false;
    let device_loss = DeviceLossNotice::default();
    while !ended {
        let chunk = input.chunk();
        ended = chunk.is_last;
        fault = chunk.fault;
        let before = output.rows;
        interrupt.busy(true);
        let on_batch = async |progress: Progress| {
            bar.set_position(before + progress.done as u64);
            if interrupt.is_raised() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let results = pollster::block_on(async {
            match task {
                Task::Score => {
                    Results::Scores(scorer.predict(&chunk.rows, options, on_batch).await)
                }
                Task::Embed => {
                    Results::Embeddings(scorer.embed(&chunk.rows, options, on_batch).await)
                }
            }
        });
        device_loss.after(&scorer);
        let standardizations = results.standardizations().iter();
        for ((row, result), standardization) in
            chunk.rows.iter().zip(results.rows()).zip(standardizations)
        {
            // Rows stay in order, so the first that is missing ends the output.
            let Some(result) = result else { break };
            failures.add(row, &result);
            if let (Err(error), OnError::Fail) = (&result, arguments.on_error) {
                bar.finish_and_clear();
                let error = row_error(row, header.id, error);
                return Err(output.end_early(error));
            }
            if let Some(standardization) = standardization {
                changes.count(standardization);
            }
            output.write(row, standardization.as_ref(), result)?;
        }
        if let Some(stop) = results.stop() {
            bar.finish_and_clear();
            return Err(output.end_early(stop.clone().into()));
        }
        // The last one may be cut short by a fault, and is no chunk of a run without it.
        output.flush(!ended)?;
        interrupt.busy(false);
        if interrupt.is_raised() && !ended {
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
    if !arguments.quiet {
        let seconds = started.elapsed().as_secs_f64();
        say!(
            "{rows} rows, {failed} with errors, {seconds:.1} s ({:.0} rows/s) on {}",
            (rows - before_all) as f64 / seconds.max(1e-9),
            scorer.device().name(),
        );
        if let Some(summary) = changes.summary() {
            say!("{summary}");
        }
    }
    match before_all {
        0 => failures.verdict(&arguments.file, &header),
        // Of the rows before, nothing is known.
        _ => Ok(()),
    }
}

/// Refuses `--resume` where there can be nothing to resume.
fn check_resume(arguments: &RowArguments, format: OutputFormat) -> Result<(), CommandError> {
    let refuse = |message: &str| Err(CommandError::Usage(message.to_owned()));
    if !arguments.resume {
        return Ok(());
    }
    if arguments.output.file().and_then(regular_target).is_none() {
        return refuse("--resume goes on with a file: name it with -o");
    }
    if arguments.output.file().is_some_and(is_packed) {
        return refuse("--resume: a compressed file cannot be gone on with; leave out the .gz");
    }
    if !resumes(format) {
        return refuse("--resume: a JSON array cannot be gone on with; use --format jsonl or csv");
    }
    Ok(())
}

/// Whether a file that holds the first rows in this format can be gone on with: each
/// row must stand alone.
fn resumes(format: OutputFormat) -> bool {
    format != OutputFormat::Json
}

/// Everything but the rows of the input that the output depends on.
fn settings(
    arguments: &RowArguments,
    task: Task,
    uncertainty: bool,
    scorer: &Scorer,
    model: &str,
    header: &Header,
) -> Result<Settings, CommandError> {
    let mut settings = Settings::new();
    let mut add = |name: &str, value: Result<Value, serde_json::Error>| {
        let value = value.map_err(|error| CommandError::Usage(error.to_string()))?;
        match value {
            Value::Object(fields) => settings.extend(fields),
            value => {
                settings.insert(name.to_owned(), value);
            }
        }
        Ok::<(), CommandError>(())
    };
    add("command", Ok(task.command().into()))?;
    add("version", Ok(env!("CARGO_PKG_VERSION").into()))?;
    add("model", Ok(model.into()))?;
    add("device", Ok(scorer.device().name().into()))?;
    add("half", Ok(arguments.compute.is_half().into()))?;
    add("uncertainty", Ok(uncertainty.into()))?;
    add("format", serde_json::to_value(arguments.output.format()))?;
    add("header", serde_json::to_value(header))?;
    add("input", serde_json::to_value(&arguments.input))?;
    add("molecule", serde_json::to_value(arguments.molecule))?;
    add("augmentation", serde_json::to_value(arguments.augmentation))?;
    Ok(settings)
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
        arguments: &'a RowArguments,
        settings: Settings,
        begin: impl FnOnce(Sink) -> io::Result<Writer<Sink>>,
    ) -> Result<Option<Self>, CommandError> {
        let file = arguments.output.file();
        let partial = match file.and_then(regular_target) {
            None => None,
            Some(target) if arguments.resume => match PartialFile::resume(&target, &settings)? {
                None if target.exists() => {
                    say!(
                        "{} is there, and no {} beside it: nothing to resume",
                        target.display(),
                        partial_name(&target).display()
                    );
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
        let failed = |source| arguments.output.failed(source);
        // The header of a file that is gone on with is there already.
        let discard = |discards| {
            if let Some(partial) = &partial {
                partial.discard(discards && partial.written().rows > 0);
            }
        };
        discard(true);
        let mut writer = begin(sink).map_err(failed)?;
        if partial.is_some() {
            writer.flush().map_err(failed)?;
        }
        discard(false);
        Ok(Some(Self {
            arguments: &arguments.output,
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

/// What a chunk of rows came to.
enum Results {
    Scores(Outcomes<Vec<Prediction>>),
    Embeddings(Outcomes<Vec<f32>>),
}

impl Results {
    /// One entry a row, for the writer; `None` where the run ended before it.
    fn rows(&self) -> Box<dyn Iterator<Item = Option<Result<Output<'_>, &RowError>>> + '_> {
        fn outputs<'a, T>(
            rows: &'a [Option<Result<T, RowError>>],
        ) -> impl Iterator<Item = Option<Result<Output<'a>, &'a RowError>>>
        where
            &'a T: Into<Output<'a>>,
        {
            let output = |row: &'a Result<T, RowError>| row.as_ref().map(Into::into);
            rows.iter().map(move |row| row.as_ref().map(output))
        }
        match self {
            Self::Scores(outcomes) => Box::new(outputs(&outcomes.rows)),
            Self::Embeddings(outcomes) => Box::new(outputs(&outcomes.rows)),
        }
    }

    /// One entry a row: what was done to its molecule.
    fn standardizations(&self) -> &[Option<Standardization>] {
        match self {
            Self::Scores(outcomes) => &outcomes.standardizations,
            Self::Embeddings(outcomes) => &outcomes.standardizations,
        }
    }

    /// Why the run ended early, if it did.
    fn stop(&self) -> Option<&Stop> {
        match self {
            Self::Scores(outcomes) => outcomes.stop.as_ref(),
            Self::Embeddings(outcomes) => outcomes.stop.as_ref(),
        }
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
