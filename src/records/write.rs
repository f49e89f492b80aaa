//! Scored rows out, as CSV, JSON or JSON lines.
//!
//! The user's text is written as it was read, also where a spreadsheet would
//! take it for a formula (`=…`, `@…`): SMILES such as `=O` and `-1` are data,
//! and a file that changes on its way through is worse than one that Excel
//! asks about.

use std::collections::HashSet;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use super::{Header, RowError};
use crate::predict::applicability::{Assessment, Domain};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// Comma-separated, with a header line.
    Csv,
    /// One array of objects.
    Json,
    /// One object a line.
    Jsonl,
}

/// An endpoint that is scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreColumn {
    /// Name of the endpoint: JSON key and CSV column.
    pub name: String,
    /// Unit of its values, as shown to the user.
    pub unit: String,
}

/// What each row carries beside the user's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// A score for each of these endpoints.
    Scores(Vec<ScoreColumn>),
    /// A score for each of these endpoints, and how far it can be trusted.
    Assessed(Vec<ScoreColumn>),
    /// An embedding of this many dimensions.
    Embedding(usize),
    /// A similarity. Only rows that have one are written: no error stands
    /// beside it.
    Similarity,
}

/// The score of one molecule at one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// The prediction, in the endpoint's unit. `None`, and also a value that
    /// is not finite, is written as null or as an empty cell.
    pub value: Option<f32>,
    /// How far it can be trusted; written under [`Outputs::Assessed`] alone.
    pub assessment: Option<Assessment>,
}

impl Score {
    /// The interval around the value.
    fn interval(&self) -> [Option<f32>; 2] {
        let width = self.assessment.as_ref().and_then(|a| a.half_width);
        [-1.0, 1.0].map(|side| Some(self.value? + side * width?))
    }
}

/// What ends the names of the columns of an assessed score, after the endpoint.
const ASSESSED: [&str; 6] = ["", "_low", "_high", "_domain", "_similarity", "_nearest"];

/// The cells of an assessed score, in the order of [`ASSESSED`].
fn assessed_cells(score: &Score) -> [String; 6] {
    let number = |value: Option<f32>| {
        let number = value.and_then(shortest);
        number.map_or_else(String::new, |number| number.to_string())
    };
    let [low, high] = score.interval();
    let assessment = score.assessment.as_ref();
    let domain = assessment.and_then(|a| a.domain);
    let nearest = assessment.and_then(|a| a.nearest.as_ref());
    [
        number(score.value),
        number(low),
        number(high),
        domain.map_or("", Domain::name).to_owned(),
        nearest.map_or_else(String::new, |n| format!("{:.3}", n.similarity)),
        nearest.map_or_else(String::new, |n| n.smiles.clone()),
    ]
}

/// One row to write.
#[derive(Clone, Copy, Debug)]
pub struct OutputRow<'a> {
    /// The user's text: [`super::Record::fields`].
    pub fields: &'a [String],
    /// What became of the molecule.
    pub outcome: Outcome<'a>,
}

/// What became of a row's molecule.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// Scores, parallel to [`Outputs::Scores`] or [`Outputs::Assessed`].
    Scores(&'a [Score]),
    /// An embedding of the length in [`Outputs::Embedding`].
    Embedding(&'a [f32]),
    /// A similarity.
    Similarity(f32),
    /// No result, and why.
    Error(&'a RowError),
}

/// The names under which a row's parts are written, settled once for a file.
///
/// The user's columns come first, unchanged and in order. Ours that share a
/// name with one of them get the prefix `delicate_`.
#[derive(Clone, Debug)]
pub struct Layout {
    columns: Vec<String>,
    /// The columns again, made unique (`name`, `name_2`) for JSON's keys.
    keys: Vec<String>,
    outputs: Outputs,
    error_key: Option<String>,
    /// Key of `scores`, `embedding` or `similarity`.
    outputs_key: String,
    /// CSV columns of the scores, of the embedding's dimensions or of the
    /// similarity.
    output_columns: Vec<String>,
    error_column: Option<String>,
}

impl Layout {
    /// Settles the names for a file with these columns.
    pub fn new(header: &Header, outputs: Outputs) -> Self {
        let columns = header.columns.clone();
        // Every name the user has is taken from the start, so that a second
        // `name` becomes `name_3` where `name_2` is the user's as well.
        let mut taken = columns.iter().cloned().collect::<HashSet<_>>();
        let mut seen = HashSet::new();
        let mut keys = Vec::with_capacity(columns.len());
        for column in &columns {
            let mut key = column.clone();
            if !seen.insert(column) {
                let mut number = 2;
                while !taken.insert(key.clone()) {
                    key = format!("{column}_{number}");
                    number += 1;
                }
            }
            keys.push(key);
        }
        let has_errors = outputs != Outputs::Similarity;
        let error_key = has_errors.then(|| ours("error", &mut taken));
        let kind = match &outputs {
            Outputs::Scores(_) | Outputs::Assessed(_) => "scores",
            Outputs::Embedding(_) => "embedding",
            Outputs::Similarity => "similarity",
        };
        let outputs_key = ours(kind, &mut taken);

        let mut taken = columns.iter().cloned().collect::<HashSet<_>>();
        let output_columns = match &outputs {
            Outputs::Scores(endpoints) => endpoints
                .iter()
                .map(|endpoint| ours(&endpoint.name, &mut taken))
                .collect(),
            Outputs::Assessed(endpoints) => endpoints
                .iter()
                .flat_map(|endpoint| ASSESSED.map(|end| format!("{}{end}", endpoint.name)))
                .map(|name| ours(&name, &mut taken))
                .collect(),
            Outputs::Embedding(dimensions) => (0..*dimensions)
                .map(|dimension| ours(&format!("embedding_{dimension}"), &mut taken))
                .collect(),
            Outputs::Similarity => vec![ours("similarity", &mut taken)],
        };
        let error_column = has_errors.then(|| ours("error", &mut taken));
        Self {
            columns,
            keys,
            outputs,
            error_key,
            outputs_key,
            output_columns,
            error_column,
        }
    }

    /// One row as a JSON object: what [`Writer`] writes and the page shows.
    ///
    /// ```text
    /// {"<user's column>": "text", …,
    ///  "error": null or {"message": "…", "reason": "…", "position": 3 or null},
    ///  "scores": null or {"<endpoint>": {"value": 0.1 or null, "unit": "…"}, …}}
    /// ```
    ///
    /// An assessed score has further `"low"` and `"high"`, the 90 % interval,
    /// `"domain": "in"`, `"borderline"` or `"out"`, and `"nearest": {"smiles": "…",
    /// "similarity": 0.5}`, each of them null where the model does not know.
    ///
    /// With embeddings, `"embedding": null or [0.1, …]` takes the place of
    /// `scores`, and with similarities `"similarity": 0.1` that of both. Numbers
    /// are the shortest decimals that give back the same `f32`.
    pub fn row_value(&self, row: &OutputRow<'_>) -> Value {
        let mut object = Map::new();
        for (index, key) in self.keys.iter().enumerate() {
            let field = row.fields.get(index).map_or("", String::as_str);
            object.insert(key.clone(), field.into());
        }
        let error = match row.outcome {
            Outcome::Error(error) => json!({
                "message": error.message,
                "reason": error.reason,
                "position": error.position,
            }),
            _ => Value::Null,
        };
        if let Some(key) = &self.error_key {
            object.insert(key.clone(), error);
        }
        let outputs = match (&self.outputs, row.outcome) {
            (Outputs::Scores(endpoints), Outcome::Scores(scores)) => endpoints
                .iter()
                .zip(scores)
                .map(|(endpoint, score)| {
                    let value = score.value.and_then(shortest);
                    let entry = json!({ "value": value, "unit": endpoint.unit });
                    (endpoint.name.clone(), entry)
                })
                .collect::<Map<_, _>>()
                .into(),
            (Outputs::Assessed(endpoints), Outcome::Scores(scores)) => endpoints
                .iter()
                .zip(scores)
                .map(|(endpoint, score)| {
                    let [low, high] = score.interval().map(|bound| bound.and_then(shortest));
                    let assessment = score.assessment.as_ref();
                    let entry = json!({
                        "value": score.value.and_then(shortest),
                        "unit": endpoint.unit,
                        "low": low,
                        "high": high,
                        "domain": assessment.and_then(|a| a.domain),
                        "nearest": assessment.and_then(|a| a.nearest.as_ref()),
                    });
                    (endpoint.name.clone(), entry)
                })
                .collect::<Map<_, _>>()
                .into(),
            (Outputs::Embedding(_), Outcome::Embedding(values)) => {
                values.iter().map(|&value| shortest(value)).collect()
            }
            (Outputs::Similarity, Outcome::Similarity(value)) => {
                shortest(value).map_or(Value::Null, Value::Number)
            }
            _ => Value::Null,
        };
        object.insert(self.outputs_key.clone(), outputs);
        Value::Object(object)
    }

    /// Header line of the CSV output.
    fn csv_header(&self) -> impl Iterator<Item = &str> {
        let ours = self.output_columns.iter().chain(&self.error_column);
        self.columns.iter().chain(ours).map(String::as_str)
    }

    /// One row of the CSV output, as wide as the header whatever `row` holds.
    fn csv_row(&self, row: &OutputRow<'_>) -> Vec<String> {
        let mut cells = row.fields.to_vec();
        cells.resize(self.columns.len(), String::new());
        if let (Outputs::Assessed(_), Outcome::Scores(scores)) = (&self.outputs, row.outcome) {
            cells.extend(scores.iter().flat_map(assessed_cells));
        }
        let written = cells.len() - self.columns.len();
        cells.extend((written..self.output_columns.len()).map(|index| {
            let value = match row.outcome {
                Outcome::Scores(scores) => scores.get(index).and_then(|score| score.value),
                Outcome::Embedding(values) => values.get(index).copied(),
                Outcome::Similarity(value) => Some(value),
                Outcome::Error(_) => None,
            };
            let number = value.and_then(shortest);
            number.map_or_else(String::new, |number| number.to_string())
        }));
        if self.error_column.is_some() {
            cells.push(match row.outcome {
                Outcome::Error(error) => error.message.clone(),
                _ => String::new(),
            });
        }
        cells
    }
}

/// `name`, prefixed until nobody else has it.
fn ours(name: &str, taken: &mut HashSet<String>) -> String {
    let mut name = name.to_owned();
    while !taken.insert(name.clone()) {
        name.insert_str(0, "delicate_");
    }
    name
}

/// The shortest decimal that reads back as the same `f32`.
///
/// Widening to `f64`, as `serde_json` does, would write 0.1 as
/// 0.10000000149011612.
fn shortest(value: f32) -> Option<Number> {
    let decimal = value.to_string().parse::<f64>().ok()?;
    Number::from_f64(decimal)
}

/// Writes rows to a sink.
///
/// An [`io::ErrorKind::BrokenPipe`] comes through as it is: whether a consumer
/// that has read enough is an error is for the caller to say. Output is only
/// complete after [`Writer::finish`].
pub struct Writer<W: Write> {
    layout: Layout,
    sink: Sink<W>,
}

enum Sink<W: Write> {
    Csv(Box<::csv::Writer<W>>),
    Json { sink: W, rows: u64 },
    Jsonl(W),
}

impl<W: Write> Writer<W> {
    /// Starts the output: the CSV header, or the JSON array.
    pub fn new(
        mut sink: W,
        format: OutputFormat,
        header: &Header,
        outputs: Outputs,
    ) -> io::Result<Self> {
        let layout = Layout::new(header, outputs);
        let sink = match format {
            OutputFormat::Csv => {
                let mut csv = ::csv::Writer::from_writer(sink);
                csv.write_record(layout.csv_header()).map_err(io_error)?;
                Sink::Csv(Box::new(csv))
            }
            OutputFormat::Json => {
                sink.write_all(b"[")?;
                Sink::Json { sink, rows: 0 }
            }
            OutputFormat::Jsonl => Sink::Jsonl(sink),
        };
        Ok(Self { layout, sink })
    }

    /// Writes one row. CSV rows may wait in a buffer until [`Writer::flush`].
    pub fn write_row(&mut self, row: &OutputRow<'_>) -> io::Result<()> {
        match &mut self.sink {
            Sink::Csv(csv) => csv.write_record(self.layout.csv_row(row)).map_err(io_error),
            Sink::Json { sink, rows } => {
                let separator = if *rows == 0 { "\n" } else { ",\n" };
                *rows += 1;
                // One call a row, so that a pipe sees whole rows.
                sink.write_all(format!("{separator}{}", self.layout.row_value(row)).as_bytes())
            }
            Sink::Jsonl(sink) => {
                sink.write_all(format!("{}\n", self.layout.row_value(row)).as_bytes())
            }
        }
    }

    /// Writes one row from what the scorer made of it: its values, which are
    /// scores, an embedding or one similarity as the writer's outputs say, or
    /// its error.
    pub fn write_result(
        &mut self,
        fields: &[String],
        result: Result<&[f32], &RowError>,
    ) -> io::Result<()> {
        let scores: Vec<Score>;
        let outcome = match (result, &self.layout.outputs) {
            (Err(error), _) => Outcome::Error(error),
            (Ok(values), Outputs::Embedding(_)) => Outcome::Embedding(values),
            (Ok(values), Outputs::Similarity) => {
                Outcome::Similarity(values.first().copied().unwrap_or(f32::NAN))
            }
            (Ok(values), Outputs::Scores(_) | Outputs::Assessed(_)) => {
                scores = values
                    .iter()
                    .map(|&value| Score {
                        value: Some(value),
                        assessment: None,
                    })
                    .collect();
                Outcome::Scores(&scores)
            }
        };
        self.write_row(&OutputRow { fields, outcome })
    }

    /// Writes one row whose scores are assessed.
    pub fn write_assessed(
        &mut self,
        fields: &[String],
        values: &[f32],
        assessments: Vec<Assessment>,
    ) -> io::Result<()> {
        let scores: Vec<Score> = values
            .iter()
            .zip(assessments)
            .map(|(&value, assessment)| Score {
                value: Some(value),
                assessment: Some(assessment),
            })
            .collect();
        let outcome = Outcome::Scores(&scores);
        self.write_row(&OutputRow { fields, outcome })
    }

    /// Hands on every row written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Csv(csv) => csv.flush(),
            Sink::Json { sink, .. } | Sink::Jsonl(sink) => sink.flush(),
        }
    }

    /// Completes the output and gives the sink back.
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
