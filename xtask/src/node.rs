//! Node.js and npm: the machine's, or else a copy of our own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{answer, on_path, run};
use crate::packages;
use crate::workspace::Workspace;

/// What is installed where the machine's Node is too old (Debian 12 and
/// Ubuntu 24.04 have 18): npm carries Node itself as a package. Its npm comes
/// along, for Debian's works with Debian's Node alone.
const OWN_NODE: &str = "22.23.3";
const OWN_NPM: &str = "10.9.9";

/// The Node.js that all of the page's commands use.
pub(crate) struct Node {
    /// The folder of `node` and `npm`, unless they are the machine's.
    folder: Option<PathBuf>,
}

impl Node {
    /// Finds a Node that will do, or installs one.
    pub(crate) fn find_or_install(workspace: &Workspace) -> Result<Self> {
        let machine = Self { folder: None };
        let home = workspace.tools().join("node");
        let own = Self {
            folder: Some(home.join("node_modules").join(".bin")),
        };
        if let Some(found) = [machine, own].into_iter().find(Self::will_do) {
            return Ok(found);
        }
        let machine = Self { folder: None };
        if on_path(file_name("npm")).is_none() || on_path("node").is_none() {
            let advice = "the page needs Node.js 20.19, 22.12 or later, with npm";
            packages::install(&["nodejs", "npm"]).context(advice)?;
            if machine.will_do() {
                return Ok(machine);
            }
        }
        let found = machine
            .version()
            .map_or("no Node.js".into(), |v| format!("Node.js {}", v.text));
        println!(
            "{found} is too old for the page: installing {OWN_NODE} into {}",
            home.display()
        );
        install_own(&home)?;
        let own = Self {
            folder: Some(home.join("node_modules").join(".bin")),
        };
        if !own.will_do() {
            bail!("Node.js {OWN_NODE} does not run here; install 20.19, 22.12 or later by hand");
        }
        Ok(own)
    }

    fn will_do(&self) -> bool {
        self.version().is_some_and(|version| version.will_do())
            && answer(self.command("npm").arg("--version")).is_ok()
    }

    fn version(&self) -> Option<Version> {
        Version::parse(&answer(self.command("node").arg("--version")).ok()?)
    }

    /// A command that finds this Node first.
    pub(crate) fn command(&self, program: &str) -> Command {
        let program = file_name(program);
        let Some(folder) = &self.folder else {
            return Command::new(program);
        };
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.clone()).chain(std::env::split_paths(&inherited));
        // By its full path: the search path set here counts for the program's
        // own children, not everywhere for the program itself.
        let mut command = Command::new(folder.join(program));
        // As Debian's does: behind a company's proxy, only the system knows
        // the certificates to trust.
        command.env("NODE_USE_SYSTEM_CA", "1");
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
        command
    }
}

/// What a program is called on this system: on Windows npm is a script, and
/// one is started by its full name alone.
fn file_name(program: &str) -> &str {
    if cfg!(windows) && program == "npm" {
        "npm.cmd"
    } else {
        program
    }
}

fn install_own(home: &Path) -> Result<()> {
    use std::env::consts::{ARCH, OS};
    let platform = match (OS, ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => bail!("install Node.js 20.19, 22.12 or later by hand"),
    };
    std::fs::create_dir_all(home)?;
    // npm would otherwise look for a package further up, and install there.
    std::fs::write(home.join("package.json"), "{ \"private\": true }\n")?;
    run(Command::new("npm")
        .args(["install", "--no-save", "--no-audit", "--no-fund"])
        .arg(format!("node-{platform}@{OWN_NODE}"))
        .arg(format!("npm@{OWN_NPM}"))
        .current_dir(home))
}

/// A Node.js version.
struct Version {
    text: String,
    major: u32,
    minor: u32,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let mut numbers = text.split('.').map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self {
            text: text.to_owned(),
            major,
            minor,
        })
    }

    /// The versions Vite runs on.
    fn will_do(&self) -> bool {
        match self.major {
            20 => self.minor >= 19,
            22 => self.minor >= 12,
            major => major > 22,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_that_vite_runs_on_will_do() {
        let will_do = |text| Version::parse(text).is_some_and(|version| version.will_do());
        for text in ["v20.19.0\n", "v22.12.1", "v24.0.0"] {
            assert!(will_do(text), "{text}");
        }
        for text in [
            "v18.20.4\n",
            "v20.18.3",
            "v21.7.0",
            "v22.11.0",
            "",
            "unknown",
        ] {
            assert!(!will_do(text), "{text}");
        }
    }
}
