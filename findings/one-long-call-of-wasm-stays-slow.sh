#!/usr/bin/env bash
# A WebAssembly function that is called once and works for long is never compiled better
# in V8: the same work in many short calls takes a fraction of the time.
#
# Versions: Node 20 (V8 11.3) and, by npm, Node 26.10.0; binaryen 132.0.0 (npm).
# Behaviour: V8 compiles a function quickly at its first call and, once it has worked for
# a while, again and better, in the background. What is already running is not exchanged:
# JavaScript's loops are in the middle of a run, WebAssembly's are not. Work that is one
# call, however long, runs to its end in the first code; in pieces, all but the first run
# in the better one. Below one call takes more than three times as long as 4,000 (10 to
# 13 times where it was seen).
# Who meets it: whoever digests, parses or compresses a large file in one call of a Rust
# module in a browser: of this project's page SHA-256 of the model's 2.3 MB took 110 ms,
# more than all else of loading it together, and a fraction of that in pieces of 4 KiB.
# Source: seen. The times are this machine's own, one beside the other, best of three.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund binaryen@132.0.0 node@26.10.0 >/dev/null
cat >make.mjs <<'NODE'
// `run(n, x)` mixes x n times, with what digests are made of.
const names = ["$a", "$b", "$c", "$d", "$e", "$f", "$g", "$h"];
const get = (name) => `(local.get ${name})`;
const round = (at) => {
  const [a, b, c, h] = [at, at + 1, at + 2, at + 7].map((place) => names[place % 8]);
  const turned = (by) => `(i32.rotr ${get(a)} (i32.const ${by}))`;
  const choice = `(i32.xor (i32.and ${get(a)} ${get(b)}) (i32.and (i32.xor ${get(a)} (i32.const -1)) ${get(c)}))`;
  return `(local.set ${h} (i32.add (i32.add ${get(h)} ${choice}) (i32.xor ${turned(6)} (i32.xor ${turned(11)} ${turned(25)}))))`;
};
const rounds = Array.from({ length: 64 }, (_, at) => round(at)).join("\n");
console.log(`(module (func (export "run") (param $n i32) (param $a i32) (result i32)
${names.slice(1).map((name) => `(local ${name} i32)`).join(" ")}
(loop $again ${rounds}
  (local.set $n (i32.sub (local.get $n) (i32.const 1)))
  (br_if $again (local.get $n)))
${names.map(get).reduce((sum, one) => `(i32.xor ${sum} ${one})`)}))`);
NODE
cat >see.mjs <<'NODE'
import { readFileSync } from "node:fs";

const [CALLS, EACH] = [4_000, 100];
const fresh = () => new WebAssembly.Instance(new WebAssembly.Module(readFileSync("a.wasm"))).exports;
const timed = (work) => {
  const start = process.hrtime.bigint();
  const result = work();
  return [Number(process.hrtime.bigint() - start) / 1e6, result];
};
const once = timed(() => fresh().run(CALLS * EACH, 1));
const pieces = timed(() => {
  const { run } = fresh();
  let x = 0;
  for (let call = 0; call < CALLS; call += 1) x ^= run(EACH, 1);
  return x;
});
console.log(JSON.stringify({ once: once[0], pieces: pieces[0] }));
NODE
node make.mjs >a.wat
node_modules/.bin/wasm-as a.wat -o a.wasm

for program in "$(command -v node)" node_modules/node/bin/node; do
  best=$(for _ in 1 2 3; do "$program" see.mjs; done | node -e '
    const runs = require("node:fs").readFileSync(0, "utf8").trim().split("\n").map(JSON.parse);
    const least = (of) => Math.min(...runs.map((run) => run[of]));
    console.log(Math.round(least("once")), Math.round(least("pieces")), (least("once") / least("pieces")).toFixed(2));')
  read -r once pieces ratio <<<"$best"
  echo "$("$program" --version): one call ${once} ms, in pieces ${pieces} ms: ${ratio} times"
  node -e 'process.exit(Number(process.argv[1]) > 3 ? 0 : 1)' "$ratio" ||
    { echo "changed: one long call is no slower than many short ones"; exit 1; }
done
