//! Training on a table of one's own, as its users run it.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Drugs, by their public SMILES.
const DRUGS: [&str; 64] = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CC(=O)Nc1ccc(O)cc1",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "COc1ccc2cc(ccc2c1)C(C)C(=O)O",
    "CN1CCCC1c1cccnc1",
    "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "CCN(CC)CCOC(=O)c1ccc(N)cc1",
    "CCOC(=O)c1ccc(N)cc1",
    "CC(C)NCC(O)COc1cccc2ccccc12",
    "CC(C)NCC(O)COc1ccc(CC(N)=O)cc1",
    "CNCCC(Oc1ccc(cc1)C(F)(F)F)c1ccccc1",
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc12",
    "CN(C)CCCN1c2ccccc2CCc2ccccc12",
    "CN(C)CCCN1c2ccccc2Sc2ccc(Cl)cc12",
    "CNC1CCC(c2ccc(Cl)c(Cl)c2)c2ccccc12",
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "CC(N)Cc1ccccc1",
    "CNC(C)C(O)c1ccccc1",
    "NCCc1ccc(O)c(O)c1",
    "NC(Cc1ccc(O)c(O)c1)C(=O)O",
    "CN(C)C(=N)NC(N)=N",
    "Nc1ccc(cc1)S(N)(=O)=O",
    "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",
    "COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC",
    "NC(=O)c1cnccn1",
    "NNC(=O)c1ccncc1",
    "OC(=O)c1ccccc1O",
    "OC(=O)c1ccccc1Nc1cccc(C(F)(F)F)c1",
    "Cc1cccc(Nc2ccccc2C(=O)O)c1C",
    "OC(=O)Cc1ccccc1Nc1c(Cl)cccc1Cl",
    "CC1=CC(=O)c2ccccc2C1=O",
    "CC(=O)CC(c1ccccc1)c1c(O)c2ccccc2oc1=O",
    "NS(=O)(=O)c1cc2c(cc1Cl)NCNS2(=O)=O",
    "NS(=O)(=O)c1cc(C(=O)O)c(NCc2ccco2)cc1Cl",
    "CCC1(c2ccccc2)C(=O)NC(=O)NC1=O",
    "O=C1NC(=O)C(c2ccccc2)(c2ccccc2)N1",
    "NC(=O)N1c2ccccc2C=Cc2ccccc12",
    "CCCC(CCC)C(=O)O",
    "NCC1(CC(=O)O)CCCCC1",
    "CC(CN)CC(=O)O",
    "CCC1(CC)C(=O)NC(=O)NC1=O",
    "CC(C)CC1(CC=C)C(=O)NC(=O)NC1=O",
    "CCCC(C)(COC(N)=O)COC(N)=O",
    "Cc1ncc([N+](=O)[O-])n1CCO",
    "O=c1[nH]cnc2[nH]ncc12",
    "Nc1nc2[nH]cnc2c(=O)n1COCCO",
    "O=c1[nH]cc(F)c(=O)[nH]1",
    "CC(C)c1cccc(C(C)C)c1O",
    "CCOc1ccc(NC(C)=O)cc1",
    "CN1CCN(CC1)C(c1ccccc1)c1ccccc1",
    "CN(C)CCOC(c1ccccc1)c1ccccc1",
    "CN(C)CCC(c1ccc(Cl)cc1)c1ccccn1",
    "OC(CCN1CCCCC1)(c1ccccc1)C1CCCCC1",
    "CCOC(=O)C1(c2ccccc2)CCN(C)CC1",
    "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1",
    "COC1(c2cccc(O)c2)CCCCC1CN(C)C",
    "CC(NC(C)(C)C)C(=O)c1cccc(Cl)c1",
    "COc1ccc(cc1)C(CN(C)C)C1(O)CCCCC1",
    "Clc1cccc(Cl)c1N=C1NCCN1",
    "NC(N)=NC(=O)c1c(Cl)cccc1Cl",
    "CCN1CCCC1CNC(=O)c1cc(S(N)(=O)=O)ccc1OC",
    "CCN(CC)CCNC(=O)c1ccc(N)cc1",
    "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)O",
];

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command here.
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_delicate"))
            .env_remove("DELICATE_MODEL")
            .env("DELICATE_DEVICE", "cpu")
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .expect("the command runs")
    }

    /// Trains on `file` for an epoch what must succeed: stdout and stderr.
    fn trained(&self, file: &str, more: &[&str]) -> (String, String) {
        let mut arguments = vec!["finetune", file, "--epochs", "1"];
        arguments.extend(more);
        let output = self.run(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        (text(&output.stdout), said)
    }

    /// Runs what must end before the run directory is made; what it says.
    fn refused(&self, file: &str, more: &[&str], code: i32) -> String {
        let mut arguments = vec!["finetune", file, "-o", "refused"];
        arguments.extend(more);
        let output = self.run(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!self.join("refused").exists(), "{arguments:?}");
        said
    }

    /// Writes a table of the first `rows` drugs with the columns that `cells`
    /// makes of place and SMILES.
    fn table(&self, name: &str, header: &str, rows: usize, cells: impl Fn(usize, &str) -> String) {
        let mut table = format!("id,Canonical SMILES,{header}\n");
        for (i, smiles) in DRUGS.iter().take(rows).enumerate() {
            table.push_str(&format!("D{i},{smiles},{}\n", cells(i, smiles)));
        }
        std::fs::write(self.join(name), table).expect("written");
    }

    fn json(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.join(name)).expect("written");
        assert!(
            !text.contains("NaN") && !text.contains("Infinity"),
            "{name}"
        );
        serde_json::from_str(&text).expect("JSON")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn size(smiles: &str) -> f64 {
    smiles.len() as f64 / 10.0
}

fn is_amine(smiles: &str) -> bool {
    smiles.contains('N')
}

#[test]
fn a_table_becomes_a_model_that_scores() {
    let place = Place::new();
    place.table("my assay.csv", "pIC50,active", 64, |i, smiles| {
        let class = if is_amine(smiles) {
            "active"
        } else {
            "Inactive"
        };
        match i {
            3 => format!("nan,{class}"),
            4 => ",NA".to_owned(),
            9 | 20 => format!(">10,{class}"),
            12 => format!("\"1,5\",{class}"),
            15 => format!("5 - 10,{class}"),
            18 => format!("inf,{class}"),
            _ => format!("{},{class}", size(smiles)),
        }
    });
    let path = place.join("my assay.csv");
    let mut table = std::fs::read_to_string(&path).expect("a table");
    table.push_str("D64,C1CC,3.3,active\n");
    std::fs::write(&path, table).expect("written");

    let (stdout, stderr) = place.trained(
        "my assay.csv",
        &[
            "--label", "pic50", "--label", "active", "--unit", "log M", "-o", "my run",
        ],
    );
    let lines = [
        "my assay.csv: 65 rows, molecules in the column `Canonical SMILES`",
        "pIC50: regression: 58 numbers from 1.3 to 4.2; 2 without a label",
        "scaffold split",
        "at most 1 epoch, starting from the built-in pre-trained encoder",
        "my assay.csv, pIC50: 2 labels with `>` left out: lines 11, 22",
        "my assay.csv, pIC50: 1 label with a comma left out: line 14",
        "my assay.csv, pIC50: 1 label that is a range left out: line 17",
        "my assay.csv, pIC50: 1 label that is not finite in single precision left out: line 20",
        "my assay.csv: 1 row whose molecule cannot be used left out: line 66",
        "To score with this model: delicate score FILE --model 'my run/model'",
    ];
    for line in lines {
        assert!(stderr.contains(line), "{line} is not in\n{stderr}");
    }
    assert!(stderr.contains("active: classification: "), "{stderr}");
    assert!(
        stderr.contains("molecules with a label were held out, and 20 are needed for prediction"),
        "{stderr}"
    );
    assert!(stdout.contains("| ECFP4 |"), "{stdout}");
    assert!(
        stdout.contains("rmse (log M)") && stdout.contains("roc_auc"),
        "{stdout}"
    );

    let left_out = std::fs::read_to_string(place.join("my run/left_out.csv")).expect("written");
    assert!(left_out.contains("my assay.csv,11,pIC50,"), "{left_out}");
    assert_eq!(left_out.lines().count(), 7, "{left_out}");
    let config = std::fs::read_to_string(place.join("my run/config.toml")).expect("written");
    assert!(config.contains("start = \"built-in\""), "{config}");
    assert!(config.contains("bound = inf"), "{config}");
    place.json("my run/evaluation.json");
    place.json("my run/model/config.json");

    let scored = place.run(&[
        "score",
        "my assay.csv",
        "--model",
        "my run/model",
        "--format",
        "jsonl",
        "-q",
    ]);
    let scored = text(&scored.stdout);
    let row: Value = serde_json::from_str(scored.lines().next().expect("a row")).expect("JSON");
    assert!(row.to_string().contains("log M"), "{row}");
    // A run is gone on with by its own configuration.
    let resumed = place.run(&["finetune", "--resume", "-o", "my run"]);
    let said = text(&resumed.stderr);
    assert_eq!(resumed.status.code(), Some(0), "{said}");
    assert!(
        said.contains("To score with this model: delicate score FILE --model 'my run/model'"),
        "{said}"
    );
    // What it was trained on is no measure of it.
    let evaluated = place.run(&[
        "evaluate",
        "my assay.csv",
        "--model",
        "my run/model",
        "--endpoint",
        "pIC50",
        "--label",
        "pIC50",
        "-q",
    ]);
    let said = text(&evaluated.stderr);
    assert_eq!(evaluated.status.code(), Some(0), "{said}");
    let known = said.split(" of 58 molecules are among those that the model was trained on");
    let known: usize = known
        .into_iter()
        .next()
        .and_then(|before| before.lines().last()?.trim().parse().ok())
        .unwrap_or(0);
    assert!(known > 30 && known < 58, "{said}");
}

#[test]
fn task_split_start_and_settings_can_be_said() {
    let place = Place::new();
    place.table("flags.tsv", "amine", 40, |_, smiles| {
        u8::from(is_amine(smiles)).to_string()
    });
    let tabs = std::fs::read_to_string(place.join("flags.tsv")).expect("a table");
    std::fs::write(place.join("flags.tsv"), tabs.replace(',', "\t")).expect("written");
    let (stdout, stderr) = place.trained(
        "flags.tsv",
        &[
            "--label",
            "amine",
            "--task",
            "regression",
            "--split",
            "random",
            "--folds",
            "2",
            "--seed",
            "5",
            "--start",
            "none",
            "--set",
            "batch.molecules=8",
            "-o",
            "run",
        ],
    );
    assert!(
        stderr.contains("amine: regression: 40 numbers from 0 to 1"),
        "{stderr}"
    );
    assert!(
        stderr.contains("random split, 2 folds held out in turn"),
        "{stderr}"
    );
    assert!(stderr.contains("starting from random weights"), "{stderr}");
    assert!(stdout.contains("rmse"), "{stdout}");
    assert!(!place.join("run/left_out.csv").exists());
    let config = std::fs::read_to_string(place.join("run/config.toml")).expect("written");
    for line in ["molecules = 8", "seed = 5", "kind = \"random\""] {
        assert!(config.contains(line), "{line} is not in\n{config}");
    }
    assert!(!config.contains("start ="), "{config}");
}

#[test]
fn a_metric_that_is_not_defined_is_null() {
    let place = Place::new();
    // Every second chain is of the class, and the test is of others.
    let chains: String = (0..30)
        .map(|n| format!("{},{}\n", "C".repeat(n + 1), n % 2))
        .collect();
    std::fs::write(place.join("chains.csv"), format!("smiles,even\n{chains}")).expect("written");
    let train: Vec<usize> = (0..20).collect();
    let folds = format!(
        "[{{\"fold\":0,\"train\":{train:?},\"valid\":[21,23,25,27,29],\"test\":[20,22,24,26,28]}}]"
    );
    std::fs::write(place.join("splits.json"), folds).expect("written");
    let (stdout, _) = place.trained(
        "chains.csv",
        &[
            "--label",
            "even",
            "--split",
            "indices",
            "--split-file",
            "splits.json",
            "-o",
            "run",
        ],
    );
    let evaluation = place.json("run/evaluation.json");
    let splits = evaluation["endpoints"][0]["splits"].as_array();
    let test = splits.and_then(|all| all.iter().find(|split| split["split"] == "test"));
    let model = &test.expect("a test")["model"];
    assert!(model["roc_auc"].is_null(), "{model}");
    assert!(stdout.contains("| roc_auc | – |"), "{stdout}");
}

#[test]
fn a_table_without_label_says_what_could_be_one() {
    let place = Place::new();
    place.table("assay.csv", "pIC50,toxic,batch", 20, |i, smiles| {
        let toxic = if i % 3 == 0 { "yes" } else { "no" };
        format!("{},{toxic},batch {i}", size(smiles))
    });
    let said = place.refused("assay.csv", &[], 2);
    assert!(said.contains("--label"), "{said}");
    assert!(
        said.contains("`pIC50` (regression: 20 numbers from"),
        "{said}"
    );
    assert!(
        said.contains("`toxic` (classification: 7 yes, 13 no)"),
        "{said}"
    );
    assert!(!said.contains("`batch`"), "{said}");
    let said = place.refused("assay.csv", &["--label", "pKi"], 1);
    assert!(
        said.contains("no column `pKi`; the table has `id`, `Canonical SMILES`, `pIC50`"),
        "{said}"
    );
    let said = place.refused("assay.csv", &["--label", "batch"], 1);
    assert!(
        said.contains("`batch 0` (1)")
            && said.contains("a quantity needs numbers")
            && said.contains("TRUE and FALSE"),
        "{said}"
    );
    let said = place.refused(
        "assay.csv",
        &["--label", "toxic", "--task", "regression"],
        1,
    );
    assert!(said.contains("no numbers"), "{said}");
    let said = place.refused(
        "assay.csv",
        &["--label", "pIC50", "--task", "classification"],
        1,
    );
    assert!(said.contains("not class labels"), "{said}");
    let said = place.refused(
        "assay.csv",
        &[
            "--label", "pIC50", "--unit", "M", "--unit", "nM", "--unit", "µM",
        ],
        2,
    );
    assert!(
        said.contains("--unit is given 3 times for 1 labels"),
        "{said}"
    );
    let said = place.refused("absent.csv", &["--label", "x"], 1);
    assert!(said.contains("absent.csv"), "{said}");
    let said = place.refused("assay.csv", &["--label", "pIC50", "--start", "absent"], 1);
    assert!(
        said.contains("absent: there is no such folder; a model directory"),
        "{said}"
    );
    let said = place.refused("finetune.toml", &["--label", "pIC50"], 2);
    assert!(said.contains("names its own"), "{said}");
    let said = place.refused("-", &["--label", "pIC50"], 2);
    assert!(said.contains("name a file"), "{said}");
}

#[test]
fn what_cannot_be_learnt_from_is_said_before_training() {
    let place = Place::new();
    let refused = |rows: usize, cells: &dyn Fn(usize, &str) -> String, expected: &str| {
        place.table("t.csv", "x", rows, cells);
        let said = place.refused("t.csv", &["--label", "x"], 1);
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    };
    let number = |_: usize, smiles: &str| size(smiles).to_string();
    refused(5, &number, "5 molecules have a label for `x`: at least 10");
    refused(1, &number, "1 molecule has a label for `x`: at least 10");
    refused(0, &number, "holds a label");
    refused(
        30,
        &|_, _| "yes".to_owned(),
        "all 30 labels of `x` are of the class 1",
    );
    refused(30, &|_, _| "4.5".to_owned(), "all 30 labels of `x` are 4.5");
    refused(30, &|_, _| "NA".to_owned(), "holds a label: 30 empty cells");
    refused(
        30,
        &|_, _| ">5".to_owned(),
        "holds a label: 30 labels with `>`",
    );
    refused(
        30,
        &|i, _| format!("\"{i},5\""),
        "30 labels with a comma; write decimals with a point",
    );
    refused(
        30,
        &|i, _| ["0", "1", "\"2,5\""][i % 3].to_owned(),
        "holds 0 and 1, and 10 labels with a comma: say with --task",
    );
    let broken: String = (0..20).map(|i| format!("C1CC,{i}\n")).collect();
    std::fs::write(place.join("broken.csv"), format!("smiles,x\n{broken}")).expect("written");
    let said = place.refused("broken.csv", &["--label", "x"], 1);
    assert!(said.contains("no row has both a molecule"), "{said}");
    assert!(
        said.contains("20 rows whose molecules cannot be used"),
        "{said}"
    );
    // The one positive is held out.
    let folds = r#"[{"fold":0,"train":[2,3,4,5,6,7,8,9,10,11],"valid":[1],"test":[0]}]"#;
    std::fs::write(place.join("splits.json"), folds).expect("written");
    let chains: String = (1..=12)
        .map(|n| format!("{},{}\n", "C".repeat(n), u8::from(n == 1)))
        .collect();
    std::fs::write(place.join("chains.csv"), format!("smiles,x\n{chains}")).expect("written");
    let said = place.refused(
        "chains.csv",
        &[
            "--label",
            "x",
            "--split",
            "indices",
            "--split-file",
            "splits.json",
        ],
        1,
    );
    assert!(
        said.contains("fold 0 would be trained on 10 labels of `x`"),
        "{said}"
    );
    // Chains have one scaffold among them: none.
    let said = place.refused("chains.csv", &["--label", "x"], 1);
    assert!(said.contains("random split"), "{said}");
}
