//! Every file of `shaders/`, held to what naga and the launcher ask of it. A
//! browser would only log that a shader is invalid; what Chromium's compiler
//! asks beyond naga's is checked by the page's tests.

use std::fs;
use std::path::{Path, PathBuf};

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// The files of a directory and their texts.
fn files(directory: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    let entries = fs::read_dir(directory).expect("it is part of the repository");
    entries
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let source = fs::read_to_string(&path).expect("a readable shader");
            (path, source)
        })
}

/// Every kernel, behind the files of `shared/` that it names.
fn shaders() -> Vec<(PathBuf, naga::Module)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let shared: Vec<(PathBuf, String)> = files(&directory.join("shared")).collect();
    files(&directory)
        .map(|(path, kernel)| {
            let named = |(path, _): &&(PathBuf, String)| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| kernel.contains(&format!("shared/{name}")))
            };
            let used = shared.iter().filter(named);
            let source = used.map(|(_, text)| &**text).chain([&*kernel]);
            let source: String = source.collect();
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
            (path, module)
        })
        .collect()
}

#[test]
fn every_shader_is_valid_without_extensions() {
    let shaders = shaders();
    assert!(!shaders.is_empty());
    for (path, module) in shaders {
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
        if let Err(error) = validator.validate(&module) {
            panic!("{}: {error:?}", path.display());
        }
    }
}

#[test]
fn every_shader_has_one_entry_point_called_main() {
    for (path, module) in shaders() {
        let names: Vec<&str> = module
            .entry_points
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(names, ["main"], "{}", path.display());
    }
}

#[test]
fn every_shader_keeps_to_seven_storage_buffers_all_of_them_used() {
    for (path, module) in shaders() {
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .expect("valid, by another test");
        let mut bound = 0;
        for (handle, variable) in module.global_variables.iter() {
            let Some(binding) = variable.binding else {
                continue;
            };
            bound += 1;
            assert_eq!(binding.group, 0, "{}: one bind group", path.display());
            // The layout is derived from use: a buffer that is bound and not
            // used would shift all that follow.
            assert!(
                !info.get_entry_point(0)[handle].is_empty(),
                "{}: binding {} is not used",
                path.display(),
                binding.binding
            );
        }
        assert!(bound <= 7, "{}: {bound} buffers", path.display());
    }
}

#[test]
fn every_shader_has_a_rust_twin() {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels");
    for (path, _) in shaders() {
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name");
        // A kernel and its backward pass share one twin.
        let kernel = name.trim_end_matches("_backward");
        let twin = kernels.join(format!("{kernel}.rs"));
        let source =
            fs::read_to_string(&twin).unwrap_or_else(|error| panic!("{}: {error}", twin.display()));
        assert!(
            source.contains(&format!("fn {name}(")),
            "{} has no function {name}",
            twin.display()
        );
    }
}
