//! Checkpoints of others in, int8 and ONNX out. The checkpoints and what
//! PyTorch makes of them are `golden/checkpoints.py`'s.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use delicate::convert::export;
use delicate::convert::import::{ImportError, ImportOptions, Imported, import};
use delicate::device::{Device, DeviceChoice};
use delicate::low_level::burn::tensor::{Int, Tensor, TensorData};
use delicate::low_level::{Batch, Model, tensors};
use delicate::model::SourceError;
use delicate::model_dir::{self, ModelDirError, ModelFiles, Precision};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

fn checkpoint(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/checkpoints")
        .join(name)
}

fn cpu() -> Device {
    pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU")
}

fn options(family: &str) -> ImportOptions {
    ImportOptions {
        heads: Some(2),
        layers: (family == "albert").then_some(3),
        ..ImportOptions::default()
    }
}

fn imported(name: &str, options: &ImportOptions) -> Imported {
    import(&checkpoint(name), options, &cpu()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn refused(name: &str, options: &ImportOptions) -> ImportError {
    match import(&checkpoint(name), options, &cpu()) {
        Ok(_) => panic!("{name} was imported"),
        Err(error) => error,
    }
}

/// A tensor of `expected.safetensors`: shape and values.
fn expected(name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(checkpoint("expected.safetensors")).expect("the golden file");
    let file = SafeTensors::deserialize(&bytes).expect("a valid file");
    let view = file.tensor(name).expect("the tensor");
    let values = match view.dtype() {
        Dtype::I64 => (view.data().as_chunks::<8>().0.iter())
            .map(|&b| i64::from_le_bytes(b) as f32)
            .collect(),
        _ => (view.data().as_chunks::<4>().0.iter())
            .map(|&b| f32::from_le_bytes(b))
            .collect(),
    };
    (view.shape().to_vec(), values)
}

fn batch(family: &str, device: &Device) -> Batch {
    let (shape, ids) = expected(&format!("{family}/input/ids"));
    let (_, mask) = expected(&format!("{family}/input/mask"));
    let ids: Vec<i32> = ids.into_iter().map(|id| id as i32).collect();
    Batch {
        ids: Tensor::from_data(TensorData::new(ids, shape.clone()), tensors(device)),
        mask: Tensor::from_data(TensorData::new(mask, shape), tensors(device)),
        token_types: None,
        wide: None,
    }
}

/// `kept` tells the rows that count: on a CPU padding is left out.
fn compare<const D: usize>(what: &str, found: Tensor<D>, name: &str, kept: Option<&[f32]>) {
    let (shape, values) = expected(name);
    let width = kept.map_or(1, |kept| values.len() / kept.len());
    let counts = |place: usize| kept.is_none_or(|kept| kept[place / width] > 0.0);
    assert_eq!(
        found.dims().iter().product::<usize>(),
        shape.iter().product::<usize>(),
        "{what}"
    );
    // Hidden states are about 1 in size; logits are larger, and so is their
    // rounding.
    let scale = values.iter().fold(1.0f32, |a, b| a.max(b.abs()));
    let off = found
        .into_data()
        .iter::<f32>()
        .zip(values)
        .enumerate()
        .filter(|(place, _)| counts(*place))
        .map(|(_, (a, b))| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(
        off < 1e-5 * scale,
        "{what}: {name} is off by {off}, the largest value is {scale}"
    );
}

fn check_outputs(what: &str, family: &str, model: &Model) {
    let device = cpu();
    let batch = batch(family, &device);
    let (last, pooled) = model.encoder().encode(&batch);
    let [rows, length, _] = last.dims();
    let (_, mask) = expected(&format!("{family}/input/mask"));
    let tokens_alone = Some(mask.as_slice());
    let name = format!("{family}/output/last");
    compare(what, last.clone(), &name, tokens_alone);
    if let Some(endpoints) = model.endpoints(pooled.clone(), None) {
        let name = format!("{family}/output/endpoints");
        compare(what, endpoints, &name, None);
    }
    let all = Tensor::<1, Int>::arange(0..(rows * length) as i64, tensors(&device));
    if let Some(tokens) = model.token_logits(last, all) {
        let name = format!("{family}/output/tokens");
        compare(what, tokens, &name, tokens_alone);
    }
    compare(what, pooled, &format!("{family}/output/pooled"), None);
}

#[test]
fn checkpoints_give_pytorchs_outputs_in_every_container_and_under_every_prefix() {
    for family in ["bert", "albert"] {
        for (file, masked_lm, endpoints) in [
            ("lightning.ckpt", true, 0),
            ("legacy.ckpt", true, 0),
            ("finetuned.pt", false, 2),
            ("finetuned-legacy.pt", false, 2),
            ("encoder.pth", false, 0),
        ] {
            let name = format!("{family}-{file}");
            let imported = imported(&name, &options(family));
            assert_eq!(imported.config.masked_lm, masked_lm, "{name}");
            assert_eq!(imported.config.endpoints.len(), endpoints, "{name}");
            check_outputs(&name, family, &imported.model);
        }
    }
}

#[test]
fn directories_of_hugging_face_say_their_own_shape() {
    for family in ["bert", "albert"] {
        let name = format!("{family}-pretrained");
        let imported = imported(&name, &ImportOptions::default());
        assert_eq!(imported.config.encoder.num_attention_heads, 2);
        assert_eq!(imported.config.encoder.max_length, 24);
        check_outputs(&name, family, &imported.model);
    }
}

#[test]
fn what_has_no_place_is_listed_with_its_reason() {
    let imported = imported("bert-lightning.ckpt", &options("bert"));
    let why = |part: &str| {
        imported
            .skipped
            .iter()
            .find(|skipped| skipped.name.contains(part))
            .map(|skipped| skipped.why)
            .unwrap_or_else(|| panic!("{part} is not listed: {:?}", imported.skipped))
    };
    assert!(why("inv_freq").contains("positions"));
    assert!(why("is_same_head").contains("same-molecule"));
    assert!(why("physchem_head").contains("normalisation"));
    assert!(why("optimizer_states").contains("optimizer"));
    assert!(why("decoder.bias").contains("same as"));
    assert!(
        imported
            .skipped
            .iter()
            .all(|skipped| skipped.why != "unknown")
    );
    let card = imported.card(Path::new("x.ckpt"));
    assert!(card.contains("physchem_head"));
}

#[test]
fn endpoints_get_the_names_that_are_given() {
    let default = imported("bert-finetuned.pt", &options("bert"));
    let names: Vec<_> = default
        .config
        .endpoints
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["endpoint0", "endpoint1"]);
    let mut named = options("bert");
    named.endpoints = vec![
        ("logp".into(), String::new()),
        ("esol".into(), "log mol/L".into()),
    ];
    let config = imported("bert-finetuned.pt", &named).config;
    assert_eq!(config.endpoints[1].name, "esol");
    assert_eq!(config.endpoints[1].unit, "log mol/L");
    named.endpoints.pop();
    assert!(matches!(
        refused("bert-finetuned.pt", &named),
        ImportError::Endpoints { given: 1, found: 2 }
    ));
}

#[test]
fn other_architectures_are_refused_by_name() {
    let none = ImportOptions::default();
    assert!(matches!(
        refused("bert-learned", &none),
        ImportError::Positions { .. }
    ));
    assert!(matches!(
        refused("albert-learned", &none),
        ImportError::Positions { .. }
    ));
    let factorised = refused("albert-factorised", &none).to_string();
    assert!(factorised.contains("embedding_size"), "{factorised}");
    let groups = refused("albert-groups", &none).to_string();
    assert!(groups.contains("num_hidden_groups"), "{groups}");
    // Without what the tensors do not tell.
    assert!(matches!(
        refused("bert-encoder.pth", &none),
        ImportError::Heads(8)
    ));
    let passes = ImportOptions {
        heads: Some(2),
        ..none
    };
    assert!(matches!(
        refused("albert-encoder.pth", &passes),
        ImportError::Passes
    ));
    let layers = ImportOptions {
        layers: Some(12),
        ..options("bert")
    };
    assert!(matches!(
        refused("bert-encoder.pth", &layers),
        ImportError::Layers { said: 12, found: 2 }
    ));
}

/// A safetensors file with `change` made to the tensors of a directory.
fn changed(
    change: impl Fn(&mut Vec<(String, Vec<usize>, Vec<u8>)>),
) -> Result<Imported, ImportError> {
    let directory = tempfile::tempdir().expect("a directory");
    let source = checkpoint("bert-pretrained");
    let bytes = std::fs::read(source.join("model.safetensors")).expect("the golden file");
    let file = SafeTensors::deserialize(&bytes).expect("a valid file");
    let mut tensors: Vec<_> = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()))
        .collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), data).expect("a tensor");
        (name.as_str(), view)
    });
    let packed = safetensors::serialize(views, None).expect("a file");
    std::fs::write(directory.path().join("model.safetensors"), packed).expect("written");
    std::fs::copy(
        source.join("config.json"),
        directory.path().join("config.json"),
    )
    .expect("copied");
    import(directory.path(), &ImportOptions::default(), &cpu())
}

#[test]
fn a_missing_misshapen_or_unknown_tensor_is_named() {
    let key = "encoder.layer.1.attention.self.key.weight";
    let missing = changed(|tensors| tensors.retain(|(name, ..)| name != key));
    assert!(missing.is_err_and(|error| error.to_string().contains(key)));
    let misshapen = changed(|tensors| {
        for (name, shape, _) in tensors.iter_mut() {
            if name == key {
                *shape = vec![4, 16];
            }
        }
    });
    assert!(misshapen.is_err_and(|e| e.to_string().contains("[4, 16], expected [8, 8]")));
    let nan = changed(|tensors| {
        for (name, _, data) in tensors.iter_mut() {
            if name == key {
                data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            }
        }
    });
    assert!(nan.is_err_and(|error| error.to_string().contains("not finite")));
    let more = changed(|tensors| tensors.push(("surprise.weight".into(), vec![1], vec![0; 4])))
        .expect("an extra tensor is no fault");
    assert_eq!(
        more.skipped.last().map(|s| (s.name.as_str(), s.why)),
        Some(("surprise.weight", "unknown"))
    );
}

#[test]
fn broken_files_are_errors_and_never_panics() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in [
        "bert-lightning.ckpt",
        "bert-legacy.ckpt",
        "bert-pretrained/model.safetensors",
    ] {
        let whole = std::fs::read(checkpoint(name)).expect("the golden file");
        let path = directory.path().join("broken");
        for cut in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            std::fs::write(&path, &whole[..cut]).expect("written");
            let outcome = import(&path, &options("bert"), &cpu());
            assert!(outcome.is_err(), "{name} cut at {cut} was imported");
        }
        for at in (0..whole.len()).step_by(whole.len() / 150 + 1) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::write(&path, &bytes).expect("written");
            // Whether it is refused depends on the byte; it must not panic.
            let _ = import(&path, &options("bert"), &cpu());
        }
    }
    // A pickle that calls os.system when Python loads it.
    let path = directory.path().join("evil.pt");
    let marker = directory.path().join("marker");
    let pickle = format!("cos\nsystem\n(S'touch {}'\ntR.", marker.display());
    std::fs::write(&path, pickle).expect("written");
    assert!(import(&path, &ImportOptions::default(), &cpu()).is_err());
    assert!(!marker.exists());
    assert!(import(directory.path(), &ImportOptions::default(), &cpu()).is_err());
}

fn write(imported: &Imported, precision: Precision) -> (tempfile::TempDir, ModelFiles<'static>) {
    let directory = tempfile::tempdir().expect("a directory");
    pollster::block_on(model_dir::write(
        directory.path(),
        &imported.config,
        &imported.model,
        precision,
        "card",
        None,
    ))
    .expect("the model is written");
    let files = ModelFiles::read(directory.path()).expect("the model is read");
    (directory, files)
}

#[test]
fn an_int8_model_is_within_half_a_step_of_its_source() {
    let imported = imported("albert-finetuned.pt", &options("albert"));
    let (_whole, whole) = write(&imported, Precision::Fp32);
    let (_small, small) = write(&imported, Precision::Int8);
    let (_, again) = small.build(&cpu()).expect("int8 loads");
    let source = SafeTensors::deserialize(&whole.weights).expect("valid");
    let stored = SafeTensors::deserialize(&small.weights).expect("valid");
    let floats = |view: TensorView<'_>| -> Vec<f32> {
        (view.data().as_chunks::<4>().0.iter())
            .map(|&b| f32::from_le_bytes(b))
            .collect()
    };
    let mut matrices = 0;
    for (name, view) in source.tensors() {
        let quantised = stored.tensor(&name).expect("every tensor is there");
        if view.shape().len() != 2 {
            assert_eq!(quantised.data(), view.data(), "{name}");
            continue;
        }
        matrices += 1;
        assert_eq!(quantised.dtype(), Dtype::I8);
        let scales = floats(stored.tensor(&format!("{name}.scale")).expect("its scales"));
        assert_eq!(scales.len(), view.shape()[0]);
        let columns = view.shape()[1];
        for (index, (value, byte)) in floats(view).iter().zip(quantised.data()).enumerate() {
            let scale = scales[index / columns];
            let off = (f32::from(byte.cast_signed()) * scale - value).abs();
            assert!(
                off <= scale * 0.5001,
                "{name}[{index}] is off by {off}, a step is {scale}"
            );
        }
    }
    assert!(matrices > 8);
    let device = cpu();
    let batch = batch("albert", &device);
    let run = |model: &Model| -> Vec<f32> {
        model
            .forward(&batch)
            .expect("endpoints")
            .into_data()
            .iter()
            .collect()
    };
    let off = run(&imported.model)
        .iter()
        .zip(run(&again))
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(off > 0.0 && off < 0.1, "off by {off}");
}

/// A tensor of a file: name, type, shape, bytes.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

#[test]
fn a_faulty_scale_is_a_typed_error() {
    let imported = imported("bert-encoder.pth", &options("bert"));
    let (_directory, files) = write(&imported, Precision::Int8);
    let name = "pooler.dense.weight.scale";
    let load = |change: &dyn Fn(&mut Vec<Stored>)| {
        let file = SafeTensors::deserialize(&files.weights).expect("valid");
        let mut tensors: Vec<_> = file
            .tensors()
            .into_iter()
            .map(|(n, v)| (n, v.dtype(), v.shape().to_vec(), v.data().to_vec()))
            .collect();
        change(&mut tensors);
        let views = tensors.iter().map(|(n, dtype, shape, data)| {
            (
                n.as_str(),
                TensorView::new(*dtype, shape.clone(), data).expect("a tensor"),
            )
        });
        let mut changed = ModelFiles {
            weights: Cow::Owned(safetensors::serialize(views, None).expect("a file")),
            ..files.clone()
        };
        changed.seal().expect("valid JSON");
        match changed.build(&cpu()) {
            Err(ModelDirError::Tensor(error)) => error,
            other => panic!("expected an error of a tensor, got {:?}", other.map(|_| ())),
        }
    };
    assert_eq!(
        load(&|tensors| tensors.retain(|(n, ..)| n != name)),
        SourceError::Missing(name.to_owned())
    );
    let set = |shape: Vec<usize>, dtype: Dtype, data: Vec<u8>| {
        move |tensors: &mut Vec<(String, Dtype, Vec<usize>, Vec<u8>)>| {
            for tensor in tensors.iter_mut().filter(|t| t.0 == name) {
                *tensor = (name.to_owned(), dtype, shape.clone(), data.clone());
            }
        }
    };
    assert!(matches!(
        load(&set(vec![2], Dtype::F32, vec![0; 8])),
        SourceError::Shape { name: n, .. } if n == name
    ));
    let infinite = [f32::INFINITY; 8]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    assert_eq!(
        load(&set(vec![8], Dtype::F32, infinite)),
        SourceError::NotFinite(name.to_owned())
    );
    assert!(matches!(
        load(&set(vec![8], Dtype::I8, vec![1; 8])),
        SourceError::Type { name: n, .. } if n == name
    ));
}

const ONNX_SCRIPT: &str = "
import sys, json, numpy, onnx, onnxruntime
onnx.checker.check_model(sys.argv[1], full_check=True)
given = json.load(open(sys.argv[2]))
feed = {k: numpy.array(given[k], dtype=numpy.int64) for k in ('input_ids', 'attention_mask')}
run = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
names = [o.name for o in run.get_outputs()]
print(json.dumps({n: v.ravel().tolist() for n, v in zip(names, run.run(names, feed))}))
";

#[test]
#[ignore = "needs a Python with onnx and onnxruntime (DELICATE_PYTHON)"]
fn onnx_runtime_computes_what_pytorch_computes() {
    let python = std::env::var("DELICATE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let directory = tempfile::tempdir().expect("a directory");
    for family in ["bert", "albert"] {
        let imported = imported(&format!("{family}-finetuned.pt"), &options(family));
        let bytes =
            pollster::block_on(export::onnx(&imported.config, &imported.model)).expect("a file");
        let model = directory.path().join("model.onnx");
        std::fs::write(&model, bytes).expect("written");
        let (shape, ids) = expected(&format!("{family}/input/ids"));
        let (_, mask) = expected(&format!("{family}/input/mask"));
        let rows = |values: Vec<f32>| -> Vec<Vec<i64>> {
            let ints: Vec<i64> = values.into_iter().map(|v| v as i64).collect();
            ints.chunks(shape[1]).map(<[i64]>::to_vec).collect()
        };
        let input = directory.path().join("input.json");
        let json = serde_json::json!({"input_ids": rows(ids), "attention_mask": rows(mask)});
        std::fs::write(&input, json.to_string()).expect("written");
        let output = std::process::Command::new(&python)
            .args(["-c", ONNX_SCRIPT])
            .args([&model, &input])
            .output()
            .expect("Python runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        for (theirs, ours) in [
            ("last_hidden_state", "last"),
            ("pooled", "pooled"),
            ("values", "endpoints"),
        ] {
            let (_, values) = expected(&format!("{family}/output/{ours}"));
            let found: Vec<f64> =
                serde_json::from_value(found[theirs].clone()).expect("an array of numbers");
            assert_eq!(found.len(), values.len());
            let off = found
                .iter()
                .zip(values)
                .map(|(a, b)| (a - f64::from(b)).abs())
                .fold(0.0, f64::max);
            assert!(off < 1e-5, "{family}: {theirs} is off by {off}");
        }
    }
}

#[test]
#[ignore = "needs a Python with onnx and onnxruntime (DELICATE_PYTHON)"]
fn onnx_runtime_computes_the_embedding_that_we_compute() {
    let python = std::env::var("DELICATE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let directory = tempfile::tempdir().expect("a directory");
    let files = ModelFiles::embedded_for_similarity();
    let (config, model) = files.build(&cpu()).expect("valid");
    let path = directory.path().join("model.onnx");
    let bytes = pollster::block_on(export::onnx(&config, &model)).expect("a file");
    std::fs::write(&path, bytes).expect("written");
    // Written as the Kekulé SMILES that the model reads.
    let smiles = "CC(=O)NC";
    let molecule = delicate::chemistry::Molecule::parse(smiles).expect("valid");
    let written = molecule
        .kekule_string(delicate::chemistry::AtomOrder::Canonical)
        .expect("written");
    let ids = delicate::tokenizer::tokenize(&written, 128).expect("in the vocabulary");
    let mask = vec![1; ids.len()];
    let input = directory.path().join("input.json");
    let json = serde_json::json!({"input_ids": [ids], "attention_mask": [mask]});
    std::fs::write(&input, json.to_string()).expect("written");
    let output = std::process::Command::new(&python)
        .args(["-c", ONNX_SCRIPT])
        .args([&path, &input])
        .output()
        .expect("Python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found: Vec<f32> =
        serde_json::from_value(found["embedding"].clone()).expect("an array of numbers");
    let scorer = delicate::predict::Scorer::new(config, model, cpu());
    let molecules = [delicate::records::Structure::from(smiles)];
    let embedded = pollster::block_on(scorer.embed(
        &molecules,
        delicate::predict::PredictOptions::default(),
        async |_| std::ops::ControlFlow::Continue(()),
    ));
    let ours = embedded.rows[0].clone().expect("done").expect("embedded");
    let scale = ours
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    assert_eq!(found.len(), ours.len());
    for (theirs, ours) in found.iter().zip(&ours) {
        assert!((theirs - ours).abs() < 1e-5 * scale, "{theirs} and {ours}");
    }
}
