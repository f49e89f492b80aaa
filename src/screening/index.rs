//! Libraries whose features are kept: a Parquet file that is searched without a model.
//!
//! An index is a library with what its molecules are compared by, behind the user's
//! columns: embeddings in 8-bit integers and ECFP4 of 2,048 bits. A search goes through
//! all of it on all threads, in memory for a batch of rows a thread, so that its top is
//! exact: no molecule is left out by a guess.
//!
//! The cosine of two embeddings does not depend on their lengths, so each is divided by
//! its largest number, multiplied by 127 and rounded, and nothing else is kept of it.
//! Queries are rounded to 16 bits, and the products are whole numbers: every machine
//! finds the same.

use std::collections::HashSet;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Aggregate, Features, Hit, Similarity, Top, combine, rarity};
use crate::chemistry::{Fingerprint, Keep};
use crate::kernels::vectorised;
use crate::predict::{Scorer, StandardForm};
use crate::records::parquet::{ParquetError, ParquetFile, Texts};
use crate::records::{Columns, Header, Output, RecordsError, Row};

/// Under what an index says what it is.
pub const ABOUT: &str = "delicate.index";

/// How indices are laid out.
const LAYOUT: u32 = 1;

/// Bytes of an ECFP4 of 2,048 bits.
const FINGERPRINT: usize = 256;

/// Rows that a thread reads at a time.
const BATCH: usize = 4096;

/// What an index is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// How it is laid out.
    layout: u32,
    /// What its molecules can be compared by.
    pub by: Similarity,
    /// The model of its embeddings: its name, and what tells it from every other.
    pub model: Option<(String, String)>,
    /// The standard form of its molecules.
    pub form: StandardForm,
    /// Whether salts and solvents were kept.
    pub keep_salts: bool,
    /// Whether charges were kept.
    pub keep_charges: bool,
    /// The user's columns, which come first.
    columns: usize,
    /// The place of the column of SMILES among them; `None` where they were mol blocks.
    smiles: Option<usize>,
    /// The place of the column that identifies a molecule.
    id: Option<usize>,
    /// Numbers of an embedding.
    width: Option<usize>,
}

impl About {
    /// An index by which molecules of `form` can be compared; `model` is its name and
    /// digest, with the numbers of its embeddings.
    pub fn new(
        by: Similarity,
        model: Option<(String, String, usize)>,
        form: StandardForm,
        keep: Keep,
    ) -> Self {
        let width = model.as_ref().map(|(_, _, width)| *width);
        Self {
            layout: LAYOUT,
            // Fingerprints are kept as they are, however they are compared.
            by: match by {
                Similarity::Weighted => Similarity::Fingerprint,
                by => by,
            },
            model: model.map(|(name, digest, _)| (name, digest)),
            form,
            keep_salts: keep.salts,
            keep_charges: keep.charges,
            columns: 0,
            smiles: None,
            id: None,
            width,
        }
    }

    /// An index that is made with `scorer`, whose model has this digest.
    pub fn of_model(by: Similarity, scorer: &Scorer, digest: &str, keep: Keep) -> Self {
        let config = scorer.config();
        let width = config.encoder.hidden_size;
        let model = (config.name.clone(), digest.to_owned(), width);
        Self::new(by, Some(model), config.standard_form, keep)
    }

    /// The same, of a library with these columns.
    #[must_use]
    pub fn of(mut self, header: &Header) -> Self {
        self.columns = header.columns.len();
        self.smiles = header.smiles;
        self.id = header.id;
        self
    }

    /// How many columns of features there are.
    fn features_count(&self) -> usize {
        let needs = [self.by.needs_embeddings(), self.by.needs_fingerprints()];
        needs.into_iter().map(usize::from).sum()
    }

    /// The columns of features, for a file of columns.
    pub fn features(&self) -> Columns {
        Columns::Features {
            embedding: self.width.filter(|_| self.by.needs_embeddings()),
            fingerprint: self.by.needs_fingerprints().then_some(FINGERPRINT),
        }
    }

    /// Why an index of this kind cannot be asked `by` queries of the kind `queries`.
    fn differs(&self, queries: &Self, by: Similarity) -> Option<String> {
        let has = |of: fn(Similarity) -> bool| !of(by) || of(self.by);
        let named = |about: &Self| match &about.model {
            Some((name, digest)) => {
                let digest = digest.get(..12).unwrap_or(digest);
                format!("`{name}` (SHA-256 {digest}…)")
            }
            None => "no model".to_owned(),
        };
        let kept = |about: &Self| {
            let kept = match (about.keep_salts, about.keep_charges) {
                (false, false) => "neither salts nor charges kept",
                (true, false) => "--keep-salts",
                (false, true) => "--keep-charges",
                (true, true) => "--keep-salts and --keep-charges",
            };
            kept.to_owned()
        };
        if self.layout != LAYOUT {
            let found = self.layout;
            return Some(format!(
                "its layout is {found}, and this version reads {LAYOUT}"
            ));
        }
        if !has(Similarity::needs_embeddings) {
            return Some("it holds no embeddings: search it with --by ecfp".to_owned());
        }
        if !has(Similarity::needs_fingerprints) {
            return Some("it holds no fingerprints: search it with --by embedding".to_owned());
        }
        let (was, is) = if by.needs_embeddings() && self.model != queries.model {
            (format!("with the model {}", named(self)), named(queries))
        } else if by.needs_embeddings() && self.form != queries.form {
            let (was, is) = (self.form, queries.form);
            (format!("of the standard form {was}"), is.to_string())
        } else if (self.keep_salts, self.keep_charges) != (queries.keep_salts, queries.keep_charges)
        {
            (format!("with {}", kept(self)), kept(queries))
        } else {
            return None;
        };
        Some(format!(
            "it was made {was}, and the queries are read with {is}"
        ))
    }
}

/// Why an index cannot be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordsError,
    },
    /// It does not say that it is one.
    #[error("{}: it is no index: make one of it with `delicate index`", .0.display())]
    NoIndex(PathBuf),
    /// It does not hold what it says.
    #[error("{}: the index is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// It was named before, and its molecules would be found twice.
    #[error("{}: this index is named twice: name each index once", .0.display())]
    Twice(PathBuf),
    /// It was made otherwise than the queries are read.
    #[error("{}: the index cannot be searched: {why}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        why: String,
    },
    /// The search was ended.
    #[error("the search was ended")]
    Cancelled,
}

/// Features as an index keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    embedding: Option<Vec<u8>>,
    fingerprint: Option<Vec<u8>>,
}

impl From<&Features> for Packed {
    fn from(features: &Features) -> Self {
        let bytes = |values: &Vec<f32>| {
            let values = rounded(values, 127.0).into_iter();
            values.map(|value| (value as i8).cast_unsigned()).collect()
        };
        let words = |fingerprint: &Fingerprint| {
            let words = fingerprint.words().iter();
            words.flat_map(|word| word.to_le_bytes()).collect()
        };
        Self {
            embedding: features.embedding.as_ref().map(bytes),
            fingerprint: features.fingerprint.as_ref().map(words),
        }
    }
}

impl<'a> From<&'a Packed> for Output<'a> {
    fn from(packed: &'a Packed) -> Self {
        Self::Features {
            embedding: packed.embedding.as_deref(),
            fingerprint: packed.fingerprint.as_deref(),
        }
    }
}

/// Numbers in proportion, of which the largest becomes `limit`.
fn rounded(values: &[f32], limit: f32) -> Vec<i16> {
    let largest = values
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    let scale = if largest > 0.0 { limit / largest } else { 0.0 };
    let round = |value: &f32| (value * scale).round() as i16;
    values.iter().map(round).collect()
}

/// A query as it is compared with rows.
struct Query {
    /// Its embedding in 16 bits, and the length of that.
    embedding: Option<(Vec<i16>, f64)>,
    /// Its fingerprint, and how many bits are set.
    fingerprint: Option<(Vec<u64>, u32)>,
    /// The square of its fingerprint's length with its bits weighted.
    square: Option<f64>,
}

impl Query {
    fn new(features: &Features) -> Self {
        let embedding = features.embedding.as_ref().map(|values| {
            // The sum of all products with numbers up to 127 is to fit 32 bits.
            let largest = values
                .iter()
                .fold(0.0f32, |most, value| most.max(value.abs()));
            let sum: f32 = values.iter().map(|value| value.abs()).sum();
            let room = (i32::MAX / 128) as f32 * largest / sum.max(f32::MIN_POSITIVE);
            let values = rounded(values, room.clamp(1.0, 32_767.0));
            let squares = values.iter().map(|&value| f64::from(value).powi(2));
            let length = squares.sum::<f64>().sqrt();
            (values, length)
        });
        let fingerprint = features.fingerprint.as_ref();
        Self {
            embedding,
            fingerprint: fingerprint.map(|one| (one.words().to_vec(), one.count_ones())),
            square: features.square,
        }
    }
}

/// One or more files that are searched as one library.
#[derive(Debug)]
pub struct Index {
    files: Vec<(PathBuf, ParquetFile)>,
    about: About,
    header: Header,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The best, in descending order of their scores: each with the place of its nearest
    /// query.
    pub hits: Vec<Hit<usize>>,
    /// Rows that were compared.
    pub rows: u64,
    /// Rows that have nothing to be compared by.
    pub skipped: u64,
}

impl Index {
    /// Opens the files of an index, which must be made alike.
    ///
    /// # Errors
    ///
    /// Where one cannot be read, is no index or differs from the first.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, IndexError> {
        let mut files = Vec::new();
        let mut first: Option<(About, Header)> = None;
        let mut places = HashSet::new();
        for path in paths {
            let path = path.as_ref();
            // One file may have several names.
            if let Ok(place) = path.canonicalize()
                && !places.insert(place)
            {
                return Err(IndexError::Twice(path.to_owned()));
            }
            let no_index = || IndexError::NoIndex(path.to_owned());
            let failed = |source| match source {
                RecordsError::Empty | RecordsError::Parquet(ParquetError::NotParquet) => no_index(),
                source => IndexError::File {
                    path: path.to_owned(),
                    source,
                },
            };
            let file = File::open(path).map_err(RecordsError::at_start);
            let file = file.and_then(ParquetFile::load).map_err(failed)?;
            let about = file.says(ABOUT).ok_or_else(no_index)?;
            let about: About = serde_json::from_str(about).map_err(|_| no_index())?;
            let mut header = file.header().clone();
            if about.columns + about.features_count() > header.columns.len() {
                return Err(IndexError::Damaged {
                    path: path.to_owned(),
                    what: "it lacks columns that it says it has".to_owned(),
                });
            }
            header.columns.truncate(about.columns);
            header.smiles = about.smiles;
            header.id = about.id;
            match &first {
                None => first = Some((about, header)),
                Some((of, columns)) if *of == about && *columns == header => {}
                Some(_) => {
                    return Err(IndexError::Other {
                        path: path.to_owned(),
                        why: "it has other columns, or another model or form, than the first"
                            .to_owned(),
                    });
                }
            }
            files.push((path.to_owned(), file));
        }
        let (about, header) = first.ok_or_else(|| IndexError::NoIndex(PathBuf::new()))?;
        Ok(Self {
            files,
            about,
            header,
        })
    }

    /// What it is of.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The columns of the library.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        let groups = self.groups();
        groups.iter().map(|group| group.rows).sum()
    }

    /// Refuses to compare `by` what of the index and of queries was made otherwise.
    ///
    /// # Errors
    ///
    /// Where model, standard form or what is kept differ, or the features are not there.
    pub fn check(&self, queries: &About, by: Similarity) -> Result<(), IndexError> {
        let why = self.about.differs(queries, by);
        why.map_or(Ok(()), |why| {
            let (path, _) = &self.files[0];
            let path = path.clone();
            Err(IndexError::Other { path, why })
        })
    }

    fn groups(&self) -> Vec<Group> {
        let mut before = 0;
        let mut groups = Vec::new();
        for (place, (_, file)) in self.files.iter().enumerate() {
            for group in 0..file.row_groups() {
                let rows = file.rows_of(group);
                groups.push(Group {
                    file: place,
                    group,
                    before,
                    rows,
                });
                before += rows;
            }
        }
        groups
    }

    /// The best `top` rows by their scores against `queries`, as
    /// [`Features::compare`] makes them; of equal scores the first in the library.
    /// `on_rows` is told of rows that are done, by any thread, and may end the search.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, or the search is ended.
    pub fn search(
        &self,
        queries: &[Features],
        by: Similarity,
        aggregate: Aggregate,
        top: usize,
        on_rows: impl Fn(u64) -> ControlFlow<()> + Sync,
    ) -> Result<Found, IndexError> {
        let queries: Vec<Query> = queries.iter().map(Query::new).collect();
        let groups = self.groups();
        let part = |group: &Group| {
            let mut part = Part {
                top: Top::new(top),
                rows: 0,
                skipped: 0,
            };
            self.search_group(group, &queries, by, aggregate, &mut part, &on_rows)?;
            Ok(part)
        };
        let merge = |a: Part, b: Part| {
            Ok(Part {
                top: a.top.merge(b.top),
                rows: a.rows + b.rows,
                skipped: a.skipped + b.skipped,
            })
        };
        // One row group at a time and thread, so that memory does not grow with them.
        let found = groups
            .par_iter()
            .with_max_len(1)
            .map(part)
            .try_reduce_with(merge);
        let found = found.unwrap_or_else(|| {
            Ok(Part {
                top: Top::new(top),
                rows: 0,
                skipped: 0,
            })
        })?;
        Ok(Found {
            hits: found.top.into_sorted(),
            rows: found.rows,
            skipped: found.skipped,
        })
    }

    fn search_group(
        &self,
        group: &Group,
        queries: &[Query],
        by: Similarity,
        aggregate: Aggregate,
        part: &mut Part,
        on_rows: &(impl Fn(u64) -> ControlFlow<()> + Sync),
    ) -> Result<(), IndexError> {
        let (path, file) = &self.files[group.file];
        let failed = |source| IndexError::File {
            path: path.clone(),
            source,
        };
        let mut columns = Vec::new();
        let embedding = by.needs_embeddings().then(|| {
            columns.push(self.about.columns);
            columns.len() - 1
        });
        let fingerprint = by.needs_fingerprints().then(|| {
            let after = usize::from(self.about.by.needs_embeddings());
            columns.push(self.about.columns + after);
            columns.len() - 1
        });
        let width = self.about.width.unwrap_or_default();
        // A file of its own: a thread moves its place in it.
        let own = File::open(path)
            .map_err(RecordsError::at_start)
            .map_err(failed)?;
        let batches = file
            .bytes(own, group.group, &columns, BATCH)
            .map_err(failed)?;
        let mut place = group.before;
        for batch in batches {
            let batch = batch.map_err(failed)?;
            let damaged = |what: &str| IndexError::Damaged {
                path: path.clone(),
                what: what.to_owned(),
            };
            let embeddings =
                embedding
                    .map(|column| batch.column(column, width))
                    .map_or(Ok(None), |column| {
                        column
                            .map(Some)
                            .ok_or_else(|| damaged("its embeddings are not there"))
                    })?;
            let fingerprints = fingerprint
                .map(|column| batch.column(column, FINGERPRINT))
                .map_or(Ok(None), |column| {
                    column
                        .map(Some)
                        .ok_or_else(|| damaged("its fingerprints are not there"))
                })?;
            let rows = batch.rows();
            let scores = vectorised(
                #[inline(always)]
                || {
                    let mut scores = Vec::with_capacity(rows);
                    for row in 0..rows {
                        let embedding = embeddings.as_ref().map(|all| all.of(row));
                        let fingerprint = fingerprints.as_ref().map(|all| all.of(row));
                        scores.push(compare(queries, embedding, fingerprint, by, aggregate));
                    }
                    scores
                },
            );
            for scored in scores {
                match scored {
                    Some((score, item)) => part.top.keep(Hit { score, place, item }),
                    None => part.skipped += 1,
                }
                place += 1;
            }
            part.rows += rows as u64;
            if on_rows(rows as u64).is_break() {
                return Err(IndexError::Cancelled);
            }
        }
        Ok(())
    }

    /// The rows at these places of the library, in this order, with the user's cells as
    /// text.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub fn rows_at(&self, places: &[u64]) -> Result<Vec<Row>, IndexError> {
        let groups = self.groups();
        let mut columns: Vec<usize> = (0..self.about.columns).collect();
        let mut header = self.header.clone();
        if header.smiles.is_none() {
            // Of an index of an earlier version, whose mol blocks are not kept as SMILES: the
            // standard form, which comes after the features, stands for them.
            columns.push(self.about.columns + self.about.features_count());
            header.smiles = Some(header.columns.len());
            header.columns.push(String::new());
        }
        // The rows of each group together: a group is read once.
        let mut wanted: Vec<(usize, Vec<(u64, usize)>)> = Vec::new();
        let mut sorted: Vec<(u64, usize)> = places.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        for (place, index) in sorted {
            let group = groups.partition_point(|group| group.before + group.rows <= place);
            match wanted.last_mut() {
                Some((last, rows)) if *last == group => rows.push((place, index)),
                _ => wanted.push((group, vec![(place, index)])),
            }
        }
        let of_group = |(group, rows): &(usize, Vec<(u64, usize)>)| {
            let Some(group) = groups.get(*group) else {
                return Ok(Vec::new());
            };
            let (path, file) = &self.files[group.file];
            let failed = |source| IndexError::File {
                path: path.clone(),
                source,
            };
            let own = File::open(path)
                .map_err(RecordsError::at_start)
                .map_err(failed)?;
            let at: Vec<u64> = rows.iter().map(|(place, _)| place - group.before).collect();
            let header = header.clone();
            let found = file.rows_at(own, group.group, &columns, header, &at, Texts::All);
            let found = found.map_err(failed)?;
            let found = found.into_iter().zip(rows);
            let row = |(mut row, (place, index)): (Row, &(u64, usize))| {
                row.line = place + 1;
                row.fields.truncate(self.about.columns);
                (*index, row)
            };
            Ok(found.map(row).collect::<Vec<_>>())
        };
        let found: Result<Vec<_>, IndexError> = wanted.par_iter().map(of_group).collect();
        let mut found: Vec<(usize, Row)> = found?.into_iter().flatten().collect();
        found.sort_unstable_by_key(|(index, _)| *index);
        Ok(found.into_iter().map(|(_, row)| row).collect())
    }
}

/// A row group of an index.
struct Group {
    file: usize,
    group: usize,
    /// Rows of the library before it.
    before: u64,
    rows: u64,
}

/// What was found in some row groups.
struct Part {
    top: Top<usize>,
    rows: u64,
    skipped: u64,
}

/// The score of a row and the place of its nearest query, as [`Features::compare`] has
/// them.
#[inline(always)]
fn compare(
    queries: &[Query],
    embedding: Option<Option<&[u8]>>,
    fingerprint: Option<Option<&[u8]>>,
    by: Similarity,
    aggregate: Aggregate,
) -> Option<(f64, usize)> {
    // What the row lacks and the measure needs.
    let embedding = embedding.map_or(Some(None), |own| own.map(Some))?;
    let fingerprint = fingerprint.map_or(Some(None), |own| own.map(Some))?;
    let length = embedding.map(|own| {
        let squares = own
            .iter()
            .map(|&value| i32::from(value.cast_signed()).pow(2));
        f64::from(squares.sum::<i32>()).sqrt()
    });
    let mut words = [0u64; FINGERPRINT / 8];
    let mut ones = 0;
    if let Some(own) = fingerprint {
        for (word, bytes) in words.iter_mut().zip(own.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        ones = words.iter().map(|word| word.count_ones()).sum();
    }
    let cosine = |query: &Query| {
        let (values, of_query) = query.embedding.as_ref()?;
        let (own, own_length) = (embedding?, length?);
        if own.len() != values.len() {
            return None;
        }
        let product = product(own, values);
        let lengths = own_length * of_query;
        (lengths > 0.0).then(|| (f64::from(product) / lengths).clamp(-1.0, 1.0))
    };
    let tanimoto = |query: &Query| {
        let (of_query, set) = query.fingerprint.as_ref()?;
        let both = words.iter().zip(of_query);
        let both: u32 = both.map(|(a, b)| (a & b).count_ones()).sum();
        let either = ones + set - both;
        Some(match either {
            0 => 0.0,
            either => f64::from(both) / f64::from(either),
        })
    };
    // Of the weighted bits, where they are compared.
    let is_weighted = matches!(by, Similarity::Weighted | Similarity::Fused);
    let own_weighted = is_weighted.then(|| rarity::square_of(&words));
    let weighted = |query: &Query| {
        let (of_query, _) = query.fingerprint.as_ref()?;
        let other = (of_query.as_slice(), query.square?);
        Some(rarity::cosine_of((&words, own_weighted?), other))
    };
    let mut nearest: Option<(usize, f64)> = None;
    let known = queries.iter().enumerate().map(|(place, query)| {
        let similarity = match by {
            Similarity::Fingerprint => tanimoto(query)?,
            Similarity::Embedding => cosine(query)?,
            Similarity::Weighted => weighted(query)?,
            Similarity::Fused => (weighted(query)? + (1.0 + cosine(query)?) / 2.0) / 2.0,
        };
        if nearest.is_none_or(|(_, highest)| similarity > highest) {
            nearest = Some((place, similarity));
        }
        Some(similarity)
    });
    let score = combine(known, aggregate)?;
    let (nearest, _) = nearest?;
    Some((score, nearest))
}

/// The sum of products, which is within 32 bits.
#[inline(always)]
fn product(own: &[u8], query: &[i16]) -> i32 {
    let pairs = own.iter().zip(query);
    pairs
        .map(|(&own, &query)| i32::from(i16::from(own.cast_signed())) * i32::from(query))
        .sum()
}

impl IndexError {
    /// Whether the user ended the search.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::records::parquet::{ParquetLayout, ParquetWriter, UserRows, join};
    use crate::records::{RowError, Structure};

    const WIDTH: usize = 37;

    fn header() -> Header {
        Header {
            columns: vec!["id".to_owned(), "smiles".to_owned()],
            smiles: Some(1),
            id: Some(0),
        }
    }

    fn about(by: Similarity) -> About {
        let model = Some(("of a test".to_owned(), "0123456789abcdef".to_owned(), WIDTH));
        About::new(by, model, StandardForm::Parent, Keep::default()).of(&header())
    }

    /// Embeddings that lie near each other, as those of molecules do, and fingerprints.
    fn features(count: usize, seed: u64) -> Vec<Option<Features>> {
        let mut random = SmallRng::seed_from_u64(seed);
        let one = |row: usize| {
            let embedding =
                (0..WIDTH).map(|place| (place as f32).sin() + random.random_range(-1.0..1.0f32));
            let embedding: Vec<f32> = embedding.collect();
            let bits = (0..40).map(|_| random.random_range(0..2048) / 8).collect();
            let fingerprint = Fingerprint::of_bits(2048, bits);
            let features = Features::new(fingerprint, Some(embedding));
            (row % 11 != 3).then_some(features)
        };
        (0..count).map(one).collect()
    }

    /// An index of these features, in row groups of 100 rows.
    fn write(path: &Path, about: &About, features: &[Option<Features>]) {
        let folder = tempfile::tempdir().expect("a folder");
        let text = serde_json::to_string(about).expect("JSON");
        let layout = ParquetLayout::of_text(&header(), about.features()).saying(ABOUT, text);
        let none = RowError::new("not_comparable", "nothing");
        let parts = features.chunks(100).enumerate().map(|(number, chunk)| {
            let mut frame = layout.frame();
            let mut rows = Vec::new();
            for (row, features) in chunk.iter().enumerate() {
                let packed = features.as_ref().map(Packed::from);
                match &packed {
                    Some(packed) => frame.push(None, Ok(packed)),
                    None => frame.push::<&Packed>(None, Err(&none)),
                }
                rows.push(Row {
                    line: 0,
                    fields: vec![format!("m{}", number * 100 + row), "CCO".to_owned()],
                    molecule: Ok(Structure::from("CCO")),
                });
            }
            let path = folder.path().join(number.to_string());
            let file = File::create(&path).expect("created");
            let mut writer = ParquetWriter::new(file, &layout).expect("begun");
            writer.write(UserRows::Text(&rows), frame).expect("written");
            writer.finish().expect("finished");
            path
        });
        let parts: Vec<PathBuf> = parts.collect();
        join(File::create(path).expect("created"), &layout, &parts).expect("joined");
    }

    fn go_on(_: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn the_top_is_that_of_every_row_compared() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.index");
        let library = features(777, 1);
        let queries: Vec<Features> = features(12, 2).into_iter().flatten().collect();
        write(&path, &about(Similarity::Fused), &library);
        let index = Index::open(&[&path]).expect("opened");
        assert_eq!(index.rows(), 777);
        for by in [
            Similarity::Fingerprint,
            Similarity::Weighted,
            Similarity::Embedding,
            Similarity::Fused,
        ] {
            for aggregate in [Aggregate::Max, Aggregate::Mean] {
                let found = index
                    .search(&queries, by, aggregate, 777, go_on)
                    .expect("searched");
                let missing = library.iter().filter(|one| one.is_none()).count();
                assert_eq!((found.rows, found.skipped), (777, missing as u64));
                assert_eq!(found.hits.len(), 777 - missing);
                let mut best = Top::new(777);
                for features in &library {
                    let compared = features
                        .as_ref()
                        .and_then(|features| features.compare(&queries, by, aggregate));
                    best.offer(
                        compared.map(|compared| compared.score),
                        compared.map_or(0, |compared| compared.nearest),
                    );
                }
                let exact = best.into_sorted();
                if !by.needs_embeddings() {
                    // To the bit, and in the same order.
                    for (hit, of) in found.hits.iter().zip(&exact) {
                        assert_eq!(
                            (hit.score, hit.place, hit.item),
                            (of.score, of.place, of.item)
                        );
                    }
                }
                for hit in &found.hits {
                    let of = exact
                        .iter()
                        .find(|of| of.place == hit.place)
                        .expect("there");
                    assert!(
                        (hit.score - of.score).abs() < 0.006,
                        "{by:?}: {hit:?} {of:?}"
                    );
                }
                let few = index
                    .search(&queries, by, aggregate, 5, go_on)
                    .expect("searched");
                let places = |found: &Found| -> Vec<(u64, f64)> {
                    found
                        .hits
                        .iter()
                        .map(|hit| (hit.place, hit.score))
                        .collect()
                };
                assert_eq!(places(&few), places(&found)[..5]);
            }
        }
        let rows = index.rows_at(&[776, 3, 200]).expect("read");
        let ids: Vec<(&str, u64)> = rows
            .iter()
            .map(|row| (row.fields[0].as_str(), row.line))
            .collect();
        assert_eq!(ids, [("m776", 777), ("m3", 4), ("m200", 201)]);
        assert_eq!(rows[0].fields.len(), 2);
        let ended = index.search(&queries, Similarity::Fused, Aggregate::Max, 5, |_| {
            ControlFlow::Break(())
        });
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }

    #[test]
    fn files_are_searched_as_one_where_they_are_made_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let library = features(250, 1);
        let queries: Vec<Features> = features(2, 2).into_iter().flatten().collect();
        let fused = about(Similarity::Fused);
        write(&path("whole"), &fused, &library);
        write(&path("a"), &fused, &library[..120]);
        write(&path("b"), &fused, &library[120..]);
        write(&path("c"), &about(Similarity::Embedding), &library);
        let search = |paths: &[PathBuf]| {
            let index = Index::open(paths).expect("opened");
            let found = index.search(&queries, Similarity::Fused, Aggregate::Max, 20, go_on);
            let hits = found.expect("searched").hits.into_iter();
            hits.map(|hit| (hit.place, hit.score.to_bits()))
                .collect::<Vec<_>>()
        };
        assert_eq!(search(&[path("a"), path("b")]), search(&[path("whole")]));
        let mixed = Index::open(&[path("a"), path("c")]).expect_err("refused");
        assert!(mixed.to_string().ends_with("than the first"), "{mixed}");
    }

    #[test]
    fn what_queries_are_read_with_must_be_that_of_the_index() {
        let fused = about(Similarity::Fused);
        let differs = |queries: &About, by| fused.differs(queries, by);
        assert_eq!(differs(&fused, Similarity::Fused), None);
        let other = About {
            model: Some(("another".to_owned(), "fedcba9876543210".to_owned())),
            ..fused.clone()
        };
        assert_eq!(
            differs(&other, Similarity::Embedding).as_deref(),
            Some(
                "it was made with the model `of a test` (SHA-256 0123456789ab…), and the queries are \
                 read with `another` (SHA-256 fedcba987654…)"
            )
        );
        // Fingerprints are no model's.
        assert_eq!(differs(&other, Similarity::Fingerprint), None);
        let form = About {
            form: StandardForm::LargestPart,
            ..fused.clone()
        };
        assert_eq!(
            differs(&form, Similarity::Fused).as_deref(),
            Some(
                "it was made of the standard form parent, and the queries are read with largest-part"
            )
        );
        let kept = About {
            keep_salts: true,
            ..fused.clone()
        };
        let why = differs(&kept, Similarity::Fingerprint).expect("refused");
        assert!(why.ends_with("read with --keep-salts"), "{why}");
        let prints = about(Similarity::Fingerprint);
        let why = prints
            .differs(&fused, Similarity::Embedding)
            .expect("refused");
        assert!(why.contains("--by ecfp"), "{why}");
        let newer = About {
            layout: 2,
            ..fused.clone()
        };
        assert!(newer.differs(&fused, Similarity::Fused).is_some());
    }

    #[test]
    fn wide_embeddings_and_extreme_ones_do_not_overflow() {
        for width in [1, 256, 4096] {
            let values: Vec<f32> = vec![-1.0; width];
            let features = Features::new(None, Some(values));
            let packed = Packed::from(&features);
            let query = Query::new(&features);
            let own = packed.embedding.as_deref();
            let found = compare(
                &[query],
                Some(own),
                None,
                Similarity::Embedding,
                Aggregate::Max,
            );
            let (score, _) = found.expect("compared");
            assert!((score - 1.0).abs() < 1e-6, "{width}: {score}");
        }
    }
}
