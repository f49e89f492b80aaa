//! The shipped models and every table about them, from the data alone.
//!
//! Parts can be measured one at a time: what was measured is kept in
//! `docs/results/`, and the tables are made of all that is there.

mod cards;
mod command;
mod files;
mod forests;
mod plots;
mod protocol;
mod reproduction;
mod results;
mod single_endpoint;
mod stages;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use reproduction::{Part, Reproduction};
use results::Results;
use stages::Stages;

/// Trains the shipped models, measures them and writes the tables (hours on a CPU).
#[derive(Debug, Parser)]
#[command(name = "delicate-reproduce")]
struct Options {
    /// The folder of `corpus/`, `qsar/`, `admet/` and `screening/`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where runs are kept; what is finished there is not done again.
    #[arg(long)]
    runs: Option<PathBuf>,
    /// Where to train: `auto` takes a GPU where there is one. Evaluations are always
    /// computed on the CPU.
    #[arg(long, default_value = "cpu", value_parser = ["auto", "gpu", "cpu"])]
    device: String,
    /// Only this part, with the pre-training that it needs (repeatable).
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// Start from the shipped pre-trained encoder: an hour less, and the same figures
    /// but for its rounding to half precision.
    #[arg(long, conflicts_with = "quick")]
    shipped_encoder: bool,
    /// A thousandth of the corpus, the beginning of every table, one epoch: shows
    /// that everything runs. What it writes goes to the runs alone.
    #[arg(long)]
    quick: bool,
    /// Make the domains and intervals of the ADMET run anew, as this version makes them,
    /// where it is finished already: minutes in place of an hour, and the same weights.
    #[arg(long, conflicts_with = "quick")]
    calibrate: bool,
    /// Train and measure nothing: write tables and plots anew from the results.
    #[arg(long, conflicts_with_all = ["part", "quick"])]
    tables_only: bool,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Trains, measures and writes the tables.
fn run(options: Options) -> Result<()> {
    let root = root()?;
    if options.tables_only {
        let documents = root.join("docs");
        return write(&documents, &Results::read(documents.join("results"))?);
    }
    let data = options.data.unwrap_or_else(|| root.join("../shared/data"));
    ensure!(
        data.join("corpus/train.smi.gz").is_file(),
        "{} holds no corpus/train.smi.gz: give the folder of corpus, qsar and screening with --data",
        data.display()
    );
    let quick = options.quick;
    let default = if quick {
        "runs/reproduce-quick"
    } else {
        "runs/reproduce"
    };
    let runs = options.runs.unwrap_or_else(|| root.join(default));
    fs::create_dir_all(&runs)?;
    let documents = if quick {
        runs.clone()
    } else {
        root.join("docs")
    };
    let mut reproduction = Reproduction {
        results: Results::read(documents.join("results"))?,
        shipped: root.join("models"),
        pretrains: !options.shipped_encoder,
        calibrates: options.calibrate,
        stages: Stages {
            delicate: build(&root)?,
            data,
            runs,
            device: options.device,
            quick,
        },
    };
    let parts = if options.part.is_empty() {
        Part::value_variants()
    } else {
        &options.part
    };
    for part in parts {
        // Tables after each part, also one that failed or was interrupted: they
        // hold what it measured before.
        let outcome = reproduction.part(*part);
        write(&documents, &reproduction.results)?;
        outcome?;
    }
    Ok(())
}

/// Writes the tables and plots of all results.
fn write(documents: &Path, results: &Results) -> Result<()> {
    let tables = documents.join("results.md");
    files::write(&tables, tables::all(results)?)?;
    for (name, plot) in plots::all(results)? {
        files::write(&documents.join(name).with_extension("svg"), plot)?;
    }
    println!("Tables: {}", tables.display());
    Ok(())
}

/// The root of the repository.
fn root() -> Result<PathBuf> {
    // Read when run, not when compiled: a target folder shared by two clones may
    // hand one of them the other's binary. Cargo sets it, to a folder of the root.
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => Ok(PathBuf::from(package).join("..").canonicalize()?),
        None => Ok(std::env::current_dir()?),
    }
}

/// Builds the command, which Cargo puts beside this program.
fn build(root: &Path) -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    // With the features of the whole workspace, as the tests build it: alone,
    // the engine might be compiled a second time.
    build.args(["build", "--release", "--workspace", "--bin", "delicate"]);
    // What Cargo tells us of our own package would reach the build scripts, and
    // one of them (ring's) compiles anew when it changes.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    command::run(build.current_dir(root))?;
    let name = format!("delicate{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe()?.with_file_name(name);
    let found = program.is_file().then_some(program);
    found.context("Cargo built `delicate`, but not beside this program: run it by Cargo")
}
