//! `domain.json.gz`: the applicability domain, the Gaussian processes and the
//! training molecules of a model.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::predict::applicability::{ApplicabilityDomain, TrainingMolecule};
use crate::predict::gaussian_process::GaussianProcess;

/// Bytes that a file may unpack to.
const MAX_BYTES: u64 = 1 << 28;

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

impl ApplicabilityDomain {
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
                    "the domain of `{}` stands where `{name}` is expected",
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
        let processes = self.gaussian_processes.len();
        if processes != 0 && processes != self.endpoints.len() {
            return Err("its Gaussian processes make no sense: they are not one an endpoint");
        }
        if !self
            .gaussian_processes
            .iter()
            .flatten()
            .all(GaussianProcess::is_sound)
        {
            return Err(
                "the kernel, mean, noise variance or weight of a Gaussian process makes no sense",
            );
        }
        let sound = |molecule: &TrainingMolecule| {
            let coefficients = &molecule.dual_coefficients;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::applicability::tests::applicability;

    #[test]
    fn processes_that_make_no_sense_are_refused() {
        let spoilt: [fn(&mut ApplicabilityDomain); 5] = [
            |a| a.gaussian_processes.truncate(1),
            |a| a.gaussian_processes[0].as_mut().expect("a process").weight = 1.5,
            |a| a.molecules[0].dual_coefficients.push(1.0),
            |a| {
                a.gaussian_processes[0]
                    .as_mut()
                    .expect("a process")
                    .noise_variance = 0.0
            },
            |a| {
                a.gaussian_processes[0]
                    .as_mut()
                    .expect("a process")
                    .kernel
                    .atoms = -1.0
            },
        ];
        for spoil in spoilt {
            let mut applicability = applicability();
            spoil(&mut applicability);
            let bytes = applicability.to_bytes().expect("written");
            let error = ApplicabilityDomain::read(&bytes, &["a", "b"]).expect_err("refused");
            assert!(error.to_string().contains("make"), "{error}");
        }
    }

    #[test]
    fn files_come_back_and_others_are_refused() {
        let bytes = applicability().to_bytes().expect("written");
        let read = ApplicabilityDomain::read(&bytes, &["a", "b"]).expect("read");
        assert_eq!(read.endpoints, applicability().endpoints);
        assert_eq!(read.molecules, applicability().molecules);
        for (bytes, names) in [
            (&bytes[..], &["a"][..]),
            (&bytes[..], &["b", "a"]),
            (&bytes[..bytes.len() / 2], &["a", "b"]),
            (b"{}", &["a", "b"]),
        ] {
            let error = ApplicabilityDomain::read(bytes, names).expect_err("refused");
            assert!(error.to_string().starts_with("domain.json.gz: "), "{error}");
        }
    }
}
