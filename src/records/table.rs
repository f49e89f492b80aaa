//! What a table's rows are, once they are split into cells: which row is the
//! header, which column holds the SMILES, and what becomes of a row that does
//! not fit. Delimited text and the sheets of a workbook share it.
//!
//! The first row is a header unless no cell of it is a customary name for
//! SMILES and its cell in the column of SMILES looks like SMILES itself. A
//! table without header gets the columns `column_1`, `column_2` and so on.

use super::{ColumnChoice, Header, Note, ReadOptions, RecordsError, Row, RowError};
use super::{columns, smiles_structure};

/// Column of PubChem's tables of results; the cells that begin with
/// [`DESCRIPTION`] say what a column holds.
const TAGS: &str = "PUBCHEM_RESULT_TAG";
const DESCRIPTION: &str = "RESULT_";

/// How a table is read.
pub(super) struct Table {
    /// Whether the first row is no header.
    pub(super) headerless: bool,
    choice: Option<Note>,
    /// The column that tells descriptions from results.
    tags: Option<usize>,
    described: u64,
}

/// Whether no cell of a line is this name of a column.
fn is_no_name(line: &[String], wanted: &ColumnChoice) -> bool {
    match wanted {
        ColumnChoice::Name(name) => {
            let named = columns::named(line, name);
            matches!(named, Err(RecordsError::UnknownColumn { .. }))
        }
        // A place is one with and without a header.
        ColumnChoice::Place(_) => true,
    }
}

impl Table {
    /// Decides by the first rows, the header among them.
    pub(super) fn new(
        sample: &[Vec<String>],
        options: &ReadOptions,
    ) -> Result<(Header, Self), RecordsError> {
        let Some((first, rest)) = sample.split_first() else {
            return Err(RecordsError::Empty);
        };
        let all = if rest.is_empty() { sample } else { rest };
        let smiles_cell = columns::smiles_by_content(all).and_then(|column| first.get(column));
        let wanted = options.smiles_column.as_ref();
        let headerless = columns::smiles_by_name(first).is_none()
            && wanted.is_none_or(|wanted| is_no_name(first, wanted))
            && smiles_cell.is_some_and(|cell| columns::looks_like_smiles(cell));
        let (names, rows) = if headerless {
            let numbered = (1..=first.len()).map(|number| format!("column_{number}"));
            (numbered.collect(), sample)
        } else {
            (first.clone(), rest)
        };

        let (smiles, choice) = match wanted {
            Some(wanted) => (wanted.among(&names)?, None),
            None => match columns::smiles(&names, if rows.is_empty() { all } else { rows }) {
                Some(chosen) => chosen,
                None => return Err(RecordsError::NoSmilesColumn { columns: names }),
            },
        };
        let id = match &options.id_column {
            Some(wanted) => Some(wanted.among(&names)?),
            None => columns::id_by_name(&names).filter(|&column| column != smiles),
        };
        let table = Self {
            headerless,
            choice,
            tags: names.iter().position(|name| name == TAGS),
            described: 0,
        };
        let header = Header {
            columns: names,
            smiles: Some(smiles),
            id,
        };
        Ok((header, table))
    }

    /// One row of cells; `None` where it is no row of the table.
    pub(super) fn row(
        &mut self,
        header: &Header,
        line: u64,
        mut cells: Vec<String>,
        mut error: Option<RowError>,
    ) -> Option<Row> {
        let width = header.columns.len();
        let blank = cells.len() == 1 && width > 1 && cells[0].trim().is_empty();
        if blank && error.is_none() {
            return None;
        }
        let tag = self.tags.and_then(|column| cells.get(column));
        if tag.is_some_and(|tag| tag.starts_with(DESCRIPTION)) {
            self.described += 1;
            return None;
        }

        // Spreadsheets pad rows with empty cells on the right: no harm.
        let surplus = cells.iter().skip(width).any(|cell| !cell.is_empty());
        if error.is_none() && (surplus || cells.len() < width) {
            let count = cells.len();
            let plural = if count == 1 { "" } else { "s" };
            let comma = match has_decimal_comma(&cells[..count.min(width + 8)]) && count > width {
                true => {
                    ": a number with a decimal comma is two fields unless it is quoted (or fields \
                     are parted by semicolons)"
                }
                false => "",
            };
            let message =
                format!("the row has {count} field{plural}, the header has {width}{comma}");
            error = Some(RowError::new("ragged_row", message));
        }
        let column = header.smiles.unwrap_or(0);
        let cell = cells.get(column).map_or("", String::as_str);
        let molecule = match error {
            Some(error) => Err(error),
            None => smiles_structure(cell, &header.columns[column]),
        };
        cells.resize(width, String::new());
        Some(Row {
            line,
            fields: cells,
            molecule,
        })
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        let described = (self.described > 0).then_some(Note::DescriptiveRows {
            rows: self.described,
        });
        self.choice.clone().into_iter().chain(described)
    }
}

/// Whether two neighbouring cells could be a number that its decimal comma parted.
fn has_decimal_comma(cells: &[String]) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    cells.windows(2).any(|pair| {
        let whole = pair[0].trim().trim_start_matches(['-', '+']);
        digits(whole) && digits(pair[1].trim())
    })
}
