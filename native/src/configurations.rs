//! Configurations by name or file, with what the command line says on top.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::error::CommandError;

macro_rules! built_in {
    ($($kind:literal / $name:literal),* $(,)?) => {
        &[$(($kind, $name, include_str!(concat!(
            "../../configs/", $kind, "/", $name, ".toml"
        )))),*]
    };
}

/// The configurations of `configs/`: kind, name, text.
const BUILT_IN: &[(&str, &str, &str)] = built_in!(
    "pretrain" / "paper-molbert",
    "pretrain" / "paper-ps-molbert",
    "pretrain" / "small-molbert",
    "pretrain" / "small-ps-molbert",
    "pretrain" / "small-kd-molbert",
    "pretrain" / "small-delicate",
    "distill" / "paper-delicate",
    "distill" / "paper-kd-molbert",
    "distill" / "small-kd-molbert",
    "distill" / "small-delicate",
    "finetune" / "paper-molbert",
    "finetune" / "paper-ps-molbert",
    "finetune" / "paper-kd-molbert",
    "finetune" / "paper-delicate",
    "finetune" / "small-delicate",
    "finetune" / "small-from-scratch",
    "finetune" / "small-hiv",
    "finetune" / "small-tox21",
    "finetune" / "small-clintox",
    "finetune" / "small-sider",
    "finetune" / "esol",
);

/// A configuration that is being put together.
pub(crate) struct Draft {
    source: PathBuf,
    table: Table,
}

impl Draft {
    /// The file `source`, or the built-in configuration of that name.
    pub(crate) fn open(kind: &str, source: &Path) -> Result<Self, CommandError> {
        let known = BUILT_IN
            .iter()
            .find(|(of, name, _)| *of == kind && Path::new(name) == source);
        let text = match known {
            Some((_, _, text)) => (*text).to_owned(),
            None => std::fs::read_to_string(source).map_err(|error| {
                let names: Vec<&str> = BUILT_IN
                    .iter()
                    .filter(|(of, _, _)| *of == kind)
                    .map(|(_, name, _)| *name)
                    .collect();
                CommandError::Configuration {
                    path: source.to_owned(),
                    what: format!("{error}; built-in configurations: {}", names.join(", ")),
                }
            })?,
        };
        Ok(Self {
            table: text.parse().map_err(|error| wrong(source, error))?,
            source: source.to_owned(),
        })
    }

    /// A configuration that was made for the file `source`.
    pub(crate) fn of(source: &Path, config: &impl Serialize) -> Result<Self, CommandError> {
        Ok(Self {
            source: source.to_owned(),
            table: Table::try_from(config).map_err(|error| wrong(source, error))?,
        })
    }

    /// Whether the configuration has `key` at its top.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Sets the value at `key`, whose parts are parted by dots.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) -> Result<(), CommandError> {
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        let mut table = &mut self.table;
        for part in parts {
            let entry = table
                .entry(part)
                .or_insert_with(|| Value::Table(Table::new()));
            table = entry
                .as_table_mut()
                .ok_or_else(|| CommandError::Configuration {
                    path: self.source.clone(),
                    what: format!("`{part}` of `{key}` is not a table"),
                })?;
        }
        table.insert(last.to_owned(), value.into());
        Ok(())
    }

    /// Takes `key` at the top out.
    pub(crate) fn remove(&mut self, key: &str) {
        self.table.remove(key);
    }

    /// As [`Self::set`], where there is a value.
    pub(crate) fn set_some<V: Into<Value>>(
        &mut self,
        key: &str,
        value: Option<V>,
    ) -> Result<(), CommandError> {
        value.map_or(Ok(()), |value| self.set(key, value))
    }

    /// Applies `KEY=VALUE`; the value is TOML, or else a text.
    pub(crate) fn apply(&mut self, setting: &str) -> Result<(), CommandError> {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(CommandError::Configuration {
                path: self.source.clone(),
                what: format!("--set {setting}: expected KEY=VALUE"),
            });
        };
        let parsed = format!("value = {}", value.trim())
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| Value::String(value.trim().to_owned()));
        self.set(key.trim(), value)
    }

    /// The configuration, of whatever kind it is to be.
    pub(crate) fn finish<T: DeserializeOwned>(self) -> Result<T, CommandError> {
        // Through the text again, so that errors show the line at fault.
        let text =
            toml::to_string_pretty(&self.table).map_err(|error| wrong(&self.source, error))?;
        toml::from_str(&text).map_err(|error| wrong(&self.source, error))
    }
}

fn wrong(source: &Path, error: impl ToString) -> CommandError {
    CommandError::Configuration {
        path: source.to_owned(),
        what: error.to_string(),
    }
}

/// A path as a configuration holds it.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use delicate::train::{FinetuneConfig, PretrainConfig};

    use super::*;

    #[test]
    fn every_built_in_configuration_is_valid_and_every_file_is_built_in() {
        let mut files = 0;
        for kind in ["pretrain", "distill", "finetune"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../configs")
                .join(kind);
            files += std::fs::read_dir(folder).expect("a folder").count();
        }
        assert_eq!(files, BUILT_IN.len());
        for (kind, name, _) in BUILT_IN {
            let mut draft = Draft::open(kind, Path::new(name)).expect("built in");
            if *kind == "finetune" {
                let config: FinetuneConfig = draft.finish().expect(name);
                assert_eq!(config.check(), Ok(()), "{name}");
            } else {
                draft.set("train", vec!["a.smi".to_owned()]).expect("set");
                let config: PretrainConfig = draft.finish().expect(name);
                assert_eq!(config.check(), Ok(()), "{name}");
                assert_eq!(config.distillation.is_some(), *kind == "distill", "{name}");
            }
        }
    }

    #[test]
    fn what_the_command_line_says_wins() {
        let mut draft = Draft::open("pretrain", Path::new("small-delicate")).expect("built in");
        draft.set("train", vec!["a.smi".to_owned()]).expect("set");
        draft.apply("optimizer.learning_rate=1e-4").expect("set");
        draft.apply("name = other").expect("set");
        draft.apply("batch.molecules = 8").expect("set");
        assert!(draft.apply("nonsense").is_err());
        assert!(draft.apply("name.x=1").is_err());
        let config: PretrainConfig = draft.finish().expect("valid");
        assert_eq!(config.optimizer.learning_rate, 1e-4);
        assert_eq!((config.name.as_str(), config.batch.molecules), ("other", 8));
    }

    #[test]
    fn an_unknown_field_and_an_unknown_name_are_said() {
        let mut draft = Draft::open("pretrain", Path::new("small-delicate")).expect("built in");
        draft.apply("learning_rate=1").expect("set");
        let error = draft
            .finish::<PretrainConfig>()
            .err()
            .map(|e| e.to_string());
        assert!(error.is_some_and(|text| text.contains("learning_rate")));
        let error = Draft::open("pretrain", Path::new("none"))
            .err()
            .map(|e| e.to_string());
        assert!(error.is_some_and(|text| text.contains("small-delicate")));
    }
}
