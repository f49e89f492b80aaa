use std::fmt;

/// Why a text is not a molecule, or a molecule has no such form: the kind of
/// mistake and, where one character is to blame, which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChemistryError {
    /// The kind of mistake.
    pub reason: Reason,
    /// The offending character, counted from 0 in the text as the user gave
    /// it, blanks included.
    pub position: Option<usize>,
}

impl ChemistryError {
    pub(super) fn new(reason: Reason) -> Self {
        Self {
            reason,
            position: None,
        }
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Reason::Unsupported { what: what.into() })
    }

    pub(super) fn at(reason: Reason, position: usize) -> Self {
        Self {
            reason,
            position: Some(position),
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
    /// A mol block is malformed.
    MolBlock {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, as a clause.
        what: String,
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
            Self::Syntax { .. } => "syntax",
            Self::UnclosedRing { .. } => "unclosed_ring",
            Self::Parentheses { .. } => "parentheses",
            Self::BracketAtom { .. } => "bracket_atom",
            Self::UnknownElement { .. } => "unknown_element",
            Self::Valence { .. } => "valence",
            Self::Kekulization { .. } => "kekulization",
            Self::MolBlock { .. } => "mol_block",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

impl fmt::Display for ChemistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.position {
            Some(position) => format!(" at position {position}"),
            None => String::new(),
        };
        match &self.reason {
            Reason::Empty => write!(f, "there is no molecule here: the text is empty"),
            Reason::TooLarge { what, limit } => {
                write!(f, "too large: more than {limit} {what}{place}")
            }
            Reason::Syntax { what } => write!(f, "{what}{place}"),
            Reason::UnclosedRing { number } => {
                write!(f, "ring closure {number} opened{place} is never closed")
            }
            Reason::Parentheses { what } => write!(f, "parenthesis{place} {what}"),
            Reason::BracketAtom { what } => write!(f, "bracket atom: {what}{place}"),
            Reason::UnknownElement { symbol } => write!(f, "unknown element `{symbol}`{place}"),
            Reason::Valence { element, valence } => write!(
                f,
                "atom {element}{place}: explicit valence {valence} is greater than permitted"
            ),
            Reason::Kekulization { element } => write!(
                f,
                "aromatic atom {element}{place}: single and double bonds cannot alternate here \
                 (a hydrogen may be missing, as in [nH])"
            ),
            Reason::MolBlock { line, what } => write!(f, "mol block, line {line}: {what}"),
            Reason::Unsupported { what } => write!(f, "{what}{place} is not supported"),
        }
    }
}

impl std::error::Error for ChemistryError {}
