//! Bemis-Murcko scaffolds (J. Med. Chem. 1996, 39, 2887), as RDKit's
//! `MurckoScaffoldSmiles` cuts and writes them.

use chematic_smiles::rdkit_murcko_scaffold;

use super::constitution::flat;
use super::{ChemistryError, Molecule, cannot_write};

impl Molecule {
    /// The canonical SMILES of the molecule's scaffold: its rings, what links
    /// them, and atoms doubly bonded to these. It has neither stereo nor
    /// isotopes, so that stereoisomers share one. `None` for a molecule without
    /// rings.
    ///
    /// # Errors
    ///
    /// If the scaffold cannot be written.
    pub fn scaffold(&self) -> Result<Option<String>, ChemistryError> {
        let scaffold = rdkit_murcko_scaffold(&flat(&self.written)).map_err(cannot_write)?;
        Ok(Some(scaffold).filter(|smiles| !smiles.is_empty()))
    }
}
