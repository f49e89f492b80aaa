//! Predictions as columns of numbers: an object for each would take gigabytes
//! where a table is long and a model has many endpoints.

use std::collections::HashMap;
use std::sync::Arc;

use delicate::model::Endpoint;
use delicate::predict::{Domain, Interval, Neighbour, Prediction};
use js_sys::{Array, Float32Array, Float64Array, Object, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::{JsCast, JsValue, wasm_bindgen};

use crate::error::Failure;

#[wasm_bindgen(typescript_custom_section)]
const SCORES: &str = r#"
/** Predictions of some rows: row by row, and in each row an entry for every endpoint. */
export interface Scores {
  /** NaN where there is no prediction. */
  values: Float32Array;
  /** Bounds of the 90 % interval; NaN where there is none. */
  low: Float32Array;
  high: Float32Array;
  /** 0: not known; 1: out; 2: borderline; 3: in; 4: out, as the endpoint is not defined for it. */
  domains: Uint8Array;
  /** One more than the place of the nearest training molecule in `molecules`; 0 where none is known. */
  nearest: Uint32Array;
  /** Its similarity. */
  similarities: Float64Array;
  /** What was measured for it, in the endpoint's unit; NaN where that is not known. */
  measured: Float32Array;
  /** SMILES of the nearest training molecules, each once. */
  molecules: string[];
}
"#;

/// The domain of a molecule that an endpoint is not defined for.
const UNDEFINED: u8 = Domain::ALL.len() as u8 + 1;

/// Predictions as columns.
#[derive(Default)]
pub(crate) struct Scores {
    values: Vec<f32>,
    low: Vec<f32>,
    high: Vec<f32>,
    domains: Vec<u8>,
    nearest: Vec<u32>,
    similarities: Vec<f64>,
    measured: Vec<f32>,
    molecules: Vec<String>,
    known: HashMap<String, u32>,
}

impl Scores {
    /// Adds a row of `endpoints` entries; those that are not predicted are left
    /// open.
    pub(crate) fn push(&mut self, predictions: &[Prediction], endpoints: usize) {
        for place in 0..endpoints {
            self.push_one(predictions.get(place));
        }
    }

    fn push_one(&mut self, prediction: Option<&Prediction>) {
        let interval = prediction.and_then(|one| one.interval);
        let domain = prediction.and_then(|one| one.domain);
        let nearest = prediction.and_then(|one| one.nearest.as_deref());
        self.values
            .push(prediction.map_or(f32::NAN, |one| one.value));
        self.low.push(interval.map_or(f32::NAN, |one| one.low));
        self.high.push(interval.map_or(f32::NAN, |one| one.high));
        let number = domain.and_then(|domain| Domain::ALL.iter().position(|&one| one == domain));
        self.domains.push(match prediction {
            Some(one) if one.is_undefined => UNDEFINED,
            _ => number.map_or(0, |at| at as u8 + 1),
        });
        self.similarities
            .push(nearest.map_or(f64::NAN, |one| one.similarity));
        let measured = nearest.and_then(|one| one.measured);
        self.measured.push(measured.unwrap_or(f32::NAN));
        let number = nearest.map_or(0, |one| self.number(&one.smiles));
        self.nearest.push(number);
    }

    /// The number of a training molecule, from 1.
    fn number(&mut self, smiles: &str) -> u32 {
        if let Some(&number) = self.known.get(smiles) {
            return number;
        }
        self.molecules.push(smiles.to_owned());
        let number = self.molecules.len() as u32;
        self.known.insert(smiles.to_owned(), number);
        number
    }

    /// As the page has it.
    pub(crate) fn to_js(&self) -> Result<JsValue, JsValue> {
        let molecules: Array = self.molecules.iter().map(JsValue::from).collect();
        let object = Object::new();
        let parts: [(&str, JsValue); 8] = [
            ("values", Float32Array::from(&self.values[..]).into()),
            ("low", Float32Array::from(&self.low[..]).into()),
            ("high", Float32Array::from(&self.high[..]).into()),
            ("domains", Uint8Array::from(&self.domains[..]).into()),
            ("nearest", Uint32Array::from(&self.nearest[..]).into()),
            (
                "similarities",
                Float64Array::from(&self.similarities[..]).into(),
            ),
            ("measured", Float32Array::from(&self.measured[..]).into()),
            ("molecules", molecules.into()),
        ];
        for (name, part) in parts {
            Reflect::set(&object, &name.into(), &part)?;
        }
        Ok(object.into())
    }

    /// What [`Self::to_js`] gave.
    pub(crate) fn from_js(given: &JsValue) -> Result<Self, Failure> {
        let molecules: Array = part(given, "molecules")?;
        let scores = Self {
            values: part::<Float32Array>(given, "values")?.to_vec(),
            low: part::<Float32Array>(given, "low")?.to_vec(),
            high: part::<Float32Array>(given, "high")?.to_vec(),
            domains: part::<Uint8Array>(given, "domains")?.to_vec(),
            nearest: part::<Uint32Array>(given, "nearest")?.to_vec(),
            similarities: part::<Float64Array>(given, "similarities")?.to_vec(),
            measured: part::<Float32Array>(given, "measured")?.to_vec(),
            molecules: molecules
                .iter()
                .map(|smiles| smiles.as_string().unwrap_or_default())
                .collect(),
            known: HashMap::new(),
        };
        let length = scores.values.len();
        let lengths = [
            scores.low.len(),
            scores.high.len(),
            scores.domains.len(),
            scores.nearest.len(),
            scores.similarities.len(),
            scores.measured.len(),
        ];
        if lengths.iter().any(|&other| other != length) {
            return Err(Failure::new("export", "columns of different lengths"));
        }
        Ok(scores)
    }

    /// The predictions of row `row`; `None` where one of them is missing.
    pub(crate) fn row(
        &self,
        row: usize,
        endpoints: &[Arc<Endpoint>],
        places: &[usize],
    ) -> Option<Vec<Prediction>> {
        let start = row * endpoints.len();
        let of = |&place: &usize| {
            let (at, endpoint) = (start + place, &endpoints[place]);
            let value = *self.values.get(at).filter(|value| value.is_finite())?;
            let mut prediction = Prediction::new(Arc::clone(endpoint), value);
            let (low, high) = (self.low[at], self.high[at]);
            prediction.interval = low.is_finite().then_some(Interval { low, high });
            prediction.is_undefined = self.domains[at] == UNDEFINED;
            let band = usize::from(self.domains[at]).checked_sub(1);
            prediction.domain = match prediction.is_undefined {
                true => Some(Domain::Out),
                false => band.and_then(|band| Domain::ALL.get(band).copied()),
            };
            let molecule = (self.nearest[at] as usize).checked_sub(1);
            prediction.nearest = molecule.and_then(|place| {
                Some(Arc::new(Neighbour {
                    smiles: self.molecules.get(place)?.clone(),
                    similarity: self.similarities[at],
                    measured: Some(self.measured[at]).filter(|value| value.is_finite()),
                }))
            });
            Some(prediction)
        };
        places.iter().map(of).collect()
    }
}

/// A property of that type.
fn part<T: JsCast>(object: &JsValue, name: &str) -> Result<T, Failure> {
    Reflect::get(object, &name.into())
        .ok()
        .and_then(|value| value.dyn_into::<T>().ok())
        .ok_or_else(|| Failure::new("export", format!("no `{name}`")))
}
