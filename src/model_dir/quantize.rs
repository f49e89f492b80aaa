//! The types that weights are stored in.

/// The type in which weights are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    Fp32,
    /// 16-bit floats: half the size; values round to 11 significant bits.
    Fp16,
    /// 8-bit integers for matrices, a quarter of the size: row `r` (an output
    /// channel, or the embedding of a token) is stored as `round(w / s)` in
    /// -127 to 127, with its own scale `s = max |w| / 127` in `NAME.scale`
    /// (fp32). Vectors stay in fp32. Computed with as fp32 once read.
    Int8,
}

impl Precision {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
}

/// What ends the name of the scales of an int8 matrix.
pub(super) const SCALE: &str = ".scale";

/// The rows of a matrix in int8, and their scales; see [`Precision::Int8`].
pub(super) fn quantize(values: &[f32], columns: usize) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len() / columns.max(1));
    for row in values.chunks_exact(columns.max(1)) {
        let largest = row.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        let scale = largest / 127.0;
        scales.push(scale);
        bytes.extend(row.iter().map(|value| {
            // A row of zeros, or one too small for a scale of its own.
            let step = if scale > 0.0 { value / scale } else { 0.0 };
            // Casting saturates, and rounding leaves -127 to 127.
            (step.round() as i8).cast_unsigned()
        }));
    }
    (bytes, scales)
}
