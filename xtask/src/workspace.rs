//! Where things lie, and which versions the lock file names.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{answer, cargo};

/// The folders everything is read from and written to.
pub(crate) struct Workspace {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the environment has put it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks Cargo, which knows of `CARGO_TARGET_DIR` and of every setting.
    pub(crate) fn find() -> Result<Self> {
        // Read when run, not when compiled: a target folder shared by two
        // clones may hand one of them the other's binary.
        let here = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir()?,
        };
        let text = answer(cargo(&here).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: serde_json::Value = serde_json::from_str(&text)?;
        let folder = |key: &str| {
            let path = metadata[key].as_str();
            path.map(PathBuf::from)
                .with_context(|| format!("`cargo metadata` names no {key}"))
        };
        Ok(Self {
            root: folder("workspace_root")?,
            target: folder("target_directory")?,
        })
    }

    /// The page's package.
    pub(crate) fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// Where programs are installed that the machine lacks; `DELICATE_CACHE`
    /// puts them where several clones can share them.
    pub(crate) fn tools(&self) -> PathBuf {
        match std::env::var_os("DELICATE_CACHE") {
            Some(folder) if !folder.is_empty() => self.root.join(folder).join("tools"),
            _ => self.target.join("tools"),
        }
    }

    /// The version of a package in `Cargo.lock`.
    pub(crate) fn locked(&self, package: &str) -> Result<String> {
        let text = read(&self.root.join("Cargo.lock"))?;
        locked_version(&text, package)
            .map(str::to_owned)
            .with_context(|| format!("Cargo.lock names no package `{package}`"))
    }
}

/// A text file, or an error that names it.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Removes a folder with all that is in it, where it is there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Names contents; only ever compared on one machine.
pub(crate) fn key(parts: &[&[u8]]) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    format!("{:016x}", hasher.finish())
}

/// The version of the first package of that name in a lock file's text.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    lines.find(|line| quoted_value(line, "name") == Some(package))?;
    quoted_value(lines.next()?, "version")
}

fn quoted_value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?
        .strip_prefix(" = \"")?
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "wasm-bindgen-shared"
version = "0.2.99"

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
dependencies = [
 "wasm-bindgen-shared",
]
"#;

    #[test]
    fn the_lock_file_names_the_version_of_exactly_that_package() {
        assert_eq!(locked_version(LOCK, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(LOCK, "wasm-bindgen-shared"), Some("0.2.99"));
        assert_eq!(locked_version(LOCK, "wasm"), None);
    }

    #[test]
    fn the_binding_generator_has_the_version_of_the_bindings() {
        let lock = include_str!("../../Cargo.lock");
        let bindings = locked_version(lock, "wasm-bindgen");
        assert!(bindings.is_some(), "wasm-bindgen is not in the lock file");
        assert_eq!(locked_version(lock, "wasm-bindgen-cli-support"), bindings);
    }

    #[test]
    fn a_key_changes_with_every_part_and_with_where_one_ends() {
        let names = [
            key(&[b"ab", b"c"]),
            key(&[b"a", b"bc"]),
            key(&[b"ab", b"d"]),
        ];
        assert_eq!(names[0], key(&[b"ab", b"c"]));
        assert!(names[0] != names[1] && names[0] != names[2] && names[1] != names[2]);
    }
}
