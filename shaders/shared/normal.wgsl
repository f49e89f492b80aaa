// The normal distribution Φ(x), and exp(-x²/2), of which its density is
// 0.3989423.
//
// Φ comes from the rational approximation 7.1.26 of Abramowitz & Stegun (1964),
// good to 1.5e-7. Twin: src/kernels/gelu.rs.

fn normal(x: f32) -> vec2<f32> {
    let size = abs(x) * 0.70710678;
    let t = 1.0 / (1.0 + 0.3275911 * size);
    let p = ((((1.0614054 * t - 1.453152) * t + 1.4214137) * t - 0.28449674) * t + 0.2548296) * t;
    let bell = exp(-size * size);
    let tail = 0.5 * p * bell;
    return vec2<f32>(select(1.0 - tail, tail, x < 0.0), bell);
}
