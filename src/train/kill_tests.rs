//! A run that is killed between any two writes at its end is resumed to the same
//! bytes.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::run_dir::{self, Run, RunInfo};
use super::{Event, FinetuneConfig, TrainingError, finetune, resume as resume_run};
use crate::atomic;
use crate::device::{Device, DeviceChoice};
use crate::predict::Stop;

/// What a finished run depends on, beyond the logs of how it went.
const RESULTS: [&str; 7] = [
    "evaluation.json",
    "predictions.csv",
    "model/config.json",
    "model/model.safetensors",
    "model/domain.json.gz",
    "model/README.md",
    "folds/0/model/domain.json.gz",
];

/// Without dropout, and from a model that fits: tests beside this one draw from
/// the device's random numbers too, so this one must not.
fn config(start: Option<&Path>) -> FinetuneConfig {
    let mut config: FinetuneConfig = toml::from_str(
        r#"
        name = "killed"
        license = "MIT"
        preset = "delicate-small"
        epochs = 1
        hidden_dropout = 0.0
        attention_dropout = 0.0
        baseline = false
        split = { folds = 1, valid = 0.3, test = 0.3 }
        batch = { molecules = 64 }
        endpoints = [{ name = "carbons", title = "Carbon atoms", file = "table.csv" }]
        "#,
    )
    .expect("a configuration");
    config.common.start = start.map(Path::to_owned);
    config
}

fn table() -> String {
    let tails = ["O", "N", "F", "Cl", "C#N", "C(=O)O", "OC", "S"];
    let rows = (1..=12).flat_map(|length| {
        let chain = "C".repeat(length);
        tails.map(|tail| format!("{chain}{tail},{}\n", length as f32 * 0.5))
    });
    format!("smiles,label\n{}", rows.collect::<String>())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("listed").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

fn results(run: &Path) -> Vec<Vec<u8>> {
    let read = |file: &str| fs::read(run.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    RESULTS.iter().map(|file| read(file)).collect()
}

fn resume(run: &Path, device: &Device) -> Result<(), TrainingError> {
    let goes_on = |_| ControlFlow::Continue(());
    pollster::block_on(resume_run(run, device, goes_on)).map(|_| ())
}

#[test]
fn a_run_killed_between_any_two_writes_at_its_end_is_resumed_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("table.csv"), table()).expect("written");
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let start = |from: Option<&Path>, run: &Path, stops: bool| {
        let on_event = |event| match event {
            Event::Checkpoint(_) if stops => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        pollster::block_on(finetune(
            &config(from),
            folder.path(),
            run,
            &device,
            on_event,
        ))
    };
    let first = folder.path().join("first");
    start(None, &first, false).expect("trained");
    let whole = folder.path().join("whole");
    start(Some(&first), &whole, false).expect("trained");
    let expected = results(&whole);

    // Its one checkpoint is that after the last step: what is left is no training.
    let trained = folder.path().join("trained");
    let stopped = start(Some(&first), &trained, true);
    assert!(
        matches!(stopped, Err(TrainingError::Stop(Stop::Cancelled))),
        "{:?}",
        stopped.err()
    );
    assert!(!trained.join(run_dir::MODEL).exists());

    let mut killed = 0;
    loop {
        let run = folder.path().join(format!("killed-{killed}"));
        copy(&trained, &run);
        atomic::kill_after(Some(killed));
        let outcome = resume(&run, &device);
        atomic::kill_after(None);
        let finished = run.join(run_dir::MODEL).exists();
        if finished {
            // It counts as finished, and so must be whole already.
            assert_eq!(results(&run), expected, "killed after {killed} steps");
        }
        if outcome.is_ok() {
            break;
        }
        resume(&run, &device).unwrap_or_else(|error| panic!("after {killed} steps: {error}"));
        assert_eq!(results(&run), expected, "killed after {killed} steps");
        let left: Vec<_> = fs::read_dir(&run)
            .expect("listed")
            .map(|entry| entry.expect("listed").file_name())
            .filter(|name| name.to_string_lossy().starts_with('.'))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        fs::remove_dir_all(&run).expect("removed");
        killed += 1;
    }
    assert!(killed > 20, "only {killed} steps were killed at");
}

#[test]
fn a_run_killed_between_any_two_writes_at_its_beginning_is_begun_again_or_resumed() {
    let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
    let info = RunInfo::new("finetune", &device, Vec::new());
    let files = [
        (run_dir::EXAMPLES, b"smiles\n".to_vec()),
        (run_dir::SPLITS, b"[]\n".to_vec()),
    ];
    let create = |run: &Path| Run::create(run, "name = \"x\"\n", &info, &files).map(|_| ());
    let mut killed = 0;
    loop {
        let folder = tempfile::tempdir().expect("a directory");
        let run = folder.path().join("run");
        atomic::kill_after(Some(killed));
        let begun = create(&run);
        atomic::kill_after(None);
        if begun.is_ok() {
            break;
        }
        if run.join(run_dir::CONFIG).exists() {
            Run::resume(&run).expect("it is a run");
        } else {
            create(&run).unwrap_or_else(|error| panic!("after {killed} steps: {error}"));
        }
        for (name, bytes) in &files {
            assert_eq!(&fs::read(run.join(name)).expect("there"), bytes);
        }
        killed += 1;
    }
    assert!(killed >= 8, "only {killed} steps were killed at");
}
