//! Attention of one molecule in 8-bit integers, head by head, without leaving the cache.
//!
//! Queries and keys have a scale for each token, values one for each channel over the
//! tokens of the molecule, and the probabilities of a query one that makes the largest
//! of them 255.

use super::super::vector::vectorised;
use super::packed::{COLUMNS, Panels};
use super::rows::{magnitude, quantize, scale, softmax, whole};
use super::tile::{Level, ROWS, Sums};

/// The shape of attention.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    /// How many there are.
    pub(super) count: usize,
    /// Channels of one.
    pub(super) size: usize,
}

/// Memory that is used again for every head.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Queries, a row of whole words each.
    query: Vec<u8>,
    query_scale: Vec<f32>,
    /// A key.
    key: Vec<i8>,
    /// Keys as columns.
    keys: Panels,
    /// What the sums of a key start at: it takes the zero of the queries away.
    start: Vec<i32>,
    key_scale: Vec<f32>,
    /// Tokens of values as rows.
    values: Panels,
    value_scale: Vec<f32>,
    reciprocal: Vec<f32>,
    /// Scores of a few queries.
    scores: Vec<f32>,
    /// Their probabilities, a row of whole words each.
    probabilities: Vec<u8>,
}

/// No scale is too large: scores are compared, and what is not finite shows.
const ANY: f32 = f32::MAX;

impl Memory {
    /// Writes the attention of a molecule to `y` `[tokens, hidden]`; `wide`
    /// `[tokens, 3 hidden]` are queries, keys and values side by side.
    pub(super) fn attend(&mut self, level: Level, heads: Heads, wide: &[f32], y: &mut [f32]) {
        let hidden = heads.count * heads.size;
        let tokens = y.len() / hidden;
        let words = 4 * heads.size.div_ceil(4);
        self.query.clear();
        self.query.resize(tokens * words, 0);
        for head in 0..heads.count {
            let part = |which: usize| {
                let start = which * hidden + head * heads.size;
                start..start + heads.size
            };
            let rows = wide.chunks_exact(3 * hidden);
            vectorised(
                #[inline(always)]
                || {
                    let queries = rows.clone().map(|row| &row[part(0)]);
                    self.set_queries(queries, words, heads.size);
                    let keys = rows.clone().map(|row| &row[part(1)]);
                    self.set_keys(keys, tokens, heads.size);
                    let values = rows.clone().map(|row| &row[part(2)]);
                    self.set_values(values, tokens, heads.size);
                },
            );
            self.head(
                level,
                words,
                tokens,
                |token| {
                    let start = token * hidden + head * heads.size;
                    start..start + heads.size
                },
                y,
            );
        }
    }

    #[inline(always)]
    fn set_queries<'a>(
        &mut self,
        queries: impl Iterator<Item = &'a [f32]>,
        words: usize,
        size: usize,
    ) {
        let by_size = 1.0 / (size as f32).sqrt();
        self.query_scale.clear();
        for (bytes, query) in self.query.chunks_exact_mut(words).zip(queries) {
            let scale = quantize(query, ANY, &mut bytes[..size]);
            self.query_scale.push(scale * by_size);
        }
    }

    #[inline(always)]
    fn set_keys<'a>(&mut self, keys: impl Iterator<Item = &'a [f32]>, tokens: usize, size: usize) {
        let width = tokens.div_ceil(COLUMNS) * COLUMNS;
        self.keys.clear(size, tokens);
        self.start.clear();
        self.start.resize(width, 0);
        self.key_scale.clear();
        self.key_scale.resize(width, 0.0);
        self.key.resize(size, 0);
        for (token, key) in keys.enumerate() {
            let (scale, reciprocal) = scale(magnitude(key), 127.0, ANY);
            let mut sum = 0;
            for (to, &from) in self.key.iter_mut().zip(key) {
                *to = whole(from * reciprocal) as i8;
                sum += i32::from(*to);
            }
            self.keys.set_column(token, &self.key);
            self.start[token] = -128 * sum;
            self.key_scale[token] = scale;
        }
    }

    #[inline(always)]
    fn set_values<'a>(
        &mut self,
        values: impl Iterator<Item = &'a [f32]> + Clone,
        tokens: usize,
        size: usize,
    ) {
        self.values.clear(tokens, size);
        self.value_scale.clear();
        self.value_scale.resize(size, 0.0);
        self.reciprocal.clear();
        self.reciprocal.resize(size, 0.0);
        // First the bits of the largest magnitudes.
        for value in values.clone() {
            for (most, x) in self.value_scale.iter_mut().zip(value) {
                let bits = most.to_bits().max(x.to_bits() & 0x7fff_ffff);
                *most = f32::from_bits(bits);
            }
        }
        for (most, reciprocal) in self.value_scale.iter_mut().zip(&mut self.reciprocal) {
            (*most, *reciprocal) = scale(*most, 127.0, ANY);
        }
        for (token, value) in values.enumerate() {
            let channels = value.chunks(COLUMNS).zip(self.reciprocal.chunks(COLUMNS));
            for (panel, (value, reciprocal)) in channels.enumerate() {
                let bytes = value.iter().zip(reciprocal);
                let bytes = bytes.map(|(value, reciprocal)| whole(value * reciprocal) as i8);
                self.values.set_in_row(panel, token, bytes);
            }
        }
    }

    /// Writes the attention of a head to the places `of` its tokens in `y`.
    fn head(
        &mut self,
        level: Level,
        words: usize,
        tokens: usize,
        of: impl Fn(usize) -> std::ops::Range<usize>,
        y: &mut [f32],
    ) {
        let width = self.key_scale.len();
        let probability_words = 4 * self.values.depth;
        self.scores.resize(ROWS * width, 0.0);
        self.probabilities.clear();
        self.probabilities.resize(ROWS * probability_words, 0);
        let flawed = !self.key_scale.iter().all(|scale| scale.is_finite());
        let mut sums: Sums = [[0; COLUMNS]; ROWS];
        for first in (0..tokens).step_by(ROWS) {
            let count = ROWS.min(tokens - first);
            let mut factors = [f32::NAN; ROWS];
            for panel in 0..width / COLUMNS {
                let columns = panel * COLUMNS..(panel + 1) * COLUMNS;
                let start = self.start[columns.clone()].as_chunks().0;
                let rows = &self.query[first * words..];
                level.tile(
                    rows,
                    words,
                    count,
                    self.keys.panel(panel),
                    &start[0],
                    &mut sums,
                );
                let scores = self.scores.chunks_exact_mut(width);
                let key_scale = &self.key_scale[columns.clone()];
                vectorised(
                    #[inline(always)]
                    || {
                        let queries = &self.query_scale[first..first + count];
                        for ((sums, scores), query) in sums.iter().zip(scores).zip(queries) {
                            let scores = &mut scores[columns.clone()];
                            for ((score, &sum), key) in scores.iter_mut().zip(sums).zip(key_scale) {
                                *score = sum as f32 * (query * key);
                            }
                        }
                    },
                );
            }
            vectorised(
                #[inline(always)]
                || {
                    let scores = self.scores.chunks_exact_mut(width);
                    let rows = self.probabilities.chunks_exact_mut(probability_words);
                    for (row, (scores, bytes)) in scores.zip(rows).enumerate().take(count) {
                        let factor = softmax(&mut scores[..tokens], &mut bytes[..tokens]);
                        if !flawed && self.query_scale[first + row].is_finite() {
                            factors[row] = factor;
                        }
                    }
                },
            );
            let scales = self.value_scale.chunks(COLUMNS);
            for (panel, scales) in scales.enumerate() {
                let values = self.values.panel(panel);
                let rows = &self.probabilities;
                level.tile(
                    rows,
                    probability_words,
                    count,
                    values,
                    &[0; COLUMNS],
                    &mut sums,
                );
                vectorised(
                    #[inline(always)]
                    || {
                        for (row, (sums, factor)) in
                            sums.iter().zip(factors).enumerate().take(count)
                        {
                            let y = &mut y[of(first + row)][panel * COLUMNS..];
                            for ((y, &sum), scale) in y.iter_mut().zip(sums).zip(scales) {
                                *y = sum as f32 * (factor * scale);
                            }
                        }
                    },
                );
            }
        }
    }
}
