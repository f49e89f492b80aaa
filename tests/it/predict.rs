//! The scoring path with the embedded model.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use delicate::chemistry::{AtomOrder, Molecule};
use delicate::device::{Device, DeviceChoice};
use delicate::low_level::{Batch, tensors};
use delicate::model_dir::ModelFiles;
use delicate::predict::gaussian_process;
use delicate::predict::{
    Outcomes, PredictOptions, Prediction, Progress, Scorer, Stop, without_interruption,
};
use delicate::records::{ReadOptions, Reader, Structure};
use delicate::tokenizer;
use delicate::{Error, Predictor};

const MOLECULES: [&str; 12] = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O",
    "C",
    "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
    "C1CCCCC1",
    "FC(F)(F)c1ccc(cc1)OCCCNC",
    "c1ccc2c(c1)ccc3ccccc23",
    "CS(=O)(=O)NC1=CC=C(Cl)C=C1Br",
    "[O-][N+](=O)c1ccccc1",
    "C/C=C/C(=O)NC#N",
    "CC(C)(C)OC(=O)N1CCC(CC1)c1ccncc1",
];

fn scorer(choice: DeviceChoice) -> Scorer {
    let device = pollster::block_on(Device::open(choice)).expect("the device is there");
    Scorer::load(&ModelFiles::embedded(), device).expect("the embedded model is valid")
}

fn cpu() -> Scorer {
    scorer(DeviceChoice::Cpu)
}

/// A model whose predictions are blended.
fn with_processes() -> Scorer {
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    Scorer::load(&crate::five_endpoints(), device).expect("the model is valid")
}

fn smiles(text: &str) -> Structure {
    Structure::Smiles(text.to_owned())
}

fn run(scorer: &Scorer, structures: &[Structure]) -> Outcomes<Vec<Prediction>> {
    with(scorer, structures, PredictOptions::default())
}

fn with(
    scorer: &Scorer,
    structures: &[Structure],
    options: PredictOptions,
) -> Outcomes<Vec<Prediction>> {
    pollster::block_on(scorer.predict(structures, options, without_interruption))
}

fn embeddings(scorer: &Scorer, structures: &[Structure]) -> Vec<Vec<f32>> {
    let options = PredictOptions::default();
    let run = scorer.embed(structures, options, without_interruption);
    results(pollster::block_on(run))
}

fn results<T>(outcomes: Outcomes<T>) -> Vec<T> {
    assert_eq!(outcomes.stop, None);
    outcomes
        .rows
        .into_iter()
        .map(|row| row.expect("a result").expect("a valid molecule"))
        .collect()
}

fn values(outcomes: Outcomes<Vec<Prediction>>) -> Vec<Vec<f32>> {
    let rows = results(outcomes).into_iter();
    rows.map(|row| row.iter().map(|prediction| prediction.value).collect())
        .collect()
}

#[test]
fn rows_come_back_in_order_with_their_errors() {
    let scorer = cpu();
    let structures: Vec<Structure> = (0..3_000)
        .map(|row| match row % 100 {
            50 => smiles("c1ccc"),
            _ => smiles(MOLECULES[row % MOLECULES.len()]),
        })
        .collect();
    let alone = values(run(&scorer, &MOLECULES.map(smiles)));
    let outcomes = run(&scorer, &structures);
    assert_eq!(outcomes.rows.len(), 3_000);
    for (row, result) in outcomes.rows.into_iter().enumerate() {
        match (row % 100, result.expect("every row has a result")) {
            (50, Err(error)) => assert!(error.position.is_some() && !error.reason.is_empty()),
            (50, Ok(_)) => panic!("row {row} has no molecule and got a score"),
            (_, Err(error)) => panic!("row {row}: {}", error.message),
            (_, Ok(predictions)) => {
                for (one, expected) in predictions.iter().zip(&alone[row % MOLECULES.len()]) {
                    assert!((one.value - expected).abs() <= 1e-4 * expected.abs().max(1.0));
                }
            }
        }
    }
}

#[test]
fn a_molecule_scores_the_same_however_it_is_written() {
    let scorer = cpu();
    let written = [
        "OC(=O)c1ccccc1OC(C)=O",
        "CC(=O)OC1=CC=CC=C1C(=O)O",
        MOLECULES[0],
    ];
    let values = values(run(&scorer, &written.map(smiles)));
    assert_eq!(values[0], values[1]);
    assert_eq!(values[0], values[2]);
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| (a - b).abs() <= 1e-4 * b.abs().max(1.0))
}

fn averaged(count: usize) -> PredictOptions {
    let count = NonZeroUsize::new(count).expect("at least one");
    PredictOptions::default().augmentations(count)
}

/// Aspirin, written in two ways.
const WRITTEN: [&str; 2] = ["CC(=O)Oc1ccccc1C(=O)O", "OC(=O)C1=C(OC(C)=O)C=CC=C1"];

/// The mean of four forward passes by hand, SMILES by SMILES.
fn mean_of_four(scorer: &Scorer, molecule: &Molecule) -> Vec<f32> {
    let (config, model) = crate::five_endpoints()
        .build(scorer.device())
        .expect("the model is valid");
    let canonical = molecule.canonical_smiles().expect("a SMILES");
    let canonical = Molecule::parse(&canonical).expect("valid");
    let orders = [
        AtomOrder::Canonical,
        AtomOrder::Random(1),
        AtomOrder::Random(2),
        AtomOrder::Random(3),
    ];
    let mut mean = vec![0.0; config.endpoints.len()];
    for order in orders {
        let written = canonical.kekule_string(order).expect("a SMILES");
        let ids = tokenizer::tokenize(&written, config.encoder.max_length).expect("in vocabulary");
        let batch = Batch::new(&[&ids[..]], tensors(scorer.device()));
        let output = model.forward(&batch).expect("it has endpoints").into_data();
        for ((sum, output), endpoint) in mean
            .iter_mut()
            .zip(output.iter::<f32>())
            .zip(&config.endpoints)
        {
            *sum += endpoint.value(output) / orders.len() as f32;
        }
    }
    mean
}

#[test]
fn the_network_alone_gives_the_mean_over_smiles() {
    let scorer = with_processes();
    let molecule = Molecule::parse(WRITTEN[0]).expect("valid");
    let expected = mean_of_four(&scorer, &molecule);
    let network = scorer.without_gaussian_processes();
    let found = values(with(&network, &WRITTEN.map(smiles), averaged(4)));
    assert!(close(&found[0], &expected), "{found:?} is not {expected:?}");
}

#[test]
fn gaussian_processes_come_after_the_mean_over_smiles() {
    let scorer = with_processes();
    let molecule = Molecule::parse(WRITTEN[0]).expect("valid");
    let mut expected = mean_of_four(&scorer, &molecule);
    let network = expected.clone();
    let environments = gaussian_process::environments(&molecule).expect("hashed");
    let known = scorer.applicability().expect("the model has some");
    assert!(known.has_gaussian_processes());
    known.blend(&environments, &mut expected);
    assert_ne!(expected, network);
    let found = values(with(&scorer, &WRITTEN.map(smiles), averaged(4)));
    assert!(close(&found[0], &expected), "{found:?} is not {expected:?}");
}

#[test]
fn a_mean_over_smiles_does_not_depend_on_how_the_molecule_is_written() {
    let found = values(with(&cpu(), &WRITTEN.map(smiles), averaged(4)));
    assert!(close(&found[0], &found[1]), "{found:?}");
}

#[test]
fn one_smiles_is_the_default_and_more_give_another_value() {
    let scorer = cpu();
    let written = WRITTEN.map(smiles);
    let one = values(with(&scorer, &written, averaged(1)));
    assert_eq!(one, values(run(&scorer, &written)));
    let four = values(with(&scorer, &written, averaged(4)));
    assert!(!close(&one[0], &four[0]), "random SMILES are read at all");
}

#[test]
fn a_row_is_done_once_however_many_smiles_it_has() {
    let scorer = cpu();
    let structures = MOLECULES.map(smiles);
    for count in [1, 4] {
        let mut last: Option<Progress> = None;
        let run = scorer.predict(&structures, averaged(count), async |progress| {
            assert!(progress.done >= last.map_or(0, |last| last.done));
            last = Some(progress);
            ControlFlow::Continue(())
        });
        pollster::block_on(run);
        let last = last.map(|last| (last.done, last.total));
        assert_eq!(last, Some((structures.len(), structures.len())));
    }
}

#[test]
fn a_row_that_cannot_be_read_is_its_own_error_however_many_smiles_are_averaged() {
    let structures = ["C", "c1ccc", "CC"].map(smiles);
    let broken = with(&cpu(), &structures, averaged(3));
    let failed: Vec<bool> = broken
        .rows
        .iter()
        .map(|row| row.as_ref().is_some_and(Result::is_err))
        .collect();
    assert_eq!(failed, [false, true, false]);
}

#[test]
fn padding_and_company_do_not_change_a_score() {
    let scorer = cpu();
    let together = values(run(&scorer, &MOLECULES.map(smiles)));
    for (text, expected) in MOLECULES.iter().zip(together) {
        let alone = values(run(&scorer, &[smiles(text)]));
        for (value, expected) in alone[0].iter().zip(&expected) {
            assert!(
                (value - expected).abs() <= 1e-4 * expected.abs().max(1.0),
                "{text}"
            );
        }
    }
}

#[test]
fn salts_are_left_out_unless_they_are_asked_for() {
    let scorer = cpu();
    let structures = ["CC(=O)[O-].[Na+]", "CC(=O)[O-]"].map(smiles);
    let stripped = values(run(&scorer, &structures));
    assert_eq!(stripped[0], stripped[1]);
    let options = PredictOptions::default().keep_salts(true);
    let kept = with(&scorer, &structures, options);
    let error = kept.rows[0]
        .clone()
        .expect("a result")
        .expect_err("sodium is not in the vocabulary");
    assert_eq!(error.reason, "out_of_vocabulary");
    assert_eq!(error.position, Some(11), "where the sodium's bracket opens");
}

#[test]
fn what_cannot_be_scored_says_why() {
    let scorer = cpu();
    let long = "C".repeat(300);
    let structures = [
        smiles("C[As](C)C"),
        smiles("C[Fe]C"),
        smiles(&long),
        smiles("C(C)(C)(C)(C)C"),
        smiles("c1cccc1"),
        smiles("CC(=O"),
    ];
    let reasons: Vec<String> = run(&scorer, &structures)
        .rows
        .into_iter()
        .map(|row| row.expect("a result").expect_err("not scorable").reason)
        .collect();
    assert_eq!(
        reasons,
        [
            "out_of_vocabulary",
            "metal",
            "too_long",
            "valence",
            "kekulization",
            "parentheses"
        ]
    );
}

#[test]
fn a_run_ends_within_a_batch_of_the_wish_and_keeps_what_is_done() {
    let scorer = cpu();
    let structures: Vec<Structure> = (0..1000).map(|i| smiles(MOLECULES[i % 12])).collect();
    let mut seen: Vec<Progress> = Vec::new();
    let results = pollster::block_on(scorer.predict(
        &structures,
        PredictOptions::default(),
        async |progress| {
            seen.push(progress);
            ControlFlow::Break(())
        },
    ));
    assert_eq!(results.stop, Some(Stop::Cancelled));
    assert_eq!(seen.len(), 1);
    let done = results.rows.iter().filter(|row| row.is_some()).count();
    assert_eq!(done, seen[0].done);
    assert!(done > 0 && done < 1000);
}

#[test]
fn an_embedding_has_the_width_of_the_encoder() {
    let scorer = cpu();
    let embeddings = embeddings(&scorer, &MOLECULES.map(smiles));
    assert!(
        embeddings
            .iter()
            .all(|e| e.len() == scorer.config().encoder.hidden_size)
    );
    assert_ne!(embeddings[0], embeddings[1]);
}

#[test]
fn nothing_in_nothing_out() {
    let results = run(&cpu(), &[]);
    assert!(results.rows.is_empty());
    assert_eq!(results.stop, None);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn numbers_are_those_of_the_cpu_on_wgpu() {
    let gpu = scorer(DeviceChoice::Gpu);
    let structures = MOLECULES.map(smiles);
    let scores = |scorer: &Scorer| values(run(scorer, &structures));
    for outputs in [
        &scores as &dyn Fn(&Scorer) -> Vec<Vec<f32>>,
        &|scorer: &Scorer| embeddings(scorer, &structures),
    ] {
        let (expected, found) = (outputs(&cpu()), outputs(&gpu));
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!(
                (found - expected).abs() <= 1e-3 * expected.abs().max(0.1),
                "{found} on wgpu, {expected} on the CPU"
            );
        }
    }
}

/// What the front door gives is what the scorer gives.
#[test]
fn the_predictor_predicts_one_many_and_a_stream_alike() {
    let predictor = Predictor::builtin().expect("the built-in model");
    let expected = results(run(&cpu(), &MOLECULES.map(smiles)));
    let close = |found: &[Prediction], expected: &[Prediction]| {
        found.iter().zip(expected).all(|(found, expected)| {
            assert_eq!(found.endpoint(), expected.endpoint());
            assert_eq!(found.unit(), expected.unit());
            (found.value - expected.value).abs() <= 1e-4 * expected.value.abs().max(1.0)
        })
    };
    for (text, expected) in MOLECULES.iter().zip(&expected) {
        let found = predictor.predict(text).expect("a valid molecule");
        assert_eq!(found.len(), expected.len());
        assert!(close(&found, expected), "{text}");
    }
    let mut molecules = MOLECULES.map(smiles).to_vec();
    molecules.insert(1, smiles("c1ccc"));
    let batch = predictor
        .predict_batch(&molecules)
        .expect("no device fails");
    assert_eq!(
        batch[1].as_ref().map_err(|e| e.reason.as_str()),
        Err("unclosed_ring")
    );
    for (index, expected) in expected.iter().enumerate() {
        let row = if index == 0 { 0 } else { index + 1 };
        assert!(close(batch[row].as_ref().expect("valid"), expected));
    }
    // More than one chunk, of an iterator that owns nothing.
    let stream: Vec<_> = predictor
        .predict_iter((0..2_500).map(|row| smiles(MOLECULES[row % 12])))
        .collect();
    assert_eq!(stream.len(), 2_500);
    for (row, found) in stream.into_iter().enumerate() {
        assert!(
            close(&found.expect("valid"), &expected[row % 12]),
            "row {row}"
        );
    }
    assert!(matches!(predictor.predict("C(C"), Err(Error::Molecule(_))));
}

#[test]
fn a_row_that_could_not_be_read_keeps_its_error_and_is_not_predicted() {
    let file = "smiles,x\nCCO,1\nCC\n,2\n";
    let reader = Reader::open(file.as_bytes(), "a.csv", &ReadOptions::default()).expect("opens");
    let rows: Vec<_> = reader.map(|row| row.expect("reads")).collect();
    let run = cpu();
    let options = PredictOptions::default();
    let outcomes = pollster::block_on(run.predict(&rows, options, without_interruption));
    let reasons: Vec<Option<String>> = outcomes
        .rows
        .into_iter()
        .map(|row| row.expect("a result").err().map(|error| error.reason))
        .collect();
    let expected = [None, Some("ragged_row"), Some("missing_structure")];
    assert_eq!(reasons, expected.map(|reason| reason.map(str::to_owned)));
    let embedded = pollster::block_on(run.embed(&rows, options, without_interruption));
    assert!(embedded.rows[1].as_ref().is_some_and(Result::is_err));
}

#[test]
fn a_model_without_endpoints_says_so() {
    let predictor = Predictor::builtin_for_similarity().expect("the built-in model");
    let error = predictor.predict("CCO").expect_err("it has none");
    assert!(error.to_string().contains("no endpoints"), "{error}");
    assert!(
        predictor
            .embed("CCO")
            .is_ok_and(|values| !values.is_empty())
    );
}

#[test]
fn a_prediction_is_one_flat_object_in_json() {
    let options = PredictOptions::default().uncertainty(true);
    let predictor = Predictor::builtin()
        .expect("the built-in model")
        .with(options);
    let predictions = predictor.predict("CCO").expect("valid");
    let json = serde_json::to_string(&predictions[0]).expect("JSON");
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "endpoint",
            "unit",
            "task",
            "value",
            "interval",
            "domain",
            "domain_reason",
            "nearest",
            "percentile"
        ]
    );
    let interval = predictions[0].interval.expect("a quantity");
    assert!(
        json.contains(&format!("\"low\":{:?}", interval.low)),
        "{json}"
    );
    assert_eq!(value["endpoint"], predictions[0].endpoint());
}
