//! The V3000 connection table: blocks of lines of words.

use std::collections::HashMap;

use super::super::{ChemistryError, Reason, ranges};
use super::groups::{self, Group};
use super::symbol::Symbol;
use super::{
    AtomLine, BondLine, Hydrogens, Mark, Table, bond_order, check_counts, coordinate, integer,
    malformed, no_bond, query, refused, unsupported,
};

/// The block within the table that lines belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Outside,
    Atoms,
    Bonds,
    Groups,
    /// Enhanced stereo groups say what a record of several molecules is, and
    /// are read as what the marks draw; so are highlights and 3D constraints.
    PassedOver,
}

pub(super) fn read(lines: &[&str]) -> Result<Table, ChemistryError> {
    let mut table = Table::default();
    let mut index_of = HashMap::new();
    let mut counts = None;
    let mut section = Section::Outside;
    let mut groups = Vec::new();
    let mut ended = false;
    let mut at = 4;
    while let Some((content, line)) = next(lines, &mut at)? {
        let Line::Content(content) = content else {
            ended = true;
            break;
        };
        let words = words(&content);
        let Some(first) = words.first() else {
            continue;
        };
        let keyword = first.to_ascii_uppercase();
        match keyword.as_str() {
            "BEGIN" => {
                let block = words.get(1).map(|word| word.to_ascii_uppercase());
                section = begin(block.as_deref().unwrap_or(""), line)?;
                continue;
            }
            "END" => {
                section = Section::Outside;
                continue;
            }
            "LINKNODE" => return Err(unsupported(line, "a repeating unit (link node)")),
            "COUNTS" => {
                let stated = counts_line(&words, line)?;
                check_counts(stated.0, stated.1)?;
                counts = Some(stated);
                continue;
            }
            _ => {}
        }
        match section {
            Section::Atoms => {
                let atom = atom(&words, line)?;
                if index_of.insert(atom.number, table.atoms.len()).is_some() {
                    return Err(malformed(line, format!("a second atom {}", atom.number)));
                }
                table.atoms.push(atom);
                check_counts(table.atoms.len(), 0)?;
            }
            Section::Bonds => {
                table.bonds.push(bond(&words, &index_of, line)?);
                check_counts(0, table.bonds.len())?;
            }
            Section::Groups => groups.extend(group(&words, &index_of, line)?),
            Section::Outside | Section::PassedOver => {}
        }
    }
    if counts != Some((table.atoms.len(), table.bonds.len())) {
        let what = "the atoms and bonds are not as many as the counts line says";
        return Err(malformed(lines.len(), what));
    }
    if !ended {
        let what = "`M  END` is missing: the block may be cut off";
        return Err(malformed(lines.len(), what));
    }
    groups::apply(groups, &mut table)?;
    Ok(table)
}

/// A line, its continuations joined.
enum Line {
    /// What follows `M  V30`.
    Content(String),
    /// `M  END`.
    End,
}

/// The next line, and where it begins; nothing after the last.
fn next(lines: &[&str], at: &mut usize) -> Result<Option<(Line, usize)>, ChemistryError> {
    while lines.get(*at).is_some_and(|line| line.trim().is_empty()) {
        *at += 1;
    }
    let start = *at;
    let Some(line) = lines.get(start) else {
        return Ok(None);
    };
    *at += 1;
    if line.starts_with("M  END") {
        return Ok(Some((Line::End, start)));
    }
    let Some(content) = content(line) else {
        return Err(malformed(
            start,
            "expected a line that begins with `M  V30`",
        ));
    };
    let mut joined = content.to_owned();
    // A hyphen at the end of a line continues it.
    while joined.ends_with('-') {
        joined.pop();
        let next = lines.get(*at).and_then(|line| self::content(line));
        joined.push_str(next.ok_or_else(|| malformed(*at, "a continued line ends here"))?);
        *at += 1;
    }
    Ok(Some((Line::Content(joined), start)))
}

/// What follows `M  V30 `; the last blank may have been trimmed with others.
fn content(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("M  V30")?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix(' ')
}

/// The words of a line: blanks in quotes and parentheses do not divide.
fn words(content: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut depth, mut quoted) = (None, 0_usize, false);
    for (at, byte) in content.bytes().enumerate() {
        match byte {
            b' ' | b'\t' if depth == 0 && !quoted => {
                if let Some(start) = start.take() {
                    words.push(&content[start..at]);
                }
                continue;
            }
            b'"' if depth == 0 => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        start.get_or_insert(at);
    }
    if let Some(start) = start {
        words.push(&content[start..]);
    }
    words
}

fn unquoted(word: &str) -> &str {
    let inner = word.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
    inner.unwrap_or(word)
}

fn begin(block: &str, line: usize) -> Result<Section, ChemistryError> {
    match block {
        "CTAB" => Ok(Section::Outside),
        "ATOM" => Ok(Section::Atoms),
        "BOND" => Ok(Section::Bonds),
        "SGROUP" => Ok(Section::Groups),
        "COLLECTION" | "OBJ3D" => Ok(Section::PassedOver),
        "RGROUP" => Err(refused(line, Reason::Wildcard)),
        "TEMPLATE" => Err(unsupported(line, "a template of monomers")),
        _ => Ok(Section::PassedOver),
    }
}

fn counts_line(words: &[&str], line: usize) -> Result<(usize, usize), ChemistryError> {
    let count = |place: usize| {
        let text = words.get(place).copied().unwrap_or("");
        text.parse()
            .map_err(|_| malformed(line, format!("expected a count: `{text}`")))
    };
    Ok((count(1)?, count(2)?))
}

/// The options `NAME=value` among `words`, names in capitals.
fn options<'a>(words: &[&'a str]) -> Vec<(String, &'a str)> {
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| (name.to_ascii_uppercase(), unquoted(value)))
        .collect()
}

fn atom(words: &[&str], line: usize) -> Result<AtomLine, ChemistryError> {
    let [number, symbol, x, y, z, map, rest @ ..] = words else {
        return Err(malformed(line, "too few fields"));
    };
    // An atom list may be divided by blanks: `NOT [C,N]`.
    let symbol = unquoted(symbol);
    let symbol = symbol.split_whitespace().next().unwrap_or(symbol);
    let mut atom = AtomLine {
        number: integer(number, line)?,
        symbol: Symbol::parse(symbol, line)?,
        place: [
            coordinate(x, line)?,
            coordinate(y, line)?,
            coordinate(z, line)?,
        ],
        charge: 0,
        isotope: 0,
        hydrogens: Hydrogens::Implied,
        radical: None,
        map: integer(map, line)?,
        line,
    };
    for (name, value) in options(rest) {
        let number = || integer(value, line);
        match name.as_str() {
            "CHG" => atom.charge = number()?,
            "MASS" => {
                // A fraction is cut, as elsewhere.
                let whole = value.split('.').next().unwrap_or(value);
                atom.isotope = integer(whole, line)?;
            }
            "RAD" => atom.radical = (number()? != 0).then_some(line),
            "VAL" => {
                atom.hydrogens = match number()? {
                    0 => Hydrogens::Implied,
                    // 15 is V2000's.
                    -1 | 15 => Hydrogens::Count(0),
                    valence => {
                        atom.check(ranges::VALENCE, valence, line)?;
                        Hydrogens::Valence(valence)
                    }
                }
            }
            "HCOUNT" | "SUBST" | "UNSAT" | "RBCNT" if value != "0" => {
                return Err(query(line, format!("a query atom ({name})")));
            }
            "RGROUPS" => return Err(refused(line, Reason::Wildcard)),
            "ATTCHPT" if value != "0" => return Err(refused(line, Reason::Wildcard)),
            _ => {}
        }
    }
    Ok(atom)
}

fn bond(
    words: &[&str],
    index_of: &HashMap<i32, usize>,
    line: usize,
) -> Result<BondLine, ChemistryError> {
    let [_, code, first, second, rest @ ..] = words else {
        return Err(malformed(line, "too few fields"));
    };
    let find = |text: &str| {
        let number = integer(text, line)?;
        let what = || malformed(line, format!("there is no atom {number}"));
        index_of.get(&number).copied().ok_or_else(what)
    };
    let code = integer(code, line)?;
    let mut bond = BondLine {
        order: bond_order(code, line)?,
        atoms: [find(first)?, find(second)?],
        mark: Mark::None,
        line,
    };
    for (name, value) in options(rest) {
        match (name.as_str(), value) {
            ("CFG", "1") => bond.mark = Mark::Wedge,
            ("CFG", "3") => bond.mark = Mark::Dash,
            ("CFG", "2") if code <= 2 => bond.mark = Mark::Unknown,
            // Open Babel 3.1.1 writes the codes of V2000 here, 4 and 6.
            ("CFG", other) if !["0", "2"].contains(&other) => {
                let what = format!("a bond's CFG is 0 to 3, and not `{other}`");
                return Err(malformed(line, what));
            }
            // A bond to several atoms at once, or to one of several.
            ("ENDPTS", _) => {
                let is_any = |(name, value): &(String, &str)| {
                    name == "ATTACH" && value.eq_ignore_ascii_case("ANY")
                };
                return Err(match options(rest).iter().any(is_any) {
                    true => unsupported(line, "a bond whose place varies (ENDPTS, ATTACH=ANY)"),
                    false => no_bond(line, "bond to several atoms (ENDPTS)"),
                });
            }
            ("TOPO", topology) if topology != "0" => {
                return Err(query(line, "a query bond (TOPO)"));
            }
            _ => {}
        }
    }
    Ok(bond)
}

/// An S-group: `1 DAT 0 ATOMS=(1 2) FIELDNAME=lot FIELDDATA="A 3"`.
fn group(
    words: &[&str],
    index_of: &HashMap<i32, usize>,
    line: usize,
) -> Result<Option<Group>, ChemistryError> {
    let [_, kind, rest @ ..] = words else {
        return Ok(None);
    };
    // Atoms by their place in the table, as in V2000.
    let place = |number: usize| {
        let number = i32::try_from(number).ok();
        number
            .and_then(|number| index_of.get(&number))
            .map_or(0, |index| index + 1)
    };
    let mut group = Group::new(kind, line);
    for (name, value) in options(rest) {
        match name.as_str() {
            "ATOMS" => group.atoms = list(value, line)?.into_iter().map(place).collect(),
            "PATOMS" => group.parents = list(value, line)?.into_iter().map(place).collect(),
            "BONDS" | "XBONDS" | "CBONDS" => group.bonds.extend(list(value, line)?),
            "MULT" => group.label = value.to_owned(),
            "FIELDNAME" => group.field = value.to_owned(),
            "FIELDDATA" => group.data.push(value.to_owned()),
            "QUERYTYPE" => group.query = value.to_owned(),
            _ => {}
        }
    }
    Ok(Some(group))
}

/// `(3 5 6 7)`: a count, and so many numbers.
fn list(value: &str, line: usize) -> Result<Vec<usize>, ChemistryError> {
    let inner = value.trim_start_matches('(').trim_end_matches(')');
    let numbers: Result<Vec<i32>, _> = inner
        .split_whitespace()
        .map(|word| integer(word, line))
        .collect();
    Ok(numbers?
        .into_iter()
        .skip(1)
        .map(|n| n.max(0) as usize)
        .collect())
}
