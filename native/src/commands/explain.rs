//! `delicate explain`: one molecule in full.

use std::io::{self, Write};

use delicate::device::Device;
use delicate::model::Endpoint;
use delicate::predict::attribution::{ExplainError, Explanation};
use delicate::predict::{Options, Task};
use delicate::records::Structure;

use crate::arguments::{ExplainArguments, ReportFormatName};
use crate::error::CommandError;
use crate::score;

/// Atoms that are named for an endpoint.
const MOST: usize = 5;

pub(crate) fn run(arguments: &ExplainArguments) -> Result<(), CommandError> {
    let device = pollster::block_on(Device::open(arguments.device.into()))?;
    let scorer = score::load(arguments.model.as_deref(), Task::Score, device)?;
    let structure = Structure::Smiles(arguments.smiles.clone());
    let options = Options {
        largest_fragment: !arguments.keep_salts,
        ..Options::default()
    };
    let explained = pollster::block_on(scorer.explain(&structure, options));
    let explanation = explained.map_err(|error| match error {
        ExplainError::Row(error) => CommandError::Molecule(error),
        ExplainError::Stop(stop) => stop.into(),
    })?;
    let endpoints = &scorer.config().endpoints;
    let mut out = io::stdout().lock();
    match arguments.format {
        ReportFormatName::Json => {
            serde_json::to_writer_pretty(&mut out, &json(&explanation, endpoints))
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
        }
        ReportFormatName::Text => text(&mut out, &explanation, endpoints),
    }
    .map_err(CommandError::stdout)
}

fn json(explanation: &Explanation, endpoints: &[Endpoint]) -> serde_json::Value {
    let mut value = serde_json::json!(explanation);
    if let Some(object) = value.as_object_mut() {
        let named = endpoints
            .iter()
            .map(|endpoint| serde_json::json!({ "name": endpoint.name, "unit": endpoint.unit }));
        object.insert("endpoints".to_owned(), named.collect());
    }
    value
}

fn text(out: &mut impl Write, explanation: &Explanation, endpoints: &[Endpoint]) -> io::Result<()> {
    writeln!(out, "{}", explanation.smiles)?;
    for (index, endpoint) in endpoints.iter().enumerate() {
        let Some(value) = explanation.values.get(index) else {
            continue;
        };
        let unit = match endpoint.unit.as_str() {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        writeln!(
            out,
            "\n{} ({}): {value:.2}{unit}",
            endpoint.title, endpoint.name
        )?;
        let assessment = explanation
            .assessments
            .as_ref()
            .and_then(|all| all.get(index));
        if let Some(assessment) = assessment {
            if let Some(width) = assessment.half_width {
                let (low, high) = (value - width, value + width);
                writeln!(out, "  90 % interval  {low:.2} to {high:.2}{unit}")?;
            }
            if let Some(domain) = assessment.domain {
                writeln!(out, "  domain         {}", domain.name())?;
            }
            if let Some(nearest) = &assessment.nearest {
                let (similarity, smiles) = (nearest.similarity, &nearest.smiles);
                writeln!(
                    out,
                    "  trained on     {smiles}  (similarity {similarity:.2})"
                )?;
            }
        }
        let mut atoms: Vec<_> = explanation
            .atoms
            .iter()
            .enumerate()
            .filter_map(|(place, atom)| Some((place, atom, *atom.contributions.get(index)?)))
            .collect();
        atoms.sort_by(|(_, _, a), (_, _, b)| b.abs().total_cmp(&a.abs()));
        let named: Vec<String> = atoms
            .into_iter()
            .take(MOST)
            .map(|(place, atom, share)| {
                let symbol = explanation.smiles.get(atom.range.clone()).unwrap_or("?");
                format!("{symbol}{} {share:+.2}", place + 1)
            })
            .collect();
        writeln!(out, "  atoms          {}", named.join(", "))?;
    }
    if explanation.assessments.is_none() {
        writeln!(
            out,
            "\nThe model does not know its domain: no interval, no neighbours."
        )?;
    }
    Ok(())
}
