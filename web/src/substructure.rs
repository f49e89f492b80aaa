//! Looking for substructures in the rows of a table.

use delicate::chemistry::{AtomOrder, ChemistryError, Molecule, Substructure};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::Failure;
use crate::table::Table;

/// A substructure to look for.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Pattern {
    substructure: Substructure,
}

#[wasm_bindgen]
impl Pattern {
    /// Reads a SMARTS.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the `position` of the offending character, from 0,
    /// where one is to blame.
    pub fn parse(smarts: &str) -> Result<Pattern, JsValue> {
        let substructure = Substructure::parse(smarts).map_err(Failure::from)?;
        Ok(Self { substructure })
    }
}

#[wasm_bindgen]
impl Table {
    /// Whether each row from `start` to before `end` has the substructure: 1 if so, 0 if
    /// not, 2 where that is not known, since the molecule cannot be read or the search
    /// was given up.
    ///
    /// # Errors
    ///
    /// Where `start` or `end` is no place.
    pub fn matches(&self, pattern: &Pattern, start: f64, end: f64) -> Result<Vec<u8>, JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let found = self.rows[start..end].iter().map(|row| {
            let molecule = row.molecule.as_ref().ok()?.parse().ok()?;
            pattern.substructure.is_in(&molecule)
        });
        Ok(found.map(|found| found.map_or(2, u8::from)).collect())
    }

    /// For each row the atoms of its mol block that the substructure is found at.
    #[wasm_bindgen(unchecked_return_type = "Uint32Array[]")]
    pub fn matched(&self, pattern: &Pattern, rows: Vec<u32>) -> Vec<JsValue> {
        let atoms = |&row: &u32| {
            let structure = self.rows.get(row as usize)?.molecule.as_ref().ok()?;
            let molecule = structure.parse().ok()?;
            let atoms = pattern.substructure.atoms_in(&molecule).ok()?;
            let places = places(&molecule).ok()?;
            let placed = atoms.into_iter().filter_map(|atom| places.get(atom));
            Some(placed.map(|&place| place as u32).collect::<Vec<u32>>())
        };
        let found = rows.iter().map(|row| atoms(row).unwrap_or_default());
        found
            .map(|atoms| js_sys::Uint32Array::from(&atoms[..]).into())
            .collect()
    }
}

/// For each atom of a molecule its place in the mol block, from 0.
pub(crate) fn places(molecule: &Molecule) -> Result<Vec<usize>, ChemistryError> {
    // The block has the atoms in the order of this string.
    let written = molecule.kekule_smiles(AtomOrder::Input)?;
    let mut order: Vec<usize> = (0..written.atoms.len()).collect();
    order.sort_by_key(|&atom| written.atoms[atom].start);
    let mut places = vec![0; order.len()];
    for (place, atom) in order.into_iter().enumerate() {
        places[atom] = place;
    }
    Ok(places)
}
