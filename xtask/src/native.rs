//! Programs of the workspace that tasks run, such as the `delicate` command.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{cargo, run_reading};
use crate::workspace::Workspace;

/// Builds the program of that name and tells where it is.
pub(crate) fn build(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let mut build = cargo(&workspace.root);
    // With the features of the whole workspace, as the tests build it: alone,
    // the engine would be compiled a second time.
    build.args(["build", "--release", "--workspace", "--bin", name]);
    build.args(["--message-format", "json-render-diagnostics"]);
    let mut program = None;
    let status = run_reading(&mut build, |line| {
        program = executable(line, name).or(program.take())
    })?;
    if !status.success() {
        bail!("`{name}` was not built ({status})");
    }
    program.with_context(|| format!("Cargo built `{name}` without saying where it is"))
}

/// The program of that name in one of the messages of a build, if it is there.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let ours = message["target"]["name"] == name;
    message["executable"]
        .as_str()
        .filter(|_| ours)
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_the_messages_of_a_build() {
        let program = r#"{"target":{"name":"delicate"},"executable":"/t/release/delicate"}"#;
        assert_eq!(
            executable(program, "delicate"),
            Some(PathBuf::from("/t/release/delicate"))
        );
        let library = r#"{"target":{"name":"delicate"},"executable":null}"#;
        let other = r#"{"target":{"name":"xtask"},"executable":"/t/release/xtask"}"#;
        for message in [library, other, r#"{"success":true}"#, "no JSON"] {
            assert_eq!(executable(message, "delicate"), None, "{message}");
        }
    }
}
