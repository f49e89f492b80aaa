//! `delicate evaluate` on a table, as its users run it.

use std::fs;
use std::process::Command;

const TABLE: &str = "smiles,y,z,z\n\
    CCO,1.1,1,2\n\
    c1ccc,2,1,2\n\
    CCN,-0.5,1,2\n\
    CCCC,>3,1,2\n\
    CCCCO,0.3,1,2\n\
    c1ccccc1O,-1,1,2\n\
    CC(=O)Nc1ccc(O)cc1,-1.2,1,1\n";

/// The exit code and what was said.
fn evaluated(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("table.csv"), TABLE).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_delicate"))
        .args(["evaluate", "table.csv", "--endpoint", "log_s"])
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .output()
        .expect("the command runs");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code(), said)
}

#[test]
fn skipped_rows_are_listed_or_counted() {
    let (code, said) = evaluated(&["--label", "y"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("table.csv, line 5: skipped: "), "{said}");
    assert!(!said.contains("1 row skipped"), "{said}");
    assert!(
        said.contains("1 of 6 molecules could not be scored"),
        "{said}"
    );

    let (code, said) = evaluated(&["--label", "y", "-q"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("table.csv: 1 row skipped; first: line 5: "),
        "{said}"
    );
    assert!(
        said.contains("1 of 6 molecules could not be scored"),
        "{said}"
    );
}

#[test]
fn a_label_that_several_columns_may_be_is_refused() {
    for quiet in [&[][..], &["-q"]] {
        let (code, said) = evaluated(&[&["--label", "z"], quiet].concat());
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("`z` may be any of `z (column 3)`, `z (column 4)`: rename all but one"),
            "{said}"
        );
    }
}
