//! The whole page: what a run did, what came out and how it went.

use delicate::train::run_dir::{self, RunInfo};
use maud::{Markup, html};

use super::chart::{ChartError, Figure};
use super::format::{capital, count, duration, metric_title, rounded};
use super::html::{self, Cell};
use super::reading::Run;
use super::{figures, results};

/// Most quantities with a curve.
const MAX_CURVES: usize = 60;
/// Most bytes of the configuration that are shown.
const MAX_CONFIG: usize = 64 << 10;

/// The report on `run`, a directory of that name.
pub(super) fn page(run: &Run, name: &str) -> Result<String, ChartError> {
    let content = html! {
        (html::tiles(&tiles(run)))
        (html::notes(&run.notes))
        (results::section(run)?)
        (training(run)?)
        (what_was_run(run))
    };
    let subtitle = run.info.as_ref().map_or_else(String::new, subtitle);
    Ok(html::document(
        &format!("Run {name}"),
        &subtitle,
        &content,
        "Made by delicate report from the files of the run directory. Self-contained: it loads \
         nothing and runs no script.",
    ))
}

fn subtitle(info: &RunInfo) -> String {
    let parts = [
        ("delicate", &info.command),
        ("version", &info.version),
        ("on", &info.device),
        ("started", &info.started),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(what, value)| format!("{what} {value}"))
        .collect();
    parts.join(" · ")
}

fn tiles(run: &Run) -> Vec<(&'static str, String)> {
    let metrics = &run.metrics;
    let of = |quantity: &str| metrics.of(quantity).into_iter().flatten();
    let rates = of("molecules_per_second").flat_map(|(_, series)| series.iter());
    let mut rates: Vec<f64> = rates.map(|(_, rate)| *rate).collect();
    rates.retain(|rate| rate.is_finite());
    rates.sort_by(f64::total_cmp);
    let lowest = of("loss")
        .filter(|(owner, _)| owner.split == "valid")
        .flat_map(|(_, series)| series)
        .filter(|(_, loss)| loss.is_finite())
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let tiles = [
        ("Steps", metrics.last_step.map(count)),
        ("Epochs", metrics.last_epoch.map(count)),
        ("Time", metrics.seconds.map(duration)),
        (
            "Molecules per second, median",
            delicate::metrics::quantile(&rates, 0.5).map(rounded),
        ),
        (
            "Lowest validation loss",
            lowest.map(|(step, loss)| format!("{} at step {}", rounded(*loss), count(*step))),
        ),
    ];
    tiles
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn training(run: &Run) -> Result<Markup, ChartError> {
    let series = &run.metrics.series;
    let mut drawn: Vec<Figure> = Vec::new();
    // The sum first, then its parts as they come, then how fast it went.
    let rank = |name: &str| match name {
        "loss" => 0,
        "learning_rate" => 2,
        "molecules_per_second" => 3,
        _ => 1,
    };
    let mut order: Vec<_> = series.iter().collect();
    order.sort_by_key(|(name, _)| rank(name));
    for (name, owners) in order.into_iter().take(MAX_CURVES) {
        let title = match name.as_str() {
            "loss" => "Loss".to_owned(),
            "mlm" => "Loss of masked language modelling (mlm)".to_owned(),
            "physchem" => "Loss of physico-chemical regression (physchem)".to_owned(),
            "learning_rate" => "Learning rate".to_owned(),
            "molecules_per_second" => "Throughput, molecules per second".to_owned(),
            other => capital(metric_title(other)),
        };
        let any = owners
            .values()
            .flatten()
            .any(|(_, value)| value.is_finite());
        if any {
            // Rates are read by their differences, losses by their ratios.
            let logarithmic = rank(name) < 2;
            drawn.push(figures::over_steps(title, owners, logarithmic)?);
        }
    }
    Ok(html! {
        h2 { "Training" }
        @if series.is_empty() { p { "No metrics were recorded." } }
        (html::figures(&drawn))
        @if series.len() > MAX_CURVES {
            p { "Curves are shown for " (MAX_CURVES) " of " (series.len()) " quantities." }
        }
    })
}

fn what_was_run(run: &Run) -> Markup {
    html! {
        h2 { "What was run" }
        @match &run.info {
            Some(info) => { (facts(info)) }
            None => { p { "The run has no " (run_dir::RUN) "." } }
        }
        @if !run.folds.is_empty() { (folds(run)) }
        @if let Some(config) = &run.config {
            (html::details(
                &format!("Resolved configuration ({})", run_dir::CONFIG),
                &html! { pre { (beginning(config)) } },
            ))
        }
    }
}

fn facts(info: &RunInfo) -> Markup {
    let mut entries = vec![
        ("Command", info.command.clone()),
        ("Version", info.version.clone()),
        ("Device", info.device.clone()),
        ("Backend", info.backend.clone()),
        ("Threads", info.threads.to_string()),
        ("Started", info.started.clone()),
    ];
    entries.extend(info.resumed.iter().map(|resumed| {
        let text = format!(
            "{} on {} ({} threads)",
            resumed.started, resumed.device, resumed.threads
        );
        ("Resumed", text)
    }));
    let rows: Vec<Vec<Cell>> = info
        .data
        .iter()
        .map(|file| {
            vec![
                Cell::plain(file.path.to_string_lossy()),
                Cell::code(&file.sha256),
                Cell::plain(count(file.rows as f64)),
            ]
        })
        .collect();
    html! {
        (html::list(&entries))
        @if !rows.is_empty() { (html::table(&["Data", "SHA-256", "Rows"], 2, &rows)) }
    }
}

/// How many molecules are in each part of each fold.
fn folds(run: &Run) -> Markup {
    let size = |indices: &[usize]| Cell::plain(count(indices.len() as f64));
    let rows: Vec<Vec<Cell>> = run
        .folds
        .iter()
        .map(|fold| {
            vec![
                Cell::plain(fold.fold.to_string()),
                size(&fold.split.train),
                size(&fold.split.valid),
                size(&fold.split.test),
            ]
        })
        .collect();
    html::table(
        &["Fold", "Training molecules", "Validation", "Test"],
        1,
        &rows,
    )
}

fn beginning(config: &str) -> String {
    let mut end = config.len().min(MAX_CONFIG);
    while !config.is_char_boundary(end) {
        end -= 1;
    }
    let mut shown = config[..end].to_owned();
    if end < config.len() {
        shown.push_str("\n… (cut)");
    }
    shown
}
