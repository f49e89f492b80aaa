/**
 * The npm package as its users have it: packed, installed into projects of their kinds, and asked
 * for values that the `delicate` command gives too.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { type ChildProcess, type ExecFileOptions, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { Checks } from "./checks.js";
import { COMMON, findChromium, WEBGPU } from "./chromium.js";
import { Firefox, findFirefox } from "./firefox.js";
import { serve } from "./server.js";

const here = import.meta.dirname;
const web = join(here, "..");
const built = join(web, "package/dist");
/** What a user's project has besides the package, as new as ours. */
const BUNDLERS = ["webpack@5.113.0", "webpack-cli@7.3.1"];
const LIMIT = 5 * 60_000;
/** A model that loads sooner than the one inside: what is not about that one is tested with it. */
const small = join(web, "../models/delicate-small");
/** What a registry that cannot be reached is told by. */
const UNREACHABLE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET|EIDLETIMEOUT|E429|E50\d/;
/** The strictest policy under which WebAssembly can run. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";

/** Names, SMILES, and one that is no SMILES. */
const MOLECULES = [
  ["aspirin", "CC(=O)Oc1ccccc1C(=O)O"],
  ["caffeine", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"],
  ["broken", "CC(C"],
  ["diphenhydramine hydrochloride", "CN(C)CCOC(c1ccccc1)c1ccccc1.Cl"],
] as const;
const SMILES = MOLECULES.map(([, smiles]) => smiles);

const checks = new Checks();
const execute = promisify(execFile);
/** Where the screenshots go, for whoever wants to look at them. */
const pictures = process.env.DELICATE_SCREENSHOTS ?? "";

/** A row of the package, or what the command writes of one. */
interface Found {
  error: { message: string; reason: string; position: number | null } | null;
  /** The command leaves out the bounds of classes. */
  values: Record<string, { value: number; low?: number | null; domain: string | null }>;
  standardized: string | null;
}

async function main(): Promise<void> {
  if (!existsSync(join(built, "package.json")))
    return checks.skip("package tests", "web/package/dist is not built");
  const folder = await mkdtemp(join(tmpdir(), "delicate-package-"));
  try {
    await testPackage(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function testPackage(folder: string): Promise<void> {
  const project = join(folder, "project");
  let packed = "";
  await checks.check("npm packs the package, and nothing that does not belong there", async () => {
    const [about] = JSON.parse(
      await npm(["pack", built, "--json", "--pack-destination", folder], { cwd: folder }),
    ) as { filename: string; version: string; files: { path: string }[] }[];
    packed = join(folder, about?.filename ?? "");
    const workspace = await readFile(join(web, "../Cargo.toml"), "utf8");
    const version = /^\[workspace\.package\]\nversion = "(.+)"$/m.exec(workspace)?.[1];
    equal(about?.version, version, "one version for all");
    const unexpected = about?.files
      .map(({ path }) => path)
      .filter(
        (path) =>
          !/^(worker|model|types)\/|^[a-z]+\.js$|^(LICENSE-\w+|NOTICE\.md|README\.md|package\.json)$/.test(
            path,
          ),
      );
    deepEqual(unexpected, []);
    await mkdir(project);
    await writeFile(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
    await npm(["install", "--offline", packed], { cwd: project });
  });
  if (packed === "") return;
  const installed = join(project, "node_modules/delicate");
  const inside = await fromCommand(folder, []);
  const expected = await fromCommand(folder, ["--model", small]);

  await testNode(project, inside);
  await testTypes(project);

  const site = await laidOut(folder, installed);
  await testFirefox(site, inside);
  const executable = findChromium();
  if (executable === null) {
    checks.skip("package: browsers", "no chromium found");
    return;
  }
  const browser = await chromium.launch({ executablePath: executable, args: COMMON });
  try {
    await testPlain(browser, site, inside);
    await testElements(browser, site);
    await testBundlers(browser, project, { inside, expected });
    await testBundle(browser);
  } finally {
    await browser.close();
  }
  await testWebGpu(executable, site);
}

/** What the command says of the molecules; null where there is none. */
async function fromCommand(folder: string, choice: string[]): Promise<Found[] | null> {
  const bin = process.env.DELICATE_BIN;
  if (bin === undefined || bin === "") {
    checks.skip("package: the numbers are the native command's", "DELICATE_BIN is not set");
    return null;
  }
  const file = join(folder, "molecules.smi");
  await writeFile(file, MOLECULES.map(([name, smiles]) => `${smiles}\t${name}\n`).join(""));
  const { stdout } = await execute(
    bin,
    [
      "score",
      file,
      "--device",
      "cpu",
      "--precision",
      "int8",
      "--uncertainty",
      "--format",
      "json",
      ...choice,
    ],
    { maxBuffer: 2 ** 26 },
  );
  type Written = {
    error: Found["error"];
    scores: Found["values"] | null;
    standardized: { smiles: string } | null;
  };
  return (JSON.parse(stdout) as Written[]).map(({ error, scores, standardized }) => ({
    error,
    values: scores ?? {},
    standardized: standardized?.smiles ?? null,
  }));
}

/** What every script of these tests does: scores the molecules and keeps what is compared. */
const SCORE = `
async function found(scorer) {
  const rows = [];
  for await (const { index, smiles, error, predictions, standardization } of scorer.score(
    ${JSON.stringify(MOLECULES.map(([id, smiles]) => ({ id, smiles })))},
  )) {
    if (index !== rows.length) throw new Error("rows are out of order");
    rows.push({
      smiles,
      error,
      standardized: standardization?.smiles ?? null,
      values: Object.fromEntries(
        (predictions ?? []).map(({ endpoint, value, interval, domain }) => [
          endpoint,
          { value, low: interval?.low ?? null, domain },
        ]),
      ),
    });
  }
  return rows;
}
`;

function compare(found: (Found & { smiles: string })[], expected: Found[] | null): void {
  deepEqual(
    found.map(({ smiles }) => smiles),
    SMILES,
  );
  deepEqual(
    found.map(({ error }) => error === null),
    MOLECULES.map(([name]) => name !== "broken"),
  );
  ok(found.every(({ error, values }) => error !== null || Object.keys(values).length > 0));
  expected?.forEach(({ error, values, standardized }, row) => {
    const ours = found[row];
    deepEqual(ours?.error, error);
    equal(ours?.standardized, standardized);
    deepEqual(Object.keys(ours?.values ?? {}), Object.keys(values));
    for (const [endpoint, { value, low, domain }] of Object.entries(values)) {
      const one: Found["values"][string] | undefined = ours?.values[endpoint];
      near(one?.value, value, `${endpoint} of row ${row + 1}`);
      if (low === null || low === undefined) equal(one?.low ?? null, null);
      else near(one?.low, low, `${endpoint} of row ${row + 1}, lower bound`);
      equal(one?.domain ?? null, domain ?? null);
    }
  });
}

/** Of a GPU's values: how far they may lie from the CPU's, as a part of them from 1 on. */
const OF_A_GPU = 1e-3;

function near(
  actual: number | null | undefined,
  expected: number,
  what: string,
  allowed = 1e-5,
): void {
  const difference = Math.abs((actual ?? Number.NaN) - expected);
  ok(
    difference <= allowed * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, not ${expected}`,
  );
}

async function testNode(project: string, expected: Found[] | null): Promise<void> {
  const script = async <T>(name: string, text: string, directory = project): Promise<T> => {
    const file = join(directory, name);
    await writeFile(file, text);
    // Ends by itself, though nothing closes the scorer.
    const { stdout } = await execute(process.execPath, [file], { cwd: directory, timeout: LIMIT });
    return JSON.parse(stdout) as T;
  };

  const OWN = JSON.stringify({ model: small });
  await checks.check("node: the values are the command's, and the program ends", async () => {
    const rows = await script<(Found & { smiles: string })[]>(
      "score.js",
      `import { createScorer } from "delicate";
      ${SCORE}
      console.log(JSON.stringify(await found(await createScorer())));`,
    );
    compare(rows, expected);
  });

  await checks.check("node: what goes wrong has a code, and what is closed says so", async () => {
    type Codes = Record<string, [string, string, string] | null>;
    const codes = await script<Codes>(
      "codes.js",
      `import { createScorer, DelicateError } from "delicate";
      const code = async (action) => {
        try {
          await action();
          return null;
        } catch (error) {
          return [error instanceof DelicateError ? error.code : "foreign", error.name, error.message];
        }
      };
      const all = async (rows) => {
        for await (const row of rows);
      };
      const found = {
        backend: await code(() => createScorer({ backend: "gpu" })),
        webgpu: await code(() => createScorer({ backend: "webgpu" })),
        precision: await code(() => createScorer({ precision: "fp16" })),
        workers: await code(() => createScorer({ workers: 0 })),
        absent: await code(() => createScorer({ model: "./absent" })),
        module: await code(() => createScorer({ model: ${JSON.stringify(here)} })),
        text: await code(() => createScorer({ model: { config: "{}", weights: "", vocab: "" } })),
        lacking: await code(() => createScorer({ model: { config: new ArrayBuffer(2) } })),
        other: await code(() => createScorer({
          model: { config: new TextEncoder().encode("{}"), weights: new ArrayBuffer(8), vocab: new Uint8Array() },
        })),
        aborted: await code(() => createScorer({ signal: AbortSignal.abort() })),
        loading: await code(() => createScorer({ signal: AbortSignal.timeout(1) })),
      };
      const scorer = await createScorer(${OWN});
      found.string = await code(() => all(scorer.score("CCO")));
      found.number = await code(() => all(scorer.score([7])));
      found.early = await code(() => all(scorer.score(["CCO"], { signal: AbortSignal.abort() })));
      const many = new AbortController();
      found.midway = await code(async () => {
        const molecules = Array.from({ length: 5_000 }, (_, i) => "C".repeat(1 + (i % 9)) + "O");
        for await (const { index } of scorer.score(molecules, { signal: many.signal }))
          if (index === 40) many.abort();
      });
      found.smiles = await code(() => scorer.depict("CC("));
      found.depicted = await code(() => scorer.depict(7));
      found.described = await code(() => scorer.descriptors(null));
      found.after = await code(() => all(scorer.score(["CCO"])));
      const open = scorer.score(Array.from({ length: 5_000 }, () => "CCO"));
      await open.next();
      scorer.close();
      found.closed = await code(() => all(open));
      found.again = await code(() => scorer.scoreOne("CCO"));
      console.log(JSON.stringify(found));`,
    );
    const only = Object.fromEntries(
      Object.entries(codes).map(([name, found]) => [name, found?.[0] ?? null]),
    );
    deepEqual(only, {
      backend: "argument",
      webgpu: "no_webgpu",
      precision: "argument",
      workers: "argument",
      absent: "download",
      module: "download",
      text: "argument",
      lacking: "argument",
      other: "model",
      aborted: "cancelled",
      loading: "cancelled",
      string: "argument",
      number: "argument",
      early: "cancelled",
      midway: "cancelled",
      smiles: "row",
      depicted: "argument",
      described: "argument",
      after: null,
      closed: "closed",
      again: "closed",
    });
    equal(codes.midway?.[1], "AbortError");
    ok(codes.text?.[2].startsWith("model: the contents of config.json are of type String:"));
    ok(codes.lacking?.[2].startsWith("model: the contents of model.safetensors are missing:"));
  });

  await checks.check("node: an engine or a worker that cannot be started is named", async () => {
    const failure = async (name: string, spoil: (folder: string) => Promise<void>) => {
      const folder = join(project, name);
      await cp(join(project, "node_modules/delicate"), folder, { recursive: true });
      await spoil(folder);
      const told = await script<[string, string]>(
        `${name}.js`,
        `import { createScorer } from "./${name}/node.js";
        const told = await createScorer(${OWN}).then(() => [], (error) => [error.code, error.message]);
        console.log(JSON.stringify(told));`,
      );
      await rm(folder, { recursive: true });
      return told;
    };
    const cut = await failure("cut", async (folder) => {
      const file = join(folder, "worker/cpu.wasm");
      await writeFile(file, (await readFile(file)).subarray(0, 1_000_000));
    });
    equal(cut[0], "corrupt_download");
    ok(cut[1].startsWith("cpu.wasm is damaged"), cut[1]);
    const absent = await failure("absent", (folder) => rm(join(folder, "worker/node.js")));
    equal(absent[0], "worker");
    ok(absent[1].includes("node.js"), absent[1]);
  });

  await checks.check("node: sources are read as far as the results are", async () => {
    const found = await script<Record<string, unknown>>(
      "sources.js",
      `import { createScorer } from "delicate";
      import { readFile } from "node:fs/promises";
      const scorer = await createScorer(${OWN});
      let asked = 0;
      let told = false;
      function* endless() {
        try {
          for (;;) yield "C".repeat(1 + (asked++ % 9)) + "O";
        } finally {
          told = true;
        }
      }
      let rows = 0;
      for await (const row of scorer.score(endless())) if (++rows === 50) break;
      // One that waits for the answer to what it gave before.
      let answer = () => undefined;
      async function* conversation() {
        for (const smiles of ["CCO", "CCN", "CCC"]) {
          const answered = new Promise((resolve) => { answer = resolve; });
          yield smiles;
          await answered;
        }
      }
      const talk = [];
      for await (const row of scorer.score(conversation())) {
        talk.push(row.smiles);
        answer();
      }
      const two = await Promise.all(["CCO", "CCN", "CC("].map((one) => scorer.scoreOne(one)));
      const file = [];
      for await (const { id, smiles, error } of scorer.scoreFile({
        name: "table.csv",
        contents: 'name,structure\\n"a, b",CCO\\nsecond,CC#N\\n',
      })) file.push([id, smiles, error]);
      const model = ${JSON.stringify(small)};
      const part = (name) => readFile(model + "/" + name);
      const contents = await createScorer({ model: {
        config: await part("config.json"), weights: await part("model.safetensors"),
        vocab: await part("vocab.txt"), domain: await part("domain.json.gz"),
      } });
      const value = async (scorer) => (await scorer.scoreOne("CCO")).predictions[0];
      const [a, b] = [await value(scorer), await value(contents)];
      console.log(JSON.stringify({
        rows, told, lazy: asked < 4_000, talk, file, same: a.value === b.value && a.domain !== null,
        two: two.map(({ error }) => error === null),
        atoms: (await scorer.explain("CCO")).atoms.length,
        block: (await scorer.depict("CCO")).block.includes("V2000"),
        weight: Math.round((await scorer.descriptors("CCO")).MolWt),
      }));`,
    );
    deepEqual(found, {
      rows: 50,
      told: true,
      lazy: true,
      talk: ["CCO", "CCN", "CCC"],
      file: [
        ["a, b", "CCO", null],
        ["second", "CC#N", null],
      ],
      same: true,
      two: [true, true, false],
      atoms: 3,
      block: true,
      weight: 46,
    });
  });
}

async function testTypes(project: string): Promise<void> {
  await checks.check(
    "the types are complete by themselves, for bundlers and for Node",
    async () => {
      const folder = join(project, "types");
      await mkdir(folder);
      await writeFile(
        join(folder, "use.ts"),
        `import { createScorer, DelicateError, type ErrorCode, type Row } from "delicate";
      import { configure, type DelicateMolecule } from "delicate/elements";
      configure({ backend: "auto" });
      const scorer = await createScorer({ backend: "cpu", signal: AbortSignal.timeout(1e4) });
      for await (const row of scorer.score(["CCO"])) {
        const name: string = scorer.endpoints[0]!.name;
        if (row.error === null) for (const { value, interval } of row.predictions) use(value, interval?.low);
        else use(row.error.position ?? name.length);
        const same: Row = row;
        use(same.index);
      }
      const element: DelicateMolecule = document.createElement("delicate-molecule");
      element.addEventListener("delicate-scored", ({ detail }) => use(detail.index));
      try { scorer.close(); } catch (error) { if (error instanceof DelicateError) code(error.code); }
      function use(...values: (number | undefined)[]): void { values.sort(); }
      function code(code: ErrorCode): string { return code; }`,
      );
      const compiler = join(web, "node_modules/typescript/bin/tsc");
      for (const [module, resolution] of [
        ["ESNext", "Bundler"],
        ["NodeNext", "NodeNext"],
      ] as const) {
        const options = {
          target: "ES2022",
          lib: ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
          module,
          moduleResolution: resolution,
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          noEmit: true,
          types: [],
        };
        await writeFile(
          join(folder, "tsconfig.json"),
          JSON.stringify({ compilerOptions: options, files: ["use.ts"] }),
        );
        await run(process.execPath, [compiler, "-p", folder], { cwd: folder });
      }
    },
  );
}

/** The small model beside the page. */
const SMALL = '{ model: "./small/" }';

/** A page of somebody's, in a sub-folder, under the strictest policy. */
const page = (script: string, body = ""): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Somebody’s page</title>
    <script type="module" src="${script}"></script>
  </head>
  <body><main><h1>Somebody’s page</h1>${body}</main></body>
</html>
`;

/** Puts the rows where the test finds them; `options` are a scorer's, as they are written. */
const show = (options = ""): string =>
  `document.body.dataset.rows = JSON.stringify(await found(await createScorer(${options})));\n`;

async function rowsOf(page: Page): Promise<(Found & { smiles: string })[]> {
  await page.waitForFunction(() => document.body.dataset.rows !== undefined, null, {
    timeout: LIMIT,
  });
  return JSON.parse((await page.locator("body").getAttribute("data-rows")) ?? "");
}

/** A site without any build: the package in one folder, pages in others. */
async function laidOut(folder: string, installed: string): Promise<string> {
  const site = join(folder, "site");
  await mkdir(join(site, "deep/down"), { recursive: true });
  await cp(installed, join(site, "lib/delicate"), { recursive: true });
  await cp(small, join(site, "small"), { recursive: true });
  await writeFile(join(site, "deep/down/index.html"), page("./script.js"));
  await writeFile(
    join(site, "deep/down/script.js"),
    `import { createScorer } from "../../lib/delicate/index.js";\n${SCORE}${show()}`,
  );
  return site;
}

async function testFirefox(site: string, expected: Found[] | null): Promise<void> {
  const executable = findFirefox();
  if (executable === null) return checks.skip("package: firefox", "no firefox found");
  await checks.check("firefox, plain page: the values are the command's", async () => {
    const served = await serve(site);
    const firefox = await Firefox.launch(executable);
    try {
      await firefox.goto(`${served.url}deep/down/index.html`);
      const rows = await firefox.run<string>(`
        while (document.body.dataset.rows === undefined)
          await new Promise((resolve) => setTimeout(resolve, 50));
        return document.body.dataset.rows;`);
      compare(JSON.parse(rows), expected);
    } finally {
      await firefox.close();
      await served.close();
    }
  });
}

async function testPlain(browser: Browser, site: string, expected: Found[] | null): Promise<void> {
  await checks.check("plain page in a sub-folder: the values are the command's", () =>
    scored(browser, site, "deep/down/index.html", expected),
  );
  await checks.check(
    "plain page: where there is no WebGPU, it says so or does without",
    async () => {
      await writeFile(join(site, "webgpu.html"), page("./webgpu.js"));
      await writeFile(
        join(site, "webgpu.js"),
        `import { createScorer } from "./lib/delicate/index.js";
      const code = await createScorer({ backend: "webgpu", model: "small" }).then(() => "", ({ code }) => code);
      const scorer = await createScorer({ backend: "auto", model: "small" });
      const { error } = await scorer.scoreOne("CCO");
      document.body.dataset.rows = JSON.stringify([code, scorer.backend, error]);\n`,
      );
      const served = await serve(site);
      const { page: opened } = await open(browser, `${served.url}webgpu.html`);
      const [code, ...rest] = (await rowsOf(opened)) as unknown[];
      ok(["no_webgpu", "no_adapter", "no_answer"].includes(String(code)), `${code}`);
      deepEqual(rest, ["cpu", null]);
      await opened.context().close();
      await served.close();
    },
  );
  await checks.check("plain page: a worker that is not allowed is named", async () => {
    await writeFile(join(site, "worker.html"), page("./worker.js"));
    await writeFile(
      join(site, "worker.js"),
      `import { createScorer } from "./lib/delicate/index.js";
      // As where the package lies on another server.
      globalThis.Worker = class {
        constructor() {
          throw new DOMException("cannot be accessed from here", "SecurityError");
        }
      };
      const code = await createScorer({ model: "small" }).then(() => "", ({ code }) => code);
      document.body.dataset.rows = JSON.stringify([code]);\n`,
    );
    const served = await serve(site);
    const { page: opened } = await open(browser, `${served.url}worker.html`);
    deepEqual(await rowsOf(opened), ["worker"]);
    await opened.context().close();
    await served.close();
  });
}

/** What is put before the package's worker for WebGPU, to make its device fail. */
const DEVICE = {
  /** The devices, for the test to destroy. */
  kept: `const asked = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      return (globalThis.device = await asked.apply(this, given));
    };\n`,
  silent: "GPU.prototype.requestAdapter = () => new Promise(() => undefined);\n",
  absent: "GPU.prototype.requestAdapter = async () => null;\n",
  refused: `GPUAdapter.prototype.requestDevice = async () => {
      throw new DOMException("no device today", "OperationError");
    };\n`,
  /** A constant of every shader that has it is another: the numbers are wrong, and nothing fails. */
  falsified: `const made = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function (given) {
      return made.call(this, { ...given, code: given.code.replaceAll(/\\b0\\.5f?\\b/g, "0.7") });
    };\n`,
};

async function testWebGpu(executable: string, site: string): Promise<void> {
  const browser = await chromium.launch({
    executablePath: executable,
    args: [...COMMON, ...WEBGPU],
  });
  const served = await serve(site);
  await writeFile(join(site, "gpu.html"), page("./gpu.js"));
  await writeFile(
    join(site, "gpu.js"),
    'import { createScorer } from "./lib/delicate/index.js";\nglobalThis.createScorer = createScorer;\n',
  );
  /** A page whose worker begins with `before`. */
  const visit = async (before = ""): Promise<Page> => {
    const { page } = await open(browser, `${served.url}gpu.html`);
    await page.route("**/worker/webgpu.js", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: before + (await response.text()) });
    });
    await page.waitForFunction(() => "createScorer" in globalThis);
    return page;
  };
  /** The code and the message that a scorer is refused with. */
  const refusal = (page: Page): Promise<string[]> =>
    page.evaluate(
      `createScorer({ backend: "webgpu", model: "small" }).then(() => [], ({ code, message }) => [code, message])`,
    );
  try {
    const probe = await visit();
    const offered = await probe.evaluate(
      async () => (await navigator.gpu?.requestAdapter()) != null,
    );
    if (!offered) return checks.skip("package: WebGPU", "this Chromium offers no adapter");

    await checks.check("WebGPU: the values are the CPU's in single precision", async () => {
      const found = await probe.evaluate<Record<string, Found[]>>(`(async () => {
        ${SCORE}
        const both = {};
        for (const [backend, precision] of [["webgpu", undefined], ["cpu", "fp32"]]) {
          const scorer = await createScorer({ backend, precision, model: "small" });
          both[scorer.backend] = await found(scorer);
          scorer.close();
        }
        return both;
      })()`);
      const { cpu = [], webgpu = [] } = found;
      equal(webgpu.length, MOLECULES.length);
      cpu.forEach(({ error, standardized, values }, row) => {
        const other = webgpu[row];
        deepEqual([other?.error, other?.standardized], [error, standardized]);
        for (const [name, one] of Object.entries(values)) {
          const given = other?.values[name];
          const what = `${name} of row ${row + 1}`;
          near(given?.value, one.value, what, OF_A_GPU);
          if (one.low !== null && one.low !== undefined) near(given?.low, one.low, what, OF_A_GPU);
          equal(given?.domain, one.domain);
        }
      });
    });
    await probe.context().close();

    await checks.check(
      "WebGPU: lost twice in the middle, the CPU goes on and no row is lost",
      async () => {
        const opened = await visit(DEVICE.kept);
        const total = 400;
        // Not waited for: it is to be disturbed.
        await opened.evaluate(`void (globalThis.outcome = (async () => {
        // In single precision, so that the rows of both compare.
        const scorer = await createScorer({ backend: "webgpu", precision: "fp32", model: "small" });
        const backends = new Set();
        const values = [];
        const given = Array.from({ length: ${total} }, (_, i) => "C".repeat(1 + (i % 9)) + "O");
        for await (const { index, error, predictions } of scorer.score(given)) {
          if (error !== null || index !== values.length) throw new Error("row " + index);
          values.push(predictions[0].value);
          backends.add(scorer.backend);
          globalThis.rows = values.length;
        }
        return { values, last: scorer.backend, backends: [...backends] };
      })())`);
        const lose = async (): Promise<void> => {
          const worker = opened.workers().findLast((one) => one.url().endsWith("webgpu.js"));
          await worker?.evaluate(() => (globalThis as { device?: GPUDevice }).device?.destroy());
        };
        await opened.waitForFunction(
          () => ((globalThis as { rows?: number }).rows ?? 0) > 0,
          null,
          {
            timeout: LIMIT,
          },
        );
        // Until it has been given up; one that is just being started has no device yet.
        const ended = opened.evaluate<{ values: number[]; last: string; backends: string[] }>(
          "globalThis.outcome",
        );
        let over = false;
        void ended.finally(() => {
          over = true;
        });
        while (!over) {
          // One that is ended meanwhile never answers.
          const pause = new Promise((resolve) => setTimeout(resolve, 500));
          await Promise.race([lose().catch(() => undefined), pause]);
          await pause;
        }
        const { values, last, backends } = await ended;
        equal(values.length, total);
        equal(last, "cpu", backends.join(", "));
        ok(backends.includes("webgpu"), backends.join(", "));
        // The same molecule, before and after.
        values.forEach((value, row) =>
          near(value, values[row % 9] ?? Number.NaN, `row ${row + 1}`, OF_A_GPU),
        );
        await opened.context().close();
      },
    );

    for (const [name, code, said] of [
      ["silent", "no_answer", /adapter did not answer within 10 s/],
      ["absent", "no_adapter", /no WebGPU adapter/],
      ["refused", "device", /no device today|WebGPU/],
      ["falsified", "inaccurate", /not those of the CPU/],
    ] as const) {
      await checks.check(`WebGPU: ${name}, it is refused in words`, async () => {
        const opened = await visit(DEVICE[name]);
        const [found, message = ""] = await refusal(opened);
        equal(found, code, message);
        ok(said.test(message), message);
        // Where the choice is free, the CPU does it.
        const choice = await opened.evaluate<unknown[]>(`(async () => {
          const scorer = await createScorer({ backend: "auto", model: "small" });
          return [scorer.backend, (await scorer.scoreOne("CCO")).error];
        })()`);
        deepEqual(choice, ["cpu", null]);
        await opened.context().close();
      });
    }
  } finally {
    await browser.close();
    await served.close();
  }
}

/** Opens a page of a site and compares what it puts into its body. */
async function scored(
  browser: Browser,
  site: string,
  path: string,
  expected: Found[] | null,
): Promise<void> {
  const served = await serve(site);
  const visit = await open(browser, `${served.url}${path}`);
  try {
    const rows = rowsOf(visit.page);
    const failed = visit.page.waitForEvent("pageerror", { timeout: LIMIT });
    failed.catch(() => undefined);
    const first = await Promise.race([rows, failed]);
    if (first instanceof Error) throw first;
    compare(await rows, expected);
    deepEqual(visit.faults, []);
  } finally {
    await visit.page.context().close();
    await served.close();
  }
}

async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; faults: string[] }> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // The browser asks for an icon by itself.
    if (message.type() === "error" && !message.location().url.endsWith("favicon.ico"))
      faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== new URL(url).origin)
      faults.push(`request to ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

/** Of a molecule of the page, and of a table. */
const ELEMENTS = `
<p>A molecule of ours:</p>
<delicate-molecule id="one" label="Aspirin" smiles="CC(=O)Oc1ccccc1C(=O)O"></delicate-molecule>
<delicate-molecule id="salt" smiles="CC[NH3+].[Cl-]"></delicate-molecule>
<delicate-molecule id="wrong" smiles="CC(C"></delicate-molecule>
<delicate-molecule id="strange" smiles="CCO" endpoints="no_such_endpoint"></delicate-molecule>
<h2>Your molecules</h2>
<delicate-scorer value="${MOLECULES.map(([name, smiles]) => `${smiles}\t${name}`).join("&#10;")}"></delicate-scorer>
`;

async function testElements(browser: Browser, site: string): Promise<void> {
  await writeFile(join(site, "elements.html"), page("./elements.js", ELEMENTS));
  await writeFile(
    join(site, "elements.js"),
    `import { configure } from "./lib/delicate/elements.js";\nconfigure(${SMALL});\n`,
  );
  const served = await serve(site);
  for (const [name, options] of [
    ["light", {}],
    ["dark", { colorScheme: "dark" }],
    ["phone", { viewport: { width: 390, height: 800 } }],
  ] as const) {
    const visit = await open(browser, `${served.url}elements.html`, {
      acceptDownloads: true,
      ...options,
    });
    const { page } = visit;
    const molecule = page.locator("#one");
    const scorer = page.locator("delicate-scorer");
    await checks.check(`elements, ${name}: a molecule is drawn with its values`, async () => {
      await molecule.locator("svg.molecule").waitFor({ timeout: LIMIT });
      equal(await molecule.locator("svg").getAttribute("aria-label"), "Structure of Aspirin");
      const { rows, endpoints } = await page.evaluate(async () => {
        const one = document.querySelector("#one") as HTMLElement & {
          row: { predictions: { value: number; endpoint: string }[] };
        };
        const shown = one.shadowRoot?.querySelectorAll("[part=value]") ?? [];
        return {
          rows: [...shown].map((line) => Number(line.querySelector("data")?.value)),
          endpoints: one.row.predictions.map(({ value }) => value),
        };
      });
      ok(rows.length > 0);
      deepEqual(rows, endpoints);
    });
    await checks.check(`elements, ${name}: as what a salt was scored is said`, async () => {
      const changes = page.locator("#salt").locator("[part=changes]");
      await changes.waitFor({ timeout: LIMIT });
      equal(await changes.innerText(), "Scored as CCN (left out: [Cl-]; charges removed: 1)");
      equal(await molecule.locator("[part=changes]").count(), 0);
    });
    await checks.check(`elements, ${name}: faults are told in words`, async () => {
      const wrong = page.locator("#wrong");
      await wrong.locator("mark").waitFor({ timeout: LIMIT });
      ok(/never closed/.test(await wrong.getByRole("alert").innerText()));
      ok(/no endpoint/.test(await page.locator("#strange").getByRole("alert").innerText()));
    });
    await checks.check(`elements, ${name}: a table from the keyboard alone`, async () => {
      await scorer.getByLabel("Molecules, one SMILES a line").focus();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await scorer.getByText("3 scored, 1 error.").waitFor({ timeout: LIMIT });
      await scorer.locator("tbody svg.molecule").first().waitFor({ timeout: LIMIT });
      equal(await scorer.locator("tbody tr").count(), MOLECULES.length);
      equal(await scorer.locator("tbody [part=error]").count(), 1);
      // The focus is where it was, and goes on from there.
      equal(await focused(page), "Score");
      await page.keyboard.press("Tab");
      equal(await focused(page), "Save as CSV");
      const downloading = page.waitForEvent("download");
      await page.keyboard.press("Enter");
      const saved = await readFile(await (await downloading).path(), "utf8");
      deepEqual(
        saved
          .trimEnd()
          .split("\n")
          .slice(1)
          .map((line) => line.split(",")[1]),
        MOLECULES.map(([id]) => id),
      );
    });
    await checks.check(`elements, ${name}: a file has the endpoints shown`, async () => {
      // Beside many columns as well, what was done to a molecule takes few lines.
      const note = scorer.locator("tbody [part=changes]").first();
      const { weight, height } = await note.evaluate((note) => ({
        weight: getComputedStyle(note).fontWeight,
        height:
          note.getBoundingClientRect().height /
          Number.parseFloat(getComputedStyle(note).lineHeight),
      }));
      equal(weight, "400");
      ok(height < 5, `${height} lines`);
      await scorer.evaluate((scorer) => scorer.setAttribute("endpoints", "lipophilicity esol"));
      await scorer.getByText("Score", { exact: true }).click();
      await scorer.locator("thead").getByText("lipophilicity", { exact: false }).waitFor();
      await scorer.getByText("3 scored, 1 error.").waitFor({ timeout: LIMIT });
      const downloading = page.waitForEvent("download");
      await scorer.getByText("Save as CSV").click();
      const saved = await readFile(await (await downloading).path(), "utf8");
      const [head = "", first = "", ...others] = saved.trimEnd().split("\n");
      const part = (name: string): string => `${name},${name}_low,${name}_high,${name}_domain`;
      equal(head, `smiles,id,standardized,changes,${part("lipophilicity")},${part("esol")},error`);
      // In single precision, and of an error the place from 0, as in other files.
      const cell = first.split(",")[4] ?? "";
      ok(/^-?\d+\.\d+$/.test(cell) && cell.length < 13, cell);
      ok(others[1]?.endsWith(",parenthesis at position 2 is never closed"), others[1]);
      await scorer.evaluate((scorer) => scorer.removeAttribute("endpoints"));
    });
    await checks.check(`elements, ${name}: axe-core finds nothing, nothing overflows`, async () => {
      await page.evaluate(await readFile(join(web, "node_modules/axe-core/axe.min.js"), "utf8"));
      const found = await page.evaluate<string[]>(
        `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
          violations.map(({ id, nodes }) => id + ": " + nodes.map(({ target }) => target.join(" ")).join(", ")))`,
      );
      deepEqual(found, []);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      ok(wide <= 0, `the page is ${wide} px wider than the window`);
      deepEqual(visit.faults, []);
    });
    if (name === "light") {
      await checks.check("elements: another molecule, and colours of the page’s own", async () => {
        const ink = await page.evaluate(async () => {
          const one = document.querySelector("#one") as HTMLElement;
          one.style.setProperty("--delicate-ink", "rgb(1, 2, 3)");
          const scored = new Promise<string>((resolve) =>
            one.addEventListener("delicate-scored", (event) =>
              resolve((event as CustomEvent<{ smiles: string }>).detail.smiles),
            ),
          );
          one.setAttribute("smiles", "c1ccccc1O");
          return [getComputedStyle(one).color, await scored];
        });
        deepEqual(ink, ["rgb(1, 2, 3)", "c1ccccc1O"]);
        await page.evaluate(() => document.querySelector("#one")?.removeAttribute("style"));
      });
    }
    if (pictures !== "")
      await page.screenshot({ path: join(pictures, `elements-${name}.png`), fullPage: true });
    await page.context().close();
  }
  await served.close();
}

/** What the element that has the focus says. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    return active?.textContent ?? "";
  });

async function testBundlers(
  browser: Browser,
  project: string,
  { inside, expected }: Record<"inside" | "expected", Found[] | null>,
): Promise<void> {
  const version = async (name: string): Promise<string> =>
    (
      JSON.parse(await readFile(join(web, "node_modules", name, "package.json"), "utf8")) as {
        version: string;
      }
    ).version;
  const wanted = [`vite@${await version("vite")}`, ...BUNDLERS];
  try {
    await npm(["install", "--prefer-offline", "--no-save", ...wanted], { cwd: project });
  } catch (error) {
    if (!UNREACHABLE.test(String(error))) throw error;
    checks.skip("package: Vite and webpack", "the npm registry cannot be reached");
    return;
  }
  await cp(small, join(project, "public/small"), { recursive: true });
  await writeFile(join(project, "index.html"), page("./main.js"));
  const write = (options = ""): Promise<void> =>
    writeFile(
      join(project, "main.js"),
      `import { createScorer } from "delicate";\nimport "delicate/elements";\n${SCORE}${show(options)}`,
    );
  await write(SMALL);
  const tool = (path: string): string => join(project, "node_modules", path);
  await checks.check("Vite: builds, and the values are the command's", async () => {
    await run(process.execPath, [tool("vite/bin/vite.js"), "build", "--base", "./"], {
      cwd: project,
    });
    await scored(browser, join(project, "dist"), "index.html", expected);
  });
  await checks.check("Vite: the values are the same while developing", async () => {
    // With the model inside: this server would send the other one's domain.json.gz unpacked.
    await write();
    // Vite's own client is refused by the policy, as any of its pages would tell it.
    const html = await readFile(join(project, "index.html"), "utf8");
    await writeFile(join(project, "index.html"), html.replace(/<meta http-equiv[^>]*>/, ""));
    const server = execFile(
      process.execPath,
      [tool("vite/bin/vite.js"), "--host", "127.0.0.1", "--port", "0"],
      { cwd: project },
    );
    try {
      const url = await addressOf(server);
      const { page } = await open(browser, url);
      compare(await rowsOf(page), inside);
      await page.context().close();
    } finally {
      server.kill();
    }
  });
  await write(SMALL);
  await checks.check("webpack: builds, and the values are the command's", async () => {
    const bundle = join(project, "bundle");
    const arguments_ = ["build", "./main.js", "--mode", "production", "--output-path", bundle];
    await run(process.execPath, [tool("webpack/bin/webpack.js"), ...arguments_], { cwd: project });
    await cp(small, join(bundle, "small"), { recursive: true });
    await writeFile(join(bundle, "index.html"), page("./main.js"));
    const files = await readdir(bundle);
    ok(files.filter((file) => file.endsWith(".wasm")).length === 2, files.join(", "));
    await scored(browser, bundle, "index.html", expected);
  });
}

async function testBundle(browser: Browser): Promise<void> {
  const bundle = join(web, "bundle");
  if (!existsSync(join(bundle, "index.html")))
    return checks.skip("bundle", "web/bundle is not built");
  await checks.check("bundle: opened as a file, it says what to do", async () => {
    const page = await browser.newPage();
    await page.goto(pathToFileURL(join(bundle, "index.html")).href);
    const text = await page.locator("body").innerText();
    ok(/has to be served/.test(text) && /python3 serve\.py/.test(text), text);
    if (pictures !== "") await page.screenshot({ path: join(pictures, "file.png") });
    await page.close();
  });
  const python = await run("python3", ["--version"], {}).then(
    () => true,
    () => false,
  );
  if (!python) return checks.skip("bundle: its server", "no python3");
  await checks.check("bundle: its own server serves a page that scores", async () => {
    const server = execFile("python3", [join(bundle, "serve.py"), "0"]);
    try {
      const { page, faults } = await open(browser, await addressOf(server));
      await page.locator("#smiles").fill("CCO\tethanol");
      await page.locator("#score").click();
      await page.locator("#results tr.scored").waitFor({ timeout: LIMIT });
      deepEqual(faults, []);
      await page.context().close();
    } finally {
      server.kill();
    }
  });
}

/** The address that a server tells on standard output. */
function addressOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    server.stdout?.on("data", (text: string) => {
      said += text;
      const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(plain(said));
      if (found !== null) resolve(found[0]);
    });
    server.on("exit", () => reject(new Error(`the server ended: ${said}`)));
  });
}

/** Without the colours of a terminal. */
const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  text.replaceAll(/\u001b\[\d+m/g, "");

async function npm(words: string[], options: ExecFileOptions): Promise<string> {
  const [program, first] =
    process.platform === "win32" ? (["cmd", ["/c", "npm.cmd"]] as const) : (["npm", []] as const);
  const quiet = ["--no-audit", "--no-fund", "--loglevel", "error"];
  return run(program, [...first, ...words, ...quiet], options);
}

async function run(program: string, words: string[], options: ExecFileOptions): Promise<string> {
  try {
    const { stdout } = await execute(program, words, { maxBuffer: 2 ** 26, ...options });
    return String(stdout);
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & Record<string, string>;
    throw new Error(`${message} ${stderr} ${stdout}`, { cause: error });
  }
}

await main();
checks.finish();
