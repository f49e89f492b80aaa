//! What an argument names: a file or a folder, looked at before it is opened, so that
//! whoever named the wrong thing is told what belongs there.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use delicate::atomic;
use delicate::chemistry::Molecule;
use delicate::model_dir::{CONFIG, VOCABULARY, WEIGHTS};
use delicate::train::run_dir;

/// What is expected at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file of molecules.
    Molecules,
    /// A file of molecules that is read more than once.
    Corpus,
    /// A file that `delicate index` wrote.
    Index,
    /// A model directory.
    Model,
    /// A run directory.
    Run,
    /// A model to begin with or to learn from: its directory, or that of its run.
    Start,
    /// A run directory, or a table of labels.
    RunOrTable,
    /// A folder of screening targets.
    Benchmark,
    /// A table to train on.
    Table,
    /// Weights of another program, in a file or a folder.
    Checkpoint,
}

/// Why a place is not what is expected there.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub(crate) struct WrongPlace {
    path: PathBuf,
    what: String,
}

impl Place {
    /// What belongs there, in words.
    fn expected(self) -> &'static str {
        match self {
            Self::Molecules => {
                "a file of molecules (.smi, .csv, .tsv, .sdf, .xlsx or .parquet; `-` is stdin)"
            }
            Self::Corpus => "a file of molecules (.smi, .csv, .tsv, .sdf or .xlsx)",
            Self::Index => "an index, as `delicate index` writes it",
            Self::Model => "a model directory (with config.json, model.safetensors and vocab.txt)",
            Self::Run => "a run directory, the -o of `delicate pretrain`, `distill` or `finetune`",
            Self::Start => "a model directory or a run directory",
            Self::RunOrTable => {
                "a run directory, the -o of `delicate finetune`, or a table of molecules and labels"
            }
            Self::Benchmark => "a folder of a screening benchmark (with targets.txt)",
            Self::Table => "a table of molecules and labels (.csv, .tsv, .smi, .sdf or .xlsx)",
            Self::Checkpoint => {
                "a checkpoint (.pt, .pth, .ckpt, .bin or .safetensors), or a folder of \
                 save_pretrained,"
            }
        }
    }

    /// Whether a folder belongs there, or a file; `None` where either may.
    fn is_folder(self) -> Option<bool> {
        match self {
            Self::Molecules | Self::Corpus | Self::Index | Self::Table => Some(false),
            Self::Model | Self::Run | Self::Start | Self::Benchmark => Some(true),
            Self::RunOrTable | Self::Checkpoint => None,
        }
    }

    /// Looks at `path`.
    ///
    /// # Errors
    ///
    /// Where there is nothing, or a file in place of a folder or the other way round, or
    /// what cannot be read.
    pub(crate) fn check(self, path: &Path) -> Result<(), WrongPlace> {
        // Stdin.
        if path == Path::new("-") && matches!(self, Self::Molecules | Self::RunOrTable) {
            return Ok(());
        }
        let wrong = |what: String| WrongPlace {
            path: path.to_owned(),
            what,
        };
        // One that was being replaced when a process was killed lies under another name.
        let path = &match self.is_folder() {
            Some(true) => atomic::whole(path),
            _ => path.to_owned(),
        };
        let metadata = fs::metadata(path).map_err(|error| wrong(self.unreadable(path, &error)))?;
        // What is in a folder is opened by its name: it need not be listed, but entered,
        // without which none of it seems to be there.
        if metadata.is_dir() {
            let inside = fs::metadata(path.join("."));
            inside.map_err(|error| wrong(self.unreadable(path, &error)))?;
        }
        if let Some(what) = self.is_other(path, &metadata) {
            return Err(wrong(what));
        }
        // To open a pipe is to take of it.
        if metadata.is_file() {
            File::open(path).map_err(|error| wrong(self.unreadable(path, &error)))?;
        }
        Ok(())
    }

    fn is_other(self, path: &Path, found: &Metadata) -> Option<String> {
        let expected = self.expected();
        let hint = || match found.is_dir() {
            true => self.instead_of_folder(path),
            false => self.instead_of_file(path),
        };
        let is_folder = found.is_dir();
        match self.is_folder() {
            Some(wanted) if wanted != is_folder => Some(format!(
                "this is a {}, and {expected} belongs here{}",
                if is_folder { "folder" } else { "file" },
                hint()
            )),
            _ if self == Self::RunOrTable && is_folder && !is_run(path) => Some(format!(
                "this folder is no run (it has no {}), and {expected} belongs here{}",
                run_dir::CONFIG,
                hint()
            )),
            _ if self == Self::Model && !path.join(CONFIG).is_file() => Some(format!(
                "this folder is no model (it has no {CONFIG}), and {expected} belongs here"
            )),
            _ if self == Self::Checkpoint && is_folder && !path.join(CONFIG).is_file() => Some(
                format!("this folder has no {CONFIG}, and {expected} belongs here"),
            ),
            _ => None,
        }
    }

    /// What to do with a folder where it does not belong.
    fn instead_of_folder(self, path: &Path) -> String {
        let (name, model) = (path.display(), path.join(run_dir::MODEL));
        match self {
            Self::Molecules if is_run(path) => {
                format!(
                    "; the model of this run is taken by --model {}",
                    model.display()
                )
            }
            Self::Molecules | Self::RunOrTable if path.join(CONFIG).is_file() => {
                format!("; a model is taken by --model {name}")
            }
            _ => String::new(),
        }
    }

    /// What to do with a file where it does not belong.
    fn instead_of_file(self, path: &Path) -> String {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let of_folder = match self {
            Self::Model | Self::Start => [CONFIG, WEIGHTS, VOCABULARY].contains(&&*name),
            Self::Run => name == run_dir::CONFIG || name == run_dir::METRICS,
            Self::Benchmark => name == "targets.txt",
            _ => false,
        };
        let folder = path.parent().filter(|_| of_folder);
        folder.map_or_else(String::new, |folder| {
            let folder = match folder == Path::new("") {
                true => Path::new("."),
                false => folder,
            };
            format!("; name its folder, {}", folder.display())
        })
    }

    /// Why nothing can be read.
    fn unreadable(self, path: &Path, error: &io::Error) -> String {
        let expected = self.expected();
        match error.kind() {
            io::ErrorKind::NotFound => {
                let folder = path.parent().filter(|folder| *folder != Path::new(""));
                let folder = folder.filter(|folder| !folder.exists());
                let missing = match (folder, self.is_folder()) {
                    (Some(folder), _) => format!("there is no folder {}", folder.display()),
                    (None, Some(true)) => "there is no such folder".to_owned(),
                    (None, Some(false)) => "there is no such file".to_owned(),
                    (None, None) => "there is no such file or folder".to_owned(),
                };
                format!("{missing}; {expected} belongs here{}", self.molecule(path))
            }
            io::ErrorKind::PermissionDenied => format!(
                "you may not read it (permission denied): ask its owner, or name another; \
                 {expected} belongs here"
            ),
            _ => format!("{error}; {expected} belongs here"),
        }
    }

    /// What to do where a molecule was named in place of a file that is not there.
    fn molecule(self, path: &Path) -> String {
        let text = path.to_string_lossy();
        let is_molecule = self == Self::Molecules && Molecule::parse(&text).is_ok();
        match is_molecule {
            true => format!(
                "; it reads as a SMILES: put it into a file, or see one molecule with `delicate \
                 explain '{text}'`"
            ),
            false => String::new(),
        }
    }
}

/// Whether a folder is a run directory.
pub(crate) fn is_run(path: &Path) -> bool {
    path.join(run_dir::CONFIG).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_the_wrong_thing_is_told_what_belongs_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["run", "run/model", "model", "empty"] {
            fs::create_dir(at(name)).expect("made");
        }
        for name in [
            "a.csv",
            "run/config.toml",
            "model/config.json",
            "targets.txt",
        ] {
            fs::write(at(name), "x").expect("written");
        }
        let said = |place: Place, name: &str| match place.check(&at(name)) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        for (place, name, words) in [
            (
                Place::Molecules,
                "none.csv",
                "there is no such file; a file of molecules",
            ),
            (Place::Molecules, "none/a.csv", "there is no folder "),
            (
                Place::Molecules,
                "empty",
                "this is a folder, and a file of molecules",
            ),
            (Place::Molecules, "run", "/run/model"),
            (Place::Molecules, "model", "a model is taken by --model"),
            (Place::Index, "empty", "this is a folder, and an index"),
            (
                Place::Model,
                "none",
                "there is no such folder; a model directory",
            ),
            (
                Place::Model,
                "empty",
                "this folder is no model (it has no config.json)",
            ),
            (
                Place::Model,
                "a.csv",
                "this is a file, and a model directory",
            ),
            (Place::Model, "model/config.json", "name its folder, "),
            (Place::Run, "a.csv", "this is a file, and a run directory"),
            (Place::Run, "run/config.toml", "name its folder, "),
            (
                Place::RunOrTable,
                "none",
                "no such file or folder; a run directory",
            ),
            (
                Place::RunOrTable,
                "empty",
                "this folder is no run (it has no config.toml)",
            ),
            (Place::RunOrTable, "model", "a model is taken by --model"),
            (Place::Benchmark, "targets.txt", "name its folder, "),
        ] {
            let said = said(place, name);
            assert!(said.contains(words), "{place:?} {name}: {said}");
            assert!(said.contains(" belongs here"), "{place:?} {name}: {said}");
        }
        for (place, name) in [
            (Place::Molecules, "a.csv"),
            (Place::Model, "model"),
            (Place::Run, "run"),
            (Place::RunOrTable, "run"),
            (Place::RunOrTable, "a.csv"),
        ] {
            assert_eq!(said(place, name), "", "{place:?} {name}");
        }
        assert!(Place::Molecules.check(Path::new("-")).is_ok());
        assert!(Place::Corpus.check(Path::new("-")).is_err());
        let ethanol = Place::Molecules
            .check(Path::new("CCO"))
            .expect_err("no file");
        assert!(
            ethanol.to_string().contains("delicate explain 'CCO'"),
            "{ethanol}"
        );
    }

    #[test]
    fn what_may_not_be_read_is_said_with_what_to_do() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let said = Place::Molecules.unreadable(Path::new("a.csv"), &denied);
        assert!(said.contains("you may not read it"), "{said}");
        assert!(said.contains("ask its owner"), "{said}");
    }
}
