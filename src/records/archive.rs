//! Zip archives: the one table in them, and Excel workbooks, which are zip
//! archives as well.
//!
//! The directory of an archive lies at its end. One that cannot be sought in is
//! held in memory, up to [`MAX_ARCHIVE_BYTES`].

use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Take};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::decompress::{Whole, peek};
use super::{Format, Note, RecordsError, extension};

/// Largest archive that is read from a stream.
const MAX_ARCHIVE_BYTES: u64 = 256 << 20;

/// What a zip archive is to a reader.
pub(super) enum Found {
    /// No archive at all.
    Plain,
    /// A file in it.
    File(Place),
    /// The archive is an Excel workbook.
    Workbook,
}

/// Where a packed file lies.
pub(super) struct Place {
    pub(super) name: String,
    /// What to say about the choice.
    pub(super) note: Option<Note>,
    header: u64,
    packed: u64,
    deflated: bool,
    crc: u32,
}

/// Looks for an archive in `source` from its present position on, and leaves it
/// anywhere.
pub(super) fn look<S: Read + Seek>(source: &mut S) -> Result<Found, RecordsError> {
    let mut first = Vec::new();
    let taken = source.by_ref().take(4).read_to_end(&mut first);
    taken.map_err(RecordsError::at_start)?;
    if !is_zip(&first) {
        return Ok(Found::Plain);
    }
    let archive = ZipArchive::new(source).map_err(|error| match error {
        ZipError::InvalidArchive(_) => refused("is cut off or damaged: its directory is missing"),
        other => damaged(other),
    })?;
    find(archive)
}

fn is_zip(first: &[u8]) -> bool {
    first == b"PK\x03\x04" || first == b"PK\x05\x06"
}

fn damaged(error: impl std::fmt::Display) -> RecordsError {
    RecordsError::Archive {
        what: format!("cannot be read: {error}"),
    }
}

fn refused(what: impl Into<String>) -> RecordsError {
    RecordsError::Archive { what: what.into() }
}

fn find<S: Read + Seek>(mut archive: ZipArchive<S>) -> Result<Found, RecordsError> {
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(damaged)?;
        let name = String::from_utf8_lossy(file.name_raw()).into_owned();
        match name.as_str() {
            "xl/workbook.xml" => return Ok(Found::Workbook),
            "xl/workbook.bin" => return Err(refused("is an .xlsb workbook: save it as .xlsx")),
            "content.xml" => {
                return Err(refused("is an OpenDocument file: save it as .xlsx or CSV"));
            }
            "word/document.xml" => return Err(refused("is a Word document")),
            _ => {}
        }
        let base = name.rsplit('/').next().unwrap_or_default();
        let ours = !base.is_empty() && !base.starts_with('.') && !name.starts_with("__MACOSX/");
        if ours && !file.is_dir() {
            files.push((index, name));
        }
    }
    let mut tables: Vec<&(usize, String)> = files
        .iter()
        .filter(|(_, name)| Format::from_name(name).is_some())
        .collect();
    if tables.is_empty() {
        let is_text = |(_, name): &&(usize, String)| extension(name) == "txt";
        tables = files.iter().filter(is_text).collect();
    }
    let (index, name) = match (tables.as_slice(), files.as_slice()) {
        ([one], _) => *one,
        ([], [one]) => one,
        ([], []) => return Err(refused("is empty")),
        ([], _) => return Err(refused("holds no table: .smi, .csv, .tsv or .sdf")),
        (several, _) => {
            let names: Vec<String> = several.iter().map(|(_, name)| name.clone()).collect();
            return Err(refused(format!(
                "holds several tables, {}: unpack it and choose one",
                super::listed(&names)
            )));
        }
    };
    let others: Vec<String> = files
        .iter()
        .filter(|(other, _)| other != index)
        .map(|(_, name)| name.clone())
        .collect();
    let note = (!others.is_empty()).then(|| Note::Part {
        name: name.clone(),
        of: "archive",
        others,
    });
    let file = archive.by_index_raw(*index).map_err(damaged)?;
    if file.encrypted() {
        return Err(refused("is encrypted: unpack it first"));
    }
    let deflated = match file.compression() {
        CompressionMethod::Stored => false,
        CompressionMethod::Deflated => true,
        other => return Err(refused(format!("is packed by {other}: unpack it first"))),
    };
    Ok(Found::File(Place {
        name: name.clone(),
        note,
        header: file.header_start(),
        packed: file.compressed_size(),
        deflated,
        crc: file.crc32(),
    }))
}

impl Place {
    /// The file, unpacked.
    pub(super) fn open<S: Read + Seek>(&self, mut source: S) -> Result<Entry<S>, RecordsError> {
        let mut seek = || -> io::Result<()> {
            // The name and what follows it may differ from the directory's.
            source.seek(SeekFrom::Start(self.header))?;
            let mut local = [0; 30];
            source.read_exact(&mut local)?;
            let length = |at: usize| i64::from(u16::from_le_bytes([local[at], local[at + 1]]));
            source.seek(SeekFrom::Current(length(26) + length(28)))?;
            Ok(())
        };
        seek().map_err(damaged)?;
        let packed = BufReader::new(source.take(self.packed));
        Ok(Entry {
            bytes: if self.deflated {
                Bytes::Deflated(DeflateDecoder::new(packed))
            } else {
                Bytes::Stored(packed)
            },
            crc: Crc::new(),
            expected: self.crc,
        })
    }
}

/// A packed file as a stream of its bytes, which ends in an error if they are not
/// those that were packed.
pub(super) struct Entry<S> {
    bytes: Bytes<S>,
    crc: Crc,
    expected: u32,
}

enum Bytes<S> {
    Stored(BufReader<Take<S>>),
    Deflated(DeflateDecoder<BufReader<Take<S>>>),
}

impl<S: Read> Read for Entry<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.bytes {
            Bytes::Stored(bytes) => bytes.read(buffer)?,
            Bytes::Deflated(bytes) => bytes.read(buffer).map_err(unpacking_failed)?,
        };
        self.crc.update(&buffer[..count]);
        if count == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the archive is damaged: the checksum is wrong",
            ));
        }
        Ok(count)
    }
}

/// Why a packed file cannot be unpacked; a failure of the system stays what it is.
fn unpacking_failed(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the archive is damaged: {error}"),
            )
        }
        _ => error,
    }
}

/// A file as it comes, or the table in it if it is an archive.
pub(super) enum Unpacked<R> {
    Whole(Whole<R>),
    Entry(Box<Entry<R>>),
    Buffered(Box<Entry<Cursor<Vec<u8>>>>),
}

impl<R: Read> Unpacked<R> {
    pub(super) fn whole(reader: R) -> Self {
        Self::Whole(Cursor::new(Vec::new()).chain(reader))
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(reader) => reader.read(buffer),
            Self::Entry(reader) => reader.read(buffer),
            Self::Buffered(reader) => reader.read(buffer),
        }
    }
}

/// A stream, or the archive that it is, in memory.
pub(super) enum Stream<R> {
    Plain(Whole<R>),
    Archive(Cursor<Vec<u8>>),
}

/// Tells an archive from other streams.
pub(super) fn buffered<R: Read>(reader: R) -> Result<Stream<R>, RecordsError> {
    let (first, mut whole) = peek(reader, 4).map_err(RecordsError::at_start)?;
    if !is_zip(&first) {
        return Ok(Stream::Plain(whole));
    }
    let mut bytes = Vec::new();
    let limit = MAX_ARCHIVE_BYTES;
    let read = whole.by_ref().take(limit + 1).read_to_end(&mut bytes);
    read.map_err(RecordsError::at_start)?;
    if bytes.len() as u64 > limit {
        return Err(refused(format!(
            "is larger than {limit} bytes, which a stream may not be: give the file by its name"
        )));
    }
    Ok(Stream::Archive(Cursor::new(bytes)))
}
