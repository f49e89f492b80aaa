//! Which molecules are trained on, which decide when to stop, and which are
//! kept to the end.
//!
//! Every split is a function of its arguments alone. Random ones draw from
//! ChaCha8, whose stream is specified: the same seed gives the same split on
//! every platform. (`SmallRng`, by contrast, is another generator on 32 bits.)

use std::collections::{HashMap, HashSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Indices of the molecules in each part. No index is in two parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Trained on.
    pub train: Vec<usize>,
    /// Watched while training, to stop early and to choose.
    pub valid: Vec<usize>,
    /// Seen once, at the end.
    pub test: Vec<usize>,
}

/// One entry of `splits.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// Number of the fold, from 0.
    pub fold: usize,
    /// Its parts.
    #[serde(flatten)]
    pub split: Split,
}

/// SplitFractions of the molecules for each part; their sum is 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFractions {
    /// Trained on; above 0.
    pub train: f64,
    /// Watched; 0 for no such part.
    pub valid: f64,
    /// Kept to the end; 0 for no such part.
    pub test: f64,
}

impl Default for SplitFractions {
    /// The paper's 80/10/10.
    fn default() -> Self {
        Self {
            train: 0.8,
            valid: 0.1,
            test: 0.1,
        }
    }
}

/// Why molecules cannot be split as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The fractions are no fractions.
    #[error(
        "the fractions train {}, valid {}, test {} must be 0 to 1, train above 0, and sum to 1",
        .0.train, .0.valid, .0.test
    )]
    SplitFractions(SplitFractions),
    /// A part that was asked for would have no molecule.
    #[error(
        "no molecule is left for {part}: {molecules} molecules in {groups} groups are too few \
         for this split; use fewer parts or folds, other fractions, or a random split"
    )]
    Empty {
        /// The part.
        part: &'static str,
        /// Molecules to split.
        molecules: usize,
        /// Groups that must stay together; the molecules where there are none.
        groups: usize,
    },
    /// Fewer than two folds.
    #[error("{0} folds: at least 2 are needed")]
    Folds(usize),
    /// `splits.json` is not the JSON we expect.
    #[error("the splits are not of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    /// `splits.json` holds no fold.
    #[error("the splits hold no fold")]
    NoFold,
    /// An index has no molecule.
    #[error(
        "fold {fold}: {part} has the index {index}, but there are {molecules} molecules, \
         counted from 0: were the splits made for other data?"
    )]
    OutOfRange {
        /// The fold.
        fold: usize,
        /// The part.
        part: &'static str,
        /// The index.
        index: usize,
        /// How many molecules there are.
        molecules: usize,
    },
    /// A molecule is twice in a fold.
    #[error("fold {fold}: the molecule {index} is in {first} and again in {second}")]
    Overlap {
        /// The fold.
        fold: usize,
        /// The molecule.
        index: usize,
        /// The part that has it first.
        first: &'static str,
        /// The part that has it again.
        second: &'static str,
    },
}

impl SplitFractions {
    /// Checks that these are fractions.
    ///
    /// # Errors
    ///
    /// [`SplitError::SplitFractions`].
    pub fn check(&self) -> Result<(), SplitError> {
        let parts = [self.train, self.valid, self.test];
        let sound = parts.iter().all(|part| (0.0..=1.0).contains(part))
            && self.train > 0.0
            && (parts.iter().sum::<f64>() - 1.0).abs() < 1e-6;
        if sound {
            Ok(())
        } else {
            Err(SplitError::SplitFractions(*self))
        }
    }
}

impl Split {
    fn parts(&self) -> [(&'static str, &[usize]); 3] {
        [
            ("train", &self.train),
            ("valid", &self.valid),
            ("test", &self.test),
        ]
    }

    /// Refuses a split without molecules in a part that should have some.
    fn filled(self, wanted: SplitFractions, groups: usize) -> Result<Self, SplitError> {
        let molecules = self.train.len() + self.valid.len() + self.test.len();
        let fractions = [wanted.train, wanted.valid, wanted.test];
        for ((part, indices), fraction) in self.parts().into_iter().zip(fractions) {
            if indices.is_empty() && fraction > 0.0 {
                return Err(SplitError::Empty {
                    part,
                    molecules,
                    groups,
                });
            }
        }
        Ok(self)
    }
}

/// Splits `molecules` molecules at random.
///
/// # Errors
///
/// Where the fractions are none, or a part would be empty.
pub fn random(molecules: usize, fractions: SplitFractions, seed: u64) -> Result<Split, SplitError> {
    fractions.check()?;
    let count = |fraction: f64| (molecules as f64 * fraction).round() as usize;
    let mut train = shuffled(molecules, seed);
    let held_out = count(fractions.valid + fractions.test).min(molecules);
    let mut valid = train.split_off(molecules - held_out);
    let test = valid.split_off(valid.len() - count(fractions.test).min(held_out));
    Split { train, valid, test }.filled(fractions, molecules)
}

/// Splits molecules so that no scaffold is in two parts: the groups of one
/// scaffold, largest first and of equal ones the one whose first molecule comes
/// last, go to the first of train, valid and test in which they have room, as
/// in DeepChem's `ScaffoldSplitter`. Molecules without a scaffold are one
/// group.
///
/// # Errors
///
/// Where the fractions are none, or a part would be empty.
pub fn scaffold<S: AsRef<str>>(
    scaffolds: &[Option<S>],
    fractions: SplitFractions,
) -> Result<Split, SplitError> {
    fractions.check()?;
    let groups = groups(scaffolds);
    let count = groups.len();
    let molecules = scaffolds.len() as f64;
    // A little more, since 0.7 + 0.1 is a little less than 0.8.
    let room = |fraction: f64| molecules * fraction + 1e-6;
    let mut split = Split::default();
    for group in groups {
        let (train, valid) = (split.train.len(), split.valid.len());
        let part = if (train + group.len()) as f64 <= room(fractions.train) {
            &mut split.train
        } else if (train + valid + group.len()) as f64 <= room(fractions.train + fractions.valid) {
            &mut split.valid
        } else {
            &mut split.test
        };
        part.extend(group);
    }
    split.filled(fractions, count)
}

/// Splits molecules by their groups, such as scaffolds: the first 64 bits of the
/// SHA-256 digest of `seed` and a group's name, as a fraction of 1, say to which
/// part the group goes (the highest to the test, then validation). So a group is in
/// the same part in every data set, and parts are only about as large as asked for.
///
/// # Errors
///
/// Where the fractions are none, or a part would be empty.
pub fn by_hash<S: AsRef<str>>(
    groups: &[S],
    fractions: SplitFractions,
    seed: u64,
) -> Result<Split, SplitError> {
    fractions.check()?;
    let mut split = Split::default();
    for (molecule, group) in groups.iter().enumerate() {
        let place = hash_fraction(seed, group.as_ref());
        let part = if place >= 1.0 - fractions.test {
            &mut split.test
        } else if place >= 1.0 - fractions.test - fractions.valid {
            &mut split.valid
        } else {
            &mut split.train
        };
        part.push(molecule);
    }
    let count: HashSet<&str> = groups.iter().map(AsRef::as_ref).collect();
    split.filled(fractions, count.len())
}

/// A number of 0 to 1 for a name, the same everywhere.
fn hash_fraction(seed: u64, name: &str) -> f64 {
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(name)
        .finalize();
    let head = digest.iter().take(8);
    let number = head.fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    number as f64 / 2f64.powi(64)
}

/// Splits `molecules` molecules into `folds` folds at random. Each is held out
/// once, one half of it for valid and the other, larger by one where it is odd,
/// for test: with 5 folds, the paper's 80/10/10.
///
/// # Errors
///
/// For fewer than 2 folds, or too few molecules to fill them.
pub fn k_fold(molecules: usize, folds: usize, seed: u64) -> Result<Vec<Split>, SplitError> {
    let order = shuffled(molecules, seed);
    let bound = |fold: usize| (fold * molecules).checked_div(folds).unwrap_or(0);
    let held_out: Vec<_> = (0..folds)
        .map(|fold| {
            let held_out = &order[bound(fold)..bound(fold + 1)];
            let (valid, test) = held_out.split_at(held_out.len() / 2);
            (valid.to_vec(), test.to_vec())
        })
        .collect();
    leave_out_each(held_out, molecules)
}

/// Splits molecules into `folds` folds, each held out once, so that no scaffold
/// is both trained on and held out: the groups of one scaffold, largest first,
/// go to the fold that has the fewest molecules yet. What is held out is dealt
/// out to valid and test by scaffolds likewise; only where one scaffold is more
/// than half of a fold is that scaffold in both. Molecules without a scaffold
/// are one group.
///
/// # Errors
///
/// For fewer than 2 folds, or too few scaffolds to fill them.
pub fn scaffold_k_fold<S: AsRef<str>>(
    scaffolds: &[Option<S>],
    folds: usize,
) -> Result<Vec<Split>, SplitError> {
    let groups = groups(scaffolds);
    let count = groups.len();
    let held_out = deal(groups, folds)
        .into_iter()
        .map(|mut groups: Vec<Vec<usize>>| {
            let size: usize = groups.iter().map(Vec::len).sum();
            let half = size.div_ceil(2);
            if let Some(largest) = groups.first_mut()
                && largest.len() > half
            {
                let rest = largest.split_off(half);
                let test = groups.remove(0);
                groups.push(rest);
                return (groups.concat(), test);
            }
            let mut halves = deal(groups, 2).into_iter().map(|groups| groups.concat());
            let test = halves.next().unwrap_or_default();
            (halves.next().unwrap_or_default(), test)
        })
        .collect();
    leave_out_each(held_out, count)
}

/// The folds of a `splits.json`, checked against the number of molecules that
/// they are for.
///
/// # Errors
///
/// Where the text is not of that form, an index has no molecule, a molecule is
/// twice in a fold, or a fold has none to train on.
pub fn given(json: &str, molecules: usize) -> Result<Vec<Fold>, SplitError> {
    let folds: Vec<Fold> = serde_json::from_str(json)?;
    if folds.is_empty() {
        return Err(SplitError::NoFold);
    }
    for Fold { fold, split } in &folds {
        let fold = *fold;
        let mut owner = vec![None; molecules];
        for (part, indices) in split.parts() {
            for &index in indices {
                let Some(owner) = owner.get_mut(index) else {
                    return Err(SplitError::OutOfRange {
                        fold,
                        part,
                        index,
                        molecules,
                    });
                };
                if let Some(first) = owner.replace(part) {
                    return Err(SplitError::Overlap {
                        fold,
                        index,
                        first,
                        second: part,
                    });
                }
            }
        }
        if split.train.is_empty() {
            return Err(SplitError::Empty {
                part: "train",
                molecules,
                groups: molecules,
            });
        }
    }
    Ok(folds)
}

fn shuffled(molecules: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..molecules).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

/// The molecules of each scaffold: largest group first, of equal ones the one
/// whose first molecule comes last.
fn groups<S: AsRef<str>>(scaffolds: &[Option<S>]) -> Vec<Vec<usize>> {
    let mut place: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (molecule, scaffold) in scaffolds.iter().enumerate() {
        let scaffold = scaffold.as_ref().map_or("", AsRef::as_ref);
        let place = *place.entry(scaffold).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(molecule);
    }
    groups.sort_by_key(|group| std::cmp::Reverse((group.len(), group.first().copied())));
    groups
}

/// Deals groups out to `hands`, each to the one with the fewest molecules.
fn deal(groups: Vec<Vec<usize>>, hands: usize) -> Vec<Vec<Vec<usize>>> {
    let mut dealt: Vec<Vec<Vec<usize>>> = vec![Vec::new(); hands];
    let mut sizes = vec![0; hands];
    for group in groups {
        let smallest = (0..hands).min_by_key(|&hand| sizes[hand]);
        if let Some(hand) = smallest {
            sizes[hand] += group.len();
            dealt[hand].push(group);
        }
    }
    dealt
}

/// One split for each fold, given its valid and test molecules.
fn leave_out_each(
    folds: Vec<(Vec<usize>, Vec<usize>)>,
    groups: usize,
) -> Result<Vec<Split>, SplitError> {
    if folds.len() < 2 {
        return Err(SplitError::Folds(folds.len()));
    }
    (0..folds.len())
        .map(|held_out| {
            let others = folds
                .iter()
                .enumerate()
                .filter(|(fold, _)| *fold != held_out);
            let train = others.flat_map(|(_, (valid, test))| valid.iter().chain(test).copied());
            let split = Split {
                train: train.collect(),
                valid: folds[held_out].0.clone(),
                test: folds[held_out].1.clone(),
            };
            split.filled(SplitFractions::default(), groups)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every molecule is in exactly one part.
    fn assert_whole(split: &Split, molecules: usize) {
        let parts = split.parts();
        let mut all: Vec<usize> = parts.iter().flat_map(|(_, p)| p.iter().copied()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..molecules).collect::<Vec<_>>());
    }

    fn sizes(split: &Split) -> [usize; 3] {
        split.parts().map(|(_, indices)| indices.len())
    }

    /// `count` groups of falling size, interleaved.
    fn scaffolds(count: usize, molecules: usize) -> Vec<Option<String>> {
        (0..molecules)
            .map(|molecule| (molecule * molecule * 31 + molecule) % (molecule % count + 1))
            .map(|group| (group > 0).then(|| format!("scaffold {group}")))
            .collect()
    }

    fn assert_apart(scaffolds: &[Option<String>], one: &[usize], other: &[usize]) {
        for &molecule in one {
            let alike = other.iter().find(|&&m| scaffolds[m] == scaffolds[molecule]);
            assert_eq!(alike, None, "shares the scaffold of {molecule}");
        }
    }

    #[test]
    fn a_seed_gives_this_very_split_on_every_platform() {
        let split = random(10, SplitFractions::default(), 7).expect("splits");
        assert_eq!(
            (split.train, split.valid, split.test),
            (vec![0, 7, 5, 2, 9, 1, 6, 8], vec![3], vec![4])
        );
    }

    #[test]
    fn a_random_split_has_the_sizes_asked_for() {
        let split = random(1117, SplitFractions::default(), 1).expect("splits");
        assert_whole(&split, 1117);
        assert_eq!(sizes(&split), [894, 111, 112]);
        assert_ne!(
            split,
            random(1117, SplitFractions::default(), 2).expect("splits")
        );
        let no_valid = SplitFractions {
            train: 0.8,
            valid: 0.0,
            test: 0.2,
        };
        let split = random(10, no_valid, 1).expect("splits");
        assert_eq!(sizes(&split), [8, 0, 2]);
    }

    #[test]
    fn fractions_that_are_none_are_refused() {
        for (train, valid, test) in [
            (0.8, 0.1, 0.2),
            (1.1, -0.1, 0.0),
            (0.0, 0.5, 0.5),
            (f64::NAN, 0.1, 0.1),
        ] {
            let fractions = SplitFractions { train, valid, test };
            let error = random(100, fractions, 0).expect_err("refused");
            assert!(matches!(error, SplitError::SplitFractions(_)), "{error}");
            assert!(scaffold(&scaffolds(5, 100), fractions).is_err());
        }
    }

    #[test]
    fn too_few_molecules_are_an_error_and_no_empty_part() {
        let error = random(3, SplitFractions::default(), 0).expect_err("refused");
        assert!(error.to_string().starts_with("no molecule is left for"));
        assert!(random(0, SplitFractions::default(), 0).is_err());
        assert!(matches!(k_fold(9, 5, 0), Err(SplitError::Empty { .. })));
        assert!(matches!(k_fold(9, 1, 0), Err(SplitError::Folds(1))));
        assert!(matches!(k_fold(0, 0, 0), Err(SplitError::Folds(0))));
        let one_scaffold = vec![None::<&str>; 100];
        assert!(scaffold(&one_scaffold, SplitFractions::default()).is_err());
        assert!(scaffold_k_fold(&one_scaffold, 5).is_err());
    }

    #[test]
    fn no_scaffold_is_in_two_parts() {
        let scaffolds = scaffolds(40, 300);
        let split = scaffold(&scaffolds, SplitFractions::default()).expect("splits");
        assert_whole(&split, 300);
        assert_apart(&scaffolds, &split.train, &split.valid);
        assert_apart(&scaffolds, &split.train, &split.test);
        assert_apart(&scaffolds, &split.valid, &split.test);
    }

    #[test]
    fn a_group_is_in_the_same_part_whatever_else_there_is() {
        let groups: Vec<String> = (0..600).map(|i| format!("group {}", i % 200)).collect();
        let split = by_hash(&groups, SplitFractions::default(), 3).expect("splits");
        assert_whole(&split, 600);
        let [_, valid, test] = sizes(&split);
        assert!((30..100).contains(&valid) && (30..100).contains(&test));
        let fewer = &groups[..250];
        let part = by_hash(fewer, SplitFractions::default(), 3).expect("splits");
        let within =
            |all: &[usize]| -> Vec<usize> { all.iter().copied().filter(|&i| i < 250).collect() };
        assert_eq!(part.test, within(&split.test));
        assert_eq!(part.valid, within(&split.valid));
        // Pinned: models that hold out the same molecules rely on it.
        assert!((hash_fraction(0, "c1ccccc1") - 0.2872517388434665).abs() < 1e-12);
        assert!(by_hash(&["a", "a"], SplitFractions::default(), 0).is_err());
    }

    #[test]
    fn every_molecule_is_held_out_once() {
        let scaffolds = scaffolds(40, 103);
        for folds in [
            k_fold(103, 5, 3).expect("splits"),
            scaffold_k_fold(&scaffolds, 5).expect("splits"),
        ] {
            let mut held_out: Vec<usize> = Vec::new();
            for split in &folds {
                assert_whole(split, 103);
                held_out.extend(split.valid.iter().chain(&split.test));
            }
            held_out.sort_unstable();
            assert_eq!(held_out, (0..103).collect::<Vec<_>>());
        }
        let folds = k_fold(1000, 5, 3).expect("splits");
        assert!(folds.iter().all(|split| sizes(split) == [800, 100, 100]));
    }

    #[test]
    fn scaffold_folds_keep_scaffolds_together_and_sizes_even() {
        let scaffolds = scaffolds(60, 500);
        for split in scaffold_k_fold(&scaffolds, 5).expect("splits") {
            assert_apart(&scaffolds, &split.train, &split.valid);
            assert_apart(&scaffolds, &split.train, &split.test);
            let [train, valid, test] = sizes(&split);
            assert!((350..450).contains(&train), "{train}");
            assert!(valid.abs_diff(test) < 30, "{valid} and {test}");
        }
        // A scaffold of more than half of the molecules: a fold of its own.
        let mut large: Vec<_> = vec![None; 60];
        large.extend((0..40).map(|molecule| Some(format!("ring {molecule}"))));
        let folds = scaffold_k_fold(&large, 5).expect("splits");
        assert_eq!(sizes(&folds[0]), [40, 30, 30]);
        assert!(folds.iter().all(|split| sizes(split)[2] >= 5));
    }

    #[test]
    fn given_splits_come_back_as_they_were_written() {
        let folds: Vec<Fold> = k_fold(20, 5, 0)
            .expect("splits")
            .into_iter()
            .enumerate()
            .map(|(fold, split)| Fold { fold, split })
            .collect();
        let json = serde_json::to_string(&folds).expect("JSON");
        assert!(json.starts_with("[{\"fold\":0,\"train\":["), "{json}");
        assert_eq!(given(&json, 20).expect("sound"), folds);
        assert!(matches!(
            given(&json, 19),
            Err(SplitError::OutOfRange { index: 19, .. })
        ));
    }

    #[test]
    fn given_splits_that_leak_are_refused_with_the_molecule() {
        let message = |json: &str| given(json, 5).expect_err("refused").to_string();
        assert_eq!(
            message(r#"[{"fold":3,"train":[0,1],"valid":[2],"test":[1]}]"#),
            "fold 3: the molecule 1 is in train and again in test"
        );
        assert_eq!(
            message(r#"[{"fold":0,"train":[0,0],"valid":[],"test":[]}]"#),
            "fold 0: the molecule 0 is in train and again in train"
        );
        assert!(message(r#"[{"fold":0,"train":[7],"valid":[],"test":[]}]"#).contains("index 7"));
        assert!(message(r#"[{"fold":0,"train":[],"valid":[1],"test":[2]}]"#).contains("train"));
        assert!(message("[]").contains("no fold"));
        assert!(message(r#"[{"fold":0,"train":[-1]}]"#).contains("expected form"));
        assert!(message("train: 1").contains("expected form"));
    }
}
