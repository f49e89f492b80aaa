//! A Gaussian process beside the network: what the measured values of like
//! molecules say of a molecule.
//!
//! For each endpoint the process has the mean of the training labels and a
//! [`Covariance`] k(a, b) of the two molecules' counts of circular environments
//! (Tanimoto similarity: Ralaivola et al. 2005; Griffiths et al. 2023, "GAUCHE").
//! With K that of the training molecules, y their labels less the mean and λ the
//! variance of the noise, it expects of a molecule x
//!
//! > mean + k(x)ᵀ (K + λ I)⁻¹ y
//!
//! (Rasmussen & Williams 2006, eq. 2.25; the same as kernel ridge regression).
//! Prediction and expectation err in different ways, so that a mean of the two
//! is better than either: `weight` of the process and 1 - `weight` of the
//! network, from the molecules that a fold validates on, like λ and the
//! covariance.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::chemistry::{ChemistryError, ECFP4, EnvironmentCounts, Molecule, minmax};

/// The environments of a molecule that similarities are of: those of ECFP4.
///
/// # Errors
///
/// For a molecule that has none; see [`Molecule::environment_counts`].
pub fn environments(molecule: &Molecule) -> Result<EnvironmentCounts, ChemistryError> {
    molecule.environment_counts(ECFP4.radius)
}

/// The environments that are left without each atom, in order.
///
/// # Errors
///
/// As [`environments`].
pub fn environments_without_atoms(
    molecule: &Molecule,
) -> Result<Vec<EnvironmentCounts>, ChemistryError> {
    molecule.environment_counts_without_atoms(ECFP4.radius)
}

/// Radii of environments that molecules are compared by: 0 to 2.
const RADII: usize = ECFP4.radius as usize + 1;

/// Squared distance of atom counts at which the covariance by them is exp(-1/2):
/// that of two molecules of five atoms each which share no kind.
const ATOMS_SCALE: f32 = 10.0;

/// How alike two molecules are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Tanimoto similarity of the counts of environments of up to 0, 1 and 2
    /// bonds.
    pub similarities: [f32; RADII],
    /// Squared distance between the square roots of the counts of each kind of
    /// atom (environments of 0 bonds).
    pub distance: f32,
}

/// The covariance of a process: a sum of terms, each with its weight of 0 or more.
///
/// Similarities are of structure, and of proportions: two alkanes are as alike as
/// their lengths' ratio. Properties that grow with every atom, such as
/// solubility, need a distance of counts as well.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Covariance {
    /// Of the similarities by environments of up to 0, 1 and 2 bonds.
    pub similarities: [f32; RADII],
    /// Of exp(-d² / 20), d² being [`Likeness::distance`].
    pub atoms: f32,
}

impl Covariance {
    /// Similarity by environments of up to 2 bonds: of analogues of a series.
    pub const ANALOGUES: Self = Self {
        similarities: [0.0, 0.0, 1.0],
        atoms: 0.0,
    };
    /// Similarity by every radius alike.
    pub const EVERY_RADIUS: Self = Self {
        similarities: [1.0 / 3.0; RADII],
        atoms: 0.0,
    };
    /// A quarter similarity by every radius, and three quarters distance of atom
    /// counts.
    pub const ATOM_COUNTS: Self = Self {
        similarities: [1.0 / 12.0; RADII],
        atoms: 0.75,
    };

    /// Of two molecules that are so alike.
    pub fn of(&self, likeness: &Likeness) -> f32 {
        let terms = self.similarities.iter().zip(likeness.similarities);
        let mut sum: f32 = terms.map(|(weight, similarity)| weight * similarity).sum();
        if self.atoms > 0.0 {
            sum += self.atoms * (likeness.distance / (-2.0 * ATOMS_SCALE)).exp();
        }
        sum
    }

    /// Whether its weights make sense.
    fn is_sound(&self) -> bool {
        let mut weights = self.similarities.iter().chain([&self.atoms]);
        weights.all(|&weight| weight.is_finite() && weight >= 0.0)
    }
}

impl Default for Covariance {
    fn default() -> Self {
        Self::ANALOGUES
    }
}

/// The process of one endpoint, without the coefficients of its molecules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// How molecules vary together; in files from before there was a choice,
    /// absent.
    #[serde(default)]
    pub covariance: Covariance,
    /// Mean of the training labels, in the endpoint's unit.
    pub mean: f32,
    /// Variance of the noise, λ, over that of the process.
    pub noise: f32,
    /// Its part in the prediction, 0 to 1.
    pub weight: f32,
    /// Whether values are probabilities, 0 to 1.
    pub is_probability: bool,
}

impl Process {
    /// What it expects, given the sum of covariances times coefficients.
    pub fn expectation(&self, sum: f32) -> f32 {
        let value = self.mean + sum;
        if self.is_probability {
            value.clamp(0.0, 1.0)
        } else {
            value
        }
    }

    /// The prediction, from the network's and [`Self::expectation`].
    pub fn blend(&self, network: f32, expectation: f32) -> f32 {
        network + self.weight * (expectation - network)
    }

    /// Whether its numbers make sense.
    pub(crate) fn is_sound(&self) -> bool {
        self.covariance.is_sound()
            && self.mean.is_finite()
            && self.noise > 0.0
            && (0.0..=1.0).contains(&self.weight)
    }
}

/// Molecules by the environments that they hold, so that those which share
/// nothing with a molecule cost nothing.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// For each environment the molecules that hold it, and how often.
    holders: HashMap<u32, Vec<(u32, u32)>>,
    /// How many environments of each radius each molecule has.
    totals: Vec<[u32; RADII]>,
}

impl Index {
    /// An index of `molecules`; those without environments are like nothing.
    pub fn new<'a>(molecules: impl IntoIterator<Item = Option<&'a EnvironmentCounts>>) -> Self {
        let mut index = Self::default();
        for molecule in molecules {
            let number = index.totals.len() as u32;
            index.totals.push(molecule.map_or([0; RADII], totals));
            for one in molecule.into_iter().flat_map(EnvironmentCounts::iter) {
                let holders = index.holders.entry(one.hash).or_default();
                holders.push((number, one.count));
            }
        }
        index
    }

    /// How alike `own` is to each molecule: [`EnvironmentCounts::tanimoto`] by
    /// radius, and the distance.
    pub fn compare(&self, own: &EnvironmentCounts) -> Vec<Likeness> {
        let mut shared = vec![([0u32; RADII], 0.0f32); self.totals.len()];
        for one in own.iter() {
            let radius = place(one.radius);
            for &(molecule, theirs) in self.holders.get(&one.hash).into_iter().flatten() {
                let (both, product) = &mut shared[molecule as usize];
                both[radius] += one.count.min(theirs);
                if radius == 0 {
                    *product += (one.count as f32 * theirs as f32).sqrt();
                }
            }
        }
        let own = totals(own);
        let pairs = shared.into_iter().zip(&self.totals);
        pairs
            .map(|((both, product), theirs)| {
                let mut sums = [0; 3];
                let similarities = std::array::from_fn(|radius| {
                    let all = [both[radius], own[radius], theirs[radius]];
                    for (sum, more) in sums.iter_mut().zip(all) {
                        *sum += more;
                    }
                    minmax(sums[0], sums[1], sums[2]) as f32
                });
                let atoms = own[0] as f32 + theirs[0] as f32;
                Likeness {
                    similarities,
                    distance: (atoms - 2.0 * product).max(0.0),
                }
            })
            .collect()
    }

    /// The covariance of `own` with each molecule.
    #[cfg(feature = "train")]
    pub(crate) fn covariances(&self, own: &EnvironmentCounts, covariance: &Covariance) -> Vec<f32> {
        let all = self.compare(own);
        all.iter().map(|likeness| covariance.of(likeness)).collect()
    }
}

/// How many environments of each radius there are.
fn totals(counts: &EnvironmentCounts) -> [u32; RADII] {
    let mut totals = [0; RADII];
    for one in counts.iter() {
        totals[place(one.radius)] += one.count;
    }
    totals
}

fn place(radius: u32) -> usize {
    (radius as usize).min(RADII - 1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// How alike two molecules are, by the definitions.
    pub(crate) fn likeness(a: &EnvironmentCounts, b: &EnvironmentCounts) -> Likeness {
        let within = |counts: &EnvironmentCounts, radius: usize| -> EnvironmentCounts {
            let all = counts.iter();
            all.filter(|one| one.radius as usize <= radius).collect()
        };
        let similarity = |radius| within(a, radius).tanimoto(&within(b, radius)) as f32;
        let roots = |counts: &EnvironmentCounts| -> HashMap<u32, f64> {
            let all = within(counts, 0);
            all.iter()
                .map(|one| (one.hash, f64::from(one.count).sqrt()))
                .collect()
        };
        let (a, b) = (roots(a), roots(b));
        let kinds: std::collections::BTreeSet<&u32> = a.keys().chain(b.keys()).collect();
        let root = |of: &HashMap<u32, f64>, kind: &u32| of.get(kind).copied().unwrap_or(0.0);
        let apart = kinds
            .iter()
            .map(|kind| (root(&a, kind) - root(&b, kind)).powi(2));
        Likeness {
            similarities: std::array::from_fn(similarity),
            distance: apart.sum::<f64>() as f32,
        }
    }

    #[test]
    fn an_index_finds_how_alike_pairs_are() {
        let smiles = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "C1CCCCC1", "N"];
        let counts: Vec<EnvironmentCounts> = smiles
            .iter()
            .map(|s| environments(&Molecule::parse(s).expect("valid")).expect("hashed"))
            .collect();
        let index = Index::new([None].into_iter().chain(counts.iter().map(Some)));
        for own in &counts {
            let found = index.compare(own);
            assert_eq!(found[0].similarities, [0.0; RADII]);
            for (found, other) in found[1..].iter().zip(&counts) {
                let expected = likeness(own, other);
                assert_eq!(found.similarities, expected.similarities);
                assert!(
                    (found.distance - expected.distance).abs() < 1e-4,
                    "{found:?}"
                );
            }
        }
        for found in index.compare(&EnvironmentCounts::default()) {
            assert_eq!(found.similarities, [0.0; RADII]);
        }
    }

    #[test]
    fn atoms_take_their_environments_with_them() {
        let molecule = Molecule::parse("CCO").expect("valid");
        let all = environments(&molecule).expect("hashed");
        // C, C, O; then the three pairs of neighbours around each.
        assert_eq!(all.total(), 6);
        let without = environments_without_atoms(&molecule).expect("hashed");
        let left: Vec<u32> = without.iter().map(EnvironmentCounts::total).collect();
        // Without the middle atom nothing is left but the ends.
        assert_eq!(left, [3, 2, 3]);
    }
}
