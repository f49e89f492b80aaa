//! The kernels against double precision: values by their definitions, gradients
//! by central differences, on the CPU and on wgpu.

use burn::module::Param;
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{
    AdamwRates, LayerBlocks, LayerParts, adamw, attention, dropout, gelu, guarded, linear, padded,
    residual_layer_norm,
};
use crate::device::with_seed;
use crate::reference_tests::{difference, on_devices, read};

/// `Σ upstream · LayerNorm(x + residual)` in double precision, written from
/// the definition.
fn layer_norm_sum(inputs: &[Vec<f64>; 4], upstream: &[f64], epsilon: f64) -> f64 {
    let [x, residual, gamma, beta] = inputs;
    let width = gamma.len();
    let sums: Vec<f64> = x.iter().zip(residual).map(|(x, r)| x + r).collect();
    let rows = sums.chunks(width).zip(upstream.chunks(width));
    rows.map(|(row, upstream)| {
        let mean = row.iter().sum::<f64>() / width as f64;
        let variance = row.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / width as f64;
        let scale = (variance + epsilon).sqrt().recip();
        let columns =
            (0..width).map(|i| upstream[i] * ((row[i] - mean) * scale * gamma[i] + beta[i]));
        columns.sum::<f64>()
    })
    .sum()
}

/// The kernel's gradients along random directions against central differences
/// in double precision. Tolerance 1e-5 of the sum of the sizes of the terms:
/// the gradient is in single precision, the differences (step 1e-5) are good
/// to 1e-9.
fn check_central_differences(device: &Device) {
    let device = device.clone().autodiff();
    let mut rng = SmallRng::seed_from_u64(6);
    for (rows, width) in [(6, 32), (3, 33), (2, 768), (1, 2), (40, 8)] {
        let mut draw = |length: usize, offset: f64| -> Vec<f64> {
            // Single precision holds them exactly.
            let values = (0..length).map(|_| offset + rng.random_range(-1.0..1.0));
            values.map(|value: f64| f64::from(value as f32)).collect()
        };
        let size = rows * width;
        let inputs = [
            draw(size, 0.0),
            draw(size, 0.5),
            draw(width, 1.0),
            draw(width, 0.0),
        ];
        let upstream = draw(size, 0.0);
        let epsilon = 1e-3f32;
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
        let matrix = |values: &[f64]| {
            Tensor::<2>::from_data(TensorData::new(single(values), [rows, width]), &device)
        };
        let vector = |values: &[f64]| {
            Tensor::<1>::from_data(TensorData::new(single(values), [width]), &device)
        };
        let x = matrix(&inputs[0]).require_grad();
        let residual = matrix(&inputs[1]).require_grad();
        let gamma = vector(&inputs[2]).require_grad();
        let beta = vector(&inputs[3]).require_grad();
        let y = residual_layer_norm(
            x.clone(),
            residual.clone(),
            gamma.clone(),
            beta.clone(),
            epsilon,
        );
        let found = (y * matrix(&upstream)).sum().backward();
        let gradients = [
            x.grad(&found).map(read),
            residual.grad(&found).map(read),
            gamma.grad(&found).map(read),
            beta.grad(&found).map(read),
        ];
        check_directions(
            &format!("{rows}x{width}"),
            &inputs,
            &gradients.map(|gradient| gradient.expect("every input has a gradient")),
            |inputs| layer_norm_sum(inputs, &upstream, f64::from(epsilon)),
        );
    }
}

/// The `gradients` of `f` along random directions against central differences.
fn check_directions<const N: usize>(
    what: &str,
    inputs: &[Vec<f64>; N],
    gradients: &[Vec<f32>; N],
    f: impl Fn(&[Vec<f64>; N]) -> f64,
) {
    let mut rng = SmallRng::seed_from_u64(7);
    for (place, gradient) in gradients.iter().enumerate() {
        for _ in 0..4 {
            let direction: Vec<f64> = gradient
                .iter()
                .map(|_| rng.random_range(-1.0..1.0))
                .collect();
            let moved = |step: f64| {
                let mut moved = inputs.clone();
                for (value, d) in moved[place].iter_mut().zip(&direction) {
                    *value += step * d;
                }
                f(&moved)
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let terms = || {
                gradient
                    .iter()
                    .zip(&direction)
                    .map(|(g, d)| f64::from(*g) * d)
            };
            let (along, scale) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
            assert!(
                (along - difference).abs() < 1e-5 * scale,
                "{what}, input {place}: {along} along the direction, {difference}"
            );
        }
    }
}

/// Numbers that single precision holds exactly.
fn draw(rng: &mut impl Rng, length: usize, range: f64) -> Vec<f64> {
    (0..length)
        .map(|_| f64::from(rng.random_range(-range..range) as f32))
        .collect()
}

fn on<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    let single: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(single, shape), device)
}

/// The error function to 1e-12, by its Taylor series.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

fn check_gelu(device: &Device) {
    let device = device.clone().autodiff();
    let mut rng = SmallRng::seed_from_u64(8);
    // More elements than a workgroup or a thread takes at a time.
    for length in [1, 64, 40_000] {
        let mut x = draw(&mut rng, length, 4.0);
        x[0] = 0.0;
        let upstream = draw(&mut rng, length, 1.0);
        let tensor = on(&x, [length], &device).require_grad();
        let y = gelu(tensor.clone());
        let exact = |x: f64| 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2));
        for (found, &x) in read(y.clone()).iter().zip(&x) {
            let off = (f64::from(*found) - exact(x)).abs();
            assert!(off < 1e-6, "gelu({x}) is off by {off}");
        }
        let found = (y * on(&upstream, [length], &device)).sum().backward();
        let gradient = read(tensor.grad(&found).expect("a gradient"));
        check_directions(&format!("{length}"), &[x], &[gradient], |[x]| {
            x.iter().zip(&upstream).map(|(&x, g)| g * exact(x)).sum()
        });
    }
    let extremes = read(gelu(on(&[-200.0, -12.0, 12.0, 200.0], [4], &device)));
    assert!(difference(&extremes, &[0.0, 0.0, 12.0, 200.0]) < 1e-30);
}

on_devices!(gelu_and_its_gradient_are_exact, check_gelu);

/// `Σ upstream · (x W + b)` in double precision.
fn linear_sum([x, weight, bias]: &[Vec<f64>; 3], upstream: &[f64]) -> f64 {
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    let rows = x.chunks(inputs).zip(upstream.chunks(outputs));
    rows.map(|(x, upstream)| {
        let output = |o: usize| {
            let products = (0..inputs).map(|i| x[i] * weight[i * outputs + o]);
            products.sum::<f64>() + bias[o]
        };
        (0..outputs).map(|o| upstream[o] * output(o)).sum::<f64>()
    })
    .sum()
}

fn check_linear(device: &Device) {
    let device = device.clone().autodiff();
    let mut rng = SmallRng::seed_from_u64(9);
    // More rows than are added up together, or widths beyond a tile.
    let shapes = [
        (1, 1, 1),
        (6, 32, 16),
        (300, 5, 33),
        (65, 130, 67),
        (700, 64, 64),
    ];
    for (rows, inputs, outputs) in shapes {
        let values = [rows * inputs, inputs * outputs, outputs].map(|n| draw(&mut rng, n, 1.0));
        let upstream = draw(&mut rng, rows * outputs, 1.0);
        let x = on(&values[0], [rows, inputs], &device).require_grad();
        let weight = on(&values[1], [inputs, outputs], &device).require_grad();
        let bias = on(&values[2], [outputs], &device).require_grad();
        let layer = burn::nn::Linear {
            weight: Param::from_tensor(weight),
            bias: Some(Param::from_tensor(bias)),
        };
        let y = linear(&layer, x.clone());
        let found = (y * on(&upstream, [rows, outputs], &device)).sum();
        let expected = linear_sum(&values, &upstream);
        let off = (f64::from(read(found.clone())[0]) - expected).abs();
        assert!(off < 1e-5 * upstream.len() as f64, "off by {off}");
        let found = found.backward();
        let bias = layer.bias.as_ref().expect("it has one").val();
        let gradients = [
            x.grad(&found).map(read),
            layer.weight.val().grad(&found).map(read),
            bias.grad(&found).map(read),
        ]
        .map(|gradient| gradient.expect("every input has a gradient"));
        let what = format!("{rows}x{inputs}x{outputs}");
        check_directions(&what, &values, &gradients, |values| {
            linear_sum(values, &upstream)
        });
    }
}

on_devices!(linear_layers_and_their_gradients_are_exact, check_linear);

/// `Σ upstream · attention` in double precision, one molecule after another.
fn attention_sum(
    [query, key, value]: &[Vec<f64>; 3],
    upstream: &[f64],
    masks: &[Vec<bool>],
    [places, hidden, heads]: [usize; 3],
) -> f64 {
    let length = masks[0].len();
    let size = hidden / heads;
    let mut sum = 0.0;
    for (row, mask) in masks.iter().enumerate() {
        for (place, head) in (0..places).flat_map(|p| (0..heads).map(move |h| (p, h))) {
            let q = &query[(row * places + place) * hidden + head * size..][..size];
            let of = |values: &[f64], k: usize, i: usize| {
                values[(row * length + k) * hidden + head * size + i]
            };
            let score = |k: usize| {
                let product: f64 = (0..size).map(|i| q[i] * of(key, k, i)).sum();
                product / (size as f64).sqrt()
            };
            let weights: Vec<f64> = (0..length)
                .map(|k| if mask[k] { score(k).exp() } else { 0.0 })
                .collect();
            let total: f64 = weights.iter().sum();
            for i in 0..size {
                let y: f64 = (0..length).map(|k| weights[k] * of(value, k, i)).sum();
                sum += upstream[(row * places + place) * hidden + head * size + i] * y / total;
            }
        }
    }
    sum
}

fn check_attention(device: &Device) {
    let device = device.clone().autodiff();
    let mut rng = SmallRng::seed_from_u64(10);
    let none = DropoutConfig::new(0.0).init();
    // All places, the first alone, and one head.
    for (places, length, hidden, heads) in [(7, 7, 16, 4), (1, 9, 12, 2), (5, 5, 8, 1)] {
        // Whole, padded at the end, and with a gap.
        let masks: Vec<Vec<bool>> = (0..3)
            .map(|row| {
                let seen = |k: usize| row == 0 || (row == 1 && k < 3) || (row == 2 && k != 2);
                (0..length).map(seen).collect()
            })
            .collect();
        let batch = masks.len();
        let values = [places, length, length].map(|n| draw(&mut rng, batch * n * hidden, 1.5));
        let upstream = draw(&mut rng, batch * places * hidden, 1.0);
        let [query, key, value] = [(0, places), (1, length), (2, length)]
            .map(|(i, n)| on(&values[i], [batch, n, hidden], &device).require_grad());
        let bias: Vec<f64> = masks
            .iter()
            .flatten()
            .map(|&seen| if seen { 0.0 } else { -10_000.0 })
            .collect();
        let bias = on(&bias, [batch, length], &device);
        let y = attention(
            query.clone(),
            key.clone(),
            value.clone(),
            bias,
            heads,
            &none,
        );
        let sum = (y * on(&upstream, [batch, places, hidden], &device)).sum();
        let sizes = [places, hidden, heads];
        let expected = attention_sum(&values, &upstream, &masks, sizes);
        let off = (f64::from(read(sum.clone())[0]) - expected).abs();
        assert!(off < 1e-5 * upstream.len() as f64, "off by {off}");
        let found = sum.backward();
        let gradients = [query, key, value].map(|t| read(t.grad(&found).expect("a gradient")));
        check_directions(&format!("{sizes:?}"), &values, &gradients, |values| {
            attention_sum(values, &upstream, &masks, sizes)
        });
    }
}

on_devices!(attention_and_its_gradients_are_exact, check_attention);

/// A layer with parameters of its own.
struct TestLayer {
    /// Query, key, value, behind attention, before GELU, behind it.
    linears: [Linear; 6],
    /// Gamma and beta of both LayerNorms.
    norms: [[Tensor<1>; 2]; 2],
    heads: usize,
    /// Of probabilities, behind attention, behind the second block.
    dropouts: [Dropout; 3],
}

const LAYER_EPSILON: f32 = 1e-5;

impl TestLayer {
    fn new([hidden, inner, heads]: [usize; 3], rates: [f64; 3], device: &Device) -> Self {
        let tracked = device.is_autodiff();
        let mut rng = SmallRng::seed_from_u64(17);
        let mut vector = |length: usize, middle: f64| {
            let values = draw(&mut rng, length, 0.5);
            let values: Vec<f64> = values.iter().map(|value| value + middle).collect();
            on(&values, [length], device).set_require_grad(tracked)
        };
        let mut biases = [hidden, hidden, hidden, hidden, inner, hidden].map(|n| vector(n, 0.0));
        let norms = [0, 1].map(|_| [vector(hidden, 1.0), vector(hidden, 0.0)]);
        let mut rng = SmallRng::seed_from_u64(18);
        let shapes = [(hidden, hidden); 4];
        let mut shapes = shapes.into_iter().chain([(hidden, inner), (inner, hidden)]);
        let linears = std::array::from_fn(|i| {
            let (inputs, outputs) = shapes.next().expect("six shapes");
            let values = draw(&mut rng, inputs * outputs, 1.0 / (inputs as f64).sqrt());
            let weight = on(&values, [inputs, outputs], device).set_require_grad(tracked);
            let bias = std::mem::replace(&mut biases[i], Tensor::zeros([1], device));
            Linear {
                weight: Param::from_tensor(weight),
                bias: Some(Param::from_tensor(bias)),
            }
        });
        Self {
            linears,
            norms,
            heads,
            dropouts: rates.map(|rate| DropoutConfig::new(rate).init()),
        }
    }

    fn parts(&self) -> LayerParts<'_> {
        let [query, key, value, attended, inner, output] = &self.linears;
        let [attention_dropout, attended_dropout, output_dropout] = &self.dropouts;
        LayerParts {
            query,
            key,
            value,
            attended,
            attended_norm: self.norms[0].clone(),
            inner,
            output,
            output_norm: self.norms[1].clone(),
            heads: self.heads,
            epsilon: LAYER_EPSILON,
            attention_dropout,
            attended_dropout,
            output_dropout,
        }
    }

    /// The layer by burn's operations and gradients, but for what is dropped.
    fn by_burn(&self, x: Tensor<3>, lengths: &[usize]) -> Tensor<3> {
        let [_, rows, hidden] = x.dims();
        let linear = |place: usize, x: Tensor<2>| {
            let layer = &self.linears[place];
            let bias = layer.bias.as_ref().expect("it has one").val();
            x.matmul(layer.weight.val()) + bias.unsqueeze()
        };
        let norm = |place: usize, x: Tensor<2>| {
            let [gamma, beta] = self.norms[place].clone();
            let centred = x.clone() - x.mean_dim(1);
            let variance = centred.clone().square().mean_dim(1);
            centred / variance.add_scalar(LAYER_EPSILON).sqrt() * gamma.unsqueeze()
                + beta.unsqueeze()
        };
        let x = x.reshape([rows, hidden]);
        let [query, key, value] = [0, 1, 2].map(|place| linear(place, x.clone()));
        let mut begin = 0;
        let attended = lengths.iter().map(|&length| {
            let own = begin..begin + length;
            begin += length;
            let head = |x: &Tensor<2>| {
                let x = x.clone().slice([own.clone(), 0..hidden]);
                let shape = [1, length, self.heads, hidden / self.heads];
                x.reshape(shape).swap_dims(1, 2)
            };
            let scale = ((hidden / self.heads) as f64).sqrt();
            let scores = head(&query).matmul(head(&key).swap_dims(2, 3));
            let scores = burn::tensor::activation::softmax(scores.div_scalar(scale), 3);
            let scores = dropout(&self.dropouts[0], scores);
            let attended = scores.matmul(head(&value)).swap_dims(1, 2);
            attended.reshape([length, hidden])
        });
        let attended = linear(3, Tensor::cat(attended.collect(), 0));
        let x = norm(0, dropout(&self.dropouts[1], attended) + x);
        let inner = burn::tensor::activation::gelu(linear(4, x.clone()));
        let y = norm(1, dropout(&self.dropouts[2], linear(5, inner)) + x);
        y.reshape([1, rows, hidden])
    }

    /// Gradients of all parameters.
    fn gradients(&self, of: &burn::tensor::Gradients) -> Vec<Vec<f32>> {
        let linears = self.linears.iter().flat_map(|layer| {
            let bias = layer.bias.as_ref().expect("it has one").val();
            [
                layer.weight.val().grad(of).map(read),
                bias.grad(of).map(read),
            ]
        });
        let norms = self.norms.iter().flatten();
        linears
            .chain(norms.map(|vector| vector.grad(of).map(read)))
            .map(|gradient| gradient.expect("every parameter has a gradient"))
            .collect()
    }
}

/// Values and gradients of a layer in blocks are those of burn's operations, within
/// 1e-5 of the largest; with more columns than a panel has, fewer, and no multiple of
/// them, and rows for one task and for several.
#[test]
fn a_layer_in_blocks_is_that_of_burn() {
    let device = Device::flex().autodiff();
    let none = [0.0; 3];
    for (shape, lengths, rates) in [
        ([24, 40, 3], &[5, 1, 9][..], none),
        ([72, 130, 2], &[7, 120, 33], none),
        ([64, 128, 4], &[250, 3], [0.0, 0.3, 0.2]),
        ([32, 64, 2], &[19], [0.2, 0.1, 0.0]),
    ] {
        let layer = TestLayer::new(shape, rates, &device);
        let rows: usize = lengths.iter().sum();
        let mut rng = SmallRng::seed_from_u64(19);
        let [x, upstream] = [0, 1].map(|_| draw(&mut rng, rows * shape[0], 1.0));
        let run = |forward: &dyn Fn(Tensor<3>) -> Tensor<3>| {
            let x = on(&x, [1, rows, shape[0]], &device).require_grad();
            let y = with_seed(&device, 5, || forward(x.clone()));
            let sum = (y.clone() * on(&upstream, [1, rows, shape[0]], &device)).sum();
            let found = sum.backward();
            let mut all = layer.gradients(&found);
            all.push(read(x.grad(&found).expect("a gradient")));
            all.push(read(y));
            all
        };
        let blocks = LayerBlocks::new(layer.parts(), &lengths.into()).expect("there are biases");
        let found = run(&|x| blocks.forward(x));
        let expected = run(&|x| layer.by_burn(x, lengths));
        let largest = |values: &[f32]| values.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
        // A key's bias moves all scores alike: its gradient is 0 but for rounding.
        let scale = expected
            .iter()
            .map(|values| largest(values))
            .fold(0.0, f32::max);
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let off = difference(found, expected);
            assert!(
                off < 1e-5 * scale,
                "{shape:?}, {place}: off by {off} of {scale}"
            );
        }
        // Once more: nothing may depend on the threads.
        assert_eq!(found, run(&|x| blocks.forward(x)), "{shape:?}");
    }
}

/// A layer's blocks compute the same where no gradients are recorded.
#[test]
fn a_layer_in_blocks_is_the_same_without_training() {
    let (plain, autodiff) = (Device::flex(), Device::flex().autodiff());
    let lengths = [3, 8].into();
    let mut rng = SmallRng::seed_from_u64(20);
    let x = draw(&mut rng, 11 * 24, 1.0);
    let [found, expected] = [&plain, &autodiff].map(|device| {
        let layer = TestLayer::new([24, 40, 3], [0.0; 3], device);
        let blocks = LayerBlocks::new(layer.parts(), &lengths).expect("there are biases");
        read(blocks.forward(on(&x, [1, 11, 24], device)))
    });
    assert_eq!(found, expected);
}

#[test]
fn sequences_are_padded_with_zeros_and_gradients_of_padding_are_dropped() {
    let device = Device::flex().autodiff();
    let x = on(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 3, 2], &device).require_grad();
    let y = padded(x.clone(), &[1, 2].into(), 3);
    assert_eq!(
        read(y.clone()),
        [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0]
    );
    let upstream: Vec<f64> = (0..12).map(f64::from).collect();
    let found = (y * on(&upstream, [2, 3, 2], &device)).sum().backward();
    let gradient = read(x.grad(&found).expect("a gradient"));
    assert_eq!(gradient, [0.0, 1.0, 6.0, 7.0, 8.0, 9.0]);
}

/// What dropout lets pass it lets pass backwards, scaled alike, and another
/// seed lets pass something else.
#[test]
fn dropout_on_the_cpu_drops_the_same_both_ways() {
    let device = Device::flex().autodiff();
    let half = DropoutConfig::new(0.5).init();
    let ones = on(&[1.0; 4096], [4096], &device).require_grad();
    let mut kept = Vec::new();
    for seed in [1, 1, 2] {
        let y = with_seed(&device, seed, || dropout(&half, ones.clone()));
        let forward = read(y.clone());
        let gradients = y.sum().backward();
        assert_eq!(forward, read(ones.grad(&gradients).expect("a gradient")));
        kept.push(forward);
    }
    assert_eq!(kept[0], kept[1]);
    assert_ne!(kept[0], kept[2]);
    assert_eq!(read(dropout(&half, ones.inner())), [1.0; 4096]);
}

on_devices!(
    residual_layer_norm_gradients_are_central_differences,
    check_central_differences
);

/// A step against its definition in double precision; the longest parameter is
/// shared by the threads of a CPU.
fn check_adamw(device: &Device) {
    let mut rng = SmallRng::seed_from_u64(13);
    let rates = AdamwRates {
        beta_1: 0.9,
        beta_2: 0.999,
        rate: 2e-3,
        deviation: 0.07,
        epsilon: 1e-6,
        decay: 1e-4,
    };
    let wide = f64::from;
    for n in [1, 100, 70_001] {
        let [p, g, m] = [n; 3].map(|n| draw(&mut rng, n, 1.0));
        let v: Vec<f64> = m.iter().map(|m| m * m).collect();
        let factor = 0.25;
        let moments: Vec<f64> = m.iter().chain(&v).copied().collect();
        let (found, after) = adamw(
            on(&p, [n], device),
            on(&g, [n], device),
            on(&moments, [2 * n], device),
            on(&[factor], [1], device),
            rates,
        );
        let (found, after) = (read(found), read(after));
        assert_eq!((found.len(), after.len()), (n, 2 * n));
        for i in 0..n {
            let g = factor * g[i];
            let (beta_1, beta_2) = (wide(rates.beta_1), wide(rates.beta_2));
            let m = beta_1 * m[i] + (1.0 - beta_1) * g;
            let v = beta_2 * v[i] + (1.0 - beta_2) * g * g;
            let deviation = v.sqrt() / wide(rates.deviation) + wide(rates.epsilon);
            let change = wide(rates.decay) * p[i] + wide(rates.rate) * m / deviation;
            let off = [
                wide(found[i]) - (p[i] - change),
                wide(after[i]) - m,
                wide(after[n + i]) - v,
            ];
            assert!(
                off.iter().all(|off| off.abs() < 3e-7),
                "element {i} of {n} is off by {off:?}"
            );
        }
    }
}

on_devices!(a_step_of_adamw_is_exact, check_adamw);

/// Rows are judged by their bits, in single and, on a GPU, in half precision.
fn check_guard(device: &Device) {
    use burn::tensor::DType;
    let (rows, own, width) = (9, 130, 6);
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let mut x: Vec<f32> = (0..rows * own).map(|i| (i as f32).sin() * 1e4).collect();
    for (row, value) in bad.iter().enumerate() {
        x[3 * row * own + (row * 64 + 1) % own] = *value;
    }
    let y: Vec<f32> = (0..rows * width).map(|i| i as f32).collect();
    let tensor = |values: &[f32], width: usize| {
        Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, width]), device)
    };
    let mut types = vec![DType::F32];
    if device.clone() != Device::flex() && supports_half(device) {
        types.push(DType::F16);
    }
    for dtype in types {
        let found = guarded(tensor(&y, width).cast(dtype), tensor(&x, own).cast(dtype));
        let found = read(found.cast(DType::F32));
        for (row, (found, y)) in found.chunks(width).zip(y.chunks(width)).enumerate() {
            if row % 3 == 0 {
                assert!(
                    found.iter().all(|value| value.is_nan()),
                    "{dtype:?}, row {row}"
                );
            } else {
                assert_eq!(found, y, "{dtype:?}, row {row}");
            }
        }
    }
}
on_devices!(a_row_with_a_value_that_is_not_finite_is_nan, check_guard);

fn supports_half(device: &Device) -> bool {
    device.supports_dtype(burn::tensor::DType::F16)
}
