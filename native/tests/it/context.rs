//! What values mean: words for endpoints, percentiles among known molecules, properties
//! and alerts.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::command::{run, run_with_input, stderr};

/// A copy of the built-in model.
fn copy(folder: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/delicate-small");
    let to = folder.join("model");
    fs::create_dir(&to).expect("made");
    for entry in fs::read_dir(from).expect("a model") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
    to
}

fn stdout(output: &std::process::Output) -> String {
    super::command::stdout(output).to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn config(model: &Path) -> Value {
    let json = fs::read(model.join("config.json")).expect("there");
    serde_json::from_slice(&json).expect("JSON")
}

/// A hundred and twenty molecules, every one twice, and a column that parts them.
fn molecules() -> String {
    let mut table = String::from("smiles,kind\n");
    for length in 1..=60 {
        let chain = "C".repeat(length);
        table += &format!("{chain}O,alcohol\n{chain}N,amine\nO{chain},alcohol\n");
    }
    table
}

#[test]
fn a_reference_gives_percentiles_in_columns_and_words() {
    let folder = tempfile::tempdir().expect("a directory");
    let model = copy(folder.path());
    let table = folder.path().join("molecules.csv");
    fs::write(&table, molecules()).expect("written");
    let made = run(&[
        "reference",
        text(&table),
        "--model",
        text(&model),
        "--name",
        "short chains",
        "--source",
        "made up",
    ]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    assert!(
        stderr(&made).contains("among 120 short chains; left out: 60 repeated"),
        "{}",
        stderr(&made)
    );
    let config = config(&model);
    assert_eq!(config["reference"]["molecules"], 120);
    assert_eq!(config["reference"]["source"], "made up");
    let quantiles = config["endpoints"][0]["quantiles"].as_array();
    assert_eq!(quantiles.map(Vec::len), Some(101));

    let scored = ["score", "-", "-q", "--percentiles", "--model", text(&model)];
    let chosen = [&scored[..], &["--endpoints", "esol"]].concat();
    // A chain in the middle, and one more soluble than nearly all.
    let input = format!("smiles\n{}O\nOCC(O)C(O)C(O)C(O)CO\n", "C".repeat(30));
    let output = run_with_input(&chosen, input.as_bytes());
    let written = stdout(&output);
    let mut lines = written.lines();
    let header = lines.next().expect("a header");
    assert!(
        header.starts_with("smiles,esol,esol_percentile,"),
        "{header}"
    );
    let percentiles: Vec<f64> = lines
        .map(|line| line.split(',').nth(2).expect("a cell"))
        .map(|cell| cell.parse().expect("a number"))
        .collect();
    assert!((20.0..80.0).contains(&percentiles[0]), "{percentiles:?}");
    assert!(percentiles[1] > 95.0, "{percentiles:?}");

    let json = [&chosen[..], &["--format", "jsonl"]].concat();
    let output = run_with_input(&json, input.as_bytes());
    let first = stdout(&output);
    let first = first.lines().next().expect("a row");
    let row: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!(row["scores"]["esol"]["percentile"], percentiles[0]);
    assert_eq!(row["scores"]["esol"]["higher"], "more soluble");

    let explained = run(&["explain", "CCO", "--model", text(&model)]);
    let said = stdout(&explained);
    assert!(
        said.contains("more soluble than ") && said.contains(" % of short chains"),
        "{said}"
    );

    // It belongs to this model's configuration, and to no other.
    let path = model.join("config.json");
    let altered = fs::read_to_string(&path).expect("there");
    let altered = altered.replacen("\"quantiles\": [", "\"quantiles\": [-99.0, ", 1);
    fs::write(&path, altered).expect("written");
    let refused = run_with_input(&chosen, input.as_bytes());
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("has changed since"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn rows_of_a_reference_are_chosen_by_a_column() {
    let folder = tempfile::tempdir().expect("a directory");
    let model = copy(folder.path());
    let table = folder.path().join("molecules.csv");
    fs::write(&table, molecules()).expect("written");
    let reference = |more: &[&str]| {
        let named = ["--model", text(&model), "--name", "chains"];
        run(&[&["reference", text(&table)], &named[..], more].concat())
    };
    let few = reference(&["--only", "kind=amine"]);
    assert_eq!(few.status.code(), Some(2));
    assert!(stderr(&few).contains("60 molecules"), "{}", stderr(&few));
    let unknown = reference(&["--only", "colour=red"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("no table has a column `colour`"));
    let built_in = run(&["reference", text(&table), "--name", "chains"]);
    assert_eq!(built_in.status.code(), Some(2));
    assert!(stderr(&built_in).contains("--model"));
}

#[test]
fn a_model_takes_over_the_words_of_a_configuration_and_no_number() {
    let folder = tempfile::tempdir().expect("a directory");
    let model = copy(folder.path());
    let before = config(&model);
    let words = folder.path().join("words.toml");
    let endpoint = |unit: &str| {
        format!(
            "kind = \"finetune\"\nname = \"other\"\nlicense = \"MIT\"\npreset = \"delicate-small\"\nepochs = 3\n\
             [[endpoints]]\nname = \"esol\"\ntitle = \"Solubility\"\nunit = \"{unit}\"\n\
             file = \"a.csv\"\nhigher = \"wetter\"\nlower = \"drier\"\n\
             threshold = {{ value = -4.0, above = \"wet\", below = \"dry\", source = \"a book\" }}\n"
        )
    };
    fs::write(&words, endpoint("log mol/L")).expect("written");
    let described = run(&["describe", text(&model), text(&words)]);
    assert_eq!(described.status.code(), Some(0), "{}", stderr(&described));
    assert!(
        stderr(&described).contains("1 of 5 endpoints"),
        "{}",
        stderr(&described)
    );
    let mut after = config(&model);
    assert_eq!(after["endpoints"][0]["higher"], "wetter");
    assert_eq!(
        after["endpoints"][0]["scaling"],
        before["endpoints"][0]["scaling"]
    );
    // All else is as it was, but for the digest.
    for index in 1..5 {
        assert_eq!(after["endpoints"][index], before["endpoints"][index]);
    }
    for field in ["name", "files", "hidden_size"] {
        assert_eq!(after[field].take(), before[field]);
    }
    let listed = stdout(&run(&["endpoints", "--model", text(&model)]));
    let expected = "Higher: wetter; lower: drier. From -4 log mol/L on: wet; below: dry (a book).";
    assert!(listed.contains(expected), "{listed}");
    let explained = stdout(&run(&["explain", "CCO", "--model", text(&model)]));
    assert!(
        explained.contains("at or above -4: wet (a book)"),
        "{explained}"
    );

    fs::write(&words, endpoint("mol")).expect("written");
    let other = run(&["describe", text(&model), text(&words)]);
    assert_eq!(other.status.code(), Some(1));
    assert!(
        stderr(&other).contains("`esol` is not the model's"),
        "{}",
        stderr(&other)
    );
}

#[test]
fn properties_stand_alone_and_beside_scores() {
    let input = b"smiles,name\nCC(=O)Oc1ccccc1C(=O)O,aspirin\nO=C1C=CC(=O)C=C1,quinone\nX,none\n";
    let alone = run_with_input(&["properties", "-", "-q"], input);
    let written = stdout(&alone);
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(
        lines[0],
        "smiles,name,mol_wt,crippen_log_p,tpsa,h_bond_donors,h_bond_acceptors,rotatable_bonds,\
         rule_of_five_violations,qed,pains_alerts,pains,brenk_alerts,brenk,standardized,changes,\
         error"
    );
    assert!(
        lines[1].contains(",aspirin,180.159,1.3101,63.6,1,3,2,0,0.5501,0,,1,phenol_ester,"),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains(",1,quinone_A(370),"), "{}", lines[2]);
    assert!(
        lines[3].starts_with("X,none,,,,,,,,,,,,,,,"),
        "{}",
        lines[3]
    );

    let beside = ["score", "-", "-q", "--properties", "--endpoints", "log_s"];
    let table = stdout(&run_with_input(&beside, input));
    let header = table.lines().next().expect("a header");
    assert!(header.starts_with("smiles,name,log_s,mol_wt,"), "{header}");
    let json = [&beside[..], &["--format", "json"]].concat();
    let rows: Value = serde_json::from_str(&stdout(&run_with_input(&json, input))).expect("JSON");
    assert_eq!(rows[0]["properties"]["h_bond_acceptors"], 3);
    assert_eq!(rows[0]["properties"]["brenk"][0], "phenol_ester");
    assert!(rows[0]["scores"]["log_s"]["value"].is_number());
    assert!(rows[2]["properties"].is_null() && rows[2]["scores"].is_null());
}
