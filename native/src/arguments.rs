//! What the user may say on the command line. Doc comments are the help text.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use delicate::kernels::device::DeviceChoice;
use delicate::records::{Format, OutputFormat};

/// Scores molecules with a compact chemical transformer, on any GPU or the CPU.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done; 1 a file, model or device failed; 2 wrong arguments; \
                  3 a row failed under --on-error fail; 130 interrupted."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Predict every endpoint of the model for each molecule of a file
    #[command(visible_alias = "predict")]
    Score(ScoreArguments),
    /// Write each molecule's embedding: the mean of the last hidden states
    Embed(ScoreArguments),
    /// Train a model from scratch on tables of labels
    Train(TrainArguments),
    /// Show the adapters of this machine and which device would be used
    Doctor(DoctorArguments),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// A device by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DeviceName {
    /// A real GPU where there is one, otherwise the CPU
    Auto,
    /// A GPU through wgpu; a software adapter where there is no real one
    Gpu,
    /// The CPU
    Cpu,
}

impl From<DeviceName> for DeviceChoice {
    fn from(name: DeviceName) -> Self {
        match name {
            DeviceName::Auto => Self::Auto,
            DeviceName::Gpu => Self::Gpu,
            DeviceName::Cpu => Self::Cpu,
        }
    }
}

/// An input format by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum InputFormatName {
    /// A SMILES a line, then a name
    Smi,
    /// A table: commas, tabs or semicolons
    Csv,
    /// MDL structure-data file
    Sdf,
}

impl From<InputFormatName> for Format {
    fn from(name: InputFormatName) -> Self {
        match name {
            InputFormatName::Smi => Self::Smi,
            InputFormatName::Csv => Self::Csv,
            InputFormatName::Sdf => Self::Sdf,
        }
    }
}

/// An output format by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OutputFormatName {
    /// A table, the user's columns first
    Csv,
    /// An array of objects
    Json,
    /// An object a line
    Jsonl,
}

impl From<OutputFormatName> for OutputFormat {
    fn from(name: OutputFormatName) -> Self {
        match name {
            OutputFormatName::Csv => Self::Csv,
            OutputFormatName::Json => Self::Json,
            OutputFormatName::Jsonl => Self::Jsonl,
        }
    }
}

/// What to do with a row that cannot be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Write its error and go on
    Skip,
    /// Stop there, with exit code 3
    Fail,
}

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    /// The molecules: .smi, .csv, .tsv or .sdf, plain or .gz; `-` is stdin
    pub(crate) file: PathBuf,
    /// Model directory; without it, the model that is built in
    #[arg(long, value_name = "DIR", env = "DELICATE_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Device to compute on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// Column that holds the SMILES; without it, found by name or content
    #[arg(long, value_name = "NAME")]
    pub(crate) smiles_column: Option<String>,
    /// Column that names a molecule in messages
    #[arg(long, value_name = "NAME")]
    pub(crate) id_column: Option<String>,
    /// Format of FILE; without it, told by its name or content
    #[arg(long, value_enum)]
    pub(crate) input_format: Option<InputFormatName>,
    /// Format of the output; without it, told by the ending of -o, or else csv
    #[arg(long, value_enum)]
    pub(crate) format: Option<OutputFormatName>,
    /// What to do with a row that cannot be scored
    #[arg(long, value_enum, default_value = "skip")]
    pub(crate) on_error: OnError,
    /// Take the whole record, salts and solvents included, and not its largest fragment
    #[arg(long)]
    pub(crate) keep_salts: bool,
    /// Write here instead of to stdout; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// No progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl ScoreArguments {
    /// The file to write to; `None` is stdout.
    pub(crate) fn output_file(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }

    /// The format to write.
    pub(crate) fn output_format(&self) -> OutputFormat {
        let ending = self.output_file().and_then(Path::extension);
        match (self.format, ending.and_then(|ending| ending.to_str())) {
            (Some(format), _) => format.into(),
            (None, Some("json")) => OutputFormat::Json,
            (None, Some("jsonl" | "ndjson")) => OutputFormat::Jsonl,
            (None, _) => OutputFormat::Csv,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// The training configuration (TOML), such as models/delicate-small.toml
    pub(crate) config: PathBuf,
    /// Directory of the tables that the configuration names
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
    /// Model directory to write
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Device to compute on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// Epochs, instead of those of the configuration
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Seed, instead of that of the configuration
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write 16-bit weights
    #[arg(long)]
    pub(crate) fp16: bool,
    /// No progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Device to ask for
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
