//! What the tests against PyTorch share: the golden files of `tests/golden`, a
//! GPU, tests that run on both devices, and differences.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use serde::de::DeserializeOwned;

use crate::device::{Device as Opened, DeviceChoice};

/// A golden file: tensors as `f32`, and its metadata.
pub(crate) struct Golden {
    pub(crate) bytes: Vec<u8>,
    pub(crate) tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
    pub(crate) metadata: HashMap<String, String>,
}

/// Reads `tests/golden/NAME`.
pub(crate) fn golden(name: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let bytes = std::fs::read(path).expect("the golden file is part of the repository");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a valid header");
    let metadata = metadata.metadata().clone().unwrap_or_default();
    let file = SafeTensors::deserialize(&bytes).expect("a valid file");
    let tensors = file
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let values = match view.dtype() {
                safetensors::Dtype::F32 => view
                    .data()
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|b| f32::from_le_bytes(*b))
                    .collect(),
                safetensors::Dtype::F64 => view
                    .data()
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|b| f64::from_le_bytes(*b) as f32)
                    .collect(),
                safetensors::Dtype::I64 => view
                    .data()
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|b| i64::from_le_bytes(*b) as f32)
                    .collect(),
                other => panic!("{name} has the type {other:?}"),
            };
            (name, (view.shape().to_vec(), values))
        })
        .collect();
    Golden {
        bytes,
        tensors,
        metadata,
    }
}

impl Golden {
    pub(crate) fn values(&self, name: &str) -> &[f32] {
        &self
            .tensors
            .get(name)
            .unwrap_or_else(|| panic!("{name} is absent"))
            .1
    }

    pub(crate) fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (shape, values) = &self.tensors[name];
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), device)
    }

    /// The JSON in the metadata under `key`.
    pub(crate) fn json<T: DeserializeOwned>(&self, key: &str) -> T {
        let json = self
            .metadata
            .get(key)
            .unwrap_or_else(|| panic!("{key} is absent"));
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{key}: {error}"))
    }
}

pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

/// The largest difference of two sequences of one length; NaN if there is one.
pub(crate) fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        // Not `f32::max`, which would pass over a NaN.
        .fold(0.0, |most, off| {
            if off > most || off.is_nan() {
                off
            } else {
                most
            }
        })
}

pub(crate) fn largest(values: &[f32]) -> f32 {
    values.iter().map(|value| value.abs()).fold(0.0, f32::max)
}

/// The GPU, for tests that are ignored unless asked for.
pub(crate) fn gpu() -> Device {
    let device = pollster::block_on(Opened::open(DeviceChoice::Gpu));
    device.expect("a GPU adapter").tensors().clone()
}

/// A module of two tests, `on_the_cpu` and `on_wgpu`, that call `$check` with
/// the device, and with a number for each where there are two.
macro_rules! on_devices {
    ($name:ident, $check:path $(, $cpu:expr, $gpu:expr)?) => {
        mod $name {
            use super::*;

            #[test]
            fn on_the_cpu() {
                $check(&burn::tensor::Device::flex() $(, $cpu)?);
            }

            #[test]
            #[ignore = "needs a GPU adapter"]
            fn on_wgpu() {
                $check(&$crate::reference_tests::gpu() $(, $gpu)?);
            }
        }
    };
}
pub(crate) use on_devices;
