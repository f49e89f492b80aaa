//! `delicate pretrain`, `distill` and `resume`, and what every training run has.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use delicate::device::Device;
use delicate::train::{self, Event, RunConfig, Step, Trained, TrainingError, evaluation_table};
use indicatif::ProgressBar;

use crate::cli::{ComputeArguments, DeviceArguments, decimal, whole};
use crate::commands::report;
use crate::configurations::{Draft, text};
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::messages::say;
use crate::places::Place;
use crate::progress;

/// What every training run has.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Built-in configuration (such as delicate-small) or TOML file
    pub(crate) config: Option<PathBuf>,
    /// Run directory: new or empty
    #[arg(short, long, value_name = "RUN")]
    pub(crate) output: PathBuf,
    /// As `delicate resume RUN`
    #[arg(long, hide = true, conflicts_with_all = ["config", "epochs", "seed", "learning_rate", "batch_molecules", "precision", "half", "set"])]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// Number of epochs (default: from the configuration)
    #[arg(long, value_parser = decimal)]
    pub(crate) epochs: Option<f64>,
    /// Random seed (default: from the configuration)
    #[arg(long, value_parser = whole::<u32>)]
    pub(crate) seed: Option<u32>,
    /// Peak learning rate (default: from the configuration)
    #[arg(long, value_name = "RATE", value_parser = decimal)]
    pub(crate) learning_rate: Option<f64>,
    /// Molecules per batch (default: from the configuration)
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    pub(crate) batch_molecules: Option<u32>,
    #[command(flatten)]
    pub(crate) compute: ComputeArguments,
    /// Set any field of the configuration, such as optimizer.warmup=0.05; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print no progress and no summary; what was guessed, left out or went wrong is still said
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

#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// Run directory of the run to resume
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print no progress and no summary; what was guessed, left out or went wrong is still said
    #[arg(short, long)]
    quiet: bool,
}

/// Units of the progress bar.
const BAR: u64 = 10_000;

/// Time between two lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Where a run is trained, and how much is said of it.
pub(crate) struct Session<'a> {
    directory: &'a Path,
    device: &'a DeviceArguments,
    quiet: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn of(arguments: &'a RunArguments) -> Self {
        Self {
            directory: &arguments.output,
            device: &arguments.device,
            quiet: arguments.quiet,
        }
    }
}

pub(crate) fn pretrain(arguments: &PretrainArguments) -> Result<(), CommandError> {
    let session = Session::of(&arguments.run);
    let Some(mut draft) = configuration("pretrain", &arguments.run)? else {
        return session.resume();
    };
    on_corpus(&mut draft, arguments)?;
    session.begin("pretrain", draft, Path::new("."))
}

pub(crate) fn distill(arguments: &DistillArguments) -> Result<(), CommandError> {
    let session = Session::of(&arguments.pretrain.run);
    let Some(mut draft) = configuration("distill", &arguments.pretrain.run)? else {
        return session.resume();
    };
    if let Some(teacher) = &arguments.teacher {
        Place::Start.check(teacher)?;
    }
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
    on_corpus(&mut draft, &arguments.pretrain)?;
    session.begin("distill", draft, &arguments.data)
}

pub(crate) fn resume(arguments: &ResumeArguments) -> Result<(), CommandError> {
    let session = Session {
        directory: &arguments.run,
        device: &arguments.device,
        quiet: arguments.quiet,
    };
    session.resume()
}

/// Refuses a configuration that another command begins.
pub(crate) fn check_command(command: &str, config: &RunConfig) -> Result<(), CommandError> {
    let meant = config.command();
    if meant == command {
        return Ok(());
    }
    Err(CommandError::Usage(match (command, meant) {
        ("distill", _) => "no teacher: pass one with --teacher".to_owned(),
        (_, "distill") => "this configuration has a teacher: use `delicate distill`".to_owned(),
        _ => format!("this configuration is for `delicate {meant}`"),
    }))
}

/// Refuses what can be refused before anything is opened: numbers out of bounds, and
/// tables that are not in `data`.
pub(crate) fn check(config: &RunConfig, data: &Path) -> Result<(), CommandError> {
    let checked = config.check().map_err(TrainingError::from);
    checked.map_err(CommandError::Training)?;
    let RunConfig::Finetune(config) = config else {
        return Ok(());
    };
    let tables = config.endpoints.iter().flat_map(|one| one.sources());
    for table in tables {
        let path = data.join(table.file);
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => {
                let what = format!(
                    "there is no such table: those of a configuration are taken from --data (here \
                     {}); `delicate data get` downloads public ones",
                    data.display()
                );
                return Err(CommandError::Configuration { path, what });
            }
            Err(source) => return Err(CommandError::Input { path, source }),
        }
    }
    Ok(())
}

/// The configuration with what all commands may say on top; `None` to resume a
/// run.
pub(crate) fn configuration(
    kind: &str,
    arguments: &RunArguments,
) -> Result<Option<Draft>, CommandError> {
    if arguments.resume {
        return Ok(None);
    }
    let Some(source) = &arguments.config else {
        return Err(CommandError::Usage(
            "no configuration: pass a built-in one or a file, or resume a run with \
             `delicate resume RUN`"
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
    draft.set_some("epochs", arguments.epochs)?;
    for setting in &arguments.set {
        draft.apply(setting)?;
    }
    Ok(draft)
}

pub(crate) fn start(draft: &mut Draft, directory: Option<&Path>) -> Result<(), CommandError> {
    if directory == Some(Path::new("none")) {
        draft.remove("start");
        return Ok(());
    }
    if let Some(directory) = directory.filter(|it| *it != Path::new(train::BUILT_IN)) {
        Place::Start.check(directory)?;
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
    for path in arguments.train.iter().chain(&arguments.valid) {
        Place::Corpus.check(path)?;
    }
    if !arguments.train.is_empty() {
        let files: Vec<String> = arguments.train.iter().map(|path| text(path)).collect();
        draft.set("train", files)?;
    }
    draft.set_some("valid", arguments.valid.as_deref().map(text))?;
    start(draft, arguments.start.as_deref())
}

impl Session<'_> {
    /// Begins the run that a configuration describes; tables lie in `data`.
    pub(crate) fn begin(
        &self,
        command: &str,
        draft: Draft,
        data: &Path,
    ) -> Result<(), CommandError> {
        let config = draft.finish()?;
        check_command(command, &config)?;
        self.train(&config, data)
    }

    pub(crate) fn train(&self, config: &RunConfig, data: &Path) -> Result<(), CommandError> {
        check(config, data)?;
        let (device, mut shown) = self.open()?;
        let on_event = |event| shown.event(event);
        let done = train::run(config, data, self.directory, &device, on_event);
        let done = pollster::block_on(done);
        self.finish(shown.ended(self.directory, done)?)
    }

    pub(crate) fn resume(&self) -> Result<(), CommandError> {
        Place::Run.check(self.directory)?;
        let (device, mut shown) = self.open()?;
        let done = train::resume(self.directory, &device, |event| shown.event(event));
        let done = pollster::block_on(done);
        self.finish(shown.ended(self.directory, done)?)
    }

    fn open(&self) -> Result<(Device, Shown), CommandError> {
        let device = self.device.open()?;
        let shown = Shown::new(self.quiet, &device);
        Ok((device, shown))
    }

    /// Writes the report and prints what came out.
    fn finish(&self, trained: Trained) -> Result<(), CommandError> {
        let is_finetuned = matches!(trained, Trained::Finetuned(_));
        let table = match trained {
            Trained::Pretrained(pretrained) => {
                let losses = pretrained.validation.iter();
                losses
                    .map(|(name, value)| format!("{name:<16}{value:.4}\n"))
                    .collect()
            }
            Trained::Finetuned(finetuned) => {
                if !finetuned.left_out.is_empty() && !self.quiet {
                    let list = self.directory.join(train::run_dir::LEFT_OUT);
                    say!("what was left out is listed in {}", list.display());
                }
                evaluation_table(&finetuned.evaluation.endpoints)
            }
        };
        // The run is done and stored: a report that fails is a pity, no failure.
        if let Err(error) = report::write(self.directory) {
            say!("delicate: could not write the report: {error}");
        }
        if !self.quiet {
            let model = self.directory.join(train::run_dir::MODEL);
            say!("model: {}", model.display());
        }
        io::stdout()
            .write_all(table.as_bytes())
            .map_err(CommandError::stdout)?;
        if !self.quiet && is_finetuned {
            let model = self.directory.join(train::run_dir::MODEL);
            say!(
                "To score with this model: delicate score FILE --model {}",
                quoted(&model)
            );
        }
        Ok(())
    }
}

/// What is shown of a run: a bar on a terminal, or else a line now and then.
struct Shown {
    interrupt: Interrupt,
    bar: ProgressBar,
    quiet: bool,
    smoothed: Option<f32>,
    last_line: Instant,
    /// Progress and time of the first step of this session.
    first: Option<(f64, f64)>,
}

impl Shown {
    fn new(quiet: bool, device: &Device) -> Self {
        if !quiet {
            say!("device: {}", device.name());
        }
        let interrupt = Interrupt::listen();
        // A first Ctrl-C saves; it takes until the end of a step.
        interrupt.busy(true);
        Self {
            interrupt,
            bar: progress::units(quiet, BAR),
            quiet,
            smoothed: None,
            last_line: Instant::now(),
            first: None,
        }
    }

    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Step(step) => self.step(&step),
            Event::Validation { step, loss, .. } if !self.quiet => {
                self.say(&format!("step {step}  validation loss {loss:.4}"));
            }
            Event::Note(note) => self.say(&note),
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
            say!(
                "{:5.1} %  step {}  {message}",
                step.progress * 100.0,
                step.step
            );
        }
        self.bar.set_message(message);
    }

    fn say(&self, text: &str) {
        if self.bar.is_hidden() {
            say!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    fn ended(
        &self,
        directory: &Path,
        done: Result<Trained, TrainingError>,
    ) -> Result<Trained, CommandError> {
        self.bar.finish_and_clear();
        self.interrupt.busy(false);
        done.map_err(|error| CommandError::from_run(error, directory))
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:\\".contains(c);
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_blank_is_quoted() {
        assert_eq!(quoted(Path::new("run/model")), "run/model");
        assert_eq!(quoted(Path::new("my run/model")), "'my run/model'");
    }
}
