//! Substructures: patterns in SMARTS, found as RDKit finds them.

use std::borrow::Cow;
use std::cell::OnceCell;

use chematic_chem::add_hydrogens;
use chematic_core::{AtomIdx, Molecule as Graph};
use chematic_perception::{RingSet, find_sssr};
use chematic_smarts::{
    AtomPrimitive, AtomQuery, MatchConfig, MatchOutcome, QueryMolecule, RdkitParityConfig,
    RdkitRingCountModel, find_match_atom_sets_rdkit_parity, has_match_bounded,
    has_match_rdkit_parity_bounded, parse_smarts, with_perceived_target,
};
use chematic_smiles::with_rdkit_model_molecule;

use super::{ChemistryError, Molecule};

/// Steps that a pattern is searched for at most: no drug-like molecule comes near.
const MAX_VISITS: u64 = 1_000_000;
/// Matches whose atoms are told at most.
const MAX_MATCHES: usize = 1_000;
/// Characters of a pattern at most.
const MAX_LENGTH: usize = 2_000;
/// Branches and recursive patterns within one another at most.
const MAX_DEPTH: usize = 100;

/// What bonds are written with.
const BONDS: &str = "-=#:~@/\\!&,;";

/// A substructure to look for: a pattern in SMARTS.
#[derive(Debug)]
pub struct Substructure {
    query: QueryMolecule,
    /// Whether it counts the rings that an atom is in.
    counts_rings: bool,
    /// For each atomic number how many atoms it must have, beside hydrogen.
    needed: Vec<(u8, usize)>,
}

/// Why a text is no SMARTS. Positions are those of characters, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmartsError {
    /// There is no text.
    #[error("there is no pattern")]
    Empty,
    /// It exceeds a limit set against hostile input.
    #[error("the pattern has more than {limit} {what}")]
    TooLarge {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// A character stands where SMARTS does not allow it.
    #[error("“{character}” (character {}) is not allowed there", position + 1)]
    Unexpected {
        /// The character.
        character: char,
        /// Where it is.
        position: usize,
    },
    /// A bracket or parenthesis is not closed.
    #[error("“{character}” (character {}) is not closed", position + 1)]
    Unclosed {
        /// What opens.
        character: char,
        /// Where it is.
        position: usize,
    },
    /// An atom in brackets that cannot be read.
    #[error("the atom in brackets at character {} cannot be read", position + 1)]
    Atom {
        /// Where the bracket is.
        position: usize,
    },
    /// The text ends where something must follow.
    #[error("the pattern ends where something must follow")]
    Unfinished {
        /// The number of its characters.
        position: usize,
    },
    /// A ring closure without its other end, or with two different bonds.
    #[error("ring closure {number} has no other end, or another bond there")]
    RingClosure {
        /// Its number.
        number: u8,
    },
}

impl SmartsError {
    /// The offending character, where one is to blame.
    pub fn position(&self) -> Option<usize> {
        match *self {
            Self::Unexpected { position, .. }
            | Self::Unclosed { position, .. }
            | Self::Atom { position }
            | Self::Unfinished { position } => Some(position),
            Self::Empty | Self::TooLarge { .. } | Self::RingClosure { .. } => None,
        }
    }

    /// What is wrong with the branch whose parenthesis stands at `position`: the crate
    /// says that it was not closed where something in it cannot be read.
    fn in_branch(branch: &str, position: usize) -> Self {
        // An atom stands for the parenthesis.
        let alone = format!("C{branch}");
        let end = Self::Unexpected {
            character: ')',
            position: position + alone.chars().count(),
        };
        match parse_smarts(&alone) {
            // Its rings may be closed outside.
            Err(chematic_smarts::SmartsError::InvalidRingClosure(_)) | Ok(_) => end,
            Err(error) => match Self::from_crate(error, &alone, position) {
                Self::Unfinished { .. } => end,
                other => other,
            },
        }
    }

    /// `blanks`: how many characters stand before `text`.
    fn from_crate(error: chematic_smarts::SmartsError, text: &str, blanks: usize) -> Self {
        use chematic_smarts::SmartsError as Given;
        let before = |byte: usize| text.get(..byte).map_or(0, |before| before.chars().count());
        let unfinished = Self::Unfinished {
            position: blanks + text.chars().count(),
        };
        match error {
            Given::UnexpectedEnd => match after_bond(text) {
                Some((byte, character)) => Self::Unexpected {
                    character,
                    position: blanks + before(byte),
                },
                None => unfinished,
            },
            Given::UnexpectedChar(_, byte) => match text.chars().nth(before(byte)) {
                None => unfinished,
                Some(character) => Self::Unexpected {
                    character,
                    position: blanks + before(byte),
                },
            },
            Given::UnclosedBracket(byte) => match within(text, byte) {
                Some(_) => Self::Atom {
                    position: blanks + before(byte),
                },
                None => Self::Unclosed {
                    character: '[',
                    position: blanks + before(byte),
                },
            },
            Given::UnclosedBranch(byte) => match within(text, byte) {
                Some(branch) => Self::in_branch(branch, blanks + before(byte)),
                None => Self::Unclosed {
                    character: '(',
                    position: blanks + before(byte),
                },
            },
            Given::InvalidRingClosure(number) => Self::RingClosure { number },
            Given::RecursionDepthExceeded => Self::TooLarge {
                what: "recursive patterns in one another",
                limit: 8,
            },
        }
    }
}

/// The character that stands where the crate finds no atom after a bond, if any does: of
/// that it says that the text ended.
fn after_bond(text: &str) -> Option<(usize, char)> {
    let reads = |part: &str| {
        use chematic_smarts::SmartsError::InvalidRingClosure;
        matches!(parse_smarts(part), Ok(_) | Err(InvalidRingClosure(_)))
    };
    let ends = text.char_indices().map(|(at, _)| at).rev();
    let start = ends.filter(|&at| at > 0).find(|&at| reads(&text[..at]))?;
    let mut rest = text[start..].char_indices();
    let (at, character) = rest.find(|&(_, one)| !BONDS.contains(one))?;
    Some((start + at, character))
}

/// A bond without an atom, or nothing at all, before the end of a branch, which the crate
/// passes over: the byte of its end.
fn empty_branch(text: &str) -> Option<usize> {
    let mut brackets = 0_usize;
    let mut previous = ' ';
    for (at, one) in text.char_indices() {
        match one {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            ')' if brackets == 0 && (previous == '(' || BONDS.contains(previous)) => {
                return Some(at);
            }
            _ => {}
        }
        previous = one;
    }
    None
}

/// What stands between the bracket or parenthesis at byte `open` and its partner, if it
/// has one.
fn within(text: &str, open: usize) -> Option<&str> {
    let rest = text.get(open..)?;
    let mut depth = 0_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest.get(1..at);
        }
    }
    None
}

/// What a search was given up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Undecided;

impl Substructure {
    /// Reads a pattern; blanks around it are ignored.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn parse(smarts: &str) -> Result<Self, SmartsError> {
        let trimmed = smarts.trim();
        if trimmed.is_empty() {
            return Err(SmartsError::Empty);
        }
        if trimmed.len() > MAX_LENGTH {
            return Err(SmartsError::TooLarge {
                what: "characters",
                limit: MAX_LENGTH,
            });
        }
        let mut depth = 0_usize;
        for byte in trimmed.bytes() {
            match byte {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return Err(SmartsError::TooLarge {
                    what: "branches in one another",
                    limit: MAX_DEPTH,
                });
            }
        }
        let blanks = smarts.chars().take_while(|one| one.is_whitespace()).count();
        let query = parse_smarts(trimmed)
            .map_err(|error| SmartsError::from_crate(error, trimmed, blanks))?;
        if let Some(end) = empty_branch(trimmed) {
            return Err(SmartsError::Unexpected {
                character: ')',
                position: blanks + trimmed[..end].chars().count(),
            });
        }
        Ok(Self::from(query))
    }

    /// Whether it is in a molecule, hydrogens in the molecule being counts and not
    /// atoms; `None` where the search was given up, as it is for molecules that are
    /// too large or too symmetric for the pattern.
    pub fn is_in(&self, molecule: &Molecule) -> Option<bool> {
        molecule.has_each(&[self])[0]
    }

    /// The atoms of a molecule that it is found at, by their places in the molecule,
    /// ascending and each once; none where it is not found.
    ///
    /// # Errors
    ///
    /// If the molecule has more than 1,000 atoms.
    pub fn atoms_in(&self, molecule: &Molecule) -> Result<Vec<usize>, ChemistryError> {
        molecule.check_describable()?;
        let sets = molecule.as_target(|target| {
            let mut config = with_rings();
            config.base.max_matches = Some(MAX_MATCHES);
            find_match_atom_sets_rdkit_parity(&self.query, target, &config)
                .map(|(sets, _)| (sets, target.atom_count()))
        });
        // What cannot be decided is not shown.
        let (sets, atoms) = sets.unwrap_or_default();
        let mut found: Vec<usize> = sets.into_iter().flatten().map(|at| at as usize).collect();
        found.sort_unstable();
        found.dedup();
        // The hydrogens that were written out may be atoms in that view.
        if atoms == molecule.atom_count() {
            let stays = molecule.stays();
            found = found
                .iter()
                .filter_map(|&at| stays.get(at).copied())
                .collect();
        }
        let kept = molecule.kept.iter().enumerate();
        let shown = kept.filter(|(_, written)| found.binary_search(written).is_ok());
        Ok(shown.map(|(atom, _)| atom).collect())
    }
}

impl From<QueryMolecule> for Substructure {
    fn from(query: QueryMolecule) -> Self {
        Self {
            counts_rings: query.atoms.iter().any(|atom| counts_rings(&atom.query)),
            needed: needed(&query),
            query,
        }
    }
}

impl Molecule {
    /// For each of these patterns [whether it is in](Substructure::is_in) the molecule,
    /// which is made ready for them once.
    pub(crate) fn has_each(&self, patterns: &[&Substructure]) -> Vec<Option<bool>> {
        if patterns.is_empty() || self.check_describable().is_err() {
            return vec![None; patterns.len()];
        }
        self.as_target(|target| {
            let target = Target::new(target, false);
            let patterns = patterns.iter();
            patterns.map(|pattern| target.has(pattern).ok()).collect()
        })
    }

    /// Runs `search` on the molecule as patterns see it.
    pub(super) fn as_target<T>(&self, search: impl FnOnce(&Graph) -> T) -> T {
        with_rdkit_model_molecule(&self.written, |model| with_perceived_target(model, search))
    }
}

/// A molecule in which substructures are looked for.
pub(super) struct Target<'a> {
    graph: Cow<'a, Graph>,
    rings: OnceCell<RingSet>,
    /// How many of each atomic number it has.
    atoms: [usize; 256],
    config: RdkitParityConfig,
}

impl<'a> Target<'a> {
    /// `hydrogens`: as atoms.
    pub(super) fn new(graph: &'a Graph, hydrogens: bool) -> Self {
        let atoms = element_counts(graph);
        let graph = match hydrogens {
            true => Cow::Owned(add_hydrogens(graph)),
            false => Cow::Borrowed(graph),
        };
        Self {
            graph,
            rings: OnceCell::new(),
            atoms,
            config: with_rings(),
        }
    }

    /// Whether a substructure is there.
    pub(super) fn has(&self, pattern: &Substructure) -> Result<bool, Undecided> {
        let mut needed = pattern.needed.iter();
        if !needed.all(|&(number, count)| self.atoms[usize::from(number)] >= count) {
            return Ok(false);
        }
        let found = match pattern.counts_rings {
            true => has_match_rdkit_parity_bounded(&pattern.query, &self.graph, &self.config),
            false => Ok(has_match_bounded(
                &pattern.query,
                &self.graph,
                self.rings.get_or_init(|| find_sssr(&self.graph)),
                &self.config.base,
            )),
        };
        match found {
            Ok(MatchOutcome::Found) => Ok(true),
            Ok(MatchOutcome::NotFound) => Ok(false),
            Ok(_) | Err(_) => Err(Undecided),
        }
    }
}

fn with_rings() -> RdkitParityConfig {
    RdkitParityConfig {
        base: MatchConfig {
            max_visit_budget: Some(MAX_VISITS),
            ..MatchConfig::default()
        },
        // What RDKit counts since 2026.09.
        ring_count_model: RdkitRingCountModel::RelevantCycles,
        ..RdkitParityConfig::default()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn molecule(smiles: &str) -> Molecule {
        Molecule::parse(smiles).expect("a SMILES")
    }

    fn pattern(smarts: &str) -> Substructure {
        Substructure::parse(smarts).expect("a SMARTS")
    }

    #[test]
    fn a_pattern_is_found_as_rdkit_finds_it() {
        for (smarts, smiles, there) in [
            ("c1ccccc1", "CC1=CC=CC=C1", true),
            ("C1=CC=CC=C1", "Cc1ccccc1", false),
            ("[CX3](=O)[OX2H1]", "CC(=O)O", true),
            ("[CX3](=O)[OX2H1]", "CC(=O)OC", false),
            ("[NX3;H2;!$(NC=O)]", "CC(=O)NCCN", true),
            ("[NX3;H2;!$(NC=O)]", "CC(N)=O", false),
            ("[#7+](=O)[O-]", "C[N+](=O)[O-]", true),
            ("[R2]", "c1ccc2ccccc2c1", true),
            ("[R2]", "c1ccccc1", false),
            ("C.Cl", "CCN.Cl", true),
            // Hydrogens written out are counts.
            ("[#1]", "[H]OC", false),
            ("[OH]", "[H]OC", true),
        ] {
            let found = pattern(smarts).is_in(&molecule(smiles));
            assert_eq!(found, Some(there), "{smarts} in {smiles}");
        }
    }

    #[test]
    fn the_atoms_are_those_of_the_text() {
        let atoms = |smarts: &str, smiles: &str| {
            let found = pattern(smarts).atoms_in(&molecule(smiles));
            found.expect("a molecule of few atoms")
        };
        assert_eq!(atoms("C(=O)O", "CC(=O)OCCC(=O)O"), [1, 2, 3, 6, 7, 8]);
        assert_eq!(atoms("CO", "[H]C([H])([H])O[H]"), [0, 1]);
        assert_eq!(atoms("N", "CCO"), [0; 0]);
    }

    #[test]
    fn a_text_that_is_no_pattern_is_told_with_its_place() {
        for (smarts, message, position) in [
            ("", "there is no pattern", None),
            (
                "c1ccccc",
                "ring closure 1 has no other end, or another bond there",
                None,
            ),
            ("CC(=O", "“(” (character 3) is not closed", Some(2)),
            (" [C", "“[” (character 2) is not closed", Some(1)),
            (
                "c1ccccc1C(=X)O",
                "“X” (character 12) is not allowed there",
                Some(11),
            ),
            (
                "CC(C(=)C)",
                "“)” (character 7) is not allowed there",
                Some(6),
            ),
            ("N[C;,O]", "“,” (character 5) is not allowed there", Some(4)),
            (
                "C[C?]",
                "the atom in brackets at character 2 cannot be read",
                Some(1),
            ),
            ("CC)", "“)” (character 3) is not allowed there", Some(2)),
            (
                "C=",
                "the pattern ends where something must follow",
                Some(2),
            ),
            (
                "C\u{2212}C",
                "“\u{2212}” (character 2) is not allowed there",
                Some(1),
            ),
        ] {
            let error = Substructure::parse(smarts).expect_err(smarts);
            assert_eq!(error.to_string(), message, "{smarts}");
            assert_eq!(error.position(), position, "{smarts}");
        }
        let deep = "C(".repeat(200);
        let error = Substructure::parse(&deep).expect_err("too deep");
        let message = "the pattern has more than 100 branches in one another";
        assert_eq!(error.to_string(), message);
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
