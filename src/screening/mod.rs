//! Virtual screening: a library ranked by its similarity to known actives.
//!
//! A molecule is compared with every query, by the Tanimoto similarity of
//! ECFP4 fingerprints, by their cosine weighted by the rarity of what they
//! share, by the cosine of embeddings, or by the mean of the last two with the
//! embeddings' cosine brought to 0..1. That mean needs no second pass over the
//! library, as one of ranks or standard scores would, so a library may be
//! larger than memory, and a molecule's score does not depend on its neighbours.

mod rarity;

#[cfg(all(feature = "parquet", not(target_family = "wasm")))]
pub mod index;

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use crate::chemistry::{ECFP4, Fingerprint, Keep};
use crate::predict::{Form, TREATMENT, Treatment};
use crate::records::{MoleculeSource, RowError, Structure};
use crate::{metrics, parallel};

/// How much BEDROC counts the top of a ranking.
const ALPHA: f64 = 20.0;

/// What two molecules are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Similarity {
    /// Cosine of the embeddings, -1 to 1.
    Embedding,
    /// Tanimoto similarity of ECFP4 fingerprints of 2048 bits, 0 to 1.
    Fingerprint,
    /// Cosine of ECFP4 fingerprints of 2048 bits, each bit weighted by its rarity among
    /// drug-like molecules, 0 to 1.
    Weighted,
    /// Mean of the weighted cosine of fingerprints and of (1 + cosine of embeddings) / 2,
    /// 0 to 1.
    Fused,
}

impl Similarity {
    /// Whether it needs embeddings, and so a model.
    pub fn needs_embeddings(self) -> bool {
        matches!(self, Self::Embedding | Self::Fused)
    }

    /// Whether it needs fingerprints.
    pub fn needs_fingerprints(self) -> bool {
        self != Self::Embedding
    }
}

/// How the similarities to several queries become one score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// That to the nearest query.
    #[default]
    Max,
    /// Their mean.
    Mean,
}

/// What a molecule is compared by; `None` where it has no such feature.
#[derive(Clone, Debug, Default)]
pub struct Features {
    fingerprint: Option<Fingerprint>,
    /// The square of the fingerprint's length with its bits weighted.
    square: Option<f64>,
    /// Of length 1.
    embedding: Option<Vec<f32>>,
}

impl Features {
    /// The features of one molecule. An embedding without a direction (zero,
    /// or not finite) counts as none.
    pub fn new(fingerprint: Option<Fingerprint>, embedding: Option<Vec<f32>>) -> Self {
        let embedding = embedding.and_then(|mut values| {
            let norm = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
            let norm = norm.sqrt();
            if !(norm > 0.0 && norm.is_finite()) {
                return None;
            }
            for value in &mut values {
                *value = (f64::from(*value) / norm) as f32;
            }
            Some(values)
        });
        let square = fingerprint.as_ref().and_then(rarity::square);
        Self {
            fingerprint,
            square,
            embedding,
        }
    }

    /// Similarity to `other`; `None` where either lacks what it takes.
    pub fn similarity(&self, other: &Self, by: Similarity) -> Option<f64> {
        let tanimoto = || {
            let (a, b) = (self.fingerprint.as_ref()?, other.fingerprint.as_ref()?);
            Some(a.tanimoto(b)).filter(|value| value.is_finite())
        };
        let cosine = || {
            let (a, b) = (self.embedding.as_ref()?, other.embedding.as_ref()?);
            let product = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
            (a.len() == b.len()).then(|| product.sum::<f64>().clamp(-1.0, 1.0))
        };
        let weighted = || {
            let a = (self.fingerprint.as_ref()?, self.square?);
            let b = (other.fingerprint.as_ref()?, other.square?);
            Some(rarity::cosine(a, b))
        };
        match by {
            Similarity::Fingerprint => tanimoto(),
            Similarity::Weighted => weighted(),
            Similarity::Embedding => cosine(),
            Similarity::Fused => Some((weighted()? + (1.0 + cosine()?) / 2.0) / 2.0),
        }
    }

    /// Score against `queries`; `None` where it cannot be compared with any.
    pub fn score(&self, queries: &[Self], by: Similarity, aggregate: Aggregate) -> Option<f64> {
        let compared = self.compare(queries, by, aggregate)?;
        Some(compared.score)
    }

    /// As [`Self::score`], with the place of the nearest query among `queries`; of those
    /// equally near, the first.
    pub fn compare(
        &self,
        queries: &[Self],
        by: Similarity,
        aggregate: Aggregate,
    ) -> Option<Comparison> {
        let mut nearest: Option<(usize, f64)> = None;
        let known = queries.iter().enumerate().map(|(place, query)| {
            let similarity = self.similarity(query, by)?;
            if nearest.is_none_or(|(_, highest)| similarity > highest) {
                nearest = Some((place, similarity));
            }
            Some(similarity)
        });
        let score = combine(known, aggregate)?;
        let (nearest, _) = nearest?;
        Some(Comparison { score, nearest })
    }
}

/// How a molecule compares with several queries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Its score against all of them.
    pub score: f64,
    /// Place of the nearest, from 0.
    pub nearest: usize,
}

fn combine(scores: impl Iterator<Item = Option<f64>>, aggregate: Aggregate) -> Option<f64> {
    let (mut count, mut sum, mut highest) = (0u32, 0.0, f64::NEG_INFINITY);
    for score in scores.flatten() {
        count += 1;
        sum += score;
        highest = highest.max(score);
    }
    (count > 0).then(|| match aggregate {
        Aggregate::Max => highest,
        Aggregate::Mean => sum / f64::from(count),
    })
}

/// The ECFP4 fingerprints of molecules, on all cores where there are several;
/// in standard form, but for what `keep` leaves as it was drawn.
pub fn fingerprints<M: MoleculeSource>(
    molecules: &[M],
    keep: Keep,
) -> Vec<Result<Fingerprint, RowError>> {
    parallel::map(molecules, |molecule| {
        let treatment = Treatment { keep, ..TREATMENT };
        Ok(Form::new(molecule, treatment)?.molecule.ecfp(ECFP4)?)
    })
}

/// What each of `molecules` is compared by: its embedding of `embeddings`, where that
/// is needed, and its fingerprint, which is made here. `None` where there is no
/// embedding because the run ended before it.
pub fn features<M: MoleculeSource>(
    molecules: &[M],
    embeddings: Vec<Option<Result<Vec<f32>, RowError>>>,
    by: Similarity,
    keep: Keep,
) -> Vec<Option<Result<Features, RowError>>> {
    let mut prints = Vec::new();
    if by.needs_fingerprints() {
        prints = fingerprints(molecules, keep);
    }
    let mut prints = prints.into_iter();
    let mut embeddings = embeddings.into_iter();
    let rows = molecules.iter().map(|_| {
        let fingerprint = prints.next().transpose();
        let embedding = match embeddings.next() {
            Some(None) => return None,
            Some(Some(embedding)) => Some(embedding).transpose(),
            None => Ok(None),
        };
        let features = fingerprint.and_then(|fingerprint| {
            let features = Features::new(fingerprint, embedding?);
            // What cannot be compared with itself cannot be with anything.
            if features.similarity(&features, by).is_none() {
                let message = "the molecule has no features to compare";
                return Err(RowError::new("not_comparable", message));
            }
            Ok(features)
        });
        Some(features)
    });
    rows.collect()
}

/// Something with its score and its place in the input.
#[derive(Clone, Debug)]
pub struct Hit<T> {
    /// The score, higher for the better.
    pub score: f64,
    /// Place in the input, from 0.
    pub place: u64,
    /// The thing.
    pub item: T,
}

/// The worst is the greatest, so that a heap gives it up first.
impl<T> Ord for Hit<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then(self.place.cmp(&other.place))
    }
}

impl<T> PartialOrd for Hit<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Hit<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Hit<T> {}

/// The best of a stream, in memory for them alone. Of equal scores the first
/// in the input is the better.
#[derive(Clone, Debug)]
pub struct Top<T> {
    capacity: usize,
    heap: BinaryHeap<Hit<T>>,
    places: u64,
}

impl<T> Top<T> {
    /// Keeps the best `capacity`.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            heap: BinaryHeap::new(),
            places: 0,
        }
    }

    /// Offers the next of the stream; without a score it is never kept.
    pub fn offer(&mut self, score: Option<f64>, item: T) {
        let place = self.places;
        self.places += 1;
        let Some(score) = score.filter(|score| !score.is_nan()) else {
            return;
        };
        self.keep(Hit { score, place, item });
    }

    /// Takes in a hit whose place is known, as where several go through a stream.
    fn keep(&mut self, hit: Hit<T>) {
        if self.heap.len() < self.capacity {
            self.heap.push(hit);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && hit < *worst
        {
            *worst = hit;
        }
    }

    /// Takes in the best of another part of the same stream.
    #[cfg(all(feature = "parquet", not(target_family = "wasm")))]
    fn merge(mut self, other: Self) -> Self {
        for hit in other.heap {
            self.keep(hit);
        }
        self
    }

    /// The best, in descending order of their scores.
    pub fn into_sorted(self) -> Vec<Hit<T>> {
        self.heap.into_sorted_vec()
    }
}

/// Why a benchmark cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScreeningError {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of a file of queries is not the JSON we expect.
    #[error("{}, line {line}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A target has nothing to measure.
    #[error("{target}, repetition {repetition}: {what}")]
    Repetition {
        /// The target.
        target: String,
        /// The repetition, from 1.
        repetition: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// There is nothing to measure.
    #[error("{}: nothing is listed", .0.display())]
    Empty(PathBuf),
}

/// One repetition: a line of `NAME.queries.jsonl.gz`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Repetition {
    /// Indices of the actives that are the queries.
    pub queries: Vec<usize>,
    /// Indices of the decoys that are not ranked.
    pub excluded_decoys: Vec<usize>,
}

/// How well one target's actives were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetResult {
    /// The target.
    pub target: String,
    /// Actives, queries included.
    pub actives: usize,
    /// Decoys, those not ranked included.
    pub decoys: usize,
    /// Mean area under the ROC curve over the repetitions.
    pub auroc: f64,
    /// Mean BEDROC at alpha 20 over the repetitions.
    pub bedroc: f64,
}

/// All targets and their means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkResult {
    /// One entry a target.
    pub targets: Vec<TargetResult>,
    /// Mean of the targets' AUROC.
    pub auroc: f64,
    /// Mean of the targets' BEDROC.
    pub bedroc: f64,
}

impl BenchmarkResult {
    /// The means of `targets`; 0 where there are none.
    pub fn new(targets: Vec<TargetResult>) -> Self {
        let count = targets.len().max(1) as f64;
        Self {
            auroc: targets.iter().map(|target| target.auroc).sum::<f64>() / count,
            bedroc: targets.iter().map(|target| target.bedroc).sum::<f64>() / count,
            targets,
        }
    }
}

/// Measures one target (Riniker & Landrum 2013, J. Cheminf. 5, 26): in each
/// repetition the other actives and the decoys that are not excluded are ranked
/// by their scores against the queries. A molecule without a score ranks last,
/// and of equal scores the decoy comes first, so that nothing is gained by
/// telling molecules apart less.
///
/// # Errors
///
/// Where a repetition names molecules that are not there, or leaves no active
/// or no decoy to rank.
pub fn measure(
    target: &str,
    actives: &[Features],
    decoys: &[Features],
    repetitions: &[Repetition],
    by: Similarity,
    aggregate: Aggregate,
) -> Result<TargetResult, ScreeningError> {
    // Every active is a query sooner or later: each pair is compared once.
    let mut rows: HashMap<usize, Vec<Option<f64>>> = HashMap::new();
    let (mut auroc, mut bedroc) = (0.0, 0.0);
    for (index, repetition) in repetitions.iter().enumerate() {
        let refuse = |what| ScreeningError::Repetition {
            target: target.to_owned(),
            repetition: index + 1,
            what,
        };
        let mut ranked = vec![true; decoys.len() + actives.len()];
        for &decoy in &repetition.excluded_decoys {
            let Some(place) = ranked[..decoys.len()].get_mut(decoy) else {
                return Err(refuse("an excluded decoy is not in the file of decoys"));
            };
            *place = false;
        }
        for &query in &repetition.queries {
            let Some(features) = actives.get(query) else {
                return Err(refuse("a query is not in the file of actives"));
            };
            ranked[decoys.len() + query] = false;
            rows.entry(query).or_insert_with(|| {
                let all = decoys.iter().chain(actives);
                all.map(|other| other.similarity(features, by)).collect()
            });
        }
        let scores: Vec<f64> = (0..ranked.len())
            .map(|molecule| {
                let known = repetition.queries.iter().map(|query| rows[query][molecule]);
                combine(known, aggregate).unwrap_or(f64::NEG_INFINITY)
            })
            .collect();
        let mut order: Vec<usize> = (0..ranked.len()).filter(|&m| ranked[m]).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let ranking: Vec<bool> = order.iter().map(|&m| m >= decoys.len()).collect();
        let nothing = || refuse("no active or no decoy is left to rank");
        auroc += metrics::ranking_auroc(&ranking).ok_or_else(nothing)?;
        bedroc += metrics::bedroc(&ranking, ALPHA).ok_or_else(nothing)?;
    }
    if repetitions.is_empty() {
        return Err(ScreeningError::Empty(format!("queries of {target}").into()));
    }
    let count = repetitions.len() as f64;
    Ok(TargetResult {
        target: target.to_owned(),
        actives: actives.len(),
        decoys: decoys.len(),
        auroc: auroc / count,
        bedroc: bedroc / count,
    })
}

/// A directory with a benchmark: `targets.txt`; for each target `NAME` of it
/// `NAME.actives.smi.gz`, `NAME.queries.jsonl.gz` and `NAME.decoys.smi.gz`, or
/// `decoys_chembl.smi.gz` for all that have no decoys of their own.
#[derive(Clone, Debug)]
pub struct Benchmark {
    directory: PathBuf,
    targets: Vec<String>,
}

impl Benchmark {
    /// Reads the list of targets.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or is empty.
    pub fn open(directory: &Path) -> Result<Self, ScreeningError> {
        let path = directory.join("targets.txt");
        let targets: Vec<String> = lines(&path)?
            .into_iter()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        if targets.is_empty() {
            return Err(ScreeningError::Empty(path));
        }
        Ok(Self {
            directory: directory.to_owned(),
            targets,
        })
    }

    /// The names of the targets.
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// Leaves out all targets but those that `keep` keeps.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.targets.retain(|target| keep(target));
    }

    /// Measures every target. `features` gives each structure its features,
    /// empty ones where it has none; decoys that targets share are asked for
    /// once. `on_target` sees each result and may end the run there.
    ///
    /// # Errors
    ///
    /// Where a file is absent or malformed, or `features` fails.
    pub fn run<E: From<ScreeningError>>(
        &self,
        by: Similarity,
        aggregate: Aggregate,
        mut features: impl FnMut(&[Result<Structure, RowError>]) -> Result<Vec<Features>, E>,
        mut on_target: impl FnMut(&TargetResult) -> ControlFlow<()>,
    ) -> Result<BenchmarkResult, E> {
        let mut shared: Option<Rc<[Features]>> = None;
        let mut targets = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            let file = |kind: &str| self.directory.join(format!("{target}.{kind}.gz"));
            let actives = features(&structures(&file("actives.smi"))?)?;
            let own = file("decoys.smi");
            let decoys: Rc<[Features]> = if own.exists() {
                features(&structures(&own)?)?.into()
            } else if let Some(shared) = &shared {
                Rc::clone(shared)
            } else {
                let path = self.directory.join("decoys_chembl.smi.gz");
                let decoys: Rc<[Features]> = features(&structures(&path)?)?.into();
                Rc::clone(shared.insert(decoys))
            };
            let repetitions = repetitions(&file("queries.jsonl"))?;
            let result = measure(target, &actives, &decoys, &repetitions, by, aggregate)?;
            let go_on = on_target(&result);
            targets.push(result);
            if go_on.is_break() {
                break;
            }
        }
        Ok(BenchmarkResult::new(targets))
    }
}

/// The lines of a file, plain or gzip by its name.
fn lines(path: &Path) -> Result<Vec<String>, ScreeningError> {
    let problem = |source| ScreeningError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(problem)?;
    let gzip = path.extension().is_some_and(|extension| extension == "gz");
    let lines: io::Result<Vec<String>> = if gzip {
        BufReader::new(MultiGzDecoder::new(file)).lines().collect()
    } else {
        BufReader::new(file).lines().collect()
    };
    lines.map_err(problem)
}

/// One molecule a line: indices count lines, whatever is in them.
fn structures(path: &Path) -> Result<Vec<Result<Structure, RowError>>, ScreeningError> {
    let of = |line: String| match line.split_whitespace().next() {
        Some(smiles) => Ok(Structure::Smiles(smiles.to_owned())),
        None => Err(RowError::new("missing_structure", "the line is empty")),
    };
    Ok(lines(path)?.into_iter().map(of).collect())
}

fn repetitions(path: &Path) -> Result<Vec<Repetition>, ScreeningError> {
    let parse = |(index, line): (usize, String)| {
        serde_json::from_str(&line).map_err(|source| ScreeningError::Json {
            path: path.to_owned(),
            line: index + 1,
            source,
        })
    };
    lines(path)?.into_iter().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(values: &[f32]) -> Features {
        Features::new(None, Some(values.to_vec()))
    }

    #[test]
    fn the_best_come_in_order_and_of_equals_the_first() {
        let mut top = Top::new(3);
        let scores = [0.1, 0.5, 0.9, 0.5, f64::NAN, 0.5, 0.2];
        for (item, score) in scores.into_iter().enumerate() {
            top.offer(Some(score), item);
        }
        top.offer(None, 7);
        let kept: Vec<usize> = top.into_sorted().into_iter().map(|hit| hit.item).collect();
        assert_eq!(kept, [2, 1, 3]);
        let mut nothing = Top::new(0);
        nothing.offer(Some(1.0), ());
        assert!(nothing.into_sorted().is_empty());
    }

    #[test]
    fn similarity_is_that_of_the_nearest_query_or_their_mean() {
        let queries = [embedded(&[2.0, 0.0]), embedded(&[0.0, 0.5])];
        let molecule = embedded(&[3.0, 0.0]);
        let score = |aggregate| molecule.score(&queries, Similarity::Embedding, aggregate);
        assert_eq!(score(Aggregate::Max), Some(1.0));
        assert_eq!(score(Aggregate::Mean), Some(0.5));
        assert_eq!(
            molecule.score(&queries, Similarity::Fused, Aggregate::Max),
            None
        );
        let nowhere = embedded(&[0.0, 0.0]);
        assert_eq!(
            nowhere.score(&queries, Similarity::Embedding, Aggregate::Max),
            None
        );
    }

    #[test]
    fn a_molecule_that_does_not_parse_ranks_last_and_is_not_dropped() {
        let actives = [embedded(&[1.0, 0.0]), Features::default()];
        let decoys = [embedded(&[0.0, 1.0]), embedded(&[1.0, 1.0])];
        let repetition = |excluded_decoys| {
            [Repetition {
                queries: vec![0],
                excluded_decoys,
            }]
        };
        let run = |repetitions: &[Repetition]| {
            let by = Similarity::Embedding;
            measure("t", &actives, &decoys, repetitions, by, Aggregate::Max)
        };
        let result = run(&repetition(vec![])).expect("measured");
        assert_eq!((result.auroc, result.actives), (0.0, 2));
        assert!(run(&repetition(vec![0, 1])).is_err());
        let error = run(&repetition(vec![2])).expect_err("refused");
        assert!(
            error
                .to_string()
                .starts_with("t, repetition 1: an excluded")
        );
        assert!(run(&[]).is_err());
    }
}
