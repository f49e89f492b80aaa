//! `delicate standardize`.

use delicate::chemistry::Keep;
use delicate::predict::standardize_all;
use delicate::records::{Columns, Row};

use crate::error::CommandError;
use crate::rows::{Computed, MoleculeRowsArguments};

pub(crate) fn run(arguments: &MoleculeRowsArguments) -> Result<(), CommandError> {
    let compute = |rows: &[Row], keep: Keep| {
        let done = standardize_all(rows, keep);
        Computed {
            standardizations: done.iter().map(|one| one.as_ref().ok().cloned()).collect(),
            rows: done.into_iter().map(|one| Some(one.map(|_| ()))).collect(),
            stop: None,
        }
    };
    arguments.run("standardize", Columns::Standardized, compute)
}
