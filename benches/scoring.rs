//! What a molecule costs, from text to number: `cargo bench`.
//!
//! Figures compare with each other within one run; between machines and runs
//! they do not.

use delicate::Predictor;
use delicate::chemistry::{AtomOrder, Molecule};
use delicate::device::{Device, DeviceChoice};
use delicate::low_level::burn::{
    self,
    tensor::{Distribution, Tensor},
};
use delicate::low_level::{residual_layer_norm, tensors};
use delicate::records::Structure;
use delicate::tokenizer::tokenize;
use divan::Bencher;
use divan::counter::ItemsCount;

/// The first drugs of the list.
fn molecules() -> Vec<&'static str> {
    let lines = include_str!("molecules.smi").lines();
    let smiles = lines.filter_map(|line| line.split(' ').next());
    smiles.take(8).collect()
}

fn main() {
    divan::main();
}

fn cpu() -> Device {
    pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU is always there")
}

#[divan::bench]
fn parse_standardise_and_tokenise(bencher: Bencher) {
    let molecules = molecules();
    let tokens = |smiles: &&str| {
        let molecule = Molecule::parse(smiles).expect("valid");
        let written = molecule.kekule_string(AtomOrder::Canonical).expect("valid");
        tokenize(&written, 128).expect("short")
    };
    bencher
        .counter(ItemsCount::new(molecules.len()))
        .bench(|| molecules.iter().map(tokens).collect::<Vec<_>>());
}

#[divan::bench(args = [8, 64, 512])]
fn score_on_the_cpu(bencher: Bencher, rows: usize) {
    let predictor = Predictor::builtin().expect("a valid model");
    let molecules = molecules();
    let structures: Vec<Structure> = (0..rows)
        .map(|row| Structure::from(molecules[row % molecules.len()]))
        .collect();
    bencher
        .counter(ItemsCount::new(rows))
        .bench(|| predictor.predict_batch(&structures));
}

/// The kernel against burn's own addition and LayerNorm.
mod residual_and_layer_norm {
    use super::*;

    fn inputs() -> (Tensor<3>, Tensor<3>, Tensor<1>, Tensor<1>) {
        let device = tensors(&cpu()).clone();
        let random = || Tensor::random([32, 64, 256], Distribution::Default, &device);
        (
            random(),
            random(),
            Tensor::ones([256], &device),
            Tensor::zeros([256], &device),
        )
    }

    #[divan::bench]
    fn own_kernel(bencher: Bencher) {
        let (x, residual, gamma, beta) = inputs();
        bencher.bench(|| {
            residual_layer_norm(
                x.clone(),
                residual.clone(),
                gamma.clone(),
                beta.clone(),
                1e-12,
            )
        });
    }

    #[divan::bench]
    fn burns_own(bencher: Bencher) {
        let (x, residual, gamma, beta) = inputs();
        bencher.bench(|| {
            burn::tensor::module::layer_norm(
                x.clone() + residual.clone(),
                gamma.clone(),
                Some(beta.clone()),
                1e-12,
            )
        });
    }
}
