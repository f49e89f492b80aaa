//! What libFuzzer does in `fuzz/`, on the stable compiler and within a minute: each
//! target reads its corpus, seeded mutations of it, and large inputs made to take long.
//!
//! No input may panic, abort or overflow a stack of 2 MiB, nor take more time or memory
//! than [`Limits`](run::Limits) allow. A binary of its own, because its allocator
//! counts; one target at a time, because it counts all that the process allocates.
//! `DELICATE_FUZZ_EXECUTIONS` and `DELICATE_FUZZ_SEED` ask for more and for others;
//! `DELICATE_FUZZ_INPUT` names a file to feed alone.

#[path = "../../fuzz/src/lib.rs"]
pub mod targets;

mod hostile;
mod mutate;
mod run;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use peak_alloc::PeakAlloc;
use run::{Limits, corpus, mutations, survive};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Mutations of each target's corpus, unless the environment asks for others.
const EXECUTIONS: u64 = 10_000;

/// Beyond what is fuzzed, in bytes: what a reader, a device or a thread keeps for
/// itself, and 100 for each byte of input.
const PROPORTIONATE: Limits = Limits {
    base: 64 << 20,
    per_byte: 100,
};

/// For a molecule, whose relevant rings are listed, up to a million, to count them:
/// a band of forty hexagons that is closed has so many.
const OF_MOLECULES: Limits = Limits {
    base: 512 << 20,
    ..PROPORTIONATE
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

/// Feeds a target its corpus, mutations of it, and what is made to take long.
fn fuzz(name: &str, more: &[PathBuf], executions: u64, limits: Limits) {
    if let Some(path) = std::env::var_os("DELICATE_FUZZ_INPUT") {
        let input = std::fs::read(path).expect("the input");
        survive(name, std::iter::once(input), limits);
        return;
    }
    let mut seeds = corpus(&folder("corpus").join(name));
    assert!(!seeds.is_empty(), "there is no corpus of {name}");
    seeds.extend(more.iter().flat_map(|folder| corpus(folder)));
    let tokens = mutate::dictionary(&folder("dictionaries").join(format!("{name}.dict")));
    let hostile = hostile::inputs(name);
    let inputs = seeds.clone().into_iter();
    let inputs = inputs.chain(hostile.iter().map(|input| input.make()));
    survive(
        name,
        inputs.chain(mutations(&seeds, &tokens, executions)),
        limits,
    );
}

#[test]
fn smiles_are_read_or_refused_whatever_they_are() {
    fuzz("smiles", &[], EXECUTIONS, OF_MOLECULES);
}

#[test]
fn mol_blocks_are_read_or_refused_whatever_they_are() {
    fuzz("mol_block", &[], EXECUTIONS, OF_MOLECULES);
}

#[test]
fn tables_are_read_or_refused_whatever_they_are() {
    fuzz("tables", &[], EXECUTIONS, PROPORTIONATE);
}

#[test]
fn gzip_files_are_read_or_refused_whatever_they_are() {
    fuzz("gz", &[], EXECUTIONS, PROPORTIONATE);
}

#[test]
fn model_directories_are_read_or_refused_whatever_they_are() {
    let limits = Limits {
        // A domain may unpack to a hundred times its size, and each byte of that to a
        // few in memory.
        per_byte: 1000,
        ..PROPORTIONATE
    };
    fuzz("model_directory", &[], EXECUTIONS, limits);
}

#[test]
fn checkpoints_are_read_or_refused_whatever_they_are() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoints");
    let limits = Limits {
        // A pickle may make a million objects, and each byte of one is an object.
        base: 256 << 20,
        per_byte: 256,
    };
    fuzz("checkpoint", &[golden], EXECUTIONS, limits);
}

#[test]
fn every_target_has_a_corpus_a_dictionary_and_a_program() {
    let targets: BTreeSet<String> = targets::TARGETS.map(|it| it.name.to_owned()).into();
    for of in ["corpus", "dictionaries", "fuzz_targets"] {
        let entries = std::fs::read_dir(folder(of)).expect("listed");
        let names = entries.map(|entry| entry.expect("listed").path());
        let stems = names.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
        assert_eq!(stems.collect::<BTreeSet<_>>(), targets, "{of}");
    }
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).expect("there");
    for name in targets {
        let path = format!("path = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&path), "{path}");
    }
}
