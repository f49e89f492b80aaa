// The sum over a workgroup of LANES lanes of values of the type Sum, both of
// which the kernel declares.

var<workgroup> partial: array<Sum, LANES>;

fn total(lane: u32, value: Sum) -> Sum {
    partial[lane] = value;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step = step / 2u) {
        if lane < step {
            partial[lane] += partial[lane + step];
        }
        workgroupBarrier();
    }
    let sum = partial[0];
    // Nobody may overwrite `partial` before all have read it.
    workgroupBarrier();
    return sum;
}
