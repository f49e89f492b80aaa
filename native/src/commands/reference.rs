//! `delicate reference`: the molecules that a model's percentiles are among.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use delicate::model::ReferenceMolecules;
use delicate::model_dir::change_config;
use delicate::predict::{PredictOptions, Scorer, without_interruption};
use delicate::records::{RecordsError, Row};
use delicate::text::one_line;

use super::describe::failed;
use crate::cli::{DeviceArguments, InputArguments, ModelArguments};
use crate::error::CommandError;
use crate::files::RowFile;
use crate::messages::say;
use crate::model::{self, Task};

/// Fewest molecules that percentiles can be among.
const FEWEST: usize = 100;

#[derive(Debug, Args)]
pub(crate) struct ReferenceArguments {
    /// Tables of the molecules, in any format of `score`; each molecule counts once
    #[arg(required = true, value_name = "TABLE")]
    pub(crate) tables: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// What they are, in the plural, as in "more soluble than 82 % of marketed drugs"
    #[arg(long)]
    pub(crate) name: String,
    /// Where they come from, for the model to say
    #[arg(long, default_value = "")]
    pub(crate) source: String,
    /// Of tables with this column, take only the rows with this value
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = condition)]
    pub(crate) only: Option<(String, String)>,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
}

fn condition(given: &str) -> Result<(String, String), String> {
    let parts = given
        .split_once('=')
        .filter(|(column, _)| !column.is_empty());
    let (column, value) = parts.ok_or("it must be a column, `=` and a value")?;
    Ok((column.to_owned(), value.to_owned()))
}

/// What the tables came to.
struct Predicted {
    /// Standard forms of the molecules so far.
    known: HashSet<String>,
    /// For each endpoint the prediction for each of them.
    values: Vec<Vec<f32>>,
    repeated: usize,
    failed: usize,
}

pub(crate) fn run(arguments: &ReferenceArguments) -> Result<(), CommandError> {
    let Some(directory) = arguments.model.model.as_deref() else {
        let message = "name the model directory that it is written into: --model DIR";
        return Err(CommandError::Usage(message.to_owned()));
    };
    let device = arguments.device.open()?;
    let scorer = model::load(&arguments.model, Task::Score, device)?;
    let mut predicted = Predicted {
        known: HashSet::new(),
        values: vec![Vec::new(); scorer.endpoints().len()],
        repeated: 0,
        failed: 0,
    };
    let mut condition_met = arguments.only.is_none();
    for table in &arguments.tables {
        let mut file = RowFile::open(table, &arguments.input.options())?;
        let condition = match &arguments.only {
            None => None,
            Some((column, value)) => match file.header().column(column) {
                Ok(place) => Some((place, value.as_str())),
                Err(RecordsError::UnknownColumn { .. }) => None,
                Err(source) => {
                    return Err(CommandError::Records {
                        path: table.clone(),
                        source,
                    });
                }
            },
        };
        condition_met |= condition.is_some();
        loop {
            let mut chunk = file.chunk();
            chunk.rows.retain(|row| {
                condition.is_none_or(|(place, value)| {
                    row.fields
                        .get(place)
                        .is_some_and(|field| field.trim() == value)
                })
            });
            predicted.add(&scorer, &chunk.rows)?;
            if let Some(fault) = chunk.fault {
                return Err(fault);
            }
            if chunk.is_last {
                break;
            }
        }
    }
    if let (Some((column, value)), false) = (&arguments.only, condition_met) {
        let column = one_line(column);
        let message = format!("--only {column}={value}: no table has a column `{column}`");
        return Err(CommandError::Usage(message));
    }
    let molecules = predicted.known.len();
    if molecules < FEWEST {
        let message = format!(
            "percentiles among {molecules} molecules would say little: {FEWEST} are the fewest"
        );
        return Err(CommandError::Usage(message));
    }
    let reference = ReferenceMolecules {
        name: arguments.name.clone(),
        source: arguments.source.clone(),
        molecules,
    };
    let mut config = scorer.config().clone();
    config
        .set_reference(reference, predicted.values)
        .map_err(|error| failed(directory)(error.into()))?;
    change_config(directory, |of_model| *of_model = config).map_err(failed(directory))?;
    say!(
        "{}: percentiles are among {molecules} {}; left out: {} repeated, {} that cannot be scored",
        directory.display(),
        arguments.name,
        predicted.repeated,
        predicted.failed,
    );
    Ok(())
}

impl Predicted {
    fn add(&mut self, scorer: &Scorer, rows: &[Row]) -> Result<(), CommandError> {
        let run = scorer.predict(rows, PredictOptions::default(), without_interruption);
        let outcomes = pollster::block_on(run);
        if let Some(stop) = outcomes.stop {
            return Err(stop.into());
        }
        for (row, standardization) in outcomes.rows.into_iter().zip(outcomes.standardizations) {
            let (Some(Ok(predictions)), Some(standardization)) = (row, standardization) else {
                self.failed += 1;
                continue;
            };
            if !self.known.insert(standardization.smiles) {
                self.repeated += 1;
                continue;
            }
            for (values, prediction) in self.values.iter_mut().zip(predictions) {
                values.push(prediction.value);
            }
        }
        Ok(())
    }
}
