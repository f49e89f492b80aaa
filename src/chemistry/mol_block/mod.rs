//! Mol blocks (CTfile V2000 and V3000) to the chemistry crate's molecules.
//!
//! Either format is read into one [`Table`]; what it says besides atoms and
//! bonds (charges, hydrogens, S-groups) is applied there, and what is no
//! molecule (query atoms and bonds, R groups, polymers, radicals) is refused
//! there, by line. Then come the molecule and its stereo, in RDKit's order:
//! atoms first, while explicit hydrogens still carry the wedges; then groups
//! drawn without charges; then double bonds.

mod double_bonds;
mod groups;
mod symbol;
mod tetrahedra;
mod v2000;
mod v3000;

use chematic_core::{
    Atom, AtomIdx, BondIdx, BondOrder, Chirality, Element, Molecule, MoleculeBuilder,
    implicit_hcount,
};
use chematic_smiles::{parse_template, rdkit_sanitized_model};

use super::normalise::normalise_groups;
use super::ranges::{self, Number};
use super::smiles::{MAX_ATOMS, MAX_RINGS};
use super::{ChemistryError, Reason, canonical_of};
use symbol::Symbol;

/// Longest mol block that is read, in bytes.
const MAX_LENGTH: usize = 4_000_000;

/// An atom as either format states it.
struct AtomLine {
    /// Its number in the file.
    number: i32,
    symbol: Symbol,
    place: [f64; 3],
    charge: i32,
    /// The mass number; 0 for none.
    isotope: i32,
    hydrogens: Hydrogens,
    /// The line that marks it as a radical.
    radical: Option<usize>,
    map: i32,
    line: usize,
}

/// How an atom's line states its hydrogens.
#[derive(Clone, Copy)]
enum Hydrogens {
    /// As its element and bonds imply.
    Implied,
    /// So many that the bonds come to this valence.
    Valence(i32),
    /// This many.
    Count(i32),
}

/// A bond as either format states it, atoms counted from 0.
struct BondLine {
    atoms: [usize; 2],
    order: BondOrder,
    mark: Mark,
    line: usize,
}

/// What a bond's line says of stereo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    None,
    Wedge,
    Dash,
    /// Unknown: a wavy single bond or a crossed double bond.
    Unknown,
}

#[derive(Default)]
struct Table {
    atoms: Vec<AtomLine>,
    bonds: Vec<BondLine>,
}

impl AtomLine {
    /// Whether `value`, which stands in line `line`, counted from 0, may be `what` of
    /// this atom.
    fn check(&self, what: Number, value: i32, line: usize) -> Result<(), ChemistryError> {
        let symbol = self.symbol.element.symbol();
        what.check(value, || format!("{} ({symbol})", self.number))
            .map_err(|reason| refused(line, reason))
    }
}

/// An error in line `line`, counted from 0.
fn malformed(line: usize, what: impl Into<String>) -> ChemistryError {
    ChemistryError::new(Reason::MolBlock {
        line: line + 1,
        what: what.into(),
    })
}

/// Line `line`, counted from 0, says something that is no molecule.
fn refused(line: usize, reason: Reason) -> ChemistryError {
    ChemistryError::in_line(reason, line + 1)
}

fn unsupported(line: usize, what: impl Into<String>) -> ChemistryError {
    refused(line, Reason::Unsupported { what: what.into() })
}

fn query(line: usize, what: impl Into<String>) -> ChemistryError {
    refused(line, Reason::Query { what: what.into() })
}

fn no_bond(line: usize, kind: &'static str) -> ChemistryError {
    refused(line, Reason::Bond { kind })
}

/// The molecule of `block`, its chemistry unchecked, and for each atom its line,
/// counted from 1.
pub(super) fn read(block: &str) -> Result<(Molecule, Vec<usize>), ChemistryError> {
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
    let version = counts.split_whitespace().last().filter(|word| {
        let digits = word.strip_prefix(['V', 'v']).unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    // Read as V2000, the block of another version would be something else.
    if let Some(version) = version
        && !["V2000", "V3000"].contains(&version)
    {
        let what = format!("the version `{version}` is not known: V2000 and V3000 are");
        return Err(malformed(3, what));
    }
    let mut table = if counts.contains("V3000") {
        v3000::read(&lines)?
    } else if counts.contains("V2000") || counts.len() >= 6 {
        v2000::read(&lines)?
    } else {
        return Err(malformed(
            3,
            "expected the counts line, with V2000 or V3000",
        ));
    };
    for atom in &table.atoms {
        if let Some(line) = atom.radical {
            let element = atom.symbol.element.symbol().to_owned();
            return Err(refused(line, Reason::Radical { element }));
        }
    }
    let header = lines.get(1).and_then(|line| line.get(20..22));
    let flat = is_flat(&table, header.is_some_and(|d| d.eq_ignore_ascii_case("3D")));
    if flat {
        for atom in &mut table.atoms {
            atom.place[2] = 0.0;
        }
    }
    let molecule = build(&table, flat)?;
    super::check_ring_systems(&molecule)?;
    let lines = table.atoms.iter().map(|atom| atom.line + 1);
    Ok((molecule, lines.collect()))
}

/// The largest part of a mean bond's length that the depth of a drawing may
/// be; more is a structure in space. Real ones, even of flat molecules that
/// were calculated, are either deeper or exactly flat.
const DEPTH_OF_A_DRAWING: f64 = 0.1;

/// Whether the atoms lie in a plane of constant z, but for noise.
fn is_flat(table: &Table, is_said_to_be_in_space: bool) -> bool {
    let depths = table.atoms.iter().map(|atom| atom.place[2]);
    let (lowest, highest) = depths.fold((f64::MAX, f64::MIN), |(low, high), z| {
        (low.min(z), high.max(z))
    });
    let depth = (highest - lowest).max(0.0);
    if depth == 0.0 {
        return true;
    }
    let has_wedges = table
        .bonds
        .iter()
        .any(|bond| matches!(bond.mark, Mark::Wedge | Mark::Dash));
    if is_said_to_be_in_space && !has_wedges {
        return false;
    }
    let lengths = table.bonds.iter().filter_map(|bond| {
        let [a, b] = bond.atoms.map(|atom| table.atoms.get(atom));
        let (a, b) = (a?.place, b?.place);
        Some((a[0] - b[0]).hypot(a[1] - b[1]))
    });
    let mean = lengths.sum::<f64>() / table.bonds.len().max(1) as f64;
    depth < DEPTH_OF_A_DRAWING * mean
}

/// Marks the double bonds of a drawn molecule that have a geometry, as those of a block
/// are that marks none of them as unknown.
#[cfg(feature = "drawing")]
pub(super) fn mark_double_bonds(molecule: &mut Molecule, places: &[(f64, f64)]) {
    let places: Vec<[f64; 3]> = places.iter().map(|&(x, y)| [x, y, 0.0]).collect();
    let marks = vec![Mark::None; molecule.bond_count()];
    double_bonds::mark(molecule, &places, &marks);
}

fn coordinate(text: &str, line: usize) -> Result<f64, ChemistryError> {
    match text {
        "" => Ok(0.0),
        _ => (text.parse().ok())
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| malformed(line, format!("expected a coordinate, found `{text}`"))),
    }
}

/// A whole number; empty is 0.
fn integer(text: &str, line: usize) -> Result<i32, ChemistryError> {
    match text {
        "" => Ok(0),
        _ => text
            .parse()
            .map_err(|_| malformed(line, format!("expected a number, found `{text}`"))),
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

/// What a SMILES may not have is not read here either: it could not be written.
fn check_rings(table: &Table) -> Result<(), ChemistryError> {
    // For each atom one of its part before it, or itself.
    let mut before: Vec<usize> = (0..table.atoms.len()).collect();
    let mut rings = 0;
    for bond in &table.bonds {
        let [a, b] = bond.atoms.map(|mut atom| {
            while before[atom] != atom {
                before[atom] = before[before[atom]];
                atom = before[atom];
            }
            atom
        });
        if a == b {
            rings += 1;
        }
        before[a.max(b)] = a.min(b);
    }
    if rings > MAX_RINGS {
        return Err(ChemistryError::new(Reason::TooLarge {
            what: "rings",
            limit: MAX_RINGS,
        }));
    }
    Ok(())
}

fn bond_order(code: i32, line: usize) -> Result<BondOrder, ChemistryError> {
    let query = |what| Err(query(line, format!("a query bond ({what}, type {code})")));
    match code {
        1 => Ok(BondOrder::Single),
        2 => Ok(BondOrder::Double),
        3 => Ok(BondOrder::Triple),
        4 => Ok(BondOrder::Aromatic),
        5 => query("single or double"),
        6 => query("single or aromatic"),
        7 => query("double or aromatic"),
        8 => query("any"),
        0 => Err(no_bond(line, "zero-order bond")),
        9 => Err(no_bond(line, "coordination bond")),
        10 => Err(no_bond(line, "hydrogen bond")),
        _ => Err(malformed(line, format!("no bond has type {code}"))),
    }
}

impl Table {
    /// The atom with number `number`, counted from 1.
    fn atom_mut(&mut self, number: i32, line: usize) -> Result<&mut AtomLine, ChemistryError> {
        let index = usize::try_from(i64::from(number) - 1).ok();
        index
            .and_then(|index| self.atoms.get_mut(index))
            .ok_or_else(|| malformed(line, format!("there is no atom {number}")))
    }
}

fn build(table: &Table, flat: bool) -> Result<Molecule, ChemistryError> {
    let mut builder = MoleculeBuilder::new();
    for atom in &table.atoms {
        builder.add_atom(element_of(atom)?);
    }
    for bond in &table.bonds {
        let [a, b] = bond.atoms;
        if a >= table.atoms.len() || b >= table.atoms.len() || a == b {
            return Err(malformed(bond.line, "the bond does not join two atoms"));
        }
        builder
            .add_bond(AtomIdx(a as u32), AtomIdx(b as u32), bond.order)
            .map_err(|_| malformed(bond.line, "these atoms are already bonded"))?;
    }
    check_rings(table)?;
    let mut molecule = builder.build();
    for bond in &table.bonds {
        if bond.order == BondOrder::Aromatic {
            for atom in bond.atoms {
                molecule.set_atom_aromatic(AtomIdx(atom as u32), true);
            }
        }
    }
    for (index, atom) in table.atoms.iter().enumerate() {
        fix_hydrogens(&mut molecule, AtomIdx(index as u32), atom)?;
    }
    let places: Vec<[f64; 3]> = table.atoms.iter().map(|atom| atom.place).collect();
    let marks: Vec<Mark> = table.bonds.iter().map(|bond| bond.mark).collect();
    tetrahedra::mark(&mut molecule, &places, &marks, flat);
    normalise_groups(&mut molecule);
    double_bonds::mark(&mut molecule, &places, &marks);
    state_hydrogens(&mut molecule);
    state_hydrogens_in_brackets(&mut molecule);
    fold_silent_hydrogens(&mut molecule);
    Ok(molecule)
}

fn element_of(line: &AtomLine) -> Result<Atom, ChemistryError> {
    // What a property line says has been checked there.
    line.check(ranges::CHARGE, line.charge, line.line)?;
    line.check(ranges::MASS, line.isotope, line.line)?;
    line.check(ranges::ATOM_MAP, line.map, line.line)?;
    let mut atom = Atom::new(line.symbol.element);
    let isotope = line.symbol.isotope.or(u16::try_from(line.isotope).ok());
    atom.isotope = isotope.filter(|&mass| mass > 0);
    atom.charge = i8::try_from(line.charge).unwrap_or_default();
    atom.atom_map = u16::try_from(line.map).ok().filter(|&map| map > 0);
    // A hydrogen with a stated count is one that standardisation may fold
    // away, as if it had been written `[H]`.
    if atom.element == Element::H {
        atom.hydrogen_count = Some(0);
    }
    Ok(atom)
}

/// Sets the hydrogen count of an atom whose line states its valence or its
/// hydrogens; all others get theirs from the valence model.
fn fix_hydrogens(
    molecule: &mut Molecule,
    index: AtomIdx,
    line: &AtomLine,
) -> Result<(), ChemistryError> {
    if molecule.atom(index).element == Element::H {
        return Ok(());
    }
    let hydrogens = match line.hydrogens {
        Hydrogens::Implied => return Ok(()),
        Hydrogens::Count(count) => count,
        Hydrogens::Valence(valence) => {
            let halves: i32 = molecule
                .neighbors(index)
                .map(|(_, bond)| match molecule.bond(bond).order {
                    BondOrder::Double => 4,
                    BondOrder::Triple => 6,
                    BondOrder::Aromatic => 3,
                    _ => 2,
                })
                .sum();
            (valence - halves / 2).max(0)
        }
    };
    line.check(ranges::HYDROGENS, hydrogens, line.line)?;
    molecule.set_hydrogen_count(index, u8::try_from(hydrogens).ok());
    Ok(())
}

/// The hydrogens of an atom that its bonds imply. Elements that a SMILES writes
/// in brackets only have none there, but do have them in a mol block.
fn hydrogens_of(molecule: &Molecule, index: AtomIdx) -> u8 {
    let atom = molecule.atom(index);
    let valence = match atom.element {
        Element::SI | Element::GE | Element::SN => 4,
        Element::AS => 3,
        Element::SE | Element::TE => 2,
        _ => return implicit_hcount(molecule, index),
    };
    if let Some(stated) = atom.hydrogen_count {
        return stated;
    }
    let bonds: i32 = molecule
        .neighbors(index)
        .map(|(_, bond)| match molecule.bond(bond).order {
            BondOrder::Double => 2,
            BondOrder::Triple => 3,
            _ => 1,
        })
        .sum();
    let charge = i32::from(atom.charge);
    let valence = if valence == 4 {
        valence - charge.abs()
    } else {
        valence + charge
    };
    u8::try_from(valence - bonds).unwrap_or(0)
}

/// The writer counts the hydrogen of a stereo centre where it is stated, as
/// `[C@H]` states it.
fn state_hydrogens(molecule: &mut Molecule) {
    let centers: Vec<AtomIdx> = molecule
        .atoms()
        .filter(|(_, atom)| atom.chirality != Chirality::None)
        .map(|(index, _)| index)
        .filter(|&index| molecule.degree(index) == 3 && hydrogens_of(molecule, index) == 1)
        .collect();
    for center in centers {
        molecule.set_hydrogen_count(center, Some(1));
    }
}

/// Atoms that a SMILES writes in brackets state their hydrogens there, and the
/// crate counts on it; in a mol block they follow from the bonds all the same.
fn state_hydrogens_in_brackets(molecule: &mut Molecule) {
    let in_brackets: Vec<AtomIdx> = molecule
        .atoms()
        .filter(|(_, atom)| {
            let is_plain = atom.element.is_organic_subset()
                && atom.charge == 0
                && atom.isotope.is_none()
                && atom.atom_map.is_none();
            atom.hydrogen_count.is_none() && !is_plain
        })
        .map(|(index, _)| index)
        .collect();
    if in_brackets.is_empty() {
        return;
    }
    // What cannot be sanitised is found out, and said, by standardisation.
    let Ok(model) = rdkit_sanitized_model(molecule) else {
        return;
    };
    for atom in in_brackets {
        let index = atom.0 as usize;
        if let Some((_, _, hydrogens)) = model.atoms[index] {
            let implied = hydrogens.saturating_sub(model.removed_h_neighbors[index]);
            molecule.set_hydrogen_count(atom, Some(implied));
        }
    }
}

/// Most hydrogens at double bonds of which it is found out one by one whether
/// they tell a geometry.
const MAX_TELLING_HYDROGENS: usize = 16;

/// A hydrogen atom at the end of a double bond stays an atom, because it alone
/// may tell the geometry: `[H]/N=C/C`. Where there is none to tell, it is folded
/// as any other.
fn fold_silent_hydrogens(molecule: &mut Molecule) {
    let read_again = |molecule: &Molecule| {
        let written = canonical_of(molecule)?;
        canonical_of(&parse_template(&written).ok()?)
    };
    let telling: Vec<BondIdx> = molecule
        .bonds()
        .filter(|&(bond, data)| {
            let at_double_bond = |end: AtomIdx| {
                let mut bonds = molecule.neighbors(end);
                molecule.degree(end) == 2
                    && bonds.any(|(_, other)| molecule.bond(other).order == BondOrder::Double)
            };
            let is_hydrogen = |end: AtomIdx| molecule.atom(end).element == Element::H;
            let (a, b) = (data.atom1, data.atom2);
            molecule.bond_direction(bond).is_some()
                && (is_hydrogen(a) && at_double_bond(b) || is_hydrogen(b) && at_double_bond(a))
        })
        .map(|(bond, _)| bond)
        .collect();
    if telling.is_empty() {
        return;
    }
    let silenced = |molecule: &Molecule, bonds: &[BondIdx]| {
        let mut silent = molecule.clone();
        for &bond in bonds {
            silent.clear_bond_direction(bond);
        }
        silent
    };
    let told = read_again(molecule);
    let silent = silenced(molecule, &telling);
    if read_again(&silent) == told {
        *molecule = silent;
        return;
    }
    for &bond in telling.iter().take(MAX_TELLING_HYDROGENS) {
        let silent = silenced(molecule, &[bond]);
        if read_again(&silent) == told {
            *molecule = silent;
        }
    }
}
