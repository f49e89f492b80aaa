//! Model directories: written, read again, and refused when they are wrong.

use std::borrow::Cow;

use delicate::device::{Device, DeviceChoice};
use delicate::model::{ReferenceMolecules, SourceError};
use delicate::model_dir::{self, ModelDirError, ModelFiles, Precision};
use delicate::{Error, Predictor};
use proptest::prelude::*;

fn device() -> Device {
    pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU is always there")
}

/// Loads files that were changed on purpose, and so are named anew.
fn load(files: &ModelFiles<'_>) -> Result<(), ModelDirError> {
    let mut files = files.clone();
    files.seal()?;
    files.build(&device()).map(|_| ())
}

fn with_config(change: impl FnOnce(&mut serde_json::Value)) -> ModelFiles<'static> {
    let mut files = crate::five_endpoints();
    let mut config = serde_json::from_slice(&files.config).expect("valid JSON");
    change(&mut config);
    files.config = Cow::Owned(serde_json::to_vec(&config).expect("valid JSON"));
    files
}

#[test]
fn a_model_survives_writing_and_reading() {
    let device = device();
    let (config, model) = crate::five_endpoints()
        .build(&device)
        .expect("the embedded model is valid");
    for (precision, equal) in [
        (Precision::Fp32, true),
        (Precision::Fp16, true),
        (Precision::Int8, false),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        pollster::block_on(model_dir::write(
            directory.path(),
            &config,
            &model,
            precision,
            "# card\n",
            None,
        ))
        .expect("written");
        let files = ModelFiles::read(directory.path()).expect("read");
        let (again, _) = files.build(&device).expect("valid");
        assert_eq!(again, config);
        // The embedded weights are fp16, so that all but int8 hold them exactly.
        let second = tempfile::tempdir().expect("a directory");
        let (_, model) = files.build(&device).expect("valid");
        pollster::block_on(model_dir::write(
            second.path(),
            &config,
            &model,
            Precision::Fp16,
            "",
            None,
        ))
        .expect("written");
        let weights = ModelFiles::read(second.path()).expect("read").weights;
        assert_eq!(weights == crate::five_endpoints().weights, equal);
        let mut names: Vec<_> = std::fs::read_dir(directory.path())
            .expect("listed")
            .map(|entry| entry.expect("listed").file_name())
            .collect();
        names.sort();
        let expected = ["README.md", "config.json", "model.safetensors", "vocab.txt"];
        assert_eq!(names, expected, "no partial file is left behind");
    }
}

#[test]
fn a_directory_without_a_model_says_which_file_is_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    let error = ModelFiles::read(directory.path()).expect_err("nothing there");
    assert!(error.to_string().contains("config.json"), "{error}");
}

#[test]
fn a_truncated_weight_file_is_refused_at_every_length() {
    let whole = crate::five_endpoints();
    for length in [
        0,
        1,
        7,
        8,
        9,
        100,
        5_000,
        whole.weights.len() / 2,
        whole.weights.len() - 1,
    ] {
        let mut files = whole.clone();
        files.weights = Cow::Owned(whole.weights[..length].to_vec());
        assert!(
            matches!(load(&files), Err(ModelDirError::Safetensors(_))),
            "{length} bytes"
        );
    }
}

#[test]
fn a_header_that_claims_the_moon_allocates_nothing() {
    let mut files = crate::five_endpoints();
    let mut bytes = files.weights.to_vec();
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    files.weights = Cow::Owned(bytes);
    assert!(matches!(load(&files), Err(ModelDirError::Safetensors(_))));
}

#[test]
fn sizes_out_of_bounds_are_refused_by_field() {
    for (field, value) in [
        ("hidden_size", serde_json::json!(1_000_000_000)),
        ("num_hidden_layers", serde_json::json!(0)),
        ("num_attention_heads", serde_json::json!(7)),
        ("vocab_size", serde_json::json!(43)),
        ("max_length", serde_json::json!(0)),
        ("layer_norm_eps", serde_json::json!(-1.0)),
        ("model_type", serde_json::json!("bert")),
    ] {
        let files = with_config(|config| config[field] = value.clone());
        let error = load(&files).expect_err(field);
        let named = if field == "num_attention_heads" {
            "hidden_size"
        } else {
            field
        };
        assert!(
            matches!(&error, ModelDirError::Config(e) if e.field == named),
            "{field}: {error}"
        );
    }
}

#[test]
fn a_negative_or_fractional_size_is_a_json_error() {
    for value in [
        serde_json::json!(-1),
        serde_json::json!(2.5),
        serde_json::json!("256"),
    ] {
        let files = with_config(|config| config["hidden_size"] = value);
        assert!(matches!(load(&files), Err(ModelDirError::Json(_))));
    }
}

#[test]
fn a_scaling_that_is_no_scaling_is_refused() {
    let files = with_config(|config| {
        config["endpoints"][0]["scaling"]["deviation"] = serde_json::json!(0.0);
    });
    assert!(matches!(load(&files), Err(ModelDirError::Config(_))));
    let files = with_config(|config| {
        config["endpoints"][1]["name"] = config["endpoints"][0]["name"].clone();
    });
    assert!(matches!(load(&files), Err(ModelDirError::Config(_))));
}

#[test]
fn another_shape_is_refused_with_both_shapes() {
    let files = with_config(|config| config["intermediate_size"] = serde_json::json!(512));
    let error = load(&files).expect_err("another shape");
    assert!(
        matches!(&error, ModelDirError::Tensor(SourceError::Shape { .. })),
        "{error}"
    );
}

#[test]
fn a_missing_and_a_surplus_tensor_are_refused_by_name() {
    let files = with_config(|config| {
        config["parameter_sharing"] = serde_json::json!("none");
    });
    let error = load(&files).expect_err("the layers have other names");
    assert!(
        matches!(&error, ModelDirError::Tensor(SourceError::Missing(name)) if name.starts_with("encoder.layer.0")),
        "{error}"
    );

    let whole = crate::five_endpoints();
    let tensors = safetensors::SafeTensors::deserialize(&whole.weights).expect("valid");
    let extra = [0u8; 4];
    let mut views = tensors.tensors();
    views.push((
        "stowaway".to_owned(),
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &extra)
            .expect("a valid view"),
    ));
    let mut files = whole.clone();
    files.weights = Cow::Owned(safetensors::serialize(views, None).expect("serialised"));
    let error = load(&files).expect_err("one too many");
    assert!(
        matches!(&error, ModelDirError::Surplus(names) if names == &["stowaway"]),
        "{error}"
    );
}

#[test]
fn a_weight_that_is_not_finite_is_refused_by_name() {
    let whole = crate::five_endpoints();
    let tensors = safetensors::SafeTensors::deserialize(&whole.weights).expect("valid");
    let views = tensors.tensors().into_iter().map(|(name, view)| {
        let mut bytes = view.data().to_vec();
        if name == "pooler.bias" {
            bytes[..2].copy_from_slice(&half::f16::NAN.to_le_bytes());
        }
        (name, view.dtype(), view.shape().to_vec(), bytes)
    });
    let owned: Vec<_> = views.collect();
    let views = owned.iter().map(|(name, dtype, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes);
        (name, view.expect("a valid view"))
    });
    let mut files = whole.clone();
    files.weights = Cow::Owned(safetensors::serialize(views, None).expect("serialised"));
    let error = load(&files).expect_err("a NaN");
    assert!(
        matches!(&error, ModelDirError::Tensor(SourceError::NotFinite(name)) if name == "pooler.bias"),
        "{error}"
    );
}

#[test]
fn another_vocabulary_is_refused_with_its_line() {
    let mut files = crate::five_endpoints();
    files.vocabulary = Cow::Borrowed(b"[PAD]\n[UNK]\n");
    let error = load(&files).expect_err("another vocabulary");
    assert!(
        matches!(&error, ModelDirError::Vocabulary(e) if e.line == 2),
        "{error}"
    );
}

/// The built-in model as a directory, with its domain.
fn directory() -> (tempfile::TempDir, std::path::PathBuf) {
    let files = crate::five_endpoints();
    let (config, model) = files.build(&device()).expect("valid");
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("model");
    let domain = files.domain.as_deref();
    pollster::block_on(model_dir::write(
        &path,
        &config,
        &model,
        Precision::Fp16,
        "",
        domain,
    ))
    .expect("written");
    (folder, path)
}

fn open(path: &std::path::Path) -> Result<(), Error> {
    Predictor::open(path, device()).map(|_| ())
}

/// The error of a directory that is not whole, and the file that it names.
fn refused(path: &std::path::Path, file: &str) -> ModelDirError {
    match open(path) {
        Err(Error::Model(error)) => {
            assert!(error.to_string().contains(file), "{file}: {error}");
            error
        }
        other => panic!("{file}: expected an error of the model, got {other:?}"),
    }
}

const DEPENDED_ON: [&str; 3] = ["model.safetensors", "vocab.txt", "domain.json.gz"];

#[test]
fn a_directory_with_a_file_removed_is_refused_by_its_name() {
    let (_folder, path) = directory();
    open(&path).expect("whole");
    for file in DEPENDED_ON {
        let bytes = std::fs::read(path.join(file)).expect("there");
        std::fs::remove_file(path.join(file)).expect("removed");
        assert!(matches!(
            refused(&path, file),
            ModelDirError::Missing { .. }
        ));
        std::fs::write(path.join(file), bytes).expect("written");
        open(&path).expect("whole again");
    }
    std::fs::remove_file(path.join("config.json")).expect("removed");
    refused(&path, "config.json");
}

#[test]
fn a_directory_with_a_file_cut_short_or_altered_is_refused_by_its_name() {
    let (_folder, path) = directory();
    for file in DEPENDED_ON {
        let bytes = std::fs::read(path.join(file)).expect("there");
        for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(path.join(file), &bytes[..length]).expect("written");
            let error = refused(&path, file);
            let by_its_header = matches!(error, ModelDirError::Safetensors(_));
            let by_its_digest = matches!(error, ModelDirError::Altered { .. });
            assert!(by_its_digest || (by_its_header && file.ends_with("safetensors")));
        }
        let mut altered = bytes.clone();
        let last = altered.len() - 1;
        altered[last] ^= 1;
        std::fs::write(path.join(file), altered).expect("written");
        assert!(matches!(
            refused(&path, file),
            ModelDirError::Altered { .. }
        ));
        std::fs::write(path.join(file), bytes).expect("written");
        open(&path).expect("whole again");
    }
    let config = std::fs::read(path.join("config.json")).expect("there");
    std::fs::write(path.join("config.json"), &config[..config.len() / 2]).expect("written");
    refused(&path, "config.json");
}

/// Sparse files, which take no room: read whole, they would take the memory.
#[test]
fn weights_that_are_far_too_many_are_refused_by_their_header() {
    let (_folder, path) = directory();
    let weights = path.join("model.safetensors");
    let values = 5u64 << 30;
    let json =
        format!(r#"{{"a":{{"dtype":"U8","shape":[{values}],"data_offsets":[0,{values}]}}}}"#);
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.extend(json.as_bytes());
    let write = |length: u64| {
        std::fs::write(&weights, &header).expect("written");
        let file = std::fs::File::options().write(true).open(&weights);
        file.expect("opened")
            .set_len(length)
            .expect("a sparse file");
    };
    write(header.len() as u64 + values);
    let error = refused(&path, "model.safetensors");
    assert!(matches!(error, ModelDirError::TooManyWeights { found, .. } if found == values));
    write(values);
    let error = refused(&path, "model.safetensors");
    assert!(matches!(error, ModelDirError::Safetensors(_)));
    write(7 << 30);
    let error = refused(&path, "model.safetensors");
    assert!(matches!(error, ModelDirError::TooLarge { .. }));
}

#[test]
fn a_file_of_another_model_is_refused_by_its_name() {
    let (_folder, path) = directory();
    // Another model of the same shape, with one weight of its own.
    let (_other_folder, other) = directory();
    let mut files = ModelFiles::read(&other).expect("whole");
    let last = files.weights.len() - 2;
    files.weights.to_mut()[last] ^= 1;
    files.seal().expect("valid JSON");
    std::fs::write(path.join("model.safetensors"), &files.weights).expect("written");
    let error = refused(&path, "model.safetensors");
    assert!(matches!(error, ModelDirError::Altered { .. }), "{error}");
    // Its configuration does not make it whole either: that names its own files.
    let (_folder, path) = directory();
    std::fs::write(path.join("config.json"), &files.config).expect("written");
    refused(&path, "model.safetensors");
    // A domain where the model has none.
    files.domain = None;
    files.seal().expect("valid JSON");
    std::fs::write(path.join("config.json"), &files.config).expect("written");
    std::fs::write(path.join("model.safetensors"), &files.weights).expect("written");
    let error = refused(&path, "domain.json.gz");
    assert!(matches!(error, ModelDirError::Unlisted { .. }), "{error}");
    std::fs::remove_file(path.join("domain.json.gz")).expect("removed");
    open(&path).expect("the other model, whole");
}

#[test]
fn a_file_of_a_newer_version_is_not_passed_over() {
    let (_folder, path) = directory();
    let text = std::fs::read_to_string(path.join("config.json")).expect("there");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["files"]["calibration.bin"] = "00".into();
    let config = model_dir::with_digest(config.to_string().as_bytes()).expect("JSON");
    std::fs::write(path.join("config.json"), config).expect("written");
    let error = refused(&path, "calibration.bin");
    assert!(matches!(error, ModelDirError::Unknown { .. }), "{error}");
}

/// Each number of a JSON text, by its path.
fn numbers(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Number(_) => found.push(path.to_owned()),
        serde_json::Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                numbers(value, &format!("{path}/{index}"), found);
            }
        }
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                numbers(value, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn each_number_of_a_configuration_that_is_changed_is_noticed() {
    let mut files = crate::five_endpoints();
    files.seal().expect("valid JSON");
    let config: serde_json::Value = serde_json::from_slice(&files.config).expect("JSON");
    let mut places = Vec::new();
    numbers(&config, "", &mut places);
    assert!(places.len() > 20, "{places:?}");
    // Of the quantiles, of which there are a hundred an endpoint, some.
    let is_some = |place: &String| match place.split_once("/quantiles/") {
        Some((_, number)) => ["0", "37", "100"].contains(&number),
        None => true,
    };
    places.retain(is_some);
    let mut after = files.clone();
    for place in places {
        let mut changed = config.clone();
        let number = changed.pointer_mut(&place).expect("there");
        *number = match number.as_u64() {
            Some(whole) => (whole + 1).into(),
            // The least that single precision tells apart.
            None => {
                let value = number.as_f64().expect("a number") as f32;
                f32::from_bits(value.to_bits() + 1).into()
            }
        };
        after.config = changed.to_string().into_bytes().into();
        let error = after.config().expect_err(&place);
        assert!(
            matches!(&error, ModelDirError::ConfigAltered { .. }),
            "{place}: {error}"
        );
    }
    // As is each word.
    for (place, value) in [
        ("/endpoints/0/unit", "mol"),
        ("/endpoints/0/name", "else"),
        ("/pooling", "first_token"),
        ("/standard_form", "largest-part"),
    ] {
        let mut changed = config.clone();
        *changed.pointer_mut(place).expect(place) = value.into();
        after.config = changed.to_string().into_bytes().into();
        let error = after.config().expect_err(place);
        assert!(error.to_string().contains("remove its `digest`"), "{error}");
    }
}

#[test]
fn a_configuration_is_the_same_however_it_is_laid_out() {
    let mut files = crate::five_endpoints();
    files.seal().expect("valid JSON");
    let config: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&files.config).expect("JSON");
    // Without line breaks and in another order.
    let reversed: serde_json::Map<_, _> = config.clone().into_iter().rev().collect();
    files.config = serde_json::to_vec(&reversed).expect("JSON").into();
    files.config().expect("the same");
    // Older models have no digest; it is not asked for.
    let mut old = config;
    assert!(old.shift_remove("digest").is_some());
    files.config = serde_json::to_vec(&old).expect("JSON").into();
    files.config().expect("whole");
}

#[test]
fn a_directory_with_somebodys_files_is_not_replaced() {
    let (_folder, path) = directory();
    std::fs::write(path.join("notes.txt"), "mine").expect("written");
    let (config, model) = crate::five_endpoints().build(&device()).expect("valid");
    let written = model_dir::write(&path, &config, &model, Precision::Fp16, "", None);
    let error = pollster::block_on(written).expect_err("refused");
    assert!(matches!(&error, ModelDirError::Occupied { entry, .. } if entry == "notes.txt"));
    assert_eq!(
        std::fs::read_to_string(path.join("notes.txt")).expect("there"),
        "mine"
    );
}

/// Whatever is called like a file of ours: only a model is replaced.
#[test]
fn a_directory_that_is_no_model_is_not_replaced() {
    let (config, model) = crate::five_endpoints().build(&device()).expect("valid");
    for (file, contents) in [
        ("README.md", "mine"),
        ("config.json", "{\"model_type\": \"bert\"}"),
    ] {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("theirs");
        std::fs::create_dir(&path).expect("made");
        std::fs::write(path.join(file), contents).expect("written");
        let written = model_dir::write(&path, &config, &model, Precision::Fp16, "", None);
        let error = pollster::block_on(written).expect_err("refused");
        assert!(matches!(&error, ModelDirError::Occupied { .. }), "{error}");
        let kept = std::fs::read_to_string(path.join(file)).expect("there");
        assert_eq!(kept, contents);
    }
}

#[test]
fn the_built_in_models_are_whole() {
    for files in [
        ModelFiles::embedded(),
        ModelFiles::embedded_for_similarity(),
    ] {
        files.config().expect("whole");
    }
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for entry in std::fs::read_dir(models).expect("listed") {
        let path = entry.expect("listed").path();
        let files = ModelFiles::read(&path).expect("read");
        let text = String::from_utf8_lossy(&files.config);
        assert!(text.contains("\n  \"digest\": \""), "{text}");
        files
            .config()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Reference molecules of some name.
fn reference(name: &str) -> ReferenceMolecules {
    ReferenceMolecules {
        name: name.to_owned(),
        source: "made up".to_owned(),
        molecules: 101,
    }
}

#[test]
fn reference_molecules_come_back_with_their_model() {
    let (_folder, path) = directory();
    let before = Predictor::open(&path, device()).expect("whole");
    let before = before.predict("CCO").expect("predicted");
    let values: Vec<f32> = (-50..=50).map(|value| value as f32 / 10.0).collect();
    model_dir::change_config(&path, |config| {
        let all = vec![values.clone(); config.endpoints.len()];
        let set = config.set_reference(reference("ladders"), all);
        set.expect("a list an endpoint");
        config.endpoints[0].higher = "higher up".to_owned();
        config.endpoints[0].lower = "lower down".to_owned();
    })
    .expect("written");
    let predictor = Predictor::open(&path, device()).expect("whole");
    let after = predictor.predict("CCO").expect("predicted");
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.value, after.value);
        let expected = ((before.value + 5.0) * 10.0).clamp(0.0, 100.0);
        let percentile = after.percentile().expect("a reference");
        assert!(
            (percentile - expected).abs() < 1e-3,
            "{percentile}, {expected}"
        );
    }
    let explained = predictor.explain("CCO").expect("explained");
    let standing = explained.standings[0].as_deref().expect("words");
    assert!(standing.starts_with("higher up than "), "{standing}");
    assert!(standing.ends_with(" % of ladders"), "{standing}");
    // A list for each endpoint, and none of them empty.
    let mut config = predictor.scorer().config().clone();
    for lists in [0, 1, 4, 6] {
        let error = config.set_reference(reference("few"), vec![values.clone(); lists]);
        assert_eq!(error.expect_err("refused").field, "reference");
    }
    let error = config.set_reference(reference("none"), vec![Vec::new(); 5]);
    assert_eq!(error.expect_err("refused").field, "reference");
}

#[test]
fn words_and_quantiles_that_make_no_sense_are_refused() {
    type Change = fn(&mut serde_json::Value);
    let changes: [(Change, &str); 7] = [
        (
            |c| c["endpoints"][0]["quantiles"] = vec![1.0; 100].into(),
            "101 numbers",
        ),
        (
            |c| {
                let mut all = vec![1.0; 101];
                all[50] = 2.0;
                c["endpoints"][0]["quantiles"] = all.into();
            },
            "none less than the one before",
        ),
        (
            |c| {
                let endpoints = c["endpoints"].as_array_mut().expect("endpoints");
                for endpoint in endpoints.iter_mut().skip(1) {
                    endpoint["quantiles"] = vec![1.0; 101].into();
                }
                endpoints[0]
                    .as_object_mut()
                    .expect("one")
                    .remove("quantiles");
                c["reference"] = serde_json::json!({"name": "a", "source": "b", "molecules": 9});
            },
            "there for every endpoint",
        ),
        (
            |c| {
                c.as_object_mut().expect("an object").remove("reference");
                c["endpoints"][0]["quantiles"] = vec![1.0; 101].into();
            },
            "else for none",
        ),
        (
            |c| {
                c["endpoints"][0]["higher"] = "up".into();
                c["endpoints"][0]["lower"] = "".into();
            },
            "both `higher` and `lower`",
        ),
        (
            |c| {
                c["endpoints"][0]["threshold"] =
                    serde_json::json!({"value": 1, "above": "a", "below": "b", "source": ""});
            },
            "a threshold with a value",
        ),
        (
            |c| c["endpoints"][0]["threshold"] = serde_json::json!({"value": 1}),
            "missing field `above`",
        ),
    ];
    for (change, expected) in changes {
        let error = load(&with_config(change)).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        header in any::<bool>(),
    ) {
        let mut files = crate::five_endpoints();
        let mut bytes = files.weights.to_vec();
        // The header is where damage can mislead; hit it half of the time.
        let reach = if header { 4_000.min(bytes.len()) } else { bytes.len() };
        for (place, value) in damage {
            let at = place.index(reach);
            bytes[at] = value;
        }
        files.weights = Cow::Owned(bytes);
        files.seal().expect("valid JSON");
        // Either it is refused or it is a model; it is never a crash.
        match files.build(&device()) {
            Ok((config, _)) => prop_assert_eq!(config.model_type, "delicate"),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_damaged_configuration_never_panics(text in "\\PC{0,200}", cut in 0usize..2000) {
        let mut files = crate::five_endpoints();
        let mut config = files.config.to_vec();
        config.truncate(cut);
        config.extend_from_slice(text.as_bytes());
        files.config = Cow::Owned(config);
        if let Err(error) = load(&files) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
