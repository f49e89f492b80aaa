//! What a value means: its direction in words, a threshold where the field has one,
//! and where it stands among the predictions for known molecules.

use serde::{Deserialize, Serialize};

use super::Endpoint;
use crate::chemistry::Substructure;

/// A value of an endpoint that the field has agreed on to tell others apart by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The value, in the endpoint's unit.
    pub value: f32,
    /// What it is to be at or above it, such as `effluxed`.
    pub above: String,
    /// What it is to be below it.
    pub below: String,
    /// Who says so.
    pub source: String,
}

impl Threshold {
    /// What it says of a value, such as `at or above 2: effluxed (FDA 2020)`.
    pub fn sentence(&self, value: f32) -> String {
        let (side, meaning) = match value >= self.value {
            true => ("at or above", &self.above),
            false => ("below", &self.below),
        };
        format!("{side} {}: {meaning} ({})", self.value, self.source)
    }
}

/// What a molecule must have for an endpoint to be defined for it: a basic pKa needs a
/// basic atom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Its pattern, in SMARTS.
    pub smarts: String,
    /// Why a molecule without it is outside the domain: `no basic atom: the endpoint is not
    /// defined for this molecule`.
    pub reason: String,
}

impl Requirement {
    /// Whether it has a reason, and a pattern that can be read.
    pub(crate) fn is_usable(&self) -> bool {
        !self.reason.is_empty() && Substructure::parse(&self.smarts).is_ok()
    }
}

/// The molecules whose predictions give a model's percentiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
pub struct ReferenceMolecules {
    /// What they are, in the plural, such as `marketed drugs`.
    pub name: String,
    /// Where they come from.
    pub source: String,
    /// How many there are.
    pub molecules: usize,
}

/// Length of [`Endpoint::quantiles`]: one from each per cent to the next, both ends
/// included.
const QUANTILES: usize = 101;

/// Digits that a quantile is kept with, all in all.
const DIGITS: usize = 5;

/// The 0th, 1st, … 100th percentile of some values, interpolated linearly as numpy
/// does and rounded to five digits; none of no values.
pub(crate) fn quantiles(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return Vec::new();
    };
    let quantile = |number: usize| {
        let place = number as f64 / (QUANTILES - 1) as f64 * last as f64;
        let (low, high) = (values[place as usize], values[place.ceil() as usize]);
        let (low, high) = (f64::from(low), f64::from(high));
        rounded(low + (high - low) * place.fract())
    };
    (0..QUANTILES).map(quantile).collect()
}

fn rounded(value: f64) -> f32 {
    let text = format!("{value:.0$e}", DIGITS - 1);
    text.parse().unwrap_or(value as f32)
}

impl Endpoint {
    /// Where a value stands among the predictions for the model's
    /// [reference molecules](ReferenceMolecules): the per cent of them that have a
    /// lesser one, with half of those that have the same. Beyond all of them it is 0 or
    /// 100. `None` for a model without reference molecules.
    pub fn percentile(&self, value: f32) -> Option<f32> {
        let all = &self.quantiles;
        if all.len() != QUANTILES || value.is_nan() {
            return None;
        }
        let less = all.partition_point(|&one| one < value);
        let not_more = all.partition_point(|&one| one <= value);
        if less == QUANTILES {
            return Some((QUANTILES - 1) as f32);
        }
        if less < not_more {
            // The middle of the ranks that share the value.
            return Some((less + not_more - 1) as f32 / 2.0);
        }
        let Some(before) = less.checked_sub(1) else {
            return Some(0.0);
        };
        let (low, high) = (f64::from(all[before]), f64::from(all[less]));
        let part = (f64::from(value) - low) / (high - low);
        Some((before as f64 + part) as f32)
    }

    /// The same in words, such as `more soluble than 82 % of marketed drugs`.
    pub fn standing(&self, value: f32, reference: &ReferenceMolecules) -> Option<String> {
        let percentile = self.percentile(value)?;
        let (word, usual, share) = match percentile >= 50.0 {
            true => (self.higher.as_str(), "higher", percentile),
            false => (self.lower.as_str(), "lower", 100.0 - percentile),
        };
        let word = if word.is_empty() { usual } else { word };
        let share = match share.round() {
            100.0 => "over 99".to_owned(),
            share => share.to_string(),
        };
        Some(format!("{word} than {share} % of {}", reference.name))
    }

    /// What its direction, its threshold, its range and its requirement may be and are not,
    /// if so.
    pub(crate) fn context_fault(&self) -> Option<&'static str> {
        let quantiles = &self.quantiles;
        let sorted = quantiles.is_sorted() && quantiles.iter().all(|one| one.is_finite());
        if !quantiles.is_empty() && (quantiles.len() != QUANTILES || !sorted) {
            return Some("101 numbers, none less than the one before");
        }
        if self.range.is_some_and(|range| !range.is_usable()) {
            return Some(RANGE);
        }
        if self.requires.as_ref().is_some_and(|one| !one.is_usable()) {
            return Some(REQUIREMENT);
        }
        words_fault(&self.higher, &self.lower, self.threshold.as_ref())
    }
}

/// What the range of an endpoint's values is.
pub(crate) const RANGE: &str = "a range of two numbers, `low` less than `high`";

/// What an endpoint's requirement is.
pub(crate) const REQUIREMENT: &str =
    "a requirement with a pattern in SMARTS that can be read (`smarts`) and a `reason`";

/// What a direction and a threshold may be and are not, if so.
pub(crate) fn words_fault(
    higher: &str,
    lower: &str,
    threshold: Option<&Threshold>,
) -> Option<&'static str> {
    if higher.is_empty() != lower.is_empty() {
        return Some("words for both `higher` and `lower`, or for none");
    }
    let threshold = threshold?;
    let words = [&threshold.above, &threshold.below, &threshold.source];
    if !threshold.value.is_finite() || words.iter().any(|words| words.is_empty()) {
        return Some("a threshold with a value, `above`, `below` and `source`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(values: Vec<f32>) -> Endpoint {
        Endpoint {
            higher: "more soluble".to_owned(),
            lower: "less soluble".to_owned(),
            quantiles: quantiles(values),
            ..Endpoint::default()
        }
    }

    fn drugs() -> ReferenceMolecules {
        ReferenceMolecules {
            name: "marketed drugs".to_owned(),
            source: "a list".to_owned(),
            molecules: 1,
        }
    }

    /// Values with many ties, by Park and Miller's generator.
    fn values() -> Vec<f32> {
        let mut state: u64 = 1;
        let next = |_| {
            state = state * 48271 % 2_147_483_647;
            // A third of them are one value, and the others have two digits.
            match state % 3 {
                0 => 1.5,
                _ => (state % 700) as f32 / 100.0 - 2.0,
            }
        };
        (0..1000).map(next).collect()
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy 2: np.percentile(values(), [0, 1, 37, 50, 99, 100])
        let all = quantiles(values());
        assert_eq!(all.len(), 101);
        let some = [0, 1, 37, 50, 99, 100].map(|place| all[place]);
        assert_eq!(some, [-1.99, -1.92, 1.5, 1.5, 4.8401, 4.99]);
        assert!(quantiles(Vec::new()).is_empty());
        assert_eq!(quantiles(vec![2.5]), [2.5; 101]);
        assert_eq!(quantiles(vec![0.0, 123_456.7])[50], 61728.0);
    }

    #[test]
    fn percentiles_are_those_of_scipy_to_one_per_cent() {
        let endpoint = endpoint(values());
        // scipy 1.17: stats.percentileofscore(values(), value, kind="mean")
        for (value, expected) in [
            (-2.0, 0.0),
            (-1.5, 5.0),
            (-0.37, 16.3),
            (0.0, 19.4),
            (1.0, 28.45),
            (1.49, 34.1),
            (1.5, 51.4),
            (1.51, 68.65),
            (2.25, 75.55),
            (3.5, 86.85),
            (4.9, 99.4),
            (4.99, 99.9),
        ] {
            let found = endpoint.percentile(value).expect("a percentile");
            assert!(
                (found - expected).abs() <= 1.0,
                "{value}: {found}, {expected}"
            );
        }
        assert_eq!(endpoint.percentile(-9.0), Some(0.0));
        assert_eq!(endpoint.percentile(9.0), Some(100.0));
        assert_eq!(endpoint.percentile(f32::INFINITY), Some(100.0));
        assert_eq!(endpoint.percentile(f32::NAN), None);
        assert_eq!(Endpoint::default().percentile(1.0), None);
        // Where all are the same, that is the middle.
        let same = super::tests::endpoint(vec![1.0; 7]);
        assert_eq!(same.percentile(1.0), Some(50.0));
        assert_eq!(same.percentile(1.001), Some(100.0));
    }

    #[test]
    fn a_percentile_never_falls_where_the_value_rises() {
        let endpoint = endpoint(values());
        let mut before = 0.0;
        for step in -300..600 {
            let percentile = endpoint.percentile(step as f32 / 100.0).expect("one");
            assert!(percentile >= before, "{step}: {percentile} after {before}");
            before = percentile;
        }
    }

    #[test]
    fn a_standing_says_which_way() {
        let endpoint = endpoint((0..=100).map(|one| one as f32).collect());
        let says = |value| endpoint.standing(value, &drugs()).expect("words");
        assert_eq!(says(82.2), "more soluble than 82 % of marketed drugs");
        assert_eq!(says(50.0), "more soluble than 50 % of marketed drugs");
        assert_eq!(says(15.0), "less soluble than 85 % of marketed drugs");
        assert_eq!(says(-5.0), "less soluble than over 99 % of marketed drugs");
        let plain = Endpoint {
            quantiles: endpoint.quantiles.clone(),
            ..Endpoint::default()
        };
        let says = plain.standing(20.0, &drugs());
        assert_eq!(says.as_deref(), Some("lower than 80 % of marketed drugs"));
    }

    #[test]
    fn a_threshold_says_on_which_side_a_value_is() {
        let threshold = Threshold {
            value: 2.0,
            above: "effluxed".to_owned(),
            below: "not effluxed".to_owned(),
            source: "a guideline".to_owned(),
        };
        assert_eq!(
            threshold.sentence(2.0),
            "at or above 2: effluxed (a guideline)"
        );
        assert_eq!(
            threshold.sentence(1.9),
            "below 2: not effluxed (a guideline)"
        );
        assert_eq!(words_fault("a", "b", Some(&threshold)), None);
        assert!(words_fault("a", "", None).is_some());
        let silent = Threshold {
            source: String::new(),
            ..threshold
        };
        assert!(words_fault("", "", Some(&silent)).is_some());
    }
}
