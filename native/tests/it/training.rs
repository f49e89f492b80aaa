//! Training as its users run it: from a corpus to scores, and through kills.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

pub(super) fn delicate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_delicate"));
    command
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .args(arguments);
    command
}

/// With the signals that end a command heeded, whatever started the tests had them ignored, as
/// `nohup` does.
pub(super) fn with_signals(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // SAFETY: `signal` may be called between fork and exec, and the default needs no handler.
        unsafe {
            command.pre_exec(|| {
                for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                    libc::signal(number, libc::SIG_DFL);
                }
                Ok(())
            });
        }
    }
    command
}

#[cfg(unix)]
pub(super) fn signal(child: &std::process::Child, number: i32) {
    let id = child.id().try_into().expect("a number of a process");
    // SAFETY: it takes numbers alone, and the child was not waited for: it is still its own.
    assert_eq!(unsafe { libc::kill(id, number) }, 0);
}

fn run(arguments: &[&str]) -> Output {
    delicate(arguments).output().expect("the command runs")
}

pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs what must succeed; its output.
pub(super) fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{arguments:?}: {}",
        stderr(&output)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Molecules of our own making: chains and rings with what hangs on them.
fn molecules() -> Vec<String> {
    let cores = [
        "c1ccccc1", "C1CCCCC1", "c1ccncc1", "CCCC", "CC(C)C", "C1CCNCC1", "CC=CC", "c1ccsc1",
    ];
    let tails = [
        "O", "N", "F", "Cl", "C(=O)O", "OC", "C#N", "CCO", "C(F)(F)F", "Br",
    ];
    let mut all = Vec::new();
    for core in cores {
        for tail in tails {
            for length in 0..4 {
                // A chain that begins with the tail as a branch.
                all.push(format!("C({tail}){}{core}", "C".repeat(length)));
            }
        }
    }
    all
}

pub(super) struct Place(tempfile::TempDir);

impl Place {
    pub(super) fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        let all = molecules();
        let mut corpus = GzEncoder::new(
            std::fs::File::create(place.join("corpus.smi.gz")).expect("created"),
            Compression::fast(),
        );
        corpus
            .write_all((all.join("\n") + "\nbroken(\n").as_bytes())
            .expect("written");
        corpus.finish().expect("written");
        std::fs::write(place.join("valid.smi"), all[..20].join("\n")).expect("written");
        let rows: String = all
            .iter()
            .map(|smiles| {
                format!(
                    "{smiles},{},{}\n",
                    smiles.len(),
                    i32::from(smiles.contains('N'))
                )
            })
            .collect();
        std::fs::write(
            place.join("table.csv"),
            format!("smiles,length,nitrogen\n{rows}CCO,,\nbroken,1,1\n"),
        )
        .expect("written");
        std::fs::write(
            place.join("finetune.toml"),
            "name = \"chains\"\nlicense = \"MIT\"\npreset = \"delicate-small\"\nepochs = 2\n\
             [optimizer]\nlearning_rate = 1e-4\n[batch]\nmolecules = 16\n\
             [split]\nfolds = 1\nvalid = 0.1\ntest = 0.2\n\
             [[endpoints]]\nname = \"length\"\ntitle = \"Length\"\nunit = \"characters\"\n\
             description = \"made up\"\nfile = \"table.csv\"\nlabel_column = \"length\"\n\
             [[endpoints]]\nname = \"nitrogen\"\ntitle = \"Nitrogen\"\n\
             description = \"made up\"\nfile = \"table.csv\"\nlabel_column = \"nitrogen\"\n\
             task = \"classification\"\n",
        )
        .expect("written");
        place
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.join(name).display().to_string()
    }

    /// Pre-training of DeLiCaTe on the first part of the corpus.
    pub(super) fn pretraining<'a>(&'a self, paths: &'a [String; 3]) -> Vec<&'a str> {
        vec![
            "pretrain",
            "delicate-small",
            "--train",
            &paths[0],
            "--valid",
            &paths[1],
            "-o",
            &paths[2],
            "--epochs",
            "1",
            "--batch-molecules",
            "16",
            "--set",
            "validate_every=5",
            "--set",
            "checkpoint_every=4",
            "--set",
            "hidden_dropout=0.1",
        ]
    }

    pub(super) fn paths(&self, output: &str) -> [String; 3] {
        ["corpus.smi.gz", "valid.smi", output].map(|name| self.text(name))
    }
}

pub(super) fn weights(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("model/model.safetensors")).expect("the run wrote a model")
}

fn metrics(run: &Path) -> Vec<serde_json::Value> {
    std::fs::read_to_string(run.join("metrics.jsonl"))
        .expect("written")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_corpus_becomes_scores_through_every_command() {
    let place = Place::new();
    let (teacher, student) = (place.text("teacher"), place.text("student"));
    let paths = place.paths("teacher");
    let mut arguments = place.pretraining(&paths);
    arguments[1] = "ps-molbert-small";
    let printed = done(&arguments);
    for loss in ["loss", "masked_lm", "physchem"] {
        assert!(printed.contains(loss), "{printed}");
    }
    let lines = metrics(&place.join("teacher"));
    let first = lines
        .iter()
        .find(|line| line["split"] == "train")
        .expect("a line");
    assert!(first["masked_lm"].is_f64() && first["gradient_norm"].is_f64());

    let mut arguments = place.pretraining(&paths);
    (arguments[0], arguments[7]) = ("distill", &student);
    arguments.extend(["--teacher", &teacher]);
    done(&arguments);
    let lines = metrics(&place.join("student"));
    assert!(
        lines
            .iter()
            .any(|line| line["hidden"].is_f64() && line["soft"].is_f64())
    );

    let (config, fine) = (place.text("finetune.toml"), place.text("fine"));
    let data = place.0.path().display().to_string();
    let table = done(&[
        "finetune", &config, "--data", &data, "--start", &student, "-o", &fine,
    ]);
    assert!(
        table.contains("rmse (characters)") && table.contains("roc_auc"),
        "{table}"
    );
    for file in [
        "config.toml",
        "run.json",
        "splits.json",
        "examples.csv",
        "predictions.csv",
        "evaluation.json",
        "report.html",
        "model/README.md",
    ] {
        assert!(place.join("fine").join(file).is_file(), "{file} is absent");
    }
    // The length follows from the environments: a Gaussian process finds it, and
    // a network of two epochs does not.
    let evaluation = std::fs::read(place.join("fine/evaluation.json")).expect("written");
    let evaluation: serde_json::Value = serde_json::from_slice(&evaluation).expect("JSON");
    let splits = evaluation["endpoints"][0]["splits"].as_array();
    let test = splits.and_then(|all| all.iter().find(|split| split["split"] == "test"));
    let error = |of: &str| {
        let value = &test.expect("a test")[of]["rmse"]["value"];
        value
            .as_f64()
            .unwrap_or_else(|| panic!("no {of} in {test:?}"))
    };
    assert!(error("process") < 0.5 * error("network"), "{test:?}");
    assert!(error("model") < 0.5 * error("network"), "{test:?}");
    let alone = place.text("alone");
    let without = done(&[
        "finetune",
        &config,
        "--data",
        &data,
        "--set",
        "gaussian_process=false",
        "--set",
        "baseline=false",
        "-o",
        &alone,
    ]);
    assert!(table.contains("| Gaussian process |") && !without.contains("| Gaussian process |"));
    let evaluation = std::fs::read_to_string(place.join("alone/evaluation.json"));
    let evaluation = evaluation.expect("written");
    assert!(evaluation.contains("\"baseline\": null") && !evaluation.contains("\"baseline\": {"));
    // From the run directory alone.
    std::fs::remove_file(place.join("table.csv")).expect("removed");
    let predictions = std::fs::read(place.join("fine/predictions.csv")).expect("written");
    assert_eq!(done(&["evaluate", &fine]), table);
    let again = std::fs::read(place.join("fine/predictions.csv")).expect("written");
    assert!(predictions == again, "the predictions are the same");

    let smi = place.join("some.smi");
    std::fs::write(&smi, "CCCCCO\nnonsense\n").expect("written");
    let (smi, model) = (smi.display().to_string(), place.text("fine/model"));
    let scored = done(&["score", &smi, "--model", &model, "--format", "jsonl", "-q"]);
    let row: serde_json::Value =
        serde_json::from_str(scored.lines().next().expect("a row")).expect("JSON");
    assert_eq!(row["scores"]["length"]["unit"], "characters");
    let probability = row["scores"]["nitrogen"]["value"]
        .as_f64()
        .expect("a number");
    assert!((0.0..=1.0).contains(&probability));

    // A pre-trained model has no endpoints, and says so.
    let model = place.text("student/model");
    let output = run(&["score", &smi, "--model", &model]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("fine-tune it first"),
        "{}",
        stderr(&output)
    );
}

/// Waits until `condition` holds; the child is killed where it never does.
pub(super) fn wait(child: &mut std::process::Child, what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            child.try_wait().expect("it can be asked").is_none(),
            "ended before {what}"
        );
        if started.elapsed() > Duration::from_secs(240) {
            let _ = child.kill();
            panic!("{what} never came");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(super) fn has_checkpoint(run: &Path) -> bool {
    let names = std::fs::read_dir(run.join("checkpoints"))
        .into_iter()
        .flatten()
        .flatten();
    names
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
}

#[test]
fn a_killed_pretraining_goes_on_to_the_same_weights() {
    let place = Place::new();
    let paths = place.paths("whole");
    done(&place.pretraining(&paths));

    let paths = place.paths("killed");
    let mut child = delicate(&place.pretraining(&paths))
        .stderr(Stdio::null())
        .spawn()
        .expect("the command runs");
    wait(&mut child, "a checkpoint", || {
        has_checkpoint(&place.join("killed"))
    });
    // SIGKILL: nothing of ours runs after it.
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(!place.join("killed/model").exists());

    done(&["resume", &paths[2]]);
    assert!(
        weights(&place.join("whole")) == weights(&place.join("killed")),
        "to the bit"
    );
    let steps = |run: &str| -> Vec<u64> {
        let lines = metrics(&place.join(run));
        let valid = lines.iter().filter(|line| line["split"] == "valid");
        valid.filter_map(|line| line["step"].as_u64()).collect()
    };
    assert_eq!(
        steps("whole"),
        steps("killed"),
        "no line is missing or doubled"
    );
    assert!(!place.join("killed/checkpoints").exists());
    let sessions = || {
        let text = std::fs::read_to_string(place.join("killed/run.json")).expect("written");
        let info: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        info["resumed"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(sessions(), 1, "the run says that it went on");

    // A run that is finished is left as it is; this is how it was resumed once.
    let before = weights(&place.join("killed"));
    let output = run(&["pretrain", "--resume", "-o", &paths[2]]);
    assert_eq!(sessions(), 1);
    assert!(
        stderr(&output).contains("this run has already finished; nothing to resume"),
        "{}",
        stderr(&output)
    );
    assert!(weights(&place.join("killed")) == before);
}

#[test]
fn a_killed_fine_tuning_goes_on_to_the_same_weights() {
    let place = Place::new();
    let (config, data) = (
        place.text("finetune.toml"),
        place.0.path().display().to_string(),
    );
    let arguments = |output: &str| -> Vec<String> {
        [
            "finetune",
            &config,
            "--data",
            &data,
            "--folds",
            "2",
            "--set",
            "checkpoint_every=3",
            "--set",
            "augment=true",
            "-o",
            output,
        ]
        .map(str::to_owned)
        .into()
    };
    fn words(owned: &[String]) -> Vec<&str> {
        owned.iter().map(String::as_str).collect()
    }
    let whole = arguments(&place.text("whole"));
    done(&words(&whole));
    let killed = arguments(&place.text("killed"));
    let mut child = delicate(&words(&killed))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the command runs");
    // In the second fold, so that the first is not trained again.
    wait(&mut child, "the second fold", || {
        metrics_text(&place.join("killed")).contains("\"fold\":1")
    });
    child.kill().expect("killed");
    child.wait().expect("ended");
    // As an earlier version wrote it, which did not say what the run is.
    let config = place.join("killed/config.toml");
    let text = std::fs::read_to_string(&config).expect("written");
    let (kind, rest) = text.split_once('\n').expect("lines");
    assert_eq!(kind, "kind = \"finetune\"");
    std::fs::write(&config, rest).expect("written");
    done(&[
        "resume",
        &place.text("killed"),
        "--quiet",
        "--device",
        "cpu",
    ]);
    for file in [
        "folds/0/model/model.safetensors",
        "folds/1/model/model.safetensors",
        "predictions.csv",
    ] {
        let read = |run: &str| std::fs::read(place.join(run).join(file)).expect("written");
        assert!(read("whole") == read("killed"), "{file} differs");
    }
}

pub(super) fn metrics_text(run: &Path) -> String {
    std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default()
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_says_how_to_go_on() {
    let place = Place::new();
    let paths = place.paths("run");
    let mut arguments = place.pretraining(&paths);
    // Far apart, so that the interrupt's checkpoint is the only one.
    arguments.extend(["--set", "checkpoint_every=100000", "--set", "epochs=50.0"]);
    let mut child = with_signals(&mut delicate(&arguments))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    wait(&mut child, "a line of metrics", || {
        !metrics_text(&place.join("run")).is_empty()
    });
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let said = format!("delicate resume {}", paths[2]);
    assert!(stderr(&output).contains(&said), "{}", stderr(&output));
    assert!(has_checkpoint(&place.join("run")));
    // There is no model yet to score with.
    let scored = delicate(&["score", &paths[0], "--model", &paths[2]]).output();
    let scored = scored.expect("the command runs");
    assert_eq!(scored.status.code(), Some(2), "{}", stderr(&scored));
    let said = stderr(&scored);
    assert!(said.contains("a run that is not finished"), "{said}");
    assert!(
        said.contains(&format!("delicate resume {}", paths[2])),
        "{said}"
    );
}

#[test]
fn what_is_wrong_with_a_run_is_said_before_it() {
    let place = Place::new();
    let paths = place.paths("run");
    let refused = |extra: &[&str], code: i32, expected: &str| {
        let mut arguments = place.pretraining(&paths);
        arguments.extend(extra);
        let output = run(&arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{extra:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(expected),
            "{extra:?}: {}",
            stderr(&output)
        );
        assert!(!place.join("run").exists(), "{extra:?} made a directory");
    };
    refused(&["--set", "batch.molecules=0"], 1, "batch.molecules");
    refused(
        &["--set", "learning_rate=1"],
        2,
        "--set learning_rate=1: unknown field",
    );
    refused(&["--start", "absent"], 1, "absent");
    refused(&["--train", "absent.smi"], 1, "absent.smi");
    refused(&["--precision", "fp16"], 1, "shader-f16");
    let output = run(&["pretrain", "nothing-like-it", "-o", &paths[2]]);
    assert!(
        stderr(&output).contains("delicate-small"),
        "{}",
        stderr(&output)
    );
    // A configuration says what it is for.
    let (config, run_directory) = (place.text("finetune.toml"), &paths[2]);
    for (command, expected) in [
        ("pretrain", "this configuration is for `delicate finetune`"),
        ("distill", "no teacher"),
    ] {
        let output = run(&[command, &config, "-o", run_directory]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let output = run(&["resume", &paths[2]]);
    assert!(
        stderr(&output).contains("there is no such folder; a run directory"),
        "{}",
        stderr(&output)
    );
    // What is there already is never written over.
    std::fs::create_dir(place.join("run")).expect("made");
    std::fs::write(place.join("run/mine.txt"), "mine").expect("written");
    let output = run(&place.pretraining(&paths));
    assert!(stderr(&output).contains("not empty"), "{}", stderr(&output));
}

/// Sets every value of a tensor in a model's weights, and their checksum.
fn fill(file: &Path, tensor: &str, value: f32) {
    let sum = |bytes: &[u8]| -> String {
        let sum = Sha256::digest(bytes);
        sum.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut bytes = std::fs::read(file).expect("a file");
    let before = sum(&bytes);
    let (length, rest) = bytes.split_at_mut(8);
    let length = u64::from_le_bytes(length.try_into().expect("8 bytes")) as usize;
    let header: serde_json::Value = serde_json::from_slice(&rest[..length]).expect("a header");
    let offset = |end: usize| {
        let offset = header[tensor]["data_offsets"][end].as_u64();
        length + offset.expect("the tensor is there") as usize
    };
    for place in rest[offset(0)..offset(1)].chunks_exact_mut(4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    let config = file.with_file_name("config.json");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    assert!(text.contains(&before), "{text}");
    let text = text.replace(&before, &sum(&bytes));
    let text = delicate::model_dir::with_digest(text.as_bytes()).expect("JSON");
    std::fs::write(config, text).expect("written");
    std::fs::write(file, bytes).expect("written");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_names_the_batch() {
    let place = Place::new();
    let paths = place.paths("first");
    let mut arguments = place.pretraining(&paths);
    arguments.extend(["--set", "epochs=0.1"]);
    done(&arguments);
    // Finite weights whose outputs are not.
    let weights = place.join("first/model/model.safetensors");
    fill(&weights, "physchem_head.physchem_clf.3.weight", 1e38);
    let paths = place.paths("second");
    let first = place.text("first");
    let mut arguments = place.pretraining(&paths);
    arguments.extend(["--start", &first]);
    let output = run(&arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("at step 1 (epoch 1, chunk 0, batch 0"),
        "{said}"
    );
    assert!(!place.join("second/model").exists());
}
