//! The files that a command reads row by row and writes.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, StdinLock, StdoutLock, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use delicate::atomic::AtomicFile;
use delicate::model_dir::{CARD, CONFIG, DOMAIN, VOCABULARY, WEIGHTS};
use delicate::records::parquet::{ParquetBatch, ParquetBatches, ParquetFile, Texts};
use delicate::records::{Header, Note, ReadOptions, Reader, RecordsError, Row, Writer};
use delicate::text::one_line;
use flate2::Compression;
use flate2::write::GzEncoder;
use same_file::Handle;
use serde::Serialize;

use crate::error::CommandError;
use crate::messages::say;
use crate::partial::{self, PartialSink, partial_name};
use crate::places::Place;

/// Rows that are worked on together: enough to sort by length, few enough that
/// little is lost when the command is interrupted.
const CHUNK: usize = 1024;

/// Memory of the rows after which no further one joins them: rows of very wide
/// tables are worked on in smaller numbers.
const CHUNK_BYTES: usize = 64 << 20;

/// A file, or stdin, which cannot be read a second time.
enum Input {
    Stdin(StdinLock<'static>),
    File(File),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stdin(input) => input.read(buffer),
            Self::File(input) => input.read(buffer),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Stdin(_) => Err(io::ErrorKind::NotSeekable.into()),
            Self::File(input) => input.seek(to),
        }
    }
}

/// A file of molecules, each of its errors with its name. What its reader
/// decides and leaves out is said on stderr, once.
pub(crate) struct RowFile {
    path: PathBuf,
    body: Body,
    said: Vec<Note>,
    /// Rows of a chunk of a file of text, at most.
    chunk: usize,
}

enum Body {
    Text(Box<Reader<Input>>),
    Parquet(Box<ParquetRows>),
}

/// The rows of a Parquet file, or of some of its row groups.
struct ParquetRows {
    file: ParquetFile,
    /// Row groups that are still to be read.
    groups: Range<usize>,
    /// The one that is being read, and how many rows of it were not.
    current: Option<(ParquetBatches, u64)>,
    texts: Texts,
    /// Rows that are given one by one.
    rows: std::vec::IntoIter<Row>,
}

impl ParquetRows {
    /// The next rows that lie in one row group; `None` after the last row group.
    fn chunk(&mut self) -> Result<Option<Chunk>, RecordsError> {
        let (batches, left) = match &mut self.current {
            Some(current) => current,
            none => {
                let Some(group) = self.groups.next() else {
                    return Ok(None);
                };
                let batches = self.file.batches(group, CHUNK)?;
                none.insert((batches, self.file.rows_of(group)))
            }
        };
        let batch = batches.next().transpose()?;
        let rows = match &batch {
            Some(batch) => batch.rows(self.texts)?,
            None => Vec::new(),
        };
        // A reader that ends before all rows were given has nothing more to say.
        *left = match batch {
            Some(_) => left.saturating_sub(rows.len() as u64),
            None => 0,
        };
        let ends_group = *left == 0;
        if ends_group {
            self.current = None;
        }
        Ok(Some(Chunk {
            rows,
            batch,
            ends_group,
            is_last: ends_group && self.groups.is_empty(),
            fault: None,
        }))
    }
}

/// Which part of a file's row groups is read: the `part`-th of `parts`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shard {
    pub(crate) part: usize,
    pub(crate) parts: usize,
}

impl RowFile {
    /// Opens a file to read; `-` is stdin.
    pub(crate) fn open(path: &Path, options: &ReadOptions) -> Result<Self, CommandError> {
        Place::Molecules.check(path)?;
        let body = if path == Path::new("-") {
            Self::text(path, Input::Stdin(io::stdin().lock()), options)?
        } else {
            let mut file = File::open(path).map_err(|source| CommandError::Input {
                path: path.to_owned(),
                source,
            })?;
            // What cannot be looked at says so when it is read.
            let is_parquet = ParquetFile::is_one(&mut file).unwrap_or(false);
            let is_named = is_named_parquet(path) && file.metadata().is_ok_and(|it| it.is_file());
            match options.format.is_none() && (is_parquet || is_named) {
                true => {
                    let file = ParquetFile::open(file, options).map_err(named(path))?;
                    Body::Parquet(Box::new(ParquetRows {
                        groups: 0..file.row_groups(),
                        file,
                        current: None,
                        texts: Texts::All,
                        rows: Vec::new().into_iter(),
                    }))
                }
                false => Self::text(path, Input::File(file), options)?,
            }
        };
        let mut file = Self {
            path: path.to_owned(),
            body,
            said: Vec::new(),
            chunk: CHUNK,
        };
        file.say_notes();
        Ok(file)
    }

    fn text(path: &Path, input: Input, options: &ReadOptions) -> Result<Body, CommandError> {
        let name = path.to_string_lossy();
        let reader = Reader::open_seekable(input, &name, options).map_err(named(path))?;
        Ok(Body::Text(Box::new(reader)))
    }

    /// Says what the reader has noted since.
    fn say_notes(&mut self) {
        let notes = match &self.body {
            Body::Text(reader) => reader.notes(),
            Body::Parquet(rows) => rows.file.notes().to_vec(),
        };
        for note in notes {
            if !self.said.contains(&note) {
                say!("{}: {note}", one_line(&self.path.to_string_lossy()));
                self.said.push(note);
            }
        }
    }

    /// Its name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The columns.
    pub(crate) fn header(&self) -> &Header {
        match &self.body {
            Body::Text(reader) => reader.header(),
            Body::Parquet(rows) => rows.file.header(),
        }
    }

    /// The file, where it is one of Parquet.
    pub(crate) fn parquet(&self) -> Option<&ParquetFile> {
        match &self.body {
            Body::Text(_) => None,
            Body::Parquet(rows) => Some(&rows.file),
        }
    }

    /// The number of the next row group of a Parquet file, from 0.
    pub(crate) fn next_group(&self) -> usize {
        match &self.body {
            Body::Text(_) => 0,
            Body::Parquet(rows) => rows.groups.start,
        }
    }

    /// Reads this part of the row groups alone.
    ///
    /// # Errors
    ///
    /// Where the file has none, because it is not one of Parquet.
    pub(crate) fn take_shard(&mut self, shard: Shard) -> Result<(), CommandError> {
        match &mut self.body {
            Body::Text(_) => Err(CommandError::Usage(format!(
                "--shard takes a part of the row groups of a Parquet file, and {} is none",
                self.path.display()
            ))),
            Body::Parquet(rows) => {
                rows.groups = rows.file.shard(shard.part, shard.parts);
                let (groups, parts) = (rows.file.row_groups(), shard.parts);
                if groups < parts {
                    let (path, empty) = (self.path.display(), parts - groups);
                    say!(
                        "{path} has {groups} row group{}, so of {parts} parts {empty} {} empty; \
                         write it with smaller row groups (`--row-group ROWS`)",
                        if groups == 1 { "" } else { "s" },
                        if empty == 1 { "is" } else { "are" },
                    );
                }
                Ok(())
            }
        }
    }

    /// Gives rows of a file of text at most `rows` at a time, where that is fewer than else.
    pub(crate) fn in_chunks_of(&mut self, rows: usize) {
        self.chunk = rows.clamp(1, CHUNK);
    }

    /// Passes over the next row group of a Parquet file.
    pub(crate) fn skip_group(&mut self) {
        if let Body::Parquet(rows) = &mut self.body {
            rows.groups.next();
        }
    }

    /// Gives the cells of a Parquet file as text no longer, but for what messages need:
    /// they are written as they are.
    pub(crate) fn without_texts(&mut self) {
        if let Body::Parquet(rows) = &mut self.body {
            rows.texts = Texts::Identifier;
        }
    }

    /// The next rows that are worked on together.
    pub(crate) fn chunk(&mut self) -> Chunk {
        if let Body::Parquet(rows) = &mut self.body {
            let chunk = rows.chunk();
            return match chunk {
                Ok(chunk) => chunk.unwrap_or_default(),
                Err(fault) => Chunk {
                    fault: Some(named(&self.path)(fault)),
                    ..Chunk::default()
                },
            };
        }
        let mut chunk = Chunk {
            rows: Vec::with_capacity(self.chunk),
            is_last: false,
            ..Chunk::default()
        };
        let mut bytes = 0;
        while chunk.rows.len() < self.chunk && bytes < CHUNK_BYTES && !chunk.is_last {
            match self.next() {
                Some(Ok(row)) => {
                    bytes += row.memory();
                    chunk.rows.push(row);
                }
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

/// Whether a name promises a Parquet file.
fn is_named_parquet(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ending.eq_ignore_ascii_case("parquet")
}

impl Iterator for RowFile {
    type Item = Result<Row, CommandError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.body {
            Body::Text(reader) => {
                let row = reader.next();
                if !matches!(row, Some(Ok(_))) {
                    self.say_notes();
                }
                Some(row?.map_err(named(&self.path)))
            }
            Body::Parquet(rows) => loop {
                if let Some(row) = rows.rows.next() {
                    return Some(Ok(row));
                }
                match rows.chunk() {
                    Ok(chunk) => rows.rows = chunk?.rows.into_iter(),
                    Err(fault) => {
                        rows.groups = 0..0;
                        rows.current = None;
                        return Some(Err(named(&self.path)(fault)));
                    }
                }
            },
        }
    }
}

/// Gives an error of a file its name.
fn named(path: &Path) -> impl FnOnce(RecordsError) -> CommandError {
    |source| CommandError::Records {
        path: path.to_owned(),
        source,
    }
}

/// Rows that are worked on together; by default none, at the end of a file.
pub(crate) struct Chunk {
    pub(crate) rows: Vec<Row>,
    /// The same, as they lie in a Parquet file.
    pub(crate) batch: Option<ParquetBatch>,
    /// They are the last of a row group.
    pub(crate) ends_group: bool,
    /// Nothing comes after them.
    pub(crate) is_last: bool,
    /// Why nothing comes after them, if it is not the end of the file. The rows
    /// before the fault are good.
    pub(crate) fault: Option<CommandError>,
}

impl Default for Chunk {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            batch: None,
            ends_group: false,
            is_last: true,
            fault: None,
        }
    }
}

/// Where a command writes.
pub(crate) enum Sink {
    Stdout(BufWriter<StdoutLock<'static>>),
    /// A pipe or a device, which cannot be replaced.
    Special(BufWriter<File>),
    /// A file, which appears under its name once it is whole.
    File(BufWriter<AtomicFile>),
    /// A file that grows under another name.
    Partial(BufWriter<PartialSink>),
    /// What is written to another, compressed.
    Gzip(Box<GzEncoder<Sink>>),
}

/// The file that an output `path` means; `None` where it is a pipe or a device.
pub(crate) fn regular_target(path: &Path) -> Option<PathBuf> {
    // A link stays one, and what it points to is replaced.
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => None,
        Ok(_) if path.is_symlink() => Some(path.canonicalize().unwrap_or_else(|_| path.to_owned())),
        Ok(_) => Some(path.to_owned()),
        // `NUL` of Windows is there, and cannot be looked at.
        Err(error)
            if cfg!(windows)
                && !matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
                ) =>
        {
            None
        }
        // Only of what is not there: the link of a pipe, as `/dev/stdout` may be, names no file.
        Err(_) => linked(path),
    }
}

/// What a link to nothing points to in the end; `None` of links that point to one another,
/// which opening says.
fn linked(path: &Path) -> Option<PathBuf> {
    /// As many as Linux follows.
    const MOST: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MOST {
        let Ok(next) = target.read_link() else {
            return Some(target);
        };
        // From where the link lies; an absolute one replaces all.
        target.pop();
        target.push(next);
    }
    None
}

/// Whether a file of this name is compressed.
pub(crate) fn is_packed(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ending.eq_ignore_ascii_case("gz")
}

impl Sink {
    /// Opens a file to write; without one, stdout.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout().lock())));
        };
        let opened = match regular_target(path) {
            None => {
                let file = File::options().write(true).open(path);
                file.map(|file| Self::Special(BufWriter::new(file)))
            }
            Some(target) => {
                AtomicFile::create(&target).map(|file| Self::File(BufWriter::new(file)))
            }
        };
        let opened = opened.map_err(|source| CommandError::Output {
            name: path.display().to_string(),
            source,
        })?;
        Ok(opened.packed(path))
    }

    /// Compresses what is written, if `path` says so.
    pub(crate) fn packed(self, path: &Path) -> Self {
        if is_packed(path) {
            Self::Gzip(Box::new(GzEncoder::new(self, Compression::default())))
        } else {
            self
        }
    }

    /// What was written is whole: gives a file its name.
    pub(crate) fn complete(mut self) -> io::Result<()> {
        if let Self::Gzip(encoder) = self {
            return encoder.finish()?.complete();
        }
        self.flush()?;
        match self {
            Self::File(file) => {
                let file = file.into_inner().map_err(io::Error::from)?;
                let target = file.path().to_owned();
                file.commit()?;
                partial::remove_set_aside(&target)
            }
            Self::Stdout(_) | Self::Special(_) | Self::Partial(_) | Self::Gzip(_) => Ok(()),
        }
    }

    /// What was written is all there will be, and not whole: a file gets the name of
    /// a partial one, which is given back, and an older one stays. Nothing is kept
    /// where the name is taken by what can be resumed, or is somebody else's.
    pub(crate) fn set_aside(mut self) -> io::Result<Option<PathBuf>> {
        if let Self::Gzip(encoder) = self {
            return encoder.finish()?.set_aside();
        }
        self.flush()?;
        match self {
            Self::File(file) => partial::set_aside(file.into_inner().map_err(io::Error::from)?),
            Self::Stdout(_) | Self::Special(_) | Self::Partial(_) | Self::Gzip(_) => Ok(None),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(sink) => sink.write(bytes),
            Self::Special(sink) => sink.write(bytes),
            Self::File(sink) => sink.write(bytes),
            Self::Partial(sink) => sink.write(bytes),
            Self::Gzip(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(sink) => sink.flush(),
            Self::Special(sink) => sink.flush(),
            Self::File(sink) => sink.flush(),
            Self::Partial(sink) => sink.flush(),
            Self::Gzip(sink) => sink.flush(),
        }
    }
}

/// Says what `writer` has written otherwise than it came; without an output, to stdout.
pub(crate) fn say_written<W: Write>(writer: &Writer<W>, output: Option<&Path>) {
    let output = output.unwrap_or(Path::new("stdout")).to_string_lossy();
    let output = one_line(&output);
    for note in writer.notes() {
        say!("{output}: {note}");
    }
}

/// Refuses an output that would replace an input, whatever its names, or grow under
/// the name of one; without an output, stdout.
pub(crate) fn refuse_same_file(input: &Path, output: Option<&Path>) -> Result<(), CommandError> {
    let Some(read) = identity(input) else {
        return Ok(());
    };
    let same = match output {
        None => Handle::stdout().ok().filter(is_regular) == Some(read),
        Some(output) => {
            let partial = regular_target(output).map(|target| partial_name(&target));
            [Some(output.to_owned()), partial]
                .iter()
                .flatten()
                .any(|path| identity(path).as_ref() == Some(&read))
        }
    };
    if same {
        let name = output.unwrap_or(Path::new("stdout"));
        Err(CommandError::SameFile(name.to_owned()))
    } else {
        Ok(())
    }
}

/// What tells a file or a directory from all others, by whatever name it is called;
/// `-` is stdin. `None` of what is not there, and of pipes and devices, which cannot
/// be replaced.
fn identity(path: &Path) -> Option<Handle> {
    if path == Path::new("-") {
        return Handle::stdin().ok().filter(is_regular);
    }
    // Looked at first: to open a pipe is to wait for its other end.
    let metadata = path.metadata().ok()?;
    let is_named = metadata.is_file() || metadata.is_dir();
    is_named.then(|| Handle::from_path(path).ok()).flatten()
}

fn is_regular(handle: &Handle) -> bool {
    let metadata = handle.as_file().metadata();
    metadata.is_ok_and(|metadata| metadata.is_file())
}

/// Refuses an output that would replace a file of the model directory `model`.
pub(crate) fn refuse_model_file(model: &Path, output: Option<&Path>) -> Result<(), CommandError> {
    let files = [CONFIG, WEIGHTS, VOCABULARY, DOMAIN, CARD];
    let refuse = |file: &&str| refuse_same_file(&model.join(file), output);
    files.iter().try_for_each(refuse)
}
