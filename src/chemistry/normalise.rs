//! Groups that are drawn without their charges, given the charges they have.
//!
//! A nitro group as `N(=O)=O`, an azide as `N=N#N`: many files write five bonds
//! at a nitrogen that has four. What RDKit's sanitisation rewrites is rewritten
//! as there (its "cleanUp": nitrogen with `=O` or `#N`, phosphorus with `=O`
//! beside `=C` or `=N`, oxides of halogens); beyond it, groups that RDKit
//! refuses and that can mean one thing only: `N#C`, `=N=N`, and a fifth bond to
//! `=N` or `=S`.

use chematic_core::{AtomIdx, BondIdx, BondOrder, Element, Molecule};

/// Rewrites the groups of `molecule` to their charge-separated forms. Atoms and
/// bonds keep their places.
pub(super) fn normalise_groups(molecule: &mut Molecule) {
    let of = |molecule: &Molecule, elements: &[Element]| -> Vec<AtomIdx> {
        let neutral = molecule
            .atoms()
            .filter(|(_, atom)| !atom.wildcard && atom.charge == 0);
        neutral
            .filter(|(_, atom)| elements.contains(&atom.element))
            .map(|(index, _)| index)
            .collect()
    };
    for nitrogen in of(molecule, &[Element::N]) {
        nitrogen_group(molecule, nitrogen);
    }
    for phosphorus in of(molecule, &[Element::P]) {
        phosphorus_group(molecule, phosphorus);
    }
    for halogen in of(molecule, &[Element::CL, Element::BR, Element::I]) {
        halogen_oxide(molecule, halogen);
    }
}

/// The bonds and stated hydrogens of an atom, an aromatic bond as one and a
/// half.
fn valence(molecule: &Molecule, atom: AtomIdx) -> u32 {
    let halves: u32 = molecule
        .neighbors(atom)
        .map(|(_, bond)| match molecule.bond(bond).order {
            BondOrder::Double => 4,
            BondOrder::Triple => 6,
            BondOrder::Quadruple => 8,
            BondOrder::Aromatic => 3,
            BondOrder::Zero => 0,
            _ => 2,
        })
        .sum();
    halves / 2 + u32::from(molecule.atom(atom).hydrogen_count.unwrap_or(0))
}

/// The first neutral neighbour of `atom` of that element at a bond of that
/// order for which `fits` holds.
fn neighbor(
    molecule: &Molecule,
    atom: AtomIdx,
    (element, order): (Element, BondOrder),
    fits: impl Fn(AtomIdx) -> bool,
) -> Option<(AtomIdx, BondIdx)> {
    molecule.neighbors(atom).find(|&(other, bond)| {
        let data = molecule.atom(other);
        molecule.bond(bond).order == order
            && !data.wildcard
            && data.charge == 0
            && data.element == element
            && fits(other)
    })
}

/// Lowers the bond between a cation and an anion to be.
fn separate(
    molecule: &mut Molecule,
    cation: AtomIdx,
    (anion, bond): (AtomIdx, BondIdx),
    order: BondOrder,
) {
    molecule.set_bond_order(bond, order);
    molecule.set_charge(cation, 1);
    molecule.set_charge(anion, -1);
}

fn nitrogen_group(molecule: &mut Molecule, nitrogen: AtomIdx) {
    let anything = |_| true;
    // An end that has no bonds but the one in question, and no hydrogen that
    // the text states.
    let is_end = |molecule: &Molecule, atom: AtomIdx| {
        molecule.degree(atom) == 1 && molecule.atom(atom).hydrogen_count.unwrap_or(0) == 0
    };
    match valence(molecule, nitrogen) {
        5 => {
            let doubly = |element| (element, BondOrder::Double);
            if let Some(oxygen) = neighbor(molecule, nitrogen, doubly(Element::O), anything) {
                separate(molecule, nitrogen, oxygen, BondOrder::Single);
            } else if let Some(end) = neighbor(
                molecule,
                nitrogen,
                (Element::N, BondOrder::Triple),
                anything,
            ) {
                separate(molecule, nitrogen, end, BondOrder::Double);
            } else if let Some(other) = neighbor(molecule, nitrogen, doubly(Element::S), |sulfur| {
                molecule.degree(sulfur) == 1
            })
            .or_else(|| {
                neighbor(molecule, nitrogen, doubly(Element::N), |other| {
                    valence(molecule, other) <= 3
                })
            }) {
                separate(molecule, nitrogen, other, BondOrder::Single);
            }
        }
        // An isocyanide `CN#C`.
        4 if molecule.degree(nitrogen) == 2 => {
            let end = |atom| is_end(molecule, atom);
            if let Some(carbon) = neighbor(molecule, nitrogen, (Element::C, BondOrder::Triple), end)
            {
                molecule.set_charge(nitrogen, 1);
                molecule.set_charge(carbon.0, -1);
            } else if let Some(last) =
                neighbor(molecule, nitrogen, (Element::N, BondOrder::Double), end)
                && molecule
                    .neighbors(nitrogen)
                    .all(|(_, bond)| molecule.bond(bond).order == BondOrder::Double)
            {
                // A diazo group or an azide, `C=N=N` or `N=N=N`.
                molecule.set_charge(nitrogen, 1);
                molecule.set_charge(last.0, -1);
            }
        }
        _ => {}
    }
}

/// `P(=O)=C` and `P(=O)=N`.
fn phosphorus_group(molecule: &mut Molecule, phosphorus: AtomIdx) {
    if valence(molecule, phosphorus) != 5 || molecule.degree(phosphorus) != 3 {
        return;
    }
    let beside = [Element::C, Element::N].into_iter().any(|element| {
        molecule.neighbors(phosphorus).any(|(other, bond)| {
            let data = molecule.atom(other);
            molecule.bond(bond).order == BondOrder::Double
                && !data.wildcard
                && data.element == element
                && molecule.degree(other) >= 2
        })
    });
    let oxygen = neighbor(
        molecule,
        phosphorus,
        (Element::O, BondOrder::Double),
        |_| true,
    );
    if let Some(oxygen) = oxygen.filter(|_| beside) {
        separate(molecule, phosphorus, oxygen, BondOrder::Single);
    }
}

/// Chlorites, chlorates, perchlorates and their like.
fn halogen_oxide(molecule: &mut Molecule, halogen: AtomIdx) {
    let oxide = matches!(valence(molecule, halogen), 3 | 5 | 7)
        && molecule.neighbors(halogen).all(|(other, _)| {
            !molecule.atom(other).wildcard && molecule.atom(other).element == Element::O
        });
    if !oxide {
        return;
    }
    let doubly: Vec<(AtomIdx, BondIdx)> = molecule
        .neighbors(halogen)
        .filter(|&(_, bond)| molecule.bond(bond).order == BondOrder::Double)
        .collect();
    for (charge, &(oxygen, bond)) in (1..).zip(&doubly) {
        molecule.set_bond_order(bond, BondOrder::Single);
        molecule.set_charge(oxygen, -1);
        molecule.set_charge(halogen, charge);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use chematic_smiles::{RdkitSmilesParams, parse_template, rdkit_smiles};

    use super::*;

    fn normalised(smiles: &str) -> String {
        let mut molecule = parse_template(smiles).unwrap();
        normalise_groups(&mut molecule);
        rdkit_smiles(&molecule, &RdkitSmilesParams::default()).unwrap()
    }

    #[test]
    fn groups_drawn_without_charges_are_their_charged_forms() {
        for (drawn, charged) in [
            ("CN(=O)=O", "C[N+](=O)[O-]"),
            ("CON(=O)=O", "CO[N+](=O)[O-]"),
            ("C1=CC=CN(=O)=C1", "[O-][n+]1ccccc1"),
            ("Cc1ccn(=O)cc1", "Cc1cc[n+]([O-])cc1"),
            ("CN=N#N", "CN=[N+]=[N-]"),
            ("CN=N=N", "CN=[N+]=[N-]"),
            ("C=N#N", "C=[N+]=[N-]"),
            ("CC=N=N", "CC=[N+]=[N-]"),
            ("CN#C", "[C-]#[N+]C"),
            ("CC=N(=O)C", "CC=[N+](C)[O-]"),
            ("CN=N(=O)C", "CN=[N+](C)[O-]"),
            ("CN(C)(C)=O", "C[N+](C)(C)[O-]"),
            ("CC=N(=NC)C", "CC=[N+](C)[N-]C"),
            ("OCl(=O)(=O)=O", "[O-][Cl+3]([O-])([O-])O"),
            ("CC=P(=O)C", "CC=[P+](C)[O-]"),
        ] {
            assert_eq!(normalised(drawn), normalised(charged), "{drawn}");
            let as_written = parse_template(charged).unwrap();
            let expected = rdkit_smiles(&as_written, &RdkitSmilesParams::default()).unwrap();
            assert_eq!(normalised(drawn), expected, "{drawn}");
        }
    }

    #[test]
    fn what_needs_no_charges_gets_none() {
        for smiles in [
            "C[N+](=O)[O-]",
            "CN=[N+]=[N-]",
            "CC#N",
            "CN=NC",
            "CN=C=O",
            "CN=C=NC",
            "NN=N",
            "CP(C)(C)=O",
            "CP(C)(C)=C",
            "CS(C)(=O)=O",
            "ClC(Cl)Cl",
            "OCl",
        ] {
            let written = parse_template(smiles).unwrap();
            let mut molecule = parse_template(smiles).unwrap();
            normalise_groups(&mut molecule);
            for (index, atom) in written.atoms() {
                assert_eq!(molecule.atom(index).charge, atom.charge, "{smiles}");
            }
        }
    }
}
