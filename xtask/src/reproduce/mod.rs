//! The default model and every table about it, from the data alone.
//!
//! Parts can be measured one at a time: what was measured is kept in
//! `docs/results/`, and the tables are made of all that is there.

mod alone;
mod models;
mod plots;
mod results;
mod stages;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde_json::{Map, Value};

use self::models::{Encoder, Pretraining};
use self::results::Results;
use self::stages::{Kind, Stage, Stages};
use crate::command;
use crate::native;
use crate::workspace::{self, Workspace};

/// One target in four chooses between ways to compare; the others are the test.
const EVERY: usize = 4;

/// SMILES that a molecule is read as in the table's second column.
const READINGS: usize = 16;

/// Epochs of fine-tuning where many models are trained; the one that is built in is
/// trained for as many as its configuration says.
const FOLD_EPOCHS: &str = "8";
const SCAFFOLD_EPOCHS: &str = "12";
const FAMILY_EPOCHS: &str = "2";
/// The part of the corpus that each of the family reads before.
const FAMILY_PRETRAINING: &str = "0.12";
/// Networks are compared, and nothing that is the same beside each. A GPU takes hardly
/// longer over these batches than over smaller ones.
const FAMILY_FINETUNED_BY: [&str; 5] = [
    "batch.molecules=64",
    "batch.tokens=8192",
    "optimizer.learning_rate=1.5e-4",
    "gaussian_process=false",
    "baseline=false",
];

/// Names of the runs of pre-training.
const TOKENS: &str = "tokens";
const STRUCTURE: &str = "structure";

/// Names of the encoders that are shipped.
const PRETRAINED: &str = "delicate-small-pretrained";
const EMBEDDING: &str = "delicate-small-embedding";

/// Sets of classes: the run's and the result's name, its title, and the built-in
/// configuration.
const TOXICITY: [(&str, &str, &str); 4] = [
    ("clintox", "ClinTox", "small-clintox"),
    ("sider", "SIDER", "small-sider"),
    ("tox21", "Tox21", "small-tox21"),
    ("hiv", "HIV", "small-hiv"),
];

/// A model of the family that is compared at equal training.
struct Member {
    key: &'static str,
    title: &'static str,
    preset: &'static str,
    kind: Kind,
    config: &'static str,
    /// Key of the member that teaches it.
    teacher: Option<&'static str>,
}

/// Teachers first.
const FAMILY: [Member; 4] = [
    Member {
        key: "molbert",
        title: "MolBERT-small",
        preset: "molbert-small",
        kind: Kind::Pretrain,
        config: "small-molbert",
        teacher: None,
    },
    Member {
        key: "kd-molbert",
        title: "KDMolBERT-small",
        preset: "kd-molbert-small",
        kind: Kind::Distill,
        config: "small-kd-molbert",
        teacher: Some("molbert"),
    },
    Member {
        key: "ps-molbert",
        title: "PSMolBERT-small",
        preset: "ps-molbert-small",
        kind: Kind::Pretrain,
        config: "small-ps-molbert",
        teacher: None,
    },
    Member {
        key: "delicate",
        title: "DeLiCaTe-small",
        preset: "delicate-small",
        kind: Kind::Distill,
        config: "small-delicate",
        teacher: Some("ps-molbert"),
    },
];

/// A way to screen.
struct Screen {
    key: &'static str,
    title: &'static str,
    by: &'static str,
    aggregate: &'static str,
}

/// Key of the screen by fingerprints.
const ECFP: &str = "ecfp-max";

/// By the embedding, as the command does it with `--aggregate mean`.
const BY_EMBEDDING: Screen = Screen {
    key: "embedding-mean",
    title: "Embedding, mean over queries",
    by: "embedding",
    aggregate: "mean",
};

const SCREENS: [Screen; 4] = [
    Screen {
        key: ECFP,
        title: "ECFP4, Tanimoto, nearest query",
        by: "ecfp",
        aggregate: "max",
    },
    Screen {
        key: "embedding-max",
        title: "Embedding, nearest query",
        by: "embedding",
        aggregate: "max",
    },
    BY_EMBEDDING,
    Screen {
        key: "both-mean",
        title: "Both, mean over queries",
        by: "both",
        aggregate: "mean",
    },
];

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The model that is built in, on a random split.
    Endpoints,
    /// The encoders that are shipped, and virtual screening by one.
    Screening,
    /// The same endpoints on a scaffold split.
    Scaffold,
    /// HIV, Tox21, ClinTox and SIDER on scaffold splits.
    Classes,
    /// The same endpoints in five folds.
    Folds,
    /// Each endpoint on an encoder of its own, beside the model that is built in.
    Alone,
    /// Teachers and students of the same training, side by side.
    Family,
}

/// What to reproduce and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder of `corpus/`, `qsar/` and `screening/`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where runs are kept; what is finished there is not done again.
    #[arg(long)]
    runs: Option<PathBuf>,
    /// Where to train: `auto` takes a GPU where there is one. Evaluations are always
    /// computed on the CPU.
    #[arg(long, default_value = "cpu", value_parser = ["auto", "gpu", "cpu"])]
    device: String,
    /// Only this part, with the pre-training that it needs; may be given again.
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// Start from the pre-trained encoder that is shipped: an hour less, and the same
    /// figures but for its rounding to half precision.
    #[arg(long, conflicts_with = "quick")]
    shipped_encoder: bool,
    /// A thousandth of the corpus, the beginning of every table, one epoch: shows
    /// that everything runs. What it writes goes to the runs alone.
    #[arg(long)]
    quick: bool,
}

/// Trains, measures and writes the tables.
pub(crate) fn run(workspace: &Workspace, options: Options) -> Result<()> {
    let data = options
        .data
        .unwrap_or_else(|| workspace.root.join("../shared/data"));
    ensure!(
        data.join("corpus/train.smi.gz").is_file(),
        "{} holds no corpus/train.smi.gz: give the folder of corpus, qsar and screening with --data",
        data.display()
    );
    let quick = options.quick;
    let default = if quick {
        "runs/reproduce-quick"
    } else {
        "runs/reproduce"
    };
    let runs = options.runs.unwrap_or_else(|| workspace.root.join(default));
    fs::create_dir_all(&runs)?;
    let documents = if quick {
        runs.clone()
    } else {
        workspace.root.join("docs")
    };
    let mut reproduction = Reproduction {
        results: Results::read(documents.join("results"))?,
        shipped: workspace.root.join("models"),
        pretrains: !options.shipped_encoder,
        stages: Stages {
            delicate: native::build(workspace)?,
            data,
            runs,
            device: options.device,
            quick,
        },
    };
    let parts = if options.part.is_empty() {
        Part::value_variants()
    } else {
        &options.part
    };
    for part in parts {
        // Tables after each part, also one that failed or was interrupted: they
        // hold what it measured before.
        let outcome = reproduction.part(*part);
        let tables = documents.join("results.md");
        fs::write(&tables, tables::all(&reproduction.results)?)?;
        for (name, plot) in plots::all(&reproduction.results)? {
            fs::write(documents.join(name).with_extension("svg"), plot)?;
        }
        println!("Tables: {}", tables.display());
        outcome?;
    }
    Ok(())
}

/// Flags that set fields of a configuration.
fn set<'a>(settings: &[&'a str]) -> Vec<&'a str> {
    settings.iter().flat_map(|s| ["--set", *s]).collect()
}

struct Reproduction {
    stages: Stages,
    /// The folder of the models that are shipped.
    shipped: PathBuf,
    /// Whether the encoder is trained rather than the shipped one taken.
    pretrains: bool,
    results: Results,
}

impl Reproduction {
    fn part(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Endpoints => {
                let run = self.all_endpoints()?;
                self.results.put("endpoints", results::measured(&run)?)?;
                let often = self.read_often(&run)?;
                self.results.put("endpoints-read-often", often)?;
                let name = "delicate-small";
                let flags = ["--lean", "--precision", "fp16"];
                let model = self.stages.export(&run.join("model"), name, &flags)?;
                models::endpoints(&model, &self.pretraining())?;
                self.ship(&model, name, models::BUILT_IN)?;
            }
            Part::Screening => {
                let mut model = self.shipped.join(EMBEDDING);
                if self.pretrains {
                    let pretrained = self.pretrain()?;
                    let flags = ["--precision", "fp16"];
                    let whole = self.stages.export(&pretrained, PRETRAINED, &flags)?;
                    let pretraining = self.pretraining();
                    models::encoder(&whole, PRETRAINED, Encoder::Pretrained, &pretraining)?;
                    self.ship(&whole, PRETRAINED, models::STORED)?;
                    let flags = ["--lean", "--precision", "int8"];
                    model = self.stages.export(&pretrained, EMBEDDING, &flags)?;
                    models::encoder(&model, EMBEDDING, Encoder::Embedding, &pretraining)?;
                    self.ship(&model, EMBEDDING, models::BUILT_IN)?;
                }
                let screening = self.screen(&model)?;
                self.results.put("screening", screening)?;
            }
            Part::Scaffold => {
                let flags = ["--split", "scaffold"];
                self.measure("scaffold", "small-delicate", &flags, Some(SCAFFOLD_EPOCHS))?;
            }
            Part::Classes => {
                for (name, _, config) in TOXICITY {
                    self.measure(name, config, &[], None)?;
                }
            }
            Part::Folds => {
                let flags = ["--folds", "5"];
                self.measure("folds", "small-delicate", &flags, Some(FOLD_EPOCHS))?;
            }
            Part::Alone => self.alone()?,
            Part::Family => self.family()?,
        }
        Ok(())
    }

    /// The run of the model that is built in.
    fn all_endpoints(&self) -> Result<PathBuf> {
        self.finetune("endpoints", "small-delicate", &[], None, None)
    }

    /// Fine-tunes an encoder for each endpoint, as long as that for all of them and
    /// on the same molecules.
    fn alone(&mut self) -> Result<()> {
        let all = self.all_endpoints()?;
        let together = results::measured(&all)?;
        let folder = self.stages.runs.join("alone");
        let start = self.pretrain()?;
        let mut endpoints = Vec::new();
        let mut seconds = 0.0;
        let mut last = Value::Null;
        for endpoint in results::list(&together["endpoints"])? {
            let key = |key: &str| endpoint[key].as_str().unwrap_or_default();
            let name = key("name");
            alone::write_table(&all, name, &folder)?;
            let split = folder.join(name).with_extension("json");
            let split = split.display().to_string();
            let only = toml::Table::from_iter([
                ("name".to_owned(), name.into()),
                ("title".to_owned(), key("title").into()),
                ("unit".to_owned(), key("unit").into()),
                ("file".to_owned(), format!("{name}.csv").into()),
            ]);
            let only = format!("endpoints={}", toml::Value::from(vec![only]));
            let flags = [
                &set(&[&only, "baseline=false"])[..],
                &["--split", "indices", "--split-file", &split],
            ];
            let run = self.stages.train(Stage {
                name: &format!("alone-{name}"),
                kind: Kind::Finetune,
                config: "small-delicate",
                flags: &flags.concat(),
                epochs: None,
                start: Some(&start),
                teacher: None,
                tables: Some(&folder),
            })?;
            alone::ensure_same(&run, name, &folder)?;
            last = results::measured(&run)?;
            seconds += last["seconds"].as_f64().unwrap_or_default();
            endpoints.extend(results::list(&last["endpoints"])?.iter().cloned());
        }
        last["seconds"] = seconds.into();
        last["endpoints"] = endpoints.into();
        self.results.put("alone", last)
    }

    /// Pre-trains or distils each member on the same molecules, screens with it and
    /// fine-tunes it.
    fn family(&mut self) -> Result<()> {
        for member in &FAMILY {
            let teacher = member
                .teacher
                .map(|key| self.stages.runs.join(format!("family-{key}/model")));
            let pretrained = self.stages.train(Stage {
                name: &format!("family-{}", member.key),
                kind: member.kind,
                config: member.config,
                flags: &[],
                epochs: Some(FAMILY_PRETRAINING),
                start: None,
                teacher: teacher.as_deref(),
                tables: None,
            })?;
            let model = pretrained.join("model");
            let targets = self.screen_by(&BY_EMBEDDING, &model)?;
            self.results
                .put(&format!("family-{}-screening", member.key), targets)?;
            let preset = format!("preset={}", member.preset);
            for (suffix, split) in [
                ("", ["--folds", "5"]),
                ("-scaffold", ["--split", "scaffold"]),
            ] {
                let flags = [&set(&FAMILY_FINETUNED_BY)[..], &set(&[&preset]), &split].concat();
                let run = self.finetune(
                    &format!("family-{}-endpoints{suffix}", member.key),
                    "small-delicate",
                    &flags,
                    Some(FAMILY_EPOCHS),
                    Some(&model),
                )?;
                let mut result = results::measured(&run)?;
                let weights = fs::metadata(run.join("model/model.safetensors"))?.len();
                // In fp32, but for a header of a few hundred bytes.
                result["parameters"] = (weights / 4).into();
                if suffix.is_empty() {
                    result["pretraining_seconds"] =
                        results::last(&pretrained, "seconds")?.round().into();
                }
                self.results
                    .put(&format!("family-{}{suffix}", member.key), result)?;
            }
        }
        Ok(())
    }

    /// What says where the encoder comes from.
    fn pretraining(&self) -> Pretraining {
        if !self.pretrains {
            return Pretraining::Shipped(self.shipped.join(PRETRAINED));
        }
        let run = |name| self.stages.runs.join(name);
        Pretraining::Trained {
            tokens: run(TOKENS),
            structure: run(STRUCTURE),
        }
    }

    /// Puts an exported model where it is shipped from; not one of a quick run.
    fn ship(&self, model: &Path, name: &str, most: u64) -> Result<()> {
        let mut place = model.to_owned();
        if !self.stages.quick {
            place = self.shipped.join(name);
            models::ship(model, &place, most)?;
        }
        println!("Model: {}", place.display());
        Ok(())
    }

    /// The encoder that parts start from.
    fn pretrain(&self) -> Result<PathBuf> {
        if !self.pretrains {
            return Ok(self.shipped.join(PRETRAINED));
        }
        let stage = Stage {
            name: TOKENS,
            kind: Kind::Pretrain,
            config: "small-delicate",
            flags: &[],
            epochs: Some("0.1"),
            start: None,
            teacher: None,
            tables: None,
        };
        let first = self.stages.train(stage)?.join("model");
        // Structure is learnt with the attention that hidden tokens taught.
        let settings = [
            "masked_lm=0.5",
            "structure=2.0",
            "physchem=10.0",
            "mask_fraction=0.05",
            "seed=1",
            "batch.molecules=256",
            "batch.tokens=65536",
            "optimizer.learning_rate=6e-4",
        ];
        let run = self.stages.train(Stage {
            name: STRUCTURE,
            flags: &set(&settings),
            epochs: Some("1.37"),
            start: Some(&first),
            ..stage
        })?;
        Ok(run.join("model"))
    }

    /// Fine-tunes `start`; without one, the encoder of [`Self::pretrain`].
    fn finetune(
        &self,
        name: &str,
        config: &str,
        flags: &[&str],
        epochs: Option<&str>,
        start: Option<&Path>,
    ) -> Result<PathBuf> {
        let start = start.map_or_else(|| self.pretrain(), |start| Ok(start.to_owned()))?;
        self.stages.train(Stage {
            name,
            kind: Kind::Finetune,
            config,
            flags,
            epochs,
            start: Some(&start),
            teacher: None,
            tables: None,
        })
    }

    /// Fine-tunes and keeps the evaluation.
    fn measure(
        &mut self,
        name: &str,
        config: &str,
        flags: &[&str],
        epochs: Option<&str>,
    ) -> Result<()> {
        let run = self.finetune(name, config, flags, epochs, None)?;
        self.results.put(name, results::measured(&run)?)
    }

    /// The evaluation of a run that reads each molecule as several SMILES.
    fn read_often(&self, run: &Path) -> Result<Value> {
        let mut evaluate = self
            .stages
            .command(&["evaluate", "--json", "--no-baseline"]);
        evaluate
            .args(["--readings", &READINGS.to_string()])
            .arg(run);
        command::announce(&evaluate);
        let evaluation = serde_json::from_str(&command::answer(&mut evaluate)?)?;
        results::of_run(run, evaluation)
    }

    /// Every way to screen, target by target.
    fn screen(&self, model: &Path) -> Result<Value> {
        let mut rows = Map::new();
        for screen in &SCREENS {
            rows.insert(screen.key.to_owned(), self.screen_by(screen, model)?);
        }
        Ok(Value::Object(rows))
    }

    /// The targets of one way to screen.
    fn screen_by(&self, screen: &Screen, model: &Path) -> Result<Value> {
        let benchmark = self.stages.data.join("screening");
        let mut command = self.stages.command(&["screen", "--by", screen.by]);
        command.args(["--aggregate", screen.aggregate, "--json", "-q"]);
        command.arg("--benchmark").arg(&benchmark);
        if self.stages.quick {
            let names = workspace::read(&benchmark.join("targets.txt"))?;
            let few: Vec<&str> = names.lines().take(EVERY).collect();
            command.args(["--targets", &few.join(",")]);
        }
        command.arg("--model").arg(model);
        command::announce(&command);
        let mut answer: Value = serde_json::from_str(&command::answer(&mut command)?)?;
        Ok(answer["targets"].take())
    }
}
