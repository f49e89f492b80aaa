//! `delicate finetune`: training by a configuration, or on a table of one's own
//! without one.

use std::path::{Path, PathBuf};

use clap::Args;
use delicate::model::EndpointTask;
use delicate::text::one_line;
use delicate::train::own_table::{self, Inspected, LabelColumn, OwnTable, OwnTableError};
use delicate::train::{self, FinetuneConfig, RunConfig, SplitKind};

use crate::cli::{Choices, name_of, one_of, whole};
use crate::commands::train::{
    RunArguments, Session, check, check_command, configuration, overridden, start,
};
use crate::configurations::{Draft, text};
use crate::error::CommandError;
use crate::messages::say;
use crate::places::Place;

const TASKS: &Choices<EndpointTask> = &[
    (
        EndpointTask::Regression,
        "regression",
        "Labels are a quantity",
    ),
    (
        EndpointTask::Classification,
        "classification",
        "Labels are one of two classes",
    ),
];

const SPLITS: &Choices<SplitKind> = &[
    (SplitKind::Random, "random", "Random split"),
    (
        SplitKind::Scaffold,
        "scaffold",
        "Split by Bemis-Murcko scaffold",
    ),
    (
        SplitKind::ScaffoldHash,
        "scaffold-hash",
        "Split by Bemis-Murcko scaffold, the same in every table that holds it",
    ),
    (
        SplitKind::Indices,
        "indices",
        "Predefined split from --split-file",
    ),
];

#[derive(Debug, Args)]
#[command(mut_arg("config", |config| config.value_name("TABLE|CONFIG").help(
    "Table of molecules and labels (.csv, .tsv, .smi, .sdf or .xlsx, optionally .gz, .zst or \
     .zip), with --label; or built-in configuration (such as delicate-small) or TOML file",
)))]
pub(crate) struct FinetuneArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    table: TableArguments,
    /// Directory of the tables named in the configuration
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// Model or run directory of the encoder to fine-tune, `built-in` for the built-in pre-trained
    /// encoder, or `none` for random weights (default: built-in for a table, otherwise from the
    /// configuration)
    #[arg(long, value_name = "DIR|built-in|none", conflicts_with = "resume")]
    start: Option<PathBuf>,
    /// Number of folds (default: from the configuration)
    #[arg(long, value_parser = whole::<u32>, conflicts_with = "resume")]
    folds: Option<u32>,
    /// How molecules are split (default: from the configuration)
    #[arg(
        long,
        value_name = "SPLIT",
        value_parser = one_of(SPLITS),
        conflicts_with = "resume"
    )]
    split: Option<SplitKind>,
    /// File of indices (splits.json of another run), for --split indices
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    split_file: Option<PathBuf>,
    /// Skip the ECFP4 random forest baseline
    #[arg(long, conflicts_with = "resume")]
    no_baseline: bool,
}

/// What only a table needs to be told.
#[derive(Debug, Args)]
pub(crate) struct TableArguments {
    /// Label column of the table; repeatable, for several endpoints
    #[arg(long, value_name = "COLUMN", conflicts_with = "resume")]
    label: Vec<String>,
    /// What the labels are (default: detected); once, or once for each --label
    #[arg(long, value_name = "TASK", value_parser = one_of(TASKS), requires = "label")]
    task: Vec<EndpointTask>,
    /// Unit of the labels, such as "log M"; once, or once for each --label
    #[arg(long, value_name = "TEXT", requires = "label")]
    unit: Vec<String>,
    /// SMILES column of the table (default: detected by name or content)
    #[arg(long, value_name = "NAME", requires = "label")]
    smiles_column: Option<String>,
}

pub(crate) fn run(arguments: &FinetuneArguments) -> Result<(), CommandError> {
    if is_table(arguments) {
        return on_table(arguments);
    }
    let session = Session::of(&arguments.run);
    let Some(mut draft) = configuration("finetune", &arguments.run)? else {
        return session.resume();
    };
    start(&mut draft, arguments.start.as_deref())?;
    finetuning(&mut draft, arguments)?;
    session.begin("finetune", draft, &arguments.data)
}

/// Adds what `finetune` alone may say.
fn finetuning(draft: &mut Draft, arguments: &FinetuneArguments) -> Result<(), CommandError> {
    draft.set_some("split.folds", arguments.folds.map(i64::from))?;
    draft.set_some(
        "split.kind",
        arguments.split.map(|kind| name_of(SPLITS, &kind)),
    )?;
    // A file says how to split, and nothing else does.
    let by_file = arguments.split_file.is_some() && arguments.split.is_none();
    draft.set_some("split.kind", by_file.then_some("indices"))?;
    draft.set_some("split.file", arguments.split_file.as_deref().map(text))?;
    draft.set_some("baseline", arguments.no_baseline.then_some(false))
}

impl TableArguments {
    /// The columns of labels, each with what was said of it.
    fn labels(&self) -> Result<Vec<LabelColumn>, CommandError> {
        let tasks = each("--task", &self.task, self.label.len())?;
        let units = each("--unit", &self.unit, self.label.len())?;
        let labels = self.label.iter().zip(tasks).zip(units);
        Ok(labels
            .map(|((name, task), unit)| LabelColumn {
                name: name.clone(),
                task,
                unit: unit.unwrap_or_default(),
            })
            .collect())
    }
}

/// What was said of each of `labels` labels: nothing, the same of all, or one
/// thing of each.
fn each<T: Clone>(option: &str, said: &[T], labels: usize) -> Result<Vec<Option<T>>, CommandError> {
    match said {
        [] => Ok(vec![None; labels]),
        [one] => Ok(vec![Some(one.clone()); labels]),
        all if all.len() == labels => Ok(all.iter().cloned().map(Some).collect()),
        all => Err(CommandError::Usage(format!(
            "{option} is given {} times for {labels} labels: give it once, or once for each",
            all.len()
        ))),
    }
}

/// Whether the arguments name a table and not a configuration.
fn is_table(arguments: &FinetuneArguments) -> bool {
    let file = arguments.run.config.as_deref();
    !arguments.table.label.is_empty() || file.is_some_and(own_table::is_table)
}

fn on_table(arguments: &FinetuneArguments) -> Result<(), CommandError> {
    let path = match arguments.run.config.as_deref() {
        Some(path) if path == Path::new("-") => {
            return Err(CommandError::Usage(
                "a table is read more than once: name a file instead of `-`".to_owned(),
            ));
        }
        Some(path) if path.extension().is_some_and(|ending| ending == "toml") => {
            return Err(CommandError::Usage(format!(
                "--label names a column of a table; the configuration {} names its own",
                path.display()
            )));
        }
        Some(path) => path.to_owned(),
        None => {
            return Err(CommandError::Usage("the table is missing".to_owned()));
        }
    };
    Place::Table.check(&path)?;
    let start = table_start(arguments.start.as_deref());
    if let Some(start) = start
        .as_deref()
        .filter(|it| *it != Path::new(train::BUILT_IN))
    {
        Place::Start.check(start)?;
    }
    let table = OwnTable {
        path,
        labels: arguments.table.labels()?,
        smiles_column: arguments.table.smiles_column.clone(),
        start,
    };
    let found = table.inspect().map_err(|error| {
        let is_unsaid = matches!(error, OwnTableError::WhichColumn { .. });
        CommandError::other(error, if is_unsaid { 2 } else { 1 })
    })?;
    let mut draft = Draft::of(&table.path, &RunConfig::from(found.config.clone()))?;
    // One seed for all that is random.
    draft.set_some("split.seed", arguments.run.seed.map(i64::from))?;
    let mut draft = overridden(draft, &arguments.run)?;
    finetuning(&mut draft, arguments)?;
    let config = draft.finish()?;
    check_command("finetune", &config)?;
    check(&config, &found.data)?;
    if let (RunConfig::Finetune(config), false) = (&config, arguments.run.quiet) {
        say!("{}", summary(&table.path, &found, config).trim_end());
    }
    Session::of(&arguments.run).train(&config, &found.data)
}

/// The start of a run: built in where nothing is said.
fn table_start(said: Option<&Path>) -> Option<PathBuf> {
    match said {
        None => Some(train::BUILT_IN.into()),
        Some(path) if path == Path::new("none") => None,
        Some(path) => Some(path.to_owned()),
    }
}

/// What was found and decided, a line each.
fn summary(path: &Path, found: &Inspected, config: &FinetuneConfig) -> String {
    let molecules = match &found.smiles_column {
        Some(column) => format!("molecules in the column `{}`", one_line(column)),
        None => "molecules as mol blocks".to_owned(),
    };
    let path = path.display().to_string();
    let mut text = format!("{}: {} rows, {molecules}\n", one_line(&path), found.rows);
    for ((endpoint, decision), missing) in config
        .endpoints
        .iter()
        .zip(&found.labels)
        .zip(&found.missing)
    {
        let none = match missing {
            0 => String::new(),
            missing => format!("; {missing} without a label"),
        };
        text.push_str(&format!(
            "{}: {}{none}\n",
            one_line(&endpoint.label_column),
            decision.summary
        ));
    }
    let split = &config.split;
    let parts = match split.folds {
        _ if split.kind == SplitKind::Indices => String::new(),
        1 => format!(
            ", {:.0} % of the molecules for validation and {:.0} % for the test",
            100.0 * split.valid,
            100.0 * split.test
        ),
        folds => format!(", {folds} folds held out in turn"),
    };
    text.push_str(match split.kind {
        SplitKind::Random => "random split",
        SplitKind::Scaffold | SplitKind::ScaffoldHash => {
            "scaffold split (the test is on scaffolds that were not trained on; --split random \
             is easier)"
        }
        SplitKind::Indices => "split as the file says",
    });
    text.push_str(&format!("{parts}\n"));
    let from = match &config.common.start {
        Some(start) if start == Path::new(train::BUILT_IN) => {
            "the built-in pre-trained encoder".to_owned()
        }
        Some(start) => start.display().to_string(),
        None => "random weights".to_owned(),
    };
    let plural = if config.common.epochs == 1.0 { "" } else { "s" };
    text.push_str(&format!(
        "at most {} epoch{plural}, starting from {from}\n",
        config.common.epochs
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_for_all_labels_or_for_each() {
        assert_eq!(each::<u8>("--unit", &[], 2).expect("none"), [None, None]);
        assert_eq!(each("--unit", &[1], 2).expect("all"), [Some(1), Some(1)]);
        assert_eq!(
            each("--unit", &[1, 2], 2).expect("each"),
            [Some(1), Some(2)]
        );
        assert!(each("--unit", &[1, 2], 3).is_err());
    }
}
