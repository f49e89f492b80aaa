//! What libFuzzer and the tests feed with bytes: one function a kind of input, which
//! panics where a promise of the library is broken.
//!
//! Both `fuzz_targets/` and `../tests/fuzz/` call these functions, the tests by
//! including this file. What is promised of all inputs: no panic, no abort, time and
//! memory in proportion. What is promised of some the functions assert.

mod checkpoint;
mod model_directory;
mod molecules;
mod packed;
mod tables;

use std::sync::OnceLock;

use delicate::{Device, DeviceChoice};

pub use checkpoint::checkpoint;
pub use model_directory::model_directory;
pub use molecules::{mol_block, smiles};
pub use tables::{gz, tables};

/// A function to feed, under the name of its corpus.
#[derive(Clone, Copy)]
pub struct Target {
    /// As in `fuzz_targets/`, `corpus/` and `dictionaries/`.
    pub name: &'static str,
    /// The function; whether it took the input for what it should be.
    pub run: fn(&[u8]) -> bool,
}

/// Everything that is fuzzed.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "smiles",
        run: smiles,
    },
    Target {
        name: "mol_block",
        run: mol_block,
    },
    Target {
        name: "tables",
        run: tables,
    },
    Target {
        name: "gz",
        run: gz,
    },
    Target {
        name: "model_directory",
        run: model_directory,
    },
    Target {
        name: "checkpoint",
        run: checkpoint,
    },
];

/// Where models are built.
fn cpu() -> &'static Device {
    static CPU: OnceLock<Device> = OnceLock::new();
    CPU.get_or_init(|| Device::open_blocking(DeviceChoice::Cpu).expect("the CPU is always there"))
}

/// `data` as its first line, as text, and what follows it.
fn first_line(data: &[u8]) -> (String, &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n');
    let (line, rest) = data.split_at(end.unwrap_or(data.len()));
    let rest = rest.get(1..).unwrap_or_default();
    (String::from_utf8_lossy(line).into_owned(), rest)
}
