//! `delicate doctor`.

use std::io::{self, Write};

use clap::Args;
use delicate::device::arithmetic::{self, Arithmetic};
use delicate::device::{Adapter, Backend, Device, DeviceError, adapters};
use delicate::predict::{DeviceCheck, Scorer};
use serde::Serialize;

use crate::cli::{DeviceArguments, ReportArguments};
use crate::error::CommandError;

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
    /// Print what every adapter makes of infinities, NaN and rounding, and its limits
    #[arg(long)]
    arithmetic: bool,
}

/// What the command found out.
#[derive(Serialize)]
struct Diagnosis {
    version: &'static str,
    adapters: Vec<Adapter>,
    used: Used,
    self_tests: Vec<SelfTest>,
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

/// How the selected device compares with the CPU in one precision.
#[derive(Serialize)]
struct SelfTest {
    precision: &'static str,
    #[serde(flatten)]
    check: Option<DeviceCheck>,
    passed: bool,
    error: Option<String>,
}

pub(crate) fn run(arguments: &DoctorArguments) -> Result<(), CommandError> {
    if arguments.arithmetic {
        let all = pollster::block_on(arithmetic::measure());
        return arguments.report.write(&all, |out| {
            all.iter().try_for_each(|one| match one {
                Ok(one) => print_arithmetic(out, one),
                Err(error) => writeln!(out, "{error}\n"),
            })
        });
    }
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
        self_tests: self_tests(&device),
    };
    (arguments.report).write(&diagnosis, |out| print(out, &diagnosis))
}

/// The built-in model on the device beside the same on the CPU, in every precision
/// that the device has; nothing for a CPU.
fn self_tests(device: &Device) -> Vec<SelfTest> {
    if device.backend == Backend::Flex {
        return Vec::new();
    }
    let Some(whole) = built_in(device) else {
        return Vec::new();
    };
    let test = |precision, scorer: Result<Scorer, DeviceError>| {
        let compared = scorer.and_then(|scorer| pollster::block_on(scorer.compare_with_cpu()));
        let (check, error) = match compared {
            Ok(check) => (check, None),
            Err(error) => (None, Some(error.to_string())),
        };
        SelfTest {
            precision,
            passed: check.is_some_and(|check| check.passes()),
            check,
            error,
        }
    };
    let mut tests = vec![test("fp32", Ok(whole.clone()))];
    if device.require_half_precision().is_ok() {
        tests.push(test("fp16", whole.in_half_precision()));
    }
    tests
}

#[cfg(feature = "embedded")]
fn built_in(device: &Device) -> Option<Scorer> {
    let files = delicate::model_dir::ModelFiles::embedded();
    Scorer::load(&files, device.clone()).ok()
}

#[cfg(not(feature = "embedded"))]
fn built_in(_device: &Device) -> Option<Scorer> {
    None
}

fn print(out: &mut impl Write, diagnosis: &Diagnosis) -> io::Result<()> {
    writeln!(out, "delicate {}", diagnosis.version)?;
    writeln!(out, "\nAdapters")?;
    if diagnosis.adapters.is_empty() {
        writeln!(out, "  none: no Vulkan, Metal or DX12 driver found")?;
    }
    for adapter in &diagnosis.adapters {
        print_adapter(out, adapter)?;
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
    )?;
    for test in &diagnosis.self_tests {
        write!(out, "  self-test {}       ", test.precision)?;
        match (&test.check, &test.error) {
            (Some(check), _) => writeln!(
                out,
                "{}: differs from the CPU by {:.1e} of a standard deviation, tolerance {:.0e}",
                if test.passed { "passed" } else { "FAILED" },
                check.difference,
                check.tolerance
            )?,
            (None, Some(error)) => writeln!(out, "FAILED: {error}")?,
            (None, None) => writeln!(out, "not run")?,
        }
    }
    Ok(())
}

fn print_adapter(out: &mut impl Write, adapter: &Adapter) -> io::Result<()> {
    writeln!(
        out,
        "  {} ({}, {})",
        adapter.name, adapter.kind, adapter.api
    )?;
    if !adapter.driver.is_empty() {
        writeln!(out, "    driver               {}", adapter.driver)?;
    }
    Ok(())
}

/// As tables in Markdown, for `docs/devices.md`.
fn print_arithmetic(out: &mut impl Write, arithmetic: &Arithmetic) -> io::Result<()> {
    let adapter = &arithmetic.adapter;
    writeln!(out, "### {}, {}\n", adapter.name, adapter.api)?;
    writeln!(out, "Driver: {}. ", adapter.driver)?;
    let features = arithmetic.features.join(", ");
    writeln!(out, "Features: {}.", features)?;
    writeln!(
        out,
        "What the kernels rely on {}.\n",
        if arithmetic.suffices() {
            "holds"
        } else {
            "does NOT hold"
        }
    )?;
    writeln!(out, "| Limit | |\n|---|---:|")?;
    for (limit, value) in &arithmetic.limits {
        writeln!(out, "| {limit} | {value} |")?;
    }
    writeln!(out, "\n| Expression | Exact | Here | |\n|---|---|---|---|")?;
    for answer in &arithmetic.answers {
        writeln!(
            out,
            "| {} | {} | {}{} | {} |",
            answer.expression,
            answer.exact,
            answer.found,
            if answer.agrees { "" } else { " (differs)" },
            answer.relied_on.unwrap_or_default()
        )?;
    }
    writeln!(
        out,
        "\n| Function | Arguments | Largest error, units in the last place | Room |\n\
         |---|---|---:|---:|"
    )?;
    for accuracy in &arithmetic.accuracies {
        writeln!(
            out,
            "| {} | {:?} to {:?} | {:.1} | {} |",
            accuracy.function,
            accuracy.range[0],
            accuracy.range[1],
            accuracy.ulps,
            accuracy.relied_on
        )?;
    }
    writeln!(out)
}
