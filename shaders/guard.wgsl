// The rows of y [rows, width], with NaN throughout where the same row of x
// [rows, own width] holds a value that is not finite.
//
// What comes of a NaN in a maximum, an exponential or a tanh is left open, and
// software adapters make plausible numbers of it. So it is judged by the bits: a
// number is not finite where all bits of its exponent are set. Buffers are read as
// words, of one number in single precision or two in half. One workgroup a row.
// Twin: src/kernels/guard.rs.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<storage, read_write> guarded: array<u32>;
// [rows, words of a row of x, words of a row of y, bits of the exponent of a
// word's first number, those of its last, a word of NaN]
@group(0) @binding(3) var<storage, read_write> shape: array<u32>;

// What shared/total.wgsl adds up.
alias Sum = u32;

@compute @workgroup_size(64, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.y * groups.x + group.x;
    // A row past the end still takes part in the barriers, on row 0.
    let inside = row < shape[0];
    let own = shape[1];
    let width = shape[2];
    let first = shape[3];
    let last = shape[4];
    let start = select(0u, row * own, inside);

    var flaws = 0u;
    for (var i = lane; i < own; i += LANES) {
        let word = x[start + i];
        if (word & first) == first || (word & last) == last {
            flaws = 1u;
        }
    }
    let flawed = total(lane, flaws) > 0u;

    if inside {
        for (var i = lane; i < width; i += LANES) {
            guarded[row * width + i] = select(y[row * width + i], shape[5], flawed);
        }
    }
}
