//! Delicate: a compact chemical transformer that scores molecules natively and
//! in the browser, on the same WGSL.
//!
//! ```
//! let predictor = delicate::Predictor::builtin()?;
//! for prediction in predictor.predict("CCO")? {
//!     println!("{prediction}");
//! }
//! # Ok::<(), delicate::Error>(())
//! ```
//!
//! Each [`Prediction`] has its endpoint, value and unit and, on request, a 90 %
//! interval, the applicability domain and the nearest training molecule:
//!
//! ```
//! use delicate::{PredictOptions, Predictor};
//!
//! let options = PredictOptions::default().uncertainty(true);
//! let predictor = Predictor::builtin()?.with(options);
//! let solubility = &predictor.predict("CC(=O)Oc1ccccc1C(=O)O")?[0];
//! let interval = solubility.interval.expect("a quantity has an interval");
//! assert!(interval.low < solubility.value && solubility.value < interval.high);
//! assert!(solubility.domain.is_some() && solubility.nearest.is_some());
//! # Ok::<(), delicate::Error>(())
//! ```
//!
//! Files of molecules are read by [`records`], and a row that cannot be read
//! carries its error into the result:
//!
//! ```
//! use delicate::Predictor;
//! use delicate::records::{ReadOptions, Reader};
//!
//! let file = "smiles,name\nCCO,ethanol\nC1CC,broken\n";
//! let reader = Reader::open(file.as_bytes(), "drugs.csv", &ReadOptions::default())?;
//! let rows = reader.collect::<Result<Vec<_>, _>>()?;
//! let results = Predictor::builtin()?.predict_batch(&rows)?;
//! assert!(results[0].is_ok());
//! assert_eq!(results[1].as_ref().unwrap_err().reason, "unclosed_ring");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Predictor`], [`predict`]: from structures to predictions; the one path that
//!   all front ends use
//! - [`records`]: users' files in, scored rows out
//! - [`screening`]: a library ranked by similarity to known actives
//! - [`chemistry`]: molecules from SMILES and mol blocks, descriptors, fingerprints
//! - [`model_dir`]: model directories
//! - [`metrics`]: how good predictions and rankings are
//! - `train`: pre-training, distillation, fine-tuning and evaluation (feature
//!   `train`)
//! - `convert`: checkpoints of other architectures in; int8 and ONNX out (feature
//!   `train`)
//! - [`tokenizer`], [`model`]: SMILES to token ids; the configuration of the encoder of
//!   Yu & Börjesson 2022 (arXiv 2205.07582) and its endpoints
//! - [`low_level`]: its layers, WGSL kernels and their Rust twins, on burn's tensors;
//!   the only part of the interface that changes with burn

#![cfg_attr(
    not(test),
    deny(
        clippy::print_stderr,
        clippy::print_stdout,
        reason = "what there is to tell is returned, and both panic where nobody reads"
    )
)]
#![cfg_attr(
    not(feature = "train"),
    allow(
        dead_code,
        unused_imports,
        reason = "gradients and fresh parameters are for training alone"
    )
)]

#[cfg(not(target_family = "wasm"))]
pub mod atomic;
pub mod chemistry;
#[cfg(all(feature = "train", not(target_family = "wasm")))]
pub mod convert;
pub mod device;
mod kernels;
pub mod low_level;
pub mod metrics;
pub mod model;
pub mod model_dir;
pub mod panics;
mod parallel;
pub mod predict;
pub mod records;
#[cfg(test)]
mod reference_tests;
pub mod screening;
pub mod text;
pub mod tokenizer;
#[cfg(all(feature = "train", not(target_family = "wasm")))]
pub mod train;

pub use device::{Device, DeviceChoice};
#[cfg(not(target_family = "wasm"))]
pub use predict::{Error, Predictor};
pub use predict::{PredictOptions, Prediction};
