//! Every kernel that scoring and training run, burn's as well as ours, as it is
//! generated on the GPU at hand, translated for the others.
//!
//! `DELICATE_BIN` names the command; `cargo xtask test` sets it.

use std::path::Path;
use std::process::{Command, Output};

use delicate_shader_translation::{Checks, Kernel, logged};
use naga::back::hlsl::ShaderModel;

mod common;

/// Has cubecl write down what it compiles.
const LOGGING: &str = "[compilation.logger]\nlevel = \"full\"\nfile = \"kernels.log\"\n";

/// Runs the command where it finds that setting.
fn delicate(folder: &Path, arguments: &[&str]) -> Output {
    let program = std::env::var_os("DELICATE_BIN").expect("DELICATE_BIN names the command");
    let output = Command::new(program)
        .args(arguments)
        .args(["--device", "gpu"])
        .current_dir(folder)
        .output();
    output.expect("the command starts")
}

fn succeeds(folder: &Path, arguments: &[&str]) {
    let output = delicate(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

/// Whether the GPU computes in half precision.
fn has_half(folder: &Path) -> bool {
    let output = delicate(folder, &["doctor", "--format", "json"]);
    let said = String::from_utf8_lossy(&output.stdout).replace(' ', "");
    said.contains("\"precision\":\"fp16\"")
}

/// Alcohols, amines and arenes with labels, one a line.
fn table() -> String {
    let rows = (1..=16).flat_map(|length| {
        let chain = "C".repeat(length);
        [
            format!("{chain}O,{length}.5,0"),
            format!("{chain}N,{length}.0,1"),
            format!("c1ccccc1{chain},{length}.2,0"),
        ]
    });
    let rows: Vec<String> = rows.collect();
    format!("smiles,length,nitrogen\n{}\n", rows.join("\n"))
}

/// The kernels of `DELICATE_SHADERS`, a folder of those that were kept elsewhere by
/// `DELICATE_KEEP_SHADERS`, or of this machine.
fn kernels() -> Vec<(String, Kernel)> {
    let sources = match std::env::var_os("DELICATE_SHADERS") {
        Some(folder) => kept(Path::new(&folder)),
        None => collected(),
    };
    println!("{} kernels", sources.len());
    let kernels = sources.into_iter().map(|(name, source)| {
        let kernel = Kernel::new(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, kernel)
    });
    kernels.collect()
}

fn kept(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("a folder of shaders");
    let sources = entries.map(|entry| {
        let path = entry.expect("readable").path();
        let source = std::fs::read_to_string(&path).expect("a readable shader");
        (path.display().to_string(), source)
    });
    sources.collect()
}

/// Scores, embeds, pre-trains, distils and fine-tunes, in both precisions, and
/// collects what was compiled for it.
fn collected() -> Vec<(String, String)> {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("written");
    };
    write("table.csv", &table());
    write("cubecl.toml", LOGGING);
    let training = ["--epochs", "1", "--batch-molecules", "8", "--quiet"];
    let run = |arguments: &[&str]| succeeds(folder, arguments);
    let train = |arguments: &[&str]| {
        succeeds(folder, &[arguments, training.as_slice()].concat());
    };
    run(&["score", "table.csv", "-o", "scored.csv", "--quiet"]);
    run(&["embed", "table.csv", "-o", "embedded.csv", "--quiet"]);
    run(&["explain", "CC(=O)Oc1ccccc1C(=O)O"]);
    let (corpus, valid) = (["--train", "table.csv"], ["--valid", "table.csv"]);
    let dropout = [
        "--set",
        "hidden_dropout=0.1",
        "--set",
        "attention_dropout=0.1",
    ];
    let more = [&corpus[..], &valid, &dropout].concat();
    train(
        &[
            &["pretrain", "delicate-small", "-o", "pretrained"],
            more.as_slice(),
        ]
        .concat(),
    );
    let taught = [
        "distill",
        "delicate-small",
        "-o",
        "distilled",
        "--teacher",
        "pretrained",
    ];
    train(&[&taught, more.as_slice()].concat());
    let tuned = [
        "finetune",
        "table.csv",
        "--label",
        "length",
        "--label",
        "nitrogen",
        "--no-baseline",
        "--folds",
        "1",
        "--split",
        "random",
    ];
    train(&[&tuned, ["-o", "tuned", "--start", "pretrained"].as_slice()].concat());
    if has_half(folder) {
        let half = ["--precision", "fp16", "--quiet"];
        run(&[&["score", "table.csv", "-o", "half.csv"], half.as_slice()].concat());
        let half = ["-o", "half", "--precision", "fp16"];
        train(&[&tuned, half.as_slice()].concat());
    }
    let log = std::fs::read_to_string(folder.join("kernels.log")).expect("cubecl's log");
    let sources = logged(&log);
    for ours in ["guard", "linear", "gelu_backward", "adamw"] {
        let twin = format!("Twin: src/kernels/{}", ours.trim_end_matches("_backward"));
        assert!(
            sources.iter().any(|(_, source)| source.contains(&twin)),
            "{ours} is not among {} kernels",
            sources.len()
        );
    }
    if let Some(folder) = std::env::var_os("DELICATE_KEEP_SHADERS") {
        for (index, (_, source)) in sources.iter().enumerate() {
            let file = Path::new(&folder).join(format!("{index:03}.wgsl"));
            std::fs::write(file, source).expect("written");
        }
    }
    sources
}

/// In one test, since collecting them takes minutes on a software adapter.
#[test]
#[ignore = "needs a GPU adapter"]
fn every_kernel_that_runs_is_translated_for_metal_and_dx12_on_wgpu() {
    let kernels = kernels();
    let folder = tempfile::tempdir().expect("a folder");
    let has_validator = Command::new(common::spirv_val_program())
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_validator {
        println!("no spirv-val: SPIR-V is not validated");
    }
    common::each(&kernels, |kernel| {
        let extensions: Vec<&str> = kernel.extensions().collect();
        for checks in Checks::ALL {
            for version in [(2, 4), (4, 0)] {
                kernel
                    .metal(version, checks)
                    .map_err(|error| format!("Metal {version:?}: {error}"))?;
            }
            // The compiler that Windows brings has no extensions: there a kernel
            // that needs them is never generated.
            let models = match extensions.is_empty() {
                true => [ShaderModel::V5_1, ShaderModel::V6_5],
                false => [ShaderModel::V6_5, ShaderModel::V6_6],
            };
            for model in models {
                common::hlsl(kernel, model, checks)?;
            }
        }
        if has_validator {
            common::spirv_val(kernel, folder.path())?;
        }
        Ok(())
    });
}
