//! What the user gave: a file or pasted text, and the scores of its rows.

use std::cell::RefCell;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use delicate::model::Endpoint;
use delicate::predict::{PredictOptions, Prediction, Progress, Standardization, Stop};
use delicate::records::{
    Columns, Header, OutputFormat, ReadOptions, Reader, Row, RowError, Structure, Writer,
};
use serde::{Deserialize, Serialize};
use tsify::Tsify;
use wasm_bindgen::prelude::{JsCast, JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::engine::{Engine, to_js};
use crate::error::Failure;
use crate::scores::Scores;
use crate::screening::Compared;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, milliseconds: i32);
}

/// One row for the page: the fields of the file and what was made of them, but
/// for its predictions.
#[derive(Serialize, Tsify)]
#[tsify(rename = "Row", missing_as_null)]
struct PageRow<'a> {
    fields: &'a [String],
    error: Option<&'a RowError>,
    standardization: Option<&'a Standardization>,
    #[tsify(type = "RowState")]
    state: State,
}

/// How far a row has come.
#[derive(Serialize, Tsify)]
#[tsify(rename = "RowState")]
#[serde(rename_all = "lowercase")]
enum State {
    Pending,
    Scored,
    Failed,
}

/// The result of a row as [`Table::rows`] gave it.
#[derive(Deserialize)]
struct Restored {
    error: Option<RowError>,
    standardization: Option<Standardization>,
}

/// The molecules of some rows, to be scored elsewhere.
#[derive(Serialize, Deserialize, Tsify)]
#[serde(rename_all = "camelCase")]
enum Given {
    Smiles(String),
    MolBlock(String),
}

type RowResult = Option<Result<Vec<Prediction>, RowError>>;

/// The rows of a file, with their scores as they come in.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Table {
    header: Header,
    pub(crate) rows: Vec<Row>,
    pub(crate) compared: Compared,
    results: RefCell<Vec<RowResult>>,
    /// One entry a row: what was done to its molecule.
    standardizations: RefCell<Vec<Option<Standardization>>>,
    endpoints: RefCell<Vec<Arc<Endpoint>>>,
    /// Why reading ended before the end of the file, if it did.
    fault: Option<String>,
    /// What the reader chose or left out.
    notes: Vec<String>,
}

#[wasm_bindgen]
impl Table {
    /// Reads a file or pasted text; `name` tells its format, or its content
    /// does. Rows before a fault in the file are kept; see [`Table::fault`].
    ///
    /// # Errors
    ///
    /// Where nothing can be read: no text, no column of SMILES.
    pub fn open(
        name: &str,
        bytes: &[u8],
        smiles_column: Option<String>,
        id_column: Option<String>,
    ) -> Result<Table, JsValue> {
        let options = ReadOptions {
            format: None,
            smiles_column,
            id_column,
        };
        let mut reader =
            Reader::open_seekable(Cursor::new(bytes), name, &options).map_err(Failure::from)?;
        let header = reader.header().clone();
        let mut rows: Vec<Row> = Vec::new();
        let mut fault = None;
        for row in reader.by_ref() {
            match row {
                Ok(row) => rows.push(row),
                Err(error) => {
                    fault = Some(error.to_string());
                    break;
                }
            }
        }
        Ok(Self {
            fault,
            notes: reader.notes().iter().map(ToString::to_string).collect(),
            ..Self::new(header, rows)
        })
    }

    /// A table of molecules alone, without fields: those that [`Table::molecules`] gave of
    /// another. A row without a molecule has an error.
    ///
    /// # Errors
    ///
    /// Where they are no such list.
    pub fn of(
        #[wasm_bindgen(unchecked_param_type = "(Given | null)[]")] molecules: JsValue,
    ) -> Result<Table, JsValue> {
        let given: Vec<Option<Given>> = serde_wasm_bindgen::from_value(molecules)
            .map_err(|error| Failure::new("molecules", error))?;
        let rows = (1..).zip(given).map(|(line, given)| Row {
            line,
            fields: Vec::new(),
            molecule: match given {
                Some(Given::Smiles(smiles)) => Ok(Structure::Smiles(smiles)),
                Some(Given::MolBlock(block)) => Ok(Structure::MolBlock(block)),
                None => Err(RowError::new("missing_structure", "there is no molecule")),
            },
        });
        Ok(Self::new(Header::default(), rows.collect()))
    }

    /// Rows of the table.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.rows.len()
    }

    /// Why the rest of the file could not be read, if so.
    #[wasm_bindgen(getter)]
    pub fn fault(&self) -> Option<String> {
        self.fault.clone()
    }

    /// What was chosen, counted or left out while reading, a sentence each.
    #[wasm_bindgen(getter)]
    pub fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// The columns: `{ columns, smiles, id }`.
    ///
    /// # Errors
    ///
    /// Never; the conversion to JavaScript is fallible in its type alone.
    #[wasm_bindgen(unchecked_return_type = "Header")]
    pub fn columns(&self) -> Result<JsValue, JsValue> {
        to_js(&self.header)
    }

    /// The rows from `start` to before `end`, scored or not.
    ///
    /// # Errors
    ///
    /// Never; the conversion to JavaScript is fallible in its type alone.
    #[wasm_bindgen(unchecked_return_type = "Row[]")]
    pub fn rows(&self, start: f64, end: f64) -> Result<JsValue, JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let results = self.results.borrow();
        let standardizations = self.standardizations.borrow();
        let rows: Vec<PageRow<'_>> = self.rows[start..end]
            .iter()
            .zip(&results[start..end])
            .zip(&standardizations[start..end])
            .map(|((row, result), standardization)| {
                let (error, state) = match result {
                    None => (None, State::Pending),
                    Some(Ok(_)) => (None, State::Scored),
                    Some(Err(error)) => (Some(error), State::Failed),
                };
                PageRow {
                    fields: &row.fields,
                    error,
                    standardization: standardization.as_ref(),
                    state,
                }
            })
            .collect();
        to_js(&rows)
    }

    /// The molecules of the rows from `start` to before `end`, for [`Table::of`].
    ///
    /// # Errors
    ///
    /// Where `start` or `end` is no place.
    #[wasm_bindgen(unchecked_return_type = "(Given | null)[]")]
    pub fn molecules(&self, start: f64, end: f64) -> Result<JsValue, JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let given = self.rows[start..end].iter().map(|row| match &row.molecule {
            Ok(Structure::Smiles(smiles)) => Some(Given::Smiles(smiles.clone())),
            Ok(Structure::MolBlock(block)) => Some(Given::MolBlock(block.clone())),
            Err(_) => None,
        });
        to_js(&given.collect::<Vec<_>>())
    }

    /// The predictions of the rows from `start` to before `end`.
    ///
    /// # Errors
    ///
    /// Where `start` or `end` is no place.
    #[wasm_bindgen(unchecked_return_type = "Scores")]
    pub fn scores(&self, start: f64, end: f64) -> Result<JsValue, JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let endpoints = self.endpoints.borrow().len();
        let mut scores = Scores::default();
        for result in &self.results.borrow()[start..end] {
            let predictions = result.as_ref().and_then(|result| result.as_ref().ok());
            scores.push(predictions.map_or(&[], Vec::as_slice), endpoints);
        }
        scores.to_js()
    }

    /// Mol blocks of rows, drawn in two dimensions and in Kekulé form; `null` for
    /// a row whose molecule cannot be read or drawn.
    #[wasm_bindgen(unchecked_return_type = "(string | null)[]")]
    pub fn blocks(&self, rows: Vec<u32>) -> Vec<JsValue> {
        let block = |&row: &u32| {
            let structure = self.rows.get(row as usize)?.molecule.as_ref().ok()?;
            structure.parse().ok()?.to_mol_block("").ok()
        };
        let blocks = rows.iter().map(block);
        blocks
            .map(|block| block.map_or(JsValue::NULL, JsValue::from))
            .collect()
    }

    /// Scores those rows from `start` to before `end` that have no result yet.
    ///
    /// After each batch `on_progress(done, total)` is called and the event
    /// loop gets its turn; `false` ends the run. Rows done by then keep their
    /// scores. Resolves with the number of rows that got a result.
    ///
    /// # Errors
    ///
    /// Where the device fails; rows done by then keep their scores.
    pub async fn score(
        &self,
        engine: &Engine,
        start: f64,
        end: f64,
        #[wasm_bindgen(unchecked_param_type = "(done: number, total: number) => boolean")]
        on_progress: js_sys::Function,
    ) -> Result<usize, JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let scorer = &engine.scorer;
        self.name_endpoints(engine);
        let waiting: Vec<usize> = {
            let results = self.results.borrow();
            (start..end).filter(|&row| results[row].is_none()).collect()
        };
        let rows: Vec<&Row> = waiting.iter().map(|&row| &self.rows[row]).collect();
        let run = scorer.predict(
            &rows,
            PredictOptions::default().uncertainty(true),
            async |progress: Progress| {
                let wish = on_progress.call2(
                    &JsValue::NULL,
                    &progress.done.into(),
                    &progress.total.into(),
                );
                event_loop_turn().await;
                match wish {
                    Ok(wish) if wish.as_bool() == Some(false) => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            },
        );
        let outcome = run.await;
        let mut done = 0;
        {
            let mut results = self.results.borrow_mut();
            let mut standardizations = self.standardizations.borrow_mut();
            let outcomes = outcome.rows.into_iter().zip(outcome.standardizations);
            for (row, (result, standardization)) in waiting.into_iter().zip(outcomes) {
                done += usize::from(result.is_some());
                standardizations[row] = standardization.filter(|_| result.is_some());
                results[row] = result;
            }
        }
        match outcome.stop {
            None | Some(Stop::Cancelled) => Ok(done),
            Some(stop) => Err(Failure::from(stop).into()),
        }
    }

    /// What the prediction of one row rests on: the predictions with their
    /// intervals, domains and nearest training molecules, and the contribution of
    /// every atom, as [`delicate::predict::attribution::Explanation`] has them.
    ///
    /// # Errors
    ///
    /// Where there is no such row, its molecule cannot be scored (`row`), or the
    /// device fails.
    #[wasm_bindgen(unchecked_return_type = "Explanation")]
    pub async fn explain(&self, engine: &Engine, row: f64) -> Result<JsValue, JsValue> {
        let row = place("row", row)?;
        let row = self.rows.get(row).ok_or_else(|| {
            let message = format!("there is no row {row}: the table has {}", self.rows.len());
            Failure::new("row", message)
        })?;
        let explained = engine.scorer.explain(row, PredictOptions::default()).await;
        to_js(&explained.map_err(Failure::from)?)
    }

    /// Takes over results that [`Table::rows`] and [`Table::scores`] gave of an
    /// earlier table of the same file, after its worker was lost: those of the
    /// rows from `start` on; those that are pending stay so.
    ///
    /// # Errors
    ///
    /// Where `results` are not such rows, or `scores` not their predictions.
    pub fn restore(
        &self,
        engine: &Engine,
        start: f64,
        #[wasm_bindgen(unchecked_param_type = "Omit<Row, \"fields\">[]")] results: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Scores")] scores: JsValue,
    ) -> Result<(), JsValue> {
        let start = place("start", start)?;
        let given: Vec<Restored> = serde_wasm_bindgen::from_value(results)
            .map_err(|error| Failure::new("restore", error))?;
        let scores = Scores::from_js(&scores)?;
        self.name_endpoints(engine);
        let endpoints = self.endpoints.borrow();
        let mut results = self.results.borrow_mut();
        let mut standardizations = self.standardizations.borrow_mut();
        let places = results.iter_mut().zip(standardizations.iter_mut());
        for (at, ((result, standardization), row)) in places.skip(start).zip(given).enumerate() {
            *standardization = row.standardization;
            match row.error {
                Some(error) => *result = Some(Err(error)),
                None => {
                    if let Some(predictions) = scores.row(at, &endpoints) {
                        *result = Some(Ok(predictions));
                    }
                }
            }
        }
        Ok(())
    }

    /// Rows as `csv`, `tsv`, `json`, `jsonl` or `sdf`, in the order given; all of
    /// them where none are given. Those that were not scored say so in their error.
    ///
    /// # Errors
    ///
    /// Where the format is none of these.
    pub fn export(
        &self,
        #[wasm_bindgen(
            unchecked_param_type = "\"csv\" | \"tsv\" | \"json\" | \"jsonl\" | \"sdf\""
        )]
        format: &str,
        rows: Option<Vec<u32>>,
    ) -> Result<Vec<u8>, JsValue> {
        let format = match format {
            "csv" => OutputFormat::Csv,
            "tsv" => OutputFormat::Tsv,
            "json" => OutputFormat::Json,
            "jsonl" => OutputFormat::Jsonl,
            "sdf" => OutputFormat::Sdf,
            other => {
                let message = format!("unknown format `{other}`: use csv, tsv, json, jsonl or sdf");
                return Err(Failure::new("format", message).into());
            }
        };
        let rows = match rows {
            Some(rows) => rows.into_iter().map(|row| row as usize).collect(),
            None => (0..self.rows.len()).collect::<Vec<_>>(),
        };
        self.write(format, &rows)
            .map_err(|error| Failure::new("export", error).into())
    }
}

impl Table {
    fn new(header: Header, rows: Vec<Row>) -> Self {
        // A row that could not be read has its result already.
        let results = rows
            .iter()
            .map(|row| row.molecule.as_ref().err().cloned().map(Err))
            .collect();
        Self {
            header,
            standardizations: RefCell::new(vec![None; rows.len()]),
            rows,
            compared: Compared::default(),
            results: RefCell::new(results),
            endpoints: RefCell::default(),
            fault: None,
            notes: Vec::new(),
        }
    }

    /// Scores are those of this engine's model from now on.
    fn name_endpoints(&self, engine: &Engine) {
        *self.endpoints.borrow_mut() = engine.scorer.endpoints().to_vec();
    }

    pub(crate) fn bounds(&self, start: f64, end: f64) -> Result<(usize, usize), Failure> {
        let end = place("end", end)?.min(self.rows.len());
        Ok((place("start", start)?.min(end), end))
    }

    fn write(&self, format: OutputFormat, rows: &[usize]) -> std::io::Result<Vec<u8>> {
        let columns = Columns::Predictions {
            endpoints: self.endpoints.borrow().clone(),
            uncertainty: true,
            percentiles: false,
            properties: false,
        };
        let mut writer = Writer::new(Vec::new(), format, &self.header, columns)?;
        let pending = RowError::new("not_scored", "the row was not scored");
        let standardizations = self.standardizations.borrow();
        let results = self.results.borrow();
        for &at in rows {
            let Some(row) = self.rows.get(at) else {
                continue;
            };
            let result = results[at].as_ref().map_or(Err(&pending), Result::as_ref);
            writer.write(row, standardizations[at].as_ref(), result)?;
        }
        writer.finish()
    }
}

/// A number of JavaScript as a place in the table. Taken as an integer by its
/// binding, -1 would be 4,294,967,295 and 1.5 would be 1.
fn place(name: &str, number: f64) -> Result<usize, Failure> {
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        return Ok(number as usize);
    }
    let message = format!("`{name}` is {number}: it must be a whole number from 0");
    Err(Failure::new("argument", message))
}

/// Lets the worker take its messages, a wish to cancel among them.
async fn event_loop_turn() {
    let turn = js_sys::Promise::new(&mut |resolve, _| set_timeout(resolve.unchecked_ref(), 0));
    // The promise is only ever resolved.
    let _ = JsFuture::from(turn).await;
}
