//! `delicate import`.

use std::io::{self, Write};

use delicate::convert::import::{ImportOptions, Imported, import};
use delicate::device::{Device, DeviceChoice};
use delicate::model_dir::{self, Precision};

use crate::arguments::ImportArguments;
use crate::error::CommandError;

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
    // Nothing is computed: the CPU is always there.
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu))?;
    let imported = import(&arguments.checkpoint, &options, &device).map_err(|source| {
        CommandError::Import {
            path: arguments.checkpoint.clone(),
            source,
        }
    })?;
    let precision = if arguments.fp16 {
        Precision::Fp16
    } else {
        Precision::Fp32
    };
    pollster::block_on(model_dir::write(
        &arguments.output,
        &imported.config,
        &imported.model,
        precision,
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
        writeln!(out, "left out: {}: {}", skipped.name, skipped.why)?;
    }
    Ok(())
}
