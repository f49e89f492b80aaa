//! `domain.json.gz`: the applicability domain, the Gaussian processes and the
//! training molecules of a model.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufReader, Read, Write};
use std::marker::PhantomData;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use crate::predict::applicability::{ApplicabilityDomain, TrainingMolecule};
use crate::predict::gaussian_process::GaussianProcess;

/// Bytes that any file may unpack to.
const MAX_BYTES: u64 = 1 << 28;
/// Bytes that each byte of a file may unpack to, beyond the first MiB: twenty times
/// what SMILES and numbers do.
const MAX_EXPANSION: u64 = 100;
/// Most training molecules of a file.
pub(crate) const MAX_MOLECULES: usize = 1 << 20;

/// Reads an array of at most `MOST` elements and stops at the first beyond, so that a
/// file cannot take more memory than it may.
pub(crate) fn at_most<'de, const MOST: usize, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct AtMost<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for AtMost<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an array of at most {MOST} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<T>, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = array.next_element()? {
                if elements.len() == MOST {
                    return Err(A::Error::invalid_length(MOST + 1, &self));
                }
                elements.push(element);
            }
            Ok(elements)
        }
    }

    deserializer.deserialize_seq(AtMost::<T, MOST>(PhantomData))
}

/// Bytes that a file may unpack to.
fn limit(packed: &[u8]) -> u64 {
    MAX_BYTES.min((1 << 20) + MAX_EXPANSION * packed.len() as u64)
}

/// Reads a file up to its Gaussian processes, or to its molecules, and says whether there
/// are processes.
struct Beginning<'a>(&'a mut Option<bool>);

impl<'de> DeserializeSeed<'de> for Beginning<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Beginning<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the domains of a model")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match key.as_ref() {
                "processes" => {
                    let processes: Processes = map.next_value()?;
                    *self.0 = Some(processes.0.iter().any(Option::is_some));
                    return Ok(());
                }
                "molecules" => {
                    *self.0 = Some(false);
                    return Ok(());
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Whether there are any is all that is asked.
#[derive(serde::Deserialize)]
struct Processes(
    #[serde(deserialize_with = "at_most::<{ super::MAX_ENDPOINTS }, _, _>")]
    Vec<Option<IgnoredAny>>,
);

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
    /// It holds Gaussian processes, and the model predicts without them already.
    #[error(
        "domain.json.gz holds Gaussian processes, without which this model's predictions are others: load it together with the model"
    )]
    TooLate,
}

impl ApplicabilityDomain {
    /// Reads `domain.json.gz` of a model with the endpoints `names`.
    ///
    /// # Errors
    ///
    /// Where the bytes are none, or of another model.
    pub fn read(bytes: &[u8], names: &[&str]) -> Result<Self, ApplicabilityError> {
        let mut json = Vec::new();
        let limit = limit(bytes);
        let mut reader = GzDecoder::new(bytes).take(limit + 1);
        reader.read_to_end(&mut json)?;
        if json.len() as u64 > limit {
            let length = bytes.len();
            let message = format!("its {length} bytes unpack to more than {limit}");
            return Err(std::io::Error::other(message).into());
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
        if Self::blends(bytes)? != read.has_gaussian_processes() {
            let message = "its Gaussian processes stand behind the molecules";
            return Err(ApplicabilityError::Unsound(message.to_owned()));
        }
        Ok(read)
    }

    /// Whether `domain.json.gz` holds Gaussian processes, without which there are no
    /// predictions. Reads as far as the training molecules, which are most of a file and
    /// stand behind all else.
    ///
    /// # Errors
    ///
    /// Where the bytes are none, as far as they are read.
    pub(crate) fn blends(bytes: &[u8]) -> Result<bool, ApplicabilityError> {
        let reader = BufReader::new(GzDecoder::new(bytes).take(limit(bytes)));
        let mut found = None;
        let mut json = serde_json::Deserializer::from_reader(reader);
        let read = Beginning(&mut found).deserialize(&mut json);
        match found {
            // What follows has not been looked at.
            Some(found) => Ok(found),
            None => Ok(read.map(|()| false)?),
        }
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
        let measured = |molecule: &TrainingMolecule| {
            let values = &molecule.measured;
            let fits = values.is_empty() || values.len() == molecule.endpoints.len();
            fits && values.iter().all(|value| value.is_finite())
        };
        if !self.molecules.iter().all(measured) {
            return Err("the measured values of a training molecule make no sense");
        }
        let known = |molecule: &TrainingMolecule| {
            let endpoints = &mut molecule.endpoints.iter();
            endpoints.all(|&endpoint| (endpoint as usize) < self.endpoints.len())
        };
        if !self.molecules.iter().all(known) {
            return Err("a training molecule has a label of an endpoint that makes no sense here");
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
    fn a_file_is_read_to_its_molecules_to_see_whether_it_blends() {
        let with = applicability();
        let without = with.clone().without_gaussian_processes();
        let bytes = |domain: &ApplicabilityDomain| domain.to_bytes().expect("written");
        assert!(ApplicabilityDomain::blends(&bytes(&with)).expect("read"));
        assert!(!ApplicabilityDomain::blends(&bytes(&without)).expect("read"));
        let packed = |json: &[u8]| {
            let mut writer = GzEncoder::new(Vec::new(), Compression::best());
            writer.write_all(json).expect("packed");
            writer.finish().expect("packed")
        };
        // What is no longer read may be anything; what is read may not.
        let cut = packed(br#"{"endpoints":[null,null],"molecules":[{"smi"#);
        assert!(!ApplicabilityDomain::blends(&cut).expect("read"));
        assert!(ApplicabilityDomain::blends(&packed(br#"{"endpoints":[null,"#)).is_err());
        assert!(ApplicabilityDomain::blends(b"{}").is_err());
        // Behind the molecules they would be found too late.
        let mut json = serde_json::to_value(&with).expect("JSON");
        let members = json.as_object_mut().expect("an object");
        let molecules = members.remove("molecules").expect("there");
        let processes = members.remove("processes").expect("there");
        members.insert("molecules".to_owned(), molecules);
        members.insert("processes".to_owned(), processes);
        let turned = packed(json.to_string().as_bytes());
        let error = ApplicabilityDomain::read(&turned, &["a", "b"]).expect_err("refused");
        assert!(
            error.to_string().contains("behind the molecules"),
            "{error}"
        );
    }

    #[test]
    fn a_small_file_takes_no_more_memory_than_it_may() {
        let packed = |json: &str| {
            let mut writer = GzEncoder::new(Vec::new(), Compression::best());
            writer.write_all(json.as_bytes()).expect("packed");
            writer.finish().expect("packed")
        };
        let refused = |json: String| {
            let error = ApplicabilityDomain::read(&packed(&json), &["a", "b"]);
            error.expect_err("refused").to_string()
        };
        let nulls = "null,".repeat(5000);
        let said = refused(format!("{{\"endpoints\":[{nulls}null],\"molecules\":[]}}"));
        assert!(said.contains("at most 4096"), "{said}");
        let numbers = "0,".repeat(5000);
        let molecule = format!("{{\"smiles\":\"C\",\"endpoints\":[{numbers}0]}}");
        let said = refused(format!(
            "{{\"endpoints\":[null,null],\"molecules\":[{molecule}]}}"
        ));
        assert!(said.contains("at most 4096"), "{said}");
        let said = refused("[".to_owned() + &nulls.repeat(200));
        assert!(said.contains("unpack to more than"), "{said}");
        let said = refused(
            r#"{"endpoints":[null,null],"molecules":[{"smiles":"C","endpoints":[2]}]}"#.to_owned(),
        );
        assert!(said.contains("of an endpoint"), "{said}");
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
