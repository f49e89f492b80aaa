//! Results as columns, laid out as Arrow lays them out, for data frames and files of
//! columns.

use super::write::{Layout, Part};
use super::{Columns, Header, Output, RowError};
#[cfg(feature = "properties")]
use crate::chemistry::Properties;
use crate::predict::{Domain, Prediction, Standardization};

/// What was computed of rows, one column beside the other: the columns of a
/// [`Writer`](super::Writer)'s CSV behind the user's, by the same names, but for an
/// embedding, which is one column of vectors.
///
/// A row with an error has no value in the columns of results.
#[derive(Clone, Debug)]
pub struct Frame {
    rows: usize,
    kind: Columns,
    columns: Vec<Column>,
    /// Columns of results; after them come the standardised molecule, what that
    /// changed, and the error where there is one.
    results: usize,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The unit of its numbers, `probability` for probabilities; empty for pure numbers and text.
    pub unit: String,
    /// Its values; where there is none, a NaN or empty text.
    pub values: Values,
    /// Whether each row has a value: a bit a row, the lowest of a byte first.
    pub validity: Vec<u8>,
    /// Rows without a value.
    pub missing: usize,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// Numbers in single precision.
    Single(Vec<f32>),
    /// Numbers in double precision.
    Double(Vec<f64>),
    /// Whole numbers; 0 where there is none.
    Whole(Vec<i64>),
    /// Vectors, one after the other.
    Vectors {
        /// Numbers of each.
        width: usize,
        /// All of them.
        values: Vec<f32>,
    },
    /// Bytes of one length, one after the other; zeros where there are none.
    Bytes {
        /// Bytes of each.
        width: usize,
        /// All of them.
        values: Vec<u8>,
    },
    /// Text.
    Text {
        /// Where each row's text begins, and where the last one ends.
        offsets: Vec<i64>,
        /// All of it.
        text: String,
    },
}

impl Values {
    /// How many rows there are; `None` where the parts do not fit each other.
    fn rows(&self) -> Option<usize> {
        let of_width = |numbers: usize, width: usize| {
            numbers
                .is_multiple_of(width)
                .then(|| numbers / width.max(1))
        };
        match self {
            Self::Single(values) => Some(values.len()),
            Self::Double(values) => Some(values.len()),
            Self::Whole(values) => Some(values.len()),
            Self::Vectors { width, values } => of_width(values.len(), *width),
            Self::Bytes { width, values } => of_width(values.len(), *width),
            Self::Text { offsets, text } => {
                let places: Option<Vec<usize>> =
                    offsets.iter().map(|&at| usize::try_from(at).ok()).collect();
                let places = places?;
                let fit = places.is_sorted()
                    && places.first() == Some(&0)
                    && places.last() == Some(&text.len())
                    && places.iter().all(|&at| text.is_char_boundary(at));
                fit.then(|| places.len() - 1)
            }
        }
    }
}

impl Column {
    /// A column of these parts, as another one had them; `None` where they do not fit
    /// each other.
    pub fn from_parts(
        name: String,
        unit: String,
        values: Values,
        validity: Vec<u8>,
    ) -> Option<Self> {
        let rows = values.rows()?;
        if validity.len() != rows.div_ceil(8) {
            return None;
        }
        let is_valid = |&row: &usize| validity[row / 8] >> (row % 8) & 1 == 1;
        let missing = rows - (0..rows).filter(is_valid).count();
        Some(Self {
            name,
            unit,
            values,
            validity,
            missing,
        })
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.values.rows().unwrap_or_default()
    }

    fn new(name: String, unit: &str, values: Values) -> Self {
        Self {
            name,
            unit: unit.to_owned(),
            values,
            validity: Vec::new(),
            missing: 0,
        }
    }

    fn text(name: String) -> Self {
        let values = Values::Text {
            offsets: vec![0],
            text: String::new(),
        };
        Self::new(name, "", values)
    }

    /// The text of a row; `None` where it has none, and in a column of numbers.
    pub fn text_of(&self, row: usize) -> Option<&str> {
        let Values::Text { offsets, text } = &self.values else {
            return None;
        };
        if !self.is_valid(row) {
            return None;
        }
        let end = *offsets.get(row + 1)?;
        text.get(*offsets.get(row)? as usize..end as usize)
    }

    /// Whether a row has a value.
    pub fn is_valid(&self, row: usize) -> bool {
        let byte = self.validity.get(row / 8).copied();
        byte.is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    fn mark(&mut self, row: usize, valid: bool) {
        if row.is_multiple_of(8) {
            self.validity.push(0);
        }
        if let Some(byte) = self.validity.last_mut() {
            *byte |= u8::from(valid) << (row % 8);
        }
        self.missing += usize::from(!valid);
    }

    /// Adds the value of the row of this number, which is the next.
    fn push(&mut self, row: usize, cell: Cell<'_>) {
        let mut valid = true;
        match (&mut self.values, cell) {
            (Values::Single(values), Cell::Number(value)) => values.push(value),
            (Values::Double(values), Cell::Double(value)) => values.push(value),
            (Values::Vectors { values, width }, Cell::Vector(vector)) if vector.len() == *width => {
                values.extend_from_slice(vector);
            }
            (Values::Bytes { values, width }, Cell::Bytes(bytes)) if bytes.len() == *width => {
                values.extend_from_slice(bytes);
            }
            (Values::Text { offsets, text }, Cell::Text(value)) => {
                text.push_str(value);
                offsets.push(text.len() as i64);
            }
            (values, _) => {
                valid = false;
                match values {
                    Values::Single(values) => values.push(f32::NAN),
                    Values::Double(values) => values.push(f64::NAN),
                    Values::Whole(values) => values.push(0),
                    Values::Vectors { values, width } => {
                        values.resize(values.len() + *width, f32::NAN);
                    }
                    Values::Bytes { values, width } => values.resize(values.len() + *width, 0),
                    Values::Text { offsets, text } => offsets.push(text.len() as i64),
                }
            }
        }
        self.mark(row, valid);
    }
}

/// A value, on its way into a column of its kind.
#[derive(Clone, Copy)]
enum Cell<'a> {
    None,
    Number(f32),
    Double(f64),
    Vector(&'a [f32]),
    Bytes(&'a [u8]),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    fn text(value: Option<&'a str>) -> Self {
        value.map_or(Self::None, Self::Text)
    }

    fn number(value: Option<f32>) -> Self {
        value.map_or(Self::None, Self::Number)
    }
}

/// The cell of a part of a prediction.
fn cell(part: Part, prediction: &Prediction) -> Cell<'_> {
    let nearest = prediction.nearest.as_deref();
    let interval = prediction.interval;
    match part {
        Part::Value => Cell::Number(prediction.value),
        Part::Low => Cell::number(interval.map(|interval| interval.low)),
        Part::High => Cell::number(interval.map(|interval| interval.high)),
        Part::Domain => Cell::text(prediction.domain.map(Domain::name)),
        Part::DomainReason => Cell::text(prediction.domain_reason()),
        Part::Similarity => nearest.map_or(Cell::None, |nearest| Cell::Double(nearest.similarity)),
        Part::Nearest => Cell::text(nearest.map(|nearest| nearest.smiles.as_str())),
        Part::Measured => Cell::number(nearest.and_then(|nearest| nearest.measured)),
        Part::Percentile => Cell::number(prediction.percentile()),
    }
}

impl Frame {
    /// An empty one of these columns, for the rows of a table with this header: where
    /// the user has a column of the same name, ours has another.
    pub fn new(header: &Header, columns: Columns) -> Self {
        let layout = Layout::new(header, columns.clone());
        let single =
            |name: &str, unit: &str| Column::new(name.to_owned(), unit, Values::Single(Vec::new()));
        let mut all = Vec::new();
        let names = &layout.output_columns;
        match &columns {
            Columns::Predictions { endpoints, .. } => {
                let parts = endpoints.iter().flat_map(|endpoint| {
                    Part::of(&columns, endpoint).map(move |part| (endpoint, part))
                });
                for ((endpoint, part), name) in parts.zip(names) {
                    all.push(match part {
                        Part::Value => single(name, endpoint.value_unit()),
                        Part::Low | Part::High | Part::Measured => single(name, &endpoint.unit),
                        Part::Similarity => {
                            Column::new(name.clone(), "", Values::Double(Vec::new()))
                        }
                        Part::Domain | Part::DomainReason | Part::Nearest => {
                            Column::text(name.clone())
                        }
                        Part::Percentile => single(name, "%"),
                    });
                }
            }
            Columns::Embedding(width) => {
                let name = layout.output_key.clone().unwrap_or_default();
                let (width, values) = (*width, Vec::new());
                all.push(Column::new(name, "", Values::Vectors { width, values }));
            }
            Columns::Similarity => {
                let mut names = names.iter();
                all.extend(names.next().map(|name| single(name, "")));
                all.extend(names.cloned().map(Column::text));
            }
            Columns::Features {
                embedding,
                fingerprint,
            } => {
                let widths = [*embedding, *fingerprint].into_iter().flatten();
                all.extend(names.iter().zip(widths).map(|(name, width)| {
                    let values = Vec::new();
                    Column::new(name.clone(), "", Values::Bytes { width, values })
                }));
            }
            Columns::Standardized => {}
            #[cfg(feature = "properties")]
            Columns::Properties => {}
        }
        #[cfg(feature = "properties")]
        if columns.has_properties() {
            let start = names.len().saturating_sub(Properties::NAMES.len());
            for (name, property) in names[start..].iter().zip(Properties::NAMES) {
                all.push(match *property {
                    "pains" | "brenk" => Column::text(name.clone()),
                    _ => Column::new(name.clone(), "", Values::Double(Vec::new())),
                });
            }
        }
        let results = all.len();
        all.extend(layout.standardized_columns.map(Column::text));
        all.extend(layout.error_column.map(Column::text));
        Self {
            rows: 0,
            kind: columns,
            columns: all,
            results,
        }
    }

    /// Adds what was done to the molecule of the next row, and its result, of the kind
    /// of the frame's columns, or its error.
    pub fn push<'a, T>(
        &mut self,
        standardization: Option<&Standardization>,
        result: Result<T, &RowError>,
    ) where
        T: Into<Output<'a>>,
    {
        let row = self.rows;
        let (results, others) = self.columns.split_at_mut(self.results);
        let result = result.map(Into::into);
        match result {
            Ok(output) if output.has_cells() => {
                let mut all: Vec<Cell<'_>> = Vec::with_capacity(results.len());
                for prediction in output.predictions().unwrap_or_default() {
                    let parts = Part::of(&self.kind, prediction.definition());
                    all.extend(parts.map(|part| cell(part, prediction)));
                }
                #[cfg(feature = "properties")]
                let properties = output.properties().map(Properties::cells);
                #[cfg(feature = "properties")]
                for (text, name) in properties.iter().flatten().zip(Properties::NAMES) {
                    all.push(match *name {
                        "pains" | "brenk" => Cell::Text(text),
                        _ => text.parse().map_or(Cell::None, Cell::Double),
                    });
                }
                let mut all = all.into_iter().chain(std::iter::repeat(Cell::None));
                for column in results {
                    column.push(row, all.next().unwrap_or(Cell::None));
                }
            }
            Ok(Output::Embedding(values)) => {
                for column in results {
                    column.push(row, Cell::Vector(values));
                }
            }
            Ok(Output::Similarity { value, nearest }) => {
                let cells = [Cell::Number(value), Cell::Text(nearest)];
                for (column, cell) in results.iter_mut().zip(cells) {
                    column.push(row, cell);
                }
            }
            Ok(Output::Features {
                embedding,
                fingerprint,
            }) => {
                let cells = [embedding, fingerprint].into_iter().flatten();
                let mut cells = cells.map(Cell::Bytes).chain(std::iter::repeat(Cell::None));
                for column in results {
                    column.push(row, cells.next().unwrap_or(Cell::None));
                }
            }
            Ok(_) | Err(_) => {
                for column in results {
                    column.push(row, Cell::None);
                }
            }
        }
        let changes = standardization.map(Standardization::to_string);
        let cells = [
            Cell::text(standardization.map(|done| done.smiles.as_str())),
            Cell::text(changes.as_deref()),
            Cell::text(result.err().map(|error| error.message.as_str())),
        ];
        for (column, cell) in others.iter_mut().zip(cells) {
            column.push(row, cell);
        }
        self.rows += 1;
    }

    /// Puts a column of whole numbers, one a row, before the others.
    ///
    /// # Panics
    ///
    /// Where there are more or fewer numbers than rows.
    pub fn put_first(&mut self, name: &str, numbers: Vec<i64>) {
        assert_eq!(numbers.len(), self.rows, "one number a row");
        let mut column = Column::new(name.to_owned(), "", Values::Whole(numbers));
        for row in 0..self.rows {
            column.mark(row, true);
        }
        self.columns.insert(0, column);
        self.results += 1;
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Its columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Its columns, to keep.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::standardize;
    use crate::records::Structure;

    fn header() -> Header {
        Header {
            columns: vec!["smiles".to_owned(), "error".to_owned()],
            smiles: Some(0),
            id: None,
        }
    }

    #[test]
    fn a_column_of_parts_is_one_where_they_fit() {
        let text = |offsets: &[i64]| Values::Text {
            offsets: offsets.to_vec(),
            text: "aµ".to_owned(),
        };
        let of = |values: Values, validity: &[u8]| {
            Column::from_parts("a".to_owned(), String::new(), values, validity.to_vec())
        };
        let column = of(text(&[0, 1, 1, 3]), &[0b101]).expect("it fits");
        assert_eq!(
            (column.missing, column.text_of(0), column.text_of(1)),
            (1, Some("a"), None)
        );
        for offsets in [
            &[][..],
            &[0, 2, 3],
            &[0, 1],
            &[1, 3],
            &[0, 3, 1, 3],
            &[0, -1, 3],
        ] {
            assert_eq!(of(text(offsets), &[1]), None, "{offsets:?}");
        }
        let vectors = |width: usize| Values::Vectors {
            width,
            values: vec![0.0; 4],
        };
        assert!(of(vectors(2), &[3]).is_some());
        assert_eq!(of(vectors(3), &[3]), None);
        assert_eq!(of(vectors(0), &[3]), None);
        assert_eq!(of(Values::Whole(vec![1]), &[]), None);
    }

    #[test]
    fn a_row_with_an_error_has_no_values_and_names_of_the_user_stay_theirs() {
        let mut frame = Frame::new(&header(), Columns::Embedding(2));
        let done = standardize(&Structure::from("CCO.Cl"), Default::default()).expect("read");
        let error = RowError::new("syntax", "no molecule");
        for row in 0..9 {
            match row % 2 {
                0 => frame.push(Some(&done), Ok(&vec![row as f32, 0.5])),
                _ => frame.push::<&Vec<f32>>(None, Err(&error)),
            }
        }
        assert_eq!(frame.rows(), 9);
        let names: Vec<&str> = frame.columns().iter().map(|c| c.name.as_str()).collect();
        assert_eq!(
            names,
            ["embedding", "standardized", "changes", "delicate_error"]
        );
        let [vectors, smiles, changes, errors] = frame.columns() else {
            panic!("four columns");
        };
        assert_eq!(vectors.validity, [0b0101_0101, 1]);
        assert_eq!(vectors.missing, 4);
        let Values::Vectors { width: 2, values } = &vectors.values else {
            panic!("{vectors:?}");
        };
        assert_eq!(values.len(), 18);
        assert_eq!(values[16..], [8.0, 0.5]);
        assert!(values[2].is_nan());
        assert_eq!((smiles.text_of(8), smiles.text_of(1)), (Some("CCO"), None));
        assert_eq!(changes.text_of(0), Some("left out: Cl"));
        assert_eq!(errors.text_of(1), Some("no molecule"));
        assert_eq!(errors.text_of(0), None);
        assert_eq!(errors.missing, 5);
    }
}
