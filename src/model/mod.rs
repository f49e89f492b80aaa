//! The transformer: its configuration and endpoints. Its layers are in
//! [`low_level`](crate::low_level).

mod config;
mod context;
pub(crate) mod encoder;
pub(crate) mod heads;
mod parameters;
mod physchem;
#[cfg(test)]
mod reference_tests;
mod structure;
mod wide;

pub use config::{ConfigError, EncoderConfig, Pooling, Preset, Sharing};
pub(crate) use context::quantiles;
#[cfg(feature = "train")]
pub(crate) use context::{RANGE, REQUIREMENT, words_fault};
pub use context::{ReferenceMolecules, Requirement, Threshold};
pub(crate) use encoder::{Batch, Encoded, Encoder, matrix, sinusoidal_positions};
pub use heads::{Endpoint, EndpointTask, Scaling, Transform, ValueRange};
pub(crate) use heads::{Heads, Model, WideShape};
pub use parameters::SourceError;
pub(crate) use parameters::{Initial, Parameters, Source, Stored, StoredValues, transposed};
pub use physchem::Physchem;
pub use structure::{ENVIRONMENTS, StructureTargets};
pub(crate) use wide::WideFeatures;
pub use wide::WideInputs;
