//! Prints the canonical SMILES of each molecule of a file as it is written, or why it
//! has none: `cargo run --release --example canonicalize -- molecules.sdf`
//!
//! Nothing is left out and nothing refused that can be read, unlike in the standard form
//! of `delicate standardize`: `tests/compare/mol_blocks.py` compares it with RDKit.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use delicate::records::{ReadOptions, Reader};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .filter(|path| path.ends_with(".smi") || path.ends_with(".csv") || path.ends_with(".sdf"))
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/examples/molecules.smi").into());
    let mut output = BufWriter::new(io::stdout().lock());
    for row in Reader::open(File::open(&path)?, &path, &ReadOptions::default())? {
        let row = row?;
        let written = match &row.molecule {
            Ok(structure) => structure
                .parse()
                .and_then(|molecule| molecule.canonical_smiles())
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match written {
            Ok(smiles) => writeln!(output, "{}\t{smiles}", row.line)?,
            Err(error) => writeln!(output, "{}\t\t{error}", row.line)?,
        }
    }
    output.flush()?;
    Ok(())
}
