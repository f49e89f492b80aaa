//! Whatever ends a command half-way: what was there stays, what is done is kept, and
//! what goes on comes to the same bytes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use ::delicate::atomic::PARTIAL;

#[cfg(unix)]
use super::training::signal;
use super::training::{
    Place, delicate, done, has_checkpoint, metrics_text, stderr, wait, weights, with_signals,
};

/// A folder with a table of `rows` rows.
struct Table(tempfile::TempDir);

impl Table {
    fn new(rows: usize) -> Self {
        let table = Self(tempfile::tempdir().expect("a directory"));
        let tails = ["O", "N", "F", "C#N", "(", "OC"];
        let rows = (0..rows).map(|row| {
            let (length, tail) = (1 + row % 7, tails[row % tails.len()]);
            format!("{row},{}{tail}\n", "C".repeat(length))
        });
        let text = format!("id,smiles\n{}", rows.collect::<String>());
        fs::write(table.path("in.csv"), text).expect("written");
        table
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `score in.csv -o OUTPUT`.
    fn score(&self, output: &str) -> Vec<String> {
        ["score", &self.text("in.csv"), "-o", &self.text(output)]
            .map(str::to_owned)
            .into()
    }
}

fn run(arguments: &[String], more: &[&str]) -> Output {
    let mut command = delicate(&words(arguments));
    command.args(more).output().expect("the command runs")
}

fn words_of(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// Rows that are recorded as done of the output `partial`.
fn rows_done(partial: &Path) -> u64 {
    let text = fs::read(format!("{}.json", partial.display())).unwrap_or_default();
    let record: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    record["rows"].as_u64().unwrap_or_default()
}

/// A command that waits for the rest of its input.
struct Held {
    child: Child,
    /// As long as it is open, the command cannot end by itself.
    input: ChildStdin,
}

impl Held {
    /// Begins to score the first `rows` of a table and waits until more of them are done.
    fn begin(table: &Table, rows: usize, arguments: &[String], partial: &Path) -> Self {
        let before = rows_done(partial);
        let mut arguments = words(arguments);
        arguments[1] = "-";
        let mut child = with_signals(&mut delicate(&arguments))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        let mut input = child.stdin.take().expect("a pipe");
        let text = table.read("in.csv");
        let lines = text.split_inclusive(|&byte| byte == b'\n');
        let first: Vec<u8> = lines.take(1 + rows).flatten().copied().collect();
        input.write_all(&first).expect("the command reads it");
        wait(&mut child, "a chunk", || rows_done(partial) > before);
        Self { child, input }
    }

    /// What it says once it has ended, which something else than its input does.
    fn ended(self) -> Output {
        let output = self.child.wait_with_output().expect("ended");
        drop(self.input);
        output
    }
}

#[test]
fn a_killed_output_is_gone_on_with_to_the_same_bytes() {
    let table = Table::new(8_000);
    for (whole, killed) in [("whole.csv", "killed.csv"), ("whole.jsonl", "killed.jsonl")] {
        done(&words(&table.score(whole)));
        let partial = table.path(&format!("{killed}.partial"));
        let arguments = table.score(killed);
        fs::write(table.path(killed), "of an earlier run\n").expect("written");
        let mut held = Held::begin(&table, 8_000, &arguments, &partial);
        // Meanwhile nobody else writes it.
        let second = run(&arguments, &[]);
        assert_eq!(second.status.code(), Some(1));
        assert!(
            stderr(&second).contains(&format!("another process ({})", held.child.id())),
            "{}",
            stderr(&second)
        );
        held.child.kill().expect("killed");
        held.ended();
        assert_eq!(table.read(killed), b"of an earlier run\n");

        // Whatever makes another result is refused by its name.
        for (more, expected) in [
            (&["--tta", "2"][..], "augmentations = 1, and now it is 2"),
            (&["--keep-salts"], "keep_salts"),
            (&["--uncertainty"], "uncertainty"),
            (
                &["--model", "models/delicate-small-embedding"],
                "has no endpoints",
            ),
        ] {
            let more = [more, &["--resume"]].concat();
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let mut command = delicate(&words(&arguments));
            let refused = command.args(&more).current_dir(root).output();
            let refused = refused.expect("the command runs");
            assert_ne!(refused.status.code(), Some(0), "{more:?}");
            let said = stderr(&refused);
            assert!(
                said.contains(expected) || more[0] == "--model",
                "{more:?}: {said}"
            );
        }
        let input = table.read("in.csv");
        let changed = String::from_utf8(input.clone())
            .expect("text")
            .replacen("C", "CC", 1);
        fs::write(table.path("in.csv"), changed).expect("written");
        let refused = run(&arguments, &["--resume"]);
        assert_eq!(refused.status.code(), Some(1));
        let said = stderr(&refused);
        assert!(said.contains("rows of the input are not those"), "{said}");
        fs::write(table.path("in.csv"), input).expect("written");
        // Nor is a file gone on with whose rows a loss of power made zeros.
        let record: serde_json::Value =
            serde_json::from_slice(&table.read(&format!("{killed}.partial.json"))).expect("JSON");
        let end = record["bytes"].as_u64().expect("a number") as usize;
        let rows = fs::read(&partial).expect("there");
        let mut zeros = rows.clone();
        zeros[end - 9..end].fill(0);
        fs::write(&partial, zeros).expect("written");
        let refused = run(&arguments, &["--resume"]);
        assert_eq!(refused.status.code(), Some(1));
        let said = stderr(&refused);
        assert!(said.contains("are not those that were written"), "{said}");
        assert_eq!(table.read(killed), b"of an earlier run\n");
        fs::write(&partial, rows).expect("written");

        let resumed = run(&arguments, &["--resume"]);
        assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
        assert!(
            stderr(&resumed).contains("8000 rows, 1333 with errors"),
            "{}",
            stderr(&resumed)
        );
        assert!(
            table.read(whole) == table.read(killed),
            "{killed} is the same"
        );
        assert!(!partial.exists());
        let again = run(&arguments, &["--resume"]);
        assert_eq!(again.status.code(), Some(0));
        assert!(
            stderr(&again).contains("nothing to resume"),
            "{}",
            stderr(&again)
        );
    }
    // The input, the outputs, and nothing beside them but what was about to replace a record.
    let mut left: Vec<String> = fs::read_dir(table.0.path())
        .expect("listed")
        .map(|entry| {
            entry
                .expect("listed")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.starts_with(PARTIAL))
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            "in.csv",
            "killed.csv",
            "killed.jsonl",
            "whole.csv",
            "whole.jsonl"
        ]
    );
    for output in [&["-o", "x.json"][..], &["-o", "-"], &[]] {
        let mut arguments = vec!["score".to_owned(), table.text("in.csv")];
        arguments.extend(output.iter().map(|word| (*word).to_owned()));
        let refused = run(&arguments, &["--resume"]);
        assert_eq!(refused.status.code(), Some(2), "{output:?}");
        assert!(
            stderr(&refused).contains("--resume"),
            "{}",
            stderr(&refused)
        );
    }
}

#[cfg(unix)]
#[test]
fn every_signal_to_end_keeps_what_is_done() {
    let table = Table::new(16_000);
    let arguments = table.score("out.csv");
    let signals = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT];
    for (at, number) in signals.into_iter().enumerate() {
        let mut begin = arguments.clone();
        if table.path("out.csv.partial").exists() {
            begin.push("--resume".to_owned());
        }
        // Each time some that none before can have done.
        let rows = 8_000 + 2_500 * at;
        let held = Held::begin(&table, rows, &begin, &table.path("out.csv.partial"));
        signal(&held.child, number);
        let output = held.ended();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(128 + number), "{said}");
        // One that meets it between two chunks ends at once, without a word.
        assert!(said.is_empty() || said.contains("--resume"), "{said}");
        assert!(!table.path("out.csv").exists());
    }
    let resumed = run(&arguments, &["--resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    let whole = table.score("whole.csv");
    done(&words(&whole));
    assert!(table.read("out.csv") == table.read("whole.csv"));
}

#[test]
fn a_file_that_has_the_name_of_a_record_and_is_none_stays() {
    let table = Table::new(3);
    let record = table.path("out.csv.partial.json");
    fs::copy(table.path("in.csv"), &record).expect("copied");
    let arguments = table.score("out.csv");
    for more in [&[] as &[&str], &["--resume"]] {
        let output = run(&arguments, more);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("out.csv.partial.json is there"), "{said}");
        assert!(fs::read(&record).expect("stays") == fs::read(table.path("in.csv")).expect("read"));
        assert!(!table.path("out.csv").exists());
    }
    // One that a kill left without rows is gone on with.
    fs::write(
        &record,
        "{\"settings\":{},\"rows\":0,\"failed\":0,\"bytes\":0,\"output\":\"\",\"input\":\"\"}",
    )
    .expect("written");
    let output = run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!record.exists());
}

#[cfg(unix)]
#[test]
fn an_output_that_is_an_input_by_any_name_is_refused() {
    let table = Table::new(3);
    let before = table.read("in.csv");
    let unchanged = || assert!(table.read("in.csv") == before, "the input is as it was");
    fs::hard_link(table.path("in.csv"), table.path("link.csv")).expect("linked");
    let stdin = |arguments: &[&str]| {
        let mut command = delicate(arguments);
        command.stdin(File::open(table.path("in.csv")).expect("opened"));
        command.output().expect("the command runs")
    };
    let (own, link) = (table.text("in.csv"), table.text("link.csv"));
    for output in [
        stdin(&["score", "-", "-o", &own]),
        stdin(&["embed", "-", "-o", &link]),
        stdin(&["screen", "-", "--queries", &own, "-o", &link]),
        run(&table.score("link.csv"), &[]),
        run(
            &[
                "score".to_owned(),
                link.clone(),
                "-o".to_owned(),
                own.clone(),
            ],
            &[],
        ),
    ] {
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("both input and output"), "{said}");
        unchanged();
    }
    // What is appended would be read again, for ever.
    let mut append = delicate(&["score", &own]);
    append.stdout(File::options().append(true).open(&own).expect("opened"));
    let output = append.output().expect("the command runs");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    unchanged();
    // Nor is the model replaced by what it predicts.
    let model = table.path("model");
    fs::create_dir(&model).expect("made");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/delicate-small");
    for entry in fs::read_dir(shipped).expect("listed") {
        let path = entry.expect("listed").path();
        fs::copy(&path, model.join(path.file_name().expect("a name"))).expect("copied");
    }
    let output = run(
        &table.score("model/vocab.txt"),
        &["--model", &model.display().to_string()],
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn an_input_that_fails_half_way_replaces_no_older_output() {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    let table = Table::new(1);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    let rows: String = (0..6_000).map(|row| format!("CCO m{row}\n")).collect();
    encoder.write_all(rows.as_bytes()).expect("compressed");
    let whole = encoder.finish().expect("compressed");
    let cut = table.text("cut.smi.gz");
    fs::write(&cut, &whole[..whole.len() - 20]).expect("written");
    fs::write(table.path("out.csv"), "older\n").expect("written");
    let arguments = [
        "score".to_owned(),
        cut.clone(),
        "-o".to_owned(),
        table.text("out.csv"),
    ];
    let output = run(&arguments, &["-q"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("out.csv.partial") && said.contains("--resume"),
        "{said}"
    );
    assert_eq!(table.read("out.csv"), b"older\n");
    let partial = table.read("out.csv.partial");
    assert!(partial.ends_with(b"\n") && partial.len() > 100_000);
    // The file is downloaded again, whole.
    fs::write(&cut, &whole).expect("written");
    let output = run(&arguments, &["-q", "--resume"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines = table
        .read("out.csv")
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count();
    assert_eq!(lines, 6_001);

    fs::write(&cut, &whole[..whole.len() - 20]).expect("written");
    let queries = table.text("in.csv");
    let hits = table.text("hits.csv");
    fs::write(&hits, "older\n").expect("written");
    let output = delicate(&[
        "screen",
        &cut,
        "--queries",
        &queries,
        "--by",
        "ecfp",
        "-o",
        &hits,
    ])
    .output()
    .expect("the command runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("hits.csv.partial"),
        "{}",
        stderr(&output)
    );
    assert_eq!(table.read("hits.csv"), b"older\n");
}

#[test]
fn what_cannot_be_resumed_is_in_nobodys_way() {
    let table = Table::new(3_000);
    let text = String::from_utf8(table.read("in.csv")).expect("text");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text.as_bytes()).expect("compressed");
    let whole = encoder.finish().expect("compressed");
    let cut = table.text("cut.csv.gz");
    fs::write(&cut, &whole[..whole.len() - 20]).expect("written");
    fs::write(table.path("query.smi"), "CCO\n").expect("written");
    let (output, query) = (table.text("out.csv"), table.text("query.smi"));
    let screen = [
        "screen",
        &cut,
        "--queries",
        &query,
        "--by",
        "ecfp",
        "-o",
        &output,
    ]
    .map(str::to_owned);
    let left = || {
        [".partial", ".partial.json"].map(|ending| table.path(&format!("out.csv{ending}")).exists())
    };
    let fails = |arguments: &[String]| {
        let failed = run(arguments, &[]);
        let said = stderr(&failed);
        assert_eq!(failed.status.code(), Some(1), "{said}");
        assert!(said.contains("out.csv.partial"), "it says where: {said}");
        assert_eq!(left(), [true; 2]);
    };
    {
        let arguments = &screen[..];
        // One after the other.
        fails(arguments);
        fails(arguments);
        let refused = run(&table.score("out.csv"), &["--resume"]);
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot be resumed left it"), "{said}");
        done(&words(&table.score("out.csv")));
        assert_eq!(left(), [false; 2]);

        // Whole, a command leaves nothing of its failure.
        fails(arguments);
        fs::write(&cut, &whole).expect("written");
        done(&words(arguments));
        assert_eq!(left(), [false; 2]);
        fs::write(&cut, &whole[..whole.len() - 20]).expect("written");
    }
    // What is somebody else's stays.
    fs::write(table.path("out.csv.partial"), "mine\n").expect("written");
    assert_eq!(run(&screen, &[]).status.code(), Some(1));
    assert_eq!(table.read("out.csv.partial"), b"mine\n");
}

#[test]
fn a_table_that_is_standardized_is_gone_on_with_like_one_that_is_scored() {
    let table = Table::new(3_000);
    let standardize = |input: &str, output: &str| {
        ["standardize", &table.text(input), "-o", &table.text(output)].map(str::to_owned)
    };
    done(&words(&standardize("in.csv", "whole.csv")));
    // Cut in its last row: two chunks are whole.
    let text = String::from_utf8(table.read("in.csv")).expect("text");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text.as_bytes()).expect("compressed");
    let whole = encoder.finish().expect("compressed");
    fs::write(table.path("in.csv.gz"), &whole[..whole.len() - 20]).expect("written");
    let arguments = standardize("in.csv.gz", "out.csv");
    let failed = run(&arguments, &[]);
    let said = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(
        said.contains("out.csv.partial; the same command with --resume goes on"),
        "{said}"
    );
    assert!(!table.path("out.csv").exists());
    // With other options it is another table.
    let other = run(&arguments, &["--resume", "--keep-salts"]);
    assert_eq!(other.status.code(), Some(1), "{}", stderr(&other));
    fs::write(table.path("in.csv.gz"), &whole).expect("written");
    let resumed = run(&arguments, &["--resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert!(table.read("out.csv") == table.read("whole.csv"));
    assert!(!table.path("out.csv.partial").exists());
}

#[test]
fn the_last_words_of_a_resumed_command_are_those_of_the_whole_file() {
    let table = Table::new(0);
    let rows = (0..2_500).map(|row| format!("{}[NH3+].[Cl-]\n", "C".repeat(row % 9 + 1)));
    let text = format!("smiles\n{}", rows.collect::<String>());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text.as_bytes()).expect("compressed");
    let whole = encoder.finish().expect("compressed");
    let score = ["score", "--uncertainty", "--endpoints", "log_s"];
    let parts = ["standardize", "--row-group", "1000"];
    for (command, output) in [(&score[..], "out.csv"), (&parts, "out.parquet")] {
        let mut arguments: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        arguments.extend([table.text("in.csv.gz"), "-o".to_owned(), table.text(output)]);
        let summary = |said: &str| -> Vec<String> {
            let (_, summary) = said.split_once("2500 rows, 0 with errors").expect(said);
            summary.lines().skip(1).map(str::to_owned).collect()
        };
        fs::write(table.path("in.csv.gz"), &whole).expect("written");
        let at_once = summary(stderr(&run(&arguments, &[])).as_ref());
        fs::remove_file(table.path(output)).expect("removed");
        // Cut in its last rows.
        fs::write(table.path("in.csv.gz"), &whole[..whole.len() - 200]).expect("written");
        let failed = run(&arguments, &[]);
        assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));
        fs::write(table.path("in.csv.gz"), &whole).expect("written");
        let resumed = run(&arguments, &["--resume"]);
        assert_eq!(summary(stderr(&resumed).as_ref()), at_once);
        assert_eq!(
            at_once[0],
            "rows in standard form: 2500 without salts or solvents; 2500 in neutral form"
        );
        assert_eq!(
            at_once.len(),
            if output == "out.csv" { 2 } else { 1 },
            "{at_once:?}"
        );
    }
}

#[test]
fn what_an_earlier_version_half_did_is_gone_on_with() {
    let table = Table::new(0);
    let text = format!("smiles\n{}", "CC[NH3+].[Cl-]\n".repeat(2_500));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text.as_bytes()).expect("compressed");
    let whole = encoder.finish().expect("compressed");
    let mut arguments = ["score", "--endpoints", "log_s"]
        .map(str::to_owned)
        .to_vec();
    arguments.extend([
        table.text("in.csv.gz"),
        "-o".to_owned(),
        table.text("out.csv"),
    ]);
    fs::write(table.path("in.csv.gz"), &whole[..whole.len() - 200]).expect("written");
    let failed = run(&arguments, &[]);
    assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));

    // Versions before this one did not count what was done to the rows.
    let mut state: serde_json::Value =
        serde_json::from_slice(&table.read("out.csv.partial.json")).expect("JSON");
    let fields = state.as_object_mut().expect("an object");
    assert!(fields.remove("tally").is_some(), "{fields:?}");
    fs::write(table.path("out.csv.partial.json"), state.to_string()).expect("written");

    fs::write(table.path("in.csv.gz"), &whole).expect("written");
    let resumed = run(&arguments, &["--resume"]);
    let said = stderr(&resumed);
    assert_eq!(resumed.status.code(), Some(0), "{said}");
    assert!(said.contains("2500 rows, 0 with errors"), "{said}");
    assert!(
        said.contains("not counted there: rows that an earlier version had done"),
        "{said}"
    );
}

#[test]
fn whether_a_whole_output_is_that_of_the_command_is_said() {
    let table = Table::new(10);
    done(&words(&table.score("out.csv")));
    let before = table.read("out.csv");
    let again = run(&table.score("out.csv"), &["--resume"]);
    let said = stderr(&again);
    assert_eq!(again.status.code(), Some(0), "{said}");
    assert!(
        said.contains("nothing to resume (its columns are those of this command; model, input"),
        "{said}"
    );
    let other = run(&table.score("out.csv"), &["--resume", "--uncertainty"]);
    let said = stderr(&other);
    assert_eq!(other.status.code(), Some(2), "{said}");
    assert!(
        said.contains("with other columns than this command"),
        "{said}"
    );
    assert!(said.contains("leave --resume out"), "{said}");
    assert!(
        said.contains("it lacks `log_s_low`, `log_s_high`, `log_s_domain`"),
        "{said}"
    );
    assert!(table.read("out.csv") == before);
}

/// One version may have several builds, and those other columns.
#[test]
fn rows_of_other_columns_are_not_gone_on_with() {
    let table = Table::new(2_500);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder
        .write_all(&table.read("in.csv"))
        .expect("compressed");
    let whole = encoder.finish().expect("compressed");
    for name in ["out.csv", "out.jsonl", "out.sdf"] {
        let input = table.text("in.csv.gz");
        let command = words_of(&["standardize", &input, "-o", &table.text(name)]);
        fs::write(table.path("in.csv.gz"), &whole[..whole.len() - 200]).expect("written");
        let failed = run(&command, &[]);
        assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));
        fs::write(table.path("in.csv.gz"), &whole).expect("written");
        let record = table.path(&format!("{name}.partial.json"));
        let before = table.read(&format!("{name}.partial"));
        let resumed_from = |columns: Option<serde_json::Value>| {
            let text = fs::read(&record).expect("there");
            let mut state: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            let settings = state["settings"].as_object_mut().expect("an object");
            let was = match columns {
                Some(columns) => settings.insert("columns".to_owned(), columns),
                None => settings.remove("columns"),
            };
            fs::write(&record, state.to_string()).expect("written");
            (run(&command, &["--resume"]), was.expect("recorded"))
        };
        let others = serde_json::json!(["id", "smiles", "standardized", "old", "error"]);
        let (refused, was) = resumed_from(Some(others));
        let (unknown, _) = resumed_from(None);
        for (output, why) in [
            (
                refused,
                "it was begun with other columns than are written now: it lacks `changes`, and it \
                 has `old` beside them",
            ),
            (
                unknown,
                "an earlier build began it, which did not record its columns",
            ),
        ] {
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(why), "{said}");
        }
        assert!(table.read(&format!("{name}.partial")) == before, "it stays");
        // And with its own it is.
        let mut state: serde_json::Value =
            serde_json::from_slice(&fs::read(&record).expect("there")).expect("JSON");
        state["settings"]["columns"] = was;
        fs::write(&record, state.to_string()).expect("written");
        done(&[&words(&command)[..], &["--resume"]].concat());
    }
}

/// A limit on the size of files stands in for a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_the_older_output_and_what_is_done() {
    let table = Table::new(4_000);
    done(&words(&table.score("whole.csv")));
    let arguments = table.score("out.csv");
    fs::write(table.path("out.csv"), "older\n").expect("written");
    let quoted: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "trap '' XFSZ; ulimit -f 300; exec '{}' {} -q",
        env!("CARGO_BIN_EXE_delicate"),
        quoted.join(" ")
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("DELICATE_DEVICE", "cpu")
        .env_remove("DELICATE_MODEL")
        .output()
        .expect("a shell");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("out.csv"), "{said}");
    assert_eq!(table.read("out.csv"), b"older\n");
    let resumed = run(&arguments, &["-q", "--resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert!(table.read("out.csv") == table.read("whole.csv"));
}

/// One that takes no file from anybody, root included.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_is_an_error() {
    let table = Table::new(2);
    let place = "/proc/self";
    for arguments in [
        vec!["score", "in.csv", "-o", "/proc/self/out.csv"],
        vec![
            "screen",
            "in.csv",
            "--queries",
            "in.csv",
            "--by",
            "ecfp",
            "-o",
            "/proc/self/o.csv",
        ],
        vec![
            "pretrain",
            "delicate-small",
            "--train",
            "in.csv",
            "-o",
            "/proc/self/run",
        ],
        vec!["export", "model", "-o", "/proc/self/model"],
    ] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/delicate-small");
        let model = shipped.display().to_string();
        let arguments: Vec<&str> = arguments
            .into_iter()
            .map(|word| if word == "model" { &*model } else { word })
            .collect();
        let mut command = delicate(&arguments);
        let output = command.current_dir(table.0.path()).output();
        let output = output.expect("the command runs");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(place) && !said.contains("panicked"), "{said}");
    }
    for name in ["out.csv", "out.parquet"] {
        let output = format!("{place}/{name}");
        let said = stderr(&run(
            &words_of(&["standardize", &table.text("in.csv")]),
            &["-o", &output],
        ));
        assert!(
            said.starts_with(&format!("delicate: writing {output}: ")),
            "{said}"
        );
        assert!(!said.contains("-partial-"), "{said}");
    }
    // Its folder takes it, and what stands beside it until it is whole has too long a name.
    let long = table.text(&format!("{}.csv", "a".repeat(245)));
    let said = stderr(&run(
        &words_of(&["standardize", &table.text("in.csv")]),
        &["-o", &long],
    ));
    assert!(
        said.starts_with(&format!("delicate: writing {long}: ")),
        "{said}"
    );
    assert!(said.contains("choose a shorter -o"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn messages_that_nobody_takes_end_no_work() {
    let table = Table::new(3);
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("it opens")
    };
    let mut score = delicate(&["score", &table.text("in.csv")]);
    let output = score.stderr(full()).output().expect("the command runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        output.stdout.iter().filter(|&&byte| byte == b'\n').count(),
        4
    );
    // An error keeps its code, and help that cannot be written is one.
    let status = |command: &mut Command| command.status().expect("the command runs").code();
    assert_eq!(
        status(delicate(&["score", "absent.csv"]).stderr(full())),
        Some(1)
    );
    assert_eq!(status(delicate(&["--unknown"]).stderr(full())), Some(2));
    let mut help = delicate(&["--help"]);
    assert_eq!(status(help.stdout(full()).stderr(Stdio::null())), Some(1));

    let place = Place::new();
    let paths = place.paths("run");
    let mut arguments = place.pretraining(&paths);
    arguments.extend(["--set", "epochs=0.2"]);
    let mut training = delicate(&arguments);
    assert_eq!(
        status(training.stdout(Stdio::null()).stderr(full())),
        Some(0)
    );
    assert!(place.join("run/model/config.json").is_file());
    // As behind `head`: the reader of messages ends in the middle.
    let paths = place.paths("piped");
    let mut arguments = place.pretraining(&paths);
    arguments.extend(["--set", "epochs=0.2"]);
    let mut child = delicate(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    assert!(weights(&place.join("run")) == weights(&place.join("piped")));
}

#[cfg(unix)]
#[test]
fn a_run_is_of_one_process_and_ends_with_every_signal() {
    let place = Place::new();
    // Relative paths, and resumed from elsewhere.
    let begin = || {
        let arguments = [
            "pretrain",
            "delicate-small",
            "--train",
            "corpus.smi.gz",
            "--valid",
            "valid.smi",
            "-o",
            "run",
            "--batch-molecules",
            "16",
            "--epochs",
            "3",
            "--set",
            "checkpoint_every=100000",
        ];
        let mut command = delicate(&arguments);
        command.current_dir(place.join(""));
        with_signals(&mut command)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs")
    };
    let run_directory = place.text("run");
    let resume = || {
        let mut command = delicate(&["resume", &run_directory]);
        command.stderr(Stdio::piped()).stdout(Stdio::null());
        with_signals(&mut command)
            .spawn()
            .expect("the command runs")
    };
    let mut child = begin();
    for number in [libc::SIGTERM, libc::SIGHUP] {
        let lines = metrics_text(&place.join("run")).lines().count();
        wait(&mut child, "a step", || {
            metrics_text(&place.join("run")).lines().count() > lines
        });
        // Held, so that it is not done by then.
        signal(&child, libc::SIGSTOP);
        let second = resume().wait_with_output().expect("ended");
        let said = stderr(&second);
        assert_eq!(second.status.code(), Some(1), "{said}");
        let by = format!("run is in use by another process ({})", child.id());
        assert!(said.contains(&by), "{said}");
        signal(&child, number);
        signal(&child, libc::SIGCONT);
        let output = child.wait_with_output().expect("ended");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(128 + number), "{said}");
        assert!(said.contains("resume it with"), "{said}");
        assert!(has_checkpoint(&place.join("run")));
        child = resume();
    }
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before_it() {
    let place = Place::new();
    let paths = place.paths("whole");
    done(&place.pretraining(&paths));
    let paths = place.paths("killed");
    let mut child = delicate(&place.pretraining(&paths))
        .stderr(Stdio::null())
        .spawn()
        .expect("the command runs");
    let checkpoints = || -> Vec<PathBuf> {
        let entries = fs::read_dir(place.join("killed/checkpoints"));
        let paths = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let mut all: Vec<PathBuf> = paths
            .filter(|path| path.to_string_lossy().contains("step-"))
            .collect();
        all.sort();
        all
    };
    wait(&mut child, "two checkpoints", || checkpoints().len() >= 2);
    child.kill().expect("killed");
    child.wait().expect("ended");
    let newest = checkpoints().pop().expect("a checkpoint");
    let file = newest.join("optimizer.safetensors");
    let mut bytes = fs::read(&file).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("written");
    let output = delicate(&["resume", &paths[2]])
        .output()
        .expect("the command runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("is damaged") && said.contains("the checkpoint before it"),
        "{said}"
    );
    assert!(
        weights(&place.join("whole")) == weights(&place.join("killed")),
        "to the bit"
    );
}
