//! `delicate score` and `delicate embed`.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use delicate::device::Device;
use delicate::model_dir::{ModelFiles, StoringError};
use delicate::predict::{Options, Scorer, Stop, Task};
use delicate::records::{Outputs, ReadOptions, Reader, Record, RowError, Structure, Writer};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::{OnError, ScoreArguments};
use crate::error::CommandError;
use crate::files::{Chunk, open, refuse_same_file, sink};

/// `assess` adds to each score how far it can be trusted.
pub(crate) fn run(
    arguments: &ScoreArguments,
    task: Task,
    assess: bool,
) -> Result<(), CommandError> {
    let interrupt = Interrupt::listen();
    let started = Instant::now();
    let input = open(&arguments.file)?;
    refuse_same_file(&arguments.file, arguments.output.file())?;
    let name = arguments.file.to_string_lossy();
    let records = |source| CommandError::Records {
        path: arguments.file.clone(),
        source,
    };
    let mut reader = Reader::open(
        input,
        &name,
        &ReadOptions {
            format: arguments.input_format.map(Into::into),
            smiles_column: arguments.smiles_column.clone(),
            id_column: arguments.id_column.clone(),
        },
    )
    .map_err(records)?;

    let device = pollster::block_on(Device::open(arguments.device.into()))?;
    let mut scorer = load(arguments.model.as_deref(), task, device)?;
    if arguments.half {
        scorer = scorer.in_half_precision()?;
    }
    if assess && scorer.applicability().is_none() {
        return Err(CommandError::NoDomain);
    }
    let outputs = match scorer.outputs(task) {
        Outputs::Scores(endpoints) if assess => Outputs::Assessed(endpoints),
        outputs => outputs,
    };
    let header = reader.header().clone();
    let sink = sink(arguments.output.file())?;
    let output_name = arguments
        .output
        .file()
        .map_or("stdout".to_owned(), |path| path.display().to_string());
    let output = |source| CommandError::Output {
        name: output_name.clone(),
        source,
    };
    let mut writer =
        Writer::new(sink, arguments.output.format(), &header, outputs).map_err(output)?;
    let options = Options {
        largest_fragment: !arguments.keep_salts,
        readings: arguments.readings,
        assess,
    };

    let bar = progress_bar(arguments.quiet);
    let (mut rows, mut failed) = (0usize, 0usize);
    let mut fault = None;
    let mut ended = false;
    while !ended {
        let chunk = Chunk::read(&mut reader);
        ended = chunk.is_last;
        fault = chunk.fault;
        let structures: Vec<&Structure> = chunk
            .records
            .iter()
            .map(|record| &record.structure)
            .collect();
        let before = rows as u64;
        interrupt.busy(true);
        let results =
            pollster::block_on(scorer.run(&structures, task, options, async |progress| {
                bar.set_position(before + progress.done as u64);
                if interrupt.is_raised() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            }));
        let mut assessments = results.assessments.into_iter();
        for (record, result) in chunk.records.iter().zip(results.rows) {
            let assessed = assessments.next().flatten();
            // Rows stay in order, so the first that is missing ends the output.
            let Some(result) = result else { break };
            let result = match &record.problem {
                Some(problem) => Err(problem.clone()),
                None => result,
            };
            failed += usize::from(result.is_err());
            if let (Err(error), OnError::Fail) = (&result, arguments.on_error) {
                bar.finish_and_clear();
                writer.finish().map_err(output)?;
                return Err(row_error(record, header.id, error));
            }
            let fields = &record.fields;
            match (result, assessed) {
                (Ok(values), Some(assessed)) => writer.write_assessed(fields, &values, assessed),
                (Ok(values), None) => writer.write_result(fields, Ok(&values)),
                (Err(error), _) => writer.write_result(fields, Err(&error)),
            }
            .map_err(output)?;
            rows += 1;
        }
        if let Some(stop) = results.stop {
            bar.finish_and_clear();
            writer.finish().map_err(output)?;
            return Err(stop.into());
        }
        writer.flush().map_err(output)?;
        interrupt.busy(false);
        if interrupt.is_raised() {
            bar.finish_and_clear();
            writer.finish().map_err(output)?;
            return Err(Stop::Cancelled.into());
        }
    }
    bar.finish_and_clear();
    writer
        .finish()
        .and_then(|mut sink| sink.flush())
        .map_err(output)?;
    if !arguments.quiet {
        let seconds = started.elapsed().as_secs_f64();
        eprintln!(
            "{rows} rows, {failed} with errors, {seconds:.1} s ({:.0} rows/s) on {}",
            rows as f64 / seconds.max(1e-9),
            scorer.device().name(),
        );
    }
    match fault {
        Some(error) => Err(records(error)),
        None => Ok(()),
    }
}

fn row_error(record: &Record, id: Option<usize>, error: &RowError) -> CommandError {
    let id = id
        .and_then(|column| record.fields.get(column))
        .map(|id| format!(" ({id})"))
        .unwrap_or_default();
    CommandError::Row {
        line: record.line,
        id,
        error: error.clone(),
    }
}

/// The model of a directory, or the one built in for `task`.
pub(crate) fn load(
    directory: Option<&Path>,
    task: Task,
    device: Device,
) -> Result<Scorer, CommandError> {
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
        source: io::Error::new(
            io::ErrorKind::NotFound,
            "no model was built into this command",
        ),
    })
}

/// A bar on stderr where a person is watching, otherwise nothing.
pub(crate) fn progress_bar(quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} rows  {per_sec}  {elapsed}");
    let bar = ProgressBar::new_spinner();
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What Ctrl-C does: while the command is busy it asks it to finish the batch,
/// and a second one, or one that meets it waiting for input, ends it at once.
#[derive(Clone, Default)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
    busy: Arc<AtomicBool>,
}

impl Interrupt {
    pub(crate) fn listen() -> Self {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        let set = ctrlc::set_handler(move || {
            let again = handler.raised.swap(true, Ordering::Relaxed);
            if again || !handler.busy.load(Ordering::Relaxed) {
                std::process::exit(130);
            }
        });
        if let Err(error) = set {
            eprintln!("delicate: Ctrl-C will end the command in the middle of a row: {error}");
        }
        interrupt
    }

    pub(crate) fn busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }
}
