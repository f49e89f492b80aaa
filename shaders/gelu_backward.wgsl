// Gradient of exact GELU:
//
//   x_gradient = g (Φ(x) + x φ(x))
//
// One lane an element; Φ is that of shared/normal.wgsl, φ its density.
// Twin: src/kernels/gelu.rs.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> x_gradient: array<f32>;
// [elements]
@group(0) @binding(3) var<storage, read_write> shape: array<u32>;

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
    let normal = normal(value);
    x_gradient[i] = g[i] * (normal.x + value * normal.y * 0.3989423);
}
