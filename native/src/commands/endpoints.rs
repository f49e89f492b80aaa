//! `delicate endpoints`: what a model predicts.

use std::io::{self, Write};

use clap::Args;
use delicate::model::{Endpoint, EndpointTask};

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
    let endpoints = model::config(&arguments.model)?.endpoints;
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
            "  {:name$}  {:unit$}  {}: {}",
            endpoint.name,
            unit_of(endpoint),
            endpoint.title,
            endpoint.description,
        )?;
    }
    Ok(())
}

/// The unit of an endpoint's values.
fn unit_of(endpoint: &Endpoint) -> &str {
    match (endpoint.task, endpoint.unit.as_str()) {
        (EndpointTask::Classification, _) => "probability",
        (EndpointTask::Regression, "") => "number",
        (EndpointTask::Regression, unit) => unit,
    }
}
