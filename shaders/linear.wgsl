// Products of matrices, for linear layers and their gradients: y [shares, m, n].
//
//   y[s, i, j] = sum over the k of share s of a(i, k) b(k, j)  (+ bias[j])
//
// a is m by k and b k by n, each of them or its transpose lying row after row:
// x W + b, g Wᵀ and xᵀ g are all of this form. The steps over k are split into
// shares where m and n alone would not fill a GPU; the caller adds these up.
//
// A workgroup takes a tile of 64 by 64 and walks along k in steps of 16, whose
// parts of a and b it first brings into its own memory; a lane keeps 8 by 8 sums.
// There a row of 16 groups of 4 is a group longer, so that lanes that write
// columns do not wait for one another. Twin: src/kernels/linear.rs.

const TILE: u32 = 64u;
const STEP: u32 = 16u;
const STRIDE: u32 = 17u;

@group(0) @binding(0) var<storage, read_write> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
// [m, n, k, whether a is stored as its transpose, whether b is, whether there
// is a bias, steps over k a share]
@group(0) @binding(4) var<storage, read_write> shape: array<u32>;

var<workgroup> tile_a: array<vec4<f32>, 272>;
var<workgroup> tile_b: array<vec4<f32>, 272>;
// Where a share begins and ends. All lanes must walk as far, which browsers
// believe of a value from here alone.
var<workgroup> walk: vec2<u32>;

// A matrix as it lies in memory: elements between (i, k) and (i + 1, k), and
// between (i, k) and (i, k + 1); within which both are.
struct Matrix {
    down: u32,
    across: u32,
    rows: u32,
    columns: u32,
}

const BESIDE: vec4<u32> = vec4(0u, 1u, 2u, 3u);

// The places of the 4 elements beside (i, k) along i, or of the nearest there are.
fn places(matrix: Matrix, i: u32, k: u32) -> vec4<u32> {
    let rows = min(i + BESIDE, vec4(matrix.rows - 1u));
    return rows * matrix.down + min(k, matrix.columns - 1u) * matrix.across;
}

// What was found there, 0 outside.
fn inside(matrix: Matrix, i: u32, k: u32, found: vec4<f32>) -> vec4<f32> {
    let rows = i + BESIDE < vec4(matrix.rows);
    return select(vec4<f32>(), found, rows & vec4(k < matrix.columns));
}

// 4 elements of a beside (i, k) along i, 0 outside.
fn of_a(matrix: Matrix, i: u32, k: u32) -> vec4<f32> {
    let at = places(matrix, i, k);
    return inside(matrix, i, k, vec4(a[at.x], a[at.y], a[at.z], a[at.w]));
}

// 4 elements of the transpose of b beside (j, k) along j, 0 outside.
fn of_b(matrix: Matrix, j: u32, k: u32) -> vec4<f32> {
    let at = places(matrix, j, k);
    return inside(matrix, j, k, vec4(b[at.x], b[at.y], b[at.z], b[at.w]));
}

fn put(share: u32, i: u32, j: u32, sums: vec4<f32>) {
    let m = shape[0];
    let n = shape[1];
    if i >= m {
        return;
    }
    let place = (share * m + i) * n;
    for (var q = 0u; q < 4u; q++) {
        if j + q < n {
            var sum = sums[q];
            if shape[5] == 1u {
                sum += bias[j + q];
            }
            y[place + j + q] = sum;
        }
    }
}

// Both halves of a lane's row.
fn put_row(share: u32, i: u32, j: u32, left: vec4<f32>, right: vec4<f32>) {
    put(share, i, j, left);
    put(share, i, j + TILE / 2u, right);
}

@compute @workgroup_size(64, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_i = group.x * TILE;
    let first_j = group.y * TILE;
    let share = group.z;
    if lane == 0u {
        let begin = share * shape[6] * STEP;
        walk = vec2(begin, min(begin + shape[6] * STEP, shape[2]));
    }
    let share_of_k = workgroupUniformLoad(&walk);
    let end = share_of_k.y;
    // Lanes beside each other read elements beside each other: along k where
    // that is how the matrix lies, and across it where it is not.
    let a_across = shape[3] == 1u;
    let b_across = shape[4] == 0u;
    var matrix_a = Matrix(shape[2], 1u, shape[0], end);
    if a_across {
        matrix_a = Matrix(1u, shape[0], shape[0], end);
    }
    var matrix_b = Matrix(shape[2], 1u, shape[1], end);
    if b_across {
        matrix_b = Matrix(1u, shape[1], shape[1], end);
    }
    let low = lane % 16u;
    let high = lane / 16u;
    let across = lane % 8u;
    let down = lane / 8u;
    var c0l = vec4<f32>();
    var c0r = vec4<f32>();
    var c1l = vec4<f32>();
    var c1r = vec4<f32>();
    var c2l = vec4<f32>();
    var c2r = vec4<f32>();
    var c3l = vec4<f32>();
    var c3r = vec4<f32>();
    var c4l = vec4<f32>();
    var c4r = vec4<f32>();
    var c5l = vec4<f32>();
    var c5r = vec4<f32>();
    var c6l = vec4<f32>();
    var c6r = vec4<f32>();
    var c7l = vec4<f32>();
    var c7r = vec4<f32>();
    for (var k = share_of_k.x; k < end; k += STEP) {
        for (var part = 0u; part < 16u; part += 4u) {
            let a_k = select(low, high + part, a_across);
            let a_i = select(high + part, low, a_across);
            tile_a[a_k * STRIDE + a_i] = of_a(matrix_a, first_i + 4u * a_i, k + a_k);
            let b_k = select(low, high + part, b_across);
            let b_j = select(high + part, low, b_across);
            tile_b[b_k * STRIDE + b_j] = of_b(matrix_b, first_j + 4u * b_j, k + b_k);
        }
        workgroupBarrier();
        for (var step = 0u; step < STEP; step++) {
            let a0 = tile_a[step * STRIDE + down];
            let a1 = tile_a[step * STRIDE + 8u + down];
            let b0 = tile_b[step * STRIDE + across];
            let b1 = tile_b[step * STRIDE + 8u + across];
            c0l = fma(vec4(a0.x), b0, c0l);
            c0r = fma(vec4(a0.x), b1, c0r);
            c1l = fma(vec4(a0.y), b0, c1l);
            c1r = fma(vec4(a0.y), b1, c1r);
            c2l = fma(vec4(a0.z), b0, c2l);
            c2r = fma(vec4(a0.z), b1, c2r);
            c3l = fma(vec4(a0.w), b0, c3l);
            c3r = fma(vec4(a0.w), b1, c3r);
            c4l = fma(vec4(a1.x), b0, c4l);
            c4r = fma(vec4(a1.x), b1, c4r);
            c5l = fma(vec4(a1.y), b0, c5l);
            c5r = fma(vec4(a1.y), b1, c5r);
            c6l = fma(vec4(a1.z), b0, c6l);
            c6r = fma(vec4(a1.z), b1, c6r);
            c7l = fma(vec4(a1.w), b0, c7l);
            c7r = fma(vec4(a1.w), b1, c7r);
        }
        workgroupBarrier();
    }
    let i = first_i + 4u * down;
    let j = first_j + 4u * across;
    put_row(share, i, j, c0l, c0r);
    put_row(share, i + 1u, j, c1l, c1r);
    put_row(share, i + 2u, j, c2l, c2r);
    put_row(share, i + 3u, j, c3l, c3r);
    put_row(share, i + 32u, j, c4l, c4r);
    put_row(share, i + 33u, j, c5l, c5r);
    put_row(share, i + 34u, j, c6l, c6r);
    put_row(share, i + 35u, j, c7l, c7r);
}
