//! `delicate doctor`.

use std::io::{self, Write};

use clap::Args;
use delicate::device::{Adapter, Backend, adapters};
use serde::Serialize;

use crate::cli::{DeviceArguments, ReportArguments, ReportFormat};
use crate::error::CommandError;

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
}

/// What the command found out.
#[derive(Serialize)]
struct Diagnosis {
    version: &'static str,
    adapters: Vec<Adapter>,
    used: Used,
}

/// The selected device.
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
    let device = arguments.device.open()?;
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
    if arguments.report.format() == ReportFormat::Json {
        serde_json::to_string_pretty(&diagnosis)
            .map_err(io::Error::from)
            .and_then(|text| writeln!(io::stdout(), "{text}"))
    } else {
        print(&mut io::stdout().lock(), &diagnosis)
    }
    .map_err(CommandError::stdout)
}

fn print(out: &mut impl Write, diagnosis: &Diagnosis) -> io::Result<()> {
    writeln!(out, "delicate {}", diagnosis.version)?;
    writeln!(out, "\nAdapters")?;
    if diagnosis.adapters.is_empty() {
        writeln!(out, "  none: no Vulkan, Metal or DX12 driver found")?;
    }
    for adapter in &diagnosis.adapters {
        writeln!(
            out,
            "  {} ({}, {})",
            adapter.name, adapter.kind, adapter.api
        )?;
        if !adapter.driver.is_empty() {
            writeln!(out, "    driver               {}", adapter.driver)?;
        }
        writeln!(
            out,
            "    shader-f16           {}",
            if adapter.f16 { "yes" } else { "no" }
        )?;
        writeln!(
            out,
            "    largest binding      {} MiB",
            adapter.max_binding_bytes >> 20
        )?;
        writeln!(
            out,
            "    storage buffers      {}",
            adapter.max_storage_buffers
        )?;
        writeln!(
            out,
            "    threads/workgroup    {}",
            adapter.max_workgroup_threads
        )?;
    }
    let used = &diagnosis.used;
    writeln!(
        out,
        "\nSelected device: {} through {}{} ({})",
        used.name,
        match used.backend {
            Backend::Flex => format!("burn's flex backend, {} threads", used.threads),
            Backend::Wgpu => "wgpu".to_owned(),
        },
        if used.software {
            ", software: slower than the CPU backend"
        } else {
            ""
        },
        used.reason
    )
}
