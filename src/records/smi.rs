//! `.smi`: a SMILES, then optionally white space and a name, on each line.
//!
//! Blank lines are skipped, and so are lines that begin with `#`, which are counted: `#` is
//! a bond and cannot begin a SMILES. A first line whose first word is `smiles` (or
//! contains it) is a header and names the columns, as does `#SMILES ID`.
//!
//! The columns are `smiles` and, if the header or any line of the first 64 KiB
//! has a name, `name`. Should a name turn up only after that, no column waits
//! for it, so the whole line stays in `smiles` rather than be cut.

use std::io::{self, Read};

use super::source::{self, Source};
use super::{Header, Note, ReadOptions, RecordsError, Row, RowError};
use super::{columns, smiles_structure};

pub(super) struct Lines<R: Read> {
    source: Source<R>,
    /// Whether the next entry is the header, already read.
    skip_header: bool,
    /// Whether it holds more than blank lines.
    has_text: bool,
    has_name: bool,
    /// Lines that began with `#`.
    comments: u64,
    /// Whether the last of those before the molecules names the columns.
    comment_is_header: bool,
}

pub(super) fn open<R: Read>(
    source: Source<R>,
    options: &ReadOptions,
) -> Result<(Header, Lines<R>), RecordsError> {
    let mut entries = source::lines(source.head())
        .map(|line| source::decode(line.to_vec()))
        .filter(|line| is_entry(line))
        .peekable();
    let title = entries.next_if(|line| {
        let word = line.split([' ', '\t', ',', ';']).next();
        word.is_some_and(columns::is_smiles_name)
    });
    let skip_header = title.is_some();
    // `#SMILES ID` is a header as well, and skipped as a comment.
    let title = title.or_else(|| {
        let comments = source::lines(source.head())
            .take_while(|line| !is_entry(&String::from_utf8_lossy(line)))
            .filter_map(|line| line.trim_ascii().strip_prefix(b"#"));
        let last = source::decode(comments.last()?.to_vec());
        let first = last.split_whitespace().next();
        let named = !last.starts_with(' ') && first.is_some_and(columns::is_customary_smiles_name);
        named.then_some(last)
    });

    let comment_is_header = !skip_header && title.is_some();
    let has_text = source.comments() > 0 || !source.head().trim_ascii().is_empty();
    let (first, second) = title.as_deref().map_or(("smiles", ""), split);
    let mut names = vec![first.to_owned()];
    if !second.is_empty() {
        names.push(second.to_owned());
    } else if entries.any(|line| !split(&line).1.is_empty()) {
        names.push("name".to_owned());
    }
    drop(entries);

    let has_name = names.len() > 1;
    let smiles = match &options.smiles_column {
        Some(wanted) => wanted.among(&names)?,
        None => 0,
    };
    let id = match &options.id_column {
        Some(wanted) => Some(wanted.among(&names)?),
        None => has_name.then_some(1 - smiles.min(1)),
    };
    let header = Header {
        columns: names,
        smiles: Some(smiles),
        id,
    };
    let lines = Lines {
        source,
        skip_header,
        has_text,
        has_name,
        comments: 0,
        comment_is_header,
    };
    Ok((header, lines))
}

impl<R: Read> Lines<R> {
    pub(super) fn source(&self) -> &Source<R> {
        &self.source
    }

    /// Whether it holds more than blank lines.
    pub(super) fn has_text(&self) -> bool {
        self.has_text
    }

    pub(super) fn notes(&self) -> Option<Note> {
        let lines = self.source.comments() + self.comments;
        let lines = lines.saturating_sub(u64::from(self.comment_is_header));
        (lines > 0).then_some(Note::CommentLines { lines })
    }

    pub(super) fn next_record(&mut self, header: &Header) -> io::Result<Option<Row>> {
        loop {
            let line = self.source.line();
            let Some(found) = self.source.peek_line(0)? else {
                return Ok(None);
            };
            if found.too_long {
                self.source.discard_line();
                return Ok(Some(Row {
                    line,
                    fields: vec![String::new(); header.columns.len()],
                    molecule: Err(RowError::too_long()),
                }));
            }
            let text = source::decode(self.source.bytes(0, found.end).to_vec());
            self.source.advance(found.next, 1);
            if !is_entry(&text) {
                self.comments += u64::from(!text.trim().is_empty());
                continue;
            }
            if std::mem::take(&mut self.skip_header) {
                continue;
            }

            let (smiles, name) = split(&text);
            let fields = if self.has_name {
                vec![smiles.to_owned(), name.to_owned()]
            } else {
                vec![text.trim().to_owned()]
            };
            let column = header.smiles.unwrap_or(0);
            let cell = match column {
                0 => smiles,
                _ => name,
            };
            return Ok(Some(Row {
                line,
                molecule: smiles_structure(cell, &header.columns[column]),
                fields,
            }));
        }
    }
}

fn is_entry(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// The SMILES of a line, with its CXSMILES extension if it has one, and the
/// name. A line that begins with a tab has an empty SMILES cell.
fn split(line: &str) -> (&str, &str) {
    if let Some(name) = line.strip_prefix('\t') {
        return ("", name.trim());
    }
    let line = line.trim();
    let (smiles, name) = match columns::split_cxsmiles(line) {
        (_, Some(after)) => (&line[..line.len() - after.len()], after),
        (_, None) => line.split_once(char::is_whitespace).unwrap_or((line, "")),
    };
    (smiles, name.trim())
}
