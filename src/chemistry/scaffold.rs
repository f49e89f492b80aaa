//! Bemis-Murcko scaffolds (J. Med. Chem. 1996, 39, 2887), as RDKit's
//! `MurckoScaffoldSmiles` cuts and writes them.

use chematic_core::{BondOrder, Chirality, Element, MoleculeBuilder};
use chematic_smiles::rdkit_murcko_scaffold;

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

/// `molecule` without stereo and isotopes. Isotopes of hydrogen stay: those
/// atoms are not folded away, and never part of a scaffold.
fn flat(molecule: &chematic_core::Molecule) -> chematic_core::Molecule {
    let mut builder = MoleculeBuilder::new();
    for (_, atom) in molecule.atoms() {
        let mut atom = atom.clone();
        atom.chirality = Chirality::None;
        if atom.wildcard || atom.element != Element::H {
            atom.isotope = None;
        }
        builder.add_atom(atom);
    }
    for (_, bond) in molecule.bonds() {
        let order = match bond.order {
            BondOrder::Up | BondOrder::Down => BondOrder::Single,
            order => order,
        };
        // The same atoms and bonds fit here as they did there.
        let _ = builder.add_bond(bond.atom1, bond.atom2, order);
    }
    builder.build()
}
