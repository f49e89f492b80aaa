//! Molecules as Python has them.

use delicate::records::{RowError, Structure};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyFloat, PyString};

use crate::arrow::{self, Texts};

/// What a column of molecules is called in messages.
const COLUMN: &str = "smiles";

/// A column of SMILES.
pub(crate) enum Molecules {
    /// Of a library that hands out its own.
    Column(Texts),
    /// Taken from Python's objects, one by one, each with what it is where it is no text.
    Items(Vec<Result<Option<String>, String>>),
}

impl Molecules {
    /// The column that `object` is: of Arrow, or of anything that can be gone through.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let is_one = object.is_instance_of::<PyString>()
            || object.is_instance_of::<PyBytes>()
            || object.is_instance_of::<PyByteArray>();
        if is_one {
            return Err(PyTypeError::new_err(
                "molecules are a list or a column of SMILES: pass [smiles] for one",
            ));
        }
        if object.get_type().name()? == "LazyFrame" {
            return Err(PyTypeError::new_err(
                "a lazy frame has no rows yet: collect() it first, and pass one column of it",
            ));
        }
        if let Some(texts) = arrow::texts(object)? {
            return Ok(Self::Column(texts));
        }
        // One that does not hand itself out would give the names of its columns.
        if object.get_type().name()? == "DataFrame" {
            return Err(PyTypeError::new_err(arrow::TABLE));
        }
        let items = object.try_iter().map_err(|_| {
            let kind = object.get_type();
            PyTypeError::new_err(format!(
                "molecules are a list or a column of SMILES, not {kind}"
            ))
        })?;
        let items = items.map(|item| item_of(&item?));
        Ok(Self::Items(items.collect::<PyResult<_>>()?))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Column(texts) => texts.rows(),
            Self::Items(items) => items.len(),
        }
    }

    /// The molecules of these rows, each with its error where it has none.
    pub(crate) fn chunk(&self, rows: std::ops::Range<usize>) -> Vec<Result<Structure, RowError>> {
        rows.map(|row| match self {
            Self::Column(texts) => match texts.get(row) {
                None => Structure::from_cell("", COLUMN),
                Some(Ok(text)) => Structure::from_cell(text, COLUMN),
                Some(Err(error)) => Err(not_text(&format!("this is no UTF-8: {error}"))),
            },
            Self::Items(items) => match &items[row] {
                Ok(text) => Structure::from_cell(text.as_deref().unwrap_or(""), COLUMN),
                Err(what) => Err(not_text(what)),
            },
        })
        .collect()
    }
}

/// The text of an item, `None` where it is missing, or in half a sentence what it is.
fn item_of(item: &Bound<'_, PyAny>) -> PyResult<Result<Option<String>, String>> {
    if let Ok(text) = item.cast::<PyString>() {
        return Ok(match text.to_cow() {
            Ok(text) => Ok(Some(text.into_owned())),
            // Python's text may hold what no Unicode has: half of a pair.
            Err(_) => Err("this holds a lone surrogate, which is no character".to_owned()),
        });
    }
    let is_nan = || {
        item.cast::<PyFloat>()
            .is_ok_and(|number| number.value().is_nan())
    };
    let kind = || item.get_type().name().map(|name| name.to_string());
    // The last is what pandas marks a missing value with.
    if item.is_none() || is_nan() || kind()? == "NAType" {
        return Ok(Ok(None));
    }
    Ok(Err(format!("this is a Python `{}`", kind()?)))
}

fn not_text(what: &str) -> RowError {
    RowError::new("not_text", format!("SMILES are text; {what}"))
}
