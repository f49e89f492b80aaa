//! Errors as the page sees them: an `Error` with a `code`.

use delicate::chemistry::{ChemistryError, SmartsError};
use delicate::device::DeviceError;
use delicate::model_dir::ModelDirError;
use delicate::predict::Stop;
use delicate::predict::attribution::ExplainError;
use delicate::records::RecordsError;
use wasm_bindgen::JsValue;

/// An error with a name that programs can test.
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    /// Columns to choose from, where the wrong one was named.
    columns: Vec<String>,
    /// The offending character of a text, from 0.
    position: Option<usize>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
            columns: Vec::new(),
            position: None,
        }
    }
}

impl From<SmartsError> for Failure {
    fn from(error: SmartsError) -> Self {
        Self {
            position: error.position(),
            ..Self::new("smarts", error)
        }
    }
}

impl From<ChemistryError> for Failure {
    fn from(error: ChemistryError) -> Self {
        Self::new("row", error)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Self::new("device", error)
    }
}

impl From<ModelDirError> for Failure {
    fn from(error: ModelDirError) -> Self {
        Self::new("model", error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::new("device_lost", stop)
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Row(error) => Self::new("row", error.message),
            ExplainError::Stop(stop) => stop.into(),
            other => Self::new("explain", other),
        }
    }
}

impl From<RecordsError> for Failure {
    fn from(error: RecordsError) -> Self {
        let message = error.to_string();
        let (code, columns) = match error {
            RecordsError::UnknownColumn { columns, .. }
            | RecordsError::NoSuchPlace { columns, .. } => ("unknown_column", columns),
            RecordsError::NoSmilesColumn { columns } => ("no_smiles_column", columns),
            _ => ("file", Vec::new()),
        };
        Self {
            code,
            message,
            columns,
            position: None,
        }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let error = js_sys::Error::new(&failure.message);
        let columns: js_sys::Array = failure.columns.iter().map(JsValue::from).collect();
        // Setting a property of an object just made cannot fail.
        let _ = js_sys::Reflect::set(&error, &"code".into(), &failure.code.into());
        let _ = js_sys::Reflect::set(&error, &"columns".into(), &columns);
        if let Some(position) = failure.position {
            let _ = js_sys::Reflect::set(&error, &"position".into(), &position.into());
        }
        error.into()
    }
}
