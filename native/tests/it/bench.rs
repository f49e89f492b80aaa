//! `delicate bench` as its users run it. No time is asserted: machines differ.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_delicate"))
        .env("DELICATE_DEVICE", "cpu")
        .arg("bench")
        .args(arguments)
        .output()
        .expect("the command runs")
}

fn report(arguments: &[&str]) -> Value {
    let output = bench(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0)
}

/// A linear layer's parameters.
fn dense(from: u64, to: u64) -> u64 {
    from * to + to
}

#[test]
fn compression_gives_four_ratios_and_those_of_sizes_are_exact() {
    let report = report(&[
        "compression",
        "--teacher",
        "molbert-small",
        "--student",
        "delicate-small",
        "--rounds",
        "1",
        "--warm-up",
        "0",
        "--batch-molecules",
        "2",
        "--format",
        "json",
    ]);
    // Counted from the architecture: width 256, feed-forward 1024, 42 tokens,
    // 2 types; LayerNorms of 512.
    let layer = 4 * dense(256, 256) + 512 + dense(256, 1024) + dense(1024, 256) + 512;
    let common = (42 + 2) * 256 + 512 + dense(256, 256);
    let (teacher, student) = (common + 12 * layer, common + layer + dense(256, 256));
    assert_eq!(report["teacher"]["parameters"], teacher);
    assert_eq!(report["student"]["parameters"], student);
    // What is read back from text may differ in its last bit.
    let ratio = report["parameters_ratio"].as_f64().expect("a number");
    assert!((ratio - teacher as f64 / student as f64).abs() < 1e-12);
    assert_eq!(report["layers_ratio"], 4.0);
    assert!(positive(&report["training_speedup"]));
    assert!(positive(&report["inference_speedup"]));
    for side in ["teacher", "student"] {
        for piece in ["training", "inference"] {
            assert!(positive(&report[side][piece]["median"]), "{side} {piece}");
        }
        let peak = &report[side]["peak_memory_bytes"];
        if cfg!(target_os = "linux") {
            assert!(peak["training"].as_u64() >= peak["inference"].as_u64());
            assert!(positive(&peak["inference"]));
        } else {
            assert!(peak.is_null());
        }
    }
    let setting = &report["setting"];
    assert_eq!(setting["molecules"], 64);
    assert_eq!(setting["rounds"], 1);
    assert_eq!(
        setting["training_batches"].as_array().map(Vec::len),
        Some(32)
    );
}

#[test]
fn a_step_dumps_the_batches_that_it_was_measured_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let molecules = directory.path().join("some.smi");
    std::fs::write(&molecules, "CCO\nC1CC\nc1ccccc1O\nCC(=O)NC\n").expect("written");
    let batches = directory.path().join("batches.json");
    let report = report(&[
        "step",
        "--preset",
        "delicate-small",
        "--molecules",
        &molecules.to_string_lossy(),
        "--batch-molecules",
        "2",
        "--rounds",
        "2",
        "--dump-batches",
        &batches.to_string_lossy(),
        "--format",
        "json",
    ]);
    assert!(positive(&report["forward"]["median"]));
    assert_eq!(report["setting"]["molecules"], 3);
    assert_eq!(report["setting"]["left_out"], 1);
    let text = std::fs::read(&batches).expect("written");
    let dumped: Value = serde_json::from_slice(&text).expect("JSON");
    let shapes: Vec<Value> = dumped["batches"]
        .as_array()
        .expect("batches")
        .iter()
        .map(|batch| {
            let sequences = batch["sequences"].as_array().expect("sequences");
            let lengths = sequences.iter().filter_map(Value::as_array).map(Vec::len);
            let longest = lengths.max().unwrap_or(0);
            serde_json::json!([sequences.len(), longest])
        })
        .collect();
    assert_eq!(report["setting"]["training_batches"], Value::from(shapes));
}

#[test]
fn an_unknown_model_is_a_wrong_argument_and_the_presets_are_named() {
    let output = bench(&["compression", "--teacher", "molbart"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("molbert-small"), "{error}");
    let output = bench(&["step", "--rounds", "0"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_batches_may_not_be_dumped_over_the_molecules() {
    let directory = tempfile::tempdir().expect("a directory");
    let molecules = directory.path().join("some.smi");
    std::fs::write(&molecules, "CCO\nc1ccccc1O\n").expect("written");
    let text = &molecules.to_string_lossy();
    let output = bench(&["step", "--molecules", text, "--dump-batches", text]);
    assert_eq!(output.status.code(), Some(2));
    let kept = std::fs::read_to_string(&molecules).expect("there");
    assert_eq!(kept, "CCO\nc1ccccc1O\n");
}
