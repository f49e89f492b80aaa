//! Backends that must stay off: burn's `vulkan` and `metal` reject the raw
//! WGSL of our kernels, and `cuda` asks for a toolkit.

use anyhow::{Result, bail};

use crate::command::{answer, cargo};
use crate::wasm;
use crate::workspace::Workspace;

/// The crates that have such backends, and the features that are them.
const CRATES: [&str; 5] = ["burn", "burn-wgpu", "burn-cubecl", "cubecl", "cubecl-wgpu"];
const FORBIDDEN: [&str; 3] = ["vulkan", "metal", "cuda"];

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
    Ok(())
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
    fn wgpu_may_have_vulkan_and_metal() {
        let tree =
            "wgpu v30.0.1|metal,vulkan,wgsl\nburn v0.22.1|wgpu\nwgpu-hal v30.0.1|vulkan (*)\n";
        assert!(forbidden(tree).is_empty());
    }
}
