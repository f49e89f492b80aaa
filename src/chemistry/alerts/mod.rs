//! Structural alerts by published patterns: PAINS and Brenk, as RDKit's catalogues
//! match them.

use std::sync::OnceLock;

use chematic_chem::add_hydrogens;
use chematic_core::AtomIdx;
use chematic_perception::find_sssr;
use chematic_smarts::{
    AtomPrimitive, AtomQuery, MatchConfig, MatchOutcome, QueryMolecule, RdkitParityConfig,
    RdkitRingCountModel, has_match_bounded, has_match_rdkit_parity_bounded, parse_smarts,
    with_perceived_target,
};
use chematic_smiles::with_rdkit_model_molecule;

use super::{ChemistryError, Molecule};

/// Steps that a pattern is searched for at most: no drug-like molecule comes near.
const MAX_VISITS: u64 = 1_000_000;

/// A published set of patterns.
struct Catalogue {
    text: &'static str,
    /// Whether the patterns name hydrogens as atoms.
    hydrogens: bool,
    patterns: OnceLock<Vec<Pattern>>,
}

/// The patterns whose names give the count of the molecules that they were made from:
/// Baell and Holloway 2010.
static PAINS: Catalogue = Catalogue {
    text: include_str!("pains.tsv"),
    hydrogens: true,
    patterns: OnceLock::new(),
};

/// Brenk et al. 2008.
static BRENK: Catalogue = Catalogue {
    text: include_str!("brenk.tsv"),
    hydrogens: false,
    patterns: OnceLock::new(),
};

struct Pattern {
    name: &'static str,
    query: QueryMolecule,
    /// Whether it counts the rings that an atom is in.
    counts_rings: bool,
    /// For each atomic number how many atoms it must have, beside hydrogen.
    needed: Vec<(u8, usize)>,
}

impl Catalogue {
    fn patterns(&self) -> &[Pattern] {
        self.patterns.get_or_init(|| {
            let lines = self.text.lines().filter(|line| !line.starts_with('#'));
            let pattern = |line: &'static str| {
                let (name, smarts) = line.split_once('\t')?;
                let query = parse_smarts(smarts).ok()?;
                Some(Pattern {
                    name,
                    counts_rings: query.atoms.iter().any(|atom| counts_rings(&atom.query)),
                    needed: needed(&query),
                    query,
                })
            };
            lines.filter_map(pattern).collect()
        })
    }

    /// The names of the patterns that a molecule has. One that could not be decided
    /// counts as there.
    fn matches(&self, target: &chematic_core::Molecule) -> Vec<&'static str> {
        let hydrogens;
        let atoms = element_counts(target);
        let target = match self.hydrogens {
            true => {
                hydrogens = add_hydrogens(target);
                &hydrogens
            }
            false => target,
        };
        let rings = find_sssr(target);
        let base = MatchConfig {
            max_visit_budget: Some(MAX_VISITS),
            ..MatchConfig::default()
        };
        let with_rings = RdkitParityConfig {
            base: base.clone(),
            // What RDKit counts since 2026.09.
            ring_count_model: RdkitRingCountModel::RelevantCycles,
            ..RdkitParityConfig::default()
        };
        let is_there = |pattern: &&Pattern| {
            let mut needed = pattern.needed.iter();
            if !needed.all(|&(number, count)| atoms[usize::from(number)] >= count) {
                return false;
            }
            let found = match pattern.counts_rings {
                true => has_match_rdkit_parity_bounded(&pattern.query, target, &with_rings),
                false => Ok(has_match_bounded(&pattern.query, target, &rings, &base)),
            };
            !matches!(found, Ok(MatchOutcome::NotFound))
        };
        let found = self.patterns().iter().filter(is_there);
        found.map(|pattern| pattern.name).collect()
    }
}

fn element_counts(molecule: &chematic_core::Molecule) -> [usize; 256] {
    let mut counts = [0; 256];
    for index in 0..molecule.atom_count() {
        let atom = molecule.atom(AtomIdx(index as u32));
        if !atom.wildcard {
            counts[usize::from(atom.element.atomic_number())] += 1;
        }
    }
    counts
}

/// For each element how many atoms of a query can be no other.
fn needed(query: &QueryMolecule) -> Vec<(u8, usize)> {
    let mut counts = [0; 256];
    for atom in &query.atoms {
        if let Some(number) = only_element(&atom.query) {
            counts[usize::from(number)] += 1;
        }
    }
    // Hydrogens are atoms in the one view and counts in the other.
    let all = (2..=u8::MAX).map(|number| (number, counts[usize::from(number)]));
    all.filter(|&(_, count)| count > 0).collect()
}

/// The one element that an atom of a query can be, where it is certain.
fn only_element(query: &AtomQuery) -> Option<u8> {
    match query {
        AtomQuery::Primitive(AtomPrimitive::AtomicNum(number)) => Some(*number),
        AtomQuery::Primitive(AtomPrimitive::Symbol(symbol)) => {
            let mut letters = symbol.chars();
            let first = letters.next()?.to_ascii_uppercase();
            let symbol: String = std::iter::once(first).chain(letters).collect();
            chematic_core::Element::from_symbol(&symbol).map(|element| element.atomic_number())
        }
        AtomQuery::And(a, b) => only_element(a).or_else(|| only_element(b)),
        AtomQuery::Or(a, b) => only_element(a).filter(|one| only_element(b) == Some(*one)),
        AtomQuery::Primitive(_) | AtomQuery::Not(_) => None,
    }
}

/// Whether a query asks in how many rings an atom is.
fn counts_rings(query: &AtomQuery) -> bool {
    match query {
        AtomQuery::Primitive(AtomPrimitive::RingCount(count)) => *count > 0,
        AtomQuery::Primitive(AtomPrimitive::Recursive(inner)) => {
            inner.atoms.iter().any(|atom| counts_rings(&atom.query))
        }
        AtomQuery::Primitive(_) => false,
        AtomQuery::And(a, b) | AtomQuery::Or(a, b) => counts_rings(a) || counts_rings(b),
        AtomQuery::Not(inner) => counts_rings(inner),
    }
}

/// Published patterns that a molecule has, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Alerts {
    /// Of what often gives false hits in assays (Baell and Holloway 2010), such as
    /// `quinone_A(370)`.
    pub pains: Vec<&'static str>,
    /// Of what is unstable, toxic or unwelcome in a lead (Brenk et al. 2008), such as
    /// `nitro_group`.
    pub brenk: Vec<&'static str>,
}

impl Molecule {
    /// The structural alerts of the molecule.
    ///
    /// # Errors
    ///
    /// If it has more than 1,000 atoms.
    pub fn alerts(&self) -> Result<Alerts, ChemistryError> {
        self.check_describable()?;
        Ok(with_rdkit_model_molecule(&self.written, |model| {
            with_perceived_target(model, |target| Alerts {
                pains: PAINS.matches(target),
                brenk: BRENK.matches(target),
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_read() {
        assert_eq!(PAINS.patterns().len(), 480);
        assert_eq!(BRENK.patterns().len(), 105);
        let names: std::collections::BTreeSet<&str> = (PAINS.patterns().iter())
            .chain(BRENK.patterns())
            .map(|pattern| pattern.name)
            .collect();
        assert_eq!(names.len(), 585);
    }

    #[test]
    fn what_a_pattern_needs_is_what_each_of_its_matches_has() {
        let of = |smarts: &str| needed(&parse_smarts(smarts).expect("a pattern"));
        assert_eq!(of("[#6]-[#16](=[#8])=[#8]"), [(6, 1), (8, 2), (16, 1)]);
        assert_eq!(of("c1ccccc1[N+](=O)[O-]"), [(6, 6), (7, 1), (8, 2)]);
        assert_eq!(of("[C,c]=[!#6;N]-[Cl,Br]~*-[#1]"), [(6, 1), (7, 1)]);
        assert_eq!(of("[$(CN)]-[!O]"), []);
    }
}
