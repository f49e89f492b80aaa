//! Integration tests of the library: one binary, so that the engine is linked once.

mod attribution;
#[cfg(feature = "train")]
mod baseline;
mod chemistry;
mod contributing;
#[cfg(feature = "train")]
mod convert;
mod descriptors;
mod examples;
mod metrics;
mod model_dir;
mod predict;
mod records;
mod screening;
mod shaders;
#[cfg(feature = "train")]
mod splits;
