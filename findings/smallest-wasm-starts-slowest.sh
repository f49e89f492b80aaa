#!/usr/bin/env bash
# Optimising a WebAssembly module for size (wasm-opt -Oz) makes its first call several
# times slower in V8, because code that is never called becomes part of the functions that are.
#
# Versions: binaryen 132.0.0 (npm), Node 20 (V8 11.3).
# Behaviour: a function that has one caller is put into it, however large it is. V8
# compiles a function when it is first called, all of it: of 80 functions that the call
# below never needs, none is compiled in the module as it is written, and all in the one
# of -Oz, whose one function has their code. There the first call takes more than five
# times as long (10 to 20 times where it was seen); later calls are alike.
# With --one-caller-inline-max-function-size=0 it is as before, and hardly larger.
# Who meets it: whoever builds a Rust module for the web with wasm-pack's or Trunk's usual
# -Oz or -O: this project's page took 0.6 s of processor time to load its model, and 0.3 s
# without that, with a module that was 6 % smaller by gzip.
# Source: seen; wasm-opt --help has the option, without what it costs.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund binaryen@132.0.0 >/dev/null
cat >make.mjs <<'NODE'
// `run(k)` calls function k of 80, each a few hundred instructions long, or none.
const steps = (seed) =>
  Array.from({ length: 120 }, (_, at) => `(local.set 0 (i32.xor (i32.mul (local.get 0) (i32.const ${2 * at + seed * 601 + 3})) (i32.shr_u (local.get 0) (i32.const ${(at % 29) + 1}))))`).join("\n");
const all = Array.from({ length: 80 }, (_, at) => at);
console.log(`(module
${all.map((at) => `(func $f${at} (param i32) (result i32) ${steps(at)} (local.get 0))`).join("\n")}
(func (export "run") (param i32) (result i32)
${all.map((at) => `(if (i32.eq (local.get 0) (i32.const ${at})) (then (return (call $f${at} (local.get 0)))))`).join("\n")}
(i32.const -1)))`);
NODE
cat >see.mjs <<'NODE'
import { readFileSync } from "node:fs";

const firstCall = (file) => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)));
  const start = process.hrtime.bigint();
  if (exports.run(1_000) !== -1) throw new Error("not the answer");
  return Number(process.hrtime.bigint() - start);
};
// The number of functions stands at the start of the code section, whose number is 10.
const functions = (file) => {
  const bytes = readFileSync(file);
  let at = 8;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  for (;;) {
    const section = bytes[at++];
    const size = number();
    if (section === 10) return number();
    at += size;
  }
};
const [file, other] = process.argv.slice(2);
console.log(functions(file), firstCall(file), firstCall(other));
NODE
node make.mjs >module.wat
optimise() { node node_modules/binaryen/bin/wasm-opt module.wat -o "$1.wasm" "${@:2}" 2>&1 | grep -v "no passes" || true; }
optimise plain
optimise size -Oz
optimise apart -Oz --one-caller-inline-max-function-size=0
# V8 keeps what it has compiled of a module, so that each call is in a process of its own.
verdict() {
  for _ in 1 2 3 4 5 6 7; do node see.mjs "$1.wasm" plain.wasm; done |
    awk '{ print $2 / $3, $1 }' | sort -n |
    awk 'NR == 4 { print $2, ($1 > 5 ? "slow" : "soon") }'
}
seen=$(for name in size apart; do echo "$name: $(verdict "$name")"; done)
expected="size: 1 slow
apart: 82 soon"
diff <(echo "$expected") <(echo "$seen")
echo "wasm-opt -Oz put 80 functions that are never called into their caller; its first call compiles them all"
