//! Running other programs: every one that does work is printed first.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The command as one would type it, with the variables it sets.
pub(crate) fn shown(command: &Command) -> String {
    let variables = command
        .get_envs()
        // The search path is set for every Node command and says nothing.
        .filter(|(name, _)| *name != "PATH")
        .filter_map(|(name, value)| {
            Some(format!(
                "{}={} ",
                name.to_string_lossy(),
                quoted(&value?.to_string_lossy())
            ))
        });
    let words = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| quoted(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ");
    variables.collect::<String>() + &words
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '"', '\'', '$', '&', ';', '*', '(', '|', '>']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.to_owned()
    }
}

/// Prints a command that is about to run.
pub(crate) fn announce(command: &Command) {
    // Standard output may be a pipe, which holds lines back: what was printed
    // before must be seen before.
    let _ = std::io::stdout().flush();
    eprintln!("$ {}", shown(command));
}

fn could_not_start(command: &Command) -> String {
    format!(
        "`{}` could not be started",
        command.get_program().to_string_lossy()
    )
}

/// Runs a command to its end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| could_not_start(command))?;
    accept(command, status)
}

/// As [`run`], ended and reported as an error after `limit`.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    announce(command);
    let mut child = command.spawn().with_context(|| could_not_start(command))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return accept(command, status);
        }
        if start.elapsed() > limit {
            // It may have ended meanwhile, which is as good.
            let _ = child.kill();
            child.wait()?;
            bail!(
                "`{}` took longer than {} s",
                shown(command),
                limit.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Runs a command, passing its standard output on line by line, also to `line`.
pub(crate) fn run_watched(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    run_reading(command, |text| {
        println!("{text}");
        line(text);
    })
}

/// Runs a command, handing its standard output to `line`, line by line.
pub(crate) fn run_reading(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    announce(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| could_not_start(command))?;
    if let Some(output) = child.stdout.take() {
        let mut reader = BufReader::new(output);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes)? > 0 {
            line(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']));
            bytes.clear();
        }
    }
    Ok(child.wait()?)
}

/// What a short question answers on standard output; not printed.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| could_not_start(command))?;
    if !output.status.success() {
        bail!(
            "`{}` failed ({}): {}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Turns an unsuccessful end into an error that names the command.
pub(crate) fn accept(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Where a program lies on the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let file = if program.contains('.') {
        program.to_owned()
    } else {
        format!("{program}{}", std::env::consts::EXE_SUFFIX)
    };
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file())
}

/// The Cargo in charge of this run.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    leave_package_out(command.current_dir(folder));
    command
}

/// Keeps what Cargo tells us of our own package from a command that builds: it would
/// reach the build scripts, and one of them (ring's) compiles anew when it changes.
pub(crate) fn leave_package_out(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command
            .args(["doc", "two words"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env("PATH", "x");
        assert_eq!(
            shown(&command),
            "RUSTDOCFLAGS='-D warnings' cargo doc 'two words'"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_hangs_is_ended() {
        let error = run_within(Command::new("sleep").arg("30"), Duration::from_millis(200))
            .expect_err("it sleeps longer");
        assert!(error.to_string().contains("sleep 30"), "{error}");
    }
}
