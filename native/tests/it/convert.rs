//! `delicate import` and `delicate export` as their users run them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_delicate"))
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .args(arguments)
        .output()
        .expect("the command runs")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn both(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn an_imported_model_scores() {
    let directory = tempfile::tempdir().expect("a directory");
    let model = directory.path().join("model");
    let checkpoint = root().join("tests/golden/checkpoints/albert-finetuned-legacy.pt");
    let output = run(&[
        "import",
        text(&checkpoint),
        "-o",
        text(&model),
        "--heads",
        "2",
        "--layers",
        "3",
        "--name",
        "tiny",
        "--endpoint",
        "logp",
        "--endpoint",
        "esol:log mol/L",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", both(&output));
    assert!(
        both(&output)
            .contains("skipped: state_dict.psbert.embeddings.position_embeddings.inv_freq")
    );
    let file = directory.path().join("a.smi");
    std::fs::write(&file, "CCO\n").expect("written");
    let scored = run(&["score", text(&file), "--model", text(&model), "-q"]);
    assert_eq!(scored.status.code(), Some(0), "{}", both(&scored));
    assert!(both(&scored).contains("logp,esol"), "{}", both(&scored));
}

#[test]
fn a_checkpoint_of_another_architecture_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let model = directory.path().join("model");
    let checkpoint = root().join("tests/golden/checkpoints/bert-learned");
    let output = run(&["import", text(&checkpoint), "-o", text(&model)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        both(&output).contains("learned positions"),
        "{}",
        both(&output)
    );
    assert!(!model.exists());
}

#[test]
fn an_export_says_what_it_costs_and_what_it_saves() {
    let directory = tempfile::tempdir().expect("a directory");
    let model = root().join("models/delicate-small");
    let small = directory.path().join("int8");
    let output = run(&[
        "export",
        text(&model),
        "-o",
        text(&small),
        "--precision",
        "int8",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", both(&output));
    assert!(
        both(&output).contains("| esol | log mol/L | 60 |"),
        "{}",
        both(&output)
    );
    let size = |path: &Path| std::fs::metadata(path).expect("a file").len();
    let ratio = size(&small.join("model.safetensors")) as f64
        / size(&model.join("model.safetensors")) as f64;
    assert!(ratio < 0.6, "{ratio}");
    let same = run(&["export", text(&small), "-o", text(&small)]);
    assert_eq!(same.status.code(), Some(2), "{}", both(&same));
    let onnx = directory.path().join("model.onnx");
    let output = run(&["export", text(&small), "-o", text(&onnx), "--onnx"]);
    assert_eq!(output.status.code(), Some(0), "{}", both(&output));
    assert!(size(&onnx) > 3_000_000);
}
