//! Every kernel of `shaders/`, translated as wgpu would on each platform.

use std::fs;
use std::path::{Path, PathBuf};

use delicate_shader_translation::{Checks, Kernel};
use naga::back::hlsl::ShaderModel;

mod common;

fn repository() -> PathBuf {
    // Read when run, not when compiled: a target folder shared by two clones may hand
    // one of them the other's binary.
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).join("../..")
}

/// The shaders of a folder, by file name.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("part of the repository");
    let mut sources: Vec<(String, String)> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "wgsl"))
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let text = fs::read_to_string(&path).expect("a readable shader");
            (name.expect("a name").to_owned(), text)
        })
        .collect();
    sources.sort();
    sources
}

/// Every kernel behind the files of `shared/` that it names.
fn kernels() -> Vec<(String, Kernel)> {
    let folder = repository().join("shaders");
    let shared = sources(&folder.join("shared"));
    let kernels = sources(&folder).into_iter().map(|(name, kernel)| {
        let named = |(file, _): &&(String, String)| kernel.contains(&format!("shared/{file}"));
        let used = shared.iter().filter(named).map(|(_, text)| text.as_str());
        let source: String = used.chain([kernel.as_str()]).collect();
        let kernel = Kernel::new(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, kernel)
    });
    kernels.collect()
}

#[test]
fn naga_is_the_one_that_wgpu_uses() {
    let version = |lock: &Path| {
        let text = fs::read_to_string(lock).expect("a lock file");
        let (_, rest) = text.split_once("name = \"naga\"\n").expect("naga");
        rest.lines().next().map(str::to_owned)
    };
    assert_eq!(
        version(&repository().join("Cargo.lock")),
        version(&repository().join("tests/translation/Cargo.lock"))
    );
}

#[test]
fn every_shader_is_translated_for_metal() {
    common::each(&kernels(), |kernel| {
        for checks in Checks::ALL {
            // The oldest Metal that wgpu runs compute on, and the newest.
            for version in [(2, 0), (2, 4), (3, 2), (4, 0)] {
                kernel.metal(version, checks)?;
            }
        }
        Ok(())
    });
}

#[test]
fn every_shader_is_translated_for_dx12() {
    common::each(&kernels(), |kernel| {
        for checks in Checks::ALL {
            // Of the compiler that Windows brings, and of dxc.
            for model in [ShaderModel::V5_1, ShaderModel::V6_0, ShaderModel::V6_5] {
                common::hlsl(kernel, model, checks)?;
            }
        }
        Ok(())
    });
}

#[test]
fn every_shader_keeps_to_what_webgpu_promises() {
    common::each(&kernels(), |kernel| {
        let (lanes, buffers) = kernel.size();
        let bytes = kernel.workgroup_bytes();
        if kernel.extensions().next().is_some() {
            return Err("needs an extension".to_owned());
        }
        if lanes > 256 || buffers > 8 || bytes > 16_384 {
            return Err(format!("{lanes} lanes, {buffers} buffers, {bytes} bytes"));
        }
        Ok(())
    });
}

#[test]
#[ignore = "needs spirv-val"]
fn every_shader_is_valid_to_spirv_val() {
    let folder = tempfile::tempdir().expect("a folder");
    common::each(&kernels(), |kernel| {
        common::spirv_val(kernel, folder.path())
    });
}
