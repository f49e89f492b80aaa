//! Bond directions (`/`, `\`) that contradict each other.

use chematic_core::{AtomIdx, BondIdx, BondOrder, Molecule};

/// Whether the directions of `molecule`, as a SMILES writes them, put both
/// neighbours of an atom of a double bond on one side of it. Every reader leaves
/// the geometry open then.
pub(super) fn contradict(molecule: &Molecule) -> bool {
    let directed = |order| matches!(order, BondOrder::Up | BondOrder::Down);
    if !molecule.bonds().any(|(_, bond)| directed(bond.order)) {
        return false;
    }
    let double = |(_, bond): &(AtomIdx, BondIdx)| molecule.bond(*bond).order == BondOrder::Double;
    molecule.atoms().any(|(atom, _)| {
        if molecule.neighbors(atom).filter(double).count() != 1 {
            return false;
        }
        let mut above = molecule.neighbors(atom).filter_map(|(_, bond)| {
            let bond = molecule.bond(bond);
            // `/` from the first atom of the bond to the second goes up.
            let up = match bond.order {
                BondOrder::Up => true,
                BondOrder::Down => false,
                _ => return None,
            };
            Some(up == (bond.atom1 == atom))
        });
        matches!((above.next(), above.next()), (Some(first), Some(second)) if first == second)
    })
}
