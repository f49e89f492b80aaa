//! S-groups: what they say of the molecule is applied, what only describes it
//! is passed over, and polymers are refused.

use chematic_core::BondOrder;

use super::super::{ChemistryError, ranges};
use super::{Hydrogens, Table, integer, no_bond, query, unsupported};

/// An S-group of either format; atoms and bonds as numbered in the file's
/// table, from 1.
#[derive(Default)]
pub(super) struct Group {
    pub(super) kind: String,
    pub(super) atoms: Vec<usize>,
    pub(super) bonds: Vec<usize>,
    /// The atoms of a multiple group that are drawn.
    pub(super) parents: Vec<usize>,
    /// The label: of a multiple group its multiplier.
    pub(super) label: String,
    /// Of a data group, the name of its field, the kind of query it makes, and
    /// its values.
    pub(super) field: String,
    pub(super) query: String,
    pub(super) data: Vec<String>,
    pub(super) line: usize,
}

impl Group {
    pub(super) fn new(kind: &str, line: usize) -> Self {
        Self {
            kind: kind.to_ascii_uppercase(),
            line,
            ..Self::default()
        }
    }
}

pub(super) fn apply(groups: Vec<Group>, table: &mut Table) -> Result<(), ChemistryError> {
    for group in &groups {
        match group.kind.as_str() {
            "SRU" | "MON" | "MER" | "COP" | "CRO" | "MOD" | "GRA" | "ANY" => {
                let what = format!("a polymer (repeating unit, S-group {})", group.kind);
                return Err(unsupported(group.line, what));
            }
            "MUL" => check_multiple(group)?,
            "DAT" => apply_data(group, table)?,
            // Abbreviations, components, mixtures, generic brackets.
            _ => {}
        }
    }
    Ok(())
}

/// A multiple group is read as its atoms stand there: drawn once, listed as
/// often as they occur.
fn check_multiple(group: &Group) -> Result<(), ChemistryError> {
    let times: usize = group.label.parse().unwrap_or(0);
    let drawn = group.parents.len();
    if drawn > 0 && times > 0 && drawn.saturating_mul(times) == group.atoms.len() {
        return Ok(());
    }
    let what = format!(
        "a repeating unit (multiple group of {} atoms, {drawn} of them drawn, times `{}`)",
        group.atoms.len(),
        group.label
    );
    Err(unsupported(group.line, what))
}

fn apply_data(group: &Group, table: &mut Table) -> Result<(), ChemistryError> {
    if ["SMARTSQ", "SQ"].contains(&group.query.as_str()) {
        return Err(query(group.line, "a query atom (SMARTS)"));
    }
    match group.field.as_str() {
        "MRV_COORDINATE_BOND_TYPE" => Err(no_bond(group.line, "coordination bond")),
        "ZBO" if !group.bonds.is_empty() => Err(no_bond(group.line, "zero-order bond")),
        "MRV_IMPLICIT_H" => {
            let counts = group
                .data
                .iter()
                .filter_map(|data| data.trim().strip_prefix("IMPL_H"));
            for count in counts {
                let count = integer(count.trim(), group.line)?;
                for &number in &group.atoms {
                    // Of other atoms the bonds tell how many there are.
                    let is_aromatic = table.bonds.iter().any(|bond| {
                        bond.order == BondOrder::Aromatic
                            && bond.atoms.contains(&number.wrapping_sub(1))
                    });
                    let atom = table.atom_mut(number.try_into().unwrap_or(0), group.line)?;
                    if is_aromatic {
                        atom.check(ranges::HYDROGENS, count, group.line)?;
                        atom.hydrogens = Hydrogens::Count(count);
                    }
                }
            }
            Ok(())
        }
        "ZCH" | "HYD" => {
            for data in &group.data {
                let values: Vec<&str> = data.split(';').map(str::trim).collect();
                for (&number, value) in group.atoms.iter().zip(values) {
                    let value = integer(value, group.line)?;
                    let atom = table.atom_mut(number.try_into().unwrap_or(0), group.line)?;
                    if group.field == "ZCH" {
                        atom.check(ranges::CHARGE, value, group.line)?;
                        atom.charge = value;
                    } else {
                        atom.check(ranges::HYDROGENS, value, group.line)?;
                        atom.hydrogens = Hydrogens::Count(value);
                    }
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
