//! What the tasks need installed. All of it is looked for before it is
//! installed, so that preparing a prepared machine takes seconds.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::command::{answer, run_within};
use crate::node::Node;
use crate::tools::Tools;
use crate::wasm::Toolchain;
use crate::workspace::Workspace;
use crate::{modules, packages, page, python};

/// Installs what builds the page.
pub(crate) fn for_page(workspace: &Workspace) -> Result<Tools> {
    let wasm = Toolchain::find_or_install()?;
    let node = Node::find_or_install(workspace)?;
    page::install(workspace, &node)?;
    modules::prepare(workspace)?;
    Ok(Tools { wasm, node })
}

/// Installs what the checks use; one whose program is still missing fails.
pub(crate) fn for_checks() {
    note(components());
}

/// Installs what the tests use besides. None of it is an error to lack: a test
/// that misses a device or a browser says that it was skipped.
pub(crate) fn for_tests() {
    note(vulkan());
    note(chromium());
    note(firefox());
    note(spirv_tools());
}

/// Installs what builds and tests the wheel. A step that lacks it says that it was
/// skipped.
pub(crate) fn for_python() {
    note(virtual_environments());
}

/// Python with what makes virtual environments, which Debian packs apart.
fn virtual_environments() -> Result<()> {
    if python::is_there().is_ok() {
        return Ok(());
    }
    packages::install(&["python3", "python3-venv"])
}

fn note(attempt: Result<()>) {
    if let Err(error) = attempt {
        eprintln!("note: {error:#}");
    }
}

/// Rust's formatter and linter, which a minimal toolchain leaves out.
fn components() -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if answer(Command::new("cargo").args([subcommand, "--version"])).is_err() {
            let mut add = Command::new("rustup");
            run_within(
                add.args(["component", "add", component]),
                Duration::from_secs(300),
            )?;
        }
    }
    Ok(())
}

/// Lavapipe, a graphics adapter in software, for machines without one.
fn vulkan() -> Result<()> {
    if !cfg!(target_os = "linux") || has_software_adapter() {
        return Ok(());
    }
    packages::install(&["libvulkan1", "mesa-vulkan-drivers"])
}

fn has_software_adapter() -> bool {
    let drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .iter()
        .any(|folder| {
            names(Path::new(folder))
                .iter()
                .any(|name| name.starts_with("lvp_icd"))
        });
    let libraries = ["/usr/lib", "/usr/lib64"].map(str::to_owned);
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let loader = libraries
        .iter()
        .chain([&multiarch])
        .any(|folder| Path::new(folder).join("libvulkan.so.1").exists());
    drivers && loader
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The validator of SPIR-V.
fn spirv_tools() -> Result<()> {
    if !cfg!(target_os = "linux") || answer(Command::new("spirv-val").arg("--version")).is_ok() {
        return Ok(());
    }
    packages::install(&["spirv-tools"])
}

/// The other browser of the tests; named otherwise where it is no Debian.
fn firefox() -> Result<()> {
    let there = ["firefox-esr", "firefox"]
        .iter()
        .any(|name| answer(Command::new(name).arg("--version")).is_ok());
    if !cfg!(target_os = "linux") || there {
        return Ok(());
    }
    packages::install(&["firefox-esr"])
}

/// The browser of most browser tests.
fn chromium() -> Result<()> {
    if page::browser().is_some() {
        return Ok(());
    }
    packages::install(&["chromium"])
}
