//! `delicate explain`: one molecule in full.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use delicate::chemistry::Molecule;
use delicate::predict::Interval;
use delicate::predict::attribution::{ExplainError, Explanation};
use delicate::records::Structure;

use crate::cli::{
    DeviceArguments, DeviceLossNotice, ModelArguments, MoleculeArguments, ReportArguments,
};
use crate::error::CommandError;
use crate::model::{self, Task};

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// SMILES of the molecule
    pub(crate) smiles: String,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
    #[command(flatten)]
    pub(crate) molecule: MoleculeArguments,
    /// Endpoints to explain, in this order (default: all; see `delicate endpoints`)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = crate::cli::name)]
    endpoints: Vec<String>,
}

/// Atoms that are named for an endpoint.
const MOST: usize = 5;

pub(crate) fn run(arguments: &ExplainArguments) -> Result<(), CommandError> {
    let asked = &arguments.smiles;
    if Molecule::parse(asked).is_err() && Path::new(asked).is_file() {
        return Err(CommandError::Usage(format!(
            "{asked} is a file, and `delicate explain` takes one SMILES: score the file with \
             `delicate score {asked} --uncertainty`"
        )));
    }
    let device = arguments.device.open()?;
    let mut scorer = model::load(&arguments.model, Task::Score, device)?;
    if !arguments.endpoints.is_empty() {
        scorer = scorer
            .only(&arguments.endpoints)
            .map_err(|error| CommandError::Usage(error.to_string()))?;
    }
    let structure = Structure::Smiles(arguments.smiles.clone());
    let options = arguments.molecule.options();
    let explained = pollster::block_on(scorer.explain(&structure, options));
    DeviceLossNotice::default().after(&scorer);
    let explanation = explained.map_err(|error| match error {
        ExplainError::Row(error) => CommandError::Molecule(error),
        ExplainError::Stop(stop) => stop.into(),
        other => CommandError::Usage(other.to_string()),
    })?;
    (arguments.report).write(&explanation, |out| text(out, &explanation))
}

fn text(out: &mut impl Write, explanation: &Explanation) -> io::Result<()> {
    writeln!(out, "{}", explanation.smiles)?;
    if !explanation.standardization.is_unchanged() {
        writeln!(out, "({})", explanation.standardization)?;
    }
    for (index, prediction) in explanation.predictions.iter().enumerate() {
        let unit = match prediction.unit() {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        let (title, name, value) = (prediction.title(), prediction.endpoint(), prediction.value);
        writeln!(out, "\n{title} ({name}): {value:.2}{unit}")?;
        if let Some(Interval { low, high }) = prediction.interval {
            writeln!(out, "  90 % interval  {low:.2} to {high:.2}{unit}")?;
        }
        if let Some(standing) = explanation.standings.get(index).and_then(Option::as_ref) {
            writeln!(out, "  stands         {standing}")?;
        }
        if let Some(threshold) = &prediction.definition().threshold {
            writeln!(
                out,
                "  threshold      {}",
                threshold.sentence(prediction.value)
            )?;
        }
        if let Some(domain) = prediction.domain {
            let reason = prediction.domain_reason();
            let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            writeln!(out, "  domain         {domain}{reason}")?;
        }
        if let Some(nearest) = &prediction.nearest {
            let (similarity, smiles) = (nearest.similarity, &nearest.smiles);
            let measured = match nearest.measured {
                Some(value) => format!(", measured {value}{unit}"),
                None => String::new(),
            };
            writeln!(
                out,
                "  trained on     {smiles}  (similarity {similarity:.2}{measured})"
            )?;
        }
        let mut atoms: Vec<_> = explanation
            .atoms
            .iter()
            .enumerate()
            .filter_map(|(position, atom)| Some((position, atom, *atom.contributions.get(index)?)))
            .collect();
        atoms.sort_by(|(_, _, a), (_, _, b)| b.abs().total_cmp(&a.abs()));
        let named: Vec<String> = atoms
            .into_iter()
            .take(MOST)
            .map(|(position, atom, contribution)| {
                let symbol = explanation.smiles.get(atom.range.clone()).unwrap_or("?");
                format!("{symbol}{} {contribution:+.2}", position + 1)
            })
            .collect();
        // Where the unit is not that of the value, it is said.
        let unit = match explanation.units.get(index) {
            Some(unit) if unit != prediction.unit() => format!("  ({unit})"),
            _ => String::new(),
        };
        writeln!(out, "  atoms          {}{unit}", named.join(", "))?;
    }
    if explanation.predictions.iter().all(|p| p.domain.is_none()) {
        writeln!(
            out,
            "\nIntervals and applicability domain are not available for this model: too few \
             molecules were held out."
        )?;
    }
    Ok(())
}
