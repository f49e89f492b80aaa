//! Choosing and opening the device that computes.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Which device the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// A real GPU where there is one, otherwise the CPU.
    #[default]
    Auto,
    /// A GPU through wgpu; a software adapter where there is no real one.
    Gpu,
    /// The CPU, through burn's flex backend.
    Cpu,
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            // Browsers call it by the name of the interface.
            "gpu" | "webgpu" => Ok(Self::Gpu),
            "cpu" => Ok(Self::Cpu),
            other => Err(DeviceError::UnknownChoice(other.to_owned())),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        })
    }
}

/// Why no device could be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name of the device is none we know.
    #[error("unknown device `{0}`: use auto, gpu or cpu")]
    UnknownChoice(String),
    /// A GPU was asked for and this build has no GPU code.
    #[error("this build has no GPU support: use the device `cpu`")]
    NotBuilt,
    /// A GPU was asked for and none answers.
    #[error(
        "no GPU could be opened ({0}): install its Vulkan, Metal or DX12 driver, or use the device `cpu`"
    )]
    Unavailable(String),
    /// Half precision was asked for where there is none.
    #[error(
        "{0} computes in single precision only: half precision needs a GPU with shader-f16 (see `delicate doctor`)"
    )]
    NoHalfPrecision(String),
}

/// What computes: burn's CPU backend or wgpu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// burn's flex backend: threads and SIMD natively, SIMD in WASM.
    Flex,
    /// wgpu: Vulkan, Metal, DX12 or WebGPU, all through WGSL.
    Wgpu,
}

/// One adapter of this machine, as wgpu lists it.
#[derive(Clone, Debug, Serialize)]
pub struct Adapter {
    /// Its name, such as `AMD Radeon RX 7600`.
    pub name: String,
    /// The interface it is reached by: `vulkan`, `metal`, `dx12`, `gl`, `webgpu`.
    pub api: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// Driver and its version, empty where unknown.
    pub driver: String,
    /// Whether shaders may use 16-bit floats (`shader-f16`).
    pub f16: bool,
    /// Largest buffer that a kernel may bind, in bytes.
    pub max_binding_bytes: u64,
    /// Storage buffers that one kernel may bind.
    pub max_storage_buffers: u32,
    /// Threads of one workgroup.
    pub max_workgroup_threads: u32,
}

impl Adapter {
    /// Whether the adapter is a program on the CPU (lavapipe, SwiftShader, WARP).
    pub fn is_software(&self) -> bool {
        self.kind == "software"
    }
}

/// An open device, with what a user would want to know of it.
#[derive(Clone, Debug)]
pub struct Device {
    tensors: burn::tensor::Device,
    /// What computes.
    pub backend: Backend,
    /// The adapter, for wgpu.
    pub adapter: Option<Adapter>,
    /// Why this device was selected.
    pub reason: String,
}

impl Device {
    /// Opens the device of `choice`.
    ///
    /// Natively a GPU is opened once a process and shared from then on.
    ///
    /// # Errors
    ///
    /// Where [`DeviceChoice::Gpu`] finds no adapter; `Auto` falls back to the CPU.
    pub async fn open(choice: DeviceChoice) -> Result<Self, DeviceError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::cpu("the CPU was requested".to_owned())),
            DeviceChoice::Gpu => gpu::open().await,
            DeviceChoice::Auto => Ok(match gpu::open_real().await {
                Ok(device) => device,
                Err(why) => Self::cpu(why),
            }),
        }
    }

    /// Opens the device of `choice` and waits for it: [`Self::open`] for those without
    /// an executor.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    #[cfg(not(target_family = "wasm"))]
    pub fn open_blocking(choice: DeviceChoice) -> Result<Self, DeviceError> {
        pollster::block_on(Self::open(choice))
    }

    fn cpu(reason: String) -> Self {
        Self {
            tensors: burn::tensor::Device::flex(),
            backend: Backend::Flex,
            adapter: None,
            reason,
        }
    }

    /// burn's handle, on which tensors are made.
    pub(crate) fn tensors(&self) -> &burn::tensor::Device {
        &self.tensors
    }

    /// A name for people: the adapter's, or `CPU`.
    pub fn name(&self) -> &str {
        self.adapter.as_ref().map_or("CPU", |adapter| &adapter.name)
    }

    /// Checks that the device computes in half precision.
    ///
    /// # Errors
    ///
    /// On a CPU, and on an adapter without `shader-f16`.
    pub fn require_half_precision(&self) -> Result<(), DeviceError> {
        match &self.adapter {
            Some(adapter) if adapter.f16 => Ok(()),
            _ => Err(DeviceError::NoHalfPrecision(self.name().to_owned())),
        }
    }

    /// Whether a GPU is imitated by a program on the CPU.
    pub fn is_software(&self) -> bool {
        self.adapter.as_ref().is_some_and(Adapter::is_software)
    }
}

/// The adapters of this machine; none in a build without GPU support.
pub async fn adapters() -> Vec<Adapter> {
    gpu::adapters().await
}

#[cfg(not(feature = "gpu"))]
mod gpu {
    use super::{Adapter, Device, DeviceError};

    pub(super) async fn open() -> Result<Device, DeviceError> {
        Err(DeviceError::NotBuilt)
    }

    pub(super) async fn open_real() -> Result<Device, String> {
        Err("this build has no GPU support".to_owned())
    }

    pub(super) async fn adapters() -> Vec<Adapter> {
        Vec::new()
    }
}

#[cfg(feature = "gpu")]
mod gpu {
    use burn::backend::wgpu::wgpu::{self, DeviceType};
    use burn::tensor::DeviceKind;
    use futures_util::lock::Mutex;

    use super::{Adapter, Backend, Device, DeviceError};

    /// The runtime of an adapter can be set up once a process, so an open
    /// device is kept; the lock is held while one is opened.
    static REAL: Mutex<Option<Device>> = Mutex::new(None);
    static SOFTWARE: Mutex<Option<Device>> = Mutex::new(None);

    fn describe(adapter: &wgpu::Adapter) -> Adapter {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let kind = match info.device_type {
            DeviceType::DiscreteGpu => "discrete",
            DeviceType::IntegratedGpu => "integrated",
            DeviceType::VirtualGpu => "virtual",
            DeviceType::Cpu => "software",
            // Browsers name no type; Chromium's software adapter names itself.
            DeviceType::Other if names_software(&info) => "software",
            DeviceType::Other => "other",
        };
        Adapter {
            name: info.name,
            api: info.backend.to_str().to_owned(),
            kind,
            driver: format!("{} {}", info.driver, info.driver_info)
                .trim()
                .to_owned(),
            f16: adapter.features().contains(wgpu::Features::SHADER_F16),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
            max_workgroup_threads: limits.max_compute_invocations_per_workgroup,
        }
    }

    fn names_software(info: &wgpu::AdapterInfo) -> bool {
        let text = format!("{} {} {}", info.name, info.driver, info.driver_info).to_lowercase();
        ["swiftshader", "llvmpipe", "lavapipe", "software"]
            .iter()
            .any(|name| text.contains(name))
    }

    async fn acquire(kind: DeviceKind, reason: &str) -> Result<Device, String> {
        let options = burn::tensor::Device::wgpu_options().device_kind(kind);
        // Left to itself, the runtime would try OpenGL where Vulkan has only a
        // software adapter.
        #[cfg(target_os = "linux")]
        let options = options.graphics_api(burn::tensor::wgpu::WgpuBackend::Vulkan);
        let (tensors, setup) = options
            .init_with_setup_async()
            .await
            .map_err(|error| error.to_string())?;
        let adapter = describe(&setup.adapter);
        Ok(Device {
            reason: format!("{reason}: {}", adapter.name),
            tensors,
            backend: Backend::Wgpu,
            adapter: Some(adapter),
        })
    }

    /// A real GPU; in a browser whatever adapter it hands out.
    pub(super) async fn open_real() -> Result<Device, String> {
        let mut open = REAL.lock().await;
        if let Some(device) = &*open {
            return Ok(device.clone());
        }
        #[cfg(not(target_family = "wasm"))]
        if adapters().await.iter().all(Adapter::is_software) {
            return Err("wgpu finds no hardware GPU on this machine".to_owned());
        }
        let device = acquire(DeviceKind::DefaultDevice, "a GPU is available").await?;
        Ok(open.insert(device).clone())
    }

    pub(super) async fn open() -> Result<Device, DeviceError> {
        let why = match open_real().await {
            Ok(device) => return Ok(device),
            Err(why) => why,
        };
        if cfg!(target_family = "wasm") {
            return Err(DeviceError::Unavailable(why));
        }
        let mut open = SOFTWARE.lock().await;
        if let Some(device) = &*open {
            return Ok(device.clone());
        }
        let reason = format!("a GPU was requested, but {why}; a software adapter is available");
        let device = acquire(DeviceKind::Cpu, &reason)
            .await
            .map_err(|error| DeviceError::Unavailable(format!("{why}; {error}")))?;
        Ok(open.insert(device).clone())
    }

    #[cfg(target_family = "wasm")]
    pub(super) async fn adapters() -> Vec<Adapter> {
        // A browser hands out one adapter, at the asking for a device.
        Vec::new()
    }

    #[cfg(not(target_family = "wasm"))]
    pub(super) async fn adapters() -> Vec<Adapter> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            // Vulkan, Metal, DX12. OpenGL would list the same adapters again
            // and complain on stderr where there is no display.
            backends: wgpu::Backends::PRIMARY,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        instance
            .enumerate_adapters(wgpu::Backends::PRIMARY)
            .await
            .iter()
            .map(describe)
            .collect()
    }
}
