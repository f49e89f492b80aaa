//! The symbol of an atom: an element, or what is none.

use chematic_core::Element;

use super::super::{ChemistryError, Reason};
use super::{query, refused, unsupported};

/// What an atom's symbol says.
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    pub(super) element: Element,
    /// The isotope that the symbol itself names: `D` and `T`.
    pub(super) isotope: Option<u16>,
}

impl Symbol {
    /// # Errors
    ///
    /// For R groups, query atoms, atom lists, lone pairs and unknown symbols,
    /// in line `line`, counted from 0.
    pub(super) fn parse(symbol: &str, line: usize) -> Result<Self, ChemistryError> {
        let element = |element| Symbol {
            element,
            isotope: None,
        };
        let query = |what| Err(query(line, format!("{what} `{symbol}`")));
        let unsupported = |what| Err(unsupported(line, format!("{what} `{symbol}`")));
        match symbol {
            "D" | "T" => Ok(Symbol {
                element: Element::H,
                isotope: Some(if symbol == "D" { 2 } else { 3 }),
            }),
            "*" => Err(refused(line, Reason::Wildcard)),
            _ if is_r_group(symbol) => Err(refused(line, Reason::Wildcard)),
            "L" | "NOT" => query("an atom list"),
            _ if symbol.contains('[') => query("an atom list"),
            "LP" => unsupported("a lone pair"),
            "Pol" | "Mod" => unsupported("a polymer bead"),
            "A" | "AH" | "Q" | "QH" | "X" | "XH" | "M" | "MH" => query("a query atom"),
            _ => match Element::from_symbol(symbol)
                .or_else(|| Element::from_symbol(&capitalised(symbol)?))
            {
                Some(known) => Ok(element(known)),
                None => Err(refused(
                    line,
                    Reason::UnknownElement {
                        symbol: symbol.to_owned(),
                    },
                )),
            },
        }
    }
}

/// `R`, `R#`, `R1`, `R'`, `R\1`: as symbol or as alias.
pub(super) fn is_r_group(text: &str) -> bool {
    text.strip_prefix('R').is_some_and(|rest| {
        rest.chars()
            .all(|c| c.is_ascii_digit() || "#'\\".contains(c))
    })
}

/// `CL` as `Cl`.
fn capitalised(symbol: &str) -> Option<String> {
    match symbol.as_bytes() {
        [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => {
            let letters = [*first, second.to_ascii_lowercase()];
            Some(letters.map(char::from).iter().collect())
        }
        _ => None,
    }
}
