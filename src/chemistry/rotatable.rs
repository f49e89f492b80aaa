//! Rotatable bonds, as RDKit counts them.

use chematic_core::{AtomIdx, BondIdx, BondOrder, Element, Molecule, implicit_hcount};
use chematic_perception::ring_bond_flags_shared;
use chematic_smarts::with_perceived_target;

/// How many bonds of `model` are rotatable, by RDKit's strict definition
/// (`CalcNumRotatableBonds`): single bonds outside rings between two atoms that
/// [may turn](Bonds::may_turn), one of which is not [held](Bonds::is_held).
///
/// The crate looks for the pattern itself, atom by atom, which was a third of the time of all
/// descriptors. RDKit's pattern also names amidines that are protonated; all of them are among
/// the other amides.
pub(super) fn rotatable_bonds(model: &Molecule) -> usize {
    with_perceived_target(model, |model| {
        let bonds = Bonds {
            model,
            in_ring: &ring_bond_flags_shared(model),
        };
        let all = model.bonds().filter(|&(index, bond)| {
            let ends = [bond.atom1, bond.atom2];
            (is_single(bond.order) || bond.order == BondOrder::Aromatic)
                && !bonds.in_ring[index.0 as usize]
                && ends.iter().all(|&end| bonds.may_turn(end))
                && ends.iter().any(|&end| !bonds.is_held(end))
        });
        all.count()
    })
}

/// The bonds of a molecule.
struct Bonds<'a> {
    model: &'a Molecule,
    in_ring: &'a [bool],
}

impl Bonds<'_> {
    /// Whether turning about a bond to `atom` changes anything: not about one to a terminal
    /// atom, to the end of a triple bond, to a methyl, a trihalomethyl of one halogen or a
    /// *tert*-butyl group.
    fn may_turn(&self, atom: AtomIdx) -> bool {
        let has_three = |is_it: &dyn Fn(AtomIdx) -> bool| {
            let bonds = self
                .around(atom)
                .filter(|&(_, order)| is_single(order) || order == BondOrder::Aromatic);
            bonds.filter(|&(other, _)| is_it(other)).count() >= 3
        };
        let are = |element: Element| has_three(&|other| self.is_aliphatic(other, element));
        let is_top = || {
            self.is_methyl(atom)
                || [Element::F, Element::CL, Element::BR].into_iter().any(are)
                || has_three(&|other| self.is_methyl(other))
        };
        self.degree(atom) != 1
            && self
                .around(atom)
                .all(|(_, order)| order != BondOrder::Triple)
            && !(self.is_aliphatic(atom, Element::C) && is_top())
    }

    /// Whether `atom` is the carbon of an amide, ester, thioester or imide, or the atom beside it.
    /// That also holds bonds between two such groups, as the middle one of an oxalate, and is
    /// RDKit's convention.
    fn is_held(&self, atom: AtomIdx) -> bool {
        self.is_acyl(atom) && self.open(atom).any(|other| self.is_acyl_partner(other))
            || self.is_acyl_partner(atom) && self.open(atom).any(|other| self.is_acyl(other))
    }

    /// Whether `atom` is a carbon of three neighbours with a double bond to N, O or S.
    fn is_acyl(&self, atom: AtomIdx) -> bool {
        let is_hetero = |other| {
            let elements = [Element::N, Element::O, Element::S];
            elements
                .into_iter()
                .any(|one| self.is_aliphatic(other, one))
        };
        self.is_aliphatic(atom, Element::C)
            && self.degree(atom) == 3
            && self
                .around(atom)
                .any(|(other, order)| order == BondOrder::Double && is_hetero(other))
    }

    /// Whether `atom` is what makes an acyl group an amide, an ester or a thioester.
    fn is_acyl_partner(&self, atom: AtomIdx) -> bool {
        let data = self.model.atom(atom);
        (!data.wildcard && data.element == Element::N)
            || self.is_aliphatic(atom, Element::O)
            || (self.is_aliphatic(atom, Element::S) && self.degree(atom) != 1)
    }

    fn is_methyl(&self, atom: AtomIdx) -> bool {
        self.is_aliphatic(atom, Element::C) && self.hydrogens(atom) == 3
    }

    fn is_aliphatic(&self, atom: AtomIdx, element: Element) -> bool {
        let data = self.model.atom(atom);
        !data.wildcard && data.element == element && !data.aromatic
    }

    /// All of them: those that are atoms of the graph, as of an isotope, as well.
    fn hydrogens(&self, atom: AtomIdx) -> usize {
        let is_hydrogen = |&(other, _): &(AtomIdx, BondIdx)| {
            let data = self.model.atom(other);
            !data.wildcard && data.element == Element::H
        };
        let explicit = self.model.neighbors(atom).filter(is_hydrogen).count();
        explicit + usize::from(implicit_hcount(self.model, atom))
    }

    fn degree(&self, atom: AtomIdx) -> usize {
        self.model.neighbors(atom).count()
    }

    /// The neighbours, and how they are bonded.
    fn around(&self, atom: AtomIdx) -> impl Iterator<Item = (AtomIdx, BondOrder)> + '_ {
        let neighbors = self.model.neighbors(atom);
        neighbors.map(|(other, bond)| (other, self.model.bond(bond).order))
    }

    /// Neighbours over single bonds outside rings.
    fn open(&self, atom: AtomIdx) -> impl Iterator<Item = AtomIdx> + '_ {
        let neighbors = self.model.neighbors(atom).filter(|(_, bond)| {
            is_single(self.model.bond(*bond).order) && !self.in_ring[bond.0 as usize]
        });
        neighbors.map(|(other, _)| other)
    }
}

/// Whether a bond is single, drawn with a direction or not.
pub(super) fn is_single(order: BondOrder) -> bool {
    matches!(order, BondOrder::Single | BondOrder::Up | BondOrder::Down)
}

#[cfg(test)]
mod tests {
    use chematic_smiles::with_rdkit_model_molecule;

    use super::*;

    /// Counted by RDKit 2026.09.1.
    #[test]
    fn bonds_are_counted_as_rdkit_counts_them() {
        for (smiles, expected) in [
            ("CC(=O)Oc1ccccc1C(=O)O", 2),
            ("CCCC", 1),
            ("CC", 0),
            ("CCO", 0),
            ("C", 0),
            ("CC#CCC", 0),
            ("CCC#N", 0),
            ("CC(C)(C)CC", 0),
            ("CC(C)(C)c1ccccc1", 0),
            ("FC(F)(F)CC", 0),
            ("FC(F)(Cl)CC", 1),
            ("ClC(Cl)(Cl)OC", 0),
            ("FC(F)(F)Oc1ccccc1", 1),
            ("CNC(=O)CC", 1),
            ("CC(=S)SCC", 1),
            ("CC(=O)SC", 0),
            ("CC(=O)S", 0),
            ("CCC(=N)NCC", 2),
            ("CCC(=[NH2+])NCC", 2),
            ("CC=NOC", 1),
            ("CCC(C)=NN", 1),
            ("c1ccccc1-c1ccccc1", 1),
            ("c1ccc(-c2ccccn2)cc1", 1),
            ("O=C1CCCN1CC", 1),
            ("O=C(c1ccccc1)n1cccc1", 1),
            ("CSSC", 1),
            ("CCS(=O)(=O)NC", 2),
            ("CC(=O)N(CC)C(C)=O", 1),
            ("[2H]C([2H])([2H])CC", 0),
            ("[2H]C([2H])([2H])OC", 0),
            ("NC(=O)C(N)=O", 0),
            ("CC(=O)NNC(C)=O", 0),
            ("CCOC(=O)C(=O)OCC", 2),
            ("NC(=O)NCC", 1),
            ("CCOC(=O)OCC", 2),
            ("C/C=C/C(C)C", 1),
            ("CCN=C=O", 1),
            ("OCCO", 1),
            ("[H]OCC", 0),
            ("C[N+](C)(C)CC", 1),
            ("CCP(=O)(OC)OC", 3),
            ("CC[Si](C)(C)C", 1),
            ("C[N+](=O)[O-]", 0),
            ("CC[N+](=O)[O-]", 1),
            ("CC(C)(C)C(C)(C)C", 0),
            ("BrC(Br)(Br)CBr", 0),
            ("CC(=O)C(=O)O", 1),
            ("C=CC=C", 1),
            ("CN=Nc1ccccc1", 1),
            ("CCc1ccccc1CC=O", 3),
        ] {
            let molecule = crate::chemistry::Molecule::parse(smiles).expect(smiles);
            let found = with_rdkit_model_molecule(&molecule.written, |model| {
                // The crate looks for RDKit's pattern.
                let pattern = chematic_chem::rotatable_bond_count(model);
                [rotatable_bonds(model), pattern]
            });
            assert_eq!(found, [expected; 2], "{smiles}");
        }
    }
}
