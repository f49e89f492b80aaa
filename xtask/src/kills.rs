//! Kills commands at random moments, goes on with what they left, and compares the
//! result with that of a process that nobody killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::native;
use crate::workspace::Workspace;

/// A command that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Pretrain,
    Distill,
    Finetune,
    Score,
    Embed,
    Export,
}

/// What the commands are given: few molecules, many checkpoints.
const TRAINING: &str = r#"
    license = "MIT"
    preset = "delicate-small"
    epochs = 1
    hidden_dropout = 0.1
    checkpoint_every = 3
    batch = { molecules = 16 }
"#;
const ON_TABLE: &str = r#"
    baseline = false
    split = { folds = 2 }
    [[endpoints]]
    name = "length"
    title = "Length"
    file = "table.csv"
    label_column = "length"
    [[endpoints]]
    name = "nitrogen"
    title = "Nitrogen"
    file = "table.csv"
    label_column = "nitrogen"
    task = "classification"
"#;

/// Rows that are scored: three chunks of the command's.
const ROWS: usize = 3_000;
/// Time that no command here needs.
const LIMIT: Duration = Duration::from_secs(600);

/// Kills each of `kinds` `rounds` times and prints a table of what came of it;
/// whether all was well.
pub(crate) fn run(workspace: &Workspace, kinds: &[Kind], rounds: usize, seed: u64) -> Result<bool> {
    let place = workspace.target.join("kills");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place)?;
    write_inputs(&place)?;
    // A copy: half an hour later another build may have replaced it.
    let program = place.join("delicate");
    fs::copy(native::build(workspace, "delicate")?, &program)?;
    let bench = Bench {
        program,
        model: workspace.root.join("models/delicate-small"),
        place,
    };
    let kinds = match kinds {
        [] => Kind::value_variants(),
        some => some,
    };
    let mut random = Random(seed);
    let mut rows = Vec::new();
    for &kind in kinds {
        rows.push((kind, bench.kill(kind, rounds, &mut random)?));
    }
    println!(
        "\n| Command | Kills | Of them twice | Gone on with | Begun again | Ended first | \
         Bit-identical | Faults |\n|---|---|---|---|---|---|---|---|"
    );
    let mut is_well = true;
    for (kind, tally) in rows {
        let name = format!("{kind:?}").to_lowercase();
        println!("| {name} | {tally} |");
        for fault in &tally.faults {
            println!("  {fault}");
        }
        is_well &= tally.faults.is_empty();
    }
    Ok(is_well)
}

/// What came of the kills of one command.
#[derive(Default)]
struct Tally {
    kills: usize,
    twice: usize,
    resumed: usize,
    begun_again: usize,
    ended_first: usize,
    identical: usize,
    faults: Vec<String>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} | {} | {} | {} | {} | {} | {}",
            self.kills,
            self.twice,
            self.resumed,
            self.begun_again,
            self.ended_first,
            self.identical,
            self.faults.len()
        )
    }
}

/// Random numbers that a seed repeats: SplitMix64 (Steele, Lea & Flood 2014).
struct Random(u64);

impl Random {
    /// Uniform within 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}

/// The files of an output, by name.
type Files = BTreeMap<String, Vec<u8>>;

struct Bench {
    program: PathBuf,
    model: PathBuf,
    place: PathBuf,
}

impl Bench {
    fn kill(&self, kind: Kind, rounds: usize, random: &mut Random) -> Result<Tally> {
        let name = format!("{kind:?}").to_lowercase();
        if kind == Kind::Distill && !self.place.join("teacher").is_dir() {
            let arguments = self.arguments(Kind::Pretrain, &self.place.join("teacher"));
            self.finish(&arguments)?;
        }
        let whole = self.place.join(format!("{name}-whole"));
        let older = self.older(kind, &whole)?;
        let arguments = self.arguments(kind, &whole);
        let started = Instant::now();
        self.finish(&arguments)?;
        let duration = started.elapsed();
        let expected = outputs(kind, &whole)?;
        ensure!(!expected.is_empty(), "{name} left nothing to compare");
        eprintln!("{name}: {rounds} kills of {:.1} s", duration.as_secs_f64());
        let mut tally = Tally::default();
        while tally.kills < rounds {
            let output = self.place.join(format!("{name}-killed"));
            self.round(
                kind, &output, &older, &expected, duration, random, &mut tally,
            )?;
        }
        Ok(tally)
    }

    /// Begins the command, kills it and goes on with what it left.
    #[allow(
        clippy::too_many_arguments,
        reason = "they are what a round is made of"
    )]
    fn round(
        &self,
        kind: Kind,
        output: &Path,
        older: &Files,
        expected: &Files,
        duration: Duration,
        random: &mut Random,
        tally: &mut Tally,
    ) -> Result<()> {
        clear(output)?;
        self.older(kind, output)?;
        // A third of the kills is near the end, where results are written.
        let moment = match random.fraction() {
            third if third < 1.0 / 3.0 => 0.8 + 0.22 * random.fraction(),
            _ => random.fraction(),
        };
        let after = duration.mul_f64(moment);
        let mut arguments = self.arguments(kind, output);
        if !self.is_killed(&arguments, after)? {
            tally.ended_first += 1;
            return Ok(());
        }
        tally.kills += 1;
        let mut told = vec![after];
        let fault = |what: &str, told: &[Duration]| format!("killed after {told:?}: {what}");
        let check = |tally: &mut Tally, told: &[Duration]| -> Result<()> {
            let found = results(kind, output)?;
            if found != *older && found != results_of(kind, expected) {
                tally
                    .faults
                    .push(fault("its output is neither whole nor absent", told));
            }
            Ok(())
        };
        check(tally, &told)?;
        let resumes = self.resumed(kind, output);
        match resumes {
            Some(_) => tally.resumed += 1,
            None => tally.begun_again += 1,
        }
        arguments = resumes.unwrap_or(arguments);
        if random.fraction() < 0.5 {
            let after = duration.mul_f64(random.fraction());
            if self.is_killed(&arguments, after)? {
                tally.twice += 1;
                told.push(after);
                check(tally, &told)?;
                arguments = self
                    .resumed(kind, output)
                    .unwrap_or_else(|| self.arguments(kind, output));
            }
        }
        if let Err(error) = self.finish(&arguments) {
            tally.faults.push(fault(&format!("{error:#}"), &told));
            return Ok(());
        }
        let found = outputs(kind, output)?;
        let differs = expected
            .iter()
            .find(|(name, bytes)| found.get(*name) != Some(bytes));
        match differs {
            None => tally.identical += 1,
            Some((name, _)) => tally.faults.push(fault(&format!("{name} differs"), &told)),
        }
        Ok(())
    }

    /// Puts what an earlier command may have left in the place of the output; its files.
    fn older(&self, kind: Kind, output: &Path) -> Result<Files> {
        match kind {
            Kind::Pretrain | Kind::Distill | Kind::Finetune => {}
            Kind::Score | Kind::Embed => fs::write(output, "older\n")?,
            Kind::Export => {
                fs::create_dir_all(output)?;
                for entry in fs::read_dir(&self.model)? {
                    let entry = entry?;
                    fs::copy(entry.path(), output.join(entry.file_name()))?;
                }
            }
        }
        results(kind, output)
    }

    fn arguments(&self, kind: Kind, output: &Path) -> Vec<String> {
        let input = |name: &str| self.place.join(name).display().to_string();
        let output = output.display().to_string();
        let model = self.model.display().to_string();
        let mut arguments: Vec<String> = match kind {
            Kind::Pretrain => vec!["pretrain".to_owned(), input("pretrain.toml")],
            Kind::Distill => vec![
                "distill".to_owned(),
                input("pretrain.toml"),
                "--teacher".to_owned(),
                input("teacher"),
            ],
            Kind::Finetune => vec![
                "finetune".to_owned(),
                input("finetune.toml"),
                "--data".to_owned(),
                self.place.display().to_string(),
            ],
            Kind::Score => vec!["score".to_owned(), input("rows.csv")],
            Kind::Embed => vec![
                "embed".to_owned(),
                input("rows.csv"),
                "--format".to_owned(),
                "jsonl".to_owned(),
            ],
            Kind::Export => ["export", &model, "--precision", "int8"]
                .map(str::to_owned)
                .into(),
        };
        if matches!(kind, Kind::Pretrain | Kind::Distill) {
            for (option, file) in [("--train", "corpus.smi"), ("--valid", "valid.smi")] {
                arguments.extend([option.to_owned(), input(file)]);
            }
        }
        arguments.extend(["-o".to_owned(), output]);
        if kind != Kind::Export {
            arguments.push("--quiet".to_owned());
        }
        arguments
    }

    /// The command that goes on with what was left; `None` where the first begins again.
    fn resumed(&self, kind: Kind, output: &Path) -> Option<Vec<String>> {
        match kind {
            Kind::Pretrain | Kind::Distill | Kind::Finetune => {
                let is_run = output.join("config.toml").is_file();
                let output = output.display().to_string();
                is_run.then(|| vec!["resume".to_owned(), output, "--quiet".to_owned()])
            }
            Kind::Score | Kind::Embed => {
                let partial = format!("{}.partial", output.display());
                Path::new(&partial).exists().then(|| {
                    let mut arguments = self.arguments(kind, output);
                    arguments.push("--resume".to_owned());
                    arguments
                })
            }
            Kind::Export => None,
        }
    }

    fn begin(&self, arguments: &[String]) -> Result<Child> {
        Command::new(&self.program)
            .args(arguments)
            .env("DELICATE_DEVICE", "cpu")
            .env_remove("DELICATE_MODEL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} could not be started", self.program.display()))
    }

    /// Begins a command and kills it `after` a while; whether it was alive then.
    fn is_killed(&self, arguments: &[String], after: Duration) -> Result<bool> {
        let mut child = self.begin(arguments)?;
        thread::sleep(after);
        let is_alive = child.try_wait()?.is_none();
        // SIGKILL: nothing of the command's runs after it.
        child.kill()?;
        child.wait()?;
        Ok(is_alive)
    }

    fn finish(&self, arguments: &[String]) -> Result<()> {
        let mut child = self.begin(arguments)?;
        let started = Instant::now();
        while child.try_wait()?.is_none() {
            if started.elapsed() > LIMIT {
                child.kill()?;
                bail!("`delicate {}` does not end", arguments.join(" "));
            }
            thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "`delicate {}`: {}: {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

/// The files of `folder` and below, by their path in it.
fn files(folder: &Path, prefix: &str, into: &mut Files) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), into)?;
        } else {
            into.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// What stands under the final names of a command: whole or absent at any moment.
fn results(kind: Kind, output: &Path) -> Result<Files> {
    let mut all = Files::new();
    match kind {
        Kind::Pretrain | Kind::Distill | Kind::Finetune => {
            files(&output.join("model"), "model/", &mut all)?;
            // It tells how long the training took.
            all.remove("model/README.md");
        }
        Kind::Score | Kind::Embed => {
            if output.exists() {
                all.insert("rows".to_owned(), fs::read(output)?);
            }
        }
        // A directory that is being replaced may have no name for a moment: it is read
        // under that under which it waits.
        Kind::Export => match output.exists() {
            true => files(output, "", &mut all)?,
            false => files(&waiting(output), "", &mut all)?,
        },
    }
    Ok(all)
}

fn results_of(kind: Kind, outputs: &Files) -> Files {
    let is_result = |name: &str| match kind {
        Kind::Pretrain | Kind::Distill | Kind::Finetune => name.starts_with("model/"),
        Kind::Score | Kind::Embed | Kind::Export => true,
    };
    let results = outputs.iter().filter(|(name, _)| is_result(name));
    results.map(|(n, b)| (n.clone(), b.clone())).collect()
}

/// All that a finished command leaves and that does not tell of time.
fn outputs(kind: Kind, output: &Path) -> Result<Files> {
    let mut all = results(kind, output)?;
    if matches!(kind, Kind::Pretrain | Kind::Distill | Kind::Finetune) {
        files(&output.join("folds"), "folds/", &mut all)?;
        for name in [
            "predictions.csv",
            "evaluation.json",
            "splits.json",
            "examples.csv",
        ] {
            if let Ok(bytes) = fs::read(output.join(name)) {
                all.insert(name.to_owned(), bytes);
            }
        }
        let text = fs::read_to_string(output.join("metrics.jsonl"))?;
        let mut metrics = String::new();
        for line in text.lines() {
            let mut line: Value = serde_json::from_str(line)?;
            if let Some(fields) = line.as_object_mut() {
                fields.remove("seconds");
                fields.remove("molecules_per_second");
            }
            metrics += &format!("{line}\n");
        }
        all.insert("metrics.jsonl".to_owned(), metrics.into_bytes());
    }
    Ok(all)
}

fn waiting(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".delicate-replaced-{name}"))
}

/// Removes an output and what was left beside it.
fn clear(output: &Path) -> Result<()> {
    let name = output
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let folder = output.parent().context("an output has a folder")?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        if own.starts_with(&name) || own.starts_with(".delicate-") {
            match entry.path().is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
    }
    Ok(())
}

/// Molecules of our own making: chains and rings with what hangs on them.
fn molecules() -> Vec<String> {
    let cores = [
        "c1ccccc1", "C1CCCCC1", "c1ccncc1", "CCCC", "CC(C)C", "c1ccsc1",
    ];
    let tails = [
        "O", "N", "F", "Cl", "C(=O)O", "OC", "C#N", "CCO", "C(F)(F)F", "Br",
    ];
    let mut all = Vec::new();
    for chain in ["", "C", "CC"] {
        for core in cores {
            all.extend(tails.map(|tail| format!("C({tail}){chain}{core}")));
        }
    }
    all
}

fn write_inputs(place: &Path) -> Result<()> {
    let all = molecules();
    fs::write(place.join("corpus.smi"), all.join("\n") + "\nbroken(\n")?;
    fs::write(place.join("valid.smi"), all[..20].join("\n"))?;
    let labelled = all.iter().map(|smiles| {
        let nitrogen = u8::from(smiles.contains(['N', 'n']));
        format!("{smiles},{},{nitrogen}\n", smiles.len())
    });
    let table = format!("smiles,length,nitrogen\n{}", labelled.collect::<String>());
    fs::write(place.join("table.csv"), table)?;
    let rows = all.iter().cycle().take(ROWS).enumerate();
    let rows = rows.map(|(number, smiles)| format!("{number},{smiles}\n"));
    fs::write(
        place.join("rows.csv"),
        format!("id,smiles\n{}", rows.collect::<String>()),
    )?;
    fs::write(
        place.join("pretrain.toml"),
        format!("name = \"killed\"\nvalidate_every = 4\n{TRAINING}"),
    )?;
    fs::write(
        place.join("finetune.toml"),
        format!("name = \"killed\"\n{TRAINING}{ON_TABLE}"),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_and_repeat_with_the_seed() {
        let draw = |seed| {
            let mut random = Random(seed);
            (0..1000).map(|_| random.fraction()).collect::<Vec<f64>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mean = draw(3).iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!(draw(3).iter().all(|x| (0.0..=1.0).contains(x)));
    }
}
