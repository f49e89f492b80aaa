//! What the command says about the files it is given and asked for.

use std::fs;
use std::io::Read;
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
        "a.PARQUET",
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
    assert_eq!(score("a.out"), csv);
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
    assert!(line.starts_with("b,b,CC(N)C,"), "{line}");
    assert_eq!(line.split(',').nth(3), value);
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
