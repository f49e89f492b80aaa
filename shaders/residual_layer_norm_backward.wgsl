// Gradients of residual + LayerNorm (see residual_layer_norm.wgsl), with
// h = (s - mean) / deviation and g the gradient of y:
//
//   ds     = (g*gamma - mean(g*gamma) - h * mean(g*gamma * h)) / deviation
//   dgamma = sum over rows of g * h
//   dbeta  = sum over rows of g
//
// `ds` is the gradient of x and of residual alike. One workgroup takes
// `rows_a_group` rows one after the other and leaves its share of dgamma and
// dbeta in `shares` [groups, 2, width]; the caller adds the shares up.
// Twin: src/kernels/residual_layer_norm.rs.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> residual: array<f32>;
@group(0) @binding(2) var<storage, read_write> gamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> ds: array<f32>;
@group(0) @binding(5) var<storage, read_write> shares: array<f32>;
// [rows, width, bits of epsilon, rows_a_group]
@group(0) @binding(6) var<storage, read_write> shape: array<u32>;

// What shared/total.wgsl adds up.
alias Sum = vec2<f32>;
// Read through the workgroup, so that the loop around the barriers is seen to
// be the same for all lanes.
var<workgroup> rows_a_group: u32;

@compute @workgroup_size(64, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = shape[0];
    let width = shape[1];
    let epsilon = bitcast<f32>(shape[2]);
    let gamma_share = 2u * group.x * width;
    let beta_share = gamma_share + width;
    let scale = 1.0 / f32(width);

    // Each lane owns its columns of the shares, so no barrier guards them.
    for (var i = lane; i < width; i += LANES) {
        shares[gamma_share + i] = 0.0;
        shares[beta_share + i] = 0.0;
    }

    if lane == 0u {
        rows_a_group = shape[3];
    }
    let own_rows = workgroupUniformLoad(&rows_a_group);
    for (var n = 0u; n < own_rows; n++) {
        let row = group.x * own_rows + n;
        let inside = row < rows;
        let start = select(0u, row * width, inside);

        var sum = 0.0;
        for (var i = lane; i < width; i += LANES) {
            sum += x[start + i] + residual[start + i];
        }
        let mean = total(lane, vec2<f32>(sum, 0.0)).x * scale;

        var squares = 0.0;
        for (var i = lane; i < width; i += LANES) {
            let centred = x[start + i] + residual[start + i] - mean;
            squares += centred * centred;
        }
        let inverse_deviation =
            inverseSqrt(total(lane, vec2<f32>(squares, 0.0)).x * scale + epsilon);

        var moments = vec2<f32>(0.0, 0.0);
        for (var i = lane; i < width; i += LANES) {
            let h = (x[start + i] + residual[start + i] - mean) * inverse_deviation;
            let weighted = g[start + i] * gamma[i];
            moments += vec2<f32>(weighted, weighted * h);
        }
        let means = total(lane, moments) * scale;

        if inside {
            for (var i = lane; i < width; i += LANES) {
                let h = (x[start + i] + residual[start + i] - mean) * inverse_deviation;
                let upstream = g[start + i];
                ds[start + i] =
                    (upstream * gamma[i] - means.x - h * means.y) * inverse_deviation;
                shares[gamma_share + i] += upstream * h;
                shares[beta_share + i] += upstream;
            }
        }
    }
}
