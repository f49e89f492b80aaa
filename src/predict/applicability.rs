//! How far a prediction can be trusted: the nearest molecule that the model was
//! trained on, the applicability domain, and an interval that holds the measured
//! value nine times in ten.
//!
//! All three follow from the Tanimoto similarities of ECFP4 fingerprints to the
//! nearest training molecules of the endpoint: the mean of the five greatest,
//! each weighted by itself. What such a similarity is worth is learnt from
//! molecules that were held out from training: where their least similar tenth
//! begins, a molecule is outside the domain; and the intervals are quantiles of
//! their errors within each part of the domain (split conformal prediction:
//! Vovk, Gammerman & Shafer 2005; by parts, "Mondrian").

use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::gaussian_process::{Covariance, Index, Process};
use super::prediction::{Domain, Neighbour, Uncertainty};
use crate::chemistry::{ECFP4, EnvironmentCounts, Fingerprint};
use crate::parallel;

/// Fraction of the measured values that an interval is to hold.
pub const LEVEL: f64 = 0.9;

/// Fraction of the held-out molecules below whose similarity a molecule is
/// outside, and below whose similarity it is at the border.
const OUTSIDE: f64 = 0.1;
const AT_THE_BORDER: f64 = 0.3;

/// Held-out molecules from which quantiles are taken at least.
const FEWEST: usize = 20;

/// Training molecules that tell where a molecule stands.
const NEIGHBOURS: usize = 5;

/// Bytes that a file may unpack to.
const MAX_BYTES: u64 = 1 << 28;

/// What held-out molecules say about one part of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which.
    pub domain: Domain,
    /// Held-out molecules in it.
    pub molecules: usize,
    /// Root of their mean squared error, in the endpoint's unit; of
    /// probabilities for a class.
    pub rmse: f64,
    /// Half the width of the interval, in the endpoint's unit; `None` for a
    /// class, whose prediction is a probability already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<f32>,
}

/// The domain of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointDomain {
    /// The endpoint.
    pub endpoint: String,
    /// Similarity from which a molecule is at the border and no longer out.
    pub borderline: f64,
    /// Similarity from which a molecule is in.
    pub within: f64,
    /// The three parts, from out to in.
    pub parts: Vec<Part>,
    /// Fraction of held-out values that intervals held which were made without
    /// them; `None` for a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
}

/// A held-out molecule: what was predicted, and how near it was to the training
/// molecules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOut {
    /// Similarity to the nearest molecules that were trained on:
    /// [`Nearest::similarity`].
    pub similarity: f64,
    /// The measured value.
    pub label: f32,
    /// The prediction.
    pub prediction: f32,
}

impl EndpointDomain {
    /// Learns the domain of `endpoint` from held-out molecules; `None` where
    /// there are fewer than 20. `is_quantity` says whether intervals mean
    /// something.
    pub fn fit(endpoint: &str, held_out: &[HeldOut], is_quantity: bool) -> Option<Self> {
        if held_out.len() < FEWEST {
            return None;
        }
        let mut similarities: Vec<f64> = held_out.iter().map(|one| one.similarity).collect();
        similarities.sort_by(f64::total_cmp);
        let quantile = |fraction: f64| {
            let place = (similarities.len() as f64 * fraction) as usize;
            similarities[place.min(similarities.len() - 1)]
        };
        let mut domain = Self {
            endpoint: endpoint.to_owned(),
            borderline: quantile(OUTSIDE),
            within: quantile(AT_THE_BORDER),
            parts: Vec::new(),
            coverage: None,
        };
        let all: Vec<&HeldOut> = held_out.iter().collect();
        domain.parts = domain.parts_of(&all, is_quantity);
        domain.coverage = is_quantity.then(|| domain.cross_coverage(&all));
        Some(domain)
    }

    /// The part that a similarity falls in.
    pub fn domain(&self, similarity: f64) -> Domain {
        if similarity >= self.within {
            Domain::In
        } else if similarity >= self.borderline {
            Domain::Borderline
        } else {
            Domain::Out
        }
    }

    /// Half the width of the interval of a molecule in `domain`.
    pub fn half_width(&self, domain: Domain) -> Option<f32> {
        let part = self.parts.iter().find(|part| part.domain == domain)?;
        part.half_width
    }

    fn parts_of(&self, held_out: &[&HeldOut], is_quantity: bool) -> Vec<Part> {
        let errors = |domain: Option<Domain>| -> Vec<f64> {
            held_out
                .iter()
                .filter(|one| domain.is_none_or(|domain| self.domain(one.similarity) == domain))
                .map(|one| f64::from((one.prediction - one.label).abs()))
                .collect()
        };
        let rmse = |errors: &[f64]| {
            let squares: f64 = errors.iter().map(|error| error * error).sum();
            (squares / errors.len().max(1) as f64).sqrt()
        };
        let whole = interval(errors(None)).unwrap_or(f64::INFINITY);
        let mut parts: Vec<Part> = Domain::ALL
            .into_iter()
            .map(|domain| {
                let errors = errors(Some(domain));
                Part {
                    domain,
                    molecules: errors.len(),
                    rmse: rmse(&errors),
                    // Too few of its own: the quantile over all.
                    half_width: is_quantity.then(|| interval(errors).unwrap_or(whole) as f32),
                }
            })
            .collect();
        // Farther out nothing is known better.
        for i in (0..parts.len().saturating_sub(1)).rev() {
            parts[i].half_width = parts[i]
                .half_width
                .zip(parts[i + 1].half_width)
                .map(|(own, inner)| own.max(inner));
        }
        parts
    }

    /// The coverage of intervals made from four fifths for the other fifth.
    fn cross_coverage(&self, held_out: &[&HeldOut]) -> f64 {
        const FOLDS: usize = 5;
        let mut held = 0;
        for fold in 0..FOLDS {
            let part = |own: bool| -> Vec<&HeldOut> {
                let all = held_out.iter().enumerate();
                all.filter(|(i, _)| (i % FOLDS == fold) == own)
                    .map(|(_, one)| *one)
                    .collect()
            };
            let made = Self {
                parts: self.parts_of(&part(false), true),
                ..self.clone()
            };
            held += part(true)
                .iter()
                .filter(|one| {
                    let width = made.half_width(made.domain(one.similarity));
                    width.is_some_and(|width| (one.prediction - one.label).abs() <= width)
                })
                .count();
        }
        held as f64 / held_out.len().max(1) as f64
    }

    fn is_sound(&self) -> bool {
        let finite = self.parts.iter().all(|part| {
            part.half_width
                .is_none_or(|width| width >= 0.0 && !width.is_nan())
        });
        let ordered = 0.0 <= self.borderline && self.borderline <= self.within;
        finite && ordered && self.within <= 1.0
    }
}

/// The smallest bound that holds [`LEVEL`] of the values that may come, given
/// `errors` that came; `None` where they are too few to say.
fn interval(mut errors: Vec<f64>) -> Option<f64> {
    errors.sort_by(f64::total_cmp);
    let place = ((errors.len() + 1) as f64 * LEVEL).ceil() as usize;
    errors.get(place.checked_sub(1)?).copied()
}

/// The training molecules that are nearest to a molecule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nearest {
    /// Similarity and index, the nearest first.
    best: Vec<(f64, usize)>,
}

impl Nearest {
    /// Takes the training molecule `index` into account.
    pub fn add(&mut self, index: usize, similarity: f64) {
        let place = self.best.partition_point(|(known, _)| *known >= similarity);
        if place < NEIGHBOURS {
            self.best.truncate(NEIGHBOURS - 1);
            self.best.insert(place, (similarity, index));
        }
    }

    /// The index of the nearest, and its similarity.
    pub fn first(&self) -> Option<(usize, f64)> {
        let &(similarity, index) = self.best.first()?;
        Some((index, similarity))
    }

    /// How similar the nearest five are: their mean, weighted by the similarities
    /// themselves, so that one that is very near counts more than several that
    /// are not. 0 to 1; 0 without any.
    pub fn similarity(&self) -> f64 {
        let sum: f64 = self.best.iter().map(|(similarity, _)| similarity).sum();
        let squares: f64 = self.best.iter().map(|(s, _)| s * s).sum();
        if sum > 0.0 { squares / sum } else { 0.0 }
    }

    /// The similarity that a molecule must exceed to change anything.
    fn bound(&self) -> f64 {
        match self.best.get(NEIGHBOURS - 1) {
            Some((similarity, _)) => *similarity,
            None => -1.0,
        }
    }
}

impl FromIterator<(usize, f64)> for Nearest {
    fn from_iter<I: IntoIterator<Item = (usize, f64)>>(all: I) -> Self {
        let mut nearest = Self::default();
        for (index, similarity) in all {
            nearest.add(index, similarity);
        }
        nearest
    }
}

/// A molecule that a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingMolecule {
    /// Its canonical SMILES.
    pub smiles: String,
    /// Indices of the endpoints that it has a label for.
    pub endpoints: Vec<u8>,
    /// For each of them its coefficient in the endpoint's Gaussian process, 0
    /// where there is none; empty where no endpoint has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coefficients: Vec<f32>,
}

/// Why a file of domains cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicabilityError {
    /// It is no gzip file, or holds more than any of ours.
    #[error("domain.json.gz: {0}")]
    Io(#[from] std::io::Error),
    /// It is not the JSON we expect.
    #[error("domain.json.gz: {0}")]
    Json(#[from] serde_json::Error),
    /// Its numbers make no sense, or it is of another model.
    #[error("domain.json.gz: {0}; it belongs to another model or is damaged")]
    Unsound(String),
}

/// The domains of a model's endpoints and the molecules that it was trained on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Applicability {
    /// One entry an endpoint, in the model's order; `None` where too few
    /// molecules were held out.
    endpoints: Vec<Option<EndpointDomain>>,
    /// One entry an endpoint, or none at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    processes: Vec<Option<Process>>,
    molecules: Vec<TrainingMolecule>,
    /// Computed when first asked for.
    #[serde(skip)]
    environments: OnceLock<Environments>,
}

/// What is known of the training molecules by their environments.
#[derive(Clone, Debug)]
struct Environments {
    /// ECFP4 and number of each molecule that can be read, by ascending bits.
    fingerprints: Vec<(Fingerprint, usize)>,
    /// Those that have a part in a Gaussian process.
    index: Index,
    /// Molecule, endpoint and coefficient, where it is not 0.
    terms: Vec<(u32, u8, f32)>,
}

impl Applicability {
    /// The domains of `endpoints` and their Gaussian processes, if any, with the
    /// molecules trained on.
    pub fn new(
        endpoints: Vec<Option<EndpointDomain>>,
        processes: Vec<Option<Process>>,
        molecules: Vec<TrainingMolecule>,
    ) -> Self {
        Self {
            endpoints,
            processes,
            molecules,
            environments: OnceLock::new(),
        }
    }

    /// The same with other domains.
    pub fn with_endpoints(self, endpoints: Vec<Option<EndpointDomain>>) -> Self {
        Self { endpoints, ..self }
    }

    /// The same without Gaussian processes: predictions are the network's.
    pub fn without_processes(mut self) -> Self {
        self.processes.clear();
        for molecule in &mut self.molecules {
            molecule.coefficients.clear();
        }
        self.environments = OnceLock::new();
        self
    }

    /// One entry an endpoint.
    pub fn endpoints(&self) -> &[Option<EndpointDomain>] {
        &self.endpoints
    }

    /// One entry an endpoint, or none at all.
    pub fn processes(&self) -> &[Option<Process>] {
        &self.processes
    }

    /// Whether predictions are more than the network's.
    pub fn has_processes(&self) -> bool {
        self.processes.iter().any(Option::is_some)
    }

    /// For each endpoint what its Gaussian process expects of a molecule of
    /// these environments, in the endpoint's unit; `None` where it has none.
    pub fn expectations(&self, own: &EnvironmentCounts) -> Vec<Option<f32>> {
        if !self.has_processes() {
            return vec![None; self.endpoints.len()];
        }
        let known = self.environments();
        let likenesses = known.index.compare(own);
        let covariances: Vec<Covariance> = (self.processes.iter())
            .map(|process| process.map(|p| p.covariance).unwrap_or_default())
            .collect();
        let mut sums = vec![0.0f64; self.processes.len()];
        for &(molecule, endpoint, coefficient) in &known.terms {
            let endpoint = usize::from(endpoint);
            let covariance = covariances[endpoint].of(&likenesses[molecule as usize]);
            sums[endpoint] += f64::from(covariance) * f64::from(coefficient);
        }
        let all = self.processes.iter().zip(sums);
        all.map(|(process, sum)| Some(process.as_ref()?.expectation(sum as f32)))
            .collect()
    }

    /// Turns the network's `values` of a molecule of these environments, one an
    /// endpoint, into the predictions.
    pub fn blend(&self, own: &EnvironmentCounts, values: &mut [f32]) {
        let expected = self.expectations(own);
        let all = values.iter_mut().zip(&self.processes).zip(expected);
        for ((value, process), expected) in all {
            if let (Some(process), Some(expected)) = (process, expected) {
                *value = process.blend(*value, expected);
            }
        }
    }

    fn environments(&self) -> &Environments {
        self.environments.get_or_init(|| {
            let counts = parallel::map(&self.molecules, |molecule| {
                EnvironmentCounts::read(&molecule.smiles, ECFP4.radius).ok()
            });
            let numbered = || counts.iter().enumerate();
            let fold = |(number, counts): (usize, &Option<EnvironmentCounts>)| {
                Some((counts.as_ref()?.fold(ECFP4.bits), number))
            };
            let mut fingerprints: Vec<(Fingerprint, usize)> = numbered().filter_map(fold).collect();
            fingerprints.sort_by_key(|(fingerprint, _)| fingerprint.count_ones());
            let plays = |number: usize| {
                self.molecules[number]
                    .coefficients
                    .iter()
                    .any(|c| *c != 0.0)
            };
            let players =
                numbered().map(|(number, counts)| counts.as_ref().filter(|_| plays(number)));
            let terms = |(index, molecule): (usize, &TrainingMolecule)| {
                let pairs = molecule.endpoints.iter().zip(&molecule.coefficients);
                let of = |(&endpoint, &c): (&u8, &f32)| (index as u32, endpoint, c);
                pairs.map(of).collect::<Vec<_>>()
            };
            let processes = self.processes.len();
            Environments {
                fingerprints,
                index: Index::new(players),
                terms: (self.molecules.iter().enumerate().flat_map(terms))
                    .filter(|&(_, endpoint, c)| c != 0.0 && usize::from(endpoint) < processes)
                    .collect(),
            }
        })
    }

    /// Reads `domain.json.gz` of a model with the endpoints `names`.
    ///
    /// # Errors
    ///
    /// Where the bytes are none, or of another model.
    pub fn read(bytes: &[u8], names: &[&str]) -> Result<Self, ApplicabilityError> {
        let mut json = Vec::new();
        let mut reader = GzDecoder::new(bytes).take(MAX_BYTES + 1);
        reader.read_to_end(&mut json)?;
        if json.len() as u64 > MAX_BYTES {
            let error = std::io::Error::other(format!("it holds more than {MAX_BYTES} bytes"));
            return Err(error.into());
        }
        let read: Self = serde_json::from_slice(&json)?;
        if read.endpoints.len() != names.len() {
            let found = read.endpoints.len();
            let message = format!("{found} endpoints, and the model has {}", names.len());
            return Err(ApplicabilityError::Unsound(message));
        }
        for (domain, name) in read.endpoints.iter().zip(names) {
            if let Some(domain) = domain
                && (domain.endpoint != *name || !domain.is_sound())
            {
                let message = format!(
                    "its domain of `{}` is not that of `{name}`",
                    domain.endpoint
                );
                return Err(ApplicabilityError::Unsound(message));
            }
        }
        read.check_processes()
            .map_err(|what| ApplicabilityError::Unsound(what.to_owned()))?;
        Ok(read)
    }

    fn check_processes(&self) -> Result<(), &'static str> {
        let processes = self.processes.len();
        if processes != 0 && processes != self.endpoints.len() {
            return Err("its Gaussian processes make no sense: they are not one an endpoint");
        }
        if !self.processes.iter().flatten().all(Process::is_sound) {
            return Err(
                "the covariance, mean, noise or weight of a Gaussian process makes no sense",
            );
        }
        let sound = |molecule: &TrainingMolecule| {
            let coefficients = &molecule.coefficients;
            let fits = coefficients.is_empty() || coefficients.len() == molecule.endpoints.len();
            fits && coefficients.iter().all(|c| c.is_finite())
        };
        if !self.molecules.iter().all(sound) {
            return Err("the coefficients of a training molecule make no sense");
        }
        Ok(())
    }

    /// The contents of `domain.json.gz`.
    ///
    /// # Errors
    ///
    /// Never but for a fault of the serialiser.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ApplicabilityError> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::best());
        writer.write_all(&serde_json::to_vec(self)?)?;
        Ok(writer.finish()?)
    }

    /// How far the prediction of each endpoint can be trusted for a molecule with
    /// these environments.
    pub(crate) fn uncertainty(&self, counts: &EnvironmentCounts) -> Vec<Uncertainty> {
        let nearest = self.nearest(&counts.fold(ECFP4.bits));
        let all = self.endpoints.iter().zip(nearest).map(|(domain, nearest)| {
            let similarity = nearest.similarity();
            let part = domain.as_ref().map(|domain| domain.domain(similarity));
            Uncertainty {
                domain: part,
                half_width: domain
                    .as_ref()
                    .zip(part)
                    .and_then(|(d, part)| d.half_width(part)),
                nearest: nearest.first().map(|(index, similarity)| {
                    Arc::new(Neighbour {
                        smiles: self.molecules[index].smiles.clone(),
                        similarity,
                    })
                }),
            }
        });
        all.collect()
    }

    /// For every endpoint the nearest training molecules.
    fn nearest(&self, fingerprint: &Fingerprint) -> Vec<Nearest> {
        let mut best = vec![Nearest::default(); self.endpoints.len()];
        let sorted = self.environments().fingerprints.as_slice();
        let ones = f64::from(fingerprint.count_ones());
        let start = sorted.partition_point(|(one, _)| f64::from(one.count_ones()) < ones);
        let (fewer, more) = sorted.split_at(start);
        // From the like to the unlike in size: a similarity is at most the ratio
        // of the numbers of bits, so that each direction has an end.
        for side in [
            &mut fewer.iter().rev() as &mut dyn Iterator<Item = _>,
            &mut more.iter(),
        ] {
            for (other, index) in side {
                let theirs = f64::from(other.count_ones());
                let bound = ones.min(theirs) / ones.max(theirs).max(1.0);
                let least = best.iter().map(Nearest::bound);
                if bound < least.fold(f64::INFINITY, f64::min) {
                    break;
                }
                let similarity = fingerprint.tanimoto(other);
                for &endpoint in &self.molecules[*index].endpoints {
                    if let Some(best) = best.get_mut(endpoint as usize) {
                        best.add(*index, similarity);
                    }
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::Molecule;
    use crate::predict::gaussian_process;

    /// Errors that grow as the similarity falls.
    fn held_out(n: usize) -> Vec<HeldOut> {
        (0..n)
            .map(|i| {
                let similarity = (i % 100) as f64 / 100.0;
                // From -1 to 1, in no step with the similarity.
                let noise = ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * 2.0;
                HeldOut {
                    similarity,
                    label: 1.0,
                    prediction: 1.0 + noise * (1.5 - similarity as f32),
                }
            })
            .collect()
    }

    #[test]
    fn intervals_hold_nine_in_ten_and_widen_outwards() {
        let domain = EndpointDomain::fit("x", &held_out(2000), true).expect("enough");
        assert_eq!((domain.borderline, domain.within), (0.1, 0.3));
        let widths: Vec<f32> = domain.parts.iter().filter_map(|p| p.half_width).collect();
        assert!(widths[0] > widths[1] && widths[1] > widths[2], "{widths:?}");
        let coverage = domain.coverage.expect("a quantity");
        assert!((coverage - LEVEL).abs() < 0.03, "{coverage}");
        assert!(domain.parts[0].rmse > domain.parts[2].rmse);
        assert_eq!(domain.domain(0.05), Domain::Out);
        assert_eq!(domain.domain(0.1), Domain::Borderline);
        assert_eq!(domain.domain(0.9), Domain::In);
    }

    #[test]
    fn too_few_molecules_make_no_domain_and_classes_no_interval() {
        assert_eq!(EndpointDomain::fit("x", &held_out(19), true), None);
        let class = EndpointDomain::fit("x", &held_out(100), false).expect("enough");
        assert!(class.parts.iter().all(|part| part.half_width.is_none()));
        assert_eq!(class.coverage, None);
    }

    #[test]
    fn a_quantile_of_too_few_errors_is_none() {
        assert_eq!(interval(vec![1.0; 8]), None);
        assert_eq!(interval((1..=9).map(f64::from).collect()), Some(9.0));
        assert_eq!(interval((1..=19).map(f64::from).collect()), Some(18.0));
    }

    fn environments(smiles: &str) -> EnvironmentCounts {
        let molecule = Molecule::parse(smiles).expect("valid");
        gaussian_process::environments(&molecule).expect("hashed")
    }

    fn applicability() -> Applicability {
        let domain = EndpointDomain::fit("a", &held_out(200), true);
        let molecules = [
            ("CCO", vec![0], vec![0.5]),
            ("c1ccccc1O", vec![0, 1], vec![-0.25, 0.0]),
            ("CC(=O)Oc1ccccc1C(=O)O", vec![1], Vec::new()),
            ("CCCCCCCC", vec![0], vec![1.0]),
            ("not a molecule", vec![0], vec![2.0]),
        ];
        let process = Process {
            covariance: Covariance::ANALOGUES,
            mean: 3.0,
            noise: 0.1,
            weight: 0.25,
            is_probability: false,
        };
        let molecule = |(smiles, endpoints, coefficients): (&str, _, _)| TrainingMolecule {
            smiles: smiles.to_owned(),
            endpoints,
            coefficients,
        };
        Applicability::new(
            vec![domain, None],
            vec![Some(process), None],
            molecules.map(molecule).into(),
        )
    }

    #[test]
    fn a_process_sums_over_its_molecules_and_leaves_other_endpoints() {
        let applicability = applicability();
        let of = environments;
        let own = of("CCCO");
        let sum: f64 = [("CCO", 0.5), ("c1ccccc1O", -0.25), ("CCCCCCCC", 1.0)]
            .into_iter()
            .map(|(smiles, c)| c * own.tanimoto(&of(smiles)))
            .sum();
        let expected = (3.0 + sum) as f32;
        let found = applicability.expectations(&own);
        assert!((found[0].expect("a process") - expected).abs() < 1e-6);
        assert_eq!(found[1], None);
        let mut values = [1.0, 7.0];
        applicability.blend(&own, &mut values);
        assert!((values[0] - (0.75 + 0.25 * expected)).abs() < 1e-6);
        assert_eq!(values[1], 7.0);

        let without = applicability.without_processes();
        let mut values = [1.0, 7.0];
        without.blend(&own, &mut values);
        assert_eq!(values, [1.0, 7.0]);
    }

    #[test]
    fn processes_that_make_no_sense_are_refused() {
        let spoilt: [fn(&mut Applicability); 5] = [
            |a| a.processes.truncate(1),
            |a| a.processes[0].as_mut().expect("a process").weight = 1.5,
            |a| a.molecules[0].coefficients.push(1.0),
            |a| a.processes[0].as_mut().expect("a process").noise = 0.0,
            |a| a.processes[0].as_mut().expect("a process").covariance.atoms = -1.0,
        ];
        for spoil in spoilt {
            let mut applicability = applicability();
            spoil(&mut applicability);
            let bytes = applicability.to_bytes().expect("written");
            let error = Applicability::read(&bytes, &["a", "b"]).expect_err("refused");
            assert!(error.to_string().contains("make"), "{error}");
        }
    }

    #[test]
    fn five_neighbours_count_the_nearest_most() {
        let similarities = [0.1, 0.9, 0.3, 0.3, 0.0, 0.2, 0.3, 0.05];
        let nearest: Nearest = similarities.into_iter().enumerate().collect();
        assert_eq!(nearest.first(), Some((1, 0.9)));
        let five = [0.9, 0.3, 0.3, 0.3, 0.2];
        let squares: f64 = five.iter().map(|s| s * s).sum();
        let expected = squares / five.iter().sum::<f64>();
        assert!((nearest.similarity() - expected).abs() < 1e-12);
        assert_eq!(nearest.bound(), 0.2);
        assert_eq!(Nearest::default().similarity(), 0.0);
        assert_eq!(Nearest::default().bound(), -1.0);
    }

    #[test]
    fn the_nearest_neighbour_is_the_nearest_of_all() {
        let applicability = applicability();
        for smiles in [
            "CCO",
            "Cc1ccccc1O",
            "CCCCCCCCC",
            "CC(=O)Oc1ccccc1C(=O)O",
            "N",
        ] {
            let molecule = Molecule::parse(smiles).expect("valid");
            let own = molecule.ecfp(ECFP4).expect("a fingerprint");
            let found = applicability.uncertainty(&environments(smiles));
            for (endpoint, found) in found.iter().enumerate() {
                let similarities = applicability.molecules.iter().filter_map(|other| {
                    let of_endpoint = other.endpoints.contains(&(endpoint as u8));
                    let other = Molecule::parse(&other.smiles).ok()?.ecfp(ECFP4).ok()?;
                    of_endpoint.then(|| own.tanimoto(&other))
                });
                let best = similarities.fold(0.0, f64::max);
                let nearest = found.nearest.as_ref().expect("some molecule");
                assert_eq!(nearest.similarity, best, "{smiles}, {endpoint}");
            }
        }
        let known = &applicability.uncertainty(&environments("OCC"))[0];
        assert_eq!(known.domain, Some(Domain::In));
        assert_eq!(
            known.nearest.as_ref().map(|n| n.smiles.as_str()),
            Some("CCO")
        );
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn molecules_of_the_shipped_model_are_read_as_those_that_users_give() {
        let files = crate::model_dir::ModelFiles::embedded();
        let config = files.config().expect("a configuration");
        let names: Vec<&str> = config.endpoints.iter().map(|e| e.name.as_str()).collect();
        let bytes = files.domain.as_deref().expect("a domain");
        let shipped = Applicability::read(bytes, &names).expect("read");
        assert!(shipped.molecules.len() > 1000);
        for molecule in &shipped.molecules {
            let read = EnvironmentCounts::read(&molecule.smiles, ECFP4.radius).expect("read");
            assert_eq!(read, environments(&molecule.smiles), "{}", molecule.smiles);
        }
    }

    #[test]
    fn files_come_back_and_others_are_refused() {
        let bytes = applicability().to_bytes().expect("written");
        let read = Applicability::read(&bytes, &["a", "b"]).expect("read");
        assert_eq!(read.endpoints, applicability().endpoints);
        assert_eq!(read.molecules, applicability().molecules);
        for (bytes, names) in [
            (&bytes[..], &["a"][..]),
            (&bytes[..], &["b", "a"]),
            (&bytes[..bytes.len() / 2], &["a", "b"]),
            (b"{}", &["a", "b"]),
        ] {
            let error = Applicability::read(bytes, names).expect_err("refused");
            assert!(error.to_string().starts_with("domain.json.gz: "), "{error}");
        }
    }
}
