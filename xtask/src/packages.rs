//! The system's packages, through apt.

use std::io::IsTerminal;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result, bail};

use crate::command::{answer, on_path, run};

/// Installs packages, or says which ones to install by hand.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let by_hand = || format!("install by hand: {}", packages.join(" "));
    if on_path("apt-get").is_none() {
        bail!("there is no apt-get here; {}", by_hand());
    }
    // A list of packages that is out of date may still do.
    static LISTS: Once = Once::new();
    LISTS.call_once(|| {
        if let Err(error) = apt(&["update", "-qq"]).and_then(|mut update| run(&mut update)) {
            eprintln!("note: {error:#}");
        }
    });
    // Never at the price of a package that is there: Debian's compilers, for
    // one, would push out another Rust.
    let mut words = vec![
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "--no-remove",
    ];
    words.extend(packages);
    apt(&words)
        .and_then(|mut install| run(&mut install))
        .with_context(by_hand)
}

fn apt(words: &[&str]) -> Result<Command> {
    let mut command = if is_root()? {
        Command::new("env")
    } else if on_path("sudo").is_some() {
        let mut command = Command::new("sudo");
        if !std::io::stdin().is_terminal() {
            // With nobody to type a password, fail rather than wait for it.
            command.arg("-n");
        }
        command.arg("env");
        command
    } else {
        bail!("apt-get needs root, and there is no sudo");
    };
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(words);
    Ok(command)
}

fn is_root() -> Result<bool> {
    Ok(answer(Command::new("id").arg("-u"))?.trim() == "0")
}
