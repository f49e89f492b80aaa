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
mod files;
mod metrics;
mod model_dir;
mod mol_blocks;
mod predict;
#[cfg(feature = "properties")]
mod properties;
mod records;
mod screening;
mod shaders;
#[cfg(feature = "train")]
mod splits;
mod standard_form;

/// A model with Gaussian processes, and of few endpoints: `models/delicate-small`.
fn five_endpoints() -> delicate::model_dir::ModelFiles<'static> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/delicate-small");
    delicate::model_dir::ModelFiles::read(&path).expect("it is shipped")
}

/// Where the data sets lie that are no part of the repository. Tests on them
/// are ignored unless asked for; each has a smaller one beside it.
fn data() -> std::path::PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    std::env::var_os("DELICATE_DATA").map_or(default.into(), Into::into)
}
