/** Products of bytes by relaxed SIMD: exact, or not used. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import type * as Engines from "../../pkg/cpu/delicate.js";
import { serve } from "../server.js";
import { checks, dist, here } from "./page.js";

/** What becomes of the tile's module. */
type How = "made" | "refused" | "falsified";

interface Found {
  /** The bits of all values. */
  values: number[];
  /** For each module that was made, whether its sums are those of the definition. */
  exact: boolean[];
}

export async function testTile(browser: Browser): Promise<void> {
  const web = join(here, "../..");
  const site = await serve(web);
  const files = await readdir(join(dist, "model"));
  const file = (pattern: RegExp): string => {
    const name = files.find((name) => pattern.test(name));
    ok(name !== undefined, `${pattern} in dist/model`);
    return name;
  };
  const model = [/^config\./, /^model\.[^.]*\.safetensors$/, /^vocab\./].map(file);
  const molecules = await readFile(join(web, "page/example.smi"), "utf8");
  const run = async (how: How): Promise<Found> => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${site.url}dist/notice.txt`);
    // Not from within the function, where the tests' own compiler would replace it.
    await page.addScriptTag({ content: "globalThis.load = (path) => import(path);" });
    const found = await page.evaluate(score, { how, model, molecules, at: site.url });
    await context.close();
    return found;
  };
  await checks.check("cpu: products by relaxed SIMD change no bit of a value", async () => {
    const { values, exact } = await run("made");
    ok(values.length > 300, `${values.length} values`);
    deepEqual((await run("refused")).values, values);
    const falsified = await run("falsified");
    deepEqual(falsified.values, values);
    ok(!falsified.exact.includes(true), "a falsified tile is not exact");
    // The first that is exact is taken, and no other made.
    equal(exact.indexOf(true), exact.includes(true) ? exact.length - 1 : -1);
    if (!exact.includes(true))
      checks.skip("cpu: products by relaxed SIMD", "they saturate, or are not there");
  });
  await site.close();
}

/** Scores molecules by the CPU's module, on a page. */
async function score({
  how,
  model,
  molecules,
  at,
}: {
  how: How;
  model: string[];
  molecules: string;
  at: string;
}): Promise<Found> {
  const { load } = globalThis as unknown as { load(path: string): Promise<typeof Engines> };
  const { default: init, Engine, Table } = await load(`${at}pkg/cpu/delicate.js`);
  await init({ module_or_path: fetch(`${at}pkg/cpu/delicate_bg.wasm`) });
  const made: Uint8Array<ArrayBuffer>[] = [];
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct(module, [bytes]: [Uint8Array<ArrayBuffer>]) {
      if (how === "refused") throw new WebAssembly.CompileError("no relaxed SIMD");
      const copy = bytes.slice();
      if (how === "falsified") {
        // Each product becomes another instruction for three vectors, and one for none.
        for (let i = 0; i + 2 < copy.length; i += 1)
          if (copy[i] === 0xfd && copy[i + 1] === 0x93 && copy[i + 2] === 0x02)
            copy.set([0xfd, 0x52, 0x01], i);
      }
      const compiled = new module(copy);
      made.push(copy);
      return compiled;
    },
  });
  const bytes = async (path: string): Promise<Uint8Array> =>
    new Uint8Array(await (await fetch(`${at}dist/model/${path}`)).arrayBuffer());
  const [config, weights, vocabulary] = (await Promise.all(model.map(bytes))) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const engine = await Engine.load("cpu", "int8", config, weights, vocabulary, undefined, true);
  WebAssembly.Module = Module;
  const table = Table.open("a.smi", new TextEncoder().encode(molecules), undefined, undefined);
  const { scores } = await table.score(engine, 0, table.length, () => true);
  const { values } = scores;
  /** Whether 255 times 127 is summed as it should, of one row. */
  const isExact = (module: Uint8Array<ArrayBuffer>): boolean => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(new Module(module), { delicate: { memory } });
    const tile = exports.tile as (...places: number[]) => void;
    const [depth, words, start, sums] = [5, 4096, 16_384, 20_480];
    new Uint8Array(memory.buffer, 0, 4 * depth).fill(255);
    new Int8Array(memory.buffer, words, 256 * depth).fill(127);
    new Int32Array(memory.buffer, start, 64).fill(-7);
    tile(0, 4 * depth, 1, words, depth, start, sums);
    return new Int32Array(memory.buffer, sums, 64).every(
      (sum) => sum === 4 * depth * 255 * 127 - 7,
    );
  };
  return {
    values: [...new Uint32Array(values.buffer, values.byteOffset, values.length)],
    exact: made.map(isExact),
  };
}
