//! What a reader tells about a file beside its rows.

use std::fmt;

use crate::text::one_line;

/// What a [`Reader`](super::Reader) decided or left out of its own accord, to be
/// said once for a file. It displays as one sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The column of SMILES was chosen by its values, or among several that are
    /// called so.
    SmilesColumn {
        /// The column taken, with its place where others have its name.
        column: String,
        /// Others that are called so.
        others: Vec<String>,
    },
    /// Lines that begin with `#` stand before the table.
    Comments {
        /// How many.
        lines: u64,
    },
    /// Lines of a list of molecules begin with `#`.
    CommentLines {
        /// How many.
        lines: u64,
    },
    /// Cells of a workbook have a formula and no value.
    Formulas {
        /// How many.
        cells: u64,
    },
    /// The file has columns of an output of ours.
    OwnColumns {
        /// What an output of this file calls its own, so that the user's stay.
        renamed: [String; 2],
    },
    /// Rows of titles or remarks stand above the header of a sheet.
    TitleRows {
        /// How many.
        rows: u64,
    },
    /// Rows of a PubChem table describe its columns and hold no molecule.
    DescriptiveRows {
        /// How many.
        rows: u64,
    },
    /// Data items of an SDF have no name and so no column.
    NamelessItems {
        /// How many.
        items: u64,
    },
    /// Text of an SDF belongs to no mol block and no data item.
    StrayText {
        /// Records that have some.
        records: u64,
    },
    /// Data items of an SDF appear after the part of the stream that tells the
    /// columns.
    OtherItems {
        /// Different names of such items.
        names: u64,
    },
    /// The last record of an SDF has data items and no `$$$$`.
    UnclosedRecord,
    /// A column of moments names a time zone whose clocks are not known.
    UnknownZone {
        /// The column.
        column: String,
        /// The zone, as the file calls it.
        zone: String,
    },
    /// Zero bytes follow the compressed data.
    Padding {
        /// How many.
        bytes: u64,
    },
    /// Cells of a workbook hold whole numbers that a double cannot tell from others.
    LargeNumbers {
        /// How many.
        cells: u64,
    },
    /// Columns have other names as data items of the SDF that is written.
    RenamedItems {
        /// Each column, and its item.
        renamed: Vec<(String, String)>,
    },
    /// Molecules have stereo that their drawing in the SDF leaves open.
    StereoNotDrawn {
        /// How many.
        molecules: u64,
        /// The line of the first.
        line: u64,
    },
    /// The name promises what the file is not; its text was read as it is.
    Misnamed {
        /// What the name promises, such as `a gzip file`.
        promised: &'static str,
    },
    /// The table is one of several files of an archive, or sheets of a workbook.
    Part {
        /// The file or sheet taken.
        name: String,
        /// What it is a part of: `archive` or `workbook`.
        of: &'static str,
        /// The others, in their order.
        others: Vec<String>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmilesColumn { column, others } if others.is_empty() => {
                write!(
                    f,
                    "SMILES are read from the column `{}`, by its values",
                    one_line(column)
                )
            }
            Self::SmilesColumn { column, others } => write!(
                f,
                "SMILES are read from the column `{}`, not from {}",
                one_line(column),
                super::listed(others)
            ),
            Self::Comments { lines } => {
                let lines = counted(*lines, "line that begins", "lines that begin");
                write!(f, "{lines} with # before the table: read as comments")
            }
            Self::CommentLines { lines } => {
                let lines = counted(*lines, "line that begins", "lines that begin");
                write!(f, "{lines} with #: read as comments")
            }
            Self::Formulas { cells } => {
                let cells = counted(
                    *cells,
                    "cell has a formula without its value and is",
                    "cells have a formula without its value and are",
                );
                write!(
                    f,
                    "{cells} read as empty: open the workbook in a spreadsheet program and save \
                     it, which stores the values"
                )
            }
            Self::OwnColumns {
                renamed: [smiles, changes],
            } => write!(
                f,
                "the table has columns `standardized` and `changes` already, as tables that were \
                 scored have: they are kept, and the new ones are called `{smiles}` and \
                 `{changes}`"
            ),
            Self::TitleRows { rows } => {
                let rows = counted(*rows, "row stands", "rows stand");
                write!(f, "{rows} above the header: left out")
            }
            Self::DescriptiveRows { rows } => {
                let rows = counted(*rows, "row describes", "rows describe");
                write!(f, "{rows} the columns (RESULT_…) and are no molecules")
            }
            Self::NamelessItems { items } => {
                let items = counted(*items, "data item", "data items");
                write!(f, "{items} without a name: left out")
            }
            Self::StrayText { records } => {
                let records = counted(*records, "record has", "records have");
                write!(
                    f,
                    "{records} text after `M  END` that belongs to no data item: left out"
                )
            }
            Self::OtherItems { names } => {
                let names = counted(*names, "data item", "data items");
                write!(
                    f,
                    "{names} first appear late in the stream and stand in the column \
                     `other_items`: give the file by its name to have columns for them"
                )
            }
            Self::UnclosedRecord => f.write_str(
                "the last record has no `$$$$`: data items may be missing if the file was cut",
            ),
            Self::UnknownZone { column, zone } => write!(
                f,
                "the column `{}` has moments of the time zone `{}`, which is unknown: where they \
                 are written as text, they are in UTC (Z)",
                one_line(column),
                one_line(zone)
            ),
            Self::Padding { bytes } => {
                let bytes = counted(*bytes, "zero byte follows", "zero bytes follow");
                write!(f, "{bytes} the compressed data: passed over")
            }
            Self::LargeNumbers { cells } => {
                let cells = counted(
                    *cells,
                    "cell holds a whole number",
                    "cells hold whole numbers",
                );
                write!(
                    f,
                    "{cells} of 9007199254740992 (2^53) or more, whose last digits spreadsheet \
                     programs change: store identifiers as text"
                )
            }
            Self::RenamedItems { renamed } => {
                let renamed = renamed.iter().map(|(column, item)| {
                    format!("`{}` is `{}`", one_line(column.trim()), one_line(item))
                });
                let renamed = super::first_few(renamed);
                write!(
                    f,
                    "columns have other names as data items, in which < and > may not stand and \
                     of which no two are called alike: {renamed}"
                )
            }
            Self::StereoNotDrawn { molecules, line } => {
                let molecules = counted(*molecules, "molecule has", "molecules have");
                write!(
                    f,
                    "{molecules} stereo that cannot be drawn and is left open in the SDF (the first \
                     in line {line} of the input)"
                )
            }
            Self::Misnamed { promised } => write!(
                f,
                "the file is not {promised}, as its name says, but plain text: read as such"
            ),
            Self::Part { name, of, others } => {
                write!(f, "the {of}'s `{}` is read", one_line(name))?;
                match others.len() {
                    0 => Ok(()),
                    _ => write!(f, ", not {}", super::listed(others)),
                }
            }
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
