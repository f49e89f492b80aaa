//! `delicate score` and `delicate embed`.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use delicate::device::Device;
use delicate::model_dir::{ModelFiles, StoringError};
use delicate::predict::{Outcomes, PredictOptions, Prediction, Progress, Scorer, Stop};
use delicate::records::{Output, ReadOptions, Reader, Row, RowError, Writer};
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
    let options = PredictOptions::default()
        .keep_salts(arguments.keep_salts)
        .augmentations(arguments.readings)
        .uncertainty(assess);
    if assess && scorer.applicability().is_none() {
        return Err(CommandError::NoDomain);
    }
    let columns = match task {
        Task::Score => scorer.columns(options),
        Task::Embed => scorer.embedding_columns(),
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
        Writer::new(sink, arguments.output.format(), &header, columns).map_err(output)?;
    let bar = progress_bar(arguments.quiet);
    let (mut rows, mut failed) = (0usize, 0usize);
    let mut fault = None;
    let mut ended = false;
    while !ended {
        let chunk = Chunk::read(&mut reader);
        ended = chunk.is_last;
        fault = chunk.fault;
        let before = rows as u64;
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
        for (row, result) in chunk.rows.iter().zip(results.rows()) {
            // Rows stay in order, so the first that is missing ends the output.
            let Some(result) = result else { break };
            failed += usize::from(result.is_err());
            if let (Err(error), OnError::Fail) = (&result, arguments.on_error) {
                bar.finish_and_clear();
                writer.finish().map_err(output)?;
                return Err(row_error(row, header.id, error));
            }
            writer.write(&row.fields, result).map_err(output)?;
            rows += 1;
        }
        if let Some(stop) = results.stop() {
            bar.finish_and_clear();
            writer.finish().map_err(output)?;
            return Err(stop.clone().into());
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

/// What is computed of every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A prediction for every endpoint.
    Score,
    /// The embedding that similarity is taken of.
    Embed,
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
