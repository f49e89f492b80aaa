//! A model on a device, driven by a thread of its own, so that Python can be
//! interrupted and its other threads go on.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use delicate::PredictOptions;
use delicate::chemistry::{self, Keep, Properties};
use delicate::device::{Device, DeviceChoice};
use delicate::model_dir::{ModelDirError, ModelFiles, Precision};
use delicate::predict::attribution::ExplainError;
use delicate::predict::{
    Outcomes, Prediction, Progress, Scorer, StandardForm, Standardization, Stop, properties_all,
    standardize, standardize_all,
};
use delicate::records::{Column, Columns, Frame, Header, Output, RowError, Structure, Values};
use delicate::screening::index::{About, Index, IndexError};
use delicate::screening::{self, Aggregate, Features, Similarity, Top};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::input::Molecules;
use crate::table::Table;
use crate::{DelicateError, DeviceError, EndpointError, ModelError, MoleculeError};

/// Rows that are worked on together, as in the command: the values are its values.
const CHUNK: usize = 1024;

/// Threads, at most: more than any machine has cores for.
const MAX_THREADS: usize = 1024;

/// How long Python waits until it hears of a signal.
const PATIENCE: Duration = Duration::from_millis(50);

/// A molecule, or why there is none.
type Molecule = Result<Structure, RowError>;

/// What a chunk of molecules came to.
struct Computed<T> {
    /// One entry a row, `None` where the run ended before it.
    rows: Vec<Option<Result<T, RowError>>>,
    /// One entry a row: what was done to its molecule.
    standardizations: Vec<Option<Standardization>>,
    /// Why the run ended early, if it did.
    stop: Option<Stop>,
}

impl<T> From<Outcomes<T>> for Computed<T> {
    fn from(outcomes: Outcomes<T>) -> Self {
        Self {
            rows: outcomes.rows,
            standardizations: outcomes.standardizations,
            stop: outcomes.stop,
        }
    }
}

/// The process in which the module was loaded.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// To be called when the module is loaded.
pub(crate) fn remember_process() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
}

/// How molecules are read, and what is computed.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    keep_salts: bool,
    keep_charges: bool,
    augmentations: usize,
    uncertainty: bool,
    percentiles: bool,
    properties: bool,
    endpoints: Option<Vec<String>>,
}

impl Options {
    fn read(&self) -> PyResult<PredictOptions> {
        let count = NonZeroUsize::new(self.augmentations).filter(|it| it.get() <= 1000);
        let count = count.ok_or_else(|| {
            PyValueError::new_err("augmentations must be a whole number from 1 to 1000")
        })?;
        Ok(PredictOptions::default()
            .keep_salts(self.keep_salts)
            .keep_charges(self.keep_charges)
            .augmentations(count)
            .uncertainty(self.uncertainty)
            .percentiles(self.percentiles))
    }
}

/// A model on a device.
#[pyclass(frozen, module = "delicate._native")]
pub(crate) struct Engine {
    scorer: Scorer,
    /// The model that embeds: with the built-in one, another than that which scores.
    embedder: OnceLock<Scorer>,
    is_builtin: bool,
    /// What tells the model that embeds from every other: the SHA-256 of its configuration.
    digest: String,
    /// What was asked for.
    precision: Option<Precision>,
    /// Threads of its own, where their number was asked for.
    pool: Option<ThreadPool>,
    process: u32,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (model, device, threads, precision))]
    fn new(
        py: Python<'_>,
        model: Option<PathBuf>,
        device: &str,
        threads: Option<usize>,
        precision: Option<&str>,
    ) -> PyResult<Self> {
        let precision = precision.map(precision_of).transpose()?;
        let choice = match (device.parse().map_err(device_error)?, precision) {
            // There is only one device for it.
            (DeviceChoice::Auto, Some(Precision::Int8)) => DeviceChoice::Cpu,
            (choice, _) => choice,
        };
        let process = std::process::id();
        let pool = own_threads(threads)?;
        let is_builtin = model.is_none();
        let opened = run(
            py,
            pool.as_ref(),
            |_| -> Result<(Scorer, String), Opening> {
                let name = model
                    .as_deref()
                    .map_or("(built in)".to_owned(), |path| path.display().to_string());
                let files = match &model {
                    Some(path) => ModelFiles::read(path),
                    None => Ok(ModelFiles::embedded()),
                };
                let embeds = match is_builtin {
                    true => Some(ModelFiles::embedded_for_similarity().config),
                    false => files.as_ref().ok().map(|files| files.config.clone()),
                };
                let digest = embeds.map(|config| format!("{:x}", Sha256::digest(&config)));
                let device = Device::open_blocking(choice).map_err(Opening::Device)?;
                let scorer = load(files, device, precision).map_err(|error| error.of(&name))?;
                Ok((scorer, digest.unwrap_or_default()))
            },
        )?;
        let (scorer, digest) = opened.map_err(PyErr::from)?;
        Ok(Self {
            scorer,
            digest,
            embedder: OnceLock::new(),
            is_builtin,
            precision,
            pool,
            process,
        })
    }

    /// The name of the device.
    #[getter]
    fn device(&self) -> &str {
        self.scorer.device().name()
    }

    /// What the encoder computes in.
    #[getter]
    fn precision(&self) -> &'static str {
        self.scorer.precision().name()
    }

    /// Why the device was given up for the CPU, where it was.
    #[getter]
    fn device_lost(&self) -> Option<String> {
        self.scorer.device_lost().map(|reason| reason.to_string())
    }

    /// The name of the model.
    #[getter]
    fn model(&self) -> &str {
        &self.scorer.config().name
    }

    /// Whether it has intervals and an applicability domain.
    #[getter]
    fn is_calibrated(&self) -> bool {
        self.scorer.applicability().is_some()
    }

    /// The endpoints, as JSON.
    fn endpoints(&self) -> PyResult<String> {
        json(&self.scorer.config().endpoints)
    }

    fn score(
        &self,
        py: Python<'_>,
        molecules: &Bound<'_, PyAny>,
        options: Options,
    ) -> PyResult<Table> {
        let read = options.read()?;
        let scorer = self.asked(&options)?;
        if options.uncertainty && scorer.applicability().is_none() {
            return Err(ModelError::new_err(
                "this model has no applicability domain; `delicate finetune` creates one",
            ));
        }
        if options.percentiles && scorer.config().reference.is_none() {
            return Err(ModelError::new_err(
                "this model has no reference molecules for percentiles; `delicate reference` gives \
                 it some",
            ));
        }
        if scorer.endpoints().is_empty() {
            return Err(ModelError::new_err(Stop::NoEndpoints.to_string()));
        }
        let columns = scorer.columns(read);
        let predict = |chunk: &[Molecule], stop: &AtomicBool| {
            let on_batch = async |_: Progress| flow(stop);
            Computed::from(pollster::block_on(scorer.predict(chunk, read, on_batch)))
        };
        let frame = match options.properties {
            false => self.rows(py, molecules, columns, predict)?,
            true => {
                let form = scorer.config().standard_form;
                let columns = columns.with_properties();
                self.rows(py, molecules, columns, |chunk, stop| {
                    with_properties(chunk, predict(chunk, stop), form, read.keep)
                })?
            }
        };
        Ok(Table::new(frame.rows(), frame.into_columns()))
    }

    /// Whether it has molecules that percentiles are among.
    #[getter]
    fn has_reference(&self) -> bool {
        self.scorer.config().reference.is_some()
    }

    fn embed(
        &self,
        py: Python<'_>,
        molecules: &Bound<'_, PyAny>,
        options: Options,
    ) -> PyResult<Table> {
        let read = options.read()?;
        let scorer = self.embedder(py)?;
        let columns = scorer.embedding_columns();
        let frame = self.rows(py, molecules, columns, |chunk, stop| {
            let on_batch = async |_: Progress| flow(stop);
            pollster::block_on(scorer.embed(chunk, read, on_batch)).into()
        })?;
        Ok(Table::new(frame.rows(), frame.into_columns()))
    }

    /// What one molecule's predictions rest on, as JSON.
    fn explain(&self, py: Python<'_>, smiles: &str, options: Options) -> PyResult<String> {
        self.check_process()?;
        let read = options.read()?;
        let scorer = self.asked(&options)?;
        let molecule = Structure::from_cell(smiles, "smiles").map_err(molecule_error)?;
        let explained = run(py, self.pool.as_ref(), |_| {
            pollster::block_on(scorer.explain(&molecule, read))
        })?;
        match explained {
            Ok(explanation) => json(&explanation),
            Err(ExplainError::Row(error)) => Err(molecule_error(error)),
            Err(ExplainError::Stop(stop)) => Err(stopped(stop)),
            Err(other) => Err(DelicateError::new_err(other.to_string())),
        }
    }

    /// The ECFP4 fingerprints, a byte for eight bits, the lowest first; all zero for a
    /// row with an error. And the errors.
    fn fingerprints<'py>(
        &self,
        py: Python<'py>,
        molecules: &Bound<'py, PyAny>,
        options: Options,
    ) -> PyResult<(Bound<'py, PyBytes>, usize, Vec<Option<String>>)> {
        self.check_process()?;
        let keep = options.read()?.keep;
        let molecules = Molecules::of(molecules)?;
        let width = delicate::chemistry::ECFP4.bits;
        let rows = run(py, self.pool.as_ref(), |stop| {
            let mut rows = Vec::with_capacity(molecules.len());
            for start in (0..molecules.len()).step_by(CHUNK) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let chunk = molecules.chunk(start..(start + CHUNK).min(molecules.len()));
                rows.extend(screening::fingerprints(&chunk, keep));
            }
            rows
        })?;
        let bytes = PyBytes::new_with(py, rows.len() * width / 8, |bytes| {
            for (place, row) in bytes.chunks_exact_mut(width / 8).zip(&rows) {
                let words = row.iter().flat_map(|fingerprint| fingerprint.words());
                for (place, word) in place.chunks_exact_mut(8).zip(words) {
                    place.copy_from_slice(&word.to_le_bytes());
                }
            }
            Ok(())
        })?;
        let errors = rows.into_iter().map(|row| row.err().map(|it| it.message));
        Ok((bytes, width, errors.collect()))
    }

    /// The best of a library by its similarity to queries, each with its place (`row`);
    /// and the errors of the queries.
    #[pyo3(signature = (queries, library, top, by, aggregate, options))]
    #[expect(clippy::too_many_arguments, reason = "each is named in Python")]
    fn similar(
        &self,
        py: Python<'_>,
        queries: &Bound<'_, PyAny>,
        library: &Bound<'_, PyAny>,
        top: usize,
        by: &str,
        aggregate: &str,
        options: Options,
    ) -> PyResult<(Table, Vec<Option<String>>)> {
        self.check_process()?;
        let read = options.read()?;
        let by: Similarity = choice("by", by)?;
        let aggregate: Aggregate = choice("aggregate", aggregate)?;
        let queries = Molecules::of(queries)?;
        let library = Molecules::of(library)?;
        let embedder = match by.needs_embeddings() {
            true => Some(self.embedder(py)?),
            false => None,
        };
        let keep = read.keep;
        let ranked = run(py, self.pool.as_ref(), |stop| {
            let featurizer = Featurizer {
                by,
                options: read,
                embedder,
                stop,
            };
            let Queries {
                wanted,
                names,
                errors,
            } = featurizer.queries(&queries)?;
            let mut best = Top::new(top);
            featurizer.each(&library, |structure, features| {
                let compared = features.ok();
                let compared = compared.and_then(|it| it.compare(&wanted, by, aggregate));
                let nearest = compared.map_or(0, |compared| compared.nearest);
                let score = compared.map(|compared| compared.score);
                best.offer(score, (structure.clone(), nearest));
            })?;
            let mut frame = Frame::new(&Header::default(), Columns::Similarity);
            let mut places = Vec::new();
            for hit in best.into_sorted() {
                let (structure, nearest) = &hit.item;
                let similarity = Output::Similarity {
                    value: hit.score as f32,
                    nearest: names.get(*nearest).map_or("", String::as_str),
                };
                frame.push(standardize(structure, keep).ok().as_ref(), Ok(similarity));
                places.push(hit.place as i64);
            }
            frame.put_first("row", places);
            Ok((frame, errors))
        })?;
        let (frame, errors) = ranked.map_err(stopped)?;
        check_queries(&errors)?;
        let table = Table::new(frame.rows(), frame.into_columns());
        Ok((table, errors))
    }

    /// The same of a library that `delicate index` has kept, in one file or several: its
    /// columns come first.
    #[pyo3(signature = (queries, index, top, by, aggregate, options))]
    #[expect(clippy::too_many_arguments, reason = "each is named in Python")]
    fn search(
        &self,
        py: Python<'_>,
        queries: &Bound<'_, PyAny>,
        index: Vec<PathBuf>,
        top: usize,
        by: &str,
        aggregate: &str,
        options: Options,
    ) -> PyResult<Table> {
        self.check_process()?;
        let read = options.read()?;
        let by: Similarity = choice("by", by)?;
        let aggregate: Aggregate = choice("aggregate", aggregate)?;
        let queries = Molecules::of(queries)?;
        let embedder = match by.needs_embeddings() {
            true => Some(self.embedder(py)?),
            false => None,
        };
        let keep = read.keep;
        let found = run(py, self.pool.as_ref(), |stop| -> Result<Table, Searching> {
            let index = Index::open(&index)?;
            let about = match embedder {
                Some(embedder) => About::of_model(by, embedder, &self.digest, keep),
                None => About::new(by, None, StandardForm::Parent, keep),
            };
            index.check(&about, by)?;
            let featurizer = Featurizer {
                by,
                options: read,
                embedder,
                stop,
            };
            let queries = featurizer.queries(&queries)?;
            check_queries(&queries.errors)?;
            let found = index.search(&queries.wanted, by, aggregate, top, |_| flow(stop))?;
            let places: Vec<u64> = found.hits.iter().map(|hit| hit.place).collect();
            let rows = index.rows_at(&places)?;
            let header = index.header();
            let mut frame = Frame::new(header, Columns::Similarity);
            for (hit, row) in found.hits.iter().zip(&rows) {
                let similarity = Output::Similarity {
                    value: hit.score as f32,
                    nearest: queries.names.get(hit.item).map_or("", String::as_str),
                };
                let done = standardize(row, keep).ok();
                frame.push(done.as_ref(), Ok(similarity));
            }
            let mut columns: Vec<Column> = Vec::new();
            for (place, name) in header.columns.iter().enumerate() {
                let cells = rows.iter().map(|row| row.fields.get(place));
                columns.extend(text(
                    name,
                    cells.map(|cell| cell.map_or("", String::as_str)),
                ));
            }
            let name = match header.columns.iter().any(|name| name == "row") {
                true => "delicate_row",
                false => "row",
            };
            frame.put_first(name, places.into_iter().map(|place| place as i64).collect());
            let rows = frame.rows();
            columns.extend(frame.into_columns());
            Ok(Table::new(rows, columns))
        })?;
        found.map_err(PyErr::from)
    }
}

/// Why a search has no result.
enum Searching {
    Index(IndexError),
    Stopped(Stop),
    Python(PyErr),
}

impl From<IndexError> for Searching {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

impl From<Stop> for Searching {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<PyErr> for Searching {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Searching> for PyErr {
    fn from(searching: Searching) -> Self {
        match searching {
            Searching::Index(error) => DelicateError::new_err(error.to_string()),
            Searching::Stopped(stop) => stopped(stop),
            Searching::Python(error) => error,
        }
    }
}

/// A column of text.
fn text<'a>(name: &str, cells: impl Iterator<Item = &'a str>) -> Option<Column> {
    let mut text = String::new();
    let mut offsets = vec![0];
    for cell in cells {
        text.push_str(cell);
        offsets.push(text.len() as i64);
    }
    let rows = offsets.len() - 1;
    let validity = (0..rows.div_ceil(8)).map(|byte| match rows - 8 * byte {
        left @ 1..8 => (1 << left) - 1,
        _ => u8::MAX,
    });
    let validity = validity.collect();
    Column::from_parts(
        name.to_owned(),
        String::new(),
        Values::Text { offsets, text },
        validity,
    )
}

/// Queries, as they are compared.
struct Queries {
    wanted: Vec<Features>,
    /// What each of those is called.
    names: Vec<String>,
    /// An entry for every query, also for those that are not compared.
    errors: Vec<Option<String>>,
}

/// Refuses queries of which none can be compared.
fn check_queries(errors: &[Option<String>]) -> PyResult<()> {
    if errors.is_empty() {
        return Err(MoleculeError::new_err(
            "there is no query: name at least one molecule",
        ));
    }
    if errors.iter().all(Option::is_some) {
        let first = errors.iter().flatten().next().map_or("", String::as_str);
        let message = format!("no query can be read and compared; the first: {first}");
        return Err(MoleculeError::new_err(message));
    }
    Ok(())
}

impl Engine {
    /// Threads and devices are not there any more after a fork, and to wait for them is
    /// to wait for ever.
    fn check_process(&self) -> PyResult<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(DelicateError::new_err(
            "this Scorer was made before the process forked, and its threads stayed behind: make \
             one in each process, or start processes by `spawn`",
        ))
    }

    /// The scorer for the endpoints that are asked for.
    fn asked(&self, options: &Options) -> PyResult<Scorer> {
        let scorer = self.scorer.clone();
        match &options.endpoints {
            None => Ok(scorer),
            Some(names) => scorer
                .only(names)
                .map_err(|error| EndpointError::new_err(error.to_string())),
        }
    }

    /// The scorer that embeds.
    fn embedder(&self, py: Python<'_>) -> PyResult<&Scorer> {
        self.check_process()?;
        if !self.is_builtin {
            return Ok(&self.scorer);
        }
        if let Some(embedder) = self.embedder.get() {
            return Ok(embedder);
        }
        let device = self.scorer.device().clone();
        let opened = run(py, self.pool.as_ref(), |_| {
            load(
                Ok(ModelFiles::embedded_for_similarity()),
                device,
                self.precision,
            )
            .map_err(|error| error.of("(built in)"))
        })?;
        let opened = opened.map_err(PyErr::from)?;
        Ok(self.embedder.get_or_init(|| opened))
    }

    /// What `compute` makes of molecules, a chunk at a time.
    fn rows<T>(
        &self,
        py: Python<'_>,
        molecules: &Bound<'_, PyAny>,
        columns: Columns,
        compute: impl Fn(&[Molecule], &AtomicBool) -> Computed<T> + Send + Sync,
    ) -> PyResult<Frame>
    where
        for<'r> &'r T: Into<Output<'r>>,
    {
        self.check_process()?;
        rows(py, self.pool.as_ref(), molecules, columns, compute)
    }
}

/// What `compute` makes of molecules on threads of `pool`, a chunk at a time.
fn rows<T>(
    py: Python<'_>,
    pool: Option<&ThreadPool>,
    molecules: &Bound<'_, PyAny>,
    columns: Columns,
    compute: impl Fn(&[Molecule], &AtomicBool) -> Computed<T> + Send + Sync,
) -> PyResult<Frame>
where
    for<'r> &'r T: Into<Output<'r>>,
{
    let molecules = Molecules::of(molecules)?;
    let done = run(py, pool, |stop| {
        let mut frame = Frame::new(&Header::default(), columns);
        for start in (0..molecules.len()).step_by(CHUNK) {
            let chunk = molecules.chunk(start..(start + CHUNK).min(molecules.len()));
            let outcomes = compute(&chunk, stop);
            if let Some(stop) = outcomes.stop {
                return Err(stop);
            }
            for (row, done) in outcomes.rows.iter().zip(&outcomes.standardizations) {
                if let Some(row) = row {
                    frame.push(done.as_ref(), row.as_ref());
                }
            }
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Cancelled);
            }
        }
        Ok(frame)
    })?;
    done.map_err(stopped)
}

/// Predictions, and the properties of the molecules that they are for.
fn with_properties(
    molecules: &[Molecule],
    outcomes: Computed<Vec<Prediction>>,
    form: StandardForm,
    keep: Keep,
) -> Computed<(Vec<Prediction>, Properties)> {
    let properties = match outcomes.stop {
        None => properties_all(molecules, form, keep),
        Some(_) => Vec::new(),
    };
    let both = outcomes.rows.into_iter().zip(properties);
    let all = both.map(|(row, properties)| {
        Some(row?.and_then(|predictions| Ok((predictions, properties?.0))))
    });
    Computed {
        rows: all.collect(),
        standardizations: outcomes.standardizations,
        stop: outcomes.stop,
    }
}

/// What a rule of chemistry alone makes of molecules.
fn described<T>(
    py: Python<'_>,
    molecules: &Bound<'_, PyAny>,
    columns: Columns,
    compute: impl Fn(&[Molecule]) -> Vec<Result<(T, Standardization), RowError>> + Send + Sync,
) -> PyResult<Table>
where
    for<'r> &'r T: Into<Output<'r>>,
{
    let pool = own_threads(None)?;
    let frame = rows(py, pool.as_ref(), molecules, columns, |chunk, _| {
        let mut outcomes = Computed {
            rows: Vec::with_capacity(chunk.len()),
            standardizations: Vec::with_capacity(chunk.len()),
            stop: None,
        };
        for one in compute(chunk) {
            let (row, standardization) = match one {
                Ok((value, standardization)) => (Ok(value), Some(standardization)),
                Err(error) => (Err(error), None),
            };
            outcomes.rows.push(Some(row));
            outcomes.standardizations.push(standardization);
        }
        outcomes
    })?;
    Ok(Table::new(frame.rows(), frame.into_columns()))
}

/// The columns of `delicate properties`.
#[pyfunction]
pub(crate) fn properties(
    py: Python<'_>,
    molecules: &Bound<'_, PyAny>,
    options: Options,
) -> PyResult<Table> {
    let keep = options.read()?.keep;
    described(py, molecules, Columns::Properties, |chunk| {
        properties_all(chunk, StandardForm::Parent, keep)
    })
}

/// The columns of `delicate standardize`.
#[pyfunction]
#[pyo3(name = "standardize")]
pub(crate) fn standardize_molecules(
    py: Python<'_>,
    molecules: &Bound<'_, PyAny>,
    options: Options,
) -> PyResult<Table> {
    let keep = options.read()?.keep;
    described(py, molecules, Columns::Standardized, |chunk| {
        let all = standardize_all(chunk, keep).into_iter();
        all.map(|done| done.map(|done| ((), done))).collect()
    })
}

/// A picture of a molecule as SVG.
#[pyfunction]
pub(crate) fn draw(py: Python<'_>, smiles: &str, width: u32, height: u32) -> PyResult<String> {
    let drawn = py.detach(|| chemistry::Molecule::parse(smiles)?.to_svg(width, height));
    drawn.map_err(|error| MoleculeError::new_err(error.to_string()))
}

/// Whether a run goes on.
fn flow(stop: &AtomicBool) -> ControlFlow<()> {
    match stop.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Gives molecules what they are compared by.
struct Featurizer<'a> {
    by: Similarity,
    options: PredictOptions,
    embedder: Option<&'a Scorer>,
    stop: &'a AtomicBool,
}

impl Featurizer<'_> {
    fn queries(&self, queries: &Molecules) -> Result<Queries, Stop> {
        let mut wanted = Vec::new();
        let mut names = Vec::new();
        let mut errors = Vec::with_capacity(queries.len());
        self.each(queries, |structure, features| {
            errors.push(features.as_ref().err().map(|error| error.message.clone()));
            if let (Ok(features), Ok(Structure::Smiles(smiles))) = (features, structure) {
                wanted.push(features);
                names.push(smiles.clone());
            }
        })?;
        Ok(Queries {
            wanted,
            names,
            errors,
        })
    }

    /// Hands on each of `molecules` with its features.
    fn each(
        &self,
        molecules: &Molecules,
        mut take: impl FnMut(&Molecule, Result<Features, RowError>),
    ) -> Result<(), Stop> {
        for start in (0..molecules.len()).step_by(CHUNK) {
            let chunk = molecules.chunk(start..(start + CHUNK).min(molecules.len()));
            let mut embeddings = Vec::new();
            if let Some(embedder) = self.embedder {
                let go_on = async |_: Progress| flow(self.stop);
                let run = embedder.embed(&chunk, self.options, go_on);
                let outcomes = pollster::block_on(run);
                if let Some(stop) = outcomes.stop {
                    return Err(stop);
                }
                embeddings = outcomes.rows;
            }
            let all = screening::features(&chunk, embeddings, self.by, self.options.keep);
            for (structure, features) in chunk.iter().zip(all.into_iter().flatten()) {
                take(structure, features);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(Stop::Cancelled);
            }
        }
        Ok(())
    }
}

/// Runs `work` on a thread of its own, while other threads of Python go on, until it is
/// done or Python was interrupted, which `work` is told.
fn run<T: Send>(
    py: Python<'_>,
    pool: Option<&ThreadPool>,
    work: impl FnOnce(&AtomicBool) -> T + Send,
) -> PyResult<T> {
    run_telling(py, pool, |_: &Infallible| Ok(()), |stop, _| work(stop))
}

/// The same of work that tells of itself: `hear` is called on Python's thread with what
/// `work` sends, and ends it by an error.
pub(crate) fn run_telling<T: Send, E: Send>(
    py: Python<'_>,
    pool: Option<&ThreadPool>,
    hear: impl Fn(&E) -> PyResult<()> + Send + Sync,
    work: impl FnOnce(&AtomicBool, &mpsc::SyncSender<E>) -> T + Send,
) -> PyResult<T> {
    let stop = AtomicBool::new(false);
    py.detach(|| {
        thread::scope(|scope| {
            // It is closed when the work is done, however it ends.
            // Handed over one by one: what `hear` ends goes on by one at most.
            let (tell, told) = mpsc::sync_channel(0);
            let stop = &stop;
            let worker = scope.spawn(move || match pool {
                Some(pool) => pool.install(|| work(stop, &tell)),
                None => work(stop, &tell),
            });
            let mut interrupted = None;
            loop {
                let heard = match told.recv_timeout(PATIENCE) {
                    Ok(_) if interrupted.is_some() => continue,
                    Ok(event) => hear(&event),
                    Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals()),
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                if let (None, Err(error)) = (&interrupted, heard) {
                    stop.store(true, Ordering::Relaxed);
                    interrupted = Some(error);
                }
            }
            let result = worker.join();
            match (interrupted, result) {
                (Some(error), _) => Err(error),
                (None, Ok(result)) => Ok(result),
                (None, Err(panic)) => std::panic::resume_unwind(panic),
            }
        })
    })
}

/// Threads of one's own, where their number was asked for. They do not survive a fork:
/// where there was one, all are made anew.
pub(crate) fn own_threads(threads: Option<usize>) -> PyResult<Option<ThreadPool>> {
    // What rayon reads where nobody says a number. So many it would try to start for ever.
    for name in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
        let said = std::env::var(name).ok().and_then(|it| it.parse().ok());
        if said.is_some_and(|said: usize| said > MAX_THREADS) && threads.is_none() {
            return Err(PyValueError::new_err(format!(
                "the variable {name} asks for more than {MAX_THREADS} threads"
            )));
        }
    }
    let was_forked = PROCESS.load(Ordering::Relaxed) != std::process::id();
    match (threads, was_forked) {
        (None, false) => Ok(None),
        (threads, _) => Ok(Some(pool(threads)?)),
    }
}

fn pool(threads: Option<usize>) -> PyResult<ThreadPool> {
    // Of rayon's builder 0 means "as many as there are".
    if threads.is_some_and(|threads| !(1..=MAX_THREADS).contains(&threads)) {
        return Err(PyValueError::new_err(format!(
            "threads must be a whole number from 1 to {MAX_THREADS}, or None"
        )));
    }
    let builder = ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0));
    let named = builder.thread_name(|number| format!("delicate-{number}"));
    named
        .build()
        .map_err(|error| DelicateError::new_err(format!("no threads can be started: {error}")))
}

/// Why a model is not there.
enum Opening {
    Device(delicate::device::DeviceError),
    Model(ModelDirError),
    /// The same, of the model of this name.
    Named(String, ModelDirError),
}

impl Opening {
    fn of(self, name: &str) -> Self {
        match self {
            Self::Model(error) => Self::Named(name.to_owned(), error),
            other => other,
        }
    }
}

impl From<Opening> for PyErr {
    fn from(error: Opening) -> Self {
        match error {
            Opening::Device(error) => device_error(error),
            Opening::Model(error) => ModelError::new_err(error.to_string()),
            Opening::Named(name, error) => ModelError::new_err(format!("model {name}: {error}")),
        }
    }
}

/// A model on a device whose numbers are those of the CPU; without a precision, in the
/// one that the command takes there.
fn load(
    files: Result<ModelFiles<'_>, ModelDirError>,
    device: Device,
    precision: Option<Precision>,
) -> Result<Scorer, Opening> {
    let scorer = Scorer::load(&files.map_err(Opening::Model)?, device).map_err(Opening::Model)?;
    pollster::block_on(scorer.check_device()).map_err(Opening::Device)?;
    let precision = precision.unwrap_or(match scorer.device().is_fast_in_eight_bits() {
        true => Precision::Int8,
        false => Precision::Fp32,
    });
    match precision {
        Precision::Int8 => scorer.in_eight_bits().map_err(Opening::Device),
        Precision::Fp16 => scorer.in_half_precision().map_err(Opening::Device),
        Precision::Fp32 => Ok(scorer),
    }
}

fn precision_of(name: &str) -> PyResult<Precision> {
    let all = [Precision::Int8, Precision::Fp32, Precision::Fp16];
    let found = all.into_iter().find(|precision| precision.name() == name);
    found.ok_or_else(|| PyValueError::new_err("precision must be int8, fp32, fp16 or None"))
}

pub(crate) fn device_error(error: delicate::device::DeviceError) -> PyErr {
    DeviceError::new_err(error.to_string())
}

fn molecule_error(error: RowError) -> PyErr {
    MoleculeError::new_err(error.message)
}

fn stopped(stop: Stop) -> PyErr {
    match stop {
        Stop::NoEndpoints => ModelError::new_err(stop.to_string()),
        Stop::Device(_) => DeviceError::new_err(stop.to_string()),
        other => DelicateError::new_err(other.to_string()),
    }
}

/// One of several choices, by the name that files and the command have for it.
fn choice<T: DeserializeOwned>(argument: &str, name: &str) -> PyResult<T> {
    serde_json::from_value(name.into())
        .map_err(|error| PyValueError::new_err(format!("{argument}: {error}")))
}

fn json(value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| DelicateError::new_err(error.to_string()))
}
