//! `delicate properties`.

use delicate::chemistry::Keep;
use delicate::predict::{StandardForm, properties_all};
use delicate::records::{Columns, Row};

use crate::error::CommandError;
use crate::rows::{Computed, MoleculeRowsArguments};

pub(crate) fn run(arguments: &MoleculeRowsArguments) -> Result<(), CommandError> {
    let compute = |rows: &[Row], keep: Keep| {
        let mut computed = Computed {
            rows: Vec::with_capacity(rows.len()),
            standardizations: Vec::with_capacity(rows.len()),
            stop: None,
        };
        for one in properties_all(rows, StandardForm::Parent, keep) {
            let (row, standardization) = match one {
                Ok((properties, standardization)) => (Ok(properties), Some(standardization)),
                Err(error) => (Err(error), None),
            };
            computed.rows.push(Some(row));
            computed.standardizations.push(standardization);
        }
        computed
    };
    arguments.run("properties", Columns::Properties, compute)
}
