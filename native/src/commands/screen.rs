//! `delicate screen`.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use delicate::chemistry::Keep;
use delicate::predict::{PredictOptions, Progress, Scorer, StandardForm, Stop, standardize};
use delicate::records::{
    Columns, Header, MoleculeSource, Output, OutputFormat, ReadOptions, Row, RowError, Structure,
    Writer,
};
use delicate::screening::index::{About, Index};
use delicate::screening::{
    self, Aggregate, Benchmark, BenchmarkResult, Features, Similarity, TargetResult, Top,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::{
    Choices, DeviceLossNotice, InputArguments, ModelArguments, MoleculeArguments, OutputArguments,
    ReportFormat, RowFormat, ScoringArguments, name_of, one_of,
};
use crate::error::CommandError;
use crate::files::{RowFile, Sink, refuse_model_file, refuse_same_file, say_written};
use crate::interrupt::Interrupt;
use crate::messages::say;
use crate::model::{self, Asked, Task};
use crate::places::Place;
use crate::progress;

pub(super) const SIMILARITIES: &Choices<Similarity> = &[
    (
        Similarity::Embedding,
        "embedding",
        "Cosine similarity of the model's embeddings, -1 to 1",
    ),
    (
        Similarity::Fingerprint,
        "ecfp",
        "Tanimoto similarity of ECFP4 fingerprints, 0 to 1; needs no model",
    ),
    (
        Similarity::Weighted,
        "rarity",
        "Cosine of ECFP4 fingerprints, each bit weighted by its rarity among drug-like \
         molecules, 0 to 1; needs no model",
    ),
    (
        Similarity::Fused,
        "both",
        "Mean of embedding, scaled to 0 to 1, and rarity",
    ),
];

const AGGREGATES: &Choices<Aggregate> = &[
    (Aggregate::Max, "max", "Similarity to the nearest query"),
    (Aggregate::Mean, "mean", "Mean similarity to all queries"),
];

#[derive(Debug, Args)]
pub(crate) struct ScreenArguments {
    /// Molecules to rank: .smi, .csv, .tsv, .sdf or .xlsx, optionally .gz, .zst or .zip, or
    /// .parquet; `-` for stdin
    #[arg(required_unless_present_any = ["benchmark", "index"], requires = "queries")]
    pub(crate) library: Option<PathBuf>,
    /// Search what `delicate index` made of a library, in place of a library; several files are
    /// one library
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        requires = "queries",
        conflicts_with_all = ["library", "benchmark", "smiles_column", "input_format"]
    )]
    pub(crate) index: Vec<PathBuf>,
    /// Known actives, in any format of LIBRARY
    #[arg(long, value_name = "FILE", required_unless_present = "benchmark")]
    pub(crate) queries: Option<PathBuf>,
    /// Similarity measure
    #[arg(
        long,
        value_name = "MEASURE",
        value_parser = one_of(SIMILARITIES),
        default_value = "both"
    )]
    pub(crate) by: Similarity,
    /// How similarities to several queries are combined
    #[arg(
        long,
        value_name = "HOW",
        value_parser = one_of(AGGREGATES),
        default_value = "mean"
    )]
    pub(crate) aggregate: Aggregate,
    /// Number of best molecules to write
    #[arg(
        long,
        value_name = "N",
        default_value = "100",
        value_parser = crate::cli::count,
        conflicts_with = "benchmark"
    )]
    pub(crate) top: NonZeroUsize,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) compute: ScoringArguments,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// SMILES column of the queries (default: detected by name or content)
    #[arg(long, value_name = "NAME", conflicts_with = "benchmark")]
    pub(crate) query_column: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) molecule: MoleculeArguments,
    /// Measure AUROC and BEDROC per target on the benchmark in DIR instead;
    /// prints a table, or JSON with --format json
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["library", "queries", "smiles_column", "input_format", "output"]
    )]
    pub(crate) benchmark: Option<PathBuf>,
    /// Benchmark targets (default: all)
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        requires = "benchmark",
        conflicts_with = "library"
    )]
    pub(crate) targets: Vec<String>,
    /// Earlier spelling of `--format json` with --benchmark
    #[arg(
        long,
        hide = true,
        requires = "benchmark",
        conflicts_with_all = ["library", "format"]
    )]
    json: bool,
    /// Print no progress and no summary; what was guessed, left out or went wrong is still said
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl ScreenArguments {
    /// How the results of a benchmark are printed.
    pub(crate) fn benchmark_format(&self) -> Result<ReportFormat, CommandError> {
        match self.output.format {
            None if self.json => Ok(ReportFormat::Json),
            None => Ok(ReportFormat::Text),
            Some(RowFormat::Text(OutputFormat::Json)) => Ok(ReportFormat::Json),
            Some(_) => Err(CommandError::Usage(
                "--benchmark prints a table, or JSON with --format json".to_owned(),
            )),
        }
    }
}

pub(crate) fn run(arguments: &ScreenArguments) -> Result<(), CommandError> {
    match (&arguments.benchmark, &arguments.library, &arguments.queries) {
        (Some(directory), ..) => benchmark(arguments, directory),
        (None, _, Some(queries)) if !arguments.index.is_empty() => search(arguments, queries),
        (None, Some(library), Some(queries)) => screen(arguments, library, queries),
        // The parser lets nothing else through.
        _ => Err(CommandError::Usage(
            "pass a library and --queries, or --benchmark".to_owned(),
        )),
    }
}

/// Gives molecules what they are compared by.
struct Featurizer {
    by: Similarity,
    options: PredictOptions,
    /// Where embeddings are needed.
    scorer: Option<Scorer>,
    /// What tells its model from others.
    digest: String,
    device_loss: DeviceLossNotice,
    bar: ProgressBar,
    interrupt: Interrupt,
}

/// One entry a row, `None` where the run ended before it, and why it did.
type Featured = (Vec<Option<Result<Features, RowError>>>, Option<Stop>);

impl Featurizer {
    fn new(arguments: &ScreenArguments) -> Result<Self, CommandError> {
        let interrupt = Interrupt::listen();
        let by = arguments.by;
        let mut digest = String::new();
        // Fingerprints need neither: a machine without a usable device will do.
        let scorer = if by.needs_embeddings() {
            let device = arguments.compute.open()?;
            let scorer;
            (scorer, digest) =
                model::load_with_digest(&arguments.model, Task::Embed, device, Asked::Values)?;
            // What a benchmark reports is that of the reference, unless told otherwise.
            match arguments.benchmark.is_some() && arguments.compute.asked().is_none() {
                true => Some(scorer),
                false => Some(arguments.compute.apply(scorer)?),
            }
        } else {
            None
        };
        Ok(Self {
            by,
            options: arguments.molecule.options(),
            scorer,
            digest,
            device_loss: DeviceLossNotice::default(),
            bar: progress::rows(arguments.quiet),
            interrupt,
        })
    }

    /// What an index is to be of that they are compared with.
    fn about(&self) -> About {
        let keep = self.options.keep;
        match &self.scorer {
            Some(scorer) => About::of_model(self.by, scorer, &self.digest, keep),
            None => About::new(self.by, None, StandardForm::Parent, keep),
        }
    }

    /// The features of `molecules`, which come after `before` others.
    fn features<M: MoleculeSource>(&self, molecules: &[M], before: u64) -> Featured {
        let mut embeddings = Vec::new();
        let mut stop = None;
        if let Some(scorer) = &self.scorer {
            let run = scorer.embed(molecules, self.options, async |progress: Progress| {
                self.bar.set_position(before + progress.done as u64);
                if self.interrupt.is_raised() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            let results = pollster::block_on(run);
            self.device_loss.after(scorer);
            stop = results.stop;
            embeddings = results.rows;
        }
        let rows = screening::features(molecules, embeddings, self.by, self.options.keep);
        self.bar.set_position(before + molecules.len() as u64);
        (rows, stop)
    }
}

fn screen(arguments: &ScreenArguments, library: &Path, queries: &Path) -> Result<(), CommandError> {
    let started = Instant::now();
    let stdin = Path::new("-");
    if library == stdin && queries == stdin {
        let message = "only one of the library and the queries can be stdin";
        return Err(CommandError::Usage(message.to_owned()));
    }
    arguments.output.check_file()?;
    let format = arguments.output.text_format()?;
    for input in [library, queries] {
        Place::Molecules.check(input)?;
        refuse_same_file(input, arguments.output.file())?;
    }
    if let Some(model) = &arguments.model.model {
        refuse_model_file(model, arguments.output.file())?;
    }
    let mut input = RowFile::open(library, &arguments.input.options())?;
    let header = input.header().clone();

    let featurizer = Featurizer::new(arguments)?;
    let queries = read_queries(&featurizer, queries, arguments.query_column.clone())?;
    // Before the work, so that a place that cannot be written costs nothing.
    let sink = Sink::open(arguments.output.file())?;

    let (mut rows, mut failed) = (0u64, 0u64);
    let mut first_failure = None;
    let mut top = Top::new(arguments.top.get());
    let mut end = None;
    // Nothing is written yet: a first Ctrl-C must always come back to us.
    featurizer.interrupt.busy(true);
    while end.is_none() {
        let chunk = input.chunk();
        let (results, stop) = featurizer.features(&chunk.rows, rows);
        for (row, features) in chunk.rows.into_iter().zip(results) {
            let Some(features) = features else { continue };
            rows += 1;
            match features {
                Ok(features) => {
                    let (by, aggregate) = (featurizer.by, arguments.aggregate);
                    let compared = features.compare(&queries.features, by, aggregate);
                    let nearest = compared.map_or(0, |compared| compared.nearest);
                    top.offer(compared.map(|compared| compared.score), (row, nearest));
                }
                Err(error) => {
                    failed += 1;
                    first_failure.get_or_insert((row.line, error));
                }
            }
        }
        end = match (stop, chunk.fault) {
            (Some(Stop::Cancelled), _) => Some(End::Interrupted),
            (Some(stop), _) => Some(End::Failed(stop.into())),
            _ if featurizer.interrupt.is_raised() => Some(End::Interrupted),
            (None, Some(fault)) => Some(End::Failed(fault)),
            (None, None) => chunk.is_last.then_some(End::Complete),
        };
    }
    featurizer.bar.finish_and_clear();

    let output = |source| arguments.output.failed(source);
    let mut writer = Writer::new(sink, format, &header, Columns::Similarity).map_err(output)?;
    for hit in top.into_sorted() {
        let (row, nearest) = &hit.item;
        let standardization = standardize(row, featurizer.options.keep).ok();
        let similarity = Output::Similarity {
            value: hit.score as f32,
            nearest: queries.names.get(*nearest).map_or("", String::as_str),
        };
        writer
            .write(row, standardization.as_ref(), Ok(similarity))
            .map_err(output)?;
    }
    say_written(&writer, arguments.output.file());
    let sink = writer.finish().map_err(output)?;
    let aside = match end {
        Some(End::Complete) | None => sink.complete().map(|()| None),
        // What a part of a library gives does not replace what a whole one gave.
        Some(End::Interrupted | End::Failed(_)) => sink.set_aside(),
    };
    if let Some(aside) = aside.map_err(output)? {
        say!("the output so far is in {}", aside.display());
    }

    // Unlike a scored file, the hits do not show what is missing.
    if let Some((line, error)) = first_failure {
        say!(
            "{}: {failed} of {rows} rows skipped; first: line {line}: {}",
            library.display(),
            error.message
        );
    }
    if !arguments.quiet {
        let seconds = started.elapsed().as_secs_f64();
        let device = featurizer.scorer.as_ref();
        let device = device.map_or(String::new(), model::place);
        say!(
            "{rows} rows against {}, {seconds:.1} s ({:.0} rows/s){device}",
            counted(queries.features.len()),
            rows as f64 / seconds.max(1e-9),
        );
    }
    match end {
        Some(End::Failed(error)) => Err(error),
        Some(End::Interrupted) => Err(CommandError::ScreenInterrupted(format!(
            "the output holds the best of the first {rows} rows"
        ))),
        Some(End::Complete) | None => Ok(()),
    }
}

/// Ranks what is kept of a library.
fn search(arguments: &ScreenArguments, queries: &Path) -> Result<(), CommandError> {
    let started = Instant::now();
    arguments.output.check_file()?;
    let format = arguments.output.text_format()?;
    for input in arguments
        .index
        .iter()
        .map(PathBuf::as_path)
        .chain([queries])
    {
        refuse_same_file(input, arguments.output.file())?;
    }
    if let Some(model) = &arguments.model.model {
        refuse_model_file(model, arguments.output.file())?;
    }
    Place::Molecules.check(queries)?;
    for path in &arguments.index {
        Place::Index.check(path)?;
    }
    let index = Index::open(&arguments.index)?;
    let featurizer = Featurizer::new(arguments)?;
    index.check(&featurizer.about(), arguments.by)?;
    let queries = read_queries(&featurizer, queries, arguments.query_column.clone())?;
    let sink = Sink::open(arguments.output.file())?;

    let interrupt = featurizer.interrupt;
    interrupt.busy(true);
    let bar = &featurizer.bar;
    bar.set_position(0);
    let on_rows = |rows| {
        bar.inc(rows);
        match interrupt.is_raised() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let (by, aggregate, top) = (arguments.by, arguments.aggregate, arguments.top.get());
    let found = index.search(&queries.features, by, aggregate, top, on_rows);
    bar.finish_and_clear();
    let found = match found {
        Err(error) if error.is_cancelled() => {
            let message = "nothing is written: the best of a library are known at its end";
            return Err(CommandError::ScreenInterrupted(message.to_owned()));
        }
        found => found?,
    };
    let places: Vec<u64> = found.hits.iter().map(|hit| hit.place).collect();
    let rows = index.rows_at(&places)?;

    let output = |source| arguments.output.failed(source);
    let writer = Writer::new(sink, format, index.header(), Columns::Similarity);
    let mut writer = writer.map_err(output)?;
    for (hit, row) in found.hits.iter().zip(&rows) {
        let standardization = standardize(row, featurizer.options.keep).ok();
        let similarity = Output::Similarity {
            value: hit.score as f32,
            nearest: queries.names.get(hit.item).map_or("", String::as_str),
        };
        let written = writer.write(row, standardization.as_ref(), Ok(similarity));
        written.map_err(output)?;
    }
    say_written(&writer, arguments.output.file());
    let written = writer.finish().and_then(Sink::complete);
    written.map_err(output)?;
    if found.skipped > 0 {
        say!(
            "{} of {} rows skipped: the index has no features of them",
            found.skipped,
            found.rows
        );
    }
    if !arguments.quiet {
        let seconds = started.elapsed().as_secs_f64();
        say!(
            "{} rows against {}, {seconds:.1} s ({:.0} rows/s)",
            found.rows,
            counted(queries.features.len()),
            found.rows as f64 / seconds.max(1e-9),
        );
    }
    Ok(())
}

/// How many queries there are, in words.
fn counted(queries: usize) -> String {
    match queries {
        1 => "1 query".to_owned(),
        more => format!("{more} queries"),
    }
}

/// How the reading of a library ended.
enum End {
    Complete,
    Interrupted,
    Failed(CommandError),
}

/// The queries that can be used.
#[derive(Default)]
struct Queries {
    features: Vec<Features>,
    /// What each is called: by its identifier, or else as its structure.
    names: Vec<String>,
}

/// What a query is called: its identifier or title, or else its SMILES.
fn query_name(row: &Row, header: &Header, keep: Keep) -> String {
    let id = header.id.and_then(|column| row.fields.get(column));
    let id = id.map(|id| id.trim()).filter(|id| !id.is_empty());
    match (id, &row.molecule) {
        (Some(id), _) => id.to_owned(),
        (None, Ok(Structure::Smiles(smiles))) => smiles.clone(),
        (None, _) => standardize(row, keep).map_or_else(|_| String::new(), |done| done.smiles),
    }
}

/// All queries that can be used; the others are reported.
fn read_queries(
    featurizer: &Featurizer,
    path: &Path,
    smiles_column: Option<String>,
) -> Result<Queries, CommandError> {
    let options = ReadOptions {
        smiles_column: smiles_column.map(Into::into),
        ..ReadOptions::default()
    };
    let mut input = RowFile::open(path, &options)?;
    let header = input.header().clone();
    let mut queries = Queries::default();
    let mut ended = false;
    while !ended {
        let chunk = input.chunk();
        ended = chunk.is_last;
        if let Some(fault) = chunk.fault {
            return Err(fault);
        }
        let (results, stop) = featurizer.features(&chunk.rows, 0);
        if let Some(stop) = stop {
            return Err(stop.into());
        }
        for (row, features) in chunk.rows.iter().zip(results.into_iter().flatten()) {
            match features {
                Ok(features) => {
                    queries.features.push(features);
                    let name = query_name(row, &header, featurizer.options.keep);
                    queries.names.push(name);
                }
                Err(error) => say!(
                    "{}, line {}: query skipped: {}",
                    path.display(),
                    row.line,
                    error.message
                ),
            }
        }
    }
    if queries.features.is_empty() {
        return Err(CommandError::NoQueries(path.to_owned()));
    }
    Ok(queries)
}

/// What a benchmark prints as JSON.
#[derive(Serialize)]
struct Report<'a> {
    by: &'static str,
    aggregate: &'static str,
    /// The model's name, where embeddings were compared.
    model: Option<&'a str>,
    /// What it computed in.
    precision: Option<&'static str>,
    #[serde(flatten)]
    result: &'a BenchmarkResult,
}

fn benchmark(arguments: &ScreenArguments, directory: &Path) -> Result<(), CommandError> {
    let json = arguments.benchmark_format()? == ReportFormat::Json;
    Place::Benchmark.check(directory)?;
    let mut benchmark = Benchmark::open(directory)?;
    let wanted = &arguments.targets;
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !benchmark.targets().contains(name))
    {
        return Err(CommandError::Usage(format!(
            "no target `{unknown}`; there are: {}",
            benchmark.targets().join(", ")
        )));
    }
    benchmark.retain(|target| wanted.is_empty() || wanted.iter().any(|name| name == target));

    let featurizer = Featurizer::new(arguments)?;
    let (bar, interrupt) = (&featurizer.bar, &featurizer.interrupt);
    // A first Ctrl-C ends it after the targets that are done.
    interrupt.busy(true);
    let print = |line: String| {
        bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{line}").and_then(|()| stdout.flush())
        })
        .map_err(CommandError::stdout)
    };
    let line = |name: &str, actives: &str, decoys: &str, auroc: &str, bedroc: &str| {
        format!("{name:<16} {actives:>8} {decoys:>8} {auroc:>8} {bedroc:>9}")
    };
    if !json {
        print(line("target", "actives", "decoys", "AUROC", "BEDROC20"))?;
    }
    let mut done: Vec<TargetResult> = Vec::new();
    let mut failure = None;
    let mut before = 0;
    let outcome = benchmark.run(
        featurizer.by,
        arguments.aggregate,
        |molecules: &[Result<Structure, RowError>]| {
            let (rows, stop) = featurizer.features(molecules, before);
            before += molecules.len() as u64;
            match stop {
                Some(stop) => Err(CommandError::from(stop)),
                // A molecule without features ranks last and is not dropped.
                None => Ok(rows
                    .into_iter()
                    .map(|row| row.and_then(Result::ok).unwrap_or_default())
                    .collect()),
            }
        },
        |target| {
            done.push(target.clone());
            if !json {
                let written = print(line(
                    &target.target,
                    &target.actives.to_string(),
                    &target.decoys.to_string(),
                    &format!("{:.3}", target.auroc),
                    &format!("{:.3}", target.bedroc),
                ));
                failure = written.err();
            }
            if failure.is_some() || interrupt.is_raised() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    bar.finish_and_clear();
    if let Some(failure) = failure {
        return Err(failure);
    }
    let error = outcome.err();
    let result = BenchmarkResult::new(done);
    if result.targets.is_empty() {
        // There is nothing to take the mean of.
    } else if json {
        let report = Report {
            by: name_of(SIMILARITIES, &arguments.by),
            aggregate: name_of(AGGREGATES, &arguments.aggregate),
            model: featurizer
                .scorer
                .as_ref()
                .map(|scorer| scorer.config().name.as_str()),
            precision: (featurizer.scorer.as_ref()).map(|scorer| scorer.precision().name()),
            result: &result,
        };
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| CommandError::stdout(error.into()))?;
        print(text)?;
    } else {
        let (auroc, bedroc) = (
            format!("{:.3}", result.auroc),
            format!("{:.3}", result.bedroc),
        );
        print(line("mean", "", "", &auroc, &bedroc))?;
    }
    let (measured, all) = (result.targets.len(), benchmark.targets().len());
    match error {
        Some(CommandError::Interrupted) => {}
        Some(error) => return Err(error),
        None if measured == all => return Ok(()),
        None => {}
    }
    Err(CommandError::ScreenInterrupted(format!(
        "the means cover {measured} of {all} targets"
    )))
}
