//! Configurations by name or file, with what the command line says on top.

use std::io;
use std::path::{Path, PathBuf};

use delicate::records::Format;
use delicate::train::{CONFIGURATIONS, RunConfig};
use toml::{Table, Value};

use crate::error::CommandError;

/// The name that a built-in configuration has today: earlier ones began with
/// `small-` or `paper-`, where models and presets end so or not at all.
fn current_name(name: &str) -> String {
    match (name.strip_prefix("small-"), name.strip_prefix("paper-")) {
        (Some(model @ ("delicate" | "kd-molbert" | "molbert" | "ps-molbert")), _) => {
            format!("{model}-small")
        }
        (Some(data @ ("from-scratch" | "hiv" | "tox21" | "clintox" | "sider")), _) => {
            format!("delicate-small-{data}")
        }
        (None, Some(model)) => model.to_owned(),
        _ => name.to_owned(),
    }
}

/// Whether a command that takes molecules beside its configuration is given a file of
/// them in its place.
fn is_of_molecules(kind: &str, source: &Path) -> bool {
    kind != "finetune" && Format::from_name(&source.to_string_lossy()).is_some()
}

/// Why there is no configuration in a file, and which there are.
fn unreadable(kind: &str, source: &Path, error: &io::Error) -> String {
    let what = match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file, and no built-in configuration is called so".to_owned()
        }
        _ if source.is_dir() => "this is a folder, and no configuration (TOML)".to_owned(),
        io::ErrorKind::InvalidData => "this is no text, as a configuration (TOML) is".to_owned(),
        _ => error.to_string(),
    };
    let of_kind = CONFIGURATIONS.iter().filter(|(of, _, _)| *of == kind);
    let names: Vec<&str> = of_kind.map(|(_, name, _)| *name).collect();
    format!("{what}; built-in configurations: {}", names.join(", "))
}

/// A configuration that is being put together.
pub(crate) struct Draft {
    source: PathBuf,
    table: Table,
    /// What `--set` said, and the key of each.
    settings: Vec<(String, String)>,
}

impl Draft {
    /// The file `source`, or the built-in configuration of that name.
    pub(crate) fn open(kind: &str, source: &Path) -> Result<Self, CommandError> {
        let asked = source.to_string_lossy();
        let asked = current_name(&asked);
        let known = CONFIGURATIONS
            .iter()
            .find(|(of, name, _)| *of == kind && *name == asked);
        let text = match known {
            Some((_, _, text)) => (*text).to_owned(),
            None if is_of_molecules(kind, source) => {
                let file = source.display();
                return Err(wrong(
                    source,
                    format!(
                        "this is a file of molecules, and a configuration belongs here: `delicate \
                         {kind} delicate-small --train {file} -o RUN`"
                    ),
                ));
            }
            None => {
                let read = std::fs::read_to_string(source);
                read.map_err(|error| wrong(source, unreadable(kind, source, &error)))?
            }
        };
        Ok(Self {
            table: text.parse().map_err(|error| wrong(source, error))?,
            source: source.to_owned(),
            settings: Vec::new(),
        })
    }

    /// A configuration that was made for the file `source`.
    pub(crate) fn of(source: &Path, config: &RunConfig) -> Result<Self, CommandError> {
        let text = config.to_toml().map_err(|error| wrong(source, error))?;
        Ok(Self {
            source: source.to_owned(),
            table: text.parse().map_err(|error| wrong(source, error))?,
            settings: Vec::new(),
        })
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
        let refused = |what: String| CommandError::Usage(format!("--set {setting}: {what}"));
        let Some((key, value)) = setting.split_once('=') else {
            return Err(refused("expected KEY=VALUE".to_owned()));
        };
        let parsed = format!("value = {}", value.trim())
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| Value::String(value.trim().to_owned()));
        let key = key.trim();
        self.set(key, value).map_err(|error| match error {
            CommandError::Configuration { what, .. } => refused(what),
            other => other,
        })?;
        self.settings.push((setting.to_owned(), key.to_owned()));
        Ok(())
    }

    /// The configuration, whatever kind of run it is of.
    pub(crate) fn finish(self) -> Result<RunConfig, CommandError> {
        let error = match self.table.clone().try_into::<RunConfig>() {
            Ok(config) => return Ok(config),
            Err(error) => error.to_string(),
        };
        // What is wrong was said by the setting without which it would not be wrong. (The
        // fields that are expected instead depend on those that are there.)
        let what = |error: &str| error.split(", expected").next().map(str::to_owned);
        let is_at_fault = |key: &str| {
            let mut without = self.table.clone();
            remove(&mut without, key);
            let other = without.try_into::<RunConfig>().err();
            other.is_none_or(|other| what(&other.to_string()) != what(&error))
        };
        let at_fault = self.settings.iter().find(|(_, key)| is_at_fault(key));
        Err(match at_fault {
            Some((setting, _)) => CommandError::Usage(format!("--set {setting}: {}", error.trim())),
            None => wrong(&self.source, error),
        })
    }
}

/// Takes the value at `key`, whose parts are parted by dots, out of `table`.
fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((first, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

fn wrong(source: &Path, error: impl ToString) -> CommandError {
    CommandError::Configuration {
        path: source.to_owned(),
        what: error.to_string().trim_end().to_owned(),
    }
}

/// A path as a configuration holds it.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
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
        assert_eq!(files, CONFIGURATIONS.len());
        for (kind, name, _) in CONFIGURATIONS {
            let mut draft = Draft::open(kind, Path::new(name)).expect("built in");
            if *kind != "finetune" {
                draft.set("train", vec!["a.smi".to_owned()]).expect("set");
            }
            let config = draft.finish().expect(name);
            assert_eq!(config.check(), Ok(()), "{name}");
            assert_eq!(config.command(), *kind, "{name}");
        }
    }

    #[test]
    fn earlier_names_are_still_known() {
        for (kind, earlier) in [
            ("pretrain", "small-ps-molbert"),
            ("pretrain", "paper-molbert"),
            ("distill", "small-delicate"),
            ("finetune", "small-from-scratch"),
            ("finetune", "small-tox21"),
            ("finetune", "paper-kd-molbert"),
        ] {
            assert!(Draft::open(kind, Path::new(earlier)).is_ok(), "{earlier}");
        }
    }

    #[test]
    fn what_the_command_line_says_wins() {
        let mut draft = Draft::open("pretrain", Path::new("delicate-small")).expect("built in");
        draft.set("train", vec!["a.smi".to_owned()]).expect("set");
        draft.apply("optimizer.learning_rate=1e-4").expect("set");
        draft.apply("name = other").expect("set");
        draft.apply("batch.molecules = 8").expect("set");
        assert!(draft.apply("nonsense").is_err());
        assert!(draft.apply("name.x=1").is_err());
        let config = draft.finish().expect("valid");
        let common = config.common();
        assert_eq!(common.optimizer.learning_rate, 1e-4);
        assert_eq!((common.name.as_str(), common.batch.molecules), ("other", 8));
    }

    #[test]
    fn a_setting_that_is_wrong_is_named_and_no_file() {
        let directory = Path::new("my table.csv");
        let said = |setting: &str| {
            let draft = Draft::open("finetune", Path::new("delicate-small")).expect("built in");
            let mut draft = Draft {
                source: directory.to_owned(),
                ..draft
            };
            draft.apply("name = other").expect("set");
            let error = match draft.apply(setting) {
                Ok(()) => draft.finish().expect_err("refused"),
                Err(error) => error,
            };
            assert_eq!(error.exit_code(), 2, "{error}");
            error.to_string()
        };
        for setting in [
            "epochs=many",
            "optimizer.learning_rates=1",
            "batch.molecules=0.5",
            "nonsense",
            "name.x=1",
        ] {
            let text = said(setting);
            assert!(text.starts_with(&format!("--set {setting}: ")), "{text}");
            assert!(!text.contains("my table"), "{text}");
        }
        assert!(said("split.kinds=random").contains("kinds"));
    }

    #[test]
    fn an_unknown_field_and_an_unknown_name_are_said() {
        let mut draft = Draft::open("pretrain", Path::new("delicate-small")).expect("built in");
        draft.apply("learning_rate=1").expect("set");
        let error = draft.finish().err().map(|e| e.to_string());
        assert!(error.is_some_and(|text| text.contains("learning_rate")));
        let error = Draft::open("pretrain", Path::new("none"))
            .err()
            .map(|e| e.to_string());
        assert!(error.is_some_and(|text| text.contains("delicate-small")));
    }
}
