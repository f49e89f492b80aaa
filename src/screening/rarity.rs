//! Fingerprints compared by the rarity of what they share.
//!
//! The Tanimoto similarity counts a benzene ring as much as a sulfonylurea. Weighting each
//! bit by how seldom it is set (its inverse document frequency, as in the search of texts:
//! Spärck Jones, J. Doc. 1972, 28, 11) and comparing by the cosine finds more actives
//! early: `docs/results.md` has by how much.

use std::sync::OnceLock;

use crate::chemistry::{ECFP4, Fingerprint};

/// The molecules that were counted.
const MOLECULES: f64 = 10_000.0;

const COUNTED: &str = include_str!("rarity.txt");

/// The square of each bit's weight, which is ln((N + 1) / (n + 1)) for a bit that is set in
/// n of N molecules.
fn squares() -> &'static [f64] {
    static SQUARES: OnceLock<Vec<f64>> = OnceLock::new();
    SQUARES.get_or_init(|| {
        let counted = counts().map(|count| ((MOLECULES + 1.0) / (count + 1.0)).ln().powi(2));
        counted.collect()
    })
}

fn counts() -> impl Iterator<Item = f64> {
    let lines = COUNTED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.parse().ok())
}

/// The square of the length of a fingerprint whose bits are weighted; `None` if it is none
/// of 2,048 bits. (The root of the product of two is taken: of a fingerprint and itself it
/// gives the square again, and so a cosine of 1 to the bit.)
pub(super) fn square(fingerprint: &Fingerprint) -> Option<f64> {
    (fingerprint.width() == ECFP4.bits).then(|| square_of(fingerprint.words()))
}

/// The square of the length of 2,048 bits.
#[inline(always)]
pub(super) fn square_of(words: &[u64]) -> f64 {
    let squares = squares();
    let mut sum = 0.0;
    for (word, &bits) in words.iter().enumerate() {
        sum = with_squares(sum, squares, word, bits);
    }
    sum
}

/// `sum` and the squares of these bits, which are those of a word.
#[inline(always)]
fn with_squares(mut sum: f64, squares: &[f64], word: usize, mut bits: u64) -> f64 {
    while bits != 0 {
        sum += squares[word * 64 + bits.trailing_zeros() as usize];
        bits &= bits - 1;
    }
    sum
}

/// The cosine of two fingerprints of 2,048 bits, weighted, 0 to 1; beside each is its
/// [`square`]. Of a fingerprint without bits it is 0, as its Tanimoto similarity.
pub(super) fn cosine(a: (&Fingerprint, f64), b: (&Fingerprint, f64)) -> f64 {
    cosine_of((a.0.words(), a.1), (b.0.words(), b.1))
}

/// That of 2,048 bits each.
#[inline(always)]
pub(super) fn cosine_of(a: (&[u64], f64), b: (&[u64], f64)) -> f64 {
    let squares = squares();
    let mut shared = 0.0;
    for (word, (&one, &other)) in a.0.iter().zip(b.0).enumerate() {
        shared = with_squares(shared, squares, word, one & other);
    }
    let lengths = (a.1 * b.1).sqrt();
    if lengths > 0.0 {
        (shared / lengths).min(1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::Molecule;

    fn weighted(one: &str, other: &str) -> f64 {
        let [one, other] = [one, other].map(|smiles| {
            let molecule = Molecule::parse(smiles).expect(smiles);
            molecule.ecfp(ECFP4).expect("a fingerprint")
        });
        let [a, b] = [&one, &other].map(|print| square(print).expect("2,048 bits"));
        cosine((&one, a), (&other, b))
    }

    #[test]
    fn every_bit_has_a_count_that_is_possible() {
        assert_eq!(counts().count(), ECFP4.bits);
        assert!(counts().all(|count| (0.0..MOLECULES).contains(&count)));
    }

    #[test]
    fn a_molecule_is_as_similar_to_itself_as_can_be() {
        for smiles in ["CCO", "CCN", "c1ccccc1", "CC(C)Cc1ccc(C(C)C(=O)O)cc1"] {
            assert_eq!(weighted(smiles, smiles), 1.0);
        }
        assert!(weighted("CCO", "c1ccccc1") < weighted("CCO", "CCCO"));
    }

    /// With weights by hand: toluene and methane share nothing but what RDKit's bits say.
    #[test]
    fn it_is_the_cosine_of_weighted_bits() {
        let (one, other) = ("Cc1ccccc1", "CCc1ccccc1");
        let bits = |smiles: &str| -> Vec<usize> {
            let molecule = Molecule::parse(smiles).expect(smiles);
            let print = molecule.ecfp(ECFP4).expect("a fingerprint");
            print.bits().collect()
        };
        let weights: Vec<f64> = counts()
            .map(|count| (10_001.0 / (count + 1.0)).ln())
            .collect();
        let (a, b) = (bits(one), bits(other));
        let sum = |bits: &[usize]| bits.iter().map(|&bit| weights[bit].powi(2)).sum::<f64>();
        let shared: Vec<usize> = a.iter().copied().filter(|bit| b.contains(bit)).collect();
        assert!(!shared.is_empty() && shared.len() < a.len());
        let expected = sum(&shared) / (sum(&a) * sum(&b)).sqrt();
        assert!((weighted(one, other) - expected).abs() < 1e-12);
    }

    #[test]
    fn other_widths_are_not_compared() {
        let molecule = Molecule::parse("CCO").expect("ethanol");
        let narrow = crate::chemistry::Ecfp {
            radius: 2,
            bits: 1024,
        };
        assert_eq!(square(&molecule.ecfp(narrow).expect("bits")), None);
    }
}
