//! SMILES and mol blocks, and all that is made of a molecule.

use std::ops::Range;

use delicate::chemistry::{AtomOrder, ChemistryError, ECFP4, Keep, Molecule};
use delicate::tokenizer;

/// Atoms from which on a molecule is made into what scoring makes of it alone: each of
/// the many writings takes a time of its own.
const MANY_ATOMS: usize = 300;

/// Tokens of the longest sequence that the shipped models read.
const MAX_TOKENS: usize = 128;

/// A SMILES, as text.
pub fn smiles(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    match Molecule::parse(&text) {
        Ok(molecule) => {
            for atom in 0..molecule.atom_count() {
                let place = molecule.input_range(atom);
                assert!(
                    place.as_ref().is_some_and(|place| is_text(&text, place)),
                    "atom {atom} stands at {place:?}"
                );
            }
            everything_of(&molecule);
            true
        }
        Err(error) => {
            check_position(&error, &text);
            false
        }
    }
}

/// A mol block, as text.
pub fn mol_block(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    match Molecule::from_mol_block(&text) {
        Ok(molecule) => {
            everything_of(&molecule);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn is_text(text: &str, place: &Range<usize>) -> bool {
    text.get(place.clone()).is_some_and(|part| !part.is_empty())
}

/// An error points into the text, or to its end.
fn check_position(error: &ChemistryError, text: &str) {
    let said = error.to_string();
    let length = text.chars().count();
    assert!(
        error.position.is_none_or(|position| position <= length),
        "{said}: the text has {length} characters"
    );
}

/// Writes the molecule in every form, and computes all that there is of it.
pub(super) fn everything_of(molecule: &Molecule) {
    assert!(molecule.heavy_atom_count() <= molecule.atom_count());
    if let Ok(canonical) = molecule.canonical_smiles() {
        let again = Molecule::parse(&canonical);
        assert!(again.is_ok(), "written {canonical}, read {again:?}");
    }
    let many = molecule.atom_count() > MANY_ATOMS;
    let orders = [AtomOrder::Canonical, AtomOrder::Input, AtomOrder::Random(7)];
    for &order in if many { &orders[..1] } else { &orders } {
        let Ok(kekule) = molecule.kekule_smiles(order) else {
            continue;
        };
        assert_eq!(kekule.atoms.len(), molecule.atom_count());
        for place in &kekule.atoms {
            assert!(is_text(&kekule.smiles, place), "{kekule:?}");
        }
        if let Ok(ids) = tokenizer::tokenize(&kekule.smiles, MAX_TOKENS) {
            assert_eq!(tokenizer::spans(&ids).len(), ids.len());
        }
    }
    if let Ok(fingerprint) = molecule.ecfp(ECFP4) {
        assert!(fingerprint.bits().all(|bit| bit < fingerprint.width()));
        assert!((fingerprint.tanimoto(&fingerprint) - 1.0).abs() < 1e-9);
    }
    if let Ok(counts) = molecule.environment_counts(2) {
        assert!(counts.total() as usize >= counts.iter().count());
    }
    // Whether they are there depends on the molecule.
    let _ = molecule.descriptors();
    let _ = molecule.surface_descriptors();
    let _ = molecule.scaffold();
    let largest = molecule.largest_fragment();
    assert!(largest.heavy_atom_count() <= molecule.heavy_atom_count());
    let keeps = [(false, false), (true, false), (false, true)];
    for &(salts, charges) in if many { &keeps[..1] } else { &keeps } {
        check_parent(molecule, Keep { salts, charges });
    }
}

/// The standard form of a standard form is itself.
fn check_parent(molecule: &Molecule, keep: Keep) {
    let Ok(parent) = molecule.parent(keep) else {
        return;
    };
    let again = parent.molecule.parent(keep);
    let again = again.map(|again| again.molecule.canonical_smiles());
    assert_eq!(again, Ok(parent.molecule.canonical_smiles()), "{keep:?}");
}
