//! The guide and the reference as a book.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{self, cargo, run};
use crate::links;
use crate::workspace::Workspace;

/// The version of mdBook that is installed where there is none.
const MDBOOK: &str = "0.5.4";

/// Checks the links, then builds the book into the target folder; where it begins.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    if links::check(workspace)?.failed > 0 {
        bail!("links that lead nowhere are listed above");
    }
    let program = mdbook(workspace)?;
    let output = workspace.target.join("book");
    let mut build = Command::new(program);
    build.arg("build").arg(workspace.root.join(links::BOOK));
    run(build.arg("--dest-dir").arg(&output))?;
    Ok(output.join("index.html"))
}

/// mdBook: that of the machine if it has the version, or else one beside our other tools.
fn mdbook(workspace: &Workspace) -> Result<PathBuf> {
    let wanted = format!("mdbook v{MDBOOK}");
    let root = workspace.tools().join(format!("mdbook-{MDBOOK}"));
    let ours = root
        .join("bin")
        .join(format!("mdbook{}", std::env::consts::EXE_SUFFIX));
    for program in command::on_path("mdbook").into_iter().chain([ours.clone()]) {
        let version = command::answer(Command::new(&program).arg("--version"));
        if version.is_ok_and(|version| version.trim() == wanted) {
            return Ok(program);
        }
    }
    let mut install = cargo(&workspace.root);
    install.args(["install", "mdbook", "--version", MDBOOK, "--locked"]);
    install.args(["--no-default-features", "--features", "search", "--root"]);
    run(install.arg(&root))?;
    Ok(ours)
}
