//! Token sequences of a molecule, and how they are put into batches.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::scorer::Scored;
use super::standardize::Standardized;
use crate::chemistry::{AtomOrder, Molecule};
use crate::model::WideFeatures;
use crate::records::RowError;
use crate::tokenizer;

/// Tokens of one batch, padding included. Large enough to keep the cores or a
/// GPU busy, small enough that a cancel is felt at once.
const BATCH_TOKENS: usize = 4096;
/// Attention scores of one batch: half of the 128 MiB that WebGPU promises for
/// one buffer.
const BATCH_SCORES: usize = 1 << 24;
/// Rows of one batch at most.
const BATCH_ROWS: usize = 128;

/// What the model reads of one SMILES of a row.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The tokens.
    pub(crate) ids: Vec<u32>,
    /// What the head reads beside them, where it does.
    pub(crate) wide: Option<Arc<WideFeatures>>,
}

impl AsRef<[u32]> for Input {
    fn as_ref(&self) -> &[u32] {
        &self.ids
    }
}

/// Cuts sequences, in ascending length, into batches for a model of `heads`
/// attention heads.
pub(crate) fn batches(
    sequences: &[(usize, Input)],
    heads: usize,
) -> impl Iterator<Item = &[(usize, Input)]> {
    let mut rest = sequences;
    std::iter::from_fn(move || {
        let (batch, later) = rest.split_at_checked(batch_rows(rest, heads).max(1))?;
        rest = later;
        Some(batch)
    })
}

/// Rows of the next batch, given sequences in ascending length.
fn batch_rows(sequences: &[(usize, Input)], heads: usize) -> usize {
    let fits = |rows: usize, length: usize| {
        rows * length <= BATCH_TOKENS && rows * heads * length * length <= BATCH_SCORES
    };
    sequences
        .iter()
        .take(BATCH_ROWS)
        .enumerate()
        .take_while(|(index, (_, input))| *index == 0 || fits(index + 1, input.ids.len()))
        .count()
}

/// What the SMILES of one row have come to: see
/// [`PredictOptions::augmentations`](super::PredictOptions::augmentations).
#[derive(Clone, Debug, Default)]
pub(super) struct Augmented {
    /// How many there are to be.
    count: usize,
    /// How many there were.
    done: usize,
    sums: Vec<f32>,
    error: Option<RowError>,
}

impl Augmented {
    pub(super) fn of(count: usize) -> Self {
        Self {
            count,
            ..Self::default()
        }
    }

    /// Adds the values of one SMILES; the mean once the last is in.
    pub(super) fn add(&mut self, values: Scored) -> Option<Scored> {
        match values {
            Ok(values) if self.sums.is_empty() => self.sums = values,
            Ok(values) => {
                for (sum, value) in self.sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            Err(error) => self.error = Some(error),
        }
        self.done += 1;
        if self.done < self.count {
            return None;
        }
        let count = self.done as f32;
        Some(match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self.sums.drain(..).map(|sum| sum / count).collect()),
        })
    }
}

impl Standardized {
    /// The tokens of `count` SMILES of the molecule: the canonical one, and
    /// random ones that fit into `limit` tokens.
    pub(super) fn augmented(
        &self,
        count: NonZeroUsize,
        limit: usize,
    ) -> Result<Vec<Vec<u32>>, RowError> {
        let mut sequences = vec![self.tokens.clone()];
        if count.get() > 1 {
            // Random orders are those of the molecule's atoms: read it again
            // from its canonical SMILES, so that they do not depend on how it
            // was written.
            let canonical = Molecule::parse(&self.molecule().canonical_smiles()?)?;
            sequences.extend((1..count.get() as u64).filter_map(|draw| {
                let written = canonical.kekule_string(AtomOrder::Random(draw)).ok()?;
                tokenizer::tokenize(&written, limit).ok()
            }));
        }
        Ok(sequences)
    }
}
