//! What a prediction of one molecule rests on: how far it can be trusted, and
//! which atoms it comes from.

use std::ops::Range;

use serde::Serialize;

use crate::chemistry::{AtomOrder, EnvironmentCounts};
use crate::predict::applicability::Assessment;
use crate::predict::gaussian_process;
use crate::predict::{Options, Scorer, Stop, Task, chemistry_error, standardise};
use crate::records::{RowError, Structure};
use crate::tokenizer::{self, MASK};

/// One atom's share in the predictions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtomContribution {
    /// The characters of [`Explanation::smiles`] that stand for the atom.
    pub range: Range<usize>,
    /// For each endpoint, in its unit: the prediction, less the prediction
    /// without knowing the atom.
    pub contributions: Vec<f32>,
}

/// What the model makes of one molecule, in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The molecule as it was scored: its largest fragment as Kekulé SMILES.
    pub smiles: String,
    /// The prediction for each endpoint, in its unit.
    pub values: Vec<f32>,
    /// How far each can be trusted; `None` for a model that does not know.
    pub assessments: Option<Vec<Assessment>>,
    /// The heavy atoms, in the order of `smiles`.
    pub atoms: Vec<AtomContribution>,
}

/// Why a molecule cannot be explained.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExplainError {
    /// It cannot be scored.
    #[error("{}", .0.message)]
    Row(RowError),
    /// The model or the device cannot.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Scorer {
    /// Explains the predictions of one molecule.
    ///
    /// An atom's contribution is found by occlusion: the prediction is made again
    /// with its tokens hidden as in masked language modelling and, where the model
    /// has Gaussian processes, without the environments that it is part of.
    ///
    /// # Errors
    ///
    /// See [`ExplainError`].
    pub async fn explain(
        &self,
        structure: &Structure,
        options: Options,
    ) -> Result<Explanation, ExplainError> {
        let limit = self.config().encoder.max_length;
        let ready = standardise(structure, options, limit).map_err(ExplainError::Row)?;
        let chemistry = |error| ExplainError::Row(chemistry_error(error));
        let written = ready
            .molecule
            .kekule_smiles(AtomOrder::Canonical)
            .map_err(chemistry)?;
        let spans = tokenizer::spans(&ready.tokens);
        let mut order: Vec<usize> = (0..written.atoms.len()).collect();
        order.sort_by_key(|&atom| written.atoms[atom].start);
        let atoms: Vec<Range<usize>> = order
            .iter()
            .map(|&atom| written.atoms[atom].clone())
            .collect();
        // SMILES are ASCII, so that bytes are characters.
        let hidden = atoms.iter().map(|atom| {
            let hide = |(&id, span): (&u32, &Range<usize>)| {
                let of_atom = span.start < atom.end && atom.start < span.end;
                if of_atom { MASK } else { id }
            };
            ready.tokens.iter().zip(&spans).map(hide).collect()
        });
        let sequences: Vec<(usize, Vec<u32>)> = std::iter::once(ready.tokens.clone())
            .chain(hidden)
            .enumerate()
            .collect();
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(sequences.len());
        for batch in self.batches(&sequences) {
            for row in self.forward(batch, Task::Score).await? {
                values.push(row.map_err(ExplainError::Row)?);
            }
        }
        let environments = match self.applicability() {
            Some(_) => Some(gaussian_process::environments(&ready.molecule).map_err(chemistry)?),
            None => None,
        };
        let assessments =
            (self.applicability().zip(environments.as_ref())).map(|(known, own)| known.assess(own));
        if let (Some(processes), Some(whole)) = (self.processes(), environments) {
            let mut without =
                gaussian_process::environments_without_atoms(&ready.molecule).map_err(chemistry)?;
            let own = order.iter().map(|&atom| std::mem::take(&mut without[atom]));
            let all: Vec<EnvironmentCounts> = std::iter::once(whole).chain(own).collect();
            for (values, own) in values.iter_mut().zip(&all) {
                processes.blend(own, values);
            }
        }
        let mut values = values.into_iter();
        let whole = values.next().unwrap_or_default();
        let atoms = atoms.into_iter().zip(values).map(|(range, without)| {
            let shares = whole.iter().zip(without);
            AtomContribution {
                range,
                contributions: shares.map(|(whole, without)| whole - without).collect(),
            }
        });
        Ok(Explanation {
            smiles: written.smiles,
            atoms: atoms.collect(),
            assessments,
            values: whole,
        })
    }
}
