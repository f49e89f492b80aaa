//! Writes the browser bindings of one WebAssembly module:
//! `bindgen MODULE.wasm FOLDER`.
//!
//! It is wasm-bindgen's own generator, taken as a library rather than
//! installed as a command: its version and everything beneath it then stand
//! in this project's lock file, and no web server or TLS stack is compiled.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [module, folder] = paths.as_slice() else {
        bail!("usage: bindgen MODULE.wasm FOLDER");
    };
    Bindgen::new()
        .input_path(module)
        .web(true)?
        .out_name("delicate")
        .typescript(true)
        .generate(folder)
        .with_context(|| format!("no bindings could be made of {}", module.display()))
}
