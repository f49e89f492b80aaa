//! The encoder's inference in 8-bit integers, on a CPU.
//!
//! ```text
//! y = s (x_q - z) W_q t + b,   x ≈ s (x_q - z),   W ≈ W_q t
//! ```
//!
//! for every linear layer of the encoder but the pooler: `W_q` is rounded to -127..127
//! once, with a scale `t` for each output, and the rows `x` to 0..255 as they come, with
//! a scale `s` for each token. The products are sums of 32 bits, which do not overflow,
//! and therefore the same with whatever instructions and in whatever order. All that
//! lies between the products (LayerNorm, GELU, softmax, scales) is single precision.
//!
//! - `tile`: the product of a few rows and 64 columns, by the best instructions that
//!   the processor has; `x86`, `aarch64`, `wasm32` and `relaxed`: those instructions
//! - `packed`: matrices in the order in which a tile reads them
//! - `rows`: what happens to rows between the products
//! - `attention`: the heads of one molecule
//! - `encoder`: all of it
//! - `head`: the endpoint head with wide inputs, in single precision; `compact`: its
//!   layers, in as little memory as their file
//!
//! Molecules lie one behind the other without padding. Nothing of one enters into
//! another, and no scale is shared between molecules: a molecule gives the same bits
//! whatever its neighbours, its place and the number of threads are.

#[cfg(target_arch = "aarch64")]
#[allow(
    unsafe_code,
    reason = "loads, stores and functions for processors that have the instructions"
)]
mod aarch64;
mod attention;
mod compact;
mod encoder;
mod head;
mod packed;
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "a function that is made and linked at run time")]
mod relaxed;
mod rows;
mod tile;
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "loads and stores of vectors")]
mod wasm32;
#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "loads, stores and functions for processors that have the instructions"
)]
mod x86;

pub(crate) use compact::Compact;
pub(crate) use encoder::{Encoder, LayerParts, Parts, Pooled};
pub(crate) use head::{Sparse, WideHead};
pub(crate) use packed::DenseParts;
pub(crate) use rows::Norm;
pub(crate) use tile::is_fast;
