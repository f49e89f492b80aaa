//! What the user gave: a file or pasted text, and the scores of its rows.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use delicate::model::Endpoint;
use delicate::predict::{PredictOptions, Progress, Standardization, Stop};
use delicate::records::{
    ColumnChoice, Columns, Format, Header, Note, OutputFormat, ReadOptions, Reader, Row, RowError,
    Structure, Writer,
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

#[wasm_bindgen(typescript_custom_section)]
const PIECE: &str = r#"
/** What scoring a piece of a table gives. */
export interface Piece {
  results: RowResult[];
  scores: Scores;
}
"#;

/// How far a row has come.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Tsify)]
#[tsify(rename = "RowState")]
#[serde(rename_all = "lowercase")]
enum State {
    Pending,
    Scored,
    Failed,
}

/// Bytes of rows at most: a small archive can hold more than all the memory that a module
/// has, of which what is scored needs a part as well.
const MOST_HELD: usize = 3 << 29;

/// What scoring says of a row beside its predictions.
#[derive(Serialize, Deserialize, Tsify)]
#[tsify(missing_as_null)]
struct RowResult {
    error: Option<RowError>,
    standardization: Option<Standardization>,
    #[tsify(type = "RowState")]
    state: State,
}

/// The molecules of some rows, to be scored elsewhere.
#[derive(Serialize, Deserialize, Tsify)]
#[serde(rename_all = "camelCase")]
enum Given {
    Smiles(String),
    MolBlock(String),
}

/// A column that the page adds to the user's own when it exports.
#[derive(Serialize, Deserialize, Tsify)]
struct AddedColumn {
    name: String,
    /// One a row.
    values: Vec<String>,
}

/// Which columns a file has beside the user's own and those of every file.
#[derive(Serialize, Deserialize, Tsify)]
#[tsify(missing_as_null)]
struct ExportColumns {
    /// After the user's own.
    added: Vec<AddedColumn>,
    /// Places of the endpoints whose value, interval and domain there are; all of them, with
    /// their nearest training molecules, where there is none.
    endpoints: Option<Vec<u32>>,
}

/// What a file could not hold of its rows as they came.
#[derive(Debug, Default, Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
#[tsify(missing_as_null)]
struct NotHeld {
    /// Columns, and what they are called in the file.
    renamed: Vec<(String, String)>,
    /// Molecules of which some stereo is left open.
    open_stereo: u64,
    /// The place in the table of the first of them.
    first_open: Option<usize>,
    /// What else there is to be said, a sentence each.
    others: Vec<String>,
}

#[wasm_bindgen(typescript_custom_section)]
const WRITTEN: &str = r#"
/** Rows as a file, or a part of one. */
export interface Written {
  bytes: Uint8Array;
  notHeld: NotHeld;
}
"#;

/// What is known of the rows that are written, one entry a row.
struct Found<'a> {
    results: &'a [RowResult],
    scores: &'a Scores,
    added: &'a [AddedColumn],
}

/// The rows of a file. What is found of them is handed over and not kept: many rows of
/// many endpoints would fill the memory that a module has.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Table {
    header: Header,
    format: Format,
    pub(crate) rows: Vec<Row>,
    pub(crate) compared: Compared,
    /// Why reading ended before the end of the file, if it did.
    fault: Option<String>,
    /// What the reader chose or left out.
    notes: Vec<String>,
}

#[wasm_bindgen]
impl Table {
    /// Reads a file or pasted text; `name` tells its format, or its content
    /// does. Columns are chosen by their names or by their places, from 0. Rows before a
    /// fault in the file are kept; see [`Table::fault`].
    ///
    /// # Errors
    ///
    /// Where nothing can be read: no text, no column of SMILES.
    pub fn open(
        name: &str,
        bytes: &[u8],
        #[wasm_bindgen(unchecked_param_type = "string | number | undefined")]
        smiles_column: JsValue,
        #[wasm_bindgen(unchecked_param_type = "string | number | undefined")] id_column: JsValue,
    ) -> Result<Table, JsValue> {
        let options = ReadOptions {
            format: None,
            smiles_column: column_choice("smilesColumn", smiles_column)?,
            id_column: column_choice("idColumn", id_column)?,
        };
        let mut reader =
            Reader::open_seekable(Cursor::new(bytes), name, &options).map_err(Failure::from)?;
        let header = reader.header().clone();
        let mut rows: Vec<Row> = Vec::new();
        let mut fault = None;
        let mut held = 0;
        for row in reader.by_ref() {
            match row {
                Ok(row) => {
                    held += size(&row);
                    if held > MOST_HELD {
                        fault = Some(format!(
                            "it needs more memory than a page has: {} rows were read",
                            rows.len()
                        ));
                        break;
                    }
                    rows.push(row);
                }
                Err(error) => {
                    fault = Some(error.to_string());
                    break;
                }
            }
        }
        Ok(Self {
            fault,
            notes: reader.notes().iter().map(ToString::to_string).collect(),
            ..Self::new(header, reader.format(), rows)
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
        Ok(Self::new(Header::default(), Format::Smi, rows.collect()))
    }

    /// Rows of the table.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.rows.len()
    }

    /// `smi` for a list of molecules, `csv` for a table, `sdf` for mol blocks.
    ///
    /// # Errors
    ///
    /// Never; the conversion to JavaScript is fallible in its type alone.
    #[wasm_bindgen(unchecked_return_type = "\"smi\" | \"csv\" | \"sdf\"")]
    pub fn format(&self) -> Result<JsValue, JsValue> {
        to_js(&self.format)
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

    /// The rows from `start` to before `end` as they were read: those that could not be
    /// have failed.
    ///
    /// # Errors
    ///
    /// Never; the conversion to JavaScript is fallible in its type alone.
    #[wasm_bindgen(unchecked_return_type = "Row[]")]
    pub fn rows(&self, start: f64, end: f64) -> Result<JsValue, JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let rows = self.rows[start..end].iter().map(|row| {
            let error = row.molecule.as_ref().err();
            PageRow {
                fields: &row.fields,
                error,
                standardization: None,
                state: error.map_or(State::Pending, |_| State::Failed),
            }
        });
        let rows: Vec<PageRow<'_>> = rows.collect();
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

    /// Mol blocks of rows, drawn in two dimensions and in Kekulé form; `null` for
    /// a row whose molecule cannot be read or drawn.
    #[wasm_bindgen(unchecked_return_type = "(string | null)[]")]
    pub fn blocks(&self, rows: Vec<u32>) -> Vec<JsValue> {
        let block = |&row: &u32| {
            let structure = self.rows.get(row as usize)?.molecule.as_ref().ok()?;
            structure.parse().ok()?.to_mol_block("").ok()
        };
        or_nulls(rows.iter().map(block))
    }

    /// SMILES of rows as they were given: the text itself, or what a mol block draws, with
    /// its stereo, charges and salts; `null` for a row without a molecule.
    #[wasm_bindgen(unchecked_return_type = "(string | null)[]")]
    pub fn smiles(&self, rows: Vec<u32>) -> Vec<JsValue> {
        let smiles = |&row: &u32| {
            let structure = self.rows.get(row as usize)?.molecule.as_ref().ok()?;
            structure.to_smiles().ok()
        };
        or_nulls(rows.iter().map(smiles))
    }

    /// Scores the rows from `start` to before `end`.
    ///
    /// After each batch `on_progress(done, total)` is called and the event
    /// loop gets its turn; `false` ends the run. Resolves with the results: rows that
    /// were not reached are pending.
    ///
    /// # Errors
    ///
    /// Where the device fails.
    #[wasm_bindgen(unchecked_return_type = "Piece")]
    pub async fn score(
        &self,
        engine: &Engine,
        start: f64,
        end: f64,
        #[wasm_bindgen(unchecked_param_type = "(done: number, total: number) => boolean")]
        on_progress: js_sys::Function,
    ) -> Result<JsValue, JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let scorer = &engine.scorer;
        let rows = &self.rows[start..end];
        let run = scorer.predict(
            rows,
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
        if let Some(stop) = outcome.stop
            && !matches!(stop, Stop::Cancelled)
        {
            return Err(Failure::from(stop).into());
        }
        let endpoints = scorer.endpoints().len();
        let mut scores = Scores::default();
        let mut results = Vec::with_capacity(rows.len());
        let outcomes = outcome.rows.into_iter().zip(outcome.standardizations);
        for (result, standardization) in outcomes {
            let (state, error, predictions) = match result {
                None => (State::Pending, None, Vec::new()),
                Some(Ok(predictions)) => (State::Scored, None, predictions),
                Some(Err(error)) => (State::Failed, Some(error), Vec::new()),
            };
            scores.push(&predictions, endpoints);
            results.push(RowResult {
                error,
                standardization: standardization.filter(|_| state != State::Pending),
                state,
            });
        }
        let piece = js_sys::Object::new();
        js_sys::Reflect::set(&piece, &"results".into(), &to_js(&results)?)?;
        js_sys::Reflect::set(&piece, &"scores".into(), &scores.to_js()?)?;
        Ok(piece.into())
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

    /// Rows as `csv`, `tsv`, `json`, `jsonl` or `sdf`, in the order given, with what
    /// [`Table::score`] gave of each. Those that were not scored say so in their error. With
    /// the file comes what it could not hold of them.
    ///
    /// # Errors
    ///
    /// Where the format is none of these, an endpoint is none of the model's, or `results`,
    /// `scores` and `columns` are not of so many rows.
    #[wasm_bindgen(unchecked_return_type = "Written")]
    pub fn export(
        &self,
        engine: &Engine,
        #[wasm_bindgen(
            unchecked_param_type = "\"csv\" | \"tsv\" | \"json\" | \"jsonl\" | \"sdf\""
        )]
        format: &str,
        rows: Vec<u32>,
        #[wasm_bindgen(unchecked_param_type = "RowResult[]")] results: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Scores")] scores: JsValue,
        #[wasm_bindgen(unchecked_param_type = "ExportColumns")] columns: JsValue,
    ) -> Result<JsValue, JsValue> {
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
        let results: Vec<RowResult> = serde_wasm_bindgen::from_value(results)
            .map_err(|error| Failure::new("export", error))?;
        let scores = Scores::from_js(&scores)?;
        if results.len() != rows.len() {
            let message = format!("{} results for {} rows", results.len(), rows.len());
            return Err(Failure::new("export", message).into());
        }
        let ExportColumns { added, endpoints } = serde_wasm_bindgen::from_value(columns)
            .map_err(|error| Failure::new("export", error))?;
        if let Some(other) = added.iter().find(|one| one.values.len() != rows.len()) {
            let message = format!("{} values of {}", other.values.len(), other.name);
            return Err(Failure::new("export", message).into());
        }
        let found = Found {
            results: &results,
            scores: &scores,
            added: &added,
        };
        let all = engine.scorer.endpoints();
        if let Some(other) = (endpoints.iter().flatten()).find(|&&at| at as usize >= all.len()) {
            let message = format!("there is no endpoint {other}: there are {}", all.len());
            return Err(Failure::new("export", message).into());
        }
        let (bytes, not_held) = self
            .write(format, all, endpoints.as_deref(), &rows, &found)
            .map_err(|error| Failure::new("export", error))?;
        let written = js_sys::Object::new();
        let bytes = js_sys::Uint8Array::from(&bytes[..]);
        js_sys::Reflect::set(&written, &"bytes".into(), &bytes)?;
        js_sys::Reflect::set(&written, &"notHeld".into(), &to_js(&not_held)?)?;
        Ok(written.into())
    }
}

impl Table {
    fn new(header: Header, format: Format, rows: Vec<Row>) -> Self {
        Self {
            header,
            format,
            rows,
            compared: Compared::default(),
            fault: None,
            notes: Vec::new(),
        }
    }

    pub(crate) fn bounds(&self, start: f64, end: f64) -> Result<(usize, usize), Failure> {
        let end = place("end", end)?.min(self.rows.len());
        Ok((place("start", start)?.min(end), end))
    }

    fn write(
        &self,
        format: OutputFormat,
        endpoints: &[Arc<Endpoint>],
        chosen: Option<&[u32]>,
        rows: &[u32],
        &Found {
            results,
            scores,
            added,
        }: &Found<'_>,
    ) -> std::io::Result<(Vec<u8>, NotHeld)> {
        let places = 0..endpoints.len();
        let is_chosen = |at: &usize| chosen.is_none_or(|them| them.contains(&(*at as u32)));
        let places: Vec<usize> = places.filter(is_chosen).collect();
        let columns = Columns::Predictions {
            endpoints: places.iter().map(|&at| endpoints[at].clone()).collect(),
            uncertainty: true,
            nearest: chosen.is_none(),
            percentiles: false,
            properties: false,
        };
        let mut header = self.header.clone();
        header
            .columns
            .extend(added.iter().map(|column| column.name.clone()));
        let mut writer = Writer::new(Vec::new(), format, &header, columns)?;
        let pending = RowError::new("not_scored", "the row was not scored");
        for (at, (&row, found)) in rows.iter().zip(results).enumerate() {
            let Some(row) = self.rows.get(row as usize) else {
                continue;
            };
            let predictions = match found.state {
                State::Scored => scores.row(at, endpoints, &places),
                State::Pending | State::Failed => None,
            };
            let error = found.error.as_ref().unwrap_or(&pending);
            let result = predictions.as_ref().ok_or(error);
            let mut row = row.clone();
            row.fields
                .extend(added.iter().map(|column| column.values[at].clone()));
            writer.write(&row, found.standardization.as_ref(), result)?;
        }
        let not_held = self.not_held(writer.notes(), rows);
        Ok((writer.finish()?, not_held))
    }

    /// What a writer of these rows says, with places of the table for lines of the file.
    fn not_held(&self, notes: Vec<Note>, rows: &[u32]) -> NotHeld {
        let mut found = NotHeld::default();
        for note in notes {
            match note {
                Note::RenamedItems { renamed } => found.renamed = renamed,
                Note::StereoNotDrawn { molecules, line } => {
                    let places = rows.iter().map(|&row| row as usize);
                    let is_first =
                        |&row: &usize| self.rows.get(row).is_some_and(|it| it.line == line);
                    found.open_stereo = molecules;
                    found.first_open = places.into_iter().find(is_first);
                }
                other => found.others.push(other.to_string()),
            }
        }
        found
    }
}

/// The column that JavaScript asks for, if any, by name or place.
fn column_choice(name: &str, wanted: JsValue) -> Result<Option<ColumnChoice>, Failure> {
    let choice: Result<Option<ColumnChoice>, _> = serde_wasm_bindgen::from_value(wanted);
    choice.map_err(|_| {
        let message = format!("`{name}` must be the name of a column or its place from 0");
        Failure::new("argument", message)
    })
}

/// Texts for JavaScript, `null` where there is none.
fn or_nulls(texts: impl Iterator<Item = Option<String>>) -> Vec<JsValue> {
    let texts = texts.map(|text| text.map_or(JsValue::NULL, JsValue::from));
    texts.collect()
}

/// About how many bytes a row takes.
fn size(row: &Row) -> usize {
    let fields = row
        .fields
        .iter()
        .map(|field| field.len() + size_of::<String>());
    // The molecule is a field once more, or a mol block beside them.
    let molecule = match &row.molecule {
        Ok(Structure::Smiles(text) | Structure::MolBlock(text)) => text.len(),
        Err(error) => error.message.len(),
    };
    size_of::<Row>() + fields.sum::<usize>() + molecule
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
