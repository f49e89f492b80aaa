//! What was measured, as JSON beside the documents: the tables are made of it,
//! whichever part was measured last.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use delicate::metrics::{EndpointEvaluation, Evaluation};
use delicate::screening::TargetResult;
use delicate::train::run_dir::{self, RunInfo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files;
use crate::forests::Forests;
use crate::protocol::Screen;

/// How a fine-tuned run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) run: Provenance,
    /// Of fine-tuning.
    pub(crate) seconds: f64,
    pub(crate) endpoints: Vec<EndpointEvaluation>,
    /// SMILES that each molecule was read as.
    #[serde(default = "one_reading")]
    pub(crate) readings: NonZeroUsize,
    /// Parameters of the model, where they are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<u64>,
    /// Of pre-training, where it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pretraining_seconds: Option<f64>,
}

fn one_reading() -> NonZeroUsize {
    NonZeroUsize::MIN
}

/// Where and when a run was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Provenance {
    pub(crate) version: String,
    /// All devices in their order, such as `CPU (2 threads)`.
    pub(crate) device: String,
    pub(crate) started: String,
}

impl Measured {
    /// A run by its own evaluation.
    pub(crate) fn of_run(run: &Path) -> Result<Self> {
        Self::new(run, files::json(&run.join(run_dir::EVALUATION))?)
    }

    /// An evaluation of a run, with the machine, the version and the time that its
    /// training took.
    pub(crate) fn new(run: &Path, evaluation: Evaluation) -> Result<Self> {
        let info: RunInfo = files::json(&run.join(run_dir::RUN))?;
        Ok(Self {
            run: Provenance {
                device: devices(&info),
                version: info.version,
                started: info.started,
            },
            seconds: last(run, "seconds")?.round(),
            endpoints: evaluation.endpoints,
            readings: evaluation.readings,
            parameters: None,
            pretraining_seconds: None,
        })
    }
}

/// The devices of a run in their order, such as `CPU (2 threads)`.
fn devices(info: &RunInfo) -> String {
    let device = |name: &str, threads: usize| match threads {
        1 => format!("{name} (1 thread)"),
        _ => format!("{name} ({threads} threads)"),
    };
    let later = info.resumed.iter();
    let mut devices: Vec<String> = std::iter::once(device(&info.device, info.threads))
        .chain(later.map(|later| device(&later.device, later.threads)))
        .collect();
    devices.dedup();
    devices.join(", then ")
}

/// The last `key` of a run's metrics, such as its `seconds` of training.
pub(crate) fn last(run: &Path, key: &str) -> Result<f64> {
    let path = run.join(run_dir::METRICS);
    let text = files::text(&path)?;
    let last = text.lines().rev().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line[key].as_f64()
    });
    last.with_context(|| format!("{} holds no `{key}`", path.display()))
}

/// The targets of each way to screen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Screening {
    ecfp_max: Vec<TargetResult>,
    rarity_mean: Vec<TargetResult>,
    embedding_max: Vec<TargetResult>,
    embedding_mean: Vec<TargetResult>,
    both_mean: Vec<TargetResult>,
}

impl Screening {
    /// Measures every way by `targets`.
    pub(crate) fn measure(
        mut targets: impl FnMut(Screen) -> Result<Vec<TargetResult>>,
    ) -> Result<Self> {
        Ok(Self {
            ecfp_max: targets(Screen::EcfpMax)?,
            rarity_mean: targets(Screen::RarityMean)?,
            embedding_max: targets(Screen::EmbeddingMax)?,
            embedding_mean: targets(Screen::EmbeddingMean)?,
            both_mean: targets(Screen::BothMean)?,
        })
    }

    pub(crate) fn targets(&self, by: Screen) -> &[TargetResult] {
        match by {
            Screen::EcfpMax => &self.ecfp_max,
            Screen::RarityMean => &self.rarity_mean,
            Screen::EmbeddingMax => &self.embedding_max,
            Screen::EmbeddingMean => &self.embedding_mean,
            Screen::BothMean => &self.both_mean,
        }
    }
}

/// The file of every way to screen.
const SCREENING: &str = "screening";
/// The file of the forests beside the ADMET model.
const FORESTS: &str = "admet-forests";
/// How the names of files end that hold the targets of one model.
const TARGETS: &str = "-screening";

/// The folder of the results, in the repository or in a quick run.
#[derive(Debug, PartialEq)]
pub(crate) struct Results {
    folder: PathBuf,
    /// By name.
    measured: BTreeMap<String, Measured>,
    screening: Option<Screening>,
    forests: Option<Forests>,
    /// Of one way to screen, by the name of the model.
    targets: BTreeMap<String, Vec<TargetResult>>,
}

impl Results {
    /// Reads the results in `folder`, which may be absent.
    pub(crate) fn read(folder: PathBuf) -> Result<Self> {
        let mut results = Self {
            folder,
            measured: BTreeMap::new(),
            screening: None,
            forests: None,
            targets: BTreeMap::new(),
        };
        if !results.folder.is_dir() {
            return Ok(results);
        }
        for entry in fs::read_dir(&results.folder)? {
            let path = entry?.path();
            let (Some("json"), Some(name)) = (
                path.extension().and_then(|e| e.to_str()),
                path.file_stem().and_then(|s| s.to_str()),
            ) else {
                continue;
            };
            if name == SCREENING {
                results.screening = Some(files::json(&path)?);
            } else if name == FORESTS {
                results.forests = Some(files::json(&path)?);
            } else if let Some(model) = name.strip_suffix(TARGETS) {
                let targets = files::json(&path)?;
                results.targets.insert(model.to_owned(), targets);
            } else {
                let measured = files::json(&path)?;
                results.measured.insert(name.to_owned(), measured);
            }
        }
        Ok(results)
    }

    pub(crate) fn measured(&self, name: &str) -> Option<&Measured> {
        self.measured.get(name)
    }

    pub(crate) fn screening(&self) -> Option<&Screening> {
        self.screening.as_ref()
    }

    pub(crate) fn forests(&self) -> Option<&Forests> {
        self.forests.as_ref()
    }

    /// The targets of one way to screen, by a model.
    pub(crate) fn targets(&self, model: &str) -> Option<&[TargetResult]> {
        self.targets.get(model).map(Vec::as_slice)
    }

    /// Keeps `result` under `name`.
    pub(crate) fn put(&mut self, name: &str, result: Measured) -> Result<()> {
        self.write(name, &result)?;
        self.measured.insert(name.to_owned(), result);
        Ok(())
    }

    /// Keeps every way to screen.
    pub(crate) fn put_screening(&mut self, screening: Screening) -> Result<()> {
        self.write(SCREENING, &screening)?;
        self.screening = Some(screening);
        Ok(())
    }

    /// Keeps the forests beside the ADMET model.
    pub(crate) fn put_forests(&mut self, forests: Forests) -> Result<()> {
        self.write(FORESTS, &forests)?;
        self.forests = Some(forests);
        Ok(())
    }

    /// Keeps the targets of one way to screen, by a model.
    pub(crate) fn put_targets(&mut self, model: &str, targets: Vec<TargetResult>) -> Result<()> {
        self.write(&format!("{model}{TARGETS}"), &targets)?;
        self.targets.insert(model.to_owned(), targets);
        Ok(())
    }

    fn write(&self, name: &str, result: &impl Serialize) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let text = serde_json::to_string_pretty(result)?;
        files::write(
            &self.folder.join(name).with_extension("json"),
            format!("{text}\n"),
        )
    }
}

#[cfg(test)]
mod tests {
    use delicate::train::run_dir::Session;

    use super::*;

    #[test]
    fn devices_of_all_sessions_are_named_in_their_order() {
        let mut info = RunInfo {
            command: "finetune".to_owned(),
            version: "0.1.0".to_owned(),
            standard_form: Default::default(),
            device: "a GPU".to_owned(),
            backend: "wgpu".to_owned(),
            threads: 16,
            started: String::new(),
            data: Vec::new(),
            models: Vec::new(),
            stored: Default::default(),
            resumed: Vec::new(),
        };
        assert_eq!(devices(&info), "a GPU (16 threads)");
        let cpu = Session {
            device: "CPU".to_owned(),
            threads: 1,
            started: String::new(),
        };
        info.resumed = vec![cpu.clone(), cpu];
        assert_eq!(devices(&info), "a GPU (16 threads), then CPU (1 thread)");
    }

    #[test]
    fn results_are_kept_as_they_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results");
        let read = Results::read(folder).expect("readable results");
        let place = tempfile::tempdir().expect("a directory");
        let mut kept = Results::read(place.path().to_owned()).expect("nothing");
        for (name, measured) in read.measured.clone() {
            kept.put(&name, measured).expect("written");
        }
        for (model, targets) in read.targets.clone() {
            kept.put_targets(&model, targets).expect("written");
        }
        kept.put_screening(read.screening.clone().expect("screening"))
            .expect("written");
        if let Some(forests) = read.forests.clone() {
            kept.put_forests(forests).expect("written");
        }
        let again = Results::read(place.path().to_owned()).expect("readable results");
        assert_eq!(again, kept);
        assert_eq!(
            (
                again.measured,
                again.screening,
                again.targets,
                again.forests
            ),
            (read.measured, read.screening, read.targets, read.forests)
        );
    }
}
