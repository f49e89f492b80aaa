//! The whole product on one machine: molecules scored natively, then the page.

use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::Workspace;
use crate::{modules, native, page, setup};

/// A few drugs, and two rows that are wrong on purpose.
const SAMPLE: &str = "examples/molecules.smi";

/// Installs, builds and scores, then serves the page unless told not to.
pub(crate) fn run(workspace: &Workspace, no_serve: bool, port: Option<u16>) -> Result<()> {
    let tools = setup::for_page(workspace)?;
    score(workspace)?;
    modules::build(workspace, &tools, false)?;
    page::build(workspace, &tools.node)?;
    if no_serve {
        println!("The page is in web/dist; `cargo xtask demo` serves it.");
        return Ok(());
    }
    page::serve(workspace, &tools.node, port)
}

/// Scores the sample with the native command.
fn score(workspace: &Workspace) -> Result<()> {
    let mut score = Command::new(native::build(workspace, "delicate")?);
    command::run(score.args(["score", SAMPLE]).current_dir(&workspace.root))
        .with_context(|| format!("{SAMPLE} was not scored"))
}
