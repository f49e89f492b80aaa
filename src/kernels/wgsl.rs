//! Launching the WGSL of `shaders/` on burn's wgpu runtime.

use std::hash::{DefaultHasher, Hash, Hasher};

use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::template::{KernelSource, SourceKernel, SourceTemplate};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::{CubeCount, CubeDim, KernelId};
use cubecl::server::KernelArguments;

use super::adamw::AdamwRates;
use super::extension::{AdamwStep, Guards, Kernels, LayerNormGradients, LinearGradients};
use super::guard;
use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Shape};

/// Lanes of every workgroup: the `LANES` of the shaders.
const LANES: u32 = 64;

/// Workgroups in one dimension of a dispatch; WebGPU guarantees 65,535.
const GROUPS_A_LINE: usize = 32_768;

/// Rows whose parameter gradients one workgroup adds up. Fewer would fill the
/// GPU better, more would leave fewer shares to sum.
const ROWS_A_GROUP: usize = 16;

/// Rows and columns of the tile of a product that one workgroup computes, and the
/// steps that it walks at a time: those of `shaders/linear.wgsl`.
const TILE: usize = 64;
const STEP: usize = 16;

/// Workgroups that fill a large GPU, a few for each of its processors.
const MANY_GROUPS: usize = 512;

/// Terms below which a share of a product's sums is not worth its own pass.
const FEWEST_TERMS: usize = 256;

/// Steps that one workgroup walks at most: with the 20 rounds within each, two
/// thirds of the 65,535 after which lavapipe leaves all loops of a lane.
const MOST_STEPS: usize = 2_048;

/// Rows that one pass adds up; more are added up in two.
const ROWS_A_PASS: usize = 256;

/// One shader of `shaders/`, by name.
#[derive(Clone, Copy)]
struct Shader {
    name: &'static str,
    source: &'static str,
}

/// `shaders/NAME.wgsl`, behind what it uses of `shaders/shared/`.
macro_rules! shader {
    ($name:literal $(, $shared:literal)*) => {
        Shader {
            name: $name,
            source: concat!(
                $(include_str!(concat!("../../shaders/shared/", $shared, ".wgsl")),)*
                include_str!(concat!("../../shaders/", $name, ".wgsl")),
            ),
        }
    };
}

const RESIDUAL_LAYER_NORM: Shader = shader!("residual_layer_norm", "total");
const RESIDUAL_LAYER_NORM_BACKWARD: Shader = shader!("residual_layer_norm_backward", "total");
const GELU: Shader = shader!("gelu", "normal");
const GELU_BACKWARD: Shader = shader!("gelu_backward", "normal");
const GUARD: Shader = shader!("guard", "total");
const LINEAR: Shader = shader!("linear");
const SUM_OF_ROWS: Shader = shader!("sum_of_rows");
const ADAMW: Shader = shader!("adamw");

impl KernelSource for Shader {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.source)
    }

    fn id(&self) -> KernelId {
        // The id alone keys the pipeline cache, so it must change with the text.
        let mut hasher = DefaultHasher::new();
        self.source.hash(&mut hasher);
        KernelId::new::<Self>()
            .info((self.name, hasher.finish(), DType::F32))
            .cube_dim(CubeDim::new_1d(LANES).0)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Runs `shader` over `count` workgroups, with `tensors` bound in order and
/// the numbers of `shape` behind them.
fn launch(shader: Shader, count: CubeCount, tensors: &[&CubeTensor], shape: &[u32]) {
    let Some(first) = tensors.first() else { return };
    let client = &first.client;
    let bytes: Vec<u8> = shape.iter().flat_map(|n| n.to_ne_bytes()).collect();
    let mut arguments = KernelArguments::new();
    for tensor in tensors {
        arguments = arguments.with_buffer(tensor.handle.clone().binding());
    }
    arguments = arguments.with_buffer(client.create_from_slice(&bytes).binding());
    let kernel = SourceKernel::new(shader, CubeDim::new_1d(LANES));
    client.launch(Box::new(kernel), count, arguments);
}

/// `tensor`, or a copy of it where it shares memory with one of `others`:
/// WebGPU refuses one range bound to two writable slots.
fn unaliased(tensor: CubeTensor, others: &[&CubeTensor]) -> CubeTensor {
    let key = tensor.handle.clone().binding().claim_key();
    let shared = others
        .iter()
        .any(|other| other.handle.clone().binding().claim_key() == key);
    if shared { tensor.copy() } else { tensor }
}

fn empty_like(tensor: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(
        tensor.client.clone(),
        tensor.device.clone(),
        shape,
        tensor.dtype,
    )
}

/// Rows and width of a tensor taken as a matrix of its last axis.
fn rows_and_width(tensor: &CubeTensor) -> (usize, usize) {
    let shape = tensor.shape();
    let width = shape.iter().next_back().copied().unwrap_or(1).max(1);
    (shape.num_elements() / width, width)
}

/// A matrix in a product.
#[derive(Clone)]
struct Factor {
    /// Contiguous.
    tensor: CubeTensor,
    rows: usize,
    columns: usize,
    /// Whether the tensor holds the transpose.
    transposed: bool,
}

impl Factor {
    /// A tensor as the matrix of the rows of its last axis.
    fn rows(tensor: CubeTensor) -> Self {
        let (rows, columns) = rows_and_width(&tensor);
        Self {
            tensor: into_contiguous(tensor),
            rows,
            columns,
            transposed: false,
        }
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            transposed: !self.transposed,
            ..self
        }
    }
}

/// Shares that the sums of a product of `m` by `k` and `k` by `n` are cut into.
fn shares_of(m: usize, n: usize, k: usize) -> usize {
    // Wider than `sum_of_rows` can be dispatched for.
    if m * n > GROUPS_A_LINE * LANES as usize {
        return 1;
    }
    let tiles = m.div_ceil(TILE) * n.div_ceil(TILE);
    MANY_GROUPS
        .div_ceil(tiles.max(1))
        .min(k / FEWEST_TERMS)
        .max(k.div_ceil(STEP).div_ceil(MOST_STEPS))
        .max(1)
}

/// `a b`, or `a b + bias`.
fn product(a: Factor, b: Factor, bias: Option<CubeTensor>) -> CubeTensor {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let steps = k.div_ceil(STEP);
    // A bias is added once, and so to a sum of one share.
    let shares = match bias {
        Some(_) => 1,
        None => shares_of(m, n, k),
    };
    let steps_a_share = steps.div_ceil(shares).max(1);
    let shares = steps.div_ceil(steps_a_share).max(1);
    let y = empty_like(&a.tensor, Shape::new([shares, m, n]));
    if m > 0 && n > 0 {
        let numbers = [
            m,
            n,
            k,
            usize::from(a.transposed),
            usize::from(b.transposed),
            usize::from(bias.is_some()),
            steps_a_share,
        ];
        let second = unaliased(b.tensor, &[&a.tensor]);
        // What is bound where there is no bias is not read.
        let bias = bias.map_or_else(|| empty_like(&y, Shape::new([1])), into_contiguous);
        let bias = unaliased(bias, &[&a.tensor, &second]);
        launch(
            LINEAR,
            CubeCount::Static(
                m.div_ceil(TILE) as u32,
                n.div_ceil(TILE) as u32,
                shares as u32,
            ),
            &[&a.tensor, &second, &bias, &y],
            &numbers.map(|number| number as u32),
        );
    }
    CubeBackend::float_reshape(sum_of_rows(y, shares), Shape::new([m, n]))
}

/// Workgroups in two dimensions that cover `count` in all.
fn groups(count: usize) -> CubeCount {
    let across = count.clamp(1, GROUPS_A_LINE);
    CubeCount::Static(across as u32, count.div_ceil(across) as u32, 1)
}

impl Kernels for CubeBackend {
    fn residual_layer_norm(
        x: CubeTensor,
        residual: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        epsilon: f32,
    ) -> CubeTensor {
        let x = into_contiguous(x);
        let residual = unaliased(into_contiguous(residual), &[&x]);
        let gamma = into_contiguous(gamma);
        let beta = unaliased(into_contiguous(beta), &[&gamma]);
        let (rows, width) = rows_and_width(&x);
        let y = empty_like(&x, x.shape());
        if rows == 0 {
            return y;
        }
        launch(
            RESIDUAL_LAYER_NORM,
            groups(rows),
            &[&x, &residual, &gamma, &beta, &y],
            &[rows as u32, width as u32, epsilon.to_bits()],
        );
        y
    }

    fn residual_layer_norm_backward(
        x: CubeTensor,
        residual: CubeTensor,
        gamma: CubeTensor,
        gradient: CubeTensor,
        epsilon: f32,
    ) -> LayerNormGradients<Self> {
        let x = into_contiguous(x);
        let residual = unaliased(into_contiguous(residual), &[&x]);
        let gradient = unaliased(into_contiguous(gradient), &[&x, &residual]);
        let gamma = into_contiguous(gamma);
        let (rows, width) = rows_and_width(&x);
        let groups = rows.div_ceil(ROWS_A_GROUP).clamp(1, GROUPS_A_LINE);
        let rows_a_group = rows.div_ceil(groups);
        let input = empty_like(&x, x.shape());
        let shares = empty_like(&x, Shape::new([groups, 2, width]));
        launch(
            RESIDUAL_LAYER_NORM_BACKWARD,
            CubeCount::Static(groups as u32, 1, 1),
            &[&x, &residual, &gamma, &gradient, &input, &shares],
            &[
                rows as u32,
                width as u32,
                epsilon.to_bits(),
                rows_a_group as u32,
            ],
        );
        LayerNormGradients {
            input,
            parameters: Self::float_reshape(sum_of_rows(shares, groups), Shape::new([2, width])),
        }
    }

    fn exact_gelu(x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let y = empty_like(&x, x.shape());
        let elements = x.shape().num_elements();
        if elements > 0 {
            let count = groups(elements.div_ceil(LANES as usize));
            launch(GELU, count, &[&x, &y], &[elements as u32]);
        }
        y
    }

    fn exact_gelu_backward(x: CubeTensor, gradient: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let gradient = unaliased(into_contiguous(gradient), &[&x]);
        let input = empty_like(&x, x.shape());
        let elements = x.shape().num_elements();
        if elements > 0 {
            let count = groups(elements.div_ceil(LANES as usize));
            let tensors = [&x, &gradient, &input];
            launch(GELU_BACKWARD, count, &tensors, &[elements as u32]);
        }
        input
    }

    fn linear_with_bias(x: CubeTensor, weight: CubeTensor, bias: CubeTensor) -> CubeTensor {
        let outputs = bias.shape().num_elements();
        let mut shape: Vec<usize> = x.shape().iter().copied().collect();
        if let Some(width) = shape.last_mut() {
            *width = outputs;
        }
        let y = product(Factor::rows(x), Factor::rows(weight), Some(bias));
        Self::float_reshape(y, Shape::from(shape))
    }

    fn linear_with_bias_backward(
        x: CubeTensor,
        weight: CubeTensor,
        gradient: CubeTensor,
    ) -> LinearGradients<Self> {
        let shape = x.shape();
        let gradient = Factor::rows(gradient);
        let input = product(gradient.clone(), Factor::rows(weight).transposed(), None);
        LinearGradients {
            input: Self::float_reshape(input, shape),
            weight: product(Factor::rows(x).transposed(), gradient.clone(), None),
            bias: Self::sum_of_rows(gradient.tensor),
        }
    }

    fn add_bias(x: CubeTensor, bias: CubeTensor) -> CubeTensor {
        let (axes, width) = (x.shape().num_dims(), bias.shape().num_elements());
        let row: Vec<usize> = (1..axes).map(|_| 1).chain([width]).collect();
        Self::float_add(x, Self::float_reshape(bias, Shape::from(row)))
    }

    fn sum_of_rows(x: CubeTensor) -> CubeTensor {
        let (rows, width) = rows_and_width(&x);
        let sums = sum_of_rows(into_contiguous(x), rows);
        Self::float_reshape(sums, Shape::new([width]))
    }

    fn adamw(
        parameter: CubeTensor,
        gradient: CubeTensor,
        moments: CubeTensor,
        factor: CubeTensor,
        rates: AdamwRates,
    ) -> AdamwStep<Self> {
        let parameter = into_contiguous(parameter);
        let gradient = unaliased(into_contiguous(gradient), &[&parameter]);
        let moments = into_contiguous(moments);
        let factor = unaliased(into_contiguous(factor), &[&gradient]);
        let n = parameter.shape().num_elements();
        let after = AdamwStep {
            parameter: empty_like(&parameter, parameter.shape()),
            moments: empty_like(&moments, moments.shape()),
        };
        if n > 0 {
            let AdamwRates {
                beta_1,
                beta_2,
                rate,
                deviation,
                epsilon,
                decay,
            } = rates;
            let numbers = [beta_1, beta_2, rate, deviation, epsilon, decay].map(f32::to_bits);
            let shape: Vec<u32> = [n as u32].into_iter().chain(numbers).collect();
            launch(
                ADAMW,
                groups(n.div_ceil(LANES as usize)),
                &[
                    &parameter,
                    &gradient,
                    &moments,
                    &factor,
                    &after.parameter,
                    &after.moments,
                ],
                &shape,
            );
        }
        after
    }
}

impl Guards for CubeBackend {
    fn guarded(y: CubeTensor, x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let y = unaliased(into_contiguous(y), &[&x]);
        let rows = y.shape()[0];
        let after = empty_like(&y, y.shape());
        // Words of a row; the bits of the exponents of the numbers in a word; a
        // word of NaN.
        let (numbers, exponents, nan) = match y.dtype {
            DType::F16 => (2, [0x7c00, 0x7c00_0000], 0x7e00_7e00),
            _ => (1, [guard::EXPONENT; 2], f32::NAN.to_bits()),
        };
        let words = |tensor: &CubeTensor| rows_and_width(tensor).1 / numbers;
        launch(
            GUARD,
            groups(rows),
            &[&x, &y, &after],
            &[
                rows as u32,
                words(&x) as u32,
                words(&y) as u32,
                exponents[0],
                exponents[1],
                nan,
            ],
        );
        after
    }
}

/// The sum of the `rows` rows of a contiguous `x`, in two passes of equal work.
fn sum_of_rows(x: CubeTensor, rows: usize) -> CubeTensor {
    let width = x.shape().num_elements() / rows.max(1);
    let mut sums = x;
    let mut left = rows;
    while left > 1 {
        let rows_a_share = if left > ROWS_A_PASS {
            left.isqrt().max(left.div_ceil(GROUPS_A_LINE))
        } else {
            left
        };
        let shares = left.div_ceil(rows_a_share);
        let shape = [left as u32, width as u32, rows_a_share as u32];
        let x = sums;
        sums = empty_like(&x, Shape::new([shares, width]));
        let count = CubeCount::Static(width.div_ceil(LANES as usize) as u32, shares as u32, 1);
        launch(SUM_OF_ROWS, count, &[&x, &sums], &shape);
        left = shares;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_lane_walks_further_than_software_adapters_let_it() {
        for (m, n) in [(1, 1), (64, 3_072), (1_024, 1_024), (2_048, 1_024)] {
            for k in [1, 255, 4_096, 65_536, 1 << 22] {
                let shares = shares_of(m, n, k);
                let steps = k.div_ceil(STEP).div_ceil(shares);
                // Each with 4 rounds that load and 16 that multiply.
                assert!(steps * 21 < 45_000, "{m} {n} {k}: {steps} steps");
            }
        }
        assert_eq!(shares_of(1_024, 1_024, 4_096), 2, "as many as fill a GPU");
    }
}
