//! WGSL as wgpu hands it to Metal, DX12 and Vulkan, without any of them.
//!
//! The options are those of wgpu's backends, in both of the ways in which a
//! kernel is launched: with checks of bounds, divisors and loops, and without,
//! as burn launches the kernels whose bounds it knows.

use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ResourceBinding, ShaderStage, StorageAccess};

/// What a kernel may need beyond WebGPU's core, and the features of wgpu that
/// give it: only these are used by what is generated here.
pub const EXTENSIONS: [(Capabilities, &str); 5] = [
    (Capabilities::SHADER_FLOAT16, "shader-f16"),
    (Capabilities::SHADER_INT64, "64-bit integers"),
    (Capabilities::SUBGROUP, "subgroups"),
    (Capabilities::FLOAT64, "double precision"),
    (Capabilities::SHADER_FLOAT32_ATOMIC, "atomic floats"),
];

/// A valid module with one entry point.
#[derive(Debug)]
pub struct Kernel {
    module: Module,
    info: ModuleInfo,
    entry_point: String,
    needs: Capabilities,
}

/// Whether a kernel is launched with wgpu's checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Indices, divisors and loops are checked, workgroup memory is cleared:
    /// the default of wgpu, and what browsers do.
    On,
    /// None of it: how burn launches.
    Off,
}

impl Checks {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::On, Self::Off];

    fn are_on(self) -> bool {
        self == Self::On
    }

    fn policy(self) -> BoundsCheckPolicy {
        match self {
            Self::On => BoundsCheckPolicy::Restrict,
            Self::Off => BoundsCheckPolicy::Unchecked,
        }
    }

    fn policies(self) -> BoundsCheckPolicies {
        BoundsCheckPolicies {
            index: self.policy(),
            buffer: self.policy(),
            image_load: self.policy(),
            binding_array: BoundsCheckPolicy::Unchecked,
        }
    }
}

impl Kernel {
    /// Parses and validates a kernel; finds out which of [`EXTENSIONS`] it needs.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in naga's words, with the place.
    pub fn new(source: &str) -> Result<Self, String> {
        let module =
            naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
        let all = EXTENSIONS
            .iter()
            .fold(Capabilities::empty(), |all, (one, _)| all | *one);
        let validate = |capabilities| {
            Validator::new(ValidationFlags::all(), capabilities)
                .validate(&module)
                .map_err(|error| error.emit_to_string(source))
        };
        let info = validate(all)?;
        let needs = EXTENSIONS
            .iter()
            .map(|(one, _)| *one)
            .filter(|&one| validate(all - one).is_err())
            .fold(Capabilities::empty(), |all, one| all | one);
        let [entry_point] = module.entry_points.as_slice() else {
            return Err(format!("{} entry points", module.entry_points.len()));
        };
        if entry_point.stage != ShaderStage::Compute {
            return Err("no compute shader".to_owned());
        }
        Ok(Self {
            entry_point: entry_point.name.clone(),
            needs,
            module,
            info,
        })
    }

    /// Names of what it needs beyond WebGPU's core.
    pub fn extensions(&self) -> impl Iterator<Item = &'static str> {
        let needs = self.needs;
        EXTENSIONS
            .iter()
            .filter(move |(one, _)| needs.contains(*one))
            .map(|(_, name)| *name)
    }

    /// The bindings, in order, and whether a kernel may write there.
    fn bindings(&self) -> Vec<(ResourceBinding, bool)> {
        let variables = self.module.global_variables.iter();
        let mut bindings: Vec<(ResourceBinding, bool)> = variables
            .filter_map(|(_, variable)| {
                let writable = match variable.space {
                    AddressSpace::Storage { access } => access.contains(StorageAccess::STORE),
                    _ => false,
                };
                Some((variable.binding?, writable))
            })
            .collect();
        bindings.sort();
        bindings
    }

    /// In Metal's language, of the version `(major, minor)`.
    ///
    /// # Errors
    ///
    /// What has no translation.
    pub fn metal(&self, version: (u8, u8), checks: Checks) -> Result<String, String> {
        let bindings = self.bindings();
        // Metal numbers all buffers of a kernel together, and wgpu passes their
        // sizes in one more.
        let resources = bindings
            .iter()
            .zip(0u8..)
            .map(|((binding, mutable), slot)| {
                let target = msl::BindTarget {
                    buffer: Some(slot),
                    mutable: *mutable,
                    ..msl::BindTarget::default()
                };
                (*binding, target)
            });
        let resources = msl::EntryPointResources {
            resources: resources.collect(),
            immediates_buffer: None,
            sizes_buffer: u8::try_from(bindings.len()).ok(),
        };
        let options = msl::Options {
            lang_version: version,
            per_entry_point_map: [(self.entry_point.clone(), resources)].into(),
            fake_missing_bindings: false,
            bounds_check_policies: checks.policies(),
            zero_initialize_workgroup_memory: checks.are_on(),
            force_loop_bounding: checks.are_on(),
            emit_int_div_checks: checks.are_on(),
            ..msl::Options::default()
        };
        let pipeline = msl::PipelineOptions {
            entry_point: Some((ShaderStage::Compute, self.entry_point.clone())),
            ..msl::PipelineOptions::default()
        };
        let (text, translated) = msl::write_string(&self.module, &self.info, &options, &pipeline)
            .map_err(|error| error.to_string())?;
        named(translated.entry_point_names)?;
        Ok(text)
    }

    /// In the language of DX12, for a shader model.
    ///
    /// # Errors
    ///
    /// What has no translation.
    pub fn hlsl(&self, model: hlsl::ShaderModel, checks: Checks) -> Result<String, String> {
        let target = |register| hlsl::BindTarget {
            register,
            restrict_indexing: checks.are_on(),
            ..hlsl::BindTarget::default()
        };
        let options = hlsl::Options {
            shader_model: model,
            binding_map: self
                .bindings()
                .into_iter()
                .zip(0..)
                .map(|((binding, _), register)| (binding, target(register)))
                .collect(),
            fake_missing_bindings: false,
            // DX12 does not tell a kernel how many workgroups there are.
            special_constants_binding: Some(hlsl::BindTarget {
                space: 1,
                ..target(0)
            }),
            zero_initialize_workgroup_memory: checks.are_on(),
            restrict_indexing: checks.are_on(),
            force_loop_bounding: checks.are_on(),
            ..hlsl::Options::default()
        };
        let pipeline = hlsl::PipelineOptions {
            entry_point: Some((ShaderStage::Compute, self.entry_point.clone())),
        };
        let mut text = String::new();
        let translated = hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&self.module, &self.info, None)
            .map_err(|error| error.to_string())?;
        named(translated.entry_point_names)?;
        Ok(text)
    }

    /// For Vulkan, in words, of the version `(major, minor)`.
    ///
    /// # Errors
    ///
    /// What has no translation.
    pub fn spirv(&self, version: (u8, u8), checks: Checks) -> Result<Vec<u32>, String> {
        let options = spv::Options {
            lang_version: version,
            bounds_check_policies: checks.policies(),
            zero_initialize_workgroup_memory: match checks {
                Checks::On => spv::ZeroInitializeWorkgroupMemoryMode::Polyfill,
                Checks::Off => spv::ZeroInitializeWorkgroupMemoryMode::None,
            },
            force_loop_bounding: checks.are_on(),
            emit_int_div_checks: checks.are_on(),
            ..spv::Options::default()
        };
        let pipeline = spv::PipelineOptions {
            shader_stage: ShaderStage::Compute,
            entry_point: self.entry_point.clone(),
        };
        spv::write_vec(&self.module, &self.info, &options, Some(&pipeline))
            .map_err(|error| error.to_string())
    }

    /// Bytes of workgroup memory, which WebGPU limits to 16 KiB and wgpu does
    /// not check.
    pub fn workgroup_bytes(&self) -> u32 {
        let variables = self.module.global_variables.iter();
        variables
            .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
            .map(|(_, variable)| {
                let size = self.module.types[variable.ty]
                    .inner
                    .size(self.module.to_ctx());
                // Each variable begins at a multiple of 16 bytes.
                size.next_multiple_of(16)
            })
            .sum()
    }

    /// Lanes of a workgroup, and buffers that are bound.
    pub fn size(&self) -> (u32, usize) {
        let lanes = self.module.entry_points[0].workgroup_size.iter().product();
        (lanes, self.bindings().len())
    }
}

/// An entry point that has no name was left out for what it binds.
fn named<E: std::fmt::Display>(names: Vec<Result<String, E>>) -> Result<(), String> {
    match names.into_iter().next() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the entry point is gone".to_owned()),
    }
}

/// What cubecl's log says was compiled, name and source, each source once.
///
/// The log is that of `compilation.logger` in a `cubecl.toml`, at its level
/// `full`.
pub fn logged(log: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for part in log.split("[START_KERNEL_COMPILATION]").skip(1) {
        let Some((part, _)) = part.split_once("[END_KERNEL_COMPILATION]") else {
            continue;
        };
        let Some((head, source)) = part.split_once("\nsource:\n```") else {
            continue;
        };
        let Some((_language, source)) = source.split_once('\n') else {
            continue;
        };
        let source = source.trim_end().trim_end_matches("```");
        if found.iter().any(|(_, known)| known == source) {
            continue;
        }
        let name = head
            .lines()
            .find_map(|line| line.strip_prefix("name: "))
            .unwrap_or("unnamed");
        found.push((name.to_owned(), source.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = "
        @group(0) @binding(0) var<storage, read_write> x: array<f32>;
        var<workgroup> shared_x: array<f32, 64>;
        @compute @workgroup_size(64) fn main(
            @builtin(workgroup_id) group: vec3<u32>,
            @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32,
        ) {
            shared_x[lane] = x[group.x * 64u + lane];
            workgroupBarrier();
            x[group.x * groups.y + lane] = shared_x[63u - lane];
        }";

    #[test]
    fn a_kernel_is_translated_to_all_three() {
        let kernel = Kernel::new(KERNEL).expect("valid");
        assert_eq!(kernel.extensions().count(), 0);
        assert_eq!(kernel.workgroup_bytes(), 256);
        assert_eq!(kernel.size(), (64, 1));
        for checks in Checks::ALL {
            let metal = kernel.metal((2, 4), checks).expect("Metal");
            assert!(metal.contains("kernel void main_"), "{metal}");
            let hlsl = kernel.hlsl(hlsl::ShaderModel::V5_1, checks).expect("DX12");
            assert!(hlsl.contains("[numthreads(64, 1, 1)]"), "{hlsl}");
            let words = kernel.spirv((1, 3), checks).expect("Vulkan");
            assert_eq!(words.first(), Some(&0x0723_0203), "SPIR-V's magic number");
        }
    }

    #[test]
    fn a_kernel_in_half_precision_says_so() {
        let half = "enable f16;\n".to_owned() + &KERNEL.replace("f32", "f16");
        let kernel = Kernel::new(&half).expect("valid");
        assert_eq!(kernel.extensions().collect::<Vec<_>>(), ["shader-f16"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let broken = KERNEL.replace("63u - lane", "63.0 - lane");
        let error = Kernel::new(&broken).expect_err("a float is no index");
        assert!(error.contains("wgsl:"), "{error}");
    }

    #[test]
    fn the_log_is_read_kernel_by_kernel_and_each_source_once() {
        let one = |name: &str, source: &str| {
            format!(
                "[START_KERNEL_COMPILATION]\nname: {name}\nid: X {{\n}}\nsource:\n```wgsl\n\
                 {source}\n```\n[END_KERNEL_COMPILATION]\n\n"
            )
        };
        let log = one("a", "fn a() {}") + &one("b", "fn b() {\n}") + &one("a", "fn a() {}");
        assert_eq!(
            logged(&(log + "[START_KERNEL_COMPILATION]\nname: cut")),
            [
                ("a".to_owned(), "fn a() {}\n".to_owned()),
                ("b".to_owned(), "fn b() {\n}\n".to_owned())
            ]
        );
    }
}
