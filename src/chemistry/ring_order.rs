//! The order of atoms in which aromaticity is perceived.

use std::borrow::Cow;

use chematic_core::{Atom, AtomIdx, BondIdx, BondOrder, Element, Molecule};
use chematic_perception::{rdkit_symmetrized_sssr, ring_bond_flags};

/// Rings of so many atoms and more take no electrons of a bridging oxygen or sulphur.
const MACROCYCLE: usize = 9;

/// `molecule` with its atoms in an order in which the crate finds its aromatic rings, and for
/// each of them its number before; `None` where it has such an order.
///
/// In RDKit a divalent oxygen or sulphur gives its electrons to a small ring but to none of
/// nine atoms and more, and it is asked in the smaller ring first. The crate asks it in
/// whichever ring it finds first, and finds first those of the first atom that has but two
/// bonds: a furan in a macrocycle was aromatic in some spellings, and in others none.
pub(super) fn small_rings_first(molecule: &Molecule) -> Option<(Molecule, Vec<usize>)> {
    let mut bridges: Vec<AtomIdx> = molecule
        .atoms()
        .filter(|&(index, atom)| may_bridge(molecule, index, atom))
        .map(|(index, _)| index)
        .collect();
    if bridges.is_empty() {
        return None;
    }
    let in_ring = ring_bond_flags(molecule);
    let joins_rings = |index: AtomIdx| {
        let bonds = molecule.neighbors(index);
        bonds.filter(|(_, bond)| in_ring[bond.0 as usize]).count() >= 3
    };
    bridges.retain(|&bridge| {
        let mut around = molecule.neighbors(bridge);
        around.all(|(neighbor, _)| joins_rings(neighbor) && may_be_aromatic(molecule, neighbor))
    });
    if bridges.is_empty() || !is_met_in_macrocycle(molecule, &bridges) {
        return None;
    }
    let mut order: Vec<AtomIdx> = molecule.atoms().map(|(index, _)| index).collect();
    order.sort_by_key(|index| !bridges.contains(index));
    Some((
        renumbered(molecule, &order)?,
        order.iter().map(|index| index.0 as usize).collect(),
    ))
}

/// `molecule` in such an order, whichever it has.
pub(super) fn ordered(molecule: &Molecule) -> Cow<'_, Molecule> {
    match small_rings_first(molecule) {
        Some((ordered, _)) => Cow::Owned(ordered),
        None => Cow::Borrowed(molecule),
    }
}

/// `molecule` with its atoms in another order; `None` where they must keep their numbers, by
/// which coordination geometries are read.
pub(super) fn renumbered(molecule: &Molecule, order: &[AtomIdx]) -> Option<Molecule> {
    let mut chirality = molecule.atoms().map(|(_, atom)| atom.chirality);
    if chirality.any(|chirality| chirality.nontetrahedral().is_some()) {
        return None;
    }
    molecule.renumber_atoms(order).ok()
}

/// Whether one of `bridges` is in a macrocycle and in a smaller ring that is found after it.
fn is_met_in_macrocycle(molecule: &Molecule, bridges: &[AtomIdx]) -> bool {
    let rings = rings(molecule);
    bridges.iter().any(|bridge| {
        let bridge = bridge.0 as usize;
        let mut sizes = rings
            .iter()
            .filter(|ring| ring.contains(&bridge))
            .map(Vec::len);
        sizes.next().is_some_and(|first| first >= MACROCYCLE) && sizes.any(|size| size < MACROCYCLE)
    })
}

/// Whether `atom` is a neutral oxygen or sulphur of two bonds, neither double.
fn may_bridge(molecule: &Molecule, index: AtomIdx, atom: &Atom) -> bool {
    let is_double = |(_, bond): (_, BondIdx)| molecule.bond(bond).order == BondOrder::Double;
    !atom.wildcard
        && matches!(atom.element, Element::O | Element::S)
        && atom.charge == 0
        && molecule.degree(index) == 2
        && !molecule.neighbors(index).any(is_double)
}

/// Whether `atom` may be one of an aromatic ring: carbon with single bonds alone is not.
fn may_be_aromatic(molecule: &Molecule, atom: AtomIdx) -> bool {
    let is_multiple = |(_, bond): (AtomIdx, BondIdx)| {
        matches!(
            molecule.bond(bond).order,
            BondOrder::Double | BondOrder::Aromatic
        )
    };
    molecule.atom(atom).element != Element::C || molecule.neighbors(atom).any(is_multiple)
}

/// The rings in which the crate perceives aromaticity, in its order.
fn rings(molecule: &Molecule) -> Vec<Vec<usize>> {
    let bonds: Vec<(usize, usize, bool)> = molecule
        .bonds()
        .map(|(_, bond)| {
            let closes_rings = bond.order != BondOrder::Dative;
            (bond.atom1.0 as usize, bond.atom2.0 as usize, closes_rings)
        })
        .collect();
    rdkit_symmetrized_sssr(molecule.atom_count(), &bonds).unwrap_or_default()
}
