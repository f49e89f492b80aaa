//! Files are made here, by the writer of Arrow and by ours.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::builder::{
    Date64Builder, Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder,
    TimestampMillisecondBuilder,
};
use arrow_array::types::{Int16Type, TimestampMillisecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    DurationSecondArray, Float16Array, Int8Array, LargeStringArray, ListArray, RecordBatch,
    StringArray, StringViewArray, StructArray, Time32SecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use half::f16;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, LogicalType};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;

use super::*;
use crate::records::{Columns, Header, ReadOptions, RecordsError, Row, RowError, Structure};

/// Molecules beside a column of every kind, each with a row that has no value.
fn kinds() -> RecordBatch {
    let mut dictionary = StringDictionaryBuilder::<Int16Type>::new();
    for value in [Some("CCO"), None, Some("CCO"), Some("c1ccccc1")] {
        dictionary.append_option(value);
    }
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_value([]);
    lists.append_null();
    lists.append_value([None]);
    let inner: ArrayRef = Arc::new(Int8Array::from(vec![1, 2, 3, 4]));
    let field = Arc::new(Field::new("inner", DataType::Int8, false));
    let moments =
        TimestampMicrosecondArray::from(vec![Some(1_700_000_000_000_001), None, Some(-1), Some(0)]);
    let numbers = Decimal128Array::from(vec![Some(12345), None, Some(-1), Some(0)]);
    let columns: [(&str, ArrayRef); 11] = [
        ("molecule", Arc::new(dictionary.finish())),
        (
            "large",
            Arc::new(LargeStringArray::from(vec![
                Some("a"),
                None,
                Some("µ"),
                Some(""),
            ])),
        ),
        (
            "view",
            Arc::new(StringViewArray::from(vec![
                Some("a"),
                None,
                Some("b"),
                Some("c"),
            ])),
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from(vec![
                Some(&[0u8, 255][..]),
                None,
                Some(b""),
                Some(b"x"),
            ])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                None,
                Some(false),
                Some(true),
            ])),
        ),
        (
            "count",
            Arc::new(UInt64Array::from(vec![
                Some(u64::MAX),
                None,
                Some(0),
                Some(1),
            ])),
        ),
        (
            "half",
            Arc::new(Float16Array::from(vec![
                Some(f16::from_f32(0.5)),
                None,
                Some(f16::NAN),
                Some(f16::ONE),
            ])),
        ),
        ("when", Arc::new(moments.with_timezone("Europe/Madrid"))),
        (
            "price",
            Arc::new(numbers.with_precision_and_scale(10, 2).expect("a decimal")),
        ),
        ("list", Arc::new(lists.finish())),
        ("nested", Arc::new(StructArray::from(vec![(field, inner)]))),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| {
            let field = Field::new(*name, column.data_type().clone(), *name != "nested");
            field.with_metadata(HashMap::from([("of".to_owned(), (*name).to_owned())]))
        })
        .collect();
    let metadata = HashMap::from([("owner".to_owned(), "the user".to_owned())]);
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(schema, columns).expect("a batch")
}

/// `batch` as a file, in row groups of `group` rows.
fn written(batch: &RecordBatch, group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .build();
    let mut bytes = Vec::new();
    let writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties));
    let mut writer = writer.expect("begun");
    writer.write(batch).expect("written");
    writer.close().expect("closed");
    bytes
}

fn opened(bytes: &[u8], options: &ReadOptions) -> Result<ParquetFile, RecordsError> {
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("written");
    std::io::Seek::rewind(&mut file).expect("rewound");
    ParquetFile::open(file, options)
}

/// All batches of a file.
fn batches(file: &ParquetFile) -> Result<Vec<ParquetBatch>, RecordsError> {
    let mut all = Vec::new();
    for group in 0..file.row_groups() {
        for batch in file.batches(group, 3)? {
            all.push(batch?);
        }
    }
    Ok(all)
}

fn of_text(names: &[&str], columns: &[&[&str]]) -> RecordBatch {
    let arrays = columns
        .iter()
        .map(|values| Arc::new(StringArray::from(values.to_vec())) as ArrayRef);
    let named = names.iter().copied().zip(arrays);
    RecordBatch::try_from_iter(named).expect("a batch")
}

#[test]
fn columns_of_every_type_go_through_as_they_are_and_ours_come_after_them() {
    let batch = kinds();
    let file = opened(&written(&batch, 2), &ReadOptions::default()).expect("opened");
    assert_eq!(file.row_groups(), 2);
    assert_eq!(file.header().smiles, Some(0));
    let layout = ParquetLayout::of_parquet(&file, Columns::Embedding(2));
    let layout = layout.saying("delicate", "made by a test".to_owned());
    let mut writer = ParquetWriter::new(Vec::new(), &layout).expect("begun");
    let mut rows = Vec::new();
    for batch in batches(&file).expect("read") {
        let mut frame = layout.frame();
        for row in batch.rows(Texts::All).expect("text") {
            match &row.molecule {
                Ok(_) => frame.push(None, Ok(&vec![0.5, 1.5])),
                Err(error) => frame.push::<&Vec<f32>>(None, Err(error)),
            }
            rows.push(row);
        }
        writer
            .write(UserRows::Parquet(&batch), frame)
            .expect("written");
    }
    let bytes = writer.finish().expect("finished");

    let again = opened(&bytes, &ReadOptions::default()).expect("opened");
    assert_eq!(again.says("delicate"), Some("made by a test"));
    assert_eq!(again.schema().metadata()["delicate"], "made by a test");
    let read = batches(&again).expect("read");
    let first: Vec<usize> = (0..11).collect();
    let theirs = read[0].columns.project(&first).expect("columns");
    assert_eq!(theirs.schema().fields(), batch.schema().fields());
    assert_eq!(again.schema().metadata()["owner"], "the user");
    let mut row = 0;
    for part in &read {
        let theirs = part.columns.project(&first).expect("columns");
        for (column, whole) in theirs.columns().iter().zip(batch.columns()) {
            assert_eq!(column.to_data(), whole.slice(row, part.len()).to_data());
        }
        row += part.len();
    }
    let names: Vec<&str> = again.header().columns[11..]
        .iter()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["embedding", "standardized", "changes", "error"]);
    let [_, missing, ..] = rows.as_slice() else {
        panic!("four rows");
    };
    assert_eq!(
        missing
            .molecule
            .as_ref()
            .map_err(|error| error.reason.as_str()),
        Err("missing_structure")
    );
    assert_eq!(
        rows[0].fields,
        [
            "CCO",
            "a",
            "a",
            "00ff",
            "true",
            "18446744073709551615",
            "0.5",
            "2023-11-14T23:13:20.000001+01:00",
            "123.45",
            "[1, null]",
            "{inner: 1}"
        ]
    );
    assert_eq!((rows[3].line, rows[3].fields[1].as_str()), (4, ""));
    let lists: Vec<&str> = rows.iter().map(|row| row.fields[9].as_str()).collect();
    assert_eq!(lists, ["[1, null]", "[]", "", "[null]"]);
    assert!(
        missing.fields[..9].iter().all(String::is_empty),
        "{missing:?}"
    );
    let errors = read[0].columns.column_by_name("error").expect("there");
    assert_eq!(
        (errors.null_count(), errors.data_type()),
        (2, &DataType::Utf8)
    );
    let vectors = read[0].columns.column_by_name("embedding").expect("there");
    assert_eq!((vectors.null_count(), vectors.len()), (1, 3));
}

#[test]
fn days_stay_days_however_arrow_held_them() {
    let day = 86_400_000;
    let days = Date64Array::from(vec![Some(18_262 * day), None]);
    let mut lists = ListBuilder::new(Date64Builder::new());
    lists.append_value([Some(-day)]);
    lists.append_null();
    let lists = lists.finish();
    let fields = vec![
        Field::new("smiles", DataType::Utf8, false),
        Field::new("day", DataType::Date64, true)
            .with_metadata(HashMap::from([("of".to_owned(), "an assay".to_owned())])),
        Field::new("days", lists.data_type().clone(), true),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["C", "CC"])),
        Arc::new(days),
        Arc::new(lists),
    ];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("a batch");
    // As Arrow's other libraries write it: days, and a schema that says milliseconds.
    let properties = WriterProperties::builder().set_coerce_types(true).build();
    let mut bytes = Vec::new();
    let writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties));
    let mut writer = writer.expect("begun");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");

    let file = opened(&bytes, &ReadOptions::default()).expect("opened");
    let layout = ParquetLayout::of_parquet(&file, Columns::Standardized);
    let mut writer = ParquetWriter::new(Vec::new(), &layout).expect("begun");
    for batch in batches(&file).expect("read") {
        let mut frame = layout.frame();
        let rows = batch.rows(Texts::All).expect("text");
        assert_eq!(rows[0].fields, ["C", "2020-01-01", "[1969-12-31]"]);
        for _ in &rows {
            frame.push(None, Ok(()));
        }
        let written = writer.write(UserRows::Parquet(&batch), frame);
        written.expect("written");
    }
    let bytes = writer.finish().expect("finished");
    let again = opened(&bytes, &ReadOptions::default()).expect("opened");
    let own = again.metadata().metadata().file_metadata().schema_descr();
    for column in [1, 2] {
        let kind = own.column(column);
        assert_eq!(
            kind.logical_type_ref(),
            Some(&LogicalType::Date),
            "{column}"
        );
    }
    assert_eq!(again.schema().field(1).data_type(), &DataType::Date32);
    assert_eq!(again.schema().field(1).metadata()["of"], "an assay");
    let read = batches(&again).expect("read");
    let rows = read[0].rows(Texts::All).expect("text");
    assert_eq!(rows[0].fields[..3], ["C", "2020-01-01", "[1969-12-31]"]);
    assert_eq!(rows[1].fields[1], "");
}

#[test]
fn a_compression_that_is_not_read_is_named_before_any_row_is() {
    let bytes = written(&of_text(&["smiles"], &[&["C"]]), 1);
    let file = opened(&bytes, &ReadOptions::default()).expect("opened");
    let metadata = file.metadata().metadata().as_ref().clone();
    let mut group = metadata.row_group(0).clone().into_builder();
    let column = group.take_columns().remove(0).into_builder();
    let column = column.set_compression(Compression::BROTLI(BrotliLevel::default()));
    let group = group.add_column_metadata(column.build().expect("a column"));
    let metadata = ParquetMetaData::new(
        metadata.file_metadata().clone(),
        vec![group.build().expect("a row group")],
    );
    let length = u32::from_le_bytes(
        bytes[bytes.len() - 8..bytes.len() - 4]
            .try_into()
            .expect("four"),
    );
    let mut brotli = bytes[..bytes.len() - 8 - length as usize].to_vec();
    let end = ParquetMetaDataWriter::new(&mut brotli, &metadata);
    end.finish().expect("written");
    let error = opened(&brotli, &ReadOptions::default()).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "the Parquet file is compressed with Brotli, which is not read; write it with zstd or snappy"
    );
}

#[test]
fn row_groups_are_as_small_as_asked() {
    let header = Header {
        columns: vec!["smiles".to_owned()],
        smiles: Some(0),
        id: None,
    };
    let layout = ParquetLayout::of_text(&header, Columns::Standardized).in_groups_of(2);
    let row = Row {
        line: 0,
        fields: vec!["C".to_owned()],
        molecule: Ok(Structure::Smiles("C".to_owned())),
    };
    let mut frame = layout.frame();
    for _ in 0..5 {
        frame.push(None, Ok(()));
    }
    let mut writer = ParquetWriter::new(Vec::new(), &layout).expect("begun");
    let rows = vec![row; 5];
    writer.write(UserRows::Text(&rows), frame).expect("written");
    let file = opened(&writer.finish().expect("finished"), &ReadOptions::default());
    let file = file.expect("opened");
    let sizes: Vec<u64> = (0..file.row_groups()).map(|it| file.rows_of(it)).collect();
    assert_eq!((layout.group(), sizes), (2, vec![2, 2, 1]));
}

#[test]
fn molecules_of_mol_blocks_are_the_first_column() {
    let header = Header {
        columns: vec!["name".to_owned(), "x".to_owned()],
        smiles: None,
        id: Some(0),
    };
    let block = "a\n\n\n  2  1  0  0  0  0            999 V2000\n    \
                 0.0000    0.0000    0.0000 C   0  0\n    \
                 1.5000    0.0000    0.0000 N   0  3\n  1  2  1  0\nM  END\n";
    let row = |molecule| Row {
        line: 0,
        fields: vec!["a".to_owned(), "1".to_owned()],
        molecule,
    };
    let error = RowError::new("x", "y");
    let rows = [
        row(Ok(Structure::MolBlock(block.to_owned()))),
        row(Err(error.clone())),
    ];
    let layout = ParquetLayout::of_text(&header, Columns::Standardized);
    assert_eq!(layout.header().columns, ["smiles", "name", "x"]);
    assert_eq!(
        (layout.header().smiles, layout.header().id),
        (Some(0), Some(1))
    );
    let mut frame = layout.frame();
    frame.push(None, Ok(()));
    frame.push::<()>(None, Err(&error));
    let mut writer = ParquetWriter::new(Vec::new(), &layout).expect("begun");
    writer.write(UserRows::Text(&rows), frame).expect("written");
    let file = opened(&writer.finish().expect("finished"), &ReadOptions::default());
    let file = file.expect("opened");
    assert_eq!(
        file.header().columns,
        ["smiles", "name", "x", "standardized", "changes", "error"]
    );
    let read = batches(&file).expect("read")[0].rows(Texts::All);
    let read = read.expect("text");
    assert_eq!(read[0].fields[..3], ["C[NH3+]", "a", "1"]);
    assert_eq!(read[1].fields[..3], ["", "a", "1"]);
}

#[test]
fn columns_of_one_name_are_told_apart_by_their_places_in_the_file() {
    let number: ArrayRef = Arc::new(Int8Array::from(vec![1]));
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let kinds = [DataType::Int8, DataType::Utf8, DataType::Utf8];
    let names = ["id", "smiles", "smiles"].iter().zip(kinds);
    let fields: Vec<Field> = names
        .map(|(&name, of)| Field::new(name, of, false))
        .collect();
    let columns = vec![number, text("CCO"), text("CCN")];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("a batch");
    let file = opened(&written(&batch, 1), &ReadOptions::default()).expect("opened");
    assert_eq!(
        file.notes()[0].to_string(),
        "SMILES are read from the column `smiles (column 2)`, not from `smiles (column 3)`"
    );
}

#[test]
fn parts_become_one_file_of_their_row_groups() {
    let folder = tempfile::tempdir().expect("a folder");
    let header = Header {
        columns: vec![
            "smiles".to_owned(),
            String::new(),
            "a".to_owned(),
            "a".to_owned(),
        ],
        smiles: Some(0),
        id: None,
    };
    let layout = ParquetLayout::of_text(&header, Columns::Standardized);
    let part = |number: usize, rows: usize| -> PathBuf {
        let path = folder.path().join(number.to_string());
        let rows: Vec<Row> = (0..rows)
            .map(|row| Row {
                line: 0,
                fields: vec!["C".to_owned(), format!("{number} {row}"), "x".to_owned()],
                molecule: Ok(Structure::from("C")),
            })
            .collect();
        let mut frame = layout.frame();
        for _ in &rows {
            frame.push(None, Ok(()));
        }
        let file = File::create(&path).expect("created");
        let mut writer = ParquetWriter::new(file, &layout).expect("begun");
        writer.write(UserRows::Text(&rows), frame).expect("written");
        writer.say("part", number.to_string());
        writer.finish().expect("finished");
        path
    };
    let parts = [part(0, 2), part(1, 0), part(2, 3)];
    assert_eq!(
        text_of(&parts[2], "part").expect("read"),
        (Some("2".to_owned()), 3)
    );
    let bytes = join(Vec::new(), &layout, &parts).expect("joined");
    assert_eq!(bytes, join(Vec::new(), &layout, &parts).expect("joined"));
    let file = opened(&bytes, &ReadOptions::default()).expect("opened");
    assert_eq!(
        file.header().columns[..4],
        ["smiles", "column_2", "a", "a_2"]
    );
    assert_eq!(
        (file.row_groups(), file.rows_of(0), file.rows_of(1)),
        (2, 2, 3)
    );
    let rows: Vec<String> = batches(&file)
        .expect("read")
        .iter()
        .flat_map(|batch| batch.rows(Texts::All).expect("text"))
        .map(|row| format!("{} {}", row.line, row.fields[1]))
        .collect();
    assert_eq!(rows, ["1 0 0", "2 0 1", "3 2 0", "4 2 1", "5 2 2"]);
    // A row that is short has empty cells.
    let batch = &batches(&file).expect("read")[0];
    assert_eq!(batch.rows(Texts::All).expect("text")[0].fields[3], "");
}

#[test]
fn the_column_of_smiles_is_found_among_those_of_text() {
    let open = |batch: &RecordBatch, wanted: Option<&str>| {
        let options = ReadOptions {
            smiles_column: wanted.map(Into::into),
            ..ReadOptions::default()
        };
        opened(&written(batch, 10), &options)
    };
    let by_name = of_text(&["id", "SMILES"], &[&["a"], &["CCO"]]);
    let file = open(&by_name, None).expect("opened");
    assert_eq!((file.header().smiles, file.header().id), (Some(1), Some(0)));
    assert_eq!(file.notes(), []);
    let by_value = of_text(&["what", "x"], &[&["a name"], &["c1ccccc1O"]]);
    let file = open(&by_value, None).expect("opened");
    assert_eq!(file.header().smiles, Some(1));
    assert_eq!(file.notes().len(), 1);
    assert_eq!(
        open(&by_value, Some("WHAT"))
            .expect("opened")
            .header()
            .smiles,
        Some(0)
    );

    let message = |batch: &RecordBatch, wanted| {
        let opened = open(batch, wanted);
        opened.map(|_| ()).expect_err("refused").to_string()
    };
    assert_eq!(
        message(&by_name, Some("x")),
        "no column `x`; the table has `id`, `SMILES`"
    );
    let neither = of_text(&["what", "x"], &[&["a name"], &["an other"]]);
    assert_eq!(
        message(&neither, None),
        "no column looks like SMILES; name one of `what`, `x`"
    );
    let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
    let numbers = RecordBatch::try_from_iter([("smiles", numbers)]).expect("a batch");
    assert_eq!(
        message(&numbers, None),
        "no column of the Parquet file is text, as SMILES are; it has `smiles: UInt64`"
    );
    assert_eq!(
        message(&numbers, Some("smiles")),
        "the column `smiles` has the type UInt64: SMILES are text"
    );
}

#[test]
fn files_that_are_cut_encrypted_or_damaged_are_errors_and_never_more() {
    let bytes = written(&kinds(), 2);
    let read = |bytes: &[u8]| {
        let file = opened(bytes, &ReadOptions::default())?;
        let rows = batches(&file)?;
        rows.iter()
            .try_for_each(|batch| batch.rows(Texts::All).map(|_| ()))
    };
    read(&bytes).expect("whole");
    for length in (0..bytes.len()).step_by(37).chain([4, 7, bytes.len() - 1]) {
        let error = read(&bytes[..length]).expect_err("cut");
        let known = match length {
            0 => matches!(error, RecordsError::Empty),
            1..4 => matches!(error, RecordsError::Parquet(ParquetError::NotParquet)),
            _ => matches!(error, RecordsError::Parquet(ParquetError::Damaged { .. })),
        };
        assert!(known, "{length}: {error}");
    }
    let mut locked = bytes.clone();
    let end = locked.len() - 4;
    locked[end..].copy_from_slice(b"PARE");
    let error = read(&locked).expect_err("encrypted");
    assert!(
        matches!(error, RecordsError::Parquet(ParquetError::Encrypted)),
        "{error}"
    );
    // Any byte may be any other: that is an error, or another file, and no panic.
    let mut seed = 7u64;
    for _ in 0..3000 {
        let mut damaged = bytes.clone();
        for _ in 0..2 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = (seed >> 33) as usize % damaged.len();
            damaged[place] = (seed >> 20) as u8;
        }
        if let Err(error) = read(&damaged) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn a_shard_has_its_row_groups_and_each_lies_in_one() {
    let numbers: Vec<String> = (0..7).map(|number| "C".repeat(number + 1)).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let bytes = written(&of_text(&["smiles"], &[&numbers]), 1);
    let file = opened(&bytes, &ReadOptions::default()).expect("opened");
    for parts in 1..10 {
        let shards: Vec<usize> = (1..=parts)
            .flat_map(|part| file.shard(part, parts))
            .collect();
        assert_eq!(shards, (0..7).collect::<Vec<_>>());
    }
    let fingerprint = file.fingerprint().expect("read");
    assert!(fingerprint.contains(" 7 rows, "), "{fingerprint}");
}

#[test]
fn what_is_beyond_the_calendar_is_the_number_that_the_file_has() {
    let end = 1 << 53;
    let moments = TimestampMillisecondArray::from(vec![end, 0]);
    let list = ListArray::from_iter_primitive::<TimestampMillisecondType, _, _>([
        Some(vec![Some(end), None]),
        None,
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("smiles", Arc::new(StringArray::from(vec!["CCO", "CCN"]))),
        ("moment", Arc::new(moments)),
        ("day", Arc::new(Date32Array::from(vec![i32::MAX, 0]))),
        ("time", Arc::new(Time32SecondArray::from(vec![90_000, 60]))),
        (
            "span",
            Arc::new(DurationSecondArray::from(vec![1 << 60, 1])),
        ),
        ("list", Arc::new(list)),
        ("word", Arc::new(StringArray::from(vec!["<invalid>", ""]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let file = opened(&written(&batch, 10), &ReadOptions::default()).expect("opened");
    let mut rows = Vec::new();
    for batch in batches(&file).expect("read") {
        rows.extend(batch.rows(Texts::All).expect("text"));
    }
    let numbers = [end.to_string(), i32::MAX.to_string(), "90000".to_owned()];
    assert_eq!(rows[0].fields[1..4], numbers);
    // Durations come back as the whole numbers that Parquet has for them.
    assert!(
        rows[0].fields[4].starts_with("1152921504606846976"),
        "{:?}",
        rows[0].fields
    );
    assert_eq!(
        rows[0].fields[5..],
        [format!("[{end}, null]"), "<invalid>".to_owned()]
    );
    assert_eq!(
        rows[1].fields[1..4],
        ["1970-01-01T00:00:00", "1970-01-01", "00:01:00"]
    );
}

#[test]
fn a_cell_without_a_text_is_an_error_of_its_row() {
    let mut maps = MapBuilder::new(
        None,
        StringBuilder::new(),
        TimestampMillisecondBuilder::new(),
    );
    for moment in [1 << 53, 0] {
        maps.keys().append_value("until");
        maps.values().append_value(moment);
        maps.append(true).expect("as many keys as values");
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("smiles", Arc::new(StringArray::from(vec!["CCO", "CCN"]))),
        ("moments", Arc::new(maps.finish())),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let file = opened(&written(&batch, 10), &ReadOptions::default()).expect("opened");
    let batches = batches(&file).expect("read");
    let rows = batches[0].rows(Texts::All).expect("text");
    let error = rows[0].molecule.as_ref().expect_err("no text");
    assert_eq!(error.reason, "unreadable_cell");
    assert!(error.message.contains("`moments`"), "{}", error.message);
    assert!(rows[1].molecule.is_ok(), "the others go on");
    assert_eq!(rows[1].fields[1], "{until: 1970-01-01T00:00:00}");
}

#[test]
fn moments_keep_their_instant_whatever_their_zone() {
    // The beginnings of 1970, when Liberia's clocks went 44 minutes and 30 seconds behind, and
    // of 2020.
    let values = [0, 1_577_836_800_000];
    let of_zone = |zone: &str| -> ArrayRef {
        Arc::new(TimestampMillisecondArray::from(values.to_vec()).with_timezone(zone))
    };
    let list = |zone: &str| -> ArrayRef {
        let mut lists = ListBuilder::new(TimestampMillisecondBuilder::new().with_timezone(zone));
        lists.append_value([Some(values[0]), None]);
        lists.append_value([Some(values[1])]);
        Arc::new(lists.finish())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("smiles", Arc::new(StringArray::from(vec!["CCO", "CCN"]))),
        ("old", of_zone("Africa/Monrovia")),
        ("utc", of_zone("UTC")),
        ("fixed", of_zone("+05:30")),
        ("unknown", of_zone("Mars/Olympus")),
        ("list", list("Africa/Monrovia")),
        ("unknown list", list("Mars/Phobos")),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let file = opened(&written(&batch, 10), &ReadOptions::default()).expect("opened");
    let rows = batches(&file).expect("read")[0].rows(Texts::All);
    let rows = rows.expect("text");
    assert_eq!(
        rows[0].fields[1..],
        [
            "1969-12-31T23:15:30-00:44:30",
            "1970-01-01T00:00:00Z",
            "1970-01-01T05:30:00+05:30",
            "1970-01-01T00:00:00Z",
            "[1969-12-31T23:15:30-00:44:30, null]",
            "[1970-01-01T00:00:00Z, null]",
        ]
    );
    assert_eq!(
        rows[1].fields[1..],
        [
            "2020-01-01T00:00:00Z",
            "2020-01-01T00:00:00Z",
            "2020-01-01T05:30:00+05:30",
            "2020-01-01T00:00:00Z",
            "[2020-01-01T00:00:00Z]",
            "[2020-01-01T00:00:00Z]",
        ]
    );
    let notes: Vec<String> = file.notes().iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    for (note, name, zone) in [
        (&notes[0], "`unknown`", "`Mars/Olympus`"),
        (&notes[1], "`unknown list`", "`Mars/Phobos`"),
    ] {
        assert!(note.contains(name) && note.contains(zone), "{note}");
        assert!(note.contains("in UTC"), "{note}");
    }
    // As columns they stay what they are.
    assert_eq!(
        file.schema().field(4).data_type().to_string(),
        "Timestamp(ms, \"Mars/Olympus\")"
    );
}
