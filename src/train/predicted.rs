//! Predictions of molecules through the path that users score by.

use super::TrainingError;
use crate::predict::{PredictOptions, Scorer, without_interruption};
use crate::records::MoleculeSource;

/// The predictions of `molecules` in the numbers that are learnt, one an endpoint; `None` for a molecule
/// that has no prediction.
pub(super) async fn predict_values(
    scorer: &Scorer,
    molecules: &[impl MoleculeSource],
    options: PredictOptions,
) -> Result<Vec<Option<Vec<f32>>>, TrainingError> {
    let outcomes = scorer
        .predict(molecules, options, without_interruption)
        .await;
    if let Some(stop) = outcomes.stop {
        return Err(stop.into());
    }
    let rows = outcomes.rows.into_iter().map(|row| {
        let predictions = row?.ok()?;
        Some(predictions.iter().map(|p| p.learnt()).collect())
    });
    Ok(rows.collect())
}
