//! A step of AdamW on slices: the twin of `shaders/adamw.wgsl`.

/// The numbers of one step of AdamW (Loshchilov & Hutter 2019, algorithm 2), with
/// the corrections of the moments' bias in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AdamwRates {
    /// Decay of the first moment.
    pub(crate) beta_1: f32,
    /// Decay of the second moment.
    pub(crate) beta_2: f32,
    /// The learning rate over `1 - beta_1^t`.
    pub(crate) rate: f32,
    /// The square root of `1 - beta_2^t`.
    pub(crate) deviation: f32,
    /// Added to the deviation of a gradient.
    pub(crate) epsilon: f32,
    /// What a parameter loses of itself: learning rate times weight decay.
    pub(crate) decay: f32,
}

/// Writes the parameter `p` and the moments `m`, `v` of its gradient `g` after a
/// step. All have one length.
#[inline(always)]
pub(super) fn adamw(
    [p, g, m, v]: [&[f32]; 4],
    factor: f32,
    rates: AdamwRates,
    [p_after, m_after, v_after]: [&mut [f32]; 3],
) {
    let n = p_after.len();
    let (p, g, m, v) = (&p[..n], &g[..n], &m[..n], &v[..n]);
    let (m_after, v_after) = (&mut m_after[..n], &mut v_after[..n]);
    let AdamwRates {
        beta_1,
        beta_2,
        rate,
        deviation,
        epsilon,
        decay,
    } = rates;
    for i in 0..n {
        let gradient = factor * g[i];
        let first = beta_1 * m[i] + (1.0 - beta_1) * gradient;
        let second = beta_2 * v[i] + (1.0 - beta_2) * gradient * gradient;
        m_after[i] = first;
        v_after[i] = second;
        p_after[i] = p[i] - (decay * p[i] + rate * first / (second.sqrt() / deviation + epsilon));
    }
}
