//! The wheel: `python/`, built by maturin and tested in a virtual environment of its
//! own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{answer, leave_package_out, run};
use crate::workspace::Workspace;

/// What builds wheels; the version is pinned like every tool's.
const MATURIN: &str = "maturin==1.16.0";

/// What a Python has to have to make virtual environments.
const VENV: [&str; 2] = ["-c", "import venv, ensurepip"];

/// Whether virtual environments can be made here, or why not.
pub(crate) fn is_there() -> Result<()> {
    let probe = answer(Command::new(system()).args(VENV));
    ensure!(probe.is_ok(), "no python3 with venv");
    Ok(())
}

/// The machine's own Python.
fn system() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

/// A program of a virtual environment.
fn program(environment: &Path, name: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    environment.join(folder).join(name)
}

/// Makes a virtual environment and installs what `words` of pip's say.
fn environment(folder: &Path, words: &[&str]) -> Result<()> {
    run(Command::new(system())
        .args(["-m", "venv", "--clear"])
        .arg(folder))?;
    install(folder, words)
}

fn install(folder: &Path, words: &[&str]) -> Result<()> {
    let mut pip = Command::new(program(folder, "python"));
    pip.args(["-m", "pip", "install", "--quiet"]);
    pip.args(["--disable-pip-version-check"]).args(words);
    run(&mut pip)
}

/// Has twine look at a wheel as PyPI would.
pub(crate) fn twine(workspace: &Workspace, version: &str, wheel: &Path) -> Result<()> {
    let twine = tool(workspace, "twine", version)?;
    run(Command::new(twine).args(["check", "--strict"]).arg(wheel))
}

/// A Python program of a pinned version, in an environment of its own beside our tools.
fn tool(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf> {
    is_there()?;
    let folder = workspace.tools().join(version.replace("==", "-"));
    let program = program(&folder, name);
    if !program
        .with_extension(std::env::consts::EXE_EXTENSION)
        .is_file()
    {
        environment(&folder, &[version])?;
    }
    Ok(program)
}

/// Builds the wheel into `folder` (without one, `wheels` of the target folder) and tells
/// its name.
pub(crate) fn build(workspace: &Workspace, folder: Option<&Path>) -> Result<PathBuf> {
    let maturin = tool(workspace, "maturin", MATURIN)?;
    let wheels = match folder {
        Some(folder) => folder.to_owned(),
        None => workspace.target.join("wheels"),
    };
    for old in found(&wheels)? {
        fs::remove_file(&old).with_context(|| old.display().to_string())?;
    }
    let mut build = Command::new(maturin);
    leave_package_out(&mut build);
    build.args(["build", "--release", "--locked", "--manifest-path"]);
    build.arg(workspace.root.join("python/Cargo.toml"));
    // Where the engine is compiled already.
    build.env("CARGO_TARGET_DIR", &workspace.target);
    run(build.arg("--out").arg(&wheels))?;
    match found(&wheels)?.as_slice() {
        [wheel] => {
            let bytes = fs::metadata(wheel)?.len();
            println!("{} ({:.1} MB)", wheel.display(), bytes as f64 / 1e6);
            Ok(wheel.clone())
        }
        several => bail!("{} wheels in {}", several.len(), wheels.display()),
    }
}

/// The wheels of ours in a folder.
fn found(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut wheels = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("delicate-") && name.ends_with(".whl") {
                wheels.push(path);
            }
        }
    }
    Ok(wheels)
}

/// Installs the wheel into a new virtual environment; what runs its tests there. They
/// compare with the numbers of `command`.
pub(crate) fn tests(workspace: &Workspace, command: &Path) -> Result<Command> {
    let wheel = build(workspace, None)?;
    let folder = workspace.target.join("python-tests");
    let tests = workspace.root.join("python/tests");
    let requirements = tests.join("requirements.txt");
    environment(&folder, &[&wheel.to_string_lossy()])?;
    // On its own first: all that it asks for is NumPy.
    let packages = answer(Command::new(program(&folder, "python")).args(["-m", "pip", "freeze"]))?;
    let others: Vec<&str> = packages
        .lines()
        .filter(|line| !line.starts_with("delicate") && !line.starts_with("numpy"))
        .collect();
    ensure!(
        others.is_empty(),
        "the wheel installs {}",
        others.join(", ")
    );
    install(&folder, &["--requirement", &requirements.to_string_lossy()])?;

    let mut pytest = Command::new(program(&folder, "pytest"));
    pytest.arg(&tests).arg("--config-file");
    pytest.arg(workspace.root.join("python/pyproject.toml"));
    pytest.args(["-rsfE", "-p", "no:cacheprovider", "--color=no"]);
    // Away from the sources: the package that is tested is the one installed.
    pytest.current_dir(&folder).env("DELICATE_BIN", command);
    Ok(pytest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builds_wheels_is_pinned() {
        let (name, version) = MATURIN.split_once("==").expect("a version");
        assert_eq!(name, "maturin");
        let project = include_str!("../../python/pyproject.toml");
        assert!(project.contains("build-backend = \"maturin\""));
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()));
    }

    #[test]
    fn only_wheels_of_ours_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(
            found(&folder.path().join("none"))
                .expect("empty")
                .is_empty()
        );
        for name in ["delicate-0.1.0-cp310-abi3-any.whl", "other-1.whl", "a.txt"] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        assert_eq!(found(folder.path()).expect("listed").len(), 1);
    }
}
