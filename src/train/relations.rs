//! Columns that say of a value whether it was measured or is only a bound, as the
//! exports of ChEMBL, PubChem and BindingDB have them beside it.

use std::collections::BTreeMap;

use crate::text::one_line;

/// What says that a value was measured as it stands.
const MEASURED: [&str; 2] = ["=", "=="];
/// What says that it is a bound or an estimate; the quotes of ChEMBL's exports are
/// left out.
const OTHERS: [&str; 11] = ["<", ">", "<=", ">=", "=<", "=>", "≤", "≥", "~", "<<", ">>"];

/// What the cells of one column say of the labels of another.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// It holds something that is no relation.
    is_other: bool,
    /// Of labels that are no measured values, by relation.
    bounds: BTreeMap<String, usize>,
}

/// Looks for columns of relations in the rows of a table that have a label.
#[derive(Clone, Debug)]
pub(super) struct Relations {
    label: usize,
    columns: Vec<Tally>,
}

impl Relations {
    /// For a table of so many columns, with labels in the column `label`.
    pub(super) fn new(columns: usize, label: usize) -> Self {
        Self {
            label,
            columns: vec![Tally::default(); columns],
        }
    }

    /// Looks at a row with a label.
    pub(super) fn add(&mut self, cells: &[String]) {
        for (tally, cell) in self.columns.iter_mut().zip(cells) {
            if tally.is_other {
                continue;
            }
            let relation = cell.trim().trim_matches(['\'', '"']).trim();
            if OTHERS.contains(&relation) {
                *tally.bounds.entry(relation.to_owned()).or_default() += 1;
            } else if !relation.is_empty() && !MEASURED.contains(&relation) {
                tally.is_other = true;
            }
        }
    }

    /// A sentence for a table in which labels are bounds by what another column says;
    /// `names` are those of the columns.
    pub(super) fn note(&self, file: &str, names: &[String]) -> Option<String> {
        let found = self.columns.iter().zip(names).enumerate();
        let mut said = found
            .filter(|(index, (tally, _))| *index != self.label && !tally.is_other)
            .filter(|(_, (tally, _))| !tally.bounds.is_empty())
            .map(|(_, (tally, name))| {
                let bounds: usize = tally.bounds.values().sum();
                let by_relation: Vec<String> = tally
                    .bounds
                    .iter()
                    .map(|(relation, count)| format!("`{relation}` {count}"))
                    .collect();
                format!(
                    "by the column `{}`, {bounds} of its labels are not measured values ({})",
                    one_line(name),
                    by_relation.join(", ")
                )
            });
        let first = said.next()?;
        let all = said.fold(first, |all, one| all + "; " + &one);
        let label = one_line(names.get(self.label).map_or("", String::as_str));
        Some(format!(
            "{file}, {label}: {all}. They are trained on as if they were: remove these rows to train \
             on measured values alone"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 3]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    fn note(rows: &[[&str; 3]]) -> Option<String> {
        let names = row(["Standard Relation", "pIC50", "comment"]);
        let mut relations = Relations::new(3, 1);
        for cells in rows {
            relations.add(&row(*cells));
        }
        relations.note("assay.csv", &names)
    }

    #[test]
    fn bounds_beside_the_labels_are_counted_by_relation() {
        let said = note(&[
            ["'='", "5.1", "x"],
            ["'>'", "6", ""],
            ["", "7", ">"],
            ["<", "4", "y"],
            ["'>'", "6", ""],
        ]);
        assert_eq!(
            said.as_deref(),
            Some(
                "assay.csv, pIC50: by the column `Standard Relation`, 3 of its labels are not \
                 measured values (`<` 1, `>` 2). They are trained on as if they were: remove these \
                 rows to train on measured values alone"
            )
        );
    }

    #[test]
    fn what_is_measured_or_no_relation_is_not_said() {
        assert_eq!(note(&[["=", "5", ""], ["'='", "6", ""]]), None);
        assert_eq!(note(&[[">", "5", ""], ["more", "6", ""]]), None);
        assert_eq!(note(&[]), None);
    }
}
