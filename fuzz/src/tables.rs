//! Files of molecules, plain and packed.
//!
//! An input begins with a line that names the file: `drugs.csv`. In a name with a
//! slash, what stands before it is packed around what follows it:
//! `drugs.xlsx/xl/worksheets/sheet1.xml`, `a.zip/drugs.sdf`, `drugs.smi.gz/`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};

use delicate::records::{
    Columns, Header, OutputFormat, ReadOptions, Reader, RecordsError, Row, Writer,
};
use ruzstd::decoding::StreamingDecoder;

use super::packed::{gzip, workbook, zip};
use super::{first_line, molecules};

/// Rows of a file whose molecules are computed with.
const COMPUTED: u64 = 8;
/// How they are written.
const FORMATS: [OutputFormat; 5] = [
    OutputFormat::Csv,
    OutputFormat::Tsv,
    OutputFormat::Json,
    OutputFormat::Jsonl,
    OutputFormat::Sdf,
];
/// Longest input of which the output is read back, and the rows of it.
const READ_BACK: usize = 1 << 16;
const WRITTEN: usize = 1000;
/// Longest text in Zstandard that is read: more takes seconds, whatever it is.
const UNPACKED: usize = 16 << 20;

/// A file of molecules, behind a line with its name.
pub fn tables(data: &[u8]) -> bool {
    let (name, content) = first_line(data);
    let Some((outer, inner)) = name.split_once('/') else {
        return check(content, &name);
    };
    let packed = match outer.rsplit('.').next() {
        Some("zip") => zip(&[(inner, content)]),
        Some("xlsx") => workbook(inner, content),
        Some("gz") => gzip(content),
        _ => content.to_owned(),
    };
    check(&packed, outer)
}

/// A gzipped file of molecules, behind a line with its name; text that is not
/// gzipped is, as two members.
pub fn gz(data: &[u8]) -> bool {
    let (name, content) = first_line(data);
    // The first byte alone is such a file that was cut off.
    if content.starts_with(b"\x1f\x8b") || content == b"\x1f" {
        return check(content, &name);
    }
    let (first, second) = content.split_at(content.len() / 2);
    let mut packed = gzip(first);
    packed.extend(gzip(second));
    let plain = read(content, &name).whatever_its_name();
    let unpacked = read(packed.as_slice(), &name).whatever_its_name();
    assert_eq!(unpacked, plain, "packed and plain");

    // Zero bytes behind it lose nothing.
    packed.extend([0; 700]);
    let padded = read(packed.as_slice(), &name);
    assert_eq!(padded.rows, plain.rows, "padded and plain");
    packed.truncate(packed.len() - 700);

    // What is cut short is told, and what was read before is right.
    packed.truncate(packed.len() * 2 / 3);
    check(&packed, &name);
    plain.rows > 0
}

/// What was read from a file.
#[derive(Debug, PartialEq)]
struct Told {
    header: Option<Header>,
    rows: u64,
    /// Of everything in them.
    hash: u64,
    error: Option<String>,
}

impl Told {
    /// Without what an error says of a name that promises another format.
    fn whatever_its_name(mut self) -> Self {
        if let Some((promise, rest)) = self
            .error
            .as_deref()
            .and_then(|all| all.split_once(", and "))
            && promise.starts_with("the file is not ")
            && promise.ends_with(", as its name says, but plain text")
        {
            self.error = Some(rest.to_owned());
        }
        self
    }
}

/// Reads a file, and a second time in small pieces: which bytes come together must
/// not matter. Whether there are rows.
fn check(content: &[u8], name: &str) -> bool {
    // A frame of Zstandard may unpack to 40,000 times its length, in the time of its text.
    if unpacks_beyond(content, UNPACKED) {
        return false;
    }
    let whole = read(content, name);
    let step = match content.len() {
        length @ ..=READ_BACK => 1 + length % 97,
        _ => 7,
    };
    let pieces = read(Pieces { content, step }, name);
    if whole.error.is_none() {
        assert_eq!(pieces, whole, "{name} in pieces of {step} bytes, and whole");
    } else {
        // How much a damaged stream gives before it fails is its own affair.
        assert!(pieces.error.is_some(), "{name} in pieces of {step} bytes");
    }
    if content.len() <= READ_BACK {
        write(content, name);
    }
    whole.rows > 0
}

/// Whether the frames of Zstandard hold more text than that.
fn unpacks_beyond(mut frames: &[u8], limit: usize) -> bool {
    let mut text = [0; 1 << 16];
    let mut unpacked = 0;
    while let Ok(mut frame) = StreamingDecoder::new(&mut frames) {
        while let Ok(read @ 1..) = frame.read(&mut text) {
            unpacked += read;
            if unpacked > limit {
                return true;
            }
        }
    }
    false
}

/// A file that comes in pieces, as from a pipe.
struct Pieces<'a> {
    content: &'a [u8],
    step: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.step);
        self.content.read(&mut buffer[..count])
    }
}

fn open<R: Read>(content: R, name: &str) -> Result<Reader<R>, RecordsError> {
    Reader::open(content, name, &ReadOptions::default())
}

fn read<R: Read>(content: R, name: &str) -> Told {
    let mut reader = match open(content, name) {
        Ok(reader) => reader,
        Err(error) => {
            return Told {
                header: None,
                rows: 0,
                hash: 0,
                error: Some(error.to_string()),
            };
        }
    };
    let header = reader.header().clone();
    let (mut rows, mut hash, mut error) = (0, DefaultHasher::new(), None);
    for row in reader.by_ref() {
        match row {
            Ok(row) => {
                assert_eq!(row.fields.len(), header.columns.len(), "{row:?}");
                add(&row, &mut hash);
                if rows < COMPUTED
                    && let Ok(structure) = &row.molecule
                    && let Ok(molecule) = structure.parse()
                {
                    molecules::everything_of(&molecule);
                }
                rows += 1;
            }
            Err(failure) => error = Some(failure.to_string()),
        }
    }
    assert!(reader.next().is_none(), "nothing comes after the end");
    Told {
        header: Some(header),
        rows,
        hash: hash.finish(),
        error,
    }
}

fn add(row: &Row, hash: &mut DefaultHasher) {
    row.line.hash(hash);
    row.fields.hash(hash);
    match &row.molecule {
        Ok(structure) => format!("{structure:?}").hash(hash),
        Err(error) => error.message.hash(hash),
    }
}

/// Writes the first rows in every format; JSON is JSON.
fn write(content: &[u8], name: &str) {
    for format in FORMATS {
        let Ok(reader) = open(content, name) else {
            return;
        };
        let columns = Columns::Embedding(1);
        let header = reader.header().clone();
        let mut writer =
            Writer::new(Vec::new(), format, &header, columns).expect("a vector takes all");
        let mut rows = 0;
        for row in reader.map_while(Result::ok).take(WRITTEN) {
            let embedding = vec![0.5];
            let result = row.molecule.as_ref().map(|_| &embedding);
            writer
                .write(&row, None, result)
                .expect("a vector takes all");
            rows += 1;
        }
        let written = writer.finish().expect("a vector takes all");
        if format == OutputFormat::Json {
            let read: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
            assert_eq!(read.as_array().map(Vec::len), Some(rows));
        }
    }
}
