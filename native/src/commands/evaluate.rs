//! `delicate evaluate`.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use delicate::chemistry::Keep;
use delicate::device::Device;
use delicate::metrics::{EndpointEvaluation, Evaluation};
use delicate::model::Endpoint;
use delicate::predict::PredictOptions;
use delicate::records::Row;
use delicate::text::one_line;
use delicate::train::evaluation::{evaluate_table, trained_on};
use delicate::train::labels::Cell;
use delicate::train::{evaluate_run, evaluation_table};

use crate::cli::{
    AugmentationArguments, DeviceArguments, DeviceLossNotice, InputArguments, ModelArguments,
    MoleculeArguments, ReportArguments,
};
use crate::commands::report;
use crate::error::CommandError;
use crate::files::RowFile;
use crate::messages::say;
use crate::model::{self, Task};
use crate::places::{self, Place};

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// Fine-tuning run, or table of labels
    #[arg(value_name = "RUN|FILE")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// Endpoint that the labels of a table belong to
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Label column of a table
    #[arg(
        long,
        visible_alias = "label",
        value_name = "NAME",
        default_value = "label"
    )]
    pub(crate) label_column: String,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) molecule: MoleculeArguments,
    #[command(flatten)]
    pub(crate) augmentation: AugmentationArguments,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// Skip the ECFP4 random forest baseline of a run, which takes most of the time;
    /// the run's files stay unchanged
    #[arg(long)]
    pub(crate) no_baseline: bool,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
    /// Count skipped rows in place of listing them
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

pub(crate) fn run(arguments: &EvaluateArguments) -> Result<(), CommandError> {
    let path = &arguments.path;
    Place::RunOrTable.check(path)?;
    let device = arguments.device.open()?;
    let options = arguments
        .molecule
        .options()
        .augmentations(arguments.augmentation.augmentations);
    let evaluation = if places::is_run(path) {
        if options.keep != Keep::default() {
            // A run's molecules were standardised when it read its tables.
            let message =
                "--keep-salts and --keep-charges are for tables: a run keeps its own molecules";
            return Err(CommandError::Usage(message.to_owned()));
        }
        let baseline = !arguments.no_baseline;
        let evaluation = pollster::block_on(evaluate_run(path, &device, options, baseline))
            .map_err(|error| CommandError::from_run(error, path))?;
        if options.augmentations == NonZeroUsize::MIN && baseline {
            report::write(path)?;
        }
        evaluation
    } else {
        Evaluation {
            readings: options.augmentations,
            endpoints: vec![on_table(arguments, device, options)?],
        }
    };
    arguments.report.write(&evaluation, |out| {
        out.write_all(evaluation_table(&evaluation.endpoints).as_bytes())
    })
}

/// Evaluates a model on a table that it has not seen.
fn on_table(
    arguments: &EvaluateArguments,
    device: Device,
    options: PredictOptions,
) -> Result<EndpointEvaluation, CommandError> {
    let scorer = model::load(&arguments.model, Task::Score, device)?;
    let names: Vec<String> = scorer
        .config()
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.clone())
        .collect();
    let endpoint = match (&arguments.endpoint, scorer.endpoints()) {
        (Some(name), all) if names.contains(name) => {
            all.iter().find(|endpoint| endpoint.name == *name).cloned()
        }
        (None, [only]) => Some(only.clone()),
        (asked, _) => {
            let unknown = asked.as_ref().map_or_else(String::new, |name| {
                format!("the model has no endpoint `{name}`; ")
            });
            return Err(CommandError::Usage(format!(
                "{unknown}name one of the model's endpoints with --endpoint: {}",
                names.join(", ")
            )));
        }
    };
    let endpoint = endpoint.ok_or_else(|| CommandError::Usage("no endpoint".to_owned()))?;
    let (rows, labels) = labelled(&arguments.path, arguments, &endpoint)?;
    let name = endpoint.name.as_str();
    if rows.is_empty() {
        return Err(CommandError::Usage(format!(
            "{}: no row has both a molecule and a label in `{}`",
            arguments.path.display(),
            one_line(&arguments.label_column)
        )));
    }
    let known = trained_on(&scorer, name, &rows, options);
    if known > 0 {
        say!(
            "{known} of {} molecules are among those that the model was trained on for {name}: its \
             errors on others are larger. Leave them out (`delicate score --uncertainty` names \
             the nearest training molecule), or see the model's card",
            rows.len()
        );
    }
    let evaluated = evaluate_table(&scorer, name, &rows, &labels, options);
    let evaluated = pollster::block_on(evaluated);
    DeviceLossNotice::default().after(&scorer);
    let evaluated = evaluated.map_err(|error| CommandError::from_run(error, &arguments.path))?;
    let evaluated = evaluated.ok_or_else(|| CommandError::Usage(format!("no `{name}`")))?;
    let scored = evaluated.splits.first().map_or(0, |split| split.molecules);
    if scored < rows.len() {
        say!(
            "{} of {} molecules could not be scored",
            rows.len() - scored,
            rows.len()
        );
    }
    Ok(evaluated)
}

/// The rows that have a label, and the labels.
fn labelled(
    path: &Path,
    arguments: &EvaluateArguments,
    endpoint: &Endpoint,
) -> Result<(Vec<Row>, Vec<f32>), CommandError> {
    let all = RowFile::open(path, &arguments.input.options())?;
    let column = all.header().column(&arguments.label_column);
    let column = column.map_err(|source| CommandError::Records {
        path: path.to_owned(),
        source,
    })?;
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    let (mut skipped, mut first_skipped) = (0u64, None);
    for row in all {
        let row = row?;
        // Read as fine-tuning reads it: `>10` is not 10.
        let cell = row.fields.get(column).map_or("", String::as_str);
        let why = match (&row.molecule, Cell::read(cell).label_of(endpoint)) {
            (Ok(_), Ok(Some(label))) => {
                labels.push(label);
                rows.push(row);
                continue;
            }
            // A missing label is no error.
            (Ok(_), Ok(None)) => continue,
            (Err(error), _) => error.message.clone(),
            (Ok(_), Err(refusal)) => refusal.of(cell.trim()),
        };
        skipped += 1;
        if !arguments.quiet {
            say!("{}, line {}: skipped: {why}", path.display(), row.line);
        }
        first_skipped.get_or_insert((row.line, why));
    }
    // What is measured depends on it, also where the rows are not listed.
    if let (true, Some((line, why))) = (arguments.quiet, first_skipped) {
        let rows = if skipped == 1 { "row" } else { "rows" };
        say!(
            "{}: {skipped} {rows} skipped; first: line {line}: {why}",
            path.display()
        );
    }
    Ok((rows, labels))
}
