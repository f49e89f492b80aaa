//! Our speed beside that of others, which are installed for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::command::{answer, run};
use crate::workspace::{Workspace, key};
use crate::{modules, native, packages, page, setup};

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// `delicate score` beside ONNX Runtime, on the CPU; prints JSON.
    Native(NativeArguments),
    /// The npm package beside ONNX Runtime Web in Chromium, and the page's first result;
    /// prints JSON.
    Browser(BrowserArguments),
    /// A training step and a forward pass beside PyTorch, on the CPU; prints JSON.
    Training(TrainingArguments),
}

#[derive(Debug, Args)]
pub(crate) struct NativeArguments {
    /// Threads of each; without it, as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Turns of each.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// SMILES, one a line; without it, 3,000 training molecules of the model.
    #[arg(long, value_name = "FILE")]
    molecules: Option<PathBuf>,
    /// A folder of `models`.
    #[arg(long, default_value = "delicate-admet")]
    model: String,
}

#[derive(Debug, Args)]
pub(crate) struct BrowserArguments {
    /// Threads of each, a measurement for every number; theirs need a page with isolation.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Turns of each.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Starts of the page.
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// SMILES, one a line; without it, 3,000 training molecules of the built-in model.
    #[arg(long, value_name = "FILE")]
    molecules: Option<PathBuf>,
    /// Leave the modules unoptimised: larger, but ready minutes sooner.
    #[arg(long)]
    dev: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TrainingArguments {
    /// Threads of each; without it, as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Turns of each.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A preset of the encoder.
    #[arg(long, default_value = "delicate-small")]
    preset: String,
    /// Molecules of a batch.
    #[arg(long, default_value_t = 16)]
    batch_molecules: usize,
    /// A file of molecules; without it, the 64 that are built in.
    #[arg(long, value_name = "FILE")]
    molecules: Option<PathBuf>,
}

/// What the page is compared with.
const ONNX_RUNTIME_WEB: &str = "onnxruntime-web@1.30.0";

/// What `benches/onnxruntime_score.py` was measured with.
const ONNX_RUNTIME: [&str; 4] = [
    "onnxruntime==1.32.0",
    "onnx==1.23.2",
    "numpy==2.4.6",
    "rdkit==2026.9.1",
];

/// What `benches/pytorch_step.py` was measured with. On Linux PyPI has PyTorch with CUDA
/// alone, 6 GB; `PIP_EXTRA_INDEX_URL` may name an index that has it without.
const PYTORCH: [&str; 3] = ["torch==2.15.0", "transformers==5.23.0", "numpy==2.4.6"];

/// Measures.
pub(crate) fn run_bench(workspace: &Workspace, bench: Bench) -> Result<()> {
    match bench {
        Bench::Native(arguments) => native(workspace, &arguments),
        Bench::Browser(arguments) => browser(workspace, &arguments),
        Bench::Training(arguments) => training(workspace, &arguments),
    }
}

/// The script that measures natively, and prepares what is measured in a browser.
fn script(workspace: &Workspace, model: &str, molecules: Option<&Path>) -> Result<Command> {
    let program = native::build(workspace, "delicate")?;
    let mut command = Command::new(python_with(workspace, &ONNX_RUNTIME)?);
    command.arg(workspace.root.join("benches/onnxruntime_score.py"));
    command.arg("--delicate").arg(program);
    command
        .arg("--model")
        .arg(workspace.root.join("models").join(model));
    if let Some(molecules) = molecules {
        command.arg("--molecules").arg(molecules);
    }
    Ok(command)
}

fn browser(workspace: &Workspace, arguments: &BrowserArguments) -> Result<()> {
    let tools = setup::for_page(workspace)?;
    let chromium = page::browser().context("no Chromium or Chrome that starts was found")?;
    modules::build(workspace, &tools, arguments.dev)?;
    page::build(workspace, &tools.node)?;
    page::package(workspace, &tools.node)?;
    let prepared = workspace.target.join("bench-browser");
    let molecules = arguments.molecules.as_deref();
    run(script(workspace, "delicate-admet", molecules)?
        .arg("--prepare")
        .arg(&prepared))?;
    let peer = workspace
        .tools()
        .join(format!("npm-{}", key(&[ONNX_RUNTIME_WEB.as_bytes()])));
    let runtime = peer.join("node_modules/onnxruntime-web");
    if !runtime.join("dist").is_dir() {
        fs::create_dir_all(&peer).with_context(|| format!("{}", peer.display()))?;
        let mut install = tools.node.command("npm");
        install.args(["install", "--no-audit", "--no-fund", "--prefix"]);
        run(install.arg(&peer).arg(ONNX_RUNTIME_WEB))?;
    }
    let threads: Vec<String> = arguments.threads.iter().map(usize::to_string).collect();
    run(page::script(workspace, &tools.node, "bench")
        .env(page::BROWSER, chromium)
        .env("BENCH_PREPARED", prepared)
        .env("BENCH_RUNTIME", runtime)
        .env("BENCH_THREADS", threads.join(","))
        .env("BENCH_ROUNDS", arguments.rounds.to_string())
        .env("BENCH_STARTS", arguments.starts.to_string()))
}

/// So many threads, or as many as there are cores.
fn threads(asked: Option<usize>) -> Result<String> {
    Ok(match asked {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    }
    .to_string())
}

fn training(workspace: &Workspace, arguments: &TrainingArguments) -> Result<()> {
    let program = native::build(workspace, "delicate")?;
    let mut command = Command::new(python_with(workspace, &PYTORCH)?);
    command
        .arg(workspace.root.join("benches/pytorch_step.py"))
        .arg("--delicate")
        .arg(program)
        .args(["--preset", &arguments.preset])
        .args(["--threads", &threads(arguments.threads)?])
        .args(["--rounds", &arguments.rounds.to_string()])
        .args(["--batch-molecules", &arguments.batch_molecules.to_string()]);
    if let Some(molecules) = &arguments.molecules {
        command.arg("--molecules").arg(molecules);
    }
    run(&mut command)
}

fn native(workspace: &Workspace, arguments: &NativeArguments) -> Result<()> {
    let molecules = arguments.molecules.as_deref();
    let mut command = script(workspace, &arguments.model, molecules)?;
    command.args(["--threads", &threads(arguments.threads)?]);
    command.args(["--rounds", &arguments.rounds.to_string()]);
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
    fs::write(&whole, "").with_context(|| format!("{} cannot be written", whole.display()))?;
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
