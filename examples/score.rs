//! Scores a file of molecules and writes a table with prediction intervals:
//! `cargo run --release --example score -- molecules.smi > scores.csv`

use std::error::Error;
use std::fs::File;
use std::io;

use delicate::predict::standardize_all;
use delicate::records::{OutputFormat, ReadOptions, Reader, Writer};
use delicate::{PredictOptions, Predictor};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .filter(|path| path.ends_with(".smi") || path.ends_with(".csv") || path.ends_with(".sdf"))
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/examples/molecules.smi").into());
    let options = PredictOptions::default().uncertainty(true);
    let predictor = Predictor::builtin()?.with(options);

    let reader = Reader::open(File::open(&path)?, &path, &ReadOptions::default())?;
    let columns = predictor.scorer().columns(options);
    let header = reader.header().clone();
    let mut writer = Writer::new(io::stdout(), OutputFormat::Csv, &header, columns)?;

    let rows = reader.collect::<Result<Vec<_>, _>>()?;
    let standardized = standardize_all(&rows, options.keep);
    let results = predictor
        .predict_batch(&rows)?
        .into_iter()
        .zip(standardized);
    for (row, (result, standardized)) in rows.iter().zip(results) {
        // A row that cannot be read or scored is written with its error.
        writer.write(&row.fields, standardized.as_ref().ok(), result.as_ref())?;
    }
    writer.finish()?;
    Ok(())
}
