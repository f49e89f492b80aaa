//! What was measured, as JSON beside the documents: the tables are made of it,
//! whichever part was measured last.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::workspace;

/// The folder of the results, in the repository or in a quick run.
#[derive(Debug)]
pub(super) struct Results {
    folder: PathBuf,
    /// By name.
    all: BTreeMap<String, Value>,
}

impl Results {
    /// Reads the results in `folder`, which may be absent.
    pub(super) fn read(folder: PathBuf) -> Result<Self> {
        let mut all = BTreeMap::new();
        if folder.is_dir() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if let (Some("json"), Some(name)) = (
                    path.extension().and_then(|e| e.to_str()),
                    path.file_stem().and_then(|s| s.to_str()),
                ) {
                    all.insert(name.to_owned(), read(&path)?);
                }
            }
        }
        Ok(Self { folder, all })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }

    /// Keeps `result` under `name`.
    pub(super) fn put(&mut self, name: &str, result: Value) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(name).with_extension("json");
        fs::write(&path, format!("{result:#}\n")).with_context(|| path.display().to_string())?;
        self.all.insert(name.to_owned(), result);
        Ok(())
    }
}

/// How a fine-tuned run did, by its own evaluation.
pub(super) fn measured(run: &Path) -> Result<Value> {
    of_run(run, read(&run.join("evaluation.json"))?)
}

/// How a fine-tuned run did: an evaluation of it, with the machine, the version and
/// the time that its training took.
pub(super) fn of_run(run: &Path, evaluation: Value) -> Result<Value> {
    let info = read(&run.join("run.json"))?;
    Ok(json!({
        "run": {
            "version": info["version"],
            "device": devices(&info),
            "started": info["started"],
        },
        "seconds": last(run, "seconds")?.round(),
        "endpoints": evaluation["endpoints"],
        "readings": evaluation["readings"],
    }))
}

/// The devices of a run in their order, such as `CPU (2 threads)`.
fn devices(info: &Value) -> String {
    let later = info["resumed"].as_array().into_iter().flatten();
    let mut devices: Vec<String> = std::iter::once(info).chain(later).map(device).collect();
    devices.dedup();
    devices.join(", then ")
}

/// A device with the threads beside it, where these stand by themselves.
pub(super) fn device(sitting: &Value) -> String {
    let name = sitting["device"].as_str().unwrap_or("an unknown device");
    match sitting["threads"].as_u64() {
        Some(1) => format!("{name} (1 thread)"),
        Some(threads) => format!("{name} ({threads} threads)"),
        None => name.to_owned(),
    }
}

/// The last `key` of a run's metrics, such as its `seconds` of training.
pub(super) fn last(run: &Path, key: &str) -> Result<f64> {
    let path = run.join("metrics.jsonl");
    let text = workspace::read(&path)?;
    let last = text.lines().rev().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line[key].as_f64()
    });
    last.with_context(|| format!("{} holds no `{key}`", path.display()))
}

pub(super) fn read(path: &Path) -> Result<Value> {
    let text = workspace::read(path)?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// The list in `value`.
pub(super) fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("a list is missing in a result")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_all_sittings_are_named_in_their_order() {
        let mut info = json!({"device": "a GPU", "threads": 16});
        assert_eq!(devices(&info), "a GPU (16 threads)");
        let cpu = json!({"device": "CPU", "threads": 1});
        info["resumed"] = json!([cpu, cpu]);
        assert_eq!(devices(&info), "a GPU (16 threads), then CPU (1 thread)");
    }
}
