//! Which column is which: by the name the user gave, by the names people use,
//! or by what the values look like.

use super::{Note, RecordsError};

/// Names of a SMILES column, best first, without case and punctuation. Those
/// with stereo come first: PubChem's canonical and connectivity SMILES have none.
const SMILES_NAMES: [&str; 8] = [
    "smiles",
    "isomericsmiles",
    "isosmiles",
    "canonicalsmiles",
    "connectivitysmiles",
    "cxsmiles",
    "smi",
    STRUCTURE,
];

/// The name of a column that may as well hold pictures.
const STRUCTURE: &str = "structure";

/// Names of an identifying column, best first, without case and punctuation.
const ID_NAMES: [&str; 20] = [
    "id",
    "compoundid",
    "moleculeid",
    "molid",
    "cmpdid",
    "chemblid",
    "moleculechemblid",
    "zincid",
    "cid",
    "pubchemcid",
    "bindingdbmonomerid",
    "idnumber",
    "catalogid",
    "identifier",
    "name",
    "compoundname",
    "moleculename",
    "title",
    "cmpdname",
    "compound",
];

/// `Canonical SMILES`, `canonical_smiles` and `CanonicalSmiles` are one name.
fn normalised(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether a header cell names a column of SMILES.
pub(super) fn is_smiles_name(name: &str) -> bool {
    let name = normalised(name);
    SMILES_NAMES.contains(&name.as_str()) || name.contains("smiles")
}

/// The SMILES column by its name: a customary name, else one that contains
/// the word.
pub(super) fn smiles_by_name(columns: &[String]) -> Option<usize> {
    by_name(columns, &SMILES_NAMES).or_else(|| columns.iter().position(|name| is_smiles_name(name)))
}

/// Whether a header cell is one of the usual names of a column of SMILES.
pub(super) fn is_customary_smiles_name(name: &str) -> bool {
    SMILES_NAMES.contains(&normalised(name).as_str())
}

/// The SMILES column of a table with these names and rows, and what is to be
/// said about the choice.
///
/// Among columns that are called so the values decide: the first whose values
/// look like SMILES. Where none do, a column called `structure` gives way to one
/// without a telling name.
pub(super) fn smiles(names: &[String], rows: &[Vec<String>]) -> Option<(usize, Option<Note>)> {
    smiles_among(names, rows, |column| column)
}

/// The same among columns whose places in the file, from 0, are `place`.
pub(super) fn smiles_among(
    names: &[String],
    rows: &[Vec<String>],
    place: impl Fn(usize) -> usize,
) -> Option<(usize, Option<Note>)> {
    let normal: Vec<String> = names.iter().map(|name| normalised(name)).collect();
    let mut called: Vec<usize> = SMILES_NAMES
        .iter()
        .flat_map(|known| (0..normal.len()).filter(|&column| normal[column] == *known))
        .collect();
    let others = (0..normal.len()).filter(|&column| {
        !SMILES_NAMES.contains(&normal[column].as_str()) && is_smiles_name(&names[column])
    });
    called.extend(others);
    let mut counts = counts(rows);
    counts.resize_with(names.len(), Counts::default);
    let column = if called.is_empty() {
        smiles_by_content(rows).filter(|&column| column < names.len())?
    } else {
        let mut telling = called.iter().filter(|&&it| normal[it] != STRUCTURE);
        let fitting = called.iter().find(|&&it| counts[it].fits());
        let named = fitting.or(telling.next()).copied();
        named.or_else(|| clear_smiles(&counts)).unwrap_or(called[0])
    };
    let others = called.iter().filter(|&&other| other != column);
    // Of one name, only their places tell columns apart.
    let called_so = |column: usize, is_shared: bool| match is_shared {
        true => format!("{} (column {})", names[column], place(column) + 1),
        false => names[column].clone(),
    };
    let is_shared = others.clone().any(|&other| names[other] == names[column]);
    let others: Vec<String> = others
        .map(|&other| called_so(other, is_shared && names[other] == names[column]))
        .collect();
    let by_values = !called.contains(&column);
    let note = (by_values || !others.is_empty()).then(|| Note::SmilesColumn {
        column: called_so(column, is_shared),
        others,
    });
    Some((column, note))
}

/// The identifying column by its name.
pub(super) fn id_by_name(columns: &[String]) -> Option<usize> {
    by_name(columns, &ID_NAMES)
}

fn by_name(columns: &[String], known: &[&str]) -> Option<usize> {
    let columns = columns
        .iter()
        .map(|name| normalised(name))
        .collect::<Vec<_>>();
    known
        .iter()
        .find_map(|known| columns.iter().position(|name| name == known))
}

/// The column the user asked for: the exact name, else the name ignoring case
/// and surrounding blanks.
///
/// # Errors
///
/// Where there is none, or there are several.
pub(super) fn named(columns: &[String], wanted: &str) -> Result<usize, RecordsError> {
    let places = |is_it: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let named = columns.iter().enumerate();
        let named = named.filter(|(_, name)| is_it(name));
        named.map(|(place, _)| place).collect()
    };
    let mut found = places(&|name| name == wanted);
    if found.is_empty() {
        let folded = wanted.trim().to_lowercase();
        found = places(&|name| name.trim().to_lowercase() == folded);
    }
    match found[..] {
        [column] => Ok(column),
        [] => Err(RecordsError::UnknownColumn {
            wanted: wanted.to_owned(),
            columns: columns.to_vec(),
        }),
        _ => Err(RecordsError::AmbiguousColumn {
            wanted: wanted.to_owned(),
            names_differ: (found.iter()).any(|&place| columns[place] != columns[found[0]]),
            columns: found
                .iter()
                .map(|&place| format!("{} (column {})", columns[place], place + 1))
                .collect(),
        }),
    }
}

/// The first column of whose values most look like SMILES.
///
/// One or two letters are no evidence (`N` may be a flag, `CO` a state) unless
/// there is no other column to choose.
pub(super) fn smiles_by_content(rows: &[Vec<String>]) -> Option<usize> {
    let counts = counts(rows);
    let all_alike = |it: &Counts| it.filled > 0 && it.alike == it.filled;
    clear_smiles(&counts).or_else(|| counts.iter().position(all_alike))
}

/// The first column whose values are clearly SMILES.
fn clear_smiles(counts: &[Counts]) -> Option<usize> {
    counts.iter().position(|it| it.strong > 0 && it.fits())
}

/// How many values of a column are something, look like SMILES, and are longer
/// than two letters at that.
#[derive(Default)]
struct Counts {
    filled: usize,
    alike: usize,
    strong: usize,
}

impl Counts {
    fn fits(&self) -> bool {
        2 * self.alike > self.filled
    }
}

fn counts(rows: &[Vec<String>]) -> Vec<Counts> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let count = |column: usize| {
        let values = rows.iter().filter_map(|row| row.get(column));
        let mut counts = Counts::default();
        for value in values.filter(|value| !value.trim().is_empty()) {
            let like = looks_like_smiles(value);
            counts.filled += 1;
            counts.alike += usize::from(like);
            counts.strong += usize::from(like && value.trim().len() > 2);
        }
        counts
    };
    (0..width).map(count).collect()
}

/// Whether text could be SMILES: its letters are atoms, its brackets and ring
/// closures pair up. No chemistry is judged; this only tells a column of
/// SMILES from columns of names and numbers.
pub(super) fn looks_like_smiles(text: &str) -> bool {
    let (smiles, _) = split_cxsmiles(text.trim());
    let mut rest = smiles.as_bytes();
    let (mut atoms, mut depth, mut open_rings) = (0, 0_usize, 0_u128);
    loop {
        rest = match rest {
            [] => return atoms > 0 && depth == 0 && open_rings == 0,
            [b'[', inside @ ..] => {
                let Some(length) = inside.iter().position(|&byte| byte == b']') else {
                    return false;
                };
                let is_atom = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'*';
                if !inside[..length].iter().any(is_atom) {
                    return false;
                }
                atoms += 1;
                &inside[length + 1..]
            }
            [b'C', b'l', rest @ ..] | [b'B', b'r', rest @ ..] => {
                atoms += 1;
                rest
            }
            [
                b'B' | b'C' | b'N' | b'O' | b'P' | b'S' | b'F' | b'I' | b'*' | b'b' | b'c' | b'n'
                | b'o' | b'p' | b's',
                rest @ ..,
            ] => {
                atoms += 1;
                rest
            }
            // Everything else follows an atom.
            _ if atoms == 0 => return false,
            [b'%', tens, ones, rest @ ..] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
                open_rings ^= 1 << (10 * (tens - b'0') + (ones - b'0'));
                rest
            }
            [digit, rest @ ..] if digit.is_ascii_digit() => {
                open_rings ^= 1 << (digit - b'0');
                rest
            }
            [b'(', rest @ ..] => {
                depth += 1;
                rest
            }
            [b')', rest @ ..] if depth > 0 => {
                depth -= 1;
                rest
            }
            [
                b'-' | b'=' | b'#' | b'$' | b':' | b'/' | b'\\' | b'~' | b'.',
                rest @ ..,
            ] => rest,
            _ => return false,
        };
    }
}

/// Splits `SMILES |extension| rest` into the SMILES and the rest; text without
/// an extension comes back whole, with `None`.
pub(super) fn split_cxsmiles(text: &str) -> (&str, Option<&str>) {
    let Some((smiles, rest)) = text.split_once(char::is_whitespace) else {
        return (text, None);
    };
    let rest = rest.trim_start();
    let closed = rest
        .strip_prefix('|')
        .and_then(|inside| inside.split_once('|'));
    match closed {
        Some((_, after)) => (smiles, Some(after)),
        None => (text, None),
    }
}
