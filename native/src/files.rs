//! The files that a command reads row by row and writes.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use delicate::records::{Header, ReadOptions, Reader, RecordsError, Row};

use crate::error::CommandError;

/// Rows that are worked on together: enough to sort by length, few enough that
/// little is lost when the command is interrupted.
const CHUNK: usize = 1024;

/// Opens a file to read; `-` is stdin.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, CommandError> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    File::open(path)
        .map(|file| Box::new(file) as Box<dyn Read>)
        .map_err(|source| CommandError::Input {
            path: path.to_owned(),
            source,
        })
}

/// The columns of a file of molecules and its rows, each error of the file with
/// its name.
pub(crate) fn rows(
    path: &Path,
    options: &ReadOptions,
) -> Result<
    (
        Header,
        impl Iterator<Item = Result<Row, CommandError>> + use<>,
    ),
    CommandError,
> {
    let owned = path.to_owned();
    let wrong = move |source| CommandError::Records {
        path: owned.clone(),
        source,
    };
    let reader = Reader::open(open(path)?, &path.to_string_lossy(), options).map_err(&wrong)?;
    let header = reader.header().clone();
    Ok((header, reader.map(move |row| row.map_err(&wrong))))
}

/// Opens a file to write; without one, stdout.
pub(crate) fn sink(path: Option<&Path>) -> Result<Box<dyn Write>, CommandError> {
    let Some(path) = path else {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    };
    File::create(path)
        .map(|file| Box::new(BufWriter::new(file)) as Box<dyn Write>)
        .map_err(|source| CommandError::Output {
            name: path.display().to_string(),
            source,
        })
}

/// Opening the output would empty the input before it is read.
pub(crate) fn refuse_same_file(input: &Path, output: Option<&Path>) -> Result<(), CommandError> {
    let Some(output) = output else {
        return Ok(());
    };
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(target)) if input == target => {
            Err(CommandError::SameFile(output.to_owned()))
        }
        _ => Ok(()),
    }
}

/// The next rows of a file.
pub(crate) struct Chunk {
    pub(crate) rows: Vec<Row>,
    /// Nothing comes after them.
    pub(crate) is_last: bool,
    /// Why nothing comes after them, if it is not the end of the file. What
    /// was read before the fault is good.
    pub(crate) fault: Option<RecordsError>,
}

impl Chunk {
    pub(crate) fn read(reader: &mut Reader<impl Read>) -> Self {
        let mut chunk = Self {
            rows: Vec::with_capacity(CHUNK),
            is_last: false,
            fault: None,
        };
        while chunk.rows.len() < CHUNK && !chunk.is_last {
            match reader.next() {
                Some(Ok(row)) => chunk.rows.push(row),
                Some(Err(fault)) => {
                    chunk.fault = Some(fault);
                    chunk.is_last = true;
                }
                None => chunk.is_last = true,
            }
        }
        chunk
    }
}
