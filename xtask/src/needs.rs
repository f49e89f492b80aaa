//! What some of Rust's tests need of the machine.
//!
//! Such a test is marked `#[ignore = "needs …"]`, so that `cargo test` alone says
//! that it was left out, and its name tells the need. Those whose need is met
//! are asked for here; the others stay out and are counted as skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::command::answer;
use crate::workspace::Workspace;

/// The parts of names whose tests cannot run here, and why; `program` is the
/// command, which is asked about the GPU.
pub(crate) fn unmet(workspace: &Workspace, program: &Path) -> Vec<(&'static str, String)> {
    let gpu = gpu(program);
    let half = match &gpu {
        Ok(half) => half_precision(*half),
        // Then the first covers it.
        Err(_) => Ok(()),
    };
    let needs = [
        ("on_wgpu", gpu.map(|_| ())),
        ("on_wgpu_in_half", half),
        ("onnx_runtime", python()),
        ("read_by_rdkit", rdkit()),
        ("read_by_openchemlib", openchemlib()),
        ("spirv_val", spirv_val()),
        ("full_data", data(workspace)),
    ];
    needs
        .into_iter()
        .filter_map(|(part, met)| Some((part, format!("{:#}", met.err()?))))
        .collect()
}

/// Whether the GPU computes in half precision; an error where there is none.
fn gpu(program: &Path) -> Result<bool> {
    let text =
        answer(Command::new(program).args(["doctor", "--device", "gpu", "--format", "json"]))?;
    let doctor: Value = serde_json::from_str(&text)?;
    let adapters = doctor["adapters"].as_array().into_iter().flatten();
    Ok(adapters
        .filter(|adapter| adapter["name"] == doctor["used"]["name"])
        .any(|adapter| adapter["f16"] == true))
}

fn half_precision(there: bool) -> Result<()> {
    ensure!(there, "the GPU lacks shader-f16");
    Ok(())
}

/// The validator of SPIR-V.
fn spirv_val() -> Result<()> {
    let program = std::env::var_os("DELICATE_SPIRV_VAL").unwrap_or_else(|| "spirv-val".into());
    ensure!(
        answer(Command::new(program).arg("--version")).is_ok(),
        "no spirv-val (install spirv-tools, or set DELICATE_SPIRV_VAL)"
    );
    Ok(())
}

/// A Python that runs ONNX files.
fn python() -> Result<()> {
    let python = std::env::var_os("DELICATE_PYTHON").unwrap_or_else(|| "python3".into());
    let probe = answer(Command::new(python).args(["-c", "import onnx, onnxruntime"]));
    ensure!(
        probe.is_ok(),
        "no Python with onnx and onnxruntime (set DELICATE_PYTHON)"
    );
    Ok(())
}

/// A Python with RDKit.
fn rdkit() -> Result<()> {
    let python = std::env::var_os("DELICATE_PYTHON").unwrap_or_else(|| "python3".into());
    let probe = answer(Command::new(python).args(["-c", "import rdkit.Chem"]));
    ensure!(probe.is_ok(), "no Python with rdkit (set DELICATE_PYTHON)");
    Ok(())
}

/// A Node that finds openchemlib.
fn openchemlib() -> Result<()> {
    let probe = answer(Command::new("node").args(["-e", "require('openchemlib')"]));
    ensure!(probe.is_ok(), "no Node with openchemlib (set NODE_PATH)");
    Ok(())
}

/// The data sets that are no part of the repository.
fn data(workspace: &Workspace) -> Result<()> {
    let data = match std::env::var_os("DELICATE_DATA") {
        Some(data) => PathBuf::from(data),
        None => workspace.root.join("../shared/data"),
    };
    ensure!(
        data.is_dir(),
        "no data sets in {} (set DELICATE_DATA)",
        data.display()
    );
    Ok(())
}
