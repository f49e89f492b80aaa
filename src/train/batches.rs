//! Token sequences in batches, and the masks of masked language modelling.

use rand::Rng;
use rand::seq::SliceRandom;

use super::config::BatchConfig;
use crate::tokenizer::{CLS, MASK, PAD, SEP, VOCABULARY_SIZE};

/// Cuts `items` into batches within the bounds of `config`, like lengths
/// together, in random order. Every item is in exactly one batch.
pub(super) fn bucketed<T>(
    mut items: Vec<T>,
    length: impl Fn(&T) -> usize,
    config: &BatchConfig,
    rng: &mut impl Rng,
) -> Vec<Vec<T>> {
    // Shuffled first, so that equal lengths meet in another batch each time.
    items.shuffle(rng);
    items.sort_by_key(&length);
    let mut batches: Vec<Vec<T>> = Vec::new();
    for item in items {
        let width = length(&item);
        match batches.last_mut() {
            Some(batch)
                if batch.len() < config.molecules && (batch.len() + 1) * width <= config.tokens =>
            {
                batch.push(item);
            }
            _ => batches.push(vec![item]),
        }
    }
    batches.shuffle(rng);
    batches
}

/// A batch with hidden tokens, and what they were.
///
/// Places count along the padded batch taken as one sequence: row times
/// length, plus column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    /// The sequences as the model sees them.
    pub(crate) sequences: Vec<Vec<u32>>,
    /// Places of the tokens to be predicted; at least one.
    pub(crate) places: Vec<usize>,
    /// Those tokens.
    pub(crate) labels: Vec<u32>,
}

/// A batch of pre-training: what is hidden, and what is to be predicted.
#[derive(Clone, Debug)]
pub(crate) struct PretrainingBatch {
    /// The sequences, and their hidden tokens.
    pub(crate) masked: Masked,
    /// Normalised descriptors, one row a molecule in one piece; empty without
    /// that objective.
    pub(crate) descriptors: Vec<f32>,
    /// Structure vectors, one row a molecule in one piece; empty without that
    /// objective.
    pub(crate) structures: Vec<f32>,
}

/// Hides tokens as BERT does (Devlin et al. 2019): each but `[CLS]` and `[SEP]`
/// is chosen with probability `fraction`; of the chosen, 80 % become `[MASK]`,
/// 10 % another token that is not special, and 10 % stay.
pub(crate) fn mask(sequences: &[Vec<u32>], fraction: f64, rng: &mut impl Rng) -> Masked {
    let length = padded_length(sequences);
    let mut masked = Masked {
        sequences: sequences.to_vec(),
        places: Vec::new(),
        labels: Vec::new(),
    };
    let maskable: Vec<(usize, usize)> = sequences
        .iter()
        .enumerate()
        .flat_map(|(row, ids)| (0..ids.len()).map(move |column| (row, column)))
        .filter(|&(row, column)| is_maskable(sequences[row][column]))
        .collect();
    let mut chosen: Vec<(usize, usize)> = maskable
        .iter()
        .copied()
        .filter(|_| rng.random_bool(fraction))
        .collect();
    // A mean over no token would be no number.
    if chosen.is_empty() && !maskable.is_empty() {
        chosen.push(maskable[rng.random_range(0..maskable.len())]);
    }
    for (row, column) in chosen {
        let token = &mut masked.sequences[row][column];
        masked.places.push(row * length + column);
        masked.labels.push(*token);
        let draw: f64 = rng.random();
        if draw < 0.8 {
            *token = MASK;
        } else if draw < 0.9 {
            *token = other_token(*token, rng);
        }
    }
    masked
}

fn is_maskable(id: u32) -> bool {
    ![PAD, CLS, SEP].contains(&id)
}

/// A token that is neither special nor `token`.
fn other_token(token: u32, rng: &mut impl Rng) -> u32 {
    let drawn = rng.random_range(MASK + 1..VOCABULARY_SIZE as u32 - 1);
    drawn + u32::from(drawn >= token)
}

/// The length to which sequences are padded: that of the longest.
pub(crate) fn padded_length(sequences: &[Vec<u32>]) -> usize {
    sequences.iter().map(Vec::len).max().unwrap_or(0).max(1)
}

/// Places of all tokens, padding left out.
pub(crate) fn token_places(sequences: &[Vec<u32>]) -> Vec<usize> {
    let length = padded_length(sequences);
    sequences
        .iter()
        .enumerate()
        .flat_map(|(row, ids)| row * length..row * length + ids.len())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::seeds::{SeedStream, generator};
    use super::*;

    #[test]
    fn batches_keep_their_bounds_and_every_item_once() {
        let items: Vec<usize> = (0..500).map(|i| 5 + (i * 37) % 100).collect();
        let config = BatchConfig {
            molecules: 16,
            tokens: 512,
        };
        let mut rng = generator(0, SeedStream::Order, &[]);
        let batches = bucketed(items.clone(), |&n| n, &config, &mut rng);
        let mut seen = Vec::new();
        for batch in &batches {
            let longest = batch.iter().max().copied().unwrap_or(0);
            assert!(batch.len() <= 16 && batch.len() * longest <= 512);
            seen.extend_from_slice(batch);
        }
        let mut expected = items;
        expected.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, expected);
        // A sequence longer than the bound is a batch of its own.
        let long = bucketed(vec![9999, 5], |&n| n, &config, &mut rng);
        assert_eq!(long.len(), 2);
    }

    #[test]
    fn masks_keep_the_rates_of_the_paper() {
        // 2,000 sequences of 50 maskable tokens.
        let sequences: Vec<Vec<u32>> = (0..2000)
            .map(|i| {
                let mut ids = vec![CLS];
                ids.extend((0..50).map(|j| 4 + (i * 7 + j * 3) % 38));
                ids.push(SEP);
                ids
            })
            .collect();
        let masked = mask(&sequences, 0.15, &mut generator(1, SeedStream::Masks, &[]));
        let total = 100_000.0;
        let rate = masked.places.len() as f64 / total;
        assert!((rate - 0.15).abs() < 0.005, "{rate}");
        let (mut hidden, mut random, mut kept) = (0, 0, 0);
        for (&place, &label) in masked.places.iter().zip(&masked.labels) {
            let (row, column) = (place / 52, place % 52);
            assert_eq!(sequences[row][column], label);
            match masked.sequences[row][column] {
                MASK => hidden += 1,
                token if token == label => kept += 1,
                token => {
                    assert!(token > MASK && (token as usize) < VOCABULARY_SIZE);
                    random += 1;
                }
            }
        }
        let share = |n: i32| f64::from(n) / masked.places.len() as f64;
        assert!((share(hidden) - 0.8).abs() < 0.015, "{}", share(hidden));
        assert!((share(random) - 0.1).abs() < 0.015, "{}", share(random));
        assert!((share(kept) - 0.1).abs() < 0.015, "{}", share(kept));
        for (before, after) in sequences.iter().zip(&masked.sequences) {
            assert_eq!((after[0], after[51]), (CLS, SEP));
            assert_eq!(before.len(), after.len());
        }
    }

    #[test]
    fn a_replacement_is_every_other_token_and_never_the_same() {
        let mut rng = generator(2, SeedStream::Masks, &[]);
        for token in [4, 20, 41] {
            let seen: std::collections::BTreeSet<u32> =
                (0..5000).map(|_| other_token(token, &mut rng)).collect();
            let expected: Vec<u32> = (4..42).filter(|&id| id != token).collect();
            assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn at_least_one_token_is_hidden_and_places_skip_padding() {
        let sequences = vec![vec![CLS, 8, SEP], vec![CLS, 8, 8, 8, SEP]];
        let mut rng = generator(3, SeedStream::Masks, &[]);
        for _ in 0..50 {
            assert!(!mask(&sequences, 0.01, &mut rng).places.is_empty());
        }
        assert_eq!(token_places(&sequences), [0, 1, 2, 5, 6, 7, 8, 9]);
    }
}
