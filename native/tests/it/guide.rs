//! The guide (`docs/guide`): its commands are run, and print what it shows.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A command of a chapter, and what the chapter says it prints.
#[derive(Debug, Default)]
struct Step {
    line: usize,
    script: String,
    shown: Option<String>,
}

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide")
}

/// The blocks `sh` of a chapter, in order; a block `text` is what the one before prints.
fn steps(chapter: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = chapter.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: String = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        match language {
            "sh" => steps.push(Step {
                line: number + 1,
                script: block,
                shown: None,
            }),
            "text" => {
                let step = steps.last_mut().expect("a command before its output");
                assert!(step.shown.is_none(), "line {number}: two outputs");
                step.shown = Some(block);
            }
            _ => {}
        }
    }
    steps
}

/// Runs a chapter's commands one after the other in a folder of its own.
fn run(chapter: &str) {
    let path = guide().join(chapter);
    let text = std::fs::read_to_string(&path).expect("the chapter");
    let steps = steps(&text);
    assert!(!steps.is_empty(), "{chapter} has no command");
    let folder = tempfile::tempdir().expect("a folder");
    let molecules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/molecules.smi");
    std::fs::copy(molecules, folder.path().join("molecules.smi")).expect("molecules");
    for step in steps {
        let output = shell(&step.script, folder.path());
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{chapter}, line {}: {}\n{}{printed}",
            step.line,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        if let Some(shown) = step.shown {
            assert!(
                alike(&shown, &printed),
                "{chapter}, line {}: shows\n{shown}\nbut there is\n{printed}",
                step.line
            );
        }
    }
}

fn shell(script: &str, folder: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_delicate"));
    let mut path = vec![program.parent().expect("its folder").to_path_buf()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).expect("a path"))
        .env("DELICATE_DEVICE", "cpu")
        .env_remove("DELICATE_MODEL")
        .output()
        .expect("a shell")
}

/// Whether two texts are the same but for the last digits of their numbers, which
/// differ between processors that compute in integers of 8 bits and others.
fn alike(shown: &str, printed: &str) -> bool {
    let cells = |text: &str| -> Vec<String> {
        text.trim_end()
            .split([',', '\t', '\n', ' '])
            .map(str::to_owned)
            .collect()
    };
    let (shown, printed) = (cells(shown), cells(printed));
    shown.len() == printed.len()
        && shown.iter().zip(&printed).all(|(one, other)| {
            one == other
                || match (one.parse::<f64>(), other.parse::<f64>()) {
                    (Ok(one), Ok(other)) => (one - other).abs() <= 0.03,
                    _ => false,
                }
        })
}

#[test]
fn the_guides_installation_answers() {
    run("index.md");
}

#[test]
fn the_guides_first_scores_are_what_it_shows() {
    run("first-scores.md");
}

#[test]
fn the_guides_intervals_and_domains_are_what_it_shows() {
    run("trust.md");
}

#[test]
fn the_guides_own_model_is_trained_and_scores() {
    run("own-model.md");
}

#[test]
fn the_guides_screening_ranks() {
    run("screening.md");
}

#[test]
fn the_guides_large_library_is_scored() {
    run("large.md");
}

#[test]
fn numbers_may_differ_in_their_last_digits_and_words_in_nothing() {
    assert!(alike("a,1.500,in\n", "a,1.5123,in\n"));
    assert!(!alike("a,1.500,in\n", "a,1.6,in\n"));
    assert!(!alike("a,1.500,in\n", "a,1.5,out\n"));
    assert!(!alike("a,1.500,in\n", "a,1.5\n"));
}
