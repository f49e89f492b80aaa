//! The project's own tasks, run as `cargo xtask <task>`.
//!
//! Each task first installs what it lacks, so a machine with Rust alone is
//! enough to start from.

mod bench;
mod book;
mod command;
mod demo;
mod features;
mod kills;
mod links;
mod modules;
mod native;
mod needs;
mod node;
mod packages;
mod page;
mod python;
mod release;
mod reproduce;
mod setup;
mod suite;
mod tally;
mod tools;
mod wasm;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install, build, score a sample file natively, then serve the page here.
    Demo {
        /// Stop once everything is built.
        #[arg(long)]
        no_serve: bool,
        /// The loopback port of the page; without it, the first free one from 4173.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Run every check and test; the last line counts them.
    Test {
        /// Run only the Rust tests whose name contains this, and no other check.
        #[arg(long, value_name = "NAME")]
        filter: Option<String>,
        /// Run only this step; may be given again. An unknown one lists them all.
        #[arg(long, value_name = "STEP", conflicts_with = "filter")]
        only: Vec<String>,
    },
    /// Build the two WebAssembly modules and the page into `web/dist`.
    Web {
        /// Leave the modules unoptimised: larger, but ready minutes sooner.
        #[arg(long)]
        dev: bool,
    },
    /// Build the npm package `delicate` into `web/package/dist`, and pack it.
    Package {
        /// Leave the modules unoptimised: larger, but ready minutes sooner.
        #[arg(long)]
        dev: bool,
    },
    /// Build the page as a folder for a USB stick or any web host, in `web/bundle`.
    Bundle {
        /// Leave the modules unoptimised: larger, but ready minutes sooner.
        #[arg(long)]
        dev: bool,
    },
    /// Build the Python wheel.
    Python {
        /// The folder it is written to; without it, `wheels` in the target folder.
        #[arg(short, long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Check the links of the documentation and build it as a book, in `book` of the
    /// target folder.
    Book,
    /// Train the shipped models and write the tables about them (hours on a CPU).
    #[command(disable_help_flag = true)]
    Reproduce {
        /// Arguments of `delicate-reproduce`; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Kill commands at random moments and compare what they are resumed to (half an hour).
    Kills {
        /// Kills of each command.
        #[arg(long, default_value_t = 50)]
        rounds: usize,
        /// Only this command; may be given again.
        #[arg(long, value_name = "COMMAND")]
        only: Vec<kills::Kind>,
        /// Seed of the moments.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Measure our speed beside that of others, turn by turn.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Make the crates, the wheel and the npm package, check them as their registries
    /// would, and publish nothing.
    Release {
        /// Only this; may be given again.
        #[arg(long, value_name = "PART")]
        only: Vec<release::Part>,
    },
    /// Install what a task needs and do nothing else.
    Setup {
        /// The task to prepare for; without it, every one.
        task: Option<Prepare>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Prepare {
    /// What `demo`, `web`, `package` and `bundle` need.
    Demo,
    /// What `test` needs besides.
    Test,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the task succeeded; an error is a task that could not be carried out.
fn run(task: Task) -> Result<bool> {
    let workspace = Workspace::find()?;
    match task {
        Task::Demo { no_serve, port } => demo::run(&workspace, no_serve, port)?,
        Task::Test { filter, only } => return suite::run(&workspace, filter.as_deref(), &only),
        Task::Web { dev } => {
            let tools = setup::for_page(&workspace)?;
            modules::build(&workspace, &tools, dev)?;
            page::build(&workspace, &tools.node)?;
        }
        Task::Package { dev } => {
            let tools = setup::for_page(&workspace)?;
            modules::build(&workspace, &tools, dev)?;
            page::package(&workspace, &tools.node)?;
            page::pack(&workspace, &tools.node)?;
        }
        Task::Bundle { dev } => {
            let tools = setup::for_page(&workspace)?;
            modules::build(&workspace, &tools, dev)?;
            page::build(&workspace, &tools.node)?;
            page::bundle(&workspace)?;
        }
        Task::Python { output } => {
            setup::for_python();
            python::build(&workspace, output.as_deref())?;
        }
        Task::Book => println!("The book begins at {}", book::build(&workspace)?.display()),
        Task::Reproduce { arguments } => reproduce::run(&workspace, &arguments)?,
        Task::Kills { rounds, only, seed } => {
            return kills::run(&workspace, &only, rounds, seed);
        }
        Task::Bench(bench) => bench::run_bench(&workspace, bench)?,
        Task::Release { only } => release::run_release(&workspace, &only)?,
        Task::Setup { task } => {
            setup::for_page(&workspace)?;
            if task != Some(Prepare::Demo) {
                setup::for_checks();
                setup::for_tests();
            }
            println!("All that could be installed is in place.");
        }
    }
    Ok(true)
}
