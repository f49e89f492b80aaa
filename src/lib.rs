//! Delicate: a compact chemical transformer that scores molecules natively and
//! in the browser, on the same WGSL.
//!
//! - [`chemistry`]: molecules from SMILES and mol blocks
//! - [`tokens`]: SMILES to token ids
//! - [`model`]: the encoder of Yu & Börjesson 2022 (arXiv 2205.07582), and heads
//! - [`kernels`]: WGSL kernels, their Rust twins, and devices
//! - [`scoring`]: structures in, numbers out: the one path that all front ends use
//! - [`gaussian_process`]: what like training molecules say beside the network
//! - [`applicability`], [`explaining`]: how far a prediction can be trusted, and
//!   which atoms it comes from
//! - [`records`]: users' files in, scored rows out
//! - [`storing`]: model directories
//! - [`screening`]: a library ranked by similarity to known actives
//! - [`metrics`]: how good predictions and rankings are
//! - `training`, `splits`, `evaluation`, `baseline`: pre-training, distillation
//!   and fine-tuning, and how good the result is (feature `train`)
//! - `benchmark`: what a model costs to train and to run (feature `train`)
//! - `importing`, `exporting`: checkpoints of others in; int8 and ONNX out
//!   (feature `train`)

#![cfg_attr(
    not(feature = "train"),
    allow(
        dead_code,
        unused_imports,
        reason = "gradients and fresh parameters are for training alone"
    )
)]

pub mod chemistry;
#[cfg(all(feature = "train", not(target_family = "wasm")))]
pub mod convert;
pub mod device;
pub mod kernels;
pub mod metrics;
pub mod model;
pub mod model_dir;
mod parallel;
pub mod predict;
pub mod records;
#[cfg(test)]
mod reference_tests;
pub mod screening;
pub mod tokenizer;
#[cfg(feature = "train")]
pub mod train;
