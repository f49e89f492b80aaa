//! Rows of tables that are not trained on: said in groups, stored one by one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::labels::Refusal;
use crate::records::RowError;
use crate::tokenizer::TOO_LONG;

/// Lines that a message lists.
const LISTED: usize = 10;

/// What of a row cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Its label.
    Label(Refusal),
    /// Its molecule, and so the row.
    Molecule,
}

/// A row, or one label of it, that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The file.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: u64,
    /// The column of the label; `None` where the molecule is at fault.
    pub column: Option<String>,
    /// What of it.
    pub fault: Fault,
    /// Why.
    pub why: String,
}

/// Why a molecule cannot be trained on, and what to do where a setting decides it.
pub(super) fn reason(error: RowError) -> String {
    let RowError {
        reason, message, ..
    } = error;
    match reason == TOO_LONG {
        true => format!(
            "{message}; the setting `max_length` decides, such as --set max_length=256, up to 4096"
        ),
        false => message,
    }
}

/// Each fault once: a molecule is read again for every label of its row.
pub(super) fn once(mut all: Vec<LeftOut>) -> Vec<LeftOut> {
    all.sort_by(|a, b| (&a.path, a.line, &a.column).cmp(&(&b.path, b.line, &b.column)));
    all.dedup();
    all
}

/// A sentence for each kind of fault of each column, such as
/// ``assay.csv, pIC50: 2 labels with `>` left out: lines 4, 9``.
pub fn summary(all: &[LeftOut]) -> Vec<String> {
    let mut groups: BTreeMap<(&Path, Option<&str>, Fault), Vec<&LeftOut>> = BTreeMap::new();
    for one in all {
        let key = (one.path.as_path(), one.column.as_deref(), one.fault);
        groups.entry(key).or_default().push(one);
    }
    let sentence = |((path, column, fault), rows): (_, Vec<&LeftOut>)| {
        let path: &Path = path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let place = match column {
            Some(column) => format!("{name}, {column}"),
            None => name.into_owned(),
        };
        let what = match (fault, rows.len()) {
            (Fault::Label(refusal), count) => refusal.counted(count),
            (Fault::Molecule, 1) => "1 row whose molecule cannot be used".to_owned(),
            (Fault::Molecule, count) => format!("{count} rows whose molecules cannot be used"),
        };
        let example = match (fault, rows.first()) {
            (Fault::Label(Refusal::Comma), _) => ": write decimals with a point".to_owned(),
            (Fault::Molecule, Some(first)) => format!(" ({})", first.why),
            _ => String::new(),
        };
        format!("{place}: {what} left out: {}{example}", lines(&rows))
    };
    groups.into_iter().map(sentence).collect()
}

/// `lines 4, 9 and 12 more`.
fn lines(rows: &[&LeftOut]) -> String {
    let listed: Vec<String> = rows
        .iter()
        .take(LISTED)
        .map(|row| row.line.to_string())
        .collect();
    let word = if rows.len() == 1 { "line" } else { "lines" };
    let more = match rows.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{word} {}{more}", listed.join(", "))
}

/// A row of a table for each.
pub(super) fn to_csv(all: &[LeftOut]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file", "line", "column", "reason"])?;
    for one in all {
        writer.write_record([
            &*one.path.to_string_lossy(),
            &one.line.to_string(),
            one.column.as_deref().unwrap_or_default(),
            &one.why,
        ])?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::TokenError;

    fn left_out(line: u64, column: Option<&str>, fault: Fault) -> LeftOut {
        LeftOut {
            path: "data/assay.csv".into(),
            line,
            column: column.map(str::to_owned),
            fault,
            why: "why".to_owned(),
        }
    }

    #[test]
    fn of_a_molecule_that_is_too_long_the_setting_is_named() {
        let error = TokenError::TooLong {
            length: 177,
            limit: 128,
        };
        let said = reason(RowError::new(error.code(), error.to_string()));
        assert!(said.starts_with("177 tokens") && said.contains("--set max_length=256"));
        let other = RowError::new("unreadable", "why");
        assert_eq!(reason(other), "why");
    }

    #[test]
    fn faults_are_grouped_counted_and_stored_with_their_lines() {
        let label = |line| {
            let fault = Fault::Label(Refusal::Operator(">"));
            left_out(line, Some("pIC50"), fault)
        };
        let mut all: Vec<LeftOut> = (4..16).map(label).collect();
        all.push(left_out(3, None, Fault::Molecule));
        all.push(left_out(3, None, Fault::Molecule));
        let all = once(all);
        assert_eq!(
            summary(&all),
            [
                "assay.csv: 1 row whose molecule cannot be used left out: line 3 (why)",
                "assay.csv, pIC50: 12 labels with `>` left out: lines 4, 5, 6, 7, 8, 9, 10, 11, \
                 12, 13 and 2 more",
            ]
        );
        let csv = String::from_utf8(to_csv(&all).expect("written")).expect("UTF-8");
        assert_eq!(csv.lines().count(), 14);
        assert!(csv.contains("data/assay.csv,3,,why\n"), "{csv}");
    }
}
