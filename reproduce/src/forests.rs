//! Random forests on count fingerprints and descriptors: what the ADMET model has to
//! beat, and its teacher. They are scikit-learn's on RDKit's features, nothing of ours
//! (`admet/forest.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{command, files};

/// Molecules of the corpus that the forests predict, beside those with labels.
const CORPUS_MOLECULES: &str = "120000";

/// How the forest of an endpoint does on test molecules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forest {
    /// Molecules that it was fitted to.
    pub(crate) train: usize,
    /// Molecules that it was measured by.
    pub(crate) test: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rmse: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) roc_auc: Option<f64>,
}

/// Forests by their endpoints.
pub(crate) type Forests = BTreeMap<String, Forest>;

/// Fits the forests to the training molecules of `run` unless that is done: the table of
/// their predictions, and how they do.
pub(crate) fn fit(run: &Path, corpus: &Path, runs: &Path) -> Result<(PathBuf, Forests)> {
    let table = runs.join("admet-forest.csv");
    let evaluation = runs.join("admet-forest.json");
    if !table.is_file() {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("admet");
        let python = python(&scripts, runs)?;
        let mut fit = Command::new(python);
        fit.arg(scripts.join("forest.py")).arg(run);
        fit.args(["--molecules", CORPUS_MOLECULES, "--corpus"])
            .arg(corpus);
        fit.arg("--evaluation").arg(&evaluation);
        command::run(fit.arg("-o").arg(&table))?;
    }
    Ok((table, files::json(&evaluation)?))
}

/// A Python that has what the scripts need, in a virtual environment among the runs.
fn python(scripts: &Path, runs: &Path) -> Result<PathBuf> {
    let environment = runs.join("python");
    let program = match cfg!(windows) {
        true => environment.join("Scripts").join("python.exe"),
        false => environment.join("bin").join("python"),
    };
    if !program.is_file() {
        command::run(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
        )?;
    }
    let mut install = Command::new(&program);
    install.args(["-m", "pip", "install", "--quiet", "--requirement"]);
    command::run(install.arg(scripts.join("requirements.txt")))?;
    Ok(program)
}
