// Residual + LayerNorm over the last axis:
//
//   y = (s - mean(s)) / sqrt(var(s) + epsilon) * gamma + beta,   s = x + residual
//
// One workgroup a row. The variance is taken about the mean in a second pass:
// a single pass over squares loses all digits when the mean is large.
// Twin: src/kernels/residual_layer_norm.rs.

const LANES: u32 = 64u;

// Storage is declared read_write throughout because native buffers are
// slices of one allocation, which may not be bound both ways at once.
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> residual: array<f32>;
@group(0) @binding(2) var<storage, read_write> gamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
// [rows, width, bits of epsilon]
@group(0) @binding(5) var<storage, read_write> shape: array<u32>;

// What shared/total.wgsl adds up.
alias Sum = f32;

@compute @workgroup_size(64, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.y * groups.x + group.x;
    let width = shape[1];
    let epsilon = bitcast<f32>(shape[2]);
    // A row past the end still takes part in the barriers, on row 0.
    let inside = row < shape[0];
    let start = select(0u, row * width, inside);

    var sum = 0.0;
    for (var i = lane; i < width; i += LANES) {
        sum += x[start + i] + residual[start + i];
    }
    let mean = total(lane, sum) / f32(width);

    var squares = 0.0;
    for (var i = lane; i < width; i += LANES) {
        let centred = x[start + i] + residual[start + i] - mean;
        squares += centred * centred;
    }
    let inverse_deviation = inverseSqrt(total(lane, squares) / f32(width) + epsilon);

    if inside {
        for (var i = lane; i < width; i += LANES) {
            let centred = x[start + i] + residual[start + i] - mean;
            y[start + i] = centred * inverse_deviation * gamma[i] + beta[i];
        }
    }
}
