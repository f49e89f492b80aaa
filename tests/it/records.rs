//! What a user's file becomes, and what comes back.

use std::io::{self, Read, Write};
use std::sync::Arc;

use delicate::chemistry::Keep;
use delicate::model::{Endpoint, EndpointTask};
use delicate::predict::{Neighbour, Prediction};
use delicate::records::{
    ColumnChoice, Columns, Format, Frame, Header, MAX_RECORD_BYTES, Note, Output, OutputFormat,
    ReadOptions, Reader, RecordsError, Row, RowError, Structure, Writer,
};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};

const ETHANOL_SDF: &str = "\
ethanol
  hand

  3  2  0  0  0  0            999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.0000    0.0000    0.0000 C   0  0
    2.0000    0.0000    0.0000 O   0  0
  1  2  1  0
  2  3  1  0
M  END
>  <logP> (1)
-0.31

> <IC50>
>50
in two lines

$$$$
";

fn open<'a>(
    bytes: &'a [u8],
    name: &str,
    options: &ReadOptions,
) -> Result<Reader<&'a [u8]>, RecordsError> {
    Reader::open(bytes, name, options)
}

fn read_with(bytes: &[u8], name: &str, options: &ReadOptions) -> (Header, Vec<Row>) {
    let mut reader = open(bytes, name, options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let records = reader
        .by_ref()
        .collect::<Result<Vec<_>, _>>()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    (reader.header().clone(), records)
}

fn read(text: impl AsRef<[u8]>, name: &str) -> (Header, Vec<Row>) {
    read_with(text.as_ref(), name, &ReadOptions::default())
}

fn open_error(bytes: &[u8], name: &str, options: &ReadOptions) -> RecordsError {
    match open(bytes, name, options) {
        Ok(reader) => panic!("opened with columns {:?}", reader.header().columns),
        Err(error) => error,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn smiles(records: &[Row]) -> Vec<&str> {
    records
        .iter()
        .map(|record| match &record.molecule {
            Ok(Structure::Smiles(smiles)) => smiles.as_str(),
            Ok(Structure::MolBlock(_)) => "(mol block)",
            Err(_) => "(none)",
        })
        .collect()
}

fn reasons(records: &[Row]) -> Vec<Option<&str>> {
    records
        .iter()
        .map(|record| record.molecule.as_ref().err().map(|e| e.reason.as_str()))
        .collect()
}

fn smiles_column(name: &str) -> ReadOptions {
    ReadOptions {
        smiles_column: Some(name.into()),
        ..ReadOptions::default()
    }
}

// Formats and their detection.

#[test]
fn the_name_decides_the_format_and_txt_leaves_it_to_the_content() {
    for (name, format) in [
        ("a.smi", Some(Format::Smi)),
        ("A.SMILES.gz", Some(Format::Smi)),
        ("a.ism", Some(Format::Smi)),
        ("a.csv.GZ", Some(Format::Csv)),
        ("dir.sdf/a.tsv", Some(Format::Csv)),
        ("a.sd", Some(Format::Sdf)),
        ("a.mol", Some(Format::Sdf)),
        ("a.txt", None),
        ("-", None),
        ("", None),
    ] {
        assert_eq!(Format::from_name(name), format, "{name}");
    }
}

#[test]
fn content_decides_where_the_name_does_not() {
    for (text, format) in [
        ("CCO", Format::Smi),
        ("CCO acetic acid, ethyl ester", Format::Smi),
        ("CCO\tethanol\nCC\tethane", Format::Smi),
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3", Format::Smi),
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3\tethanol", Format::Smi),
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3\tCCO", Format::Csv),
        ("InChI=1S/CH4/h1H4;C;methane", Format::Csv),
        ("smiles\tname\nCCO\tethanol", Format::Csv),
        ("CCO\t\"wet\nethanol\"\nCC\tethane", Format::Csv),
        ("smiles name\nCCO ethanol", Format::Smi),
        ("# list\n\nCCO ethanol", Format::Smi),
        ("smiles,name\nCCO,ethanol", Format::Csv),
        ("compound name,smiles\nethanol,CCO", Format::Csv),
        ("id\tsmiles\n1\tCCO", Format::Csv),
        ("CCO\tethanol\t1.5", Format::Csv),
        ("CCO;ethanol", Format::Csv),
        (ETHANOL_SDF, Format::Sdf),
    ] {
        for name in ["-", "paste.txt"] {
            let reader = open(text.as_bytes(), name, &ReadOptions::default());
            let found = reader.map(|reader| reader.format());
            assert_eq!(found.expect(text), format, "{text}");
        }
    }
}

#[test]
fn a_table_of_two_columns_by_tabs_is_one_without_a_telling_name_too() {
    let text =
        "smiles\tnote\nCCO\t\"solvent:\nCO\nyield 5\"\n#CC\tx\nCCN\t\"say \"\"hi\"\"\"\nC\ta\tb\n";
    for name in ["a.tsv", "a.txt", "-"] {
        let (header, records) = read(text, name);
        assert_eq!(header.columns, ["smiles", "note"]);
        let found: Vec<_> = records.iter().map(|it| it.fields[0].as_str()).collect();
        assert_eq!(found, ["CCO", "#CC", "CCN", "C"], "{name}");
        assert_eq!(records[0].fields[1], "solvent:\nCO\nyield 5");
        assert_eq!(records[2].fields[1], "say \"hi\"");
        assert!(records[3].molecule.is_err(), "three cells for two columns");
    }
}

#[test]
fn text_of_another_kind_is_no_table_of_molecules() {
    let array = r#"[{"smiles":"CCO"},{"smiles":"CCN"}]"#;
    let html = "<table><tr><td>smiles</td></tr><tr><td>CCO</td></tr></table>";
    for (text, word) in [
        (r#"{"smiles":"CCO"}"#, "JSON"),
        ("{\n  \"smiles\": [\"CCO\"]\n}\n", "JSON"),
        (array, "JSON"),
        ("[\n  [\"CCO\"]\n]", "JSON"),
        (html, "HTML"),
        ("<?xml version=\"1.0\"?><a>smiles</a>", "XML"),
        ("\n<!DOCTYPE html>\n<p>smiles", "HTML"),
        ("@<TRIPOS>MOLECULE\nsmiles\n", "MOL2"),
    ] {
        for name in ["a.json", "a.csv", "a.smi", "a.txt", "-"] {
            let error = open_error(text.as_bytes(), name, &ReadOptions::default());
            assert!(matches!(error, RecordsError::NoTable { .. }), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
    // Atoms in brackets, and the title of a mol block, are none of these.
    let (_, records) = read("[Na+].[Cl-]\n[ C]\n", "-");
    assert_eq!(records.len(), 2);
    for title in ["<p>", "{\"a\":1}"] {
        let sdf = ETHANOL_SDF.replacen("ethanol", title, 1);
        for name in ["a.sdf", "-"] {
            assert_eq!(read(&sdf, name).1[0].fields[0], title);
        }
    }
}

#[test]
fn a_smi_file_is_read_as_a_table_only_where_its_first_entry_is_one() {
    let format = |text: &str| {
        let reader = open(text.as_bytes(), "a.smi", &ReadOptions::default());
        reader.map(|reader| reader.format()).expect("opens")
    };
    assert_eq!(format("CCO,ethanol\n"), Format::Csv);
    assert_eq!(format("smiles\tid\tx\nCCO\t1\t2\n"), Format::Csv);
    assert_eq!(format("[C,N]CC pattern\nCCO ethanol\n"), Format::Smi);
    assert_eq!(format("CCO\t1\t2\n"), Format::Smi);
}

#[test]
fn every_format_reads_the_same_plain_and_gzipped_whatever_the_name_says() {
    for (text, name) in [
        ("CCO ethanol\nCC ethane\n", "a.smi"),
        ("id,smiles\n1,CCO\n2,CC\n", "a.csv"),
        ("id\tsmiles\n1\tCCO\n2\tCC\n", "a.tsv"),
        (ETHANOL_SDF, "a.sdf"),
    ] {
        let plain = read(text, name);
        assert!(!plain.1.is_empty(), "{name}");
        let packed = gzip(text.as_bytes());
        assert_eq!(read(&packed, name), plain, "{name}, gzip without .gz");
        assert_eq!(read(&packed, &format!("{name}.gz")), plain, "{name}.gz");
        assert_eq!(read(text, &format!("{name}.gz")), plain, "{name}.gz, plain");
    }
}

#[test]
fn all_members_of_a_gzip_file_are_read() {
    let mut bytes = gzip(b"CCO first\n");
    bytes.extend(gzip(b"CC second\n"));
    assert_eq!(smiles(&read(&bytes, "a.smi.gz").1), ["CCO", "CC"]);
}

#[test]
fn crlf_and_lone_cr_and_a_byte_order_mark_change_nothing() {
    for (text, name) in [
        ("CCO ethanol\n\nCC ethane\n", "a.smi"),
        ("smiles,name\nCCO,ethanol\n\nCC,ethane\n", "a.csv"),
        (ETHANOL_SDF, "a.sdf"),
    ] {
        let plain = read(text, name);
        assert_eq!(read(text.replace('\n', "\r\n"), name), plain, "{name} CRLF");
        assert_eq!(read(text.replace('\n', "\r"), name), plain, "{name} CR");
        assert_eq!(read(format!("\u{feff}{text}"), name), plain, "{name} BOM");
        assert_eq!(read(text.trim_end(), name), plain, "{name} no last newline");
    }
}

#[test]
fn a_line_end_split_over_two_reads_is_still_one() {
    struct ByteByByte<'a>(&'a [u8]);
    impl Read for ByteByByte<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(1);
            self.0.read(&mut buffer[..count])
        }
    }
    let text = "smiles,name\r\nCCO,\"two\r\nlines\"\r\n".to_owned() + &"C,x\r\n".repeat(30_000);
    let reader = Reader::open(
        ByteByByte(text.as_bytes()),
        "a.csv",
        &ReadOptions::default(),
    )
    .map(|reader| reader.collect::<Result<Vec<_>, _>>());
    let records = reader.expect("opens").expect("reads");
    assert_eq!(records, read(&text, "a.csv").1);
    assert_eq!(records.len(), 30_001);
    assert_eq!(records[30_000].line, 30_003);
}

#[test]
fn bytes_that_are_not_utf8_are_read_as_windows_1252() {
    let (_, records) = read(b"smiles,unit,note\nCCO,\xb5M,\x93na\xefve\x94\n", "a.csv");
    assert_eq!(records[0].fields, ["CCO", "µM", "“naïve”"]);
    assert_eq!(read(b"CCO caf\xe9\n", "a.smi").1[0].fields, ["CCO", "café"]);
}

// .smi

#[test]
fn a_smi_line_is_a_smiles_and_a_name_that_may_have_blanks() {
    let (header, records) = read("CCO ethyl alcohol\n  CC\tethane \nC\n\tnobody\n", "a.smi");
    assert_eq!(header.columns, ["smiles", "name"]);
    assert_eq!((header.smiles, header.id), (Some(0), Some(1)));
    let fields = records.iter().map(|record| &record.fields[..]);
    assert_eq!(
        fields.collect::<Vec<_>>(),
        [
            ["CCO", "ethyl alcohol"],
            ["CC", "ethane"],
            ["C", ""],
            ["", "nobody"]
        ]
    );
    assert_eq!(smiles(&records), ["CCO", "CC", "C", "(none)"]);
    assert_eq!(
        reasons(&records),
        [None, None, None, Some("missing_structure")]
    );
}

#[test]
fn comments_and_blank_lines_are_skipped_and_line_numbers_still_count_them() {
    let (_, records) = read("# a list\n\nCCO\n  \n# more\nCC\n", "a.smi");
    let lines = records.iter().map(|record| record.line).collect::<Vec<_>>();
    assert_eq!(lines, [3, 6]);
    assert_eq!(smiles(&records), ["CCO", "CC"]);
    let said = |text: &str| {
        let mut reader = open(text.as_bytes(), "a.smi", &ReadOptions::default()).expect("opens");
        reader.by_ref().for_each(drop);
        reader.notes()
    };
    let text = "# a list\n\nCCO\n  \n#CCN x\nCC\n";
    assert_eq!(said(text), [Note::CommentLines { lines: 2 }]);
    assert_eq!(said("#CCO\n#CC\n"), [Note::CommentLines { lines: 2 }]);
    // This one names the columns.
    assert_eq!(said("#SMILES ID\nCCO a\n"), []);
}

#[test]
fn a_list_without_names_has_no_name_column_and_a_late_name_is_not_cut_off() {
    let text = "CCO\n".repeat(20_000) + "CC late name\n";
    let (header, records) = read(text, "a.smi");
    assert_eq!((header.columns, header.id), (vec!["smiles".into()], None));
    let last = &records[20_000];
    assert_eq!(last.molecule, Ok(Structure::Smiles("CC".into())));
    assert_eq!(last.fields, ["CC late name"]);
}

#[test]
fn a_header_line_names_the_columns_of_a_smi_file() {
    for (text, columns) in [
        ("smiles name\nCCO 1\n", ["smiles", "name"]),
        ("SMILES\tCompound ID\nCCO\t1\n", ["SMILES", "Compound ID"]),
        ("SMILES,ID\nCCO,1\n", ["SMILES", "ID"]),
        ("Smiles\nCCO 1\n", ["Smiles", "name"]),
    ] {
        let (header, records) = read(text, "a.smi");
        assert_eq!(header.columns, columns);
        assert_eq!(header.id, Some(1));
        assert_eq!(records.len(), 1, "{text}");
        assert_eq!(records[0].fields, ["CCO", "1"], "{text}");
        assert_eq!(records[0].line, 2);
    }
}

#[test]
fn a_cxsmiles_extension_is_neither_name_nor_smiles_but_stays_in_the_text() {
    let (_, records) = read("CC* |$;;R1$| ring part\nCCO |w:1.0|\n", "a.smi");
    assert_eq!(smiles(&records), ["CC* |$;;R1$|", "CCO |w:1.0|"]);
    assert_eq!(records[0].fields, ["CC* |$;;R1$|", "ring part"]);
    assert_eq!(records[1].fields, ["CCO |w:1.0|", ""]);

    let (_, records) = read("id,smiles\n1,CC* |$;;R1$|\n", "a.csv");
    assert_eq!(smiles(&records), ["CC* |$;;R1$|"]);
    assert_eq!(records[0].fields[1], "CC* |$;;R1$|");
}

#[test]
fn columns_of_a_smi_file_can_be_swapped_by_name() {
    let (_, records) = read_with(b"1 CCO\n2 CC\n", "a.smi", &smiles_column("name"));
    assert_eq!(smiles(&records), ["CCO", "CC"]);
}

// .csv and .tsv

#[test]
fn commas_tabs_and_semicolons_are_told_apart() {
    for (text, name) in [
        ("id,smiles,x\na,CCO,1.5\n", "a.csv"),
        ("id\tsmiles\tx\na\tCCO\t1.5\n", "a.csv"),
        ("id\tsmiles\tx\na\tCCO\t1.5\n", "a.tsv"),
        ("id;smiles;x\na;CCO;1.5\n", "a.csv"),
        ("id;smiles;x\na;CCO;1.5\n", "a.txt"),
    ] {
        let (header, records) = read(text, name);
        assert_eq!(header.columns, ["id", "smiles", "x"], "{text}");
        assert_eq!((header.smiles, header.id), (Some(1), Some(0)));
        assert_eq!(records[0].fields, ["a", "CCO", "1.5"], "{text}");
    }
}

#[test]
fn a_decimal_comma_does_not_make_a_semicolon_file_comma_separated() {
    let (_, records) = read("smiles;logP\nCCO;-0,3\nCC;1,2\n", "a.csv");
    assert_eq!(records[1].fields, ["CC", "1,2"]);
    let (_, records) = read("CCO;1,5\nCCC;2,3\n", "a.csv");
    assert_eq!(records[1].fields, ["CCC", "2,3"]);
}

#[test]
fn quoted_cells_hold_delimiters_quotes_and_line_ends() {
    let (_, records) = read(
        "name,smiles\n\"a, \"\"b\"\"\r\nc\",CCO\n5\" pipe,CC\n\"x\"y,C\n",
        "a.csv",
    );
    let names = records.iter().map(|record| record.fields[0].as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["a, \"b\"\r\nc", "5\" pipe", "xy"]
    );
    let lines = records.iter().map(|record| record.line);
    assert_eq!(lines.collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!(smiles(&records), ["CCO", "CC", "C"]);
}

#[test]
fn an_unclosed_quote_costs_its_own_row_only() {
    let (_, records) = read("smiles,name\nCCO,\"oops\nCC,b\nC,c\n", "a.csv");
    assert_eq!(reasons(&records), [Some("unclosed_quote"), None, None]);
    assert_eq!(records[0].fields, ["CCO", "oops"]);
    assert_eq!(records[2].fields, ["C", "c"]);
    assert_eq!(records[2].line, 4);

    // Far from the end of the file as well.
    let text = "smiles,name\nCCO,\"oops\n".to_owned() + &"CC,b\n".repeat(300_000);
    let (_, records) = read(text, "a.csv");
    assert_eq!(records.len(), 300_001);
    assert_eq!(records.iter().filter(|r| r.molecule.is_err()).count(), 1);
}

/// The quote of a later row must not close that of an earlier one: its molecules
/// would be lost, and its values be those of another.
#[test]
fn an_unclosed_quote_does_not_swallow_rows_up_to_the_next_quoted_one() {
    let text = "smiles,name,y\nOCCO,\"a,2.5\nOCCCO,b,3.5\nOCCCCO,\"c\",4.5\n";
    let (_, records) = read(text, "a.csv");
    assert_eq!(reasons(&records), [Some("unclosed_quote"), None, None]);
    assert_eq!(smiles(&records), ["(none)", "OCCCO", "OCCCCO"]);
    assert_eq!(records[2].fields, ["OCCCCO", "c", "4.5"]);
    // A cell that holds a line end is one row as before.
    let (_, records) = read("smiles,name\nCCO,\"a\nb\"\nCC,c\n", "a.csv");
    assert_eq!(records[0].fields, ["CCO", "a\nb"]);
    assert_eq!(reasons(&records), [None, None]);
}

#[test]
fn many_unclosed_quotes_do_not_make_reading_quadratic() {
    let text = "smiles,name,note\n".to_owned() + &"CC,x\",\"\n".repeat(200_000);
    let (_, records) = read(text, "a.csv");
    assert_eq!(records.len(), 200_000);
    assert!(records.iter().all(|record| record.molecule.is_err()));
}

#[test]
fn a_ragged_row_is_its_own_problem_and_the_rest_goes_on() {
    let (_, records) = read(
        "id,smiles,x\n1,CCO,2\n2\n3,CC\n4,C,5,6\n5,CCC,7,,\n6,,8\n",
        "a.csv",
    );
    assert_eq!(
        reasons(&records),
        [
            None,
            Some("ragged_row"),
            Some("ragged_row"),
            Some("ragged_row"),
            None,
            Some("missing_structure")
        ]
    );
    assert!(records.iter().all(|record| record.fields.len() == 3));
    let error = records[1].molecule.as_ref().expect_err("a short row");
    assert_eq!(error.message, "the row has 1 field, the header has 3");
    assert_eq!(
        smiles(&records),
        ["CCO", "(none)", "(none)", "(none)", "CCC", "(none)"]
    );
}

#[test]
fn a_decimal_comma_that_parts_a_number_is_suspected() {
    let (_, rows) = read("smiles,logS\nCCO,-0,77\nCCN,1\nCCC,a,b\n", "a.csv");
    let said = |row: usize| rows[row].molecule.as_ref().expect_err("ragged").to_string();
    assert!(said(0).contains("3 fields, the header has 2: a number with a decimal comma"));
    assert!(rows[1].molecule.is_ok());
    assert!(
        said(2).ends_with("3 fields, the header has 2"),
        "{}",
        said(2)
    );
}

#[test]
fn blank_lines_are_not_rows() {
    let (_, records) = read("id,smiles\n\n1,CCO\n   \n2,CC\n\n\n", "a.csv");
    assert_eq!(smiles(&records), ["CCO", "CC"]);
    assert_eq!(records[1].line, 5);
}

#[test]
fn the_smiles_column_is_found_by_name_before_content() {
    for (text, column) in [
        ("smiles\nCCO\n", 0),
        ("product,Canonical_SMILES\nCCCC,CCO\n", 1),
        ("canonical smiles,SMILES\nCC,CCO\n", 1),
        ("id,Structure\n1,CCO\n", 1),
        ("id,Ligand SMILES (std)\n1,CCO\n", 1),
    ] {
        assert_eq!(read(text, "a.csv").0.smiles, Some(column), "{text}");
    }
}

#[test]
fn the_smiles_column_is_found_by_content_where_no_name_tells() {
    let text = "N,Drug,CNS,Y\nN,CC(=O)Oc1ccccc1C(=O)O,1,0.5\nN,[Na+].[Cl-],0,\nN,,1,2\n";
    let (header, records) = read(text, "a.csv");
    assert_eq!(header.columns[1], "Drug");
    assert_eq!(header.smiles, Some(1));
    assert_eq!(records.len(), 3);
}

#[test]
fn a_csv_without_header_gets_numbered_columns() {
    let (header, records) = read("1,CCO,x\n2,CC,y\n", "a.csv");
    assert_eq!(header.columns, ["column_1", "column_2", "column_3"]);
    assert_eq!(header.smiles, Some(1));
    assert_eq!(smiles(&records), ["CCO", "CC"]);
    let (header, records) = read_with(
        b"CCO,CCN,x\nCC,CCO,y\n",
        "a.csv",
        &smiles_column("column_2"),
    );
    assert_eq!(header.smiles, Some(1));
    assert_eq!(smiles(&records), ["CCN", "CCO"]);
}

#[test]
fn asked_for_columns_match_exactly_then_ignoring_case() {
    let text = b"SMI,smi,Ref\nCC,CCO,a\n";
    for (wanted, column) in [("smi", 1), ("SMI", 0), (" ref ", 2)] {
        let (header, _) = read_with(text, "a.csv", &smiles_column(wanted));
        assert_eq!(header.smiles, Some(column), "{wanted}");
    }
    let options = ReadOptions {
        id_column: Some("REF".into()),
        ..ReadOptions::default()
    };
    assert_eq!(read_with(text, "a.csv", &options).0.id, Some(2));
}

#[test]
fn a_name_of_several_columns_is_answered_with_their_places() {
    let table = &b"SMI,smi,x,x\nCC,CCO,CCC,CCN\n"[..];
    let sdf = ETHANOL_SDF.replace("M  END\n", "M  END\n> <name>\nEtOH\n\n");
    for (text, name, wanted, places) in [
        (table, "a.csv", "x", "`x (column 3)`, `x (column 4)`"),
        (table, "a.csv", "Smi", "`SMI (column 1)`, `smi (column 2)`"),
        (
            sdf.as_bytes(),
            "a.sdf",
            "name",
            "`name (column 1)`, `name (column 2)`",
        ),
    ] {
        for options in [
            smiles_column(wanted),
            ReadOptions {
                id_column: Some(wanted.into()),
                ..ReadOptions::default()
            },
        ] {
            let error = open_error(text, name, &options).to_string();
            let expected = format!("`{wanted}` may be any of {places}: ");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}

#[test]
fn columns_of_one_name_are_told_apart_by_their_places() {
    let at = |smiles, id| ReadOptions {
        smiles_column: Some(ColumnChoice::Place(smiles)),
        id_column: Some(ColumnChoice::Place(id)),
        ..ReadOptions::default()
    };
    let text = &b"id,SMILES,id,SMILES\na,C,b,CCO\n"[..];
    let (header, records) = read_with(text, "a.csv", &at(3, 2));
    assert_eq!((header.smiles, header.id), (Some(3), Some(2)));
    assert_eq!(records[0].molecule, Ok(Structure::Smiles("CCO".into())));
    let list = &b"CCO ethanol\nC methane\n"[..];
    let (header, records) = read_with(list, "a.smi", &at(0, 1));
    assert_eq!(
        (header.smiles, header.id, records.len()),
        (Some(0), Some(1), 2)
    );
    // Without a header there are as many rows as without a choice.
    let (header, records) = read_with(b"1,CCO\n2,CCC\n", "a.csv", &at(1, 0));
    assert_eq!(
        (header.columns, records.len()),
        (vec!["column_1".into(), "column_2".into()], 2)
    );
    let titled = ETHANOL_SDF.replace("M  END\n", "M  END\n> <name>\n2\n\n");
    let (header, _) = read_with(
        titled.as_bytes(),
        "a.sdf",
        &ReadOptions {
            id_column: Some(ColumnChoice::Place(1)),
            ..ReadOptions::default()
        },
    );
    assert_eq!(
        (header.columns[1].as_str(), header.id, header.smiles),
        ("name", Some(1), None)
    );
    for (text, name) in [
        (text, "a.csv"),
        (list, "a.smi"),
        (ETHANOL_SDF.as_bytes(), "a.sdf"),
    ] {
        let error = open_error(text, name, &at(9, 0)).to_string();
        assert!(error.starts_with("no column 10; the table has "), "{error}");
    }
}

#[test]
fn a_wrong_column_name_is_answered_with_the_names_there_are() {
    for (text, name) in [("id,x\n1,CCO\n", "a.csv"), (ETHANOL_SDF, "a.sdf")] {
        let error = open_error(text.as_bytes(), name, &smiles_column("SMILLES"));
        let RecordsError::UnknownColumn { wanted, columns } = &error else {
            panic!("{error}");
        };
        assert_eq!(wanted, "SMILLES");
        assert!(error.to_string().contains(&format!("`{}`", columns[1])));
    }
    let error = open_error(b"id,x\n1,2\n", "a.csv", &ReadOptions::default());
    assert_eq!(
        error.to_string(),
        "no column looks like SMILES; name one of `id`, `x`"
    );
    let wide = (0..3000).map(|n| format!("col{n}")).collect::<Vec<_>>();
    let error = open_error(wide.join(",").as_bytes(), "a.csv", &smiles_column("x"));
    assert!(error.to_string().ends_with("`col19` and 2980 more"));
}

#[test]
fn a_very_wide_table_is_still_recognised() {
    let names = (0..20_000).map(|n| format!("bit_{n}")).collect::<Vec<_>>();
    let text = format!("Drug,{}\nCCO{}\n", names.join(","), ",0".repeat(20_000));
    let (header, records) = read(text, "a.csv");
    assert_eq!((header.smiles, header.columns.len()), (Some(0), 20_001));
    assert_eq!(reasons(&records), [None]);
}

#[test]
fn duplicate_and_empty_column_names_survive() {
    let (header, records) = read(",smiles,x,x\n0,CCO,1,2\n", "a.csv");
    assert_eq!(header.columns, ["", "smiles", "x", "x"]);
    assert_eq!(records[0].fields, ["0", "CCO", "1", "2"]);
}

#[test]
fn ten_thousand_rows_keep_their_order() {
    let rows = (0..10_000).map(|n| format!("CCO,row {n}\n"));
    let text = "smiles,name\n".to_owned() + &rows.collect::<String>();
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let (_, records) = read(&bytes, "a.csv");
        assert_eq!(records.len(), 10_000);
        for (number, record) in records.iter().enumerate() {
            assert_eq!(record.fields[1], format!("row {number}"));
            assert_eq!(record.line, number as u64 + 2);
        }
    }
}

// .sdf

#[test]
fn an_sdf_gives_mol_blocks_and_the_union_of_its_data_items() {
    let second = "methane\n\n\n  1  0\nM  END\n> <source>\nlab\n\n>  <logP>\n1.1\n\n$$$$\n\n";
    let (header, records) = read(format!("{ETHANOL_SDF}{second}"), "a.sdf");
    assert_eq!(header.columns, ["name", "logP", "IC50", "source"]);
    assert_eq!((header.smiles, header.id), (None, Some(0)));
    assert_eq!(
        records[0].fields,
        ["ethanol", "-0.31", ">50\nin two lines", ""]
    );
    assert_eq!(records[1].fields, ["methane", "1.1", "", "lab"]);
    let block = "methane\n\n\n  1  0\nM  END\n";
    assert_eq!(records[1].molecule, Ok(Structure::MolBlock(block.into())));
    assert_eq!((records[0].line, records[1].line), (1, 19));
    assert_eq!(records.len(), 2);
}

#[test]
fn a_mol_file_is_an_sdf_of_one_record() {
    let end = ETHANOL_SDF.find(">  <logP>").expect("it is there");
    let (header, records) = read(&ETHANOL_SDF[..end], "a.mol");
    assert_eq!(header.columns, ["name"]);
    assert_eq!(
        records[0].molecule,
        Ok(Structure::MolBlock(ETHANOL_SDF[..end].to_owned()))
    );
}

#[test]
fn a_truncated_sdf_record_is_that_records_problem() {
    for (text, found) in [
        // Cut within the atom block of the last record.
        (
            format!("{ETHANOL_SDF}{}", &ETHANOL_SDF[..120]),
            [None, Some("truncated_record")],
        ),
        // `M  END` missing in the first.
        (
            format!("{}{ETHANOL_SDF}", ETHANOL_SDF.replace("M  END\n", "")),
            [Some("truncated_record"), None],
        ),
    ] {
        let (_, records) = read(text, "a.sdf");
        assert_eq!(reasons(&records), found);
        for record in &records {
            assert_eq!(record.fields[0], "ethanol");
        }
    }
}

#[test]
fn an_sdf_can_be_scored_by_a_column_of_smiles() {
    let text = ETHANOL_SDF.replace("<IC50>", "<SMILES>");
    let text = text.replace(">50\nin two lines", "CCO");
    let (header, records) = read_with(text.as_bytes(), "a.sdf", &smiles_column("smiles"));
    assert_eq!(header.smiles, Some(2));
    assert_eq!(smiles(&records), ["CCO"]);
}

#[test]
fn data_items_called_name_and_repeated_ones_keep_their_text() {
    let text = "t\n\n\n  0\nM  END\n> <name>\na\n\n> <x>\n1\n\n> <x>\n\n2\n\n3\n\n$$$$\n";
    let (header, records) = read(text, "a.sdf");
    assert_eq!(header.columns, ["name", "name", "x"]);
    assert_eq!(records[0].fields, ["t", "a", "1\n\n2\n\n3"]);
}

#[test]
fn a_value_that_looks_like_the_header_of_an_item_stays_a_value() {
    let item = |value: &str| {
        let text = format!("t\n\n\n  0\nM  END\n> <v>\n{value}\n\n> 5 <w> (7)\nx\n\n$$$$\n");
        let (header, records) = read(text, "a.sdf");
        (header.columns, records[0].fields.clone())
    };
    for value in [
        ">10 <20>",
        "> 5 <x> y",
        ">10 (<5>)",
        "<5>",
        ">",
        "a\n>1 <2>\nb",
    ] {
        let (columns, fields) = item(value);
        assert_eq!(columns, ["name", "v", "w"], "{value}");
        assert_eq!(fields, ["t", value, "x"]);
    }
    // Some writers leave an empty value out, with its blank line.
    for header in ["> <u>", "><u>", ">  <u> (3)"] {
        let (columns, fields) = item(&format!("{header}\n1"));
        assert_eq!(columns, ["name", "v", "u", "w"], "{header}");
        assert_eq!(fields, ["t", "", "1", "x"]);
    }
}

// Files that are empty, damaged, hostile or something else.

#[test]
fn an_empty_file_is_an_error_and_a_header_alone_is_a_table_without_rows() {
    for name in ["a.smi", "a.csv", "a.sdf", "-"] {
        for text in ["", " \n\n", "\u{feff}"] {
            for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
                let error = open_error(&bytes, name, &ReadOptions::default());
                assert!(matches!(error, RecordsError::Empty), "{name}: {error}");
            }
        }
    }
    for (text, name) in [("smiles,id\n", "a.csv"), ("smiles id", "a.smi")] {
        let (header, records) = read(text, name);
        assert_eq!(header.columns, ["smiles", "id"]);
        assert!(records.is_empty());
    }
    assert!(read("# nothing yet\n", "a.smi").1.is_empty());
}

#[test]
fn a_truncated_gzip_keeps_the_rows_before_the_cut_and_says_where_it_is() {
    let mut noise = 1_u64;
    let mut tag = move || {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        noise
    };
    let smi = (0..20_000).map(|n| format!("CCO {n} {:x}\n", tag()));
    let smi = smi.collect::<String>();
    let sdf = (0..5_000).map(|n| ETHANOL_SDF.replace("ethanol", &format!("{n} {:x}", n * n)));
    let sdf = sdf.collect::<String>();
    for (text, name) in [
        (
            format!("smiles,name\n{}", smi.replace("CCO ", "CCO,")),
            "a.csv",
        ),
        (smi, "a.smi"),
        (sdf, "a.sdf"),
    ] {
        let whole = read(&text, name).1;
        let packed = gzip(text.as_bytes());
        let mut reader = open(&packed[..packed.len() / 2], name, &ReadOptions::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut kept = Vec::new();
        let error = loop {
            match reader.next() {
                Some(Ok(record)) => kept.push(record),
                Some(Err(error)) => break error,
                None => panic!("{name}: the cut went unnoticed"),
            }
        };
        assert!(kept.len() > 100, "{name}: {}", kept.len());
        assert_eq!(kept[..], whole[..kept.len()], "{name}");
        let RecordsError::Read { records, line, .. } = error else {
            panic!("{name}: {error}");
        };
        assert_eq!(records, kept.len() as u64, "{name}");
        assert_eq!(line, whole[kept.len()].line, "{name}");
        assert!(reader.next().is_none(), "{name}: fused after the error");
    }
}

#[test]
fn a_gzip_file_cut_in_its_first_bytes_is_unreadable_rather_than_empty() {
    let packed = gzip(b"CCO\n");
    let error = open_error(&packed[..6], "a.smi.gz", &ReadOptions::default());
    assert!(matches!(error, RecordsError::Read { records: 0, .. }));
}

#[test]
fn a_gzip_file_with_a_wrong_checksum_is_reported() {
    let mut packed = gzip(b"CCO\nCC\n");
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    let reader = open(&packed, "a.smi.gz", &ReadOptions::default()).expect("opens");
    let last = reader.last().expect("an item");
    assert!(matches!(last, Err(RecordsError::Read { records: 2, .. })));
}

#[test]
fn a_failing_stream_is_an_error_after_the_rows_it_gave() {
    struct Unplugged;
    impl Read for Unplugged {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let source = b"CCO a\nCC b\nCC(C".chain(Unplugged);
    let reader = Reader::open(source, "a.smi", &ReadOptions::default()).expect("opens");
    let results = reader.map(|result| result.map_err(|error| error.to_string()));
    let results = results.collect::<Vec<_>>();
    assert_eq!(results.len(), 3);
    assert_eq!(
        results[2],
        Err("reading stopped after 2 records, at line 3: unplugged".to_owned())
    );
}

#[test]
fn binary_files_are_refused_with_what_they_look_like() {
    let garbage = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    let utf16 = "smiles\nCCO\n".encode_utf16().flat_map(u16::to_le_bytes);
    for (bytes, word) in [
        (garbage.collect::<Vec<_>>(), "binary"),
        (utf16.collect(), "binary"),
        (b"BZh91AY&SY".to_vec(), "bzip2"),
    ] {
        for name in ["a.csv", "a.smi", "a.sdf", "-"] {
            for bytes in [bytes.clone(), gzip(&bytes)] {
                let error = open_error(&bytes, name, &ReadOptions::default());
                assert!(matches!(error, RecordsError::NotText { .. }), "{error}");
                assert!(error.to_string().contains(word), "{error}");
            }
        }
    }
}

#[test]
fn an_archive_within_gzip_is_refused() {
    let packed = gzip(b"PK\x03\x04\x14\0\x06\0");
    let error = open_error(&packed, "a.xlsx.gz", &ReadOptions::default());
    assert!(error.to_string().contains("Excel"), "{error}");
}

#[test]
fn an_endless_line_is_one_bad_row_and_reading_goes_on() {
    let long = "C".repeat(3 * MAX_RECORD_BYTES);
    for (text, name) in [
        (format!("CC\n{long}\r\nCCO\n"), "a.smi"),
        (format!("smiles\nCC\n{long}\r\nCCO\n"), "a.csv"),
        (
            format!("{ETHANOL_SDF}{ETHANOL_SDF}").replacen(">50", &long, 1) + ETHANOL_SDF,
            "a.sdf",
        ),
    ] {
        let (_, records) = read(gzip(text.as_bytes()), name);
        let long = records.iter().position(|record| record.molecule.is_err());
        let long = long.expect("a bad row");
        assert_eq!(reasons(&records)[long], Some("record_too_long"), "{name}");
        assert_eq!(records.iter().filter(|r| r.molecule.is_err()).count(), 1);
        assert!(records.len() > long + 1, "{name}");
    }
    let error = open_error(long.as_bytes(), "a.csv", &ReadOptions::default());
    assert!(matches!(error, RecordsError::HeaderTooLong), "{error}");
}

// Writing.

fn header(columns: &[&str]) -> Header {
    Header {
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        smiles: Some(0),
        id: None,
    }
}

fn endpoint(name: &str) -> Arc<Endpoint> {
    Arc::new(Endpoint {
        name: name.to_owned(),
        unit: "log mol/L".to_owned(),
        ..Endpoint::default()
    })
}

fn endpoints(names: &[&str]) -> Columns {
    Columns::Predictions {
        endpoints: names.iter().map(|name| endpoint(name)).collect(),
        uncertainty: false,
        nearest: false,
        percentiles: false,
        properties: false,
    }
}

/// Predictions of the endpoints of these names.
fn predictions(named: &[(&str, f32)]) -> Vec<Prediction> {
    let of = |&(name, value): &(&str, f32)| Prediction::new(endpoint(name), value);
    named.iter().map(of).collect()
}

/// A row of these fields, of which nothing else matters.
fn row_of(fields: &[impl AsRef<str>]) -> Row {
    Row {
        line: 1,
        fields: fields.iter().map(|f| f.as_ref().to_owned()).collect(),
        molecule: Ok("C".into()),
    }
}

type Outcome<'a> = Result<Output<'a>, &'a RowError>;

fn written(
    format: OutputFormat,
    names: &[&str],
    columns: &Columns,
    rows: &[(&[&str], Outcome<'_>)],
) -> String {
    let mut writer =
        Writer::new(Vec::new(), format, &header(names), columns.clone()).expect("a Vec takes all");
    for (fields, outcome) in rows {
        writer
            .write(&row_of(fields), None, *outcome)
            .expect("a Vec takes all");
    }
    String::from_utf8(writer.finish().expect("a Vec takes all")).expect("text")
}

fn bad_smiles() -> RowError {
    RowError::new("unclosed_ring", "ring 1 is not closed").at(Some(1))
}

#[test]
fn csv_has_the_users_columns_then_the_endpoints_then_the_error() {
    let error = bad_smiles();
    let scores = predictions(&[("ESOL", -0.1), ("logD", 0.5)]);
    let text = written(
        OutputFormat::Csv,
        &["id", "smiles"],
        &endpoints(&["ESOL", "logD"]),
        &[
            (&["=1+1", "C,\"O\""], Ok((&scores).into())),
            (&["b", "C1"], Err(&error)),
        ],
    );
    assert_eq!(
        text,
        "id,smiles,ESOL,logD,standardized,changes,error\n\
         =1+1,\"C,\"\"O\"\"\",-0.1,0.5,,,\n\
         b,C1,,,,,ring 1 is not closed\n"
    );
}

#[test]
fn json_rows_hold_the_users_columns_then_error_then_scores_in_this_order() {
    let error = bad_smiles();
    let scores = predictions(&[("ESOL", 0.1), ("logD", -2.0)]);
    let rows: [(&[&str], Outcome<'_>); 2] = [
        (&["7", "CCO"], Ok((&scores).into())),
        (&["8", "C1"], Err(&error)),
    ];
    let outputs = endpoints(&["ESOL", "logD"]);
    let columns = ["zz", "aa"];
    let jsonl = written(OutputFormat::Jsonl, &columns, &outputs, &rows);
    let lines = jsonl.lines().collect::<Vec<_>>();
    assert_eq!(
        lines[0],
        r#"{"zz":"7","aa":"CCO","error":null,"scores":{"ESOL":{"value":0.1,"unit":"log mol/L"},"logD":{"value":-2.0,"unit":"log mol/L"}},"standardized":null}"#
    );
    assert_eq!(
        lines[1],
        r#"{"zz":"8","aa":"C1","error":{"message":"ring 1 is not closed","reason":"unclosed_ring","position":1},"scores":null,"standardized":null}"#
    );
    let array = written(OutputFormat::Json, &columns, &outputs, &rows);
    let array = serde_json::from_str::<Vec<Value>>(&array).expect("JSON");
    let each = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    assert_eq!(array, each.collect::<Vec<_>>());
}

#[test]
fn the_nearest_molecule_can_be_left_out() {
    let columns = Columns::Predictions {
        endpoints: vec![endpoint("log_s")],
        uncertainty: true,
        nearest: false,
        percentiles: false,
        properties: false,
    };
    let scores = predictions(&[("log_s", 0.5)]);
    let rows: [(&[&str], Outcome<'_>); 1] = [(&["CCO"], Ok((&scores).into()))];
    let text = written(OutputFormat::Csv, &["smiles"], &columns, &rows);
    assert!(
        text.starts_with(
            "smiles,log_s,log_s_low,log_s_high,log_s_domain,standardized,changes,error\n"
        ),
        "{text}"
    );
    let json = written(OutputFormat::Jsonl, &["smiles"], &columns, &rows);
    assert!(
        json.contains("\"domain\"") && !json.contains("nearest"),
        "{json}"
    );
}

#[test]
fn a_class_has_no_columns_of_an_interval() {
    let class = Arc::new(Endpoint {
        name: "ames".to_owned(),
        task: EndpointTask::Classification,
        ..Endpoint::default()
    });
    let columns = Columns::Predictions {
        endpoints: vec![endpoint("log_s"), Arc::clone(&class)],
        uncertainty: true,
        nearest: true,
        percentiles: true,
        properties: false,
    };
    let mut scores = predictions(&[("log_s", 0.5)]);
    scores.push(Prediction::new(class, 0.25));
    let rows: [(&[&str], Outcome<'_>); 1] = [(&["CCO"], Ok((&scores).into()))];
    let text = written(OutputFormat::Csv, &["smiles"], &columns, &rows);
    let named = "log_s,log_s_low,log_s_high,log_s_domain,log_s_similarity,log_s_nearest,\
                 log_s_nearest_measured,log_s_percentile,ames,ames_domain,ames_similarity,\
                 ames_nearest,ames_nearest_measured,ames_percentile,standardized,changes,error";
    assert_eq!(
        text,
        format!("smiles,{named}\nCCO,0.5,,,,,,,,0.25,,,,,,,,\n")
    );
    let mut frame = Frame::new(&Header::default(), columns.clone());
    frame.push(None, Ok(&scores));
    let names: Vec<&str> = frame.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.join(","), named);
    assert!(
        frame
            .columns()
            .iter()
            .all(|column| column.is_valid(0) == ["log_s", "ames"].contains(&column.name.as_str()))
    );
    let text = written(OutputFormat::Jsonl, &["smiles"], &columns, &rows);
    let row: Value = serde_json::from_str(&text).expect("JSON");
    let keys = |endpoint: &str| -> Vec<String> {
        let score = row["scores"][endpoint].as_object().expect("an object");
        score.keys().cloned().collect()
    };
    assert_eq!(
        keys("log_s").join(","),
        "value,unit,low,high,domain,nearest,percentile"
    );
    assert_eq!(
        keys("ames").join(","),
        "value,unit,domain,nearest,percentile"
    );
}

/// 1.1 widened to `f64` would be 1.100000023841858.
#[test]
fn what_was_measured_is_the_same_decimal_in_every_format() {
    let columns = Columns::Predictions {
        endpoints: vec![endpoint("log_s")],
        uncertainty: true,
        nearest: true,
        percentiles: false,
        properties: false,
    };
    let mut scores = predictions(&[("log_s", 0.5)]);
    scores[0].nearest = Some(Arc::new(Neighbour {
        smiles: "CCC".to_owned(),
        similarity: 0.25,
        measured: Some(1.1),
    }));
    let rows: [(&[&str], Outcome<'_>); 1] = [(&["CCO"], Ok((&scores).into()))];
    let text = written(OutputFormat::Csv, &["smiles"], &columns, &rows);
    assert!(text.contains(",0.250,CCC,1.1,"), "{text}");
    let text = written(OutputFormat::Jsonl, &["smiles"], &columns, &rows);
    let nearest = "\"nearest\":{\"smiles\":\"CCC\",\"similarity\":0.25,\"measured\":1.1}";
    assert!(text.contains(nearest), "{text}");
}

#[test]
fn json_without_rows_is_an_empty_array() {
    let text = written(OutputFormat::Json, &["smiles"], &endpoints(&["a"]), &[]);
    assert_eq!(
        serde_json::from_str::<Value>(&text).expect("JSON"),
        json!([])
    );
}

#[test]
fn embeddings_are_columns_in_csv_and_an_array_in_json() {
    let error = bad_smiles();
    let rows: [(&[&str], Outcome<'_>); 2] = [
        (&["CCO"], Ok(Output::Embedding(&[0.25, -3.0]))),
        (&["C1"], Err(&error)),
    ];
    let outputs = Columns::Embedding(2);
    assert_eq!(
        written(OutputFormat::Csv, &["smiles"], &outputs, &rows),
        "smiles,embedding_0,embedding_1,standardized,changes,error\n\
         CCO,0.25,-3.0,,,\nC1,,,,,ring 1 is not closed\n"
    );
    let text = written(OutputFormat::Json, &["smiles"], &outputs, &rows);
    let value = serde_json::from_str::<Value>(&text).expect("JSON");
    assert_eq!(
        value[0],
        json!({
            "smiles": "CCO",
            "error": null,
            "embedding": [0.25, -3.0],
            "standardized": null,
        })
    );
    assert_eq!(value[1]["embedding"], Value::Null);
    assert_eq!(value[1]["error"]["position"], 1);
}

#[test]
fn a_similarity_is_one_column_and_no_error_stands_beside_it() {
    let columns = ["smiles", "error"];
    let rows: [(&[&str], Outcome<'_>); 1] = [(&["CCO", "2 %"], Ok(0.1.into()))];
    let outputs = Columns::Similarity;
    assert_eq!(
        written(OutputFormat::Csv, &columns, &outputs, &rows),
        "smiles,error,similarity,nearest_query,standardized,changes\nCCO,2 %,0.1,,,\n"
    );
    assert_eq!(
        written(OutputFormat::Jsonl, &columns, &outputs, &rows),
        "{\"smiles\":\"CCO\",\"error\":\"2 %\",\"similarity\":0.1,\"nearest_query\":\"\",\
         \"standardized\":null}\n"
    );
    let named = Output::Similarity {
        value: 0.1,
        nearest: "drug 7",
    };
    let rows: [(&[&str], Outcome<'_>); 1] = [(&["CCO", "2 %"], Ok(named))];
    let csv = written(OutputFormat::Csv, &columns, &outputs, &rows);
    assert!(csv.ends_with("CCO,2 %,0.1,drug 7,,\n"), "{csv}");
    let theirs = written(OutputFormat::Csv, &["similarity"], &outputs, &[]);
    assert_eq!(
        theirs,
        "similarity,delicate_similarity,nearest_query,standardized,changes\n"
    );
}

#[test]
fn what_was_done_to_a_molecule_stands_beside_its_result() {
    let salt = Structure::from("CC[NH3+].[Cl-]");
    let done = delicate::predict::standardize(&salt, Keep::default()).expect("it has a form");
    let write = |format| {
        let header = header(&["smiles"]);
        let mut writer = Writer::new(Vec::new(), format, &header, Columns::Standardized)
            .expect("a Vec takes all");
        let fields = ["CC[NH3+].[Cl-]".to_owned()];
        let row = writer.write(&row_of(&fields), Some(&done), Ok(()));
        row.expect("a Vec takes all");
        String::from_utf8(writer.finish().expect("a Vec takes all")).expect("text")
    };
    assert_eq!(
        write(OutputFormat::Csv),
        "smiles,standardized,changes,error\n\
         CC[NH3+].[Cl-],CCN,left out: [Cl-]; charges removed: 1,\n"
    );
    let value = serde_json::from_str::<Value>(&write(OutputFormat::Jsonl)).expect("JSON");
    assert_eq!(
        value["standardized"],
        json!({
            "smiles": "CCN",
            "left_out": ["[Cl-]"],
            "neutralized": 1,
            "isotopes": 0,
            "stereo": false,
            "notes": [],
        })
    );
}

#[test]
fn a_users_column_keeps_its_name_where_ours_collides_with_it() {
    let columns = ["error", "scores", "ESOL", "x", "x", "x_2", "embedding_0"];
    let fields: &[&str] = &["a", "b", "c", "d", "e", "f", "g"];
    let scores = predictions(&[("ESOL", 1.0)]);
    let rows: [(&[&str], Outcome<'_>); 1] = [(fields, Ok((&scores).into()))];
    let outputs = endpoints(&["ESOL"]);
    assert_eq!(
        written(OutputFormat::Csv, &columns, &outputs, &rows),
        "error,scores,ESOL,x,x,x_2,embedding_0,delicate_ESOL,standardized,changes,\
         delicate_error\n\
         a,b,c,d,e,f,g,1.0,,,\n"
    );
    let line = written(OutputFormat::Jsonl, &columns, &outputs, &rows);
    let value = serde_json::from_str::<Value>(&line).expect("JSON");
    let keys = value.as_object().expect("an object").keys();
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [
            "error",
            "scores",
            "ESOL",
            "x",
            "x_3",
            "x_2",
            "embedding_0",
            "delicate_error",
            "delicate_scores",
            "standardized"
        ]
    );
    assert_eq!(value["error"], "a");
    assert_eq!(value["delicate_error"], Value::Null);
    assert_eq!(value["delicate_scores"]["ESOL"]["value"], 1.0);
    assert_eq!((&value["x"], &value["x_3"]), (&json!("d"), &json!("e")));

    let embedded = written(OutputFormat::Csv, &columns, &Columns::Embedding(1), &[]);
    assert!(embedded.contains(",embedding_0,delicate_embedding_0,"));
}

#[test]
fn a_closed_pipe_comes_through_as_a_broken_pipe() {
    struct ClosedPipe;
    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in [OutputFormat::Csv, OutputFormat::Json, OutputFormat::Jsonl] {
        let row = row_of(&["CCO"]);
        let scores = predictions(&[("a", 0.0)]);
        let result = Writer::new(ClosedPipe, format, &header(&["smiles"]), endpoints(&["a"]))
            .and_then(|mut writer| {
                writer.write(&row, None, Ok(&scores))?;
                writer.flush()
            });
        let kind = result.map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::BrokenPipe), "{format:?}");
    }
}

#[test]
fn rows_with_problems_can_be_written_as_they_are() {
    let (header, records) = read("id,smiles\n1\n\"2,C\n3,CC\n", "a.csv");
    let scores = predictions(&[("a", 2.5)]);
    let mut writer = Writer::new(Vec::new(), OutputFormat::Jsonl, &header, endpoints(&["a"]))
        .expect("a Vec takes all");
    for row in &records {
        let result = row.molecule.as_ref().map(|_| &scores);
        writer.write(row, None, result).expect("a Vec takes all");
    }
    let text = String::from_utf8(writer.finish().expect("a Vec takes all")).expect("text");
    let values = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let values = values.collect::<Vec<_>>();
    assert_eq!(values[0]["error"]["reason"], "ragged_row");
    assert_eq!(values[1]["error"]["reason"], "unclosed_quote");
    assert_eq!(values[1]["id"], "2,C");
    assert_eq!(values[2]["scores"]["a"]["value"], 2.5);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives_writing_and_reading(
        rows in prop::collection::vec((any::<String>(), "[\"', ;\t\r\n=@é|]{0,9}"), 1..20),
    ) {
        let columns = ["smiles", "text", "more"];
        let mut writer = Writer::new(
            Vec::new(),
            OutputFormat::Csv,
            &header(&columns),
            endpoints(&["ESOL"]),
        ).expect("a Vec takes all");
        let rows = rows.into_iter().map(|(text, more)| vec!["CCO".to_owned(), text, more]);
        let rows = rows.collect::<Vec<_>>();
        let scores = predictions(&[("ESOL", 0.5)]);
        for fields in &rows {
            writer.write(&row_of(fields), None, Ok(&scores)).expect("a Vec takes all");
        }
        let bytes = writer.finish().expect("a Vec takes all");
        let (header, records) = read(&bytes, "a.csv");
        prop_assert_eq!(&header.columns[..3], &columns);
        prop_assert_eq!(records.len(), rows.len());
        for (record, fields) in records.iter().zip(&rows) {
            prop_assert!(record.molecule.is_ok());
            prop_assert_eq!(&record.fields[..3], &fields[..]);
            prop_assert_eq!(&record.fields[3], "0.5");
        }
    }

    #[test]
    fn cells_are_split_as_the_csv_crate_splits_them(
        rows in prop::collection::vec("[ab\", é]{0,12}", 0..12),
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        // Quotes balanced by hand: an unclosed one is where we differ on purpose.
        let rows = rows.iter().map(|row| match row.matches('"').count() % 2 {
            0 => format!("CCO,{row}"),
            _ => format!("CCO,{}", row.replacen('"', "", 1)),
        });
        let rows = rows.collect::<Vec<_>>();
        let text = format!("smiles,a{line_end}{}{line_end}", rows.join(line_end));
        let mut oracle = csv::ReaderBuilder::new();
        let mut oracle = oracle.flexible(true).from_reader(text.as_bytes());
        let expected = oracle
            .records()
            .map(|record| record.expect("UTF-8").iter().map(str::to_owned).collect::<Vec<_>>());
        let expected = expected.collect::<Vec<_>>();
        let (_, records) = read(&text, "a.csv");
        let unclosed = |record: &Row| {
            matches!(&record.molecule, Err(error) if error.reason == "unclosed_quote")
        };
        prop_assume!(!records.iter().any(unclosed));
        prop_assert_eq!(records.len(), expected.len());
        for (record, mut cells) in records.into_iter().zip(expected) {
            cells.resize(2, String::new());
            prop_assert_eq!(record.fields, cells);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_every_record_fits_the_header(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        text in "[CO(),;\t\"$> <|#\r\nMEND]{0,200}",
        name in prop::sample::select(vec!["a.smi", "a.csv", "a.tsv", "a.sdf", "-"]),
    ) {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let Ok(mut reader) = open(input, name, &ReadOptions::default()) else {
                continue;
            };
            for record in reader.by_ref().collect::<Vec<_>>().into_iter().flatten() {
                prop_assert_eq!(record.fields.len(), reader.header().columns.len());
            }
        }
    }

    #[test]
    fn numbers_are_written_so_that_the_same_f32_comes_back(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        let columns = Columns::Embedding(1);
        let rows: [(&[&str], Outcome<'_>); 1] = [(&[], Ok(Output::Embedding(&[value])))];
        let text = written(OutputFormat::Jsonl, &[], &columns, &rows);
        // Not through `serde_json`, whose own parsing may be off by one bit.
        let number = text
            .strip_prefix(r#"{"error":null,"embedding":["#)
            .and_then(|text| text.strip_suffix("],\"standardized\":null}\n"))
            .expect("the row's shape");
        if value.is_finite() {
            // As JavaScript and most readers do it: by way of f64.
            let back = number.parse::<f64>().expect("a number") as f32;
            prop_assert_eq!(back.to_bits(), value.to_bits());
            // As short as Rust's own shortest form, in digits.
            let digits = |text: &str| {
                let mantissa = text.split('e').next().unwrap_or_default();
                let digits = mantissa.chars().filter(char::is_ascii_digit);
                digits.collect::<String>().trim_matches('0').len()
            };
            prop_assert_eq!(digits(number), digits(&format!("{value:e}")));
        } else {
            prop_assert_eq!(number, "null");
        }
    }
}
