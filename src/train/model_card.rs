//! Model cards: what a run itself knows. Limits and attributions of data stand
//! in the descriptions of the endpoints.

use std::fmt::Write as _;

use super::config::{FinetuneConfig, OptimizerConfig, PretrainConfig, SplitKind};
use super::corpus::{Corpus, Position};
use super::run_dir::Progress;
use crate::metrics::{EndpointEvaluation, Evaluation, Metrics};
use crate::model::EndpointTask;
use crate::model_dir::ModelConfig;
use crate::predict::Domain;
use crate::predict::applicability::ApplicabilityDomain;
use crate::predict::gaussian_process::Kernel;
use crate::train::splits::Fold;

/// The front matter and the first paragraph.
fn opening(config: &ModelConfig, purpose: &str) -> String {
    let encoder = &config.encoder;
    format!(
        "---\nlicense: {}\ntags: [chemistry, smiles, qsar]\n---\n\n# {}\n\n\
         A chemical transformer {purpose}, read by Delicate: {} parameters in the encoder, hidden \
         size {}, {} passes through {}. The architecture is of the family of DeLiCaTe (Yu & \
         Börjesson 2022, arXiv 2205.07582), preset `{}`.\n",
        config.license,
        config.name,
        encoder.parameters(),
        encoder.hidden_size,
        encoder.num_hidden_layers,
        match encoder.parameter_sharing {
            crate::model::Sharing::None => "as many layers",
            crate::model::Sharing::All => "one shared layer",
        },
        config.preset,
    )
}

fn optimizer(config: &OptimizerConfig) -> String {
    format!(
        "AdamW, learning rate {}, {:.0} % warm-up and linear decay, weight decay {}",
        config.learning_rate,
        config.warmup * 100.0,
        config.weight_decay
    )
}

const USE: &str = "\n## Use\n\nFor ranking and teaching. Not for decisions on safety or health. \
    Inputs are organic molecules of H, B, C, N, O, F, Si, P, S, Cl, Se, Br and I";

/// The card of a pre-trained or distilled model.
pub(super) fn pretrained(
    config: &PretrainConfig,
    model: &ModelConfig,
    corpus: &Corpus,
    progress: &Progress<Position>,
    validation: &[(String, f64)],
) -> String {
    let mut text = opening(model, "pre-trained on SMILES");
    let _ = write!(
        text,
        "\n## Training\n\n{} epochs of {} rows, {} steps in {:.0} s; {}; objectives: ",
        config.common.epochs,
        corpus.rows(),
        progress.step,
        progress.seconds,
        optimizer(&config.common.optimizer),
    );
    let mut objectives = vec![
        ("masked tokens", config.masked_lm),
        ("descriptors", config.physchem),
        ("structure vectors", config.structure),
    ];
    if let Some(teacher) = &config.common.distillation {
        objectives.extend([
            ("a teacher's token distributions", teacher.soft),
            ("its hidden states", teacher.hidden),
            ("their similarities", teacher.similarity),
            ("its pooled output", teacher.pooled),
        ]);
    }
    let objectives: Vec<String> = objectives
        .into_iter()
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(name, weight)| format!("{name} ({weight})"))
        .collect();
    let _ = writeln!(text, "{}.", objectives.join(", "));
    if !validation.is_empty() {
        let _ = write!(text, "\n## Validation\n\n| Loss | Value |\n|---|---|\n");
        for (name, value) in validation {
            let _ = writeln!(text, "| {name} | {value:.4} |");
        }
    }
    let _ = writeln!(
        text,
        "{USE}, of at most {} tokens. It predicts no property by itself: fine-tune it first.",
        model.encoder.max_length
    );
    text
}

/// The card of a fine-tuned model.
pub(super) fn finetuned(
    config: &FinetuneConfig,
    model: &ModelConfig,
    examples: usize,
    folds: &[Fold],
    evaluation: &Evaluation,
    applicability: &ApplicabilityDomain,
) -> String {
    let mut text = opening(model, "for property prediction");
    text.push_str("\n## Endpoints\n\n");
    for endpoint in &model.endpoints {
        let _ = writeln!(
            text,
            "- **{}** (`{}`{}): {}",
            endpoint.title,
            endpoint.name,
            match (endpoint.task, endpoint.unit.as_str()) {
                (EndpointTask::Classification, _) => ", probability".to_owned(),
                (_, "") => String::new(),
                (_, unit) => format!(", {unit}"),
            },
            endpoint.description
        );
    }
    let _ = write!(
        text,
        "\n## Accuracy\n\nOn held-out molecules that were never trained on; a molecule is one \
         canonical SMILES without salts, so none is on both sides. {} split, {}, seed {}. \
         Brackets: 95 % bootstrap interval. ECFP4: a random forest on fingerprints, \
         fitted to the same training molecules.{}\n\n",
        match config.split.kind {
            SplitKind::Random => "Random",
            SplitKind::Scaffold | SplitKind::ScaffoldHash => "Scaffold",
            SplitKind::Indices => "Given",
        },
        match folds.len() {
            1 => "one fold".to_owned(),
            folds => format!("{folds} folds, held out in turn"),
        },
        config.split.seed,
        if applicability.has_gaussian_processes() {
            " Network and process: the parts of the prediction, each by itself (see Training)."
        } else {
            ""
        },
    );
    text.push_str(&evaluation_table(&evaluation.endpoints));
    text.push_str(&reliability(model, applicability));
    let _ = write!(
        text,
        "\n## Training\n\n{} {examples} molecules, {} epochs at most, {}.{}\n",
        match &config.common.start {
            Some(_) => "A pre-trained encoder, fine-tuned on",
            None => "From random weights on",
        },
        config.common.epochs,
        optimizer(&config.common.optimizer),
        if config.refit {
            " The weights here were trained once more on all molecules."
        } else {
            " The weights here are the first fold's."
        },
    );
    if let Some(taught) = &config.pseudo_labels {
        let _ = writeln!(
            text,
            "\nA teacher's predictions, for these and for further molecules, were learnt beside \
             the labels: with the weight {} where nothing was measured, and as {} labels of the \
             endpoint where something was.",
            taught.weight, taught.worth,
        );
    }
    text.push_str(&processes(model, applicability));
    let _ = writeln!(
        text,
        "{USE}, of at most {} tokens.",
        model.encoder.max_length
    );
    text
}

/// The Gaussian processes, in Markdown; nothing where there are none.
fn processes(model: &ModelConfig, applicability: &ApplicabilityDomain) -> String {
    if !applicability.has_gaussian_processes() {
        return String::new();
    }
    let mut text = String::from(
        "\nBeside the network each endpoint may have a Gaussian process over the training \
         molecules. Its covariance is the Tanimoto similarity of counts of circular environments \
         (not folded): of those of up to 2 bonds, as in ECFP4, or the mean over those of up to 0, 1 \
         and 2, or a quarter of this and three quarters of exp(-d²/20), d being the distance of \
         the square roots of atom counts. A prediction is the mean of the two. The covariance, the \
         weight and the noise are those that err least on the validation molecules.\n\n\
         | Endpoint | Weight of the process | Kernel | Noise |\n|---|---|---|---|\n",
    );
    for (endpoint, process) in model
        .endpoints
        .iter()
        .zip(applicability.gaussian_processes())
    {
        let _ = match process {
            Some(process) => writeln!(
                text,
                "| {} | {:.2} | {} | {} |",
                endpoint.title,
                process.weight,
                kernel(&process.kernel),
                process.noise_variance
            ),
            None => writeln!(text, "| {} | 0 | – | – |", endpoint.title),
        };
    }
    text
}

/// A covariance in a few words.
fn kernel(kernel: &Kernel) -> &'static str {
    if *kernel == Kernel::ECFP4 {
        "up to 2 bonds"
    } else if *kernel == Kernel::MULTI_RADIUS {
        "every radius"
    } else if *kernel == Kernel::ATOM_COUNTS {
        "every radius, atom counts"
    } else {
        "another"
    }
}

/// What held-out molecules say about domain and intervals, in Markdown.
fn reliability(model: &ModelConfig, applicability: &ApplicabilityDomain) -> String {
    let mut text = String::from(
        "\n## Reliability\n\nA molecule is in an endpoint's domain, at its border or out of it by \
         how far the five nearest training molecules support the prediction: the Tanimoto \
         similarities of their ECFP4 fingerprints (the mean, weighted by themselves), divided by \
         1 + d/m, with d the distance of the prediction from what was measured for them (root of \
         the mean square, weighted by the squared similarities) and m its mean over held-out \
         molecules (validation and test); 0 where they are less similar than those of 99 in 100 of \
         these. Out are those less supported than nine in ten of them, at the border those less supported than seven in ten. The interval is to hold nine measured \
         values in ten; coverage is the fraction that intervals held which were made without \
         them.\n\n| Endpoint | Domain | Support | Held out | RMSE | 90 % interval | Coverage |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let domains = model.endpoints.iter().zip(applicability.endpoints());
    for (endpoint, domain) in domains.filter_map(|(e, domain)| Some((e, domain.as_ref()?))) {
        let coverage = domain.coverage.map_or_else(
            || "–".to_owned(),
            |coverage| format!("{:.0} %", 100.0 * coverage),
        );
        for band in domain.bands.iter().rev() {
            let support = match band.domain {
                Domain::In => format!("{:.2} and more", domain.within),
                Domain::Borderline => format!("{:.2} and more", domain.borderline),
                Domain::Out => "less".to_owned(),
            };
            let interval = band.half_width.map_or_else(
                || "–".to_owned(),
                |width| format!("±{width:.2} {}", endpoint.learnt_unit()),
            );
            let (name, molecules, rmse) = (band.domain.name(), band.molecules, band.rmse);
            let _ = writeln!(
                text,
                "| {} | {name} | {support} | {molecules} | {rmse:.3} | {} | {coverage} |",
                endpoint.title,
                interval.trim_end(),
            );
        }
    }
    text
}

/// A table of the test metrics, in Markdown.
pub fn evaluation_table(endpoints: &[EndpointEvaluation]) -> String {
    let tests = |endpoint: &EndpointEvaluation| {
        let splits = endpoint.splits.iter();
        splits
            .filter(|s| s.split == "test" && s.fold.is_none())
            .cloned()
            .collect::<Vec<_>>()
    };
    let has_gaussian_processes = endpoints
        .iter()
        .flat_map(tests)
        .any(|split| split.network.is_some());
    let mut columns = vec!["Endpoint", "Molecules", "Metric", "Model"];
    if has_gaussian_processes {
        columns.extend(["Network", "Gaussian process"]);
    }
    columns.push("ECFP4");
    let mut text = format!(
        "| {} |\n|{}\n",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
    for endpoint in endpoints {
        for split in tests(endpoint) {
            // The main metric first.
            let order = ["rmse", "mae", "r2", "roc_auc", "pr_auc"];
            for metric in order.into_iter().filter(|m| split.model.contains_key(*m)) {
                let value = |metrics: Option<&Metrics>| {
                    let value = metrics.and_then(|metrics| metrics.get(metric));
                    value.copied().flatten().map_or_else(
                        || "–".to_owned(),
                        |i| format!("{:.3} [{:.3}, {:.3}]", i.value, i.low, i.high),
                    )
                };
                let unit = match (metric, endpoint.unit.as_str()) {
                    ("rmse" | "mae", unit) if !unit.is_empty() => format!(" ({unit})"),
                    _ => String::new(),
                };
                let mut cells = vec![
                    endpoint.title.clone(),
                    split.molecules.to_string(),
                    format!("{metric}{unit}"),
                    value(Some(&split.model)),
                ];
                if has_gaussian_processes {
                    cells.push(value(split.network.as_ref()));
                    cells.push(value(split.process.as_ref()));
                }
                cells.push(value(split.baseline.as_ref()));
                let _ = writeln!(text, "| {} |", cells.join(" | "));
            }
        }
    }
    text
}
