/**
 * Our package beside ONNX Runtime Web in one Chromium, turn by turn, on the same molecules, and how
 * soon the page has its first result. `cargo xtask bench browser` prepares what it needs and runs it;
 * prints one JSON object.
 *
 * Ours is all of it, from SMILES to every endpoint with interval and domain. Theirs is the exported
 * network alone, its inputs ready-made, in batches of 32 molecules of nearly equal length. Both are
 * loaded before, and the first round warms up. `by_processor_time` is what the browser's processes
 * worked, which other work on the machine hardly changes.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { COMMON, findChromium } from "./chromium.js";
import { serve } from "./server.js";

const web = join(import.meta.dirname, "..");
const { BENCH_PREPARED = "", BENCH_RUNTIME = "", BENCH_ROUNDS = "5" } = process.env;
const { BENCH_THREADS = "1,2", BENCH_STARTS = "5" } = process.env;
const ROOTS: Record<string, string> = {
  ours: join(web, "package/dist"),
  theirs: join(BENCH_RUNTIME, "dist"),
  prepared: BENCH_PREPARED,
};
/** What the first visit of the page is to score. */
const LINK = "#smiles=CC(=O)Oc1ccccc1C(=O)O";
/** Vite, which runs this file, would take an import in a function of the page for its own. */
const PAGE = `<!doctype html><title>bench</title>
<script type="module">globalThis.load = (path) => import(path);</script>`;
const TYPES: Record<string, string> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

interface Spread {
  median: number;
  smallest: number;
  largest: number;
}

// biome-ignore lint/suspicious/noExplicitAny: modules that this program does not know the types of.
type Imported = any;

/** Seconds by the clock and of processors. */
type Seconds = [number, number];

/** What the functions below leave in the page for each other. */
interface Bench {
  ours(): Promise<number>;
  theirs(): Promise<number>;
}

async function main(): Promise<void> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error("no chromium found");
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const [, root = "", ...rest] = path.split("/");
    // A page with the isolation that their threads need; ours need none.
    const headers = {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    };
    if (path === "/") {
      response.writeHead(200, { ...headers, "content-type": "text/html" });
      response.end(PAGE);
      return;
    }
    try {
      const body = await readFile(join(ROOTS[root] ?? "missing", normalize(rest.join("/"))));
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      response.writeHead(200, { ...headers, "content-type": type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const browser = await chromium.launch({ executablePath, args: COMMON });
  try {
    const compared = [];
    for (const threads of BENCH_THREADS.split(",").map(Number))
      compared.push(await compare(browser, origin, threads));
    const start = existsSync(join(web, "dist/index.html")) ? await starts(browser) : null;
    const chromium = browser.version();
    console.log(JSON.stringify({ chromium, compared, first_molecule: start }, null, 2));
  } finally {
    await browser.close();
    server.close();
  }
}

async function compare(browser: Browser, origin: string, threads: number): Promise<unknown> {
  const page = await browser.newPage();
  await page.goto(origin);
  const molecules = await load(page, threads);
  const taken: Record<keyof Bench, Seconds[]> = { ours: [], theirs: [] };
  for (let round = 0; round <= Number(BENCH_ROUNDS); round += 1)
    for (const which of ["ours", "theirs"] as const) {
      const before = busy();
      const seconds = await page.evaluate(
        (which) => (globalThis as unknown as { bench: Bench }).bench[which](),
        which,
      );
      if (round > 0) taken[which].push([seconds, busy() - before]);
    }
  await page.close();
  const by = (place: 0 | 1) => {
    const speeds = (which: keyof Bench): number[] =>
      taken[which].map((seconds) => molecules / seconds[place]);
    const [ours, theirs] = [speeds("ours"), speeds("theirs")];
    const ratios = ours.map((speed, round) => speed / (theirs[round] ?? Number.NaN));
    return { ours: spread(ours), onnxruntime_web: spread(theirs), ratio: spread(ratios) };
  };
  return { threads, molecules, by_the_clock: by(0), by_processor_time: by(1) };
}

/** Loads both into the page; the number of molecules. */
function load(page: Page, threads: number): Promise<number> {
  return page.evaluate(async (threads) => {
    const { load } = globalThis as unknown as { load(path: string): Promise<Imported> };
    const { createScorer } = await load("/ours/index.js");
    const ort = await load("/theirs/ort.wasm.min.mjs");
    const { smiles, batches } = await (await fetch("/prepared/inputs.json")).json();
    const data = await (await fetch("/prepared/inputs.bin")).arrayBuffer();
    ort.env.wasm.numThreads = threads;
    ort.env.wasm.wasmPaths = new URL("/theirs/", location.href).href;
    const session = await ort.InferenceSession.create("/prepared/model.onnx", {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    });
    const arrays = { int64: BigInt64Array, float32: Float32Array };
    type Part = { type: keyof typeof arrays; shape: number[]; start: number };
    const feeds = (batches as Record<string, Part>[]).map((batch) =>
      Object.fromEntries(
        Object.entries(batch).map(([name, { type, shape, start }]) => {
          const size = shape.reduce((product, length) => product * length, 1);
          const bytes = data.slice(start, start + size * arrays[type].BYTES_PER_ELEMENT);
          return [name, new ort.Tensor(type, new arrays[type](bytes), shape)];
        }),
      ),
    );
    const scorer = await createScorer({ backend: "cpu", workers: threads });
    const contents = `${smiles.join("\n")}\n`;
    const timed = async (work: () => Promise<void>): Promise<number> => {
      const began = performance.now();
      await work();
      return (performance.now() - began) / 1_000;
    };
    const bench: Bench = {
      ours: () =>
        timed(async () => {
          let scored = 0;
          for await (const row of scorer.scoreFile({ name: "a.smi", contents }))
            scored += row.error === null ? 1 : 0;
          if (scored !== smiles.length)
            throw new Error(`${scored} of ${smiles.length} were scored`);
        }),
      theirs: () =>
        timed(async () => {
          for (const inputs of feeds) {
            const { values } = await session.run(inputs, ["values"]);
            if (!Number.isFinite(values.data[0])) throw new Error("no value");
          }
        }),
    };
    Object.assign(globalThis, { bench });
    return smiles.length as number;
  }, threads);
}

/** Milliseconds from the navigation to the first scored molecule of a link. */
async function starts(browser: Browser): Promise<{ cold: Spread; warm: Spread }> {
  const site = await serve(join(web, "dist"));
  const cold: number[] = [];
  const warm: number[] = [];
  for (let start = 0; start < Number(BENCH_STARTS); start += 1) {
    const context = await browser.newContext();
    for (const times of [cold, warm]) {
      const page = await context.newPage();
      await page.goto(`${site.url}${LINK}`, { waitUntil: "commit" });
      const scored = await page.waitForFunction(() =>
        document.querySelector("#results tbody td data") === null ? 0 : performance.now(),
      );
      times.push((await scored.jsonValue()) as number);
      // The second visit is one with all that the first has left behind.
      await page.waitForTimeout(3_000);
      await page.close();
    }
    await context.close();
  }
  await site.close();
  return { cold: spread(cold), warm: spread(warm) };
}

function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const round = (value = Number.NaN): number => Math.round(value * 1_000) / 1_000;
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  return { median: round(median), smallest: round(sorted[0]), largest: round(sorted.at(-1)) };
}

/** Seconds that the browser's processes have worked; on Linux alone. */
function busy(): number {
  if (!existsSync("/proc/self/stat")) return Number.NaN;
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      parents.set(Number(name), Number(fields[1]));
      ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
    } catch {
      // It has ended.
    }
  }
  const ours = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === process.pid || ours(parent));
  };
  const all = [...ticks].filter(([pid]) => ours(pid)).reduce((sum, [, ticks]) => sum + ticks, 0);
  // A hundredth of a second each, on every Linux there is.
  return all / 100;
}

await main();
