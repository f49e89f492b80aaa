//! Predictions: from structures to values that say how far they can be trusted.
//!
//! - [`Predictor`]: the front door, blocking
//! - [`Scorer`]: the same, asynchronous and batch by batch
//! - [`gaussian_process`]: the values of similar training molecules
//! - [`applicability`]: intervals, applicability domain, nearest neighbours
//! - [`attribution`]: which atoms a prediction comes from

pub mod applicability;
pub mod attribution;
pub(crate) mod batching;
mod conformal;
#[cfg(feature = "properties")]
mod described;
mod eight_bits;
mod fallback;
pub mod gaussian_process;
mod neighbour_index;
mod neighbours;
mod prediction;
#[cfg(not(target_family = "wasm"))]
mod predictor;
mod requirements;
mod scorer;
mod standardize;

#[cfg(feature = "properties")]
pub use described::properties_all;
pub use fallback::DeviceCheck;
pub use prediction::{
    Domain, Interval, Neighbour, Outcomes, Prediction, Progress, Stop, without_interruption,
};
#[cfg(not(target_family = "wasm"))]
pub use predictor::{Error, Predictor};
pub(crate) use scorer::Task;
pub use scorer::{PredictOptions, Scorer, UnknownEndpoint};
pub(crate) use standardize::{Form, Standardized, TREATMENT, Treatment};
pub use standardize::{StandardForm, Standardization, standardize, standardize_all};
