//! `delicate pretrain`, `distill` and `finetune`.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use delicate::device::Device;
use delicate::train::{
    self, Event, FinetuneConfig, Finetuned, PretrainConfig, Pretrained, SplitKind, Step,
    TrainingError, evaluation_table,
};
use indicatif::ProgressBar;

use crate::cli::{Choices, ComputeArguments, DeviceArguments, name_of, one_of};
use crate::commands::finetune_table::{self, TableArguments};
use crate::commands::report;
use crate::configurations::{Draft, text};
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::progress;

/// What every training run has.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Built-in configuration (such as small-delicate) or TOML file
    pub(crate) config: Option<PathBuf>,
    /// Run directory: new or empty, or the run to resume
    #[arg(short, long, value_name = "RUN")]
    pub(crate) output: PathBuf,
    /// Resume the run in RUN with its own configuration
    #[arg(long, conflicts_with_all = ["config", "epochs", "seed", "learning_rate", "batch_molecules", "precision", "half", "set"])]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// Number of epochs (default: from the configuration)
    #[arg(long)]
    pub(crate) epochs: Option<f64>,
    /// Random seed (default: from the configuration)
    #[arg(long)]
    pub(crate) seed: Option<u32>,
    /// Peak learning rate (default: from the configuration)
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// Molecules per batch (default: from the configuration)
    #[arg(long, value_name = "N")]
    pub(crate) batch_molecules: Option<u32>,
    #[command(flatten)]
    pub(crate) compute: ComputeArguments,
    /// Set any field of the configuration, such as optimizer.warmup=0.05; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PretrainArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Training molecules: .smi, .csv or .sdf, optionally .gz; repeatable
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) train: Vec<PathBuf>,
    /// Validation molecules
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) valid: Option<PathBuf>,
    /// Model or run directory to start from (default: random weights)
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) start: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DistillArguments {
    #[command(flatten)]
    pub(crate) pretrain: PretrainArguments,
    /// Model or run directory of the teacher
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) teacher: Option<PathBuf>,
    /// Directory of the tables, for a configuration with endpoints
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
}

const SPLITS: &Choices<SplitKind> = &[
    (SplitKind::Random, "random", "Random split"),
    (
        SplitKind::Scaffold,
        "scaffold",
        "Split by Bemis-Murcko scaffold",
    ),
    (
        SplitKind::Indices,
        "indices",
        "Predefined split from --split-file",
    ),
];

#[derive(Debug, Args)]
#[command(mut_arg("config", |config| config.value_name("TABLE|CONFIG").help(
    "Table of molecules and labels (.csv, .tsv, .smi or .sdf, optionally .gz), with --label; or \
     built-in configuration (such as delicate-small) or TOML file",
)))]
pub(crate) struct FinetuneArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// Directory of the tables named in the configuration
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
    /// Model or run directory of the encoder to fine-tune, `built-in` for the built-in pre-trained
    /// encoder, or `none` for random weights (default: built-in for a table, otherwise from the
    /// configuration)
    #[arg(long, value_name = "DIR|built-in|none", conflicts_with = "resume")]
    pub(crate) start: Option<PathBuf>,
    /// Number of folds (default: from the configuration)
    #[arg(long, conflicts_with = "resume")]
    pub(crate) folds: Option<u32>,
    /// How molecules are split (default: from the configuration)
    #[arg(
        long,
        value_name = "SPLIT",
        value_parser = one_of(SPLITS),
        conflicts_with = "resume"
    )]
    pub(crate) split: Option<SplitKind>,
    /// File of indices (splits.json of another run), for --split indices
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) split_file: Option<PathBuf>,
    /// Skip the ECFP4 random forest baseline
    #[arg(long, conflicts_with = "resume")]
    pub(crate) no_baseline: bool,
}

/// Units of the progress bar.
const BAR: u64 = 10_000;

/// Time between two lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(30);

pub(crate) fn pretrain(arguments: &PretrainArguments) -> Result<(), CommandError> {
    let config = match configuration("pretrain", &arguments.run)? {
        Some(mut draft) => {
            on_corpus(&mut draft, arguments)?;
            let config: PretrainConfig = draft.finish()?;
            if config.distillation.is_some() {
                return Err(CommandError::Usage(
                    "this configuration has a teacher: use `delicate distill`".to_owned(),
                ));
            }
            Some(config)
        }
        None => None,
    };
    run_pretraining(&arguments.run, config)
}

pub(crate) fn distill(arguments: &DistillArguments) -> Result<(), CommandError> {
    let run = &arguments.pretrain.run;
    let Some(mut draft) = configuration("distill", run)? else {
        // What kind of run it was says its configuration.
        let draft = Draft::open("distill", &run.output.join(train::run_dir::CONFIG))?;
        return if draft.has("endpoints") {
            run_finetuning(run, None, Path::new("."))
        } else {
            run_pretraining(run, None)
        };
    };
    draft.set_some(
        "distillation.teacher",
        arguments.teacher.as_deref().map(|path| {
            // The model of a run, where a run is named; one of the same folds is
            // resolved by the library.
            let model = path.join(train::run_dir::MODEL);
            let folds = path.join(train::run_dir::FOLDS);
            if model.is_dir() && !folds.is_dir() {
                text(&model)
            } else {
                text(path)
            }
        }),
    )?;
    if draft.has("endpoints") {
        start(&mut draft, arguments.pretrain.start.as_deref())?;
        let config: FinetuneConfig = draft.finish()?;
        needs_teacher(config.distillation.is_some())?;
        run_finetuning(run, Some(config), &arguments.data)
    } else {
        on_corpus(&mut draft, &arguments.pretrain)?;
        let config: PretrainConfig = draft.finish()?;
        needs_teacher(config.distillation.is_some())?;
        run_pretraining(run, Some(config))
    }
}

pub(crate) fn finetune(arguments: &FinetuneArguments) -> Result<(), CommandError> {
    if finetune_table::is_meant(arguments) {
        return finetune_table::run(arguments);
    }
    let config = match configuration("finetune", &arguments.run)? {
        Some(mut draft) => {
            start(&mut draft, arguments.start.as_deref())?;
            Some(finetuning(draft, arguments)?)
        }
        None => None,
    };
    run_finetuning(&arguments.run, config, &arguments.data)
}

/// The configuration with what `finetune` alone may say on top.
pub(crate) fn finetuning(
    mut draft: Draft,
    arguments: &FinetuneArguments,
) -> Result<FinetuneConfig, CommandError> {
    draft.set_some("split.folds", arguments.folds.map(i64::from))?;
    draft.set_some(
        "split.kind",
        arguments.split.map(|kind| name_of(SPLITS, &kind)),
    )?;
    draft.set_some("split.file", arguments.split_file.as_deref().map(text))?;
    draft.set_some("baseline", arguments.no_baseline.then_some(false))?;
    let config: FinetuneConfig = draft.finish()?;
    if config.distillation.is_some() {
        return Err(CommandError::Usage(
            "this configuration has a teacher: use `delicate distill`".to_owned(),
        ));
    }
    Ok(config)
}

fn needs_teacher(has: bool) -> Result<(), CommandError> {
    if has {
        return Ok(());
    }
    Err(CommandError::Usage(
        "no teacher: pass one with --teacher".to_owned(),
    ))
}

/// The configuration with what all commands may say on top; `None` to go on
/// with a run.
fn configuration(kind: &str, arguments: &RunArguments) -> Result<Option<Draft>, CommandError> {
    if arguments.resume {
        return Ok(None);
    }
    let Some(source) = &arguments.config else {
        return Err(CommandError::Usage(
            "no configuration: pass a built-in one or a file, or resume a run with --resume"
                .to_owned(),
        ));
    };
    overridden(Draft::open(kind, source)?, arguments).map(Some)
}

/// The configuration with what the arguments of every run say on top.
pub(crate) fn overridden(
    mut draft: Draft,
    arguments: &RunArguments,
) -> Result<Draft, CommandError> {
    draft.set_some("seed", arguments.seed.map(i64::from))?;
    draft.set_some("optimizer.learning_rate", arguments.learning_rate)?;
    draft.set_some("batch.molecules", arguments.batch_molecules.map(i64::from))?;
    draft.set_some(
        "optimizer.half",
        arguments.compute.is_half().then_some(true),
    )?;
    if let Some(epochs) = arguments.epochs {
        // Whole epochs on tables, any part of one on a corpus.
        if draft.has("endpoints") && epochs.fract() == 0.0 {
            draft.set("epochs", epochs as i64)?;
        } else {
            draft.set("epochs", epochs)?;
        }
    }
    for setting in &arguments.set {
        draft.apply(setting)?;
    }
    Ok(draft)
}

fn start(draft: &mut Draft, directory: Option<&Path>) -> Result<(), CommandError> {
    if directory == Some(Path::new("none")) {
        draft.remove("start");
        return Ok(());
    }
    draft.set_some(
        "start",
        directory.map(|path| {
            let model = path.join(train::run_dir::MODEL);
            if model.is_dir() {
                text(&model)
            } else {
                text(path)
            }
        }),
    )
}

fn on_corpus(draft: &mut Draft, arguments: &PretrainArguments) -> Result<(), CommandError> {
    if !arguments.train.is_empty() {
        let files: Vec<String> = arguments.train.iter().map(|path| text(path)).collect();
        draft.set("train", files)?;
    }
    draft.set_some("valid", arguments.valid.as_deref().map(text))?;
    start(draft, arguments.start.as_deref())
}

fn run_pretraining(
    arguments: &RunArguments,
    config: Option<PretrainConfig>,
) -> Result<(), CommandError> {
    let device = arguments.device.open()?;
    let mut shown = Shown::new(arguments, &device);
    let directory = &arguments.output;
    let done = match config {
        Some(config) => pollster::block_on(train::pretrain(&config, directory, &device, |e| {
            shown.event(e)
        })),
        None => pollster::block_on(train::resume_pretrain(directory, &device, |e| {
            shown.event(e)
        })),
    };
    let Pretrained { validation, .. } = shown.ended(directory, done)?;
    let mut table = String::new();
    for (name, value) in validation {
        table.push_str(&format!("{name:<16}{value:.4}\n"));
    }
    finish(arguments, &table)
}

pub(crate) fn run_finetuning(
    arguments: &RunArguments,
    config: Option<FinetuneConfig>,
    data: &Path,
) -> Result<(), CommandError> {
    let device = arguments.device.open()?;
    let mut shown = Shown::new(arguments, &device);
    let directory = &arguments.output;
    let done = match config {
        Some(config) => {
            pollster::block_on(train::finetune(&config, data, directory, &device, |e| {
                shown.event(e)
            }))
        }
        None => pollster::block_on(train::resume_finetune(directory, &device, |e| {
            shown.event(e)
        })),
    };
    let Finetuned {
        evaluation,
        left_out,
        ..
    } = shown.ended(directory, done)?;
    if !left_out.is_empty() && !arguments.quiet {
        let list = directory.join(train::run_dir::LEFT_OUT);
        eprintln!("what was left out is listed in {}", list.display());
    }
    finish(arguments, &evaluation_table(&evaluation.endpoints))
}

/// Writes the report and prints what came out.
fn finish(arguments: &RunArguments, table: &str) -> Result<(), CommandError> {
    // The run is done and stored: a report that fails is a pity, no failure.
    if let Err(error) = report::write(&arguments.output) {
        eprintln!("delicate: could not write the report: {error}");
    }
    if !arguments.quiet {
        let model = arguments.output.join(train::run_dir::MODEL);
        eprintln!("model: {}", model.display());
    }
    io::stdout()
        .write_all(table.as_bytes())
        .map_err(CommandError::stdout)
}

/// What is shown of a run: a bar on a terminal, or else a line now and then.
struct Shown {
    interrupt: Interrupt,
    bar: ProgressBar,
    quiet: bool,
    smoothed: Option<f32>,
    last_line: Instant,
    /// Progress and time of the first step of this sitting.
    first: Option<(f64, f64)>,
}

impl Shown {
    fn new(arguments: &RunArguments, device: &Device) -> Self {
        if !arguments.quiet {
            eprintln!("device: {}", device.name());
        }
        let interrupt = Interrupt::listen();
        // A first Ctrl-C saves; it takes until the end of a step.
        interrupt.busy(true);
        Self {
            interrupt,
            bar: progress::units(arguments.quiet, BAR),
            quiet: arguments.quiet,
            smoothed: None,
            last_line: Instant::now(),
            first: None,
        }
    }

    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Step(step) => self.step(&step),
            Event::Validation { step, loss, .. } => {
                self.note(&format!("step {step}  validation loss {loss:.4}"));
            }
            Event::Note(note) => self.note(&note),
            _ => {}
        }
        if self.interrupt.is_raised() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn step(&mut self, step: &Step) {
        let loss = self
            .smoothed
            .map_or(step.loss, |old| old * 0.98 + step.loss * 0.02);
        self.smoothed = Some(loss);
        let (from, since) = *self.first.get_or_insert((step.progress, step.seconds));
        let left = if step.progress > from {
            (step.seconds - since) / (step.progress - from) * (1.0 - step.progress)
        } else {
            0.0
        };
        let fold = step
            .fold
            .map_or_else(String::new, |fold| format!("fold {fold}  "));
        let message = format!(
            "{fold}epoch {}  loss {loss:.4}  {:.0} molecules/s  {} left",
            step.epoch,
            step.molecules_per_second,
            indicatif::HumanDuration(Duration::from_secs_f64(left.max(0.0)))
        );
        self.bar.set_position((step.progress * BAR as f64) as u64);
        let due = self.last_line.elapsed() >= LINE_EVERY;
        if self.bar.is_hidden() && due && !self.quiet {
            self.last_line = Instant::now();
            eprintln!(
                "{:5.1} %  step {}  {message}",
                step.progress * 100.0,
                step.step
            );
        }
        self.bar.set_message(message);
    }

    fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    fn ended<T>(
        &self,
        directory: &Path,
        done: Result<T, TrainingError>,
    ) -> Result<T, CommandError> {
        self.bar.finish_and_clear();
        self.interrupt.busy(false);
        done.map_err(|error| CommandError::from_run(error, directory))
    }
}
