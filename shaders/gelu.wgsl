// Exact GELU:
//
//   y = x Φ(x)
//
// One lane an element; Φ is that of shared/normal.wgsl.
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
    // One that is not finite comes back: infinity times 0 is left open.
    let finite = (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
    y[i] = select(value, value * normal(value).x, finite);
}
