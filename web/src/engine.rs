//! A model on a device.

use delicate::device::{Backend, Device, DeviceChoice};
use delicate::model::{Endpoint, ReferenceMolecules};
use delicate::model_dir::ModelFiles;
use delicate::predict::{PredictOptions, Scorer, without_interruption};
use delicate::records::Structure;
use serde::Serialize;
use tsify::Tsify;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::Failure;

/// The molecules of [`Engine::probe`]: drugs of common sizes.
const PROBE: [&str; 16] = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "CC(=O)Nc1ccc(O)cc1",
    "CN(C)CCOC(c1ccccc1)c1ccccc1",
    "COc1ccc2[nH]c(nc2c1)S(=O)Cc1ncc(C)c(OC)c1C",
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc12",
    "OC(=O)COCCN1CCN(CC1)C(c1ccccc1)c1ccc(Cl)cc1",
    "CCOC(=O)C1=C(COCCN)NC(C)=C(C1c1ccccc1Cl)C(=O)OC",
    "CNCCC(Oc1ccc(cc1)C(F)(F)F)c1ccccc1",
    "CC(C)NCC(O)COc1cccc2ccccc12",
    "CN1CCC23C4C1CC5=C2C(=C(C=C5)O)OC3C(C=C4)O",
    "Nc1ccc(cc1)S(=O)(=O)Nc1ncccn1",
    "Clc1ccc(cc1)C(c1ccccc1)N1CCNCC1",
    "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
    "CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2O",
];

/// What the page shows of an engine.
#[derive(Serialize, Tsify)]
#[tsify(rename = "EngineInfo")]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    #[tsify(type = "\"cpu\" | \"webgpu\"")]
    backend: &'static str,
    adapter: &'a str,
    /// What the encoder computes in.
    #[tsify(type = "\"int8\" | \"fp32\"")]
    precision: &'static str,
    /// The adapter runs on the CPU: correct, but slow.
    software: bool,
    model: ModelInfo<'a>,
}

/// What the page shows of a model.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
struct ModelInfo<'a> {
    name: &'a str,
    preset: &'a str,
    parameters: usize,
    license: &'a str,
    hidden: usize,
    layers: usize,
    max_length: usize,
    endpoints: &'a [Endpoint],
    /// The molecules that percentiles are among; the endpoints have their quantiles.
    #[tsify(type = "ReferenceMolecules | null")]
    reference: Option<&'a ReferenceMolecules>,
}

/// How fast an engine is, and what it says of the molecules it was timed on.
#[derive(Serialize, Tsify)]
struct Probe {
    /// Molecules per second.
    rate: f64,
    values: Vec<f32>,
}

/// A model on a device, ready to score.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    pub(crate) scorer: Scorer,
}

#[wasm_bindgen]
impl Engine {
    /// Loads a model from the bytes of its `config.json`, `model.safetensors`,
    /// `vocab.txt` and, where it has one, `domain.json.gz`; `backend` is `cpu` or `webgpu`.
    /// `precision` is `fp32` or, on a CPU, `int8`; without it, the faster one. Where the
    /// domain comes later, by [`Engine::add_domain`], predictions have no interval, domain
    /// and nearest molecule until then.
    ///
    /// # Errors
    ///
    /// Where the device cannot be opened, does not compute in that precision, or the files
    /// are no valid model.
    pub async fn load(
        backend: String,
        #[wasm_bindgen(unchecked_param_type = "\"int8\" | \"fp32\" | undefined")] precision: Option<
            String,
        >,
        config: Vec<u8>,
        weights: Vec<u8>,
        vocabulary: Vec<u8>,
        domain: Option<Vec<u8>>,
        domain_comes_later: bool,
    ) -> Result<Engine, JsValue> {
        let choice: DeviceChoice = backend.parse().map_err(Failure::from)?;
        let device = Device::open(choice).await.map_err(Failure::from)?;
        let files = ModelFiles {
            config: config.into(),
            weights: weights.into(),
            vocabulary: vocabulary.into(),
            domain: domain.map(Into::into),
        };
        let fast = device.is_fast_in_eight_bits();
        let scorer = match domain_comes_later {
            true => Scorer::load_before_domain(&files, device),
            false => Scorer::load(&files, device),
        };
        let scorer = scorer.map_err(Failure::from)?;
        let scorer = match precision.as_deref() {
            None if !fast => scorer,
            Some("fp32") => scorer,
            None | Some("int8") => scorer.in_eight_bits().map_err(Failure::from)?,
            Some(other) => {
                let message = format!("there is no precision `{other}`: use int8 or fp32");
                return Err(Failure::new("precision", message).into());
            }
        };
        Ok(Self { scorer })
    }

    /// Adds `domain.json.gz` to a model that was loaded before it.
    ///
    /// # Errors
    ///
    /// Where it is not the one that belongs to the model.
    #[wasm_bindgen(js_name = addDomain)]
    pub fn add_domain(&mut self, domain: &[u8]) -> Result<(), JsValue> {
        let scorer = self.scorer.clone().with_domain(domain);
        self.scorer = scorer.map_err(Failure::from)?;
        Ok(())
    }

    /// What computes, and with which model.
    ///
    /// # Errors
    ///
    /// Never; the conversion to JavaScript is fallible in its type alone.
    #[wasm_bindgen(unchecked_return_type = "EngineInfo")]
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let config = self.scorer.config();
        let device = self.scorer.device();
        to_js(&Info {
            backend: match device.backend {
                Backend::Flex => "cpu",
                Backend::Wgpu => "webgpu",
            },
            adapter: device.name(),
            precision: self.scorer.precision().name(),
            software: device.is_software(),
            model: ModelInfo {
                name: &config.name,
                preset: &config.preset,
                parameters: config.encoder.parameters(),
                license: &config.license,
                hidden: config.encoder.hidden_size,
                layers: config.encoder.num_hidden_layers,
                max_length: config.encoder.max_length,
                endpoints: &config.endpoints,
                reference: config.reference.as_ref(),
            },
        })
    }

    /// Where values of an endpoint, by its place in the model, stand among the model's
    /// reference molecules, from 0 to 100; NaN where the model has none.
    pub fn percentiles(&self, endpoint: usize, values: &[f32]) -> Vec<f32> {
        let endpoint = self.scorer.config().endpoints.get(endpoint);
        let percentile = |&value: &f32| endpoint?.percentile(value);
        let all = values.iter().map(percentile);
        all.map(|one| one.unwrap_or(f32::NAN)).collect()
    }

    /// The same of one value in words: `more soluble than 82 % of marketed drugs`.
    pub fn standing(&self, endpoint: usize, value: f32) -> Option<String> {
        let config = self.scorer.config();
        let endpoint = config.endpoints.get(endpoint)?;
        endpoint.standing(value, config.reference.as_ref()?)
    }

    /// Scores one real batch twice: the first time compiles kernels. Gives the
    /// molecules per second of the second time and the values in single precision, a row
    /// a molecule, by which two engines are compared.
    ///
    /// # Errors
    ///
    /// Where the device fails or its numbers are not finite.
    #[wasm_bindgen(unchecked_return_type = "Probe")]
    pub async fn probe(&self) -> Result<JsValue, JsValue> {
        let structures = PROBE.map(Structure::from);
        let mut rate = 0.0;
        let mut values = Vec::new();
        let single = self.scorer.clone().without_eight_bits();
        for scorer in [&single, &self.scorer] {
            let started = web_time::Instant::now();
            let outcomes = scorer
                .predict(&structures, PredictOptions::default(), without_interruption)
                .await;
            if let Some(stop) = outcomes.stop {
                return Err(Failure::from(stop).into());
            }
            let first = values.is_empty();
            for row in outcomes.rows.into_iter().flatten() {
                let row = row.map_err(|error| Failure::new("probe", error.message))?;
                let found = row.iter().map(|prediction| prediction.value);
                values.extend(found.filter(|_| first));
            }
            rate = PROBE.len() as f64 / started.elapsed().as_secs_f64().max(1e-6);
        }
        to_js(&Probe { rate, values })
    }
}

/// A value as plain JavaScript: maps as objects, absent values as `null`.
pub(crate) fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| Failure::new("conversion", error).into())
}
