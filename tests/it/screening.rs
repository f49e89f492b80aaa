//! The screening benchmark against figures measured with RDKit.

use std::ops::ControlFlow;
use std::path::Path;

use delicate::chemistry::{ECFP4, Keep, Molecule};
use delicate::records::{RowError, Structure};
use delicate::screening::{
    self, Aggregate, Benchmark, BenchmarkResult, Features, ScreeningError, Similarity,
};

fn ecfp4(structures: &[Result<Structure, RowError>]) -> Result<Vec<Features>, ScreeningError> {
    // RDKit's figures are those of the molecules as they are drawn.
    let as_drawn = Keep {
        salts: true,
        charges: true,
    };
    let fingerprints = screening::fingerprints(structures, as_drawn).into_iter();
    Ok(fingerprints
        .map(|fingerprint| Features::new(fingerprint.ok(), None))
        .collect())
}

fn measured(directory: &Path) -> BenchmarkResult {
    let benchmark = Benchmark::open(directory).expect("a list of targets");
    let result = benchmark.run(Similarity::Fingerprint, Aggregate::Max, ecfp4, |_| {
        ControlFlow::Continue(())
    });
    result.expect("measured")
}

/// Three classes of drugs among others (tests/golden/screening.py).
#[test]
fn ecfp4_ranks_three_classes_of_drugs_as_rdkits_does() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/screening");
    let expected = include_str!("../golden/screening/expected.json");
    let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
    let expected = expected["targets"].as_array().expect("a list");
    let found = measured(Path::new(directory)).targets;
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(expected["target"], *found.target);
        for (name, found) in [("auroc", found.auroc), ("bedroc", found.bedroc)] {
            let expected = expected[name].as_f64().expect("a number");
            assert!(
                (found - expected).abs() < 1e-9,
                "{name} is {found}, RDKit's {expected}"
            );
        }
    }
}

/// All 53 targets take a few seconds, so all are run: RDKit's ECFP4, Tanimoto,
/// nearest query give AUROC 0.624 and BEDROC 0.274.
#[test]
#[ignore = "needs the data sets (DELICATE_DATA)"]
fn ecfp4_finds_as_many_actives_as_rdkits_does_in_the_full_data() {
    let result = measured(&crate::data().join("screening"));
    println!("AUROC {:.4}, BEDROC {:.4}", result.auroc, result.bedroc);
    assert_eq!(result.targets.len(), 53);
    assert!((result.auroc - 0.624).abs() < 0.01, "{}", result.auroc);
    assert!((result.bedroc - 0.274).abs() < 0.01, "{}", result.bedroc);
}

/// The counts of `src/screening/rarity.txt`, made anew.
#[test]
#[ignore = "needs the data sets (DELICATE_DATA)"]
fn rarity_was_counted_in_the_corpus_in_the_full_data() {
    let path = crate::data().join("corpus/valid.smi.gz");
    let mut text = String::new();
    let file = std::fs::File::open(&path).expect("the corpus");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text)
        .expect("text");
    let mut counts = vec![0u32; 2048];
    assert_eq!(text.lines().count(), 10_000);
    for line in text.lines() {
        let molecule = Molecule::parse(line).expect(line);
        for bit in molecule.ecfp(ECFP4).expect("a fingerprint").bits() {
            counts[bit] += 1;
        }
    }
    let kept = include_str!("../../src/screening/rarity.txt").lines();
    let kept: Vec<u32> = kept
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.parse().expect("a count"))
        .collect();
    // RDKit counted; it and we perceive one molecule or two otherwise.
    let differences = (0..2048).map(|bit| counts[bit].abs_diff(kept[bit]));
    assert!(differences.clone().max() <= Some(5));
    assert!(differences.filter(|&difference| difference > 0).count() <= 50);
}
