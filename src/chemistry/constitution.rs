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

    /// Whether the molecule has stereo: marks on atoms or bonds that tell it from another
    /// molecule. A drawing marks every double bond and a text may mark any atom, also where
    /// there is but one way to arrange their neighbours.
    pub fn has_stereo(&self) -> bool {
        self.has_marks_of_stereo()
            && self
                .canonical_smiles()
                .map_or(true, |smiles| smiles.contains(['@', '/', '\\']))
    }

    /// Whether atoms or bonds have marks of stereo, whatever they tell.
    pub(crate) fn has_marks_of_stereo(&self) -> bool {
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

    /// What is drawn is the same molecule, and its marks mean as much as in the text.
    #[cfg(feature = "drawing")]
    #[test]
    fn marks_that_tell_nothing_are_no_stereo() {
        for (text, has_stereo) in [
            ("CN(C)CCC=C1c2ccccc2C=Cc2ccccc21", false),
            ("Clc1ccc2c(c1)CCc1cccnc1C2=C1CCNCC1", false),
            ("CC(C)=CCO", false),
            ("CC(C)=NO", false),
            ("C/C(C)=C/CO", false),
            ("C[C@H](C)O", false),
            ("C/C=C/CO", true),
            ("C[C@H](N)O", true),
            ("C[C@H]1CC[C@@H](C)CC1", true),
            ("C/C=N/O", true),
        ] {
            let molecule = Molecule::parse(text).expect(text);
            let block = molecule.to_mol_block("").expect(text);
            let drawn = Molecule::from_mol_block(&block).expect(text);
            let found = [molecule.has_stereo(), drawn.has_stereo()];
            assert_eq!(found, [has_stereo; 2], "{text}");
        }
    }

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
