//! Our speed beside that of others, which are installed for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::command::{answer, run};
use crate::workspace::{Workspace, key};
use crate::{native, packages};

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// `delicate score` beside ONNX Runtime, on the CPU; prints JSON.
    Native(NativeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct NativeArguments {
    /// Threads of each; without it, as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Turns of each.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// SMILES, one a line; without it, 3,000 training molecules of delicate-small.
    #[arg(long, value_name = "FILE")]
    molecules: Option<PathBuf>,
}

/// What `benches/onnxruntime_score.py` was measured with.
const ONNX_RUNTIME: [&str; 4] = [
    "onnxruntime==1.32.0",
    "onnx==1.23.2",
    "numpy==2.4.6",
    "rdkit==2026.9.1",
];

/// Measures.
pub(crate) fn run_bench(workspace: &Workspace, bench: Bench) -> Result<()> {
    match bench {
        Bench::Native(arguments) => native(workspace, &arguments),
    }
}

fn native(workspace: &Workspace, arguments: &NativeArguments) -> Result<()> {
    let program = native::build(workspace, "delicate")?;
    let python = python_with(workspace, &ONNX_RUNTIME)?;
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let mut command = Command::new(python);
    command.arg(workspace.root.join("benches/onnxruntime_score.py"));
    command.arg("--delicate").arg(program);
    command.args(["--threads", &threads.to_string()]);
    command.args(["--rounds", &arguments.rounds.to_string()]);
    command
        .arg("--model")
        .arg(workspace.root.join("models/delicate-small"));
    if let Some(molecules) = &arguments.molecules {
        command.arg("--molecules").arg(molecules);
    }
    run(&mut command)
}

/// The Python of an environment with these packages, beside the other tools.
fn python_with(workspace: &Workspace, packages: &[&str]) -> Result<PathBuf> {
    let names: Vec<&[u8]> = packages.iter().map(|package| package.as_bytes()).collect();
    let environment = workspace.tools().join(format!("python-{}", key(&names)));
    let python = environment.join(match cfg!(windows) {
        true => "Scripts/python.exe",
        false => "bin/python",
    });
    let whole = environment.join("whole");
    if whole.is_file() {
        return Ok(python);
    }
    create(&environment)?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(packages))?;
    std::fs::write(&whole, "").with_context(|| format!("{} cannot be written", whole.display()))?;
    Ok(python)
}

/// A new environment of the Python of `DELICATE_PYTHON`, or that of the system.
fn create(environment: &Path) -> Result<()> {
    let python = std::env::var_os("DELICATE_PYTHON").unwrap_or_else(|| "python3".into());
    // Debian keeps what makes one in a package of its own.
    if answer(Command::new(&python).args(["-c", "import ensurepip, venv"])).is_err() {
        packages::install(&["python3-venv"])?;
    }
    run(Command::new(&python)
        .args(["-m", "venv", "--clear"])
        .arg(environment))
}
