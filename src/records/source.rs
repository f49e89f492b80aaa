//! The byte stream beneath every format: decompression, the byte-order mark,
//! lines of bounded length, and what to do with bytes that are not text.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::MAX_RECORD_BYTES;
use super::decompress::{Decompressed, Text};

/// Bytes from which format, delimiter and columns are detected.
const HEAD_BYTES: usize = 64 << 10;
/// Lines the head should have; a very wide table needs more bytes for them.
const HEAD_LINES: usize = 8;
/// Lines that stay where all of the head is passed over: the last comment may be a
/// header, and a mol block has three lines before its counts.
const KEPT_LINES: usize = 8;
/// Bytes asked of the stream at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// A decompressed stream with a window that can be looked at before it is
/// consumed. The window grows to at most one record.
pub(super) struct Source<R: Read> {
    input: Text<Decompressed<R>>,
    /// Space for bytes; those between `start` and `end` are unconsumed.
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// No more bytes will come, because of the end or of `failure`.
    ended: bool,
    /// A failure that waits until the good bytes before it are consumed.
    failure: Option<io::Error>,
    line: u64,
    /// Lines that begin with `#` and were passed over.
    comments: u64,
}

/// A line in the window; positions count from the first unconsumed byte.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// End of the text, before the terminator.
    pub(super) end: usize,
    /// Start of the next line.
    pub(super) next: usize,
    /// The text exceeds [`MAX_RECORD_BYTES`]: its end is not in the window.
    pub(super) too_long: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn open(reader: R) -> io::Result<Self> {
        Ok(Self {
            input: Text::open(Decompressed::open(reader)?)?,
            window: Vec::new(),
            start: 0,
            end: 0,
            ended: false,
            failure: None,
            line: 1,
            comments: 0,
        })
    }

    /// Reads the part on which detection works and drops a byte-order mark.
    pub(super) fn fill_head(&mut self) {
        self.extend_head();
        if self.head().starts_with(b"\xef\xbb\xbf") {
            self.start += 3;
        }
    }

    fn extend_head(&mut self) {
        // Counted as they come: a pipe may give few bytes at a time.
        let (mut seen, mut lines) = (0, 0);
        loop {
            let head = self.head();
            let more = head[seen..].iter().filter(|&&byte| is_newline(byte));
            lines += more.count();
            seen = head.len();
            let enough = seen > MAX_RECORD_BYTES || (seen >= HEAD_BYTES && lines >= HEAD_LINES);
            if enough || !self.fill() {
                break;
            }
        }
    }

    /// Passes over blank lines and comments where they fill the head, but for the last
    /// few: however many they are, the head shows what comes after them.
    pub(super) fn skip_preamble(&mut self) {
        while !self.ended {
            // The lines that are kept: where each begins, and whether it is a comment.
            let mut kept = VecDeque::new();
            let (mut at, mut lines, mut comments) = (0, 0, 0);
            let head = self.head();
            while let Some(length) = head[at..].iter().position(|&byte| is_newline(byte)) {
                let text = head[at..at + length].trim_ascii_start();
                let is_comment = text.starts_with(b"#");
                if !text.is_empty() && !is_comment {
                    return;
                }
                kept.push_back((at, is_comment));
                at += length + newline_length(&head[at + length..]);
                if kept.len() > KEPT_LINES {
                    lines += 1;
                    let passed = kept.pop_front();
                    comments += u64::from(passed.is_some_and(|(_, is_comment)| is_comment));
                }
            }
            let Some(&(first, _)) = kept.front().filter(|_| lines > 0) else {
                return;
            };
            self.comments += comments;
            self.advance(first, lines);
            self.extend_head();
        }
    }

    /// Lines that begin with `#` and were passed over before the head.
    pub(super) fn comments(&self) -> u64 {
        self.comments
    }

    /// Reads until the window holds `count` bytes, if there are so many.
    pub(super) fn fill_to(&mut self, count: usize) {
        while self.head().len() < count && self.fill() {}
    }

    /// Whether the stream is text as it comes, not compressed.
    pub(super) fn is_plain(&self) -> bool {
        self.input.inner().is_plain()
    }

    /// Zero bytes after the compressed data.
    pub(super) fn padding(&self) -> u64 {
        self.input.inner().padding()
    }

    /// The unconsumed bytes in the window.
    pub(super) fn head(&self) -> &[u8] {
        &self.window[self.start..self.end]
    }

    pub(super) fn head_is_everything(&self) -> bool {
        self.ended
    }

    /// Number of the line that begins at the first unconsumed byte.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The failure that comes after what was read so far.
    pub(super) fn failure(&self) -> Option<io::Error> {
        let failure = self.failure.as_ref()?;
        Some(match failure.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(failure.kind(), failure.to_string()),
        })
    }

    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Reads one more chunk into the window; false when there is none.
    fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        // Moving only when at least half is consumed keeps the copying linear.
        if self.start > self.end / 2 {
            self.window.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.window.len() {
            self.window.resize(self.end + CHUNK_BYTES, 0);
        }
        let space = &mut self.window[self.end..];
        let read = loop {
            match self.input.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let count = read.unwrap_or_else(|error| {
            self.failure = Some(error);
            0
        });
        self.end += count;
        self.ended = count == 0;
        count > 0
    }

    /// Finds the line that begins `from` bytes after the first unconsumed one.
    ///
    /// A line cut short by a failure is not given: the failure is.
    pub(super) fn peek_line(&mut self, from: usize) -> io::Result<Option<Line>> {
        let mut scanned = from;
        loop {
            let rest = self.head();
            let found = rest[scanned..].iter().position(|&byte| is_newline(byte));
            let end = found.map_or(rest.len(), |offset| scanned + offset);
            if end - from > MAX_RECORD_BYTES {
                let end = from + MAX_RECORD_BYTES;
                return Ok(Some(Line {
                    end,
                    next: end,
                    too_long: true,
                }));
            }
            scanned = end;
            // A CR at the very end needs the byte after it, which may be an LF.
            let undecided = rest[end..] == *b"\r";
            if found.is_some() && !(undecided && self.fill()) {
                return Ok(Some(Line {
                    end,
                    next: end + newline_length(&self.head()[end..]),
                    too_long: false,
                }));
            }
            if found.is_none() && !self.fill() {
                if let Some(failure) = self.failure.take() {
                    return Err(failure);
                }
                return Ok((end > from).then_some(Line {
                    end,
                    next: end,
                    too_long: false,
                }));
            }
        }
    }

    /// Bytes of the window, counted like a [`Line`]'s positions.
    pub(super) fn bytes(&self, from: usize, to: usize) -> &[u8] {
        &self.head()[from..to]
    }

    /// Consumes `bytes` bytes that hold `lines` line ends.
    pub(super) fn advance(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.line += lines;
    }

    /// Consumes the rest of a line of any length without keeping it.
    pub(super) fn discard_line(&mut self) {
        loop {
            let rest = self.head();
            let found = rest.iter().position(|&byte| is_newline(byte));
            let end = found.unwrap_or(rest.len());
            let undecided = rest[end..] == *b"\r";
            self.start += end;
            if (found.is_none() || undecided) && self.fill() {
                continue;
            }
            self.start += newline_length(self.head());
            self.line += 1;
            return;
        }
    }
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Bytes of the line end with which `rest` begins: 0 at the end of the text.
fn newline_length(rest: &[u8]) -> usize {
    match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// The lines of `bytes`, ending in LF, CRLF or CR, without their ends.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, next) = split_line(rest);
        rest = next;
        Some(line)
    })
}

/// The first line of `bytes` without its end, and what follows it.
pub(super) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .position(|&byte| is_newline(byte))
        .unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    (line, &rest[newline_length(rest)..])
}

/// What a file is that is not text, judged by its first bytes.
pub(super) fn not_text(head: &[u8]) -> Option<&'static str> {
    /// Parquet is read from its end, and by another reader.
    const PARQUET: &str = if cfg!(all(feature = "parquet", not(target_family = "wasm"))) {
        "a Parquet table, which is read from its file itself, neither from a pipe nor packed, and \
         not to train on: `delicate standardize FILE -o TABLE.csv` makes text of it"
    } else {
        "a Parquet table; save it as CSV"
    };
    const SIGNATURES: [(&[u8], &str); 8] = [
        (
            b"PK\x03\x04",
            "a zip archive or an Excel workbook; save the sheet as CSV",
        ),
        (
            b"\xd0\xcf\x11\xe0",
            "an old Excel workbook; save it as .xlsx or the sheet as CSV",
        ),
        (b"\xff\xfe\0\0", "UTF-32; save it as UTF-8"),
        (b"BZh", "bzip2 data; unpack it, or pack it with gzip"),
        (b"\xfd7zXZ\0", "xz data; unpack it, or pack it with gzip"),
        (
            b"\x28\xb5\x2f\xfd",
            "zstd data; unpack it, or pack it with gzip",
        ),
        (b"%PDF-", "a PDF document"),
        (b"PAR1", PARQUET),
    ];
    let signature = SIGNATURES.iter().find(|(magic, _)| head.starts_with(magic));
    if let Some(&(_, what)) = signature {
        return Some(what);
    }
    let controls = head
        .iter()
        .filter(|&&byte| byte < b' ' && !matches!(byte, b'\t'..=b'\r'))
        .count();
    // A character may be cut by the end of the head: that is still UTF-8.
    let utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    // A stray control character in somebody's name must not cost the file, so
    // the bar is a share, and a higher one where the text is sound otherwise.
    let allowed = if utf8 {
        head.len() / 4
    } else {
        head.len() / 50
    };
    (controls > allowed).then_some("binary data")
}

/// What text is by its first characters, with which no table and no SMILES begins: a SMILES
/// has an atom behind its bracket.
pub(super) fn other_text(head: &[u8]) -> Option<&'static str> {
    const JSON: &str = "JSON; save the molecules as CSV or SDF";
    let text = head.trim_ascii_start();
    let mut visible = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    match (visible.next()?, visible.next()) {
        (b'{', None | Some(b'"' | b'}')) | (b'[', None | Some(b'{' | b'"')) => Some(JSON),
        // An array of arrays, or an empty one.
        (b'[', Some(b'[' | b']')) => Some(JSON),
        (b'<', Some(b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z')) => {
            Some("XML or HTML; save the table as CSV")
        }
        _ if text.starts_with(b"@<TRIPOS>") => Some("a MOL2 file; save it as SDF"),
        _ => None,
    }
}

/// Text of one field: UTF-8, or Windows-1252 where it is not UTF-8.
///
/// Windows-1252 gives every byte a meaning, so nothing is lost; it equals
/// Latin-1 except where Latin-1 has control characters. A crate for encodings
/// would add 160 KB of other tables to each of the page's modules.
pub(super) fn decode(bytes: Vec<u8>) -> String {
    const FROM_0X80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let characters = error.as_bytes().iter().map(|&byte| match byte {
            0x80..=0x9f => FROM_0X80[usize::from(byte - 0x80)],
            _ => char::from(byte),
        });
        characters.collect()
    })
}
