//! Files as people have them: cut, joined, commented, packed, exported by others.

use std::io::{self, Cursor, Read, Write};

use delicate::records::{
    Columns, Format, Header, Note, OutputFormat, ReadOptions, Reader, RecordsError, Row, RowError,
    Structure, Writer,
};
use flate2::{Compression, write::GzEncoder};

/// A file as the command opens it, which can seek.
fn read(bytes: impl AsRef<[u8]>, name: &str) -> (Header, Vec<Row>, Vec<Note>) {
    let source = Cursor::new(bytes.as_ref());
    let reader = Reader::open_seekable(source, name, &ReadOptions::default());
    drained(reader.unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// The same as a stream, which is read once.
fn stream(bytes: impl Read, name: &str) -> (Header, Vec<Row>, Vec<Note>) {
    let reader = Reader::open(bytes, name, &ReadOptions::default());
    drained(reader.unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn drained<R: Read>(mut reader: Reader<R>) -> (Header, Vec<Row>, Vec<Note>) {
    let rows = reader.by_ref().collect::<Result<Vec<_>, _>>();
    let rows = rows.unwrap_or_else(|error| panic!("{error}"));
    (reader.header().clone(), rows, reader.notes())
}

fn refused(bytes: impl AsRef<[u8]>, name: &str) -> RecordsError {
    let bytes = bytes.as_ref();
    let options = ReadOptions::default();
    let seekable = Reader::open_seekable(Cursor::new(bytes), name, &options).err();
    let streamed = Reader::open(bytes, name, &options).err();
    let (seekable, streamed) = (seekable.expect("refused"), streamed.expect("refused"));
    assert_eq!(seekable.to_string(), streamed.to_string());
    seekable
}

fn smiles(rows: &[Row]) -> Vec<String> {
    let of = |row: &Row| match &row.molecule {
        Ok(Structure::Smiles(smiles)) => smiles.clone(),
        Ok(block) => match block.parse() {
            Ok(molecule) => molecule.canonical_smiles().expect("writes"),
            Err(error) => format!("({error})"),
        },
        Err(error) => format!("({})", error.reason),
    };
    rows.iter().map(of).collect()
}

fn column<'a>(header: &Header, rows: &'a [Row], name: &str) -> Vec<&'a str> {
    let at = header.columns.iter().position(|column| column == name);
    let at = at.unwrap_or_else(|| panic!("no {name} in {:?}", header.columns));
    rows.iter().map(|row| row.fields[at].as_str()).collect()
}

/// A mol block of two atoms.
fn block(title: &str, element: &str) -> String {
    format!(
        "{title}\n  a program\n\n  2  1  0  0  0  0            999 V2000\n    0.0000    0.0000    \
         0.0000 C   0  0\n    1.5000    0.0000    0.0000 {element:<3} 0  0\n  1  2  1  0\nM  END\n"
    )
}

// SDF.

#[test]
fn mol_blocks_without_separators_are_several_molecules() {
    let three = [block("a", "O"), block("", "N"), block("c", "S")].concat();
    for text in [three.clone(), three.replace('\n', "\r\n")] {
        for name in ["a.mol", "a.sdf"] {
            let (_, rows, notes) = read(&text, name);
            assert_eq!(smiles(&rows), ["CO", "CN", "CS"]);
            assert_eq!(
                rows.iter().map(|row| row.line).collect::<Vec<_>>(),
                [1, 9, 17]
            );
            assert_eq!(notes, []);
        }
    }
    // Counts lines of old files name no version.
    let old = three.replace("            999 V2000", "");
    let (_, rows, _) = read(old, "a.mol");
    assert_eq!(smiles(&rows), ["CO", "CN", "CS"]);
}

#[test]
fn the_items_of_joined_records_go_to_the_molecule_before_them() {
    let second = block("b", "N") + "> <id>\n2\n\n> <note>\ntwo\nlines\n\n";
    for separator in ["", "$$$$\n"] {
        let text = block("a", "O") + &second + separator + &block("c", "S");
        let (header, rows, _) = read(text, "a.sdf");
        assert_eq!(smiles(&rows), ["CO", "CN", "CS"], "{separator}");
        assert_eq!(column(&header, &rows, "id"), ["", "2", ""]);
        assert_eq!(column(&header, &rows, "note"), ["", "two\nlines", ""]);
        assert_eq!(column(&header, &rows, "name"), ["a", "b", "c"]);
    }
    // The title is blank, and no blank line ends the value before it.
    let text = block("a", "O") + "> <id>\n1\n" + &block("", "N") + "$$$$\n";
    let (header, rows, _) = read(text, "a.sdf");
    assert_eq!(smiles(&rows), ["CO", "CN"]);
    assert_eq!(column(&header, &rows, "id"), ["1", ""]);
}

#[test]
fn a_mol_block_that_never_ends_does_not_swallow_the_next() {
    let cut = block("a", "O").replace("M  END\n", "");
    let (_, rows, _) = read(cut.clone() + &block("b", "N") + "$$$$\n", "a.sdf");
    assert_eq!(smiles(&rows), ["(truncated_record)", "CN"]);
    // Cut within the header of the last.
    let (_, rows, _) = read(block("a", "O") + "b\n  prog", "a.mol");
    assert_eq!(smiles(&rows), ["CO", "(truncated_record)"]);
}

#[test]
fn a_mol_block_within_a_value_is_a_value() {
    let other = block("other", "F");
    let text = block("a", "O") + "> <product>\n" + &other + "\n> <id>\n7\n\n$$$$\n";
    let (header, rows, _) = read(text, "a.sdf");
    assert_eq!(smiles(&rows), ["CO"]);
    assert_eq!(column(&header, &rows, "product"), [other.trim_end()]);
    assert_eq!(column(&header, &rows, "id"), ["7"]);
}

#[test]
fn items_without_a_name_are_left_out_and_counted() {
    let text = block("a", "O")
        + "> <batch>\nB-1\n\n> <>\n42\n\n> DT17\nfree text\n\n>  25 (3)\nmore\n\n>\nand more\n\n>  <site> (3)\nNorth\n\n> <ic50>\n>50\n\n$$$$\n";
    let (header, rows, notes) = read(text, "a.sdf");
    assert_eq!(header.columns, ["name", "batch", "site", "ic50"]);
    assert_eq!(rows[0].fields, ["a", "B-1", "North", ">50"]);
    assert_eq!(notes, [Note::NamelessItems { items: 4 }]);
    assert_eq!(
        notes[0].to_string(),
        "4 data items without a name: left out"
    );
}

#[test]
fn values_with_blank_lines_and_without_a_last_one_are_whole() {
    let text = block("a", "O")
        + "> <note>\nfirst\n\nsecond\n\n> <id>\n7\n$$$$\n"
        + &block("b", "N")
        + "> <id>\n8\n\n$$$$\n";
    let (header, rows, _) = read(text, "a.sdf");
    assert_eq!(column(&header, &rows, "note"), ["first\n\nsecond", ""]);
    assert_eq!(column(&header, &rows, "id"), ["7", "8"]);
}

#[test]
fn an_sdf_cut_within_a_value_says_so() {
    let whole = block("a", "O") + "> <id>\n7\n\n$$$$\n";
    let text = whole.clone() + &block("b", "N") + "> <id>\n8\n\n> <potency>\n5.1";
    let (_, rows, notes) = read(text, "a.sdf");
    assert_eq!(smiles(&rows), ["CO", "(truncated_record)"]);
    let error = rows[1].molecule.as_ref().expect_err("cut");
    assert_eq!(
        error.message,
        "the file ends within the value of `potency`: no blank line and no `$$$$` follow"
    );
    assert_eq!(rows[1].fields[0], "b");
    assert_eq!(notes, []);
    // After a value it may be whole.
    let (_, rows, notes) = read(whole + &block("b", "N") + "> <id>\n8\n\n", "a.sdf");
    assert_eq!(smiles(&rows), ["CO", "CN"]);
    assert_eq!(notes, [Note::UnclosedRecord]);
}

/// What is cut after a mol block that is whole has lost its items, and nothing shows it but
/// the records before.
#[test]
fn an_sdf_cut_after_a_mol_block_says_so() {
    let item = "> <id>\n7\n\n";
    let (a, b) = (block("a", "O"), block("b", "N"));
    for (text, columns, is_said) in [
        (format!("{a}{item}$$$$\n{b}"), vec!["name", "id"], true),
        (format!("{a}$$$$\n{b}"), vec!["name"], true),
        (format!("{a}{item}{b}"), vec!["name", "id"], true),
        (format!("{a}{item}"), vec!["name", "id"], true),
        (
            format!("{a}{item}$$$$\n{b}$$$$\n"),
            vec!["name", "id"],
            false,
        ),
        (format!("{a}{item}$$$$\n{b}$$$$"), vec!["name", "id"], false),
        // Mol files, of which none has `$$$$`.
        (format!("{a}{b}"), vec!["name"], false),
        (a.clone(), vec!["name"], false),
    ] {
        let (header, rows, notes) = read(&text, "a.sdf");
        assert_eq!(header.columns, columns, "{text}");
        let expected = ["CO", "CN"];
        assert_eq!(smiles(&rows), expected[..rows.len()], "{text}");
        assert_eq!(rows.len(), text.matches("M  END").count(), "{text}");
        let expected = is_said.then_some(Note::UnclosedRecord);
        assert_eq!(notes, expected.into_iter().collect::<Vec<_>>(), "{text}");
    }
}

/// Wherever a file is cut, each mol block that is whole is a molecule, unless the cut lies
/// within a data item after it, and nothing of `$$$$` comes into a value.
#[test]
fn an_sdf_may_be_cut_at_any_byte() {
    let record = |title, element| block(title, element) + "> <id>\n7\n\n$$$$\n";
    let text = record("a", "O") + &record("b", "N");
    let first = record("a", "O").len();
    for cut in 1..text.len() {
        let (header, rows, notes) = read(&text[..cut], "a.sdf");
        let after = if cut > first {
            &text[first..cut]
        } else {
            &text[..cut]
        };
        let after = after.split_once("M  END").map(|(_, after)| after);
        let in_item = after.is_some_and(|it| it.contains('>') && !it.contains("7\n\n"));
        let last = match after {
            Some(_) if !in_item => ["CO", "CN"][usize::from(cut > first)],
            _ => "(truncated_record)",
        };
        let said = format!("{:?} {notes:?}", &text[..cut]);
        // Less than the four of `$$$$`, and no line end.
        assert_eq!(rows.len(), 1 + usize::from(cut > first), "{said}");
        assert_eq!(
            smiles(&rows).last().map(String::as_str),
            Some(last),
            "{said}"
        );
        let closed = after.is_some_and(|it| it.contains("$$$$"));
        let is_told = closed || last == "(truncated_record)" || cut < first;
        assert_eq!(
            notes.contains(&Note::UnclosedRecord),
            !closed && last != "(truncated_record)" && (cut > first || header.columns.len() > 1),
            "{said}"
        );
        assert!(is_told || !notes.is_empty(), "{said}");
        let values = rows.iter().flat_map(|row| &row.fields);
        assert!(values.clone().all(|value| !value.contains('$')), "{said}");
    }
}

#[test]
fn a_title_may_be_anything_that_ends_a_mol_block_elsewhere() {
    for title in [
        "M  END",
        "  2  1  0  0  0  0            999 V2000",
        "M  V30 END CTAB",
        "> <x>",
        ">  <y> (1)",
    ] {
        for lines in [
            block("a", "O").replacen("a\n  a program\n\n", &format!("{title}\n\n\n"), 1),
            block("a", "O").replacen("a\n  a program\n\n", &format!("a\n{title}\n\n"), 1),
            block("a", "O").replacen("a\n  a program\n\n", &format!("a\n\n{title}\n"), 1),
        ] {
            let text = lines.clone() + "> <id>\n7\n\n$$$$\n" + &lines + "$$$$\n";
            let (header, rows, notes) = read(&text, "a.sdf");
            assert_eq!(smiles(&rows), ["CO", "CO"], "{text}");
            assert_eq!(column(&header, &rows, "id"), ["7", ""], "{text}");
            let expected = lines.lines().next().unwrap_or_default().trim();
            assert_eq!(column(&header, &rows, "name"), [expected; 2], "{text}");
            assert_eq!(notes, [], "{text}");
        }
    }
}

#[test]
fn blank_lines_before_a_mol_block_are_no_record() {
    for blank in 1..9 {
        let blank = "\n".repeat(blank);
        for title in ["a", ""] {
            let record = format!("{blank}{}> <id>\n7\n\n$$$$\n", block(title, "O"));
            let text = record.repeat(2);
            let (header, rows, notes) = read(&text, "a.sdf");
            assert_eq!(smiles(&rows), ["CO", "CO"], "{text}");
            assert_eq!(column(&header, &rows, "name"), [title; 2], "{text}");
            assert_eq!(column(&header, &rows, "id"), ["7", "7"], "{text}");
            assert_eq!(notes, [], "{text}");
        }
    }
    // A record without a mol block keeps its items.
    let text = format!("> <id>\n7\n\n$$$$\n{}$$$$\n", block("b", "N"));
    let (header, rows, _) = read(text, "a.sdf");
    assert_eq!(smiles(&rows), ["(truncated_record)", "CN"]);
    assert_eq!(column(&header, &rows, "id"), ["7", ""]);
}

#[test]
fn names_within_notes_and_errors_stay_on_one_line() {
    let text = "\"IC50\n(nM)\",\"my\n\u{1b}[31mSMILES\",structure\n1,,CCO\n2,b,\n";
    let (_, _, notes) = read(text, "a.csv");
    assert_eq!(
        notes[0].to_string(),
        r"SMILES are read from the column `structure`, not from `my\n\u{1b}[31mSMILES`"
    );
    let error = Structure::from_cell("", "my\n\u{1b}[31mSMILES").expect_err("empty");
    assert_eq!(
        error.message,
        r"the column `my\n\u{1b}[31mSMILES` is empty in this row"
    );
    let error = refused("\"a\r\nb\",c\n1,2\n", "a.csv").to_string();
    assert_eq!(
        error,
        r"no column looks like SMILES; name one of `a\r\nb`, `c`"
    );
    let options = ReadOptions {
        id_column: Some("x\ny".into()),
        ..ReadOptions::default()
    };
    let error = Reader::open(text.as_bytes(), "a.csv", &options).err();
    let error = error.expect("refused").to_string();
    assert!(
        error.starts_with(r"no column `x\ny`; the table has `IC50\n(nM)`"),
        "{error}"
    );
}

#[test]
fn text_that_belongs_nowhere_is_counted() {
    let text = block("a", "O") + "made by hand\n> <id>\n7\n\n$$$$\n";
    let (header, rows, notes) = read(text, "a.sdf");
    assert_eq!(smiles(&rows), ["CO"]);
    assert_eq!(column(&header, &rows, "id"), ["7"]);
    assert_eq!(notes, [Note::StrayText { records: 1 }]);
}

#[test]
fn a_record_too_long_does_not_hide_the_next() {
    let long = "> <x>\n".to_owned() + &"a line of text\n".repeat(200_000) + "\n";
    for separator in ["", "$$$$\n"] {
        let text = block("a", "O") + &long + separator + &block("b", "N") + "$$$$\n";
        let (_, rows, _) = read(&text, "a.sdf");
        assert_eq!(smiles(&rows), ["(record_too_long)", "CN"], "{separator:?}");
        assert_eq!(rows[0].fields[0], "a");
        let line = text.lines().position(|line| line == "b").expect("b") + 1;
        assert_eq!(rows[1].line, line as u64);
    }
}

/// What is given is not held: a file of any size is read in the same memory.
#[test]
fn separators_alone_are_empty_records_one_by_one() {
    let separators = b"$$$$\n".repeat(1000);
    let many = Cursor::new(separators).chain(Cursor::new(block("a", "O").into_bytes()));
    let reader = Reader::open(many, "a.sdf", &ReadOptions::default()).expect("opens");
    let (mut empty, mut whole) = (0, 0);
    for row in reader {
        let row = row.expect("reads");
        match row.molecule {
            Ok(_) => whole += 1,
            Err(error) => {
                assert_eq!(error.message, "the record is empty");
                empty += 1;
            }
        }
    }
    assert_eq!((empty, whole), (1000, 1));
}

/// Records without end, each of them with `items` after it.
struct Endless {
    record: Vec<u8>,
    left: usize,
    last: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let record = if self.left > 0 {
            &self.record
        } else {
            &self.last
        };
        let count = (&record[self.at..]).read(buffer)?;
        self.at += count;
        if self.at == record.len() && self.left > 0 {
            self.left -= 1;
            self.at = 0;
        }
        Ok(count)
    }
}

#[test]
fn late_items_of_a_stream_stand_in_one_column_and_in_their_own_of_a_file() {
    let early = block("a", "O") + "> <id>\n1\n\n$$$$\n";
    let late = block("z", "N") + "> <id>\n2\n\n> <late>\nx\ny\n\n> <later>\nz\n\n$$$$\n";
    let records = 5_000_000 / early.len();
    let source = Endless {
        record: early.clone().into_bytes(),
        left: records,
        last: late.clone().into_bytes(),
        at: 0,
    };
    let (header, rows, notes) = stream(source, "-");
    assert_eq!(header.columns, ["name", "id", "other_items"]);
    assert_eq!(rows.len(), records + 1);
    assert_eq!(rows[0].fields, ["a", "1", ""]);
    assert_eq!(
        rows[records].fields,
        ["z", "2", r#"{"late":"x\ny","later":"z"}"#]
    );
    assert_eq!(notes, [Note::OtherItems { names: 2 }]);

    let file = early.repeat(records) + &late;
    let (header, rows, notes) = read(file, "a.sdf");
    assert_eq!(header.columns, ["name", "id", "late", "later"]);
    assert_eq!(rows[records].fields, ["z", "2", "x\ny", "z"]);
    assert_eq!(notes, []);
}

#[test]
fn reactions_are_refused_by_name_and_by_record() {
    let reaction = "$RXN\n\n  prog\n\n  1  1\n$MOL\n".to_owned()
        + &block("a", "O")
        + "$MOL\n"
        + &block("b", "N");
    for (text, name, word) in [
        (reaction.clone(), "a.rxn", "$RXN"),
        (
            "$RDFILE 1\n$DATM 1\n".to_owned() + &reaction,
            "a.rdf",
            "$RDFILE",
        ),
    ] {
        let error = refused(text, name).to_string();
        assert!(
            error.contains("reactions") && error.contains(word),
            "{error}"
        );
    }
    let text = block("a", "O") + "$$$$\n" + &reaction + "$$$$\n" + &block("b", "N");
    assert_eq!(smiles(&read(text, "a.sdf").1), ["CO", "(reaction)", "CN"]);
}

// Tables.

#[test]
fn bars_split_a_table_whose_header_names_a_column_between_them() {
    let (header, rows, _) = read("name|smiles|val\na|CCO|1\nb|CCN|\n", "a.csv");
    assert_eq!(header.columns, ["name", "smiles", "val"]);
    assert_eq!(smiles(&rows), ["CCO", "CCN"]);
    for name in ["-", "a.txt", "a.smi"] {
        let (header, rows, _) = read("drug|smiles\na|CCO\nb|CCN\n", name);
        assert_eq!(
            (header.columns, header.smiles),
            (vec!["drug".into(), "smiles".into()], Some(1))
        );
        assert_eq!(smiles(&rows), ["CCO", "CCN"]);
    }
    // Elsewhere they are those of extended SMILES.
    let (_, rows, _) = read("CCO |$;;OH$,smiles| a\nCCN b\n", "a.smi");
    assert_eq!(rows.len(), 2);
    let (header, rows, _) = read("smiles,id\nCCO |$;;OH$|,a\n", "a.csv");
    assert_eq!((header.columns.len(), rows.len()), (2, 1));
    let (header, rows, _) = read("smiles\nCCO |$;;OH$|\n", "a.csv");
    assert_eq!((header.columns.len(), rows.len()), (1, 1));
}

#[test]
fn among_columns_called_so_the_values_decide() {
    let text =
        "Structure,Compound SMILES,Name,Name,error\n1.png,CCO,a,b,none\n2.png,c1ccncc1,c,d,x\n";
    let (header, rows, notes) = read(text, "a.csv");
    assert_eq!(smiles(&rows), ["CCO", "c1ccncc1"]);
    assert_eq!(header.columns.len(), 5);
    assert_eq!(
        notes[0].to_string(),
        "SMILES are read from the column `Compound SMILES`, not from `Structure`"
    );
    // A picture is no structure, and no other column is called so.
    let (header, _, notes) = read("Structure,Drug\n1.png,CC(=O)O\n2.png,CCN\n", "a.csv");
    assert_eq!(header.smiles, Some(1));
    assert_eq!(
        notes[0].to_string(),
        "SMILES are read from the column `Drug`, not from `Structure`"
    );
    // Of one name, their places tell them apart.
    let (_, _, notes) = read("smiles,id,smiles\nCCO,1,CCN\n", "a.csv");
    assert_eq!(
        notes[0].to_string(),
        "SMILES are read from the column `smiles (column 1)`, not from `smiles (column 3)`"
    );
    let (_, _, notes) = read("id,Drug\n1,CC(=O)O\n2,CCN\n", "a.csv");
    assert_eq!(
        notes[0].to_string(),
        "SMILES are read from the column `Drug`, by its values"
    );
    // A telling name is taken whatever the values, so that they are reported.
    let (header, _, notes) = read("smiles,code\n?,CCO\n?,CCN\n", "a.csv");
    assert_eq!((header.smiles, notes), (Some(0), Vec::new()));
    // Of PubChem's, the one with stereo.
    let text = "cid,canonicalsmiles,isosmiles\n1,CC(O)F,C[C@H](O)F\n";
    assert_eq!(read(text, "a.csv").0.smiles, Some(2));
}

#[test]
fn the_line_that_tells_excel_the_separator_is_no_header() {
    for text in [
        "sep=;\nsmiles;name\nCCO;a\n",
        "SEP=,\r\nsmiles,name\r\nCCO,a\r\n",
    ] {
        let (header, rows, _) = read(text, "a.csv");
        assert_eq!(header.columns, ["smiles", "name"], "{text}");
        assert_eq!(rows.len(), 1, "{text}");
        assert_eq!((rows[0].line, rows[0].fields[1].as_str()), (3, "a"));
    }
}

#[test]
fn comments_before_a_table_are_no_rows() {
    let (header, rows, notes) = read("# by hand\n#\n\n# two\nCCO,1.1\nCCN,1.3\n", "a.csv");
    assert_eq!(header.columns, ["column_1", "column_2"]);
    assert_eq!(smiles(&rows), ["CCO", "CCN"]);
    assert_eq!(rows[0].line, 5);
    assert!(notes.contains(&Note::Comments { lines: 3 }), "{notes:?}");

    for (text, name) in [
        ("# plate 7\n#SMILES,id,value\nCCO,a,1\nCCN,b,2\n", "a.csv"),
        (
            "# plate 7\n# id\tSMILES\tvalue\na\tCCO\t1\nb\tCCN\t2\n",
            "a.tsv",
        ),
        ("# plate 7\n# id,SMILES,value\na,CCO,1\nb,CCN,2\n", "a.txt"),
    ] {
        let (header, rows, notes) = read(text, name);
        assert_eq!(smiles(&rows), ["CCO", "CCN"], "{text}");
        assert_eq!(column(&header, &rows, "id"), ["a", "b"]);
        assert_eq!(column(&header, &rows, "value"), ["1", "2"]);
        assert_eq!(notes, [Note::Comments { lines: 1 }]);
    }
    // A comment that speaks of SMILES is none of a header's width.
    let (header, rows, _) = read("# SMILES, made by hand\nsmiles,id,x\nCCO,a,1\n", "a.csv");
    assert_eq!(header.columns, ["smiles", "id", "x"]);
    assert_eq!(rows.len(), 1);
    // Identifiers may begin so.
    assert_eq!(read("#1,CCO\n#2,CCN\n", "a.csv").1.len(), 2);
    let (header, rows, _) = read("#SMILES ID\nCCO a b\nCCN c\n", "a.smi");
    assert_eq!(header.columns, ["SMILES", "ID"]);
    assert_eq!(rows[0].fields, ["CCO", "a b"]);
}

#[test]
fn a_table_is_found_after_however_many_blank_lines_and_comments() {
    for (before, comments) in [
        ("\n".repeat(200_000), 0),
        ("# a remark\r\n".repeat(20_000), 20_000),
        ("#\n\n  \n".repeat(100_000), 100_000),
    ] {
        let lines = before.matches('\n').count() as u64;
        for (table, name, ids) in [
            ("id,smiles\na,CCO\nb,CCN\n", "a.csv", true),
            ("id\tsmiles\na\tCCO\nb\tCCN\n", "a.tsv", true),
            ("id,smiles\na,CCO\nb,CCN\n", "a.txt", true),
            ("CCO a\nCCN b\n", "a.smi", false),
        ] {
            let (header, rows, notes) = read(format!("{before}{table}"), name);
            assert_eq!(smiles(&rows), ["CCO", "CCN"], "{name}");
            assert_eq!(rows[0].line, lines + 1 + u64::from(ids), "{name}");
            if ids {
                assert_eq!(column(&header, &rows, "id"), ["a", "b"]);
                let expected = (comments > 0).then_some(Note::Comments { lines: comments });
                assert_eq!(notes, Vec::from_iter(expected), "{name}");
            }
        }
        // The last of the comments may be the header.
        let (header, rows, notes) = read(format!("{before}#SMILES,id\nCCO,a\n"), "a.csv");
        assert_eq!(header.columns, ["SMILES", "id"]);
        assert_eq!((rows.len(), rows[0].line), (1, lines + 2));
        let expected = (comments > 0).then_some(Note::Comments { lines: comments });
        assert_eq!(notes, Vec::from_iter(expected));
    }
    // A mol block may begin with blank lines; its title is one of them.
    let text = "\n".repeat(100_000) + &block("", "O");
    let (_, rows, _) = read(&text, "-");
    assert_eq!(smiles(&rows).last().map(String::as_str), Some("CO"));
}

#[test]
fn a_file_of_blank_lines_is_empty_however_long_it_is() {
    for lines in [1, 100, 300_000] {
        for name in ["a.sdf", "a.smi", "a.csv", "-"] {
            let text = "\n".repeat(lines);
            let reader = Reader::open(text.as_bytes(), name, &ReadOptions::default());
            let error = match reader {
                Err(error) => error,
                Ok(reader) => reader.last().expect("an item").expect_err("no rows"),
            };
            assert!(matches!(error, RecordsError::Empty), "{name}: {error}");
        }
    }
}

#[test]
fn a_record_with_too_many_items_is_that_records_problem() {
    let mut many = block("b", "N");
    for item in 0..10_001 {
        many += &format!("> <item {item}>\n{item}\n\n");
    }
    let one = |title, element| block(title, element) + "> <id>\n7\n\n$$$$\n";
    let text = one("a", "O") + &many + "$$$$\n" + &one("c", "S");
    for (header, rows, _) in [read(&text, "a.sdf"), stream(text.as_bytes(), "-")] {
        assert_eq!(header.columns, ["name", "id"]);
        let names: Vec<&str> = rows.iter().map(|row| row.fields[0].as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(rows[0].fields[1], "7");
        let error = rows[1].molecule.as_ref().expect_err("too many");
        assert_eq!(error.reason, "too_many_items");
        assert!(rows[0].molecule.is_ok() && rows[2].molecule.is_ok());
    }
}

#[test]
fn exports_are_read_as_they_come() {
    // PubChem: rows below the header describe the columns.
    let text = "PUBCHEM_RESULT_TAG,PUBCHEM_CID,PUBCHEM_EXT_DATASOURCE_SMILES,PUBCHEM_ACTIVITY_OUTCOME,IC50\n\
                RESULT_TYPE,,,,FLOAT\nRESULT_DESCR,,,,\"half, of course\"\nRESULT_UNIT,,,,MICROMOLAR\n\
                1,702,CCO,Active,5.1\n2,6341,CCN,Inactive,\n";
    let (header, rows, notes) = read(text, "AID_1_datatable.csv");
    assert_eq!(smiles(&rows), ["CCO", "CCN"]);
    assert_eq!(column(&header, &rows, "IC50"), ["5.1", ""]);
    assert_eq!(notes, [Note::DescriptiveRows { rows: 3 }]);

    for (text, name, id) in [
        // PubChem's list of compounds, without a header.
        ("702\tCCO\n6341\tCCN\n", "CID-SMILES.gz", None),
        (
            "cid,cmpdname,mw,isosmiles\n702,ethanol,46.07,CCO\n6341,ethylamine,45.08,CCN\n",
            "p.csv",
            Some("cid"),
        ),
        (
            "Compound,SMILES\nA-1,CCO\nA-2,CCN\n",
            "series.csv",
            Some("Compound"),
        ),
        // ChEMBL.
        (
            "\"ChEMBL ID\";\"Name\";\"Smiles\";\"AlogP\"\n\"CHEMBL545\";\"ALCOHOL\";\"CCO\";\"-0,00\"\n\"CHEMBL14449\";\"\";\"CCN\";\"-0,04\"\n",
            "c.csv",
            Some("ChEMBL ID"),
        ),
        (
            "chembl_id\tcanonical_smiles\tstandard_inchi\nCHEMBL545\tCCO\tInChI=1S/x\nCHEMBL14449\tCCN\tInChI=1S/y\n",
            "chembl_36_chemreps.txt.gz",
            Some("chembl_id"),
        ),
        // BindingDB.
        (
            "BindingDB Reactant_set_id\tLigand SMILES\tLigand InChI\tBindingDB MonomerID\tKi (nM)\n1\tCCO\tInChI=1S/x\t21\t >10000\n2\tCCN\tInChI=1S/y\t22\t 5.1\n",
            "BindingDB_All.tsv",
            Some("BindingDB MonomerID"),
        ),
        // Enamine.
        (
            "smiles\tid\tMW\nCCO\tZ1\t46.07\nCCN\tZ2\t45.08\n",
            "Enamine_REAL.cxsmiles",
            Some("id"),
        ),
        // ZINC.
        (
            "smiles zinc_id\nCCO 895218\nCCN 895219\n",
            "AAAA.smi",
            Some("zinc_id"),
        ),
        (
            "smiles\tzinc_id\tmwt\nCCO\tZINC895218\t46.07\nCCN\tZINC895219\t45.08\n",
            "AAAA.txt",
            Some("zinc_id"),
        ),
    ] {
        let (header, rows, _) = read(text, name);
        assert_eq!(smiles(&rows), ["CCO", "CCN"], "{name}");
        let found = header.id.map(|id| header.columns[id].as_str());
        assert_eq!(found, id, "{name}");
    }
}

#[test]
fn utf16_with_a_byte_order_mark_is_text() {
    let text = "\u{feff}smiles\tname\r\nCCO\tµ-ethanol\r\nCCN\t胺\r\n";
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        for bytes in [gzip(&bytes), bytes] {
            let (header, rows, _) = read(&bytes, "a.txt");
            assert_eq!(header.columns, ["smiles", "name"]);
            assert_eq!(smiles(&rows), ["CCO", "CCN"]);
            assert_eq!(rows[1].fields[1], "胺");
        }
    }
    let utf32 = b"\xff\xfe\0\0C\0\0\0C\0\0\0";
    assert!(refused(utf32, "a.smi").to_string().contains("UTF-32"));
}

// What is packed.

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

#[test]
fn zeros_after_gzip_are_passed_over_and_anything_else_is_not() {
    let packed = gzip(b"CCO a\n");
    let padded = [packed.as_slice(), &gzip(b"CCN b\n"), &[0; 70_000]].concat();
    let (_, rows, notes) = read(padded, "a.smi.gz");
    assert_eq!(smiles(&rows), ["CCO", "CCN"]);
    assert_eq!(notes, [Note::Padding { bytes: 70_000 }]);
    for rest in [b"junk".as_slice(), b"\0\0\0junk", b"\0\x1f\x8b"] {
        let bytes = [packed.as_slice(), rest].concat();
        let reader = Reader::open(bytes.as_slice(), "a.smi.gz", &ReadOptions::default());
        let results: Vec<_> = reader.expect("opens").collect();
        assert!(results[0].is_ok());
        let error = results[1].as_ref().expect_err("not gzip").to_string();
        assert!(error.contains("not gzip"), "{error}");
    }
}

#[cfg(feature = "archives")]
mod archives {
    use std::fmt::Write as _;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (index, (name, bytes)) in files.iter().enumerate() {
            let method = match index % 2 {
                0 => CompressionMethod::Deflated,
                _ => CompressionMethod::Stored,
            };
            let options = SimpleFileOptions::default().compression_method(method);
            writer.start_file(*name, options).expect("begun");
            writer.write_all(bytes).expect("written");
        }
        writer.finish().expect("finished").into_inner()
    }

    #[test]
    fn a_zip_with_one_table_is_that_table() {
        let table = b"id\tsmiles\n1\tCCO\n2\tCCN\n";
        let plain = read(table, "a.tsv");
        for files in [
            vec![("folder/table.tsv", table.as_slice())],
            vec![("export", table.as_slice())],
            vec![("folder/table.tsv.gz", &*gzip(table).leak())],
        ] {
            let bytes = zip(&files);
            assert_eq!(read(&bytes, "a.zip"), plain);
            assert_eq!(stream(bytes.as_slice(), "-"), plain);
        }
        let (_, rows, notes) = read(
            zip(&[
                ("README.txt", b"read me"),
                ("__MACOSX/._a.csv", b"\0\x05\x16\x07"),
                ("a.csv", b"smiles\nCCO\n"),
                (".DS_Store", b"\0\0\0\x01Bud1"),
            ]),
            "a.zip",
        );
        assert_eq!(smiles(&rows), ["CCO"]);
        assert_eq!(
            notes[0].to_string(),
            "the archive's `a.csv` is read, not `README.txt`"
        );
    }

    #[test]
    fn an_sdf_in_a_zip_has_all_its_columns() {
        let text = block("a", "O") + "$$$$\n" + &block("b", "N") + "> <late>\n1\n\n$$$$\n";
        let bytes = zip(&[("a.sdf", text.as_bytes())]);
        for (header, rows, _) in [read(&bytes, "a.zip"), stream(bytes.as_slice(), "-")] {
            assert_eq!(header.columns, ["name", "late"]);
            assert_eq!(smiles(&rows), ["CO", "CN"]);
        }
    }

    #[test]
    fn a_zip_without_one_table_is_refused_with_its_names() {
        for (files, word) in [
            (vec![], "is empty"),
            (
                vec![
                    ("a.csv", b"smiles\nC\n".as_slice()),
                    ("b.csv", b"smiles\nC\n"),
                ],
                "`a.csv`, `b.csv`",
            ),
            (
                vec![("a.png", b"1".as_slice()), ("b.png", b"2")],
                "holds no table",
            ),
            (vec![("content.xml", b"".as_slice())], "OpenDocument"),
            (vec![("word/document.xml", b"".as_slice())], "Word"),
        ] {
            let error = refused(zip(&files), "a.zip").to_string();
            assert!(error.contains(word), "{error}");
        }
        let whole = zip(&[("a.csv", b"smiles\nCCO\nCCN\n")]);
        let cut = refused(&whole[..whole.len() - 10], "a.zip").to_string();
        assert!(cut.contains("is cut off or damaged"), "{cut}");
    }

    #[test]
    fn damage_within_a_zip_is_told_after_the_rows() {
        let mut bytes = zip(&[("b.txt", b""), ("a.csv", b"smiles\nCCO\nCCN\n")]);
        let at = bytes
            .windows(3)
            .position(|it| it == b"CCN")
            .expect("stored");
        bytes[at + 2] = b'S';
        let reader = Reader::open(bytes.as_slice(), "a.zip", &ReadOptions::default());
        let last = reader.expect("opens").last().expect("an item");
        assert!(last.expect_err("damaged").to_string().contains("checksum"));
    }

    #[test]
    fn zstandard_is_read_frame_by_frame() {
        let text = b"smiles,id\nCCO,1\nCCN,2\n";
        let pack = |bytes: &[u8]| {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        };
        let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        let frames = [&pack(&text[..13]), skipped.as_slice(), &pack(&text[13..])].concat();
        for bytes in [pack(text), frames.clone()] {
            let (header, rows, _) = read(bytes, "a.csv.zst");
            assert_eq!(header.columns, ["smiles", "id"]);
            assert_eq!(smiles(&rows), ["CCO", "CCN"]);
        }
        // What is to be skipped may come first, or be all there is.
        for skipped in [skipped.as_slice(), b"\x5f\x2a\x4d\x18\0\0\0\0"] {
            let (_, rows, notes) = read([skipped, &frames].concat(), "a.csv.zst");
            assert_eq!(
                (smiles(&rows), notes),
                (vec!["CCO".into(), "CCN".into()], vec![])
            );
            let error = refused(skipped, "a.csv.zst");
            assert!(matches!(error, RecordsError::Empty), "{error}");
        }
        // `zstd -d` refuses all of these, too, once it has unpacked what comes before.
        let junk = "bytes that are not zstd follow the zstd data";
        let zeros = "zero bytes follow the zstd data: `zstd -dc` gives what lies before them";
        let cut = "the zstd data are cut off: the file is not whole";
        let whole = pack(text);
        for (rest, why) in [
            (b"junk".as_slice(), junk),
            (b"j", junk),
            (&[0; 70_000], zeros),
            (b"\0\0junk", zeros),
            (&[b"\0".as_slice(), &whole].concat(), zeros),
            (&skipped[..6], cut),
            (&skipped[..9], cut),
            (&whole[..4], cut),
            (&whole[..5], cut),
            (&whole[..6], cut),
        ] {
            let bytes = [frames.as_slice(), rest].concat();
            let reader = Reader::open(bytes.as_slice(), "a.csv.zst", &ReadOptions::default());
            let last = reader.expect("opens").last().expect("an item");
            let error = last.expect_err("damaged").to_string();
            let expected = format!("reading stopped after 2 records, at line 4: {why}");
            assert_eq!(error, expected, "{rest:?}");
        }
    }

    /// A file that is cut anywhere says so in words, and so does one of another kind.
    #[test]
    fn packed_data_that_are_cut_or_damaged_say_so() {
        let text = b"smiles,id\nCCO,1\nCCN,2\n".repeat(50);
        let zstd = ruzstd::encoding::compress_to_vec(
            text.as_slice(),
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).expect("packed");
        let gzip = gzip.finish().expect("packed");
        let failure = |bytes: &[u8], name: &str| {
            let opened = Reader::open(bytes, name, &ReadOptions::default());
            let error = opened.and_then(|reader| reader.collect::<Result<Vec<_>, _>>());
            error.expect_err("cut or damaged").to_string()
        };
        for (packed, bytes, name) in [("zstd", &zstd, "a.csv.zst"), ("gzip", &gzip, "a.csv.gz")] {
            for length in 2..bytes.len() {
                let error = failure(&bytes[..length], name);
                let expected = format!("the {packed} data are cut off: the file is not whole");
                assert!(error.ends_with(&expected), "{length}: {error}");
            }
        }
        let mut damaged = gzip.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let error = failure(&damaged, "a.csv.gz");
        assert!(error.contains("the gzip data are damaged"), "{error}");
        // A window of 2 GiB, and a dictionary.
        for (header, why) in [
            (
                b"\x28\xb5\x2f\xfd\0\xa8".as_slice(),
                "a window of 2147483648 bytes",
            ),
            (b"\x28\xb5\x2f\xfd\x21\x07\x05", "with a dictionary"),
        ] {
            let error = failure(header, "a.csv.zst");
            assert!(error.contains(why), "{error}");
        }
    }

    /// A workbook of these sheets; cells are text, or numbers where they are.
    fn workbook(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let mut listed = String::new();
        let mut related = String::new();
        let mut files = Vec::new();
        for (number, (name, rows)) in (1..).zip(sheets) {
            let _ = write!(
                listed,
                "<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"r{number}\"/>"
            );
            let _ = write!(
                related,
                "<Relationship Id=\"r{number}\" Type=\"{relations}/worksheet\" \
                 Target=\"worksheets/sheet{number}.xml\"/>"
            );
            let mut xml = format!("{head}<worksheet xmlns=\"{main}\"><sheetData>");
            for (row, cells) in (1..).zip(*rows) {
                let _ = write!(xml, "<row r=\"{row}\">");
                for (column, cell) in ('A'..='Z').zip(*cells) {
                    let place = format!("r=\"{column}{row}\"");
                    let _ = match cell.parse::<f64>() {
                        _ if cell.is_empty() => Ok(()),
                        // A formula, which a library writes without computing it.
                        _ if cell.starts_with('=') => {
                            write!(xml, "<c {place}><f>{}</f><v/></c>", &cell[1..])
                        }
                        Ok(_) => write!(xml, "<c {place}><v>{cell}</v></c>"),
                        Err(_) => {
                            write!(xml, "<c {place} t=\"inlineStr\"><is><t>{cell}</t></is></c>")
                        }
                    };
                }
                xml.push_str("</row>");
            }
            xml.push_str("</sheetData></worksheet>");
            files.push((format!("xl/worksheets/sheet{number}.xml"), xml));
        }
        files.push((
            "xl/workbook.xml".to_owned(),
            format!("{head}<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets>{listed}</sheets></workbook>"),
        ));
        files.push((
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!("{head}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{related}</Relationships>"),
        ));
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, xml)| (name.as_str(), xml.as_bytes()))
            .collect();
        zip(&files)
    }

    #[test]
    fn formulas_without_a_value_are_counted_and_their_rows_stay() {
        let bytes = workbook(&[(
            "A",
            &[
                &["SMILES", "half"],
                &["CCO", "=1/2"],
                &["=B1"],
                &["CCN", "1"],
            ],
        )]);
        let (header, rows, notes) = read(&bytes, "a.xlsx");
        assert_eq!(header.columns, ["SMILES", "half"]);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].fields, ["CCO", ""]);
        assert!(rows[1].molecule.is_err());
        assert!(notes.contains(&Note::Formulas { cells: 2 }), "{notes:?}");
    }

    #[test]
    fn whole_numbers_that_may_have_been_rounded_are_told() {
        let bytes = workbook(&[(
            "A",
            &[
                &["SMILES", "registry"],
                &["CCO", "12345678901234567891"],
                &["CCN", "9007199254740991"],
                &["CCC", "1.2345678901234568E+19"],
                &["CCF", "9007199254740993.0"],
            ],
        )]);
        let (_, rows, notes) = read(&bytes, "a.xlsx");
        let numbers: Vec<&str> = rows.iter().map(|row| row.fields[1].as_str()).collect();
        assert_eq!(
            numbers,
            [
                "12345678901234567891",
                "9007199254740991",
                "12345678901234568000",
                "9007199254740993"
            ]
        );
        assert!(
            notes.contains(&Note::LargeNumbers { cells: 3 }),
            "{notes:?}"
        );
    }

    #[test]
    fn the_first_sheet_with_smiles_is_read_and_named() {
        let bytes = workbook(&[
            ("Cover", &[&["A study of alcohols"], &["by hand"]]),
            (
                "Data",
                &[
                    &["Table S1"],
                    &[],
                    &["Compound", "SMILES", "pIC50", "Remark"],
                    &["a", "CCO", "5.0999999999999996", ""],
                    &["b", "CCN", "7"],
                    &["c", "", "1", "no structure"],
                ],
            ),
            ("More", &[&["SMILES"], &["C"]]),
        ]);
        for (header, rows, notes) in [read(&bytes, "a.xlsx"), stream(bytes.as_slice(), "-")] {
            assert_eq!(header.columns, ["Compound", "SMILES", "pIC50", "Remark"]);
            assert_eq!(smiles(&rows), ["CCO", "CCN", "(missing_structure)"]);
            assert_eq!(rows[0].fields, ["a", "CCO", "5.1", ""]);
            assert_eq!(rows[1].fields, ["b", "CCN", "7", ""]);
            assert_eq!(rows[1].line, 5);
            let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
            assert_eq!(
                notes,
                [
                    "the workbook's `Data` is read, not `Cover`, `More`",
                    "1 row stands above the header: left out",
                ]
            );
        }
        let error = refused(workbook(&[("A", &[&["x", "y"], &["1", "2"]])]), "a.xlsx");
        assert!(
            matches!(error, RecordsError::NoSmilesColumn { .. }),
            "{error}"
        );
        assert!(matches!(
            refused(workbook(&[("A", &[])]), "a.xlsx"),
            RecordsError::Empty
        ));
    }

    #[test]
    fn a_workbook_without_its_parts_is_refused() {
        let bytes = zip(&[("xl/workbook.xml", b""), ("xl/a.xml", b"")]);
        assert!(matches!(
            refused(&bytes, "a.xlsx"),
            RecordsError::Workbook { .. }
        ));
    }
}

// Writing.

fn written(format: OutputFormat, header: &Header, rows: &[Row]) -> String {
    let columns = Columns::Embedding(1);
    let mut writer = Writer::new(Vec::new(), format, header, columns).expect("a Vec takes all");
    for row in rows {
        let result = row.molecule.as_ref().map(|_| &[0.5_f32][..]);
        let result = result.map(delicate::records::Output::Embedding);
        writer.write(row, None, result).expect("a Vec takes all");
    }
    String::from_utf8(writer.finish().expect("a Vec takes all")).expect("text")
}

/// A sheet may be 16,384 columns wide, all but two of them without a name.
#[test]
fn thousands_of_columns_without_a_name_cost_no_time() {
    let header = Header {
        columns: vec![String::new(); 200_000],
        smiles: Some(0),
        id: None,
    };
    let text = written(OutputFormat::Jsonl, &header, &[]);
    assert_eq!(text, "");
    // Nor do as many of one name.
    let header = Header {
        columns: vec!["a".to_owned(); 200_000],
        ..header
    };
    #[cfg(feature = "drawing")]
    assert_eq!(written(OutputFormat::Sdf, &header, &[]), "");
    let columns = ["a", "a", "a_3", "a", "a"].map(str::to_owned).to_vec();
    let row = Row {
        line: 1,
        fields: ["1", "2", "3", "4", "5"].map(str::to_owned).to_vec(),
        molecule: Err(RowError::new("x", "y")),
    };
    let header = Header { columns, ..header };
    let line = written(OutputFormat::Jsonl, &header, &[row]);
    assert!(
        line.starts_with(r#"{"a":"1","a_2":"2","a_3":"3","a_4":"4","a_5":"5","#),
        "{line}"
    );
}

#[test]
fn tabs_separate_a_tsv() {
    let (header, rows, _) = read("smiles,name\nCCO,\"a\tb, c\"\n", "a.csv");
    assert_eq!(
        written(OutputFormat::Tsv, &header, &rows),
        "smiles\tname\tembedding_0\tstandardized\tchanges\terror\nCCO\t\"a\tb, c\"\t0.5\t\t\t\n"
    );
}

#[cfg(feature = "drawing")]
mod sdf_out {
    use super::*;

    /// What is written is read as what came in, and what we added.
    #[test]
    fn an_sdf_keeps_structures_and_items() {
        let first = block("a", "O").replace("1.5000    0.0000", "1.2345    0.6789");
        let text = first.clone()
            + "> <x>\n>50\n\n> <text>\none\n\ntwo\n\n$$$$\n"
            + &block("", "N")
            + "> <x>\n1\n\n$$$$\n"
            + "broken\n$$$$\n";
        let (header, rows, _) = read(text, "a.sdf");
        let out = written(OutputFormat::Sdf, &header, &rows);
        assert!(out.starts_with(&first), "{out}");
        let (again, reread, notes) = read(&out, "b.sdf");
        assert_eq!(notes, []);
        assert_eq!(again.columns, ["name", "x", "text", "embedding_0", "error"]);
        assert_eq!(smiles(&reread)[..2], ["CO", "CN"]);
        assert_eq!(reread[0].fields, ["a", ">50", "one\n \ntwo", "0.5", ""]);
        assert_eq!(reread[1].fields, ["", "1", "", "0.5", ""]);
        assert_eq!(reread.len(), 3);
        assert_eq!(reread[2].fields[0], "broken");
        assert_eq!(reread[2].fields[4], "the mol block has no `M  END` line");
    }

    #[test]
    fn a_table_becomes_an_sdf_of_drawings() {
        let text = "id,smiles,,x>y,x,x\nfirst,C[C@H](N)C(=O)O,e,1,2,3\nlast,C(,,,$$$$,> <a>\n";
        let (header, rows, _) = read(text, "a.csv");
        let out = written(OutputFormat::Sdf, &header, &rows);
        let (again, reread, _) = read(&out, "b.sdf");
        assert_eq!(
            again.columns,
            [
                "name",
                "id",
                "smiles",
                "column_3",
                "x)y",
                "x",
                "x_2",
                "embedding_0"
            ]
        );
        assert_eq!(smiles(&reread)[0], "C[C@H](N)C(=O)O");
        assert_eq!(
            reread[0].fields,
            [
                "first",
                "first",
                "C[C@H](N)C(=O)O",
                "e",
                "1",
                "2",
                "3",
                "0.5"
            ]
        );
        assert_eq!(
            reread[1].fields,
            ["last", "last", "C(", "", "", " $$$$", " > <a>", "0.5"]
        );
        assert!(out.contains("last\n  delicate\n\n  0  0"), "{out}");
    }

    /// Lines that mean something in an SDF may be in any title and any cell.
    #[test]
    fn marks_of_a_record_in_titles_and_values_are_read_as_they_were() {
        let marks = [
            "M  END",
            "$$$$",
            "> <x>",
            "$RXN",
            "  0  0  0  0  0  0            999 V2000",
        ];
        for mark in marks {
            for value in [
                mark.to_owned(),
                format!("a\n{mark}\nb"),
                format!("a\nb\nc\n{mark}\n{mark}"),
                format!("a\nb\nc\nd\n{mark}\ne"),
                format!("a\n\n\n\nd\n{mark}\ne"),
                block(mark, "N").trim_end().to_owned(),
                format!("a\n{}", block(mark, "N").trim_end()),
                format!("a\nb\nc\nd\ne\n{}", block(mark, "N").trim_end()),
                [block(mark, "N"), block("b", "O")]
                    .concat()
                    .trim_end()
                    .to_owned(),
            ] {
                let quoted = value.replace('"', "\"\"");
                let text = format!("smiles,name,v\nCCO,\"{quoted}\",\"{quoted}\"\nCCN,b,last\n");
                let (header, rows, _) = read(&text, "a.csv");
                let out = written(OutputFormat::Sdf, &header, &rows);
                let (again, reread, notes) = read(&out, "b.sdf");
                assert_eq!(smiles(&reread), ["CCO", "CCN"], "{out}");
                assert_eq!(notes, [], "{out}");
                let lines = |text: &str| -> Vec<String> {
                    text.lines().map(|line| line.trim().to_owned()).collect()
                };
                let cells = column(&again, &reread, "v");
                assert_eq!(lines(cells[0]), lines(&value), "{out}");
                assert_eq!(cells[1], "last", "{out}");
            }
        }
    }

    /// Two columns of a table whose items would be called alike, and one that is as the
    /// other's item would be.
    #[test]
    fn columns_that_are_renamed_stay_apart_and_are_told() {
        let text = "smiles,a>b,a)b,a<b,a(b\nCCO,1,2,3,4\n";
        let (header, rows, _) = read(text, "a.csv");
        let columns = Columns::Standardized;
        let mut writer =
            Writer::new(Vec::new(), OutputFormat::Sdf, &header, columns).expect("a Vec takes all");
        writer.write(&rows[0], None, Ok(())).expect("written");
        let notes: Vec<String> = writer.notes().iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "columns have other names as data items, in which < and > may not stand and of \
                 which no two are called alike: `a>b` is `a)b_2`, `a<b` is `a(b_2`"
            ]
        );
        let out = writer.finish().expect("a Vec takes all");
        let (again, reread, _) = read(&out, "b.sdf");
        assert_eq!(
            again.columns,
            ["name", "smiles", "a)b_2", "a)b", "a(b_2", "a(b"]
        );
        assert_eq!(reread[0].fields[2..], ["1", "2", "3", "4"]);
        // An item called as our column of titles keeps its name.
        let text = block("a", "O") + "> <name>\nb\n\n$$$$\n";
        let (header, rows, _) = read(text, "a.sdf");
        let out = written(OutputFormat::Sdf, &header, &rows);
        assert!(out.contains("> <name>\nb\n"), "{out}");
        let writer = Writer::new(
            Vec::new(),
            OutputFormat::Sdf,
            &header,
            Columns::Standardized,
        );
        assert_eq!(writer.expect("a Vec takes all").notes(), []);
    }

    #[test]
    fn stereo_that_cannot_be_drawn_is_told() {
        let text = "smiles\nCCO\nC[P@](CC)c1ccccc1\nC/C=C/C\n";
        let (header, rows, _) = read(text, "a.csv");
        let columns = Columns::Standardized;
        let mut writer =
            Writer::new(Vec::new(), OutputFormat::Sdf, &header, columns).expect("a Vec takes all");
        for row in &rows {
            writer.write(row, None, Ok(())).expect("written");
        }
        let notes: Vec<String> = writer.notes().iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "1 molecule has stereo that cannot be drawn and is left open in the SDF (the first \
                 in line 3 of the input)"
            ]
        );
    }

    /// Whoever opens drawings and saves a table has the molecules as they were drawn.
    #[test]
    fn a_table_of_drawings_has_their_smiles() {
        let molecules = [
            "C[C@H](N)C(=O)O",
            "C/C=C\\C(=O)[O-].[Na+]",
            "[2H]C([2H])([2H])[NH3+].[Cl-]",
            "C[S@](=O)c1ccccc1",
        ];
        let records = molecules.map(|smiles| {
            let molecule = delicate::chemistry::Molecule::parse(smiles).expect(smiles);
            molecule.to_mol_block("a").expect(smiles) + "> <x>\n1\n\n$$$$\n"
        });
        // What is drawn and has no standard form, and what is no molecule.
        let text = records.concat() + &block("b", "Na") + "$$$$\n" + &block("c", "Q") + "$$$$\n";
        let all = molecules.into_iter().chain(["[CH3][Na]"]);
        let (header, rows, _) = read(&text, "a.sdf");
        let write = |format, header: &Header| {
            let mut writer = Writer::new(Vec::new(), format, header, Columns::Standardized)
                .expect("a Vec takes all");
            for row in &rows {
                let done = delicate::predict::standardize(row, Default::default());
                let result = done.as_ref().map(|_| ());
                let written = writer.write(row, done.as_ref().ok(), result);
                written.expect("a Vec takes all");
            }
            String::from_utf8(writer.finish().expect("a Vec takes all")).expect("text")
        };
        let csv = write(OutputFormat::Csv, &header);
        let mut lines = csv.lines();
        assert_eq!(
            lines.next(),
            Some("smiles,name,x,standardized,changes,error")
        );
        for (smiles, line) in all.clone().zip(lines.by_ref()) {
            assert!(line.starts_with(&format!("{smiles},")), "{line}");
        }
        assert!(
            lines.next().is_some_and(|line| line.starts_with(",c,,,,")),
            "{csv}"
        );
        let json = write(OutputFormat::Json, &header);
        let json: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
        for (row, smiles) in json.iter().zip(all.map(Some).chain([None])) {
            assert_eq!(row["smiles"].as_str(), smiles);
        }
        // It is a table of SMILES to whoever reads it.
        let (again, reread, _) = read(&csv, "b.csv");
        assert_eq!(again.smiles, Some(0));
        assert_eq!(smiles(&reread)[..4], molecules);
        // The blocks themselves say as much, and an item of that name stays the user's.
        assert!(!write(OutputFormat::Sdf, &header).contains("<smiles>"));
        let mut named = header.clone();
        named.columns[1] = "smiles".to_owned();
        let csv = write(OutputFormat::Tsv, &named);
        assert!(
            csv.starts_with("delicate_smiles\tname\tsmiles\tstandardized\t"),
            "{csv}"
        );
    }

    /// What others are to read: drawings with stereo, charges, isotopes, parts and
    /// a thousand atoms, a mol block as it came, values that would end an item.
    fn for_others(folder: &std::path::Path) -> (std::path::PathBuf, Vec<(String, String)>) {
        let chain = "C".repeat(1_000);
        let molecules = [
            ("C[C@H](N)C(=O)O", ">50"),
            ("C[C@@H](N)C(=O)O", "one\n\ntwo"),
            ("C/C=C/C(=O)[O-].[Na+]", "$$$$"),
            ("C/C=C\\C(=O)O", "> <a>"),
            ("[13CH3]C[N+](C)(C)C.[Cl-]", "-1"),
            ("CC=Cc1ccc([N+](=O)[O-])cc1.Cl.Cl", "x"),
            ("C1CCCCCC/C=C/1", "E"),
            ("O=C1CCCC/C=C/[C@H](O)CCO1", "E in a lactone"),
            (chain.as_str(), "long"),
        ];
        let mut text = "id,smiles,note\n".to_owned();
        for (number, (smiles, note)) in molecules.iter().enumerate() {
            text += &format!("m{number},{smiles},\"{note}\"\n");
        }
        let (header, rows, _) = read(text, "a.csv");
        let path = folder.join("out.sdf");
        std::fs::write(&path, written(OutputFormat::Sdf, &header, &rows)).expect("written");
        let expected = molecules.iter().map(|(smiles, note)| {
            let note = match *note {
                "one\n\ntwo" => "one\n \ntwo".to_owned(),
                "$$$$" | "> <a>" => format!(" {note}"),
                note => note.to_owned(),
            };
            ((*smiles).to_owned(), note)
        });
        (path, expected.collect())
    }

    /// What a program prints of each record: its title, a line that tells whether
    /// the molecule is `smiles`, and the item `note`.
    fn compare(program: &mut std::process::Command) {
        let folder = tempfile::tempdir().expect("a directory");
        let (path, expected) = for_others(folder.path());
        let smiles: Vec<&str> = expected.iter().map(|(smiles, _)| smiles.as_str()).collect();
        let smiles = serde_json::to_string(&smiles).expect("JSON");
        let output = program.arg(path).arg(smiles).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        let read: Vec<(String, bool, String)> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {errors}"));
        let wanted: Vec<(String, bool, String)> = (0..)
            .zip(expected)
            .map(|(number, (_, note))| (format!("m{number}"), true, note))
            .collect();
        assert_eq!(read, wanted);
    }

    #[test]
    #[ignore = "needs Python with RDKit"]
    fn an_sdf_is_read_by_rdkit() {
        let python = std::env::var_os("DELICATE_PYTHON").unwrap_or_else(|| "python3".into());
        let script = "
import json, sys
from rdkit import Chem
form = lambda molecule: Chem.MolToSmiles(molecule)
rows = []
for molecule, smiles in zip(Chem.SDMolSupplier(sys.argv[1]), json.loads(sys.argv[2])):
    same = form(molecule) == form(Chem.MolFromSmiles(smiles))
    rows.append((molecule.GetProp('_Name'), same, molecule.GetProp('note')))
print(json.dumps(rows))
";
        compare(std::process::Command::new(python).args(["-c", script]));
    }

    #[test]
    #[ignore = "needs Node with openchemlib"]
    fn an_sdf_is_read_by_openchemlib() {
        let script = "
const { readFileSync } = require('fs');
const { Molecule, SDFileParser } = require('openchemlib');
const parser = new SDFileParser(readFileSync(process.argv[1], 'utf8'), ['note']);
const rows = [];
for (const smiles of JSON.parse(process.argv[2])) {
  parser.next();
  const molecule = parser.getMolecule();
  const same = molecule.getIDCode() === Molecule.fromSmiles(smiles).getIDCode();
  rows.push([molecule.getName(), same, parser.getField('note')]);
}
console.log(JSON.stringify(rows));
";
        compare(std::process::Command::new("node").args(["-e", script]));
    }
}

/// The format in use is the one asked for, whatever the name and content.
#[test]
fn a_format_asked_for_is_taken() {
    let options = ReadOptions {
        format: Some(Format::Smi),
        ..ReadOptions::default()
    };
    let reader = Reader::open_seekable(Cursor::new("smiles,x\nCCO,1\n"), "a.csv", &options);
    assert_eq!(reader.expect("opens").format(), Format::Smi);
}

#[test]
fn text_under_the_name_of_what_packs_it_is_read_and_told() {
    for (name, promised) in [
        ("hits.csv.gz", "a gzip file"),
        ("hits.csv.zst", "a Zstandard file"),
        ("HITS.ZIP", "a zip archive"),
        ("hits.xlsx", "an Excel workbook"),
    ] {
        let (_, rows, notes) = read("smiles,name\nCCO,ethanol\n", name);
        assert_eq!(rows.len(), 1, "{name}");
        assert_eq!(notes, [Note::Misnamed { promised }], "{name}");
    }
    let error = refused("no table\n", "report.xlsx").to_string();
    assert_eq!(
        error,
        "the file is not an Excel workbook, as its name says, but plain text, and no column \
         looks like SMILES; name one of `no table`"
    );
}

#[test]
fn a_packed_file_under_a_plain_name_is_unpacked() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(b"smiles,name\nCCO,ethanol\n")
        .expect("memory can be written to");
    let packed = packed.finish().expect("memory can be written to");
    for name in ["hits.csv", "hits.csv.gz", "hits.xlsx"] {
        let (_, rows, notes) = read(&packed, name);
        assert_eq!(rows.len(), 1, "{name}");
        assert_eq!(notes, [], "{name}");
    }
}

#[test]
fn an_output_that_is_read_again_is_known_for_one() {
    let text = "smiles,standardized,changes\nCCO.Cl,CCO,left out: Cl\n";
    let (header, rows, notes) = read(text, "out.csv");
    let renamed = ["delicate_standardized", "delicate_changes"].map(String::from);
    assert_eq!(notes, [Note::OwnColumns { renamed }]);
    let said = notes[0].to_string();
    assert!(said.contains("`delicate_standardized`"), "{said}");
    // As it is said, so it is written, and nothing of the user's is lost.
    let mut writer = Writer::new(
        Vec::new(),
        OutputFormat::Csv,
        &header,
        Columns::Standardized,
    )
    .expect("begun");
    writer.write(&rows[0], None, Ok(&())).expect("written");
    let written = String::from_utf8(writer.finish().expect("ended")).expect("text");
    assert_eq!(
        written,
        "smiles,standardized,changes,delicate_standardized,delicate_changes,error\n\
         CCO.Cl,CCO,left out: Cl,,,\n"
    );
    // One such name alone is anybody's.
    let (_, _, notes) = read("smiles,changes\nCCO,many\n", "a.csv");
    assert_eq!(notes, []);
}
