//! SDF: mol blocks and data items, records ending in `$$$$`.
//!
//! The columns are `name`, the title line of the mol block, and every data
//! item of the file in the order of first appearance. A data item called
//! `name` is a second column of that name. A data value of several lines keeps
//! them, joined by `\n`; an item given twice in a record is joined likewise.
//!
//! A last record without `$$$$` is complete if it has reached `M  END`, which
//! also makes a single mol file readable.

use std::collections::{HashMap, hash_map};
use std::io;
use std::ops::Range;

use super::source::{self, Source};
use super::{Header, MAX_RECORD_BYTES, MAX_SDF_COLUMNS, ReadOptions, RecordsError};
use super::{Row, RowError, Structure, columns, smiles_structure};

pub(super) struct Records {
    bytes: Vec<u8>,
    entries: std::vec::IntoIter<Entry>,
    /// Column of each data item.
    items: HashMap<String, usize>,
    /// What ended the stream early, given after the complete records.
    failure: Option<io::Error>,
    line: u64,
}

/// Where one record lies in the file.
struct Entry {
    line: u64,
    block: Range<usize>,
    data: Range<usize>,
    error: Option<RowError>,
}

pub(super) fn open<R: io::Read>(
    source: Source<R>,
    limit: usize,
    options: &ReadOptions,
) -> Result<(Header, Records), RecordsError> {
    let (bytes, failure) = source
        .into_bytes(limit)
        .ok_or(RecordsError::SdfTooLarge { limit })?;

    let mut entries = Vec::new();
    let (mut start, mut line) = (0, 1);
    while let Some((mut entry, length, lines)) = locate(&bytes[start..]) {
        // What a failure cut short is lost, as in the other formats.
        if failure.is_some() && start + length == bytes.len() && !entry.closed {
            break;
        }
        entry.shift(start, line);
        entries.push(entry.inner);
        start += length;
        line += lines;
    }

    let mut names = vec!["name".to_owned()];
    let mut items = HashMap::new();
    for entry in &entries {
        for (item, _) in data_items(&bytes[entry.data.clone()]) {
            if let hash_map::Entry::Vacant(vacant) = items.entry(item) {
                if names.len() > MAX_SDF_COLUMNS {
                    return Err(RecordsError::TooManyColumns);
                }
                names.push(vacant.key().clone());
                vacant.insert(names.len() - 1);
            }
        }
    }

    let smiles = match &options.smiles_column {
        Some(wanted) => Some(columns::named(&names, wanted)?),
        None => None,
    };
    let id = match &options.id_column {
        Some(wanted) => columns::named(&names, wanted)?,
        None => 0,
    };
    let header = Header {
        columns: names,
        smiles,
        id: Some(id),
    };
    let records = Records {
        bytes,
        entries: entries.into_iter(),
        items,
        failure,
        line,
    };
    Ok((header, records))
}

impl Records {
    /// Line after the last complete record: where a failure lies.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn next_record(&mut self, header: &Header) -> io::Result<Option<Row>> {
        let Some(entry) = self.entries.next() else {
            return self.failure.take().map_or(Ok(None), Err);
        };
        let block = &self.bytes[entry.block.clone()];
        let mut fields = vec![String::new(); header.columns.len()];
        let (title, _) = source::split_line(block);
        fields[0] = source::decode(title.trim_ascii().to_vec());
        for (item, value) in data_items(&self.bytes[entry.data.clone()]) {
            if let Some(&column) = self.items.get(&item) {
                let field = &mut fields[column];
                if !field.is_empty() {
                    field.push('\n');
                }
                field.push_str(&value);
            }
        }

        let molecule = match (entry.error, header.smiles) {
            (Some(error), _) => Err(error),
            (None, Some(column)) => smiles_structure(&fields[column], &header.columns[column]),
            (None, None) => {
                let lines = source::lines(block).map(|line| source::decode(line.to_vec()) + "\n");
                Ok(Structure::MolBlock(lines.collect()))
            }
        };
        Ok(Some(Row {
            line: entry.line,
            fields,
            molecule,
        }))
    }
}

/// A record found in the text, counted from where the search began.
struct Located {
    inner: Entry,
    /// It ends in `$$$$`.
    closed: bool,
}

impl Located {
    fn shift(&mut self, bytes: usize, lines: u64) {
        let Entry {
            line, block, data, ..
        } = &mut self.inner;
        *line += lines;
        for range in [block, data] {
            *range = range.start + bytes..range.end + bytes;
        }
    }
}

/// The first record of `text`, its length in bytes and in lines; `None` when
/// only blank lines are left.
fn locate(text: &[u8]) -> Option<(Located, usize, u64)> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let (mut rest, mut lines) = (text, 0);
    let (mut block_end, mut data_end, mut closed) = (None, text.len(), false);
    let mut has_end = false;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let (line, next) = source::split_line(rest);
        rest = next;
        lines += 1;
        if line.starts_with(b"$$$$") {
            (data_end, closed) = (at, true);
            break;
        }
        // Without `M  END` the block ends where the data begin.
        if block_end.is_none() && line.trim_ascii_end() == b"M  END" {
            has_end = true;
            block_end = Some(text.len() - rest.len());
        } else if block_end.is_none() && item_name(line).is_some() {
            block_end = Some(at);
        }
    }
    let length = text.len() - rest.len();
    let block_end = block_end.unwrap_or(data_end);
    let (mut block, mut data) = (0..block_end, block_end..data_end);
    let error = if length > MAX_RECORD_BYTES {
        // Its name is kept, so that the user finds it.
        (block, data) = (
            0..source::split_line(text).0.len().min(MAX_RECORD_BYTES),
            0..0,
        );
        Some(RowError::too_long())
    } else if has_end {
        None
    } else {
        Some(RowError::new(
            "truncated_record",
            "the mol block has no `M  END` line",
        ))
    };
    let inner = Entry {
        line: 0,
        block,
        data,
        error,
    };
    Some((Located { inner, closed }, length, lines))
}

/// Name of the data item that a line such as `>  <logP> (12)` begins. A value
/// such as `>50` has no angle brackets and begins none.
fn item_name(line: &[u8]) -> Option<String> {
    let header = line.strip_prefix(b">")?;
    let open = header.iter().position(|&byte| byte == b'<')?;
    let close = header.iter().rposition(|&byte| byte == b'>')?;
    (open + 1 < close).then(|| source::decode(header[open + 1..close].to_vec()))
}

/// The data items of a record in order, as name and value.
fn data_items(data: &[u8]) -> impl Iterator<Item = (String, String)> {
    let mut lines = source::lines(data).peekable();
    std::iter::from_fn(move || {
        let name = loop {
            if let Some(name) = item_name(lines.next()?) {
                break name;
            }
        };
        let mut value = Vec::new();
        while let Some(line) = lines.next_if(|line| item_name(line).is_none()) {
            value.push(source::decode(line.to_vec()));
        }
        // Blank lines end an item; some writers leave them within a value too.
        while value.last().is_some_and(|line| line.trim().is_empty()) {
            value.pop();
        }
        Some((name, value.join("\n")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sdf_over_the_limit_is_refused_with_the_limit() {
        let text = "x\n\n\n  0  0\nM  END\n$$$$\n".repeat(100);
        let open = |limit| {
            let source = Source::open(text.as_bytes()).expect("a slice is readable");
            open(source, limit, &ReadOptions::default()).err()
        };
        assert!(open(text.len()).is_none());
        let error = open(text.len() - 1);
        assert!(
            matches!(error, Some(RecordsError::SdfTooLarge { limit }) if limit == text.len() - 1)
        );
    }
}
