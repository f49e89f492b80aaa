//! Properties of molecules in the form in which they are scored.

use super::standardize::{Form, StandardForm, Standardization, Treatment};
use crate::chemistry::{Keep, Properties};
use crate::parallel;
use crate::records::{MoleculeSource, RowError};

/// The properties of each of `molecules` in the standard form of that name, and what was
/// done to it, on all cores where there are several.
pub fn properties_all<M: MoleculeSource>(
    molecules: &[M],
    form: StandardForm,
    keep: Keep,
) -> Vec<Result<(Properties, Standardization), RowError>> {
    parallel::map(molecules, |molecule| {
        let form = Form::new(molecule, Treatment { form, keep })?;
        Ok((form.molecule.properties()?, form.record()?))
    })
}
