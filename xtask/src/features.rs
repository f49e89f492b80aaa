//! Backends that must stay off: burn's `vulkan` and `metal` reject the raw
//! WGSL of our kernels, and `cuda` asks for a toolkit. And what else must hold of
//! features: that the engine has the same in every build.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::command::{answer, cargo};
use crate::wasm;
use crate::workspace::Workspace;

/// The crates that have such backends, and the features that are them.
const CRATES: [&str; 5] = ["burn", "burn-wgpu", "burn-cubecl", "cubecl", "cubecl-wgpu"];
const FORBIDDEN: [&str; 3] = ["vulkan", "metal", "cuda"];

/// Packages that are also built by themselves.
const APART: [&str; 4] = [
    "delicate",
    "delicate-native",
    "delicate-python",
    "delicate-reproduce",
];

/// Looks at what every build enables: the whole workspace on any platform, and
/// the browser's module.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let builds: [&[&str]; 2] = [
        // Every platform: a feature may be on for macOS alone.
        &["--workspace", "--target", "all"],
        &[
            "--package",
            "delicate-web",
            "--features",
            "gpu",
            "--target",
            wasm::TARGET,
        ],
    ];
    let mut found = Vec::new();
    for build in builds {
        let mut tree = cargo(&workspace.root);
        tree.args(["tree", "--prefix", "none", "--format", "{p}|{f}"])
            .args(build);
        let text = answer(&mut tree)?;
        if !text.lines().any(|line| line.starts_with("burn v")) {
            bail!("`{}` names no burn", crate::command::shown(&tree));
        }
        found.extend(forbidden(&text));
    }
    found.sort();
    found.dedup();
    if !found.is_empty() {
        bail!("must be off: {}", found.join(", "));
    }
    println!("{} are off", FORBIDDEN.join(", "));
    check_agreement(workspace)
}

/// Compares what the engine's crates have in builds of one package with what they have
/// in those of the whole workspace: where a feature differs, the engine is compiled once
/// more. Such a feature is named in the library's `Cargo.toml`.
fn check_agreement(workspace: &Workspace) -> Result<()> {
    let tree = |arguments: &[&str]| -> Result<String> {
        let mut tree = cargo(&workspace.root);
        tree.args(["tree", "--prefix", "none", "--format", "{p}|{f}"]);
        answer(tree.args(arguments))
    };
    let engine = tree(&["--package", "burn", "--edges", "normal,build"])?;
    let whole = tree(&["--workspace"])?;
    let (engine, whole) = (features(&engine), features(&whole));
    for package in APART {
        let apart = tree(&["--package", package, "--edges", "normal,build"])?;
        let other = different(&engine, &whole, &features(&apart));
        if !other.is_empty() {
            bail!(
                "built by itself, {package} compiles the engine once more: {}",
                other.join("; ")
            );
        }
    }
    println!("the engine has the same features in every build");
    Ok(())
}

/// The features that each package is built with, once or several times.
fn features(tree: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        // A package met before ends in ` (*)`.
        let line = line.trim_end_matches("(*)").trim_end();
        if let Some((package, features)) = line.split_once('|') {
            all.entry(package).or_default().insert(features);
        }
    }
    all
}

/// The packages of `engine` that `apart` has with features that `whole` has not.
fn different(
    engine: &BTreeMap<&str, BTreeSet<&str>>,
    whole: &BTreeMap<&str, BTreeSet<&str>>,
    apart: &BTreeMap<&str, BTreeSet<&str>>,
) -> Vec<String> {
    let none = BTreeSet::new();
    let of_engine = apart
        .iter()
        .filter(|(package, _)| engine.contains_key(*package));
    let others = of_engine.flat_map(|(package, sets)| {
        let whole = whole.get(package).unwrap_or(&none);
        let others = sets.difference(whole);
        others.map(move |set| format!("{package} with `{set}`"))
    });
    others.collect()
}

/// The forbidden features in lines of `package version|feature,feature`.
fn forbidden(tree: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in tree.lines() {
        let Some((package, features)) = line.split_once('|') else {
            continue;
        };
        let name = package.split(' ').next().unwrap_or_default();
        if !CRATES.contains(&name) {
            continue;
        }
        // A package met before ends in ` (*)`.
        let features = features.trim_end_matches("(*)").trim_end();
        for feature in features
            .split(',')
            .filter(|feature| FORBIDDEN.contains(feature))
        {
            found.push(format!("{name}/{feature}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_backend_is_found_in_any_of_the_crates() {
        let tree = "burn v0.22.1|flex,std,wgpu\nburn-wgpu v0.22.1|std,vulkan (*)\n\
                    cubecl v0.11.3 (proc-macro)|cuda\n";
        assert_eq!(forbidden(tree), ["burn-wgpu/vulkan", "cubecl/cuda"]);
    }

    #[test]
    fn a_package_of_the_engine_with_other_features_is_named() {
        let whole = "burn v1|std\nahash v1|rng,std\nindexmap v1|\nindexmap v1|std (*)\nclap v1|a\n";
        let engine = features("burn v1|std\nahash v1|\nindexmap v1|");
        let of = |apart: &str| different(&engine, &features(whole), &features(apart));
        assert!(of(whole).is_empty());
        // What is no part of the engine may differ.
        assert!(of("burn v1|std (*)\nindexmap v1|std\nclap v1|").is_empty());
        assert_eq!(of("ahash v1|std\nburn v1|std"), ["ahash v1 with `std`"]);
    }

    #[test]
    fn wgpu_may_have_vulkan_and_metal() {
        let tree =
            "wgpu v30.0.1|metal,vulkan,wgsl\nburn v0.22.1|wgpu\nwgpu-hal v30.0.1|vulkan (*)\n";
        assert!(forbidden(tree).is_empty());
    }
}
