//! The encoder against PyTorch and `transformers`: the golden files of
//! `tests/golden`, made by `encoder.py` there.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Batch, Encoder, EncoderConfig, Parameters, Stored};
use crate::kernels::residual_layer_norm;
use crate::model_dir::encoder_from_safetensors;
use crate::reference_tests::{Golden, difference, golden, gpu, largest, on_devices, read};

fn batch(golden: &Golden, device: &Device) -> Batch {
    Batch {
        ids: golden.tensor::<2>("input/ids", device).int(),
        mask: golden.tensor("input/mask", device),
        token_types: Some(golden.tensor::<2>("input/token_types", device).int()),
        wide: None,
    }
}

const CONFIGURATIONS: [&str; 3] = [
    "bert-tiny.safetensors",
    "albert-tiny.safetensors",
    "albert-odd.safetensors",
];

fn check_hidden_states(device: &Device, tolerance: f32) {
    for name in CONFIGURATIONS {
        let golden = golden(name);
        let config: EncoderConfig = golden.json("config");
        let encoder = encoder_from_safetensors(&golden.bytes, "weights/", &config, device)
            .expect("the golden weights fit their configuration");
        let encoded = encoder.forward(&batch(&golden, device));
        assert_eq!(encoded.hidden_states.len(), config.num_hidden_layers + 1);
        for (index, state) in encoded.hidden_states.into_iter().enumerate() {
            let off = difference(
                &read(state),
                golden.values(&format!("output/hidden.{index}")),
            );
            assert!(
                off < tolerance,
                "{name}: hidden state {index} is off by {off}"
            );
        }
        let off = difference(&read(encoded.pooled), golden.values("output/pooled"));
        assert!(off < tolerance, "{name}: the pooled output is off by {off}");
        let alone = read(encoder.pool(&batch(&golden, device)));
        let off = difference(&alone, golden.values("output/pooled"));
        assert!(off < tolerance, "{name}: pooled alone it is off by {off}");
    }
}

on_devices!(
    hidden_states_are_those_of_transformers,
    check_hidden_states,
    1e-5,
    1e-4
);

#[cfg(feature = "train")]
fn check_gradients(device: &Device, tolerance: f32) {
    use super::parameters::StoredParameter;

    let device = device.clone().autodiff();
    for name in CONFIGURATIONS {
        let golden = golden(name);
        let config: EncoderConfig = golden.json("config");
        let encoder: Encoder =
            encoder_from_safetensors(&golden.bytes, "weights/", &config, &device)
                .expect("the golden weights fit their configuration");
        let encoded = encoder.forward(&batch(&golden, &device));
        let last = encoded.hidden_states.last().cloned().expect("a last state");
        let mask = golden
            .tensor::<2>("input/mask", &device)
            .unsqueeze_dim::<3>(2);
        let loss = (encoded.pooled * golden.tensor("loss/R", &device)).sum()
            + (last * mask * golden.tensor("loss/Q", &device)).sum();
        let value = read(loss.clone())[0];
        let expected = golden.values("loss/value")[0];
        assert!(
            (value - expected).abs() < tolerance * expected.abs().max(10.0),
            "{name}: the loss is {value}, PyTorch's {expected}"
        );
        let gradients = loss.backward();
        let mut stored = Stored::default();
        encoder.store(&config, &mut stored);
        let scale = stored
            .0
            .iter()
            .map(|p| largest(golden.values(&format!("grad/{}", p.name))))
            .fold(0.0, f32::max);
        let of = |parameter: &StoredParameter<'_>| parameter.gradient(&gradients);
        for parameter in &stored.0 {
            let gradient = of(parameter).unwrap_or_else(|| panic!("{} has none", parameter.name));
            let off = difference(
                &gradient,
                golden.values(&format!("grad/{}", parameter.name)),
            );
            assert!(
                off < tolerance * scale,
                "{name}: the gradient of {} is off by {off}, the largest is {scale}",
                parameter.name
            );
        }
    }
}

#[cfg(feature = "train")]
on_devices!(gradients_are_those_of_pytorch, check_gradients, 1e-5, 1e-4);

const NORM_CASES: [(&str, f32); 5] = [
    ("5x7x32", 1e-5),
    // One row has a variance near the epsilons, and with it large gradients.
    ("2x3x33", 1e-5),
    ("1x1x768", 1e-5),
    ("3x5x256", 1e-5),
    // Rows about ±1000 with a deviation of 0.1: a variance taken in one pass
    // would be off by orders of magnitude.
    ("offset", 1e-2),
];

fn check_residual_layer_norm(device: &Device) {
    let golden = golden("layer_norm.safetensors");
    for (case, tolerance) in NORM_CASES {
        for (name, epsilon) in [("1e-12", 1e-12), ("1e-5", 1e-5)] {
            let input = |part: &str| golden.tensor::<3>(&format!("{case}/{part}"), device);
            let vector = |part: &str| golden.tensor::<1>(&format!("{case}/{part}"), device);
            let y = residual_layer_norm(
                input("x"),
                input("residual"),
                vector("gamma"),
                vector("beta"),
                epsilon,
            );
            let precise = format!("{case}/{name}/float64/output");
            let rounded = format!("{case}/{name}/output");
            let expected = if golden.tensors.contains_key(&precise) {
                golden.values(&precise)
            } else {
                golden.values(&rounded)
            };
            let off = difference(&read(y), expected);
            assert!(off < tolerance, "{case}, epsilon {name}: off by {off}");
        }
    }
}

on_devices!(residual_layer_norm_is_pytorchs, check_residual_layer_norm);

#[cfg(feature = "train")]
fn check_residual_layer_norm_gradients(device: &Device) {
    let device = device.clone().autodiff();
    let golden = golden("layer_norm.safetensors");
    for (case, tolerance) in NORM_CASES {
        for (name, epsilon) in [("1e-12", 1e-12), ("1e-5", 1e-5)] {
            let input = |part: &str| {
                golden
                    .tensor::<3>(&format!("{case}/{part}"), &device)
                    .require_grad()
            };
            let vector = |part: &str| {
                golden
                    .tensor::<1>(&format!("{case}/{part}"), &device)
                    .require_grad()
            };
            let (x, residual) = (input("x"), input("residual"));
            let (gamma, beta) = (vector("gamma"), vector("beta"));
            let y = residual_layer_norm(
                x.clone(),
                residual.clone(),
                gamma.clone(),
                beta.clone(),
                epsilon,
            );
            let upstream = golden.tensor::<3>(&format!("{case}/upstream"), &device);
            let gradients = (y * upstream).sum().backward();
            let found = [
                ("grad_x", x.grad(&gradients).map(read)),
                ("grad_residual", residual.grad(&gradients).map(read)),
                ("grad_gamma", gamma.grad(&gradients).map(read)),
                ("grad_beta", beta.grad(&gradients).map(read)),
            ];
            for (part, gradient) in found {
                let gradient = gradient.unwrap_or_else(|| panic!("{part} is absent"));
                let expected = golden.values(&format!("{case}/{name}/{part}"));
                let off = difference(&gradient, expected);
                let bound = tolerance * largest(expected).max(1.0);
                assert!(
                    off < bound,
                    "{case}, epsilon {name}: {part} is off by {off}"
                );
            }
        }
    }
}

#[cfg(feature = "train")]
on_devices!(
    residual_layer_norm_gradients_are_pytorchs,
    check_residual_layer_norm_gradients
);

#[test]
#[ignore = "needs a GPU adapter"]
fn one_tensor_may_be_both_summands_on_wgpu() {
    let values: Vec<f32> = (0..96).map(|i| ((i * 37) % 11) as f32 - 4.0).collect();
    let run = |device: &Device| {
        let x = Tensor::<2>::from_data(TensorData::new(values.clone(), [3, 32]), device);
        let ones = Tensor::<1>::ones([32], device);
        read(residual_layer_norm(x.clone(), x, ones.clone(), ones, 1e-12))
    };
    let off = difference(&run(&gpu()), &run(&Device::flex()));
    assert!(off < 1e-5, "off by {off}");
}
