//! Mutations of a corpus: the same ones for a seed on every machine.

use std::path::Path;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Most changes of one input; half of them have one.
const CHANGES: usize = 8;
/// Longest part that is inserted, copied or repeated, in bytes.
const PART: usize = 4096;
/// Numbers at which something may tip over.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "7",
    "99",
    "100",
    "999",
    "1000",
    "65536",
    "-32769",
    "2147483648",
    "4294967296",
    "18446744073709551616",
    "1e309",
];

/// Changes what lies in a corpus.
#[derive(Clone, Copy)]
pub(super) struct Mutator<'a> {
    pub(super) seeds: &'a [Vec<u8>],
    /// What is worth inserting.
    pub(super) tokens: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    /// The input of a seed.
    pub(super) fn mutated(self, seed: u64) -> Vec<u8> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut input = self.any_seed(&mut random).to_vec();
        for _ in 0..CHANGES {
            self.change(&mut input, &mut random);
            if random.random() {
                break;
            }
        }
        input
    }

    fn any_seed(self, random: &mut ChaCha8Rng) -> &'a [u8] {
        self.seeds.choose(random).map_or(&[], Vec::as_slice)
    }

    fn change(self, input: &mut Vec<u8>, random: &mut ChaCha8Rng) {
        let length = input.len();
        let at = random.random_range(0..=length);
        let part = part(length, random);
        match random.random_range(0..13) {
            0 if at < length => input[at] ^= 1 << random.random_range(0..8),
            1 if at < length => input[at] = random.random(),
            2 => {
                let bytes: Vec<u8> = (0..random.random_range(1..9))
                    .map(|_| random.random())
                    .collect();
                input.splice(at..at, bytes);
            }
            3 => drop(input.drain(part)),
            4 => {
                let copy = input[part].to_vec();
                input.splice(at..at, copy);
            }
            5 => {
                let other = self.any_seed(random);
                let copy = other[self::part(other.len(), random)].to_vec();
                input.splice(part, copy);
            }
            6 | 7 => {
                if let Some(token) = self.tokens.choose(random) {
                    let end = if random.random() {
                        at
                    } else {
                        (at + token.len()).min(length)
                    };
                    input.splice(at..end, token.iter().copied());
                }
            }
            8 => change_number(input, at, random),
            9 => {
                // Few bytes, many times.
                let end = (at + random.random_range(1..9)).min(length);
                let piece = input[at..end].to_vec();
                let times = random.random_range(1..=PART / piece.len().max(1));
                let times = if random.random() {
                    times
                } else {
                    times.min(16)
                };
                input.splice(at..at, piece.repeat(times));
            }
            10 => input.truncate(at),
            11 => change_integer(input, at, random),
            _ => swap_lines(input, random),
        }
    }
}

/// A place of at most [`PART`] bytes in `length` ones; most are short.
fn part(length: usize, random: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let start = random.random_range(0..=length);
    let most = [4, 32, PART][random.random_range(0..3)];
    let end = start + random.random_range(0..=most);
    start..end.min(length)
}

/// Puts another number for the first that is written at or after `at`.
fn change_number(input: &mut Vec<u8>, at: usize, random: &mut ChaCha8Rng) {
    let rest = &input[at..];
    let Some(start) = rest.iter().position(u8::is_ascii_digit) else {
        return;
    };
    let digits = rest[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let place = at + start..at + start + digits.count();
    let number = NUMBERS[random.random_range(0..NUMBERS.len())];
    input.splice(place, number.bytes());
}

/// Puts an extreme for the bytes of an integer at `at`.
fn change_integer(input: &mut [u8], at: usize, random: &mut ChaCha8Rng) {
    let width = [1, 2, 4, 8][random.random_range(0..4)];
    let Some(bytes) = input.get_mut(at..at + width) else {
        return;
    };
    let step = random.random_range(1..=16_u64);
    let mut wide = [0; 8];
    wide[..width].copy_from_slice(bytes);
    let value = u64::from_le_bytes(wide);
    let value = match random.random_range(0..5) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX >> (8 * (8 - width) + 1),
        3 => value.wrapping_add(step),
        _ => value.wrapping_sub(step),
    };
    bytes.copy_from_slice(&value.to_le_bytes()[..width]);
}

fn swap_lines(input: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let mut lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    let (a, b) = (
        random.random_range(0..lines.len()),
        random.random_range(0..lines.len()),
    );
    lines.swap(a, b);
    *input = lines.join(&b'\n');
}

/// The tokens of a dictionary as libFuzzer reads it: lines of `"token"`, with `\\`,
/// `\"` and `\xAB`.
pub(super) fn dictionary(path: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(path).expect("a dictionary");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let quoted = lines.filter_map(|line| line.split_once('"')?.1.strip_suffix('"'));
    quoted.map(unescape).collect()
}

fn unescape(token: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = token.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = String::from_utf8_lossy(&[*high, *low]).into_owned();
                bytes.push(u8::from_str_radix(&digits, 16).expect("two digits"));
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) => {
                bytes.push(*escaped);
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}
