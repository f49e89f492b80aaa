//! Rows out with what was computed of them, as a table, as JSON or as SDF.
//!
//! The user's text is written as it was read, also where a spreadsheet would
//! take it for a formula (`=…`, `@…`): SMILES such as `=O` and `-1` are data,
//! and a file that changes on its way through is worse than one that Excel
//! asks about.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use super::{Header, Note, Row, RowError};
#[cfg(feature = "properties")]
use crate::chemistry::Properties;
use crate::model::Endpoint;
use crate::predict::{Prediction, Standardization};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OutputFormat {
    /// Comma-separated, with a header line.
    Csv,
    /// Tab-separated, with a header line.
    Tsv,
    /// One array of objects.
    Json,
    /// One object a line.
    Jsonl,
    /// SDF: the structure as it came, the user's data items, then ours.
    #[cfg(feature = "drawing")]
    Sdf,
}

/// What each row carries next to the user's columns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Columns {
    /// A prediction for each of these endpoints.
    Predictions {
        /// The endpoints, in order.
        endpoints: Vec<Arc<Endpoint>>,
        /// Whether interval and domain are written. Of a class there is no interval, and no
        /// column of one.
        uncertainty: bool,
        /// Whether the nearest training molecule is written.
        nearest: bool,
        /// Whether it is written where each value stands among the model's reference
        /// molecules.
        percentiles: bool,
        /// Whether the molecule's properties follow, for
        /// [`Output::PredictionsAndProperties`].
        properties: bool,
    },
    /// An embedding of this many dimensions.
    Embedding(usize),
    /// What molecules are compared by, for files of columns alone: its bytes, where it is
    /// there.
    Features {
        /// Bytes of an embedding.
        embedding: Option<usize>,
        /// Bytes of a fingerprint.
        fingerprint: Option<usize>,
    },
    /// The standardised molecule alone.
    Standardized,
    /// The standardised molecule and its properties.
    #[cfg(feature = "properties")]
    Properties,
    /// A similarity, and the query that is nearest. Only rows that have one are written:
    /// there is no column of errors.
    Similarity,
}

impl Columns {
    /// The columns of a table that has these beside those of `header`.
    pub fn names(&self, header: &Header) -> Vec<String> {
        let layout = Layout::new(header, self.clone());
        layout.csv_header().map(str::to_owned).collect()
    }

    /// Whether the columns of properties are among them.
    #[cfg(feature = "properties")]
    pub(super) fn has_properties(&self) -> bool {
        match self {
            Self::Properties => true,
            Self::Predictions { properties, .. } => *properties,
            _ => false,
        }
    }

    /// The same, with the molecule's properties after its predictions.
    #[cfg(feature = "properties")]
    #[must_use]
    pub fn with_properties(mut self) -> Self {
        if let Self::Predictions { properties, .. } = &mut self {
            *properties = true;
        }
        self
    }
}

/// The result of one row.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Output<'a> {
    /// One prediction an endpoint, for [`Columns::Predictions`].
    Predictions(&'a [Prediction]),
    /// As long as [`Columns::Embedding`] says.
    Embedding(&'a [f32]),
    /// For [`Columns::Similarity`].
    Similarity {
        /// The similarity.
        value: f32,
        /// What the nearest query is called; nothing where it is not told.
        nearest: &'a str,
    },
    /// For [`Columns::Features`].
    Features {
        /// The embedding, rounded.
        embedding: Option<&'a [u8]>,
        /// The fingerprint.
        fingerprint: Option<&'a [u8]>,
    },
    /// For [`Columns::Standardized`].
    Nothing,
    /// For [`Columns::Properties`].
    #[cfg(feature = "properties")]
    Properties(&'a Properties),
    /// One prediction an endpoint and properties, for [`Columns::Predictions`] that have
    /// both.
    #[cfg(feature = "properties")]
    PredictionsAndProperties(&'a [Prediction], &'a Properties),
}

impl<'a> Output<'a> {
    /// Whether it is of predictions or properties, of one number or text a column.
    pub(super) fn has_cells(self) -> bool {
        match self {
            Self::Predictions(_) => true,
            #[cfg(feature = "properties")]
            Self::Properties(_) | Self::PredictionsAndProperties(..) => true,
            _ => false,
        }
    }

    pub(super) fn predictions(self) -> Option<&'a [Prediction]> {
        match self {
            Self::Predictions(predictions) => Some(predictions),
            #[cfg(feature = "properties")]
            Self::PredictionsAndProperties(predictions, _) => Some(predictions),
            _ => None,
        }
    }

    #[cfg(feature = "properties")]
    pub(super) fn properties(self) -> Option<&'a Properties> {
        match self {
            Self::Properties(all) | Self::PredictionsAndProperties(_, all) => Some(all),
            _ => None,
        }
    }
}

#[cfg(feature = "properties")]
impl<'a> From<&'a Properties> for Output<'a> {
    fn from(properties: &'a Properties) -> Self {
        Self::Properties(properties)
    }
}

#[cfg(feature = "properties")]
impl<'a> From<&'a (Vec<Prediction>, Properties)> for Output<'a> {
    fn from((predictions, properties): &'a (Vec<Prediction>, Properties)) -> Self {
        Self::PredictionsAndProperties(predictions, properties)
    }
}

impl From<()> for Output<'_> {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<&()> for Output<'_> {
    fn from((): &()) -> Self {
        Self::Nothing
    }
}

impl<'a> From<&'a Vec<Prediction>> for Output<'a> {
    fn from(predictions: &'a Vec<Prediction>) -> Self {
        Self::Predictions(predictions)
    }
}

impl<'a> From<&'a Vec<f32>> for Output<'a> {
    fn from(embedding: &'a Vec<f32>) -> Self {
        Self::Embedding(embedding)
    }
}

impl From<f32> for Output<'_> {
    fn from(similarity: f32) -> Self {
        Self::Similarity {
            value: similarity,
            nearest: "",
        }
    }
}

/// The column of the nearest query of a similarity.
const NEAREST_QUERY: &str = "nearest_query";

/// What is written of a prediction, a column each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Value,
    Low,
    High,
    Domain,
    DomainReason,
    Similarity,
    Nearest,
    Measured,
    Percentile,
}

impl Part {
    /// All of them, in the order of their columns.
    const ALL: [Self; 9] = [
        Self::Value,
        Self::Low,
        Self::High,
        Self::Domain,
        Self::DomainReason,
        Self::Similarity,
        Self::Nearest,
        Self::Measured,
        Self::Percentile,
    ];

    /// Those that `columns` have of an endpoint: what it never has gets no column.
    pub(super) fn of<'a>(
        columns: &Columns,
        endpoint: &'a Endpoint,
    ) -> impl Iterator<Item = Self> + use<'a> {
        let (uncertainty, nearest, percentiles) = match columns {
            Columns::Predictions {
                uncertainty,
                nearest,
                percentiles,
                ..
            } => (*uncertainty, *nearest, *percentiles),
            _ => (false, false, false),
        };
        Self::ALL.into_iter().filter(move |part| match part {
            Self::Value => true,
            Self::Low | Self::High => uncertainty && endpoint.has_intervals(),
            Self::Domain => uncertainty,
            Self::DomainReason => uncertainty && endpoint.requires.is_some(),
            Self::Similarity | Self::Nearest | Self::Measured => nearest,
            Self::Percentile => percentiles,
        })
    }

    /// What ends the name of its column, after the endpoint.
    fn end(self) -> &'static str {
        match self {
            Self::Value => "",
            Self::Low => "_low",
            Self::High => "_high",
            Self::Domain => "_domain",
            Self::DomainReason => "_domain_reason",
            Self::Similarity => "_similarity",
            Self::Nearest => "_nearest",
            Self::Measured => "_nearest_measured",
            Self::Percentile => "_percentile",
        }
    }

    /// What a prediction has in it, as text; empty where it has nothing.
    fn text(self, prediction: &Prediction) -> String {
        let nearest = prediction.nearest.as_ref();
        let text = match self {
            Self::Value => Some(number(prediction.value)),
            Self::Low => prediction.interval.map(|interval| number(interval.low)),
            Self::High => prediction.interval.map(|interval| number(interval.high)),
            Self::Domain => prediction.domain.map(|domain| domain.name().to_owned()),
            Self::DomainReason => prediction.domain_reason().map(str::to_owned),
            Self::Similarity => nearest.map(|nearest| format!("{:.3}", nearest.similarity)),
            Self::Nearest => nearest.map(|nearest| nearest.smiles.clone()),
            Self::Measured => nearest.and_then(|nearest| nearest.measured).map(number),
            Self::Percentile => {
                let percentile = prediction.percentile().and_then(percentage);
                percentile.map(|percentile| percentile.to_string())
            }
        };
        text.unwrap_or_default()
    }
}

/// A number as CSV has it; empty where it is none.
fn number(value: f32) -> String {
    shortest(value).map_or_else(String::new, |number| number.to_string())
}

/// The names under which a row's parts are written, settled once for a file.
///
/// The user's columns come first, unchanged and in order. Ours that share a
/// name with one of them get the prefix `delicate_`, an endpoint's columns all together.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    names: Vec<String>,
    /// The names again, made unique (`name`, `name_2`) for JSON's keys.
    keys: Vec<String>,
    columns: Columns,
    /// Column and key of the molecules as they were drawn, before the user's: where the
    /// structures are mol blocks, no column of theirs has it.
    drawn: Option<String>,
    /// The user's column that is the title of a mol block.
    #[cfg(feature = "drawing")]
    title: Option<usize>,
    /// What the data items of an SDF are called. The first column of a file of mol blocks,
    /// their title, is none.
    #[cfg(feature = "drawing")]
    items: Vec<String>,
    standardized_key: String,
    error_key: Option<String>,
    /// Key of `scores`, `embedding` or `similarity`, where there is one.
    pub(super) output_key: Option<String>,
    /// Key of the properties, where there are any.
    #[cfg(feature = "properties")]
    properties_key: Option<String>,
    /// Key of the nearest query, beside a similarity.
    nearest_key: Option<String>,
    /// CSV columns of the predictions, of the embedding's dimensions or of the
    /// similarity.
    pub(super) output_columns: Vec<String>,
    /// CSV columns of the standardised molecule and of what that changed.
    pub(super) standardized_columns: [String; 2],
    pub(super) error_column: Option<String>,
}

/// The names, made unique beside those that are taken.
fn unique(names: &[String], taken: &mut HashSet<String>) -> Vec<String> {
    // The number that each name's next duplicate tries first: a sheet may have
    // thousands of columns without a name.
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut keys = Vec::with_capacity(names.len());
    for name in names {
        let mut key = name.clone();
        if let Some(number) = next.get_mut(name.as_str()) {
            while !taken.insert(key.clone()) {
                key = format!("{name}_{number}");
                *number += 1;
            }
        } else {
            next.insert(name, 2);
        }
        keys.push(key);
    }
    keys
}

impl Layout {
    pub(super) fn new(header: &Header, columns: Columns) -> Self {
        let names = header.columns.clone();
        // Every name the user has is taken from the start, so that a second
        // `name` becomes `name_3` where `name_2` is the user's as well.
        let mut taken = names.iter().cloned().collect::<HashSet<_>>();
        let keys = unique(&names, &mut taken);
        let is_drawn = header.smiles.is_none();
        let drawn = is_drawn.then(|| ours(DRAWN, &mut taken));
        let has_errors = columns != Columns::Similarity;
        let error_key = has_errors.then(|| ours("error", &mut taken));
        let kind = match &columns {
            Columns::Predictions { .. } => Some("scores"),
            Columns::Embedding(_) => Some("embedding"),
            Columns::Similarity => Some("similarity"),
            Columns::Features { .. } | Columns::Standardized => None,
            #[cfg(feature = "properties")]
            Columns::Properties => None,
        };
        #[cfg(feature = "properties")]
        let has_properties = columns.has_properties();
        let output_key = kind.map(|kind| ours(kind, &mut taken));
        #[cfg(feature = "properties")]
        let properties_key = has_properties.then(|| ours("properties", &mut taken));
        let is_similarity = columns == Columns::Similarity;
        let nearest_key = is_similarity.then(|| ours(NEAREST_QUERY, &mut taken));
        let standardized_key = ours("standardized", &mut taken);

        let mut taken = names.iter().cloned().collect::<HashSet<_>>();
        taken.extend(drawn.clone());
        #[cfg_attr(
            not(feature = "properties"),
            allow(unused_mut, reason = "nothing follows")
        )]
        let mut output_columns: Vec<String> = match &columns {
            Columns::Predictions { endpoints, .. } => {
                let mut named = Vec::new();
                for endpoint in endpoints {
                    // What belongs together is called alike.
                    let mut name = endpoint.name.clone();
                    let all = |name: &str| -> Vec<String> {
                        Part::of(&columns, endpoint)
                            .map(|part| format!("{name}{}", part.end()))
                            .collect()
                    };
                    while all(&name).iter().any(|column| taken.contains(column)) {
                        name.insert_str(0, PREFIX);
                    }
                    taken.extend(all(&name));
                    named.extend(all(&name));
                }
                named
            }
            Columns::Embedding(dimensions) => (0..*dimensions)
                .map(|dimension| ours(&format!("embedding_{dimension}"), &mut taken))
                .collect(),
            Columns::Similarity => {
                let names = ["similarity", NEAREST_QUERY];
                names.map(|name| ours(name, &mut taken)).to_vec()
            }
            Columns::Features {
                embedding,
                fingerprint,
            } => {
                let all = [(embedding, "embedding"), (fingerprint, "ecfp4")];
                let all = all.into_iter().filter(|(width, _)| width.is_some());
                all.map(|(_, name)| ours(name, &mut taken)).collect()
            }
            Columns::Standardized => Vec::new(),
            #[cfg(feature = "properties")]
            Columns::Properties => Vec::new(),
        };
        #[cfg(feature = "properties")]
        if has_properties {
            let named = Properties::NAMES.iter();
            output_columns.extend(named.map(|name| ours(name, &mut taken)));
        }
        let standardized_columns = STANDARDIZED.map(|name| ours(name, &mut taken));
        let error_column = has_errors.then(|| ours("error", &mut taken));
        #[cfg(feature = "drawing")]
        let items = {
            let ours = output_columns.iter().chain(&standardized_columns);
            let all = names.iter().chain(ours.chain(&error_column));
            let numbered = (1..).zip(all.map(String::as_str));
            super::sdf_out::item_names(numbered.skip(usize::from(is_drawn)))
        };
        Self {
            names,
            keys,
            columns,
            drawn,
            #[cfg(feature = "drawing")]
            title: header.id,
            #[cfg(feature = "drawing")]
            items,
            standardized_key,
            error_key,
            output_key,
            #[cfg(feature = "properties")]
            properties_key,
            nearest_key,
            output_columns,
            standardized_columns,
            error_column,
        }
    }

    /// The column of molecules as they were drawn, and the user's names, made unique.
    #[cfg(all(feature = "parquet", not(target_family = "wasm")))]
    pub(super) fn into_keys(self) -> (Option<String>, Vec<String>) {
        (self.drawn, self.keys)
    }

    /// One row as a JSON object; see [`Writer`].
    fn object(
        &self,
        row: &Row,
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) -> Value {
        let mut object = Map::new();
        if let Some(key) = &self.drawn {
            object.insert(key.clone(), json!(drawn_smiles(row, standardization)));
        }
        for (index, key) in self.keys.iter().enumerate() {
            let field = row.fields.get(index).map_or("", String::as_str);
            object.insert(key.clone(), field.into());
        }
        if let Some(key) = &self.error_key {
            let error = result.err().map_or(Value::Null, |error| {
                json!({
                    "message": error.message,
                    "reason": error.reason,
                    "position": error.position,
                })
            });
            object.insert(key.clone(), error);
        }
        let output = match result {
            Ok(Output::Embedding(values)) => values.iter().map(|&value| shortest(value)).collect(),
            Ok(Output::Similarity { value, .. }) => {
                shortest(value).map_or(Value::Null, Value::Number)
            }
            Ok(output) => output.predictions().map_or(Value::Null, |predictions| {
                let all = predictions.iter();
                let all = all.map(|one| (one.endpoint().to_owned(), self.prediction(one)));
                all.collect::<Map<_, _>>().into()
            }),
            Err(_) => Value::Null,
        };
        if let Some(key) = &self.output_key {
            object.insert(key.clone(), output);
        }
        #[cfg(feature = "properties")]
        if let Some(key) = &self.properties_key {
            let properties = result.ok().and_then(Output::properties);
            object.insert(key.clone(), json!(properties));
        }
        if let (Some(key), Ok(Output::Similarity { nearest, .. })) = (&self.nearest_key, result) {
            object.insert(key.clone(), nearest.into());
        }
        object.insert(self.standardized_key.clone(), json!(standardization));
        Value::Object(object)
    }

    fn prediction(&self, prediction: &Prediction) -> Value {
        let mut entry = json!({
            "value": shortest(prediction.value),
            "unit": prediction.definition().value_unit(),
        });
        let Some(entry_fields) = entry.as_object_mut() else {
            return entry;
        };
        let mut insert = |name: &str, value| entry_fields.insert(name.to_owned(), value);
        let endpoint = prediction.definition();
        let interval = prediction.interval;
        for part in Part::of(&self.columns, endpoint) {
            match part {
                Part::Low => insert("low", json!(interval.and_then(|one| shortest(one.low)))),
                Part::High => insert("high", json!(interval.and_then(|one| shortest(one.high)))),
                Part::Domain => insert("domain", json!(prediction.domain)),
                Part::DomainReason => insert("domain_reason", json!(prediction.domain_reason())),
                Part::Nearest => {
                    let nearest = prediction.nearest.as_deref().map(|nearest| {
                        json!({
                            "smiles": nearest.smiles,
                            "similarity": nearest.similarity,
                            "measured": nearest.measured.and_then(shortest),
                        })
                    });
                    insert("nearest", json!(nearest))
                }
                Part::Percentile => {
                    let percentile = prediction.percentile().and_then(percentage);
                    insert("percentile", json!(percentile))
                }
                // Said before, or within the nearest.
                Part::Value | Part::Similarity | Part::Measured => None,
            };
        }
        if !endpoint.higher.is_empty() {
            insert("higher", endpoint.higher.as_str().into());
            insert("lower", endpoint.lower.as_str().into());
        }
        if let Some(threshold) = &endpoint.threshold {
            insert("threshold", threshold.sentence(prediction.value).into());
        }
        entry
    }

    /// Header line of the CSV output.
    fn csv_header(&self) -> impl Iterator<Item = &str> {
        let ours = self.output_columns.iter().chain(&self.standardized_columns);
        let ours = ours.chain(&self.error_column);
        let drawn = self.drawn.iter();
        drawn.chain(&self.names).chain(ours).map(String::as_str)
    }

    /// One row of the CSV output, as wide as the header whatever the row holds.
    fn csv_row(
        &self,
        row: &Row,
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) -> Vec<String> {
        let mut cells = self.cells(&row.fields, standardization, result);
        if self.drawn.is_some() {
            let drawn = drawn_smiles(row, standardization);
            cells.insert(0, drawn.unwrap_or_default().into_owned());
        }
        cells
    }

    /// What a row of the user's holds, and what was computed of it.
    fn cells(
        &self,
        fields: &[String],
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) -> Vec<String> {
        let mut row = fields.to_vec();
        row.resize(self.names.len(), String::new());
        match result {
            Ok(Output::Embedding(values)) => row.extend(values.iter().map(|&value| number(value))),
            Ok(Output::Similarity { value, nearest }) => {
                row.extend([number(value), nearest.to_owned()]);
            }
            Ok(_) | Err(_) => {}
        }
        if let Some(predictions) = result.ok().and_then(Output::predictions) {
            for prediction in predictions {
                let parts = Part::of(&self.columns, prediction.definition());
                row.extend(parts.map(|part| part.text(prediction)));
            }
        }
        #[cfg(feature = "properties")]
        if let Some(properties) = result.ok().and_then(Output::properties) {
            row.extend(properties.cells());
        }
        row.resize(self.names.len() + self.output_columns.len(), String::new());
        row.push(standardization.map_or_else(String::new, |done| done.smiles.clone()));
        row.push(standardization.map_or_else(String::new, Standardization::to_string));
        if self.error_column.is_some() {
            row.push(result.err().map_or_else(String::new, |e| e.message.clone()));
        }
        row
    }

    /// One record of the SDF output. Its data items are named like the columns of
    /// the CSV output, as far as items may be and no two of them are.
    #[cfg(feature = "drawing")]
    fn sdf_record(
        &self,
        row: &Row,
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) -> super::sdf_out::Record {
        let values = self.cells(&row.fields, standardization, result);
        let title = self.title.and_then(|column| row.fields.get(column));
        let values = values.iter().skip(usize::from(self.drawn.is_some()));
        let items = self.items.iter().map(String::as_str);
        super::sdf_out::record(
            row,
            title.map_or("", String::as_str),
            items.zip(values.map(String::as_str)),
        )
    }

    /// The user's columns whose data items have other names.
    #[cfg(feature = "drawing")]
    fn renamed_items(&self) -> Option<Note> {
        let columns = self.names.iter().skip(usize::from(self.drawn.is_some()));
        let columns = columns.zip(&self.items);
        let renamed = columns.filter(|(column, item)| {
            let name = column.trim();
            !name.is_empty() && name != item.as_str()
        });
        let renamed: Vec<(String, String)> = renamed
            .map(|(column, item)| (column.clone(), item.clone()))
            .collect();
        (!renamed.is_empty()).then_some(Note::RenamedItems { renamed })
    }
}

/// The column of molecules as they were drawn.
const DRAWN: &str = "smiles";

/// The molecule of a row as it was drawn, as SMILES; `None` where it cannot be read.
pub(super) fn drawn_smiles<'a>(
    row: &Row,
    standardization: Option<&'a Standardization>,
) -> Option<Cow<'a, str>> {
    // Those that were standardised were read and written there, on all cores.
    let known = standardization.and_then(|done| done.drawn.as_deref());
    known.map(Cow::Borrowed).or_else(|| {
        let written = row.molecule.as_ref().ok()?.to_smiles();
        written.ok().map(Cow::Owned)
    })
}

/// `name`, prefixed until nobody else has it.
fn ours(name: &str, taken: &mut HashSet<String>) -> String {
    let mut name = name.to_owned();
    while !taken.insert(name.clone()) {
        name.insert_str(0, PREFIX);
    }
    name
}

/// The columns of every table: the standardised molecule, and what that changed.
const STANDARDIZED: [&str; 2] = ["standardized", "changes"];

/// What is to be said of a file that looks like an output of ours.
pub(super) fn own_columns(header: &Header) -> Option<Note> {
    let mut taken: HashSet<String> = header.columns.iter().cloned().collect();
    let is_output = STANDARDIZED.iter().all(|&name| taken.contains(name));
    is_output.then(|| Note::OwnColumns {
        renamed: STANDARDIZED.map(|name| ours(name, &mut taken)),
    })
}

/// What tells a column of ours from one of the user's.
const PREFIX: &str = "delicate_";

/// The shortest decimal that reads back as the same `f32`.
///
/// Widening to `f64`, as `serde_json` does, would write 0.1 as
/// 0.10000000149011612.
fn shortest(value: f32) -> Option<Number> {
    let decimal = value.to_string().parse::<f64>().ok()?;
    Number::from_f64(decimal)
}

/// A percentile with one decimal: there are no more in a hundred quantiles.
fn percentage(percentile: f32) -> Option<Number> {
    shortest((percentile * 10.0).round() / 10.0)
}

/// Writes rows to a sink: the user's columns, then what was computed.
///
/// Where the structures are mol blocks, a column `smiles` before the user's has them as they
/// were drawn, with stereo, charges and salts, in every format but SDF, which has the blocks.
///
/// In JSON a row is an object:
///
/// ```text
/// {"<user's column>": "text", …,
///  "error": null or {"message": "…", "reason": "…", "position": 3 or null},
///  "scores": null or {"<endpoint>": {"value": 0.1, "unit": "…"}, …},
///  "standardized": null or {"smiles": "…", "left_out": ["Cl"], "neutralized": 1,
///                           "isotopes": 0, "notes": []}}
/// ```
///
/// With uncertainty a score has further `"low"` and `"high"`, the 90 % interval,
/// `"domain": "in"`, `"borderline"` or `"out"`, and `"nearest": {"smiles": "…",
/// "similarity": 0.5, "measured": 1.5}`, each of them null where the model has none. A
/// probability has no interval, and neither `"low"` nor `"high"`. An endpoint that requires
/// something of molecules has `"domain_reason"`, null for those that have it.
///
/// With percentiles it has `"percentile": 61.5`, of the model's reference molecules. An
/// endpoint whose direction is known has `"higher": "more soluble"` and `"lower": "less
/// soluble"`, and one that the field divides `"threshold": "at or above 2: …"`.
///
/// With properties there is `"properties": null or {"mol_wt": 180.159, …, "qed": 0.55,
/// "pains": ["…"], "brenk": ["…"]}` after the scores, or in their place.
///
/// With embeddings, `"embedding": null or [0.1, …]` takes the place of
/// `scores`, and with similarities `"similarity": 0.1, "nearest_query": "…"` that of
/// both. Numbers
/// are the shortest decimals that give back the same `f32`.
///
/// An [`io::ErrorKind::BrokenPipe`] comes through as it is: whether a consumer
/// that has read enough is an error is for the caller to say. Output is only
/// complete after [`Writer::finish`].
pub struct Writer<W: Write> {
    layout: Layout,
    sink: Sink<W>,
    /// Molecules drawn without some of their stereo, and the line of the first.
    #[cfg(feature = "drawing")]
    lacks_stereo: Option<(u64, u64)>,
}

enum Sink<W: Write> {
    Csv(Box<::csv::Writer<W>>),
    Json {
        sink: W,
        rows: u64,
    },
    Jsonl(W),
    #[cfg(feature = "drawing")]
    Sdf(W),
}

impl<W: Write> Writer<W> {
    /// Starts the output: the CSV header, or the JSON array.
    ///
    /// # Errors
    ///
    /// Where the sink does not take it.
    pub fn new(
        mut sink: W,
        format: OutputFormat,
        header: &Header,
        columns: Columns,
    ) -> io::Result<Self> {
        let layout = Layout::new(header, columns);
        let sink = match format {
            OutputFormat::Csv | OutputFormat::Tsv => {
                let mut csv = ::csv::WriterBuilder::new()
                    .delimiter(if format == OutputFormat::Csv {
                        b','
                    } else {
                        b'\t'
                    })
                    .from_writer(sink);
                csv.write_record(layout.csv_header()).map_err(io_error)?;
                Sink::Csv(Box::new(csv))
            }
            OutputFormat::Json => {
                sink.write_all(b"[")?;
                Sink::Json { sink, rows: 0 }
            }
            OutputFormat::Jsonl => Sink::Jsonl(sink),
            #[cfg(feature = "drawing")]
            OutputFormat::Sdf => Sink::Sdf(sink),
        };
        Ok(Self {
            layout,
            sink,
            #[cfg(feature = "drawing")]
            lacks_stereo: None,
        })
    }

    /// What is written otherwise than it came, so far: after the start the names, after the
    /// last row everything.
    pub fn notes(&self) -> Vec<Note> {
        #[cfg(feature = "drawing")]
        if matches!(self.sink, Sink::Sdf(_)) {
            let lacks = self.lacks_stereo;
            let lacks = lacks.map(|(molecules, line)| Note::StereoNotDrawn { molecules, line });
            return self
                .layout
                .renamed_items()
                .into_iter()
                .chain(lacks)
                .collect();
        }
        Vec::new()
    }

    /// Writes one row of the user's, what was done to its molecule and its result,
    /// of the kind that the writer's [`Columns`] say, or its error. CSV rows may
    /// wait in a buffer until
    /// [`Writer::flush`].
    ///
    /// # Errors
    ///
    /// Where the sink does not take it.
    pub fn write<'a, T>(
        &mut self,
        row: &Row,
        standardization: Option<&Standardization>,
        result: Result<T, &RowError>,
    ) -> io::Result<()>
    where
        T: Into<Output<'a>>,
    {
        let result = result.map(Into::into);
        match &mut self.sink {
            Sink::Csv(csv) => csv
                .write_record(self.layout.csv_row(row, standardization, result))
                .map_err(io_error),
            Sink::Json { sink, rows } => {
                let separator = if *rows == 0 { "\n" } else { ",\n" };
                *rows += 1;
                // One call a row, so that a pipe sees whole rows.
                let object = self.layout.object(row, standardization, result);
                sink.write_all(format!("{separator}{object}").as_bytes())
            }
            Sink::Jsonl(sink) => {
                let object = self.layout.object(row, standardization, result);
                sink.write_all(format!("{object}\n").as_bytes())
            }
            #[cfg(feature = "drawing")]
            Sink::Sdf(sink) => {
                let record = self.layout.sdf_record(row, standardization, result);
                if record.lacks_stereo {
                    self.lacks_stereo.get_or_insert((0, row.line)).0 += 1;
                }
                sink.write_all(record.text.as_bytes())
            }
        }
    }

    /// Hands on every row written so far.
    ///
    /// # Errors
    ///
    /// Where the sink does not take them.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Csv(csv) => csv.flush(),
            Sink::Json { sink, .. } | Sink::Jsonl(sink) => sink.flush(),
            #[cfg(feature = "drawing")]
            Sink::Sdf(sink) => sink.flush(),
        }
    }

    /// Completes the output and gives the sink back.
    ///
    /// # Errors
    ///
    /// Where the sink does not take the rest.
    pub fn finish(mut self) -> io::Result<W> {
        if let Sink::Json { sink, .. } = &mut self.sink {
            sink.write_all(b"\n]\n")?;
        }
        self.flush()?;
        match self.sink {
            Sink::Csv(csv) => csv.into_inner().map_err(|error| {
                let error = error.error();
                io::Error::new(error.kind(), error.to_string())
            }),
            Sink::Json { sink, .. } | Sink::Jsonl(sink) => Ok(sink),
            #[cfg(feature = "drawing")]
            Sink::Sdf(sink) => Ok(sink),
        }
    }
}

/// The I/O error within a CSV error, its kind preserved.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}
