//! AdamW as the paper uses it: no weight decay for biases and LayerNorms, one
//! bound on the norm of all gradients together (as PyTorch's
//! `clip_grad_norm_`), gradients accumulated over several batches; in half
//! precision with a scale of the loss that follows what its gradients bear.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::config::OptimizerConfig;
use crate::device::read_back;
use crate::kernels::{AdamwRates, adamw};
use crate::model::Model;

/// The optimizer of one model.
///
/// burn has an AdamW, but it restores its history on burn's default device,
/// which is a GPU wherever one is built in, present or not.
pub(crate) struct Optimizer {
    config: OptimizerConfig,
    /// First moments of a parameter's elements, then second ones, `[2 n]`, by the
    /// parameters' numbers.
    moments: BTreeMap<u64, Tensor<1>>,
    /// Steps done.
    steps: i32,
    accumulator: GradientsAccumulator<Model>,
    accumulated: usize,
    /// In half precision alone.
    scale: Option<LossScale>,
}

/// What a loss is multiplied by, so that its gradients do not vanish in half
/// precision: twice as much after [`SOUND_STEPS`] steps that went well, half as
/// much after one whose gradients overflowed, and which is not made.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LossScale {
    factor: f64,
    /// Steps since it last changed.
    sound: u32,
}

/// Scale of the first step.
const FIRST_SCALE: f64 = 1_024.0;

/// Steps without overflow after which more is tried.
const SOUND_STEPS: u32 = 2_000;

impl LossScale {
    const FIRST: Self = Self {
        factor: FIRST_SCALE,
        sound: 0,
    };

    /// Follows a step whose gradients were finite, or not.
    fn follow(&mut self, finite: bool) {
        self.sound += 1;
        if !finite {
            *self = Self {
                // Below 1 it is the loss itself that overflows.
                factor: (self.factor / 2.0).max(1.0),
                sound: 0,
            };
        } else if self.sound >= SOUND_STEPS {
            *self = Self {
                factor: self.factor * 2.0,
                sound: 0,
            };
        }
    }
}

/// Why the history of an optimizer cannot be saved or restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// The file is damaged.
    #[error("the optimizer's file is damaged: {0}")]
    Damaged(String),
    /// The device failed.
    #[error("could not read the optimizer state back from the device: {0}")]
    Device(String),
}

impl Optimizer {
    /// An optimizer without history. The parameters of the models it gets
    /// must be [`assign_param_ids`].
    pub(crate) fn new(config: &OptimizerConfig) -> Self {
        Self {
            config: config.clone(),
            moments: BTreeMap::new(),
            steps: 0,
            accumulator: GradientsAccumulator::new(),
            accumulated: 0,
            scale: config.half.then_some(LossScale::FIRST),
        }
    }

    /// The model that computes the losses of a step: see
    /// [`OptimizerConfig::compute_model`].
    pub(crate) fn compute_model(&self, model: &Model) -> Model {
        self.config.compute_model(model.clone())
    }

    /// Whether the next batch completes a step.
    pub(crate) fn completes(&self) -> bool {
        self.accumulated + 1 >= self.config.accumulation
    }

    /// Adds the gradients of the weighted `loss`; after every `accumulation`
    /// batches the model makes a step. Returns the model and, where it made a
    /// step, the norm of all gradients before clipping, `[1]`. Where gradients
    /// overflow in half precision the step leaves the model as it is.
    pub(crate) fn step(
        &mut self,
        model: Model,
        loss: &Tensor<1>,
        rate: f64,
    ) -> (Model, Option<Tensor<1>>) {
        let several = self.config.accumulation > 1;
        let mut loss = if several {
            loss.clone().div_scalar(self.config.accumulation as f64)
        } else {
            loss.clone()
        };
        let scale = self.scale.map(|scale| scale.factor);
        if let Some(scale) = scale {
            loss = loss.mul_scalar(scale);
        }
        let mut gradients = GradientsParams::from_grads(loss.backward(), &model);
        let completes = self.completes();
        if several {
            self.accumulator.accumulate(&model, gradients);
            if !completes {
                self.accumulated += 1;
                return (model, None);
            }
            gradients = self.accumulator.grads();
        }
        self.accumulated = 0;
        let mut norm = norm(&model, &gradients);
        if let (Some(scale), Some(own)) = (scale, &mut norm) {
            *own = own.clone().div_scalar(scale);
            if !self.follow(own) {
                return (model, norm);
            }
        }
        self.steps += 1;
        let bound = self.config.clip_norm;
        let mut factor = norm.clone().filter(|_| bound > 0.0).map(|norm| {
            norm.add_scalar(1e-6)
                .recip()
                .mul_scalar(bound)
                .clamp_max(1.0)
        });
        if let (Some(scale), Some(norm)) = (scale, &norm) {
            let clipped = factor.unwrap_or_else(|| norm.ones_like());
            factor = Some(clipped.div_scalar(scale));
        }
        let factor = factor.unwrap_or_else(|| Tensor::ones([1], &loss.device()));
        let model = model.map(&mut Update {
            config: &self.config,
            moments: &mut self.moments,
            steps: self.steps,
            rate,
            gradients,
            factor: factor.inner(),
        });
        (model, norm)
    }

    /// Whether gradients with this `norm` can be used; the scale of the next
    /// loss follows.
    fn follow(&mut self, norm: &Tensor<1>) -> bool {
        // Read here and not compared on the device: shaders may assume that
        // there are no infinities. A device that fails says so at the step's
        // own readback.
        let read = norm.clone().try_into_data();
        let finite = read.is_ok_and(|data| data.iter::<f32>().all(f32::is_finite));
        if let Some(scale) = &mut self.scale {
            scale.follow(finite);
        }
        finite
    }

    /// The history, for a checkpoint.
    pub(crate) async fn save(&self) -> Result<Vec<u8>, OptimizerError> {
        let mut tensors = Vec::new();
        for (number, moments) in &self.moments {
            let values = read_back(moments.clone())
                .await
                .map_err(OptimizerError::Device)?;
            let mut first: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
            let second = first.split_off(first.len() / 2);
            tensors.push((format!("first.{number}"), first));
            tensors.push((format!("second.{number}"), second));
        }
        let damaged =
            |error: safetensors::SafeTensorError| OptimizerError::Damaged(error.to_string());
        let views = tensors
            .iter()
            .map(|(name, bytes)| {
                TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map(|view| (name, view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(damaged)?;
        let mut metadata = HashMap::from([("steps".to_owned(), self.steps.to_string())]);
        if let Some(scale) = self.scale {
            metadata.insert("scale".to_owned(), scale.factor.to_string());
            metadata.insert("sound".to_owned(), scale.sound.to_string());
        }
        safetensors::serialize(views, Some(metadata)).map_err(damaged)
    }

    /// Restores what [`Self::save`] gave, for the [`assign_param_ids`] parameters of `model`
    /// on `device`.
    pub(crate) fn restore(
        config: &OptimizerConfig,
        bytes: &[u8],
        model: &Model,
        device: &Device,
    ) -> Result<Self, OptimizerError> {
        let damaged = |what: &str| OptimizerError::Damaged(what.to_owned());
        let (_, header) = SafeTensors::read_metadata(bytes)
            .map_err(|error| OptimizerError::Damaged(error.to_string()))?;
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| OptimizerError::Damaged(error.to_string()))?;
        let noted = |key: &str| header.metadata().as_ref()?.get(key);
        let steps = noted("steps")
            .and_then(|steps| steps.parse().ok())
            .ok_or_else(|| damaged("no number of steps"))?;
        let mut fresh = Self::new(config);
        if let Some(scale) = &mut fresh.scale {
            let read = || {
                Some(LossScale {
                    factor: noted("scale")?.parse().ok()?,
                    sound: noted("sound")?.parse().ok()?,
                })
            };
            *scale = read().ok_or_else(|| damaged("no scale of the loss"))?;
        }
        let device = device.clone().inner();
        let moment = |name: &str, number: u64| -> Result<Vec<f32>, OptimizerError> {
            let view = file
                .tensor(&format!("{name}.{number}"))
                .map_err(|_| damaged("a moment is missing"))?;
            let values = view.data().chunks_exact(4);
            Ok(values
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect())
        };
        let mut moments = BTreeMap::new();
        for name in file.names() {
            if let Some(number) = name.strip_prefix("first.") {
                let number = number.parse().map_err(|_| damaged("an unknown moment"))?;
                let mut values = moment("first", number)?;
                let second = moment("second", number)?;
                if second.len() != values.len() {
                    return Err(damaged("moments differ in length"));
                }
                values.extend(second);
                let length = values.len();
                let both = Tensor::from_data(TensorData::new(values, [length]), &device);
                moments.insert(number, both);
            }
        }
        let mut fit = Fit {
            moments: &moments,
            wrong: None,
        };
        model.visit(&mut fit);
        if let Some(wrong) = fit.wrong {
            return Err(OptimizerError::Damaged(wrong));
        }
        Ok(Self {
            moments,
            steps,
            ..fresh
        })
    }
}

/// One step of AdamW (Loshchilov & Hutter 2019, algorithm 2) on every
/// parameter that has a gradient.
struct Update<'a> {
    config: &'a OptimizerConfig,
    moments: &'a mut BTreeMap<u64, Tensor<1>>,
    steps: i32,
    rate: f64,
    gradients: GradientsParams,
    /// What all gradients are multiplied by, `[1]`.
    factor: Tensor<1>,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let (id, tensor, mapper) = param.consume();
        let tracked = tensor.is_require_grad();
        let shape = tensor.dims();
        let parameter = tensor.inner().reshape([-1]);
        let gradient: Tensor<1> = gradient.inner().reshape([-1]);
        let (device, length) = (gradient.device(), gradient.dims()[0]);
        let moments = match self.moments.remove(&id.val()) {
            Some(moments) => moments,
            None => Tensor::zeros([2 * length], &device),
        };
        let factor = self.factor.clone();
        let rates = self.rates(D > 1);
        let (parameter, moments) = adamw(parameter, gradient, moments, factor, rates);
        self.moments.insert(id.val(), moments);
        let updated = parameter.reshape(shape).autodiff();
        let updated = if tracked {
            updated.require_grad()
        } else {
            updated
        };
        Param::from_mapped_value(id, updated, mapper)
    }
}

impl Update<'_> {
    /// The numbers of this step, for a parameter that decays or not.
    fn rates(&self, decays: bool) -> AdamwRates {
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(self.steps);
        let (beta_1, beta_2) = (self.config.beta_1, self.config.beta_2);
        let decay = if decays {
            self.rate * f64::from(self.config.weight_decay)
        } else {
            0.0
        };
        AdamwRates {
            beta_1,
            beta_2,
            rate: (self.rate / correction(beta_1)) as f32,
            deviation: correction(beta_2).sqrt() as f32,
            epsilon: self.config.epsilon,
            decay: decay as f32,
        }
    }
}

/// Numbers the parameters of `model` in their order, so that an optimizer's
/// history finds them again in another process.
pub(crate) fn assign_param_ids(model: Model) -> Model {
    struct Number(u64);
    impl ModuleMapper for Number {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.0 += 1;
            let (_, tensor, mapper) = param.consume();
            Param::from_mapped_value(ParamId::from(self.0), tensor, mapper)
        }
    }
    model.map(&mut Number(0))
}

/// Whether the moments of every parameter are as many as its elements.
struct Fit<'a> {
    moments: &'a BTreeMap<u64, Tensor<1>>,
    /// What does not fit.
    wrong: Option<String>,
}

impl ModuleVisitor for Fit<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let number = param.id.val();
        let elements = param.shape().num_elements();
        if let Some(moments) = self.moments.get(&number) {
            let [length] = moments.dims();
            if length != 2 * elements {
                self.wrong = Some(format!(
                    "parameter {number} has {elements} elements and {length} moments, not two each"
                ));
            }
        }
    }
}

/// Sums the squares of all gradients.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let own = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + own,
                None => own,
            });
        }
    }
}

/// The norm of all gradients together, `[1]`.
fn norm(model: &Model, gradients: &GradientsParams) -> Option<Tensor<1>> {
    let mut squares = Squares {
        gradients,
        sum: None,
    };
    model.visit(&mut squares);
    squares.sum.map(Tensor::sqrt)
}
