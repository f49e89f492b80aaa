//! `delicate screen` as its users run it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
#[cfg(unix)]
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

#[cfg(unix)]
use super::training::{signal, with_signals};

/// Ibuprofen, written otherwise than in the library.
const QUERIES: &str = "OC(=O)C(C)c1ccc(CC(C)C)cc1 query\n";
/// In no order of similarity; the second row is no molecule.
const LIBRARY: &str = "id,smiles,note\n\
    ethanol,CCO,\"one, two\"\n\
    broken,c1ccc,\n\
    ketoprofen,CC(C(=O)O)c1cccc(C(=O)c2ccccc2)c1,x\n\
    ibuprofen,CC(C)Cc1ccc(C(C)C(=O)O)cc1,the query\n\
    salt,CC(C)Cc1ccc(C(C)C(=O)[O-])cc1.[Na+],\n\
    caffeine,Cn1cnc2c1c(=O)n(C)c(=O)n2C,\n";

fn delicate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_delicate"))
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .arg("screen")
        .args(arguments)
        .output()
        .expect("the command runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Files in a directory of their own.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).expect("written");
        }
        Self(directory)
    }

    fn usual() -> Self {
        Self::new(&[("queries.smi", QUERIES), ("library.csv", LIBRARY)])
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Screens `library.csv` with `queries.smi`.
    fn screen(&self, more: &[&str]) -> Output {
        let (library, queries) = (self.path("library.csv"), self.path("queries.smi"));
        let mut arguments = vec![library.as_str(), "--queries", queries.as_str()];
        arguments.extend(more);
        delicate(&arguments)
    }
}

fn objects(output: &Output) -> Vec<serde_json::Value> {
    let lines = text(&output.stdout).lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn similarities(rows: &[serde_json::Value]) -> Vec<f64> {
    rows.iter()
        .map(|row| row["similarity"].as_f64().expect("a number"))
        .collect()
}

#[test]
fn an_exact_match_ranks_first_with_similarity_1_and_the_others_follow_in_order() {
    let output = Files::usual().screen(&["--by", "ecfp", "--format", "jsonl", "-q"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let rows = objects(&output);
    assert_eq!(rows.len(), 5, "the broken row is left out");
    assert_eq!(rows[0]["id"], "ibuprofen");
    assert_eq!(rows[0]["note"], "the query");
    assert_eq!(rows[0]["similarity"], 1.0);
    assert_eq!(rows[0].as_object().map(|row| row.len()), Some(6));
    assert_eq!(rows[0]["nearest_query"], "query");
    // Its salt is the same molecule, and comes after it.
    assert_eq!(rows[1]["id"], "salt");
    assert_eq!(rows[1]["standardized"]["left_out"][0], "[Na+]");
    let found = similarities(&rows);
    assert!(found.is_sorted_by(|a, b| a >= b), "{found:?}");
    assert!(
        found[1] == 1.0 && found[2] < 1.0 && found[4] >= 0.0,
        "{found:?}"
    );
    assert!(
        errors.contains("1 of 6 rows skipped; first: line 3:") && errors.contains("never closed"),
        "{errors}"
    );
}

#[test]
fn csv_keeps_the_columns_and_the_top_is_the_head_of_the_whole_ranking() {
    let files = Files::usual();
    let whole = files.screen(&["--by", "ecfp"]);
    let whole: Vec<&str> = text(&whole.stdout).lines().collect();
    assert_eq!(
        whole[0],
        "id,smiles,note,similarity,nearest_query,standardized,changes"
    );
    assert_eq!(
        whole[1],
        "ibuprofen,CC(C)Cc1ccc(C(C)C(=O)O)cc1,the query,1.0,query,\
         CC(C)Cc1ccc(C(C)C(=O)O)cc1,"
    );
    assert!(
        whole
            .iter()
            .any(|line| line.starts_with("ethanol,CCO,\"one, two\","))
    );
    let top = files.screen(&["--by", "ecfp", "--top", "2"]);
    let top: Vec<&str> = text(&top.stdout).lines().collect();
    assert_eq!(top, whole[..3]);
    let refused = files.screen(&["--by", "ecfp", "--top", "0"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_column_of_the_users_that_is_called_similarity_stays() {
    let files = Files::new(&[
        ("queries.smi", QUERIES),
        ("library.csv", "smiles,similarity\nCCO,theirs\n"),
    ]);
    let output = files.screen(&["--by", "ecfp"]);
    assert!(
        text(&output.stdout).starts_with(
            "smiles,similarity,delicate_similarity,nearest_query,standardized,changes\nCCO,theirs,"
        ),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn rows_beyond_one_chunk_are_ranked_and_of_equals_the_first_comes_first() {
    let mut library = String::from("smiles,row\n");
    for row in 0..3000 {
        let smiles = if row % 1000 == 999 {
            "CCCCO"
        } else {
            "c1ccccc1"
        };
        library.push_str(&format!("{smiles},{row}\n"));
    }
    let files = Files::new(&[("queries.smi", "OCCCC\n"), ("library.csv", &library)]);
    let output = files.screen(&["--by", "ecfp", "--top", "5", "--format", "jsonl"]);
    let rows = objects(&output);
    let order: Vec<&str> = rows.iter().filter_map(|row| row["row"].as_str()).collect();
    assert_eq!(order, ["999", "1999", "2999", "0", "1"]);
    let errors = text(&output.stderr);
    assert!(errors.contains("3000 rows against 1 query"), "{errors}");
}

#[test]
fn the_nearest_query_counts_or_the_mean_of_all() {
    let files = Files::new(&[
        ("queries.smi", "CCCCO\nc1ccccc1\n"),
        ("library.csv", "smiles\nc1ccccc1\n"),
    ]);
    let similarity = |aggregate: &str| {
        let rows = objects(&files.screen(&[
            "--by",
            "ecfp",
            "--format",
            "jsonl",
            "--aggregate",
            aggregate,
        ]));
        similarities(&rows)[0]
    };
    assert_eq!(similarity("max"), 1.0);
    // The two have no atom environment in common.
    assert_eq!(similarity("mean"), 0.5);
}

#[test]
fn each_hit_names_its_nearest_query() {
    let files = Files::new(&[
        ("queries.smi", "CCCCO butanol\nc1ccccc1 benzene\n"),
        ("library.csv", "smiles\nCc1ccccc1\nCCCCCO\n"),
    ]);
    for aggregate in ["max", "mean"] {
        let more = [
            "--by",
            "ecfp",
            "--format",
            "jsonl",
            "--aggregate",
            aggregate,
        ];
        let rows = objects(&files.screen(&more));
        let named = |smiles: &str| {
            let row = rows.iter().find(|row| row["smiles"] == smiles);
            row.expect("a hit")["nearest_query"]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(named("Cc1ccccc1").as_deref(), Some("benzene"));
        assert_eq!(named("CCCCCO").as_deref(), Some("butanol"));
    }
}

#[test]
fn salts_are_left_out_unless_they_are_to_be_kept() {
    let files = Files::new(&[
        ("queries.smi", "CC(=O)[O-]\n"),
        ("library.csv", "smiles\nCC(=O)[O-].[Na+]\n"),
    ]);
    let similarity = |more: &[&str]| {
        let mut arguments = vec!["--by", "ecfp", "--format", "jsonl"];
        arguments.extend(more);
        similarities(&objects(&files.screen(&arguments)))[0]
    };
    assert_eq!(similarity(&[]), 1.0);
    assert!(similarity(&["--keep-salts"]) < 1.0);
}

#[test]
fn a_query_that_cannot_be_read_is_reported_and_the_others_go_on() {
    let files = Files::new(&[
        ("queries.smi", &format!("c1ccc broken\n{QUERIES}")),
        ("library.csv", LIBRARY),
    ]);
    let output = files.screen(&["--by", "ecfp", "--top", "1"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(
        errors.contains("queries.smi, line 1: query skipped:"),
        "{errors}"
    );
    assert!(errors.contains("against 1 query"), "{errors}");
    assert!(text(&output.stdout).contains("ibuprofen"));

    let files = Files::new(&[("queries.smi", "c1ccc\nC(\n"), ("library.csv", LIBRARY)]);
    let output = files.screen(&["--by", "ecfp"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("no usable query"), "{errors}");
}

#[test]
fn embeddings_and_both_fused_work_with_the_model_that_is_built_in() {
    let files = Files::usual();
    for by in ["embedding", "both"] {
        let output = files.screen(&["--by", by, "--format", "json"]);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{by}: {errors}");
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(rows.len(), 5, "{by}");
        assert_eq!(rows[0]["id"], "ibuprofen", "{by}");
        let found = similarities(&rows);
        assert!((found[0] - 1.0).abs() < 1e-4, "{by}: {found:?}");
        assert!(found.is_sorted_by(|a, b| a >= b), "{by}: {found:?}");
        assert!(errors.contains("1 of 6 rows skipped"), "{by}: {errors}");
    }
}

#[test]
fn the_library_may_come_through_a_pipe_and_the_hits_go_to_a_file() {
    let files = Files::usual();
    let (queries, hits) = (files.path("queries.smi"), files.path("hits.jsonl"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_delicate"))
        .args(["screen", "-", "--queries", &queries, "--by", "ecfp"])
        .args(["-q", "--top", "1", "-o", &hits])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(LIBRARY.as_bytes()).expect("written");
    drop(input);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let written = std::fs::read_to_string(&hits).expect("written");
    assert!(written.starts_with("{\"id\":\"ibuprofen\""), "{written}");
    assert_eq!(written.lines().count(), 1);
}

#[test]
fn a_library_that_breaks_off_still_gives_the_best_before_the_fault() {
    let files = Files::usual();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    let rows: String = (0..20_000).map(|row| format!("CCO m{row}\n")).collect();
    let rows = format!("CC(C)Cc1ccc(C(C)C(=O)O)cc1 hit\n{rows}");
    encoder.write_all(rows.as_bytes()).expect("compressed");
    let packed = encoder.finish().expect("compressed");
    let path = files.path("cut.smi.gz");
    std::fs::write(&path, &packed[..packed.len() / 2]).expect("written");
    let queries = files.path("queries.smi");
    let output = delicate(&[&path, "--queries", &queries, "--by", "ecfp", "--top", "2"]);
    assert_eq!(output.status.code(), Some(1));
    let hits: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(hits.len(), 3, "{hits:?}");
    assert!(hits[1].contains(",hit,1.0,"), "{hits:?}");
    assert!(text(&output.stderr).contains("cut.smi.gz: reading stopped"));
}

#[test]
fn what_the_user_got_wrong_is_named_with_an_exit_code() {
    let files = Files::usual();
    let library = files.path("library.csv");
    let queries = files.path("queries.smi");
    let benchmark = files.path("");
    let cases: [(&[&str], i32, &str); 10] = [
        (&[], 2, "--queries"),
        (&[&library], 2, "--queries"),
        (&["-", "--queries", "-"], 2, "stdin"),
        (
            &[&library, "--queries", &queries, "-o", &library],
            2,
            "both input and output",
        ),
        (
            &[&queries, "--queries", &library, "-o", &library],
            2,
            "both input and output",
        ),
        (
            &[&library, "--queries", &queries, "-o", &queries],
            2,
            "cannot write .smi",
        ),
        (
            &[&library, "--queries", "absent.smi", "--by", "ecfp"],
            1,
            "absent.smi",
        ),
        (
            &[&library, "--queries", &queries, "--json"],
            2,
            "cannot be used with",
        ),
        (&[&library, "--benchmark", &benchmark], 2, "--benchmark"),
        (&["--benchmark", &benchmark], 1, "targets.txt"),
    ];
    for (arguments, code, message) in cases {
        let output = delicate(arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
    }
    let left = std::fs::read_to_string(&library).expect("still there");
    assert_eq!(left, LIBRARY);
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_the_best_so_far_and_exits_with_130() {
    let files = Files::usual();
    let queries = files.path("queries.smi");
    let mut command = Command::new(env!("CARGO_BIN_EXE_delicate"));
    let mut child = with_signals(&mut command)
        .args(["screen", "-", "--queries", &queries, "--by", "ecfp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut input = child.stdin.take().expect("a pipe");
    // More than its buffers and the pipe's hold: once all is written, it is at
    // work on the library, and waits for the rest of it.
    let more = "CCO x\n".repeat(80_000);
    let rows = format!("CC(C)Cc1ccc(C(C)C(=O)O)cc1 hit\n{more}");
    input.write_all(rows.as_bytes()).expect("written");
    signal(&child, libc::SIGINT);
    // It takes no more once it has noticed.
    let started = Instant::now();
    while input.write_all(more.as_bytes()).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(120), "it goes on");
    }
    let output = child.wait_with_output().expect("it ends");
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{errors}");
    assert!(
        errors.contains("interrupted: the output holds the best of"),
        "{errors}"
    );
    let hits: Vec<&str> = text(&output.stdout).lines().collect();
    assert!(hits[1].contains(",hit,1.0,"), "{hits:?}");
    assert_eq!(hits.len(), 101, "whole, as far as it goes");
}

#[test]
fn the_benchmark_gives_a_line_a_target_and_the_means() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/screening");
    let listed = std::fs::read_to_string(directory.join("targets.txt")).expect("a list");
    let targets: Vec<&str> = listed.split_whitespace().take(2).collect();
    let directory = directory.display().to_string();
    let names = targets.join(",");
    let arguments = [
        "--benchmark",
        &directory,
        "--by",
        "ecfp",
        "--targets",
        &names,
    ];
    let table = delicate(&arguments);
    assert_eq!(table.status.code(), Some(0), "{}", text(&table.stderr));
    let lines: Vec<Vec<&str>> = text(&table.stdout)
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        ["target", "actives", "decoys", "AUROC", "BEDROC20"]
    );
    assert_eq!(lines.len(), 4, "{lines:?}");

    let json = delicate(&[&arguments[..], &["--format", "json"]].concat());
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["by"], "ecfp");
    assert!(report["model"].is_null());
    let mut sum = 0.0;
    for (index, target) in targets.iter().enumerate() {
        let entry = &report["targets"][index];
        assert_eq!(entry["target"], *target);
        assert_eq!(lines[index + 1][0], *target);
        let auroc = entry["auroc"].as_f64().expect("a number");
        assert!((0.5..=1.0).contains(&auroc), "{auroc}");
        assert_eq!(lines[index + 1][3], format!("{auroc:.3}"));
        sum += auroc;
    }
    let mean = report["auroc"].as_f64().expect("a number");
    assert!((mean - sum / 2.0).abs() < 1e-12);
    assert_eq!(lines[3][..2], ["mean", &format!("{mean:.3}")]);

    let unknown = delicate(&["--benchmark", &directory, "--targets", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("no target `nobody`"));
}
