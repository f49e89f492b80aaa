//! `delicate doctor`.

use delicate::kernels::device::{Adapter, Backend, Device, adapters};
use serde::Serialize;

use crate::arguments::DoctorArguments;
use crate::error::CommandError;

/// What the command found out.
#[derive(Serialize)]
struct Diagnosis {
    version: &'static str,
    adapters: Vec<Adapter>,
    used: Used,
}

/// The device that would be used.
#[derive(Serialize)]
struct Used {
    backend: Backend,
    name: String,
    software: bool,
    reason: String,
    threads: usize,
}

pub(crate) fn run(arguments: &DoctorArguments) -> Result<(), CommandError> {
    let adapters = pollster::block_on(adapters());
    let device = pollster::block_on(Device::open(arguments.device.into()))?;
    let diagnosis = Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        adapters,
        used: Used {
            backend: device.backend,
            name: device.name().to_owned(),
            software: device.is_software(),
            reason: device.reason.clone(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        },
    };
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&diagnosis).map_err(|error| CommandError::Output {
                name: "stdout".to_owned(),
                source: error.into(),
            })?;
        println!("{text}");
    } else {
        print(&diagnosis);
    }
    Ok(())
}

fn print(diagnosis: &Diagnosis) {
    println!("delicate {}", diagnosis.version);
    println!("\nAdapters");
    if diagnosis.adapters.is_empty() {
        println!("  none: no Vulkan, Metal or DX12 driver answers");
    }
    for adapter in &diagnosis.adapters {
        println!("  {} ({}, {})", adapter.name, adapter.kind, adapter.api);
        if !adapter.driver.is_empty() {
            println!("    driver               {}", adapter.driver);
        }
        println!(
            "    shader-f16           {}",
            if adapter.f16 { "yes" } else { "no" }
        );
        println!(
            "    largest binding      {} MiB",
            adapter.max_binding_bytes >> 20
        );
        println!("    storage buffers      {}", adapter.max_storage_buffers);
        println!("    threads a workgroup  {}", adapter.max_workgroup_threads);
    }
    let used = &diagnosis.used;
    println!("\nDevice that would be used");
    println!(
        "  {} through {}{}",
        used.name,
        match used.backend {
            Backend::Flex => format!("burn's flex backend, {} threads", used.threads),
            Backend::Wgpu => "wgpu".to_owned(),
        },
        if used.software {
            " (software: slower than the CPU backend)"
        } else {
            ""
        }
    );
    println!("  because {}", used.reason);
}
