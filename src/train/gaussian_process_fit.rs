//! Fitting Gaussian processes: kernel, noise variance and mixing weight by
//! validation molecules, dual coefficients by conjugate gradients.

use rayon::prelude::*;

use crate::chemistry::EnvironmentCounts;
use crate::predict::gaussian_process::{Covariance, Index, Process};

/// Covariances to choose from.
const COVARIANCES: [Covariance; 3] = [
    Covariance::ANALOGUES,
    Covariance::EVERY_RADIUS,
    Covariance::ATOM_COUNTS,
];
/// Variances of noise to choose from. The greater, the fewer steps the
/// solution takes.
const NOISES: [f32; 7] = [1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];
/// Most molecules that a process is of: their covariances take 4 bytes a pair,
/// 1 GiB.
pub(crate) const MOST: usize = 1 << 14;
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

/// Fits a process to `molecules` and `labels`: covariance and λ are those that
/// err least on the molecules of `validation`, the weight the one that makes
/// the blend err least. `None` where the blend is no better than the network,
/// where there is too little to choose by, or where there are more than [`MOST`].
pub(crate) fn fit(
    molecules: &[&EnvironmentCounts],
    labels: &[f32],
    validation: Validation<'_>,
    is_probability: bool,
) -> Option<Fit> {
    if validation.labels.len() < FEWEST {
        return None;
    }
    let mut best: Option<Candidate> = None;
    for covariance in COVARIANCES {
        let found = candidate(molecules, labels, validation, covariance, is_probability)?;
        if best.as_ref().is_none_or(|best| found.error < best.error) {
            best = Some(found);
        }
    }
    let Candidate {
        mut fit, expected, ..
    } = best?;
    fit.process.weight = weight(validation, &expected);
    (fit.process.weight > 0.0).then_some(fit)
}

/// A fit, and what it makes of the molecules to choose by.
struct Candidate {
    fit: Fit,
    expected: Vec<f32>,
    /// Sum of its squared errors.
    error: f64,
}

/// The fit of `covariance` whose λ errs least; `None` for too many molecules.
fn candidate(
    molecules: &[&EnvironmentCounts],
    labels: &[f32],
    validation: Validation<'_>,
    covariance: Covariance,
    is_probability: bool,
) -> Option<Candidate> {
    let system = System::new(molecules, labels, covariance)?;
    let across: Vec<Vec<f32>> = validation
        .molecules
        .par_iter()
        .map(|molecule| system.index.covariances(molecule, &covariance))
        .collect();
    let mut best: Option<Candidate> = None;
    let mut solution = vec![0.0; labels.len()];
    for noise in NOISES {
        system.solve(noise, &mut solution);
        let coefficients: Vec<f32> = solution.iter().map(|&c| c as f32).collect();
        let process = Process {
            covariance,
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
        if best.as_ref().is_some_and(|best| error >= best.error) {
            break;
        }
        best = Some(Candidate {
            fit: Fit {
                process,
                coefficients,
            },
            expected,
            error,
        });
    }
    best
}

/// Fits a process to all molecules, with the covariance and the λ of the median
/// by λ of those `of_folds`, and their mean weight.
pub(crate) fn refit(
    molecules: &[&EnvironmentCounts],
    labels: &[f32],
    of_folds: &[Option<Process>],
) -> Option<Fit> {
    let mut known: Vec<Process> = of_folds.iter().flatten().copied().collect();
    known.sort_by(|a, b| a.noise.total_cmp(&b.noise));
    let median = *known.get(known.len() / 2)?;
    let weights: f32 = known.iter().map(|process| process.weight).sum();
    let system = System::new(molecules, labels, median.covariance)?;
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

fn sum(covariances: &[f32], coefficients: &[f32]) -> f32 {
    let pairs = covariances.iter().zip(coefficients);
    let sum: f64 = pairs.map(|(&s, &c)| f64::from(s) * f64::from(c)).sum();
    sum as f32
}

/// The linear equations of one endpoint.
struct System {
    index: Index,
    /// Those of all pairs, a row a molecule.
    covariances: Vec<Vec<f32>>,
    mean: f32,
    /// Labels less their mean.
    labels: Vec<f64>,
}

impl System {
    fn new(
        molecules: &[&EnvironmentCounts],
        labels: &[f32],
        covariance: Covariance,
    ) -> Option<Self> {
        if molecules.is_empty() || molecules.len() > MOST {
            return None;
        }
        let index = Index::new(molecules.iter().map(|&molecule| Some(molecule)));
        let covariances = molecules
            .par_iter()
            .map(|molecule| index.covariances(molecule, &covariance))
            .collect();
        let sum: f64 = labels.iter().map(|&label| f64::from(label)).sum();
        let mean = sum / labels.len() as f64;
        Some(Self {
            index,
            covariances,
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
            self.covariances.par_iter().zip(v).map(row).collect()
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
    use crate::predict::gaussian_process::{environments, tests::likeness};

    const MOLECULES: [&str; 24] = [
        "CO", "CCO", "CCCO", "CCCCO", "CC(C)O", "CCC(C)O", "OCCO", "OCCCO", "CC", "CCC", "CCCC",
        "CCCCC", "CC(C)C", "CCC(C)C", "C1CCCC1", "C1CCCCC1", "CN", "CCN", "CCCN", "CC(C)N", "NCCN",
        "CCCCN", "CNC", "CCNC",
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
        for (noise, covariance) in [1.0, 0.01]
            .into_iter()
            .flat_map(|noise| COVARIANCES.map(|c| (noise, c)))
        {
            let system = System::new(&all, &labels(), covariance).expect("small");
            let mut x = vec![0.0; all.len()];
            system.solve(noise, &mut x);
            let scale = system.labels.iter().fold(0.0f64, |m, l| m.max(l.abs()));
            for (i, own) in all.iter().enumerate() {
                let pairs = all.iter().zip(&x);
                let image: f64 = pairs
                    .map(|(other, x)| f64::from(covariance.of(&likeness(own, other))) * x)
                    .sum();
                let off = image + f64::from(noise) * x[i] - system.labels[i];
                assert!(
                    off.abs() < 1e-3 * scale,
                    "{noise}, {covariance:?}, {i}: {off}"
                );
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
        assert_eq!(found.process.noise, 0.001);
        for covariance in COVARIANCES {
            let one = candidate(&all, &labels, validation, covariance, false).expect("small");
            let chosen = covariance == found.process.covariance;
            assert_eq!(one.fit.coefficients == found.coefficients, chosen);
        }
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
