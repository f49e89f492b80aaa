//! SDF: mol blocks and data items, records ending in `$$$$`; also a single mol
//! file, and mol blocks one after the other.
//!
//! Records are read one by one, in memory that does not grow with the file. The
//! columns are `name`, the title line of the mol block, and every data item of
//! the file in the order of first appearance, so that they are known at its end
//! only. A file is therefore read twice, at first for the names of its items
//! ([`survey`]). A stream cannot be: of it the first [`WINDOW_BYTES`] tell the
//! columns, and items that first appear after them stand together in one more
//! column, `other_items`, as a JSON object.
//!
//! A data item called `name` is a second column of that name. A data value of
//! several lines keeps them, joined by `\n`; an item given twice in a record is
//! joined likewise.
//!
//! Where a record ends is told by what follows, because files in the wild lack
//! `$$$$`: a counts line that cannot be part of the record begins another one
//! three lines before it. A mol block within a data value stays there, with what
//! stands before it in the value, up to a blank line. A last
//! record without `$$$$` is complete if it has reached `M  END` and no data
//! value is cut; where records before it have `$$$$` or data items, or it has some
//! itself, the file may have been cut after it, and that is said.

use std::collections::{HashMap, HashSet, VecDeque, hash_map};
use std::io;
use std::ops::Range;

use super::source::{self, Source};
use super::{Header, MAX_RECORD_BYTES, MAX_SDF_COLUMNS, Note, ReadOptions, RecordsError};
use super::{Row, RowError, Structure, smiles_structure};
use crate::text::one_line;

/// How much of a stream is looked at for the names of its data items.
pub(super) const WINDOW_BYTES: usize = 4 << 20;

/// The column of items that appear after [`WINDOW_BYTES`] of a stream.
const OTHER_ITEMS: &str = "other_items";

/// Lines before a counts line at which its mol block begins.
const HEADER_LINES: usize = 3;

/// The names of the data items, and which column each has.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    names: Vec<String>,
    columns: HashMap<String, usize>,
    /// Whether there may be more.
    open: bool,
}

impl Items {
    /// Adds what the record has; false where there are too many. A record that has too
    /// many by itself is no measure for the others: it adds none.
    fn add(&mut self, data: &[u8]) -> bool {
        if has_too_many_items(data) {
            return true;
        }
        for item in data_items(data) {
            if let Some(name) = item.name
                && let hash_map::Entry::Vacant(vacant) = self.columns.entry(name)
            {
                if self.names.len() >= MAX_SDF_COLUMNS {
                    return false;
                }
                self.names.push(vacant.key().clone());
                // After the column of titles.
                vacant.insert(self.names.len());
            }
        }
        true
    }
}

/// Whether a record alone has more data items of different names than there may be
/// columns.
fn has_too_many_items(data: &[u8]) -> bool {
    // An item takes two lines.
    let lines = source::lines(data).count();
    lines > MAX_SDF_COLUMNS && {
        let names = data_items(data).filter_map(|item| item.name);
        names.collect::<HashSet<_>>().len() > MAX_SDF_COLUMNS
    }
}

/// The data items of a whole file, up to where it cannot be read any further.
pub(super) fn survey<R: io::Read>(source: Source<R>) -> Result<Items, RecordsError> {
    let mut scanner = Scanner::new(source);
    let mut items = Items::default();
    // A failure is reported where the records are read.
    while let Ok(Some(record)) = scanner.next() {
        if !items.add(scanner.bytes(&record.data)) {
            return Err(RecordsError::TooManyColumns);
        }
        scanner.consume(&record);
    }
    Ok(items)
}

/// The data items in the first part of a stream.
fn survey_window<R: io::Read>(source: &mut Source<R>) -> Result<Items, RecordsError> {
    source.fill_to(WINDOW_BYTES);
    let complete = source.head_is_everything();
    let mut items = Items {
        open: !complete,
        ..Items::default()
    };
    let Ok(head) = Source::open(source.head()) else {
        return Ok(items);
    };
    let mut scanner = Scanner::new(head);
    while let Ok(Some(record)) = scanner.next() {
        // The window ends where it ends, mostly within a record.
        if record.closed == Closed::EndOfFile && !complete {
            break;
        }
        if !items.add(scanner.bytes(&record.data)) {
            return Err(RecordsError::TooManyColumns);
        }
        scanner.consume(&record);
    }
    Ok(items)
}

pub(super) struct Records<R: io::Read> {
    scanner: Scanner<R>,
    items: Items,
    nameless: u64,
    stray: u64,
    /// A record was closed by `$$$$` or has data items, as those after it should.
    is_sdf: bool,
    unclosed: bool,
    /// Items that no column is named for.
    others: HashSet<String>,
}

pub(super) fn open<R: io::Read>(
    mut source: Source<R>,
    surveyed: Option<Items>,
    options: &ReadOptions,
) -> Result<(Header, Records<R>), RecordsError> {
    let items = match surveyed {
        Some(items) => items,
        None => survey_window(&mut source)?,
    };
    let mut names = vec!["name".to_owned()];
    names.extend(items.names.iter().cloned());
    if items.open {
        names.push(OTHER_ITEMS.to_owned());
    }

    let smiles = match &options.smiles_column {
        Some(wanted) => Some(wanted.among(&names)?),
        None => None,
    };
    let id = match &options.id_column {
        Some(wanted) => wanted.among(&names)?,
        None => 0,
    };
    let header = Header {
        columns: names,
        smiles,
        id: Some(id),
    };
    let records = Records {
        scanner: Scanner::new(source),
        items,
        nameless: 0,
        stray: 0,
        is_sdf: false,
        unclosed: false,
        others: HashSet::new(),
    };
    Ok((header, records))
}

impl<R: io::Read> Records<R> {
    pub(super) fn source(&self) -> &Source<R> {
        &self.scanner.source
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        let nameless = (self.nameless > 0).then_some(Note::NamelessItems {
            items: self.nameless,
        });
        let stray = (self.stray > 0).then_some(Note::StrayText {
            records: self.stray,
        });
        let others = (!self.others.is_empty()).then_some(Note::OtherItems {
            names: self.others.len() as u64,
        });
        let unclosed = self.unclosed.then_some(Note::UnclosedRecord);
        [nameless, stray, others, unclosed].into_iter().flatten()
    }

    pub(super) fn next_record(&mut self, header: &Header) -> io::Result<Option<Row>> {
        let Some(record) = self.scanner.next()? else {
            return Ok(None);
        };
        let block = self.scanner.bytes(&record.block);
        let mut fields = vec![String::new(); header.columns.len()];
        let title = match &record.title {
            Some(title) => title.as_slice(),
            None => source::split_line(block).0,
        };
        fields[0] = source::decode(title.trim_ascii().to_vec());
        let mut other = serde_json::Map::new();
        let data = self.scanner.bytes(&record.data);
        let too_many = has_too_many_items(data);
        let data = if too_many { &[][..] } else { data };
        for DataItem { name, value } in data_items(data) {
            let Some(name) = name else {
                self.nameless += 1;
                continue;
            };
            if let Some(&column) = self.items.columns.get(&name) {
                append(&mut fields[column], &value);
            } else if self.items.open {
                let entry = other.entry(name.as_str()).or_insert_with(|| "".into());
                let mut joined = entry.as_str().unwrap_or_default().to_owned();
                append(&mut joined, &value);
                *entry = joined.into();
                // Known by name up to as many as there may be columns.
                if self.others.len() < MAX_SDF_COLUMNS {
                    self.others.insert(name);
                }
            }
        }
        if !other.is_empty()
            && let Some(field) = fields.last_mut()
        {
            *field = serde_json::Value::Object(other).to_string();
        }
        self.stray += u64::from(record.stray);
        // One mol file is no cut SDF, nor are several, one after the other.
        self.is_sdf |= record.closed == Closed::Separator || !record.data.is_empty();
        self.unclosed |=
            record.closed == Closed::EndOfFile && record.error.is_none() && self.is_sdf;

        let error = record.error.clone().or_else(|| {
            too_many.then(|| {
                let message = format!(
                    "the record has more than {MAX_SDF_COLUMNS} different data items: none of them \
                     is read"
                );
                RowError::new("too_many_items", message)
            })
        });
        let molecule = match (error, header.smiles) {
            (Some(error), _) => Err(error),
            (None, Some(column)) => smiles_structure(&fields[column], &header.columns[column]),
            (None, None) => {
                let lines = source::lines(block).map(|line| source::decode(line.to_vec()) + "\n");
                Ok(Structure::MolBlock(lines.collect()))
            }
        };
        self.scanner.consume(&record);
        Ok(Some(Row {
            line: record.line,
            fields,
            molecule,
        }))
    }
}

/// Adds a value to one that the item had before in the same record.
fn append(field: &mut String, value: &str) {
    if !field.is_empty() {
        field.push('\n');
    }
    field.push_str(value);
}

/// What ends a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    /// `$$$$`.
    Separator,
    /// The mol block of the next one.
    NextBlock,
    EndOfFile,
}

/// Where the parts of a record lie in the window.
struct Record {
    line: u64,
    block: Range<usize>,
    data: Range<usize>,
    /// The title of a record that is too long to be kept.
    title: Option<Vec<u8>>,
    end: usize,
    lines: u64,
    closed: Closed,
    /// It is nothing but blank lines before a mol block.
    is_blank: bool,
    /// It has text between mol block and data items.
    stray: bool,
    error: Option<RowError>,
}

/// Finds the records of a stream.
struct Scanner<R: io::Read> {
    source: Source<R>,
}

impl<R: io::Read> Scanner<R> {
    fn new(source: Source<R>) -> Self {
        Self { source }
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.source.bytes(range.start, range.end)
    }

    fn consume(&mut self, record: &Record) {
        self.source.advance(record.end, record.lines);
    }

    /// The next record, to be consumed; `None` when only blank lines are left.
    fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            match self.scan()? {
                Some(record) if record.is_blank => self.consume(&record),
                found => return Ok(found),
            }
        }
    }

    fn scan(&mut self) -> io::Result<Option<Record>> {
        let line = self.source.line();
        let mut scan = Scan::default();
        let closed = loop {
            scan.shorten(&mut self.source);
            let Some(found) = self.source.peek_line(scan.at)? else {
                break scan.end_of_file();
            };
            if found.too_long {
                scan.skip_line(&mut self.source);
                continue;
            }
            let text = self.source.bytes(scan.at, found.end);
            if let Some(closed) = scan.take(text, found.next) {
                break closed;
            }
        };
        if closed == Closed::EndOfFile && !scan.has_text {
            return Ok(None);
        }
        let error = scan.error(closed, &self.source);
        let (block, data) = if scan.title.is_some() {
            (0..0, 0..0)
        } else {
            let block_end = scan.block_end.unwrap_or(scan.data_end);
            let data_start = scan.data_start.unwrap_or(scan.data_end);
            (0..block_end, data_start..scan.data_end)
        };
        Ok(Some(Record {
            line,
            block,
            data,
            title: scan.title,
            end: scan.end,
            lines: (scan.end_index - scan.dropped) as u64,
            closed,
            is_blank: closed == Closed::NextBlock && scan.end_index <= scan.leading,
            stray: scan.stray,
            error,
        }))
    }
}

/// The part of a record to which the next line belongs.
#[derive(Clone, Copy, Default)]
enum Part {
    #[default]
    Block,
    /// After `M  END`, whose next line begins at this byte and has this index;
    /// whether there was text since.
    Gap { at: usize, index: usize, text: bool },
    /// The value of a data item: the index of its next line, and whether the
    /// value is itself a mol block.
    Value { line: usize, embedded: bool },
    /// A reaction, up to `$$$$`.
    Reaction,
}

/// A line that was read, as far as it matters for those after it.
struct Seen {
    at: usize,
    index: usize,
    blank: bool,
    /// It may end a value. One space stands for a blank line within a value.
    ends_value: bool,
    /// It begins with `$`, as `$MOL` does.
    dollar: bool,
}

/// A record as far as it was read. Lines are counted by their index in it, bytes
/// from the first one in the window.
#[derive(Default)]
struct Scan {
    /// The next line.
    at: usize,
    index: usize,
    part: Part,
    /// The last lines, enough to find where a mol block begins.
    seen: VecDeque<Seen>,
    block_end: Option<usize>,
    data_start: Option<usize>,
    data_end: usize,
    /// The header of the last data item.
    item: Range<usize>,
    /// It has reached `M  END`.
    has_end: bool,
    has_text: bool,
    /// Blank lines before all text.
    leading: usize,
    stray: bool,
    end: usize,
    end_index: usize,
    /// Lines of a record that is too long which are no longer in the window,
    /// and its title.
    dropped: usize,
    title: Option<Vec<u8>>,
}

impl Scan {
    /// Reads one line, which ends before `next`; says what ended the record.
    fn take(&mut self, line: &[u8], next: usize) -> Option<Closed> {
        let trimmed = line.trim_ascii_end();
        let blank = trimmed.is_empty();
        if line.starts_with(b"$$$$") {
            self.stray |= matches!(self.part, Part::Gap { text: true, .. });
            self.data_end = self.at;
            // An empty record is one all the same.
            self.has_text = true;
            return Some(self.close(next, self.index + 1, Closed::Separator));
        }
        let after_blank = self.seen.back().is_none_or(|last| last.blank);
        if self.is_cut_separator(line, next, after_blank) {
            self.stray |= matches!(self.part, Part::Gap { text: true, .. });
            self.data_end = self.at;
            return Some(self.close(next, self.index + 1, Closed::EndOfFile));
        }
        self.leading += usize::from(blank && !self.has_text);
        self.has_text |= !blank;
        let has_counts = is_counts_line(trimmed);
        if has_counts && self.index == HEADER_LINES && matches!(self.part, Part::Value { .. }) {
            // What looked like the header of an item was a title.
            self.part = Part::Block;
            (self.block_end, self.data_start) = (None, None);
        }
        if has_counts && let Some((at, index)) = self.begins_block() {
            self.data_end = at;
            return Some(self.close(at, index, Closed::NextBlock));
        }
        match &mut self.part {
            Part::Reaction => {}
            Part::Block if self.index == 0 && is_reaction(trimmed) => self.part = Part::Reaction,
            // The lines before are the title, which may be anything, a remark and the counts.
            Part::Block if trimmed == b"M  END" && self.index > HEADER_LINES => {
                self.block_end = Some(next);
                self.has_end = true;
                self.part = Part::Gap {
                    at: next,
                    index: self.index + 1,
                    text: false,
                };
            }
            // Without `M  END` the block ends where the data begin.
            Part::Block => {
                if matches!(item_header(line, false), Some(Some(_))) {
                    self.begin_item(next);
                }
            }
            Part::Gap { at, index, text } => {
                if item_header(line, true).is_some() {
                    self.stray |= *text;
                    self.begin_item(next);
                } else if *text && trimmed == b"M  END" {
                    let (at, index) = (*at, *index);
                    self.data_end = at;
                    return Some(self.close(at, index, Closed::NextBlock));
                } else {
                    *text |= !blank;
                }
            }
            Part::Value { line: number, .. } => {
                *number += 1;
                if item_header(line, after_blank).is_some() {
                    self.begin_item(next);
                }
            }
        }
        if self.seen.len() > HEADER_LINES {
            self.seen.pop_front();
        }
        self.seen.push_back(Seen {
            at: self.at,
            index: self.index,
            blank,
            ends_value: blank && line != b" ",
            dollar: line.starts_with(b"$"),
        });
        self.at = next;
        self.index += 1;
        None
    }

    /// Whether the file ends with this line, within the `$$$$` of a record.
    fn is_cut_separator(&self, line: &[u8], next: usize, after_blank: bool) -> bool {
        let ends_file = next == self.at + line.len();
        let is_mark = matches!(line, b"$" | b"$$" | b"$$$");
        let may_close = match self.part {
            Part::Gap { .. } => true,
            Part::Value { .. } => after_blank,
            Part::Block | Part::Reaction => false,
        };
        ends_file && is_mark && may_close
    }

    fn begin_item(&mut self, next: usize) {
        self.data_start.get_or_insert(self.at);
        self.block_end.get_or_insert(self.at);
        self.item = self.at..next;
        self.part = Part::Value {
            line: 0,
            embedded: false,
        };
    }

    /// Where another mol block begins, if this line is its counts line.
    fn begins_block(&mut self) -> Option<(usize, usize)> {
        let back = |lines: usize| self.seen.len().checked_sub(lines).map(|at| &self.seen[at]);
        let first = back(HEADER_LINES);
        let title = first.map(|title| (title.at, title.index));
        match &mut self.part {
            Part::Block if self.index > 2 * HEADER_LINES => title,
            // Nothing but blank lines stands before it.
            Part::Block if self.index > HEADER_LINES => {
                title.filter(|&(_, index)| index <= self.leading)
            }
            Part::Gap { at, index, .. } if *index + HEADER_LINES >= self.index => {
                Some((*at, *index))
            }
            Part::Gap { .. } => title,
            // The value begins as a mol block does.
            Part::Value { line, embedded } if *line == HEADER_LINES => {
                *embedded = true;
                None
            }
            Part::Value { line, embedded } if *line > HEADER_LINES => {
                let before = back(HEADER_LINES + 1)?;
                // A blank line ends the value before, or the title is blank and does: a mol
                // block that follows other text belongs to it.
                let is_blank = !*embedded && first.is_some_and(|title| title.ends_value);
                let ends_value = before.ends_value || is_blank;
                title.filter(|_| ends_value && !before.dollar)
            }
            _ => None,
        }
    }

    fn end_of_file(&mut self) -> Closed {
        if let Part::Gap {
            at,
            index,
            text: true,
        } = self.part
        {
            // The beginning of a molecule that is cut.
            self.data_end = at;
            return self.close(at, index, Closed::NextBlock);
        }
        self.data_end = self.at;
        self.close(self.at, self.index, Closed::EndOfFile)
    }

    fn close(&mut self, end: usize, end_index: usize, closed: Closed) -> Closed {
        (self.end, self.end_index) = (end, end_index);
        closed
    }

    /// Takes a record that is too long out of the window, but for its last lines.
    fn shorten<R: io::Read>(&mut self, source: &mut Source<R>) {
        if self.at <= MAX_RECORD_BYTES {
            return;
        }
        self.keep_title(source);
        let (bytes, index) = self
            .seen
            .front()
            .map_or((self.at, self.index), |first| (first.at, first.index));
        source.advance(bytes, (index - self.dropped) as u64);
        self.dropped = index;
        self.at -= bytes;
        for line in &mut self.seen {
            line.at -= bytes;
        }
        if let Part::Gap { at, index, .. } = &mut self.part {
            *at = at.saturating_sub(bytes);
            *index = (*index).max(self.dropped);
        }
    }

    /// Passes over a line that is too long.
    fn skip_line<R: io::Read>(&mut self, source: &mut Source<R>) {
        self.keep_title(source);
        source.advance(self.at, (self.index - self.dropped) as u64);
        source.discard_line();
        self.at = 0;
        self.index += 1;
        self.dropped = self.index;
        self.seen.clear();
        self.has_text = true;
        match &mut self.part {
            Part::Value { line, .. } => *line += 1,
            Part::Gap { at, index, .. } => (*at, *index) = (0, self.dropped),
            Part::Block | Part::Reaction => {}
        }
    }

    fn keep_title<R: io::Read>(&mut self, source: &Source<R>) {
        if self.title.is_none() {
            let (title, _) = source::split_line(source.head());
            self.title = Some(title[..title.len().min(MAX_RECORD_BYTES)].to_vec());
        }
    }

    /// What is wrong with the record as a whole.
    fn error<R: io::Read>(&mut self, closed: Closed, source: &Source<R>) -> Option<RowError> {
        let truncated = |message: String| Some(RowError::new("truncated_record", message));
        if self.end > MAX_RECORD_BYTES {
            self.keep_title(source);
        }
        if self.title.is_some() {
            return Some(RowError::too_long());
        }
        match self.part {
            Part::Reaction => Some(RowError::new(
                "reaction",
                "the record is a reaction, not a molecule",
            )),
            Part::Block if closed == Closed::Separator && self.seen.iter().all(|it| it.blank) => {
                truncated("the record is empty".to_owned())
            }
            _ if !self.has_end => truncated("the mol block has no `M  END` line".to_owned()),
            Part::Value { .. }
                if closed == Closed::EndOfFile
                    && self.seen.back().is_some_and(|last| !last.blank) =>
            {
                let header = source.bytes(self.item.start, self.item.end);
                let name = match item_header(header, true) {
                    Some(Some(name)) => {
                        format!(" of `{}`", one_line(&source::decode(name.to_vec())))
                    }
                    _ => String::new(),
                };
                truncated(format!(
                    "the file ends within the value{name}: no blank line and no `$$$$` follow"
                ))
            }
            Part::Block | Part::Value { .. } | Part::Gap { .. } => None,
        }
    }
}

/// Whether a line is the fourth of a mol block: counts, then the version.
fn is_counts_line(line: &[u8]) -> bool {
    let Some(counts) = line
        .strip_suffix(b"V2000")
        .or_else(|| line.strip_suffix(b"V3000"))
    else {
        return false;
    };
    counts.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
        && counts
            .iter()
            .all(|&byte| byte.is_ascii_digit() || byte == b' ')
}

/// Whether a record or file begins as a reaction does.
pub(super) fn is_reaction(text: &[u8]) -> bool {
    [b"$RXN".as_slice(), b"$RDFILE", b"$RIREG", b"$REREG"]
        .iter()
        .any(|mark| text.starts_with(mark))
}

/// The name in the header of a data item such as `>  <logP> (12)`; `Some(None)`
/// for an item without a name: `> <>`, `> DT17`, `>  25 (3)`.
///
/// A value such as `>50` or `>10 <20>` is no header. After a blank line, which ends the item
/// before, anything may stand around the name, or in its place; within a value, which some
/// writers leave out with its blank line, the name alone.
fn item_header(line: &[u8], after_blank: bool) -> Option<Option<&[u8]>> {
    let header = line.strip_prefix(b">")?;
    let open = header.iter().position(|&byte| byte == b'<');
    let close = header.iter().rposition(|&byte| byte == b'>');
    if let (Some(open), Some(close)) = (open, close)
        && open < close
    {
        let after = header[close + 1..].trim_ascii();
        let is_bare = header[..open].trim_ascii().is_empty()
            && (after.is_empty() || (after.starts_with(b"(") && after.ends_with(b")")));
        if !after_blank && !is_bare {
            return None;
        }
        let name = &header[open + 1..close];
        return Some((!name.trim_ascii().is_empty()).then_some(name));
    }
    let parted = header
        .first()
        .is_none_or(|&byte| byte == b' ' || byte == b'\t');
    let empty = header.starts_with(b"<") && close.is_some();
    (after_blank && (parted || empty)).then_some(None)
}

/// Whether a line of a value would be read as the header of an item.
#[cfg(feature = "drawing")]
pub(super) fn begins_item(line: &[u8]) -> bool {
    item_header(line, true).is_some()
}

/// One data item of a record.
struct DataItem {
    name: Option<String>,
    value: String,
}

/// The data items of a record in order.
fn data_items(data: &[u8]) -> impl Iterator<Item = DataItem> {
    let mut lines = source::lines(data).peekable();
    std::iter::from_fn(move || {
        let header = item_header(lines.next()?, true)?;
        let name = header.map(|name| source::decode(name.to_vec()));
        let mut value = Vec::new();
        let mut after_blank = false;
        while let Some(line) = lines.next_if(|line| item_header(line, after_blank).is_none()) {
            after_blank = line.trim_ascii_end().is_empty();
            value.push(source::decode(line.to_vec()));
        }
        // Blank lines end an item; some writers leave them within a value too.
        while value.last().is_some_and(|line| line.trim().is_empty()) {
            value.pop();
        }
        Some(DataItem {
            name,
            value: value.join("\n"),
        })
    })
}
