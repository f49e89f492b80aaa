//! Labelled molecules: tables in, each molecule once.

use std::collections::HashMap;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::config::{DuplicatesConfig, EndpointConfig, LabelSource, PseudoLabels, WideConfig};
use super::labels::{Cell, Refusal};
use super::left_out::{self, Fault, LeftOut};
use super::relations::Relations;
use super::splits::{Fold, Split};
use crate::chemistry::{ChemistryError, Molecule};
use crate::model::{Endpoint, EndpointTask, Transform, WideFeatures};
use crate::parallel;
use crate::predict::{StandardForm, Standardized, Treatment};
use crate::records::{ReadOptions, Reader, RecordsError, Row, RowError, Structure};

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
    /// It is no table of molecules, or has no column of labels, or several, of the name asked
    /// for.
    #[error("{}: {source}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordsError,
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
    /// What another model predicts of it, one place an endpoint, in the numbers that are
    /// learnt; empty where there is no such model.
    pub(crate) pseudo_labels: Vec<Option<f32>>,
    /// Tokens of its canonical Kekulé SMILES.
    pub(crate) tokens: Vec<u32>,
}

impl Example {
    /// Whether it has a label.
    pub(crate) fn is_measured(&self) -> bool {
        self.labels.iter().any(Option::is_some)
    }
}

/// What a fine-tuning run learns from: its endpoints, the examples, and which of
/// them each fold holds out.
pub(super) struct Dataset {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) examples: Vec<Example>,
    pub(super) folds: Vec<Fold>,
    /// What the head reads of each example beside the tokens; empty where it reads
    /// nothing.
    pub(super) wide: Vec<WideFeatures>,
    /// Training molecules that a model keeps for each endpoint, as far as there are.
    pub(super) kept: Option<NonZeroUsize>,
}

/// What a head of `config` reads of each example beside the tokens.
///
/// # Errors
///
/// For a molecule without environments or descriptors.
pub(super) fn wide_features(
    examples: &[Example],
    config: Option<&WideConfig>,
) -> Result<Vec<WideFeatures>, ChemistryError> {
    let Some(config) = config else {
        return Ok(Vec::new());
    };
    let read = |example: &Example| WideFeatures::new(&example.molecule, config.buckets);
    parallel::map(examples, read).into_iter().collect()
}

impl Dataset {
    /// The examples that a model of `fold` is measured by, being like them or not: those
    /// that it is trained on and have labels. Of endpoints with more than are kept some
    /// are left out, drawn by a hash of their SMILES.
    pub(super) fn known(&self, fold: usize) -> Vec<usize> {
        let mut known = self.split(fold).train;
        known.retain(|&index| self.examples[index].is_measured());
        let Some(most) = self.kept else {
            return known;
        };
        known.sort_by_cached_key(|&index| Sha256::digest(&self.examples[index].smiles));
        let mut counts = vec![0; self.endpoints.len()];
        known.retain(|&index| {
            let labels = self.examples[index].labels.iter().enumerate();
            let labelled: Vec<usize> = labels
                .filter_map(|(endpoint, label)| label.map(|_| endpoint))
                .collect();
            let wanted = labelled.iter().any(|&place| counts[place] < most.get());
            if wanted {
                labelled.iter().for_each(|&place| counts[place] += 1);
            }
            wanted
        });
        known.sort_unstable();
        known
    }

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

/// A column of labels for one endpoint.
struct Column<'a> {
    endpoint: usize,
    /// Place of the source among those of its endpoint: the first counts most.
    rank: usize,
    task: EndpointTask,
    transform: Transform,
    source: &'a LabelSource,
}

/// A table and the columns of labels that are read of it.
pub struct LabelTable<'a> {
    file: &'a Path,
    smiles_column: Option<&'a str>,
    columns: Vec<Column<'a>>,
}

impl<'a> LabelTable<'a> {
    /// The tables that `endpoints` have labels in, each once, in the order in which
    /// they are named; `sources` holds those of every endpoint.
    pub fn all(endpoints: &[EndpointConfig], sources: &'a [Vec<LabelSource>]) -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        for (index, (endpoint, sources)) in endpoints.iter().zip(sources).enumerate() {
            for (rank, source) in sources.iter().enumerate() {
                let column = Column {
                    endpoint: index,
                    rank,
                    task: endpoint.task,
                    transform: endpoint.transform,
                    source,
                };
                let smiles_column = source.smiles_column.as_deref();
                let same =
                    |t: &&mut Self| t.file == source.file && t.smiles_column == smiles_column;
                match tables.iter_mut().find(same) {
                    Some(table) => table.columns.push(column),
                    None => tables.push(Self {
                        file: &source.file,
                        smiles_column,
                        columns: vec![column],
                    }),
                }
            }
        }
        tables
    }

    /// Its path, relative to the directory of the data.
    pub fn file(&self) -> &Path {
        self.file
    }

    /// How it is read.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            smiles_column: self.smiles_column.map(Into::into),
            ..ReadOptions::default()
        }
    }
}

/// What is to be told of a column of labels.
struct Told {
    relations: Relations,
    rounding: Rounding,
}

struct Entry {
    ready: Standardized,
    smiles: String,
    /// For each endpoint its labels, each with the rank of its source.
    labels: Vec<Vec<(usize, f32)>>,
    /// For each endpoint what another model predicts; empty without one.
    pseudo_labels: Vec<Option<f32>>,
}

/// Collects molecules and labels, merging those that are the same molecule.
pub struct Examples {
    endpoints: usize,
    limit: usize,
    treatment: Treatment,
    index: HashMap<String, usize>,
    entries: Vec<Entry>,
}

/// Rows of a table that are standardised together, on all cores.
const CHUNK: usize = 4096;

/// A table whose errors name it.
struct TableReader<'a> {
    path: &'a Path,
    reader: Reader<File>,
}

impl<'a> TableReader<'a> {
    fn open(path: &'a Path, options: &ReadOptions) -> Result<Self, ExamplesError> {
        let file = File::open(path).map_err(|source| ExamplesError::Io {
            path: path.to_owned(),
            source,
        })?;
        let reader = Reader::open_seekable(file, &path.to_string_lossy(), options);
        reader
            .map(|reader| Self { path, reader })
            .map_err(|source| Self::fault(path, source))
    }

    fn fault(path: &Path, source: RecordsError) -> ExamplesError {
        let path = path.to_owned();
        ExamplesError::Records { path, source }
    }

    fn columns(&self) -> Vec<String> {
        self.reader.header().columns.clone()
    }

    /// The place of the column `wanted` of the table, which lies at `path`.
    fn column(&self, path: &Path, wanted: &str) -> Result<usize, ExamplesError> {
        let place = self.reader.header().column(wanted);
        place.map_err(|source| ExamplesError::Records {
            path: path.to_owned(),
            source,
        })
    }

    /// At most [`CHUNK`] rows; `None` at the end.
    fn next_rows(&mut self) -> Result<Option<Vec<Row>>, ExamplesError> {
        let rows: Result<Vec<_>, _> = self.reader.by_ref().take(CHUNK).collect();
        let rows = rows.map_err(|source| Self::fault(self.path, source))?;
        Ok(Some(rows).filter(|rows| !rows.is_empty()))
    }
}

impl Examples {
    /// An empty collection for `endpoints` endpoints, molecules in `form`, and
    /// sequences of at most `limit` tokens.
    pub fn new(endpoints: usize, form: StandardForm, limit: usize) -> Self {
        Self {
            endpoints,
            limit,
            treatment: form.of_training(),
            index: HashMap::new(),
            entries: Vec::new(),
        }
    }

    /// Adds the label of one row.
    ///
    /// # Errors
    ///
    /// Where the row's molecule cannot be scored, and so not be trained on.
    #[cfg(test)]
    fn add(&mut self, smiles: &str, endpoint: usize, label: f32) -> Result<(), RowError> {
        let ready = self.ready(&Structure::Smiles(smiles.to_owned()))?;
        let place = self.place(ready);
        self.entries[place].labels[endpoint].push((0, label));
        Ok(())
    }

    fn ready(&self, structure: &Structure) -> Result<(Standardized, String), RowError> {
        let ready = Standardized::new(structure, self.treatment, self.limit)?;
        let smiles = ready.molecule().canonical_smiles()?;
        Ok((ready, smiles))
    }

    fn place(&mut self, (ready, smiles): (Standardized, String)) -> usize {
        *self.index.entry(smiles.clone()).or_insert_with(|| {
            self.entries.push(Entry {
                ready,
                smiles,
                labels: vec![Vec::new(); self.endpoints],
                pseudo_labels: Vec::new(),
            });
            self.entries.len() - 1
        })
    }

    /// Adds a table of `directory`; what is to be told of it.
    ///
    /// # Errors
    ///
    /// Where the table as a whole cannot be used.
    pub fn add_table(
        &mut self,
        directory: &Path,
        table: &LabelTable<'_>,
    ) -> Result<TableRead, ExamplesError> {
        let path = directory.join(table.file);
        let mut reader = TableReader::open(&path, &table.options())?;
        let columns = reader.columns();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut read = TableRead::default();
        let mut places = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            places.push(reader.column(&path, &column.source.label_column)?);
        }
        let mut told: Vec<Told> = places
            .iter()
            .map(|&place| Told {
                relations: Relations::new(columns.len(), place),
                rounding: Rounding::default(),
            })
            .collect();
        while let Some(rows) = reader.next_rows()? {
            self.add_rows(&path, &rows, table, &places, &mut told, &mut read);
        }
        for (told, column) in told.iter().zip(&table.columns) {
            let wanted = &column.source.label_column;
            let rounded = told.rounding.note();
            let rounded = rounded.map(|note| format!("{file_name}, {wanted}: {note}"));
            let notes = told.relations.note(&file_name, &columns).into_iter();
            read.notes.extend(notes.chain(rounded));
        }
        Ok(read)
    }

    /// Adds what another model predicts, as a table of `directory` says, whether or not
    /// the molecules have labels; what is to be told of it.
    ///
    /// # Errors
    ///
    /// Where the table as a whole cannot be used.
    pub fn add_pseudo_labels(
        &mut self,
        directory: &Path,
        pseudo_labels: &PseudoLabels,
        endpoints: &[EndpointConfig],
    ) -> Result<TableRead, ExamplesError> {
        let path = directory.join(&pseudo_labels.file);
        let mut reader = TableReader::open(&path, &pseudo_labels.options())?;
        let places: Vec<usize> = endpoints
            .iter()
            .map(|endpoint| reader.column(&path, &endpoint.name))
            .collect::<Result<_, _>>()?;
        let mut read = TableRead::default();
        let mut repeated = 0;
        while let Some(rows) = reader.next_rows()? {
            let ready = parallel::map(&rows, |row| match &row.molecule {
                Err(error) => Err(error.clone()),
                Ok(structure) => self.ready(structure),
            });
            for (row, ready) in rows.iter().zip(ready) {
                let mut left_out = |fault, column: Option<&str>, why: String| {
                    read.left_out.push(LeftOut {
                        path: path.clone(),
                        line: row.line,
                        column: column.map(str::to_owned),
                        fault,
                        why,
                    });
                };
                let place = match ready {
                    Ok(ready) => self.place(ready),
                    Err(error) => {
                        left_out(Fault::Molecule, None, left_out::reason(error));
                        continue;
                    }
                };
                if !self.entries[place].pseudo_labels.is_empty() {
                    repeated += 1;
                    continue;
                }
                let values = endpoints.iter().zip(&places).map(|(endpoint, &place)| {
                    let cell = row.fields.get(place).map_or("", |cell| cell.trim());
                    predicted(cell, endpoint).unwrap_or_else(|refusal| {
                        let why = match refusal {
                            Refusal::NoClass => format!("`{cell}` is no probability, 0 to 1"),
                            refusal => refusal.of(cell),
                        };
                        left_out(Fault::Label(refusal), Some(&endpoint.name), why);
                        None
                    })
                });
                self.entries[place].pseudo_labels = values.collect();
            }
        }
        if repeated > 0 {
            read.notes.push(format!(
                "{}: {repeated} rows are of a molecule that an earlier row is of, and were passed \
                 over",
                path.file_name().unwrap_or_default().to_string_lossy()
            ));
        }
        Ok(read)
    }

    fn add_rows(
        &mut self,
        path: &Path,
        rows: &[Row],
        table: &LabelTable<'_>,
        places: &[usize],
        told: &mut [Told],
        read: &mut TableRead,
    ) {
        let labels_of = |row: &Row| -> Vec<Result<Option<f32>, Refusal>> {
            let columns = table.columns.iter().zip(places);
            columns
                .map(|(column, &place)| {
                    let cell = row.fields.get(place).map_or("", |cell| cell.trim());
                    let label = Cell::read(cell).label(column.task)?;
                    label
                        .map(|label| column.source.learnt(label, column.transform))
                        .transpose()
                })
                .collect()
        };
        let ready = parallel::map(rows, |row| {
            let labels = labels_of(row);
            let labelled = labels.iter().any(|label| matches!(label, Ok(Some(_))));
            // A molecule without a label costs nothing.
            let molecule = match &row.molecule {
                Err(error) => Some(Err(error.clone())),
                Ok(structure) if labelled => Some(self.ready(structure)),
                Ok(_) => None,
            };
            (labels, molecule)
        });
        for (row, (labels, molecule)) in rows.iter().zip(ready) {
            let mut left_out = |fault, column: Option<&str>, why: String| {
                read.left_out.push(LeftOut {
                    path: path.to_owned(),
                    line: row.line,
                    column: column.map(str::to_owned),
                    fault,
                    why,
                });
            };
            let place = match molecule {
                None => None,
                Some(Err(error)) => {
                    left_out(Fault::Molecule, None, left_out::reason(error));
                    continue;
                }
                Some(Ok(ready)) => Some((ready.0.form.has_left_out(), self.place(ready))),
            };
            for (index, label) in labels.into_iter().enumerate() {
                let (column, place_of_cell) = (&table.columns[index], places[index]);
                match (label, place) {
                    (Ok(Some(_)), Some((true, _))) if column.source.parents_only => {
                        let wanted = Some(column.source.label_column.as_str());
                        let why = "the value is of a salt or a mixture, not of its parent";
                        left_out(Fault::Molecule, wanted, why.to_owned());
                    }
                    (Ok(Some(label)), Some((_, place))) => {
                        // A class may well follow from a bound.
                        if column.task == EndpointTask::Regression {
                            told[index].relations.add(&row.fields);
                        }
                        let cell = row.fields.get(place_of_cell);
                        told[index]
                            .rounding
                            .add(cell.map_or("", |cell| cell.trim()));
                        let labels = &mut self.entries[place].labels[column.endpoint];
                        labels.push((column.rank, label));
                    }
                    (Ok(_), _) => {}
                    (Err(refusal), _) => {
                        let cell = row.fields.get(place_of_cell).map_or("", |cell| cell.trim());
                        let wanted = Some(column.source.label_column.as_str());
                        left_out(Fault::Label(refusal), wanted, refusal.of(cell));
                    }
                }
            }
        }
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
                    // Of several sources the first that has the molecule.
                    let first = labels.iter().map(|&(rank, _)| rank).min()?;
                    let of_first = labels.iter().filter(|&&(rank, _)| rank == first);
                    let labels: Vec<f32> = of_first.map(|&(_, label)| label).collect();
                    if labels.len() > 1 {
                        merged.repeated += labels.len();
                    }
                    let (low, high) = range(&labels)?;
                    if f64::from(high - low) > bound {
                        merged.conflicting += 1;
                        return None;
                    }
                    merged.far_apart += usize::from(f64::from(high - low) > deviation);
                    let sum: f64 = labels.iter().map(|&label| f64::from(label)).sum();
                    Some((sum / labels.len() as f64) as f32)
                })
                .collect();
            let predicted = entry.pseudo_labels.iter();
            if labels.iter().chain(predicted).any(Option::is_some) {
                // From the canonical SMILES, as a run that is resumed reads it: the
                // random ones depend on how a molecule was written.
                let molecule = Molecule::parse(&entry.smiles).unwrap_or(entry.ready.form.molecule);
                examples.push(Example {
                    molecule,
                    smiles: entry.smiles,
                    labels,
                    pseudo_labels: entry.pseudo_labels,
                    tokens: entry.ready.tokens,
                });
            }
        }
        examples.sort_by(|a, b| a.smiles.cmp(&b.smiles));
        (examples, merged)
    }
}

/// The number to learn for a prediction of `endpoint`.
fn predicted(cell: &str, endpoint: &EndpointConfig) -> Result<Option<f32>, Refusal> {
    let Some(number) = Cell::read(cell).label(EndpointTask::Regression)? else {
        return Ok(None);
    };
    match endpoint.task {
        EndpointTask::Classification if (0.0..=1.0).contains(&number) => Ok(Some(number)),
        EndpointTask::Classification => Err(Refusal::NoClass),
        EndpointTask::Regression => {
            let learnt = endpoint.transform.forward(number);
            let refused = Err(Refusal::NotPositive);
            if learnt.is_finite() {
                Ok(Some(learnt))
            } else {
                refused
            }
        }
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
        .flat_map(|entry| {
            entry.labels[endpoint]
                .iter()
                .map(|&(_, label)| f64::from(label))
        })
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

/// Writes the labels of examples as a table: SMILES, then a column an endpoint.
pub(super) fn to_csv(examples: &[Example], endpoints: &[String]) -> Result<Vec<u8>, csv::Error> {
    table(examples, endpoints, |example| &example.labels)
}

/// Writes what another model predicts of them in the same form, in the same order.
pub(super) fn pseudo_labels_to_csv(
    examples: &[Example],
    endpoints: &[String],
) -> Result<Vec<u8>, csv::Error> {
    table(examples, endpoints, |example| &example.pseudo_labels)
}

fn table(
    examples: &[Example],
    endpoints: &[String],
    values: impl Fn(&Example) -> &[Option<f32>],
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(std::iter::once("smiles").chain(endpoints.iter().map(String::as_str)))?;
    for example in examples {
        let values = values(example);
        let cells = (0..endpoints.len()).map(|place| match values.get(place) {
            Some(Some(value)) => value.to_string(),
            _ => String::new(),
        });
        writer.write_record(std::iter::once(example.smiles.clone()).chain(cells))?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// The SMILES and numbers of a row of a table that [`table`] wrote.
type StoredRow = (String, Vec<Option<f32>>);

fn stored_rows(
    path: &Path,
    endpoints: usize,
) -> Result<impl Iterator<Item = Result<(u64, StoredRow), ExamplesError>>, ExamplesError> {
    let owned = path.to_owned();
    let damaged = move |line: u64, what: String| ExamplesError::Damaged {
        path: owned.clone(),
        line,
        what,
    };
    let reader = csv::Reader::from_path(path).map_err(|error| damaged(1, error.to_string()))?;
    Ok(reader.into_records().enumerate().map(move |(index, row)| {
        let line = index as u64 + 2;
        let row = row.map_err(|error| damaged(line, error.to_string()))?;
        if row.len() != endpoints + 1 {
            let what = format!("{} columns, expected {}", row.len(), endpoints + 1);
            return Err(damaged(line, what));
        }
        let number = |cell: &str| match cell {
            "" => Ok(None),
            cell => (cell.parse().map(Some))
                .map_err(|_| damaged(line, format!("`{cell}` is not a number"))),
        };
        let numbers = row.iter().skip(1).map(number).collect::<Result<_, _>>()?;
        Ok((line, (row[0].to_owned(), numbers)))
    }))
}

/// Reads what [`to_csv`] wrote, in the same order: molecules in `form`, which stay as
/// they are.
pub(super) fn from_csv(
    path: &Path,
    endpoints: usize,
    form: StandardForm,
    limit: usize,
) -> Result<Vec<Example>, ExamplesError> {
    let mut examples = Vec::new();
    for row in stored_rows(path, endpoints)? {
        let (line, (smiles, labels)) = row?;
        let structure = Structure::Smiles(smiles.clone());
        let ready = Standardized::new(&structure, form.of_training(), limit).map_err(|error| {
            ExamplesError::Damaged {
                path: path.to_owned(),
                line,
                what: error.message,
            }
        })?;
        examples.push(Example {
            molecule: ready.form.molecule,
            smiles,
            labels,
            pseudo_labels: Vec::new(),
            tokens: ready.tokens,
        });
    }
    Ok(examples)
}

/// Reads what [`pseudo_labels_to_csv`] wrote into `examples`.
pub(super) fn read_pseudo_labels(
    path: &Path,
    endpoints: usize,
    examples: &mut [Example],
) -> Result<(), ExamplesError> {
    let mut rows = stored_rows(path, endpoints)?;
    for example in examples {
        let other = |line, found: &str| ExamplesError::Damaged {
            path: path.to_owned(),
            line,
            what: format!("{found} where `{}` is expected", example.smiles),
        };
        let (line, (smiles, values)) = rows.next().ok_or_else(|| other(0, "the end"))??;
        if smiles != example.smiles {
            return Err(other(line, &format!("`{smiles}`")));
        }
        example.pseudo_labels = values;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(rows: &[(&str, f32)], kind: EndpointTask, bound: f64) -> (Vec<Example>, Merged) {
        let mut examples = Examples::new(1, StandardForm::Parent, 128);
        for (smiles, label) in rows {
            examples.add(smiles, 0, *label).expect("valid");
        }
        examples.finish(&[kind], &DuplicatesConfig { bound })
    }

    /// Reads the one table of an endpoint.
    fn read_table(directory: &Path, endpoint: &EndpointConfig) -> TableRead {
        let sources = [endpoint.sources()];
        let tables = LabelTable::all(std::slice::from_ref(endpoint), &sources);
        let mut examples = Examples::new(1, StandardForm::Parent, 128);
        examples.add_table(directory, &tables[0]).expect("a table")
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
            read_table(directory.path(), &endpoint).notes.join("\n")
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
    fn values_of_salts_are_left_out_where_a_source_asks_and_nowhere_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let text = "smiles,s,p\nCCN.Cl,1,2\nCCO,3,4\n";
        std::fs::write(directory.path().join("a.csv"), text).expect("written");
        let endpoint = |column: &str, more: &str| -> EndpointConfig {
            let source = format!("{{ file = \"a.csv\", label_column = \"{column}\"{more} }}");
            toml::from_str(&format!(
                "name = \"{column}\"\ntitle = \"\"\nsources = [{source}]"
            ))
            .expect("valid")
        };
        let endpoints = [endpoint("s", ", parents_only = true"), endpoint("p", "")];
        let sources = endpoints.each_ref().map(EndpointConfig::sources);
        let tables = LabelTable::all(&endpoints, &sources);
        assert_eq!(tables.len(), 1);
        let mut examples = Examples::new(2, StandardForm::Parent, 128);
        let read = examples
            .add_table(directory.path(), &tables[0])
            .expect("a table");
        assert_eq!(read.left_out.len(), 1);
        assert_eq!(read.left_out[0].column.as_deref(), Some("s"));
        let kinds = [EndpointTask::Regression; 2];
        let (examples, _) = examples.finish(&kinds, &DuplicatesConfig::default());
        let labels: Vec<_> = examples.iter().map(|e| (&*e.smiles, &*e.labels)).collect();
        let expected: [(&str, &[Option<f32>]); 2] = [
            ("CCN", &[None, Some(2.0)]),
            ("CCO", &[Some(3.0), Some(4.0)]),
        ];
        assert_eq!(labels, expected);
    }

    #[test]
    fn what_a_reader_of_a_table_cannot_know_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let text = "smiles,relation,y\nCCO,=,1\nCCC,>,2\nCCN,>,\n";
        std::fs::write(directory.path().join("a.csv"), text).expect("written");
        let endpoint: EndpointConfig =
            toml::from_str("name = \"y\"\ntitle = \"Y\"\nfile = \"a.csv\"\nlabel_column = \"y\"")
                .expect("valid");
        let TableRead { left_out, notes } = read_table(directory.path(), &endpoint);
        assert!(left_out.is_empty());
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("1 of its labels"), "{}", notes[0]);

        // A class follows from a bound as well as from a value.
        let text = "smiles,relation,y\nCCO,=,1\nCCC,>,0\nCCN,>,0\n";
        std::fs::write(directory.path().join("a.csv"), text).expect("written");
        let of_classes = EndpointConfig {
            task: EndpointTask::Classification,
            ..endpoint
        };
        let read = read_table(directory.path(), &of_classes);
        assert_eq!(read, TableRead::default());
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
        let again = from_csv(&path, 1, StandardForm::Parent, 128).expect("read");
        assert_eq!(again.len(), 2);
        for (a, b) in examples.iter().zip(&again) {
            assert_eq!(
                (&a.smiles, &a.labels, &a.tokens),
                (&b.smiles, &b.labels, &b.tokens)
            );
        }
        assert!(from_csv(&path, 2, StandardForm::Parent, 128).is_err());
    }
}
