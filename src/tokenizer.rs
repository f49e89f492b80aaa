//! SMILES to token ids, by the 42-entry vocabulary of MolBERT and DeLiCaTe.
//!
//! Two-character symbols (`Br`, `Cl`, `Si`, `Se`, `se`, `@@`) are one token;
//! every other token is one character.

use std::fmt;
use std::ops::Range;

/// Id of the padding token.
pub const PAD: u32 = 0;
/// Id of the token that opens every sequence, whose last state is pooled.
pub const CLS: u32 = 1;
/// Id of the token that closes every sequence.
pub const SEP: u32 = 2;
/// Id of the token that hides another one in masked language modelling.
pub const MASK: u32 = 3;

/// The vocabulary: the index of a token is its id.
const TOKENS: [&str; 42] = [
    "[PAD]", "[CLS]", "[SEP]", "[MASK]", "F", "H", "I", "B", "C", "N", "O", "P", "S", "Br", "Cl",
    "Si", "Se", "se", "@@", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "=", "@", "#", "%",
    "/", "\\", "(", ")", "+", "-", ".", "[", "]",
];

/// The stable name of what is longer than a model reads.
pub(crate) const TOO_LONG: &str = "too_long";

/// Why a SMILES has no token sequence. Positions count characters from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The vocabulary has no token for what stands at `position`.
    #[error("{}", outside(symbol))]
    OutOfVocabulary {
        /// The character or element.
        symbol: String,
        /// Where it stands in the SMILES that was tokenised.
        position: usize,
    },
    /// The sequence is longer than the model reads.
    #[error("{length} tokens, and the model reads at most {limit}: the molecule is too large")]
    TooLong {
        /// Tokens of the molecule, `[CLS]` and `[SEP]` included.
        length: usize,
        /// The model's limit.
        limit: usize,
    },
}

impl TokenError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfVocabulary { .. } => "out_of_vocabulary",
            Self::TooLong { .. } => TOO_LONG,
        }
    }
}

fn outside(symbol: &str) -> String {
    if symbol.starts_with(|first: char| first.is_ascii_uppercase()) {
        format!(
            "element outside the model: {symbol} (it knows H, B, C, N, O, F, Si, P, S, Cl, Se, Br \
             and I)"
        )
    } else {
        format!("`{symbol}` is not in the model's vocabulary")
    }
}

/// Why a `vocab.txt` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("vocab.txt, line {line}: expected the token `{expected}`, found `{found}`")]
pub struct VocabularyError {
    /// The line, from 1.
    pub line: usize,
    /// The token of the paper's vocabulary.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// The paper's vocabulary, one token a line, as models ship it (`vocab.txt`).
pub fn vocabulary() -> String {
    TOKENS.join("\n") + "\n"
}

/// The number of tokens.
pub const VOCABULARY_SIZE: usize = TOKENS.len();

/// Checks that `vocab.txt` is the vocabulary this tokenizer writes.
///
/// # Errors
///
/// At the first line that differs, is missing or is too much.
pub fn check_vocabulary(text: &str) -> Result<(), VocabularyError> {
    let mut lines = text.lines();
    for (index, &expected) in TOKENS.iter().enumerate() {
        let found = lines.next().unwrap_or_default();
        if found != expected {
            return Err(VocabularyError {
                line: index + 1,
                expected: expected.to_owned(),
                found: found.chars().take(40).collect(),
            });
        }
    }
    match lines.next() {
        Some(found) if !found.is_empty() => Err(VocabularyError {
            line: TOKENS.len() + 1,
            expected: String::new(),
            found: found.chars().take(40).collect(),
        }),
        _ => Ok(()),
    }
}

/// The id of the token that starts `rest`, and its length in characters.
fn first_token(rest: &[char]) -> Option<(u32, usize)> {
    let id = |token: &str| TOKENS.iter().position(|t| *t == token).map(|i| i as u32);
    if let [a, b, ..] = rest {
        let pair = [*a, *b];
        // `[`…`]` names of special tokens are longer, so no clash is possible.
        if let Some(found) = id(&pair.iter().collect::<String>()) {
            return Some((found, 2));
        }
    }
    let single = rest.first()?.to_string();
    id(&single).map(|found| (found, 1))
}

/// Tokenises a standardised Kekulé SMILES: `[CLS]`, its tokens, `[SEP]`.
///
/// # Errors
///
/// At the first symbol without a token, and where the sequence is longer than
/// `limit` tokens. Nothing is truncated and nothing becomes padding.
pub fn tokenize(smiles: &str, limit: usize) -> Result<Vec<u32>, TokenError> {
    let characters: Vec<char> = smiles.chars().collect();
    let mut ids = Vec::with_capacity(characters.len() + 2);
    ids.push(CLS);
    let mut position = 0;
    while let Some(rest) = characters.get(position..).filter(|rest| !rest.is_empty()) {
        let Some((id, length)) = element_aware(rest, position, &characters) else {
            return Err(TokenError::OutOfVocabulary {
                symbol: symbol_at(&characters, position),
                position,
            });
        };
        ids.push(id);
        position += length;
    }
    ids.push(SEP);
    if ids.len() > limit {
        return Err(TokenError::TooLong {
            length: ids.len(),
            limit,
        });
    }
    Ok(ids)
}

/// As [`first_token`], but an element that merely begins with the letter of
/// one in the vocabulary (`[Na]`, `[Fe]`, `[Sn]`) has no token.
fn element_aware(rest: &[char], position: usize, all: &[char]) -> Option<(u32, usize)> {
    let (id, length) = first_token(rest)?;
    if length == 1 && rest[0].is_ascii_uppercase() {
        let next_is_lower = rest.get(1).is_some_and(char::is_ascii_lowercase);
        if next_is_lower && inside_bracket(all, position) {
            return None;
        }
    }
    Some((id, length))
}

fn inside_bracket(characters: &[char], position: usize) -> bool {
    characters[..position]
        .iter()
        .rev()
        .find(|c| matches!(c, '[' | ']'))
        == Some(&'[')
}

/// The element symbol or single character at `position`, for messages.
fn symbol_at(characters: &[char], position: usize) -> String {
    let mut symbol = String::new();
    for (offset, &c) in characters[position..].iter().take(2).enumerate() {
        if offset == 0 || (symbol.starts_with(char::is_uppercase) && c.is_lowercase()) {
            symbol.push(c);
        }
    }
    symbol
}

/// The characters of the SMILES that each token of a sequence stands for; none
/// for `[CLS]`, `[SEP]` and padding.
pub fn spans(ids: &[u32]) -> Vec<Range<usize>> {
    let mut start = 0;
    let span = |&id: &u32| {
        let length = match id {
            PAD | CLS | SEP => 0,
            _ => TOKENS.get(id as usize).map_or(0, |token| token.len()),
        };
        start += length;
        start - length..start
    };
    ids.iter().map(span).collect()
}

/// Writes token ids as text, for messages and tests.
pub fn display(ids: &[u32]) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        ids.iter()
            .try_for_each(|&id| f.write_str(TOKENS.get(id as usize).copied().unwrap_or("[?]")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_where_the_tokens_stand() {
        let smiles = "CCl[N+](Br)=O";
        let ids = tokenize(smiles, 128).expect("in the vocabulary");
        let spans = spans(&ids);
        let texts: Vec<&str> = spans.iter().map(|span| &smiles[span.clone()]).collect();
        let expected = [
            "", "C", "Cl", "[", "N", "+", "]", "(", "Br", ")", "=", "O", "",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn the_ids_are_those_of_the_paper() {
        let id = |token| TOKENS.iter().position(|t| *t == token);
        assert_eq!(id("F"), Some(4));
        assert_eq!(id("S"), Some(12));
        assert_eq!(id("Br"), Some(13));
        assert_eq!(id("@@"), Some(18));
        assert_eq!(id("0"), Some(19));
        assert_eq!(id("="), Some(29));
        assert_eq!(id("]"), Some(41));
    }

    #[test]
    fn two_character_symbols_are_one_token() {
        let ids = tokenize("BrC[C@@H](Cl)[SiH2][Se]", 64).expect("all in the vocabulary");
        let expected = [
            1, 13, 8, 40, 8, 18, 5, 41, 35, 14, 36, 40, 15, 5, 21, 41, 40, 16, 41, 2,
        ];
        assert_eq!(ids, expected);
        assert_eq!(
            display(&ids).to_string(),
            "[CLS]BrC[C@@H](Cl)[SiH2][Se][SEP]"
        );
    }

    #[test]
    fn an_element_outside_the_vocabulary_is_an_error_with_its_place() {
        for (smiles, symbol, position) in [
            ("[Na]", "Na", 1),
            ("C[Sn]C", "Sn", 2),
            ("[Fe]", "Fe", 1),
            ("C*", "*", 1),
            ("[K+]", "K", 1),
            ("CC$C", "$", 2),
        ] {
            assert_eq!(
                tokenize(smiles, 64),
                Err(TokenError::OutOfVocabulary {
                    symbol: symbol.to_owned(),
                    position
                })
            );
        }
    }

    #[test]
    fn a_long_molecule_is_an_error_and_never_cut() {
        assert_eq!(tokenize("CCCC", 6).map(|ids| ids.len()), Ok(6));
        assert_eq!(
            tokenize("CCCCC", 6),
            Err(TokenError::TooLong {
                length: 7,
                limit: 6
            })
        );
    }

    #[test]
    fn a_vocabulary_file_must_be_the_papers() {
        assert_eq!(check_vocabulary(&vocabulary()), Ok(()));
        assert_eq!(vocabulary().lines().count(), VOCABULARY_SIZE);
        let swapped = vocabulary().replace("\nF\n", "\nXx\n");
        assert_eq!(check_vocabulary(&swapped).map_err(|e| e.line), Err(5));
        assert_eq!(
            check_vocabulary(&(vocabulary() + "more\n")).map_err(|e| e.line),
            Err(43)
        );
        assert_eq!(check_vocabulary("").map_err(|e| e.line), Err(1));
    }
}
