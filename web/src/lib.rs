//! Delicate in the browser: what the page's worker calls.
//!
//! Nothing here computes; a [`Table`] reads what the user gave, an [`Engine`]
//! scores it through the library, and rows go out in the shape that the
//! `delicate` command writes.

mod depiction;
mod engine;
mod error;
mod scores;
mod screening;
mod substructure;
mod table;

pub use depiction::{depict, descriptors, drawn_smiles};
pub use engine::Engine;
pub use substructure::Pattern;
pub use table::Table;

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs once, when the module is loaded: panics and the runtime's errors go to
/// the console, where the browser would otherwise say `unreachable`.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    // Fails only where a logger is set already, and then there is one.
    let _ = console_log::init_with_level(log::Level::Warn);
}
