//! Users' molecule files in, scored rows out.
//!
//! [`Reader`] turns a `.smi`, `.csv`/`.tsv` or `.sdf` byte stream, plain or
//! compressed, into [`Row`]s; [`Writer`] gives them back with predictions or
//! embeddings next to the user's own columns. Both work on `impl Read` and
//! `impl Write` and never touch a file system, so the command and the page
//! share them.
//!
//! Two promises shape the module. A row has one outcome, [`Row::molecule`]: what
//! cannot be used is that row's error and never ends the batch; only an
//! unreadable stream does. And the user's text, columns and order come out as they went in.
//!
//! Text is UTF-8, with or without a byte-order mark, or UTF-16 with one, and
//! lines end in LF, CRLF or CR. A field that is not valid UTF-8 is read as Windows-1252, the superset
//! of Latin-1 that spreadsheets export, so `µM` survives.
//!
//! Every format is read row by row, in memory bounded by [`MAX_RECORD_BYTES`]
//! however large a file is and however far it expands. What a reader decides or
//! leaves out of its own accord it tells in its [`Note`]s.

#[cfg(feature = "archives")]
mod archive;
mod columns;
mod csv;
mod decompress;
mod frame;
mod note;
#[cfg(all(feature = "parquet", not(target_family = "wasm")))]
pub mod parquet;
mod sdf;
#[cfg(feature = "drawing")]
mod sdf_out;
#[cfg(feature = "archives")]
mod sheet;
mod smi;
mod source;
mod table;
#[cfg(feature = "archives")]
mod workbook;
mod write;
#[cfg(feature = "archives")]
mod zstd;

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::iter::FusedIterator;

use serde::{Deserialize, Serialize};

use crate::chemistry::{ChemistryError, Molecule, begins_as_inchi};
use crate::text::one_line;
use source::Source;
use write::own_columns;

pub use frame::{Column, Frame, Values};
pub use note::Note;
pub use write::{Columns, Output, OutputFormat, Writer};

/// Longest line or record that is read, in bytes; a longer one becomes that
/// row's problem and reading goes on after it.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Most distinct data items an SDF may have. Every row carries every column,
/// so a file with a new item name in each record would grow quadratically.
pub const MAX_SDF_COLUMNS: usize = 10_000;

/// A molecule file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One SMILES a line, then optionally whitespace and a name.
    Smi,
    /// Comma-, tab- or semicolon-separated text with a column of SMILES; also the
    /// sheet of a workbook.
    Csv,
    /// MDL structure-data file, or a single mol file.
    Sdf,
}

impl Format {
    /// The format that a file name's extension promises, `.gz` or `.zst` set aside.
    ///
    /// `.txt` promises nothing: it is as often a spreadsheet's tab-separated
    /// export as a list of SMILES, so its content decides.
    pub fn from_name(name: &str) -> Option<Self> {
        match extension(name).as_str() {
            "smi" | "smiles" | "ism" | "can" | "cxsmiles" | "cxsmi" => Some(Self::Smi),
            "csv" | "tsv" | "tab" | "xlsx" | "xlsm" => Some(Self::Csv),
            "sdf" | "sd" | "mol" | "mdl" => Some(Self::Sdf),
            _ => None,
        }
    }
}

/// Lower-case extension of `name` beneath any `.gz` or `.zst`.
fn extension(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let packed = [".gz", ".zst"].iter().find_map(|it| name.strip_suffix(it));
    let name = packed.unwrap_or(&name);
    name.rsplit_once('.')
        .map_or_else(String::new, |(_, extension)| extension.to_owned())
}

/// What a name promises of a file beyond its text: how it is packed.
fn promised(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "gz" => Some("a gzip file"),
        "zst" => Some("a Zstandard file"),
        "zip" => Some("a zip archive"),
        "xlsx" | "xlsm" => Some("an Excel workbook"),
        _ => None,
    }
}

/// What the user said about a file; the default leaves everything to detection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// Format; otherwise taken from the name, then from the content.
    pub format: Option<Format>,
    /// Column that holds the SMILES.
    pub smiles_column: Option<ColumnChoice>,
    /// Column that identifies a molecule.
    pub id_column: Option<ColumnChoice>,
}

/// Which column of a file a user means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ColumnChoice {
    /// By its name: matched exactly, then ignoring case and blanks around it. A name of
    /// several columns is an error.
    Name(String),
    /// By its place in [`Header::columns`], from 0: it tells columns of one name apart.
    Place(usize),
}

impl ColumnChoice {
    /// The place of the column among those of a file.
    pub(super) fn among(&self, columns: &[String]) -> Result<usize, RecordsError> {
        match self {
            Self::Name(name) => columns::named(columns, name),
            &Self::Place(place) if place < columns.len() => Ok(place),
            &Self::Place(place) => Err(RecordsError::NoSuchPlace {
                place: place + 1,
                columns: columns.to_vec(),
            }),
        }
    }
}

impl From<String> for ColumnChoice {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<&str> for ColumnChoice {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// The columns of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Header {
    /// Names as the user wrote them, in order; duplicates and empty names stay.
    pub columns: Vec<String>,
    /// Index of the column that holds the SMILES; `None` where the structure
    /// is an SDF's mol block.
    pub smiles: Option<usize>,
    /// Index of the column that identifies a molecule, where there is one.
    pub id: Option<usize>,
}

impl Header {
    /// Index of the column that a user means by `wanted`: the one of exactly this name, else
    /// the one that has it but for case and surrounding blanks.
    ///
    /// # Errors
    ///
    /// Where there is none, or there are several: [`RecordsError::UnknownColumn`],
    /// [`RecordsError::AmbiguousColumn`].
    pub fn column(&self, wanted: &str) -> Result<usize, RecordsError> {
        columns::named(&self.columns, wanted)
    }
}

/// A molecule as the user wrote it, not yet parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Structure {
    /// SMILES without surrounding blanks, with its CXSMILES extension ` |…|` where
    /// it has one.
    Smiles(String),
    /// MDL mol block from its title line to `M  END`, lines ending in `\n`.
    MolBlock(String),
}

impl Structure {
    /// The molecule, parsed and as it is written: nothing is left out.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or is no molecule, with the place.
    pub fn parse(&self) -> Result<Molecule, ChemistryError> {
        match self {
            Self::Smiles(smiles) => Molecule::parse(smiles),
            Self::MolBlock(block) => Molecule::from_mol_block(block),
        }
    }

    /// The molecule as SMILES: the text itself, or the canonical SMILES of what is drawn,
    /// with its stereo, its charges, its isotopes and all its parts. Nothing is standardised.
    ///
    /// # Errors
    ///
    /// Where a mol block cannot be read or is no molecule.
    pub fn to_smiles(&self) -> Result<String, ChemistryError> {
        match self {
            Self::Smiles(smiles) => Ok(smiles.clone()),
            Self::MolBlock(_) => self.parse()?.canonical_smiles(),
        }
    }
}

impl Structure {
    /// What a cell of a table holds: SMILES with their CXSMILES extension, without what
    /// follows it and blanks around it.
    ///
    /// # Errors
    ///
    /// For an empty cell, in the name of its `column`.
    pub fn from_cell(cell: &str, column: &str) -> Result<Self, RowError> {
        smiles_structure(cell, column)
    }
}

impl From<&str> for Structure {
    /// Takes the text for SMILES.
    fn from(smiles: &str) -> Self {
        Self::Smiles(smiles.trim().to_owned())
    }
}

/// What a molecule can be taken from: a [`Row`] of a file, or a [`Structure`].
///
/// Everything that computes takes rows as they are, so that a row that could not
/// be read keeps its error and nobody has to leave it out.
pub trait MoleculeSource: Sync {
    /// The molecule, or why there is none.
    ///
    /// # Errors
    ///
    /// That of the row, where it has one.
    fn structure(&self) -> Result<&Structure, &RowError>;
}

impl MoleculeSource for Structure {
    fn structure(&self) -> Result<&Structure, &RowError> {
        Ok(self)
    }
}

impl MoleculeSource for Row {
    fn structure(&self) -> Result<&Structure, &RowError> {
        self.molecule.as_ref()
    }
}

impl MoleculeSource for Result<Structure, RowError> {
    fn structure(&self) -> Result<&Structure, &RowError> {
        self.as_ref()
    }
}

impl<M: MoleculeSource> MoleculeSource for &M {
    fn structure(&self) -> Result<&Structure, &RowError> {
        (**self).structure()
    }
}

/// One row of the user's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line on which the row starts, counted from 1.
    pub line: u64,
    /// The user's text, unchanged, one entry for each of [`Header::columns`];
    /// only blanks around the parts of a `.smi` line and of an SDF title go.
    /// A short row is filled up with empty text; what a long row has beyond
    /// the last column is dropped and the row has an error.
    pub fields: Vec<String>,
    /// The molecule, or why this row must be reported instead of scored.
    pub molecule: Result<Structure, RowError>,
}

impl Row {
    /// About how many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let fields = self.fields.iter().map(String::capacity).sum::<usize>();
        let structure = match &self.molecule {
            Ok(Structure::Smiles(text) | Structure::MolBlock(text)) => text.capacity(),
            Err(error) => error.message.capacity(),
        };
        size_of::<Self>() + self.fields.capacity() * size_of::<String>() + fields + structure
    }
}

/// Why one row has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify), tsify(missing_as_null))]
#[error("{message}")]
#[non_exhaustive]
pub struct RowError {
    /// One sentence for the user.
    pub message: String,
    /// Stable `snake_case` code. This module gives `missing_structure`,
    /// `ragged_row`, `unclosed_quote`, `record_too_long`, `truncated_record`,
    /// `too_many_items` and `unreadable_cell`; the parsing of the molecule adds its own.
    pub reason: String,
    /// 0-based character of the SMILES to which the message points.
    pub position: Option<usize>,
}

impl RowError {
    /// An error of the row as a whole, without a position.
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            reason: reason.to_owned(),
            position: None,
        }
    }

    /// The same error, pointing to a character of the SMILES (from 0).
    pub fn at(self, position: Option<usize>) -> Self {
        Self { position, ..self }
    }

    fn too_long() -> Self {
        Self::new(
            "record_too_long",
            format!("the record is longer than {MAX_RECORD_BYTES} bytes"),
        )
    }
}

impl From<ChemistryError> for RowError {
    fn from(error: ChemistryError) -> Self {
        Self::new(error.reason.code(), error.to_string()).at(error.position)
    }
}

/// Why a file cannot be read, or cannot be read any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The stream failed, or its gzip data is damaged or cut short. The
    /// records already given are good; the one being read is lost, because
    /// half a SMILES can be a different molecule.
    #[error("reading stopped after {records} records, at line {line}: {source}")]
    Read {
        /// Records given before the failure.
        records: u64,
        /// Line at which the lost record starts, counted from 1.
        line: u64,
        /// The underlying failure.
        source: io::Error,
    },
    /// Nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// Not a text file.
    #[error("the file is not text: it looks like {what}")]
    NotText {
        /// What it looks like, with advice where there is some.
        what: &'static str,
    },
    /// Text of another kind, such as JSON.
    #[error("the file is no table of molecules: it looks like {what}")]
    NoTable {
        /// What it looks like, with advice.
        what: &'static str,
    },
    /// A header line longer than [`MAX_RECORD_BYTES`].
    #[error("the header line is longer than {MAX_RECORD_BYTES} bytes")]
    HeaderTooLong,
    /// The user named a column that the file lacks.
    #[error("no column `{}`; the table has {}", one_line(.wanted), listed(.columns))]
    UnknownColumn {
        /// The name asked for.
        wanted: String,
        /// The names there are.
        columns: Vec<String>,
    },
    /// The user chose a column by a place that the file lacks.
    #[error("no column {place}; the table has {}: {}", .columns.len(), listed(.columns))]
    NoSuchPlace {
        /// The place asked for, from 1.
        place: usize,
        /// The names there are.
        columns: Vec<String>,
    },
    /// The user named a column by a name that several have.
    #[error(
        "`{}` may be any of {}: {}rename all but one",
        one_line(.wanted),
        listed(.columns),
        match .names_differ {
            true => "write the name exactly as it stands in the file, or ",
            false => "",
        }
    )]
    AmbiguousColumn {
        /// The name asked for.
        wanted: String,
        /// The columns that are called so, each with its place from 1.
        columns: Vec<String>,
        /// Whether their names differ in case or blanks, by which they can be told apart.
        names_differ: bool,
    },
    /// No column is called SMILES and none holds values that look like it.
    #[error("no column looks like SMILES; name one of {}", listed(.columns))]
    NoSmilesColumn {
        /// The names there are.
        columns: Vec<String>,
    },
    /// The name promises what the file is not, and its text is no table either.
    #[error("the file is not {promised}, as its name says, but plain text, and {source}")]
    Misnamed {
        /// What the name promises.
        promised: &'static str,
        /// Why the text cannot be read.
        source: Box<RecordsError>,
    },
    /// A file of reactions.
    #[error("the file holds reactions ({what}); give its molecules as .sdf or .smi")]
    Reactions {
        /// How it begins.
        what: String,
    },
    /// A zip archive without one table that can be read.
    #[error("the zip archive {what}")]
    Archive {
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// An Excel workbook that cannot be read.
    #[error("the workbook cannot be read: {what}")]
    Workbook {
        /// What is wrong with it.
        what: String,
    },
    /// A Parquet file that cannot be read.
    #[cfg(all(feature = "parquet", not(target_family = "wasm")))]
    #[error(transparent)]
    Parquet(#[from] parquet::ParquetError),
    /// An SDF with more distinct data items than [`MAX_SDF_COLUMNS`].
    #[error("the SDF has more than {MAX_SDF_COLUMNS} different data items")]
    TooManyColumns,
}

impl RecordsError {
    pub(crate) fn at_start(source: io::Error) -> Self {
        Self::Read {
            records: 0,
            line: 1,
            source,
        }
    }
}

/// Column names for a message.
fn listed(columns: &[String]) -> String {
    first_few(columns.iter().map(|name| format!("`{}`", one_line(name))))
}

/// How the columns of a file differ from those that are `expected`, in words; `None` where
/// they are the same.
pub fn differing_columns(found: &[String], expected: &[String]) -> Option<String> {
    if found == expected {
        return None;
    }
    let without = |all: &[String], those: &[String]| {
        let those: HashSet<&String> = those.iter().collect();
        let left = all.iter().filter(|name| !those.contains(name)).cloned();
        left.collect::<Vec<_>>()
    };
    let (lacks, has) = (without(expected, found), without(found, expected));
    let lacks = (!lacks.is_empty()).then(|| format!("it lacks {}", listed(&lacks)));
    let has = (!has.is_empty()).then(|| format!("it has {} beside them", listed(&has)));
    let words: Vec<String> = lacks.into_iter().chain(has).collect();
    Some(match words.is_empty() {
        true => "they stand in another order".to_owned(),
        false => words.join(", and "),
    })
}

/// What is listed in a message, cut off before it fills the terminal.
fn first_few(mut all: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = all.by_ref().take(SHOWN).collect();
    let mut text = shown.join(", ");
    if all.len() > 0 {
        text.push_str(&format!(" and {} more", all.len()));
    }
    text
}

/// What a reader reads from: the file, or what is packed in it.
#[cfg(feature = "archives")]
type Unpacked<R> = archive::Unpacked<R>;
#[cfg(not(feature = "archives"))]
type Unpacked<R> = R;

/// Reads [`Row`]s from a byte stream.
///
/// As an iterator it gives `Err` only when nothing more can be read, and ends
/// after it. Opening reads the first 64 KiB, or more where lines are long, to
/// detect format and columns.
pub struct Reader<R: Read> {
    header: Header,
    format: Format,
    body: Body<Unpacked<R>>,
    records: u64,
    /// What was chosen before the file's own format had a say.
    choice: Option<Note>,
    ended: bool,
}

enum Body<R: Read> {
    Smi(smi::Lines<R>),
    Csv(Box<csv::Rows<R>>),
    Sdf(Box<sdf::Records<R>>),
    #[cfg(feature = "archives")]
    Sheet(Box<sheet::Rows>),
}

/// A stream whose first bytes have told its format.
struct Told<R: Read> {
    source: Source<R>,
    format: Format,
    tabs: bool,
    /// What the name promises, where the stream is plain text instead.
    misnamed: Option<&'static str>,
}

/// Why a stream cannot be opened: what is wrong with its first bytes, unless nothing came after
/// them because it failed, which explains the rest.
fn failed_at_start(failure: Option<io::Error>, error: RecordsError) -> RecordsError {
    failure.map_or(error, RecordsError::at_start)
}

impl<R: Read> Told<R> {
    fn open(source: R, name: &str, options: &ReadOptions) -> Result<Self, RecordsError> {
        let mut source = Source::open(source).map_err(RecordsError::at_start)?;
        source.fill_head();
        let failure = source.failure();
        Self::of(source, name, options).map_err(|error| failed_at_start(failure, error))
    }

    /// Tells what `source` is, whose head is filled.
    fn of(mut source: Source<R>, name: &str, options: &ReadOptions) -> Result<Self, RecordsError> {
        let misnamed = promised(name).filter(|_| source.is_plain());
        if Format::from_name(name) != Some(Format::Sdf) {
            source.skip_preamble();
        }
        if source.head().trim_ascii().is_empty() {
            // A stream that failed at once is damaged, not empty.
            if let Some(error) = source.take_failure() {
                return Err(RecordsError::at_start(error));
            }
            if source.head_is_everything() {
                return Err(RecordsError::Empty);
            }
        }
        if let Some(what) = source::not_text(source.head()) {
            return Err(RecordsError::NotText { what });
        }
        if sdf::is_reaction(source.head()) {
            let first = source.head()[1..].split(|byte| !byte.is_ascii_alphabetic());
            let what = first.map(|word| source::decode(word.to_vec())).next();
            let what = format!("${}", what.unwrap_or_default());
            return Err(RecordsError::Reactions { what });
        }
        let format = options
            .format
            .unwrap_or_else(|| detect(source.head(), Format::from_name(name), options));
        // The title of a mol block may be anything.
        if format != Format::Sdf
            && options.format.is_none()
            && let Some(what) = source::other_text(source.head())
        {
            return Err(RecordsError::NoTable { what });
        }
        Ok(Self {
            source,
            format,
            tabs: matches!(extension(name).as_str(), "tsv" | "tab"),
            misnamed,
        })
    }

    /// The names of data items, where the format has them at its end.
    fn survey(self) -> Result<Option<sdf::Items>, RecordsError> {
        match self.format {
            Format::Sdf => sdf::survey(self.source).map(Some),
            Format::Smi | Format::Csv => Ok(None),
        }
    }
}

impl<R: Read> Reader<R> {
    /// Detects format, compression and columns of `source`.
    ///
    /// `name` is the file's name, or anything without an extension (`-`) when
    /// it has none. Gzip, Zstandard, UTF-16, zip archives and Excel workbooks are
    /// recognised by their first bytes whatever the name; plain text under a name that
    /// promises one of them is read, and a [`Note`] says so. A file named as `.smi`
    /// whose first entry has a comma or semicolon in it is read as CSV, because
    /// no SMILES contains one.
    ///
    /// A stream can be read once. The columns of an SDF are those of its first
    /// 4 MiB; of data items that first appear after them there is one more column,
    /// `other_items`, as a JSON object. [`Reader::open_seekable`] has a column for
    /// each.
    ///
    /// # Errors
    ///
    /// Where nothing can be read: see [`RecordsError`].
    pub fn open(source: R, name: &str, options: &ReadOptions) -> Result<Self, RecordsError> {
        #[cfg(feature = "archives")]
        let source = match archive::buffered(source)? {
            archive::Stream::Plain(whole) => archive::Unpacked::Whole(whole),
            archive::Stream::Archive(mut bytes) => {
                let wrap = |entry| archive::Unpacked::Buffered(Box::new(entry));
                return match archive::look(&mut bytes)? {
                    archive::Found::File(place) => Self::start_packed(bytes, &place, wrap, options),
                    archive::Found::Workbook | archive::Found::Plain => {
                        Self::start_sheet(bytes, options)
                    }
                };
            }
        };
        Self::start(source, name, options, None, None)
    }

    /// A table that lies in an archive.
    #[cfg(feature = "archives")]
    fn start_packed<S: Read + Seek>(
        mut source: S,
        place: &archive::Place,
        wrap: impl FnOnce(archive::Entry<S>) -> Unpacked<R>,
        options: &ReadOptions,
    ) -> Result<Self, RecordsError> {
        let first = place.open(&mut source)?;
        let items = Self::survey(first, &place.name, options)?;
        let entry = wrap(place.open(source)?);
        Self::start(entry, &place.name, options, items, place.note.clone())
    }

    #[cfg(feature = "archives")]
    fn start_sheet<S: Read + Seek>(source: S, options: &ReadOptions) -> Result<Self, RecordsError> {
        let (header, rows) = sheet::open(source, options)?;
        Ok(Self::with(
            header,
            Format::Csv,
            Body::Sheet(Box::new(rows)),
            None,
        ))
    }

    /// Looks through a file that will be read a second time. What is wrong with
    /// it is told then.
    fn survey<S: Read>(
        source: S,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Option<sdf::Items>, RecordsError> {
        match Told::open(source, name, options) {
            Ok(told) => told.survey(),
            Err(_) => Ok(None),
        }
    }

    fn start(
        source: Unpacked<R>,
        name: &str,
        options: &ReadOptions,
        items: Option<sdf::Items>,
        choice: Option<Note>,
    ) -> Result<Self, RecordsError> {
        let Told {
            source,
            format,
            tabs,
            misnamed,
        } = Told::open(source, name, options)?;
        let failure = source.failure();
        let opened = match format {
            Format::Smi => {
                smi::open(source, options).map(|(header, lines)| (header, Body::Smi(lines)))
            }
            Format::Csv => csv::open(source, tabs, options)
                .map(|(header, rows)| (header, Body::Csv(Box::new(rows)))),
            Format::Sdf => sdf::open(source, items, options)
                .map(|(header, records)| (header, Body::Sdf(Box::new(records)))),
        };
        let opened = opened.map_err(|error| failed_at_start(failure, error));
        let (header, body) = opened.map_err(|error| match misnamed {
            Some(promised) => RecordsError::Misnamed {
                promised,
                source: Box::new(error),
            },
            None => error,
        })?;
        let choice = choice.or(misnamed.map(|promised| Note::Misnamed { promised }));
        Ok(Self::with(header, format, body, choice))
    }

    fn with(header: Header, format: Format, body: Body<Unpacked<R>>, choice: Option<Note>) -> Self {
        Self {
            header,
            format,
            body,
            records: 0,
            choice,
            ended: false,
        }
    }

    /// The file's columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The format in use, detected or asked for; that of a workbook's sheet is
    /// [`Format::Csv`].
    pub fn format(&self) -> Format {
        self.format
    }

    /// What was chosen, counted or left out so far: after opening the choices of
    /// column and sheet, after the last row everything.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes: Vec<Note> = self.choice.clone().into_iter().collect();
        notes.extend(own_columns(&self.header));
        match &self.body {
            Body::Smi(lines) => notes.extend(lines.notes()),
            Body::Csv(rows) => notes.extend(rows.notes()),
            Body::Sdf(records) => notes.extend(records.notes()),
            #[cfg(feature = "archives")]
            Body::Sheet(rows) => notes.extend(rows.notes()),
        }
        let padding = match &self.body {
            Body::Smi(lines) => lines.source().padding(),
            Body::Csv(rows) => rows.source().padding(),
            Body::Sdf(records) => records.source().padding(),
            #[cfg(feature = "archives")]
            Body::Sheet(_) => 0,
        };
        if padding > 0 {
            notes.push(Note::Padding { bytes: padding });
        }
        notes
    }
}

impl<R: Read + Seek> Reader<R> {
    /// As [`Reader::open`], of a file that can be read twice: an SDF has a column
    /// for each of its data items, and an archive is not held in memory.
    ///
    /// What only claims to be seekable, such as an open pipe, is read as a stream.
    ///
    /// # Errors
    ///
    /// Where nothing can be read: see [`RecordsError`].
    pub fn open_seekable(
        mut source: R,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Self, RecordsError> {
        let Ok(start) = source.stream_position() else {
            return Self::open(source, name, options);
        };
        #[cfg(feature = "archives")]
        {
            let found = archive::look(&mut source)?;
            let back = source.seek(SeekFrom::Start(start));
            back.map_err(RecordsError::at_start)?;
            match found {
                archive::Found::Plain => {}
                archive::Found::Workbook => return Self::start_sheet(source, options),
                archive::Found::File(place) => {
                    let wrap = |entry| archive::Unpacked::Entry(Box::new(entry));
                    return Self::start_packed(source, &place, wrap, options);
                }
            }
        }
        let items = Self::survey(&mut source, name, options)?;
        let back = source.seek(SeekFrom::Start(start));
        back.map_err(RecordsError::at_start)?;
        match items {
            Some(items) => {
                #[cfg(feature = "archives")]
                let source = archive::Unpacked::whole(source);
                Self::start(source, name, options, Some(items), None)
            }
            None => Self::open(source, name, options),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Row, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let record = match &mut self.body {
            Body::Smi(lines) => lines.next_record(&self.header),
            Body::Csv(rows) => rows.next_record(&self.header),
            Body::Sdf(records) => records.next_record(&self.header),
            #[cfg(feature = "archives")]
            Body::Sheet(rows) => Ok(rows.next_record(&self.header)),
        };
        match record {
            Ok(Some(record)) => {
                self.records += 1;
                Some(Ok(record))
            }
            Ok(None) => {
                self.ended = true;
                // A table has a header at least; here there was nothing but blank lines.
                let is_empty = self.records == 0
                    && match &self.body {
                        Body::Smi(lines) => !lines.has_text(),
                        Body::Sdf(_) => true,
                        _ => false,
                    };
                is_empty.then_some(Err(RecordsError::Empty))
            }
            Err(source) => {
                self.ended = true;
                let line = match &self.body {
                    Body::Smi(lines) => lines.source().line(),
                    Body::Csv(rows) => rows.source().line(),
                    Body::Sdf(records) => records.source().line(),
                    #[cfg(feature = "archives")]
                    Body::Sheet(rows) => rows.line(),
                };
                Some(Err(RecordsError::Read {
                    records: self.records,
                    line,
                    source,
                }))
            }
        }
    }
}

impl<R: Read> FusedIterator for Reader<R> {}

/// Format of a file from its first bytes; what its name promised is kept
/// unless the content rules it out.
fn detect(head: &[u8], promised: Option<Format>, options: &ReadOptions) -> Format {
    if let Some(format @ (Format::Csv | Format::Sdf)) = promised {
        return format;
    }
    let mut first = None;
    for (number, line) in source::lines(head).enumerate() {
        let text = line.trim_ascii();
        let is_sdf = text == b"M  END"
            || text == b"$$$$"
            || (number == 3 && (text.ends_with(b"V2000") || text.ends_with(b"V3000")));
        if is_sdf && promised.is_none() {
            return Format::Sdf;
        }
        if first.is_none() && !text.is_empty() && !text.starts_with(b"#") {
            // Only the end is trimmed: a leading tab is an empty first cell.
            first = Some(source::decode(line.trim_ascii_end().to_vec()));
        }
    }
    let Some(first) = first else {
        return promised.unwrap_or(Format::Smi);
    };

    let token = first.split_whitespace().next().unwrap_or_default();
    let named_column = options.smiles_column.is_some() || options.id_column.is_some();
    if begins_as_inchi(token) {
        // Its own commas and semicolons part nothing, unless a SMILES stands after one.
        let mut others = first.split(['\t', ',', ';']).skip(1);
        let is_table = named_column || others.any(columns::looks_like_smiles);
        return match promised.is_none() && is_table {
            true => Format::Csv,
            // The row says that it is no SMILES.
            false => Format::Smi,
        };
    }
    let cells = first.split('\t').collect::<Vec<_>>();
    let opens_like_smi =
        |text: &str| columns::is_smiles_name(text) || columns::looks_like_smiles(text);
    let titles = columns::is_smiles_name(cells[0]);
    // In a list of molecules nothing is quoted: what is comes from a table, whose cells may
    // hold line breaks.
    let quotes = || source::lines(head).any(|line| line.windows(2).any(|two| two == b"\t\""));
    let separated = has_delimiter(token)
        || csv::has_titles_between_bars(&first)
        || (cells.len() > 2 && (promised.is_none() || titles))
        || (cells.len() == 2 && promised.is_none() && (titles || quotes()));
    // A name may well contain a comma, and so counts only where the line does
    // not begin with a SMILES.
    let titled = !opens_like_smi(token)
        && (first.contains([',', ';']) || cells.len() == 2 || token.starts_with('"'));
    if separated || (promised.is_none() && (named_column || titled)) {
        Format::Csv
    } else {
        Format::Smi
    }
}

/// Whether a word has a comma or semicolon outside brackets. No SMILES does;
/// within brackets it is a SMARTS pattern, one bad row and not a table.
fn has_delimiter(word: &str) -> bool {
    let mut in_brackets = false;
    word.chars().any(|character| {
        match character {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        !in_brackets && matches!(character, ',' | ';')
    })
}

/// The structure of a SMILES cell.
fn smiles_structure(cell: &str, column: &str) -> Result<Structure, RowError> {
    let cell = cell.trim();
    // With its extension, which may change the molecule.
    let smiles = match columns::split_cxsmiles(cell) {
        (_, Some(after)) => cell[..cell.len() - after.len()].trim_end(),
        (_, None) => cell,
    };
    if smiles.is_empty() {
        let column = one_line(column);
        let message = format!("the column `{column}` is empty in this row");
        Err(RowError::new("missing_structure", message))
    } else {
        Ok(Structure::Smiles(smiles.to_owned()))
    }
}
