//! `delicate index` and `delicate screen --index`, as users have them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const QUERIES: &str = "OC(=O)C(C)c1ccc(CC(C)C)cc1 query\nCn1cnc2c1c(=O)[nH]c(=O)n2C other\n";
const LIBRARY: &str = "id,smiles,note\n\
    ethanol,CCO,\"one, two\"\n\
    broken,c1ccc,\n\
    ketoprofen,CC(C(=O)O)c1cccc(C(=O)c2ccccc2)c1,x\n\
    ibuprofen,CC(C)Cc1ccc(C(C)C(=O)O)cc1,the query\n\
    salt,CC(C)Cc1ccc(C(C)C(=O)[O-])cc1.[Na+],\n\
    caffeine,Cn1cnc2c1c(=O)n(C)c(=O)n2C,\n";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_delicate"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .output()
        .expect("the command runs")
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {message}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("library.csv"), LIBRARY).expect("written");
    fs::write(folder.path().join("queries.smi"), QUERIES).expect("written");
    folder
}

#[test]
fn an_index_ranks_as_its_library_does() {
    let folder = files();
    let folder = folder.path();
    succeed(
        folder,
        &["index", "library.csv", "-q", "-o", "library.index"],
    );
    for by in ["ecfp", "rarity", "embedding", "both"] {
        let rows = |library: &[&str]| {
            let usual = ["--queries", "queries.smi", "--by", by, "-q"];
            let all = [&["screen"], library, &usual[..]].concat();
            let text = succeed(folder, &all);
            let mut rows = csv::Reader::from_reader(text.as_bytes());
            let header: Vec<String> = rows
                .headers()
                .expect("a header")
                .iter()
                .map(str::to_owned)
                .collect();
            let rows = rows.records().map(|row| row.expect("a row"));
            let rows: Vec<Vec<String>> = rows
                .map(|row| row.iter().map(str::to_owned).collect())
                .collect();
            (header, rows)
        };
        let (header, exact) = rows(&["library.csv"]);
        let (of_index, found) = rows(&["--index", "library.index"]);
        assert_eq!(header, of_index);
        assert_eq!(exact.len(), 5);
        assert_eq!(found.len(), 5);
        let tolerance = match by {
            "ecfp" | "rarity" => 0.0,
            _ => 0.01,
        };
        for row in &exact {
            let same = found
                .iter()
                .find(|other| other[0] == row[0])
                .expect("found");
            let value = |row: &[String]| row[3].parse::<f32>().expect("a number");
            assert!(
                (value(row) - value(same)).abs() <= tolerance,
                "{row:?} {same:?}"
            );
            // The user's columns, the nearest query and the standard form.
            assert_eq!(row[..3], same[..3]);
            assert_eq!(row[4..], same[4..]);
        }
    }
}

#[test]
fn what_was_made_otherwise_is_refused_by_name() {
    let folder = files();
    let folder = folder.path();
    succeed(folder, &["index", "library.csv", "-q", "-o", "all.index"]);
    succeed(
        folder,
        &[
            "index",
            "library.csv",
            "-q",
            "--by",
            "ecfp",
            "-o",
            "prints.index",
        ],
    );
    succeed(
        folder,
        &["standardize", "library.csv", "-q", "-o", "no.parquet"],
    );
    let screen = |more: &[&str]| {
        let output = run(
            folder,
            &[&["screen", "--queries", "queries.smi", "-q"], more].concat(),
        );
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), message)
    };
    let (code, message) = screen(&["--index", "all.index", "--keep-salts"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("--keep-salts"), "{message}");
    let (code, message) = screen(&["--index", "prints.index"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("--by ecfp"), "{message}");
    let (code, message) = screen(&["--index", "no.parquet"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("delicate index"), "{message}");
    let (code, message) = screen(&["--index", "library.csv"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("library.csv: it is no index"), "{message}");
    let (code, message) = screen(&["--index", "all.index", "prints.index", "--by", "ecfp"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("than the first"), "{message}");
    // Fingerprints need no model, whichever the index was made with.
    let (code, message) = screen(&["--index", "prints.index", "--by", "ecfp"]);
    assert_eq!(code, Some(0), "{message}");
    // Another model.
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/delicate-admet");
    let (code, message) = screen(&["--index", "all.index", "--model", model]);
    assert_eq!(code, Some(1));
    assert!(
        message.contains("it was made with the model `"),
        "{message}"
    );
    assert!(message.contains("delicate-admet"), "{message}");
}

#[test]
fn shards_of_a_library_are_searched_as_one() {
    let folder = files();
    let folder = folder.path();
    succeed(
        folder,
        &["standardize", "library.csv", "-q", "-o", "library.parquet"],
    );
    let index = |shard: &str, name: &str| {
        let usual = ["index", "library.parquet", "-q", "--by", "ecfp"];
        succeed(
            folder,
            &[&usual[..], &["--shard", shard, "-o", name]].concat(),
        );
    };
    index("1/2", "a.index");
    index("2/2", "b.index");
    index("1/1", "whole.index");
    let screen = |files: &[&str]| {
        let usual = [
            "screen",
            "--queries",
            "queries.smi",
            "--by",
            "ecfp",
            "-q",
            "--index",
        ];
        succeed(folder, &[&usual[..], files].concat())
    };
    let whole = screen(&["whole.index"]);
    assert_eq!(whole.lines().count(), 6);
    assert_eq!(screen(&["a.index", "b.index"]), whole);
}

#[test]
fn an_index_that_is_named_twice_is_refused() {
    let files = files();
    let folder = files.path();
    succeed(folder, &["index", "library.csv", "-q", "-o", "a.index"]);
    let mut names = vec!["a.index", "./a.index"];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("a.index", folder.join("link.index")).expect("a link");
        names.push("link.index");
    }
    for second in names {
        let both = ["--index", "a.index", "--index", second];
        let output = run(
            folder,
            &[&["screen", "--queries", "queries.smi"], &both[..]].concat(),
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert_ne!(output.status.code(), Some(0), "{second}");
        assert!(
            said.contains(&format!("{second}: this index is named twice")),
            "{said}"
        );
        assert!(output.stdout.is_empty(), "{second}");
    }
}
