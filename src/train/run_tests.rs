//! A run of every kind that is stopped is resumed by its directory alone, to the
//! weights of a run that was not.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::corpus::hexadecimal;
use super::evaluation::evaluate_table;
use super::run_dir::{EXAMPLES, MODEL, RUN, RunInfo, SPLITS};
use super::{Event, RunConfig, Trained, TrainingError, calibrate_run, evaluate_run, resume, run};
use crate::convert::export;
use crate::device::{Device, DeviceChoice};
use crate::model_dir::{ModelFiles, with_digest};
use crate::predict::{PredictOptions, Scorer, Stop, without_interruption};
use crate::records::Structure;

/// Without dropout, for models that learn little tables by heart.
const SETTINGS: &str = r#"
    name = "resumed"
    license = "MIT"
    preset = "delicate-small"
    epochs = 1
    batch = { molecules = 16 }
    hidden_dropout = 0.0
    attention_dropout = 0.0
"#;

const ON_TABLES: &str = r#"
    baseline = false
    gaussian_process = false
    split = { folds = 1, valid = 0.3, test = 0.3 }
    endpoints = [{ name = "carbons", title = "Carbon atoms", file = "table.csv" }]
"#;

const WITH_WIDE_INPUTS: &str = r#"
    baseline = false
    gaussian_process = false
    augment = false
    standard_form = "constitution"
    balance = 0.5
    split = { kind = "scaffold-hash", folds = 1, valid = 0.2, test = 0.2 }
    wide = { buckets = 64, widths = [32, 16] }

    [[endpoints]]
    name = "count"
    title = "Carbon atoms"
    unit = "atoms"
    group = "made up"
    transform = "log10"
    sources = [
        { file = "table.csv", label_column = "label" },
        { file = "logs.csv", label_column = "log", log10 = true, factor = 2.0 },
    ]

    [[endpoints]]
    name = "hidden"
    title = "Beside it"
    auxiliary = true
    file = "table.csv"
"#;

fn begin(
    config: &RunConfig,
    data: &Path,
    directory: &Path,
    device: &Device,
    stops: bool,
) -> Result<(), TrainingError> {
    let on_event = |event| match event {
        Event::Step(_) if stops => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    pollster::block_on(run(config, data, directory, device, on_event)).map(|_| ())
}

/// The values of the first endpoint.
fn score(scorer: &Scorer, smiles: &[&str]) -> Vec<f32> {
    let molecules: Vec<Structure> = smiles.iter().map(|&s| Structure::from(s)).collect();
    let options = PredictOptions::default();
    let outcomes = pollster::block_on(scorer.predict(&molecules, options, without_interruption));
    let rows = outcomes.rows.into_iter();
    rows.map(|row| row.expect("done").expect("scored")[0].value)
        .collect()
}

#[test]
fn a_head_with_wide_inputs_learns_logarithms_of_constitutions() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path();
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let rows: Vec<String> = (1..=9)
        .flat_map(|length| {
            let chain = "C".repeat(length);
            ["O", "N", "F", "Cl", "C#N"].map(|tail| format!("{chain}{tail},{length}\n"))
        })
        .collect();
    fs::write(
        data.join("table.csv"),
        format!("smiles,label\n{}", rows.concat()),
    )
    .expect("table");
    // CO is in both, and the first counts.
    let logs = "smiles,log\nC1CC1,0.1\nCO,3\n";
    fs::write(data.join("logs.csv"), logs).expect("written");
    let config = RunConfig::from_toml(&format!("{SETTINGS}\n{WITH_WIDE_INPUTS}")).expect("valid");
    let run = data.join("run");
    begin(&config, data, &run, &device, false).expect("trained");
    let examples = fs::read_to_string(run.join(EXAMPLES)).expect("stored");
    let label = |smiles: &str| -> f64 {
        let start = format!("{smiles},");
        let row = examples.lines().find(|line| line.starts_with(&start));
        let cell = row.and_then(|row| row.split(',').nth(1)).expect(smiles);
        cell.parse().expect("a number")
    };
    assert!(label("CO").abs() < 1e-6, "the first source counts");
    assert!((label("C1CC1") - (0.1 + 2f64.log10())).abs() < 1e-6);

    let files = ModelFiles::read(&run.join(MODEL)).expect("a model");
    let scorer = Scorer::load(&files, device).expect("loaded");
    let names: Vec<&str> = scorer.endpoints().iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["count"]);
    let scored = |smiles: &[&str]| score(&scorer, smiles);
    let values = scored(&["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC(N)C(=O)O", "CCCC"]);
    assert!(
        values.iter().all(|value| *value > 0.0 && value.is_finite()),
        "{values:?}"
    );
    assert_eq!((values[0], values[1]), (values[2], values[2]));
    assert_ne!(values[0], values[3]);
    // Labels are in the unit, metrics of logarithms; what has none is left out.
    let molecules = ["CCCC", "CCCCO", "CCO"].map(Structure::from);
    let options = PredictOptions::default();
    let labels = [values[3] * 10.0, scored(&["CCCCO"])[0], -1.0];
    let evaluated = evaluate_table(&scorer, "count", &molecules, &labels, options);
    let evaluated = pollster::block_on(evaluated)
        .expect("evaluated")
        .expect("known");
    assert_eq!(evaluated.unit, "log10 atoms");
    assert_eq!(evaluated.splits[0].molecules, 2);
    let rmse = evaluated.splits[0].model["rmse"].expect("two labels").value;
    assert!((rmse - 0.5f64.sqrt()).abs() < 1e-4, "{rmse}");
    let explained = scorer.explain(&molecules[1], options);
    let explained = pollster::block_on(explained).expect("explained");
    assert_eq!(explained.units, ["log10 atoms"]);
    // Without the heads of pre-training the model predicts what it did, as ONNX too.
    let (config, model) = files.build(scorer.device()).expect("a model");
    let (config, model) = export::inference_only(config, model);
    let exported = Scorer::new(config.clone(), model.clone(), scorer.device().clone());
    assert_eq!(score(&exported, &["CCCC"])[0], values[3]);
    let graph = pollster::block_on(export::onnx(&config, &model)).expect("a graph");
    for name in [&b"wide"[..], b"wide_head.input", b"logarithms"] {
        assert!(graph.windows(name.len()).any(|at| at == name), "{name:?}");
    }
    // What the head reads beside the tokens counts.
    let mut other = serde_json::from_slice::<serde_json::Value>(&files.config).expect("JSON");
    assert_eq!(other["standard_form"], "constitution");
    assert_eq!(other["endpoints"][0]["transform"], "log10");
    other["wide"]["means"][0] = 5.0.into();
    // What is changed on purpose, has its digest anew.
    let changed = ModelFiles {
        config: with_digest(other.to_string().as_bytes())
            .expect("JSON")
            .into(),
        ..files
    };
    let changed = Scorer::load(&changed, scorer.device().clone()).expect("loaded");
    assert_ne!(score(&changed, &["CCCC"])[0], values[3]);

    // A frozen encoder stays as it was, to the bit, while the head learns.
    let frozen = format!(
        "start = {:?}\nfreeze_encoder = true\n{WITH_WIDE_INPUTS}",
        run.join(MODEL)
    );
    let frozen = RunConfig::from_toml(&format!("{SETTINGS}\n{frozen}")).expect("valid");
    let second = data.join("second");
    begin(&frozen, data, &second, scorer.device(), false).expect("trained");
    let weights = |run: &Path| -> BTreeMap<String, Vec<u8>> {
        let bytes = fs::read(run.join(MODEL).join("model.safetensors")).expect("read");
        let file = SafeTensors::deserialize(&bytes).expect("a file");
        file.iter()
            .map(|(name, tensor)| (name.to_owned(), tensor.data().to_owned()))
            .collect()
    };
    let (before, after) = (weights(&run), weights(&second));
    let is_of_head = |name: &str| name.starts_with("wide_head.");
    for (name, values) in &before {
        assert_eq!(values == &after[name], !is_of_head(name), "{name}");
    }
}

#[test]
fn what_another_model_predicts_is_learnt_beside_the_labels() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path();
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let rows: Vec<String> = (1..=9)
        .flat_map(|length| {
            let chain = "C".repeat(length);
            ["O", "N", "F", "Cl", "C#N"].map(|tail| format!("{chain}{tail},{length}\n"))
        })
        .collect();
    fs::write(
        data.join("table.csv"),
        format!("smiles,label\n{}", rows.concat()),
    )
    .expect("table");
    fs::write(data.join("logs.csv"), "smiles,log\nC1CC1,0.1\n").expect("written");
    // Bromides and thiols were not measured; the last rows have faults.
    let unmeasured: Vec<String> = (1..=9)
        .flat_map(|length| {
            let chain = "C".repeat(length);
            ["Br", "S"].map(|tail| format!("{chain}{tail},100,1\n"))
        })
        .collect();
    let predicted = format!(
        "smiles,count,hidden\nOCC,100,2\n{}CCBr,5,5\nCI,-1,0.5\nnonsense,1,1\n",
        unmeasured.concat()
    );
    fs::write(data.join("predicted.csv"), predicted).expect("written");
    let config = |more: &str| {
        let text = format!("{SETTINGS}\n{more}\n{WITH_WIDE_INPUTS}").replace(
            "epochs = 1\n",
            "epochs = 30\n    optimizer = { learning_rate = 3e-3, warmup = 0.1 }\n",
        );
        RunConfig::from_toml(&text).expect(&text)
    };
    let mut notes = Vec::new();
    let plain = data.join("plain");
    begin(&config(""), data, &plain, &device, false).expect("trained");
    let taught = data.join("taught");
    let more = "kept_molecules = 12\n\
        pseudo_labels = { file = \"predicted.csv\", weight = 1.0, worth = 10 }";
    let on_event = |event| {
        if let Event::Note(note) = event {
            notes.push(note);
        }
        ControlFlow::Continue(())
    };
    let trained = pollster::block_on(super::run(&config(more), data, &taught, &device, on_event));
    let Ok(Trained::Finetuned(trained)) = trained else {
        panic!("not trained");
    };
    let repeated = "predicted.csv: 1 rows are of a molecule that an earlier row is of";
    assert!(
        notes.iter().any(|note| note.starts_with(repeated)),
        "{notes:?}"
    );
    let left_out: Vec<(u64, &str)> = trained
        .left_out
        .iter()
        .map(|one| (one.line, one.column.as_deref().unwrap_or("the molecule")))
        .collect();
    assert_eq!(left_out, [(22, "count"), (23, "the molecule")]);

    // Labels stay what was measured, and what was not takes no part in the evaluation
    // or in the domain.
    let examples = fs::read_to_string(taught.join(EXAMPLES)).expect("stored");
    let row = |smiles: &str| examples.lines().find(|line| line.starts_with(smiles));
    assert_eq!(row("CCO,"), Some("CCO,0.30103,2"));
    assert_eq!(row("CCBr,"), Some("CCBr,,"));
    let evaluated = |run: &Path| fs::read_to_string(run.join("predictions.csv")).expect("stored");
    let molecules = |run: &Path| -> Vec<String> {
        let table = evaluated(run);
        let rows = table.lines().skip(1);
        let mut all: Vec<String> = rows
            .filter_map(|row| row.split(',').find(|cell| cell.starts_with('C')))
            .map(str::to_owned)
            .collect();
        all.sort();
        all
    };
    assert!(!molecules(&plain).is_empty());
    assert_eq!(molecules(&taught), molecules(&plain));
    let domain = ModelFiles::read(&taught.join(MODEL)).expect("a model");
    let known = domain.domain.as_deref().expect("a domain");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(known), &mut text)
        .expect("gzip");
    assert!(text.contains("CCCCCC") && !text.contains("Br"), "{text}");
    // So many of an endpoint are kept, with what was measured in its unit.
    let kept: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let kept = kept["molecules"].as_array().expect("molecules");
    assert!((12..=13).contains(&kept.len()), "{}", kept.len());
    for molecule in kept.iter().filter(|one| one["smiles"] != "C1CC1") {
        let smiles = molecule["smiles"].as_str().expect("text");
        let carbons = smiles.matches('C').count() - usize::from(smiles.contains("Cl"));
        let carbons = carbons - usize::from(smiles.contains("C#N") || smiles.contains("N#C"));
        assert_eq!(molecule["measured"][0], carbons as f64, "{smiles}");
    }

    // A bromide is 100 for the model that was told so.
    let of = |run: &Path| {
        let files = ModelFiles::read(&run.join(MODEL)).expect("a model");
        let scorer = Scorer::load(&files, device.clone()).expect("loaded");
        score(&scorer, &["CCCBr"])[0]
    };
    let (before, after) = (of(&plain), of(&taught));
    assert!(after > 3.0 * before, "{before} {after}");
}

#[test]
fn a_run_of_every_kind_is_resumed_to_the_same_weights() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path();
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let molecules: Vec<String> = (1..=9)
        .flat_map(|length| ["O", "N", "F", "Cl", "C#N"].map(|tail| "C".repeat(length) + tail))
        .collect();
    fs::write(data.join("corpus.smi"), molecules.join("\n")).expect("written");
    let rows = molecules.iter().map(|smiles| {
        let carbons = smiles.matches('C').count();
        format!("{smiles},{carbons}\n")
    });
    let table = format!("smiles,label\n{}", rows.collect::<String>());
    fs::write(data.join("table.csv"), table).expect("written");
    let on_corpus = format!("train = [{:?}]", data.join("corpus.smi"));
    let of = |run: &str| data.join(run).join(MODEL);
    let read = |of_kind: &str, start: &str, teacher: &str| {
        let mut text = SETTINGS.replace("dropout = 0.0", "dropout = 0.1");
        if !start.is_empty() {
            text += &format!("start = {:?}\n", of(start));
        }
        if !teacher.is_empty() {
            text += &format!("distillation = {{ teacher = {:?} }}\n", of(teacher));
        }
        text += of_kind;
        RunConfig::from_toml(&text).expect(&text)
    };
    let frozen = format!("freeze_encoder = true\n{WITH_WIDE_INPUTS}");
    // Models to start from whose every head fits.
    fs::write(data.join("logs.csv"), "smiles,log\nC1CC1,0.1\nCO,3\n").expect("written");
    for (run, of_kind) in [
        ("corpus", on_corpus.as_str()),
        ("tables", ON_TABLES),
        ("wide", WITH_WIDE_INPUTS),
    ] {
        let config = read(of_kind, "", "");
        begin(&config, data, &data.join(run), &device, false).expect(run);
    }
    let predicted = "smiles,count,hidden\nCCO,2.5,2\nCC(C)C(C)N,5,5\nC1CCCC1O,,4.5\n";
    fs::write(data.join("predicted.csv"), predicted).expect("written");
    let taught = format!("pseudo_labels = {{ file = \"predicted.csv\", weight = 0.2 }}\n{frozen}");
    for (run, of_kind, start, teacher) in [
        ("pretrain", on_corpus.as_str(), "corpus", ""),
        ("distill", &on_corpus, "corpus", "corpus"),
        ("finetune", ON_TABLES, "tables", ""),
        ("distill", ON_TABLES, "tables", "tables"),
        ("finetune", &frozen, "wide", ""),
        ("finetune", &taught, "wide", ""),
    ] {
        let config = read(of_kind, start, teacher);
        assert_eq!(config.command(), run);
        let run = format!("{run}-{start}-{}", of_kind.len());
        let run = run.as_str();
        let is_of_tables = start != "corpus";
        let whole = data.join(run);
        let stopped = data.join(format!("{run}-stopped"));
        // Beside each other: neither changes what the other draws.
        let stop = std::thread::scope(|scope| {
            let beside = scope.spawn(|| begin(&config, data, &whole, &device, false));
            let stop = begin(&config, data, &stopped, &device, true);
            beside.join().expect("no panic").expect(run);
            stop
        });
        assert!(
            matches!(stop, Err(TrainingError::Stop(Stop::Cancelled))),
            "{run}: {:?}",
            stop.err()
        );
        assert!(!stopped.join(MODEL).exists(), "{run}");

        let mut notes = Vec::new();
        let mut resumed = || {
            let on_event = |event| {
                notes.extend(match event {
                    Event::Note(note) => Some(note),
                    _ => None,
                });
                ControlFlow::Continue(())
            };
            pollster::block_on(resume(&stopped, &device, on_event)).expect(run)
        };
        let of_tables = |trained| matches!(trained, Trained::Finetuned(_));
        assert_eq!(of_tables(resumed()), is_of_tables, "{run}");
        let weights = |run: &Path| fs::read(run.join(MODEL).join("model.safetensors"));
        let (expected, found) = (weights(&whole), weights(&stopped));
        assert!(
            expected.expect("a model") == found.expect("a model"),
            "{run}"
        );

        // Once more, and there is nothing left to do.
        assert_eq!(of_tables(resumed()), is_of_tables, "{run}");
        let last = notes.last().map(String::as_str);
        let expected = "this run has already finished; nothing to resume";
        assert_eq!(last, Some(expected), "{run}");
    }
}

#[test]
fn a_model_that_changed_since_the_run_began_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path();
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let molecules: Vec<String> = (1..=9)
        .flat_map(|length| ["O", "N", "F", "Cl", "C#N"].map(|tail| "C".repeat(length) + tail))
        .collect();
    let rows = molecules.iter().map(|smiles| {
        let carbons = smiles.matches('C').count();
        format!("{smiles},{carbons}\n")
    });
    let table = format!("smiles,label\n{}", rows.collect::<String>());
    fs::write(data.join("table.csv"), table).expect("written");
    let read = |more: &str| {
        let text = format!("{SETTINGS}\n{more}\n{ON_TABLES}\n");
        RunConfig::from_toml(&text).expect(&text)
    };
    let model = data.join("first").join(MODEL);
    begin(&read(""), data, &data.join("first"), &device, false).expect("trained");
    let config = fs::read_to_string(model.join("config.json")).expect("there");
    // Two folds: the model to start from is read once more when the second begins.
    for (run, more) in [
        (
            "taught",
            format!("distillation = {{ teacher = {model:?} }}"),
        ),
        ("started", format!("start = {model:?}")),
    ] {
        let mut config_of_run = read(&more);
        if let RunConfig::Finetune(config) = &mut config_of_run {
            config.split.folds = 2;
        }
        let run = data.join(run);
        begin(&config_of_run, data, &run, &device, true).expect_err("stopped");
        let changed = config.replacen("\"resumed\"", "\"another\"", 1);
        assert_ne!(changed, config);
        fs::write(model.join("config.json"), changed).expect("written");
        let goes_on = |_| ControlFlow::Continue(());
        let refused = pollster::block_on(resume(&run, &device, goes_on)).expect_err("refused");
        assert!(
            matches!(&refused, TrainingError::ModelChanged { path, .. } if *path == model),
            "{refused}"
        );
        fs::write(model.join("config.json"), &config).expect("written");
        pollster::block_on(resume(&run, &device, goes_on)).expect("the same model");
    }
}

#[test]
fn stored_data_that_changed_since_the_run_began_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path();
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let rows = (1..=8).flat_map(|length| {
        ["O", "N", "F", "Cl"].map(|tail| format!("{}{tail},{length}\n", "C".repeat(length)))
    });
    let table = format!("smiles,label\n{}", rows.collect::<String>());
    fs::write(data.join("table.csv"), table).expect("written");
    let config = RunConfig::from_toml(&format!("{SETTINGS}\n{ON_TABLES}\n")).expect("valid");
    let run = data.join("run");
    begin(&config, data, &run, &device, true).expect_err("stopped");
    let resumed = || {
        let goes_on = |_| ControlFlow::Continue(());
        pollster::block_on(resume(&run, &device, goes_on)).map(|_| ())
    };
    let evaluated = || {
        let options = PredictOptions::default();
        pollster::block_on(evaluate_run(&run, &device, options, false)).map(|_| ())
    };
    let unfinished = evaluated().expect_err("no model").to_string();
    assert!(
        unfinished.contains("is not finished: resume it with `delicate resume"),
        "{unfinished}"
    );
    let refused = |go_on: &dyn Fn() -> Result<(), TrainingError>| {
        for (name, from, to) in [(EXAMPLES, "CCO", "CCS"), (SPLITS, "0", "1")] {
            let path = run.join(name);
            let before = fs::read_to_string(&path).expect("there");
            let after = before.replacen(from, to, 1);
            assert_ne!(after, before, "{name}");
            fs::write(&path, &after).expect("written");
            let error = go_on().expect_err("refused");
            fs::write(&path, &before).expect("written");
            let said = error.to_string();
            assert!(
                said.contains(name) && said.contains("has changed"),
                "{said}"
            );
            for text in [&before, &after] {
                let digest = hexadecimal(&Sha256::digest(text));
                assert!(said.contains(&digest), "{said}");
            }
        }
    };
    refused(&resumed);
    // Runs of before recorded no digests.
    let recorded = fs::read(run.join(RUN)).expect("there");
    let mut info: RunInfo = serde_json::from_slice(&recorded).expect("JSON");
    assert_eq!(info.stored.len(), 2);
    info.stored.clear();
    let old = serde_json::to_vec(&info).expect("JSON");
    assert!(!String::from_utf8_lossy(&old).contains("stored"));
    fs::write(run.join(RUN), old).expect("written");
    resumed().expect("the same data");
    evaluated().expect("the same data");
    fs::write(run.join(RUN), recorded).expect("written");
    refused(&evaluated);
    evaluated().expect("the same data");
}

#[test]
fn a_run_that_was_begun_in_another_standard_form_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path();
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let chains = (1..=8).flat_map(|length| {
        ["O", "N", "F", "Cl"].map(|tail| format!("{}{tail},{length}\n", "C".repeat(length)))
    });
    let chains: String = chains.collect();
    fs::write(data.join("table.csv"), format!("smiles,label\n{chains}")).expect("written");
    let smiles: String = chains.replace(',', "\t");
    fs::write(data.join("corpus.smi"), smiles).expect("written");
    let on_corpus = format!("train = [{:?}]", data.join("corpus.smi"));
    for (name, of_kind) in [("tables", ON_TABLES), ("corpus", on_corpus.as_str())] {
        let config = RunConfig::from_toml(&format!("{SETTINGS}\n{of_kind}\n")).expect("valid");
        let run = data.join(name);
        begin(&config, data, &run, &device, true).expect_err("stopped");
        let resumed = || {
            let goes_on = |_| ControlFlow::Continue(());
            pollster::block_on(resume(&run, &device, goes_on)).map(|_| ())
        };
        let recorded = fs::read_to_string(run.join(RUN)).expect("there");
        let named = "\n  \"standard_form\": \"parent\",";
        assert!(recorded.contains(named), "{recorded}");
        // Versions of before named no form.
        fs::write(run.join(RUN), recorded.replacen(named, "", 1)).expect("written");
        let error = resumed().expect_err("refused");
        let said = error.to_string();
        for part in [
            run.to_string_lossy().as_ref(),
            "begun by version 0.1.0 on molecules in the standard form `largest-part`",
            "this version trains on those in the form `parent`",
            "finish it with the version that began it, or begin another run",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert!(!run.join(MODEL).exists(), "{name}");
        fs::write(run.join(RUN), &recorded).expect("written");
        resumed().expect("today's form");
        // What is finished is left as it is, and evaluated in its own form.
        fs::write(run.join(RUN), recorded.replacen(named, "", 1)).expect("written");
        resumed().expect("nothing to do");
        if name == "tables" {
            let options = PredictOptions::default();
            let evaluated = pollster::block_on(evaluate_run(&run, &device, options, false));
            evaluated.expect("it has a model");
            // Calibrated anew by the same version it is what it was.
            fs::write(run.join(RUN), &recorded).expect("written");
            let files = || {
                ["config.json", "domain.json.gz", "README.md"]
                    .map(|name| fs::read(run.join(MODEL).join(name)).expect("there"))
            };
            let before = files();
            pollster::block_on(calibrate_run(&run, &device)).expect("a finished run");
            assert!(before == files());
        }
    }
}

#[test]
fn a_directory_without_a_run_is_named() {
    let folder = tempfile::tempdir().expect("a directory");
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let goes_on = |_| ControlFlow::Continue(());
    let error = pollster::block_on(resume(folder.path(), &device, goes_on)).expect_err("no run");
    assert!(
        error.to_string().contains("is not a run directory"),
        "{error}"
    );
}
