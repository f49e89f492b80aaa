//! The encoder in 8-bit integers: sequences of tokens in, what is pooled out.

use super::super::guard::guard;
use super::super::vector::vectorised;
use super::attention::{Heads, Memory};
use super::packed::{COLUMNS, Dense, DenseParts, Zero};
use super::rows::{self, Norm, RAISE, layer_norm, magnitude, quantize, raised_gelu, to_bytes};
use super::tile::{Level, ROWS, Sums};
use crate::parallel;

/// An encoder in single precision, as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// Width of a hidden state.
    pub(crate) hidden: usize,
    /// Heads of attention, which divide it.
    pub(crate) heads: usize,
    /// Embeddings of the tokens `[vocabulary, hidden]`.
    pub(crate) words: Vec<f32>,
    /// What is added at each position, up to the last there can be
    /// `[positions, hidden]`.
    pub(crate) positions: Vec<f32>,
    /// The norm of their sum.
    pub(crate) norm: Norm,
    /// What a shared layer is entered through.
    pub(crate) mapping: Option<DenseParts>,
    /// The layers.
    pub(crate) layers: Vec<LayerParts>,
    /// How often they are passed.
    pub(crate) passes: usize,
    /// What makes of the pooled state the pooled output; it stays in single precision.
    pub(crate) pooler: DenseParts,
}

/// A layer in single precision.
#[derive(Clone, Debug)]
pub(crate) struct LayerParts {
    /// Queries.
    pub(crate) query: DenseParts,
    /// Keys.
    pub(crate) key: DenseParts,
    /// Values.
    pub(crate) value: DenseParts,
    /// What follows the heads.
    pub(crate) attended: DenseParts,
    /// The norm after attention.
    pub(crate) attended_norm: Norm,
    /// Into the feed-forward block.
    pub(crate) inner: DenseParts,
    /// Out of it.
    pub(crate) output: DenseParts,
    /// The norm after it.
    pub(crate) output_norm: Norm,
}

/// Which hidden states stand for a molecule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooled {
    /// The mean over its tokens.
    Mean,
    /// That of its first token.
    First,
}

/// Tokens that one thread takes through all layers together, whole molecules: enough
/// for the weights to be worth loading, few enough to stay in its cache beside them.
const GROUP: usize = 96;
/// Rows that go through the feed-forward block together, a multiple of [`ROWS`]: what
/// lies between its products is the widest there is.
const BLOCK: usize = 48;
/// Rows of the pooler that each of its weights is loaded for.
const POOLED: usize = 8;

/// An encoder whose matrices are 8-bit integers.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    level: Level,
    heads: Heads,
    words: Vec<f32>,
    positions: Vec<f32>,
    norm: Norm,
    mapping: Option<Dense>,
    layers: Vec<Layer>,
    passes: usize,
    pooler: DenseParts,
}

#[derive(Clone, Debug)]
struct Layer {
    /// Queries, keys and values.
    wide: Dense,
    attended: Dense,
    attended_norm: Norm,
    inner: Dense,
    output: Dense,
    output_norm: Norm,
}

impl Layer {
    fn new(parts: &LayerParts) -> Self {
        let wide = DenseParts::beside([&parts.query, &parts.key, &parts.value]);
        Self {
            wide: Dense::new(&wide, Zero::Middle),
            attended: Dense::new(&parts.attended, Zero::Middle),
            attended_norm: parts.attended_norm.clone(),
            inner: Dense::new(&parts.inner, Zero::Middle),
            output: Dense::new(&parts.output, Zero::Least(RAISE)),
            output_norm: parts.output_norm.clone(),
        }
    }
}

impl Encoder {
    /// Rounds an encoder; computes with the best instructions of this processor.
    pub(crate) fn new(parts: Parts) -> Self {
        Self::with(Level::best(), parts)
    }

    fn with(level: Level, parts: Parts) -> Self {
        Self {
            level,
            heads: Heads {
                count: parts.heads,
                size: parts.hidden / parts.heads,
            },
            words: parts.words,
            positions: parts.positions,
            norm: parts.norm,
            mapping: parts
                .mapping
                .as_ref()
                .map(|mapping| Dense::new(mapping, Zero::Middle)),
            layers: parts.layers.iter().map(Layer::new).collect(),
            passes: parts.passes,
            pooler: parts.pooler,
        }
    }

    /// Width of a hidden state.
    pub(crate) fn hidden(&self) -> usize {
        self.heads.count * self.heads.size
    }

    /// What is pooled of each of `sequences`, `[sequences, hidden]`. A sequence gives
    /// the same bits whatever the others are.
    pub(crate) fn pool<S: AsRef<[u32]> + Sync>(&self, sequences: &[S], pooled: Pooled) -> Vec<f32> {
        let hidden = self.hidden();
        let mut y = vec![0.0; sequences.len() * hidden];
        let mut groups = Vec::new();
        let (mut rest, mut left) = (sequences, y.as_mut_slice());
        while !rest.is_empty() {
            let mut tokens = 0;
            let more = |sequence: &&S| {
                let fits = tokens == 0 || tokens + sequence.as_ref().len() <= GROUP;
                tokens += sequence.as_ref().len();
                fits
            };
            let (group, others) = rest.split_at(rest.iter().take_while(more).count().max(1));
            let (own, theirs) = left.split_at_mut(group.len() * hidden);
            groups.push((group, own));
            (rest, left) = (others, theirs);
        }
        let pool = |buffers: &mut Buffers, (group, y): (&[S], &mut [f32])| {
            self.pool_group(buffers, group, pooled, y);
        };
        parallel::for_each_with(groups, Buffers::default, pool);
        y
    }

    /// The pooled output, `tanh` of the pooler, in the place of what was pooled; NaN
    /// throughout a row in which anything is not finite.
    pub(crate) fn pooler(&self, pooled: &mut [f32]) {
        let hidden = self.hidden();
        let some = pooled.chunks_mut(POOLED * hidden).collect();
        parallel::for_each_with(some, Vec::new, |y, pooled: &mut [f32]| {
            y.clear();
            y.resize(pooled.len(), 0.0);
            vectorised(
                #[inline(always)]
                || {
                    for y in y.chunks_exact_mut(hidden) {
                        y.copy_from_slice(&self.pooler.bias);
                    }
                    for (i, weights) in self.pooler.weight.chunks_exact(hidden).enumerate() {
                        for (x, y) in pooled.chunks_exact(hidden).zip(y.chunks_exact_mut(hidden)) {
                            let x = x[i];
                            for (y, weight) in y.iter_mut().zip(weights) {
                                *y += x * weight;
                            }
                        }
                    }
                },
            );
            for (x, y) in pooled.chunks_exact_mut(hidden).zip(y.chunks_exact(hidden)) {
                for (x, y) in x.iter_mut().zip(y) {
                    *x = y.tanh();
                }
                guard(y, x);
            }
        });
    }

    fn pool_group<S: AsRef<[u32]>>(
        &self,
        buffers: &mut Buffers,
        group: &[S],
        pooled: Pooled,
        y: &mut [f32],
    ) {
        let hidden = self.hidden();
        let lengths = group.iter().map(|sequence| sequence.as_ref().len());
        self.enter(buffers, group);
        for layer in &self.layers {
            for _ in 0..self.passes {
                self.pass(buffers, layer, lengths.clone());
            }
        }
        let mut states = buffers.x.as_slice();
        for (length, y) in lengths.zip(y.chunks_exact_mut(hidden)) {
            let (own, rest) = states.split_at(length * hidden);
            states = rest;
            match pooled {
                Pooled::First => y.copy_from_slice(&own[..hidden]),
                Pooled::Mean => vectorised(
                    #[inline(always)]
                    || {
                        y.fill(0.0);
                        for state in own.chunks_exact(hidden) {
                            for (y, state) in y.iter_mut().zip(state) {
                                *y += state;
                            }
                        }
                        for y in y.iter_mut() {
                            *y /= length as f32;
                        }
                    },
                ),
            }
        }
    }

    /// Makes the tokens of a group what enters the first layer.
    fn enter<S: AsRef<[u32]>>(&self, buffers: &mut Buffers, group: &[S]) {
        let hidden = self.hidden();
        let row = |row: usize| row * hidden..(row + 1) * hidden;
        buffers.x.clear();
        let ids = group.iter().flat_map(|sequence| sequence.as_ref());
        for &id in ids {
            buffers.x.extend_from_slice(&self.words[row(id as usize)]);
        }
        let positions = group.iter().flat_map(|sequence| 0..sequence.as_ref().len());
        vectorised(
            #[inline(always)]
            || {
                for (x, position) in buffers.x.chunks_exact_mut(hidden).zip(positions) {
                    layer_norm(x, &self.positions[row(position)], &self.norm);
                }
            },
        );
        if let Some(mapping) = &self.mapping {
            buffers.rows.quantize(&buffers.x, mapping);
            mapping.multiply(self.level, &buffers.rows, &mut buffers.x);
        }
    }

    fn pass(&self, buffers: &mut Buffers, layer: &Layer, lengths: impl Iterator<Item = usize>) {
        let hidden = self.hidden();
        let Buffers {
            x,
            rows,
            wide,
            narrow,
            inner,
            memory,
        } = buffers;
        let tokens = x.len() / hidden;
        rows.quantize(x, &layer.wide);
        wide.resize(tokens * layer.wide.outputs, 0.0);
        layer.wide.multiply(self.level, rows, wide);
        narrow.resize(x.len(), 0.0);
        let (mut y, mut all) = (narrow.as_mut_slice(), wide.as_slice());
        for length in lengths {
            let (own, others) = y.split_at_mut(length * hidden);
            let (wide, more) = all.split_at(length * layer.wide.outputs);
            memory.attend(self.level, self.heads, wide, own);
            (y, all) = (others, more);
        }
        let blocks = x.chunks_mut(BLOCK * hidden);
        for (x, y) in blocks.zip(narrow.chunks_mut(BLOCK * hidden)) {
            rows.quantize(y, &layer.attended);
            layer.attended.multiply(self.level, rows, y);
            rows.normalize(x, y, &layer.attended_norm, &layer.inner);
            inner.resize(x.len() / hidden * layer.inner.outputs, 0.0);
            layer.inner.multiply(self.level, rows, inner);
            rows.activate(inner, &layer.output);
            layer.output.multiply(self.level, rows, y);
            vectorised(
                #[inline(always)]
                || {
                    for (x, y) in x.chunks_exact_mut(hidden).zip(y.chunks_exact(hidden)) {
                        layer_norm(x, y, &layer.output_norm);
                    }
                },
            );
        }
    }
}

/// Rows of bytes, each with its scale.
#[derive(Debug, Default)]
struct Rows {
    bytes: Vec<u8>,
    scales: Vec<f32>,
    /// Bytes from one row to the next: whole words.
    apart: usize,
}

impl Rows {
    fn reserve(&mut self, count: usize, dense: &Dense) {
        self.apart = 4 * dense.panels.depth;
        self.bytes.resize(count * self.apart, 0);
        self.scales.resize(count, 0.0);
    }

    /// Rounds the rows `x`, for `dense`.
    fn quantize(&mut self, x: &[f32], dense: &Dense) {
        self.reserve(x.len() / dense.inputs, dense);
        vectorised(
            #[inline(always)]
            || {
                let rows = self
                    .bytes
                    .chunks_exact_mut(self.apart)
                    .zip(&mut self.scales);
                for (x, (bytes, scale)) in x.chunks_exact(dense.inputs).zip(rows) {
                    *scale = quantize(x, dense.most, &mut bytes[..dense.inputs]);
                }
            },
        );
    }

    /// Normalises `x + y` into `x`, and rounds it for `dense`.
    fn normalize(&mut self, x: &mut [f32], y: &[f32], norm: &Norm, dense: &Dense) {
        let width = dense.inputs;
        self.reserve(x.len() / width, dense);
        vectorised(
            #[inline(always)]
            || {
                let rows = self
                    .bytes
                    .chunks_exact_mut(self.apart)
                    .zip(&mut self.scales);
                let x = x.chunks_exact_mut(width).zip(y.chunks_exact(width));
                for ((x, y), (bytes, scale)) in x.zip(rows) {
                    layer_norm(x, y, norm);
                    *scale = quantize(x, dense.most, &mut bytes[..width]);
                }
            },
        );
    }

    /// Takes GELU of the rows `x`, and rounds it for `dense`.
    fn activate(&mut self, x: &mut [f32], dense: &Dense) {
        let width = dense.inputs;
        self.reserve(x.len() / width, dense);
        vectorised(
            #[inline(always)]
            || {
                let rows = self
                    .bytes
                    .chunks_exact_mut(self.apart)
                    .zip(&mut self.scales);
                for (x, (bytes, scale)) in x.chunks_exact_mut(width).zip(rows) {
                    for x in x.iter_mut() {
                        *x = raised_gelu(*x);
                    }
                    let reciprocal;
                    (*scale, reciprocal) = rows::scale(magnitude(x), 255.0, dense.most);
                    to_bytes(x, reciprocal, 0.0, &mut bytes[..width]);
                }
            },
        );
    }
}

impl Dense {
    /// Writes the layer of `rows` to `y`, `[rows, outputs]`.
    fn multiply(&self, level: Level, rows: &Rows, y: &mut [f32]) {
        let count = rows.scales.len();
        let mut sums: Sums = [[0; COLUMNS]; ROWS];
        let parameters = (self.start.as_chunks().0.iter())
            .zip(self.scale.as_chunks().0)
            .zip(self.bias.as_chunks().0);
        for (panel, ((start, scale), bias)) in parameters.enumerate() {
            let first_column = panel * COLUMNS;
            let width = COLUMNS.min(self.outputs - first_column);
            let words = self.panels.panel(panel);
            vectorised(
                #[inline(always)]
                || {
                    for first in (0..count).step_by(ROWS) {
                        let some = ROWS.min(count - first);
                        let bytes = &rows.bytes[first * rows.apart..];
                        level.tile(bytes, rows.apart, some, words, start, &mut sums);
                        let own = &rows.scales[first..first + some];
                        let y = y[first * self.outputs..].chunks_mut(self.outputs);
                        for ((sums, &own), y) in sums.iter().zip(own).zip(y) {
                            let y = &mut y[first_column..first_column + width];
                            match y.as_chunks_mut::<COLUMNS>() {
                                // Of a width that the compiler knows.
                                ([y], []) => scaled(sums, scale, own, bias, y),
                                _ => {
                                    let mut whole = [0.0; COLUMNS];
                                    scaled(sums, scale, own, bias, &mut whole);
                                    y.copy_from_slice(&whole[..width]);
                                }
                            }
                        }
                    }
                },
            );
        }
    }
}

/// What a row of sums stands for.
#[inline(always)]
fn scaled(
    sums: &[i32; COLUMNS],
    scale: &[f32; COLUMNS],
    own: f32,
    bias: &[f32; COLUMNS],
    y: &mut [f32; COLUMNS],
) {
    let parameters = scale.iter().zip(bias);
    for ((y, &sum), (scale, bias)) in y.iter_mut().zip(sums).zip(parameters) {
        *y = sum as f32 * scale * own + bias;
    }
}

/// Memory that is used again for every group.
#[derive(Debug, Default)]
struct Buffers {
    /// Hidden states `[tokens, hidden]`.
    x: Vec<f32>,
    rows: Rows,
    /// Queries, keys and values `[tokens, 3 hidden]`.
    wide: Vec<f32>,
    narrow: Vec<f32>,
    /// Inside the feed-forward block.
    inner: Vec<f32>,
    memory: Memory,
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};

    use super::*;

    const VOCABULARY: u32 = 11;
    const LENGTH: usize = 150;

    /// Random parameters; no width is a whole number of panels or words.
    fn parts(hidden: usize, heads: usize, layers: usize, passes: usize) -> Parts {
        let mut random = SmallRng::seed_from_u64(17);
        let mut values = |count: usize, size: f32| -> Vec<f32> {
            let draw = |_| random.random_range(-size..size);
            (0..count).map(draw).collect()
        };
        let mut dense = |inputs: usize, outputs: usize| DenseParts {
            weight: values(inputs * outputs, 2.0 / (inputs as f32).sqrt()),
            bias: values(outputs, 0.5),
        };
        let inner = 3 * hidden + 2;
        let norm = || Norm {
            gamma: vec![1.0; hidden],
            beta: vec![0.1; hidden],
            epsilon: 1e-12,
        };
        let mut layer = || LayerParts {
            query: dense(hidden, hidden),
            key: dense(hidden, hidden),
            value: dense(hidden, hidden),
            attended: dense(hidden, hidden),
            attended_norm: norm(),
            inner: dense(hidden, inner),
            output: dense(inner, hidden),
            output_norm: norm(),
        };
        let layers = (0..layers).map(|_| layer()).collect();
        Parts {
            hidden,
            heads,
            layers,
            passes,
            mapping: (passes > 1).then(|| dense(hidden, hidden)),
            pooler: dense(hidden, hidden),
            norm: norm(),
            words: values(VOCABULARY as usize * hidden, 1.0),
            positions: values(LENGTH * hidden, 1.0),
        }
    }

    fn sequences(count: usize) -> Vec<Vec<u32>> {
        let mut random = SmallRng::seed_from_u64(23);
        let lengths: Vec<usize> = (0..count).map(|_| random.random_range(1..LENGTH)).collect();
        let mut sequence = |length| {
            (0..length)
                .map(|_| random.random_range(0..VOCABULARY))
                .collect()
        };
        lengths.into_iter().map(&mut sequence).collect()
    }

    fn output(encoder: &Encoder, sequences: &[Vec<u32>], pooled: Pooled) -> Vec<u32> {
        let mut y = encoder.pool(sequences, pooled);
        encoder.pooler(&mut y);
        assert!(y.iter().all(|y| y.is_finite()));
        y.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        for (hidden, heads, layers, passes) in [(12, 2, 2, 1), (70, 7, 1, 2), (132, 1, 1, 1)] {
            let parts = parts(hidden, heads, layers, passes);
            let sequences = sequences(5);
            let scalar = Encoder::with(Level::Scalar, parts.clone());
            for level in Level::available() {
                let encoder = Encoder::with(level, parts.clone());
                for pooled in [Pooled::Mean, Pooled::First] {
                    assert_eq!(
                        output(&encoder, &sequences, pooled),
                        output(&scalar, &sequences, pooled),
                        "{level:?}, hidden {hidden}"
                    );
                }
            }
        }
    }

    #[test]
    fn neighbours_order_and_threads_change_no_bit() {
        let encoder = Encoder::new(parts(24, 3, 2, 2));
        let all = sequences(40);
        let together = output(&encoder, &all, Pooled::Mean);
        let alone = all
            .iter()
            .flat_map(|one| output(&encoder, std::slice::from_ref(one), Pooled::Mean));
        assert_eq!(together, alone.collect::<Vec<_>>());
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.shuffle(&mut SmallRng::seed_from_u64(2));
        let mixed: Vec<Vec<u32>> = order.iter().map(|&i| all[i].clone()).collect();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let found = pool
                .expect("threads")
                .install(|| output(&encoder, &mixed, Pooled::Mean));
            for (row, &i) in found.chunks_exact(24).zip(&order) {
                assert_eq!(row, &together[i * 24..(i + 1) * 24], "{threads} threads");
            }
        }
    }

    #[test]
    fn what_is_not_finite_or_overflows_spoils_its_own_rows_alone() {
        let mut parts = parts(24, 3, 1, 1);
        parts.words[24 * 3] = f32::INFINITY;
        let encoder = Encoder::new(parts.clone());
        let sequences = [vec![0, 1, 2], vec![0, 3, 2], vec![2, 2]];
        for pooled in [Pooled::Mean, Pooled::First] {
            let mut y = encoder.pool(&sequences, pooled);
            encoder.pooler(&mut y);
            let flawed = y
                .chunks_exact(24)
                .map(|row| row.iter().any(|y| !y.is_finite()));
            assert_eq!(flawed.collect::<Vec<_>>(), [false, true, false]);
        }
        parts.words[24 * 3] = 1.0;
        parts.layers[0].value.weight[5] = 1e38;
        let mut y = Encoder::new(parts).pool(&sequences, Pooled::First);
        assert!(y.iter_mut().all(|y| y.is_nan()));
    }

    #[test]
    fn nothing_is_nothing() {
        let encoder = Encoder::new(parts(24, 3, 1, 1));
        assert!(encoder.pool::<Vec<u32>>(&[], Pooled::Mean).is_empty());
    }
}
