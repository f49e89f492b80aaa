//! The `delicate` command.
//!
//! Exit codes: 0 done; 1 a file, model or device failed; 2 wrong arguments;
//! 3 a row failed under `--on-error fail`; 130 interrupted.

mod arguments;
mod commands;
mod configurations;
mod error;
mod files;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use commands::score::Task;
use commands::{
    bench, data, doctor, evaluate, explain, export, import, report, score, screen, train,
};
use error::CommandError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lets the allocator keep what is freed: a training step frees and takes
/// hundreds of megabytes, and fetching them from the system again costs more
/// than many of its kernels. Peak memory is the same.
fn keep_memory() {
    // `mi_option_purge_delay`, which the crate does not name; -1 is "never".
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: it sets one number; an option that is none is ignored.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}

/// Leaves Mesa's choice between GPUs out where there is no graphical session: its
/// Vulkan layer asks the compositor, and without one writes an error of its own to
/// stderr before every answer of ours. Whoever chooses by Mesa's variables keeps it.
#[cfg(target_os = "linux")]
fn without_session() {
    const CHOICES: [&str; 3] = ["XDG_RUNTIME_DIR", "DRI_PRIME", "MESA_VK_DEVICE_SELECT"];
    if CHOICES.iter().all(|name| std::env::var_os(name).is_none()) {
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

#[cfg(not(target_os = "linux"))]
fn without_session() {}

fn main() -> ExitCode {
    keep_memory();
    without_session();
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Command::Score(score) => score::run(&score.rows, Task::Score, score.assess),
        Command::Explain(explain) => explain::run(explain),
        Command::Embed(score) => score::run(score, Task::Embed, false),
        Command::Screen(screen) => screen::run(screen),
        Command::Pretrain(pretrain) => train::pretrain(pretrain),
        Command::Distill(distill) => train::distill(distill),
        Command::Finetune(finetune) => train::finetune(finetune),
        Command::Evaluate(evaluate) => evaluate::run(evaluate),
        Command::Report(report) => report::run(report),
        Command::Data(data) => data::run(data),
        Command::Bench(bench) => bench::run(bench),
        Command::Import(import) => import::run(import),
        Command::Export(export) => export::run(export),
        Command::Doctor(doctor) => doctor::run(doctor),
        Command::Completions { shell } => {
            // Into memory first: the generator panics where it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "delicate", &mut script);
            std::io::stdout()
                .write_all(&script)
                .map_err(CommandError::stdout)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has what it wanted.
        Err(CommandError::Output { source, .. })
            if source.kind() == std::io::ErrorKind::BrokenPipe =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("delicate: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
