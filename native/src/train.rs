//! `delicate train`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use delicate::kernels::device::Device;
use delicate::records::{ReadOptions, Reader};
use delicate::storing::{self, Precision};
use delicate::training::{EndpointReport, Examples, Trained, TrainingConfig, train};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::TrainArguments;
use crate::error::CommandError;
use crate::score::Interrupt;

pub(crate) fn run(arguments: &TrainArguments) -> Result<(), CommandError> {
    let interrupt = Interrupt::listen();
    let config = config(arguments)?;
    // Before the work: a run must not fail at its end over what is known now.
    config.check()?;
    std::fs::create_dir_all(&arguments.output).map_err(|source| CommandError::Output {
        name: arguments.output.display().to_string(),
        source,
    })?;
    let mut examples = Examples::new(config.endpoints.len(), config.preset.config().max_length);
    let mut left_out = 0;
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        let path = arguments.data.join(&endpoint.file);
        left_out += read(&path, &endpoint.label_column, index, &mut examples)?;
    }
    let examples = examples.finish();
    let device = pollster::block_on(Device::open(arguments.device.into()))?;
    eprintln!(
        "{} molecules, {left_out} rows left out, {} epochs on {}",
        examples.len(),
        config.epochs,
        device.name()
    );

    interrupt.busy(true);
    let bar = progress_bar(arguments.quiet);
    let started = Instant::now();
    let mut smoothed = None;
    let mut shown = 0;
    let trained = pollster::block_on(train(&config, &examples, &device, |step| {
        let loss = smoothed.map_or(step.loss, |old: f32| old * 0.98 + step.loss * 0.02);
        smoothed = Some(loss);
        bar.set_length(step.steps as u64);
        bar.set_position(step.step as u64);
        bar.set_message(format!("epoch {}  loss {loss:.4}", step.epoch));
        if !arguments.quiet && bar.is_hidden() && step.epoch > shown {
            shown = step.epoch;
            eprintln!(
                "epoch {}/{}  loss {loss:.4}  {:.0} s",
                step.epoch,
                config.epochs,
                started.elapsed().as_secs_f64()
            );
        }
        if interrupt.is_raised() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }))?;
    bar.finish_and_clear();

    let precision = if arguments.fp16 {
        Precision::Fp16
    } else {
        Precision::Fp32
    };
    pollster::block_on(storing::write(
        &arguments.output,
        &trained.config,
        &trained.model,
        precision,
        &card(&config, &trained, precision),
    ))
    .map_err(|source| CommandError::Model {
        name: arguments.output.display().to_string(),
        source,
    })?;
    io::stdout()
        .write_all(table(&trained.config.endpoints, &trained.reports).as_bytes())
        .map_err(CommandError::stdout)
}

fn config(arguments: &TrainArguments) -> Result<TrainingConfig, CommandError> {
    let path = &arguments.config;
    let text = std::fs::read_to_string(path).map_err(|source| CommandError::Input {
        path: path.clone(),
        source,
    })?;
    let mut config: TrainingConfig =
        toml::from_str(&text).map_err(|source| CommandError::Toml {
            path: path.clone(),
            source,
        })?;
    config.epochs = arguments.epochs.unwrap_or(config.epochs);
    config.seed = arguments.seed.unwrap_or(config.seed);
    Ok(config)
}

/// Adds a table to `examples`; returns how many rows could not be used.
fn read(
    path: &Path,
    label_column: &str,
    endpoint: usize,
    examples: &mut Examples,
) -> Result<usize, CommandError> {
    let file = File::open(path).map_err(|source| CommandError::Input {
        path: path.to_owned(),
        source,
    })?;
    let records = |source| CommandError::Records {
        path: path.to_owned(),
        source,
    };
    let reader =
        Reader::open(file, &path.to_string_lossy(), &ReadOptions::default()).map_err(records)?;
    let columns = reader.header().columns.clone();
    let Some(column) = columns.iter().position(|name| name == label_column) else {
        return Err(CommandError::NoColumn {
            path: path.to_owned(),
            wanted: label_column.to_owned(),
            columns,
        });
    };
    let mut left_out = 0;
    for record in reader {
        let record = record.map_err(records)?;
        let cell = record.fields.get(column).map_or("", |cell| cell.trim());
        // An empty cell is a missing label, not a fault.
        if cell.is_empty() && record.problem.is_none() {
            continue;
        }
        let added = match (record.problem, cell.parse::<f32>()) {
            (None, Ok(label)) if label.is_finite() => examples
                .add(&record.structure, endpoint, label)
                .map_err(|error| error.message),
            (Some(problem), _) => Err(problem.message),
            _ => Err(format!("`{cell}` is not a number")),
        };
        if let Err(why) = added {
            left_out += 1;
            eprintln!("{}, line {}: left out: {why}", path.display(), record.line);
        }
    }
    Ok(left_out)
}

fn table(endpoints: &[delicate::model::Endpoint], reports: &[EndpointReport]) -> String {
    let mut text = String::from(
        "| Endpoint | Unit | Trained on | Held out | RMSE | MAE | R² | RMSE of the mean |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (endpoint, report) in endpoints.iter().zip(reports) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            endpoint.title,
            endpoint.unit,
            report.train,
            report.test,
            figure(report.rmse),
            figure(report.mae),
            figure(report.r2),
            figure(report.rmse_of_mean)
        );
    }
    text
}

fn figure(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

/// The model card: what the run itself knows. Limits and attributions of the
/// data stand in the endpoints' descriptions.
fn card(config: &TrainingConfig, trained: &Trained, precision: Precision) -> String {
    let encoder = &trained.config.encoder;
    let mut text = format!(
        "---\nlicense: {}\ntags: [chemistry, smiles, qsar]\n---\n\n# {}\n\n\
         A compact chemical transformer for property prediction, read and scored by Delicate: \
         {} parameters in the encoder, hidden size {}, {} passes, weights in {}. The \
         architecture is DeLiCaTe's (Yu & Börjesson 2022, arXiv 2205.07582).\n\n## Endpoints\n\n",
        config.license,
        config.name,
        encoder.parameters(),
        encoder.hidden_size,
        encoder.num_hidden_layers,
        match precision {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
        },
    );
    for endpoint in &trained.config.endpoints {
        let _ = writeln!(
            text,
            "- **{}** (`{}`, {}): {}",
            endpoint.title, endpoint.name, endpoint.unit, endpoint.description
        );
    }
    let _ = write!(
        text,
        "\n## Accuracy\n\nOn {:.0} % of the molecules, drawn at random (seed {}), held out and \
         never trained on; a molecule is one canonical SMILES without salts, so none is on both \
         sides. Scored with fp32 weights. The last column is the error of always answering the \
         mean of the training labels.\n\n{}\n\
         A random split flatters a model: molecules unlike the training set are predicted worse.\n\n\
         ## Training\n\nFrom random weights, without pre-training or distillation: {} epochs of \
         AdamW, batches of {}, learning rate {} with {:.0} % warm-up and linear decay, weight decay \
         {}, a new random SMILES of every molecule in every epoch.\n\n\
         ## Use\n\nFor ranking and teaching. Not for decisions on safety or health. Inputs are \
         organic molecules of H, B, C, N, O, F, Si, P, S, Cl, Se, Br and I, of at most {} tokens.\n",
        config.test_fraction * 100.0,
        config.seed,
        table(&trained.config.endpoints, &trained.reports),
        config.epochs,
        config.batch_size,
        config.learning_rate,
        config.warmup * 100.0,
        config.weight_decay,
        encoder.max_length,
    );
    text
}

fn progress_bar(quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {eta} left");
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
