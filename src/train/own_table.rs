//! A user's own table as a fine-tuning run: which columns it needs, whether
//! their labels are quantities or classes, and settings that suit its size.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::config::{
    BatchConfig, DuplicatesConfig, EndpointConfig, FinetuneConfig, InitialConfig, OptimizerConfig,
    RunSettings, SplitConfig, SplitKind,
};
use super::labels::{Decision, LabelsError, Tally};
use super::start::start_files;
use crate::model::{EndpointTask, Preset};
use crate::model_dir::ModelDirError;
use crate::predict::StandardForm;
use crate::records::{Format, Header, ReadOptions, Reader, RecordsError};
use crate::text::one_line;

/// Molecules that a run reads, all epochs together: what a minute or two an
/// epoch on two cores allows.
const READINGS: usize = 100_000;
/// Fewest and most epochs.
const EPOCHS: (usize, usize) = (3, 24);
/// Epochs without a better validation loss after which training ends.
const PATIENCE: usize = 6;

/// A column of labels to learn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelColumn {
    /// Its name in the table, matched exactly, then ignoring case.
    pub name: String,
    /// Quantity or class; told from the labels where absent.
    pub task: Option<EndpointTask>,
    /// Unit of a quantity.
    pub unit: String,
}

/// A table to train on.
#[derive(Clone, Debug)]
pub struct OwnTable {
    /// The file, in any format that is read.
    pub path: PathBuf,
    /// Its columns of labels.
    pub labels: Vec<LabelColumn>,
    /// Its column of SMILES; found by name or content where absent.
    pub smiles_column: Option<String>,
    /// Where the encoder comes from: [`BUILT_IN`](super::BUILT_IN), a model or
    /// run directory; `None` for random weights.
    pub start: Option<PathBuf>,
}

/// What was found in a table and decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// The run; its tables lie in [`Self::data`].
    pub config: FinetuneConfig,
    /// The directory of the table.
    pub data: PathBuf,
    /// Rows of the table.
    pub rows: usize,
    /// The column of SMILES; `None` where molecules are mol blocks.
    pub smiles_column: Option<String>,
    /// What the labels of each endpoint are.
    pub labels: Vec<Decision>,
    /// Rows without a label, an endpoint each.
    pub missing: Vec<usize>,
}

/// Why a table cannot be trained on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnTableError {
    /// It cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no table of molecules, or has no column, or several, of a name that was given.
    #[error("{}: {source}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordsError,
    },
    /// Nobody said which column holds the labels.
    #[error("{}: which column holds the labels? {}", path.display(), offered(candidates))]
    WhichColumn {
        /// The file.
        path: PathBuf,
        /// The columns that could, each with what it holds.
        candidates: Vec<String>,
    },
    /// One column was named twice.
    #[error("the column `{}` is named twice", one_line(.0))]
    Twice(String),
    /// The column is that of the molecules.
    #[error("the column `{}` holds the molecules, not labels", one_line(.0))]
    IsSmiles(String),
    /// The labels of a column are of no use.
    #[error("{}: {source}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// Why.
        source: LabelsError,
    },
    /// There is no model to start from.
    #[error("the model to start from, {}: {source}", start.display())]
    Start {
        /// Its directory.
        start: PathBuf,
        /// What is wrong with it.
        source: ModelDirError,
    },
    /// The model to start from has an encoder of no known shape.
    #[error("the model to start from, {}, has the preset `{preset}`, which is none of ours", start.display())]
    Preset {
        /// Its directory.
        start: PathBuf,
        /// Its preset.
        preset: String,
    },
}

fn offered(candidates: &[String]) -> String {
    if candidates.is_empty() {
        return "No column holds numbers or classes".to_owned();
    }
    format!("Name it with --label: {}", candidates.join("; "))
}

/// Whether a file's name is that of a table and not of a configuration.
pub fn is_table(path: &Path) -> bool {
    let is_archive = path
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("zip"));
    is_archive || Format::from_name(&path.to_string_lossy()).is_some()
}

impl OwnTable {
    /// Reads the table through, without looking into its molecules, and
    /// decides what it takes to train on it: a scaffold split of one fold, as
    /// many epochs as suit its size, and the rest as the shipped models were
    /// trained.
    ///
    /// # Errors
    ///
    /// See [`OwnTableError`].
    pub fn inspect(&self) -> Result<Inspected, OwnTableError> {
        let path = &self.path;
        let file = File::open(path).map_err(|source| OwnTableError::Io {
            path: path.clone(),
            source,
        })?;
        let records = |source| OwnTableError::Records {
            path: path.clone(),
            source,
        };
        let options = ReadOptions {
            smiles_column: self.smiles_column.clone().map(Into::into),
            ..ReadOptions::default()
        };
        let reader =
            Reader::open_seekable(file, &path.to_string_lossy(), &options).map_err(records)?;
        let header = reader.header().clone();
        let columns = self.columns(&header)?;
        let mut tallies = vec![Tally::default(); header.columns.len()];
        let mut rows = 0;
        for row in reader {
            let row = row.map_err(records)?;
            rows += 1;
            // A row that cannot be used says nothing about its column.
            if row.molecule.is_err() {
                continue;
            }
            for (tally, cell) in tallies.iter_mut().zip(&row.fields) {
                tally.add(cell);
            }
        }
        if columns.is_empty() {
            return Err(OwnTableError::WhichColumn {
                path: path.clone(),
                candidates: candidates(&header, &tallies),
            });
        }
        let mut endpoints = Vec::new();
        let mut labels = Vec::new();
        for (label, &column) in self.labels.iter().zip(&columns) {
            let name = &header.columns[column];
            let decided = tallies[column].decide(name, label.task);
            let decision = decided.map_err(|source| OwnTableError::Labels {
                path: path.clone(),
                source,
            })?;
            endpoints.push(self.endpoint(name, label, decision.task));
            labels.push(decision);
        }
        Ok(Inspected {
            config: self.config(endpoints, rows)?,
            data: match path.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                _ => PathBuf::from("."),
            },
            rows,
            smiles_column: header.smiles.map(|column| header.columns[column].clone()),
            labels,
            missing: columns.iter().map(|&c| tallies[c].missing()).collect(),
        })
    }

    /// The place of each column of labels.
    fn columns(&self, header: &Header) -> Result<Vec<usize>, OwnTableError> {
        let mut columns = Vec::new();
        for label in &self.labels {
            let column = header.column(&label.name);
            let column = column.map_err(|source| OwnTableError::Records {
                path: self.path.clone(),
                source,
            })?;
            if columns.contains(&column) {
                return Err(OwnTableError::Twice(header.columns[column].clone()));
            }
            if header.smiles == Some(column) {
                return Err(OwnTableError::IsSmiles(header.columns[column].clone()));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    fn endpoint(&self, name: &str, label: &LabelColumn, task: EndpointTask) -> EndpointConfig {
        let file = PathBuf::from(self.path.file_name().unwrap_or_default());
        let title = name.trim().to_owned();
        EndpointConfig {
            name: title.clone(),
            title,
            unit: match task {
                EndpointTask::Regression => label.unit.clone(),
                EndpointTask::Classification => String::new(),
            },
            description: format!("Labels: the column `{name}` of {}.", file.display()),
            file,
            label_column: name.to_owned(),
            smiles_column: self.smiles_column.clone(),
            task,
            ..EndpointConfig::default()
        }
    }

    /// The preset of the model to start from.
    fn preset(&self) -> Result<Preset, OwnTableError> {
        let Some(start) = &self.start else {
            return Ok(Preset::DelicateSmall);
        };
        let config = start_files(start).and_then(|files| files.config());
        let config = config.map_err(|source| OwnTableError::Start {
            start: start.clone(),
            source,
        })?;
        let mut presets = Preset::ALL.into_iter();
        presets
            .find_map(|(preset, name)| (name == config.preset).then_some(preset))
            .ok_or_else(|| OwnTableError::Preset {
                start: start.clone(),
                preset: config.preset,
            })
    }

    /// The run: settings of `configs/finetune/delicate-small.toml`, or for random
    /// weights of `delicate-small-from-scratch.toml`, with as many epochs as suit `rows`.
    fn config(
        &self,
        endpoints: Vec<EndpointConfig>,
        rows: usize,
    ) -> Result<FinetuneConfig, OwnTableError> {
        let from_scratch = self.start.is_none();
        let dropout = (!from_scratch).then_some(0.0);
        let epochs = (READINGS / rows.max(1)).clamp(EPOCHS.0, EPOCHS.1) as f64;
        Ok(FinetuneConfig {
            common: RunSettings {
                start: self.start.clone(),
                checkpoint_every: 500,
                hidden_dropout: dropout,
                attention_dropout: dropout,
                initial: if from_scratch {
                    InitialConfig {
                        initializer_range: 0.06,
                        embedding_range: 0.5,
                    }
                } else {
                    InitialConfig::default()
                },
                optimizer: OptimizerConfig {
                    learning_rate: if from_scratch { 1.5e-4 } else { 1e-4 },
                    warmup: 0.05,
                    ..OptimizerConfig::default()
                },
                batch: BatchConfig {
                    molecules: 32,
                    ..BatchConfig::default()
                },
                ..RunSettings::new(&self.name(), "unknown", self.preset()?, epochs)
            },
            patience: PATIENCE,
            kept_molecules: None,
            pseudo_labels: None,
            augment: true,
            refit: false,
            gaussian_process: true,
            baseline: true,
            standard_form: StandardForm::Parent,
            wide: None,
            freeze_encoder: false,
            balance: 0.0,
            split: SplitConfig {
                kind: SplitKind::Scaffold,
                folds: 1,
                ..SplitConfig::default()
            },
            duplicates: DuplicatesConfig::default(),
            endpoints,
            labels: 1.0,
        })
    }

    /// A model's name after the file's.
    fn name(&self) -> String {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = file.split('.').next().unwrap_or_default();
        let name: String = stem
            .chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() || "-_".contains(c) => c,
                _ => '-',
            })
            .collect();
        match name.trim_matches('-') {
            "" => "own-table".to_owned(),
            name => name.to_owned(),
        }
    }
}

/// The columns that could hold labels, each with what it holds.
fn candidates(header: &Header, tallies: &[Tally]) -> Vec<String> {
    let columns = header.columns.iter().zip(tallies).enumerate();
    columns
        .filter(|(place, (_, tally))| header.smiles != Some(*place) && tally.is_candidate())
        .map(|(_, (name, tally))| match tally.decide(name, None) {
            Ok(decision) => format!("`{}` ({})", one_line(name), decision.summary),
            Err(_) => format!("`{}` (not only two classes)", one_line(name)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(directory: &Path, text: &str, labels: &[&str]) -> OwnTable {
        let path = directory.join("my assay.csv");
        std::fs::write(&path, text).expect("written");
        let label = |name: &&str| LabelColumn {
            name: (*name).to_owned(),
            unit: "log M".to_owned(),
            ..LabelColumn::default()
        };
        OwnTable {
            path,
            labels: labels.iter().map(label).collect(),
            smiles_column: None,
            start: None,
        }
    }

    const TEXT: &str = "id,Canonical SMILES,pIC50,active,pic50,note\n\
        1,CCO,5.5,yes,1,good\n2,CCC,,no,2,\n3,CCN,>6,yes,3,bad\n4,CCCl,4.5,no,4,\n";

    #[test]
    fn columns_and_tasks_are_found_and_the_run_is_valid() {
        let directory = tempfile::tempdir().expect("a directory");
        let table = table(directory.path(), TEXT, &["pIC50", "ACTIVE"]);
        let found = table.inspect().expect("a table");
        assert_eq!(found.smiles_column.as_deref(), Some("Canonical SMILES"));
        assert_eq!((found.rows, found.missing), (4, vec![1, 0]));
        let said: Vec<&str> = found.labels.iter().map(|d| d.summary.as_str()).collect();
        assert_eq!(
            said,
            [
                "regression: 2 numbers from 4.5 to 5.5",
                "classification: 2 yes, 2 no"
            ]
        );
        let config = found.config;
        assert_eq!(config.check(), Ok(()));
        assert_eq!(
            (config.common.name.as_str(), config.common.epochs),
            ("my-assay", 24.0)
        );
        assert_eq!(config.endpoints[1].label_column, "active");
        assert_eq!(config.endpoints[0].unit, "log M");
        assert_eq!(config.endpoints[1].unit, "");
        assert_eq!(found.data, directory.path());
    }

    #[test]
    fn what_is_wrong_with_a_column_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let error = |labels: &[&str]| {
            let table = table(directory.path(), TEXT, labels);
            table.inspect().expect_err("refused").to_string()
        };
        let text = error(&["pKi"]);
        assert!(
            text.ends_with(
                "the table has `id`, `Canonical SMILES`, `pIC50`, `active`, `pic50`, `note`"
            ),
            "{text}"
        );
        assert!(error(&["PIC50"]).contains("write the name exactly"));
        assert!(error(&["active", "Active"]).contains("twice"));
        assert!(error(&["canonical smiles"]).contains("the molecules"));
        assert!(error(&["note"]).contains("`good` (1)"));
        let text = error(&[]);
        assert!(
            text.contains("`pIC50` (regression: 2 numbers from 4.5 to 5.5); `active` (class"),
            "{text}"
        );
        assert!(
            !text.contains("note") && !text.contains("SMILES` ("),
            "{text}"
        );
    }

    #[test]
    fn tables_are_told_from_configurations_by_their_names() {
        for name in ["a.csv", "a.TSV", "a.smi", "a.sdf", "a.sdf.gz", "a.csv.gz"] {
            assert!(is_table(Path::new(name)), "{name}");
        }
        for name in ["small-delicate", "a.toml", "a"] {
            assert!(!is_table(Path::new(name)), "{name}");
        }
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn the_built_in_encoder_is_what_a_table_starts_from() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut table = table(directory.path(), TEXT, &["active"]);
        table.start = Some(crate::train::BUILT_IN.into());
        let config = table.inspect().expect("a table").config;
        assert_eq!(config.common.preset, Preset::DelicateSmall);
        table.start = Some("absent".into());
        assert!(matches!(table.inspect(), Err(OwnTableError::Start { .. })));
    }
}
