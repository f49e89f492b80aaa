//! Delicate: a compact chemical transformer that scores molecules natively and
//! in the browser, on the same WGSL.
//!
//! - [`chemistry`]: molecules from SMILES and mol blocks
//! - [`tokens`]: SMILES to token ids
//! - [`model`]: the encoder of Yu & Börjesson 2022 (arXiv 2205.07582), and heads
//! - [`kernels`]: WGSL kernels, their Rust twins, and devices
//! - [`scoring`]: structures in, numbers out: the one path that all front ends use
//! - [`records`]: users' files in, scored rows out
//! - [`storing`]: model directories
//! - `training`: supervised training (feature `train`)

#![cfg_attr(
    not(feature = "train"),
    allow(
        dead_code,
        unused_imports,
        reason = "gradients and fresh parameters are for training alone"
    )
)]

pub mod chemistry;
pub mod kernels;
pub mod model;
pub mod records;
pub mod scoring;
pub mod storing;
pub mod tokens;
#[cfg(feature = "train")]
pub mod training;
