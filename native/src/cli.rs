//! Argument groups that commands share, flattened into the arguments of each.
//! Doc comments are the help text.

use std::cell::Cell;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use delicate::device::{Device, DeviceChoice, OnDeviceLost};
use delicate::model_dir::Precision;
use delicate::predict::{PredictOptions, Scorer};
use delicate::records::{Format, OutputFormat, ReadOptions};
use serde::Serialize;

use crate::error::CommandError;
use crate::files::{Shard, is_packed, regular_target};
use crate::memory::GivenBack;

/// The values of an option, each with its name and its help.
pub(crate) type Choices<T> = [(T, &'static str, &'static str)];

/// Parses one of `choices` by its name; the help lists them all.
pub(crate) fn one_of<T>(choices: &'static Choices<T>) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let names = choices
        .iter()
        .map(|&(_, name, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(names).try_map(|given| {
        choices
            .iter()
            .find(|(_, name, _)| *name == given)
            .map(|(value, ..)| *value)
            .ok_or("unknown value")
    })
}

/// The name of `value` on the command line.
pub(crate) fn name_of<T: PartialEq>(choices: &Choices<T>, value: &T) -> &'static str {
    choices
        .iter()
        .find(|(choice, ..)| choice == value)
        .map_or("", |(_, name, _)| name)
}

const DEVICES: &Choices<DeviceChoice> = &[
    (
        DeviceChoice::Auto,
        "auto",
        "A GPU if one is available, otherwise the CPU",
    ),
    (
        DeviceChoice::Gpu,
        "gpu",
        "A GPU through wgpu, or a software adapter if there is no GPU",
    ),
    (
        DeviceChoice::OpenGl,
        "opengl",
        "A GPU through OpenGL, on machines without Vulkan, Metal or DX12",
    ),
    (DeviceChoice::Cpu, "cpu", "The CPU"),
];

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DeviceArguments {
    /// Device to compute on
    #[arg(
        long,
        value_name = "DEVICE",
        value_parser = one_of(DEVICES),
        default_value = "auto",
        env = "DELICATE_DEVICE"
    )]
    pub(crate) device: DeviceChoice,
}

impl DeviceArguments {
    /// Opens the device.
    pub(crate) fn open(self) -> Result<Device, CommandError> {
        Ok(Device::open_blocking(self.device)?)
    }
}

const DEVICE_LOST: &Choices<OnDeviceLost> = &[
    (
        OnDeviceLost::Cpu,
        "cpu",
        "Repeat the batch on the CPU and stay there",
    ),
    (
        OnDeviceLost::Fail,
        "fail",
        "Stop; rows already written stay",
    ),
];

/// What a long run does about a GPU that fails in the middle of it.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DeviceLossArguments {
    /// What to do if the GPU is lost or runs out of memory
    #[arg(
        long,
        value_name = "ANSWER",
        value_parser = one_of(DEVICE_LOST),
        default_value = "cpu"
    )]
    pub(crate) on_device_lost: OnDeviceLost,
}

/// Says once that a run goes on without its GPU.
#[derive(Debug, Default)]
pub(crate) struct DeviceLossNotice {
    said: Cell<bool>,
}

impl DeviceLossNotice {
    /// To be called after every part of a run.
    pub(crate) fn after(&self, scorer: &Scorer) {
        let Some(reason) = scorer.device_lost().filter(|_| !self.said.get()) else {
            return;
        };
        self.said.set(true);
        let device = scorer.device().name();
        // A closed stderr must not end the run.
        let _ = writeln!(
            io::stderr(),
            "delicate: {device} failed ({reason}); its batch was repeated on the CPU, which \
             computes from here on"
        );
    }
}

#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Model directory (default: the built-in model)
    #[arg(long, value_name = "DIR", env = "DELICATE_MODEL")]
    pub(crate) model: Option<PathBuf>,
}

const INPUT_FORMATS: &Choices<Format> = &[
    (
        Format::Smi,
        "smi",
        "One SMILES per line, optionally followed by a name",
    ),
    (
        Format::Csv,
        "csv",
        "Table separated by commas, tabs or semicolons",
    ),
    (Format::Sdf, "sdf", "MDL structure-data file"),
];

/// How a file of molecules is read.
#[derive(Debug, Args, Serialize)]
pub(crate) struct InputArguments {
    /// SMILES column (default: detected by name or content)
    #[arg(long, value_name = "NAME")]
    pub(crate) smiles_column: Option<String>,
    /// Input format (default: detected by file name or content)
    #[arg(long, value_name = "FORMAT", value_parser = one_of(INPUT_FORMATS))]
    pub(crate) input_format: Option<Format>,
}

impl InputArguments {
    pub(crate) fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.input_format,
            smiles_column: self.smiles_column.clone().map(Into::into),
            ..ReadOptions::default()
        }
    }
}

/// Which part of a file is read.
#[derive(Clone, Copy, Debug, Args, Serialize)]
pub(crate) struct ShardArguments {
    /// Read the I-th of N parts of the row groups of a Parquet file, from 1, as one of an array of
    /// jobs; the parts in their order are the whole
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(crate) shard: Option<Shard>,
}

fn shard(given: &str) -> Result<Shard, String> {
    let numbers = given.split_once('/');
    let numbers = numbers.and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    let (part, parts) = numbers.ok_or("write it as 1/4: the first of four parts")?;
    match (1..=parts).contains(&part) {
        true => Ok(Shard { part, parts }),
        false => Err("the first is 1, and the last as high as their number".to_owned()),
    }
}

/// Which part of a record is the molecule.
#[derive(Clone, Copy, Debug, Args, Serialize)]
pub(crate) struct MoleculeArguments {
    /// Keep salts and solvents (default: the largest organic part only)
    #[arg(long)]
    pub(crate) keep_salts: bool,
    /// Keep charges (default: neutral where moving protons can do it)
    #[arg(long)]
    pub(crate) keep_charges: bool,
}

impl MoleculeArguments {
    /// The default options, but for what is kept.
    pub(crate) fn options(&self) -> PredictOptions {
        PredictOptions::default()
            .keep_salts(self.keep_salts)
            .keep_charges(self.keep_charges)
    }
}

#[derive(Clone, Copy, Debug, Args, Serialize)]
pub(crate) struct AugmentationArguments {
    /// Average predictions over N SMILES per molecule, 1 to 1000 (1 canonical, N-1 random)
    #[arg(
        long = "tta",
        alias = "readings",
        value_name = "N",
        default_value = "1",
        value_parser = augmentations
    )]
    pub(crate) augmentations: NonZeroUsize,
}

/// A name in a list, which may stand behind a blank.
pub(crate) fn name(given: &str) -> Result<String, String> {
    match given.trim() {
        "" => Err("name at least one, and none behind a last comma".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// A number of things, of which there are some.
pub(crate) fn count(given: &str) -> Result<NonZeroUsize, String> {
    let number = given.parse().ok().and_then(NonZeroUsize::new);
    number.ok_or_else(|| "it must be a whole number from 1 on".to_owned())
}

/// A whole number that may be zero.
pub(crate) fn whole<T: std::str::FromStr>(given: &str) -> Result<T, String> {
    given
        .parse()
        .map_err(|_| "it must be a whole number, such as 16".to_owned())
}

/// A number with or without decimals.
pub(crate) fn decimal(given: &str) -> Result<f64, String> {
    let number = given.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| "it must be a number, such as 0.001".to_owned())
}

/// Beyond a thousand the mean does not move, and a wish to stop is felt late.
fn augmentations(given: &str) -> Result<NonZeroUsize, String> {
    let number = given
        .parse()
        .ok()
        .filter(|number| (1..=1000).contains(number));
    number
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| "it must be a whole number from 1 to 1000".to_owned())
}

const COMPUTE_PRECISIONS: &Choices<Precision> = &[
    (Precision::Fp32, "fp32", "Single precision"),
    (
        Precision::Fp16,
        "fp16",
        "Half precision; needs a GPU with shader-f16, see `delicate doctor`",
    ),
];

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ComputeArguments {
    /// Precision of the computation
    #[arg(
        long,
        value_name = "PRECISION",
        value_parser = one_of(COMPUTE_PRECISIONS),
        default_value = "fp32"
    )]
    precision: Precision,
    /// Earlier spelling of `--precision fp16`
    #[arg(long, hide = true, conflicts_with = "precision")]
    half: bool,
}

impl ComputeArguments {
    pub(crate) fn is_half(self) -> bool {
        self.half || self.precision == Precision::Fp16
    }
}

const SCORING_PRECISIONS: &Choices<Precision> = &[
    (
        Precision::Int8,
        "int8",
        "8-bit integers in the encoder, several times as fast; on a CPU alone",
    ),
    (Precision::Fp32, "fp32", "Single precision"),
    (
        Precision::Fp16,
        "fp16",
        "Half precision; needs a GPU with shader-f16, see `delicate doctor`",
    ),
];

/// The device and the precision that molecules are scored in.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ScoringArguments {
    #[command(flatten)]
    device: DeviceArguments,
    /// Precision of the computation (default: int8 on a CPU with AVX2 or NEON, otherwise fp32)
    #[arg(long, value_name = "PRECISION", value_parser = one_of(SCORING_PRECISIONS))]
    precision: Option<Precision>,
    /// Earlier spelling of `--precision fp16`
    #[arg(long, hide = true, conflicts_with = "precision")]
    half: bool,
}

impl ScoringArguments {
    /// Opens the device.
    pub(crate) fn open(self) -> Result<Device, CommandError> {
        match (self.asked(), self.device.device) {
            // There is only one device for it.
            (Some(Precision::Int8), DeviceChoice::Auto) => {
                Ok(Device::open_blocking(DeviceChoice::Cpu)?)
            }
            _ => self.device.open(),
        }
    }

    /// What was asked for.
    pub(crate) fn asked(self) -> Option<Precision> {
        match self.half {
            true => Some(Precision::Fp16),
            false => self.precision,
        }
    }

    /// What `device` computes in.
    fn precision(self, device: &Device) -> Precision {
        self.asked()
            .unwrap_or(match device.is_fast_in_eight_bits() {
                true => Precision::Int8,
                false => Precision::Fp32,
            })
    }

    /// The name of what `device` computes in.
    pub(crate) fn name(self, device: &Device) -> &'static str {
        name_of(SCORING_PRECISIONS, &self.precision(device))
    }

    /// `scorer` in its precision.
    pub(crate) fn apply(self, scorer: Scorer) -> Result<Scorer, CommandError> {
        let _weights = GivenBack::begin();
        Ok(match self.precision(scorer.device()) {
            Precision::Int8 => scorer.in_eight_bits()?,
            Precision::Fp16 => scorer.in_half_precision()?,
            _ => scorer,
        })
    }
}

/// How rows are written: one by one, or as columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFormat {
    Text(OutputFormat),
    Parquet,
}

const OUTPUT_FORMATS: &Choices<RowFormat> = &[
    (
        RowFormat::Text(OutputFormat::Csv),
        "csv",
        "Table, input columns first",
    ),
    (
        RowFormat::Text(OutputFormat::Tsv),
        "tsv",
        "The same, separated by tabs",
    ),
    (
        RowFormat::Text(OutputFormat::Json),
        "json",
        "Array of objects",
    ),
    (
        RowFormat::Text(OutputFormat::Jsonl),
        "jsonl",
        "One object per line",
    ),
    (
        RowFormat::Text(OutputFormat::Sdf),
        "sdf",
        "Structures as they came in, with input columns and results as data items",
    ),
    (
        RowFormat::Parquet,
        "parquet",
        "Columns with their types, those of the input first; needs -o",
    ),
];

/// Endings of files that are none of ours: under such a name our output could
/// not be read.
const FOREIGN: &[&str] = &[
    "7z", "arrow", "bz2", "doc", "docx", "feather", "mol", "mol2", "numbers", "ods", "pdf", "rar",
    "rdf", "rxn", "smi", "smiles", "tar", "tgz", "xls", "xlsb", "xlsx", "xz", "zip", "zst",
];

/// The format that a file name's ending stands for. The last two, `.txt` and no ending at all,
/// name none and get CSV.
const ENDINGS: &[(&str, RowFormat)] = &[
    ("csv", RowFormat::Text(OutputFormat::Csv)),
    ("tsv", RowFormat::Text(OutputFormat::Tsv)),
    ("tab", RowFormat::Text(OutputFormat::Tsv)),
    ("json", RowFormat::Text(OutputFormat::Json)),
    ("jsonl", RowFormat::Text(OutputFormat::Jsonl)),
    ("ndjson", RowFormat::Text(OutputFormat::Jsonl)),
    ("sdf", RowFormat::Text(OutputFormat::Sdf)),
    ("sd", RowFormat::Text(OutputFormat::Sdf)),
    ("parquet", RowFormat::Parquet),
    ("txt", RowFormat::Text(OutputFormat::Csv)),
    ("", RowFormat::Text(OutputFormat::Csv)),
];

/// The format that an ending names.
fn format_of(ending: &str) -> Option<RowFormat> {
    let known = ENDINGS.iter().find(|(known, _)| *known == ending);
    known.map(|&(_, format)| format)
}

/// A file name's ending, in lower case and beneath its `.gz`; none of a name that only
/// begins with a point.
fn ending(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_start_matches('.').to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.')
        .map_or_else(String::new, |(_, ending)| ending.to_owned())
}

/// Refuses a name that promises what cannot be written.
fn writable(path: PathBuf) -> Result<PathBuf, String> {
    let ending = ending(&path);
    if FOREIGN.contains(&ending.as_str()) {
        return Err(format!(
            "cannot write .{ending}; name it .csv, .tsv, .json, .jsonl or .sdf, each also .gz, or \
             .parquet"
        ));
    }
    if ending == "parquet" && is_packed(&path) {
        return Err("Parquet is compressed within: leave out the .gz".to_owned());
    }
    Ok(path)
}

/// Where rows are written, and how.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Output format (default: by the ending of -o; csv to stdout and without an ending)
    #[arg(long, value_name = "FORMAT", value_parser = one_of(OUTPUT_FORMATS))]
    pub(crate) format: Option<RowFormat>,
    /// Output file, compressed if it ends in .gz; `-` for stdout (default: stdout)
    #[arg(
        short,
        long,
        value_name = "FILE",
        value_parser = PathBufValueParser::new().try_map(writable)
    )]
    output: Option<PathBuf>,
    #[command(flatten)]
    row_group: RowGroupArguments,
}

/// How many rows lie together in a Parquet file.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct RowGroupArguments {
    /// Rows of a row group of Parquet output, at most: smaller ones for more parts of --shard
    /// (default: 131072, or those of a Parquet input where they are smaller)
    #[arg(long, value_name = "ROWS", value_parser = row_group)]
    row_group: Option<usize>,
}

/// A row group is held in memory until it is written.
fn row_group(given: &str) -> Result<usize, String> {
    let rows = given.parse().ok();
    rows.filter(|rows| (1..=1 << 20).contains(rows))
        .ok_or_else(|| "it must be a whole number from 1 to 1048576".to_owned())
}

impl OutputArguments {
    /// A Parquet file.
    pub(crate) fn parquet(path: &Path, row_group: RowGroupArguments) -> Self {
        Self {
            format: Some(RowFormat::Parquet),
            output: Some(path.to_owned()),
            row_group,
        }
    }

    /// Rows of a row group, at most, where they were said.
    pub(crate) fn row_group(&self) -> Option<usize> {
        self.row_group.row_group
    }

    /// The file to write to; `None` is stdout.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }

    /// Refuses a folder, a file in a folder that is not there, or one under a name that
    /// does not say what is to be written, before anything that takes time.
    pub(crate) fn check_file(&self) -> Result<(), CommandError> {
        if let Some(path) = self.file() {
            self.check_name(path)?;
        }
        let Some(path) = self.file() else {
            return Ok(());
        };
        // Of a link, the folder that it points into.
        let target = regular_target(path).unwrap_or_else(|| path.to_owned());
        let folder = target.parent();
        match folder.filter(|folder| *folder != Path::new("") && !folder.is_dir()) {
            Some(folder) => Err(CommandError::NoFolder {
                path: path.to_owned(),
                folder: folder.to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn check_name(&self, path: &Path) -> Result<(), CommandError> {
        let shown = path.display();
        let refuse = |what: String| Err(CommandError::Usage(format!("{shown}: {what}")));
        if path.is_dir() || path.to_string_lossy().ends_with(std::path::is_separator) {
            let example = path.join("scored.csv");
            return refuse(format!(
                "this is a folder: name a file in it, such as {}",
                example.display()
            ));
        }
        // A pipe or a device has whatever name it has.
        if regular_target(path).is_none() {
            return Ok(());
        }
        let ending = ending(path);
        match (self.format, format_of(&ending)) {
            (None, None) => refuse(format!(
                ".{ending} names no format: name the file .csv, .tsv, .json, .jsonl or .sdf, each \
                 also .gz, or .parquet, or add --format"
            )),
            (Some(RowFormat::Parquet), _) if is_packed(path) => {
                refuse("Parquet is compressed within: leave out the .gz".to_owned())
            }
            (Some(RowFormat::Parquet), Some(RowFormat::Text(_))) if !ending.is_empty() => refuse(
                format!("this is to be Parquet, and .{ending} is something else: name it .parquet"),
            ),
            _ => Ok(()),
        }
    }

    /// A failure to write there.
    pub(crate) fn failed(&self, source: io::Error) -> CommandError {
        match self.file() {
            Some(path) => CommandError::Output {
                name: path.display().to_string(),
                source,
            },
            None => CommandError::stdout(source),
        }
    }

    /// The format to write.
    pub(crate) fn format(&self) -> RowFormat {
        let ending = self.file().map(ending).unwrap_or_default();
        let named = || format_of(&ending);
        (self.format.or_else(named)).unwrap_or(RowFormat::Text(OutputFormat::Csv))
    }

    /// The name of the format to write.
    pub(crate) fn format_name(&self) -> &'static str {
        name_of(OUTPUT_FORMATS, &self.format())
    }

    /// The format to write, of a command that writes no Parquet.
    pub(crate) fn text_format(&self) -> Result<OutputFormat, CommandError> {
        match self.format() {
            RowFormat::Text(_) if self.row_group().is_some() => Err(CommandError::Usage(
                "--row-group is of Parquet output: name a file that ends in .parquet".to_owned(),
            )),
            RowFormat::Text(_) if self.file().map(ending).as_deref() == Some("parquet") => {
                let name = self.format_name();
                Err(CommandError::Usage(format!(
                    "--format {name} under a name that ends in .parquet: nobody could read it"
                )))
            }
            RowFormat::Text(format) => Ok(format),
            RowFormat::Parquet => Err(CommandError::Usage(
                "this command writes no Parquet: name the output .csv, .tsv, .json, .jsonl or .sdf"
                    .to_owned(),
            )),
        }
    }
}

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Human-readable text
    Text,
    /// One JSON object
    Json,
}

/// How results that are no rows are printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ReportArguments {
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: ReportFormat,
    /// Earlier spelling of `--format json`
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
}

impl ReportArguments {
    pub(crate) fn format(self) -> ReportFormat {
        if self.json {
            ReportFormat::Json
        } else {
            self.format
        }
    }

    /// Writes `value` to standard output, or what `text` says of it.
    pub(crate) fn write(
        self,
        value: &impl Serialize,
        text: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> Result<(), CommandError> {
        let mut out = Vec::new();
        match self.format() {
            ReportFormat::Json => serde_json::to_writer_pretty(&mut out, value)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out)),
            ReportFormat::Text => text(&mut out),
        }
        .and_then(|()| io::stdout().lock().write_all(&out))
        .map_err(CommandError::stdout)
    }
}

const STORAGE_PRECISIONS: &Choices<Precision> = &[
    (Precision::Fp32, "fp32", "32-bit floats"),
    (Precision::Fp16, "fp16", "16-bit floats"),
    (
        Precision::Int8,
        "int8",
        "8-bit integers for matrices, 32-bit floats for vectors",
    ),
];

/// The type in which weights are written.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StorageArguments {
    /// Precision of the stored weights
    #[arg(
        long,
        value_name = "PRECISION",
        value_parser = one_of(STORAGE_PRECISIONS),
        default_value = "fp32"
    )]
    pub(crate) precision: Precision,
}
