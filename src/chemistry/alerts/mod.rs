//! Structural alerts by published patterns: PAINS and Brenk, as RDKit's catalogues
//! match them.

use std::sync::OnceLock;

use super::substructure::{Substructure, Target};
use super::{ChemistryError, Molecule};

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
    substructure: Substructure,
}

impl Catalogue {
    fn patterns(&self) -> &[Pattern] {
        self.patterns.get_or_init(|| {
            let lines = self.text.lines().filter(|line| !line.starts_with('#'));
            let pattern = |line: &'static str| {
                let (name, smarts) = line.split_once('\t')?;
                let substructure = Substructure::parse(smarts).ok()?;
                Some(Pattern { name, substructure })
            };
            lines.filter_map(pattern).collect()
        })
    }

    /// The names of the patterns that a molecule has. One that could not be decided
    /// counts as there.
    fn matches(&self, target: &chematic_core::Molecule) -> Vec<&'static str> {
        let target = Target::new(target, self.hydrogens);
        let is_there = |pattern: &&Pattern| !matches!(target.has(&pattern.substructure), Ok(false));
        let found = self.patterns().iter().filter(is_there);
        found.map(|pattern| pattern.name).collect()
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
        Ok(self.as_target(|target| Alerts {
            pains: PAINS.matches(target),
            brenk: BRENK.matches(target),
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
}
