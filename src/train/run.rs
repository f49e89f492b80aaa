//! A run of whatever kind, begun or resumed.

use std::ops::ControlFlow;
use std::path::Path;

use super::TrainingError;
use super::config::RunConfig;
use super::finetune::{self, Finetuned, finetune};
use super::pretrain::{self, Pretrained, pretrain};
use super::progress::Event;
use super::run_dir::{self, Run};
use crate::device::Device;

/// The result of a run, by what it was.
#[derive(Clone, Debug)]
pub enum Trained {
    /// Of pre-training, or of distillation on a corpus.
    Pretrained(Pretrained),
    /// Of fine-tuning, or of distillation on tables.
    Finetuned(Finetuned),
}

/// Begins the run that `config` describes in `directory`: see [`pretrain`] and
/// [`finetune`], whose tables lie in `data`.
///
/// # Errors
///
/// See [`TrainingError`].
pub async fn run(
    config: &RunConfig,
    data: &Path,
    directory: &Path,
    device: &Device,
    on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Trained, TrainingError> {
    Ok(match config {
        RunConfig::Pretrain(config) => {
            Trained::Pretrained(pretrain(config, directory, device, on_event).await?)
        }
        RunConfig::Finetune(config) => {
            Trained::Finetuned(finetune(config, data, directory, device, on_event).await?)
        }
    })
}

/// Resumes the run in `directory` where it stopped, however it did. One that is
/// finished is left as it is, and says so in a note; one that was begun on molecules
/// in another standard form is refused.
///
/// On a CPU the result is that of a run that was never stopped, to the bit.
///
/// # Errors
///
/// See [`TrainingError`].
pub async fn resume(
    directory: &Path,
    device: &Device,
    mut on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<Trained, TrainingError> {
    let (run, text, info) = Run::resume(directory)?;
    let config = RunConfig::from_toml(&text)?;
    config.check()?;
    config.common().optimizer.check_device(device)?;
    let finished = run.finished()?;
    if finished.is_some() {
        // A process that was killed at its very end left them.
        run.clear_checkpoints()?;
        let note = "this run has already finished; nothing to resume".to_owned();
        // Nothing comes after it that could be stopped.
        let _ = on_event(Event::Note(note));
    }
    if finished.is_none() {
        info.check_form(directory, config.standard_form())?;
    }
    Ok(match (config, finished) {
        (RunConfig::Pretrain(config), None) => {
            Trained::Pretrained(pretrain::resume(&config, run, &info, device, on_event).await?)
        }
        (RunConfig::Finetune(config), None) => {
            Trained::Finetuned(finetune::resume(&config, run, &info, device, on_event).await?)
        }
        (RunConfig::Pretrain(_), Some(config)) => Trained::Pretrained(Pretrained {
            config,
            validation: Vec::new(),
        }),
        (RunConfig::Finetune(_), Some(config)) => Trained::Finetuned(Finetuned {
            config,
            evaluation: run_dir::read_json(&directory.join(run_dir::EVALUATION))?,
            left_out: Vec::new(),
        }),
    })
}
