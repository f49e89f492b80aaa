//! What a CXSMILES extension (`|…|` after a SMILES) says.
//!
//! ChemAxon's fields as RDKit reads them. Those that describe the molecule are of
//! no concern here; those that change it are refused, in the field's words.

use chematic_core::{AtomIdx, BondIdx, BondOrder};
use chematic_perception::find_sssr;

use super::{Reason, read_written};

/// Why the molecule is not the one that the SMILES alone writes; `None` where
/// `extension`, without its bars, changes nothing about `smiles`.
pub(super) fn fault(smiles: &str, extension: &str) -> Option<Reason> {
    let has_stereo = smiles.contains(['@', '/', '\\']);
    let bond = |kind| Reason::Bond { kind };
    for field in fields(extension) {
        let (name, value) = field.split_once(':').unwrap_or((field, ""));
        let harmless = match name {
            "" => true,
            _ if field.starts_with('(') => true,
            _ if field.starts_with('$') => !has_pseudoatom(field),
            // A wavy bond takes back what the SMILES says of its atom or double bond.
            "w" => !has_stereo,
            // Enhanced stereo, racemic, fragments, ligands, lone pairs, properties and
            // data.
            "r" | "a" | "f" | "LO" | "lp" | "atomProp" | "SgD" | "SgH" => true,
            // What the wedges draw stands in the SMILES too, as `@`, where it is written
            // by a program; in the extension alone it would be lost.
            "wU" | "wD" => smiles.contains('@'),
            // A double bond is cis in every smaller ring.
            "c" => are_in_small_rings(smiles, value),
            // Neither cis nor trans, as a double bond without marks is read.
            "ctu" => !smiles.contains(['/', '\\']),
            _ if name.len() > 1
                && name.starts_with(['o', '&'])
                && name[1..].bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                true
            }
            _ => false,
        };
        if harmless {
            continue;
        }
        return Some(match name {
            _ if name.starts_with('^') => Reason::Radical {
                element: String::new(),
            },
            "C" => bond("coordination bond"),
            "H" => bond("hydrogen bond"),
            "Z" => bond("zero-order bond"),
            "Sg" => match value.split(':').next() {
                // Generic, component and data groups only mark atoms.
                Some("gen" | "c" | "d" | "mix" | "f" | "sup") => continue,
                _ => Reason::Unsupported {
                    what: "a repeating unit (polymer)".into(),
                },
            },
            "w" => Reason::Unsupported {
                what: "a wavy bond beside marks of stereo (leave the marks out)".into(),
            },
            "wU" | "wD" => Reason::Unsupported {
                what: "a wedge of the CXSMILES extension without its `@` in the SMILES (write the \
                       stereo into the SMILES)"
                    .into(),
            },
            "m" => Reason::Unsupported {
                what: "a bond whose place varies".into(),
            },
            "LN" => Reason::Unsupported {
                what: "a link node".into(),
            },
            _ if field.starts_with('$') => Reason::Wildcard,
            "RG" => Reason::Wildcard,
            "rb" | "s" | "u" => Reason::Query {
                what: "a query atom".into(),
            },
            _ => Reason::Unsupported {
                what: format!(
                    "the field `{}` of the CXSMILES extension between bars (it may change the \
                     molecule: leave it out, or put a name without bars)",
                    field.chars().take(30).collect::<String>()
                ),
            },
        });
    }
    None
}

/// Whether a label (`$…$`) makes an atom a pseudoatom, as ChemAxon writes them (`Q_e` any
/// atom but carbon and hydrogen, `star_e`, `Pol_p`), whatever the SMILES has there.
fn has_pseudoatom(field: &str) -> bool {
    let labels = field.trim_matches('$');
    // Values of atoms, which may be any text.
    !labels.starts_with("_AV:")
        && (labels.split(';')).any(|label| label.ends_with("_p") || label.ends_with("_e"))
}

/// Whether all of these bonds are double bonds in rings of less than eight atoms, where
/// nothing but cis is possible. A SMILES that cannot be read is judged elsewhere.
fn are_in_small_rings(smiles: &str, bonds: &str) -> bool {
    const SMALL: usize = 8;
    read_written(smiles).is_ok_and(|written| {
        let molecule = &written.molecule;
        let rings = find_sssr(molecule);
        bonds.split(',').all(|bond| {
            let bond = bond.trim().parse::<u32>().map(BondIdx);
            let Some(bond) = bond
                .ok()
                .filter(|bond| (bond.0 as usize) < molecule.bond_count())
            else {
                return false;
            };
            let bond = molecule.bond(bond);
            let is_within = |ring: &Vec<AtomIdx>| {
                ring.len() < SMALL && ring.contains(&bond.atom1) && ring.contains(&bond.atom2)
            };
            bond.order == BondOrder::Double && rings.rings().iter().any(is_within)
        })
    })
}

/// The fields, which commas part; so do commas the numbers of one field, and what
/// stands between `$` or in parentheses is one.
fn fields(extension: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let (mut start, mut depth, mut labels) = (0, 0_usize, false);
    for (at, character) in extension.char_indices() {
        match character {
            '$' => labels = !labels,
            '(' if !labels => depth += 1,
            ')' if !labels => depth = depth.saturating_sub(1),
            ',' if !labels && depth == 0 => {
                // A number goes on with the list before it.
                let next = extension[at + 1..].chars().next();
                if next.is_some_and(|next| !next.is_ascii_digit()) {
                    fields.push(&extension[start..at]);
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    fields.push(&extension[start..]);
    fields
}
