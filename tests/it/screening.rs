//! The screening benchmark against figures measured with RDKit.

use std::ops::ControlFlow;
use std::path::Path;

use delicate::records::{RowError, Structure};
use delicate::screening::{self, Aggregate, Benchmark, Features, ScreeningError, Similarity};

fn ecfp4(structures: &[Result<Structure, RowError>]) -> Result<Vec<Features>, ScreeningError> {
    let fingerprints = screening::fingerprints(structures, false).into_iter();
    Ok(fingerprints
        .map(|fingerprint| Features::new(fingerprint.ok(), None))
        .collect())
}

/// All 53 targets take a few seconds, so all are run: RDKit's ECFP4, Tanimoto,
/// nearest query give AUROC 0.624 and BEDROC 0.274.
#[test]
fn ecfp4_finds_as_many_actives_as_rdkits_does() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/screening");
    let Ok(benchmark) = Benchmark::open(&directory) else {
        println!(
            "skipped: ecfp4_finds_as_many_actives_as_rdkits_does: no {}",
            directory.display()
        );
        return;
    };
    let result = benchmark
        .run(Similarity::Fingerprint, Aggregate::Max, ecfp4, |_| {
            ControlFlow::Continue(())
        })
        .expect("measured");
    println!("AUROC {:.4}, BEDROC {:.4}", result.auroc, result.bedroc);
    assert_eq!(result.targets.len(), 53);
    assert!((result.auroc - 0.624).abs() < 0.01, "{}", result.auroc);
    assert!((result.bedroc - 0.274).abs() < 0.01, "{}", result.bedroc);
}
