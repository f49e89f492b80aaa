//! What to try where the arguments cannot be read, beside what the parser says of them.

use std::ffi::OsString;
use std::path::Path;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use delicate::chemistry::Molecule;

/// How commands are called, by their names.
const EXAMPLES: [(&[&str], &str); 17] = [
    (&["score", "predict"], "score molecules.csv -o scored.csv"),
    (&["explain"], "explain 'CC(=O)Oc1ccccc1C(=O)O'"),
    (&["embed"], "embed molecules.smi -o embeddings.jsonl"),
    (
        &["screen"],
        "screen library.smi --queries actives.smi -o hits.csv",
    ),
    (&["index"], "index library.smi -o library.index"),
    (&["standardize"], "standardize vendor.sdf -o parents.csv"),
    (&["properties"], "properties vendor.sdf -o properties.csv"),
    (&["describe"], "describe run/model delicate-small"),
    (
        &["reference"],
        "reference drugs.csv --model run/model --name 'marketed drugs'",
    ),
    (
        &["pretrain"],
        "pretrain delicate-small --train corpus.smi -o run",
    ),
    (
        &["distill"],
        "distill delicate-small --train corpus.smi --teacher large/model -o run",
    ),
    (&["finetune"], "finetune assay.csv --label pIC50 -o run"),
    (&["resume", "report", "evaluate"], "COMMAND run"),
    (&["data"], "data get esol -o data"),
    (&["completions"], "completions bash"),
    (&["import"], "import checkpoint.pt -o model"),
    (&["export"], "export run/model -o small --precision int8"),
];

/// Options that other programs have, by what is said of them here.
const ELSEWHERE: [(&[&str], &str); 6] = [
    (
        &[
            "--threads",
            "--jobs",
            "--n-jobs",
            "-j",
            "-t",
            "--num-threads",
            "--workers",
        ],
        "the variable RAYON_NUM_THREADS sets the number of threads",
    ),
    (
        &["--gpu", "--cuda", "--use-gpu", "--cpu", "--no-gpu"],
        "--device auto, gpu or cpu says where to compute",
    ),
    (
        &["--input", "--in", "--file", "-i", "-f"],
        "a file is named without an option: delicate score molecules.csv",
    ),
    (
        &["--out", "-O", "--outfile", "--output-file", "--save"],
        "-o names the output",
    ),
    (
        &["--smiles", "--smi"],
        "--smiles-column names the column of SMILES; one molecule is seen with delicate explain 'CCO'",
    ),
    (
        &["--verbose", "-v", "-vv"],
        "there is no such option: what there is to say is said, and -q leaves out the progress",
    ),
];

/// A line of what to try; `None` where the parser has said all there is to say.
pub(crate) fn hint(error: &Error, arguments: &[OsString]) -> Option<String> {
    let command = arguments.get(1)?.to_string_lossy();
    match error.kind() {
        ErrorKind::InvalidSubcommand => instead_of_command(&command),
        ErrorKind::MissingRequiredArgument => {
            Some(format!("Example: delicate {}", example(&command)?))
        }
        ErrorKind::UnknownArgument => {
            let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
                return None;
            };
            if let Some(hint) = negative_number(unknown, arguments) {
                return Some(hint);
            }
            if Path::new(unknown).is_file() {
                return Some("Hint: one file is taken at a time".to_owned());
            }
            let known = ELSEWHERE
                .iter()
                .find(|(names, _)| names.contains(&unknown.as_str()));
            known.map(|(_, words)| format!("Hint: {words}"))
        }
        _ => None,
    }
}

fn example(command: &str) -> Option<String> {
    let known = EXAMPLES.iter().find(|(names, _)| names.contains(&command));
    known.map(|(_, example)| example.replace("COMMAND", command))
}

/// How a number below zero is given to the option before it. The parser, which takes the
/// number for options of one letter each, names the first of them, as `-1` of `-10`.
fn negative_number(unknown: &str, arguments: &[OsString]) -> Option<String> {
    let is_it = |text: &str| {
        let digits = text.strip_prefix('-');
        digits.is_some_and(|digits| digits.starts_with(|it: char| it.is_ascii_digit() || it == '.'))
            && text.starts_with(unknown)
            && text.parse::<f64>().is_ok()
    };
    let texts: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
    let place = texts.iter().position(|text| is_it(text))?;
    let number = &texts[place];
    let option = texts.get(place.checked_sub(1)?)?;
    let is_option = option.starts_with("--") && !option.contains('=');
    is_option.then(|| {
        format!(
            "Hint: what begins with - is taken for an option; {option}={number} gives {option} a \
             number below zero, if it takes one"
        )
    })
}

/// What a file or a molecule in place of a command wants.
fn instead_of_command(named: &str) -> Option<String> {
    if Path::new(named).is_file() {
        Some(format!("To score a file: delicate score {named}"))
    } else if Molecule::parse(named).is_ok() {
        Some(format!("To see one molecule: delicate explain '{named}'"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::Arguments;

    /// The error and the hint for a command line.
    fn hinted(line: &[&str]) -> String {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        let error = Arguments::try_parse_from(&arguments).expect_err("refused");
        hint(&error, &arguments).unwrap_or_default()
    }

    #[test]
    fn common_mistakes_end_in_what_to_try() {
        for (line, words) in [
            (&["delicate", "score"][..], "delicate score molecules.csv"),
            (&["delicate", "predict"], "delicate score molecules.csv"),
            (&["delicate", "report"], "delicate report run"),
            (&["delicate", "index", "a.smi"], "-o library.index"),
            (
                &["delicate", "score", "a.smi", "--threads", "4"],
                "RAYON_NUM_THREADS",
            ),
            (&["delicate", "score", "a.smi", "-j4"], "RAYON_NUM_THREADS"),
            (&["delicate", "score", "a.smi", "--gpu"], "--device"),
            (&["delicate", "score", "-i", "a.smi"], "without an option"),
            (
                &["delicate", "finetune", "a.csv", "-o", "r", "--seed", "-1"],
                "--seed=-1 ",
            ),
            (
                &["delicate", "finetune", "a.csv", "-o", "r", "--seed", "-10"],
                "--seed=-10 ",
            ),
            (&["delicate", "score", "a.smi", "Cargo.toml"], "one file"),
            (&["delicate", "CCO"], "delicate explain 'CCO'"),
            (&["delicate", "Cargo.toml"], "delicate score Cargo.toml"),
        ] {
            let said = hinted(line);
            assert!(said.contains(words), "{line:?}: {said}");
        }
        // Numbers that belong to no option, and an option that only begins as one.
        for line in [
            &["delicate", "score", "a.smi", "5"][..],
            &["delicate", "score", "a.smi", "-5"],
            &["delicate", "score", "a.smi", "--inf"],
        ] {
            assert_eq!(hinted(line), "", "{line:?}");
        }
    }

    #[test]
    fn every_example_is_read() {
        for (names, _) in EXAMPLES {
            for name in names {
                let known = Arguments::command().find_subcommand(name).is_some();
                assert!(known || *name == "predict", "{name}");
                let example = example(name).expect("there is one");
                let line = example.replace('\'', "");
                // Blanks within quotes are none of ours here.
                let line = line.replace("marketed drugs", "drugs");
                let line = format!("delicate {line}");
                let read = Arguments::try_parse_from(line.split_whitespace());
                assert!(read.is_ok(), "{line}: {:?}", read.err());
            }
        }
    }
}
