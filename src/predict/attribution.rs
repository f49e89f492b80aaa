//! What a prediction of one molecule rests on: how far it can be trusted, and
//! which atoms it comes from.

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use super::batching::{Input, batches};
use super::scorer::finite;
use super::{
    PredictOptions, Prediction, Scorer, Standardization, Standardized, Stop, Task, gaussian_process,
};
use crate::chemistry::{AtomOrder, EnvironmentCounts};
use crate::records::{MoleculeSource, RowError};
use crate::tokenizer::{self, MASK};

/// One atom's contribution to the predictions.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[non_exhaustive]
pub struct AtomContribution {
    /// The characters of [`Explanation::smiles`] that stand for the atom.
    #[cfg_attr(feature = "typescript", tsify(type = "{ start: number; end: number }"))]
    pub range: Range<usize>,
    /// For each endpoint, in its [unit](Explanation::units): the prediction, less the
    /// prediction without knowing the atom.
    pub contributions: Vec<f32>,
}

/// What the model makes of one molecule, in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[non_exhaustive]
pub struct Explanation {
    /// The molecule as it was scored: in standard form, as Kekulé SMILES.
    pub smiles: String,
    /// What was done to the molecule before.
    pub standardization: Standardization,
    /// One prediction an endpoint, with its uncertainty where the model is
    /// calibrated.
    pub predictions: Vec<Prediction>,
    /// The unit of each endpoint's contributions: that of its values, or where their
    /// logarithm is learnt, that of the logarithm, such as `log10 h`.
    pub units: Vec<String>,
    /// Where each value stands among the model's reference molecules, in words: `more
    /// soluble than 82 % of marketed drugs`; null for a model that has none.
    #[cfg_attr(feature = "typescript", tsify(type = "(string | null)[]"))]
    pub standings: Vec<Option<String>>,
    /// The heavy atoms, in the order of `smiles`.
    pub atoms: Vec<AtomContribution>,
}

/// Why a molecule cannot be explained.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// It cannot be scored.
    #[error(transparent)]
    Row(#[from] RowError),
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
        molecule: &impl MoleculeSource,
        options: PredictOptions,
    ) -> Result<Explanation, ExplainError> {
        let limit = self.config().encoder.max_length;
        let ready = Standardized::new(molecule, self.treatment(options), limit)?;
        let chemistry = |error| ExplainError::Row(RowError::from(error));
        let written = ready
            .molecule()
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
        // Descriptors of a molecule that lacks an atom are not known: they stay.
        let wide = self.wide_features(ready.molecule(), Task::Score)?;
        let mut wides = vec![wide.clone().map(Arc::new)];
        if let (Some(inputs), Some(whole)) = (&self.config().wide, &wide) {
            let without = gaussian_process::environments_without_atoms(ready.molecule())
                .map_err(chemistry)?;
            wides.extend(order.iter().map(|&atom| {
                let left = whole.with_environments(&without[atom], inputs.buckets);
                Some(Arc::new(left))
            }));
        }
        let mut wides = wides.into_iter();
        let sequences: Vec<(usize, Input)> = std::iter::once(ready.tokens.clone())
            .chain(hidden)
            .map(|ids| Input {
                ids,
                wide: wides.next().flatten(),
            })
            .enumerate()
            .collect();
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(sequences.len());
        for batch in batches(&sequences, self.config().encoder.num_attention_heads) {
            for row in self.forward(batch, Task::Score).await? {
                values.push(row?);
            }
        }
        let environments = match self.applicability() {
            Some(_) => Some(gaussian_process::environments(ready.molecule()).map_err(chemistry)?),
            None => None,
        };
        let undefined = self.undefined(ready.molecule());
        let standings = self
            .applicability()
            .zip(environments.as_ref())
            .map(|(known, counts)| self.standings(known, &undefined, counts));
        if let (Some(processes), Some(whole)) = (self.processes(), environments) {
            let mut without = gaussian_process::environments_without_atoms(ready.molecule())
                .map_err(chemistry)?;
            let own = order.iter().map(|&atom| std::mem::take(&mut without[atom]));
            let all: Vec<EnvironmentCounts> = std::iter::once(whole).chain(own).collect();
            for (values, own) in values.iter_mut().zip(&all) {
                processes.blend(own, values);
                *values = finite(std::mem::take(values))?;
            }
        }
        let mut values = values.into_iter();
        let whole = values.next().unwrap_or_default();
        let atoms = atoms.into_iter().zip(values).map(|(range, without)| {
            let shares = whole.iter().zip(without);
            AtomContribution {
                range,
                contributions: {
                    let all: Vec<f32> = shares.map(|(whole, without)| whole - without).collect();
                    self.asked(&all)
                },
            }
        });
        let predictions = self.predictions(&whole, &undefined, standings.as_deref());
        let reference = self.config().reference.as_ref();
        let standing = |one: &Prediction| one.standing(reference?);
        Ok(Explanation {
            standardization: ready.form.record()?,
            smiles: written.smiles,
            units: self.endpoints().iter().map(|e| e.learnt_unit()).collect(),
            atoms: atoms.collect(),
            standings: predictions.iter().map(standing).collect(),
            predictions,
        })
    }
}
