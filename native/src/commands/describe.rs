//! `delicate describe`: words for the endpoints of a model.

use std::path::{Path, PathBuf};

use clap::Args;
use delicate::model_dir::{ModelDirError, ModelFiles, change_config};
use delicate::train::{RunConfig, describe};

use crate::configurations::Draft;
use crate::error::CommandError;
use crate::messages::say;
use crate::places::Place;

#[derive(Debug, Args)]
pub(crate) struct DescribeArguments {
    /// Model directory
    pub(crate) model: PathBuf,
    /// Configuration of a fine-tuning run, a built-in name or a file: titles, groups,
    /// descriptions, directions and thresholds are taken from it, and no number
    pub(crate) config: PathBuf,
}

pub(crate) fn run(arguments: &DescribeArguments) -> Result<(), CommandError> {
    let (directory, source) = (arguments.model.as_path(), arguments.config.as_path());
    Place::Model.check(directory)?;
    let wrong = |what: String| CommandError::Configuration {
        path: source.to_owned(),
        what,
    };
    let RunConfig::Finetune(words) = Draft::open("finetune", source)?.finish()? else {
        return Err(wrong("it is no configuration of fine-tuning".to_owned()));
    };
    words.check().map_err(|error| wrong(error.to_string()))?;
    let files = ModelFiles::read(directory).map_err(failed(directory))?;
    let mut config = files.config().map_err(failed(directory))?;
    let described = describe(&mut config, &words).map_err(|error| wrong(error.to_string()))?;
    let all = config.endpoints.len();
    change_config(directory, |of_model| *of_model = config).map_err(failed(directory))?;
    say!(
        "{}: {described} of {all} endpoints described",
        directory.display()
    );
    Ok(())
}

/// What went wrong with the model of a directory.
pub(crate) fn failed(directory: &Path) -> impl Fn(ModelDirError) -> CommandError {
    let name = directory.display().to_string();
    move |source| CommandError::Model {
        name: name.clone(),
        source,
    }
}
