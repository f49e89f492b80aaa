// Exact GELU:
//
//   y = x Φ(x)
//
// One lane an element. Φ, the normal distribution, comes from the rational
// approximation 7.1.26 of Abramowitz & Stegun (1964), good to 1.5e-7.
// Twin: src/kernels/gelu.rs.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
// [elements]
@group(0) @binding(2) var<storage, read_write> shape: array<u32>;

@compute @workgroup_size(64, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * LANES + lane;
    if i >= shape[0] {
        return;
    }
    let value = x[i];
    let size = abs(value) * 0.70710678;
    let t = 1.0 / (1.0 + 0.3275911 * size);
    let p = ((((1.0614054 * t - 1.453152) * t + 1.4214137) * t - 0.28449674) * t + 0.2548296) * t;
    let tail = 0.5 * p * exp(-size * size);
    y[i] = value * select(1.0 - tail, tail, value < 0.0);
}
