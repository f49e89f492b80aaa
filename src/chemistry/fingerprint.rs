//! Extended-connectivity fingerprints (Rogers and Hahn, J. Chem. Inf. Model.
//! 2010, 50, 742), bit for bit those of RDKit's Morgan generator.

use chematic_fp::{
    RdkitMorganConfig, RdkitMorganError, RdkitMorganFpSize, RdkitMorganRadius, rdkit_morgan_bitvec,
    rdkit_morgan_fingerprint,
};

use super::{ChemistryError, Molecule, Reason};

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
        let radius = match radius {
            0 => RdkitMorganRadius::R0,
            1 => RdkitMorganRadius::R1,
            2 => RdkitMorganRadius::R2,
            3 => RdkitMorganRadius::R3,
            _ => {
                let what = format!("a fingerprint of radius {radius} (0 to 3 are)");
                return Err(ChemistryError::unsupported(what));
            }
        };
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
        let detailed = rdkit_morgan_fingerprint(&self.written, &config).map_err(cannot_hash)?;
        let hashes = detailed.sparse_counts.keys();
        Ok(Fingerprint::new(
            bits,
            hashes.map(|&hash| hash as usize % bits),
        ))
    }
}

fn cannot_hash(error: RdkitMorganError) -> ChemistryError {
    ChemistryError::unsupported(format!("a fingerprint of this molecule ({error})"))
}
