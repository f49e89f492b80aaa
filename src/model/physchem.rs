//! Physico-chemical descriptors as targets of pre-training.

use serde::{Deserialize, Serialize};

/// Steps between the quantiles that are kept of every descriptor.
const STEPS: usize = 100;

/// Which descriptors a model predicts, and how they were normalised: each
/// through its own cumulative distribution on the training molecules, so that
/// targets are uniform in 0 to 1 whatever the descriptor's scale or tails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Physchem {
    /// RDKit's names of the descriptors, in the order of the outputs.
    pub descriptors: Vec<String>,
    /// For each descriptor its quantiles on the training molecules, from the
    /// smallest to the largest value at equal steps.
    pub quantiles: Vec<Vec<f32>>,
}

impl Physchem {
    /// Fits the distributions to `rows`, one value a descriptor each.
    ///
    /// `None` where there is no row to fit to, or one has another length.
    pub fn fit(descriptors: &[&str], rows: &[Vec<f32>]) -> Option<Self> {
        if rows.is_empty() || rows.iter().any(|row| row.len() != descriptors.len()) {
            return None;
        }
        let quantiles = (0..descriptors.len()).map(|column| {
            let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
            values.sort_by(f32::total_cmp);
            let last = (values.len() - 1) as f64;
            (0..=STEPS)
                .map(|step| {
                    let place = last * step as f64 / STEPS as f64;
                    let low = values[place.floor() as usize];
                    let high = values[place.ceil() as usize];
                    low + (high - low) * place.fract() as f32
                })
                .collect()
        });
        Some(Self {
            descriptors: descriptors.iter().map(|&name| name.to_owned()).collect(),
            quantiles: quantiles.collect(),
        })
    }

    /// The targets of one molecule, 0 to 1, from its descriptors.
    pub fn normalise(&self, values: &[f32]) -> Vec<f32> {
        values
            .iter()
            .zip(&self.quantiles)
            .map(|(&value, quantiles)| cumulative(quantiles, value))
            .collect()
    }

    /// What is wrong with it, if anything, in the words of `expected …`.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.descriptors.is_empty() || self.descriptors.len() > 1024 {
            return Some("1 to 1024 descriptors");
        }
        if self.quantiles.len() != self.descriptors.len() {
            return Some("quantiles for every descriptor");
        }
        let rising = |values: &Vec<f32>| {
            (2..=4096).contains(&values.len())
                && values.iter().all(|value| value.is_finite())
                && values.is_sorted()
        };
        (!self.quantiles.iter().all(rising)).then_some("2 to 4096 rising, finite quantiles")
    }
}

/// The fraction of the distribution below `value`. A value that many
/// molecules share gets the middle of the range that they take up.
fn cumulative(quantiles: &[f32], value: f32) -> f32 {
    let last = quantiles.len().saturating_sub(1).max(1) as f32;
    let below = quantiles.partition_point(|&quantile| quantile < value);
    let up_to = quantiles.partition_point(|&quantile| quantile <= value);
    if below < up_to {
        return (below + up_to - 1) as f32 / 2.0 / last;
    }
    match (
        below.checked_sub(1).map(|i| quantiles[i]),
        quantiles.get(below),
    ) {
        (Some(low), Some(&high)) => ((below - 1) as f32 + (value - low) / (high - low)) / last,
        (None, _) => 0.0,
        (_, None) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(values: &[f32]) -> Physchem {
        let rows: Vec<Vec<f32>> = values.iter().map(|&value| vec![value]).collect();
        Physchem::fit(&["x"], &rows).expect("rows")
    }

    #[test]
    fn evenly_spread_values_become_their_fraction() {
        let values: Vec<f32> = (0..=1000).map(|i| i as f32).collect();
        let physchem = fitted(&values);
        for value in [0.0, 1.0, 250.0, 777.5, 1000.0] {
            let target = physchem.normalise(&[value])[0];
            assert!((target - value / 1000.0).abs() < 1e-5, "{value}: {target}");
        }
        assert_eq!(physchem.normalise(&[-5.0]), [0.0]);
        assert_eq!(physchem.normalise(&[5000.0]), [1.0]);
        assert_eq!(physchem.fault(), None);
    }

    #[test]
    fn a_value_that_many_share_gets_the_middle_of_its_range() {
        let mut values = vec![0.0; 50];
        values.extend(vec![1.0; 50]);
        let physchem = fitted(&values);
        assert!((physchem.normalise(&[0.0])[0] - 0.25).abs() < 0.01);
        assert!((physchem.normalise(&[1.0])[0] - 0.75).abs() < 0.01);
        let constant = fitted(&[3.0, 3.0]);
        assert_eq!(constant.normalise(&[3.0]), [0.5]);
    }

    #[test]
    fn tables_that_are_none_are_named() {
        let mut physchem = fitted(&[1.0, 2.0]);
        physchem.quantiles[0][0] = f32::NAN;
        assert!(physchem.fault().is_some());
        physchem.quantiles.clear();
        assert!(physchem.fault().is_some());
        assert!(Physchem::fit(&["x"], &[]).is_none());
        assert!(Physchem::fit(&["x"], &[vec![1.0, 2.0]]).is_none());
    }
}
