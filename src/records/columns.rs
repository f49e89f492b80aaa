//! Which column is which: by the name the user gave, by the names people use,
//! or by what the values look like.

use super::RecordsError;

/// Names of a SMILES column, best first, without case and punctuation.
const SMILES_NAMES: [&str; 6] = [
    "smiles",
    "canonicalsmiles",
    "isomericsmiles",
    "cxsmiles",
    "smi",
    "structure",
];

/// Names of an identifying column, best first, without case and punctuation.
const ID_NAMES: [&str; 12] = [
    "id",
    "compoundid",
    "moleculeid",
    "molid",
    "cmpdid",
    "chemblid",
    "moleculechemblid",
    "identifier",
    "name",
    "compoundname",
    "moleculename",
    "title",
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
pub(super) fn named(columns: &[String], wanted: &str) -> Result<usize, RecordsError> {
    let folded = wanted.trim().to_lowercase();
    columns
        .iter()
        .position(|name| name == wanted)
        .or_else(|| {
            columns
                .iter()
                .position(|name| name.trim().to_lowercase() == folded)
        })
        .ok_or_else(|| RecordsError::UnknownColumn {
            wanted: wanted.to_owned(),
            columns: columns.to_vec(),
        })
}

/// The first column of whose values most look like SMILES.
///
/// One or two letters are no evidence (`N` may be a flag, `CO` a state) unless
/// there is no other column to choose.
pub(super) fn smiles_by_content(rows: &[Vec<String>]) -> Option<usize> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let counts = (0..width)
        .map(|column| {
            let values = rows.iter().filter_map(|row| row.get(column));
            let filled = values.filter(|value| !value.trim().is_empty());
            let (mut all, mut alike, mut strong) = (0, 0, 0);
            for value in filled {
                let like = looks_like_smiles(value);
                all += 1;
                alike += usize::from(like);
                strong += usize::from(like && value.trim().len() > 2);
            }
            (all, alike, strong)
        })
        .collect::<Vec<_>>();
    counts
        .iter()
        .position(|&(all, alike, strong)| strong > 0 && 2 * alike > all)
        .or_else(|| {
            counts
                .iter()
                .position(|&(all, alike, _)| all > 0 && alike == all)
        })
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
