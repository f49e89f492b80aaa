//! A Gaussian process next to the network: what the measured values of similar
//! molecules say about a molecule.
//!
//! For each endpoint the process has the mean of the training labels and a
//! [`Kernel`] k(a, b) on the two molecules' Morgan (ECFP) count fingerprints
//! (Tanimoto similarity: Ralaivola et al. 2005; Griffiths et al. 2023, "GAUCHE").
//! With K the kernel matrix of the training molecules, y their labels less the mean
//! and λ the noise variance, the posterior mean at a molecule x is
//!
//! > mean + k(x)ᵀ (K + λ I)⁻¹ y
//!
//! (Rasmussen & Williams 2006, eq. 2.25; the same as kernel ridge regression), where
//! (K + λ I)⁻¹ y are the dual coefficients of the training molecules. Network and
//! process err in different ways, so that a weighted average is better than either;
//! mixing weight, λ and kernel are those that minimise the error on a fold's
//! validation molecules.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

use crate::chemistry::{ChemistryError, ECFP4, EnvironmentCounts, Molecule};
use crate::kernels::vectorised;

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

/// How similar two molecules are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairSimilarity {
    /// Tanimoto similarity of the counts of environments of up to 0, 1 and 2
    /// bonds.
    pub similarities: [f32; RADII],
    /// Squared distance between the square roots of the counts of each kind of
    /// atom (environments of 0 bonds).
    pub distance: f32,
}

/// The kernel of a process: a sum of terms, each with a weight of 0 or more.
///
/// Similarities are of structure, and of proportions: two alkanes are as alike as
/// their lengths' ratio. Properties that grow with every atom, such as
/// solubility, need a distance of counts as well.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    /// Of the similarities by environments of up to 0, 1 and 2 bonds.
    pub similarities: [f32; RADII],
    /// Of exp(-d² / 20), d² being [`PairSimilarity::distance`].
    pub atoms: f32,
}

impl Kernel {
    /// Tanimoto similarity of ECFP4 counts: for analogues of a series.
    pub const ECFP4: Self = Self {
        similarities: [0.0, 0.0, 1.0],
        atoms: 0.0,
    };
    /// The mean of the Tanimoto similarities at radius 0, 1 and 2.
    pub const MULTI_RADIUS: Self = Self {
        similarities: [1.0 / 3.0; RADII],
        atoms: 0.0,
    };
    /// A quarter [`Self::MULTI_RADIUS`], and three quarters by the distance of atom
    /// counts.
    pub const ATOM_COUNTS: Self = Self {
        similarities: [1.0 / 12.0; RADII],
        atoms: 0.75,
    };

    /// Its value for two molecules.
    pub fn of(&self, pair: &PairSimilarity) -> f32 {
        let terms = self.similarities.iter().zip(pair.similarities);
        let mut sum: f32 = terms.map(|(weight, similarity)| weight * similarity).sum();
        if self.atoms > 0.0 {
            sum += self.atoms * (pair.distance / (-2.0 * ATOMS_SCALE)).exp();
        }
        sum
    }

    /// Whether its weights make sense.
    fn is_sound(&self) -> bool {
        let mut weights = self.similarities.iter().chain([&self.atoms]);
        weights.all(|&weight| weight.is_finite() && weight >= 0.0)
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self::ECFP4
    }
}

/// The Gaussian process of one endpoint, without the dual coefficients of its
/// molecules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianProcess {
    /// The kernel; absent in files from before there was a choice.
    #[serde(default, rename = "covariance")]
    pub kernel: Kernel,
    /// Mean of the training labels, in the endpoint's unit.
    pub mean: f32,
    /// Noise variance λ, over the variance of the process.
    #[serde(rename = "noise")]
    pub noise_variance: f32,
    /// Mixing weight of the process in the prediction, 0 to 1.
    pub weight: f32,
    /// Whether values are probabilities, 0 to 1.
    pub is_probability: bool,
}

impl GaussianProcess {
    /// The posterior mean, given the sum of kernel values times dual coefficients.
    pub fn posterior_mean(&self, sum: f32) -> f32 {
        let value = self.mean + sum;
        if self.is_probability {
            value.clamp(0.0, 1.0)
        } else {
            value
        }
    }

    /// The weighted average of the network's prediction and
    /// [`Self::posterior_mean`].
    pub fn blend(&self, network: f32, posterior_mean: f32) -> f32 {
        network + self.weight * (posterior_mean - network)
    }

    /// Whether its numbers make sense.
    pub(crate) fn is_sound(&self) -> bool {
        self.kernel.is_sound()
            && self.mean.is_finite()
            && self.noise_variance > 0.0
            && (0.0..=1.0).contains(&self.weight)
    }
}

/// By the hash of an environment, which need not be hashed much more.
type ByHash<T> = HashMap<u32, T, BuildHasherDefault<Spread>>;

/// Spreads the bits of a hash of 32 bits over 64: a table takes its places from the
/// highest and the lowest.
#[derive(Clone, Copy, Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(byte.into());
        }
    }

    fn write_u32(&mut self, hash: u32) {
        self.0 = (self.0 ^ u64::from(hash)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Molecules by the environments they contain, so that those which share none
/// with a molecule cost nothing.
#[derive(Clone, Debug, Default)]
pub struct InvertedIndex {
    /// For each environment the molecules that contain it, and how often.
    postings: ByHash<Postings>,
    /// How many environments of each radius each molecule has.
    totals: [Vec<u32>; RADII],
}

/// The molecules that contain an environment.
#[derive(Clone, Debug)]
enum Postings {
    /// Number and count of each.
    Few(Vec<(u32, u32)>),
    /// The counts of all molecules: going through those of an atom that nearly all
    /// have is faster in order, many at once.
    Many(Vec<u16>),
}

/// An environment that this part of all molecules contain is one of many.
const MANY: usize = 16;

/// Molecules that are compared at once.
const BLOCK: usize = 64;

/// What each molecule shares with another one.
#[derive(Debug, Default)]
struct Shared {
    /// Environments of each radius.
    both: [Vec<u32>; RADII],
    /// Sums of the roots of the products of the counts of each kind of atom.
    product: Vec<f32>,
}

impl Shared {
    fn clear(&mut self, molecules: usize) {
        for both in &mut self.both {
            both.clear();
            both.resize(molecules, 0);
        }
        self.product.clear();
        self.product.resize(molecules, 0.0);
    }

    /// Adds an environment that the other molecule has `count` times.
    fn add(&mut self, radius: usize, count: u32, postings: &Postings) {
        let (both, product) = (&mut self.both[radius], &mut self.product);
        let root = |theirs: u32| (count as f32 * theirs as f32).sqrt();
        match postings {
            Postings::Few(all) => {
                for &(molecule, theirs) in all {
                    both[molecule as usize] += count.min(theirs);
                    if radius == 0 {
                        product[molecule as usize] += root(theirs);
                    }
                }
            }
            Postings::Many(all) => vectorised(
                #[inline(always)]
                || {
                    for (both, &theirs) in both.iter_mut().zip(all) {
                        *both += count.min(u32::from(theirs));
                    }
                    if radius == 0 {
                        for (product, &theirs) in product.iter_mut().zip(all) {
                            *product += (count as f32 * f32::from(theirs)).sqrt();
                        }
                    }
                },
            ),
        }
    }
}

thread_local! {
    /// Used again for every molecule.
    static SHARED: RefCell<Shared> = RefCell::default();
}

impl InvertedIndex {
    /// An index of `molecules`; those without environments are like nothing.
    pub fn new<'a>(molecules: impl IntoIterator<Item = Option<&'a EnvironmentCounts>>) -> Self {
        let mut few: ByHash<Vec<(u32, u32)>> = ByHash::default();
        let mut index = Self::default();
        for molecule in molecules {
            let number = index.len() as u32;
            let own = molecule.map_or([0; RADII], totals);
            for (all, own) in index.totals.iter_mut().zip(own) {
                all.push(own);
            }
            for one in molecule.into_iter().flat_map(EnvironmentCounts::iter) {
                few.entry(one.hash).or_default().push((number, one.count));
            }
        }
        let molecules = index.len();
        let postings = few.into_iter().map(|(hash, few)| {
            let counts = few.iter().all(|&(_, count)| u16::try_from(count).is_ok());
            if !counts || few.len() < molecules.div_ceil(MANY).max(2) {
                return (hash, Postings::Few(few));
            }
            let mut many = vec![0; molecules];
            for (molecule, count) in few {
                many[molecule as usize] = count as u16;
            }
            (hash, Postings::Many(many))
        });
        index.postings = postings.collect();
        index
    }

    /// How many molecules there are.
    fn len(&self) -> usize {
        self.totals[0].len()
    }

    /// How alike `own` is to each molecule: [`EnvironmentCounts::tanimoto`] by
    /// radius, and the distance.
    pub fn compare(&self, own: &EnvironmentCounts) -> Vec<PairSimilarity> {
        SHARED.with_borrow_mut(|shared| {
            shared.clear(self.len());
            for one in own.iter() {
                if let Some(postings) = self.postings.get(&one.hash) {
                    shared.add(place(one.radius), one.count, postings);
                }
            }
            self.pairs(totals(own), shared)
        })
    }

    /// What molecules that share this with one of `own` totals are to it.
    fn pairs(&self, own: [u32; RADII], shared: &Shared) -> Vec<PairSimilarity> {
        let mut pairs = Vec::with_capacity(self.len());
        for start in (0..self.len()).step_by(BLOCK) {
            let count = BLOCK.min(self.len() - start);
            let mut similarities = [[0.0f32; BLOCK]; RADII];
            let mut distances = [0.0f32; BLOCK];
            vectorised(
                #[inline(always)]
                || {
                    let mut sums = [[0u32; BLOCK]; 2];
                    let mut all_own = 0;
                    for (radius, similarities) in similarities.iter_mut().enumerate() {
                        all_own += own[radius];
                        let both = &shared.both[radius][start..start + count];
                        let theirs = &self.totals[radius][start..start + count];
                        for i in 0..count {
                            sums[0][i] += both[i];
                            sums[1][i] += theirs[i];
                            similarities[i] = tanimoto(sums[0][i], all_own, sums[1][i]);
                        }
                    }
                    let product = &shared.product[start..start + count];
                    let theirs = &self.totals[0][start..start + count];
                    for i in 0..count {
                        let atoms = own[0] as f32 + theirs[i] as f32;
                        let distance = atoms - 2.0 * product[i];
                        distances[i] = if distance > 0.0 { distance } else { 0.0 };
                    }
                },
            );
            pairs.extend((0..count).map(|i| PairSimilarity {
                similarities: std::array::from_fn(|radius| similarities[radius][i]),
                distance: distances[i],
            }));
        }
        pairs
    }

    /// The kernel between `own` and each molecule.
    #[cfg(feature = "train")]
    pub(crate) fn kernel_values(&self, own: &EnvironmentCounts, kernel: &Kernel) -> Vec<f32> {
        let all = self.compare(own);
        all.iter().map(|pair| kernel.of(pair)).collect()
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

/// The similarity of two molecules of `first` and `second` environments that share
/// `both`: [`EnvironmentCounts::tanimoto`] in single precision. The quotient of whole
/// numbers below 2^24 is the same whether or not it is rounded to double precision first.
#[inline(always)]
fn tanimoto(both: u32, first: u32, second: u32) -> f32 {
    both as f32 / (first + second - both).max(1) as f32
}

fn place(radius: u32) -> usize {
    (radius as usize).min(RADII - 1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// How alike two molecules are, by the definitions.
    pub(crate) fn pair(a: &EnvironmentCounts, b: &EnvironmentCounts) -> PairSimilarity {
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
        PairSimilarity {
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
        let index = InvertedIndex::new([None].into_iter().chain(counts.iter().map(Some)));
        for own in &counts {
            let found = index.compare(own);
            assert_eq!(found[0].similarities, [0.0; RADII]);
            for (found, other) in found[1..].iter().zip(&counts) {
                let expected = pair(own, other);
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
    fn environments_of_many_molecules_count_as_those_of_few() {
        let smiles = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "C1CCCCC1", "N"];
        let counts = smiles.map(|s| environments(&Molecule::parse(s).expect("valid")));
        let counts = counts.map(|counts| counts.expect("hashed"));
        // Beyond a block, with one kind of molecule that is rare.
        let molecules = |i: usize| &counts[if i == 70 { 4 } else { i % 4 }];
        let index = InvertedIndex::new((0..150).map(|i| Some(molecules(i))));
        let kinds = index.postings.values();
        let few = kinds
            .filter(|kind| matches!(kind, Postings::Few(_)))
            .count();
        assert!(0 < few && few < index.postings.len());
        for own in &counts {
            for (i, found) in index.compare(own).iter().enumerate() {
                let expected = pair(own, molecules(i));
                assert_eq!(found.similarities, expected.similarities);
                assert!((found.distance - expected.distance).abs() < 1e-4);
            }
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
