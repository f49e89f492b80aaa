//! What training minimises. Every loss is a mean over what counts: padding,
//! missing labels and tokens that were not hidden count nowhere.

use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::batches::{Masked, PretrainingBatch, padded_length, token_places};
use super::config::DistillationConfig;
use crate::kernels::single;
use crate::model::{Batch, Encoded, EncoderConfig, EndpointTask, Model, Scaling, matrix};

/// Places and labels as indices on a device.
pub(crate) fn indices(values: impl IntoIterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.into_iter().map(|value| value as i32).collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

/// A named loss of one batch and its weight in the sum.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) name: &'static str,
    pub(crate) weight: f64,
    /// A single number, `[1]`.
    pub(crate) value: Tensor<1>,
}

/// The mean of all values, `[1]`. burn 0.22.1's own is wrong on Mesa's lavapipe from
/// about 65,536 values on (of 1,000,003 ones it is 0.066); its sum is right.
fn mean<const D: usize>(values: Tensor<D>) -> Tensor<1> {
    let count = values.shape().num_elements();
    values.sum().div_scalar(count as f64)
}

/// The weighted sum of losses, `[1]`; `None` of none.
pub(crate) fn total(losses: &[Loss]) -> Option<Tensor<1>> {
    losses
        .iter()
        .filter(|loss| loss.weight > 0.0)
        .map(|loss| loss.value.clone().mul_scalar(loss.weight))
        .reduce(|sum, loss| sum + loss)
}

/// Mean cross-entropy of token logits `[n, vocabulary]` against the tokens
/// `labels` `[n]`.
pub(crate) fn masked_lm(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    mean(log_softmax(logits, 1).gather(1, labels.unsqueeze_dim::<2>(1))).neg()
}

/// Mean squared error of `[batch, descriptors]`.
pub(crate) fn physchem(outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    mean((outputs - targets).square())
}

/// Squared error of structure vectors `[batch, numbers]`: summed over the
/// numbers, mean over molecules. The vectors' variance, 1.56 by their making,
/// is what predicting nothing costs.
pub(crate) fn structure(outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let [rows, _] = outputs.dims();
    (outputs - targets).square().sum().div_scalar(rows as f64)
}

/// Cross-entropy of a student's softened token distribution against its
/// teacher's, both logits `[n, vocabulary]`: mean over n of
/// `-Σ softmax(teacher/T) log_softmax(student/T)`.
pub(crate) fn soft_labels(student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
    let targets = softmax(teacher.div_scalar(temperature), 1);
    mean((targets * log_softmax(student.div_scalar(temperature), 1)).sum_dim(1)).neg()
}

/// Mean squared error of hidden states `[batch, length, hidden]` over the
/// tokens of `mask` `[batch, length]`.
pub(crate) fn hidden(student: Tensor<3>, teacher: Tensor<3>, mask: Tensor<2>) -> Tensor<1> {
    let [_, _, width] = student.dims();
    let count = mask.clone().sum();
    let mask = mask.unsqueeze_dim::<3>(2);
    ((student - teacher).square() * mask).sum() / count.mul_scalar(width as f64)
}

/// Mean squared difference of the similarities of hidden states, `H Hᵀ /
/// width`, over pairs of tokens of one molecule. Teacher and student may
/// differ in width.
pub(crate) fn similarity(student: Tensor<3>, teacher: Tensor<3>, mask: Tensor<2>) -> Tensor<1> {
    let gram = |states: Tensor<3>| {
        let [_, _, width] = states.dims();
        states
            .clone()
            .matmul(states.swap_dims(1, 2))
            .div_scalar(width as f64)
    };
    let pairs = mask.clone().unsqueeze_dim::<3>(2) * mask.unsqueeze_dim::<3>(1);
    let count = pairs.clone().sum();
    ((gram(student) - gram(teacher)).square() * pairs).sum() / count
}

/// A label and how often it counts; `None` where there is none.
pub(crate) type WeightedLabel = Option<(f32, f32)>;

/// Labels of a batch as the endpoint head sees them.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    /// Standardised labels, 0 where there is none, `[batch, endpoints]`.
    values: Tensor<2>,
    /// How often each label counts, 0 where there is none, `[batch, endpoints]`.
    present: Tensor<2>,
    /// How many there are, or the sum of their weights.
    count: f32,
    /// Whether some endpoint is a quantity, and 1 at those, `[1, endpoints]`.
    quantities: (bool, Tensor<2>),
    /// Whether some endpoint is a class, and 1 at those, `[1, endpoints]`.
    classes: (bool, Tensor<2>),
}

impl Targets {
    /// Standardises `labels`, one row a molecule; all count alike.
    #[cfg(test)]
    pub(crate) fn new(
        labels: &[&[Option<f32>]],
        endpoints: &[(EndpointTask, Scaling)],
        device: &Device,
    ) -> Self {
        let once = |row: &&[Option<f32>]| -> Vec<WeightedLabel> {
            row.iter().map(|label| label.map(|l| (l, 1.0))).collect()
        };
        let rows: Vec<Vec<WeightedLabel>> = labels.iter().map(once).collect();
        Self::weighted(&rows, endpoints, device)
    }

    /// Standardises labels, one row a molecule, each with how often it counts.
    pub(crate) fn weighted(
        labels: &[Vec<WeightedLabel>],
        endpoints: &[(EndpointTask, Scaling)],
        device: &Device,
    ) -> Self {
        let shape = [labels.len(), endpoints.len()];
        let mut values = Vec::with_capacity(shape[0] * shape[1]);
        let mut present = Vec::with_capacity(values.capacity());
        for row in labels {
            for (label, (_, scaling)) in row.iter().zip(endpoints) {
                values.push(label.map_or(0.0, |(label, _)| scaling.output(label)));
                present.push(label.map_or(0.0, |(_, weight)| weight));
            }
        }
        let of = |kind: EndpointTask| {
            let ones: Vec<f32> = endpoints
                .iter()
                .map(|(own, _)| if *own == kind { 1.0 } else { 0.0 })
                .collect();
            let some = ones.iter().any(|&one| one > 0.0);
            let row = TensorData::new(ones, [1, shape[1]]);
            (some, Tensor::from_data(row, device))
        };
        Self {
            count: match present.iter().sum::<f32>() {
                0.0 => 1.0,
                count => count,
            },
            values: Tensor::from_data(TensorData::new(values, shape), device),
            present: Tensor::from_data(TensorData::new(present, shape), device),
            quantities: of(EndpointTask::Regression),
            classes: of(EndpointTask::Classification),
        }
    }

    /// Mean over the labels that are there: squared error of quantities,
    /// cross-entropy of classes. `outputs` `[batch, endpoints]`.
    pub(crate) fn loss(&self, outputs: Tensor<2>) -> Tensor<1> {
        let errors = self.errors(outputs, self.values.clone());
        (errors * self.present.clone()).sum().div_scalar(self.count)
    }

    /// The same against a teacher's outputs, over all molecules and endpoints.
    pub(crate) fn soft_loss(
        &self,
        outputs: Tensor<2>,
        teacher: Tensor<2>,
        config: &DistillationConfig,
    ) -> Tensor<1> {
        let temperature = config.temperature;
        // Squared errors of quantities know no temperature.
        let softened = |outputs: Tensor<2>| {
            let scale = self
                .classes
                .1
                .clone()
                .mul_scalar(1.0 / temperature - 1.0)
                .add_scalar(1.0);
            outputs * scale
        };
        let teacher = softened(teacher);
        let targets =
            teacher.clone() * self.quantities.1.clone() + sigmoid(teacher) * self.classes.1.clone();
        let errors = self.errors(softened(outputs), targets);
        if !config.temperature_squared {
            return mean(errors);
        }
        // Nothing softened the errors of quantities, so nothing restores them.
        let restored = self
            .classes
            .1
            .clone()
            .mul_scalar(temperature * temperature - 1.0)
            .add_scalar(1.0);
        mean(errors * restored)
    }

    fn errors(&self, outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
        let squared = |outputs: Tensor<2>| (outputs - targets.clone()).square();
        // -(y log σ(x) + (1 - y) log σ(-x)), which does not overflow.
        let entropy = |outputs: Tensor<2>| {
            let ones = targets.ones_like();
            (targets.clone() * log_sigmoid(outputs.clone())
                + (ones - targets.clone()) * log_sigmoid(outputs.neg()))
            .neg()
        };
        match (&self.quantities, &self.classes) {
            ((_, _), (false, _)) => squared(outputs),
            ((false, _), _) => entropy(outputs),
            ((true, quantities), (true, classes)) => {
                squared(outputs.clone()) * quantities.clone() + entropy(outputs) * classes.clone()
            }
        }
    }
}

/// Which hidden state of the teacher teaches which of the student, evenly
/// spread: teacher 12, student 3 gives 0→0, 4→1, 8→2, 12→3.
pub(crate) fn even_layer_map(teacher: usize, student: usize) -> Vec<[usize; 2]> {
    (0..=student)
        .map(|layer| [layer * teacher / student.max(1), layer])
        .collect()
}

/// Why a teacher cannot teach a student.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DistillationError {
    /// A pair of the layer map names a hidden state that there is not.
    #[error(
        "distillation.layer_map: [{teacher}, {student}], and the teacher has hidden states 0 to \
         {teacher_last}, the student 0 to {student_last}"
    )]
    LayerMap {
        /// The teacher's.
        teacher: usize,
        /// The student's.
        student: usize,
        /// The teacher's last.
        teacher_last: usize,
        /// The student's last.
        student_last: usize,
    },
    /// A teacher's head reads what a student's may scale otherwise.
    #[error("the teacher's head has wide inputs: only a teacher without them can teach")]
    WideTeacher,
    /// Hidden states of different width cannot be compared directly.
    #[error(
        "the teacher's hidden size is {teacher}, the student's {student}: set distillation.hidden \
         and distillation.pooled to 0 (similarity compares any widths)"
    )]
    Width {
        /// The teacher's.
        teacher: usize,
        /// The student's.
        student: usize,
    },
    /// The teacher has no head for what it should teach.
    #[error("the teacher has no {head} head: {remedy}")]
    NoHead {
        /// The head.
        head: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Teacher and student do not predict the same.
    #[error("the teacher predicts {teacher}, and the student is to predict {student}")]
    Endpoints {
        /// The teacher's endpoints.
        teacher: String,
        /// The student's.
        student: String,
    },
}

/// The layer map of `config`, checked.
pub(crate) fn layer_map(
    config: &DistillationConfig,
    teacher: &EncoderConfig,
    student: &EncoderConfig,
) -> Result<Vec<[usize; 2]>, DistillationError> {
    let last = (teacher.num_hidden_layers, student.num_hidden_layers);
    if config.hidden + config.pooled > 0.0 && teacher.hidden_size != student.hidden_size {
        return Err(DistillationError::Width {
            teacher: teacher.hidden_size,
            student: student.hidden_size,
        });
    }
    if config.layer_map.is_empty() {
        return Ok(even_layer_map(last.0, last.1));
    }
    for &[from, to] in &config.layer_map {
        if from > last.0 || to > last.1 {
            return Err(DistillationError::LayerMap {
                teacher: from,
                student: to,
                teacher_last: last.0,
                student_last: last.1,
            });
        }
    }
    Ok(config.layer_map.clone())
}

/// The losses of hidden states and pooled outputs, summed over the layer map.
pub(crate) fn state_losses(
    config: &DistillationConfig,
    layer_map: &[[usize; 2]],
    student: &Encoded,
    teacher: &Encoded,
    mask: &Tensor<2>,
) -> Vec<Loss> {
    let over = |loss: fn(Tensor<3>, Tensor<3>, Tensor<2>) -> Tensor<1>| {
        layer_map
            .iter()
            .filter_map(|&[from, to]| {
                Some(loss(
                    single(student.hidden_states.get(to)?.clone()),
                    single(teacher.hidden_states.get(from)?.clone()),
                    mask.clone(),
                ))
            })
            .reduce(|sum, loss| sum + loss)
    };
    let mut losses = Vec::new();
    let mut push = |name, weight: f64, value: &dyn Fn() -> Option<Tensor<1>>| {
        if weight > 0.0
            && let Some(value) = value()
        {
            losses.push(Loss {
                name,
                weight,
                value,
            });
        }
    };
    push("hidden", config.hidden, &|| over(hidden));
    push("similarity", config.similarity, &|| over(similarity));
    push("pooled", config.pooled, &|| {
        let difference = single(student.pooled.clone()) - single(teacher.pooled.clone());
        Some(mean(difference.square()))
    });
    losses
}

/// Weights of the pre-training losses, and the teacher if there is one.
pub(crate) struct Pretraining<'a> {
    pub(crate) masked_lm: f64,
    pub(crate) physchem: f64,
    pub(crate) structure: f64,
    pub(crate) teacher: Option<Teacher<'a>>,
}

/// A teacher, on a device that records no gradients.
#[derive(Clone, Copy)]
pub(crate) struct Teacher<'a> {
    pub(crate) model: &'a Model,
    pub(crate) config: &'a DistillationConfig,
    pub(crate) layer_map: &'a [[usize; 2]],
}

impl Pretraining<'_> {
    /// The losses of one batch.
    pub(crate) fn losses(
        &self,
        model: &Model,
        asked: &PretrainingBatch,
        device: &Device,
    ) -> Vec<Loss> {
        let masked = &asked.masked;
        let batch = Batch::new(&masked.sequences, device);
        let mut losses = Vec::new();
        let Some(teacher) = self.teacher else {
            let (last, pooled) = model.encoder().encode(&batch);
            self.hard_losses(model, last, pooled, asked, &mut losses);
            return losses;
        };
        let student = model.encoder().forward(&batch);
        let plain = device.clone().inner();
        let teacher_batch = Batch::new(&masked.sequences, &plain);
        let taught = teacher.model.encoder().forward(&teacher_batch);
        if let Some(last) = student.hidden_states.last().cloned() {
            let pooled = student.pooled.clone();
            self.hard_losses(model, last.clone(), pooled, asked, &mut losses);
            if teacher.config.soft > 0.0
                && let Some(teacher_last) = taught.hidden_states.last().cloned()
            {
                let places: Vec<usize> =
                    in_batch(&token_places(&masked.sequences), masked, last.dims()[1]).collect();
                let temperature = teacher.config.temperature;
                let own = model.token_logits(last, indices(places.iter().copied(), device));
                let theirs = teacher
                    .model
                    .token_logits(teacher_last, indices(places, &plain));
                if let (Some(own), Some(theirs)) = (own, theirs) {
                    let value = soft_labels(own, theirs.autodiff_like(device), temperature);
                    losses.push(Loss {
                        name: "soft",
                        weight: soft_weight(teacher.config),
                        value,
                    });
                }
            }
        }
        losses.extend(state_losses(
            teacher.config,
            teacher.layer_map,
            &student,
            &constant(taught, device),
            &batch.mask,
        ));
        losses
    }

    fn hard_losses(
        &self,
        model: &Model,
        last: Tensor<3>,
        pooled: Tensor<2>,
        asked: &PretrainingBatch,
        losses: &mut Vec<Loss>,
    ) {
        let device = last.device();
        let masked = &asked.masked;
        let length = last.dims()[1];
        let places = || indices(in_batch(&masked.places, masked, length), &device);
        if self.masked_lm > 0.0
            && let Some(logits) = model.token_logits(last, places())
        {
            let labels = masked.labels.iter().map(|&label| label as usize);
            losses.push(Loss {
                name: "masked_lm",
                weight: self.masked_lm,
                value: masked_lm(logits, indices(labels, &device)),
            });
        }
        if self.physchem > 0.0
            && let Some(outputs) = model.descriptors(pooled.clone())
        {
            let shape = outputs.dims();
            let targets = TensorData::new(asked.descriptors.clone(), shape);
            losses.push(Loss {
                name: "physchem",
                weight: self.physchem,
                value: physchem(outputs, Tensor::from_data(targets, &device)),
            });
        }
        if self.structure > 0.0
            && let Some(outputs) = model.structure(pooled)
        {
            let targets = TensorData::new(asked.structures.clone(), outputs.dims());
            losses.push(Loss {
                name: "structure",
                weight: self.structure,
                value: structure(outputs, Tensor::from_data(targets, &device)),
            });
        }
    }
}

/// `places` of sequences that are padded to the longest, where they are padded to
/// `length`.
fn in_batch<'a>(
    places: &'a [usize],
    masked: &Masked,
    length: usize,
) -> impl Iterator<Item = usize> + use<'a> {
    let longest = padded_length(&masked.sequences);
    let places = places.iter();
    places.map(move |place| place / longest * length + place % longest)
}

/// The weight of soft labels, with the factor T² where it is asked for.
pub(crate) fn soft_weight(config: &DistillationConfig) -> f64 {
    if config.temperature_squared {
        config.soft * config.temperature * config.temperature
    } else {
        config.soft
    }
}

/// What a teacher made of a batch, as constants on the student's device.
pub(crate) fn constant(encoded: Encoded, device: &Device) -> Encoded {
    Encoded {
        hidden_states: encoded
            .hidden_states
            .into_iter()
            .map(|state| state.autodiff_like(device))
            .collect(),
        pooled: encoded.pooled.autodiff_like(device),
    }
}

/// Moving a tensor to the autodiff side where the other tensors are there.
pub(crate) trait AutodiffLike {
    /// The tensor as a constant on `device`.
    fn autodiff_like(self, device: &Device) -> Self;
}

impl<const D: usize> AutodiffLike for Tensor<D> {
    fn autodiff_like(self, device: &Device) -> Self {
        if device.is_autodiff() {
            self.autodiff()
        } else {
            self
        }
    }
}

/// What a model reads of a batch of molecules.
pub(crate) struct Inputs<'a> {
    /// Their tokens.
    pub(crate) sequences: &'a [Vec<u32>],
    /// What the head reads beside them, a row a molecule; empty for nothing.
    pub(crate) wide: Vec<f32>,
    /// The encoder's pooled output, where it is known already, a row a molecule;
    /// empty where it is not.
    pub(crate) pooled: Vec<f32>,
}

impl<'a> From<&'a Vec<Vec<u32>>> for Inputs<'a> {
    fn from(sequences: &'a Vec<Vec<u32>>) -> Self {
        Self {
            sequences,
            wide: Vec::new(),
            pooled: Vec::new(),
        }
    }
}

impl Inputs<'_> {
    fn batch(self, device: &Device) -> Batch {
        Batch {
            wide: matrix(self.wide, self.sequences.len(), device),
            ..Batch::new(self.sequences, device)
        }
    }

    /// Endpoint outputs of `model`, whose encoder is not asked where its output is
    /// known.
    fn outputs(mut self, model: &Model, device: &Device) -> Option<Tensor<2>> {
        let rows = self.sequences.len();
        match matrix(std::mem::take(&mut self.pooled), rows, device) {
            Some(pooled) => model.endpoints(pooled, matrix(self.wide, rows, device)),
            None => model.forward(&self.batch(device)),
        }
    }
}

/// The losses of one batch of fine-tuning.
pub(crate) fn finetuning_losses<'a>(
    model: &Model,
    inputs: impl Into<Inputs<'a>>,
    targets: &Targets,
    labels: f64,
    teacher: Option<Teacher<'_>>,
    device: &Device,
) -> Vec<Loss> {
    let inputs = inputs.into();
    let sequences = inputs.sequences;
    let mut losses = Vec::new();
    let Some(teacher) = teacher else {
        if let Some(outputs) = inputs.outputs(model, device) {
            losses.push(Loss {
                name: "labels",
                weight: labels,
                value: targets.loss(outputs),
            });
        }
        return losses;
    };
    let batch = inputs.batch(device);
    let student = model.encoder().forward(&batch);
    let taught = teacher
        .model
        .encoder()
        .forward(&Batch::new(sequences, &device.clone().inner()));
    if let Some(outputs) = model.endpoints(student.pooled.clone(), batch.wide.clone()) {
        if labels > 0.0 {
            losses.push(Loss {
                name: "labels",
                weight: labels,
                value: targets.loss(outputs.clone()),
            });
        }
        if teacher.config.soft > 0.0
            && let Some(theirs) = teacher.model.endpoints(taught.pooled.clone(), None)
        {
            let theirs = theirs.autodiff_like(device);
            losses.push(Loss {
                name: "soft",
                weight: teacher.config.soft,
                value: targets.soft_loss(outputs, theirs, teacher.config),
            });
        }
    }
    losses.extend(state_losses(
        teacher.config,
        teacher.layer_map,
        &student,
        &constant(taught, device),
        &batch.mask,
    ));
    losses
}

/// Rows and padded length of a batch, for messages.
pub(crate) fn shape_of(sequences: &[Vec<u32>]) -> [usize; 2] {
    [sequences.len(), padded_length(sequences)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tensor: Tensor<1>) -> f32 {
        tensor.into_data().iter().next().unwrap_or(f32::NAN)
    }

    #[test]
    fn the_even_layer_map_is_the_papers() {
        assert_eq!(even_layer_map(12, 3), [[0, 0], [4, 1], [8, 2], [12, 3]]);
        assert_eq!(even_layer_map(3, 3), [[0, 0], [1, 1], [2, 2], [3, 3]]);
    }

    #[test]
    fn padding_changes_no_loss() {
        let device = Device::flex();
        let states = |values: &[f32], length: usize| {
            Tensor::<3>::from_data(TensorData::new(values.to_vec(), [1, length, 2]), &device)
        };
        let mask = |values: &[f32]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [1, values.len()]), &device)
        };
        let student = [1.0, 2.0, -1.0, 0.5];
        let teacher = [0.0, 1.0, 1.0, 1.5];
        let padded = |values: [f32; 4]| [values[0], values[1], values[2], values[3], 77.0, -5.0];
        for loss in [hidden, similarity] {
            let short = loss(states(&student, 2), states(&teacher, 2), mask(&[1.0, 1.0]));
            let long = loss(
                states(&padded(student), 3),
                states(
                    &teacher.into_iter().chain([3.0, 4.0]).collect::<Vec<_>>(),
                    3,
                ),
                mask(&[1.0, 1.0, 0.0]),
            );
            let (short, long) = (value(short), value(long));
            assert!(short > 0.0 && (short - long).abs() < 1e-6, "{short} {long}");
        }
    }

    #[test]
    fn missing_labels_count_nowhere_and_classes_get_cross_entropy() {
        let device = Device::flex();
        let scaling = Scaling {
            mean: 1.0,
            deviation: 2.0,
        };
        let endpoints = [
            (EndpointTask::Regression, scaling),
            (EndpointTask::Classification, Scaling::IDENTITY),
        ];
        let rows: [&[Option<f32>]; 2] = [&[Some(3.0), Some(1.0)], &[None, Some(0.0)]];
        let targets = Targets::new(&rows, &endpoints, &device);
        let outputs = Tensor::<2>::from_data([[0.5f32, 2.0], [9.0, -1.0]], &device);
        let expected =
            ((0.5f32 - 1.0).powi(2) + (1.0 + (-2.0f32).exp()).ln() + (1.0 + (-1.0f32).exp()).ln())
                / 3.0;
        assert!((value(targets.loss(outputs)) - expected).abs() < 1e-6);
        // Far outside, where exp alone would overflow.
        let far = Tensor::<2>::from_data([[1.0f32, -500.0], [1.0, 500.0]], &device);
        assert!((value(targets.loss(far)) - 1000.0 / 3.0).abs() < 1e-2);
    }

    fn check_mean(device: &Device) {
        let ones = Tensor::<1>::ones([1_000_003], device);
        let found = crate::reference_tests::read(mean(ones));
        assert!((found[0] - 1.0).abs() < 1e-6, "{found:?}");
    }
    crate::reference_tests::on_devices!(the_mean_of_a_million_ones_is_one, check_mean);
}
