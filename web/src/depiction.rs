//! Single molecules: what is needed to draw them, and simple numbers of them.

use std::collections::BTreeMap;

use delicate::chemistry::{DESCRIPTORS, Molecule};
use delicate::records::Structure;
use serde::Serialize;
use tsify::Tsify;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::engine::to_js;
use crate::error::Failure;
use crate::substructure::places;

/// A molecule ready to be drawn.
#[derive(Serialize, Tsify)]
struct Depiction {
    /// Its mol block, in two dimensions and in Kekulé form.
    block: String,
    /// For each atom, in the order in which the SMILES names them, its place in
    /// the block, from 0.
    places: Vec<usize>,
}

/// What is needed to draw the molecule of a SMILES.
///
/// # Errors
///
/// Where it is no SMILES, or of a molecule that cannot be drawn.
#[wasm_bindgen(unchecked_return_type = "Depiction")]
pub fn depict(smiles: &str) -> Result<JsValue, JsValue> {
    to_js(&depiction(smiles)?)
}

/// The canonical SMILES of the molecule of a mol block as it is drawn: see
/// [`Structure::to_smiles`].
///
/// # Errors
///
/// Where it is no mol block, or of what is no molecule.
#[wasm_bindgen(js_name = drawnSmiles)]
pub fn drawn_smiles(block: &str) -> Result<String, JsValue> {
    Ok(written(block)?)
}

/// Descriptors of the molecule of a SMILES by RDKit's names: those of
/// [`DESCRIPTORS`] that are not shares of a surface.
///
/// # Errors
///
/// Where it is no SMILES, or a value is not finite.
#[wasm_bindgen(unchecked_return_type = "Record<string, number>")]
pub fn descriptors(smiles: &str) -> Result<JsValue, JsValue> {
    let molecule = Molecule::parse(smiles).map_err(Failure::from)?;
    let values = molecule.descriptors().map_err(Failure::from)?;
    let named: BTreeMap<&str, f64> = DESCRIPTORS
        .into_iter()
        .zip(values)
        .filter(|(name, _)| !name.contains("_VSA"))
        .collect();
    to_js(&named)
}

fn depiction(smiles: &str) -> Result<Depiction, Failure> {
    let molecule = Molecule::parse(smiles)?;
    let block = molecule.to_mol_block("")?;
    let places = places(&molecule)?;
    Ok(Depiction { block, places })
}

fn written(block: &str) -> Result<String, Failure> {
    Ok(Structure::MolBlock(block.to_owned()).to_smiles()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_written_with_its_stereo_its_charges_and_its_parts() {
        for smiles in [
            "CC(C)Cc1ccc([C@H](C)C(=O)O)cc1",
            "CC(C)Cc1ccc([C@@H](C)C(=O)O)cc1",
            "C/C=C\\C(=O)[O-].[Na+]",
            "C[S@](=O)c1ccccc1",
            "[2H]C([2H])([2H])[NH3+].[Cl-]",
        ] {
            let drawn = depiction(smiles).unwrap_or_else(|_| panic!("{smiles} is drawn"));
            assert_eq!(written(&drawn.block).ok().as_deref(), Some(smiles));
        }
        assert!(written("\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n").is_err());
    }

    #[test]
    fn each_atom_of_a_smiles_has_its_place_in_the_block() {
        for smiles in [
            "CC(=O)OC1=CC=CC=C1C(=O)O",
            "N1=CC(Cl)=CC2=C1C=CC=C2OC(F)(F)S",
            "C(Br)(Cl)(I)[C@H](F)N",
            "O=C1N[C@@H](CS)C(=O)N2CCC[C@@H]12",
        ] {
            let drawn = depiction(smiles).unwrap_or_else(|_| panic!("{smiles} is drawn"));
            let molecule = Molecule::parse(smiles).expect("a SMILES");
            let symbols: Vec<&str> = drawn
                .block
                .lines()
                .skip(4)
                .filter_map(|line| line.get(31..34).map(str::trim))
                .take(molecule.atom_count())
                .collect();
            for (symbol, place) in molecule.elements().zip(&drawn.places) {
                assert_eq!(symbol, symbols[*place], "{smiles}");
            }
        }
    }
}
