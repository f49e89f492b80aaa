//! The stages of every part: what is trained from what, and how it is measured.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use delicate::device::{Device, DeviceChoice};
use delicate::screening::{BenchmarkResult, TargetResult};
use delicate::train::calibrate_run;

use crate::cards::{self, Encoder, Pretraining};
use crate::protocol::{
    EVERY, FAMILY, FAMILY_EPOCHS, FAMILY_PRETRAINING, FOLD_EPOCHS, READINGS, SCAFFOLD_EPOCHS,
    Screen, TOXICITY,
};
use crate::results::{Measured, Results, Screening, last};
use crate::stages::{Kind, Stage, Stages};
use crate::{command, files, forests, single_endpoint};

/// Names of the runs of pre-training.
const TOKENS: &str = "tokens";
const STRUCTURE: &str = "structure";

/// Names of the encoders that are shipped.
const PRETRAINED: &str = "delicate-small-pretrained";
const EMBEDDING: &str = "delicate-small-embedding";

/// Networks are compared, and nothing that is the same beside each. A GPU takes hardly
/// longer over these batches than over smaller ones.
const FAMILY_FINETUNED_BY: [&str; 5] = [
    "batch.molecules=64",
    "batch.tokens=8192",
    "optimizer.learning_rate=1.5e-4",
    "gaussian_process=false",
    "baseline=false",
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
    /// The model of 61 ADMET endpoints, taught by forests and beside them.
    Admet,
}

/// Flags that set fields of a configuration.
fn set<'a>(settings: &[&'a str]) -> Vec<&'a str> {
    settings.iter().flat_map(|s| ["--set", *s]).collect()
}

/// What the parts share.
pub(crate) struct Reproduction {
    pub(crate) stages: Stages,
    /// The folder of the models that are shipped.
    pub(crate) shipped: PathBuf,
    /// Whether the encoder is trained rather than the shipped one taken.
    pub(crate) pretrains: bool,
    /// Whether a finished run's domains and intervals are made anew.
    pub(crate) calibrates: bool,
    pub(crate) results: Results,
}

impl Reproduction {
    /// Trains and measures a part.
    pub(crate) fn part(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Endpoints => {
                let run = self.all_endpoints()?;
                self.results.put("endpoints", Measured::of_run(&run)?)?;
                let often = self.read_often(&run)?;
                self.results.put("endpoints-read-often", often)?;
                let name = "delicate-small";
                let flags = ["--inference-only", "--precision", "fp16"];
                let model = self.stages.export(&run.join("model"), name, &flags)?;
                cards::endpoints(&model, &self.pretraining())?;
                self.ship(&model, name, cards::BUILT_IN)?;
            }
            Part::Screening => {
                let mut model = self.shipped.join(EMBEDDING);
                if self.pretrains {
                    let pretrained = self.pretrain()?;
                    let flags = ["--precision", "fp16"];
                    let whole = self.stages.export(&pretrained, PRETRAINED, &flags)?;
                    let pretraining = self.pretraining();
                    cards::encoder(&whole, PRETRAINED, Encoder::Pretrained, &pretraining)?;
                    self.ship(&whole, PRETRAINED, cards::STORED)?;
                    let flags = ["--inference-only", "--precision", "int8"];
                    model = self.stages.export(&pretrained, EMBEDDING, &flags)?;
                    cards::encoder(&model, EMBEDDING, Encoder::Embedding, &pretraining)?;
                    self.ship(&model, EMBEDDING, cards::BUILT_IN)?;
                }
                let screening = Screening::measure(|by| self.screen(by, &model))?;
                self.results.put_screening(screening)?;
            }
            Part::Scaffold => {
                let flags = ["--split", "scaffold"];
                self.measure("scaffold", "delicate-small", &flags, Some(SCAFFOLD_EPOCHS))?;
            }
            Part::Classes => {
                for (name, _, config) in TOXICITY {
                    self.measure(name, config, &[], None)?;
                }
            }
            Part::Folds => {
                let flags = ["--folds", "5"];
                self.measure("folds", "delicate-small", &flags, Some(FOLD_EPOCHS))?;
            }
            Part::Alone => self.alone()?,
            Part::Family => self.family()?,
            Part::Admet => self.admet()?,
        }
        Ok(())
    }

    /// The run of the model that is built in.
    fn all_endpoints(&self) -> Result<PathBuf> {
        self.finetune("endpoints", "delicate-small", &[], None, None)
    }

    /// Fine-tunes an encoder for each endpoint, as long as that for all of them and
    /// on the same molecules.
    fn alone(&mut self) -> Result<()> {
        let all = self.all_endpoints()?;
        let mut together = Measured::of_run(&all)?;
        let folder = self.stages.runs.join("alone");
        let start = self.pretrain()?;
        let mut endpoints = Vec::new();
        let mut seconds = 0.0;
        for endpoint in std::mem::take(&mut together.endpoints) {
            let name = endpoint.name.as_str();
            single_endpoint::write_table(&all, name, &folder)?;
            let split = folder.join(name).with_extension("json");
            let split = split.display().to_string();
            let only = toml::Table::from_iter([
                ("name".to_owned(), name.into()),
                ("title".to_owned(), endpoint.title.as_str().into()),
                ("unit".to_owned(), endpoint.unit.as_str().into()),
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
                config: "delicate-small",
                flags: &flags.concat(),
                epochs: None,
                start: Some(&start),
                teacher: None,
                tables: Some(&folder),
            })?;
            single_endpoint::ensure_same(&run, name, &folder)?;
            let measured = Measured::of_run(&run)?;
            seconds += measured.seconds;
            endpoints.extend(measured.endpoints);
            together.run = measured.run;
        }
        let alone = Measured {
            seconds,
            endpoints,
            ..together
        };
        self.results.put("alone", alone)
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
            let targets = self.screen(Screen::EmbeddingMean, &model)?;
            let name = format!("family-{}", member.key);
            self.results.put_targets(&name, targets)?;
            let preset = format!("preset={}", member.preset);
            for (suffix, split) in [
                ("", ["--folds", "5"]),
                ("-scaffold", ["--split", "scaffold"]),
            ] {
                let flags = [&set(&FAMILY_FINETUNED_BY)[..], &set(&[&preset]), &split].concat();
                let run = self.finetune(
                    &format!("family-{}-endpoints{suffix}", member.key),
                    "delicate-small",
                    &flags,
                    Some(FAMILY_EPOCHS),
                    Some(&model),
                )?;
                let mut result = Measured::of_run(&run)?;
                let weights = fs::metadata(run.join("model/model.safetensors"))?.len();
                // In fp32, but for a header of a few hundred bytes.
                result.parameters = Some(weights / 4);
                if suffix.is_empty() {
                    result.pretraining_seconds = Some(last(&pretrained, "seconds")?.round());
                }
                self.results
                    .put(&format!("family-{}{suffix}", member.key), result)?;
            }
        }
        Ok(())
    }

    /// Trains an encoder by all labels, forests on fingerprints and descriptors, and a
    /// head that learns from both the labels and the forests.
    fn admet(&mut self) -> Result<()> {
        if self.stages.quick {
            println!("The ADMET model is left out of a quick run: its tables stay whole.");
            return Ok(());
        }
        let pretrained = self.pretrain()?;
        let stage = Stage {
            name: "admet-encoder",
            kind: Kind::Finetune,
            config: "delicate-admet-encoder",
            flags: &[],
            epochs: None,
            start: Some(&pretrained),
            teacher: None,
            tables: Some(&self.stages.data),
        };
        let encoder = self.stages.train(stage)?;
        let corpus = self.stages.data.join("corpus/train.smi.gz");
        let (table, forests) = forests::fit(&encoder, &corpus, &self.stages.runs)?;
        let table = toml::Value::from(table.display().to_string());
        let file = format!("pseudo_labels.file={table}");
        let run = self.stages.train(Stage {
            name: "admet",
            config: "delicate-admet",
            flags: &set(&[&file]),
            start: Some(&encoder.join("model")),
            ..stage
        })?;
        if self.calibrates {
            pollster::block_on(async {
                let device = Device::open(DeviceChoice::Cpu).await?;
                calibrate_run(&run, &device)
                    .await
                    .map_err(anyhow::Error::from)
            })?;
        }
        self.results.put("admet", Measured::of_run(&run)?)?;
        self.results.put_forests(forests)?;
        let name = "delicate-admet";
        let flags = ["--inference-only", "--precision", "int8"];
        let model = self.stages.export(&run.join("model"), name, &flags)?;
        cards::admet(&model)?;
        // Where marketed drugs stand, by the model itself.
        let drugs =
            ["sider.csv", "clintox.csv"].map(|name| self.stages.data.join("qsar").join(name));
        let mut reference = self
            .stages
            .command(&["reference", "--only", "FDA_APPROVED=1"]);
        reference.args(["--name", "marketed drugs", "--source"]);
        reference.arg(
            "SIDER 4 (Kuhn et al. 2016); ClinTox, approved by the FDA (MoleculeNet; Wu et al. 2018)",
        );
        command::run(reference.arg("--model").arg(&model).args(drugs))?;
        self.ship(&model, name, cards::ADMET)
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
            cards::ship(model, &place, most)?;
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
            config: "delicate-small",
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
        self.results.put(name, Measured::of_run(&run)?)
    }

    /// The evaluation of a run that reads each molecule as several SMILES.
    fn read_often(&self, run: &Path) -> Result<Measured> {
        let mut evaluate = self
            .stages
            .command(&["evaluate", "--format", "json", "--no-baseline"]);
        evaluate.args(["--tta", &READINGS.to_string()]).arg(run);
        let evaluation = serde_json::from_slice(&command::answer(&mut evaluate)?)?;
        Measured::new(run, evaluation)
    }

    /// The targets of one way to screen.
    fn screen(&self, by: Screen, model: &Path) -> Result<Vec<TargetResult>> {
        let benchmark = self.stages.data.join("screening");
        let mut command = self.stages.command(&["screen", "--format", "json", "-q"]);
        command.args(by.flags()).arg("--benchmark").arg(&benchmark);
        if self.stages.quick {
            let names = files::text(&benchmark.join("targets.txt"))?;
            let few: Vec<&str> = names.lines().take(EVERY).collect();
            command.args(["--targets", &few.join(",")]);
        }
        command.arg("--model").arg(model);
        let answer: BenchmarkResult = serde_json::from_slice(&command::answer(&mut command)?)?;
        Ok(answer.targets)
    }
}
