//! Files of which no row can be used.

use std::path::Path;

use delicate::records::{Header, Row, RowError};
use delicate::text::one_line;

use crate::error::CommandError;

/// Whether every row of a file fails for one reason, which is then a fault of the
/// file, or of how it is read, and not of its rows.
#[derive(Default)]
pub(crate) struct Failures {
    rows: u64,
    /// The first failure, as long as there is nothing but failures like it.
    first: Option<(u64, RowError)>,
    others: bool,
}

impl Failures {
    /// Counts one row.
    pub(crate) fn add<T>(&mut self, row: &Row, result: &Result<T, &RowError>) {
        self.rows += 1;
        match (result, &self.first) {
            (Err(error), None) if self.rows == 1 => {
                self.first = Some((row.line, (*error).clone()));
            }
            (Err(error), Some((_, first))) if error.reason == first.reason => {}
            _ => self.others = true,
        }
    }

    /// The error of the file `path`, if that is what it comes to.
    pub(crate) fn verdict(self, path: &Path, header: &Header) -> Result<(), CommandError> {
        let Some((line, error)) = self.first.filter(|_| !self.others) else {
            return Ok(());
        };
        let rows = match self.rows {
            1 => format!("no row can be used, in line {line}"),
            rows => format!("all {rows} rows fail for one reason, first in line {line}"),
        };
        let what = format!("{rows}: {}{}", error.message, hint(&error.reason, header));
        Err(CommandError::NoRow {
            path: path.to_owned(),
            what,
        })
    }
}

/// What to try, where something can be tried.
fn hint(reason: &str, header: &Header) -> String {
    let column = header.smiles.and_then(|column| header.columns.get(column));
    match (reason, column) {
        ("ragged_row", _) => format!(
            "; the first line was read as the header, with {} columns: remove what stands above the \
             table, or name the format with --input-format",
            header.columns.len()
        ),
        ("missing_structure" | "empty" | "syntax" | "unknown_element", Some(column)) => {
            let column = one_line(column);
            match header.columns.len() {
                // A list of SMILES, which they are alone to blame for.
                1 if column == "smiles" => String::new(),
                // There is none other that could be named.
                1 => format!(
                    "; the whole line was read as one column, `{column}`: cells are parted by \
                     commas, semicolons, tabs or bars"
                ),
                _ => format!(
                    "; SMILES were read from the column `{column}`: name another with \
                     --smiles-column"
                ),
            }
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: u64) -> Row {
        Row {
            line,
            fields: Vec::new(),
            molecule: Err(RowError::new("syntax", "?")),
        }
    }

    #[test]
    fn one_reason_for_all_rows_is_an_error_of_the_file() {
        let header = Header {
            columns: vec!["a".to_owned(), "b".to_owned()],
            smiles: Some(1),
            id: None,
        };
        let verdict = |reasons: &[Option<&str>]| {
            let mut failures = Failures::default();
            for (line, reason) in (2..).zip(reasons) {
                let error = reason.map(|reason| RowError::new(reason, format!("line {line}?")));
                failures.add(&row(line), &error.as_ref().map_or(Ok(()), Err));
            }
            let verdict = failures.verdict(Path::new("x.csv"), &header);
            verdict.err().map(|error| error.to_string())
        };
        assert_eq!(verdict(&[]), None);
        assert_eq!(verdict(&[None]), None);
        assert_eq!(verdict(&[Some("syntax"), None]), None);
        assert_eq!(verdict(&[None, Some("syntax")]), None);
        assert_eq!(verdict(&[Some("syntax"), Some("valence")]), None);
        let error = verdict(&[Some("syntax"), Some("syntax")]).expect("an error");
        assert_eq!(
            error,
            "x.csv: all 2 rows fail for one reason, first in line 2: line 2?; SMILES were read from \
             the column `b`: name another with --smiles-column"
        );
        let of_one = |column: &str, reason: &str| {
            let header = Header {
                columns: vec![column.to_owned()],
                smiles: Some(0),
                id: None,
            };
            let mut failures = Failures::default();
            let error = RowError::new(reason, "line 2?");
            failures.add(&row(2), &Err::<(), _>(&error));
            let verdict = failures.verdict(Path::new("x.csv"), &header);
            verdict.expect_err("one").to_string()
        };
        let error = of_one("drug:smiles", "syntax");
        assert!(
            error.contains("read as one column, `drug:smiles`"),
            "{error}"
        );
        for (column, reason) in [("smiles", "syntax"), ("drug:smiles", "valence")] {
            let error = of_one(column, reason);
            assert!(error.ends_with("line 2?"), "{error}");
        }
        let error = verdict(&[Some("ragged_row")]).expect("an error");
        assert!(error.contains("no row can be used, in line 2"), "{error}");
    }
}
