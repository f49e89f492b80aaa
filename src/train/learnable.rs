//! Whether there is something to learn: said before a run makes its directory.

use crate::model::EndpointTask;
use crate::train::config::EndpointConfig;
use crate::train::dataset::Example;
use crate::train::splits::Fold;

/// Why labels cannot be learnt from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnableError {
    /// No row is left.
    #[error(
        "no row has both a molecule that the model can read and a label: see what was left out"
    )]
    NoExample,
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

/// Checks that each endpoint has labels that differ.
pub(super) fn check_examples(
    endpoints: &[EndpointConfig],
    examples: &[Example],
) -> Result<(), LearnableError> {
    if examples.is_empty() {
        return Err(LearnableError::NoExample);
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        // Of a single label the number of labels is what is wrong.
        if let (molecules @ 2.., Some(value)) = alike(examples.iter(), index, endpoint) {
            return Err(LearnableError::Alike {
                endpoint: endpoint.name.clone(),
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
