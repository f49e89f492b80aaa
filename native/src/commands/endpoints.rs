//! `delicate endpoints`: what a model predicts.

use std::io::{self, Write};

use clap::Args;
use delicate::model::Endpoint;

use crate::cli::{ModelArguments, ReportArguments};
use crate::error::CommandError;
use crate::model;

#[derive(Debug, Args)]
pub(crate) struct EndpointsArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
}

pub(crate) fn run(arguments: &EndpointsArguments) -> Result<(), CommandError> {
    let mut endpoints = model::config(&arguments.model)?.endpoints;
    // A hundred numbers each, which say nothing of what the endpoint is.
    for endpoint in &mut endpoints {
        endpoint.quantiles.clear();
    }
    (arguments.report).write(&endpoints, |out| text(out, &endpoints))
}

/// One line an endpoint, under the name of its group.
fn text(out: &mut impl Write, endpoints: &[Endpoint]) -> io::Result<()> {
    let widest = |of: &dyn Fn(&Endpoint) -> usize| endpoints.iter().map(of).max().unwrap_or(0);
    let name = widest(&|e| e.name.chars().count());
    let unit = widest(&|e| unit_of(e).chars().count());
    let mut group = "";
    for endpoint in endpoints {
        if endpoint.group != group {
            group = &endpoint.group;
            writeln!(out, "{group}:")?;
        }
        writeln!(
            out,
            "  {:name$}  {:unit$}  {}: {}{}",
            endpoint.name,
            unit_of(endpoint),
            endpoint.title,
            endpoint.description,
            meaning(endpoint),
        )?;
    }
    Ok(())
}

/// What high and low values are, and what divides them, with a blank before.
fn meaning(endpoint: &Endpoint) -> String {
    let mut text = String::new();
    if !endpoint.higher.is_empty() {
        text = format!(" Higher: {}; lower: {}.", endpoint.higher, endpoint.lower);
    }
    if let Some(threshold) = &endpoint.threshold {
        let (value, unit) = (threshold.value, unit_of(endpoint));
        let unit = if unit == "number" { "" } else { unit };
        text += &format!(
            " From {} on: {}; below: {} ({}).",
            format!("{value} {unit}").trim_end(),
            threshold.above,
            threshold.below,
            threshold.source
        );
    }
    text
}

/// The unit of an endpoint's values.
fn unit_of(endpoint: &Endpoint) -> &str {
    match endpoint.value_unit() {
        "" => "number",
        unit => unit,
    }
}
