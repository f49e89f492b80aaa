//! Texts that name a molecule and do not write it: InChI, InChIKey, CAS number, name.
//!
//! Each is looked for only in what is no SMILES, so that none is taken from a user.

use super::Reason;

/// What a text is that stands in the place of a SMILES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identifier {
    /// `InChI=1S/…`, with or without its prefix.
    InChI,
    /// Three blocks of capitals: a hash of an InChI.
    InChIKey,
    /// A registry number of the Chemical Abstracts Service.
    Cas,
    /// Letters that are no atoms.
    Name,
}

impl Identifier {
    /// What it is and what to do about it, as a clause.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::InChI => {
                "this is an InChI, not a SMILES: convert it first, for example with RDKit, Open \
                 Babel or PubChem"
            }
            Self::InChIKey => {
                "this is an InChIKey, not a SMILES: a structure cannot be computed from it, so look \
                 it up, for example in PubChem, and give the SMILES found there"
            }
            Self::Cas => {
                "this is a CAS number, not a SMILES: look it up, for example in PubChem, and give \
                 the SMILES found there"
            }
            Self::Name => {
                "this looks like a name, not a SMILES: look it up, for example in PubChem, and \
                 give the SMILES found there"
            }
        }
    }
}

/// What `text` is, whose first word was found to be no SMILES for `reason`; `None` where it
/// may have been meant as one.
pub(super) fn of(text: &str, reason: &Reason) -> Option<Identifier> {
    let text = text.trim();
    let word = text.split_whitespace().next()?;
    if is_inchi(word) {
        Some(Identifier::InChI)
    } else if is_inchi_key(word) {
        Some(Identifier::InChIKey)
    } else if is_cas(text) || is_cas(word) {
        Some(Identifier::Cas)
    } else if matches!(reason, Reason::Syntax { .. } | Reason::Parentheses { .. }) && is_name(word)
    {
        Some(Identifier::Name)
    } else {
        None
    }
}

/// `InChI=1S/C2H6O/…`.
pub(crate) fn begins_as_inchi(word: &str) -> bool {
    let prefix = word.get(..INCHI.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(INCHI))
}

const INCHI: &str = "InChI=";

/// The same, also where the prefix was lost: `1S/C2H6O/…`.
fn is_inchi(word: &str) -> bool {
    let formula = ["1S/", "1/"].iter().find_map(|it| word.strip_prefix(it));
    let is_formula = |rest: &str| rest.starts_with(|it: char| it.is_ascii_uppercase());
    begins_as_inchi(word) || formula.is_some_and(is_formula)
}

/// `BSYNRYMUTXBXSQ-UHFFFAOYSA-N`; `InChIKey=` may stand before it.
fn is_inchi_key(word: &str) -> bool {
    let key = match word.split_at_checked(9) {
        Some((prefix, key)) if prefix.eq_ignore_ascii_case("inchikey=") => key,
        _ => word,
    };
    let blocks: Vec<&str> = key.split('-').collect();
    let lengths: Vec<usize> = blocks.iter().map(|block| block.len()).collect();
    let capitals = |block: &&str| block.bytes().all(|letter| letter.is_ascii_uppercase());
    lengths == [14, 10, 1] && blocks.iter().all(capitals)
}

/// `50-78-2`; `CAS` may stand before it.
fn is_cas(text: &str) -> bool {
    let number = match text.split_at_checked(3) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("cas") => {
            rest.trim_start_matches(|it: char| it.is_whitespace() || matches!(it, ':' | '#' | '-'))
        }
        _ => text,
    };
    let blocks: Vec<&str> = number.split('-').collect();
    let digits = |block: &&str| block.bytes().all(|byte| byte.is_ascii_digit());
    matches!(blocks[..], [a, b, c] if (2..=7).contains(&a.len()) && b.len() == 2 && c.len() == 1)
        && blocks.iter().all(digits)
}

/// Whether a word has the letters of a name: more than two of five, and two at least, stand
/// for no atom. A typing error has fewer.
///
/// A name too has brackets: `benzo[a]pyrene`, `imidazo[1,2-a]pyridine`, `[14C]urea`. Those
/// that could be an atom's tell nothing, so that what stands outside of them decides; the
/// letters of the others count.
fn is_name(word: &str) -> bool {
    // Bonds of two and three electron pairs, and stereo are in no name.
    if word.contains(['=', '#', '@', '/', '\\', '.', '%', '*', '$']) {
        return false;
    }
    let word = without_bracket_atoms(word);
    // Halogens are written by two letters.
    let word = word.replace("Cl", "C").replace("Br", "B");
    let letters: Vec<char> = word.chars().filter(|it| it.is_alphabetic()).collect();
    let atoms = "BCNOPSFIbcnops";
    let foreign = letters.iter().filter(|&&it| !atoms.contains(it)).count();
    foreign >= 2 && 5 * foreign > 2 * letters.len()
}

/// A word without the brackets that write an atom. The last may lack its end.
fn without_bracket_atoms(word: &str) -> String {
    let mut parts = word.split('[');
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, after) = part.split_once(']').unwrap_or((part, ""));
        let kept = match is_bracket_atom(inside) {
            true => after,
            false => part,
        };
        rest.push_str(kept);
    }
    rest
}

/// Whether the text of a bracket has the shape of an atom: isotope, symbol, hydrogen atoms,
/// charge and class, `13CH3`, `nH`, `NH3+`, `Ca++`, `C:1`. Whether there is such an element
/// is not asked.
fn is_bracket_atom(inside: &str) -> bool {
    let digits = |text: &mut &str| {
        *text = text.trim_start_matches(|it: char| it.is_ascii_digit());
    };
    let mut rest = inside;
    digits(&mut rest);
    let mut letters = rest.chars();
    let symbol = match (letters.next(), letters.next()) {
        (Some(first), Some(second))
            if first.is_ascii_uppercase() && second.is_ascii_lowercase() =>
        {
            2
        }
        (Some(first), _) if first.is_ascii_uppercase() => 1,
        (Some('a' | 's'), Some('s' | 'e')) | (Some('t'), Some('e')) => 2,
        (Some('b' | 'c' | 'n' | 'o' | 'p' | 's'), _) => 1,
        _ => return false,
    };
    rest = &rest[symbol..];
    if let Some(after) = rest.strip_prefix('H') {
        rest = after;
        digits(&mut rest);
    }
    rest = rest.trim_start_matches(['+', '-']);
    digits(&mut rest);
    if let Some(class) = rest.strip_prefix(':') {
        rest = class;
        digits(&mut rest);
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::{Molecule, Reason};
    use super::Identifier;

    #[track_caller]
    fn found(text: &str) -> Option<Identifier> {
        match Molecule::parse(text).expect_err(text).reason {
            Reason::Identifier(identifier) => Some(identifier),
            _ => None,
        }
    }

    #[test]
    fn what_names_a_molecule_is_told_from_what_is_mistyped() {
        let inchi = "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)";
        for text in [
            inchi,
            &inchi[6..],
            "inchi=1/CH4/h1H4",
            "InChI=1S/CH4/h1H4 methane",
        ] {
            assert_eq!(found(text), Some(Identifier::InChI), "{text}");
        }
        for text in [
            "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
            " InChIKey=BSYNRYMUTXBXSQ-UHFFFAOYSA-N\taspirin",
        ] {
            assert_eq!(found(text), Some(Identifier::InChIKey), "{text}");
        }
        for text in [
            "50-78-2",
            "CAS 50-78-2",
            "CAS: 50-78-2",
            "1234567-89-0 aspirin",
        ] {
            assert_eq!(found(text), Some(Identifier::Cas), "{text}");
        }
        for text in [
            "aspirin",
            "Paracetamol",
            "caffeine",
            "acetylsalicylic acid",
            "2-acetoxybenzoic acid",
            "N-(4-hydroxyphenyl)acetamide",
            "DMSO",
            "CHEMBL25",
            "cocaine",
            // Brackets of names, of which some could be an atom's.
            "benzo[a]pyrene",
            "benzo[c]phenanthrene",
            "dibenzo[b,d]furan",
            "imidazo[1,2-a]pyridine",
            "[14C]urea",
        ] {
            assert_eq!(found(text), Some(Identifier::Name), "{text}");
        }
        // Mistyped, each with one character to blame.
        for text in [
            "CC(Ci)C",
            "CCX",
            "CCOMe",
            "1/2",
            "c1ccccc1Ph",
            "CC(=O)Ox",
            "CCé",
            "C1CC",
            "50-78",
            "12",
            "C(",
            "CC(=O)NMe",
            // Brackets of atoms.
            "[H]O[H])",
            "([H]O[H]",
            "[H][Si]([H])([H])[H])",
            "[2H]O[2H])",
            "[Na+]O[H])",
            "c1cc[nH]c1)",
            "[SiH3]C(",
            "[SeH]C[TeH])",
            "[CH3:1][OH:2])",
            "CC[SiH3",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
        assert!(Molecule::parse("CCCCCCCCCCCCCC-CCCCCCCCCC-C").is_ok());
        let error = Molecule::parse("50-78-2").expect_err("a CAS number");
        assert_eq!(error.reason.code(), "identifier");
        assert_eq!(
            error.to_string(),
            "this is a CAS number, not a SMILES: look it up, for example in PubChem, and give the \
             SMILES found there"
        );
    }
}
