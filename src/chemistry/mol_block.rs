//! Mol blocks (CTfile V2000 and V3000) to the chemistry crate's molecules.

use std::collections::HashSet;

use chematic_core::{
    Atom, AtomIdx, BondIdx, BondOrder, Chirality, Element, Molecule, MoleculeBuilder,
    STEREO_H_SENTINEL, implicit_hcount,
};
use chematic_perception::{
    apply_ctab_local_parity_from_wedges_with_diagnostics, apply_ez_directions_from_2d_ex,
    apply_ez_directions_from_3d,
};

use super::smiles::{MAX_ATOMS, MAX_RINGS};
use super::{ChemistryError, Reason};

/// Longest mol block that is read, in bytes.
const MAX_LENGTH: usize = 4_000_000;

/// An atom as either format states it.
struct AtomLine {
    symbol: String,
    place: [f64; 3],
    charge: i32,
    isotope: u32,
    radical: u32,
    /// The total valence where stated; 0 bonds is `Some(0)`.
    valence: Option<u32>,
    map: u32,
    line: usize,
}

/// A bond as either format states it, atoms counted from 0.
struct BondLine {
    atoms: [usize; 2],
    order: BondOrder,
    /// Whether a double bond is said to be of unknown geometry.
    unspecified: bool,
    line: usize,
}

#[derive(Default)]
struct Table {
    atoms: Vec<AtomLine>,
    bonds: Vec<BondLine>,
}

fn malformed(line: usize, what: impl Into<String>) -> ChemistryError {
    ChemistryError::new(Reason::MolBlock {
        line: line + 1,
        what: what.into(),
    })
}

pub(super) fn read(block: &str) -> Result<Molecule, ChemistryError> {
    if block.trim().is_empty() {
        return Err(ChemistryError::new(Reason::Empty));
    }
    if block.len() > MAX_LENGTH {
        return Err(ChemistryError::new(Reason::TooLarge {
            what: "bytes",
            limit: MAX_LENGTH,
        }));
    }
    let lines: Vec<&str> = block.lines().map(str::trim_end).collect();
    let counts = lines.get(3).copied().unwrap_or_default();
    let table = if counts.contains("V3000") {
        read_v3000(&lines)?
    } else if counts.contains("V2000") || counts.len() >= 6 {
        read_v2000(&lines)?
    } else {
        return Err(malformed(
            3,
            "expected the counts line, with V2000 or V3000",
        ));
    };
    let flat = table.atoms.iter().all(|atom| atom.place[2] == 0.0);
    build(&table, flat)
}

/// The fixed-width field `from..to` of a line, without blanks.
fn field(line: &str, from: usize, to: usize) -> &str {
    line.get(from..to.min(line.len())).unwrap_or("").trim()
}

/// A fixed-width integer; empty is 0.
fn integer(text: &str, line: usize) -> Result<i32, ChemistryError> {
    match text {
        "" => Ok(0),
        _ => text
            .parse()
            .map_err(|_| malformed(line, format!("expected a number, found `{text}`"))),
    }
}

fn coordinate(text: &str, line: usize) -> Result<f64, ChemistryError> {
    match text {
        "" => Ok(0.0),
        _ => (text.parse().ok())
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| malformed(line, format!("expected a coordinate, found `{text}`"))),
    }
}

fn check_counts(atoms: usize, bonds: usize) -> Result<(), ChemistryError> {
    let too_large = |what, limit| Err(ChemistryError::new(Reason::TooLarge { what, limit }));
    if atoms > MAX_ATOMS {
        return too_large("atoms", MAX_ATOMS);
    }
    if bonds > MAX_ATOMS + MAX_RINGS {
        return too_large("bonds", MAX_ATOMS + MAX_RINGS);
    }
    Ok(())
}

fn bond_order(code: u32, stereo: u32, line: usize) -> Result<BondOrder, ChemistryError> {
    Ok(match (code, stereo) {
        (1, 1) => BondOrder::Up,
        (1, 6) => BondOrder::Down,
        (1, _) => BondOrder::Single,
        (2, _) => BondOrder::Double,
        (3, _) => BondOrder::Triple,
        (4, _) => BondOrder::Aromatic,
        (9, _) => BondOrder::Dative,
        (5..=8 | 10, _) => {
            let what = format!("a query bond (type {code}, line {})", line + 1);
            return Err(ChemistryError::unsupported(what));
        }
        _ => return Err(malformed(line, format!("no bond has type {code}"))),
    })
}

fn read_v2000(lines: &[&str]) -> Result<Table, ChemistryError> {
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
        let line = line_at(at)?;
        if !line.is_ascii() {
            return Err(malformed(at, "only ASCII is allowed in an atom line"));
        }
        let symbol = field(line, 31, 34).to_owned();
        let number = |from, to| integer(field(line, from, to), at);
        // Charges by the old code, where 4 is a doublet radical.
        let code = number(36, 39)?;
        let mass_difference = number(34, 36)?;
        let isotope = match Element::from_symbol(&symbol) {
            Some(element) if mass_difference != 0 => {
                (element.atomic_mass().round() as i32 + mass_difference).max(0)
            }
            _ => 0,
        };
        table.atoms.push(AtomLine {
            place: [
                coordinate(field(line, 0, 10), at)?,
                coordinate(field(line, 10, 20), at)?,
                coordinate(field(line, 20, 30), at)?,
            ],
            charge: if code == 0 || code == 4 { 0 } else { 4 - code },
            radical: if code == 4 { 2 } else { 0 },
            isotope: isotope as u32,
            valence: match number(48, 51)? {
                valence @ 1..=14 => Some(valence as u32),
                15 => Some(0),
                _ => None,
            },
            map: number(60, 63)?.max(0) as u32,
            symbol,
            line: at,
        });
    }
    for at in 4 + atoms..4 + atoms + bonds {
        let line = line_at(at)?;
        let number = |from, to| Ok(integer(field(line, from, to), at)?.max(0) as u32);
        let (code, stereo) = (number(6, 9)?, number(9, 12)?);
        let ends = [number(0, 3)?, number(3, 6)?];
        table.bonds.push(BondLine {
            atoms: ends.map(|end| (end as usize).wrapping_sub(1)),
            order: bond_order(code, stereo, at)?,
            unspecified: code == 2 && stereo == 3,
            line: at,
        });
    }
    read_properties(lines, 4 + atoms + bonds, &mut table)?;
    Ok(table)
}

/// The `M  CHG`, `M  ISO` and `M  RAD` lines, which override the atom lines.
fn read_properties(lines: &[&str], from: usize, table: &mut Table) -> Result<(), ChemistryError> {
    let mut old_charges = true;
    for (at, line) in lines.iter().enumerate().skip(from) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [m, tag, _, pairs @ ..] = fields.as_slice() else {
            if line.starts_with("M  END") {
                break;
            }
            continue;
        };
        if *m != "M" {
            continue;
        }
        if ["SRU", "MUL"]
            .iter()
            .any(|kind| *tag == "STY" && line.contains(kind))
        {
            let what = format!("a repeating unit (line {})", at + 1);
            return Err(ChemistryError::unsupported(what));
        }
        if !["CHG", "ISO", "RAD"].contains(tag) {
            continue;
        }
        if *tag != "ISO" && old_charges {
            // One such line declares all charges and radicals of the atom
            // lines void.
            old_charges = false;
            for atom in &mut table.atoms {
                atom.charge = 0;
                atom.radical = 0;
            }
        }
        for pair in pairs.chunks_exact(2) {
            let index = integer(pair[0], at)?;
            let value = integer(pair[1], at)?;
            let atom = usize::try_from(i64::from(index) - 1).ok();
            let Some(atom) = atom.and_then(|atom| table.atoms.get_mut(atom)) else {
                return Err(malformed(at, format!("there is no atom {index}")));
            };
            match *tag {
                "CHG" => atom.charge = value,
                "ISO" => atom.isotope = value.max(0) as u32,
                _ => atom.radical = value.max(0) as u32,
            }
        }
    }
    Ok(())
}

fn read_v3000(lines: &[&str]) -> Result<Table, ChemistryError> {
    let mut table = Table::default();
    let mut numbers: Vec<(usize, usize)> = Vec::new();
    let mut counts = None;
    let mut section = "";
    let mut at = 4;
    while let Some(line) = lines.get(at) {
        let start = at;
        at += 1;
        let Some(content) = line.strip_prefix("M  V30 ") else {
            continue;
        };
        // A trailing hyphen continues the line.
        let mut content = content.to_owned();
        while content.ends_with('-') {
            content.pop();
            match lines.get(at).and_then(|next| next.strip_prefix("M  V30 ")) {
                Some(next) => content.push_str(next),
                None => return Err(malformed(at, "a continued line ends here")),
            }
            at += 1;
        }
        let fields: Vec<&str> = content.split_whitespace().collect();
        match fields.as_slice() {
            ["BEGIN", "ATOM"] => section = "ATOM",
            ["BEGIN", "BOND"] => section = "BOND",
            ["BEGIN", "SGROUP" | "COLLECTION" | "OBJ3D"] => section = "OTHER",
            ["END", ..] => section = "",
            ["COUNTS", atoms, bonds, ..] => {
                let count = |text: &str| {
                    text.parse()
                        .map_err(|_| malformed(start, format!("expected a count: `{text}`")))
                };
                let stated = (count(atoms)?, count(bonds)?);
                check_counts(stated.0, stated.1)?;
                counts = Some(stated);
            }
            [_, kind, ..] if section == "OTHER" && ["SRU", "MUL"].contains(kind) => {
                let what = format!("a repeating unit (line {})", start + 1);
                return Err(ChemistryError::unsupported(what));
            }
            [number, symbol, x, y, z, map, options @ ..] if section == "ATOM" => {
                numbers.push((integer(number, start)?.max(0) as usize, table.atoms.len()));
                table
                    .atoms
                    .push(v3000_atom(symbol, [x, y, z], map, options, start)?);
                check_counts(table.atoms.len(), 0)?;
            }
            [_, code, first, second, options @ ..] if section == "BOND" => {
                let configuration = option(options, "CFG").unwrap_or("0");
                let stereo = match configuration {
                    "1" => 1,
                    "3" => 6,
                    _ => 0,
                };
                let code = integer(code, start)?.max(0) as u32;
                let find = |text: &str| {
                    let number = integer(text, start)?.max(0) as usize;
                    Ok(numbers
                        .iter()
                        .find(|n| n.0 == number)
                        .map_or(usize::MAX, |n| n.1))
                };
                table.bonds.push(BondLine {
                    atoms: [find(first)?, find(second)?],
                    order: bond_order(code, stereo, start)?,
                    unspecified: code == 2 && configuration == "2",
                    line: start,
                });
                check_counts(0, table.bonds.len())?;
            }
            [..] if section == "ATOM" || section == "BOND" => {
                return Err(malformed(start, "too few fields"));
            }
            [..] => {}
        }
    }
    if counts != Some((table.atoms.len(), table.bonds.len())) {
        let what = "the atoms and bonds are not as many as the counts line says";
        return Err(malformed(lines.len(), what));
    }
    Ok(table)
}

fn option<'a>(options: &[&'a str], name: &str) -> Option<&'a str> {
    options
        .iter()
        .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
}

fn v3000_atom(
    symbol: &str,
    [x, y, z]: [&str; 3],
    map: &str,
    options: &[&str],
    line: usize,
) -> Result<AtomLine, ChemistryError> {
    let number = |name| integer(option(options, name).unwrap_or(""), line);
    Ok(AtomLine {
        symbol: symbol.to_owned(),
        place: [
            coordinate(x, line)?,
            coordinate(y, line)?,
            coordinate(z, line)?,
        ],
        charge: number("CHG")?,
        isotope: number("MASS")?.max(0) as u32,
        radical: number("RAD")?.max(0) as u32,
        valence: match number("VAL")? {
            0 => None,
            valence => Some(valence.max(0) as u32),
        },
        map: integer(map, line)?.max(0) as u32,
        line,
    })
}

fn build(table: &Table, flat: bool) -> Result<Molecule, ChemistryError> {
    let mut builder = MoleculeBuilder::new();
    for atom in &table.atoms {
        builder.add_atom(element_of(atom)?);
    }
    let mut unspecified = HashSet::new();
    for bond in &table.bonds {
        let [a, b] = bond.atoms;
        if a >= table.atoms.len() || b >= table.atoms.len() || a == b {
            return Err(malformed(bond.line, "the bond does not join two atoms"));
        }
        let added = builder
            .add_bond(AtomIdx(a as u32), AtomIdx(b as u32), bond.order)
            .map_err(|_| malformed(bond.line, "these atoms are already bonded"))?;
        if bond.unspecified {
            unspecified.insert(added);
        }
    }
    let mut molecule = builder.build();
    for bond in &table.bonds {
        if bond.order == BondOrder::Aromatic {
            for atom in bond.atoms {
                molecule.set_atom_aromatic(AtomIdx(atom as u32), true);
            }
        }
    }
    for (index, atom) in table.atoms.iter().enumerate() {
        fix_hydrogens(&mut molecule, AtomIdx(index as u32), atom);
    }
    perceive_stereo(&mut molecule, table, flat, &unspecified);
    // The writer counts the hydrogen of a stereo centre where it is stated, as
    // `[C@H]` states it.
    let centers: Vec<(AtomIdx, u8)> = molecule
        .atoms()
        .filter(|(_, atom)| atom.chirality != Chirality::None)
        .map(|(index, _)| (index, implicit_hcount(&molecule, index)))
        .collect();
    for (center, hydrogens) in centers {
        molecule.set_hydrogen_count(center, Some(hydrogens));
    }
    Ok(molecule)
}

fn element_of(line: &AtomLine) -> Result<Atom, ChemistryError> {
    let mut atom = match line.symbol.as_str() {
        "*" | "R" | "R#" => Atom::wildcard(),
        "D" | "T" => Atom::new(Element::H),
        symbol => match Element::from_symbol(symbol) {
            Some(element) => Atom::new(element),
            None if ["A", "Q", "X", "M", "L", "LP"].contains(&symbol) => {
                let what = format!("the query atom `{symbol}` (line {})", line.line + 1);
                return Err(ChemistryError::unsupported(what));
            }
            None => {
                let symbol = symbol.to_owned();
                return Err(ChemistryError::new(Reason::UnknownElement { symbol }));
            }
        },
    };
    let isotope = match line.symbol.as_str() {
        "D" => 2,
        "T" => 3,
        _ => line.isotope,
    };
    atom.isotope = u16::try_from(isotope).ok().filter(|&mass| mass > 0);
    atom.charge = i8::try_from(line.charge)
        .map_err(|_| malformed(line.line, "the charge is out of range"))?;
    atom.atom_map = u16::try_from(line.map).ok().filter(|&map| map > 0);
    // A hydrogen with a stated count is one that standardisation may fold
    // away, as if it had been written `[H]`.
    if !atom.wildcard && atom.element == Element::H {
        atom.hydrogen_count = Some(0);
    }
    Ok(atom)
}

/// Sets the hydrogen count of an atom whose line states its valence or an
/// unpaired electron; all others get theirs from the valence model.
fn fix_hydrogens(molecule: &mut Molecule, index: AtomIdx, line: &AtomLine) {
    if molecule.atom(index).wildcard || molecule.atom(index).element == Element::H {
        return;
    }
    if let Some(valence) = line.valence {
        let used: u32 = molecule
            .neighbors(index)
            .map(|(_, bond)| match molecule.bond(bond).order {
                BondOrder::Double => 2,
                BondOrder::Triple => 3,
                BondOrder::Quadruple => 4,
                _ => 1,
            })
            .sum();
        let hydrogens = u8::try_from(valence.saturating_sub(used)).unwrap_or(0);
        molecule.set_hydrogen_count(index, Some(hydrogens));
    } else if line.radical > 0 {
        // Code 2 is one unpaired electron; 1 and 3 are two.
        let unpaired = if line.radical == 2 { 1 } else { 2 };
        let hydrogens = implicit_hcount(molecule, index).saturating_sub(unpaired);
        molecule.set_hydrogen_count(index, Some(hydrogens));
    }
}

fn perceive_stereo(
    molecule: &mut Molecule,
    table: &Table,
    flat: bool,
    unspecified: &HashSet<BondIdx>,
) {
    let places: Vec<[f64; 3]> = table.atoms.iter().map(|atom| atom.place).collect();
    let flat_places: Vec<(f64, f64)> = places.iter().map(|&[x, y, _]| (x, y)).collect();
    if flat {
        apply_ctab_local_parity_from_wedges_with_diagnostics(molecule, &flat_places);
    }
    // The wedges have done their work; as bond orders they would be read as
    // the slashes of a SMILES.
    let wedges: Vec<BondIdx> = molecule
        .bonds()
        .filter(|(_, bond)| matches!(bond.order, BondOrder::Up | BondOrder::Down))
        .map(|(index, _)| index)
        .collect();
    for bond in wedges {
        molecule.set_bond_order(bond, BondOrder::Single);
    }
    let collapsed = places.windows(2).all(|pair| pair[0] == pair[1]);
    if collapsed {
        return;
    }
    if flat {
        apply_ez_directions_from_2d_ex(molecule, &flat_places, unspecified);
    } else {
        tetrahedra_from_space(molecule, &places);
        let points: Vec<(f64, f64, f64)> = places.iter().map(|&[x, y, z]| (x, y, z)).collect();
        apply_ez_directions_from_3d(molecule, &points);
    }
}

/// Marks every tetrahedral atom of a three-dimensional structure by the sense
/// in which its neighbours turn; standardisation drops the marks of atoms that
/// are no stereo centres.
fn tetrahedra_from_space(molecule: &mut Molecule, places: &[[f64; 3]]) {
    let centers: Vec<AtomIdx> = molecule
        .atoms()
        .filter(|(_, atom)| {
            let may_be_center = [Element::C, Element::SI, Element::P, Element::S];
            !atom.wildcard && !atom.aromatic && may_be_center.contains(&atom.element)
        })
        .map(|(index, _)| index)
        .collect();
    for center in centers {
        let around: Vec<u32> = molecule
            .neighbors(center)
            .map(|(other, _)| other.0)
            .collect();
        let is_carbon = molecule.atom(center).element == Element::C;
        let hydrogens = implicit_hcount(molecule, center);
        let fits = match (around.len(), hydrogens) {
            (4, 0) | (3, 1) => true,
            (3, 0) => !is_carbon,
            _ => false,
        };
        if !fits {
            continue;
        }
        let origin = places[center.0 as usize];
        let arm = |index: usize| {
            let place = places[around[index] as usize];
            let arm = [0, 1, 2].map(|axis| place[axis] - origin[axis]);
            let length = arm.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-9);
            arm.map(|x| x / length)
        };
        let volume = |a: [f64; 3], b: [f64; 3], c: [f64; 3]| {
            a[0] * (b[1] * c[2] - b[2] * c[1])
                + a[1] * (b[2] * c[0] - b[0] * c[2])
                + a[2] * (b[0] * c[1] - b[1] * c[0])
        };
        // Seen from the first neighbour the others turn clockwise when their
        // triple product is positive; a hydrogen without a place stands last.
        let (turn, order) = if around.len() == 4 {
            (volume(arm(1), arm(2), arm(3)), around.clone())
        } else {
            let mut order = around.clone();
            if hydrogens == 1 {
                order.push(STEREO_H_SENTINEL);
            }
            (volume(arm(0), arm(1), arm(2)), order)
        };
        if turn.abs() < 0.1 {
            continue;
        }
        let clockwise = if around.len() == 4 {
            turn > 0.0
        } else {
            turn < 0.0
        };
        molecule.set_stereo_neighbor_order(center, order);
        molecule.set_chirality(
            center,
            if clockwise {
                Chirality::Clockwise
            } else {
                Chirality::CounterClockwise
            },
        );
    }
}
