//! Random numbers as a function of a seed and a place.
//!
//! Every draw of a run comes from a generator that is made anew from the
//! run's seed and from where it is needed (epoch, chunk, batch). A run that is
//! resumed there draws the same numbers, on every platform, without a
//! generator's state in its checkpoint.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What numbers are drawn for; each purpose has a sequence of its own.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(super) enum SeedStream {
    /// Fresh weights.
    Weights = 1,
    /// Random SMILES and the order of molecules.
    Order,
    /// Which tokens are masked.
    Masks,
    /// Dropout.
    Dropout,
    /// Masks of validation.
    Validation,
}

/// A 64-bit number that depends on all of `place` (SplitMix64 over it).
pub(super) fn derive_seed(seed: u64, purpose: SeedStream, place: &[u64]) -> u64 {
    let mut state = seed ^ 0x6a09_e667_f3bc_c909;
    for &part in std::iter::once(&(purpose as u64)).chain(place) {
        state = state.wrapping_add(part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
    }
    state
}

/// The generator of a place.
pub(super) fn generator(seed: u64, purpose: SeedStream, place: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(derive_seed(seed, purpose, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_purpose_and_place_each_matter() {
        let all = [
            derive_seed(0, SeedStream::Order, &[1, 2]),
            derive_seed(1, SeedStream::Order, &[1, 2]),
            derive_seed(0, SeedStream::Masks, &[1, 2]),
            derive_seed(0, SeedStream::Order, &[2, 1]),
            derive_seed(0, SeedStream::Order, &[1]),
        ];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all[0], derive_seed(0, SeedStream::Order, &[1, 2]));
    }
}
