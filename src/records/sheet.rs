//! Excel workbooks: the first sheet with a column of SMILES.
//!
//! A sheet has at most 1,048,576 rows and is held in memory, as its file format
//! asks for, up to [`MAX_SHEET_BYTES`]. A line is a row of the sheet.

use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;

use super::table::Table;
use super::workbook::Workbook;
use super::{Header, Note, ReadOptions, RecordsError, Row, columns};
use crate::text::one_line;

/// Most text of a sheet, and most bytes of its parts when unpacked.
const MAX_SHEET_BYTES: usize = 512 << 20;

/// Rows from which the columns are detected.
const SNIFFED_ROWS: usize = 100;

/// Rows among which the header is looked for.
const TITLE_ROWS: usize = 20;

/// The rows of one sheet.
pub(super) struct Rows {
    cells: Cells,
    next: usize,
    table: Table,
    note: Note,
    /// Rows above the header.
    titles: u64,
    /// Cells with a formula and no value.
    formulas: u64,
    /// Cells with a whole number too large for a double to tell from the next.
    large: u64,
}

pub(super) fn open<S: Read + Seek>(
    mut source: S,
    options: &ReadOptions,
) -> Result<(Header, Rows), RecordsError> {
    check_size(&mut source, MAX_SHEET_BYTES)?;
    let mut book = Workbook::open(source).map_err(unreadable)?;
    let names = book.sheets();
    let mut refusal = None;
    for name in &names {
        let sample = load(&mut book, name, Some(SNIFFED_ROWS)).map_err(unreadable)?;
        let titles = sample.title_rows();
        match Table::new(&sample.all(titles), options) {
            Ok((header, table)) => {
                let cells = load(&mut book, name, None).map_err(unreadable)?;
                let others = names.iter().filter(|other| *other != name);
                let note = Note::Part {
                    name: name.clone(),
                    of: "workbook",
                    others: others.cloned().collect(),
                };
                let rows = Rows {
                    next: titles + usize::from(!table.headerless),
                    cells,
                    table,
                    note,
                    titles: titles as u64,
                    formulas: book.formulas(),
                    large: book.large_numbers(),
                };
                return Ok((header, rows));
            }
            Err(RecordsError::Empty) => {}
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    Err(refusal.unwrap_or(RecordsError::Empty))
}

fn unreadable(what: String) -> RecordsError {
    RecordsError::Workbook { what }
}

/// Refuses a workbook that would expand too far, before it is parsed.
fn check_size<S: Read + Seek>(source: &mut S, limit: usize) -> Result<(), RecordsError> {
    let start = source.stream_position();
    let start = start.map_err(|error| unreadable(error.to_string()))?;
    let mut archive =
        ZipArchive::new(&mut *source).map_err(|error| unreadable(error.to_string()))?;
    let mut left = limit as u64;
    for index in 0..archive.len() {
        let part = archive.by_index(index);
        let mut part = part.map_err(|error| unreadable(error.to_string()))?;
        let unpacked = io::copy(&mut part.by_ref().take(left + 1), &mut io::sink());
        let unpacked = unpacked.map_err(|error| unreadable(error.to_string()))?;
        left = left.checked_sub(unpacked).ok_or_else(|| {
            unreadable(format!(
                "it is larger than {limit} bytes when unpacked; save the sheet as CSV"
            ))
        })?;
    }
    let back = source.seek(SeekFrom::Start(start));
    back.map_err(|error| unreadable(error.to_string()))?;
    Ok(())
}

/// The cells of a sheet, its empty rows left out.
#[derive(Default)]
struct Cells {
    text: String,
    /// Where the text of each cell ends.
    ends: Vec<usize>,
    /// For each row its number in the sheet and its first cell.
    rows: Vec<(u32, usize)>,
}

fn load<S: Read + Seek>(
    book: &mut Workbook<S>,
    name: &str,
    most: Option<usize>,
) -> Result<Cells, String> {
    let mut cells = Cells::default();
    let mut column = 0;
    book.cells(name, |row, at, text| {
        if cells.rows.last().is_none_or(|&(last, _)| last != row) {
            if most.is_some_and(|most| cells.rows.len() == most) {
                return Ok(false);
            }
            cells.rows.push((row, cells.ends.len()));
            column = 0;
        }
        // Of a cell that is there twice, or out of order, the first stays.
        if at >= column {
            while column < at {
                cells.ends.push(cells.text.len());
                column += 1;
            }
            cells.text.push_str(text);
            cells.ends.push(cells.text.len());
            column += 1;
        }
        // Far from one another, cells take more memory than their file does.
        let memory = cells.text.len() + cells.ends.len() * size_of::<usize>();
        if memory > MAX_SHEET_BYTES {
            return Err(format!(
                "the sheet `{}` takes more than {MAX_SHEET_BYTES} bytes; save it as CSV",
                one_line(name)
            ));
        }
        Ok(true)
    })?;
    Ok(cells)
}

impl Cells {
    fn row(&self, index: usize) -> Option<(u64, Vec<String>)> {
        let &(row, first) = self.rows.get(index)?;
        let after = self.rows.get(index + 1);
        let after = after.map_or(self.ends.len(), |&(_, first)| first);
        let cell = |at: usize| {
            let start = if at == 0 { 0 } else { self.ends[at - 1] };
            self.text[start..self.ends[at]].to_owned()
        };
        Some((u64::from(row) + 1, (first..after).map(cell).collect()))
    }

    fn all(&self, from: usize) -> Vec<Vec<String>> {
        let rows = (from..self.rows.len()).filter_map(|index| self.row(index));
        rows.map(|(_, cells)| cells).collect()
    }

    /// Rows of titles and remarks above the header.
    fn title_rows(&self) -> usize {
        let is_header = |&index: &usize| {
            let (_, cells) = self.row(index).unwrap_or_default();
            columns::smiles_by_name(&cells).is_some()
        };
        // What stands above a header of names is narrower than it.
        let width = |index: usize| self.row(index).map_or(0, |(_, cells)| cells.len());
        let header = (0..self.rows.len().min(TITLE_ROWS)).find(is_header);
        header
            .filter(|&header| (0..header).all(|above| width(above) < width(header)))
            .unwrap_or(0)
    }
}

impl Rows {
    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        let titles = (self.titles > 0).then_some(Note::TitleRows { rows: self.titles });
        let formulas = self.formulas;
        let formulas = (formulas > 0).then_some(Note::Formulas { cells: formulas });
        let cells = self.large;
        let large = (cells > 0).then_some(Note::LargeNumbers { cells });
        [self.note.clone()]
            .into_iter()
            .chain(titles)
            .chain(formulas)
            .chain(large)
            .chain(self.table.notes())
    }

    /// The row in which the next record begins.
    pub(super) fn line(&self) -> u64 {
        let row = self.cells.rows.get(self.next);
        row.map_or(0, |&(row, _)| u64::from(row) + 1)
    }

    pub(super) fn next_record(&mut self, header: &Header) -> Option<Row> {
        while let Some((line, mut cells)) = self.cells.row(self.next) {
            self.next += 1;
            // A sheet does not store the empty cells at the end of a row.
            if cells.len() < header.columns.len() {
                cells.resize(header.columns.len(), String::new());
            }
            if let Some(row) = self.table.row(header, line, cells, None) {
                return Some(row);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn a_workbook_that_expands_too_far_is_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["xl/workbook.xml", "xl/sharedStrings.xml"] {
            let options = SimpleFileOptions::default();
            writer.start_file(name, options).expect("begun");
            writer.write_all(&[b' '; 10_000]).expect("written");
        }
        let mut book = writer.finish().expect("finished");
        book.set_position(0);
        assert!(check_size(&mut book, 20_000).is_ok());
        assert_eq!(book.position(), 0);
        let error = check_size(&mut book, 19_999).expect_err("too large");
        assert!(
            error.to_string().contains("larger than 19999 bytes"),
            "{error}"
        );
    }
}
