//! `delicate index`: what a library is compared by, kept in a file.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use delicate::predict::{Progress, StandardForm};
use delicate::records::{Row, RowError};
use delicate::screening::index::{ABOUT, About, Packed};
use delicate::screening::{Similarity, features};

use super::screen::SIMILARITIES;
use crate::cli::{
    DeviceLossArguments, DeviceLossNotice, InputArguments, ModelArguments, MoleculeArguments,
    OutputArguments, RowGroupArguments, ScoringArguments, ShardArguments, name_of, one_of,
};
use crate::error::CommandError;
use crate::files::refuse_model_file;
use crate::model::{self, Asked, Task};
use crate::rows::{self, Computed, OnError, RowCommand, add_setting};

#[derive(Debug, Args)]
pub(crate) struct IndexArguments {
    /// Molecules: .smi, .csv, .tsv, .sdf or .xlsx, optionally .gz, .zst or .zip, or .parquet; `-`
    /// for stdin
    library: PathBuf,
    /// Index to write: a Parquet file of the library's columns and what it is compared by
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What it can be searched by
    #[arg(
        long,
        value_name = "MEASURE",
        value_parser = one_of(SIMILARITIES),
        default_value = "both"
    )]
    by: Similarity,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    compute: ScoringArguments,
    #[command(flatten)]
    device_loss: DeviceLossArguments,
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    row_group: RowGroupArguments,
    #[command(flatten)]
    shard: ShardArguments,
    #[command(flatten)]
    molecule: MoleculeArguments,
    /// Go on with the index of the same command that was killed or interrupted; the result is
    /// bit-identical
    #[arg(long)]
    resume: bool,
    /// Print no progress and no summary; what was guessed, left out or went wrong is still said
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(arguments: &IndexArguments) -> Result<(), CommandError> {
    let output = OutputArguments::parquet(&arguments.output, arguments.row_group);
    let mut command = RowCommand::begin(
        &arguments.library,
        &output,
        arguments.resume,
        OnError::Skip,
        arguments.quiet,
    )?;
    if let Some(model) = &arguments.model.model {
        refuse_model_file(model, output.file())?;
    }
    let input = command.input(&arguments.input.options(), arguments.shard)?;
    let options = arguments.molecule.options();
    // Fingerprints need neither: a machine without a usable device will do.
    let scorer = match arguments.by.needs_embeddings() {
        true => {
            let device = arguments.compute.open()?;
            let loaded =
                model::load_with_digest(&arguments.model, Task::Embed, device, Asked::Values)?;
            let (scorer, digest) = loaded;
            let scorer = scorer.on_device_lost(arguments.device_loss.on_device_lost);
            Some((arguments.compute.apply(scorer)?, digest))
        }
        false => None,
    };
    let about = match &scorer {
        Some((scorer, digest)) => About::of_model(arguments.by, scorer, digest, options.keep),
        None => About::new(arguments.by, None, StandardForm::Parent, options.keep),
    };
    let layout = rows::parquet_layout(&input, about.features());
    let about = about.of(layout.header());
    let mut settings = rows::settings(
        "index",
        &output,
        &input,
        &arguments.input,
        arguments.shard,
        arguments.molecule,
    )?;
    let by = name_of(SIMILARITIES, &arguments.by);
    add_setting(&mut settings, "by", Ok(by.into()))?;
    if let Some((scorer, digest)) = &scorer {
        let device = scorer.device();
        for (name, value) in [
            ("model", digest.as_str()),
            ("device", device.name()),
            ("precision", arguments.compute.name(device)),
        ] {
            add_setting(&mut settings, name, Ok(value.into()))?;
        }
    }
    let text = serde_json::to_string(&about);
    command.says(
        ABOUT,
        text.map_err(|error| CommandError::Usage(error.to_string()))?,
    );

    let device_loss = DeviceLossNotice::default();
    let compute = |rows: &[Row], on_progress: &dyn Fn(usize) -> ControlFlow<()>| {
        let (mut embeddings, mut standardizations, mut stop) = (Vec::new(), None, None);
        if let Some((scorer, _)) = &scorer {
            let on_batch = async |progress: Progress| on_progress(progress.done);
            let outcomes = pollster::block_on(scorer.embed(rows, options, on_batch));
            device_loss.after(scorer);
            embeddings = outcomes.rows;
            standardizations = Some(outcomes.standardizations);
            stop = outcomes.stop;
        }
        let all = features(rows, embeddings, arguments.by, options.keep);
        let packed = all
            .into_iter()
            .map(|row| row.map(|row| row.map(|features| Packed::from(&features))));
        Computed {
            rows: packed.collect::<Vec<Option<Result<Packed, RowError>>>>(),
            standardizations: standardizations.unwrap_or_else(|| {
                let done = delicate::predict::standardize_all(rows, options.keep);
                done.into_iter().map(Result::ok).collect()
            }),
            stop,
        }
    };
    let place = || match &scorer {
        Some((scorer, _)) => model::place(scorer),
        None => String::new(),
    };
    command.run(input, settings, about.features(), compute, place)
}
