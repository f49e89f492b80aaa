//! `delicate score` and `delicate embed`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use delicate::predict::{Outcomes, PredictOptions, Prediction, Progress, Stop};
use delicate::records::{Output, ReadOptions, Row, RowError, Writer};

use crate::cli::{
    AugmentationArguments, ComputeArguments, DeviceArguments, DeviceLossArguments,
    DeviceLossNotice, InputArguments, ModelArguments, MoleculeArguments, OutputArguments,
};
use crate::error::CommandError;
use crate::files::{RowFile, Sink, refuse_same_file};
use crate::interrupt::Interrupt;
use crate::model::{self, Task};
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
    /// Molecules: .smi, .csv, .tsv or .sdf, optionally .gz; `-` for stdin
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
    let started = Instant::now();
    refuse_same_file(&arguments.file, arguments.output.file())?;
    let reading = ReadOptions {
        id_column: arguments.id_column.clone(),
        ..arguments.input.options()
    };
    let mut input = RowFile::open(&arguments.file, &reading)?;

    let device = arguments.device.open()?;
    let mut scorer = model::load(&arguments.model, task, device)?
        .on_device_lost(arguments.device_loss.on_device_lost);
    if arguments.compute.is_half() {
        scorer = scorer.in_half_precision()?;
    }
    let options = PredictOptions::default()
        .keep_salts(arguments.molecule.keep_salts)
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
    let sink = Sink::open(arguments.output.file())?;
    let output = |source| arguments.output.failed(source);
    let mut writer =
        Writer::new(sink, arguments.output.format(), &header, columns).map_err(output)?;
    let bar = progress::rows(arguments.quiet);
    let (mut rows, mut failed) = (0usize, 0usize);
    let mut fault = None;
    let mut ended = false;
    let device_loss = DeviceLossNotice::default();
    while !ended {
        let chunk = input.chunk();
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
        device_loss.after(&scorer);
        for (row, result) in chunk.rows.iter().zip(results.rows()) {
            // Rows stay in order, so the first that is missing ends the output.
            let Some(result) = result else { break };
            failed += usize::from(result.is_err());
            if let (Err(error), OnError::Fail) = (&result, arguments.on_error) {
                bar.finish_and_clear();
                writer.finish().and_then(Sink::complete).map_err(output)?;
                return Err(row_error(row, header.id, error));
            }
            writer.write(&row.fields, result).map_err(output)?;
            rows += 1;
        }
        if let Some(stop) = results.stop() {
            bar.finish_and_clear();
            writer.finish().and_then(Sink::complete).map_err(output)?;
            return Err(stop.clone().into());
        }
        writer.flush().map_err(output)?;
        interrupt.busy(false);
        if interrupt.is_raised() {
            bar.finish_and_clear();
            writer.finish().and_then(Sink::complete).map_err(output)?;
            return Err(Stop::Cancelled.into());
        }
    }
    bar.finish_and_clear();
    writer.finish().and_then(Sink::complete).map_err(output)?;
    if !arguments.quiet {
        let seconds = started.elapsed().as_secs_f64();
        eprintln!(
            "{rows} rows, {failed} with errors, {seconds:.1} s ({:.0} rows/s) on {}",
            rows as f64 / seconds.max(1e-9),
            scorer.device().name(),
        );
    }
    fault.map_or(Ok(()), Err)
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
