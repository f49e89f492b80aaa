//! Values that are not finite, and devices that fail.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::*;
use crate::device::{DeviceChoice, OnDeviceLost};
use crate::predict::without_interruption;
use crate::records::Structure;

const MOLECULES: [&str; 6] = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "C",
    "C1CCCCC1",
    "CS(=O)(=O)NC1=CC=C(Cl)C=C1Br",
];

/// A model with Gaussian processes.
fn five_endpoints() -> ModelFiles<'static> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/delicate-small");
    ModelFiles::read(&path).expect("it is shipped")
}

/// Enough of them where a software GPU is asked again and again.
const SHORT: [&str; 2] = ["C", "C1CCCCC1"];

fn molecules() -> Vec<Structure> {
    structures(&MOLECULES)
}

fn structures(smiles: &[&'static str]) -> Vec<Structure> {
    smiles.iter().map(|&smiles| smiles.into()).collect()
}

fn cpu() -> Device {
    Device::open_blocking(DeviceChoice::Cpu).expect("there is always a CPU")
}

fn predicted(scorer: &Scorer) -> Outcomes<Vec<Prediction>> {
    predicted_of(&molecules(), scorer)
}

fn predicted_of(molecules: &[Structure], scorer: &Scorer) -> Outcomes<Vec<Prediction>> {
    let options = PredictOptions::default();
    pollster::block_on(scorer.predict(molecules, options, without_interruption))
}

fn values(outcomes: &Outcomes<Vec<Prediction>>) -> Vec<f32> {
    assert_eq!(outcomes.stop, None);
    let rows = outcomes
        .rows
        .iter()
        .map(|row| row.as_ref().expect("a result"));
    let predictions = rows.flat_map(|row| row.as_ref().expect("valid"));
    predictions.map(|one| one.value).collect()
}

/// Puts a value into one place of each parameter in turn.
struct Spoil {
    parameter: usize,
    value: f32,
    seen: usize,
    spoiled: Option<usize>,
}

impl ModuleMapper for Spoil {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let here = self.seen == self.parameter;
        self.seen += 1;
        if !here {
            return Param::from_mapped_value(id, tensor, mapper);
        }
        let (shape, device) = (tensor.shape(), tensor.device());
        let mut values: Vec<f32> = tensor.into_data().iter().collect();
        self.spoiled = Some(values.len());
        // All of a vector and a table, so that it is seen whatever the tokens.
        values.fill(self.value);
        let tensor = Tensor::from_data(TensorData::new(values, shape), &device);
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// The network with every parameter in turn not finite: no row has a value,
/// neither prediction nor embedding.
fn nothing_broken_passes(device: &Device, smiles: &[&'static str]) {
    let molecules = structures(smiles);
    let files = five_endpoints();
    let (config, model) = files.load(device.tensors()).expect("valid");
    let mut parameters = 0;
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for parameter in 0.. {
            let mut spoil = Spoil {
                parameter,
                value,
                seen: 0,
                spoiled: None,
            };
            let broken = model.clone().map(&mut spoil);
            if spoil.spoiled.is_none() {
                break;
            }
            parameters += 1;
            let scorer = Scorer::new(config.clone(), broken, device.clone());
            let outcomes = predicted_of(&molecules, &scorer);
            assert_eq!(outcomes.stop, None);
            assert_eq!(outcomes.rows.len(), molecules.len());
            for row in outcomes.rows {
                match row.expect("a result") {
                    Err(error) => assert_eq!(error.reason, "not_finite"),
                    Ok(predictions) => panic!(
                        "{value} in parameter {parameter} came out as {} on {}",
                        predictions[0].value,
                        device.name()
                    ),
                }
            }
        }
    }
    assert!(parameters > 60, "{parameters}");
}

#[test]
fn a_weight_that_is_not_finite_gives_no_number() {
    nothing_broken_passes(&cpu(), &MOLECULES);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_weight_that_is_not_finite_gives_no_number_on_wgpu() {
    let device = Device::open_blocking(DeviceChoice::Gpu).expect("a GPU adapter");
    nothing_broken_passes(&device, &SHORT);
}

/// OpenGL on llvmpipe makes -1 of the tanh of a NaN.
#[test]
#[ignore = "needs a GPU adapter"]
fn a_weight_that_is_not_finite_gives_no_number_through_opengl_on_wgpu() {
    // A machine may have Vulkan alone.
    if let Ok(device) = Device::open_blocking(DeviceChoice::OpenGl) {
        nothing_broken_passes(&device, &SHORT);
    }
}

/// A scorer on a device that reports faults as planned, with a model on the CPU
/// beside it as if it were a GPU.
fn failing(faults: impl IntoIterator<Item = Option<Fault>>) -> Scorer {
    let device = cpu();
    let files = five_endpoints();
    let spare = Spare::beside(&files).expect("valid");
    let scorer = Scorer {
        spare: Some(Arc::new(spare)),
        ..Scorer::load(&files, device).expect("valid")
    };
    scorer.device.plan(faults);
    scorer
}

fn out_of_memory() -> Option<Fault> {
    Some(Fault::OutOfMemory("Out of Memory".to_owned()))
}

fn lost() -> Option<Fault> {
    Some(Fault::Failed("the device is gone".to_owned()))
}

fn expected() -> Vec<f32> {
    let scorer = Scorer::load(&five_endpoints(), cpu()).expect("valid");
    values(&predicted(&scorer))
}

#[test]
fn a_device_that_is_lost_is_replaced_by_the_cpu_and_it_is_told() {
    let scorer = failing([lost()]);
    assert_eq!(scorer.device_lost(), None);
    assert_eq!(values(&predicted(&scorer)), expected());
    assert_eq!(scorer.device_lost(), Some("the device is gone"));
    // It is not tried again, and the first reason stays.
    scorer
        .device
        .plan([Some(Fault::Failed("once more".to_owned()))]);
    assert_eq!(values(&predicted(&scorer)), expected());
    assert_eq!(scorer.device_lost(), Some("the device is gone"));
}

#[test]
fn a_backend_that_panics_is_a_device_that_is_lost() {
    let panicking = || {
        let scorer = failing([]);
        scorer.device.plan_panic("no such type\nBacktrace: 1");
        scorer
    };
    let scorer = panicking();
    assert_eq!(values(&predicted(&scorer)), expected());
    assert_eq!(scorer.device_lost(), Some("no such type"));
    let scorer = panicking().on_device_lost(OnDeviceLost::Fail);
    let stop = Some(Stop::Device("no such type".to_owned()));
    assert_eq!(predicted(&scorer).stop, stop);
    // The spare is compared with, and is watched on a device of its own.
    let error = pollster::block_on(panicking().check_device()).expect_err("it panics");
    let text = error.to_string();
    assert!(
        text.contains("failed its self-test") && text.contains("no such type"),
        "{text}"
    );
}

#[test]
fn a_device_that_is_lost_ends_the_run_where_that_was_asked_for() {
    let scorer = failing([lost()]).on_device_lost(OnDeviceLost::Fail);
    let outcomes = predicted(&scorer);
    assert_eq!(
        outcomes.stop,
        Some(Stop::Device("the device is gone".to_owned()))
    );
    assert!(outcomes.rows.iter().all(Option::is_none));
    assert_eq!(scorer.device_lost(), None);
}

#[test]
fn a_batch_that_is_too_large_for_the_memory_is_halved_once() {
    let scorer = failing([out_of_memory()]);
    assert_eq!(values(&predicted(&scorer)), expected());
    assert_eq!(scorer.device_lost(), None, "the device is still in use");
    // The second half does not fit either.
    let scorer = failing([out_of_memory(), None, out_of_memory()]);
    assert_eq!(values(&predicted(&scorer)), expected());
    assert_eq!(scorer.device_lost(), Some("Out of Memory"));
    let scorer = failing([out_of_memory(), out_of_memory()]).on_device_lost(OnDeviceLost::Fail);
    assert_eq!(
        predicted(&scorer).stop,
        Some(Stop::Device("Out of Memory".to_owned()))
    );
}

#[test]
fn a_device_whose_numbers_are_off_is_refused_with_the_difference() {
    let check = |scorer: &Scorer| pollster::block_on(scorer.check_device());
    let right = failing([]);
    check(&right).expect("the same numbers");
    let compared = pollster::block_on(right.compare_with_cpu()).expect("compared");
    assert_eq!(compared.map(|check| check.difference), Some(0.0));
    let spoiled = |value| {
        let mut spoil = Spoil {
            // The embedding of the token type, which every token has.
            parameter: 1,
            value,
            seen: 0,
            spoiled: None,
        };
        let scorer = failing([]);
        Scorer {
            model: scorer.model.clone().map(&mut spoil),
            ..scorer
        }
    };
    match check(&spoiled(0.5)) {
        Err(DeviceError::Inaccurate {
            difference,
            tolerance,
            ..
        }) => assert!(difference > tolerance && difference.is_finite()),
        other => panic!("{other:?}"),
    }
    match check(&spoiled(f32::NAN)) {
        Err(DeviceError::Inaccurate { difference, .. }) => assert_eq!(difference, f32::INFINITY),
        other => panic!("{other:?}"),
    }
    let text = check(&failing([lost()])).map_err(|error| error.to_string());
    assert!(text.is_err_and(|text| text.contains("the device is gone")));
}

/// A real device of wgpu's, destroyed in the middle of a run.
#[cfg(feature = "gpu")]
#[test]
#[ignore = "needs a GPU adapter"]
fn a_run_goes_on_when_its_device_is_destroyed_on_wgpu() {
    use burn::backend::wgpu::wgpu;
    let (device, handle) = crate::device::of_its_own(wgpu::Backends::PRIMARY).expect("a GPU");
    let scorer = Scorer::load(&five_endpoints(), device).expect("valid");
    pollster::block_on(scorer.check_device()).expect("it computes as the CPU does");
    let close = |found: &[f32]| {
        let expected = expected();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-3 * expected.abs().max(1.0));
        }
    };
    close(&values(&predicted(&scorer)));
    assert_eq!(scorer.device_lost(), None);
    handle.destroy();
    close(&values(&predicted(&scorer)));
    assert!(scorer.device_lost().is_some());
    let strict = Scorer {
        spare: None,
        ..scorer
    };
    assert!(matches!(predicted(&strict).stop, Some(Stop::Device(_))));
}

#[cfg(feature = "gpu")]
#[test]
#[ignore = "needs a GPU adapter"]
fn opengl_computes_as_the_cpu_does_on_wgpu() {
    // A machine may have Vulkan alone.
    let Ok(device) = Device::open_blocking(DeviceChoice::OpenGl) else {
        return;
    };
    let scorer = Scorer::load(&five_endpoints(), device).expect("valid");
    let check = pollster::block_on(scorer.compare_with_cpu()).expect("it computes");
    assert!(check.expect("a GPU").passes(), "{check:?}");
}

#[cfg(feature = "embedded")]
#[test]
fn eight_bits_are_near_single_precision_and_blind_to_neighbours() {
    for files in [
        five_endpoints(),
        ModelFiles::embedded(),
        ModelFiles::embedded_for_similarity(),
    ] {
        let single = Scorer::load(&files, cpu()).expect("a valid model");
        let scorer = single.clone().in_eight_bits().expect("a CPU");
        assert_eq!(scorer.precision(), Precision::Int8);
        assert_eq!(single.precision(), Precision::Fp32);
        let task = match scorer.endpoints().is_empty() {
            true => Task::Embed,
            false => Task::Score,
        };
        let deviations: Vec<f32> = match task {
            Task::Score => (scorer.endpoints().iter())
                .map(|endpoint| endpoint.scaling.deviation)
                .collect(),
            Task::Embed => Vec::new(),
        };
        let run = |scorer: &Scorer, molecules: &[Structure]| {
            let options = PredictOptions::default();
            let run = scorer.run(molecules, task, options, without_interruption);
            let rows = pollster::block_on(run).rows.into_iter();
            let rows = rows.map(|row| row.expect("a result").expect("valid"));
            rows.collect::<Vec<Vec<f32>>>()
        };
        let all = molecules();
        let together = run(&scorer, &all);
        let exact = run(&single, &all);
        for (row, molecule) in all.iter().enumerate() {
            let alone = run(&scorer, std::slice::from_ref(molecule));
            assert_eq!(alone[0], together[row], "{molecule:?}");
            let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
            let off: Vec<f32> = (together[row].iter().zip(&exact[row]))
                .map(|(a, b)| a - b)
                .collect();
            match task {
                Task::Score => {
                    for (off, deviation) in off.iter().zip(&deviations) {
                        assert!(off.abs() < 0.08 * deviation, "{off} of {deviation}");
                    }
                }
                Task::Embed => assert!(norm(&off) < 0.03 * norm(&exact[row])),
            }
        }
    }
}

/// The files without `domain.json.gz`, and that.
fn apart(files: &ModelFiles<'static>) -> (ModelFiles<'static>, Vec<u8>) {
    let mut files = files.clone();
    let domain = files.domain.take().expect("it has a domain");
    (files, domain.into_owned())
}

#[test]
#[cfg(feature = "embedded")]
fn a_domain_may_come_after_the_first_values() {
    let whole = Scorer::load(&ModelFiles::embedded(), cpu()).expect("a model");
    let (files, domain) = apart(&ModelFiles::embedded());
    let error = Scorer::load(&files, cpu()).expect_err("it is missed");
    assert!(error.to_string().contains("domain.json.gz"), "{error}");

    let early = Scorer::load_before_domain(&files, cpu()).expect("a model");
    let with_uncertainty = |scorer: &Scorer| {
        let options = PredictOptions {
            uncertainty: true,
            ..PredictOptions::default()
        };
        let molecules = molecules();
        pollster::block_on(scorer.predict(&molecules, options, without_interruption))
    };
    let before = with_uncertainty(&early);
    assert_eq!(values(&before), values(&with_uncertainty(&whole)));
    let rows = before.rows.iter().flatten().flatten().flatten();
    assert!(rows.clone().count() > 0);
    assert!(
        rows.clone()
            .all(|one| one.domain.is_none() && one.nearest.is_none())
    );

    let late = early.clone().with_domain(&domain).expect("its own");
    let told = |outcomes: Outcomes<Vec<Prediction>>| format!("{:?}", outcomes.rows);
    assert_eq!(
        told(with_uncertainty(&late)),
        told(with_uncertainty(&whole))
    );
    let again = late.clone().with_domain(&domain).expect("the same");
    assert_eq!(
        told(with_uncertainty(&again)),
        told(with_uncertainty(&whole))
    );
    let mut spoilt = domain.clone();
    *spoilt.last_mut().expect("not empty") ^= 1;
    for scorer in [early, late, whole.clone()] {
        let error = scorer.with_domain(&spoilt).expect_err("another file");
        assert!(matches!(error, ModelDirError::Altered { .. }), "{error}");
    }
    // One that has come is taken at once.
    let given = Scorer::load_before_domain(&ModelFiles::embedded(), cpu()).expect("a model");
    assert_eq!(
        told(with_uncertainty(&given)),
        told(with_uncertainty(&whole))
    );
}

#[test]
fn a_domain_that_predictions_depend_on_may_not_come_later() {
    let (files, domain) = apart(&five_endpoints());
    let early = Scorer::load_before_domain(&files, cpu()).expect("a network");
    let error = early.with_domain(&domain).expect_err("too late");
    assert!(
        error.to_string().contains("together with the model"),
        "{error}"
    );
}
