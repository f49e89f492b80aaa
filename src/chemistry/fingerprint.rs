//! Extended-connectivity fingerprints (Rogers and Hahn, J. Chem. Inf. Model.
//! 2010, 50, 742), bit for bit those of RDKit's Morgan generator.

use std::collections::BTreeMap;

use chematic_core::AtomIdx;
use chematic_fp::{
    RdkitMorganConfig, RdkitMorganError, RdkitMorganFingerprint, RdkitMorganFpSize,
    RdkitMorganRadius, rdkit_morgan_bitvec, rdkit_morgan_fingerprint,
};
use chematic_smiles::rdkit_hydrogen_suppressed;

use super::{ChemistryError, Molecule, Reason, read_written, ring_order};

/// Most bits a fingerprint may have.
const MAX_BITS: usize = 1 << 20;

/// A kind of extended-connectivity fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecfp {
    /// Bonds around each atom that an environment reaches.
    pub radius: u32,
    /// Bits that environments are folded into.
    pub bits: usize,
}

/// The usual one, named by the diameter of its environments.
pub const ECFP4: Ecfp = Ecfp {
    radius: 2,
    bits: 2048,
};

/// A set of bits, one for each kind of circular environment in a molecule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    words: Vec<u64>,
    width: usize,
    /// Counted once: a search compares each fingerprint many times.
    ones: u32,
}

impl Fingerprint {
    fn new(width: usize, bits: impl Iterator<Item = usize>) -> Self {
        let mut words = vec![0; width.div_ceil(64)];
        for bit in bits {
            words[bit / 64] |= 1 << (bit % 64);
        }
        let ones = words.iter().map(|word: &u64| word.count_ones()).sum();
        Self { words, width, ones }
    }

    /// That of `width` bits with these set; `None` where one of them is beyond.
    pub(crate) fn of_bits(width: usize, bits: Vec<usize>) -> Option<Self> {
        let within = bits.iter().all(|&bit| bit < width);
        within.then(|| Self::new(width, bits.into_iter()))
    }

    /// The bits, 64 a word, the lowest first.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// How many bits there are, set or not.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The indices of the bits that are set, in ascending order.
    pub fn bits(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            std::iter::successors(Some(word), |rest| Some(rest & (rest - 1)))
                .take_while(|&rest| rest != 0)
                .map(move |rest| index * 64 + rest.trailing_zeros() as usize)
        })
    }

    /// How many bits are set.
    pub fn count_ones(&self) -> u32 {
        self.ones
    }

    /// The Tanimoto similarity, 0 to 1: the bits set in both over those set in
    /// either; 0 if none is, as RDKit has it. Fingerprints of different widths
    /// cannot be compared: NaN.
    pub fn tanimoto(&self, other: &Self) -> f64 {
        if self.width != other.width {
            return f64::NAN;
        }
        let words = self.words.iter().zip(&other.words);
        let both: u32 = words.map(|(a, b)| (a & b).count_ones()).sum();
        let either = self.ones + other.ones - both;
        if either == 0 {
            return 0.0;
        }
        f64::from(both) / f64::from(either)
    }
}

impl Molecule {
    /// The extended-connectivity fingerprint of a kind, such as [`ECFP4`].
    /// Stereo is not part of it.
    ///
    /// # Errors
    ///
    /// If `radius` is above 3, or `bits` is 0 or above 1,048,576; and for a
    /// molecule with a bond that RDKit's hash does not know.
    pub fn ecfp(&self, kind: Ecfp) -> Result<Fingerprint, ChemistryError> {
        let Ecfp { radius, bits } = kind;
        let radius = supported(radius)?;
        if bits == 0 {
            return Err(ChemistryError::unsupported("a fingerprint without bits"));
        }
        if bits > MAX_BITS {
            return Err(ChemistryError::new(Reason::TooLarge {
                what: "fingerprint bits",
                limit: MAX_BITS,
            }));
        }
        let size = match bits {
            128 => Some(RdkitMorganFpSize::B128),
            256 => Some(RdkitMorganFpSize::B256),
            512 => Some(RdkitMorganFpSize::B512),
            1024 => Some(RdkitMorganFpSize::B1024),
            2048 => Some(RdkitMorganFpSize::B2048),
            _ => None,
        };
        let config = RdkitMorganConfig {
            radius,
            fp_size: size.unwrap_or(RdkitMorganFpSize::B2048),
            include_chirality: false,
        };
        if size.is_some() {
            let vector = rdkit_morgan_bitvec(&self.written, &config).map_err(cannot_hash)?;
            return Ok(Fingerprint::new(
                bits,
                (0..bits).filter(|&bit| vector.get(bit)),
            ));
        }
        // Other widths fold the same 32-bit hashes.
        Ok(self.environment_counts(kind.radius)?.fold(bits))
    }
}

/// A kind of circular environment, and how often it occurs in a molecule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Environment {
    /// RDKit's 32-bit hash of the kind.
    pub hash: u32,
    /// Bonds that it reaches from its central atom.
    pub radius: u32,
    /// How often it occurs.
    pub count: u32,
}

/// How often each kind of circular environment occurs in a molecule: an
/// extended-connectivity fingerprint that is not folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentCounts {
    /// By ascending hash.
    counts: Vec<Environment>,
}

impl EnvironmentCounts {
    /// Each kind of environment, by ascending hash.
    pub fn iter(&self) -> impl Iterator<Item = Environment> + '_ {
        self.counts.iter().copied()
    }

    /// How many environments there are in all.
    pub fn total(&self) -> u32 {
        self.counts.iter().map(|one| one.count).sum()
    }

    /// The fingerprint of `bits` bits, 1 or more, that the kinds of environments
    /// fold into: [`Molecule::ecfp`] of the same radius.
    pub fn fold(&self, bits: usize) -> Fingerprint {
        Fingerprint::new(bits, self.iter().map(|one| one.hash as usize % bits))
    }

    /// [`Molecule::environment_counts`] of a molecule that some [`Molecule`] wrote
    /// as `smiles`: what that has checked is not checked again, which is most of
    /// the cost of reading.
    ///
    /// # Errors
    ///
    /// Where `smiles` is none, and as [`Molecule::environment_counts`].
    pub fn read(smiles: &str, radius: u32) -> Result<Self, ChemistryError> {
        let written = read_written(smiles)?.molecule;
        count_environments(&ring_order::ordered(&written), radius)
    }

    /// The Tanimoto similarity of counts, 0 to 1: the sum of the lesser counts
    /// over the sum of the greater (Ralaivola et al. 2005, "MinMax"); 0 without
    /// any.
    pub fn tanimoto(&self, other: &Self) -> f64 {
        let theirs: BTreeMap<u32, u32> = other.iter().map(|one| (one.hash, one.count)).collect();
        let shared = |one: Environment| theirs.get(&one.hash).map_or(0, |&c| c.min(one.count));
        let both: u32 = self.iter().map(shared).sum();
        minmax(both, self.total(), other.total())
    }
}

/// The similarity of two molecules of `first` and `second` environments that
/// share `both`.
fn minmax(both: u32, first: u32, second: u32) -> f64 {
    f64::from(both) / f64::from((first + second - both).max(1))
}

impl FromIterator<Environment> for EnvironmentCounts {
    fn from_iter<I: IntoIterator<Item = Environment>>(all: I) -> Self {
        let mut counts: BTreeMap<u32, Environment> = BTreeMap::new();
        for one in all {
            counts
                .entry(one.hash)
                .and_modify(|known| known.count += one.count)
                .or_insert(one);
        }
        Self {
            counts: counts.into_values().filter(|one| one.count > 0).collect(),
        }
    }
}

impl Molecule {
    /// The circular environments of up to `radius` bonds, counted. Stereo is
    /// not part of them.
    ///
    /// # Errors
    ///
    /// If `radius` is above 3; and for a molecule with a bond that RDKit's hash
    /// does not know.
    pub fn environment_counts(&self, radius: u32) -> Result<EnvironmentCounts, ChemistryError> {
        count_environments(&self.written, radius)
    }

    /// For every atom, in order, the environments that it is no part of
    /// (Riniker & Landrum 2013, "similarity maps").
    ///
    /// # Errors
    ///
    /// As [`Self::environment_counts`].
    pub fn environment_counts_without_atoms(
        &self,
        radius: u32,
    ) -> Result<Vec<EnvironmentCounts>, ChemistryError> {
        let detailed = environments(&self.written, radius)?;
        // Where hydrogens were folded in, RDKit numbers the atoms that stay.
        let folded = rdkit_hydrogen_suppressed(&self.written)
            .is_some_and(|folded| folded.atom_count() == self.kept.len());
        let stays = self.stays();
        let mut parts: Vec<(Environment, Vec<usize>)> = Vec::new();
        for (&hash, places) in &detailed.raw_bit_info {
            for &(center, radius) in places {
                let center = center as usize;
                let center = match folded {
                    true => stays.get(center).copied().unwrap_or(center),
                    false => center,
                };
                let one = Environment {
                    hash,
                    radius,
                    count: 1,
                };
                parts.push((one, self.around(center, radius)));
            }
        }
        let without = |atom: &usize| {
            let others = parts.iter().filter(|(_, atoms)| !atoms.contains(atom));
            others.map(|&(one, _)| one).collect()
        };
        Ok(self.kept.iter().map(without).collect())
    }

    /// The written atoms within `radius` bonds of one.
    fn around(&self, center: usize, radius: u32) -> Vec<usize> {
        let mut atoms = vec![center];
        let mut from = 0;
        for _ in 0..radius {
            let to = atoms.len();
            for i in from..to {
                for (other, _) in self.written.neighbors(AtomIdx(atoms[i] as u32)) {
                    let other = other.0 as usize;
                    if !atoms.contains(&other) {
                        atoms.push(other);
                    }
                }
            }
            from = to;
        }
        atoms
    }
}

fn count_environments(
    written: &chematic_core::Molecule,
    radius: u32,
) -> Result<EnvironmentCounts, ChemistryError> {
    let detailed = environments(written, radius)?;
    let kind = |(hash, places): (u32, Vec<(u32, u32)>)| Environment {
        hash,
        // A hash is of its radius as well, but for collisions.
        radius: places.iter().map(|&(_, radius)| radius).min().unwrap_or(0),
        count: places.len() as u32,
    };
    Ok(detailed.raw_bit_info.into_iter().map(kind).collect())
}

fn environments(
    written: &chematic_core::Molecule,
    radius: u32,
) -> Result<RdkitMorganFingerprint, ChemistryError> {
    let config = RdkitMorganConfig {
        radius: supported(radius)?,
        fp_size: RdkitMorganFpSize::B2048,
        include_chirality: false,
    };
    rdkit_morgan_fingerprint(written, &config).map_err(cannot_hash)
}

fn supported(radius: u32) -> Result<RdkitMorganRadius, ChemistryError> {
    Ok(match radius {
        0 => RdkitMorganRadius::R0,
        1 => RdkitMorganRadius::R1,
        2 => RdkitMorganRadius::R2,
        3 => RdkitMorganRadius::R3,
        _ => {
            let what = format!("a fingerprint of radius {radius} (0 to 3 are)");
            return Err(ChemistryError::unsupported(what));
        }
    })
}

fn cannot_hash(error: RdkitMorganError) -> ChemistryError {
    ChemistryError::unsupported(format!("a fingerprint of this molecule ({error})"))
}
