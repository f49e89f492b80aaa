//! The tables of `docs/results.md`, from the results alone.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use delicate::metrics::{EndpointEvaluation, Interval, PredictionSource, SplitEvaluation};
use delicate::screening::TargetResult;

use crate::forests::Forests;
use crate::protocol::{
    EVERY, FAMILY, FAMILY_EPOCHS, FAMILY_PRETRAINING, FOLD_EPOCHS, Member, READINGS,
    SCAFFOLD_EPOCHS, Screen, TOXICITY,
};
use crate::results::{Measured, Results, Screening};

/// All tables that there are results for.
pub(crate) fn all(results: &Results) -> Result<String> {
    let mut text = String::from(
        "# Results\n\nWritten by `cargo xtask reproduce` from its measurements \
         (`docs/results/`); how the models are trained is in \
         `reproduce/src/reproduction.rs`.\n",
    );
    if let (Some(result), Some(forests)) = (results.measured("admet"), results.forests()) {
        admet(result, forests, &mut text)?;
    }
    if let Some(result) = results.measured("endpoints") {
        endpoints(result, results.measured("endpoints-read-often"), &mut text)?;
    }
    if let (Some(together), Some(alone)) =
        (results.measured("endpoints"), results.measured("alone"))
    {
        encoders(together, alone, &mut text)?;
    }
    if let Some(result) = results.measured("folds") {
        text.push_str("\n## Five folds\n\n");
        let _ = write!(
            text,
            "Five-fold cross-validation on random folds of the merged molecules (half of each \
             held-out fold for early stopping and mixing weights, half for the test), \
             {FOLD_EPOCHS} epochs each: mean ± standard deviation over the folds. Columns as \
             above.\n\n",
        );
        folds(result, &mut text)?;
    }
    if let Some(result) = results.measured("scaffold") {
        let _ = write!(
            text,
            "\n## Scaffold split\n\nNo Bemis–Murcko scaffold is in both the training and the test \
             set; the test set is the tenth of all molecules with the rarest scaffolds; \
             {SCAFFOLD_EPOCHS} epochs. Columns as above.\n\n",
        );
        one_split(result, None, &mut text)?;
        text.push_str(&provenance(result));
    }
    toxicity(results, &mut text)?;
    family(results, &mut text)?;
    if let Some(result) = results.screening() {
        screening(result, &mut text)?;
    }
    Ok(text)
}

/// Which run a table is of.
fn provenance(result: &Measured) -> String {
    let run = &result.run;
    format!(
        "\nFine-tuned in {:.0} minutes on {}, version {}, {}.\n",
        result.seconds / 60.0,
        run.device,
        run.version,
        run.started.get(..10).unwrap_or_default(),
    )
}

/// The metrics that are shown, with their titles; of those an endpoint has.
const SHOWN: [(&str, &str); 4] = [
    ("rmse", "RMSE"),
    ("r2", "R²"),
    ("roc_auc", "ROC-AUC"),
    ("pr_auc", "PR-AUC"),
];

/// A metric's title with the unit that it has.
fn metric(endpoint: &EndpointEvaluation, name: &str, title: &str) -> String {
    if name == "rmse" && !endpoint.unit.is_empty() {
        format!("{title}, {}", endpoint.unit)
    } else {
        title.to_owned()
    }
}

/// The test of all folds together.
pub(crate) fn test(endpoint: &EndpointEvaluation) -> Result<&SplitEvaluation> {
    let test = endpoint.pooled("test");
    test.with_context(|| format!("no test of {}", endpoint.title))
}

/// How far behind a forest an error or an area under the curve is far.
const FAR_BY_ERROR: f64 = 0.02;
const FAR_BY_AREA: f64 = 0.01;

/// The ADMET model beside a forest for each endpoint.
fn admet(result: &Measured, forests: &Forests, text: &mut String) -> Result<()> {
    let mut rows = String::new();
    let (mut compared, mut ahead, mut far) = (0, 0, Vec::new());
    for endpoint in &result.endpoints {
        let test = test(endpoint)?;
        let Some(forest) = forests.get(&endpoint.name) else {
            continue;
        };
        let (name, of_forest) = match (forest.rmse, forest.roc_auc) {
            (Some(rmse), _) => ("rmse", rmse),
            (None, Some(area)) => ("roc_auc", area),
            (None, None) => continue,
        };
        let Some(model) = test.metric(PredictionSource::Model, name) else {
            continue;
        };
        // The part of the error that is saved, or the area that is gained.
        let (gain, limit) = match name {
            "rmse" => (1.0 - model.value / of_forest, FAR_BY_ERROR),
            _ => (model.value - of_forest, FAR_BY_AREA),
        };
        compared += 1;
        ahead += usize::from(gain > 0.0);
        if gain < -limit {
            far.push(format!("`{}`", endpoint.name));
        }
        let (_, title) = (SHOWN.iter().copied())
            .find(|(shown, _)| *shown == name)
            .unwrap_or((name, name));
        writeln!(
            rows,
            "| {} | `{}` | {} | {} | {} | {} | {of_forest:.3} | {} |",
            endpoint.title,
            endpoint.name,
            forest.train,
            test.molecules,
            metric(endpoint, name, title),
            interval(Some(model)),
            match name {
                "rmse" => format!("{:+.1} %", 100.0 * gain),
                _ => format!("{gain:+.3}"),
            }
        )?;
    }
    let behind = match far.is_empty() {
        true => "on none".to_owned(),
        false => format!("on {}: {}", far.len(), far.join(", ")),
    };
    write!(
        text,
        "\n## ADMET\n\nThe built-in model beside a random forest for each endpoint (scikit-learn, \
         100 trees, RDKit's count ECFP4 of 2,048 numbers and 69 descriptors, fitted to the same \
         training molecules, its teacher as well). Split by a hash of the Bemis–Murcko scaffold: \
         15 % of all molecules are the test set, and no scaffold of it was trained on for any \
         endpoint, by the model or by its teacher. One split, one seed. Errors are of what is \
         learnt: logarithms, where the unit says so. Brackets: 95 % bootstrap interval. *Gain*: \
         the part of the forest's error that is saved, or the area that is gained. The model is \
         ahead on {ahead} of {compared}; it is behind by more than {:.0} % or {FAR_BY_AREA} \
         {behind}.\n\n\
         | Endpoint | Name | Trained on | Tested on | Metric | Model | Forest | Gain |\n\
         |---|---|---|---|---|---|---|---|\n{rows}",
        100.0 * FAR_BY_ERROR,
    )?;
    text.push_str(&provenance(result));
    Ok(())
}

fn endpoints(result: &Measured, often: Option<&Measured>, text: &mut String) -> Result<()> {
    let _ = write!(
        text,
        "\n## Endpoints\n\nThe built-in model on a random split: 10 % of the molecules are the test \
         set, never trained on; duplicates are merged beforehand. Brackets: 95 % bootstrap \
         interval. Augmented: averaged over the canonical SMILES and {} random ones (test-time \
         augmentation). {PARTS}\n\n",
        READINGS - 1
    );
    one_split(result, often, text)?;
    text.push_str("\n![R² of each endpoint](endpoints.svg)\n");
    text.push_str(&provenance(result));
    Ok(())
}

/// One encoder for all endpoints beside one for each.
fn encoders(together: &Measured, alone: &Measured, text: &mut String) -> Result<()> {
    text.push_str(
        "\n## One encoder for all endpoints\n\nThe joint model compared with one model per \
         endpoint, each fine-tuned from the same pre-trained encoder on the same split, for as \
         many epochs and with its own Gaussian process: RMSE of the prediction and of the network \
         alone.\n\n\
         | Endpoint | Joint model | Single models | Joint network | Single networks |\n\
         |---|---|---|---|---|\n",
    );
    let parts = [PredictionSource::Model, PredictionSource::Network];
    let mut explained = [const { Vec::new() }; 4];
    for (endpoint, own) in together.endpoints.iter().zip(&alone.endpoints) {
        let mut cells = vec![metric(endpoint, "rmse", &endpoint.title)];
        let columns = parts
            .iter()
            .flat_map(|part| [(part, endpoint), (part, own)]);
        for ((part, endpoint), explained) in columns.zip(&mut explained) {
            let test = test(endpoint)?;
            cells.push(interval(test.metric(*part, "rmse")));
            explained.extend(test.metric(*part, "r2").map(|r2| r2.value));
        }
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    let means = explained.map(|values| mean_cell(&values));
    writeln!(text, "| Mean R² | {} |", means.join(" | "))?;
    text.push_str(&provenance(alone));
    Ok(())
}

/// What the columns beside the model's are.
const PARTS: &str = "The prediction is a weighted mean of the network's and of a Gaussian process's \
    over the training molecules (kernels on Morgan count fingerprints); *Network* and *Gaussian \
    process* are evaluated separately as well, fitted to the same molecules as the random forest on \
    ECFP4.";

/// One split's metrics beside those of its parts and the baseline's, and beside
/// those of the same model read `often` where there are such.
fn one_split(result: &Measured, often: Option<&Measured>, text: &mut String) -> Result<()> {
    let mut columns = vec!["DeLiCaTe-small".to_owned()];
    if often.is_some() {
        columns.push("Augmented".to_owned());
    }
    columns.extend(["Network", "Gaussian process", "ECFP4 forest"].map(str::to_owned));
    writeln!(
        text,
        "| Endpoint | Molecules | Metric | {} |\n|---|---|---|{}",
        columns.join(" | "),
        "---|".repeat(columns.len()),
    )?;
    for (index, endpoint) in result.endpoints.iter().enumerate() {
        let split = test(endpoint)?;
        let often = often.and_then(|often| often.endpoints.get(index));
        let often = often.map(test).transpose()?;
        for (name, title) in SHOWN {
            let Some(model) = split.metric(PredictionSource::Model, name) else {
                continue;
            };
            let mut cells = vec![interval(Some(model))];
            cells.extend(often.map(|often| interval(often.metric(PredictionSource::Model, name))));
            cells.extend(PARTS_AND_BASELINE.map(|of| interval(split.metric(of, name))));
            writeln!(
                text,
                "| {} | {} | {} | {} |",
                endpoint.title,
                split.molecules,
                metric(endpoint, name, title),
                cells.join(" | "),
            )?;
        }
    }
    Ok(())
}

/// What stands beside the model.
const PARTS_AND_BASELINE: [PredictionSource; 3] = [
    PredictionSource::Network,
    PredictionSource::GaussianProcess,
    PredictionSource::Baseline,
];

/// Mean and deviation over the folds: of the model, its parts and the baseline.
fn folds(result: &Measured, text: &mut String) -> Result<()> {
    text.push_str(
        "| Endpoint | Metric | DeLiCaTe-small | Network | Gaussian process | ECFP4 forest |\n\
         |---|---|---|---|---|---|\n",
    );
    for endpoint in &result.endpoints {
        for (name, title) in SHOWN {
            let cells = PredictionSource::ALL.map(|of| spread(&of_folds(endpoint, of, name)));
            if cells[0] == NOTHING {
                continue;
            }
            let metric = metric(endpoint, name, title);
            writeln!(
                text,
                "| {} | {metric} | {} |",
                endpoint.title,
                cells.join(" | ")
            )?;
        }
    }
    text.push_str(&provenance(result));
    Ok(())
}

/// A metric on the test of each fold.
fn of_folds(endpoint: &EndpointEvaluation, of: PredictionSource, name: &str) -> Vec<f64> {
    let tests = endpoint.folds("test");
    tests
        .filter_map(|split| Some(split.metric(of, name)?.value))
        .collect()
}

/// The sets of classes: one row each, the mean over a set's endpoints.
fn toxicity(results: &Results, text: &mut String) -> Result<()> {
    let measured: Vec<(&str, &Measured)> = TOXICITY
        .iter()
        .filter_map(|(name, title, _)| Some((*title, results.measured(name)?)))
        .collect();
    if measured.is_empty() {
        return Ok(());
    }
    text.push_str(
        "\n## Classification\n\nScaffold split, the rarest scaffolds held out; ROC-AUC on the test \
         set, averaged over the endpoints that have both classes there. Columns as above; the \
         Gaussian process is averaged over the endpoints that have one.\n\n\
         | Data set | Endpoints | Molecules | DeLiCaTe-small | Network | Gaussian process | \
         ECFP4 forest |\n|---|---|---|---|---|---|---|\n",
    );
    for (title, result) in measured {
        let endpoints = &result.endpoints;
        let tests: Vec<&SplitEvaluation> =
            endpoints.iter().filter_map(|e| e.pooled("test")).collect();
        let both = |of: PredictionSource| -> Vec<f64> {
            let all = tests.iter();
            all.filter_map(|split| Some(split.metric(of, "roc_auc")?.value))
                .collect()
        };
        let most = tests.iter().map(|split| split.molecules).max();
        writeln!(
            text,
            "| {title} | {} of {} | {} | {} |",
            both(PredictionSource::Model).len(),
            endpoints.len(),
            most.unwrap_or_default(),
            PredictionSource::ALL
                .map(|of| mean_cell(&both(of)))
                .join(" | "),
        )?;
    }
    Ok(())
}

/// Teachers and students side by side: what each member is and reaches on the whole,
/// then every endpoint.
fn family(results: &Results, text: &mut String) -> Result<()> {
    let folds = of_family(results, "");
    let scaffold = of_family(results, "-scaffold");
    let Some((_, first)) = folds.first() else {
        return Ok(());
    };
    writeln!(
        text,
        "\n## The family\n\nTeachers and students at equal training: pre-trained on the same \
         {FAMILY_PRETRAINING} of the corpus, then fine-tuned for {FAMILY_EPOCHS} epochs without a \
         Gaussian process, on {}. These are not the built-in model, which was trained for longer \
         and without a teacher. R² is the mean over endpoints, in five-fold cross-validation and \
         on the scaffold split above; in brackets, a student's R² relative to its teacher's. \
         Screening uses the embedding before fine-tuning, as below: mean over queries, all \
         targets.\n\n\
         | Model | Teacher | Parameters | R², folds | R², scaffolds | AUROC, screening | \
         BEDROC20 |\n|---|---|---|---|---|---|---|",
        first.run.device,
    )?;
    for (member, result) in &folds {
        let teacher = FAMILY
            .iter()
            .find(|other| member.teacher == Some(other.key));
        let parameters = result.parameters.unwrap_or_default() as f64 / 1e6;
        let mut cells = vec![
            member.title.to_owned(),
            teacher.map_or(NOTHING, |teacher| teacher.title).to_owned(),
            format!("{parameters:.2} M"),
            explained(member, &folds)?,
            explained(member, &scaffold)?,
        ];
        let screened = results.targets(&format!("family-{}", member.key));
        cells.extend(screening_means(screened.unwrap_or_default()));
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    let forests = ["folds", "scaffold"].map(|name| results.measured(name));
    let mut cells = vec!["ECFP4 (forest; nearest query)".to_owned()];
    cells.extend([NOTHING, NOTHING].map(str::to_owned));
    for forest in forests {
        cells.push(match forest {
            Some(forest) => format!(
                "{:.3}",
                overall(&tested(forest, PredictionSource::Baseline, "r2")?)
            ),
            None => NOTHING.to_owned(),
        });
    }
    let by_fingerprints = results.screening();
    let by_fingerprints = by_fingerprints.map(|screening| screening.targets(Screen::EcfpMax));
    cells.extend(screening_means(by_fingerprints.unwrap_or_default()));
    writeln!(text, "| {} |", cells.join(" | "))?;
    let [of_folds, of_scaffold] = forests;
    for (title, rows, forest, name) in [
        (
            "R², mean ± standard deviation over the folds",
            &folds,
            of_folds,
            "r2",
        ),
        ("RMSE over the folds", &folds, of_folds, "rmse"),
        ("R² on the scaffold split", &scaffold, of_scaffold, "r2"),
    ] {
        family_table(title, rows, forest, name, text)?;
    }
    let minutes = |seconds: &dyn Fn(&Measured) -> Option<f64>| {
        let all = folds.iter().chain(&scaffold);
        let seconds = all.filter_map(|(_, result)| seconds(result));
        seconds.sum::<f64>() / 60.0
    };
    writeln!(
        text,
        "\nPre-training took {:.0} minutes and fine-tuning {:.0}, summed over runs that shared one \
         device.",
        minutes(&|result| result.pretraining_seconds),
        minutes(&|result| Some(result.seconds)),
    )?;
    Ok(())
}

/// Members with a result each.
type Members<'a> = Vec<(&'static Member, &'a Measured)>;

/// The members that there are results for, of names that end in `suffix`.
fn of_family<'a>(results: &'a Results, suffix: &str) -> Members<'a> {
    let measured = |member: &'static Member| {
        let result = results.measured(&format!("family-{}{suffix}", member.key))?;
        Some((member, result))
    };
    FAMILY.iter().filter_map(measured).collect()
}

fn found<'a>(rows: &Members<'a>, key: &str) -> Option<&'a Measured> {
    let row = rows.iter().find(|(member, _)| member.key == key);
    row.map(|(_, result)| *result)
}

/// The mean R² of a member, with its part of that of the teacher.
fn explained(member: &Member, rows: &Members<'_>) -> Result<String> {
    let mean = |key: &str| -> Result<Option<f64>> {
        let result = found(rows, key);
        let values = result.map(|result| tested(result, PredictionSource::Model, "r2"));
        Ok(values.transpose()?.map(|values| overall(&values)))
    };
    let Some(own) = mean(member.key)? else {
        return Ok(NOTHING.to_owned());
    };
    // Of a teacher that explains nothing there is no part.
    let teacher = member.teacher.map(mean).transpose()?.flatten();
    Ok(match teacher.filter(|theirs| *theirs > 0.0) {
        Some(theirs) => format!("{own:.3} ({:.1} %)", 100.0 * own / theirs),
        None => format!("{own:.3}"),
    })
}

/// Mean AUROC and BEDROC20 of the targets, where there are any.
fn screening_means<'a>(targets: impl IntoIterator<Item = &'a TargetResult>) -> [String; 2] {
    let (auroc, bedroc): (Vec<f64>, Vec<f64>) = targets
        .into_iter()
        .map(|target| (target.auroc, target.bedroc))
        .unzip();
    [auroc, bedroc].map(|values| mean_cell(&values))
}

/// The mean of endpoints, each the mean of its folds.
fn overall(values: &[Vec<f64>]) -> f64 {
    let means: Vec<f64> = values.iter().map(|values| mean(values)).collect();
    mean(&means)
}

/// One metric of the members, and of the forest in a result of the same splits.
fn family_table(
    about: &str,
    rows: &Members<'_>,
    forest: Option<&Measured>,
    name: &str,
    text: &mut String,
) -> Result<()> {
    let Some((_, first)) = rows.first() else {
        return Ok(());
    };
    let endpoints = first.endpoints.iter();
    let titles: Vec<String> = endpoints
        .map(|endpoint| metric(endpoint, name, &endpoint.title))
        .collect();
    writeln!(
        text,
        "\n{about}:\n\n| Model | {} |\n|---|{}",
        titles.join(" | "),
        "---|".repeat(titles.len()),
    )?;
    let mut lines = Vec::new();
    for (member, result) in rows {
        lines.push((member.title, tested(result, PredictionSource::Model, name)?));
    }
    if let Some(forest) = forest {
        lines.push((
            "ECFP4 forest",
            tested(forest, PredictionSource::Baseline, name)?,
        ));
    }
    for (title, values) in lines {
        // Of a split that is not of folds there is one value.
        let cells: Vec<String> = values
            .iter()
            .map(|values| match values[..] {
                [_] => mean_cell(values),
                _ => spread(values),
            })
            .collect();
        writeln!(text, "| {title} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// A metric on the test, for every endpoint: one value a fold, or one.
fn tested(result: &Measured, of: PredictionSource, name: &str) -> Result<Vec<Vec<f64>>> {
    let endpoints = result.endpoints.iter().map(|endpoint| {
        let folds = of_folds(endpoint, of, name);
        if !folds.is_empty() {
            return Ok(folds);
        }
        let pooled = test(endpoint)?.metric(of, name);
        Ok(pooled.map(|metric| metric.value).into_iter().collect())
    });
    endpoints.collect()
}

fn screening(result: &Screening, text: &mut String) -> Result<()> {
    text.push_str(
        "\n## Virtual screening\n\nThe RDKit benchmarking platform (Riniker & Landrum 2013), 53 \
         targets, 50 repetitions with 5 query actives each: mean over repetitions, then over \
         targets. Every fourth target of the sorted list was used to choose between the rows; \
         the others are the test set.\n\n\
         | Similarity | AUROC, choosing | BEDROC20 | AUROC, test | BEDROC20 | AUROC, all | \
         BEDROC20 |\n|---|---|---|---|---|---|---|\n",
    );
    for screen in Screen::ALL {
        let mut targets: Vec<&TargetResult> = result.targets(screen).iter().collect();
        if targets.is_empty() {
            continue;
        }
        targets.sort_by(|a, b| a.target.cmp(&b.target));
        let parts: [&dyn Fn(usize) -> bool; 3] =
            [&|i| i % EVERY == 0, &|i| i % EVERY != 0, &|_| true];
        let cells: Vec<String> = parts
            .iter()
            .flat_map(|part| {
                let all = targets.iter().enumerate();
                let chosen = all.filter(|(index, _)| part(*index));
                screening_means(chosen.map(|(_, target)| *target))
            })
            .collect();
        writeln!(text, "| {} | {} |", screen.title(), cells.join(" | "))?;
    }
    text.push_str("\n![AUROC of each target](screening.svg)\n");
    Ok(())
}

/// What stands where nothing was measured.
const NOTHING: &str = "–";

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn mean_cell(values: &[f64]) -> String {
    if values.is_empty() {
        return NOTHING.to_owned();
    }
    format!("{:.3}", mean(values))
}

/// Mean ± standard deviation (of a sample).
fn spread(values: &[f64]) -> String {
    if values.len() < 2 {
        return NOTHING.to_owned();
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (values.len() - 1) as f64).sqrt();
    format!("{mean:.3} ± {deviation:.3}")
}

/// A metric with its interval, or a dash.
fn interval(metric: Option<Interval>) -> String {
    metric.map_or_else(
        || NOTHING.to_owned(),
        |Interval { value, low, high }| format!("{value:.3} [{low:.3}, {high:.3}]"),
    )
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::path::Path;

    use delicate::model::EndpointTask;

    use super::*;
    use crate::results::Provenance;

    #[test]
    fn metrics_are_shown_with_their_intervals_and_spreads() {
        let metric = Interval {
            value: 0.6,
            low: 0.51,
            high: 0.7049,
        };
        assert_eq!(interval(Some(metric)), "0.600 [0.510, 0.705]");
        assert_eq!(interval(None), "–");
        assert_eq!(spread(&[1.0, 2.0, 3.0]), "2.000 ± 1.000");
        assert_eq!(spread(&[1.0]), "–");
    }

    #[test]
    fn folds_are_counted_one_by_one() {
        let split = |fold: Option<usize>, value: f64| {
            let rmse = Interval {
                value,
                low: 0.0,
                high: 9.0,
            };
            SplitEvaluation {
                split: "test".to_owned(),
                fold,
                molecules: 9,
                model: [("rmse".to_owned(), Some(rmse))].into(),
                network: None,
                process: None,
                baseline: None,
            }
        };
        let endpoint = EndpointEvaluation {
            name: "x".to_owned(),
            title: "X".to_owned(),
            unit: "u".to_owned(),
            task: EndpointTask::Regression,
            splits: vec![split(None, 5.0), split(Some(0), 1.0), split(Some(1), 2.0)],
        };
        let rmse = of_folds(&endpoint, PredictionSource::Model, "rmse");
        assert_eq!(rmse, [1.0, 2.0]);
        let result = Measured {
            run: Provenance {
                version: String::new(),
                device: String::new(),
                started: String::new(),
            },
            seconds: 60.0,
            endpoints: vec![endpoint],
            readings: NonZeroUsize::MIN,
            parameters: None,
            pretraining_seconds: None,
        };
        let mut text = String::new();
        folds(&result, &mut text).expect("a table");
        assert!(
            text.contains("| X | RMSE, u | 1.500 ± 0.707 | – | – | – |"),
            "{text}"
        );
    }

    #[test]
    fn the_documents_are_those_of_the_results() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let results = Results::read(docs.join("results")).expect("readable results");
        let written = std::fs::read_to_string(docs.join("results.md")).expect("the tables");
        let expected = all(&results).expect("tables");
        for (line, expected) in written.lines().zip(expected.lines()) {
            assert_eq!(line, expected);
        }
        assert_eq!(written.len(), expected.len());
    }
}
