//! The one standard form of a molecule, for prediction, screening and training.

use crate::chemistry::{AtomOrder, Molecule};
use crate::records::{MoleculeSource, RowError, Structure};
use crate::tokenizer::{self, TokenError};

/// Parses a molecule; with `largest_fragment`, salts and solvents are left out.
///
/// # Errors
///
/// That of the row, or why its molecule cannot be read.
pub(crate) fn parse(
    molecule: &impl MoleculeSource,
    largest_fragment: bool,
) -> Result<Molecule, RowError> {
    let structure = molecule.structure().map_err(Clone::clone)?;
    let molecule = structure.parse()?;
    Ok(if largest_fragment {
        molecule.largest_fragment()
    } else {
        molecule
    })
}

/// A molecule made ready for the model.
#[derive(Clone, Debug)]
pub(crate) struct Standardized {
    /// The molecule, reduced to its largest fragment if that was asked for.
    pub(crate) molecule: Molecule,
    /// Its tokens, in canonical order.
    pub(crate) tokens: Vec<u32>,
}

impl Standardized {
    /// Parses, standardises and tokenises one molecule, to at most `limit` tokens.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or not by the model.
    pub(crate) fn new(
        source: &impl MoleculeSource,
        largest_fragment: bool,
        limit: usize,
    ) -> Result<Self, RowError> {
        let molecule = parse(source, largest_fragment)?;
        // In canonical order, so that a molecule scores the same however it is
        // written.
        let written = molecule.kekule_string(AtomOrder::Canonical)?;
        let tokens = tokenizer::tokenize(&written, limit).map_err(|error| {
            let position = match (&error, source.structure()) {
                (TokenError::OutOfVocabulary { position, .. }, Ok(Structure::Smiles(input))) => {
                    position_in(input, &molecule, *position)
                }
                _ => None,
            };
            RowError::new(error.code(), error.to_string()).at(position)
        })?;
        Ok(Self { molecule, tokens })
    }
}

/// The character of the user's SMILES that became the character at `position`
/// of the standardised one.
fn position_in(input: &str, molecule: &Molecule, position: usize) -> Option<usize> {
    let written = molecule.kekule_smiles(AtomOrder::Canonical).ok()?;
    let atom = written
        .atoms
        .iter()
        .position(|range| range.contains(&position))?;
    let start = molecule.input_range(atom)?.start;
    Some(input.get(..start)?.chars().count())
}
