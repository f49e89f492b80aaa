//! A Gaussian process beside the network: what the measured values of like
//! molecules say of a molecule.
//!
//! For each endpoint the process has the mean of the training labels and the
//! covariance k(a, b) = Tanimoto similarity of the two molecules' counts of
//! circular environments (Ralaivola et al. 2005; Griffiths et al. 2023,
//! "GAUCHE"). With K the similarities of the training molecules, y their labels
//! less the mean and λ the variance of the noise, it expects of a molecule x
//!
//! > mean + k(x)ᵀ (K + λ I)⁻¹ y
//!
//! (Rasmussen & Williams 2006, eq. 2.25; the same as kernel ridge regression).
//! Prediction and expectation err in different ways, so that a mean of the two
//! is better than either: `weight` of the process and 1 - `weight` of the
//! network, from the molecules that a fold validates on, like λ.

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

/// The process of one endpoint, without the coefficients of its molecules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
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
    /// What it expects, given the sum of similarities times coefficients.
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
        self.mean.is_finite() && self.noise > 0.0 && (0.0..=1.0).contains(&self.weight)
    }
}

/// Molecules by the environments that they hold, so that those which share
/// nothing with a molecule cost nothing.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// For each environment the molecules that hold it, and how often.
    holders: HashMap<u32, Vec<(u32, u32)>>,
    /// How many environments each molecule has.
    totals: Vec<u32>,
}

impl Index {
    /// An index of `molecules`; those without environments are like nothing.
    pub fn new<'a>(molecules: impl IntoIterator<Item = Option<&'a EnvironmentCounts>>) -> Self {
        let mut index = Self::default();
        for molecule in molecules {
            let number = index.totals.len() as u32;
            index
                .totals
                .push(molecule.map_or(0, |counts| counts.total()));
            for (hash, count) in molecule.into_iter().flat_map(EnvironmentCounts::iter) {
                let holders = index.holders.entry(hash).or_default();
                holders.push((number, count));
            }
        }
        index
    }

    /// The similarity of `own` to each molecule: [`EnvironmentCounts::tanimoto`].
    pub fn similarities(&self, own: &EnvironmentCounts) -> Vec<f32> {
        let mut shared = vec![0u32; self.totals.len()];
        for (hash, count) in own.iter() {
            for &(molecule, theirs) in self.holders.get(&hash).into_iter().flatten() {
                shared[molecule as usize] += count.min(theirs);
            }
        }
        let total = own.total();
        let pairs = shared.iter().zip(&self.totals);
        pairs
            .map(|(&both, &theirs)| minmax(both, total, theirs) as f32)
            .collect()
    }
}

#[cfg(feature = "train")]
pub(crate) use fitting::{Validation, fit, refit};

#[cfg(feature = "train")]
mod fitting {
    use rayon::prelude::*;

    use super::{Index, Process};
    use crate::chemistry::EnvironmentCounts;

    /// Variances of noise to choose from. The greater, the fewer steps the
    /// solution takes.
    const NOISES: [f32; 6] = [1.0, 0.3, 0.1, 0.03, 0.01, 0.003];
    /// Most training molecules: their similarities take 4 bytes a pair, 1 GiB.
    const MOST: usize = 1 << 14;
    /// Fewest molecules to choose noise and weight by.
    const FEWEST: usize = 20;
    /// Residual, as a fraction of the labels, at which a solution is good enough:
    /// its error is then far below the noise.
    const TOLERANCE: f64 = 1e-4;
    /// Most steps of a solution.
    const STEPS: usize = 1000;

    /// Molecules to choose by, none of them trained on.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Validation<'a> {
        /// Their environments.
        pub(crate) molecules: &'a [&'a EnvironmentCounts],
        /// Their labels.
        pub(crate) labels: &'a [f32],
        /// What the network predicts.
        pub(crate) network: &'a [f32],
    }

    /// A fitted process.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Fit {
        pub(crate) process: Process,
        /// One a training molecule, in the endpoint's unit.
        pub(crate) coefficients: Vec<f32>,
    }

    /// Fits a process to `molecules` and `labels`: λ is the one that errs least
    /// on the molecules of `validation`, the weight the one that makes the blend
    /// err least. `None` where the blend is no better than the network, where
    /// there is too little to choose by, or too much to hold in memory.
    pub(crate) fn fit(
        molecules: &[&EnvironmentCounts],
        labels: &[f32],
        validation: Validation<'_>,
        is_probability: bool,
    ) -> Option<Fit> {
        if validation.labels.len() < FEWEST {
            return None;
        }
        let system = System::new(molecules, labels)?;
        let across: Vec<Vec<f32>> = validation
            .molecules
            .par_iter()
            .map(|molecule| system.index.similarities(molecule))
            .collect();
        let mut best: Option<(f64, Fit, Vec<f32>)> = None;
        let mut solution = vec![0.0; labels.len()];
        for noise in NOISES {
            system.solve(noise, &mut solution);
            let coefficients: Vec<f32> = solution.iter().map(|&c| c as f32).collect();
            let process = Process {
                mean: system.mean,
                noise,
                weight: 0.0,
                is_probability,
            };
            let expected: Vec<f32> = across
                .iter()
                .map(|row| process.expectation(sum(row, &coefficients)))
                .collect();
            let error = squares(validation.labels, &expected);
            // The error has one minimum, as far as ever seen.
            if best.as_ref().is_some_and(|(least, ..)| error >= *least) {
                break;
            }
            let fit = Fit {
                process,
                coefficients,
            };
            best = Some((error, fit, expected));
        }
        let (_, mut fit, expected) = best?;
        fit.process.weight = weight(validation, &expected);
        (fit.process.weight > 0.0).then_some(fit)
    }

    /// Fits a process to all molecules, with the median λ and the mean weight of
    /// those `of_folds`.
    pub(crate) fn refit(
        molecules: &[&EnvironmentCounts],
        labels: &[f32],
        of_folds: &[Option<Process>],
    ) -> Option<Fit> {
        let mut known: Vec<Process> = of_folds.iter().flatten().copied().collect();
        known.sort_by(|a, b| a.noise.total_cmp(&b.noise));
        let median = *known.get(known.len() / 2)?;
        let weights: f32 = known.iter().map(|process| process.weight).sum();
        let system = System::new(molecules, labels)?;
        let mut solution = vec![0.0; labels.len()];
        system.solve(median.noise, &mut solution);
        Some(Fit {
            process: Process {
                mean: system.mean,
                weight: weights / of_folds.len() as f32,
                ..median
            },
            coefficients: solution.iter().map(|&c| c as f32).collect(),
        })
    }

    fn squares(labels: &[f32], values: &[f32]) -> f64 {
        let pairs = labels.iter().zip(values);
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
    }

    /// The weight of `expected` with which the blend has the least squares.
    fn weight(validation: Validation<'_>, expected: &[f32]) -> f32 {
        let (mut over, mut under) = (0.0, 0.0);
        let all = expected.iter().zip(validation.network);
        for ((&expected, &network), &label) in all.zip(validation.labels) {
            let apart = f64::from(expected - network);
            over += apart * f64::from(label - network);
            under += apart * apart;
        }
        let weight = if under > 0.0 { over / under } else { 0.0 };
        weight.clamp(0.0, 1.0) as f32
    }

    fn sum(similarities: &[f32], coefficients: &[f32]) -> f32 {
        let pairs = similarities.iter().zip(coefficients);
        let sum: f64 = pairs.map(|(&s, &c)| f64::from(s) * f64::from(c)).sum();
        sum as f32
    }

    /// The linear equations of one endpoint.
    struct System {
        index: Index,
        /// The similarities of all pairs, a row a molecule.
        similarities: Vec<Vec<f32>>,
        mean: f32,
        /// Labels less their mean.
        labels: Vec<f64>,
    }

    impl System {
        fn new(molecules: &[&EnvironmentCounts], labels: &[f32]) -> Option<Self> {
            if molecules.is_empty() || molecules.len() > MOST {
                return None;
            }
            let index = Index::new(molecules.iter().map(|&molecule| Some(molecule)));
            let similarities = molecules
                .par_iter()
                .map(|molecule| index.similarities(molecule))
                .collect();
            let sum: f64 = labels.iter().map(|&label| f64::from(label)).sum();
            let mean = sum / labels.len() as f64;
            Some(Self {
                index,
                similarities,
                mean: mean as f32,
                labels: labels.iter().map(|&l| f64::from(l) - mean).collect(),
            })
        }

        /// Solves (K + λ I) x = labels by conjugate gradients (Hestenes & Stiefel
        /// 1952), from `x` on.
        fn solve(&self, noise: f32, x: &mut [f64]) {
            let product = |v: &[f64]| -> Vec<f64> {
                let row = |(row, &own): (&Vec<f32>, &f64)| {
                    dot(v, |i| f64::from(row[i])) + f64::from(noise) * own
                };
                self.similarities.par_iter().zip(v).map(row).collect()
            };
            let mut residual = self.labels.clone();
            for (r, p) in residual.iter_mut().zip(product(x)) {
                *r -= p;
            }
            let mut direction = residual.clone();
            let mut size = dot(&residual, |i| residual[i]);
            let enough = TOLERANCE.powi(2) * dot(&self.labels, |i| self.labels[i]);
            for _ in 0..STEPS {
                if size <= enough {
                    break;
                }
                let image = product(&direction);
                let along = dot(&direction, |i| image[i]);
                if along <= 0.0 {
                    break;
                }
                let step = size / along;
                for (i, x) in x.iter_mut().enumerate() {
                    *x += step * direction[i];
                    residual[i] -= step * image[i];
                }
                let before = size;
                size = dot(&residual, |i| residual[i]);
                for (d, r) in direction.iter_mut().zip(&residual) {
                    *d = r + size / before * *d;
                }
            }
        }
    }

    /// The sum of `v[i] * other(i)`, in lanes that vectorise.
    fn dot(v: &[f64], other: impl Fn(usize) -> f64) -> f64 {
        const LANES: usize = 8;
        let mut lanes = [0.0; LANES];
        let whole = v.len() - v.len() % LANES;
        for start in (0..whole).step_by(LANES) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                *sum += v[start + lane] * other(start + lane);
            }
        }
        let rest: f64 = (whole..v.len()).map(|i| v[i] * other(i)).sum();
        lanes.iter().sum::<f64>() + rest
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::chemistry::Molecule;
        use crate::gaussian_process::environments;

        const MOLECULES: [&str; 24] = [
            "CO", "CCO", "CCCO", "CCCCO", "CC(C)O", "CCC(C)O", "OCCO", "OCCCO", "CC", "CCC",
            "CCCC", "CCCCC", "CC(C)C", "CCC(C)C", "C1CCCC1", "C1CCCCC1", "CN", "CCN", "CCCN",
            "CC(C)N", "NCCN", "CCCCN", "CNC", "CCNC",
        ];

        fn counts() -> Vec<EnvironmentCounts> {
            let of = |smiles: &&str| environments(&Molecule::parse(smiles).expect("valid"));
            MOLECULES.iter().map(|s| of(s).expect("hashed")).collect()
        }

        /// 1 for an oxygen, -1 for a nitrogen, and a little for each carbon.
        fn labels() -> Vec<f32> {
            let each = |letter: char, smiles: &str| smiles.matches(letter).count() as f32;
            let of = |s: &&str| each('O', s) - each('N', s) + 0.1 * each('C', s);
            MOLECULES.iter().map(of).collect()
        }

        #[test]
        fn the_solution_solves_the_equations() {
            let counts = counts();
            let all: Vec<&EnvironmentCounts> = counts.iter().collect();
            let system = System::new(&all, &labels()).expect("small");
            for noise in [1.0, 0.01] {
                let mut x = vec![0.0; all.len()];
                system.solve(noise, &mut x);
                let scale = system.labels.iter().fold(0.0f64, |m, l| m.max(l.abs()));
                for (i, own) in all.iter().enumerate() {
                    let pairs = all.iter().zip(&x);
                    let image: f64 = pairs.map(|(other, x)| own.tanimoto(other) * x).sum();
                    let off = image + f64::from(noise) * x[i] - system.labels[i];
                    assert!(off.abs() < 1e-3 * scale, "{noise}, {i}: {off}");
                }
            }
        }

        #[test]
        fn a_blend_errs_least_and_a_useless_process_is_none() {
            let counts = counts();
            let all: Vec<&EnvironmentCounts> = counts.iter().collect();
            let labels = labels();
            // A network that is off by one everywhere learns from the labels.
            let network: Vec<f32> = labels.iter().map(|label| label + 1.0).collect();
            let validation = Validation {
                molecules: &all,
                labels: &labels,
                network: &network,
            };
            let found = fit(&all, &labels, validation, false).expect("a process");
            assert!(found.process.weight > 0.9, "{:?}", found.process);
            assert_eq!(found.process.noise, 0.003);
            let exact = Validation {
                network: &labels,
                ..validation
            };
            assert_eq!(fit(&all, &labels, exact, false), None);
            let few = Validation {
                molecules: &all[..5],
                labels: &labels[..5],
                network: &network[..5],
            };
            assert_eq!(fit(&all, &labels, few, false), None);

            let again = refit(&all, &labels, &[Some(found.process), None]).expect("fits");
            assert_eq!(again.process.weight, found.process.weight / 2.0);
            let pairs = again.coefficients.iter().zip(&found.coefficients);
            for (again, first) in pairs {
                assert!((again - first).abs() < 0.02, "{again} {first}");
            }
            assert_eq!(refit(&all, &labels, &[None]), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_finds_the_similarities_of_pairs() {
        let smiles = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "C1CCCCC1", "N"];
        let counts: Vec<EnvironmentCounts> = smiles
            .iter()
            .map(|s| environments(&Molecule::parse(s).expect("valid")).expect("hashed"))
            .collect();
        let index = Index::new([None].into_iter().chain(counts.iter().map(Some)));
        for own in &counts {
            let found = index.similarities(own);
            assert_eq!(found[0], 0.0);
            for (found, other) in found[1..].iter().zip(&counts) {
                assert_eq!(*found, own.tanimoto(other) as f32);
            }
        }
        assert_eq!(
            index.similarities(&EnvironmentCounts::default()),
            vec![0.0; 6]
        );
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
