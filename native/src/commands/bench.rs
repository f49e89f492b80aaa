//! `delicate bench`.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, Subcommand};
use delicate::records::{ReadOptions, Row};
use delicate::train::benchmark::{
    self, Alone, BenchmarkError, Compression, PeakMemory, Rounds, Setting, Side, Spread, Subject,
    Workload,
};

use crate::cli::{DeviceArguments, ReportArguments, whole};
use crate::error::CommandError;
use crate::files::{RowFile, Sink, refuse_same_file};
use crate::messages::say;

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Compare a student with its teacher: parameters, layers, training and inference
    ///
    /// Both models are measured alternately in the same run, on the same
    /// molecules. The output includes the protocol. RAYON_NUM_THREADS sets the
    /// number of CPU threads.
    Compression(BenchCompressionArguments),
    /// Measure one model: training step, inference and forward pass
    ///
    /// To compare it with PyTorch, alternately on the same batches with the same
    /// number of threads, run from a checkout, which installs PyTorch in an
    /// environment of its own:
    ///
    ///     cargo xtask bench training --preset delicate-small --threads 2
    #[command(verbatim_doc_comment)]
    Step(BenchStepArguments),
}

/// What every measurement has.
#[derive(Debug, Args)]
pub(crate) struct MeasureArguments {
    /// Molecules to measure on: .smi, .csv or .sdf, optionally .gz (first 10,000 rows; default:
    /// 64 built-in drugs)
    #[arg(long, value_name = "FILE")]
    pub(crate) molecules: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// Molecules per training batch
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = whole::<usize>)]
    pub(crate) batch_molecules: usize,
    /// Number of timed rounds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole::<usize>)]
    pub(crate) rounds: usize,
    /// Number of warm-up rounds before them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>)]
    pub(crate) warm_up: usize,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
    /// Print no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchCompressionArguments {
    /// Large model: preset, model directory or run directory
    #[arg(long, value_name = "PRESET|DIR", default_value = "molbert")]
    pub(crate) teacher: String,
    /// Small model: preset, model directory or run directory
    #[arg(long, value_name = "PRESET|DIR", default_value = "delicate")]
    pub(crate) student: String,
    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BenchStepArguments {
    /// Model: preset, model directory or run directory
    #[arg(long, value_name = "PRESET|DIR", default_value = "delicate-small")]
    pub(crate) preset: String,
    /// Write the training batches to FILE as JSON, for use by other programs
    #[arg(long, value_name = "FILE")]
    pub(crate) dump_batches: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
}

pub(crate) fn run(arguments: &BenchArguments) -> Result<(), CommandError> {
    match &arguments.command {
        BenchCommand::Compression(compression) => compare(compression),
        BenchCommand::Step(step) => alone(step),
    }
}

impl From<BenchmarkError> for CommandError {
    fn from(error: BenchmarkError) -> Self {
        match error {
            BenchmarkError::Unknown { .. } | BenchmarkError::OutOfBounds { .. } => {
                Self::Usage(error.to_string())
            }
            BenchmarkError::Stop(stop) => stop.into(),
            other => Self::other(other, 1),
        }
    }
}

fn compare(arguments: &BenchCompressionArguments) -> Result<(), CommandError> {
    let measure = &arguments.measure;
    let teacher = Subject::find(&arguments.teacher)?;
    let student = Subject::find(&arguments.student)?;
    let workload = workload(measure, &[&teacher, &student])?;
    // Each alone in a process, before this one holds both.
    let memory = [&arguments.teacher, &arguments.student].map(|name| peak_memory(name, measure));
    let device = measure.device.open()?;
    let mut result = pollster::block_on(benchmark::compression(
        &teacher,
        &student,
        &workload,
        rounds(measure),
        &device,
        tell(measure),
    ))?;
    [
        result.teacher.peak_memory_bytes,
        result.student.peak_memory_bytes,
    ] = memory;
    (measure.report).write(&result, |out| print_compression(out, &result))
}

fn alone(arguments: &BenchStepArguments) -> Result<(), CommandError> {
    let measure = &arguments.measure;
    let subject = Subject::find(&arguments.preset)?;
    if let Some(molecules) = &measure.molecules {
        refuse_same_file(molecules, arguments.dump_batches.as_deref())?;
    }
    let workload = workload(measure, &[&subject])?;
    if let Some(path) = &arguments.dump_batches {
        let mut sink = Sink::open(Some(path))?;
        serde_json::to_writer(&mut sink, &workload)
            .map_err(io::Error::from)
            .and_then(|()| sink.complete())
            .map_err(|source| CommandError::Output {
                name: path.display().to_string(),
                source,
            })?;
    }
    let device = measure.device.open()?;
    let result = pollster::block_on(benchmark::alone(
        &subject,
        &workload,
        rounds(measure),
        &device,
        tell(measure),
    ))?;
    (measure.report).write(&result, |out| print_alone(out, &result))
}

fn rounds(measure: &MeasureArguments) -> Rounds {
    Rounds {
        timed: measure.rounds,
        warm_up: measure.warm_up,
    }
}

/// Says on a terminal how far the measurement is.
fn tell(measure: &MeasureArguments) -> impl FnMut(usize, usize) + use<> {
    let loud = !measure.quiet && io::stderr().is_terminal();
    move |round, all| {
        if loud {
            say!("round {round} of {all} (including warm-up)");
        }
    }
}

fn workload(measure: &MeasureArguments, subjects: &[&Subject]) -> Result<Workload, CommandError> {
    let size = measure.batch_molecules;
    Ok(match &measure.molecules {
        Some(path) => Workload::new(&read(path)?, subjects, size)?,
        None => Workload::new(&benchmark::built_in_molecules(), subjects, size)?,
    })
}

fn read(path: &Path) -> Result<Vec<Row>, CommandError> {
    RowFile::open(path, &ReadOptions::default())?
        .take(benchmark::MAX_MOLECULES)
        .collect()
}

/// Peaks of a process of this command with the model `name` alone. Nothing
/// where the system does not tell them or the process fails: what is wrong
/// will show in this one too.
fn peak_memory(name: &str, measure: &MeasureArguments) -> Option<PeakMemory> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command
        .args(["bench", "step", "--format", "json", "--quiet"])
        .args(["--rounds", "1", "--warm-up", "0"])
        .args(["--batch-molecules", &measure.batch_molecules.to_string()])
        .args(["--device", &measure.device.device.to_string()])
        .args(["--preset", name]);
    if let Some(path) = &measure.molecules {
        command.arg("--molecules").arg(path);
    }
    let output = command.stderr(Stdio::null()).output().ok()?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    serde_json::from_value(report.get("peak_memory_bytes")?.clone()).ok()?
}

fn print_compression(out: &mut impl Write, result: &Compression) -> io::Result<()> {
    writeln!(out, "parameters_ratio   {:.2}", result.parameters_ratio)?;
    writeln!(out, "layers_ratio       {:.2}", result.layers_ratio)?;
    for (name, value, rounds) in [
        (
            "training_speedup",
            result.training_speedup,
            result.training_speedup_of_rounds,
        ),
        (
            "inference_speedup",
            result.inference_speedup,
            result.inference_speedup_of_rounds,
        ),
    ] {
        writeln!(
            out,
            "{name:18} {value:.2}  (rounds: {:.2} to {:.2})",
            rounds.min, rounds.max
        )?;
    }
    print_side(out, "Teacher", &result.teacher)?;
    print_side(out, "Student", &result.student)?;
    print_setting(out, &result.setting)
}

fn print_alone(out: &mut impl Write, result: &Alone) -> io::Result<()> {
    print_side(out, "Model", &result.side)?;
    print_spread(out, "forward", result.forward)?;
    if let Some(spent) = result.by_processor_time {
        writeln!(out, "  for each second of processor time:")?;
        print_spread(out, "training", spent.training)?;
        print_spread(out, "forward", spent.forward)?;
    }
    print_setting(out, &result.setting)
}

fn print_side(out: &mut impl Write, title: &str, side: &Side) -> io::Result<()> {
    writeln!(out, "\n{title}: {}", side.name)?;
    writeln!(out, "  parameters  {}", side.parameters)?;
    writeln!(
        out,
        "  layers      {} of width {}",
        side.layers, side.hidden_size
    )?;
    print_spread(out, "training", side.training)?;
    print_spread(out, "inference", side.inference)?;
    match side.peak_memory_bytes {
        Some(peak) => writeln!(
            out,
            "  peak memory {} MiB in inference, {} MiB in training, each in its own process",
            peak.inference >> 20,
            peak.training >> 20
        ),
        None => writeln!(out, "  peak memory unknown on this system"),
    }
}

fn print_spread(out: &mut impl Write, name: &str, spread: Spread) -> io::Result<()> {
    writeln!(
        out,
        "  {name:11} {:.1} molecules/s  ({:.1} to {:.1})",
        spread.median, spread.min, spread.max
    )
}

fn print_setting(out: &mut impl Write, setting: &Setting) -> io::Result<()> {
    let shapes: Vec<String> = setting
        .training_batches
        .iter()
        .map(|[rows, length]| format!("{rows}x{length}"))
        .collect();
    let shown = shapes.len().min(8);
    writeln!(
        out,
        "\nDelicate {}, burn {}, {:?} on {}",
        setting.version,
        setting.burn.as_deref().unwrap_or("unknown version"),
        setting.backend,
        setting.device,
    )?;
    writeln!(
        out,
        "{}, {}, {} threads",
        setting.processor.as_deref().unwrap_or("unknown processor"),
        setting.system,
        setting.threads
    )?;
    writeln!(
        out,
        "{} molecules ({} skipped), {} to {} tokens, median {}",
        setting.molecules,
        setting.left_out,
        setting.tokens[0],
        setting.tokens[2],
        setting.tokens[1]
    )?;
    writeln!(
        out,
        "{} training batches (molecules x tokens): {}{}",
        shapes.len(),
        shapes[..shown].join(", "),
        if shown < shapes.len() { ", ..." } else { "" }
    )?;
    writeln!(
        out,
        "{} rounds after {} warm-up rounds",
        setting.rounds, setting.warm_up_rounds
    )?;
    writeln!(out, "\n{}", setting.protocol)
}
