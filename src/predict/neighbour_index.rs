//! The nearest training molecules of every endpoint, by the Tanimoto similarity of ECFP4.
//!
//! Fingerprints stand bit by bit, not molecule by molecule: of each bit the molecules that
//! have it. A molecule has some fifty of 2,048 bits, and only those are read; how many of
//! them each training molecule shares is counted for a whole vector of molecules at a time,
//! in binary numbers whose digits lie in words of their own (Harley and Seal's carry-save
//! adders; Muła, Kurz and Lemire, Comput. J. 2018, 61, 111).

use super::neighbours::Nearest;
use crate::chemistry::{ECFP4, Fingerprint};
use crate::kernels::vectorised;

/// ECFP4 of molecules with what they have labels for, in ascending numbers of bits.
#[derive(Clone, Debug, Default)]
pub(super) struct NeighbourIndex {
    /// For every bit of ECFP4 the molecules that have it, 64 a word.
    columns: Vec<u64>,
    /// Words of a column, whole [`BLOCK`]s.
    stride: usize,
    /// How many bits are set in each molecule.
    ones: Vec<u32>,
    /// The molecules' numbers.
    numbers: Vec<u32>,
    /// For every endpoint the places of those that have a label, in ascending order.
    labelled: Vec<Vec<u32>>,
}

/// Words of a column that are counted at a time.
const BLOCK: usize = 8;

/// A bit of each of some molecules.
type Bits = [u64; BLOCK];

/// Binary digits of how many bits two molecules share, which all may be.
const DIGITS: usize = ECFP4.bits.ilog2() as usize + 1;

/// Molecules of an endpoint after which it is asked whether any other can be nearer.
const PIECE: usize = 32;

impl NeighbourIndex {
    /// Of fingerprints with their molecules' numbers. `labels` gives the endpoints that a
    /// molecule has a label for; there are so many `endpoints`.
    pub(super) fn new<'a>(
        mut all: Vec<(Fingerprint, usize)>,
        endpoints: usize,
        labels: impl Fn(usize) -> &'a [u32],
    ) -> Self {
        all.sort_by_key(|(fingerprint, _)| fingerprint.count_ones());
        let stride = all.len().div_ceil(64 * BLOCK) * BLOCK;
        let mut index = Self {
            columns: vec![0; ECFP4.bits * stride],
            stride,
            labelled: vec![Vec::new(); endpoints],
            ..Self::default()
        };
        for (place, (fingerprint, number)) in all.iter().enumerate() {
            for bit in fingerprint.bits() {
                index.columns[bit * stride + place / 64] |= 1 << (place % 64);
            }
            index.ones.push(fingerprint.count_ones());
            index.numbers.push(*number as u32);
            for &endpoint in labels(*number) {
                if let Some(labelled) = index.labelled.get_mut(endpoint as usize) {
                    labelled.push(place as u32);
                }
            }
        }
        index
    }

    /// For every endpoint the nearest molecules to one of this ECFP4. Of molecules as near
    /// as each other smaller ones come first, the larger of them before the others, and
    /// then those of the same size and larger ones, the smaller first.
    pub(super) fn nearest(&self, fingerprint: &Fingerprint) -> Vec<Nearest> {
        let similarities = self.similarities(fingerprint);
        let own = fingerprint.count_ones();
        let start = self.ones.partition_point(|&ones| ones < own) as u32;
        let of_endpoint = |labelled: &Vec<u32>| {
            let mut nearest = Nearest::default();
            let (smaller, others) =
                labelled.split_at(labelled.partition_point(|&place| place < start));
            for piece in smaller.rchunks(PIECE) {
                if !self.look_at(piece.iter().rev(), own, &similarities, &mut nearest) {
                    break;
                }
            }
            for piece in others.chunks(PIECE) {
                if !self.look_at(piece.iter(), own, &similarities, &mut nearest) {
                    break;
                }
            }
            nearest
        };
        self.labelled.iter().map(of_endpoint).collect()
    }

    /// Takes the molecules at `places` into account, which go away from the size `own`;
    /// false where none of them and none beyond can be nearer than those that are known.
    #[inline(always)]
    fn look_at<'a>(
        &self,
        places: impl Iterator<Item = &'a u32>,
        own: u32,
        similarities: &[f64],
        nearest: &mut Nearest,
    ) -> bool {
        let mut places = places.peekable();
        let mut bound = nearest.bound();
        // A similarity is at most the ratio of the numbers of bits.
        let can_be_nearer = places.peek().is_some_and(|&&place| {
            let theirs = self.ones[place as usize];
            let (less, more) = (own.min(theirs), own.max(theirs));
            f64::from(less) / f64::from(more.max(1)) > bound
        });
        if can_be_nearer {
            for &place in places {
                let similarity = similarities[place as usize];
                if similarity > bound {
                    nearest.add(self.numbers[place as usize] as usize, similarity);
                    bound = nearest.bound();
                }
            }
        }
        can_be_nearer
    }

    /// The Tanimoto similarity to every molecule.
    fn similarities(&self, fingerprint: &Fingerprint) -> Vec<f64> {
        let mut similarities = vec![0.0; self.ones.len()];
        let own = fingerprint.count_ones();
        let digits = (own.checked_ilog2().map_or(0, |digit| digit as usize) + 1).min(DIGITS);
        let columns: Vec<&[u64]> = fingerprint
            .bits()
            .filter_map(|bit| self.columns.get(bit * self.stride..)?.get(..self.stride))
            .collect();
        vectorised(
            #[inline(always)]
            || {
                let blocks = similarities.chunks_mut(64 * BLOCK);
                for (block, (similarities, theirs)) in
                    blocks.zip(self.ones.chunks(64 * BLOCK)).enumerate()
                {
                    let mut shared = [0u16; 64 * BLOCK];
                    let counts = count(&columns, block, digits);
                    spread(&counts[..digits], &mut shared);
                    for ((similarity, &theirs), shared) in
                        similarities.iter_mut().zip(theirs).zip(shared)
                    {
                        let both = u32::from(shared);
                        // None at all are in neither: 0, as RDKit has it.
                        let either = (own + theirs - both).max(1);
                        *similarity = f64::from(both) / f64::from(either);
                    }
                }
            },
        );
        similarities
    }
}

/// In how many of `columns` each molecule of a block is, as binary numbers of so many
/// `digits`, the lowest first.
#[inline(always)]
fn count(columns: &[&[u64]], block: usize, digits: usize) -> [Bits; DIGITS] {
    let mut counts = [[0; BLOCK]; DIGITS];
    let of = |column: &&[u64]| -> Bits {
        let own = column[block * BLOCK..].first_chunk();
        *own.expect("columns are whole blocks")
    };
    let (fours, rest) = columns.as_chunks::<4>();
    for four in fours {
        let [a, b, c, d] = four;
        let first = add(&mut counts[0], of(a), of(b));
        let second = add(&mut counts[0], of(c), of(d));
        let mut carry = add(&mut counts[1], first, second);
        for count in &mut counts[2..digits.max(2)] {
            carry = add(count, carry, [0; BLOCK]);
        }
    }
    for column in rest {
        let mut carry = of(column);
        for count in &mut counts[..digits] {
            carry = add(count, carry, [0; BLOCK]);
        }
    }
    counts
}

/// Adds two bits to a digit of each molecule; what is carried to the next.
#[inline(always)]
fn add(digit: &mut Bits, a: Bits, b: Bits) -> Bits {
    std::array::from_fn(|i| {
        let half = a[i] ^ b[i];
        let carry = (a[i] & b[i]) | (digit[i] & half);
        digit[i] ^= half;
        carry
    })
}

/// Binary numbers, their digits apart, as integers.
#[inline(always)]
fn spread(digits: &[Bits], numbers: &mut [u16; 64 * BLOCK]) {
    for (eight, numbers) in numbers.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let (word, shift) = (eight / 8, eight % 8 * 8);
        let mut bytes = [0u64; 2];
        for (place, digit) in digits.iter().enumerate() {
            let bits = SPREAD[usize::from((digit[word] >> shift) as u8)];
            bytes[place / 8] |= bits << (place % 8);
        }
        let (low, high) = (bytes[0].to_le_bytes(), bytes[1].to_le_bytes());
        for ((number, low), high) in numbers.iter_mut().zip(low).zip(high) {
            *number = u16::from_le_bytes([low, high]);
        }
    }
}

/// For every byte a word whose bytes are its bits, the lowest first.
const SPREAD: [u64; 256] = {
    let mut words = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            words[byte] |= (byte as u64 >> bit & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    words
};

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const ENDPOINTS: usize = 5;

    /// Fingerprints of all sizes, with several of each, some of them the same.
    fn fingerprints(count: usize, random: &mut SmallRng) -> Vec<Fingerprint> {
        let mut all: Vec<Fingerprint> = Vec::new();
        for _ in 0..count {
            let one = match all.len() {
                known if known > 0 && random.random_bool(0.1) => {
                    all[random.random_range(0..known)].clone()
                }
                _ => {
                    let ones = match random.random_range(0..20) {
                        0 => random.random_range(0..=ECFP4.bits),
                        1 => random.random_range(0..3),
                        _ => random.random_range(20..60),
                    };
                    // Low bits are the commoner, so that similarities are of all sizes.
                    let bits = (0..ones).map(|_| {
                        let most = random.random_range(1..=ECFP4.bits);
                        random.random_range(0..most)
                    });
                    Fingerprint::of_bits(ECFP4.bits, bits.collect()).expect("within")
                }
            };
            all.push(one);
        }
        all.push(Fingerprint::of_bits(ECFP4.bits, (0..ECFP4.bits).collect()).expect("within"));
        all
    }

    /// By the definition, in the order that the index promises.
    fn nearest(
        own: &Fingerprint,
        all: &[(Fingerprint, usize)],
        labels: &[Vec<u32>],
    ) -> Vec<Nearest> {
        let mut sorted: Vec<_> = all.iter().collect();
        sorted.sort_by_key(|(fingerprint, _)| fingerprint.count_ones());
        let (mut order, larger): (Vec<_>, Vec<_>) = sorted
            .into_iter()
            .partition(|(fingerprint, _)| fingerprint.count_ones() < own.count_ones());
        order.reverse();
        order.extend(larger);
        let of_endpoint = |endpoint: usize| {
            order
                .iter()
                .filter(|(_, number)| labels[*number].contains(&(endpoint as u32)))
                .map(|(fingerprint, number)| (*number, own.tanimoto(fingerprint)))
                .collect()
        };
        (0..ENDPOINTS).map(of_endpoint).collect()
    }

    #[test]
    fn the_nearest_are_those_of_the_definition() {
        let mut random = SmallRng::seed_from_u64(31);
        for count in [0, 1, 63, 511, 1_600] {
            let known = fingerprints(count, &mut random);
            // Some could not be read, and have no part.
            let all: Vec<(Fingerprint, usize)> = (known.iter().cloned().zip(0..))
                .filter(|(_, number)| number % 7 != 3)
                .collect();
            let labels: Vec<Vec<u32>> = known
                .iter()
                .map(|_| {
                    // The last endpoint has few, and there are labels of endpoints that are not asked for.
                    (0..ENDPOINTS as u32 + 1)
                        .filter(|&endpoint| {
                            random.random_bool(if endpoint == 4 { 0.01 } else { 0.4 })
                        })
                        .collect()
                })
                .collect();
            let index = NeighbourIndex::new(all.clone(), ENDPOINTS, |number| &labels[number]);
            let mut asked = fingerprints(60, &mut random);
            asked.extend(known.iter().take(40).cloned());
            for own in &asked {
                assert_eq!(
                    index.nearest(own),
                    nearest(own, &all, &labels),
                    "{count} molecules, {} bits",
                    own.count_ones()
                );
            }
        }
    }
}
