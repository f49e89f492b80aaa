//! Parquet files out.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Metadata, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError as ReaderError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::{ParquetBatch, ParquetFile};
use crate::parallel;
use crate::records::write::{Layout, drawn_smiles};
use crate::records::{Column, Columns, Frame, Header, Row, Values, differing_columns};

/// Rows of a row group that is written, at most, where nobody says otherwise.
pub const GROUP: usize = 131_072;

/// Bytes of a row group that is written, about, at most: what is held in memory.
const GROUP_BYTES: usize = 128 << 20;

/// The field's metadata of a column that has a unit.
const UNIT: &str = "unit";

/// Where the schema of Arrow lies, which is written anew.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// The columns of a file that is written: the user's, then ours.
#[derive(Clone, Debug)]
pub struct ParquetLayout {
    /// What stands before our columns, whose names are told from these.
    header: Header,
    columns: Columns,
    schema: SchemaRef,
    /// Whether the first column has the molecules of mol blocks, which the user's rows have
    /// not.
    is_drawn: bool,
    /// What the file says of itself, by name.
    says: Vec<KeyValue>,
    /// Rows of a row group, at most.
    group: usize,
}

impl ParquetLayout {
    /// The columns of a Parquet file with their types, and ours.
    pub fn of_parquet(file: &ParquetFile, columns: Columns) -> Self {
        let says = file.metadata().metadata().file_metadata();
        let says = says.key_value_metadata().cloned().unwrap_or_default();
        let says = says.into_iter().filter(|one| one.key != ARROW_SCHEMA);
        let schema = file.schema();
        Self::new(
            file.header().clone(),
            columns,
            schema.fields().to_vec(),
            schema.metadata().clone(),
            says.collect(),
        )
    }

    /// The columns of a table of text, and ours. Names that are there twice are made
    /// unique, and columns without one numbered. Where the structures are mol blocks, a
    /// column `smiles` before them has the molecules as they were drawn.
    pub fn of_text(header: &Header, columns: Columns) -> Self {
        let (drawn, keys) = Layout::new(header, columns.clone()).into_keys();
        let is_drawn = drawn.is_some();
        let named = keys.into_iter().enumerate();
        let named = named.map(|(column, name)| match name.trim() {
            "" => format!("column_{}", column + 1),
            _ => name,
        });
        let header = Header {
            columns: drawn.into_iter().chain(named).collect(),
            smiles: header.smiles.or(Some(0)),
            id: header.id.map(|column| column + usize::from(is_drawn)),
        };
        let field = |name: &String| Arc::new(Field::new(name, DataType::Utf8, true));
        let fields = header.columns.iter().map(field).collect();
        let layout = Self::new(header, columns, fields, Default::default(), Vec::new());
        Self { is_drawn, ..layout }
    }

    fn new(
        header: Header,
        columns: Columns,
        mut fields: Vec<Arc<Field>>,
        metadata: Metadata,
        says: Vec<KeyValue>,
    ) -> Self {
        let frame = Frame::new(&header, columns.clone());
        fields.extend(frame.columns().iter().map(|column| Arc::new(field(column))));
        Self {
            header,
            columns,
            schema: Arc::new(Schema::new_with_metadata(fields, metadata)),
            is_drawn: false,
            says,
            group: GROUP,
        }
    }

    /// The same, in row groups of at most `rows` rows, at least one.
    #[must_use]
    pub fn in_groups_of(mut self, rows: usize) -> Self {
        self.group = rows.max(1);
        self
    }

    /// The columns before ours, as the file has them.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Rows of a row group, at most.
    pub fn group(&self) -> usize {
        self.group
    }

    /// The same, in a file that says `text` of itself under `name`.
    #[must_use]
    pub fn saying(mut self, name: &str, text: String) -> Self {
        let mut metadata = self.schema.metadata().clone();
        // Some readers have the one, and some the other.
        metadata.insert(name, text.as_str());
        let fields = self.schema.fields().clone();
        self.schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        self.says.retain(|one| one.key != name);
        self.says.push(KeyValue::new(name.to_owned(), text));
        self
    }

    /// An empty frame of our columns.
    pub fn frame(&self) -> Frame {
        Frame::new(&self.header, self.columns.clone())
    }

    fn begin<W: Write + Send>(&self, sink: W) -> io::Result<ArrowWriter<W>> {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(format!("delicate {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(self.says.clone()))
            .set_max_row_group_row_count(Some(self.group))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            // A row group is small, and what says where its pages lie would be held in
            // memory for all of them.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        for column in self.schema.fields().iter().skip(self.header.columns.len()) {
            // Hardly a number is there twice.
            let name = column.name().clone();
            let path = match column.data_type() {
                DataType::Float32 | DataType::Float64 => vec![name],
                DataType::FixedSizeBinary(_) => {
                    let path = ColumnPath::new(vec![name.clone()]);
                    let none = EnabledStatistics::None;
                    properties = properties.set_column_statistics_enabled(path, none);
                    vec![name]
                }
                DataType::FixedSizeList(item, _) => {
                    vec![name, "list".to_owned(), item.name().clone()]
                }
                _ => continue,
            };
            properties = properties.set_column_dictionary_enabled(ColumnPath::new(path), false);
        }
        let options = ArrowWriterOptions::new().with_properties(properties.build());
        ArrowWriter::try_new_with_options(sink, Arc::clone(&self.schema), options).map_err(failed)
    }
}

/// The rows of the user that are written with what was computed of them.
#[derive(Clone, Copy, Debug)]
pub enum UserRows<'a> {
    /// Of a Parquet file.
    Parquet(&'a ParquetBatch),
    /// Of a table of text.
    Text(&'a [Row]),
}

/// Writes a Parquet file.
pub struct ParquetWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    layout: ParquetLayout,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// Where `sink` does not take it, or a column is of a type that Parquet does not have.
    pub fn new(sink: W, layout: &ParquetLayout) -> io::Result<Self> {
        Ok(Self {
            writer: layout.begin(sink)?,
            layout: layout.clone(),
        })
    }

    /// Writes rows, and as many of `frame`, which is one of the layout's.
    ///
    /// # Errors
    ///
    /// Where the sink does not take them, or there are fewer or more rows in the frame.
    pub fn write(&mut self, user: UserRows<'_>, frame: Frame) -> io::Result<()> {
        let mut columns: Vec<ArrayRef> = match user {
            UserRows::Parquet(batch) => batch.columns.columns().to_vec(),
            UserRows::Text(rows) => {
                let is_drawn = self.layout.is_drawn;
                let columns = self.layout.header.columns.len() - usize::from(is_drawn);
                let texts = (0..columns).map(|column| texts(rows, column));
                is_drawn
                    .then(|| drawn(rows))
                    .into_iter()
                    .chain(texts)
                    .collect()
            }
        };
        for column in frame.into_columns() {
            columns.push(array(column)?);
        }
        let schema = Arc::clone(&self.layout.schema);
        let batch = RecordBatch::try_new(schema, columns).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(failed)
    }

    /// Lets the file say one thing more of itself.
    pub fn say(&mut self, name: &str, text: String) {
        let said = KeyValue::new(name.to_owned(), text);
        self.writer.append_key_value_metadata(said);
    }

    /// Ends the file, and gives its sink back.
    ///
    /// # Errors
    ///
    /// Where the sink does not take it.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(failed)
    }
}

/// Writes the row groups of `parts`, which were written by this layout, as one file, as
/// they are and in their order; the sink is given back.
///
/// # Errors
///
/// Where a part cannot be read, or the sink does not take it.
pub fn join<W: Write + Send, P: AsRef<Path>>(
    sink: W,
    layout: &ParquetLayout,
    parts: impl IntoIterator<Item = P>,
) -> io::Result<W> {
    let (mut writer, _) = layout
        .begin(sink)?
        .into_serialized_writer()
        .map_err(failed)?;
    for path in parts {
        let part = File::open(path)?;
        let metadata = ArrowReaderMetadata::load(&part, ArrowReaderOptions::new());
        let metadata = metadata.map_err(failed)?;
        for group in metadata.metadata().row_groups() {
            let mut whole = writer.next_row_group().map_err(failed)?;
            for column in group.columns() {
                let closed = ColumnCloseResult {
                    bytes_written: column.compressed_size().unsigned_abs(),
                    rows_written: group.num_rows().unsigned_abs(),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                whole.append_column(&part, closed).map_err(failed)?;
            }
            whole.close().map_err(failed)?;
        }
    }
    writer.into_inner().map_err(failed)
}

/// What a file says of itself under `name`, and how many rows it has.
///
/// # Errors
///
/// Where it cannot be read or is no Parquet file.
pub fn text_of(path: &Path, name: &str) -> io::Result<(Option<String>, u64)> {
    let file = File::open(path)?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
    let metadata = metadata.map_err(failed)?;
    let file = metadata.metadata().file_metadata();
    let said = file.key_value_metadata();
    let said = said.and_then(|said| said.iter().find(|one| one.key == name));
    let rows = u64::try_from(file.num_rows()).unwrap_or_default();
    Ok((said.and_then(|one| one.value.clone()), rows))
}

/// How the columns of the file `path` differ from those of `layout`, in words; `None` where
/// they are the same, and ours of the same types.
///
/// # Errors
///
/// Where it cannot be read or is no Parquet file.
pub fn other_columns(path: &Path, layout: &ParquetLayout) -> io::Result<Option<String>> {
    let file = File::open(path)?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
    let metadata = metadata.map_err(failed)?;
    let names = |schema: &Schema| -> Vec<String> {
        let fields = schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    };
    let (found, expected) = (metadata.schema(), &layout.schema);
    if let Some(why) = differing_columns(&names(found), &names(expected)) {
        return Ok(Some(why));
    }
    let pairs = found.fields().iter().zip(expected.fields());
    let mut ours = pairs.skip(layout.header.columns.len());
    let other = ours.find(|(found, expected)| found.data_type() != expected.data_type());
    Ok(other.map(|(found, expected)| {
        let (then, now) = (found.data_type(), expected.data_type());
        format!("`{}` is {then} there, and {now} now", found.name())
    }))
}

/// The error of the system where there is one.
fn failed(error: ReaderError) -> io::Error {
    match error {
        ReaderError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

/// The text of a column of the user.
fn texts(rows: &[Row], column: usize) -> ArrayRef {
    let mut texts = StringBuilder::new();
    for row in rows {
        texts.append_value(row.fields.get(column).map_or("", String::as_str));
    }
    Arc::new(texts.finish())
}

/// The molecules of mol blocks.
fn drawn(rows: &[Row]) -> ArrayRef {
    let smiles = parallel::map(rows, |row| drawn_smiles(row, None).map(Cow::into_owned));
    Arc::new(StringArray::from(smiles))
}

/// The type of a column of ours.
fn field(column: &Column) -> Field {
    let kind = match &column.values {
        Values::Single(_) => DataType::Float32,
        Values::Double(_) => DataType::Float64,
        Values::Whole(_) => DataType::Int64,
        Values::Vectors { width, .. } => DataType::FixedSizeList(item(), size(*width)),
        Values::Bytes { width, .. } => DataType::FixedSizeBinary(size(*width)),
        Values::Text { .. } => DataType::Utf8,
    };
    let field = Field::new(&column.name, kind, true);
    match column.unit.is_empty() {
        true => field,
        false => field.with_metadata([(UNIT, column.unit.as_str())]),
    }
}

/// A number of a vector.
fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float32, false))
}

/// No embedding is near the end of what Arrow counts with.
fn size(width: usize) -> i32 {
    i32::try_from(width).unwrap_or(i32::MAX)
}

/// The values of a column of ours.
fn array(column: Column) -> io::Result<ArrayRef> {
    let rows = match &column.values {
        Values::Single(values) => values.len(),
        Values::Double(values) => values.len(),
        Values::Whole(values) => values.len(),
        Values::Vectors { width, values } => values.len() / (*width).max(1),
        Values::Bytes { width, values } => values.len() / (*width).max(1),
        Values::Text { offsets, .. } => offsets.len().saturating_sub(1),
    };
    let valid = BooleanBuffer::new(Buffer::from_vec(column.validity), 0, rows);
    let valid = (column.missing > 0).then(|| NullBuffer::new(valid));
    Ok(match column.values {
        Values::Single(values) => Arc::new(Float32Array::new(values.into(), valid)),
        Values::Double(values) => Arc::new(Float64Array::new(values.into(), valid)),
        Values::Whole(values) => Arc::new(Int64Array::new(values.into(), valid)),
        Values::Vectors { width, values } => {
            let values = Arc::new(Float32Array::new(values.into(), None));
            let vectors = FixedSizeListArray::try_new(item(), size(width), values, valid);
            Arc::new(vectors.map_err(io::Error::other)?)
        }
        Values::Bytes { width, values } => {
            let values = Buffer::from_vec(values);
            let bytes = FixedSizeBinaryArray::try_new(size(width), values, valid);
            Arc::new(bytes.map_err(io::Error::other)?)
        }
        Values::Text { offsets, text } => {
            // Of one batch of rows: its text is far from 2 GiB.
            let offsets: Result<Vec<i32>, _> = offsets.into_iter().map(i32::try_from).collect();
            let offsets = ScalarBuffer::from(offsets.map_err(io::Error::other)?);
            let text = Buffer::from_vec(text.into_bytes());
            let texts = StringArray::try_new(OffsetBuffer::new(offsets), text, valid);
            Arc::new(texts.map_err(io::Error::other)?)
        }
    })
}
