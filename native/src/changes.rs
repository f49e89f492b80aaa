//! How often molecules were brought into standard form, and how many values stand within
//! the model's domain, for a command's last words.

use std::collections::BTreeMap;

use delicate::predict::{Domain, Prediction, Standardization};
use delicate::records::{Output, RowError};
use serde::{Deserialize, Serialize};

/// What is counted of the rows of a file, and kept beside those that are done so that a
/// resumed command tells of all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    changes: Changes,
    domains: Domains,
    /// Whether there are rows that an earlier version did and did not count.
    #[serde(default)]
    uncounted: bool,
}

impl Tally {
    /// That of rows which an earlier version did.
    pub(crate) fn of_uncounted_rows() -> Self {
        Self {
            uncounted: true,
            ..Self::default()
        }
    }

    /// Counts a row.
    pub(crate) fn count(
        &mut self,
        standardization: Option<&Standardization>,
        result: &Result<Output<'_>, &RowError>,
    ) {
        if let Some(standardization) = standardization {
            self.changes.count(standardization);
        }
        if let Ok(
            Output::Predictions(predictions) | Output::PredictionsAndProperties(predictions, _),
        ) = result
        {
            self.domains.count(predictions);
        }
    }

    /// Counts what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.changes.add(&other.changes);
        self.domains.add(&other.domains);
        self.uncounted |= other.uncounted;
    }

    /// Lines for the user; none where there is nothing to say.
    pub(crate) fn summary(&self) -> Vec<String> {
        let changes = self.changes.summary();
        let mut lines: Vec<String> = changes.into_iter().chain(self.domains.summary()).collect();
        if self.uncounted && !lines.is_empty() {
            lines.push("not counted there: rows that an earlier version had done".to_owned());
        }
        lines
    }
}

/// In how many rows a molecule was not used as it was drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Changes {
    left_out: usize,
    neutralized: usize,
    isotopes: usize,
    stereo: usize,
    notes: BTreeMap<String, usize>,
}

impl Changes {
    fn count(&mut self, standardization: &Standardization) {
        self.left_out += usize::from(!standardization.left_out.is_empty());
        self.neutralized += usize::from(standardization.neutralized > 0);
        self.isotopes += usize::from(standardization.isotopes > 0);
        self.stereo += usize::from(standardization.stereo);
        for note in &standardization.notes {
            *self.notes.entry(note.clone()).or_default() += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.left_out += other.left_out;
        self.neutralized += other.neutralized;
        self.isotopes += other.isotopes;
        self.stereo += other.stereo;
        for (note, count) in &other.notes {
            *self.notes.entry(note.clone()).or_default() += count;
        }
    }

    /// One line for the user; `None` where there is nothing to say.
    fn summary(&self) -> Option<String> {
        let counts = [
            (self.left_out, "without salts or solvents"),
            (self.neutralized, "in neutral form"),
            (self.isotopes, "without isotope labels"),
            (self.stereo, "without stereo"),
        ];
        let counts = counts.into_iter().filter(|&(count, _)| count > 0);
        let counts = counts.map(|(count, what)| format!("{count} {what}"));
        let notes = self
            .notes
            .iter()
            .map(|(note, count)| format!("{count}: {note}"));
        let parts: Vec<String> = counts.chain(notes).collect();
        (!parts.is_empty()).then(|| format!("rows in standard form: {}", parts.join("; ")))
    }
}

/// How many values of each endpoint stand in which part of its domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Domains {
    /// By endpoint, in the order of the first row.
    counts: Vec<(String, [usize; 3])>,
    /// By endpoint, of molecules for which it is not defined, where no domain was asked for.
    #[serde(default)]
    undefined: BTreeMap<String, usize>,
}

impl Domains {
    /// Endpoints that are told one by one.
    const FEW: usize = 6;

    fn count(&mut self, predictions: &[Prediction]) {
        if self.counts.is_empty() {
            let names = predictions.iter().map(|one| one.endpoint().to_owned());
            self.counts = names.map(|name| (name, [0; 3])).collect();
        }
        for ((_, counts), prediction) in self.counts.iter_mut().zip(predictions) {
            match prediction.domain {
                Some(Domain::In) => counts[0] += 1,
                Some(Domain::Borderline) => counts[1] += 1,
                Some(Domain::Out) => counts[2] += 1,
                None if prediction.is_undefined => {
                    let name = prediction.endpoint().to_owned();
                    *self.undefined.entry(name).or_default() += 1;
                }
                _ => {}
            }
        }
    }

    /// Of the same endpoints.
    fn add(&mut self, other: &Self) {
        for (name, count) in &other.undefined {
            *self.undefined.entry(name.clone()).or_default() += count;
        }
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
            return;
        }
        for ((_, counts), (_, others)) in self.counts.iter_mut().zip(&other.counts) {
            for (count, other) in counts.iter_mut().zip(others) {
                *count += other;
            }
        }
    }

    /// Lines for the user: of domains, and of what is not defined where no domain is known.
    fn summary(&self) -> Vec<String> {
        let mut lines = self.of_domains();
        if !self.undefined.is_empty() {
            let told = |(name, count): (&String, &usize)| format!("{count} of {name}");
            let told: Vec<String> = self.undefined.iter().map(told).collect();
            // Where it was asked for, these endpoints have no domain.
            let hint = match lines.is_empty() {
                true => " (--uncertainty marks them)",
                false => "",
            };
            lines.push(format!(
                "values that mean nothing, as their endpoint is not defined for the molecule: \
                 {}{hint}",
                told.join(", ")
            ));
        }
        lines
    }

    /// One line an endpoint where they are few, or one for all; none where no domain was
    /// asked for.
    fn of_domains(&self) -> Vec<String> {
        let told = |[within, border, out]: [usize; 3]| {
            format!("{within} in the domain, {border} at its border, {out} out of it")
        };
        let known = self
            .counts
            .iter()
            .filter(|(_, counts)| counts.iter().sum::<usize>() > 0);
        if known.clone().count() <= Self::FEW {
            return known
                .map(|(name, counts)| format!("{name}: {}", told(*counts)))
                .collect();
        }
        let mut all = [0; 3];
        for (_, counts) in known {
            for (sum, count) in all.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        vec![format!("values: {}", told(all))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_endpoints_are_told_one_by_one_and_many_together() {
        let counted = |names: &[&str]| {
            let counts = names
                .iter()
                .map(|name| ((*name).to_owned(), [5, 2, 1]))
                .collect();
            let counted = Domains {
                counts,
                ..Domains::default()
            };
            counted.summary()
        };
        assert!(Domains::default().summary().is_empty());
        assert_eq!(
            counted(&["log_s", "ames"]),
            [
                "log_s: 5 in the domain, 2 at its border, 1 out of it",
                "ames: 5 in the domain, 2 at its border, 1 out of it"
            ]
        );
        assert_eq!(
            counted(&["a", "b", "c", "d", "e", "f", "g"]),
            ["values: 35 in the domain, 14 at its border, 7 out of it"]
        );
        let without = Domains {
            counts: vec![("a".to_owned(), [0; 3])],
            ..Domains::default()
        };
        assert!(without.summary().is_empty());
        let undefined = Domains {
            undefined: BTreeMap::from([("pka_acid".to_owned(), 2), ("pka_base".to_owned(), 1)]),
            ..without
        };
        assert_eq!(
            undefined.summary(),
            [
                "values that mean nothing, as their endpoint is not defined for the molecule: 2 of \
                 pka_acid, 1 of pka_base (--uncertainty marks them)"
            ]
        );
        // Of a model that knows the domain of some endpoints alone.
        let both = Domains {
            counts: vec![("a".to_owned(), [5, 2, 1])],
            ..undefined
        };
        assert_eq!(
            both.summary(),
            [
                "a: 5 in the domain, 2 at its border, 1 out of it",
                "values that mean nothing, as their endpoint is not defined for the molecule: 2 of \
                 pka_acid, 1 of pka_base"
            ]
        );
    }
}
