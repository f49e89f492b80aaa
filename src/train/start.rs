//! Where a run's encoder comes from.

use std::path::Path;

use crate::model_dir::{ModelFiles, StoringError};
use crate::train::run_dir;

/// What a configuration names as `start` for the pre-trained encoder that is
/// built in. A directory of this name is meant by `./built-in`.
pub const BUILT_IN: &str = "built-in";

/// The files of the model that a run starts from: the one built in, that of a
/// model directory, or the model of a run directory.
///
/// # Errors
///
/// Where there is no such model.
pub fn start_files(start: &Path) -> Result<ModelFiles<'static>, StoringError> {
    if start == Path::new(BUILT_IN) {
        return built_in();
    }
    match start.join(run_dir::MODEL) {
        model if model.is_dir() => ModelFiles::read(&model),
        _ => ModelFiles::read(start),
    }
}

#[cfg(feature = "embedded")]
#[allow(
    clippy::unnecessary_wraps,
    reason = "without the feature there is no model"
)]
fn built_in() -> Result<ModelFiles<'static>, StoringError> {
    Ok(ModelFiles::embedded_pretrained())
}

#[cfg(not(feature = "embedded"))]
fn built_in() -> Result<ModelFiles<'static>, StoringError> {
    Err(StoringError::Io {
        path: BUILT_IN.into(),
        source: std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "no pre-trained encoder was built in: name a model directory to start from, or none",
        ),
    })
}
