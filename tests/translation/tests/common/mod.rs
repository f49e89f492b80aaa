//! What the tests of both kinds of kernels share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use delicate_shader_translation::{Checks, Kernel};
use naga::back::hlsl::ShaderModel;

/// Applies `check` to every kernel and fails with all that are wrong, by name.
pub(crate) fn each(kernels: &[(String, Kernel)], check: impl Fn(&Kernel) -> Result<(), String>) {
    assert!(!kernels.is_empty(), "there are kernels");
    let wrong: Vec<String> = kernels
        .iter()
        .filter_map(|(name, kernel)| Some(format!("{name}: {}", check(kernel).err()?)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} kernels:\n{}",
        wrong.len(),
        kernels.len(),
        wrong.join("\n")
    );
}

/// Namespaces of Microsoft's newer compiler, which naga takes for names like any other.
const NAMESPACES: [&str; 2] = ["dx", "vk"];

/// Translates a kernel for DX12; nothing in it may have the name of a namespace. Where `DELICATE_KEEP_HLSL` names a folder, the result
/// is kept there, for Microsoft's compilers (`tests/translation/hlsl.c`).
pub(crate) fn hlsl(kernel: &Kernel, model: ShaderModel, checks: Checks) -> Result<(), String> {
    let text = kernel
        .hlsl(model, checks)
        .map_err(|error| format!("DX12 {model:?}: {error}"))?;
    let is_of_a_name = |it: char| it.is_alphanumeric() || it == '_';
    let mut names = text.split(|it| !is_of_a_name(it));
    if let Some(name) = names.find(|name| NAMESPACES.contains(name)) {
        return Err(format!("DX12 {model:?}: `{name}` is a namespace there"));
    }
    let Some(folder) = std::env::var_os("DELICATE_KEEP_HLSL") else {
        return Ok(());
    };
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let name = format!("cs_{}-{:016x}.hlsl", model.to_str(), hasher.finish());
    std::fs::write(Path::new(&folder).join(name), text).map_err(|error| error.to_string())
}

/// The tool that those who make the rules of SPIR-V check it with:
/// `DELICATE_SPIRV_VAL`, or `spirv-val` of the path.
pub(crate) fn spirv_val_program() -> std::ffi::OsString {
    std::env::var_os("DELICATE_SPIRV_VAL").unwrap_or_else(|| "spirv-val".into())
}

/// Holds a kernel's SPIR-V to the rules of Vulkan.
pub(crate) fn spirv_val(kernel: &Kernel, folder: &Path) -> Result<(), String> {
    let program = spirv_val_program();
    // The versions that wgpu writes for Vulkan 1.0 to 1.3.
    let versions = [
        ((1, 0), "vulkan1.0"),
        ((1, 3), "vulkan1.1"),
        ((1, 5), "vulkan1.2"),
        ((1, 6), "vulkan1.3"),
    ];
    for checks in Checks::ALL {
        for (version, environment) in versions {
            let words = kernel.spirv(version, checks)?;
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let file = folder.join("kernel.spv");
            std::fs::write(&file, bytes).map_err(|error| error.to_string())?;
            let output = Command::new(&program)
                .args(["--target-env", environment])
                .arg(&file)
                .output()
                .map_err(|error| format!("{}: {error}", program.display()))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{environment}, {checks:?}: {}", said.trim()));
            }
        }
    }
    Ok(())
}
