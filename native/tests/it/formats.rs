//! What the command says about the files it is given and asked for.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output};

use flate2::read::GzDecoder;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_delicate"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .output()
        .expect("the command runs")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

#[test]
fn a_name_that_promises_another_format_is_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().expect("a directory");
    for name in [
        "a.xlsx",
        "a.feather",
        "a.csv.zst",
        "a.zip",
        "a.smi",
        "a.xls.gz",
    ] {
        let output = run(folder.path(), &["score", "absent.smi", "-o", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let message = stderr(&output);
        assert!(message.contains("cannot write ."), "{name}: {message}");
        assert!(
            message.contains(".csv, .tsv, .json, .jsonl or .sdf"),
            "{message}"
        );
    }
}

#[test]
fn endings_in_any_case_tell_format_and_compression() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("in.csv"), "id,smiles\na,CCO\nb,CC(N)C\n").expect("written");
    let score = |name: &str| {
        let output = run(folder.path(), &["embed", "in.csv", "-q", "-o", name]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        let bytes = fs::read(folder.path().join(name)).expect("there");
        if !name.to_lowercase().ends_with(".gz") {
            return String::from_utf8(bytes).expect("text");
        }
        let mut text = String::new();
        let mut unpacked = GzDecoder::new(bytes.as_slice());
        unpacked.read_to_string(&mut text).expect("whole gzip");
        text
    };
    let csv = score("a.csv");
    assert!(csv.starts_with("id,smiles,embedding_0,"));
    assert_eq!(score("a.CSV.GZ"), csv);
    for plain in ["a.txt", "a", ".a", "a.gz"] {
        assert_eq!(score(plain), csv, "{plain}");
    }
    assert!(score("a.TSV").starts_with("id\tsmiles\tembedding_0\t"));
    assert!(score("a.JSON").starts_with("[\n{\"id\":\"a\""));
    assert!(score("a.jsonl.gz").starts_with("{\"id\":\"a\""));
    let sdf = score("a.sdf");
    assert_eq!(score("a.sdf.gz"), sdf);
    assert_eq!(sdf.matches("$$$$\n").count(), 2);
    assert!(sdf.starts_with("a\n  delicate"), "{sdf}");
    // And it is read again.
    fs::write(folder.path().join("b.sdf"), &sdf).expect("written");
    let output = run(folder.path(), &["embed", "b.sdf", "-q", "--format", "csv"]);
    let again = String::from_utf8(output.stdout).expect("text");
    let value = csv.lines().nth(2).and_then(|line| line.split(',').nth(2));
    let line = again.lines().nth(2).expect("a second row");
    assert!(line.starts_with("CC(C)N,b,b,CC(N)C,"), "{line}");
    assert_eq!(line.split(',').nth(4), value);
}

#[test]
fn an_ending_that_names_no_format_is_refused_unless_the_format_is_said() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("in.smi"), "CCO\n").expect("written");
    for (command, more) in [
        ("properties", &[][..]),
        ("screen", &["--queries", "in.smi", "--by", "ecfp"]),
    ] {
        for name in ["a.foo", "a.scored.gz", "a.2026"] {
            let arguments = [&[command, "in.smi", "-o", name], more].concat();
            let refused = run(folder.path(), &arguments);
            assert_eq!(refused.status.code(), Some(2), "{command} {name}");
            let message = stderr(&refused);
            assert!(message.contains("names no format"), "{message}");
            assert!(message.contains(".csv, .tsv, .json"), "{message}");
            assert!(!folder.path().join(name).exists());
            let said = run(
                folder.path(),
                &[&arguments[..], &["--format", "tsv"]].concat(),
            );
            assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
            assert!(folder.path().join(name).exists());
            fs::remove_file(folder.path().join(name)).expect("removed");
        }
    }
}

#[test]
fn a_folder_or_another_format_s_name_is_no_output() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::create_dir(folder.path().join("made.parquet")).expect("made");
    fs::write(folder.path().join("in.smi"), "CCO\n").expect("written");
    for (output, more, words) in [
        (
            ".",
            &[][..],
            "this is a folder: name a file in it, such as ./scored.csv",
        ),
        ("made.parquet", &[], "this is a folder"),
        ("made.parquet", &["--resume"], "this is a folder"),
        ("new/", &[], "this is a folder"),
        ("a.csv.gz", &["--format", "parquet"], "leave out the .gz"),
        ("a.csv", &["--format", "parquet"], "name it .parquet"),
    ] {
        let arguments = [&["properties", "in.smi", "-o", output], more].concat();
        let refused = run(folder.path(), &arguments);
        let message = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 2);
}

#[test]
fn a_path_that_is_not_what_belongs_there_is_answered_with_what_does() {
    let folder = tempfile::tempdir().expect("a directory");
    for name in ["folder", "run"] {
        fs::create_dir(folder.path().join(name)).expect("made");
    }
    fs::write(folder.path().join("run/config.toml"), "").expect("written");
    fs::write(folder.path().join("in.smi"), "CCO\n").expect("written");
    for (arguments, words) in [
        (
            &["score", "none.csv"][..],
            "none.csv: there is no such file; a file of molecules",
        ),
        (
            &["score", "folder"],
            "folder: this is a folder, and a file of molecules",
        ),
        (&["score", "run"], "--model run/model"),
        (
            &["score", "in.smi", "--model", "none"],
            "none: there is no such folder; a model",
        ),
        (
            &["score", "in.smi", "--model", "in.smi"],
            "in.smi: this is a file, and a model",
        ),
        (
            &["embed", "in.smi", "--model", "folder"],
            "folder: this folder is no model",
        ),
        (
            &["standardize", "no/where.sdf"],
            "there is no folder no; a file of molecules",
        ),
        (
            &["screen", "in.smi", "--queries", "none.smi"],
            "none.smi: there is no such file",
        ),
        (
            &["screen", "--index", "none", "--queries", "in.smi"],
            "none: there is no such file; an index",
        ),
        (
            &["screen", "--index", "folder", "--queries", "in.smi"],
            "this is a folder, and an index",
        ),
        (
            &["screen", "--benchmark", "in.smi"],
            "this is a file, and a folder of a screening",
        ),
        (
            &["mcp", "--index", "none"],
            "none: there is no such file; an index",
        ),
        (
            &["evaluate", "none"],
            "there is no such file or folder; a run directory",
        ),
        (&["evaluate", "folder"], "this folder is no run"),
        (
            &["evaluate", "in.smi", "--endpoint", "x"],
            "no endpoint `x`; name one",
        ),
        (
            &["finetune", "none.csv", "--label", "y", "-o", "x"],
            "none.csv: there is no such file; a table",
        ),
        (
            &["finetune", "delicate-small", "-o", "x"],
            "esol.csv: there is no such table",
        ),
        (
            &["finetune", "none", "-o", "x"],
            "no built-in configuration is called so",
        ),
        (
            &["pretrain", "in.smi", "-o", "x"],
            "delicate pretrain delicate-small --train in.smi",
        ),
        (
            &["pretrain", "delicate-small", "--train", "-", "-o", "x"],
            "-: there is no such file",
        ),
        (
            &["distill", "delicate-small", "--teacher", "none", "-o", "x"],
            "there is no such folder; a model",
        ),
        (
            &["import", "none", "-o", "x"],
            "there is no such file or folder; a checkpoint",
        ),
        (
            &["import", "folder", "-o", "x"],
            "this folder has no config.json",
        ),
        (
            &["resume", "none"],
            "there is no such folder; a run directory",
        ),
        (&["resume", "in.smi"], "this is a file, and a run directory"),
        (
            &["report", "none"],
            "there is no such folder; a run directory",
        ),
        (
            &["export", "none", "-o", "x"],
            "there is no such folder; a model directory",
        ),
        (
            &["describe", "in.smi", "delicate-small"],
            "this is a file, and a model directory",
        ),
        (
            &["endpoints", "--model", "none"],
            "there is no such folder; a model directory",
        ),
    ] {
        let refused = run(folder.path(), arguments);
        let message = stderr(&refused);
        let code = refused.status.code();
        assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {message}");
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
    let refused = run(folder.path(), &["explain", "in.smi"]);
    assert_eq!(refused.status.code(), Some(2));
    let message = stderr(&refused);
    assert!(message.contains("delicate score in.smi"), "{message}");
}

#[test]
fn what_was_guessed_or_left_out_is_said_once() {
    let folder = tempfile::tempdir().expect("a directory");
    let table = "# by hand\nStructure,Compound SMILES\n1.png,CCO\n2.png,CCN\n";
    fs::write(folder.path().join("in.csv"), table).expect("written");
    let output = run(folder.path(), &["embed", "in.csv", "-q"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stderr(&output),
        "in.csv: 1 line that begins with # before the table: read as comments\n\
         in.csv: SMILES are read from the column `Compound SMILES`, not from `Structure`\n"
    );
}

#[test]
fn names_with_line_breaks_stay_on_the_line_of_their_message() {
    let folder = tempfile::tempdir().expect("a directory");
    let said = |table: &str, arguments: &[&str]| {
        fs::write(folder.path().join("in.csv"), table).expect("written");
        let arguments = [&["standardize", "in.csv", "-q", "-o", "out"], arguments].concat();
        stderr(&run(folder.path(), &arguments)).to_owned()
    };
    let table = "\"my\nSMILES\",structure,\"a\nb\"\nCCO,x,y\n";
    assert_eq!(
        said(table, &["--format", "sdf"]),
        "in.csv: SMILES are read from the column `my\\nSMILES`, not from `structure`\n\
         out: columns have other names as data items, in which < and > may not stand and of which \
         no two are called alike: `my\\nSMILES` is `my SMILES`, `a\\nb` is `a b`\n"
    );
    let wrong = said(table, &["--format", "csv", "--smiles-column", "c\nd"]);
    assert_eq!(
        wrong,
        "delicate: in.csv: no column `c\\nd`; the table has `my\\nSMILES`, `structure`, `a\\nb`\n"
    );
    let failed = said("\"my\n\u{1b}[2JSMILES\"\n(\n", &["--format", "csv"]);
    assert_eq!(failed.lines().count(), 1, "{failed}");
    assert!(!failed.contains('\u{1b}'), "{failed}");
}

#[test]
fn a_file_of_which_every_row_fails_for_one_reason_ends_with_it() {
    let folder = tempfile::tempdir().expect("a directory");
    let table = "smiles of alcohols\nCCO,1\nCCCO,2\nCCCCO,3\n";
    fs::write(folder.path().join("in.csv"), table).expect("written");
    let output = run(folder.path(), &["embed", "in.csv", "-o", "out.csv"]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("all 3 rows fail for one reason, first in line 2: the row has 2 fields"),
        "{message}"
    );
    assert!(
        message.contains("remove what stands above the table"),
        "{message}"
    );
    // Its rows are there, each with its error.
    let written = fs::read_to_string(folder.path().join("out.csv")).expect("there");
    assert_eq!(written.lines().count(), 4);
}

#[test]
fn a_molecule_in_place_of_a_file_and_a_folder_that_is_not_there_are_named() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("in.smi"), "CCO\n").expect("written");
    let said = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        stderr(&output).to_owned()
    };
    let message = said(&["score", "CC(=O)Nc1ccc(O)cc1"]);
    assert!(
        message.contains("it reads as a SMILES: put it into a file")
            && message.contains("`delicate explain 'CC(=O)Nc1ccc(O)cc1'`"),
        "{message}"
    );
    let message = said(&["score", "none.csv"]);
    assert!(!message.contains("SMILES"), "{message}");
    for command in [
        &["score", "in.smi"][..],
        &["standardize", "in.smi"],
        &["screen", "in.smi", "--queries", "in.smi", "--by", "ecfp"],
    ] {
        let message = said(&[command, &["-o", "missing/folder/x.csv"]].concat());
        assert!(
            message.contains("writing missing/folder/x.csv: there is no folder missing/folder"),
            "{message}"
        );
    }
}

/// What docs/other-tools.md says of escapes in workbooks.
#[test]
fn escapes_in_a_workbook_come_as_excel_shows_them() {
    let folder = tempfile::tempdir().expect("a directory");
    let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |cells: [&str; 3]| format!("<row>{}</row>", cells.map(text).concat());
    let sheet = [
        row(["Sample_x005F_x0020_Name", "SMILES", "IC50_x000D_ (nM)"]),
        row(["cells_x0020_B", "CCO", "1"]),
        row(["cells_x005F_x0020_C", "CCN", "2"]),
    ];
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let parts = [
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"S\" \
                 sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" \
                 Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(
                "<worksheet xmlns=\"{main}\"><sheetData>{}</sheetData></worksheet>",
                sheet.concat()
            ),
        ),
    ];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, part) in parts {
        archive.start_file(name, stored).expect("begun");
        archive.write_all(part.as_bytes()).expect("written");
    }
    let bytes = archive.finish().expect("finished").into_inner();
    fs::write(folder.path().join("in.xlsx"), bytes).expect("written");
    let output = run(folder.path(), &["standardize", "in.xlsx", "-q"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let written = String::from_utf8(output.stdout.clone()).expect("text");
    assert_eq!(
        written,
        "Sample_x0020_Name,SMILES,\"IC50\r (nM)\",standardized,changes,error\n\
         cells B,CCO,1,CCO,,\n\
         cells_x0020_C,CCN,2,CCN,,\n"
    );
}

/// What docs/other-tools.md says of titles and items, and of racemates.
#[test]
fn a_title_stands_beside_an_item_called_id_and_a_racemate_is_the_enantiomer_drawn() {
    let folder = tempfile::tempdir().expect("a directory");
    // (R)-butan-2-ol as an AND group, and as it is; 2D, with a wedge.
    let record = |title: &str, id: &str, group: &str| {
        format!(
            "{title}\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\n\
             M  V30 COUNTS 5 4 0 0 1\nM  V30 BEGIN ATOM\nM  V30 1 C -1.5 0 0 0\n\
             M  V30 2 C 0 0.75 0 0\nM  V30 3 C 1.5 0 0 0\nM  V30 4 C 3 0.75 0 0\n\
             M  V30 5 O 0 2.25 0 0\nM  V30 END ATOM\nM  V30 BEGIN BOND\nM  V30 1 1 1 2\n\
             M  V30 2 1 2 3\nM  V30 3 1 3 4\nM  V30 4 1 2 5 CFG=1\nM  V30 END BOND\n{group}\
             M  V30 END CTAB\nM  END\n> <ID>\n{id}\n\n$$$$\n"
        )
    };
    let group = "M  V30 BEGIN COLLECTION\nM  V30 MDLV30/STERAC1 ATOMS=(1 2)\n\
                 M  V30 END COLLECTION\n";
    let text = record("racemate", "A-1", group) + &record("enantiomer", "A-2", "");
    fs::write(folder.path().join("in.sdf"), text).expect("written");
    // It reads stereo, which the built-in model does not.
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/delicate-small");
    let output = run(
        folder.path(),
        &[
            "score", "in.sdf", "-q", "--format", "jsonl", "--model", model,
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let written = String::from_utf8(output.stdout.clone()).expect("text");
    let rows: Vec<serde_json::Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let columns = |row: &serde_json::Value| [row["name"].clone(), row["ID"].clone()];
    assert_eq!(columns(&rows[0]), ["racemate", "A-1"]);
    assert_eq!(columns(&rows[1]), ["enantiomer", "A-2"]);
    let smiles = rows[0]["standardized"]["smiles"].as_str().expect("a form");
    assert!(smiles.contains('@'), "{smiles}");
    assert_eq!(rows[0]["smiles"], smiles, "as it was drawn");
    assert_eq!(rows[0]["standardized"], rows[1]["standardized"]);
    assert_eq!(rows[0]["scores"], rows[1]["scores"]);
}
