//! What a scorer does about a GPU that fails or computes wrongly.
//!
//! A scorer on a GPU keeps its model on the CPU as well. With it the GPU is compared
//! before it is trusted ([`Scorer::check_device`]), and on it a run goes on where the
//! GPU is lost in the middle. In a browser the page does both, between its engines.

use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::Scorer;
use super::batching::Input;
use super::prediction::Stop;
use super::scorer::{Failure, Scored, Task};
use crate::chemistry::Molecule;
use crate::device::{Backend, Device, DeviceError, OnDeviceLost};
use crate::model::Model;
use crate::model_dir::{ModelDirError, ModelFiles};
use crate::tokenizer;

/// What a device is tried with, as the model reads it: small and large, charged,
/// with stereo, side by side in one batch.
const MOLECULES: [&str; 4] = [
    "CCO",
    "C[N+](C)(C)C[C@@H](O)CC(=O)[O-]",
    "CN1C=NC2=C1C(=O)N(C)C(=O)N2C",
    "CC(C)CC1=CC=C([C@H](C)C(=O)OC2=CC=CC=C2C(=O)NC2=CC=C(S(N)(=O)=O)C=C2)C=C1",
];

/// What is tolerated in single precision, where a GPU differs from the CPU by some
/// 0.00001.
const TOLERANCE: f32 = 1e-3;
/// What is tolerated in half precision, where about three digits are left.
const HALF_TOLERANCE: f32 = 0.05;

/// How a GPU's numbers compare with the CPU's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeviceCheck {
    /// The largest difference of an output for the molecules that are tried, in
    /// standard deviations of the endpoint; of an embedding, in its root mean
    /// square. Infinite where a value is not finite.
    pub difference: f32,
    /// What is tolerated.
    pub tolerance: f32,
}

impl DeviceCheck {
    /// Whether the device may be trusted.
    pub fn passes(&self) -> bool {
        self.difference <= self.tolerance
    }
}

/// The model on the CPU, beside a GPU.
#[derive(Debug)]
pub(super) struct Spare {
    model: Model,
    device: Device,
    /// Why the GPU is used no longer.
    lost: OnceLock<String>,
}

impl Spare {
    /// That of a scorer on `device`, where it has one.
    pub(super) fn of(
        files: &ModelFiles<'_>,
        device: &Device,
    ) -> Result<Option<Self>, ModelDirError> {
        if device.backend == Backend::Flex || cfg!(target_family = "wasm") {
            return Ok(None);
        }
        Self::beside(files).map(Some)
    }

    pub(super) fn beside(files: &ModelFiles<'_>) -> Result<Self, ModelDirError> {
        let device = Device::fallback();
        let (_, model) = files.load(device.tensors())?;
        Ok(Self {
            model,
            device,
            lost: OnceLock::new(),
        })
    }
}

impl Scorer {
    /// The same scorer with another answer to a GPU that is lost, or whose memory does
    /// not suffice for half a batch either. Natively a scorer goes on with the same
    /// batch on the CPU unless told otherwise, and tells it by [`Self::device_lost`].
    #[must_use]
    pub fn on_device_lost(mut self, answer: OnDeviceLost) -> Self {
        self.on_device_lost = answer;
        self
    }

    /// Why the GPU is used no longer, once a run has gone on without it on the CPU.
    pub fn device_lost(&self) -> Option<&str> {
        self.spare.as_ref()?.lost.get().map(String::as_str)
    }

    /// One forward pass and one readback, repeated where the device fails.
    pub(crate) async fn forward(
        &self,
        batch: &[(usize, Input)],
        task: Task,
    ) -> Result<Vec<Scored>, Stop> {
        if self.device_lost().is_none() {
            let failure = match self.forward_on_device(batch, task).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => failure,
            };
            let reason = match failure {
                Failure::Stop(stop) => return Err(stop),
                Failure::OutOfMemory(reason) | Failure::Lost(reason) => reason,
            };
            match &self.spare {
                Some(spare) if self.on_device_lost == OnDeviceLost::Cpu => {
                    // Another thread may have been quicker: its reason stays.
                    let _ = spare.lost.set(reason);
                }
                _ => return Err(Stop::Device(reason)),
            }
        }
        let Some(spare) = &self.spare else {
            return Err(Stop::Device("there is no other".to_owned()));
        };
        let rows = self.rows(&spare.model, &spare.device, batch, task).await;
        rows.map_err(Stop::from)
    }

    /// On the device itself: a batch that its memory does not suffice for is tried
    /// once more, one half after the other.
    async fn forward_on_device(
        &self,
        batch: &[(usize, Input)],
        task: Task,
    ) -> Result<Vec<Scored>, Failure> {
        let whole = self.rows(&self.model, &self.device, batch, task).await;
        let Err(Failure::OutOfMemory(_)) = whole else {
            return whole;
        };
        if batch.len() < 2 {
            return whole;
        }
        // What was allocated before it ran out is kept otherwise.
        self.device.tensors().memory_cleanup();
        let (first, second) = batch.split_at(batch.len() / 2);
        let mut rows = self.rows(&self.model, &self.device, first, task).await?;
        rows.extend(self.rows(&self.model, &self.device, second, task).await?);
        Ok(rows)
    }

    /// Compares the device with the CPU on a few molecules; `None` for a CPU, and for
    /// a scorer that has no model on the CPU beside it.
    ///
    /// # Errors
    ///
    /// Where one of the two fails.
    pub async fn compare_with_cpu(&self) -> Result<Option<DeviceCheck>, DeviceError> {
        let Some(spare) = &self.spare else {
            return Ok(None);
        };
        let limit = self.config().encoder.max_length;
        let task = match self.endpoints().is_empty() {
            true => Task::Embed,
            false => Task::Score,
        };
        let inputs: Vec<Input> = MOLECULES
            .iter()
            .filter_map(|smiles| {
                let molecule = Molecule::parse(smiles).ok()?;
                Some(Input {
                    ids: tokenizer::tokenize(smiles, limit).ok()?,
                    wide: self.wide_features(&molecule, task).ok()?.map(Arc::new),
                })
            })
            .collect();
        let inputs: Vec<&Input> = inputs.iter().collect();
        if inputs.is_empty() {
            return Ok(None);
        }
        let outputs = async |model: &Model, device: &Device| {
            let outputs = self.outputs(model, device, &inputs, task).await;
            outputs.map_err(|failure| DeviceError::Failed {
                device: device.name().to_owned(),
                reason: Stop::from(failure).to_string(),
            })
        };
        let expected = outputs(&spare.model, &spare.device).await?;
        let found = outputs(&self.model, &self.device).await?;
        Ok(Some(DeviceCheck {
            difference: difference(&found, &expected, task),
            tolerance: match self.half {
                true => HALF_TOLERANCE,
                false => TOLERANCE,
            },
        }))
    }

    /// Refuses a device whose numbers are not those of the CPU.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Inaccurate`], with the difference; or where the device fails.
    pub async fn check_device(&self) -> Result<(), DeviceError> {
        match self.compare_with_cpu().await? {
            Some(check) if !check.passes() => Err(DeviceError::Inaccurate {
                device: self.device().name().to_owned(),
                precision: match self.half {
                    true => "half precision",
                    false => "single precision",
                },
                difference: check.difference,
                tolerance: check.tolerance,
            }),
            _ => Ok(()),
        }
    }
}

/// The largest difference in the scale of the task; where the CPU has no finite
/// value either, the model is at fault and not the device.
fn difference(found: &[f32], expected: &[f32], task: Task) -> f32 {
    let squares: f32 = expected.iter().map(|value| value * value).sum();
    let scale = match task {
        Task::Score => 1.0,
        Task::Embed => (squares / expected.len().max(1) as f32).sqrt().max(1e-20),
    };
    let pairs = found.iter().zip(expected);
    pairs
        .filter(|(_, expected)| expected.is_finite())
        .map(|(found, expected)| {
            let off = (found - expected).abs() / (expected.abs() / scale).max(1.0) / scale;
            // By its bits, as every number is judged that a device gave.
            if found.is_finite() {
                off
            } else {
                f32::INFINITY
            }
        })
        .fold(0.0, f32::max)
}
