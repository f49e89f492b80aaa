//! Reading a model directory, which is not trusted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use burn::tensor::Device;
use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::header::TensorHeader;
use super::quantize::SCALE;
use super::{CONFIG, DOMAIN, ModelConfig, ModelDirError, VOCABULARY, WEIGHTS};
#[cfg(test)]
use crate::model::{Encoder, EncoderConfig};
use crate::model::{Model, SourceError, StoredValues, transposed};
use crate::predict::applicability::{ApplicabilityDomain, ApplicabilityError};
use crate::tokenizer;

/// Largest `config.json`, `vocab.txt` or card that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Most bytes of the applicability domain.
const MAX_DOMAIN_BYTES: u64 = 1 << 26;
/// Largest `model.safetensors` that is read, in bytes.
const MAX_WEIGHT_BYTES: u64 = 6 << 30;

/// What `config.json` says of the files next to it.
#[derive(Default, Deserialize)]
struct FileList {
    /// SHA-256 in hexadecimal, by name.
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// Whether `domain.json.gz` is among the files, or comes later where `config.json` names
/// it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Domain {
    Here,
    Later,
}

/// What `config.json` has its own digest as: see [`digest_of`].
const DIGEST: &str = "digest";

/// SHA-256 in hexadecimal of what a `config.json` says, without its own digest: of
/// the JSON without blanks, the fields of each object in the order of their names.
fn digest_of(config: &Map<String, Value>) -> Result<String, ModelDirError> {
    /// Written as it is, but for the order of its fields.
    struct Sorted<'a>(&'a Value);
    impl Serialize for Sorted<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                Value::Array(values) => serializer.collect_seq(values.iter().map(Sorted)),
                Value::Object(fields) => serializer.collect_map(sorted(fields)),
                other => other.serialize(serializer),
            }
        }
    }
    fn sorted(fields: &Map<String, Value>) -> BTreeMap<&str, Sorted<'_>> {
        let field = |(name, value)| (String::as_str(name), Sorted(value));
        fields.iter().map(field).collect()
    }
    let mut fields = sorted(config);
    fields.remove(DIGEST);
    Ok(sha256(&serde_json::to_vec(&fields)?))
}

/// Whether `config.json` is as it was written, where it has its digest. Older versions
/// wrote none.
fn check_digest(config: &Map<String, Value>) -> Result<(), ModelDirError> {
    let Some(expected) = config.get(DIGEST) else {
        return Ok(());
    };
    let found = digest_of(config)?;
    if expected.as_str() == Some(&found) {
        return Ok(());
    }
    let expected = expected
        .as_str()
        .map_or_else(|| expected.to_string(), str::to_owned);
    Err(ModelDirError::ConfigAltered { found, expected })
}

/// `config.json` with its own digest as it is, for one that was changed on purpose.
///
/// # Errors
///
/// Where it is no JSON object.
pub fn with_digest(config: &[u8]) -> Result<Vec<u8>, ModelDirError> {
    let mut config: Map<String, Value> = serde_json::from_slice(config)?;
    let digest = digest_of(&config)?;
    config.insert(DIGEST.to_owned(), digest.into());
    let mut json = String::new();
    write_pretty(&Value::Object(config), 0, &mut json);
    json.push('\n');
    Ok(json.into_bytes())
}

/// JSON for people: a field or element a line, and arrays of numbers on one.
fn write_pretty(value: &Value, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Array(all) if !all.iter().all(Value::is_number) => {
            for (index, one) in all.iter().enumerate() {
                out.push_str(if index == 0 { "[" } else { "," });
                line(depth + 1, out);
                write_pretty(one, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (index, (name, one)) in fields.iter().enumerate() {
                out.push_str(if index == 0 { "{" } else { "," });
                line(depth + 1, out);
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                write_pretty(one, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Bytes that are digested, or numbers that are looked at, at a time: a browser compiles a
/// function better while it is called again and again, not within a call. So what a piece
/// takes is a function, here and where else a model is loaded, which stays one.
const PIECE: usize = 1 << 12;

fn sha256(bytes: &[u8]) -> String {
    let mut digest = Sha256::new();
    for piece in bytes.chunks(PIECE) {
        update(&mut digest, piece);
    }
    format!("{:x}", digest.finalize())
}

#[inline(never)]
fn update(digest: &mut Sha256, piece: &[u8]) {
    digest.update(piece);
}

#[inline(never)]
fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// Appends a row of a matrix of 8-bit integers.
#[inline(never)]
fn append_scaled(row: &[u8], scale: f32, values: &mut Vec<f32>) {
    values.extend(row.iter().map(|&b| f32::from(b.cast_signed()) * scale));
}

/// Appends a column of a matrix of 8-bit integers with `columns` of them.
#[inline(never)]
fn append_scaled_column(
    bytes: &[u8],
    column: usize,
    columns: usize,
    scales: &[f32],
    values: &mut Vec<f32>,
) {
    let column = bytes.iter().skip(column).step_by(columns).zip(scales);
    values.extend(column.map(|(&b, scale)| f32::from(b.cast_signed()) * scale));
}

/// The contents of a model directory, not yet looked into.
#[derive(Clone, Debug)]
pub struct ModelFiles<'a> {
    /// `config.json`.
    pub config: Cow<'a, [u8]>,
    /// `model.safetensors`.
    pub weights: Cow<'a, [u8]>,
    /// `vocab.txt`.
    pub vocabulary: Cow<'a, [u8]>,
    /// `domain.json.gz`, if there is one: see [`ApplicabilityDomain`].
    pub domain: Option<Cow<'a, [u8]>>,
}

#[cfg(feature = "embedded")]
impl ModelFiles<'static> {
    /// The default model, built into the library: `models/delicate-admet`.
    pub fn embedded() -> Self {
        Self {
            config: include_bytes!("../../models/delicate-admet/config.json").into(),
            weights: include_bytes!("../../models/delicate-admet/model.safetensors").into(),
            vocabulary: include_bytes!("../../models/delicate-admet/vocab.txt").into(),
            domain: Some(include_bytes!("../../models/delicate-admet/domain.json.gz").into()),
        }
    }

    /// The default model for comparing molecules, built into the library:
    /// `models/delicate-small-embedding`. It predicts no endpoint.
    pub fn embedded_for_similarity() -> Self {
        Self {
            config: include_bytes!("../../models/delicate-small-embedding/config.json").into(),
            weights: include_bytes!("../../models/delicate-small-embedding/model.safetensors")
                .into(),
            vocabulary: include_bytes!("../../models/delicate-small-embedding/vocab.txt").into(),
            domain: None,
        }
    }

    /// The pre-trained encoder that fine-tuning starts from, built into the
    /// library: `models/delicate-small-pretrained`. It predicts no endpoint.
    #[cfg(feature = "train")]
    pub fn embedded_pretrained() -> Self {
        Self {
            config: include_bytes!("../../models/delicate-small-pretrained/config.json").into(),
            weights: include_bytes!("../../models/delicate-small-pretrained/model.safetensors")
                .into(),
            vocabulary: include_bytes!("../../models/delicate-small-pretrained/vocab.txt").into(),
            domain: None,
        }
    }
}

impl ModelFiles<'static> {
    /// Reads the files of a model directory.
    ///
    /// # Errors
    ///
    /// Where a file is absent, unreadable or too large.
    pub fn read(directory: &Path) -> Result<Self, ModelDirError> {
        #[cfg(not(target_family = "wasm"))]
        let directory = &crate::atomic::whole(directory);
        let read = |file: &'static str, limit: u64| {
            let io = io_error(&directory.join(file));
            let (mut opened, length) = open(directory, file, limit)?;
            let mut bytes = Vec::with_capacity(length);
            let read = (&mut opened).take(limit + 1).read_to_end(&mut bytes);
            read.map_err(io)?;
            if bytes.len() as u64 > limit {
                return Err(ModelDirError::TooLarge { file, limit });
            }
            Ok(Cow::Owned(bytes))
        };
        let config = read(CONFIG, MAX_TEXT_BYTES)?;
        let listed: FileList = serde_json::from_slice(&config)?;
        let domain = directory.join(DOMAIN).exists();
        // One that is named and not there is found missing, by its name.
        let is_there = |file: &'static str| {
            if listed.files.contains_key(file) && !directory.join(file).exists() {
                let file = file.to_owned();
                return Err(ModelDirError::Missing { file });
            }
            Ok(())
        };
        for file in [WEIGHTS, VOCABULARY, DOMAIN] {
            is_there(file)?;
        }
        // Where the configuration is at fault, it is said when it is looked into.
        let described: Option<ModelConfig> = serde_json::from_slice(&config).ok();
        let described = described.filter(|config| config.check().is_ok());
        Ok(Self {
            weights: read_weights(directory, described.as_ref())?.into(),
            vocabulary: read(VOCABULARY, MAX_TEXT_BYTES)?,
            domain: match domain || listed.files.contains_key(DOMAIN) {
                true => Some(read(DOMAIN, MAX_DOMAIN_BYTES)?),
                false => None,
            },
            config,
        })
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> ModelDirError + use<> {
    let path = path.to_owned();
    move |source| ModelDirError::Io { path, source }
}

/// Opens a file of at most `limit` bytes, and tells its length.
fn open(directory: &Path, file: &'static str, limit: u64) -> Result<(File, usize), ModelDirError> {
    let path = directory.join(file);
    // A pipe or a device could go on for ever, and waits when it is opened.
    let metadata = std::fs::metadata(&path).map_err(io_error(&path))?;
    if !metadata.is_file() {
        return Err(io_error(&path)(io::Error::other("not a regular file")));
    }
    match usize::try_from(metadata.len()) {
        Ok(length) if metadata.len() <= limit => {
            let opened = File::open(&path).map_err(io_error(&path))?;
            Ok((opened, length))
        }
        _ => Err(ModelDirError::TooLarge { file, limit }),
    }
}

/// Reads `model.safetensors` in one allocation, of a length that its header and the
/// model `described` bear out.
fn read_weights(
    directory: &Path,
    described: Option<&ModelConfig>,
) -> Result<Vec<u8>, ModelDirError> {
    let (mut file, length) = open(directory, WEIGHTS, MAX_WEIGHT_BYTES)?;
    let TensorHeader { tensors, bytes } = TensorHeader::read(&mut file, length as u64)?;
    let found = tensors.data_len() as u64;
    if let Some(most) = described.map(ModelConfig::most_bytes)
        && found > most
    {
        return Err(ModelDirError::TooManyWeights { found, most });
    }
    drop(tensors);
    let mut weights = Vec::with_capacity(length);
    weights.extend(bytes);
    let left = (length - weights.len()) as u64;
    file.take(left)
        .read_to_end(&mut weights)
        .map_err(io_error(&directory.join(WEIGHTS)))?;
    Ok(weights)
}

impl ModelFiles<'_> {
    /// The configuration, checked, of a model whose files are all there and
    /// unaltered.
    ///
    /// # Errors
    ///
    /// As [`Self::build`].
    pub fn config(&self) -> Result<ModelConfig, ModelDirError> {
        self.checked(Domain::Here)
    }

    fn checked(&self, domain: Domain) -> Result<ModelConfig, ModelDirError> {
        let said: Map<String, Value> = serde_json::from_slice(&self.config)?;
        check_digest(&said)?;
        self.check_files(domain)?;
        let config: ModelConfig = serde_json::from_slice(&self.config)?;
        config.check()?;
        Ok(config)
    }

    /// Name and contents of each file that a prediction depends on, beyond
    /// `config.json`.
    fn contents(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let files = [
            (WEIGHTS, Some(self.weights.as_ref())),
            (VOCABULARY, Some(self.vocabulary.as_ref())),
            (DOMAIN, self.domain.as_deref()),
        ];
        let present = |(name, bytes): (&'static str, Option<_>)| Some((name, bytes?));
        files.into_iter().filter_map(present)
    }

    /// Whether the files are those that `config.json` names, all of them and no
    /// other.
    fn check_files(&self, domain: Domain) -> Result<(), ModelDirError> {
        let FileList { mut files } = serde_json::from_slice(&self.config)?;
        for (name, bytes) in self.contents() {
            let file = name.to_owned();
            let Some(expected) = files.remove(name) else {
                return Err(ModelDirError::Unlisted { file });
            };
            let found = sha256(bytes);
            if found != expected {
                return Err(ModelDirError::Altered {
                    file,
                    found,
                    expected,
                });
            }
        }
        match files.into_keys().next() {
            None => Ok(()),
            Some(file) if file == DOMAIN => match domain {
                Domain::Here => Err(ModelDirError::Missing { file }),
                Domain::Later => Ok(()),
            },
            Some(file) => Err(ModelDirError::Unknown { file }),
        }
    }

    /// Names the files in `config.json` as they are, and its own digest: for a model
    /// that is put together anew, or changed on purpose.
    ///
    /// # Errors
    ///
    /// Where `config.json` is no JSON object.
    pub fn seal(&mut self) -> Result<(), ModelDirError> {
        let mut config: Map<String, Value> = serde_json::from_slice(&self.config)?;
        let digests = self
            .contents()
            .map(|(name, bytes)| (name.to_owned(), sha256(bytes).into()));
        config.insert("files".to_owned(), digests.collect::<Map<_, _>>().into());
        self.config = with_digest(&serde_json::to_vec(&config)?)?.into();
        Ok(())
    }

    /// Checks the files and builds the model on `device`: see
    /// [`low_level`](crate::low_level) for what can be done with it.
    ///
    /// # Errors
    ///
    /// A [`ModelDirError`] that names what is wrong, and where.
    ///
    /// # Panics
    ///
    /// Never, whatever the bytes.
    pub fn build(&self, device: &crate::Device) -> Result<(ModelConfig, Model), ModelDirError> {
        self.load(device.tensors())
    }

    /// [`Self::build`] on a device of burn's.
    ///
    /// # Errors
    ///
    /// A [`ModelDirError`] that names what is wrong, and where.
    ///
    /// # Panics
    ///
    /// Never, whatever the bytes.
    pub(crate) fn load(&self, device: &Device) -> Result<(ModelConfig, Model), ModelDirError> {
        self.load_with(Domain::Here, device)
    }

    /// [`Self::load`] of files of which `domain.json.gz`, where `config.json` names it,
    /// may come later: see [`ApplicabilityDomain::late`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub(crate) fn load_before_domain(
        &self,
        device: &Device,
    ) -> Result<(ModelConfig, Model), ModelDirError> {
        self.load_with(Domain::Later, device)
    }

    fn load_with(
        &self,
        domain: Domain,
        device: &Device,
    ) -> Result<(ModelConfig, Model), ModelDirError> {
        let config = self.checked(domain)?;
        tokenizer::check_vocabulary(&String::from_utf8_lossy(&self.vocabulary))?;
        let mut source = TensorFile::open(&self.weights, device)?;
        let model = Model::new(&mut source, &config.encoder, config.heads())?;
        let mut surplus: Vec<String> = source
            .tensors
            .names()
            .into_iter()
            .filter(|name| !source.taken.contains(*name))
            .map(str::to_owned)
            .collect();
        surplus.sort_unstable();
        if surplus.is_empty() {
            Ok((config, model))
        } else {
            Err(ModelDirError::Surplus(surplus))
        }
    }
}

impl ModelFiles<'_> {
    /// What the model of `config` knows of its domain, if it does.
    ///
    /// # Errors
    ///
    /// Where the file is damaged or of another model.
    pub fn applicability(
        &self,
        config: &ModelConfig,
    ) -> Result<Option<ApplicabilityDomain>, ApplicabilityError> {
        let bytes = self.domain.as_ref();
        bytes
            .map(|bytes| ApplicabilityDomain::read(bytes, &names(config)))
            .transpose()
    }

    /// SHA-256 in hexadecimal of the `domain.json.gz` that `config.json` names.
    ///
    /// # Errors
    ///
    /// Where `config.json` is no JSON of a model.
    pub(crate) fn digest_of_domain(&self) -> Result<Option<String>, ModelDirError> {
        let FileList { mut files } = serde_json::from_slice(&self.config)?;
        Ok(files.remove(DOMAIN))
    }
}

fn names(config: &ModelConfig) -> Vec<&str> {
    config.endpoints.iter().map(|e| e.name.as_str()).collect()
}

impl ApplicabilityDomain {
    /// Reads the domain of a model that predicts without it already; `expected` is its
    /// SHA-256.
    ///
    /// # Errors
    ///
    /// Where it is none, another one, or holds Gaussian processes.
    pub(crate) fn late(
        bytes: &[u8],
        expected: Option<&str>,
        config: &ModelConfig,
    ) -> Result<Self, ModelDirError> {
        let file = DOMAIN.to_owned();
        let Some(expected) = expected else {
            return Err(ModelDirError::Unlisted { file });
        };
        let found = sha256(bytes);
        if found != expected {
            let expected = expected.to_owned();
            return Err(ModelDirError::Altered {
                file,
                found,
                expected,
            });
        }
        let domain = Self::read(bytes, &names(config))?;
        if domain.has_gaussian_processes() {
            return Err(ApplicabilityError::TooLate.into());
        }
        Ok(domain)
    }
}

/// Parameters from a safetensors file.
pub(crate) struct TensorFile<'a> {
    tensors: SafeTensors<'a>,
    /// What stands before every name in the file.
    prefix: &'a str,
    taken: BTreeSet<String>,
    device: &'a Device,
}

impl<'a> TensorFile<'a> {
    /// The tensors of a safetensors file.
    ///
    /// # Errors
    ///
    /// Where it is truncated or malformed.
    pub(crate) fn open(bytes: &'a [u8], device: &'a Device) -> Result<Self, ModelDirError> {
        Ok(Self {
            tensors: SafeTensors::deserialize(bytes)?,
            prefix: "",
            taken: BTreeSet::new(),
            device,
        })
    }
}

impl<'a> TensorFile<'a> {
    /// The tensor `name` of the shape `expected`, and its name in the file.
    fn tensor(
        &self,
        name: &str,
        expected: &[usize],
    ) -> Result<(TensorView<'a>, String), SourceError> {
        let name = format!("{}{name}", self.prefix);
        match self.tensors.tensor(&name) {
            Err(_) => Err(SourceError::Missing(name)),
            Ok(view) if view.shape() != expected => Err(SourceError::Shape {
                name,
                found: view.shape().to_vec(),
                expected: expected.to_vec(),
            }),
            Ok(view) => Ok((view, name)),
        }
    }

    /// The scales of a matrix, one a row; a scale has none of its own.
    fn scales(&mut self, name: &str, rows: usize) -> Result<Vec<f32>, SourceError> {
        self.values(&format!("{name}{SCALE}"), &[rows])
    }

    /// Values that have been read, if they are numbers.
    fn take(&mut self, name: String, values: Vec<f32>) -> Result<Vec<f32>, SourceError> {
        if !values.chunks(PIECE).all(all_finite) {
            return Err(SourceError::NotFinite(name));
        }
        self.taken.insert(name);
        Ok(values)
    }
}

impl StoredValues for TensorFile<'_> {
    fn values(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, SourceError> {
        let (view, full) = self.tensor(name, expected)?;
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Dtype::F16 => view
                .data()
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Dtype::I8 if expected.len() == 2 => {
                let scales = self.scales(name, expected[0])?;
                // Of its size from the start: to grow is to hold it twice.
                let mut values = Vec::with_capacity(view.data().len());
                for (row, scale) in view.data().chunks_exact(expected[1].max(1)).zip(scales) {
                    append_scaled(row, scale, &mut values);
                }
                values
            }
            other => {
                return Err(SourceError::Type {
                    name: full,
                    found: format!("{other:?}"),
                });
            }
        };
        self.take(full, values)
    }

    fn columns(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, SourceError> {
        let (view, full) = self.tensor(name, &shape)?;
        let [rows, columns] = shape;
        if view.dtype() != Dtype::I8 {
            let values = self.values(name, &shape)?;
            return Ok(transposed(&values, columns));
        }
        // Straight from the bytes: the largest matrix would be held three times.
        let scales = self.scales(name, rows)?;
        let mut values = Vec::with_capacity(view.data().len());
        for column in 0..columns {
            append_scaled_column(view.data(), column, columns, &scales, &mut values);
        }
        self.take(full, values)
    }

    fn device(&self) -> &Device {
        self.device
    }
}

/// Builds the encoder of `config` from the tensors of a safetensors file whose
/// names begin with `prefix`; other tensors are left alone.
///
/// # Errors
///
/// Where the file is malformed or lacks a parameter of the encoder.
#[cfg(test)]
pub(crate) fn encoder_from_safetensors(
    bytes: &[u8],
    prefix: &str,
    config: &EncoderConfig,
    device: &Device,
) -> Result<Encoder, ModelDirError> {
    config.check()?;
    let mut source = TensorFile {
        prefix,
        ..TensorFile::open(bytes, device)?
    };
    Ok(Encoder::new(&mut source, config)?)
}
