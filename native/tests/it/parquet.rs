//! Parquet files in and out, as users of the command have them.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use delicate::records::parquet::{
    ParquetFile, ParquetLayout, ParquetWriter, Texts, UserRows, join, text_of,
};
use delicate::records::{Columns, Header, ReadOptions, Row, Structure};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_delicate"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .output()
        .expect("the command runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeed(folder: &Path, arguments: &[&str]) -> Output {
    let output = run(folder, arguments);
    let code = output.status.code();
    assert_eq!(code, Some(0), "{arguments:?}: {}", stderr(&output));
    output
}

/// A file of `groups` row groups of `each` rows, whose row of the number `broken` is no
/// molecule.
fn write(path: &Path, groups: usize, each: usize, broken: Option<usize>) {
    let header = Header {
        columns: vec!["smiles".to_owned(), "id".to_owned(), "log_s".to_owned()],
        smiles: Some(0),
        id: Some(1),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let layout = ParquetLayout::of_text(&header, Columns::Standardized);
    let parts: Vec<_> = (0..groups)
        .map(|group| {
            let rows: Vec<Row> = (group * each..(group + 1) * each)
                .map(|number| {
                    let smiles = match broken == Some(number) {
                        true => "c1ccc".to_owned(),
                        false => format!("{}O", "C".repeat(number % 7 + 1)),
                    };
                    Row {
                        line: 0,
                        fields: vec![smiles.clone(), format!("m{number}"), "mine".to_owned()],
                        molecule: Ok(Structure::Smiles(smiles)),
                    }
                })
                .collect();
            let mut frame = layout.frame();
            for _ in &rows {
                frame.push(None, Ok(()));
            }
            let path = folder.path().join(group.to_string());
            let file = File::create(&path).expect("created");
            let mut writer = ParquetWriter::new(file, &layout).expect("begun");
            writer.write(UserRows::Text(&rows), frame).expect("written");
            writer.finish().expect("finished");
            path
        })
        .collect();
    join(File::create(path).expect("created"), &layout, &parts).expect("joined");
}

/// The columns and the rows of a file, as text.
fn read(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let file = File::open(path).expect("there");
    let file = ParquetFile::open(file, &ReadOptions::default()).expect("Parquet");
    let mut rows = Vec::new();
    for group in 0..file.row_groups() {
        for batch in file.batches(group, 100).expect("a row group") {
            let batch = batch.expect("read").rows(Texts::All).expect("text");
            rows.extend(batch.into_iter().map(|row| row.fields));
        }
    }
    (file.header().columns.clone(), rows)
}

/// The cells of a table without quotes.
fn table(csv: &str) -> Vec<Vec<String>> {
    let lines = csv.lines().skip(1);
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

#[test]
fn values_are_those_of_a_table_of_text_and_the_users_columns_come_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(&folder.join("in.parquet"), 3, 5, Some(7));
    let endpoints = ["--endpoints", "log_s,ames", "-q"];
    let score = |input: &str, output: &str| {
        let arguments = ["score", input, "-o", output];
        succeed(folder, &[&arguments[..], &endpoints[..]].concat());
    };
    score("in.parquet", "out.parquet");
    score("in.parquet", "out.csv");
    let (columns, rows) = read(&folder.join("out.parquet"));
    assert_eq!(
        columns,
        [
            "smiles",
            "id",
            "log_s",
            "standardized",
            "changes",
            "error",
            "delicate_log_s",
            "ames",
            "delicate_standardized",
            "delicate_changes",
            "delicate_error"
        ]
    );
    assert_eq!(rows.len(), 15);
    assert_eq!(rows[4][..3], ["CCCCCO", "m4", "mine"]);
    assert!(rows[7][10].contains("ring"), "{:?}", rows[7]);
    assert_eq!(rows[7][6], "");
    let csv = fs::read_to_string(folder.join("out.csv")).expect("there");
    assert_eq!(csv.lines().next(), Some(columns.join(",").as_str()));
    let same = |a: &str, b: &str| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() < 1e-6,
        _ => a == b,
    };
    for (row, line) in rows.iter().zip(table(&csv)) {
        // The error of the row that is none holds commas.
        if row[10].is_empty() {
            let pairs = row.iter().zip(&line);
            assert!(pairs.clone().all(|(a, b)| same(a, b)), "{row:?} {line:?}");
        }
    }
    // A table of text into Parquet, and back into text by another command.
    score("out.csv", "again.parquet");
    let (columns, again) = read(&folder.join("again.parquet"));
    assert_eq!(columns[..11], read(&folder.join("out.parquet")).0[..]);
    assert_eq!(again.len(), 15);
    assert_eq!(again[3][11], again[3][6]);
    let output = succeed(
        folder,
        &["standardize", "again.parquet", "--format", "jsonl"],
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 15);
    assert!(text.contains("\"id\":\"m14\""), "{text}");
}

#[test]
fn a_run_that_ended_goes_on_after_its_finished_row_groups_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(&folder.join("in.parquet"), 4, 30, Some(70));
    succeed(
        folder,
        &["embed", "in.parquet", "-q", "-o", "whole.parquet"],
    );
    let embed = ["embed", "in.parquet", "-q", "-o", "out.parquet"];
    let ended = run(folder, &[&embed[..], &["--on-error", "fail"]].concat());
    assert_eq!(ended.status.code(), Some(3), "{}", stderr(&ended));
    let message = stderr(&ended);
    assert!(message.contains("line 71 (m70)"), "{message}");
    assert!(
        message.contains("the 60 rows so far are in out.parquet.partial"),
        "{message}"
    );
    assert!(message.contains("--resume"), "{message}");
    assert!(!folder.join("out.parquet").exists());
    let part = folder.join("out.parquet.partial/00000001.parquet");
    let made = part.metadata().and_then(|it| it.modified()).expect("there");

    // What was made otherwise is not gone on with.
    let resume = |more: &[&str]| run(folder, &[&embed[..], &["--resume"], more].concat());
    let refused = resume(&["--keep-salts"]);
    assert_eq!(refused.status.code(), Some(1));
    let message = stderr(&refused);
    assert!(message.contains("keep_salts"), "{message}");
    assert_eq!(
        part.metadata().and_then(|it| it.modified()).ok(),
        Some(made)
    );

    assert_eq!(resume(&[]).status.code(), Some(0));
    let bytes = |name: &str| fs::read(folder.join(name)).expect("there");
    assert!(
        bytes("out.parquet") == bytes("whole.parquet"),
        "the bytes differ"
    );
    assert!(!folder.join("out.parquet.partial").exists());
    let nothing = resume(&[]);
    assert_eq!(nothing.status.code(), Some(0));
    assert!(
        stderr(&nothing).contains("nothing to resume"),
        "{}",
        stderr(&nothing)
    );
    let refused = resume(&["--tta", "2"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("tta") || stderr(&refused).contains("augmentations"));
}

/// One version may have several builds, and those other columns.
#[test]
fn what_another_build_made_is_neither_gone_on_with_nor_called_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(&folder.join("in.parquet"), 2, 30, Some(40));
    let command = ["standardize", "in.parquet", "-q", "-o", "out.parquet"];
    succeed(folder, &command);
    // What it says of itself is the same, and its columns are others.
    let as_before = |path: &Path| {
        let source = File::open(folder.join("in.parquet")).expect("there");
        let source = ParquetFile::open(source, &ReadOptions::default()).expect("Parquet");
        let mut layout = ParquetLayout::of_parquet(&source, Columns::Similarity);
        for name in ["delicate", "delicate.part"] {
            if let (Some(text), _) = text_of(path, name).expect("read") {
                layout = layout.saying(name, text);
            }
        }
        let file = File::create(path).expect("created");
        let writer = ParquetWriter::new(file, &layout).expect("begun");
        writer.finish().expect("finished");
    };
    let resume = || run(folder, &[&command[..], &["--resume"]].concat());
    let refused = |said: &str, name: &str, why: &str| {
        for expected in [
            name,
            "cannot be resumed: another build made it, with other columns than this one: ",
            why,
            "leave --resume out to begin again",
        ] {
            assert!(said.contains(expected), "{said}");
        }
    };
    const HAS: &str = "and it has `similarity`, `nearest_query` beside them";
    assert!(stderr(&resume()).contains("nothing to resume"));
    let out = folder.join("out.parquet");
    as_before(&out);
    let before = fs::read(&out).expect("there");
    let output = resume();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    refused(
        &stderr(&output),
        "out.parquet",
        &format!("it lacks `delicate_error`, {HAS}"),
    );
    assert!(fs::read(&out).expect("there") == before);

    // And so for what is half done.
    fs::remove_file(&out).expect("removed");
    let command = ["embed", "in.parquet", "-q", "-o", "half.parquet"];
    let ended = run(folder, &[&command[..], &["--on-error", "fail"]].concat());
    assert_eq!(ended.status.code(), Some(3), "{}", stderr(&ended));
    as_before(&folder.join("half.parquet.partial/00000000.parquet"));
    let output = run(folder, &[&command[..], &["--resume"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let why = format!("it lacks `embedding`, `delicate_error`, {HAS}");
    refused(&stderr(&output), "half.parquet.partial", &why);
    assert!(!folder.join("half.parquet").exists());
}

#[test]
fn shards_in_their_order_are_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(&folder.join("in.parquet"), 5, 3, None);
    let shards: Vec<Vec<Vec<String>>> = ["1/3", "2/3", "3/3"]
        .into_iter()
        .map(|shard| {
            let name = format!("{}.parquet", &shard[..1]);
            succeed(
                folder,
                &[
                    "standardize",
                    "in.parquet",
                    "-q",
                    "--shard",
                    shard,
                    "-o",
                    &name,
                ],
            );
            read(&folder.join(name)).1
        })
        .collect();
    assert_eq!(shards.iter().map(Vec::len).collect::<Vec<_>>(), [3, 6, 6]);
    let ids: Vec<&str> = shards.iter().flatten().map(|row| row[1].as_str()).collect();
    let expected: Vec<String> = (0..15).map(|number| format!("m{number}")).collect();
    assert_eq!(ids, expected);
    // More of them than row groups: some are empty, which is said, and none is an error.
    let output = succeed(
        folder,
        &[
            "standardize",
            "in.parquet",
            "-q",
            "--shard",
            "1/9",
            "-o",
            "no.parquet",
        ],
    );
    let said = stderr(&output);
    let (own, said) = said.split_once('\n').expect("two lines");
    assert!(own.contains("`delicate_standardized`"), "{own}");
    assert_eq!(
        said,
        "in.parquet has 5 row groups, so of 9 parts 4 are empty; write it with smaller row groups \
         (`--row-group ROWS`)\n"
    );
    fs::write(folder.join("a.smi"), "CCO\n").expect("written");
    for (shard, input, code, words) in [
        ("0/3", "in.parquet", 2, "the first is 1"),
        ("4/3", "in.parquet", 2, "the first is 1"),
        ("a", "in.parquet", 2, "write it as 1/4"),
        ("1/3", "a.smi", 2, "row groups"),
    ] {
        let output = run(folder, &["standardize", input, "--shard", shard]);
        assert_eq!(output.status.code(), Some(code), "{shard}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn what_cannot_be_read_or_written_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(&folder.join("in.parquet"), 2, 3, None);
    let whole = fs::read(folder.join("in.parquet")).expect("there");
    let put = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("written");
    put("cut.parquet", &whole[..whole.len() / 2]);
    put("text.parquet", b"smiles\nCCO\n");
    put("none.parquet", b"");
    put(
        "locked.parquet",
        &[&whole[..whole.len() - 4], b"PARE"].concat(),
    );
    for (arguments, code, words) in [
        (
            &["score", "cut.parquet"][..],
            1,
            "cut.parquet: the Parquet file is cut short",
        ),
        (&["score", "text.parquet"], 1, "it is no Parquet file"),
        (&["score", "none.parquet"], 1, "the file is empty"),
        (&["score", "locked.parquet"], 1, "encrypted"),
        (
            &["score", "in.parquet", "--smiles-column", "x"],
            1,
            "no column `x`; the table has `smiles`",
        ),
        (
            &["score", "in.parquet", "--format", "parquet"],
            2,
            "name it with -o",
        ),
        (
            &["score", "in.parquet", "-o", "a.parquet.gz"],
            2,
            "leave out the .gz",
        ),
        (
            &["score", "in.parquet", "-o", "in.parquet"],
            2,
            "both input and output",
        ),
        (
            &[
                "screen",
                "in.parquet",
                "--queries",
                "in.parquet",
                "-o",
                "a.parquet",
            ],
            2,
            "writes no Parquet",
        ),
    ] {
        let output = run(folder, arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
}

#[test]
fn row_groups_are_as_small_as_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let lines: String = (0..2500)
        .map(|number| format!("{}O m{number}\n", "C".repeat(number % 7 + 1)))
        .collect();
    fs::write(folder.join("in.smi"), lines).expect("written");
    let sizes = |name: &str| {
        let file = File::open(folder.join(name)).expect("there");
        let file = ParquetFile::open(file, &ReadOptions::default()).expect("Parquet");
        (0..file.row_groups())
            .map(|group| file.rows_of(group))
            .collect::<Vec<_>>()
    };
    let standardize = |input: &str, rows: &str, output: &str| {
        let usual = ["standardize", input, "-q", "-o", output];
        succeed(folder, &[&usual[..], &["--row-group", rows]].concat());
        sizes(output)
    };
    assert_eq!(
        standardize("in.smi", "1000", "a.parquet"),
        [1000, 1000, 500]
    );
    // A larger one holds whole chunks.
    assert_eq!(
        standardize("in.smi", "2000", "b.parquet"),
        [1024, 1024, 452]
    );
    assert_eq!(
        standardize("b.parquet", "600", "c.parquet")
            .iter()
            .sum::<u64>(),
        2500
    );
    assert!(sizes("c.parquet").iter().all(|&rows| rows <= 600));
    succeed(folder, &["standardize", "in.smi", "-q", "-o", "d.parquet"]);
    assert_eq!(sizes("d.parquet"), [2500]);
    let (_, a) = read(&folder.join("a.parquet"));
    let (_, d) = read(&folder.join("d.parquet"));
    assert_eq!(a, d);
    let usual = ["index", "in.smi", "--by", "ecfp", "-q"];
    succeed(
        folder,
        &[&usual[..], &["--row-group", "700", "-o", "i.parquet"]].concat(),
    );
    assert_eq!(sizes("i.parquet"), [700, 700, 700, 400]);
    // It is another file, and not gone on with.
    for (arguments, code, words) in [
        (
            &["-o", "a.parquet", "--row-group", "999", "--resume"][..],
            1,
            "row_group",
        ),
        (&["-o", "a.parquet", "--row-group", "0"], 2, "from 1 to"),
        (&["-o", "a.csv", "--row-group", "9"], 2, "of Parquet output"),
    ] {
        let output = run(folder, &[&["standardize", "in.smi"], arguments].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_a_process_leaves_that_is_killed_at_its_start_is_in_nobodys_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("in.smi"), "CCO a\nCCN b\n").expect("written");
    let commands = [
        &["standardize", "in.smi", "-q"][..],
        &["index", "in.smi", "--by", "ecfp", "-q"],
    ];
    for command in commands {
        for resume in [&[][..], &["--resume"]] {
            // Nothing, or a record that has not got its name.
            for left in [&[][..], &[".delicate-partial-aB3x9z"]] {
                let parts = folder.join("out.parquet.partial");
                fs::create_dir(&parts).expect("made");
                for name in left {
                    fs::write(parts.join(name), "{").expect("written");
                }
                let arguments = [command, resume, &["-o", "out.parquet"]].concat();
                succeed(folder, &arguments);
                let (_, rows) = read(&folder.join("out.parquet"));
                assert_eq!(rows.len(), 2, "{arguments:?} {left:?}");
                fs::remove_file(folder.join("out.parquet")).expect("removed");
            }
        }
    }
    let names = fs::read_dir(folder).expect("listed");
    let names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["in.smi"], "nothing else is left");
    // What holds anything else is somebody's.
    let parts = folder.join("out.parquet.partial");
    fs::create_dir(&parts).expect("made");
    fs::write(parts.join("mine.txt"), "mine").expect("written");
    let output = run(folder, &["standardize", "in.smi", "-o", "out.parquet"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no interrupted run left it"));
    assert_eq!(fs::read(parts.join("mine.txt")).expect("stays"), b"mine");
}

#[test]
fn a_number_of_threads_that_no_machine_has_is_refused() {
    for name in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
        let output = Command::new(env!("CARGO_BIN_EXE_delicate"))
            .args(["endpoints"])
            .env(name, "100000")
            .output()
            .expect("the command runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("more than 1024 threads"));
    }
}
