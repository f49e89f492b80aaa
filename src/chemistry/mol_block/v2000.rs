//! The V2000 connection table: fixed-width fields, then property lines.

use super::super::{ChemistryError, Reason, ranges};
use super::groups::{self, Group};
use super::symbol::{Symbol, is_r_group};
use super::{
    AtomLine, BondLine, Hydrogens, Mark, Table, bond_order, check_counts, coordinate, integer,
    malformed, no_bond, query, refused, unsupported,
};

pub(super) fn read(lines: &[&str]) -> Result<Table, ChemistryError> {
    let count = |from, to| {
        let text = field(lines[3], from, to);
        text.parse::<usize>()
            .map_err(|_| malformed(3, format!("expected a count, found `{text}`")))
    };
    let (atoms, bonds) = (count(0, 3)?, count(3, 6)?);
    check_counts(atoms, bonds)?;
    let line_at = |at: usize| {
        let line = lines.get(at).copied();
        line.ok_or_else(|| malformed(lines.len(), "the block ends too early"))
    };
    let mut table = Table::default();
    for at in 4..4 + atoms {
        table.atoms.push(atom(line_at(at)?, at)?);
    }
    for at in 4 + atoms..4 + atoms + bonds {
        table.bonds.push(bond(line_at(at)?, at)?);
    }
    let properties = read_properties(lines, 4 + atoms + bonds, &mut table)?;
    groups::apply(properties, &mut table)?;
    Ok(table)
}

/// The fixed-width field `from..to` of a line, without blanks.
fn field(line: &str, from: usize, to: usize) -> &str {
    line.get(from..to.min(line.len())).unwrap_or("").trim()
}

fn atom(line: &str, at: usize) -> Result<AtomLine, ChemistryError> {
    if !line.is_ascii() {
        return Err(malformed(at, "only ASCII is allowed in an atom line"));
    }
    let number = |from, to| integer(field(line, from, to), at);
    let symbol = Symbol::parse(field(line, 31, 34), at)?;
    let mass_difference = number(34, 36)?;
    let isotope = if mass_difference == 0 {
        0
    } else {
        symbol.element.atomic_mass().round() as i32 + mass_difference
    };
    // Charges by the old code, where 4 is a doublet radical.
    let code = number(36, 39)?;
    if number(42, 45)? > 0 {
        return Err(query(at, "a query atom (its hydrogen count)"));
    }
    Ok(AtomLine {
        // Atoms begin in the fifth line.
        number: at as i32 - 3,
        place: [
            coordinate(field(line, 0, 10), at)?,
            coordinate(field(line, 10, 20), at)?,
            coordinate(field(line, 20, 30), at)?,
        ],
        charge: if code == 0 || code == 4 { 0 } else { 4 - code },
        radical: (code == 4).then_some(at),
        isotope,
        hydrogens: match number(48, 51)? {
            valence @ 1..=14 => Hydrogens::Valence(valence),
            15 => Hydrogens::Count(0),
            _ => Hydrogens::Implied,
        },
        map: number(60, 63)?,
        symbol,
        line: at,
    })
}

fn bond(line: &str, at: usize) -> Result<BondLine, ChemistryError> {
    let number = |from, to| integer(field(line, from, to), at);
    let (code, stereo) = (number(6, 9)?, number(9, 12)?);
    if number(15, 18)? > 0 {
        return Err(query(at, "a query bond (its topology)"));
    }
    let ends = [number(0, 3)?, number(3, 6)?];
    Ok(BondLine {
        atoms: ends.map(|end| (end.max(0) as usize).wrapping_sub(1)),
        order: bond_order(code, at)?,
        mark: match stereo {
            1 => Mark::Wedge,
            6 => Mark::Dash,
            3 if code == 2 => Mark::Unknown,
            4 if code == 1 => Mark::Unknown,
            _ => Mark::None,
        },
        line: at,
    })
}

/// The lines after the bonds. What concerns an atom or a bond goes into
/// `table`; S-groups are returned.
fn read_properties(
    lines: &[&str],
    from: usize,
    table: &mut Table,
) -> Result<Vec<Group>, ChemistryError> {
    let mut old_charges = true;
    let mut groups = Groups::default();
    let mut at = from;
    while let Some(line) = lines.get(at) {
        let tag = line.get(..6).unwrap_or(line);
        match tag {
            "M  END" => return Ok(groups.groups),
            "M  CHG" | "M  RAD" => {
                if old_charges {
                    // One such line declares all charges and radicals of the
                    // atom lines void.
                    old_charges = false;
                    for atom in &mut table.atoms {
                        atom.charge = 0;
                        atom.radical = None;
                    }
                }
                for (number, value) in pairs(line, at)? {
                    let atom = table.atom_mut(number, at)?;
                    if tag == "M  CHG" {
                        atom.check(ranges::CHARGE, value, at)?;
                        atom.charge = value;
                    } else {
                        atom.radical = (value != 0).then_some(at);
                    }
                }
            }
            "M  ISO" => {
                for (number, value) in pairs(line, at)? {
                    let atom = table.atom_mut(number, at)?;
                    atom.check(ranges::MASS, value, at)?;
                    atom.isotope = value;
                }
            }
            "M  ZCH" => {
                for (number, value) in pairs(line, at)? {
                    let atom = table.atom_mut(number, at)?;
                    atom.check(ranges::CHARGE, value, at)?;
                    atom.charge = value;
                }
            }
            "M  HYD" => {
                for (number, value) in pairs(line, at)? {
                    let atom = table.atom_mut(number, at)?;
                    atom.check(ranges::HYDROGENS, value, at)?;
                    atom.hydrogens = Hydrogens::Count(value);
                }
            }
            "M  ZBO" => zero_orders(line, at, table)?,
            "M  ALS" => return Err(query(at, "an atom list")),
            "M  RGP" | "M  LOG" => return Err(refused(at, Reason::Wildcard)),
            "M  APO" => return Err(refused(at, Reason::Wildcard)),
            "M  LIN" => return Err(unsupported(at, "a repeating unit (link node)")),
            "M  MRV" => return Err(query(at, "a query atom (SMARTS)")),
            "M  SUB" | "M  UNS" | "M  RBC"
                if pairs(line, at)?.iter().any(|&(_, value)| value != 0) =>
            {
                return Err(query(at, "a query atom"));
            }
            _ if tag.starts_with("M  S") => groups.line(line, at)?,
            _ if tag.starts_with("A  ") => {
                at += 1;
                let alias = lines.get(at).map_or("", |alias| alias.trim());
                if is_r_group(alias) {
                    return Err(refused(at, Reason::Wildcard));
                }
            }
            // A group's abbreviation is in the next line.
            _ if tag.starts_with("G  ") => at += 1,
            "S  SKP" => at += integer(field(line, 6, 9), at)?.max(0) as usize,
            // Before properties there were lists of atoms: `  1 F    2   7   6`.
            _ if matches!(field(line, 4, 5), "T" | "F")
                && field(line, 0, 3).parse::<u16>().is_ok() =>
            {
                return Err(query(at, "an atom list"));
            }
            // No property begins with a number: passed over, an atom or a bond
            // would be lost.
            _ if line
                .trim_start()
                .starts_with(|c: char| c.is_ascii_digit() || c == '-') =>
            {
                return Err(malformed(
                    at,
                    "a line of atoms or bonds beyond those that the counts line announces",
                ));
            }
            _ => {}
        }
        at += 1;
    }
    Err(malformed(
        lines.len(),
        "`M  END` is missing: the block may be cut off",
    ))
}

/// The pairs of a property line `M  TAGnn8 aaa vvv ...`; a value left out is 0.
fn pairs(line: &str, at: usize) -> Result<Vec<(i32, i32)>, ChemistryError> {
    let count = integer(field(line, 6, 9), at)?.max(0) as usize;
    let rest = line.get(9..).unwrap_or("");
    let spaced: Vec<&str> = rest.split_whitespace().collect();
    let value = |text: &str| integer(text, at);
    (0..count)
        .map(|pair| {
            let (number, text) = if spaced.len() == 2 * count {
                (spaced[2 * pair], spaced[2 * pair + 1])
            } else {
                let column = 9 + 8 * pair;
                (
                    field(line, column, column + 4),
                    field(line, column + 4, column + 8),
                )
            };
            if number.is_empty() {
                return Err(malformed(at, format!("expected {count} entries")));
            }
            Ok((value(number)?, value(text)?))
        })
        .collect()
}

/// `M  ZBO`: bonds whose order of the bond lines is void.
fn zero_orders(line: &str, at: usize, table: &mut Table) -> Result<(), ChemistryError> {
    for (number, order) in pairs(line, at)? {
        let index = usize::try_from(i64::from(number) - 1).ok();
        let bond = index.and_then(|index| table.bonds.get_mut(index));
        let bond = bond.ok_or_else(|| malformed(at, format!("there is no bond {number}")))?;
        if order == 0 {
            return Err(no_bond(at, "zero-order bond"));
        }
        bond.order = bond_order(order, at)?;
    }
    Ok(())
}

/// The S-groups, of which each line tells one thing.
#[derive(Default)]
struct Groups {
    groups: Vec<Group>,
    /// The number of each group in the file.
    numbers: Vec<i32>,
}

impl Groups {
    fn line(&mut self, line: &str, at: usize) -> Result<(), ChemistryError> {
        let tag = line.get(3..6).unwrap_or("");
        match tag {
            "STY" => {
                let words: Vec<&str> = line.get(9..).unwrap_or("").split_whitespace().collect();
                for pair in words.chunks_exact(2) {
                    self.numbers.push(integer(pair[0], at)?);
                    self.groups.push(Group::new(pair[1], at));
                }
            }
            "SAL" | "SBL" | "SPA" => {
                let numbers = list(line, at)?;
                if let Some(group) = self.group(line, at)? {
                    match tag {
                        "SAL" => group.atoms.extend(numbers),
                        "SPA" => group.parents.extend(numbers),
                        _ => group.bonds.extend(numbers),
                    }
                }
            }
            "SMT" => {
                let label = line.get(10..).unwrap_or("").trim().to_owned();
                if let Some(group) = self.group(line, at)? {
                    group.label = label;
                }
            }
            "SDT" => {
                let name = field(line, 11, 41).to_owned();
                let query = field(line, 63, 65).to_owned();
                if let Some(group) = self.group(line, at)? {
                    group.field = name;
                    group.query = query;
                }
            }
            "SCD" | "SED" => {
                let text = line.get(11..).unwrap_or("").to_owned();
                if let Some(group) = self.group(line, at)? {
                    group.data.push(text);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The group whose number stands in columns 8 to 10.
    fn group(&mut self, line: &str, at: usize) -> Result<Option<&mut Group>, ChemistryError> {
        let number = integer(field(line, 7, 10), at)?;
        let place = self.numbers.iter().position(|&known| known == number);
        Ok(place.map(|place| &mut self.groups[place]))
    }
}

/// The numbers of `M  SAL sssn15 aaa ...`.
fn list(line: &str, at: usize) -> Result<Vec<usize>, ChemistryError> {
    let words = line.get(13..).unwrap_or("").split_whitespace();
    words
        .map(|word| Ok(integer(word, at)?.max(0) as usize))
        .collect()
}
