//! The default model and every table about it, from the data alone.
//!
//! Each stage is a command that anyone could type; a stage whose result is
//! there already is not done again, so an interrupted run goes on.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command;
use crate::native;
use crate::workspace::Workspace;

/// Where the tables go.
const TABLES: &str = "docs/results.md";

/// One target in four chooses between ways to compare; the others are the test.
const EVERY: usize = 4;

/// What to do and where.
pub(crate) struct Reproduction<'a> {
    workspace: &'a Workspace,
    delicate: PathBuf,
    data: PathBuf,
    runs: PathBuf,
    quick: bool,
}

/// Trains, evaluates and writes the tables. `quick` takes a hundredth of the
/// corpus and few epochs: it shows that everything runs, and its tables go to
/// the run directory alone.
pub(crate) fn run(
    workspace: &Workspace,
    data: Option<PathBuf>,
    runs: Option<PathBuf>,
    quick: bool,
) -> Result<()> {
    let data = data.unwrap_or_else(|| workspace.root.join("../shared/data"));
    ensure!(
        data.join("corpus/train.smi.gz").is_file(),
        "{} holds no corpus/train.smi.gz: give the folder of corpus, qsar and screening with --data",
        data.display()
    );
    let default = if quick {
        "runs/reproduce-quick"
    } else {
        "runs/reproduce"
    };
    let reproduction = Reproduction {
        workspace,
        delicate: native::build(workspace)?,
        data,
        runs: runs.unwrap_or_else(|| workspace.root.join(default)),
        quick,
    };
    fs::create_dir_all(&reproduction.runs)?;
    reproduction.all()
}

impl Reproduction<'_> {
    fn all(&self) -> Result<()> {
        let first = self.pretrain("tokens", None, &[], "0.1")?;
        // Structure is learnt with the attention that hidden tokens taught.
        let structure = ["masked_lm=0.5", "structure=2.0", "physchem=10.0", "seed=1"];
        let second = self.pretrain("structure", Some(&first), &structure, "0.25")?;
        let finetuned = self.finetune(&second)?;
        let model = self.export(&finetuned, "delicate-small", "fp16")?;
        let embedding = self.export(&second, "delicate-small-embedding", "int8")?;
        let mut tables = String::from(
            "# Results\n\nWritten by `cargo xtask reproduce`, which trains the default model and \
             measures it; a row says what was measured and on how many molecules.\n",
        );
        self.endpoints(&finetuned, &mut tables)?;
        self.screening(&embedding, &mut tables)?;
        let path = if self.quick {
            self.runs.join("results.md")
        } else {
            self.workspace.root.join(TABLES)
        };
        fs::write(&path, tables)?;
        println!("Tables: {}", path.display());
        println!("Models: {}, {}", model.display(), embedding.display());
        Ok(())
    }

    /// Runs `delicate` with `arguments`.
    fn delicate(&self, arguments: &[&str]) -> Result<()> {
        command::run(
            Command::new(&self.delicate)
                .args(arguments)
                .args(["--device", "cpu"]),
        )
    }

    /// Where a stage writes, and whether it has done so.
    fn stage(&self, name: &str) -> (PathBuf, bool) {
        let run = self.runs.join(name);
        let done = run.join("model/config.json").is_file();
        (run, done)
    }

    fn pretrain(
        &self,
        name: &str,
        start: Option<&Path>,
        settings: &[&str],
        epochs: &str,
    ) -> Result<PathBuf> {
        let (run, done) = self.stage(name);
        let text = run.to_string_lossy();
        if done {
            return Ok(run);
        }
        if run.join("config.toml").is_file() {
            self.delicate(&["pretrain", "--resume", "-o", &text])?;
            return Ok(run);
        }
        let corpus = |file: &str| {
            let path = self.data.join("corpus").join(file);
            path.to_string_lossy().into_owned()
        };
        let (train, valid) = (corpus("train.smi.gz"), corpus("valid.smi.gz"));
        let start = start.map(|run| run.join("model").to_string_lossy().into_owned());
        let mut arguments = vec!["pretrain", "small-delicate", "--train", &train];
        arguments.extend(["--valid", &valid, "-o", &text]);
        arguments.extend(["--epochs", if self.quick { "0.004" } else { epochs }]);
        for setting in settings {
            arguments.extend(["--set", setting]);
        }
        if let Some(start) = &start {
            arguments.extend(["--start", start]);
        }
        self.delicate(&arguments)?;
        Ok(run)
    }

    fn finetune(&self, start: &Path) -> Result<PathBuf> {
        let (run, done) = self.stage("endpoints");
        let text = run.to_string_lossy();
        if done {
            return Ok(run);
        }
        if run.join("config.toml").is_file() {
            self.delicate(&["finetune", "--resume", "-o", &text])?;
            return Ok(run);
        }
        let (data, start) = (self.data.join("qsar"), start.join("model"));
        let (data, start) = (data.to_string_lossy(), start.to_string_lossy());
        let mut arguments = vec!["finetune", "small-delicate", "--data", &data];
        arguments.extend(["--start", &start, "-o", &text]);
        if self.quick {
            arguments.extend(["--epochs", "1"]);
        }
        self.delicate(&arguments)?;
        Ok(run)
    }

    /// A model as it is shipped.
    fn export(&self, run: &Path, name: &str, precision: &str) -> Result<PathBuf> {
        let (from, to) = (run.join("model"), self.runs.join(name));
        let [model, output] = [&from, &to].map(|path| path.to_string_lossy().into_owned());
        let written = ["export", &model, "-o", &output, "--lean", "--precision"];
        self.delicate(&[&written[..], &[precision]].concat())?;
        Ok(to)
    }

    fn endpoints(&self, run: &Path, tables: &mut String) -> Result<()> {
        let evaluation = read(&run.join("evaluation.json"))?;
        tables.push_str(
            "\n## Endpoints\n\nA random split, 10 % held out for the test, never trained on; \
             duplicates are merged before. Brackets: 95 % bootstrap interval. ECFP4: a random \
             forest fitted to the same molecules.\n\n\
             | Endpoint | Molecules | Metric | DeLiCaTe-small | ECFP4 |\n|---|---|---|---|---|\n",
        );
        for endpoint in list(&evaluation["endpoints"])? {
            let splits = list(&endpoint["splits"])?;
            let test = splits
                .iter()
                .find(|s| s["split"] == "test" && s["fold"].is_null());
            let test = test.context("the evaluation has no test")?;
            for (metric, title) in [("rmse", "RMSE"), ("r2", "R²")] {
                let unit = match endpoint["unit"].as_str() {
                    Some(unit) if metric == "rmse" && !unit.is_empty() => format!(", {unit}"),
                    _ => String::new(),
                };
                writeln!(
                    tables,
                    "| {} | {} | {title}{unit} | {} | {} |",
                    endpoint["title"].as_str().unwrap_or_default(),
                    test["molecules"],
                    interval(&test["model"][metric]),
                    interval(&test["baseline"][metric]),
                )?;
            }
        }
        Ok(())
    }

    fn screening(&self, model: &Path, tables: &mut String) -> Result<()> {
        let rows = [
            ("ECFP4, Tanimoto, nearest query", "ecfp", "max"),
            ("Embedding, nearest query", "embedding", "max"),
            ("Embedding, mean over queries", "embedding", "mean"),
            ("Both, mean over queries", "both", "mean"),
        ];
        tables.push_str(
            "\n## Virtual screening\n\nThe RDKit benchmarking platform (Riniker & Landrum 2013), 53 \
             targets, 50 repetitions of 5 query actives: mean over repetitions, then over \
             targets. Every fourth target of the sorted list was for choosing between the rows; \
             the others are the test.\n\n\
             | Compared by | AUROC, choosing | BEDROC20 | AUROC, test | BEDROC20 | AUROC, all | \
             BEDROC20 |\n|---|---|---|---|---|---|---|\n",
        );
        let benchmark = self.data.join("screening");
        let names = fs::read_to_string(benchmark.join("targets.txt"))?;
        let few: Vec<&str> = names.lines().take(EVERY).collect();
        for (title, by, aggregate) in rows {
            let mut screen = Command::new(&self.delicate);
            screen.args(["screen", "--by", by, "--aggregate", aggregate]);
            screen.args(["--json", "--device", "cpu", "-q", "--benchmark"]);
            screen.arg(&benchmark);
            if self.quick {
                screen.args(["--targets", &few.join(",")]);
            }
            screen.arg("--model").arg(model);
            command::announce(&screen);
            let result: Value = serde_json::from_str(&command::answer(&mut screen)?)?;
            let mut targets = list(&result["targets"])?.clone();
            targets.sort_by(|a, b| a["target"].as_str().cmp(&b["target"].as_str()));
            let mean = |chosen: &dyn Fn(usize) -> bool, metric: &str| {
                let values: Vec<f64> = targets
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| chosen(*index))
                    .filter_map(|(_, target)| target[metric].as_f64())
                    .collect();
                values.iter().sum::<f64>() / values.len().max(1) as f64
            };
            let parts: [&dyn Fn(usize) -> bool; 3] =
                [&|i| i % EVERY == 0, &|i| i % EVERY != 0, &|_| true];
            let cells: Vec<String> = parts
                .iter()
                .flat_map(|part| [mean(*part, "auroc"), mean(*part, "bedroc")])
                .map(|value| format!("{value:.3}"))
                .collect();
            writeln!(tables, "| {title} | {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("a list is missing in a result")
}

/// A metric with its interval, or a dash.
fn interval(metric: &Value) -> String {
    let number = |key: &str| metric[key].as_f64();
    match (number("value"), number("low"), number("high")) {
        (Some(value), Some(low), Some(high)) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_shown_with_their_intervals() {
        let metric = serde_json::json!({"value": 0.6, "low": 0.51, "high": 0.7049});
        assert_eq!(interval(&metric), "0.600 [0.510, 0.705]");
        assert_eq!(interval(&Value::Null), "–");
    }
}
