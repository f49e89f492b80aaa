//! `delicate import`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use delicate::convert::import::{ImportOptions, Imported, import};
use delicate::device::{Device, DeviceChoice};
use delicate::model_dir::{self, Precision};

use crate::cli::{StorageArguments, whole};
use crate::error::CommandError;
use crate::files::refuse_same_file;
use crate::places::Place;

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Checkpoint: torch.save file (.pt, .pth, .ckpt, .bin), .safetensors file, or directory of
    /// save_pretrained
    pub(crate) checkpoint: PathBuf,
    /// Model directory to write
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Model name (default: name of the file)
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// SPDX expression of the weights' licence
    #[arg(long, value_name = "SPDX", default_value = "unknown")]
    pub(crate) license: String,
    /// Number of attention heads (default: from config.json, otherwise hidden size / 64)
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub(crate) heads: Option<usize>,
    /// Number of passes through the shared layer of an ALBERT (default: from config.json)
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub(crate) layers: Option<usize>,
    /// Maximum sequence length in tokens (default: rows of the position table, otherwise 128)
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub(crate) max_length: Option<usize>,
    /// Output of the fine-tuned head, in order; repeatable
    #[arg(long = "endpoint", value_name = "NAME[:UNIT]")]
    pub(crate) endpoints: Vec<String>,
    #[command(flatten)]
    storage: StorageArguments,
    /// Earlier spelling of `--precision fp16`
    #[arg(long, hide = true, conflicts_with = "precision")]
    fp16: bool,
}

impl ImportArguments {
    pub(crate) fn precision(&self) -> Precision {
        if self.fp16 {
            Precision::Fp16
        } else {
            self.storage.precision
        }
    }
}

pub(crate) fn run(arguments: &ImportArguments) -> Result<(), CommandError> {
    let options = ImportOptions {
        name: arguments.name.clone(),
        license: Some(arguments.license.clone()),
        heads: arguments.heads,
        layers: arguments.layers,
        max_length: arguments.max_length,
        endpoints: arguments
            .endpoints
            .iter()
            .map(|text| endpoint(text))
            .collect(),
    };
    Place::Checkpoint.check(&arguments.checkpoint)?;
    refuse_same_file(&arguments.checkpoint, Some(&arguments.output))?;
    // Nothing is computed: the CPU is always there.
    let device = Device::open_blocking(DeviceChoice::Cpu)?;
    let imported = import(&arguments.checkpoint, &options, &device).map_err(|source| {
        CommandError::Import {
            path: arguments.checkpoint.clone(),
            source,
        }
    })?;
    pollster::block_on(model_dir::write(
        &arguments.output,
        &imported.config,
        &imported.model,
        arguments.precision(),
        &imported.card(&arguments.checkpoint),
        None,
    ))
    .map_err(|source| CommandError::Model {
        name: arguments.output.display().to_string(),
        source,
    })?;
    print(&mut io::stdout().lock(), arguments, &imported).map_err(CommandError::stdout)
}

/// `NAME` or `NAME:UNIT`.
fn endpoint(text: &str) -> (String, String) {
    let (name, unit) = text.split_once(':').unwrap_or((text, ""));
    (name.to_owned(), unit.to_owned())
}

fn print(out: &mut impl Write, arguments: &ImportArguments, imported: &Imported) -> io::Result<()> {
    let config = &imported.config;
    let encoder = &config.encoder;
    writeln!(
        out,
        "{}: {} (preset {}), hidden size {}, {} layers or passes, {} heads, {} parameters",
        arguments.output.display(),
        config.name,
        config.preset,
        encoder.hidden_size,
        encoder.num_hidden_layers,
        encoder.num_attention_heads,
        encoder.parameters()
    )?;
    if config.masked_lm {
        writeln!(out, "token head: yes")?;
    }
    for endpoint in &config.endpoints {
        writeln!(out, "endpoint: {} [{}]", endpoint.name, endpoint.unit)?;
    }
    for skipped in &imported.skipped {
        writeln!(out, "skipped: {}: {}", skipped.name, skipped.why)?;
    }
    Ok(())
}
