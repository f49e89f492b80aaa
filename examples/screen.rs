//! Ranks a library by similarity to a known active, by fingerprint and by
//! embedding: `cargo run --release --example screen`

use std::error::Error;

use delicate::Predictor;
use delicate::chemistry::Keep;
use delicate::records::Structure;
use delicate::screening::{Aggregate, Features, Similarity, Top, fingerprints};

const ACTIVE: &str = "CC(=O)Oc1ccccc1C(=O)O";
const LIBRARY: [&str; 6] = [
    "OC(=O)c1ccccc1O",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "CC(=O)Nc1ccc(O)cc1",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "COc1ccc2cc(ccc2c1)C(C)C(=O)O",
    "CCO",
];

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let predictor = Predictor::builtin_for_similarity()?;
    let features = |smiles: &str| -> Result<Features, Box<dyn Error>> {
        let fingerprint = fingerprints(&[Structure::from(smiles)], Keep::default()).remove(0)?;
        Ok(Features::new(
            Some(fingerprint),
            Some(predictor.embed(smiles)?),
        ))
    };
    let active = [features(ACTIVE)?];
    let mut top = Top::new(3);
    for smiles in LIBRARY {
        let score = features(smiles)?.score(&active, Similarity::Fused, Aggregate::Max);
        top.offer(score, smiles);
    }
    for hit in top.into_sorted() {
        println!("{:.3}  {}", hit.score, hit.item);
    }
    Ok(())
}
