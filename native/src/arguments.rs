//! What the user may say on the command line. Doc comments are the help text.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use delicate::device::DeviceChoice;
use delicate::model_dir::Precision;
use delicate::records::{Format, OutputFormat};
use delicate::screening::{Aggregate, Similarity};

use crate::commands::finetune_table::TableArguments;

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
    Score(AssessedScoreArguments),
    /// Explain one molecule: values, intervals, domain, nearest training molecule, atoms
    Explain(ExplainArguments),
    /// Write each molecule's embedding, for comparing molecules by its cosine
    Embed(ScoreArguments),
    /// Rank a library by its similarity to known actives, or measure how well that works
    Screen(ScreenArguments),
    /// Pre-train an encoder on a corpus of molecules
    Pretrain(PretrainArguments),
    /// Teach a small model what a large one knows, on a corpus or on tables
    Distill(DistillArguments),
    /// Fine-tune an encoder on your own table of labels, or as a configuration says
    Finetune(FinetuneArguments),
    /// Measure a fine-tuning run, or a model on a table, with intervals
    Evaluate(EvaluateArguments),
    /// Write report.html about a run: curves, parity, ROC, calibration, baseline
    Report(ReportArguments),
    /// Download public data sets and verify them
    Data(DataArguments),
    /// Measure how fast and how large models are
    Bench(BenchArguments),
    /// Make a model directory of a checkpoint of MolBERT, PSMolBERT or Hugging Face
    Import(ImportArguments),
    /// Write a model in another precision, or as ONNX, and say what that costs
    Export(ExportArguments),
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
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// What to do with a row that cannot be scored
    #[arg(long, value_enum, default_value = "skip")]
    pub(crate) on_error: OnError,
    /// Take the whole record, salts and solvents included, and not its largest fragment
    #[arg(long)]
    pub(crate) keep_salts: bool,
    /// SMILES that each molecule is read as: its canonical one and random ones; the mean counts
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) readings: NonZeroUsize,
    /// Compute in half precision, on a GPU that has it (shader-f16 in `delicate doctor`)
    #[arg(long)]
    pub(crate) half: bool,
    /// No progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AssessedScoreArguments {
    #[command(flatten)]
    pub(crate) rows: ScoreArguments,
    /// Say of each value how far it can be trusted: 90 % interval, domain, nearest training molecule
    #[arg(long)]
    pub(crate) assess: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The molecule
    pub(crate) smiles: String,
    /// Model directory; without it, the model that is built in
    #[arg(long, value_name = "DIR", env = "DELICATE_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Device to compute on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: ReportFormatName,
    /// Take the whole record, salts and solvents included, and not its largest fragment
    #[arg(long)]
    pub(crate) keep_salts: bool,
}

/// Where rows are written, and how.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Format of the output; without it, told by the ending of -o, or else csv
    #[arg(long, value_enum)]
    format: Option<OutputFormatName>,
    /// Write here instead of to stdout; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl OutputArguments {
    /// The file to write to; `None` is stdout.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }

    /// The format to write.
    pub(crate) fn format(&self) -> OutputFormat {
        let ending = self.file().and_then(Path::extension);
        match (self.format, ending.and_then(|ending| ending.to_str())) {
            (Some(format), _) => format.into(),
            (None, Some("json")) => OutputFormat::Json,
            (None, Some("jsonl" | "ndjson")) => OutputFormat::Jsonl,
            (None, _) => OutputFormat::Csv,
        }
    }
}

/// A similarity by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SimilarityName {
    /// Cosine of the model's embeddings, -1 to 1
    Embedding,
    /// Tanimoto similarity of ECFP4 fingerprints, 0 to 1; needs no model
    Ecfp,
    /// Mean of both, the cosine brought to 0 to 1
    Both,
}

impl From<SimilarityName> for Similarity {
    fn from(name: SimilarityName) -> Self {
        match name {
            SimilarityName::Embedding => Self::Embedding,
            SimilarityName::Ecfp => Self::Fingerprint,
            SimilarityName::Both => Self::Fused,
        }
    }
}

/// How the similarities to several queries become one, by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AggregateName {
    /// That to the nearest query
    Max,
    /// Their mean
    Mean,
}

impl From<AggregateName> for Aggregate {
    fn from(name: AggregateName) -> Self {
        match name {
            AggregateName::Max => Self::Max,
            AggregateName::Mean => Self::Mean,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ScreenArguments {
    /// The molecules to rank: .smi, .csv, .tsv or .sdf, plain or .gz; `-` is stdin
    #[arg(required_unless_present = "benchmark", requires = "queries")]
    pub(crate) library: Option<PathBuf>,
    /// The known actives, in any of the formats of LIBRARY
    #[arg(long, value_name = "FILE", required_unless_present = "benchmark")]
    pub(crate) queries: Option<PathBuf>,
    /// What molecules are compared by
    #[arg(long, value_enum, default_value = "embedding")]
    pub(crate) by: SimilarityName,
    /// What counts where there are several queries
    #[arg(long, value_enum, default_value = "max")]
    pub(crate) aggregate: AggregateName,
    /// How many of the best are written
    #[arg(
        long,
        value_name = "N",
        default_value = "100",
        conflicts_with = "benchmark"
    )]
    pub(crate) top: NonZeroUsize,
    /// Model directory; without it, the model that is built in
    #[arg(long, value_name = "DIR", env = "DELICATE_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Device to compute on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// Column of LIBRARY that holds the SMILES; without it, found by name or content
    #[arg(long, value_name = "NAME", conflicts_with = "benchmark")]
    pub(crate) smiles_column: Option<String>,
    /// Column of the queries that holds the SMILES; without it, found likewise
    #[arg(long, value_name = "NAME", conflicts_with = "benchmark")]
    pub(crate) query_column: Option<String>,
    /// Format of LIBRARY; without it, told by its name or content
    #[arg(long, value_enum, conflicts_with = "benchmark")]
    pub(crate) input_format: Option<InputFormatName>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Take whole records, salts and solvents included, and not their largest fragments
    #[arg(long)]
    pub(crate) keep_salts: bool,
    /// Measure on the benchmark in DIR instead: AUROC and BEDROC of each target
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["library", "queries", "format", "output"]
    )]
    pub(crate) benchmark: Option<PathBuf>,
    /// Targets of the benchmark, instead of all
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        requires = "benchmark",
        conflicts_with = "library"
    )]
    pub(crate) targets: Vec<String>,
    /// Print the benchmark's results as JSON
    #[arg(long, requires = "benchmark", conflicts_with = "library")]
    pub(crate) json: bool,
    /// No progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What every training run has.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A built-in configuration (such as small-delicate) or a TOML file
    pub(crate) config: Option<PathBuf>,
    /// Run directory: empty or absent, or that of the run to go on with
    #[arg(short, long, value_name = "RUN")]
    pub(crate) output: PathBuf,
    /// Go on with the run in RUN where it stopped, by its own configuration
    #[arg(long, conflicts_with_all = ["config", "epochs", "seed", "learning_rate", "batch_molecules", "half", "set"])]
    pub(crate) resume: bool,
    /// Device to compute on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// Epochs, instead of those of the configuration
    #[arg(long)]
    pub(crate) epochs: Option<f64>,
    /// Seed, instead of that of the configuration
    #[arg(long)]
    pub(crate) seed: Option<u32>,
    /// Highest learning rate, instead of that of the configuration
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// Molecules of a batch, instead of those of the configuration
    #[arg(long, value_name = "N")]
    pub(crate) batch_molecules: Option<u32>,
    /// Compute losses and gradients in half precision, on a GPU that has it (shader-f16 in `delicate doctor`)
    #[arg(long)]
    pub(crate) half: bool,
    /// Any other field of the configuration, such as optimizer.warmup=0.05
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// No progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PretrainArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Molecules to train on: .smi, .csv or .sdf, each also .gz; may be given again
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) train: Vec<PathBuf>,
    /// Molecules to validate on
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) valid: Option<PathBuf>,
    /// Model or run directory to start from, instead of random weights
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
    /// Directory of the tables, where the configuration has endpoints
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
}

/// How molecules are split, by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SplitName {
    /// At random
    Random,
    /// By Bemis-Murcko scaffold
    Scaffold,
    /// As --split-file says
    Indices,
}

impl SplitName {
    /// The name in a configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Scaffold => "scaffold",
            Self::Indices => "indices",
        }
    }
}

#[derive(Debug, Args)]
#[command(mut_arg("config", |config| config.value_name("TABLE|CONFIG").help(
    "Your table of molecules and labels (.csv, .tsv, .smi or .sdf, also .gz), with --label; or a \
     built-in configuration (such as small-delicate) or a TOML file",
)))]
pub(crate) struct FinetuneArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// Directory of the tables that the configuration names
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
    /// Model or run directory whose encoder is fine-tuned, `built-in` for the pre-trained one that is
    /// built in, or `none` for random weights (default: built-in for a table, none for a
    /// configuration)
    #[arg(long, value_name = "DIR|built-in|none", conflicts_with = "resume")]
    pub(crate) start: Option<PathBuf>,
    /// Folds, instead of those of the configuration
    #[arg(long, conflicts_with = "resume")]
    pub(crate) folds: Option<u32>,
    /// How molecules are split, instead of as the configuration says
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) split: Option<SplitName>,
    /// File of indices (splits.json of another run), for --split indices
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) split_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// A fine-tuning run, or a table of labels
    #[arg(value_name = "RUN|FILE")]
    pub(crate) path: PathBuf,
    /// Model directory, for a table; without it, the model that is built in
    #[arg(long, value_name = "DIR", env = "DELICATE_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Endpoint of the model that the labels are of, for a table
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Column of labels, for a table
    #[arg(long, value_name = "NAME", default_value = "label")]
    pub(crate) label_column: String,
    /// Column of SMILES, for a table; without it, found by name or content
    #[arg(long, value_name = "NAME")]
    pub(crate) smiles_column: Option<String>,
    /// SMILES that each molecule is read as: its canonical one and random ones; the mean counts
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) readings: NonZeroUsize,
    /// Device to compute on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// Leave out the random forest on ECFP4 beside a run's model, which takes most of the time;
    /// the files of the run stay as they are
    #[arg(long)]
    pub(crate) no_baseline: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// A student beside its teacher: parameters, layers, training and inference
    ///
    /// Both are measured in one run, turn by turn, on the same molecules. The
    /// protocol stands in the output. RAYON_NUM_THREADS sets the CPU's threads.
    Compression(BenchCompressionArguments),
    /// One model alone: training step, inference and forward pass
    ///
    /// To measure it beside PyTorch, turn by turn on the same padded batches
    /// with the same number of threads, from a checkout with torch and
    /// transformers installed:
    ///
    ///     python benches/pytorch_step.py --delicate target/release/delicate \
    ///         --preset delicate-small --threads 2
    #[command(verbatim_doc_comment)]
    Step(BenchStepArguments),
}

/// The format of a report, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormatName {
    /// For people
    Text,
    /// One object
    Json,
}

/// What every measurement has.
#[derive(Debug, Args)]
pub(crate) struct MeasureArguments {
    /// Molecules to measure on: .smi, .csv or .sdf, also .gz (the first 10,000
    /// rows); without it, 64 drugs that are built in
    #[arg(long, value_name = "FILE")]
    pub(crate) molecules: Option<PathBuf>,
    /// Device to compute on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
    /// Molecules of a training batch
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) batch_molecules: usize,
    /// Times that everything is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Rounds before them that do not count
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) warm_up: usize,
    /// How the figures are printed
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: ReportFormatName,
    /// No progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchCompressionArguments {
    /// The large model: a preset, or a model or run directory
    #[arg(long, value_name = "PRESET|DIR", default_value = "molbert")]
    pub(crate) teacher: String,
    /// The small model: a preset, or a model or run directory
    #[arg(long, value_name = "PRESET|DIR", default_value = "delicate")]
    pub(crate) student: String,
    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BenchStepArguments {
    /// The model: a preset, or a model or run directory
    #[arg(long, value_name = "PRESET|DIR", default_value = "delicate-small")]
    pub(crate) preset: String,
    /// Write the batches of training here as JSON, for another program
    #[arg(long, value_name = "FILE")]
    pub(crate) dump_batches: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// File of torch.save (.pt, .pth, .ckpt, .bin), .safetensors, or directory of save_pretrained
    pub(crate) checkpoint: PathBuf,
    /// Model directory to write
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// The model's name; without it, that of the file
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// SPDX expression of the weights' licence
    #[arg(long, value_name = "SPDX", default_value = "unknown")]
    pub(crate) license: String,
    /// Attention heads; without it, what config.json says, or one for every 64 of the hidden size
    #[arg(long, value_name = "N")]
    pub(crate) heads: Option<usize>,
    /// Passes through the shared layer of an ALBERT; without it, what config.json says
    #[arg(long, value_name = "N")]
    pub(crate) layers: Option<usize>,
    /// Longest sequence in tokens; without it, the rows of the position table, or 128
    #[arg(long, value_name = "N")]
    pub(crate) max_length: Option<usize>,
    /// An output of the fine-tuned head, in order; again for each
    #[arg(long = "endpoint", value_name = "NAME[:UNIT]")]
    pub(crate) endpoints: Vec<String>,
    /// Write 16-bit weights
    #[arg(long)]
    pub(crate) fp16: bool,
}

/// A precision by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PrecisionName {
    /// 32-bit floats
    Fp32,
    /// 16-bit floats
    Fp16,
    /// 8-bit integers for matrices
    Int8,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::Fp32 => Self::Fp32,
            PrecisionName::Fp16 => Self::Fp16,
            PrecisionName::Int8 => Self::Int8,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Model directory
    pub(crate) model: PathBuf,
    /// Model directory to write, or with --onnx the file
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// Precision of the weights
    #[arg(long, value_enum, default_value = "fp32")]
    pub(crate) precision: PrecisionName,
    /// Leave out what serves training alone: heads for tokens, descriptors and structure, and the
    /// embedding of a model with endpoints
    #[arg(long)]
    pub(crate) lean: bool,
    /// Write an ONNX file (fp32) instead of a model directory
    #[arg(long, conflicts_with_all = ["precision", "data"])]
    pub(crate) onnx: bool,
    /// Molecules to compare on, as for score; without it, 60 that are built in
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Device to compare on
    #[arg(long, value_enum, default_value = "auto", env = "DELICATE_DEVICE")]
    pub(crate) device: DeviceName,
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

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The run directory: the -o of pretrain, distill or finetune
    pub(crate) run: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show the data sets, their licences and addresses
    List,
    /// Download a data set; a download that was cut off goes on where it stopped
    Get(DataGetArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DataGetArguments {
    /// The data set, as `delicate data list` names it
    pub(crate) name: String,
    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) into: PathBuf,
    /// Take the files from here (`URL/FILE`) and not from their upstream address
    #[arg(long, value_name = "URL")]
    pub(crate) from: Option<String>,
    /// No progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
