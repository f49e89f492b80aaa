//! The `delicate` command.
//!
//! Exit codes: 0 done; 1 a file, model or device failed; 2 wrong arguments;
//! 3 a row failed under `--on-error fail`; 130 interrupted (by SIGTERM 143, by
//! SIGHUP 129).

#![deny(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where nobody reads; see the module `messages`"
)]

mod changes;
mod cli;
mod commands;
mod configurations;
mod error;
mod failures;
mod files;
mod hints;
mod interrupt;
mod memory;
mod messages;
mod model;
mod partial;
mod parts;
mod places;
mod progress;
mod rows;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use commands::Command;
use error::CommandError;
use messages::say;

/// Scores molecules with a compact chemical transformer, on any GPU or the CPU.
#[derive(Debug, Parser)]
#[command(
    name = "delicate",
    version,
    after_help = "Exit codes: 0 done; 1 a file, model or device failed; 2 wrong arguments; \
                  3 a row failed under --on-error fail; 130 interrupted (by SIGTERM 143, by SIGHUP \
                  129)."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
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
    memory::keep();
    without_session();
    delicate::panics::print_only_uncaught();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return shown(&answer),
    };
    if !arguments.command.trains() {
        memory::small_pages();
    }
    let done = check_threads().and_then(|()| arguments.command.run(Arguments::command()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has what it wanted.
        Err(CommandError::Output { source, .. })
            if source.kind() == std::io::ErrorKind::BrokenPipe =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            say!("delicate: {}", error.shown());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Refuses a number of threads that no machine has cores for: starting them would take
/// for ever.
fn check_threads() -> Result<(), CommandError> {
    const MOST: usize = 1024;
    // Both are read by rayon.
    for name in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
        let said = std::env::var(name).ok().and_then(|said| said.parse().ok());
        if said.is_some_and(|said: usize| said > MOST) {
            return Err(CommandError::Usage(format!(
                "the variable {name} asks for more than {MOST} threads"
            )));
        }
    }
    Ok(())
}

/// Shows the help, the version or what is wrong with the arguments, and what to try.
fn shown(answer: &clap::Error) -> ExitCode {
    let code = u8::try_from(answer.exit_code()).unwrap_or(2);
    let printed = answer.print();
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(hint) = hints::hint(answer, &arguments) {
        say!("{hint}");
    }
    match printed {
        Err(error) if code == 0 && error.kind() != std::io::ErrorKind::BrokenPipe => {
            let error = CommandError::stdout(error);
            say!("delicate: {error}");
            ExitCode::from(error.exit_code())
        }
        _ => ExitCode::from(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    /// What the options under test say, whichever way they are spelled.
    fn meaning(arguments: &Arguments) -> String {
        let rows = |rows: &commands::RowArguments| {
            let (compute, augmentation) = (rows.compute, rows.augmentation);
            format!("{:?} {}", compute.asked(), augmentation.augmentations)
        };
        match &arguments.command {
            Command::Score(score) => format!("{} {}", rows(&score.rows), score.uncertainty),
            Command::Embed(embed) => rows(embed),
            Command::Screen(screen) => format!("{:?}", screen.benchmark_format()),
            Command::Evaluate(evaluate) => {
                let (report, augmentation) = (evaluate.report, evaluate.augmentation);
                format!("{:?} {}", report.format(), augmentation.augmentations)
            }
            Command::Doctor(doctor) => format!("{:?}", doctor.report.format()),
            Command::Import(import) => format!("{:?}", import.precision()),
            Command::Pretrain(pretrain) => pretrain.run.compute.is_half().to_string(),
            Command::Distill(distill) => distill.pretrain.run.compute.is_half().to_string(),
            Command::Finetune(finetune) => finetune.run.compute.is_half().to_string(),
            // Nothing but names: clap's own aliases.
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn earlier_spellings_are_read_like_the_present_ones_and_stay_out_of_the_help() {
        // Command, its other arguments, earlier spelling, present spelling.
        let cases: [(&str, &str, &str, &str); 17] = [
            ("score", "a.smi", "--half", "--precision fp16"),
            ("score", "a.smi", "--readings 4", "--tta 4"),
            ("score", "a.smi", "--assess", "--uncertainty"),
            ("embed", "a.smi", "--half", "--precision fp16"),
            ("embed", "a.smi", "--readings 4", "--tta 4"),
            ("screen", "--benchmark d", "--json", "--format json"),
            ("evaluate", "run", "--json", "--format json"),
            ("evaluate", "run", "--readings 4", "--tta 4"),
            ("doctor", "", "--json", "--format json"),
            ("import", "a.pt -o m", "--fp16", "--precision fp16"),
            ("export", "m -o n", "--lean", "--inference-only"),
            ("pretrain", "c -o r", "--half", "--precision fp16"),
            ("distill", "c -o r", "--half", "--precision fp16"),
            ("finetune", "c -o r", "--half", "--precision fp16"),
            ("data get", "esol", "--into d", "-o d"),
            ("data get", "esol", "--into d", "--output d"),
            ("predict", "a.smi", "--assess", "--uncertainty"),
        ];
        for (command, others, earlier, present) in cases {
            let read = |spelling: &str| {
                let line = format!("delicate {command} {others} {spelling}");
                let parsed = Arguments::try_parse_from(line.split_whitespace());
                parsed.unwrap_or_else(|error| panic!("{line}: {error}"))
            };
            let name = earlier.split(' ').next().unwrap_or_default();
            let mut parser = Arguments::command();
            parser.build();
            let parser = command.split(' ').fold(&parser, |parser, name| {
                parser.find_subcommand(name).expect("a command")
            });
            let help = parser.clone().render_long_help().to_string();
            assert_eq!(
                help.contains(name),
                present.starts_with(name),
                "{command} {name}"
            );
            assert_eq!(
                meaning(&read(earlier)),
                meaning(&read(present)),
                "{command} {earlier}"
            );
        }
    }
}
