//! `delicate export`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use delicate::convert::export::{self, MOLECULES, QuantizationError};
use delicate::model_dir::{self, CARD, ModelDirError, ModelFiles, Precision, WEIGHTS};
use delicate::predict::Scorer;
use delicate::records::{ReadOptions, Structure};

use crate::cli::{DeviceArguments, StorageArguments};
use crate::error::CommandError;
use crate::files::{RowFile, Sink, refuse_model_file, refuse_same_file};
use crate::places::Place;

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Model directory
    pub(crate) model: PathBuf,
    /// Model directory to write, or file with --onnx
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) storage: StorageArguments,
    /// Drop what only training needs: token, descriptor and structure heads, and the embedding of
    /// a model with endpoints
    #[arg(long, alias = "lean")]
    pub(crate) inference_only: bool,
    /// Write an ONNX file (fp32) instead of a model directory
    #[arg(long, conflicts_with_all = ["precision", "data"])]
    pub(crate) onnx: bool,
    /// Molecules to compare on, in any format of `score` (default: 60 built-in ones)
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
}

pub(crate) fn run(arguments: &ExportArguments) -> Result<(), CommandError> {
    let model_error = |path: &Path| {
        let name = path.display().to_string();
        move |source: ModelDirError| CommandError::Model { name, source }
    };
    let (from, to) = (arguments.model.as_path(), arguments.output.as_path());
    // What is read must not be overwritten while it is compared with.
    refuse_same_file(from, Some(to))?;
    refuse_model_file(from, Some(to))?;
    if let Some(data) = &arguments.data {
        refuse_same_file(data, Some(to))?;
    }
    Place::Model.check(from)?;
    let structures = structures(arguments.data.as_deref())?;
    let device = arguments.device.open()?;
    let files = ModelFiles::read(from).map_err(model_error(from))?;
    let (mut config, mut model) = files.build(&device).map_err(model_error(from))?;
    if arguments.inference_only {
        (config, model) = export::inference_only(config, model);
    }
    let mut out = io::stdout().lock();
    if arguments.onnx {
        let bytes = pollster::block_on(export::onnx(&config, &model)).map_err(|source| {
            CommandError::Export {
                path: from.to_owned(),
                source,
            }
        })?;
        let mut sink = Sink::open(Some(to))?;
        sink.write_all(&bytes)
            .and_then(|()| sink.complete())
            .map_err(|source| CommandError::Output {
                name: to.display().to_string(),
                source,
            })?;
        let has_gaussian_processes = (files.applicability(&config))
            .map_err(|error| model_error(from)(error.into()))?
            .is_some_and(|known| known.has_gaussian_processes());
        let note = match has_gaussian_processes {
            true => ", network only: its predictions leave out the Gaussian processes",
            false => "",
        };
        let size = bytes_text(bytes.len() as u64);
        return writeln!(out, "{}: {size}{note}", to.display()).map_err(CommandError::stdout);
    }
    let precision = arguments.storage.precision;
    let card = card(from, precision);
    let domain = files.domain.as_deref();
    let written = model_dir::write(to, &config, &model, precision, &card, domain);
    pollster::block_on(written).map_err(model_error(to))?;
    // From the files, so that what is compared is what others will read.
    let written = ModelFiles::read(to).map_err(model_error(to))?;
    let other = Scorer::load(&written, device.clone()).map_err(model_error(to))?;
    // Weights are compared, and nothing that comes beside them.
    let other = other.without_gaussian_processes();
    let reference = Scorer::new(config, model, device);
    let quantization_errors =
        pollster::block_on(export::quantization_errors(&reference, &other, &structures))?;
    print(&mut out, arguments, precision, &quantization_errors).map_err(CommandError::stdout)
}

/// The molecules to compare on. Rows that cannot be read are left out: they
/// say nothing about the weights.
fn structures(data: Option<&Path>) -> Result<Vec<Structure>, CommandError> {
    let Some(path) = data else {
        return Ok(MOLECULES.iter().map(|&smiles| smiles.into()).collect());
    };
    RowFile::open(path, &ReadOptions::default())?
        .filter_map(|row| row.map(|row| row.molecule.ok()).transpose())
        .collect()
}

fn card(from: &Path, precision: Precision) -> String {
    let mut card = std::fs::read_to_string(from.join(CARD)).unwrap_or_default();
    if !card.is_empty() && !card.ends_with('\n') {
        card.push('\n');
    }
    card + &format!(
        "\n## Weights\n\nWritten by `delicate export` in {}.\n",
        precision.name()
    )
}

fn print(
    out: &mut impl Write,
    arguments: &ExportArguments,
    precision: Precision,
    quantization_errors: &[QuantizationError],
) -> io::Result<()> {
    let size = |directory: &Path| {
        std::fs::metadata(directory.join(WEIGHTS)).map(|metadata| metadata.len())
    };
    let (before, after) = (size(&arguments.model)?, size(&arguments.output)?);
    writeln!(
        out,
        "{}: {}, {}, {:.0} % of the source's {}",
        arguments.output.display(),
        precision.name(),
        bytes_text(after),
        100.0 * after as f64 / before.max(1) as f64,
        bytes_text(before)
    )?;
    writeln!(
        out,
        "\n| Output | Unit | Molecules | Largest difference | Mean difference |\n|---|---|---|---|---|"
    )?;
    for loss in quantization_errors {
        if loss.molecules == 0 {
            writeln!(
                out,
                "| {} | {} | 0 | not compared | |",
                loss.name, loss.unit
            )?;
            continue;
        }
        writeln!(
            out,
            "| {} | {} | {} | {:.2e} | {:.2e} |",
            loss.name, loss.unit, loss.molecules, loss.largest, loss.mean
        )?;
    }
    Ok(())
}

fn bytes_text(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
