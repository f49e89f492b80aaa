//! The front door: a model, ready to predict, without an executor.

use std::path::Path;

use super::attribution::{ExplainError, Explanation};
use super::{PredictOptions, Prediction, Scorer, Stop, without_interruption};
use crate::device::{Device, DeviceChoice, DeviceError};
use crate::model_dir::{ModelDirError, ModelFiles};
use crate::records::{MoleculeSource, RowError, Structure};

/// Molecules that [`Predictor::predict_iter`] works on together.
const CHUNK: usize = 1024;

/// Why a [`Predictor`] cannot be opened, or has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model directory is not whole or not valid.
    #[error(transparent)]
    Model(#[from] ModelDirError),
    /// The device cannot be opened.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The molecule cannot be read, or not by this model.
    #[error(transparent)]
    Molecule(#[from] RowError),
    /// The run ended early.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl From<ExplainError> for Error {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Row(error) => error.into(),
            ExplainError::Stop(stop) => stop.into(),
        }
    }
}

/// A model on a device that predicts, embeds and explains molecules.
///
/// Every call blocks until its result is there; [`Predictor::scorer`] is the
/// asynchronous interface beneath, for event loops and progress bars. Cloning is
/// cheap, and one predictor may be used from several threads.
///
/// ```
/// let predictor = delicate::Predictor::builtin()?;
/// for prediction in predictor.predict("CCO")? {
///     println!("{prediction}");
/// }
/// # Ok::<(), delicate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predictor {
    scorer: Scorer,
    options: PredictOptions,
}

impl Predictor {
    /// The model that is built into the library, on the CPU.
    ///
    /// # Errors
    ///
    /// Never but for a library that was built wrongly.
    #[cfg(feature = "embedded")]
    pub fn builtin() -> Result<Self, Error> {
        Self::load(&ModelFiles::embedded(), cpu()?)
    }

    /// The model that is built into the library for comparing molecules, on the
    /// CPU: for [`Self::embed`]. It predicts no endpoint.
    ///
    /// # Errors
    ///
    /// Never but for a library that was built wrongly.
    #[cfg(feature = "embedded")]
    pub fn builtin_for_similarity() -> Result<Self, Error> {
        Self::load(&ModelFiles::embedded_for_similarity(), cpu()?)
    }

    /// The model of a directory, on `device`.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn open(directory: impl AsRef<Path>, device: Device) -> Result<Self, Error> {
        Self::load(&ModelFiles::read(directory.as_ref())?, device)
    }

    /// The model of these files, on `device`. A GPU is tried on a few molecules
    /// first.
    ///
    /// # Errors
    ///
    /// Where a file is missing, altered or not valid, and where a GPU's numbers are
    /// not those of the CPU.
    pub fn load(files: &ModelFiles<'_>, device: Device) -> Result<Self, Error> {
        let scorer = Scorer::load(files, device)?;
        pollster::block_on(scorer.check_device())?;
        Ok(Self {
            scorer,
            options: PredictOptions::default(),
        })
    }

    /// The same predictor with other options.
    #[must_use]
    pub fn with(self, options: PredictOptions) -> Self {
        Self { options, ..self }
    }

    /// The asynchronous interface beneath.
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// Predicts every endpoint for one SMILES.
    ///
    /// # Errors
    ///
    /// [`Error::Molecule`] where it cannot be read, [`Error::Stopped`] where the
    /// device fails or the model has no endpoints.
    pub fn predict(&self, smiles: &str) -> Result<Vec<Prediction>, Error> {
        let mut rows = self.predict_batch(&[Structure::from(smiles)])?;
        Ok(rows.pop().unwrap_or_else(|| Ok(Vec::new()))?)
    }

    /// Predicts every endpoint for each of `molecules`: [`Structure`]s, or
    /// [`Row`](crate::records::Row)s of a file. A molecule that cannot be read has
    /// its error in its place.
    ///
    /// # Errors
    ///
    /// Where the device fails or the model has no endpoints.
    pub fn predict_batch<M: MoleculeSource>(
        &self,
        molecules: &[M],
    ) -> Result<Vec<Result<Vec<Prediction>, RowError>>, Error> {
        let run = self
            .scorer
            .predict(molecules, self.options, without_interruption);
        let outcomes = pollster::block_on(run);
        match outcomes.stop {
            Some(stop) => Err(stop.into()),
            // Without a stop every row has its result.
            None => Ok(outcomes.rows.into_iter().flatten().collect()),
        }
    }

    /// Predicts every endpoint for each molecule of an iterator, however long, in
    /// its order and with memory for about a thousand of them. Ends after a
    /// failure of the device.
    pub fn predict_iter<'a, I>(
        &'a self,
        molecules: I,
    ) -> impl Iterator<Item = Result<Vec<Prediction>, Error>> + 'a
    where
        I: IntoIterator,
        I::Item: MoleculeSource + 'a,
        I::IntoIter: 'a,
    {
        let mut molecules = molecules.into_iter().fuse();
        let mut failed = false;
        std::iter::from_fn(move || {
            let chunk: Vec<I::Item> = molecules.by_ref().take(CHUNK).collect();
            if failed || chunk.is_empty() {
                return None;
            }
            Some(match self.predict_batch(&chunk) {
                Ok(rows) => rows
                    .into_iter()
                    .map(|row| row.map_err(Error::from))
                    .collect(),
                Err(error) => {
                    failed = true;
                    vec![Err(error)]
                }
            })
        })
        .flatten()
    }

    /// The embedding of one SMILES, as long as the encoder is wide.
    ///
    /// # Errors
    ///
    /// As [`Self::predict`].
    pub fn embed(&self, smiles: &str) -> Result<Vec<f32>, Error> {
        let molecules = [Structure::from(smiles)];
        let run = self
            .scorer
            .embed(&molecules, self.options, without_interruption);
        let mut outcomes = pollster::block_on(run);
        match (outcomes.stop, outcomes.rows.pop().flatten()) {
            (Some(stop), _) => Err(stop.into()),
            (None, row) => Ok(row.unwrap_or_else(|| Ok(Vec::new()))?),
        }
    }

    /// Which atoms the predictions of one SMILES come from.
    ///
    /// # Errors
    ///
    /// As [`Self::predict`].
    pub fn explain(&self, smiles: &str) -> Result<Explanation, Error> {
        let molecule = Structure::from(smiles);
        Ok(pollster::block_on(
            self.scorer.explain(&molecule, self.options),
        )?)
    }
}

#[cfg(feature = "embedded")]
fn cpu() -> Result<Device, DeviceError> {
    Device::open_blocking(DeviceChoice::Cpu)
}
