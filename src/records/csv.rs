//! Delimited text: comma, tab or semicolon; quoted fields may hold delimiters,
//! doubled quotes and line ends.
//!
//! Rows are split here rather than by the `csv` crate, which lets a record
//! grow without bound: one stray quote would swallow the rest of a file. Here
//! a quote that is not closed within [`MAX_RECORD_BYTES`], or at all, costs
//! only its own line, and reading resumes on the next. (`csv-core` is bounded,
//! but cannot be asked whether a quote is open, and takes the first bytes
//! after every such new start for a byte-order mark's place.)
//!
//! The first row is a header unless no cell of it is a customary name for
//! SMILES and its cell in the column of SMILES looks like SMILES itself. A
//! file without header gets the columns `column_1`, `column_2` and so on.
//!
//! Blank lines are skipped. A row of empty cells is a row: the user has it.

use std::io::{self, Read};

use super::source::{self, Source};
use super::{Header, MAX_RECORD_BYTES, ReadOptions, RecordsError, Row, RowError};
use super::{columns, smiles_structure};

/// Rows from which delimiter and columns are detected.
const SNIFFED_ROWS: usize = 100;

/// Unclosed quotes after which a line end always ends a row. Each costs a scan
/// of up to a megabyte, so that a hostile file could make reading quadratic.
const MAX_UNCLOSED_QUOTES: usize = 64;

pub(super) struct Rows<R> {
    source: Source<R>,
    splitter: Splitter,
    unclosed_quotes: usize,
}

/// One row as it stands in the file.
struct Cells {
    line: u64,
    cells: Vec<String>,
    error: Option<RowError>,
}

pub(super) fn open<R: Read>(
    source: Source<R>,
    prefer_tabs: bool,
    options: &ReadOptions,
) -> Result<(Header, Rows<R>), RecordsError> {
    let (delimiter, sample) = sniff(source.head(), source.head_is_everything(), prefer_tabs);
    let mut rows = Rows {
        source,
        splitter: Splitter::new(delimiter),
        unclosed_quotes: 0,
    };
    let Some((first, rest)) = sample.split_first() else {
        // The head is one unfinished line: too long a header, or a failure.
        rows.next_row().map_err(RecordsError::at_start)?;
        return Err(RecordsError::HeaderTooLong);
    };

    let by_content = columns::smiles_by_content(if rest.is_empty() { &sample } else { rest });
    let smiles_cell = by_content.and_then(|column| first.get(column));
    let wanted = options.smiles_column.as_deref();
    let headerless = columns::smiles_by_name(first).is_none()
        && wanted.is_none_or(|wanted| columns::named(first, wanted).is_err())
        && smiles_cell.is_some_and(|cell| columns::looks_like_smiles(cell));

    let names = if headerless {
        (1..=first.len())
            .map(|number| format!("column_{number}"))
            .collect()
    } else {
        // Consumes the row of which `sample` has a copy.
        let row = rows.next_row().map_err(RecordsError::at_start)?;
        row.ok_or(RecordsError::Empty)?.cells
    };

    let found = match wanted {
        Some(wanted) => Some(columns::named(&names, wanted)?),
        None => columns::smiles_by_name(&names).or(by_content),
    };
    let Some(smiles) = found.filter(|&column| column < names.len()) else {
        return Err(RecordsError::NoSmilesColumn { columns: names });
    };
    let id = match &options.id_column {
        Some(wanted) => Some(columns::named(&names, wanted)?),
        None => columns::id_by_name(&names).filter(|&column| column != smiles),
    };
    let header = Header {
        columns: names,
        smiles: Some(smiles),
        id,
    };
    Ok((header, rows))
}

impl<R: Read> Rows<R> {
    pub(super) fn line(&self) -> u64 {
        self.source.line()
    }

    pub(super) fn next_record(&mut self, header: &Header) -> io::Result<Option<Row>> {
        let width = header.columns.len();
        loop {
            let Some(row) = self.next_row()? else {
                return Ok(None);
            };
            let Cells {
                line,
                mut cells,
                mut error,
            } = row;
            let blank = cells.len() == 1 && width > 1 && cells[0].trim().is_empty();
            if blank && error.is_none() {
                continue;
            }

            // Spreadsheets pad rows with empty cells on the right: no harm.
            let surplus = cells.iter().skip(width).any(|cell| !cell.is_empty());
            if error.is_none() && (surplus || cells.len() < width) {
                let count = cells.len();
                let plural = if count == 1 { "" } else { "s" };
                let message = format!("the row has {count} field{plural}, the header has {width}");
                error = Some(RowError::new("ragged_row", message));
            }
            let column = header.smiles.unwrap_or(0);
            let cell = cells.get(column).map_or("", String::as_str);
            let molecule = match error {
                Some(error) => Err(error),
                None => smiles_structure(cell, &header.columns[column]),
            };
            cells.resize(width, String::new());
            return Ok(Some(Row {
                line,
                fields: cells,
                molecule,
            }));
        }
    }

    fn next_row(&mut self) -> io::Result<Option<Cells>> {
        let Self {
            source, splitter, ..
        } = self;
        let (line, first) = loop {
            let line = source.line();
            match source.peek_line(0)? {
                None => return Ok(None),
                Some(blank) if blank.next > 0 && blank.end == 0 => source.advance(blank.next, 1),
                Some(first) => break (line, first),
            }
        };
        if first.too_long {
            source.discard_line();
            return Ok(Some(Cells {
                line,
                cells: Vec::new(),
                error: Some(RowError::too_long()),
            }));
        }

        splitter.feed(source.bytes(0, first.end));
        let (mut end, mut next, mut lines) = (first.end, first.next, 1);
        let mut error = None;
        while splitter.in_quotes() {
            let within = next <= MAX_RECORD_BYTES && self.unclosed_quotes < MAX_UNCLOSED_QUOTES;
            let more = if within {
                source.peek_line(next)?
            } else {
                None
            };
            let more = more.filter(|more| !more.too_long);
            if let Some(more) = more {
                // From `end`, so that the line end goes into the field as it is.
                splitter.feed(source.bytes(end, more.end));
                (end, next, lines) = (more.end, more.next, lines + 1);
            }
            // Text behind the quote that closes on a later line: it is one that opens
            // there, and the quote of the first line was never closed.
            if more.is_none() || splitter.stray {
                self.unclosed_quotes += 1;
                error = Some(RowError::new(
                    "unclosed_quote",
                    "a quote opens in this row and is not closed",
                ));
                splitter.reset();
                splitter.feed(source.bytes(0, first.end));
                (next, lines) = (first.next, 1);
                break;
            }
        }
        source.advance(next, lines);
        Ok(Some(Cells {
            line,
            cells: splitter.finish(),
            error,
        }))
    }
}

/// Splits one row into cells, by the rules of RFC 4180 made lenient: a quote
/// counts only at the start of a cell, and text after a closing quote stays, within
/// one line.
struct Splitter {
    delimiter: u8,
    state: State,
    /// Text followed a closing quote.
    stray: bool,
    cell: Vec<u8>,
    cells: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// A quote in a quoted cell: its end, or the first half of a doubled one.
    QuoteInQuoted,
}

impl Splitter {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::CellStart,
            stray: false,
            cell: Vec::new(),
            cells: Vec::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.state = match self.state {
                State::Quoted if byte == b'"' => State::QuoteInQuoted,
                State::CellStart if byte == b'"' => State::Quoted,
                State::Quoted => {
                    self.cell.push(byte);
                    State::Quoted
                }
                State::QuoteInQuoted if byte == b'"' => {
                    self.cell.push(byte);
                    State::Quoted
                }
                _ if byte == self.delimiter => {
                    self.end_cell();
                    State::CellStart
                }
                state => {
                    self.stray |= state == State::QuoteInQuoted;
                    self.cell.push(byte);
                    State::Plain
                }
            };
        }
    }

    fn in_quotes(&self) -> bool {
        self.state == State::Quoted
    }

    fn end_cell(&mut self) {
        // Copied, not taken: cells are kept at their size and the buffer grown.
        self.cells.push(source::decode(self.cell.clone()));
        self.cell.clear();
    }

    fn finish(&mut self) -> Vec<String> {
        self.end_cell();
        self.state = State::CellStart;
        self.stray = false;
        std::mem::take(&mut self.cells)
    }

    fn reset(&mut self) {
        self.cell.clear();
        self.cells.clear();
        self.state = State::CellStart;
        self.stray = false;
    }
}

/// The delimiter, and the first rows as it splits them.
///
/// The best delimiter gives most rows the width of the first; among equals,
/// it exposes most cells that are SMILES or called so; then it gives more
/// cells (a decimal comma loses to a semicolon by the cells it spoils).
fn sniff(head: &[u8], complete: bool, prefer_tabs: bool) -> (u8, Vec<Vec<String>>) {
    let mut best = (b'\t', sample(head, complete, b'\t'));
    if prefer_tabs && rank(&best.1).0 > 0 {
        return best;
    }
    for delimiter in [b';', b','] {
        let rows = sample(head, complete, delimiter);
        // The comma comes last, and so wins where nothing tells them apart.
        if rank(&rows) >= rank(&best.1) {
            best = (delimiter, rows);
        }
    }
    best
}

fn rank(rows: &[Vec<String>]) -> (usize, usize, usize) {
    let width = rows.first().map_or(0, Vec::len);
    if width < 2 {
        return (0, 0, 0);
    }
    let alike = rows.iter().filter(|row| row.len() == width).count();
    let telling =
        |cell: &&String| columns::is_smiles_name(cell) || columns::looks_like_smiles(cell);
    let smiles = rows.iter().flatten().filter(telling).count();
    (alike, smiles, width)
}

fn sample(head: &[u8], complete: bool, delimiter: u8) -> Vec<Vec<String>> {
    let Ok(mut source) = Source::open(head) else {
        return Vec::new();
    };
    source.fill_head();
    let mut rows = Rows {
        source,
        splitter: Splitter::new(delimiter),
        unclosed_quotes: 0,
    };
    let mut sample = Vec::new();
    while sample.len() < SNIFFED_ROWS {
        match rows.next_row() {
            Ok(Some(row)) => sample.push(row.cells),
            _ => {
                // The head ends where it ends, mostly within a row.
                if !complete {
                    sample.pop();
                }
                break;
            }
        }
    }
    sample
}
