//! What the cells of a column of labels say, and whether they are a quantity or
//! two classes.
//!
//! A label is never guessed: `>10` is not 10, `5,7` is neither 5.7 nor 57, and a
//! word is a class only where everybody reads it as the same one. Such cells
//! are refused with their reason, so that it can be said which and how many.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{Endpoint, EndpointTask};
use crate::text::one_line;

/// What stands for a label that is not there, in lower case.
const MISSING: [&str; 9] = [
    "", "nan", "-nan", "na", "n/a", "#n/a", "<na>", "null", "none",
];

/// Words for the classes 1 and 0, in lower case.
const CLASSES: [(&str, &str); 3] = [("true", "false"), ("yes", "no"), ("active", "inactive")];

/// What may stand before a number that is only a bound or an estimate; longer
/// ones first.
const OPERATORS: [&str; 13] = [
    ">=", "<=", "=>", "=<", ">", "<", "≥", "≤", "~", "≈", "≃", "±", "=",
];

/// What may stand between the two ends of a range.
const BETWEEN: [&str; 6] = ["-", "–", "—", "..", "to", "±"];

/// Distinct values that are counted apart; of more only the number of cells is
/// known.
const DISTINCT: usize = 256;

/// Values that a message lists.
const LISTED: usize = 10;

/// What the cells of labels may hold, for messages.
const EXPECTED: &str = "classes are 0 and 1, TRUE and FALSE, yes and no, or active and inactive; \
     a cell without a label is empty";

/// Why a cell is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Refusal {
    /// An operator stands before the number: it is a bound or an estimate.
    Operator(&'static str),
    /// Two numbers: a range.
    Range,
    /// A comma in the number, of decimals or of thousands.
    Comma,
    /// A minus of typography, such as U+2212, before the number.
    Minus,
    /// Infinite, or beyond what a number of 32 bits holds: too large, or so small
    /// that it would be 0.
    Infinite,
    /// Above what the configuration says that the value can be.
    Implausible,
    /// A value that is not above 0, of an endpoint that is learnt by its logarithm.
    NotPositive,
    /// No number.
    Word,
    /// A number or a word, but neither of the two classes.
    NoClass,
}

impl Refusal {
    /// What is wrong with `cell`, in half a sentence.
    pub fn of(self, cell: &str) -> String {
        let cell = one_line(cell);
        match self {
            Self::Operator(operator) => {
                format!("`{cell}` has the operator `{operator}`: it is not a measured value")
            }
            Self::Range => format!("`{cell}` is a range"),
            Self::Comma => format!("`{cell}` has a comma: decimals are set off by a point"),
            Self::Minus => format!("`{cell}` has a typographic minus: write a hyphen"),
            Self::Infinite => format!("`{cell}` is no finite number that single precision holds"),
            Self::Implausible => format!("`{cell}` is above what can have been measured"),
            Self::NotPositive => format!("`{cell}` is not above 0 and has no logarithm"),
            Self::Word => format!("`{cell}` is not a number"),
            Self::NoClass => format!("`{cell}` is not a class label: {EXPECTED}"),
        }
    }

    /// `count` labels of this kind.
    pub fn counted(self, count: usize) -> String {
        let labels = if count == 1 { "label" } else { "labels" };
        match self {
            Self::Operator(operator) => format!("{count} {labels} with `{operator}`"),
            Self::Comma => format!("{count} {labels} with a comma"),
            Self::Minus => format!("{count} {labels} with a typographic minus"),
            Self::Range if count == 1 => "1 label that is a range".to_owned(),
            Self::Range => format!("{count} labels that are ranges"),
            Self::Implausible => format!("{count} {labels} above what can be measured"),
            Self::NotPositive if count == 1 => "1 label that is not above 0".to_owned(),
            Self::NotPositive => format!("{count} labels that are not above 0"),
            Self::Infinite if count == 1 => {
                "1 label that is not finite in single precision".to_owned()
            }
            Self::Infinite => format!("{count} labels that are not finite in single precision"),
            Self::Word if count == 1 => "1 label that is not a number".to_owned(),
            Self::Word => format!("{count} labels that are not numbers"),
            Self::NoClass if count == 1 => "1 label that is no class".to_owned(),
            Self::NoClass => format!("{count} labels that are no class"),
        }
    }
}

/// What a cell of a column of labels says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// There is no label.
    Missing,
    /// A finite number.
    Number(f32),
    /// A word for a class.
    Class(bool),
    /// Nothing that can be learnt from.
    Refused(Refusal),
}

impl Cell {
    /// Reads a cell; blanks around it do not count.
    pub fn read(cell: &str) -> Self {
        let cell = cell.trim();
        let folded = cell.to_lowercase();
        if MISSING.contains(&folded.as_str()) {
            return Self::Missing;
        }
        for (yes, no) in CLASSES {
            if folded == yes || folded == no {
                return Self::Class(folded == yes);
            }
        }
        match cell.parse::<f32>() {
            // Below what single precision holds: not the zero that it would be.
            Ok(0.0)
                if cell
                    .bytes()
                    .take_while(|b| !b"eE".contains(b))
                    .any(|b| (b'1'..=b'9').contains(&b)) =>
            {
                Self::Refused(Refusal::Infinite)
            }
            Ok(number) if number.is_finite() => Self::Number(number),
            Ok(_) => Self::Refused(Refusal::Infinite),
            Err(_) => Self::Refused(refusal(cell)),
        }
    }

    /// The label that the cell is for `endpoint`, in its unit; `None` where it has none.
    ///
    /// # Errors
    ///
    /// As [`Self::label`], and where a value has no logarithm that is to be learnt.
    pub fn label_of(self, endpoint: &Endpoint) -> Result<Option<f32>, Refusal> {
        match self.label(endpoint.task)? {
            Some(label) if !endpoint.transform.forward(label).is_finite() => {
                Err(Refusal::NotPositive)
            }
            label => Ok(label),
        }
    }

    /// The label that the cell is for an endpoint of `task`, a class being 0 or
    /// 1; `None` where it has none.
    ///
    /// # Errors
    ///
    /// Why the cell is no such label.
    pub fn label(self, task: EndpointTask) -> Result<Option<f32>, Refusal> {
        match (self, task) {
            (Self::Missing, _) => Ok(None),
            (Self::Number(number), EndpointTask::Regression) => Ok(Some(number)),
            (Self::Class(_), EndpointTask::Regression) => Err(Refusal::Word),
            (Self::Number(number), EndpointTask::Classification) => {
                if number == 0.0 || number == 1.0 {
                    Ok(Some(number.abs()))
                } else {
                    Err(Refusal::NoClass)
                }
            }
            (Self::Class(class), EndpointTask::Classification) => {
                Ok(Some(f32::from(u8::from(class))))
            }
            (Self::Refused(Refusal::Word), EndpointTask::Classification) => Err(Refusal::NoClass),
            (Self::Refused(refusal), _) => Err(refusal),
        }
    }
}

/// Why text that is no number is none.
fn refusal(cell: &str) -> Refusal {
    let is_number = |text: &str| {
        let text = text.trim();
        text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
            && text.parse::<f32>().is_ok()
    };
    let has_digit = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    for operator in OPERATORS {
        if cell.strip_prefix(operator).is_some_and(has_digit) {
            return Refusal::Operator(operator);
        }
    }
    let unsigned = |text: &str| {
        text.trim_start_matches(['−', '–', '—', '-', '+'])
            .to_owned()
    };
    if !cell.starts_with('-') && unsigned(cell) != cell && is_number(&unsigned(cell)) {
        return Refusal::Minus;
    }
    let is_range = BETWEEN.iter().any(|between| {
        // A sign and an exponent have a hyphen too, so every place is tried.
        cell.match_indices(between)
            .any(|(at, _)| is_number(&cell[..at]) && is_number(&cell[at + between.len()..]))
    });
    if is_range {
        return Refusal::Range;
    }
    let has_comma = cell.contains(',') && is_number(&cell.replace(',', ""));
    if has_comma && !cell.starts_with(',') {
        return Refusal::Comma;
    }
    Refusal::Word
}

/// Counts of values, as the table spells them.
#[derive(Clone, Debug, Default)]
struct Values {
    counts: BTreeMap<String, usize>,
    cells: usize,
}

impl Values {
    fn add(&mut self, value: &str) {
        self.cells += 1;
        if let Some(count) = self.counts.get_mut(value) {
            *count += 1;
        } else if self.counts.len() < DISTINCT {
            self.counts.insert(value.to_owned(), 1);
        }
    }

    /// The most frequent first.
    fn sorted(&self) -> Vec<(&str, usize)> {
        let mut all: Vec<(&str, usize)> = self
            .counts
            .iter()
            .map(|(value, &count)| (value.as_str(), count))
            .collect();
        all.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        all
    }
}

impl fmt::Display for Values {
    /// The values with their numbers of cells, as far as a message lists them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.cells;
        for (index, (value, count)) in self.sorted().into_iter().take(LISTED).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}`{}` ({count})", one_line(value))?;
            left -= count;
        }
        if left > 0 {
            write!(f, " and others ({left})")?;
        }
        Ok(())
    }
}

/// What the cells of one column are, taken together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    missing: usize,
    /// The numbers 0 and 1, and the words for classes.
    ones: Values,
    zeros: Values,
    /// Of them the words.
    class_words: usize,
    /// Numbers other than 0 and 1.
    numbers: Values,
    /// Least and greatest number, 0 and 1 included.
    range: Option<(f32, f32)>,
    words: Values,
    refused: BTreeMap<Refusal, usize>,
}

/// What the labels of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// A quantity or a class.
    pub task: EndpointTask,
    /// What it was told from, such as `regression: 812 numbers from 3.1 to 9.8`.
    pub summary: String,
}

/// Why the labels of a column can be learnt neither as a quantity nor as two
/// classes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// No cell holds a label.
    #[error(
        "no cell of the column `{}` holds a label: {found}{}",
        one_line(.column), advice(*has_commas)
    )]
    Nothing {
        /// The column.
        column: String,
        /// What its cells hold.
        found: String,
        /// Whether there are numbers with commas among them.
        has_commas: bool,
    },
    /// Beside 0 and 1 there are numbers that cannot be read: a quantity, as it seems,
    /// of which nothing but two values would be left.
    #[error(
        "the column `{}` holds 0 and 1, and {found}: say with --task whether it is a quantity or a \
         class{}",
        one_line(.column), advice(*has_commas)
    )]
    Unclear {
        /// The column.
        column: String,
        /// The cells that are no labels, counted.
        found: String,
        /// Whether there are commas among them.
        has_commas: bool,
    },
    /// A quantity was asked for and there is no number.
    #[error("the column `{}` holds no numbers to learn a quantity from: {values}", one_line(.column))]
    NoNumbers {
        /// The column.
        column: String,
        /// Its values with their numbers of cells.
        values: String,
    },
    /// Some values are neither of two classes.
    #[error(
        "the column `{}` holds values that are not class labels: {values}{valid}; a quantity needs \
         numbers (of a date, say the days since another), and {EXPECTED}",
        one_line(.column)
    )]
    NoClasses {
        /// The column.
        column: String,
        /// The values that are no class, with their numbers of cells.
        values: String,
        /// Those that are, where there are any.
        valid: String,
    },
}

/// What to do about numbers with commas, where there are some.
fn advice(has_commas: bool) -> &'static str {
    match has_commas {
        true => {
            "; write decimals with a point (in a spreadsheet: set its language to English before \
             saving as CSV)"
        }
        false => "",
    }
}

impl Tally {
    /// Counts a cell.
    pub fn add(&mut self, cell: &str) {
        let text = cell.trim();
        match Cell::read(text) {
            Cell::Missing => self.missing += 1,
            Cell::Number(number) => {
                let (low, high) = self.range.unwrap_or((number, number));
                self.range = Some((low.min(number), high.max(number)));
                if number == 0.0 {
                    self.zeros.add(text);
                } else if number == 1.0 {
                    self.ones.add(text);
                } else {
                    self.numbers.add(text);
                }
            }
            Cell::Class(class) => {
                self.class_words += 1;
                let values = if class {
                    &mut self.ones
                } else {
                    &mut self.zeros
                };
                values.add(text);
            }
            Cell::Refused(Refusal::Word) => self.words.add(text),
            Cell::Refused(refusal) => *self.refused.entry(refusal).or_default() += 1,
        }
    }

    /// Cells without a label.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Whether the column looks as if it was meant to hold labels: it has some, and
    /// no more words that are none.
    pub fn is_candidate(&self) -> bool {
        let usable = self.ones.cells + self.zeros.cells + self.numbers.cells;
        usable > 0 && usable >= self.words.cells
    }

    /// Whether the column is a quantity or a class: as `asked`, or else a class
    /// where there is nothing but 0, 1 and words for classes, and a quantity
    /// where numbers other than 0 and 1 outweigh the words.
    ///
    /// # Errors
    ///
    /// A [`LabelsError`] where it is neither, naming the values that are in the
    /// way.
    pub fn decide(
        &self,
        column: &str,
        asked: Option<EndpointTask>,
    ) -> Result<Decision, LabelsError> {
        let column = column.to_owned();
        let classes = self.ones.cells + self.zeros.cells;
        let numbers = self.numbers.cells + classes - self.class_words;
        let words = self.class_words + self.words.cells;
        if numbers + words == 0 {
            return Err(LabelsError::Nothing {
                column,
                found: self.faults(),
                has_commas: self.refused.contains_key(&Refusal::Comma),
            });
        }
        // `0`, `1` and `2,5` are no two classes.
        if asked.is_none() && words == 0 && self.numbers.cells == 0 && !self.refused.is_empty() {
            return Err(LabelsError::Unclear {
                column,
                found: self.refused(),
                has_commas: self.refused.contains_key(&Refusal::Comma),
            });
        }
        let is_quantity = match asked {
            Some(task) => task == EndpointTask::Regression,
            None => self.numbers.cells > words,
        };
        if is_quantity {
            let Some((low, high)) = self.range else {
                let mut values = self.words.clone();
                for (value, count) in self.ones.sorted().into_iter().chain(self.zeros.sorted()) {
                    values.counts.insert(value.to_owned(), count);
                    values.cells += count;
                }
                let values = values.to_string();
                return Err(LabelsError::NoNumbers { column, values });
            };
            let plural = if numbers == 1 { "" } else { "s" };
            return Ok(Decision {
                task: EndpointTask::Regression,
                summary: format!("regression: {numbers} number{plural} from {low} to {high}"),
            });
        }
        if self.numbers.cells + self.words.cells > 0 {
            let mut others = self.words.clone();
            for (value, count) in self.numbers.sorted() {
                others.counts.insert(value.to_owned(), count);
            }
            others.cells += self.numbers.cells;
            let mut valid = String::new();
            if classes > 0 {
                valid = format!(" (the other {classes} are)");
            }
            return Err(LabelsError::NoClasses {
                column,
                values: others.to_string(),
                valid,
            });
        }
        let named = |values: &Values, number: &str| {
            let sorted = values.sorted();
            let is_word = |value: &&(&str, usize)| matches!(Cell::read(value.0), Cell::Class(_));
            let name = match sorted.iter().find(is_word) {
                Some((word, _)) => (*word).to_owned(),
                None => format!("of class {number}"),
            };
            format!("{} {name}", values.cells)
        };
        Ok(Decision {
            task: EndpointTask::Classification,
            summary: format!(
                "classification: {}, {}",
                named(&self.ones, "1"),
                named(&self.zeros, "0")
            ),
        })
    }

    /// The cells that are refused, counted by kind.
    fn refused(&self) -> String {
        let kinds = self.refused.iter();
        let counted = kinds.map(|(refusal, &count)| refusal.counted(count));
        counted.collect::<Vec<_>>().join(", ")
    }

    /// What there is where there is no label.
    fn faults(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        if !self.refused.is_empty() {
            all.push(self.refused());
        }
        if self.missing > 0 || all.is_empty() {
            let cells = if self.missing == 1 { "cell" } else { "cells" };
            all.push(format!("{} empty {cells}", self.missing));
        }
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUANTITY: EndpointTask = EndpointTask::Regression;
    const CLASS: EndpointTask = EndpointTask::Classification;

    fn decided(cells: &[&str], asked: Option<EndpointTask>) -> Result<Decision, LabelsError> {
        let mut tally = Tally::default();
        cells.iter().for_each(|cell| tally.add(cell));
        tally.decide("x", asked)
    }

    fn summary(cells: &[&str]) -> String {
        decided(cells, None).expect("labels").summary
    }

    fn error(cells: &[&str], asked: Option<EndpointTask>) -> String {
        decided(cells, asked).expect_err("refused").to_string()
    }

    #[test]
    fn a_number_is_a_number_however_it_is_written() {
        let numbers = [
            ("5.1", 5.1),
            (" 5.1 ", 5.1),
            ("4.8E+00", 4.8),
            ("1e-3", 1e-3),
            ("-4.9", -4.9),
            ("+3", 3.0),
            (".5", 0.5),
            ("5.", 5.0),
        ];
        for (cell, number) in numbers {
            assert_eq!(Cell::read(cell), Cell::Number(number), "{cell}");
            assert_eq!(Cell::read(cell).label(QUANTITY), Ok(Some(number)));
        }
    }

    #[test]
    fn what_stands_for_nothing_is_missing() {
        for cell in [
            "", "  ", "nan", "NaN", "NA", "N/A", "n/a", "null", "NULL", "None", "#N/A", "<NA>",
        ] {
            assert_eq!(Cell::read(cell), Cell::Missing, "{cell}");
            assert_eq!(Cell::read(cell).label(QUANTITY), Ok(None));
            assert_eq!(Cell::read(cell).label(CLASS), Ok(None));
        }
    }

    #[test]
    fn what_only_looks_like_a_number_is_refused_with_its_reason() {
        let refused = [
            (">10", Refusal::Operator(">")),
            ("> 10 µM", Refusal::Operator(">")),
            ("<3", Refusal::Operator("<")),
            (">=10", Refusal::Operator(">=")),
            ("≤3", Refusal::Operator("≤")),
            ("~5", Refusal::Operator("~")),
            ("=5", Refusal::Operator("=")),
            ("5 - 10", Refusal::Range),
            ("5-10", Refusal::Range),
            ("-5--3", Refusal::Range),
            ("5–10", Refusal::Range),
            ("5 to 10", Refusal::Range),
            ("1e-3-1e-2", Refusal::Range),
            ("5 ± 0.3", Refusal::Range),
            ("1,5", Refusal::Comma),
            ("-0,25", Refusal::Comma),
            ("1,234.5", Refusal::Comma),
            ("−4.9", Refusal::Minus),
            ("–4.9", Refusal::Minus),
            ("inf", Refusal::Infinite),
            ("-Infinity", Refusal::Infinite),
            ("1e400", Refusal::Infinite),
            ("1e-400", Refusal::Infinite),
            ("-2.5E-60", Refusal::Infinite),
            ("1e39", Refusal::Infinite),
            ("n.d.", Refusal::Word),
            ("5 µM", Refusal::Word),
            ("2023-01-05", Refusal::Word),
            ("toxic", Refusal::Word),
            (">", Refusal::Word),
            ("-", Refusal::Word),
            (",", Refusal::Word),
        ];
        for (cell, refusal) in refused {
            assert_eq!(Cell::read(cell), Cell::Refused(refusal), "{cell}");
            assert_eq!(Cell::read(cell).label(QUANTITY), Err(refusal), "{cell}");
            assert!(Cell::read(cell).label(CLASS).is_err(), "{cell}");
            assert!(refusal.of(cell).contains(cell));
        }
        assert_eq!(Refusal::Operator(">").counted(12), "12 labels with `>`");
        assert_eq!(Refusal::Range.counted(1), "1 label that is a range");
    }

    #[test]
    fn classes_are_zero_and_one_and_words_that_mean_one_thing() {
        for cell in ["1", "1.0", "TRUE", "true", "yes", "Active"] {
            assert_eq!(Cell::read(cell).label(CLASS), Ok(Some(1.0)), "{cell}");
        }
        for cell in ["0", "0.0", "-0", "FALSE", "no", "INACTIVE"] {
            assert_eq!(Cell::read(cell).label(CLASS), Ok(Some(0.0)), "{cell}");
        }
        for cell in ["2", "-1", "0.5", "toxic"] {
            assert_eq!(Cell::read(cell).label(CLASS), Err(Refusal::NoClass));
        }
        assert_eq!(Cell::read("inactive").label(QUANTITY), Err(Refusal::Word));
    }

    #[test]
    fn numbers_are_a_quantity_and_zeros_and_ones_a_class() {
        let cells = ["3.1", "9.8", "1", "0", "nan", ">10", "n.d."];
        assert_eq!(summary(&cells), "regression: 4 numbers from 0 to 9.8");
        let cells = ["0", "1", "1.0", "", "0", "0"];
        assert_eq!(
            summary(&cells),
            "classification: 2 of class 1, 3 of class 0"
        );
        let cells = ["active", "inactive", "Active", "inactive", "1", "inactive"];
        assert_eq!(summary(&cells), "classification: 3 Active, 3 inactive");
        assert_eq!(summary(&["yes"]), "classification: 1 yes, 0 of class 0");
        let asked = decided(&["0", "1", "1"], Some(QUANTITY)).expect("numbers");
        assert_eq!(asked.summary, "regression: 3 numbers from 0 to 1");
        assert_eq!(asked.task, QUANTITY);
    }

    #[test]
    fn zeros_and_ones_beside_numbers_that_cannot_be_read_are_no_two_classes() {
        let cells = ["0", "1", "2,5", "0,75", "1", ""];
        let text = error(&cells, None);
        assert!(
            text.contains("holds 0 and 1, and 2 labels with a comma: say with --task"),
            "{text}"
        );
        assert!(text.contains("write decimals with a point"), "{text}");
        let text = error(&["0", "1", ">10", "<3"], None);
        assert!(
            text.contains("and 1 label with `<`, 1 label with `>`")
                || text.contains("1 label with `>`, 1"),
            "{text}"
        );
        assert!(!text.contains("decimals"), "{text}");
        // Who says what it is gets that.
        for task in [QUANTITY, CLASS] {
            assert_eq!(decided(&cells, Some(task)).expect("labels").task, task);
        }
        // Words for classes leave no doubt, nor do other numbers.
        assert_eq!(
            summary(&["yes", "no", "2,5"]),
            "classification: 1 yes, 1 no"
        );
        assert_eq!(
            summary(&["0", "1", "3", "2,5"]),
            "regression: 3 numbers from 0 to 3"
        );
        let text = error(&["2,5", "3,5"], None);
        assert!(
            text.contains("2 labels with a comma; write decimals"),
            "{text}"
        );
    }

    #[test]
    fn values_that_are_no_class_are_listed_with_their_counts() {
        // Mostly words: the two numbers are in the way.
        let cells = ["0", "1", "TRUE", "false", "active", "2", "-1", "yes", "2"];
        let text = error(&cells, None);
        assert!(text.contains("`2` (2), `-1` (1) (the other 6"), "{text}");
        assert!(text.contains("TRUE and FALSE"), "{text}");
        let text = error(&["toxic", "safe", "safe"], None);
        assert!(text.contains("`safe` (2), `toxic` (1)"), "{text}");
        let text = error(&["active", "inactive", "inconclusive"], None);
        assert!(text.contains("`inconclusive` (1) (the other 2"), "{text}");
        let text = error(&["3.1", "4.2"], Some(CLASS));
        assert!(text.contains("`3.1` (1), `4.2` (1)"), "{text}");
        let many: Vec<String> = (0..1000).map(|i| format!("word {i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = error(&many, None);
        assert!(text.contains("and others (990)"), "{text}");
    }

    #[test]
    fn a_column_without_a_label_says_what_it_holds() {
        let text = error(&[">10", ">20", "5-6", "", "NA"], None);
        assert!(
            text.ends_with("2 labels with `>`, 1 label that is a range, 2 empty cells"),
            "{text}"
        );
        assert!(error(&[], None).ends_with("0 empty cells"));
        let text = error(&["yes", "no", "no"], Some(QUANTITY));
        assert!(text.ends_with("`no` (2), `yes` (1)"), "{text}");
    }
}
