//! Molecules without stereo.

use chematic_core::{BondOrder, Chirality, Element, MoleculeBuilder};

use super::Molecule;

impl Molecule {
    /// The molecule's constitution: the same atoms and bonds without marks of
    /// stereo, so that stereoisomers are one. Atoms keep their numbers and places.
    pub fn constitution(&self) -> Self {
        Self {
            written: flat(&self.written),
            ..self.clone()
        }
    }

    /// Whether the molecule has marks of stereo, on atoms or bonds.
    pub fn has_stereo(&self) -> bool {
        let of_atoms = |(_, atom): (_, &chematic_core::Atom)| atom.chirality != Chirality::None;
        let of_bonds = |(index, bond): (_, &chematic_core::BondEntry)| {
            matches!(bond.order, BondOrder::Up | BondOrder::Down)
                || self.written.bond_direction(index).is_some()
        };
        self.written.atoms().any(of_atoms) || self.written.bonds().any(of_bonds)
    }
}

/// `molecule` without stereo and isotopes. Isotopes of hydrogen stay: those
/// atoms are not folded away, and never part of a scaffold.
pub(super) fn flat(molecule: &chematic_core::Molecule) -> chematic_core::Molecule {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::AtomOrder;

    #[test]
    fn stereoisomers_have_one_constitution_and_atoms_keep_their_places() {
        let text = "C[C@H](N)C(=O)O";
        let molecule = Molecule::parse(text).expect("valid");
        assert!(molecule.has_stereo());
        let flat = molecule.constitution();
        assert!(!flat.has_stereo());
        let mirrored = Molecule::parse("C[C@@H](N)C(=O)O").expect("valid");
        let unmarked = Molecule::parse("CC(N)C(=O)O").expect("valid");
        let smiles = |molecule: &Molecule| molecule.canonical_smiles().expect("written");
        assert_eq!(smiles(&flat), smiles(&mirrored.constitution()));
        assert_eq!(smiles(&flat), smiles(&unmarked));
        assert_eq!(flat.input_range(1), Some(1..6));
        for (one, other) in [
            ("F/C=C/F", "F/C=C\\F"),
            ("C[C@H]1CC[C@@H](O)CC1", "CC1CCC(O)CC1"),
            ("O=C1C=C[C@]2(C)[C@H](CC1)N2", "O=C1C=CC2(C)C(CC1)N2"),
            ("C/C=N/O", "CC=NO"),
        ] {
            let of = |text: &str| Molecule::parse(text).expect("valid").constitution();
            assert_eq!(smiles(&of(one)), smiles(&of(other)), "{one}");
            let kekule = of(one)
                .kekule_string(AtomOrder::Canonical)
                .expect("written");
            assert!(!kekule.contains(['@', '/', '\\']), "{kekule}");
        }
    }
}
