//! What a model has to beat: a random forest on ECFP4 fingerprints.
//!
//! The forest is biosphere's: 100 trees grown to the end, each on a bootstrap
//! of the molecules. At each node a regression looks at a third of the bits
//! and a classification at the square root of their number, as Breiman
//! proposes (Random Forests, 2001); both go on until a bit splits the node, as
//! scikit-learn does. A classification is a regression of 0 and 1: the
//! variance of such labels is half of their Gini impurity, so the trees are
//! the same and the mean of their leaves is the probability.

use std::fmt;

use biosphere::{MaxFeatures, RandomForest, RandomForestParameters};
use ndarray::{Array1, Array2};

use crate::chemistry::{ChemistryError, ECFP4, Fingerprint, Molecule};
use crate::model::EndpointTask;

/// Trees of the forest. Five times as many change the error by less than the
/// choice of the split does.
const TREES: usize = 100;
/// Deepest tree. Deeper ones come of bits that split off one molecule at a
/// time, and would exhaust the stack.
const MAX_DEPTH: usize = 256;
/// Bytes that the trees which grow at the same time may take.
const GROWING_BYTES: usize = 4 << 30;
/// Molecules that are predicted at a time.
const CHUNK: usize = 1024;

/// Why there is no baseline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// Nothing to fit to.
    #[error("there is no molecule to fit the baseline to")]
    Empty,
    /// Not one label a molecule.
    #[error("{fingerprints} fingerprints have {labels} labels: one each is needed")]
    Labels {
        /// Number of fingerprints.
        fingerprints: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label is no number.
    #[error("the label of molecule {molecule} is {label}, which is not a finite number")]
    NotFinite {
        /// The molecule, from 0.
        molecule: usize,
        /// Its label.
        label: f32,
    },
    /// A fingerprint has another width than the first of those fitted to.
    #[error("the fingerprint of molecule {molecule} has {found} bits, expected {expected}")]
    Width {
        /// The molecule, from 0.
        molecule: usize,
        /// Its bits.
        found: usize,
        /// The bits of the others.
        expected: usize,
    },
}

/// The fingerprint that the baseline is meant for: ECFP4 of 2048 bits.
///
/// # Errors
///
/// For a molecule that has none; see [`Molecule::ecfp`].
pub fn fingerprint(molecule: &Molecule) -> Result<Fingerprint, ChemistryError> {
    molecule.ecfp(ECFP4)
}

/// A fitted random forest.
pub struct Baseline {
    width: usize,
    /// The bits that differ among the molecules fitted to; no tree can ask for
    /// another.
    bits: Vec<usize>,
    forest: RandomForest,
    /// The mean label, which is all there is to say without such bits.
    mean: f64,
}

impl fmt::Debug for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Baseline")
            .field("width", &self.width)
            .field("bits", &self.bits.len())
            .field("trees", &TREES)
            .finish_non_exhaustive()
    }
}

impl Baseline {
    /// Fits a forest on all cores. For a classification, labels above 0.5 are
    /// the class 1. The same data and seed give the same forest, on any number
    /// of cores.
    ///
    /// Takes half a minute for 3,400 molecules on 2 cores, and 16 bytes of
    /// memory for each molecule and bit, beside at most 4 GiB.
    ///
    /// # Errors
    ///
    /// See [`BaselineError`].
    pub fn fit(
        fingerprints: &[Fingerprint],
        labels: &[f32],
        task: EndpointTask,
        seed: u64,
    ) -> Result<Self, BaselineError> {
        let Some(first) = fingerprints.first() else {
            return Err(BaselineError::Empty);
        };
        if fingerprints.len() != labels.len() {
            return Err(BaselineError::Labels {
                fingerprints: fingerprints.len(),
                labels: labels.len(),
            });
        }
        if let Some(molecule) = labels.iter().position(|label| !label.is_finite()) {
            return Err(BaselineError::NotFinite {
                molecule,
                label: labels[molecule],
            });
        }
        let width = first.width();
        check_width(fingerprints, width)?;
        let mut counts = vec![0; width];
        for fingerprint in fingerprints {
            for bit in fingerprint.bits() {
                counts[bit] += 1;
            }
        }
        let bits: Vec<usize> = (0..width)
            .filter(|&bit| 0 < counts[bit] && counts[bit] < fingerprints.len())
            .collect();
        let labels: Array1<f64> = labels
            .iter()
            .map(|&label| match task {
                EndpointTask::Regression => f64::from(label),
                EndpointTask::Classification => f64::from(u8::from(label > 0.5)),
            })
            .collect();
        let looked_at = match task {
            EndpointTask::Regression => MaxFeatures::Fraction(1.0 / 3.0),
            EndpointTask::Classification => MaxFeatures::Sqrt,
        };
        let bytes_a_tree = fingerprints.len() * bits.len().max(1) * size_of::<usize>();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.min(GROWING_BYTES / bytes_a_tree).max(1);
        let parameters = RandomForestParameters::new(
            TREES,
            seed,
            Some(MAX_DEPTH),
            looked_at,
            1,
            2,
            i32::try_from(threads).ok(),
        );
        let mut forest = RandomForest::new(parameters);
        if !bits.is_empty() {
            forest.fit(&matrix(fingerprints, &bits).view(), &labels.view());
        }
        Ok(Self {
            width,
            bits,
            forest,
            mean: labels.sum() / labels.len() as f64,
        })
    }

    /// The predicted label of each molecule; for a classification, the
    /// probability of the class 1.
    ///
    /// # Errors
    ///
    /// [`BaselineError::Width`].
    pub fn predict(&self, fingerprints: &[Fingerprint]) -> Result<Vec<f32>, BaselineError> {
        check_width(fingerprints, self.width)?;
        if self.bits.is_empty() {
            return Ok(vec![self.mean as f32; fingerprints.len()]);
        }
        let mut predictions = Vec::with_capacity(fingerprints.len());
        for chunk in fingerprints.chunks(CHUNK) {
            let values = self.forest.predict(&matrix(chunk, &self.bits).view());
            predictions.extend(values.iter().map(|&value| value as f32));
        }
        Ok(predictions)
    }
}

fn check_width(fingerprints: &[Fingerprint], expected: usize) -> Result<(), BaselineError> {
    let odd = fingerprints.iter().position(|f| f.width() != expected);
    odd.map_or(Ok(()), |molecule| {
        Err(BaselineError::Width {
            molecule,
            found: fingerprints[molecule].width(),
            expected,
        })
    })
}

/// The `bits` of each fingerprint as 0 and 1, a row a molecule.
fn matrix(fingerprints: &[Fingerprint], bits: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((fingerprints.len(), bits.len()), |(row, column)| {
        let bit = bits[column];
        let set = fingerprints[row].words()[bit / 64] >> (bit % 64) & 1;
        f64::from(u8::from(set == 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprints(smiles: &[&str]) -> Vec<Fingerprint> {
        let of = |smiles: &&str| {
            fingerprint(&Molecule::parse(smiles).expect("parses")).expect("a fingerprint")
        };
        smiles.iter().map(of).collect()
    }

    const ALCOHOLS: [&str; 6] = ["CO", "CCO", "CCCO", "CCCCO", "CCCCCO", "OCC(C)C"];
    const ALKANES: [&str; 6] = ["CC", "CCC", "CCCC", "CCCCC", "CCCCCC", "CC(C)C"];

    #[test]
    fn the_same_seed_gives_the_same_forest_and_classes_are_told_apart() {
        let molecules = fingerprints(&[ALCOHOLS, ALKANES].concat());
        let labels = [[1.0; 6], [0.0; 6]].concat();
        let fit = |seed| {
            let baseline = Baseline::fit(&molecules, &labels, EndpointTask::Classification, seed);
            let baseline = baseline.expect("fits");
            let unseen = fingerprints(&["CCCCCCO", "CCCCCCC"]);
            baseline.predict(&unseen).expect("predicts")
        };
        let predicted = fit(1);
        assert_eq!(predicted, fit(1));
        assert_ne!(predicted, fit(2));
        assert!(predicted[0] > 0.7 && predicted[1] < 0.3, "{predicted:?}");
    }

    #[test]
    fn molecules_that_cannot_be_told_apart_get_their_mean() {
        let same = fingerprints(&["CCO"; 4]);
        let labels = [1.0, 2.0, 3.0, 6.0];
        let baseline = Baseline::fit(&same, &labels, EndpointTask::Regression, 0).expect("fits");
        assert_eq!(baseline.predict(&same).expect("predicts"), [3.0; 4]);
        let one = Baseline::fit(&same[..1], &[2.0], EndpointTask::Regression, 0).expect("fits");
        let other = fingerprints(&["CC"]);
        assert_eq!(one.predict(&other).expect("predicts"), [2.0]);
    }

    #[test]
    fn what_cannot_be_fitted_is_an_error() {
        let two = fingerprints(&["CCO", "CC"]);
        let fit = |fingerprints: &[Fingerprint], labels: &[f32]| {
            Baseline::fit(fingerprints, labels, EndpointTask::Regression, 0).map(|_| ())
        };
        assert!(matches!(fit(&[], &[]), Err(BaselineError::Empty)));
        let error = fit(&two, &[1.0]).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "2 fingerprints have 1 labels: one each is needed"
        );
        let error = fit(&two, &[1.0, f32::NAN]).expect_err("refused");
        assert!(error.to_string().contains("molecule 1 is NaN"), "{error}");
        let narrow = Molecule::parse("C")
            .expect("parses")
            .ecfp(crate::chemistry::Ecfp {
                bits: 1024,
                ..ECFP4
            });
        let mixed = [two[0].clone(), narrow.expect("a fingerprint")];
        let error = fit(&mixed, &[1.0, 2.0]).expect_err("refused");
        assert!(
            error.to_string().contains("1024 bits, expected 2048"),
            "{error}"
        );
    }
}
