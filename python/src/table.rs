//! Columns that go out.

use std::sync::Arc;

use delicate::records::{Column, Values};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyCapsule, PyList};

use crate::arrow::{self, Columns};

/// Columns of one length, each with a name.
#[pyclass(frozen, module = "delicate._native")]
pub(crate) struct Table {
    columns: Arc<Columns>,
}

impl Table {
    pub(crate) fn new(rows: usize, columns: Vec<Column>) -> Self {
        Self {
            columns: Arc::new(Columns { rows, columns }),
        }
    }

    fn column(&self, name: &str) -> PyResult<&Column> {
        let found = self.columns.columns.iter().find(|it| it.name == name);
        found.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }
}

/// What a column is stored as: name, unit, kind, width, values, offsets of text, validity.
type Parts<'py> = (
    String,
    String,
    &'static str,
    usize,
    Bound<'py, PyByteArray>,
    Vec<i64>,
    Bound<'py, PyBytes>,
);

/// The same as it comes back.
type StoredParts = (
    String,
    String,
    String,
    usize,
    PyBackedBytes,
    Vec<i64>,
    PyBackedBytes,
);

/// Numbers of their bytes.
fn numbers<const N: usize, T>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().map(|&number| of(number)).collect()
}

/// The bytes of numbers, as this machine has them.
fn bytes<'py, const N: usize, T: Copy>(
    py: Python<'py>,
    values: &[T],
    of: impl Fn(T) -> [u8; N],
) -> PyResult<Bound<'py, PyByteArray>> {
    PyByteArray::new_with(py, values.len() * N, |bytes| {
        for (place, &value) in bytes.chunks_exact_mut(N).zip(values) {
            place.copy_from_slice(&of(value));
        }
        Ok(())
    })
}

#[pymethods]
impl Table {
    /// The names of the columns, in order.
    #[getter]
    fn names(&self) -> Vec<&str> {
        let columns = self.columns.columns.iter();
        columns.map(|column| column.name.as_str()).collect()
    }

    /// How many rows there are.
    #[getter]
    fn rows(&self) -> usize {
        self.columns.rows
    }

    /// The unit of a column, `probability` for probabilities; empty for text and pure numbers.
    fn unit(&self, name: &str) -> PyResult<&str> {
        Ok(&self.column(name)?.unit)
    }

    /// The type of a column's numbers and how many each row has; `None` for text.
    fn kind(&self, name: &str) -> PyResult<Option<(&'static str, usize)>> {
        Ok(match &self.column(name)?.values {
            Values::Single(_) => Some(("float32", 1)),
            Values::Vectors { width, .. } => Some(("float32", *width)),
            Values::Double(_) => Some(("float64", 1)),
            Values::Whole(_) => Some(("int64", 1)),
            _ => None,
        })
    }

    /// The numbers of a column, as bytes; NaN where there is none.
    fn numbers<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyByteArray>> {
        match &self.column(name)?.values {
            Values::Single(values) | Values::Vectors { values, .. } => {
                bytes(py, values, f32::to_ne_bytes)
            }
            Values::Double(values) => bytes(py, values, f64::to_ne_bytes),
            Values::Whole(values) => bytes(py, values, i64::to_ne_bytes),
            _ => Err(PyKeyError::new_err(format!("{name} is text"))),
        }
    }

    /// The text of a column; `None` where there is none.
    fn text<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let column = self.column(name)?;
        PyList::new(py, (0..self.columns.rows).map(|row| column.text_of(row)))
    }

    /// How many rows there are, and the parts of each column, for [`Self::restored`].
    fn state<'py>(&self, py: Python<'py>) -> PyResult<(usize, Vec<Parts<'py>>)> {
        let columns = self.columns.columns.iter().map(|column| {
            let (kind, width) = match &column.values {
                Values::Single(_) => ("single", 1),
                Values::Double(_) => ("double", 1),
                Values::Whole(_) => ("whole", 1),
                Values::Vectors { width, .. } => ("vectors", *width),
                _ => ("text", 1),
            };
            let (values, offsets) = match &column.values {
                Values::Single(values) | Values::Vectors { values, .. } => {
                    (bytes(py, values, f32::to_le_bytes)?, Vec::new())
                }
                Values::Double(values) => (bytes(py, values, f64::to_le_bytes)?, Vec::new()),
                Values::Whole(values) => (bytes(py, values, i64::to_le_bytes)?, Vec::new()),
                Values::Text { offsets, text } => {
                    (PyByteArray::new(py, text.as_bytes()), offsets.clone())
                }
                _ => (PyByteArray::new(py, &[]), vec![0]),
            };
            let validity = PyBytes::new(py, &column.validity);
            let (name, unit) = (column.name.clone(), column.unit.clone());
            Ok((name, unit, kind, width, values, offsets, validity))
        });
        Ok((self.columns.rows, columns.collect::<PyResult<_>>()?))
    }

    /// The table of such a state.
    #[staticmethod]
    fn restored(rows: usize, columns: Vec<StoredParts>) -> PyResult<Self> {
        let column = |(name, unit, kind, width, values, offsets, validity): StoredParts| {
            let values = match kind.as_str() {
                "single" => Values::Single(numbers(&values, f32::from_le_bytes)),
                "double" => Values::Double(numbers(&values, f64::from_le_bytes)),
                "whole" => Values::Whole(numbers(&values, i64::from_le_bytes)),
                "vectors" => Values::Vectors {
                    width,
                    values: numbers(&values, f32::from_le_bytes),
                },
                "text" => Values::Text {
                    offsets,
                    text: String::from_utf8(values.to_vec()).ok()?,
                },
                _ => return None,
            };
            Column::from_parts(name, unit, values, validity.to_vec())
                .filter(|column| column.rows() == rows)
        };
        let columns: Option<Vec<Column>> = columns.into_iter().map(column).collect();
        let columns = columns.ok_or_else(|| PyValueError::new_err("this is no stored result"))?;
        Ok(Self::new(rows, columns))
    }

    /// A capsule with the Arrow type of the rows.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        arrow::schema(py, &self.columns)
    }

    /// A capsule with a stream of the rows as Arrow, without a copy; another type than
    /// its own cannot be asked for.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface lets a producer answer with what it has.
        let _ = requested_schema;
        arrow::stream(py, &self.columns)
    }
}
