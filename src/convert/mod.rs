//! Models of other architectures in, and models for other runtimes out.

pub mod export;
pub mod import;
