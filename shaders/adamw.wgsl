// One step of AdamW (Loshchilov & Hutter 2019, algorithm 2) on a parameter p of
// n elements, with m and v the moments of its gradient g:
//
//   g' = factor * g
//   m' = beta_1 * m + (1 - beta_1) * g'
//   v' = beta_2 * v + (1 - beta_2) * g' * g'
//   p' = p - (decay * p + rate * m' / (sqrt(v') / deviation + epsilon))
//
// rate and deviation hold the corrections of the moments' bias. A lane takes one
// element. Twin: src/kernels/adamw.rs.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> p: array<f32>;
@group(0) @binding(1) var<storage, read_write> g: array<f32>;
// m, then v: [2, n]
@group(0) @binding(2) var<storage, read_write> moments: array<f32>;
@group(0) @binding(3) var<storage, read_write> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> p_after: array<f32>;
@group(0) @binding(5) var<storage, read_write> moments_after: array<f32>;
// n, then the bits of beta_1, beta_2, rate, deviation, epsilon, decay
@group(0) @binding(6) var<storage, read_write> shape: array<u32>;

@compute @workgroup_size(64, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = shape[0];
    let i = (group.y * groups.x + group.x) * LANES + lane;
    if i >= n {
        return;
    }
    let beta_1 = bitcast<f32>(shape[1]);
    let beta_2 = bitcast<f32>(shape[2]);
    let rate = bitcast<f32>(shape[3]);
    let deviation = bitcast<f32>(shape[4]);
    let epsilon = bitcast<f32>(shape[5]);
    let decay = bitcast<f32>(shape[6]);
    let gradient = factor[0] * g[i];
    let m = beta_1 * moments[i] + (1.0 - beta_1) * gradient;
    let v = beta_2 * moments[n + i] + (1.0 - beta_2) * gradient * gradient;
    moments_after[i] = m;
    moments_after[n + i] = v;
    p_after[i] = p[i] - (decay * p[i] + rate * m / (sqrt(v) / deviation + epsilon));
}
