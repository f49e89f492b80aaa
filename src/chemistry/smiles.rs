//! A scanner over SMILES, in front of the chemistry crate's parser.
//!
//! It knows the grammar RDKit accepts, which is both narrower (no bond before
//! a branch, no two-letter aromatic atom outside brackets) and wider (ring
//! closures `%(5)`) than the crate's, says where each atom stands, and refuses
//! what a hostile text could make expensive before anything is built.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chematic_core::Element;

use super::{ChemistryError, Note, Reason, cxsmiles, identifier, ranges};

/// Longest SMILES that is read, in bytes.
pub(super) const MAX_LENGTH: usize = 10_000;
/// Most atoms a molecule may have.
pub(super) const MAX_ATOMS: usize = 2_000;
/// Most atoms of a structure that is not fully specified.
pub(super) const MAX_TEMPLATE_ATOMS: usize = 1_000;
/// Most atoms that ring bonds may join. To find the rings of so many takes the crate half a
/// second where they are aromatic and drawn, and ten times as long with twice as many.
pub(super) const MAX_RING_SYSTEM: usize = 500;
/// Most ring closures (independent rings) a molecule may have: perceiving
/// rings and aromaticity costs more than linear time in their number.
pub(super) const MAX_RINGS: usize = 200;
/// Deepest nesting of branches: the crate's parser recurses once a level.
const MAX_DEPTH: usize = 200;

/// Where the atoms of a SMILES stand, and the SMILES as the crate reads it.
#[derive(Debug)]
pub(super) struct Scan {
    /// Byte range of every atom in the user's text, in order.
    pub(super) atoms: Vec<Range<usize>>,
    /// The SMILES without name and extension, in the crate's dialect.
    pub(super) smiles: String,
    /// What was read otherwise than it stands there.
    pub(super) notes: Vec<Note>,
}

/// The character index of byte `byte` of `text`.
pub(super) fn character(text: &str, byte: usize) -> usize {
    text.get(..byte)
        .map_or(text.len(), |before| before.chars().count())
}

/// Scans `text`: a SMILES, optionally between blanks and followed by a name or
/// by a CXSMILES extension that leaves the molecule as it is.
pub(super) fn scan(text: &str) -> Result<Scan, ChemistryError> {
    let trimmed = text.trim_start();
    let start = text.len() - trimmed.len();
    let smiles = trimmed.split([' ', '\t', '\r', '\n']).next().unwrap_or("");
    if smiles.is_empty() {
        return Err(ChemistryError::new(Reason::Empty));
    }
    if smiles.len() > MAX_LENGTH {
        return Err(too_large("characters", MAX_LENGTH));
    }
    let suffix = trimmed[smiles.len()..].trim();
    // A cell of a table may hold several lines, each a molecule.
    if let Some(end) = trimmed.trim_end().find(['\r', '\n']) {
        let what = "the text goes on in a second line".to_owned();
        let position = character(text, start + end);
        return Err(ChemistryError::at(Reason::Syntax { what }, position));
    }
    let mut name = suffix;
    if let Some(extension) = suffix.strip_prefix('|') {
        let closed = extension.split_once('|');
        name = closed.map_or("", |(_, after)| after.trim());
        let reason = match closed {
            Some((extension, _)) => cxsmiles::fault(smiles, extension),
            None => Some(Reason::Unsupported {
                what: "a CXSMILES extension without its closing `|`".into(),
            }),
        };
        if let Some(reason) = reason {
            let bar = start + trimmed.find('|').unwrap_or(0);
            return Err(ChemistryError::at(reason, character(text, bar)));
        }
    }
    if let Some(arrow) = reaction_arrow(smiles) {
        let position = character(text, start + arrow);
        return Err(ChemistryError::at(Reason::Reaction, position));
    }
    let scanner = Scanner::new(text, start, start + smiles.len(), MAX_DEPTH);
    let mut scan = scanner
        .run()
        .map_err(|error| named_otherwise(text, error))?;
    if !name.is_empty() {
        scan.notes.push(Note::Name);
    }
    Ok(scan)
}

/// The error of a text that is no SMILES: where it names a molecule in another way, that is
/// what is wrong, and not the first character that gives it away.
fn named_otherwise(text: &str, error: ChemistryError) -> ChemistryError {
    match identifier::of(text, &error.reason) {
        Some(identifier) => ChemistryError::new(Reason::Identifier(identifier)),
        None => error,
    }
}

/// Scans a SMILES that was written here: the writer may nest its branches as
/// deep as the molecule is large.
pub(super) fn scan_written(smiles: &str) -> Result<Scan, ChemistryError> {
    Scanner::new(smiles, 0, smiles.len(), usize::MAX).run()
}

/// Where a `>` stands that is no part of a dative bond: SMILES of reactions have two.
fn reaction_arrow(smiles: &str) -> Option<usize> {
    let mut arrows = smiles.match_indices('>').map(|(at, _)| at);
    let arrow = arrows.find(|&at| !smiles[..at].ends_with('-'));
    arrow.filter(|_| smiles.matches('>').count() >= 2)
}

fn too_large(what: &'static str, limit: usize) -> ChemistryError {
    ChemistryError::new(Reason::TooLarge { what, limit })
}

struct OpenRing {
    atom: usize,
    bond: Option<u8>,
    position: usize,
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    end: usize,
    max_depth: usize,
    atoms: Vec<Range<usize>>,
    smiles: String,
    /// The atom the next bond starts from.
    current: Option<usize>,
    /// The parent of each atom in the written tree.
    parent: Vec<Option<usize>>,
    /// The bond symbol waiting for its second atom.
    bond: Option<(u8, usize)>,
    branches: Vec<(Option<usize>, usize)>,
    /// Whether a branch was opened that has no atom yet.
    opening: bool,
    open_rings: BTreeMap<u32, OpenRing>,
    ring_bonds: BTreeSet<(usize, usize)>,
    notes: Vec<Note>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, start: usize, end: usize, max_depth: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: start,
            end,
            max_depth,
            atoms: Vec::new(),
            smiles: String::with_capacity(end - start),
            current: None,
            parent: Vec::new(),
            bond: None,
            branches: Vec::new(),
            opening: false,
            open_rings: BTreeMap::new(),
            ring_bonds: BTreeSet::new(),
            notes: Vec::new(),
        }
    }

    fn error(&self, reason: Reason, byte: usize) -> ChemistryError {
        ChemistryError::at(reason, character(self.text, byte))
    }

    fn syntax(&self, what: impl Into<String>, byte: usize) -> ChemistryError {
        self.error(Reason::Syntax { what: what.into() }, byte)
    }

    fn bracket(&self, what: impl Into<String>, byte: usize) -> ChemistryError {
        self.error(Reason::BracketAtom { what: what.into() }, byte)
    }

    fn peek(&self) -> Option<u8> {
        (self.at < self.end).then(|| self.bytes[self.at])
    }

    fn digit(&mut self) -> Option<u32> {
        let digit = self.peek().filter(u8::is_ascii_digit)?;
        self.at += 1;
        Some(u32::from(digit - b'0'))
    }

    /// Up to `most` digits as a number; `None` without any.
    fn number(&mut self, most: usize) -> Option<u32> {
        let mut value = self.digit()?;
        for _ in 1..most {
            let Some(digit) = self.digit() else { break };
            value = value * 10 + digit;
        }
        Some(value)
    }

    fn run(mut self) -> Result<Scan, ChemistryError> {
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => self.open_branch()?,
                b')' => self.close_branch()?,
                b'.' => self.dot()?,
                b'-' | b'=' | b'#' | b'$' | b':' | b'/' | b'\\' | b'~' | b'<' => {
                    self.bond_symbol(byte)?;
                }
                b'0'..=b'9' | b'%' => self.ring_closure()?,
                _ => self.atom(byte)?,
            }
        }
        if let Some((symbol, position)) = self.bond {
            let what = format!("bond `{}` leads nowhere", char::from(symbol));
            return Err(self.syntax(what, position));
        }
        if let Some(&(_, position)) = self.branches.last() {
            let what = "is never closed";
            return Err(self.error(Reason::Parentheses { what }, position));
        }
        let first_open = self.open_rings.iter().min_by_key(|(_, ring)| ring.position);
        if let Some((&number, ring)) = first_open {
            return Err(self.error(Reason::UnclosedRing { number }, ring.position));
        }
        if self.current.is_none() {
            return Err(self.syntax("`.` must separate two molecules", self.at - 1));
        }
        Ok(Scan {
            atoms: self.atoms,
            smiles: self.smiles,
            notes: self.notes,
        })
    }

    fn open_branch(&mut self) -> Result<(), ChemistryError> {
        if self.current.is_none() || self.bond.is_some() || self.opening {
            let what = "must follow an atom or a ring closure";
            return Err(self.error(Reason::Parentheses { what }, self.at));
        }
        if self.branches.len() >= self.max_depth {
            return Err(too_large("nested branches", self.max_depth));
        }
        self.branches.push((self.current, self.at));
        self.opening = true;
        self.smiles.push('(');
        self.at += 1;
        Ok(())
    }

    fn close_branch(&mut self) -> Result<(), ChemistryError> {
        if self.opening && self.bond.is_none() {
            let what = "encloses nothing";
            return Err(self.error(Reason::Parentheses { what }, self.at));
        }
        if let Some((symbol, position)) = self.bond {
            let what = format!("bond `{}` leads nowhere", char::from(symbol));
            return Err(self.syntax(what, position));
        }
        let Some((atom, _)) = self.branches.pop() else {
            let what = "closes nothing";
            return Err(self.error(Reason::Parentheses { what }, self.at));
        };
        self.current = atom;
        self.smiles.push(')');
        self.at += 1;
        Ok(())
    }

    fn dot(&mut self) -> Result<(), ChemistryError> {
        if self.current.is_none() || self.bond.is_some() || self.opening {
            return Err(self.syntax("`.` must separate two molecules", self.at));
        }
        if !self.branches.is_empty() {
            let what = "a `.` inside parentheses".into();
            return Err(self.error(Reason::Unsupported { what }, self.at));
        }
        self.current = None;
        self.smiles.push('.');
        self.at += 1;
        Ok(())
    }

    fn bond_symbol(&mut self, symbol: u8) -> Result<(), ChemistryError> {
        if self.current.is_none() || self.bond.is_some() {
            let what = format!("unexpected bond `{}`", char::from(symbol));
            return Err(self.syntax(what, self.at));
        }
        if symbol == b'~' {
            let what = "query bond `~` (any bond)".into();
            return Err(self.error(Reason::Query { what }, self.at));
        }
        let next = self.bytes[..self.end].get(self.at + 1);
        let arrow = match (symbol, next) {
            (b'-', Some(b'>')) => Some("->"),
            (b'<', Some(b'-')) => Some("<-"),
            (b'<', _) => return Err(self.unexpected()),
            _ => None,
        };
        self.bond = Some((symbol, self.at));
        // Text from source code may have each backslash twice.
        if symbol == b'\\' && next == Some(&b'\\') {
            self.at += 1;
            if self.notes.is_empty() {
                self.notes.push(Note::EscapedTwice);
            }
        }
        match arrow {
            Some(arrow) => {
                self.smiles.push_str(arrow);
                self.at += 2;
            }
            None => {
                self.smiles.push(char::from(symbol));
                self.at += 1;
            }
        }
        Ok(())
    }

    fn unexpected(&self) -> ChemistryError {
        let found = self.text[self.at..].chars().next().unwrap_or(' ');
        self.syntax(format!("unexpected `{}`", found.escape_debug()), self.at)
    }

    fn ring_closure(&mut self) -> Result<(), ChemistryError> {
        let position = self.at;
        let Some(atom) = self.current.filter(|_| !self.opening) else {
            return Err(self.syntax("ring closure without an atom before it", position));
        };
        let number = self.ring_number()?;
        let bond = self.bond.take().map(|(symbol, _)| symbol);
        match self.open_rings.remove(&number) {
            None => {
                let ring = OpenRing {
                    atom,
                    bond,
                    position,
                };
                self.open_rings.insert(number, ring);
            }
            Some(open) => {
                let pair = (open.atom.min(atom), open.atom.max(atom));
                let bonded =
                    self.parent[atom] == Some(open.atom) || self.parent[open.atom] == Some(atom);
                if open.atom == atom {
                    return Err(self.syntax("ring closure joins an atom to itself", position));
                }
                if bonded || !self.ring_bonds.insert(pair) {
                    let what = "ring closure joins two atoms that are already bonded";
                    return Err(self.syntax(what, position));
                }
                if self.ring_bonds.len() > MAX_RINGS {
                    return Err(too_large("ring closures", MAX_RINGS));
                }
                let is_slash = |bond| matches!(bond, b'/' | b'\\');
                match (open.bond, bond) {
                    (Some(first), Some(second)) if is_slash(first) && first == second => {
                        let what = "the slashes of a ring closure contradict each other";
                        return Err(self.syntax(what, position));
                    }
                    // Where the two ends disagree RDKit believes the first.
                    (Some(first), Some(second))
                        if first != second && !(is_slash(first) && is_slash(second)) =>
                    {
                        self.smiles.pop();
                    }
                    _ => {}
                }
            }
        }
        match number {
            0..=9 => self.smiles.push_str(&number.to_string()),
            10..=99 => self.smiles.push_str(&format!("%{number}")),
            _ => self.smiles.push_str(&format!("%({number})")),
        }
        Ok(())
    }

    fn ring_number(&mut self) -> Result<u32, ChemistryError> {
        let position = self.at;
        let malformed = "`%` needs two digits, or a number in parentheses";
        if self.peek() != Some(b'%') {
            return Ok(self.digit().unwrap_or(0));
        }
        self.at += 1;
        if self.peek() == Some(b'(') {
            self.at += 1;
            let number = self.number(5);
            let closed = self.peek() == Some(b')');
            self.at += 1;
            return number
                .filter(|_| closed)
                .ok_or_else(|| self.syntax(malformed, position));
        }
        let tens = self.digit().filter(|&tens| tens > 0);
        match (tens, self.digit()) {
            (Some(tens), Some(units)) => Ok(tens * 10 + units),
            _ => Err(self.syntax(malformed, position)),
        }
    }

    fn atom(&mut self, byte: u8) -> Result<(), ChemistryError> {
        let start = self.at;
        let next = self.bytes[..self.end].get(self.at + 1);
        match (byte, next) {
            (b'[', _) => self.bracket_atom()?,
            (b'C', Some(b'l')) | (b'B', Some(b'r')) => self.at += 2,
            (b'B' | b'C' | b'N' | b'O' | b'P' | b'S' | b'F' | b'I', _) => self.at += 1,
            (b'b' | b'c' | b'n' | b'o' | b'p' | b's' | b'*', _) => self.at += 1,
            _ => return Err(self.unexpected()),
        }
        if self.atoms.len() >= MAX_ATOMS {
            return Err(too_large("atoms", MAX_ATOMS));
        }
        self.smiles.push_str(&self.text[start..self.at]);
        self.parent.push(self.current);
        self.current = Some(self.atoms.len());
        self.atoms.push(start..self.at);
        self.bond = None;
        self.opening = false;
        Ok(())
    }

    fn bracket_atom(&mut self) -> Result<(), ChemistryError> {
        let open = self.at;
        self.at += 1;
        let isotope = self.at;
        let mass = self.number(5);
        let symbol = self.at;
        self.element(open)?;
        let symbol = symbol..self.at;
        self.check(ranges::MASS, mass.map_or(0, i64::from), &symbol, isotope)?;
        if self.peek() == Some(b'@') {
            self.chirality()?;
        }
        if self.peek() == Some(b'H') {
            self.at += 1;
            self.digit();
        }
        if let Some(sign @ (b'+' | b'-')) = self.peek() {
            let start = self.at;
            self.at += 1;
            let charge = if self.peek() == Some(sign) {
                self.at += 1;
                2
            } else {
                // More digits than the limit has, so that the number can be told.
                self.number(5).map_or(1, i64::from)
            };
            let charge = if sign == b'-' { -charge } else { charge };
            self.check(ranges::CHARGE, charge, &symbol, start)?;
        }
        if self.peek() == Some(b':') {
            self.at += 1;
            let map = self.at;
            match self.number(5) {
                None => return Err(self.bracket("`:` needs an atom map number", map)),
                Some(number) => self.check(ranges::ATOM_MAP, i64::from(number), &symbol, map)?,
            }
        }
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                Ok(())
            }
            None => Err(self.bracket("`[` is never closed", open)),
            Some(_) => {
                let found = self.text[self.at..].chars().next().unwrap_or(' ');
                let what = format!("unexpected `{}`", found.escape_debug());
                Err(self.bracket(what, self.at))
            }
        }
    }

    /// Whether `value`, which stands at `byte`, may be a number of the atom whose symbol
    /// stands at `symbol`.
    fn check(
        &self,
        number: ranges::Number,
        value: i64,
        symbol: &Range<usize>,
        byte: usize,
    ) -> Result<(), ChemistryError> {
        number
            .check(value, || self.text[symbol.clone()].to_owned())
            .map_err(|reason| self.error(reason, byte))
    }

    fn element(&mut self, open: usize) -> Result<(), ChemistryError> {
        let start = self.at;
        let text = &self.text[start..self.end];
        if text.starts_with('*') {
            self.at += 1;
            return Ok(());
        }
        if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let what = if text.is_empty() {
                "`[` is never closed"
            } else {
                "an element symbol is missing"
            };
            return Err(self.bracket(what, if text.is_empty() { open } else { start }));
        }
        // Lower-case letters belong to the capital before them; an aromatic
        // atom is one of a few, of which the longest wins.
        let lower = text.bytes().skip(1).take_while(u8::is_ascii_lowercase);
        let written = &text[..1 + lower.count()];
        let length = if written.as_bytes()[0].is_ascii_lowercase() {
            let aromatic = ["si", "as", "se", "te", "b", "c", "n", "o", "p", "s"];
            let symbol = aromatic.iter().find(|symbol| written.starts_with(*symbol));
            symbol.map(|symbol| symbol.len())
        } else {
            Element::from_symbol(written).map(|_| written.len())
        };
        let Some(length) = length else {
            let symbol = written.to_owned();
            return Err(self.error(Reason::UnknownElement { symbol }, start));
        };
        self.at += length;
        Ok(())
    }

    fn chirality(&mut self) -> Result<(), ChemistryError> {
        let start = self.at;
        self.at += 1;
        if self.peek() == Some(b'@') {
            self.at += 1;
            return Ok(());
        }
        let rest = &self.text[self.at..self.end];
        let classes = [("TH", 2), ("AL", 2), ("SP", 3), ("TB", 20), ("OH", 30)];
        let class = classes.iter().find(|(name, _)| rest.starts_with(name));
        if let Some(&(name, most)) = class {
            self.at += name.len();
            if self.number(2).is_some_and(|n| n == 0 || n > most) {
                let what = format!("`@{name}` has the arrangements 1 to {most}");
                return Err(self.bracket(what, start));
            }
        }
        Ok(())
    }
}
