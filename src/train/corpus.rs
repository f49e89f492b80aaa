//! A corpus of molecules, streamed: memory stays bounded however large the
//! files are.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::batches::bucketed;
use super::config::{BatchConfig, DescriptorSet};
use super::seeds::{SeedStream, derive_seed, generator};
use crate::chemistry::{AtomOrder, Molecule};
use crate::model::{ENVIRONMENTS, Physchem, StructureTargets};
use crate::predict::{Standardized, TREATMENT};
use crate::records::{MoleculeSource, ReadOptions, Reader, RecordsError, RowError, Structure};
use crate::tokenizer;

/// Molecules that are shuffled and sorted by length together. Large enough
/// that batches differ from epoch to epoch, small enough for any memory.
const CHUNK: usize = 8192;

/// Chunks that are prepared ahead of training.
const AHEAD: usize = 1;

/// Why a corpus cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no list of molecules.
    #[error("{}: {source}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordsError,
    },
    /// No molecule of the corpus can be used.
    #[error("{}: none of its first {rows} molecules can be used: {example}", path.display())]
    Unusable {
        /// The first file.
        path: PathBuf,
        /// Rows that were looked at.
        rows: usize,
        /// What was wrong with one of them.
        example: String,
    },
    /// A file is not the one that the run began with.
    #[error(
        "{} has changed since the run began (SHA-256 {found}, then {expected}): \
         put the old file back, or begin another run", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its digest at the beginning.
        expected: String,
        /// Its digest now.
        found: String,
    },
}

/// A file that a run reads, as its run directory records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Where it was.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its rows.
    pub rows: u64,
}

/// A file's bytes on the way to a reader, digested as they pass.
struct Digesting<R> {
    inner: R,
    digest: Sha256,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

pub(super) fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads `path` once to count its rows and digest its bytes.
pub(super) fn inspect(path: &Path, options: &ReadOptions) -> Result<DataFile, CorpusError> {
    let io = |source| CorpusError::Io {
        path: path.to_owned(),
        source,
    };
    let records = |source| CorpusError::Records {
        path: path.to_owned(),
        source,
    };
    let mut digesting = Digesting {
        inner: File::open(path).map_err(io)?,
        digest: Sha256::new(),
    };
    let name = path.to_string_lossy();
    let mut rows = 0;
    for record in Reader::open(&mut digesting, &name, options).map_err(records)? {
        record.map_err(records)?;
        rows += 1;
    }
    // What lies behind the last record counts for the digest all the same.
    io::copy(&mut digesting, &mut io::sink()).map_err(io)?;
    Ok(DataFile {
        path: path.to_owned(),
        sha256: hexadecimal(&digesting.digest.finalize()),
        rows,
    })
}

/// Files of molecules, inspected.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The files, in the order in which they are read.
    pub files: Vec<DataFile>,
}

impl Corpus {
    /// Reads every file once, to count rows and to digest it.
    ///
    /// # Errors
    ///
    /// Where a file is absent, unreadable or no list of molecules.
    pub fn open(paths: &[PathBuf]) -> Result<Self, CorpusError> {
        let files = paths
            .iter()
            .map(|path| inspect(path, &ReadOptions::default()))
            .collect::<Result<_, _>>()?;
        Ok(Self { files })
    }

    /// Rows of all files together.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Checks that the files are those that a run began with.
    ///
    /// # Errors
    ///
    /// Names the first file that is not.
    pub fn check(&self, expected: &[DataFile]) -> Result<(), CorpusError> {
        for (file, then) in self.files.iter().zip(expected) {
            if file.sha256 != then.sha256 {
                return Err(CorpusError::Changed {
                    path: file.path.clone(),
                    expected: then.sha256.clone(),
                    found: file.sha256.clone(),
                });
            }
        }
        Ok(())
    }

    /// The molecules of all files in order; a row without one stays in its place.
    fn molecules(&self) -> impl Iterator<Item = Result<CorpusRow, CorpusError>> + Send + use<> {
        let mut files = self.files.clone().into_iter();
        let mut open: Option<(PathBuf, Reader<File>)> = None;
        std::iter::from_fn(move || {
            loop {
                if let Some((path, reader)) = &mut open {
                    match reader.next() {
                        Some(Ok(row)) => return Some(Ok(row.molecule)),
                        Some(Err(source)) => {
                            return Some(Err(CorpusError::Records {
                                path: path.clone(),
                                source,
                            }));
                        }
                        None => {}
                    }
                }
                let path = files.next()?.path;
                let name = path.to_string_lossy().into_owned();
                let reader = File::open(&path)
                    .map_err(|source| CorpusError::Io {
                        path: path.clone(),
                        source,
                    })
                    .and_then(|file| {
                        Reader::open(file, &name, &ReadOptions::default()).map_err(|source| {
                            CorpusError::Records {
                                path: path.clone(),
                                source,
                            }
                        })
                    });
                match reader {
                    Ok(reader) => open = Some((path, reader)),
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }
}

/// The molecule of one row, or why there is none.
type CorpusRow = Result<Structure, RowError>;

/// How molecules become training samples.
#[derive(Clone, Debug)]
pub(super) struct Preparation {
    /// Longest sequence.
    pub(super) limit: usize,
    /// Whether a random SMILES is written.
    pub(super) permute: bool,
    /// The descriptors to compute, and their normalisation.
    pub(super) physchem: Option<Physchem>,
    /// Whether the fingerprint of the structure vector is computed.
    pub(super) environments: bool,
    /// Seed of the run.
    pub(super) seed: u64,
}

/// One molecule ready for pre-training.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Its tokens.
    pub(super) tokens: Vec<u32>,
    /// Its normalised descriptors; empty where none are asked for.
    pub(super) descriptors: Vec<f32>,
    /// The bits of its fingerprint ([`ENVIRONMENTS`]); empty where none is asked
    /// for.
    pub(super) environments: Vec<u32>,
}

impl Preparation {
    /// A sample of `molecule`; `None` where the model cannot read it.
    fn sample(&self, molecule: &impl MoleculeSource, draw: u64) -> Option<Sample> {
        let Standardized { form, tokens } =
            Standardized::new(molecule, TREATMENT, self.limit).ok()?;
        let molecule = &form.molecule;
        let tokens = if self.permute {
            permuted(molecule, draw, self.limit).unwrap_or(tokens)
        } else {
            tokens
        };
        let descriptors = match &self.physchem {
            Some(physchem) => physchem.normalise(&descriptors(molecule, &physchem.descriptors)?),
            None => Vec::new(),
        };
        let environments = if self.environments {
            environments(molecule)?
        } else {
            Vec::new()
        };
        Some(Sample {
            tokens,
            descriptors,
            environments,
        })
    }
}

/// Tokens of a random SMILES; `None` where it is longer than `limit`, which
/// the canonical one was checked not to be.
pub(super) fn permuted(molecule: &Molecule, draw: u64, limit: usize) -> Option<Vec<u32>> {
    let written = molecule.kekule_string(AtomOrder::Random(draw)).ok()?;
    tokenizer::tokenize(&written, limit).ok()
}

/// The bits of a molecule's fingerprint; `None` where it has none.
fn environments(molecule: &Molecule) -> Option<Vec<u32>> {
    let fingerprint = molecule.ecfp(ENVIRONMENTS).ok()?;
    Some(fingerprint.bits().map(|bit| bit as u32).collect())
}

/// The named descriptors of a molecule; `None` where one is not a number.
fn descriptors(molecule: &Molecule, names: &[String]) -> Option<Vec<f32>> {
    let all = molecule.descriptors().ok()?;
    names
        .iter()
        .map(|name| {
            let index = crate::chemistry::DESCRIPTORS
                .iter()
                .position(|d| d == name)?;
            let value = all[index] as f32;
            value.is_finite().then_some(value)
        })
        .collect()
}

impl DescriptorSet {
    /// RDKit's names of the descriptors.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::All => crate::chemistry::DESCRIPTORS.to_vec(),
            Self::Surface => crate::chemistry::SURFACE_DESCRIPTORS.to_vec(),
        }
    }
}

/// Fits the normalisation of descriptors to the first `molecules` usable rows.
pub(super) fn fit_physchem(
    corpus: &Corpus,
    set: DescriptorSet,
    molecules: usize,
    limit: usize,
) -> Result<Physchem, CorpusError> {
    let names = set.names();
    let owned: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let structures = corpus
        .molecules()
        .take(molecules)
        .collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<Vec<f32>> = structures
        .par_iter()
        .filter_map(|structure| {
            let ready = Standardized::new(structure, TREATMENT, limit).ok()?;
            descriptors(ready.molecule(), &owned)
        })
        .collect();
    Physchem::fit(&names, &rows).ok_or_else(|| {
        let example = structures
            .iter()
            .find_map(|structure| Standardized::new(structure, TREATMENT, limit).err())
            .map_or_else(|| "there are none".to_owned(), |error| error.message);
        CorpusError::Unusable {
            path: corpus
                .files
                .first()
                .map_or_else(PathBuf::new, |f| f.path.clone()),
            rows: structures.len(),
            example,
        }
    })
}

/// Fits the structure vector to the first `molecules` usable rows.
pub(super) fn fit_structure(
    corpus: &Corpus,
    physchem: Option<&Physchem>,
    molecules: usize,
    limit: usize,
) -> Result<StructureTargets, CorpusError> {
    let structures = corpus
        .molecules()
        .take(molecules)
        .collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<(Vec<u32>, Vec<f32>)> = structures
        .par_iter()
        .filter_map(|structure| {
            let ready = Standardized::new(structure, TREATMENT, limit).ok()?;
            let values = match physchem {
                Some(physchem) => {
                    physchem.normalise(&descriptors(ready.molecule(), &physchem.descriptors)?)
                }
                None => Vec::new(),
            };
            Some((environments(ready.molecule())?, values))
        })
        .collect();
    StructureTargets::fit(&rows).ok_or_else(|| CorpusError::Unusable {
        path: corpus
            .files
            .first()
            .map_or_else(PathBuf::new, |f| f.path.clone()),
        rows: structures.len(),
        example: "their structures do not differ".to_owned(),
    })
}

/// Where a run stands in its corpus: the next batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Times that the corpus has been read, from 0.
    pub epoch: u64,
    /// Chunk of the epoch, from 0.
    pub chunk: u64,
    /// Batch of the chunk, from 0.
    pub batch: u64,
}

/// The batches of one chunk.
pub(super) struct Chunk {
    pub(super) epoch: u64,
    pub(super) index: u64,
    /// Rows that were read for it.
    pub(super) rows: u64,
    /// Rows of the epoch that were read before it.
    pub(super) rows_before: u64,
    /// Rows that the model cannot read.
    pub(super) left_out: u64,
    pub(super) batches: Vec<Vec<Sample>>,
}

/// The chunks of a corpus from `start` on, epoch after epoch without end,
/// prepared on a thread of their own.
pub(super) fn chunks(
    corpus: &Corpus,
    preparation: &Preparation,
    batch: &BatchConfig,
    start: Position,
) -> Receiver<Result<Chunk, CorpusError>> {
    let (sender, receiver) = sync_channel(AHEAD);
    let corpus = corpus.clone();
    let preparation = Arc::new(preparation.clone());
    let batch = batch.clone();
    std::thread::spawn(move || {
        for epoch in start.epoch.. {
            let mut molecules = corpus.molecules();
            let mut rows_before = 0;
            for index in 0.. {
                let read: Result<Vec<CorpusRow>, CorpusError> =
                    molecules.by_ref().take(CHUNK).collect();
                let read = match read {
                    Ok(read) => read,
                    Err(error) => {
                        // The receiver may be gone: the run has ended.
                        let _ = sender.send(Err(error));
                        return;
                    }
                };
                if read.is_empty() {
                    break;
                }
                let rows = read.len() as u64;
                let wanted = epoch > start.epoch || index >= start.chunk;
                if wanted {
                    let chunk =
                        prepare_chunk(&read, &preparation, &batch, epoch, index, rows_before);
                    if sender.send(Ok(chunk)).is_err() {
                        return;
                    }
                }
                rows_before += rows;
            }
        }
    });
    receiver
}

fn prepare_chunk(
    molecules: &[CorpusRow],
    preparation: &Preparation,
    batch: &BatchConfig,
    epoch: u64,
    index: u64,
    rows_before: u64,
) -> Chunk {
    let seed = preparation.seed;
    let samples: Vec<Sample> = molecules
        .par_iter()
        .enumerate()
        .filter_map(|(row, molecule)| {
            let draw = derive_seed(seed, SeedStream::Order, &[epoch, index, row as u64]);
            preparation.sample(molecule, draw)
        })
        .collect();
    let rows = molecules.len() as u64;
    let left_out = rows - samples.len() as u64;
    let mut rng = generator(seed, SeedStream::Order, &[epoch, index]);
    Chunk {
        epoch,
        index,
        rows,
        rows_before,
        left_out,
        batches: bucketed(samples, |sample| sample.tokens.len(), batch, &mut rng),
    }
}

/// Batches of the first `molecules` rows, always the same: canonical SMILES in
/// the order of the file.
pub(super) fn fixed_batches(
    corpus: &Corpus,
    preparation: &Preparation,
    batch: &BatchConfig,
    molecules: usize,
) -> Result<Vec<Vec<Sample>>, CorpusError> {
    let preparation = Preparation {
        permute: false,
        ..preparation.clone()
    };
    let structures = corpus
        .molecules()
        .take(molecules)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(prepare_chunk(&structures, &preparation, batch, 0, 0, 0).batches)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn corpus(rows: usize) -> (tempfile::TempDir, Corpus) {
        let directory = tempfile::tempdir().expect("a directory");
        let paths = ["a.smi", "b.smi.gz"].map(|name| directory.path().join(name));
        let smiles: Vec<String> = (0..rows)
            .map(|i| match i % 10 {
                9 => "C1CC".to_owned(),
                n => format!("{}O", "C".repeat(n + 1 + i / 100)),
            })
            .collect();
        let (first, second) = smiles.split_at(rows / 2);
        std::fs::write(&paths[0], first.join("\n")).expect("written");
        let mut gz = flate2::write::GzEncoder::new(
            File::create(&paths[1]).expect("created"),
            flate2::Compression::fast(),
        );
        gz.write_all(second.join("\n").as_bytes()).expect("written");
        gz.finish().expect("written");
        let corpus = Corpus::open(&paths).expect("readable");
        (directory, corpus)
    }

    fn preparation() -> Preparation {
        Preparation {
            limit: 128,
            permute: true,
            physchem: None,
            environments: false,
            seed: 7,
        }
    }

    #[test]
    fn rows_and_digests_are_those_of_the_files() {
        let (directory, corpus) = corpus(100);
        assert_eq!(corpus.rows(), 100);
        let bytes = std::fs::read(directory.path().join("b.smi.gz")).expect("read");
        assert_eq!(corpus.files[1].sha256, hexadecimal(&Sha256::digest(bytes)));
        let changed = vec![DataFile {
            sha256: "0".to_owned(),
            ..corpus.files[0].clone()
        }];
        assert!(matches!(
            corpus.check(&changed),
            Err(CorpusError::Changed { .. })
        ));
    }

    #[test]
    fn a_run_that_starts_in_the_middle_gets_the_same_batches() {
        let (_directory, corpus) = corpus(300);
        let batch = BatchConfig {
            molecules: 16,
            tokens: 2048,
        };
        let take = |start: Position| {
            chunks(&corpus, &preparation(), &batch, start)
                .into_iter()
                .take(3)
                .map(|chunk| chunk.expect("readable"))
                .collect::<Vec<_>>()
        };
        let whole = take(Position::default());
        let later = take(Position {
            epoch: 1,
            chunk: 0,
            batch: 0,
        });
        assert_eq!(whole[1].batches, later[0].batches);
        assert_ne!(whole[0].batches, whole[1].batches);
        assert_eq!((whole[0].rows, whole[0].left_out), (300, 30));
        let sizes: usize = whole[0].batches.iter().map(Vec::len).sum();
        assert_eq!(sizes, 270);
    }

    #[test]
    fn a_corpus_without_a_usable_molecule_says_why() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("salts.smi");
        std::fs::write(&path, "[Na]\n[K]\n").expect("written");
        let corpus = Corpus::open(&[path]).expect("readable");
        let error = fit_physchem(&corpus, DescriptorSet::All, 10, 128)
            .expect_err("nothing to fit")
            .to_string();
        assert!(error.contains("no organic part"), "{error}");
    }
}
