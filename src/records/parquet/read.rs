//! Parquet files in.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_cast::display::{ArrayFormatter, ArrayFormatterFactory, FormatOptions};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError as ReaderError;
use parquet::file::metadata::RowGroupMetaData;
use sha2::{Digest, Sha256};

use super::ParquetError;
use super::moments::{Zones, unknown_zone};
use crate::panics;
use crate::records::write::own_columns;
use crate::records::{
    Header, MAX_RECORD_BYTES, Note, ReadOptions, RecordsError, Row, RowError, columns,
    smiles_structure,
};
use crate::text::one_line;

/// What a file begins and ends with, as does one whose footer is encrypted.
const MAGIC: [&[u8; 4]; 2] = [b"PAR1", b"PARE"];

/// Rows that tell which column holds the SMILES.
const SAMPLE: usize = 256;

/// A Parquet file of molecules.
#[derive(Debug)]
pub struct ParquetFile {
    file: File,
    metadata: ArrowReaderMetadata,
    header: Arc<Header>,
    notes: Vec<Note>,
}

/// Which cells of a row are given as text; the others are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// All of them.
    All,
    /// That of the column that identifies a molecule.
    Identifier,
}

impl ParquetFile {
    /// Whether a file begins as a Parquet file does. It is read from its start again.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn is_one(file: &mut File) -> io::Result<bool> {
        // What cannot be read twice is none: Parquet is read from its end.
        let Ok(start) = file.stream_position() else {
            return Ok(false);
        };
        let mut head = Vec::new();
        file.by_ref().take(4).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(start == 0 && MAGIC.iter().any(|magic| head == magic[..]))
    }

    /// Opens a file; its columns are found as those of a table, among its columns of
    /// text.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is no Parquet file, is damaged or encrypted, or has no
    /// column of SMILES.
    pub fn open(file: File, options: &ReadOptions) -> Result<Self, RecordsError> {
        let mut opened = Self::load(file)?;
        let names = opened.header.columns.clone();
        let smiles = match &options.smiles_column {
            Some(wanted) => wanted.among(&names)?,
            None => opened.find_smiles(&names)?,
        };
        let kind = opened.schema().field(smiles).data_type();
        if !is_text(kind) {
            return Err(ParquetError::NotText {
                column: names[smiles].clone(),
                kind: kind.to_string(),
            }
            .into());
        }
        let id = match &options.id_column {
            Some(wanted) => Some(wanted.among(&names)?),
            None => columns::id_by_name(&names).filter(|&column| column != smiles),
        };
        opened.header = Arc::new(Header {
            columns: names,
            smiles: Some(smiles),
            id,
        });
        opened.notes.extend(own_columns(&opened.header));
        opened.notes.extend(opened.unknown_zones());
        Ok(opened)
    }

    /// Opens a file of any columns; none is that of SMILES.
    pub(crate) fn load(mut file: File) -> Result<Self, RecordsError> {
        check_ends(&mut file)?;
        let metadata = guarded(|| {
            let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
            with_days(metadata)
        });
        let metadata = metadata.map_err(|what| ParquetError::of(&what))?;
        check_places(&metadata, &file)?;
        check_compression(&metadata)?;
        let fields = metadata.schema().fields().iter();
        let header = Header {
            columns: fields.map(|field| field.name().clone()).collect(),
            ..Header::default()
        };
        Ok(Self {
            file,
            metadata,
            header: Arc::new(header),
            notes: Vec::new(),
        })
    }

    /// The column of SMILES, by name and values.
    fn find_smiles(&mut self, names: &[String]) -> Result<usize, RecordsError> {
        let fields = self.metadata.schema().fields();
        let texts: Vec<usize> = (0..names.len())
            .filter(|&column| is_text(fields[column].data_type()))
            .collect();
        if texts.is_empty() {
            let typed = fields.iter();
            let typed = typed.map(|field| format!("{}: {}", field.name(), field.data_type()));
            let columns = typed.collect();
            return Err(ParquetError::NoText { columns }.into());
        }
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), texts.clone());
        let mut reader = self.reader(SAMPLE, None, Some(mask))?;
        let mut rows = Vec::new();
        if let Some(batch) = next_batch(&mut reader) {
            let batch = batch.map_err(|error| self.damaged(0, 0, error))?;
            let cells = formatters(&batch).map_err(|error| self.damaged(0, 0, error))?;
            let row = |row| cells.iter().map(|cell| text(cell, row)).collect();
            rows = (0..batch.num_rows())
                .map(row)
                .collect::<Result<_, _>>()
                .map_err(|error| self.damaged(0, 0, error))?;
        }
        let of_text: Vec<String> = texts.iter().map(|&it| names[it].clone()).collect();
        let Some((place, note)) = columns::smiles_among(&of_text, &rows, |place| texts[place])
        else {
            return Err(RecordsError::NoSmilesColumn { columns: of_text });
        };
        self.notes.extend(note);
        Ok(texts[place])
    }

    /// The columns of moments whose zone is not known.
    fn unknown_zones(&self) -> Vec<Note> {
        let fields = self.schema().fields().iter();
        let unknown = fields.filter_map(|field| {
            Some(Note::UnknownZone {
                column: field.name().clone(),
                zone: unknown_zone(field.data_type())?.to_owned(),
            })
        });
        unknown.collect()
    }

    /// The columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What was chosen on opening.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// How many row groups it has.
    pub fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// How many rows a row group has.
    ///
    /// # Panics
    ///
    /// Where there is no such row group.
    pub fn rows_of(&self, group: usize) -> u64 {
        let rows = self.metadata.metadata().row_group(group).num_rows();
        u64::try_from(rows).unwrap_or_default()
    }

    /// How many rows there are before a row group.
    fn rows_before(&self, group: usize) -> u64 {
        (0..group).map(|group| self.rows_of(group)).sum()
    }

    /// The row groups that are the `part`-th of `parts`, from 1: each is in one part, and
    /// the parts in their order are the whole.
    pub fn shard(&self, part: usize, parts: usize) -> Range<usize> {
        let (groups, parts) = (self.row_groups() as u128, parts.max(1) as u128);
        let start = |part: usize| (part as u128 * groups / parts) as usize;
        start(part.saturating_sub(1))..start(part)
    }

    /// What tells the file from others: its size, its rows and the digest of its end,
    /// where Parquet says what its row groups are and where they lie.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn fingerprint(&self) -> io::Result<String> {
        let mut file = &self.file;
        let size = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(size.saturating_sub(1 << 16)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        let rows = self.metadata.metadata().file_metadata().num_rows();
        let digest = Sha256::digest(&end);
        Ok(format!("{size} bytes, {rows} rows, {digest:x}"))
    }

    /// A text that the file says of itself, by its name.
    pub fn says(&self, name: &str) -> Option<&str> {
        let said = self.metadata.metadata().file_metadata();
        let said = said.key_value_metadata()?;
        let found = said.iter().find(|one| one.key == name)?;
        found.value.as_deref()
    }

    /// The rows of a row group, `size` at a time.
    ///
    /// # Errors
    ///
    /// Where the row group cannot be read.
    pub fn batches(&self, group: usize, size: usize) -> Result<ParquetBatches, RecordsError> {
        Ok(ParquetBatches {
            reader: self.reader(size, Some(group), None)?,
            header: Arc::clone(&self.header),
            group,
            row: self.rows_before(group),
            ended: false,
        })
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    pub(super) fn metadata(&self) -> &ArrowReaderMetadata {
        &self.metadata
    }

    fn reader(
        &self,
        size: usize,
        group: Option<usize>,
        mask: Option<ProjectionMask>,
    ) -> Result<ParquetRecordBatchReader, RecordsError> {
        let file = self.file.try_clone().map_err(RecordsError::at_start)?;
        let metadata = self.metadata.clone();
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        builder = builder.with_batch_size(size);
        if let Some(group) = group {
            builder = builder.with_row_groups(vec![group]);
        }
        if let Some(mask) = mask {
            builder = builder.with_projection(mask);
        }
        let built = guarded(|| builder.build());
        built.map_err(|what| self.damaged(group.unwrap_or(0), 0, what))
    }

    fn damaged(&self, group: usize, rows: u64, error: impl ToString) -> RecordsError {
        let row = self.rows_before(group) + rows;
        damaged(group, row, &error.to_string())
    }
}

/// Refuses what is no Parquet file, by its first and last bytes.
fn check_ends(file: &mut File) -> Result<(), RecordsError> {
    let mut head = Vec::new();
    let mut read = || {
        file.by_ref().take(4).read_to_end(&mut head)?;
        let length = file.seek(SeekFrom::End(0))?;
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(4)))?;
        file.read_to_end(&mut tail)?;
        Ok((length, tail))
    };
    let (length, tail) = read().map_err(RecordsError::at_start)?;
    let [plain, encrypted] = MAGIC;
    if head == encrypted || tail == encrypted {
        return Err(ParquetError::Encrypted.into());
    }
    if length == 0 {
        return Err(RecordsError::Empty);
    }
    if head != plain {
        return Err(ParquetError::NotParquet.into());
    }
    if tail != plain {
        let what = "it does not end as it should; an upload or a download may have stopped";
        let what = what.to_owned();
        return Err(ParquetError::Damaged { what }.into());
    }
    Ok(())
}

/// What `read` gives, or in words why it gives nothing: of some damage the reader makes
/// a panic.
fn guarded<T, E: ToString>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    panics::guarded(read)?.map_err(|error| error.to_string())
}

/// The next batch of a reader, which is not asked again after an error.
fn next_batch(reader: &mut ParquetRecordBatchReader) -> Option<Result<RecordBatch, String>> {
    guarded(|| reader.next().transpose()).transpose()
}

/// The same, with days as what they are in the file. Where whoever wrote it held them as
/// milliseconds (`date64`), its schema of Arrow says so, and they would be written as
/// plain integers.
fn with_days(metadata: ArrowReaderMetadata) -> Result<ArrowReaderMetadata, ReaderError> {
    let own = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let own = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), own)?;
    let fields = metadata.schema().fields();
    let days: Fields = fields
        .iter()
        .zip(own.schema().fields())
        .map(|(said, own)| field_with_days(said, own))
        .collect();
    if days == *fields {
        return Ok(metadata);
    }
    let schema = Schema::new_with_metadata(days, metadata.schema().metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

/// A column as its file says that it is, but for days, which are as they lie in it.
fn field_with_days(said: &FieldRef, own: &FieldRef) -> FieldRef {
    let inner = |(said, own): (&FieldRef, &FieldRef)| field_with_days(said, own);
    let kind = match (said.data_type(), own.data_type()) {
        (DataType::Date64, DataType::Date32) => DataType::Date32,
        (DataType::List(said), DataType::List(own)) => DataType::List(inner((said, own))),
        (DataType::LargeList(said), DataType::List(own)) => DataType::LargeList(inner((said, own))),
        (DataType::FixedSizeList(said, size), DataType::List(own)) => {
            DataType::FixedSizeList(inner((said, own)), *size)
        }
        (DataType::Struct(said), DataType::Struct(own)) => {
            DataType::Struct(said.iter().zip(own).map(inner).collect())
        }
        (DataType::Map(said, sorted), DataType::Map(own, _)) => {
            DataType::Map(inner((said, own)), *sorted)
        }
        _ => return Arc::clone(said),
    };
    Arc::new(said.as_ref().clone().with_data_type(kind))
}

/// Refuses a compression that is not read, before any row is.
fn check_compression(metadata: &ArrowReaderMetadata) -> Result<(), RecordsError> {
    let groups = metadata.metadata().row_groups().iter();
    for column in groups.flat_map(RowGroupMetaData::columns) {
        let name = match column.compression() {
            Compression::BROTLI(_) => "Brotli",
            Compression::LZO => "LZO",
            _ => continue,
        };
        return Err(ParquetError::Compression { name }.into());
    }
    Ok(())
}

/// Refuses what would lie outside the file.
fn check_places(metadata: &ArrowReaderMetadata, file: &File) -> Result<(), RecordsError> {
    let length = file.metadata().map_err(RecordsError::at_start)?.len();
    let groups = metadata.metadata().row_groups().iter();
    let lies_outside = groups.flat_map(RowGroupMetaData::columns).any(|column| {
        let dictionary = column.dictionary_page_offset();
        let start = dictionary.unwrap_or_else(|| column.data_page_offset());
        let place = u64::try_from(start)
            .ok()
            .zip(u64::try_from(column.compressed_size()).ok());
        let end = place.and_then(|(start, size)| start.checked_add(size));
        end.is_none_or(|end| end > length)
    });
    let is_negative = |group: &RowGroupMetaData| group.num_rows() < 0;
    if lies_outside || metadata.metadata().row_groups().iter().any(is_negative) {
        let what = "its end names places that it does not have".to_owned();
        return Err(ParquetError::Damaged { what }.into());
    }
    Ok(())
}

/// A row group that cannot be read beyond `row`, counted from 0.
fn damaged(group: usize, row: u64, what: &str) -> RecordsError {
    let what = what.to_owned();
    match what.contains("encrypt") {
        true => ParquetError::Encrypted,
        false => ParquetError::RowGroup {
            group: group + 1,
            row: row + 1,
            what,
        },
    }
    .into()
}

/// Whether a column of this type is text.
fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// The rows of a row group. An error ends it.
pub struct ParquetBatches {
    reader: ParquetRecordBatchReader,
    header: Arc<Header>,
    group: usize,
    /// Rows of the file before the next one.
    row: u64,
    ended: bool,
}

impl Iterator for ParquetBatches {
    type Item = Result<ParquetBatch, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        Some(match next_batch(&mut self.reader)? {
            Ok(columns) => {
                let first = self.row;
                self.row += columns.num_rows() as u64;
                Ok(ParquetBatch {
                    columns,
                    header: Arc::clone(&self.header),
                    first,
                })
            }
            Err(error) => {
                self.ended = true;
                Err(damaged(self.group, self.row, &error))
            }
        })
    }
}

/// Some rows of a file, one column beside the other.
#[derive(Clone, Debug)]
pub struct ParquetBatch {
    pub(super) columns: RecordBatch,
    header: Arc<Header>,
    /// Rows of the file before them.
    first: u64,
}

impl ParquetBatch {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.columns.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, numbered as lines from 1, with these cells as text: a cell that is null
    /// is empty, binary data are hexadecimal, a list is `[1, null]`.
    ///
    /// # Errors
    ///
    /// Where a column is of a type that has no text.
    pub fn rows(&self, texts: Texts) -> Result<Vec<Row>, RecordsError> {
        let rows = guarded(|| self.formatted(texts).map_err(|error| error.to_string()));
        rows.map_err(|what| ParquetError::Damaged { what }.into())
    }

    fn formatted(&self, texts: Texts) -> Result<Vec<Row>, ArrowError> {
        let cells = formatters(&self.columns)?;
        let name = |column: usize| self.header.columns.get(column).map_or("", String::as_str);
        let smiles = self.header.smiles.unwrap_or_default();
        let row = |row: usize| {
            let mut fault = None;
            let mut shown = |column: usize, cell| {
                text(cell, row).unwrap_or_else(|error| {
                    let said = format!(
                        "the cell of `{}` has no text: {error}",
                        one_line(name(column))
                    );
                    fault = Some(RowError::new("unreadable_cell", said));
                    String::new()
                })
            };
            let field = |(column, cell)| match texts {
                Texts::All => shown(column, cell),
                Texts::Identifier if self.header.id == Some(column) => shown(column, cell),
                Texts::Identifier => String::new(),
            };
            let fields: Vec<String> = cells.iter().enumerate().map(field).collect();
            let structure = match (texts, cells.get(smiles)) {
                (Texts::All, _) => fields.get(smiles).cloned(),
                (Texts::Identifier, cell) => cell.map(|cell| shown(smiles, cell)),
            };
            let structure = structure.unwrap_or_default();
            let molecule = match (fault, structure.len() > MAX_RECORD_BYTES) {
                (Some(fault), _) => Err(fault),
                (None, true) => Err(RowError::too_long()),
                (None, false) => smiles_structure(&structure, name(smiles)),
            };
            Row {
                line: self.first + row as u64 + 1,
                fields,
                molecule,
            }
        };
        Ok((0..self.len()).map(row).collect())
    }
}

/// How cells are shown. A null within a list or a record is one: an empty place would be
/// none.
static SHOWN: FormatOptions<'static> = FormatOptions::new()
    .with_null("null")
    .with_display_error(false)
    .with_formatter_factory(Some(&Zones));

/// What gives the cells of a column as text.
struct Formatter<'a> {
    /// Which cells are null, in a dictionary those whose value is.
    nulls: Option<NullBuffer>,
    cells: ArrayFormatter<'a>,
    column: &'a ArrayRef,
    /// The type of the numbers that are shown where a date, time or duration has no text.
    numbers: Option<DataType>,
}

fn formatters(batch: &RecordBatch) -> Result<Vec<Formatter<'_>>, ArrowError> {
    let all = batch.columns().iter();
    all.map(|column| {
        let moments = Zones.create_array_formatter(column.as_ref(), &SHOWN, None)?;
        Ok(Formatter {
            nulls: column.logical_nulls(),
            cells: match moments {
                Some(moments) => moments,
                None => ArrayFormatter::try_new(column.as_ref(), &SHOWN)?,
            },
            column,
            numbers: numbers(column.data_type()),
        })
    })
    .collect()
}

/// A cell as text.
fn text(column: &Formatter<'_>, row: usize) -> Result<String, ArrowError> {
    if column
        .nulls
        .as_ref()
        .is_some_and(|nulls| nulls.is_null(row))
    {
        return Ok(String::new());
    }
    let shown = column.cells.value(row).try_to_string();
    match (&column.numbers, shown) {
        (None, shown) => shown,
        (Some(_), Ok(text)) if !text.contains(NO_DURATION) => Ok(text),
        (Some(numbers), _) => stored(column.column, row, numbers),
    }
}

/// What stands for a duration that is longer than those that have a text.
const NO_DURATION: &str = "<invalid>";

/// A cell as the numbers that the file has, where they are beyond the calendar or the
/// clock: the largest number is what some programs write for "no end".
fn stored(column: &ArrayRef, row: usize, numbers: &DataType) -> Result<String, ArrowError> {
    let cell = arrow_cast::cast(&column.slice(row, 1), numbers)?;
    ArrayFormatter::try_new(cell.as_ref(), &SHOWN)?
        .value(0)
        .try_to_string()
}

/// The type of what dates, times and durations are stored as, in lists of them as well;
/// `None` where there are none.
fn numbers(of: &DataType) -> Option<DataType> {
    let field_of = |field: &FieldRef| {
        let numbers = numbers(field.data_type())?;
        Some(Arc::new(field.as_ref().clone().with_data_type(numbers)))
    };
    Some(match of {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        DataType::Date64
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_) => DataType::Int64,
        DataType::Dictionary(_, values) => numbers(values)?,
        DataType::List(field) => DataType::List(field_of(field)?),
        DataType::LargeList(field) => DataType::LargeList(field_of(field)?),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(field_of(field)?, *size),
        DataType::Struct(fields) => {
            let one = |field: &FieldRef| field_of(field).unwrap_or_else(|| Arc::clone(field));
            DataType::Struct(fields.iter().map(one).collect())
        }
        _ => return None,
    })
}

impl ParquetFile {
    /// Columns of bytes of one length in a row group, by their places, `size` rows at a
    /// time; `own` is the file once more, for this alone.
    pub(crate) fn bytes(
        &self,
        own: File,
        group: usize,
        columns: &[usize],
        size: usize,
    ) -> Result<impl Iterator<Item = Result<BytesBatch, RecordsError>> + use<>, RecordsError> {
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(own, self.metadata.clone());
        let builder = builder.with_batch_size(size).with_row_groups(vec![group]);
        let reader = guarded(|| builder.with_projection(mask).build());
        let mut reader = reader.map_err(|error| self.damaged(group, 0, error))?;
        let row = self.rows_before(group);
        Ok(std::iter::from_fn(move || {
            let batch = next_batch(&mut reader)?;
            let batch = batch.map_err(|error| damaged(group, row, &error));
            Some(batch.map(BytesBatch))
        }))
    }

    /// Rows of a row group, by their places within it in ascending order, of these columns
    /// alone, which are those of `header`; `own` as above.
    pub(crate) fn rows_at(
        &self,
        own: File,
        group: usize,
        columns: &[usize],
        header: Header,
        places: &[u64],
        texts: Texts,
    ) -> Result<Vec<Row>, RecordsError> {
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        let ranges = places
            .iter()
            .map(|&place| place as usize..place as usize + 1);
        let all = usize::try_from(self.rows_of(group)).unwrap_or(usize::MAX);
        let selection = RowSelection::from_consecutive_ranges(ranges, all);
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(own, self.metadata.clone());
        let builder = builder.with_row_groups(vec![group]).with_projection(mask);
        let reader = guarded(|| builder.with_row_selection(selection).build());
        let mut reader = reader.map_err(|error| self.damaged(group, 0, error))?;
        let header = Arc::new(header);
        let mut rows = Vec::with_capacity(places.len());
        while let Some(batch) = next_batch(&mut reader) {
            let columns = batch.map_err(|error| self.damaged(group, 0, error))?;
            let batch = ParquetBatch {
                columns,
                header: Arc::clone(&header),
                first: 0,
            };
            rows.extend(batch.rows(texts)?);
        }
        Ok(rows)
    }
}

/// Rows of columns of bytes.
pub(crate) struct BytesBatch(RecordBatch);

impl BytesBatch {
    pub(crate) fn rows(&self) -> usize {
        self.0.num_rows()
    }

    /// A column, of `width` bytes a row.
    pub(crate) fn column(&self, column: usize, width: usize) -> Option<BytesColumn<'_>> {
        let array = self.0.columns().get(column)?.as_any();
        let array = array.downcast_ref::<FixedSizeBinaryArray>()?;
        let is_so = usize::try_from(array.value_length()).ok()? == width;
        is_so.then_some(BytesColumn(array))
    }
}

/// The bytes of each row.
pub(crate) struct BytesColumn<'a>(&'a FixedSizeBinaryArray);

impl<'a> BytesColumn<'a> {
    /// Those of a row, where it has some.
    #[inline(always)]
    pub(crate) fn of(&self, row: usize) -> Option<&'a [u8]> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}
