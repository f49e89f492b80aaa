// Sums of the rows of x [rows, width], by share: sums [shares, width].
//
//   sums[s] = sum over rows r with r / rows_a_share = s of x[r]
//
// A workgroup takes 64 columns of one share, a lane one column, so that lanes
// beside each other read elements beside each other. The caller adds the shares
// up by a second pass. Twin: src/kernels/sum_of_rows.rs.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
// [rows, width, rows_a_share]
@group(0) @binding(2) var<storage, read_write> shape: array<u32>;

@compute @workgroup_size(64, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = shape[0];
    let width = shape[1];
    let rows_a_share = shape[2];
    let column = group.x * LANES + lane;
    if column >= width {
        return;
    }
    let first = group.y * rows_a_share;
    let end = min(first + rows_a_share, rows);
    var sum = 0.0;
    for (var row = first; row < end; row++) {
        sum += x[row * width + column];
    }
    sums[group.y * width + column] = sum;
}
