//! The layers and kernels beneath, on burn's tensors.
//!
//! Everything else in this crate's interface is free of burn; what is here changes
//! with it. Use [`burn`] by this path, so that both are of one version.
//!
//! ```
//! use delicate::low_level::{Batch, tensors};
//! use delicate::model_dir::ModelFiles;
//! use delicate::{Device, DeviceChoice};
//!
//! let device = Device::open_blocking(DeviceChoice::Cpu)?;
//! let (config, model) = ModelFiles::embedded_for_similarity().build(&device)?;
//! let ids = delicate::tokenizer::tokenize("CCO", config.encoder.max_length)?;
//! let batch = Batch::new(&[&ids[..]], tensors(&device));
//! let (states, pooled) = model.encoder().encode(&batch);
//! assert_eq!(states.dims(), [1, ids.len(), config.encoder.hidden_size]);
//! assert_eq!(pooled.dims(), [1, config.encoder.hidden_size]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use burn;

pub use crate::kernels::{attention, dropout, embedding, gelu, linear, residual_layer_norm};
pub use crate::model::encoder::{Batch, Encoded, Encoder, sinusoidal_positions};
pub use crate::model::heads::{Heads, Model};

/// burn's handle of a device, on which tensors are made.
pub fn tensors(device: &crate::Device) -> &burn::tensor::Device {
    device.tensors()
}
