//! The endpoints of a run, each by itself: with the same molecules on the same sides
//! of the split.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use delicate::train::run_dir;
use delicate::train::splits::{Fold, Split};

use crate::files;

/// Writes the molecules of `run` that have a label of `endpoint` as
/// `folder/ENDPOINT.csv`, and where its split puts them as `folder/ENDPOINT.json`.
pub(crate) fn write_table(run: &Path, endpoint: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let path = run.join(run_dir::EXAMPLES);
    let text = files::text(&path)?;
    let (table, places) = labelled(&text, endpoint).with_context(|| path.display().to_string())?;
    let file = folder.join(endpoint);
    files::write(&file.with_extension("csv"), table)?;
    let folds: Vec<Fold> = files::json(&run.join(run_dir::SPLITS))?;
    let folds = moved(&folds, &places);
    files::write(&file.with_extension("json"), serde_json::to_string(&folds)?)
}

/// Ensures that `run`, which was trained on what [`write_table`] wrote to `folder`, has its
/// examples in the order of that table: else the split meant others.
pub(crate) fn ensure_same(run: &Path, endpoint: &str, folder: &Path) -> Result<()> {
    let smiles = |path: &Path| -> Result<Vec<String>> {
        let text = files::text(path)?;
        let first = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
        Ok(text.lines().map(first).collect())
    };
    let written = smiles(&folder.join(endpoint).with_extension("csv"))?;
    ensure!(
        smiles(&run.join(run_dir::EXAMPLES))? == written,
        "{} has other examples than its split was made for",
        run.display()
    );
    Ok(())
}

/// The rows of `examples` with a label of `endpoint`, as a table; and for each row
/// its place there. No field is quoted: SMILES hold no comma.
fn labelled(examples: &str, endpoint: &str) -> Result<(String, Vec<Option<usize>>)> {
    let mut lines = examples
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let column = head
        .iter()
        .position(|name| *name == endpoint)
        .with_context(|| format!("no column {endpoint}"))?;
    let mut table = "smiles,label\n".to_owned();
    let mut places = Vec::new();
    let mut count = 0;
    for fields in lines {
        ensure!(
            fields.len() == head.len(),
            "a row of {} fields",
            fields.len()
        );
        let label = fields[column];
        let place = (!label.is_empty()).then_some(count);
        if place.is_some() {
            table += &format!("{},{label}\n", fields[0]);
            count += 1;
        }
        places.push(place);
    }
    Ok((table, places))
}

/// `folds` by `places` instead of rows; rows without one are left out.
fn moved(folds: &[Fold], places: &[Option<usize>]) -> Vec<Fold> {
    let part = |rows: &[usize]| {
        let rows = rows.iter();
        rows.filter_map(|row| *places.get(*row)?).collect()
    };
    let fold = |fold: &Fold| Fold {
        fold: fold.fold,
        split: Split {
            train: part(&fold.split.train),
            valid: part(&fold.split.valid),
            test: part(&fold.split.test),
        },
    };
    folds.iter().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_keeps_its_molecules_on_their_sides() {
        let examples = "smiles,a,b\nC,1,\nCC,,2\nCCC,3,4\nCCCC,5,\n";
        let (table, places) = labelled(examples, "a").expect("a column");
        assert_eq!(table, "smiles,label\nC,1\nCCC,3\nCCCC,5\n");
        let fold = |train: &[usize], valid, test| Fold {
            fold: 0,
            split: Split {
                train: train.to_vec(),
                valid: vec![valid],
                test: vec![test],
            },
        };
        assert_eq!(moved(&[fold(&[3, 1], 0, 2)], &places), [fold(&[2], 0, 1)]);
        let (table, _) = labelled(examples, "b").expect("a column");
        assert_eq!(table, "smiles,label\nCC,2\nCCC,4\n");
        assert!(labelled(examples, "c").is_err());
        assert!(labelled("smiles,a\nC\n", "a").is_err());
    }
}
