//! The tables of `docs/results.md`, from the results alone.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

use super::results::{Results, device, list};
use super::{
    ECFP, EVERY, FAMILY, FAMILY_EPOCHS, FAMILY_PRETRAINING, FOLD_EPOCHS, Member, READINGS,
    SCAFFOLD_EPOCHS, SCREENS, TOXICITY,
};

/// All tables that there are results for.
pub(super) fn all(results: &Results) -> Result<String> {
    let mut text = String::from(
        "# Results\n\nWritten by `cargo xtask reproduce` from what it measured \
         ([results](results/)); how the models are trained stands in \
         [its stages](../xtask/src/reproduce/mod.rs).\n",
    );
    if let Some(result) = results.get("endpoints") {
        endpoints(result, results.get("endpoints-read-often"), &mut text)?;
    }
    if let (Some(together), Some(alone)) = (results.get("endpoints"), results.get("alone")) {
        encoders(together, alone, &mut text)?;
    }
    if let Some(result) = results.get("folds") {
        text.push_str("\n## Five folds\n\n");
        let _ = write!(
            text,
            "Random folds of the merged molecules, held out in turn (half for early stopping and \
             weights, half for the test), {FOLD_EPOCHS} epochs each: mean ± standard deviation \
             over the folds. Columns are as above.\n\n",
        );
        folds(result, &mut text)?;
    }
    if let Some(result) = results.get("scaffold") {
        let _ = write!(
            text,
            "\n## Scaffold split\n\nNo Bemis–Murcko scaffold is on both sides; the tenth of the \
             molecules of all sets together that have the rarest scaffolds is the test; \
             {SCAFFOLD_EPOCHS} epochs. Columns are as above.\n\n",
        );
        one_split(result, None, &mut text)?;
        text.push_str(&provenance(result));
    }
    toxicity(results, &mut text)?;
    family(results, &mut text)?;
    if let Some(result) = results.get("screening") {
        screening(result, &mut text)?;
    }
    Ok(text)
}

/// Which run a table is of.
fn provenance(result: &Value) -> String {
    let run = &result["run"];
    let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
    let minutes = result["seconds"].as_f64().unwrap_or_default() / 60.0;
    format!(
        "\nFine-tuned in {minutes:.0} minutes on {}, version {}, {}.\n",
        device(run),
        text("version"),
        text("started").get(..10).unwrap_or_default(),
    )
}

/// The metrics that are shown, with their titles; of those an endpoint has.
const SHOWN: [(&str, &str); 4] = [
    ("rmse", "RMSE"),
    ("r2", "R²"),
    ("roc_auc", "ROC-AUC"),
    ("pr_auc", "PR-AUC"),
];

pub(super) fn title(endpoint: &Value) -> &str {
    endpoint["title"].as_str().unwrap_or_default()
}

/// A metric's title with the unit that it has.
fn metric(endpoint: &Value, name: &str, title: &str) -> String {
    match endpoint["unit"].as_str() {
        Some(unit) if name == "rmse" && !unit.is_empty() => format!("{title}, {unit}"),
        _ => title.to_owned(),
    }
}

/// The test of all folds together.
pub(super) fn test(endpoint: &Value) -> Result<&Value> {
    list(&endpoint["splits"])?
        .iter()
        .find(|split| split["split"] == "test" && split["fold"].is_null())
        .with_context(|| format!("no test of {}", title(endpoint)))
}

fn endpoints(result: &Value, often: Option<&Value>, text: &mut String) -> Result<()> {
    let _ = write!(
        text,
        "\n## Endpoints\n\nThe model that is built in. A random split, 10 % held out for the test, \
         never trained on; duplicates are merged before. Brackets: 95 % bootstrap interval. Read \
         {READINGS} times: the mean over the canonical SMILES and {} random ones (`--readings \
         {READINGS}`). {PARTS}\n\n",
        READINGS - 1
    );
    one_split(result, often, text)?;
    text.push_str("\n![R² of each endpoint](endpoints.svg)\n");
    text.push_str(&provenance(result));
    Ok(())
}

/// One encoder for all endpoints beside one for each.
fn encoders(together: &Value, alone: &Value, text: &mut String) -> Result<()> {
    text.push_str(
        "\n## One encoder for all endpoints\n\nThe same split, every endpoint fine-tuned by itself \
         from the same pre-trained encoder and for as many epochs, with a Gaussian process of its \
         own: RMSE, of the prediction and of its network.\n\n\
         | Endpoint | All on one | Each on its own | Network of all | Networks of each |\n\
         |---|---|---|---|---|\n",
    );
    let parts = ["model", "network"];
    let mut explained = [const { Vec::new() }; 4];
    for (endpoint, own) in list(&together["endpoints"])?
        .iter()
        .zip(list(&alone["endpoints"])?)
    {
        let mut cells = vec![metric(endpoint, "rmse", title(endpoint))];
        let columns = parts
            .iter()
            .flat_map(|part| [(part, endpoint), (part, own)]);
        for ((part, endpoint), explained) in columns.zip(&mut explained) {
            let metrics = &test(endpoint)?[part];
            cells.push(interval(&metrics["rmse"]));
            explained.extend(metrics["r2"]["value"].as_f64());
        }
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    let means = explained.map(|values| mean_cell(&values));
    writeln!(text, "| Mean R² | {} |", means.join(" | "))?;
    text.push_str(&provenance(alone));
    Ok(())
}

/// What the columns beside the model's are.
const PARTS: &str = "The model is a weighted mean of its network and a Gaussian process over the \
    training molecules (covariance by counts of circular environments): *network* and *process* \
    are each of them by itself, fitted to the same molecules as the random forest on ECFP4.";

/// One split's metrics beside those of its parts and the baseline's, and beside
/// those of the same model read `often` where there are such.
fn one_split(result: &Value, often: Option<&Value>, text: &mut String) -> Result<()> {
    let mut columns = vec!["DeLiCaTe-small".to_owned()];
    if often.is_some() {
        columns.push(format!("Read {READINGS} times"));
    }
    columns.extend(["Network", "Process", "ECFP4 forest"].map(str::to_owned));
    writeln!(
        text,
        "| Endpoint | Molecules | Metric | {} |\n|---|---|---|{}",
        columns.join(" | "),
        "---|".repeat(columns.len()),
    )?;
    for (index, endpoint) in list(&result["endpoints"])?.iter().enumerate() {
        let split = test(endpoint)?;
        let mut compared = vec![&split["model"]];
        if let Some(often) = often {
            compared.push(&test(&often["endpoints"][index])?["model"]);
        }
        compared.extend(["network", "process", "baseline"].map(|of| &split[of]));
        for (name, title_of) in SHOWN {
            if split["model"][name].is_null() {
                continue;
            }
            let cells: Vec<String> = compared.iter().map(|of| interval(&of[name])).collect();
            writeln!(
                text,
                "| {} | {} | {} | {} |",
                title(endpoint),
                split["molecules"],
                metric(endpoint, name, title_of),
                cells.join(" | "),
            )?;
        }
    }
    Ok(())
}

/// Mean and deviation over the folds: of the model, its parts and the baseline.
fn folds(result: &Value, text: &mut String) -> Result<()> {
    text.push_str(
        "| Endpoint | Metric | DeLiCaTe-small | Network | Process | ECFP4 forest |\n\
         |---|---|---|---|---|---|\n",
    );
    for endpoint in list(&result["endpoints"])? {
        for (name, title_of) in SHOWN {
            let mut cells = Vec::new();
            for of in ["model", "network", "process", "baseline"] {
                cells.push(spread(&of_folds(endpoint, of, name)?));
            }
            if cells[0] == NOTHING {
                continue;
            }
            let metric = metric(endpoint, name, title_of);
            writeln!(
                text,
                "| {} | {metric} | {} |",
                title(endpoint),
                cells.join(" | ")
            )?;
        }
    }
    text.push_str(&provenance(result));
    Ok(())
}

/// A metric on the test of each fold.
fn of_folds(endpoint: &Value, of: &str, name: &str) -> Result<Vec<f64>> {
    let splits = list(&endpoint["splits"])?.iter();
    let tests = splits.filter(|split| split["split"] == "test" && !split["fold"].is_null());
    Ok(tests
        .filter_map(|split| split[of][name]["value"].as_f64())
        .collect())
}

/// The sets of classes: one row each, the mean over a set's endpoints.
fn toxicity(results: &Results, text: &mut String) -> Result<()> {
    let measured: Vec<(&str, &Value)> = TOXICITY
        .iter()
        .filter_map(|(name, title, _)| Some((*title, results.get(name)?)))
        .collect();
    if measured.is_empty() {
        return Ok(());
    }
    text.push_str(
        "\n## Classes\n\nScaffold split, the rarest scaffolds held out; ROC-AUC on the test, the \
         mean over a set's endpoints (of those with both classes in the test). Columns are as \
         above; the process is the mean over the endpoints that have one.\n\n\
         | Set | Endpoints | Molecules | DeLiCaTe-small | Network | Process | ECFP4 forest |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (title, result) in measured {
        let endpoints = list(&result["endpoints"])?;
        let tests: Vec<&Value> = endpoints.iter().filter_map(|e| test(e).ok()).collect();
        let both = |of: &str| -> Vec<f64> {
            let all = tests.iter();
            all.filter_map(|split| split[of]["roc_auc"]["value"].as_f64())
                .collect()
        };
        let most = tests
            .iter()
            .filter_map(|split| split["molecules"].as_u64())
            .max();
        writeln!(
            text,
            "| {title} | {} of {} | {} | {} |",
            both("model").len(),
            endpoints.len(),
            most.unwrap_or_default(),
            ["model", "network", "process", "baseline"]
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
        "\n## The family\n\nTeachers and students that read the same {FAMILY_PRETRAINING} of the \
         corpus once, then were fine-tuned alike for {FAMILY_EPOCHS} epochs, without a Gaussian \
         process, on {}. These are not the model that is built in, which was trained for longer \
         and without a teacher. R² is the mean over endpoints, of five random folds and of the \
         scaffold split above; in brackets, a student's part of its teacher's. Screening is by \
         the embedding before fine-tuning, as below: the mean over queries, of all targets.\n\n\
         | Model | Teacher | Parameters | R², folds | R², scaffolds | AUROC, screening | \
         BEDROC20 |\n|---|---|---|---|---|---|---|",
        device(&first["run"]),
    )?;
    let screened = of_family(results, "-screening");
    for (member, result) in &folds {
        let teacher = FAMILY
            .iter()
            .find(|other| member.teacher == Some(other.key));
        let parameters = result["parameters"].as_f64().unwrap_or_default() / 1e6;
        let mut cells = vec![
            member.title.to_owned(),
            teacher.map_or(NOTHING, |teacher| teacher.title).to_owned(),
            format!("{parameters:.2} M"),
            explained(member, &folds)?,
            explained(member, &scaffold)?,
        ];
        cells.extend(screening_means(found(&screened, member.key)));
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    let forests = ["folds", "scaffold"].map(|name| results.get(name));
    let mut cells = vec!["ECFP4 (forest; nearest query)".to_owned()];
    cells.extend([NOTHING, NOTHING].map(str::to_owned));
    for forest in forests {
        cells.push(match forest {
            Some(forest) => format!("{:.3}", overall(&tested(forest, "baseline", "r2")?)),
            None => NOTHING.to_owned(),
        });
    }
    let by_fingerprints = results.get("screening").map(|result| &result[ECFP]);
    cells.extend(screening_means(by_fingerprints));
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
    let minutes = |key: &str| {
        let all = folds.iter().chain(&scaffold);
        let seconds = all.filter_map(|(_, result)| result[key].as_f64());
        seconds.sum::<f64>() / 60.0
    };
    writeln!(
        text,
        "\nTheir training took {:.0} minutes before fine-tuning and {:.0} in it, the sum of runs \
         that went on beside one another.",
        minutes("pretraining_seconds"),
        minutes("seconds"),
    )?;
    Ok(())
}

/// Members with a result each.
type Members<'a> = Vec<(&'static Member, &'a Value)>;

/// The members that there are results for, of names that end in `suffix`.
fn of_family<'a>(results: &'a Results, suffix: &str) -> Members<'a> {
    let measured = |member: &'static Member| {
        let result = results.get(&format!("family-{}{suffix}", member.key))?;
        Some((member, result))
    };
    FAMILY.iter().filter_map(measured).collect()
}

fn found<'a>(rows: &Members<'a>, key: &str) -> Option<&'a Value> {
    let row = rows.iter().find(|(member, _)| member.key == key);
    row.map(|(_, result)| *result)
}

/// The mean R² of a member, with its part of that of the teacher.
fn explained(member: &Member, rows: &Members<'_>) -> Result<String> {
    let mean = |key: &str| -> Result<Option<f64>> {
        let result = found(rows, key);
        let values = result.map(|result| tested(result, "model", "r2"));
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
fn screening_means(targets: Option<&Value>) -> [String; 2] {
    let targets = targets.and_then(Value::as_array);
    ["auroc", "bedroc"].map(|name| mean_cell(&of_targets(targets.into_iter().flatten(), name)))
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
    forest: Option<&Value>,
    name: &str,
    text: &mut String,
) -> Result<()> {
    let Some((_, first)) = rows.first() else {
        return Ok(());
    };
    let titles: Vec<String> = list(&first["endpoints"])?
        .iter()
        .map(|endpoint| metric(endpoint, name, title(endpoint)))
        .collect();
    writeln!(
        text,
        "\n{about}:\n\n| Model | {} |\n|---|{}",
        titles.join(" | "),
        "---|".repeat(titles.len()),
    )?;
    let mut lines = Vec::new();
    for (member, result) in rows {
        lines.push((member.title, tested(result, "model", name)?));
    }
    if let Some(forest) = forest {
        lines.push(("ECFP4 forest", tested(forest, "baseline", name)?));
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
fn tested(result: &Value, of: &str, name: &str) -> Result<Vec<Vec<f64>>> {
    list(&result["endpoints"])?
        .iter()
        .map(|endpoint| {
            let folds = of_folds(endpoint, of, name)?;
            if !folds.is_empty() {
                return Ok(folds);
            }
            Ok(test(endpoint)?[of][name]["value"]
                .as_f64()
                .into_iter()
                .collect())
        })
        .collect()
}

/// A metric, one value a target.
fn of_targets<'a>(targets: impl IntoIterator<Item = &'a Value>, metric: &str) -> Vec<f64> {
    let values = targets.into_iter().map(|target| &target[metric]);
    values.filter_map(Value::as_f64).collect()
}

fn screening(result: &Value, text: &mut String) -> Result<()> {
    text.push_str(
        "\n## Virtual screening\n\nThe RDKit benchmarking platform (Riniker & Landrum 2013), 53 \
         targets, 50 repetitions of 5 query actives: mean over repetitions, then over \
         targets. Every fourth target of the sorted list was for choosing between the rows; \
         the others are the test.\n\n\
         | Compared by | AUROC, choosing | BEDROC20 | AUROC, test | BEDROC20 | AUROC, all | \
         BEDROC20 |\n|---|---|---|---|---|---|---|\n",
    );
    for screen in &SCREENS {
        let row = &result[screen.key];
        if row.is_null() {
            continue;
        }
        let mut targets = list(row)?.clone();
        targets.sort_by(|a, b| a["target"].as_str().cmp(&b["target"].as_str()));
        let mean = |chosen: &dyn Fn(usize) -> bool, metric: &str| {
            let all = targets.iter().enumerate();
            let chosen = all.filter(|(index, _)| chosen(*index));
            mean_cell(&of_targets(chosen.map(|(_, target)| target), metric))
        };
        let parts: [&dyn Fn(usize) -> bool; 3] =
            [&|i| i % EVERY == 0, &|i| i % EVERY != 0, &|_| true];
        let cells: Vec<String> = parts
            .iter()
            .flat_map(|part| [mean(*part, "auroc"), mean(*part, "bedroc")])
            .collect();
        writeln!(text, "| {} | {} |", screen.title, cells.join(" | "))?;
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
fn interval(metric: &Value) -> String {
    let number = |key: &str| metric[key].as_f64();
    match (number("value"), number("low"), number("high")) {
        (Some(value), Some(low), Some(high)) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        _ => NOTHING.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    #[test]
    fn metrics_are_shown_with_their_intervals_and_spreads() {
        let metric = json!({"value": 0.6, "low": 0.51, "high": 0.7049});
        assert_eq!(interval(&metric), "0.600 [0.510, 0.705]");
        assert_eq!(interval(&Value::Null), "–");
        assert_eq!(spread(&[1.0, 2.0, 3.0]), "2.000 ± 1.000");
        assert_eq!(spread(&[1.0]), "–");
    }

    #[test]
    fn folds_are_counted_one_by_one() {
        let split = |fold: Value, value: f64| {
            json!({"split": "test", "fold": fold, "molecules": 9,
                   "model": {"rmse": {"value": value, "low": 0.0, "high": 9.0}}, "baseline": null})
        };
        let endpoint = json!({"title": "X", "unit": "u", "splits": [
            split(Value::Null, 5.0), split(json!(0), 1.0), split(json!(1), 2.0)
        ]});
        assert_eq!(
            of_folds(&endpoint, "model", "rmse").expect("splits"),
            [1.0, 2.0]
        );
        let result = json!({"endpoints": [endpoint], "run": {}, "seconds": 60});
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
        assert_eq!(written, all(&results).expect("tables"));
    }
}
