//! Labelled molecules: tables in, each molecule once.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::{DuplicatesConfig, EndpointConfig};
use super::labels::Cell;
use super::left_out::{Fault, LeftOut};
use super::relations::Relations;
use super::splits::{Fold, Split};
use crate::chemistry::Molecule;
use crate::model::{Endpoint, EndpointTask};
use crate::predict::{StandardForm, Standardized, TREATMENT, Treatment};
use crate::records::{ReadOptions, Reader, RecordsError, RowError, Structure};

/// Why a table of labels cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExamplesError {
    /// It cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no table of molecules.
    #[error("{}: {source}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordsError,
    },
    /// It lacks the column of labels.
    #[error("{}: no column `{wanted}`; it has: {}", path.display(), columns.join(", "))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        wanted: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// Stored examples are not what was written.
    #[error("{}, line {line}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

/// A molecule with its labels, one place an endpoint.
#[derive(Clone, Debug)]
pub struct Example {
    /// The molecule, without salts.
    pub molecule: Molecule,
    /// Canonical SMILES.
    pub smiles: String,
    /// Labels; `None` where the endpoint has none for it.
    pub labels: Vec<Option<f32>>,
    /// Tokens of its canonical Kekulé SMILES.
    pub(crate) tokens: Vec<u32>,
}

/// What a fine-tuning run learns from: its endpoints, the examples, and which of
/// them each fold holds out.
pub(super) struct Dataset {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) examples: Vec<Example>,
    pub(super) folds: Vec<Fold>,
}

impl Dataset {
    /// The molecules of a fold; all of them where `fold` is behind the last.
    pub(super) fn split(&self, fold: usize) -> Split {
        self.folds.get(fold).map_or_else(
            || Split {
                train: (0..self.examples.len()).collect(),
                ..Split::default()
            },
            |fold| fold.split.clone(),
        )
    }
}

/// What merging did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Labels that belong to a molecule with several for one endpoint.
    pub repeated: usize,
    /// Molecules that lost a label because theirs disagreed.
    pub conflicting: usize,
    /// Labels that are a mean of some that lie further apart than one standard
    /// deviation of the endpoint's.
    #[serde(default)]
    pub far_apart: usize,
}

/// What reading a table of labels brought up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRead {
    /// Rows and labels that could not be used.
    pub left_out: Vec<LeftOut>,
    /// What else its user should know, a sentence each.
    pub notes: Vec<String>,
}

struct Entry {
    ready: Standardized,
    smiles: String,
    labels: Vec<Vec<f32>>,
}

/// Collects molecules and labels, merging those that are the same molecule.
pub struct Examples {
    endpoints: usize,
    limit: usize,
    index: HashMap<String, usize>,
    entries: Vec<Entry>,
}

impl Examples {
    /// An empty collection for `endpoints` endpoints and sequences of at most
    /// `limit` tokens.
    pub fn new(endpoints: usize, limit: usize) -> Self {
        Self {
            endpoints,
            limit,
            index: HashMap::new(),
            entries: Vec::new(),
        }
    }

    /// Adds the label of one row.
    ///
    /// # Errors
    ///
    /// Where the row's molecule cannot be scored, and so not be trained on.
    pub fn add(
        &mut self,
        structure: &Structure,
        endpoint: usize,
        label: f32,
    ) -> Result<(), RowError> {
        let place = self.place(structure)?;
        self.entries[place].labels[endpoint].push(label);
        Ok(())
    }

    fn place(&mut self, structure: &Structure) -> Result<usize, RowError> {
        let ready = Standardized::new(structure, TREATMENT, self.limit)?;
        let smiles = ready.molecule().canonical_smiles()?;
        Ok(*self.index.entry(smiles.clone()).or_insert_with(|| {
            self.entries.push(Entry {
                ready,
                smiles,
                labels: vec![Vec::new(); self.endpoints],
            });
            self.entries.len() - 1
        }))
    }

    /// Adds a table of `directory`; what is to be told of it.
    ///
    /// # Errors
    ///
    /// Where the table as a whole cannot be used.
    pub fn add_table(
        &mut self,
        directory: &Path,
        index: usize,
        endpoint: &EndpointConfig,
    ) -> Result<TableRead, ExamplesError> {
        let path = directory.join(&endpoint.file);
        let file = File::open(&path).map_err(|source| ExamplesError::Io {
            path: path.clone(),
            source,
        })?;
        let records = |source| ExamplesError::Records {
            path: path.clone(),
            source,
        };
        let options = ReadOptions {
            smiles_column: endpoint.smiles_column.clone(),
            ..ReadOptions::default()
        };
        let reader =
            Reader::open_seekable(file, &path.to_string_lossy(), &options).map_err(records)?;
        let columns = reader.header().columns.clone();
        let wanted = &endpoint.label_column;
        let mut same = (columns.iter().enumerate()).filter(|(_, name)| *name == wanted);
        let Some((column, _)) = same.next() else {
            return Err(ExamplesError::NoColumn {
                path,
                wanted: wanted.clone(),
                columns,
            });
        };
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut notes = Vec::new();
        let others = same.count();
        if others > 0 {
            let all = others + 1;
            notes.push(format!(
                "{file_name}: {all} columns are called `{wanted}`, and the first of them is read: \
                 rename the one that is meant if it is another"
            ));
        }
        let mut relations = Relations::new(columns.len(), column);
        let mut rounding = Rounding::default();
        let mut left_out = Vec::new();
        for row in reader {
            let row = row.map_err(records)?;
            let cell = row.fields.get(column).map_or("", |cell| cell.trim());
            let label = Cell::read(cell).label(endpoint.task);
            if let (Ok(_), Ok(Some(_))) = (&row.molecule, &label) {
                // A class may well follow from a bound.
                if endpoint.task == EndpointTask::Regression {
                    relations.add(&row.fields);
                }
                rounding.add(cell);
            }
            let fault = match (&row.molecule, label) {
                (Err(error), _) => Some((Fault::Molecule, error.message.clone())),
                (Ok(_), Ok(None)) => None,
                (Ok(structure), Ok(Some(label))) => {
                    let added = self.add(structure, index, label);
                    added.err().map(|error| (Fault::Molecule, error.message))
                }
                (Ok(_), Err(refusal)) => Some((Fault::Label(refusal), refusal.of(cell))),
            };
            if let Some((fault, why)) = fault {
                left_out.push(LeftOut {
                    path: path.clone(),
                    line: row.line,
                    column: matches!(fault, Fault::Label(_)).then(|| wanted.clone()),
                    fault,
                    why,
                });
            }
        }
        notes.extend(relations.note(&file_name, &columns));
        notes.extend(
            rounding
                .note()
                .map(|note| format!("{file_name}, {wanted}: {note}")),
        );
        Ok(TableRead { left_out, notes })
    }

    /// The molecules that have a label, in the order of their canonical SMILES
    /// so that no split depends on the order of tables, and what was merged.
    pub fn finish(
        self,
        kinds: &[EndpointTask],
        duplicates: &DuplicatesConfig,
    ) -> (Vec<Example>, Merged) {
        let mut merged = Merged::default();
        // The largest difference, and that of one standard deviation.
        let bounds: Vec<(f64, f64)> = (0..self.endpoints)
            .map(|endpoint| match kinds.get(endpoint) {
                Some(EndpointTask::Classification) => (0.0, 0.0),
                _ => {
                    let deviation = deviation(&self.entries, endpoint);
                    let bound = match duplicates.bound {
                        // Of labels that are all alike as well.
                        bound if bound.is_infinite() => bound,
                        bound => bound * deviation,
                    };
                    (bound, deviation)
                }
            })
            .collect();
        let mut examples = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            let labels: Vec<Option<f32>> = entry
                .labels
                .iter()
                .zip(&bounds)
                .map(|(labels, &(bound, deviation))| {
                    if labels.len() > 1 {
                        merged.repeated += labels.len();
                    }
                    let (low, high) = range(labels)?;
                    if f64::from(high - low) > bound {
                        merged.conflicting += 1;
                        return None;
                    }
                    merged.far_apart += usize::from(f64::from(high - low) > deviation);
                    let sum: f64 = labels.iter().map(|&label| f64::from(label)).sum();
                    Some((sum / labels.len() as f64) as f32)
                })
                .collect();
            if labels.iter().any(Option::is_some) {
                // From the canonical SMILES, as a run that is resumed reads it: the
                // random ones depend on how a molecule was written.
                let molecule = Molecule::parse(&entry.smiles).unwrap_or(entry.ready.form.molecule);
                examples.push(Example {
                    molecule,
                    smiles: entry.smiles,
                    labels,
                    tokens: entry.ready.tokens,
                });
            }
        }
        examples.sort_by(|a, b| a.smiles.cmp(&b.smiles));
        (examples, merged)
    }
}

/// How far labels are changed by being held in single precision.
#[derive(Default)]
struct Rounding {
    /// The least and the greatest label.
    range: Option<(f64, f64)>,
    /// The largest change.
    change: f64,
}

/// The part of the labels' range by which rounding may change one.
const ROUNDED_PART: f64 = 1e-3;

impl Rounding {
    fn add(&mut self, cell: &str) {
        let Ok(label) = cell.parse::<f64>() else {
            // A word for a class.
            return;
        };
        let (low, high) = self.range.unwrap_or((label, label));
        self.range = Some((low.min(label), high.max(label)));
        self.change = self.change.max((label - f64::from(label as f32)).abs());
    }

    fn note(&self) -> Option<String> {
        let (low, high) = self.range?;
        let range = high - low;
        let is_large = range > 0.0 && self.change > ROUNDED_PART * range;
        is_large.then(|| {
            format!(
                "labels are held in single precision, of about 7 digits, and are rounded by up to \
                 {:.1e}, where all of them lie within {range:.1e}: subtract {low} from each",
                self.change
            )
        })
    }
}

fn range(labels: &[f32]) -> Option<(f32, f32)> {
    let first = *labels.first()?;
    let widen = |(low, high): (f32, f32), &label: &f32| (low.min(label), high.max(label));
    Some(labels.iter().fold((first, first), widen))
}

fn deviation(entries: &[Entry], endpoint: usize) -> f64 {
    let labels: Vec<f64> = entries
        .iter()
        .flat_map(|entry| entry.labels[endpoint].iter().map(|&label| f64::from(label)))
        .collect();
    let n = labels.len().max(1) as f64;
    let mean = labels.iter().sum::<f64>() / n;
    (labels
        .iter()
        .map(|label| (label - mean).powi(2))
        .sum::<f64>()
        / n)
        .sqrt()
}

/// Writes examples as a table: SMILES, then a column an endpoint.
pub(super) fn to_csv(examples: &[Example], endpoints: &[String]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(std::iter::once("smiles").chain(endpoints.iter().map(String::as_str)))?;
    for example in examples {
        let labels = example
            .labels
            .iter()
            .map(|label| label.map_or_else(String::new, |label| label.to_string()));
        writer.write_record(std::iter::once(example.smiles.clone()).chain(labels))?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// Reads what [`to_csv`] wrote, in the same order: molecules in `form`, which stay as
/// they are.
pub(super) fn from_csv(
    path: &Path,
    endpoints: usize,
    form: StandardForm,
    limit: usize,
) -> Result<Vec<Example>, ExamplesError> {
    let damaged = |line: u64, what: String| ExamplesError::Damaged {
        path: path.to_owned(),
        line,
        what,
    };
    let mut reader = csv::Reader::from_path(path).map_err(|error| damaged(1, error.to_string()))?;
    let treatment = Treatment { form, ..TREATMENT };
    let mut examples = Vec::new();
    for (index, row) in reader.records().enumerate() {
        let line = index as u64 + 2;
        let row = row.map_err(|error| damaged(line, error.to_string()))?;
        if row.len() != endpoints + 1 {
            return Err(damaged(
                line,
                format!("{} columns, expected {}", row.len(), endpoints + 1),
            ));
        }
        let structure = Structure::Smiles(row[0].to_owned());
        let ready = Standardized::new(&structure, treatment, limit)
            .map_err(|error| damaged(line, error.message))?;
        let labels = row
            .iter()
            .skip(1)
            .map(|cell| match cell {
                "" => Ok(None),
                cell => cell
                    .parse()
                    .map(Some)
                    .map_err(|_| damaged(line, format!("`{cell}` is not a number"))),
            })
            .collect::<Result<_, _>>()?;
        examples.push(Example {
            molecule: ready.form.molecule,
            smiles: row[0].to_owned(),
            labels,
            tokens: ready.tokens,
        });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(rows: &[(&str, f32)], kind: EndpointTask, bound: f64) -> (Vec<Example>, Merged) {
        let mut examples = Examples::new(1, 128);
        for (smiles, label) in rows {
            let structure = Structure::Smiles((*smiles).to_owned());
            examples.add(&structure, 0, *label).expect("valid");
        }
        examples.finish(&[kind], &DuplicatesConfig { bound })
    }

    #[test]
    fn one_molecule_written_twice_is_one_example_with_the_mean() {
        let rows = [("OCC", 1.0), ("CCO", 2.0), ("CCC", 5.0), ("CCO.Cl", 3.0)];
        let (examples, merged) = collected(&rows, EndpointTask::Regression, f64::MAX);
        assert_eq!(examples.len(), 2);
        assert_eq!(examples[1].labels, [Some(2.0)]);
        assert_eq!((merged.repeated, merged.conflicting), (3, 0));
    }

    #[test]
    fn labels_that_disagree_beyond_the_bound_are_dropped() {
        let rows = [("CCO", 0.0), ("OCC", 10.0), ("CCC", 5.0), ("C", 4.0)];
        let (examples, merged) = collected(&rows, EndpointTask::Regression, 1.0);
        let left: Vec<&str> = examples.iter().map(|e| e.smiles.as_str()).collect();
        assert_eq!(left, ["C", "CCC"]);
        assert_eq!(merged.conflicting, 1);
        let classes = [("CCO", 1.0), ("OCC", 0.0), ("C", 1.0), ("C", 1.0)];
        let (examples, _) = collected(&classes, EndpointTask::Classification, f64::MAX);
        assert_eq!(examples.len(), 1);
        assert_eq!(examples[0].labels, [Some(1.0)]);
    }

    #[test]
    fn labels_that_are_averaged_from_afar_are_counted() {
        let rows = [
            ("CCO", 0.0),
            ("OCC", 10.0),
            ("CCC", 5.0),
            ("CCC", 5.5),
            ("C", 4.0),
        ];
        let bound = DuplicatesConfig::default().bound;
        let (examples, merged) = collected(&rows, EndpointTask::Regression, bound);
        assert_eq!(examples[2].labels, [Some(5.0)]);
        assert_eq!((merged.repeated, merged.conflicting), (4, 0));
        // Of 0 and 10 with a deviation of 3.2, and not of 5 and 5.5.
        assert_eq!(merged.far_apart, 1);
        let (_, merged) = collected(&rows, EndpointTask::Regression, 1.0);
        assert_eq!((merged.conflicting, merged.far_apart), (1, 0));
        // Labels that are all alike have no deviation.
        let (_, merged) = collected(&[("C", 1.0), ("C", 1.0)], EndpointTask::Regression, bound);
        assert_eq!((merged.repeated, merged.far_apart), (2, 0));
    }

    #[test]
    fn labels_that_single_precision_rounds_too_far_are_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let note = |labels: [&str; 3]| {
            let text: String = (labels.iter().zip(["C", "CC", "CCC"]))
                .map(|(label, smiles)| format!("{smiles},{label}\n"))
                .collect();
            let text = format!("smiles,y\n{text}");
            std::fs::write(directory.path().join("a.csv"), text).expect("written");
            let endpoint: EndpointConfig = toml::from_str(
                "name = \"y\"\ntitle = \"Y\"\nfile = \"a.csv\"\nlabel_column = \"y\"",
            )
            .expect("valid");
            let mut examples = Examples::new(1, 128);
            let read = examples.add_table(directory.path(), 0, &endpoint);
            read.expect("a table").notes.join("\n")
        };
        assert_eq!(note(["0.1", "0.2", "5.7"]), "");
        assert_eq!(note(["5", "5", "5"]), "");
        assert_eq!(note(["1e-9", "2e-9", "3e-9"]), "");
        let said = note(["1000.00001", "1000.00002", "1000.00003"]);
        assert!(
            said.contains("a.csv, y: labels are held in single precision"),
            "{said}"
        );
        assert!(said.contains("subtract"), "{said}");
        assert!(note(["16777216", "16777217", "16777218"]).contains("subtract"));
    }

    #[test]
    fn what_a_reader_of_a_table_cannot_know_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let text = "smiles,relation,y,y\nCCO,=,1,5\nCCC,>,2,6\nCCN,>,,7\n";
        std::fs::write(directory.path().join("a.csv"), text).expect("written");
        let endpoint: EndpointConfig =
            toml::from_str("name = \"y\"\ntitle = \"Y\"\nfile = \"a.csv\"\nlabel_column = \"y\"")
                .expect("valid");
        let mut examples = Examples::new(1, 128);
        let read = examples.add_table(directory.path(), 0, &endpoint);
        let TableRead { left_out, notes } = read.expect("a table");
        assert!(left_out.is_empty());
        assert_eq!(notes.len(), 2);
        assert!(
            notes[0].contains("2 columns are called `y`"),
            "{}",
            notes[0]
        );
        assert!(notes[1].contains("1 of its labels"), "{}", notes[1]);

        // A class follows from a bound as well as from a value.
        let text = "smiles,relation,y\nCCO,=,1\nCCC,>,0\nCCN,>,0\n";
        std::fs::write(directory.path().join("a.csv"), text).expect("written");
        let of_classes = EndpointConfig {
            task: EndpointTask::Classification,
            ..endpoint
        };
        let mut examples = Examples::new(1, 128);
        let read = examples.add_table(directory.path(), 0, &of_classes);
        assert_eq!(read.expect("a table"), TableRead::default());
    }

    #[test]
    fn stored_examples_come_back_in_order() {
        let (examples, _) = collected(
            &[("c1ccccc1", 0.1), ("CCO", -3.25)],
            EndpointTask::Regression,
            1e9,
        );
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("examples.csv");
        let bytes = to_csv(&examples, &["x".to_owned()]).expect("written");
        std::fs::write(&path, bytes).expect("written");
        let again = from_csv(&path, 1, TREATMENT.form, 128).expect("read");
        assert_eq!(again.len(), 2);
        for (a, b) in examples.iter().zip(&again) {
            assert_eq!(
                (&a.smiles, &a.labels, &a.tokens),
                (&b.smiles, &b.labels, &b.tokens)
            );
        }
        assert!(from_csv(&path, 2, TREATMENT.form, 128).is_err());
    }
}
