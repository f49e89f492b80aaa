//! How far a prediction can be trusted: the nearest molecule that the model was
//! trained on, the applicability domain, and an interval that holds the measured
//! value nine times in ten.
//!
//! All three follow from the Tanimoto similarities of ECFP4 fingerprints to the
//! nearest training molecules of the endpoint ([`Nearest::similarity`]), and from what was
//! measured for those ([`Nearest::disagreement`]); what that is worth says
//! [`Calibration`].

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

pub use super::conformal::{Band, Calibration, HeldOut, LEVEL};
use super::gaussian_process::{GaussianProcess, InvertedIndex, Kernel};
use super::neighbour_index::NeighbourIndex;
pub use super::neighbours::Nearest;
use super::neighbours::Standing;
use super::prediction::{Domain, Neighbour, Uncertainty};
use crate::chemistry::{ECFP4, EnvironmentCounts, Fingerprint};
use crate::model::Endpoint;
pub use crate::model_dir::ApplicabilityError;
use crate::model_dir::{MAX_ENDPOINTS, MAX_MOLECULES, at_most};
use crate::parallel;

/// A molecule that a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingMolecule {
    /// Its canonical SMILES.
    pub smiles: String,
    /// Indices of the endpoints that it has a label for.
    #[serde(deserialize_with = "at_most::<MAX_ENDPOINTS, _, _>")]
    pub endpoints: Vec<u32>,
    /// For each of them its dual coefficient in the endpoint's Gaussian process, 0
    /// where there is none; empty where no endpoint has one.
    #[serde(
        default,
        rename = "coefficients",
        deserialize_with = "at_most::<MAX_ENDPOINTS, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub dual_coefficients: Vec<f32>,
    /// For each of them the measured value, in the endpoint's unit, or the class; empty
    /// where they are not held.
    #[serde(
        default,
        deserialize_with = "at_most::<MAX_ENDPOINTS, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub measured: Vec<f32>,
    /// Its ECFP4, which saves computing it; see [`StoredFingerprint`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecfp4: Option<StoredFingerprint>,
}

impl TrainingMolecule {
    /// What was measured for it at the endpoint at `place`, where that is held.
    fn measured(&self, place: usize) -> Option<f32> {
        let own = self
            .endpoints
            .iter()
            .position(|&one| one as usize == place)?;
        self.measured.get(own).copied()
    }
}

/// ECFP4 as the gaps between the bits that are set, each a byte or, from 255 on, bytes of
/// 255 and the rest; as text in Base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFingerprint(Box<[u8]>);

impl StoredFingerprint {
    /// The fingerprint; `None` where it has more bits than ECFP4 has.
    fn read(&self) -> Option<Fingerprint> {
        let mut bits = Vec::with_capacity(self.0.len());
        let mut next = 0;
        for &byte in &self.0 {
            next += usize::from(byte);
            if byte == u8::MAX {
                continue;
            }
            bits.push(next);
            next += 1;
        }
        Fingerprint::of_bits(ECFP4.bits, bits)
    }
}

impl From<Fingerprint> for StoredFingerprint {
    fn from(fingerprint: Fingerprint) -> Self {
        let mut bytes = Vec::new();
        let mut next = 0;
        for bit in fingerprint.bits() {
            let gap = bit - next;
            bytes.extend(std::iter::repeat_n(u8::MAX, gap / 255));
            bytes.push((gap % 255) as u8);
            next = bit + 1;
        }
        Self(bytes.into())
    }
}

impl Serialize for StoredFingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for StoredFingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(D::Error::custom)?;
        let stored = Self(bytes.into());
        match stored.read() {
            Some(_) => Ok(stored),
            None => Err(D::Error::custom(
                "a fingerprint with more bits than ECFP4 has",
            )),
        }
    }
}

/// The domains of a model's endpoints and the molecules that it was trained on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplicabilityDomain {
    /// One entry an endpoint, in the model's order; `None` where too few
    /// molecules were held out.
    #[serde(deserialize_with = "at_most::<MAX_ENDPOINTS, _, _>")]
    pub(crate) endpoints: Vec<Option<Calibration>>,
    /// One entry an endpoint, or none at all.
    #[serde(
        default,
        rename = "processes",
        deserialize_with = "at_most::<MAX_ENDPOINTS, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) gaussian_processes: Vec<Option<GaussianProcess>>,
    #[serde(deserialize_with = "at_most::<MAX_MOLECULES, _, _>")]
    pub(crate) molecules: Vec<TrainingMolecule>,
    /// Computed when first asked for.
    #[serde(skip)]
    environments: OnceLock<Environments>,
}

/// What is known of the training molecules by their environments.
#[derive(Clone, Debug)]
struct Environments {
    /// Each molecule that can be read.
    neighbours: NeighbourIndex,
    /// Those that have a part in a Gaussian process.
    index: InvertedIndex,
    /// Molecule, endpoint and coefficient, where it is not 0.
    terms: Vec<(u32, u32, f32)>,
}

impl ApplicabilityDomain {
    /// The domains of `endpoints` and their Gaussian processes, if any, with the
    /// molecules trained on.
    pub fn new(
        endpoints: Vec<Option<Calibration>>,
        gaussian_processes: Vec<Option<GaussianProcess>>,
        molecules: Vec<TrainingMolecule>,
    ) -> Self {
        Self {
            endpoints,
            gaussian_processes,
            molecules,
            environments: OnceLock::new(),
        }
    }

    /// The same with other domains.
    pub fn with_endpoints(self, endpoints: Vec<Option<Calibration>>) -> Self {
        Self { endpoints, ..self }
    }

    /// The same of the endpoints at `places` alone, in that order, without molecules
    /// that have labels for none of them.
    #[cfg(feature = "train")]
    pub(crate) fn with_endpoints_of(self, places: &[usize]) -> Self {
        if places.iter().copied().eq(0..self.endpoints.len()) {
            return self;
        }
        let new_place = |old: u32| places.iter().position(|&place| place == old as usize);
        let molecules = self.molecules.iter().filter_map(|molecule| {
            let mut kept = TrainingMolecule {
                smiles: molecule.smiles.clone(),
                endpoints: Vec::new(),
                dual_coefficients: Vec::new(),
                measured: Vec::new(),
                ecfp4: molecule.ecfp4.clone(),
            };
            for (index, &endpoint) in molecule.endpoints.iter().enumerate() {
                if let Some(place) = new_place(endpoint) {
                    kept.endpoints.push(place as u32);
                    kept.dual_coefficients
                        .extend(molecule.dual_coefficients.get(index));
                    kept.measured.extend(molecule.measured.get(index));
                }
            }
            (!kept.endpoints.is_empty()).then_some(kept)
        });
        let of = |place: &usize| self.endpoints.get(*place).cloned().flatten();
        let process = |place: &usize| self.gaussian_processes.get(*place).copied().flatten();
        let processes = match self.has_gaussian_processes() {
            true => places.iter().map(process).collect(),
            false => Vec::new(),
        };
        Self::new(
            places.iter().map(of).collect(),
            processes,
            molecules.collect(),
        )
    }

    /// The same without Gaussian processes: predictions are the network's.
    pub fn without_gaussian_processes(mut self) -> Self {
        self.gaussian_processes.clear();
        for molecule in &mut self.molecules {
            molecule.dual_coefficients.clear();
        }
        self.environments = OnceLock::new();
        self
    }

    /// One entry an endpoint.
    pub fn endpoints(&self) -> &[Option<Calibration>] {
        &self.endpoints
    }

    /// One entry an endpoint, or none at all.
    pub fn gaussian_processes(&self) -> &[Option<GaussianProcess>] {
        &self.gaussian_processes
    }

    /// Whether predictions are more than the network's.
    pub fn has_gaussian_processes(&self) -> bool {
        self.gaussian_processes.iter().any(Option::is_some)
    }

    /// For each endpoint the posterior mean of its Gaussian process at a molecule
    /// with these environments, in the endpoint's unit; `None` where it has none.
    pub fn posterior_means(&self, own: &EnvironmentCounts) -> Vec<Option<f32>> {
        if !self.has_gaussian_processes() {
            return vec![None; self.endpoints.len()];
        }
        let known = self.environments();
        let similarities_to_all = known.index.compare(own);
        let kernels: Vec<Kernel> = (self.gaussian_processes.iter())
            .map(|process| process.map(|p| p.kernel).unwrap_or_default())
            .collect();
        let mut sums = vec![0.0f64; self.gaussian_processes.len()];
        for &(molecule, endpoint, coefficient) in &known.terms {
            let endpoint = endpoint as usize;
            let kernel = kernels[endpoint].of(&similarities_to_all[molecule as usize]);
            sums[endpoint] += f64::from(kernel) * f64::from(coefficient);
        }
        let all = self.gaussian_processes.iter().zip(sums);
        all.map(|(process, sum)| Some(process.as_ref()?.posterior_mean(sum as f32)))
            .collect()
    }

    /// Turns the network's `values` of a molecule of these environments, one an
    /// endpoint, into the predictions.
    pub fn blend(&self, own: &EnvironmentCounts, values: &mut [f32]) {
        let expected = self.posterior_means(own);
        let all = values
            .iter_mut()
            .zip(&self.gaussian_processes)
            .zip(expected);
        for ((value, process), expected) in all {
            if let (Some(process), Some(expected)) = (process, expected) {
                *value = process.blend(*value, expected);
            }
        }
    }

    fn environments(&self) -> &Environments {
        self.environments.get_or_init(|| {
            let plays = |molecule: &TrainingMolecule| {
                let mut coefficients = molecule.dual_coefficients.iter();
                coefficients.any(|c| *c != 0.0)
            };
            // What is stored is not computed.
            let read = parallel::map(&self.molecules, |molecule| {
                let stored = molecule.ecfp4.as_ref().and_then(StoredFingerprint::read);
                match stored {
                    Some(stored) if !plays(molecule) => Some((stored, None)),
                    stored => {
                        let counts =
                            EnvironmentCounts::read(&molecule.smiles, ECFP4.radius).ok()?;
                        let fingerprint = stored.unwrap_or_else(|| counts.fold(ECFP4.bits));
                        Some((fingerprint, Some(counts)))
                    }
                }
            });
            let mut fingerprints = Vec::with_capacity(read.len());
            let mut players = Vec::with_capacity(read.len());
            for (number, one) in read.into_iter().enumerate() {
                let (fingerprint, counts) = one.unzip();
                fingerprints.extend(fingerprint.map(|fingerprint| (fingerprint, number)));
                let plays = plays(&self.molecules[number]);
                players.push(counts.flatten().filter(|_| plays));
            }
            let terms = |(index, molecule): (usize, &TrainingMolecule)| {
                let pairs = molecule.endpoints.iter().zip(&molecule.dual_coefficients);
                let of = |(&endpoint, &c): (&u32, &f32)| (index as u32, endpoint, c);
                pairs.map(of).collect::<Vec<_>>()
            };
            let processes = self.gaussian_processes.len();
            Environments {
                neighbours: NeighbourIndex::new(fingerprints, self.endpoints.len(), |number| {
                    &self.molecules[number].endpoints
                }),
                index: InvertedIndex::new(players.iter().map(Option::as_ref)),
                terms: (self.molecules.iter().enumerate().flat_map(terms))
                    .filter(|&(_, endpoint, c)| c != 0.0 && (endpoint as usize) < processes)
                    .collect(),
            }
        })
    }

    /// How far each of `values`, the predictions of a molecule with these `standings` in the
    /// numbers that are learnt, can be trusted.
    pub(crate) fn uncertainty(
        &self,
        standings: &[Standing],
        values: &[f32],
        endpoints: &[impl AsRef<Endpoint>],
    ) -> Vec<Uncertainty> {
        let domains = self.endpoints.iter().zip(standings);
        let all = domains.zip(values.iter().zip(endpoints)).enumerate();
        let all = all.map(|(place, ((domain, standing), (&value, endpoint)))| {
            let Standing {
                nearest,
                is_undefined,
            } = standing;
            let measured = |index: usize| self.molecules[index].measured(place);
            let learnt = |index| Some(endpoint.as_ref().transform.forward(measured(index)?));
            let band = domain.as_ref().map(|domain| {
                if *is_undefined {
                    return Domain::Out;
                }
                let disagreement = nearest.disagreement(value, learnt);
                domain.domain(domain.support(nearest.similarity(), disagreement))
            });
            Uncertainty {
                domain: band,
                half_width: domain
                    .as_ref()
                    .zip(band)
                    .and_then(|(domain, band)| domain.half_width(band)),
                nearest: nearest.first().map(|(index, similarity)| {
                    Arc::new(Neighbour {
                        smiles: self.molecules[index].smiles.clone(),
                        similarity,
                        measured: measured(index),
                    })
                }),
            }
        });
        all.collect()
    }

    /// The nearest training molecules of each endpoint to a molecule with these
    /// environments.
    pub(crate) fn nearest(&self, counts: &EnvironmentCounts) -> Vec<Nearest> {
        let known = &self.environments().neighbours;
        known.nearest(&counts.fold(ECFP4.bits))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::chemistry::Molecule;
    use crate::predict::conformal::tests::held_out;
    use crate::predict::gaussian_process;

    /// What is said of predictions of 0.
    fn uncertainty(domain: &ApplicabilityDomain, smiles: &str) -> Vec<Uncertainty> {
        let endpoint = Arc::new(Endpoint::default());
        let endpoints = vec![endpoint; domain.endpoints.len()];
        let standing = |nearest| Standing {
            nearest,
            is_undefined: false,
        };
        let nearest = domain.nearest(&environments(smiles)).into_iter();
        let standings: Vec<Standing> = nearest.map(standing).collect();
        domain.uncertainty(&standings, &vec![0.0; endpoints.len()], &endpoints)
    }

    fn environments(smiles: &str) -> EnvironmentCounts {
        let molecule = Molecule::parse(smiles).expect("valid");
        gaussian_process::environments(&molecule).expect("hashed")
    }

    pub(crate) fn applicability() -> ApplicabilityDomain {
        let domain = Calibration::fit("a", &held_out(200), true);
        let molecules = [
            ("CCO", vec![0], vec![0.5]),
            ("c1ccccc1O", vec![0, 1], vec![-0.25, 0.0]),
            ("CC(=O)Oc1ccccc1C(=O)O", vec![1], Vec::new()),
            ("CCCCCCCC", vec![0], vec![1.0]),
            ("not a molecule", vec![0], vec![2.0]),
        ];
        let process = GaussianProcess {
            kernel: Kernel::ECFP4,
            mean: 3.0,
            noise_variance: 0.1,
            weight: 0.25,
            is_probability: false,
        };
        let molecule = |(smiles, endpoints, coefficients): (&str, _, _)| TrainingMolecule {
            smiles: smiles.to_owned(),
            endpoints,
            dual_coefficients: coefficients,
            measured: Vec::new(),
            ecfp4: None,
        };
        ApplicabilityDomain::new(
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
        let found = applicability.posterior_means(&own);
        assert!((found[0].expect("a process") - expected).abs() < 1e-6);
        assert_eq!(found[1], None);
        let mut values = [1.0, 7.0];
        applicability.blend(&own, &mut values);
        assert!((values[0] - (0.75 + 0.25 * expected)).abs() < 1e-6);
        assert_eq!(values[1], 7.0);

        let without = applicability.without_gaussian_processes();
        let mut values = [1.0, 7.0];
        without.blend(&own, &mut values);
        assert_eq!(values, [1.0, 7.0]);
    }

    #[test]
    fn stored_fingerprints_and_measured_values_come_back() {
        let without = applicability().without_gaussian_processes();
        let mut with = without.clone();
        for molecule in &mut with.molecules {
            let read = EnvironmentCounts::read(&molecule.smiles, ECFP4.radius);
            molecule.ecfp4 = read.ok().map(|own| own.fold(ECFP4.bits).into());
            molecule.measured = molecule.endpoints.iter().map(|e| *e as f32 + 0.5).collect();
        }
        let names = ["a", "b"];
        let bytes = with.to_bytes().expect("written");
        let read = ApplicabilityDomain::read(&bytes, &names).expect("read");
        assert_eq!(read.molecules, with.molecules);
        for smiles in ["CCO", "Cc1ccccc1O", "CCCCCCCCC"] {
            let (stored, computed) = (uncertainty(&read, smiles), uncertainty(&without, smiles));
            for (endpoint, (stored, computed)) in stored.iter().zip(&computed).enumerate() {
                let (stored, computed) = (
                    stored.nearest.as_ref().expect("one"),
                    computed.nearest.as_ref().expect("one"),
                );
                assert_eq!(stored.smiles, computed.smiles);
                assert_eq!(stored.similarity, computed.similarity);
                assert_eq!(stored.measured, Some(endpoint as f32 + 0.5));
                assert_eq!(computed.measured, None);
            }
        }
        // A gap beyond a byte, and a bit beyond the last.
        let far: StoredFingerprint = Fingerprint::of_bits(2048, vec![0, 254, 255, 510, 1021, 2047])
            .expect("within")
            .into();
        let text = serde_json::to_string(&far).expect("written");
        let back: StoredFingerprint = serde_json::from_str(&text).expect("read");
        assert_eq!(back, far);
        let beyond = BASE64.encode([255u8, 255, 255, 255, 255, 255, 255, 255, 9]);
        let refused = serde_json::from_str::<StoredFingerprint>(&format!("\"{beyond}\""));
        assert!(refused.is_err(), "{refused:?}");
        // A value for each label, and a number.
        let mut other = with.clone();
        other.molecules[1].measured.pop();
        let bytes = other.to_bytes().expect("written");
        let refused = ApplicabilityDomain::read(&bytes, &names).expect_err("refused");
        assert!(refused.to_string().contains("measured values"), "{refused}");
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
            let found = uncertainty(&applicability, smiles);
            for (endpoint, found) in found.iter().enumerate() {
                let similarities = applicability.molecules.iter().filter_map(|other| {
                    let of_endpoint = other.endpoints.contains(&(endpoint as u32));
                    let other = Molecule::parse(&other.smiles).ok()?.ecfp(ECFP4).ok()?;
                    of_endpoint.then(|| own.tanimoto(&other))
                });
                let best = similarities.fold(0.0, f64::max);
                let nearest = found.nearest.as_ref().expect("some molecule");
                assert_eq!(nearest.similarity, best, "{smiles}, {endpoint}");
            }
        }
        let known = &uncertainty(&applicability, "OCC")[0];
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
        let shipped = ApplicabilityDomain::read(bytes, &names).expect("read");
        assert!(shipped.molecules.len() > 1000);
        for molecule in &shipped.molecules {
            let read = EnvironmentCounts::read(&molecule.smiles, ECFP4.radius).expect("read");
            assert_eq!(read, environments(&molecule.smiles), "{}", molecule.smiles);
        }
    }
}
