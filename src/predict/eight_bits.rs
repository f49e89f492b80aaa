//! Scoring with the encoder in 8-bit integers, on a CPU.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use super::Scorer;
use super::batching::Input;
use super::prediction::Stop;
use super::scorer::{Failure, Task};
use crate::device::{Backend, DeviceError, read_back};
use crate::kernels::int8::{Encoder, Pooled, Sparse, WideHead};

/// The encoder in 8-bit integers; the heads behind it stay in single precision.
#[derive(Debug)]
pub(super) struct EightBits {
    encoder: Encoder,
    /// What the model's pooler reads.
    pooled: Pooled,
    /// The endpoint head, where it has wide inputs; others are the model's.
    head: Option<WideHead>,
}

/// Rows that pass the heads together, always as many, so that what a product does
/// about their number is the same for every row.
const ROWS: usize = 16;

impl Scorer {
    /// The same scorer, computing the encoder in 8-bit integers: several times as fast
    /// as single precision, at differences of about 0.01 standard deviations of an
    /// endpoint. A molecule scores the same to the bit whatever is scored with it.
    /// Explanations stay in single precision.
    ///
    /// # Errors
    ///
    /// On a GPU.
    pub fn in_eight_bits(mut self) -> Result<Self, DeviceError> {
        if self.device.backend != Backend::Flex {
            return Err(DeviceError::NoEightBits(self.device.name().to_owned()));
        }
        let encoder = self.model.encoder();
        let eight_bits = EightBits {
            encoder: encoder.in_eight_bits(self.config().encoder.max_length),
            pooled: match encoder.pools_mean() {
                true => Pooled::Mean,
                false => Pooled::First,
            },
            head: self.model.wide_head(),
        };
        self.eight_bits = Some(Arc::new(eight_bits));
        Ok(self)
    }

    /// The same scorer, computing in single precision what it would in 8-bit integers.
    #[must_use]
    pub fn without_eight_bits(mut self) -> Self {
        self.eight_bits = None;
        self
    }

    /// What comes out of the model, row after row.
    pub(super) async fn outputs_in_eight_bits(
        &self,
        eight_bits: &EightBits,
        inputs: &[&Input],
        task: Task,
    ) -> Result<Vec<f32>, Stop> {
        let EightBits {
            encoder,
            pooled,
            head,
        } = eight_bits;
        if task == Task::Embed && !self.model.has_embedding() {
            return Ok(encoder.pool(inputs, Pooled::Mean));
        }
        let mut pooled = encoder.pool(inputs, *pooled);
        encoder.pooler(&mut pooled);
        if let (Task::Score, Some(head), Some(wide)) = (task, head, &self.config().wide) {
            let sparse = |input: &&Input| -> Option<Sparse> {
                input.wide.as_ref().map(|features| wide.sparse(features))
            };
            let wide: Vec<Option<Sparse>> = inputs.iter().map(sparse).collect();
            return Ok(head.outputs(&pooled, &wide));
        }
        let hidden = encoder.hidden();
        let rows_of = |values: &[f32], width: usize| {
            let mut rows = values.to_vec();
            rows.resize(ROWS * width, 0.0);
            Tensor::<2>::from_data(TensorData::new(rows, [ROWS, width]), self.device.tensors())
        };
        let mut outputs = Vec::new();
        for (inputs, pooled) in inputs.chunks(ROWS).zip(pooled.chunks(ROWS * hidden)) {
            let pooled = rows_of(pooled, hidden);
            let output = match task {
                Task::Score => self.model.endpoints(pooled, None),
                Task::Embed => self.model.embedding(pooled),
            };
            let output = read_back(output.ok_or(Stop::NoEndpoints)?).await;
            let output = output.map_err(|error| Stop::from(Failure::of_readback(&error)))?;
            outputs.extend_from_slice(&output[..output.len() / ROWS * inputs.len()]);
        }
        Ok(outputs)
    }
}
