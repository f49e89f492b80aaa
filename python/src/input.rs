//! Molecules as Python has them.

use delicate::records::{RowError, Structure};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};

use crate::arrow::{self, Texts};

/// What a column of molecules is called in messages.
const COLUMN: &str = "smiles";

/// A column of SMILES.
pub(crate) enum Molecules {
    /// Of a library that hands out its own.
    Column(Texts),
    /// Taken from Python's objects, one by one.
    Items(Vec<Result<Option<String>, String>>),
}

impl Molecules {
    /// The column that `object` is: of Arrow, or of anything that can be gone through.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(
                "molecules are a list or a column of SMILES: pass [smiles] for one",
            ));
        }
        if let Some(texts) = arrow::texts(object)? {
            return Ok(Self::Column(texts));
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
                Err(kind) => Err(not_text(&format!("this is a Python `{kind}`"))),
            },
        })
        .collect()
    }
}

/// The text of an item, `None` where it is missing, or what kind of object it is.
fn item_of(item: &Bound<'_, PyAny>) -> PyResult<Result<Option<String>, String>> {
    if let Ok(text) = item.cast::<PyString>() {
        return Ok(Ok(Some(text.to_cow()?.into_owned())));
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
    Ok(Err(kind()?))
}

fn not_text(what: &str) -> RowError {
    RowError::new("not_text", format!("SMILES are text; {what}"))
}
