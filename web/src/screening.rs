//! Ranking the rows of a table by their similarity to those of another.
//!
//! Fingerprints and embeddings are computed piece by piece, so that the page
//! can show how far it is and stop it, and kept with the table.

use std::cell::RefCell;
use std::ops::ControlFlow;

use delicate::chemistry::{Fingerprint, Keep};
use delicate::predict::{PredictOptions, Progress, Stop};
use delicate::records::Row;
use delicate::screening::{self, Aggregate, Comparison, Features, Similarity};
use js_sys::{Float64Array, Int32Array, Object, Reflect};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::engine::Engine;
use crate::error::Failure;
use crate::table::Table;

#[wasm_bindgen(typescript_custom_section)]
const RANKING: &str = r#"
/** How near each row of a table is to those of another. */
export interface Ranking {
  /** Similarity to the nearest; NaN where there is none. */
  similarities: Float64Array;
  /** The row that is the nearest, from 0; -1 where there is none. */
  nearest: Int32Array;
}
export type SimilarityName = "embedding" | "fingerprint" | "weighted" | "fused";
"#;

/// What rows are compared by; the outer `None` where it was not computed yet.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    fingerprints: RefCell<Vec<Option<Option<Fingerprint>>>>,
    embeddings: RefCell<Vec<Option<Option<Vec<f32>>>>>,
}

#[wasm_bindgen]
impl Table {
    /// Computes the fingerprints of the rows from `start` to before `end` that
    /// have none yet.
    ///
    /// # Errors
    ///
    /// Where `start` or `end` is no place.
    pub fn fingerprint(&self, start: f64, end: f64) -> Result<(), JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let mut known = self.compared.fingerprints.borrow_mut();
        known.resize(self.rows.len(), None);
        let waiting: Vec<usize> = (start..end).filter(|&row| known[row].is_none()).collect();
        let rows: Vec<&Row> = waiting.iter().map(|&row| &self.rows[row]).collect();
        let found = screening::fingerprints(&rows, Keep::default());
        for (row, found) in waiting.into_iter().zip(found) {
            known[row] = Some(found.ok());
        }
        Ok(())
    }

    /// Computes the embeddings of the rows from `start` to before `end` that
    /// have none yet, with the model of `engine`, which is always the same one.
    ///
    /// # Errors
    ///
    /// Where the device fails.
    pub async fn embed(&self, engine: &Engine, start: f64, end: f64) -> Result<(), JsValue> {
        let (start, end) = self.bounds(start, end)?;
        let waiting: Vec<usize> = {
            let mut known = self.compared.embeddings.borrow_mut();
            known.resize(self.rows.len(), None);
            (start..end).filter(|&row| known[row].is_none()).collect()
        };
        let rows: Vec<&Row> = waiting.iter().map(|&row| &self.rows[row]).collect();
        let run = engine
            .scorer
            .embed(&rows, PredictOptions::default(), async |_: Progress| {
                ControlFlow::Continue(())
            });
        let outcome = run.await;
        if let Some(stop) = outcome.stop.filter(|stop| *stop != Stop::Cancelled) {
            return Err(Failure::from(stop).into());
        }
        let mut known = self.compared.embeddings.borrow_mut();
        for (row, found) in waiting.into_iter().zip(outcome.rows) {
            known[row] = Some(found.and_then(Result::ok));
        }
        Ok(())
    }

    /// How near each row is to the rows of `actives`, by what was computed of
    /// both: `embedding`, `fingerprint` (Tanimoto similarity of ECFP4), or
    /// `fused`, the mean of the two.
    ///
    /// # Errors
    ///
    /// Where `by` is none of these.
    #[wasm_bindgen(unchecked_return_type = "Ranking")]
    pub fn rank(
        &self,
        actives: &Table,
        #[wasm_bindgen(unchecked_param_type = "SimilarityName")] by: &str,
    ) -> Result<JsValue, JsValue> {
        let by = match by {
            "embedding" => Similarity::Embedding,
            "fingerprint" => Similarity::Fingerprint,
            "weighted" => Similarity::Weighted,
            "fused" => Similarity::Fused,
            other => {
                let message = format!(
                    "unknown similarity `{other}`: use embedding, fingerprint, weighted or fused"
                );
                return Err(Failure::new("argument", message).into());
            }
        };
        let queries: Vec<Features> = (0..actives.rows.len())
            .map(|row| actives.features(row))
            .collect();
        let nearest: Vec<Option<Comparison>> = (0..self.rows.len())
            .map(|row| self.features(row).compare(&queries, by, Aggregate::Max))
            .collect();
        let similarities: Vec<f64> = nearest
            .iter()
            .map(|found| found.map_or(f64::NAN, |found| found.score))
            .collect();
        let places: Vec<i32> = nearest
            .iter()
            .map(|found| found.map_or(-1, |found| found.nearest as i32))
            .collect();
        let object = Object::new();
        Reflect::set(
            &object,
            &"similarities".into(),
            &Float64Array::from(&similarities[..]),
        )?;
        Reflect::set(&object, &"nearest".into(), &Int32Array::from(&places[..]))?;
        Ok(object.into())
    }
}

impl Table {
    fn features(&self, row: usize) -> Features {
        let fingerprints = self.compared.fingerprints.borrow();
        let embeddings = self.compared.embeddings.borrow();
        Features::new(
            fingerprints.get(row).cloned().flatten().flatten(),
            embeddings.get(row).cloned().flatten().flatten(),
        )
    }
}
