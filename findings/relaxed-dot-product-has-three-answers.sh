#!/usr/bin/env bash
# The dot product of relaxed SIMD in WebAssembly gives three answers where its second
# factor has an eighth bit, even in one browser on one computer.
#
# Versions: Node 26.10.0 (V8) and binaryen 132.0.0, both by npm.
# Behaviour: `i32x4.relaxed_dot_i8x16_i7x16_add_s` sums four products of a signed byte and
# a number of 7 bits, and engines agree on those. Of 127 times 255, four times, V8 makes
# 129,540 by AVX-VNNI (the second factor has no sign), 65,534 on x86-64 processors without
# it or with the switch --no-enable-avx-vnni (sums of two products saturate at 16 bits),
# and -508 on ARM (it has a sign; seen under QEMU 7.2). Nothing says which it will be but
# to try.
# Who meets it: whoever multiplies activations of 8 bits by weights of 8 bits in a page,
# as the networks of others are quantised: it is right on the developer's laptop and wrong
# on an older one. Models whose activations stay below 128 never see it.
# Source: seen; the specification of WebAssembly 3.0 leaves it to the engine
# ("Relaxed operations").
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund binaryen@132.0.0 node@26.10.0 >/dev/null
cat >a.wat <<'WAT'
(module (func (export "dot") (param $a i32) (param $b i32) (result i32)
  (i32x4.extract_lane 0 (i32x4.relaxed_dot_i8x16_i7x16_add_s
    (i8x16.splat (local.get $a)) (i8x16.splat (local.get $b)) (v128.const i32x4 0 0 0 0)))))
WAT
node node_modules/binaryen/bin/wasm-as --enable-simd --enable-relaxed-simd a.wat -o a.wasm
cat >see.mjs <<'NODE'
import { readFileSync } from "node:fs";

const { dot } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync("a.wasm"))).exports;
console.log([dot(127, 127), dot(-128, 127), dot(127, 255)].join(" "));
NODE
machine=$(uname -m)
here=$(node_modules/.bin/node see.mjs)
echo "$machine: $here"
case $machine in
x86_64)
  without=$(node_modules/.bin/node --no-enable-avx-vnni --no-enable-avx-vnni-int8 see.mjs)
  echo "$machine without AVX-VNNI: $without"
  [[ $without == "64516 -65024 65534" ]]
  if grep -qw avx_vnni /proc/cpuinfo && ! grep -qw avx_vnni_int8 /proc/cpuinfo; then
    [[ $here == "64516 -65024 129540" ]]
  fi
  ;;
aarch64 | arm64) [[ $here == "64516 -65024 -508" ]] ;;
*) echo "not known for $machine" >&2 && exit 1 ;;
esac
