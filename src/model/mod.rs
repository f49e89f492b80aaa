//! The transformer: encoder, heads, and where their parameters come from.

mod config;
mod encoder;
mod heads;
mod parameters;
mod physchem;
#[cfg(test)]
mod reference_tests;
mod structure;

pub use config::{ConfigError, EncoderConfig, Pooling, Preset, Sharing};
pub use encoder::{Batch, Encoded, Encoder, sinusoidal_positions};
pub use heads::{Endpoint, EndpointTask, Heads, Model, Scaling};
pub use parameters::SourceError;
pub(crate) use parameters::{Initial, Parameters, Source, Stored, StoredValues};
pub use physchem::Physchem;
pub use structure::{ENVIRONMENTS, StructureTargets};
