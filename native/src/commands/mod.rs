//! One module a command, with its arguments.

mod bench;
mod data;
mod describe;
mod doctor;
mod endpoints;
mod evaluate;
mod explain;
mod export;
mod finetune;
mod import;
mod index;
mod mcp;
mod properties;
mod reference;
mod report;
mod score;
mod screen;
mod standardize;
mod stdio;
mod train;

use std::io::{self, Write};

use clap::Subcommand;

#[cfg(test)]
pub(crate) use score::RowArguments;

use crate::error::CommandError;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Predict every endpoint of the model for each molecule of a file
    #[command(visible_alias = "predict")]
    Score(score::ScoreArguments),
    /// Explain one molecule: values, intervals, domain, nearest training molecule, atoms
    Explain(explain::ExplainArguments),
    /// Write the embedding of each molecule; compare embeddings by cosine similarity
    Embed(score::RowArguments),
    /// Rank a library by similarity to known actives, or benchmark the ranking
    Screen(screen::ScreenArguments),
    /// Keep what a library is compared by, for `screen --index`
    Index(index::IndexArguments),
    /// Write the standard form of each molecule, and what was done to it
    Standardize(crate::rows::MoleculeRowsArguments),
    /// Write properties of each molecule: size, polarity, rule of five, drug-likeness, alerts
    Properties(crate::rows::MoleculeRowsArguments),
    /// List what a model predicts: names, units, meaning and data
    Endpoints(endpoints::EndpointsArguments),
    /// Write words for a model's endpoints into it: titles, directions, thresholds
    Describe(describe::DescribeArguments),
    /// Make the predictions for some molecules what a model's percentiles are among
    Reference(reference::ReferenceArguments),
    /// Pre-train an encoder on a corpus of molecules
    Pretrain(train::PretrainArguments),
    /// Distill a large model into a small one, on a corpus or on tables
    Distill(train::DistillArguments),
    /// Fine-tune an encoder on your own table of labels, or by a configuration
    Finetune(finetune::FinetuneArguments),
    /// Resume a run of pretrain, distill or finetune where it stopped
    ///
    /// The run directory holds all that is needed. On the CPU the result is bit-identical
    /// to that of an uninterrupted run.
    Resume(train::ResumeArguments),
    /// Evaluate a fine-tuning run, or a model on a table, with confidence intervals
    Evaluate(evaluate::EvaluateArguments),
    /// Write report.html for a run: curves, parity, ROC, calibration, baseline
    Report(report::ReportArguments),
    /// Download and verify public data sets
    Data(data::DataArguments),
    /// Measure speed and size of models
    Bench(bench::BenchArguments),
    /// Import a checkpoint of MolBERT, PSMolBERT or Hugging Face as a model directory
    Import(import::ImportArguments),
    /// Export a model in another precision or as ONNX, and report the loss of accuracy
    Export(export::ExportArguments),
    /// Serve the model to an assistant as tools, by the Model Context Protocol over stdin and stdout
    Mcp(mcp::McpArguments),
    /// Show the adapters of this machine and the selected device
    Doctor(doctor::DoctorArguments),
    /// Generate shell completions
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether it trains a model, or measures training.
    pub(crate) fn trains(&self) -> bool {
        matches!(
            self,
            Self::Pretrain(_)
                | Self::Distill(_)
                | Self::Finetune(_)
                | Self::Resume(_)
                | Self::Bench(_)
        )
    }

    /// Runs the command; `parser` is that of the whole command line.
    pub(crate) fn run(&self, parser: clap::Command) -> Result<(), CommandError> {
        match self {
            Self::Score(arguments) => score::score(arguments),
            Self::Explain(arguments) => explain::run(arguments),
            Self::Embed(arguments) => score::embed(arguments),
            Self::Screen(arguments) => screen::run(arguments),
            Self::Index(arguments) => index::run(arguments),
            Self::Standardize(arguments) => standardize::run(arguments),
            Self::Endpoints(arguments) => endpoints::run(arguments),
            Self::Properties(arguments) => properties::run(arguments),
            Self::Reference(arguments) => reference::run(arguments),
            Self::Describe(arguments) => describe::run(arguments),
            Self::Pretrain(arguments) => train::pretrain(arguments),
            Self::Distill(arguments) => train::distill(arguments),
            Self::Finetune(arguments) => finetune::run(arguments),
            Self::Resume(arguments) => train::resume(arguments),
            Self::Evaluate(arguments) => evaluate::run(arguments),
            Self::Report(arguments) => report::run(arguments),
            Self::Data(arguments) => data::run(arguments),
            Self::Bench(arguments) => bench::run(arguments),
            Self::Import(arguments) => import::run(arguments),
            Self::Export(arguments) => export::run(arguments),
            Self::Mcp(arguments) => mcp::run(arguments),
            Self::Doctor(arguments) => doctor::run(arguments),
            Self::Completions { shell } => completions(*shell, parser),
        }
    }
}

fn completions(shell: clap_complete::Shell, mut parser: clap::Command) -> Result<(), CommandError> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut parser, "delicate", &mut script);
    io::stdout()
        .write_all(&script)
        .map_err(CommandError::stdout)
}
