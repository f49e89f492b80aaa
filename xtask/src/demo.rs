//! The whole product on one machine: the page, and molecules scored natively.

use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use crate::command;
use crate::tools::Tools;
use crate::workspace::Workspace;
use crate::{modules, native, page, setup};

/// A few drugs, and two rows that are wrong on purpose.
const SAMPLE: &str = "examples/molecules.smi";

/// Builds, scores and serves. The page comes first, as soon as it can compute on a CPU: of
/// all parts it takes the least to build. The command and what is for a GPU are built while
/// it is served.
pub(crate) fn run(workspace: &Workspace, no_serve: bool, port: Option<u16>) -> Result<()> {
    // Before the builds, which take long: whoever named a port that is taken is told at once.
    let reserved = match no_serve {
        true => None,
        false => Some(page::reserve(port)?),
    };
    let tools = setup::for_page(workspace)?;
    let Some(reserved) = reserved else {
        score(workspace)?;
        modules::build(workspace, &tools, false)?;
        page::build(workspace, &tools.node)?;
        println!("The page is in web/dist; `cargo xtask demo` serves it.");
        return Ok(());
    };
    modules::build_for_cpu(workspace, &tools)?;
    page::build_for_cpu(workspace, &tools.node)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            match score(workspace) {
                Ok(program) => println!("The command is built: {}", program.display()),
                Err(error) => println!("The command could not be built: {error:#}"),
            }
            match add_webgpu(workspace, &tools) {
                Ok(()) => println!("The page has its WebGPU engine now: reload it."),
                Err(error) => {
                    println!("The page stays without WebGPU, which could not be built: {error:#}");
                }
            }
        });
        page::serve(workspace, &tools.node, reserved)
    })
}

/// Builds what a GPU takes and puts the whole page in the place of the one without.
fn add_webgpu(workspace: &Workspace, tools: &Tools) -> Result<()> {
    modules::build_for_webgpu(workspace, tools)?;
    page::replace(workspace, &tools.node)
}

/// Builds the native command, which it gives back, and scores the sample with it.
fn score(workspace: &Workspace) -> Result<PathBuf> {
    let program = native::build(workspace, "delicate")?;
    let mut score = Command::new(&program);
    command::run(score.args(["score", SAMPLE]).current_dir(&workspace.root))
        .with_context(|| format!("{SAMPLE} was not scored"))?;
    Ok(program)
}
