//! Training and measuring the shipped models, which is a program of its own.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::command;
use crate::native;
use crate::workspace::Workspace;

/// Builds `delicate-reproduce` and runs it.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let program = native::build(workspace, "delicate-reproduce")?;
    command::run(
        Command::new(program)
            .args(arguments)
            .current_dir(&workspace.root),
    )
}
