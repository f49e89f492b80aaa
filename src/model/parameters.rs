//! Where a model's parameters come from and how they are named when stored.
//!
//! Matrices of linear layers are stored `[out, in]`, as PyTorch does, and kept
//! `[in, out]` in memory, as burn does.

use burn::module::{Initializer, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};

/// Why a parameter could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file lacks it.
    #[error("tensor `{0}` is missing")]
    Missing(String),
    /// The file has it in another shape.
    #[error("tensor `{name}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// The file has it in a type that is not fp32, fp16 or, for a matrix, int8.
    #[error("tensor `{name}` has the type {found}, expected F32, F16 or, for a matrix, I8")]
    Type {
        /// Its name.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// It holds a NaN or an infinity.
    #[error("tensor `{0}` holds a value that is not finite")]
    NotFinite(String),
}

/// Parameters by name.
pub(crate) trait Source {
    /// A table, `shape` as stored.
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, SourceError>;

    /// A vector that starts at 0.
    fn zeros(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError>;

    /// A vector that starts at 1.
    fn ones(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError>;

    /// The matrix of a linear layer under its full name, `[from, to]` in memory.
    fn linear_weight(
        &mut self,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError>;

    /// The same for a layer that says nothing before it has learnt: fresh
    /// weights are 0.
    fn zero_init_weight(
        &mut self,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError> {
        self.linear_weight(name, from, to)
    }

    /// `name.weight` and `name.bias` of a linear layer.
    fn linear(&mut self, name: &str, from: usize, to: usize) -> Result<Linear, SourceError> {
        Ok(Linear {
            weight: self.linear_weight(&format!("{name}.weight"), from, to)?,
            bias: Some(self.zeros(&format!("{name}.bias"), to)?),
        })
    }
}

/// Stored values by name: a file of parameters, of whatever format.
pub(crate) trait StoredValues {
    /// The values of tensor `name`, whose shape must be `expected`.
    fn values(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, SourceError>;

    /// The values of a matrix, `shape` as stored, column after column.
    fn columns(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, SourceError> {
        Ok(transposed(&self.values(name, &shape)?, shape[1]))
    }

    /// The device that parameters are made on.
    fn device(&self) -> &Device;
}

impl<V: StoredValues> Source for V {
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, SourceError> {
        Ok(parameter(self.values(name, &shape)?, shape, self.device()))
    }

    fn zeros(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        let values = self.values(name, &[length])?;
        Ok(parameter(values, [length], self.device()))
    }

    fn ones(&mut self, name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        self.zeros(name, length)
    }

    fn linear_weight(
        &mut self,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError> {
        // Transposed here and not on the device, which would keep the strides
        // of the file and multiply from a transposed view ever after.
        let weight = self.columns(name, [to, from])?;
        Ok(parameter(weight, [from, to], self.device()))
    }
}

/// A matrix with `columns` columns, one behind the other.
pub(crate) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(matrix.len());
    for column in 0..columns {
        append_column(matrix, column, columns, &mut values);
    }
    values
}

/// Appends a column of a matrix with `columns` of them. A function of its own, because a
/// browser compiles better what is called again and again.
#[inline(never)]
fn append_column(matrix: &[f32], column: usize, columns: usize, to: &mut Vec<f32>) {
    to.extend(matrix.iter().skip(column).step_by(columns));
}

/// Fresh parameters: tables from N(0, `table_deviation`), linear layers from
/// N(0, `deviation`), biases 0, scales 1.
pub(crate) struct Initial<'a> {
    pub(crate) deviation: f64,
    pub(crate) table_deviation: f64,
    pub(crate) device: &'a Device,
}

impl Initial<'_> {
    fn normal(&self, shape: [usize; 2], std: f64) -> Param<Tensor<2>> {
        Initializer::Normal { mean: 0.0, std }.init(shape, self.device)
    }
}

impl Source for Initial<'_> {
    fn matrix(&mut self, _name: &str, shape: [usize; 2]) -> Result<Param<Tensor<2>>, SourceError> {
        Ok(self.normal(shape, self.table_deviation))
    }

    fn zeros(&mut self, _name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        Ok(Initializer::Zeros.init([length], self.device))
    }

    fn ones(&mut self, _name: &str, length: usize) -> Result<Param<Tensor<1>>, SourceError> {
        Ok(Initializer::Ones.init([length], self.device))
    }

    fn linear_weight(
        &mut self,
        _name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError> {
        Ok(self.normal([from, to], self.deviation))
    }

    fn zero_init_weight(
        &mut self,
        _name: &str,
        from: usize,
        to: usize,
    ) -> Result<Param<Tensor<2>>, SourceError> {
        Ok(Initializer::Zeros.init([from, to], self.device))
    }
}

/// One stored parameter: a name, a shape and how to read it.
pub(crate) struct StoredParameter<'a> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    value: Value<'a>,
}

enum Value<'a> {
    Vector(&'a Param<Tensor<1>>),
    Matrix(&'a Param<Tensor<2>>),
    Linear(&'a Param<Tensor<2>>),
}

impl StoredParameter<'_> {
    /// The tensor as it is stored, still on its device.
    pub(crate) fn tensor(&self) -> Tensor<1> {
        match self.value {
            Value::Vector(param) => param.val(),
            Value::Matrix(param) => param.val().flatten(0, 1),
            Value::Linear(param) => param.val().transpose().flatten(0, 1),
        }
    }
}

#[cfg(all(test, feature = "train"))]
impl StoredParameter<'_> {
    /// Its gradient as it would be stored.
    pub(crate) fn gradient(&self, gradients: &burn::tensor::Gradients) -> Option<Vec<f32>> {
        let flat = match self.value {
            Value::Vector(param) => param.val().grad(gradients)?,
            Value::Matrix(param) => param.val().grad(gradients)?.flatten(0, 1),
            Value::Linear(param) => param.val().grad(gradients)?.transpose().flatten(0, 1),
        };
        Some(flat.into_data().iter().collect())
    }
}

/// Collects the parameters of a model under their stored names.
#[derive(Default)]
pub(crate) struct Stored<'a>(pub(crate) Vec<StoredParameter<'a>>);

impl<'a> Stored<'a> {
    pub(crate) fn vector(&mut self, name: String, param: &'a Param<Tensor<1>>) {
        self.0.push(StoredParameter {
            name,
            shape: param.val().dims().to_vec(),
            value: Value::Vector(param),
        });
    }

    pub(crate) fn matrix(&mut self, name: String, param: &'a Param<Tensor<2>>) {
        self.0.push(StoredParameter {
            name,
            shape: param.val().dims().to_vec(),
            value: Value::Matrix(param),
        });
    }

    pub(crate) fn linear_weight(&mut self, name: String, linear: &'a Linear) {
        let [from, to] = linear.weight.val().dims();
        self.0.push(StoredParameter {
            name,
            shape: vec![to, from],
            value: Value::Linear(&linear.weight),
        });
    }

    pub(crate) fn linear(&mut self, name: &str, linear: &'a Linear) {
        self.linear_weight(format!("{name}.weight"), linear);
        if let Some(bias) = &linear.bias {
            self.vector(format!("{name}.bias"), bias);
        }
    }
}

/// A model whose parameters can be named.
pub(crate) trait Parameters {
    /// What decides the names.
    type Config;

    /// Adds all parameters to `into`.
    fn store<'a>(&'a self, config: &Self::Config, into: &mut Stored<'a>);
}

/// A parameter made of values in row-major order.
pub(crate) fn parameter<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}
