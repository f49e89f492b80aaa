//! Running other programs: each is printed first.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command to its end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {command:?}");
    let status = command.status().with_context(|| not_started(command))?;
    if !status.success() {
        bail!("{command:?} failed ({status})");
    }
    Ok(())
}

/// What a command writes to standard output; its errors go where ours do.
pub(crate) fn answer(command: &mut Command) -> Result<Vec<u8>> {
    eprintln!("$ {command:?}");
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().with_context(|| not_started(command))?;
    if !output.status.success() {
        bail!("{command:?} failed ({})", output.status);
    }
    Ok(output.stdout)
}

fn not_started(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("`{program}` could not be started")
}
