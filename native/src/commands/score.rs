//! `delicate score` and `delicate embed`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use delicate::chemistry::{Keep, Properties};
use delicate::predict::{Outcomes, Prediction, Progress, Scorer, StandardForm, properties_all};
use delicate::records::{ReadOptions, Row};
use serde::Serialize;

use crate::cli::{
    AugmentationArguments, DeviceLossArguments, DeviceLossNotice, InputArguments, ModelArguments,
    MoleculeArguments, OutputArguments, ScoringArguments, ShardArguments,
};
use crate::error::CommandError;
use crate::files::{RowFile, refuse_model_file};
use crate::model::{self, Asked, Task};
use crate::partial::Settings;
use crate::rows::{self, Computed, OnError, RowCommand, add_setting};

#[derive(Debug, Args)]
pub(crate) struct RowArguments {
    /// Molecules: .smi, .csv, .tsv, .sdf or .xlsx, optionally .gz, .zst or .zip, or .parquet; `-`
    /// for stdin
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) compute: ScoringArguments,
    #[command(flatten)]
    pub(crate) device_loss: DeviceLossArguments,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) shard: ShardArguments,
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
    /// Go on with the output file of the same command that was killed or interrupted; the result
    /// is bit-identical (not for a JSON array or .gz)
    #[arg(long)]
    pub(crate) resume: bool,
    /// Print no progress and no summary; what was guessed, left out or went wrong is still said
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
    /// Add where each value stands among the model's reference molecules, such as marketed drugs,
    /// from 0 to 100
    #[arg(long)]
    percentiles: bool,
    /// Add molar mass, Crippen's log P, polar surface, donors, acceptors, rotatable bonds, rule of
    /// five, QED and structural alerts (PAINS, Brenk)
    #[arg(long)]
    properties: bool,
    /// Endpoints to predict, in this order (default: all; see `delicate endpoints`)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = crate::cli::name)]
    endpoints: Vec<String>,
}

/// `delicate score`.
pub(crate) fn score(arguments: &ScoreArguments) -> Result<(), CommandError> {
    let endpoints = Some(arguments.endpoints.as_slice()).filter(|names| !names.is_empty());
    let beside = Beside {
        uncertainty: arguments.uncertainty,
        percentiles: arguments.percentiles,
        properties: arguments.properties,
    };
    run(&arguments.rows, Task::Score, beside, endpoints)
}

/// What is written beside each value, and beside all of a molecule.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Beside {
    /// Its interval, domain and nearest neighbour.
    uncertainty: bool,
    percentiles: bool,
    properties: bool,
}

/// `delicate embed`.
pub(crate) fn embed(arguments: &RowArguments) -> Result<(), CommandError> {
    run(arguments, Task::Embed, Beside::default(), None)
}

/// `endpoints` are those to predict, if not all.
fn run(
    arguments: &RowArguments,
    task: Task,
    beside: Beside,
    endpoints: Option<&[String]>,
) -> Result<(), CommandError> {
    let command = RowCommand::begin(
        &arguments.file,
        &arguments.output,
        arguments.resume,
        arguments.on_error,
        arguments.quiet,
    )?;
    if let Some(model) = &arguments.model.model {
        refuse_model_file(model, arguments.output.file())?;
    }
    let reading = ReadOptions {
        id_column: arguments.id_column.clone().map(Into::into),
        ..arguments.input.options()
    };
    let input = command.input(&reading, arguments.shard)?;

    let device = arguments.compute.open()?;
    let asked = match beside.uncertainty {
        true => Asked::All,
        false => Asked::Values,
    };
    let (mut scorer, model) = model::load_with_digest(&arguments.model, task, device, asked)?;
    scorer = scorer.on_device_lost(arguments.device_loss.on_device_lost);
    scorer = arguments.compute.apply(scorer)?;
    if let Some(names) = endpoints {
        scorer = (scorer.only(names)).map_err(|error| CommandError::Usage(error.to_string()))?;
    }
    let options = arguments
        .molecule
        .options()
        .augmentations(arguments.augmentation.augmentations)
        .uncertainty(beside.uncertainty)
        .percentiles(beside.percentiles);
    if beside.percentiles && scorer.config().reference.is_none() {
        let message = "--percentiles: this model has no reference molecules; `delicate reference` \
                       gives it some";
        return Err(CommandError::Usage(message.to_owned()));
    }
    if beside.uncertainty && scorer.applicability().is_none() {
        return Err(CommandError::NoDomain);
    }
    let settings = settings(arguments, task, beside, &scorer, &model, &input)?;
    let device_loss = DeviceLossNotice::default();
    let place = || model::place(&scorer);
    type OnProgress<'a> = &'a dyn Fn(usize) -> ControlFlow<()>;
    match task {
        Task::Score if beside.properties => {
            let form = scorer.config().standard_form;
            let compute = |rows: &[Row], on_progress: OnProgress<'_>| {
                let on_batch = async |progress: Progress| on_progress(progress.done);
                let outcomes = pollster::block_on(scorer.predict(rows, options, on_batch));
                device_loss.after(&scorer);
                with_properties(rows, outcomes, form, options.keep)
            };
            let columns = scorer.columns(options).with_properties();
            command.run(input, settings, columns, compute, place)
        }
        Task::Score => {
            let compute = |rows: &[Row], on_progress: OnProgress<'_>| {
                let on_batch = async |progress: Progress| on_progress(progress.done);
                let outcomes = pollster::block_on(scorer.predict(rows, options, on_batch));
                device_loss.after(&scorer);
                Computed::from(outcomes)
            };
            command.run(input, settings, scorer.columns(options), compute, place)
        }
        Task::Embed => {
            let compute = |rows: &[Row], on_progress: OnProgress<'_>| {
                let on_batch = async |progress: Progress| on_progress(progress.done);
                let outcomes = pollster::block_on(scorer.embed(rows, options, on_batch));
                device_loss.after(&scorer);
                Computed::from(outcomes)
            };
            command.run(input, settings, scorer.embedding_columns(), compute, place)
        }
    }
}

/// Predictions, and the properties of the molecules that they are for.
fn with_properties(
    rows: &[Row],
    outcomes: Outcomes<Vec<Prediction>>,
    form: StandardForm,
    keep: Keep,
) -> Computed<(Vec<Prediction>, Properties)> {
    // Where the run ended early, the rest is not needed.
    let done = outcomes.rows.iter().take_while(|row| row.is_some()).count();
    let properties = properties_all(&rows[..done], form, keep);
    let both = outcomes.rows.into_iter().zip(properties);
    let mut all: Vec<_> = both
        .map(|(row, properties)| {
            Some(row?.and_then(|predictions| Ok((predictions, properties?.0))))
        })
        .collect();
    all.resize_with(rows.len(), || None);
    Computed {
        rows: all,
        standardizations: outcomes.standardizations,
        stop: outcomes.stop,
    }
}

/// Everything but the rows of the input that the output depends on.
fn settings(
    arguments: &RowArguments,
    task: Task,
    beside: Beside,
    scorer: &Scorer,
    model: &str,
    input: &RowFile,
) -> Result<Settings, CommandError> {
    let endpoints: Vec<&str> = scorer.endpoints().iter().map(|e| e.name.as_str()).collect();
    let mut settings = rows::settings(
        task.command(),
        &arguments.output,
        input,
        &arguments.input,
        arguments.shard,
        arguments.molecule,
    )?;
    for (name, value) in [
        ("model", Ok(model.into())),
        ("device", Ok(scorer.device().name().into())),
        (
            "precision",
            Ok(arguments.compute.name(scorer.device()).into()),
        ),
        ("beside", serde_json::to_value(beside)),
        ("endpoints", Ok(endpoints.into())),
        ("augmentation", serde_json::to_value(arguments.augmentation)),
    ] {
        add_setting(&mut settings, name, value)?;
    }
    Ok(settings)
}
