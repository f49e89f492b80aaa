//! What the numbers of an atom may be: what the formats can write, so that whatever one
//! reader takes can be written, and read again.

use std::ops::RangeInclusive;

use super::Reason;

/// A number of an atom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    what: &'static str,
    range: [i64; 2],
}

/// As in the CTfile specification and in OpenSMILES.
pub(super) const CHARGE: Number = Number::new("charge", -15..=15);
/// Four digits; 0 for none.
pub(super) const MASS: Number = Number::new("mass number", 0..=9_999);
/// One digit in a SMILES.
pub(super) const HYDROGENS: Number = Number::new("hydrogen count", 0..=9);
/// 0 for none.
pub(super) const ATOM_MAP: Number = Number::new("atom map number", 0..=65_535);
/// As in the CTfile specification, where other numbers stand for none.
pub(super) const VALENCE: Number = Number::new("valence", -1..=15);

/// The charge of an atom in a covalent molecule: as positive as all valence electrons
/// gone, as negative as a full octet (of hydrogen two electrons). A noble gas, and every
/// element whose outer electrons are not told by its group, is left to [`CHARGE`].
pub(super) fn charge_of(atomic_number: u8) -> Number {
    let (valence_electrons, shell) = match i64::from(atomic_number) {
        1 => (1, 2),
        number @ 5..=9 => (number - 2, 8),
        number @ 13..=17 => (number - 10, 8),
        number @ 31..=35 => (number - 28, 8),
        number @ 49..=53 => (number - 46, 8),
        number @ 81..=85 => (number - 78, 8),
        _ => return CHARGE,
    };
    Number::new("charge", valence_electrons - shell..=valence_electrons)
}

impl Number {
    const fn new(what: &'static str, range: RangeInclusive<i64>) -> Self {
        let range = [*range.start(), *range.end()];
        Self { what, range }
    }

    /// # Errors
    ///
    /// [`Reason::OutOfRange`] for the atom that `atom` names.
    pub(super) fn check(
        self,
        value: impl Into<i64>,
        atom: impl FnOnce() -> String,
    ) -> Result<(), Reason> {
        let value = value.into();
        let [low, high] = self.range;
        if (low..=high).contains(&value) {
            return Ok(());
        }
        Err(Reason::OutOfRange {
            what: self.what,
            atom: atom(),
            value,
            range: self.range,
        })
    }
}
