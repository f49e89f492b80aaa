//! A model as an ONNX graph, for runtimes other than ours.
//!
//! Inputs `input_ids` and `attention_mask`, both `[batch, length]` int64;
//! outputs `last_hidden_state` `[batch, length, hidden]`, `pooled`
//! `[batch, hidden]`, `embedding` `[batch, hidden]` where the model has one of its
//! own for similarity and, where it has endpoints, `values` `[batch, endpoints]` in
//! their units (probabilities for classes). The layers
//! of a shared encoder are unrolled, their initialisers are there once.

use std::collections::BTreeSet;

use prost::Message;

use crate::model::{
    EncoderConfig, EndpointTask, Pooling, Sharing, Transform, sinusoidal_positions,
};
use crate::model_dir::{ModelConfig, Weight};

/// Version of the operator set: the first with `LayerNormalization`.
const OPERATORS: i64 = 17;
/// Version of the file format that came with it.
const FORMAT: i64 = 8;
/// Added to the attention score of padding; as in the encoder.
const MASKED: f32 = -10_000.0;
/// Protocol buffers hold less than this.
const MAX_BYTES: usize = (1 << 31) - (1 << 20);

/// Why a model has no ONNX file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The weights do not fit.
    #[error("an ONNX file holds less than 2 GiB, the model needs {0} bytes")]
    TooLarge(usize),
    /// The model lacks a weight that its configuration asks for.
    #[error("the model lacks the weight `{0}`")]
    Missing(String),
}

/// The messages of ONNX's `onnx.proto` that a graph of ours needs; tags are
/// those of that file, everything else in it is optional.
mod message {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Model {
        #[prost(int64, optional, tag = "1")]
        pub(super) ir_version: Option<i64>,
        #[prost(string, optional, tag = "2")]
        pub(super) producer_name: Option<String>,
        #[prost(string, optional, tag = "3")]
        pub(super) producer_version: Option<String>,
        #[prost(message, optional, tag = "7")]
        pub(super) graph: Option<Graph>,
        #[prost(message, repeated, tag = "8")]
        pub(super) opset_import: Vec<OperatorSet>,
        #[prost(message, repeated, tag = "14")]
        pub(super) metadata_props: Vec<Property>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct OperatorSet {
        #[prost(string, optional, tag = "1")]
        pub(super) domain: Option<String>,
        #[prost(int64, optional, tag = "2")]
        pub(super) version: Option<i64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Property {
        #[prost(string, optional, tag = "1")]
        pub(super) key: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub(super) value: Option<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Graph {
        #[prost(message, repeated, tag = "1")]
        pub(super) node: Vec<Node>,
        #[prost(string, optional, tag = "2")]
        pub(super) name: Option<String>,
        #[prost(message, repeated, tag = "5")]
        pub(super) initializer: Vec<Tensor>,
        #[prost(message, repeated, tag = "11")]
        pub(super) input: Vec<Value>,
        #[prost(message, repeated, tag = "12")]
        pub(super) output: Vec<Value>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Node {
        #[prost(string, repeated, tag = "1")]
        pub(super) input: Vec<String>,
        #[prost(string, repeated, tag = "2")]
        pub(super) output: Vec<String>,
        #[prost(string, optional, tag = "3")]
        pub(super) name: Option<String>,
        #[prost(string, optional, tag = "4")]
        pub(super) op_type: Option<String>,
        #[prost(message, repeated, tag = "5")]
        pub(super) attribute: Vec<Attribute>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Attribute {
        #[prost(string, optional, tag = "1")]
        pub(super) name: Option<String>,
        #[prost(float, optional, tag = "2")]
        pub(super) f: Option<f32>,
        #[prost(int64, optional, tag = "3")]
        pub(super) i: Option<i64>,
        #[prost(int64, repeated, packed = "false", tag = "8")]
        pub(super) ints: Vec<i64>,
        /// 1 for `f`, 2 for `i`, 7 for `ints`.
        #[prost(int32, optional, tag = "20")]
        pub(super) kind: Option<i32>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Tensor {
        #[prost(int64, repeated, packed = "false", tag = "1")]
        pub(super) dims: Vec<i64>,
        #[prost(int32, optional, tag = "2")]
        pub(super) data_type: Option<i32>,
        #[prost(string, optional, tag = "8")]
        pub(super) name: Option<String>,
        #[prost(bytes = "vec", optional, tag = "9")]
        pub(super) raw_data: Option<Vec<u8>>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Value {
        #[prost(string, optional, tag = "1")]
        pub(super) name: Option<String>,
        #[prost(message, optional, tag = "2")]
        pub(super) kind: Option<Type>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Type {
        #[prost(message, optional, tag = "1")]
        pub(super) tensor_type: Option<TensorType>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TensorType {
        #[prost(int32, optional, tag = "1")]
        pub(super) elem_type: Option<i32>,
        #[prost(message, optional, tag = "2")]
        pub(super) shape: Option<Shape>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Shape {
        #[prost(message, repeated, tag = "1")]
        pub(super) dim: Vec<Dimension>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Dimension {
        #[prost(int64, optional, tag = "1")]
        pub(super) dim_value: Option<i64>,
        #[prost(string, optional, tag = "2")]
        pub(super) dim_param: Option<String>,
    }
}

/// Element types.
const FLOAT: i32 = 1;
const INT64: i32 = 7;
const BOOL: i32 = 9;

/// The ONNX file of a model with `weights`.
pub(super) fn encode(config: &ModelConfig, weights: Vec<Weight>) -> Result<Vec<u8>, OnnxError> {
    let bytes: usize = weights.iter().map(|(_, _, values)| 4 * values.len()).sum();
    if bytes > MAX_BYTES {
        return Err(OnnxError::TooLarge(bytes));
    }
    let mut builder = Builder {
        weights,
        present: BTreeSet::new(),
        graph: message::Graph {
            name: Some(config.name.clone()),
            ..Default::default()
        },
        fresh: 0,
    };
    builder.model(config)?;
    let property = |key: &str, value: String| message::Property {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    let endpoints: Vec<_> = config
        .endpoints
        .iter()
        .map(|endpoint| serde_json::json!({"name": endpoint.name, "unit": endpoint.unit}))
        .collect();
    let model = message::Model {
        ir_version: Some(FORMAT),
        producer_name: Some("delicate".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(builder.graph),
        opset_import: vec![message::OperatorSet {
            domain: Some(String::new()),
            version: Some(OPERATORS),
        }],
        metadata_props: vec![
            property("name", config.name.clone()),
            property("license", config.license.clone()),
            property("endpoints", serde_json::Value::from(endpoints).to_string()),
            property("vocabulary", crate::tokenizer::vocabulary()),
            property("max_length", config.encoder.max_length.to_string()),
        ],
    };
    Ok(model.encode_to_vec())
}

/// The input of a model whose head reads more than tokens: see
/// [`WideInputs`](crate::model::WideInputs).
const WIDE: &str = "wide";

/// The names of a layer's parts, in the order: query, key, value, attention
/// output, attention norm, intermediate, output, output norm.
fn layer_names(encoder: &EncoderConfig, pass: usize) -> [String; 8] {
    let (prefix, parts) = match encoder.parameter_sharing {
        Sharing::None => (
            format!("encoder.layer.{pass}."),
            [
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "attention.output.LayerNorm",
                "intermediate.dense",
                "output.dense",
                "output.LayerNorm",
            ],
        ),
        Sharing::All => (
            "encoder.albert_layer_groups.0.albert_layers.0.".to_owned(),
            [
                "attention.query",
                "attention.key",
                "attention.value",
                "attention.dense",
                "attention.LayerNorm",
                "ffn",
                "ffn_output",
                "full_layer_layer_norm",
            ],
        ),
    };
    parts.map(|part| format!("{prefix}{part}"))
}

/// An attribute of a node.
enum Attribute<'a> {
    Float(&'a str, f32),
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
}

/// The extent of one axis.
enum Axis<'a> {
    Any(&'a str),
    Of(usize),
}

/// A graph under construction. Values are named by the node that makes them.
struct Builder {
    weights: Vec<Weight>,
    /// Initialisers that are there already.
    present: BTreeSet<String>,
    graph: message::Graph,
    fresh: usize,
}

impl Builder {
    fn model(&mut self, config: &ModelConfig) -> Result<(), OnnxError> {
        let encoder = &config.encoder;
        let hidden = encoder.hidden_size;
        let batch = || Axis::Any("batch");
        let length = || Axis::Any("length");
        for input in ["input_ids", "attention_mask"] {
            let value = value(input, INT64, &[batch(), length()]);
            self.graph.input.push(value);
        }
        if let Some(wide) = &config.wide {
            let value = value(WIDE, FLOAT, &[batch(), Axis::Of(wide.len())]);
            self.graph.input.push(value);
        }

        let bias = self.attention_bias();
        let mut x = self.embeddings(encoder)?;
        if encoder.parameter_sharing == Sharing::All {
            x = self.linear("encoder.embedding_hidden_mapping_in", &x)?;
        }
        for pass in 0..encoder.num_hidden_layers {
            x = self.layer(encoder, pass, &x, &bias)?;
        }
        let last = self.named("Identity", &[&x], &[], "last_hidden_state");
        let molecule = match encoder.pooling {
            Pooling::Cls => {
                let first = self.ints("first", &[], &[0]);
                self.node("Gather", &[&last, &first], &[Attribute::Int("axis", 1)])
            }
            Pooling::Mean => self.mean_of_tokens(&last),
        };
        let pooler = match encoder.parameter_sharing {
            Sharing::None => "pooler.dense",
            Sharing::All => "pooler",
        };
        let pooled = self.linear(pooler, &molecule)?;
        let pooled = self.named("Tanh", &[&pooled], &[], "pooled");
        for output in [
            value(&last, FLOAT, &[batch(), length(), Axis::Of(hidden)]),
            value(&pooled, FLOAT, &[batch(), Axis::Of(hidden)]),
        ] {
            self.graph.output.push(output);
        }
        if config.embedding {
            let weight = self.turned("embedding_head.weight")?;
            let embedding = self.named("MatMul", &[&pooled, &weight], &[], "embedding");
            let axes = [batch(), Axis::Of(hidden)];
            self.graph.output.push(value(&embedding, FLOAT, &axes));
        }
        if !config.endpoints.is_empty() {
            self.endpoints(config, &pooled)?;
            let axes = [batch(), Axis::Of(config.endpoints.len())];
            self.graph.output.push(value("values", FLOAT, &axes));
        }
        Ok(())
    }

    /// `[batch, 1, 1, length]`: 0 for a token, -10 000 for padding.
    /// The mask as floats, `[batch, length]`.
    fn mask(&mut self) -> String {
        let to = Attribute::Int("to", FLOAT.into());
        self.node("Cast", &["attention_mask"], &[to])
    }

    /// The mean of `states` over all but padding.
    fn mean_of_tokens(&mut self, states: &str) -> String {
        let mask = self.mask();
        let last = self.ints("mask_axis", &[1], &[2]);
        let mask = self.node("Unsqueeze", &[&mask, &last], &[]);
        let states = self.node("Mul", &[states, &mask], &[]);
        let tokens = self.ints("tokens_axis", &[1], &[1]);
        let mut sum = |x: &str| {
            let flat = Attribute::Int("keepdims", 0);
            self.node("ReduceSum", &[x, &tokens], &[flat])
        };
        let (sum, count) = (sum(&states), sum(&mask));
        self.node("Div", &[&sum, &count], &[])
    }

    fn attention_bias(&mut self) -> String {
        let mask = self.mask();
        let one = self.scalar("one", 1.0);
        let padding = self.node("Sub", &[&one, &mask], &[]);
        let masked = self.scalar("masked", MASKED);
        let bias = self.node("Mul", &[&padding, &masked], &[]);
        let axes = self.ints("bias_axes", &[2], &[1, 2]);
        self.node("Unsqueeze", &[&bias, &axes], &[])
    }

    fn embeddings(&mut self, encoder: &EncoderConfig) -> Result<String, OnnxError> {
        let hidden = encoder.hidden_size;
        let word = self.weight("embeddings.word_embeddings.weight")?;
        let word = self.node(
            "Gather",
            &[&word, "input_ids"],
            &[Attribute::Int("axis", 0)],
        );
        let name = "positions";
        let table = sinusoidal_positions(encoder.max_length, hidden);
        self.floats(name, &[encoder.max_length, hidden], &table);
        let length = self.node(
            "Shape",
            &["input_ids"],
            &[Attribute::Int("start", 1), Attribute::Int("end", 2)],
        );
        let zero = self.ints("zero", &[1], &[0]);
        let positions = self.node("Slice", &[name, &zero, &length, &zero], &[]);
        // All tokens of a molecule have the first type.
        let types = "embeddings.token_type_embeddings.weight";
        let (_, values) = self.take(types)?;
        let first_type = values.get(..hidden).unwrap_or_default().to_vec();
        self.floats(types, &[hidden], &first_type);
        let context = self.node("Add", &[&positions, types], &[]);
        let sum = self.node("Add", &[&word, &context], &[]);
        self.layer_norm(encoder, "embeddings.LayerNorm", &sum)
    }

    fn layer(
        &mut self,
        encoder: &EncoderConfig,
        pass: usize,
        x: &str,
        bias: &str,
    ) -> Result<String, OnnxError> {
        let heads = encoder.num_attention_heads;
        let size = encoder.hidden_size / heads;
        let [
            query,
            key,
            value,
            attention_output,
            attention_norm,
            intermediate,
            output,
            output_norm,
        ] = layer_names(encoder, pass);
        let split = self.ints("split", &[4], &[0, 0, heads as i64, size as i64]);
        let join = self.ints("join", &[3], &[0, 0, encoder.hidden_size as i64]);
        let mut split_heads = |name: &str, order: &[i64]| {
            let projected = self.linear(name, x)?;
            let split = self.node("Reshape", &[&projected, &split], &[]);
            Ok(self.node("Transpose", &[&split], &[Attribute::Ints("perm", order)]))
        };
        let query = split_heads(&query, &[0, 2, 1, 3])?;
        let key = split_heads(&key, &[0, 2, 3, 1])?;
        let value = split_heads(&value, &[0, 2, 1, 3])?;
        let scores = self.node("MatMul", &[&query, &key], &[]);
        let root = self.scalar("root", (size as f64).sqrt() as f32);
        let scores = self.node("Div", &[&scores, &root], &[]);
        let scores = self.node("Add", &[&scores, bias], &[]);
        let weights = self.node("Softmax", &[&scores], &[Attribute::Int("axis", -1)]);
        let attended = self.node("MatMul", &[&weights, &value], &[]);
        let order = [Attribute::Ints("perm", &[0, 2, 1, 3])];
        let attended = self.node("Transpose", &[&attended], &order);
        let attended = self.node("Reshape", &[&attended, &join], &[]);
        let attended = self.linear(&attention_output, &attended)?;
        let sum = self.node("Add", &[&attended, x], &[]);
        let x = self.layer_norm(encoder, &attention_norm, &sum)?;
        let inner = self.linear(&intermediate, &x)?;
        let inner = self.gelu(&inner);
        let out = self.linear(&output, &inner)?;
        let sum = self.node("Add", &[&out, &x], &[]);
        self.layer_norm(encoder, &output_norm, &sum)
    }

    /// `x / 2 * (1 + erf(x / √2))`.
    fn gelu(&mut self, x: &str) -> String {
        let root = self.scalar("root_two", std::f32::consts::SQRT_2);
        let scaled = self.node("Div", &[x, &root], &[]);
        let erf = self.node("Erf", &[&scaled], &[]);
        let one = self.scalar("one", 1.0);
        let sum = self.node("Add", &[&erf, &one], &[]);
        let half = self.scalar("half", 0.5);
        let halved = self.node("Mul", &[x, &half], &[]);
        self.node("Mul", &[&halved, &sum], &[])
    }

    fn endpoints(&mut self, config: &ModelConfig, pooled: &str) -> Result<(), OnnxError> {
        let count = config.endpoints.len();
        let vector = |of: &dyn Fn(&crate::model::Endpoint) -> f32| -> Vec<f32> {
            config.endpoints.iter().map(of).collect()
        };
        let outputs = match config.wide {
            None => self.linear("head.finetune_net.0", pooled)?,
            Some(_) => {
                let last = Attribute::Int("axis", 1);
                let inputs = self.node("Concat", &[pooled, WIDE], &[last]);
                let first = self.linear("wide_head.input", &inputs)?;
                let first = self.layer_norm(&config.encoder, "wide_head.norm", &first)?;
                let first = self.gelu(&first);
                let second = self.linear("wide_head.inner", &first)?;
                let second = self.gelu(&second);
                self.linear("wide_head.output", &second)?
            }
        };
        self.floats("deviations", &[count], &vector(&|e| e.scaling.deviation));
        self.floats("means", &[count], &vector(&|e| e.scaling.mean));
        let scaled = self.node("Mul", &[&outputs, "deviations"], &[]);
        let scaled = self.node("Add", &[&scaled, "means"], &[]);
        let classes: Vec<u8> = (config.endpoints.iter())
            .map(|e| u8::from(e.task == EndpointTask::Classification))
            .collect();
        self.initializer("classes", &[count], BOOL, classes);
        let logarithms: Vec<u8> = (config.endpoints.iter())
            .map(|e| u8::from(e.transform == Transform::Log10))
            .collect();
        let scaled = match logarithms.contains(&1) {
            false => scaled,
            true => {
                self.initializer("logarithms", &[count], BOOL, logarithms);
                let ten = self.scalar("ten", 10.0);
                let powers = self.node("Pow", &[&ten, &scaled], &[]);
                self.node("Where", &["logarithms", &powers, &scaled], &[])
            }
        };
        let probabilities = self.node("Sigmoid", &[&scaled], &[]);
        self.named(
            "Where",
            &["classes", &probabilities, &scaled],
            &[],
            "values",
        );
        Ok(())
    }

    /// `x W + b` of the linear layer `name`.
    fn linear(&mut self, name: &str, x: &str) -> Result<String, OnnxError> {
        let weight = self.turned(&format!("{name}.weight"))?;
        let bias = self.weight(&format!("{name}.bias"))?;
        let product = self.node("MatMul", &[x, &weight], &[]);
        Ok(self.node("Add", &[&product, &bias], &[]))
    }

    /// The initialiser `[in, out]` of a matrix that is stored `[out, in]`, for ONNX
    /// multiplies from the left.
    fn turned(&mut self, name: &str) -> Result<String, OnnxError> {
        if !self.present.contains(name) {
            let (shape, stored) = self.take(name)?;
            let [to, from] = shape.as_slice() else {
                return Err(OnnxError::Missing(name.to_owned()));
            };
            let mut values = Vec::with_capacity(stored.len());
            for column in 0..*from {
                values.extend(stored.iter().skip(column).step_by(*from));
            }
            self.floats(name, &[*from, *to], &values);
        }
        Ok(name.to_owned())
    }

    fn layer_norm(
        &mut self,
        encoder: &EncoderConfig,
        name: &str,
        x: &str,
    ) -> Result<String, OnnxError> {
        let gamma = self.weight(&format!("{name}.weight"))?;
        let beta = self.weight(&format!("{name}.bias"))?;
        let attributes = [
            Attribute::Int("axis", -1),
            Attribute::Float("epsilon", encoder.layer_norm_eps as f32),
        ];
        Ok(self.node("LayerNormalization", &[x, &gamma, &beta], &attributes))
    }

    /// Takes a weight out of the model; each becomes one initialiser.
    fn take(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), OnnxError> {
        self.weights
            .iter_mut()
            .find(|(stored, _, values)| stored == name && !values.is_empty())
            .map(|(_, shape, values)| (shape.clone(), std::mem::take(values)))
            .ok_or_else(|| OnnxError::Missing(name.to_owned()))
    }

    /// The initialiser of a weight that is needed as it is stored.
    fn weight(&mut self, name: &str) -> Result<String, OnnxError> {
        if !self.present.contains(name) {
            let (shape, values) = self.take(name)?;
            self.floats(name, &shape, &values);
        }
        Ok(name.to_owned())
    }

    fn scalar(&mut self, name: &str, value: f32) -> String {
        self.floats(name, &[], &[value]);
        name.to_owned()
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, shape, FLOAT, bytes);
    }

    fn ints(&mut self, name: &str, shape: &[usize], values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, shape, INT64, bytes);
        name.to_owned()
    }

    fn initializer(&mut self, name: &str, shape: &[usize], kind: i32, bytes: Vec<u8>) {
        if self.present.insert(name.to_owned()) {
            self.graph.initializer.push(message::Tensor {
                dims: shape.iter().map(|&extent| extent as i64).collect(),
                data_type: Some(kind),
                name: Some(name.to_owned()),
                raw_data: Some(bytes),
            });
        }
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        self.fresh += 1;
        let output = format!("{}_{}", operator.to_lowercase(), self.fresh);
        self.named(operator, inputs, attributes, &output)
    }

    fn named(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
        output: &str,
    ) -> String {
        self.graph.node.push(message::Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: Some(output.to_owned()),
            op_type: Some(operator.to_owned()),
            attribute: attributes.iter().map(attribute).collect(),
        });
        output.to_owned()
    }
}

fn attribute(attribute: &Attribute<'_>) -> message::Attribute {
    let with = |name: &str, kind: i32| message::Attribute {
        name: Some(name.to_owned()),
        kind: Some(kind),
        ..Default::default()
    };
    match *attribute {
        Attribute::Float(name, value) => message::Attribute {
            f: Some(value),
            ..with(name, 1)
        },
        Attribute::Int(name, value) => message::Attribute {
            i: Some(value),
            ..with(name, 2)
        },
        Attribute::Ints(name, values) => message::Attribute {
            ints: values.to_vec(),
            ..with(name, 7)
        },
    }
}

fn value(name: &str, kind: i32, axes: &[Axis<'_>]) -> message::Value {
    let dim = axes
        .iter()
        .map(|axis| match *axis {
            Axis::Any(name) => message::Dimension {
                dim_value: None,
                dim_param: Some(name.to_owned()),
            },
            Axis::Of(extent) => message::Dimension {
                dim_value: Some(extent as i64),
                dim_param: None,
            },
        })
        .collect();
    message::Value {
        name: Some(name.to_owned()),
        kind: Some(message::Type {
            tensor_type: Some(message::TensorType {
                elem_type: Some(kind),
                shape: Some(message::Shape { dim }),
            }),
        }),
    }
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use super::*;
    use crate::device::{Device, DeviceChoice};
    use crate::model_dir::{self, ModelFiles};

    #[test]
    fn outputs_are_those_that_the_model_has() {
        let device = pollster::block_on(Device::open(DeviceChoice::Cpu)).expect("the CPU");
        for (files, expected, length) in [
            (
                ModelFiles::embedded(),
                ["last_hidden_state", "pooled", "values"],
                "256",
            ),
            (
                ModelFiles::embedded_for_similarity(),
                ["last_hidden_state", "pooled", "embedding"],
                "128",
            ),
        ] {
            let (config, model) = files.build(&device).expect("valid");
            let weights = pollster::block_on(model_dir::weights(&config.encoder, &model));
            let bytes = encode(&config, weights.expect("read")).expect("a file");
            let read = message::Model::decode(&*bytes).expect("a message");
            let outputs = read.graph.expect("a graph").output;
            let names: Vec<_> = outputs.into_iter().filter_map(|value| value.name).collect();
            assert_eq!(names, expected);
            let property = |property: &message::Property| {
                property.key.as_deref() == Some("max_length")
                    && property.value.as_deref() == Some(length)
            };
            assert!(read.metadata_props.iter().any(property));
        }
    }
}
