#!/usr/bin/env bash
# A kernel written with pulp takes ten times as long where Cargo's profile says
# `lto = "off"`, although everything of it is marked `inline(always)`; as one unit of code
# generation it does not.
#
# Versions: pulp 0.22.3 with Rust 1.95 (and whatever Rust runs this), x86-64 with AVX2.
# Behaviour: `pulp::Arch::dispatch` calls a function compiled for AVX2; what it calls is
# compiled for AVX2 where it is put into that function, and for SSE2 elsewhere. Iterators
# and `std::array::from_fn` of the standard library are not marked: with 16 units, a
# release build's number, some of their instances lie in other units, and the optimisation
# across units (ThinLTO within the crate, which `lto = false` has and `lto = "off"` has
# not) alone puts them in. Vectors then go through memory and functions of one instruction
# each: below 10 to 12 times where it was seen. The numbers are the same.
# Who meets it: whoever turns LTO off so that a build takes less time (a quarter of the
# code generation, here), or compiles with a build tool that has none. This project's
# scoring took four times as long, and eight times in single precision.
# Needs: Rust. Source: seen. Times are this machine's own, one beside the other, best of twenty.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [[ $(uname -m) != x86_64 ]] || ! grep -qw avx2 /proc/cpuinfo; then
  echo "skipped: this machine has no AVX2"
  exit 77
fi
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "units"
version = "0.1.0"
edition = "2024"

[dependencies]
pulp = { version = "=0.22.3", default-features = false, features = ["std", "x86-v3"] }

[profile.release]
codegen-units = 16

[workspace]
TOML
cat >src/main.rs <<'RUST'
mod product;

use std::time::Instant;

fn main() {
    let rows: Vec<f32> = (0..product::ROWS * product::DEPTH).map(|i| (i % 7) as f32).collect();
    let panel: Vec<f32> = (0..product::COLUMNS * product::DEPTH).map(|i| (i % 5) as f32).collect();
    let mut sum = 0.0;
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..20 {
            sum += product::sum(&rows, &panel);
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{sum} {:.1}", best * 1e6 / 20.0);
}
RUST
cat >src/product.rs <<'RUST'
use pulp::{Simd, WithSimd};

pub const ROWS: usize = 6;
pub const COLUMNS: usize = 64;
pub const DEPTH: usize = 1024;

struct Product<'a> {
    rows: &'a [f32],
    panel: &'a [f32],
}

impl WithSimd for Product<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &self.rows[row * DEPTH..][..DEPTH]);
        let mut sum = 0.0;
        for at in (0..COLUMNS / S::F32_LANES).step_by(2) {
            let mut totals = [[simd.splat_f32s(0.0); 2]; ROWS];
            for (depth, columns) in self.panel.as_chunks::<COLUMNS>().0.iter().enumerate() {
                let columns = S::as_simd_f32s(columns).0;
                let columns: [S::f32s; 2] = std::array::from_fn(|place| columns[at + place]);
                for (row, totals) in rows.iter().zip(&mut totals) {
                    let value = simd.splat_f32s(row[depth]);
                    for (total, column) in totals.iter_mut().zip(columns) {
                        *total = simd.mul_add_e_f32s(value, column, *total);
                    }
                }
            }
            for totals in totals {
                sum += totals.into_iter().map(|total| simd.reduce_sum_f32s(total)).sum::<f32>();
            }
        }
        sum
    }
}

pub fn sum(rows: &[f32], panel: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(Product { rows, panel })
}
RUST

# What `cargo build --release` with these settings makes of it: the sum, and microseconds.
made() {
  env CARGO_TARGET_DIR="$PWD/$1" "${@:2}" cargo build --quiet --release
  "$1/release/units"
}
as_it_is=$(made usual CARGO_PROFILE_RELEASE_LTO=false)
off=$(made off CARGO_PROFILE_RELEASE_LTO=off)
one_unit=$(made one CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1)
[[ ${as_it_is% *} == "${off% *}" && ${off% *} == "${one_unit% *}" ]] || { echo "changed: other sums"; exit 1; }
awk -v usual="${as_it_is#* }" -v off="${off#* }" -v one="${one_unit#* }" \
  'BEGIN { exit !(off > 3 * usual && one < 2 * usual) }' ||
  { echo "changed: ${as_it_is#* }, ${off#* } without LTO, ${one_unit#* } us as one unit"; exit 1; }
echo "a product takes ${as_it_is#* } us, with lto = \"off\" ${off#* } us, with one unit besides ${one_unit#* } us"
