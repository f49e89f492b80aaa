//! The built-in model, explained.

use delicate::device::{Device, DeviceChoice};
use delicate::predict::attribution::{ExplainError, Explanation};
use delicate::predict::{Domain, PredictOptions, Prediction, Scorer, without_interruption};
use delicate::records::{RowError, Structure};

fn scorer(choice: DeviceChoice) -> Scorer {
    let device = pollster::block_on(Device::open(choice)).expect("the device is there");
    Scorer::load(&crate::five_endpoints(), device).expect("the built-in model")
}

fn cpu() -> Scorer {
    scorer(DeviceChoice::Cpu)
}

fn explain(scorer: &Scorer, smiles: &str) -> Explanation {
    let structure = Structure::Smiles(smiles.to_owned());
    pollster::block_on(scorer.explain(&structure, PredictOptions::default())).expect("explained")
}

fn run(
    scorer: &Scorer,
    structures: &[Structure],
    options: PredictOptions,
) -> Vec<Result<Vec<Prediction>, RowError>> {
    let run = scorer.predict(structures, options, without_interruption);
    let rows = pollster::block_on(run).rows.into_iter();
    rows.map(|row| row.expect("done")).collect()
}

fn values(scorer: &Scorer, smiles: &[&str]) -> Vec<Vec<f32>> {
    let structures: Vec<Structure> = smiles
        .iter()
        .map(|&smiles| Structure::Smiles(smiles.to_owned()))
        .collect();
    let rows = run(scorer, &structures, PredictOptions::default()).into_iter();
    rows.map(|row| {
        let predictions = row.expect("scored");
        predictions.iter().map(|one| one.value).collect()
    })
    .collect()
}

const DRUGS: [&str; 4] = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "C[N+](C)(C)CC(O)CC([O-])=O",
    "Clc1ccc(Br)cc1.Cl",
];

#[test]
fn an_explanation_explains_the_score_and_has_a_contribution_for_every_atom() {
    let scorer = cpu();
    for (smiles, scored) in DRUGS.iter().zip(values(&scorer, &DRUGS)) {
        let explanation = explain(&scorer, smiles);
        for (explained, scored) in explanation.predictions.iter().zip(&scored) {
            assert!((explained.value - scored).abs() < 1e-4, "{smiles}");
        }
        let heavy = delicate::chemistry::Molecule::parse(&explanation.smiles).expect("valid");
        assert_eq!(
            explanation.atoms.len(),
            heavy.heavy_atom_count(),
            "{smiles}"
        );
        let mut end = 0;
        for atom in &explanation.atoms {
            assert!(atom.range.start >= end, "{smiles}: atoms overlap");
            end = atom.range.end;
            let symbol = &explanation.smiles[atom.range.clone()];
            let first = symbol.trim_start_matches('[').chars().next();
            assert!(first.is_some_and(char::is_uppercase), "{smiles}: {symbol}");
            assert_eq!(atom.contributions.len(), scored.len());
            assert!(atom.contributions.iter().all(|share| share.is_finite()));
        }
        let shares = explanation
            .atoms
            .iter()
            .flat_map(|atom| &atom.contributions);
        assert!(
            shares.map(|share| share.abs()).sum::<f32>() > 0.1,
            "{smiles}"
        );
    }
}

#[test]
fn predictions_name_a_neighbour_a_domain_and_an_interval() {
    let scorer = cpu();
    let endpoints = scorer.config().endpoints.len();
    let structures = DRUGS.map(|smiles| Structure::Smiles(smiles.to_owned()));
    let uncertain = |structures: &[Structure], uncertainty: bool| {
        let options = PredictOptions::default().uncertainty(uncertainty);
        run(&scorer, structures, options)
    };
    let plain = uncertain(&structures[..1], false)
        .remove(0)
        .expect("scored");
    assert!(
        plain
            .iter()
            .all(|one| { one.interval.is_none() && one.domain.is_none() && one.nearest.is_none() })
    );
    let broken = Structure::Smiles("C1CC".to_owned());
    let with_broken = uncertain(&[broken, structures[0].clone()], true);
    assert!(with_broken[0].is_err());
    assert!(
        with_broken[1]
            .as_ref()
            .is_ok_and(|row| row[0].domain.is_some())
    );
    for (smiles, predictions) in DRUGS.iter().zip(uncertain(&structures, true)) {
        let predictions = predictions.expect("scored");
        assert_eq!(predictions.len(), endpoints);
        for (explained, one) in explain(&scorer, smiles)
            .predictions
            .iter()
            .zip(&predictions)
        {
            assert_eq!(explained.endpoint(), one.endpoint());
            assert_eq!(
                (explained.domain, &explained.nearest),
                (one.domain, &one.nearest)
            );
        }
        for one in predictions {
            let nearest = one.nearest.expect("a neighbour");
            assert!((0.0..=1.0).contains(&nearest.similarity), "{smiles}");
            assert!(delicate::chemistry::Molecule::parse(&nearest.smiles).is_ok());
            let interval = one.interval.expect("a quantity has one");
            assert!(
                interval.low < one.value && one.value < interval.high,
                "{smiles}"
            );
            assert!((interval.high - interval.low).is_finite(), "{smiles}");
            assert!(one.domain.is_some());
        }
    }
    // Nothing like it was measured.
    let strange = Structure::Smiles("[SiH3]C#CC#CC#C[SiH3]".to_owned());
    let strange = uncertain(&[strange], true).remove(0).expect("scored");
    assert!(
        strange.iter().all(|one| one.domain == Some(Domain::Out)),
        "{strange:?}"
    );
}

#[test]
fn what_cannot_be_scored_cannot_be_explained_and_says_why() {
    let structure = Structure::Smiles("C1CC".to_owned());
    let explained = pollster::block_on(cpu().explain(&structure, PredictOptions::default()));
    match explained {
        Err(ExplainError::Row(error)) => assert_eq!(error.reason, "unclosed_ring"),
        other => panic!("expected the row's error, got {other:?}"),
    }
}

#[test]
fn half_precision_is_refused_on_a_cpu() {
    let refused = cpu().in_half_precision().expect_err("refused");
    assert!(refused.to_string().contains("shader-f16"), "{refused}");
}

#[test]
#[ignore = "needs a GPU adapter with shader-f16"]
fn three_digits_are_left_on_wgpu_in_half() {
    let whole = scorer(DeviceChoice::Gpu);
    let half = whole.clone().in_half_precision().expect("shader-f16");
    let deviations: Vec<f32> = whole
        .config()
        .endpoints
        .iter()
        .map(|e| e.scaling.deviation)
        .collect();
    for (whole, half) in values(&whole, &DRUGS).iter().zip(values(&half, &DRUGS)) {
        assert_ne!(whole, &half, "it computed in single precision");
        for ((whole, half), deviation) in whole.iter().zip(half).zip(&deviations) {
            let off = (whole - half).abs() / deviation;
            assert!(off < 0.02, "{half} in half, {whole} in single precision");
        }
    }
}
