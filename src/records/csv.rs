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
//! Lines that begin with `#` before the table are comments, but for the last of
//! them where it names the columns (`#SMILES,id`).
//!
//! Blank lines are skipped. A row of empty cells is a row: the user has it.

use std::io::{self, Read};

use super::source::{self, Source};
use super::table::Table;
use super::{Header, MAX_RECORD_BYTES, Note, ReadOptions, RecordsError, Row, RowError, columns};

/// Rows from which delimiter and columns are detected.
const SNIFFED_ROWS: usize = 100;

/// Unclosed quotes after which a line end always ends a row. Each costs a scan
/// of up to a megabyte, so that a hostile file could make reading quadratic.
const MAX_UNCLOSED_QUOTES: usize = 64;

pub(super) struct Rows<R: Read> {
    lines: Lines<R>,
    table: Table,
    comments: u64,
}

/// The rows as they stand in the file, without a meaning.
struct Lines<R: Read> {
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
    mut source: Source<R>,
    prefer_tabs: bool,
    options: &ReadOptions,
) -> Result<(Header, Rows<R>), RecordsError> {
    let complete = source.head_is_everything();
    let comments = Comments::before(source.head(), source.comments() > 0);
    let table = &source.head()[comments.bytes..];
    let (delimiter, mut sample) = sniff(table, complete, prefer_tabs);
    let mut titles = comments.titles(delimiter, sample.first());
    if sample.is_empty() && complete {
        // Nothing but comments, the last of which may be a header.
        let (delimiter, _) = sniff(comments.last.as_bytes(), true, prefer_tabs);
        titles = comments.titles(delimiter, None);
        if titles.is_none() {
            return Err(RecordsError::Empty);
        }
    }
    let before = source.comments();
    source.advance(comments.bytes, comments.lines);
    let mut lines = Lines::new(source, delimiter);
    if sample.is_empty() && titles.is_none() {
        // The head is one unfinished line: too long a header, or a failure.
        lines.next_row().map_err(RecordsError::at_start)?;
        return Err(RecordsError::HeaderTooLong);
    }
    let titled = titles.is_some();
    if let Some(titles) = titles {
        sample.insert(0, titles);
    }

    let (header, table) = Table::new(&sample, options)?;
    if !table.headerless && !titled {
        // The row of which `sample` has a copy.
        lines.next_row().map_err(RecordsError::at_start)?;
    }
    let rows = Rows {
        lines,
        table,
        comments: before + comments.comments - u64::from(titled),
    };
    Ok((header, rows))
}

/// `sep=;`, by which Excel is told how the lines below are split.
fn is_separator_line(text: &[u8]) -> bool {
    matches!(
        text.trim_ascii_end(),
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', b',' | b';']
    ) || text.eq_ignore_ascii_case(b"sep=\t")
}

/// The lines before a table that begin with `#`, or are blank.
#[derive(Default)]
struct Comments {
    bytes: usize,
    lines: u64,
    /// Those that are not blank.
    comments: u64,
    /// The last of them, without its `#`.
    last: String,
}

impl Comments {
    /// The comments at the beginning of `head`; `are_certain` where there were too many
    /// before it to be a table.
    fn before(head: &[u8], are_certain: bool) -> Self {
        let mut comments = Self::default();
        let mut rest = head;
        let mut blank = 0;
        while !rest.is_empty() {
            let (line, next) = source::split_line(rest);
            let text = line.trim_ascii_start();
            if let Some(comment) = text.strip_prefix(b"#") {
                comments.bytes = head.len() - next.len();
                comments.lines += 1 + blank;
                comments.comments += 1;
                blank = 0;
                comments.last = source::decode(comment.to_vec());
            } else if text.is_empty() {
                blank += 1;
            } else if comments.bytes == 0 && is_separator_line(text) {
                comments.bytes = head.len() - next.len();
                comments.lines += 1 + blank;
                blank = 0;
            } else {
                // Blank lines with spaces in them are no rows.
                comments.bytes = head.len() - rest.len();
                comments.lines += blank;
                return comments;
            }
            rest = next;
        }
        // Every line begins so, and more than a header does: they are the table.
        if comments.comments > 1 && !are_certain && !columns::is_smiles_name(&comments.last) {
            return Self::default();
        }
        comments
    }

    /// The names of the columns, where the last comment has them for a table that
    /// begins with the row `first`.
    fn titles(&self, delimiter: u8, first: Option<&Vec<String>>) -> Option<Vec<String>> {
        let mut splitter = Splitter::new(delimiter);
        splitter.feed(self.last.as_bytes());
        let mut titles = splitter.finish();
        if titles[0].starts_with(' ') {
            titles[0] = titles[0].trim_start().to_owned();
        }
        let alike = first.is_none_or(|first| {
            first.len() == titles.len() && columns::smiles_by_name(first).is_none()
        });
        let named = match titles.as_slice() {
            [only] => columns::is_customary_smiles_name(only),
            several => several.iter().any(|name| columns::is_smiles_name(name)),
        };
        (alike && named).then_some(titles)
    }
}

impl<R: Read> Rows<R> {
    pub(super) fn source(&self) -> &Source<R> {
        &self.lines.source
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        let comments = (self.comments > 0).then_some(Note::Comments {
            lines: self.comments,
        });
        comments.into_iter().chain(self.table.notes())
    }

    pub(super) fn next_record(&mut self, header: &Header) -> io::Result<Option<Row>> {
        while let Some(Cells { line, cells, error }) = self.lines.next_row()? {
            if let Some(row) = self.table.row(header, line, cells, error) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

impl<R: Read> Lines<R> {
    fn new(source: Source<R>, delimiter: u8) -> Self {
        Self {
            source,
            splitter: Splitter::new(delimiter),
            unclosed_quotes: 0,
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
/// A bar is one where the first row names a column of SMILES between bars and no other
/// delimiter splits it: elsewhere bars are those of extended SMILES.
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
    if best.1.first().is_some_and(|first| first.len() < 2) {
        let rows = sample(head, complete, b'|');
        let names = rows.first().map(Vec::as_slice).unwrap_or_default();
        if name_smiles(names) {
            return (b'|', rows);
        }
    }
    best
}

/// Whether several titles are there, and one is customary for a column of SMILES.
fn name_smiles<T: AsRef<str>>(titles: &[T]) -> bool {
    let is_customary = |title: &T| columns::is_customary_smiles_name(title.as_ref());
    titles.len() > 1 && titles.iter().any(is_customary)
}

/// Whether the first line of a text has bars between titles, one of them that of a column
/// of SMILES. After a SMILES a bar begins its extension.
pub(super) fn has_titles_between_bars(first: &str) -> bool {
    let titles: Vec<&str> = first.split('|').map(str::trim).collect();
    name_smiles(&titles) && !columns::looks_like_smiles(titles[0])
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
    let mut lines = Lines::new(source, delimiter);
    let mut sample = Vec::new();
    while sample.len() < SNIFFED_ROWS {
        match lines.next_row() {
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
