//! Training runs, each a command that anyone could type. What is finished is not
//! done again, and what was interrupted goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{command, files};

/// Lines of a table that a quick run takes.
const QUICK_ROWS: usize = 400;

/// What a run is trained by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pretrain,
    Distill,
    Finetune,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Pretrain => "pretrain",
            Self::Distill => "distill",
            Self::Finetune => "finetune",
        }
    }
}

/// A run to train.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage<'a> {
    /// Its directory's name.
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    /// A built-in configuration.
    pub(crate) config: &'a str,
    /// Flags beside it.
    pub(crate) flags: &'a [&'a str],
    /// Epochs, where they are not the configuration's.
    pub(crate) epochs: Option<&'a str>,
    /// The model that it starts from.
    pub(crate) start: Option<&'a Path>,
    /// The model that teaches it.
    pub(crate) teacher: Option<&'a Path>,
    /// The folder of labelled tables, where they are not those of the data.
    pub(crate) tables: Option<&'a Path>,
}

/// Where stages run.
#[derive(Debug)]
pub(crate) struct Stages {
    /// The command.
    pub(crate) delicate: PathBuf,
    /// The folder of `corpus/`, `qsar/` and `screening/`.
    pub(crate) data: PathBuf,
    /// The folder of the runs.
    pub(crate) runs: PathBuf,
    /// Where to train: `auto`, `gpu` or `cpu`.
    pub(crate) device: String,
    /// Whether to train hardly at all.
    pub(crate) quick: bool,
}

impl Stages {
    /// Trains `stage` unless that is done; its directory.
    pub(crate) fn train(&self, stage: Stage<'_>) -> Result<PathBuf> {
        let run = self.runs.join(stage.name);
        if run.join("model/config.json").is_file() {
            return Ok(run);
        }
        let mut training = Command::new(&self.delicate);
        training.args([stage.kind.name(), "--device", &self.device]);
        training.arg("-o").arg(&run);
        if run.join("config.toml").is_file() {
            training.arg("--resume");
            command::run(&mut training)?;
            return Ok(run);
        }
        training.arg(stage.config).args(stage.flags);
        if stage.kind == Kind::Finetune {
            let tables = match stage.tables {
                Some(tables) => tables.to_owned(),
                None => self.tables()?,
            };
            training.arg("--data").arg(tables);
        } else {
            for (flag, file) in [("--train", "train.smi.gz"), ("--valid", "valid.smi.gz")] {
                training.arg(flag).arg(self.data.join("corpus").join(file));
            }
        }
        for (flag, of) in [("--start", stage.start), ("--teacher", stage.teacher)] {
            if let Some(of) = of {
                training.arg(flag).arg(of);
            }
        }
        let quick = match stage.kind {
            Kind::Finetune => "1",
            Kind::Pretrain | Kind::Distill => "0.001",
        };
        if let Some(epochs) = Some(quick).filter(|_| self.quick).or(stage.epochs) {
            training.args(["--epochs", epochs]);
        }
        command::run(&mut training)?;
        Ok(run)
    }

    /// The folder of the labelled tables; for a quick run, of their beginnings.
    fn tables(&self) -> Result<PathBuf> {
        let whole = self.data.join("qsar");
        if !self.quick {
            return Ok(whole);
        }
        let few = self.runs.join("qsar");
        fs::create_dir_all(&few)?;
        for entry in fs::read_dir(&whole)? {
            let path = entry?.path();
            let (Some("csv"), Some(name)) =
                (path.extension().and_then(|e| e.to_str()), path.file_name())
            else {
                continue;
            };
            let text = files::text(&path)?;
            let rows: String = text.split_inclusive('\n').take(QUICK_ROWS).collect();
            fs::write(few.join(name), rows)?;
        }
        Ok(few)
    }

    /// A model as it is shipped.
    pub(crate) fn export(&self, model: &Path, name: &str, flags: &[&str]) -> Result<PathBuf> {
        let to = self.runs.join(name);
        let mut export = self.command(&["export"]);
        export.args(flags);
        export.arg(model).arg("-o").arg(&to);
        command::run(&mut export)?;
        Ok(to)
    }

    /// `delicate` with `arguments`, on the CPU: there results are the same
    /// everywhere.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.delicate);
        command.args(arguments).args(["--device", "cpu"]);
        command
    }
}
