use std::fmt;

use super::Identifier;

/// Why a text is not a molecule, or a molecule has no such form: the kind of
/// mistake and, where one character or one line is to blame, which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChemistryError {
    /// The kind of mistake.
    pub reason: Reason,
    /// The offending character, counted from 0 in the text as the user gave
    /// it, blanks included.
    pub position: Option<usize>,
    /// The offending line of a mol block, counted from 1. A malformed one is
    /// in the reason itself.
    pub line: Option<usize>,
}

impl ChemistryError {
    pub(super) fn new(reason: Reason) -> Self {
        Self {
            reason,
            position: None,
            line: None,
        }
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Reason::Unsupported { what: what.into() })
    }

    pub(super) fn at(reason: Reason, position: usize) -> Self {
        Self {
            position: Some(position),
            ..Self::new(reason)
        }
    }

    /// In line `line` of a mol block, counted from 1.
    pub(super) fn in_line(reason: Reason, line: usize) -> Self {
        Self {
            line: Some(line),
            ..Self::new(reason)
        }
    }
}

/// The kinds of mistake [`ChemistryError`] tells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is no text, or nothing but blanks.
    Empty,
    /// The text or the molecule exceeds a limit set against hostile input.
    TooLarge {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// The text names a molecule, and does not write it.
    Identifier(Identifier),
    /// A character stands where SMILES does not allow it.
    Syntax {
        /// What is wrong, as a clause.
        what: String,
    },
    /// A ring closure was opened and never closed.
    UnclosedRing {
        /// Its number.
        number: u32,
    },
    /// A parenthesis has no partner, or encloses nothing.
    Parentheses {
        /// What is wrong, as a clause.
        what: &'static str,
    },
    /// A bracket atom is malformed.
    BracketAtom {
        /// What is wrong, as a clause.
        what: String,
    },
    /// No element has this symbol.
    UnknownElement {
        /// The symbol as written.
        symbol: String,
    },
    /// A number of an atom is beyond what the formats can write.
    OutOfRange {
        /// What it is the number of: `charge`, `mass number`.
        what: &'static str,
        /// The atom's element, and its number where the text gives it one.
        atom: String,
        /// The number.
        value: i64,
        /// The smallest and the largest that can be written.
        range: [i64; 2],
    },
    /// An atom has more bonds than its element permits.
    Valence {
        /// The atom's element.
        element: String,
        /// Its explicit valence.
        valence: u32,
    },
    /// An aromatic atom takes part in no alternation of single and double
    /// bonds.
    Kekulization {
        /// The first such atom's element.
        element: String,
    },
    /// An atom stands for something unspecified: `*`, an R group, an attachment
    /// point.
    Wildcard,
    /// An atom or bond stands for several: an atom list, an `A`, a `~`.
    Query {
        /// What it is, with its article.
        what: String,
    },
    /// An atom has an unpaired electron.
    Radical {
        /// The atom's element, where it is known.
        element: String,
    },
    /// A bond that no covalent structure has.
    Bond {
        /// Its kind, without an article: `dative bond`.
        kind: &'static str,
    },
    /// The text writes a reaction.
    Reaction,
    /// No part of it has carbon.
    NoOrganicPart,
    /// The part that would be scored has a metal.
    Metal {
        /// The metal.
        element: String,
    },
    /// Two different organic parts are of one size.
    Mixture {
        /// Their canonical SMILES.
        parts: [String; 2],
    },
    /// A mol block is malformed.
    MolBlock {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, as a clause.
        what: String,
    },
    /// Rings share atoms in so many ways that they are not counted.
    RingSystem {
        /// How many relevant rings are counted in a molecule of this size.
        limit: usize,
    },
    /// The text may be valid, but says something this library does not model.
    Unsupported {
        /// What is not supported.
        what: String,
    },
}

impl Reason {
    /// A short name that stays the same from release to release, for tables
    /// of rejected records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too_large",
            Self::Identifier(_) => "identifier",
            Self::Syntax { .. } => "syntax",
            Self::UnclosedRing { .. } => "unclosed_ring",
            Self::Parentheses { .. } => "parentheses",
            Self::BracketAtom { .. } => "bracket_atom",
            Self::UnknownElement { .. } => "unknown_element",
            Self::OutOfRange { .. } => "out_of_range",
            Self::Valence { .. } => "valence",
            Self::Kekulization { .. } => "kekulization",
            Self::Wildcard => "wildcard",
            Self::Query { .. } => "query",
            Self::Radical { .. } => "radical",
            Self::Bond { .. } => "bond",
            Self::Reaction => "reaction",
            Self::NoOrganicPart => "no_organic_part",
            Self::Metal { .. } => "metal",
            Self::Mixture { .. } => "mixture",
            Self::MolBlock { .. } => "mol_block",
            Self::RingSystem { .. } => "ring_system",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

impl fmt::Display for ChemistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (self.position, self.line) {
            (Some(position), _) => format!(" at position {position}"),
            (None, Some(line)) => format!(" in line {line} of the mol block"),
            (None, None) => String::new(),
        };
        match &self.reason {
            Reason::Empty => write!(f, "there is no molecule here: the text is empty"),
            Reason::TooLarge { what, limit } => {
                write!(f, "too large: more than {limit} {what}{place}")
            }
            Reason::Identifier(identifier) => f.write_str(identifier.text()),
            Reason::Syntax { what } => write!(f, "{what}{place}"),
            Reason::UnclosedRing { number } => {
                write!(f, "ring closure {number} opened{place} is never closed")
            }
            Reason::Parentheses { what } => write!(f, "parenthesis{place} {what}"),
            Reason::BracketAtom { what } => write!(f, "bracket atom: {what}{place}"),
            Reason::UnknownElement { symbol } => write!(f, "unknown element `{symbol}`{place}"),
            Reason::OutOfRange {
                what,
                atom,
                value,
                range: [low, high],
            } => write!(
                f,
                "atom {atom}{place}: {what} {value} is out of range ({low} to {high})"
            ),
            Reason::Valence { element, valence } => write!(
                f,
                "atom {element}{place}: explicit valence {valence} is greater than permitted"
            ),
            Reason::Kekulization { element } => write!(
                f,
                "aromatic atom {element}{place}: single and double bonds cannot alternate here \
                 (a hydrogen may be missing, as in [nH])"
            ),
            Reason::Wildcard => write!(
                f,
                "wildcard or R group{place}: the structure is not fully specified"
            ),
            Reason::Query { what } => {
                write!(f, "{what}{place}: this is a query and not one molecule")
            }
            Reason::Radical { element } if element.is_empty() => {
                write!(f, "radical{place}: an atom has an unpaired electron")
            }
            Reason::Radical { element } => write!(
                f,
                "radical: atom {element}{place} has an unpaired electron (a hydrogen or a charge \
                 may be missing)"
            ),
            Reason::Bond { kind } => write!(
                f,
                "{kind}{place}: the models know single, double, triple and aromatic bonds"
            ),
            Reason::Reaction => write!(
                f,
                "reaction arrow `>`{place}: this is a reaction and not one molecule"
            ),
            Reason::NoOrganicPart => write!(f, "no organic part: nothing here contains carbon"),
            Reason::Metal { element } => write!(
                f,
                "metal: {element}{place}: the models know only covalent organic molecules (draw a \
                 salt by its ions: CC(=O)[O-].[Na+])"
            ),
            Reason::Mixture { parts: [a, b] } => write!(
                f,
                "mixture: the parts `{a}` and `{b}` are different and of one size: leave out what \
                 is not meant, or give each a row of its own"
            ),
            Reason::MolBlock { line, what } => write!(f, "mol block, line {line}: {what}"),
            Reason::RingSystem { limit } => write!(
                f,
                "ring system too complex: more than {limit} relevant rings (those that are no \
                 sum of shorter ones), the most that are counted in a molecule of this size"
            ),
            Reason::Unsupported { what } => write!(f, "{what}{place} is not supported"),
        }
    }
}

impl std::error::Error for ChemistryError {}
