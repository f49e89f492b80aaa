//! The `delicate` command as its users run it.

use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

fn delicate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_delicate"));
    command
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu");
    command
}

pub(super) fn run(arguments: &[&str]) -> Output {
    delicate()
        .args(arguments)
        .output()
        .expect("the command runs")
}

pub(super) fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = delicate()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let written = child.stdin.take().expect("a pipe").write_all(input);
    // A command that refuses its arguments may have ended before it is given anything.
    if let Err(error) = written {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    }
    child.wait_with_output().expect("the command ends")
}

pub(super) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

pub(super) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

const TABLE: &str = "id,smiles,note\nA,CCO,\"one, two\"\nB,c1ccc,\nC,c1ccccc1,x\n";

#[test]
fn a_table_keeps_its_columns_and_order_and_says_what_is_wrong_with_a_row() {
    let output = run_with_input(&["score", "-"], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines: Vec<&str> = stdout(&output).lines().collect();
    assert!(
        lines[0].starts_with("id,smiles,note,log_s,"),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].ends_with(",fgfr1,standardized,changes,error"),
        "{}",
        lines[0]
    );
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("A,CCO,\"one, two\",") && lines[1].ends_with(','));
    assert!(lines[2].starts_with("B,c1ccc,,,,,,,") && lines[2].contains("never closed"));
    assert!(lines[3].starts_with("C,c1ccccc1,x,"));
    assert!(stderr(&output).contains("3 rows, 1 with an error"));
}

#[test]
fn the_precision_can_be_chosen_and_is_said() {
    let score = |precision: &[&str]| {
        let command = [&["score", "-", "--device", "cpu"], precision].concat();
        run_with_input(&command, TABLE.as_bytes())
    };
    let value = |output: &Output| -> f64 {
        let row = stdout(output).lines().nth(3).expect("benzene");
        let cell = row.split(',').nth(3).expect("its solubility");
        cell.parse().expect("a number")
    };
    let (int8, fp32) = (
        score(&["--precision", "int8"]),
        score(&["--precision", "fp32"]),
    );
    // Which one it is depends on the processor.
    let default = score(&[]);
    assert!([stdout(&int8), stdout(&fp32)].contains(&stdout(&default)));
    assert!(stderr(&int8).contains(" on CPU in int8"));
    assert!(stderr(&fp32).contains(" on CPU in fp32"));
    let difference = (value(&int8) - value(&fp32)).abs();
    assert!(0.0 < difference && difference < 0.05, "{difference}");
}

#[test]
fn endpoints_are_listed_and_chosen_by_name() {
    let listed = run(&["endpoints"]);
    assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
    let names: Vec<&str> = stdout(&listed)
        .lines()
        // Under the names of their groups.
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names.len(), 61);
    for name in ["log_s", "log_d", "herg_pic50", "ames", "human_half_life"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let json = run(&["endpoints", "--format", "json"]);
    let all: serde_json::Value = serde_json::from_str(stdout(&json)).expect("JSON");
    assert_eq!(all[0]["unit"], "log mol/L");

    let column = |arguments: &[&str], name: &str| -> Vec<String> {
        let output = run_with_input(arguments, b"smiles\nCCO\nc1ccccc1\n");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let mut lines = stdout(&output).lines().map(|line| line.split(','));
        let header: Vec<&str> = lines.next().expect("a header").collect();
        let place = header.iter().position(|column| *column == name);
        let place = place.unwrap_or_else(|| panic!("no {name} in {header:?}"));
        lines
            .map(|mut cells| cells.nth(place).expect("a cell").to_owned())
            .collect()
    };
    let chosen = ["score", "-", "-q", "--endpoints", "log_d, log_s"];
    let output = run_with_input(&chosen, b"smiles\nCCO\n");
    assert!(
        stdout(&output).starts_with("smiles,log_d,log_s,standardized,"),
        "{}",
        stdout(&output)
    );
    for name in ["log_s", "log_d"] {
        let all = column(&["score", "-", "-q"], name);
        assert_eq!(column(&chosen, name), all, "{name}");
    }
    let output = run_with_input(&["score", "-", "--endpoints", "herg"], b"smiles\nCCO\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("no endpoint `herg`; it has: log_s, "),
        "{}",
        stderr(&output)
    );
    let explained = run(&["explain", "CCO", "--format", "json", "--endpoints", "egfr"]);
    let explained: serde_json::Value = serde_json::from_str(stdout(&explained)).expect("JSON");
    assert_eq!(explained["predictions"].as_array().map(Vec::len), Some(1));
    let shares = explained["atoms"][0]["contributions"].as_array();
    assert_eq!(shares.map(Vec::len), Some(1));
}

#[test]
fn json_and_jsonl_hold_the_same_objects() {
    let json = run_with_input(&["score", "-", "--format", "json", "-q"], TABLE.as_bytes());
    let jsonl = run_with_input(
        &["predict", "-", "--format", "jsonl", "-q"],
        TABLE.as_bytes(),
    );
    assert_eq!(stderr(&json), "");
    let whole: Vec<serde_json::Value> = serde_json::from_str(stdout(&json)).expect("JSON");
    let lines: Vec<serde_json::Value> = stdout(&jsonl)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(whole, lines);
    assert_eq!(whole[0]["note"], "one, two");
    assert!(whole[0]["error"].is_null());
    assert_eq!(whole[0]["scores"]["log_s"]["unit"], "log mol/L");
    assert!(whole[0]["scores"]["log_s"]["value"].is_f64());
    assert!(whole[1]["scores"].is_null());
    assert_eq!(whole[1]["error"]["reason"], "unclosed_ring");
    assert_eq!(whole[1]["error"]["position"], 1);
}

#[test]
fn embeddings_have_the_width_of_the_encoder() {
    let output = run_with_input(
        &["embed", "-", "--format", "jsonl", "-q"],
        b"CCO\nnonsense\n",
    );
    let rows: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows[0]["embedding"].as_array().map(Vec::len), Some(256));
    assert!(rows[1]["embedding"].is_null());
    assert!(rows[1]["error"]["message"].is_string());
}

#[test]
fn every_format_gives_the_same_scores_plain_and_compressed() {
    let directory = tempfile::tempdir().expect("a directory");
    let sdf = "ethanol\n\n\n  3  2  0  0  0  0  0  0  0  0999 V2000\n\
               \x20   0.0000    0.0000    0.0000 C   0  0\n\
               \x20   1.5000    0.0000    0.0000 C   0  0\n\
               \x20   2.2000    1.2000    0.0000 O   0  0\n\
               \x20 1  2  1  0\n  2  3  1  0\nM  END\n$$$$\n";
    let files = [
        ("a.smi", "CCO ethanol\n"),
        ("a.csv", "name,smiles\nethanol,CCO\n"),
        ("a.tsv", "name\tSMILES\nethanol\tCCO\n"),
        ("a.sdf", sdf),
    ];
    let mut seen = Vec::new();
    for (name, text) in files {
        let plain = directory.path().join(name);
        std::fs::write(&plain, text).expect("written");
        let packed = directory.path().join(format!("{name}.gz"));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("compressed");
        std::fs::write(&packed, encoder.finish().expect("compressed")).expect("written");
        for path in [plain, packed] {
            let path = path.to_str().expect("a path");
            let output = run(&["score", path, "--format", "jsonl", "-q"]);
            assert_eq!(output.status.code(), Some(0), "{path}: {}", stderr(&output));
            let row: serde_json::Value = serde_json::from_str(stdout(&output)).expect("JSON");
            assert!(row["error"].is_null(), "{path}: {row}");
            assert_eq!(row["name"], "ethanol");
            seen.push(row["scores"].to_string());
        }
    }
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().all(|scores| *scores == seen[0]), "{seen:?}");
}

#[test]
fn on_error_fail_stops_at_the_row_with_its_own_exit_code() {
    let output = run_with_input(
        &["score", "-", "--on-error", "fail", "--id-column", "id"],
        TABLE.as_bytes(),
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("line 3 (B):"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        stdout(&output).lines().count(),
        2,
        "the rows before it are written"
    );
}

#[test]
fn what_the_user_got_wrong_is_named_with_an_exit_code() {
    let missing = run(&["score", "no-such-file.smi"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("no-such-file.smi"));

    let column = run_with_input(&["score", "-", "--smiles-column", "SMI"], TABLE.as_bytes());
    assert_eq!(column.status.code(), Some(1));
    assert!(stderr(&column).contains("SMI") && stderr(&column).contains("note"));

    let model = run_with_input(&["score", "-", "--model", "no-such-dir"], TABLE.as_bytes());
    assert_eq!(model.status.code(), Some(1));
    assert!(stderr(&model).contains("no-such-dir") && stderr(&model).contains("config.json"));

    let usage = run(&["score", "--format", "xml", "-"]);
    assert_eq!(usage.status.code(), Some(2));

    let empty = run_with_input(&["score", "-"], b"");
    assert_eq!(empty.status.code(), Some(1));
    assert!(!stderr(&empty).contains("panicked"));
}

#[test]
fn the_ending_of_the_output_tells_its_format_and_a_dash_is_stdout() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("scored.jsonl");
    let text = path.to_str().expect("a path");
    let output = run_with_input(&["score", "-", "-q", "-o", text], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let written = std::fs::read_to_string(&path).expect("written");
    assert!(written.starts_with("{\"id\":\"A\""), "{written}");
    let dash = run_with_input(&["score", "-", "-q", "-o", "-"], TABLE.as_bytes());
    assert!(stdout(&dash).starts_with("id,smiles,note,"));
}

#[test]
fn the_output_may_not_be_the_input() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.smi");
    std::fs::write(&path, "CCO\n").expect("written");
    let text = path.to_str().expect("a path");
    let output = run(&["score", text, "-o", text]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        std::fs::read_to_string(&path).expect("still there"),
        "CCO\n"
    );
}

/// A process that is killed leaves the old file or the new one.
#[test]
fn an_output_that_is_killed_half_way_does_not_appear() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("scored.csv");
    std::fs::write(&path, "of an earlier run\n").expect("written");
    let mut child = delicate()
        .args(["score", "-", "-q", "-o", path.to_str().expect("a path")])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut input = child.stdin.take().expect("a pipe");
    // More than is read to tell the format: chunks are scored and written, and the end of
    // the input never comes.
    let rows = "CCO\nCC\nc1ccccc1O\n".repeat(6_000);
    input.write_all(rows.as_bytes()).expect("read");
    let begun = || {
        let entries = std::fs::read_dir(directory.path()).expect("listed");
        let sizes = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path() != path)
            .filter_map(|entry| Some(entry.metadata().ok()?.len()));
        sizes.sum::<u64>() > 0
    };
    let started = std::time::Instant::now();
    while !begun() {
        let waited = started.elapsed();
        assert!(waited.as_secs() < 120, "nothing was written in {waited:?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let found = std::fs::read_to_string(&path).expect("still there");
    assert_eq!(found, "of an earlier run\n");
}

#[cfg(unix)]
#[test]
fn an_output_through_a_link_replaces_what_the_link_points_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let (target, link) = (
        directory.path().join("a.csv"),
        directory.path().join("link"),
    );
    std::fs::write(&target, "old").expect("written");
    std::os::unix::fs::symlink(&target, &link).expect("linked");
    let text = link.to_str().expect("a path");
    let output = run_with_input(&["score", "-", "-q", "-o", text], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(link.is_symlink());
    let written = std::fs::read_to_string(&target).expect("there");
    assert!(written.starts_with("id,smiles"), "{written}");
    assert_eq!(
        std::fs::read_dir(directory.path()).expect("listed").count(),
        2
    );
}

#[cfg(unix)]
#[test]
fn an_output_through_a_link_to_nothing_is_where_the_link_points_to() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().expect("a directory");
    let results = directory.path().join("results");
    std::fs::create_dir(&results).expect("made");
    // Relative, and through another link.
    symlink("results/b.csv", directory.path().join("link.csv")).expect("linked");
    symlink("a.csv", results.join("b.csv")).expect("linked");
    let link = directory.path().join("link.csv");
    let text = link.to_str().expect("a path");
    let output = run_with_input(&["standardize", "-", "-q", "-o", text], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(link.is_symlink() && results.join("b.csv").is_symlink());
    let written = std::fs::read_to_string(results.join("a.csv")).expect("there");
    assert!(written.starts_with("id,smiles"), "{written}");
    let count = |folder: &std::path::Path| std::fs::read_dir(folder).expect("listed").count();
    assert_eq!((count(directory.path()), count(&results)), (2, 2));

    // Links that lead nowhere are no place to write to, and stay.
    let round = directory.path().join("round.csv");
    symlink("round.csv", &round).expect("linked");
    let text = round.to_str().expect("a path");
    let output = run_with_input(&["standardize", "-", "-q", "-o", text], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(round.is_symlink());
}

#[cfg(unix)]
#[test]
fn an_output_through_a_link_into_no_folder_names_both() {
    let directory = tempfile::tempdir().expect("a directory");
    for (target, folder) in [("nodir/x.csv", "nodir"), ("nodir/deep/x.csv", "deep")] {
        let link = directory.path().join("link.csv");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(target, &link).expect("linked");
        let text = link.to_str().expect("a path");
        for more in [&[][..], &["--resume"], &["--format", "jsonl"]] {
            let arguments = [&["standardize", "-", "-o", text], more].concat();
            let output = run_with_input(&arguments, TABLE.as_bytes());
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(
                said.contains(&format!("writing {text}: there is no folder ")),
                "{said}"
            );
            let advice = format!("{folder}: make it, or choose another -o");
            assert!(
                said.contains(&advice) && !said.contains(".partial"),
                "{said}"
            );
        }
        assert!(link.is_symlink());
    }
}

/// There `/dev/stdout` is a link to what names no file.
#[cfg(target_os = "linux")]
#[test]
fn an_output_may_be_a_pipe_by_its_name() {
    let arguments = ["standardize", "-", "-q", "-o", "/dev/stdout"];
    let output = run_with_input(&arguments, TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let written = String::from_utf8_lossy(&output.stdout);
    assert!(written.starts_with("id,smiles"), "{written}");
}

/// Other systems have no `/dev/full`.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let output = run_with_input(&["score", "-", "-o", "/dev/full"], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/dev/full"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("panicked"));
    for arguments in [
        &["doctor"][..],
        &["doctor", "--format", "json"],
        &["completions", "bash"],
    ] {
        let full = std::fs::File::create("/dev/full").expect("it opens");
        let output = delicate()
            .args(arguments)
            .stdout(full)
            .output()
            .expect("the command runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("stdout"), "{}", stderr(&output));
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = delicate()
        .args(["score", "-", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stdout.take());
    let rows = "CCO x\n".repeat(3000);
    // The command may have ended before all is written; that is the point.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(rows.as_bytes());
    let mut errors = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut errors)
        .expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn a_truncated_archive_keeps_the_rows_before_the_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cut.smi.gz");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    let rows: String = (0..20_000).map(|row| format!("CCO m{row}\n")).collect();
    encoder.write_all(rows.as_bytes()).expect("compressed");
    let whole = encoder.finish().expect("compressed");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    let output = run(&["score", path.to_str().expect("a path"), "-q"]);
    assert_eq!(output.status.code(), Some(1));
    let rows = stdout(&output).lines().count();
    assert!(rows > 5_000, "{rows} rows; {}", stderr(&output));
    assert!(stderr(&output).contains("cut.smi.gz"));
}

#[test]
fn doctor_says_which_device_is_selected_and_why() {
    let output = run(&["doctor"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("(the CPU was requested)"));
    let json = run(&["doctor", "--format", "json", "--device", "auto"]);
    let report: serde_json::Value = serde_json::from_str(stdout(&json)).expect("JSON");
    assert!(report["adapters"].is_array());
    let software = report["used"]["software"].as_bool();
    assert_eq!(software, Some(false), "auto never takes a software adapter");
}

#[test]
fn assessed_scores_carry_interval_domain_and_neighbour() {
    let output = run_with_input(&["score", "-", "--uncertainty"], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut reader = csv::Reader::from_reader(stdout(&output).as_bytes());
    let header = reader.headers().expect("a header").clone();
    let column = |name: &str| {
        let place = header.iter().position(|column| column == name);
        place.unwrap_or_else(|| panic!("no column {name}"))
    };
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 3);
    for row in [&rows[0], &rows[2]] {
        let number = |name: &str| -> f64 { row[column(name)].parse().expect("a number") };
        let (low, value, high) = (number("log_s_low"), number("log_s"), number("log_s_high"));
        assert!(low < value && value < high, "{low} {value} {high}");
        assert!(["in", "borderline", "out"].contains(&&row[column("log_s_domain")]));
        assert!((0.0..=1.0).contains(&number("log_s_similarity")));
        assert!(!row[column("log_s_nearest")].is_empty());
    }
    assert_eq!(&rows[1][column("log_s_low")], "");
    // A probability has no interval, and no columns for one.
    let named = |name: &str| header.iter().any(|column| column == name);
    assert!(named("ames_domain") && !named("ames_low") && !named("ames_high"));
    assert!(rows[1][column("error")].contains("never closed"));

    let output = run_with_input(
        &["score", "-", "--uncertainty", "--format", "json"],
        TABLE.as_bytes(),
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let log_s = &json[0]["scores"]["log_s"];
    assert!(log_s["low"].as_f64() < log_s["high"].as_f64(), "{log_s}");
    assert!(log_s["nearest"]["smiles"].is_string() && log_s["domain"].is_string());
    let ames = json[0]["scores"]["ames"].as_object().expect("an object");
    assert_eq!(ames["unit"], "probability");
    assert!(ames.contains_key("domain") && !ames.contains_key("low") && !ames.contains_key("high"));
    assert!(json[1]["scores"].is_null());
}

#[test]
fn a_molecule_that_an_endpoint_is_not_defined_for_says_so() {
    const REASON: &str = "no basic atom: the endpoint is not defined for this molecule";
    let score = [
        "score",
        "-",
        "--uncertainty",
        "--endpoints",
        "pka_base,ames",
    ];
    let table = "smiles\nCCCCCC\nCCCCCN\n";
    let output = run_with_input(&score, table.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut reader = csv::Reader::from_reader(stdout(&output).as_bytes());
    let header = reader.headers().expect("a header").clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let domain = column("pka_base_domain").expect("a domain");
    assert_eq!(column("pka_base_domain_reason"), Some(domain + 1));
    assert_eq!(column("ames_domain_reason"), None, "it requires nothing");
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!([&rows[0][domain], &rows[0][domain + 1]], ["out", REASON]);
    assert_eq!(&rows[1][domain + 1], "");

    let json = run_with_input(
        &[&score[..], &["--format", "json"]].concat(),
        table.as_bytes(),
    );
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let told = |row: usize| &json[row]["scores"]["pka_base"]["domain_reason"];
    assert_eq!((told(0).as_str(), told(1).is_null()), (Some(REASON), true));

    let output = run(&["explain", "CCCCCC", "--endpoints", "pka_base"]);
    let said = format!("domain         out ({REASON})");
    assert!(stdout(&output).contains(&said), "{}", stdout(&output));
    assert!(
        !stdout(&output).contains("marketed drugs"),
        "{}",
        stdout(&output)
    );

    // Where nobody asked for domains either: no percentile, and a last word.
    let values = [
        "score",
        "-",
        "--percentiles",
        "--endpoints",
        "pka_base,ames",
    ];
    let output = run_with_input(&values, table.as_bytes());
    let mut reader = csv::Reader::from_reader(stdout(&output).as_bytes());
    let header = reader.headers().expect("a header").clone();
    let column = header.iter().position(|name| name == "pka_base_percentile");
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let told = [0, 1].map(|row: usize| rows[row][column.expect("percentiles")].is_empty());
    assert_eq!(told, [true, false]);
    let said = "values that mean nothing, as their endpoint is not defined for the molecule: 1 of \
                pka_base";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
}

#[test]
fn a_molecule_is_explained_for_people_and_for_programs() {
    let output = run(&["explain", "CC(=O)Oc1ccccc1C(=O)O"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for part in [
        "Aqueous solubility (log_s)",
        "90 % interval",
        "domain",
        "trained on",
        "atoms",
    ] {
        assert!(stdout(&output).contains(part), "{}", stdout(&output));
    }
    let output = run(&["explain", "CCO", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["smiles"], "CCO");
    assert_eq!(json["atoms"].as_array().map(Vec::len), Some(3));
    let output = run(&["explain", "C1CC"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("never closed"),
        "{}",
        stderr(&output)
    );
    // On a CPU there is no half precision.
    let output = run_with_input(&["score", "-", "--precision", "fp16"], TABLE.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("shader-f16"),
        "{}",
        stderr(&output)
    );
}
