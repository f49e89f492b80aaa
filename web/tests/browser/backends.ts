/** What is promised of each backend, and how one is chosen. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { COMMON } from "../chromium.js";
import type { Served } from "../server.js";
import {
  allScored,
  type Backend,
  checkQuiet,
  checks,
  counts,
  crash,
  csv,
  cycle,
  EXAMPLE_ROWS,
  execute,
  exported,
  here,
  LIMIT,
  moreScored,
  open,
  openFile,
  score,
  settled,
  startScoring,
  status,
  until,
  visibleRows,
} from "./page.js";

const examples = join(here, "../../page/example.smi");

const BROKEN = [5, 12];

/** What the page adds to an export. */
const ADDED = ["shown_in_domain", "shown_endpoints"];

export async function testBackend(browser: Browser, site: Served, backend: Backend): Promise<void> {
  const name = (text: string): string => `${backend}: ${text}`;
  const visit = await open(browser, `${site.url}?backend=${backend}`, site);
  const { page } = visit;

  await checks.check(name("the badge shows the engine in use and its speed"), async () => {
    await settled(page);
    const label = await page.locator("#engine-label").innerText();
    ok(label.startsWith(backend === "cpu" ? "CPU" : "WebGPU"), label);
    ok(/[\d.,]+ molecules\/s/.test(label), label);
    if (backend === "webgpu")
      ok(/software adapter/.test(label), `SwiftShader is software, but: ${label}`);
    equal(await page.locator("#engine").getAttribute("data-backend"), backend);
  });

  await checks.check(
    name("20 molecules come back in order, each broken one with its reason and place"),
    async () => {
      await page.setInputFiles("#picker", examples);
      await page.locator("#results").waitFor();
      // In lines, of which the table shows more at once.
      await page.locator("#structures").uncheck();
      await score(page);
      const rows = await visibleRows(page);
      equal(rows.length, EXAMPLE_ROWS);
      const given = (await readFile(examples, "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t"));
      rows.forEach((row, index) => {
        const [smiles, title] = given[index] ?? [];
        equal(row.number, String(index + 1));
        ok(
          row.fields.includes(title ?? ""),
          `row ${index + 1} is ${row.fields.join(" ")}, not ${title}`,
        );
        ok(
          row.smiles.startsWith(smiles ?? "?") || row.mark !== null,
          `row ${index + 1} has the SMILES ${row.smiles}`,
        );
        const broken = BROKEN.includes(index);
        equal(row.reason !== null, broken, `row ${index + 1}: ${row.reason ?? "no error"}`);
        equal(
          row.mark !== null,
          broken,
          `row ${index + 1} has ${broken ? "no" : "a"} marked character`,
        );
        equal(row.values.length > 0, !broken);
        ok(row.values.every(Number.isFinite), `row ${index + 1}: ${row.values.join(", ")}`);
      });
      deepEqual([rows[BROKEN[0] as number]?.mark, rows[BROKEN[1] as number]?.mark], ["i", ")"]);
    },
  );

  const bin = process.env.DELICATE_BIN;
  const sameName = name("the numbers are the native command's");
  if (bin === undefined || bin === "") checks.skip(sameName, "DELICATE_BIN is not set");
  else {
    await checks.check(sameName, async () => {
      const { stdout } = await execute(
        bin,
        [
          "score",
          examples,
          "--device",
          "cpu",
          "--precision",
          backend === "cpu" ? "int8" : "fp32",
          "--uncertainty",
          "--format",
          "json",
        ],
        { maxBuffer: 2 ** 26 },
      );
      const rows = JSON.parse(await exported(page, "json")) as Record<string, unknown>[];
      // Of the columns that the page shows, which the command knows nothing of.
      for (const row of rows) for (const name of ADDED) delete row[name];
      same(rows, JSON.parse(stdout), "$");
    });
  }

  await checks.check(name("the CSV keeps the user's columns and order"), async () => {
    const lines = [
      "compound,structure,batch,smiles",
      "Z-9,first,7,CCO",
      "A-1,second,3,c1ccccc1O",
      '"M,5",third,5,CC(',
      "A-0,fourth,1,CC#N",
    ];
    await openFile(page, "assay.csv", lines, lines.length - 1);
    await score(page);
    const [head, ...rows] = csv(await exported(page, "csv"));
    deepEqual(head?.slice(0, 4), ["compound", "structure", "batch", "smiles"]);
    deepEqual(
      rows.map((row) => row.slice(0, 4)),
      csv(lines.slice(1).join("\n")),
    );
    ok(
      rows.every((row) => row.length === head?.length),
      "rows are as wide as the head",
    );
  });

  await checks.check(
    name("cancelling keeps what is scored, and a later Score goes on"),
    async () => {
      // Software WebGPU gets little more than the first piece, and a batch that is under way.
      const total = backend === "cpu" ? 20_000 : 200;
      const smiles =
        backend === "cpu"
          ? ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"]
          : ["CCO", "CCN", "CCC"];
      await openFile(page, "many.smi", cycle(smiles, total));
      await page.locator("#score").click();
      // In the turn in which the first are there.
      await until(
        page,
        "the first rows are scored",
        () => {
          const scored = document.querySelector("#results:not([hidden]) tbody tr.scored") !== null;
          if (scored) document.getElementById("cancel")?.click();
          return scored;
        },
        null,
      );
      await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
      ok((await status(page)).startsWith("Cancelled"), await status(page));
      const before = await counts(page);
      ok(
        before.scored > 0 && before.scored < total,
        `${before.scored} of ${total} were scored when cancelled`,
      );
      equal(before.rows, total);
      const first = (await visibleRows(page))[0]?.values;
      equal(
        await page.locator("#score").innerText(),
        `Score the remaining ${(total - before.scored).toLocaleString("en")}`,
      );
      if (backend === "cpu") {
        await page.locator("#score").click();
        await moreScored(page, before.scored);
        await page.locator("#cancel").click();
        await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
        ok((await counts(page)).scored > before.scored);
      } else {
        await score(page);
        equal((await counts(page)).scored, total);
      }
      deepEqual((await visibleRows(page))[0]?.values, first);
    },
  );

  await checkQuiet(name("no errors on the console, and no request to elsewhere"), visit);
  await visit.context.close();
}

/** Chromium's compiler is stricter than the native one, and at run time its errors are only logged. */
export async function testShaders(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  await checks.check("webgpu: every file of shaders/ compiles", async () => {
    const folder = join(here, "../../../shaders");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".wgsl"));
    ok(names.length > 0, "no shader found");
    const text = (name: string) => readFile(join(folder, name), "utf8");
    const sources = await Promise.all(
      names.map(async (name) => {
        const kernel = await text(name);
        // A kernel stands behind the files of shared/ that it names.
        const shared = new Set(kernel.match(/shared\/\w+\.wgsl/g));
        return { name, code: [...(await Promise.all([...shared].map(text))), kernel].join("") };
      }),
    );
    const errors = await visit.page.evaluate<string[]>(`(async (sources) => {
      const device = await (await navigator.gpu.requestAdapter()).requestDevice();
      const errors = [];
      for (const { name, code } of sources) {
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        for (const { type, lineNum, message } of messages) if (type === "error") errors.push(name + ":" + lineNum + ": " + message);
      }
      return errors;
    })(${JSON.stringify(sources)})`);
    deepEqual(errors, []);
  });
  await visit.context.close();
}

export async function testDeviceLoss(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=webgpu`, site);
  const { page } = visit;
  await checks.check("webgpu: lost twice, the CPU takes over and no row is lost", async () => {
    await settled(page);
    const total = 2048;
    await openFile(page, "many.smi", cycle(["CCO", "CCN"], total));
    await startScoring(page);
    await crash(page);
    await page.waitForFunction(
      () =>
        document.getElementById("engine-facts")?.textContent?.includes("a new one took over") ===
        true,
      null,
      { timeout: LIMIT },
    );
    // A worker that is just being started or ended does not listen; then again.
    const end = Date.now() + LIMIT;
    while (
      (await page.locator("#engine").getAttribute("data-backend")) !== "cpu" &&
      Date.now() < end
    ) {
      await crash(page).catch(() => undefined);
      await page.waitForTimeout(500);
    }
    await allScored(page, total);
    deepEqual(await counts(page), { rows: total, scored: total, errors: 0 });
    equal(await page.locator("#engine").getAttribute("data-backend"), "cpu");
    ok((await page.locator("#engine-label").textContent())?.includes("WebGPU unavailable"));
    const [cpu = ""] = await page.locator("#engine-facts dd").allTextContents();
    ok(cpu.endsWith("in single precision"), cpu);
  });
  await checks.check("webgpu: after its loss the CPU's values are as its own were", async () => {
    const values = new Map<string, [number, number][]>();
    type Line = { smiles: string; scores: Record<string, { value: number }> };
    for (const line of (await exported(page, "jsonl")).trimEnd().split("\n")) {
      const { smiles, scores } = JSON.parse(line) as Line;
      const known = values.get(smiles) ?? Object.values(scores).map(() => [Infinity, -Infinity]);
      values.set(
        smiles,
        Object.values(scores).map(({ value }, at): [number, number] => {
          const [low, high] = known[at] as [number, number];
          return [Math.min(low, value), Math.max(high, value)];
        }),
      );
    }
    equal(values.size, 2);
    for (const [smiles, ranges] of values)
      for (const [low, high] of ranges)
        ok(high - low <= 2e-4 * Math.max(1, Math.abs(high)), `${smiles}: ${low} to ${high}`);
  });
  await visit.context.close();
}

export async function testChoice(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, site.url, site);
  const { page } = visit;
  await checks.check("both engines are timed and the faster one is kept", async () => {
    await settled(page);
    const facts = await page.locator("#engine-facts dd").allTextContents();
    const [cpu, gpu] = facts.map((fact) =>
      Number(/([\d.,]+) molecules\/s/.exec(fact)?.[1]?.replaceAll(",", "") ?? Number.NaN),
    );
    ok(cpu !== undefined && cpu > 0, facts.join(" | "));
    if (Number.isNaN(gpu))
      ok(/no batch finished within|did not answer within/.test(facts[1] ?? ""), facts.join(" | "));
    const faster = gpu !== undefined && gpu > cpu ? "webgpu" : "cpu";
    equal(await page.locator("#engine").getAttribute("data-backend"), faster, facts.join(" | "));
    await page.locator("#example").click();
    await score(page);
    deepEqual(await counts(page), {
      rows: EXAMPLE_ROWS,
      scored: EXAMPLE_ROWS - BROKEN.length,
      errors: BROKEN.length,
    });
    equal(
      page.workers().filter((worker) => /\/(cpu|webgpu)\.[^/]*\.js$/.test(worker.url())).length,
      1,
      "the other worker is gone",
    );
  });
  await checkQuiet("no errors on the console while choosing an engine", visit);
  await visit.context.close();
}

export async function testWithoutWebGpu(executable: string, site: Served): Promise<void> {
  const browser = await chromium.launch({
    executablePath: executable,
    args: [...COMMON, "--disable-features=WebGPU,WebGPUService", "--disable-gpu"],
  });
  try {
    const visit = await open(browser, `${site.url}?backend=webgpu`, site);
    const { page } = visit;
    await checks.check("without WebGPU, asking for it says so and scores on the CPU", async () => {
      await settled(page);
      if ((await page.locator("#engine").getAttribute("data-backend")) === "webgpu")
        throw new Error("this Chromium has WebGPU whatever its flags");
      ok((await page.locator("#engine-label").textContent())?.includes("WebGPU unavailable"));
      ok(
        (await page.locator("#engine-facts").textContent())?.includes(
          "WebGPU was requested but is not available",
        ),
      );
      await page.locator("#smiles").fill("CCO");
      await score(page);
      deepEqual(await counts(page), { rows: 1, scored: 1, errors: 0 });
    });
    await checkQuiet("no errors on the console without WebGPU", visit);
  } finally {
    await browser.close();
  }
}

export async function hasWebGpu(browser: Browser, site: Served): Promise<boolean> {
  const page = await browser.newPage();
  try {
    await page.goto(`${site.url}favicon.svg`);
    return await page.evaluate(
      async () => "gpu" in navigator && (await navigator.gpu.requestAdapter()) !== null,
    );
  } finally {
    await page.close();
  }
}

/** Numbers within 1e-3 of each other, relatively; all else equal. */
function same(actual: unknown, expected: unknown, path: string): void {
  if (typeof expected === "number" && typeof actual === "number") {
    const allowed = 1e-3 * Math.max(Math.abs(actual), Math.abs(expected)) + 1e-6;
    ok(Math.abs(actual - expected) <= allowed, `${path} is ${actual}, natively ${expected}`);
  } else if (
    typeof expected === "object" &&
    expected !== null &&
    typeof actual === "object" &&
    actual !== null
  ) {
    deepEqual(Object.keys(actual), Object.keys(expected), `${path} differs in its parts`);
    for (const [key, value] of Object.entries(expected))
      same((actual as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else equal(actual, expected, path);
}
