//! The files that a command reads row by row and writes.

use std::fs::File;
use std::io::{self, BufWriter, Read, StdoutLock, Write};
use std::path::Path;

use delicate::atomic::AtomicFile;
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

/// Where a command writes.
pub(crate) enum Sink {
    Stdout(BufWriter<StdoutLock<'static>>),
    /// A pipe or a device, which cannot be replaced.
    Special(BufWriter<File>),
    /// A file, which appears under its name once it is whole.
    File(BufWriter<AtomicFile>),
}

impl Sink {
    /// Opens a file to write; without one, stdout.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout().lock())));
        };
        // A link stays one, and what it points to is replaced.
        let target = path.canonicalize();
        let target = target.as_deref().unwrap_or(path);
        let special = target.metadata().is_ok_and(|it| !it.is_file());
        let opened = if special {
            let file = File::options().write(true).open(target);
            file.map(|file| Self::Special(BufWriter::new(file)))
        } else {
            AtomicFile::create(target).map(|file| Self::File(BufWriter::new(file)))
        };
        opened.map_err(|source| CommandError::Output {
            name: path.display().to_string(),
            source,
        })
    }

    /// What was written is whole: gives a file its name.
    pub(crate) fn complete(mut self) -> io::Result<()> {
        self.flush()?;
        match self {
            Self::File(file) => file.into_inner().map_err(io::Error::from)?.commit(),
            Self::Stdout(_) | Self::Special(_) => Ok(()),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(sink) => sink.write(bytes),
            Self::Special(sink) => sink.write(bytes),
            Self::File(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(sink) => sink.flush(),
            Self::Special(sink) => sink.flush(),
            Self::File(sink) => sink.flush(),
        }
    }
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
