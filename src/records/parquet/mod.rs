//! Parquet files in and out, batch by batch.
//!
//! A [`ParquetFile`] gives [`ParquetBatch`]es of a row group, and these
//! [`Row`](super::Row)s; a [`ParquetWriter`] writes the user's columns, of whatever
//! types, as they came, and after them those of a [`Frame`](super::Frame). Memory is
//! that of a batch as it is read, and of a row group as it is written, at most
//! [`GROUP`] rows.

mod moments;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{ParquetBatch, ParquetBatches, ParquetFile, Texts};
pub use write::{GROUP, ParquetLayout, ParquetWriter, UserRows, join, other_columns, text_of};

use super::listed;
use crate::text::one_line;

/// Why a Parquet file cannot be read, or cannot be read any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParquetError {
    /// It neither begins nor ends as one.
    #[error("it is no Parquet file: it does not begin with PAR1")]
    NotParquet,
    /// Its end, where Parquet says what is where, is missing or makes no sense.
    #[error("the Parquet file is cut short or damaged: {what}")]
    Damaged {
        /// What the reader said.
        what: String,
    },
    /// A row group cannot be read to its end. The rows already given are good.
    #[error("the Parquet file is damaged in row group {group}, at row {row}: {what}")]
    RowGroup {
        /// The row group, from 1.
        group: usize,
        /// The first row of the file that cannot be read, from 1.
        row: u64,
        /// What the reader said.
        what: String,
    },
    /// Its footer or its columns are encrypted.
    #[error("the Parquet file is encrypted, and cannot be read: write it anew without encryption")]
    Encrypted,
    /// Its columns are compressed in a way that is not read.
    #[error(
        "the Parquet file is compressed with {name}, which is not read; write it with zstd or \
         snappy"
    )]
    Compression {
        /// The compression.
        name: &'static str,
    },
    /// No column is of text.
    #[error("no column of the Parquet file is text, as SMILES are; it has {}", listed(.columns))]
    NoText {
        /// The names of its columns, each with its type.
        columns: Vec<String>,
    },
    /// The column of SMILES is not of text.
    #[error("the column `{}` has the type {kind}: SMILES are text", one_line(.column))]
    NotText {
        /// Its name.
        column: String,
        /// Its type, as Arrow names it.
        kind: String,
    },
}

impl ParquetError {
    /// What is wrong with a file of which the reader says `what`.
    fn of(what: &str) -> Self {
        let what = what.to_owned();
        match what.contains("encrypt") {
            true => Self::Encrypted,
            false => Self::Damaged { what },
        }
    }
}
