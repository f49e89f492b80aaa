/** The built page in a real headless Chromium, on both backends. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
} from "playwright-core";
import type { Explanation } from "../package/src/protocol.js";
import { locked, workbook, zipped, zstandard } from "./archives.js";
import { Checks } from "./checks.js";
import { COMMON, findChromium, WEBGPU } from "./chromium.js";
import { type Served, serve } from "./server.js";

const execute = promisify(execFile);
const here = import.meta.dirname;
const dist = join(here, "../dist");
const examples = join(here, "../page/example.smi");
const EXAMPLE_ROWS = 20;
const BROKEN = [5, 12];

/** A software adapter takes minutes for what a real one does in no time. */
const LIMIT = 5 * 60_000;

/** What the page adds to an export. */
const ADDED = ["shown_in_domain", "shown_endpoints"];

type Backend = "cpu" | "webgpu";

/** Explained on both backends: heavy atoms with the salt left out, and the SMILES. */
const EXPLAINED = [
  { smiles: "CC(=O)Nc1ccc(O)cc1", atoms: 11 },
  { smiles: "CCN(CC)CC.Cl", atoms: 7 },
  { smiles: "[O-][N+](=O)c1ccccc1", atoms: 9 },
];

const checks = new Checks();
/** The tests whose names hold this text, by hand: `npm run test:browser -- Drawings`. */
const wanted = process.argv[3] ?? "";

/** A page with what went wrong on it. */
interface Visit {
  page: Page;
  context: BrowserContext;
  faults: string[];
}

async function main(): Promise<void> {
  const executable = findChromium();
  if (executable === null) return checks.skip("browser tests", "no chromium found");
  if (!existsSync(join(dist, "index.html")))
    return checks.skip("browser tests", "web/dist is not built");
  const site = await serve(dist);
  const browser = await chromium.launch({
    executablePath: executable,
    args: [...COMMON, ...WEBGPU],
  });
  const run = async (name: string, test: () => Promise<void>): Promise<void> => {
    if (!name.toLowerCase().includes(wanted.toLowerCase())) return;
    try {
      await test();
    } catch (error) {
      // A page that does not come so far ends its group, not the others.
      checks.fail(`${name} to its end`, error);
    }
  };
  try {
    let explained: Explained[] = [];
    await run("backend cpu", () => testBackend(browser, site, "cpu"));
    await run("large file", () => testLargeFile(browser, site));
    await run("columns", () => testColumns(browser, site));
    await run("archives", () => testArchives(browser, site));
    await run("second file", () => testSecondFile(browser, site));
    await run("keyboard", () => testKeyboard(browser, site));
    await run("fragment and width", () => testFragmentAndWidth(browser, site));
    await run("crash", () => testCrash(browser, site));
    await run("late domain", () => testLateDomain(browser, site));
    await run("missing domain", () => testMissingDomain(browser, site));
    await run("explanation", async () => {
      explained = await testExplanation(browser, site, "cpu");
    });
    await run("details", () => testDetails(browser, site));
    await run("drawings", () => testDrawings(browser, site));
    await run("table", () => testTable(browser, site));
    await run("column menu", () => testColumnMenu(browser, site));
    await run("help", () => testHelp(browser, site));
    await run("substructure", () => testSubstructure(browser, site));
    await run("shading", () => testShading(browser, site));
    await run("keeping", () => testKeeping(browser, site));
    await run("plots", () => testPlots(browser, site));
    await run("screening", () => testScreening(browser, site));
    await run("one line", () => testOneLine(browser, site));
    await run("comparison", () => testComparison(browser, site));
    await run("accessibility", () => testAccessibility(browser, site));
    await run("editor", () => testEditor(browser, site));
    if (await hasWebGpu(browser, site)) {
      await run("backend webgpu", () => testBackend(browser, site, "webgpu"));
      await run("explanation", async () =>
        compareExplanations(explained, await testExplanation(browser, site, "webgpu")),
      );
      await run("shaders", () => testShaders(browser, site));
      await run("device loss", () => testDeviceLoss(browser, site));
      await run("choice", () => testChoice(browser, site));
    } else checks.skip("webgpu", "this Chromium offers no WebGPU adapter");
    for (const backend of ["cpu", "webgpu"] as const)
      await run(`offline ${backend}`, () => testOffline(browser, backend));
  } finally {
    await browser.close();
  }
  await run("without webgpu", () => testWithoutWebGpu(executable, site));
  await site.close();
}

// What is promised of each backend

async function testBackend(browser: Browser, site: Served, backend: Backend): Promise<void> {
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
      // Software WebGPU gets little more than the pieces needed.
      const total = backend === "cpu" ? 4_000 : 96;
      const smiles =
        backend === "cpu"
          ? ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"]
          : ["CCO", "CCN", "CCC"];
      await openFile(page, "many.smi", cycle(smiles, total));
      await page.locator("#score").click();
      await page.waitForFunction(
        () => document.querySelectorAll("#results tbody tr.scored").length > 0,
        null,
        { timeout: LIMIT },
      );
      await page.locator("#cancel").click();
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
        await page.waitForFunction(
          (done) =>
            Number(
              /([\d,]+) scored/
                .exec(document.getElementById("summary")?.textContent ?? "")?.[1]
                ?.replaceAll(",", ""),
            ) > done,
          before.scored,
          { timeout: LIMIT },
        );
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

async function testLargeFile(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const total = 10_000;
  await checks.check("cpu: 10,000 rows, 1 % of them broken, come back in order", async () => {
    const good = [
      "CCO",
      "c1ccccc1O",
      "CC(=O)O",
      "CCN(CC)CC",
      "CC#N",
      "OCC(O)CO",
      "C1CCCCC1",
      "NCC(=O)O",
      "CCCl",
    ];
    const lines = Array.from(
      { length: total },
      (_, index) => `${index % 100 === 41 ? "CC(C" : good[index % good.length]}\tmol-${index}`,
    );
    await openFile(page, "screen.smi", lines);
    await score(page, 4 * LIMIT);
    deepEqual(await counts(page), {
      rows: total,
      scored: total - total / 100,
      errors: total / 100,
    });
    const rows = (await exported(page, "jsonl")).trimEnd().split("\n");
    equal(rows.length, total);
    rows.forEach((row, index) => ok(row.includes(`"mol-${index}"`), `line ${index + 1} is ${row}`));
  });

  await checks.check(
    "cpu: the table holds only the rows in sight, and the last can be reached",
    async () => {
      equal(await page.locator("#viewport table").getAttribute("aria-rowcount"), String(total + 1));
      ok((await page.locator("#results tbody tr").count()) < 100, "the table is windowed");
      await page.locator("#results tbody th button").first().focus();
      await page.keyboard.press("End");
      await page.waitForFunction(
        () => document.activeElement?.textContent?.endsWith("10,000") === true,
      );
      equal(
        await page.locator("#results tbody tr:has(:focus)").getAttribute("aria-rowindex"),
        String(total + 1),
      );
    },
  );

  await checks.check("cpu: only errors, the filter and sorting choose rows", async () => {
    await page.locator("#only-errors").check();
    await page.waitForFunction(
      () => document.querySelector("#viewport table")?.getAttribute("aria-rowcount") === "101",
    );
    await page.locator("#only-errors").uncheck();
    await page.locator("#filter").fill("mol-99");
    await page.waitForFunction(
      () => document.querySelector("#viewport table")?.getAttribute("aria-rowcount") === "112",
    );
    await page.locator("#filter").fill("");
    const head = page.locator("thead th.number:not(.trust)").first();
    await head.locator(".sort").click();
    equal(await head.getAttribute("aria-sort"), "ascending");
    const up = await firstValues(page);
    deepEqual(
      up,
      up.toSorted((a, b) => a - b),
    );
    await head.locator(".sort").click();
    equal(await head.getAttribute("aria-sort"), "descending");
    const down = await firstValues(page);
    deepEqual(
      down,
      down.toSorted((a, b) => b - a),
    );
    ok((down[0] ?? 0) > (up[0] ?? 0), "the two ends differ");
    await head.locator(".sort").click();
    equal(await head.getAttribute("aria-sort"), "none");
  });
  await visit.context.close();
}

async function testColumns(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: a table without a known SMILES column asks which it is", async () => {
    // Too few of the values look like SMILES for them to be found.
    const table = "who,what,how much\nx1,CCO,1\nx2,to do,2\nx3,to do,3\n";
    await page.setInputFiles("#picker", {
      name: "odd.csv",
      mimeType: "text/csv",
      buffer: Buffer.from(table),
    });
    await page.locator("#chooser").waitFor({ timeout: LIMIT });
    deepEqual(await page.locator("#chooser-smiles option").allInnerTexts(), [
      "who",
      "what",
      "how much",
    ]);
    await page.getByLabel("SMILES column").selectOption("what");
    await page.getByLabel("Name column").selectOption("who");
    await page.getByRole("button", { name: "Use these columns" }).click();
    await page.locator("#results").waitFor();
    await score(page);
    deepEqual(await counts(page), { rows: 3, scored: 1, errors: 2 });
  });
  await checks.check("cpu: text pasted anywhere goes into the box", async () => {
    await page.evaluate(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "CCO\tethanol\n");
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    });
    equal(await page.locator("#smiles").inputValue(), "CCO\tethanol");
    equal(await page.evaluate(() => document.activeElement?.id), "score");
  });
  await checks.check("cpu: an empty box says what to do", async () => {
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.locator("#score").click();
    ok((await page.getByRole("alert").innerText()).includes("Paste some SMILES"));
  });
  await checkQuiet("cpu: no errors on the console while choosing columns", visit);
  await visit.context.close();
}

/** Chooses a file of bytes, and what the page says of it: its rows and notes, or a message. */
async function told(page: Page, name: string, buffer: Buffer): Promise<string> {
  await page.locator("#clear").dispatchEvent("click");
  await page.locator("#results").waitFor({ state: "hidden" });
  await page.setInputFiles("#picker", { name, mimeType: "application/octet-stream", buffer });
  const shown = page.locator("#message, #summary").filter({ visible: true });
  await shown.first().waitFor({ timeout: LIMIT });
  const all = page.locator("#message, #summary, #notes").filter({ visible: true });
  return (await all.allInnerTexts()).join(" ");
}

async function testArchives(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const table = "name,smiles\nethanol,CCO\nbenzene,c1ccccc1\n";
  await checks.check("cpu: archives and workbooks open, and say what of them is read", async () => {
    const sheets = {
      About: [["Made by", "hand"]],
      Compounds: [
        ["name", "smiles"],
        ["ethanol", "CCO"],
      ],
    };
    for (const [name, file, ...expected] of [
      [
        "set.zip",
        zipped({ "set/table.csv": table, "read me.txt": "first" }),
        "2 rows",
        "set/table.csv",
        "read me.txt",
      ],
      ["set.xlsx", workbook(sheets), "1 row", "Compounds", "About"],
      // By its content, whatever its name.
      ["set.csv", workbook({ Sheet1: sheets.Compounds }), "1 row"],
      ["set.csv.zst", zstandard(table), "2 rows"],
      ["set.csv.gz", gzipSync(table), "2 rows"],
      ["set.csv", gzipSync(table), "2 rows"],
      // Text, whatever its name.
      ["set.csv.gz", Buffer.from(table), "2 rows", "is not a gzip file, as its name says"],
      ["set.xlsx", Buffer.from(table), "2 rows", "is not an Excel workbook, as its name says"],
    ] as const) {
      const text = await told(page, name, file);
      for (const part of expected) ok(text.includes(part), `${name}: ${part} is not in: ${text}`);
    }
  });
  await checks.check("cpu: scores of a workbook are exported with its columns", async () => {
    const sheet = [
      ["id", "smiles"],
      ["a", "CCO"],
      ["b", "CC("],
    ];
    await told(page, "plate.xlsx", workbook({ Plate: sheet }));
    await score(page);
    const [head, ...rows] = csv(await exported(page, "csv"));
    deepEqual(head?.slice(0, 2), sheet[0]);
    deepEqual(
      rows.map((row) => row.slice(0, 2)),
      sheet.slice(1),
    );
    ok(rows[1]?.at(-1) !== "" && rows[0]?.at(-1) === "", "the second row has an error");
  });
  await checks.check("cpu: archives that cannot be read say why", async () => {
    const whole = zipped({ "a.csv": table });
    const old = Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600)]);
    for (const [name, file, expected] of [
      ["two.zip", zipped({ "a.csv": table, "b.smi": "CCO" }), "several tables"],
      ["none.zip", zipped({ "a.png": "", "b.pdf": "" }), "holds no table"],
      ["locked.zip", locked(whole), "encrypted"],
      ["cut.zip", whole.subarray(0, -30), "cut off or damaged"],
      ["old.xls", old, "old Excel workbook"],
      ["empty.xlsx", workbook({ Sheet1: [] }), ""],
      ["report.xlsx", Buffer.from("no table\n"), "is not an Excel workbook, as its name says"],
    ] as const) {
      const text = await told(page, name, file);
      ok(text.includes(expected) && !text.includes(" rows"), `${name}: ${text}`);
    }
    await told(page, "whole.zip", whole);
    await score(page);
    equal((await counts(page)).scored, 2, "the engine goes on");
  });
  await checks.check("cpu: what was chosen, left out or changed is said of each file", async () => {
    const methane =
      "m\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n";
    for (const [name, file, expected] of [
      ["remarks.csv", `# by hand\n# twice\n${table}`, "2 lines that begin with #"],
      ["values.csv", "what,CCO\nx,CCN\ny,c1ccccc1\n", "by its values"],
      ["items.sdf", `${methane}M  END\n>  <>\nnone\n\n>  <id>\n7\n\n$$$$\n`, "without a name"],
      ["padded.gz", Buffer.concat([gzipSync(table), Buffer.alloc(512)]), "512 zero bytes"],
      ["wide.csv", Buffer.from(`\ufeff${table}`, "utf16le"), "2 rows"],
    ] as const) {
      const text = await told(page, name, Buffer.from(file));
      ok(text.includes(expected), `${name}: ${text}`);
    }
    const changed = ["CCN.Cl salt", "CC(=O)[O-] anion", "[13CH4] heavy", "C/C=C\\\\C twice"];
    await openFile(page, "changed.smi", changed);
    await score(page);
    const said = await page.locator("#notes").innerText();
    for (const part of [
      "1 molecule was scored without salts",
      "1 in neutral form",
      "1 without isotope labels",
      "In 1 row: a doubled backslash",
    ])
      ok(said.includes(part), said);
  });
  await checkQuiet("cpu: no errors on the console while opening archives", visit);
  await visit.context.close();
}

async function testSubstructure(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const lines = ["c1ccccc1C(=O)O acid", "CCO ethanol", "CC( broken", "CCOC(=O)c1ccccc1 ester"];
  const shown = async (): Promise<string[]> => {
    await page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    return (await visibleRows(page)).map(({ number }) => number);
  };
  const look = async (smarts: string, says: RegExp): Promise<void> => {
    await page.locator("#smarts").fill(smarts);
    await page.keyboard.press("Enter");
    await page.locator("#smarts-state").getByText(says).waitFor({ timeout: LIMIT });
  };
  await checks.check("cpu: rows are filtered by a substructure, which is marked", async () => {
    await openFile(page, "four.smi", lines);
    await drawn(page, "#viewport", 3);
    await page.locator("#filters-open").click();
    await look("c1ccccc1C(=O)O", /2 of 4 rows contain it. 1 row could not be searched/);
    deepEqual(await shown(), ["1", "4"]);
    equal(await page.locator("#filters-open").innerText(), "Filters (1)");
    await drawn(page, "#viewport", 2);
    equal(await page.locator("#viewport tbody tr").nth(1).locator("circle.matched").count(), 9);
    await page.locator("#smarts-wanted").selectOption("without");
    deepEqual(await shown(), ["2"]);
    equal(csv(await exported(page, "csv")).length, 2, "the rows shown are exported");
    await page.locator("#smarts-wanted").selectOption("with");
    await page.locator("#smarts-remove").click();
    deepEqual(await shown(), ["1", "2", "3", "4"]);
    equal(await page.locator("#filters-open").innerText(), "Filters");
  });
  await checks.check("cpu: a pattern that is none is marked where it is wrong", async () => {
    await look("c1ccccc1C(=X)O", /is not allowed there/);
    equal(await page.locator("#smarts-state mark").innerText(), "X");
    equal(await page.locator("#smarts").getAttribute("aria-invalid"), "true");
    deepEqual(await shown(), ["1", "2", "3", "4"]);
    await look("[NH2", /is not closed/);
    await look("", /There is no pattern/);
    await look("[OH]", /2 of 4 rows contain it/);
    equal(await page.locator("#smarts").getAttribute("aria-invalid"), "false");
    await page.locator("#filter-clear").click();
    deepEqual(await shown(), ["1", "2", "3", "4"]);
  });
  await checks.check(
    "cpu: 100,000 rows are searched in pieces, and it can be cancelled",
    async () => {
      const good = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C", "CCO", "OCC(O)CO"];
      await openFile(page, "many.smi", cycle(good, 100_000));
      await page.locator("#smarts").fill("C(=O)[OH]");
      await page.keyboard.press("Enter");
      await page
        .locator("#smarts-state")
        .getByText(/^Searching: [\d,]+ of 100,000/)
        .waitFor();
      await page.locator("#smarts-cancel").click();
      await page.locator("#smarts-state").getByText("cancelled").waitFor({ timeout: 5_000 });
      equal((await counts(page)).rows, 100_000);
      await look("C(=O)[OH]", /^25,000 of 100,000 rows contain it/);
      equal(await page.locator("#viewport table").getAttribute("aria-rowcount"), "25001");
    },
  );
  await checkQuiet("cpu: no errors on the console while searching", visit);
  await visit.context.close();
}

async function testShading(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const shaded = page.locator("#viewport tbody td.shaded");
  await checks.check("cpu: values are shaded by their percentile, in words as well", async () => {
    await openFile(page, "two.smi", ["CCO ethanol", "CC(C)Cc1ccc(cc1)C(C)C(=O)O ibuprofen"]);
    await score(page);
    if (await page.locator("#shading-choice").isHidden()) return;
    await shaded.first().waitFor();
    const { words, title, percentile } = await shaded.first().evaluate((cell) => ({
      words: cell.textContent ?? "",
      title: (cell as HTMLElement).title,
      percentile: Number.parseFloat((cell as HTMLElement).style.getPropertyValue("--percentile")),
    }));
    ok(/\d(st|nd|rd|th) percentile of /.test(words) && title.includes("percentile"), words);
    ok(percentile >= 0 && percentile <= 100);
    ok(await page.locator("#shading-legend").isVisible());
    await page.locator("#shading").uncheck();
    equal(await shaded.count(), 0);
    ok(await page.locator("#shading-legend").isHidden());
  });
  await checks.check("cpu: the choice of shading is remembered", async () => {
    await page.reload();
    await page.locator("#results").waitFor({ timeout: LIMIT });
    if (await page.locator("#shading-choice").isHidden()) return;
    equal(await page.locator("#shading").isChecked(), false);
    equal(await shaded.count(), 0);
    await page.locator("#shading").check();
    ok((await shaded.count()) > 0);
  });
  await checkQuiet("cpu: no errors on the console while shading", visit);
  await visit.context.close();
}

async function testSecondFile(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const name = "cpu: a file opened while a pasted list is being read gets its own numbers";
  await checks.check(name, async () => {
    await settled(page);
    const rows = 40;
    const second = `${cycle(["CCO"], rows).join("\n")}\n`;
    await openFile(page, "alone.smi", cycle(["CCO"], rows));
    await score(page);
    const expected = (await paintedRows(page))[0]?.values;
    for (const delay of [0, 60, 150, 400]) {
      await page.locator("#file-remove").click();
      // Typed in, so many lines would take a minute.
      await page.locator("#smiles").evaluate(
        (box, text) => {
          (box as HTMLTextAreaElement).value = text;
          box.dispatchEvent(new Event("input", { bubbles: true }));
        },
        cycle(["CSC1=NC(=O)C=CN1"], 5_000).join("\n"),
      );
      await page.locator("#score").click();
      await page.waitForTimeout(delay);
      const buffer = Buffer.from(second);
      await page.setInputFiles("#picker", { name: "second.smi", mimeType: "text/plain", buffer });
      await page
        .locator("#summary")
        .getByText(`${rows} rows · 0 scored`)
        .waitFor({ timeout: LIMIT });
      await score(page);
      deepEqual(await counts(page), { rows, scored: rows, errors: 0 });
      const shown = await paintedRows(page);
      ok(shown.length > 0);
      for (const { smiles, values } of shown) {
        equal(smiles, "CCO");
        deepEqual(values, expected, `${delay} ms after Score`);
      }
      const table = csv(await exported(page, "csv"));
      equal(table.length, rows + 1);
      ok(table.slice(1).every(([smiles]) => smiles === "CCO"));
    }
  });
  await checks.check(
    "cpu: of several files the first is opened, and the others are named",
    async () => {
      const dropped = (names: string[]): Promise<void> =>
        page.evaluate((names) => {
          const dataTransfer = new DataTransfer();
          for (const name of names) dataTransfer.items.add(new File(["CCO a\nCCN b\n"], name));
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
          );
        }, names);
      await dropped(["one.smi", "two.smi", "three.smi"]);
      const others = page.locator("#others");
      await others.getByText("Not opened: two.smi, three.smi.").waitFor();
      await page.locator("#summary").getByText("2 rows").waitFor({ timeout: LIMIT });
      equal(await page.locator("#file-name").innerText(), "one.smi");
      ok(await others.isVisible(), "it is still said when the file is open");
      await page.setInputFiles(
        "#picker",
        ["four.smi", "five.smi"].map((name) => ({
          name,
          mimeType: "text/plain",
          buffer: Buffer.from("CCO\n"),
        })),
      );
      await others.getByText("Not opened: five.smi.").waitFor();
      await dropped(["six.smi"]);
      await others.waitFor({ state: "hidden" });
      equal(await page.locator("#file-name").innerText(), "six.smi");
    },
  );
  await checks.check("cpu: a file that cannot be opened leaves the table before", async () => {
    await openFile(page, "good.smi", ["CCO a", "CCN b"]);
    await score(page);
    await page.setInputFiles("#picker", {
      name: "bad.csv.gz",
      mimeType: "application/gzip",
      buffer: Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]),
    });
    const message = page.locator("#message");
    await message.getByText("bad.csv.gz could not be opened: ").waitFor({ timeout: LIMIT });
    await page.locator("#summary").getByText("2 rows · 2 scored").waitFor({ timeout: LIMIT });
    equal(await page.locator("#file-name").innerText(), "good.smi");
    equal(await status(page), "");
    ok(await message.isVisible());
    const aside = (await page.locator("#aside-text").textContent()) ?? "";
    ok(!aside.includes("good.smi"), "it is open, and not put aside");
  });
  await checkQuiet("cpu: no errors on the console between two files", visit);
  await visit.context.close();
}

async function testKeyboard(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page, context } = visit;
  const tabTo = async (id: string): Promise<void> => {
    for (let presses = 0; presses < 40; presses += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((id) => document.activeElement?.matches(id) === true, id)) return;
    }
    throw new Error(`${id} is not reached with the Tab key`);
  };
  await checks.check(
    "cpu: pasting, scoring, reading a row and exporting work by keyboard alone",
    async () => {
      await tabTo("#smiles");
      await page.keyboard.insertText("CCO\tethanol\nCC(\tbroken\nc1ccccc1\tbenzene");
      await tabTo("#score");
      const outline = await page.evaluate(
        () => getComputedStyle(document.activeElement as Element).outlineStyle,
      );
      equal(outline, "solid", "the focus is visible");
      await page.keyboard.press("Enter");
      await page.waitForFunction(
        () => document.getElementById("status")?.textContent?.startsWith("Done") === true,
        null,
        { timeout: LIMIT },
      );
      await tabTo('[data-format="csv"]');
      const downloading = page.waitForEvent("download");
      await page.keyboard.press("Enter");
      const download = await downloading;
      equal(download.suggestedFilename(), "molecules-scores.csv");
      const [, ...rows] = csv(await readFile(await download.path(), "utf8"));
      equal(rows.length, 3);
      await tabTo("#results tbody th button");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.getByRole("dialog", { name: "Row 2: broken" }).waitFor();
      ok((await page.locator("#details mark").count()) === 1);
      await page.keyboard.press("Escape");
      await page.locator("#details").waitFor({ state: "hidden" });
      equal(await page.evaluate(() => document.activeElement?.textContent), "Details of row 2");
    },
  );

  await checks.check("cpu: everything that takes the focus has a name", async () => {
    deepEqual(await nameless(page, context), []);
  });

  await checks.check("cpu: the model card opens inside the page", async () => {
    await page.getByRole("button", { name: "Model card" }).click();
    await page.getByRole("dialog", { name: "Model card" }).waitFor();
    await page.locator("#card-body :is(p, h3, h4)").first().waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.locator("#card").waitFor({ state: "hidden" });
  });
  await checkQuiet("cpu: no errors on the console while using the keyboard", visit);
  await context.close();
}

async function testFragmentAndWidth(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu#smiles=CCO%09ethanol%0ACC(`, site, {
    viewport: { width: 360, height: 740 },
  });
  const { page } = visit;
  await checks.check(
    "cpu: a link's molecules are in the box, and nowhere on the wire",
    async () => {
      equal(await page.locator("#smiles").inputValue(), "CCO\tethanol\nCC(");
      await finished(page, LIMIT);
      deepEqual(await counts(page), { rows: 2, scored: 1, errors: 1 });
      await page.locator("#smiles").fill("CC(=O)O\tacid");
      await page.getByRole("button", { name: "Copy link" }).click();
      await page.waitForFunction(() => location.hash.includes("CC(%3DO)O%09acid"));
    },
  );
  await checks.check("cpu: a card shows a few endpoints or all, and cards are sorted", async () => {
    await page.locator("#smiles").fill("CCO\tethanol\nCCCCCCCC\toctane\nc1ccccc1\tbenzene");
    await score(page);
    const card = page.locator("#viewport tbody tr.scored").first();
    const more = card.locator(".more");
    if ((await more.count()) > 0) {
      const values = (): Promise<number> => card.locator("td.on-card-score").count();
      const [few, left] = [await values(), Number.parseInt(await more.innerText(), 10)];
      await more.click();
      equal(await values(), few + left);
      equal(await more.getAttribute("aria-expanded"), "true");
      ok(await more.evaluate((button) => button === document.activeElement), "it has the focus");
      const fits = await card.evaluate((line) => line.scrollHeight <= line.clientHeight + 1);
      ok(fits, "the card is as high as its values");
      await more.click();
      equal(await values(), few);
    }
    const names = async (): Promise<string[]> => {
      // Rows are put in their places before the next paint.
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      return page.locator("#viewport tbody tr.scored .on-card-naming").allInnerTexts();
    };
    const title = await card
      .locator("td.on-card-score:not(.trust)")
      .first()
      .getAttribute("data-label");
    await page.getByLabel("Sort by").selectOption({ label: title ?? "" });
    const ascending = await names();
    equal(ascending.length, 3);
    await page.getByRole("button", { name: "Ascending: turn the order round" }).click();
    deepEqual(await names(), ascending.toReversed());
    await page.getByLabel("Select all rows shown").check();
    equal(await page.locator("#selected").innerText(), "3 rows selected");
  });
  await checks.check("cpu: on a phone the tools that are rare unfold", async () => {
    const plot = page.locator("#plots-open");
    ok(!(await plot.isVisible()));
    await page.locator("#tools-more").click();
    ok(await plot.isVisible());
    equal(await page.locator("#tools-more").getAttribute("aria-expanded"), "true");
    await page.locator("#tools-more").click();
    ok(!(await plot.isVisible()));
  });
  await checks.check("cpu: an address that is no link of ours says so", async () => {
    await page.evaluate(() => {
      location.hash = "#smiles=%E0%A4%A";
    });
    await page.locator("#message").getByText("cut or damaged on its way").waitFor();
  });
  await checks.check("cpu: nothing sticks out at 360 pixels", async () => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    ok(width <= 360, `the page is ${width} pixels wide`);
  });
  await checkQuiet("cpu: no errors on the console on a small screen", visit);
  await visit.context.close();
}

async function testCrash(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: a crashed worker is replaced and no row is lost", async () => {
    await settled(page);
    const total = 600;
    await openFile(page, "many.smi", cycle(["CC(=O)Oc1ccccc1C(=O)O", "CCO"], total));
    await page.locator("#score").click();
    await page.waitForFunction(
      () => document.querySelectorAll("#results tbody tr.scored").length > 0,
      null,
      { timeout: LIMIT },
    );
    await crash(page);
    await finished(page, LIMIT);
    deepEqual(await counts(page), { rows: total, scored: total, errors: 0 });
    const rows = csv(await exported(page, "csv"));
    equal(rows.length, total + 1);
    ok(
      rows.every(
        (row) =>
          row.length === rows[0]?.length && row.every((cell, place) => place > 2 || cell !== ""),
      ),
      "the export has the rows of both workers",
    );
    ok(
      (await page.locator("#engine-facts").textContent())?.includes("a new one took over"),
      "the badge tells of it",
    );
  });
  const many = 600;
  const begin = async (): Promise<void> => {
    await openFile(page, "many.smi", cycle(["CC(=O)Oc1ccccc1C(=O)O", "CCO"], many));
    await page.locator("#score").click();
    await page.waitForFunction(
      () => document.querySelectorAll("#results tbody tr.scored").length > 0,
      null,
      { timeout: LIMIT },
    );
  };
  await checks.check("cpu: workers that end without a word are replaced", async () => {
    await begin();
    for (const worker of page.workers()) await worker.evaluate(() => self.close());
    await finished(page, LIMIT);
    deepEqual(await counts(page), { rows: many, scored: many, errors: 0 });
    const facts = (await page.locator("#engine-facts").textContent()) ?? "";
    ok(facts.includes("ended without a word"), facts);
  });
  await checks.check("cpu: cancelling ends within seconds though workers hang", async () => {
    await page.locator("#file-remove").click();
    await begin();
    for (const worker of page.workers())
      void worker
        .evaluate(() => {
          for (;;) Math.random();
        })
        .catch(() => undefined);
    // After the batch that is under way.
    await page.waitForTimeout(5_000);
    await page.locator("#cancel").click();
    await page.locator("#cancel").waitFor({ state: "hidden", timeout: 20_000 });
    const { scored } = await counts(page);
    ok(scored > 0, "what was scored is kept");
    await page.locator("#score").click();
    await finished(page, LIMIT);
    deepEqual(await counts(page), { rows: many, scored: many, errors: 0 });
  });
  await visit.context.close();
}

// What a prediction rests on

/** The details of a row, as shown. */
interface Explained {
  smiles: string;
  values: number[];
  intervals: string[];
  domains: (string | null)[];
  neighbours: { smiles: string; similarity: number }[];
  /** One list of the atoms' contributions an endpoint. */
  contributions: number[][];
}

/** The domain comes after the first values, or not for a long time. */
async function testLateDomain(browser: Browser, site: Served): Promise<void> {
  if (!(await isCalibrated())) return;
  await checks.check(
    "cpu: values are there before the domain, and waiting for it can end",
    async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      let send: (() => void) | null = null;
      await context.route(/domain\.json/, async (route) => {
        await new Promise<void>((resolve) => {
          send = resolve;
        });
        await route.continue();
      });
      try {
        await page.goto(`${site.url}?backend=cpu#smiles=CCO%0ACCN`);
        await page.waitForSelector("#results tbody td data", { timeout: LIMIT });
        equal((await counts(page)).scored, 0);
        await page.locator("#cancel").click();
        await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
        ok((await status(page)).startsWith("Cancelled"), await status(page));
        equal(
          await page.locator("#results tbody td data").count(),
          0,
          "what is not scored is empty",
        );
        await page.locator("#score").click();
        (send as (() => void) | null)?.();
        await page.waitForFunction(
          () => document.querySelectorAll("#results tbody tr.scored").length === 2,
          null,
          { timeout: LIMIT },
        );
        ok(
          (await page.locator("#results tbody td.number:not(.trust)").first().innerText()).includes(
            "interval",
          ),
        );
      } finally {
        await context.close();
      }
    },
  );
}

/** The file of the domain is absent or damaged: values stay, and what is missing is said. */
async function testMissingDomain(browser: Browser, site: Served): Promise<void> {
  if (!(await isCalibrated())) return;
  const faults = {
    absent: { answer: { status: 404 }, why: /the server answered 404/ },
    damaged: { answer: { body: "damaged" }, why: /is not the file that belongs to this version/ },
  };
  for (const [name, { answer, why }] of Object.entries(faults))
    await checks.check(
      `cpu: where the domain is ${name}, values stay, and can be completed`,
      async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await context.route(/domain\.json/, (route) => route.fulfill(answer));
        try {
          await page.goto(`${site.url}?backend=cpu#smiles=CCO%0ACCN`);
          await finished(page, LIMIT);
          deepEqual(await counts(page), { rows: 2, scored: 2, errors: 0 });
          const missing = page.locator("#domain-missing");
          ok(why.test(await missing.innerText()), await missing.innerText());
          const cell = page.locator("#results tbody tr.scored td.number data").first();
          const value = await cell.getAttribute("value");
          ok(Number.isFinite(Number(value)));
          equal(await page.locator("#results .interval").count(), 0);
          await page.getByRole("button", { name: "Try again" }).click();
          await page.getByText("could not be loaded.").first().waitFor();
          ok(why.test(await page.locator("#aloud").innerText()), "it is told by a screen reader");
          await context.unroute(/domain\.json/);
          await page.getByRole("button", { name: "Try again" }).click();
          await missing.waitFor({ state: "hidden", timeout: LIMIT });
          await page.waitForFunction(() => document.activeElement?.id === "viewport");
          await page.locator("#results .interval").first().waitFor({ timeout: LIMIT });
          equal(await cell.getAttribute("value"), value);
          ok(await page.locator("#results td.trust").first().isVisible());
        } finally {
          await context.close();
        }
      },
    );
}

async function isCalibrated(): Promise<boolean> {
  return (await readdir(join(dist, "model"))).some((name) => /^domain\..*\.bin$/.test(name));
}

async function testExplanation(
  browser: Browser,
  site: Served,
  backend: Backend,
): Promise<Explained[]> {
  const name = (text: string): string => `${backend}: ${text}`;
  // In which the command explains.
  const visit = await open(browser, `${site.url}?backend=${backend}&precision=fp32`, site);
  const { page } = visit;
  const explained: Explained[] = [];
  await checks.check(
    name("a row's details show the atoms that each prediction comes from"),
    async () => {
      await page.locator("#smiles").fill(EXPLAINED.map(({ smiles }) => smiles).join("\n"));
      await score(page);
      for (const [index, { smiles, atoms }] of EXPLAINED.entries()) {
        const found = await explanation(page, index);
        explained.push(found);
        ok(
          found.values.length > 0 && found.values.every(Number.isFinite),
          `${smiles}: ${found.values.join(", ")}`,
        );
        equal(found.contributions.length, found.values.length, `${smiles}: endpoints`);
        for (const values of found.contributions) {
          equal(values.length, atoms, `${smiles}: atoms`);
          ok(
            values.every(Number.isFinite) && values.some((value) => value !== 0),
            `${smiles}: ${values.join(", ")}`,
          );
        }
      }
      // Without its salt, and as Kekulé SMILES.
      ok(
        !explained.some(({ smiles }) => /[.a-z]/.test(smiles.replaceAll("Cl", ""))),
        explained.map(({ smiles }) => smiles).join(" "),
      );
    },
  );

  const bin = process.env.DELICATE_BIN;
  const sameName = name("an explanation is the native command's");
  if (bin === undefined || bin === "") checks.skip(sameName, "DELICATE_BIN is not set");
  else {
    await checks.check(sameName, async () => {
      for (const [index, { smiles }] of EXPLAINED.entries()) {
        const { stdout } = await execute(bin, [
          "explain",
          smiles,
          "--device",
          "cpu",
          "--format",
          "json",
        ]);
        const native = JSON.parse(stdout) as Explanation;
        const found = explained[index] as Explained;
        equal(found.smiles, native.smiles);
        near(
          found.values,
          native.predictions.map(({ value }) => value),
          1e-3,
          `${smiles}: values`,
        );
        found.contributions.forEach((values, endpoint) =>
          near(
            values,
            native.atoms.map(({ contributions }) => contributions[endpoint] ?? Number.NaN),
            1e-2,
            `${smiles}: contributions to endpoint ${endpoint + 1}`,
          ),
        );
        deepEqual(
          found.domains.map((domain) => domain?.toLowerCase() ?? null),
          native.predictions.map(({ domain }) => domain),
        );
        deepEqual(
          found.neighbours.map(({ smiles }) => smiles),
          native.predictions.map(({ nearest }) => nearest?.smiles ?? ""),
        );
      }
    });
  }

  const trusted = name("a row's details show interval, domain and nearest training molecule");
  if (await isCalibrated()) {
    await checks.check(trusted, () => {
      equal(explained.length, EXPLAINED.length);
      for (const { smiles, values, intervals, domains, neighbours } of explained) {
        deepEqual(
          [intervals.length, domains.length, neighbours.length],
          [values.length, values.length, values.length],
          smiles,
        );
        intervals.forEach((interval, endpoint) => {
          if (interval === "–") return;
          const [low, high] = (/^(\S+) to (\S+)$/.exec(interval) ?? [])
            .slice(1)
            .map((text) => Number(text.replace("\u2212", "-")));
          const value = values[endpoint] ?? Number.NaN;
          ok(
            low !== undefined && high !== undefined && low < value && value < high,
            `${smiles}: ${value} in ${interval}`,
          );
          // Both ends are rounded to two figures of the half width. What is learnt as a
          // logarithm has its interval about it there.
          const log = (Math.log(low) + Math.log(high)) / 2 - Math.log(value);
          ok(
            Math.abs((low + high) / 2 - value) < 0.06 * (high - low) ||
              !(Math.abs(log) > 0.1 * Math.log(high / low) + 0.05),
            `${smiles}: ${value} in the middle of ${interval}`,
          );
        });
        ok(
          intervals.some((interval) => interval !== "–"),
          `${smiles} has an interval`,
        );
        ok(
          domains.every(
            (domain) => domain === null || ["In", "Borderline", "Out"].includes(domain),
          ),
          domains.join(", "),
        );
        ok(
          domains.some((domain) => domain !== null),
          `${smiles} has a domain`,
        );
        for (const { smiles: nearest, similarity } of neighbours)
          ok(nearest !== "" && similarity >= 0 && similarity <= 1, `${nearest} ${similarity}`);
      }
    });
  } else {
    checks.skip(trusted, "the model has no domain.json.gz");
    await checks.check(name("a model without intervals says so"), async () => {
      await page.locator("#results tbody th button").first().click();
      await page.locator("#details").getByText("are not available for this model").waitFor();
      await page.keyboard.press("Escape");
    });
  }
  await checkQuiet(name("no errors on the console while explaining"), visit);
  await visit.context.close();
  return explained;
}

async function compareExplanations(cpu: Explained[], webgpu: Explained[]): Promise<void> {
  await checks.check("webgpu: explanations are the CPU's", () => {
    deepEqual([cpu.length, webgpu.length], [EXPLAINED.length, EXPLAINED.length]);
    webgpu.forEach((found, row) => {
      const expected = cpu[row] as Explained;
      const name = expected.smiles;
      deepEqual(
        [found.smiles, found.domains, found.neighbours],
        [name, expected.domains, expected.neighbours],
      );
      near(found.values, expected.values, 1e-3, `${name}: values`);
      equal(found.contributions.length, expected.contributions.length);
      found.contributions.forEach((values, endpoint) =>
        near(
          values,
          expected.contributions[endpoint] ?? [],
          1e-2,
          `${name}: contributions to endpoint ${endpoint + 1}`,
        ),
      );
    });
  });
}

async function testDetails(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site, {
    viewport: { width: 390, height: 800 },
  });
  const { page } = visit;
  await checks.check("cpu: the molecule of a mol block is explained too", async () => {
    const block = [
      "ethanol\n\n",
      "  3  2  0  0  0  0  0  0  0  0999 V2000",
      "    0.0000    0.0000    0.0000 C   0  0",
      "    1.5000    0.0000    0.0000 C   0  0",
      "    2.2500    1.2990    0.0000 O   0  0",
      "  1  2  1  0",
      "  2  3  1  0",
      "M  END",
      "$$$$",
    ];
    await page.setInputFiles("#picker", {
      name: "one.sdf",
      mimeType: "text/plain",
      buffer: Buffer.from(`${block.join("\n")}\n`),
    });
    await page.locator("#results").waitFor();
    await score(page);
    const found = await explanation(page, 0);
    equal(found.smiles, "CCO");
    ok(found.contributions.every((values) => values.length === 3));
    await page.locator("#file-remove").click();
  });
  await checks.check(
    "cpu: the atoms' contributions are read by keyboard, and nothing sticks out on a phone",
    async () => {
      await page.locator("#smiles").fill("CCO\nCC(=O)Nc1ccc(O)cc1\nCC(C)Cc1ccc(cc1)C(C)C(=O)O");
      await score(page);
      await page.locator("#results tbody th button").nth(1).focus();
      await page.keyboard.press("Enter");
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      for (
        let presses = 0;
        presses < 20 &&
        !(await page.evaluate(() => document.activeElement?.matches(".atom") === true));
        presses += 1
      )
        await page.keyboard.press("Tab");
      ok(
        (await page.locator("#details .readout").innerText()).startsWith("Atom 1, C, "),
        await page.locator("#details .readout").innerText(),
      );
      await page.keyboard.press("ArrowRight");
      const second = await page.locator("#details .readout").innerText();
      ok(/^Atom 2, C, (raises it by|lowers it by|changes nothing)/.test(second), second);
      equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), second);
      await page.keyboard.press("End");
      ok((await page.locator("#details .readout").innerText()).startsWith("Atom 11, "));
      deepEqual(await nameless(page, visit.context), []);
      const widths = await page
        .locator("#details")
        .evaluate((dialog) => [dialog.scrollWidth, dialog.clientWidth]);
      ok(
        (widths[0] ?? 0) <= (widths[1] ?? 0),
        `the dialog holds ${widths[0]} pixels in ${widths[1]}`,
      );
      await page.keyboard.press("Escape");
      await page.locator("#details").waitFor({ state: "hidden" });
    },
  );
  await checks.check(
    "cpu: an explanation that fails says why, and can be asked for again",
    async () => {
      await page.evaluate(() => {
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (
          this: Worker,
          message: { call: string; args: { row: number } },
        ) {
          if (message.call !== "explain") return post.call(this, message);
          Worker.prototype.postMessage = post;
          post.call(this, { ...message, args: { ...message.args, row: 1_000 } });
        } as typeof post;
      });
      await page.locator("#results tbody th button").first().click();
      await page
        .locator("#details [role=alert]")
        .getByText("there is no row")
        .waitFor({ timeout: LIMIT });
      await page.locator("#details").getByRole("button", { name: "Try again" }).click();
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      equal(await page.locator("#details [role=alert]").count(), 0);
      await page.keyboard.press("Escape");
    },
  );
  await checks.check(
    "cpu: while a table is being scored, an explanation waits its turn",
    async () => {
      await openFile(page, "many.smi", cycle(["CC(=O)Oc1ccccc1C(=O)O", "CCO"], 4_000));
      await page.locator("#score").click();
      await page.waitForFunction(
        () => document.querySelectorAll("#results tbody tr.scored").length > 0,
        null,
        { timeout: LIMIT },
      );
      // At once: the answer may come between a click and a look.
      const state = await page.evaluate(() => {
        document.querySelector<HTMLButtonElement>("#results tbody th button")?.click();
        return document.querySelector("#details [role=status]")?.textContent ?? "";
      });
      ok(state.startsWith("Waiting"), state);
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      await page.keyboard.press("Escape");
      await page.locator("#cancel").click();
      await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
      ok((await counts(page)).scored < 4_000, "it was answered before the end");
      await page.locator("#file-remove").click();
      await page.locator("#smiles").fill("CCO\nCC(=O)Nc1ccc(O)cc1\nCC(C)Cc1ccc(cc1)C(C)C(=O)O");
      await score(page);
    },
  );
  await checks.check(
    "cpu: an answer that comes after its row was closed is not shown",
    async () => {
      await page.locator("#results tbody th button").nth(2).click();
      await page.keyboard.press("Escape");
      await page.locator("#results tbody th button").nth(0).click();
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      await page.waitForTimeout(500);
      deepEqual(await page.locator("#details .atoms").allInnerTexts(), ["CCO"]);
      await page.keyboard.press("Escape");
    },
  );
  await checkQuiet("cpu: no errors on the console while reading details", visit);
  await visit.context.close();
}

const drawn = (page: Page, within: string, count: number): Promise<unknown> =>
  page.waitForFunction(
    ([within, count]) =>
      document.querySelectorAll(`${within} svg.molecule`).length >= (count as number),
    [within, count] as const,
    { timeout: LIMIT },
  );

async function testDrawings(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: each row has its structure drawn, or keeps its text", async () => {
    // A broken one, and one of which the drawing library would draw another molecule.
    await page.locator("#smiles").fill("CCO ethanol\nC*C any\nCC( broken\nc1cc[te]c1 tellurophene");
    await score(page);
    await drawn(page, "#viewport", 1);
    await page.waitForTimeout(300);
    const cells = page.locator(
      "#viewport tbody tr:not(.spacer) td.smiles, #viewport tbody tr:not(.spacer) td:nth-of-type(1)",
    );
    const names = await cells.evaluateAll((cells) =>
      cells.map((cell) => cell.querySelector("svg.molecule")?.getAttribute("aria-label") ?? null),
    );
    equal(names[0], "Structure of ethanol");
    deepEqual(names.slice(1, 3), [null, null]);
    ok((await cells.nth(1).innerText()).startsWith("C*C"));
  });
  await checks.check(
    "cpu: the structures of an SDF are drawn before anything is scored",
    async () => {
      const block = ["benzene", "", "", "  6  6  0  0  0  0  0  0  0  0999 V2000"];
      for (let atom = 0; atom < 6; atom += 1) {
        const angle = (atom * Math.PI) / 3;
        const place = [Math.cos(angle), Math.sin(angle), 0].map((x) => x.toFixed(4).padStart(10));
        block.push(`${place.join("")} C   0  0`);
      }
      for (let atom = 0; atom < 6; atom += 1)
        block.push(`  ${atom + 1}  ${((atom + 1) % 6) + 1}  4  0`);
      block.push("M  END", "$$$$");
      await page.setInputFiles("#picker", {
        name: "ring.sdf",
        mimeType: "text/plain",
        buffer: Buffer.from(`${block.join("\n")}\n`),
      });
      await page.locator("#summary").getByText("1 row").waitFor({ timeout: LIMIT });
      await drawn(page, "#viewport", 1);
      // Six bonds of the ring and three of its double bonds' second lines.
      const path = await page.locator("#viewport svg.molecule .bond").first().getAttribute("d");
      equal(path?.match(/M/g)?.length, 9);
    },
  );
  await checks.check("cpu: the details show the atoms' shares on the structure", async () => {
    await score(page);
    await page.locator("#results tbody th button").first().click();
    await drawn(page, "#details .drawing.large[data-shares]", 1);
    ok((await page.locator("#details .share").count()) > 0);
    ok(/\d/.test((await page.locator("#details .share-number").first().textContent()) ?? ""));
    if (await isCalibrated()) await drawn(page, "#details .predictions", 1);
    ok((await page.locator("#details .descriptors").innerText()).includes("78.1"));
    await page.keyboard.press("Escape");
  });
  await checkQuiet("cpu: no errors on the console while drawing", visit);
  await visit.context.close();
}

async function testTable(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const lines = ["name,smiles,IC50", "a,CCO,10", "b,CCN,>9", "c,CCC,0.5", "d,CC(,7", "e,CCCl,n/a"];
  const order = async (): Promise<string[]> => {
    await page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    return (await visibleRows(page)).map(({ number }) => number);
  };
  await checks.check("cpu: a numeric column of the user sorts and filters as numbers", async () => {
    await openFile(page, "ic50.csv", lines, lines.length - 1);
    await score(page);
    await page.locator('thead button[title="Sort by IC50"]').click();
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    await page.locator("#filters-open").click();
    await page.locator("#filter-column").selectOption({ label: "IC50" });
    await page.locator("#filter-add").click();
    const menu = page.getByRole("dialog", { name: "IC50" });
    await menu.getByLabel("At least").fill("1");
    deepEqual(await order(), ["4", "2", "1"]);
    await page.keyboard.press("Escape");
    await page.locator("#filter-list").getByText("IC50 at least 1").waitFor();
    equal(
      await page.evaluate(() => document.activeElement?.getAttribute("aria-label")),
      "Change…: IC50",
    );
    await page.locator("#filter-clear").click();
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    equal(await page.locator("#filters-open").innerText(), "Filters");
    // What is no finite number is no bound.
    await page.locator("#filter-add").click();
    await menu.getByLabel("At least").fill("1e999");
    await menu.getByText("“1e999” is not a number").waitFor();
    equal(await menu.getByLabel("At least").getAttribute("aria-invalid"), "true");
    await page.keyboard.press("Escape");
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    equal(await page.locator("#filter-list").innerText(), "");
  });
  await checks.check("cpu: a hidden column that orders the rows is still named", async () => {
    const head = page.locator('thead th:has(button[title="Sort by IC50"])');
    await head.locator("button.menu").click();
    await page
      .getByRole("dialog", { name: "IC50" })
      .getByRole("button", { name: "Hide column" })
      .click();
    await page.locator("#summary").getByText("sorted by IC50, which is hidden").waitFor();
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    await page.locator("#columns").click();
    await page.locator("#column-choice").getByLabel("IC50").check();
    await page.keyboard.press("Escape");
    ok(!(await page.locator("#summary").innerText()).includes("hidden"));
  });
  await checks.check(
    "cpu: selected rows that a filter hides are exported as it is said",
    async () => {
      await page.getByLabel("Select all rows shown").check();
      await page.locator("#filter").fill("C#N");
      await page.locator("#empty").waitFor();
      const note = page.locator("#selected-hidden");
      equal(
        await note.innerText(),
        "All 5 selected rows are hidden by a filter; they are exported as well.",
      );
      await page.locator("#filter").fill("CCC");
      await note.getByText("3 of 5 selected rows are hidden by a filter").waitFor();
      equal(csv(await exported(page, "csv")).length, 6);
      await page.locator("#scope").selectOption("selected-shown");
      await note.getByText("they are not exported").waitFor();
      equal(csv(await exported(page, "csv")).length, 3);
      await page.locator("#filter").fill("");
      await note.waitFor({ state: "hidden" });
      await page.locator("#select-none").click();
    },
  );
  await checks.check(
    "cpu: the rows selected are exported as CSV and SDF, with structures",
    async () => {
      await page.getByLabel("Select row 2").check();
      await page.getByLabel("Select row 3").check();
      ok((await page.locator("#selected").innerText()).startsWith("2 rows selected"));
      const table = csv(await exported(page, "csv"));
      // In the order shown.
      deepEqual(
        table.slice(1).map(([name]) => name),
        ["c", "b"],
      );
      ok(table[0]?.some((name) => name.endsWith("_low")) === (await isCalibrated()));
      const records = (await exported(page, "sdf")).split("$$$$\n").slice(0, -1);
      equal(records.length, 2);
      for (const record of records) {
        ok(/\bV2000\n/.test(record) && record.includes("> <name>"), record);
        ok(/> <esol>\n-?\d/.test(record) || record.includes("> <"), record);
      }
      await page.locator("#select-none").click();
      equal(csv(await exported(page, "csv")).length, 6);
    },
  );
  await checks.check("cpu: keys open the sketcher and rank the table by a row", async () => {
    const row = page.locator("#results tbody th button").first();
    await row.focus();
    await page.keyboard.press("e");
    await page.locator("#editor").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#editor").waitFor({ state: "hidden" });
    await row.focus();
    await page.keyboard.press("s");
    await page
      .locator("#rank-state")
      .getByText(/^Ranked/)
      .waitFor({ timeout: LIMIT });
    await page.locator("#rank-clear").click();
    await page.locator("#screening-open").click();
  });
  await checks.check("cpu: columns are hidden and shown again", async () => {
    const heads = (): Promise<string[]> => page.locator("#viewport thead th .name").allInnerTexts();
    const before = await heads();
    await page.locator("#columns").click();
    const dialog = page.getByRole("dialog", { name: "Columns" });
    await dialog.getByLabel("IC50").uncheck();
    await dialog.locator("input[type=checkbox]").first().uncheck();
    await page.keyboard.press("Escape");
    equal((await heads()).length, before.length - 2);
    await page.locator("#columns").click();
    await dialog.getByRole("button", { name: "Default columns" }).click();
    await page.keyboard.press("Escape");
    deepEqual(await heads(), before);
  });
  await checks.check("cpu: columns are searched, and shown and hidden by the group", async () => {
    const button = page.locator("#columns");
    const usual = await button.innerText();
    ok(/^Columns \(\d+ of \d+\)$/.test(usual), usual);
    await button.click();
    const dialog = page.getByRole("dialog", { name: "Columns" });
    const [, shown = "0", all = "0"] = usual.match(/(\d+) of (\d+)/) ?? [];
    for (const none of await dialog.getByRole("button", { name: "None of" }).all())
      await none.click();
    equal(await button.innerText(), `Columns (0 of ${all})`);
    await dialog.getByPlaceholder("Find a column").fill("no such column");
    await dialog.getByText("No column by that name.").waitFor();
    await dialog.getByPlaceholder("Find a column").fill("IC50");
    equal(await dialog.getByRole("checkbox", { name: "IC50" }).isChecked(), false);
    await dialog.getByPlaceholder("Find a column").fill("");
    await dialog.getByRole("button", { name: "Default columns" }).click();
    equal(await button.innerText(), `Columns (${shown} of ${all})`);
    await page.keyboard.press("Escape");
  });
  await checks.check(
    "cpu: a value says its interval and whether the model knows such molecules",
    async () => {
      if (!(await isCalibrated())) return;
      const cell = page.locator("#viewport tbody tr.scored td[data-domain]").first();
      ok(["in", "borderline", "out"].includes((await cell.getAttribute("data-domain")) ?? ""));
      ok(/interval/.test((await cell.textContent()) ?? ""), (await cell.textContent()) ?? "");
    },
  );
  await checks.check("cpu: rows say how many of their values are in domain", async () => {
    if (!(await isCalibrated())) return;
    const scored = page.locator("#viewport tbody tr.scored");
    const words = await scored.first().locator("td.trust").getAttribute("title");
    ok(/^\d+ of \d+ values in the model’s domain/.test(words ?? ""), words ?? "");
    const total = await scored.count();
    const head = page.locator('thead th:has(button[title^="Sort by how many of the values"])');
    const counted = (): Promise<number[]> =>
      scored
        .locator("td.trust")
        .evaluateAll((cells) => cells.map((cell) => Number.parseInt(cell.textContent ?? "", 10)));
    await head.locator(".sort").click();
    await order();
    const sorted = await counted();
    deepEqual(
      sorted,
      [...sorted].sort((a, b) => a - b),
    );
    const most = Math.max(...sorted);
    await head.locator(".menu").click();
    const menu = page.getByRole("dialog", { name: "In domain" });
    await menu.getByLabel("At least").fill(String(most));
    await page.keyboard.press("Escape");
    await order();
    const kept = await counted();
    ok(kept.length > 0 && kept.length <= total && kept.every((count) => count === most));
    const [names = [], first = []] = csv(await exported(page, "csv"));
    equal(first[names.indexOf("shown_in_domain")], String(most));
  });
  await checkQuiet("cpu: no errors on the console while using the table", visit);
  await visit.context.close();
}

/** What the element that has the focus is called. */
const focusedName = (page: Page): Promise<string | null> =>
  page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? null);

async function testColumnMenu(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const menu = page.locator("#column-menu");
  const rows = (count: number): Promise<unknown> =>
    page.waitForFunction(
      (count) =>
        document.querySelector("#viewport table")?.getAttribute("aria-rowcount") === `${count + 1}`,
      count,
    );
  const button = (column: string): Locator =>
    page.locator("#viewport").getByRole("button", { name: `Menu of ${column}`, exact: true });
  const lines = ["name,smiles,IC50", "cpd-1,CCO,10", "cpd-2,CCN,>9", "ref,CCC,0.5", "bad,CC(,7"];
  await checks.check(
    "cpu: a column’s menu sorts, by keyboard alone, and keeps the focus",
    async () => {
      await openFile(page, "menu.csv", lines, lines.length - 1);
      await score(page);
      await button("IC50").focus();
      await page.keyboard.press("Enter");
      await page.getByRole("dialog", { name: "IC50" }).waitFor();
      equal(await page.evaluate(() => document.activeElement?.textContent), "Lowest first");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await menu.waitFor({ state: "hidden" });
      equal(await focusedName(page), "Menu of IC50");
      const head = page.getByRole("columnheader", { name: "IC50", exact: true });
      equal(await head.getAttribute("aria-sort"), "descending");
      await page.keyboard.press("Enter");
      const highest = menu.getByRole("button", { name: "Highest first" });
      equal(await highest.getAttribute("aria-pressed"), "true");
      await menu.getByRole("button", { name: "File order" }).click();
      equal(await head.getAttribute("aria-sort"), "none");
    },
  );
  await checks.check(
    "cpu: a column is filtered by its numbers, its text and its errors",
    async () => {
      await button("IC50").click();
      await page.waitForFunction(() =>
        /^Histogram of 4 values/.test(
          document.querySelector("#column-menu canvas")?.getAttribute("aria-label") ?? "",
        ),
      );
      await menu.getByLabel("At most").fill("8");
      await rows(2);
      await menu.getByText("2 of 4 rows shown.").waitFor();
      await menu.getByLabel("At most").fill("eight");
      equal(await menu.getByLabel("At most").getAttribute("aria-invalid"), "true");
      await rows(4);
      await menu.getByLabel("At most").fill("8");
      await page.keyboard.press("Escape");
      equal(await focusedName(page), "Menu of IC50, filtered");
      equal(await page.locator("#filters-open").innerText(), "Filters (1)");
      await button("name").click();
      await menu.getByLabel("Contains").fill("REF");
      await rows(1);
      await menu.getByRole("button", { name: "Clear this filter" }).click();
      await rows(2);
      equal(await menu.getByLabel("Contains").inputValue(), "");
      await page.keyboard.press("Escape");
      await button("smiles").click();
      await menu.getByLabel("Only rows with an error (1)").check();
      await rows(1);
      equal(await page.locator("#only-errors").isChecked(), true);
      await menu.getByLabel("Only rows with an error (1)").uncheck();
      await rows(2);
      await page.keyboard.press("Escape");
      await page.locator("#filters-open").click();
      equal(
        await page
          .locator("#filter-list")
          .innerText()
          .then((text) => text.split("\n")[0]),
        "IC50 at most 8",
      );
      await page.getByRole("button", { name: "Remove: IC50" }).click();
      await rows(4);
    },
  );
  await checks.check("cpu: an endpoint is filtered by domain", async () => {
    if (!(await isCalibrated())) return;
    // Behind the user's own column of numbers.
    await page.locator("#viewport thead th.number:not(.trust) .menu").nth(1).click();
    const all = { in: 0, borderline: 0, out: 0 };
    const bands = await page
      .locator("#viewport tbody tr.scored")
      .evaluateAll((rows) =>
        rows.map((row) => row.querySelector<HTMLElement>("td[data-domain]")?.dataset.domain ?? ""),
      );
    equal(bands.length, 3);
    for (const band of bands) all[band as keyof typeof all] += 1;
    for (const [name, band] of [
      ["In the model", "in"],
      ["Borderline", "borderline"],
      ["Outside", "out"],
    ] as const) {
      const box = menu.getByLabel(name);
      await box.uncheck();
      await rows(3 - all[band]);
      await box.check();
      // The row with an error is there again.
      await rows(4);
    }
    await page.keyboard.press("Escape");
  });
  await checks.check("cpu: a column is hidden, and the next one has the focus", async () => {
    const heads = (): Promise<string[]> => page.locator("#viewport thead th .name").allInnerTexts();
    const before = await heads();
    await page.locator("#viewport thead th.number:not(.trust) .menu").first().click();
    await menu.getByRole("button", { name: "Hide column" }).click();
    await menu.waitFor({ state: "hidden" });
    deepEqual(await heads(), before.toSpliced(2, 1));
    equal(await focusedName(page), `Menu of ${before[3]}`);
    ok((await status(page)).endsWith("is hidden; Columns shows it again."), await status(page));
    await page.keyboard.press("ArrowRight");
    ok(await page.evaluate(() => document.activeElement?.matches(".sort")));
    await page.keyboard.press("ArrowDown");
    equal(await page.evaluate(() => document.activeElement?.textContent), "Details of row 1");
    await page.locator("#columns").click();
    await page.getByRole("button", { name: "Default columns" }).click();
    await page.keyboard.press("Escape");
    deepEqual(await heads(), before);
    // The structures stay.
    await button("smiles").click();
    equal(await menu.getByRole("button", { name: "Hide column" }).count(), 0);
    await menu.getByRole("button", { name: "Find a substructure…" }).click();
    equal(await page.evaluate(() => document.activeElement?.id), "smarts");
  });
  await checks.check("cpu: with 100,000 rows a range is dragged in the histogram", async () => {
    const lines = ["smiles,a"];
    for (let row = 0; row < 100_000; row += 1) lines.push(`CCO,${row}`);
    await openFile(page, "large.csv", lines, 100_000);
    await button("a").focus();
    const began = Date.now();
    await page.keyboard.press("Enter");
    const canvas = menu.locator("canvas[aria-label^='Histogram of 100,000 values']");
    await canvas.waitFor();
    ok(Date.now() - began < 3_000, `${Date.now() - began} ms to open`);
    const box = await canvas.boundingBox();
    ok(box !== null);
    const across = async (share: number): Promise<void> =>
      page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
    await across(0.5);
    await page.mouse.down();
    await across(0.6);
    await across(0.995);
    await page.mouse.up();
    // 24 bins over 0 to 100,000: the upper half has no upper bound.
    equal(await menu.getByLabel("At least").inputValue(), "50000");
    equal(await menu.getByLabel("At most").inputValue(), "");
    await menu.getByText("50,000 of 100,000 rows shown.").waitFor();
    const typing = Date.now();
    await menu.getByLabel("At least").fill("99990");
    await menu.getByText("10 of 100,000 rows shown.").waitFor();
    ok(Date.now() - typing < 3_000, `${Date.now() - typing} ms to filter`);
    await page.keyboard.press("Escape");
  });
  await checks.check("cpu: the structures of an SDF have a menu too", async () => {
    const atom = "    0.0000    0.0000    0.0000 C   0  0";
    const block = `methane\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n${atom}\nM  END\n$$$$`;
    await openFile(page, "one.sdf", [block, block], 2);
    await button("Structure").click();
    equal(await menu.getByRole("button", { name: "A to Z" }).count(), 0);
    await menu.getByRole("button", { name: "Find a substructure…" }).waitFor();
    // Another table closes it.
    await page.setInputFiles("#picker", {
      name: "next.smi",
      mimeType: "text/plain",
      buffer: Buffer.from("CCO\n"),
    });
    await menu.waitFor({ state: "hidden" });
  });
  await checkQuiet("cpu: no errors on the console while using columns’ menus", visit);
  await visit.context.close();
}

async function testHelp(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const help = page.getByRole("dialog", { name: "Help" });
  await checks.check("cpu: ? opens the help, but not where it is typed", async () => {
    await page.locator("#smiles").focus();
    await page.keyboard.press("?");
    equal(await page.locator("#smiles").inputValue(), "?");
    equal(await help.count(), 0);
    await page.locator("#smiles").fill("CCO\tethanol");
    await score(page);
    await page.locator("#results tbody th button").first().focus();
    await page.keyboard.press("?");
    await help.waitFor();
    for (const text of [
      "Borderline",
      "90 % interval",
      "marketed drugs",
      "Nothing leaves this computer",
    ])
      await help.getByText(text).first().waitFor();
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "hidden" });
    equal(await page.evaluate(() => document.activeElement?.textContent), "Details of row 1");
  });
  await checks.check("cpu: every key that the page knows is in the help", async () => {
    await page.getByRole("button", { name: "Help", exact: true }).click();
    const keys = await help.locator("dt kbd").allInnerTexts();
    for (const key of ["?", "/", "Space", "Enter", "e", "s", "c", "C", "V", "Esc", "Home", "End"])
      ok(keys.includes(key), `${key} is missing among ${keys.join(" ")}`);
    await help.getByRole("button", { name: "model card" }).click();
    await page.getByRole("dialog", { name: "Model card" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator("[data-help]").click();
    await help.waitFor();
    ok(await help.locator("#help-keys").isVisible());
  });
  await checkQuiet("cpu: no errors on the console while reading the help", visit);
  await visit.context.close();
}

async function testKeeping(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: scores are there again after a reload, and in the export", async () => {
    await page.locator("#smiles").fill("CCO ethanol\nCC( broken\nc1ccccc1 benzene");
    await score(page);
    const [before, values] = [await exported(page, "json"), await paintedRows(page)];
    await page.waitForTimeout(500);
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    deepEqual(await counts(page), { rows: 3, scored: 2, errors: 1 });
    deepEqual(
      (await paintedRows(page)).map((row) => row.values),
      values.map((row) => row.values),
    );
    await settled(page);
    deepEqual(JSON.parse(await exported(page, "json")), JSON.parse(before));
    await page.locator("#score").click();
    ok((await status(page)).startsWith("Every row"), await status(page));
  });
  await checks.check("cpu: what another table took the place of is brought back", async () => {
    await page.locator("#example").click();
    await score(page);
    deepEqual((await counts(page)).rows, EXAMPLE_ROWS);
    await page.locator("#aside").getByText("your list (2 rows)").waitFor();
    await page.locator("#aside-back").click();
    await page.locator("#summary").getByText("3 rows").waitFor({ timeout: LIMIT });
    deepEqual(await counts(page), { rows: 3, scored: 2, errors: 1 });
    ok((await page.locator("#smiles").inputValue()).startsWith("CCO ethanol"));
  });
  await checks.check("cpu: a reload in the middle of scoring loses no row", async () => {
    page.on("dialog", (dialog) => void dialog.accept().catch(() => undefined));
    await openFile(page, "many.smi", cycle(["CC(=O)Oc1ccccc1C(=O)O", "CCO"], 20_000));
    const more = async (before: number): Promise<void> => {
      await page.waitForFunction(
        (before) =>
          Number(
            /([\d,]+) scored/
              .exec(document.getElementById("summary")?.textContent ?? "")?.[1]
              ?.replaceAll(",", ""),
          ) > before,
        before,
        { timeout: LIMIT },
      );
    };
    await page.locator("#score").click();
    await more(0);
    await page.locator("#cancel").click();
    await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
    const cancelled = (await counts(page)).scored;
    await page.locator("#score").click();
    await more(cancelled);
    const { scored } = await counts(page);
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    const after = await counts(page);
    ok(
      after.scored >= scored && after.rows === 20_000,
      `${after.scored} of the ${scored} rows that were scored`,
    );
  });
  await checks.check("cpu: a table that is too large to be kept says so", async () => {
    const unkept = page.locator("#unkept");
    // Made there: so much takes long on its way.
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      const comments = Array.from({ length: 500 }, () => `# ${"x".repeat(82_000)}\n`);
      dataTransfer.items.add(new File(["CCO a\n", ...comments, "CCN b\n"], "large.smi"));
      document.body.dispatchEvent(
        new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
      );
    });
    await page.locator("#summary").getByText("2 rows · 0 scored").waitFor({ timeout: LIMIT });
    ok(!(await unkept.isVisible()));
    await score(page);
    await unkept.getByText("too large to be kept for a reload: export it before").waitFor();
    await openFile(page, "small.smi", ["CCO a", "CCN b"]);
    ok(!(await unkept.isVisible()));
  });
  await checks.check("cpu: what is cleared is not kept", async () => {
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.waitForTimeout(500);
    await page.reload();
    await settled(page);
    ok(!(await page.locator("#results").isVisible()));
    equal(await page.locator("#smiles").inputValue(), "");
  });
  await checkQuiet("cpu: no errors on the console while keeping scores", visit);
  await visit.context.close();
}

async function testPlots(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const drag = async (from: [number, number], to: [number, number]): Promise<void> => {
    const box = await page.locator("#plot-canvas").boundingBox();
    ok(box !== null);
    await page.mouse.move(box.x + box.width * from[0], box.y + box.height * from[1]);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * to[0], box.y + box.height * to[1], { steps: 4 });
    await page.mouse.up();
  };
  await checks.check("cpu: rows are selected in a histogram and in a scatter plot", async () => {
    const lines = [
      "smiles,a,b",
      ...Array.from({ length: 200 }, (_, row) => `CCO,${row},${row % 10}`),
    ];
    await openFile(page, "plot.csv", lines, 200);
    await page.locator("#plots-open").click();
    await page.locator("#plot-x").selectOption({ label: "a" });
    await page.locator("#plot-readout").getByText("a: 200 rows, median 100").waitFor();
    await drag([0.001, 0.3], [0.999, 0.6]);
    ok((await page.locator("#selected").innerText()).startsWith("200 rows"));
    await page.locator("#plot-y").selectOption({ label: "b" });
    await page.locator("#plot-readout").getByText("b over a, Pearson’s r").waitFor();
    // The upper half: b from 5 on.
    await drag([0.001, 0.001], [0.999, 0.45]);
    const selected = Number(/^\d+/.exec(await page.locator("#selected").innerText())?.[0]);
    ok(selected === 100 || selected === 80 || selected === 120, `${selected} rows`);
    equal(csv(await exported(page, "csv")).length, selected + 1);
  });
  await checks.check("cpu: 100,000 rows are plotted without a long wait", async () => {
    const lines = ["smiles,a,b"];
    for (let row = 0; row < 100_000; row += 1) lines.push(`CCO,${row},${(row * 7919) % 10_007}`);
    await openFile(page, "large.csv", lines, 100_000);
    await page.locator("#plot-x").selectOption({ label: "a" });
    const began = Date.now();
    await page.locator("#plot-y").selectOption({ label: "b" });
    await page.locator("#plot-readout").getByText("b over a").waitFor();
    ok(Date.now() - began < 3_000, `${Date.now() - began} ms`);
  });
  await checkQuiet("cpu: no errors on the console while plotting", visit);
  await visit.context.close();
}

async function testScreening(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const actives = ["CC(=O)Oc1ccccc1C(=O)O aspirin", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C caffeine"];
  const lines = [
    "CCO ethanol",
    "OC(=O)c1ccccc1O salicylic",
    "CN1C=NC2=C1C(=O)NC(=O)N2C theobromine",
    "CC( broken",
    "CC(=O)Oc1ccccc1C(=O)O same",
  ];
  await page.locator("#smiles").fill(lines.join("\n"));
  await score(page);
  for (const by of ["fingerprint", "weighted", "embedding", "fused"]) {
    await checks.check(`cpu: the table is ranked by its ${by} similarity to actives`, async () => {
      if (!(await page.locator("#screening").isVisible()))
        await page.locator("#screening-open").click();
      await page.locator("#actives").fill(actives.join("\n"));
      await page.locator("#rank-by").selectOption(by);
      await page.locator("#rank").click();
      await page.locator("#rank-state").getByText("Ranked 4 rows").waitFor({ timeout: LIMIT });
      const table = csv(await exported(page, "csv"));
      equal(table.length, 6);
      // The similarities are taken along, and of which reference they are.
      const place = table[0]?.indexOf("similarity_to_reference") ?? -1;
      deepEqual(table[0]?.slice(place, place + 2), [
        "similarity_to_reference",
        "nearest_reference",
      ]);
      const written = table.slice(1).map((row) => row.slice(place, place + 2));
      deepEqual(written[0], ["1.0000", "aspirin"]);
      deepEqual(written[4], ["", ""], "the broken row has none");
      ok((await exported(page, "sdf")).includes("> <nearest_reference>\naspirin\n"));
      const cells = await page
        .locator("#viewport td.with-active data")
        .evaluateAll((cells) => cells.map((cell) => Number((cell as HTMLDataElement).value)));
      equal(cells.length, 4);
      deepEqual(
        cells,
        cells.toSorted((a, b) => b - a),
      );
      ok(Math.abs((cells[0] ?? 0) - 1) < 1e-5, cells.join(", "));
      await drawn(page, "#viewport td.with-active", 4);
    });
  }
  await checks.check(
    "cpu: references that cannot be used are named, each with its fault",
    async () => {
      const state = page.locator("#rank-state");
      for (const by of ["fingerprint", "fused"]) {
        await page.locator("#rank-by").selectOption(by);
        for (const [given, fault] of [
          ["C!C", /^The reference cannot be used, so nothing was ranked \(line 1: Unexpected “!”/],
          ["[Na+].[Cl-]", /nothing was ranked \(line 1: No organic part/],
        ] as const) {
          await page.locator("#actives").fill(given);
          await page.locator("#rank").click();
          await state.getByText(fault).waitFor({ timeout: LIMIT });
          equal(await page.locator("#viewport td.with-active").count(), 0);
          equal(await page.locator("#actives").getAttribute("aria-invalid"), "true");
        }
        await page.locator("#actives").fill("CCO\nC!C");
        await page.locator("#rank").click();
        await state
          .getByText(/Ranked 4 rows.* 1 of 2 references .* left out \(line 2: Unexpected “!”/)
          .waitFor({ timeout: LIMIT });
        equal(await page.locator("#actives").getAttribute("aria-invalid"), "false");
      }
      // A model that is loaded for it is not the engine's.
      ok((await page.locator("#engine-label").innerText()).includes("molecules/s"));
    },
  );
  await checks.check("cpu: the table is ranked by one of its own rows", async () => {
    await page.locator("#rank-by").selectOption("fingerprint");
    await page
      .locator("#viewport tbody tr", { hasText: "theobromine" })
      .getByRole("button")
      .click();
    await page.getByRole("button", { name: "Find similar" }).click();
    await page.locator("#rank-state").getByText("Ranked 4 rows").waitFor({ timeout: LIMIT });
    equal(
      await page
        .locator("#actives")
        .inputValue()
        .then((line) => line.split("\t")[1]),
      "theobromine",
    );
    ok(
      (await page.locator("#viewport tbody tr.scored").first().innerText()).includes("theobromine"),
    );
  });
  await checks.check("cpu: a table that is being scored is ranked afterwards", async () => {
    await page.locator("#clear").click();
    const many = cycle(["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"], 3_000);
    await page.locator("#smiles").fill(many.join("\n"));
    await page.locator("#score").click();
    const first = page.locator("#viewport tbody tr.scored").first();
    await first.waitFor({ timeout: LIMIT });
    await first.getByRole("button").click();
    await page.getByRole("button", { name: "Find similar" }).click();
    await page.locator("#rank-state").getByText("still being scored").waitFor();
    ok(await page.locator("#rank-cancel").isHidden());
    await finished(page, LIMIT);
    deepEqual(await counts(page), { rows: 3_000, scored: 3_000, errors: 0 });
    await page.locator("#rank").click();
    await page.locator("#rank-state").getByText("Ranked 3,000 rows").waitFor({ timeout: LIMIT });
  });
  await checkQuiet("cpu: no errors on the console while screening", visit);
  await visit.context.close();
}

/** What axe-core finds wrong, a line each. */
async function violations(page: Page): Promise<string[]> {
  const axe = await readFile(join(here, "../node_modules/axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ["violations"] }).then(
    ({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => id + ": " + node.target.join(" ") + ": " + node.failureSummary)))`);
}

async function testAccessibility(browser: Browser, site: Served): Promise<void> {
  const phone = { viewport: { width: 390, height: 800 } };
  for (const [name, options] of [
    ["in the light", {}],
    ["in the dark", { colorScheme: "dark" }],
    ["on a phone", phone],
  ] as const) {
    const visit = await open(browser, `${site.url}?backend=cpu`, site, options);
    const { page } = visit;
    const clean = (state: string): Promise<void> =>
      checks.check(`cpu: axe-core finds nothing ${name}: ${state}`, async () => {
        // Colours are judged once they have settled.
        await page.waitForTimeout(300);
        deepEqual(await violations(page), []);
      });
    await clean("empty");
    await page.locator("#example").click();
    await score(page);
    await drawn(page, "#viewport", 1);
    await page.getByLabel("Select row 2", { exact: true }).check();
    await clean("a scored table");
    for (const more of await page.locator("#tools-more:visible, #export-more:visible").all())
      await more.click();
    for (const id of ["filters-open", "plots-open", "screening-open"])
      await page.locator(`#${id}`).click();
    await clean("filters, plot and screening");
    // Cards have no headers with menus.
    const menu = page.locator("#viewport thead th.number:not(.trust) .menu").first();
    await ((await menu.count()) > 0 ? menu : page.locator("#filter-add")).click();
    await page.locator("#column-menu").getByLabel("At least").fill("x");
    await clean("a column’s menu");
    await page.locator("#column-menu").getByLabel("Borderline").uncheck();
    await page.keyboard.press("Escape");
    await clean("a filtered column");
    await page.locator("#filter-clear").click();
    await page.keyboard.press("?");
    await page.locator("#help").waitFor();
    await clean("help");
    await page.keyboard.press("Escape");
    await page.locator("#smarts").fill("c1ccccc1C(=");
    await page.keyboard.press("Enter");
    await page.locator("#smarts-state mark").waitFor({ timeout: LIMIT });
    await clean("a pattern that is none");
    await page.locator("#smarts").fill("c1ccccc1");
    await page.keyboard.press("Enter");
    await page.locator("#smarts-remove").waitFor({ timeout: LIMIT });
    await drawn(page, "#viewport", 1);
    await clean("a substructure found");
    await page.locator("#smarts-remove").click();
    await page.locator("#columns").click();
    await clean("columns");
    await page.keyboard.press("Escape");
    await page.locator("#results tbody th button").first().click();
    await drawn(page, "#details .drawing.large[data-shares]", 1);
    await clean("details");
    await page.locator("#details-edit").click();
    await page.locator("#editor-state").getByText("the values follow").waitFor({ timeout: LIMIT });
    await clean("the sketcher");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Model card" }).click();
    await clean("the model card");
    await visit.context.close();
  }
}

async function testOneLine(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: SMILES on one line are offered as lines of their own", async () => {
    await page.locator("#smiles").fill("CCO ethanol");
    await score(page);
    ok(await page.locator("#one-line").isHidden(), "a name is no SMILES");
    await page.locator("#smiles").fill("CCO c1ccccc1O CC#N");
    await score(page);
    deepEqual(await counts(page), { rows: 1, scored: 1, errors: 0 });
    await page.locator("#one-line-split").click();
    await page.waitForFunction(() => document.querySelectorAll("#results tr.scored").length === 3);
    equal(await page.locator("#smiles").inputValue(), "CCO\nc1ccccc1O\nCC#N");
    ok(await page.locator("#one-line").isHidden());
    for (const line of ["CCO,CCN", "CCO;CCN"]) {
      await page.locator("#smiles").fill(line);
      await page.locator("#score").click();
      await page.locator("#one-line-split").click();
      await page.waitForFunction(
        () => document.querySelectorAll("#results tr.scored").length === 2,
      );
      equal(await page.locator("#smiles").inputValue(), "CCO\nCCN", line);
    }
  });
  await checks.check(
    "cpu: what names a molecule and is no SMILES is told for what it is",
    async () => {
      const names: [string, string][] = [
        ["InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)", "an InChI"],
        ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "an InChIKey"],
        ["50-78-2", "a CAS number"],
        ["aspirin", "a name"],
      ];
      for (const [text, what] of names) {
        await page.locator("#smiles").fill(text);
        await score(page);
        const [row] = await visibleRows(page);
        ok(row?.reason?.includes(`${what}, not a SMILES`), `${text}: ${row?.reason}`);
      }
    },
  );
  await visit.context.close();
}

async function testComparison(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const button = page.locator("#compare-open");
  const select = (row: number): Promise<void> =>
    page.getByLabel(`Select row ${row}`, { exact: true }).check();
  await checks.check("cpu: two selected rows are compared, value by value", async () => {
    await page.locator("#smiles").fill("c1ccccc1O phenol\nCC( broken\nCc1ccccc1O cresol");
    await score(page);
    await select(1);
    ok(await button.isHidden(), "one row is no pair");
    await select(2);
    ok(await button.isHidden(), "a row without values is not compared");
    await page.getByLabel("Select row 2", { exact: true }).uncheck();
    await select(3);
    await button.click();
    const dialog = page.locator("#compare");
    await dialog.locator("svg.molecule").nth(1).waitFor({ timeout: LIMIT });
    deepEqual(await dialog.locator("figcaption").allInnerTexts(), ["phenol reference", "cresol"]);
    const shown = await page.evaluate(() =>
      [...document.querySelectorAll("#compare-body tbody tr:has(td)")].map((line) =>
        [...line.querySelectorAll("data")].map(({ value }) => Number(value)),
      ),
    );
    const table = await visibleRows(page);
    const [first = [], second = []] = [table[0]?.values, table[2]?.values];
    ok(first.length > 0 && shown.length >= first.length);
    for (const value of first)
      ok(
        shown.some(([one]) => one === value),
        `${value} is missing`,
      );
    for (const value of second)
      ok(
        shown.some(([, one]) => one === value),
        `${value} is missing`,
      );
    for (const [one = 0, other = 0, difference] of shown) equal(difference, other - one);
    deepEqual(await violations(page), []);
  });
  await checks.check("cpu: the row that was selected first is compared with", async () => {
    await page.keyboard.press("Escape");
    await page.locator("#select-none").click();
    await select(3);
    await select(1);
    await button.click();
    const dialog = page.locator("#compare");
    deepEqual(await dialog.locator("figcaption").allInnerTexts(), ["cresol reference", "phenol"]);
    ok((await dialog.innerText()).includes("Difference: phenol minus cresol"));
  });
  await checks.check(
    "cpu: on a phone both molecules and their difference are in sight",
    async () => {
      const size = page.viewportSize();
      await page.setViewportSize({ width: 390, height: 800 });
      const widths = await page
        .locator("#compare-body .wide")
        .evaluate((values) => [values.scrollWidth, values.clientWidth]);
      ok((widths[0] ?? 0) <= (widths[1] ?? 0), `${widths[0]} pixels in ${widths[1]}`);
      deepEqual(await violations(page), []);
      if (size !== null) await page.setViewportSize(size);
    },
  );
  await checks.check("cpu: the comparison opens and closes by keyboard alone", async () => {
    await page.keyboard.press("Escape");
    await page.locator("#compare").waitFor({ state: "hidden" });
    equal(await page.evaluate(() => document.activeElement?.id), "compare-open");
    await page.locator("#results tbody th button").first().focus();
    await page.keyboard.press("c");
    await page.locator("#compare").waitFor({ state: "visible" });
    await page.keyboard.press("Escape");
    equal(
      await page.evaluate(() => document.activeElement?.closest("tr")?.dataset.row),
      "0",
      "the focus is where it was",
    );
  });
  await checkQuiet("cpu: no errors on the console while comparing", visit);
  await visit.context.close();
}

async function testEditor(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: a molecule changed in the sketcher is scored anew", async () => {
    await page.locator("#smiles").fill("c1ccccc1 benzene");
    await score(page);
    await page.locator("#results tbody th button").first().click();
    await page.locator("#details-edit").click();
    await page.locator("#editor-state").getByText("the values follow").waitFor({ timeout: LIMIT });
    const before = await page.locator("#editor-values tbody tr:has(td)").first().innerText();
    ok(!(await page.locator("#editor-values").innerText()).includes("within the interval"));
    const canvas = page.locator("#editor-canvas canvas").last();
    const box = await canvas.boundingBox();
    ok(box !== null);
    // A bond from nowhere is a second molecule: the smaller is left out. From the ring it is a
    // substituent: one of these places is an atom of the ring.
    for (let angle = 0; angle < 360 && (await changed()) === before; angle += 15) {
      const [x, y] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
      await canvas.click({ position: { x: box.width / 2 + 24 * x, y: box.height / 2 + 24 * y } });
      await page.waitForTimeout(600);
    }
    async function changed(): Promise<string> {
      return page.locator("#editor-values tbody tr:has(td)").first().innerText();
    }
    ok((await changed()) !== before, "the numbers have changed");
    ok(/Scored in \d+ ms/.test(await page.locator("#editor-state").innerText()));
    ok((await page.locator("#editor-smiles").innerText()).length > 8);
    await page.locator("#editor-add").click();
    await page.locator("#editor").waitFor({ state: "hidden" });
    ok((await page.locator("#smiles").inputValue()).includes("benzene, edited"));
  });
  await checkQuiet("cpu: no errors on the console while drawing by hand", visit);
  await visit.context.close();
}

/** Chromium's compiler is stricter than the native one, and at run time its errors are only logged. */
async function testShaders(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  await checks.check("webgpu: every file of shaders/ compiles", async () => {
    const folder = join(here, "../../shaders");
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

async function testDeviceLoss(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=webgpu`, site);
  const { page } = visit;
  await checks.check("webgpu: lost twice, the CPU takes over and no row is lost", async () => {
    await settled(page);
    const total = 2048;
    await openFile(page, "many.smi", cycle(["CCO", "CCN"], total));
    await page.locator("#score").click();
    await page.waitForFunction(
      () => document.querySelectorAll("#results tbody tr.scored").length > 0,
      null,
      { timeout: LIMIT },
    );
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
    await finished(page, LIMIT);
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

async function testChoice(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, site.url, site);
  const { page } = visit;
  await checks.check("both engines are timed and the faster one is kept", async () => {
    await settled(page);
    const facts = await page.locator("#engine-facts dd").allTextContents();
    const [cpu, gpu] = facts.map((fact) =>
      Number(/([\d.,]+) molecules\/s/.exec(fact)?.[1]?.replaceAll(",", "") ?? Number.NaN),
    );
    ok(cpu !== undefined && cpu > 0, facts.join(" | "));
    if (Number.isNaN(gpu)) ok(/no batch finished within/.test(facts[1] ?? ""), facts.join(" | "));
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

async function testOffline(browser: Browser, backend: Backend): Promise<void> {
  // A server of its own, to be stopped.
  const site = await serve(dist);
  const visit = await open(browser, `${site.url}?backend=${backend}`, site);
  const { page, context } = visit;
  await checks.check(
    `${backend}: after one visit the page scores with the network off`,
    async () => {
      await settled(page);
      await page.getByText("Available offline").waitFor({ timeout: LIMIT });
      await site.close();
      await context.setOffline(true);
      visit.faults.length = 0;
      await page.reload();
      await settled(page);
      await page.locator("#smiles").fill("CCO\tethanol\nCC(\tbroken");
      await score(page);
      deepEqual(await counts(page), { rows: 2, scored: 1, errors: 1 });
      const { domains } = await explanation(page, 0);
      equal(
        domains.some((domain) => domain !== null),
        await isCalibrated(),
        "the domain is kept with the model",
      );
      deepEqual(visit.faults, []);
    },
  );
  await context.close();
  await site.close();
}

async function testWithoutWebGpu(executable: string, site: Served): Promise<void> {
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

// Using the page

async function open(
  browser: Browser,
  url: string,
  site: Served,
  options: { viewport?: { width: number; height: number }; colorScheme?: "dark" } = {},
): Promise<Visit> {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`page: ${error.message}`));
  context.on("request", (request) => {
    const { origin, search } = new URL(request.url());
    if (origin !== site.origin && !request.url().startsWith(`blob:${site.origin}`))
      faults.push(`request to ${request.url()}`);
    if (
      request.method() !== "GET" ||
      request.postData() !== null ||
      !/^(\?backend=\w+(&precision=\w+)?)?$/.test(search)
    ) {
      faults.push(`request that carries something: ${request.method()} ${request.url()}`);
    }
  });
  await page.goto(url);
  return { page, context, faults };
}

async function checkQuiet(name: string, visit: Visit): Promise<void> {
  await checks.check(name, () => deepEqual(visit.faults, []));
}

/** The roles of what takes the focus and tells a screen reader no name. */
async function nameless(page: Page, context: BrowserContext): Promise<unknown[]> {
  const session = await context.newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  ok(nodes.length > 50, "the tree was read");
  const found = nodes.filter((node) => {
    const focusable =
      node.properties?.some(({ name, value }) => name === "focusable" && value.value === true) ===
      true;
    return focusable && node.ignored !== true && String(node.name?.value ?? "").trim() === "";
  });
  return found.map((node) => node.role?.value);
}

async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () => document.getElementById("engine")?.dataset.settled === "true",
    null,
    { timeout: LIMIT },
  );
}

/** Chooses a file and waits until its rows are shown. */
async function openFile(
  page: Page,
  name: string,
  lines: string[],
  rows = lines.length,
): Promise<void> {
  await page.setInputFiles("#picker", {
    name,
    mimeType: "text/plain",
    buffer: Buffer.from(`${lines.join("\n")}\n`),
  });
  await page.waitForFunction(
    ([rows, name]) =>
      document.getElementById("file-name")?.textContent === name &&
      document.getElementById("summary")?.textContent?.startsWith(rows as string) === true,
    [`${rows.toLocaleString("en")} rows ·`, name],
    { timeout: LIMIT },
  );
}

/** Presses Score and waits for the end. */
async function score(page: Page, limit = LIMIT): Promise<void> {
  await page.evaluate(() => {
    const status = document.getElementById("status");
    if (status !== null) status.textContent = "";
  });
  await page.locator("#score").click();
  await finished(page, limit);
}

async function finished(page: Page, limit: number): Promise<void> {
  await page.waitForFunction(
    () => document.getElementById("status")?.textContent?.startsWith("Done") === true,
    null,
    { timeout: limit },
  );
}

const status = async (page: Page): Promise<string> =>
  (await page.locator("#status").textContent()) ?? "";

/** An uncaught error is what a trap in the wasm module or a lost device comes to. */
async function crash(page: Page): Promise<void> {
  // The newest: one that was just replaced may still be listed.
  const worker = page
    .workers()
    .findLast((worker) => /\/(cpu|webgpu)\.[^/]*\.js$/.test(worker.url()));
  if (worker === undefined) throw new Error("no worker is running");
  await worker.evaluate(() => {
    setTimeout(() => {
      throw new Error("killed by a test");
    });
  });
}

async function counts(page: Page): Promise<{ rows: number; scored: number; errors: number }> {
  const summary = await page.locator("#summary").innerText();
  const number = (noun: string): number =>
    Number(new RegExp(`([\\d,]+) ${noun}`).exec(summary)?.[1]?.replaceAll(",", "") ?? 0);
  return { rows: number("row"), scored: number("scored"), errors: number("error") };
}

interface Shown {
  number: string;
  smiles: string;
  fields: string[];
  values: number[];
  reason: string | null;
  mark: string | null;
}

/** The rows that the table holds now, as shown. */
/** The visible rows once all have values: a busy page paints them after it counts them. */
async function paintedRows(page: Page): ReturnType<typeof visibleRows> {
  let rows = await visibleRows(page);
  for (let tries = 0; tries < 100 && rows.some(({ values }) => values.length === 0); tries += 1) {
    await page.waitForTimeout(50);
    rows = await visibleRows(page);
  }
  return rows;
}

async function visibleRows(page: Page): Promise<Shown[]> {
  return page.locator("#results tbody tr:not(.spacer)").evaluateAll((rows) =>
    rows.map((row) => ({
      number: row.querySelector("th button")?.lastChild?.textContent ?? "",
      smiles: row.querySelector("td code")?.textContent ?? "",
      fields: [...row.querySelectorAll("td")].map((cell) => cell.textContent ?? ""),
      values: [...row.querySelectorAll("data")].map((cell) => Number(cell.value)),
      reason: row.querySelector(".fault")?.lastChild?.textContent ?? null,
      mark: row.querySelector("mark")?.textContent ?? null,
    })),
  );
}

/** Opens the details of a row, reads what they say once it is explained, and closes them. */
async function explanation(page: Page, row: number): Promise<Explained> {
  const dialog = page.locator("#details");
  await page.locator("#results tbody th button").nth(row).click();
  await dialog.locator(".atoms").waitFor({ timeout: LIMIT });
  const found = await dialog.evaluate((dialog) => {
    const texts = (selector: string): string[] =>
      [...dialog.querySelectorAll(selector)].map((cell) => cell.textContent ?? "");
    return {
      smiles: dialog.querySelector(".atoms")?.textContent ?? "",
      values: [...dialog.querySelectorAll<HTMLDataElement>(".predictions td.number data")].map(
        (cell) => Number(cell.value),
      ),
      intervals: texts('.predictions td[data-label="90 % interval"] > :first-child').map((text) =>
        text.includes(" to ") ? text : "–",
      ),
      domains: [...dialog.querySelectorAll('.predictions td[data-label="Domain"]')].map(
        (cell) => cell.querySelector(".domain")?.textContent ?? null,
      ),
      neighbours: [...dialog.querySelectorAll(".predictions .neighbour")].map((cell) => ({
        smiles: cell.querySelector("code")?.textContent ?? "",
        similarity: Number(cell.querySelector("data")?.value),
      })),
    };
  });
  const contributions: number[][] = [];
  const choice = dialog.locator(".contribution-endpoint");
  const endpoints = await choice.locator("option").count();
  for (let endpoint = 0; endpoint < Math.max(1, endpoints); endpoint += 1) {
    if (endpoints > 0) await choice.selectOption(String(endpoint));
    contributions.push(
      await dialog
        .locator(".atom")
        .evaluateAll((atoms) => atoms.map((atom) => Number((atom as HTMLDataElement).value))),
    );
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  return { ...found, contributions };
}

async function firstValues(page: Page): Promise<number[]> {
  // Drawn in the next frame.
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  );
  return page
    .locator("#results tbody tr:not(.spacer)")
    .evaluateAll((rows) =>
      rows.slice(0, 10).map((row) => Number(row.querySelector<HTMLDataElement>("td data")?.value)),
    );
}

async function exported(page: Page, format: "csv" | "json" | "jsonl" | "sdf"): Promise<string> {
  const downloading = page.waitForEvent("download");
  await page.locator(`[data-format="${format}"]`).click();
  return readFile(await (await downloading).path(), "utf8");
}

async function hasWebGpu(browser: Browser, site: Served): Promise<boolean> {
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

// Files and values

const cycle = (smiles: string[], total: number): string[] =>
  Array.from({ length: total }, (_, index) => `${smiles[index % smiles.length]}\tmol-${index}`);

function csv(text: string): string[][] {
  const rows: string[][] = [];
  for (const line of text.trimEnd().split(/\r?\n/)) {
    const cells = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)];
    rows.push(cells.map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? ""));
  }
  return rows;
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

/** Numbers within `allowed` of each other, or of that part of them where they are large. */
function near(actual: number[], expected: number[], allowed: number, what: string): void {
  equal(actual.length, expected.length, what);
  actual.forEach((value, index) => {
    const other = expected[index] ?? Number.NaN;
    ok(
      Math.abs(value - other) <= allowed * Math.max(1, Math.abs(other)),
      `${what}: ${value} and ${other}`,
    );
  });
}

await main();
checks.finish();
