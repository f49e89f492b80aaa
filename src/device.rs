//! Choosing and opening the device that computes, and what goes wrong with it.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

#[cfg(all(feature = "gpu", not(target_family = "wasm")))]
pub mod arithmetic;

/// Which device the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// A real GPU where there is one, otherwise the CPU.
    #[default]
    Auto,
    /// A GPU through wgpu; a software adapter where there is no real one.
    Gpu,
    /// A GPU through OpenGL, for machines with neither Vulkan, Metal nor DX12.
    OpenGl,
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
            "opengl" => Ok(Self::OpenGl),
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
            Self::OpenGl => "opengl",
            Self::Cpu => "cpu",
        })
    }
}

/// Why no device could be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name of the device is none we know.
    #[error("unknown device `{0}`: use auto, gpu, opengl or cpu")]
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
        "{0} does not compute in fp16, which needs a GPU with shader-f16 (see `delicate doctor`): use fp32 or, on a CPU, int8"
    )]
    NoHalfPrecision(String),
    /// 8-bit integers were asked for on a GPU.
    #[error(
        "{0} does not compute in int8, which is for a CPU: use the device `cpu`, or fp32 or fp16"
    )]
    NoEightBits(String),
    /// Its numbers are not those of the CPU.
    #[error(
        "{device} computes wrongly in {precision}: its values differ from the CPU's by {difference} \
         of a standard deviation, more than {tolerance}: update its driver, or use the device `cpu`"
    )]
    Inaccurate {
        /// The device's name.
        device: String,
        /// `single precision` or `half precision`.
        precision: &'static str,
        /// The largest difference; infinite where a value is not finite.
        difference: f32,
        /// What is tolerated.
        tolerance: f32,
    },
    /// It failed when it was tried.
    #[error("{device} failed its self-test: {reason}: use the device `cpu`")]
    Failed {
        /// The device's name.
        device: String,
        /// What failed.
        reason: String,
    },
}

/// What to do where a GPU is lost, or its memory does not suffice, in the middle of
/// a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnDeviceLost {
    /// Go on from that batch on the CPU.
    #[default]
    Cpu,
    /// End the run there.
    Fail,
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
    faults: Faults,
}

/// What a device reports beside its results.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    any(not(feature = "gpu"), target_family = "wasm"),
    allow(
        dead_code,
        reason = "a CPU reports nothing, and the page finds out itself"
    )
)]
pub(crate) enum Fault {
    /// Memory was asked for that it does not have.
    OutOfMemory(String),
    /// Anything else: the device is lost, or was given what it does not take.
    Failed(String),
}

/// The reports of a device. What is computed after one may be anything.
#[derive(Clone, Debug, Default)]
struct Faults(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    watchers: usize,
    count: usize,
    last: Option<Fault>,
    /// Reports to come, one a watch: for tests.
    #[cfg(test)]
    planned: std::collections::VecDeque<Option<Fault>>,
    /// What the next watch panics with, as a backend may: for tests.
    #[cfg(test)]
    planned_panic: Option<String>,
}

impl Faults {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down a fault; gives it back where nobody is watching.
    #[cfg_attr(
        any(not(feature = "gpu"), target_family = "wasm"),
        allow(
            dead_code,
            reason = "a CPU reports nothing, and the page finds out itself"
        )
    )]
    fn note(&self, fault: Fault) -> Result<(), Fault> {
        let mut noted = self.noted();
        if noted.watchers == 0 {
            return Err(fault);
        }
        noted.count += 1;
        noted.last = Some(fault);
        Ok(())
    }
}

/// What `draw` makes of the random numbers of `seed`, the same beside whatever else runs.
///
/// burn's backends have one random state for all of a process: trainings beside each
/// other take turns where they draw.
pub(crate) fn with_seed<T>(
    tensors: &burn::tensor::Device,
    seed: u64,
    draw: impl FnOnce() -> T,
) -> T {
    static TURN: Mutex<()> = Mutex::new(());
    // A panic of somebody else's draws leaves nothing behind that a seed does not replace.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    tensors.seed(seed);
    draw()
}

/// The values of a tensor, in row-major order, read from its device.
///
/// burn may hand out data that it has not read yet, and panics where that fails
/// later; here it is read, and fails with its reason.
pub(crate) async fn read_back<const D: usize>(
    tensor: burn::tensor::Tensor<D>,
) -> Result<Vec<f32>, String> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| error.to_string())?;
    let read = data.bytes().read(Default::default());
    read.map_err(|error| error.to_string())?;
    Ok(data.iter().collect())
}

/// Somebody who asks, after a computation, whether the device reported anything.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    faults: &'a Faults,
    before: usize,
}

impl Watch<'_> {
    /// What was reported since the watch began.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let noted = self.faults.noted();
        noted.last.clone().filter(|_| noted.count > self.before)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.faults.noted().watchers -= 1;
    }
}

impl Device {
    /// Opens the device of `choice`.
    ///
    /// Natively a GPU is opened once a process and shared from then on.
    ///
    /// # Errors
    ///
    /// Where [`DeviceChoice::Gpu`] or [`DeviceChoice::OpenGl`] finds no adapter;
    /// `Auto` falls back to the CPU.
    pub async fn open(choice: DeviceChoice) -> Result<Self, DeviceError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::cpu("the CPU was requested".to_owned())),
            DeviceChoice::Gpu => gpu::open().await,
            DeviceChoice::OpenGl => gpu::open_gl().await,
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
            faults: Faults::default(),
        }
    }

    /// The CPU, to fall back to and to compare with.
    pub(crate) fn fallback() -> Self {
        Self::cpu("the GPU failed".to_owned())
    }

    /// Begins to take down what the device reports: natively what nobody watches
    /// for ends in a panic. A computation counts only if there is no fault after
    /// its result was read.
    pub(crate) fn watch(&self) -> Watch<'_> {
        let mut noted = self.faults.noted();
        noted.watchers += 1;
        let before = noted.count;
        #[cfg(test)]
        if let Some(text) = noted.planned_panic.take() {
            noted.watchers -= 1;
            drop(noted);
            panic!("{text}");
        }
        #[cfg(test)]
        if let Some(fault) = noted.planned.pop_front().flatten() {
            noted.count += 1;
            noted.last = Some(fault);
        }
        Watch {
            faults: &self.faults,
            before,
        }
    }

    /// Has the next watches report these faults, one each.
    #[cfg(test)]
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.faults.noted().planned.extend(faults);
    }

    /// Has the next watch end in a panic with these words.
    #[cfg(test)]
    pub(crate) fn plan_panic(&self, words: &str) {
        self.faults.noted().planned_panic = Some(words.to_owned());
    }

    /// burn's handle, on which tensors are made.
    pub(crate) fn tensors(&self) -> &burn::tensor::Device {
        &self.tensors
    }

    /// A name for people: the adapter's, or `CPU`.
    pub fn name(&self) -> &str {
        self.adapter.as_ref().map_or("CPU", |adapter| &adapter.name)
    }

    /// Whether 8-bit integers are faster than single precision here: on a CPU with
    /// AVX2, AVX-VNNI, AVX-512 VNNI or NEON, and in WebAssembly.
    pub fn is_fast_in_eight_bits(&self) -> bool {
        self.backend == Backend::Flex && crate::kernels::int8::is_fast()
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

/// A device of its own on the software adapter or, where there is one, the GPU,
/// and wgpu's handle of it, so that it can be destroyed.
#[cfg(all(test, feature = "gpu"))]
pub(crate) use gpu::of_its_own;

#[cfg(not(feature = "gpu"))]
mod gpu {
    use super::{Adapter, Device, DeviceError};

    pub(super) async fn open() -> Result<Device, DeviceError> {
        Err(DeviceError::NotBuilt)
    }

    pub(super) async fn open_gl() -> Result<Device, DeviceError> {
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
    #[cfg(not(target_family = "wasm"))]
    use std::sync::Arc;

    use burn::backend::wgpu::wgpu::{self, DeviceType};
    use burn::tensor::DeviceKind;
    #[cfg(not(target_family = "wasm"))]
    use burn::tensor::Tensor;
    use burn::tensor::wgpu::{WgpuBackend, WgpuOptions, WgpuSetup};
    use futures_util::lock::Mutex;

    use super::{Adapter, Backend, Device, DeviceError, Faults};
    #[cfg(not(target_family = "wasm"))]
    use super::{Fault, read_back};
    use crate::panics;

    /// The runtime of an adapter can be set up once a process, so an open
    /// device is kept; the lock is held while one is opened.
    static REAL: Mutex<Option<Device>> = Mutex::new(None);
    static SOFTWARE: Mutex<Option<Device>> = Mutex::new(None);
    static OPENGL: Mutex<Option<Device>> = Mutex::new(None);

    pub(super) fn describe(adapter: &wgpu::Adapter) -> Adapter {
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
        let options = options.graphics_api(WgpuBackend::Vulkan);
        initialised(options, reason).await
    }

    async fn initialised(options: WgpuOptions, reason: &str) -> Result<Device, String> {
        let opened = panics::guarded_async(opened(options, reason)).await;
        let device = opened.flatten()?;
        // In a browser the compiler is always the same, and a panic cannot be caught.
        #[cfg(not(target_family = "wasm"))]
        panics::guarded_async(tried(&device))
            .await
            .flatten()
            .map_err(|why| format!("{} failed at its first computation: {why}", device.name()))?;
        Ok(device)
    }

    async fn opened(options: WgpuOptions, reason: &str) -> Result<Device, String> {
        let (tensors, setup) = options
            .init_with_setup_async()
            .await
            .map_err(|error| error.to_string())?;
        Ok(of_setup(tensors, &setup, reason))
    }

    /// Has a device that was opened compute once: a backend whose compiler was not built
    /// as a whole opens it, and then ends in a panic.
    #[cfg(not(target_family = "wasm"))]
    async fn tried(device: &Device) -> Result<(), String> {
        let values = (0u8..64).map(f32::from).collect::<Vec<_>>();
        let doubled: Vec<f32> = values.iter().map(|value| 2.0 * value).collect();
        let computed = {
            let watch = device.watch();
            let tensor = Tensor::<1>::from_floats(values.as_slice(), device.tensors());
            let computed = read_back(tensor.clone() + tensor).await;
            match watch.fault() {
                Some(Fault::OutOfMemory(reason) | Fault::Failed(reason)) => Err(reason),
                None => computed,
            }
        };
        match computed {
            Ok(found) if found == doubled => Ok(()),
            Ok(_) => Err("a sum came out wrong".to_owned()),
            Err(reason) => Err(reason),
        }
    }

    fn of_setup(tensors: burn::tensor::Device, setup: &WgpuSetup, reason: &str) -> Device {
        let adapter = describe(&setup.adapter);
        let faults = Faults::default();
        #[cfg(not(target_family = "wasm"))]
        take_down(&setup.device, &faults);
        Device {
            reason: format!("{reason}: {}", adapter.name),
            tensors,
            backend: Backend::Wgpu,
            adapter: Some(adapter),
            faults,
        }
    }

    /// Has the errors that wgpu reports beside results taken down where somebody
    /// watches. That the device is lost is reported by the next result.
    #[cfg(not(target_family = "wasm"))]
    fn take_down(device: &wgpu::Device, faults: &Faults) {
        let faults = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = error.to_string();
            let fault = match error {
                wgpu::Error::OutOfMemory { .. } => Fault::OutOfMemory(text),
                _ => Fault::Failed(text),
            };
            // As the runtime does itself.
            if let Err(Fault::OutOfMemory(text) | Fault::Failed(text)) = faults.note(fault) {
                panic!("wgpu error: {text}");
            }
        }));
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

    /// Whatever OpenGL reaches.
    pub(super) async fn open_gl() -> Result<Device, DeviceError> {
        let mut open = OPENGL.lock().await;
        if let Some(device) = &*open {
            return Ok(device.clone());
        }
        let options = burn::tensor::Device::wgpu_options().graphics_api(WgpuBackend::Gl);
        let device = initialised(options, "OpenGL was requested")
            .await
            .map_err(DeviceError::Unavailable)?;
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

    #[cfg(test)]
    pub(crate) fn of_its_own(backends: wgpu::Backends) -> Result<(Device, wgpu::Device), String> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let adapters = pollster::block_on(instance.enumerate_adapters(backends));
        let adapter = adapters.into_iter().next().ok_or("no adapter")?;
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            // What the runtime takes to be on.
            required_features: adapter.features()
                - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS
                - wgpu::Features::all_experimental_mask(),
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|error| error.to_string())?;
        let setup = WgpuSetup {
            backend: adapter.get_info().backend,
            instance,
            adapter,
            device: device.clone(),
            queue,
        };
        let tensors = burn::tensor::Device::wgpu_options()
            .setup(setup.clone())
            .init()
            .map_err(|error| error.to_string())?;
        Ok((of_setup(tensors, &setup, "for a test"), device))
    }
}
