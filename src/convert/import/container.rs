//! The files that checkpoints come in: tensors by name, read when asked for.
//!
//! A pickle is parsed as data: nothing in it is called, whatever it says.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use pytorch_reader::{DType, MAX_PICKLE_SIZE, PytorchReader};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use zip::ZipArchive;

use super::{ImportError, pickle};
use crate::model_dir::TensorHeader;

/// Largest checkpoint that is read, in bytes.
const MAX_BYTES: u64 = 16 << 30;
/// Largest `config.json` that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Where a TAR archive says that it is one.
const TAR_MAGIC: usize = 257;
/// Most tensors of one checkpoint, those of its optimizer included.
const MAX_TENSORS: usize = 100_000;

/// An opened checkpoint.
pub(super) struct Container {
    tensors: Tensors,
    /// Shapes by name.
    pub(super) shapes: BTreeMap<String, Vec<usize>>,
    /// The text of the `config.json` beside the tensors, where there is one.
    pub(super) config: Option<String>,
}

enum Tensors {
    Torch(HashMap<String, pytorch_reader::Tensor>),
    Safetensors {
        path: PathBuf,
        tensors: Metadata,
        /// Where the values begin in the file.
        start: u64,
    },
}

impl Container {
    /// Opens a file of `torch.save`, a safetensors file, or a directory as
    /// `save_pretrained` writes it.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        if !path.is_dir() {
            return Self::open_file(path, None);
        }
        let config = path.join("config.json");
        let bytes = read(&config, MAX_CONFIG_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|_| ImportError::Config {
            field: "config.json".to_owned(),
            found: "other bytes".to_owned(),
            expected: "UTF-8 text".to_owned(),
        })?;
        let weights = ["model.safetensors", "pytorch_model.bin"]
            .map(|name| path.join(name))
            .into_iter()
            .find(|file| file.exists())
            .unwrap_or_else(|| path.join("model.safetensors"));
        Self::open_file(&weights, Some(text))
    }

    fn open_file(path: &Path, config: Option<String>) -> Result<Self, ImportError> {
        let length = checked_length(path, MAX_BYTES)?;
        let mut head = Vec::new();
        File::open(path)
            .and_then(|file| file.take(9).read_to_end(&mut head))
            .map_err(io_error(path))?;
        if looks_like_safetensors(&head, length) {
            let file = File::open(path).map_err(io_error(path))?;
            let TensorHeader { tensors, bytes } = TensorHeader::read(file, length)?;
            let shapes = tensors
                .tensors()
                .into_iter()
                .map(|(name, tensor)| (name, tensor.shape.clone()))
                .collect();
            return Ok(Self {
                tensors: Tensors::Safetensors {
                    path: path.to_owned(),
                    tensors,
                    start: bytes.len() as u64,
                },
                shapes,
                config,
            });
        }
        check_pickles(path, length)?;
        let reader = PytorchReader::new(path).map_err(|source| ImportError::Torch {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        if reader.len() > MAX_TENSORS {
            return Err(ImportError::TooMany(reader.len(), MAX_TENSORS));
        }
        let tensors = reader.into_tensors();
        let shapes = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.shape().to_vec()))
            .collect();
        Ok(Self {
            tensors: Tensors::Torch(tensors),
            shapes,
            config,
        })
    }

    /// The values of a tensor in row-major order, whatever float type it has.
    /// Its shape is to be checked before: it bounds what is read.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f32>, ImportError> {
        let missing = || ImportError::Missing(name.to_owned());
        match &self.tensors {
            Tensors::Torch(tensors) => {
                let tensor = tensors.get(name).ok_or_else(missing)?;
                let float = match tensor.dtype() {
                    DType::F64 => Float::F64,
                    DType::F32 => Float::F32,
                    DType::F16 => Float::F16,
                    DType::BF16 => Float::Bf16,
                    other => return Err(wrong_type(name, &other)),
                };
                let bytes = tensor.read().map_err(|source| ImportError::Tensor {
                    name: name.to_owned(),
                    source,
                })?;
                Ok(float.decode(&bytes))
            }
            Tensors::Safetensors {
                path,
                tensors,
                start,
            } => {
                let tensor = tensors.info(name).ok_or_else(missing)?;
                let float = match tensor.dtype {
                    Dtype::F64 => Float::F64,
                    Dtype::F32 => Float::F32,
                    Dtype::F16 => Float::F16,
                    Dtype::BF16 => Float::Bf16,
                    other => return Err(wrong_type(name, &other)),
                };
                let (begin, end) = tensor.data_offsets;
                let mut bytes = vec![0; end - begin];
                File::open(path)
                    .and_then(|mut file| {
                        file.seek(SeekFrom::Start(start + begin as u64))?;
                        file.read_exact(&mut bytes)
                    })
                    .map_err(io_error(path))?;
                Ok(float.decode(&bytes))
            }
        }
    }
}

/// Refuses a file of `torch.save` whose pickles would make too many objects.
fn check_pickles(path: &Path, length: u64) -> Result<(), ImportError> {
    let opened = || File::open(path).map(BufReader::new);
    let mut file = opened().map_err(io_error(path))?;
    let head = file.fill_buf().map_err(io_error(path))?;
    if head
        .get(TAR_MAGIC..)
        .is_some_and(|rest| rest.starts_with(b"ustar"))
    {
        return Err(ImportError::Tar);
    }
    if !head.starts_with(b"PK") {
        // The magic number of the old format is a pickle of its own.
        return pickle::check(&mut file, pickle::LEGACY_PICKLES, length);
    }
    let Ok(mut archive) = ZipArchive::new(file) else {
        // What is wrong with it the reader says.
        return Ok(());
    };
    let names = archive.file_names().filter_map(Result::ok);
    let pickles: Vec<String> = names
        .filter(|name| name.ends_with(".pkl"))
        .map(|name| name.to_string())
        .collect();
    for name in pickles {
        if let Ok(entry) = archive.by_name(&name) {
            // The reader refuses longer ones.
            let entry = entry.take(MAX_PICKLE_SIZE);
            pickle::check(&mut BufReader::new(entry), 1, length)?;
        }
    }
    Ok(())
}

fn wrong_type(name: &str, found: &dyn std::fmt::Debug) -> ImportError {
    ImportError::Type {
        name: name.to_owned(),
        found: format!("{found:?}"),
    }
}

#[derive(Clone, Copy)]
enum Float {
    F64,
    F32,
    F16,
    Bf16,
}

impl Float {
    /// Little-endian bytes to values. `torch.save` writes the machine's order;
    /// the reader refuses files of big-endian machines.
    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F64 => (bytes.as_chunks::<8>().0.iter())
                .map(|&b| f64::from_le_bytes(b) as f32)
                .collect(),
            Self::F32 => (bytes.as_chunks::<4>().0.iter())
                .map(|&b| f32::from_le_bytes(b))
                .collect(),
            Self::F16 => (bytes.as_chunks::<2>().0.iter())
                .map(|&b| f16::from_le_bytes(b).to_f32())
                .collect(),
            Self::Bf16 => (bytes.as_chunks::<2>().0.iter())
                .map(|&b| bf16::from_le_bytes(b).to_f32())
                .collect(),
        }
    }
}

/// A safetensors file begins with the length of its header, which is JSON.
fn looks_like_safetensors(head: &[u8], length: u64) -> bool {
    match head.first_chunk::<8>() {
        Some(header) => u64::from_le_bytes(*header) < length && head.get(8) == Some(&b'{'),
        None => false,
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> ImportError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| ImportError::Io { path, source }
}

/// The length of a regular file of at most `limit` bytes. A pipe or a device
/// could go on for ever.
fn checked_length(path: &Path, limit: u64) -> Result<u64, ImportError> {
    let metadata = std::fs::metadata(path).map_err(io_error(path))?;
    if !metadata.is_file() {
        return Err(io_error(path)(io::Error::other("not a regular file")));
    }
    if metadata.len() > limit {
        return Err(ImportError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(metadata.len())
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ImportError> {
    checked_length(path, limit)?;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(io_error(path))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn refused(bytes: &[u8]) -> ImportError {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("model.pt");
        std::fs::write(&path, bytes).expect("written");
        Container::open(&path).err().expect("refused")
    }

    #[test]
    fn a_small_archive_that_would_take_all_memory_is_refused() {
        for opcode in [b'N', b']', b'}'] {
            let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
            let packed = SimpleFileOptions::default();
            archive
                .start_file("archive/data.pkl", packed)
                .expect("begun");
            let mut pickle = vec![0x80, 2];
            pickle.resize(20_000_000, opcode);
            archive.write_all(&pickle).expect("packed");
            let bytes = archive.finish().expect("packed").into_inner();
            assert!(bytes.len() < 100_000, "{}", bytes.len());
            assert!(matches!(refused(&bytes), ImportError::TooManyObjects(_)));
            // As PyTorch before 1.6 wrote it, without an archive.
            assert!(matches!(refused(&pickle), ImportError::TooManyObjects(_)));
        }
        let mut tar = vec![0; 512];
        tar[TAR_MAGIC..TAR_MAGIC + 5].copy_from_slice(b"ustar");
        assert!(matches!(refused(&tar), ImportError::Tar));
    }

    #[test]
    fn a_safetensors_file_is_refused_by_its_header_and_read_a_tensor_at_a_time() {
        let json = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.extend([1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()));
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("model.safetensors");
        std::fs::write(&path, &bytes).expect("written");
        let container = Container::open(&path).expect("valid");
        assert_eq!(container.shapes["a"], [2]);
        assert_eq!(container.values("a").expect("there"), [1.5, -2.0]);
        assert!(container.values("b").is_err());
        // Four GB of nothing behind it, which a sparse file holds for free.
        let file = File::options().write(true).open(&path).expect("opened");
        file.set_len(4 << 30).expect("a sparse file");
        let refused = Container::open(&path).err().expect("refused");
        assert!(matches!(refused, ImportError::Safetensors(_)), "{refused}");
    }
}
