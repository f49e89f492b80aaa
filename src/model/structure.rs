//! The structure vector: what a model learns so that the cosine of its
//! embeddings compares structures.

use serde::{Deserialize, Serialize};

use crate::chemistry::Ecfp;

/// The fingerprint of the structure vector: environments of one bond around
/// each atom. Larger ones tell molecules apart that act alike.
pub const ENVIRONMENTS: Ecfp = Ecfp {
    radius: 1,
    bits: 2048,
};

/// Variance of the descriptors in the vector, where that of the fingerprint is 1.
const DESCRIPTORS: f32 = 0.5625;

/// How the structure vector is made: the bits of a fingerprint and normalised
/// descriptors, each centred on its mean over the training molecules and scaled
/// so that the fingerprint has a variance of 1 in all and the descriptors a
/// fixed share of it.
///
/// Centring is what makes its cosine rank actives before decoys: without it
/// molecules are alike because they are large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StructureTargets {
    /// Fraction of the training molecules that have each bit.
    pub bits: Vec<f32>,
    /// Mean of each normalised descriptor.
    pub descriptors: Vec<f32>,
    /// What centred bits and centred descriptors are multiplied by.
    pub scales: [f32; 2],
}

impl StructureTargets {
    /// Fits means and scales to molecules, each with the bits that it has and
    /// its normalised descriptors. `None` where they do not vary.
    pub fn fit(molecules: &[(Vec<u32>, Vec<f32>)]) -> Option<Self> {
        let (_, first) = molecules.first()?;
        let n = molecules.len() as f32;
        let mut bits = vec![0.0; ENVIRONMENTS.bits];
        let mut descriptors = vec![0.0; first.len()];
        let mut squares = 0.0f64;
        for (set, values) in molecules {
            for &bit in set {
                *bits.get_mut(bit as usize)? += 1.0 / n;
            }
            for (mean, &value) in descriptors.iter_mut().zip(values) {
                *mean += value / n;
            }
            squares += values.iter().map(|&v| f64::from(v * v)).sum::<f64>();
        }
        let of_bits: f32 = bits.iter().map(|p| p * (1.0 - p)).sum();
        let of_means: f32 = descriptors.iter().map(|mean| mean * mean).sum();
        let of_descriptors = (squares / f64::from(n)) as f32 - of_means;
        let varies = of_bits > 1e-6 && (of_descriptors > 1e-6 || descriptors.is_empty());
        varies.then(|| Self {
            bits,
            descriptors,
            scales: [
                of_bits.sqrt().recip(),
                (DESCRIPTORS / of_descriptors.max(1e-6)).sqrt(),
            ],
        })
    }

    /// Numbers of the vector.
    pub fn len(&self) -> usize {
        self.bits.len() + self.descriptors.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the vector of a molecule to `vectors`.
    pub fn append(&self, set: &[u32], descriptors: &[f32], vectors: &mut Vec<f32>) {
        let start = vectors.len();
        vectors.extend(self.bits.iter().map(|mean| -mean * self.scales[0]));
        for &bit in set {
            if let Some(place) = vectors.get_mut(start + bit as usize) {
                *place += self.scales[0];
            }
        }
        let values = descriptors.iter().zip(&self.descriptors);
        vectors.extend(values.map(|(value, mean)| (value - mean) * self.scales[1]));
    }

    /// What is wrong with it, if anything, in the words of `expected …`.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        if !(1..=65_536).contains(&self.bits.len()) || self.descriptors.len() > 1024 {
            return Some("1 to 65536 bits and at most 1024 descriptors");
        }
        let all = finite(&self.bits) && finite(&self.descriptors) && finite(&self.scales);
        (!all).then_some("finite means and scales")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_centred_and_have_the_promised_variances() {
        let molecules: Vec<(Vec<u32>, Vec<f32>)> = (0..100u32)
            .map(|i| {
                let set = (0..20)
                    .filter(|bit| (i * 7 + bit) % (bit + 2) == 0)
                    .collect();
                (set, vec![(i % 10) as f32 / 10.0, (i % 3) as f32])
            })
            .collect();
        let targets = StructureTargets::fit(&molecules).expect("they vary");
        let mut vectors = Vec::new();
        for (set, values) in &molecules {
            targets.append(set, values, &mut vectors);
        }
        let width = targets.len();
        assert_eq!(vectors.len(), 100 * width);
        for column in 0..width {
            let mean: f32 = (0..100)
                .map(|row| vectors[row * width + column])
                .sum::<f32>()
                / 100.0;
            assert!(mean.abs() < 1e-4, "{column}: {mean}");
        }
        let variance = |columns: std::ops::Range<usize>| -> f32 {
            let rows = vectors.chunks(width);
            rows.flat_map(|row| row[columns.clone()].iter().map(|v| v * v))
                .sum::<f32>()
                / 100.0
        };
        assert!((variance(0..2048) - 1.0).abs() < 1e-3);
        assert!((variance(2048..width) - DESCRIPTORS).abs() < 1e-3);
        assert_eq!(targets.fault(), None);
    }

    #[test]
    fn nothing_that_varies_is_nothing_to_learn() {
        assert_eq!(StructureTargets::fit(&[]), None);
        let same = vec![(vec![1, 2], vec![0.5]); 5];
        assert_eq!(StructureTargets::fit(&same), None);
        let outside = [(vec![5000], vec![0.5]), (vec![1], vec![0.7])];
        assert_eq!(StructureTargets::fit(&outside), None);
    }
}
