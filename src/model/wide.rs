//! What the endpoint head may read beside the encoder's output: counts of circular
//! environments and descriptors, the wide part of a "wide and deep" model (Cheng et
//! al. 2016, arXiv 1606.07792). It says what a Gaussian process over the training
//! molecules would say of similar ones, at a cost that does not grow with them.

use serde::{Deserialize, Serialize};

use crate::chemistry::{ChemistryError, DESCRIPTORS, ECFP4, EnvironmentCounts, Molecule};
use crate::kernels::int8::Sparse;

/// How many deviations from its mean a descriptor counts at most: sums over
/// atoms have no bound.
const BOUND: f32 = 6.0;

/// The wide inputs of a head, and its inner widths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WideInputs {
    /// Into how many numbers the counts of environments of up to two bonds (ECFP4)
    /// are folded, by their hashes. A number is the logarithm of one more than the
    /// count.
    pub buckets: usize,
    /// RDKit's names of the descriptors, in order.
    pub descriptors: Vec<String>,
    /// For each descriptor its mean over the training molecules.
    pub means: Vec<f32>,
    /// For each descriptor its standard deviation over them.
    pub deviations: Vec<f32>,
    /// Widths of the two layers before the outputs.
    pub widths: [usize; 2],
}

/// What is read of one molecule, as far as it is not 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WideFeatures {
    /// Bucket and count.
    counts: Vec<(u32, u32)>,
    /// As they are measured.
    descriptors: Vec<f32>,
}

impl WideFeatures {
    /// Those of a molecule, its environments folded into `buckets`.
    ///
    /// # Errors
    ///
    /// For a molecule without environments or descriptors.
    pub(crate) fn new(molecule: &Molecule, buckets: usize) -> Result<Self, ChemistryError> {
        let counts = molecule.environment_counts(ECFP4.radius)?;
        let descriptors = molecule.descriptors()?;
        Ok(Self {
            counts: folded(&counts, buckets),
            descriptors: descriptors.into_iter().map(|value| value as f32).collect(),
        })
    }

    /// The same molecule with other environments, as without one of its atoms.
    pub(crate) fn with_environments(&self, counts: &EnvironmentCounts, buckets: usize) -> Self {
        Self {
            counts: folded(counts, buckets),
            descriptors: self.descriptors.clone(),
        }
    }
}

fn folded(counts: &EnvironmentCounts, buckets: usize) -> Vec<(u32, u32)> {
    let mut folded: Vec<(u32, u32)> = counts
        .iter()
        .map(|one| (one.hash % buckets.max(1) as u32, one.count))
        .collect();
    folded.sort_unstable();
    folded.dedup_by(|one, kept| {
        let same = one.0 == kept.0;
        if same {
            kept.1 += one.1;
        }
        same
    });
    folded
}

impl WideInputs {
    /// Inputs whose descriptors are scaled by those of `molecules`; `None` where
    /// there is none.
    #[cfg(feature = "train")]
    pub(crate) fn fit<'a>(
        buckets: usize,
        widths: [usize; 2],
        molecules: impl Iterator<Item = &'a WideFeatures> + Clone,
    ) -> Option<Self> {
        let count = molecules.clone().count() as f64;
        let mean = |of: &dyn Fn(&WideFeatures) -> f64| -> f64 {
            molecules.clone().map(of).sum::<f64>() / count
        };
        let fitted = (0..DESCRIPTORS.len()).map(|place| {
            let value = |one: &WideFeatures| f64::from(one.descriptors[place]);
            let center = mean(&value);
            let variance = mean(&|one| (value(one) - center).powi(2));
            // What is the same for all says nothing: it is 0.
            (center as f32, (variance.sqrt() as f32).max(1e-6))
        });
        let (means, deviations) = fitted.unzip();
        (count > 0.0).then(|| Self {
            buckets,
            descriptors: DESCRIPTORS.map(str::to_owned).to_vec(),
            means,
            deviations,
            widths,
        })
    }

    /// Numbers of the input.
    pub fn len(&self) -> usize {
        self.buckets + self.descriptors.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is read of a molecule.
    ///
    /// # Errors
    ///
    /// As [`WideFeatures::new`].
    pub(crate) fn read(&self, molecule: &Molecule) -> Result<WideFeatures, ChemistryError> {
        WideFeatures::new(molecule, self.buckets)
    }

    /// Appends the numbers of a molecule to `rows`.
    pub(crate) fn append(&self, of: &WideFeatures, rows: &mut Vec<f32>) {
        let start = rows.len();
        rows.resize(start + self.len(), 0.0);
        for (place, value) in self.entries(of) {
            rows[start + place as usize] = value;
        }
    }

    /// The numbers of a molecule that are not 0, with their places.
    pub(crate) fn sparse(&self, of: &WideFeatures) -> Sparse {
        self.entries(of)
            .filter(|(_, value)| *value != 0.0)
            .collect()
    }

    fn entries<'a>(&'a self, of: &'a WideFeatures) -> impl Iterator<Item = (u32, f32)> + 'a {
        let counts = of.counts.iter();
        let counts = counts.map(|&(bucket, count)| (bucket, (count as f32).ln_1p()));
        let scales = self.means.iter().zip(&self.deviations);
        let scaled = of.descriptors.iter().zip(scales).map(|(value, scale)| {
            let (mean, deviation) = scale;
            ((value - mean) / deviation).clamp(-BOUND, BOUND)
        });
        let places = self.buckets as u32..self.len() as u32;
        counts.chain(places.zip(scaled))
    }

    /// What is wrong with it, if anything, in the words of `expected …`.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let within = |width: &usize| (1..=65_536).contains(width);
        if !within(&self.buckets) || !self.widths.iter().all(within) {
            return Some("1 to 65536 buckets and numbers of a layer");
        }
        if self.descriptors != DESCRIPTORS {
            return Some("the descriptors that this version computes, in its order");
        }
        let count = self.descriptors.len();
        let finite = self.means.len() == count && self.means.iter().all(|mean| mean.is_finite());
        let positive = self.deviations.len() == count
            && self.deviations.iter().all(|d| d.is_finite() && *d > 0.0);
        (!finite || !positive).then_some("a mean and a positive deviation for each descriptor")
    }
}

#[cfg(all(test, feature = "train"))]
mod tests {
    use super::*;

    fn features(smiles: &str) -> WideFeatures {
        WideFeatures::new(&Molecule::parse(smiles).expect("valid"), 64).expect("computed")
    }

    #[test]
    fn a_row_holds_counts_and_scaled_descriptors() {
        let molecules = ["CCO", "CCCCO", "c1ccccc1"].map(features);
        let inputs = WideInputs::fit(64, [8, 4], molecules.iter()).expect("fitted");
        assert_eq!(inputs.fault(), None);
        let mut rows = Vec::new();
        inputs.append(&molecules[0], &mut rows);
        inputs.append(&molecules[2], &mut rows);
        assert_eq!(rows.len(), 2 * inputs.len());
        // All counts of ethanol: three atoms and three neighbourhoods.
        let counts: f32 = rows[..64].iter().map(|value| value.exp() - 1.0).sum();
        assert!((counts - 6.0).abs() < 1e-4, "{counts}");
        // Benzene has one kind of atom six times, and one neighbourhood of each radius.
        let largest = rows[inputs.len()..][..64]
            .iter()
            .copied()
            .fold(0.0, f32::max);
        assert!((largest - 7f32.ln()).abs() < 1e-5, "{largest}");
        let heavy = DESCRIPTORS
            .iter()
            .position(|name| *name == "HeavyAtomCount");
        let heavy = 64 + heavy.expect("it is one");
        // 3, 5 and 6 atoms: mean 14/3, variance 14/9.
        let expected = (3.0 - 14.0 / 3.0) / (14.0f32 / 9.0).sqrt();
        assert!((rows[heavy] - expected).abs() < 1e-5);
        assert!(rows.iter().all(|value| value.abs() <= BOUND));
    }

    #[test]
    fn inputs_of_another_version_are_refused() {
        let molecules = ["CCO", "CCCCO"].map(features);
        let inputs = WideInputs::fit(64, [8, 4], molecules.iter()).expect("fitted");
        assert!(WideInputs::fit(64, [8, 4], [].iter()).is_none());
        let refused = |change: &dyn Fn(&mut WideInputs)| {
            let mut inputs = inputs.clone();
            change(&mut inputs);
            inputs.fault().is_some()
        };
        assert!(!refused(&|_| ()));
        assert!(refused(&|i| i.descriptors.swap(0, 1)));
        assert!(refused(&|i| i.deviations[3] = 0.0));
        assert!(refused(&|i| i.means[3] = f32::NAN));
        assert!(refused(&|i| {
            i.means.pop();
        }));
        assert!(refused(&|i| i.buckets = 0));
    }
}
