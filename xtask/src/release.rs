//! What a release is made of, made and looked at as the registries would, and published
//! nowhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::command::{cargo, run};
use crate::workspace::{Workspace, read, remove};
use crate::{modules, page, python, setup};

/// The crates, each after those it depends on.
const CRATES: [&str; 2] = ["delicate", "delicate-native"];

/// What crates.io and PyPI take in one file, in bytes; npm states no limit.
const CRATE_LIMIT: u64 = 10 * 1024 * 1024;
const WHEEL_LIMIT: u64 = 100 * 1024 * 1024;

const TWINE: &str = "twine==6.2.0";

/// Headings that Keep a Changelog has under a version.
const KINDS: [&str; 6] = [
    "Added",
    "Changed",
    "Deprecated",
    "Removed",
    "Fixed",
    "Security",
];

/// What can be made by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// For crates.io.
    Crates,
    /// For PyPI.
    Wheel,
    /// For npm.
    Npm,
}

/// Makes everything, or the parts asked for, checks it and prints what it weighs.
pub(crate) fn run_release(workspace: &Workspace, only: &[Part]) -> Result<()> {
    changelog(&read(&workspace.root.join("CHANGELOG.md"))?)?;
    let wanted = |part| only.is_empty() || only.contains(&part);
    let mut files = Vec::new();
    if wanted(Part::Crates) {
        for name in CRATES {
            files.push((package_crate(workspace, name)?, Some(CRATE_LIMIT)));
        }
        check_crates(workspace)?;
    }
    if wanted(Part::Wheel) {
        setup::for_python();
        let wheel = python::build(workspace, Some(&workspace.target.join("release")))?;
        python::twine(workspace, TWINE, &wheel)?;
        files.push((wheel, Some(WHEEL_LIMIT)));
    }
    if wanted(Part::Npm) {
        let tools = setup::for_page(workspace)?;
        modules::build(workspace, &tools, false)?;
        page::package(workspace, &tools.node)?;
        page::publish_dry(workspace, &tools.node)?;
        page::pack(workspace, &tools.node)?;
        let packed = format!("package/delicate-{}.tgz", version(workspace)?);
        files.push((workspace.web().join(packed), None));
    }
    println!("\n| File | Size, MB | Limit, MB |\n|---|---|---|");
    for (file, limit) in files {
        let bytes = weigh(&file, limit)?;
        println!(
            "| {} | {:.1} | {} |",
            file.file_name().unwrap_or_default().to_string_lossy(),
            bytes as f64 / 1e6,
            limit.map_or("–".to_owned(), |limit| format!(
                "{:.1}",
                limit as f64 / 1e6
            ))
        );
    }
    Ok(())
}

/// The version of everything, which the root's Cargo.toml has.
fn version(workspace: &Workspace) -> Result<String> {
    workspace.locked("delicate")
}

/// A crate as it would be uploaded.
fn package_crate(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    // To publish leaves no file behind, to package does not ask the registry.
    for words in [&["package"][..], &["publish", "--dry-run"]] {
        let mut command = cargo(&workspace.root);
        // Cargo would compile it in a profile that nothing else here uses: see
        // `check_crates`.
        command.args(words).args(["--no-verify", "--package", name]);
        if name != CRATES[0] {
            // Not on the registry yet, so that no version of it is found there.
            command.arg("--config").arg(patch(&workspace.root));
        }
        run(&mut command)?;
    }
    let file = format!("{name}-{}.crate", version(workspace)?);
    Ok(workspace.target.join("package").join(file))
}

/// Has the library taken from a folder.
fn patch(folder: &Path) -> String {
    // TOML's quotes are those of Rust's text.
    format!(
        "patch.crates-io.{}.path={:?}",
        CRATES[0],
        folder.display().to_string()
    )
}

/// Unpacks the crates into a workspace of their own and compiles what is in them: a file
/// that was left out would be missed here.
fn check_crates(workspace: &Workspace) -> Result<()> {
    let version = version(workspace)?;
    let folder = workspace.target.join("package/unpacked");
    remove(&folder)?;
    fs::create_dir_all(&folder)?;
    let mut names = Vec::new();
    for name in CRATES {
        let file = workspace
            .target
            .join("package")
            .join(format!("{name}-{version}.crate"));
        let packed = fs::File::open(&file).with_context(|| file.display().to_string())?;
        tar::Archive::new(flate2::read::GzDecoder::new(packed)).unpack(&folder)?;
        names.push(format!("{name}-{version}"));
    }
    // In the profile of ours, so that the engine is not compiled anew for it.
    let ours = read(&workspace.root.join("Cargo.toml"))?;
    let profile = ours.find("[profile.").map_or("", |start| &ours[start..]);
    fs::write(
        folder.join("Cargo.toml"),
        format!("[workspace]\nmembers = {names:?}\nresolver = \"3\"\n\n{profile}"),
    )?;
    // The versions that are tested, not the newest ones.
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut check = cargo(&folder);
    check
        .args(["check", "--release", "--workspace", "--config"])
        .arg(patch(&folder.join(&names[0])))
        .env("CARGO_TARGET_DIR", &workspace.target);
    run(&mut check)
}

/// A file's size in bytes, which has to keep within its limit.
fn weigh(file: &Path, limit: Option<u64>) -> Result<u64> {
    let bytes = fs::metadata(file)
        .with_context(|| format!("{} was not made", file.display()))?
        .len();
    if let Some(limit) = limit {
        ensure!(
            bytes <= limit,
            "{} has {bytes} bytes, and its registry takes {limit}",
            file.display()
        );
    }
    Ok(bytes)
}

/// Whether a changelog has the form of Keep a Changelog 1.1.0.
fn changelog(text: &str) -> Result<()> {
    let mut version = false;
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if let Some(heading) = line.strip_prefix("## ") {
            version = true;
            let dated = heading
                .strip_prefix('[')
                .and_then(|heading| heading.split_once("] - "))
                .is_some_and(|(version, date)| {
                    version.split('.').count() == 3
                        && date.len() == 10
                        && date.split('-').all(|part| part.parse::<u16>().is_ok())
                });
            if !dated && heading != "Unreleased" && heading != "[Unreleased]" {
                bail!(
                    "CHANGELOG.md, line {number}: `{heading}` is neither `Unreleased` nor \
                     `[1.2.3] - 2026-01-31`"
                );
            }
        } else if let Some(heading) = line.strip_prefix("### ") {
            ensure!(
                version && KINDS.contains(&heading),
                "CHANGELOG.md, line {number}: `{heading}` is none of {KINDS:?} under a version"
            );
        }
    }
    ensure!(version, "CHANGELOG.md has no version");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changelog_has_the_form_that_it_says() {
        changelog(include_str!("../../CHANGELOG.md")).expect("its form");
    }

    #[test]
    fn another_form_is_refused_with_its_line() {
        for (text, line) in [
            ("# C\n\n## [0.1.0] - soon\n", "line 3"),
            ("# C\n\n## 0.1.0\n", "line 3"),
            ("# C\n\n## Unreleased\n\n### New\n", "line 5"),
            ("# C\n\n### Added\n", "line 3"),
            ("# C\n", "no version"),
        ] {
            let error = changelog(text).expect_err(text).to_string();
            assert!(error.contains(line), "{error}");
        }
        changelog("# C\n\n## [0.1.0] - 2026-11-28\n\n### Fixed\n").expect("a release");
    }

    #[test]
    fn a_file_beyond_its_limit_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.crate");
        fs::write(&file, [0; 11]).expect("a file");
        assert_eq!(weigh(&file, Some(11)).expect("its size"), 11);
        let error = weigh(&file, Some(10)).expect_err("too large").to_string();
        assert!(error.contains("11 bytes"), "{error}");
    }
}
