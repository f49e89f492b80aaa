//! Steps of training against PyTorch's: the golden files `training-*` of
//! `tests/golden`, made by `training.py` there. Further: the CPU against wgpu,
//! and tiny corpora that must be learnt by heart.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::Device;
use rand::Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::batches::{Masked, PretrainingBatch, mask, padded_length, token_places};
use super::config::{DistillationConfig, OptimizerConfig};
use super::objectives::{
    Loss, Pretraining, Targets, Teacher, finetuning_losses, indices, layer_map, soft_labels, total,
};
use super::optimizer::{Optimizer, assign_param_ids};
use super::seeds::{SeedStream, generator};
use crate::device::{Device as Opened, DeviceChoice, with_seed};
use crate::model::{
    Batch, EncoderConfig, EndpointTask, Heads, Initial, Model, Parameters, Scaling, Sharing, Stored,
};
use crate::model_dir::{ModelConfig, ModelFiles};
use crate::reference_tests::{Golden, difference, golden, gpu, largest, on_devices, read};
use crate::tokenizer;

const OBJECTIVES: [&str; 8] = [
    "pretrain-shared",
    "pretrain-mean",
    "pretrain-stacked",
    "distill",
    "distill-wide",
    "finetune",
    "finetune-stacked",
    "distill-task",
];

/// Values by name.
type Named = BTreeMap<String, Vec<f32>>;

/// The model under `prefix` of a golden file, through the code that reads
/// model directories.
fn load(golden: &Golden, prefix: &str, key: &str, device: &Device) -> (ModelConfig, Model) {
    let tensors: Vec<(&str, &[usize], Vec<u8>)> = golden
        .tensors
        .iter()
        .filter_map(|(name, (shape, values))| {
            let bytes = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            Some((name.strip_prefix(prefix)?, shape.as_slice(), bytes))
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes);
        (*name, view.expect("bytes of the shape"))
    });
    let mut files = ModelFiles {
        domain: None,
        config: golden.metadata[key].clone().into_bytes().into(),
        weights: safetensors::serialize(views, None).expect("tensors").into(),
        vocabulary: tokenizer::vocabulary().into_bytes().into(),
    };
    files.seal().expect("the golden configuration is JSON");
    files
        .load(device)
        .expect("the golden weights fit their configuration")
}

/// What one objective trains on.
struct Case {
    golden: Golden,
    weights: BTreeMap<String, f64>,
    distillation: Option<DistillationConfig>,
    optimizer: OptimizerConfig,
    progress: Vec<f64>,
    masked: Masked,
    labels: Vec<Vec<Option<f32>>>,
}

impl Case {
    fn read(name: &str) -> Self {
        let golden = golden(&format!("training-{name}.safetensors"));
        let (shape, ids) = &golden.tensors["input/ids"];
        let length = shape[1];
        let real = golden.values("input/mask");
        let sequences = ids
            .chunks(length)
            .zip(real.chunks(length))
            .map(|(ids, real)| {
                let tokens = ids.iter().zip(real).filter(|(_, real)| **real > 0.0);
                tokens.map(|(id, _)| *id as u32).collect()
            })
            .collect();
        let hidden = golden.values("input/unmasked").iter().enumerate();
        let (places, labels) = hidden
            .filter(|(_, token)| **token >= 0.0)
            .map(|(place, token)| (place, *token as u32))
            .unzip();
        let with = |key: &str| golden.metadata.contains_key(key);
        Self {
            weights: golden.json("weights"),
            distillation: with("distillation").then(|| golden.json("distillation")),
            optimizer: golden.json("optimizer"),
            progress: golden.json("progress"),
            masked: Masked {
                sequences,
                places,
                labels,
            },
            labels: if with("labels") {
                golden.json("labels")
            } else {
                Vec::new()
            },
            golden,
        }
    }

    fn losses(
        &self,
        model: &Model,
        config: &ModelConfig,
        teacher: Option<Teacher<'_>>,
        device: &Device,
    ) -> Vec<Loss> {
        let weight = |name: &str| self.weights.get(name).copied().unwrap_or(0.0);
        if self.labels.is_empty() {
            let objective = Pretraining {
                masked_lm: weight("masked_lm"),
                physchem: weight("physchem"),
                structure: weight("structure"),
                teacher,
            };
            let descriptors = match self.golden.tensors.get("input/descriptors") {
                Some((_, values)) => values.clone(),
                None => Vec::new(),
            };
            let structures = match self.golden.tensors.get("input/structures") {
                Some((_, values)) => values.clone(),
                None => Vec::new(),
            };
            let batch = PretrainingBatch {
                masked: self.masked.clone(),
                descriptors,
                structures,
            };
            return objective.losses(model, &batch, device);
        }
        let endpoints: Vec<_> = config
            .endpoints
            .iter()
            .map(|e| (e.task, e.scaling))
            .collect();
        let rows: Vec<&[Option<f32>]> = self.labels.iter().map(Vec::as_slice).collect();
        let targets = Targets::new(&rows, &endpoints, device);
        let sequences = &self.masked.sequences;
        finetuning_losses(
            model,
            sequences,
            &targets,
            weight("labels"),
            teacher,
            device,
        )
    }

    /// Three steps on `device`.
    fn train(&self, device: &Device) -> Outcome {
        let autodiff = device.clone().autodiff();
        let (config, model) = load(&self.golden, "weights/", "model", &autodiff);
        let mut model = assign_param_ids(model);
        let taught = self.distillation.as_ref().map(|distillation| {
            let (teacher, model) = load(&self.golden, "teacher/", "teacher", device);
            let map = layer_map(distillation, &teacher.encoder, &config.encoder);
            let model = self.optimizer.compute_model(model);
            (model, map.expect("a layer map that fits"))
        });
        let teacher = taught.as_ref().zip(self.distillation.as_ref());
        let teacher = teacher.map(|((model, map), config)| Teacher {
            model,
            config,
            layer_map: map,
        });

        let mut optimizer = Optimizer::new(&self.optimizer);
        // A graph serves one backward pass, and the optimizer makes its own.
        let losses = self.losses(
            &optimizer.compute_model(&model),
            &config,
            teacher,
            &autodiff,
        );
        let sum = total(&losses).expect("a loss");
        let mut values: Named = losses
            .iter()
            .map(|loss| (loss.name.to_owned(), read(loss.value.clone())))
            .collect();
        values.insert("total".to_owned(), read(sum.clone()));
        let found = sum.backward();
        let mut stored = Stored::default();
        model.store(&config.encoder, &mut stored);
        let gradients = stored
            .0
            .iter()
            .filter_map(|p| Some((p.name.clone(), p.gradient(&found)?)))
            .collect();

        let (mut norm, mut after) = (f32::NAN, Vec::new());
        for (number, &progress) in self.progress.iter().enumerate() {
            let losses = self.losses(
                &optimizer.compute_model(&model),
                &config,
                teacher,
                &autodiff,
            );
            let sum = total(&losses).expect("a loss");
            let rate = self.optimizer.rate(progress);
            let (updated, own) = optimizer.step(model, &sum, rate);
            model = updated;
            if number == 0 {
                norm = read(own.expect("a step"))[0];
            }
            after.push(weights(&model, &config.encoder));
        }
        Outcome {
            losses: values,
            gradients,
            norm,
            after,
        }
    }
}

fn weights(model: &Model, config: &EncoderConfig) -> Named {
    let mut stored = Stored::default();
    model.store(config, &mut stored);
    stored
        .0
        .iter()
        .map(|p| (p.name.clone(), read(p.tensor())))
        .collect()
}

/// What three steps came to.
struct Outcome {
    losses: Named,
    gradients: Named,
    norm: f32,
    /// After each step.
    after: Vec<Named>,
}

/// The tensors of `golden` whose names begin with `prefix`, without it.
fn expected(golden: &Golden, prefix: &str) -> Named {
    let named = golden.tensors.iter();
    named
        .filter_map(|(name, (_, values))| {
            Some((name.strip_prefix(prefix)?.to_owned(), values.clone()))
        })
        .collect()
}

/// The same names, and values within `bound`.
fn compare(what: &str, ours: &Named, theirs: &Named, bound: impl Fn(&[f32]) -> f32) {
    let names = |named: &Named| named.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(ours), names(theirs), "{what}");
    for (name, theirs) in theirs {
        let off = difference(&ours[name], theirs);
        let bound = bound(theirs);
        // Not `off >= bound`: a NaN must fail.
        assert!(
            off < bound,
            "{what} {name}: off by {off}, the bound is {bound}"
        );
    }
}

/// Losses relative to each, gradients to the largest of all, weights as such.
fn compare_outcomes(name: &str, ours: &Outcome, theirs: &Outcome, tolerance: f32) {
    let relative = |values: &[f32]| tolerance * largest(values);
    compare(
        &format!("{name}: loss"),
        &ours.losses,
        &theirs.losses,
        relative,
    );
    let steepest = theirs
        .gradients
        .values()
        .map(|v| largest(v))
        .fold(0.0, f32::max);
    let gradients = (&ours.gradients, &theirs.gradients);
    compare(
        &format!("{name}: gradient of"),
        gradients.0,
        gradients.1,
        |_| tolerance * steepest,
    );
    let off = (ours.norm - theirs.norm).abs();
    assert!(
        off < tolerance * theirs.norm,
        "{name}: norm {} {}",
        ours.norm,
        theirs.norm
    );
    for (step, (ours, theirs)) in ours.after.iter().zip(&theirs.after).enumerate() {
        compare(
            &format!("{name}: after step {}:", step + 1),
            ours,
            theirs,
            |_| tolerance,
        );
    }
}

fn check_every_objective(device: &Device, tolerance: f32) {
    for name in OBJECTIVES {
        check_steps(name, device, tolerance);
    }
}

fn check_steps(name: &str, device: &Device, tolerance: f32) {
    let case = Case::read(name);
    let mut ours = case.train(device);
    assert_eq!(ours.after.len(), 3);
    ours.after.remove(1);
    let theirs = Outcome {
        losses: expected(&case.golden, "loss/"),
        gradients: expected(&case.golden, "grad/"),
        norm: case.golden.values("norm")[0],
        after: vec![
            expected(&case.golden, "after1/"),
            expected(&case.golden, "after3/"),
        ],
    };
    compare_outcomes(name, &ours, &theirs, tolerance);
}

on_devices!(
    steps_of_every_objective_are_those_of_pytorch,
    check_every_objective,
    1e-5,
    1e-4
);

#[test]
#[ignore = "needs a GPU adapter with shader-f16"]
fn steps_are_those_of_single_precision_on_wgpu_in_half() {
    let device = pollster::block_on(Opened::open(DeviceChoice::Gpu)).expect("a GPU adapter");
    device.require_half_precision().expect("shader-f16");
    for name in OBJECTIVES {
        let mut case = Case::read(name);
        let single = case.train(&Device::flex());
        case.optimizer.half = true;
        let half = case.train(device.tensors());
        assert_ne!(half.losses, single.losses, "{name}: it was not in half");
        compare_outcomes(name, &half, &single, 0.02);
    }
}

#[test]
fn an_overflow_in_half_precision_changes_the_scale_and_not_the_model() {
    let device = Device::flex().autodiff();
    let case = Case::read("finetune");
    let (config, model) = load(&case.golden, "weights/", "model", &device);
    let model = assign_param_ids(model);
    let with = |half: bool| {
        Optimizer::new(&OptimizerConfig {
            half,
            ..case.optimizer.clone()
        })
    };
    let loss = |model: &Model| total(&case.losses(model, &config, None, &device)).expect("a loss");
    let after = |optimizer: &mut Optimizer, model: Model, times: f64| {
        let loss = loss(&model).mul_scalar(times);
        let (model, norm) = optimizer.step(model, &loss, 1e-3);
        (model, read(norm.expect("a step"))[0])
    };
    let mut half = with(true);
    // Scaled, it is no longer a number of single precision.
    let (same, norm) = after(&mut half, model.clone(), 1e36);
    assert!(!norm.is_finite());
    let before = weights(&model, &config.encoder);
    assert_eq!(weights(&same, &config.encoder), before);
    // The history is still none, so that the next step is a first one; the
    // scale has gone down, and comes back from a checkpoint.
    let saved = pollster::block_on(half.save()).expect("saved");
    let (_, header) = safetensors::SafeTensors::read_metadata(&saved).expect("a header");
    let notes = header.metadata().clone().expect("notes");
    assert_eq!((&*notes["steps"], &*notes["scale"]), ("0", "512"));
    let config_of_half = OptimizerConfig {
        half: true,
        ..case.optimizer.clone()
    };
    let mut restored =
        Optimizer::restore(&config_of_half, &saved, &same, &device).expect("restored");
    let (scaled, own) = after(&mut restored, same, 1.0);
    let (plain, theirs) = after(&mut with(false), model, 1.0);
    assert!((own - theirs).abs() < 1e-5 * theirs, "{own} {theirs}");
    let (scaled, plain) = (
        weights(&scaled, &config.encoder),
        weights(&plain, &config.encoder),
    );
    assert_ne!(plain, before);
    compare("scaled", &scaled, &plain, |_| 1e-6);
}

#[test]
fn a_history_of_another_model_is_refused() {
    let device = Device::flex().autodiff();
    let case = Case::read("finetune");
    let (config, model) = load(&case.golden, "weights/", "model", &device);
    let model = assign_param_ids(model);
    let loss = total(&case.losses(&model, &config, None, &device)).expect("a loss");
    let mut optimizer = Optimizer::new(&case.optimizer);
    let (model, _) = optimizer.step(model, &loss, 1e-3);
    let saved = pollster::block_on(optimizer.save()).expect("saved");
    let restore = |bytes: &[u8]| Optimizer::restore(&case.optimizer, bytes, &model, &device);
    assert!(restore(&saved).is_ok());
    let file = safetensors::SafeTensors::deserialize(&saved).expect("tensors");
    let short = file.tensors().into_iter().map(|(name, view)| {
        let kept = &view.data()[..view.data().len() / 8 * 4];
        let shape = vec![kept.len() / 4];
        let view = TensorView::new(view.dtype(), shape, kept);
        (name, view.expect("half of it"))
    });
    let notes = HashMap::from([("steps".to_owned(), "1".to_owned())]);
    let short = safetensors::serialize(short, Some(notes)).expect("a file");
    let refused = restore(&short).map(|_| ()).expect_err("other lengths");
    assert!(refused.to_string().contains("not two each"), "{refused}");
}

#[test]
fn the_squared_temperature_belongs_to_classes_alone() {
    check_steps("distill-task-squared", &Device::flex(), 1e-5);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn steps_of_every_objective_are_those_of_the_cpu_on_wgpu() {
    let device = gpu();
    for name in OBJECTIVES {
        let case = Case::read(name);
        compare_outcomes(
            name,
            &case.train(&device),
            &case.train(&Device::flex()),
            1e-4,
        );
    }
}

#[test]
fn accumulated_batches_make_the_step_of_their_mean() {
    let device = Device::flex().autodiff();
    let case = Case::read("pretrain-shared");
    // Two batches of two molecules out of the four.
    let width = case.golden.tensors["input/descriptors"].0[1];
    let descriptors = case.golden.values("input/descriptors");
    let mut rng = generator(5, SeedStream::Masks, &[]);
    let halves: Vec<_> = [0..2, 2..4]
        .into_iter()
        .map(|rows| {
            let masked = mask(&case.masked.sequences[rows.clone()], 0.4, &mut rng);
            PretrainingBatch {
                masked,
                descriptors: descriptors[rows.start * width..rows.end * width].to_vec(),
                structures: Vec::new(),
            }
        })
        .collect();
    let objective = Pretraining {
        masked_lm: 1.0,
        physchem: 1.0,
        structure: 0.0,
        teacher: None,
    };
    let loss = |model: &Model, half: usize| {
        total(&objective.losses(model, &halves[half], &device)).expect("a loss")
    };
    let start = || {
        let (config, model) = load(&case.golden, "weights/", "model", &device);
        (config, assign_param_ids(model))
    };

    let (config, mut one) = start();
    let mut optimizer = Optimizer::new(&case.optimizer);
    let mut norms = (f32::NAN, f32::NAN);
    for _ in 0..2 {
        let mean = (loss(&one, 0) + loss(&one, 1)).div_scalar(2.0);
        let (updated, norm) = optimizer.step(one, &mean, 1e-3);
        one = updated;
        norms.0 = read(norm.expect("a step"))[0];
    }
    let (_, mut two) = start();
    let mut optimizer = Optimizer::new(&OptimizerConfig {
        accumulation: 2,
        ..case.optimizer.clone()
    });
    for _ in 0..2 {
        for half in 0..2 {
            assert_eq!(optimizer.completes(), half == 1);
            let own = loss(&two, half);
            let (updated, norm) = optimizer.step(two, &own, 1e-3);
            two = updated;
            assert_eq!(norm.is_some(), half == 1);
            norms.1 = norm.map_or(norms.1, |norm| read(norm)[0]);
        }
    }
    let (one, two) = (
        weights(&one, &config.encoder),
        weights(&two, &config.encoder),
    );
    assert!((norms.0 - norms.1).abs() < 1e-5 * norms.0, "{norms:?}");
    compare("accumulated", &two, &one, |_| 1e-6);
}

/// Eight molecules, in the vocabulary's Kekulé form.
fn molecules() -> Vec<Vec<u32>> {
    [
        "CCO",
        "CC(=O)O",
        "C1=CC=CC=C1",
        "CC(C)N",
        "C1CCNCC1",
        "CC#N",
        "ClC1=CC=CC=C1",
        "OCC(O)CO",
    ]
    .iter()
    .map(|smiles| tokenizer::tokenize(smiles, 128).expect("within the vocabulary"))
    .collect()
}

fn tiny(sharing: Sharing, layers: usize) -> EncoderConfig {
    EncoderConfig {
        hidden_size: 32,
        num_hidden_layers: layers,
        parameter_sharing: sharing,
        num_attention_heads: 2,
        intermediate_size: 64,
        hidden_dropout_prob: 0.0,
        attention_probs_dropout_prob: 0.0,
        ..crate::model::Preset::DelicateSmall.config()
    }
}

fn fresh(config: &EncoderConfig, heads: Heads, seed: u64, device: &Device) -> Model {
    let mut initial = Initial {
        deviation: 0.15,
        table_deviation: 0.5,
        device,
    };
    with_seed(device, seed, || {
        assign_param_ids(Model::new(&mut initial, config, heads).expect("fresh parameters"))
    })
}

/// Trains until the rate is 0; the losses by name at the start and at the end.
fn overfit(
    mut model: Model,
    steps: usize,
    losses: impl Fn(&Model) -> Vec<Loss>,
) -> BTreeMap<&'static str, (f32, f32)> {
    let config = OptimizerConfig {
        learning_rate: 5e-3,
        weight_decay: 0.0,
        ..OptimizerConfig::default()
    };
    let mut optimizer = Optimizer::new(&config);
    let value = |loss: &Loss| read(loss.value.clone())[0];
    let start: Vec<f32> = losses(&model).iter().map(value).collect();
    for step in 0..steps {
        let sum = total(&losses(&model)).expect("a loss");
        let rate = config.rate(step as f64 / steps as f64);
        (model, _) = optimizer.step(model, &sum, rate);
    }
    let end = losses(&model);
    end.iter()
        .zip(start)
        .map(|(loss, start)| (loss.name, (start, value(loss))))
        .collect()
}

#[test]
fn pretraining_learns_eight_molecules_by_heart() {
    let device = Device::flex().autodiff();
    let heads = Heads {
        masked_lm: true,
        physchem: 4,
        structure: 16,
        ..Heads::default()
    };
    let mut rng = generator(7, SeedStream::Masks, &[]);
    let masked = mask(&molecules(), 0.15, &mut rng);
    let batch = PretrainingBatch {
        masked,
        descriptors: (0..8 * 4).map(|_| rng.random()).collect(),
        structures: (0..8 * 16).map(|_| rng.random_range(-0.5..0.5)).collect(),
    };
    let objective = Pretraining {
        masked_lm: 1.0,
        physchem: 1.0,
        structure: 1.0,
        teacher: None,
    };
    let model = fresh(&tiny(Sharing::All, 2), heads, 1, &device);
    let learnt = overfit(model, 300, |model| objective.losses(model, &batch, &device));
    println!("{learnt:?}");
    assert!(
        learnt["masked_lm"].1 < 0.05 && learnt["physchem"].1 < 1e-3 && learnt["structure"].1 < 0.01,
        "{learnt:?}"
    );
}

#[test]
fn fine_tuning_learns_eight_molecules_by_heart() {
    let device = Device::flex().autodiff();
    let mut rng = generator(8, SeedStream::Masks, &[]);
    for (task, bound) in [
        (EndpointTask::Regression, 1e-3),
        (EndpointTask::Classification, 0.05),
    ] {
        let labels: Vec<Vec<Option<f32>>> = (0..8)
            .map(|row| {
                let value: f32 = match task {
                    EndpointTask::Regression => rng.random_range(-2.0..2.0),
                    EndpointTask::Classification => ((row * 5 + 1) % 3 % 2) as f32,
                };
                vec![
                    (row != 3).then_some(value),
                    (row != 6).then_some(1.0 - value),
                ]
            })
            .collect();
        let rows: Vec<&[Option<f32>]> = labels.iter().map(Vec::as_slice).collect();
        let targets = Targets::new(&rows, &[(task, Scaling::IDENTITY); 2], &device);
        let heads = Heads {
            endpoints: 2,
            ..Heads::default()
        };
        let model = fresh(&tiny(Sharing::None, 2), heads, 2, &device);
        let learnt = overfit(model, 300, |model| {
            finetuning_losses(model, &molecules(), &targets, 1.0, None, &device)
        });
        println!("{task:?}: {learnt:?}");
        assert!(learnt["labels"].1 < bound, "{task:?}: {learnt:?}");
    }
}

/// Entropy of the teacher's softened tokens: what its soft loss falls to.
fn floor_of_soft_labels(teacher: &Model, masked: &Masked, temperature: f64) -> f32 {
    let device = Device::flex();
    let (last, _) = teacher
        .encoder()
        .encode(&Batch::new(&masked.sequences, &device));
    assert_eq!(last.dims()[1], padded_length(&masked.sequences));
    let places = indices(token_places(&masked.sequences), &device);
    let logits = teacher.token_logits(last, places).expect("a token head");
    read(soft_labels(logits.clone(), logits, temperature))[0]
}

#[test]
fn distillation_learns_its_teacher_by_heart() {
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    let config = DistillationConfig {
        temperature: 2.0,
        pooled: 1.0,
        ..DistillationConfig::default()
    };
    let heads = Heads {
        masked_lm: true,
        ..Heads::default()
    };
    let shapes = (tiny(Sharing::None, 4), tiny(Sharing::None, 2));
    let map = layer_map(&config, &shapes.0, &shapes.1).expect("a layer map that fits");
    let teacher_model = fresh(&shapes.0, heads, 3, &plain);
    let masked = mask(
        &molecules(),
        0.15,
        &mut generator(9, SeedStream::Masks, &[]),
    );
    let objective = Pretraining {
        masked_lm: 0.0,
        physchem: 0.0,
        structure: 0.0,
        teacher: Some(Teacher {
            model: &teacher_model,
            config: &config,
            layer_map: &map,
        }),
    };
    let student = fresh(&shapes.1, heads, 4, &device);
    let batch = PretrainingBatch {
        masked,
        descriptors: Vec::new(),
        structures: Vec::new(),
    };
    let learnt = overfit(student, 600, |model| {
        objective.losses(model, &batch, &device)
    });
    let floor = floor_of_soft_labels(&teacher_model, &batch.masked, config.temperature);
    println!("{learnt:?}, soft labels above {floor}");
    assert_eq!(learnt.len(), 4);
    for (name, (start, end)) in learnt {
        let floor = if name == "soft" { floor } else { 0.0 };
        let left = (end - floor) / (start - floor);
        assert!(
            start > floor && left < 0.02,
            "{name}: {start} to {end}, {left} is left"
        );
    }
}
