//! What the kernels on a CPU share: the widest vector instructions of the
//! processor, work spread over threads, and functions that vectorise.

/// Runs `f` compiled for the widest vector instructions that the processor
/// has. What `f` calls takes part where it is inlined, so `f` should be a
/// closure marked `inline(always)`, around functions marked likewise.
#[inline(always)]
pub(crate) fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// Elements a thread takes at a time: smaller tasks cost more than they gain.
pub(super) const TASK: usize = 1 << 15;

/// Calls `f(task, chunk)` for every chunk of `size` elements of `y`, on all
/// threads where there are several.
pub(super) fn for_each_chunk(y: &mut [f32], size: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    for_each_chunks([y], [size], |task, [chunk]| f(task, chunk));
}

/// The same for several slices side by side, each with its own size of chunk,
/// as many chunks as the first has.
pub(super) fn for_each_chunks<const N: usize>(
    ys: [&mut [f32]; N],
    sizes: [usize; N],
    f: impl Fn(usize, [&mut [f32]; N]) + Sync,
) {
    for_each_part(ys, |_| sizes.map(|size| size.max(1)), f);
}

/// The same with chunks of different sizes: `sizes` says those of a task. The first
/// slice must not be empty before the last task.
pub(super) fn for_each_part<const N: usize>(
    ys: [&mut [f32]; N],
    sizes: impl Fn(usize) -> [usize; N],
    f: impl Fn(usize, [&mut [f32]; N]) + Sync,
) {
    let mut index = 0;
    let mut rests = ys.map(Some);
    let next = || {
        let first = rests.first().and_then(Option::as_ref);
        if first.is_none_or(|rest| rest.is_empty()) {
            return None;
        }
        let sizes = sizes(index);
        let chunks = std::array::from_fn(|i| {
            let rest = rests[i].take().unwrap_or_default();
            let (chunk, rest) = rest.split_at_mut(sizes[i].min(rest.len()));
            rests[i] = Some(rest);
            chunk
        });
        index += 1;
        Some((index - 1, chunks))
    };
    let tasks = std::iter::from_fn(next);
    #[cfg(not(target_family = "wasm"))]
    {
        use rayon::prelude::*;
        let mut tasks: Vec<_> = tasks.collect();
        if tasks.len() > 1 {
            tasks
                .into_par_iter()
                .for_each(|(task, chunks)| f(task, chunks));
        } else if let Some((task, chunks)) = tasks.pop() {
            f(task, chunks);
        }
    }
    #[cfg(target_family = "wasm")]
    for (task, chunks) in tasks {
        f(task, chunks);
    }
}

/// The part of `x` that chunk `task` of `size` elements stands for.
#[inline(always)]
pub(super) fn chunk(x: &[f32], size: usize, task: usize) -> &[f32] {
    let start = (task * size).min(x.len());
    &x[start..(start + size).min(x.len())]
}

/// Partial results kept side by side, so that the compiler may use vector
/// instructions without being allowed to reorder float additions.
pub(super) const LANES: usize = 16;

/// Sums `f(i)` over `0..n`.
#[inline(always)]
pub(super) fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += f(start + lane);
        }
    }
    let tail: f32 = (whole..n).map(&f).sum();
    lanes.iter().sum::<f32>() + tail
}

/// The largest of `values`; minus infinity of none.
#[inline(always)]
pub(super) fn largest(values: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, tail) = values.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = greater(*lane, value);
        }
    }
    let all = lanes.iter().chain(tail);
    all.fold(f32::NEG_INFINITY, |a, &b| greater(a, b))
}

/// `e^x` within 2 units in the last place, without a branch or a table.
///
/// Range reduction to `|r| <= ln 2 / 2` and the Taylor polynomial of degree 7,
/// whose remainder there is below 6e-9. Below -87 the result is about 1e-38
/// where it should be smaller still; above 88 it is about 1e38.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 · 2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first with few bits, so that n times it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut p = 1.0 / 5040.0;
    for coefficient in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = p * r + coefficient;
    }
    p * f32::from_bits((((n as i32) + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_double_precision() {
        for i in -8700..=8800 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            let off = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(off < 2.5e-7, "exp({x}) is off by {off}");
        }
        assert!(exp(-1e30) < 2e-38 && exp(-1e30) >= 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sums_and_maxima_count_every_element_once() {
        for n in [0, 1, 15, 16, 17, 100] {
            let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let expected: f32 = values.iter().sum();
            assert_eq!(sum(n, |i| values[i]), expected);
            let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(largest(&values), most);
        }
    }

    #[test]
    fn chunks_cover_everything_in_place() {
        let mut y = vec![0.0; 100];
        let x: Vec<f32> = (0..100).map(|i| i as f32).collect();
        for_each_chunk(&mut y, 7, |task, y| y.copy_from_slice(chunk(&x, 7, task)));
        assert_eq!(x, y);
    }
}
