//! Whether there is something to learn: said before a run makes its directory.

use crate::model::EndpointTask;
use crate::train::config::EndpointConfig;
use crate::train::dataset::Example;
use crate::train::splits::Fold;

/// Fewest labels of an endpoint that a fold is trained on.
pub(super) const FEWEST_LABELS: usize = 10;

/// Why labels cannot be learnt from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnableError {
    /// No row is left.
    #[error(
        "no row has both a molecule that the model can read and a label: see what was left out"
    )]
    NoExample,
    /// Too few molecules have a label.
    #[error(
        "{molecules} molecule{} a label for `{endpoint}`: at least {needed} are needed to \
         train on, and more to measure the model with; add molecules",
        if *molecules == 1 { " has" } else { "s have" }
    )]
    TooFew {
        /// The endpoint.
        endpoint: String,
        /// Its molecules.
        molecules: usize,
        /// How many there should be.
        needed: usize,
    },
    /// The labels are too large, or too near to each other, for single precision.
    #[error(
        "the labels of `{endpoint}` are too large or too small to be computed with: give them in \
         another unit, or as logarithms"
    )]
    OutOfRange {
        /// The endpoint.
        endpoint: String,
    },
    /// All labels are of one class, or are one number.
    #[error(
        "all {molecules} labels of `{endpoint}` are {value}: there is nothing to tell apart; add \
         molecules with other labels"
    )]
    Alike {
        /// The endpoint.
        endpoint: String,
        /// The label that all have.
        value: String,
        /// The molecules that have it.
        molecules: usize,
    },
    /// So are those that a fold trains on.
    #[error(
        "fold {fold} would be trained on {molecules} labels of `{endpoint}` that are all {value}: \
         split otherwise (--split random, another --seed, other --folds), or add molecules"
    )]
    AlikeInTraining {
        /// The fold.
        fold: usize,
        /// The endpoint.
        endpoint: String,
        /// The label that all have.
        value: String,
        /// The molecules that have it.
        molecules: usize,
    },
}

/// The labels of an endpoint among `examples`, and the one that all of them
/// are, if there are any and they are alike.
fn alike<'a>(
    examples: impl Iterator<Item = &'a Example>,
    index: usize,
    endpoint: &EndpointConfig,
) -> (usize, Option<String>) {
    let labels: Vec<f32> = examples.filter_map(|e| e.labels[index]).collect();
    let first = labels.first().copied();
    let value = first.filter(|first| labels.iter().all(|label| label == first));
    let named = value.map(|value| match endpoint.task {
        EndpointTask::Regression => value.to_string(),
        EndpointTask::Classification => format!("of the class {value}"),
    });
    (labels.len(), named)
}

/// Checks that each endpoint has enough labels, and labels that differ.
pub(super) fn check_examples(
    endpoints: &[EndpointConfig],
    examples: &[Example],
) -> Result<(), LearnableError> {
    if examples.is_empty() {
        return Err(LearnableError::NoExample);
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        let (molecules, value) = alike(examples.iter(), index, endpoint);
        let endpoint = endpoint.name.clone();
        if molecules < FEWEST_LABELS {
            return Err(LearnableError::TooFew {
                endpoint,
                molecules,
                needed: FEWEST_LABELS,
            });
        }
        if let Some(value) = value {
            return Err(LearnableError::Alike {
                endpoint,
                value,
                molecules,
            });
        }
    }
    Ok(())
}

/// Checks that the labels that `fold` is trained on differ.
pub(super) fn check_fold(
    endpoints: &[EndpointConfig],
    examples: &[Example],
    fold: &Fold,
) -> Result<(), LearnableError> {
    for (index, endpoint) in endpoints.iter().enumerate() {
        let train = fold.split.train.iter().map(|&example| &examples[example]);
        if let (molecules, Some(value)) = alike(train, index, endpoint) {
            return Err(LearnableError::AlikeInTraining {
                fold: fold.fold,
                endpoint: endpoint.name.clone(),
                value,
                molecules,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::Molecule;
    use crate::train::splits::Split;

    fn endpoint(task: EndpointTask) -> [EndpointConfig; 1] {
        [EndpointConfig {
            name: "x".to_owned(),
            title: "x".to_owned(),
            unit: String::new(),
            description: String::new(),
            file: "x.csv".into(),
            label_column: "x".to_owned(),
            task,
            ..EndpointConfig::default()
        }]
    }

    fn examples(labels: &[f32]) -> Vec<Example> {
        let example = |label: &f32| Example {
            pseudo_labels: Vec::new(),
            molecule: Molecule::parse("C").expect("parses"),
            smiles: "C".to_owned(),
            labels: vec![Some(*label)],
            tokens: Vec::new(),
        };
        labels.iter().map(example).collect()
    }

    #[test]
    fn labels_that_teach_nothing_are_refused_with_what_to_do() {
        let quantity = endpoint(EndpointTask::Regression);
        let class = endpoint(EndpointTask::Classification);
        let said = |endpoints: &[EndpointConfig], labels: &[f32]| {
            let error = check_examples(endpoints, &examples(labels)).expect_err("refused");
            error.to_string()
        };
        assert!(said(&quantity, &[]).starts_with("no row has both"));
        assert!(said(&quantity, &[1.0]).starts_with("1 molecule has"));
        assert!(said(&quantity, &[1.0, 2.0, 3.0, 4.0, 5.0]).starts_with("5 molecules have"));
        assert!(said(&quantity, &[2.5; 12]).contains("all 12 labels of `x` are 2.5"));
        assert!(said(&class, &[1.0; 12]).contains("of the class 1"));
        let mut labels = vec![0.0; 12];
        labels[11] = 1.0;
        let examples = examples(&labels);
        assert_eq!(check_examples(&class, &examples), Ok(()));
        let fold = Fold {
            fold: 3,
            split: Split {
                train: (0..11).collect(),
                valid: Vec::new(),
                test: vec![11],
            },
        };
        let said = check_fold(&class, &examples, &fold).expect_err("refused");
        let said = said.to_string();
        assert!(
            said.contains(
                "fold 3 would be trained on 11 labels of `x` that are all of the class 0"
            ),
            "{said}"
        );
    }
}
