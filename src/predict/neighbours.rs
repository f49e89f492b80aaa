//! The training molecules nearest to a molecule.

/// Training molecules that tell where a molecule stands.
const NEIGHBOURS: usize = 5;

/// How a molecule stands to what an endpoint was learnt from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) nearest: Nearest,
    /// Whether it lacks what the endpoint [requires](crate::model::Endpoint::requires).
    pub(crate) is_undefined: bool,
}

/// The training molecules that are nearest to a molecule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nearest {
    /// Similarity and index, the nearest first.
    best: Vec<(f64, usize)>,
}

impl Nearest {
    /// Takes the training molecule `index` into account.
    pub fn add(&mut self, index: usize, similarity: f64) {
        let place = self.best.partition_point(|(known, _)| *known >= similarity);
        if place < NEIGHBOURS {
            self.best.truncate(NEIGHBOURS - 1);
            self.best.insert(place, (similarity, index));
        }
    }

    /// The index of the nearest, and its similarity.
    pub fn first(&self) -> Option<(usize, f64)> {
        let &(similarity, index) = self.best.first()?;
        Some((index, similarity))
    }

    /// How similar the nearest five are: their mean, weighted by the similarities
    /// themselves, so that one that is very near counts more than several that
    /// are not. 0 to 1; 0 without any.
    pub fn similarity(&self) -> f64 {
        let sum: f64 = self.best.iter().map(|(similarity, _)| similarity).sum();
        let squares: f64 = self.best.iter().map(|(s, _)| s * s).sum();
        if sum > 0.0 { squares / sum } else { 0.0 }
    }

    /// How far `prediction` lies from what was measured for them: the root of the mean
    /// square, weighted by the squares of the similarities, in the numbers that are
    /// learnt. `measured` gives a training molecule's value by its index. `None` where
    /// none is known, or none is similar at all.
    pub fn disagreement(
        &self,
        prediction: f32,
        measured: impl Fn(usize) -> Option<f32>,
    ) -> Option<f64> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for &(similarity, index) in &self.best {
            if let Some(measured) = measured(index) {
                let weight = similarity * similarity;
                sum += weight * f64::from(prediction - measured).powi(2);
                weights += weight;
            }
        }
        (weights > 0.0).then(|| (sum / weights).sqrt())
    }

    /// The similarity that a molecule must exceed to change anything.
    pub(super) fn bound(&self) -> f64 {
        match self.best.get(NEIGHBOURS - 1) {
            Some((similarity, _)) => *similarity,
            None => -1.0,
        }
    }
}

impl FromIterator<(usize, f64)> for Nearest {
    fn from_iter<I: IntoIterator<Item = (usize, f64)>>(all: I) -> Self {
        let mut nearest = Self::default();
        for (index, similarity) in all {
            nearest.add(index, similarity);
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_neighbours_count_the_nearest_most() {
        let similarities = [0.1, 0.9, 0.3, 0.3, 0.0, 0.2, 0.3, 0.05];
        let nearest: Nearest = similarities.into_iter().enumerate().collect();
        assert_eq!(nearest.first(), Some((1, 0.9)));
        let five = [0.9, 0.3, 0.3, 0.3, 0.2];
        let squares: f64 = five.iter().map(|s| s * s).sum();
        let expected = squares / five.iter().sum::<f64>();
        assert!((nearest.similarity() - expected).abs() < 1e-12);
        assert_eq!(nearest.bound(), 0.2);
        assert_eq!(Nearest::default().similarity(), 0.0);
        assert_eq!(Nearest::default().bound(), -1.0);
    }

    #[test]
    fn a_prediction_disagrees_with_the_nearest_most() {
        let nearest: Nearest = [(7, 0.8), (9, 0.4), (2, 0.2)].into_iter().collect();
        let measured = |index: usize| {
            [(7, 1.0), (9, 3.0)]
                .iter()
                .find(|m| m.0 == index)
                .map(|m| m.1)
        };
        let found = nearest.disagreement(2.0, measured).expect("some are known");
        assert!((found - 1.0).abs() < 1e-12);
        let found = nearest.disagreement(1.0, measured).expect("some are known");
        assert!((found - (0.16 * 4.0 / 0.8f64).sqrt()).abs() < 1e-12);
        assert_eq!(nearest.disagreement(1.0, |_| None), None);
        let unlike: Nearest = [(7, 0.0)].into_iter().collect();
        assert_eq!(unlike.disagreement(1.0, measured), None);
    }
}
